import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from reference.convolution.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    global_average_pool,
    global_average_pool_backward,
    max_pool2d,
    max_pool2d_backward,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

H, W = 7, 6
POOLS = [
    (max_pool2d, max_pool2d_backward, functional.max_pool2d),
    (avg_pool2d, avg_pool2d_backward, functional.avg_pool2d),
]
# Side by side, with a border; overlapping; with gaps; all; each pixel.
GRIDS = [(2, 2), (3, 2), (2, 3), (6, 1), (1, 1)]


@pytest.fixture(params=GRIDS, ids=str)
def grid(request):
    return request.param


@pytest.fixture
def x(rng):
    """Few different values, so that windows have several largest ones."""
    return rng.integers(-2, 2, size=(2, 3, H, W)).astype(float)


@pytest.fixture
def dy(rng, grid):
    return rng.normal(size=(2, 3, *(count(length, *grid) for length in (H, W))))


def count(length, k, s):
    """Return how many windows begin and end inside."""
    return sum(start + k <= length for start in range(0, length, s))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(array):
    r"""A = \left\lfloor \frac{H - k}{s} \right\rfloor + 1"""
    for h, k in [(1, 1), (5, 1), (5, 2), (6, 2), (6, 3), (7, 7)]:
        for s in (1, 2, 3):
            for pool, _, _ in POOLS:
                y = pool(array(np.ones((1, 1, h, 8))), k, s)
                assert y.shape[2:] == (count(h, k, s), count(8, k, s))


def test_eq_2(x, grid, array):
    r"""y_{ab} = \max_{0 \le i, j < k} x_{sa + i, \, sb + j}"""
    k, s = grid
    y = to_numpy(max_pool2d(array(x), k, s))
    expected = np.empty(y.shape)
    for n, c, a, b in np.ndindex(y.shape):
        expected[n, c, a, b] = max(
            x[n, c, s * a + i, s * b + j] for i in range(k) for j in range(k)
        )
    assert_close(y, expected)


def test_eq_3(x, dy, grid, array):
    r"""\frac{\partial L}{\partial x_{pq}}
    = \sum_{a=0}^{A-1} \sum_{b=0}^{B-1}
    \delta_{ab} \, [p = p_{ab}] \, [q = q_{ab}]"""
    k, s = grid
    dx = max_pool2d_backward(array(dy), array(x), k, s)
    expected = np.zeros(x.shape)
    for n, c, a, b in np.ndindex(dy.shape):
        p, q = s * a, s * b
        for i in range(k):
            for j in range(k):
                if x[n, c, s * a + i, s * b + j] > x[n, c, p, q]:
                    p, q = s * a + i, s * b + j
        expected[n, c, p, q] += dy[n, c, a, b]
    assert_close(dx, expected)


def test_eq_4(x, grid, array):
    r"""y_{ab} = \frac{1}{k^2} \sum_{i=0}^{k-1} \sum_{j=0}^{k-1}
    x_{sa + i, \, sb + j}"""
    k, s = grid
    y = to_numpy(avg_pool2d(array(x), k, s))
    expected = np.zeros(y.shape)
    for n, c, a, b in np.ndindex(y.shape):
        for i in range(k):
            for j in range(k):
                expected[n, c, a, b] += x[n, c, s * a + i, s * b + j] / k**2
    assert_close(y, expected)


def test_eq_5(x, dy, grid, array):
    r"""\begin{gathered} \frac{\partial L}{\partial x_{pq}}
    = \frac{1}{k^2} \sum_{a=0}^{A-1} \sum_{b=0}^{B-1} \delta_{ab} \\
    \cdot \, [0 \le p - sa < k] \, [0 \le q - sb < k] \end{gathered}"""
    k, s = grid
    dx = avg_pool2d_backward(array(dy), array(x), k, s)
    expected = np.zeros(x.shape)
    for p, q in np.ndindex(H, W):
        for a, b in np.ndindex(dy.shape[2:]):
            if 0 <= p - s * a < k and 0 <= q - s * b < k:
                expected[:, :, p, q] += dy[:, :, a, b] / k**2
    assert_close(dx, expected)


def test_eq_6(x, array):
    r"""y = \frac{1}{H W} \sum_{p=0}^{H-1} \sum_{q=0}^{W-1} x_{pq}"""
    expected = np.zeros((2, 3))
    for n, c, p, q in np.ndindex(x.shape):
        expected[n, c] += x[n, c, p, q] / (H * W)
    assert_close(global_average_pool(array(x)), expected)


def test_eq_7(x, rng, array):
    r"""\frac{\partial L}{\partial x_{pq}} = \frac{\delta}{H W}"""
    dy = rng.normal(size=(2, 3))
    expected = np.empty(x.shape)
    for n, c, p, q in np.ndindex(x.shape):
        expected[n, c, p, q] = dy[n, c] / (H * W)
    assert_close(global_average_pool_backward(array(dy), array(x)), expected)


# The same as everybody else's.


@pytest.mark.parametrize(("pool", "backward", "torchs"), POOLS)
def test_pooling_of_torch(pool, backward, torchs, x, dy, grid, array):
    leaf = torch.asarray(x).requires_grad_()
    y = torchs(leaf, *grid)
    (dx,) = torch.autograd.grad(y, leaf, torch.asarray(dy))
    assert_close(pool(array(x), *grid), y)
    assert_close(backward(array(dy), array(x), *grid), dx)


@pytest.mark.parametrize(("pool", "backward", "torchs"), POOLS)
def test_the_default_stride_is_the_size(pool, backward, torchs, x, array):
    leaf = torch.asarray(x).requires_grad_()
    y = torchs(leaf, 3)
    (dx,) = torch.autograd.grad(y, leaf, y.detach())
    assert_close(pool(array(x), 3), y)
    assert_close(backward(array(to_numpy(y)), array(x), 3), dx)


def test_global_pooling_of_torch(x, rng, array):
    dy = rng.normal(size=(2, 3))
    leaf = torch.asarray(x).requires_grad_()
    y = functional.adaptive_avg_pool2d(leaf, 1).flatten(1)
    (dx,) = torch.autograd.grad(y, leaf, torch.asarray(dy))
    assert_close(global_average_pool(array(x)), y)
    assert_close(global_average_pool_backward(array(dy), array(x)), dx)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_go_where_torch_sends_them(special, x, rng, array):
    x[rng.random(x.shape) < 0.3] = special
    x[0, 0] = special
    # Of several nan the first counts, in PyTorch the last: inf stands in.
    largest = np.where(np.isnan(x), np.inf, x)
    leaf = torch.asarray(largest).requires_grad_()
    y = functional.max_pool2d(leaf, 2)
    dy = rng.normal(size=tuple(y.shape))
    (dx,) = torch.autograd.grad(y, leaf, torch.asarray(dy))
    expected = functional.max_pool2d(torch.asarray(x), 2)
    assert_close(max_pool2d(array(x), 2), expected)
    assert_close(max_pool2d_backward(array(dy), array(x), 2), dx)


# The gradient.


@pytest.mark.parametrize("grid", [(2, 2), (3, 2)])
@pytest.mark.parametrize(("pool", "backward"), [p[:2] for p in POOLS])
def test_gradient(pool, backward, grid, rng):
    # All values differ by 0.1 or more: finite differences meet no tie.
    x = rng.permutation(2 * 5 * 5).reshape(1, 2, 5, 5) / 10
    assert_gradient(
        lambda x: pool(x, *grid), lambda dy, x: backward(dy, x, *grid), x
    )


def test_global_gradient(rng):
    x = rng.normal(size=(2, 2, 3, 4))
    assert_gradient(global_average_pool, global_average_pool_backward, x)


def test_autograd_shares_among_equals(x):
    leaf = torch.asarray(x).requires_grad_()
    y = max_pool2d(leaf, 2)
    (dx,) = torch.autograd.grad(y, leaf, torch.ones_like(y))
    assert_close(avg_pool2d(dx, 2), torch.full_like(y, 1 / 4))
    largest = y.repeat_interleave(2, 2).repeat_interleave(2, 3)
    inside = leaf[:, :, : H - 1]  # the last row lies in no window
    assert torch.equal(dx[:, :, : H - 1] > 0, inside == largest)


# What the page promises, and what is refused.


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_pooling_never_amplifies_a_change(seed, k, s):
    rng = np.random.default_rng(seed)
    x, change = rng.normal(size=(2, 1, 2, 5, 6))
    for pool, _, _ in POOLS:
        moved = pool(x + change, k, s) - pool(x, k, s)
        assert np.max(np.abs(moved)) <= np.max(np.abs(change)) + 1e-12


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(-9, 9), st.integers(-9, 9))
def test_only_global_pooling_is_invariant_to_every_shift(seed, down, across):
    x = np.random.default_rng(seed).normal(size=(1, 2, 6, 8))
    shifted = np.roll(x, (down, across), axis=(2, 3))
    assert_close(global_average_pool(shifted), global_average_pool(x))
    for pool, _, _ in POOLS:
        y, y_shifted = pool(x, 2), pool(shifted, 2)
        if down % 2 or across % 2:
            assert np.any(y_shifted != y)
        else:  # by whole strides the map moves along
            y = np.roll(y, (down // 2, across // 2), axis=(2, 3))
            assert_close(y_shifted, y)


@pytest.mark.parametrize(("pool", "backward"), [p[:2] for p in POOLS])
def test_a_border_without_window_is_not_read(pool, backward, rng):
    x = rng.normal(size=(1, 1, 5, 5))
    assert_close(pool(x, 2), pool(x[:, :, :4, :4], 2))
    dx = backward(np.ones((1, 1, 2, 2)), x, 2)
    assert_close(dx[:, :, 4, :], np.zeros((1, 1, 5)))
    assert_close(dx[:, :, :, 4], np.zeros((1, 1, 5)))
    assert_close(np.sum(dx), 4.0)


def test_the_gradient_is_handed_on_in_full(x, dy, grid):
    for _, backward, _ in POOLS:
        dx = backward(dy, x, *grid)
        assert_close(np.sum(dx, axis=(2, 3)), np.sum(dy, axis=(2, 3)))
    dx = global_average_pool_backward(dy[:, :, 0, 0], x)
    assert_close(np.sum(dx, axis=(2, 3)), dy[:, :, 0, 0])


def test_relu_may_come_before_or_after_max_but_not_mean(x):
    def relu(z):
        return np.maximum(z, 0)

    assert_close(max_pool2d(relu(x), 2), relu(max_pool2d(x, 2)))
    assert np.any(avg_pool2d(relu(x), 2) != relu(avg_pool2d(x, 2)))


def test_float32_stays_float32(x, dy, grid):
    for pool, backward, _ in POOLS:
        assert_float32(lambda x, pool=pool: pool(x, *grid), x)
        assert_float32(
            lambda dy, x, backward=backward: backward(dy, x, *grid), dy, x
        )
    assert_float32(global_average_pool, x)
    assert_float32(global_average_pool_backward, dy[:, :, 0, 0], x)


def test_gradients_have_the_dtype_of_dy_and_ignore_what_x_holds(x, dy, grid):
    for _, backward, _ in POOLS:
        dx = backward(np.float32(dy), x, *grid)
        assert dx.dtype == np.float32
        assert_close(dx, backward(dy, x, *grid), rtol=1e-4, atol=1e-5)
    wild = np.full_like(x, np.inf)
    assert_close(dx, avg_pool2d_backward(np.float32(dy), wild, *grid))
    dx = global_average_pool_backward(np.float32(dy[:, :, 0, 0]), wild)
    assert dx.dtype == np.float32
    assert np.all(np.isfinite(dx))


@pytest.mark.usefixtures("unchecked")
def test_numpy_integers_as_size_and_stride(x, array):
    for pool, _, _ in POOLS:
        y = pool(array(x), np.int64(3), np.int64(2))
        assert y.dtype == array(x).dtype
        assert_close(y, to_numpy(pool(array(x), 3, 2)))
        y = pool(array(np.ones((1, 1, 300, 3))), np.uint8(3), np.uint8(2))
        assert tuple(y.shape) == (1, 1, 149, 1)


def test_arguments_are_left_alone_and_results_are_new(x):
    before = x.copy()
    for pool, backward, _ in POOLS:
        y = pool(x, 1)
        dx = backward(y, x, 1)
        y[...], dx[...] = 7.0, 8.0
    dx = global_average_pool_backward(x[:, :, 0, 0], x)
    dx[...] = 9.0
    assert_close(x, before)


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4)])
def test_no_example_and_no_channel(shape, array):
    x = array(np.ones(shape))
    for pool, backward, _ in POOLS:
        y = pool(x, 2)
        assert tuple(y.shape) == (*shape[:2], 2, 2)
        assert tuple(backward(y, x, 2).shape) == shape
    y = global_average_pool(x)
    assert tuple(y.shape) == shape[:2]
    assert tuple(global_average_pool_backward(y, x).shape) == shape


def calls(x, *grid):
    """Return the four calls that take a size, on dy of the wrong shape."""
    return [
        *(lambda pool=pool: pool(x, *grid) for pool, _, _ in POOLS),
        *(lambda back=back: back(x, x, *grid) for _, back, _ in POOLS),
    ]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "bad",
    [0, -1, 2.0, np.nan, True, (2, 2), np.array([2]), torch.tensor(True)],
    ids=str,
)
def test_sizes_and_strides_that_are_no_whole_numbers(bad, array):
    x = array(np.ones((1, 1, 4, 4)))
    got = re.escape(f"{bad}")
    for call in calls(x, bad):
        with pytest.raises(ValueError, match=f"size needs .* got {got}$"):
            call()
    for call in calls(x, 2, bad):
        with pytest.raises(ValueError, match=f"stride needs .* got {got}$"):
            call()


@pytest.mark.parametrize("shape", [(1, 1, 2, 4), (1, 1, 4, 2), (1, 1, 0, 0)])
def test_a_window_that_does_not_fit_is_refused(shape, array):
    for call in calls(array(np.ones(shape)), 3):
        with pytest.raises(ValueError, match=r"needs 3 x 3 pixels, got .*\(1"):
            call()


@pytest.mark.parametrize("shape", [(2, 3, 0, 4), (2, 3, 4, 0)])
def test_the_mean_of_no_pixel_is_refused(shape, array):
    x = array(np.ones(shape))
    with pytest.raises(ValueError, match="needs 1 x 1 pixels"):
        global_average_pool(x)
    with pytest.raises(ValueError, match="needs 1 x 1 pixels"):
        global_average_pool_backward(array(np.ones((2, 3))), x)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "x",
    [
        np.ones((3, 4, 4)),
        np.ones((1, 1, 1, 4, 4)),
        np.ones(()),
        np.ones((1, 1, 4, 4), dtype=np.int64),
        np.ones((1, 1, 4, 4), dtype=bool),
        np.ones((1, 1, 4, 4), dtype=complex),
    ],
    ids=["3 axes", "5 axes", "0 axes", "integers", "bool", "complex"],
)
def test_other_arrays_are_refused(x, array):
    x = array(x)
    for call in [
        *calls(x, 2),
        lambda: global_average_pool(x),
        lambda: global_average_pool_backward(x, x),
    ]:
        with pytest.raises(ValueError, match=r"needs floats \(N, C, H, W\), g"):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(2, 3, 2, 1), (1, 3, 2, 2), (2, 3), ()])
def test_gradients_that_would_broadcast_are_refused(shape, array):
    x, dy = array(np.ones((2, 3, 4, 5))), array(np.ones(shape))
    for _, backward, _ in POOLS:
        with pytest.raises(ValueError, match=r"\(2, 3, 2, 2\), got \S+ \("):
            backward(dy, x, 2)
    dy = array(np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"\(2, 3\), got \S+ \(2, 1\)"):
        global_average_pool_backward(dy, x)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, bool, complex])
def test_gradients_that_are_no_floats_are_refused(dtype, array):
    x = array(np.ones((2, 3, 4, 4)))
    dy = array(np.ones((2, 3, 2, 2), dtype=dtype))
    for _, backward, _ in POOLS:
        with pytest.raises(ValueError, match=r"dy needs floats .* got \S+ \(2"):
            backward(dy, x, 2)
    with pytest.raises(ValueError, match=r"dy needs floats .* got \S+ \(2"):
        global_average_pool_backward(dy[:, :, 0, 0], x)
