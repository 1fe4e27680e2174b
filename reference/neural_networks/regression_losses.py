"""Regression losses.

Measures predicted numbers by their squared, absolute or Huber loss, and
predicted means with predicted variances by the Gaussian negative
log-likelihood; each with its gradient.

Axes    *S any shape; a loss is the mean over all N entries of it.
Page    docs/en/neural_networks/regression_losses.md ("eq. 3" marks the line
        of its (3))
Source  Huber, Robust Estimation of a Location Parameter, Ann. Math. Stat. 35,
        1964; Nix and Weigend, Estimating the Mean and Variance of the Target
        Probability Distribution, ICNN 1994
"""

from math import log, pi, prod
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


class GaussianGradient(NamedTuple):
    """Gradients of the Gaussian loss, each with the shape of its input."""

    mean: Float[Array, "*S"]
    variance: Float[Array, "*S"]


def mean_squared_error(
    y_hat: Float[Array, "*S"], y: Float[Array, "*S"]
) -> Float[Array, ""]:
    """Return the mean over all entries of the squared errors.

    In the squared unit of y.

    Raises:
        ValueError: The shapes differ, there is no entry, predictions and
            targets are not finite real floating-point numbers, or the loss,
            or a square in it, is above the largest float.

    >>> import numpy as np
    >>> mean_squared_error(np.array([2.0, 2.0]), np.array([1.0, 5.0]))
    np.float64(5.0)
    """
    return _mean(_finite(_excess(y_hat, y), power=2) ** 2)  # eq. 1


def mean_absolute_error(
    y_hat: Float[Array, "*S"], y: Float[Array, "*S"]
) -> Float[Array, ""]:
    """Return the mean over all entries of the absolute errors, in units of y.

    Raises:
        ValueError: As `mean_squared_error`.

    >>> import numpy as np
    >>> mean_absolute_error(np.array([2.0, 2.0]), np.array([1.0, 5.0]))
    np.float64(2.0)
    """
    xp = array_namespace(y_hat, y)
    return _mean(xp.abs(_excess(y_hat, y)))  # eq. 2


def huber(
    y_hat: Float[Array, "*S"], y: Float[Array, "*S"], delta: float = 1.0
) -> Float[Array, ""]:
    """Return the mean over all entries of the Huber loss.

    Half the squared error up to delta, which has the unit of y, and delta
    times (absolute error minus delta / 2) beyond. In the squared unit of y.

    Raises:
        ValueError: As `mean_squared_error`, or delta is not a positive finite
            number.

    >>> import numpy as np
    >>> huber(np.array([2.0, 2.0]), np.array([1.0, 5.0]), delta=2.0)
    np.float64(2.25)
    """
    xp = array_namespace(y_hat, y)
    size = xp.abs(_excess(y_hat, y))
    # Both cases in one, and neither squares what is larger than delta.
    part = xp.clip(size, max=_threshold(delta, size))
    return _mean(part * (size - part / 2))  # eq. 3


def mean_squared_error_gradient(
    y_hat: Float[Array, "*S"], y: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return the gradient of `mean_squared_error` in y_hat.

    Raises:
        ValueError: As `mean_squared_error`, but for the loss: an entry of the
            gradient is above the largest float.

    >>> import numpy as np
    >>> mean_squared_error_gradient(np.array([2.0, 2.0]), np.array([1.0, 5.0]))
    array([ 1., -3.])
    """
    r = _excess(y_hat, y)
    return _finite(2 / prod(r.shape) * r)  # eq. 4


def mean_absolute_error_gradient(
    y_hat: Float[Array, "*S"], y: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return the gradient of `mean_absolute_error` in y_hat; 0 at the kink.

    Raises:
        ValueError: As `mean_squared_error`, but for the loss.

    >>> import numpy as np
    >>> mean_absolute_error_gradient(np.array([2.0, 2.0]), np.array([1.0, 5.0]))
    array([ 0.5, -0.5])
    """
    xp = array_namespace(y_hat, y)
    r = _excess(y_hat, y)
    return xp.sign(r) / prod(r.shape)  # eq. 5


def huber_gradient(
    y_hat: Float[Array, "*S"], y: Float[Array, "*S"], delta: float = 1.0
) -> Float[Array, "*S"]:
    """Return the gradient of `huber` in y_hat; no entry exceeds delta / N.

    Raises:
        ValueError: As `huber`, but for the loss.

    >>> import numpy as np
    >>> huber_gradient(np.array([2.0, 2.0]), np.array([1.0, 5.0]), delta=2.0)
    array([ 0.5, -1. ])
    """
    xp = array_namespace(y_hat, y)
    r = _excess(y_hat, y)
    delta = _threshold(delta, r)
    return xp.clip(r, -delta, delta) / prod(r.shape)  # eq. 6


def gaussian_nll(
    mean: Float[Array, "*S"],
    variance: Float[Array, "*S"],
    y: Float[Array, "*S"],
) -> Float[Array, ""]:
    """Return the mean negative log density of y under Gaussians, in nats.

    The variance has the squared unit of y; the constant log(2 pi) / 2 is in.

    Raises:
        ValueError: As `mean_squared_error`, or a variance is not positive and
            finite.

    >>> import numpy as np
    >>> one = np.array([1.0])
    >>> float(gaussian_nll(one, one, one).round(3))  # log(2 pi) / 2
    0.919
    """
    z = _standardized(mean, variance, y)
    xp = array_namespace(z, variance)
    z = _finite(z, power=2)
    return _mean((log(2 * pi) + xp.log(variance) + z**2) / 2)  # eq. 7


def gaussian_nll_gradient(
    mean: Float[Array, "*S"],
    variance: Float[Array, "*S"],
    y: Float[Array, "*S"],
) -> GaussianGradient:
    """Return the gradient of `gaussian_nll` in mean and in variance.

    Raises:
        ValueError: As `gaussian_nll`, but for the loss: an entry of a
            gradient is above the largest float.

    >>> import numpy as np
    >>> mean, variance = np.array([3.0]), np.array([4.0])
    >>> gaussian_nll_gradient(mean, variance, np.array([1.0])).mean
    array([0.5])
    """
    z = _standardized(mean, variance, y)
    n = prod(z.shape)
    dmean = (mean - y) / n / variance  # eq. 8
    # (1 - z)(1 + z): the square alone may overflow.
    dvariance = (1 - z) / variance * ((1 + z) / (2 * n))  # eq. 9
    # Where dmean overflows, its square does too: one check is enough.
    return GaussianGradient(dmean, _finite(dvariance))


def _excess(
    y_hat: Float[Array, "*S"], y: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return by how much each prediction exceeds its target."""
    xp = array_namespace(y_hat, y)
    if tuple(y_hat.shape) != tuple(y.shape) or 0 in y.shape:
        raise ValueError(
            "a loss needs entries, one prediction for each target, got "
            f"predictions of shape {tuple(y_hat.shape)} and targets of shape "
            f"{tuple(y.shape)}"
        )
    for a in (y_hat, y):
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                "predictions and targets need to be real floating-point "
                f"numbers, got {a.dtype}"
            )
    r = y_hat - y
    if not bool(xp.all(xp.isfinite(r))):
        raise ValueError(
            "predictions, targets and their differences need finite values, "
            "got NaN or inf"
        )
    return r


def _standardized(
    mean: Float[Array, "*S"],
    variance: Float[Array, "*S"],
    y: Float[Array, "*S"],
) -> Float[Array, "*S"]:
    """Return by how many standard deviations each mean exceeds its target."""
    r = _excess(mean, y)
    xp = array_namespace(r, variance)
    if tuple(variance.shape) != tuple(y.shape):
        raise ValueError(
            "a loss needs one variance for each target, got variances of "
            f"shape {tuple(variance.shape)} and targets of shape "
            f"{tuple(y.shape)}"
        )
    if not xp.isdtype(variance.dtype, "real floating"):
        raise ValueError(
            "variances need to be real floating-point numbers, got "
            f"{variance.dtype}"
        )
    if not bool(xp.all((variance > 0) & xp.isfinite(variance))):
        raise ValueError(
            "variances need to be positive and finite, got values from "
            f"{float(xp.min(variance))} to {float(xp.max(variance))}"
        )
    return r / xp.sqrt(variance)


def _threshold(delta: float, like: Float[Array, "*S"]) -> float:
    """Return delta as a Python number that the array's dtype can hold."""
    xp = array_namespace(like)
    limits = xp.finfo(like.dtype)
    least, most = float(limits.smallest_normal), float(limits.max)
    # A NumPy float32 would turn both limits into its own 0 and inf.
    if isinstance(delta, bool) or not least <= float(delta) <= most:
        raise ValueError(
            f"the Huber loss needs a positive finite delta in {like.dtype}, "
            f"got {delta}"
        )
    return float(delta)


def _mean(loss: Float[Array, "*S"]) -> Float[Array, ""]:
    """Return the mean of all entries."""
    xp = array_namespace(loss)
    # Divided first: a sum may overflow where the mean does not.
    return _finite(xp.sum(loss / prod(loss.shape)))


def _finite(result: Float[Array, "*S"], power: int = 1) -> Float[Array, "*S"]:
    """Return the result; raise if its power is above the largest float."""
    xp = array_namespace(result)
    # Asked before the power is taken: NumPy would warn.
    most = float(xp.finfo(result.dtype).max) ** (1 / power)
    if not bool(xp.all(xp.abs(result) <= most)):
        raise ValueError(
            f"a loss or a gradient overflows in {result.dtype}: it needs "
            "smaller errors, or variances farther from 0"
        )
    return result
