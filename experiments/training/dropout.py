"""Train a wide network on few digits, a fifth mislabelled, with dropout.

uv run --group torch python -m experiments.training.dropout
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.training.layers import Dropout
from reference.training.training_loop import evaluate, train_epoch

EXAMPLES, EPOCHS, SEEDS, HIDDEN = 300, 60, 8, 512
RATES, DROPS = [0.1, 0.02], [0.0, 0.2, 0.5, 0.8]


def run(rate: float, p: float, seed: int) -> list[float]:
    """Return what one run measured.

    Training loss of the last epoch, the mean on the way with dropout on; the
    same with dropout off, after that epoch; validation loss and accuracy after
    it; the lowest validation loss, measured after every second epoch.
    """
    data, validation = few_digits(seed, EXAMPLES, wrong=0.2)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, HIDDEN), nn.ReLU(), Dropout(p), nn.Linear(HIDDEN, 10)
    )
    algorithm = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    order, losses = torch.Generator().manual_seed(seed), []
    for epoch in range(1, EPOCHS + 1):
        on = train_epoch(data, model, F.cross_entropy, algorithm, 32, order)
        if epoch % 2 == 0:
            losses.append(evaluate(validation, model, F.cross_entropy))
    off = evaluate(data, model, F.cross_entropy)
    return [on, off, losses[-1], accuracy(validation, model), min(losses)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = np.array(
        [[[run(r, p, s) for s in range(SEEDS)] for p in DROPS] for r in RATES]
    )
    names = [
        "loss_on",
        "loss_off",
        "validation_loss",
        "accuracy",
        "lowest_validation_loss",
    ]
    numbers = {"rate": RATES, "p": DROPS} | {
        name: runs[..., i].round(4).tolist() for i, name in enumerate(names)
    }
    record(__file__, numbers)
