import re
from math import erf, exp, inf, nan, pi, sqrt, tanh

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from reference.neural_networks.multilayer_perceptron import relu
from reference.neural_networks.rectified_activations import (
    _normal_cdf,
    dead_units,
    elu,
    elu_backward,
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    relu_backward,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

Z = np.array([[-7.5, -2.0, -1e-3], [0.0, 0.25, 0.75], [1.0, 3.0, 12.0]])
DY = np.array([[1.0, -2.0, 3.0], [5.0, -0.5, 2.0], [0.1, 7.0, -4.0]])
C = sqrt(2 / pi)


def leaky_fifth(z):
    return leaky_relu(z, 0.2)


def leaky_fifth_backward(dy, z):
    return leaky_relu_backward(dy, z, 0.2)


def elu_half(z):
    return elu(z, 0.5)


def elu_half_backward(dy, z):
    return elu_backward(dy, z, 0.5)


def gelu_tanh(z):
    return gelu(z, "tanh")


def gelu_tanh_backward(dy, z):
    return gelu_backward(dy, z, "tanh")


# Ours, its backward pass, PyTorch's, and the slope left of 0 at 0.
ALL = [
    (relu, relu_backward, F.relu, 0.0),
    (leaky_relu, leaky_relu_backward, F.leaky_relu, 0.01),
    (
        leaky_fifth,
        leaky_fifth_backward,
        lambda z: F.leaky_relu(z, 0.2),
        0.2,
    ),
    (elu, elu_backward, F.elu, 1.0),
    (elu_half, elu_half_backward, lambda z: F.elu(z, 0.5), 0.5),
    (gelu, gelu_backward, F.gelu, 0.5),
    (
        gelu_tanh,
        gelu_tanh_backward,
        lambda z: F.gelu(z, approximate="tanh"),
        0.5,
    ),
]
BACKWARDS = [row[1] for row in ALL]
CHECKED = [row[0] for row in ALL[1:]]  # relu is another page's


def each(scalar, *arrays):
    """Return a function of one number, applied to each entry."""
    out = np.empty(arrays[0].shape)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = scalar(*(a[i, j] for a in arrays))
    return out


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(array):
    r"""\frac{\partial L}{\partial z} = \delta \, [z > 0]"""
    expected = each(lambda d, z: d if z > 0 else 0.0, DY, Z)
    assert_close(relu_backward(array(DY), array(Z)), expected)


@pytest.mark.parametrize("a", [0.0, 0.01, 0.2, 1.0, 3.0])
def test_eq_2(a, array):
    r"""
    \mathrm{leaky}(z) = \begin{cases}
    z & \text{if } z > 0 \\
    a z & \text{else}
    \end{cases}
    """
    expected = each(lambda z: z if z > 0 else a * z, Z)
    assert_close(leaky_relu(array(Z), a), expected)


@pytest.mark.parametrize("a", [0.0, 0.01, 0.2, 1.0, 3.0])
def test_eq_3(a, array):
    r"""
    \frac{\partial L}{\partial z} = \delta \cdot \begin{cases}
    1 & \text{if } z > 0 \\
    a & \text{else}
    \end{cases}
    """
    expected = each(lambda d, z: d * (1 if z > 0 else a), DY, Z)
    assert_close(leaky_relu_backward(array(DY), array(Z), a), expected)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_eq_4(alpha, array):
    r"""
    \mathrm{elu}(z) = \begin{cases}
    z & \text{if } z > 0 \\
    \alpha \, (e^z - 1) & \text{else}
    \end{cases}
    """
    expected = each(lambda z: z if z > 0 else alpha * (exp(z) - 1), Z)
    assert_close(elu(array(Z), alpha), expected)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_eq_5(alpha, array):
    r"""
    \frac{\partial L}{\partial z} = \delta \cdot \begin{cases}
    1 & \text{if } z > 0 \\
    \alpha \, e^z & \text{else}
    \end{cases}
    """
    expected = each(lambda d, z: d * (1 if z > 0 else alpha * exp(z)), DY, Z)
    assert_close(elu_backward(array(DY), array(Z), alpha), expected)


def phi(z):
    return (1 + erf(z / sqrt(2))) / 2


def test_eq_6(array):
    r"""\mathrm{gelu}(z) = z \, \Phi(z)"""
    assert_close(gelu(array(Z)), each(lambda z: z * phi(z), Z))


def test_eq_7(array):
    r"""
    \frac{\partial L}{\partial z} = \delta \,
    \bigl( \Phi(z) + z \, \varphi(z) \bigr)
    """
    expected = each(
        lambda d, z: d * (phi(z) + z * exp(-z * z / 2) / sqrt(2 * pi)), DY, Z
    )
    assert_close(gelu_backward(array(DY), array(Z)), expected)


def test_eq_8(array):
    r"""
    \Phi(z) = \frac{1}{1 + e^{-2 \pi z / \tau}}
    - \frac{\tau z}{\pi} e^{-z^2 / 2}
    \sum_{k=1}^{11} \frac{e^{-s_k^2 / 2}}{s_k^2 + z^2}
    """

    def written_out(z):
        tau, total = 0.7, 0.0
        for k in range(1, 12):
            s = (k - 1 / 2) * tau
            total += exp(-(s**2) / 2) / (s**2 + z**2)
        first = 1 / (1 + exp(-2 * pi * z / tau))
        return first - tau * z / pi * exp(-(z**2) / 2) * total

    assert_close(_normal_cdf(array(Z)), each(written_out, Z), atol=1e-15)


def test_eq_9(array):
    r"""\mathrm{gelu}_{\tanh}(z) = \frac{z}{2} \, (1 + \tanh u)"""
    expected = each(lambda z: z / 2 * (1 + tanh(C * (z + 0.044715 * z**3))), Z)
    assert_close(gelu(array(Z), "tanh"), expected)


def test_eq_10(array):
    r"""
    \frac{\partial L}{\partial z} = \delta \left( \frac{1 + \tanh u}{2}
    + \frac{z}{2} \, (1 - \tanh^2 u) \, u' \right)
    """

    def written_out(d, z):
        t = tanh(C * (z + 0.044715 * z**3))
        slope = C * (1 + 3 * 0.044715 * z**2)
        return d * ((1 + t) / 2 + z / 2 * (1 - t**2) * slope)

    expected = each(written_out, DY, Z)
    assert_close(gelu_backward(array(DY), array(Z), "tanh"), expected)


def test_eq_11(rng, array):
    r"""
    \text{dead} = \frac{1}{K} \sum_{k=1}^{K} \prod_{n=1}^{N} [z_{nk} \le 0]
    """
    z = rng.normal(size=(3, 40)) - 0.5
    z[:, 0] = 0.0
    total = 0
    for k in range(40):
        product = 1
        for n in range(3):
            product *= int(z[n, k] <= 0)
        total += product
    assert 5 < total < 25
    assert_close(dead_units(array(z)), total / 40)


# The same as everybody else's: PyTorch with autograd, SciPy.


@pytest.mark.parametrize(
    ("ours", "backward", "theirs"), [row[:3] for row in ALL]
)
def test_pytorch(ours, backward, theirs, rng, array):
    z = np.concatenate([np.linspace(-12, 12, 4801), [0.0, -0.0, 1e3, -1e3]])
    dy = rng.normal(size=z.shape)
    leaf = torch.tensor(z, requires_grad=True)
    expected = theirs(leaf)
    assert_close(ours(array(z)), expected, atol=1e-14)
    [gradient] = torch.autograd.grad(expected, leaf, torch.tensor(dy))
    assert_close(backward(array(dy), array(z)), gradient, atol=1e-14)


def test_the_defaults_are_those_of_pytorch(array):
    z = torch.tensor([-1.0], dtype=torch.float64)
    for ours, theirs in (
        (leaky_relu, F.leaky_relu),
        (elu, F.elu),
        (gelu, F.gelu),
    ):
        assert_close(ours(array(to_numpy(z))), theirs(z), rtol=1e-14)


def test_the_normal_distribution_function_is_scipys(array):
    z = np.linspace(-37.5, 37.5, 60_001)
    actual = _normal_cdf(array(z))
    # exp(-z^2 / 2) has z^2 / 2 times the rounding error of its exponent.
    assert_close(actual, special.ndtr(z), rtol=3e-13, atol=0)
    near = np.abs(z) < 9
    actual = _normal_cdf(array(z[near]))
    assert_close(actual, special.ndtr(z[near]), rtol=2e-14, atol=0)
    right = np.linspace(-1, 9, 10_001)
    expected = special.ndtr(right)
    assert_close(_normal_cdf(array(right)), expected, rtol=0, atol=5e-16)


def test_a_distribution_function_of_single_precision(array):
    z = np.linspace(-13, 13, 26_001, dtype=np.float32)
    expected = special.ndtr(z.astype(np.float64))
    assert_close(_normal_cdf(array(z)), expected, rtol=1e-5, atol=0)
    right = np.linspace(-1, 9, 10_001, dtype=np.float32)
    expected = special.ndtr(right.astype(np.float64))
    assert_close(_normal_cdf(array(right)), expected, rtol=0, atol=2.5e-7)


def test_the_left_tail_of_gelu_keeps_its_digits(array):
    z = np.array([-37.5, -37.0, -20.0, -9.5, -9.0, -8.5, -3.0])
    expected = z * special.ndtr(z)
    assert_close(gelu(array(z)), expected, rtol=3e-13, atol=0)
    expected = special.ndtr(z) + z * np.exp(-(z**2) / 2) / sqrt(2 * pi)
    actual = gelu_backward(array(np.ones(7)), array(z))
    assert_close(actual, expected, rtol=3e-13, atol=0)


# The hand-written gradients. Autograd takes the left slope at 0, as they do.


@pytest.mark.parametrize(
    ("ours", "backward", "left"), [(row[0], row[1], row[3]) for row in ALL]
)
def test_backward(ours, backward, left):
    assert_gradient(ours, backward, Z[Z != 0])
    for z in (0.0, -60.0, 60.0):
        leaf = torch.tensor([z], dtype=torch.float64, requires_grad=True)
        [expected] = torch.autograd.grad(ours(leaf).sum(), leaf)
        actual = backward(torch.ones_like(leaf), leaf.detach())
        assert_close(actual, expected)
        if z == 0:
            assert_close(actual, [left])


def test_autograd_can_differentiate_gelu_twice():
    """At 0 too: gelu'' is (2 - z^2) times the density."""
    z = torch.tensor([-2.0, 0.0, 0.5, 3.0], dtype=torch.float64)
    z.requires_grad_()
    [first] = torch.autograd.grad(gelu(z).sum(), z, create_graph=True)
    [second] = torch.autograd.grad(first.sum(), z)
    density = torch.exp(-(z**2) / 2) / sqrt(2 * pi)
    assert_close(second, (2 - z**2) * density, rtol=1e-12)


# What the page promises.


@pytest.mark.parametrize(("ours", "left"), [(row[0], row[3]) for row in ALL])
def test_slopes_at_0_from_each_side(ours, left, array):
    h = 1e-7
    below, at, above = to_numpy(ours(array(np.array([-h, 0.0, h]))))
    assert at == 0
    right = 0.5 if "gelu" in ours.__name__ else 1.0
    assert_close(np.array((at - below) / h), left, atol=1e-6)
    assert_close(np.array((above - at) / h), right, atol=1e-6)


def test_elu_is_smooth_at_0_only_for_alpha_1(array):
    h, at = 1e-6, array(np.array([-1e-6, 1e-6]))
    for alpha, kink in ((0.5, 0.5), (1.0, 0.0), (2.0, -1.0)):
        below, above = to_numpy(elu(at, alpha))
        assert_close(np.array((above + below) / h), kink, atol=1e-5)


def test_elu_saturates_at_minus_alpha(array):
    z = array(np.array([-800.0, -40.0]))
    assert_close(elu(z, 2.0), [-2.0, -2.0])
    assert_close(elu_backward(z * 0 + 1, z, 2.0), [0.0, 0.0])


def test_gelu_falls_before_it_rises(array):
    z = np.linspace(-3, 0, 300_001)
    g = to_numpy(gelu(array(z)))
    assert_close(z[g.argmin()], np.array(-0.75179), atol=1e-5)
    assert_close(g.min(), np.array(-0.16997), atol=1e-5)


def test_the_two_forms_of_gelu_differ_by_less_than_a_thousandth(array):
    z = array(np.linspace(-10, 10, 20_001))
    gap = np.abs(to_numpy(gelu(z)) - to_numpy(gelu(z, "tanh"))).max()
    assert 4.7e-4 < gap < 4.8e-4


@given(st.floats(-30, 30), st.floats(0, 5))
@settings(max_examples=25)
def test_identities(z, scale):
    z = np.array([z])
    assert_close(gelu(z) - gelu(-z), z)
    assert_close(leaky_relu(z, 0.3), 0.7 * relu(z) + 0.3 * z)
    assert_close(leaky_relu(scale * z), scale * leaky_relu(z))
    assert_close(_normal_cdf(z) + _normal_cdf(-z), [1.0])


def test_a_small_number_keeps_its_digits(array):
    z = array(np.array([-1e-200, -1e-12, 1e-12, 1e-200]))
    near = {"rtol": 1e-11, "atol": 0}
    assert_close(elu(z), to_numpy(z), **near)
    assert_close(gelu(z), to_numpy(z) / 2, **near)
    assert_close(gelu(z, "tanh"), to_numpy(z) / 2, **near)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("ours", "backward"), [row[:2] for row in ALL])
def test_extremes(ours, backward, dtype, array):
    """No warning comes: here it would be an error."""
    most = float(np.finfo(dtype).max)
    z = np.array([-inf, -most, -1e30, 1e30, most, inf], dtype=dtype)
    low = float(to_numpy(ours(array(np.array([-1e4], dtype=dtype))))[0])
    actual = to_numpy(ours(array(z)))
    assert actual.dtype == dtype
    assert_close(actual[3:], z[3:])
    if abs(low) < 10:  # bounded on the left
        assert_close(actual[:3], np.full(3, low), atol=1e-30)
    else:
        assert_close(actual[:3], z[:3] * (low / -1e4), rtol=1e-6)
    slope = 0.0 if abs(low) < 10 else low / -1e4
    dy = array(np.full(6, 2.0, dtype=dtype))
    expected = np.array([slope] * 3 + [1.0] * 3) * 2
    gradient = to_numpy(backward(dy, array(z)))
    assert gradient.dtype == dtype
    assert_close(gradient, expected, rtol=1e-6, atol=1e-30)


def test_a_steep_slope_does_not_reach_the_other_side(array):
    z = array(np.array([1e308]))
    assert_close(leaky_relu(z, 10.0), [1e308])
    assert_close(leaky_relu(array(np.array([inf])), 0.0), [inf])
    assert_close(elu(z, 1e300), [1e308])
    assert_close(leaky_relu_backward(z, z, 10.0), [1e308])
    assert_close(elu_backward(z, z, 10.0), [1e308])


def test_nan_stays_visible(array):
    z = array(np.array([nan, 1.0]))
    for ours in CHECKED:
        assert np.isnan(to_numpy(ours(z))).tolist() == [True, False]
    assert_close(relu_backward(z * 0 + 3, array(np.ones(2)))[1:], [3.0])
    dy = array(np.array([3.0]))
    assert_close(relu_backward(dy, array(np.array([nan]))), [3.0])


@pytest.mark.parametrize("ours", [elu, elu_half, gelu, gelu_tanh])
def test_autograd_does_not_hide_nan(ours):
    z = torch.tensor([nan, 1.0], dtype=torch.float64, requires_grad=True)
    [gradient] = torch.autograd.grad(ours(z).sum(), z)
    assert torch.isnan(gradient).tolist() == [True, False]


def test_float32(rng):
    z = rng.normal(size=(4, 5)) * 3
    dy = rng.normal(size=(4, 5))
    for ours, backward, _, _ in ALL:
        assert_float32(ours, z, rtol=1e-5, atol=1e-7)
        assert_float32(backward, dy, z, rtol=1e-5, atol=1e-6)
    assert_float32(dead_units, z)
    half = np.float64(0.5)
    assert_float32(lambda a: leaky_relu(a, half), z)
    assert_float32(lambda a: elu(a, half), z)
    assert_float32(lambda a, b: leaky_relu_backward(a, b, half), dy, z)
    assert_float32(lambda a, b: elu_backward(a, b, half), dy, z)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3, 4)])
def test_any_shape(shape, array):
    z = array(np.full(shape, 2.0))
    for ours, backward, _, _ in ALL:
        assert tuple(ours(z).shape) == shape
        assert tuple(backward(z, z).shape) == shape


def test_the_input_is_left_alone(array):
    z = array(Z.copy())
    for ours, backward, _, _ in ALL:
        ours(z)
        backward(z, z)
    dead_units(z)
    assert_close(z, Z, rtol=0, atol=0)


def test_a_unit_is_dead_only_if_all_examples_switch_it_off(array):
    z = array(np.array([[-2.0, -2.0, 0.0, -inf], [3.0, -1.0, 0.0, inf]]))
    assert_close(dead_units(z), 0.5)
    assert_close(dead_units(z[:1, :]), 1.0)


def test_a_unit_that_one_example_switches_off_still_learns(array):
    x, z = np.array([-2.0, 3.0]), array(np.array([-2.0, 3.0]))
    local = to_numpy(relu_backward(array(np.ones(2)), z))
    assert_close(np.sum(local * x), 3.0)


def descent(act, backward, w, b, rate, steps):
    """Return the parameters, the pre-activations and the loss at the end."""
    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0])
    for _ in range(steps):
        z = w * x + b
        dz = backward(act(z) - y, z)
        w, b = w - rate * np.sum(dz * x), b - rate * np.sum(dz)
    z = w * x + b
    return w, b, z, np.sum((act(z) - y) ** 2) / 2


def test_a_large_step_kills_a_relu_for_good():
    start = (relu, relu_backward, 2.0, -3.0)
    assert_close(descent(*start, 0.1, 1)[3], np.array(0.245))
    for steps in (1, 300):
        w, b, z, loss = descent(*start, 0.5, steps)
        assert_close(np.array([w, b]), [0.5, -3.5])
        assert dead_units(z[:, None]) == 1
        assert_close(loss, np.array(2.5))


@pytest.mark.parametrize(("act", "backward"), [row[:2] for row in ALL[2:]])
def test_leaky_relu_and_elu_come_back_and_gelu_does_not(act, backward):
    w, _, z, loss = descent(act, backward, 0.5, -3.5, 0.05, 300)
    if "gelu" in act.__name__:
        assert w < 0
        assert dead_units(z[:, None]) == 1
    else:
        assert dead_units(z[:, None]) == 0
        assert loss < 0.1


@pytest.mark.parametrize(
    ("gain", "growth"), [(1, 2**-25), (sqrt(2), 1), (2, 2**25)]
)
def test_relu_neither_shrinks_nor_grows_a_signal_the_weights_do(
    gain, growth, rng
):
    x = h = rng.normal(size=(20, 256))
    masks = []
    for _ in range(50):
        w = gain * rng.normal(size=(256, 256)) / 16
        z = h @ w
        masks.append((w, z))
        h = relu(z)
    dy = dx = rng.normal(size=x.shape)
    for w, z in reversed(masks):
        dx = relu_backward(dx, z) @ w.T
    for ratio in (
        np.linalg.norm(h) / np.linalg.norm(x),
        np.linalg.norm(dx) / np.linalg.norm(dy),
    ):
        assert growth / 4 < ratio < 4 * growth
    assert dead_units(masks[0][1]) == 0
    assert dead_units(masks[-1][1]) > 0.3


# What is refused.


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, array):
    good, bad = array(np.ones((2, 2))), array(np.ones((2, 2)).astype(dtype))
    message = f"needs real floating-point numbers, got .*{bad.dtype}"
    for ours in [*CHECKED, dead_units]:
        with pytest.raises(ValueError, match=message):
            ours(bad)
    for backward in BACKWARDS:
        for dy, z in ((bad, good), (good, bad)):
            with pytest.raises(ValueError, match=message):
                backward(dy, z)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(2, 1), (2,), (1, 2), (), (2, 2, 1)])
def test_gradients_that_would_broadcast_are_refused(shape, array):
    good, bad = array(np.ones((2, 2))), array(np.ones(shape))
    for backward in BACKWARDS:
        message = f"got dy of shape {shape} and z of shape (2, 2)"
        with pytest.raises(ValueError, match=re.escape(message)):
            backward(bad, good)
        with pytest.raises(ValueError, match="one upstream gradient for each"):
            backward(good, bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-1e-9, -1.0, nan, inf, -inf, True, False])
def test_other_slopes_are_refused(bad, array):
    z = array(np.ones(2))
    for name, act, backward in (
        ("slope", leaky_relu, leaky_relu_backward),
        ("alpha", elu, elu_backward),
    ):
        message = f"{name} needs to be a finite number >= 0 in .*, got {bad}"
        with pytest.raises(ValueError, match=message):
            act(z, bad)
        with pytest.raises(ValueError, match=message):
            backward(z, z, bad)


def test_a_slope_that_float32_cannot_hold_is_refused(array):
    z = array(np.ones(2, dtype=np.float32))
    most = float(np.finfo(np.float32).max)
    for act in (leaky_relu, elu):
        assert_close(act(z, most), [1.0, 1.0])
        with pytest.raises(ValueError, match=r"in .*float32, got 1e\+39"):
            act(z, 1e39)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", ["erf", "Tanh", "", None, True])
def test_other_forms_of_gelu_are_refused(bad, array):
    z = array(np.ones(2))
    message = re.escape(f'"none" or "tanh", got {bad!r}')
    with pytest.raises(ValueError, match=message):
        gelu(z, bad)
    with pytest.raises(ValueError, match=message):
        gelu_backward(z, z, bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0), (2, 3, 4)])
def test_dead_units_of_other_shapes_are_refused(shape, array):
    message = re.escape(f"at least one, got z of shape {shape}")
    with pytest.raises(ValueError, match=message):
        dead_units(array(np.ones(shape)))


def test_dead_units_of_nan_are_refused(array):
    z = array(np.array([[-1.0, nan], [1.0, 1.0]]))
    with pytest.raises(ValueError, match="compare with 0, got NaN"):
        dead_units(z)
