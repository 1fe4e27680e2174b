"""Translators that learn the dates, for the tests of two parts."""

from typing import NamedTuple

import torch

from reference.sequences.seq2seq import (
    date_pairs,
    encode,
    greedy,
    train,
    vocabulary,
)


class Translator(NamedTuple):
    """A trained model, and dates that it has never seen."""

    model: torch.nn.Module
    source: torch.Tensor
    target: torch.Tensor
    losses: list

    def greedy(self):
        """Return what the model writes for the dates held out."""
        x, y = self.source, self.target
        return greedy(self.model.next_log_p(x), len(x), y.shape[1])

    def exact_match(self):
        """Return the share of the dates held out that are right to the end."""
        return (self.greedy() == self.target).all(dim=1).float().mean()


def learn_dates(make, pairs, held_out, epochs, learning_rate, batch_size):
    """Train make(source words, target words) from English to Korean."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    english, korean = zip(*date_pairs(pairs + held_out, seed=0), strict=True)
    source, target = vocabulary(english), vocabulary(korean)
    x, y = encode(english, source), encode(korean, target)
    torch.manual_seed(0)
    model = make(len(source), len(target))
    losses = train(
        model, x[:pairs], y[:pairs], epochs, learning_rate, batch_size
    )
    torch.set_num_threads(threads)
    return Translator(model, x[pairs:], y[pairs:], losses)
