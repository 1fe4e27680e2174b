"""Maximum likelihood.

Chooses the parameters under which the data have the highest density. With
Gaussian errors that is least squares, with Laplace errors least absolute
deviations.

Axes    N examples, D columns of the design matrix.
Page    docs/en/regression/maximum_likelihood.md ("eq. 3" marks the line of
        its (3))
Source  Koenker and Portnoy, The Gaussian Hare and the Laplacian Tortoise,
        Statistical Science 12, 1997 (the reweighting, due to Meketon)
"""

from math import log, pi, sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.regression.least_squares import (
    least_squares,
    least_squares_svd,
    residuals,
)


class Fit(NamedTuple):
    """Coefficients, and the scale of the errors in the unit of the target."""

    beta: Float[Array, "D"]
    scale: Float[Array, ""]


def gaussian_log_likelihood(
    e: Float[Array, "N"], sigma: float | Float[Array, ""]
) -> Float[Array, ""]:
    """Return the log density of residuals e under Gaussian errors, in nats.

    Raises:
        ValueError: e is not a vector of real floating-point numbers, or sigma
            is not one positive finite number.

    >>> import numpy as np
    >>> float(gaussian_log_likelihood(np.array([0.0]), 0.1).round(2))
    1.38
    """
    xp = array_namespace(e)
    sigma = _positive_scale(e, sigma)
    constant = xp.log(sigma) + log(2 * pi) / 2
    return -e.shape[0] * constant - xp.sum((e / sigma) ** 2) / 2  # eq. 1


def gaussian_mle(x: Float[Array, "N D"], y: Float[Array, "N"]) -> Fit:
    """Return the most likely beta and sigma under Gaussian errors.

    Beta is that of least squares; sigma squared is the mean squared residual.

    Raises:
        ValueError: As `least_squares`, or the residuals are 0 up to rounding:
            the likelihood has no maximum.

    >>> import numpy as np
    >>> gaussian_mle(np.array([[1.0], [1.0]]), np.array([3.0, 7.0])).scale
    np.float64(2.0)
    """
    xp = array_namespace(x, y)
    beta = least_squares(x, y)
    e = residuals(x, y, beta)
    unit = _require_misfit(x, beta, e)  # or squares of 1e200 would overflow
    return Fit(beta, unit * xp.sqrt(xp.mean((e / unit) ** 2)))  # eq. 2


def laplace_log_likelihood(
    e: Float[Array, "N"], scale: float | Float[Array, ""]
) -> Float[Array, ""]:
    """Return the log density of residuals e under Laplace errors, in nats.

    Raises:
        ValueError: e is not a vector of real floating-point numbers, or scale
            is not one positive finite number.

    >>> import numpy as np
    >>> float(laplace_log_likelihood(np.array([3.0, -1.0]), 0.5))
    -8.0
    """
    xp = array_namespace(e)
    scale = _positive_scale(e, scale)
    return -e.shape[0] * xp.log(2 * scale) - xp.sum(xp.abs(e / scale))  # eq. 3


def laplace_mle(x: Float[Array, "N D"], y: Float[Array, "N"]) -> Fit:
    """Return the most likely beta and scale under Laplace errors.

    Beta is that of `least_absolute_deviations`; the scale is the mean absolute
    residual.

    Raises:
        ValueError: As `least_absolute_deviations`, or the residuals are 0 up
            to rounding: the likelihood has no maximum.
    """
    xp = array_namespace(x, y)
    beta = least_absolute_deviations(x, y)
    e = residuals(x, y, beta)
    _require_misfit(x, beta, e)
    return Fit(beta, xp.mean(xp.abs(e)))  # eq. 4


def least_absolute_deviations(
    x: Float[Array, "N D"], y: Float[Array, "N"], max_steps: int = 100
) -> Float[Array, "D"]:
    """Return coefficients with the smallest sum of absolute residuals.

    If there are several, one of them. The sum is proved to be the smallest up
    to a relative 6e-8, in float32 1.4e-3, and is mostly much closer. It is
    not made to be differentiated.

    Raises:
        ValueError: As `least_squares`, or `max_steps` weighted fits, at least
            one, do not prove it.

    >>> import numpy as np
    >>> ones, y = np.ones((3, 1)), np.array([1.0, 2.0, 6.0])
    >>> least_absolute_deviations(ones, y).round(6)  # the median
    array([2.])
    """
    if max_steps < 1:
        raise ValueError(f"a fit needs max_steps >= 1, got {max_steps}")
    xp = array_namespace(x, y)
    start = least_squares(x, y)
    e = residuals(x, y, start)
    unit = _misfit(x, start, e)
    if not bool(unit > 0):
        return start
    q, r = xp.linalg.qr(x)  # columns of any units become alike
    target = e / unit
    pulls = xp.zeros_like(target)
    tolerance = 4 * sqrt(xp.finfo(x.dtype).eps)  # rounding leaves a gap
    for _ in range(max_steps):
        fitted, e, stronger = _pull_harder(q, target, pulls)
        total = xp.sum(xp.abs(e))
        gap = total - xp.sum(pulls * target)
        if bool(gap <= tolerance * total):
            return start + unit * xp.linalg.solve(r, fitted)
        pulls = stronger
    raise ValueError(
        f"least absolute deviations need more than {max_steps} steps, got "
        f"within {float(gap / total):.0e} of the smallest sum"
    )


def _pull_harder(
    q: Float[Array, "N D"], y: Float[Array, "N"], pulls: Float[Array, "N"]
) -> tuple[Float[Array, "D"], Float[Array, "N"], Float[Array, "N"]]:
    """Return a weighted fit, its residuals, and pulls nearer to their limit.

    The columns of q are perpendicular to each other and have length 1.
    """
    xp = array_namespace(q, y, pulls)
    eps = float(xp.finfo(q.dtype).eps)
    room = xp.clip(1 - xp.abs(pulls), min=eps)  # eq. 5
    beta = least_squares_svd(room[:, None] * q, room * y, rtol=0.0)
    e = y - q @ beta
    move = room * e
    pulls = pulls + 0.97 * room * move / xp.max(xp.abs(move))  # eq. 6
    return beta, e, pulls - q @ (q.mT @ pulls)  # rounding unbalanced them


def _positive_scale(
    e: Float[Array, "N"], scale: float | Float[Array, ""]
) -> Float[Array, ""]:
    """Return the scale as an array like e; raise unless it is positive."""
    xp = array_namespace(e)
    if e.ndim != 1 or 0 in e.shape or not xp.isdtype(e.dtype, "real floating"):
        raise ValueError(
            "a likelihood needs a vector of real floating-point residuals, "
            f"got shape {tuple(e.shape)} and {e.dtype}"
        )
    if isinstance(scale, (int, float)) and not isinstance(scale, bool):
        scale = xp.asarray(scale, dtype=e.dtype, device=e.device)
    kinds = ("integral", "real floating")
    if getattr(scale, "ndim", -1) == 0 and xp.isdtype(scale.dtype, kinds):
        given = xp.astype(scale, e.dtype)
        if bool((given > 0) & xp.isfinite(given)):
            return given
    raise ValueError(
        f"a likelihood needs one positive finite scale, got {scale}"
    )


def _misfit(
    x: Float[Array, "N D"], beta: Float[Array, "D"], e: Float[Array, "N"]
) -> Float[Array, ""]:
    """Return the largest absolute residual, or 0 if all are only rounding."""
    xp = array_namespace(x, beta, e)
    largest = xp.max(xp.abs(e))
    digit = 10 * float(xp.finfo(e.dtype).eps)
    rounding = xp.max(xp.abs(x) @ (digit * xp.abs(beta)))
    return xp.where(largest > rounding, largest, xp.zeros_like(largest))


def _require_misfit(
    x: Float[Array, "N D"], beta: Float[Array, "D"], e: Float[Array, "N"]
) -> Float[Array, ""]:
    """Return the largest absolute residual; raise if all are rounding."""
    unit = _misfit(x, beta, e)
    if not bool(unit > 0):
        xp = array_namespace(e)
        largest = float(xp.max(xp.abs(e)))
        raise ValueError(
            "the likelihood of a perfect fit has no maximum: a scale needs "
            f"residuals beyond rounding, got at most {largest:.0e}"
        )
    return unit
