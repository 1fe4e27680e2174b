"""Perceptron.

Answers -1 or +1 by a weighted vote against a threshold, and learns the
weights from its mistakes, one example at a time.

Axes    N examples, D features, *K units of a layer (none for a single unit).
Page    docs/en/neural_networks/perceptron.md ("eq. 3" marks the line of its
        (3))
Source  Rosenblatt, The Perceptron, Psychological Review 65, 1958; bound:
        Novikoff, On Convergence Proofs on Perceptrons, 1962
"""

from math import sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Real

from reference._typing import Array
from reference.classification.margin_losses import margin


class Perceptron(NamedTuple):
    """The weights and the bias of a unit, and its mistakes in each epoch."""

    w: Float[Array, "D"]
    b: Float[Array, ""]
    mistakes: tuple[int, ...]


def threshold_unit(
    x: Float[Array, "N D"], w: Float[Array, "D *K"], b: Float[Array, "*K"]
) -> Float[Array, "N *K"]:
    """Return +1 where the score x w + b is positive, and -1 elsewhere.

    A score of exactly 0 gives -1. With a matrix w and a vector b it is a
    layer of units, one a column.

    Raises:
        ValueError: The shapes do not belong together, or the numbers or the
            scores are not finite real floating-point numbers of one dtype.

    >>> import numpy as np
    >>> x, w = np.array([[3.0], [2.0], [1.0]]), np.array([1.0])
    >>> threshold_unit(x, w, np.array(-2.0))
    array([ 1., -1., -1.])
    """
    _require_fit(x, w, b)
    xp = array_namespace(x, w, b)
    score = x @ w + b
    if not bool(xp.all(xp.isfinite(score))):
        raise ValueError("a unit needs finite scores, got NaN or inf")
    one = xp.ones_like(score)
    return xp.where(score > 0, one, -one)  # eq. 1


def perceptron(
    x: Float[Array, "N D"], y: Real[Array, "N"], epochs: int
) -> Perceptron:
    """Return what the learning rule makes of zero weights, for labels +-1.

    It takes the examples in their order, and stops after an epoch without
    mistakes: the last of `mistakes` is then 0, and the classes are separated.

    Raises:
        ValueError: x is no matrix with examples and features, y does not hold
            a label -1 or +1 for each, the features are not finite real
            floating-point numbers, or so large that a score could overflow,
            or epochs is no whole number from 1 on.

    >>> import numpy as np
    >>> perceptron(np.array([[2.0], [-1.0]]), np.array([1, -1]), epochs=9)
    Perceptron(w=array([2.]), b=array(1.), mistakes=(1, 0))
    """
    signs = _signs(x, y)
    _require_epochs(x, epochs)
    xp = array_namespace(x)
    w, b, mistakes = xp.zeros_like(x[0, :]), xp.zeros_like(signs[0]), []
    for _ in range(epochs):
        mistakes.append(0)
        for n in range(x.shape[0]):
            m = signs[n] * (x[n, :] @ w + b)  # eq. 2
            if bool(m <= 0):
                w = w + signs[n] * x[n, :]  # eq. 3
                b = b + signs[n]  # eq. 4
                mistakes[-1] += 1
        if mistakes[-1] == 0:
            break
    return Perceptron(w, xp.asarray(b), tuple(mistakes))


def mistake_bound(
    x: Float[Array, "N D"],
    y: Real[Array, "N"],
    w: Float[Array, "D"],
    b: Float[Array, ""],
) -> Float[Array, ""]:
    """Return a number of mistakes that `perceptron` never exceeds.

    Any w and b that separate the classes give such a bound, also with
    epochs without end; those of the widest margin give the smallest.

    Raises:
        ValueError: As `perceptron`, the shapes or dtypes do not belong
            together, or w and b do not separate the classes (or by so little
            that the bound overflows).

    >>> import numpy as np
    >>> x, y = np.array([[2.0], [-1.0]]), np.array([1, -1])
    >>> float(mistake_bound(x, y, np.array([1.0]), np.array(0.0)))
    5.0
    """
    signs = _signs(x, y)
    _require_fit(x, w, b)
    if w.ndim != 1:
        raise ValueError(f"a bound is of one unit, got {w.shape[1]}")
    xp = array_namespace(x, w, b)
    v = xp.concat([w, b[None]])
    x = xp.concat([x, xp.ones_like(x[:, :1])], axis=1)
    # Squares of 1e200 overflow: divide by the largest number first.
    size, far = xp.max(xp.abs(v)), xp.max(xp.abs(x))
    v, x = v / xp.where(size > 0, size, xp.ones_like(size)), x / far
    radius = xp.sqrt(xp.max(xp.sum(x * x, axis=1)))
    least, length = xp.min(signs * (x @ v)), xp.sqrt(xp.sum(v * v))
    most = sqrt(float(xp.finfo(v.dtype).max))  # has a finite square
    if not bool(least * most > radius * length):
        raise ValueError(
            "a bound needs w and b with a positive margin on every example, "
            f"got w = {w} and b = {b}"
        )
    gamma = least / length
    return (radius / gamma) ** 2  # eq. 5


def _signs(x: Float[Array, "N D"], y: Real[Array, "N"]) -> Float[Array, "N"]:
    """Return the labels in the dtype of x, or raise if x or y will not do."""
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(
            "a perceptron needs examples with features, got x of shape "
            f"{tuple(x.shape)}"
        )
    _require_finite(x)
    xp = array_namespace(x)
    # At scores of 1 the margins are the labels, and margin checks them.
    return margin(y, xp.ones_like(x[:, 0]))


def _require_fit(
    x: Float[Array, "N D"], w: Float[Array, "D *K"], b: Float[Array, "*K"]
) -> None:
    """Raise unless each unit has a weight for each feature, and one bias."""
    shapes = tuple(x.shape), tuple(w.shape), tuple(b.shape)
    ranks = x.ndim == 2 and w.ndim in (1, 2)
    if not ranks or w.shape[0] != x.shape[1] or shapes[1][1:] != shapes[2]:
        raise ValueError(
            "needs x (N, D) with w (D,) and b (), or for a layer w (D, K) and "
            f"b (K,), got {shapes[0]}, {shapes[1]} and {shapes[2]}"
        )
    for a in (x, w, b):
        _require_finite(a)
    if not x.dtype == w.dtype == b.dtype:
        raise ValueError(
            f"needs numbers of one dtype, got {x.dtype}, {w.dtype} and "
            f"{b.dtype}"
        )


def _require_finite(a: Float[Array, "..."]) -> None:
    """Raise unless the values are finite real floating-point numbers."""
    xp = array_namespace(a)
    if not xp.isdtype(a.dtype, "real floating"):
        raise ValueError(f"needs real floating-point numbers, got {a.dtype}")
    if not bool(xp.all(xp.isfinite(a))):
        raise ValueError("needs finite values, got NaN or inf")


def _require_epochs(x: Float[Array, "N D"], epochs: int) -> None:
    """Raise unless the epochs are a number, and no score can overflow."""
    # NumPy's integers count; arrays, which have an index as well, do not.
    whole = hasattr(epochs, "__index__") and not hasattr(epochs, "__len__")
    if not whole or isinstance(epochs, bool) or epochs < 1:
        raise ValueError(f"needs a whole number of epochs >= 1, got {epochs}")
    xp = array_namespace(x)
    n, d = x.shape
    most = sqrt(float(xp.finfo(x.dtype).max) / (2 * int(epochs) * n * (d + 1)))
    largest = xp.max(xp.abs(x))
    if bool(largest > most):
        raise ValueError(
            f"scores could overflow in {x.dtype}: {epochs} epochs need "
            f"features of at most {most:.3g} in size, got {float(largest):.3g}"
        )
