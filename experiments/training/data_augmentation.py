"""Train a small network on 100 digits, augmented in six ways or not at all.

uv run --group torch python -m experiments.training.data_augmentation
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.training.data_augmentation import flip, rotate_by, translate
from reference.training.training_loop import Data, fit

EXAMPLES, EPOCHS, SEEDS = 100, 150, 8


def shift(x: torch.Tensor) -> torch.Tensor:
    """Return each digit moved by up to a pixel in both directions."""
    dy, dx = torch.randint(-1, 2, (2, len(x)))
    return translate(x, dy, dx)


def turn(x: torch.Tensor) -> torch.Tensor:
    """Return each digit turned by up to 15 degrees."""
    return rotate_by(x, 30 * torch.rand(len(x)) - 15)


def mirror(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the digits, each of them mirrored with probability 1/2."""
    chosen = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(chosen, flip(x, axis), x)


CHOICES = {
    "none": lambda x: x,
    "turn": turn,
    "shift": shift,
    "shift and turn": lambda x: turn(shift(x)),
    "left-right": lambda x: mirror(x, 3),
    "upside down": lambda x: mirror(x, 2),
}


def images(change: Callable, x: torch.Tensor) -> torch.Tensor:
    """Return rows of 64 pixels, changed as pictures."""
    return change(x.reshape(-1, 1, 8, 8)).reshape(x.shape)


class Augment(nn.Module):
    """Change the pictures, anew in every call, in training mode only."""

    def __init__(self, change: Callable) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the pictures, changed in training mode."""
        return images(self.change, x) if self.training else x


def run(seed: int, change: Callable, once: bool = False) -> tuple[float, float]:
    """Return the accuracy on validation digits, as they are and moved."""
    data, validation = few_digits(seed, EXAMPLES)
    torch.manual_seed(seed)
    moved = Data(images(shift, validation.x), validation.y)
    if once:  # one draw per example, made before training
        data, change = Data(images(change, data.x), data.y), CHOICES["none"]
    model = nn.Sequential(
        Augment(change), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    fit(
        data,
        validation,
        model,
        F.cross_entropy,
        torch.optim.Adam(model.parameters(), lr=0.003),
        EPOCHS,
        batch_size=25,
        seed=seed,
        progress=False,
    )
    return accuracy(validation, model), accuracy(moved, model)


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = {
        name: [run(seed, change) for seed in range(SEEDS)]
        for name, change in CHOICES.items()
    }
    runs["shift, drawn once"] = [run(s, shift, once=True) for s in range(SEEDS)]
    numbers = {
        name: dict(
            zip(("centred", "moved"), np.round(a, 4).T.tolist(), strict=True)
        )
        for name, a in runs.items()
    }
    record(__file__, numbers)
