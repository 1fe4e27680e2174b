"""Goodness of fit.

Measures how far predictions miss their targets, in the unit of the target and
relative to the mean, and divides by the degrees of freedom that are left.

Axes    N examples.
Page    docs/en/regression/goodness_of_fit.md ("eq. 3" marks the line of its
        (3))
Source  James, Witten, Hastie and Tibshirani, An Introduction to Statistical
        Learning, 2nd ed., 2021, chapters 3 and 6
"""

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def rss(y: Float[Array, "N"], y_hat: Float[Array, "N"]) -> Float[Array, ""]:
    """Return the residual sum of squares, in the squared unit of y.

    Raises:
        ValueError: y and y_hat are not vectors of the same examples, at least
            one, of real floating-point numbers; or the sum is not finite.

    >>> import numpy as np
    >>> float(rss(np.array([1.0, 5.0]), np.array([2.0, 3.0])))
    5.0
    """
    xp = array_namespace(y, y_hat)
    return _require_finite(xp.sum(_residuals(y, y_hat) ** 2))  # eq. 1


def tss(y: Float[Array, "N"]) -> Float[Array, ""]:
    """Return the total sum of squares about the mean, in the squared unit.

    Raises:
        ValueError: y is no vector, is empty, does not hold real
            floating-point numbers, or the sum is not finite.

    >>> import numpy as np
    >>> float(tss(np.array([1.0, 5.0])))
    8.0
    """
    xp = array_namespace(y)
    return _require_finite(xp.sum(_deviations(y) ** 2))  # eq. 2


def r_squared(
    y: Float[Array, "N"], y_hat: Float[Array, "N"]
) -> Float[Array, ""]:
    """Return R^2, by which share y_hat misses less than the mean does.

    It is 1 for no miss, 0 for the mean and negative for worse; no unit.

    Raises:
        ValueError: As `rss`, or the targets are equal up to rounding: there
            is nothing to compare with.

    >>> import numpy as np
    >>> float(r_squared(np.array([1.0, 5.0]), np.array([2.0, 4.0])))
    0.75
    """
    return _require_finite(1 - _ratio(y, y_hat))  # eq. 3


def rse(
    y: Float[Array, "N"], y_hat: Float[Array, "N"], columns: int
) -> Float[Array, ""]:
    """Return the residual standard error, in the unit of y.

    `columns` is the number of coefficients, the intercept included. Where no
    residual is left, automatic differentiation gives nan: there is no slope.

    Raises:
        ValueError: As `rss`, or not 1 <= columns < N.

    >>> import numpy as np
    >>> y, y_hat = np.array([1.0, 5.0, 3.0]), np.array([3.0, 3.0, 3.0])
    >>> float(rse(y, y_hat, columns=1))
    2.0
    """
    xp = array_namespace(y, y_hat)
    e = _residuals(y, y_hat)
    freedom = _degrees_of_freedom(y, columns)
    unit = xp.max(xp.abs(e))  # or squares of 1e200 would overflow
    unit = xp.where(unit > 0, unit, 1.0)
    mean_square = xp.sum((e / unit) ** 2) / freedom
    return _require_finite(unit * xp.sqrt(mean_square))  # eq. 4


def adjusted_r_squared(
    y: Float[Array, "N"], y_hat: Float[Array, "N"], columns: int
) -> Float[Array, ""]:
    """Return R^2 with each sum of squares per degree of freedom; no unit.

    `columns` is the number of coefficients, the intercept included.

    Raises:
        ValueError: As `r_squared`, or not 1 <= columns < N.

    >>> import numpy as np
    >>> y, y_hat = np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 2.0])
    >>> float(r_squared(y, y_hat)), float(adjusted_r_squared(y, y_hat, 2))
    (0.5, 0.0)
    """
    ratio = _ratio(y, y_hat)
    per_degree = (y.shape[0] - 1) / _degrees_of_freedom(y, columns)
    return _require_finite(1 - ratio * per_degree)  # eq. 5


def _ratio(y: Float[Array, "N"], y_hat: Float[Array, "N"]) -> Float[Array, ""]:
    """Return RSS / TSS, or raise if the targets do not differ."""
    xp = array_namespace(y, y_hat)
    e, deviations = _residuals(y, y_hat), _deviations(y)
    unit = _require_finite(xp.max(xp.abs(deviations)))
    rounding = 10 * float(xp.finfo(y.dtype).eps) * xp.max(xp.abs(y))
    if not bool(unit > rounding):
        raise ValueError(
            "R^2 needs targets that differ beyond rounding, got deviations "
            f"from the mean of at most {unit}"
        )
    return xp.sum((e / unit) ** 2) / xp.sum((deviations / unit) ** 2)


def _residuals(
    y: Float[Array, "N"], y_hat: Float[Array, "N"]
) -> Float[Array, "N"]:
    """Return the targets minus their predictions."""
    _require_vector(y)
    _require_vector(y_hat)
    if tuple(y.shape) != tuple(y_hat.shape):
        raise ValueError(
            "a fit needs one prediction for each target, got y of shape "
            f"{tuple(y.shape)} and y_hat of shape {tuple(y_hat.shape)}"
        )
    return y - y_hat


def _deviations(y: Float[Array, "N"]) -> Float[Array, "N"]:
    """Return the targets minus their mean.

    Counted from the first target, they are rounded relative to the spread of
    the targets and not to their mean, which may be a million times larger.
    """
    _require_vector(y)
    xp = array_namespace(y)
    from_first = y - y[0]
    return from_first - xp.mean(from_first)


def _degrees_of_freedom(y: Float[Array, "N"], columns: int) -> int:
    """Return N - columns, or raise unless both are at least 1."""
    xp = array_namespace(y)
    count = xp.asarray(columns)  # also a rank that is an array
    whole = count.ndim == 0 and xp.isdtype(count.dtype, "integral")
    if not whole or not 1 <= columns < y.shape[0]:
        raise ValueError(
            "degrees of freedom need an integer number of columns with "
            f"1 <= columns < {y.shape[0]} examples, got {columns}"
        )
    return y.shape[0] - int(columns)


def _require_vector(y: Float[Array, "..."]) -> None:
    """Raise unless y is a vector of real floating-point numbers."""
    xp = array_namespace(y)
    if y.ndim != 1 or 0 in y.shape or not xp.isdtype(y.dtype, "real floating"):
        raise ValueError(
            "a fit needs a vector of at least 1 real floating-point number, "
            f"got {y.dtype} of shape {tuple(y.shape)}"
        )


def _require_finite(value: Float[Array, ""]) -> Float[Array, ""]:
    """Return the value, or raise if it overflowed or is not a number."""
    xp = array_namespace(value)
    if not bool(xp.isfinite(value)):
        raise ValueError(
            "a fit needs finite values whose squares have a finite sum, "
            f"got {value}"
        )
    return value
