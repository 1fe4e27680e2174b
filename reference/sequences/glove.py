"""GloVe.

Counts how often words meet, and fits the logarithms of the counts by products
of word vectors, as a weighted least squares problem.

Axes    V words of the vocabulary, E entries of a vector.
Page    docs/en/sequences/glove.md ("eq. 3" marks the line of its (3))
Source  Pennington, Socher and Manning, GloVe: Global Vectors for Word
        Representation, EMNLP 2014
"""

from collections.abc import Sequence
from math import inf, nan
from typing import Any, NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Integer, Shaped

from reference._typing import Array
from reference.optimization.adaptive_gradients import adagrad_step
from reference.sequences.word2vec import windows


class Parameters(NamedTuple):
    """Vectors and biases of the words, and of the words as contexts."""

    w: Float[Array, "V E"]
    w_tilde: Float[Array, "V E"]
    b: Float[Array, "V"]
    b_tilde: Float[Array, "V"]


def cooccurrence(
    documents: Sequence[Integer[Array, "_"]], window: int, size: int
) -> Float[Array, "V V"]:
    """Return how often the words 0 to size - 1 meet, a symmetric table.

    Two words of a document at the distance d, at most `window`, count 1 / d.

    Raises:
        ValueError: As `windows`, or the size is no integer above all words.

    >>> import numpy as np
    >>> cooccurrence([np.array([0, 1, 2])], 2, 3)
    array([[0. , 1. , 0.5],
           [1. , 0. , 1. ],
           [0.5, 1. , 0. ]])
    """
    centre, context = windows(documents, window)
    xp = array_namespace(centre)
    top = int(xp.max(centre))
    size = _require_count("size", size, top + 1)
    cells = xp.arange(size**2 + 1, dtype=xp.int64, device=centre.device)
    counts = xp.zeros(size**2, dtype=xp.float64, device=centre.device)
    row = xp.astype(centre, xp.int64) * size
    for d in range(1, context.shape[1] // 2 + 1):
        after = context[:, context.shape[1] // 2 + d - 1]
        cell = xp.where(after < 0, xp.full_like(row, size**2), row + after)
        below = xp.searchsorted(xp.sort(cell), cells)
        times = xp.astype(below[1:] - below[:-1], xp.float64)
        counts = counts + times / d  # eq. 1
    counts = xp.reshape(counts, (size, size))
    return counts + counts.mT


def log_ratio(counts: Float[Array, "V V"], i: int, j: int) -> Float[Array, "V"]:
    """Return log P(k | i) - log P(k | j) for all words k, in nats.

    inf if k meets i alone, -inf if it meets j alone, NaN if it meets neither.

    Raises:
        ValueError: The counts are no square of finite floats from 0, or i
            or j is no word or meets none.

    >>> import numpy as np
    >>> counts = np.array([[0.0, 6.0, 2.0], [6.0, 0.0, 2.0], [2.0, 2.0, 0.0]])
    >>> np.exp(log_ratio(counts, 0, 2))
    array([0. , 1.5, inf])
    """
    _require_square(counts)
    xp = array_namespace(counts)
    i, j = _require_count("a word", i, 0), _require_count("a word", j, 0)
    for word in (i, j):
        if word >= counts.shape[0] or not xp.any(counts[word, :] > 0):
            raise ValueError(
                f"needs words below {counts.shape[0]} that meet others, got "
                f"{i} and {j}"
            )
    p, q = (counts[k, :] / xp.sum(counts[k, :]) for k in (i, j))  # eq. 2
    one = xp.ones_like(p)
    log_p, log_q = (xp.log(xp.where(x > 0, x, one)) for x in (p, q))
    ratio = log_p - log_q  # eq. 3
    ratio = xp.where(p > 0, ratio, -inf * one)
    ratio = xp.where(q > 0, ratio, inf * one)
    return xp.where((p > 0) | (q > 0), ratio, nan * one)


def weight(
    x: Float[Array, "*axes"], x_max: float = 100.0, alpha: float = 0.75
) -> Float[Array, "*axes"]:
    """Return how much the fit to a count counts, from 0 to 1.

    Raises:
        ValueError: A count is negative or NaN, or x_max or alpha is not
            positive and finite.

    >>> import numpy as np
    >>> weight(np.array([0.0, 6.25, 100.0, 1000.0]))
    array([0.   , 0.125, 1.   , 1.   ])
    """
    xp = array_namespace(x)
    x_max, alpha = _require_rate("x_max", x_max), _require_rate("alpha", alpha)
    if not xp.all(x >= 0):
        raise ValueError(f"counts need to be from 0, got {x}")
    below = xp.where(x < x_max, x / x_max, xp.ones_like(x))
    return below**alpha  # eq. 4


def glove_loss(
    w: Float[Array, "V E"],
    w_tilde: Float[Array, "V E"],
    b: Float[Array, "V"],
    b_tilde: Float[Array, "V"],
    counts: Float[Array, "V V"],
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> Float[Array, ""]:
    """Return the weighted sum of the squared misses of the log counts.

    A count of 0 is left out.

    Raises:
        ValueError: As `weight`, the counts are no square of finite floats
            from 0, or the parameters do not fit them.

    >>> import numpy as np
    >>> zero, counts = np.zeros((2, 1)), np.array([[1.0, np.e], [np.e, 0.0]])
    >>> glove_loss(zero, zero, zero[:, 0], zero[:, 0], counts, x_max=1.0)
    np.float64(2.0)
    """
    xp = array_namespace(counts)
    r = _residuals(Parameters(w, w_tilde, b, b_tilde), counts)
    return xp.sum(weight(counts, x_max, alpha) * r**2)  # eq. 6


def glove_gradient(
    w: Float[Array, "V E"],
    w_tilde: Float[Array, "V E"],
    b: Float[Array, "V"],
    b_tilde: Float[Array, "V"],
    counts: Float[Array, "V V"],
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> Parameters:
    """Return the gradient of `glove_loss` with respect to all parameters.

    Raises:
        ValueError: As `glove_loss`.

    >>> import numpy as np
    >>> zero, counts = np.zeros((2, 1)), np.array([[1.0, np.e], [np.e, 0.0]])
    >>> glove_gradient(
    ...     zero, zero, zero[:, 0], zero[:, 0], counts, x_max=1.0
    ... ).b
    array([-2., -2.])
    """
    xp = array_namespace(counts)
    r = _residuals(Parameters(w, w_tilde, b, b_tilde), counts)
    g = 2 * weight(counts, x_max, alpha) * r  # eq. 7
    dw = g @ w_tilde  # eq. 8
    return Parameters(dw, g.mT @ w, xp.sum(g, axis=1), xp.sum(g, axis=0))


def train(
    counts: Float[Array, "V V"],
    size: int,
    rng: Any,
    steps: int = 300,
    lr: float = 0.05,
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> Parameters:
    """Return parameters with vectors of `size` entries, fitted by AdaGrad.

    `rng` is a numpy.random.Generator; each step takes all counts.

    Raises:
        ValueError: As `glove_loss` or `adagrad_step`, there is no count above
            0, or size or steps is no integer from 1.

    >>> import numpy as np
    >>> counts = np.array([[0.0, 6.0], [6.0, 0.0]])
    >>> train(counts, 3, np.random.default_rng(0)).w.shape
    (2, 3)
    """
    size = _require_count("size", size)
    steps = _require_count("steps", steps)
    _require_square(counts)
    xp = array_namespace(counts)
    if not xp.any(counts > 0):
        raise ValueError(f"needs a count above 0, got {counts}")
    # Two tables, of words and contexts; the last column holds the biases.
    start = (rng.random((2, counts.shape[0], size + 1)) - 0.5) / size
    both = xp.asarray(start, dtype=counts.dtype, device=counts.device)
    state = None
    for _ in range(steps):
        g = glove_gradient(*_split(both), counts, x_max, alpha)
        slope = xp.stack(
            [
                xp.concat([g.w, g.b[:, None]], axis=1),
                xp.concat([g.w_tilde, g.b_tilde[:, None]], axis=1),
            ]
        )
        both, state = adagrad_step(both, slope, state, lr)
    return _split(both)


def _residuals(
    p: Parameters, counts: Float[Array, "V V"]
) -> Float[Array, "V V"]:
    """Return by how much the log counts are missed, 0 for a count of 0."""
    _require_square(counts)
    v, e = counts.shape[0], p.w.shape[-1:]
    shapes = tuple(tuple(x.shape) for x in p)
    if shapes != ((v, *e), (v, *e), (v,), (v,)):
        raise ValueError(
            f"needs two tables with {v} rows and {v} biases for each, got "
            f"shapes {shapes}"
        )
    xp = array_namespace(counts)
    x = xp.where(counts > 0, counts, xp.ones_like(counts))
    s = p.w @ p.w_tilde.mT + p.b[:, None] + p.b_tilde[None, :]
    r = s - xp.log(x)  # eq. 5
    return xp.where(counts > 0, r, xp.zeros_like(r))


def _split(both: Float[Array, "2 V _"]) -> Parameters:
    """Return the vectors and, from the last column, the biases."""
    w, w_tilde = both[0, :, :-1], both[1, :, :-1]
    return Parameters(w, w_tilde, both[0, :, -1], both[1, :, -1])


def _require_square(counts: Shaped[Array, "..."]) -> None:
    """Raise a ValueError unless these are counts of all pairs of words."""
    xp = array_namespace(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"needs a square of counts, got {tuple(counts.shape)}")
    if not xp.isdtype(counts.dtype, "real floating"):
        raise ValueError(f"counts need to be floats, got {counts.dtype}")
    if not xp.all((counts >= 0) & (counts < inf)):
        raise ValueError(f"counts need to be from 0 and finite, got {counts}")


def _require_rate(name: str, value: float) -> float:
    """Return a positive finite number as Python's: float32 stays float32."""
    if isinstance(value, bool) or not 0 < float(value) < inf:
        raise ValueError(f"{name} needs to be in (0, inf), got {value}")
    return float(value)


def _require_count(name: str, value: int, least: int = 1) -> int:
    """Return an integer of at least `least` as a Python number."""
    number = hasattr(value, "__index__") and not isinstance(value, bool)
    if not number or value < least:
        raise ValueError(
            f"{name} needs to be an integer from {least}, got {value}"
        )
    return int(value)
