"""Train translators of dates, and measure them after every epoch.

Exact match and share of right tokens on dates never seen, the latter once with
the true prefix (as in training) and once with the translator's own; beam
search against greedy search on a translator that is half trained. Beside it,
the same with a decoder that gets the encoder's state only at its first step.

uv run --group torch python -m experiments.sequences.seq2seq
"""

import torch
from torch import Tensor, nn

from experiments.record import record
from reference.sequences.seq2seq import (
    EOS,
    PAD,
    Decoder,
    Seq2Seq,
    beam_search,
    date_pairs,
    decode,
    encode,
    greedy,
    shift_right,
    train,
    vocabulary,
)

PAIRS, HELD_OUT, EPOCHS, SEEDS = 2000, 500, 6, 4
HALF, SEARCHED, WIDTH = 3, 100, 4


class OnceDecoder(Decoder):
    """The decoder of the page, but c is its first state and nothing else."""

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        super().__init__(vocabulary, embedding, hidden)
        self.rnn = nn.GRU(embedding, hidden, batch_first=True)

    def forward(self, target_in: Tensor, state: Tensor) -> Tensor:
        """Return the logits of the token after each of target_in."""
        states, _ = self.rnn(self.embedding(target_in), state[None])
        return self.output(states)


def rounded(share: Tensor) -> float:
    """Return a mean with four digits."""
    return round(share.double().mean().item(), 4)


def log_p(model: Seq2Seq, x: Tensor, y: Tensor) -> Tensor:
    """Return the log probability of every translation up to its EOS."""
    own = model(x, shift_right(y)).log_softmax(dim=-1)
    own = own.gather(-1, y[..., None])[..., 0]
    return own.masked_fill(y == PAD, 0.0).sum(dim=1)


@torch.no_grad()
def measure(model: Seq2Seq, x: Tensor, y: Tensor) -> dict:
    """Return the shares of right translations and of right tokens.

    "after_error" is the share of right tokens behind the first wrong one of
    the own translation, of the sequences that have one.
    """
    real = y != PAD
    free = greedy(model.next_log_p(x), len(x), y.shape[1])
    forced = model(x, shift_right(y)).argmax(dim=-1)
    wrong = (free != y) & real
    later = real & (wrong.long().cumsum(dim=1) - wrong.long() > 0)
    return {
        "exact": rounded((free == y).all(dim=1)),
        "forced_token": rounded((forced == y)[real]),
        "free_token": rounded((free == y)[real]),
        "later_tokens": int(later.sum()),
        "forced_after_error": rounded((forced == y)[later]),
        "free_after_error": rounded((free == y)[later]),
    }


@torch.no_grad()
def search(model: Seq2Seq, x: Tensor, y: Tensor) -> dict:
    """Return what greedy and beam search find on a few sources."""
    length = y.shape[1]
    one = greedy(model.next_log_p(x), len(x), length)
    found = [
        beam_search(model.next_log_p(row[None]), WIDTH, length) for row in x
    ]
    beam = torch.stack([tokens for tokens, _ in found])
    gain = torch.tensor([value for _, value in found]) - log_p(model, x, one)
    return {
        "greedy": rounded((one == y).all(dim=1)),
        "beam": rounded((beam == y).all(dim=1)),
        "different": rounded((one != beam).any(dim=1)),
        "more_probable": rounded(gain > 1e-4),
        "less_probable": rounded(gain < -1e-4),
        "ended": rounded((one == EOS).any(dim=1)),
    }


def run(seed: int, once: bool) -> dict:
    """Train one translator; return its losses and what was measured."""
    english, korean = zip(*date_pairs(PAIRS + HELD_OUT, seed), strict=True)
    words = vocabulary(english), vocabulary(korean)
    x, y = encode(english, words[0]), encode(korean, words[1])
    x_new, y_new = x[PAIRS:], y[PAIRS:]
    torch.manual_seed(seed)
    model = Seq2Seq(len(words[0]), len(words[1]), embedding=32, hidden=128)
    if once:
        model.decoder = OnceDecoder(len(words[1]), 32, 128)
    epochs, searched, samples = [], {}, []

    def after_epoch() -> None:
        epochs.append(measure(model, x_new, y_new))
        found = greedy(model.next_log_p(x_new[:4]), 4, y.shape[1])
        samples.append([" ".join(row) for row in decode(found, words[1])])
        if len(epochs) == HALF and not once:
            searched.update(search(model, x_new[:SEARCHED], y_new[:SEARCHED]))

    losses = train(
        model,
        x[:PAIRS],
        y[:PAIRS],
        EPOCHS,
        learning_rate=0.005,
        batch_size=32,
        seed=seed,
        after_epoch=after_epoch,
    )
    return {
        "loss": [round(loss, 4) for loss in losses],
        "epochs": epochs,
        "search": searched,
        "english": [" ".join(row) for row in english[PAIRS:][:4]],
        "korean": [" ".join(row) for row in korean[PAIRS:][:4]],
        "translations": samples,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = [run(seed, once=False) for seed in range(SEEDS)]
    others = [run(seed, once=True)["epochs"] for seed in range(SEEDS)]
    for i in range(1, SEEDS):
        for name in ("english", "korean", "translations"):
            del runs[i][name]
    exact = [[epoch["exact"] for epoch in epochs] for epochs in others]
    record(__file__, {"half": HALF, "runs": runs, "once_exact": exact})
