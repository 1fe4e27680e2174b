"""Hierarchical clustering.

Starts with every example as a cluster of its own and merges the two nearest,
again and again. What is nearest is said by one of four linkages.

Axes    N examples, D features, M = N - 1 merges, K clusters.
Page    docs/en/unsupervised/hierarchical_clustering.md ("eq. 3" marks the line
        of its (3))
Source  Lance and Williams, A General Theory of Classificatory Sorting
        Strategies, Computer Journal 9, 1967; Ward, Hierarchical Grouping to
        Optimize an Objective Function, J. Amer. Statist. Assoc. 58, 1963
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from reference.classification.nearest_neighbors import euclidean

METHODS = ("single", "complete", "average", "ward")


class Dendrogram(NamedTuple):
    """The leaves from left to right, and the four corners of each merge."""

    leaves: Int[np.ndarray, "N"]
    positions: Float[np.ndarray, "M 4"]
    heights: Float[np.ndarray, "M 4"]


def linkage(
    x: Float[np.ndarray, "N D"], method: str = "single"
) -> Float[np.ndarray, "M 4"]:
    """Return the merges of the examples by Euclidean distance.

    As `agglomerate`, which takes any table of distances.

    Raises:
        ValueError: x is no matrix of finite float32 or float64 numbers with
            rows and columns, a distance overflows, or there is no such method.

    >>> linkage(np.array([[0.0], [5.0], [2.0]]))
    array([[0., 2., 2., 2.],
           [1., 3., 3., 3.]])
    """
    with np.errstate(over="ignore"):  # an infinite distance is refused
        distances = euclidean(x, x)  # eq. 1
    return agglomerate(distances, method)


def agglomerate(
    distances: Float[np.ndarray, "N N"], method: str = "single"
) -> Float[np.ndarray, "M 4"]:
    """Return the merges, from the nearest two examples to one cluster of all.

    A row holds the numbers of the two clusters merged, the lower first, their
    distance, in the unit of the distances, and the number of examples in the
    new cluster. Examples are the clusters 0 to N - 1, the merge in row t makes
    cluster N + t. Of equally near pairs the first in the order of (i, j)
    merges, where i < j are the lowest examples of the two clusters.

    Raises:
        ValueError: distances is no symmetric table of finite float32 or
            float64 numbers from 0 with 0 on the diagonal, a new distance
            overflows, or method is none of METHODS.

    >>> table = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 6.0], [4.0, 6.0, 0.0]])
    >>> agglomerate(table, "average")
    array([[0., 1., 1., 2.],
           [2., 3., 5., 3.]])
    """
    _require_distances(distances)
    if method not in METHODS:
        raise ValueError(f"the method needs to be in {METHODS}, got {method!r}")
    n = len(distances)
    d = np.minimum(distances, distances.T)  # rounding may leave two values
    np.fill_diagonal(d, np.inf)
    nearest = np.min(d, axis=1)  # for each cluster: how near is the nearest
    number, size = np.arange(n), np.ones(n, dtype=d.dtype)
    merges = np.empty((n - 1, 4), dtype=d.dtype)
    for t in range(n - 1):
        height = np.min(nearest)  # eq. 2
        i = np.argmin(nearest)
        j = np.argmin(d[i])
        total = size[i] + size[j]
        merges[t] = *sorted((number[i], number[j])), height, total
        k = size > 0
        k[[i, j]] = False
        row = np.full(n, np.inf, dtype=d.dtype)
        row[k] = _distance_to_union(
            method, d[i, k], d[j, k], height, size[i], size[j], size[k]
        )
        # Whose nearest was i or j, and is farther now, looks for another.
        lost = (row > nearest) & ((d[i] == nearest) | (d[j] == nearest))
        d[i] = d[:, i] = row
        d[j] = d[:, j] = np.inf
        nearest[lost] = np.min(d[lost], axis=1)
        number[i], size[i], size[j] = n + t, total, 0
    return merges


def cut(
    merges: Float[np.ndarray, "M 4"], clusters: int
) -> Int[np.ndarray, "N"]:
    """Return each example's cluster when the last merges are left out.

    Clusters are numbered from 0 in the order of their first examples.

    Raises:
        ValueError: merges is no such table, or clusters is no whole number
            from 1 to N.

    >>> cut(linkage(np.array([[0.0], [5.0], [2.0]])), 2)
    array([0, 1, 0])
    """
    children, n = _children(merges), len(merges) + 1
    whole = isinstance(clusters, int | np.integer)
    if not whole or isinstance(clusters, bool) or not 1 <= clusters <= n:
        raise ValueError(
            f"clusters needs to be a whole number in 1 ... {n}, got {clusters}"
        )
    labels, first = np.arange(n), list(range(n))
    for a, b in children[: n - clusters]:
        low, high = sorted((first[a], first[b]))
        labels[labels == high] = low
        first.append(low)
    return np.unique(labels, return_inverse=True)[1]


def cophenetic(merges: Float[np.ndarray, "M 4"]) -> Float[np.ndarray, "N N"]:
    """Return at which height any two examples come into one cluster.

    In the unit of the distances, and 0 for an example with itself.

    Raises:
        ValueError: merges is no such table.

    >>> cophenetic(linkage(np.array([[0.0], [5.0], [2.0]])))
    array([[0., 3., 2.],
           [3., 0., 3.],
           [2., 3., 0.]])
    """
    members, n = _members(merges), len(merges) + 1
    joined = np.zeros((n, n), dtype=merges.dtype)
    for (a, b), height in zip(_children(merges), merges[:, 2], strict=True):
        joined[np.ix_(members[a], members[b])] = height  # eq. 7
        joined[np.ix_(members[b], members[a])] = height
    return joined


def dendrogram(merges: Float[np.ndarray, "M 4"]) -> Dendrogram:
    """Return where to draw the leaves and the merges of a tree.

    `leaves` are the examples from left to right, at the positions 0 to N - 1.
    Row t of `positions` and `heights` holds the four corners of merge t, from
    the foot of the left leg over the bar to the foot of the right leg.

    Raises:
        ValueError: merges is no such table.

    >>> tree = dendrogram(linkage(np.array([[0.0], [5.0], [2.0]])))
    >>> tree.leaves
    array([1, 0, 2])
    >>> tree.positions[1], tree.heights[1]
    (array([0. , 0. , 1.5, 1.5]), array([0., 3., 3., 2.]))
    """
    children, n = _children(merges), len(merges) + 1
    leaves = _members(merges)[-1]
    middle = np.empty(2 * n - 1, dtype=merges.dtype)
    middle[leaves] = np.arange(n)
    for t, (a, b) in enumerate(children):
        middle[n + t] = (middle[a] + middle[b]) / 2  # eq. 8
    top = np.concatenate((np.zeros(n, dtype=merges.dtype), merges[:, 2]))
    left, right, bar = *children.T, n + np.arange(n - 1)
    return Dendrogram(
        leaves,
        middle[np.stack((left, left, right, right), axis=1)],
        top[np.stack((left, bar, bar, right), axis=1)],
    )


def _distance_to_union(
    method: str,
    a: Float[np.ndarray, "K"],
    b: Float[np.ndarray, "K"],
    height: np.floating,
    size_a: np.floating,
    size_b: np.floating,
    size: Float[np.ndarray, "K"],
) -> Float[np.ndarray, "K"]:
    """Return the distances of K clusters to the union of two.

    a and b are their distances to the two, which are height apart, and no
    distance is smaller than height.
    """
    with np.errstate(over="ignore"):  # refused below
        if method == "single":
            new = np.minimum(a, b)  # eq. 3
        elif method == "complete":
            new = np.maximum(a, b)  # eq. 4
        elif method == "average":
            new = (size_a * a + size_b * b) / (size_a + size_b)  # eq. 5
        else:
            # Squares of 1e200 overflow, those of 1e-200 vanish.
            unit = np.maximum(np.maximum(a, b), np.finfo(a.dtype).tiny)
            sums = (size_a + size) * (a / unit) ** 2
            sums += (size_b + size) * (b / unit) ** 2
            sums -= size * (height / unit) ** 2
            new = unit * np.sqrt(sums / (size_a + size_b + size))  # eq. 6
    if not np.all(np.isfinite(new)):
        raise ValueError("distances need to stay finite, got an overflow")
    # It is at least the smaller one, but for rounding.
    return np.maximum(new, np.minimum(a, b))


def _children(merges: Float[np.ndarray, "M 4"]) -> Int[np.ndarray, "M 2"]:
    """Return the two clusters of each merge, or raise if this is no tree."""
    if merges.shape[1:] != (4,) or merges.dtype not in (np.float32, np.float64):
        raise ValueError(
            "merges need float32 or float64 numbers and shape (N - 1, 4), got "
            f"{merges.dtype} and {tuple(merges.shape)}"
        )
    pairs, heights, n = merges[:, :2], merges[:, 2], len(merges) + 1
    once = np.array_equal(np.sort(pairs, axis=None), np.arange(2 * n - 2))
    if not once or np.any(np.max(pairs, axis=1) >= n + np.arange(n - 1)):
        raise ValueError(
            f"merges need to join each of the clusters 0 ... {2 * n - 3} once, "
            f"and after it was made, got {pairs.tolist()}"
        )
    rising = np.all(heights[1:] >= heights[:-1]) and np.all(heights >= 0)
    if not rising or not np.all(np.isfinite(heights)):
        raise ValueError(
            "merges need finite heights from 0 that do not fall, got "
            f"{heights.tolist()}"
        )
    return pairs.astype(np.intp)


def _members(merges: Float[np.ndarray, "M 4"]) -> list[np.ndarray]:
    """Return the examples of all 2N - 1 clusters, in the order of leaves."""
    children = _children(merges)
    members = list(np.arange(len(children) + 1)[:, None])
    for a, b in children:
        members.append(np.concatenate((members[a], members[b])))
    return members


def _require_distances(d: Float[np.ndarray, "N N"]) -> None:
    """Raise unless this is a table of distances."""
    if d.ndim != 2 or d.shape[0] != d.shape[1] or d.size == 0:
        raise ValueError(
            f"distances need the shape (N, N), N >= 1, got {tuple(d.shape)}"
        )
    if d.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"distances need NumPy's float32 or float64, got {d.dtype}"
        )
    if not np.all(np.isfinite(d)) or np.any(d < 0):
        raise ValueError(
            "distances need to be finite and 0 or more, got "
            f"{np.min(d)} to {np.max(d)}"
        )
    uneven = np.max(np.abs(d - d.T))
    own, largest = np.max(np.diagonal(d)), np.max(d)
    if max(uneven, own) > 1e-5 * largest:
        raise ValueError(
            "distances need to be the same both ways and 0 to oneself, got "
            f"{own} to oneself and ways that differ by {uneven}"
        )
