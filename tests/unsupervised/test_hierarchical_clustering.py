import re
from inspect import signature
from itertools import combinations
from math import inf, nan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

from reference.unsupervised.hierarchical_clustering import (
    METHODS,
    agglomerate,
    cophenetic,
    cut,
    dendrogram,
    linkage,
)
from reference.unsupervised.k_means import inertia, update
from tests.checks import assert_close, assert_float32

N, D = 9, 2
PENCIL = np.array([[0.0], [1.0], [3.0], [7.0], [12.0]])
TREES = [cut, cophenetic, dendrogram]


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture
def x(rng):
    return rng.normal(2, 3, size=(N, D))


@pytest.fixture
def table(x):
    return squareform(pdist(x))


def call(function, merges):
    return function(merges, 1) if function is cut else function(merges)


def clusters_before_each_merge(merges):
    """Yield lists of the examples of the clusters that exist, by number."""
    n = len(merges) + 1
    clusters = {i: [i] for i in range(n)}
    for t, (i, j) in enumerate(merges[:, :2].astype(int).tolist()):
        yield dict(clusters)
        clusters[n + t] = clusters.pop(i) + clusters.pop(j)


def merge_by_hand(table, distance):
    """Return the merges; distance(d_ik, d_jk, d_ij, n_i, n_j, n_k) is new."""
    n = len(table)
    d = {frozenset(p): table[p] for p in combinations(range(n), 2)}
    size, merges = dict.fromkeys(range(n), 1), []
    for t in range(n - 1):
        i, j = sorted(min(d, key=d.get))
        h = d[frozenset((i, j))]
        for k in set(size) - {i, j}:
            a, b = d.pop(frozenset((i, k))), d.pop(frozenset((j, k)))
            sizes = size[i], size[j], size[k]
            d[frozenset((n + t, k))] = distance(a, b, h, *sizes)
        del d[frozenset((i, j))]
        size[n + t] = size.pop(i) + size.pop(j)
        merges.append((i, j, h, size[n + t]))
    return np.array(merges)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, method):
    r"""d_{nm} = \sqrt{\sum_{\ell=1}^{D} (x_{n\ell} - x_{m\ell})^2}"""
    table = np.zeros((N, N))
    for n, m in np.ndindex(N, N):
        table[n, m] = sqrt(sum((x[n, i] - x[m, i]) ** 2 for i in range(D)))
    assert_close(linkage(x, method), agglomerate(table, method))


def test_eq_2(table):
    r"""h_t = \min_{i < j} d_{ij}"""
    merges = agglomerate(table, "complete")
    for t, clusters in enumerate(clusters_before_each_merge(merges)):
        expected = min(
            max(table[n, m] for n in clusters[i] for m in clusters[j])
            for i, j in combinations(clusters, 2)
        )
        assert_close(merges[t, 2], expected)


def test_eq_3(table):
    r"""d_{uk} = \min(d_{ik}, d_{jk})"""
    expected = merge_by_hand(table, lambda a, b, *_: min(a, b))
    assert_close(agglomerate(table, "single"), expected)


def test_eq_4(table):
    r"""d_{uk} = \max(d_{ik}, d_{jk})"""
    expected = merge_by_hand(table, lambda a, b, *_: max(a, b))
    assert_close(agglomerate(table, "complete"), expected)


def test_eq_5(table):
    r"""d_{uk} = \frac{n_i d_{ik} + n_j d_{jk}}{n_i + n_j}"""

    def distance(a, b, _, n_i, n_j, *__):
        return (n_i * a + n_j * b) / (n_i + n_j)

    expected = merge_by_hand(table, distance)
    assert_close(agglomerate(table, "average"), expected)


def test_eq_6(table):
    r"""d_{uk} = \sqrt{\frac{(n_i + n_k) d_{ik}^2 + (n_j + n_k) d_{jk}^2
    - n_k d_{ij}^2}{n_i + n_j + n_k}}"""

    def distance(a, b, h, n_i, n_j, n_k):
        numerator = (n_i + n_k) * a**2 + (n_j + n_k) * b**2 - n_k * h**2
        return sqrt(numerator / (n_i + n_j + n_k))

    expected = merge_by_hand(table, distance)
    assert_close(agglomerate(table, "ward"), expected)


def test_eq_7(table, method):
    r"""c_{nm} = \min \left\{ h_t : z_n^{(t)} = z_m^{(t)} \right\}"""
    merges = agglomerate(table, method)
    labels = [cut(merges, N - t) for t in range(N)]
    expected = np.zeros((N, N))
    for n, m in np.ndindex(N, N):
        together = [t for t in range(N) if labels[t][n] == labels[t][m]]
        heights = [merges[t - 1, 2] if t > 0 else 0 for t in together]
        expected[n, m] = min(heights)
    assert_close(cophenetic(merges), expected)


def test_eq_8(table, method):
    r"""p_u = \frac{p_i + p_j}{2}"""
    merges = agglomerate(table, method)
    tree = dendrogram(merges)
    place = {leaf: p for p, leaf in enumerate(tree.leaves.tolist())}
    height = dict.fromkeys(range(N), 0.0)
    for t in range(N - 1):
        i, j = int(merges[t, 0]), int(merges[t, 1])
        a, b, c, d = place[i], height[i], place[j], height[j]
        assert_close(tree.positions[t], np.array([a, a, c, c], dtype=float))
        assert_close(tree.heights[t], [b, merges[t, 2], merges[t, 2], d])
        place[N + t], height[N + t] = (a + c) / 2, merges[t, 2]


# The same as everybody else's: SciPy.


@pytest.mark.parametrize("n", [2, 3, 60])
def test_scipy(rng, n, method):
    x = rng.normal(size=(n, 3))
    merges, theirs = linkage(x, method), hierarchy.linkage(x, method)
    assert_close(merges, theirs)
    assert_close(agglomerate(squareform(pdist(x)), method), theirs)
    assert_close(cophenetic(merges), squareform(hierarchy.cophenet(theirs)))
    tree = dendrogram(merges)
    drawn = hierarchy.dendrogram(theirs, no_plot=True)
    assert tree.leaves.tolist() == drawn["leaves"]
    theirs_x, theirs_y = np.array(drawn["icoord"]), np.array(drawn["dcoord"])
    order = np.argsort(theirs_y[:, 1])
    assert_close(tree.positions, (theirs_x[order] - 5) / 10)
    assert_close(tree.heights, theirs_y[order])


@pytest.mark.parametrize("clusters", [1, 2, 5, 39, 40])
def test_scipy_cuts_the_same(rng, clusters, method):
    merges = linkage(rng.normal(size=(40, 2)), method)
    theirs = hierarchy.fcluster(merges, clusters, "maxclust")
    names = list(dict.fromkeys(theirs.tolist()))  # by first example
    expected = np.array([names.index(label) for label in theirs])
    labels = cut(merges, clusters)
    assert labels.max() + 1 == clusters
    assert np.array_equal(labels, expected)


def test_heights_of_single_linkage_with_ties_are_scipys(rng):
    x = rng.integers(0, 3, size=(50, 3)).astype(float)
    assert_close(linkage(x)[:, 2], hierarchy.linkage(x)[:, 2])


# No gradient is written by hand here. What the page promises and refuses.


def test_pencil_example():
    heights = {m: linkage(PENCIL, m)[:, 2] for m in METHODS}
    assert heights["single"].tolist() == [1, 2, 4, 5]
    assert heights["complete"].tolist() == [1, 3, 5, 12]
    assert_close(heights["average"], [1, 2.5, 5, 49 / 6])
    assert_close(heights["ward"] ** 2, [1, 25 / 3, 25, 2401 / 15])
    assert cut(linkage(PENCIL), 2).tolist() == [0, 0, 0, 0, 1]
    assert cut(linkage(PENCIL, "complete"), 2).tolist() == [0, 0, 0, 1, 1]


def test_single_linkage_is_the_default(x, table):
    assert_close(linkage(x), linkage(x, "single"))
    assert_close(agglomerate(table), agglomerate(table, "single"))
    for function in (linkage, agglomerate):
        assert signature(function).parameters["method"].default == "single"


def test_half_the_square_of_wards_height_is_the_increase_of_inertia(x):
    merges, losses = linkage(x, "ward"), []
    for k in range(N, 0, -1):
        labels = cut(merges, k)
        losses.append(inertia(x, labels, update(x, labels, x[:k])))
    assert_close(merges[:, 2] ** 2 / 2, np.diff(losses))


TABLES = st.integers(2, 7).flatmap(
    lambda n: st.lists(
        st.integers(0, 4), min_size=n * (n - 1) // 2, max_size=n * (n - 1) // 2
    )
)


@settings(max_examples=25)
@given(TABLES, st.sampled_from(["single", "complete"]))
def test_of_equally_near_pairs_the_first_merges(distances, method):
    table = squareform(np.array(distances, dtype=float))
    join = min if method == "single" else max
    merges = agglomerate(table, method)
    for t, clusters in enumerate(clusters_before_each_merge(merges)):
        pairs = {}
        for i, j in combinations(clusters, 2):
            a, b = sorted((clusters[i], clusters[j]), key=min)
            near = join(table[n, m] for n in a for m in b)
            pairs[near, min(a), min(b)] = [*sorted((i, j)), near]
        assert merges[t, :3].tolist() == pairs[min(pairs)]


@settings(max_examples=25)
@given(TABLES, st.sampled_from(METHODS))
def test_heights_never_fall_and_make_an_ultrametric(distances, method):
    table = squareform(np.array(distances, dtype=float) / 10)
    merges = agglomerate(table, method)
    assert np.all(np.diff(merges[:, 2]) >= 0)
    c = cophenetic(merges)
    assert np.array_equal(c, c.T)
    assert np.all(c <= np.maximum(c[:, :, None], c[:, None, :]).min(axis=0))
    if method == "single":
        assert np.all(c <= table)


def test_rounding_does_not_turn_the_tree_over(method):
    """(0.1 + 2 * 0.1) / 3 is not 0.1."""
    for n in (3, 5, 20):
        for value in (0.1, 0.3, 0.7, 1.1):
            merges = agglomerate(value * (1 - np.eye(n)), method)
            assert np.all(np.diff(merges[:, 2]) >= 0)
            assert_close(merges[:, 2], np.full(n - 1, value))


def test_order_of_examples_does_not_matter_without_ties(rng, x, method):
    order = rng.permutation(N)
    one, other = linkage(x, method), linkage(x[order], method)
    assert_close(other[:, 2:], one[:, 2:])
    assert_close(cophenetic(other), cophenetic(one)[np.ix_(order, order)])


def test_float32(rng, method):
    x = rng.normal(1000, 1, size=(30, 3)).astype(np.float32).astype(float)
    assert_float32(linkage, x, method)
    assert_float32(agglomerate, squareform(pdist(x)), method)
    merges = linkage(x, method)
    assert_float32(cophenetic, merges)
    assert_float32(dendrogram, merges)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_units_do_not_matter(x, method, unit):
    merges, scaled = linkage(x, method), linkage(unit * x, method)
    scaled[:, 2] /= unit
    assert_close(scaled, merges)


def test_equal_examples_merge_at_height_0(method):
    merges = linkage(np.array([[3.0], [5.0], [3.0], [3.0]]), method)
    assert merges[:2].tolist() == [[0, 2, 0, 2], [3, 4, 0, 3]]
    assert cut(merges, 2).tolist() == [0, 1, 0, 0]
    assert not np.any(linkage(np.ones((4, 2)), method)[:, 2])


def test_one_example(method):
    merges = linkage(np.ones((1, 2)), method)
    assert merges.shape == (0, 4)
    assert cut(merges, 1).tolist() == [0]
    assert cophenetic(merges).tolist() == [[0]]
    tree = dendrogram(merges)
    assert tree.leaves.tolist() == [0]
    assert tree.positions.shape == tree.heights.shape == (0, 4)


def test_nothing_is_changed(x, table, method):
    x_before, table_before = x.copy(), table.copy()
    merges = linkage(x, method)
    before = merges.copy()
    agglomerate(table, method)
    for function in TREES:
        call(function, merges)
    assert np.array_equal(x, x_before)
    assert np.array_equal(table, table_before)
    assert np.array_equal(merges, before)


def test_distances_that_differ_by_rounding_are_accepted(table, method):
    upper = np.triu(table) * (1 + 1e-7) + np.tril(table) + 1e-9 * np.eye(N)
    assert_close(agglomerate(upper, method), agglomerate(table, method))


@pytest.mark.parametrize("method", ["Ward", "centroid", ""])
def test_unknown_methods_are_refused(x, table, method):
    with pytest.raises(ValueError, match=f"method needs .* got '{method}'"):
        agglomerate(table, method)
    with pytest.raises(ValueError, match="needs to be in \\('single', 'comp"):
        linkage(x, method)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 0), (2, 2, 2)])
def test_other_than_square_tables_are_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(N, N\), N >= 1, got"):
        agglomerate(np.zeros(shape))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [int, bool, complex, np.float16])
def test_other_numbers_are_refused(table, dtype):
    table = table.astype(dtype)
    with pytest.raises(ValueError, match=f"float64, got {table.dtype}"):
        agglomerate(table)


@pytest.mark.parametrize("value", [-1e-3, nan, inf])
def test_values_that_are_no_distances_are_refused(table, value):
    table[2, 3] = table[3, 2] = value
    with pytest.raises(ValueError, match="finite and 0 or more, got"):
        agglomerate(table)


@pytest.mark.parametrize("unit", [1e-200, 1, 1e200])
def test_tables_that_are_not_symmetric_are_refused(table, unit):
    uneven = unit * table
    uneven[5, 2] *= 2
    with pytest.raises(ValueError, match=r"both ways .* got 0\.0 to oneself"):
        agglomerate(uneven)


def test_similarities_are_refused(table):
    with pytest.raises(ValueError, match=r"0 to oneself, got 1\.0 to oneself"):
        agglomerate(np.exp(-table))


@pytest.mark.parametrize("method", ["average", "ward"])
def test_distances_that_overflow_are_refused(method):
    table = 1.45e307 * np.abs(PENCIL - PENCIL.T)
    with pytest.raises(ValueError, match="stay finite, got an overflow"):
        agglomerate(table, method)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (3, 0), (2, 2, 2)])
def test_examples_that_are_no_matrix_are_refused(shape):
    with pytest.raises(ValueError, match="distances need"):
        linkage(np.zeros(shape))


@pytest.mark.parametrize("value", [nan, inf, 1e308])
def test_examples_without_finite_distances_are_refused(x, value):
    x[0], x[1] = value, -1e308
    with pytest.raises(ValueError, match="need to be finite"):
        linkage(x)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("clusters", [0, N + 1, -1, True, 2.0, nan, None])
def test_impossible_numbers_of_clusters_are_refused(x, clusters):
    with pytest.raises(ValueError, match=f"in 1 ... 9, got {clusters}"):
        cut(linkage(x), clusters)


@pytest.mark.usefixtures("unchecked")
def test_numpy_integers_are_whole_numbers():
    assert cut(linkage(PENCIL), np.int64(5)).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", TREES)
@pytest.mark.parametrize("shape", [(), (4,), (3, 3), (2, 2, 4)])
def test_merges_of_other_shapes_are_refused(function, shape):
    expected = re.escape(f"shape (N - 1, 4), got float64 and {shape}")
    with pytest.raises(ValueError, match=expected):
        call(function, np.zeros(shape))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", TREES)
@pytest.mark.parametrize("dtype", [int, complex, np.float16])
def test_merges_of_other_numbers_are_refused(function, dtype):
    """In integers half a position would be cut off."""
    merges = linkage(PENCIL, "single").astype(dtype)
    with pytest.raises(ValueError, match=f"float32 .* got {merges.dtype} and"):
        call(function, merges)


@pytest.mark.parametrize("function", TREES)
@pytest.mark.parametrize("row", [(0, 4), (0, 3), (1, 2), (-1, 1), (nan, 0)])
def test_merges_that_are_no_tree_are_refused(function, row):
    """4 does not exist yet, 3 neither in row 0, and 0.5 never."""
    merges = linkage(PENCIL[:3])
    assert merges[:, :2].tolist() == [[0, 1], [2, 3]]
    merges[1 if row[0] == 1 else 0, :2] = row
    with pytest.raises(ValueError, match=r"each of the clusters 0 \.\.\. 3"):
        call(function, merges)


def test_a_cluster_is_not_used_before_it_is_made():
    merges = np.array([[0.0, 3, 1, 2], [1, 2, 2, 2]])
    for function in TREES:
        for order in ([0, 1, 2, 3], [1, 0, 2, 3]):
            with pytest.raises(ValueError, match="and after it was made, got"):
                call(function, merges[:, order])


@pytest.mark.parametrize("function", TREES)
@pytest.mark.parametrize("heights", [(2, 1), (-1, 1), (nan, 1), (1, inf)])
def test_heights_that_fall_are_refused(function, heights):
    merges = linkage(PENCIL[:3])
    merges[:, 2] = heights
    with pytest.raises(ValueError, match="finite heights from 0 that do not"):
        call(function, merges)
