"""Affine maps.

Multiplies every example by a matrix and adds a bias; carries a gradient back
through that; and makes one map of two that follow each other.

Axes    N examples, D inputs, K outputs, M outputs of a second map.
Page    docs/en/foundations/affine_maps.md ("eq. 3" marks the line of its (3))
Source  Goodfellow, Bengio and Courville, Deep Learning, 2016, chapters 2 and 6
"""

from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


class AffineMap(NamedTuple):
    """The weights and the bias of a map from D numbers to K."""

    w: Float[Array, "D K"]
    b: Float[Array, "K"]


class AffineGradients(NamedTuple):
    """The gradients of a loss with respect to what an affine map took in."""

    dx: Float[Array, "N D"]
    dw: Float[Array, "D K"]
    db: Float[Array, "K"]


def affine(
    x: Float[Array, "N D"], w: Float[Array, "D K"], b: Float[Array, "K"]
) -> Float[Array, "N K"]:
    """Return x W + b: each row of x times the matrix, plus the bias.

    Raises:
        ValueError: The shapes of x, w and b do not belong together, or they
            do not hold real floating-point numbers.

    >>> import numpy as np
    >>> w, b = np.array([[1.0], [2.0]]), np.array([10.0])
    >>> affine(np.array([[3.0, 4.0]]), w, b)
    array([[21.]])
    """
    _require_fit(x, w, b)
    return x @ w + b  # eq. 1


def affine_backward(
    dy: Float[Array, "N K"],
    x: Float[Array, "N D"],
    w: Float[Array, "D K"],
    b: Float[Array, "K"],
) -> AffineGradients:
    """Return dL/dx, dL/dw and dL/db, where dy is dL/d(affine(x, w, b)).

    Raises:
        ValueError: As for affine, or dy does not have the shape of its result.

    >>> import numpy as np
    >>> x, w = np.array([[3.0, 4.0]]), np.array([[1.0], [2.0]])
    >>> dx, dw, db = affine_backward(np.array([[1.0]]), x, w, np.zeros(1))
    >>> dx, dw, db
    (array([[1., 2.]]), array([[3.],
           [4.]]), array([1.]))
    """
    _require_fit(x, w, b)
    needed = (x.shape[0], w.shape[1])
    if tuple(dy.shape) != needed:
        raise ValueError(
            f"affine_backward needs dy {needed}, got {tuple(dy.shape)}"
        )
    _require_floating(dy)
    xp = array_namespace(dy, x, w, b)
    dx = dy @ w.mT  # eq. 2
    dw = x.mT @ dy  # eq. 3
    db = xp.sum(dy, axis=0)  # eq. 4
    return AffineGradients(dx, dw, db)


def compose_affine(
    w1: Float[Array, "D K"],
    b1: Float[Array, "K"],
    w2: Float[Array, "K M"],
    b2: Float[Array, "M"],
) -> AffineMap:
    """Return the one map that does what (w1, b1) and then (w2, b2) do.

    Raises:
        ValueError: The shapes do not belong together, or the arrays do not
            hold real floating-point numbers.

    >>> import numpy as np
    >>> two, one = np.array([[2.0]]), np.array([1.0])
    >>> compose_affine(two, one, two, one)  # 2 (2 x + 1) + 1
    AffineMap(w=array([[4.]]), b=array([3.]))
    """
    fits = w1.ndim == 2 and b1.ndim == b2.ndim == 1
    fits = fits and w1.shape[1] == b1.shape[0]
    if not fits or tuple(w2.shape) != (b1.shape[0], b2.shape[0]):
        raise ValueError(
            "a composition needs w1 (D, K), b1 (K,), w2 (K, M) and b2 (M,), "
            f"got {tuple(w1.shape)}, {tuple(b1.shape)}, {tuple(w2.shape)} "
            f"and {tuple(b2.shape)}"
        )
    _require_floating(w1, b1, w2, b2)
    w = w1 @ w2  # eq. 5
    b = b1 @ w2 + b2  # eq. 6
    return AffineMap(w, b)


def _require_fit(
    x: Float[Array, "N D"], w: Float[Array, "D K"], b: Float[Array, "K"]
) -> None:
    """Raise unless x W + b is defined, and each output has one bias."""
    fits = x.ndim == 2 and b.ndim == 1
    if not fits or tuple(w.shape) != (x.shape[1], b.shape[0]):
        raise ValueError(
            "an affine map needs x (N, D), w (D, K) and b (K,), got "
            f"{tuple(x.shape)}, {tuple(w.shape)} and {tuple(b.shape)}"
        )
    _require_floating(x, w, b)


def _require_floating(*arrays: Float[Array, "..."]) -> None:
    """Raise for integers, which can overflow, and for truth values."""
    xp = array_namespace(*arrays)
    for a in arrays:
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                "an affine map needs real floating-point numbers, "
                f"got {a.dtype}"
            )
