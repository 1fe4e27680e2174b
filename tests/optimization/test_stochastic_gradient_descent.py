from itertools import combinations, product
from math import ceil, inf, nan

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import BatchSampler

from reference.optimization.stochastic_gradient_descent import (
    gradient_noise,
    minibatches,
    sgd_step,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D, LR, DECAY = 5, 3, 0.15, 0.4


@pytest.fixture
def theta(rng):
    return rng.normal(size=D)


@pytest.fixture
def g(rng):
    """Return a gradient for each of N examples."""
    return rng.normal(size=(N, D)) + 2


def spread(g):
    """Return the mean squared distance of the rows from their mean."""
    n, d = g.shape
    full = [sum(g[i, j] for i in range(n)) / n for j in range(d)]
    return sum((g[i, j] - full[j]) ** 2 for i in range(n) for j in range(d)) / n


def listed_noise(g, draws):
    """Return the mean squared distance of all listed batches, one by one."""
    full = np.mean(g, axis=0)
    far = [np.sum((np.mean(g[list(s)], axis=0) - full) ** 2) for s in draws]
    return np.asarray(np.mean(far))


# The page's equations, each written out index by index below its LaTeX.


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 9])
def test_eq_1(size, rng, array):
    r"""S_k = \{ o_n : (k - 1) B < n \le k B, \; n \le N \}"""
    order, n = rng.permutation(7), 7
    expected = [
        [
            order[i - 1]
            for i in range(1, n + 1)
            if (k - 1) * size < i <= k * size
        ]
        for k in range(1, ceil(n / size) + 1)
    ]
    found = minibatches(array(order), size)
    assert len(found) == len(expected)
    for batch, desired in zip(found, expected, strict=True):
        assert_close(batch, desired, rtol=0, atol=0)


def test_eq_2(theta, g, array):
    r"""\theta_t = \theta_{t-1} - \eta \, (g_t + \lambda \, \theta_{t-1})"""
    for decay in (0.0, DECAY):
        expected = [
            theta[d] - LR * (g[0, d] + decay * theta[d]) for d in range(D)
        ]
        found = sgd_step(array(theta), array(g[0]), LR, decay)
        assert_close(found, expected)


def test_eq_3(g, array):
    r"""\sigma^2 = \frac{1}{N} \sum_{n=1}^{N} \lVert g_n - \bar{g} \rVert^2"""
    assert_close(gradient_noise(array(g)), np.asarray(spread(g)))


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_eq_4(size, g, array):
    r"""\E \lVert g_S - \bar{g} \rVert^2 = \frac{\sigma^2}{B}"""
    found = gradient_noise(array(g), size, replacement=True)
    assert_close(found, np.asarray(spread(g) / size))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_eq_5(size, g, array):
    r"""\E \lVert g_S - \bar{g} \rVert^2
    = \frac{\sigma^2}{B} \cdot \frac{N - B}{N - 1}"""
    expected = spread(g) / size * (N - size) / (N - 1)
    assert_close(gradient_noise(array(g), size), np.asarray(expected))


# The same as everybody else's: torch.optim, torch.utils.data, every batch
# there is.


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_noise_is_that_of_all_batches_there_are(size, g, array):
    found = gradient_noise(array(g), size)
    assert_close(found, listed_noise(g, combinations(range(N), size)))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_noise_with_replacement_is_that_of_all_draws(size, g, array):
    found = gradient_noise(array(g), size, replacement=True)
    assert_close(found, listed_noise(g, product(range(N), repeat=size)))


def test_spread_is_the_trace_of_the_covariance(g, array):
    expected = np.trace(np.cov(g.T, bias=True))
    assert_close(gradient_noise(array(g)), np.asarray(expected))


@pytest.mark.parametrize("size", [1, 3, 4, 10, 12])
def test_batches_of_pytorch(size, rng, array):
    order = rng.permutation(10)
    expected = list(BatchSampler(order.tolist(), size, drop_last=False))
    found = minibatches(array(order), size)
    assert [to_numpy(batch).tolist() for batch in found] == expected


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_hundred_steps_of_torch_sgd_on_minibatches(decay, rng, array):
    x, y = rng.normal(size=(10, D)), rng.normal(size=10)
    start = rng.normal(size=D)
    order = np.concatenate([rng.permutation(10) for _ in range(34)])
    leaf = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.SGD([leaf], lr=0.1, weight_decay=decay)
    ours, steps = array(start), 0
    for epoch in order.reshape(34, 10):
        for s in minibatches(array(epoch), 4):
            rows = torch.asarray(to_numpy(s))
            optimizer.zero_grad()
            miss = torch.asarray(x)[rows] @ leaf - torch.asarray(y)[rows]
            torch.mean(miss**2).backward()
            optimizer.step()
            a, b = array(x[to_numpy(s)]), array(y[to_numpy(s)])
            gradient = 2 / s.shape[0] * (a.mT @ (a @ ours - b))
            ours = sgd_step(ours, gradient, 0.1, decay)
            assert_close(ours, leaf, rtol=1e-12, atol=1e-12)
            steps += 1
    assert steps == 102


def test_without_an_option_no_weight_decays(theta, g, array):
    leaf = torch.tensor(theta, requires_grad=True)
    leaf.grad = torch.tensor(g[0])
    torch.optim.SGD([leaf], lr=LR).step()
    assert_close(sgd_step(array(theta), array(g[0]), LR), leaf)


# Gradients: of a step, and of the noise with respect to every gradient.


def test_gradient_of_a_step(theta, g):
    assert_gradient(
        lambda t, g: sgd_step(t, g, LR, DECAY),
        lambda dy, *_: ((1 - LR * DECAY) * dy, -LR * dy),
        theta,
        g[0],
    )


@pytest.mark.parametrize("replacement", [False, True])
def test_gradient_of_the_noise(replacement, g):
    share = 1 / 2 if replacement else 3 / 8
    assert_gradient(
        lambda g: gradient_noise(g, 2, replacement),
        lambda dy, g: dy * share * 2 / N * (g - torch.mean(g, dim=0)),
        g,
    )


# What the page promises, and what is refused.


@settings(max_examples=25)
@given(st.integers(1, 12), st.integers(1, 15), st.integers(0, 99))
def test_an_epoch_uses_every_example_once(n, size, seed):
    rng = np.random.default_rng(seed)
    order, g = rng.permutation(n), rng.normal(size=n)
    found = minibatches(order, size)
    lengths = [len(s) for s in found]
    assert lengths[:-1] == [size] * (ceil(n / size) - 1)
    assert 1 <= lengths[-1] <= size
    assert_close(np.concatenate(found), order, rtol=0, atol=0)
    weighted = sum(len(s) * np.mean(g[s]) for s in found) / n
    assert_close(weighted, np.mean(g))


@settings(max_examples=25)
@given(st.integers(2, 9), st.integers(0, 99))
def test_noise_falls_with_the_batch_to_nothing(n, seed):
    g = np.random.default_rng(seed).normal(size=(n, 2))
    noise = [float(gradient_noise(g, b)) for b in range(1, n + 1)]
    assert noise == sorted(noise, reverse=True)
    assert noise[-1] == 0
    for b in range(1, n + 1):
        loose = float(gradient_noise(g, b, replacement=True))
        assert loose * (1 + 1e-12) >= noise[b - 1]


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_parameters_may_have_any_shape(shape, rng, array):
    start, slope = rng.normal(size=shape), rng.normal(size=shape)
    found = sgd_step(array(start), array(slope), 0.5, 1.0)
    assert_close(found, start / 2 - slope / 2)
    many = rng.normal(size=(N, *shape))
    flat = many.reshape(N, -1)
    found = gradient_noise(array(many), 2)
    assert_close(found, np.asarray(spread(flat) * 3 / 8))


def test_one_example_has_no_noise(array):
    one = array(np.array([[2.0, 3.0]]))
    assert_close(gradient_noise(one), np.asarray(0.0))
    assert_close(gradient_noise(one, 3, replacement=True), np.asarray(0.0))


def test_float32_stays_float32(theta, g):
    lr, decay = np.float64(LR), np.float64(DECAY)
    assert_float32(lambda t, g: sgd_step(t, g, lr, decay), theta, g[0])
    assert_float32(gradient_noise, g)
    assert_float32(lambda g: gradient_noise(g, 2), g)
    assert_float32(lambda g: gradient_noise(g, 2, replacement=True), g)


def test_hyperparameters_may_be_arrays(theta, g, array):
    expected = sgd_step(theta, g[0], LR, DECAY)
    for kind in (np.float64, np.asarray, array):
        lr, decay = kind(np.asarray(LR)), kind(np.asarray(DECAY))
        found = sgd_step(array(theta), array(g[0]), lr, decay)
        assert_close(found, expected)


def test_rate_and_decay_may_be_above_1(theta, g, array):
    found = sgd_step(array(theta), array(g[0]), 2.5, 3.0)
    assert_close(found, theta - 2.5 * (g[0] + 3 * theta))


def test_nan_and_inf_stay_visible(array):
    start, slope = array(np.ones(3)), array(np.array([nan, inf, 2.0]))
    assert_close(sgd_step(start, slope, 0.25), [nan, -inf, 0.5])
    assert np.isnan(to_numpy(gradient_noise(slope[:2, None])))


def test_a_large_common_gradient_is_no_noise(rng, array):
    """A difference of mean squares would lose all digits."""
    g = rng.normal(size=(50, 2))
    expected = np.asarray(spread(g))
    assert_close(gradient_noise(array(g + 1e7)), expected, rtol=1e-6)
    g = np.float32(rng.normal(size=(100_000, 2)) + 1e4)
    exact = np.asarray(np.var(np.float64(g), axis=0).sum())
    assert_close(gradient_noise(array(g)), exact, rtol=1e-4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_huge_and_tiny_gradients(scale, g, theta, array):
    found = gradient_noise(array(scale * g), 2)
    assert_close(to_numpy(found) / scale / scale, np.asarray(spread(g) * 3 / 8))
    found = sgd_step(array(scale * theta), array(scale * g[0]), LR, DECAY)
    assert_close(to_numpy(found) / scale, sgd_step(theta, g[0], LR, DECAY))


def test_arguments_stay_as_they_are(theta, g, rng, array):
    order = rng.permutation(N)
    given = [array(a.copy()) for a in (theta, g[0], g, order)]
    sgd_step(given[0], given[1], LR, DECAY)
    gradient_noise(given[2], 2)
    minibatches(given[3], 2)
    for a, b in zip(given, (theta, g[0], g, order), strict=True):
        assert_close(a, b, rtol=0, atol=0)


def test_batches_stay_when_the_order_is_shuffled_again(array):
    order = array(np.arange(4))
    found = minibatches(order, 3)
    order[0] = 3
    assert_close(found[0], [0, 1, 2], rtol=0, atol=0)


@pytest.mark.parametrize("lr", [0.0, -0.1, nan, inf, -inf, True])
@pytest.mark.usefixtures("unchecked")
def test_learning_rates_out_of_range_are_refused(lr):
    with pytest.raises(ValueError, match=f"needs 0 < lr < inf, got {lr}"):
        sgd_step(np.ones(2), np.ones(2), lr)


@pytest.mark.parametrize("decay", [-0.1, nan, inf, -inf, True, False])
@pytest.mark.usefixtures("unchecked")
def test_weight_decays_out_of_range_are_refused(decay):
    message = f"needs 0 <= weight_decay < inf, got {decay}"
    with pytest.raises(ValueError, match=message):
        sgd_step(np.ones(2), np.ones(2), 0.1, decay)


@pytest.mark.parametrize(
    "size",
    [0, -1, 2.0, 1.5, nan, True, None, np.asarray(2.5), torch.tensor(nan)],
)
@pytest.mark.usefixtures("unchecked")
def test_other_sizes_are_refused(size):
    message = f"a size that is an integer >= 1, got {size}"
    with pytest.raises(ValueError, match=message):
        minibatches(np.arange(3), size)
    with pytest.raises(ValueError, match=message):
        gradient_noise(np.ones((3, 1)), size)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("size", [np.int64(2), np.uint8(2), np.asarray(2)])
def test_sizes_may_be_numpy_integers(size):
    """300 does not fit into 8 bits."""
    assert len(minibatches(np.arange(300), size)) == 150
    for replacement in (False, True):
        g = np.ones((300, 1), np.float32)
        assert gradient_noise(g, size, replacement).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.usefixtures("unchecked")
def test_an_order_keeps_its_dtype(dtype, array):
    found = minibatches(array(np.arange(3).astype(dtype)), 2)
    assert [to_numpy(s).dtype for s in found] == [dtype, dtype]
    assert [to_numpy(s).tolist() for s in found] == [[0, 1], [2]]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "order",
    [
        np.ones(3),
        np.ones(3, np.bool_),
        np.ones((2, 2), np.int64),
        np.asarray(1),
        np.ones(0, np.int64),
    ],
)
def test_other_than_a_vector_of_integers_is_refused(order, array):
    message = "a vector of integers, at least one, got shape"
    with pytest.raises(ValueError, match=message):
        minibatches(array(order), 1)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), ()])
@pytest.mark.usefixtures("unchecked")
def test_a_gradient_of_another_shape_is_refused(shape, array):
    """Most of these would broadcast."""
    with pytest.raises(ValueError, match=r"the shape \(2,\) and the dtype"):
        sgd_step(array(np.ones(2)), array(np.ones(shape)), 0.1)


@pytest.mark.usefixtures("unchecked")
def test_a_gradient_of_another_dtype_is_refused(array):
    for start, g in (
        (np.ones(2, np.float32), np.ones(2)),
        (np.ones(2), np.ones(2, np.int64)),
    ):
        with pytest.raises(ValueError, match="of its parameters, got"):
            sgd_step(array(start), array(g), 0.1)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
@pytest.mark.usefixtures("unchecked")
def test_other_than_real_floating_numbers_are_refused(dtype, array):
    ones = array(np.ones((2, 2), dtype))
    with pytest.raises(ValueError, match="real floating-point numbers, got"):
        sgd_step(ones, ones, 0.1)
    with pytest.raises(ValueError, match="real floating-point numbers, got"):
        gradient_noise(ones)


@pytest.mark.parametrize("shape", [(), (0,), (0, 2)])
@pytest.mark.usefixtures("unchecked")
def test_no_noise_without_examples(shape, array):
    with pytest.raises(ValueError, match="per example, got shape"):
        gradient_noise(array(np.ones(shape)))


def test_no_batch_above_all_without_replacement(array):
    g = array(np.ones((3, 1)))
    with pytest.raises(ValueError, match="a size <= 3, got 4"):
        gradient_noise(g, 4)
    assert_close(gradient_noise(g, 3), np.asarray(0.0))
