import json
from math import erf, exp, log, sqrt, tanh
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from torch import nn

from experiments.transformers.bert import (
    best_of_one_kind,
    commonest,
    kind,
    pretrain,
)
from reference._corpus import stories
from reference.convolution.alexnet import count_parameters
from reference.transformers.bert import (
    IGNORE,
    SPECIAL,
    Bert,
    PretrainingHeads,
    bert_base,
    mask_tokens,
    pack,
    pretraining_loss,
    sentence_pairs,
    wordpiece,
)
from tests.checks import assert_close, to_numpy
from tests.convolution.networks import normal, stirred

RESULT = Path(__file__).parents[2] / "experiments/transformers/bert.json"
TOKENS = torch.tensor([[2, 6, 7, 3, 8, 3], [2, 9, 3, 6, 3, 0]])
SEGMENTS = torch.tensor([[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0]])
REAL = TOKENS > 0


def small(seed=3, layers=2):
    """Return a network and heads with parameters of any size, in float64."""
    bert = stirred(Bert(10, 8, width=6, heads=3, layers=layers), seed).eval()
    heads = stirred(PretrainingHeads(bert.token), seed + 1)
    return bert, heads


def normalized(x, layer):
    """Return the layer normalization of one row, by plain loops."""
    mean = sum(x) / len(x)
    deviation = sqrt(sum((a - mean) ** 2 for a in x) / len(x) + layer.eps)
    gamma, beta = map(to_numpy, layer.parameters())
    return [
        g * (a - mean) / deviation + b
        for a, g, b in zip(x, gamma, beta, strict=True)
    ]


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""x_t = \operatorname{LN}(e_{w_t} + p_t + s_{g_t})"""
    bert, _ = small()
    e, p, s = (
        to_numpy(table.weight)
        for table in (bert.token, bert.position, bert.segment)
    )
    expected = np.empty((2, 6, 6))
    for n, t in np.ndindex(2, 6):
        w, g = TOKENS[n, t], SEGMENTS[n, t]
        row = [e[w, i] + p[t, i] + s[g, i] for i in range(6)]
        expected[n, t] = normalized(row, bert.norm)
    assert_close(bert.embed(TOKENS, SEGMENTS), expected)


def test_eq_2():
    r"""c_e = \tanh \Big( b_e + \sum_{d=1}^{E} w_{de} h_{1d} \Big)"""
    bert, _ = small()
    x, pooled = bert(TOKENS, SEGMENTS, REAL)
    w, b = to_numpy(bert.pooler.weight).T, to_numpy(bert.pooler.bias)
    expected = np.empty((2, 6))
    for n, e in np.ndindex(2, 6):
        total = sum(w[d, e] * x[n, 0, d].item() for d in range(6))
        expected[n, e] = tanh(b[e] + total)
    assert_close(pooled, expected)


def test_eq_3():
    r"""\tilde{w}_t = \begin{cases}
    w_t & \text{if } u_t \ge r \text{ or } w_t \text{ is special} \\
    m & \text{else if } v_t < 0.8 \\
    z_t & \text{else if } v_t < 0.9 \\
    w_t & \text{else}
    \end{cases}"""
    w = torch.tensor(np.random.default_rng(1).integers(12, size=(30, 20)))
    inputs, targets = mask_tokens(
        w, 4, 12, range(5), np.random.default_rng(2), rate=0.4
    )
    rng = np.random.default_rng(2)
    u, v = rng.random((30, 20)), rng.random((30, 20))
    z = rng.integers(12, size=(30, 20))
    cases = set()
    for i in np.ndindex(30, 20):
        if u[i] >= 0.4 or w[i] < 5:
            case, expected = 0, w[i]
        elif v[i] < 0.8:
            case, expected = 1, 4
        elif v[i] < 0.9:
            case, expected = 2, z[i]
        else:
            case, expected = 3, w[i]
        cases.add(case)
        assert inputs[i] == expected
        assert targets[i] == (w[i] if case else IGNORE)
    assert cases == {0, 1, 2, 3}


def test_eq_4():
    r"""o_{tv} = b^V_v + \sum_{i=1}^{E} k_{ti} \, e_{vi}"""
    bert, heads = small()
    x = normal(1, 2, 6)
    dense, e = to_numpy(heads.dense.weight), to_numpy(bert.token.weight)
    bias, b = to_numpy(heads.dense.bias), to_numpy(heads.bias)
    expected = np.empty((1, 2, 10))
    for t in range(2):
        a = [
            bias[i] + sum(dense[i, d] * x[0, t, d].item() for d in range(6))
            for i in range(6)
        ]
        k = normalized([y * (1 + erf(y / sqrt(2))) / 2 for y in a], heads.norm)
        for v in range(10):
            expected[0, t, v] = b[v] + sum(k[i] * e[v, i] for i in range(6))
    pooled = normal(1, 6)
    logits, pair = heads(x, pooled)
    assert_close(logits, expected)
    assert_close(pair, heads.pair(pooled))


def test_eq_5():
    r"""\begin{aligned} L = {}
    & \frac{1}{\lvert S \rvert} \sum_{(n, t) \in S} -\log \pi_{nt w_{nt}} \\
    & + \frac{1}{N} \sum_{n=1}^{N} -\log \rho_{n y_n} \end{aligned}"""
    o, q = normal(3, 4, 5), normal(3, 2, seed=1)
    targets = torch.full((3, 4), IGNORE)
    targets[0, 1], targets[0, 3], targets[2, 2] = 4, 0, 2
    y = torch.tensor([0, 1, 1])
    hidden, count, follows = 0.0, 0, 0.0
    for n in range(3):
        for t in range(4):
            if targets[n, t] != IGNORE:
                total = sum(exp(o[n, t, v]) for v in range(5))
                hidden -= log(exp(o[n, t, targets[n, t]]) / total)
                count += 1
        follows -= log(exp(q[n, y[n]]) / (exp(q[n, 0]) + exp(q[n, 1])))
    assert_close(
        pretraining_loss(o, targets, q, y), hidden / count + follows / 3
    )


# The same as everybody else's: published counts, torch.nn, binomial law.


def test_parameters_are_the_published_ones():
    """109,482,240 are those of bert-base-uncased, 110,106,428 with heads."""
    with torch.device("meta"):
        bert = bert_base()
        heads = PretrainingHeads(bert.token)
    tables = 30522 * 768 + 512 * 768 + 2 * 768 + 2 * 768
    block = 12 * 768**2 + 13 * 768
    assert count_parameters(bert) == tables + 12 * block + 768**2 + 768
    assert count_parameters(bert) == 109_482_240
    both = count_parameters(nn.ModuleList([bert, heads]))
    assert both == 110_106_428
    dropouts = [m.p for m in bert.modules() if isinstance(m, nn.Dropout)]
    assert set(dropouts) == {0.1}
    assert {b.attention.dropout for b in bert.blocks} == {0.1}
    assert {b.attention.heads for b in bert.blocks} == {12}


@pytest.mark.filterwarnings("ignore:.*nested:UserWarning")
def test_trunk_is_the_encoder_of_torch():
    """Post-norm, GELU, eps 1e-12, padding hidden; forward and gradients."""
    bert, _ = small()
    layer = nn.TransformerEncoderLayer(
        6, 3, 24, 0.0, "gelu", 1e-12, batch_first=True, dtype=torch.float64
    )
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    for theirs, ours in zip(encoder.layers, bert.blocks, strict=True):
        a, f = ours.attention, ours.feed_forward
        parts = (a.query, a.key, a.value)
        state = {
            "self_attn.in_proj_weight": torch.cat([p.weight for p in parts]),
            "self_attn.in_proj_bias": torch.cat([p.bias for p in parts]),
        }
        for name, part in (
            ("self_attn.out_proj", a.output),
            ("linear1", f.up),
            ("linear2", f.down),
            ("norm1", ours.norm_1),
            ("norm2", ours.norm_2),
        ):
            state[f"{name}.weight"] = part.weight
            state[f"{name}.bias"] = part.bias
        theirs.load_state_dict(state)
    start = F.layer_norm(
        F.embedding(TOKENS, bert.token.weight)
        + F.embedding(SEGMENTS, bert.segment.weight)
        + bert.position.weight[None, :6],
        (6,),
        bert.norm.weight,
        bert.norm.bias,
        1e-12,
    )
    expected = encoder(start, src_key_padding_mask=~REAL)
    actual, _ = bert(TOKENS, SEGMENTS, REAL)
    assert_close(actual[REAL], expected[REAL])
    tables = [t.weight for t in (bert.token, bert.position, bert.segment)]
    dy = normal(2, 6, 6) * REAL[..., None]
    for a, b in zip(
        torch.autograd.grad(actual, tables, dy),
        torch.autograd.grad(expected, tables, dy),
        strict=True,
    ):
        assert_close(a, b, rtol=1e-8)


def test_every_normalization_has_the_eps_of_the_paper():
    bert, heads = small()
    modules = [*bert.modules(), *heads.modules()]
    eps = [m.eps for m in modules if isinstance(m, nn.LayerNorm)]
    assert eps == [1e-12] * 6


@pytest.mark.parametrize(
    ("options", "rate"), [({}, 0.15), ({"rate": 0.4}, 0.4)]
)
def test_masking_rates_are_within_exact_intervals(options, rate):
    """Each count lies where its binomial law puts all but 1 in a million."""
    tokens = torch.full((100, 1000), 7)
    tokens[:, 0], tokens[:, -1] = 2, 0
    x, y = mask_tokens(
        tokens, 4, 1000, range(5), np.random.default_rng(0), **options
    )
    selected = y != IGNORE
    assert not selected[:, [0, -1]].any()
    assert torch.equal(x[~selected], tokens[~selected])
    shown, n = x[selected], int(selected.sum())
    for count, total, p in (
        (n, 99_800, rate),
        ((shown == 4).sum(), n, 0.8 + 0.1 / 1000),
        ((shown == 7).sum(), n, 0.1 + 0.1 / 1000),
        (((shown != 4) & (shown != 7)).sum(), n, 0.1 * 998 / 1000),
    ):
        low, high = binom.interval(1 - 1e-6, total, p)
        assert low <= count <= high
    others = shown[(shown != 4) & (shown != 7)]
    assert others.min() < 20
    assert others.max() > 979


def pieces_by_loop(word, vocabulary):
    """Return the pieces of a word, by shortening what is tried."""
    pieces = []
    rest = word
    while rest:
        piece = rest if not pieces else "##" + rest
        while piece not in vocabulary:
            piece = piece[:-1]
            if piece in ("", "##"):
                return ["[UNK]"]
        pieces.append(piece)
        rest = rest[len(piece.removeprefix("##")) :]
    return pieces


@settings(max_examples=25)
@given(
    st.text("ab", max_size=8),
    st.sets(st.text("ab", min_size=1, max_size=3)),
    st.sets(st.text("ab", min_size=1, max_size=3)),
)
def test_wordpiece_by_a_loop(word, first, later):
    vocabulary = first | {f"##{piece}" for piece in later}
    pieces = wordpiece(word, vocabulary)
    assert pieces == pieces_by_loop(word, vocabulary)
    if pieces != ["[UNK]"]:
        assert "".join(p.removeprefix("##") for p in pieces) == word


# The gradient.


def test_gradient_of_the_loss():
    """Zero at every token without a target; finite differences elsewhere."""
    o = normal(2, 3, 4).requires_grad_()
    q = normal(2, 2, seed=1).requires_grad_()
    targets = torch.tensor([[IGNORE, 2, IGNORE], [0, IGNORE, IGNORE]])
    y = torch.tensor([1, 0])
    pretraining_loss(o, targets, q, y).backward()
    assert torch.equal((o.grad != 0).any(-1), targets != IGNORE)
    assert torch.autograd.gradcheck(
        lambda a, b: pretraining_loss(a, targets, b, y), (o, q)
    )


def test_embedding_learns_from_both_ends():
    """Tied weights: the heads change rows of tokens that are not read."""
    bert, heads = small()
    logits, _ = heads(*bert(TOKENS, SEGMENTS, REAL))
    assert heads.weight is bert.token.weight
    logits.logsumexp(-1).sum().backward()
    assert (bert.token.weight.grad[[1, 4, 5]] != 0).any(-1).all()


# What the page promises: invariances, limits, pitfalls, refused inputs.


def test_padding_changes_nothing():
    bert, _ = small()
    x, pooled = bert(TOKENS, SEGMENTS, REAL)
    cut = [a[1:, :5] for a in (TOKENS, SEGMENTS, REAL)]
    y, pooled_cut = bert(*cut)
    assert_close(x[1:, :5], y)
    assert_close(pooled[1:], pooled_cut)
    other = TOKENS.masked_fill(~REAL, 9)
    assert torch.equal(bert(other, SEGMENTS, REAL)[1], pooled)


def test_every_token_sees_every_real_token():
    """Encoder only: no causal mask; position, segment and token all count."""
    bert, _ = small()
    seen = []
    bert.norm.register_forward_hook(lambda _, __, y: seen.append(y))
    x, _ = bert(TOKENS, SEGMENTS, REAL)
    for t in range(5):
        (g,) = torch.autograd.grad(x[1, t].sum(), seen[0], retain_graph=True)
        assert torch.equal((g[1] != 0).any(-1), REAL[1])
        assert not g[0].any()
    swapped = TOKENS[:, [0, 2, 1, 3, 4, 5]]
    for tokens, segments in ((swapped, SEGMENTS), (TOKENS, 1 - SEGMENTS)):
        y, _ = bert(tokens, segments, REAL)
        assert ((x - y).abs().amax(-1)[REAL] > 1e-6).all()


def test_initial_weights():
    """Deviation 0.02, biases 0; both losses are at chance."""
    torch.manual_seed(0)
    bert = Bert(200, 16, width=32, heads=4, layers=1)
    heads = PretrainingHeads(bert.token)
    matrices = torch.cat(
        [p.flatten() for p in bert.parameters() if p.ndim == 2]
    )
    assert 0.0195 < matrices.std() < 0.0205
    assert matrices.abs().max() < 0.12
    assert 0.018 < heads.dense.weight.std() < 0.022
    assert heads.pair.weight.abs().max() < 0.1
    for layer in (*bert.modules(), *heads.modules()):
        if isinstance(layer, nn.Linear):
            assert not layer.bias.any()
    logits, pair = heads(*bert(TOKENS, SEGMENTS, REAL))
    targets = torch.where(REAL, TOKENS, IGNORE)
    loss = pretraining_loss(logits, targets, pair, torch.tensor([0, 1]))
    assert abs(loss.item() / (log(200) + log(2)) - 1) < 0.05


def test_dropout_is_on_the_embeddings_too():
    bert = Bert(10, 8, width=6, heads=3, layers=1, dropout=0.5)
    found = []
    bert.blocks[0].register_forward_pre_hook(lambda _, x: found.append(x[0]))
    torch.manual_seed(0)
    bert(TOKENS, SEGMENTS, REAL)
    assert (found[0] == 0).any()
    assert [b.dropout.p for b in bert.blocks] == [0.5]
    assert Bert(10, 8, width=6, heads=3, layers=1).dropout.p == 0


def test_packing():
    words = ["the", "prince", "##ss", "she", "sings"]
    vocabulary = {t: i for i, t in enumerate([*SPECIAL, *words])}
    pairs = [("the princess", "she sings"), ("she flies", None)]
    packed = pack(pairs, vocabulary, 9)
    assert packed.tokens.tolist() == [
        [2, 5, 6, 7, 3, 8, 9, 3, 0],
        [2, 8, 1, 3, 0, 0, 0, 0, 0],
    ]
    assert packed.segments.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1, 0], [0] * 9]
    assert torch.equal(packed.real, packed.tokens > 0)
    assert torch.equal(pack(pairs, vocabulary).tokens, packed.tokens[:, :8])
    with pytest.raises(ValueError, match="length must be 8 or more, got 7"):
        pack(pairs, vocabulary, 7)
    with pytest.raises(ValueError, match=r"got 1 pairs and .* \['\[MASK\]'\]"):
        pack(pairs[:1], dict.fromkeys(SPECIAL[:-1], 0))
    with pytest.raises(ValueError, match="got 0 pairs"):
        pack([], vocabulary)


def test_sentence_pairs():
    """Half are neighbours, by the exact interval; none is of the same story."""
    told = [[f"{n} {k}" for k in range(4)] for n in range(2000)]
    pairs = sentence_pairs(told, np.random.default_rng(0))
    firsts = [a for story in told for a in story[:-1]]
    assert [a for a, _, _ in pairs] == firsts
    kinds = set()
    for a, b, label in pairs:
        (n, k), (m, j) = (map(int, text.split()) for text in (a, b))
        assert label == (n != m)
        assert label or j == k + 1
        if label:
            kinds.add(((m - n) % 2000 < 1000, j))
    assert len(kinds) == 8
    labels = sum(label for _, _, label in pairs)
    low, high = binom.interval(1 - 1e-6, len(pairs), 0.5)
    assert low <= labels <= high
    for few in ([["a", "b"]], [["a"], []]):
        with pytest.raises(ValueError, match="needs 2 stories or more"):
            sentence_pairs(few, np.random.default_rng(0))


def test_limits_of_the_rate(rng):
    x, y = mask_tokens(TOKENS, 4, 10, [0, 2, 3], rng, rate=0.0)
    assert torch.equal(x, TOKENS)
    assert (y == IGNORE).all()
    _, y = mask_tokens(TOKENS, 4, 10, [0, 2, 3], rng, rate=1.0)
    assert torch.equal(y != IGNORE, TOKENS > 5)
    for rate in (-0.1, 1.1, 15.0, float("nan")):
        with pytest.raises(ValueError, match=rf"in \[0, 1\], got {rate}"):
            mask_tokens(TOKENS, 4, 10, [0], rng, rate)
    for wrong in (-1, 10):
        with pytest.raises(ValueError, match=f"from 0 to 9, got {wrong}"):
            mask_tokens(TOKENS, wrong, 10, [0], rng)


def test_without_a_target_only_the_pair_counts():
    pair, labels = normal(2, 2), torch.tensor([0, 1])
    loss = pretraining_loss(
        normal(2, 3, 4), torch.full((2, 3), IGNORE), pair, labels
    )
    assert_close(loss, F.cross_entropy(pair, labels))


@pytest.mark.usefixtures("unchecked")
def test_refused_targets():
    """Transposed targets have as many entries as needed."""
    targets, pair = torch.ones(3, 2, dtype=torch.int64), normal(2, 2)
    with pytest.raises(ValueError, match=r"got \(2, 3, 4\) and \(3, 2\)"):
        pretraining_loss(normal(2, 3, 4), targets, pair, torch.tensor([0, 1]))


@pytest.mark.usefixtures("unchecked")
def test_refused_sizes():
    good = {"vocabulary": 10, "positions": 8, "width": 4, "heads": 2}
    for name in (*good, "layers"):
        for wrong in (0, 1.0, True):
            with pytest.raises(ValueError, match=f"{name} must be an int"):
                Bert(**{**good, "layers": 1, name: wrong})
    with pytest.raises(ValueError, match="heads must divide width"):
        Bert(10, 8, width=4, heads=3, layers=1)
    with pytest.raises(ValueError, match="dropout"):
        Bert(**good, layers=1, dropout=1.0)
    bert = Bert(**good, layers=1)
    full = torch.zeros(1, 8, dtype=torch.int64)
    assert bert(full, full, full == 0)[0].shape == (1, 8, 4)
    for t in (0, 9):
        tokens = torch.zeros(1, t, dtype=torch.int64)
        with pytest.raises(ValueError, match=f"1 to 8 tokens .* got {t}"):
            bert(tokens, tokens, tokens == 0)
    with pytest.raises(ValueError, match="a row without True"):
        bert(TOKENS, SEGMENTS, REAL & (TOKENS > 9))


# Training: both tasks at once, and what the experiment measured.


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread", "unchecked")
def test_learns_both_tasks_at_once():
    """Seeds 0 to 4 of the experiment are at 0.64 and 0.86 or above by then."""
    _, _, [start, end] = pretrain(5, 200)
    assert start[1] < 0.1
    assert end[1] > 0.5
    assert end[2] > 0.75


def test_what_the_experiment_measured():
    """What the captions and the text of the page say."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    held_out = stories("en")[-64:]
    assert numbers["commonest"] == round(commonest(held_out), 4)
    assert 0.11 < numbers["commonest"] < 0.13
    runs = np.array(numbers["pretraining"])
    assert runs.shape == (5, 11, 3)
    assert runs[0, [0, 1, -1], 0].tolist() == [0, 40, 400]
    last = runs[:, -1]
    assert 0.69 < last[:, 1].min() < last[:, 1].max() < 0.76
    assert 0.85 < last[:, 2].min() < runs[:, :, 2].max() < 0.89
    assert max(numbers["of_kind"]) < 0.05
    one_kind = np.array(numbers["one_kind"])
    assert one_kind.shape == (2, 13, 3)
    assert one_kind[0, [0, 1, -1], 0].tolist() == [0, 200, 2400]
    assert one_kind[:, :7, 2].max() < 0.56
    assert (one_kind[:, -1, 1] > 0.86).all()
    assert 0.62 < one_kind[:, -1, 2].min() < one_kind[:, -1, 2].max() < 0.7
    assert numbers["best_of_one_kind"] == round(best_of_one_kind(held_out), 4)
    assert 0.92 < numbers["best_of_one_kind"] < 0.95
    means = {
        name: np.mean([right for _, right in found])
        for name, found in numbers["fine_tuning"].items()
    }
    assert {len(found) for found in numbers["fine_tuning"].values()} == {5}
    assert means["gender, 32, pre-trained"] == means["gender, 32, new"] == 1
    assert means["role, 32, pre-trained"] > means["role, 32, new"] + 0.05
    for task in ("gender", "role"):
        gain = means[f"{task}, 8, pre-trained"] - means[f"{task}, 8, new"]
        assert -0.1 < gain < 0


def test_the_shortcut_is_worth_seven_eighths():
    """Asking only whether the kinds of sentences follow each other."""
    pairs = sentence_pairs(stories("en") * 4, np.random.default_rng(0))
    right = [label == (kind(b) != kind(a) + 1) for a, b, label in pairs]
    low, high = binom.interval(1 - 1e-6, len(pairs), 7 / 8)
    assert low <= sum(right) <= high
