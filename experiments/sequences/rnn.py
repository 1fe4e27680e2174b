"""Train three readers on short reviews, and test them on longer ones.

A review is a chain of clauses such as "the plot was not very good", joined by
"but". Its last clause decides whether the review is positive. The three
readers learn the vectors of the words together with their other weights: the
mean of the words, a convolution with the maximum over time, and a recurrent
network.

uv run --group torch python -m experiments.sequences.rnn
"""

import numpy as np
import torch
import torch.nn.functional as F

from experiments.record import record
from reference.sequences.rnn import rnn

NOUNS, GOOD, BAD = ["plot", "cast", "end"], ["good", "fine"], ["bad", "dull"]
WORDS = ["the", "was", "not", "very", "but", *NOUNS, *GOOD, *BAD]
TRAINED, TESTED = 3, [1, 2, 3, 4, 6, 8]  # numbers of clauses
E, H, EXAMPLES, STEPS, SEEDS = 8, 16, 500, 400, 6


def review(rng: np.random.Generator, clauses: int) -> tuple[list[int], int]:
    """Return the numbers of a review's words, and 1 if it is positive."""
    words = []
    for clause in range(clauses):
        positive, negated = rng.integers(2, size=2)
        words += ["but"] * (clause > 0) + ["the", rng.choice(NOUNS), "was"]
        words += ["not"] * negated + ["very"] * rng.integers(2)
        words.append(rng.choice(GOOD if positive else BAD))
    return [WORDS.index(word) for word in words], int(positive ^ negated)


def batch(rng, counts):
    """Return padded words (N, T), lengths (N,) and targets (N,)."""
    reviews = [review(rng, count) for count in counts]
    lengths = torch.tensor([len(words) for words, _ in reviews])
    words = torch.zeros((len(reviews), int(lengths.max())), dtype=torch.int64)
    for row, (numbers, _) in zip(words, reviews, strict=True):
        row[: len(numbers)] = torch.tensor(numbers)
    return words, lengths, torch.tensor([y for _, y in reviews]).float()


def parameters(kind):
    """Return the table of word vectors and the weights of a reader."""
    table = torch.randn(len(WORDS), E)
    width = E if kind == "mean" else H
    readout = [torch.randn(width) / width**0.5, torch.zeros(())]
    inner = {
        "mean": [],
        "convolution": [torch.randn(H, E, 3) / (3 * E) ** 0.5, torch.zeros(H)],
        "recurrent": [
            torch.randn(E, H) / E**0.5,
            torch.linalg.qr(torch.randn(H, H))[0],
            torch.zeros(H),
        ],
    }[kind]
    return [a.requires_grad_() for a in [table, *readout, *inner]]


def logits(kind, weights, words, lengths):
    """Return the logit of "positive" for every review."""
    table, v, c, *inner = weights
    x = table[words]
    real = torch.arange(words.shape[1]) < lengths[:, None]
    if kind == "mean":
        s = (x * real[..., None]).sum(1) / lengths[:, None]
    elif kind == "convolution":
        w, b = inner
        x = (x * real[..., None]).mT
        z = F.relu(F.conv1d(x, w, b, padding=1))
        s = (z * real[:, None]).amax(2)
    else:
        h, _ = rnn(x, x.new_zeros(len(x), H), *inner)
        s = h[torch.arange(len(x)), lengths - 1]
    return s @ v + c


def accuracies(kind: str, seed: int) -> list[float]:
    """Return the accuracy for every tested number of clauses."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    weights = parameters(kind)
    algorithm = torch.optim.Adam(weights, lr=0.01)
    words, lengths, y = batch(rng, rng.integers(1, TRAINED + 1, EXAMPLES))
    for _ in range(STEPS):
        rows = torch.as_tensor(rng.choice(EXAMPLES, 50, replace=False))
        z = logits(kind, weights, words[rows], lengths[rows])
        loss = F.binary_cross_entropy_with_logits(z, y[rows])
        algorithm.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        algorithm.step()
    result = []
    for clauses in TESTED:
        words, lengths, y = batch(rng, [clauses] * 1000)
        with torch.no_grad():
            right = (logits(kind, weights, words, lengths) > 0) == (y > 0)
        result.append(round(right.float().mean().item(), 3))
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    kinds = "mean", "convolution", "recurrent"
    found = {k: [accuracies(k, s) for s in range(SEEDS)] for k in kinds}
    record(__file__, {"trained": TRAINED, "tested": TESTED, **found})
