import itertools
import json
import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from reference.sequences.seq2seq import (
    EOS,
    PAD,
    SOS,
    Decoder,
    Encoder,
    Seq2Seq,
    beam_search,
    date_pairs,
    decode,
    encode,
    greedy,
    masked_cross_entropy,
    shift_right,
    train,
    vocabulary,
)
from tests.checks import assert_close
from tests.dates import learn_dates


def small(seed=0):
    """Return a small model in float64: 6 source and 7 target tokens."""
    torch.manual_seed(seed)
    return Seq2Seq(6, 7, embedding=3, hidden=4).double()


SOURCE = torch.tensor([[3, 5, 4, 2], [4, 2, 0, 0], [5, 3, 2, 0]])
TARGET = torch.tensor([[6, 3, 2, 0, 0], [4, 4, 5, 3, 2], [2, 0, 0, 0, 0]])


def gru(rnn, x, h):
    """Return the next state of one GRU, with plain loops."""
    hidden = len(h)
    w_x, w_h = rnn.weight_ih_l0.tolist(), rnn.weight_hh_l0.tolist()
    b_x, b_h = rnn.bias_ih_l0.tolist(), rnn.bias_hh_l0.tolist()

    def of_x(i):
        return b_x[i] + sum(w_x[i][j] * x[j] for j in range(len(x)))

    def of_h(i):
        return b_h[i] + sum(w_h[i][j] * h[j] for j in range(hidden))

    new = []
    for i in range(hidden):
        r = 1 / (1 + math.exp(-of_x(i) - of_h(i)))
        z = 1 / (1 + math.exp(-of_x(hidden + i) - of_h(hidden + i)))
        n = math.tanh(of_x(2 * hidden + i) + r * of_h(2 * hidden + i))
        new.append((1 - z) * n + z * h[i])
    return new


def walk(part, tokens, h, c=()):
    """Return all states of a GRU that reads the embedded tokens, and c."""
    states = []
    for token in tokens:
        x = [*part.embedding.weight[token].tolist(), *c]
        h = gru(part.rnn, x, h)
        states.append(h)
    return states


def chances(seed, v=4):
    """Return a process: each prefix has its own probabilities of v tokens."""

    def next_log_p(prefix):
        rows = []
        for row in prefix.tolist():
            rng = np.random.default_rng([seed, *row])
            rows.append(2 * rng.normal(size=v))
        return torch.tensor(np.array(rows)).log_softmax(dim=-1)

    return next_log_p


def tree(after_a=(0.4, 0.35, 0.25), after_b=(0.9, 0.05, 0.05)):
    """Return the example of the page: tokens 3 and 4 are a and b."""
    table = {
        (SOS,): (0.1, 0.5, 0.4),
        (SOS, 3): after_a,
        (SOS, 4): after_b,
    }

    def next_log_p(prefix):
        rows = [
            (0.0, 0.0, *table.get(tuple(row), (1.0, 0.0, 0.0)))
            for row in prefix.tolist()
        ]
        return torch.tensor(rows, dtype=torch.float64).log()

    return next_log_p


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""\begin{aligned} h_j &= \text{GRU}(x_j, h_{j-1}) \\
    h_0 &= 0, \qquad c = h_S \end{aligned}"""
    encoder = small().encoder
    states, last = encoder(SOURCE)
    for n, length in enumerate((4, 2, 3)):
        expected = walk(encoder, SOURCE[n, :length].tolist(), [0.0] * 4)
        assert_close(states[n, :length], expected)
        assert_close(last[n], expected[-1])


def test_eq_2():
    r"""(u_1, u_2, \dots, u_T) = (\text{SOS}, y_1, \dots, y_{T-1})"""
    u = shift_right(TARGET)
    for n in range(3):
        assert u[n, 0] == SOS
        for t in range(1, 5):
            assert u[n, t] == TARGET[n, t - 1]
    assert u.dtype == torch.int64


def test_eq_3():
    r"""\begin{aligned} s_t &= \text{GRU}([u_t, c], s_{t-1}) \\
    s_0 &= c, \qquad o_t = s_t W + b \end{aligned}"""
    model = small()
    u = shift_right(TARGET)
    w, b = model.decoder.output.weight.T, model.decoder.output.bias
    for n, length in enumerate((4, 2, 3)):
        c = walk(model.encoder, SOURCE[n, :length].tolist(), [0.0] * 4)[-1]
        for t, s in enumerate(walk(model.decoder, u[n].tolist(), c, c)):
            expected = [
                b[v].item() + sum(s[i] * w[i, v].item() for i in range(4))
                for v in range(7)
            ]
            assert_close(model(SOURCE, u)[n, t], expected)


def test_eq_4(rng, device):
    r"""L = -\frac{1}{M} \sum_{n=1}^{N} \sum_{t=1}^{T_n}
    \log p(y_{nt} \mid y_{n,<t}, x_n)"""
    o = rng.normal(size=(3, 5, 7))
    expected, m = 0.0, 0
    for n, length in enumerate((3, 5, 1)):
        for t in range(length):
            total = sum(math.exp(o[n, t, v]) for v in range(7))
            expected -= math.log(math.exp(o[n, t, TARGET[n, t]]) / total)
            m += 1
    loss = masked_cross_entropy(
        torch.tensor(o, device=device), TARGET.to(device)
    )
    assert_close(loss, expected / m)


def test_eq_5():
    r"""\hat{y}_t = \argmax_v \; p(v \mid \hat{y}_{<t}, x)"""
    lengths = set()
    for seed in range(8):
        process, row = chances(seed), [SOS]
        for _ in range(5):
            log_p = process(torch.tensor([row]))[0].tolist()
            best = max(range(4), key=lambda v: log_p[v])
            row.append(PAD if EOS in row else best)
        assert greedy(process, 1, 5).tolist() == [row[1:]]
        lengths.add(row.index(EOS) if EOS in row else 6)
    assert len(lengths) > 2


def test_eq_6():
    r"""\begin{aligned}
    & \log p(y_1, \dots, y_t \mid x) \\
    & = \log p(y_1, \dots, y_{t-1} \mid x) \\
    & \quad + \log p(y_t \mid y_{<t}, x)
    \end{aligned}"""
    for seed in range(8):
        process = chances(seed)
        tokens, log_p = beam_search(process, 2, 5)
        expected, row = 0.0, [SOS]
        for token in tokens.tolist():
            if row[-1] == EOS:
                break
            expected += process(torch.tensor([row]))[0, token].item()
            row.append(token)
        assert_close(log_p, expected)


# The same as everybody else's.


def test_the_dates_are_those_of_the_calendar():
    days = set()
    for english, korean in date_pairs(4000, 5):
        assert {len(t) for t in english[2:]} == {1}
        assert all(len(t) == 1 or t == "요일" for t in korean)
        numbers = "".join(english[2:])
        day = datetime.strptime(
            f"{numbers[:-4]} {english[1]} {numbers[-4:]}", "%d %B %Y"
        )
        weekday = "월화수목금토일"[day.weekday()]
        assert english[0] == f"{day:%A}".lower()
        assert "".join(korean) == (
            f"{day.year}년{day.month}월{day.day}일{weekday}요일"
        )
        days.add(day)
    assert len(days) == 4000
    assert {day.year for day in days} == set(range(1900, 2100))


def test_the_seed_decides_the_dates():
    assert date_pairs(5, 1) == date_pairs(5, 1) != date_pairs(5, 2)
    assert date_pairs(300, 0)[:5] != date_pairs(300, 1)[:5]


def test_the_loss_is_that_of_torch(rng):
    logits = torch.tensor(30 * rng.normal(size=(3, 5, 7)), requires_grad=True)
    loss = masked_cross_entropy(logits, TARGET)
    expected = F.cross_entropy(
        logits.flatten(0, 1), TARGET.flatten(), ignore_index=PAD
    )
    assert_close(loss, expected)
    assert_close(
        *(torch.autograd.grad(value, logits)[0] for value in (loss, expected))
    )


def test_the_state_is_that_of_a_packed_sequence():
    encoder = small().encoder
    packed = nn.utils.rnn.pack_padded_sequence(
        encoder.embedding(SOURCE),
        torch.tensor([4, 2, 3]),
        batch_first=True,
        enforce_sorted=False,
    )
    _, expected = encoder.rnn(packed)
    assert_close(encoder(SOURCE)[1], expected[0])


def everything(process, max_length, v=4):
    """Return the most probable sequence of all, and its log probability."""
    found = {}
    for row in itertools.product(range(v), repeat=max_length):
        end = row.index(EOS) + 1 if EOS in row else max_length
        cut, log_p = row[:end], 0.0
        for t, token in enumerate(cut):
            prefix = torch.tensor([[SOS, *cut[:t]]])
            log_p += process(prefix)[0, token].item()
        found[cut + (PAD,) * (max_length - end)] = log_p
    return max(found.items(), key=lambda pair: pair[1])


@pytest.mark.parametrize(
    ("seed", "length"), [*((seed, 3) for seed in range(6)), (95, 4)]
)
def test_a_beam_of_all_prefixes_finds_what_exhaustive_search_finds(
    seed, length
):
    """At seed 95 a beam of four, the size of the vocabulary, misses it."""
    row, log_p = everything(chances(seed), length)
    tokens, found = beam_search(chances(seed), 4 ** (length - 1), length)
    assert tuple(tokens.tolist()) == row
    assert_close(found, log_p)


def test_the_tree_of_the_page():
    assert greedy(tree(), 1, 3).tolist() == [[3, 2, 0]]
    assert everything(tree(), 3, 5)[0] == (4, 2, 0)
    for width in (2, 3, 5):
        tokens, log_p = beam_search(tree(), width, 3)
        assert tokens.tolist() == [4, 2, 0]
        assert_close(log_p, math.log(0.36))


# The gradient.


def test_the_gradient_of_the_loss_is_0_at_the_padding(rng):
    """And p minus 1 at the true token, over the number of real tokens."""
    logits = torch.tensor(rng.normal(size=(3, 5, 7)), requires_grad=True)
    masked_cross_entropy(logits, TARGET).backward()
    p = logits.detach().softmax(dim=-1) - F.one_hot(TARGET, 7)
    assert_close(logits.grad, p * (TARGET != PAD)[..., None] / 9)


def test_gradcheck(rng):
    logits = torch.tensor(rng.normal(size=(3, 5, 4)), requires_grad=True)
    target = TARGET.clamp(max=3)
    assert torch.autograd.gradcheck(
        lambda o: masked_cross_entropy(o, target), logits
    )


# What the page promises, and what is refused.


@pytest.mark.parametrize(("more_source", "more_target"), [(3, 0), (0, 4)])
def test_padding_changes_nothing(more_source, more_target, device):
    """Logits, loss and gradients: a mean over the padding would change."""
    results = []
    for extra in ((0, 0), (more_source, more_target)):
        model = small().to(device)
        x, y = (
            F.pad(ids, (0, n), value=PAD).to(device)
            for ids, n in zip((SOURCE, TARGET), extra, strict=True)
        )
        logits = model(x, shift_right(y))
        loss = masked_cross_entropy(logits, y)
        loss.backward()
        gradients = [p.grad for p in model.parameters()]
        results.append((logits[:, :5], loss, *gradients))
    for a, b in zip(*results, strict=True):
        assert_close(a, b)


def test_every_token_counts_the_same():
    """The mean is over tokens, not over the means of sequences."""
    logits = torch.zeros(2, 3, 4)
    logits[0, 0, 3] = 5.0
    target = torch.tensor([[3, 0, 0], [3, 3, 2]])
    first = -math.log(math.exp(5) / (math.exp(5) + 3))
    loss = masked_cross_entropy(logits, target)
    assert_close(loss, np.float32((first + 3 * math.log(4)) / 4), rtol=1e-6)


def test_no_logit_sees_a_later_token():
    model, u = small(), shift_right(TARGET)
    changed = u.clone()
    changed[:, 3] = 6
    before, after = model(SOURCE, u), model(SOURCE, changed)
    assert_close(after[:, :3], before[:, :3])
    assert (after[:, 3] != before[:, 3]).any()


@given(seed=st.integers(0, 10**6), length=st.integers(1, 5))
@settings(max_examples=15)
def test_a_beam_of_width_1_is_greedy(seed, length):
    tokens, log_p = beam_search(chances(seed), 1, length)
    [expected] = greedy(chances(seed), 1, length).tolist()
    assert tokens.tolist() == expected
    assert log_p < 0


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=1),
)
@settings(max_examples=20)
def test_decoding_undoes_encoding(sequences):
    words = vocabulary([*sequences, "abc"])
    ids = encode(sequences, words)
    assert decode(ids, words) == sequences
    assert ids.shape == (len(sequences), 1 + max(map(len, sequences)))
    for row, sequence in zip(ids.tolist(), sequences, strict=True):
        after = [PAD] * (ids.shape[1] - len(sequence) - 1)
        assert row[len(sequence) :] == [EOS, *after]


def test_what_has_no_end_is_decoded_whole():
    words = vocabulary(["ab"])
    assert decode(torch.tensor([[3, 0, 4]]), words) == [["a", "<pad>", "b"]]


def test_a_vocabulary_is_sorted_behind_the_special_tokens():
    words = vocabulary([["b", "년"], ["10", "b"]])
    expected = ["<pad>", "<sos>", "<eos>", "10", "b", "년"]
    assert words == {token: i for i, token in enumerate(expected)}
    assert (PAD, SOS, EOS) == (0, 1, 2)


def test_greedy_goes_on_for_those_that_have_not_ended():
    """Row 0 ends at once, row 1 after three tokens, row 2 never."""
    script = torch.tensor([[2, 3, 3, 3], [3, 3, 2, 3], [3, 3, 3, 3]])

    def next_log_p(prefix):
        t = prefix.shape[1] - 1
        return F.one_hot(script[:, t], 4).double().log()

    expected = [[2, 0, 0, 0], [3, 3, 2, 0], [3, 3, 3, 3]]
    assert greedy(next_log_p, 3, 4).tolist() == expected


def test_greedy_stops_where_all_have_ended():
    calls = []

    def next_log_p(prefix):
        calls.append(prefix)
        return F.one_hot(torch.tensor([2, 2]), 4).double().log()

    assert greedy(next_log_p, 2, 3).tolist() == [[2, 0, 0]] * 2
    assert len(calls) == 1
    assert calls[0].tolist() == [[SOS], [SOS]]


def test_an_ended_beam_keeps_its_probability():
    """It stays in the beam while another one, better so far, goes on."""

    def next_log_p(prefix):
        p = [[0.0, 0.0, 0.4, 0.6], [0.0, 0.0, 0.5, 0.5]]
        t = min(prefix.shape[1] - 1, 1)
        return torch.tensor(p[t]).log().expand(len(prefix), 4)

    tokens, log_p = beam_search(next_log_p, 2, 4)
    assert tokens.tolist() == [2, 0, 0, 0]
    assert_close(log_p, math.log(0.4), rtol=1e-6)


def test_a_search_keeps_no_graph_and_the_models_own_answer_unchanged():
    model = small()
    ask = model.next_log_p(SOURCE[:1])
    kept = []

    def spy(prefix):
        log_p = ask(prefix)
        kept.append((log_p, log_p.clone()))
        return log_p

    greedy(spy, 1, 3)
    beam_search(spy, 3, 3)
    for log_p, before in kept:
        assert not log_p.requires_grad
        assert_close(log_p, before)


def test_next_log_p_is_the_last_step_of_forward():
    model, u = small(), shift_right(TARGET)
    ask = model.next_log_p(SOURCE)
    expected = model(SOURCE, u).log_softmax(dim=-1)
    for t in range(5):
        assert_close(ask(u[:, : t + 1]), expected[:, t])
    one = model.next_log_p(SOURCE[1:2])(u[:, :2])
    again = model(SOURCE[[1, 1, 1]], u[:, :2]).log_softmax(dim=-1)
    assert_close(one, again[:, -1])


@pytest.fixture(scope="module")
def translator():
    """Return the translator of the page, trained."""
    return learn_dates(
        lambda source, target: Seq2Seq(
            source, target, embedding=32, hidden=128
        ),
        pairs=3000,
        held_out=500,
        epochs=5,
        learning_rate=0.005,
        batch_size=32,
    )


def test_it_translates_dates_it_has_never_seen(translator):
    assert not translator.model.training
    losses = translator.losses
    assert losses[-1] < 0.1 < 1 < losses[0]
    assert translator.exact_match() > 0.95


def test_all_right_is_all_right_with_teacher_forcing_too(translator):
    """Greedy is right to the end where no forced prediction is wrong."""
    model, x, y, _ = translator
    found = translator.greedy()
    forced = model(x, shift_right(y)).argmax(dim=-1)
    expected = ((forced == y) | (y == PAD)).all(dim=1)
    assert ((found == y).all(dim=1) == expected).all()


def test_training_is_repeated_by_its_seed():
    def losses(**options):
        model = small()
        return train(model, SOURCE, TARGET, 3, batch_size=2, **options)

    assert losses() == losses(seed=0, learning_rate=0.003) != losses(seed=1)


def test_one_epoch_of_training_is_adam_with_a_falling_rate():
    model, other = small(), small()
    losses = train(model, SOURCE, TARGET, 2, 0.01, batch_size=3)
    adam, expected = torch.optim.Adam(other.parameters(), lr=0.01), []
    for rate in (0.01, 0.005):
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        u = torch.cat((torch.full((3, 1), SOS), TARGET[:, :-1]), dim=1)
        loss = F.cross_entropy(
            other(SOURCE, u).flatten(0, 1), TARGET.flatten(), ignore_index=PAD
        )
        loss.backward()
        squares = sum((p.grad**2).sum() for p in other.parameters())
        for p in other.parameters():
            p.grad *= min(1.0, 1 / squares.sqrt())
        adam.step()
        expected.append(loss.item())
    assert_close(losses, expected, rtol=1e-5)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert_close(p, q, rtol=1e-4, atol=1e-6)


def test_an_epoch_takes_every_batch_and_is_measured_in_evaluation():
    """Also that the last, smaller batch has a learning rate above 0."""
    model, steps, seen = small().eval(), [], []
    bias = model.decoder.output.bias
    model.register_forward_pre_hook(
        lambda model, _: steps.append((model.training, bias.sum().item()))
    )

    def after_epoch():
        seen.append((len(steps), model.training))

    train(model, SOURCE, TARGET, 2, batch_size=2, after_epoch=after_epoch)
    assert seen == [(2, False), (4, False)]
    assert all(training for training, _ in steps)
    assert len({*(value for _, value in steps), bias.sum().item()}) == 5


def test_the_loss_of_an_epoch_is_the_mean_of_its_batches():
    model, expected = small(), []
    order = torch.randperm(3, generator=torch.Generator().manual_seed(0))
    for rows in (order[:2], order[2:]):
        logits = model(SOURCE[rows], shift_right(TARGET[rows]))
        expected.append(masked_cross_entropy(logits, TARGET[rows]).item())
    [loss] = train(model, SOURCE, TARGET, 1, 0.0, batch_size=2)
    assert_close(loss, sum(expected) / 2)


@pytest.mark.parametrize(("examples", "steps"), [(64, 1), (65, 2)])
def test_a_mini_batch_has_64_examples(examples, steps):
    model, sizes = small(), []
    model.register_forward_pre_hook(lambda _, x: sizes.append(len(x[0])))
    rows = torch.zeros(examples, dtype=torch.int64)
    train(model, SOURCE[rows], TARGET[rows], 1)
    assert len(sizes) == steps


@pytest.mark.parametrize("count", [0, -1, 73050])
def test_a_wrong_number_of_days_is_refused(count):
    with pytest.raises(ValueError, match=f"from 1 to 73049 days, got {count}"):
        date_pairs(count, 0)


@pytest.mark.parametrize("name", ["<pad>", "<sos>", "<eos>"])
def test_a_word_named_like_a_special_token_is_refused(name):
    with pytest.raises(ValueError, match="<pad>, <sos>, <eos> are no words"):
        vocabulary([["a", name]])


def test_what_has_no_id_is_refused():
    words = vocabulary(["ab"])
    with pytest.raises(ValueError, match="'c' is no word of the vocabulary"):
        encode(["a", "bc"], words)
    for name in ("<pad>", "<sos>", "<eos>"):
        with pytest.raises(ValueError, match=f"'{name}' is no word of"):
            encode([["a", name]], words)
    with pytest.raises(ValueError, match="to encode, got none"):
        encode([], words)
    for wrong in (-1, 5):
        with pytest.raises(ValueError, match=rf"\[3, {wrong}\] is not in"):
            decode(torch.tensor([[3, wrong, 2]]), words)
    assert decode(torch.tensor([[3, 2, 9]]), words) == [["a"]]


def test_a_target_of_nothing_but_padding_is_refused():
    with pytest.raises(ValueError, match="not PAD, all of its 6 are"):
        masked_cross_entropy(torch.zeros(2, 3, 4), torch.zeros(2, 3).long())


@pytest.mark.parametrize("row", [[0, 0, 0], [3, 0, 2], [0, 3, 2]])
def test_padding_before_a_token_is_refused(row):
    source = torch.tensor([[3, 3, 2], row])
    with pytest.raises(ValueError, match="PAD only behind its tokens, got"):
        Encoder(4, 2, 2)(source)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_sizes_that_are_no_whole_numbers_are_refused(size):
    for place, name in enumerate(("vocabulary", "embedding", "hidden")):
        sizes = [4, 2, 2]
        sizes[place] = size
        message = f"{name} must be an int above 0, got {size!r}"
        for part in (Encoder, Decoder):
            with pytest.raises(ValueError, match=message):
                part(*sizes)


def test_wrong_lengths_and_widths_are_refused():
    process = chances(0)
    for length in (0, -2):
        message = f"max_length must be 1 or more, got {length}"
        with pytest.raises(ValueError, match=message):
            greedy(process, 1, length)
        with pytest.raises(ValueError, match=message):
            beam_search(process, 1, length)
    with pytest.raises(ValueError, match="width must be 1 or more, got 0"):
        beam_search(process, 0, 3)


@pytest.mark.parametrize(
    "row",
    [[0.0, 1.0, 2.0], [-5.0, -5.0, -5.0], [0.2, 0.3, 0.5], [math.nan] * 3],
)
def test_logits_in_place_of_log_probabilities_are_refused(row):
    def logits(prefix):
        return torch.tensor([row]).expand(len(prefix), 3)

    for search in (greedy, beam_search):
        with pytest.raises(ValueError, match="that sum to 1, got sums"):
            search(logits, 1, 3)


@pytest.mark.usefixtures("unchecked")
def test_sources_without_targets_are_refused():
    with pytest.raises(ValueError, match="got 3 sources and 2 targets"):
        train(small(), SOURCE, TARGET[:2], 1)


def test_the_parts_have_the_parameters_of_their_layers():
    def count(part):
        return sum(p.numel() for p in part.parameters())

    def gru(entries):
        return 3 * (entries * 4 + 4 * 4 + 4 + 4)

    assert count(Encoder(6, 3, 4)) == 6 * 3 + gru(3)
    assert count(Decoder(7, 3, 4)) == 7 * 3 + gru(7) + 4 * 7 + 7


def test_what_the_page_says_of_the_experiment():
    path = Path(__file__).parents[2] / "experiments/sequences/seq2seq.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    last = [run["epochs"][-1] for run in numbers["runs"]]
    assert numbers["half"] == 3
    assert all(e["exact"] > 0.9 and e["free_token"] > 0.98 for e in last)
    assert max(max(run) for run in numbers["once_exact"]) < 0.12
    for run in numbers["runs"]:
        third = run["epochs"][2]
        assert third["forced_after_error"] > third["free_after_error"] + 0.1
        assert run["search"]["less_probable"] == 0
    better = [
        r["search"]["beam"] - r["search"]["greedy"] for r in numbers["runs"]
    ]
    assert sum(b > 0 for b in better) == sum(b < 0 for b in better) == 2
