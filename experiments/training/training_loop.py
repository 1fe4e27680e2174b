"""Train a network on few digits, a fifth of them with a wrong label.

uv run --group torch python -m experiments.training.training_loop
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import few_digits
from experiments.record import record
from reference.training.training_loop import fit

EXAMPLES, EPOCHS, SEEDS = 300, 60, 5


def losses(seed: int) -> list[tuple[float, float]]:
    """Return training and validation loss of every epoch of one run."""
    data, validation = few_digits(seed, EXAMPLES, wrong=0.2)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    algorithm = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return fit(
        data,
        validation,
        model,
        F.cross_entropy,
        algorithm,
        EPOCHS,
        seed=seed,
        progress=False,
    )


if __name__ == "__main__":
    runs = np.array([losses(seed) for seed in range(SEEDS)]).round(4)
    numbers = {"loss": runs[..., 0], "validation_loss": runs[..., 1]}
    record(__file__, {name: a.tolist() for name, a in numbers.items()})
