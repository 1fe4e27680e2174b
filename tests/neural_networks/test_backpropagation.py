from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from reference.foundations.chain_rule import numerical_gradient
from reference.neural_networks.backpropagation import (
    Cache,
    backward,
    forward,
    loss_and_gradients,
)
from reference.neural_networks.multilayer_perceptron import (
    Dense,
    multilayer_perceptron,
)
from reference.regression.least_squares import least_squares, with_intercept
from tests.checks import assert_close, assert_float32, assert_gradient

N, WIDTHS = 6, (3, 5, 4, 2)
M = len(WIDTHS) - 1


def network(rng, widths=WIDTHS):
    """Return layers with random weights and biases."""
    return [
        Dense(rng.normal(size=(d, k)), rng.normal(size=k))
        for d, k in pairwise(widths)
    ]


@pytest.fixture
def layers(rng):
    return network(rng)


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, WIDTHS[0]))


@pytest.fixture
def y(rng):
    return rng.normal(size=(N, WIDTHS[-1]))


@pytest.fixture
def dy(rng):
    return rng.normal(size=(N, WIDTHS[-1]))


def on(array, layers):
    """Return the layers with their arrays on another library."""
    return [Dense(array(w), array(b)) for w, b in layers]


def flat(layers):
    """Return weights and biases in one tuple: w1, b1, w2, b2 …"""
    return tuple(a for layer in layers for a in layer)


def paired(arrays):
    """Return layers made of w1, b1, w2, b2 …"""
    return [Dense(w, b) for w, b in zip(arrays[::2], arrays[1::2], strict=True)]


def assert_gradients(actual, dx, layers):
    """Raise unless these are the gradients, to 12 digits."""
    assert_close(actual.dx, dx, rtol=1e-12)
    for a, b in zip(flat(actual.layers), flat(layers), strict=True):
        assert_close(a, b, rtol=1e-12)


def by_loops(x, layers):
    """Return z and h of every layer, index by index; h[0] is x."""
    z, h = [None], [x]
    for w, b in layers:
        z.append(np.zeros((len(x), len(b))))
        for n, k in np.ndindex(z[-1].shape):
            z[-1][n, k] = b[k]
            for d in range(w.shape[0]):
                z[-1][n, k] += h[-1][n, d] * w[d, k]
        h.append(np.array([[max(0.0, v) for v in row] for row in z[-1]]))
    return z, h


def deltas(x, layers, dy):
    """Return delta of every layer, index by index."""
    z, _ = by_loops(x, layers)
    delta = [None] * M + [dy]
    for m in range(M - 1, 0, -1):
        w = layers[m].w
        delta[m] = np.zeros(z[m].shape)
        for n, k in np.ndindex(z[m].shape):
            for j in range(w.shape[1]):
                if z[m][n, k] > 0:
                    delta[m][n, k] += delta[m + 1][n, j] * w[k, j]
    return delta


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, layers, array):
    r"""
    z^{(m)}_{nk} = \sum_{d=1}^{D_{m-1}} h^{(m-1)}_{nd} w^{(m)}_{dk} + b^{(m)}_k
    """
    z, _ = by_loops(x, layers)
    for m in range(1, M + 1):
        y_hat, _ = forward(array(x), on(array, layers[:m]))
        assert_close(y_hat, z[m])


def test_eq_2(x, layers, array):
    r"""h^{(0)}_{nk} = x_{nk} , \qquad h^{(m)}_{nk} = \max(0, z^{(m)}_{nk})"""
    _, h = by_loops(x, layers)
    _, cache = forward(array(x), on(array, layers))
    assert len(cache.inputs) == M
    for m in range(M):
        assert_close(cache.inputs[m], h[m])


def test_eq_3(x, y, layers, array):
    r"""
    L = \frac{1}{NK} \sum_{n=1}^{N} \sum_{k=1}^{K}
    \bigl( \hat{y}_{nk} - y_{nk} \bigr)^2
    """
    y_hat = by_loops(x, layers)[0][M]
    total = 0.0
    for n, k in np.ndindex(y.shape):
        total += (y_hat[n, k] - y[n, k]) ** 2
    loss, _ = loss_and_gradients(array(x), array(y), on(array, layers))
    assert_close(loss, np.array(total / (N * WIDTHS[-1])))


def test_eq_4(x, y, layers, array):
    r"""
    \delta^{(M)}_{nk} = \frac{\partial L}{\partial \hat{y}_{nk}}
    = \frac{2}{NK} \bigl( \hat{y}_{nk} - y_{nk} \bigr)
    """
    y_hat = by_loops(x, layers)[0][M]
    delta = np.zeros(y.shape)
    for n, k in np.ndindex(y.shape):
        delta[n, k] = 2 / (N * WIDTHS[-1]) * (y_hat[n, k] - y[n, k])
    _, gradients = loss_and_gradients(array(x), array(y), on(array, layers))
    # The bias of the last layer gets the sum of delta over the examples.
    sums = [sum(delta[n, k] for n in range(N)) for k in range(WIDTHS[-1])]
    assert_close(gradients.layers[-1].b, sums)


def test_eq_5(x, layers, dy, array):
    r"""
    \begin{aligned}
    \frac{\partial L}{\partial w^{(m)}_{dk}}
    &= \sum_{n=1}^{N} h^{(m-1)}_{nd} \, \delta^{(m)}_{nk} \\[6pt]
    \frac{\partial L}{\partial b^{(m)}_k}
    &= \sum_{n=1}^{N} \delta^{(m)}_{nk} \\[6pt]
    \frac{\partial L}{\partial h^{(m-1)}_{nd}}
    &= \sum_{k=1}^{D_m} \delta^{(m)}_{nk} \, w^{(m)}_{dk}
    \end{aligned}
    """
    _, h = by_loops(x, layers)
    delta = deltas(x, layers, dy)
    _, cache = forward(array(x), on(array, layers))
    gradients = backward(array(dy), cache)
    for m in range(1, M + 1):
        dw, db = np.zeros(layers[m - 1].w.shape), np.zeros(WIDTHS[m])
        for n in range(N):
            for k in range(WIDTHS[m]):
                db[k] += delta[m][n, k]
                for d in range(WIDTHS[m - 1]):
                    dw[d, k] += h[m - 1][n, d] * delta[m][n, k]
        assert_close(gradients.layers[m - 1].w, dw)
        assert_close(gradients.layers[m - 1].b, db)
    dx = np.zeros(x.shape)
    for n, d in np.ndindex(x.shape):
        for k in range(WIDTHS[1]):
            dx[n, d] += delta[1][n, k] * layers[0].w[d, k]
    assert_close(gradients.dx, dx)


def test_eq_6(array):
    r"""
    \delta^{(m)}_{nk} = \frac{\partial L}{\partial h^{(m)}_{nk}}
    \bigl[ z^{(m)}_{nk} > 0 \bigr]
    """
    # Weights 1 hand the gradient on, so dx is delta of the hidden layer.
    z, dh = np.array([-2.0, -1e-9, 0.0, 1e-9, 2.0]), 3.0
    same = on(array, [Dense(np.eye(1), np.zeros(1))] * 2)
    _, cache = forward(array(z[:, None]), same)
    dx = backward(array(np.full((5, 1), dh)), cache).dx
    assert_close(dx[:, 0], [dh * (v > 0) for v in z])


# The same as everybody else's.


def sequential(layers):
    """Return PyTorch's network with these weights."""
    stack = []
    for w, b in layers:
        linear = nn.Linear(*w.shape, dtype=torch.float64)
        linear.weight.data = torch.tensor(w.T)
        linear.bias.data = torch.tensor(b)
        stack += [linear, nn.ReLU()]
    return nn.Sequential(*stack[:-1])


def sequential_gradients(net, x):
    """Return the gradients that autograd has left in x and in the network."""
    linears = [m for m in net if isinstance(m, nn.Linear)]
    return x.grad, [Dense(m.weight.grad.T, m.bias.grad) for m in linears]


def test_sequential_of_torch(x, layers, dy, array):
    net, leaf = sequential(layers), torch.tensor(x, requires_grad=True)
    expected = net(leaf)
    expected.backward(torch.tensor(dy))
    y_hat, cache = forward(array(x), on(array, layers))
    assert_close(y_hat, expected, rtol=1e-12)
    gradients = backward(array(dy), cache)
    assert_gradients(gradients, *sequential_gradients(net, leaf))


@pytest.mark.parametrize("widths", [(3, 2), (2, 2, 1), (4, 7, 5, 3, 2)])
def test_mse_loss_of_torch(widths, rng, array):
    layers = network(rng, widths)
    x = rng.normal(size=(N, widths[0]))
    y = rng.normal(size=(N, widths[-1]))
    net, leaf = sequential(layers), torch.tensor(x, requires_grad=True)
    expected = nn.functional.mse_loss(net(leaf), torch.tensor(y))
    expected.backward()
    loss, gradients = loss_and_gradients(array(x), array(y), on(array, layers))
    assert_close(loss, expected, rtol=1e-12)
    assert_gradients(gradients, *sequential_gradients(net, leaf))


def test_output_is_that_of_the_multilayer_perceptron(x, layers, array):
    y_hat, _ = forward(array(x), on(array, layers))
    expected = multilayer_perceptron(array(x), on(array, layers))
    assert_close(y_hat, expected, rtol=0, atol=0)


# The gradients.


def test_gradient(x, layers):
    def output(x, *arrays):
        return forward(x, paired(arrays))[0]

    def gradients(dy, x, *arrays):
        dx, layers = backward(dy, forward(x, paired(arrays))[1])
        return dx, *flat(layers)

    assert_gradient(output, gradients, x, *flat(layers))


def test_central_differences_of_the_loss(x, y, layers):
    _, gradients = loss_and_gradients(x, y, layers)
    arrays = [x, *flat(layers)]
    found = [gradients.dx, *flat(gradients.layers)]
    for i, gradient in enumerate(found):

        def loss(a, i=i):
            x, *rest = [*arrays[:i], a, *arrays[i + 1 :]]
            return loss_and_gradients(x, y, paired(rest))[0]

        measured = numerical_gradient(loss, arrays[i])
        assert_close(gradient, measured, rtol=1e-7, atol=1e-8)


# What the page promises: the worked example, invariances, refused inputs.


FOLD = Dense(np.array([[1.0, -1.0], [1.0, 3.0]]), np.array([0.0, -1.0]))
READ = Dense(np.array([[2.0], [-1.0]]), np.array([3.0]))


def test_worked_example(array):
    x, y = np.array([[1.0, 2.0]]), np.array([[4.0]])
    two = on(array, [FOLD, READ])
    loss, gradients = loss_and_gradients(array(x), array(y), two)
    assert_close(loss, np.array(1.0))
    assert_gradients(
        gradients,
        [[6.0, -2.0]],
        [
            Dense([[4.0, -2.0], [8.0, -4.0]], [4.0, -2.0]),
            Dense([[6.0], [8.0]], [2.0]),
        ],
    )


def test_a_network_of_one_layer_has_the_gradient_of_a_line(rng, array):
    """With x_i, and with the minus of y - w x - b."""
    x, y = rng.normal(2, 1, size=N), rng.normal(size=N)
    w, b = 0.5, -1.0
    dw = -2 / N * sum((y[n] - w * x[n] - b) * x[n] for n in range(N))
    db = -2 / N * sum(y[n] - w * x[n] - b for n in range(N))
    line = Dense(np.array([[w]]), np.array([b]))
    _, gradients = loss_and_gradients(
        array(x[:, None]), array(y[:, None]), on(array, [line])
    )
    assert_close(gradients.layers[0].w, [[dw]])
    assert_close(gradients.layers[0].b, [db])


def test_descent_goes_down_and_the_wrong_formula_climbs():
    x, y = np.array([[1.0], [2.0], [3.0]]), np.array([[3.0], [5.0], [7.0]])

    def descent(wrong):
        w, b, losses = np.array([[1.0]]), np.array([1.0]), []
        for _ in range(10):
            loss, found = loss_and_gradients(x, y, [Dense(w, b)])
            dw, db = found.layers[0]
            dw = 2 * np.mean(y - x * w - b, keepdims=True) if wrong else dw
            w, b = w - 0.1 * dw, b - 0.1 * db
            losses.append(float(loss))
        return np.diff(losses)

    assert np.all(descent(wrong=False) < 0)
    assert np.all(descent(wrong=True) > 0)


def test_gradients_are_zero_at_the_closed_form_of_a_linear_network(rng):
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    beta = least_squares(with_intercept(x), y)
    best = Dense(beta[1:, None], beta[:1])
    _, gradients = loss_and_gradients(x, y[:, None], [best])
    assert_close(gradients.layers[0].w, np.zeros((3, 1)), atol=1e-12)
    assert_close(gradients.layers[0].b, np.zeros(1), atol=1e-12)


def test_no_argument_changes(x, y, layers):
    before = [a.copy() for a in (x, y, *flat(layers))]
    loss_and_gradients(x, y, layers)
    for a, b in zip((x, y, *flat(layers)), before, strict=True):
        assert_close(a, b, rtol=0, atol=0)


def test_the_cache_outlives_the_list_of_layers(x, dy, layers):
    given_layers = list(layers)
    _, cache = forward(x, given_layers)
    expected = backward(dy, cache)
    given_layers.pop()
    assert_gradients(backward(dy, cache), *expected)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 4))
def test_gradients_of_a_hidden_unit_balance(seed, width, depth):
    """What enters it, parameter times gradient, is what leaves it."""
    rng = np.random.default_rng(seed)
    layers = network(rng, [2, *[width] * depth, 1])
    _, cache = forward(rng.normal(size=(5, 2)), layers)
    found = backward(rng.normal(size=(5, 1)), cache).layers
    for (before, d_before), (after, d_after) in pairwise(
        zip(layers, found, strict=True)
    ):
        enters = np.sum(before.w * d_before.w, axis=0) + before.b * d_before.b
        leaves = np.sum(after.w * d_after.w, axis=1)
        scale = np.sum(np.abs(before.w * d_before.w)) + np.sum(
            np.abs(after.w * d_after.w)
        )
        assert_close(enters, leaves, atol=1e-9 * (1 + scale))


def test_gradients_of_a_batch_are_the_mean_of_those_of_its_examples(
    x, y, layers
):
    _, batch = loss_and_gradients(x, y, layers)
    single = [
        flat(loss_and_gradients(x[n : n + 1], y[n : n + 1], layers)[1].layers)
        for n in range(N)
    ]
    for i, a in enumerate(flat(batch.layers)):
        assert_close(a, np.mean([one[i] for one in single], axis=0))


def test_the_cache_holds_the_arrays_themselves(x, dy, layers):
    _, cache = forward(x, layers)
    assert cache.inputs[0] is x
    assert cache.layers[0].w is layers[0].w
    results = (cache.layers, cache.inputs, backward(dy, cache).layers)
    assert [type(result) for result in results] == [tuple] * 3


def test_a_closed_gate_stops_what_is_not_finite():
    same = Dense(np.eye(1), np.zeros(1))
    _, cache = forward(np.array([[-2.0]]), [same, same])
    with np.errstate(invalid="ignore"):  # 0 times inf, in the last layer
        gradients = backward(np.array([[np.inf]]), cache)
    assert_close(gradients.dx, [[0.0]])
    assert_close(gradients.layers[0].w, [[0.0]])


def test_a_gate_hides_nothing_that_is_not_a_number():
    same = Dense(np.eye(1), np.zeros(1))
    _, cache = forward(np.array([[np.nan], [1.0]]), [same, same])
    dx = backward(np.array([[2.0], [3.0]]), cache).dx
    assert_close(dx, [[2.0], [3.0]])


def test_no_example_has_empty_gradients(layers, array):
    y_hat, cache = forward(array(np.zeros((0, 3))), on(array, layers))
    gradients = backward(y_hat, cache)
    zeros = [Dense(0 * w, 0 * b) for w, b in layers]
    assert_gradients(gradients, np.zeros((0, 3)), zeros)


def test_float32(x, y, dy, layers):
    def all_of_it(x, y, dy, *arrays):
        y_hat, cache = forward(x, paired(arrays))
        loss, ours = loss_and_gradients(x, y, paired(arrays))
        theirs = backward(dy, cache)
        return (
            y_hat,
            loss,
            ours.dx,
            *flat(ours.layers),
            theirs.dx,
            *flat(theirs.layers),
        )

    assert_float32(all_of_it, x, y, dy, *flat(layers))


def test_no_layer_is_refused(x):
    with pytest.raises(ValueError, match="needs 1 layer, got none"):
        forward(x, [])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N,), (N, 1), (1, 2), (N, 3), (N, 2, 1)])
def test_a_gradient_of_another_shape_is_refused(shape, x, layers, array):
    _, cache = forward(array(x), on(array, layers))
    message = r"affine_backward needs dy \(6, 2\), got \([\d, ]+\)"
    with pytest.raises(ValueError, match=message):
        backward(array(np.ones(shape)), cache)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N,), (N, 1), (1, 2), (N, 2, 1)])
def test_targets_of_another_shape_are_refused(shape, x, layers, array):
    message = r"predictions of shape \(6, 2\) and targets of shape \([\d, ]+\)"
    with pytest.raises(ValueError, match=message):
        loss_and_gradients(array(x), array(np.ones(shape)), on(array, layers))


@pytest.mark.usefixtures("unchecked")
def test_layers_that_do_not_fit_are_refused(x, layers, array):
    first, second, last = on(array, layers)
    message = r"x \(N, D\), w \(D, K\) and b \(K,\), got \(6, 5\), \(4, 2\)"
    with pytest.raises(ValueError, match=message):
        forward(array(x), [first, last, second])


@pytest.mark.usefixtures("unchecked")
def test_integers_are_refused(x, layers):
    with pytest.raises(ValueError, match="floating-point numbers, got int64"):
        forward(np.ones((N, 3), dtype=np.int64), layers)
    _, cache = forward(x, layers)
    with pytest.raises(ValueError, match="floating-point numbers, got int64"):
        backward(np.ones((N, 2), dtype=np.int64), cache)


def test_a_cache_with_an_input_missing_is_refused(x, dy, layers):
    _, cache = forward(x, layers)
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        backward(dy, Cache(cache.layers, cache.inputs[1:]))
