"""Train densely connected and residual networks of several sizes on digits.

Both have the same order of normalization, ReLU and convolution and are trained
alike; one concatenates, the other adds. Beside the accuracies, how strongly
each layer of a dense block weighs the maps of each earlier one.

uv run --group torch python -m experiments.convolution.densenet
"""

import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.convolution.densenet import DenseNet
from reference.training.training_loop import Data, fit

EXAMPLES, EPOCHS, BATCH, SEEDS = 400, 10, 50, 5
GROWTH_RATES, WIDTHS = (4, 8), (8, 16)


def conv(in_channels: int, channels: int, stride: int = 1) -> nn.Sequential:
    """Return normalization, ReLU and a 3 x 3 convolution."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False),
    )


class Sum(nn.Module):
    """A residual block of two convolutions, normalization and ReLU first."""

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        stride = 1 if in_channels == channels else 2
        self.layers = nn.Sequential(
            conv(in_channels, channels, stride), conv(channels, channels)
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1
            else nn.Conv2d(in_channels, channels, 1, 2, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        return self.shortcut(x) + self.layers(x)


def dense(growth_rate: int, depths: tuple[int, ...] = (3, 3)) -> DenseNet:
    """Return a densely connected network, by default of 14 convolutions."""
    return DenseNet(
        depths, growth_rate, in_channels=1, classes=10, stem="cifar"
    )


def residual(width: int) -> nn.Module:
    """Return a residual network: 13 convolutions and a projection."""
    model = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        *(Sum(width, width) for _ in range(3)),
        Sum(width, 2 * width),
        *(Sum(2 * width, 2 * width) for _ in range(2)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 10),
    )
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return model


def train(model: nn.Module, seed: int) -> float:
    """Train a network; return its share of right validation digits."""
    data, validation = (
        Data(d.x.reshape(-1, 1, 8, 8), d.y) for d in few_digits(seed, EXAMPLES)
    )
    fit(
        data,
        validation,
        model,
        F.cross_entropy,
        torch.optim.Adam(model.parameters(), lr=0.01),
        EPOCHS,
        BATCH,
        seed=seed,
        progress=False,
    )
    return round(accuracy(validation, model), 4)


def compare(network, size: int) -> dict:
    """Return size, number of parameters and accuracies of a network."""
    shares = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model = network(size)
        shares.append(train(model, seed))
    count = sum(p.numel() for p in model.parameters())
    return {"size": size, "parameters": count, "accuracy": shares}


def weighed(model: DenseNet) -> list[list[float]]:
    """Return how strongly layer l (row) weighs source s (column).

    The mean size of weight times scale of the normalization before it, over
    the channels of a source, divided by the mean over the layer's channels.
    The classifier is the last row.
    """
    block, rows = model.blocks[0], []
    users = [(layer.layers[0], layer.layers[2]) for layer in block]
    for norm, user in [*users, (model.norm[0], model.classifier)]:
        weights = user.weight.flatten(1) * norm.weight
        sizes = weights.detach().abs().mean(dim=0)
        sizes = sizes / sizes.mean()
        first = model.stem.out_channels
        growth = block[0].layers[-1].out_channels
        later = sizes[first:].reshape(-1, growth)
        rows.append([sizes[:first].mean().item(), *later.mean(1).tolist()])
    return [[round(value, 3) for value in row] for row in rows]


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {
        "dense": [compare(dense, size) for size in GROWTH_RATES],
        "residual": [compare(residual, size) for size in WIDTHS],
        "reuse": [],
    }
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model = dense(4, (5,))
        found = {"untrained": weighed(model)}
        found["accuracy"] = train(model, seed)
        found["trained"] = weighed(model)
        numbers["reuse"].append(found)
    record(__file__, numbers)
