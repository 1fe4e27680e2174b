"""Whitening.

Turns features into ones that are uncorrelated and have variance 1: along the
principal axes, or turned back to stay as close to the data as possible.

Axes    N examples, D features, K components; M examples, old or new.
Page    docs/en/unsupervised/whitening.md ("eq. 3" marks the line of its (3))
Source  Kessy, Lewin and Strimmer, Optimal Whitening and Decorrelation, The
        American Statistician 72, 2018; Bell and Sejnowski, The "Independent
        Components" of Natural Scenes are Edge Filters, Vision Research 37,
        1997
"""

from math import sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.unsupervised.pca import pca_svd, project


class Whitening(NamedTuple):
    """What to subtract from an example, and the rows to multiply it by."""

    mean: Float[Array, "D"]
    matrix: Float[Array, "K D"]


def decorrelate(x: Float[Array, "N D"]) -> Float[Array, "N K"]:
    """Return the examples in their principal axes, in the unit of x.

    The K columns, as many as the smaller side of x, have mean 0, covariances
    of 0, and variances that fall.

    Raises:
        ValueError: x is nothing that `pca_svd` takes.

    >>> import numpy as np
    >>> z = decorrelate(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]))
    >>> z[:, 0].round(6)
    array([-5.,  0.,  5.])
    """
    return pca_svd(x, min(x.shape, default=0)).scores  # eq. 1


def pca_whitening(
    x: Float[Array, "N D"], components: int, epsilon: float = 0.0
) -> Whitening:
    """Return the whitening that keeps the first K principal axes.

    Row k of the matrix is the k-th axis divided by the root of its variance
    plus epsilon, in the squared unit of x.

    Raises:
        ValueError: x or `components` is nothing that `pca_svd` takes, epsilon
            is no finite number of at least 0, or a variance plus epsilon is
            nothing but rounding.

    >>> import numpy as np
    >>> fit = pca_whitening(np.array([[1.0], [3.0], [5.0]]), 1)
    >>> fit.mean, fit.matrix
    (array([3.]), array([[0.5]]))
    """
    fit = pca_svd(x, components)
    roots = _roots(fit.explained_variance, epsilon)
    return Whitening(fit.mean, fit.components / roots[:, None])  # eq. 2


def zca_whitening(x: Float[Array, "N D"], epsilon: float = 0.0) -> Whitening:
    """Return the whitening with a symmetric matrix: D features, D of them.

    Of all whitenings it moves the examples least. epsilon is in the squared
    unit of x, and has to be positive where x has not D independent columns.
    Gradients need variances that differ from each other.

    Raises:
        ValueError: As `pca_whitening`.

    >>> import numpy as np
    >>> zca_whitening(np.array([[1.0], [3.0], [5.0]])).matrix
    array([[0.5]])
    """
    xp = array_namespace(x)
    fit = pca_svd(x, min(x.shape, default=0))
    v, roots = fit.components, _roots(fit.explained_variance, epsilon)
    matrix = v.mT @ (v / roots[:, None])  # eq. 3
    n, d = x.shape
    if n < d:
        # The directions that are in no example: their variance is 0.
        identity = xp.eye(d, dtype=x.dtype, device=x.device)
        matrix = matrix + (identity - v.mT @ v) / sqrt(epsilon)
    return Whitening(fit.mean, matrix)


def apply_whitening(
    x: Float[Array, "M D"],
    mean: Float[Array, "D"],
    matrix: Float[Array, "K D"],
) -> Float[Array, "M K"]:
    """Return examples, old or new, whitened: numbers without a unit.

    Raises:
        ValueError: The shapes do not fit, or the arrays do not hold real
            floating-point numbers.

    >>> import numpy as np
    >>> mean, matrix = np.array([3.0]), np.array([[0.5]])
    >>> apply_whitening(np.array([[1.0], [7.0]]), mean, matrix)
    array([[-1.],
           [ 2.]])
    """
    return project(x, mean, matrix)  # eq. 4


def _roots(variances: Float[Array, "K"], epsilon: float) -> Float[Array, "K"]:
    """Return the roots of variances plus epsilon, or raise if one is noise."""
    xp = array_namespace(variances)
    limits = xp.finfo(variances.dtype)
    most = float(limits.max)
    if isinstance(epsilon, bool) or not 0 <= float(epsilon) <= most:
        raise ValueError(
            f"epsilon needs to be a finite number of at least 0, got {epsilon}"
        )
    roots = xp.sqrt(variances + float(epsilon))
    largest, least = xp.sqrt(variances[0]), roots[-1]
    share = 1000 * float(limits.eps)
    if not bool(least > share * largest):
        raise ValueError(
            "whitening needs a deviation of more than "
            f"{share:.0e} of the largest in every direction, got {least} "
            f"beside {largest}: keep fewer components or raise epsilon"
        )
    return roots
