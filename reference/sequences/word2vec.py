"""word2vec: skip-gram and CBOW with negative sampling.

Learns a vector for each word of a text by telling the words that stand near it
from words drawn at random; then compares the vectors.

Axes    V words of the vocabulary, E entries of a vector, N examples, K
        negatives of each, M analogies; T words of a document, within m of
        each other.
Page    docs/en/sequences/word2vec.md ("eq. 3" marks the line of its (3))
Source  Mikolov, Sutskever, Chen, Corrado and Dean, Distributed Representations
        of Words and Phrases and their Compositionality, NeurIPS 2013; Mikolov,
        Chen, Corrado and Dean, Efficient Estimation of Word Representations in
        Vector Space, 2013, arXiv:1301.3781; Levy and Goldberg, Neural Word
        Embedding as Implicit Matrix Factorization, NeurIPS 2014
"""

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Integer, Shaped

from reference._typing import Array
from reference.classification.logistic_regression import sigmoid
from reference.optimization.adam import adam_step


class Windows(NamedTuple):
    """Each word and those around it; -1 stands where there is none."""

    centre: Integer[Array, "N"]
    context: Integer[Array, "N M"]


class Pairs(NamedTuple):
    """A word, and one word near it."""

    centre: Integer[Array, "P"]
    context: Integer[Array, "P"]


class Tables(NamedTuple):
    """The vector of each word as a centre, and as a context."""

    u: Float[Array, "V E"]
    v: Float[Array, "V E"]


def windows(documents: Sequence[Integer[Array, "_"]], window: int) -> Windows:
    """Return each word of the documents with the `window` words on each side.

    Words are numbers from 0. No window reaches into another document.

    Raises:
        ValueError: There is no word, a document is no list of signed
            integers from 0, or the window is no integer from 1.

    >>> import numpy as np
    >>> windows([np.array([5, 6, 7])], 1).context.tolist()
    [[-1, 6], [5, 7], [6, -1]]
    """
    window = _require_count("window", window)
    if sum(d.shape[0] for d in documents if d.ndim == 1) < 1:
        raise ValueError("windows need at least 1 word, got none")
    xp = array_namespace(*documents)
    for d in documents:
        if d.ndim != 1 or not xp.isdtype(d.dtype, "signed integer"):
            raise ValueError(
                "a document needs to be a list of signed integers, got "
                f"shape {tuple(d.shape)} of {d.dtype}"
            )
        _require_words(d, None)
    # A gap behind each document, one more in front: no window crosses it.
    first = documents[0]
    gap = xp.full((window,), -1, dtype=first.dtype, device=first.device)
    text = xp.concat([gap, *(part for d in documents for part in (d, gap))])
    end = text.shape[0] - window
    steps = [s for s in range(-window, window + 1) if s != 0]
    near = xp.stack([text[window + s : end + s] for s in steps], axis=1)
    centre = text[window:end]
    (word,) = xp.nonzero(centre >= 0)
    return Windows(xp.take(centre, word), xp.take(near, word, axis=0))


def pairs(documents: Sequence[Integer[Array, "_"]], window: int) -> Pairs:
    """Return all pairs of a word and one that is at most `window` away.

    Raises:
        ValueError: As `windows`.

    >>> import numpy as np
    >>> pairs([np.array([5, 6, 7])], 1)
    Pairs(centre=array([5, 6, 6, 7]), context=array([6, 5, 7, 6]))
    """
    centre, context = windows(documents, window)
    xp = array_namespace(centre)
    there = context >= 0
    centre = xp.broadcast_to(centre[:, None], context.shape)
    return Pairs(centre[there], context[there])


def noise_distribution(
    counts: Shaped[Array, "V"], power: float = 0.75
) -> Float[Array, "V"]:
    """Return the probability with which each word is drawn as a negative.

    Raises:
        ValueError: Counts are negative, infinite or all 0, or the power is
            not positive and finite.

    >>> import numpy as np
    >>> noise_distribution(np.array([1.0, 81.0, 0.0]))
    array([0.03571429, 0.96428571, 0.        ])
    """
    xp = array_namespace(counts)
    if isinstance(power, bool) or not 0 < float(power) < inf:
        raise ValueError(f"the power needs to be in (0, inf), got {power}")
    if not xp.isdtype(counts.dtype, "real floating"):
        counts = xp.astype(counts, xp.float64)
    if counts.ndim != 1 or not xp.all((counts >= 0) & (counts < inf)):
        raise ValueError(f"needs a list of counts from 0, got {counts}")
    if not xp.any(counts > 0):
        raise ValueError(f"needs a word with a count above 0, got {counts}")
    weight = (counts / xp.max(counts)) ** float(power)
    return weight / xp.sum(weight)  # eq. 5


def skip_gram_loss(
    u: Float[Array, "V E"],
    v: Float[Array, "V E"],
    centre: Integer[Array, "N"],
    context: Integer[Array, "N"],
    negative: Integer[Array, "N K"],
) -> Float[Array, ""]:
    """Return the mean loss of telling contexts from negatives, in nats.

    Raises:
        ValueError: The tables or the lists of words do not fit each other,
            there is no example, or a number is none of a word.

    >>> import numpy as np
    >>> u, v, one = np.zeros((3, 2)), np.ones((3, 2)), np.array([0])
    >>> skip_gram_loss(u, v, one, one, np.array([[1, 2]])) / np.log(2)
    np.float64(3.0)
    """
    xp = array_namespace(u, v)
    _require_tables(u, v)
    _require_words(centre, u.shape[0])
    h = xp.take(u, centre, axis=0)
    _, rows = _targets(v, centre, context, negative)
    return _loss(_scores(h, rows))


def skip_gram_gradient(
    u: Float[Array, "V E"],
    v: Float[Array, "V E"],
    centre: Integer[Array, "N"],
    context: Integer[Array, "N"],
    negative: Integer[Array, "N K"],
) -> Tables:
    """Return the gradient of `skip_gram_loss` with respect to u and v.

    Raises:
        ValueError: As `skip_gram_loss`.

    >>> import numpy as np
    >>> u, v, one = np.zeros((2, 1)), np.ones((2, 1)), np.array([0])
    >>> skip_gram_gradient(u, v, one, one, np.array([[1]])).u.tolist()
    [[0.0], [0.0]]
    """
    xp = array_namespace(u, v)
    _require_tables(u, v)
    _require_words(centre, u.shape[0])
    h = xp.take(u, centre, axis=0)
    words, rows = _targets(v, centre, context, negative)
    s = _scores(h, rows)
    y = xp.astype(xp.arange(s.shape[1], device=s.device) == 0, s.dtype)
    g = (sigmoid(s) - y) / s.shape[0]  # eq. 3
    dh = xp.sum(g[:, :, None] * rows, axis=1)
    drows = g[:, :, None] * h[:, None, :]
    drows = xp.reshape(drows, (-1, v.shape[1]))
    words = xp.reshape(words, (-1,))
    size = u.shape[0]
    return Tables(_scatter(centre, dh, size), _scatter(words, drows, size))


def cbow_loss(
    u: Float[Array, "V E"],
    v: Float[Array, "V E"],
    context: Integer[Array, "N M"],
    centre: Integer[Array, "N"],
    negative: Integer[Array, "N K"],
) -> Float[Array, ""]:
    """Return the same loss with the mean of the context in the centre's place.

    A context of -1 is none, and does not count in the mean.

    Raises:
        ValueError: As `skip_gram_loss`, or an example has no context.

    >>> import numpy as np
    >>> u, v, one = np.zeros((3, 2)), np.ones((3, 2)), np.array([0])
    >>> near, negative = np.array([[1, -1]]), np.array([[1, 2]])
    >>> cbow_loss(u, v, near, one, negative) / np.log(2)
    np.float64(3.0)
    """
    xp = array_namespace(u, v)
    _require_tables(u, v)
    there = context >= 0
    if context.ndim != 2 or not xp.all(xp.any(there, axis=1)):
        raise ValueError(
            "each example needs a context word, got contexts of shape "
            f"{tuple(context.shape)}, with none in some row"
        )
    missing = xp.astype(context == -1, context.dtype)
    _require_words(context + missing, u.shape[0])
    known = xp.where(there, context, xp.zeros_like(context))
    rows = _rows(u, known)
    weight = xp.astype(there, u.dtype)
    weight = weight / xp.sum(weight, axis=1, keepdims=True)
    h = xp.sum(weight[:, :, None] * rows, axis=1)  # eq. 6
    _, rows = _targets(v, context[:, 0], centre, negative)
    return _loss(_scores(h, rows))


def optimal_scores(
    joint: Float[Array, "V V"], noise: Float[Array, "V"], negatives: int
) -> Float[Array, "V V"]:
    """Return the scores of all pairs at which the expected loss is smallest.

    `joint` counts the pairs of each centre (row) and context (column). A pair
    that never occurs gets -inf.

    Raises:
        ValueError: Shapes do not fit, a count is negative or infinite, a
            word never occurs as a centre, the noise is no distribution with
            all words possible, or negatives is no integer from 1.

    >>> import numpy as np
    >>> joint = np.array([[3.0, 1.0], [1.0, 3.0]])
    >>> np.exp(optimal_scores(joint, np.array([0.5, 0.5]), 1))
    array([[1.5, 0.5],
           [0.5, 1.5]])
    """
    k = _require_count("negatives", negatives)
    xp = array_namespace(joint, noise)
    size = noise.shape[0] if noise.ndim == 1 else 0
    if tuple(joint.shape) != (size, size) or size < 1:
        raise ValueError(
            "needs a square of counts and a noise for each word, got "
            f"{tuple(joint.shape)} and {tuple(noise.shape)}"
        )
    total = xp.sum(joint, axis=1, keepdims=True)
    if not xp.all((joint >= 0) & (total > 0) & (total < inf)):
        raise ValueError(f"needs counts with a pair in each row, got {joint}")
    _require_noise(noise)
    if not xp.all(noise > 0):
        raise ValueError(f"each word needs a positive noise, got {noise}")
    seen = joint > 0
    ratio = xp.where(seen, joint, total) / total / noise / k
    least = xp.full_like(ratio, -inf)
    return xp.where(seen, xp.log(ratio), least)  # eq. 7


def train(
    centre: Integer[Array, "N"],
    context: Integer[Array, "N"],
    noise: Float[Array, "V"],
    size: int,
    rng: Any,
    negatives: int = 5,
    epochs: int = 5,
    batch: int = 500,
    lr: float = 0.01,
) -> Tables:
    """Return tables with `size` columns, by Adam on shuffled mini-batches.

    `rng` is a numpy.random.Generator. Negatives are drawn anew each time.

    Raises:
        ValueError: As `skip_gram_loss` or `adam_step`, the noise is no
            distribution, or a count is no integer from 1.

    >>> import numpy as np
    >>> one, noise = np.array([0, 1]), np.array([0.5, 0.5])
    >>> train(one, one, noise, 3, np.random.default_rng(0)).u.shape
    (2, 3)
    """
    xp = array_namespace(centre, context, noise)
    size, negatives = map(
        _require_count, ("size", "negatives"), (size, negatives)
    )
    epochs, batch = map(_require_count, ("epochs", "batch"), (epochs, batch))
    _require_noise(noise)
    n = centre.shape[0] if centre.ndim == 1 else 0
    if n < 1 or context.shape != centre.shape:
        raise ValueError(
            "needs lists of 1 or more centres and as many contexts, got "
            f"{tuple(centre.shape)} and {tuple(context.shape)}"
        )
    like = {"dtype": noise.dtype, "device": noise.device}
    u = (xp.asarray(rng.random((noise.shape[0], size)), **like) - 0.5) / size
    v, state = xp.zeros_like(u), None
    reach = xp.cumulative_sum(noise)
    for _ in range(epochs):
        order = xp.asarray(rng.permutation(n), device=centre.device)
        for start in range(0, n, batch):
            rows = order[start : min(start + batch, n)]
            # In (0, 1], so that no word with noise 0 is drawn at either end.
            draws = 1 - rng.random(rows.shape[0] * negatives)
            draws = xp.asarray(draws, **like) * reach[-1]
            drawn = xp.searchsorted(reach, draws)
            drawn = xp.reshape(drawn, (-1, negatives))
            near = xp.take(centre, rows), xp.take(context, rows)
            slope = skip_gram_gradient(u, v, *near, drawn)
            both, state = adam_step(
                xp.stack([u, v]), xp.stack(list(slope)), state, lr
            )
            u, v = both[0, ...], both[1, ...]
    return Tables(u, v)


def nearest(
    vectors: Float[Array, "V E"], word: int, k: int
) -> Integer[Array, "k"]:
    """Return the k other words of the largest cosine, the nearest first.

    Raises:
        ValueError: A vector is 0 or not finite, or there is no such word, or
            there are not k others.

    >>> import numpy as np
    >>> nearest(np.array([[1.0, 0.0], [-1.0, 0.0], [2.0, 1.0]]), 0, 2)
    array([2, 1])
    """
    unit = _directions(vectors)
    xp = array_namespace(unit)
    total = unit.shape[0]
    if not 0 <= word < total or not 1 <= k < total:
        raise ValueError(
            f"needs a word below {total} and k from 1 to {total - 1}, got "
            f"word {word} and k {k}"
        )
    cosine = unit @ unit[word, :]
    order = xp.argsort(-cosine, stable=True)
    return order[order != word][:k]


def analogy(
    vectors: Float[Array, "V E"],
    a: Integer[Array, "M"],
    b: Integer[Array, "M"],
    c: Integer[Array, "M"],
    leave_out: bool = True,
) -> Integer[Array, "M"]:
    """Return for "a is to b as c is to ..." the word nearest to b - a + c.

    Of unit vectors and by the cosine. a, b and c themselves are no answers,
    unless `leave_out` is false.

    Raises:
        ValueError: A vector is 0 or not finite, or a, b and c are not lists
            of words of one length, or no word may be left.

    >>> import numpy as np
    >>> plane = np.array([[1.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [-1.0, 1.0]])
    >>> analogy(plane, *np.array([[0], [1], [2]]))
    array([3])
    """
    unit = _directions(vectors)
    xp = array_namespace(unit)
    if a.shape != b.shape or b.shape != c.shape:
        shapes = f"{tuple(a.shape)}, {tuple(b.shape)} and {tuple(c.shape)}"
        raise ValueError(f"a, b and c need one length, got {shapes}")
    for words in (a, b, c):
        _require_words(words, unit.shape[0])
    rows = [xp.take(unit, words, axis=0) for words in (a, b, c)]
    score = (rows[1] - rows[0] + rows[2]) @ unit.mT  # eq. 8
    if leave_out and unit.shape[0] < 4:
        raise ValueError(
            f"needs 4 words or more to leave out 3, got {unit.shape[0]}"
        )
    if leave_out:
        every = xp.arange(unit.shape[0], device=unit.device)
        for words in (a, b, c):
            given = words[:, None] == every[None, :]
            score = xp.where(given, xp.full_like(score, -inf), score)
    return xp.argmax(score, axis=1)


def _targets(
    v: Float[Array, "V E"],
    given: Integer[Array, "N"],
    target: Integer[Array, "N"],
    negative: Integer[Array, "N K"],
) -> tuple[Integer[Array, "N 1+K"], Float[Array, "N 1+K E"]]:
    """Return each example's target and negatives, and their vectors."""
    xp = array_namespace(v, target, negative)
    n = given.shape[0] if given.ndim == 1 else 0
    if n < 1 or target.shape != given.shape or negative.shape[:-1] != (n,):
        raise ValueError(
            "needs lists of 1 or more examples, each with a target and a row "
            f"of negatives, got shapes {tuple(given.shape)}, "
            f"{tuple(target.shape)} and {tuple(negative.shape)}"
        )
    words = xp.concat([target[:, None], negative], axis=1)
    _require_words(words, v.shape[0])
    return words, _rows(v, words)


def _rows(
    table: Float[Array, "V E"], words: Integer[Array, "N M"]
) -> Float[Array, "N M E"]:
    """Return the rows of the table at a matrix of words."""
    xp = array_namespace(table)
    rows = xp.take(table, xp.reshape(words, (-1,)), axis=0)
    return xp.reshape(rows, (*words.shape, table.shape[1]))


def _scores(
    h: Float[Array, "N E"], rows: Float[Array, "N J E"]
) -> Float[Array, "N J"]:
    """Return the products of h with the vectors of target and negatives."""
    xp = array_namespace(h, rows)
    return xp.sum(h[:, None, :] * rows, axis=2)  # eq. 1


def _loss(s: Float[Array, "N J"]) -> Float[Array, ""]:
    """Return the mean loss of the scores, the target's in column 0."""
    xp = array_namespace(s)
    z = xp.concat([-s[:, :1], s[:, 1:]], axis=1)
    return xp.mean(xp.sum(xp.logaddexp(z, xp.zeros_like(z)), axis=1))  # eq. 2


def _scatter(
    words: Integer[Array, "N"], rows: Float[Array, "N E"], size: int
) -> Float[Array, "V E"]:
    """Return for every word the sum of its rows: one-hot, transposed, @ rows.

    That takes N * V numbers. A library adds each row in its place instead.
    """
    xp = array_namespace(rows)
    every = xp.arange(size, device=rows.device)
    one_hot = xp.astype(words[:, None] == every[None, :], rows.dtype)
    return one_hot.mT @ rows  # eq. 4


def _directions(vectors: Float[Array, "V E"]) -> Float[Array, "V E"]:
    """Return the rows at length 1, which must not be 0."""
    xp = array_namespace(vectors)
    top = xp.max(xp.abs(vectors), axis=1, keepdims=True)
    if not xp.all((top > 0) & (top < inf)):
        raise ValueError("a vector needs a direction, got 0, inf or NaN")
    vectors = vectors / top
    return vectors / xp.linalg.vector_norm(vectors, axis=1, keepdims=True)


def _require_tables(u: Shaped[Array, "..."], v: Shaped[Array, "..."]) -> None:
    """Raise a ValueError unless both are tables of the same shape."""
    if u.ndim != 2 or tuple(u.shape) != tuple(v.shape):
        raise ValueError(
            "needs two tables of the same shape, got "
            f"{tuple(u.shape)} and {tuple(v.shape)}"
        )


def _require_words(words: Shaped[Array, "..."], size: int | None) -> None:
    """Raise unless all are from 0 to size - 1: -1 would be the last row."""
    xp = array_namespace(words)
    below = inf if size is None else size
    if not xp.isdtype(words.dtype, "integral"):
        raise ValueError(f"words need to be integers, got {words.dtype}")
    if 0 in words.shape:
        return
    low, high = int(xp.min(words)), int(xp.max(words))
    if low < 0 or high >= below:
        raise ValueError(
            f"words need to be from 0 and below {below}, got {low} to {high}"
        )


def _require_noise(noise: Float[Array, "V"]) -> None:
    """Raise a ValueError unless these are probabilities."""
    xp = array_namespace(noise)
    if not xp.all(noise >= 0) or not abs(float(xp.sum(noise)) - 1) < 1e-3:
        raise ValueError(f"noise needs to be probabilities, got {noise}")


def _require_count(name: str, value: int) -> int:
    """Return an integer from 1 as a Python number."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{name} needs to be an integer from 1, got {value}")
    return int(value)
