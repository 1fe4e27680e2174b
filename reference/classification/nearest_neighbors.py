"""Nearest neighbours.

Predicts at a query from the k examples nearest to it, by a vote of their
classes or by the mean of their targets.

Axes    N examples, M queries, D features, k neighbours, A and B any two axes.
Page    docs/en/classification/nearest_neighbors.md ("eq. 3" marks the line of
        its (3))
Source  Cover and Hart, Nearest Neighbor Pattern Classification, IEEE Trans.
        Inf. Theory 13, 1967
"""

from collections.abc import Callable, Iterable
from math import frexp, isqrt, ldexp
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Int

from reference._typing import Array


class Neighbors(NamedTuple):
    """The k nearest examples of each query and how far they are."""

    indices: Int[Array, "M k"]
    distances: Float[Array, "M k"]


def euclidean(
    x: Float[Array, "M D"], y: Float[Array, "N D"]
) -> Float[Array, "M N"]:
    """Return the straight-line distance of every row of x to every row of y.

    Below 1e-153 of the largest number, in float32 1e-18, distances have no
    digits left: their squares vanish, and they count as 0.

    Raises:
        ValueError: The shapes do not fit or one is empty; the numbers are not
            real floating-point numbers of one dtype, or not finite; a
            distance overflows.

    >>> import numpy as np
    >>> euclidean(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 2.0]]))
    array([[5., 2.]])
    """
    _require_rows(x, y)
    xp = array_namespace(x, y)
    unit = _unit(x, y)
    squares = _squares(x[:, None, :] / unit, y[None, :, :] / unit)
    return _require_finite(unit * xp.sqrt(squares))  # eq. 1


def manhattan(
    x: Float[Array, "M D"], y: Float[Array, "N D"]
) -> Float[Array, "M N"]:
    """Return the sum of the absolute differences of the features.

    Raises:
        ValueError: As `euclidean`.

    >>> import numpy as np
    >>> manhattan(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 2.0]]))
    array([[7., 2.]])
    """
    _require_rows(x, y)
    xp = array_namespace(x, y)
    total = 0.0
    for d in range(x.shape[1]):  # an array (M, N, D) could fill the memory
        total = total + xp.abs(x[:, d][:, None] - y[:, d])  # eq. 2
    return _require_finite(total)


def cosine(
    x: Float[Array, "M D"], y: Float[Array, "N D"]
) -> Float[Array, "M N"]:
    """Return 1 minus the cosine of the angle, between 0 and 2, no unit.

    Raises:
        ValueError: As `euclidean`, or a row is zero and has no direction.

    >>> import numpy as np
    >>> cosine(np.array([[2.0, 0.0]]), np.array([[0.0, 3.0], [-1.0, 0.0]]))
    array([[1., 2.]])
    """
    _require_rows(x, y)
    u, v = _directions(x), _directions(y)
    # Not 1 - u @ v.T, which has no digits left where the angle is small.
    return _squares(u[:, None, :], v[None, :, :]) / 2  # eq. 3


def k_nearest_neighbors(
    x: Float[Array, "N D"],
    query: Float[Array, "M D"],
    k: int,
    distance: Callable[[Array, Array], Array] = euclidean,
) -> Neighbors:
    """Return the k examples nearest to each query, the nearest first.

    Of equally near examples, that with the lower index comes first. Queries
    go in blocks, so that a table of distances holds at most 2**18 numbers or
    16 rows.

    Raises:
        ValueError: As `euclidean`; k is no whole number from 1 to N; or
            distance does not return a finite floating-point number for each
            pair.

    >>> import numpy as np
    >>> x, query = np.array([[5.0], [1.0], [3.0]]), np.array([[0.0]])
    >>> k_nearest_neighbors(x, query, 2).indices
    array([[1, 2]])
    """
    _require_rows(query, x)
    n = x.shape[0]
    # NumPy's integers count; arrays, which have an index as well, do not.
    whole = hasattr(k, "__index__") and not isinstance(k, bool | Iterable)
    if not whole or not 1 <= k <= n:
        raise ValueError(f"k needs to be a whole number in 1 ... {n}, got {k}")
    if distance is euclidean:
        return _nearest_by_screening(x, query, int(k))
    found = []
    for some in _blocks(query, n):
        table = _require_table(distance(some, x), some.shape[0], n)
        found.append(_smallest(table, int(k)))
    return _joined(found)


def classify(
    x: Float[Array, "N D"],
    y: Int[Array, "N"],
    query: Float[Array, "M D"],
    k: int,
    distance: Callable[[Array, Array], Array] = euclidean,
) -> Int[Array, "M"]:
    """Return the most frequent class of the k nearest; of several, the least.

    Raises:
        ValueError: As `k_nearest_neighbors`, or y is not one integer for
            each example.

    >>> import numpy as np
    >>> x, y = np.array([[0.0], [1.0], [5.0]]), np.array([7, 7, 4])
    >>> classify(x, y, np.array([[4.0]]), 1), classify(x, y, x[2:], 3)
    (array([4]), array([7]))
    """
    xp = array_namespace(x, y, query)
    nearest = k_nearest_neighbors(x, query, k, distance).indices
    _require_targets(x, y, "integral", "an integer class")
    classes = xp.sort(xp.unique_values(y))
    votes = 0
    for j in range(k):
        vote = xp.take(y, nearest[:, j])[:, None] == classes
        votes = votes + xp.astype(vote, nearest.dtype)
    return xp.take(classes, xp.argmax(votes, axis=1))  # eq. 4


def regress(
    x: Float[Array, "N D"],
    y: Float[Array, "N"],
    query: Float[Array, "M D"],
    k: int,
    distance: Callable[[Array, Array], Array] = euclidean,
) -> Float[Array, "M"]:
    """Return the mean target of the k nearest examples, in the unit of y.

    Raises:
        ValueError: As `k_nearest_neighbors`, or y is not one finite
            floating-point number for each example.

    >>> import numpy as np
    >>> x, y = np.array([[0.0], [1.0], [5.0]]), np.array([2.0, 4.0, 9.0])
    >>> regress(x, y, np.array([[0.0]]), 2)
    array([3.])
    """
    xp = array_namespace(x, y, query)
    nearest = k_nearest_neighbors(x, query, k, distance).indices
    _require_targets(x, y, "real floating", "a floating-point target")
    targets = xp.reshape(xp.take(y, xp.reshape(nearest, (-1,))), nearest.shape)
    return xp.mean(targets, axis=1)  # eq. 5


def _squares(
    x: Float[Array, "A #B D"], y: Float[Array, "#A B D"]
) -> Float[Array, "A B"]:
    """Return the sum of the squared differences along the last axis."""
    total = 0.0
    for d in range(x.shape[-1]):  # an array (A, B, D) could fill the memory
        total = total + (x[..., d] - y[..., d]) ** 2
    return total


def _unit(x: Float[Array, "M D"], y: Float[Array, "N D"]) -> float:
    """Return a power of 2 near the largest number: dividing by it is exact.

    Squares of 1e200 overflow, those of 1e-200 vanish.
    """
    xp = array_namespace(x, y)
    largest = max(float(xp.max(xp.abs(a))) for a in (x, y))
    return ldexp(1.0, frexp(largest)[1] - 1)


def _directions(x: Float[Array, "N D"]) -> Float[Array, "N D"]:
    """Return every row divided by its length."""
    xp = array_namespace(x)
    largest = xp.max(xp.abs(x), axis=1, keepdims=True)
    if not bool(xp.all(largest > 0)):
        raise ValueError("an angle needs rows that are not 0, got a row of 0")
    x = x / largest  # squares of 1e200 overflow
    return x / xp.sqrt(xp.sum(x * x, axis=1, keepdims=True))


def _nearest_by_screening(
    x: Float[Array, "N D"], query: Float[Array, "M D"], k: int
) -> Neighbors:
    """Return the k nearest by Euclidean distance.

    One matrix product gives all squares, but rounded. It picks a few more
    than k candidates, and differences decide among these. Where rounding
    could have lost a neighbour, differences decide among all.
    """
    xp = array_namespace(x, query)
    n, features = x.shape
    unit = _unit(x, query)
    x, query = x / unit, query / unit
    origin = xp.mean(x, axis=0)  # less cancels near 0
    b = x - origin
    square_b = xp.vecdot(b, b)
    few = min(k + 8, n)
    found = []
    for some in _blocks(query, n):
        a = some - origin
        product = (-2 * b) @ a.mT
        rough = _smallest((product + square_b[:, None]).mT, few)
        indices = xp.sort(rough.indices, axis=1)  # of equals, the lower first
        near = xp.take(x, xp.reshape(indices, (-1,)), axis=0)
        near = xp.reshape(near, (*indices.shape, features))
        place, squares = _smallest(_squares(some[:, None, :], near), k)
        indices = xp.take_along_axis(indices, place, axis=1)
        square_a = xp.vecdot(a, a)
        reach = xp.sqrt(square_a) + xp.sqrt(xp.max(square_b))
        slack = 4 * (features + 8) * float(xp.finfo(x.dtype).eps) * reach**2
        beyond = rough.distances[:, -1] + square_a
        if few < n and not bool(xp.all(squares[:, -1] + slack < beyond)):
            every = _squares(some[:, None, :], x[None, :, :])
            indices, squares = _smallest(every, k)
        distances = _require_finite(unit * xp.sqrt(squares))
        found.append(Neighbors(indices, distances))
    return _joined(found)


def _blocks(query: Float[Array, "M D"], n: int) -> list[Array]:
    """Return the queries in blocks, for tables of bounded size."""
    rows, m = max(16, 2**18 // n), query.shape[0]
    return [query[i : min(i + rows, m), :] for i in range(0, m, rows)]


def _joined(found: list[Neighbors]) -> Neighbors:
    """Return the neighbours of all blocks as one."""
    xp = array_namespace(found[0].indices)
    return Neighbors(*(xp.concat(parts) for parts in zip(*found, strict=True)))


def _smallest(table: Float[Array, "M N"], k: int) -> Neighbors:
    """Return the k smallest of each row; of equals, the leftmost.

    The columns are cut into groups. The k smallest lie in the k groups with
    the smallest minima, so that only these need sorting.
    """
    xp = array_namespace(table)
    m, n = table.shape
    size = isqrt(n // k)
    if n < 4 * k * size:
        columns = xp.broadcast_to(xp.arange(n, device=table.device), (m, n))
    else:
        full = n // size
        cut = xp.reshape(table.mT[: full * size, :], (full, size, m))
        least = [xp.min(cut, axis=1)]
        if full * size < n:
            rest = table.mT[full * size :, :]
            least.append(xp.min(rest, axis=0, keepdims=True))
        group = xp.argsort(xp.concat(least).mT, axis=1, stable=True)[:, :k]
        group = xp.sort(group, axis=1)  # of equals, the leftmost first
        within = xp.arange(size, dtype=group.dtype, device=table.device)
        columns = xp.reshape(group[:, :, None] * size + within, (m, k * size))
    inside = xp.take_along_axis(table, xp.clip(columns, max=n - 1), axis=1)
    table = xp.where(columns < n, inside, xp.inf)
    order = xp.argsort(table, axis=1, stable=True)[:, :k]
    return Neighbors(
        xp.take_along_axis(columns, order, axis=1),
        xp.take_along_axis(table, order, axis=1),
    )


def _require_rows(x: Array, y: Array) -> None:
    """Raise unless both are finite matrices of one dtype and D columns."""
    xp = array_namespace(x, y)
    shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
    if not x.ndim == y.ndim == 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"distances need (M, D) and (N, D), got {shapes}")
    if 0 in (*x.shape, *y.shape):
        raise ValueError(f"distances need rows and features, got {shapes}")
    if not xp.isdtype(x.dtype, "real floating") or x.dtype != y.dtype:
        raise ValueError(
            "distances need real floating-point numbers of one dtype, got "
            f"{x.dtype} and {y.dtype}"
        )
    _require_finite(x)
    _require_finite(y)


def _require_finite(a: Array) -> Array:
    """Return a, or raise if a number is infinite or NaN."""
    xp = array_namespace(a)
    if not bool(xp.all(xp.isfinite(a))):
        raise ValueError(
            "features and distances need to be finite, got inf or NaN"
        )
    return a


def _require_table(table: Array, m: int, n: int) -> Array:
    """Return a table of distances, or raise if it is not M x N and finite."""
    xp = array_namespace(table)
    real = xp.isdtype(table.dtype, "real floating")
    if tuple(table.shape) != (m, n) or not real:
        raise ValueError(
            f"{m} queries and {n} examples need floating-point distances of "
            f"shape {(m, n)}, got {tuple(table.shape)} of {table.dtype}"
        )
    return _require_finite(table)


def _require_targets(x: Array, y: Array, kind: str, what: str) -> None:
    """Raise unless y holds one finite number of a kind for each example."""
    xp = array_namespace(x, y)
    if tuple(y.shape) != tuple(x.shape[:1]) or not xp.isdtype(y.dtype, kind):
        raise ValueError(
            f"each of {x.shape[0]} examples needs {what}, got shape "
            f"{tuple(y.shape)} of {y.dtype}"
        )
    if not bool(xp.all(xp.isfinite(y))):
        raise ValueError("targets need to be finite, got inf or NaN")
