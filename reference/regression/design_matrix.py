"""Design matrix.

Makes the columns of a design matrix: dummies for the levels of a factor,
products, powers, and columns with mean 0 and standard deviation 1.

Axes    N examples, D columns, M products, P and Q the columns of two
        blocks.
Page    docs/en/regression/design_matrix.md ("eq. 3" marks the line of its (3))
Source  James, Witten, Hastie and Tibshirani, An Introduction to Statistical
        Learning, 2nd ed., 2021, section 3.3
"""

from typing import Any, NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Integer

from reference._typing import Array


class Standardized(NamedTuple):
    """Standardized columns, and the mean and scale of each as it came."""

    z: Float[Array, "N D"]
    mean: Float[Array, "D"]
    scale: Float[Array, "D"]


def dummy_variables(
    codes: Integer[Array, "N"],
    levels: int,
    baseline: int = 0,
    dtype: Any = None,
) -> Float[Array, "N D"]:
    """Return a column of zeros and ones for each level but the baseline.

    The K = `levels` levels are the codes 0, ..., K - 1; the columns are in
    their order. `dtype` is a floating type of the library of `codes`, float64
    by default.

    Raises:
        ValueError: codes is no vector of integers from 0 to levels - 1,
            levels is no positive integer, baseline is none of the levels, or
            dtype is no real floating type.

    >>> import numpy as np
    >>> dummy_variables(np.array([0, 1, 2, 1]), levels=3)
    array([[0., 0.],
           [1., 0.],
           [0., 1.],
           [1., 0.]])
    """
    xp = array_namespace(codes)
    levels = _require_integer("the number of levels", levels, 1)
    baseline = _require_integer("a baseline", baseline, 0)
    if baseline >= levels:
        raise ValueError(
            f"a baseline needs to be one of 0 to {levels - 1}, got {baseline}"
        )
    dtype = xp.float64 if dtype is None else dtype
    if not xp.isdtype(dtype, "real floating"):
        raise ValueError(f"dummies need a real floating dtype, got {dtype}")
    if codes.ndim != 1 or not xp.isdtype(codes.dtype, "integral"):
        raise ValueError(
            "dummies need a vector of integer codes, got "
            f"{codes.dtype} of shape {tuple(codes.shape)}"
        )
    codes = xp.astype(codes, xp.int64)
    if bool(xp.any((codes < 0) | (codes >= levels))):
        raise ValueError(
            f"codes of {levels} levels need to be 0 to {levels - 1}, "
            f"got {int(xp.min(codes))} to {int(xp.max(codes))}"
        )
    others = [k for k in range(levels) if k != baseline]
    columns = xp.asarray(others, dtype=xp.int64, device=codes.device)
    return xp.astype(codes[:, None] == columns[None, :], dtype)  # eq. 1


def interactions(
    x: Float[Array, "N P"], z: Float[Array, "N Q"]
) -> Float[Array, "N P*Q"]:
    """Return the products of every column of x with every column of z.

    First come those of the first column of x, in the order of z.

    Raises:
        ValueError: x and z are no matrices of real floating-point numbers
            with the same rows.

    >>> import numpy as np
    >>> interactions(np.array([[2.0, 3.0]]), np.array([[10.0, 100.0]]))
    array([[ 20., 200.,  30., 300.]])
    """
    _require_matrix(x)
    _require_matrix(z)
    if x.shape[0] != z.shape[0]:
        raise ValueError(
            "interactions need the same examples in both blocks, "
            f"got {x.shape[0]} and {z.shape[0]} rows"
        )
    xp = array_namespace(x, z)
    products = x[:, :, None] * z[:, None, :]  # eq. 2
    return xp.reshape(products, (x.shape[0], x.shape[1] * z.shape[1]))


def polynomial_features(
    x: Float[Array, "N D"], degree: int
) -> Float[Array, "N M"]:
    """Return all products of 1 to `degree` factors, each a column of x.

    Fewer factors come first, then those with more of the earlier columns;
    of columns a and b the squares are a^2, a b, b^2. There is no column of
    ones.

    Raises:
        ValueError: x is no matrix of real floating-point numbers with at
            least one column, or degree is no positive integer.

    >>> import numpy as np
    >>> polynomial_features(np.array([[2.0, 3.0]]), degree=2)
    array([[2., 3., 4., 6., 9.]])
    """
    _require_matrix(x)
    degree = _require_integer("a degree", degree, 1)
    xp = array_namespace(x)
    d = x.shape[1]
    if d == 0:
        raise ValueError("powers need at least one column, got none")
    blocks, starts = [x], list(range(d))
    for _ in range(degree - 1):
        # One more factor x_j before each product that has none earlier.
        last = blocks[-1]
        parts = [
            x[:, j : j + 1] * last[:, start:]  # eq. 3
            for j, start in enumerate(starts)
        ]
        widths = [part.shape[1] for part in parts]
        starts = [sum(widths[:j]) for j in range(d)]
        blocks.append(xp.concat(parts, axis=1))
    return xp.concat(blocks, axis=1)


def standardize(x: Float[Array, "N D"]) -> Standardized:
    """Return the columns with mean 0 and standard deviation 1.

    The standard deviation divides by N. A column whose deviations are all
    rounding, at most 4 times the distance from 1 to the next float times its
    mean, or no larger than the smallest normal float, becomes 0 and has the
    scale 1.

    Raises:
        ValueError: x is no matrix of real, finite floating-point numbers
            with at least one row, or their differences overflow.

    >>> import numpy as np
    >>> standardize(np.array([[1.0, 7.0], [5.0, 7.0]]))
    Standardized(z=array([[-1.,  0.],
           [ 1.,  0.]]), mean=array([3., 7.]), scale=array([2., 1.]))
    """
    _require_matrix(x)
    if x.shape[0] == 0:
        raise ValueError("a mean needs at least one row, got none")
    xp = array_namespace(x)
    mean = _column_means(x)
    mean = mean + _column_means(x - mean)  # eq. 4
    away = x - mean
    farthest = xp.max(xp.abs(away), axis=0)
    _require_finite(farthest)
    rounding = 4 * float(xp.finfo(x.dtype).eps) * xp.abs(mean)
    smallest = float(xp.finfo(x.dtype).smallest_normal)
    constant = farthest <= xp.clip(rounding, min=smallest)
    # Squares of numbers up to 1 do not overflow; sqrt(0) has no slope.
    one = xp.ones_like(farthest)
    unit = xp.where(farthest > 0, farthest, one)
    squares = xp.where(constant, one, _column_means((away / unit) ** 2))
    scale = xp.where(constant, one, unit) * xp.sqrt(squares)  # eq. 5
    z = away / xp.where(constant, xp.inf * one, scale)  # eq. 6, or 0
    return Standardized(z, mean, scale)


def apply_standardization(
    x: Float[Array, "N D"], mean: Float[Array, "D"], scale: Float[Array, "D"]
) -> Float[Array, "N D"]:
    """Return the columns minus `mean`, in units of `scale`.

    Raises:
        ValueError: x is no matrix of real floating-point numbers, mean and
            scale have not one number for each of its columns, or a scale is
            not finite and above 0.

    >>> import numpy as np
    >>> mean, scale = np.array([3.0]), np.array([2.0])
    >>> apply_standardization(np.array([[9.0]]), mean, scale)
    array([[3.]])
    """
    _require_matrix(x)
    if not tuple(mean.shape) == tuple(scale.shape) == tuple(x.shape[1:]):
        raise ValueError(
            "standardizing needs one mean and one scale for each column, got "
            f"x of shape {tuple(x.shape)}, mean of shape {tuple(mean.shape)} "
            f"and scale of shape {tuple(scale.shape)}"
        )
    xp = array_namespace(x, mean, scale)
    if not bool(xp.all(xp.isfinite(scale) & (scale > 0))):
        raise ValueError(f"a scale needs to be finite and > 0, got {scale}")
    return (x - mean) / scale  # eq. 6


def _column_means(x: Float[Array, "N D"]) -> Float[Array, "D"]:
    """Return the mean of each column, summed in float64."""
    xp = array_namespace(x)
    total = xp.sum(x, axis=0, dtype=xp.float64)
    return xp.astype(total / x.shape[0], x.dtype)


def _require_integer(name: str, value: int, least: int) -> int:
    """Return the value as an int, or raise unless it is one, large enough."""
    whole = not isinstance(value, bool) and hasattr(value, "__index__")
    if not whole or value < least:
        raise ValueError(
            f"{name} needs to be an integer of at least {least}, got {value}"
        )
    return int(value)


def _require_matrix(x: Float[Array, "..."]) -> None:
    """Raise unless x is a matrix of real floating-point numbers."""
    xp = array_namespace(x)
    if x.ndim != 2 or not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            "a design matrix needs a matrix of real floating-point numbers, "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )


def _require_finite(x: Float[Array, "..."]) -> None:
    """Raise if any value is infinite, as after overflow, or not a number."""
    xp = array_namespace(x)
    if not bool(xp.all(xp.isfinite(x))):
        raise ValueError(
            "standardizing needs values and differences that are finite, "
            "got NaN or inf"
        )
