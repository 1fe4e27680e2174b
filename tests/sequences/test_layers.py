"""The model of this part: its equations in a functional form, and training."""

import pytest
import torch
import torch.nn.functional as F

from reference.sequences.layers import AttentionSeq2Seq
from reference.sequences.seq2seq import (
    EOS,
    PAD,
    beam_search,
    greedy,
    masked_cross_entropy,
    shift_right,
)
from tests.checks import assert_close
from tests.dates import learn_dates

SCORES = ["dot", "general", "additive"]
SOURCE = torch.tensor([[3, 5, 4, 2], [4, 2, 0, 0], [5, 3, 2, 0]])
TARGET = torch.tensor([[6, 3, 2, 0, 0], [4, 4, 5, 3, 2], [2, 0, 0, 0, 0]])


def small(score="additive"):
    """Return a small model in float64: 6 source and 7 target tokens."""
    torch.manual_seed(0)
    return AttentionSeq2Seq(6, 7, embedding=3, hidden=4, score=score).double()


@pytest.mark.parametrize("score", SCORES)
def test_it_is_the_papers_table_step_by_step(score):
    model = small(score)
    inputs = shift_right(TARGET)
    logits, weights = model(SOURCE, inputs), model.alignment(SOURCE, inputs)
    for n, row in enumerate(SOURCE):
        length = int((row != PAD).sum())
        read = model.encoder.embedding(row[:length])
        h = model.encoder.rnn(read[None])[0][0]
        s = h[-1:]
        for t, token in enumerate(inputs[n]):
            u = model.embedding(token)[None, None]
            s = model.rnn(u, s.reshape(1, 1, -1))[0][0]
            if score == "dot":
                e = h @ s[0]
            elif score == "general":
                e = h @ model.weights[0].T @ s[0]
            else:
                w_s, w_h, v = model.weights
                e = torch.tanh(s @ w_s + h @ w_h) @ v
            alpha = F.softmax(e, dim=0)
            both = torch.cat((s[0], alpha @ h))
            o = model.output(torch.tanh(model.mix(both)))
            assert_close(logits[n, t], o)
            assert_close(weights[n, t, :length], alpha)
            assert (weights[n, t, length:] == 0).all()


@pytest.mark.parametrize("score", SCORES)
def test_padding_changes_neither_logits_nor_gradients(score):
    def results(source, target):
        model = small(score)
        logits = model(source, shift_right(target))
        loss = masked_cross_entropy(logits, target)
        parameters = list(model.parameters())
        gradients = torch.autograd.grad(loss, parameters)
        return logits[:, : TARGET.shape[1]], loss, *gradients

    more = [F.pad(a, (0, 3), value=PAD) for a in (SOURCE, TARGET)]
    for a, b in zip(results(*more), results(SOURCE, TARGET), strict=True):
        assert_close(a, b)


def test_what_is_written_depends_on_the_prefix_only():
    model, inputs = small(), shift_right(TARGET)
    other = inputs.clone()
    other[:, 3] = 6
    a, b = model(SOURCE, inputs), model(SOURCE, other)
    assert (a[:, :3] == b[:, :3]).all()
    assert not torch.allclose(a[:, 3], b[:, 3])


@pytest.mark.parametrize("score", SCORES)
def test_searches_ask_the_same_model(score):
    model = small(score)
    prefix = shift_right(TARGET)
    expected = model(SOURCE, prefix)[:, -1].log_softmax(dim=-1)
    assert_close(model.next_log_p(SOURCE)(prefix), expected)
    one = model.next_log_p(SOURCE[:1])
    assert_close(one(prefix[[0, 0]])[1], expected[0])
    found = greedy(model.next_log_p(SOURCE), 3, 4)
    for n, row in enumerate(SOURCE):
        best, _ = beam_search(model.next_log_p(row[None]), 1, 4)
        assert (best == found[n]).all()


def test_parameters_of_the_page():
    def gru(entries):
        return 3 * (entries * 4 + 4 * 4 + 4 + 4)

    rest = 6 * 3 + gru(3) + 7 * 3 + gru(3) + (8 * 4 + 4) + (4 * 7 + 7)
    extra = {"dot": 0, "general": 16, "additive": 16 + 16 + 4}
    for score, more in extra.items():
        count = sum(p.numel() for p in small(score).parameters())
        assert count == rest + more
        wide = AttentionSeq2Seq(6, 7, embedding=1, hidden=100, score=score)
        for w in wide.weights:  # uniform between the roots of 1 / hidden
            assert -0.1 <= w.min() < -0.08 < 0.08 < w.max() <= 0.1
    default = AttentionSeq2Seq(6, 7, 3, 4)
    assert default.score == "additive"
    model, other = small(), small("additive")
    for p in other.parameters():
        torch.nn.init.zeros_(p)
    other.load_state_dict(model.state_dict())
    inputs = shift_right(TARGET)
    assert (other(SOURCE, inputs) == model(SOURCE, inputs)).all()


def test_it_runs_on_the_device(device):
    model, source, target = (a.to(device) for a in (small(), SOURCE, TARGET))
    logits = model(source, shift_right(target))
    expected = small()(SOURCE, shift_right(TARGET))
    assert_close(logits, expected, rtol=1e-8)


@pytest.mark.usefixtures("unchecked")
def test_sizes_and_scores_that_do_not_exist_are_refused():
    for size in (0, -1, 2.0, True):
        message = f"hidden must be an int above 0, got {size!r}"
        with pytest.raises(ValueError, match=message):
            AttentionSeq2Seq(6, 7, 3, size)
        message = f"target_vocabulary must be an int above 0, got {size!r}"
        with pytest.raises(ValueError, match=message):
            AttentionSeq2Seq(6, size, 3, 4)
        message = f"embedding must be an int above 0, got {size!r}"
        with pytest.raises(ValueError, match=message):
            AttentionSeq2Seq(6, 7, size, 4)
        message = f"vocabulary must be an int above 0, got {size!r}"
        with pytest.raises(ValueError, match=message):
            AttentionSeq2Seq(size, 7, 3, 4)
    message = "one of dot, general, additive, got 'cosine'"
    with pytest.raises(ValueError, match=message):
        AttentionSeq2Seq(6, 7, 3, 4, score="cosine")


@pytest.fixture(scope="module")
def translator():
    """Return the translator of the page, trained."""
    return learn_dates(
        lambda source, target: AttentionSeq2Seq(source, target, 32, 64),
        pairs=2000,
        held_out=300,
        epochs=6,
        learning_rate=0.01,
        batch_size=64,
    )


def test_it_translates_dates_it_has_never_seen(translator):
    assert translator.exact_match() > 0.95


@torch.no_grad()
def test_the_digits_of_the_year_come_from_the_end_of_the_source(translator):
    model, x, y, _ = translator
    weights = model.alignment(x, shift_right(y))
    end = (x == EOS).long().argmax(dim=1)
    near = torch.arange(x.shape[1]) >= (end - 4)[:, None]
    assert (weights[:, :4] * near[:, None]).sum(dim=-1).mean() > 0.9
    decade = weights[:, 2].argmax(dim=-1) == end - 2
    assert decade.float().mean() > 0.8
    month = weights[:, 5].argmax(dim=-1) == 1
    assert month.float().mean() > 0.8
