import re
from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA

from reference._datasets import digits
from reference.unsupervised.pca import pca, pca_svd, project, reconstruct
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D, K = 8, 4, 2
POINTS = np.array([[1.0, 0.0], [3, 4], [5, 2], [4, 3], [7, 6]])


@pytest.fixture
def x(rng):
    spread = rng.normal(size=(N, D)) * np.array([4.0, 2.0, 1.0, 0.3])
    rotation = np.linalg.qr(rng.normal(size=(D, D)))[0]
    return spread @ rotation + np.array([5.0, -2.0, 1.0, 0.0])


@pytest.fixture(params=[pca, pca_svd])
def method(request):
    return request.param


def mean_by_hand(x):
    return [sum(row[d] for row in x) / len(x) for d in range(x.shape[1])]


def covariance_by_hand(x):
    mean, covariance = mean_by_hand(x), np.zeros((x.shape[1],) * 2)
    for d, e in np.ndindex(covariance.shape):
        for row in x:
            away = (row[d] - mean[d]) * (row[e] - mean[e])
            covariance[d, e] += away / (len(x) - 1)
    return covariance


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, method, array):
    r"""\bar{x}_d = \frac{1}{N} \sum_{n=1}^{N} x_{nd}"""
    expected = [sum(x[n, d] for n in range(N)) / N for d in range(D)]
    assert_close(method(array(x), K).mean, expected)


def test_eq_2(x, method, array):
    r"""S_{de} = \frac{1}{N - 1}
    \sum_{n=1}^{N} (x_{nd} - \bar{x}_d) (x_{ne} - \bar{x}_e)"""
    mean, expected = mean_by_hand(x), np.zeros((D, D))
    for d, e, n in np.ndindex(D, D, N):
        away = (x[n, d] - mean[d]) * (x[n, e] - mean[e])
        expected[d, e] += away / (N - 1)
    fit = method(array(x), D)
    v, values = to_numpy(fit.components), to_numpy(fit.explained_variance)
    assert_close(v.T @ np.diag(values) @ v, expected)


def test_eq_3(x, method, array):
    r"""S v_k = \lambda_k v_k"""
    covariance = covariance_by_hand(x)
    fit = method(array(x), K)
    v, values = to_numpy(fit.components), to_numpy(fit.explained_variance)
    assert v.shape == (K, D)
    assert values.shape == (K,)
    for k, d in np.ndindex(K, D):
        left = sum(covariance[d, e] * v[k, e] for e in range(D))
        assert_close(left, values[k] * v[k, d], rtol=1e-8)
    for k, j in np.ndindex(K, K):
        product = sum(v[k, d] * v[j, d] for d in range(D))
        assert_close(product, np.float64(k == j))
    assert values[0] > values[1] > 0.5


def test_eq_4(x, rng, array):
    r"""z_{nk} = \sum_{d=1}^{D} v_{kd} (x_{nd} - \bar{x}_d)"""
    mean, v = rng.normal(size=D), rng.normal(size=(K, D))
    expected = np.zeros((N, K))
    for n, k, d in np.ndindex(N, K, D):
        expected[n, k] += v[k, d] * (x[n, d] - mean[d])
    assert_close(project(array(x), array(mean), array(v)), expected)


def test_eq_5(rng, array):
    r"""\hat{x}_{nd} = \bar{x}_d + \sum_{k=1}^{K} z_{nk} v_{kd}"""
    mean, v = rng.normal(size=D), rng.normal(size=(K, D))
    z = rng.normal(size=(N, K))
    expected = np.zeros((N, D)) + mean
    for n, d, k in np.ndindex(N, D, K):
        expected[n, d] += z[n, k] * v[k, d]
    assert_close(reconstruct(array(z), array(mean), array(v)), expected)


def test_eq_6(x, method, array):
    r"""r_k = \frac{\lambda_k}{\sum_{d=1}^{D} S_{dd}}"""
    fit, covariance = method(array(x), K), covariance_by_hand(x)
    total = sum(covariance[d, d] for d in range(D))
    values = to_numpy(fit.explained_variance)
    expected = [values[k] / total for k in range(K)]
    assert_close(fit.explained_variance_ratio, expected)


def test_eq_7(x, method, array):
    r"""\lambda_k = \frac{s_k^2}{N - 1}"""
    s = np.linalg.svd(x - np.array(mean_by_hand(x)))[1]
    expected = [s[k] ** 2 / (N - 1) for k in range(K)]
    assert_close(method(array(x), K).explained_variance, expected)


# The same as everybody else's: scikit-learn, and NumPy's covariance.


def by_sklearn(x, components):
    """Return scikit-learn's mean, components, scores and variances.

    Its signs are flipped so that each row's largest entry is positive.
    """
    model = PCA(components, svd_solver="full")
    scores = model.fit_transform(x)
    v = model.components_
    largest = np.argmax(np.abs(v), axis=1)
    signs = np.sign(v[np.arange(components), largest])
    return (
        model.mean_,
        v * signs[:, None],
        scores * signs,
        model.explained_variance_,
        model.explained_variance_ratio_,
    )


@pytest.mark.parametrize(("n", "d", "k"), [(40, 6, 3), (40, 1, 1), (5, 9, 3)])
def test_sklearn(n, d, k, method, rng, array):
    x = rng.normal(size=(n, d)) * np.linspace(1, 3, d) + 20
    fit = method(array(x), k)
    for ours, theirs in zip(fit, by_sklearn(x, k), strict=True):
        assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
    new = rng.normal(size=(3, d))
    model = PCA(k, svd_solver="full").fit(x)
    projected = project(array(new), fit.mean, fit.components)
    expected = model.inverse_transform(model.transform(new))
    actual = reconstruct(projected, fit.mean, fit.components)
    assert_close(actual, expected, rtol=1e-8)


def test_eigenvalues_of_numpys_covariance(x, method, array):
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    assert_close(method(array(x), D).explained_variance, values)


def test_digits_of_sklearn(method, array):
    x = digits().x
    x = x[:200]
    fit = method(array(x), 5)
    for ours, theirs in zip(fit, by_sklearn(x, 5), strict=True):
        assert_close(ours, theirs, rtol=1e-8, atol=1e-10)


# The gradient: autograd through the eigenvectors against the closed form.


def test_gradient_of_the_variances(method, x):
    def gradient(dy, x):
        fit = method(x, K)
        return 2 / (N - 1) * (fit.scores * dy) @ fit.components

    assert_gradient(lambda x: method(x, K).explained_variance, gradient, x)


def test_gradient_of_the_reconstruction_error(method, x):
    """By moving x, not the subspace, which is at a minimum already."""

    def rest(x):
        fit = method(x, K)
        return x - reconstruct(fit.scores, fit.mean, fit.components)

    assert_gradient(
        lambda x: torch.sum(rest(x) ** 2), lambda dy, x: 2 * dy * rest(x), x
    )


@pytest.mark.parametrize("part", ["components", "scores"])
def test_gradient_of_components_and_scores(part, method, x):
    leaf = torch.asarray(x).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: getattr(method(x, K), part), leaf)


# What the page promises, and what is refused.


def test_pencil_example(method, array):
    fit = method(array(POINTS), 2)
    h = sqrt(0.5)
    assert_close(fit.mean, [4.0, 3.0])
    assert_close(fit.components, [[h, h], [h, -h]])
    z = [[-6 * h, 0], [0, -2 * h], [0, 2 * h], [0, 0], [6 * h, 0]]
    assert_close(fit.scores, z)
    assert_close(fit.explained_variance, [9.0, 1.0])
    assert_close(fit.explained_variance_ratio, [0.9, 0.1])


matrices = arrays(
    np.float64, (6, 3), elements=st.integers(-9, 9).map(float)
).filter(lambda x: np.ptp(x, axis=0).any())


@settings(max_examples=25)
@given(x=matrices, k=st.integers(1, 3), shift=st.integers(-99, 99))
def test_promises(x, k, shift):
    """Of every matrix, also with equal variances and dependent columns."""
    for fit in (pca(x, k), pca_svd(x, k)):
        v = fit.components
        assert_close(v @ v.T, np.eye(k), atol=1e-9)
        assert np.all(np.diff(fit.explained_variance) <= 1e-9)
        assert np.all(fit.explained_variance >= 0)
        size = np.abs(v)
        first = np.argmax(size > (1 - 1e-9) * size.max(1)[:, None], axis=1)
        assert np.all(v[np.arange(k), first] > 0)
        # Scores are centred, uncorrelated, and have the variances.
        assert_close(fit.scores.sum(axis=0), np.zeros(k), atol=1e-9)
        s = fit.scores.T @ fit.scores / 5
        assert_close(s, np.diag(fit.explained_variance), atol=1e-9)
        # Pythagoras: what is not explained is the reconstruction error.
        rest = x - reconstruct(fit.scores, fit.mean, v)
        total = np.cov(x.T).trace()
        left = 5 * (total - fit.explained_variance.sum())
        assert_close(np.sum(rest**2), left, atol=1e-8)
        moved = project(x + shift, fit.mean + shift, v)
        assert_close(moved, fit.scores, atol=1e-9)


def test_no_other_directions_lose_less(x, method, rng):
    fit = method(x, K)
    kept = float(fit.explained_variance.sum())
    covariance = np.cov(x.T)
    for _ in range(20):
        u = np.linalg.qr(rng.normal(size=(D, K)))[0]
        assert np.trace(u.T @ covariance @ u) < kept


def test_signs_do_not_depend_on_the_order_of_rows(x, method, array):
    """A library flips freely; the first of two equal entries counts."""
    expected = method(array(x), D).components
    assert_close(method(array(x[::-1].copy()), D).components, expected)
    assert_close(method(array(2 * x.mean(0) - x), D).components, expected)
    mirrored = POINTS * np.array([1.0, -1.0])
    h = sqrt(0.5)
    actual = method(array(mirrored), 2).components
    assert_close(actual, [[h, -h], [h, h]])
    tilted = np.array([[0.6, -0.8], [-0.6, 0.8]])
    assert_close(method(array(tilted), 1).components, [[-0.6, 0.8]])
    larger = np.array([[0.99, -1.0], [-0.99, 1.0]])
    found = to_numpy(method(array(larger), 1).components)
    assert found[0, 0] < 0 < found[0, 1]
    nearly = np.array([1.0, -1.0 - 1e-10, 0.5])
    tied = np.stack((nearly, -nearly))
    assert_close(
        method(array(tied), 1).components,
        nearly[None] / np.linalg.norm(nearly),
    )
    nearly = np.array([1, -1.0001, 0.5], dtype=np.float32)
    found = method(array(np.stack((nearly, -nearly))), 1).components
    assert to_numpy(found)[0, 0] > 0 > to_numpy(found)[0, 1]


def test_as_many_components_as_examples(method, array):
    """The last has no variance left: three examples lie in a plane."""
    x = np.array([[1.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 3.0, 0]])
    fit = method(array(x), 3)
    values = to_numpy(fit.explained_variance)
    assert 0 <= values[2] < 1e-12
    assert_close(reconstruct(fit.scores, fit.mean, fit.components), x)


def test_a_variance_of_zero_is_never_rounded_below_zero(method, rng):
    for _ in range(10):
        x = np.outer(rng.normal(size=N), rng.normal(size=D))
        fit = method(x, D)
        assert np.all(fit.explained_variance >= 0)
        assert_close(fit.explained_variance_ratio, [1.0, 0, 0, 0])


def test_float32_stays_float32(x, method):
    assert_float32(lambda x: tuple(method(x, K)), x, atol=1e-4)
    fit = method(x, K)
    assert_float32(project, x, fit.mean, fit.components, atol=1e-4)
    assert_float32(reconstruct, fit.scores, fit.mean, fit.components)


def test_a_mean_far_from_zero_costs_float32_no_digits(method, rng):
    """One pass leaves a rounding in the mean that many rows add up to."""
    x = np.float32(rng.normal(size=(50_000, 2)) * np.array([0.1, 0.05]) + 1000)
    fit = method(x, 2)
    expected = np.cov(np.float64(x).T)
    assert_close(fit.mean, np.float64(x).mean(0), rtol=1e-7)
    v, values = np.float64(fit.components), np.float64(fit.explained_variance)
    assert_close(v.T @ np.diag(values) @ v, expected, rtol=1e-3, atol=1e-6)


def test_svd_keeps_digits_that_the_covariance_loses():
    """Variances of 9 and 1e-18."""
    along = (POINTS - np.array([4.0, 3.0])) @ np.array([[1, 1], [1, -1.0]])
    flat = along / 2 * np.array([1.0, 1e-9]) @ np.array([[1, 1], [1, -1.0]])
    assert_close(pca_svd(flat, 2).explained_variance[1], 1e-18, 1e-4, 0)
    lost = pca(flat, 2).explained_variance[1]
    assert lost >= 0
    assert abs(lost / 1e-18 - 1) > 0.5


def test_variances_in_the_documented_range_have_digits():
    """The covariance keeps 1000 eps of the largest variance."""
    eps = np.finfo(np.float64).eps
    along = (POINTS - np.array([4.0, 3.0])) @ np.array([[1, 1], [1, -1.0]])
    unit = np.array([1.0, 3 * sqrt(1000 * eps)])
    x = along / 2 * unit @ np.array([[1, 1], [1, -1.0]])
    assert_close(pca(x, 2).explained_variance[1], 9000 * eps, 1e-2, 0)


@pytest.mark.usefixtures("unchecked")
def test_arguments_stay_as_they_are_and_numpy_integers_count(x, method):
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    before = wide.copy()
    fit = method(wide, np.int64(K))
    assert_close(wide, before, rtol=0, atol=0)
    assert_close(fit.components, method(x, K).components)


def test_sizes_up_to_the_limits(method, array):
    """What overflows or has no digits left is refused, the rest is not."""
    for unit in (1e-130, 1e150):
        fit = method(array(POINTS * unit), 2)
        assert_close(fit.explained_variance_ratio, [0.9, 0.1])


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("unit", [1e-160, 1e160, 2e307])
def test_variances_that_overflow_or_underflow_are_refused(unit, method, array):
    with pytest.raises(ValueError, match="total variance of at least 1e-292"):
        method(array(POINTS * unit), 1)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e5 / 3])
def test_constant_examples_are_refused(value, method, array):
    with pytest.raises(ValueError, match=r"total variance.*got .*\b0\."):
        method(array(np.full((7, 3), value)), 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(x, bad, method, array):
    x[1, 2] = bad
    with pytest.raises(ValueError, match="finite values, got NaN or inf"):
        method(array(x), K)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "k",
    [
        *[0, -1, D + 1, 2.0, 0.9, True, np.nan, None, "2", np.bool_(True)],
        *[np.array(2), np.array(True), torch.tensor(True)],
    ],
)
def test_other_than_a_possible_number_of_components_is_refused(x, k, method):
    with pytest.raises(
        ValueError, match=rf"integer from 1 to {D} for x of shape.*got {k}"
    ):
        method(x, k)


def test_more_components_than_examples_are_refused(method, array):
    with pytest.raises(ValueError, match=r"from 1 to 3 .*\(3, 4\), got 4"):
        method(array(POINTS[:3] @ np.ones((2, D))), 4)


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (4, 0)])
def test_too_few_examples_or_no_features_are_refused(shape, method, array):
    with pytest.raises(ValueError, match="2 examples and 1 feature, got x of"):
        method(array(np.ones(shape)), 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (5,), (2, 5, 3)])
def test_other_than_a_matrix_is_refused(shape, method):
    with pytest.raises(ValueError, match="need a matrix of real floating"):
        method(np.ones(shape), 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(x, dtype, method, array):
    other = array(x.astype(dtype))
    with pytest.raises(
        ValueError, match=f"floating-point numbers.*{dtype.__name__.strip('_')}"
    ):
        method(other, K)
    arguments = [array(x), array(np.ones(D)), array(np.ones((K, D)))]
    for place in range(3):
        given_ = list(arguments)
        given_[place] = array(to_numpy(given_[place]).astype(dtype))
        with pytest.raises(ValueError, match="real floating-point numbers"):
            project(*given_)
    arguments[0] = array(np.ones((N, K)))
    for place in range(3):
        given_ = list(arguments)
        given_[place] = array(to_numpy(given_[place]).astype(dtype))
        with pytest.raises(ValueError, match="real floating-point numbers"):
            reconstruct(*given_)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("a", "mean", "components"),
    [
        ((N, D + 1), (D,), (K, D)),
        ((N, 1), (D,), (K, D)),
        ((D,), (D,), (K, D)),
        ((2, N, D), (D,), (K, D)),
        ((N, D), (1,), (K, D)),
        ((N, D), (1, D), (K, D)),
        ((N, D), (), (K, D)),
        ((N, D), (D,), (D,)),
        ((N, D), (D,), (1, K, D)),
        ((N, K), (K, D), (1, K, D)),
        ((N, D), (D,), (D, K)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(a, mean, components):
    shapes = np.ones(a), np.ones(mean), np.ones(components)
    came = re.escape(f"got {components}, {mean} and {a}")
    with pytest.raises(ValueError, match=rf"mean of shape .*examples.* {came}"):
        project(*shapes)
    scores = tuple(K if size == D else size for size in a)
    came = re.escape(f"got {components}, {mean} and {scores}")
    with pytest.raises(ValueError, match=rf"mean of shape .*scores.* {came}"):
        reconstruct(np.ones(scores), np.ones(mean), np.ones(components))
