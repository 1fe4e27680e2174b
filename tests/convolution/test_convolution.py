import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import convolution_matrix
from scipy.signal import convolve2d, correlate2d

from reference.convolution.convolution import (
    conv2d,
    conv2d_backward,
    im2col,
    toeplitz,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

# All sizes differ, so that an exchanged axis shows.
N, C, K, H, W, KH, KW = 2, 3, 4, 5, 7, 2, 3
PADDINGS = [0, 1, 4, (0, 2), (2, 1)]  # 4 is more than the kernel is wide


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, C, H, W))


@pytest.fixture
def w(rng):
    return rng.normal(size=(K, C, KH, KW))


@pytest.fixture
def b(rng):
    return rng.normal(size=K)


@pytest.fixture
def dy(rng):
    return rng.normal(size=(N, K, H + 2 - KH + 1, W + 4 - KW + 1))


P = (1, 2)  # the padding that belongs to dy


def at(x, n, c, r, s):
    """Return a pixel, or 0 outside of the image."""
    inside = 0 <= r < x.shape[2] and 0 <= s < x.shape[3]
    return x[n, c, r, s] if inside else 0.0


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, w, b, dy, array):
    r"""\begin{aligned}
    y_{nkij} &= b_k + \sum_{c=0}^{C-1} \sum_{u=0}^{k_h-1} \sum_{v=0}^{k_w-1} \\
    &\qquad w_{kcuv} \, x_{n,\, c,\, i+u-p_h,\, j+v-p_w}
    \end{aligned}"""
    expected = np.empty(dy.shape)
    for n, k, i, j in np.ndindex(dy.shape):
        expected[n, k, i, j] = b[k] + sum(
            w[k, c, u, v] * at(x, n, c, i + u - P[0], j + v - P[1])
            for c, u, v in np.ndindex(C, KH, KW)
        )
    assert_close(conv2d(array(x), array(w), array(b), P), expected)


@pytest.mark.parametrize("padding", [(0, 0), (1, 2), (3, 0)])
def test_eq_2(x, w, b, padding, array):
    r"""\begin{aligned} H' &= H + 2 p_h - k_h + 1 \\
    W' &= W + 2 p_w - k_w + 1 \end{aligned}"""
    size = []
    for length, k, p in zip((H, W), (KH, KW), padding, strict=True):
        starts = range(-p, length + p)
        size.append(sum(start + k <= length + p for start in starts))
    y = conv2d(array(x), array(w), array(b), padding)
    assert tuple(y.shape) == (N, K, *size)
    assert im2col(array(x), KH, KW, padding).shape[2] == size[0] * size[1]


def test_eq_3(x, dy, array):
    r"""\begin{aligned}
    X_{n,\, (c k_h + u) k_w + v,\, i W' + j} \\
    = x_{n,\, c,\, i+u-p_h,\, j+v-p_w}
    \end{aligned}"""
    _, _, rows, columns = dy.shape
    expected = np.empty((N, C * KH * KW, rows * columns))
    for n, c, u, v, i, j in np.ndindex(N, C, KH, KW, rows, columns):
        expected[n, (c * KH + u) * KW + v, i * columns + j] = at(
            x, n, c, i + u - P[0], j + v - P[1]
        )
    assert_close(im2col(array(x), KH, KW, P), expected)


def test_eq_4(w, array):
    r"""\begin{aligned}
    & T_{i W' + j,\, r W + s} = \\
    & \begin{cases}
    w_{r-i,\, s-j} & 0 \le r - i < k_h , \, 0 \le s - j < k_w \\
    0 & \text{otherwise} \end{cases}
    \end{aligned}"""
    rows, columns, kernel = H - KH + 1, W - KW + 1, w[0, 0]
    expected = np.zeros((rows * columns, H * W))
    for i, j, r, s in np.ndindex(rows, columns, H, W):
        if 0 <= r - i < KH and 0 <= s - j < KW:
            expected[i * columns + j, r * W + s] = kernel[r - i, s - j]
    assert_close(toeplitz(array(kernel), H, W), expected)


def test_eq_5(x, w, dy, array):
    r"""\frac{\partial L}{\partial b_k}
    = \sum_{n=1}^{N} \sum_{i=0}^{H'-1} \sum_{j=0}^{W'-1} \delta_{nkij}"""
    expected = np.zeros(K)
    for n, k, i, j in np.ndindex(dy.shape):
        expected[k] += dy[n, k, i, j]
    assert_close(conv2d_backward(array(dy), array(x), array(w), P).db, expected)


def test_eq_6(x, w, dy, array):
    r"""\begin{aligned}
    \frac{\partial L}{\partial w_{kcuv}}
    &= \sum_{n=1}^{N} \sum_{i=0}^{H'-1} \sum_{j=0}^{W'-1} \\
    &\qquad \delta_{nkij} \, x_{n,\, c,\, i+u-p_h,\, j+v-p_w}
    \end{aligned}"""
    expected = np.zeros(w.shape)
    for k, c, u, v in np.ndindex(w.shape):
        for n, i, j in np.ndindex(N, *dy.shape[2:]):
            pixel = at(x, n, c, i + u - P[0], j + v - P[1])
            expected[k, c, u, v] += dy[n, k, i, j] * pixel
    assert_close(conv2d_backward(array(dy), array(x), array(w), P).dw, expected)


def test_eq_7(x, w, dy, array):
    r"""\begin{aligned}
    \frac{\partial L}{\partial x_{ncrs}}
    &= \sum_{k=0}^{K-1} \sum_{u=0}^{k_h-1} \sum_{v=0}^{k_w-1} \\
    &\qquad w_{kcuv} \, \delta_{n,\, k,\, r-u+p_h,\, s-v+p_w}
    \end{aligned}"""
    expected = np.zeros(x.shape)
    for n, c, r, s in np.ndindex(x.shape):
        for k, u, v in np.ndindex(K, KH, KW):
            delta = at(dy, n, k, r - u + P[0], s - v + P[1])
            expected[n, c, r, s] += w[k, c, u, v] * delta
    assert_close(conv2d_backward(array(dy), array(x), array(w), P).dx, expected)


# The same as everybody else's.


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", [(KH, KW), (1, 1), (5, 1)])
def test_torch_forward_and_backward(rng, x, b, padding, kernel, array):
    w = rng.normal(size=(K, C, *kernel))
    leaves = [torch.asarray(a).requires_grad_() for a in (x, w, b)]
    y = F.conv2d(*leaves, padding=padding)
    dy = rng.normal(size=tuple(y.shape))
    expected = torch.autograd.grad(y, leaves, torch.asarray(dy))
    assert_close(conv2d(array(x), array(w), array(b), padding), y)
    actual = conv2d_backward(array(dy), array(x), array(w), padding)
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e)


@pytest.mark.parametrize("padding", PADDINGS)
def test_im2col_of_torch(x, padding, array):
    expected = F.unfold(torch.asarray(x), (KH, KW), padding=padding)
    assert_close(im2col(array(x), KH, KW, padding), expected)


def test_no_padding_is_the_default(x, w, b, dy, array):
    dy = dy[:, :, : H - KH + 1, : W - KW + 1]
    x, w, b, dy = map(array, (x, w, b, dy))
    assert_close(conv2d(x, w, b), conv2d(x, w, b, 0))
    assert_close(im2col(x, KH, KW), im2col(x, KH, KW, 0))
    actual = conv2d_backward(dy, x, w)
    for a, e in zip(actual, conv2d_backward(dy, x, w, 0), strict=True):
        assert_close(a, e)


def test_scipy_correlates_where_it_says_so(x, w, array):
    """It is not what scipy calls a convolution: that flips the kernel."""
    expected = correlate2d(x[0, 0], w[0, 0], "valid")
    one = array(x[:1, :1]), array(w[:1, :1]), array(np.zeros(1))
    assert_close(conv2d(*one), expected[None, None])
    flipped = array(w[:1, :1, ::-1, ::-1].copy())
    expected = convolve2d(x[0, 0], w[0, 0], "valid")
    assert_close(conv2d(one[0], flipped, one[2]), expected[None, None])


def test_scipys_toeplitz_matrix_of_one_row(rng, array):
    w = rng.normal(size=(1, 3))
    expected = convolution_matrix(w[0, ::-1], 8, "valid")
    assert_close(toeplitz(array(w), 1, 8), expected[-6:])


# The gradient.


@pytest.mark.parametrize("padding", [0, (1, 3)])
def test_gradient(rng, padding):
    def forward(x, w, b):
        return conv2d(x, w, b, padding)

    def backward(dy, x, w, _):
        return conv2d_backward(dy, x, w, padding)

    x, w = rng.normal(size=(2, 2, 3, 4)), rng.normal(size=(3, 2, 2, 3))
    assert_gradient(forward, backward, x, w, rng.normal(size=3))


# What the page promises, and what is refused.


def test_three_views_of_one_sum(x, w, array):
    kernel = array(w[:1, :1])
    y = conv2d(array(x[:, :1]), kernel, array(np.zeros(1)))
    flat = array(x[:, 0].reshape(N, H * W))
    places = (N, (H - KH + 1) * (W - KW + 1))
    matrix = toeplitz(kernel[0, 0, ...], H, W)
    assert_close(flat @ matrix.mT, np.reshape(to_numpy(y), places))
    columns = im2col(array(x[:, :1]), KH, KW)
    expected = np.reshape(to_numpy(y), (N, 1, places[1]))
    assert_close(array(w[0, 0].reshape(1, -1)) @ columns, expected)


@given(st.integers(-4, 4), st.integers(-6, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_a_shifted_image_gives_a_shifted_map(down, right, seed):
    """On a torus, where what leaves on one side returns on the other."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(1, 2, H, W)), rng.normal(size=(3, 2, 3, 3))

    def on_torus(x):
        around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")
        return conv2d(around, w, np.ones(3))

    shift = {"shift": (down, right), "axis": (2, 3)}
    assert_close(on_torus(np.roll(x, **shift)), np.roll(on_torus(x), **shift))


def test_equivariance_ends_at_the_border(rng):
    x, w, b = np.zeros((1, 1, 6, 6)), np.ones((1, 1, 3, 3)), np.zeros(1)
    x[0, 0, 2:4, 2:4] = rng.normal(1, 0.1, size=(2, 2))
    shifted = np.roll(x, 1, axis=3)
    y, y_shifted = conv2d(x, w, b, 1), conv2d(shifted, w, b, 1)
    assert_close(y_shifted[..., 1:], y[..., :-1])
    assert not np.allclose(y_shifted, y)  # equivariant, not invariant
    over = np.roll(x, 3, axis=3)
    over[..., 0] = 0  # half of the square has left the image
    y_over = conv2d(over, w, b, 1)
    assert_close(y_over[..., 3:5], y[..., :2])
    assert not np.allclose(y_over[..., 5], y[..., 2])


def test_float32_stays_float32(x, w, b, dy):
    assert_float32(lambda x, w, b: conv2d(x, w, b, P), x, w, b)
    assert_float32(lambda dy, x, w: conv2d_backward(dy, x, w, P), dy, x, w)
    assert_float32(lambda x: im2col(x, KH, KW, P), x)
    assert_float32(lambda w: toeplitz(w, H, W), w[0, 0])


def test_no_image_gives_no_map_and_no_gradient(x, w, b, dy, array):
    none = array(x[:0])
    y = conv2d(none, array(w), array(b), P)
    assert tuple(y.shape) == (0, *dy.shape[1:])
    dx, dw, db = conv2d_backward(array(dy[:0]), none, array(w), P)
    assert tuple(dx.shape) == (0, C, H, W)
    assert_close(dw, np.zeros(w.shape))
    assert_close(db, np.zeros(K))


def test_arguments_are_left_alone(x, w, b, dy):
    kept = [a.copy() for a in (x, w, b, dy)]
    conv2d(x, w, b, P)
    conv2d_backward(dy, x, w, P)
    for a, e in zip((x, w, b, dy), kept, strict=True):
        assert_close(a, e)


def test_input_gradient_is_a_full_correlation(x, w, dy, array):
    """With the flipped kernels, channels in and out exchanged."""
    flipped = array(w[:, :, ::-1, ::-1].swapaxes(0, 1).copy())
    full = conv2d(array(dy), flipped, array(np.zeros(C)), (KH - 1, KW - 1))
    dx = conv2d_backward(array(dy), array(x), array(w), P).dx
    assert_close(dx, to_numpy(full)[:, :, P[0] : P[0] + H, P[1] : P[1] + W])


@pytest.mark.parametrize(
    ("height", "width", "padding"), [(1, 7, 0), (5, 2, 0), (0, 7, (0, 1))]
)
def test_kernels_larger_than_the_image_are_refused(
    height, width, padding, w, b, array
):
    x, w, b = array(np.ones((N, C, height, width))), array(w), array(b)
    dy = array(np.ones((N, K, 1, 1)))
    message = f"a 2 x 3 kernel needs .* got {height} x {width} with"
    with pytest.raises(ValueError, match=message):
        im2col(x, KH, KW, padding)
    with pytest.raises(ValueError, match=message):
        conv2d(x, w, b, padding)
    with pytest.raises(ValueError, match=message):
        conv2d_backward(dy, x, w, padding)
    if padding == 0:
        with pytest.raises(ValueError, match=message):
            toeplitz(w[0, 0, ...], height, width)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "bad", [-1, 1.0, True, "same", np.nan, None, np.array(1.5)]
)
def test_sizes_that_are_no_pixels_are_refused(bad, x, w, b, dy):
    message = f"must be a whole number >= 0, got {bad}"
    for padding in (bad, (bad, 0), (0, bad)):
        with pytest.raises(ValueError, match="padding " + message):
            conv2d(x, w, b, padding)
        with pytest.raises(ValueError, match="padding " + message):
            conv2d_backward(dy, x, w, padding)
    message = message.replace("0", "1", 1)
    with pytest.raises(ValueError, match="kh " + message):
        im2col(x, bad, KW)
    with pytest.raises(ValueError, match="kw " + message):
        im2col(x, KH, bad)
    with pytest.raises(ValueError, match="height " + message):
        toeplitz(w[0, 0], bad, W)
    with pytest.raises(ValueError, match="width " + message):
        toeplitz(w[0, 0], H, bad)


@pytest.mark.usefixtures("unchecked")
def test_no_size_and_three_paddings_are_refused(x, w, b):
    with pytest.raises(ValueError, match=r"kh must be .* >= 1, got 0"):
        im2col(x, 0, KW)
    with pytest.raises(ValueError, match=r"kw must be .* >= 1, got 0"):
        conv2d(x, w[..., :0], b)
    with pytest.raises(ValueError, match=r"one number or two, got \(1, 1, 1\)"):
        conv2d(x, w, b, (1, 1, 1))
    whole = np.int64(1)
    assert_close(conv2d(x, w, b, whole), conv2d(x, w, b, 1))


@pytest.mark.usefixtures("unchecked")
def test_shapes_that_do_not_belong_together_are_refused(x, w, b, dy, array):
    x, w, b, dy = map(array, (x, w, b, dy))
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got \(3, 5, 7\)"):
        im2col(x[0, ...], KH, KW)
    kernels = (w[0, ...], w[:, :, 0, ...], w[:, :1, ...])
    for image, kernel in [(x[0, ...], w), *((x, kernel) for kernel in kernels)]:
        with pytest.raises(ValueError, match=r"needs x .* and w .*, got"):
            conv2d(image, kernel, b, P)
        with pytest.raises(ValueError, match=r"needs x .* and w .*, got"):
            conv2d_backward(dy, image, kernel, P)
    for bias in (b[:1], b[:, None], b[0]):  # the first would broadcast
        with pytest.raises(ValueError, match=r"4 kernels need b \(4,\), got"):
            conv2d(x, w, bias, P)
    for bad in (dy[:1, ...], dy[:, :1, ...], dy[..., :1], dy[0, ...]):
        with pytest.raises(ValueError, match=r"dy must be \(2, 4, 6, 9\), got"):
            conv2d_backward(bad, x, w, P)
    with pytest.raises(ValueError, match=r"is \(kh, kw\), got \(4, 3, 2, 3\)"):
        toeplitz(w, H, W)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_raw_pixels_are_refused(dtype, x, w, b, dy, array):
    message = "needs real floating-point numbers of one dtype, got"
    args = [x, w, b]
    for i in range(3):
        some = [
            array(a.astype(dtype)) if j == i else array(a)
            for j, a in enumerate(args)
        ]
        with pytest.raises(ValueError, match=message):
            conv2d(*some, P)
    args = [dy, x, w]
    for i in range(3):
        some = [
            array(a.astype(dtype)) if j == i else array(a)
            for j, a in enumerate(args)
        ]
        with pytest.raises(ValueError, match=message):
            conv2d_backward(*some, P)
    with pytest.raises(ValueError, match=message):
        toeplitz(array(w[0, 0].astype(dtype)), H, W)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("odd", [0, 1, 2])
def test_two_dtypes_are_refused(odd, x, w, b, dy, array):
    """They would give gradients of a third kind, or none on PyTorch."""
    message = "of one dtype, got .*float.*, .*float.*, .*float"
    for function, args in (conv2d, (x, w, b)), (conv2d_backward, (dy, x, w)):
        mixed = [
            array(a.astype(np.float32) if i == odd else a)
            for i, a in enumerate(args)
        ]
        with pytest.raises(ValueError, match=message):
            function(*mixed, P)
