"""What the experiments on memory share: remember the first symbol."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

SYMBOLS, UNITS, BATCH, STEPS, RATE, SEEDS = 4, 16, 32, 300, 0.01, 5
LENGTHS = (20, 40, 60)

# A recurrent layer of the symbols, and the linear one behind its last state.
Network = Callable[[], tuple[nn.Module, nn.Module]]


def batch(size: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one-hot sequences and their first symbols.

    The first symbol is one of four, the others are four different ones.
    """
    first = torch.randint(SYMBOLS, (size, 1))
    rest = torch.randint(SYMBOLS, 2 * SYMBOLS, (size, length - 1))
    x = F.one_hot(torch.cat([first, rest], dim=1), 2 * SYMBOLS)
    return x.float(), first[:, 0]


def accuracy(network: Network, length: int, seed: int) -> float:
    """Return the share of right answers on new sequences after training."""
    torch.manual_seed(seed)
    layer, last = network()
    parameters = [*layer.parameters(), *last.parameters()]
    algorithm = torch.optim.Adam(parameters, lr=RATE)
    for _ in range(STEPS):
        x, y = batch(BATCH, length)
        loss = F.cross_entropy(last(layer(x)[0][:, -1]), y)
        algorithm.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        algorithm.step()
    x, y = batch(1000, length)
    with torch.no_grad():
        right = last(layer(x)[0][:, -1]).argmax(1) == y
    return round(right.float().mean().item(), 3)


def accuracies(network: Network) -> list[list[float]]:
    """Return a row for each length, with the accuracy of each seed."""
    return [
        [accuracy(network, length, seed) for seed in range(SEEDS)]
        for length in LENGTHS
    ]
