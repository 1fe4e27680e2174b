import gc
import sys
import weakref
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_moons

from reference.foundations.chain_rule import numerical_gradient
from reference.neural_networks.autograd import (
    Variable,
    backward,
    topological_order,
    unbroadcast,
)
from reference.neural_networks.multilayer_perceptron import (
    Dense,
    multilayer_perceptron,
)
from tests.checks import assert_close, assert_float32

# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(rng):
    r"""
    \delta_{ip} = \sum_{j} \sum_{q}
      \delta_{jq} \, \frac{\partial v_{jq}}{\partial v_{ip}}
    """
    first, w = Variable(rng.normal(size=(1, 3))), rng.normal(size=(3, 4))
    second = first @ w
    third, fourth = second * second, second.exp()
    backward((third * fourth).sum())
    v, e = second.value, fourth.value
    # node 2 is used by node 3, twice, and by node 4
    users = [(e, v), (e, v), (v * v, e)]
    delta = np.zeros(4)
    for p in range(4):
        for upstream, local in users:
            for q in range(4):
                diagonal = local[0, q] if p == q else 0.0
                delta[p] += upstream[0, q] * diagonal
    assert_close(second.gradient[0], delta)
    expected = [sum(delta[q] * w[p, q] for q in range(4)) for p in range(3)]
    assert_close(first.gradient[0], expected)


def test_eq_2(rng):
    r"""\frac{\partial L}{\partial b_k} = \sum_{n=1}^{N} \delta_{nk}"""
    dy = rng.normal(size=(5, 3))
    expected = [sum(dy[n, k] for n in range(5)) for k in range(3)]
    assert_close(unbroadcast(dy, (3,)), expected)
    x, b = Variable(rng.normal(size=(5, 3))), Variable(rng.normal(size=3))
    backward(((x + b) * dy).sum())
    assert_close(b.gradient, expected)


def test_eq_3(rng):
    r"""
    \frac{\partial L}{\partial x_{nd}} = \sum_{k=1}^{K} \delta_{nk} \, w_{dk}
    """
    x, w = Variable(rng.normal(size=(5, 2))), rng.normal(size=(2, 3))
    dy = rng.normal(size=(5, 3))
    backward(((x @ w) * dy).sum())
    expected = [
        [sum(dy[n, k] * w[d, k] for k in range(3)) for d in range(2)]
        for n in range(5)
    ]
    assert_close(x.gradient, expected)


def test_eq_4(rng):
    r"""
    \frac{\partial L}{\partial w_{dk}} = \sum_{n=1}^{N} x_{nd} \, \delta_{nk}
    """
    x, w = Variable(rng.normal(size=(5, 2))), Variable(rng.normal(size=(2, 3)))
    dy = rng.normal(size=(5, 3))
    backward(((x @ w) * dy).sum())
    expected = [
        [sum(x.value[n, d] * dy[n, k] for n in range(5)) for k in range(3)]
        for d in range(2)
    ]
    assert_close(w.gradient, expected)


# The same as everybody else's: PyTorch, operation by operation, on random
# graphs, and over a whole training. Finite differences do not know the rules.


TABLE = np.arange(1.0, 5.0).reshape(2, 1, 2)


def constant(array, like):
    """Return a constant for either engine."""
    return torch.asarray(array) if isinstance(like, torch.Tensor) else array


OPERATIONS = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x @ y": lambda x, y: x @ y,
    "-x": lambda x, _: -x,
    "x + 2": lambda x, _: x + 2,
    "2 + x": lambda x, _: 2 + x,
    "x - 2": lambda x, _: x - 2,
    "2 - x": lambda x, _: 2 - x,
    "3 * x": lambda x, _: 3 * x,
    "x / 3": lambda x, _: x / 3,
    "3 / x": lambda x, _: 3 / x,
    "x + array": lambda x, _: x + constant(TABLE, x),
    "array + x": lambda x, _: constant(TABLE, x) + x,
    "array - x": lambda x, _: constant(TABLE, x) - x,
    "array * x": lambda x, _: constant(TABLE, x) * x,
    "array / x": lambda x, _: constant(TABLE, x) / x,
    "x @ array": lambda x, _: x @ constant(TABLE.reshape(2, 2, 1), x),
    "array @ x": lambda x, _: constant(TABLE.reshape(2, 1, 2), x) @ x,
    "x ** 3": lambda x, _: x**3,
    "x ** 0": lambda x, _: x**0,
    "x ** -1.5": lambda x, _: x**-1.5,
    "x ** array": lambda x, _: x ** constant(TABLE - 2, x),
    "sum": lambda x, _: x.sum(),
    "sum 0": lambda x, _: x.sum(axis=0),
    "sum -1": lambda x, _: x.sum(axis=-1, keepdims=True),
    "sum both": lambda x, _: x.sum(axis=(-1, 0)),
    "sum beside 1": lambda x, _: (x + constant(np.zeros((2, 1, 2, 1)), x)).sum(
        axis=2
    ),
    "mean": lambda x, _: x.mean(),
    "mean 0": lambda x, _: x.mean(axis=0, keepdims=True),
    "mean -1": lambda x, _: x.mean(axis=-1),
    "exp": lambda x, _: x.exp(),
    "log": lambda x, _: x.log(),
    "tanh": lambda x, _: x.tanh(),
    "relu": lambda x, _: (x - 1).relu(),
    "x * x": lambda x, _: x * x,
    "x / x": lambda x, y: (x / x + y) / x,
}


def both(operation, x, y, weights):
    """Return value and gradients of a weighted sum, of both engines."""
    return [
        engine(operation, x, y, weights)
        for engine in (torch_gradients, our_gradients)
    ]


def torch_gradients(operation, *arrays):
    *leaves, weights = (torch.tensor(a, requires_grad=True) for a in arrays)
    out = operation(*leaves)
    total = (out * weights.detach()[tuple(slice(n) for n in out.shape)]).sum()
    total.backward()
    return out, [v.grad for v in leaves]


def our_gradients(operation, *arrays):
    *leaves, weights = (Variable(a) for a in arrays)
    out = operation(*leaves)
    part = weights.value[tuple(slice(n) for n in out.value.shape)]
    backward((out * part).sum())
    return out.value, [v.gradient for v in leaves]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_torchs(name, rng):
    if name in ("x + array", "array + x", "array - x", "array * x"):
        x, y = rng.uniform(0.5, 2, size=(3, 1)), np.ones(1)
    elif name in ("array / x", "x ** array"):
        x, y = rng.uniform(0.5, 2, size=(2, 3, 1)), np.ones(1)
    elif name == "x @ array":
        x, y = rng.uniform(0.5, 2, size=(3, 2)), np.ones(1)
    elif name == "x @ y":
        x, y = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    else:
        x, y = rng.uniform(0.5, 2, size=(2, 2, 3))
    operation = OPERATIONS[name]
    shape = operation(Variable(x), Variable(y)).value.shape
    weights = rng.normal(size=shape)
    (value, expected), (ours, actual) = both(operation, x, y, weights)
    assert_close(ours, value)
    for a, e in zip(actual, expected, strict=True):
        assert (a is None) == (e is None)
        if e is not None:
            assert_close(a, e)

    def measured(moved):
        out = operation(Variable(moved), Variable(y)).value
        return np.sum(out * weights)

    assert_close(
        actual[0], numerical_gradient(measured, x), rtol=1e-6, atol=1e-8
    )


SHAPES = [(), (1,), (3,), (3, 1), (1, 3), (3, 3)]


@pytest.mark.parametrize("second", SHAPES)
@pytest.mark.parametrize("first", SHAPES)
@pytest.mark.parametrize("name", ["x + y", "x - y", "x * y", "x / y"])
def test_broadcasting_is_torchs(name, first, second, rng):
    x, y = rng.uniform(1, 2, size=first), rng.uniform(1, 2, size=second)
    weights = rng.normal(size=np.broadcast_shapes(first, second))
    (value, expected), (ours, actual) = both(OPERATIONS[name], x, y, weights)
    assert_close(ours, value)
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((4, 1, 2, 3), (5, 3, 2)),
        ((2, 3), (4, 3, 1)),
        ((1, 2, 3), (3, 2)),
        ((0, 3), (3, 2)),
    ],
)
def test_stacks_of_matrices_are_torchs(first, second, rng):
    x, y = rng.normal(size=first), rng.normal(size=second)
    weights = rng.normal(size=(x @ y).shape)
    (value, expected), (ours, actual) = both(lambda x, y: x @ y, x, y, weights)
    assert_close(ours, value)
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e)


SQUARE = np.linspace(-1, 1, 9).reshape(3, 3)
STEPS = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y.tanh(),
    "divide": lambda x, y: x / (1 + y * y),
    "matrix": lambda x, y: (
        (x + constant(SQUARE, x)) @ (y + constant(SQUARE, y)) / 3
    ),
    "power": lambda x, y: x.tanh() ** 3 - y,
    "exp": lambda x, y: x.tanh().exp() * y,
    "log": lambda x, y: (1 + x * x).log() + y,
    "relu": lambda x, y: x.relu() - y.relu(),
    "sum": lambda x, y: (x + y).sum(),
    "mean": lambda x, y: (x * y.tanh()).mean(),
    "rows": lambda x, y: x + (y + constant(SQUARE, y)).sum(axis=0),
    "columns": lambda x, y: (
        y - (x + constant(SQUARE, x)).mean(axis=-1, keepdims=True)
    ),
    "number": lambda x, y: 2 - 3 * x / (1 + y * y) + 1 / (2 + y.tanh()),
}


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    shapes=st.lists(st.sampled_from(SHAPES), min_size=2, max_size=3),
    program=st.lists(
        st.tuples(
            st.sampled_from(sorted(STEPS)),
            st.integers(0, 20),
            st.integers(0, 20),
        ),
        min_size=1,
        max_size=10,
    ),
)
def test_random_graphs_agree_with_torch(seed, shapes, program):
    """The same program, once on our variables and once on tensors."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in shapes]
    results = []
    for leaves in (
        [Variable(a) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
    ):
        nodes = list(leaves)
        for name, i, j in program:
            nodes.append(
                STEPS[name](
                    nodes[-1 - i % len(nodes)], nodes[-1 - j % len(nodes)]
                )
            )
        results.append((leaves, (nodes[-1] * nodes[-2].tanh()).mean()))
    (ours, loss), (theirs, expected) = results
    backward(loss)
    expected.backward()
    assert_close(loss.value, expected, rtol=1e-10)
    for leaf, tensor in zip(ours, theirs, strict=True):
        assert (leaf.gradient is None) == (tensor.grad is None)
        if tensor.grad is not None:
            assert_close(leaf.gradient, tensor.grad, rtol=1e-8, atol=1e-10)


def train(x, y, parameters, steps, lr, step):
    """Return the losses of gradient descent on a tanh network."""
    losses = []
    for _ in range(steps):
        w1, b1, w2, b2, w3, b3 = parameters
        h = ((x @ w1 + b1).tanh() @ w2 + b2).relu()
        error = h @ w3 + b3 - y
        losses.append(step((error * error).mean(), parameters, lr))
    return losses


def our_step(loss, parameters, lr):
    backward(loss)
    for p in parameters:
        p.value = p.value - lr * p.gradient
        p.gradient = None
    return loss.value


def torch_step(loss, parameters, lr):
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p -= lr * p.grad
            p.grad = None
    return loss.detach().numpy()


def test_training_is_torchs(rng):
    x, y = make_moons(100, noise=0.1, random_state=0)
    y = 2.0 * y[:, None] - 1
    sizes = [2, 8, 8, 1]
    arrays = []
    for d, k in pairwise(sizes):
        arrays += [rng.normal(size=(d, k)) / d**0.5, rng.normal(size=k)]
    ours = [Variable(a) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    losses = train(x, y, ours, 60, 0.2, our_step)
    expected = train(
        torch.tensor(x), torch.tensor(y), theirs, 60, 0.2, torch_step
    )
    assert losses[-1] < losses[0] / 3
    assert_close(losses, expected, rtol=1e-10)
    for p, t in zip(ours, theirs, strict=True):
        assert_close(p.value, t, rtol=1e-10, atol=1e-10)


def test_the_multilayer_perceptron_is_the_same(rng):
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    layers = [
        Dense(rng.normal(size=(3, 4)), rng.normal(size=4)),
        Dense(rng.normal(size=(4, 2)), rng.normal(size=2)),
    ]
    (w1, b1), (w2, b2) = [map(Variable, layer) for layer in layers]
    y_hat = (x @ w1 + b1).relu() @ w2 + b2
    assert_close(y_hat.value, multilayer_perceptron(x, layers))
    backward(((y_hat - y) ** 2).mean())

    def measured(w):
        moved = multilayer_perceptron(x, [Dense(w, layers[0].b), layers[1]])
        return np.mean((moved - y) ** 2)

    expected = numerical_gradient(measured, layers[0].w)
    assert_close(w1.gradient, expected, rtol=1e-6, atol=1e-8)


# Not hand-written but walked: the gradients above are the gradients of this
# page.

# What the page promises, and what is refused.


def example():
    a, b = Variable(2.0), Variable(3.0)
    s = a + b
    return a, b, s, s * b


def test_the_example_by_hand():
    a, b, s, f = example()
    backward(f)
    assert_close(f.value, np.asarray(15.0))
    for node, gradient in ((f, 1.0), (s, 3.0), (a, 3.0), (b, 8.0)):
        assert isinstance(node.gradient, np.ndarray)
        assert_close(node.gradient, np.asarray(gradient))


def test_backward_twice_adds_at_leaves_and_starts_afresh_inside():
    """As a loss computed anew would do; kept inner gradients would not."""
    a, b, s, f = example()
    for times in (1, 2, 3):
        backward(f)
        for leaf, gradient in ((a, 3.0), (b, 8.0)):
            assert_close(leaf.gradient, np.asarray(times * gradient))
        assert_close(s.gradient, np.asarray(3.0))
        assert_close(f.gradient, np.asarray(1.0))


def test_backward_twice_is_torchs():
    leaves = torch.tensor([2.0, 3.0], requires_grad=True)
    s = leaves[0] + leaves[1]
    f = s * leaves[1]
    f.backward(retain_graph=True)
    f.backward()
    a, b, _, ours = example()
    backward(ours)
    backward(ours)
    assert_close([a.gradient, b.gradient], leaves.grad)


def test_two_losses_on_one_graph_add_at_the_leaves():
    a, b, s, f = example()
    backward(f)
    backward(s * 10)
    assert_close(a.gradient, np.asarray(13.0))
    assert_close(b.gradient, np.asarray(18.0))
    assert_close(s.gradient, np.asarray(10.0))


def test_a_gradient_of_none_starts_afresh():
    a, b, _, f = example()
    assert a.gradient is None
    backward(f)
    a.gradient = None
    backward(f)
    assert_close(a.gradient, np.asarray(3.0))
    assert_close(b.gradient, np.asarray(16.0))


def test_gradients_share_no_memory():
    """Clipping one in place must not touch another, or be refused."""
    x, y = Variable(np.ones((2, 3))), Variable(np.ones((2, 3)))
    z = x + y
    backward(z.sum())
    before = x.gradient
    x.gradient *= 5
    assert_close(y.gradient, np.ones((2, 3)))
    assert_close(z.gradient, np.ones((2, 3)))
    backward(z.sum())
    assert_close(before, np.full((2, 3), 5.0))
    assert_close(x.gradient, np.full((2, 3), 6.0))


def test_a_loss_that_is_a_leaf():
    x = Variable(4.0)
    backward(x)
    backward(x)
    assert_close(x.gradient, np.asarray(2.0))


def test_deep_graphs_need_no_recursion():
    """Neither the walk nor the memory manager that frees the chain."""
    depth = 10_000
    assert depth > sys.getrecursionlimit()
    x = Variable(1.0)
    y = x
    for _ in range(depth):
        y = y + 1e-3
    backward(y)
    assert_close(x.gradient, np.asarray(1.0))
    assert len(topological_order(y)) == depth + 1
    del y


def test_shared_nodes_are_visited_once():
    """2 to the power of 200 paths, 200 nodes."""
    x = Variable(1.0)
    y = x
    for _ in range(200):
        y = y + y
    backward(y)
    assert_close(x.gradient, np.asarray(2.0**200))


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 99)),
        min_size=1,
        max_size=30,
    )
)
def test_parents_stand_before_their_children(pairs):
    nodes = [Variable(1.0), Variable(2.0)]
    for i, j in pairs:
        nodes.append(nodes[i % len(nodes)] + nodes[j % len(nodes)])
    order = topological_order(nodes[-1])
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is nodes[-1]
    for node in order:
        for parent, _ in node.edges:
            assert place[parent] < place[node]


def test_constants_are_no_part_of_the_graph(rng):
    x, data = Variable(rng.normal(size=(2, 2))), rng.normal(size=(2, 2))
    loss = (data @ x - data * x / 2 + (1 - x)).sum()
    leaves = [v for v in topological_order(loss) if not v.edges]
    assert leaves == [x]
    assert len(topological_order(1 - x)) == 2


def test_a_value_is_cut_off_from_the_graph():
    """d(x * c)/dx with c = x**2 held is c, not 3 x**2."""
    x = Variable(2.0)
    backward(x * (x**2).value)
    assert_close(x.gradient, np.asarray(4.0))


def test_the_graph_lives_as_long_as_the_loss():
    x = Variable(np.ones(3))
    h = x * 2
    inner = weakref.ref(h)
    loss = (h * h).sum()
    del h
    gc.collect()
    assert inner() is not None
    backward(loss)
    assert inner() is not None
    del loss
    gc.collect()
    assert inner() is None


@pytest.mark.parametrize(
    "operation",
    [
        lambda w: w * w,
        lambda w: w / (2 * w + 1),
        lambda w: 1 / w,
        lambda w: w**3,
        lambda w: w @ w,
        lambda w: np.ones((1, 2)) @ w,
        lambda w: w.exp(),
        lambda w: w.log(),
        lambda w: w.tanh(),
        lambda w: (w - 1.5).relu(),
        lambda w: w.mean(axis=0),
    ],
)
def test_a_value_replaced_after_the_record_changes_nothing(operation):
    expected = None
    for replaced in (False, True):
        w = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
        loss = operation(w).sum()
        if replaced:
            w.value = w.value * 10
        backward(loss)
        expected = w.gradient if expected is None else expected
        assert_close(w.gradient, expected)


def test_a_value_changed_in_place_changes_the_gradient():
    w = Variable(np.array([1.0, 2.0]))
    loss = (w * w).sum()
    w.value *= 10
    backward(loss)
    assert_close(w.gradient, [20.0, 40.0])


def test_arguments_stay_as_they_are(rng):
    x = rng.normal(size=(2, 3))
    copy = x.copy()
    v = Variable(x)
    assert v.value is x
    backward((v.exp() * v.relu() / (v + 9).sum()).sum())
    assert_close(x, copy, rtol=0, atol=0)


def test_a_new_operation_needs_a_value_and_a_rule():
    x = Variable(np.array([0.5, 1.0]))
    sine = Variable(np.sin(x.value), [(x, lambda dy: dy * np.cos(x.value))])
    backward((sine * sine).sum())
    assert_close(x.gradient, np.sin(2 * x.value))


def test_extreme_values():
    tiny = Variable(np.array(1e-200))
    backward(tiny / Variable(np.array(1e-200)) * 1e-200)
    assert_close(tiny.gradient, np.asarray(1.0))
    b = Variable(np.array(1e-200))
    backward(1e-200 / b)
    assert_close(b.gradient, np.asarray(-1e200))
    b = Variable(np.array(1e-200))
    backward(Variable(np.array(1e-200)) / b)
    assert_close(b.gradient, np.asarray(-1e200))
    far = Variable(np.array([-1e3, 1e3]))
    backward(far.tanh().sum())
    assert_close(far.gradient, [0.0, 0.0])


def test_kinks_and_corners_are_torchs():
    """relu and powers at 0."""
    for f in (
        lambda x: x.relu(),
        lambda x: x**0,
        lambda x: x**1,
        lambda x: x**2,
        lambda x: x**3.5,
    ):
        x = Variable(np.zeros(2))
        backward(f(x).sum())
        t = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        f(t).sum().backward()
        assert_close(x.gradient, t.grad)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_float32_stays_float32(name, rng):
    def gradients(x, y):
        x, y = Variable(x), Variable(y)
        loss = (STEPS[name](x, y) * np.float64(2) + TABLE[0, 0, 0]).mean()
        backward(loss)
        return loss.value, loss.gradient, x.gradient, y.gradient

    assert_float32(gradients, rng.normal(size=(3, 3)), rng.normal(size=(3, 3)))


def test_float32_with_constants_of_other_dtypes(rng):
    for other in (
        np.float64(3),
        np.int64(3),
        True,
        np.full((2, 2), 3.0),
        np.full((2, 2), 3),
        [[1, 2], [3, 4]],
    ):
        x = Variable(rng.uniform(1, 2, size=(2, 2)).astype(np.float32))
        loss = (x**other + other / x + (x * other - other) / other).sum()
        backward(loss)
        assert loss.value.dtype == np.float32
        assert x.gradient.dtype == np.float32


def test_a_rule_of_another_dtype_does_not_widen_the_gradient():
    x = Variable(np.ones(2, np.float32))
    y = Variable(np.float32(2), [(x, lambda dy: np.array([1.0, 2.0]) * dy)])
    backward(y)
    assert x.gradient.dtype == np.float32


def test_empty_arrays():
    x = Variable(np.zeros((0, 3)))
    backward((x * 2 + np.ones(3)).sum())
    assert_close(x.gradient, np.zeros((0, 3)))
    assert_close(unbroadcast(np.zeros((0, 3)), (3,)), np.zeros(3))
    assert_close(unbroadcast(np.zeros((0, 3)), (1, 1)), np.zeros((1, 1)))
    assert_close(unbroadcast(np.zeros((0, 3)), (0, 1)), np.zeros((0, 1)))
    with pytest.raises(ValueError, match=r"needs 1 number, got shape \(0, 3\)"):
        x.mean(axis=0)


@pytest.mark.parametrize(
    "value",
    [2, True, 1j, None, "2", [1, 2], np.ones(2, np.int64), Variable(1.0)],
)
def test_other_values_are_refused(value):
    with pytest.raises(ValueError, match="needs real floating-point numbers"):
        Variable(value)


@pytest.mark.parametrize("other", [1j, None, "2", np.ones(2, complex)])
def test_other_constants_are_refused(other):
    x = Variable(np.ones(2))
    for operation in (
        lambda: x + other,
        lambda: x - other,
        lambda: x * other,
        lambda: x / other,
        lambda: other + x,
        lambda: other - x,
        lambda: other / x,
        lambda: x**other,
        lambda: x @ other,
    ):
        with pytest.raises(ValueError, match="needs real numbers, got"):
            operation()


def test_variables_of_two_dtypes_are_refused():
    x, y = Variable(np.ones((2, 2))), Variable(np.ones((2, 2), np.float32))
    for operation in (
        lambda: x + y,
        lambda: x - y,
        lambda: y * x,
        lambda: x / y,
        lambda: x @ y,
    ):
        with pytest.raises(ValueError, match=r"one dtype, got float\d\d and"):
            operation()


def test_a_variable_exponent_is_refused():
    with pytest.raises(ValueError, match="constant exponent, got a variable"):
        Variable(2.0) ** Variable(3.0)


@pytest.mark.parametrize(
    ("first", "second"), [((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,))]
)
def test_products_with_vectors_are_refused(first, second):
    x, y = np.ones(first), np.ones(second)
    for a, b in (
        (Variable(x), Variable(y)),
        (x, Variable(y)),
        (Variable(x), y),
    ):
        with pytest.raises(ValueError, match="two axes or more on both sides"):
            a @ b


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (0,)])
def test_a_loss_of_more_than_one_number_is_refused(shape):
    x = Variable(np.ones(shape))
    with pytest.raises(ValueError, match=r"one number of shape \(\), got"):
        backward(x * 2)
    assert x.gradient is None


@pytest.mark.parametrize(
    ("wide", "narrow"), [((3,), (2,)), ((3,), (1, 3)), ((), (3,)), ((1,), (3,))]
)
def test_shapes_that_do_not_broadcast_are_refused(wide, narrow):
    """Not even where both could be stretched to a third shape."""
    with pytest.raises(ValueError, match="broadcast"):
        unbroadcast(np.ones(wide), narrow)


def test_a_rule_of_another_shape_is_refused():
    x = Variable(np.ones(3))
    y = Variable(np.sum(x.value), [(x, lambda dy: dy)])
    with pytest.raises(ValueError, match=r"of shape \(\) needs a value that"):
        backward(y)


@settings(max_examples=25)
@given(st.sampled_from(SHAPES), st.sampled_from(SHAPES))
def test_unbroadcast_is_the_transpose_of_broadcasting(shape, other):
    """<broadcast(x), y> = <x, unbroadcast(y)>, which defines it."""
    rng = np.random.default_rng(0)
    wide = np.broadcast_shapes(shape, other)
    x, y = rng.normal(size=shape), rng.normal(size=wide)
    left = np.sum(np.broadcast_to(x, wide) * y)
    assert_close(np.sum(x * unbroadcast(y, shape)), left)
