import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch.nn.functional import batch_norm as torchs_batch_norm

from reference.training.batch_norm import (
    Moments,
    axes_and_count,
    batch_norm,
    batch_norm_backward,
    batch_norm_inference,
    moments,
    normalize,
    per_channel,
    update_running,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

ROOT = Path(__file__).parents[2]

C, EPS = 3, 0.01  # a large eps, so that a forgotten one shows


@pytest.fixture(params=[(5, C), (2, C, 3, 2)], ids=["features", "images"])
def shape(request):
    return request.param


@pytest.fixture
def x(rng, shape):
    return rng.normal(2, 3, size=shape)


@pytest.fixture
def dy(rng, shape):
    return rng.normal(1, 1, size=shape)


@pytest.fixture
def gamma(rng):
    return rng.normal(size=C)


@pytest.fixture
def beta(rng):
    return rng.normal(size=C)


@pytest.fixture
def x_hat(x):
    x = values(x)
    return (x - x.mean(0)) / np.sqrt(x.var(0) + EPS)


def values(a):
    """Return a as x[i, c], the i-th of the M values of channel c."""
    return np.moveaxis(to_numpy(a), 1, -1).reshape(-1, C)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, array):
    r"""\mu_c = \frac{1}{M} \sum_{i=1}^{M} x_{ic}"""
    actual = moments(array(x)).mean
    x = values(x)
    m = len(x)
    mu = [sum(x[i, c] for i in range(m)) / m for c in range(C)]
    assert_close(actual, mu)


def test_eq_2(x, array):
    r"""\sigma_c^2 = \frac{1}{M} \sum_{i=1}^{M} (x_{ic} - \mu_c)^2"""
    actual = moments(array(x)).var
    x = values(x)
    mu = x.mean(0)
    var = np.zeros(C)
    for i, c in np.ndindex(x.shape):
        var[c] += (x[i, c] - mu[c]) ** 2 / len(x)
    assert_close(actual, var)


def test_eq_3(x, array):
    r"""\hat{x}_{ic} = \frac{x_{ic} - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}}"""
    actual = normalize(array(x), moments(array(x)), EPS)
    x = values(x)
    mu, var = x.mean(0), x.var(0)
    expected = np.empty(x.shape)
    for i, c in np.ndindex(x.shape):
        expected[i, c] = (x[i, c] - mu[c]) / sqrt(var[c] + EPS)
    assert_close(values(actual), expected)


def test_eq_4(x, gamma, beta, x_hat, array):
    r"""y_{ic} = \gamma_c \hat{x}_{ic} + \beta_c"""
    y, _ = batch_norm(array(x), array(gamma), array(beta), EPS)
    expected = np.empty(x_hat.shape)
    for i, c in np.ndindex(x_hat.shape):
        expected[i, c] = gamma[c] * x_hat[i, c] + beta[c]
    assert_close(values(y), expected)


def test_eq_5(x, gamma, dy, array):
    r"""\frac{\partial L}{\partial \beta_c} = \sum_{i=1}^{M} \delta_{ic}"""
    _, _, dbeta = batch_norm_backward(array(dy), array(x), array(gamma), EPS)
    delta = values(dy)
    expected = [sum(delta[i, c] for i in range(len(delta))) for c in range(C)]
    assert_close(dbeta, expected)


def test_eq_6(x, gamma, dy, x_hat, array):
    r"""\frac{\partial L}{\partial \gamma_c}
    = \sum_{i=1}^{M} \delta_{ic} \, \hat{x}_{ic}"""
    _, dgamma, _ = batch_norm_backward(array(dy), array(x), array(gamma), EPS)
    delta = values(dy)
    expected = np.zeros(C)
    for i, c in np.ndindex(delta.shape):
        expected[c] += delta[i, c] * x_hat[i, c]
    assert_close(dgamma, expected)


def test_eq_7(x, gamma, dy, x_hat, array):
    r"""\frac{\partial L}{\partial x_{ic}}
    = \frac{\gamma_c}{s_c} \left( \delta_{ic}
    - \frac{1}{M} \frac{\partial L}{\partial \beta_c}
    - \frac{\hat{x}_{ic}}{M} \frac{\partial L}{\partial \gamma_c} \right)"""
    dx, _, _ = batch_norm_backward(array(dy), array(x), array(gamma), EPS)
    delta, var = values(dy), values(x).var(0)
    dbeta, dgamma = delta.sum(0), (delta * x_hat).sum(0)
    m = len(delta)
    expected = np.empty(delta.shape)
    for i, c in np.ndindex(delta.shape):
        centred = delta[i, c] - 1 / m * dbeta[c] - x_hat[i, c] / m * dgamma[c]
        expected[i, c] = gamma[c] / sqrt(var[c] + EPS) * centred
    assert_close(values(dx), expected)


OLD = Moments(np.array([1.0, 2.0]), np.array([4.0, 8.0]))
NEW = Moments(np.array([3.0, 7.0]), np.array([9.0, 10.0]))
M, ALPHA = 10, 0.25


@pytest.fixture
def running(array):
    old, new = (Moments(array(m.mean), array(m.var)) for m in (OLD, NEW))
    return update_running(old, new, count=M, momentum=ALPHA)


def test_eq_8(running):
    r"""\bar{\mu}_c \leftarrow (1 - \alpha) \, \bar{\mu}_c + \alpha \mu_c"""
    expected = [
        (1 - ALPHA) * OLD.mean[c] + ALPHA * NEW.mean[c] for c in range(2)
    ]
    assert_close(running.mean, expected)


def test_eq_9(running):
    r"""\bar{\sigma}_c^2 \leftarrow (1 - \alpha) \, \bar{\sigma}_c^2
    + \alpha \, \frac{M}{M - 1} \, \sigma_c^2"""
    expected = [
        (1 - ALPHA) * OLD.var[c] + ALPHA * M / (M - 1) * NEW.var[c]
        for c in range(2)
    ]
    assert_close(running.var, expected)


def test_eq_10(x, gamma, beta, array):
    r"""y_{ic} = \gamma_c \,
    \frac{x_{ic} - \bar{\mu}_c}{\sqrt{\bar{\sigma}_c^2 + \epsilon}} + \beta_c"""
    mu, var = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    running = Moments(array(mu), array(var))
    y = batch_norm_inference(array(x), array(gamma), array(beta), running, EPS)
    x = values(x)
    expected = np.empty(x.shape)
    for i, c in np.ndindex(x.shape):
        ratio = (x[i, c] - mu[c]) / sqrt(var[c] + EPS)
        expected[i, c] = gamma[c] * ratio + beta[c]
    assert_close(values(y), expected)


# The same as everybody else's.


@pytest.mark.parametrize(
    "shape",
    [(2, C), (9, C), (1, C, 2), (4, C, 5), (2, C, 4, 3), (2, C, 1, 3, 2)],
)
def test_training_and_inference_of_torch(rng, shape, gamma, beta, array):
    x, mean, var = (
        rng.normal(2, 3, size=shape),
        np.full(C, 0.5),
        np.full(C, 2.0),
    )
    running = Moments(array(mean), array(var))
    weight, bias = torch.asarray(gamma), torch.asarray(beta)
    kept = torch.asarray(mean.copy()), torch.asarray(var.copy())
    _, count = axes_and_count(x)
    for momentum in (0.1, 0.3):
        expected = torchs_batch_norm(
            torch.asarray(x), *kept, weight, bias, True, momentum, EPS
        )
        y, batch = batch_norm(array(x), array(gamma), array(beta), EPS)
        running = update_running(running, batch, count, momentum)
        assert_close(y, expected)
    assert_close(running.mean, kept[0])
    assert_close(running.var, kept[1])
    expected = torchs_batch_norm(
        torch.asarray(x), *kept, weight, bias, False, 0.1, EPS
    )
    y = batch_norm_inference(array(x), array(gamma), array(beta), running, EPS)
    assert_close(y, expected)


def test_defaults_are_those_of_torch(rng, gamma, beta, array):
    x = rng.normal(1, 0.003, size=(6, C))  # so small that any eps shows
    mean, var = np.zeros(C), np.full(C, 1e-5)
    kept = torch.asarray(mean.copy()), torch.asarray(var.copy())
    affine = torch.asarray(gamma), torch.asarray(beta)
    y, batch = batch_norm(array(x), array(gamma), array(beta))
    expected = torchs_batch_norm(torch.asarray(x), *kept, *affine, True)
    assert_close(y, expected)
    assert_close(
        normalize(array(x), batch),
        torchs_batch_norm(torch.asarray(x), None, None, training=True),
    )
    running = update_running(Moments(array(mean), array(var)), batch, 6)
    assert_close(running.mean, kept[0])
    assert_close(running.var, kept[1])
    y = batch_norm_inference(array(x), array(gamma), array(beta), running)
    assert_close(y, torchs_batch_norm(torch.asarray(x), *kept, *affine))
    dx, _, _ = batch_norm_backward(array(x), array(x), array(gamma))
    expected, _, _ = batch_norm_backward(x, x, gamma, eps=1e-5)
    assert_close(dx, expected)


def test_gradient_of_torch(x, dy, gamma, beta, array):
    leaves = [torch.asarray(a).requires_grad_() for a in (x, gamma, beta)]
    y = torchs_batch_norm(leaves[0], None, None, *leaves[1:], True, 0.1, EPS)
    expected = torch.autograd.grad(y, leaves, torch.asarray(dy))
    actual = batch_norm_backward(array(dy), array(x), array(gamma), EPS)
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e)


# The gradient.


def test_gradient(x, gamma, beta):
    assert_gradient(
        lambda x, gamma, beta: batch_norm(x, gamma, beta)[0],
        lambda dy, x, gamma, _: batch_norm_backward(dy, x, gamma),
        x,
        gamma,
        beta,
    )


# What the page promises, and what is refused.


def test_the_moments_asked_for_come_out(x, gamma, beta):
    y, _ = batch_norm(x, gamma, beta, eps=1e-12)
    assert_close(values(y).mean(0), beta)
    assert_close(values(y).std(0), np.abs(gamma))


def test_gamma_sigma_and_beta_mu_give_the_input_back(x, array):
    mean, var = moments(array(x))
    y, _ = batch_norm(array(x), (var + EPS) ** 0.5, mean, EPS)
    assert_close(y, x)


def test_scale_and_shift_of_the_input_do_not_matter(x, gamma, beta):
    y, _ = batch_norm(x, gamma, beta, eps=1e-12)
    assert_close(batch_norm(7 * x + 11, gamma, beta, eps=1e-12)[0], y)


def test_no_step_shifts_or_stretches_a_channel(x, dy, gamma):
    dx, _, _ = batch_norm_backward(dy, x, gamma, eps=1e-12)
    assert_close(values(dx).sum(0), np.zeros(C))
    assert_close((values(x) * values(dx)).sum(0), np.zeros(C), atol=1e-10)


@given(
    arrays(
        np.float64,
        array_shapes(min_dims=2, max_dims=4, max_side=4).filter(
            lambda s: s[0] * np.prod(s[2:]) > 1
        ),
        elements=st.floats(-1e6, 1e6),
    )
)
def test_every_batch_is_centred_and_bounded(x):
    axes, count = axes_and_count(x)
    x_hat = normalize(x, moments(x))
    assert_close(x_hat.mean(axes), np.zeros(x.shape[1]), atol=1e-6)
    assert np.all(x_hat.var(axes) < 1 + 1e-9)
    assert np.all(np.abs(x_hat) <= sqrt(count - 1) * (1 + 1e-9))


def test_the_order_of_the_examples_does_not_matter(rng, x, gamma, beta):
    order = rng.permutation(len(x))
    y, _ = batch_norm(x, gamma, beta)
    assert_close(batch_norm(x[order], gamma, beta)[0], y[order])


def test_inference_takes_each_example_by_itself(x, gamma, beta):
    running = Moments(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    y = batch_norm_inference(x, gamma, beta, running)
    alone = batch_norm_inference(x[:1], gamma, beta, running)
    assert_close(alone, y[:1])
    nobody = batch_norm_inference(x[:0], gamma, beta, running)
    assert nobody.shape == x[:0].shape


def test_float32_stays_float32(x, dy, gamma, beta):
    assert_float32(moments, x)
    assert_float32(batch_norm, x, gamma, beta)
    assert_float32(batch_norm_backward, dy, x, gamma)
    assert_float32(
        lambda x, gamma, beta: batch_norm_inference(
            x, gamma, beta, update_running(moments(x), moments(x), 10)
        ),
        x,
        gamma,
        beta,
    )


@pytest.mark.usefixtures("unchecked")
def test_numpy_scalars_leave_float32_alone(x, dy, gamma, beta):
    eps, momentum, count = np.float64(1e-5), np.float64(0.1), np.int64(5)
    x, dy, gamma, beta = map(np.float32, (x, dy, gamma, beta))
    y, batch = batch_norm(x, gamma, beta, eps)
    running = update_running(batch, batch, count, momentum)
    results = [
        y,
        normalize(x, batch, eps),
        batch_norm_inference(x, gamma, beta, running, eps),
        *batch_norm_backward(dy, x, gamma, eps),
        *running,
    ]
    assert [a.dtype for a in results] == [np.float32] * len(results)


def test_a_million_float32_rows_cost_no_precision(rng, array):
    """A plain sum of them, which NumPy takes, misses the mean by 8."""
    x = rng.normal(1000, 1, size=(10**6, 2)).astype(np.float32)
    mean, var = moments(array(x))
    assert_close(mean, x.mean(0, dtype=np.float64), rtol=1e-5)
    assert_close(var, x.var(0, dtype=np.float64), rtol=1e-3)


def test_a_large_mean_costs_no_precision(rng, array):
    x = (rng.normal(size=(512, C)) + 1e4).astype(np.float32)
    expected = x.astype(np.float64).var(0)
    assert_close(moments(array(x)).var, expected, rtol=1e-4)
    naive = np.mean(x**2, axis=0) - np.mean(x, axis=0) ** 2
    assert np.all(np.abs(naive - expected) > 0.1)


def test_a_constant_channel_comes_out_as_beta(beta, array):
    x = array(np.full((4, C), 7.0))
    y, _ = batch_norm(x, array(np.ones(C)), array(beta))
    assert_close(y, np.tile(beta, (4, 1)))
    dx, _, _ = batch_norm_backward(x, x, array(np.ones(C)))
    assert_close(dx, np.zeros((4, C)))


def test_memory_layout_does_not_matter(rng, gamma, beta):
    x = rng.normal(size=(2, 4, 5, C)).transpose(0, 3, 1, 2)
    y, _ = batch_norm(x, gamma, beta)
    assert_close(y, batch_norm(np.ascontiguousarray(x), gamma, beta)[0])


def test_one_channel_and_no_channel(array):
    x = array(np.array([[1.0], [3.0]]))
    one = array(np.ones(1))
    assert_close(batch_norm(x, one, one, 1e-12)[0], [[0.0], [2.0]])
    none = array(np.ones(0))
    y, _ = batch_norm(array(np.ones((2, 0, 3))), none, none)
    assert tuple(y.shape) == (2, 0, 3)


@pytest.mark.parametrize("shape", [(1, C), (0, C), (1, C, 1, 1), (2, C, 0)])
def test_a_channel_of_one_value_is_refused(shape, array):
    message = rf"a channel needs 2 values, got x of shape \({shape[0]}, 3"
    x, v = array(np.ones(shape)), array(np.ones(C))
    with pytest.raises(ValueError, match=message):
        moments(x)
    with pytest.raises(ValueError, match=message):
        batch_norm(x, v, v)
    with pytest.raises(ValueError, match=message):
        batch_norm_backward(x, x, v)


@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes_that_would_broadcast_are_refused(array):
    x, one, v = array(np.ones((4, C))), array(np.ones(1)), array(np.ones(C))
    message = (
        r"one value per channel is needed, got \(1,\) for x of .* \(4, 3\)"
    )
    with pytest.raises(ValueError, match=message):
        per_channel(one, x)
    with pytest.raises(ValueError, match=message):
        batch_norm(x, one, v)
    with pytest.raises(ValueError, match=message):
        batch_norm(x, v, one)
    with pytest.raises(ValueError, match=message):
        batch_norm_backward(x, x, one)
    with pytest.raises(ValueError, match=message):
        batch_norm_inference(x, v, v, Moments(one, v))
    with pytest.raises(ValueError, match=message):
        batch_norm_inference(x, v, v, Moments(v, one))
    with pytest.raises(ValueError, match="got x of shape"):
        moments(v)
    with pytest.raises(ValueError, match=r"same shape, got \(1, 3\) and"):
        batch_norm_backward(x[:1, :], x, v)


@pytest.mark.usefixtures("unchecked")
def test_running_moments_of_another_shape_are_refused(array):
    one, three = array(np.ones(1)), array(np.ones(C))
    full = Moments(three, three)
    for short in (Moments(one, one), Moments(one, three), Moments(three, one)):
        with pytest.raises(ValueError, match=r"the same shape, got .*\(1,\)"):
            update_running(short, full, 4)
        with pytest.raises(ValueError, match=r"the same shape, got .*\(1,\)"):
            update_running(full, short, 4)


@pytest.mark.parametrize("eps", [0.0, -1e-5, np.nan])
def test_eps_that_is_not_positive_is_refused(eps, array):
    x, v = array(np.ones((4, C))), array(np.ones(C))
    message = f"eps must be positive in .*float64, got {eps}"
    with pytest.raises(ValueError, match=message):
        normalize(x, Moments(v, v), eps)
    with pytest.raises(ValueError, match=message):
        batch_norm(x, v, v, eps)
    with pytest.raises(ValueError, match=message):
        batch_norm_backward(x, x, v, eps)
    with pytest.raises(ValueError, match=message):
        batch_norm_inference(x, v, v, Moments(v, v), eps)


def test_eps_that_is_0_in_float32_is_refused(array):
    x, v = np.full((4, C), 7.0), np.ones(C)
    y, _ = batch_norm(array(x), array(v), array(v), eps=1e-50)
    assert_close(y, np.ones((4, C)))
    x, v = np.float32(x), np.float32(v)
    with pytest.raises(ValueError, match=r"positive in .*float32, got 1e-50"):
        batch_norm(array(x), array(v), array(v), eps=1e-50)


def test_momentum_0_keeps_and_momentum_1_forgets(array):
    old, new = (Moments(array(m.mean), array(m.var)) for m in (OLD, NEW))
    kept = update_running(old, new, count=2, momentum=0.0)
    assert_close(kept.mean, OLD.mean)
    assert_close(kept.var, OLD.var)
    forgot = update_running(old, new, count=2, momentum=1.0)
    assert_close(forgot.mean, NEW.mean)
    assert_close(forgot.var, 2 * NEW.var)


@pytest.mark.parametrize("momentum", [-0.1, 1.5, np.nan])
def test_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(ValueError, match=rf"in \[0, 1\], got {momentum}"):
        update_running(OLD, NEW, 4, momentum)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("count", [1, 0, -3, np.inf, np.nan])
def test_count_out_of_range_is_refused(count):
    with pytest.raises(
        ValueError, match=rf"count must be in \[2, inf\), got {count}"
    ):
        update_running(OLD, NEW, count)


def test_training_is_as_the_page_says():
    """Mean accuracy by normalization, gain and learning rate."""
    path = ROOT / "experiments/training/batch_norm.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    assert numbers["gains"] == [0.5, 1, 2]
    assert numbers["rates"] == [0.01, 0.03, 0.1, 0.3, 1, 3]
    plain, normalized = np.mean(numbers["accuracy"], axis=-1).round(2)
    assert np.shape(numbers["accuracy"])[-1] == 5
    assert np.all(plain[0] <= 0.1)
    assert np.all(plain[:, 4:] <= 0.11)
    assert plain.max() == 0.86 == plain[2, 2]
    assert plain[1, [0, 2]].tolist() == [0.49, 0.84]
    assert plain[2, 0] == 0.67
    assert normalized.max(axis=1).tolist() == [0.92, 0.92, 0.92]
    assert normalized[0, [0, 4]].tolist() == [0.92, 0.39]
    assert normalized[1, 1:3].tolist() == [0.92, 0.92]
    assert normalized[2, [0, 2, 4]].tolist() == [0.63, 0.92, 0.84]
    assert np.all(normalized[:, 5] < 0.3)
