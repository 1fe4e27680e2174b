import json
from math import exp, inf, log, nan, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.transformers.attention import (
    attention_weights,
    causal_mask,
    scaled_dot_product_attention,
    scaled_dot_product_attention_backward,
    single_head_attention,
)
from reference.transformers.token_aggregation import (
    attention_pool,
    attention_pool_backward,
    cls_pool,
    last_token,
    max_pool,
    mean_pool,
    pooling_weights,
    prepend_token,
)
from tests.checks import assert_close, assert_float32, assert_gradient, to_numpy

RESULT = (
    Path(__file__).parents[2]
    / "experiments/transformers/token_aggregation.json"
)
N, T, E = 3, 5, 4
LENGTHS = np.array([5, 2, 1])
MASK = np.arange(T) < LENGTHS[:, None]
HOLES = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 0, 1], [0, 0, 0, 1, 0]], bool)
QUERY = np.array([0.5, -1.0, 2.0, 0.3])


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, T, E))


def attend(x, mask=None):
    """Return attention_pool with a query fit for the library of x."""
    if isinstance(x, torch.Tensor):
        return attention_pool(x, torch.asarray(QUERY, dtype=x.dtype), mask)
    xp = x.__array_namespace__()
    query = xp.asarray(QUERY[: x.shape[-1]], dtype=x.dtype, device=x.device)
    return attention_pool(x, query, mask)


POOLS = [mean_pool, max_pool, attend]


# The page's equations, each written out index by index below its LaTeX.


def weights_by_hand(x, query, mask):
    """Return the weights of eq. 3 of one sequence."""
    e = [
        m * exp(sum(q * c for q, c in zip(query, row, strict=True)) / sqrt(E))
        for m, row in zip(mask, x, strict=True)
    ]
    return [a / sum(e) for a in e]


def test_eq_1(x, array):
    r"""y_e = \frac{1}{\ell} \sum_{t=1}^{T} m_t x_{te}"""
    y = np.zeros((N, E))
    for n, t, e in np.ndindex(N, T, E):
        y[n, e] += HOLES[n, t] * x[n, t, e] / sum(HOLES[n])
    assert_close(mean_pool(array(x), array(HOLES)), y)


def test_eq_2(x, array):
    r"""y_e = \max_{t :\, m_t = 1} x_{te}"""
    y = np.zeros((N, E))
    for n, e in np.ndindex(N, E):
        y[n, e] = max(x[n, t, e] for t in range(T) if HOLES[n, t])
    assert_close(max_pool(array(x), array(HOLES)), y)


def test_eq_3(x, array):
    r"""a_t = \frac{m_t \exp(s_t)}{\sum_{u=1}^{T} m_u \exp(s_u)}"""
    a = [weights_by_hand(x[n], QUERY, HOLES[n]) for n in range(N)]
    assert_close(pooling_weights(array(x), array(QUERY), array(HOLES)), a)


def test_eq_4(x, array):
    r"""y_e = \sum_{t=1}^{T} a_t x_{te}"""
    y = np.zeros((N, E))
    for n, t, e in np.ndindex(N, T, E):
        y[n, e] += weights_by_hand(x[n], QUERY, HOLES[n])[t] * x[n, t, e]
    assert_close(attention_pool(array(x), array(QUERY), array(HOLES)), y)


def slopes_by_hand(dy, x, n):
    """Return dL/ds of eq. 5 for sequence n."""
    a = weights_by_hand(x[n], QUERY, HOLES[n])
    y = [sum(a[t] * x[n, t, e] for t in range(T)) for e in range(E)]
    return [
        a[t] * sum(dy[n, e] * (x[n, t, e] - y[e]) for e in range(E))
        for t in range(T)
    ]


def test_eq_5(x, rng, array):
    r"""\frac{\partial L}{\partial s_t}
    = a_t \sum_{e=1}^{E} \delta_e (x_{te} - y_e)"""
    dy = rng.normal(size=(N, E))
    dx, _ = attention_pool_backward(*map(array, (dy, x, QUERY, HOLES)))
    for n, t in np.ndindex(N, T):
        a = weights_by_hand(x[n], QUERY, HOLES[n])
        ds = slopes_by_hand(dy, x, n)[t]
        through_scores = to_numpy(dx)[n, t] - a[t] * dy[n]
        assert_close(through_scores, ds * QUERY / sqrt(E))


def test_eq_6(x, rng, array):
    r"""\frac{\partial L}{\partial x_{te}} = a_t \delta_e
    + \frac{\partial L}{\partial s_t} \frac{q_e}{\sqrt{E}}"""
    dy = rng.normal(size=(N, E))
    expected = np.zeros((N, T, E))
    for n, t, e in np.ndindex(N, T, E):
        a = weights_by_hand(x[n], QUERY, HOLES[n])
        ds = slopes_by_hand(dy, x, n)
        expected[n, t, e] = a[t] * dy[n, e] + ds[t] * QUERY[e] / sqrt(E)
    dx, _ = attention_pool_backward(*map(array, (dy, x, QUERY, HOLES)))
    assert_close(dx, expected)


def test_eq_7(x, rng, array):
    r"""\frac{\partial L}{\partial q_e} = \frac{1}{\sqrt{E}}
    \sum_{n=1}^{N} \sum_{t=1}^{T}
    \frac{\partial L}{\partial s_{nt}} x_{nte}"""
    dy = rng.normal(size=(N, E))
    expected = np.zeros(E)
    for n, t, e in np.ndindex(N, T, E):
        expected[e] += slopes_by_hand(dy, x, n)[t] * x[n, t, e] / sqrt(E)
    _, dq = attention_pool_backward(*map(array, (dy, x, QUERY, HOLES)))
    assert_close(dq, expected)


def test_eq_8(x, array):
    r"""z_{te} = \begin{cases} c_e & \text{if } t = 0 \\
    x_{te} & \text{if } t \ge 1 \end{cases}"""
    z = np.zeros((N, T + 1, E))
    for n, t, e in np.ndindex(N, T + 1, E):
        z[n, t, e] = QUERY[e] if t == 0 else x[n, t - 1, e]
    assert_close(prepend_token(array(x), array(QUERY)), z)


def test_eq_9(x, array):
    r"""y_e = z_{0e}"""
    y = np.zeros((N, E))
    for n, e in np.ndindex(N, E):
        y[n, e] = x[n, 0, e]
    assert_close(cls_pool(array(x)), y)


def test_eq_10(x, array):
    r"""y_e = x_{\ell e}"""
    y = np.zeros((N, E))
    for n, e in np.ndindex(N, E):
        y[n, e] = x[n, LENGTHS[n] - 1, e]
    assert_close(last_token(array(x), array(LENGTHS)), y)


# The same as everybody else's.


def test_mean_and_maximum_are_numpys_of_the_real_tokens(x, array):
    mean, top = (pool(array(x), array(HOLES)) for pool in (mean_pool, max_pool))
    expected = np.ma.array(x, mask=~np.repeat(HOLES[..., None], E, axis=-1))
    assert_close(mean, expected.mean(axis=1).data)
    assert_close(top, expected.max(axis=1).data)


def test_attention_pool_is_torchs_attention_with_one_query(x, array):
    xt = torch.asarray(x)
    q = torch.asarray(QUERY).expand(N, 1, E)
    expected = F.scaled_dot_product_attention(
        q, xt, xt, torch.asarray(HOLES)[:, None]
    )
    y = attention_pool(array(x), array(QUERY), array(HOLES))
    assert_close(y, expected[:, 0])
    eye = torch.eye(T, dtype=torch.float64).expand(N, T, T)
    a = F.scaled_dot_product_attention(
        q, xt, eye, torch.asarray(HOLES)[:, None]
    )
    assert_close(pooling_weights(array(x), array(QUERY), array(HOLES)), a[:, 0])


def test_prepending_and_reading_are_numpys(x, array):
    z = prepend_token(array(x), array(QUERY))
    assert_close(z, np.insert(x, 0, QUERY, axis=1))
    assert_close(cls_pool(z), np.broadcast_to(QUERY, (N, E)))
    expected = np.take_along_axis(x, LENGTHS[:, None, None] - 1, axis=1)
    assert_close(last_token(array(x), array(LENGTHS)), expected[:, 0])


# The gradient.


@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradient(batch, rng):
    """Of one sequence without a mask, and of two with padding."""
    mask = torch.asarray(HOLES[:2, :3]) if batch else None
    assert_gradient(
        lambda x, q: attention_pool(x, q, mask),
        lambda dy, x, q: attention_pool_backward(dy, x, q, mask),
        rng.normal(size=(*batch, 3, 2)),
        QUERY[:2],
    )


def test_gradient_is_that_of_attention_as_query_key_and_value(x, rng, array):
    """Tokens are keys and values at once, the query is everybody's."""
    dy, q = rng.normal(size=(N, E)), np.broadcast_to(QUERY, (N, 1, E))
    dq, dk, dv = scaled_dot_product_attention_backward(
        dy[:, None], q, x, x, HOLES[:, None]
    )
    dx, dquery = attention_pool_backward(*map(array, (dy, x, QUERY, HOLES)))
    assert_close(dx, dk + dv)
    assert_close(dquery, dq.sum(axis=(0, 1)))


# What the page promises: invariances, limits, pitfalls.


@pytest.mark.parametrize("filling", [0.0, 1e300, inf, -inf, nan])
@pytest.mark.parametrize("pool", POOLS)
def test_padding_changes_nothing(pool, filling, x, array):
    filled = np.where(MASK[..., None], x, filling)
    y = to_numpy(pool(array(filled), array(MASK)))
    for n, length in enumerate(LENGTHS):
        assert_close(y[n], pool(x[n, :length]))


@pytest.mark.parametrize("filling", [inf, nan])
def test_padding_gets_no_weight_and_no_gradient(filling, x, rng, array):
    dy = rng.normal(size=(N, E))
    clean, dq = attention_pool_backward(dy, x, QUERY, MASK)
    filled = array(np.where(MASK[..., None], x, filling))
    a = to_numpy(pooling_weights(filled, array(QUERY), array(MASK)))
    assert (a[~MASK] == 0).all()
    actual, dq_filled = attention_pool_backward(
        array(dy), filled, array(QUERY), array(MASK)
    )
    assert (to_numpy(actual)[~MASK] == 0).all()
    assert_close(actual, clean)
    assert_close(dq_filled, dq)
    assert_close(last_token(filled, array(LENGTHS)), last_token(x, LENGTHS))


@pytest.mark.parametrize("pool", POOLS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_tokens_does_not_matter(pool, seed):
    rng = np.random.default_rng(seed)
    x, order = rng.normal(size=(N, T, E)), rng.permutation(T)
    assert_close(pool(x[:, order], HOLES[:, order]), pool(x, HOLES))


@pytest.mark.parametrize("pool", POOLS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_pool_lies_between_the_tokens_and_moves_along(pool, seed):
    x = np.random.default_rng(seed).normal(scale=9, size=(T, E))
    y = pool(x)
    assert (y >= x.min(axis=0) - 1e-9).all()
    assert (y <= x.max(axis=0) + 1e-9).all()
    assert_close(pool(x + 7), y + 7)


def test_a_query_of_zeros_is_the_mean_and_a_large_one_picks(x, array):
    zero = array(np.zeros(E))
    assert_close(
        attention_pool(array(x), zero, array(HOLES)), mean_pool(x, HOLES)
    )
    best = np.where(HOLES, x @ QUERY, -inf).argmax(axis=1)
    y = attention_pool(array(x), array(1e4 * QUERY), array(HOLES))
    assert_close(y, x[np.arange(N), best])


def test_a_maximum_far_below_zero(array):
    """No filling wins, whatever the size of the numbers."""
    x = array(np.array([[-1e300, 2.0], [-2e300, 2.0], [0.0, 9.0]]))
    mask = array(np.array([True, True, False]))
    assert_close(max_pool(x, mask), [-1e300, 2.0])


@pytest.mark.parametrize("pool", POOLS)
def test_no_mask_is_a_mask_of_true(pool, x, array):
    full = np.ones((N, T), bool)
    assert_close(pool(array(x)), pool(array(x), array(full)))


def test_cls_behind_one_layer_is_attention_pooling(x, rng, array):
    c, w_q, w_k, w_v, w_o = (
        *rng.normal(size=(1, E)),
        *rng.normal(size=(4, E, E)),
    )
    z = prepend_token(array(x), array(c))
    layer = single_head_attention(z, z, *map(array, (w_q, w_k, w_v, w_o)))
    pooled = attention_pool(z, array(c @ w_q @ w_k.T))
    assert_close(cls_pool(layer), to_numpy(pooled) @ w_v @ w_o)


def test_the_query_of_cls_learns_only_from_its_own_output(x, rng):
    """dq is 0 where dy is, dk and dv are not."""
    z, dy = prepend_token(x, QUERY), rng.normal(size=(N, T + 1, E))
    dy[:, 0] = 0
    dq, dk, dv = scaled_dot_product_attention_backward(dy, z, z, z)
    assert (dq[:, 0] == 0).all()
    assert (dq[:, 1:] != 0).all()
    assert (dk[:, 0] != 0).all()
    assert (dv[:, 0] != 0).all()


def test_cls_in_front_of_a_causal_model_sees_only_itself(x):
    z = prepend_token(x, QUERY)
    y = scaled_dot_product_attention(z, z, z, causal_mask(z))
    assert_close(cls_pool(y), np.broadcast_to(QUERY, (N, E)))
    assert_close(y[:, -1], scaled_dot_product_attention(z, z, z)[:, -1])


def test_the_example_of_the_page(array):
    x = array(np.array([[4.0, 0.0], [0.0, 8.0], [9.0, 9.0]]))
    mask = array(np.array([True, True, False]))
    g = sqrt(2) * log(3) / 8
    query, c = array(np.array([0.0, g])), array(np.array([1.0, 0.0]))
    assert_close(mean_pool(x, mask), [2.0, 4.0])
    assert_close(max_pool(x, mask), [4.0, 8.0])
    assert_close(pooling_weights(x, query, mask), [0.25, 0.75, 0.0])
    assert_close(attention_pool(x, query, mask), [1.0, 6.0])
    assert_close(last_token(x, array(np.array(2))), [0.0, 8.0])
    z, seen = prepend_token(x, c), array(np.array([[True] * 3 + [False]]))
    w_q = array(np.array([[0.0, g], [0.0, 0.0]]))
    eye = array(np.eye(2))
    y = single_head_attention(z, z, w_q, eye, eye, eye, seen)
    assert_close(cls_pool(y), [1.0, 4.8])
    dy = array(np.array([0.0, 1.0]))
    dx, dq = attention_pool_backward(dy, x, query, mask)
    s = 1.5 * log(3) / 8
    assert_close(dx, [[0.0, 0.25 - s], [0.0, 0.75 + s], [0.0, 0.0]])
    assert_close(dq, [-6 / sqrt(2), 12 / sqrt(2)])


def test_one_query_needs_one_score_for_each_token(x):
    assert pooling_weights(x, QUERY).size == N * T
    assert attention_weights(x, x).size == N * T * T


def test_large_numbers_do_not_overflow(array):
    x = array(np.array([[1.5e308], [1.5e308], [1.5e308]]))
    assert_close(mean_pool(x), [1.5e308])
    tokens, query = array(np.array([[1e4], [-1e4]])), array(np.array([1e4]))
    assert_close(attention_pool(tokens, query), [1e4])


def test_float32(x, rng):
    dy = rng.normal(size=(N, E))
    assert_float32(mean_pool, x, HOLES)
    assert_float32(mean_pool, x + 1e4, HOLES)
    assert_float32(max_pool, x, HOLES)
    assert_float32(pooling_weights, x, QUERY, HOLES)
    assert_float32(attention_pool, x, QUERY, HOLES)
    assert_float32(attention_pool_backward, dy, x, QUERY, HOLES)
    assert_float32(prepend_token, x, QUERY)
    assert_float32(cls_pool, x)
    assert_float32(last_token, x, LENGTHS)


def test_any_leading_axes(x, rng, array):
    many = rng.normal(size=(2, N, T, E))
    masks, lengths = np.stack([HOLES, MASK]), np.stack([LENGTHS, LENGTHS])
    for pool in POOLS:
        y = to_numpy(pool(array(many), array(masks)))
        pairs = zip(many, masks, strict=True)
        assert_close(y, np.stack([pool(*a) for a in pairs]))
    y = to_numpy(last_token(array(many), array(lengths)))
    assert_close(y, np.stack([last_token(a, LENGTHS) for a in many]))
    z = to_numpy(prepend_token(array(many), array(QUERY)))
    assert_close(z, np.stack([prepend_token(a, QUERY) for a in many]))
    assert_close(cls_pool(array(many)), many[:, :, 0])
    dy = rng.normal(size=(2, N, E))
    pairs = zip(dy, many, masks, strict=True)
    each = [attention_pool_backward(d, a, QUERY, m) for d, a, m in pairs]
    dx, dq = attention_pool_backward(*map(array, (dy, many, QUERY, masks)))
    assert_close(dx, np.stack([dx for dx, _ in each]))
    assert_close(dq, each[0][1] + each[1][1])
    one = last_token(array(x[0]), array(np.array(3)))
    assert_close(one, x[0, 2])


def test_no_sequence_is_an_empty_output(array):
    none, mask = array(np.ones((0, T, E))), array(np.ones((0, T), bool))
    for pool in POOLS:
        assert pool(none, mask).shape == (0, E)
    assert last_token(none, array(np.ones(0, int))).shape == (0, E)
    dx, dq = attention_pool_backward(
        array(np.ones((0, E))), none, array(QUERY), mask
    )
    assert dx.shape == (0, T, E)
    assert_close(dq, np.zeros(E))


def test_a_sequence_of_cls_alone(array):
    z = prepend_token(array(np.ones((N, 0, E))), array(QUERY))
    assert_close(cls_pool(z), np.broadcast_to(QUERY, (N, E)))


def test_lengths_of_bytes_may_be_long(array):
    x = np.arange(256.0)[:, None]
    lengths = array(np.array(255, dtype=np.uint8))
    assert_close(last_token(array(x), lengths), [254.0])


def test_what_the_page_says_of_the_experiment():
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    trained, frozen = (
        {way: np.array(runs) for way, runs in numbers[kind].items()}
        for kind in ("trained", "frozen")
    )
    ways = ["mean", "max", "attention", "[CLS]"]
    assert list(trained) == list(frozen) == ways
    for kind, lowest, highest in (
        (trained, (0.83, 0.86, 0.86, 0.84), (0.94, 0.93, 0.92, 0.90)),
        (frozen, (0.49, 0.71, 0.65, 0.42), (0.56, 0.84, 0.72, 0.56)),
    ):
        runs = np.stack(list(kind.values()))
        assert runs.shape == (4, 5)
        assert_close(runs.min(axis=1), lowest, atol=0.0051)
        assert_close(runs.max(axis=1), highest, atol=0.0051)
    means = [runs.mean() for runs in trained.values()]
    assert max(means) - min(means) < 0.03
    gap = trained["attention"] - trained["[CLS]"]
    assert_close([gap.min(), gap.max()], [0.017, 0.042], atol=0.0005)
    assert (frozen["max"] > frozen["attention"]).all()
    assert (frozen["attention"] > frozen["mean"]).all()
    assert abs(frozen["mean"].mean() - frozen["[CLS]"].mean()) < 0.05


# What is refused.


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("row", [0, 2])
def test_a_sequence_of_padding_is_refused(pool, row, x, array):
    mask = HOLES.copy()
    mask[row] = False
    with pytest.raises(ValueError, match="needs a real token, got a mask with"):
        pool(array(x), array(mask))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("shape", [(T,), (N, 1), (1, T), (N, T, 1), (N, T + 1)])
def test_a_mask_of_another_shape_is_refused(pool, shape, x, array):
    with pytest.raises(
        ValueError, match=r"bool and shape \(3, 5\), got .*bool"
    ):
        pool(array(x), array(np.ones(shape, bool)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("pool", POOLS)
def test_a_mask_of_numbers_is_refused(pool, x, array):
    with pytest.raises(ValueError, match=r"needs dtype bool .* got .*float64"):
        pool(array(x), array(np.ones((N, T))))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N, 0, E), (E,), ()])
def test_no_token_is_refused(shape, array):
    none = array(np.ones(shape))
    with pytest.raises(ValueError, match="1 token or more, got x of shape"):
        mean_pool(none)
    with pytest.raises(ValueError, match="1 token or more, got x of shape"):
        max_pool(none)
    with pytest.raises(ValueError, match="1 token or more, got x of shape"):
        cls_pool(none)
    with pytest.raises(ValueError, match="1 token or more, got x of shape"):
        last_token(none, array(np.ones(N, int)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(1,), (E + 1,), (), (N, E), (1, E)])
def test_a_vector_that_is_no_token_is_refused(shape, x, array):
    a, xs = array(np.ones(shape)), array(x)
    with pytest.raises(
        ValueError, match="a query needs the shape of one token"
    ):
        pooling_weights(xs, a)
    with pytest.raises(
        ValueError, match="a query needs the shape of one token"
    ):
        attention_pool(xs, a)
    with pytest.raises(ValueError, match=r"a token needs .* got shape \("):
        prepend_token(xs, a)
    with pytest.raises(ValueError, match=r"a token needs .* got shape \("):
        prepend_token(xs[0, 0, :], a)
    with pytest.raises(ValueError, match=r"a token needs .* got shape \("):
        prepend_token(xs[0, 0, :], xs[0, 0, :])


def test_tokens_without_entries_have_no_scores(array):
    with pytest.raises(ValueError, match="1 key with 1 entry"):
        attention_pool(array(np.ones((N, T, 0))), array(np.ones(0)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(E,), (1, E), (N, 1), (N, 1, E)])
def test_a_gradient_of_another_shape_is_refused(shape, x, array):
    with pytest.raises(ValueError, match=r"dy needs .* \(3, 4\), got \("):
        attention_pool_backward(array(np.ones(shape)), array(x), array(QUERY))


@pytest.mark.parametrize("wrong", [0, -1, T + 1])
def test_lengths_out_of_range_are_refused(wrong, x, array):
    lengths = array(np.array([1, wrong, 2]))
    with pytest.raises(ValueError, match="lengths need to be 1 to 5, got"):
        last_token(array(x), lengths)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "lengths",
    [np.array([1.0, 2.0, 3.0]), np.ones(N, bool), np.array(2), np.ones(1, int)],
)
def test_lengths_that_do_not_fit_are_refused(lengths, x, array):
    with pytest.raises(ValueError, match=r"integers of shape \(3,\), got"):
        last_token(array(x), array(lengths))
