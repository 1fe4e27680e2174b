"""Mixup.

Mixes every example of a batch with another one, pictures and labels in the
same shares, so that a network also learns what to answer in between.

Axes    N examples, C classes; *features are any axes of an example, such as
        D features or the channels and pixels of a picture.
Page    docs/en/training/mixup.md ("eq. 3" marks the line of its (3))
Source  Zhang, Cisse, Dauphin and Lopez-Paz, mixup: Beyond Empirical Risk
        Minimization, ICLR 2018, arXiv:1710.09412
"""

from typing import Any, NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Integer

from reference._typing import Array


class Mixed(NamedTuple):
    """Mixed inputs, and the mixed labels that belong to them."""

    x: Float[Array, "N *features"]
    y: Float[Array, "N C"]


def one_hot(
    t: Integer[Array, "N"], classes: int, dtype: Any
) -> Float[Array, "N C"]:
    """Return a row for each label, 1 at its class and 0 elsewhere, in dtype.

    Raises:
        ValueError: t is not (N,) integers in 0 ... classes - 1, classes is
            no whole number above 0, or dtype is not real floating-point.

    >>> import numpy as np
    >>> one_hot(np.array([2, 0]), 3, np.float64)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    xp = array_namespace(t)
    whole = hasattr(classes, "__index__") and not isinstance(classes, bool)
    if not whole or classes < 1:
        raise ValueError(f"classes must be a whole number >= 1, got {classes}")
    if not xp.isdtype(dtype, "real floating"):  # integers cannot be mixed
        raise ValueError(f"a real floating-point dtype is needed, got {dtype}")
    if t.ndim != 1 or not xp.isdtype(t.dtype, "integral"):
        kind = f"{t.dtype} of shape {tuple(t.shape)}"
        raise ValueError(f"labels need to be integers (N,), got {kind}")
    t = xp.astype(t, xp.int64)
    if not bool(xp.all((t >= 0) & (t < classes))):
        found = f"{int(xp.min(t))} ... {int(xp.max(t))}"
        raise ValueError(
            f"labels need to be in 0 ... {classes - 1}, got {found}"
        )
    c = xp.arange(classes, dtype=xp.int64, device=t.device)
    return xp.astype(t[:, None] == c, dtype)  # eq. 1


def beta_weights(rng: Any, alpha: float, n: int) -> Float[Array, "N"]:
    """Return n weights from Beta(alpha, alpha), drawn by a NumPy generator.

    Each has mean 1/2 and variance 1 / (4 (2 alpha + 1)). With alpha = 0 all
    are 1: no mixing.

    Raises:
        ValueError: alpha is not in 0 ... 1e300, or n is negative.

    >>> import numpy as np
    >>> beta_weights(np.random.default_rng(0), 0.0, 3)
    array([1., 1., 1.])
    """
    alpha = float(alpha)  # as float32 the bound would overflow
    if not 0 <= alpha <= 1e300:  # above, the generator overflows
        raise ValueError(f"alpha must be in [0, 1e300], got {alpha}")
    if alpha == 0:  # the beta distribution itself needs more than 0
        return rng.uniform(1.0, 1.0, n)
    return rng.beta(alpha, alpha, n)


def mixup(
    x: Float[Array, "N *features"],
    y: Float[Array, "N C"],
    order: Integer[Array, "N"],
    weight: float | Float[Array, "N"],
) -> Mixed:
    """Return weight times each example plus 1 - weight times its partner.

    Example n has partner order[n]; weight is one number for all or one for
    each. order and weight may be NumPy arrays whatever x and y are.

    Raises:
        ValueError: x or y is not real floating-point, y is not (N, C) with N
            examples as in x, order is not N integers in 0 ... N - 1, or
            weight is not in [0, 1] or neither one number nor N.

    >>> import numpy as np
    >>> x, y = np.array([[0.0], [8.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> mixup(x, y, order=np.array([1, 0]), weight=0.75).x
    array([[2.],
           [6.]])
    """
    _require_examples(x, y)
    order = _partners(order, x)
    v, w = _shares(weight, x), _shares(weight, y)
    xp = array_namespace(x, y)
    return Mixed(
        v * x + (1 - v) * xp.take(x, order, axis=0),  # eq. 2
        w * y + (1 - w) * xp.take(y, order, axis=0),  # eq. 3
    )


def _require_examples(
    x: Float[Array, "N *features"], y: Float[Array, "N C"]
) -> None:
    """Raise unless there are examples, each with a row of probabilities."""
    xp = array_namespace(x, y)
    if x.ndim < 1 or y.ndim != 2 or not 0 < x.shape[0] == y.shape[0]:
        raise ValueError(
            "mixup needs x (N, ...) and y (N, C) of 1 example or more, got "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
    for name, a in (("x", x), ("y", y)):
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                f"{name} must be real floating-point, got {a.dtype}"
            )


def _partners(
    order: Integer[Array, "N"], x: Float[Array, "N *features"]
) -> Integer[Array, "N"]:
    """Return the partners on the device of x, or raise."""
    xp = array_namespace(x)
    given, n = xp.asarray(order, device=x.device), x.shape[0]
    fits = tuple(given.shape) == (n,) and xp.isdtype(given.dtype, "integral")
    chosen = xp.astype(given, xp.int64)
    if not fits or not bool(xp.all((chosen >= 0) & (chosen < n))):
        raise ValueError(
            f"order must be {n} integers in 0 ... {n - 1}, got {order}"
        )
    return chosen


def _shares(
    weight: float | Float[Array, "N"], a: Float[Array, "N *rest"]
) -> Float[Array, "*ones"]:
    """Return the weights in the dtype of a and ready to multiply, or raise."""
    xp = array_namespace(a)
    w, n = xp.asarray(weight, dtype=a.dtype, device=a.device), a.shape[0]
    fits = tuple(w.shape) in ((), (n,))
    if not fits or not bool(xp.all((w >= 0) & (w <= 1))):
        raise ValueError(
            f"weight must be a number in [0, 1] or {n} of them, got {weight}"
        )
    return xp.reshape(w, (-1,) + (1,) * (a.ndim - 1))
