import re
from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from reference._datasets import digits
from reference.classification import nearest_neighbors as module
from reference.classification.nearest_neighbors import (
    classify,
    cosine,
    euclidean,
    k_nearest_neighbors,
    manhattan,
    regress,
)
from tests.checks import assert_close, assert_float32, to_numpy

DISTANCES = [euclidean, manhattan, cosine]
NAMES = {euclidean: "euclidean", manhattan: "cityblock", cosine: "cosine"}
M, N, D = 4, 6, 3


@pytest.fixture
def x(rng):
    return rng.normal(2, 3, (N, D))


@pytest.fixture
def query(rng):
    return rng.normal(1, 3, (M, D))


@pytest.fixture(params=DISTANCES)
def distance(request):
    return request.param


def exact(x, query, k):
    """Return what a stable sort of all distances finds, and the distances."""
    squares = sum(
        (q - p) ** 2 for q, p in zip(query.T[:, :, None], x.T, strict=True)
    )
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    return order, np.sqrt(np.take_along_axis(squares, order, axis=1))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, query, array):
    r"""d_2(q, x_n) = \sqrt{\sum_{d=1}^{D} (q_d - x_{nd})^2}"""
    expected = [
        [sqrt(sum((q[d] - x[n, d]) ** 2 for d in range(D))) for n in range(N)]
        for q in query
    ]
    assert_close(euclidean(array(query), array(x)), expected)


def test_eq_2(x, query, array):
    r"""d_1(q, x_n) = \sum_{d=1}^{D} \lvert q_d - x_{nd} \rvert"""
    expected = [
        [sum(abs(q[d] - x[n, d]) for d in range(D)) for n in range(N)]
        for q in query
    ]
    assert_close(manhattan(array(query), array(x)), expected)


def test_eq_3(x, query, array):
    r"""d_{\cos}(q, x_n) = \frac{1}{2} \sum_{d=1}^{D}
    \left( \frac{q_d}{\lVert q \rVert}
    - \frac{x_{nd}}{\lVert x_n \rVert} \right)^2"""

    def length(a):
        return sqrt(sum(a[d] ** 2 for d in range(D)))

    expected = [
        [
            sum((q[d] / length(q) - p[d] / length(p)) ** 2 for d in range(D))
            / 2
            for p in x
        ]
        for q in query
    ]
    assert_close(cosine(array(query), array(x)), expected)


def test_eq_4(rng, array):
    r"""\hat{y}(q) = \argmax_c \sum_{n \in N_k(q)} [y_n = c]"""
    x, query = rng.normal(size=(30, 2)), rng.normal(size=(9, 2))
    y, k = 3 * rng.integers(4, size=30) - 4, 7
    expected = []
    for q in query:
        order = sorted(range(30), key=lambda n: sum((q - x[n]) ** 2))
        votes = {c: sum(y[n] == c for n in order[:k]) for c in sorted(set(y))}
        expected.append(max(votes, key=votes.get))
    assert_close(classify(array(x), array(y), array(query), k), expected)


def test_eq_5(x, query, rng, array):
    r"""\hat{y}(q) = \frac{1}{k} \sum_{n \in N_k(q)} y_n"""
    y, k = rng.normal(size=N), 4
    expected = []
    for q in query:
        order = sorted(range(N), key=lambda n: sum((q - x[n]) ** 2))
        expected.append(sum(y[n] for n in order[:k]) / k)
    assert_close(regress(array(x), array(y), array(query), k), expected)


# The same as everybody else's: SciPy and scikit-learn.


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (7, 1, 2), (8, 9, 40)])
def test_cdist_of_scipy(shape, distance, rng, array):
    m, n, d = shape
    x, y = rng.normal(3, 1, (m, d)), rng.normal(size=(n, d))
    expected = cdist(x, y, NAMES[distance])
    assert_close(distance(array(x), array(y)), expected)


@pytest.mark.parametrize("k", [1, 5, 300])
def test_neighbors_classes_and_means_of_sklearn(k, distance, rng, array):
    x, query = rng.normal(size=(300, 5)), rng.normal(size=(12, 5))
    y, target = rng.integers(3, size=300), rng.normal(size=300)
    kind = {"metric": NAMES[distance], "algorithm": "brute"}
    model = KNeighborsClassifier(k, **kind).fit(x, y)
    distances, indices = model.kneighbors(query)
    found = k_nearest_neighbors(array(x), array(query), k, distance)
    assert_close(found.indices, indices)
    assert_close(found.distances, distances)
    actual = classify(array(x), array(y), array(query), k, distance)
    assert_close(actual, model.predict(query))
    actual = regress(array(x), array(target), array(query), k, distance)
    model = KNeighborsRegressor(k, **kind).fit(x, target)
    assert_close(actual, model.predict(query))


def test_digits_of_sklearn():
    data = digits()
    model = KNeighborsClassifier(3).fit(data.x, data.y)
    actual = classify(data.x, data.y, data.x_test, 3)
    assert_close(actual, model.predict(data.x_test))


# The gradient, by autograd.


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
def test_autograd_runs_through_distances(x, query, distance):
    leaves = [torch.asarray(a[:2]).requires_grad_() for a in (query, x)]
    assert torch.autograd.gradcheck(distance, leaves)


def test_the_mean_pulls_at_k_targets(x, query):
    y = torch.zeros(N, dtype=torch.float64, requires_grad=True)
    x, query = torch.asarray(x), torch.asarray(query[:1])
    [dy] = torch.autograd.grad(regress(x, y, query, 2)[0], y)
    nearest = set(to_numpy(k_nearest_neighbors(x, query, 2).indices[0]))
    assert_close(dy, [0.5 * (n in nearest) for n in range(N)])


# What the page promises, and what is refused.


def test_euclidean_is_the_default(x, query, array):
    x, query = array(x), array(query)
    expected = k_nearest_neighbors(x, query, 3, euclidean)
    assert_close(k_nearest_neighbors(x, query, 3).indices, expected.indices)
    order = np.argsort(to_numpy(euclidean(query, x)), axis=1)[:, :3]
    assert_close(expected.indices, order)


def test_float32_stays_float32(x, query, distance, rng):
    assert_float32(distance, query, x)
    assert_float32(
        lambda a, b: k_nearest_neighbors(a, b, 3, distance), x, query
    )
    assert_float32(lambda *a: regress(*a, 3), x, rng.normal(size=N), query)


def test_classes_keep_their_dtype_and_more_than_127_votes_count(array):
    x, y = array(np.zeros((300, 1))), np.int8([5] * 100 + [-3] * 200)
    actual = classify(x, array(y), x[:1, :], 300)
    assert to_numpy(actual).dtype == np.int8
    assert_close(actual, [-3])


def test_ties_go_to_the_lower_index_and_the_smaller_class(distance, array):
    x = array(np.tile([[1.0, 2.0], [2.0, 1.0]], (50, 1)))
    query = array(np.array([[1.0, 2.0], [2.0, 2.0]]))
    for k in (1, 3, 60):
        found = k_nearest_neighbors(x, query, k, distance).indices
        expected = [*range(0, 100, 2), *range(1, 100, 2)][:k], range(k)
        assert_close(found, [list(row) for row in expected])
    x, y = array(np.array([[1.0, 1.0], [2.0, 2.5]])), array(np.array([8, 3]))
    assert_close(classify(x, y, query, 2, distance), [3, 3])


@settings(max_examples=25)
@given(st.data())
def test_neighbors_are_those_of_a_stable_sort(data):
    """Whole numbers have many ties, and squares without rounding."""
    n, d = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 3))
    k = data.draw(st.integers(1, n))
    whole = st.integers(-3, 3).map(float)
    x = data.draw(arrays(np.float64, (n, d), elements=whole))
    query = data.draw(arrays(np.float64, (3, d), elements=whole))
    found = k_nearest_neighbors(x, query, k)
    order, distances = exact(x, query, k)
    assert_close(found.indices, order)
    assert_close(found.distances, distances)


@pytest.mark.parametrize("k", [1, 2, 7])
@pytest.mark.parametrize("n", [99, 100, 101, 2500])
def test_the_smallest_of_a_table_are_those_of_a_stable_sort(n, k, rng, array):
    table = rng.integers(30, size=(5, n)) * 1.0
    table[0, -1] = -1.0
    found = module._smallest(array(table), k)
    order = np.argsort(table, axis=1, kind="stable")[:, :k]
    assert_close(found.indices, order)
    assert_close(found.distances, np.take_along_axis(table, order, axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_does_not_lose_a_neighbor(dtype, rng, array):
    """Two far clusters, each narrower than the matrix product resolves."""
    limit = np.finfo(dtype).eps
    step = rng.permutation(400).astype(dtype)[:, None] * (2 * limit)
    x = np.concatenate((1 + step, -1 - step)) * dtype(1)
    query = np.ones((1, 1), dtype=dtype)
    found = k_nearest_neighbors(array(x), array(query), 5)
    order = np.argsort(step[:, 0])[:5]
    assert_close(found.indices, [order])
    assert_close(found.distances, [np.arange(5) * 2 * limit], rtol=1e-6)


def test_a_large_mean_costs_no_digits(rng, array):
    step = rng.integers(1000, size=(300, 2)) * 1.0
    x, query = 1e9 + step, 1e9 + step[:5] + 0.25
    found = k_nearest_neighbors(array(x), array(query), 4)
    order, distances = exact(step, step[:5] + 0.25, 4)
    assert_close(found.indices, order)
    assert_close(found.distances, distances)
    assert_close(euclidean(array(x[:2]), array(x[:2]))[0, 0], np.array(0.0))


def test_one_product_is_enough_for_ordinary_data(rng, monkeypatch):
    """No table of differences; that is what makes it fast."""
    widths, squares = [], module._squares

    def recorded(x, y):
        widths.append(y.shape[1])
        return squares(x, y)

    monkeypatch.setattr(module, "_squares", recorded)
    x, query = rng.normal(1e8, 1, (900, 8)), rng.normal(1e8, 1, (9, 8))
    k_nearest_neighbors(x, query, 5)
    assert widths == [13]


@pytest.mark.parametrize("scale", [1e-200, 1e-310, 1e200])
def test_squares_neither_overflow_nor_vanish(scale, array):
    x = array(np.array([[3.0, 4.0], [1.0, 0.0]]) * scale)
    origin = array(np.zeros((1, 2)))
    for y in (x, -x):
        assert_close(euclidean(origin, y) / scale, [[5.0, 1.0]])
    found = k_nearest_neighbors(x, origin, 2)
    assert_close(found.indices, [[1, 0]])
    assert_close(found.distances / scale, [[1.0, 5.0]])
    assert_close(cosine(x, x), [[0.0, 0.4], [0.4, 0.0]], atol=1e-10)


@pytest.mark.parametrize(
    ("dtype", "least"), [(np.float32, 1e-18), (np.float64, 1e-153)]
)
def test_distances_in_the_documented_range_have_digits(dtype, least, array):
    """Among examples that are as large as the dtype allows."""
    large = float(np.finfo(dtype).max) / 2
    x = array(np.array([[1, 2.5, 1 / least]], dtype=dtype).T * (large * least))
    query = array(np.zeros((1, 1), dtype=dtype))
    expected = np.array([[1.0, 2.5]]) * least
    actual = euclidean(query, x)[:, :2] / large
    assert_close(actual, expected, rtol=1e-6, atol=0)
    found = k_nearest_neighbors(x, query, 2)
    assert_close(found.indices, [[0, 1]])
    assert_close(found.distances / large, expected, rtol=1e-6, atol=0)


def test_small_angles_keep_their_digits(array):
    x = array(np.array([[1.0, 0.0]]))
    y = array(np.array([[1.0, 1e-9], [1.0, 2e-9], [-1.0, 0.0]]))
    assert_close(cosine(x, y), [[5e-19, 2e-18, 2.0]], atol=0)
    assert_close(k_nearest_neighbors(y, x, 2, cosine).indices, [[0, 1]])


def test_tables_are_bounded_by_blocks(rng, array):
    x, query = rng.normal(size=(8000, 1)), rng.normal(size=(70, 1))
    shapes = []

    def recorded(x, y):
        shapes.append((x.shape[0], y.shape[0]))
        return manhattan(x, y)

    found = k_nearest_neighbors(array(x), array(query), 2, recorded)
    assert shapes == [(32, 8000)] * 2 + [(6, 8000)]
    expected = np.argsort(abs(query - x.T), axis=1)[:, :2]
    assert_close(found.indices, expected)
    assert_close(
        k_nearest_neighbors(array(x), array(query), 2).indices, expected
    )


def test_many_examples_go_with_16_queries_at_a_time():
    blocks = module._blocks(np.zeros((33, 1)), 10**6)
    assert [len(block) for block in blocks] == [16, 16, 1]


def test_arguments_stay_as_they_are(x, query, distance):
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    before = wide.copy(), query.copy()
    found = k_nearest_neighbors(wide, query, 2, distance)
    expected = k_nearest_neighbors(x, query, 2, distance)
    assert_close(found.indices, expected.indices)
    assert_close(wide, before[0], rtol=0, atol=0)
    assert_close(query, before[1], rtol=0, atol=0)


@pytest.mark.usefixtures("unchecked")
def test_k_may_be_a_numpy_integer(x, query):
    found = k_nearest_neighbors(x, query, np.int64(2))
    assert_close(found.indices, k_nearest_neighbors(x, query, 2).indices)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "k",
    [
        *[0, -1, N + 1, 1.0, 2.5, np.nan, True, "2", None, np.bool_(True)],
        *[np.array(2), np.array(True), torch.tensor(True)],
    ],
)
def test_other_numbers_of_neighbors_are_refused(k, x, query):
    with pytest.raises(ValueError, match=f"number in 1 ... 6, got {k}"):
        k_nearest_neighbors(x, query, k)
    with pytest.raises(ValueError, match=f"number in 1 ... 6, got {k}"):
        classify(x, np.arange(N), query, k)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((2, 3), (4, 1), r"\(M, D\) and \(N, D\), got \(2, 3\) and \(4, 1\)"),
        ((3,), (4, 3), r"\(M, D\) and \(N, D\), got"),
        ((2, 3), (3,), r"\(M, D\) and \(N, D\), got"),
        ((0, 3), (4, 3), "need rows and features, got"),
        ((2, 3), (0, 3), "need rows and features, got"),
        ((2, 0), (4, 0), "need rows and features, got"),
    ],
)
def test_rows_that_do_not_fit_are_refused(a, b, message, distance):
    a, b = np.ones(a), np.ones(b)
    with pytest.raises(ValueError, match=message):
        distance(a, b)
    with pytest.raises(ValueError, match=message):
        k_nearest_neighbors(b, a, 1, distance)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "complex128"])
def test_other_than_real_floating_numbers_are_refused(
    x, dtype, distance, array
):
    other = array(np.ones((2, D)).astype(dtype))
    with pytest.raises(ValueError, match=f"of one dtype, got .*{dtype}"):
        distance(other, other)
    with pytest.raises(ValueError, match=f"of one dtype, got .*{dtype}"):
        k_nearest_neighbors(array(x), other, 1, distance)


def test_two_dtypes_are_refused(x, query, distance):
    with pytest.raises(ValueError, match="of one dtype, got float64 and"):
        distance(query, np.float32(x))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(x, query, bad, distance, array):
    broken = x.copy()
    broken[1, 1] = bad
    for a, b in ((query, broken), (broken, query)):
        with pytest.raises(ValueError, match="to be finite, got inf or NaN"):
            distance(array(a), array(b))
    with pytest.raises(ValueError, match="to be finite, got inf or NaN"):
        k_nearest_neighbors(array(broken), array(query), 2)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_distances_that_overflow_are_refused(array):
    x = array(np.array([[1.7e308]]))
    for distance in (euclidean, manhattan):
        with pytest.raises(ValueError, match="to be finite, got inf or NaN"):
            distance(x, -x)
    with pytest.raises(ValueError, match="to be finite, got inf or NaN"):
        k_nearest_neighbors(x, -x, 1)


def test_a_row_of_zeros_has_no_angle(x, array):
    zero = array(np.zeros((1, D)))
    some = array(np.concatenate((x, np.zeros((1, D)))))
    x = array(x)
    for a, b in ((zero, x), (x, zero), (some, x), (x, some)):
        with pytest.raises(ValueError, match="rows that are not 0"):
            cosine(a, b)


@pytest.mark.usefixtures("unchecked")
def test_a_distance_of_other_shape_or_value_is_refused(x, query):
    with pytest.raises(ValueError, match=r"shape \(4, 6\), got \(6, 4\)"):
        k_nearest_neighbors(x, query, 1, lambda a, b: manhattan(b, a))
    with pytest.raises(ValueError, match=r"shape \(4, 6\), got \(1, 6\)"):
        k_nearest_neighbors(x, query, 1, lambda a, b: manhattan(a[:1], b))
    for dtype in (int, bool, complex):
        with pytest.raises(ValueError, match=f"got .* of {dtype.__name__}"):
            k_nearest_neighbors(
                x, query, 1, lambda a, b, t=dtype: manhattan(a, b).astype(t)
            )
    with pytest.raises(ValueError, match="to be finite, got inf or NaN"):
        k_nearest_neighbors(x, query, 1, lambda a, b: manhattan(a, b) * np.nan)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N - 1,), (N, 1), (1,), ()])
def test_other_than_one_target_each_is_refused(x, query, shape):
    came = rf"target, got shape {re.escape(str(shape))} of float64"
    with pytest.raises(ValueError, match=f"6 examples needs a.* {came}"):
        regress(x, np.ones(shape), query, 1)
    came = rf"class, got shape {re.escape(str(shape))} of int64"
    with pytest.raises(ValueError, match=f"6 examples needs an.* {came}"):
        classify(x, np.ones(shape, dtype=int), query, 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (D,)])
def test_other_than_rows_are_refused_before_targets(query, shape):
    for predict, kind in ((classify, int), (regress, float)):
        with pytest.raises(
            ValueError, match=r"need \(M, D\) and \(N, D\), got"
        ):
            predict(np.ones(shape), np.ones(N, dtype=kind), query, 1)


@pytest.mark.usefixtures("unchecked")
def test_targets_of_the_other_kind_are_refused(x, query, array):
    x, query = array(x), array(query)
    for dtype in (np.float64, np.bool_):
        with pytest.raises(ValueError, match="an integer class, got"):
            classify(x, array(np.ones(N, dtype=dtype)), query, 1)
    with pytest.raises(ValueError, match="a floating-point target, got"):
        regress(x, array(np.ones(N, dtype=int)), query, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_that_are_not_finite_are_refused(x, query, bad, array):
    y = array(np.full(N, bad))
    with pytest.raises(ValueError, match="targets need to be finite"):
        regress(array(x), y, array(query), 1)


triples = arrays(np.float64, (3, 3), elements=st.integers(-9, 9).map(float))


@settings(max_examples=25)
@given(triples)
def test_two_of_the_distances_are_metrics(points):
    for distance in (euclidean, manhattan):
        table = distance(points, points)
        assert_close(table, table.T, rtol=0, atol=0)
        assert_close(np.diag(table), np.zeros(3), rtol=0, atol=0)
        assert table[0, 2] <= table[0, 1] + table[1, 2] + 1e-12
        assert bool(np.all((table > 0) == (cdist(points, points) > 0)))


def test_candidates_are_trusted_only_beyond_the_rounding_error(rng, array):
    near = rng.normal(size=(400, 2)) * 3e-8
    x, query = np.concatenate((1 + near, -1 - near)), 1 + near[:40] * 1.5
    for q in query:  # in one block, the doubt of one would save the others
        found = k_nearest_neighbors(array(x), array(q[None]), 5)
        assert_close(found.indices, exact(x, q[None], 5)[0])
    # Nor does one that is beyond doubt speak for the others.
    x = np.concatenate((x, np.arange(20)[:, None] * np.array([[0.0, 0.1]])))
    query = np.concatenate((query, np.zeros((1, 2))))
    found = k_nearest_neighbors(array(x), array(query), 5)
    assert_close(found.indices, exact(x, query, 5)[0])
