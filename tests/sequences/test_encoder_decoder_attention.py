import json
from math import exp, log, tanh
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from reference.sequences.encoder_decoder_attention import (
    additive_scores,
    additive_scores_backward,
    attend,
    dot_scores,
    general_scores,
)
from reference.transformers.attention import scaled_dot_product_attention
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, T, S, D, H, A, C = 2, 3, 4, 5, 6, 2, 3


@pytest.fixture
def s(rng):
    return rng.normal(size=(N, T, D))


@pytest.fixture
def h(rng):
    return rng.normal(size=(N, S, H))


@pytest.fixture
def same(rng):
    """Return encoder states as long as those of the decoder."""
    return rng.normal(size=(N, S, D))


@pytest.fixture
def parameters(rng):
    """Return w_s, w_h and v."""
    return [rng.normal(size=shape) for shape in ((D, A), (H, A), (A,))]


@pytest.fixture
def scores(rng):
    return rng.normal(size=(N, T, S))


@pytest.fixture
def values(rng):
    return rng.normal(size=(N, S, C))


@pytest.fixture
def dy(rng):
    return rng.normal(size=(N, T, S))


MASK = np.array([[True, True, False, True], [True, True, True, True]])


def hidden(s, h, w_s, w_h):
    """Return the hidden layer of the additive score, by plain loops."""
    k = np.zeros((N, T, S, A))
    for n, t, j, a in np.ndindex(N, T, S, A):
        asked = sum(s[n, t, d] * w_s[d, a] for d in range(D))
        offered = sum(h[n, j, f] * w_h[f, a] for f in range(H))
        k[n, t, j, a] = tanh(asked + offered)
    return k


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(s, same, array):
    r"""e_{tj} = \sum_{d=1}^{D} s_{td} h_{jd}"""
    expected = np.zeros((N, T, S))
    for n, t, j, d in np.ndindex(N, T, S, D):
        expected[n, t, j] += s[n, t, d] * same[n, j, d]
    assert_close(dot_scores(array(s), array(same)), expected)
    assert_close(dot_scores(array(s[1]), array(same[1])), expected[1])


def test_eq_2(s, h, rng, array):
    r"""e_{tj} = \sum_{d=1}^{D} \sum_{f=1}^{F} s_{td} w_{df} h_{jf}"""
    w = rng.normal(size=(D, H))
    expected = np.zeros((N, T, S))
    for n, t, j, d, f in np.ndindex(N, T, S, D, H):
        expected[n, t, j] += s[n, t, d] * w[d, f] * h[n, j, f]
    assert_close(general_scores(*map(array, (s, h, w))), expected)
    square = np.array([[0.0, 1.0], [0.0, 0.0]])  # s_1 asks for h_2
    asked, offered = np.array([[3.0, 5.0]]), np.array([[7.0, 11.0]])
    assert_close(
        general_scores(*map(array, (asked, offered, square))), [[33.0]]
    )


def test_eq_3(s, h, parameters, array):
    r"""k_{tja} = \tanh \Big( \sum_{d=1}^{D} s_{td} w^s_{da}
    + \sum_{f=1}^{F} h_{jf} w^h_{fa} \Big)"""
    w_s, w_h, _ = parameters
    k = hidden(s, h, w_s, w_h)
    for a in range(A):  # v picks one hidden unit
        v = np.eye(A)[a]
        e = additive_scores(*map(array, (s, h, w_s, w_h, v)))
        assert_close(e, k[..., a])


def test_eq_4(s, h, parameters, array):
    r"""e_{tj} = \sum_{a=1}^{A} v_a k_{tja}"""
    w_s, w_h, v = parameters
    k = hidden(s, h, w_s, w_h)
    expected = np.zeros((N, T, S))
    for n, t, j, a in np.ndindex(N, T, S, A):
        expected[n, t, j] += v[a] * k[n, t, j, a]
    e = additive_scores(*map(array, (s, h, *parameters)))
    assert_close(e, expected)


def slopes(dy, s, h, w_s, w_h, v):
    """Return the gradient of the sums inside tanh, by plain loops."""
    k, g = hidden(s, h, w_s, w_h), np.zeros((N, T, S, A))
    for n, t, j, a in np.ndindex(N, T, S, A):
        g[n, t, j, a] = dy[n, t, j] * v[a] * (1 - k[n, t, j, a] ** 2)
    return g


@pytest.fixture
def backward(dy, s, h, parameters, array):
    return additive_scores_backward(*map(array, (dy, s, h, *parameters)))


def test_eq_5(dy, s, h, parameters, array):
    r"""g_{tja} = \delta_{tj} v_a \big( 1 - k_{tja}^2 \big)"""
    _, w_h, v = parameters
    # One entry and one weight of 1 in front: then ds is the sum of g over j.
    one, alone = np.eye(A), s[..., :A]
    g = np.zeros((N, T, A))
    for n, t, j, a in np.ndindex(N, T, S, A):
        k = tanh(alone[n, t, a] + sum(h[n, j, f] * w_h[f, a] for f in range(H)))
        g[n, t, a] += dy[n, t, j] * v[a] * (1 - k**2)
    arrays = map(array, (dy, alone, h, one, w_h, v))
    assert_close(additive_scores_backward(*arrays)[0], g)


def test_eq_6(dy, s, h, parameters, backward):
    r"""\frac{\partial L}{\partial s_{td}} =
    \sum_{j=1}^{S} \sum_{a=1}^{A} g_{tja} w^s_{da}"""
    g, expected = slopes(dy, s, h, *parameters), np.zeros_like(s)
    for n, t, d, j, a in np.ndindex(N, T, D, S, A):
        expected[n, t, d] += g[n, t, j, a] * parameters[0][d, a]
    assert_close(backward[0], expected)


def test_eq_7(dy, s, h, parameters, backward):
    r"""\frac{\partial L}{\partial h_{jf}} =
    \sum_{t=1}^{T} \sum_{a=1}^{A} g_{tja} w^h_{fa}"""
    g, expected = slopes(dy, s, h, *parameters), np.zeros_like(h)
    for n, t, f, j, a in np.ndindex(N, T, H, S, A):
        expected[n, j, f] += g[n, t, j, a] * parameters[1][f, a]
    assert_close(backward[1], expected)


def test_eq_8(dy, s, h, parameters, backward):
    r"""\frac{\partial L}{\partial w^s_{da}} =
    \sum_{t=1}^{T} \sum_{j=1}^{S} s_{td} g_{tja}"""
    g, expected = slopes(dy, s, h, *parameters), np.zeros((D, A))
    for n, t, d, j, a in np.ndindex(N, T, D, S, A):
        expected[d, a] += s[n, t, d] * g[n, t, j, a]
    assert_close(backward[2], expected)


def test_eq_9(dy, s, h, parameters, backward):
    r"""\frac{\partial L}{\partial w^h_{fa}} =
    \sum_{t=1}^{T} \sum_{j=1}^{S} h_{jf} g_{tja}"""
    g, expected = slopes(dy, s, h, *parameters), np.zeros((H, A))
    for n, t, f, j, a in np.ndindex(N, T, H, S, A):
        expected[f, a] += h[n, j, f] * g[n, t, j, a]
    assert_close(backward[3], expected)


def test_eq_10(dy, s, h, parameters, backward):
    r"""\frac{\partial L}{\partial v_a} =
    \sum_{t=1}^{T} \sum_{j=1}^{S} \delta_{tj} k_{tja}"""
    k, expected = hidden(s, h, *parameters[:2]), np.zeros(A)
    for n, t, j, a in np.ndindex(N, T, S, A):
        expected[a] += dy[n, t, j] * k[n, t, j, a]
    assert_close(backward[4], expected)


def test_eq_11(scores, values, array):
    r"""\alpha_{tj} = \frac{m_j \exp e_{tj}}
    {\sum_{l=1}^{S} m_l \exp e_{tl}}"""
    expected = np.zeros((N, T, S))
    for n, t, j in np.ndindex(N, T, S):
        below = sum(MASK[n, i] * exp(scores[n, t, i]) for i in range(S))
        expected[n, t, j] = MASK[n, j] * exp(scores[n, t, j]) / below
    got = attend(array(scores), array(values), array(MASK)).weights
    assert_close(got, expected)
    assert (to_numpy(got)[0, :, 2] == 0).all()


def test_eq_12(scores, values, array):
    r"""c_{ti} = \sum_{j=1}^{S} \alpha_{tj} z_{ji}"""
    got = attend(array(scores), array(values), array(MASK))
    weights, expected = to_numpy(got.weights), np.zeros((N, T, C))
    for n, t, i, j in np.ndindex(N, T, C, S):
        expected[n, t, i] += weights[n, t, j] * values[n, j, i]
    assert_close(got.context, expected)


# The same as everybody else's: PyTorch's attention, bilinear map, layers.


@pytest.mark.parametrize("mask", [None, MASK])
def test_attention_of_torch(s, same, values, mask, array):
    scores = dot_scores(array(s), array(same))
    got = attend(scores, array(values), None if mask is None else array(mask))
    expected = F.scaled_dot_product_attention(
        *map(torch.as_tensor, (s, same, values)),
        attn_mask=None if mask is None else torch.as_tensor(mask)[:, None],
        scale=1.0,
    )
    assert_close(got.context, expected)


def test_it_is_the_later_attention_without_the_scale(s, same, values, array):
    arrays = [array(a) for a in (s, same, values)]
    got = attend(dot_scores(*arrays[:2]) / D**0.5, arrays[2]).context
    assert_close(got, scaled_dot_product_attention(*arrays))


def test_bilinear_of_torch(s, h, rng, array):
    w = rng.normal(size=(D, H))
    left = torch.as_tensor(s)[:, :, None].expand(N, T, S, D)
    right = torch.as_tensor(h)[:, None].expand(N, T, S, H)
    expected = F.bilinear(
        left.contiguous(), right.contiguous(), torch.as_tensor(w)[None]
    )
    assert_close(general_scores(*map(array, (s, h, w))), expected[..., 0])


def test_layers_of_torch(s, h, parameters, array):
    w_s, w_h, v = (torch.as_tensor(p) for p in parameters)
    k = torch.tanh(
        F.linear(torch.as_tensor(s)[:, :, None], w_s.T)
        + F.linear(torch.as_tensor(h)[:, None], w_h.T)
    )
    expected = F.linear(k, v[None])[..., 0]
    got = additive_scores(*map(array, (s, h, *parameters)))
    assert_close(got, expected)


def test_backward_of_torch(dy, s, h, parameters, array):
    leaves = [torch.tensor(a).requires_grad_() for a in (s, h, *parameters)]
    k = torch.tanh(
        (leaves[0] @ leaves[2]).unsqueeze(2)
        + (leaves[1] @ leaves[3]).unsqueeze(1)
    )
    expected = torch.autograd.grad(k @ leaves[4], leaves, torch.tensor(dy))
    got = additive_scores_backward(*map(array, (dy, s, h, *parameters)))
    for a, b in zip(got, expected, strict=True):
        assert_close(a, b)


# Hand-written gradients, with and without leading axes.


def test_gradient(s, h, parameters):
    for a, b in ((s, h), (s[0], h[0])):
        assert_gradient(
            additive_scores, additive_scores_backward, a, b, *parameters
        )


# What the page promises: invariances, limits, pitfalls, refused inputs.


def test_pencil_example(array):
    s, h = np.array([[log(2), 0]]), np.array([[1.0, 2], [0, 4], [0, 8]])
    e = dot_scores(array(s), array(h))
    assert_close(e, [[log(2), 0, 0]])
    context, weights = attend(e, array(h))
    assert_close(weights, [[1 / 2, 1 / 4, 1 / 4]])
    assert_close(context, [[1 / 2, 4]])
    mask = array(np.array([True, True, False]))
    context, weights = attend(e, array(h), mask)
    assert_close(weights, [[2 / 3, 1 / 3, 0]])
    assert_close(context, [[2 / 3, 8 / 3]])


@pytest.mark.parametrize("score", ["dot", "general", "additive"])
def test_padding_changes_nothing_and_gets_no_gradient(
    score, s, same, parameters, rng
):
    arguments = {
        "dot": (),
        "general": (torch.tensor(rng.normal(size=(D, D))),),
        "additive": (
            torch.tensor(parameters[0]),
            torch.tensor(rng.normal(size=(D, A))),
            torch.tensor(parameters[2]),
        ),
    }[score]
    function = {
        "dot": dot_scores,
        "general": general_scores,
        "additive": additive_scores,
    }[score]
    query, short = torch.tensor(s), torch.tensor(same)
    junk = torch.tensor(1e3 * rng.normal(size=(N, 2, D)))
    padded = torch.cat((short, junk), dim=1).requires_grad_()
    mask = (torch.arange(S + 2) < S).expand(N, S + 2)
    got = attend(function(query, padded, *arguments), padded, mask)
    expected = attend(function(query, short, *arguments), short)
    assert (got.weights[..., S:] == 0).all()
    assert_close(got.context, expected.context)
    assert_close(got.weights[..., :S], expected.weights)
    (gradient,) = torch.autograd.grad((got.context**2).sum(), padded)
    assert (gradient[:, S:] == 0).all()
    assert (gradient[:, :S] != 0).any()


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(-50, 50))
def test_weights_are_shares_and_only_differences_of_scores_count(seed, shift):
    rng = np.random.default_rng(seed)
    scores, values = 10 * rng.normal(size=(T, S)), rng.normal(size=(S, C))
    context, weights = attend(scores, values)
    assert (weights >= 0).all()
    assert_close(weights.sum(axis=1), np.ones(T))
    slack = 1e-12
    assert (context <= values.max(axis=0) + slack).all()
    assert (context >= values.min(axis=0) - slack).all()
    assert_close(attend(scores + shift, values).context, context)
    order = rng.permutation(S)
    assert_close(attend(scores[:, order], values[order]).context, context)


def test_large_scores_do_not_overflow(values, array):
    scores = np.array([[1e300, 0.0, -1e300, 1e300]])
    weights = attend(array(scores), array(values[0])).weights
    assert_close(weights, [[0.5, 0.0, 0.0, 0.5]])
    mask = np.array([False, False, True, False])
    weights = attend(array(scores), array(values[0]), array(mask)).weights
    assert_close(weights, [[0.0, 0.0, 1.0, 0.0]])
    s = np.full((1, D), 1e200)
    ones = np.ones((D, A))
    e = additive_scores(*map(array, (s, s, ones, ones, np.ones(A))))
    assert_close(e, [[2.0]])


def test_arguments_stay_as_they_are(scores, values):
    before = scores.copy()
    attend(scores, values, MASK)
    assert (scores == before).all()


def test_float32(s, h, same, parameters, scores, values, dy, rng):
    assert_float32(dot_scores, s, same)
    assert_float32(general_scores, s, h, rng.normal(size=(D, H)))
    assert_float32(additive_scores, s, h, *parameters)
    assert_float32(additive_scores_backward, dy, s, h, *parameters)
    assert_float32(attend, scores, values, MASK)


def ones(*shape):
    return np.ones(shape)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("s", "h"),
    [
        (ones(3), ones(4, 3)),
        (ones(4, 3), ones(3)),
        (ones(1, 2, 3), ones(5, 4, 3)),
        (ones(2, 3), ones(5, 4, 3)),
    ],
)
def test_states_without_rows_or_with_other_axes_are_refused(s, h):
    message = rf"leading axes, got s of shape \({s.shape[0]},.* and h of shape"
    with pytest.raises(ValueError, match=message):
        dot_scores(s, h)
    with pytest.raises(ValueError, match=message):
        general_scores(s, h, ones(3, 3))
    with pytest.raises(ValueError, match=message):
        additive_scores(s, h, ones(3, 2), ones(3, 2), ones(2))


@pytest.mark.usefixtures("unchecked")
def test_states_of_other_lengths_need_a_matrix():
    with pytest.raises(ValueError, match="equally many entries, got s of sh"):
        dot_scores(ones(2, 3), ones(4, 1))
    for shape in ((3, 5), (6, 3), (5,), (1, 6)):
        with pytest.raises(ValueError, match=r"w needs shape \(3, 6\), got"):
            general_scores(ones(2, 3), ones(4, 6), ones(*shape))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 1), (6, 2), (2,)),
        ((3, 2), (6, 1), (2,)),
        ((3, 2), (6, 2), (1,)),
        ((3, 2), (6, 2), ()),
        ((3, 2), (6, 2), (2, 1)),
        ((6, 2), (3, 2), (2,)),
    ],
)
def test_parameters_that_do_not_fit_are_refused(shapes):
    w_s, w_h, v = (ones(*shape) for shape in shapes)
    message = "D = 3 and F = 6, got .* and v of shape"
    with pytest.raises(ValueError, match=message):
        additive_scores(ones(2, 3), ones(4, 6), w_s, w_h, v)
    with pytest.raises(ValueError, match=message):
        additive_scores_backward(
            ones(2, 4), ones(2, 3), ones(4, 6), w_s, w_h, v
        )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(1, 4), (2, 1), (4,), (1, 2, 4)])
def test_a_gradient_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"the scores, \(2, 4\), got"):
        additive_scores_backward(
            ones(*shape),
            ones(2, 3),
            ones(4, 6),
            ones(3, 2),
            ones(6, 2),
            ones(2),
        )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("scores", "values"),
    [
        ((4,), (4, 3)),
        ((2, 4), (5, 3)),
        ((2, 4), (4,)),
        ((2, 2, 4), (1, 4, 3)),
        ((2, 2, 4), (4, 3)),
    ],
)
def test_scores_without_values_are_refused(scores, values):
    with pytest.raises(ValueError, match="each score needs a value, got sco"):
        attend(ones(*scores), ones(*values))


def test_a_source_without_tokens_is_refused(array):
    with pytest.raises(ValueError, match="softmax needs 1 class"):
        attend(array(ones(2, 0)), array(ones(0, 3)))
    mask = array(np.array([[True, False], [False, False]]))
    with pytest.raises(ValueError, match="a mask with a row without True"):
        attend(array(ones(2, 1, 2)), array(ones(2, 2, 3)), mask)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "mask",
    [ones(2, 4), ones(2, 4) > 2, ones(1, 4) > 0, ones(4) > 0, ones(2, 3) > 0],
)
def test_masks_of_another_kind_are_refused(mask):
    message = (
        "row without True"
        if mask.shape == (2, 4) and mask.dtype == bool
        else r"dtype bool and shape \(2, 4\), got"
    )
    with pytest.raises(ValueError, match=message):
        attend(ones(2, 3, 4), ones(2, 4, 5), mask)


def test_what_the_page_says_of_the_experiment():
    path = Path(__file__).parents[2] / (
        "experiments/sequences/encoder_decoder_attention.json"
    )
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    one, many = numbers["exact"]["one state"], numbers["exact"]["attention"]
    assert (list(one), list(many)) == (["32", "64", "128"], ["16", "32", "64"])
    assert max(one["32"]) < 0.01 < 0.1 < min(one["64"]) < max(one["64"]) < 0.3
    assert 0.8 < min(one["128"]) < max(one["128"]) < min(many["32"])
    assert 0.5 < min(many["16"]) < max(many["16"]) < 0.75
    assert min(many["32"]) > 0.95 < 0.99 < min(many["64"])
    peaks = [
        run["peaks"] for runs in numbers["scores"].values() for run in runs
    ]
    for peak in peaks:
        assert min(peak["year"][2], peak["month"]) > 0.95
        assert min(peak["weight_near_year"]) > 0.9
    runs = [run for runs in numbers["scores"].values() for run in runs]
    exact = [run["exact"] for run in runs if run["peaks"]["year"][3] < 0.1]
    assert len(exact) == 4
    assert exact.count(1.0) == 3
    example = numbers["examples"]["additive"]
    weights = np.array(example["weights"])
    assert example["english"] == [
        *("monday", "april", "1", "3", "2", "0", "6", "5", "EOS")
    ]
    best = weights.argmax(axis=1)
    assert (best[[0, 1, 2, 3, 5, 7, 8, 10]] == [5, 5, 6, 7, 1, 2, 3, 0]).all()
    assert (weights[[0, 1, 2, 3, 5], best[[0, 1, 2, 3, 5]]] > 0.94).all()
