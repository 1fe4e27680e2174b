import json
from math import tanh
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sequences.rnn import (
    Gradients,
    Layer,
    _inner,
    rnn,
    rnn_backward,
    rnn_cell,
    rnn_cell_backward,
    stacked_rnn,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

ROOT = Path(__file__).parents[2]

N, T, D, H = 2, 3, 4, 5


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, T, D))


@pytest.fixture
def h0(rng):
    return rng.normal(size=(N, H)) / 2


@pytest.fixture
def weights(rng):
    shapes = (D, H), (H, H), (H,)
    return [rng.normal(size=shape) / 2 for shape in shapes]


@pytest.fixture
def dh(rng):
    return rng.normal(size=(N, T, H))


def by_hand(x, h0, w_x, w_h, b):
    """Return h (N, T + 1, H), with h0 first, by loops over plain numbers."""
    n_, t_, d_ = x.shape
    h = np.empty((n_, t_ + 1, len(b)))
    h[:, 0] = h0
    for n, t, k in np.ndindex(n_, t_, len(b)):
        z = b[k] + sum(x[n, t, d] * w_x[d, k] for d in range(d_))
        z += sum(h[n, t, j] * w_h[j, k] for j in range(len(b)))
        h[n, t + 1, k] = tanh(z)
    return h


def gradients_by_hand(dh, x, h0, w_x, w_h, b):
    """Return dL/dz (N, T, H) and dL/dh0 by loops over plain numbers."""
    h = by_hand(x, h0, w_x, w_h, b)
    dz, carried = np.empty(dh.shape), np.zeros(h0.shape)
    for t in reversed(range(x.shape[1])):
        for n, k in np.ndindex(h0.shape):
            slope = 1 - h[n, t + 1, k] ** 2
            dz[n, t, k] = (dh[n, t, k] + carried[n, k]) * slope
        for n, k in np.ndindex(h0.shape):
            terms = (dz[n, t, j] * w_h[k, j] for j in range(len(b)))
            carried[n, k] = sum(terms)
    return dz, carried


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, h0, weights, array):
    r"""\begin{aligned}
    z_{ntk} = {} & \sum_{d=1}^{D} x_{ntd} w^x_{dk} \\
    & + \sum_{j=1}^{H} h_{n,t-1,j} w^h_{jk} + b_k
    \end{aligned}"""
    w_x, w_h, b = weights
    expected = np.empty((N, H))
    for n, k in np.ndindex(N, H):
        first = sum(x[n, 0, d] * w_x[d, k] for d in range(D))
        second = sum(h0[n, j] * w_h[j, k] for j in range(H))
        expected[n, k] = first + second + b[k]
    assert_close(_inner(*map(array, (x[:, 0], h0, *weights))), expected)


def test_eq_2(x, h0, weights, array):
    r"""h_{ntk} = \tanh z_{ntk}"""
    z = _inner(x[:, 0], h0, *weights)
    expected = [[tanh(z[n, k]) for k in range(H)] for n in range(N)]
    h = rnn_cell(*map(array, (x[:, 0], h0, *weights)))
    assert_close(h, expected)


def test_eq_3(rng, x, weights, array):
    r"""x^{(l+1)}_{ntk} = h^{(l)}_{ntk}"""
    sizes = (H, 2), (2, 2), (2,)
    upper = [rng.normal(size=size) for size in sizes]
    h = by_hand(x, np.zeros((N, H)), *weights)[:, 1:]
    second = np.empty((N, T, H))
    for n, t, k in np.ndindex(N, T, H):
        second[n, t, k] = h[n, t, k]
    expected = by_hand(second, np.zeros((N, 2)), *upper)[:, 1:]
    layers = [Layer(*map(array, w)) for w in (weights, upper)]
    below, above = stacked_rnn(array(x), layers)
    assert_close(below.h, h)
    assert_close(above.h, expected)
    assert_close(above.last, expected[:, -1])


def test_eq_4(x, h0, dh, weights, array):
    r"""\frac{\partial L}{\partial z_{ntk}} = \delta_{ntk} \, (1 - h_{ntk}^2)"""
    h = by_hand(x, h0, *weights)[:, 1]
    args = map(array, (dh[:, 0], x[:, 0], h0, *weights))
    expected = np.zeros(H)
    for n, k in np.ndindex(N, H):  # the bias gets dL/dz itself
        expected[k] += dh[n, 0, k] * (1 - h[n, k] ** 2)
    assert_close(rnn_cell_backward(*args).db, expected)


def test_eq_5(x, h0, dh, weights, array):
    r"""\delta_{ntk} = g_{ntk}
    + \sum_{j=1}^{H} w^h_{kj} \frac{\partial L}{\partial z_{n,t+1,j}}"""
    w_x, w_h, _ = weights
    dz, dh0 = gradients_by_hand(dh, x, h0, *weights)
    h = by_hand(x, h0, *weights)
    for n, t, k in np.ndindex(N, T, H):
        later = range(H) if t + 1 < T else []
        g = dh[n, t, k] + sum(w_h[k, j] * dz[n, t + 1, j] for j in later)
        assert_close(dz[n, t, k], g * (1 - h[n, t + 1, k] ** 2))
    actual = rnn_backward(*map(array, (dh, x, h0, *weights)))
    assert_close(actual.dh, dh0)
    expected = np.empty((N, T, D))
    for n, t, d in np.ndindex(N, T, D):
        expected[n, t, d] = sum(w_x[d, k] * dz[n, t, k] for k in range(H))
    assert_close(actual.dx, expected)


def test_eq_6(x, h0, dh, weights, array):
    r"""\begin{aligned}
    \frac{\partial L}{\partial w^x_{dk}} &= \sum_{t=1}^{T} \sum_{n=1}^{N}
    x_{ntd} \frac{\partial L}{\partial z_{ntk}} \\
    \frac{\partial L}{\partial w^h_{jk}} &= \sum_{t=1}^{T} \sum_{n=1}^{N}
    h_{n,t-1,j} \frac{\partial L}{\partial z_{ntk}} \\
    \frac{\partial L}{\partial b_k} &= \sum_{t=1}^{T} \sum_{n=1}^{N}
    \frac{\partial L}{\partial z_{ntk}}
    \end{aligned}"""
    h = by_hand(x, h0, *weights)  # h[:, t] are the states before step t
    dz, _ = gradients_by_hand(dh, x, h0, *weights)
    dw_x, dw_h, db = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    for t, n, k in np.ndindex(T, N, H):
        for d in range(D):
            dw_x[d, k] += x[n, t, d] * dz[n, t, k]
        for j in range(H):
            dw_h[j, k] += h[n, t, j] * dz[n, t, k]
        db[k] += dz[n, t, k]
    actual = rnn_backward(*map(array, (dh, x, h0, *weights)))
    assert_close(actual.dw_x, dw_x)
    assert_close(actual.dw_h, dw_h)
    assert_close(actual.db, db)


# The same as everybody else's: torch.nn.RNNCell and torch.nn.RNN, whose
# matrices are transposed and whose bias comes in two parts.


def library(kind, *layers, **options):
    """Return a module of torch with the weights of our layers."""
    d, h = layers[0][0].shape
    module = kind(d, h, dtype=torch.float64, **options)
    for i, (w_x, w_h, b) in enumerate(layers):
        end = f"_l{i}" if "num_layers" in options else ""
        values = {
            "weight_ih": w_x.T,
            "weight_hh": w_h.T,
            "bias_ih": 0.25 * b,
            "bias_hh": 0.75 * b,
        }
        for name, value in values.items():
            getattr(module, name + end).data = torch.asarray(value.copy())
    return module


def test_torchs_cell(x, h0, dh, weights, array):
    module = library(torch.nn.RNNCell, weights)
    leaves = [torch.asarray(a).requires_grad_() for a in (x[:, 0], h0)]
    h = module(*leaves)
    assert_close(rnn_cell(*map(array, (x[:, 0], h0, *weights))), h)
    h.backward(torch.asarray(dh[:, 0]))
    args = map(array, (dh[:, 0], x[:, 0], h0, *weights))
    actual = rnn_cell_backward(*args)
    assert_close(actual.dx, leaves[0].grad)
    assert_close(actual.dh, leaves[1].grad)
    assert_close(actual.dw_x, module.weight_ih.grad.T)
    assert_close(actual.dw_h, module.weight_hh.grad.T)
    assert_close(actual.db, module.bias_ih.grad)


@pytest.mark.parametrize("shape", [(N, T), (1, 7), (3, 1)])
def test_torchs_rnn(rng, weights, shape, array):
    x, h0 = rng.normal(size=(*shape, D)), rng.normal(size=(shape[0], H))
    dh = rng.normal(size=(*shape, H))
    module = library(torch.nn.RNN, weights, num_layers=1, batch_first=True)
    leaves = [torch.asarray(a).requires_grad_() for a in (x, h0[None])]
    h, last = module(*leaves)
    actual = rnn(*map(array, (x, h0, *weights)))
    assert_close(actual.h, h)
    assert_close(actual.last, last[0])
    h.backward(torch.asarray(dh))
    actual = rnn_backward(*map(array, (dh, x, h0, *weights)))
    assert_close(actual.dx, leaves[0].grad)
    assert_close(actual.dh, leaves[1].grad[0])
    assert_close(actual.dw_x, module.weight_ih_l0.grad.T)
    assert_close(actual.dw_h, module.weight_hh_l0.grad.T)
    assert_close(actual.db, module.bias_hh_l0.grad)


def test_torchs_stack_and_its_gradient(rng, x, dh, weights, array):
    sizes = (H, H), (H, H), (H,)
    upper, top = [[rng.normal(size=s) for s in sizes] for _ in range(2)]
    options = {"num_layers": 3, "batch_first": True}
    module = library(torch.nn.RNN, weights, upper, top, **options)
    h, last = module(torch.asarray(x))
    layers = [Layer(*map(array, w)) for w in (weights, upper, top)]
    stack = stacked_rnn(array(x), layers)
    assert_close(stack[2].h, h)
    for states, expected in zip(stack, last, strict=True):
        assert_close(states.last, expected)
    h.backward(torch.asarray(dh))
    zero = array(np.zeros((N, H)))
    third = rnn_backward(array(dh), stack[1].h, zero, *layers[2])
    second = rnn_backward(third.dx, stack[0].h, zero, *layers[1])
    first = rnn_backward(second.dx, array(x), zero, *layers[0])
    assert_close(second.dw_h, module.weight_hh_l1.grad.T)
    assert_close(first.dw_x, module.weight_ih_l0.grad.T)
    assert_close(first.dw_h, module.weight_hh_l0.grad.T)


# The gradient.


def test_gradient(x, h0, weights):
    assert_gradient(rnn_cell, rnn_cell_backward, x[:, 0], h0, *weights)
    x, h0 = x[:1], h0[:1]  # finite differences take their time
    assert_gradient(lambda *args: rnn(*args).h, rnn_backward, x, h0, *weights)


# What the page promises, and what is refused.


def test_the_last_states_are_those_of_the_last_step(x, h0, weights, array):
    h, last = rnn(*map(array, (x, h0, *weights)))
    assert tuple(h.shape) == (N, T, H)
    assert_close(last, to_numpy(h)[:, -1])


@settings(max_examples=15)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_two_parts_are_the_whole(cut, seed):
    rng = np.random.default_rng(seed)
    x, h0 = rng.normal(size=(N, 7, D)), rng.normal(size=(N, H))
    weights = [rng.normal(size=size) for size in ((D, H), (H, H), H)]
    whole = rnn(x, h0, *weights)
    first = rnn(x[:, :cut], h0, *weights)
    second = rnn(x[:, cut:], first.last, *weights)
    assert_close(np.concatenate([first.h, second.h], 1), whole.h)
    assert np.all(np.abs(whole.h) <= 1)


def test_later_inputs_and_other_sequences_do_not_matter(x, h0, weights, array):
    before = to_numpy(rnn(*map(array, (x, h0, *weights))).h)
    x[0, 1:], x[1] = 50, np.nan
    after = to_numpy(rnn(*map(array, (x, h0, *weights))).h)
    assert_close(after[0, 0], before[0, 0])
    assert np.abs(after[0, 1:] - before[0, 1:]).max() > 0.01
    assert np.isnan(after[1]).all()


def test_a_unit_keeps_its_state_for_a_hundred_steps(array):
    log3, x = np.full((1, 1), np.log(3)), np.zeros((1, 100, 1))
    keeps = log3, 1.25 * log3, np.zeros(1)
    h, _ = rnn(*map(array, (x, np.array([[0.8]]), *keeps)))
    assert_close(h, np.full((1, 100, 1), 0.8))


def test_huge_inputs_saturate_and_pass_no_gradient(array):
    x, h0 = np.array([[[1e200], [-1e200]]]), np.zeros((1, 1))
    one = np.ones((1, 1))
    args = [array(a) for a in (x, h0, one, one, np.zeros(1))]
    assert_close(rnn(*args).h, [[[1.0], [-1.0]]])
    actual = rnn_backward(array(np.ones((1, 2, 1))), *args)
    for a in actual:
        assert_close(a, np.zeros(a.shape))


def test_a_slope_that_rounds_to_0_in_the_output_is_kept(array):
    """At z = 30, h is 1 in floating point, and 1 - h² would be 0."""
    x, zero, one = np.array([[30.0]]), np.zeros((1, 1)), np.ones((1, 1))
    args = [array(a) for a in (one, x, zero, one, one, np.zeros(1))]
    assert_close(rnn_cell_backward(*args).dx, [[1 / np.cosh(30) ** 2]], atol=0)


def test_no_sequence(weights, array):
    x, h0 = array(np.ones((0, T, D))), array(np.ones((0, H)))
    layer = Layer(*map(array, weights))
    h, last = rnn(x, h0, *layer)
    assert tuple(h.shape) == (0, T, H)
    assert tuple(last.shape) == (0, H)
    actual = rnn_backward(h, x, h0, *layer)
    assert tuple(actual.dx.shape) == (0, T, D)
    for a in actual[2:]:
        assert_close(a, np.zeros(a.shape))


def test_arguments_are_not_changed(x, h0, dh, weights):
    arguments = [dh, x, h0, *weights]
    copies = [a.copy() for a in arguments]
    rnn_backward(*arguments)
    for a, copy in zip(arguments, copies, strict=True):
        assert_close(a, copy, rtol=0, atol=0)


def test_float32_stays_float32(x, h0, dh, weights):
    assert_float32(rnn_cell, x[:, 0], h0, *weights)
    assert_float32(rnn, x, h0, *weights)
    assert_float32(rnn_cell_backward, dh[:, 0], x[:, 0], h0, *weights)
    assert_float32(rnn_backward, dh, x, h0, *weights)
    assert_float32(lambda x, *w: stacked_rnn(x, [Layer(*w)])[0], x, *weights)


def calls(x, h0, w_x, w_h, b):
    """Return every public function, ready to be called."""
    dh, step = x[..., :1], x[:, 0, :] if x.ndim == 3 else x
    return [
        lambda: rnn_cell(step, h0, w_x, w_h, b),
        lambda: rnn_cell_backward(dh, step, h0, w_x, w_h, b),
        lambda: rnn(x, h0, w_x, w_h, b),
        lambda: rnn_backward(dh, x, h0, w_x, w_h, b),
        lambda: stacked_rnn(x, [Layer(w_x, w_h, b)]),
    ]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("place", "shape"),
    [
        (1, (1, H)),  # would be broadcast
        (1, (H,)),
        (1, ()),
        (2, (D, 1)),
        (2, (D + 1, H)),
        (3, (H, 1)),
        (3, (H,)),
        (4, (1,)),
        (4, ()),
        (4, (N, H)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    x, h0, weights, place, shape, array
):
    arguments = [x, h0, *weights]
    arguments[place] = np.ones(shape)
    arguments = [array(a) for a in arguments]
    stack = [] if place == 1 else calls(*arguments)[4:]
    for call in calls(*arguments)[:4] + stack:
        with pytest.raises(ValueError, match=r"\(H, H\) and b .* got \(2, 4\)"):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N, 0, D), (N, D), (D,), (), (1, N, T, D)])
def test_what_is_no_sequence_is_refused(h0, weights, shape, array):
    x = array(np.ones(shape))
    h0, *layer = map(array, (h0, *weights))
    for call in (
        lambda: rnn(x, h0, *layer),
        lambda: rnn_backward(x, x, h0, *layer),
        lambda: stacked_rnn(x, [Layer(*layer)]),
    ):
        with pytest.raises(ValueError, match=r"1 time step.*got x of shape \("):
            call()


@pytest.mark.usefixtures("unchecked")
def test_an_input_of_a_step_has_two_axes(x, h0, weights):
    with pytest.raises(ValueError, match=r"needs x \(N, D\).* got \(2, 3, 4\)"):
        rnn_cell(x, h0, *weights)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("kind", [np.int64, np.bool_])
def test_integers_and_truth_values_are_refused(
    x, h0, weights, place, kind, array
):
    arguments = [x, h0, *weights]
    arguments[place] = np.ones(arguments[place].shape, dtype=kind)
    arguments = [array(a) for a in arguments]
    stack = [] if place == 1 else calls(*arguments)[4:]
    message = r"floating-point numbers of one dtype .* got .*(int|bool)"
    for call in calls(*arguments)[:4] + stack:
        with pytest.raises(ValueError, match=message):
            call()
    integers = [array(np.ones(a.shape, dtype=kind)) for a in (x, h0, *weights)]
    with pytest.raises(ValueError, match=message):
        rnn(*integers)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("place", range(5))
def test_two_kinds_of_floating_point_are_refused(x, h0, weights, place, array):
    arguments = [x, h0, *weights]
    arguments[place] = arguments[place].astype(np.float32)
    arguments = [array(a) for a in arguments]
    stack = [] if place == 1 else calls(*arguments)[4:]
    for call in calls(*arguments)[:4] + stack:
        with pytest.raises(ValueError, match=r"one dtype .* got .*float32"):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.int64, np.bool_, np.float32])
def test_gradients_of_another_dtype_are_refused(
    x, h0, dh, weights, kind, array
):
    """Added to the float64 of later steps they would pass as float64."""
    arguments = [array(a) for a in (dh.astype(kind), x, h0, *weights)]
    with pytest.raises(ValueError, match=r"float64, got \(2, 3, 5\) "):
        rnn_backward(*arguments)


@pytest.mark.usefixtures("unchecked")
def test_gradients_of_another_shape_are_refused(x, h0, dh, weights, array):
    arguments = [array(a) for a in (x, h0, *weights)]
    for wrong in (dh[:, :1], dh[:1], dh[..., :1], dh[:, 0]):
        message = r"states, \(2, 3, 5\) .*float64, got \("
        with pytest.raises(ValueError, match=message):
            rnn_backward(array(wrong), *arguments)
    arguments[0] = array(x[:, 0])
    for wrong in (dh[:1, 0], dh[:, 0, :1], dh[0, 0]):
        with pytest.raises(ValueError, match="one upstream gradient for each"):
            rnn_cell_backward(array(wrong), *arguments)


def test_a_stack_without_layers_is_refused(x, array):
    with pytest.raises(ValueError, match="needs 1 layer, got 0"):
        stacked_rnn(array(x), [])


def test_the_order_of_the_results_is_that_of_the_inputs():
    assert Layer._fields == ("w_x", "w_h", "b")
    assert Gradients._fields == ("dx", "dh", "dw_x", "dw_h", "db")


def test_training_is_as_the_page_says():
    """Accuracy of three readers by the number of clauses in a review."""
    path = ROOT / "experiments/sequences/rnn.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    assert numbers["trained"] == 3
    assert numbers["tested"] == [1, 2, 3, 4, 6, 8]
    for name in ("mean", "convolution", "recurrent"):
        assert np.shape(numbers[name]) == (6, 6)
    assert np.min(numbers["recurrent"]) == 1
    convolution = np.array(numbers["convolution"])
    assert np.min(convolution[:, 0]) == 1
    expected = [1.0, 0.96, 0.90, 0.86, 0.78, 0.75]
    assert convolution.mean(0).round(2).tolist() == expected
    mean = np.mean(numbers["mean"], axis=0).round(2)
    assert mean.tolist() == [0.57, 0.5, 0.51, 0.5, 0.5, 0.52]
