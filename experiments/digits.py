"""What the experiments on handwritten digits share."""

import numpy as np
import torch
from torch import nn

from reference._datasets import digits
from reference.training.training_loop import Data


def few_digits(
    seed: int, examples: int, wrong: float = 0.0
) -> tuple[Data, Data]:
    """Return a few digits to learn from, and 360 others to validate on.

    A share `wrong` of the labels to learn from is replaced by another digit;
    those of the validation data are right.
    """
    split, rng = digits(seed=seed), np.random.default_rng(seed)
    changed = rng.random(len(split.y)) < wrong
    other = (split.y + rng.integers(1, 10, len(split.y))) % 10
    labels = np.where(changed, other, split.y)
    return (
        Data(
            torch.tensor(split.x[:examples], dtype=torch.float32),
            torch.tensor(labels[:examples]),
        ),
        Data(
            torch.tensor(split.x_test, dtype=torch.float32),
            torch.tensor(split.y_test),
        ),
    )


@torch.no_grad()
def accuracy(data: Data, model: nn.Module) -> float:
    """Return the share of right answers, the model in evaluation mode."""
    model.eval()
    return (model(data.x).argmax(-1) == data.y).float().mean().item()
