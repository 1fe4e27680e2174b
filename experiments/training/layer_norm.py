"""Train on digits in batches of several sizes, with two normalizations.

uv run --group torch python -m experiments.training.layer_norm
"""

import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.training.training_loop import fit

EXAMPLES, LAYERS, UNITS, EPOCHS, SEEDS = 300, 3, 64, 10, 6
NORMS = {"none": None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
SIZES = (2, 4, 8, 32)
RATE = 0.03


def network(norm: type[nn.Module] | None) -> nn.Sequential:
    """Return layers of rectifiers, with a normalization before each."""
    layers, inputs = [], 64
    for _ in range(LAYERS):
        layers.append(nn.Linear(inputs, UNITS))
        layers += [] if norm is None else [norm(UNITS)]
        layers.append(nn.ReLU())
        inputs = UNITS
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def trained(norm: type[nn.Module] | None, size: int, seed: int) -> float:
    """Return the validation accuracy after the last epoch."""
    data, validation = few_digits(seed, EXAMPLES)
    torch.manual_seed(seed)
    model = network(norm)
    algorithm = torch.optim.SGD(model.parameters(), lr=RATE)
    fit(
        data,
        validation,
        model,
        F.cross_entropy,
        algorithm,
        EPOCHS,
        size,
        seed=seed,
        progress=False,
    )
    return accuracy(validation, model)


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {"sizes": SIZES} | {
        name: [
            [round(trained(norm, size, seed), 3) for seed in range(SEEDS)]
            for size in SIZES
        ]
        for name, norm in NORMS.items()
    }
    record(__file__, numbers)
