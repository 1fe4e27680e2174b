from math import comb, exp, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import pairwise
from sklearn.preprocessing import KernelCenterer

from reference.classification.kernels import (
    kernel_ridge,
    kernel_scores,
    linear,
    polynomial,
    quadratic_features,
    rbf,
)
from reference.generalization.ridge import ridge
from reference.regression.design_matrix import standardize
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

M, N, D = 4, 6, 3


@pytest.fixture
def x(rng):
    return rng.normal(0.5, 1, (M, D))


@pytest.fixture
def z(rng):
    return rng.normal(-0.3, 2, (N, D))


@pytest.fixture
def y(rng):
    return rng.normal(3, 2, N)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, z, array):
    r"""K_{mn} = \sum_{d=1}^{D} x_{md} z_{nd}"""
    expected = np.zeros((M, N))
    for m, n in np.ndindex(M, N):
        expected[m, n] = sum(x[m, d] * z[n, d] for d in range(D))
    assert_close(linear(array(x), array(z)), expected)


def test_eq_2(x, z, array):
    r"""K_{mn} = \Big( s \sum_{d=1}^{D} x_{md} z_{nd} + c \Big)^p"""
    expected = np.zeros((M, N))
    for m, n in np.ndindex(M, N):
        base = 0.7 * sum(x[m, d] * z[n, d] for d in range(D)) + 1.3
        expected[m, n] = base * base * base
    assert_close(polynomial(array(x), array(z), 3, 1.3, 0.7), expected)


def test_eq_3(x, array):
    r"""\begin{aligned}
    \varphi(x) = \big( & c, \; \sqrt{2c} \, x_1, \dots, \sqrt{2c} \, x_D, \\
    & x_1^2, \; \sqrt{2} \, x_1 x_2, \; \dots, \; \sqrt{2} \, x_1 x_D, \\
    & x_2^2, \; \sqrt{2} \, x_2 x_3, \; \dots, \; x_D^2 \big)
    \end{aligned}"""
    c = 1.7
    expected = []
    for m in range(M):
        row = [c] + [sqrt(2 * c) * x[m, d] for d in range(D)]
        for i in range(D):
            row.append(x[m, i] ** 2)
            row += [sqrt(2) * x[m, i] * x[m, j] for j in range(i + 1, D)]
        expected.append(row)
    assert_close(quadratic_features(array(x), c), np.asarray(expected))


def test_eq_4(x, z, array):
    r"""K_{mn} = \exp \Big( -\gamma \sum_{d=1}^{D} (x_{md} - z_{nd})^2 \Big)"""
    expected = np.zeros((M, N))
    for m, n in np.ndindex(M, N):
        squares = sum((x[m, d] - z[n, d]) ** 2 for d in range(D))
        expected[m, n] = exp(-0.3 * squares)
    assert_close(rbf(array(x), array(z), 0.3), expected)


def test_eq_5(x, z, y, array):
    r"""f_m = b + \sum_{n=1}^{N} a_n K_{mn}"""
    k = np.exp(x @ z.T)
    expected = [-0.4 + sum(y[n] * k[m, n] for n in range(N)) for m in range(M)]
    assert_close(kernel_scores(array(k), array(y), -0.4), expected)


def centered_gram(k):
    """Return eq. 6, one entry at a time."""
    column = [sum(k[i, m] for i in range(N)) / N for m in range(N)]
    total = sum(k[i, j] for i in range(N) for j in range(N)) / N**2
    expected = np.zeros((N, N))
    for m, n in np.ndindex(N, N):
        expected[m, n] = k[m, n] - column[m] - column[n] + total
    return expected


def test_eq_6(z, y, array):
    r"""\tilde{K}_{mn} = K_{mn} - \bar{K}_m - \bar{K}_n + \bar{K}"""
    features = quadratic_features(z)
    away = features - features.mean(axis=0)
    k = features @ features.T
    assert_close(centered_gram(k), away @ away.T)
    # The fit sees of K only its centred matrix.
    dual = kernel_ridge(array(k), array(y), 0.5).dual
    assert_close(kernel_ridge(array(away @ away.T), array(y), 0.5).dual, dual)


def test_eq_7(z, y, array):
    r"""\sum_{m=1}^{N} \tilde{K}_{nm} a_m + N \lambda \, a_n = y_n - \bar{y}"""
    k = rbf(z, z, 0.1)
    a = to_numpy(kernel_ridge(array(k), array(y), 0.05).dual)
    centered, mean = centered_gram(k), sum(y) / N
    left = [
        sum(centered[n, m] * a[m] for m in range(N)) + N * 0.05 * a[n]
        for n in range(N)
    ]
    assert_close(left, [y[n] - mean for n in range(N)])


def test_eq_8(z, y, array):
    r"""b = \bar{y} - \sum_{n=1}^{N} \bar{K}_n a_n"""
    k = rbf(z, z, 0.1)
    a, b = kernel_ridge(array(k), array(y), 0.05)
    a = to_numpy(a)
    expected = sum(y) / N
    for n in range(N):
        expected -= sum(k[m, n] for m in range(N)) / N * a[n]
    assert_close(b, np.asarray(expected))


# The same as everybody else's: scikit-learn, the explicit features.


def test_kernels_are_those_of_scikit_learn(x, z, array):
    a, b = array(x), array(z)
    assert_close(linear(a, b), pairwise.linear_kernel(x, z))
    for degree, offset, scale in ((1, 0.0, 1.0), (2, 1.0, 2.0), (5, 0.3, 0.1)):
        assert_close(
            polynomial(a, b, degree, offset, scale),
            pairwise.polynomial_kernel(x, z, degree, scale, offset),
        )
    for gamma in (0.01, 1.0, 20.0):
        assert_close(rbf(a, b, gamma), pairwise.rbf_kernel(x, z, gamma))


def test_default_is_the_square_of_1_plus_the_dot_product(x, z, array):
    expected = pairwise.polynomial_kernel(x, z, degree=2, gamma=1, coef0=1)
    assert_close(polynomial(array(x), array(z)), expected)
    assert quadratic_features(array(x))[0, 0] == 1


@pytest.mark.parametrize("d", [1, 2, 7])
@pytest.mark.parametrize("offset", [0.0, 1.0, 2.5])
def test_quadratic_kernel_is_the_dot_product_of_features(rng, array, d, offset):
    x, z = rng.normal(size=(3, d)), rng.normal(size=(5, d))
    a = to_numpy(quadratic_features(array(x), offset))
    b = to_numpy(quadratic_features(array(z), offset))
    assert a.shape == (3, comb(d + 2, 2))
    assert_close(polynomial(array(x), array(z), 2, offset), a @ b.T)


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
def test_kernel_ridge_is_scikit_learns_of_centered_features(
    x, z, y, array, penalty
):
    k = polynomial(z, z, 3, 1.0, 0.2)
    theirs = KernelRidge(alpha=N * penalty, kernel="precomputed")
    centerer = KernelCenterer().fit(k)
    theirs.fit(centerer.transform(k), y - y.mean())
    ours = kernel_ridge(array(k), array(y), penalty)
    assert_close(ours.dual, theirs.dual_coef_, rtol=1e-8)
    new = polynomial(x, z, 3, 1.0, 0.2)
    expected = theirs.predict(centerer.transform(new)) + y.mean()
    assert_close(kernel_scores(array(new), *ours), expected, rtol=1e-8)


def test_linear_kernel_gives_ridge_regression(z, y, array):
    s = standardize(z).z
    intercept, beta = ridge(s, y, 0.3)
    fit = kernel_ridge(array(linear(s, s)), array(y), 0.3)
    assert_close(fit.intercept, np.asarray(intercept))
    assert_close(s.T @ to_numpy(fit.dual), beta)


# The gradient of the code, against derivatives by hand and differences.


def test_gradient_of_rbf():
    def by_hand(dy, x, z):
        weights = -2 * 0.3 * dy * rbf(x, z, 0.3)
        apart = x[:, None, :] - z[None, :, :]
        dx = (weights[:, :, None] * apart).sum(1)
        return dx, -(weights[:, :, None] * apart).sum(0)

    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(3, 2)), rng.normal(size=(2, 2))
    x[0] = z[0]  # equal points: no root of 0 is differentiated
    assert_gradient(lambda x, z: rbf(x, z, 0.3), by_hand, x, z)
    assert_gradient(lambda x, z: rbf(x, z, 0.3), by_hand, x, x.copy())


def test_autograd_runs_through_kernel_ridge():
    rng = np.random.default_rng(0)
    x = torch.asarray(rng.normal(size=(4, 2))).requires_grad_()
    y = torch.asarray(rng.normal(size=4)).requires_grad_()

    def scores(x, y):
        k = polynomial(x, x)
        return kernel_scores(k, *kernel_ridge(k, y, 0.2))

    assert torch.autograd.gradcheck(scores, (x, y))


# What the page promises: the pencil, kernels, limits, refused inputs.

LINE = np.array([[-1.0], [0.0], [1.0]])
LABELS = np.array([1.0, -1.0, 1.0])


def test_pencil(array):
    x, z = array(np.array([[1.0, 2.0]])), array(np.array([[3.0, 4.0]]))
    assert float(linear(x, z)[0, 0]) == 11
    assert float(polynomial(x, z)[0, 0]) == 144
    assert_close(rbf(x, z, 0.125), [[exp(-1)]])
    features = [1, sqrt(2), 2 * sqrt(2), 1, 2 * sqrt(2), 4]
    assert_close(quadratic_features(x), [features])
    k = polynomial(array(LINE), array(LINE), offset=0.0)
    dual, intercept = kernel_ridge(k, array(LABELS), penalty=1 / 3)
    assert_close(dual, [0.4, -0.8, 0.4])
    assert_close(intercept, np.asarray(-0.2))
    assert_close(kernel_scores(k, dual, intercept), [0.6, -0.2, 0.6])
    assert_close(kernel_scores(k, dual), [0.8, 0, 0.8])  # no intercept


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.floats(0, 3),
    st.floats(1e-3, 1e3),
)
def test_gram_matrices_are_symmetric_and_positive_semidefinite(
    seed, degree, offset, gamma
):
    x = np.random.default_rng(seed).normal(size=(12, 2))
    for k in (
        linear(x, x),
        polynomial(x, x, degree, offset),
        rbf(x, x, gamma),
        linear(x, x) * rbf(x, x, gamma) + 3 * polynomial(x, x, degree, offset),
    ):
        eigenvalues = np.linalg.eigvalsh(k)
        assert_close(k, k.T)
        assert eigenvalues[0] >= -1e-13 * eigenvalues[-1]


@pytest.mark.parametrize("rows", [33, 285])
def test_rbf_of_equal_arrays_is_its_transpose(array, rows):
    """Matrix products of this size may round (m, n) unlike (n, m)."""
    x = load_breast_cancer().data[:rows]
    k = to_numpy(rbf(array(x), array(x.copy()), 1 / 30))
    np.testing.assert_array_equal(k, k.T)


def test_kernel_ridge_is_the_minimum(z, y):
    """No other weights of the features, and no other intercept, are better."""
    features = quadratic_features(z)
    dual, intercept = kernel_ridge(polynomial(z, z), y, 0.2)

    def loss(w, b):
        rest = y - features @ w - b
        return np.mean(rest**2) / 2 + 0.2 / 2 * w @ w

    w = features.T @ dual
    least = loss(w, intercept)
    for i in range(len(w)):
        step = 1e-3 * np.eye(len(w))[i]
        assert loss(w + step, intercept) > least < loss(w - step, intercept)
    assert loss(w, intercept + 1e-3) > least < loss(w, intercept - 1e-3)
    assert_close(w @ w, dual @ polynomial(z, z) @ dual)


def test_dual_weights_are_the_residuals(z, y):
    k = rbf(z, z, 0.2)
    dual, intercept = kernel_ridge(k, y, 0.2)
    assert_close(N * 0.2 * dual, y - kernel_scores(k, dual, intercept))
    assert abs(dual.sum()) < 1e-12


def test_no_features_are_built():
    """They would be 5e14 numbers for each of the two."""
    x = np.ones((2, 10**5))
    assert_close(polynomial(x, x, 3, offset=0.0), np.full((2, 2), 1e15))


def test_feature_map_needs_the_root_of_2(array):
    x, z = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    assert float(polynomial(array(x), array(z), offset=0.0)[0, 0]) == 121
    without = np.array([1.0, 2.0, 4.0]) @ np.array([9.0, 12.0, 16.0])
    assert without == 97


def test_rbf_is_exactly_1_at_no_distance_and_far_from_0(array):
    x = array(np.array([[1e8], [1e8 + 1]]))
    assert_close(rbf(x, x, 1.0), [[1, exp(-1)], [exp(-1), 1]])
    assert float(rbf(x, x, 1.0)[0, 0]) == 1


def test_rbf_of_huge_and_tiny_numbers(array):
    expected = [[1, exp(-1)], [exp(-1), 1]]
    for size, gamma in ((1e153, 5e-307), (1e-153, 5e305)):
        x = array(np.array([[0.0, size], [size, 0.0]]))
        assert_close(rbf(x, x, gamma), expected)
    x = array(np.array([[0.0], [1e165], [1e165 + 1e157]]))
    near = [[1, 0, 0], [0, 1, exp(-1)], [0, exp(-1), 1]]
    assert_close(rbf(x, x, 1e-314), near, rtol=1e-6)
    x = array(np.array([[0.0], [1e15], [2.0]]))
    e = exp(-1)
    assert_close(rbf(x, x, 0.25), [[1, 0, e], [0, 1, 0], [e, 0, 1]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("spread", [1.0, 1e2, 3e3])
def test_rbf_keeps_its_digits_in_clusters(rng, array, dtype, spread):
    """Two clusters of width 1, far apart: products would round it away."""
    x = rng.normal(size=(8, 5)) + spread * (np.arange(8) % 2)[:, None]
    x = x.astype(dtype)
    apart = x[:, None, :].astype(np.float64) - x[None, :, :]
    expected = np.exp(-0.5 * (apart**2).sum(2))
    k = rbf(array(x), array(x), 0.5)
    tolerance = 1e-9 if dtype is np.float64 else 1e-4
    assert_close(k, expected, rtol=tolerance, atol=tolerance / 1e3)
    assert to_numpy(k).max() <= 1


@pytest.mark.parametrize("size", [1.1e15, 1e200])
def test_rbf_of_numbers_without_digits_is_refused(size, array):
    x, far = array(np.array([[1.0]])), array(np.array([[-size]]))
    for a, b in ((x, far), (far, x)):
        with pytest.raises(ValueError, match=r"of at most 1e\+15, got"):
            rbf(a, b, 1.0)
    with pytest.raises(ValueError, match="of at most 5e-01, got"):
        rbf(x, x, 4e30)


def test_limits_of_gamma(z, y):
    """A large one knows each example only, a small one is a linear kernel."""
    assert_close(rbf(z, z, 1e6), np.eye(N))
    dual, intercept = kernel_ridge(rbf(z, z, 1e6), y, 0.5)
    assert_close(dual, (y - y.mean()) / (1 + N * 0.5))
    assert_close(intercept, y.mean())
    flat = kernel_ridge(rbf(z, z, 1e-6), y, 2e-6 * 0.5)
    line = kernel_ridge(linear(z, z), y, 0.5)
    assert_close(2e-6 * flat.dual, line.dual, rtol=1e-3)


def test_rbf_of_a_gamma_that_float32_hardly_holds():
    x = np.float32([[0.0], [1e19]])
    assert_close(rbf(x, x, 1e-60), np.ones((2, 2)))
    x = np.float32([[2e38], [-2e38]])  # whose difference overflows
    with pytest.raises(ValueError, match=r"features of at most 2e\+38, got"):
        rbf(x, x, 1e-80)


def test_rounding_may_make_a_gram_matrix_asymmetric(z, y):
    k = rbf(z, z, 0.2)
    rounded = k + 1e-12 * np.triu(np.ones((N, N)), 1)
    expected = kernel_ridge(k, y, 0.2).dual
    assert_close(kernel_ridge(rounded, y, 0.2).dual, expected, rtol=1e-8)


def test_one_example_and_equal_examples(array):
    k, y = array(np.array([[2.0]])), array(np.array([7.0]))
    dual, intercept = kernel_ridge(k, y, 1.0)
    assert float(dual[0]) == 0
    assert float(intercept) == 7
    y = array(np.array([1.0, 2.0, 6.0]))
    for k in (array(np.ones((3, 3))), array(np.zeros((3, 3)))):
        dual, intercept = kernel_ridge(k, y, 1.0)
        assert_close(kernel_scores(k, dual, intercept), [3, 3, 3])


def test_float32(x, z, y):
    half = np.float64(0.5)
    assert_float32(linear, x, z)
    assert_float32(lambda x, z: polynomial(x, z, 2, half, half), x, z)
    assert_float32(lambda x: quadratic_features(x, half), x)
    assert_float32(lambda x, z: rbf(x, z, half), x, z)
    assert_float32(lambda k, y: kernel_scores(k, y, half), x @ z.T, y)
    k = rbf(z, z, 0.1)
    assert_float32(lambda k, y: tuple(kernel_ridge(k, y, half)), k, y)


def test_float32_targets_far_from_0():
    """Their mean is rounded, and its error must not enter the weights."""
    y = np.float32([1e6, 1e6 + 0.0625, 1e6 + 0.0625])
    k = np.eye(3, dtype=np.float32)
    exact = kernel_ridge(np.eye(3), y.astype(np.float64), 1e-3).dual
    assert_close(kernel_ridge(k, y, 1e-3).dual, exact, rtol=1e-4)


def test_results_stay_on_the_device_with_their_dtype(x, z, y, array):
    a, b = array(np.float32(x)), array(np.float32(z))
    fit = kernel_ridge(rbf(b, b, 0.1), array(np.float32(y)), 0.1)
    results = [
        linear(a, b),
        polynomial(a, b),
        quadratic_features(a),
        rbf(a, b, 0.1),
        kernel_scores(rbf(a, b, 0.1), *fit),
        *fit,
    ]
    for result in results:
        assert result.dtype == a.dtype
        if hasattr(a, "device"):
            assert str(getattr(result, "device", a.device)) == str(a.device)


KERNELS = {
    "linear": linear,
    "polynomial": polynomial,
    "rbf": lambda x, z: rbf(x, z, 1.0),
}


@pytest.fixture(params=KERNELS)
def kernel(request):
    return KERNELS[request.param]


@pytest.mark.usefixtures("unchecked")
def test_shapes_that_do_not_fit_are_refused(kernel):
    for x, z in (
        ((2, 3), (2, 4)),
        ((2, 3), (3,)),
        ((3,), (2, 3)),
        ((2, 2, 3), (2, 2, 3)),
        ((2, 1), (2, 3)),
        ((), ()),
    ):
        with pytest.raises(
            ValueError, match=r"need \(M, D\) and \(N, D\), got"
        ):
            kernel(np.ones(x), np.ones(z))
    for x, z in (((0, 3), (2, 3)), ((2, 3), (0, 3)), ((2, 0), (2, 0))):
        with pytest.raises(ValueError, match="need rows and columns, got"):
            kernel(np.ones(x), np.ones(z))
    with pytest.raises(ValueError, match=r"need \(M, D\) and \(N, D\), got"):
        quadratic_features(np.ones(3))
    with pytest.raises(ValueError, match="need rows and columns, got"):
        quadratic_features(np.ones((3, 0)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, kernel, array):
    x, other = array(np.ones((2, 2))), array(np.ones((2, 2), dtype=dtype))
    message = "real floating-point numbers of one dtype, got"
    for a, b in ((x, other), (other, x), (other, other)):
        with pytest.raises(ValueError, match=message):
            kernel(a, b)
        with pytest.raises(ValueError, match=message):
            kernel_scores(a, b[0, :])
        with pytest.raises(ValueError, match=message):
            kernel_ridge(a, b[0, :], 1.0)
    with pytest.raises(ValueError, match=message):
        quadratic_features(other)


@pytest.mark.usefixtures("unchecked")
def test_two_dtypes_are_refused(kernel):
    x, z = np.ones((2, 2)), np.ones((2, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="of one dtype, got float64 and"):
        kernel(x, z)
    with pytest.raises(ValueError, match="of one dtype, got float64 and"):
        kernel_ridge(x, z[0], 1.0)
    with pytest.raises(ValueError, match="of one dtype, got float32 and"):
        kernel_scores(z, x[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(kernel, array, bad):
    x, broken = np.ones((2, 2)), np.array([[1.0, 1.0], [1.0, bad]])
    for a, b in ((x, broken), (broken, x)):
        with pytest.raises(ValueError, match="finite numbers, got inf or NaN"):
            kernel(array(a), array(b))
        with pytest.raises(ValueError, match="was given inf or NaN"):
            kernel_scores(array(a), array(b[1]))
        with pytest.raises(ValueError, match="was given inf or NaN"):
            kernel_ridge(array(a), array(b[1]), 1.0)
    with pytest.raises(ValueError, match="finite numbers, got inf or NaN"):
        quadratic_features(array(broken))
    with pytest.raises(ValueError, match="was given inf or NaN"):
        kernel_scores(array(x), array(x[0]), bad)


def test_overflow_is_refused(array):
    x = array(np.full((1, 2), 1e160))
    with np.errstate(over="ignore", invalid="ignore"):
        for function in (
            lambda: linear(x, x),
            lambda: polynomial(x / 1e60, x / 1e60),
            lambda: quadratic_features(x),
            lambda: kernel_scores(x, x[0, :]),
            lambda: kernel_ridge(
                array(np.eye(2)), array(np.full(2, 1.7e308)), 1.0
            ),
        ):
            with pytest.raises(ValueError, match="kernel method overflows"):
                function()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf, True, False])
def test_numbers_that_are_not_above_0_are_refused(bad, z, y):
    message = f"needs to be above 0 and at most 1.8e\\+308, got {bad}"
    with pytest.raises(ValueError, match=f"gamma {message}"):
        rbf(z, z, bad)
    with pytest.raises(ValueError, match=f"scale {message}"):
        polynomial(z, z, 2, 1.0, bad)
    with pytest.raises(ValueError, match=f"penalty {message}"):
        kernel_ridge(linear(z, z), y, bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, True, False])
def test_offsets_below_0_are_refused(bad, z):
    message = f"offset needs to be at least 0 and at most .*, got {bad}"
    with pytest.raises(ValueError, match=message):
        polynomial(z, z, 2, bad)
    with pytest.raises(ValueError, match=message):
        quadratic_features(z, bad)


def test_numbers_that_float32_cannot_hold_are_refused(z):
    with pytest.raises(ValueError, match=r"gamma needs .* at most 3.4e\+38"):
        rbf(np.float32(z), np.float32(z), 1e39)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None, "2"])
def test_degrees_that_are_no_positive_integers_are_refused(bad, z):
    with pytest.raises(ValueError, match="integer of at least 1, got"):
        polynomial(z, z, bad)


@pytest.mark.usefixtures("unchecked")
def test_an_intercept_may_be_an_integer():
    assert_close(kernel_scores(np.eye(2), np.ones(2), 3), [4, 4])


@pytest.mark.usefixtures("unchecked")
def test_weights_and_targets_that_do_not_fit_are_refused():
    k = np.eye(3)
    for shape in ((2,), (1,), (3, 1), ()):
        with pytest.raises(ValueError, match="needs one weight, got shapes"):
            kernel_scores(k, np.ones(shape))
        with pytest.raises(ValueError, match="needs one target, got shapes"):
            kernel_ridge(k, np.ones(shape), 1.0)
    with pytest.raises(ValueError, match="needs one weight, got shapes"):
        kernel_scores(np.ones(3), np.ones(()))
    for intercept in (np.ones(3), np.ones(1), np.float32(1)):
        with pytest.raises(ValueError, match="one intercept of float64, got"):
            kernel_scores(k, np.ones(3), intercept)


@pytest.mark.usefixtures("unchecked")
def test_other_than_gram_matrices_are_refused(array):
    with pytest.raises(ValueError, match="as many rows as columns"):
        kernel_ridge(np.ones((2, 3)), np.ones(3), 1.0)
    with pytest.raises(ValueError, match="as many rows as columns"):
        kernel_ridge(np.ones((0, 0)), np.ones(0), 1.0)
    skew = np.array([[1.0, 0.5], [0.5 - 1e-6, 1.0]])
    for scale in (1.0, 1e-9):
        with pytest.raises(ValueError, match="symmetric, got differences up"):
            kernel_ridge(array(scale * skew), array(np.ones(2)), 1.0)


def test_similarities_that_are_no_kernels_are_refused(array):
    x = np.linspace(-2, 2, 5)[:, None]
    sigmoid = np.tanh(x @ x.T - 1)
    assert np.linalg.eigvalsh(sigmoid)[0] < -0.5
    sigmoid, y = array(sigmoid), array(np.arange(5.0))
    with pytest.raises(ValueError, match="positive semidefinite matrix or"):
        kernel_ridge(sigmoid, y, 0.01)
    # A large penalty makes up for it.
    assert bool(np.all(np.isfinite(to_numpy(kernel_ridge(sigmoid, y, 1.0)[0]))))


def test_penalties_lost_in_rounding_are_refused(z, y, array):
    k = array(linear(z, z))
    with pytest.raises(ValueError, match="lost in rounding, got 1e-17"):
        kernel_ridge(k, array(y), 1e-17)


@pytest.mark.parametrize(("far", "dtype"), [(1e8, np.float64), (1e4, "f4")])
def test_penalties_below_the_rounding_of_the_kernel_are_refused(
    far, dtype, array
):
    """Far from 0 the entries of the linear kernel have lost the differences."""
    x, y = np.arange(5.0)[:, None], np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    x, y = array((far + x).astype(dtype)), array(y.astype(dtype))
    with pytest.raises(ValueError, match=r"above .*, else it is lost"):
        kernel_ridge(linear(x, x), y, 0.5)
