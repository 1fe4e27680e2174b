"""Gradient descent.

Steps against the gradient, the learning rate that suits a quadratic best,
and what kind of point a zero gradient is: minimum, maximum or saddle.

Axes    T the start and the steps after it, D parameters; a path takes
        parameters with any axes.
Page    docs/en/optimization/gradient_descent.md ("eq. 3" marks the line of
        its (3))
Source  Nesterov, Lectures on Convex Optimization, 2nd ed., 2018, chapters 1
        and 2; Polyak, Introduction to Optimization, 1987, chapter 1
"""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Shaped

from reference._typing import Array


class QuadraticRate(NamedTuple):
    """The best fixed learning rate on a quadratic, and how good it is."""

    lr: Float[Array, ""]
    condition: Float[Array, ""]
    factor: Float[Array, ""]


def gradient_descent(
    gradient: Callable[[Float[Array, "*axes"]], Float[Array, "*axes"]],
    start: Float[Array, "*axes"],
    lr: float | Float[Array, ""],
    steps: int,
) -> Float[Array, "T *axes"]:
    """Return the parameters at the start and after each step.

    Each step is `lr` times the gradient long, and goes against it. The
    function `gradient` must not write into its argument, which the path keeps.

    Raises:
        ValueError: The start does not hold real, finite floating-point
            numbers, lr is not above 0 and finite, steps is no integer of at
            least 0, the gradient has another shape or dtype than the
            parameters, or a step leads to NaN or inf.

    >>> import numpy as np
    >>> gradient_descent(lambda theta: 2 * theta, np.array([8.0]), 0.25, 2)
    array([[8.],
           [4.],
           [2.]])
    """
    if isinstance(lr, bool) or not 0 < float(lr) < inf:
        raise ValueError(f"a learning rate needs 0 < lr < inf, got {lr}")
    if isinstance(steps, bool) or not hasattr(steps, "__index__") or steps < 0:
        raise ValueError(f"steps needs to be an integer >= 0, got {steps}")
    _require_real_floating(start)
    _require_finite(start, "at the start")
    xp = array_namespace(start)
    rate, theta, path = float(lr), start, [start]
    for step in range(1, int(steps) + 1):
        g = gradient(theta)
        _require_alike(g, theta)
        theta = theta - rate * g  # eq. 1
        _require_finite(theta, f"at step {step} with {lr = }")
        path.append(theta)
    return xp.stack(path)


def best_quadratic_rate(hessian: Float[Array, "D D"]) -> QuadraticRate:
    """Return the learning rate with the best guarantee on a quadratic.

    With it, the distance to the minimum shrinks at least by `factor` in every
    step, from any start. `condition` is the condition number of the Hessian.

    Raises:
        ValueError: The Hessian is no symmetric matrix of real, finite
            floating-point numbers, has an eigenvalue that is not clearly
            positive, or its entries are too small for 2 / entry.

    >>> import numpy as np
    >>> lr, condition, factor = best_quadratic_rate(np.diag([1.0, 9.0]))
    >>> float(lr), float(condition), float(factor)
    (0.2, 9.0, 0.8)
    """
    lowest, highest, unit, rounding = _curvatures(hessian)
    if not bool(lowest > rounding):
        raise ValueError(
            "a best rate needs a Hessian with clearly positive eigenvalues, "
            f"got the smallest {float(lowest):.3g} beside the largest "
            f"{float(highest):.3g} in units of its largest entry, "
            f"{float(unit):.3g}"
        )
    xp = array_namespace(hessian)
    smallest = float(xp.finfo(hessian.dtype).smallest_normal)
    if bool(unit < smallest):
        raise ValueError(
            f"a best rate needs a Hessian with an entry of {smallest:.0e} or "
            f"more, got at most {float(unit):.3g}"
        )
    lr = 2 / (lowest + highest) / unit  # eq. 2
    condition = highest / lowest  # eq. 3
    factor = (highest - lowest) / (highest + lowest)  # eq. 4
    return QuadraticRate(lr, condition, factor)


def critical_point(hessian: Float[Array, "D D"]) -> str:
    """Return "minimum", "maximum", "saddle" or "undecided".

    That is what a point with zero gradient and this Hessian is. Eigenvalues
    of at most 1000 times the distance from 1 to the next float, relative to
    the largest, count as zero. Without a positive and a negative one, a zero
    leaves it undecided.

    Raises:
        ValueError: The Hessian is no symmetric matrix of real, finite
            floating-point numbers.

    >>> import numpy as np
    >>> critical_point(np.array([[2.0, 0.0], [0.0, -2.0]]))
    'saddle'
    """
    lowest, highest, _, rounding = _curvatures(hessian)
    if bool((lowest < -rounding) & (highest > rounding)):  # eq. 5
        return "saddle"
    if bool(lowest > rounding):
        return "minimum"
    return "maximum" if bool(highest < -rounding) else "undecided"


def _curvatures(
    hessian: Float[Array, "D D"],
) -> tuple[
    Float[Array, ""], Float[Array, ""], Float[Array, ""], Float[Array, ""]
]:
    """Return the extreme eigenvalues, their unit, and what counts as zero.

    In units of the largest entry no eigenvalue overflows.
    """
    if hessian.ndim != 2 or 0 in hessian.shape or len(set(hessian.shape)) > 1:
        raise ValueError(
            "a Hessian needs a row and a column for each parameter, at least "
            f"one, got shape {tuple(hessian.shape)}"
        )
    _require_real_floating(hessian)
    _require_finite(hessian, "in a Hessian")
    xp = array_namespace(hessian)
    tolerance = 1000 * float(xp.finfo(hessian.dtype).eps)
    unit = xp.max(xp.abs(hessian))
    scaled = hessian / unit if bool(unit > 0) else hessian
    skew = xp.max(xp.abs(scaled - scaled.mT))
    if bool(skew > tolerance):
        raise ValueError(
            "a Hessian needs to be symmetric, got entries that differ from "
            f"their mirror image by up to {float(skew):.1g} of the largest"
        )
    eigenvalues = xp.linalg.eigvalsh(scaled)
    rounding = tolerance * xp.max(xp.abs(eigenvalues))
    return xp.min(eigenvalues), xp.max(eigenvalues), unit, rounding


def _require_alike(g: Shaped[Array, "..."], theta: Float[Array, "..."]) -> None:
    """Raise unless the gradient has the parameters' shape and dtype."""
    shape, wanted = tuple(g.shape), tuple(theta.shape)
    if shape != wanted or g.dtype != theta.dtype:
        raise ValueError(
            f"a gradient needs the shape {wanted} and the dtype {theta.dtype} "
            f"of its parameters, got {shape} and {g.dtype}"
        )


def _require_real_floating(x: Float[Array, "..."]) -> None:
    """Raise unless the numbers are real floating-point numbers."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            f"gradient descent needs real floating-point numbers, got {x.dtype}"
        )


def _require_finite(x: Float[Array, "..."], where: str) -> None:
    """Raise if any value is infinite, as after overflow, or not a number."""
    xp = array_namespace(x)
    if not bool(xp.all(xp.isfinite(x))):
        raise ValueError(
            f"gradient descent needs finite values, got NaN or inf {where}"
        )
