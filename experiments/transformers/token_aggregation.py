"""Name digits from their 8 rows: one layer of attention and four poolings.

Each is trained in full, and with an encoder left as it was drawn, so that only
the layers behind the pooling learn.

uv run --group torch python -m experiments.transformers.token_aggregation
"""

import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.training.training_loop import fit
from reference.transformers.token_aggregation import (
    attention_pool,
    cls_pool,
    max_pool,
    mean_pool,
    prepend_token,
)
from reference.transformers.transformer_block import Attention

POOLS = ("mean", "max", "attention", "[CLS]")
EXAMPLES, EPOCHS, SEEDS, WIDTH = 300, 60, 5, 32


class Digits(nn.Module):
    """One layer of self-attention on the rows of an image, then a pooling."""

    def __init__(self, pool: str):
        super().__init__()
        self.pool = pool
        self.embed = nn.Linear(8, WIDTH)
        self.position = nn.Parameter(0.1 * torch.randn(8, WIDTH))
        self.token = nn.Parameter(0.02 * torch.randn(WIDTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.attention = Attention(WIDTH, heads=4)
        self.query = nn.Parameter(0.02 * torch.randn(WIDTH))
        self.classify = nn.Linear(WIDTH, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of the digits."""
        x = self.embed(images.reshape(-1, 8, 8)) + self.position
        if self.pool == "[CLS]":
            x = prepend_token(x, self.token)
        x = x + self.attention(self.norm(x))
        if self.pool == "mean":
            y = mean_pool(x)
        elif self.pool == "max":
            y = max_pool(x)
        elif self.pool == "attention":
            y = attention_pool(x, self.query)
        else:
            y = cls_pool(x)
        return self.classify(y)


def run(seed: int, pool: str, frozen: bool) -> float:
    """Return the accuracy on held-out digits after training."""
    data, validation = few_digits(seed, EXAMPLES)
    torch.manual_seed(seed)
    model = Digits(pool)
    for name, parameter in model.named_parameters():
        behind = name.startswith(("classify", "query"))
        parameter.requires_grad_(behind or not frozen)
    # Each has its own vector only: the other gets no gradient.
    used = [p for p in model.parameters() if p.requires_grad]
    fit(
        data,
        validation,
        model,
        F.cross_entropy,
        torch.optim.Adam(used, lr=0.01, fused=True),
        EPOCHS,
        batch_size=50,
        seed=seed,
        progress=False,
    )
    return round(accuracy(validation, model), 4)


if __name__ == "__main__":
    torch.set_num_threads(1)
    record(
        __file__,
        {
            kind: {
                pool: [run(s, pool, kind == "frozen") for s in range(SEEDS)]
                for pool in POOLS
            }
            for kind in ("trained", "frozen")
        },
    )
