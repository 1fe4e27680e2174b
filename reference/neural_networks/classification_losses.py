"""Classification losses.

Measures logits by the binary cross entropy, for yes or no, and by the cross
entropy of a softmax, for one of C classes; each with its gradient.

Axes    *S any shape, N entries in all; *batch any number of leading axes,
        also none, N rows in all; C classes.
Page    docs/en/neural_networks/classification_losses.md ("eq. 3" marks the
        line of its (3))
Source  Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2
"""

from math import prod, sqrt

from array_api_compat import array_namespace
from jaxtyping import Float, Integer, Shaped

from reference._typing import Array
from reference.classification.logistic_regression import sigmoid
from reference.classification.softmax_regression import (
    cross_entropy as softmax_cross_entropy,
)
from reference.classification.softmax_regression import (
    cross_entropy_backward,
    log_softmax,
    softmax,
)


def binary_cross_entropy(
    z: Float[Array, "*S"], y: Shaped[Array, "*S"]
) -> Float[Array, ""]:
    """Return the mean binary cross entropy over all entries, in nats.

    z are logits, not probabilities; y are labels 0 and 1, or probabilities of
    label 1.

    Raises:
        ValueError: The shapes differ, there is no entry, a logit is not a
            real floating-point number of at most half the largest float in
            size, a target is not from 0 to 1, or the sum of all entries is
            above the largest float.

    >>> import numpy as np
    >>> binary_cross_entropy(np.zeros(2), np.array([0, 1]))  # log 2
    np.float64(0.693)
    """
    y = _targets(z, y)
    xp = array_namespace(z, y)
    # Not abs(z), whose slope in autograd is 0 at 0.
    tail = xp.log1p(xp.exp(xp.where(z < 0, z, -z)))
    wrong = xp.where(z < 0, -y, 1 - y)
    return _finite(xp.mean(wrong * z + tail))  # eq. 1


def binary_cross_entropy_gradient(
    z: Float[Array, "*S"], y: Shaped[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return the gradient of `binary_cross_entropy` in z.

    Raises:
        ValueError: As `binary_cross_entropy`, but for the sum.

    >>> import numpy as np
    >>> binary_cross_entropy_gradient(np.zeros(2), np.array([0, 1]))
    array([ 0.25, -0.25])
    """
    y = _targets(z, y)
    # p - y, and right to the last digit also where p is nearly 1.
    miss = (1 - y) * sigmoid(z) - y * sigmoid(-z)
    return miss / prod(z.shape)  # eq. 2


def cross_entropy(
    z: Float[Array, "*batch C"], t: Integer[Array, "..."]
) -> Float[Array, ""]:
    """Return the mean over all rows of -log softmax(z) at the label, in nats.

    z are logits, not probabilities; t is the class of every row, counted
    from 0.

    Raises:
        ValueError: There is no row or no axis of classes, a logit is not a
            real floating-point number of at most half the largest float in
            size, a row has no label of its own, an integer in 0 ... C - 1, or
            the sum of all rows is above the largest float.

    >>> import numpy as np
    >>> cross_entropy(np.zeros((2, 4)), np.array([3, 0]))  # log 4
    np.float64(1.386)
    """
    _require_logits(z)
    _require_classes(z)
    return _finite(softmax_cross_entropy(z, t))  # eq. 3


def cross_entropy_gradient(
    z: Float[Array, "*batch C"], t: Integer[Array, "..."]
) -> Float[Array, "*batch C"]:
    """Return the gradient of `cross_entropy` in z.

    Raises:
        ValueError: As `cross_entropy`, but for the sum.

    >>> import numpy as np
    >>> cross_entropy_gradient(np.zeros((1, 4)), np.array([3]))
    array([[ 0.25,  0.25,  0.25, -0.75]])
    """
    _require_logits(z)
    _require_classes(z)
    return cross_entropy_backward(1.0, z, t)  # eq. 4


def cross_entropy_one_hot(
    z: Float[Array, "*batch C"], y: Shaped[Array, "*batch C"]
) -> Float[Array, ""]:
    """Return the mean cross entropy over all rows, in nats.

    z are logits, not probabilities; a row of y holds the probabilities of the
    classes, for a known label 1 at its class and 0 elsewhere.

    Raises:
        ValueError: As `binary_cross_entropy`, there is no axis of classes, or
            a row of targets does not sum to 1, but for the root of the
            distance from 1 to the next float.

    >>> import numpy as np
    >>> z, y = np.zeros((1, 4)), np.array([[0.5, 0.5, 0.0, 0.0]])
    >>> cross_entropy_one_hot(z, y)  # log 4
    np.float64(1.386)
    """
    y = _distributions(z, y)
    xp = array_namespace(z, y)
    rows = xp.sum(y * log_softmax(z), axis=-1)
    # Not -mean, which is -0 for a perfect prediction.
    return _finite(0 - xp.mean(rows))  # eq. 5


def cross_entropy_one_hot_gradient(
    z: Float[Array, "*batch C"], y: Shaped[Array, "*batch C"]
) -> Float[Array, "*batch C"]:
    """Return the gradient of `cross_entropy_one_hot` in z.

    Raises:
        ValueError: As `cross_entropy_one_hot`, but for the sum.

    >>> import numpy as np
    >>> z, y = np.zeros((1, 4)), np.array([[0.5, 0.5, 0.0, 0.0]])
    >>> cross_entropy_one_hot_gradient(z, y)
    array([[-0.25, -0.25,  0.25,  0.25]])
    """
    y = _distributions(z, y)
    return (softmax(z) - y) / prod(z.shape[:-1])  # eq. 6


def _require_logits(z: Float[Array, "*S"]) -> None:
    """Raise unless there are logits, and their differences are finite."""
    if 0 in z.shape:
        raise ValueError(
            f"a loss needs entries, got logits of shape {tuple(z.shape)}"
        )
    xp = array_namespace(z)
    if not xp.isdtype(z.dtype, "real floating"):
        raise ValueError(
            f"logits need to be real floating-point numbers, got {z.dtype}"
        )
    most = float(xp.finfo(z.dtype).max) / 2
    if not bool(xp.all(xp.abs(z) <= most)):
        raise ValueError(
            f"logits in {z.dtype} need to be finite, from {-most:.1e} to "
            f"{most:.1e}, got {float(xp.min(z)):.6g} ... "
            f"{float(xp.max(z)):.6g}"
        )


def _require_classes(z: Float[Array, "*S"]) -> None:
    """Raise unless the logits have a last axis, that of the classes."""
    if z.ndim == 0:
        raise ValueError("needs an axis of classes, got a single logit")


def _targets(
    z: Float[Array, "*S"], y: Shaped[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return the targets in the dtype of the logits, or raise."""
    _require_logits(z)
    xp = array_namespace(z, y)
    if tuple(y.shape) != tuple(z.shape):
        raise ValueError(
            "needs one target for each logit, got logits of shape "
            f"{tuple(z.shape)} and targets of shape {tuple(y.shape)}"
        )
    if not xp.isdtype(y.dtype, ("bool", "integral", "real floating")):
        raise ValueError(f"targets need to be real numbers, got {y.dtype}")
    y = xp.astype(y, z.dtype)
    if not bool(xp.all((y >= 0) & (y <= 1))):
        raise ValueError(
            f"targets need to be in 0 ... 1, got {float(xp.min(y)):.6g} ... "
            f"{float(xp.max(y)):.6g}"
        )
    return y


def _distributions(
    z: Float[Array, "*batch C"], y: Shaped[Array, "*batch C"]
) -> Float[Array, "*batch C"]:
    """Return the targets, or raise unless every row of them sums to 1."""
    y = _targets(z, y)
    _require_classes(z)
    xp = array_namespace(y)
    tolerance = sqrt(float(xp.finfo(y.dtype).eps))
    total = xp.sum(y, axis=-1)
    if not bool(xp.all(xp.abs(total - 1) <= tolerance)):
        raise ValueError(
            "the targets of a row need to sum to 1, got sums from "
            f"{float(xp.min(total)):.6g} to {float(xp.max(total)):.6g}"
        )
    return y


def _finite(loss: Float[Array, ""]) -> Float[Array, ""]:
    """Return the loss; raise if the sum in it is above the largest float."""
    xp = array_namespace(loss)
    if not bool(xp.isfinite(loss)):
        raise ValueError(
            f"the sum of the losses overflows in {loss.dtype}: it needs "
            "smaller logits"
        )
    return loss
