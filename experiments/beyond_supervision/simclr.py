"""Pre-train on handwritten digits without labels; then learn from a few.

Two settings were changed after a first look, at one seed: STEPS, the steps
that train all weights, from 80 to 240, as the baselines lost to raw pixels;
and a count of 200 labels was dropped from COUNTS to save time.

uv run --group torch python -m experiments.beyond_supervision.simclr
"""

from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import nn

from experiments.record import record
from reference._datasets import digits
from reference.beyond_supervision.layers import SimCLR, pretrain
from reference.beyond_supervision.simclr import cosine_similarity
from reference.training.data_augmentation import rotate_by, translate

SEEDS, COUNTS = 5, (10, 20, 50, 100)
EPOCHS, BATCH, TEMPERATURE, STEPS = 40, 256, 0.5, 240
FEATURES, PROJECTION = 64, 32


def view(x: torch.Tensor) -> torch.Tensor:
    """Return each digit moved by up to a pixel, turned by up to 15°, noisy."""
    dy, dx = torch.randint(-1, 2, (2, len(x)))
    x = rotate_by(translate(x, dy, dx), 30 * torch.rand(len(x)) - 15)
    return x + 0.1 * torch.randn_like(x)


def new_encoder() -> nn.Module:
    """Return a small convolutional network with random weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, FEATURES),
        nn.ReLU(),
    )


@torch.no_grad()
def features(encoder: nn.Module, *parts: torch.Tensor) -> list[np.ndarray]:
    """Return the encoder's rows for each part of the data."""
    encoder.eval()
    return [encoder(x).numpy() for x in parts]


def probe(
    rows: list[np.ndarray], y: np.ndarray, tests: np.ndarray, count: int
) -> list[float]:
    """Return the accuracies of a linear classifier of `count` labelled rows.

    The rows are standardized by all that may be seen without labels.
    """
    mean, std = rows[0].mean(0), rows[0].std(0) + 1e-6
    train, *rest = ((part - mean) / std for part in rows)
    model = LogisticRegression(max_iter=2000).fit(train[:count], y[:count])
    return [float(model.score(part, tests)) for part in rest]


def supervised(
    encoder: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    parts: list[torch.Tensor],
    tests: torch.Tensor,
) -> list[float]:
    """Return the accuracies after training all weights on labelled views."""
    model = nn.Sequential(encoder, nn.Linear(FEATURES, 10)).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(view(x)), y).backward()
        optimizer.step()
    found = features(model, *parts)
    return [float((o.argmax(1) == tests.numpy()).mean()) for o in found]


def run(seed: int) -> tuple[dict, list[float], dict]:
    """Return the accuracies, the losses, and similarities of one seed."""
    split = digits(seed=seed)
    x, test = (
        torch.tensor(part, dtype=torch.float32).reshape(-1, 1, 8, 8)
        for part in (split.x, split.x_test)
    )
    y, y_test = torch.tensor(split.y), torch.tensor(split.y_test)
    torch.manual_seed(seed)
    dy, dx = torch.randint(-1, 2, (2, len(test)))
    parts = [test, translate(test, dy, dx)]
    # One example of each digit, and two views of it.
    shown = torch.stack([test[y_test == k][0] for k in range(10)])
    pairs = torch.cat((view(shown), view(shown)))
    model = SimCLR(new_encoder(), FEATURES, PROJECTION)
    untrained = deepcopy(model)
    losses = pretrain(model, x, view, EPOCHS, BATCH, TEMPERATURE)
    tables = {
        name: cosine_similarity(network(pairs).detach().double())
        .numpy().round(2).tolist()
        for name, network in (("before", untrained), ("after", model))
    }  # fmt: skip
    ways = {
        "raw pixels": nn.Flatten(),
        "random encoder": untrained.encoder,
        "pre-trained": model.encoder,
        "pre-trained, head": model,
    }
    rows = {name: features(f, x, *parts) for name, f in ways.items()}
    found = {name: [] for name in (*ways, "supervised", "fine-tuned")}
    for count in COUNTS:
        for name in ways:
            found[name].append(probe(rows[name], split.y, split.y_test, count))
        for name, encoder in (
            ("supervised", new_encoder()),
            ("fine-tuned", deepcopy(model.encoder)),
        ):
            few = x[:count], y[:count]
            found[name].append(supervised(encoder, *few, parts, y_test))
    return found, losses, tables


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = [run(seed) for seed in range(SEEDS)]
    accuracy = {  # way: [as they are, moved][count][seed]
        name: np.array([found[name] for found, _, _ in runs])
        .transpose(2, 1, 0).round(4).tolist()
        for name in runs[0][0]
    }  # fmt: skip
    numbers = {
        "counts": COUNTS,
        "accuracy": accuracy,
        "losses": [np.round(losses, 3).tolist() for _, losses, _ in runs],
        "similarity": runs[0][2],
    }
    record(__file__, numbers)
