"""Train a network on few digits, some mislabelled, with and without mixup.

uv run --group torch python -m experiments.training.mixup
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.training.mixup import beta_weights, mixup, one_hot
from reference.training.training_loop import Data, batches

EXAMPLES, EPOCHS, SEEDS = 300, 60, 8
SHARES = np.linspace(0, 1, 11)
# Name: alpha, and whether every example has a weight of its own.
CHOICES = {
    "0": (0.0, True),
    "0.2": (0.2, True),
    "1": (1.0, True),
    "1, one weight per batch": (1.0, False),
}


def train(model: nn.Module, data: Data, alpha: float, each: bool, seed: int):
    """Return the mean loss of the last epoch, and the least possible one."""
    algorithm = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    order = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    model.train()
    for _ in range(EPOCHS):
        loss, floor = 0.0, 0.0
        for batch in batches(len(data.x), 32, order):
            x, n = data.x[batch], len(batch)
            y = one_hot(data.y[batch], 10, x.dtype)
            weight = beta_weights(rng, alpha, n if each else 1)
            x, y = mixup(x, y, rng.permutation(n), np.resize(weight, n))
            algorithm.zero_grad()
            value = F.cross_entropy(model(x), y)
            value.backward()
            algorithm.step()
            loss += value.item() * n
            floor += torch.special.entr(y).sum().item()
    model.eval()
    return loss / len(data.x), floor / len(data.x)


@torch.no_grad()
def between(model: nn.Module, data: Data, rng: np.random.Generator):
    """Return the mean probability of the first digit's class, share by share.

    The pictures lie on the lines between validation pictures of different
    digits, paired at random; the share is that of the first picture.
    """
    order = rng.permutation(len(data.x))
    pairs = data.y != data.y[order]
    first, second = data.x[pairs], data.x[order][pairs]
    right = data.y[pairs][:, None]
    means = []
    for share in SHARES:
        p = torch.softmax(model(share * first + (1 - share) * second), -1)
        means.append(p.gather(1, right).mean().item())
    return means


@torch.no_grad()
def run(seed: int, wrong: float, alpha: float, each: bool) -> dict:
    """Return what one run measured."""
    data, validation = few_digits(seed, EXAMPLES, wrong)
    truth, _ = few_digits(seed, EXAMPLES)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    with torch.enable_grad():
        loss, floor = train(model, data, alpha, each, seed)
    z = model(validation.x)
    changed = data.y != truth.y
    found = {
        "training_loss": loss,
        "floor": floor,
        "plain_training_loss": F.cross_entropy(model(data.x), data.y).item(),
        "validation_loss": F.cross_entropy(z, validation.y).item(),
        "accuracy": accuracy(validation, model),
        "confidence": torch.softmax(z, -1).amax(-1).mean().item(),
        "between": between(model, validation, np.random.default_rng(seed)),
    }
    if wrong:
        lies = Data(data.x[changed], data.y[changed])
        found["wrong_labels_learned"] = accuracy(lies, model)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {}
    for wrong in (0.0, 0.2):
        for name, choice in CHOICES.items():
            if not wrong and name not in ("0", "0.2", "1"):
                continue
            runs = [run(seed, wrong, *choice) for seed in range(SEEDS)]
            numbers[f"{wrong}: {name}"] = {
                key: np.round([r[key] for r in runs], 3).tolist()
                for key in runs[0]
                if key != "between" or name in ("0", "1")
            }
    record(__file__, numbers)
