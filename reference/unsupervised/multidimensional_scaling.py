"""Multidimensional scaling.

Draws a map from a table of dissimilarities: at once, by eigenvectors of the
table that is centred twice, or step by step, with less stress after each.

Axes    N points, K coordinates on the map, T steps.
Page    docs/en/unsupervised/multidimensional_scaling.md ("eq. 3" marks the
        line of its (3))
Source  Torgerson, Psychometrika 17, 1952; de Leeuw, Applications of Convex
        Analysis to Multidimensional Scaling, 1977
"""

from math import sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Bool, Float

from reference._typing import Array


class ClassicalMap(NamedTuple):
    """The points of the map, and all eigenvalues, the largest first."""

    points: Float[Array, "N K"]
    eigenvalues: Float[Array, "N"]


class StressMap(NamedTuple):
    """The points of the map, and the stress of the start and each step."""

    points: Float[Array, "N K"]
    stresses: Float[Array, "T"]


def pairwise_distances(x: Float[Array, "N K"]) -> Float[Array, "N N"]:
    """Return the straight-line distances of every two rows, in their unit.

    Coinciding points have the gradient 0, where the derivative jumps.

    Raises:
        ValueError: x is no matrix of real, finite floating-point numbers with
            at least two rows and one column, or squares leave their range.

    >>> import numpy as np
    >>> pairwise_distances(np.array([[0.0, 0.0], [3.0, 4.0]]))
    array([[0., 5.],
           [5., 0.]])
    """
    return _distances(_require_points(x))


def double_center(distances: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """Return the inner products of centred points with these distances.

    They are in the squared unit of the distances.

    Raises:
        ValueError: The distances are no symmetric matrix of finite
            floating-point numbers of at least 0, with a diagonal of 0 and two
            rows or more, or their squares leave the range of the numbers.

    >>> import numpy as np
    >>> double_center(np.array([[0.0, 2.0], [2.0, 0.0]]))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    squares = _require_distances(distances) ** 2
    xp = array_namespace(squares)
    rows = xp.mean(squares, axis=1, keepdims=True)
    columns = xp.mean(squares, axis=0, keepdims=True)
    return -(squares - rows - columns + xp.mean(rows)) / 2  # eq. 2


def classical_mds(
    distances: Float[Array, "N N"], components: int
) -> ClassicalMap:
    """Return the map with the least strain, centred, in its principal axes.

    Its unit is that of the distances, that of the eigenvalues the square.
    Where an eigenvalue is negative, as it never is for straight-line
    distances, or no more than 1000 roundings of the largest, the column is 0.
    Gradients of the points need eigenvalues that are positive and differ.

    Raises:
        ValueError: The distances are nothing that `double_center` takes, or
            `components` is no integer from 1 to N - 1.

    >>> import numpy as np
    >>> fit = classical_mds(np.array([[0.0, 2.0], [2.0, 0.0]]), components=1)
    >>> fit.points, fit.eigenvalues.round(6) + 0.0
    (array([[ 1.],
           [-1.]]), array([2., 0.]))
    """
    products = double_center(distances)
    components = _require_components(components, products.shape[0])
    xp = array_namespace(products)
    values, vectors = xp.linalg.eigh(products)
    values = xp.flip(values)
    noise = 1000 * float(xp.finfo(values.dtype).eps) * values[0]
    kept = values[:components]
    kept = xp.where(kept > noise, kept, xp.zeros_like(kept))
    directions = _fix_signs(xp.flip(vectors, axis=1)[:, :components])
    return ClassicalMap(xp.sqrt(kept) * directions, values)  # eq. 3


def stress(
    distances: Float[Array, "N N"], x: Float[Array, "N K"]
) -> Float[Array, ""]:
    """Return the sum over all pairs of the squared errors of the map x.

    Its unit is the square of that of the distances.

    Raises:
        ValueError: The distances are nothing that `double_center` takes, or x
            nothing that `pairwise_distances` takes, or their N differ.

    >>> import numpy as np
    >>> distances = np.array([[0.0, 2.0], [2.0, 0.0]])
    >>> float(stress(distances, np.array([[0.0], [5.0]])))
    9.0
    """
    distances, x = _require_pair(distances, x)
    return _squared_errors(distances, _distances(x))


def smacof(
    distances: Float[Array, "N N"],
    start: Float[Array, "N K"],
    steps: int = 300,
    tolerance: float = 1e-6,
) -> StressMap:
    """Return a map of low stress, found step by step from `start`.

    The mean of the points stays that of `start`. The run stops after `steps`
    steps, or before, with the first that lowers the stress by no more than
    the share `tolerance`. In the long run it nears a stationary point, in
    general a local minimum. Points that lie on a line stay on it, and two
    that coincide, or nearly, give each other no direction.

    Raises:
        ValueError: As `stress`, or all points of `start` coincide, `steps`
            is no integer of at least 1, or the tolerance is no finite number
            of at least 0.

    >>> import numpy as np
    >>> distances = np.array([[0.0, 2.0], [2.0, 0.0]])
    >>> fit = smacof(distances, np.array([[0.0], [5.0]]), steps=1)
    >>> fit.points, fit.stresses
    (array([[1.5],
           [3.5]]), array([9., 0.]))
    """
    distances, x = _require_pair(distances, start)
    steps, tolerance = _require_budget(steps, tolerance)
    xp = array_namespace(distances, x)
    found = _distances(x)
    if not bool(xp.any(_apart(found))):
        raise ValueError(
            "a start needs points that differ from each other, got "
            f"{x.shape[0]} that coincide"
        )
    stresses = [_squared_errors(distances, found)]
    for _ in range(steps):
        x = _move(distances, x, found)
        found = _distances(x)
        stresses.append(_squared_errors(distances, found))
        if not bool(stresses[-1] < stresses[-2] * (1 - tolerance)):
            break
    return StressMap(x, xp.stack(stresses))


def _distances(x: Float[Array, "N K"]) -> Float[Array, "N N"]:
    """Return the distances, with the gradient 0 where they are 0."""
    xp = array_namespace(x)
    squares = xp.zeros_like(x[:, 0] - x[:, :1])
    for k in range(x.shape[1]):  # an array (N, N, K) could fill the memory
        squares = squares + (x[:, k][:, None] - x[:, k][None, :]) ** 2
    apart = squares > 0
    roots = xp.sqrt(xp.where(apart, squares, xp.ones_like(squares)))  # eq. 1
    return xp.where(apart, roots, squares)


def _squared_errors(
    distances: Float[Array, "N N"], found: Float[Array, "N N"]
) -> Float[Array, ""]:
    """Return the sum over all pairs; each stands in the tables twice."""
    xp = array_namespace(distances, found)
    return xp.sum((distances - found) ** 2) / 2  # eq. 4


def _move(
    distances: Float[Array, "N N"],
    x: Float[Array, "N K"],
    found: Float[Array, "N N"],
) -> Float[Array, "N K"]:
    """Return each point at the mean of the places the others propose."""
    xp = array_namespace(distances, x, found)
    apart, one = _apart(found), xp.ones_like(found)
    ratio = xp.where(apart, distances / xp.where(apart, found, one), 0 * one)
    columns = []
    for k in range(x.shape[1]):
        here, there = x[:, k][:, None], x[:, k][None, :]
        proposed = there + ratio * (here - there)
        columns.append(xp.mean(proposed, axis=1))  # eq. 5
    return xp.stack(columns, axis=1)


def _apart(found: Float[Array, "N N"]) -> Bool[Array, "N N"]:
    """Return which pairs lie apart by more than rounding."""
    xp = array_namespace(found)
    rounding = 100 * float(xp.finfo(found.dtype).eps) * xp.max(found)
    return (found > rounding) & (found > _range(found)[0])


def _fix_signs(directions: Float[Array, "N K"]) -> Float[Array, "N K"]:
    """Return each column or its negative: its largest entry is positive.

    Of entries that are equally large but for rounding, the first counts.
    """
    xp = array_namespace(directions)
    size = xp.abs(directions)
    nearly = 1 - sqrt(float(xp.finfo(directions.dtype).eps))
    large = size >= nearly * xp.max(size, axis=0, keepdims=True)
    first = xp.argmax(xp.astype(large, xp.int64), axis=0, keepdims=True)
    rows = xp.arange(size.shape[0], device=first.device)[:, None]
    zero = xp.zeros_like(directions)
    pivot = xp.sum(xp.where(rows == first, directions, zero), axis=0)
    return directions * xp.sign(pivot)


def _range(a: Float[Array, "..."]) -> tuple[float, float]:
    """Return the lengths whose squares, and their sums, have all digits."""
    xp = array_namespace(a)
    limits = xp.finfo(a.dtype)
    low = sqrt(float(limits.smallest_normal) / float(limits.eps))
    return low, sqrt(float(limits.max)) / (4 * a.shape[0])


def _require_points(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return x, or raise unless it holds points whose distances exist."""
    xp = array_namespace(x)
    if x.ndim != 2 or not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            "distances and maps need a matrix of real floating-point numbers, "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    if x.shape[0] < 2 or x.shape[1] < 1:
        raise ValueError(
            "distances and maps need 2 rows and 1 column, got shape "
            f"{tuple(x.shape)}"
        )
    largest, (low, high) = xp.max(xp.abs(x)), _range(x)
    if not bool((largest == 0) | ((largest >= low) & (largest <= high))):
        raise ValueError(
            "distances and maps need finite numbers, the largest 0 or of size "
            f"{low:.0e} to {high:.0e}, got {float(largest)}"
        )
    return x


def _require_distances(distances: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return the distances, or raise unless they are dissimilarities."""
    xp = array_namespace(distances)
    shape = tuple(_require_points(distances).shape)
    if shape[0] != shape[1]:
        raise ValueError(f"distances need a square matrix, got shape {shape}")
    least, away = xp.min(distances), xp.abs(distances - distances.mT)
    slack = xp.max(distances) * sqrt(float(xp.finfo(distances.dtype).eps))
    own = xp.max(xp.abs(xp.linalg.diagonal(distances)))
    if not bool((least >= 0) & (own <= slack) & (xp.max(away) <= slack)):
        raise ValueError(
            "distances need to be at least 0, symmetric, and 0 on the "
            f"diagonal, got a least of {least}, an asymmetry of "
            f"{xp.max(away)} and {own} on the diagonal"
        )
    return distances


def _require_pair(
    distances: Float[Array, "..."], x: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Return both, or raise unless the map has a point for each row."""
    distances, x = _require_distances(distances), _require_points(x)
    if x.shape[0] != distances.shape[0] or x.dtype != distances.dtype:
        raise ValueError(
            "a map needs a point for each row of the distances, of the same "
            f"dtype, got {x.dtype} of shape {tuple(x.shape)} for "
            f"{distances.dtype} of shape {tuple(distances.shape)}"
        )
    return distances, x


def _require_components(components: int, n: int) -> int:
    """Return `components` as an int, or raise unless n points fill so many."""
    whole = not isinstance(components, bool) and hasattr(
        components, "__index__"
    )
    if not whole or not 1 <= components <= n - 1:
        raise ValueError(
            f"a map of {n} points needs an integer from 1 to {n - 1} as the "
            f"number of components, got {components}"
        )
    return int(components)


def _require_budget(steps: int, tolerance: float) -> tuple[int, float]:
    """Return both as numbers of Python, or raise."""
    whole = not isinstance(steps, bool) and hasattr(steps, "__index__")
    if not whole or steps < 1:
        raise ValueError(
            f"steps needs to be an integer of at least 1, got {steps}"
        )
    if isinstance(tolerance, bool) or not 0 <= tolerance < float("inf"):
        raise ValueError(
            "the tolerance needs to be a finite number of at least 0, got "
            f"{tolerance}"
        )
    return int(steps), float(tolerance)
