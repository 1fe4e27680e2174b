import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reference.optimization.learning_rate_schedules import (
    inverse_sqrt,
    warmup,
)
from reference.sequences.seq2seq import (
    EOS,
    PAD,
    SOS,
    beam_search,
    greedy,
    masked_cross_entropy,
    shift_right,
)
from reference.transformers.attention import causal_mask
from reference.transformers.transformer import (
    Transformer,
    base,
    learning_rate,
    source_mask,
)
from tests.checks import assert_close
from tests.convolution.networks import stirred
from tests.dates import learn_dates

ROOT = Path(__file__).parents[2]
SOURCE = torch.tensor([[3, 5, 4, 2], [4, 2, 0, 0], [5, 3, 2, 0]])
TARGET = torch.tensor([[6, 3, 2, 0, 0], [4, 4, 5, 3, 2], [2, 0, 0, 0, 0]])
ORDERS = pytest.mark.parametrize("norm_first", [True, False])


def small(norm_first=True, v=7, **options):
    """Return a model of 2 layers in float64: 6 source, 7 target tokens."""
    model = Transformer(6, v, 4, 2, 5, 2, norm_first=norm_first, **options)
    return stirred(model).eval()


def embedded(ids, table):
    """Return the vectors of tokens at their positions, by plain loops."""
    x = np.empty((*ids.shape, 4))
    for n, t in np.ndindex(*ids.shape):
        for e in range(4):
            angle = t / 10000 ** (2 * (e // 2) / 4)
            wave = math.cos(angle) if e % 2 else math.sin(angle)
            x[n, t, e] = 2 * table.weight[ids[n, t], e].item() + wave
    return torch.tensor(x)


def given_to(layer, model, *inputs):
    """Return what a layer is given in a call of a model, and both results."""
    found = []
    handle = layer.register_forward_hook(
        lambda _, given, result: found.extend((given[0], result))
    )
    y = model(*inputs)
    handle.remove()
    return *found, y


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""x_{te} = \sqrt{E} \; U_{s_t, e} + P_{te}"""
    model = small()
    tables = (model.source_embedding, model.target_embedding)
    for ids, table in zip((SOURCE, TARGET), tables, strict=True):
        assert_close(model.embed(ids, table), embedded(ids, table))


@ORDERS
def test_eq_2(norm_first):
    r"""h^{(b)} = \operatorname{Block}_b \big( h^{(b - 1)} \big)"""
    model = small(norm_first)
    h = embedded(SOURCE, model.source_embedding)
    mask = (SOURCE != PAD)[:, None, None]
    for layer in range(2):
        h = model.encoder[layer](h, mask)
    if norm_first:
        h = F.layer_norm(h, (4,), *model.encoder_norm.parameters())
    assert_close(model.encode(SOURCE), h)


@ORDERS
def test_eq_3(norm_first):
    r"""g^{(b)} = \operatorname{DecoderBlock}_b
    \big( g^{(b - 1)}, \, h \big)"""
    model = small(norm_first)
    memory = model.encode(SOURCE)
    g = embedded(TARGET, model.target_embedding)
    mask = torch.tensor([[s <= t for s in range(5)] for t in range(5)])
    for layer in range(2):
        real = (SOURCE != PAD)[:, None, None]
        g = model.decoder[layer](g, memory, mask, real)
    before, _, _ = given_to(
        model.decoder_norm, model.decode, memory, SOURCE, TARGET
    )
    assert_close(before, g)


def test_eq_4():
    r"""o_{tv} = \sum_{e=1}^{E} y_{te} \, W_{ev}"""
    for model in (small(), small(v=6, shared=True)):
        target = TARGET.clamp(max=5)
        _, y, logits = given_to(model.decoder_norm, model, SOURCE, target)
        w = model.output.weight.T
        expected = np.empty(tuple(logits.shape))
        for n, t, v in np.ndindex(expected.shape):
            expected[n, t, v] = sum(
                y[n, t, e].item() * w[e, v].item() for e in range(4)
            )
        assert_close(logits, expected)


def test_eq_5():
    r"""\eta_m = \frac{1}{\sqrt{E}} \min \left( \frac{1}{\sqrt{m}}, \;
    \frac{m}{w^{3/2}} \right)"""
    for m in range(1, 40):
        rise, fall = m / (9 * math.sqrt(9)), 1 / math.sqrt(m)
        expected = (rise if rise < fall else fall) / math.sqrt(50)
        assert_close(learning_rate(m, 50, 9), expected)


# The same as everybody else's.


def copy_attention(ours, theirs):
    """Give PyTorch's attention the weights of ours."""
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.copy_(torch.cat([a.weight for a in parts]))
    theirs.in_proj_bias.copy_(torch.cat([a.bias for a in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())


@torch.no_grad()
def library_twin(ours, norm_first):
    """Return PyTorch's model with the weights of ours."""
    options = {"dropout": 0.0, "norm_first": norm_first, "batch_first": True}
    layer = nn.TransformerEncoderLayer(4, 2, 5, **options)
    theirs = nn.Transformer(
        *(4, 2, 2, 2, 5),
        custom_encoder=nn.TransformerEncoder(
            layer, 2, nn.LayerNorm(4), enable_nested_tensor=False
        ),
        **options,
    ).double()
    if not norm_first:  # PyTorch normalizes twice at the end; the paper once
        theirs.encoder.norm = theirs.decoder.norm = None
    else:
        theirs.encoder.norm.load_state_dict(ours.encoder_norm.state_dict())
        theirs.decoder.norm.load_state_dict(ours.decoder_norm.state_dict())
    pairs = [
        *zip(ours.encoder, theirs.encoder.layers, strict=True),
        *zip(ours.decoder, theirs.decoder.layers, strict=True),
    ]
    for a, b in pairs:
        copy_attention(a.attention, b.self_attn)
        b.linear1.load_state_dict(a.feed_forward.up.state_dict())
        b.linear2.load_state_dict(a.feed_forward.down.state_dict())
        b.norm1.load_state_dict(a.norm_1.state_dict())
        b.norm2.load_state_dict(a.norm_2.state_dict())
        if hasattr(a, "norm_3"):
            copy_attention(a.cross_attention, b.multihead_attn)
            b.norm3.load_state_dict(a.norm_3.state_dict())
    return theirs.train()  # its fast path in eval mode warns


@ORDERS
def test_it_is_that_of_pytorch(norm_first):
    ours = small(norm_first)
    theirs = library_twin(ours, norm_first)
    hidden = SOURCE == PAD
    y = theirs(
        embedded(SOURCE, ours.source_embedding),
        embedded(TARGET, ours.target_embedding),
        tgt_mask=~causal_mask(torch.zeros(5, 1)),
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
    )
    expected = y @ ours.output.weight.T
    actual = ours(SOURCE, TARGET)
    assert_close(actual, expected)
    grads = []
    for logits, model in ((actual, ours), (expected, theirs)):
        masked_cross_entropy(logits, TARGET).backward()
        feed = (
            model.encoder[0].feed_forward.up
            if model is ours
            else model.encoder.layers[0].linear1
        )
        grads.append(feed.weight.grad)
    assert_close(*grads)


def test_the_rate_is_a_schedule_with_a_warm_up():
    rates = [learning_rate(m, 512, 40) for m in range(1, 200)]
    t, peak = np.arange(199), 1 / math.sqrt(512 * 40)
    assert_close(rates, inverse_sqrt(t, peak, 40) * warmup(t, 40))
    assert max(rates) == rates[39]
    assert_close(learning_rate(4000, 512, 4000), 6.98771242968684e-4)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("scalar", [np.float32, np.float64, np.int64])
def test_the_rate_is_a_float_of_python(scalar):
    rate = learning_rate(scalar(4), scalar(25), scalar(4))
    assert type(rate) is float
    assert_close(rate, 0.1, rtol=1e-6)


def test_the_base_model_has_the_parameters_of_the_hand_count():
    attention = 4 * 512 * 512 + 4 * 512
    feed_forward = 2 * 512 * 2048 + 2048 + 512
    norm = 2 * 512
    encoder = 6 * (attention + feed_forward + 2 * norm)
    decoder = 6 * (2 * attention + feed_forward + 3 * norm)
    model = base()
    assert {p.device.type for p in model.parameters()} == {"meta"}

    def count(module):
        return sum(p.numel() for p in module.parameters())

    assert count(model.encoder) == encoder == 18_914_304
    assert count(model.decoder) == decoder == 25_224_192
    assert count(model) == encoder + decoder + 37_000 * 512 == 63_082_496
    assert count(base(1000)) == encoder + decoder + 1000 * 512
    block = model.encoder[0]
    assert block.attention.heads == 8
    assert block.attention.dropout == model.dropout.p == 0.1
    assert not block.norm_first
    assert isinstance(model.decoder_norm, nn.Identity)
    assert isinstance(block.feed_forward.activation, nn.ReLU)


def test_a_beam_of_all_prefixes_finds_what_exhaustive_search_finds():
    model, missed = small(v=4), 0
    rows = torch.tensor(list(itertools.product(range(4), repeat=3)))
    ended = (rows == EOS).long().cumsum(dim=1).cumsum(dim=1) > 1
    for n in range(3):
        source = SOURCE[n : n + 1].expand(64, -1)
        every = model(source, shift_right(rows)).log_softmax(dim=-1)
        log_p = every.gather(-1, rows[..., None])[..., 0]
        total = log_p.masked_fill(ended, 0.0).sum(dim=1)
        best = rows[total.argmax()].masked_fill(ended[total.argmax()], PAD)
        ask = model.next_log_p(source[:1])
        tokens, found = beam_search(ask, 4**3, 3)
        assert_close(found, total.max(), rtol=1e-6)
        assert (tokens == best).all()
        missed += (greedy(ask, 1, 3)[0] != tokens).any().item()
    assert missed > 0


# The gradient: of the loss, and who can see whom.


def test_gradcheck():
    model = small(dropout=0.0)
    source, target = SOURCE[2:, :2], TARGET[:1, :3]
    memory = model.encode(source).detach().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda h: masked_cross_entropy(model.decode(h, source, target), target),
        memory,
    )


@ORDERS
def test_no_logit_sees_a_later_token(norm_first):
    """Nor padding of the source; but all real tokens of it."""
    model = small(norm_first)
    seen = torch.zeros(5, 5)
    for t in range(5):
        memory = model.encode(SOURCE).detach().requires_grad_()
        x, _, logits = given_to(
            model.decoder[0], model.decode, memory, SOURCE, TARGET
        )
        found = torch.autograd.grad(logits[:, t].square().sum(), (x, memory))
        seen[t] = (found[0] != 0).any(dim=2).all(dim=0)
        assert ((found[0] != 0).any(dim=2).any(dim=0) == seen[t].bool()).all()
        assert ((found[1] != 0).any(dim=2) == (SOURCE != PAD)).all()
    assert (seen == torch.ones(5, 5).tril()).all()


# What the page promises, and what is refused.


@ORDERS
@pytest.mark.parametrize(("more_source", "more_target"), [(3, 0), (0, 4)])
def test_padding_changes_nothing(norm_first, more_source, more_target, device):
    model = small(norm_first).to(device)
    results = []
    for more in (0, 1):
        x = F.pad(SOURCE, (0, more * more_source)).to(device)
        y = F.pad(TARGET, (0, more * more_target)).to(device)
        model.zero_grad()
        logits = model(x, shift_right(y))[:, :5]
        loss = masked_cross_entropy(model(x, shift_right(y)), y)
        loss.backward()
        gradient = model.source_embedding.weight.grad
        results.append((logits, loss, gradient.clone()))
    for a, b in zip(*results, strict=True):
        assert_close(a, b)


def test_only_padding_is_hidden():
    source = torch.tensor([[PAD + 1, 3, 2, PAD], [5, 5, 5, 5]])
    expected = [[[[True, True, True, False]]], [[[True] * 4]]]
    assert source_mask(source).tolist() == expected


def test_the_companions_in_a_batch_change_nothing():
    model = small()
    together = model(SOURCE, TARGET)
    alone = model(SOURCE[1:2, :2], TARGET[1:2])
    assert_close(together[1:2], alone)


def test_greedy_is_the_argmax_of_the_whole_model_step_by_step():
    model = small()
    found = greedy(model.next_log_p(SOURCE), 3, 6)
    prefix = torch.full((3, 1), SOS)
    ended = torch.zeros(3, dtype=torch.bool)
    for t in range(6):
        token = model(SOURCE, prefix)[:, -1].argmax(dim=-1)
        token = torch.where(ended, PAD, token)
        assert (found[:, t] == token).all()
        ended = ended | (token == EOS)
        prefix = torch.cat((prefix, token[:, None]), dim=1)
    forced = model(SOURCE, shift_right(found)).argmax(dim=-1)
    assert ((forced == found) | (found == PAD)).all()


def test_without_positions_the_order_of_the_source_is_lost():
    turned = SOURCE[:1, [1, 0, 2, 3]]
    model, blind = small(), small(positional=False)
    same = [m(SOURCE[:1], TARGET[:1]) for m in (model, blind)]
    other = [m(turned, TARGET[:1]) for m in (model, blind)]
    assert not torch.allclose(same[0], other[0])
    assert_close(same[1], other[1])


def test_a_shared_vocabulary_is_one_matrix():
    model = Transformer(6, 6, 4, 2, 5, 1, shared=True)
    assert model.source_embedding is model.target_embedding
    assert model.output.weight is model.source_embedding.weight
    apart = Transformer(6, 6, 4, 2, 5, 1)
    count = [sum(p.numel() for p in m.parameters()) for m in (model, apart)]
    assert count[1] - count[0] == 2 * 6 * 4


def test_embeddings_start_at_the_size_of_the_positions():
    torch.manual_seed(0)
    for shared in (False, True):
        model = Transformer(900, 900, 64, 2, 5, 1, shared=shared)
        tables = (model.source_embedding, model.target_embedding, model.output)
        for table in tables:
            assert 0.97 < 8 * table.weight.std().item() < 1.03


def test_dropout_is_on_while_training_only():
    for part in ("dropout", "blocks"):
        model = small(dropout=0.5)
        if part == "dropout":
            for block in (*model.encoder, *model.decoder):
                block.eval()
            model.dropout.train()
        else:
            model.train()
        assert not torch.equal(model(SOURCE, TARGET), model(SOURCE, TARGET))
        model.eval()
        assert torch.equal(model(SOURCE, TARGET), model(SOURCE, TARGET))


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16]
)
def test_the_dtype_stays(dtype):
    model = small().to(dtype)
    assert model(SOURCE, TARGET).dtype == dtype
    long = torch.full((1, 301), 3)
    x = model.embed(long, model.source_embedding)
    expected = model.double().embed(long, model.source_embedding)
    atol = 0.05 if dtype == torch.bfloat16 else 1e-4
    assert_close(x.double(), expected, rtol=0.01, atol=atol)


def test_defaults():
    model = Transformer(6, 7, 4, 2, 5, 2)
    assert model.positional
    assert model.dropout.p == 0.0
    assert isinstance(model.encoder_norm, nn.LayerNorm)
    assert all(block.norm_first for block in (*model.encoder, *model.decoder))
    assert (len(model.encoder), len(model.decoder)) == (2, 2)
    assert model.output.bias is None


@pytest.fixture(scope="module")
def translator():
    """Return the translator of the page, trained."""
    return learn_dates(
        lambda source, target: Transformer(source, target, 64, 4, 128, 1),
        pairs=3200,
        held_out=400,
        epochs=2,
        learning_rate=0.005,
        batch_size=32,
    )


def test_it_translates_dates_it_has_never_seen(translator):
    assert translator.exact_match() > 0.95


@pytest.mark.parametrize(
    "row", [[0, 0, 0], [3, 0, 2], [0, 3, 2]], ids=["none", "middle", "first"]
)
def test_padding_before_a_token_is_refused(row):
    source = torch.tensor([[3, 3, 2], row])
    model = small()
    for call in (
        lambda: source_mask(source),
        lambda: model.encode(source),
        lambda: model.decode(torch.zeros(2, 3, 4).double(), source, source),
    ):
        with pytest.raises(ValueError, match=r"only behind its tokens, got \["):
            call()
    with pytest.raises(ValueError, match="a source must have a token"):
        source_mask(torch.zeros(2, 0, dtype=torch.int64))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("examples", [1, 2])
def test_a_memory_of_another_source_is_refused(examples):
    model = small()
    with pytest.raises(ValueError, match=r"must fit, got \(3, 4, 4\) and \("):
        model.decode(
            model.encode(SOURCE), SOURCE[:examples, : examples + 2], TARGET
        )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_sizes_that_are_no_whole_numbers_are_refused(size):
    names = (
        *("source_vocabulary", "target_vocabulary", "width", "heads"),
        *("hidden", "layers"),
    )
    for place, name in enumerate(names):
        sizes = [5, 5, 4, 2, 3, 1]
        sizes[place] = size
        with pytest.raises(
            ValueError, match=f"{name} must be an int above 0, got {size!r}"
        ):
            Transformer(*sizes)


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((5, 5, 3, 1), {}, "width must be even, got 3"),
        ((5, 5, 4, 3), {}, "heads must divide width, got 3 heads for 4"),
        ((5, 6, 4, 2), {"shared": True}, "must have one size, got 5 and 6"),
        ((5, 5, 4, 2), {"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        Transformer(*sizes, hidden=3, layers=1, **options)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("value", [0, 0.5, -1, math.inf, math.nan])
@pytest.mark.usefixtures("unchecked")
def test_rates_without_a_step_are_refused(place, value):
    arguments = [3, 4, 5]
    arguments[place] = value
    name = ("step", "width", "warmup")[place]
    with pytest.raises(ValueError, match=rf"{name} must be in \[1, inf\), got"):
        learning_rate(*arguments)


def test_the_experiment_says_what_the_page_says():
    file = ROOT / "experiments/transformers/transformer.json"
    numbers = json.loads(file.read_text("utf-8"))["numbers"]

    def ends(arm):
        return [run[-1] for run in numbers[arm]["exact"]]

    assert min(*ends("pre"), *ends("post")) > 0.98
    assert max(ends("no positions")) < 0.2
    assert max(ends("gru")) < min(ends("pre"))
    assert max(ends("post, 0.02")) < min(ends("post, 0.02, warm-up"))
    assert max(ends("post, 0.02")) == 0
    assert max(ends("pre, 0.02")) < min(ends("post, 0.02, warm-up"))
    assert numbers["pre"]["parameters"] < numbers["gru"]["parameters"] / 1.9
    assert all(len(numbers[arm]["exact"]) == 3 for arm in ("pre", "gru"))


def test_the_experiment_attends_where_the_caption_says():
    file = ROOT / "experiments/transformers/transformer.json"
    example = json.loads(file.read_text("utf-8"))["numbers"]["example"]
    own, cross = np.array(example["self"]), np.array(example["cross"])
    source, target = [*example["source"], "EOS"], [*example["target"], "EOS"]
    assert own.shape == (len(target), len(target))
    assert cross.shape == (len(target), len(source))
    assert (np.triu(own, 1) == 0).all()
    assert_close(own.sum(axis=1), np.ones(len(target)), atol=0.08)
    month, day = target.index("월"), target.index("일")
    assert (month, day) == (7, 10)  # two digits each
    assert (cross[:4, 4:8].sum(axis=1) > 0.9).all()
    assert cross[5:7].argmax(axis=1).tolist() == [1, 1]
    assert cross[8:10].argmax(axis=1).tolist() == [2, 3]
    assert cross[11].argmax() == 0
    assert cross[-1].argmax() == len(source) - 1
