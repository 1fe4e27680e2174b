"""Chain rule.

Measures derivatives by central differences, and chains known ones: from the
output backwards (reverse mode) or from the input forwards (forward mode).

Axes    I inputs and O outputs of a step; a Jacobian has a row for every
        output and a column for every input.
Page    docs/en/foundations/chain_rule.md ("eq. 3" marks the line of its (3))
Source  Griewank and Walther, Evaluating Derivatives, 2nd ed., 2008
"""

from collections.abc import Callable, Sequence
from math import inf

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def numerical_gradient(
    f: Callable[[Array], Array],
    x: Float[Array, "*shape"],
    step: float | None = None,
) -> Float[Array, "*shape"]:
    """Return the measured gradient of f at x: unit of f by unit of x.

    f gets an array like x and returns one number; `step` is as in `jacobian`.

    Raises:
        ValueError: f returns more than one number, or as in `jacobian`.

    >>> import numpy as np
    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, 3.0]))
    array([2., 6.])
    """
    gradient = jacobian(f, x, step)
    if gradient.ndim != x.ndim:
        raise ValueError(
            "a gradient needs an f that returns one number of shape (), got "
            f"shape {tuple(gradient.shape[: gradient.ndim - x.ndim])}"
        )
    return gradient


def jacobian(
    f: Callable[[Array], Array],
    x: Float[Array, "..."],
    step: float | None = None,
) -> Float[Array, "..."]:
    """Return all measured derivatives of f at x, of shape f(x).shape + x.shape.

    Central differences: every x_i moves by `step` * max(1, |x_i|) to both
    sides. By default `step` is the cube root of the distance from 1 to the
    next float. Where f changes much faster than x does, give a smaller one.

    Raises:
        ValueError: x or f's result holds no real floating-point numbers of
            the same kind, the step is no positive number, so small that x
            does not move or so large that it overflows, or f is not finite.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2, np.array([1.0, 3.0])).round(6)
    array([[2., 0.],
           [0., 6.]])
    """
    _require_real_floating(x)
    xp = array_namespace(x)
    flat = xp.reshape(x, (-1,))
    ahead, behind = _both_sides(flat, step)
    width = ahead - behind
    columns, position = [], xp.arange(flat.shape[0], device=x.device)
    for i in range(flat.shape[0]):
        right, left = (
            _value(f, xp.reshape(xp.where(position == i, end, flat), x.shape))
            for end in (ahead, behind)
        )
        columns.append((right - left) / width[i])  # eq. 3
    if not columns:
        shape = (*_value(f, x).shape, *x.shape)
        return xp.zeros(shape, dtype=x.dtype, device=x.device)
    result = xp.stack(columns, axis=-1)
    if not bool(xp.all(xp.isfinite(result))):
        raise ValueError(
            "a derivative needs an f that is finite at x + h and x - h, got "
            f"NaN, inf or a quotient that overflows, at x = {x} and widths "
            f"of {width}"
        )
    return xp.reshape(result, (*result.shape[:-1], *x.shape))


def vector_jacobian_product(
    dy: Float[Array, "O"], jacobians: Sequence[Float[Array, "_ _"]]
) -> Float[Array, "I"]:
    """Return the gradient at the input, given that at the output, dy.

    `jacobians` holds those of the steps in the order in which the steps are
    computed. Reverse mode: the last one is multiplied first.

    Raises:
        ValueError: dy is no vector, a Jacobian has not one row for each of
            the numbers that arrive at it, or they are no real floats.

    >>> import numpy as np
    >>> steps = [np.array([[3.0, 2.0], [1.0, 1.0]]), np.array([[5.0, 6.0]])]
    >>> vector_jacobian_product(np.array([1.0]), steps)
    array([21., 16.])
    """
    _require_vector(dy)
    for local in reversed(jacobians):
        _require_fit(local, "rows", dy)
        dy = dy @ local  # eq. 1
    return dy


def jacobian_vector_product(
    jacobians: Sequence[Float[Array, "_ _"]], v: Float[Array, "I"]
) -> Float[Array, "O"]:
    """Return the derivative of the output as the input moves along v.

    Forward mode: the first step's Jacobian is multiplied first.

    Raises:
        ValueError: v is no vector, a Jacobian has not one column for each of
            the numbers that arrive at it, or they are no real floats.

    >>> import numpy as np
    >>> steps = [np.array([[3.0, 2.0], [1.0, 1.0]]), np.array([[5.0, 6.0]])]
    >>> jacobian_vector_product(steps, np.array([1.0, 0.0]))
    array([21.])
    """
    _require_vector(v)
    for local in jacobians:
        _require_fit(local, "columns", v)
        v = local @ v  # eq. 2
    return v


def _relative(step: float | None, x: Float[Array, "..."]) -> float:
    """Return the step at |x| <= 1: as given, or the cube root of epsilon."""
    if step is None:
        xp = array_namespace(x)
        return float(xp.finfo(x.dtype).eps) ** (1 / 3)
    if isinstance(step, bool) or not 0 < step < inf:
        raise ValueError(f"a step needs to be positive and finite, got {step}")
    return float(step)


def _both_sides(
    x: Float[Array, "N"], step: float | None
) -> tuple[Float[Array, "N"], Float[Array, "N"]]:
    """Return x + h and x - h, if these are finite and no longer x."""
    xp = array_namespace(x)
    h = _relative(step, x) * xp.clip(xp.abs(x), min=1.0)  # eq. 4
    ahead, behind = x + h, x - h
    moved = (behind < x) & (x < ahead) & xp.isfinite(ahead - behind)
    if not bool(xp.all(moved)):
        raise ValueError(
            "a central difference needs finite x - h < x < x + h, got x = "
            f"{x} and h = {h}"
        )
    return ahead, behind


def _value(
    f: Callable[[Array], Array], x: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Return a copy of f(x), if it is an array of x's kind of numbers."""
    y = f(x)
    if not hasattr(y, "dtype") or y.dtype != x.dtype:
        raise ValueError(
            f"a derivative needs an f that returns an array of {x.dtype}, "
            f"as x is, got {getattr(y, 'dtype', type(y).__name__)}"
        )
    xp = array_namespace(x)
    return xp.asarray(y, copy=True)  # f may write its next value over y


def _require_real_floating(x: Float[Array, "..."]) -> None:
    """Raise unless the numbers are real floating-point numbers."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            f"derivatives need real floating-point numbers, got {x.dtype}"
        )


def _require_vector(v: Float[Array, "N"]) -> None:
    """Raise unless v is a vector of real floating-point numbers."""
    _require_real_floating(v)
    if v.ndim != 1:
        raise ValueError(
            f"a product with Jacobians needs a vector, got {tuple(v.shape)}"
        )


def _require_fit(
    local: Float[Array, "_ _"], side: str, v: Float[Array, "N"]
) -> None:
    """Raise unless a Jacobian has a row, or column, for each number of v."""
    _require_real_floating(local)
    axis = ("rows", "columns").index(side)
    if local.ndim != 2 or local.shape[axis] != v.shape[0]:
        raise ValueError(
            f"the next Jacobian needs {v.shape[0]} {side}, one for each "
            f"number that arrives, got shape {tuple(local.shape)}"
        )
