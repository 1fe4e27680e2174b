from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import fractional_matrix_power
from sklearn.decomposition import PCA

from reference._datasets import digits
from reference.unsupervised.whitening import (
    apply_whitening,
    decorrelate,
    pca_whitening,
    zca_whitening,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D, K, M = 9, 4, 2, 3
POINTS = np.array([[1.0, 0.0], [3, 4], [5, 2], [4, 3], [7, 6]])


@pytest.fixture
def x(rng):
    spread = rng.normal(size=(N, D)) * np.array([4.0, 2.0, 1.0, 0.3])
    rotation = np.linalg.qr(rng.normal(size=(D, D)))[0]
    return spread @ rotation + np.array([5.0, -2.0, 1.0, 0.0])


def pca_all(x, epsilon=0.0):
    """Return the PCA whitening that keeps every axis."""
    return pca_whitening(x, x.shape[1], epsilon)


@pytest.fixture(params=[pca_all, zca_whitening])
def method(request):
    return request.param


def axes_by_hand(x):
    """Return variances, largest first, and rows whose largest is positive."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    v = vectors.T[::-1]
    largest = np.argmax(np.abs(v), axis=1)
    return values[::-1], v * np.sign(v[np.arange(len(v)), largest])[:, None]


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, array):
    r"""z_{nk} = \sum_{d=1}^{D} v_{kd} (x_{nd} - \bar{x}_d)"""
    (_, v), mean, expected = axes_by_hand(x), x.mean(axis=0), np.zeros((N, D))
    for n, k, d in np.ndindex(N, D, D):
        expected[n, k] += v[k, d] * (x[n, d] - mean[d])
    assert_close(decorrelate(array(x)), expected, rtol=1e-8, atol=1e-10)


def test_eq_2(x, array):
    r"""w_{kd} = \frac{v_{kd}}{\sqrt{\lambda_k + \epsilon}}"""
    (values, v), expected = axes_by_hand(x), np.zeros((K, D))
    for k, d in np.ndindex(K, D):
        expected[k, d] = v[k, d] / sqrt(values[k] + 0.7)
    assert_close(pca_whitening(array(x), K, 0.7).matrix, expected, rtol=1e-8)


@pytest.mark.parametrize("n", [N, D, D - 1, 2])
def test_eq_3(n, x, array):
    r"""w_{de} = \sum_{k=1}^{D}
    \frac{v_{kd} v_{ke}}{\sqrt{\lambda_k + \epsilon}}"""
    values, v = axes_by_hand(x[:n])
    expected = np.zeros((D, D))
    for d, e, k in np.ndindex(D, D, D):
        root = sqrt(max(values[k], 0.0) + 0.7)
        expected[d, e] += v[k, d] * v[k, e] / root
    fit = zca_whitening(array(x[:n]), 0.7)
    assert_close(fit.matrix, expected, rtol=1e-8, atol=1e-10)
    assert_close(fit.mean, x[:n].mean(axis=0))


def test_eq_4(rng, array):
    r"""y_{mk} = \sum_{d=1}^{D} w_{kd} (x_{md} - \bar{x}_d)"""
    x, mean = rng.normal(size=(M, D)), rng.normal(size=D)
    w, expected = rng.normal(size=(K, D)), np.zeros((M, K))
    for m, k, d in np.ndindex(M, K, D):
        expected[m, k] += w[k, d] * (x[m, d] - mean[d])
    assert_close(apply_whitening(array(x), array(mean), array(w)), expected)


# The same as everybody else's: scikit-learn, and powers of a matrix by SciPy.


@pytest.mark.parametrize(("n", "d", "k"), [(40, 5, 5), (40, 5, 2), (6, 9, 3)])
def test_sklearn(n, d, k, rng, array):
    x = rng.normal(size=(n, d)) * np.linspace(1, 3, d) + 20
    new = rng.normal(size=(M, d))
    model = PCA(k, svd_solver="full", whiten=True).fit(x)
    fit = pca_whitening(array(x), k)
    assert_close(fit.mean, model.mean_)
    for examples in (x, new):
        expected = model.transform(examples)
        actual = to_numpy(apply_whitening(array(examples), *fit))
        signs = np.sign(np.sum(actual * expected, axis=0))
        assert_close(actual, expected * signs, rtol=1e-7, atol=1e-9)
    plain = PCA(min(n, d), svd_solver="full").fit_transform(x)
    scores = to_numpy(decorrelate(array(x)))
    signs = np.sign(np.sum(scores * plain, axis=0))
    assert_close(scores, plain * signs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_scipys_power_of_the_covariance(epsilon, x, array):
    covariance = np.cov(x.T) + epsilon * np.eye(D)
    expected = fractional_matrix_power(covariance, -0.5)
    fit = zca_whitening(array(x), epsilon)
    assert_close(fit.matrix, expected, rtol=1e-7, atol=1e-9)
    new = np.ones((M, D)) * np.arange(M)[:, None]
    assert_close(
        apply_whitening(array(new), *fit),
        (new - x.mean(axis=0)) @ expected,
        rtol=1e-7,
    )


def test_distances_are_mahalanobis(x, method, array):
    """The same for every whitening: a rotation changes no length."""
    y = to_numpy(apply_whitening(array(x), *method(array(x))))
    inverse = np.linalg.inv(np.cov(x.T))
    for n in range(1, N):
        away = x[n] - x[0]
        assert_close(np.sum((y[n] - y[0]) ** 2), away @ inverse @ away, 1e-8)


# The gradient.


def test_gradient_of_applying(rng):
    def gradient(dy, x, mean, matrix):
        return dy @ matrix, -(dy @ matrix).sum(0), dy.mT @ (x - mean)

    x, mean, matrix = (rng.normal(size=s) for s in ((M, D), D, (K, D)))
    assert_gradient(apply_whitening, gradient, x, mean, matrix)


def test_gradient_of_the_symmetric_matrix(x):
    """Of a function of a symmetric matrix, by its divided differences."""

    def gradient(dw, x):
        values, vectors = torch.linalg.eigh(torch.cov(x.mT))
        root = torch.sqrt(values + 0.5)
        inner = -1 / (root * root[:, None] * (root + root[:, None]))
        inner = inner * (vectors.mT @ dw @ vectors)
        ds = vectors @ inner @ vectors.mT
        return (x - x.mean(dim=0)) @ (ds + ds.mT) / (N - 1)

    assert_gradient(lambda x: zca_whitening(x, 0.5).matrix, gradient, x)


def test_gradient_of_whitened_examples(x):
    leaf = torch.asarray(x[:6]).requires_grad_()
    for whitening in (lambda x: pca_whitening(x, K), zca_whitening):
        assert torch.autograd.gradcheck(
            lambda x, fit=whitening: apply_whitening(x, *fit(x)), leaf
        )


# What the page promises, and what is refused.


def test_pencil_example(array):
    h = sqrt(0.5)
    points = array(POINTS)
    z = np.array([[-6.0, 0], [0, -2], [0, 2], [0, 0], [6, 0]]) * h
    assert_close(decorrelate(points), z)
    fit = pca_whitening(points, 2)
    assert_close(fit.mean, [4.0, 3.0])
    assert_close(fit.matrix, [[h / 3, h / 3], [h, -h]])
    assert_close(apply_whitening(points, *fit), z / np.array([3.0, 1.0]))
    fit = zca_whitening(points)
    assert_close(fit.matrix, np.array([[2.0, -1.0], [-1.0, 2.0]]) / 3)
    corners = [[-1.0, -1], [-1, 1], [1, -1], [0, 0], [1, 1]]
    assert_close(apply_whitening(points, *fit), corners)


@settings(max_examples=20)
@given(
    x=arrays(np.float64, (7, 3), elements=st.integers(-9, 9).map(float)).filter(
        lambda x: np.linalg.det(np.cov(x.T)) > 1e-3
    ),
    shift=st.integers(-99, 99),
)
def test_the_covariance_is_the_identity(x, shift):
    identity = np.eye(3)
    for method in (pca_all, zca_whitening):
        fit = method(x)
        y = apply_whitening(x, *fit)
        assert_close(np.cov(y.T), identity, atol=1e-8)
        assert_close(y.mean(axis=0), np.zeros(3), atol=1e-9)
        assert_close(fit.matrix @ np.cov(x.T) @ fit.matrix.T, identity, 0, 1e-8)
        moved = method(x + shift)
        assert_close(moved.mean, x.mean(axis=0) + shift, atol=1e-9)
        y_moved = apply_whitening(x + shift, *moved)
        # Equal variances leave the axes open, and only ZCA does not care.
        if method is zca_whitening:
            assert_close(y_moved, y, rtol=1e-6, atol=1e-6)
    z = decorrelate(x)
    covariance = np.cov(z.T)
    assert_close(covariance, np.diag(np.diag(covariance)), atol=1e-8)
    assert np.all(np.diff(np.diag(covariance)) < 1e-8)


def test_epsilon_leaves_a_share_of_each_variance(x, method, array):
    """lambda / (lambda + epsilon), in the principal axes."""
    values, v = axes_by_hand(x)
    y = to_numpy(apply_whitening(array(x), *method(array(x), 0.4)))
    expected = np.diag(values / (values + 0.4))
    if method is zca_whitening:
        expected = v.T @ expected @ v
    assert_close(np.cov(y.T), expected, rtol=1e-8)


def test_no_other_whitening_moves_the_examples_less(x, rng):
    fit = zca_whitening(x)
    centred = x - x.mean(axis=0)
    best = np.sum((apply_whitening(x, *fit) - centred) ** 2)
    assert_close(fit.matrix, fit.matrix.T)
    for turn in (0.01, 0.1, 1.0, 10.0):
        q, r = np.linalg.qr(np.eye(D) + turn * rng.normal(size=(D, D)))
        y = apply_whitening(x, fit.mean, q * np.sign(np.diag(r)) @ fit.matrix)
        assert_close(np.cov(y.T), np.eye(D), atol=1e-9)
        assert np.sum((y - centred) ** 2) > best
    y = apply_whitening(x, *pca_all(x))
    assert np.sum((y - centred) ** 2) > best


def test_dividing_by_the_variance_does_not_whiten(x):
    values, _ = axes_by_hand(x)
    wrong = np.cov((decorrelate(x) / values).T)
    assert_close(np.diag(wrong), 1 / values, rtol=1e-8)
    right = np.cov((decorrelate(x) / np.sqrt(values)).T)
    assert_close(right, np.eye(D), atol=1e-9)


def test_the_unit_of_a_feature_does_not_matter_for_lengths(x, method, array):
    """Whitened examples of other units are turned, and not more."""
    units = np.array([1.0, 1e4, 1e-4, 3.0])
    one = to_numpy(apply_whitening(array(x), *method(array(x))))
    other = array(x * units)
    two = to_numpy(apply_whitening(other, *method(other)))
    assert_close(two @ two.T, one @ one.T, rtol=1e-6, atol=1e-7)


def test_variances_far_apart_are_whitened_too(array):
    """The singular values keep a deviation of 1e-10 beside 3."""
    along = (POINTS - np.array([4.0, 3.0])) @ np.array([[1, 1], [1, -1.0]]) / 2
    flat = along * np.array([1.0, 1e-10]) @ np.array([[1, 1], [1, -1.0]])
    y = apply_whitening(array(flat), *pca_whitening(array(flat), 2))
    assert_close(np.cov(to_numpy(y).T), np.eye(2), atol=1e-4)


def test_float32_stays_float32(x):
    for epsilon in (0.0, 0.3, np.float64(0.3)):
        assert_float32(lambda x, e=epsilon: pca_all(x, e), x, atol=1e-4)
        assert_float32(lambda x, e=epsilon: zca_whitening(x, e), x, atol=1e-4)
        few = x[:3]
        if epsilon:
            assert_float32(lambda x, e=epsilon: zca_whitening(x, e), few)
    assert_float32(decorrelate, x, atol=1e-4)
    assert_float32(apply_whitening, x, *zca_whitening(x), atol=1e-4)


@pytest.mark.usefixtures("unchecked")
def test_epsilon_may_be_a_number_of_numpy(x, method):
    """Also one of less precision, without a warning."""
    expected = method(x, 0.25).matrix
    for epsilon in (np.float32(0.25), np.array(0.25)):
        assert_close(method(x, epsilon).matrix, expected)
        assert method(np.float32(x), epsilon).matrix.dtype == np.float32


def test_a_mean_far_from_zero_costs_float32_few_digits(rng):
    x = np.float32(rng.normal(size=(2000, 2)) * np.array([2.0, 1.0]) + 1000)
    y = np.float64(apply_whitening(x, *zca_whitening(x)))
    assert_close(np.cov(y.T), np.eye(2), atol=1e-3)


def test_arguments_stay_as_they_are(x, method):
    before = x.copy()
    apply_whitening(x, *method(x, 0.1))
    decorrelate(x)
    assert_close(x, before, rtol=0, atol=0)


@pytest.mark.parametrize("unit", [1e-130, 1e150])
def test_sizes_up_to_the_limits(unit, method, array):
    x = array(POINTS * unit)
    y = to_numpy(apply_whitening(x, *method(x)))
    assert_close(np.cov(y.T), np.eye(2), atol=1e-9)


def test_the_digits_have_pixels_without_variance(array):
    x = array(digits().x[:300])
    for whitening in (pca_all, zca_whitening):
        with pytest.raises(ValueError, match="keep fewer components or raise"):
            whitening(x)
    y = to_numpy(apply_whitening(x, *pca_whitening(x, 30)))
    assert_close(np.cov(y.T), np.eye(30), atol=1e-9)
    y = to_numpy(apply_whitening(x, *zca_whitening(x, 0.01)))
    assert np.all(np.isfinite(y))
    assert np.linalg.eigvalsh(np.cov(y.T))[-1] < 1


@pytest.mark.parametrize("n", [2, D - 1, D])
def test_as_few_examples_as_features_need_epsilon(n, x, method, array):
    few = array(x[:n])
    if n == D or method is zca_whitening:
        with pytest.raises(ValueError, match="in every direction, got"):
            method(few)
    assert np.all(np.isfinite(to_numpy(zca_whitening(few, 1e-6).matrix)))
    assert decorrelate(few).shape == (n, n)


@pytest.mark.parametrize(
    ("share", "refused"), [(1e-12, False), (1e-13, True), (0.0, True)]
)
def test_what_may_be_rounding_is_refused(share, refused, method, array):
    """A deviation below 2e-13 of the largest."""
    x = array(np.array([[1.0, 0], [-1, 0], [0, share], [0, -share]]))
    if not refused:
        method(x)
        return
    with pytest.raises(ValueError, match="more than 2e-13 of the largest"):
        method(x)
    # The same limit with epsilon, whose root joins the deviation.
    with pytest.raises(ValueError, match="more than 2e-13 of the largest"):
        method(x, 1e-27)
    method(x, 1e-24)


@pytest.mark.parametrize(("share", "refused"), [(2e-4, False), (6e-5, True)])
def test_the_limit_goes_with_the_precision(share, refused, method, array):
    """In float32 a deviation below 1.2e-4 of the largest."""
    x = np.array([[1.0, 0], [-1, 0], [0, share], [0, -share]], np.float32)
    if refused:
        with pytest.raises(ValueError, match="more than 1e-04 of the largest"):
            method(array(x))
        return
    y = to_numpy(apply_whitening(array(x), *method(array(x))))
    assert_close(np.cov(np.float64(y.T)), np.eye(2), atol=1e-5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-1e-9, np.nan, np.inf, -np.inf, True, False])
def test_other_epsilons_are_refused(x, bad):
    for whitening in (
        lambda: pca_whitening(x, K, bad),
        lambda: zca_whitening(x, bad),
    ):
        with pytest.raises(ValueError, match=f"at least 0, got {bad}"):
            whitening()
    with pytest.raises(ValueError, match="finite number of at least 0, got 1e"):
        zca_whitening(np.float32(x), 1e39)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (5,), (2, 5, 3), (0, 3), (3, 0), (1, 3)])
def test_no_matrix_with_examples_is_refused(shape):
    x = np.ones(shape)
    message = "matrix of real floating|needs 2 examples and 1 feature"
    for function in (decorrelate, zca_whitening, lambda x: pca_whitening(x, 1)):
        with pytest.raises(ValueError, match=message):
            function(x)


@pytest.mark.usefixtures("unchecked")
def test_what_pca_refuses_is_refused(x, method):
    for bad in (np.nan, np.inf):
        broken = x.copy()
        broken[1, 2] = bad
        for function in (decorrelate, method):
            with pytest.raises(ValueError, match="finite values, got NaN"):
                function(broken)
    for function in (decorrelate, method):
        with pytest.raises(ValueError, match="total variance"):
            function(np.ones((N, D)))
        with pytest.raises(ValueError, match="real floating-point"):
            function(np.ones((N, D), dtype=np.int64))
    for components in (0, D + 1, 1.5):
        with pytest.raises(ValueError, match="integer from 1 to 4"):
            pca_whitening(x, components)


@pytest.mark.usefixtures("unchecked")
def test_shapes_that_do_not_fit_are_refused():
    mean, matrix = np.ones(D), np.ones((K, D))
    for x, m, w in (
        (np.ones((M, 1)), mean, matrix),
        (np.ones(D), mean, matrix),
        (np.ones((M, D)), np.ones(1), matrix),
        (np.ones((M, D)), mean, np.ones((K, 1))),
    ):
        with pytest.raises(ValueError, match="of shape"):
            apply_whitening(x, m, w)
