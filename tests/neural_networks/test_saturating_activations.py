import re
from math import cosh, exp, inf, log, nan

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from reference.classification.logistic_regression import sigmoid
from reference.foundations.affine_maps import affine_backward
from reference.neural_networks.multilayer_perceptron import (
    Dense,
    multilayer_perceptron,
)
from reference.neural_networks.saturating_activations import (
    gradient_sizes,
    sigmoid_backward,
    step,
    tanh,
    tanh_backward,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

Z = np.array([[-3.0, -0.5, 0.0], [0.25, 2.0, 20.0]])
DY = np.array([[2.0, -1.0, 0.5], [3.0, -4.0, 1e6]])
EACH = [(i, j) for i in range(2) for j in range(3)]
SMOOTH = [(sigmoid, sigmoid_backward), (tanh, tanh_backward)]
FUNCTIONS = [step, sigmoid, tanh]


@pytest.fixture
def stack(rng):
    """Return dy and x of 5 examples with 3 features, and 4 layers."""
    return (
        rng.normal(size=(5, 3)),
        rng.normal(size=(5, 3)),
        rng.normal(size=(4, 3, 3)),
    )


def outputs(x, weights, f):
    """Return z and h of every layer, computed index by index."""
    zs, hs = [], [x]
    for w in weights:
        z = np.zeros_like(x)
        for n in range(x.shape[0]):
            for k in range(x.shape[1]):
                z[n, k] = sum(hs[-1][n, d] * w[d, k] for d in range(x.shape[1]))
        zs.append(z)
        hs.append(f(z))
    return zs, hs


def slope_of_tanh(z):
    return 1 / np.cosh(z) ** 2


def delivered(dy, x, weights):
    """Return the gradients behind every layer of a stack of tanh."""
    zs, _ = outputs(x, weights, np.tanh)
    gradients = [dy]
    for w, z in zip(weights[::-1], zs[::-1], strict=True):
        g = np.zeros_like(dy)
        for n in range(dy.shape[0]):
            for d in range(dy.shape[1]):
                g[n, d] = sum(
                    w[d, k] * slope_of_tanh(z[n, k]) * gradients[-1][n, k]
                    for k in range(dy.shape[1])
                )
        gradients.append(g)
    return gradients[::-1]


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(array):
    r"""\mathrm{step}(z) = [z > 0]"""
    expected = np.zeros_like(Z)
    for i, j in EACH:
        expected[i, j] = 1.0 if Z[i, j] > 0 else 0.0
    assert_close(step(array(Z)), expected)


def test_eq_2(array):
    r"""\tanh z = \frac{e^z - e^{-z}}{e^z + e^{-z}}"""
    expected = np.zeros_like(Z)
    for i, j in EACH:
        up, down = exp(Z[i, j]), exp(-Z[i, j])
        expected[i, j] = (up - down) / (up + down)
    assert_close(tanh(array(Z)), expected)


def test_eq_3(array):
    r"""
    \frac{\partial L}{\partial z} = \frac{\partial L}{\partial y} \,
    \sigma(z) \, \sigma(-z)
    """
    expected = np.zeros_like(Z)
    for i, j in EACH:
        up, down = 1 / (1 + exp(-Z[i, j])), 1 / (1 + exp(Z[i, j]))
        expected[i, j] = DY[i, j] * up * down
    assert_close(sigmoid_backward(array(DY), array(Z)), expected)


def test_eq_4(array):
    r"""
    \frac{\partial L}{\partial z} = \frac{\partial L}{\partial y}
    \left( \frac{2}{e^z + e^{-z}} \right)^2
    """
    expected = np.zeros_like(Z)
    for i, j in EACH:
        root = 2 / (exp(Z[i, j]) + exp(-Z[i, j]))
        expected[i, j] = DY[i, j] * root**2
    assert_close(tanh_backward(array(DY), array(Z)), expected)


def test_eq_5(stack, array):
    r"""
    z^{(\ell)} = h^{(\ell-1)} W^{(\ell)}, \qquad
    h^{(\ell)} = f\!\left( z^{(\ell)} \right)
    """
    seen = []

    def recorded(z):
        seen.append(z)
        return tanh(z)

    _, x, weights = stack
    gradient_sizes(*map(array, stack), recorded, tanh_backward)
    zs, _ = outputs(x, weights, np.tanh)
    for actual, expected in zip(seen, zs, strict=True):
        assert_close(actual, expected)


def test_eq_6(stack, array):
    r"""
    g^{(\ell-1)} = \left( g^{(\ell)} \odot f'\!\left( z^{(\ell)} \right)
    \right) W^{(\ell)\top}
    """
    seen = []

    def recorded(dy, z):
        seen.append(dy)
        return tanh_backward(dy, z)

    gradient_sizes(*map(array, stack), tanh, recorded)
    expected = delivered(*stack)[:0:-1]
    for a, e in zip(seen, expected, strict=True):
        assert_close(a, e)


def test_eq_7(stack, array):
    r"""
    s_\ell = \frac{1}{N D} \sum_{n=1}^{N} \sum_{d=1}^{D}
    \left\lvert g^{(\ell)}_{nd} \right\rvert
    """
    actual = gradient_sizes(*map(array, stack), tanh, tanh_backward)
    expected = [
        sum(abs(g[n, d]) for n in range(5) for d in range(3)) / 15
        for g in delivered(*stack)
    ]
    assert_close(actual, expected)


# The same as everybody else's: PyTorch, SciPy, NumPy, the math module.


def test_others_have_the_same_functions(rng, array):
    z = 5 * rng.normal(size=(4, 5))
    z[0, 0] = 0.0
    assert_close(step(array(z)), np.heaviside(z, 0.0))
    assert_close(sigmoid(array(z)), special.expit(z), atol=0)
    assert_close(tanh(array(z)), torch.tanh(torch.asarray(z)), atol=0)


@pytest.mark.parametrize(
    ("theirs", "backward"),
    [(torch.sigmoid, sigmoid_backward), (torch.tanh, tanh_backward)],
)
def test_pytorch_has_the_same_gradients(theirs, backward, rng, array):
    z, dy = 3 * rng.normal(size=(2, 4, 5))
    leaf = torch.asarray(z).requires_grad_()
    [expected] = torch.autograd.grad(theirs(leaf), leaf, torch.asarray(dy))
    assert_close(backward(array(dy), array(z)), expected)


@pytest.mark.parametrize("z", [-300.0, -40.0, 1e-9, 17.0, 40.0, 300.0])
def test_derivatives_keep_their_digits_far_out(z, array):
    """Where the library's are 0: 1 - y has no digit left."""
    one, at = array(np.ones(1)), array(np.array([z]))
    near = {"rtol": 1e-12, "atol": 0}
    expected = 1 / (2 + 2 * cosh(z))
    assert_close(sigmoid_backward(one, at), [expected], **near)
    assert_close(tanh_backward(one, at), [cosh(z) ** -2], **near)


def test_pytorch_has_the_same_stack(stack, array):
    dy, x, weights = (torch.asarray(a) for a in stack)
    layers = [x.clone().requires_grad_()]
    h = layers[0]
    for w in weights:
        h = torch.sigmoid(h @ w)
        layers = [*layers, h]
    expected = torch.stack(
        [g.abs().mean() for g in torch.autograd.grad(h, layers, dy)]
    )
    actual = gradient_sizes(*map(array, stack), sigmoid, sigmoid_backward)
    assert_close(actual, expected)


# The hand-written gradients.


@pytest.mark.parametrize(("function", "backward"), SMOOTH)
def test_gradients(function, backward):
    assert_gradient(function, backward, Z[:, :2])


@pytest.mark.parametrize(("function", "backward"), SMOOTH)
def test_autograd_survives_zero_and_extremes(function, backward):
    z = np.array([-1e3, -30.0, 0.0, 30.0, 1e3])
    leaf = torch.asarray(z).requires_grad_()
    [actual] = torch.autograd.grad(function(leaf).sum(), leaf)
    assert_close(actual, backward(np.ones(5), z))


def test_a_step_hands_nothing_back():
    leaf = torch.asarray(Z).requires_grad_()
    [actual] = torch.autograd.grad(step(leaf).sum(), leaf)
    assert_close(actual, np.zeros_like(Z))


# What the page promises: invariances, limits, pitfalls, refused inputs.


@settings(max_examples=25)
@given(st.lists(st.floats(-30, 30), min_size=1, max_size=8))
def test_tanh_is_a_stretched_sigmoid_and_slopes_are_even(z):
    z, one = np.array(z), np.ones(len(z))
    assert_close(tanh(z), 2 * sigmoid(2 * z) - 1)
    assert_close(sigmoid(z) + sigmoid(-z), one)
    assert_close(tanh(-z), -tanh(z), atol=0)
    for backward, most in ((sigmoid_backward, 0.25), (tanh_backward, 1.0)):
        slope = backward(one, z)
        assert np.all((slope > 0) & (slope <= most))
        assert_close(backward(one, -z), slope, rtol=1e-15, atol=0)
        assert_close(backward(-3 * one, z), -3 * slope, rtol=1e-15, atol=0)


def test_the_pencil_example(array):
    z, one = array(np.array([0.0, 2.0])), array(np.ones(2))
    for actual, expected in (
        (sigmoid(z), [0.5, 0.881]),
        (sigmoid_backward(one, z), [0.25, 0.105]),
        (tanh(z), [0.0, 0.964]),
        (tanh_backward(one, z), [1.0, 0.071]),
    ):
        assert_close(actual, expected, rtol=0, atol=5e-4)


def test_the_slope_of_tanh_is_four_times_the_sigmoids_at_twice_z(rng, array):
    z = rng.normal(size=7)
    dy = array(np.full(7, 4.0))
    expected = sigmoid_backward(dy, array(2 * z))
    assert_close(tanh_backward(array(np.ones(7)), array(z)), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_saturate_without_a_warning(dtype, array):
    far = float(np.finfo(dtype).max)
    for big in (1e3, far, inf):
        z = array(np.array([-big, big], dtype))
        dy = array(np.array([1.0, far], dtype))
        assert_close(step(z), np.array([0.0, 1.0], dtype), atol=0)
        assert_close(sigmoid(z), np.array([0.0, 1.0], dtype), atol=0)
        assert_close(tanh(z), np.array([-1.0, 1.0], dtype), atol=0)
        for _, backward in SMOOTH:
            assert_close(backward(dy, z), np.zeros(2, dtype), atol=0)


def test_a_large_upstream_gradient_rescues_a_small_slope(array):
    """The slope of tanh at -380 is below the smallest float64."""
    z, dy = array(np.array([-380.0, 380.0])), array(np.full(2, 1e300))
    expected = exp(300 * log(10) + log(4) - 760)
    near = {"rtol": 1e-11, "atol": 0}
    assert_close(tanh_backward(dy, z), [expected] * 2, **near)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nan_stays_nan(function, array):
    actual = to_numpy(function(array(np.array([nan, 1.0]))))
    assert np.isnan(actual[0])
    assert actual[1] > 0.7


@pytest.mark.parametrize(("_", "backward"), SMOOTH)
def test_nan_goes_back_as_nan(_, backward, array):
    dy, z = np.array([nan, 1.0, 1.0]), np.array([1.0, nan, 1.0])
    actual = to_numpy(backward(array(dy), array(z)))
    assert np.isnan(actual).tolist() == [True, True, False]


def test_the_zeros_of_a_step_have_no_minus_sign(array):
    actual = to_numpy(step(array(np.array([-1.0, -0.0, 0.0]))))
    assert not np.any(np.signbit(actual))


def test_open_intervals_close_in_floats():
    """Where the page says, and not before."""
    assert sigmoid(np.array(36.7)) < 1 == sigmoid(np.array(36.8))
    assert tanh(np.array(18.0)) < 1 == tanh(np.array(20.0))
    assert sigmoid(np.array(-745.0)) > 0 == sigmoid(np.array(-746.0))
    one = np.array(1.0)
    for z in (745.0, -745.0):
        assert sigmoid_backward(one, np.array(z)) > 0
        assert sigmoid_backward(one, np.array(1.01 * z)) == 0


def test_a_small_number_keeps_its_digits(array):
    z = array(np.array([1e-20, -3e-300]))
    assert_close(tanh(z), [1e-20, -3e-300], atol=0)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3, 2)])
def test_any_shape(shape, rng, array):
    z, dy = rng.normal(size=(2, *shape))
    for function in FUNCTIONS:
        assert tuple(function(array(z)).shape) == shape
    for _, backward in SMOOTH:
        actual = backward(array(dy), array(z))
        flat = backward(array(dy.reshape(-1)), array(z.reshape(-1)))
        assert_close(actual, to_numpy(flat).reshape(shape))


def layers_of(seed, gain=1.0, count=30, d=64):
    rng = np.random.default_rng(seed)
    weights = gain * rng.normal(size=(count, d, d)) / d**0.5
    x, dy = rng.normal(size=(2, 32, d))
    return dy, x, weights


@pytest.mark.parametrize("seed", range(3))
def test_only_the_sigmoid_lets_the_gradient_vanish(seed):
    """The page's measurement: factors of 0.23, 0.93 and 1 a layer."""
    for function, backward, factor in (
        (sigmoid, sigmoid_backward, 0.232),
        (tanh, tanh_backward, 0.935),
        (lambda z: z, lambda dy, _: dy, 0.99),
    ):
        s = gradient_sizes(*layers_of(seed), function, backward)
        assert_close((s[0] / s[-1]) ** (1 / 30), factor, atol=0.02)


def test_wide_weights_saturate_tanh_and_yet_the_gradient_grows():
    s = gradient_sizes(*layers_of(0, gain=3.0), tanh, tanh_backward)
    assert_close((s[0] / s[-1]) ** (1 / 30), 1.33, atol=0.03)


def test_values_between_0_and_1_need_not_let_the_gradient_vanish(array):
    """Weight 4 and bias -2, put into the activation: the factor is 1."""
    x, dy = array(np.array([[0.5]])), array(np.ones((1, 1)))
    weights = array(np.full((30, 1, 1), 4.0))
    actual = gradient_sizes(
        dy,
        x,
        weights,
        lambda z: sigmoid(z - 2),
        lambda dy, z: sigmoid_backward(dy, z - 2),
    )
    assert_close(actual, np.ones(31))


def test_no_layer_hands_back_what_came(array):
    dy, x = array(np.array([[1.0, -3.0]])), array(np.ones((1, 2)))
    weights = array(np.ones((0, 2, 2)))
    assert_close(gradient_sizes(dy, x, weights, tanh, tanh_backward), [2.0])


def test_sizes_far_below_a_square_that_underflows(array):
    dy, x = array(np.full((2, 2), 1e-200)), array(np.zeros((2, 2)))
    weights = array(np.eye(2)[None, :, :])
    actual = gradient_sizes(dy, x, weights, sigmoid, sigmoid_backward)
    assert_close(actual, [2.5e-201, 1e-200], atol=0)


def test_positive_inputs_give_an_example_gradients_of_one_sign(rng):
    x = sigmoid(rng.normal(size=(50, 8)))
    w, b, dy = rng.normal(size=(8, 1)), np.zeros(1), rng.normal(size=(50, 1))
    for n in range(50):
        dw = affine_backward(dy[n : n + 1], x[n : n + 1], w, b).dw
        assert abs(np.sum(np.sign(dw))) == 8
    mixed = affine_backward(dy - np.mean(dy), x, w, b).dw
    assert abs(np.sum(np.sign(mixed))) < 8


def test_sigmoid_and_tanh_networks_compute_the_same_functions(rng):
    x = rng.normal(size=(6, 3))
    first = Dense(rng.normal(size=(3, 5)), rng.normal(size=5))
    last = Dense(rng.normal(size=(5, 2)), rng.normal(size=2))
    twice = Dense(2 * first.w, 2 * first.b)
    rest = Dense(2 * last.w, last.b - np.sum(last.w, axis=0))
    assert_close(
        multilayer_perceptron(x, [twice, rest], sigmoid),
        multilayer_perceptron(x, [first, last], tanh),
    )


def test_float32(stack):
    for function in FUNCTIONS:
        assert_float32(function, Z)
    for function, backward in SMOOTH:
        assert_float32(backward, DY, Z)
        assert_float32(
            lambda dy, x, w, f=function, b=backward: gradient_sizes(
                dy, x, w, f, b
            ),
            *stack,
        )


def test_no_argument_is_changed(stack):
    for a in (Z, DY, *stack):
        a.flags.writeable = False
    for function in FUNCTIONS:
        function(Z)
    for _, backward in SMOOTH:
        backward(DY, Z)
    gradient_sizes(*stack, tanh, tanh_backward)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, stack, array):
    a, other = array(np.ones(2)), array(np.ones(2).astype(dtype))
    message = f"real floating-point numbers, got {other.dtype}"
    for function in FUNCTIONS:
        with pytest.raises(ValueError, match=message):
            function(other)
    for _, backward in SMOOTH:
        for pair in ((other, a), (a, other)):
            with pytest.raises(ValueError, match=message):
                backward(*pair)
    for i in range(3):
        given_ = [array(k) for k in stack]
        given_[i] = array(stack[i].astype(dtype))
        with pytest.raises(ValueError, match=message):
            gradient_sizes(*given_, lambda z: z, lambda dy, _: dy)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(3, 1), (1,), (), (2,), (1, 3)])
def test_shapes_that_would_broadcast_are_refused(shape, array):
    other, a = array(np.ones(shape)), array(np.ones(3))
    for _, backward in SMOOTH:
        for dy, z in ((other, a), (a, other)):
            came = f"dy of shape {tuple(dy.shape)} and z of shape "
            message = "one upstream gradient for each number, got " + came
            with pytest.raises(
                ValueError, match=re.escape(message + f"{tuple(z.shape)}")
            ):
                backward(dy, z)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("dy", "x", "weights"),
    [
        ((1, 3), (5, 3), (4, 3, 3)),
        ((5, 1), (5, 3), (4, 3, 3)),
        ((3,), (3,), (4, 3, 3)),
        ((2, 5, 3), (2, 5, 3), (4, 3, 3)),
        ((), (), (4, 3, 3)),
        ((), (), (4,)),
        ((3,), (3,), (4, 0, 0)),
        ((3,), (3,), (4,)),
        ((2, 5, 3), (2, 5, 3), (4, 5, 3, 5, 3)),
        ((5, 3), (5, 3), (3, 3)),
        ((5, 3), (5, 3), (4, 3, 1)),
        ((5, 3), (5, 3), (4, 1, 3)),
        ((5, 3), (5, 3), (1, 4, 3, 3)),
        ((5, 0), (5, 0), (4, 0, 0)),
        ((0, 3), (0, 3), (4, 3, 3)),
    ],
)
def test_stacks_that_do_not_fit_are_refused(dy, x, weights, array):
    given_ = [array(np.ones(shape)) for shape in (dy, x, weights)]
    message = re.escape(f"weights (L, D, D), got {x}, {dy} and {weights}")
    with pytest.raises(ValueError, match=message):
        gradient_sizes(*given_, tanh, tanh_backward)
