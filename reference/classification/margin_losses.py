"""Margin losses.

Measures the score of a classifier with two classes by its margin, and the
margin by the zero-one loss and by three losses that one can train with.

Axes    *S any shape of examples.
Page    docs/en/classification/margin_losses.md ("eq. 3" marks the line of
        its (3))
Source  Bartlett, Jordan and McAuliffe, Convexity, Classification, and Risk
        Bounds, J. Am. Stat. Assoc. 101, 2006
"""

from collections.abc import Callable
from math import log

from array_api_compat import array_namespace
from jaxtyping import Float, Real

from reference._typing import Array
from reference.classification.logistic_regression import sigmoid


def margin(
    y: Real[Array, "*S"], score: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return y times score, in the unit of the score, for labels -1 and +1.

    Raises:
        ValueError: The shapes differ, a label is neither -1 nor +1, or the
            scores are not finite real floating-point numbers.

    >>> import numpy as np
    >>> margin(np.array([1, -1, 1]), np.array([3.0, -2.0, -1.0]))
    array([ 3.,  2., -1.])
    """
    _require_finite(score)
    xp = array_namespace(y, score)
    if tuple(y.shape) != tuple(score.shape):
        raise ValueError(
            "a margin needs one label for each score, got labels of shape "
            f"{tuple(y.shape)} and scores of shape {tuple(score.shape)}"
        )
    if not xp.isdtype(y.dtype, ("integral", "real floating")):
        raise ValueError(f"labels need to be numbers -1 or +1, got {y.dtype}")
    if not bool(xp.all(xp.abs(y) == 1)):
        raise ValueError(f"labels need to be -1 or +1, got {y}")
    y = xp.astype(y, score.dtype)
    return y * score  # eq. 1


def zero_one(m: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return 1 for a mistake and 0 else; a margin of 0 is a mistake.

    Raises:
        ValueError: The margins are not finite real floating-point numbers.

    >>> import numpy as np
    >>> zero_one(np.array([-2.0, 0.0, 0.5]))
    array([1., 1., 0.])
    """
    _require_finite(m)
    xp = array_namespace(m)
    return xp.astype(m <= 0, m.dtype)  # eq. 2


def hinge(m: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return by how much each margin falls short of 1.

    Raises:
        ValueError: As `zero_one`.

    >>> import numpy as np
    >>> hinge(np.array([-2.0, 0.5, 3.0]))
    array([3. , 0.5, 0. ])
    """
    _require_finite(m)
    xp = array_namespace(m)
    # Not maximum, whose slope in autograd is -1/2 at the kink.
    return xp.where(m < 1, 1 - m, xp.zeros_like(m))  # eq. 3


def logistic(m: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return minus the log-probability of the label, in nats.

    The score is read as the logarithm of the odds.

    Raises:
        ValueError: As `zero_one`.

    >>> import numpy as np
    >>> logistic(np.array([-1000.0, 0.0]))  # the second is log 2
    array([1000.   ,    0.693])
    """
    _require_finite(m)
    xp = array_namespace(m)
    return xp.logaddexp(xp.zeros_like(m), -m)  # eq. 4


def exponential(m: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return e to the minus margin.

    Raises:
        ValueError: As `zero_one`, or the loss of a margin is above the
            largest float: below about -709, in float32 about -88.

    >>> import numpy as np
    >>> exponential(np.array([0.0, np.log(4)]))
    array([1.  , 0.25])
    """
    _require_finite(m)
    xp = array_namespace(m)
    limits = xp.finfo(m.dtype)
    least = -log(float(limits.max)) * (1 - 4 * float(limits.eps))
    if not bool(xp.all(m >= least)):
        raise ValueError(
            "the exponential loss overflows: it needs margins of at least "
            f"{least:.2f} in {m.dtype}, got {float(xp.min(m)):.6g}"
        )
    return xp.exp(-m)  # eq. 5


def hinge_backward(
    dy: Float[Array, "..."] | float, m: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return dL/dm, where dy is dL/d(hinge loss); it is 0 at the kink.

    dy is one number for all margins, or one for each.

    Raises:
        ValueError: As `hinge`, or dy has another shape than m.

    >>> import numpy as np
    >>> hinge_backward(2.0, np.array([0.0, 1.0, 2.0]))
    array([-2.,  0.,  0.])
    """
    dy = _upstream(dy, m)
    xp = array_namespace(m)
    return xp.where(m < 1, -dy, xp.zeros_like(m))  # eq. 6


def logistic_backward(
    dy: Float[Array, "..."] | float, m: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return dL/dm, where dy is dL/d(logistic loss).

    Raises:
        ValueError: As `logistic`, or dy has another shape than m.

    >>> import numpy as np
    >>> logistic_backward(8.0, np.log(np.array([1.0, 3.0])))
    array([-4., -2.])
    """
    return -_upstream(dy, m) * sigmoid(-m)  # eq. 7


def exponential_backward(
    dy: Float[Array, "..."] | float, m: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return dL/dm, where dy is dL/d(exponential loss).

    Raises:
        ValueError: As `exponential`, or dy has another shape than m.

    >>> import numpy as np
    >>> exponential_backward(8.0, np.log(np.array([1.0, 4.0])))
    array([-8., -2.])
    """
    return -_upstream(dy, m) * exponential(m)  # eq. 8


def expected_loss(
    loss: Callable, p: float, score: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return the mean loss of each score if the label is +1 with probability p.

    Raises:
        ValueError: Not 0 <= p <= 1, or the loss refuses the score.

    >>> import numpy as np
    >>> expected_loss(hinge, 0.75, np.array([0.0, 1.0]))
    array([1. , 0.5])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"needs a probability 0 <= p <= 1, got {p}")
    p = float(p)
    return p * loss(score) + (1 - p) * loss(-score)  # eq. 9


def _require_finite(m: Float[Array, "*S"]) -> None:
    """Raise unless margins or scores are finite floating-point numbers."""
    xp = array_namespace(m)
    if not xp.isdtype(m.dtype, "real floating"):
        raise ValueError(
            "margins and scores need to be real floating-point numbers, "
            f"got {m.dtype}"
        )
    if not bool(xp.all(xp.isfinite(m))):
        raise ValueError(
            "margins and scores need finite values, got NaN or inf"
        )


def _upstream(
    dy: Float[Array, "..."] | float, m: Float[Array, "*S"]
) -> Float[Array, "..."]:
    """Return dy as an array of the kind of m, one number or of its shape."""
    _require_finite(m)
    xp = array_namespace(m)
    dy = xp.asarray(dy, dtype=m.dtype, device=m.device)
    if dy.ndim and tuple(dy.shape) != tuple(m.shape):
        raise ValueError(
            "a backward needs one dy, or one for each margin, got dy of shape "
            f"{tuple(dy.shape)} and margins of shape {tuple(m.shape)}"
        )
    return dy
