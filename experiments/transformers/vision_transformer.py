"""Train a Vision Transformer and a convolutional network on few digits.

Both have about 18000 parameters and take as many steps. Besides, Vision
Transformers without position embeddings, asked with patches shuffled.

uv run --group torch python -m experiments.transformers.vision_transformer
"""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.convolution.alexnet import count_parameters
from reference.training.training_loop import Data, fit
from reference.transformers.vision_transformer import (
    VisionTransformer,
    cls_attention,
    patches,
    unpatch,
)

EXAMPLES, SEEDS, STEPS, BATCH = (100, 300, 1000), 3, 600, 25


def vit(positions: bool = True) -> VisionTransformer:
    """Return a Vision Transformer for the digits, with 16 patches."""
    model = VisionTransformer(8, 2, 1, 10, 32, 4, 64, 2)
    if not positions:
        nn.init.zeros_(model.position)
        model.position.requires_grad_(False)
    return model


def without() -> VisionTransformer:
    """Return one that cannot tell where a patch was."""
    return vit(positions=False)


def cnn() -> nn.Sequential:
    """Return a convolutional network of like size."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 40, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(160, 10),
    )


# From trial runs with 0.001 to 0.01 for both networks; 0.001 was slow for the
# Vision Transformer, which then needed more steps than these.
RATES = {vit: 0.002, without: 0.002, cnn: 0.01}


@cache
def images(seed: int, examples: int) -> tuple[Data, Data]:
    """Return digits as images, to learn from and to validate on."""
    pair = few_digits(seed, examples)
    return tuple(Data(d.x.reshape(-1, 1, 8, 8), d.y) for d in pair)


def train(build, seed: int, examples: int, steps: int = STEPS) -> nn.Module:
    """Return a trained network."""
    data, validation = images(seed, examples)
    torch.manual_seed(seed)
    model = build()
    fit(
        data,
        Data(validation.x[:1], validation.y[:1]),  # not looked at
        model,
        F.cross_entropy,
        torch.optim.Adam(model.parameters(), lr=RATES[build]),
        steps * BATCH // examples,
        BATCH,
        seed=seed,
        progress=False,
    )
    return model


def score(model: nn.Module, seed: int, shuffle: bool = False) -> float:
    """Return the share of right answers, if asked with patches shuffled."""
    _, data = images(seed, EXAMPLES[-1])
    if shuffle:
        rng, x = np.random.default_rng(seed), patches(data.x, 2)
        orders = [torch.tensor(rng.permutation(16)) for _ in x]
        x = torch.stack([a[o] for a, o in zip(x, orders, strict=True)])
        data = Data(unpatch(x, 2, 8, 8), data.y)
    return round(accuracy(data, model), 4)


def looks(model: VisionTransformer, seed: int) -> list[dict]:
    """Return what [CLS] takes of each patch, for one image of each digit."""
    _, data = images(seed, EXAMPLES[-1])
    first = [int(torch.nonzero(data.y == digit)[0]) for digit in range(10)]
    weights = cls_attention(model, data.x[first])[:, -1].mean(dim=1)
    return [
        {
            "image": (16 * data.x[i].flatten()).int().tolist(),
            "attention": [round(a.item(), 3) for a in w],
        }
        for i, w in zip(first, weights, strict=True)
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    seeds = range(SEEDS)
    networks = {
        name: {n: [train(build, seed, n) for seed in seeds] for n in sizes}
        for name, build, sizes in (
            ("vit", vit, EXAMPLES),
            ("cnn", cnn, EXAMPLES),
            ("without", without, EXAMPLES[-1:]),
        )
    }
    numbers = {
        name: {
            str(n): [score(model, seed) for seed, model in enumerate(models)]
            for n, models in runs.items()
        }
        for name, runs in networks.items()
    }
    for name in ("vit", "without"):
        numbers[f"{name}_shuffled"] = [
            score(model, seed, shuffle=True)
            for seed, model in enumerate(networks[name][1000])
        ]
    numbers["looks"] = looks(networks["vit"][1000][0], 0)
    numbers["parameters"] = [count_parameters(build()) for build in (vit, cnn)]
    record(__file__, numbers)
