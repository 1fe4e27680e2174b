"""Count the multiply-adds of the nine modules, with and without reduction.

Nothing is trained; but the count needs PyTorch, and the figure has none.

uv run --group torch python -m experiments.convolution.googlenet
"""

from torch import nn

from experiments.record import record
from reference.convolution.googlenet import MODULES, Inception, multiply_adds

SIDES = {"3": 28, "4": 14, "5": 7}


def counts(name: str) -> dict:
    """Return the widths of a module and what it costs in both ways."""
    c, c1, (_, c3), (_, c5), _ = MODULES[name]
    shape = (c, SIDES[name[0]], SIDES[name[0]])
    straight = [
        nn.Conv2d(c, k, size, padding=size // 2)
        for k, size in ((c1, 1), (c3, 3), (c5, 5))
    ]
    return {
        "widths": MODULES[name],
        "straight": sum(multiply_adds(layer, shape) for layer in straight),
        "reduced": multiply_adds(Inception(*MODULES[name]), shape),
    }


if __name__ == "__main__":
    record(__file__, {name: counts(name) for name in MODULES})
