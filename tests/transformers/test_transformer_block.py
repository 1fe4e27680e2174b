import json
import re
from math import erf, exp, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from reference.convolution.alexnet import count_parameters
from reference.foundations.affine_maps import affine
from reference.training.layer_norm import layer_norm
from reference.transformers.attention import (
    causal_mask,
    scaled_dot_product_attention,
)
from reference.transformers.transformer_block import (
    Attention,
    Block,
    DecoderBlock,
    FeedForward,
)
from tests.checks import assert_close, assert_float32, to_numpy
from tests.convolution.networks import normal, stirred

RESULT = (
    Path(__file__).parents[2]
    / "experiments/transformers/transformer_block.json"
)
CAUSAL = causal_mask(torch.zeros(5, 1))
# Sequence 1 has 3 tokens, sequence 2 has 4; the rest is padding.
PADDING = torch.arange(4) < torch.tensor([3, 4])[:, None, None, None]


def block(kind=Block, seed=3, **options):
    """Return a block of width 6 with 3 heads and parameters of any size."""
    return stirred(kind(6, 3, 10, **options), seed).eval()


def norms(x, layer):
    """Return the layer normalization of every row, by plain loops."""
    x, (gamma, beta) = to_numpy(x), map(to_numpy, layer.parameters())
    y = np.empty(x.shape)
    for row in np.ndindex(x.shape[:-1]):
        mean = sum(x[row]) / len(x[row])
        variance = sum((a - mean) ** 2 for a in x[row]) / len(x[row])
        for e, a in enumerate(x[row]):
            scaled = (a - mean) / sqrt(variance + layer.eps)
            y[*row, e] = gamma[e] * scaled + beta[e]
    return torch.tensor(y)


def with_large_eps(kind=Block, **options):
    """Return a block whose eps is large enough to see where it stands."""
    return block(kind, eps=0.5, **options)


def given_to(layers, model, *inputs, **masks):
    """Return what the layers are given in one call of a model, and its result.

    The layers are named in the order in which they are called.
    """
    found, handles = [], []
    for layer in layers:
        hook = layer.register_forward_pre_hook
        handles.append(hook(lambda _, given: found.append(given[0])))
    y = model(*inputs, **masks)
    for handle in handles:
        handle.remove()
    return *found, y


def summed(x, y):
    """Return the sums of all entries, one by one."""
    total = np.empty(tuple(x.shape))
    for i in np.ndindex(total.shape):
        total[i] = x[i].item() + y[i].item()
    return torch.tensor(total)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""o_{te} = b^O_e + \sum_{h=1}^{H} \sum_{d=1}^{D}
    y^{(h)}_{td} \, w^O_{(h - 1) D + d, \, e}"""
    layer = stirred(Attention(6, 3))
    x = normal(1, 4, 6)
    names = ("query", "key", "value", "output")
    matrices = {n: to_numpy(getattr(layer, n).weight).T for n in names}
    biases = {n: to_numpy(getattr(layer, n).bias) for n in names}
    q, k, v = (x[0].numpy() @ matrices[n] + biases[n] for n in names[:3])
    expected = np.empty((1, 4, 6))
    for t, e in np.ndindex(4, 6):
        total = biases["output"][e]
        for h in range(3):
            part = [2 * h, 2 * h + 1]
            scores = [
                exp(sum(q[t, c] * k[j, c] for c in part) / sqrt(2))
                for j in range(4)
            ]
            for c in part:
                y = sum(scores[j] * v[j, c] for j in range(4)) / sum(scores)
                total += y * matrices["output"][c, e]
        expected[0, t, e] = total
    assert_close(layer(x), expected)


def test_eq_2():
    r"""\begin{aligned} & f(u)_e = b^{(2)}_e \\
    & \quad + \sum_{m=1}^{M} w^{(2)}_{me} \,
    g \Big( b^{(1)}_m + \sum_{d=1}^{E} w^{(1)}_{dm} u_d \Big) \end{aligned}"""
    layer, u = stirred(FeedForward(2, 3)), normal(4, 2)
    w1, w2 = (to_numpy(a.weight).T for a in (layer.up, layer.down))
    b1, b2 = (to_numpy(a.bias) for a in (layer.up, layer.down))

    def g(a):
        return a * (1 + erf(a / sqrt(2))) / 2

    expected = np.empty((4, 2))
    for t, e in np.ndindex(4, 2):
        expected[t, e] = b2[e] + sum(
            w2[m, e] * g(b1[m] + sum(w1[d, m] * u[t, d] for d in range(2)))
            for m in range(3)
        )
    assert_close(layer(u), expected)


def test_eq_3():
    r"""z_t = x_t + a(\operatorname{LN}_1(x))_t"""
    model, x = with_large_eps(), normal(2, 5, 6)
    z, _ = given_to([model.norm_2], model, x, mask=CAUSAL)
    a = model.attention(norms(x, model.norm_1), mask=CAUSAL)
    assert_close(z, summed(x, a))


def test_eq_4():
    r"""y_t = z_t + f(\operatorname{LN}_2(z_t))"""
    model, x = with_large_eps(), normal(2, 5, 6)
    z, y = given_to([model.norm_2], model, x)
    f = model.feed_forward(norms(z, model.norm_2))
    assert_close(y, summed(z, f))


def test_eq_5():
    r"""z_t = \operatorname{LN}_1(x_t + a(x)_t)"""
    model, x = with_large_eps(norm_first=False), normal(2, 5, 6)
    z, _ = given_to([model.feed_forward], model, x, mask=CAUSAL)
    a = model.attention(x, mask=CAUSAL)
    assert_close(z, norms(summed(x, a), model.norm_1))


def test_eq_6():
    r"""y_t = \operatorname{LN}_2(z_t + f(z_t))"""
    model, x = with_large_eps(norm_first=False), normal(2, 5, 6)
    z, y = given_to([model.feed_forward], model, x)
    f = model.feed_forward(z)
    assert_close(y, norms(summed(z, f), model.norm_2))


def test_eq_7():
    r"""c_t = z_t + a'(\operatorname{LN}_2(z), \, h)_t"""
    model = with_large_eps(DecoderBlock)
    x, h = normal(2, 5, 6), normal(2, 4, 6, seed=1)
    layers = [model.norm_2, model.norm_3]
    z, c, _ = given_to(layers, model, x, h, memory_mask=PADDING)
    a = model.cross_attention(norms(z, model.norm_2), h, PADDING)
    assert_close(c, summed(z, a))


# The same as everybody else's: PyTorch's layers, and the core functions.


def copy_attention(ours, theirs):
    """Give PyTorch's attention the weights of ours."""
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.copy_(torch.cat([a.weight for a in parts]))
    theirs.in_proj_bias.copy_(torch.cat([a.bias for a in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())


@torch.no_grad()
def library_twin(ours, kind, **options):
    """Return PyTorch's layer with the weights of ours."""
    theirs = kind(6, 3, 10, batch_first=True, **options).double()
    copy_attention(ours.attention, theirs.self_attn)
    if isinstance(ours, DecoderBlock):
        copy_attention(ours.cross_attention, theirs.multihead_attn)
        theirs.norm3.load_state_dict(ours.norm_3.state_dict())
    theirs.linear1.load_state_dict(ours.feed_forward.up.state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward.down.state_dict())
    theirs.norm1.load_state_dict(ours.norm_1.state_dict())
    theirs.norm2.load_state_dict(ours.norm_2.state_dict())
    return theirs.train(ours.training)


def hidden_for_heads(mask):
    """Return a padding mask as PyTorch's layers take it: (N heads, Q, K)."""
    return ~mask.expand(2, 3, 5, -1).flatten(0, 1)


def assert_same(ours, theirs, inputs, masks, their_masks):
    """Raise unless outputs, gradients of inputs and weights are the same."""
    grads, weight = [], normal(2, 5, 6, seed=9)
    for model, given in ((ours, masks), (theirs, their_masks)):
        leaves = [x.clone().requires_grad_() for x in inputs]
        y = model(*leaves, **given)
        grads.append((*torch.autograd.grad((y * weight).sum(), leaves), y))
        model.zero_grad()
        (model(*inputs, **given) * weight).sum().backward()
    for a, b in zip(*grads, strict=True):
        assert_close(a, b)
    pairs = [
        (ours.feed_forward.up, theirs.linear1),
        (ours.norm_2, theirs.norm2),
    ]
    pairs += [(ours.attention.output, theirs.self_attn.out_proj)]
    for a, b in pairs:
        assert_close(a.weight.grad, b.weight.grad)
        assert_close(a.bias.grad, b.bias.grad)


ORDERS = pytest.mark.parametrize("norm_first", [True, False])


@ORDERS
@pytest.mark.parametrize("name", ["relu", "gelu"])
def test_block_is_that_of_pytorch(norm_first, name):
    activation = {"relu": nn.ReLU(), "gelu": nn.GELU()}[name]
    ours = block(norm_first=norm_first, activation=activation, eps=0.03)
    theirs = library_twin(
        ours,
        nn.TransformerEncoderLayer,
        norm_first=norm_first,
        activation=name,
        layer_norm_eps=0.03,
    )
    x, lengths = normal(2, 5, 6), torch.tensor([3, 5])
    real = torch.arange(5) < lengths[:, None]
    assert_same(ours, theirs, [x], {"mask": CAUSAL}, {"src_mask": ~CAUSAL})
    assert_same(
        ours,
        theirs,
        [x],
        {"mask": real[:, None, None]},
        {"src_mask": hidden_for_heads(real[:, None, None])},
    )


@ORDERS
def test_decoder_block_is_that_of_pytorch(norm_first):
    ours = block(DecoderBlock, norm_first=norm_first, eps=0.03)
    theirs = library_twin(
        ours,
        nn.TransformerDecoderLayer,
        norm_first=norm_first,
        activation="gelu",
        layer_norm_eps=0.03,
    )
    assert_same(
        ours,
        theirs,
        [normal(2, 5, 6), normal(2, 4, 6, seed=1)],
        {"mask": CAUSAL, "memory_mask": PADDING},
        {"tgt_mask": ~CAUSAL, "memory_mask": hidden_for_heads(PADDING)},
    )


@ORDERS
@pytest.mark.parametrize("kind", [Block, DecoderBlock])
def test_dropout_is_where_pytorch_has_it(kind, norm_first):
    ours = block(kind, norm_first=norm_first, dropout=0.4).train()
    library = (
        nn.TransformerEncoderLayer
        if kind is Block
        else nn.TransformerDecoderLayer
    )
    theirs = library_twin(
        ours, library, norm_first=norm_first, activation="gelu", dropout=0.4
    )
    inputs = [normal(1, 5, 6)]  # PyTorch draws for T x N, not N x T
    if kind is DecoderBlock:
        inputs.append(normal(1, 4, 6, seed=1))
    results = []
    for model in (ours, theirs):
        torch.manual_seed(0)
        results.append(model(*inputs))
    assert_close(*results)
    again = [ours.eval()(*inputs) for _ in range(2)]
    assert torch.equal(*again)
    assert not torch.allclose(results[0], again[0])


def by_core_functions(model, x, mask):
    """Return the output of a pre-norm block, from the core's functions."""

    def apply(layer, x):
        return affine(x, to_numpy(layer.weight).T, to_numpy(layer.bias))

    def norm(layer, x):
        scale, shift = to_numpy(layer.weight), to_numpy(layer.bias)
        return layer_norm(x, scale, shift, layer.eps)

    results = []
    for tokens in to_numpy(x):
        u, att = norm(model.norm_1, tokens), model.attention
        q, k, v = (apply(a, u) for a in (att.query, att.key, att.value))
        heads = [
            scaled_dot_product_attention(q[:, s], k[:, s], v[:, s], mask)
            for s in (slice(0, 2), slice(2, 4), slice(4, 6))
        ]
        z = tokens + apply(att.output, np.concatenate(heads, axis=1))
        inner = np.maximum(
            0, apply(model.feed_forward.up, norm(model.norm_2, z))
        )
        results.append(z + apply(model.feed_forward.down, inner))
    return np.stack(results)


def test_block_is_made_of_the_core_functions():
    model, x = block(activation=nn.ReLU()), normal(2, 5, 6)
    expected = by_core_functions(model, x, CAUSAL.numpy())
    assert_close(model(x, CAUSAL), expected)


def test_on_the_device(device):
    model, x = block().to(device), normal(2, 5, 6).to(device)
    assert_close(model(x, CAUSAL.to(device)), block()(normal(2, 5, 6), CAUSAL))


# The gradient is autograd's; it runs through these lines.


@ORDERS
def test_gradient(norm_first):
    model = block(DecoderBlock, norm_first=norm_first)
    x, h = normal(1, 2, 6), normal(1, 3, 6, seed=1)
    assert torch.autograd.gradcheck(
        model, (x.requires_grad_(), h.requires_grad_())
    )


# What the page promises: invariances, limits, pitfalls, refused inputs.


@pytest.mark.parametrize("kind", [Block, DecoderBlock])
def test_the_defaults(kind):
    model = kind(4, 2, 8)
    assert model.norm_first
    assert all(
        layer.eps == 1e-5
        for layer in model.modules()
        if isinstance(layer, nn.LayerNorm)
    )
    drops = [a.p for a in model.modules() if isinstance(a, nn.Dropout)]
    assert drops == [0, 0]
    assert model.attention.dropout == 0
    gelu = model.feed_forward.activation
    assert isinstance(gelu, nn.GELU)
    assert gelu.approximate == "none"
    assert isinstance(FeedForward(4, 8).activation, nn.GELU)
    assert FeedForward(4, 8).dropout.p == Attention(4, 2).dropout == 0


@ORDERS
def test_float32_stays_float32(norm_first):
    a, b = np.float64(0.1), np.float64(1e-5)
    model = Block(4, 2, 8, norm_first, dropout=a, eps=b)
    assert model(torch.ones(1, 3, 4)).dtype == torch.float32
    wide = block(norm_first=norm_first)
    narrow = block(norm_first=norm_first).float()

    def either(x):
        model = narrow if x.dtype == np.float32 else wide
        return to_numpy(model(torch.from_numpy(x)))

    assert_float32(either, normal(2, 5, 6).numpy())


@pytest.mark.parametrize("hidden", [1, 3, 24])
def test_the_shape_stays(hidden):
    x = torch.zeros(2, 5, 6)
    assert Block(6, 3, hidden)(x).shape == x.shape
    assert DecoderBlock(6, 2, hidden)(x, torch.zeros(2, 1, 6)).shape == x.shape


@ORDERS
def test_tokens_meet_in_the_attention_only(norm_first):
    """Each token to itself: a block of T tokens is T blocks of one token."""
    model, x = block(norm_first=norm_first), normal(1, 5, 6)
    alone = model(x.reshape(5, 1, 6)).reshape(1, 5, 6)
    assert_close(model(x, torch.eye(5, dtype=torch.bool)), alone)
    assert not torch.allclose(model(x), alone)
    f = model.feed_forward
    assert_close(f(x)[0], torch.stack([f(token) for token in x[0]]))


def test_permuted_tokens_give_permuted_tokens():
    model, x = block(), normal(2, 5, 6)
    order = torch.tensor([3, 1, 4, 0, 2])
    assert_close(model(x[:, order]), model(x)[:, order])


@pytest.mark.parametrize("kind", [Block, DecoderBlock])
def test_the_causal_mask_hides_what_comes_later(kind):
    model, x = block(kind), normal(2, 5, 6)
    memory = [normal(2, 4, 6, seed=1)] if kind is DecoderBlock else []
    before = model(x, *memory, mask=CAUSAL)
    x[:, 3, 0] += 1  # A shift of all entries would be normalized away.
    after = model(x, *memory, mask=CAUSAL)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.isclose(before[:, 3:], after[:, 3:]).all(-1).any()


def test_padding_changes_nothing():
    model, x = block(), normal(2, 4, 6)
    assert_close(model(x, PADDING)[:1, :3], model(x[:1, :3]))
    decoder, q = block(DecoderBlock), normal(2, 5, 6, seed=1)
    padded = decoder(q, x, memory_mask=PADDING)
    assert_close(padded[:1], decoder(q[:1], x[:1, :3]))


def test_masks_of_all_shapes():
    layer, x = stirred(Attention(6, 3)), normal(3, 4, 6)
    few = torch.tril(torch.ones(4, 4, dtype=torch.bool))
    y = layer(x, mask=few)
    assert not torch.allclose(y, layer(x))
    for shape in ((1, 1, 4, 4), (3, 1, 4, 4), (3, 3, 4, 4)):
        assert_close(layer(x, mask=few.expand(shape)), y)
    assert_close(layer(x, mask=few[2:3]), layer(x, mask=few[2].expand(4, 4)))


def test_keys_and_values_can_be_kept():
    """A new token asks the kept keys and values, of all tokens so far."""
    layer, x = stirred(Attention(6, 3)), normal(2, 5, 6)
    kept = [layer.project(x[:, t : t + 1]) for t in range(5)]
    k, v = (torch.cat(parts, dim=2) for parts in zip(*kept, strict=True))
    assert k.shape == v.shape == (2, 3, 5, 2)
    last = layer.attend(x[:, 4:], k, v)
    assert_close(last, layer(x, mask=CAUSAL)[:, 4:])


def silent(kind=Block, **options):
    """Return a block whose three parts give 0."""
    model = block(kind, **options)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if ".output." in name or ".down." in name:
                value.zero_()
    return model


def test_pre_norm_has_a_way_that_nothing_touches():
    for kind in (Block, DecoderBlock):
        model, x = silent(kind), normal(2, 5, 6).requires_grad_()
        memory = [normal(2, 4, 6)] if kind is DecoderBlock else []
        y, dy = model(x, *memory), normal(2, 5, 6, seed=1)
        assert torch.equal(y, x)
        assert torch.equal(torch.autograd.grad(y, x, dy)[0], dy)
    model = silent(norm_first=False)
    x = normal(2, 5, 6)
    assert_close(model(x), norms(norms(x, model.norm_1), model.norm_2))


def test_pre_norm_parts_do_not_see_the_size_of_the_stream():
    model, x = block(eps=1e-12), normal(2, 5, 6)
    first = [
        given_to([model.attention.query], model, a)[0] for a in (x, 1e3 * x)
    ]
    assert_close(*first, rtol=1e-6)


def test_post_norm_leaves_normalized_tokens():
    x = 100 * normal(2, 5, 6).float()
    y = to_numpy(Block(6, 3, 10, norm_first=False)(x))
    assert_close(y.mean(-1), np.zeros((2, 5)), atol=1e-6)
    assert_close(y.var(-1), np.ones((2, 5)), rtol=1e-3)
    y = to_numpy(Block(6, 3, 10)(x))
    assert (y.var(-1) > 100).all()


def test_number_of_parameters():
    for e in (4, 12):
        assert count_parameters(Block(e, 2, 4 * e)) == 12 * e**2 + 13 * e
        n = count_parameters(DecoderBlock(e, 2, 4 * e))
        assert n == 16 * e**2 + 19 * e
    assert 12 * 768**2 + 13 * 768 == 7_087_872  # a layer of BERT base


def test_number_of_operations():
    # Not every version of PyTorch counts what a fused attention computes.
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        Block(8, 2, 32)(torch.zeros(2, 5, 8))
    assert counter.get_total_flops() == 2 * (24 * 5 * 8**2 + 4 * 5**2 * 8)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("value", [0, -1, 2.0, True, None])
def test_sizes_are_whole_numbers(value):
    for make, name in (
        (lambda: Attention(value, 1), "width"),
        (lambda: Attention(4, value), "heads"),
        (lambda: FeedForward(value, 4), "width"),
        (lambda: FeedForward(4, value), "hidden"),
        (lambda: Block(4, 2, value), "hidden"),
        (lambda: DecoderBlock(4, value, 8), "heads"),
    ):
        message = f"{name} must be an int above 0, got {value}"
        with pytest.raises(ValueError, match=message):
            make()


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match=r"heads must divide .* 4 heads for 6"):
        Attention(6, 4)


def test_dropout_and_eps_have_a_range():
    makes = [
        lambda p: Attention(4, 2, p),
        lambda p: FeedForward(4, 8, dropout=p),
        lambda p: Block(4, 2, 8, dropout=p),
        lambda p: DecoderBlock(4, 2, 8, dropout=p),
    ]
    for make in makes:
        for p in (-0.1, 1.0, float("nan")):
            with pytest.raises(ValueError, match=rf"in \[0, 1\), got {p}"):
                make(p)
    for kind in (Block, DecoderBlock):
        for eps in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(ValueError, match=rf"in \(0, inf\), got {eps}"):
                kind(4, 2, 8, eps=eps)


@pytest.mark.usefixtures("unchecked")
def test_masks_that_are_refused():
    layer, x = Attention(4, 2), torch.zeros(2, 3, 4)
    full = torch.ones(3, 3, dtype=torch.bool)
    for mask, came in (
        (full.float(), r"float32 and \(3, 3\)"),
        (full.expand(2, 3, 3), r"bool and \(2, 3, 3\)"),
        (full[0], r"bool and \(3,\)"),
        (full[:, :1], r"bool and \(3, 1\)"),
        (full[:2], r"bool and \(2, 3\)"),
        (full.expand(3, 1, 3, 3), r"bool and \(3, 1, 3, 3\)"),
        (full.expand(1, 3, 3, 3), r"bool and \(1, 3, 3, 3\)"),
        (full.expand(1, 1, 1, 3, 3), r"bool and \(1, 1, 1, 3, 3\)"),
    ):
        message = rf"needed for \(2, 2, 3, 3\), got torch.{came}"
        with pytest.raises(ValueError, match=message):
            layer(x, mask=mask)
    hidden = full.clone()
    hidden[1] = False
    with pytest.raises(ValueError, match="a row without True"):
        layer(x, mask=hidden)
    with pytest.raises(ValueError, match="a row without True"):
        DecoderBlock(4, 2, 8)(x, x, memory_mask=hidden)


@pytest.mark.usefixtures("unchecked")
def test_keys_and_values_that_are_refused():
    """PyTorch would broadcast, or read values that are not there."""
    layer, x = Attention(4, 2), torch.zeros(2, 3, 4)
    k = torch.zeros(2, 2, 5, 2)
    for x_, k_, v_ in (
        (x, k, k[:, :, :4]),
        (x, k[:1], k[:1]),
        (x[:1], k, k),
        (x, k[:, :1], k[:, :1]),
        (x, k[:, :, :0], k[:, :, :0]),
        (x[0], k[0], k[0]),
    ):
        came = f"got {tuple(k_.shape)} and {tuple(v_.shape)}"
        with pytest.raises(ValueError, match=re.escape(came)):
            layer.attend(x_, k_, v_)
    with pytest.raises(ValueError, match=r"got \(3, 2, 5, 2\)"):
        DecoderBlock(4, 2, 8)(x, torch.zeros(3, 5, 4))
    assert layer(x[:, :0]).shape == (2, 0, 4)


@pytest.mark.parametrize("kind", [Block, DecoderBlock])
@pytest.mark.parametrize("value", [0.1, "post", 0, None])
@pytest.mark.usefixtures("unchecked")
def test_the_order_is_a_bool(kind, value):
    """The fourth argument of PyTorch's layers is the dropout."""
    message = f"norm_first must be a bool, got {value!r}"
    with pytest.raises(ValueError, match=message):
        kind(4, 2, 8, value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("ignore:Dynamo detected")  # of array_namespace
def test_the_check_of_a_mask_does_not_break_a_compiled_graph():
    layer, x = stirred(Attention(6, 3)), normal(2, 5, 6)
    traced = torch.compile(layer, backend="eager", fullgraph=True)
    assert_close(traced(x, mask=CAUSAL), layer(x, mask=CAUSAL))


def test_the_experiment_shows_what_the_page_says():
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    last = {name: [run[-1] for run in runs] for name, runs in numbers.items()}
    cold = sorted(last.pop("post, 0, 0.003"))
    assert {len(runs) for runs in last.values()} == {len(cold)} == {4}
    highest = max(max(runs) for runs in last.values())
    assert cold[1] < 0.35  # Two runs end like those of the other settings,
    assert highest < 0.35
    assert cold[2] > 0.5  # and two far above.
    assert cold[3] > 1
    means = {name: np.mean(runs) for name, runs in last.items()}
    assert np.mean(cold) > 2 * max(means.values())
    assert means["pre, 40, 0.003"] < means["pre, 0, 0.003"]
    assert means["post, 40, 0.003"] == min(means.values())
    assert min(last["post, 40, 0.003"]) == min(map(min, last.values()))
    starts = [run[0] for runs in numbers.values() for run in runs]
    assert 2.2 < min(starts) < max(starts) < 2.5
    assert {len(run) for runs in numbers.values() for run in runs} == {20}
