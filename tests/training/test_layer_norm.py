import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch.nn.functional import layer_norm as torchs_layer_norm
from torch.nn.functional import rms_norm as torchs_rms_norm

from reference.training.layer_norm import (
    _center,
    _scale,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

ROOT = Path(__file__).parents[2]

N, D, EPS = 3, 5, 0.01  # a large eps, so that a forgotten one shows


@pytest.fixture
def x(rng):
    return rng.normal(2, 3, size=(N, D))


@pytest.fixture
def dy(rng):
    return rng.normal(1, 1, size=(N, D))


@pytest.fixture
def gamma(rng):
    return rng.normal(size=D)


@pytest.fixture
def beta(rng):
    return rng.normal(size=D)


def centered(x):
    return x - x.mean(-1, keepdims=True)


def scales(x):
    return np.sqrt((x**2).mean(-1) + EPS)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, array):
    r"""c_{nd} = x_{nd} - \frac{1}{D} \sum_{e=1}^{D} x_{ne}"""
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = x[n, d] - 1 / D * sum(x[n, e] for e in range(D))
    assert_close(_center(array(x)), expected)


def test_eq_2(x, array):
    r"""s_n = \sqrt{\frac{1}{D} \sum_{e=1}^{D} x_{ne}^2 + \epsilon}"""
    expected = np.empty((N, 1))
    for n in range(N):
        square = sum(x[n, e] ** 2 for e in range(D))
        expected[n, 0] = sqrt(1 / D * square + EPS)
    assert_close(_scale(array(x), EPS), expected)


def test_eq_3(x, gamma, array):
    r"""y_{nd} = \gamma_d \hat{x}_{nd}, \quad
    \hat{x}_{nd} = \frac{x_{nd}}{s_n}"""
    s = scales(x)
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = gamma[d] * (x[n, d] / s[n])
    assert_close(rms_norm(array(x), array(gamma), EPS), expected)


def test_eq_4(x, gamma, beta, array):
    r"""y_{nd} = \gamma_d \hat{x}_{nd} + \beta_d, \quad
    \hat{x}_{nd} = \frac{c_{nd}}{s_n}"""
    c = centered(x)
    s = scales(c)
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = gamma[d] * (c[n, d] / s[n]) + beta[d]
    actual = layer_norm(array(x), array(gamma), array(beta), EPS)
    assert_close(actual, expected)


def test_eq_5(x, gamma, dy, array):
    r"""\frac{\partial L}{\partial x_{nd}} = \frac{1}{s_n} \left( g_{nd}
    - \hat{x}_{nd} \frac{1}{D} \sum_{e=1}^{D} g_{ne} \hat{x}_{ne} \right)"""
    s = scales(x)
    g, x_hat = gamma * dy, x / s[:, None]
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        along = 1 / D * sum(g[n, e] * x_hat[n, e] for e in range(D))
        expected[n, d] = 1 / s[n] * (g[n, d] - x_hat[n, d] * along)
    dx, _ = rms_norm_backward(array(dy), array(x), array(gamma), EPS)
    assert_close(dx, expected)


def test_eq_6(x, gamma, dy, array):
    r"""\frac{\partial L}{\partial \gamma_d}
    = \sum_{n=1}^{N} \delta_{nd} \hat{x}_{nd}"""
    args = array(dy), array(x), array(gamma), EPS
    for z, dgamma in (
        (x, rms_norm_backward(*args)[1]),
        (centered(x), layer_norm_backward(*args)[1]),
    ):
        x_hat = z / scales(z)[:, None]
        expected = np.zeros(D)
        for n, d in np.ndindex(N, D):
            expected[d] += dy[n, d] * x_hat[n, d]
        assert_close(dgamma, expected)


def test_eq_7(x, gamma, dy, array):
    r"""\frac{\partial L}{\partial x_{nd}}
    = \frac{\partial L}{\partial c_{nd}}
    - \frac{1}{D} \sum_{e=1}^{D} \frac{\partial L}{\partial c_{ne}}"""
    dc, _ = rms_norm_backward(dy, centered(x), gamma, EPS)
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = dc[n, d] - 1 / D * sum(dc[n, e] for e in range(D))
    dx, _, _ = layer_norm_backward(array(dy), array(x), array(gamma), EPS)
    assert_close(dx, expected)


def test_eq_8(x, gamma, dy, array):
    r"""\frac{\partial L}{\partial \beta_d} = \sum_{n=1}^{N} \delta_{nd}"""
    _, _, dbeta = layer_norm_backward(array(dy), array(x), array(gamma), EPS)
    assert_close(dbeta, [sum(dy[n, d] for n in range(N)) for d in range(D)])


# The same as everybody else's.


@pytest.mark.parametrize("shape", [(D,), (4, 1), (2, 3, D), (2, 1, 2, D)])
def test_forward_and_gradient_of_torch(rng, shape, array):
    x, dy = rng.normal(2, 3, size=shape), rng.normal(size=shape)
    gamma, beta = rng.normal(size=(2, shape[-1]))
    leaves = [torch.asarray(a).requires_grad_() for a in (x, gamma, beta)]
    size = shape[-1:]
    y = torchs_layer_norm(leaves[0], size, *leaves[1:], EPS)
    assert_close(layer_norm(array(x), array(gamma), array(beta), EPS), y)
    expected = torch.autograd.grad(y, leaves, torch.asarray(dy))
    actual = layer_norm_backward(array(dy), array(x), array(gamma), EPS)
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e)
    y = torchs_rms_norm(leaves[0], size, leaves[1], EPS)
    assert_close(rms_norm(array(x), array(gamma), EPS), y)
    expected = torch.autograd.grad(y, leaves[:2], torch.asarray(dy))
    actual = rms_norm_backward(array(dy), array(x), array(gamma), EPS)
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e)


def test_default_eps_is_that_of_torchs_layer_norm(rng, gamma, beta, array):
    x = rng.normal(0, 0.003, size=(N, D))  # so small that any eps shows
    small, weight = array(x), array(gamma)
    library = torch.nn.LayerNorm(D, dtype=torch.float64)
    library.weight.data, library.bias.data = map(torch.asarray, (gamma, beta))
    y = layer_norm(small, weight, array(beta))
    assert_close(y, library(torch.asarray(x)))
    library = torch.nn.RMSNorm(D, eps=1e-5, dtype=torch.float64)
    library.weight.data = torch.asarray(gamma)
    assert_close(rms_norm(small, weight), library(torch.asarray(x)))
    for backward in (layer_norm_backward, rms_norm_backward):
        actual = backward(small, small, weight)
        expected = backward(x, x, gamma, eps=1e-5)
        for a, e in zip(actual, expected, strict=True):
            assert_close(a, e)


# The gradient.


def test_gradient(x, gamma, beta):
    assert_gradient(
        layer_norm,
        lambda dy, x, gamma, _: layer_norm_backward(dy, x, gamma),
        x,
        gamma,
        beta,
    )
    assert_gradient(rms_norm, rms_norm_backward, x, gamma)


# What the page promises, and what is refused.


def test_mean_and_deviation_asked_for_come_out(x):
    y = layer_norm(x, np.full(D, 3.0), np.full(D, 7.0), eps=1e-12)
    assert_close(y.mean(-1), np.full(N, 7.0))
    assert_close(y.std(-1), np.full(N, 3.0))
    y = rms_norm(x, np.full(D, 3.0), eps=1e-12)
    assert_close((y**2).mean(-1), np.full(N, 9.0))


def test_scale_and_shift_of_each_row_do_not_matter(x, gamma, beta):
    a, b = np.array([[7.0], [0.5], [90.0]]), np.array([[11.0], [-4.0], [0.3]])
    y = layer_norm(x, gamma, beta, eps=1e-12)
    assert_close(layer_norm(a * x + b, gamma, beta, eps=1e-12), y)
    y = rms_norm(x, gamma, eps=1e-12)
    assert_close(rms_norm(a * x, gamma, eps=1e-12), y)
    assert np.all(np.abs(rms_norm(x + b, gamma, eps=1e-12) - y).max(-1) > 0.01)


def test_no_step_shifts_or_stretches_a_row(x, dy, gamma):
    dx, _, _ = layer_norm_backward(dy, x, gamma, eps=1e-12)
    assert_close(dx.sum(-1), np.zeros(N))
    assert_close((x * dx).sum(-1), np.zeros(N), atol=1e-10)
    dx, _ = rms_norm_backward(dy, x, gamma, eps=1e-12)
    assert_close((x * dx).sum(-1), np.zeros(N), atol=1e-10)


@settings(max_examples=25)
@given(
    arrays(
        np.float64,
        array_shapes(min_dims=1, max_dims=3, max_side=4),
        elements=st.floats(-1e6, 1e6),
    )
)
def test_each_row_is_centred_bounded_and_its_own(x):
    d = x.shape[-1]
    one, zero = np.ones(d), np.zeros(d)
    y = layer_norm(x, one, zero)
    assert_close(y.mean(-1), np.zeros(x.shape[:-1]), atol=1e-6)
    assert np.all(np.abs(y) <= sqrt(d - 1) * (1 + 1e-9) + 1e-9)
    assert np.all(np.abs(rms_norm(x, one)) <= sqrt(d) * (1 + 1e-9))
    for row in np.ndindex(x.shape[:-1]):
        assert_close(layer_norm(x[row], one, zero), y[row])


def test_other_examples_do_not_matter(rng, array):
    x, one = rng.normal(size=(4, D)), array(np.ones(D))
    dy = rng.normal(size=(4, D))
    y = layer_norm(array(x), one, one)
    dx, _, _ = layer_norm_backward(array(dy), array(x), one)
    x[1:], dy[1:] = 1e3, np.nan
    assert_close(layer_norm(array(x), one, one)[:1, :], y[:1, :])
    after, _, _ = layer_norm_backward(array(dy), array(x), one)
    assert_close(after[:1, :], dx[:1, :])


@pytest.mark.parametrize("far", [1e160, 1e200, 1e300])
def test_squares_do_not_overflow(x, dy, gamma, beta, far, array):
    big, d, g, b = map(array, (far * x, dy, gamma, beta))
    assert_close(layer_norm(big, g, b), layer_norm(x, gamma, beta, eps=1e-300))
    assert_close(rms_norm(big, g), rms_norm(x, gamma, eps=1e-300))
    dx, dgamma, _ = layer_norm_backward(d, big, g)
    expected = layer_norm_backward(dy, x, gamma, eps=1e-300)
    assert_close(dx * far, expected[0])
    assert_close(dgamma, expected[1])
    dx, dgamma = rms_norm_backward(d, big, g)
    expected = rms_norm_backward(dy, x, gamma, eps=1e-300)
    assert_close(dx * far, expected[0])
    assert_close(dgamma, expected[1])


def test_squares_of_negative_rows_do_not_overflow(dy, gamma, array):
    x, g = array(np.full((N, D), -1e200)), array(gamma)
    assert_close(rms_norm(x, g), [-gamma] * N)
    assert_close(rms_norm(x, 1e200 * g), [-1e200 * gamma] * N)
    _, dgamma = rms_norm_backward(array(dy), x, g)
    assert_close(dgamma, -dy.sum(0))


@pytest.mark.parametrize("near", [1e-30, 1e-200])
def test_tiny_rows_are_only_multiplied(x, near, array):
    one, zero = array(np.ones(D)), array(np.zeros(D))
    y = layer_norm(array(near * x), one, zero)
    assert_close(y, near * centered(x) / sqrt(1e-5), atol=0)
    y = rms_norm(array(near * x), one)
    assert_close(y, near * x / sqrt(1e-5), atol=0)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e17, 1e200])
def test_a_constant_row_comes_out_as_beta(beta, value, array):
    x, one = array(np.full((2, D), value)), array(np.ones(D))
    y = layer_norm(x, one, array(beta))
    assert_close(y, [beta, beta], rtol=0)
    dx, dgamma, _ = layer_norm_backward(x, x, one)
    assert_close(dx, np.zeros((2, D)))
    assert_close(dgamma, np.zeros(D))


def test_a_large_mean_costs_no_precision(rng, array):
    x = (rng.normal(size=(8, 64)) + 1e5).astype(np.float32)
    one, zero = np.ones(64, np.float32), np.zeros(64, np.float32)
    y = layer_norm(array(x), array(one), array(zero))
    wide = centered(x.astype(np.float64))
    expected = wide / np.sqrt((wide**2).mean(-1, keepdims=True) + 1e-5)
    assert_close(y, expected, rtol=1e-5, atol=1e-6)


def test_half_precision_does_not_overflow():
    x = torch.tensor([[-1000.0, 0, 0, 1000]], dtype=torch.float16)
    one = torch.ones(4, dtype=torch.float16)
    y = layer_norm(x, one, 0 * one)
    assert y.dtype == torch.float16
    assert_close(y, [[-sqrt(2), 0, 0, sqrt(2)]], rtol=2e-3)
    assert_close(rms_norm(x, one), y, rtol=2e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_stay_in_their_row(x, gamma, beta, bad, array):
    x[1, 2] = bad
    with np.errstate(invalid="ignore"):
        y = to_numpy(layer_norm(array(x), array(gamma), array(beta)))
        z = to_numpy(rms_norm(array(x), array(gamma)))
    assert np.isnan(y[1]).all()
    assert np.isnan(z[1, 2])
    assert np.isfinite(y[[0, 2]]).all()
    assert np.isfinite(z[[0, 2]]).all()


def test_one_feature_says_nothing_or_its_sign(array):
    x, one = array(np.array([[-3.0], [2.0]])), array(np.ones(1))
    assert_close(layer_norm(x, one, one), [[1.0], [1.0]])
    dx, _, _ = layer_norm_backward(x, x, one)
    assert_close(dx, [[0.0], [0.0]])
    assert_close(rms_norm(x, one, 1e-12), [[-1.0], [1.0]])


def test_no_example(array):
    x, v = array(np.ones((0, D))), array(np.ones(D))
    assert tuple(layer_norm(x, v, v).shape) == (0, D)
    assert tuple(rms_norm(x, v).shape) == (0, D)
    for dx, *rest in (
        layer_norm_backward(x, x, v),
        rms_norm_backward(x, x, v),
    ):
        assert tuple(dx.shape) == (0, D)
        for a in rest:
            assert_close(a, np.zeros(D))


def test_float32_stays_float32(x, dy, gamma, beta):
    assert_float32(layer_norm, x, gamma, beta)
    assert_float32(layer_norm_backward, dy, x, gamma)
    assert_float32(rms_norm, x, gamma)
    assert_float32(rms_norm_backward, dy, x, gamma)


@pytest.mark.usefixtures("unchecked")
def test_numpy_scalars_leave_float32_alone(x, dy, gamma, beta):
    eps = np.float64(1e-5)
    x, dy, gamma, beta = map(np.float32, (x, dy, gamma, beta))
    results = [
        layer_norm(x, gamma, beta, eps),
        rms_norm(x, gamma, eps),
        *layer_norm_backward(dy, x, gamma, eps),
        *rms_norm_backward(dy, x, gamma, eps),
    ]
    assert [a.dtype for a in results] == [np.float32] * len(results)


def calls(x, gamma, beta, dy, eps):
    """Return every public function, ready to be called."""
    return [
        lambda: layer_norm(x, gamma, beta, eps),
        lambda: rms_norm(x, gamma, eps),
        lambda: layer_norm_backward(dy, x, gamma, eps),
        lambda: rms_norm_backward(dy, x, gamma, eps),
    ]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_, np.complex128])
def test_rows_that_are_not_real_floating_are_refused(kind, array):
    x, v = array(np.array([[5, 1]], dtype=kind)), array(np.ones(2))
    message = r"real floating-point x is needed, got .*(int|bool|complex)"
    for call in calls(x, v, v, x, EPS):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_a_row_without_features_is_refused(shape, array):
    x, v = array(np.ones(shape)), array(np.ones(shape[-1:]))
    message = r"at least 1 feature is needed, got x of \("
    for call in calls(x, v, v, x, EPS):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes_that_would_broadcast_are_refused(array):
    x, v = array(np.ones((4, D))), array(np.ones(D))
    message = r"per feature is needed, got \(.*\) for x of shape \(4, 5\)"
    for shape in ((1,), (), (4, D), (1, D)):
        wrong = array(np.ones(shape))
        for call in calls(x, wrong, v, x, EPS):
            with pytest.raises(ValueError, match=message):
                call()
        with pytest.raises(ValueError, match=message):
            layer_norm(x, v, wrong)
    for dy in (x[:1, :], v, x[:, :1]):
        for call in calls(x, v, v, dy, EPS)[2:]:
            with pytest.raises(ValueError, match=r"need the same shape, got"):
                call()


@pytest.mark.parametrize("eps", [0.0, -1e-5, np.nan, np.inf])
def test_eps_that_is_not_positive_is_refused(eps, array):
    x, v = array(np.ones((4, D))), array(np.ones(D))
    message = rf"eps must be in \(0, inf\) in .*float64, got {eps}"
    for call in calls(x, v, v, x, eps):
        with pytest.raises(ValueError, match=message):
            call()


def test_eps_that_is_0_in_float32_is_refused(array):
    x, v = np.zeros((4, D)), np.ones(D)
    y = layer_norm(array(x), array(v), array(v), eps=1e-50)
    assert_close(y, np.ones((4, D)))
    x, v = array(np.float32(x)), array(np.float32(v))
    for call in calls(x, v, v, x, 1e-50):
        with pytest.raises(ValueError, match=r"float32, got 1e-50"):
            call()


def test_training_is_as_the_page_says():
    """Mean accuracy by normalization and size of the mini-batches."""
    path = ROOT / "experiments/training/layer_norm.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    assert numbers["sizes"] == [2, 4, 8, 32]
    for name, expected in (
        ("layer", [0.88, 0.94, 0.94, 0.90]),
        ("batch", [0.45, 0.91, 0.94, 0.94]),
        ("none", [0.85, 0.68, 0.29, 0.12]),
    ):
        assert np.shape(numbers[name]) == (4, 6)
        assert np.mean(numbers[name], axis=1).round(2).tolist() == expected
