"""Principal component analysis.

Finds the perpendicular directions along which examples vary most, writes each
example in K of them, and goes back.

Axes    N examples, D features, K components; M examples, old or new.
Page    docs/en/unsupervised/pca.md ("eq. 3" marks the line of its (3))
Source  Pearson, Philosophical Magazine 2, 1901; Hotelling, Journal of
        Educational Psychology 24, 1933
"""

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


class PrincipalComponents(NamedTuple):
    """The mean, the K directions, the examples in them, and the variances."""

    mean: Float[Array, "D"]
    components: Float[Array, "K D"]
    scores: Float[Array, "N K"]
    explained_variance: Float[Array, "K"]
    explained_variance_ratio: Float[Array, "K"]


def pca(x: Float[Array, "N D"], components: int) -> PrincipalComponents:
    """Return the leading principal components, by the covariance matrix.

    Fast where there are more examples than features. Variances below about
    1000 times the distance from 1 to the next float, in units of the
    largest, are rounding: for these use `pca_svd`. Gradients of components
    and scores need variances that differ from each other.

    Raises:
        ValueError: x is no matrix of real, finite floating-point numbers
            with at least two rows and one column, components is no integer
            from 1 to the smaller of its sides, or the total variance is 0,
            too small for the precision, or overflows.

    >>> import numpy as np
    >>> fit = pca(np.array([[1.0, 7.0], [1.0, 9.0], [1.0, 8.0]]), 1)
    >>> fit.components, fit.explained_variance
    (array([[0., 1.]]), array([1.]))
    """
    components = _require_examples(x, components)
    xp = array_namespace(x)
    mean, away = _center(x)
    covariance = away.mT @ away / (x.shape[0] - 1)  # eq. 2
    total = _require_variance(xp.linalg.trace(covariance))
    values, vectors = xp.linalg.eigh(covariance)  # eq. 3
    # They come with the smallest first, and a zero may be rounded below 0.
    values = xp.clip(xp.flip(values)[:components], min=0.0)
    directions = xp.flip(vectors, axis=1)[:, :components].mT
    return _describe(mean, away, directions, values, total)


def pca_svd(x: Float[Array, "N D"], components: int) -> PrincipalComponents:
    """Return the same by singular values: slower, small variances too.

    Raises:
        ValueError: As `pca`.

    >>> import numpy as np
    >>> fit = pca_svd(np.array([[1.0, 7.0], [1.0, 9.0], [1.0, 8.0]]), 1)
    >>> fit.explained_variance.round(6), fit.explained_variance_ratio.round(6)
    (array([1.]), array([1.]))
    """
    components = _require_examples(x, components)
    xp = array_namespace(x)
    mean, away = _center(x)
    total = _require_variance(xp.sum(away**2) / (x.shape[0] - 1))
    _, s, vt = xp.linalg.svd(away, full_matrices=False)
    values = s**2 / (x.shape[0] - 1)  # eq. 7
    directions, values = vt[:components, :], values[:components]
    return _describe(mean, away, directions, values, total)


def project(
    x: Float[Array, "M D"],
    mean: Float[Array, "D"],
    components: Float[Array, "K D"],
) -> Float[Array, "M K"]:
    """Return the scores of examples, old or new, in the unit of x.

    Raises:
        ValueError: The shapes do not fit, or the arrays do not hold real
            floating-point numbers.

    >>> import numpy as np
    >>> mean, components = np.array([1.0, 2.0]), np.array([[0.6, 0.8]])
    >>> project(np.array([[4.0, 6.0]]), mean, components)
    array([[5.]])
    """
    _require_fit(x, mean, components, 1)
    return _scores(x - mean, components)


def reconstruct(
    scores: Float[Array, "M K"],
    mean: Float[Array, "D"],
    components: Float[Array, "K D"],
) -> Float[Array, "M D"]:
    """Return the examples that have these scores, and no other part.

    Raises:
        ValueError: The shapes do not fit, or the arrays do not hold real
            floating-point numbers.

    >>> import numpy as np
    >>> mean, components = np.array([1.0, 2.0]), np.array([[0.6, 0.8]])
    >>> reconstruct(np.array([[5.0]]), mean, components)
    array([[4., 6.]])
    """
    _require_fit(scores, mean, components, 0)
    return mean + scores @ components  # eq. 5


def _center(
    x: Float[Array, "N D"],
) -> tuple[Float[Array, "D"], Float[Array, "N D"]]:
    """Return the mean of each column, and the columns minus it.

    The second pass removes what rounding left in the mean of the first.
    """
    xp = array_namespace(x)
    mean = xp.mean(x, axis=0)
    mean = mean + xp.mean(x - mean, axis=0)  # eq. 1
    return mean, x - mean


def _scores(
    away: Float[Array, "M D"], components: Float[Array, "K D"]
) -> Float[Array, "M K"]:
    """Return the scores of examples that are measured from the mean."""
    return away @ components.mT  # eq. 4


def _describe(
    mean: Float[Array, "D"],
    away: Float[Array, "N D"],
    directions: Float[Array, "K D"],
    values: Float[Array, "K"],
    total: Float[Array, ""],
) -> PrincipalComponents:
    """Return the components of these directions and variances."""
    components = _fix_signs(directions)
    ratio = values / total  # eq. 6
    scores = _scores(away, components)
    return PrincipalComponents(mean, components, scores, values, ratio)


def _fix_signs(components: Float[Array, "K D"]) -> Float[Array, "K D"]:
    """Return each row or its negative: its largest entry shall be positive.

    Of entries that are equally large but for rounding, the first counts.
    """
    xp = array_namespace(components)
    size = xp.abs(components)
    nearly = 1 - sqrt(float(xp.finfo(components.dtype).eps))
    large = size >= nearly * xp.max(size, axis=1, keepdims=True)
    first = xp.argmax(xp.astype(large, xp.int64), axis=1, keepdims=True)
    place = xp.arange(size.shape[1], device=first.device) == first
    zero = xp.zeros_like(components)
    pivot = xp.sum(xp.where(place, components, zero), axis=1, keepdims=True)
    return components * xp.sign(pivot)


def _require_examples(x: Float[Array, "..."], components: int) -> int:
    """Return `components` as an int, or raise unless x has so many."""
    xp = array_namespace(x)
    if x.ndim != 2 or not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            "principal components need a matrix of real floating-point "
            f"numbers, got {x.dtype} of shape {tuple(x.shape)}"
        )
    n, d = x.shape
    if n < 2 or d < 1:
        raise ValueError(
            "a covariance needs 2 examples and 1 feature, got x of shape "
            f"{(n, d)}"
        )
    if not bool(xp.all(xp.isfinite(x))):
        raise ValueError(
            "principal components need finite values, got NaN or inf"
        )
    # NumPy's integers count; arrays, which have an index as well, do not.
    whole = hasattr(components, "__index__") and not isinstance(
        components, bool | Iterable
    )
    if not whole or not 1 <= components <= min(n, d):
        raise ValueError(
            "the number of components needs to be an integer from 1 to "
            f"{min(n, d)} for x of shape {(n, d)}, got {components}"
        )
    return int(components)


def _require_variance(total: Float[Array, ""]) -> Float[Array, ""]:
    """Return the total variance, or raise unless it has all its digits."""
    xp = array_namespace(total)
    limits = xp.finfo(total.dtype)
    least = float(limits.smallest_normal) / float(limits.eps)
    if not bool((total >= least) & (total <= float(limits.max))):
        raise ValueError(
            "principal components need a finite total variance of at least "
            f"{least:.0e}, got {total}"
        )
    return total


def _require_fit(
    a: Float[Array, "..."],
    mean: Float[Array, "..."],
    components: Float[Array, "..."],
    side: int,
) -> None:
    """Raise unless the matrix a has a column for each row or column of V."""
    xp = array_namespace(a, mean, components)
    shapes = [tuple(array.shape) for array in (a, mean, components)]
    if (
        a.ndim != 2
        or components.ndim != 2
        or shapes[1] != shapes[2][1:]
        or shapes[0][1] != shapes[2][side]
    ):
        raise ValueError(
            "components of shape (K, D) need a mean of shape (D,) and "
            f"{'examples (M, D)' if side else 'scores (M, K)'}, got "
            f"{shapes[2]}, {shapes[1]} and {shapes[0]}"
        )
    for array in (a, mean, components):
        if not xp.isdtype(array.dtype, "real floating"):
            raise ValueError(
                "projecting and reconstructing need real floating-point "
                f"numbers, got {array.dtype}"
            )
