import re
from itertools import product
from math import inf, nan, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.nn import init

from reference.neural_networks.backpropagation import loss_and_gradients
from reference.neural_networks.multilayer_perceptron import Dense, relu
from reference.neural_networks.rectified_activations import (
    leaky_relu,
    leaky_relu_backward,
    relu_backward,
)
from reference.neural_networks.saturating_activations import (
    gradient_sizes,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from reference.training.initialization import (
    he_normal,
    he_uniform,
    signal_sizes,
    xavier_normal,
    xavier_uniform,
)
from tests.checks import assert_close, assert_float32

XAVIER, HE = [xavier_normal, xavier_uniform], [he_normal, he_uniform]
DRAWS = [*XAVIER, *HE]
WIDTH, DEPTH = 128, 50


def seeded(seed=0):
    return np.random.default_rng(seed)


def stack_of(draw, seed, depth=DEPTH):
    """Return dy and x of 32 examples, and square layers drawn by `draw`."""
    rng = seeded(seed)
    dy, x = rng.normal(size=(2, 32, WIDTH))
    return dy, x, np.stack([draw(WIDTH, WIDTH, rng) for _ in range(depth)])


def outputs(x, weights, f):
    """Return h before and after every layer, computed index by index."""
    hs = [x]
    for w in weights:
        h = np.zeros_like(x)
        for n in range(x.shape[0]):
            for k in range(x.shape[1]):
                z = sum(hs[-1][n, d] * w[d, k] for d in range(x.shape[1]))
                h[n, k] = f(z)
        hs.append(h)
    return hs


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""
    \sigma_{\text{X}} = g \,
    \sqrt{\frac{2}{D_{\text{in}} + D_{\text{out}}}}
    """
    actual = xavier_normal(3, 5, seeded(), gain=1.5)
    xi = seeded().standard_normal((3, 5))
    for d, k in product(range(3), range(5)):
        assert_close(actual[d, k] / xi[d, k], 1.5 * (2 / (3 + 5)) ** 0.5)


def test_eq_2():
    r"""\sigma_{\text{H}} = \sqrt{\frac{2}{(1 + a^2) \, D_{\text{in}}}}"""
    actual = he_normal(3, 5, seeded(), slope=0.5)
    xi = seeded().standard_normal((3, 5))
    for d, k in product(range(3), range(5)):
        assert_close(actual[d, k] / xi[d, k], (2 / ((1 + 0.5**2) * 3)) ** 0.5)


def test_eq_3():
    r"""W_{dk} = \sigma \, \xi_{dk}"""
    xi = seeded().standard_normal((2, 6))
    expected = np.zeros((2, 6))
    for d, k in product(range(2), range(6)):
        expected[d, k] = sqrt(2 / (2 + 6)) * xi[d, k]
    assert_close(xavier_normal(2, 6, seeded()), expected)


def test_eq_4():
    r"""W_{dk} = \sqrt{3} \, \sigma \, (2 u_{dk} - 1)"""
    u = seeded().random((2, 6))
    expected = np.zeros((2, 6))
    for d, k in product(range(2), range(6)):
        expected[d, k] = sqrt(3) * sqrt(2 / (2 + 6)) * (2 * u[d, k] - 1)
    assert_close(xavier_uniform(2, 6, seeded()), expected)


def test_eq_5(rng):
    r"""h^{(\ell)} = f\!\left( h^{(\ell-1)} W^{(\ell)} \right)"""
    x, weights = rng.normal(size=(3, 4)), rng.normal(size=(3, 4, 4))
    seen = []

    def recorded(z):
        seen.append(np.tanh(z))
        return seen[-1]

    signal_sizes(x, weights, recorded)
    assert_close(seen, outputs(x, weights, np.tanh)[1:])


def test_eq_6(rng):
    r"""
    r_\ell = \sqrt{ \frac{1}{N D} \sum_{n=1}^{N} \sum_{d=1}^{D}
    \left( h^{(\ell)}_{nd} \right)^2 }
    """
    x, weights = rng.normal(size=(3, 4)), rng.normal(size=(3, 4, 4))
    expected = [
        (sum(h[n, d] ** 2 for n in range(3) for d in range(4)) / 12) ** 0.5
        for h in outputs(x, weights, np.tanh)
    ]
    assert_close(signal_sizes(x, weights, np.tanh), expected)


# The same as everybody else's: PyTorch's standard deviations and bounds, which
# are the ratio of its draws to standard ones of the same seed.


def pytorchs(function, standard, d_in, d_out, *args):
    """Return the number by which PyTorch multiplies a standard draw."""
    w, base = torch.empty((2, d_out, d_in), dtype=torch.float64)
    function(w, *args, generator=torch.Generator().manual_seed(1))
    standard(base, generator=torch.Generator().manual_seed(1))
    factors = (w / base).numpy()
    assert_close(factors, np.full((d_out, d_in), factors[0, 0]))
    return factors[0, 0]


def normal(w, generator):
    return w.normal_(generator=generator)


def uniform(w, generator):
    return w.uniform_(-1, 1, generator=generator)


@pytest.mark.parametrize("shape", [(300, 100), (1, 7), (40, 40)])
def test_pytorchs_standard_deviations_and_bounds(shape):
    xi = seeded().standard_normal(shape)
    between = 2 * seeded().random(shape) - 1
    for gain in (1.0, init.calculate_gain("tanh")):
        std = pytorchs(init.xavier_normal_, normal, *shape, gain)
        assert_close(xavier_normal(*shape, seeded(), gain), std * xi)
        bound = pytorchs(init.xavier_uniform_, uniform, *shape, gain)
        assert_close(xavier_uniform(*shape, seeded(), gain), bound * between)
    for slope in (0.0, 0.2, -1.0):
        std = pytorchs(init.kaiming_normal_, normal, *shape, slope)
        assert_close(he_normal(*shape, seeded(), slope), std * xi)
        bound = pytorchs(init.kaiming_uniform_, uniform, *shape, slope)
        assert_close(he_uniform(*shape, seeded(), slope), bound * between)


def test_the_defaults_are_pytorchs():
    xi, between = (
        seeded().standard_normal((3, 2)),
        2 * seeded().random((3, 2)) - 1,
    )
    for draw, theirs, standard, base in (
        (xavier_normal, init.xavier_normal_, normal, xi),
        (xavier_uniform, init.xavier_uniform_, uniform, between),
        (he_normal, init.kaiming_normal_, normal, xi),
        (he_uniform, init.kaiming_uniform_, uniform, between),
    ):
        expected = pytorchs(theirs, standard, 3, 2) * base
        assert_close(draw(3, 2, seeded()), expected)


def test_pytorch_has_the_same_sizes(rng):
    x, weights = rng.normal(size=(6, 5)), rng.normal(size=(4, 5, 5))
    h, expected = torch.asarray(x), [np.linalg.norm(x) / sqrt(30)]
    for w in weights:
        h = torch.relu(torch.nn.functional.linear(h, torch.asarray(w.T)))
        expected.append(torch.linalg.norm(h).item() / sqrt(30))
    assert_close(signal_sizes(x, weights, relu), expected)


@pytest.mark.parametrize(
    ("draw", "std"),
    [(d, sqrt(2 / 500)) for d in XAVIER] + [(d, sqrt(2 / 300)) for d in HE],
)
def test_mean_variance_and_distribution(draw, std, rng):
    """In intervals that 1 seed of a million leaves; a thousandth is seen."""
    w = draw(300, 200, rng).ravel()
    half = stats.norm.isf(5e-7)
    assert abs(np.mean(w)) < half * std / sqrt(w.size)
    if draw in (xavier_normal, he_normal):
        low, high = stats.chi2.ppf([5e-7, 1 - 5e-7], w.size) / w.size
        assert stats.kstest(w / std, "norm").pvalue > 1e-6
    else:
        bound = sqrt(3) * std
        low, high = 1 + half * sqrt(0.8 / w.size) * np.array([-1, 1])
        assert 0.999 * bound < np.max(w) <= bound
        assert -bound <= np.min(w) < -0.999 * bound
        cdf = stats.uniform(-bound, 2 * bound).cdf
        assert stats.kstest(w, cdf).pvalue > 1e-6
    assert low < np.mean(w**2) / std**2 < high


# What the page promises: invariances, limits, pitfalls, refused inputs.


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 100))
def test_shape_and_gain(d_in, d_out, gain):
    for draw in XAVIER:
        w = draw(d_in, d_out, seeded(), gain=gain)
        assert w.shape == (d_in, d_out)
        assert_close(w, gain * draw(d_in, d_out, seeded()))
    for draw in HE:
        w = draw(d_in, d_out, seeded(), slope=gain)
        assert w.shape == (d_in, d_out)
        assert_close(w * sqrt(1 + gain**2), draw(d_in, d_out, seeded()))
        # The number of outputs does not matter to it.
        assert_close(
            draw(d_in, d_out, seeded()).ravel()[:d_in],
            draw(d_in, 1, seeded()).ravel(),
        )


def test_the_pencil_example():
    x = np.array([1.0, -1.0, 3.0, 1.0])
    z = np.array(list(product([-0.5, 0.5], repeat=4))) @ x
    assert_close(np.mean(z**2), np.mean(x**2))
    assert_close(np.mean(relu(z) ** 2), np.mean(x**2) / 2)


@pytest.mark.parametrize("seed", range(2))
def test_linear_theory_meets_the_measurement(seed):
    """Without activation: a factor of sqrt(D) std a layer, both ways."""
    for std in (0.01, 0.5):
        dy, x, w = stack_of(lambda *a, s=std: s * a[2].normal(size=a[:2]), seed)
        factor = std * sqrt(WIDTH)
        r = signal_sizes(x, w, lambda z: z)
        s = gradient_sizes(dy, x, w, lambda z: z, lambda dy, _: dy)
        assert_close((r[-1] / r[0]) ** (1 / DEPTH), factor, rtol=0.02)
        assert_close((s[0] / s[-1]) ** (1 / DEPTH), factor, rtol=0.02)
        # With tanh the signal follows only while it is small.
        near = signal_sizes(x / 1e6, w[:3], tanh) / signal_sizes(
            x / 1e6, w[:3], lambda z: z
        )
        assert_close(near, np.ones(4), rtol=1e-3)


@pytest.mark.parametrize("seed", range(2))
def test_xavier_holds_tanh_and_he_holds_relu(seed):
    dy, x, w = stack_of(xavier_uniform, seed)
    r = signal_sizes(x, w, tanh)
    assert 0.06 < r[-1] < 0.14
    s = gradient_sizes(dy, x, w, tanh, tanh_backward)
    assert 0.06 < s[0] / s[-1] < 0.2
    # ReLU halves the squares: 2^(-25) of the size are left.
    r = signal_sizes(x, w, relu)
    assert_close((r[-1] / r[0]) ** (1 / DEPTH), sqrt(0.5), rtol=0.03)
    for draw in HE:
        dy, x, w = stack_of(draw, seed)
        r = signal_sizes(x, w, relu)
        s = gradient_sizes(dy, x, w, relu, relu_backward)
        assert_close((r[-1] / r[0]) ** (1 / DEPTH), 1.0, rtol=0.03)
        assert_close((s[0] / s[-1]) ** (1 / DEPTH), 1.0, rtol=0.03)


def test_a_leaky_slope_needs_less():
    dy, x, w = stack_of(lambda *a: he_normal(*a, slope=0.5), 0)
    r = signal_sizes(x, w, lambda z: leaky_relu(z, 0.5))
    s = gradient_sizes(
        dy,
        x,
        w,
        lambda z: leaky_relu(z, 0.5),
        lambda dy, z: leaky_relu_backward(dy, z, 0.5),
    )
    assert_close((r[-1] / r[0]) ** (1 / DEPTH), 1.0, rtol=0.02)
    assert_close((s[0] / s[-1]) ** (1 / DEPTH), 1.0, rtol=0.02)


def test_division_by_the_number_instead_of_its_root():
    """Every layer leaves 1 / sqrt(D) of the signal."""
    _, x, w = stack_of(lambda *a: a[2].normal(size=a[:2]) / a[0], 0, depth=5)
    r = signal_sizes(x, w, tanh)
    assert_close((r[-1] / r[0]) ** (1 / 5), WIDTH**-0.5, rtol=0.03)


def test_half_of_xaviers_variance_loses_the_signal():
    _, x, w = stack_of(xavier_normal, 0, depth=20)
    assert signal_sizes(x, w, tanh)[-1] > 0.1
    halved = w / sqrt(2)
    assert_close(np.var(halved), 1 / (2 * WIDTH), rtol=0.01)
    assert signal_sizes(x, halved, tanh)[-1] < 1e-3


def test_a_sigmoid_has_neither_the_slope_nor_the_mean():
    dy, x, w = stack_of(xavier_normal, 0, depth=20)
    s = gradient_sizes(dy, x, w, sigmoid, sigmoid_backward)
    assert_close((s[0] / s[-1]) ** (1 / 20), 0.235, atol=0.01)
    assert_close(signal_sizes(x, w, sigmoid)[1:], np.full(20, 0.5), atol=0.05)


def test_large_weights_saturate_and_the_gradient_grows_in_a_wide_stack():
    dy, x, w = stack_of(lambda *a: a[2].normal(size=a[:2]), 0)
    r = signal_sizes(x, w, tanh)
    assert np.min(r[1:]) > 0.9
    assert np.max(r[1:]) < 1
    s = gradient_sizes(dy, x, w, tanh, tanh_backward)
    assert 2 < (s[0] / s[-1]) ** (1 / DEPTH) < 3
    chain = gradient_sizes(
        np.ones((1, 1)),
        np.ones((1, 1)),
        np.full((DEPTH, 1, 1), 3.0),
        tanh,
        tanh_backward,
    )
    assert chain[0] < 1e-60


def test_equal_weights_stay_equal(rng):
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    layers = [
        Dense(np.full((2, 3), 0.5), np.zeros(3)),
        Dense(np.full((3, 1), 0.5), np.zeros(1)),
    ]
    for _ in range(5):
        _, gradients = loss_and_gradients(x, y, layers)
        layers = [
            Dense(a.w - 0.1 * g.w, a.b - 0.1 * g.b)
            for a, g in zip(layers, gradients.layers, strict=True)
        ]
    assert abs(layers[0].w[0, 0] - 0.5) > 0.01
    for k in (1, 2):
        assert_close(layers[0].w[:, k], layers[0].w[:, 0])


def test_sizes_whose_squares_have_no_float():
    eye = np.eye(2)[None]
    for size in (1e-200, 1e200):
        x = size * np.array([[-7.0, -1.0]])
        assert_close(signal_sizes(x, eye, tanh)[0], 5 * size, atol=0)
    x = np.full((2, 2), 1e308)
    assert_close(signal_sizes(x, eye, tanh)[0], 1e308, atol=0)
    for size in (0.0, inf):
        actual = signal_sizes(np.full((1, 1), size), np.ones((1, 1, 1)), tanh)
        assert_close(actual, [size, min(size, 1.0)])
    x = np.array([[nan, 1.0]])
    assert np.isnan(signal_sizes(x, np.zeros((0, 2, 2)), tanh)).all()


@pytest.mark.usefixtures("unchecked")
def test_small_integers_of_numpy_do_not_overflow():
    few, many = np.uint8(200), np.uint8(100)
    for draw in DRAWS:
        expected = draw(200, 100, seeded())
        assert_close(draw(few, many, seeded()), expected)


@pytest.mark.usefixtures("unchecked")
def test_single_precision_of_a_factor_is_not_that_of_the_weights():
    factor = np.float32(0.1)
    for draw in DRAWS:
        expected = draw(3, 2, seeded(), float(factor))
        assert_close(draw(3, 2, seeded(), factor), expected, rtol=1e-14)


def test_a_huge_slope_does_not_overflow():
    w = he_normal(2, 3, seeded(), slope=1e200)
    assert_close(w * 1e200, he_normal(2, 3, seeded()))


def test_float32(rng):
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(5, 3, 3))
    assert_float32(lambda *a: signal_sizes(*a, tanh), x, w)
    for draw in DRAWS:
        assert draw(2, 2, rng).dtype == np.float64


def test_no_argument_is_changed(rng):
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(5, 3, 3))
    x.flags.writeable = w.flags.writeable = False
    signal_sizes(x, w, tanh)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -1, 2.0, True, nan, "2"])
@pytest.mark.parametrize("draw", DRAWS)
def test_numbers_of_units_are_refused(draw, bad):
    for name, shape in (("d_in", (bad, 2)), ("d_out", (2, bad))):
        message = re.escape(f"{name} needs to be a whole number > 0, got {bad}")
        with pytest.raises(ValueError, match=message):
            draw(*shape, seeded())


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0.0, -1.0, inf, nan, True, np.True_])
def test_gains_are_refused(bad):
    for draw in XAVIER:
        with pytest.raises(ValueError, match=f"finite number > 0, got {bad}"):
            draw(2, 2, seeded(), gain=bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", ["2", 1j, None])
def test_gains_and_slopes_that_are_no_numbers_are_refused(bad):
    for draw in DRAWS:
        with pytest.raises(TypeError):
            draw(2, 2, seeded(), bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [inf, -inf, nan, True, np.True_])
def test_slopes_are_refused(bad):
    for draw in HE:
        with pytest.raises(ValueError, match=f"finite number, got {bad}"):
            draw(2, 2, seeded(), slope=bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("x", "weights"),
    [
        ((2,), (1, 2, 2)),
        ((1, 3, 2), (1, 3, 2)),
        ((0, 2), (1, 2, 2)),
        ((3, 0), (1, 0, 0)),
        ((3, 2), (2, 2)),
        ((3, 2), (1, 2, 3)),
        ((3, 2), (1, 3, 2)),
        ((3, 2), (1, 3, 3)),
        ((3, 2), (1, 1, 2, 2)),
    ],
)
def test_stacks_that_do_not_fit_are_refused(x, weights):
    message = re.escape(f"got {x} and {weights}")
    with pytest.raises(ValueError, match=message):
        signal_sizes(np.ones(x), np.ones(weights), tanh)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype):
    x, w = np.ones((3, 2)), np.ones((1, 2, 2))
    for a, b in ((x.astype(dtype), w), (x, w.astype(dtype))):
        message = f"floating-point numbers, got x of {a.dtype} and weights"
        with pytest.raises(ValueError, match=message):
            signal_sizes(a, b, tanh)
