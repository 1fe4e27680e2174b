"""Kernels.

Dot products of features that are never built, and kernel ridge regression,
which needs nothing else of the examples.

Axes    M and N examples, D quantities, F features, K = the Gram matrix.
Page    docs/en/classification/kernels.md ("eq. 3" marks the line of its (3))
Source  Aizerman, Braverman and Rozonoer, Automation and Remote Control 25,
        1964; kernel ridge regression: Saunders, Gammerman and Vovk, ICML 1998
"""

from math import sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.regression.design_matrix import polynomial_features


class KernelFit(NamedTuple):
    """A weight for each example and the intercept, in the unit of y."""

    dual: Float[Array, "N"]
    intercept: Float[Array, ""]


def linear(
    x: Float[Array, "M D"], z: Float[Array, "N D"]
) -> Float[Array, "M N"]:
    """Return the dot product of every row of x with every row of z.

    Raises:
        ValueError: The shapes do not fit or one is empty; the numbers are not
            real floating-point numbers of one dtype, or not finite; the
            result overflows.

    >>> import numpy as np
    >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
    array([[11.]])
    """
    _require_rows(x, z)
    return _require_finite(x @ z.mT)  # eq. 1


def polynomial(
    x: Float[Array, "M D"],
    z: Float[Array, "N D"],
    degree: int = 2,
    offset: float = 1.0,
    scale: float = 1.0,
) -> Float[Array, "M N"]:
    """Return (scale * dot product + offset) ** degree.

    Raises:
        ValueError: As `linear`; degree is no integer of at least 1, offset
            not at least 0, or scale not above 0.

    >>> import numpy as np
    >>> polynomial(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
    array([[144.]])
    """
    whole = not isinstance(degree, bool) and hasattr(degree, "__index__")
    if not whole or degree < 1:
        raise ValueError(
            f"degree needs to be an integer of at least 1, got {degree}"
        )
    _require_rows(x, z)
    offset = _require_number("offset", offset, x, zero=True)
    scale = _require_number("scale", scale, x)
    base = scale * linear(x, z) + offset
    return _require_finite(base ** int(degree))  # eq. 2


def quadratic_features(
    x: Float[Array, "N D"], offset: float = 1.0
) -> Float[Array, "N F"]:
    """Return the features whose dot products `polynomial` of degree 2 gives.

    They are a constant, the columns of x, and the products of two columns in
    the order of `polynomial_features`, each times what makes that true: F is
    (D + 1) (D + 2) / 2.

    Raises:
        ValueError: As `linear`, or offset is not at least 0.

    >>> import numpy as np
    >>> quadratic_features(np.array([[3.0]]), offset=2.0)
    array([[2., 6., 9.]])
    """
    _require_rows(x, x)
    offset = _require_number("offset", offset, x, zero=True)
    xp = array_namespace(x)
    n, d = x.shape
    weights = [sqrt(2 * offset)] * d
    for i in range(d):
        weights += [1.0] + [sqrt(2.0)] * (d - i - 1)
    weights = xp.asarray(weights, dtype=x.dtype, device=x.device)
    constant = xp.full((n, 1), offset, dtype=x.dtype, device=x.device)
    products = _require_finite(weights * polynomial_features(x, 2))
    return xp.concat((constant, products), axis=1)  # eq. 3


def rbf(
    x: Float[Array, "M D"], z: Float[Array, "N D"], gamma: float
) -> Float[Array, "M N"]:
    """Return exp(-gamma * squared distance), between 0 and 1.

    Raises:
        ValueError: As `linear`; gamma is not above 0; or a feature is larger
            than 1e15 / sqrt(gamma), where differences have lost their digits.

    >>> import numpy as np
    >>> x = np.array([[0.0], [1.0]])
    >>> rbf(x, x, gamma=2.0).round(3)
    array([[1.   , 0.135],
           [0.135, 1.   ]])
    """
    _require_rows(x, z)
    root = sqrt(_require_number("gamma", gamma, x))
    xp = array_namespace(x, z)
    most = min(1e15 / root, float(xp.finfo(x.dtype).max) / 2)
    for a in (x, z):
        if not bool(xp.all(xp.abs(a) <= most)):
            raise ValueError(
                f"gamma = {gamma} needs features of at most {most:.0e}, "
                f"got {xp.max(xp.abs(a))}"
            )
    return xp.exp(-_scaled_squares(x, z, root))  # eq. 4


def kernel_scores(
    k: Float[Array, "M N"],
    dual: Float[Array, "N"],
    intercept: Float[Array, ""] | float = 0.0,
) -> Float[Array, "M"]:
    """Return the scores of M queries from their kernels with N examples.

    Raises:
        ValueError: k is no matrix with one column for each entry of dual, or
            the intercept no single number; the numbers are not real
            floating-point numbers of one dtype; the result is not finite.

    >>> import numpy as np
    >>> k, dual = np.array([[1.0, 2.0]]), np.array([3.0, -1.0])
    >>> kernel_scores(k, dual, intercept=0.5)
    array([1.5])
    """
    _require_columns(k, dual, "weight")
    if isinstance(intercept, (int, float)):  # also float64 scalars of NumPy
        intercept = float(intercept)
    elif intercept.ndim != 0 or intercept.dtype != k.dtype:
        raise ValueError(
            f"scores need one intercept of {k.dtype}, got {intercept.dtype} "
            f"of shape {tuple(intercept.shape)}"
        )
    return _require_finite(k @ dual + intercept)  # eq. 5


def kernel_ridge(
    k: Float[Array, "N N"], y: Float[Array, "N"], penalty: float
) -> KernelFit:
    """Return the fit that makes mean squared residual plus penalty smallest.

    That is half the mean plus penalty / 2 times the squared length of the
    weights of the features; the intercept is not penalized.

    Raises:
        ValueError: k is no Gram matrix of at least one example: square,
            symmetric, and the penalty makes it positive definite; y is not
            one target for each; the numbers are not real floating-point
            numbers of one dtype, or not finite; or the penalty is so small
            that it is lost in rounding.

    >>> import numpy as np
    >>> x, y = np.array([[-1.0], [1.0]]), np.array([3.0, 7.0])
    >>> kernel_ridge(linear(x, x), y, penalty=1.0)
    KernelFit(dual=array([-0.5,  0.5]), intercept=np.float64(5.0))
    """
    _require_gram(k, y)
    penalty = _require_number("penalty", penalty, k)
    xp = array_namespace(k, y)
    n = k.shape[0]
    means = xp.mean(k, axis=0)
    centered = k - means - means[:, None] + xp.mean(means)  # eq. 6
    y_mean = xp.mean(y)
    away = y - y_mean
    away = away - xp.mean(away)  # what rounding left in y_mean
    _require_penalty(k, penalty)
    system = centered + n * penalty * xp.eye(n, dtype=k.dtype, device=k.device)
    _require_definite(system)
    dual = xp.linalg.solve(system, away)  # eq. 7
    intercept = y_mean - xp.sum(means * dual)  # eq. 8
    return KernelFit(_require_finite(dual), _require_finite(intercept))


def _scaled_squares(
    x: Float[Array, "M D"], z: Float[Array, "N D"], root: float
) -> Float[Array, "M N"]:
    """Return the squared distances of the rows times root.

    One matrix product gives all of them, but rounded to the size of the
    longest row. Where that could be felt, differences are taken instead.
    """
    xp = array_namespace(x, z)
    d, eps = x.shape[1], float(xp.finfo(x.dtype).eps)
    a, b = root * (x - z[:1, :]), root * (z - z[:1, :])
    square_a, square_b = xp.vecdot(a, a), xp.vecdot(b, b)
    error = 4 * sqrt(d) * eps * (xp.max(square_a) + xp.max(square_b))
    if bool(error < sqrt(eps) / 10):
        products = a @ b.mT
        if x.shape == z.shape and bool(xp.all(x == z)):
            # What rounding makes of entry (m, n) it need not make of (n, m).
            products = (products + (b @ a.mT).mT) / 2
        squares = square_a[:, None] + square_b - 2 * products
        return xp.clip(squares, min=0)
    squares = 0.0
    for i in range(d):  # an array (M, N, D) could fill the memory
        squares = squares + (root * (x[:, i][:, None] - z[:, i])) ** 2
    return squares


def _require_rows(x: Array, z: Array) -> None:
    """Raise unless both are finite matrices of one dtype and D columns."""
    xp = array_namespace(x, z)
    shapes = f"{tuple(x.shape)} and {tuple(z.shape)}"
    if not x.ndim == z.ndim == 2 or x.shape[1] != z.shape[1]:
        raise ValueError(f"kernels need (M, D) and (N, D), got {shapes}")
    if 0 in (*x.shape, *z.shape):
        raise ValueError(f"kernels need rows and columns, got {shapes}")
    _require_one_dtype(x, z)
    for a in (x, z):
        if not bool(xp.all(xp.isfinite(a))):
            raise ValueError("kernels need finite numbers, got inf or NaN")


def _require_columns(k: Array, a: Array, what: str) -> None:
    """Raise unless a holds one number for each column of the matrix k."""
    if k.ndim != 2 or tuple(a.shape) != tuple(k.shape[1:]):
        raise ValueError(
            f"each column of a matrix of kernels needs one {what}, got shapes "
            f"{tuple(k.shape)} and {tuple(a.shape)}"
        )
    _require_one_dtype(k, a)


def _require_one_dtype(x: Array, z: Array) -> None:
    """Raise unless both hold real floating-point numbers of one dtype."""
    xp = array_namespace(x, z)
    if not xp.isdtype(x.dtype, "real floating") or x.dtype != z.dtype:
        raise ValueError(
            "kernels need real floating-point numbers of one dtype, got "
            f"{x.dtype} and {z.dtype}"
        )


def _require_finite(a: Array) -> Array:
    """Return a, or raise if a number is infinite or NaN."""
    xp = array_namespace(a)
    if not bool(xp.all(xp.isfinite(a))):
        raise ValueError("a kernel method overflows or was given inf or NaN")
    return a


def _require_number(
    name: str, value: float, like: Array, zero: bool = False
) -> float:
    """Return the value as a float of Python, or raise unless it is above 0."""
    xp = array_namespace(like)
    largest = float(xp.finfo(like.dtype).max)
    number = float(value)
    enough = number >= 0 if zero else number > 0
    if isinstance(value, bool) or not enough or number > largest:
        least = "at least" if zero else "above"
        raise ValueError(
            f"{name} needs to be {least} 0 and at most {largest:.1e}, "
            f"got {value}"
        )
    return number


def _require_gram(k: Array, y: Array) -> None:
    """Raise unless k is finite and symmetric, with a finite target a row."""
    _require_columns(k, y, "target")
    if k.shape[0] != k.shape[1] or k.shape[0] == 0:
        raise ValueError(
            "a Gram matrix needs as many rows as columns, at least 1, got "
            f"shape {tuple(k.shape)}"
        )
    xp = array_namespace(k, y)
    _require_finite(k)
    _require_finite(y)
    off = xp.max(xp.abs(k - k.mT))
    if not bool(off <= sqrt(xp.finfo(k.dtype).eps) * xp.max(xp.abs(k))):
        raise ValueError(
            f"a Gram matrix needs to be symmetric, got differences up to {off}"
        )


def _require_penalty(k: Array, penalty: float) -> None:
    """Raise if the penalty is no more than what rounding did to k."""
    xp = array_namespace(k)
    smallest = xp.finfo(k.dtype).eps * xp.max(xp.abs(k))
    if not bool(penalty > smallest):
        raise ValueError(
            f"the penalty needs to be above {smallest}, else it is lost in "
            f"rounding, got {penalty}"
        )


def _require_definite(system: Array) -> None:
    """Raise unless the matrix is positive definite, by more than rounding."""
    xp = array_namespace(system)
    try:
        xp.linalg.cholesky(system)
    except (ValueError, RuntimeError) as error:  # NumPy's and PyTorch's
        raise ValueError(
            "kernel ridge needs a positive semidefinite matrix or a larger "
            f"penalty, got {error}"
        ) from error
