from itertools import product

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LinearRegression, Ridge

from reference.generalization.bias_variance import (
    Decomposition,
    bias_variance_decomposition,
    linear_decomposition,
    min_norm_fit,
    random_features,
)
from reference.regression.least_squares import hat_matrix, least_squares_svd
from tests.checks import assert_close, assert_float32, assert_gradient, to_numpy

M, Q, N, D = 6, 4, 5, 3


@pytest.fixture
def predictions(rng):
    return rng.normal(1, 2, (M, Q))


@pytest.fixture
def truth(rng):
    return rng.normal(size=Q)


@pytest.fixture
def weights(rng):
    return rng.normal(size=(Q, N))


@pytest.fixture
def at_inputs(rng):
    return rng.normal(2, 1, N)


# The page's equations, each written out index by index below its LaTeX.


def biases(predictions, truth):
    return [
        sum(predictions[m, q] - truth[q] for m in range(M)) / M
        for q in range(Q)
    ]


def variances(predictions, truth, c):
    b = biases(predictions, truth)
    return [
        sum((predictions[m, q] - truth[q] - b[q]) ** 2 for m in range(M))
        / (M - c)
        for q in range(Q)
    ]


def test_eq_1(predictions, truth, array):
    r"""b_q = \frac{1}{M} \sum_{m=1}^{M} \bigl( \hat{f}_{mq} - f_q \bigr)"""
    b = biases(predictions, truth)
    actual = bias_variance_decomposition(
        array(predictions), array(truth), 0.5, correction=0
    )
    assert_close(actual.bias_squared, [b[q] ** 2 for q in range(Q)])


@pytest.mark.parametrize("c", [0, 1])
def test_eq_2(predictions, truth, c, array):
    r"""V_q = \frac{1}{M - c} \sum_{m=1}^{M}
    \bigl( \hat{f}_{mq} - f_q - b_q \bigr)^2"""
    actual = bias_variance_decomposition(
        array(predictions), array(truth), 0.5, correction=c
    )
    assert_close(actual.variance, variances(predictions, truth, c))


@pytest.mark.parametrize("c", [0, 1])
def test_eq_3(predictions, truth, c, array):
    r"""B_q = b_q^2 - \frac{c}{M} V_q"""
    b, v = biases(predictions, truth), variances(predictions, truth, c)
    expected = [b[q] ** 2 - c / M * v[q] for q in range(Q)]
    actual = bias_variance_decomposition(
        array(predictions), array(truth), 0.5, correction=c
    )
    assert_close(actual.bias_squared, expected)


def test_eq_4(predictions, truth, array):
    r"""E_q = B_q + V_q + \sigma^2"""
    actual = bias_variance_decomposition(array(predictions), array(truth), 0.5)
    b, v = (to_numpy(a) for a in actual[:2])
    assert_close(actual.noise, [0.5] * Q)
    assert_close(actual.expected_error, [b[q] + v[q] + 0.5 for q in range(Q)])


def test_eq_5(weights, at_inputs, truth, array):
    r"""B_q = \Bigl( \sum_{n=1}^{N} w_{qn} f(x_n) - f_q \Bigr)^2"""
    expected = [
        (sum(weights[q, n] * at_inputs[n] for n in range(N)) - truth[q]) ** 2
        for q in range(Q)
    ]
    actual = linear_decomposition(
        array(weights), array(at_inputs), array(truth), 0.5
    )
    assert_close(actual.bias_squared, expected)


def test_eq_6(weights, at_inputs, truth, array):
    r"""V_q = \sigma^2 \sum_{n=1}^{N} w_{qn}^2"""
    expected = [
        0.5 * sum(weights[q, n] ** 2 for n in range(N)) for q in range(Q)
    ]
    actual = linear_decomposition(
        array(weights), array(at_inputs), array(truth), 0.5
    )
    assert_close(actual.variance, expected)


@pytest.mark.parametrize("d", [2, N, 8])
def test_eq_7(d, rng, array):
    r"""\beta = \sum_{i:\, s_i > \tau s_1} \frac{u_i^\top y}{s_i} \, v_i"""
    x, y = rng.normal(size=(N, d)), rng.normal(size=N)
    x[2] = x[0] + 2 * x[1]  # dependent rows: fewer terms
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    expected = np.zeros(d)
    for i in range(len(s)):
        if s[i] > 1e-12 * s[0]:
            expected += sum(u[n, i] * y[n] for n in range(N)) / s[i] * vt[i]
    assert_close(min_norm_fit(array(x), array(y)), expected)


def test_eq_8(rng, array):
    r"""\phi_{nd} = \max \Bigl( 0, \; \sum_{p=1}^{P} x_{np} r_{pd} + t_d
    \Bigr)"""
    x, w, b = (rng.normal(size=s) for s in ((N, 2), (2, D), (D,)))
    expected = [
        [
            max(0, sum(x[n, p] * w[p, d] for p in range(2)) + b[d])
            for d in range(D)
        ]
        for n in range(N)
    ]
    assert_close(random_features(array(x), array(w), array(b)), expected)


# The same as everybody else's: NumPy, statsmodels, scikit-learn, PyTorch, and
# sums over every training set there is.


@pytest.mark.parametrize("c", [0, 1])
def test_numpy_moments(predictions, truth, c, array):
    actual = bias_variance_decomposition(
        array(predictions), array(truth), 0.5, correction=c
    )
    variance = np.var(predictions, axis=0, ddof=c)
    off = np.mean(predictions, axis=0) - truth
    assert_close(actual.variance, variance)
    assert_close(actual.bias_squared, off**2 - c * variance / M)
    error = np.mean((predictions - truth) ** 2, axis=0)
    assert_close(actual.expected_error, error + 0.5)


def every_training_set(truth, sigma):
    """All targets whose noise is -sigma or sigma, each equally likely."""
    signs = np.array(list(product((-1, 1), repeat=len(truth))))
    return truth + sigma * signs


def test_exact_by_enumeration(weights, at_inputs, truth, array):
    """The error on fresh targets too is a mean over all there are."""
    predictions = every_training_set(at_inputs, 0.7) @ weights.T
    exact = linear_decomposition(
        array(weights), array(at_inputs), array(truth), 0.7**2
    )
    listed = bias_variance_decomposition(
        array(predictions), array(truth), 0.7**2, correction=0
    )
    for part, same in zip(exact, listed, strict=True):
        assert_close(part, to_numpy(same))
    error = np.mean(
        [(predictions - truth - e) ** 2 for e in (-0.7, 0.7)], axis=(0, 1)
    )
    assert_close(exact.expected_error, error)


def test_a_sample_is_right_on_average(array):
    """The mean over all samples of three training sets is the exact result."""
    weights, at_inputs = np.array([[0.3, -0.4], [0.5, 0.5]]), np.ones(2)
    truth = np.array([2.0, -1.0])
    predictions = every_training_set(at_inputs, 2.0) @ weights.T
    results = [
        bias_variance_decomposition(
            array(predictions[list(chosen)]), array(truth), 4.0
        )
        for chosen in product(range(4), repeat=3)
    ]
    exact = linear_decomposition(
        array(weights), array(at_inputs), array(truth), 4.0
    )
    for k in range(4):
        average = np.mean([to_numpy(r[k]) for r in results], axis=0)
        assert_close(exact[k], average)


def test_measured_over_many_training_sets(rng, array):
    """Within five standard errors of the exact values; the fit is biased."""
    x = np.linspace(-1, 1, 20)
    powers, truth = x[:, None] ** np.arange(3), np.sin(3 * x + 1)
    targets = truth[:, None] + 0.5 * rng.normal(size=(20, 4000))
    predictions = array(powers) @ min_norm_fit(array(powers), array(targets))
    measured = bias_variance_decomposition(predictions.mT, array(truth), 0.25)
    exact = linear_decomposition(
        array(hat_matrix(powers)), array(truth), array(truth), 0.25
    )
    variance, bias_squared = (
        to_numpy(exact.variance),
        to_numpy(exact.bias_squared),
    )
    off = to_numpy(measured.variance) - variance
    assert np.all(np.abs(off) < 5 * variance * np.sqrt(2 / 3999))
    off = to_numpy(measured.bias_squared) - bias_squared
    spread = np.sqrt((4 * bias_squared + 2 * variance / 4000) * variance / 4000)
    assert np.all(np.abs(off) < 5 * spread)
    assert np.max(bias_squared) > 20 * np.max(variance) / 4000


@pytest.mark.parametrize("d", [1, 4, 9])
def test_variance_of_ols(d, rng, array):
    """In sample sigma^2 D/N on average, and statsmodels' at every point."""
    x, z = rng.normal(size=(12, d)), rng.normal(size=(Q, d))
    pinv = min_norm_fit(array(x), array(np.eye(12)))
    zero = array(np.zeros(12))
    inside = linear_decomposition(array(x) @ pinv, zero, zero, 0.3)
    assert_close(np.mean(to_numpy(inside.variance)), np.array(0.3 * d / 12))
    assert_close(inside.variance, 0.3 * np.diag(hat_matrix(x)))
    outside = linear_decomposition(
        array(z) @ pinv, zero, array(np.zeros(Q)), 0.3
    )
    covariance = sm.OLS(rng.normal(size=12), x).fit().normalized_cov_params
    assert_close(outside.variance, 0.3 * np.diag(z @ covariance @ z.T))


def test_bias_of_ols_is_what_the_projection_leaves(rng, array):
    x, truth = rng.normal(size=(12, 3)), rng.normal(size=12)
    exact = linear_decomposition(
        array(hat_matrix(x)), array(truth), array(truth), 0.0
    )
    left = sm.OLS(truth, x).fit().resid
    assert_close(exact.bias_squared, left**2)


@pytest.mark.parametrize("shape", [(9, 4), (6, 6), (4, 9), (1, 5), (5, 1)])
def test_min_norm_fit_elsewhere(shape, rng, array):
    x, y = rng.normal(size=shape), rng.normal(size=(shape[0], 2))
    actual = min_norm_fit(array(x), array(y))
    assert_close(actual, np.linalg.pinv(x) @ y)
    assert_close(actual, np.linalg.lstsq(x, y)[0])
    sklearn = LinearRegression(fit_intercept=False).fit(x, y)
    assert_close(actual, sklearn.coef_.T)
    one = min_norm_fit(array(x), array(y[:, 0]))
    assert_close(one, to_numpy(least_squares_svd(array(x), array(y[:, 0]))))


@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_limit_of_ridge(shape, rng, array):
    x, y = rng.normal(size=shape), rng.normal(size=shape[0])
    ridge = Ridge(alpha=1e-9, fit_intercept=False, solver="svd").fit(x, y)
    assert_close(min_norm_fit(array(x), array(y)), ridge.coef_, rtol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(20, 10), (10, 30)])
def test_gaussian_features_have_the_known_variance(n, d, rng):
    """The mean of an inverse Wishart matrix, below and above N."""
    squares = [
        np.sum(min_norm_fit(rng.normal(size=(n, d)), np.eye(n)) ** 2)
        for _ in range(200)
    ]
    expected = min(n, d) / (abs(n - d) - 1)
    error = np.std(squares) / np.sqrt(200)
    assert abs(np.mean(squares) - expected) < 4 * error < 0.2 * expected


def test_torch_features(rng, array):
    x, w, b = (rng.normal(size=s) for s in ((N, 2), (2, D), (D,)))
    xt, wt, bt = (torch.asarray(a) for a in (x, w, b))
    expected = torch.relu(torch.nn.functional.linear(xt, wt.mT, bt))
    actual = random_features(array(x), array(w), array(b))
    assert_close(actual, to_numpy(expected))


# Gradients by autograd, through these very lines, are those of the formulas.


@pytest.mark.parametrize("c", [0, 1])
def test_gradient_of_the_expected_error(predictions, truth, c):
    def forward(p, f):
        return bias_variance_decomposition(p, f, 0.5, c).expected_error

    def backward(dy, p, f):
        dp = dy * 2 * (p - f) / M
        return dp, -dp.sum(axis=0)

    assert_gradient(forward, backward, predictions, truth)


def test_gradient_of_the_exact_error(weights, at_inputs, truth):
    def forward(w, g, f):
        return linear_decomposition(w, g, f, 0.5).expected_error

    def backward(dy, w, g, f):
        db = 2 * dy * (w @ g - f)
        return db[:, None] * g + dy[:, None] * w, w.mT @ db, -db

    assert_gradient(forward, backward, weights, at_inputs, truth)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_gradient_of_the_fit(shape, rng):
    x, y = rng.normal(size=shape), rng.normal(size=(shape[0], 2))
    fixed = torch.asarray(x)
    assert_gradient(
        lambda y: min_norm_fit(fixed, y),
        lambda dy, _: torch.asarray(np.linalg.pinv(x)).mT @ dy,
        y,
    )
    leaves = [torch.asarray(a).requires_grad_() for a in (x, y)]
    assert torch.autograd.gradcheck(min_norm_fit, leaves)


def test_gradient_of_the_features(rng):
    x, w, b = (rng.normal(size=s) for s in ((N, 2), (2, D), (D,)))

    def backward(dy, x, w, b):
        dz = dy * (x @ w + b > 0)
        return dz @ w.mT, x.mT @ dz, dz.sum(axis=0)

    assert_gradient(random_features, backward, x, w, b)


# What the page promises: invariances, limits, pitfalls, refused inputs.


@pytest.mark.parametrize(
    ("a", "bias_squared", "variance"),
    [(0.0, 4.0, 0.0), (0.5, 1.0, 0.5), (2 / 3, 4 / 9, 8 / 9), (1.0, 0.0, 2.0)],
)
def test_by_hand(a, bias_squared, variance, array):
    """A share of the mean of two targets 0 or 4, which are 2 on average."""
    targets = every_training_set(np.array([2.0, 2.0]), 2.0)
    predictions = a * np.mean(targets, axis=1, keepdims=True)
    truth = np.array([2.0])
    listed = bias_variance_decomposition(
        array(predictions), array(truth), 4.0, correction=0
    )
    total = bias_squared + variance + 4
    for part, value in zip(
        listed, (bias_squared, variance, 4.0, total), strict=True
    ):
        assert_close(part, [value])


def test_a_sample_is_the_default(predictions, truth):
    actual = bias_variance_decomposition(predictions, truth, 0.5)
    assert isinstance(actual, Decomposition)
    assert_close(actual.variance, np.var(predictions, axis=0, ddof=1))
    predictions[:] = truth + np.array([[-1.0], [1.0]] * 3)
    actual = bias_variance_decomposition(predictions, truth, 0.5)
    assert_close(actual.bias_squared, [-0.2] * Q)


@settings(max_examples=50)
@given(
    arrays(np.float64, (3, 2), elements=st.floats(-10, 10)),
    st.floats(0, 10),
    st.sampled_from([0, 1]),
)
def test_parts_sum_to_the_mean_squared_error(predictions, noise, c):
    truth = np.array([1.0, -2.0])
    actual = bias_variance_decomposition(predictions, truth, noise, c)
    error = np.mean((predictions - truth) ** 2, axis=0)
    assert_close(actual.expected_error, error + noise, atol=1e-10)
    assert np.all(actual.variance >= 0)


def test_a_shift_of_everything_changes_nothing(predictions, truth, array):
    """In float32 too, as far as it can hold the numbers."""
    shift = 2.0**13
    grid = 2.0**-10  # float32 holds all numbers below exactly
    p, f = (np.round(a / grid) * grid for a in (predictions, truth))
    expected = bias_variance_decomposition(p, f, 0.5)
    p, f = (array(np.float32(a + shift)) for a in (p, f))
    actual = bias_variance_decomposition(p, f, 0.5)
    for part, same in zip(actual, expected, strict=True):
        assert_close(part, same, rtol=1e-5, atol=1e-6)


@settings(max_examples=30)
@given(
    arrays(np.float64, (3, 6), elements=st.integers(-5, 5)),
    arrays(np.float64, 6, elements=st.integers(-5, 5)),
)
def test_no_other_fit_with_the_same_loss_is_shorter(x, move):
    """The fit is perpendicular to every direction that x does not see."""
    y = np.array([1.0, -2.0, 3.0])
    beta = min_norm_fit(x, y)
    unseen = move - min_norm_fit(x, x @ move)
    assert_close(x @ unseen, np.zeros(3), atol=1e-9)
    assert abs(beta @ unseen) < 1e-9 * (1 + beta @ beta + unseen @ unseen)


@pytest.mark.parametrize("d", [N, N + 1, 4 * N])
def test_enough_features_go_through_every_target(d, rng, array):
    x, y = array(rng.normal(size=(N, d))), rng.normal(size=N)
    assert_close(x @ min_norm_fit(x, array(y)), y)


def test_what_is_tiny_beside_the_largest_counts_as_zero(array):
    y = array(np.array([1.0, 1.0]))
    for small, kept in ((1e-12, 1e12), (1e-13, 0.0)):
        x = array(np.diag([1.0, small]))
        assert_close(min_norm_fit(x, y), [1.0, kept])
    y = array(np.array([1.0, 1.0], dtype=np.float32))
    for small, kept in ((1e-3, 1e3), (1e-4, 0.0)):
        x = array(np.diag([1.0, small]).astype(np.float32))
        assert_close(min_norm_fit(x, y), [1.0, kept], rtol=1e-5)
    zeros = array(np.zeros((2, 3)))
    assert_close(min_norm_fit(zeros, array(np.ones(2))), np.zeros(3))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_features_of_any_size(scale, rng, array):
    x, y = rng.normal(size=(3, 5)), rng.normal(size=3)
    actual = min_norm_fit(array(scale * x), array(y))
    assert_close(to_numpy(actual) * scale, np.linalg.pinv(x) @ y)


def test_double_descent(rng):
    """Down, up to as many features as examples, and down again: lower."""
    fresh = rng.normal(size=(200, 5))
    shapes = ((20, 5), (5, 400), 400, 20)
    draws = [[rng.normal(size=s) for s in shapes] for _ in range(30)]

    def median_error(width):
        errors = []
        for x, w, b, noise in draws:
            phi = random_features(x, w[:, :width], b[:width])
            beta = min_norm_fit(phi, x[:, 0] + 0.2 * noise)
            phi = random_features(fresh, w[:, :width], b[:width])
            errors.append(np.mean((phi @ beta - fresh[:, 0]) ** 2))
        return np.median(errors)

    one, ten, peak, after, wide = map(median_error, (1, 10, 20, 30, 400))
    assert peak > 3 * one > 4 * ten > 8 * wide
    assert peak > 5 * after


def test_float32(predictions, truth, weights, at_inputs, rng):
    """Also where the noise and the correction are NumPy's own numbers."""
    for noise, c in ((0.5, 1), (np.float64(0.5), 0)):
        assert_float32(
            lambda p, f, noise=noise, c=c: bias_variance_decomposition(
                p, f, noise, c
            ),
            predictions,
            truth,
        )
        assert_float32(
            lambda w, g, f, noise=noise: linear_decomposition(w, g, f, noise),
            weights,
            at_inputs,
            truth,
        )
    x = rng.normal(size=(N, D))
    assert_float32(min_norm_fit, x, rng.normal(size=N), rtol=1e-3)
    assert_float32(
        random_features, x, rng.normal(size=(D, 2)), rng.normal(size=2)
    )


@pytest.mark.usefixtures("unchecked")
def test_numbers_of_numpy_leave_float32_alone(predictions, truth):
    actual = bias_variance_decomposition(
        np.float32(predictions), np.float32(truth), 0.5, np.int64(1)
    )
    assert [a.dtype for a in actual] == [np.float32] * 4


@pytest.mark.parametrize("noise", [-1e-9, np.nan, np.inf, -np.inf])
def test_other_than_a_variance_is_refused(
    predictions, truth, weights, at_inputs, noise, array
):
    message = f"a finite number >= 0, got {noise}"
    with pytest.raises(ValueError, match=message):
        bias_variance_decomposition(array(predictions), array(truth), noise)
    with pytest.raises(ValueError, match=message):
        linear_decomposition(
            array(weights), array(at_inputs), array(truth), noise
        )


@pytest.mark.usefixtures("unchecked")
def test_a_truth_value_is_no_variance(predictions, truth, weights, at_inputs):
    with pytest.raises(ValueError, match="a finite number >= 0, got True"):
        bias_variance_decomposition(predictions, truth, True)
    with pytest.raises(ValueError, match="a finite number >= 0, got True"):
        linear_decomposition(weights, at_inputs, truth, True)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("c", [-1, 2, 0.5, True, False, np.nan])
def test_other_corrections_are_refused(predictions, truth, c):
    with pytest.raises(ValueError, match=f"needs to be 0 or 1, got {c}"):
        bias_variance_decomposition(predictions, truth, 0.5, c)


def test_one_training_set_has_no_measured_variance(truth, array):
    p, f = array(truth[None, :] + 1), array(truth)
    with pytest.raises(ValueError, match="needs 2 training sets, got 1"):
        bias_variance_decomposition(p, f, 0.5)
    only = bias_variance_decomposition(p, f, 0.5, correction=0)
    assert_close(only.variance, np.zeros(Q))
    assert_close(only.bias_squared, np.ones(Q))
    two = array(np.stack((truth, truth + 2)))
    assert_close(bias_variance_decomposition(two, f, 0.5).variance, [2.0] * Q)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("predicted", "true"),
    [
        ((M, Q), (1,)),
        ((M, Q), (Q + 1,)),
        ((M, Q), (1, Q)),
        ((M, Q), (M, Q)),
        ((M, 1), (Q,)),
        ((M,), (M,)),
        ((2, M, Q), (M, Q)),
    ],
)
def test_predictions_and_truth_of_other_shapes_are_refused(
    predicted, true, array
):
    p, f = array(np.ones(predicted)), array(np.ones(true))
    with pytest.raises(ValueError, match="a row of predictions for each") as e:
        bias_variance_decomposition(p, f, 0.5)
    assert f"{predicted} and {true}" in str(e.value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("w", "g", "f"),
    [
        ((Q, N), (1,), (Q,)),
        ((Q, N), (N,), (1,)),
        ((Q, N), (N, 1), (Q,)),
        ((Q, N), (N,), (Q, 1)),
        ((N,), (N,), (1,)),
        ((1, Q, N), (N,), (1, Q)),
        ((Q, N), (Q,), (N,)),
    ],
)
def test_weights_and_truth_of_other_shapes_are_refused(w, g, f, array):
    arrays = [array(np.ones(s)) for s in (w, g, f)]
    with pytest.raises(ValueError, match="a row of weights for each") as e:
        linear_decomposition(*arrays, 0.5)
    assert str([w, f, g]) in str(e.value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((N, D), (N - 1,)),
        ((N, D), (1, N)),
        ((N, D), (N, 1, 1)),
        ((N,), (N,)),
        ((2, N, D), (2, N)),
    ],
)
def test_examples_and_targets_of_other_shapes_are_refused(x, y, array):
    with pytest.raises(ValueError, match="features and targets for") as e:
        min_norm_fit(array(np.ones(x)), array(np.ones(y)))
    assert f"x of shape {x} and y of shape {y}" in str(e.value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("x", "w", "b"),
    [
        ((N, 2), (2, D), (1,)),
        ((N, 2), (2, D), (1, D)),
        ((N, 2), (D, 2), (D,)),
        ((N, 1), (2, D), (D,)),
        ((2,), (2, D), (D,)),
        ((N, 2), (2,), (2,)),
        ((1, N, 2), (2, D), (D,)),
        ((1, N, 2), (N, 2, D), (D,)),
        ((N, 2), (2, D, 1), (D, 1)),
        ((N,), (N, D), (N, D)),
    ],
)
def test_directions_of_other_shapes_are_refused(x, w, b, array):
    arrays = [array(np.ones(s)) for s in (x, w, b)]
    with pytest.raises(ValueError, match="need a direction") as e:
        random_features(*arrays)
    assert str([x, w, b]) in str(e.value)


CALLS = {
    "decomposition": (
        lambda p, f: bias_variance_decomposition(p, f, 0.5),
        {"predictions": (M, Q), "truth": (Q,)},
    ),
    "exact": (
        lambda w, g, f: linear_decomposition(w, g, f, 0.5),
        {"weights": (Q, N), "truth_at_inputs": (N,), "truth": (Q,)},
    ),
    "fit": (min_norm_fit, {"x": (N, D), "y": (N,)}),
    "features": (
        random_features,
        {"x": (N, 2), "directions": (2, D), "offsets": (D,)},
    ),
}


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


def each_broken(shapes, breaking, array):
    """Yield each argument's name, and the arguments with this one broken."""
    for broken in shapes:
        yield (
            broken,
            [
                array(breaking(np.ones(s)) if name == broken else np.ones(s))
                for name, s in shapes.items()
            ],
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(call, bad, array):
    def breaking(a):
        a.flat[-1] = bad
        return a

    function, shapes = call
    for name, args in each_broken(shapes, breaking, array):
        with pytest.raises(ValueError, match=f"^{name} needs finite"):
            function(*args)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(call, dtype, array):
    function, shapes = call
    for name, args in each_broken(shapes, lambda a: a.astype(dtype), array):
        with pytest.raises(ValueError, match=f"^{name} needs real floating"):
            function(*args)


@pytest.mark.usefixtures("unchecked")
def test_nothing_is_refused(call, array):
    function, shapes = call
    for empty in (lambda a: a[:0], lambda a: a.flat[0]):
        for name, args in each_broken(shapes, empty, array):
            with pytest.raises(ValueError, match=f"^{name} needs an array"):
                function(*args)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_results_that_overflow_are_refused(array):
    huge, one = array(np.full((2, 1), 1e200)), array(np.ones(1))
    with pytest.raises(ValueError, match="expected_error needs finite"):
        bias_variance_decomposition(huge, one, 0.5)
    with pytest.raises(ValueError, match="expected_error needs finite"):
        linear_decomposition(huge, one, array(np.ones(2)), 0.5)
    with pytest.raises(ValueError, match="coefficients needs finite"):
        min_norm_fit(array(np.full((1, 1), 1e-200)), array(np.full(1, 1e200)))
    for shape in ((4, 1), (1, 4), (2, 2)):
        x, y = np.full(shape, 1.7e308), np.ones(shape[0])
        with pytest.raises(ValueError, match="sum_of_sizes needs finite"):
            min_norm_fit(array(x), array(y))
    with pytest.raises(ValueError, match="features needs finite"):
        random_features(huge, array(np.full((1, 1), 1e200)), one)
