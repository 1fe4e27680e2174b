"""Train 12 blocks on few digits: pre- and post-norm, with and without warm-up.

uv run --group torch python -m experiments.transformers.transformer_block
"""

import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import few_digits
from experiments.record import record
from reference.transformers.transformer_block import Block

DEPTH, WIDTH, HEADS = 12, 32, 4
EXAMPLES, BATCH, STEPS, WARM, SEEDS = 300, 50, 120, 40, 4


class Digits(nn.Module):
    """Read the 8 rows of an image as 8 tokens; name the digit from their mean.

    Both orders end in a normalization, so that their parameters differ by
    this one layer only: in post-norm the last block has it already.
    """

    def __init__(self, norm_first: bool):
        super().__init__()
        self.embed = nn.Linear(8, WIDTH)
        self.position = nn.Parameter(0.1 * torch.randn(8, WIDTH))
        self.blocks = nn.ModuleList(
            Block(WIDTH, HEADS, 4 * WIDTH, norm_first) for _ in range(DEPTH)
        )
        self.norm = nn.LayerNorm(WIDTH) if norm_first else nn.Identity()
        self.classify = nn.Linear(WIDTH, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of the digits."""
        x = self.embed(x.reshape(-1, 8, 8)) + self.position
        for block in self.blocks:
            x = block(x)
        return self.classify(self.norm(x).mean(1))


def train(seed: int, norm_first: bool, warm: int, rate: float) -> list[float]:
    """Return the mean loss of every epoch; the rate rises for `warm` steps."""
    data, _ = few_digits(seed, EXAMPLES)
    torch.manual_seed(seed)
    model = Digits(norm_first)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    batches = EXAMPLES // BATCH
    losses = [0.0] * (STEPS // batches)
    for step in range(STEPS):
        if step % batches == 0:
            parts = torch.randperm(EXAMPLES).split(BATCH)
        some = parts[step % batches]
        adam.param_groups[0]["lr"] = rate * min(1, (step + 1) / (warm + 1))
        adam.zero_grad()
        loss = F.cross_entropy(model(data.x[some]), data.y[some])
        loss.backward()
        adam.step()
        losses[step // batches] += loss.item() / batches
    return [round(value, 4) for value in losses]


if __name__ == "__main__":
    torch.set_num_threads(1)
    arms = {
        f"{order}, {warm}, {rate}": (order == "pre", warm, rate)
        for rate in (3e-3, 1e-3)
        for order in ("pre", "post")
        for warm in (0, WARM)
        if rate == 3e-3 or (order, warm) == ("post", 0)
    }
    runs = {
        name: [train(seed, *arm) for seed in range(SEEDS)]
        for name, arm in arms.items()
    }
    record(__file__, runs)
