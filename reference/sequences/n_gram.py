"""n-gram language models.

Gives the probability of the next token from how often it followed the same
n - 1 tokens before, smoothed; measures a text by it, and draws new ones.

Axes    V tokens of the vocabulary.
Page    docs/en/sequences/n_gram.md ("eq. 3" marks the line of its (3))
Source  Shannon, A Mathematical Theory of Communication, 1948; interpolation:
        Jelinek and Mercer, Pattern Recognition in Practice, 1980
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import exp, inf, isfinite, log
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

START = "<s>"
END = "</s>"
UNKNOWN = "<unk>"


class Counts(NamedTuple):
    """What was counted: after each context of 0 to n - 1 tokens, what came.

    The vocabulary is sorted, and holds END and UNKNOWN but not START.
    """

    n: int
    vocabulary: tuple[str, ...]
    following: dict[tuple[str, ...], Counter[str]]


def count(texts: Iterable[Sequence[str]], n: int, min_count: int = 1) -> Counts:
    """Return how often each token followed each context of up to n - 1 tokens.

    Tokens that come fewer than `min_count` times are counted as UNKNOWN.

    Raises:
        ValueError: There is no text, n or min_count is below 1, or a text is
            one string or holds START or END.

    >>> count([["a", "b"], ["a", "a"]], n=2).following[("a",)]
    Counter({'b': 1, 'a': 1, '</s>': 1})
    """
    if n < 1 or min_count < 1:
        raise ValueError(
            f"counting needs n and min_count of at least 1, got {n} and "
            f"{min_count}"
        )
    texts = [_tokens(text) for text in texts]
    if not texts:
        raise ValueError("counting needs at least one text, got none")
    often = Counter(token for text in texts for token in text)
    known = {token for token in often if often[token] >= min_count}
    following = defaultdict(Counter)
    for text in texts:
        text = [token if token in known else UNKNOWN for token in text]
        padded = [START] * (n - 1) + text + [END]
        for t in range(n - 1, len(padded)):
            for m in range(n):
                following[tuple(padded[t - m : t])][padded[t]] += 1  # eq. 1
    vocabulary = tuple(sorted(known | {END, UNKNOWN}))
    return Counts(n, vocabulary, dict(following))


def probability(
    counts: Counts,
    token: str,
    context: Sequence[str] = (),
    k: float = 0.0,
    weight: float = 1.0,
) -> float:
    """Return the probability that the token comes after the context.

    The context is the text so far, from its start; the last n - 1 tokens
    count. `k` is added to each count, and `weight` is the share of the longer
    context against the shorter ones.

    Raises:
        ValueError: The context was never seen and neither k nor weight
            helps, k is negative or not finite, not 0 <= weight <= 1, the
            token is START, or the context is a string or holds START or END.

    >>> counts = count([["a", "b"], ["a", "a"]], n=2)
    >>> probability(counts, "a")
    1.0
    >>> probability(counts, "b", ["a"], k=1.0)  # (1 + 1) / (3 + 4)
    0.2857142857142857
    """
    size = len(counts.vocabulary)
    _require_smoothing(k, weight, size)
    if token == START:
        raise ValueError(f"a text starts only once, got the token {START!r}")
    token = _known(counts, token)
    last = [_known(counts, h) for h in _tokens(context)]
    last = [START] * (counts.n - 1) + last
    p = 1 / size
    for m in range(counts.n):
        seen = counts.following.get(tuple(last[len(last) - m :]), Counter())
        total = seen.total() + k * size
        if total > 0:
            frequency = (seen[token] + k) / total  # eq. 2
            p = weight * frequency + (1 - weight) * p  # eq. 3
        elif weight == 1:
            raise ValueError(
                "a context that was never seen needs k > 0 or weight < 1, got "
                f"{tuple(last[len(last) - m :])}, k = {k} and weight = {weight}"
            )
    return float(p)


def distribution(
    counts: Counts,
    context: Sequence[str] = (),
    k: float = 0.0,
    weight: float = 1.0,
) -> Float[np.ndarray, "V"]:
    """Return the probability of each token of the vocabulary to come next.

    Raises:
        ValueError: As `probability`.

    >>> counts = count([["a", "b"], ["a", "a"]], n=1)
    >>> counts.vocabulary
    ('</s>', '<unk>', 'a', 'b')
    >>> distribution(counts).round(2).tolist()
    [0.33, 0.0, 0.5, 0.17]
    """
    return np.array(
        [probability(counts, v, context, k, weight) for v in counts.vocabulary]
    )


def surprise(
    counts: Counts, text: Sequence[str], k: float = 0.0, weight: float = 1.0
) -> float:
    """Return minus the log probability of a text and its end, in nats.

    It is infinite if one of the tokens has the probability 0.

    Raises:
        ValueError: As `probability`, but for contexts never seen.

    >>> counts = count([["a", "b"], ["a", "a"]], n=1)
    >>> surprise(counts, ["a"])  # log 6
    1.791759469228055
    """
    text, nats = _tokens(text), 0.0
    for t, token in enumerate([*text, END]):
        context = text[max(0, t - counts.n + 1) : t]
        p = probability(counts, token, context, k, weight)
        if p == 0:
            return inf
        nats -= log(p)  # eq. 4
    return nats


def perplexity(
    counts: Counts,
    texts: Iterable[Sequence[str]],
    k: float = 0.0,
    weight: float = 1.0,
) -> float:
    """Return the perplexity of texts: exp of the mean surprise of a token.

    Raises:
        ValueError: There is no text, or as `surprise`.

    >>> counts = count([["a", "b"], ["a", "a"]], n=1)
    >>> round(perplexity(counts, [["a"]]) ** 2, 9)
    6.0
    """
    texts = [_tokens(text) for text in texts]
    if not texts:
        raise ValueError("a perplexity needs at least one text, got none")
    nats = sum(surprise(counts, text, k, weight) for text in texts)
    mean = nats / sum(len(text) + 1 for text in texts)
    return exp(mean) if mean < 709 else inf  # eq. 5


def sample(
    counts: Counts,
    rng: np.random.Generator,
    k: float = 0.0,
    weight: float = 1.0,
    longest: int = 1000,
) -> list[str]:
    """Return a text drawn token by token, until END or `longest` tokens.

    Raises:
        ValueError: longest is negative, or as `probability`.

    >>> counts = count([["a", "b"]], n=2)
    >>> sample(counts, np.random.default_rng(0))
    ['a', 'b']
    """
    if longest < 0:
        raise ValueError(f"a text needs longest >= 0, got {longest}")
    text = []
    while len(text) < longest:
        context = text[max(0, len(text) - counts.n + 1) :]
        sums = np.cumsum(distribution(counts, context, k, weight))
        r = rng.random() * sums[-1]
        i = np.searchsorted(sums, r, side="right")  # eq. 6
        if counts.vocabulary[i] == END:
            break
        text.append(counts.vocabulary[i])
    return text


def _tokens(text: Sequence[str]) -> list[str]:
    """Return a text as a list, unless it is one string or holds a mark."""
    if isinstance(text, str):
        raise ValueError(
            f"a text needs to be a list of tokens, got the string {text!r}"
        )
    tokens = list(text)
    for mark in (START, END):
        if mark in tokens:
            raise ValueError(f"a text needs no marks, got {mark!r} in it")
    return tokens


def _known(counts: Counts, token: str) -> str:
    """Return the token, or UNKNOWN if it is not in the vocabulary."""
    return token if token in counts.following[()] else UNKNOWN


def _require_smoothing(k: float, weight: float, size: int) -> None:
    """Raise unless the smoothing gives probabilities that sum to one."""
    if not (k >= 0 and isfinite(k * size) and 0 <= weight <= 1):
        raise ValueError(
            "smoothing needs a finite k >= 0 and 0 <= weight <= 1, "
            f"got k = {k} and weight = {weight}"
        )
