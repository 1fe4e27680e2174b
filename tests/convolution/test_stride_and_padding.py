import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from reference.convolution.convolution import conv2d, conv2d_backward
from reference.convolution.stride_and_padding import (
    dilate,
    output_size,
    receptive_field,
    same_padding,
    strided_conv2d,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

# All sizes differ, so that an exchanged axis shows.
N, C, K, H, W, KH, KW = 2, 3, 4, 9, 8, 2, 3
# (stride, padding, dilation)
STEPS = [(1, 0, 1), (2, 0, 1), (2, 1, 1), (1, 2, 2), (3, (0, 2), 2)]


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, C, H, W))


@pytest.fixture
def w(rng):
    return rng.normal(size=(K, C, KH, KW))


@pytest.fixture
def b(rng):
    return rng.normal(size=K)


@pytest.fixture(params=STEPS, ids=str)
def steps(request):
    return request.param


def places(n, k, s, p, d):
    """Return where a kernel begins, none if it does not fit."""
    touched = [d * u for u in range(k)]
    starts = range(-p, n + p, s)
    return [a for a in starts if a + touched[-1] < n + p]


def sees(layers, unit):
    """Return the pixels on which a unit depends, layer by layer backwards."""
    units = {unit}
    for k, s, *d in reversed(layers):
        gap = d[0] if d else 1
        units = {s * i + gap * u for i in units for u in range(k)}
    return units


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""e = d \, (k - 1) + 1"""
    for k in (1, 2, 3, 5):
        for d in (1, 2, 3):
            touched = [d * u for u in range(k)]
            e = len(range(touched[0], touched[-1] + 1))
            assert receptive_field([(k, 1, d)]).size == e
            assert dilate(np.ones((1, k)), d).shape == (1, e)
            assert output_size(e, k, dilation=d) == 1


def test_eq_2():
    r"""n' = \left\lfloor \frac{n + 2p - e}{s} \right\rfloor + 1"""
    for n, k, s, p, d in np.ndindex(9, 4, 3, 3, 3):
        k, s, d = k + 1, s + 1, d + 1
        count = len(places(n, k, s, p, d))
        if count:
            assert output_size(n, k, s, p, d) == count
        else:
            with pytest.raises(ValueError, match="needs as many, got"):
                output_size(n, k, s, p, d)


def test_eq_3():
    r"""p = \frac{e - 1}{2}"""
    for k in range(1, 8):
        for d in range(1, 5):
            keeping = [p for p in range(20) if len(places(9, k, 1, p, d)) == 9]
            if keeping:
                assert [same_padding(k, d)] == keeping
            else:
                with pytest.raises(ValueError, match="odd number of pixels"):
                    same_padding(k, d)


def test_eq_4(w, array):
    r"""\tilde{w}_{f,\, c,\, du,\, dv} = w_{fcuv}"""
    for d in (1, 2, 3):
        expected = np.zeros((K, C, d * (KH - 1) + 1, d * (KW - 1) + 1))
        for f, c, u, v in np.ndindex(w.shape):
            expected[f, c, d * u, d * v] = w[f, c, u, v]
        assert_close(dilate(array(w), d), expected)


def test_eq_5(x, w, b, steps, array):
    r"""\begin{aligned}
    y_{fij} &= b_f + \sum_{c=0}^{C-1} \sum_{u=0}^{k-1} \sum_{v=0}^{k-1} \\
    &\qquad w_{fcuv} \, x_{c,\, si + du - p,\, sj + dv - p}
    \end{aligned}"""
    s, p, d = steps
    ph, pw = p if isinstance(p, tuple) else (p, p)
    rows, columns = places(H, KH, s, ph, d), places(W, KW, s, pw, d)
    expected = np.empty((N, K, len(rows), len(columns)))
    for n, f, i, j in np.ndindex(expected.shape):
        total = b[f]
        for c, u, v in np.ndindex(C, KH, KW):
            row, column = s * i + d * u - ph, s * j + d * v - pw
            if 0 <= row < H and 0 <= column < W:
                total += w[f, c, u, v] * x[n, c, row, column]
        expected[n, f, i, j] = total
    y = strided_conv2d(array(x), array(w), array(b), s, p, d)
    assert_close(y, expected)


STACKS = [
    [],
    [(3, 1)],
    [(3, 1), (3, 1)],
    [(3, 2), (3, 2), (3, 2)],
    [(5, 1), (2, 2), (3, 1)],
    [(3, 1, 1), (3, 1, 2), (3, 2, 4)],
    [(1, 3), (3, 1, 2), (2, 2), (3, 1)],
]


@pytest.mark.parametrize("layers", STACKS)
def test_eq_6(layers):
    r"""r_\ell = r_{\ell-1} + (e_\ell - 1) \, j_{\ell-1}"""
    seen = sees(layers, 0)
    assert receptive_field(layers).size == max(seen) - min(seen) + 1


@pytest.mark.parametrize("layers", STACKS)
def test_eq_7(layers):
    r"""j_\ell = s_\ell \, j_{\ell-1}"""
    jump = min(sees(layers, 1)) - min(sees(layers, 0))
    assert receptive_field(layers).jump == jump


# The same as everybody else's.


def test_convolution_of_torch(x, w, b, steps, array):
    expected = F.conv2d(*(torch.asarray(a) for a in (x, w, b)), *steps)
    assert_close(strided_conv2d(array(x), array(w), array(b), *steps), expected)


def test_defaults_are_those_of_torch(x, w, b, array):
    leaves = [torch.asarray(a) for a in (x, w, b)]
    y = strided_conv2d(array(x), array(w), array(b))
    assert_close(y, F.conv2d(*leaves))
    assert output_size(H, 4) == F.max_pool2d(leaves[0], 4, 1).shape[2]
    assert receptive_field([(3, 1)]) == receptive_field([(3, 1, 1)])
    assert same_padding(5) == same_padding(5, 1)


@settings(max_examples=25)
@given(
    *(st.integers(a, b) for a, b in [(1, 9), (1, 4), (1, 4), (0, 3), (1, 3)])
)
def test_output_size_of_torch(n, k, s, p, d):
    x, w = np.ones((1, 1, n, 9)), np.ones((1, 1, k, 1))
    zero, padding = np.zeros(1), (p, 0)
    try:
        leaves = (torch.asarray(a) for a in (x, w, zero))
        expected = F.conv2d(*leaves, s, padding, d)
    except RuntimeError:
        with pytest.raises(ValueError, match="needs as many, got"):
            output_size(n, k, s, p, d)
        with pytest.raises(ValueError, match="needs an image at least"):
            strided_conv2d(x, w, zero, s, padding, d)
    else:
        assert output_size(n, k, s, p, d) == expected.shape[2]
        assert_close(strided_conv2d(x, w, zero, s, padding, d), expected)
        if 2 * p <= k:  # torch pads windows by half of them at most
            pooled = F.max_pool2d(torch.asarray(x), (k, 1), (s, 1), (p, 0), d)
            assert output_size(n, k, s, p, d) == pooled.shape[2]


@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 1), (5, 1), (3, 2), (2, 4)])
def test_same_padding_of_torch(k, d, rng):
    x, w = torch.asarray(rng.normal(size=(1, 1, 9, 8))), torch.ones(1, 1, k, k)
    expected = F.conv2d(x, w.double(), padding="same", dilation=d)
    y = F.conv2d(x, w.double(), padding=same_padding(k, d), dilation=d)
    assert_close(y, expected)


def seen_by(layers, unit):
    """Return the columns on which a unit of a torch network depends."""
    network = nn.Sequential()
    for k, s, *d in layers:
        network.append(
            nn.Conv2d(1, 1, (1, k), (1, s), dilation=(1, *d) if d else 1)
        )
        nn.init.ones_(network[-1].weight)
    x = torch.ones(1, 1, 1, 70, requires_grad=True)
    (dx,) = torch.autograd.grad(network(x)[0, 0, 0, unit], x)
    return np.flatnonzero(dx.numpy())


@pytest.mark.parametrize("layers", STACKS[1:])
def test_receptive_field_is_the_support_of_the_gradient(layers):
    first, second = seen_by(layers, 0), seen_by(layers, 1)
    size = first[-1] - first[0] + 1
    jump = second[0] - first[0]
    assert receptive_field(layers) == (size, jump)


@settings(max_examples=25)
@given(st.lists(st.tuples(*[st.integers(1, 3)] * 3), max_size=4))
def test_one_unit_is_left_of_an_image_as_large_as_its_field(layers):
    size, jump = receptive_field(layers)
    for n, count in [(size - 1, 0), (size, 1), (size + jump, 2)]:
        for k, s, d in layers:
            fits = n >= d * (k - 1) + 1
            n = output_size(n, k, s, dilation=d) if fits else 0
        assert n == count


# The gradient.


def gradients(dy, x, w, b, s, p, d):
    """Return the gradients through the zeros that steps and gaps put in."""
    spread = dilate(dy, s)
    full = conv2d(x, dilate(w, d), b, p)  # for its shape
    padded = torch.zeros_like(full)
    padded[..., : spread.shape[2], : spread.shape[3]] = spread
    dx, dw, db = conv2d_backward(padded, x, dilate(w, d), p)
    return dx, dw[..., ::d, ::d], db


@pytest.mark.parametrize(("s", "p", "d"), [(2, 1, 1), (3, (0, 1), 2)])
def test_gradient(s, p, d, rng):
    x, w = rng.normal(size=(1, 1, 4, 5)), rng.normal(size=(2, 1, 2, 2))
    assert_gradient(
        lambda x, w, b: strided_conv2d(x, w, b, s, p, d),
        lambda dy, x, w, b: gradients(dy, x, w, b, s, p, d),
        x,
        w,
        rng.normal(size=2),
    )


def test_autograd_agrees_with_torchs_convolution(x, w, b, steps):
    results = []
    for convolve in (strided_conv2d, F.conv2d):
        leaves = [torch.asarray(a).requires_grad_() for a in (x, w, b)]
        y = convolve(*leaves, *steps)
        results.append(torch.autograd.grad(torch.sum(y**2), leaves))
    for actual, expected in zip(*results, strict=True):
        assert_close(actual, expected)


# What the page promises, and what is refused.


def test_the_example_of_the_page(array):
    x = array(np.arange(1.0, 8.0).reshape(1, 1, 1, 7))
    w, b = array(np.ones((1, 1, 1, 3))), array(np.zeros(1))
    for (s, p, d), y in {
        (1, 0, 1): [6, 9, 12, 15, 18],
        (2, 0, 1): [6, 12, 18],
        (2, 1, 1): [3, 9, 15, 13],
        (1, 0, 2): [9, 12, 15],
    }.items():
        actual = to_numpy(strided_conv2d(x, w, b, s, (0, p), d))
        assert_close(actual.ravel(), np.array(y, dtype=float))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(-5, 5))
def test_equivariant_to_shifts_by_strides(seed, s, t):
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(1, 1, 3, 3)), rng.normal(size=1)
    x = np.zeros((1, 1, 40, 40))
    x[..., 18:22, 18:22] = rng.normal(size=(4, 4))
    y = strided_conv2d(x, w, b, s)
    moved = strided_conv2d(np.roll(x, s * t, axis=3), w, b, s)
    assert_close(moved, np.roll(y, t, axis=3))
    if s > 1:
        between = strided_conv2d(np.roll(x, s * t + 1, axis=3), w, b, s)
        assert np.all([np.any(between != np.roll(y, a, 3)) for a in (t, t + 1)])


@pytest.mark.parametrize("depth", [1, 5, 10])
def test_weight_of_the_pixels_in_the_field_of_a_stack(depth):
    """They are the probabilities of a sum of uniform draws."""
    size, _ = receptive_field([(3, 1)] * depth)
    x = torch.zeros(1, 1, 1, size, dtype=float, requires_grad=True)
    w = torch.full((1, 1, 1, 3), 1 / 3, dtype=float)
    y = x
    for _ in range(depth):
        y = strided_conv2d(y, w, torch.zeros(1, dtype=float))
    (dx,) = torch.autograd.grad(y.sum(), x)
    place = np.arange(size) - depth
    assert_close(dx.sum(), 1.0)
    assert_close(np.sum(dx.numpy()[0, 0, 0] * place**2), depth * 8 / 12)


def test_random_weights_and_rectifiers_leave_the_edge_of_a_field_unused():
    """The draws of the figure, by autograd, and the numbers below it."""
    square = np.zeros((21, 21))
    for seed in range(50):
        rng = np.random.default_rng(seed)
        x = torch.asarray(rng.normal(size=(1, 1, 21, 21))).requires_grad_()
        y = x
        for _ in range(10):
            shape = (8, y.shape[1], 3, 3)
            w = rng.normal(size=shape) * np.sqrt(2 / 9 / shape[1])
            z = F.conv2d(y, torch.asarray(w))
            y = torch.relu(z)
        (dx,) = torch.autograd.grad(z[0, 0, 0, 0], x)
        square += to_numpy(dx**2 / torch.sum(dx**2))[0, 0] / 50
    assert_close(np.sum(square[6:15, 6:15]), 0.83, atol=0.005)
    columns = np.sum(square, axis=0)
    for place, share in [(0, 0.13), (3, 0.08), (5, 0.03)]:
        assert_close(columns[[10 - place, 10 + place]].mean(), share, atol=5e-3)
    assert np.all(columns[[0, 1, 2, 18, 19, 20]] < 0.005)


def test_float32_stays_float32(x, w, b, steps):
    assert_float32(lambda x, w, b: strided_conv2d(x, w, b, *steps), x, w, b)
    assert_float32(lambda w: dilate(w, 2), w)


def test_arguments_are_left_alone_and_results_are_new(w):
    before = w.copy()
    dilate(w, 1)[...] = 7.0
    assert_close(w, before)


@pytest.mark.usefixtures("unchecked")
def test_small_integers_of_numpy_do_not_overflow(x, w, b, array):
    two, big = np.uint8(2), np.uint8(200)
    assert output_size(big, two, padding=big, dilation=big) == 400
    assert same_padding(np.uint8(201), two) == 200
    assert receptive_field([(big, big)] * 2) == (1 + 199 * 201, 40000)
    y = strided_conv2d(array(x), array(w), array(b), two, two, two)
    assert_close(y, strided_conv2d(x, w, b, 2, 2, 2))


WRONG = [-1, 0.0, 2.0, np.nan, np.inf, True, np.True_, "7", None, (1, 1)]
WRONG += [np.array([2]), np.array(2), torch.tensor(2)]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", WRONG, ids=repr)
def test_what_is_no_whole_number_is_refused(bad, x, w, b, array):
    x, w, b = array(x), array(w), array(b)
    calls = {
        "size": [lambda: output_size(bad, 1)],
        "padding": [lambda: output_size(9, 1, padding=bad)],
        "kernel": [
            lambda: output_size(9, bad),
            lambda: same_padding(bad),
            lambda: receptive_field([(bad, 1)]),
        ],
        "stride": [
            lambda: output_size(9, 1, stride=bad),
            lambda: receptive_field([(1, bad)]),
            lambda: strided_conv2d(x, w, b, stride=bad),
        ],
        "dilation": [
            lambda: output_size(9, 1, dilation=bad),
            lambda: same_padding(1, bad),
            lambda: receptive_field([(1, 1, bad)]),
            lambda: dilate(w, bad),
            lambda: strided_conv2d(x, w, b, dilation=bad),
        ],
    }
    got = re.escape(repr(bad))
    for name, those in calls.items():
        for call in those:
            with pytest.raises(ValueError, match=f"{name} must .* got {got}$"):
                call()


def test_zero_is_refused_except_for_size_and_padding():
    assert output_size(0, 1, padding=1) == 2
    for name in ("kernel", "stride", "dilation"):
        arguments = {"kernel": 1, name: 0}
        with pytest.raises(ValueError, match=f"{name} must .* >= 1, got 0"):
            output_size(9, **arguments)


@pytest.mark.parametrize("layer", [(), (3,), (3, 1, 1, 1)])
def test_a_layer_has_two_or_three_numbers(layer):
    with pytest.raises(ValueError, match=r"a layer is .*, got \("):
        receptive_field([(3, 1), layer])


def test_equal_sides_cannot_keep_the_size_under_an_even_kernel():
    with pytest.raises(ValueError, match="odd number of pixels, got 4"):
        same_padding(4)
    with pytest.raises(ValueError, match="odd number of pixels, got 10"):
        same_padding(4, dilation=3)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (1, 1, 0, 2)])
def test_a_kernel_without_rows_or_columns_is_refused(shape, array):
    with pytest.raises(ValueError, match="rows and columns, got shape"):
        dilate(array(np.ones(shape)), 2)


def test_a_dilated_kernel_that_does_not_fit_is_refused(x, w, b, array):
    y = strided_conv2d(array(x), array(w), array(b), 1, 0, 3)
    assert tuple(y.shape) == (N, K, 6, 2)
    with pytest.raises(ValueError, match="a 5 x 9 kernel needs an image"):
        strided_conv2d(array(x), array(w), array(b), 1, 0, 4)
    with pytest.raises(ValueError, match="over 9 pixels needs as many, got 8"):
        output_size(W, KW, dilation=4)


def test_no_image_gives_no_map(w, b, array):
    y = strided_conv2d(array(np.ones((0, C, H, W))), array(w), array(b), 2)
    assert tuple(y.shape) == (0, K, 4, 3)
