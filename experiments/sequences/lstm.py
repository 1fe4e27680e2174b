"""Remember the first symbol of a sequence: a tanh network against the LSTM.

uv run --group torch python -m experiments.sequences.lstm
"""

from functools import partial

import torch
from torch import nn

from experiments.first_symbol import LENGTHS, SYMBOLS, UNITS, accuracies
from experiments.record import record

MODELS = {"rnn": None, "lstm_0": 0.0, "lstm_1": 1.0, "lstm_3": 3.0}


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {"lengths": LENGTHS} | {
        name: accuracies(partial(network, forget))
        for name, forget in MODELS.items()
    }
    record(__file__, numbers)
