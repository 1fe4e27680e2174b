"""Train generators on a ring of 8 Gaussians, by three ways to play.

Also tried, once: the second way with beta1 0, batches of 256 and 2000 steps.
It covered 5 to 8 modes as well, in about half the steps.

uv run --group torch python -m experiments.generative.gan
"""

import numpy as np
import torch

from experiments.record import record
from reference.generative.gan import (
    generator_loss,
    mode_shares,
    saturating_generator_loss,
)
from reference.generative.layers import Discriminator, Generator, gan_step

MODES, STD, BATCH, STEPS, SEEDS = 8, 0.05, 128, 1800, 5
NOISE, HIDDEN, TESTED, EVERY, COVERED = 8, 64, 1000, 100, 0.02
PICTURES, POINTS, SHOWN, LAST = [500, 1000, 1800], 150, 3, 400
# The generator's loss, and the learning rates of generator, discriminator.
PLAYS = {
    "equal_rates": (generator_loss, 1e-3, 1e-3),
    "non_saturating": (generator_loss, 2.5e-4, 1e-3),
    "saturating": (saturating_generator_loss, 2.5e-4, 1e-3),
}

angles = 2 * torch.pi * torch.arange(MODES) / MODES
CENTERS = torch.stack((torch.cos(angles), torch.sin(angles)), dim=1)


def ring(n: int, random: torch.Generator) -> torch.Tensor:
    """Return n samples of a ring of narrow Gaussians."""
    mode = torch.randint(MODES, (n,), generator=random)
    return CENTERS[mode] + STD * torch.randn(n, 2, generator=random)


@torch.no_grad()
def judge(model: Generator, seed: int) -> list[float]:
    """Return the number of modes covered and the share of good samples."""
    random = torch.Generator().manual_seed(1000 + seed)
    shares = mode_shares(model.sample(TESTED, random), CENTERS, STD)
    return [int((shares >= COVERED).sum()), shares.sum().item()]


@torch.no_grad()
def picture(model: Generator, seed: int) -> str:
    """Return a few samples in hundredths, as text that takes little space."""
    random = torch.Generator().manual_seed(2000 + seed)
    points = (100 * model.sample(POINTS, random)).round().int()
    return " ".join(str(x) for x in points.flatten().tolist())


def run(play: str, seed: int) -> dict[str, list]:
    """Return what one run measured, every so many steps and at the end."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    loss, *rates = PLAYS[play]
    g, d = Generator(NOISE, HIDDEN, 2), Discriminator(2, HIDDEN)
    algorithms = [
        torch.optim.Adam(net.parameters(), lr=rate, betas=(0.5, 0.999))
        for net, rate in zip((g, d), rates, strict=True)
    ]
    modes, pictures, losses = [], {}, []
    for step in range(1, STEPS + 1):
        pays = gan_step(ring(BATCH, random), g, d, *algorithms, loss, random)
        losses.append(pays[0])
        if step % EVERY == 0:
            modes.append(judge(g, seed))
        if step in PICTURES:
            pictures[step] = picture(g, seed)
    last = float(np.mean(losses[-LAST:]))
    return {"modes": modes, "loss": last, "pictures": pictures}


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {"steps": list(range(EVERY, STEPS + 1, EVERY))}
    for play in PLAYS:
        runs = [run(play, seed) for seed in range(SEEDS)]
        modes = np.array([r["modes"] for r in runs])
        numbers[play] = {
            "covered": modes[..., 0].astype(int).tolist(),
            "good": modes[..., 1].round(3).tolist(),
            "discriminator_loss": [round(r["loss"], 3) for r in runs],
        }
        if play != "saturating":
            numbers[play]["pictures"] = runs[SHOWN]["pictures"]
    record(__file__, numbers)
