"""Search learning rate and weight decay of a small network, in three ways.

All 21 x 13 settings are trained once for each of three splits of the digits;
then the three ways to search are replayed on this table many times.

uv run --group torch python -m experiments.training.hyperparameter_search
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.training.hyperparameter_search import (
    Trials,
    bayesian_search,
    grid,
    random_search,
)
from reference.training.training_loop import train_epoch

SPLITS, EPOCHS, EXAMPLES = 3, 8, 300
RATES, DECAYS = np.linspace(-3, 1, 21), np.linspace(-5, -1, 13)  # log10
REPETITIONS, TRIALS, START = 50, 25, 5
SIDES = (2, 3, 4, 5)


def wrong(rate: float, decay: float) -> int:
    """Return the wrong answers among 360 validation digits of every split."""
    total = 0
    for seed in range(SPLITS):
        data, validation = DATA[seed]
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        algorithm = torch.optim.SGD(
            model.parameters(), lr=rate, momentum=0.9, weight_decay=decay
        )
        order = torch.Generator().manual_seed(seed)
        for _ in range(EPOCHS):
            train_epoch(data, model, F.cross_entropy, algorithm, 32, order)
        total += round((1 - accuracy(validation, model)) * len(validation.x))
    return total


def best_so_far(trials: Trials) -> np.ndarray:
    """Return the fewest mistakes of the first trials, for every number."""
    return np.minimum.accumulate(trials.y)


def shifted_grid(side: int, table: np.ndarray, rng: np.random.Generator) -> int:
    """Return the fewest mistakes on a side x side grid, laid at random."""
    places = [
        ((np.arange(side) + rng.random()) * n / side).astype(int)
        for n in table.shape
    ]
    return int(table[np.ix_(*places)].min())


def quantiles(runs: np.ndarray) -> list[list[float]]:
    """Return the 10 %, 50 % and 90 % quantiles of all repetitions."""
    return np.quantile(runs, [0.1, 0.5, 0.9], axis=0).round(1).tolist()


if __name__ == "__main__":
    torch.set_num_threads(1)
    DATA = [few_digits(seed, EXAMPLES) for seed in range(SPLITS)]
    settings = grid(RATES, DECAYS)
    counts = np.array([wrong(10**a, 10**b) for a, b in settings])
    lookup = {tuple(s): int(c) for s, c in zip(settings, counts, strict=True)}
    table = counts.reshape(len(RATES), len(DECAYS))

    def objective(row: np.ndarray) -> float:
        """Return the mistakes of a setting."""
        return lookup[tuple(row)]

    def rngs() -> list[np.random.Generator]:
        """Return a generator for each repetition: all start with one draw."""
        return [np.random.default_rng(seed) for seed in range(REPETITIONS)]

    at_random = np.array(
        [
            best_so_far(random_search(objective, settings, TRIALS, rng))
            for rng in rngs()
        ]
    )
    bayesian = np.array(
        [
            best_so_far(
                bayesian_search(objective, settings, START, TRIALS - START, rng)
            )
            for rng in rngs()
        ]
    )
    grids = np.array(
        [[shifted_grid(side, table, rng) for side in SIDES] for rng in rngs()]
    )
    record(
        __file__,
        {
            "table": table.tolist(),
            "random": quantiles(at_random),
            "bayesian": quantiles(bayesian),
            "grid": quantiles(grids),
            "last_random": at_random[:, -1].astype(int).tolist(),
            "last_bayesian": bayesian[:, -1].astype(int).tolist(),
            "last_grid": grids[:, -1].tolist(),
        },
    )
