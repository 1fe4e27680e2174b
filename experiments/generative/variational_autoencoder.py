"""Train variational autoencoders on handwritten digits in black and white.

The bound epoch by epoch, on digits trained on and on others, for codes of 2
and of 8 numbers; the importance weighted bound of the trained models; what
every entry of the code pays, for several weights of the divergence; and what
the decoder draws.

uv run --group torch python -m experiments.generative.variational_autoencoder
"""

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from experiments.record import record
from reference._datasets import digits
from reference.generative.layers import VariationalAutoencoder
from reference.generative.variational_autoencoder import (
    bernoulli_log_likelihood,
    gaussian_kl,
    importance_weighted_bound,
    reparameterize,
)
from reference.training.training_loop import batches

HIDDEN, BATCH, RATE, EPOCHS, EVERY = 128, 64, 0.001, 60, 6
SEEDS, DRAWS = range(5), (1, 10, 100, 1000)
BETAS = (0.25, 1.0, 2.0, 4.0, 16.0)


def data(seed: int) -> tuple[Tensor, Tensor]:
    """Return 1437 digits to learn from and 360 others, of zeros and ones."""
    split = digits(seed=seed)
    return tuple(
        torch.tensor(a >= 0.5, dtype=torch.float32)
        for a in (split.x, split.x_test)
    )


def bounds(model: VariationalAutoencoder, x: Tensor) -> float:
    """Return the mean bound of the examples, one draw each."""
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(len(x), model.code, generator=random)
    with torch.no_grad():
        return round(model.elbo(x, noise).mean().item(), 2)


def trained(
    seed: int, code: int, beta: float = 1.0, watch: bool = True
) -> tuple[VariationalAutoencoder, Tensor, list]:
    """Return a trained model, the held-out digits, and both bounds."""
    x, held_out = data(seed)
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    model = VariationalAutoencoder(x.shape[1], HIDDEN, code)
    algorithm = torch.optim.Adam(model.parameters(), lr=RATE)
    curve = []
    for epoch in range(1, EPOCHS + 1):
        for rows in batches(len(x), BATCH, random):
            noise = torch.randn(len(rows), code, generator=random)
            loss = -model.elbo(x[rows], noise, beta).mean()
            algorithm.zero_grad()
            loss.backward()
            algorithm.step()
        if watch and (epoch == 1 or epoch % EVERY == 0):
            curve.append([epoch, bounds(model, x), bounds(model, held_out)])
    return model, held_out, curve


@torch.no_grad()
def tightened(model: VariationalAutoencoder, x: Tensor) -> list[float]:
    """Return the mean importance weighted bound for each number of draws."""
    random = torch.Generator().manual_seed(1)
    x = x[:180]
    noise = torch.randn(DRAWS[-1], len(x), model.code, generator=random)
    mean, log_variance = model.encode(x)
    z = reparameterize(mean, log_variance, noise)
    # 100 draws at a time: the logits of all would not fit into the cache.
    likelihood = torch.cat(
        [bernoulli_log_likelihood(x, model.decode(a)) for a in z.split(100)]
    )
    means = []
    for s in DRAWS:
        # All draws are used for every s: in groups of s.
        groups = [
            importance_weighted_bound(
                likelihood[i : i + s], z[i : i + s], mean, log_variance
            ).mean()
            for i in range(0, DRAWS[-1], s)
        ]
        means.append(round(torch.stack(groups).mean().item(), 2))
    return means


@torch.no_grad()
def prices(model: VariationalAutoencoder, x: Tensor) -> dict:
    """Return the mean divergence of every entry of the code, and the bound."""
    mean, log_variance = model.encode(x)
    each = [
        gaussian_kl(mean[:, k, None], log_variance[:, k, None]).mean().item()
        for k in range(model.code)
    ]
    kl = sorted((round(a, 3) for a in each), reverse=True)
    return {"kl": kl, "bound": bounds(model, x)}


def pixels(p: Tensor) -> list[str]:
    """Return each image as 64 figures: its probabilities in tenths, 0 to 9."""
    tenths = (10 * p).int().clamp(0, 9)
    return ["".join(map(str, row)) for row in tenths.tolist()]


@torch.no_grad()
def drawings(two: VariationalAutoencoder, eight: VariationalAutoencoder, x):
    """Return decoded codes and samples as strings."""
    levels = Normal(0, 1).icdf(torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95]))
    grid = torch.cartesian_prod(levels.flip(0), levels).flip(1)
    random = torch.Generator().manual_seed(0)
    samples = eight.sample(6, random)
    mean, _ = eight.encode(x[:6])
    return {
        "grid": pixels(torch.sigmoid(two.decode(grid))),
        "digits": pixels(x[:6]),
        "decoded": pixels(torch.sigmoid(eight.decode(mean))),
        "samples": pixels(samples),
        "drawn": pixels(torch.bernoulli(samples, generator=random)),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers, first = {}, {}
    for code in (2, 8):
        runs = [trained(seed, code) for seed in SEEDS]
        first[code], held_out, _ = runs[0]
        numbers[f"code {code}"] = {
            "curve": [curve for _, _, curve in runs],
            "tightened": [tightened(model, x) for model, x, _ in runs],
            "prices": [prices(model, x) for model, x, _ in runs],
        }
    numbers["beta"] = {}
    for beta in BETAS:
        runs = [trained(seed, 8, beta, watch=False) for seed in SEEDS]
        found = [prices(model, x) for model, x, _ in runs]
        numbers["beta"][str(beta)] = found
    numbers["black"] = round(float(np.mean(data(0)[1].numpy())), 3)
    numbers["draws"] = DRAWS
    numbers["drawings"] = drawings(first[2], first[8], held_out)
    record(__file__, numbers)
