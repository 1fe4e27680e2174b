from fractions import Fraction
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sequences.backpropagation_through_time import (
    bptt,
    jacobian_product,
    spectral_bounds,
    state_gradients,
    state_jacobian,
)
from reference.sequences.rnn import rnn, rnn_backward
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, T, D, H = 2, 5, 3, 4


def states(x, h_0, w_x, w_h, b, cut=None):
    """Return h_0 to h_T of a tanh network, detached after each cut steps."""
    h, hs = h_0, [h_0]
    for t in range(x.shape[1]):
        if cut and t and t % cut == 0:
            h = h.detach()
        h = torch.tanh(x[:, t] @ w_x + h @ w_h + b)
        hs.append(h)
    return torch.stack(hs, dim=1)


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, T, D))


@pytest.fixture
def w_x(rng):
    return rng.normal(size=(D, H)) / 2


@pytest.fixture
def w_h(rng):
    return rng.normal(size=(H, H)) / 2


@pytest.fixture
def b(rng):
    return rng.normal(size=H) / 2


@pytest.fixture
def h_0(rng):
    return rng.normal(0, 2, size=(N, H))  # also outside of [-1, 1]


@pytest.fixture
def dhs(rng):
    return rng.normal(size=(N, T, H))


@pytest.fixture
def hs(x, h_0, w_x, w_h, b):
    return states(*map(torch.asarray, (x, h_0, w_x, w_h, b))).numpy()


def preactivation_gradients(dhs, hs, w_h):
    """Return delta_t (1 - h_t^2) for t = 1 to T."""
    return state_gradients(dhs, hs, w_h)[:, 1:] * (1 - hs[:, 1:] ** 2)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(hs, w_h, array):
    r"""(J_t)_{ji} = \frac{\partial h_{tj}}{\partial h_{t-1,i}}
    = (1 - h_{tj}^2) \, W_{h,ij}"""
    h = hs[:, 1:]
    expected = np.empty((N, T, H, H))
    for n, t, j, i in np.ndindex(N, T, H, H):
        expected[n, t, j, i] = (1 - h[n, t, j] ** 2) * w_h[i, j]
    assert_close(state_jacobian(array(h), array(w_h)), expected)


def test_eq_2(hs, w_h, array):
    r"""\frac{\partial h_t}{\partial h_k}
    = J_t J_{t-1} \cdots J_{k+1}"""
    k, t = 1, 4
    expected = np.zeros((N, H, H))
    for n, j, i, p, q in np.ndindex(N, H, H, H, H):
        J_4, J_3, J_2 = (
            [
                [(1 - hs[n, s, a] ** 2) * w_h[c, a] for c in range(H)]
                for a in range(H)
            ]
            for s in (4, 3, 2)
        )
        expected[n, j, i] += J_4[j][p] * J_3[p][q] * J_2[q][i]
    actual = jacobian_product(array(hs[:, k : t + 1]), array(w_h))
    assert_close(actual, expected)


def test_eq_3(dhs, hs, w_h, array):
    r"""\delta_{ti} = g_{ti} + \sum_{j=1}^{H}
    \delta_{t+1,j} (J_{t+1})_{ji}"""
    delta = to_numpy(state_gradients(array(dhs), array(hs), array(w_h)))
    expected = np.empty((N, T + 1, H))
    for n, t, i in np.ndindex(N, T + 1, H):
        expected[n, t, i] = dhs[n, t - 1, i] if t > 0 else 0
        if t < T:
            for j in range(H):
                J = (1 - hs[n, t + 1, j] ** 2) * w_h[i, j]
                expected[n, t, i] += delta[n, t + 1, j] * J
    assert_close(delta, expected)


def test_eq_4(dhs, x, hs, w_h, array):
    r"""\frac{\partial L}{\partial W_{h,ij}}
    = \sum_{t=1}^{T} h_{t-1,i} \, e_{tj}"""
    e = preactivation_gradients(dhs, hs, w_h)
    expected = np.zeros((H, H))
    for n, t, i, j in np.ndindex(N, T, H, H):
        expected[i, j] += hs[n, t, i] * e[n, t, j]
    _, dw_h, _ = bptt(array(dhs), array(x), array(hs), array(w_h))
    assert_close(dw_h, expected)


def test_eq_5(dhs, x, hs, w_h, array):
    r"""\frac{\partial L}{\partial W_{x,dj}}
    = \sum_{t=1}^{T} x_{td} \, e_{tj}"""
    e = preactivation_gradients(dhs, hs, w_h)
    expected = np.zeros((D, H))
    for n, t, d, j in np.ndindex(N, T, D, H):
        expected[d, j] += x[n, t, d] * e[n, t, j]
    dw_x, _, _ = bptt(array(dhs), array(x), array(hs), array(w_h))
    assert_close(dw_x, expected)


def test_eq_6(dhs, x, hs, w_h, array):
    r"""\frac{\partial L}{\partial b_j} = \sum_{t=1}^{T} e_{tj}"""
    e = preactivation_gradients(dhs, hs, w_h)
    expected = np.zeros(H)
    for n, t, j in np.ndindex(N, T, H):
        expected[j] += e[n, t, j]
    _, _, db = bptt(array(dhs), array(x), array(hs), array(w_h))
    assert_close(db, expected)


def test_eq_7(hs, w_h, array):
    r"""\ell = \prod_{t=1}^{T} s_{\min} \min_j (1 - h_{tj}^2)"""
    s = np.sqrt(np.linalg.eigvalsh(w_h @ w_h.T)[0])
    expected = [
        prod(
            s * min(1 - hs[n, t, j] ** 2 for j in range(H))
            for t in range(1, T + 1)
        )
        for n in range(N)
    ]
    lower, _ = spectral_bounds(array(hs), array(w_h))
    assert_close(lower, expected, rtol=1e-7)


def test_eq_8(hs, w_h, array):
    r"""u = \prod_{t=1}^{T} s_{\max} \max_j (1 - h_{tj}^2)"""
    s = np.sqrt(np.linalg.eigvalsh(w_h @ w_h.T)[-1])
    expected = [
        prod(
            s * max(1 - hs[n, t, j] ** 2 for j in range(H))
            for t in range(1, T + 1)
        )
        for n in range(N)
    ]
    _, upper = spectral_bounds(array(hs), array(w_h))
    assert_close(upper, expected)


# The same as everybody else's.


def test_jacobians_of_autograd(x, h_0, w_x, w_h, b, hs, array):
    xt, wx, wh, bias = map(torch.asarray, (x, w_x, w_h, b))
    jacobian = torch.autograd.functional.jacobian
    one, whole = np.empty((N, H, H)), np.empty((N, H, H))
    for n in range(N):
        s = slice(n, n + 1)
        start = torch.asarray(h_0[s])
        last = torch.asarray(hs[s, T - 1])
        one[n] = jacobian(
            lambda h, s=s: states(xt[s, -1:], h, wx, wh, bias)[0, -1], last
        )[:, 0]
        whole[n] = jacobian(
            lambda h, s=s: states(xt[s], h, wx, wh, bias)[0, -1], start
        )[:, 0]
    assert_close(state_jacobian(array(hs[:, T]), array(w_h)), one)
    assert_close(jacobian_product(array(hs), array(w_h)), whole)


@pytest.mark.parametrize("truncate", [None, 1, 2, 3, T, T + 7])
def test_autograd_with_detach(dhs, x, h_0, w_x, w_h, b, hs, truncate, array):
    leaves = [torch.asarray(a).requires_grad_() for a in (h_0, w_x, w_h, b)]
    unrolled = states(torch.asarray(x), *leaves, cut=truncate)
    expected = torch.autograd.grad(unrolled[:, 1:], leaves, torch.asarray(dhs))
    args = array(hs), array(w_h), truncate
    deltas = state_gradients(array(dhs), *args)
    assert_close(deltas[:, 0, :], expected[0])
    actual = bptt(array(dhs), array(x), *args)
    for a, e in zip(actual, expected[1:], strict=True):
        assert_close(a, e)


def test_recurrent_network_of_torch(dhs, x, h_0, w_x, w_h, b, array):
    library = torch.nn.RNN(D, H, batch_first=True, dtype=torch.float64)
    names = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
    theirs = [getattr(library, name) for name in names]
    for p, a in zip(theirs, (w_x.T, w_h.T, b, 0 * b), strict=True):
        p.data = torch.asarray(a).contiguous()
    out, _ = library(torch.asarray(x), torch.asarray(h_0)[None])
    out.backward(torch.asarray(dhs))
    hs = np.concatenate((h_0[:, None], out.detach().numpy()), axis=1)
    dw_x, dw_h, db = bptt(*map(array, (dhs, x, hs, w_h)))
    for p, a in zip(theirs, (dw_x.mT, dw_h.mT, db, db), strict=True):
        assert_close(a, p.grad)


def test_backward_of_the_recurrent_network(dhs, x, h_0, w_x, w_h, b, array):
    weights = array(w_x), array(w_h), array(b)
    start, steps = array(h_0), array(x)
    h = rnn(steps, start, *weights).h
    hs = array(np.concatenate((h_0[:, None], to_numpy(h)), axis=1))
    expected = rnn_backward(array(dhs), steps, start, *weights)
    actual = bptt(array(dhs), steps, hs, weights[1])
    for a, e in zip(actual, expected[2:], strict=True):
        assert_close(a, e)


def test_bounds_hold_between_singular_values(hs, w_h, array):
    product = to_numpy(jacobian_product(array(hs), array(w_h)))
    s = np.linalg.svd(product, compute_uv=False)
    lower, upper = map(to_numpy, spectral_bounds(array(hs), array(w_h)))
    assert np.all(lower < s[:, -1])
    assert np.all(s[:, 0] < upper)
    turn = array(np.linalg.qr(w_h)[0])  # orthogonal
    same = array(np.full((1, 4, H), 0.6))  # slopes 0.64
    lower, upper = spectral_bounds(same, 3 * turn)
    assert_close(lower, [(3 * 0.64) ** 3])
    assert_close(upper, [(3 * 0.64) ** 3])
    s = np.linalg.svd(to_numpy(jacobian_product(same, 3 * turn)))[1]
    assert_close(s, np.full((1, H), (3 * 0.64) ** 3))


# The gradient.


def test_gradient(x, h_0, w_x, w_h, b):
    x, h_0 = map(torch.asarray, (x, h_0))

    def forward(w_x, w_h, b):
        return states(x, h_0, w_x, w_h, b)[:, 1:]

    def backward(dy, w_x, w_h, b):
        return bptt(dy, x, states(x, h_0, w_x, w_h, b), w_h)

    assert_gradient(forward, backward, w_x, w_h, b)


# What the page promises, and what is refused.


def test_states_get_sums_of_ordered_products(dhs, hs, w_h):
    deltas = state_gradients(dhs, hs, w_h)
    for k in range(T + 1):
        expected = np.zeros((N, H)) if k == 0 else dhs[:, k - 1].copy()
        for t in range(k + 1, T + 1):
            product = jacobian_product(hs[:, k : t + 1], w_h)
            expected += (dhs[:, t - 1, None] @ product)[:, 0]
        assert_close(deltas[:, k], expected)


def test_factored_product_is_wrong_for_more_than_one_unit(rng):
    def factored(hs, w_h):
        slopes = (1 - hs[:, 1:] ** 2).prod(1)
        return slopes[..., None] * np.linalg.matrix_power(w_h.T, 4)

    hs, w_h = np.tanh(rng.normal(size=(1, 5, 3))), rng.normal(size=(3, 3))
    right = jacobian_product(hs, w_h)
    miss = np.linalg.norm(factored(hs, w_h) - right) / np.linalg.norm(right)
    assert miss > 0.1
    right = jacobian_product(hs[..., :1], w_h[:1, :1])
    assert_close(factored(hs[..., :1], w_h[:1, :1]), right)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8), st.integers(1, 4))
def test_every_product_keeps_its_bounds(seed, steps, units):
    rng = np.random.default_rng(seed)
    w_h = rng.normal(size=(units, units))
    hs = np.tanh(rng.normal(size=(3, steps + 1, units)))
    s = np.linalg.svd(jacobian_product(hs, w_h), compute_uv=False)
    lower, upper = spectral_bounds(hs, w_h)
    assert np.all(lower <= s[:, -1] * (1 + 1e-9) + 1e-15)
    assert np.all(s[:, 0] <= upper * (1 + 1e-9))


def test_nothing_to_go_through_is_the_identity(w_h, array):
    hs, w = array(np.full((2, 1, H), 7.0)), array(w_h)
    assert_close(jacobian_product(hs, w), np.stack([np.eye(H)] * 2))
    for bound in spectral_bounds(hs, w):
        assert_close(bound, np.ones(2))
    nothing = array(np.zeros((2, 0, H)))
    assert_close(state_gradients(nothing, hs, w), np.zeros((2, 1, H)))
    for a in bptt(nothing, array(np.zeros((2, 0, D))), hs, w):
        assert_close(a, np.zeros(a.shape))


def test_slope_at_the_ends_of_tanh(array):
    h = 1 - np.array([0.0, 7e-9, 1.0, 2.0])
    w_h = np.diag([2.0, 3.0, 5.0, 7.0])
    near = float(1 - Fraction(float(h[1])) ** 2)  # 1 - h * h: 9 digits
    actual = state_jacobian(array(h), array(w_h))
    expected = np.diag([0.0, 3 * near, 5.0, 0.0])
    assert_close(actual, expected, rtol=1e-14, atol=0)


def test_no_argument_is_changed(dhs, x, hs, w_h):
    before = [a.copy() for a in (dhs, x, hs, w_h)]
    bptt(dhs, x, hs, w_h, 2)
    spectral_bounds(hs, w_h)
    for a, copied in zip((dhs, x, hs, w_h), before, strict=True):
        assert_close(a, copied, rtol=0, atol=0)


def test_float32(dhs, x, hs, w_h):
    assert_float32(state_jacobian, hs[:, 1:], w_h)
    assert_float32(jacobian_product, hs, w_h)
    assert_float32(spectral_bounds, hs, w_h)
    assert_float32(state_gradients, dhs, hs, w_h)
    assert_float32(lambda *args: bptt(*args, 2), dhs, x, hs, w_h)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w_h": np.ones((H, 1))}, r"\(2, 5, 4\) and \(4, 1\)"),
        ({"w_h": np.ones(H)}, r"need w_h \(H, H\), got .* and \(4,\)"),
        ({"w_h": np.ones((H, H), int)}, "got float64 and int64"),
        ({"hs": np.zeros((N, T + 1, H), int)}, "states and w_h .* got int64"),
        ({"hs": np.zeros((N, T + 1, 0))}, r"need w_h \(H, H\), got"),
        ({"hs": np.zeros((T + 1, H))}, r"\(N, T \+ 1, H\), got \(6, 4\)"),
        ({"hs": np.zeros((N, 0, H))}, r"\(N, T \+ 1, H\), got \(2, 0, 4\)"),
        ({"hs": np.full((N, T + 1, H), -1.5)}, r"in \[-1, 1\], got one of 1.5"),
        ({"hs": np.full((N, T + 1, H), np.nan)}, r"in \[-1, 1\], got .* nan"),
        ({"dhs": np.ones((N, T, 1))}, r"got \(2, 5, 1\) for hs of \(2, 6, 4\)"),
        ({"dhs": np.ones((N, T, H), int)}, "dhs and w_h need .* got int64"),
        ({"x": np.ones((N, T, D), bool)}, "x and w_h need .* got bool"),
        ({"w_h": np.ones((H, H), "f4")}, "dtype, got float64 and float32"),
        ({"dhs": np.ones((N, T, H), "f4")}, "got float32 and float64"),
        ({"x": np.ones((N, T, D), "f4")}, "got float32 and float64"),
        ({"x": np.ones((N * T, D))}, r"got \(10, 3\) for dhs of \(2, 5, 4\)"),
        ({"x": np.ones((T, N, D))}, r"got \(5, 2, 3\) for dhs of \(2, 5, 4\)"),
        ({"truncate": 0}, "whole number above 0, got 0"),
        ({"truncate": -2}, "whole number above 0, got -2"),
        ({"truncate": 1.5}, "whole number above 0, got 1.5"),
        ({"truncate": np.nan}, "whole number above 0, got nan"),
        ({"truncate": np.inf}, "whole number above 0, got inf"),
        ({"truncate": True}, "whole number above 0, got True"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_refused(dhs, x, hs, w_h, change, message):
    args = {"dhs": dhs, "x": x, "hs": hs, "w_h": w_h} | change
    with pytest.raises(ValueError, match=message):
        bptt(**args)
    of_states = {key: args[key] for key in ("hs", "w_h")}
    if {"hs", "w_h"} & set(change):
        with pytest.raises(ValueError, match=message):
            jacobian_product(**of_states)
        with pytest.raises(ValueError, match=message):
            spectral_bounds(**of_states)
    if "x" not in change:
        with pytest.raises(ValueError, match=message):
            state_gradients(
                dhs=args["dhs"], **of_states, truncate=args.get("truncate")
            )


@pytest.mark.usefixtures("unchecked")
def test_whole_numbers_and_complex_ones_are_refused():
    for kind in ("int64", "complex128"):
        h, w_h = np.zeros(H, kind), np.zeros((H, H), kind)
        with pytest.raises(ValueError, match=f"dtype, got {kind} and {kind}"):
            state_jacobian(h, w_h)


@pytest.mark.usefixtures("unchecked")
def test_one_state_that_is_refused(w_h):
    for h in (np.float64(0.5), np.ones(H + 1)):
        with pytest.raises(ValueError, match=r"need w_h \(H, H\), got"):
            state_jacobian(np.asarray(h), w_h)
    with pytest.raises(ValueError, match=r"in \[-1, 1\], got one of 2"):
        state_jacobian(np.full(H, 2.0), w_h)
