"""Remember the first symbol of a sequence: the GRU, by its update bias.

uv run --group torch python -m experiments.sequences.gru
"""

from functools import partial

import torch
from torch import nn

from experiments.first_symbol import LENGTHS, SYMBOLS, UNITS, accuracies
from experiments.record import record

UPDATE_BIASES = (0, 1, 3)


def network(update: float) -> tuple[nn.Module, nn.Module]:
    """Return the recurrent layer, with this update bias, and the last one."""
    layer = nn.GRU(2 * SYMBOLS, UNITS, batch_first=True)
    with torch.no_grad():  # Two biases, which are added up in this gate.
        layer.bias_ih_l0[UNITS : 2 * UNITS] = update
        layer.bias_hh_l0[UNITS : 2 * UNITS] = 0
    return layer, nn.Linear(UNITS, SYMBOLS)


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {"lengths": LENGTHS} | {
        f"gru_{update}": accuracies(partial(network, update))
        for update in UPDATE_BIASES
    }
    record(__file__, numbers)
