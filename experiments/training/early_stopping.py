"""Stop the training of a network on few digits, a fifth mislabelled.

uv run --group torch python -m experiments.training.early_stopping
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import few_digits
from experiments.record import record
from reference._datasets import digits
from reference.training.early_stopping import EarlyStopping
from reference.training.training_loop import train_epoch

EXAMPLES, VALIDATION, EPOCHS, SEEDS, DRAWS = 300, 60, 60, 10, 50
MORE = 240  # digits for validation, to see what more of them change
PATIENCES = [1, 2, 5, 10, 20]


def judge(seed: int) -> np.ndarray:
    """Return loss and rightness of every held-out digit after each epoch.

    Shape (2, EPOCHS, 1497): 360 digits of one part, 1137 of the other that
    `few_digits` does not use; all labels are right.
    """
    data, held_out = few_digits(seed, EXAMPLES, wrong=0.2)
    split = digits(seed=seed)
    x = torch.tensor(split.x[EXAMPLES:], dtype=torch.float32)
    x = torch.cat([held_out.x, x])
    y = torch.cat([held_out.y, torch.tensor(split.y[EXAMPLES:])])
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    algorithm = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    order, found = torch.Generator().manual_seed(seed), []
    for _ in range(EPOCHS):
        train_epoch(data, model, F.cross_entropy, algorithm, 32, order)
        with torch.no_grad():
            scores = model.eval()(x)
        losses = F.cross_entropy(scores, y, reduction="none")
        found.append(np.stack([losses, scores.argmax(1) == y]))
    return np.stack(found, axis=1).astype(np.float64)


def stop(losses: np.ndarray, patience: int) -> tuple[int, int]:
    """Return the epochs of the stop (the last, if none) and of the best."""
    stopping, model = EarlyStopping(patience), nn.Identity()
    for loss in losses.tolist():
        if stopping.update(loss, model):
            break
    return stopping.epochs, stopping.epoch


def measure(judged: np.ndarray, chosen: np.ndarray) -> dict[str, list]:
    """Return what each rule does with these digits for validation.

    Rules: each patience, then the best epoch of all by hindsight, then the
    last epoch. Test loss and accuracy are those of all the other digits.
    `later`: hindsight takes a later epoch than patience 10 does.
    """
    validation = judged[:, :, chosen].mean(axis=2)
    test = np.delete(judged, chosen, axis=2).mean(axis=2)
    pairs = [stop(validation[0], patience) for patience in PATIENCES]
    pairs += [(EPOCHS, int(validation[0].argmin()) + 1), (EPOCHS, EPOCHS)]
    stops, best = np.array(pairs).T
    ten, lowest = best[PATIENCES.index(10)], best[len(PATIENCES)]
    return {
        "stop": stops,
        "best": best,
        "validation_loss": validation[0, best - 1],
        "test_loss": test[0, best - 1],
        "test_loss_unrestored": test[0, stops - 1],
        "test_accuracy": test[1, best - 1],
        "test_accuracy_watched": test[1, validation[1].argmax()],
        "lowest_test_loss": test[0].min(),
        "later": lowest > ten,
        "later_and_worse": test[0, lowest - 1] > test[0, ten - 1],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = []
    for seed in range(SEEDS):
        judged, rng = judge(seed), np.random.default_rng(seed)
        orders = [rng.permutation(judged.shape[2]) for _ in range(DRAWS)]
        draws = [measure(judged, order[:VALIDATION]) for order in orders]
        more = [measure(judged, order[:MORE]) for order in orders]
        runs.append({n: np.mean([d[n] for d in draws], 0) for n in draws[0]})
        runs[-1]["test_loss_240"] = np.mean([d["test_loss"] for d in more], 0)
        if seed == 0:
            first = measure(judged, np.arange(VALIDATION))
            curves = [
                judged[0, :, :VALIDATION].mean(axis=1),
                judged[0, :, VALIDATION:].mean(axis=1),
            ]
    numbers = {"patience": PATIENCES} | {
        name: np.array([run[name] for run in runs]).round(3).tolist()
        for name in runs[0]
    }
    numbers["curves"] = np.array(curves).round(3).tolist()
    numbers["curves_stop"] = first["stop"].tolist()
    numbers["curves_best"] = first["best"].tolist()
    record(__file__, numbers)
