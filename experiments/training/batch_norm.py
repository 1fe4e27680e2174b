"""Train a deep network on digits, with and without batch normalization.

uv run --group torch python -m experiments.training.batch_norm
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.training.training_loop import fit

EXAMPLES, LAYERS, UNITS, EPOCHS, SEEDS = 400, 10, 64, 10, 5
GAINS = (0.5, 1.0, 2.0)
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def network(gain: float, normalized: bool) -> nn.Sequential:
    """Return tanh layers whose weights have variance gain**2 / inputs."""
    layers, inputs = [], 64
    for _ in range(LAYERS):
        affine = nn.Linear(inputs, UNITS)
        nn.init.normal_(affine.weight, std=gain / inputs**0.5)
        nn.init.zeros_(affine.bias)
        norm = [nn.BatchNorm1d(UNITS)] if normalized else []
        layers += [affine, *norm, nn.Tanh()]
        inputs = UNITS
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def trained(gain: float, normalized: bool, rate: float, seed: int) -> float:
    """Return the validation accuracy after the last epoch."""
    data, validation = few_digits(seed, EXAMPLES)
    torch.manual_seed(seed)
    model = network(gain, normalized)
    algorithm = torch.optim.SGD(model.parameters(), lr=rate)
    fit(
        data,
        validation,
        model,
        F.cross_entropy,
        algorithm,
        EPOCHS,
        seed=seed,
        progress=False,
    )
    return accuracy(validation, model)


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = [
        [
            [
                [trained(gain, norm, rate, seed) for seed in range(SEEDS)]
                for rate in RATES
            ]
            for gain in GAINS
        ]
        for norm in (False, True)
    ]
    numbers = {
        "gains": GAINS,
        "rates": RATES,
        "accuracy": np.array(runs).round(3).tolist(),
    }
    record(__file__, numbers)
