"""Least squares.

Fits coefficients so that the mean of the squared residuals is smallest: by
QR (the default), by the normal equations, bare and refined, and by the
singular values.

Axes    N examples, P quantities, D columns of the design matrix, the
        intercept's included.
Page    docs/en/regression/least_squares.md ("eq. 3" marks the line of its (3))
Source  Golub and Van Loan, Matrix Computations, 4th ed., 2013, chapter 5;
        blocks of rows: Demmel et al., SIAM J. Sci. Comput. 34, 2012;
        refinement: Bjorck, Linear Algebra Appl. 88/89, 1987
"""

from math import sqrt

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def with_intercept(x: Float[Array, "N P"]) -> Float[Array, "N P+1"]:
    """Return the design matrix: a column of ones, then the columns of x.

    Raises:
        ValueError: x does not hold real floating-point numbers.

    >>> import numpy as np
    >>> with_intercept(np.array([[5.0], [6.0]]))
    array([[1., 5.],
           [1., 6.]])
    """
    _require_real_floating(x)
    xp = array_namespace(x)
    ones = xp.ones((x.shape[0], 1), dtype=x.dtype, device=x.device)
    return xp.concat((ones, x), axis=1)


def predict(
    x: Float[Array, "N D"], beta: Float[Array, "D"]
) -> Float[Array, "N"]:
    """Return the fitted values X beta, in the unit of the target.

    Raises:
        ValueError: x is no matrix, or there is not one coefficient for each
            of its columns.
    """
    if x.ndim != 2 or tuple(beta.shape) != tuple(x.shape[1:]):
        raise ValueError(
            "predictions need a matrix and one coefficient for each column, "
            f"got x of shape {tuple(x.shape)} and beta of shape "
            f"{tuple(beta.shape)}"
        )
    return x @ beta  # eq. 1


def residuals(
    x: Float[Array, "N D"], y: Float[Array, "N"], beta: Float[Array, "D"]
) -> Float[Array, "N"]:
    """Return the targets minus their predictions, in the unit of the target.

    Raises:
        ValueError: x and y do not hold the same examples, at least one, or
            do not hold real floating-point numbers.
    """
    _require_examples(x, y)
    return y - predict(x, beta)


def least_squares_loss(
    x: Float[Array, "N D"], y: Float[Array, "N"], beta: Float[Array, "D"]
) -> Float[Array, ""]:
    """Return the mean of the squared residuals.

    >>> import numpy as np
    >>> x, y = np.array([[1.0], [2.0]]), np.array([3.0, 3.0])
    >>> float(least_squares_loss(x, y, np.array([2.0])))
    1.0
    """
    xp = array_namespace(x, y, beta)
    return xp.mean(residuals(x, y, beta) ** 2)  # eq. 2


def least_squares_gradient(
    x: Float[Array, "N D"], y: Float[Array, "N"], beta: Float[Array, "D"]
) -> Float[Array, "D"]:
    """Return the gradient of `least_squares_loss` with respect to beta."""
    e = residuals(x, y, beta)
    return -2 / x.shape[0] * (x.mT @ e)  # eq. 3


def least_squares(
    x: Float[Array, "N D"], y: Float[Array, "N"]
) -> Float[Array, "D"]:
    """Return the coefficients of the smallest loss, by QR.

    Gradients with respect to x are NaN or wrong where `reduce_rows` makes
    blocks and one has dependent columns.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow,
            or a column of x depends on the others: no unique coefficients.

    >>> import numpy as np
    >>> least_squares(np.array([[1.0], [2.0]]), np.array([3.0, 6.0]))
    array([3.])
    """
    xp = array_namespace(x, y)
    r, z = reduce_rows(x, y)
    _require_independent(r, _tolerance(x))
    return xp.linalg.solve(r, z)  # eq. 5


def least_squares_cholesky(
    x: Float[Array, "N D"], y: Float[Array, "N"]
) -> Float[Array, "D"]:
    """Return the same by the normal equations: fast, with half the digits.

    Raises:
        ValueError: As `least_squares`, and already when the columns are so
            nearly dependent, or so small, that three digits are not sure.
    """
    xp = array_namespace(x, y)
    r = _gram_triangle(x, y)
    return xp.linalg.solve(r, xp.linalg.solve(r.mT, x.mT @ y))  # eq. 4


def least_squares_refined(
    x: Float[Array, "N D"], y: Float[Array, "N"]
) -> Float[Array, "D"]:
    """Return the same, refined: fast, with no fewer digits than QR.

    Raises:
        ValueError: As `least_squares_cholesky`.

    >>> import numpy as np
    >>> least_squares_refined(np.array([[1.0], [2.0]]), np.array([3.0, 6.0]))
    array([3.])
    """
    xp = array_namespace(x, y)
    r = _gram_triangle(x, y)
    beta = xp.zeros_like(x[0, :])
    for _ in range(4):
        moment = x.mT @ residuals(x, y, beta)
        delta = xp.linalg.solve(r, xp.linalg.solve(r.mT, moment))  # eq. 8
        beta = beta + delta
    return beta


def least_squares_svd(
    x: Float[Array, "N D"], y: Float[Array, "N"], rtol: float | None = None
) -> Float[Array, "D"]:
    """Return the shortest of all coefficients with the smallest loss.

    Directions with a singular value of at most `rtol` times the largest count
    as none; by default 1000 times the distance from 1 to the next float.
    Gradients with respect to x are NaN or wrong where x, or one of the
    blocks that `reduce_rows` makes, has dependent columns.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow,
            or not 0 <= rtol < 1.

    >>> import numpy as np
    >>> same = np.array([[1.0, 1.0], [2.0, 2.0]])
    >>> least_squares_svd(same, np.array([3.0, 6.0]))
    array([1.5, 1.5])
    """
    r, z = reduce_rows(x, y)
    u, s, v = _singular_vectors(r, _tolerance(x) if rtol is None else rtol)
    return v @ ((u.mT @ z) / s)  # eq. 6


def hat_matrix(
    x: Float[Array, "N D"], rtol: float | None = None
) -> Float[Array, "N N"]:
    """Return the matrix that turns the targets y into the fitted values.

    It exists for dependent columns too; `rtol` is as in `least_squares_svd`.

    Raises:
        ValueError: x has no rows or no columns, is not real and finite or
            overflows, or not 0 <= rtol < 1.

    >>> import numpy as np
    >>> hat_matrix(np.array([[1.0], [1.0]]))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(
            "a projection needs a matrix that has rows and columns, "
            f"got shape {tuple(x.shape)}"
        )
    _require_real_floating(x)
    _require_finite(x)
    u, _, _ = _singular_vectors(x, _tolerance(x) if rtol is None else rtol)
    return u @ u.mT  # eq. 7


def _gram_triangle(
    x: Float[Array, "N D"], y: Float[Array, "N"]
) -> Float[Array, "D D"]:
    """Return R of X^T X = R^T R, where it is good for three digits of beta."""
    _require_examples(x, y)
    xp = array_namespace(x, y)
    gram = x.mT @ x
    _require_finite(gram)
    _require_finite(x.mT @ y)
    limits = xp.finfo(x.dtype)
    smallest = float(limits.smallest_normal) / float(limits.eps)
    squares = xp.linalg.diagonal(gram)
    if not bool(xp.all(squares >= smallest)):
        raise ValueError(
            "the normal equations need independent columns with sums of "
            f"squares of at least {smallest:.0e}, got {squares}"
        )
    try:
        r = xp.linalg.cholesky(gram, upper=True)
    except (ValueError, RuntimeError) as error:  # NumPy's and PyTorch's
        raise ValueError(
            f"the normal equations need independent columns, got {error}"
        ) from error
    _require_independent(r, sqrt(_tolerance(x)))
    return r


def _triangle(
    x: Float[Array, "*batch N D"], y: Float[Array, "*batch N"]
) -> tuple[Float[Array, "*batch K D"], Float[Array, "*batch K"]]:
    """Return R and Q^T y of X = QR, where K is the smaller of N and D."""
    xp = array_namespace(x, y)
    q, r = xp.linalg.qr(x)
    return r, (q.mT @ y[..., None])[..., 0]


def reduce_rows(
    x: Float[Array, "N D"], y: Float[Array, "N"]
) -> tuple[Float[Array, "K D"], Float[Array, "K"]]:
    """Return K equations with the same solutions, K the smaller of N and D.

    Many rows are reduced block by block, and the triangles of the blocks once
    more: a block fits into the processor's cache. Automatic differentiation
    needs independent columns in each block.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow.
    """
    _require_examples(x, y)
    _require_finite(y)
    xp = array_namespace(x, y)
    n, d = x.shape
    rows = max(512, 16 * d)
    if n >= 2 * rows:
        full = n - n % rows
        r, z = _triangle(
            xp.reshape(x[:full, :], (-1, rows, d)),
            xp.reshape(y[:full], (-1, rows)),
        )
        x = xp.concat((xp.reshape(r, (-1, d)), x[full:, :]))
        y = xp.concat((xp.reshape(z, (-1,)), y[full:]))
    r, z = _triangle(x, y)
    _require_finite(r)
    _require_finite(z)
    return r, z


def _singular_vectors(
    x: Float[Array, "N D"], rtol: float
) -> tuple[Float[Array, "N K"], Float[Array, "K"], Float[Array, "D K"]]:
    """Return u, s and v of the K singular values above rtol * the largest."""
    if not 0 <= rtol < 1:
        raise ValueError(f"a tolerance needs 0 <= rtol < 1, got {rtol}")
    xp = array_namespace(x)
    u, s, vt = xp.linalg.svd(x, full_matrices=False)
    _require_finite(s)
    rank = int(xp.count_nonzero(s > rtol * s[0]))
    return u[:, :rank], s[:rank], vt[:rank, :].mT


def _tolerance(x: Float[Array, "N D"]) -> float:
    """Return the size below which at most three digits are not rounding."""
    xp = array_namespace(x)
    return 1000 * float(xp.finfo(x.dtype).eps)


def _require_examples(x: Float[Array, "N D"], y: Float[Array, "N"]) -> None:
    """Raise unless x and y hold the same examples, and at least one."""
    if x.ndim != 2 or 0 in x.shape or tuple(y.shape) != (x.shape[0],):
        raise ValueError(
            "least squares needs examples with features and one target each, "
            f"got x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}"
        )
    _require_real_floating(x)
    _require_real_floating(y)


def _require_real_floating(x: Float[Array, "..."]) -> None:
    """Raise unless the numbers are real floating-point numbers."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            f"least squares needs real floating-point numbers, got {x.dtype}"
        )


def _require_finite(x: Float[Array, "..."]) -> None:
    """Raise if any value is infinite, as after overflow, or not a number."""
    xp = array_namespace(x)
    if not bool(xp.all(xp.isfinite(x))):
        raise ValueError("least squares needs finite values, got NaN or inf")


def _require_independent(r: Float[Array, "K D"], rtol: float) -> None:
    """Raise if X = QR has dependent columns, whatever their units are."""
    xp = array_namespace(r)
    if r.shape[0] < r.shape[1]:
        raise ValueError(
            f"{r.shape[1]} unique coefficients need as many examples, "
            f"got {r.shape[0]}"
        )
    smallest = float(xp.finfo(r.dtype).smallest_normal)
    units = xp.clip(xp.max(xp.abs(r), axis=0), min=smallest)
    s = xp.linalg.svdvals(r / units)
    if not bool(s[-1] > rtol * s[0]):
        raise ValueError(
            "unique coefficients need independent columns, got a singular "
            f"value of at most {rtol:.0e} times the largest"
        )
