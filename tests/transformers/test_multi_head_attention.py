from math import exp, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import as_tensor as tensor

from reference.transformers.attention import (
    causal_mask,
    scaled_dot_product_attention,
    single_head_attention,
)
from reference.transformers.multi_head_attention import (
    merge_heads,
    multi_head_attention,
    padding_mask,
    split_heads,
)
from tests.checks import assert_close, assert_float32, to_numpy

Q, K, E, F, H, D = 3, 4, 5, 7, 2, 3
A = H * D
SHAPES = [(Q, E), (K, F), (E, A), (F, A), (F, A), (A, E)]


@pytest.fixture
def args(rng):
    """Return tokens, a context, and the matrices W_Q, W_K, W_V, W_O."""
    return [rng.normal(size=shape) for shape in SHAPES]


@pytest.fixture
def output(args, array):
    return multi_head_attention(*map(array, args), H)


# The page's equations, each written out index by index below its LaTeX. Heads
# are counted from 0 here, so that (h - 1) D + d becomes h D + d.


def test_eq_1(rng, array):
    r"""u^{(h)}_{td} = u_{t,\,(h-1)D+d}"""
    x = rng.normal(size=(K, A))
    expected = np.empty((H, K, D))
    for h, t, d in np.ndindex(H, K, D):
        expected[h, t, d] = x[t, h * D + d]
    assert_close(split_heads(array(x), H), expected)


def heads_of(x, w):
    """Return the projection of eqs. 2 to 4, index by index."""
    projected = np.zeros((H, x.shape[0], D))
    for h, t, d, e in np.ndindex(H, x.shape[0], D, x.shape[1]):
        projected[h, t, d] += x[t, e] * w[e, h * D + d]
    return projected


def plain(x, w):
    """Return the same by NumPy."""
    return np.stack(np.split(x @ w, H, axis=1))


def mixed(q, k, v, w_o):
    """Return the output for queries, keys and values of each head."""
    y = [
        scaled_dot_product_attention(*head)
        for head in zip(q, k, v, strict=True)
    ]
    return np.concatenate(y, axis=1) @ w_o


def test_eq_2(args, output):
    r"""q^{(h)}_{id} = \sum_{e=1}^{E} x_{ie}\, w^Q_{e,\,(h-1)D+d}"""
    x, z, w_q, w_k, w_v, w_o = args
    q = heads_of(x, w_q)
    assert_close(output, mixed(q, plain(z, w_k), plain(z, w_v), w_o))


def test_eq_3(args, output):
    r"""k^{(h)}_{jd} = \sum_{f=1}^{F} z_{jf}\, w^K_{f,\,(h-1)D+d}"""
    x, z, w_q, w_k, w_v, w_o = args
    k = heads_of(z, w_k)
    assert_close(output, mixed(plain(x, w_q), k, plain(z, w_v), w_o))


def test_eq_4(args, output):
    r"""v^{(h)}_{jd} = \sum_{f=1}^{F} z_{jf}\, w^V_{f,\,(h-1)D+d}"""
    x, z, w_q, w_k, w_v, w_o = args
    v = heads_of(z, w_v)
    assert_close(output, mixed(plain(x, w_q), plain(z, w_k), v, w_o))


def test_eq_5(args, array):
    r"""y^{(h)}_{id} = \frac{
    \sum_{j=1}^{K} m_{ij} \exp(s^{(h)}_{ij})\, v^{(h)}_{jd}}{
    \sum_{j=1}^{K} m_{ij} \exp(s^{(h)}_{ij})}"""
    x, z, w_q, w_k, w_v, w_o = args
    q, k, v = plain(x, w_q), plain(z, w_k), plain(z, w_v)
    mask = np.array([[1, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]], dtype=bool)
    above, below = np.zeros((Q, A)), np.zeros((Q, A))
    for h, i, d, j in np.ndindex(H, Q, D, K):
        s = sum(q[h, i, c] * k[h, j, c] for c in range(D)) / sqrt(D)
        above[i, h * D + d] += mask[i, j] * exp(s) * v[h, j, d]
        below[i, h * D + d] += mask[i, j] * exp(s)
    actual = multi_head_attention(*map(array, args), H, array(mask))
    assert_close(actual, above / below @ w_o)


def test_eq_6(rng, array):
    r"""y_{i,\,(h-1)D+d} = y^{(h)}_{id}"""
    y = rng.normal(size=(H, Q, D))
    expected = np.empty((Q, A))
    for h, i, d in np.ndindex(H, Q, D):
        expected[i, h * D + d] = y[h, i, d]
    assert_close(merge_heads(array(y)), expected)


def test_eq_7(args, output):
    r"""o_{ie} = \sum_{c=1}^{A} y_{ic} w^O_{ce}"""
    x, z, w_q, w_k, w_v, w_o = args
    y = mixed(plain(x, w_q), plain(z, w_k), plain(z, w_v), np.eye(A))
    expected = np.zeros((Q, E))
    for i, e, c in np.ndindex(Q, E, A):
        expected[i, e] += y[i, c] * w_o[c, e]
    assert_close(output, expected)


def test_eq_8(array):
    r"""m_{nj} = [\, j \le \ell_n \,]"""
    lengths = [2, 4, 1]
    expected = np.zeros((3, 1, 1, 4), dtype=bool)
    for n, j in np.ndindex(3, 4):
        expected[n, 0, 0, j] = j + 1 <= lengths[n]
    mask = padding_mask(array(np.array(lengths)), 4)
    assert_close(mask, expected)
    assert to_numpy(mask).dtype == bool


# The same as everybody else's: torch.nn.MultiheadAttention, einops' pattern
# "n t (h d) -> n h t d" by plain slices.


def layer_of_torch(w_q, w_k, w_v, w_o, heads):
    """Return torch's layer with these weights: they are transposed there."""
    layer = torch.nn.MultiheadAttention(
        len(w_q), heads, bias=False, batch_first=True, dtype=torch.float64
    )
    with torch.no_grad():
        stacked = np.concatenate([w_q.T, w_k.T, w_v.T])
        layer.in_proj_weight.copy_(tensor(stacked))
        layer.out_proj.weight.copy_(tensor(w_o.T))
    return layer


@pytest.fixture
def square(rng):
    """Return 3 sequences of 4 tokens, as many contexts of 5, 4 matrices."""
    x, z = rng.normal(size=(3, 4, 6)), rng.normal(size=(3, 5, 6))
    return x, z, list(rng.normal(size=(4, 6, 6)))


@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_layer_of_torch(heads, square, array):
    x, z, w = square
    layer = layer_of_torch(*w, heads)
    expected, _ = layer(*map(tensor, (x, z, z)))
    actual = multi_head_attention(array(x), array(z), *map(array, w), heads)
    assert_close(actual, expected)


def test_layer_of_torch_with_masks(square, array):
    """True means hidden there, and may attend here."""
    x, _, w = square
    lengths = np.array([2, 4, 1])
    hidden = np.arange(4) >= lengths[:, None]
    later = np.triu(np.ones((4, 4), dtype=bool), 1)
    layer = layer_of_torch(*w, 3)
    expected, _ = layer(
        *map(tensor, (x, x, x)),
        key_padding_mask=tensor(hidden),
        attn_mask=tensor(later),
    )
    mask = padding_mask(array(lengths), 4) & causal_mask(array(x))
    assert tuple(mask.shape) == (3, 1, 4, 4)
    actual = multi_head_attention(array(x), array(x), *map(array, w), 3, mask)
    assert_close(actual, expected)


def test_layer_of_torch_with_a_mask_for_each_head(square, rng, array):
    x, z, w = square
    mask = rng.random(size=(3, 2, 4, 5)) < 0.5
    mask[..., 0] = True
    layer = layer_of_torch(*w, 2)
    hidden = tensor(~mask.reshape(6, 4, 5))
    expected, _ = layer(*map(tensor, (x, z, z)), attn_mask=hidden)
    args = [array(a) for a in (x, z, *w)]
    assert_close(multi_head_attention(*args, 2, array(mask)), expected)
    alone = [array(a) for a in (x[0], z[0], *w)]
    actual = multi_head_attention(*alone, 2, array(mask[0]))
    assert_close(actual, expected[0])


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_split_and_merge_are_slices_and_concatenation(batch, rng, array):
    x = rng.normal(size=(*batch, 4, 6))
    expected = np.stack([x[..., :2], x[..., 2:4], x[..., 4:]], axis=-3)
    parts = split_heads(array(x), 3)
    assert_close(parts, expected)
    assert_close(merge_heads(parts), x)


# The gradient is autograd's, through these very lines.


def test_gradient_of_the_layer_of_torch(square, rng):
    x, z, w = square
    layer = layer_of_torch(*w, 3)
    xt, zt = (tensor(a).requires_grad_() for a in (x, z))
    y, _ = layer(xt, zt, zt)
    leaves = [xt, zt, layer.in_proj_weight, layer.out_proj.weight]
    dy = tensor(rng.normal(size=(3, 4, 6)))
    dx, dz, d_in, d_out = torch.autograd.grad(y, leaves, dy)
    expected = [dx, dz, *(d.T for d in d_in.chunk(3)), d_out.T]
    leaves = [tensor(a).requires_grad_() for a in (x, z, *w)]
    actual = torch.autograd.grad(multi_head_attention(*leaves, 3), leaves, dy)
    for a, b in zip(actual, expected, strict=True):
        assert_close(a, b)


def test_gradient_by_finite_differences(args):
    leaves = [tensor(a).requires_grad_() for a in args]
    mask = torch.tensor([[True, True, False, True]])
    assert torch.autograd.gradcheck(
        lambda *a: multi_head_attention(*a, H, mask), leaves, fast_mode=True
    )


def test_no_gradient_from_later_tokens(square):
    """Output t depends on tokens 1 to t, and on nothing after them."""
    x, _, w = square
    w = [tensor(a) for a in w]

    def outputs(x):
        return multi_head_attention(x, x, *w, 2, causal_mask(x))

    slopes = torch.autograd.functional.jacobian(outputs, tensor(x[0]))
    for t, s in np.ndindex(4, 4):
        zero = (slopes[t, :, s, :] == 0.0).all()
        assert zero == (s > t), (t, s)


def test_no_gradient_from_padding(square):
    x, _, w = square
    lengths, x = torch.tensor([2, 4, 1]), tensor(x).requires_grad_()
    mask = padding_mask(lengths, 4)
    y = multi_head_attention(x, x, *map(tensor, w), 3, mask)
    real = mask[:, 0, 0]
    (slope,) = torch.autograd.grad(y[real].sum(), x)
    assert (slope[~real] == 0.0).all()
    assert (slope[real] != 0.0).any(dim=-1).all()


# What the page promises.


def test_padding_changes_nothing(square, array):
    x, _, w = square
    w = [array(a) for a in w]
    mask = padding_mask(array(np.array([2, 4, 1])), 4)
    y = to_numpy(multi_head_attention(array(x), array(x), *w, 3, mask))
    x[0, 2:], x[2, 1:] = 1e3, -1e3
    z = to_numpy(multi_head_attention(array(x), array(x), *w, 3, mask))
    for n, length in enumerate([2, 4, 1]):
        assert_close(z[n, :length], y[n, :length])
        short = array(x[n, :length])
        alone = multi_head_attention(short, short, *w, 3)
        assert_close(alone, y[n, :length])


def test_one_head_is_a_single_head(args, rng, array):
    mask = rng.random(size=(Q, K)) < 0.5
    mask[:, 1] = True
    given = [array(a) for a in (*args, mask)]
    *args, mask = given
    actual = multi_head_attention(*args, 1, mask)
    assert_close(actual, single_head_attention(*args, mask))
    assert_close(
        multi_head_attention(*args, heads=1), single_head_attention(*args)
    )


def test_one_head_with_identities_is_attention(square, array):
    x, z, _ = square
    one = array(np.eye(6))
    x, z = array(x), array(z)
    actual = multi_head_attention(x, z, one, one, one, one, 1)
    assert_close(actual, scaled_dot_product_attention(x, z, z))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), heads=st.integers(1, 4))
def test_sum_of_single_heads_in_any_order(seed, heads):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, 3, 4))
    w = [*rng.normal(size=(3, 4, 2 * heads)), rng.normal(size=(2 * heads, 4))]
    expected = 0.0
    for h in range(heads):
        own = slice(2 * h, 2 * h + 2)
        w_q, w_k, w_v = (a[:, own] for a in w[:3])
        expected += single_head_attention(x, z, w_q, w_k, w_v, w[3][own])
    assert_close(multi_head_attention(x, z, *w, heads), expected, atol=1e-9)
    order = rng.permutation(heads)
    columns = (2 * order[:, None] + np.arange(2)).ravel()
    moved = [*(a[:, columns] for a in w[:3]), w[3][columns]]
    actual = multi_head_attention(x, z, *moved, heads)
    assert_close(actual, expected, atol=1e-9)


def test_example_by_pencil(array):
    """Both patterns with two heads, and neither with one."""
    x = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]])
    own, other, none = np.eye(2), np.eye(2)[::-1], np.zeros((2, 2))
    w_q = sqrt(2) * np.log(3) * np.block([[own, none], [none, other]])
    w_k, w_v = np.eye(4), np.diag([4.0, 8, 4, 8])
    w_o = np.block([[own, own], [own, -own]])
    args = [array(a) for a in (x, x, w_q, w_k, w_v, w_o)]
    y = multi_head_attention(*args, 2)
    assert_close(y, [[4.0, 8, 2, -4], [4, 8, -2, 4]])
    y = multi_head_attention(*args, 1)
    assert_close(y, [[4.0, 8, 0, 0], [4, 8, 0, 0]])


def test_heads_that_start_equal_stay_equal(rng):
    x = tensor(rng.normal(size=(3, 4)))
    once = [*rng.normal(size=(3, 4, 2)), rng.normal(size=(2, 4))]
    twice = [np.concatenate([a, a], axis=1) for a in once[:3]]
    twice.append(np.concatenate([once[3], once[3]]))
    w = [tensor(a).requires_grad_() for a in twice]
    loss = (multi_head_attention(x, x, *w, 2) ** 2).sum()
    *columns, rows = torch.autograd.grad(loss, w)
    for slope in (*columns, rows.T):
        assert (slope != 0.0).all()
        assert_close(slope[:, :2], slope[:, 2:])


def test_one_entry_never_picks_the_middle_key(rng):
    """Scores of rank 1 put the keys in one order, or in the opposite one."""
    x, z = rng.normal(size=(20, 4)), rng.normal(size=(5, 4))
    w_q, w_k = rng.normal(size=(2, 4, 1))
    order = np.argsort((z @ w_k)[:, 0])
    picked = ((x @ w_q) @ (z @ w_k).T).argmax(axis=1)
    assert set(picked) == {order[0], order[-1]}


def test_empty(args, array):
    x, z, *w = map(array, args)
    assert tuple(multi_head_attention(x[:0, :], z, *w, H).shape) == (0, E)
    nothing = array(np.ones((0, Q, E))), array(np.ones((0, K, F)))
    assert tuple(multi_head_attention(*nothing, *w, H).shape) == (0, Q, E)
    lengths = array(np.array([], dtype=np.int64))
    assert tuple(padding_mask(lengths, 3).shape) == (0, 1, 1, 3)


def test_lengths_of_any_integer_dtype(array):
    for kind in (np.uint8, np.int8, np.int64):
        mask = padding_mask(array(np.array([1, 100], dtype=kind)), 300)
        assert to_numpy(mask).sum(axis=-1).ravel().tolist() == [1, 100]


def test_float32_stays_float32(args):
    assert_float32(lambda *a: multi_head_attention(*a, H), *args)


# What is refused.


@pytest.mark.parametrize("heads", [0, -2, 4, 12])
def test_heads_that_cannot_share_are_refused(heads, args, array):
    args = [array(a) for a in args]
    message = f"multiple of the heads, got {A} entries and {heads} heads"
    with pytest.raises(ValueError, match=message):
        split_heads(array(np.ones((Q, A))), heads)
    with pytest.raises(ValueError, match=message):
        multi_head_attention(*args, heads)


@pytest.mark.usefixtures("unchecked")
def test_missing_axes_are_refused(array):
    for shape in ((), (4,)):
        with pytest.raises(ValueError, match=r"axes T and A, got shape \("):
            split_heads(array(np.ones(shape)), 2)
    for shape in ((), (4,), (3, 4)):
        with pytest.raises(ValueError, match=r"axes H, T and D, got shape"):
            merge_heads(array(np.ones(shape)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("place", range(2, 6))
def test_matrices_that_do_not_fit_are_refused(place, args, array):
    args[place] = args[place][:-1]
    with pytest.raises(ValueError, match=r"w_q, w_k, w_v and w_o need shapes"):
        multi_head_attention(*map(array, args), H)


@pytest.mark.usefixtures("unchecked")
def test_a_mask_with_half_of_the_leading_axes_is_refused(rng, array):
    """With as many sequences as heads it would be read as one of heads."""
    x, w = array(rng.normal(size=(2, 3, 4))), array(np.eye(4))
    for shape in ((2, 3, 3), (1, 3, 3), (3,), (1, 2, 1, 3, 3)):
        mask = array(np.ones(shape, dtype=bool))
        with pytest.raises(ValueError, match=r"or none, got shape \(.*\) for"):
            multi_head_attention(x, x, w, w, w, w, 2, mask)
    for shape in ((3, 3), (1, 3), (2, 1, 1, 3), (2, 2, 3, 3), (1, 2, 1, 3)):
        mask = array(np.ones(shape, dtype=bool))
        y = multi_head_attention(x, x, w, w, w, w, 2, mask)
        assert_close(y, multi_head_attention(x, x, w, w, w, w, 2))


@pytest.mark.parametrize("lengths", [[0, 3], [3, 6], [-1, 2]])
def test_lengths_out_of_range_are_refused(lengths, array):
    with pytest.raises(ValueError, match=r"need to be 1 to t = 5, got .*\d"):
        padding_mask(array(np.array(lengths)), 5)
    assert to_numpy(padding_mask(array(np.array([1, 5])), 5)).sum() == 6


@pytest.mark.usefixtures("unchecked")
def test_lengths_that_are_no_row_of_integers_are_refused(array):
    for lengths in ([1.0, 2.0], [True, True], [[1, 2]], 2):
        with pytest.raises(ValueError, match=r"integers, one for each seq"):
            padding_mask(array(np.array(lengths)), 5)
