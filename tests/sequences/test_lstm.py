import json
from math import exp, tanh
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sequences.lstm import (
    _gates,
    lstm,
    lstm_backward,
    lstm_cell,
    lstm_cell_backward,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

ROOT = Path(__file__).parents[2]
N, T, D, H = 2, 4, 3, 2


@pytest.fixture
def inputs(rng):
    """Return x (N, T, D), h, c, w_x, w_h and b."""
    shapes = (N, T, D), (N, H), (N, H), (D, 4 * H), (H, 4 * H), (4 * H,)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.fixture
def one(inputs):
    """Return the inputs of the first step."""
    return [inputs[0][:, 0], *inputs[1:]]


@pytest.fixture
def upstream(rng):
    """Return dL/dh and dL/dc of every step."""
    return rng.normal(size=(2, N, T, H))


def sigmoid(z):
    return 1 / (1 + exp(-z))


def step_by_hand(x, h, c, w_x, w_h, b):
    """Return z, i, f, g, o, c and h of one step, number by number."""
    z = np.empty((N, 4 * H))
    i, f, g, o, c_new, h_new = np.empty((6, N, H))
    for n, k in np.ndindex(N, 4 * H):
        z[n, k] = b[k]
        z[n, k] += sum(x[n, d] * w_x[d, k] for d in range(D))
        z[n, k] += sum(h[n, m] * w_h[m, k] for m in range(H))
    for n, j in np.ndindex(N, H):
        i[n, j], f[n, j] = sigmoid(z[n, j]), sigmoid(z[n, H + j])
        g[n, j], o[n, j] = tanh(z[n, 2 * H + j]), sigmoid(z[n, 3 * H + j])
        c_new[n, j] = f[n, j] * c[n, j] + i[n, j] * g[n, j]
        h_new[n, j] = o[n, j] * tanh(c_new[n, j])
    return z, i, f, g, o, c_new, h_new


def total(one, upstream):
    """Return the gates, tanh(c) and dL/dc of the first step, all paths."""
    _, i, f, g, o, c, _ = step_by_hand(*one)
    dh, dc = upstream[:, :, 0]
    return i, f, g, o, np.tanh(c), dc + dh * o * (1 - np.tanh(c) ** 2)


def backward(one, upstream, array):
    """Return the hand-written gradients of the first step."""
    return lstm_cell_backward(*map(array, upstream[:, :, 0]), *map(array, one))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(one, array):
    r"""z_{tk} = \sum_{d=1}^{D} x_{td} w^x_{dk}
    + \sum_{m=1}^{H} h_{t-1,m} w^h_{mk} + b_k"""
    x, h, _, w_x, w_h, b = one
    z = np.empty((N, 4 * H))
    for n, k in np.ndindex(N, 4 * H):
        z[n, k] = sum(x[n, d] * w_x[d, k] for d in range(D))
        z[n, k] += sum(h[n, m] * w_h[m, k] for m in range(H)) + b[k]
    s = 1 / (1 + np.exp(-z))
    c = one[2] * s[:, H : 2 * H] + s[:, :H] * np.tanh(z[:, 2 * H : 3 * H])
    h_new, c_new = lstm_cell(*map(array, one))
    assert_close(c_new, c)
    assert_close(h_new, s[:, 3 * H :] * np.tanh(c))


def gate(number, function, rng, array):
    """Compare a gate with a function of its own H columns of z."""
    z = rng.normal(size=(N, 4 * H))
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        expected[n, j] = function(z[n, number * H + j])
    assert_close(_gates(array(z))[number], expected)


def test_eq_2(rng, array):
    r"""i_{tj} = \sigma(z_{tj})"""
    gate(0, sigmoid, rng, array)


def test_eq_3(rng, array):
    r"""f_{tj} = \sigma(z_{t,H+j})"""
    gate(1, sigmoid, rng, array)


def test_eq_4(rng, array):
    r"""g_{tj} = \tanh(z_{t,2H+j})"""
    gate(2, tanh, rng, array)


def test_eq_5(rng, array):
    r"""o_{tj} = \sigma(z_{t,3H+j})"""
    gate(3, sigmoid, rng, array)


def test_eq_6(one, array):
    r"""c_{tj} = f_{tj} c_{t-1,j} + i_{tj} g_{tj}"""
    _, i, f, g, *_ = step_by_hand(*one)
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        expected[n, j] = f[n, j] * one[2][n, j] + i[n, j] * g[n, j]
    assert_close(lstm_cell(*map(array, one))[1], expected)


def test_eq_7(one, array):
    r"""h_{tj} = o_{tj} \tanh(c_{tj})"""
    _, _, _, _, o, c, _ = step_by_hand(*one)
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        expected[n, j] = o[n, j] * tanh(c[n, j])
    assert_close(lstm_cell(*map(array, one))[0], expected)


def test_eq_8(one, upstream, array):
    r"""\gamma_{tj} = \delta^c_{tj}
    + \delta^h_{tj} o_{tj} (1 - \tanh^2 c_{tj})"""
    _, _, f, _, o, c, _ = step_by_hand(*one)
    dh, dc = upstream[:, :, 0]
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        slope = 1 - tanh(c[n, j]) ** 2
        expected[n, j] = dc[n, j] + dh[n, j] * o[n, j] * slope
    actual = to_numpy(backward(one, upstream, array)[2])
    assert_close(actual / f, expected)


def block(number, value, one, upstream, array):
    """Compare H entries of dL/db, the sum of dL/dz, with value(n, j)."""
    expected = np.zeros(H)
    for n, j in np.ndindex(N, H):
        expected[j] += value(n, j)
    db = to_numpy(backward(one, upstream, array)[5])
    assert_close(db[number * H : (number + 1) * H], expected)


def test_eq_9(one, upstream, array):
    r"""\frac{\partial L}{\partial z_{tj}}
    = \gamma_{tj} g_{tj} i_{tj} (1 - i_{tj})"""
    i, _, g, _, _, dc = total(one, upstream)
    block(
        0,
        lambda n, j: dc[n, j] * g[n, j] * i[n, j] * (1 - i[n, j]),
        one,
        upstream,
        array,
    )


def test_eq_10(one, upstream, array):
    r"""\frac{\partial L}{\partial z_{t,H+j}}
    = \gamma_{tj} c_{t-1,j} f_{tj} (1 - f_{tj})"""
    _, f, _, _, _, dc = total(one, upstream)
    block(
        1,
        lambda n, j: dc[n, j] * one[2][n, j] * f[n, j] * (1 - f[n, j]),
        one,
        upstream,
        array,
    )


def test_eq_11(one, upstream, array):
    r"""\frac{\partial L}{\partial z_{t,2H+j}}
    = \gamma_{tj} i_{tj} (1 - g_{tj}^2)"""
    i, _, g, _, _, dc = total(one, upstream)
    block(
        2,
        lambda n, j: dc[n, j] * i[n, j] * (1 - g[n, j] ** 2),
        one,
        upstream,
        array,
    )


def test_eq_12(one, upstream, array):
    r"""\frac{\partial L}{\partial z_{t,3H+j}}
    = \delta^h_{tj} \tanh(c_{tj}) o_{tj} (1 - o_{tj})"""
    _, _, _, o, read, _ = total(one, upstream)
    dh = upstream[0, :, 0]
    block(
        3,
        lambda n, j: dh[n, j] * read[n, j] * o[n, j] * (1 - o[n, j]),
        one,
        upstream,
        array,
    )


def all_dz(inputs, upstream):
    """Return the states before every step and dL/dz, by eqs. 8 to 14."""
    x, h, c, w_x, w_h, b = inputs
    steps, before = [], []
    for t in range(T):
        before.append((h, c))
        steps.append(step_by_hand(x[:, t], h, c, w_x, w_h, b))
        c, h = steps[-1][5:]
    dz, dh, dc = np.empty((N, T, 4 * H)), 0, 0
    for t in reversed(range(T)):
        _, i, f, g, o, c, _ = steps[t]
        dh, dc = dh + upstream[0][:, t], dc + upstream[1][:, t]
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        parts = [
            dc * g * i * (1 - i),
            dc * before[t][1] * f * (1 - f),
            dc * i * (1 - g**2),
            dh * np.tanh(c) * o * (1 - o),
        ]
        dz[:, t] = np.hstack(parts)
        dh, dc = dz[:, t] @ w_h.T, dc * f
    return [h for h, _ in before], dz


def test_eq_13(one, upstream, array):
    r"""\frac{\partial L}{\partial h_{t-1,m}}
    = \sum_{k=1}^{4H} \frac{\partial L}{\partial z_{tk}} w^h_{mk}"""
    i, f, g, o, read, dc = total(one, upstream)
    dz = np.hstack(
        [
            dc * g * i * (1 - i),
            dc * one[2] * f * (1 - f),
            dc * i * (1 - g**2),
            upstream[0, :, 0] * read * o * (1 - o),
        ]
    )
    expected = np.zeros((N, H))
    for n, m, k in np.ndindex(N, H, 4 * H):
        expected[n, m] += dz[n, k] * one[4][m, k]
    assert_close(backward(one, upstream, array)[1], expected)


def test_eq_14(one, upstream, array):
    r"""\frac{\partial L}{\partial c_{t-1,j}} = \gamma_{tj} f_{tj}"""
    _, f, _, _, _, dc = total(one, upstream)
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        expected[n, j] = dc[n, j] * f[n, j]
    assert_close(backward(one, upstream, array)[2], expected)


def test_eq_15(inputs, upstream, array):
    r"""\frac{\partial L}{\partial w^h_{mk}} = \sum_{n=1}^{N} \sum_{t=1}^{T}
    h_{n,t-1,m} \frac{\partial L}{\partial z_{ntk}}"""
    before, dz = all_dz(inputs, upstream)
    expected = np.zeros((H, 4 * H))
    for n, t, m, k in np.ndindex(N, T, H, 4 * H):
        expected[m, k] += before[t][n, m] * dz[n, t, k]
    gradients = lstm_backward(*map(array, upstream), *map(array, inputs))
    assert_close(gradients[4], expected)


# The same as everybody else's.


def library(layer, w_x, w_h, b):
    """Copy weights into a layer of torch, which has two biases."""
    weights = list(layer.parameters())
    values = [w_x.T, w_h.T, b - 0.25, np.full_like(b, 0.25)]
    with torch.no_grad():
        for weight, value in zip(weights, values, strict=True):
            weight.copy_(torch.asarray(value))
    return weights


def test_cell_and_gradient_of_torch(one, upstream, array):
    layer = torch.nn.LSTMCell(D, H, dtype=torch.float64)
    weights = library(layer, *one[3:])
    leaves = [torch.asarray(a).requires_grad_() for a in one[:3]]
    states = layer(leaves[0], (leaves[1], leaves[2]))
    for a, e in zip(lstm_cell(*map(array, one)), states, strict=True):
        assert_close(a, e)
    expected = torch.autograd.grad(
        states, [*leaves, *weights[:3]], list(torch.asarray(upstream[:, :, 0]))
    )
    actual = backward(one, upstream, array)
    for k, (a, e) in enumerate(zip(actual, expected, strict=True)):
        assert_close(a, e.mT if k in (3, 4) else e)


@pytest.mark.parametrize("steps", [1, T])
def test_sequence_and_gradient_of_torch(inputs, upstream, steps, array):
    inputs[0] = inputs[0][:, :steps]
    dh, dc = upstream[0][:, :steps], np.zeros((N, steps, H))
    dc[:, -1] = upstream[1][:, -1]  # torch hands out the last cell only
    layer = torch.nn.LSTM(D, H, batch_first=True, dtype=torch.float64)
    weights = library(layer, *inputs[3:])
    leaves = [torch.asarray(a).requires_grad_() for a in inputs[:3]]
    hs, (last_h, last_c) = layer(leaves[0], (leaves[1][None], leaves[2][None]))
    ours = lstm(*map(array, inputs))
    assert_close(ours[0], hs)
    assert_close(ours[0][:, -1, :], last_h[0])
    assert_close(ours[1][:, -1, :], last_c[0])
    expected = torch.autograd.grad(
        [hs, last_c],
        [*leaves, *weights[:3]],
        [torch.asarray(dh), torch.asarray(dc[:, -1])[None]],
    )
    actual = lstm_backward(array(dh), array(dc), *map(array, inputs))
    for k, (a, e) in enumerate(zip(actual, expected, strict=True)):
        assert_close(a, e.mT if k in (3, 4) else e)


def test_the_sequence_is_the_cell_repeated(inputs, array):
    x, h, c, *w = map(array, inputs)
    hs, cs = lstm(x, h, c, *w)
    for t in range(T):
        h, c = lstm_cell(x[:, t, :], h, c, *w)
        assert_close(hs[:, t, :], h)
        assert_close(cs[:, t, :], c)


# The gradient.


def test_gradient_of_torchs_autograd(inputs, one):
    """Both outputs at once, h before c, so that one array comes out."""

    def joined(function):
        return lambda *args: torch.cat(function(*args), dim=-1)

    def parted(function):
        def gradients(d, *args):
            return function(d[..., :H], d[..., H:], *args)

        return gradients

    assert_gradient(joined(lstm_cell), parted(lstm_cell_backward), *one)
    assert_gradient(joined(lstm), parted(lstm_backward), *inputs)


# What the page promises, and what is refused.


def test_each_gate_has_a_bias_of_its_own(array):
    """With no other input, the four gates are functions of four biases."""
    zero, cell = np.zeros((1, 1)), np.full((1, 1), 2.0)
    for b in ([0.3, -0.7, 1.1, 0.9], [2.0, 0.5, -0.4, -1.3]):
        args = zero, zero, cell, np.zeros((1, 4)), np.zeros((1, 4))
        h, c = lstm_cell(*map(array, (*args, np.array(b))))
        expected = 2 * sigmoid(b[1]) + sigmoid(b[0]) * tanh(b[2])
        assert_close(c, [[expected]])
        assert_close(h, [[sigmoid(b[3]) * tanh(expected)]])


def test_the_pencil_example_of_the_page(array):
    b = np.array([-np.log(9), np.log(9), 0, 0])
    w_x = np.array([[np.log(81), 0, np.log(3), 0]])
    w_h = np.array([[0.0, 0, 1, 0]])
    x, zero = np.array([[[1.0], [0.0]]]), np.zeros((1, 1))
    args = [array(a) for a in (x, zero, zero, w_x, w_h, b)]
    hs, cs = lstm(*args)
    assert_close(cs, [[[0.72], [0.678]]], atol=5e-4)
    assert_close(hs, [[[0.308], [0.295]]], atol=5e-4)
    only_last = array(np.array([[[0.0], [1.0]]]))
    gradients = lstm_backward(0 * only_last, only_last, *args)
    assert_close(gradients[2], [[0.835]], atol=5e-4)
    assert_close(gradients[1], [[0.301]], atol=5e-4)


def test_an_open_gate_keeps_and_a_closed_one_erases(inputs, array):
    x, h, c, w_x, w_h, b = inputs
    b = b.copy()
    b[:H], b[H : 2 * H] = -800.0, 800.0
    states = lstm(*map(array, (x, h, c, w_x, w_h, b)))
    assert_close(states[1], np.stack([c] * T, axis=1))
    b[H : 2 * H] = -800.0
    states = lstm(*map(array, (x, h, 1e200 * c, w_x, w_h, b)))
    assert_close(states[1], np.zeros((N, T, H)))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.1, 300))
def test_no_step_adds_more_than_1_and_no_output_exceeds_1(seed, size):
    rng = np.random.default_rng(seed)
    x, w_x = rng.normal(size=(1, 6, 2)), size * rng.normal(size=(2, 12))
    zero, w_h, b = (
        np.zeros((1, 3)),
        size * rng.normal(size=(3, 12)),
        np.ones(12),
    )
    hs, cs = lstm(x, zero, zero, w_x, w_h, b)
    assert np.all(np.abs(cs) <= np.arange(1, 7)[:, None])
    assert np.all(np.abs(hs) <= 1)


def test_gradients_can_grow(array):
    """Gate gains of one half and a weight of 10: a factor of 3 each step."""
    zero, weights = np.zeros((1, 1)), np.zeros((1, 4))
    w_h, steps = np.array([[0.0, 0, 10, 0]]), 20
    args = np.zeros((1, steps, 1)), zero, zero, weights, w_h, np.zeros(4)
    dc = np.zeros((1, steps, 1))
    dc[0, -1] = 1
    gradients = lstm_backward(array(0 * dc), array(dc), *map(array, args))
    assert_close(gradients[2], [[3.0**19 / 2]])
    assert_close(gradients[1], [[3.0**19 * 5]])


def test_without_recurrent_weights_only_the_forget_gates_multiply(array):
    """Then dL/dc of the start is the product of all f."""
    b = np.array([0.0, np.log(3), 0.4, 0.0])
    steps, zero = 6, np.zeros((1, 1))
    x, w = np.zeros((1, steps, 1)), np.zeros((1, 4))
    dc = np.zeros((1, steps, 1))
    dc[0, -1] = 1
    args = [array(a) for a in (0 * dc, dc, x, zero, zero, w, w, b)]
    assert_close(lstm_backward(*args)[2], [[0.75**steps]])


def test_the_way_through_h_adds_in_new_networks(rng):
    """As in the page's figure: 40 steps back, forget bias 1."""
    bound, units, steps = 0.25, 16, 40
    x, dh = rng.normal(size=(4, steps, units)), np.zeros((4, steps, units))
    dh[:, -1] = rng.normal(size=(4, units))
    w_x, w_h = rng.uniform(-bound, bound, size=(2, units, 4 * units))
    b, zero = np.zeros(4 * units), np.zeros((4, units))
    b[units : 2 * units] = 1
    rule = sigmoid(1) ** steps
    sizes = [
        np.sqrt(np.mean(gradients[2] ** 2)) / rule
        for gradients in (
            lstm_backward(dh, 0 * dh, x, zero, zero, w_x, w, b)
            for w in (0 * w_h, w_h)
        )
    ]
    assert 0.1 < sizes[0] < 3
    assert sizes[1] > 5 * sizes[0]


def test_sequences_do_not_see_each_other_nor_what_comes_later(inputs, array):
    hs, _ = lstm(*map(array, inputs))
    inputs[0][1:], inputs[0][0, 2:] = np.nan, np.nan
    after, _ = lstm(*map(array, inputs))
    assert_close(after[:1, :2, :], hs[:1, :2, :])


def test_no_argument_is_changed(inputs, upstream):
    args = [*upstream.copy(), *(a.copy() for a in inputs)]
    lstm_backward(*args)
    for a, e in zip(args, [*upstream, *inputs], strict=True):
        assert_close(a, e, rtol=0, atol=0)


def test_huge_numbers_do_not_overflow(inputs, array):
    inputs[3] = 1e200 * inputs[3]
    hs, cs = lstm(*map(array, inputs))
    assert np.all(np.isfinite(to_numpy(hs)))
    assert np.all(np.isfinite(to_numpy(cs)))


def test_no_sequence(inputs, upstream, array):
    empty = [a[:0] for a in inputs[:3]] + inputs[3:]
    hs, cs = lstm(*map(array, empty))
    assert tuple(hs.shape) == tuple(cs.shape) == (0, T, H)
    d = [array(a[:0]) for a in upstream]
    gradients = lstm_backward(*d, *map(array, empty))
    assert tuple(gradients[0].shape) == (0, T, D)
    assert_close(gradients[4], np.zeros((H, 4 * H)))


def test_float32_stays_float32(inputs, one, upstream):
    assert_float32(lstm_cell, *one)
    assert_float32(lstm, *inputs)
    assert_float32(lstm_cell_backward, *upstream[:, :, 0], *one)
    assert_float32(lstm_backward, *upstream, *inputs)


def calls(d, inputs):
    """Return every public function, ready to be called."""
    one = [inputs[0][:, 0, :], *inputs[1:]]
    return [
        lambda: lstm(*inputs),
        lambda: lstm_cell(*one),
        lambda: lstm_backward(d, d, *inputs),
        lambda: lstm_cell_backward(d[:, 0, :], d[:, 0, :], *one),
    ]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (1, (H,), r"h of shape \(N, H\) needed, got \(2,\)"),
        (1, (1, H), r"need h of \(2, 2\), got \(1, 2\)"),
        (2, (1, H), r"need c of \(2, 2\), got \(1, 2\)"),
        (2, (N, 1), r"need c of \(2, 2\), got \(2, 1\)"),
        (3, (D, 3 * H), r"need w_x of \(3, 8\), got \(3, 6\)"),
        (3, (D, 1), r"need w_x of \(3, 8\), got \(3, 1\)"),
        (4, (H, 1), r"need w_h of \(2, 8\), got \(2, 1\)"),
        (4, (D, 4 * H), r"need w_h of \(2, 8\), got \(3, 8\)"),
        (5, (), r"x of .* 2 units need b of \(8,\), got \(\)"),
        (5, (1,), r"need b of \(8,\), got \(1,\)"),
        (5, (N, 4 * H), r"need b of \(8,\), got \(2, 8\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(inputs, place, shape, message):
    inputs[place] = np.zeros(shape)
    for call in calls(np.zeros((N, T, H)), inputs):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.usefixtures("unchecked")
def test_sequences_of_wrong_axes_are_refused(inputs, array):
    x, *rest = map(array, inputs)
    d = array(np.zeros((N, T, H)))
    for wrong in (x[:, 0, :], x[:, :0, :]):
        shape = str(tuple(wrong.shape)).replace("(", r"\(").replace(")", r"\)")
        message = rf"x of \(N, T, D\) with T >= 1 needed, got {shape}"
        with pytest.raises(ValueError, match=message):
            lstm(wrong, *rest)
        with pytest.raises(ValueError, match=message):
            lstm_backward(d, d, wrong, *rest)
    with pytest.raises(ValueError, match=r"x of shape \(N, D\) needed, got"):
        lstm_cell(x, *rest)
    one, state = x[:, 0, :], d[:, 0, :]
    with pytest.raises(ValueError, match=r"x of shape \(N, D\) needed, got"):
        lstm_cell_backward(state, state, x, *rest)
    for wrong in (d, state[:1, :], state[:, :1]):
        shape = str(tuple(wrong.shape)).replace("(", r"\(").replace(")", r"\)")
        message = rf"of \(2, 2\) and .* needed, got {shape} and .*float64"
        with pytest.raises(ValueError, match=f"dh {message}"):
            lstm_cell_backward(wrong, state, one, *rest)
        with pytest.raises(ValueError, match=f"dc {message}"):
            lstm_cell_backward(state, wrong, one, *rest)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(1, T, H), (N, 1, H), (N, T, 1), (T, H)])
def test_upstream_that_would_broadcast_is_refused(inputs, shape, array):
    args, right = [*map(array, inputs)], array(np.zeros((N, T, H)))
    wrong = array(np.zeros(shape))
    with pytest.raises(ValueError, match=r"dh of \(2, 4, 2\) and .* needed"):
        lstm_backward(wrong, right, *args)
    with pytest.raises(ValueError, match=r"dc of \(2, 4, 2\) and .* needed"):
        lstm_backward(right, wrong, *args)


@pytest.mark.usefixtures("unchecked")
def test_upstream_of_another_dtype_is_refused(inputs, one, array):
    kinds = "(float32|int|bool|complex)"
    inputs, one = [*map(array, inputs)], [*map(array, one)]
    for kind in (np.float32, np.int64, np.bool_, np.complex128):
        for function, args, shape in (
            (lstm_backward, inputs, (N, T, H)),
            (lstm_cell_backward, one, (N, H)),
        ):
            right = array(np.zeros(shape))
            wrong = array(np.zeros(shape, dtype=kind))
            for name, d in (("dh", (wrong, right)), ("dc", (right, wrong))):
                message = rf"{name} of .*float64 needed, got .*{kinds}"
                with pytest.raises(ValueError, match=message):
                    function(*d, *args)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("place", range(6))
def test_arrays_that_are_not_real_floating_are_refused(inputs, place, array):
    name = ["x", "h", "c", "w_x", "w_h", "b"][place]
    for kind in (np.int64, np.bool_, np.complex128):
        args = [array(a) for a in inputs]
        args[place] = array(inputs[place].astype(kind))
        message = rf"real floating {name} needed, got .*(int|bool|complex)"
        for call in calls(array(np.zeros((N, T, H))), args):
            with pytest.raises(ValueError, match=message):
                call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("place", range(1, 6))
def test_mixed_dtypes_are_refused(inputs, place, array):
    """Other libraries would answer float64, or stop inside a product."""
    args = [array(a) for a in inputs]
    args[place] = array(inputs[place].astype(np.float32))
    name = ["x", "h", "c", "w_x", "w_h", "b"][place]
    message = rf"{name} of .*float64 needed, got .*float32"
    for call in calls(array(np.zeros((N, T, H))), args):
        with pytest.raises(ValueError, match=message):
            call()


def test_training_is_as_the_page_says():
    """Right answers by model (rows: 20, 40 and 60 steps), five seeds."""
    path = ROOT / "experiments/sequences/lstm.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    assert numbers["lengths"] == [20, 40, 60]
    runs = {k: np.array(v) for k, v in numbers.items() if k != "lengths"}
    assert {a.shape for a in runs.values()} == {(3, 5)}
    right = 0.99
    assert np.all(runs["rnn"][0] > right)
    assert np.sum(runs["rnn"][1:] < 0.3, axis=1).tolist() == [4, 4]
    assert np.all(runs["lstm_0"] < 0.3)
    assert np.all(np.abs(runs["lstm_1"][0] - 0.5) < 0.05)
    assert np.all(runs["lstm_1"][1:] < 0.3)
    assert np.all(runs["lstm_3"][0] > right)
    assert np.sum(runs["lstm_3"][1] > right) == 2
    assert np.all(runs["lstm_3"][1] > 0.7)
    assert np.all(runs["lstm_3"][2] < 0.6)
    assert np.sum(runs["lstm_3"][2] > 0.3) == 2
