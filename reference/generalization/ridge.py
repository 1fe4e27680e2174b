"""Ridge regression.

Fits coefficients so that the mean squared residual and the squared length of
the coefficients of the standardized features are smallest together.

Axes    N examples, D features, L penalties, R directions in which the
        features vary.
Page    docs/en/generalization/ridge.md ("eq. 3" marks the line of its (3))
Source  Hoerl and Kennard, Ridge Regression: Biased Estimation for
        Nonorthogonal Problems, Technometrics 12, 1970; dual form: Saunders,
        Gammerman and Vovk, ICML 1998
"""

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.regression.design_matrix import standardize
from reference.regression.least_squares import reduce_rows, residuals


class Coefficients(NamedTuple):
    """The intercept and the coefficients, in the units of x and y."""

    intercept: Float[Array, "*L"]
    beta: Float[Array, "*L D"]


def ridge(
    x: Float[Array, "N D"], y: Float[Array, "N"], penalty: float
) -> Coefficients:
    """Return intercept and coefficients with the smallest `ridge_loss`.

    They are in the units of x and y, which `ridge` standardizes itself. A
    penalty of 0 gives the limit of ever smaller penalties. Gradients of
    penalties below D times the root of the distance from 1 to the next float
    are NaN or wrong where columns are dependent or singular values equal.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow,
            or the penalty is no finite number of at least 0.

    >>> import numpy as np
    >>> x = np.array([[1.0], [1.0], [3.0], [3.0]])
    >>> ridge(x, np.array([1.0, 3.0, 5.0, 7.0]), penalty=1.0)
    Coefficients(intercept=np.float64(2.0), beta=array([1.]))
    """
    z, mean, scale, away, y_mean = _standardized(x, y)
    penalty = _require_penalty(penalty, x)
    xp = array_namespace(z, away)
    n, d = z.shape
    if penalty < sqrt(xp.finfo(z.dtype).eps) * d:
        b = _path(z, away, [penalty])[0, :]
    elif n < d:
        identity = xp.eye(n, dtype=z.dtype, device=z.device)
        kernel = z @ z.mT / n + penalty * identity
        b = z.mT @ xp.linalg.solve(kernel, away) / n  # eq. 5
    else:
        identity = xp.eye(d, dtype=z.dtype, device=z.device)
        correlations, moments = z.mT @ z / n, z.mT @ away / n
        b = xp.linalg.solve(correlations + penalty * identity, moments)  # eq. 2
    return _in_units(b, mean, scale, y_mean)


def ridge_path(
    x: Float[Array, "N D"], y: Float[Array, "N"], penalties: Iterable[float]
) -> Coefficients:
    """Return L intercepts and an (L, D) array, a row for each penalty.

    One decomposition serves all penalties. For gradients take `ridge`: here
    they are NaN or wrong where singular values are equal.

    Raises:
        ValueError: As `ridge`, for any of the penalties.

    >>> import numpy as np
    >>> x = np.array([[1.0], [1.0], [3.0], [3.0]])
    >>> y = np.array([1.0, 3.0, 5.0, 7.0])
    >>> ridge_path(x, y, [0.0, 1.0, 3.0]).beta[:, 0]
    array([2. , 1. , 0.5])
    """
    z, mean, scale, away, y_mean = _standardized(x, y)
    penalties = [_require_penalty(penalty, x) for penalty in penalties]
    return _in_units(_path(z, away, penalties), mean, scale, y_mean)


def ridge_loss(
    x: Float[Array, "N D"],
    y: Float[Array, "N"],
    intercept: Float[Array, ""],
    beta: Float[Array, "D"],
    penalty: float,
) -> Float[Array, ""]:
    """Return what `ridge` makes smallest, in the squared unit of y.

    Raises:
        ValueError: As `ridge`, or there is not one intercept and one
            coefficient for each column of x.

    >>> import numpy as np
    >>> x = np.array([[1.0], [1.0], [3.0], [3.0]])
    >>> y = np.array([1.0, 3.0, 5.0, 7.0])
    >>> float(ridge_loss(x, y, *ridge(x, y, 1.0), penalty=1.0))
    1.5
    """
    _require_examples(x, y)
    penalty = _require_penalty(penalty, x)
    if intercept.ndim != 0:
        raise ValueError(
            "the loss needs a single intercept, "
            f"got shape {tuple(intercept.shape)}"
        )
    xp = array_namespace(x, y, intercept, beta)
    rest = residuals(x, y, beta) - intercept
    b = standardize(x).scale * beta
    return xp.mean(rest**2) / 2 + penalty / 2 * xp.sum(b**2)  # eq. 1


def shrinkage_factors(
    x: Float[Array, "N D"], penalty: float
) -> Float[Array, "R"]:
    """Return what ridge leaves of least squares in each direction, 0 to 1.

    The directions are those in which the standardized features vary, in the
    order of their variance, the largest first.

    Raises:
        ValueError: x has no rows or no columns or is not real and finite, or
            the penalty is no finite number of at least 0.

    >>> import numpy as np
    >>> shrinkage_factors(np.array([[1.0], [3.0]]), penalty=1.0)
    array([0.5])
    """
    _require_features(x)
    penalty = _require_penalty(penalty, x)
    z = standardize(x).z
    _, s, _ = _directions(z, z.shape[0])
    return s**2 / (s**2 + penalty)  # eq. 7


def effective_degrees_of_freedom(
    x: Float[Array, "N D"], penalty: float
) -> Float[Array, ""]:
    """Return how many free coefficients the fit is worth, without intercept.

    Raises:
        ValueError: As `shrinkage_factors`.

    >>> import numpy as np
    >>> float(effective_degrees_of_freedom(np.array([[1.0], [3.0]]), 1.0))
    0.5
    """
    xp = array_namespace(x)
    return xp.sum(shrinkage_factors(x, penalty))  # eq. 8


def _standardized(
    x: Float[Array, "N D"], y: Float[Array, "N"]
) -> tuple[Array, Array, Array, Array, Array]:
    """Return z, means and scales of x, the centred y, and the mean of y."""
    _require_examples(x, y)
    xp = array_namespace(x, y)
    z, mean, scale = standardize(x)
    y_mean = xp.mean(y)
    return z, mean, scale, y - y_mean, y_mean


def _path(
    z: Float[Array, "N D"], away: Float[Array, "N"], penalties: list[float]
) -> Float[Array, "L D"]:
    """Return the standardized coefficients, a row for each penalty."""
    xp = array_namespace(z, away)
    n = z.shape[0]
    r, t = reduce_rows(z, away)  # the same solutions, from K rows
    u, s, v = _directions(r, n)
    lam = xp.asarray(penalties, dtype=z.dtype, device=z.device)[:, None]
    weights = s / (s**2 + lam)
    return weights * (u.mT @ t / sqrt(n)) @ v.mT  # eq. 6


def _directions(
    z: Float[Array, "K D"], n: int
) -> tuple[Float[Array, "K R"], Float[Array, "R"], Float[Array, "D R"]]:
    """Return u, s and v of Z / sqrt(n), as far as s is not rounding."""
    xp = array_namespace(z)
    u, s, vt = xp.linalg.svd(z / sqrt(n), full_matrices=False)
    smallest = 1000 * float(xp.finfo(z.dtype).eps) * s[0]
    rank = int(xp.count_nonzero(s > smallest))
    return u[:, :rank], s[:rank], vt[:rank, :].mT


def _in_units(
    b: Float[Array, "*L D"],
    mean: Float[Array, "D"],
    scale: Float[Array, "D"],
    y_mean: Float[Array, ""],
) -> Coefficients:
    """Return the fit in the units of x and y."""
    xp = array_namespace(b)
    beta = b / scale  # eq. 3
    intercept = y_mean - xp.sum(mean * beta, axis=-1)  # eq. 4
    if not bool(xp.all(xp.isfinite(intercept))):  # nor can beta be inf
        raise ValueError("ridge needs smaller numbers: its result overflows")
    return Coefficients(intercept, beta)


def _require_features(x: Float[Array, "N D"]) -> None:
    """Raise unless x is a matrix of real floating-point numbers."""
    xp = array_namespace(x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(
            "ridge needs a matrix that has rows and columns, "
            f"got shape {tuple(x.shape)}"
        )
    if not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            f"ridge needs real floating-point numbers, got {x.dtype}"
        )


def _require_examples(x: Float[Array, "N D"], y: Float[Array, "N"]) -> None:
    """Raise unless x and y hold the same examples, with finite targets."""
    _require_features(x)
    if tuple(y.shape) != (x.shape[0],):
        raise ValueError(
            "ridge needs one target for each example, "
            f"got x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}"
        )
    _require_features(y[:, None])
    xp = array_namespace(y)
    if not bool(xp.all(xp.isfinite(y))):
        raise ValueError("ridge needs finite targets, got NaN or inf")


def _require_penalty(penalty: float, x: Float[Array, "N D"]) -> float:
    """Return the penalty as a float of Python, or raise."""
    xp = array_namespace(x)
    largest = float(xp.finfo(x.dtype).max)
    if isinstance(penalty, bool) or not 0 <= float(penalty) <= largest:
        raise ValueError(
            f"a penalty needs to be from 0 to {largest:.1e}, got {penalty}"
        )
    return float(penalty)
