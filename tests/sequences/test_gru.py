import json
from math import exp, tanh
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sequences.gru import (
    _from_input,
    _gates,
    gru,
    gru_backward,
    gru_cell,
    gru_cell_backward,
    gru_cell_reset_before,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

ROOT = Path(__file__).parents[2]
N, T, D, H = 2, 4, 3, 2
K = 3 * H


@pytest.fixture
def inputs(rng):
    """Return x (N, T, D), h, w_x, w_h, b_x and b_h."""
    shapes = (N, T, D), (N, H), (D, K), (H, K), (K,), (K,)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.fixture
def one(inputs):
    """Return the inputs of the first step."""
    return [inputs[0][:, 0], *inputs[1:]]


@pytest.fixture
def upstream(rng):
    """Return dL/dh of every step."""
    return rng.normal(size=(N, T, H))


def sigmoid(a):
    return 1 / (1 + exp(-a))


def shares(x, h, w_x, w_h, b_x, b_h):
    """Return u and v, number by number."""
    u, v = np.empty((2, N, K))
    for n, k in np.ndindex(N, K):
        u[n, k] = b_x[k] + sum(x[n, d] * w_x[d, k] for d in range(D))
        v[n, k] = b_h[k] + sum(h[n, m] * w_h[m, k] for m in range(H))
    return u, v


def step_by_hand(*one):
    """Return v, r, z, g and h of one step, number by number."""
    u, v = shares(*one)
    r, z, g, h = np.empty((4, N, H))
    for n, j in np.ndindex(N, H):
        r[n, j] = sigmoid(u[n, j] + v[n, j])
        z[n, j] = sigmoid(u[n, H + j] + v[n, H + j])
        g[n, j] = tanh(u[n, 2 * H + j] + r[n, j] * v[n, 2 * H + j])
        h[n, j] = (1 - z[n, j]) * g[n, j] + z[n, j] * one[1][n, j]
    return v, r, z, g, h


def inside(one, dh):
    """Return dL/du and dL/dv of one step, block by block."""
    v, r, z, g, _ = step_by_hand(*one)
    du_g = dh * (1 - z) * (1 - g * g)
    du_r = du_g * v[:, 2 * H :] * (r - r * r)
    du_z = dh * (one[1] - g) * (z - z * z)
    return np.hstack([du_r, du_z, du_g]), np.hstack([du_r, du_z, du_g * r])


def backward(one, upstream, array):
    """Return the hand-written gradients of the first step."""
    return gru_cell_backward(array(upstream[:, 0]), *map(array, one))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(one, array):
    r"""u_{tk} = \sum_{d=1}^{D} x_{td} w^x_{dk} + b^x_k"""
    x, _, w_x, _, b, _ = one
    u = np.empty((N, K))
    for n, k in np.ndindex(N, K):
        u[n, k] = sum(x[n, d] * w_x[d, k] for d in range(D)) + b[k]
    assert_close(_from_input(array(x), array(w_x), array(b)), u)


def test_eq_2(one, array):
    r"""v_{tk} = \sum_{m=1}^{H} h_{t-1,m} w^h_{mk} + b^h_k"""
    _, h, _, w_h, _, b = one
    v = np.empty((N, K))
    for n, k in np.ndindex(N, K):
        v[n, k] = sum(h[n, m] * w_h[m, k] for m in range(H)) + b[k]
    u, _ = shares(*one)
    s = 1 / (1 + np.exp(-(u + v)))
    g = np.tanh(u[:, 2 * H :] + s[:, :H] * v[:, 2 * H :])
    z = s[:, H : 2 * H]
    assert_close(gru_cell(*map(array, one)), g - z * g + z * h)


def gate(number, rng, array):
    """Compare a gate with the sigmoid of its own H columns of u + v."""
    u, v = rng.normal(size=(2, N, 2 * H))
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        k = number * H + j
        expected[n, j] = sigmoid(u[n, k] + v[n, k])
    assert_close(_gates(array(u + v))[number], expected)


def test_eq_3(rng, array):
    r"""r_{tj} = \sigma(u_{tj} + v_{tj})"""
    gate(0, rng, array)


def test_eq_4(rng, array):
    r"""z_{tj} = \sigma(u_{t,H+j} + v_{t,H+j})"""
    gate(1, rng, array)


def test_eq_5(one, array):
    r"""g_{tj} = \tanh(u_{t,2H+j} + r_{tj} v_{t,2H+j})"""
    one[4][H : 2 * H] = -800  # z = 0, so that h is the candidate
    u, v = shares(*one)
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        r = sigmoid(u[n, j] + v[n, j])
        expected[n, j] = tanh(u[n, 2 * H + j] + r * v[n, 2 * H + j])
    assert_close(gru_cell(*map(array, one)), expected)


def test_eq_6(one, array):
    r"""h_{tj} = (1 - z_{tj}) g_{tj} + z_{tj} h_{t-1,j}"""
    _, _, z, g, _ = step_by_hand(*one)
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        expected[n, j] = (1 - z[n, j]) * g[n, j] + z[n, j] * one[1][n, j]
    assert_close(gru_cell(*map(array, one)), expected)


def before_by_hand(x, h, w_x, w_h, b_x, b_h):
    """Return h after one step with the reset before the product."""
    _, r, z, _, _ = step_by_hand(x, h, w_x, w_h, b_x, b_h)
    u, _ = shares(x, h, w_x, w_h, b_x, b_h)
    expected = np.empty((N, H))
    for n, j in np.ndindex(N, H):
        k = 2 * H + j
        a = u[n, k] + b_h[k]
        for m in range(H):
            a += r[n, m] * h[n, m] * w_h[m, k]
        expected[n, j] = (1 - z[n, j]) * tanh(a) + z[n, j] * h[n, j]
    return expected


def test_eq_7(one, array):
    r"""\begin{aligned}
    g_{tj} = \tanh\Big(&u_{t,2H+j} + b^h_{2H+j} \\
    &+ \sum_{m=1}^{H} r_{tm} h_{t-1,m} w^h_{m,2H+j}\Big) \end{aligned}"""
    expected = before_by_hand(*one)
    assert_close(gru_cell_reset_before(*map(array, one)), expected)


def block(number, value, one, upstream, array, place=4):
    """Compare H entries of dL/db, the sum over n, with value(n, j)."""
    expected = np.zeros(H)
    for n, j in np.ndindex(N, H):
        expected[j] += value(n, j)
    db = to_numpy(backward(one, upstream, array)[place])
    assert_close(db[number * H : (number + 1) * H], expected)


def test_eq_8(one, upstream, array):
    r"""\frac{\partial L}{\partial u_{t,2H+j}}
    = \delta_{tj} (1 - z_{tj}) (1 - g_{tj}^2)"""
    _, _, z, g, _ = step_by_hand(*one)
    d = upstream[:, 0]

    def value(n, j):
        return d[n, j] * (1 - z[n, j]) * (1 - g[n, j] ** 2)

    block(2, value, one, upstream, array)


def test_eq_9(one, upstream, array):
    r"""\frac{\partial L}{\partial u_{tj}}
    = \frac{\partial L}{\partial u_{t,2H+j}}
    v_{t,2H+j} r_{tj} (1 - r_{tj})"""
    v, r, _, _, _ = step_by_hand(*one)
    du, _ = inside(one, upstream[:, 0])

    def value(n, j):
        slope = r[n, j] * (1 - r[n, j])
        return du[n, 2 * H + j] * v[n, 2 * H + j] * slope

    block(0, value, one, upstream, array)
    block(0, value, one, upstream, array, place=5)


def test_eq_10(one, upstream, array):
    r"""\frac{\partial L}{\partial u_{t,H+j}}
    = \delta_{tj} (h_{t-1,j} - g_{tj}) z_{tj} (1 - z_{tj})"""
    _, _, z, g, _ = step_by_hand(*one)
    d, h = upstream[:, 0], one[1]

    def value(n, j):
        return d[n, j] * (h[n, j] - g[n, j]) * z[n, j] * (1 - z[n, j])

    block(1, value, one, upstream, array)
    block(1, value, one, upstream, array, place=5)


def test_eq_11(one, upstream, array):
    r"""\frac{\partial L}{\partial v_{t,2H+j}}
    = \frac{\partial L}{\partial u_{t,2H+j}} r_{tj}"""
    _, r, _, _, _ = step_by_hand(*one)
    du, _ = inside(one, upstream[:, 0])

    def value(n, j):
        return du[n, 2 * H + j] * r[n, j]

    block(2, value, one, upstream, array, place=5)


def test_eq_12(one, upstream, array):
    r"""\frac{\partial L}{\partial h_{t-1,m}} = \delta_{tm} z_{tm}
    + \sum_{k=1}^{3H} \frac{\partial L}{\partial v_{tk}} w^h_{mk}"""
    _, _, z, _, _ = step_by_hand(*one)
    _, dv = inside(one, upstream[:, 0])
    expected = np.empty((N, H))
    for n, m in np.ndindex(N, H):
        expected[n, m] = upstream[n, 0, m] * z[n, m]
        for k in range(K):
            expected[n, m] += dv[n, k] * one[3][m, k]
    assert_close(backward(one, upstream, array)[1], expected)


def test_eq_13(inputs, upstream, array):
    r"""\frac{\partial L}{\partial w^h_{mk}} = \sum_{n=1}^{N} \sum_{t=1}^{T}
    h_{n,t-1,m} \frac{\partial L}{\partial v_{ntk}}"""
    x, h, *weights = inputs
    before = [h]
    for t in range(T):
        before.append(step_by_hand(x[:, t], before[t], *weights)[-1])
    dv, d = np.empty((N, T, K)), 0
    for t in reversed(range(T)):
        d = d + upstream[:, t]
        args = x[:, t], before[t], *weights
        _, dv[:, t] = inside(args, d)
        d = d * step_by_hand(*args)[2] + dv[:, t] @ weights[1].T
    expected = np.zeros((H, K))
    for n, t, m, k in np.ndindex(N, T, H, K):
        expected[m, k] += before[t][n, m] * dv[n, t, k]
    gradients = gru_backward(array(upstream), *map(array, inputs))
    assert_close(gradients[3], expected)


# The same as everybody else's.


def library(layer, w_x, w_h, b_x, b_h):
    """Copy weights into a layer of torch."""
    weights = list(layer.parameters())
    with torch.no_grad():
        for weight, value in zip(
            weights, (w_x.T, w_h.T, b_x, b_h), strict=True
        ):
            weight.copy_(torch.asarray(value))
    return weights


def compare(actual, expected):
    """Compare gradients; torch's matrices are the transposes."""
    for k, (a, e) in enumerate(zip(actual, expected, strict=True)):
        assert_close(a, e.mT if k in (2, 3) else e)


def test_cell_and_gradient_of_torch(one, upstream, array):
    layer = torch.nn.GRUCell(D, H, dtype=torch.float64)
    weights = library(layer, *one[2:])
    leaves = [torch.asarray(a).requires_grad_() for a in one[:2]]
    state = layer(*leaves)
    assert_close(gru_cell(*map(array, one)), state)
    expected = torch.autograd.grad(
        state, [*leaves, *weights], torch.asarray(upstream[:, 0])
    )
    compare(backward(one, upstream, array), expected)


@pytest.mark.parametrize("steps", [1, T])
def test_sequence_and_gradient_of_torch(inputs, upstream, steps, array):
    inputs[0], dh = inputs[0][:, :steps], upstream[:, :steps]
    layer = torch.nn.GRU(D, H, batch_first=True, dtype=torch.float64)
    weights = library(layer, *inputs[2:])
    leaves = [torch.asarray(a).requires_grad_() for a in inputs[:2]]
    hs, last = layer(leaves[0], leaves[1][None])
    ours = gru(*map(array, inputs))
    assert_close(ours, hs)
    assert_close(ours[:, -1, :], last[0])
    expected = torch.autograd.grad(hs, [*leaves, *weights], torch.asarray(dh))
    compare(gru_backward(array(dh), *map(array, inputs)), expected)


def test_a_loop_for_the_form_that_resets_before(inputs, array):
    """Several steps, with one input and one unit after the other."""
    x, h, *weights = inputs
    state, rest = array(h), [*map(array, weights)]
    for t in range(T):
        h = before_by_hand(x[:, t], h, *weights)
        state = gru_cell_reset_before(array(x[:, t]), state, *rest)
        assert_close(state, h)


def test_the_sequence_is_the_cell_repeated(inputs, array):
    x, h, *w = map(array, inputs)
    hs = gru(x, h, *w)
    for t in range(T):
        h = gru_cell(x[:, t, :], h, *w)
        assert_close(hs[:, t, :], h)


# The gradient.


def test_gradient_of_torchs_autograd(inputs, one):
    assert_gradient(gru_cell, gru_cell_backward, *one)
    assert_gradient(gru, gru_backward, *inputs)


def test_the_form_that_resets_before_is_differentiable(one):
    leaves = [torch.asarray(a).requires_grad_() for a in one]
    assert torch.autograd.gradcheck(gru_cell_reset_before, leaves)


# What the page promises, and what is refused.


def test_the_pencil_example_of_the_page(array):
    w_x = np.array([[0.0, -np.log(81), np.log(3)]])
    w_h, b_h = np.array([[0.0, 0, 1]]), np.zeros(3)
    b_x = np.array([0.0, np.log(9), 0])
    x, zero = np.array([[[1.0], [0.0]]]), np.zeros((1, 1))
    args = [array(a) for a in (x, zero, w_x, w_h, b_x, b_h)]
    assert_close(gru(*args), [[[0.72], [0.6825]]], atol=5e-4)
    dh = array(np.array([[[0.0], [1.0]]]))
    assert_close(gru_backward(dh, *args)[1], [[0.247]], atol=5e-4)


def test_the_two_forms_differ_with_the_same_weights(one, array):
    args = [*map(array, one)]
    gap = to_numpy(gru_cell(*args)) - to_numpy(gru_cell_reset_before(*args))
    assert np.max(np.abs(gap)) > 0.05


def test_the_two_forms_agree_if_the_reset_gates_are_open(one, array):
    one[4][:H] = 800  # r = 1
    args = [*map(array, one)]
    assert_close(gru_cell(*args), gru_cell_reset_before(*args))


@pytest.mark.parametrize("bias", [-800, -1.0])
def test_the_two_forms_agree_for_equal_gates_without_a_bias(one, bias, array):
    """All reset gates are 0, or the same number for both units."""
    one[2][:, :H], one[3][:, :H], one[5][:H] = 0, 0, 0
    one[4][:H] = bias
    args = [*map(array, one)]
    gap = to_numpy(gru_cell(*args)) - to_numpy(gru_cell_reset_before(*args))
    assert np.max(np.abs(gap)) > 0.01
    one[5][2 * H :] = 0
    args = [*map(array, one)]
    assert_close(gru_cell(*args), gru_cell_reset_before(*args))


def test_the_two_forms_agree_if_no_unit_sees_another(one, array):
    """A diagonal matrix, and no bias that is reset."""
    one[3][:, 2 * H :] = np.diag([0.7, -1.3])
    one[5][2 * H :] = 0
    args = [*map(array, one)]
    assert_close(gru_cell(*args), gru_cell_reset_before(*args))


def test_what_a_closed_reset_gate_closes(array):
    """After the product what its unit receives, before it what it gives."""
    w_h, b = np.zeros((2, 6)), np.zeros(6)
    w_h[:, 4:] = [[0.0, 1], [1, 0]]
    b[:4] = [800.0, -800, -800, -800]  # r = (1, 0), z = 0
    h, zero = np.array([[0.6, 0.3]]), np.zeros((1, 1))
    args = zero, h, np.zeros((1, 6)), w_h, b, np.zeros(6)
    args = [*map(array, args)]
    assert_close(gru_cell(*args), [[tanh(0.3), 0]])
    assert_close(gru_cell_reset_before(*args), [[0, tanh(0.6)]])


@pytest.mark.parametrize("cell", [gru_cell, gru_cell_reset_before])
def test_negated_weights_exchange_z_and_1_minus_z(cell, one, array):
    """Then (1 - z) h + z g of Chung et al. is (1 - z) g + z h."""
    x, h, *weights = one
    u, v = shares(*one)
    other = [w.copy() for w in weights]
    for w in other:
        w[..., H : 2 * H] *= -1
    ours = to_numpy(cell(*map(array, (x, h, *other))))
    z = 1 / (1 + np.exp(-(u + v)[:, H : 2 * H]))
    open_ = [w.copy() for w in weights]
    open_[2][H : 2 * H] = -800  # z = 0, so that h is the candidate
    g = to_numpy(cell(*map(array, (x, h, *open_))))
    assert_close(ours, (1 - z) * h + z * g)
    assert np.max(np.abs(ours - to_numpy(cell(*map(array, one))))) > 0.05


def test_update_gates_keep_and_overwrite(inputs, array):
    x, h, w_x, w_h, b_x, b_h = inputs
    b_x[H : 2 * H] = 800  # z = 1
    hs = gru(*map(array, (x, h, w_x, w_h, b_x, b_h)))
    assert_close(hs, np.stack([h] * T, axis=1))
    b_x[:H], b_x[H : 2 * H] = -800, -800  # r = 0 and z = 0
    hs = gru(*map(array, (x, 1e200 * h, w_x, 0 * w_h, b_x, b_h)))
    assert_close(hs, np.tanh(x @ w_x + b_x)[:, :, 2 * H :])


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.1, 300))
def test_no_state_leaves_the_range_from_minus_1_to_1(seed, size):
    rng = np.random.default_rng(seed)
    x, w_x = rng.normal(size=(1, 6, 2)), size * rng.normal(size=(2, 9))
    h, w_h = rng.uniform(-1, 1, (1, 3)), size * rng.normal(size=(3, 9))
    hs = gru(x, h, w_x, w_h, np.ones(9), np.ones(9))
    assert np.all(np.abs(hs) <= 1)


def test_gradients_can_grow(array):
    """All gates one half and a weight of 10: a factor of 3 each step."""
    zero, b = np.zeros((1, 1)), np.zeros(3)
    w_h, steps = np.array([[0.0, 0, 10]]), 20
    dh = np.zeros((1, steps, 1))
    dh[0, -1] = 1
    args = 0 * dh, zero, np.zeros((1, 3)), w_h, b, b
    gradients = gru_backward(array(dh), *map(array, args))
    assert_close(gradients[1], [[3.0**steps]])


def test_without_recurrent_weights_only_the_update_gates_multiply(array):
    b, steps, zero = np.array([0.4, np.log(3), 0.3]), 6, np.zeros((1, 1))
    w, dh = np.zeros((1, 3)), np.zeros((1, steps, 1))
    dh[0, -1] = 1
    args = 0 * dh, zero, w, w, b, 0 * b
    gradients = gru_backward(array(dh), *map(array, args))
    assert_close(gradients[1], [[0.75**steps]])


@pytest.mark.parametrize(
    ("update", "low", "high"), [(0, 100, 1e7), (1, 5, 100), (3, 0.5, 1.5)]
)
def test_the_second_way_in_new_networks(update, low, high, rng):
    """As in the page's figure: 59 more steps back, against the gates alone."""
    units, steps = 16, 60
    x, dh = rng.normal(size=(4, steps, units)), rng.normal(size=(4, units))
    w_x, w_h = rng.uniform(-0.25, 0.25, size=(2, units, 3 * units))
    b = np.zeros(3 * units)
    b[units : 2 * units] = update
    weights = w_x, w_h, b, 0 * b
    h = np.zeros((4, units))
    hs = np.concatenate([h[:, None], gru(x, h, *weights)], axis=1)
    sizes = []
    for t in reversed(range(steps)):
        dh = gru_cell_backward(dh, x[:, t], hs[:, t], *weights)[1]
        sizes.append(np.sqrt(np.mean(dh**2)))
    assert low < sizes[-1] / sizes[0] / sigmoid(update) ** 59 < high


def test_three_parameters_for_four_of_the_lstm():
    def count(layer):
        return sum(p.numel() for p in layer.parameters())

    ours, lstm = count(torch.nn.GRU(5, 7)), count(torch.nn.LSTM(5, 7))
    assert ours == 3 * 7 * (5 + 7 + 2)
    assert 4 * ours == 3 * lstm


def test_sequences_do_not_see_each_other_nor_what_comes_later(inputs, array):
    hs = gru(*map(array, inputs))
    inputs[0][1:], inputs[0][0, 2:] = np.nan, np.nan
    after = gru(*map(array, inputs))
    assert_close(after[:1, :2, :], hs[:1, :2, :])


def test_no_argument_is_changed(inputs, one, upstream):
    args = [upstream.copy(), *(a.copy() for a in inputs)]
    gru_backward(*args)
    for a, e in zip(args, [upstream, *inputs], strict=True):
        assert_close(a, e, rtol=0, atol=0)
    args = [a.copy() for a in one]
    gru_cell_reset_before(*args)
    for a, e in zip(args, one, strict=True):
        assert_close(a, e, rtol=0, atol=0)


def test_huge_numbers_do_not_overflow(inputs, one, array):
    inputs[2], one[2] = 1e200 * inputs[2], 1e200 * one[2]
    assert np.all(np.isfinite(to_numpy(gru(*map(array, inputs)))))
    after = gru_cell_reset_before(*map(array, one))
    assert np.all(np.isfinite(to_numpy(after)))


def test_no_sequence(inputs, upstream, array):
    empty = [a[:0] for a in inputs[:2]] + inputs[2:]
    hs = gru(*map(array, empty))
    assert tuple(hs.shape) == (0, T, H)
    gradients = gru_backward(array(upstream[:0]), *map(array, empty))
    assert tuple(gradients[0].shape) == (0, T, D)
    assert_close(gradients[3], np.zeros((H, K)))


def test_float32_stays_float32(inputs, one, upstream):
    assert_float32(gru_cell, *one)
    assert_float32(gru_cell_reset_before, *one)
    assert_float32(gru, *inputs)
    assert_float32(gru_cell_backward, upstream[:, 0], *one)
    assert_float32(gru_backward, upstream, *inputs)


def calls(d, inputs):
    """Return every public function, ready to be called."""
    one = [inputs[0][:, 0, :], *inputs[1:]]
    return [
        lambda: gru(*inputs),
        lambda: gru_cell(*one),
        lambda: gru_cell_reset_before(*one),
        lambda: gru_backward(d, *inputs),
        lambda: gru_cell_backward(d[:, 0, :], *one),
    ]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (1, (H,), r"h of shape \(N, H\) needed, got \(2,\)"),
        (1, (1, H), r"need h of \(2, 2\), got \(1, 2\)"),
        (2, (D, 4 * H), r"need w_x of \(3, 6\), got \(3, 8\)"),
        (2, (D, 1), r"need w_x of \(3, 6\), got \(3, 1\)"),
        (3, (H, 1), r"need w_h of \(2, 6\), got \(2, 1\)"),
        (3, (D, K), r"need w_h of \(2, 6\), got \(3, 6\)"),
        (4, (), r"x of .* 2 units need b_x of \(6,\), got \(\)"),
        (4, (1,), r"need b_x of \(6,\), got \(1,\)"),
        (5, (1,), r"need b_h of \(6,\), got \(1,\)"),
        (5, (N, K), r"need b_h of \(6,\), got \(2, 6\)"),
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
            gru(wrong, *rest)
        with pytest.raises(ValueError, match=message):
            gru_backward(d, wrong, *rest)
    for cell in (gru_cell, gru_cell_reset_before):
        with pytest.raises(ValueError, match=r"x of shape \(N, D\) needed, go"):
            cell(x, *rest)
    one, state = x[:, 0, :], d[:, 0, :]
    for args in ((state, x), (d, one)):
        with pytest.raises(ValueError, match=r"of 2 axes needed, got \(2, "):
            gru_cell_backward(*args, *rest)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(1, T, H), (N, 1, H), (N, T, 1), (T, H)])
def test_upstream_that_would_broadcast_is_refused(inputs, shape, array):
    with pytest.raises(ValueError, match=r"dh of \(2, 4, 2\) .* needed, got"):
        gru_backward(array(np.zeros(shape)), *map(array, inputs))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("place", range(6))
def test_arrays_that_are_not_real_floating_are_refused(inputs, place, array):
    name = ["x", "h", "w_x", "w_h", "b_x", "b_h"][place]
    for kind in (np.int64, np.bool_, np.complex128):
        args = [array(a) for a in inputs]
        args[place] = array(inputs[place].astype(kind))
        message = rf"real floating {name} needed, got .*(int|bool|complex)"
        for call in calls(array(np.zeros((N, T, H))), args):
            with pytest.raises(ValueError, match=message):
                call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("place", range(1, 7))
def test_mixed_dtypes_are_refused(inputs, upstream, place, array):
    """Other libraries would answer float64, or stop inside a product."""
    args = [array(a) for a in (*inputs, upstream)]
    args[place] = array(to_numpy(args[place]).astype(np.float32))
    name = ["x", "h", "w_x", "w_h", "b_x", "b_h", "dh"][place]
    message = rf"{name} of .*float64 needed, got .*float32"
    every = calls(args[-1], args[:-1])
    for call in every if place < 6 else every[3:]:
        with pytest.raises(ValueError, match=message):
            call()


def test_training_is_as_the_page_says():
    """Right answers by model (rows: 20, 40 and 60 steps), five seeds."""
    runs = {}
    for page in ("gru", "lstm"):
        path = ROOT / f"experiments/sequences/{page}.json"
        numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
        assert numbers["lengths"] == [20, 40, 60]
        runs |= {k: np.array(v) for k, v in numbers.items()}
    assert {runs[f"gru_{k}"].shape for k in (0, 1, 3)} == {(3, 5)}
    right = 0.99
    assert np.all(runs["gru_3"] > right)
    assert np.all(runs["gru_1"][:2] > right)
    assert np.sum(runs["gru_1"][2] < 0.3) == 4
    assert 0.5 < np.max(runs["gru_1"][2]) < 0.53
    assert np.all(runs["gru_0"][0] > right)
    assert np.all(runs["gru_0"][1:] < 0.3)
    assert np.all(runs["lstm_0"] < 0.3)
    assert 0.45 < np.mean(runs["lstm_1"][0]) < 0.55
    assert np.all(runs["lstm_1"][1:] < 0.3)
    means = {k: np.atleast_2d(v).mean(1) for k, v in runs.items()}
    for bias in (0, 1, 3):  # One run of 1000 answers: a chance of +-0.014.
        gain = means[f"gru_{bias}"] - means[f"lstm_{bias}"]
        assert np.all(gain > -0.02)
