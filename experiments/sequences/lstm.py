"""Remember the first symbol of a sequence: a tanh network against the LSTM.

uv run --group torch python -m experiments.sequences.lstm
"""

import torch
import torch.nn.functional as F
from torch import nn

from experiments.record import record

SYMBOLS, UNITS, BATCH, STEPS, RATE, SEEDS = 4, 16, 32, 300, 0.01, 5
LENGTHS = (20, 40, 60)
MODELS = {"rnn": None, "lstm_0": 0.0, "lstm_1": 1.0, "lstm_3": 3.0}


def batch(size: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one-hot sequences and their first symbols.

    The first symbol is one of four, the others are four different ones.
    """
    first = torch.randint(SYMBOLS, (size, 1))
    rest = torch.randint(SYMBOLS, 2 * SYMBOLS, (size, length - 1))
    x = F.one_hot(torch.cat([first, rest], dim=1), 2 * SYMBOLS)
    return x.float(), first[:, 0]


def network(forget: float | None) -> tuple[nn.Module, nn.Module]:
    """Return the recurrent layer, with this forget bias, and the last one."""
    last = nn.Linear(UNITS, SYMBOLS)
    if forget is None:
        return nn.RNN(2 * SYMBOLS, UNITS, batch_first=True), last
    layer = nn.LSTM(2 * SYMBOLS, UNITS, batch_first=True)
    with torch.no_grad():  # Two biases, which are added up.
        layer.bias_ih_l0[UNITS : 2 * UNITS] = forget
        layer.bias_hh_l0[UNITS : 2 * UNITS] = 0
    return layer, last


def accuracy(forget: float | None, length: int, seed: int) -> float:
    """Return the share of right answers on new sequences after training."""
    torch.manual_seed(seed)
    layer, last = network(forget)
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


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {"lengths": LENGTHS} | {
        name: [
            [accuracy(forget, length, seed) for seed in range(SEEDS)]
            for length in LENGTHS
        ]
        for name, forget in MODELS.items()
    }
    record(__file__, numbers)
