"""Newton's method.

Steps to the bottom of the parabola with the loss's value, slope and
curvature; and, for sums of squares, the same with a curvature that needs no
second derivatives: Gauss-Newton, damped as by Levenberg and Marquardt.

Axes    P parameters, N residuals. A Newton step takes parameters with any
        axes; the Hessian has a row and a column for each, in reading order.
Page    docs/en/optimization/newton.md ("eq. 3" marks the line of its (3))
Source  Nocedal and Wright, Numerical Optimization, 2nd ed., 2006, chapters 3
        and 10; damping: Levenberg, Quart. Appl. Math. 2, 1944; Marquardt,
        SIAM J. Appl. Math. 11, 1963; More, in Numerical Analysis, 1978
"""

from collections.abc import Callable
from math import inf, prod, sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Shaped

from reference._typing import Array
from reference.regression.least_squares import least_squares


class Fit(NamedTuple):
    """The parameters found, and how many steps were tried on the way."""

    theta: Float[Array, "P"]
    iterations: int


def predicted_change(
    gradient: Float[Array, "*axes"],
    hessian: Float[Array, "P P"],
    delta: Float[Array, "*axes"],
) -> Float[Array, ""]:
    """Return by how much a move changes the parabola with these derivatives.

    Raises:
        ValueError: The shapes do not fit, or the numbers are not real
            floating-point numbers of one dtype.

    >>> import numpy as np
    >>> slope, curvature = np.array([-1.0]), np.array([[2.0]])
    >>> float(predicted_change(slope, curvature, np.array([2.0])))
    2.0
    """
    _require_derivatives(gradient, hessian, delta)
    xp = array_namespace(gradient, hessian, delta)
    g, d = xp.reshape(gradient, (-1,)), xp.reshape(delta, (-1,))
    return xp.sum(g * d) + xp.sum(d * (hessian @ d)) / 2  # eq. 1


def newton_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    hessian: Float[Array, "P P"],
    damping: float | Float[Array, ""] = 0.0,
) -> Float[Array, "*axes"]:
    """Return the parameters where the parabola's slope is zero.

    That is its bottom only if all curvatures are positive. `damping` is added
    to every curvature, in their unit.

    Raises:
        ValueError: The shapes do not fit; the numbers are not real, finite
            floating-point numbers of one dtype; damping is negative or not
            finite; the Hessian is not symmetric or, with the damping, has no
            inverse; or the step overflows.

    >>> import numpy as np
    >>> newton_step(np.array([1.0]), np.array([-1.0]), np.array([[2.0]]))
    array([1.5])
    """
    _require_damping(damping)
    _require_derivatives(gradient, hessian, theta)
    xp = array_namespace(theta, gradient, hessian)
    eye = xp.eye(hessian.shape[0], dtype=theta.dtype, device=theta.device)
    damped = hessian + float(damping) * eye
    _require_finite("a Newton step", gradient, damped)
    curved, root = _equilibrated(damped)
    slope = xp.reshape(gradient, (-1,)) / root
    delta = -xp.linalg.solve(curved, slope) / root
    theta = theta + xp.reshape(delta, theta.shape)  # eq. 2
    _require_finite("a Newton step", theta)
    return theta


def gauss_newton_step(
    theta: Float[Array, "P"],
    residual: Float[Array, "N"],
    jacobian: Float[Array, "N P"],
    damping: float | Float[Array, ""] = 0.0,
) -> Float[Array, "P"]:
    """Return the parameters after a step of Gauss-Newton.

    `damping` has no unit: it multiplies the squared lengths of the Jacobian's
    columns. Above 0 it makes the step of Levenberg and Marquardt.

    Raises:
        ValueError: The shapes do not fit; the numbers are not real, finite
            floating-point numbers of one dtype; damping is negative or not
            finite, or too small for columns that depend on each other.

    >>> import numpy as np
    >>> residual, jacobian = np.array([0.0, -1.0]), np.array([[1.0], [2.0]])
    >>> gauss_newton_step(np.array([1.0]), residual, jacobian)
    array([1.4])
    """
    _require_damping(damping)
    _require_residuals(residual, jacobian, theta)
    lengths = _lengths(jacobian)
    theta = theta + _damped(residual, jacobian, float(damping), lengths)
    _require_finite("a step of Gauss-Newton", theta)
    return theta


def gauss_newton(
    residual: Callable[[Float[Array, "P"]], Float[Array, "N"]],
    jacobian: Callable[[Float[Array, "P"]], Float[Array, "N P"]],
    start: Float[Array, "P"],
    damping: float | Float[Array, ""] = 1e-3,
    rtol: float | None = None,
    steps: int = 1000,
) -> Fit:
    """Return parameters near which no others have a smaller sum of squares.

    A step that does not lower the sum is taken back and damped five times as
    much; after any other the damping is a fifth. The end is a step that, if
    it were not damped, would move the residuals by at most `rtol` of their
    length and the parameters' share in it; by default that is the dtype's
    rounding to the power 2/3. A start at which no direction lowers the sum,
    be it a maximum, is an end too.

    Raises:
        ValueError: damping is not above 0 and at most one over the root of
            the dtype's rounding; rtol is not below 1 and at least that
            rounding; steps is no integer of at least 1; the residuals at the
            start, or a Jacobian, do not fit or are not finite; the steps do
            not suffice; or none that the Jacobian suggests lowers the sum, as
            with a wrong Jacobian.

    >>> import numpy as np
    >>> def residual(theta):
    ...     return theta**2 - 9
    >>> def jacobian(theta):
    ...     return 2 * theta[:, None]
    >>> gauss_newton(residual, jacobian, np.array([1.0])).theta
    array([3.])
    """
    theta, r, j = start, residual(start), jacobian(start)
    _require_residuals(r, j, theta)
    xp = array_namespace(theta)
    eps = float(xp.finfo(theta.dtype).eps)
    rtol = eps ** (2 / 3) if rtol is None else float(rtol)
    _require_search(damping, rtol, eps, steps)
    unit = float(xp.max(xp.abs(r))) or 1.0  # in it no square underflows
    r, j, strength = r / unit, j / unit, float(damping)
    loss, lengths, near, fresh = _half_squares(r), _lengths(j), False, True
    for iteration in range(1, int(steps) + 1):
        delta = _damped(r, j, strength, lengths)
        moved = _length(lengths * delta)
        whole = _length(r) + _length(lengths * theta)
        if fresh:  # steps after a failure are short because they are damped
            near = moved <= sqrt(rtol) * whole
        r_trial = residual(theta + delta) / unit
        loss_trial = _half_squares(r_trial)
        fresh = loss_trial < loss
        if fresh:
            end = near and (1 + strength) * moved <= rtol * whole < inf
            theta, r, loss = theta + delta, r_trial, loss_trial
            j = jacobian(theta) / unit
            _require_residuals(r, j, theta)
            lengths = xp.maximum(lengths, _lengths(j))
            strength = max(strength / 5, 1000 * eps)
        else:
            end = moved <= rtol * whole < inf
            strength = 5 * strength
        if end:
            _require_near(near, theta, iteration)
            return Fit(theta, iteration)
    raise ValueError(
        f"the search needs more than the {int(steps)} steps it was given; the "
        f"last one moved the residuals by {moved / whole:.1e} of their size"
    )


def _half_squares(r: Float[Array, "N"]) -> float:
    """Return half the sum of squares; infinity if it is none, or overflows."""
    xp = array_namespace(r)
    limit = sqrt(float(xp.finfo(r.dtype).max) / r.shape[0])
    if not bool(xp.all(xp.abs(r) < limit)):
        return inf
    return float(xp.sum(r**2)) / 2  # eq. 3


def _lengths(jacobian: Float[Array, "N P"]) -> Float[Array, "P"]:
    """Return the length of every column, by squares that do not overflow."""
    xp = array_namespace(jacobian)
    peak = xp.max(xp.abs(jacobian), axis=0)
    unit = xp.where(peak > 0, peak, xp.ones_like(peak))
    return unit * xp.sqrt(xp.sum((jacobian / unit) ** 2, axis=0))  # eq. 4


def _damped(
    r: Float[Array, "N"],
    jacobian: Float[Array, "N P"],
    damping: float,
    lengths: Float[Array, "P"],
) -> Float[Array, "P"]:
    """Return the damped step: least squares with a row for each parameter.

    Its normal equations are those of the page; QR does not form them.
    """
    xp = array_namespace(r, jacobian)
    unit = xp.where(lengths > 0, lengths, xp.ones_like(lengths))
    eye = xp.eye(jacobian.shape[1], dtype=r.dtype, device=r.device)
    rows = xp.concat((jacobian / unit, sqrt(damping) * eye))
    target = xp.concat((-r, xp.zeros_like(lengths)))
    return least_squares(rows, target) / unit  # eq. 5


def _length(x: Float[Array, "K"]) -> float:
    """Return the length of a vector."""
    xp = array_namespace(x)
    return float(xp.linalg.vector_norm(x))


def _equilibrated(
    hessian: Float[Array, "P P"],
) -> tuple[Float[Array, "P P"], Float[Array, "P"]]:
    """Return the Hessian in other units of the parameters, and these units.

    In them the largest entry of every row is near 1, in whatever units the
    parameters came: what is refused is a direction without curvature.
    """
    xp = array_namespace(hessian)
    tolerance = 1000 * float(xp.finfo(hessian.dtype).eps)
    curved, unit = hessian, xp.ones_like(hessian[0, :])
    for _ in range(10):  # each halves the powers of 10 between the rows
        peak = xp.max(xp.abs(curved), axis=1)
        root = xp.sqrt(xp.where(peak > 0, peak, xp.ones_like(peak)))
        curved, unit = curved / root[:, None] / root, unit * root
    skew = xp.max(xp.abs(curved - curved.mT))
    if bool(skew > tolerance):
        raise ValueError(
            "a Hessian needs to be symmetric, got entries that differ from "
            f"their mirror image by {float(skew):.1g} of the largest beside "
            "them"
        )
    s = xp.linalg.svdvals(curved)
    if not bool(s[-1] > tolerance * s[0]):
        raise ValueError(
            "a Newton step needs curvature in every direction, got a Hessian "
            f"with singular values from {float(s[-1]):.1e} to "
            f"{float(s[0]):.1e} once its rows are alike"
        )
    return curved, unit


def _require_derivatives(
    gradient: Shaped[Array, "..."],
    hessian: Shaped[Array, "..."],
    theta: Shaped[Array, "..."],
) -> None:
    """Raise unless there is a slope, row and column for each parameter."""
    p = prod(theta.shape)
    if p < 1:
        shape = tuple(theta.shape)
        raise ValueError(f"a step needs parameters, got shape {shape}")
    _require_like("a gradient", gradient, tuple(theta.shape), theta)
    _require_like("a Hessian", hessian, (p, p), theta)


def _require_residuals(
    residual: Shaped[Array, "..."],
    jacobian: Shaped[Array, "..."],
    theta: Shaped[Array, "..."],
) -> None:
    """Raise unless the Jacobian has a row per residual, all of them finite."""
    sizes = (*residual.shape, *theta.shape)
    if residual.ndim != 1 or theta.ndim != 1 or 0 in sizes:
        raise ValueError(
            "a fit needs a vector of residuals and a vector of parameters, got "
            f"shapes {tuple(residual.shape)} and {tuple(theta.shape)}"
        )
    _require_like("a vector of residuals", residual, residual.shape, theta)
    _require_like("a Jacobian", jacobian, sizes, theta)
    _require_finite("a step of Gauss-Newton", residual, jacobian, theta)


def _require_like(
    what: str,
    x: Shaped[Array, "..."],
    shape: tuple[int, ...],
    theta: Shaped[Array, "..."],
) -> None:
    """Raise unless x has this shape and the parameters' real dtype."""
    xp = array_namespace(theta)
    real = xp.isdtype(theta.dtype, "real floating")
    if tuple(x.shape) != tuple(shape) or x.dtype != theta.dtype or not real:
        raise ValueError(
            f"{what} needs the shape {tuple(shape)} and the parameters' dtype, "
            f"real and floating, got {tuple(x.shape)} and {x.dtype} for "
            f"parameters of {theta.dtype}"
        )


def _require_damping(damping: float | Float[Array, ""]) -> None:
    """Raise unless the damping is a finite number of at least 0."""
    if isinstance(damping, bool) or not 0 <= float(damping) < inf:
        raise ValueError(f"a step needs 0 <= damping < inf, got {damping}")


def _require_search(
    damping: float | Float[Array, ""], rtol: float, eps: float, steps: int
) -> None:
    """Raise unless the search can end, and by more than rounding."""
    _require_damping(damping)
    if not (eps <= rtol < 1 and 0 < float(damping) <= eps**-0.5):
        raise ValueError(
            f"a search needs {eps:.0e} <= rtol < 1 and 0 < damping <= "
            f"{eps**-0.5:.0e}, got rtol = {rtol} and damping = {damping}"
        )
    if isinstance(steps, bool) or not hasattr(steps, "__index__") or steps < 1:
        raise ValueError(f"steps needs to be an integer >= 1, got {steps}")


def _require_near(near: bool, theta: Float[Array, "P"], iteration: int) -> None:
    """Raise if the first of a row of failures was not close to the end."""
    if not near:
        raise ValueError(
            "a search needs a Jacobian that tells where the squares fall, got "
            f"none lower along it after {iteration} steps, at {theta}"
        )


def _require_finite(what: str, *arrays: Float[Array, "..."]) -> None:
    """Raise if any value is infinite, as after overflow, or not a number."""
    xp = array_namespace(*arrays)
    if not all(bool(xp.all(xp.isfinite(x))) for x in arrays):
        raise ValueError(f"{what} needs finite values, got NaN or inf")
