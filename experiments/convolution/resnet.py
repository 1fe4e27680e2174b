"""Train plain and residual networks of 8, 20 and 44 layers on the digits.

Both kinds have batch normalization and the same layers; only the sums differ.
Beside the losses, the size of the gradient in untrained networks.

uv run --group torch python -m experiments.convolution.resnet
"""

import torch
import torch.nn.functional as F

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.convolution.resnet import PaddedBlock, PlainBlock, cifar_resnet
from reference.training.training_loop import Data, fit

KINDS = {"plain": PlainBlock, "residual": PaddedBlock}
EXAMPLES, EPOCHS, BATCH, SEEDS = 400, 15, 50, 5
DEEPEST = 7


def images(seed: int) -> tuple[Data, Data]:
    """Return digits as images, to learn from and to validate on."""
    pair = few_digits(seed, EXAMPLES)
    return tuple(Data(d.x.reshape(-1, 1, 8, 8), d.y) for d in pair)


def network(kind: str, n: int, seed: int) -> torch.nn.Module:
    """Return an untrained network of 6 n + 2 layers."""
    torch.manual_seed(seed)
    return cifar_resnet(n, (8, 16, 32), in_channels=1, block=KINDS[kind])


def run(kind: str, n: int, seed: int, lr=0.1, epochs=EPOCHS) -> dict:
    """Return the training loss of every epoch, and shares of right answers."""
    data, validation = images(seed)
    model = network(kind, n, seed)
    history = fit(
        data,
        validation,
        model,
        F.cross_entropy,
        torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9),
        epochs,
        BATCH,
        seed=seed,
        progress=False,
    )
    return {
        "loss": [round(epoch.loss, 4) for epoch in history],
        "accuracy": round(accuracy(data, model), 4),
        "validation_accuracy": round(accuracy(validation, model), 4),
    }


def gradients(kind: str, seed: int) -> list[float]:
    """Return the length of the loss's gradient at the input of each block."""
    data, _ = images(seed)
    model, signals = network(kind, DEEPEST, seed), []
    blocks = [block for stage in model.stages for block in stage]
    for block in blocks:
        block.register_forward_pre_hook(lambda _, x: signals.append(x[0]))
    loss = F.cross_entropy(model(data.x[:100]), data.y[:100])
    found = torch.autograd.grad(loss, signals)
    return [float(f"{gradient.norm().item():.4g}") for gradient in found]


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {
        kind: {
            "runs": {
                str(6 * n + 2): [run(kind, n, seed) for seed in range(SEEDS)]
                for n in (1, 3, DEEPEST)
            },
            "gradients": [gradients(kind, seed) for seed in range(SEEDS)],
        }
        for kind in KINDS
    }
    numbers["slower"] = [
        run("plain", DEEPEST, seed, lr=0.02) for seed in range(3)
    ]
    numbers["longer"] = [
        run("plain", DEEPEST, seed, epochs=45) for seed in range(2)
    ]
    record(__file__, numbers)
