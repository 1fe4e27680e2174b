import re
from math import sqrt

import numpy as np
import pytest
import sklearn.manifold
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform

from reference.unsupervised.multidimensional_scaling import (
    classical_mds,
    double_center,
    pairwise_distances,
    smacof,
    stress,
)
from reference.unsupervised.pca import pca
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D, K = 7, 4, 2
STRAIGHT = np.array([[0.0, 3, 5, 4], [3, 0, 4, 5], [5, 4, 0, 3], [4, 5, 3, 0]])
ROADS = np.where(STRAIGHT == 5, 7.0, STRAIGHT)
RECTANGLE = np.array([[2.0, 1.5], [2, -1.5], [-2, -1.5], [-2, 1.5]])


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, D)) * np.array([4.0, 2.0, 1.0, 0.3])


@pytest.fixture
def distances(rng):
    """Return dissimilarities that no points of any space have."""
    return squareform(rng.uniform(1, 9, size=N * (N - 1) // 2))


@pytest.fixture
def start(rng):
    return rng.normal(size=(N, K)) + np.array([5.0, -3.0])


def distances_by_hand(x):
    found = np.zeros((len(x), len(x)))
    for i, j in np.ndindex(found.shape):
        total = sum((x[i, k] - x[j, k]) ** 2 for k in range(x.shape[1]))
        found[i, j] = sqrt(total)
    return found


def signed_like(ours, theirs):
    """Return the columns of theirs, with the signs of ours."""
    return theirs * np.sign(np.sum(to_numpy(ours) * theirs, axis=0))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, array):
    r"""d_{ij} = \sqrt{\sum_{k=1}^{K} (x_{ik} - x_{jk})^2}"""
    expected = np.zeros((N, N))
    for i, j in np.ndindex(N, N):
        total = sum((x[i, k] - x[j, k]) ** 2 for k in range(D))
        expected[i, j] = sqrt(total)
    assert_close(pairwise_distances(array(x)), expected)


def test_eq_2(distances, array):
    r"""\begin{aligned}
    b_{ij} = -\frac{1}{2} \biggl( & \delta_{ij}^2
    - \frac{1}{N} \sum_{m=1}^{N} \delta_{im}^2
    - \frac{1}{N} \sum_{m=1}^{N} \delta_{mj}^2 \\
    & + \frac{1}{N^2} \sum_{l=1}^{N} \sum_{m=1}^{N} \delta_{lm}^2 \biggr)
    \end{aligned}"""
    s, expected = distances**2, np.zeros((N, N))
    everything = sum(s[i, j] for i, j in np.ndindex(N, N)) / N**2
    for i, j in np.ndindex(N, N):
        row = sum(s[i, m] for m in range(N)) / N
        column = sum(s[m, j] for m in range(N)) / N
        expected[i, j] = -(s[i, j] - row - column + everything) / 2
    assert_close(double_center(array(distances)), expected)


def test_eq_3(distances, array):
    r"""x_{ik} = \sqrt{\max(\lambda_k, 0)} \, u_{ik}"""
    fit = classical_mds(array(distances), N - 1)
    points, values = to_numpy(fit.points), to_numpy(fit.eigenvalues)
    products = to_numpy(double_center(array(distances)))
    assert values[1] > 0 > values[N - 2]
    for k in range(N - 1):
        length = sum(points[i, k] ** 2 for i in range(N))
        assert_close(length, max(values[k], 0.0))
        for i in range(N):
            left = sum(products[i, j] * points[j, k] for j in range(N))
            assert_close(left, values[k] * points[i, k], rtol=1e-8, atol=1e-9)


def test_eq_4(distances, start, array):
    r"""\sigma(X)
    = \sum_{i=1}^{N-1} \sum_{j=i+1}^{N} (\delta_{ij} - d_{ij})^2"""
    found, expected = distances_by_hand(start), 0.0
    for i in range(N - 1):
        for j in range(i + 1, N):
            expected += (distances[i, j] - found[i, j]) ** 2
    assert_close(stress(array(distances), array(start)), expected)


def test_eq_5(distances, start, array):
    r"""x'_{ik} = \frac{1}{N} \sum_{j=1}^{N} \Bigl( x_{jk}
    + \frac{\delta_{ij}}{d_{ij}} (x_{ik} - x_{jk}) \Bigr)"""
    start[3] = start[2]
    found, expected = distances_by_hand(start), np.zeros((N, K))
    for i, k, j in np.ndindex(N, K, N):
        expected[i, k] += start[j, k] / N
        if found[i, j] > 0:
            ratio = distances[i, j] / found[i, j]
            expected[i, k] += ratio * (start[i, k] - start[j, k]) / N
    fit = smacof(array(distances), array(start), steps=1)
    assert_close(fit.points, expected)


# The same as everybody else's: SciPy, scikit-learn, and PCA.


@pytest.mark.parametrize(("n", "d"), [(7, 4), (2, 1), (30, 3)])
def test_distances_of_scipy(n, d, rng, array):
    x = rng.normal(size=(n, d)) + 3
    assert_close(pairwise_distances(array(x)), squareform(pdist(x)))


def test_classical_mds_is_pca(x, array):
    """Of straight-line distances, with the eigenvalues times N - 1."""
    found = classical_mds(array(squareform(pdist(x))), 3)
    fit = pca(x, D)
    expected = signed_like(found.points, fit.scores[:, :3])
    assert_close(found.points, expected, rtol=1e-7, atol=1e-9)
    values = np.zeros(N)
    values[:D] = (N - 1) * fit.explained_variance
    assert_close(found.eigenvalues, values, rtol=1e-8, atol=1e-10)
    whole = classical_mds(array(squareform(pdist(x))), N - 1).points
    assert_close(
        pairwise_distances(whole), squareform(pdist(x)), rtol=1e-7, atol=1e-9
    )
    _, _, rest = procrustes(x, to_numpy(whole)[:, :D])
    assert rest < 1e-12
    assert_close(to_numpy(whole)[:, D:], np.zeros((N, N - 1 - D)), atol=0)


def test_classical_mds_of_sklearn(distances, array):
    model = sklearn.manifold.ClassicalMDS(2, metric="precomputed")
    expected = model.fit_transform(distances)
    found = classical_mds(array(distances), 2)
    assert_close(found.points, signed_like(found.points, expected), 1e-7, 1e-9)
    assert_close(found.eigenvalues[:2], model.eigenvalues_, rtol=1e-8)
    products = double_center(distances)
    values = np.linalg.eigvalsh(products)[::-1]
    assert_close(found.eigenvalues, values, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 25])
def test_smacof_of_sklearn(steps, distances, start, array):
    theirs, value = sklearn.manifold.smacof(
        distances,
        init=start.copy(),
        n_init=1,
        max_iter=steps,
        eps=0,
        normalized_stress=False,
    )
    fit = smacof(array(distances), array(start), steps, tolerance=0.0)
    ours = to_numpy(fit.points)
    assert fit.stresses.shape == (steps + 1,)
    assert_close(ours.mean(axis=0), start.mean(axis=0))
    assert_close(ours - ours.mean(axis=0), theirs - theirs.mean(0), 1e-7, 1e-9)
    assert_close(fit.stresses[-1], value, rtol=1e-7)
    assert_close(stress(array(distances), fit.points), value, rtol=1e-7)
    assert_close(fit.stresses[0], stress(distances, start))


# The gradient.


def stress_gradient(dy, distances, x):
    """Return what the page derives; each entry of the table counts once."""
    away = x[:, None] - x[None]
    found = torch.sqrt(torch.sum(away**2, axis=2))
    safe = found + torch.eye(len(x), dtype=x.dtype)
    pull = (1 - distances / safe) * (1 - torch.eye(len(x), dtype=x.dtype))
    return dy * 2 * torch.sum(pull[:, :, None] * away, axis=1)


def test_gradient_of_the_stress(distances, start):
    table = torch.asarray(distances)
    assert_gradient(
        lambda x: stress(table, x),
        lambda dy, x: stress_gradient(dy, table, x),
        start,
    )


def test_gradient_of_the_distances(start):
    def gradient(dy, x):
        found = pairwise_distances(x)
        weight = (dy + dy.mT) / (found + torch.eye(N, dtype=x.dtype))
        away = x[:, None] - x[None]
        return torch.sum(weight[:, :, None] * away, axis=1)

    assert_gradient(pairwise_distances, gradient, start)


def test_a_step_is_one_of_gradient_descent(distances, start):
    gradient = stress_gradient(1.0, *map(torch.asarray, (distances, start)))
    moved = smacof(distances, start, steps=1).points
    assert_close(moved, start - to_numpy(gradient) / (2 * N))


def test_gradient_of_coinciding_points_is_no_nan(distances, start):
    start[3] = start[2]
    leaf = torch.asarray(start).requires_grad_()
    stress(torch.asarray(distances), leaf).backward()
    assert bool(torch.all(torch.isfinite(leaf.grad)))


def test_gradient_of_the_classical_map(x):
    leaf = torch.asarray(x).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: classical_mds(pairwise_distances(x), 2).points, leaf
    )


# What the page promises, and what is refused.


def test_pencil_example(array):
    assert_close(
        double_center(array(STRAIGHT))[0, :], [6.25, 1.75, -6.25, -1.75]
    )
    fit = classical_mds(array(STRAIGHT), 2)
    assert_close(fit.points, RECTANGLE)
    assert_close(fit.eigenvalues, [16.0, 9.0, 0.0, 0.0])
    assert_close(double_center(array(ROADS))[0, :], [9.25, 4.75, -15.25, 1.25])
    fit = classical_mds(array(ROADS), 3)
    assert_close(fit.eigenvalues, [28.0, 21.0, 0.0, -12.0])
    sides = np.array([sqrt(7), sqrt(21) / 2, 0.0])
    signs = np.concatenate((np.sign(RECTANGLE), np.zeros((4, 1))), axis=1)
    assert_close(fit.points, sides * signs, atol=1e-12)
    a, b = 2 * sqrt(7), sqrt(21)
    first = 2 * (a - 4) ** 2 + 2 * (b - 3) ** 2
    found = smacof(array(ROADS), fit.points[:, :2], steps=1)
    assert_close(found.stresses[0], first)
    assert_close(
        to_numpy(found.points)[0], [1 + a / 4, 0.75 + b / 4], rtol=1e-9
    )
    found = smacof(array(ROADS), fit.points[:, :2], tolerance=1e-14)
    assert_close(found.points, RECTANGLE * 1.2, rtol=1e-5)
    assert_close(found.stresses[-1], 4.0)


tables = arrays(np.float64, (5, 5), elements=st.integers(0, 9).map(float)).map(
    lambda a: np.triu(a, 1) + np.triu(a, 1).T
)
maps = arrays(np.float64, (5, 2), elements=st.integers(-9, 9).map(float))


@settings(max_examples=25)
@given(table=tables, x=maps.filter(lambda x: np.ptp(x, axis=0).any()))
def test_stress_never_rises(table, x):
    """Whatever the table, and also where points coincide."""
    fit = smacof(table, x, steps=20, tolerance=0.0)
    slack = 1e-12 * (table**2).sum() + 1e-25
    assert np.all(np.diff(fit.stresses) <= slack)
    assert_close(fit.points.mean(axis=0), x.mean(axis=0), atol=1e-9)
    assert_close(stress(table, fit.points), fit.stresses[-1], atol=1e-9)


@settings(max_examples=25)
@given(table=tables)
def test_double_centering(table):
    products = double_center(table)
    assert_close(products.sum(axis=0), np.zeros(5), atol=1e-9)
    assert_close(products.sum(axis=1), np.zeros(5), atol=1e-9)
    own = np.diag(products)
    squares = own[:, None] + own[None, :] - 2 * products
    assert_close(squares, table**2, atol=1e-9)


def test_no_other_map_has_less_strain(distances, rng):
    points = classical_mds(distances, K).points
    products = double_center(distances)

    def strain(x):
        return np.sum((products - x @ x.T) ** 2)

    for size in (1e-3, 1e-2, 0.1, 1.0):
        other = points + size * rng.normal(size=points.shape)
        assert strain(other) > strain(points)


def test_smacof_lowers_the_stress_of_the_classical_map(distances):
    start = classical_mds(distances, K).points
    fit = smacof(distances, start)
    assert fit.stresses[-1] < 0.9 * fit.stresses[0]


def test_points_on_a_line_stay_on_it(distances, start):
    start[:, 1] = 2 * start[:, 0]
    found = smacof(distances, start).points
    assert_close(found[:, 1], 2 * found[:, 0], rtol=1e-6, atol=1e-6)


def test_rounding_gives_no_direction(array):
    """Of points that coincide but for the last digits, in both precisions."""
    table = STRAIGHT
    for dtype, share in ((np.float64, 1e-15), (np.float32, 1e-6)):
        x = RECTANGLE * np.array([1.0, share])
        moved = smacof(array(dtype(table)), array(dtype(x)), 9, 0.0).points
        assert_close(to_numpy(moved)[:, 1], np.zeros(4), atol=2 * share)
        x = RECTANGLE * np.array([1.0, 100 * share])
        moved = smacof(array(dtype(table)), array(dtype(x)), 9, 0.0).points
        assert np.all(np.abs(to_numpy(moved)[:, 1]) > 0.5)
    fit = smacof(array(STRAIGHT), classical_mds(array(STRAIGHT), 1).points)
    assert_close(fit.points[:, 0], [2.25, 2.25, -2.25, -2.25])
    assert_close(fit.stresses, [20.0, 19.0, 19.0])


def test_the_end_comes_with_the_tolerance_or_the_steps(distances, start):
    exact = smacof(distances, start, 1000, 0.0).stresses
    assert len(smacof(distances, start, 5, 0.0).stresses) == 6
    for tolerance in (0.1, 1e-3):
        short = smacof(distances, start, 1000, tolerance).stresses
        falls = 1 - exact[1:] / exact[:-1]
        steps = int(np.argmax(falls <= tolerance)) + 1
        assert_close(short, exact[: steps + 1])
    default = smacof(distances, start).stresses
    assert_close(default, smacof(distances, start, 300, 1e-6).stresses)
    assert len(default) < 300
    slow = smacof(distances, start, tolerance=0.0).stresses
    assert len(slow) <= 301
    perfect = squareform(pdist(start))
    assert len(smacof(perfect, start).stresses) == 2


def test_the_default_number_of_steps(rng):
    table = squareform(rng.uniform(1, 9, size=30 * 29 // 2))
    start = rng.normal(size=(30, 2))
    assert len(smacof(table, start, tolerance=0.0).stresses) == 301


def test_a_map_may_be_turned_mirrored_and_moved(distances, start):
    turn = np.array([[0.6, 0.8], [0.8, -0.6]])
    moved = start @ turn + np.array([100.0, 7.0])
    assert_close(stress(distances, moved), stress(distances, start))


def test_signs_are_fixed(distances, array):
    points = to_numpy(classical_mds(array(distances), 3).points)
    largest = np.argmax(np.abs(points), axis=0)
    assert np.all(largest > 0)
    assert np.all(points[largest, np.arange(3)] > 0)
    found = classical_mds(array(STRAIGHT[::-1, ::-1].copy()), 2).points
    assert np.all(to_numpy(found)[0] > 0)
    line = np.abs(np.subtract.outer(*2 * [np.array([0.0, 1.0, 2.0, 9.0])]))
    assert_close(classical_mds(array(line), 1).points[:, 0], [-3.0, -2, -1, 6])


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_small_asymmetries_of_rounding_are_taken(unit, array):
    nearly = STRAIGHT.copy()
    nearly[0, 1] += 5e-8
    nearly[2, 2] += 5e-8
    points = classical_mds(array(nearly * unit), 2).points
    assert_close(points, RECTANGLE * unit, 1e-6)
    nearly[0, 1] += 5e-8
    with pytest.raises(ValueError, match="an asymmetry of"):
        classical_mds(array(nearly * unit), 2)
    nearly[0, 1] = 3.0
    nearly[2, 2] += 5e-8
    with pytest.raises(ValueError, match="on the diagonal, got"):
        classical_mds(array(nearly * unit), 2)


def test_tables_of_zeros_have_a_map_of_zeros(array):
    fit = classical_mds(array(np.zeros((3, 3))), 2)
    assert_close(fit.points, np.zeros((3, 2)))
    assert_close(fit.eigenvalues, np.zeros(3))
    # A stress of 0 cannot fall, and the run stops.
    fit = smacof(array(np.zeros((4, 4))), array(RECTANGLE), tolerance=0.0)
    assert_close(fit.points, np.zeros((4, 2)))
    assert_close(fit.stresses, [100.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("dtype", "height", "kept"),
    [
        (np.float64, 1e-6, True),
        (np.float64, 4e-7, False),
        (np.float32, 2e-2, True),
        (np.float32, 9e-3, False),
    ],
)
def test_an_eigenvalue_of_rounding_gives_no_column(dtype, height, kept, array):
    """The limit is 1000 roundings of the largest: 2e-13, and 1e-4."""
    x = np.sign(RECTANGLE) * np.array([1.0, height])
    points = to_numpy(classical_mds(array(dtype(distances_by_hand(x))), 2)[0])
    expected = np.ones((4, 2)) * np.array([1.0, height if kept else 0.0])
    assert_close(np.abs(points), expected, rtol=1e-2)


def test_float32_stays_float32(distances, start):
    assert_float32(pairwise_distances, start)
    assert_float32(double_center, distances)
    assert_float32(stress, distances, start)
    assert_float32(lambda t: tuple(classical_mds(t, 2)), distances, atol=1e-3)
    for tolerance in (0.0, np.float64(1e-9)):
        assert_float32(
            lambda t, x, a=tolerance: tuple(smacof(t, x, 5, a)),
            distances,
            start,
            atol=1e-3,
        )


@pytest.mark.usefixtures("unchecked")
def test_arguments_stay_as_they_are(distances, start):
    before = distances.copy(), start.copy()
    smacof(distances, start, np.int64(3))
    classical_mds(distances, np.int64(2))
    assert_close(distances, before[0], rtol=0, atol=0)
    assert_close(start, before[1], rtol=0, atol=0)


@pytest.mark.usefixtures("unchecked")
def test_steps_and_tolerance_may_be_numbers_of_numpy(distances, start, array):
    table, start = array(distances), array(start)
    fit = smacof(table, start, np.int64(9), np.float32(0.25))
    assert_close(fit.stresses, smacof(table, start, 9, 0.25).stresses)


@pytest.mark.parametrize("unit", [1e-140, 1e150])
def test_sizes_up_to_the_limits(unit, array):
    table = array(STRAIGHT * unit)
    points = to_numpy(classical_mds(table, 2).points)
    assert_close(points, RECTANGLE * unit, atol=1e-9 * unit)
    start = array((RECTANGLE + np.arange(8).reshape(4, 2) / 9) * unit)
    found = smacof(table, start, tolerance=1e-15)
    assert_close(
        pairwise_distances(found.points), STRAIGHT * unit, 1e-4, 1e-9 * unit
    )


def test_a_run_ends_where_distances_have_no_squares(array):
    """The range is asked of the start; a map may shrink below it."""
    start = np.float32([[-1e-9], [1e-9]])
    start[1] = np.nextafter(start[1], np.float32(1))
    fit = smacof(array(np.zeros((2, 2), np.float32)), array(start))
    assert np.all(to_numpy(fit.points) == start.mean())
    assert 0 < start.mean() < 1e-16
    assert_close(fit.stresses[1:], [0.0, 0.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e-150, 1e154])
def test_what_is_not_finite_or_has_no_square_is_refused(bad, array):
    table = array(np.where(STRAIGHT == 0, 0.0, bad))
    for function in (double_center, pairwise_distances):
        with pytest.raises(
            ValueError, match=re.escape(f"1e-146 to 8e+152, got {bad}")
        ):
            function(table)
    x = RECTANGLE * 0
    x[1, 1] = -bad
    for function in (stress, smacof):
        with pytest.raises(
            ValueError, match=r"largest 0 or .* to 8e\+152, got"
        ):
            function(array(STRAIGHT), array(x))
        with pytest.raises(ValueError, match="finite numbers, the largest 0"):
            function(table, array(RECTANGLE))


@pytest.mark.parametrize(
    ("i", "j", "value"), [(0, 1, -3.0), (0, 1, 3.001), (2, 2, 0.001)]
)
def test_what_is_no_dissimilarity_is_refused(i, j, value, array):
    table = STRAIGHT.copy()
    table[i, j] = value
    if value < 0:
        table[j, i] = value
    for call in (
        lambda: double_center(array(table)),
        lambda: classical_mds(array(table), 2),
        lambda: stress(array(table), array(RECTANGLE)),
        lambda: smacof(array(table), array(RECTANGLE)),
    ):
        with pytest.raises(ValueError, match="at least 0, symmetric, and 0 on"):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (4,), (2, 4, 4)])
def test_other_than_a_matrix_is_refused(shape):
    for function in (double_center, pairwise_distances):
        with pytest.raises(
            ValueError, match=r"need a matrix of real.*shape \("
        ):
            function(np.ones(shape))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 0)])
def test_too_few_points_are_refused(shape):
    for function in (double_center, pairwise_distances):
        with pytest.raises(ValueError, match="2 rows and 1 column, got shape"):
            function(np.zeros(shape))


@pytest.mark.usefixtures("unchecked")
def test_shapes_and_dtypes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"square matrix, got shape \(4, 2\)"):
        double_center(RECTANGLE)
    for function in (stress, smacof):
        for x in (RECTANGLE[:3], np.ones((5, 2)), np.float32(RECTANGLE)):
            with pytest.raises(ValueError, match="a point for each row"):
                function(STRAIGHT, x)
    for dtype in (np.int64, np.bool_, np.complex128):
        with pytest.raises(
            ValueError, match="real floating-point numbers, got"
        ):
            double_center(STRAIGHT.astype(dtype))
        with pytest.raises(
            ValueError, match="real floating-point numbers, got"
        ):
            stress(STRAIGHT, RECTANGLE.astype(dtype))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -1, 4, 2.0, True, None, np.nan])
def test_other_numbers_of_components_are_refused(bad):
    with pytest.raises(ValueError, match=f"integer from 1 to 3 .* got {bad}"):
        classical_mds(STRAIGHT, bad)


@pytest.mark.usefixtures("unchecked")
def test_other_steps_and_tolerances_are_refused():
    for bad in (0, -1, 2.0, True, None):
        with pytest.raises(ValueError, match=f"at least 1, got {bad}"):
            smacof(STRAIGHT, RECTANGLE, bad)
    for bad in (-1e-9, np.nan, np.inf, True):
        with pytest.raises(ValueError, match=f"at least 0, got {bad}"):
            smacof(STRAIGHT, RECTANGLE, 3, bad)


def test_a_start_in_one_point_is_refused(array):
    with pytest.raises(ValueError, match="differ from each other, got 4"):
        smacof(array(STRAIGHT), array(np.ones((4, 2))))
    nearly = 1e-140 * (1 + 3e-16 * np.arange(8).reshape(4, 2))
    with pytest.raises(ValueError, match="differ from each other, got 4"):
        smacof(array(STRAIGHT), array(nearly))
