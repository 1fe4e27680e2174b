import inspect
import json
from collections import Counter
from itertools import permutations
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reference._corpus import ENGLISH, stories
from reference.sequences.glove import (
    Parameters,
    cooccurrence,
    glove_gradient,
    glove_loss,
    log_ratio,
    train,
    weight,
)
from reference.sequences.word2vec import analogy
from tests.checks import assert_close, assert_float32, to_numpy

ROOT = Path(__file__).parents[2]
DOCUMENTS = [[3, 1, 4, 1, 5], [5], [2, 6, 2, 2, 1, 3, 3]]
V, E = 5, 3
# Not symmetric, with zeros, and on both sides of x_max = 4.
COUNTS = np.array(
    [
        [0.0, 2.0, 7.0, 0.5, 1.0],
        [3.0, 1.0, 0.0, 4.0, 9.0],
        [7.0, 6.0, 0.0, 0.0, 0.25],
        [0.5, 0.0, 2.0, 5.0, 3.0],
        [1.0, 8.0, 0.0, 4.5, 0.0],
    ]
)


@pytest.fixture
def parameters(rng):
    tables = rng.normal(size=(2, V, E))
    return Parameters(*tables, *rng.normal(size=(2, V)))


def misses(p, counts):
    """Return r index by index; 0 where the count is 0."""
    r = np.zeros(counts.shape)
    for i, j in np.ndindex(*counts.shape):
        if counts[i, j] > 0:
            product = sum(p.w[i, e] * p.w_tilde[j, e] for e in range(E))
            r[i, j] = product + p.b[i] + p.b_tilde[j] - log(counts[i, j])
    return r


def shares(x, x_max, alpha):
    f = np.ones(x.shape)
    for index in np.ndindex(*x.shape):
        if x[index] < x_max:
            f[index] = (x[index] / x_max) ** alpha
    return f


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(array):
    r"""\begin{aligned} X_{ij} = \sum_{s=1}^{T} \sum_{t=1}^{T}
    & \frac{[z_s = i] \, [z_t = j]}{|s - t|} \\
    & \cdot [1 \le |s - t| \le m] \end{aligned}"""
    for m in (1, 3, 9):
        expected = np.zeros((8, 8))
        for words in DOCUMENTS:
            for s, t in np.ndindex(len(words), len(words)):
                if 1 <= abs(s - t) <= m:
                    expected[words[s], words[t]] += 1 / abs(s - t)
        lists = [array(np.array(words)) for words in DOCUMENTS]
        assert_close(cooccurrence(lists, m, 8), expected)


def test_eq_2(array):
    r"""P_{ik} = \frac{X_{ik}}{\sum_{k'=1}^{V} X_{ik'}}"""
    counts = COUNTS + 1
    expected = []
    for k in range(V):
        first = counts[2, k] / sum(counts[2, other] for other in range(V))
        second = counts[4, k] / sum(counts[4, other] for other in range(V))
        expected.append(first / second)
    actual = np.exp(to_numpy(log_ratio(array(counts), 2, 4)))
    assert_close(actual, expected)


def test_eq_3(array):
    r"""\log \frac{P_{ik}}{P_{jk}} = \log P_{ik} - \log P_{jk}"""
    expected = []
    for k in range(V):
        first, second = COUNTS[1, k], COUNTS[0, k]
        if first > 0 and second > 0:
            p, q = (sum(COUNTS[i, n] for n in range(V)) for i in (1, 0))
            expected.append(log(first / p) - log(second / q))
        else:
            expected.append(np.inf if first > 0 else -np.inf)
    assert_close(log_ratio(array(COUNTS), 1, 0), expected)


def test_eq_4(array):
    r"""f(x) = \begin{cases} (x / x_{\max})^{\alpha} & x < x_{\max} \\
    1 & x \ge x_{\max} \end{cases}"""
    for x_max, alpha in ((4.0, 0.75), (0.5, 2.0), (100.0, 1.0)):
        expected = shares(COUNTS, x_max, alpha)
        assert_close(weight(array(COUNTS), x_max, alpha), expected)


def test_eq_5(array, parameters):
    r"""r_{ij} = \sum_{e=1}^{E} w_{ie} \, \tilde{w}_{je} + b_i
    + \tilde{b}_j - \log X_{ij}"""
    # One count alone, so that the loss is its r squared.
    for i, j in ((0, 2), (3, 1)):
        alone = np.zeros((V, V))
        alone[i, j] = 7.0
        expected = misses(parameters, alone)[i, j] ** 2
        args = map(array, (*parameters, alone))
        assert_close(glove_loss(*args, x_max=1.0), np.float64(expected))


def test_eq_6(array, parameters):
    r"""L = \sum_{i, j : X_{ij} > 0} f(X_{ij}) \, r_{ij}^2"""
    f, r = shares(COUNTS, 4.0, 0.6), misses(parameters, COUNTS)
    expected = 0.0
    for i, j in np.ndindex(V, V):
        if COUNTS[i, j] > 0:
            expected += f[i, j] * r[i, j] ** 2
    args = map(array, (*parameters, COUNTS))
    assert_close(glove_loss(*args, 4.0, 0.6), np.float64(expected))


def test_eq_7(array, parameters):
    r"""g_{ij} = \frac{\partial L}{\partial s_{ij}} = 2 f(X_{ij}) \, r_{ij}"""
    f, r = shares(COUNTS, 4.0, 0.6), misses(parameters, COUNTS)
    rows, columns = np.zeros(V), np.zeros(V)
    for i, j in np.ndindex(V, V):
        rows[i] += 2 * f[i, j] * r[i, j]
        columns[j] += 2 * f[i, j] * r[i, j]
    args = map(array, (*parameters, COUNTS))
    found = glove_gradient(*args, 4.0, 0.6)
    assert_close(found.b, rows)
    assert_close(found.b_tilde, columns)


def test_eq_8(array, parameters):
    r"""\frac{\partial L}{\partial w_{ie}}
    = \sum_{j=1}^{V} g_{ij} \, \tilde{w}_{je}"""
    f, r = shares(COUNTS, 4.0, 0.6), misses(parameters, COUNTS)
    dw, dw_tilde = np.zeros((2, V, E))
    for i, j, e in np.ndindex(V, V, E):
        g = 2 * f[i, j] * r[i, j]
        dw[i, e] += g * parameters.w_tilde[j, e]
        dw_tilde[j, e] += g * parameters.w[i, e]
    args = map(array, (*parameters, COUNTS))
    found = glove_gradient(*args, 4.0, 0.6)
    assert_close(found.w, dw)
    assert_close(found.w_tilde, dw_tilde)


# The same as everybody else's, and the gradient.


def test_counts_of_a_counter(rng, array):
    """Of a longer text, as the original program counts it."""
    text = rng.integers(0, 9, 200)
    counter = Counter()
    for t, word in enumerate(text.tolist()):
        for d in range(1, min(t, 6) + 1):
            other = int(text[t - d])
            counter[word, other] += 1 / d
            counter[other, word] += 1 / d
    expected = [[counter[i, j] for j in range(10)] for i in range(10)]
    actual = cooccurrence([array(text.astype(np.int32))], 6, 10)
    assert_close(actual, expected)
    # Cells of the table have larger numbers than int8 has.
    wide = to_numpy(cooccurrence([array(text.astype(np.int8))], 6, 40))
    assert_close(wide[:10, :10], expected)
    assert_close(wide.sum(), np.sum(expected))


def test_loss_and_gradient_of_torch(array, parameters):
    leaves = [torch.asarray(x).requires_grad_() for x in parameters]
    w, w_tilde, b, b_tilde = leaves
    counts = torch.asarray(COUNTS)
    i, j = torch.nonzero(counts, as_tuple=True)
    fit = (w[i] * w_tilde[j]).sum(1) + b[i] + b_tilde[j]
    f = torch.clamp(counts[i, j] / 4.0, max=1.0) ** 0.6
    expected = (f * (fit - torch.log(counts[i, j])) ** 2).sum()
    args = tuple(map(array, (*parameters, COUNTS)))
    assert_close(glove_loss(*args, 4.0, 0.6), expected)
    slopes = torch.autograd.grad(expected, leaves)
    found = glove_gradient(*args, 4.0, 0.6)
    through = torch.autograd.grad(glove_loss(*leaves, counts, 4.0, 0.6), leaves)
    for a, t, e in zip(found, through, slopes, strict=True):
        assert_close(a, e)
        assert_close(t, e)


def test_defaults_are_the_papers(array, parameters):
    counts = 30 * COUNTS  # on both sides of 100
    args = tuple(map(array, (*parameters, counts)))
    f = np.minimum(counts / 100, 1) ** 0.75
    r = misses(parameters, counts)
    assert_close(weight(array(counts)), f)
    assert_close(glove_loss(*args), np.sum(f * r**2))
    assert_close(glove_gradient(*args).b, np.sum(2 * f * r, axis=1))


def test_ratio_of_counts_without_zeros_is_a_log_softmax(array):
    logs = torch.log_softmax(torch.log(torch.asarray(COUNTS + 2)), dim=1)
    found = log_ratio(array(COUNTS + 2), 3, 0)
    assert_close(found, logs[3] - logs[0])


def test_training_is_adagrad_on_autograds_gradient(array):
    """From the start that the page states, with all counts in each step."""
    start = (np.random.default_rng(3).random((2, V, 3)) - 0.5) / 2
    tables, squares = torch.asarray(start), 0
    counts = torch.asarray(COUNTS)
    weights = (counts / 4).clamp(max=1) ** 0.6
    logs = torch.where(counts > 0, counts, 1).log()
    for _ in range(4):
        tables.requires_grad_()
        w, w_tilde = tables
        fit = w[:, :2] @ w_tilde[:, :2].T + w[:, 2:] + w_tilde[:, 2]
        loss = (weights * (fit - logs) ** 2).sum()
        (slope,) = torch.autograd.grad(loss, tables)
        squares = squares + slope**2
        tables = tables.detach() - 0.1 * slope / squares.sqrt()
    rng = np.random.default_rng(3)
    found = train(array(COUNTS), 2, rng, 4, 0.1, 4.0, 0.6)
    for a, e in zip(found[:2], tables[..., :2], strict=True):
        assert_close(a, e, rtol=1e-7)
    for a, e in zip(found[2:], tables[..., 2], strict=True):
        assert_close(a, e, rtol=1e-7)


def test_defaults_of_training():
    defaults = inspect.signature(train).parameters.values()
    assert [p.default for p in defaults][3:] == [300, 0.05, 100.0, 0.75]


# What the page promises, and what is refused.


def test_with_as_many_entries_as_words_the_fit_is_exact():
    """w w_tilde^T + b + b_tilde = log X wherever X > 0."""
    counts = COUNTS[:4, :4]
    p = train(counts, 4, np.random.default_rng(0), 300, 0.2, 4.0)
    fit = p.w @ p.w_tilde.T + p.b[:, None] + p.b_tilde
    seen = counts > 0
    assert_close(fit[seen], np.log(counts[seen]), atol=1e-6)
    assert_close(glove_loss(*p, counts), 0.0, atol=1e-10)


def test_symmetric_counts_give_symmetric_roles(array, parameters):
    counts = array(COUNTS + COUNTS.T)
    w, w_tilde, b, b_tilde = map(array, parameters)
    swapped = w_tilde, w, b_tilde, b
    assert_close(
        glove_loss(w, w_tilde, b, b_tilde, counts), glove_loss(*swapped, counts)
    )
    found = glove_gradient(w, w_tilde, b, b_tilde, counts)
    other = glove_gradient(*swapped, counts)
    for a, b in zip(
        found, (other[1], other[0], other[3], other[2]), strict=True
    ):
        assert_close(a, b)


def test_what_the_loss_cannot_tell(parameters, rng):
    """The page's three changes of the parameters that leave all sums alone."""
    w, w_tilde, b, b_tilde = parameters
    expected = glove_loss(*parameters, COUNTS)
    c, a = rng.normal(size=E), rng.normal(size=(E, E))
    for p in (
        (w, w_tilde, b + 3, b_tilde - 3),
        (w, w_tilde + c, b - w @ c, b_tilde),
        (w @ a, w_tilde @ np.linalg.inv(a).T, b, b_tilde),
    ):
        assert_close(glove_loss(*p, COUNTS), expected)


def test_zeros_have_no_part(array, parameters):
    """A fit far off at a zero costs nothing and gets no gradient."""
    counts = np.array([[0.0, 2.0], [2.0, 0.0]])
    p = Parameters(*(x[:2] for x in parameters))
    far = p._replace(w=p.w * 1e6, w_tilde=p.w_tilde * 0, b=p.b * 0)
    far = far._replace(b_tilde=np.full(2, log(2)))
    args = tuple(map(array, (*far, counts)))
    assert_close(glove_loss(*args, x_max=1.0), 0.0)
    for slope in glove_gradient(*args, x_max=1.0):
        assert_close(slope, 0 * to_numpy(slope))
    # 0 * inf would be NaN: the square of this fit overflows.
    huge = far._replace(w=1e200 * np.eye(2), w_tilde=np.eye(2))
    assert_close(glove_loss(*map(array, (*huge, counts)), x_max=1.0), 0.0)


def test_a_word_that_meets_none_stays_at_its_start():
    counts = np.array([[1.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    start = (np.random.default_rng(0).random((2, 3, 3)) - 0.5) / 2
    found = train(counts, 2, np.random.default_rng(0), 5)
    assert_close(found.w[2], start[0, 2, :2])
    assert np.all(found.w[0] != start[0, 0, :2])


def test_ratios_of_words_that_never_meet(array):
    counts = np.array([[0.0, 6, 2, 0], [6, 0, 2, 0], [2, 2, 0, 0], [0] * 4])
    assert_close(
        log_ratio(array(counts), 0, 2), [-np.inf, log(1.5), np.inf, np.nan]
    )


@settings(max_examples=20)
@given(arrays(np.float64, 6, elements=st.floats(0, 1e300)))
def test_weight_rises_from_0_to_1(x):
    f = weight(np.sort(x))
    assert np.all(np.diff(f) >= 0)
    assert f[0] >= 0
    assert f[-1] <= 1
    assert_close(weight(np.array([0.0, 100, np.inf])), [0.0, 1, 1])


@settings(max_examples=15)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 6))
def test_counts_are_symmetric_and_add_up(text, window):
    counts = cooccurrence([np.array(text)], window, 5)
    assert_close(counts, counts.T)
    n = len(text)
    pairs = sum((n - d) / d for d in range(1, min(window, n - 1) + 1))
    assert_close(counts.sum(), np.float64(2 * pairs))


def asked(couples):
    rows = []
    for (a, b), (c, d) in permutations(couples, 2):
        rows += [(a, b, c, d), (b, a, d, c)]
    return np.array(rows).T


def test_planted_relations_come_out():
    told = [" ".join(s).replace(" .", "").split() for s in stories("en")]
    text = [word for story in told for word in story]
    words = sorted(set(text))
    number = {word: i for i, word in enumerate(words)}
    counts = cooccurrence([np.array([number[w] for w in text])], 30, len(words))
    king, queen, man, woman, palace = (
        number[w] for w in ("king", "queen", "man", "woman", "palace")
    )
    ratio = log_ratio(counts, king, man)
    assert ratio[palace] > 4
    assert ratio[number["house"]] < -3
    assert abs(ratio[number["lives"]]) < 0.01
    probes = ["palace", "crown", "lives", "his", "rome", "tea", "coat", "house"]
    probes = [number[word] for word in probes]
    people = [[number[w] for w in couple] for couple in ENGLISH.people]
    cities = [[number[a], number[b]] for a, b, _ in ENGLISH.cities]
    for seed in range(3):
        p = train(counts, 32, np.random.default_rng(seed), x_max=10.0)
        u = p.w + p.w_tilde
        for couples in (people, cities):
            a, b, c, d = asked(couples)
            assert np.mean(analogy(u, a, b, c) == d) > 0.8
        asking = (np.array([word]) for word in (man, king, woman))
        assert analogy(u, *asking) == queen
        product = (p.w @ p.w_tilde.T + p.b[:, None] + p.b_tilde)[counts > 0]
        logs = np.log(counts[counts > 0])
        assert np.corrcoef(product, logs)[0, 1] > 0.9
        fitted = p.w_tilde @ (p.w[king] - p.w[man]) + p.b[king] - p.b[man]
        fitted -= np.log(counts[king].sum() / counts[man].sum())
        near = np.corrcoef(fitted[probes], ratio[probes])[0, 1]
        assert near > 0.9


def test_the_experiment_says_what_the_page_says():
    file = ROOT / "experiments/sequences/glove.json"
    numbers = json.loads(file.read_text(encoding="utf-8"))["numbers"]
    assert numbers["settings"] == [
        [False, 5, 0],
        [False, 30, 0],
        [True, 10, 0],
        [True, 30, 0],
        [False, 30, 1],
    ]
    apart, wide, middle, joined, added = numbers["results"]
    ranges = [
        [
            (round(min(x), 2), round(max(x), 2))
            for x in (r["people"], r["capitals"])
        ]
        for r in numbers["results"]
    ]
    assert ranges == [  # as the text of the figure says
        [(0.31, 0.6), (0.48, 0.88)],
        [(0.26, 0.55), (0.98, 1)],
        [(0.1, 0.16), (0.82, 0.97)],
        [(0.87, 1), (1, 1)],
        [(1, 1), (1, 1)],
    ]
    assert min(joined["people_w"]) > 0.98
    assert all(near[0] == "palace" for near in joined["near"])
    assert all("palace" not in near for near in joined["near_w"])
    assert max(apart["loss"]) < min(wide["loss"])
    assert max(wide["loss"]) < min(middle["loss"])
    assert max(middle["loss"] + added["loss"]) < min(joined["loss"])


def test_float32(parameters):
    args = (*parameters, COUNTS)
    assert_float32(glove_loss, *args)
    assert_float32(glove_gradient, *args)
    assert_float32(weight, COUNTS)
    assert_float32(log_ratio, COUNTS + 1, 0, 1)
    single = np.float32(COUNTS)
    assert weight(single, np.float64(3), np.float64(0.5)).dtype == np.float32
    narrow = [np.float32(x) for x in args]
    loss = glove_loss(*narrow, np.float64(3), np.float64(0.5))
    assert loss.dtype == np.float32
    for x in train(single, 2, np.random.default_rng(0), 2, np.float64(0.1)):
        assert x.dtype == np.float32


@pytest.mark.usefixtures("unchecked")
def test_refused(array, parameters):
    w, w_tilde, b, b_tilde, counts = map(array, (*parameters, COUNTS))
    rng = np.random.default_rng(0)
    words, floats = array(np.array([0, 3, 1])), array(np.array([0.0, 1.0]))

    def bad(value):
        table = COUNTS.copy()
        table[3, 1] = value
        return array(table)

    for function in (glove_loss, glove_gradient):
        for args, message in (
            ((w[:4, :], w_tilde, b, b_tilde), r"5 rows .* got shapes \(\(4, 3"),
            ((w, w_tilde[:, :2], b, b_tilde), r"\(5, 3\), \(5, 2\)"),
            ((w, w_tilde, b[:1], b_tilde), r"\(1,\)"),
            ((w, w_tilde, b, b_tilde[:, None]), r"\(5, 1\)"),
            ((w, w_tilde, b[None, :], b_tilde), r"\(1, 5\)"),
            ((w[0, 0], w_tilde, b, b_tilde), r"got shapes \(\(\), "),
        ):
            with pytest.raises(ValueError, match=message):
                function(*args, counts)
        for value in (-1.0, np.inf, np.nan):
            with pytest.raises(ValueError, match="from 0 and finite, got"):
                function(w, w_tilde, b, b_tilde, bad(value))
        for wrong in (counts[:4, :], b):
            with pytest.raises(ValueError, match="a square of counts, got"):
                function(w, w_tilde, b, b_tilde, wrong)
        whole = array(np.int64(COUNTS))
        with pytest.raises(ValueError, match=r"to be floats, got .*int64"):
            function(w, w_tilde, b, b_tilde, whole)
        with pytest.raises(ValueError, match="x_max needs to be in"):
            function(w, w_tilde, b, b_tilde, counts, 0)
    for call, message in (
        (lambda: cooccurrence([], 1, 5), "at least 1 word"),
        (lambda: cooccurrence([words], 0, 5), "window .*got 0"),
        (lambda: cooccurrence([words], 1, 3), "size .* from 4, got 3"),
        (lambda: cooccurrence([words], 1, 4.0), "from 4, got 4.0"),
        (lambda: cooccurrence([words * 0], 1, True), "from 1, got True"),
        (lambda: cooccurrence([floats], 1, 4), "integers"),
        (lambda: weight(floats, 0), "x_max needs .* got 0"),
        (lambda: weight(floats, np.inf), "x_max needs .* got inf"),
        (lambda: weight(floats, np.nan), "x_max needs .* got nan"),
        (lambda: weight(floats, True), "x_max needs .* got True"),
        (lambda: weight(floats, 1.0, -1), "alpha needs .* got -1"),
        (lambda: weight(floats, 1.0, 0), "alpha needs .* got 0"),
        (lambda: weight(-floats), "counts need to be from 0"),
        (lambda: weight(floats * np.nan), "counts need to be from 0"),
        (lambda: log_ratio(counts[:4, :], 0, 1), "square of counts"),
        (lambda: log_ratio(bad(-1.0), 0, 1), "from 0 and finite"),
        (lambda: log_ratio(counts, -1, 1), "a word .* from 0, got -1"),
        (lambda: log_ratio(counts, 1, -1), "a word .* from 0, got -1"),
        (lambda: log_ratio(counts, 0, 5), "below 5 .* got 0 and 5"),
        (lambda: log_ratio(counts, True, 0), "a word .* got True"),
        (lambda: log_ratio(counts, 0, 1.0), "a word .* got 1.0"),
        (lambda: log_ratio(0 * counts, 0, 1), "meet others"),
        (lambda: train(0 * counts, 2, rng), "count above 0"),
        (lambda: train(counts[:4, :], 2, rng), "square of counts"),
        (lambda: train(array(np.int64(COUNTS)), 2, rng), "counts .* floats"),
        (lambda: train(counts, 0, rng), "size needs .* from 1, got 0"),
        (lambda: train(counts, 1.5, rng), "size needs .* got 1.5"),
        (lambda: train(counts, 2, rng, 0), "steps needs .* got 0"),
        (lambda: train(counts, 2, rng, True), "steps needs .* got True"),
        (lambda: train(counts, 2, rng, 1, 0), "learning rate needs"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
