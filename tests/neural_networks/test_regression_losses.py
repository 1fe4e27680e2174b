import re
from fractions import Fraction
from math import inf, log, nan, pi

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn import metrics

from reference.neural_networks.regression_losses import (
    gaussian_nll,
    gaussian_nll_gradient,
    huber,
    huber_gradient,
    mean_absolute_error,
    mean_absolute_error_gradient,
    mean_squared_error,
    mean_squared_error_gradient,
)
from reference.regression.maximum_likelihood import gaussian_log_likelihood
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

LOSSES = [
    (mean_squared_error, mean_squared_error_gradient),
    (mean_absolute_error, mean_absolute_error_gradient),
    (huber, huber_gradient),
]
ALL = [function for pair in LOSSES for function in pair]
Y_HAT = np.array([2.0, -1.0, 0.5, 3.0, 3.0, 0.25, 7.0])
Y = np.array([0.0, -1.5, 0.5, 5.0, 14.0, 1.25, 6.875])
R = Y_HAT - Y  # 2, 0.5, 0, -2, -11, -1, 0.125
V = np.array([4.0, 0.25, 1.0, 2.0, 9.0, 0.5, 3.0])
N = len(Y)


@pytest.fixture
def both(array):
    """Return predictions and targets as arrays of the library under test."""
    return array(Y_HAT), array(Y)


@pytest.fixture
def three(array):
    """Return means, variances and targets of the library under test."""
    return array(Y_HAT), array(V), array(Y)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(both):
    r"""L_{\text{sq}} = \frac{1}{N} \sum_{n=1}^{N} r_n^2"""
    expected = sum((Y_HAT[n] - Y[n]) ** 2 for n in range(N)) / N
    assert_close(mean_squared_error(*both), expected)


def test_eq_2(both):
    r"""L_{\text{abs}} = \frac{1}{N} \sum_{n=1}^{N} \lvert r_n \rvert"""
    expected = sum(abs(Y_HAT[n] - Y[n]) for n in range(N)) / N
    assert_close(mean_absolute_error(*both), expected)


@pytest.mark.parametrize("delta", [0.1, 1.0, 2.0, 20.0])
def test_eq_3(delta, both):
    r"""
    L_\delta = \frac{1}{N} \sum_{n=1}^{N} \begin{cases}
    \frac12 r_n^2 & \text{if } \lvert r_n \rvert \le \delta \\
    \delta \left( \lvert r_n \rvert - \frac12 \delta \right) & \text{else}
    \end{cases}
    """
    total = 0.0
    for n in range(N):
        size = abs(Y_HAT[n] - Y[n])
        total += size**2 / 2 if size <= delta else delta * (size - delta / 2)
    assert_close(huber(*both, delta), total / N)


def test_eq_4(both):
    r"""
    \frac{\partial L_{\text{sq}}}{\partial \hat{y}_n} = \frac{2}{N} \, r_n
    """
    expected = [2 * (Y_HAT[n] - Y[n]) / N for n in range(N)]
    assert_close(mean_squared_error_gradient(*both), expected)


def test_eq_5(both):
    r"""
    \frac{\partial L_{\text{abs}}}{\partial \hat{y}_n}
    = \frac{1}{N} \bigl( [r_n > 0] - [r_n < 0] \bigr)
    """
    expected = [
        ((Y_HAT[n] > Y[n]) * 1 - (Y_HAT[n] < Y[n]) * 1) / N for n in range(N)
    ]
    assert_close(mean_absolute_error_gradient(*both), expected)


@pytest.mark.parametrize("delta", [0.1, 1.0, 2.0, 20.0])
def test_eq_6(delta, both):
    r"""
    \frac{\partial L_\delta}{\partial \hat{y}_n}
    = \frac{1}{N} \max(-\delta, \min(r_n, \delta))
    """
    expected = [max(-delta, min(Y_HAT[n] - Y[n], delta)) / N for n in range(N)]
    assert_close(huber_gradient(*both, delta), expected)


def test_eq_7(three):
    r"""
    L = \frac{1}{N} \sum_{n=1}^{N} \frac12
    \left( \log(2 \pi v_n) + \frac{r_n^2}{v_n} \right)
    """
    expected = 0.0
    for n in range(N):
        square = (Y_HAT[n] - Y[n]) ** 2
        expected += (log(2 * pi * V[n]) + square / V[n]) / 2 / N
    assert_close(gaussian_nll(*three), expected)


def test_eq_8(three):
    r"""\frac{\partial L}{\partial \hat{y}_n} = \frac{r_n}{N v_n}"""
    expected = [(Y_HAT[n] - Y[n]) / (N * V[n]) for n in range(N)]
    assert_close(gaussian_nll_gradient(*three).mean, expected)


def test_eq_9(three):
    r"""
    \frac{\partial L}{\partial v_n}
    = \frac{1}{2 N v_n} \left( 1 - \frac{r_n^2}{v_n} \right)
    """
    expected = []
    for n in range(N):
        square = (Y_HAT[n] - Y[n]) ** 2
        expected.append((1 - square / V[n]) / (2 * N * V[n]))
    assert_close(gaussian_nll_gradient(*three).variance, expected)


# The same as everybody else's: PyTorch, scikit-learn, SciPy.


def drawn(rng, array):
    """Return predictions, variances and targets of 6 examples, 3 outputs."""
    mean, y = 3 * rng.normal(size=(2, 6, 3))
    variance = np.exp(rng.normal(size=(6, 3)))
    plain = [torch.asarray(a) for a in (mean, variance, y)]
    return plain, [array(a) for a in (mean, variance, y)]


@pytest.mark.parametrize("delta", [None, 0.5, 3.0])
def test_pytorch_has_the_same_losses(delta, rng, array):
    (mean, _, y), (ours, _, target) = drawn(rng, array)
    given = () if delta is None else (delta,)
    beta = 1.0 if delta is None else delta
    assert_close(mean_squared_error(ours, target), F.mse_loss(mean, y))
    assert_close(mean_absolute_error(ours, target), F.l1_loss(mean, y))
    actual = huber(ours, target, *given)
    assert_close(actual, F.huber_loss(mean, y, delta=beta))
    assert_close(actual, beta * F.smooth_l1_loss(mean, y, beta=beta))


@pytest.mark.parametrize("delta", [None, 0.5, 3.0])
def test_pytorch_has_the_same_gradients(delta, rng, array):
    (mean, _, y), (ours, _, target) = drawn(rng, array)
    mean[0, 0] = y[0, 0]
    ours = array(to_numpy(mean).copy())
    leaf = mean.clone().requires_grad_()
    given = () if delta is None else (delta,)
    beta = 1.0 if delta is None else delta
    for actual, theirs in (
        (mean_squared_error_gradient(ours, target), F.mse_loss(leaf, y)),
        (mean_absolute_error_gradient(ours, target), F.l1_loss(leaf, y)),
        (
            huber_gradient(ours, target, *given),
            F.huber_loss(leaf, y, delta=beta),
        ),
    ):
        [expected] = torch.autograd.grad(theirs, leaf)
        assert_close(actual, expected)


def test_pytorch_has_the_same_gaussian_loss_and_gradients(rng, array):
    (mean, variance, y), ours = drawn(rng, array)
    leaves = [a.requires_grad_() for a in (mean, variance)]
    theirs = torch.nn.GaussianNLLLoss(full=True)(mean, y, variance)
    assert_close(gaussian_nll(*ours), theirs)
    less = torch.nn.GaussianNLLLoss()(mean, y, variance)
    assert_close(to_numpy(gaussian_nll(*ours)) - log(2 * pi) / 2, less)
    actual = gaussian_nll_gradient(*ours)
    for a, e in zip(actual, torch.autograd.grad(less, leaves), strict=True):
        assert_close(a, e)


def test_scikit_learn_has_the_same_means(rng, array):
    (mean, _, y), (ours, _, target) = drawn(rng, array)
    for loss, theirs in (
        (mean_squared_error, metrics.mean_squared_error),
        (mean_absolute_error, metrics.mean_absolute_error),
    ):
        assert_close(loss(ours, target), theirs(y.numpy(), mean.numpy()))


def test_scipy_has_the_same_losses(rng, array):
    (mean, variance, y), (ours, v, target) = drawn(rng, array)
    expected = np.mean(special.huber(0.7, (mean - y).numpy()))
    assert_close(huber(ours, target, 0.7), expected)
    density = stats.norm(mean.numpy(), np.sqrt(variance.numpy()))
    expected = -np.mean(density.logpdf(y.numpy()))
    assert_close(gaussian_nll(ours, v, target), expected)


# The hand-written gradients.


@pytest.mark.parametrize(("loss", "gradient"), LOSSES)
def test_gradients(loss, gradient):
    kinks = (R == 0) if loss is mean_absolute_error else np.abs(R) == 1
    y_hat, y = torch.asarray(Y_HAT[~kinks]), torch.asarray(Y[~kinks])
    assert_gradient(
        lambda a: loss(a, y), lambda dy, a: dy * gradient(a, y), y_hat
    )


def test_gradients_of_the_gaussian_loss():
    y = torch.asarray(Y).reshape(7, 1)

    def backward(dy, mean, variance):
        return tuple(dy * g for g in gaussian_nll_gradient(mean, variance, y))

    assert_gradient(
        lambda mean, variance: gaussian_nll(mean, variance, y),
        backward,
        Y_HAT.reshape(7, 1),
        V.reshape(7, 1),
    )


@pytest.mark.parametrize(("loss", "gradient"), LOSSES)
def test_autograd_agrees_at_the_kinks(loss, gradient):
    """No error, and an error of exactly delta."""
    leaf = torch.asarray(Y_HAT).requires_grad_()
    [expected] = torch.autograd.grad(loss(leaf, torch.asarray(Y)), leaf)
    assert_close(gradient(Y_HAT, Y), expected)


@pytest.mark.parametrize("scale", [1e150, 1e-150])
def test_autograd_survives_extreme_errors(scale):
    """Also where huber or the Gaussian loss does not square them."""
    y = torch.asarray(scale * Y)
    leaf = torch.asarray(scale * Y_HAT).requires_grad_()
    v = torch.asarray(scale * V).requires_grad_()
    for loss, gradient in LOSSES:
        [actual] = torch.autograd.grad(loss(leaf, y), leaf)
        assert_close(actual, gradient(leaf.detach(), y), atol=0)
    actual = torch.autograd.grad(gaussian_nll(leaf, v, y), (leaf, v))
    expected = gaussian_nll_gradient(leaf.detach(), v.detach(), y)
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e, atol=0)


# What the page promises: invariances, limits, pitfalls, refused inputs.


@pytest.mark.parametrize("shape", [(), (1,), (4,), (4, 3), (2, 3, 2)])
def test_a_mean_over_all_entries_whatever_the_shape(shape, rng, array):
    y_hat, y = rng.normal(size=(2, *shape))
    v = np.exp(rng.normal(size=shape))
    a, b, c = array(y_hat), array(y), array(v)
    flat = [array(k.reshape(-1)) for k in (y_hat, y, v)]
    for loss, gradient in LOSSES:
        assert_close(loss(a, b), loss(flat[0], flat[1]))
        expected = to_numpy(gradient(flat[0], flat[1])).reshape(shape)
        assert_close(gradient(a, b), expected)
    assert_close(gaussian_nll(a, c, b), gaussian_nll(flat[0], flat[2], flat[1]))
    both = gaussian_nll_gradient(a, c, b)
    for g in both:
        assert tuple(g.shape) == shape


def test_the_other_reduction_is_larger_by_the_number_of_outputs(rng):
    y_hat, y = rng.normal(size=(2, 5, 3))
    other = np.mean(np.sum((y_hat - y) ** 2, axis=1))
    assert_close(3 * mean_squared_error(y_hat, y), other)


@settings(max_examples=25)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6),
    st.floats(1e-3, 1e3),
)
def test_huber_lies_below_both_and_its_gradient_is_bounded(y, delta):
    y = np.array(y)
    zero = np.zeros_like(y)
    actual = huber(y, zero, delta)
    assert actual <= mean_squared_error(y, zero) / 2 * (1 + 1e-12)
    assert actual <= delta * mean_absolute_error(y, zero) * (1 + 1e-12)
    bound = delta / len(y) * (1 + 1e-12)
    assert np.all(np.abs(huber_gradient(y, zero, delta)) <= bound)
    assert_close(huber(zero, y, delta), actual)
    assert_close(
        huber_gradient(zero, y, delta), -huber_gradient(y, zero, delta)
    )


def test_huber_is_a_bridge(both):
    assert_close(huber(*both, 1e6), mean_squared_error(*both) / 2)
    few = to_numpy(huber(*both, 1e-9)) / 1e-9
    assert_close(few, mean_absolute_error(*both), rtol=1e-8)


def best(gradient, y):
    """Return the constant at which the gradients sum to 0."""
    low, high = float(np.min(y)), float(np.max(y))
    for _ in range(100):
        c = (low + high) / 2
        slope = np.sum(gradient(np.full_like(y, c), y))
        low, high = (low, c) if slope > 0 else (c, high)
    return low


@pytest.mark.parametrize("far", [13.0, 1e6])
def test_only_the_squared_loss_follows_an_outlier(far):
    y = np.array([0.0, 1.0, 2.0, 4.0, far])
    assert_close(best(mean_squared_error_gradient, y), np.mean(y))
    assert_close(best(mean_absolute_error_gradient, y), 2.0)
    middle = best(lambda a, b: huber_gradient(a, b, 2.0), y)
    assert_close(middle, 7 / 3)


def test_an_outlier_pulls_with_a_bounded_gradient(array):
    y_hat, y = array(np.zeros(4)), array(np.array([1.0, -1, 2, 1e6]))
    pulls = [to_numpy(gradient(y_hat, y)) for _, gradient in LOSSES]
    assert_close(pulls[0], [-0.5, 0.5, -1.0, -5e5])
    assert_close(pulls[1], [-0.25, 0.25, -0.25, -0.25])
    assert_close(pulls[2], [-0.25, 0.25, -0.25, -0.25])


@pytest.mark.parametrize("sigma", [1.0, 0.5])
def test_it_is_minus_the_mean_log_likelihood(sigma, both, array):
    v = array(np.full(N, sigma**2))
    expected = -gaussian_log_likelihood(Y - Y_HAT, sigma) / N
    actual = gaussian_nll(both[0], v, both[1])
    assert_close(actual, expected)
    mse = to_numpy(mean_squared_error(*both))
    constant = log(2 * pi * sigma**2) / 2
    assert_close(actual, mse / (2 * sigma**2) + constant)


def test_a_fixed_variance_of_one_is_half_the_squared_error(both, array):
    ones = array(np.ones(N))
    actual = gaussian_nll_gradient(both[0], ones, both[1]).mean
    assert_close(actual, to_numpy(mean_squared_error_gradient(*both)) / 2)


def test_the_best_variance_is_the_squared_error(array):
    kept = R != 0
    y_hat, v, y = (array(a[kept]) for a in (Y_HAT, R**2, Y))
    assert_close(gaussian_nll_gradient(y_hat, v, y).variance, np.zeros(N - 1))


def test_the_loss_may_be_negative(array):
    y, v = array(np.ones(2)), array(np.full(2, 1e-4))
    assert_close(gaussian_nll(y, v, y), log(2 * pi * 1e-4) / 2)
    assert float(gaussian_nll(y, v, y)) < 0


def test_predicted_variances_follow_the_noise(rng):
    """A line for the mean, and one for the logarithm of the variance."""
    x = np.linspace(-1, 1, 400)
    y = 1 + 2 * x + 0.5 * np.exp(x) * rng.normal(size=400)
    design = np.stack([np.ones(400), x], axis=1)
    beta, gamma = np.zeros(2), np.zeros(2)
    for _ in range(500):
        mean, v = design @ beta, np.exp(design @ gamma)
        dmean, dv = gaussian_nll_gradient(mean, v, y)
        beta = beta - 0.1 * design.T @ dmean
        gamma = gamma - 0.1 * design.T @ (v * dv)
    assert_close(beta, [1.0, 2.0], atol=0.1)
    assert_close(np.exp(gamma[0] / 2), 0.5, rtol=0.1)
    assert_close(gamma[1], 2.0, atol=0.2)


def test_float32():
    for function in ALL:
        assert_float32(function, Y_HAT, Y)
    for function in (huber, huber_gradient):
        assert_float32(
            lambda a, b, f=function: f(a, b, np.float64(0.3)), Y_HAT, Y
        )
    assert_float32(gaussian_nll, Y_HAT, V, Y)
    assert_float32(gaussian_nll_gradient, Y_HAT, V, Y)


@pytest.mark.parametrize("r", [1e-200, 1e-100, 3.0, 1.5e154, 1e200])
@pytest.mark.parametrize("v", [2e-200, 1e-80, 1.0, 1e80, 1.7e308])
def test_the_gaussian_loss_is_right_to_the_last_power(r, v, array):
    """Against fractions, for four equal examples."""
    exact, var = Fraction(r), Fraction(v)
    loss = exact**2 / var / 2 + Fraction((log(2 * pi) + log(v)) / 2)
    dmean, dv = exact / var / 4, (1 - exact**2 / var) / (8 * var)
    given = [array(np.full(4, a)) for a in (r, v, 0.0)]
    if abs(loss) < 0.8e308:
        assert_close(gaussian_nll(*given), float(loss), rtol=1e-12)
    if max(abs(dmean), abs(dv)) < 1e308:
        actual = gaussian_nll_gradient(*given)
        near = {"rtol": 1e-11, "atol": 0}
        assert_close(actual.mean, np.full(4, float(dmean)), **near)
        assert_close(actual.variance, np.full(4, float(dv)), **near)


def test_near_its_best_the_gradient_of_the_variance_keeps_its_digits(array):
    r, v = 1 + 1e-9, 1.0
    exact = (1 - Fraction(r) ** 2) / 2
    given = [array(np.array([a])) for a in (r, v, 0.0)]
    actual = gaussian_nll_gradient(*given).variance
    assert_close(actual, [float(exact)], rtol=1e-14, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_and_tiny_errors(dtype, array):
    huge = float(np.finfo(dtype).max) / 4
    tiny = float(np.finfo(dtype).smallest_normal)
    for size in (huge, tiny):
        y_hat = array(np.array([size, -size, size], dtype=dtype))
        y = array(np.zeros(3, dtype=dtype))
        signs = np.array([1.0, -1.0, 1.0])
        near = {"rtol": 1e-6, "atol": 0}
        assert_close(mean_absolute_error(y_hat, y), size, **near)
        assert_close(
            mean_absolute_error_gradient(y_hat, y), signs / 3, rtol=1e-6
        )
        actual = mean_squared_error_gradient(y_hat, y)
        assert_close(actual, signs * size * 2 / 3, **near)
        small = min(size, 1.0)
        expected = small * (size - small / 2)
        assert_close(huber(y_hat, y), expected, rtol=1e-6)
        assert_close(huber_gradient(y_hat, y), signs * small / 3, **near)
        ones = array(np.ones(3, dtype=dtype))
        gradient = gaussian_nll_gradient(y_hat, ones * size, y)
        assert_close(gradient.mean, signs / 3, rtol=1e-6)


def test_a_mean_of_large_squares_does_not_overflow(array):
    y_hat, y = array(np.full(100, 1e154)), array(np.zeros(100))
    assert_close(mean_squared_error(y_hat, y), 1e308)


@pytest.mark.parametrize("offset", [1e4, -3e4])
def test_float32_far_from_zero(offset):
    y_hat, y = np.float32(Y_HAT + offset), np.float32(Y + offset)
    wide = np.float64(y_hat), np.float64(y)
    for function in ALL:
        assert_close(function(y_hat, y), function(*wide), rtol=1e-5)


def test_half_the_largest_float_may_be_doubled_in_a_gradient(array):
    y_hat, y = array(np.full(4, 1.7e308)), array(np.zeros(4))
    actual = mean_squared_error_gradient(y_hat, y)
    assert_close(actual, np.full(4, 0.85e308))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_square_is_the_last(dtype, array):
    """No warning comes before the refusal: here it would be an error."""
    largest = np.sqrt(np.finfo(dtype).max)
    beyond = np.nextafter(largest, dtype(inf))
    y, one = array(np.zeros(2, dtype)), array(np.ones(2, dtype))
    for sign in (1, -1):
        y_hat = array(np.array([0, sign * largest], dtype))
        expected = float(largest) ** 2 / 2
        assert_close(mean_squared_error(y_hat, y), expected, rtol=1e-6)
        actual = gaussian_nll(y_hat, one, y)
        assert_close(actual, expected / 2, rtol=1e-6)
        y_hat = array(np.array([0, sign * beyond], dtype))
        for refused in (
            lambda a=y_hat: mean_squared_error(a, y),
            lambda a=y_hat: gaussian_nll(a, one, y),
        ):
            with pytest.raises(ValueError, match=r"overflows in .*: it needs"):
                refused()


OVERFLOWS = [
    lambda a, b: mean_squared_error(1e200 * a, b),
    lambda a, b: mean_squared_error_gradient(1.7e308 * a, b),
    lambda a, b: huber(1e200 * a, b, 1e200),
    lambda a, b: gaussian_nll(1e200 * a, a, b),
    lambda a, b: gaussian_nll_gradient(1e200 * a, 1e-200 * a, b),
    lambda a, b: gaussian_nll_gradient(a, 1e-310 * a, b),
    lambda a, b: gaussian_nll_gradient(1e-20 * a, 1e-310 * a, b),
]


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("refused", OVERFLOWS)
def test_results_above_the_largest_float_are_refused(refused, array):
    a, b = array(np.ones(1)), array(np.zeros(1))
    with pytest.raises(ValueError, match=r"overflows in .*float64: it needs"):
        refused(a, b)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")
@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_what_is_not_finite_is_refused(bad, both, three, array):
    broken = array(np.where(np.arange(N) == 2, bad, Y))
    for function in ALL:
        for pair in ((broken, both[1]), (both[0], broken), (broken, broken)):
            with pytest.raises(ValueError, match="finite values, got NaN or"):
                function(*pair)
    for function in (gaussian_nll, gaussian_nll_gradient):
        for given_ in (
            (broken, three[1], three[2]),
            (three[0], three[1], broken),
        ):
            with pytest.raises(ValueError, match="finite values, got NaN or"):
                function(*given_)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_difference_that_overflows_is_refused(array):
    a = array(np.array([1.7e308]))
    for function in ALL:
        with pytest.raises(ValueError, match="their differences need finite"):
            function(a, -a)


@pytest.mark.parametrize("bad", [0.0, -1.0, nan, inf, -inf])
def test_other_variances_are_refused(bad, three, array):
    broken = array(np.where(np.arange(N) == 2, bad, V))
    for function in (gaussian_nll, gaussian_nll_gradient):
        with pytest.raises(ValueError, match=r"positive and finite, got .*to"):
            function(three[0], broken, three[2])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, 0.0, -1.0, nan, inf, -inf, True, 1e-310])
def test_other_thresholds_are_refused(bad, both):
    for function in (huber, huber_gradient):
        with pytest.raises(ValueError, match=rf"delta in .*64, got {bad}"):
            function(*both, bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -1, nan, inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_other_thresholds_of_fewer_digits_are_refused(bad, dtype, both):
    """In float32 the limits of float64 would be 0 and inf."""
    for function in (huber, huber_gradient):
        with pytest.raises(ValueError, match=r"a positive finite delta in"):
            function(*both, dtype(bad))
        expected = to_numpy(function(*both, 0.5))
        assert_close(function(*both, dtype(0.5)), expected)


@pytest.mark.parametrize("bad", [1e-40, 1e39])
def test_thresholds_that_float32_cannot_hold_are_refused(bad, array):
    y = array(np.float32(Y))
    message = re.escape(f"float32, got {bad}")
    for function in (huber, huber_gradient):
        with pytest.raises(ValueError, match=message):
            function(y, y, bad)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_smallest_and_the_largest_threshold(dtype, array):
    limits = np.finfo(dtype)
    least, most = float(limits.smallest_normal), float(limits.max)
    y_hat, y = array(np.array([3.0], dtype)), array(np.zeros(1, dtype))
    near = {"rtol": 1e-6, "atol": 0}
    assert_close(huber(y_hat, y, least), 3 * least, **near)
    assert_close(huber_gradient(y_hat, y, least), [least], **near)
    assert_close(huber(y_hat, y, most), 4.5, **near)
    assert_close(huber_gradient(y_hat, y, most), [3.0], **near)


@pytest.mark.usefixtures("unchecked")
def test_a_whole_number_is_a_threshold(both):
    for function in (huber, huber_gradient):
        assert_close(function(*both, 2), to_numpy(function(*both, 2.0)))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_no_entries_are_refused(shape, array):
    a = array(np.ones(shape))
    message = re.escape(
        f"needs entries, one prediction for each target, got "
        f"predictions of shape {shape}"
    )
    for function in ALL:
        with pytest.raises(ValueError, match=message):
            function(a, a)
    for function in (gaussian_nll, gaussian_nll_gradient):
        with pytest.raises(ValueError, match=message):
            function(a, a, a)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(3, 1), (1,), (), (2,), (1, 3)])
def test_shapes_that_would_broadcast_are_refused(shape, array):
    other, a = array(np.ones(shape)), array(np.ones(3))
    message = r"one prediction for each target, got .*of shape "
    for function in ALL:
        with pytest.raises(
            ValueError, match=message + re.escape(f"{shape} and targets")
        ):
            function(other, a)
        with pytest.raises(
            ValueError, match=message + re.escape(f"{shape}") + "$"
        ):
            function(a, other)
    for function in (gaussian_nll, gaussian_nll_gradient):
        for given_ in ((other, a, a), (a, a, other)):
            with pytest.raises(ValueError, match=message):
                function(*given_)
        came = re.escape(f"of shape {shape} and targets of shape (3,)")
        with pytest.raises(
            ValueError, match=f"one variance for each target, got .*{came}"
        ):
            function(a, other, a)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, array):
    other, a = array(np.ones(2).astype(dtype)), array(np.ones(2))
    message = f"real floating-point numbers, got {other.dtype}"
    for function in ALL:
        for pair in ((other, a), (a, other)):
            with pytest.raises(ValueError, match=message):
                function(*pair)
    for function in (gaussian_nll, gaussian_nll_gradient):
        for given_ in ((other, a, a), (a, other, a), (a, a, other)):
            with pytest.raises(ValueError, match=message):
                function(*given_)
