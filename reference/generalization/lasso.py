"""Lasso.

Fits coefficients so that the mean squared residual and the sum of the sizes
of the coefficients of the standardized features are smallest together: many
of them become exactly zero.

Axes    N examples, D features, A features whose coefficient is not zero, L
        penalties.
Page    docs/en/generalization/lasso.md ("eq. 3" marks the line of its (3))
Source  Tibshirani, J. R. Stat. Soc. B 58, 1996; coordinate descent: Friedman,
        Hastie and Tibshirani, J. Stat. Softw. 33, 2010; settling: Lee, Battle,
        Raina and Ng, NIPS 2006; ista: Beck and Teboulle, SIAM J. Imaging
        Sci. 2, 2009
"""

from collections.abc import Iterable
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Int

from reference._typing import Array
from reference.generalization.ridge import Coefficients
from reference.regression.design_matrix import Standardized, standardize
from reference.regression.least_squares import residuals


class _Moments(NamedTuple):
    """What a fit needs to know of standardized features and targets."""

    correlations: Float[Array, "D D"]
    moments: Float[Array, "D"]
    y_mean: Float[Array, ""]
    features: Standardized


def soft_threshold(
    z: Float[Array, "*S"], threshold: float
) -> Float[Array, "*S"]:
    """Return z moved towards 0 by the threshold, and 0 where that passes 0.

    Raises:
        ValueError: z does not hold real floating-point numbers, or not
            threshold >= 0.

    >>> import numpy as np
    >>> soft_threshold(np.array([-3.0, 0.5, 2.0]), 1.0)
    array([-2.,  0.,  1.])
    """
    _require_real_floating(z)
    if not threshold >= 0:
        raise ValueError(f"a threshold needs to be >= 0, got {threshold}")
    return _shrink(z, float(threshold))


def lasso(
    x: Float[Array, "N D"],
    y: Float[Array, "N"],
    penalty: float,
    sweeps: int = 1000,
) -> Coefficients:
    """Return intercept and coefficients with the smallest `lasso_loss`.

    They are in the units of x and y, which `lasso` standardizes itself. It
    needs memory for D x D numbers, and seldom more than 20 sweeps.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow,
            the penalty is no finite number above 0, or `sweeps` sweeps of
            coordinate descent do not suffice.

    >>> import numpy as np
    >>> x, y = np.array([[-1.0], [1.0]]), np.array([2.0, 8.0])
    >>> lasso(x, y, penalty=1.0)
    Coefficients(intercept=np.float64(5.0), beta=array([2.]))
    """
    known = _moments(x, y)
    xp = array_namespace(known.moments)
    start = xp.zeros_like(known.moments)
    penalty = _require_penalty(penalty, x)
    return _in_units(_descend(known, penalty, start, sweeps), known)


def lasso_path(
    x: Float[Array, "N D"],
    y: Float[Array, "N"],
    penalties: Iterable[float],
    sweeps: int = 1000,
) -> Coefficients:
    """Return L intercepts and an (L, D) array, a row for each penalty.

    Each fit starts from the one before. That is fastest for penalties that
    fall step by step from `largest_penalty`.

    Raises:
        ValueError: As `lasso`, for any of the penalties, or there is none.
    """
    known = _moments(x, y)
    xp = array_namespace(known.moments)
    b, rows = xp.zeros_like(known.moments), []
    for penalty in penalties:
        b = _descend(known, _require_penalty(penalty, x), b, sweeps)
        rows.append(b)
    if not rows:
        raise ValueError("a path needs at least one penalty, got none")
    return _in_units(xp.stack(rows), known)


def largest_penalty(
    x: Float[Array, "N D"], y: Float[Array, "N"]
) -> Float[Array, ""]:
    """Return the smallest penalty that makes all coefficients zero.

    It has the unit of y.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow.

    >>> import numpy as np
    >>> x, y = np.array([[-1.0], [1.0]]), np.array([2.0, 8.0])
    >>> float(largest_penalty(x, y))
    3.0
    """
    xp = array_namespace(x, y)
    return xp.max(xp.abs(_moments(x, y).moments))  # eq. 7


def lasso_loss(
    x: Float[Array, "N D"],
    y: Float[Array, "N"],
    intercept: Float[Array, ""],
    beta: Float[Array, "D"],
    penalty: float,
) -> Float[Array, ""]:
    """Return what `lasso` makes smallest, in the squared unit of y.

    Raises:
        ValueError: As `lasso`, or there is not one intercept and one
            coefficient for each column of x.

    >>> import numpy as np
    >>> x, y = np.array([[-1.0], [1.0]]), np.array([2.0, 8.0])
    >>> float(lasso_loss(x, y, *lasso(x, y, 1.0), penalty=1.0))
    2.5
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
    return xp.mean(rest**2) / 2 + penalty * xp.sum(xp.abs(b))  # eq. 1


def ista(
    x: Float[Array, "N D"], y: Float[Array, "N"], penalty: float, steps: int
) -> Coefficients:
    """Return the coefficients after steps of proximal gradient from zero.

    With ever more steps they become those of `lasso`.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow,
            the penalty is no finite number above 0, or not steps >= 1.

    >>> import numpy as np
    >>> x, y = np.array([[-1.0], [1.0]]), np.array([2.0, 8.0])
    >>> ista(x, y, penalty=1.0, steps=1)
    Coefficients(intercept=np.float64(5.0), beta=array([2.]))
    """
    known = _moments(x, y)
    penalty = _require_penalty(penalty, x)
    if not steps >= 1:
        raise ValueError(f"ista needs steps >= 1, got {steps}")
    xp = array_namespace(known.moments)
    b = xp.zeros_like(known.moments)
    k = xp.linalg.eigvalsh(known.correlations)[-1]
    k = xp.where(k > 0, k, xp.ones_like(k))  # all features may be constant
    for _ in range(steps):
        b = _shrink(b - _slopes(known, b) / k, penalty / k)  # eq. 8
    return _in_units(b, known)


def _moments(x: Float[Array, "N D"], y: Float[Array, "N"]) -> _Moments:
    """Return C, c, the mean of y and the standardized features.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow.
    """
    _require_examples(x, y)
    xp = array_namespace(x, y)
    features = standardize(x)
    y_mean = xp.mean(y)
    moments = features.z.mT @ ((y - y_mean) / x.shape[0])
    _require_finite(moments)
    correlations = features.z.mT @ features.z / x.shape[0]
    return _Moments(correlations, moments, y_mean, features)


def _shrink(
    z: Float[Array, "*S"], t: float | Float[Array, ""]
) -> Float[Array, "*S"]:
    """Return z without its part between -t and t."""
    xp = array_namespace(z)
    return z - xp.clip(z, -t, t)  # eq. 2


def _slopes(known: _Moments, b: Float[Array, "D"]) -> Float[Array, "D"]:
    """Return the gradient of half the mean squared residual."""
    return known.correlations @ b - known.moments  # eq. 3


def _violations(
    slopes: Float[Array, "D"], b: Float[Array, "D"], penalty: float
) -> Float[Array, "D"]:
    """Return by how much each coefficient misses the KKT conditions."""
    xp = array_namespace(b)
    at_zero = xp.clip(xp.abs(slopes) - penalty, min=0)
    elsewhere = xp.abs(slopes + penalty * xp.sign(b))
    return xp.where(b == 0, at_zero, elsewhere)  # eq. 6


def _descend(
    known: _Moments, penalty: float, b: Float[Array, "D"], sweeps: int
) -> Float[Array, "D"]:
    """Return the coefficients of the standardized features.

    Raises:
        ValueError: The KKT conditions do not hold after `sweeps` sweeps.
    """
    xp = array_namespace(b)
    index = xp.arange(b.shape[0], device=b.device)
    rounding = 100 * float(xp.finfo(b.dtype).eps)
    largest = xp.max(xp.abs(known.moments))
    for _ in range(sweeps + 1):
        slopes = _slopes(known, b)
        missed = _violations(slopes, b, penalty)
        allowed = rounding * largest + xp.sum(rounding * xp.abs(b))
        if bool(xp.all(missed <= allowed)):
            return b
        for j in map(int, xp.nonzero(missed > allowed)[0]):
            new = _shrink(b[j] - slopes[j], penalty)  # eq. 4
            slopes = slopes + (new - b[j]) * known.correlations[j, :]
            b = xp.where(index == j, new, b)
        b = _settle(known, penalty, b)
    raise ValueError(
        f"a lasso with a penalty of {penalty:.3g} needs more than the "
        f"{sweeps} sweeps it got"
    )


def _settle(
    known: _Moments, penalty: float, b: Float[Array, "D"]
) -> Float[Array, "D"]:
    """Return the minimum with these signs, less those that become 0."""
    xp = array_namespace(b)
    index = xp.arange(b.shape[0], device=b.device)
    while True:  # with one coefficient fewer each time
        [active] = xp.nonzero(b)
        places = xp.astype(active[:, None] == index[None, :], b.dtype)
        here = xp.take(b, active)
        signs = xp.sign(here)
        slopes = xp.take(_slopes(known, b), active) + penalty * signs
        block = _block(known.correlations, active)
        step = -xp.linalg.solve(block, slopes)  # eq. 5
        flips = (here + step) * signs <= 0
        if not bool(xp.any(flips)):
            return (here + step) @ places
        share = here / xp.where(flips, -step, here)
        first = xp.min(share)
        here = xp.where(share > first, here + first * step, 0 * here)
        b = here @ places


def _block(
    correlations: Float[Array, "D D"], active: Int[Array, "A"]
) -> Float[Array, "A A"]:
    """Return the rows and columns of these features, fit to be solved.

    Dependent columns leave a direction in which nothing changes but the
    penalty. A touch on the diagonal sends the step far along it, downwards.
    """
    xp = array_namespace(correlations)
    block = xp.take(xp.take(correlations, active, axis=0), active, axis=1)
    size = active.shape[0]
    touch = 8 * size * float(xp.finfo(correlations.dtype).eps)
    return block + touch * xp.eye(size, dtype=block.dtype, device=block.device)


def _in_units(b: Float[Array, "*L D"], known: _Moments) -> Coefficients:
    """Return the coefficients of the features as they came.

    Raises:
        ValueError: They overflow.
    """
    beta = b / known.features.scale
    intercept = known.y_mean - beta @ known.features.mean  # eq. 9
    _require_finite(intercept)
    return Coefficients(intercept, beta)


def _require_penalty(penalty: float, x: Float[Array, "N D"]) -> float:
    """Return the penalty as a float, or raise unless x's dtype can use it."""
    xp = array_namespace(x)
    largest = float(xp.finfo(x.dtype).max)
    if isinstance(penalty, bool) or not 0 < float(penalty) <= largest:
        raise ValueError(
            f"a lasso needs a penalty above 0 and finite, got {penalty}"
        )
    return float(penalty)


def _require_examples(x: Float[Array, "N D"], y: Float[Array, "N"]) -> None:
    """Raise unless x and y hold the same examples, in floats."""
    if x.ndim != 2 or 0 in x.shape or tuple(y.shape) != (x.shape[0],):
        raise ValueError(
            "a lasso needs examples with features and one target each, "
            f"got x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}"
        )
    _require_real_floating(x)
    _require_real_floating(y)


def _require_real_floating(x: Float[Array, "..."]) -> None:
    """Raise unless the numbers are real floating-point numbers."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            f"a lasso needs real floating-point numbers, got {x.dtype}"
        )


def _require_finite(x: Float[Array, "..."]) -> None:
    """Raise if any value is infinite, as after overflow, or not a number."""
    xp = array_namespace(x)
    if not bool(xp.all(xp.isfinite(x))):
        raise ValueError("a lasso needs finite values, got NaN or inf")
