"""Train a wide network on few digits, a fifth mislabelled, with weight decay.

uv run --group torch python -m experiments.training.weight_decay
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.training.training_loop import evaluate, train_epoch

EXAMPLES, HIDDEN = 300, 256
DECAYS, SEEDS, EPOCHS = [0.0, 1e-4, 1e-3, 3e-3, 1e-2, 1e-1], 8, 60
RATES, FEW_SEEDS, FEW_EPOCHS = [0.001, 0.01], 4, 30
PENALTIES, DECOUPLED = [0.0, 1e-4, 1e-3, 1e-2, 1e-1], [0.0, 0.01, 0.1, 1.0, 10]


def run(seed: int, epochs: int, decay: float, algorithm, **options):
    """Return what one run measured after the last epoch.

    Length of all weights; training loss; validation loss; accuracy; and the
    lowest validation loss, measured after every third epoch. The biases are
    not decayed.
    """
    data, validation = few_digits(seed, EXAMPLES, wrong=0.2)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10)
    )
    weights = [p for p in model.parameters() if p.ndim > 1]
    groups = [
        {"params": weights, "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim == 1]},
    ]
    algorithm = algorithm(groups, weight_decay=0.0, **options)
    order, losses = torch.Generator().manual_seed(seed), []
    for epoch in range(1, epochs + 1):
        train_epoch(data, model, F.cross_entropy, algorithm, 32, order)
        if epoch % 3 == 0:
            losses.append(evaluate(validation, model, F.cross_entropy))
    norm = sum(float((w.detach() ** 2).sum()) for w in weights) ** 0.5
    loss = evaluate(data, model, F.cross_entropy)
    return norm, loss, losses[-1], accuracy(validation, model), min(losses)


if __name__ == "__main__":
    torch.set_num_threads(1)
    sgd = {"algorithm": torch.optim.SGD, "lr": 0.1, "momentum": 0.9}
    runs = np.array(
        [[run(s, EPOCHS, d, **sgd) for s in range(SEEDS)] for d in DECAYS]
    ).round(4)
    names = ["norm", "loss", "validation_loss", "accuracy", "lowest"]
    numbers = {"decay": DECAYS} | {
        name: runs[..., i].tolist() for i, name in enumerate(names)
    }
    for name, algorithm, decays in (
        ("adam", torch.optim.Adam, PENALTIES),
        ("adamw", torch.optim.AdamW, DECOUPLED),
    ):
        few = [
            [
                [
                    run(s, FEW_EPOCHS, d, algorithm, lr=r)[2]
                    for s in range(FEW_SEEDS)
                ]
                for d in decays
            ]
            for r in RATES
        ]
        numbers[name] = {
            "rate": RATES,
            "decay": decays,
            "validation_loss": np.array(few).round(4).tolist(),
        }
    record(__file__, numbers)
