import re
from contextlib import suppress
from decimal import Decimal, localcontext
from math import exp, inf, log, nan

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from reference.classification import softmax_regression
from reference.classification.margin_losses import (
    expected_loss,
    exponential,
    exponential_backward,
    hinge,
    hinge_backward,
    logistic,
    logistic_backward,
    margin,
    zero_one,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

LOSSES = [zero_one, hinge, logistic, exponential]
SMOOTH = [(logistic, logistic_backward), (exponential, exponential_backward)]
BACKWARD = [hinge_backward, logistic_backward, exponential_backward]
M = np.array([-3.0, -1.0, -0.25, 0.0, 0.5, 1.0, 1.5, 4.0])
DY = np.array([2.0, -1.0, 3.0, 0.5, -2.0, 1.0, 7.0, -0.5])

# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(rng, array):
    r"""m_n = y_n \, f(x_n)"""
    y, score = np.array([1, -1, -1, 1]), rng.normal(size=4)
    expected = [int(y[n]) * score[n] for n in range(4)]
    assert_close(margin(array(y), array(score)), expected)


def test_eq_2(array):
    r"""\ell_{01}(m) = [m \le 0]"""
    expected = [1.0 if m <= 0 else 0.0 for m in M]
    assert_close(zero_one(array(M)), expected)


def test_eq_3(array):
    r"""\ell_{\text{hinge}}(m) = \max(0,\, 1 - m)"""
    expected = [max(0.0, 1 - m) for m in M]
    assert_close(hinge(array(M)), expected)


def test_eq_4(array):
    r"""\ell_{\log}(m) = \log \left( 1 + e^{-m} \right)"""
    expected = [log(1 + exp(-m)) for m in M]
    assert_close(logistic(array(M)), expected)


def test_eq_5(array):
    r"""\ell_{\exp}(m) = e^{-m}"""
    expected = [exp(-m) for m in M]
    assert_close(exponential(array(M)), expected)


def test_eq_6(array):
    r"""\frac{\partial L}{\partial m_n} = -\delta_n \, [m_n < 1]"""
    expected = [-DY[n] * (1 if M[n] < 1 else 0) for n in range(len(M))]
    assert_close(hinge_backward(array(DY), array(M)), expected)


def test_eq_7(array):
    r"""\frac{\partial L}{\partial m_n} = -\frac{\delta_n}{1 + e^{m_n}}"""
    expected = [-DY[n] / (1 + exp(M[n])) for n in range(len(M))]
    assert_close(logistic_backward(array(DY), array(M)), expected)


def test_eq_8(array):
    r"""\frac{\partial L}{\partial m_n} = -\delta_n \, e^{-m_n}"""
    expected = [-DY[n] * exp(-M[n]) for n in range(len(M))]
    assert_close(exponential_backward(array(DY), array(M)), expected)


def test_eq_9(array):
    r"""R(f) = p \, \ell(f) + (1 - p) \, \ell(-f)"""
    for p in (0.0, 0.3, 1.0, np.float64(0.8)):
        expected = [p * exp(-f) + (1 - p) * exp(f) for f in M]
        assert_close(expected_loss(exponential, p, array(M)), expected)


# The same as everybody else's: scikit-learn, PyTorch, decimal arithmetic.


def test_means_are_those_of_scikit_learn(rng, array):
    y, score = rng.choice([-1, 1], size=50), 2 * rng.normal(size=50)
    m = margin(array(y), array(score))
    guess = np.where(score > 0, 1, -1)
    for loss, theirs in (
        (hinge, metrics.hinge_loss(y, score)),
        (zero_one, metrics.zero_one_loss(y, guess)),
        (logistic, metrics.log_loss(y, 1 / (1 + np.exp(-score)))),
    ):
        assert_close(np.mean(to_numpy(loss(m))), theirs)


def test_logistic_is_softplus_of_minus_the_margin(array):
    m = np.concatenate((M, np.linspace(-30, 30, 41)))
    softplus = F.softplus(-torch.asarray(m), threshold=1e9)
    assert_close(logistic(array(m)), softplus, rtol=1e-12)
    theirs = F.soft_margin_loss(torch.asarray(m), torch.ones(len(m)))
    assert_close(np.mean(to_numpy(logistic(array(m)))), theirs)


def test_logistic_is_the_cross_entropy_of_two_classes(rng, array):
    score, label = 3 * rng.normal(size=20), rng.integers(2, size=20)
    logits = np.stack((np.zeros(20), score), axis=1)
    theirs = softmax_regression.cross_entropy(logits, label)
    m = margin(array(2 * label - 1), array(score))
    assert_close(np.mean(to_numpy(logistic(m))), theirs)


@pytest.mark.parametrize("m", [-700, -40, -1, 0, 2, 36, 37, 50, 300, 700])
def test_forty_digits_agree_in_both_tails(m, array):
    with localcontext() as context:
        context.prec = 400
        e = (-Decimal(m)).exp()
        exact = float((1 + e).ln())
        slope = -float(e / (1 + e))
        power = float(e)
    a = array(np.array([float(m)]))
    for actual, desired in (
        (logistic(a), exact),
        (logistic_backward(1.0, a), slope),
        (exponential(a), power),
        (exponential_backward(1.0, a), -power),
    ):
        assert_close(actual, [desired], rtol=1e-13, atol=0)


# The hand-written gradients.


@pytest.mark.parametrize(("loss", "backward"), SMOOTH)
def test_gradients(loss, backward):
    assert_gradient(loss, backward, M.reshape(2, 4))


def test_gradient_of_the_hinge_away_from_its_kink():
    assert_gradient(hinge, hinge_backward, M[M != 1].reshape(7, 1))


def test_autograd_agrees_at_the_kink_and_at_zero():
    """Where maximum and abs would give autograd something else."""
    for loss, at, expected in ((hinge, 1.0, 0.0), (logistic, 0.0, -0.5)):
        m = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.grad(loss(m), m)[0].item() == expected
    zero = torch.zeros((), dtype=torch.float64)
    curvature = torch.autograd.functional.hessian(logistic, zero)
    assert_close(curvature, 0.25)


# What the page promises: invariances, limits, pitfalls, refused inputs.


def test_the_kink_has_the_slope_zero(array):
    m = array(np.array([1.0, np.nextafter(1, 0)]))
    assert to_numpy(hinge_backward(1.0, m)).tolist() == [0.0, -1.0]
    assert not np.signbit(to_numpy(hinge_backward(1.0, m))[0])


def test_a_slope_of_the_hinge_is_a_subgradient():
    t = np.linspace(-5, 5, 41)
    for at in M:
        a = np.array([at])
        line = hinge(a) + hinge_backward(1.0, a) * (t - at)
        assert np.all(hinge(t) >= line)


def test_a_margin_of_zero_is_a_mistake(array):
    m = array(np.array([0.0, -0.0, 1e-300, -1e-300]))
    assert_close(zero_one(m), [1.0, 1.0, 0.0, 1.0])


@settings(max_examples=25)
@given(st.floats(-600, 600))
def test_upper_bounds_of_the_zero_one_loss(at):
    m = np.array([at])
    mistake = zero_one(m)
    assert np.all(hinge(m) >= mistake)
    assert np.all(exponential(m) >= mistake)
    assert np.all(logistic(m) / log(2) >= mistake)


def test_logistic_alone_is_no_upper_bound():
    assert logistic(np.array([0.0])) < zero_one(np.array([0.0]))


@settings(max_examples=25)
@given(st.floats(-600, 600), st.floats(-600, 600))
def test_convex_and_decreasing(a, b):
    for loss in (hinge, logistic, exponential):
        left, middle, right = loss(np.array([a, (a + b) / 2, b]))
        assert middle <= (left + right) / 2 * (1 + 1e-12) + 1e-12
        assert left >= right if a <= b else left <= right


def test_logistic_decays_like_the_exponential_and_grows_like_a_line(array):
    m = np.array([5.0, 10.0, 20.0, 100.0])
    ratio = to_numpy(logistic(array(m))) / np.exp(-m)
    assert np.all(np.abs(ratio - 1) <= np.exp(-m) / 2 + 1e-15)
    excess = to_numpy(logistic(array(-m))) - m
    assert_close(excess, to_numpy(logistic(array(m))), atol=2e-14)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_best_scores(p, array):
    odds = log(p / (1 - p))
    for (loss, backward), best in zip(SMOOTH, (odds, odds / 2), strict=True):
        f = array(np.array([best]))
        slope = p * backward(1.0, f) - (1 - p) * backward(1.0, -f)
        assert_close(slope, [0.0])
        near = expected_loss(loss, p, array(best + np.array([-0.1, 0, 0.1])))
        assert np.argmin(to_numpy(near)) == 1
    f = np.linspace(-2, 2, 9)
    risk = to_numpy(expected_loss(hinge, p, array(f)))
    lowest = f[risk <= risk.min() + 1e-12]
    expected = {0.1: [-1], 0.5: [-1, -0.5, 0, 0.5, 1], 0.8: [1]}[p]
    assert_close(lowest, expected)
    mistakes = expected_loss(zero_one, p, array(np.array([-1.0, 1.0])))
    assert_close(mistakes, [p, 1 - p])


def boundary(backward, x, y):
    """Return the b at which the losses of y (x - b) sum to the least."""
    low, high = -20.0, 20.0
    for _ in range(60):
        b = (low + high) / 2
        slope = -np.sum(y * backward(1.0, margin(y, x - b)))
        low, high = (low, b) if slope > 0 else (b, high)
    return low


@pytest.mark.parametrize("far", [5.0, 9.0, 13.0])
def test_only_the_exponential_follows_a_flipped_label(far):
    x = np.array([-1.0, -1, -1, 1, 1, 1, far])
    y = np.array([-1, -1, -1, 1, 1, 1, -1])
    expected = log(1 + exp(far + 1) / 3) / 2
    assert_close(boundary(exponential_backward, x, y), expected)
    assert expected > 1
    assert 0.8 < boundary(logistic_backward, x, y) < 0.9
    assert_close(boundary(hinge_backward, x, y), 0.0)


def test_zeros_of_no_example_and_of_a_single_one(array):
    for shape in ((), (0,), (2, 0)):
        m = array(np.ones(shape))
        for loss in LOSSES:
            assert tuple(loss(m).shape) == shape
        for backward in BACKWARD:
            assert tuple(backward(1.0, m).shape) == shape
        assert tuple(margin(m, m).shape) == shape


def test_float32(rng):
    y, m = rng.choice([-1, 1], size=8), 3 * rng.normal(size=8)
    assert_float32(margin, y, m)
    for loss in LOSSES:
        assert_float32(loss, m)
        assert_float32(
            lambda m, loss=loss: expected_loss(loss, np.float64(0.3), m), m
        )
    for backward in BACKWARD:
        assert_float32(backward, DY, m)
        assert_float32(lambda m, b=backward: b(np.float64(2.0), m), m)
        assert backward(DY, np.float32(m)).dtype == np.float32
    assert margin(y.astype(float), np.float32(m)).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_margins(dtype, array):
    huge = float(np.finfo(dtype).max) / 2
    m = array(np.array([-huge, huge], dtype=dtype))
    assert_close(logistic(m), np.array([huge, 0]))
    assert_close(logistic_backward(1.0, m), [-1.0, 0.0])
    assert_close(hinge(m), np.array([huge, 0]))
    assert_close(exponential(m[1:]), [0.0])
    assert_close(zero_one(m), [1.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_exponential_refuses_to_overflow(dtype, array):
    limit = np.log(np.finfo(dtype).max.astype(np.float64))
    eps = float(np.finfo(dtype).eps)
    inside = np.array([-limit * (1 - 6 * eps)], dtype=dtype)
    assert np.all(np.isfinite(to_numpy(exponential(array(inside)))))
    for ulps in range(-4, 5):
        nearest = array(np.array([-limit * (1 + ulps * eps)], dtype=dtype))
        with suppress(ValueError):  # Refused, or finite: never inf.
            assert np.all(np.isfinite(to_numpy(exponential(nearest))))
    for at in (-limit * (1 + 4 * eps), -1000.0):
        m = array(np.array([0.0, at, 1.0], dtype=dtype))
        for refused in (
            exponential,
            lambda m: exponential_backward(1.0, m),
            lambda m: expected_loss(exponential, 0.5, -m),
        ):
            with pytest.raises(ValueError, match=r"overflows: .* -?\d+\.\d\d"):
                refused(m)
    with pytest.raises(ValueError, match=r"at least -709\.78 in .*got -1000"):
        exponential(array(np.array([-1000.0, 3.0])))


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_what_is_not_finite_is_refused(bad, array):
    m = array(np.array([1.0, bad]))
    for loss in LOSSES:
        with pytest.raises(ValueError, match="finite values, got NaN or inf"):
            loss(m)
    for backward in BACKWARD:
        with pytest.raises(ValueError, match="finite values, got NaN or inf"):
            backward(1.0, m)
    with pytest.raises(ValueError, match="finite values, got NaN or inf"):
        margin(array(np.array([1, -1])), m)


@pytest.mark.parametrize("bad", [0, 2, -2, 0.5, nan])
def test_other_labels_are_refused(bad, array):
    y = array(np.array([1, -1, bad]))
    with pytest.raises(ValueError, match=r"-1 or \+1, got .*1"):
        margin(y, array(np.ones(3)))


def test_labels_are_judged_before_they_are_rounded(array):
    y = array(np.array([1 + 1e-12, -1.0]))
    with pytest.raises(ValueError, match=r"-1 or \+1, got .*1"):
        margin(y, array(np.ones(2, dtype=np.float32)))


@pytest.mark.usefixtures("unchecked")
def test_labels_of_another_kind_are_refused(array):
    y = array(np.array([True, True]))
    with pytest.raises(ValueError, match=r"numbers -1 or \+1, got .*bool"):
        margin(y, array(np.ones(2)))
    for kind, other in ((np.uint8, 255), (np.int8, -128), (np.int64, 2**32)):
        y = array(np.array([other, 1], dtype=kind))
        with pytest.raises(ValueError, match=rf"-1 or \+1, got .*{other}"):
            margin(y, array(np.ones(2)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(3, 1), (1,), (), (2,)])
def test_shapes_that_would_broadcast_are_refused(shape, array):
    other, m = array(np.ones(shape)), array(np.ones(3))
    came = re.escape(f"{shape} and")
    with pytest.raises(
        ValueError,
        match=rf"one label for each score, got .*{came} scores .*\(3,\)",
    ):
        margin(other, m)
    if shape:
        for backward in BACKWARD:
            with pytest.raises(
                ValueError,
                match=rf"one for each margin, got .*{came} margins .*\(3,\)",
            ):
                backward(other, m)
    else:
        for backward in BACKWARD:
            assert_close(backward(other, m), backward(1.0, m))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_margins_are_refused(dtype, array):
    m = array(np.ones(2).astype(dtype))
    message = f"real floating-point numbers, got {m.dtype}"
    for loss in LOSSES:
        with pytest.raises(ValueError, match=message):
            loss(m)
    for backward in BACKWARD:
        with pytest.raises(ValueError, match=message):
            backward(1.0, m)
    with pytest.raises(ValueError, match=message):
        margin(array(np.ones(2)), m)


@pytest.mark.parametrize("p", [-0.1, 1.1, nan, inf])
def test_other_than_probabilities_are_refused(p):
    with pytest.raises(ValueError, match=f"0 <= p <= 1, got {p}"):
        expected_loss(hinge, p, np.zeros(1))
