import json
from math import exp, inf, log, nan, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from experiments.language import inputs_and_targets, read, text
from figures.transformers.gpt import LOGITS, _choose
from reference._corpus import stories
from reference.convolution.alexnet import count_parameters
from reference.training.layer_norm import layer_norm
from reference.transformers.gpt import (
    GPT,
    generate,
    gpt2,
    next_token_distribution,
    next_token_loss,
    training_flops,
)
from tests.checks import assert_close

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "experiments/transformers/gpt.json"


def small(device="cpu", layers=2, dtype=torch.float64):
    """Return a GPT with weights large enough for each to matter."""
    torch.manual_seed(0)
    model = GPT(11, context=8, width=6, heads=3, layers=layers)
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0.1, 0.5)
    return model.to(device, dtype)


def drawn(n, t, device="cpu"):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(11, (n, t), generator=generator).to(device)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(device):
    r"""x_{te} = w_{i_t e} + z_{te}"""
    model, tokens = small(device), drawn(2, 5, device)
    seen = []
    model.blocks[0].register_forward_pre_hook(lambda _, args: seen.append(args))
    model(tokens)
    w, p = (a.tolist() for a in (model.embedding.weight, model.position))
    expected = [
        [[w[i][e] + p[t][e] for e in range(6)] for t, i in enumerate(row)]
        for row in tokens.tolist()
    ]
    assert_close(seen[0][0], np.array(expected))


@pytest.mark.parametrize(("past", "t"), [(0, 4), (3, 2), (5, 1)])
def test_eq_2(past, t):
    r"""m_{ij} = \begin{cases} \text{true} & \text{if } j \le C + i \\
    \text{false} & \text{otherwise} \end{cases}
    """
    model, seen = small(), []
    for block in model.blocks:
        keep = block.attention.attend
        block.attention.attend = lambda x, k, v, m, keep=keep: (
            seen.append(m),
            keep(x, k, v, m),
        )[1]
    cache = []
    if past:
        model(drawn(1, past), cache)
    seen.clear()
    model(drawn(1, t), cache)
    expected = [
        [j <= past + i for j in range(1, past + t + 1)] for i in range(1, t + 1)
    ]
    assert [m.tolist() for m in seen] == [expected] * 2


def test_eq_3(device):
    r"""o_{tv} = \sum_{e=1}^{E} h_{te} w_{ve}"""
    model, tokens, seen = small(device), drawn(1, 3, device), []
    model.norm.register_forward_hook(lambda *args: seen.append(args[-1]))
    o = model(tokens)
    h, w = (a.detach().tolist() for a in (seen[0], model.embedding.weight))
    expected = [
        [
            [sum(h[0][t][e] * w[v][e] for e in range(6)) for v in range(11)]
            for t in range(3)
        ]
    ]
    assert_close(o, np.array(expected))


def test_eq_4(rng, device):
    r"""L = -\frac{1}{T} \sum_{t=1}^{T} \left( o_{t y_t}
    - \log \sum_{v=1}^{V} \exp o_{tv} \right)
    """
    o, y = rng.normal(size=(1, 4, 5)), [3, 0, 4, 4]
    expected = -sum(
        o[0, t, y[t]] - log(sum(exp(o[0, t, v]) for v in range(5)))
        for t in range(4)
    )
    actual = next_token_loss(
        torch.tensor(o, device=device), torch.tensor([y], device=device)
    )
    assert_close(actual, np.array(expected / 4))


def by_loops(logits, temperature=1.0, top_k=None, top_p=None):
    """Return a distribution by plain Python, for logits without ties."""
    p = [exp(o / temperature) for o in logits]
    p = [a / sum(p) for a in p]
    kept, share = [], 0.0
    kept += sorted(range(len(p)), key=lambda v: -p[v])[:top_k]
    total = sum(p[v] for v in kept)
    nucleus = []
    for v in kept:
        if top_p is not None and share >= top_p:
            break
        nucleus.append(v)
        share += p[v] / total
    total = sum(p[v] for v in nucleus)
    return [p[v] / total if v in nucleus else 0.0 for v in range(len(p))]


@pytest.mark.parametrize("temperature", [1.0, 0.4, 3.0])
def test_eq_5(rng, device, temperature):
    r"""p_v = \frac{\exp(o_v / \tau)}{\sum_{u=1}^{V} \exp(o_u / \tau)}"""
    o = rng.normal(size=6)
    total = sum(exp(o[u] / temperature) for u in range(6))
    expected = [exp(o[v] / temperature) / total for v in range(6)]
    logits = torch.tensor(o, device=device)
    assert_close(next_token_distribution(logits, temperature), expected)


@pytest.mark.parametrize("k", [1, 3, 6, 9])
def test_eq_6(rng, device, k):
    r"""p'_v = \begin{cases} p_v \big/ \sum_{u \in S_k} p_u
    & \text{if } v \in S_k \\ 0 & \text{otherwise} \end{cases}
    """
    o = rng.normal(size=6)
    p = [exp(a) for a in o]
    s = [v for v in range(6) if sum(p[u] > p[v] for u in range(6)) < k]
    total = sum(p[u] for u in s)
    expected = [p[v] / total if v in s else 0.0 for v in range(6)]
    logits = torch.tensor(o, device=device)
    assert_close(next_token_distribution(logits, top_k=k), expected)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 1.0])
def test_eq_7(rng, device, share):
    r"""p''_v = \begin{cases} p'_v \big/ \sum_{u \in S} p'_u
    & \text{if } v \in S \\ 0 & \text{otherwise} \end{cases}
    """
    o = rng.normal(size=6)
    p = [exp(a) / sum(exp(b) for b in o) for a in o]
    s = [
        v
        for v in range(6)
        if sum(p[u] for u in range(6) if p[u] > p[v]) < share
    ]
    total = sum(p[u] for u in s)
    expected = [p[v] / total if v in s else 0.0 for v in range(6)]
    logits = torch.tensor(o, device=device)
    assert_close(next_token_distribution(logits, top_p=share), expected)


def test_eq_8():
    r"""F = 6 \, (12 B E^2 + V E) + 12 B E T"""
    model = small()
    weights = 11 * 6
    for block in model.blocks:
        weights += sum(p.numel() for p in block.parameters() if p.ndim == 2)
    scores = sum(2 * 2 * 6 * 3 for _ in range(5) for _ in model.blocks)
    assert training_flops(model, 5) == 6 * weights + scores


# The same as everybody else's: torch's layers and its counter of operations.


def other(model):
    """Return torch's own layers with the weights of a GPT."""
    e, layers = model.position.shape[1], []
    for block in model.blocks:
        a, f = block.attention, block.feed_forward
        layer = nn.TransformerEncoderLayer(
            *(e, a.heads, 4 * e, 0.0),
            activation=lambda x: F.gelu(x, approximate="tanh"),
            norm_first=True,
            batch_first=True,
            dtype=torch.float64,
        )
        three = (a.query, a.key, a.value)
        layer.load_state_dict(
            {
                "self_attn.in_proj_weight": torch.cat(
                    [m.weight for m in three]
                ),
                "self_attn.in_proj_bias": torch.cat([m.bias for m in three]),
                "self_attn.out_proj.weight": a.output.weight,
                "self_attn.out_proj.bias": a.output.bias,
                "linear1.weight": f.up.weight,
                "linear1.bias": f.up.bias,
                "linear2.weight": f.down.weight,
                "linear2.bias": f.down.bias,
                "norm1.weight": block.norm_1.weight,
                "norm1.bias": block.norm_1.bias,
                "norm2.weight": block.norm_2.weight,
                "norm2.bias": block.norm_2.bias,
            }
        )
        layers.append(layer)
    return layers


def test_torch():
    model, tokens = small(), drawn(3, 7)
    x = model.embedding.weight[tokens] + model.position[:7]
    hidden = nn.Transformer.generate_square_subsequent_mask(
        7, dtype=torch.float64
    )
    for layer in other(model):
        x = layer(x, hidden, is_causal=True)
    h = layer_norm(x, model.norm.weight, model.norm.bias)
    expected = F.linear(h, model.embedding.weight)
    assert_close(model(tokens), expected)
    loss = next_token_loss(model(tokens[:, :-1]), tokens[:, 1:])
    each = F.cross_entropy(expected[:, :-1].mT, tokens[:, 1:], reduction="none")
    assert_close(loss, each.mean())


def test_published_count():
    """Radford et al. 2019; counted by hand on the page."""
    with torch.device("meta"):
        model = gpt2()
    v, t, e, layers = 50257, 1024, 768, 12
    count = v * e + t * e + layers * (12 * e**2 + 13 * e) + 2 * e
    assert count_parameters(model) == count == 124_439_808
    assert model.context == 1024
    assert len(model.blocks) == 12
    assert {b.attention.heads for b in model.blocks} == {12}
    assert {b.norm_first for b in model.blocks} == {True}


def test_counted_operations():
    model, tokens = small(dtype=torch.float32), drawn(2, 8)
    with FlopCounterMode(display=False) as c, sdpa_kernel(SDPBackend.MATH):
        next_token_loss(model(tokens[:, :-1]), tokens[:, 1:]).backward()
    assert c.get_total_flops() == 2 * 7 * training_flops(model, 7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(
    temperature=st.floats(0.1, 5),
    top_k=st.none() | st.integers(1, 9),
    top_p=st.none() | st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_all_three_together(dtype, temperature, top_k, top_p, seed):
    rng = np.random.default_rng(seed)
    logits = rng.permuted(np.linspace(-2, 2, 7)) + rng.uniform(0, 0.1, size=7)
    setting = (temperature, top_k, top_p)
    p = next_token_distribution(torch.tensor(logits, dtype=dtype), *setting)
    assert p.dtype == dtype
    expected = by_loops(logits, *setting)
    if dtype == torch.float64:
        assert_close(p, expected)
    else:
        assert_close(p.sum(), np.array(1.0), rtol=1e-5)
        assert p[logits.argmax()] == p.max()


# The gradient: what a token may learn from.


def test_no_gradient_from_the_future():
    model, tokens = small(), drawn(1, 6)
    leaf = model.embedding.weight[tokens].detach().requires_grad_()
    model.embedding.register_forward_hook(lambda *_: leaf)
    logits = model(tokens)
    for t in range(6):
        [g] = torch.autograd.grad(logits[0, t].sum(), leaf, retain_graph=True)
        size = g[0].abs().sum(1)
        assert (size[t + 1 :] == 0).all()
        assert (size[: t + 1] > 1e-6).all()


def test_gradient_of_the_shared_weights():
    """As input and as output: the sum of both."""
    model, tokens = small(layers=1), drawn(1, 4)

    def loss(w, at_output):
        x = w[tokens[:, :-1]] + model.position[:3]
        for block in model.blocks:
            x = block(x, torch.ones(3, 3, dtype=torch.bool).tril())
        return next_token_loss(model.norm(x) @ at_output.T, tokens[:, 1:])

    one, two = (
        model.embedding.weight.detach().clone().requires_grad_()
        for _ in range(2)
    )
    first, second = torch.autograd.grad(loss(one, two), (one, two))
    next_token_loss(model(tokens[:, :-1]), tokens[:, 1:]).backward()
    assert_close(model.embedding.weight.grad, first + second)
    assert first.abs().max() > 1e-3
    assert second.abs().max() > 1e-3


# What the page promises: cache, sampling, beginning, refused inputs.


@pytest.mark.parametrize("parts", [[8], [1] * 8, [3, 4, 1]])
def test_cache_changes_nothing(device, parts):
    model, tokens, cache = small(device), drawn(2, 8, device), []
    pieces = [model(part, cache) for part in tokens.split(parts, dim=1)]
    assert_close(torch.cat(pieces, dim=1), model(tokens))
    assert [k.shape for k, _ in cache] == [(2, 3, 8, 2)] * 2
    assert [v.shape for _, v in cache] == [(2, 3, 8, 2)] * 2


@pytest.mark.parametrize(
    "setting", [(0.0,), (1.0,), (1.5, 5), (1.0, None, 0.9)]
)
def test_the_same_text_without_cache(device, setting):
    model, tokens = small(device), drawn(3, 2, device)
    texts = [
        generate(
            *(model, tokens, 7, *setting),
            generator=torch.Generator(device).manual_seed(2),
            use_cache=use_cache,
        )
        for use_cache in (True, False)
    ]
    assert torch.equal(*texts)
    assert torch.equal(texts[0][:, :2], tokens)
    assert texts[0].shape == (3, 9)
    assert len(set(map(tuple, texts[0].tolist()))) == 3


def test_generate_uses_the_cache_by_default():
    model, lengths = small(), []
    model.register_forward_pre_hook(
        lambda _, args: lengths.append(args[0].shape[1])
    )
    generate(model, drawn(1, 3), 4)
    assert lengths == [3, 1, 1, 1]
    lengths.clear()
    generate(model, drawn(1, 3), 4, use_cache=False)
    assert lengths == [3, 4, 5, 6]


def test_greedy_takes_the_most_probable_token():
    model, tokens = small(), drawn(2, 3)
    written = generate(model, tokens, 4, temperature=0)
    for t in range(3, 7):
        best = model(written[:, :t])[:, -1].argmax(-1)
        assert torch.equal(written[:, t], best)


def test_draws_have_the_probabilities():
    model, n = small(layers=1), 4000
    first = drawn(1, 1)
    many = first.expand(n, 1)
    setting = {"temperature": 2.0, "top_k": 4, "top_p": 0.95}
    p = next_token_distribution(model(first)[0, -1], **setting)
    seed = torch.Generator().manual_seed(0)
    written = generate(model, many, 1, **setting, generator=seed)[:, 1]
    shares = written.bincount(minlength=11) / n
    assert (shares[p == 0] == 0).all()
    assert 2 <= (p > 0).sum() <= 4
    assert_close(shares, p.float(), rtol=0, atol=0.04)


def test_no_gradient_and_no_change_by_generate():
    model, tokens = small(), drawn(1, 3)
    before = tokens.clone()
    written = generate(model, tokens, 0)
    assert torch.equal(written, before)
    cache = [("old",)]
    with pytest.raises(ValueError, match="holds 8 tokens, got 9 after 0"):
        model(drawn(1, 9), cache[:0])
    graphs = []
    model.register_forward_hook(
        lambda *args: graphs.append(args[-1].requires_grad)
    )
    generate(model, tokens, 2)
    assert graphs == [False, False]
    assert torch.equal(tokens, before)


def test_temperature_at_its_ends():
    logits = torch.tensor([[1.0, 3.0, 3.0, 2.0]])
    for near_zero in (0, 0.0, 1e-300):
        p = next_token_distribution(logits, near_zero)
        assert p.isfinite().all()
    assert next_token_distribution(logits, 0).tolist() == [[0, 1, 0, 0]]
    assert next_token_distribution(logits, 1e-300).tolist() == [
        [0, 0.5, 0.5, 0]
    ]
    assert_close(
        next_token_distribution(logits, 1e300), np.full((1, 4), 0.25), 1e-6
    )
    assert next_token_distribution(logits, 0, 3, 0.9)[0, 1] == 1


def test_the_first_of_many_equals(device):
    """Sorting on a GPU changes their order unless asked not to."""
    p = next_token_distribution(torch.zeros(5000, device=device), top_k=3)
    assert p.nonzero().flatten().tolist() == [0, 1, 2]


def test_equals_and_huge_and_forbidden_logits():
    equal = torch.zeros(4)
    expected = [0.5, 0.5, 0.0, 0.0]
    assert next_token_distribution(equal, top_k=2).tolist() == expected
    assert next_token_distribution(equal, top_p=0.4).tolist() == expected
    huge = torch.tensor([3e38, -3e38, -inf])
    assert next_token_distribution(huge, 0.5).tolist() == [1, 0, 0]
    half = torch.tensor([0.0, 1.0], dtype=torch.bfloat16)
    assert next_token_distribution(half).dtype == torch.float32
    number = np.float64(0.5)
    assert (
        next_token_distribution(equal, number, 2, number).dtype == equal.dtype
    )
    every = next_token_distribution(torch.randn(3, 500) * 9, top_p=1.0)
    assert (every > 0).all()


def test_a_new_model_knows_nothing(device):
    torch.manual_seed(0)
    model = GPT(1000, context=16, width=64, heads=4, layers=3).to(device)
    tokens = torch.randint(1000, (16, 17), device=device)
    loss = next_token_loss(model(tokens[:, :-1]), tokens[:, 1:]).item()
    assert abs(loss / log(1000) - 1) < 0.01


def test_initial_weights():
    torch.manual_seed(0)
    model = GPT(500, context=64, width=64, heads=4, layers=8)
    for name, p in model.named_parameters():
        if p.ndim == 2:
            last = name.endswith(("attention.output.weight", "down.weight"))
            std = 0.02 / sqrt(16) if last else 0.02
            assert abs(p.std().item() / std - 1) < 0.06, name
            assert abs(p.mean().item()) < 0.1 * std, name
        else:
            one = "norm" in name and name.endswith("weight")
            assert (p == one).all(), name


def test_parts():
    model = small()
    assert {b.feed_forward.activation.approximate for b in model.blocks} == {
        "tanh"
    }
    assert {b.feed_forward.up.out_features for b in model.blocks} == {24}
    head = 11 * 6
    without = count_parameters(model) - head
    assert without == 8 * 6 + 2 * (12 * 36 + 13 * 6) + 12


def test_padding_does_not_count(rng):
    o = torch.tensor(rng.normal(size=(2, 3, 5)))
    y = torch.tensor([[1, 2, -1], [4, -1, -1]])
    expected = F.cross_entropy(o[[0, 0, 1], [0, 1, 0]], torch.tensor([1, 2, 4]))
    assert_close(next_token_loss(o, y), expected)


def test_token_0_counts_as_a_target():
    o, y = torch.tensor([[[0.0, 1.0]]]), torch.tensor([[0]])
    assert_close(next_token_loss(o, y).item(), np.log1p(np.e), rtol=1e-6)


def test_refused():
    model, logits = small(), torch.zeros(4)
    names = ("vocabulary", "context", "width", "heads", "layers")
    for name in names:
        sizes = {**dict.fromkeys(names, 4), "heads": 2}
        for wrong in (0, -1, 1.5, True):
            with pytest.raises((ValueError, TypeError), match=name):
                GPT(**{**sizes, name: wrong})
    with pytest.raises(ValueError, match="3 heads for 4"):
        GPT(4, 4, 4, 3, 1)
    with pytest.raises(ValueError, match="holds 8 tokens, got 9 after 0"):
        model(drawn(1, 9))
    cache = []
    model(drawn(1, 7), cache)
    with pytest.raises(ValueError, match="holds 8 tokens, got 2 after 7"):
        model(drawn(1, 2), cache)
    assert cache[0][0].shape[2] == 7
    with pytest.raises(ValueError, match="got 3 and 7"):
        generate(model, drawn(1, 3), 7)
    assert generate(model, drawn(1, 3), 6).shape == (1, 9)
    with pytest.raises(ValueError, match="got 0 and 1"):
        generate(model, drawn(1, 0), 1)
    with pytest.raises(ValueError, match="got 1 and -1"):
        generate(model, drawn(1, 1), -1)
    with pytest.raises(ValueError, match="1 target that counts"):
        next_token_loss(torch.zeros(1, 1, 2), torch.tensor([[-1]]))
    for wrong in (-0.1, inf, nan):
        with pytest.raises(ValueError, match=f"temperature .* got {wrong}"):
            next_token_distribution(logits, wrong)
    for wrong in (0, -1, True):
        with pytest.raises(ValueError, match=f"top_k .* got {wrong}"):
            next_token_distribution(logits, top_k=wrong)
    for wrong in (0.0, -0.5, 1.1, nan):
        with pytest.raises(ValueError, match=f"top_p .* got {wrong}"):
            next_token_distribution(logits, top_p=wrong)
    for wrong in ([nan, 0.0], [inf, 0.0], [-inf, -inf]):
        with pytest.raises(ValueError, match="must be finite"):
            next_token_distribution(torch.tensor(wrong))
        with pytest.raises(ValueError, match="must be finite"):
            next_token_distribution(torch.tensor([[0.0, 0.0], wrong]))
    with pytest.raises(ValueError, match="needs 1 logit"):
        next_token_distribution(torch.zeros(2, 0))


@pytest.mark.usefixtures("unchecked")
def test_refused_without_shape_checks():
    with pytest.raises(ValueError, match=r"top_k .* got 1.5"):
        next_token_distribution(torch.zeros(3), top_k=1.5)
    with pytest.raises(ValueError, match=r"needs 1 logit, got shape \(\)"):
        next_token_distribution(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"width .* got 1.5"):
        GPT(4, 4, 1.5, 1, 1)


# The text of the experiment, and what the page says of its results.


def test_stories_as_tokens():
    data = read(("en", "ko"))
    assert data.train.shape == (640, 36)
    assert data.held_out.shape == (128, 36)
    written = [
        text(data.words, row[1:])
        for row in (*data.train[:320], *data.held_out[:64])
    ]
    assert written == [" ".join(story) for story in stories("en")]
    x, y = inputs_and_targets(torch.tensor([[1, 5, 0, 0, 0]]))
    assert x.tolist() == [[1, 5, 0, 0]]
    assert y.tolist() == [[5, 0, -1, -1]]


def test_numbers_of_the_page():
    numbers = json.loads(RESULT.read_text("utf-8"))["numbers"]
    assert numbers["words"] == 157
    assert numbers["parameters"] == 112_384
    train, held_out = (
        np.array(numbers[name]) for name in ("train", "held_out")
    )
    assert train.shape == held_out.shape == (3, 13)
    assert numbers["step"][::6] == [0, 240, 480]
    mean = train.mean(0)
    assert abs(mean[0] - 144) < 0.5
    assert abs(mean[2] - 18) < 0.5
    assert abs(mean[6] - 7.6) < 0.05
    assert ((train[:, -1] > 5.95) & (train[:, -1] < 6.05)).all()
    assert ((held_out[:, -1] > 6.05) & (held_out[:, -1] < 6.2)).all()
    assert (held_out > log(384)).all()
    right, ko = (numbers["right"][language] for language in ("en", "ko"))
    assert right == [200, 200, 193, 71, 1]
    assert ko == sorted(ko, reverse=True)
    assert ko[0] == 200
    data = read(("en", "ko"))
    tokens = (data.train > 0).sum() + (data.held_out > 0).sum()
    assert abs(tokens / 768 * log(157) - 143.5) < 0.05
    assert abs(tokens / 768 - 28.4) < 0.1


def test_the_figure_chooses_as_the_module():
    """It is drawn without PyTorch."""
    logits = torch.tensor(LOGITS)
    for setting in (
        {},
        {"temperature": 0.5},
        {"temperature": 2},
        {"top_k": 3},
        {"top_p": 0.7},
        {"temperature": 2, "top_p": 0.7},
    ):
        p = next_token_distribution(logits, **setting)
        assert_close(_choose(**setting), p)
