import json
from itertools import permutations
from math import exp, log, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from reference._corpus import ENGLISH, stories
from reference.sequences.word2vec import (
    _scatter,
    analogy,
    cbow_loss,
    nearest,
    noise_distribution,
    optimal_scores,
    pairs,
    skip_gram_gradient,
    skip_gram_loss,
    train,
    windows,
)
from tests.checks import assert_close, assert_float32, to_numpy

ROOT = Path(__file__).parents[2]

V, E, N, K = 6, 3, 5, 2
CENTRE = np.array([0, 3, 3, 5, 0])
CONTEXT = np.array([1, 3, 4, 0, 1])
# Repeated words, and a negative that is the context.
NEGATIVE = np.array([[2, 2], [5, 0], [4, 1], [3, 3], [1, 5]])
NEAR = np.array([[1, 2, -1], [3, -1, -1], [4, 4, 0], [-1, 5, 2], [1, 0, 3]])
JOINT = np.array([[1.0, 4, 3], [4, 2, 6], [3, 6, 7]])
NOISE = np.array([0.25, 0.25, 0.5])


@pytest.fixture
def tables(rng):
    return rng.normal(size=(2, V, E))


def sigma(z):
    return 1 / (1 + exp(-z))


def products(u, v):
    words = np.concatenate([CONTEXT[:, None], NEGATIVE], axis=1)
    s = np.zeros((N, 1 + K))
    for n, j in np.ndindex(N, 1 + K):
        for e in range(E):
            s[n, j] += u[CENTRE[n], e] * v[words[n, j], e]
    return s, words


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(tables, array):
    r"""s_{nj} = \sum_{e=1}^{E} u_{c_n e} \, v_{w_{nj} e}"""
    s, _ = products(*tables)
    args = (*tables, CENTRE, CONTEXT, NEGATIVE)
    expected = sum(
        log(1 + exp(-s[n, j] if j == 0 else s[n, j])) / N
        for n, j in np.ndindex(s.shape)
    )
    actual = skip_gram_loss(*map(array, args))
    assert_close(actual, np.float64(expected))


def test_eq_2(tables, array):
    r"""\begin{aligned} L = -\frac{1}{N} \sum_{n=1}^{N}
    \Big[ & \log \sigma(s_{n0}) \\[-1ex]
    & + \sum_{k=1}^{K} \log \sigma(-s_{nk}) \Big] \end{aligned}"""
    s, _ = products(*tables)
    expected = 0.0
    for n in range(N):
        total = log(sigma(s[n, 0]))
        for k in range(1, K + 1):
            total += log(sigma(-s[n, k]))
        expected -= total / N
    args = (*tables, CENTRE, CONTEXT, NEGATIVE)
    assert_close(skip_gram_loss(*map(array, args)), np.float64(expected))


def test_eq_3(tables, array):
    r"""g_{nj} = \frac{\partial L}{\partial s_{nj}}
    = \frac{1}{N} \big( \sigma(s_{nj}) - [j = 0] \big)"""
    # One context and one negative per example, all different, so that each
    # row of dv is one g times a row of u.
    u, v = tables
    centre, context, negative = np.array([[0, 1, 2], [0, 1, 2], [3, 4, 5]])
    expected = np.zeros((V, E))
    for n in range(3):
        for j, w in enumerate((context[n], negative[n])):
            s = sum(u[centre[n], e] * v[w, e] for e in range(E))
            g = (sigma(s) - (j == 0)) / 3
            for e in range(E):
                expected[w, e] = g * u[centre[n], e]
    args = (u, v, centre, context, negative[:, None])
    assert_close(skip_gram_gradient(*map(array, args)).v, expected)


def test_eq_4(tables, array):
    r"""\frac{\partial L}{\partial u_{we}}
    = \sum_{n=1}^{N} [c_n = w] \sum_{j=0}^{K} g_{nj} v_{w_{nj} e}"""
    u, v = tables
    s, words = products(u, v)
    rows, expected = np.zeros((N, E)), np.zeros((V, E))
    for n, e in np.ndindex(N, E):
        for j in range(1 + K):
            g = (sigma(s[n, j]) - (j == 0)) / N
            rows[n, e] += g * v[words[n, j], e]
        expected[CENTRE[n], e] += rows[n, e]
    assert_close(_scatter(array(CENTRE), array(rows), V), expected)
    args = (u, v, CENTRE, CONTEXT, NEGATIVE)
    assert_close(skip_gram_gradient(*map(array, args)).u, expected)


def test_eq_5(array):
    r"""p_w = \frac{n_w^{\alpha}}{\sum_{w'=1}^{V} n_{w'}^{\alpha}}"""
    counts = np.array([4.0, 9.0, 0.0, 1.0])
    for alpha in (0.5, 1.0, 2.0):
        total = sum(count**alpha for count in counts)
        expected = [count**alpha / total for count in counts]
        assert_close(noise_distribution(array(counts), alpha), expected)


def test_eq_6(tables, array):
    r"""h_{ne} = \frac{1}{M_n} \sum_{o \in O_n} u_{oe}"""
    u, v = tables
    expected = 0.0
    for n in range(N):
        near = [o for o in NEAR[n] if o >= 0]
        h = [sum(u[o, e] for o in near) / len(near) for e in range(E)]
        for j, w in enumerate([CENTRE[n], *NEGATIVE[n]]):
            s = sum(h[e] * v[w, e] for e in range(E))
            expected -= log(sigma(s if j == 0 else -s)) / N
    args = (u, v, NEAR, CENTRE, NEGATIVE)
    assert_close(cbow_loss(*map(array, args)), np.float64(expected))


def test_eq_7(array):
    r"""s_{co} = \log \frac{n_{co}}{n_c \, p_o} - \log K"""
    expected = np.empty((3, 3))
    for c, o in np.ndindex(3, 3):
        n_c = sum(JOINT[c, j] for j in range(3))
        expected[c, o] = log(JOINT[c, o] / (n_c * NOISE[o])) - log(4)
    assert_close(optimal_scores(array(JOINT), array(NOISE), 4), expected)


def test_eq_8(tables, array):
    r"""d = \argmax_{w \notin \{a, b, c\}} \;
    \hat{u}_w^\top \big( \hat{u}_b - \hat{u}_a + \hat{u}_c \big)"""
    u = tables[0]
    asked = np.array(list(permutations(range(V), 3)))
    unit = [row / sqrt(sum(x * x for x in row)) for row in u]
    expected = []
    for a, b, c in asked:
        scores = {
            w: sum(
                unit[w][e] * (unit[b][e] - unit[a][e] + unit[c][e])
                for e in range(E)
            )
            for w in range(V)
            if w not in (a, b, c)
        }
        expected.append(max(scores, key=scores.get))
    answers = analogy(array(u), *(array(x) for x in asked.T))
    assert to_numpy(answers).tolist() == expected


# The same as everybody else's, and the gradient: PyTorch.


def test_loss_and_gradient_of_torch(tables, array):
    u, v = (torch.asarray(t).requires_grad_() for t in tables)
    centre, context, negative = map(torch.asarray, (CENTRE, CONTEXT, NEGATIVE))
    h = F.embedding(centre, u)
    positive = F.logsigmoid((h * F.embedding(context, v)).sum(1))
    others = torch.bmm(F.embedding(negative, v), h[:, :, None])[:, :, 0]
    expected = -(positive + F.logsigmoid(-others).sum(1)).mean()
    args = tuple(map(array, (*tables, CENTRE, CONTEXT, NEGATIVE)))
    assert_close(skip_gram_loss(*args), expected)
    actual = skip_gram_gradient(*args)
    for a, e in zip(actual, torch.autograd.grad(expected, (u, v)), strict=True):
        assert_close(a, e)
    through = torch.autograd.grad(
        skip_gram_loss(u, v, centre, context, negative), (u, v)
    )
    for a, e in zip(actual, through, strict=True):
        assert_close(a, e)


def test_cbow_and_gradient_of_torch(tables, array):
    u, v = (torch.asarray(t).requires_grad_() for t in tables)
    bags = [torch.asarray(row[row >= 0]) for row in NEAR]
    h = torch.stack([F.embedding(bag, u).mean(0) for bag in bags])
    words = np.concatenate([CENTRE[:, None], NEGATIVE], axis=1)
    s = torch.bmm(F.embedding(torch.asarray(words), v), h[:, :, None])[:, :, 0]
    y = torch.zeros_like(s)
    y[:, 0] = 1
    expected = F.binary_cross_entropy_with_logits(s, y, reduction="sum") / N
    args = (*tables, NEAR, CENTRE, NEGATIVE)
    assert_close(cbow_loss(*map(array, args)), expected)
    ours = cbow_loss(u, v, *map(torch.asarray, args[2:]))
    actual, desired = (
        torch.autograd.grad(loss, (u, v)) for loss in (ours, expected)
    )
    for a, e in zip(actual, desired, strict=True):
        assert_close(a, e)


def test_a_lookup_is_a_product_with_one_hot_rows(tables):
    table = torch.asarray(tables[0]).requires_grad_()
    dy = torch.asarray(tables[1][:N])
    total = (F.embedding(torch.asarray(CENTRE), table) * dy).sum()
    (expected,) = torch.autograd.grad(total, table)
    one_hot = torch.eye(V, dtype=torch.float64)[CENTRE]
    assert_close(one_hot @ table, tables[0][CENTRE])
    assert_close(_scatter(CENTRE, tables[1][:N], V), expected)


def test_windows_and_pairs_of_a_loop(array):
    documents = [[3, 1, 0, 1, 5], [9], [0, 6]]
    for window in (1, 2, 7):
        rows, near = [], []
        for words in documents:
            for t, word in enumerate(words):
                steps = [*range(-window, 0), *range(1, window + 1)]
                found = [
                    words[t + s] if 0 <= t + s < len(words) else -1
                    for s in steps
                ]
                near.append(found)
                rows += [(word, other) for other in found if other >= 0]
        lists = [array(np.array(words)) for words in documents]
        centre, context = windows(lists, window)
        assert to_numpy(centre).tolist() == [w for d in documents for w in d]
        assert to_numpy(context).tolist() == near
        found = map(to_numpy, pairs(lists, window))
        assert list(zip(*found, strict=True)) == rows


def test_default_power_is_the_papers(array):
    counts = np.array([3, 7, 11])
    expected = counts**0.75 / (counts**0.75).sum()
    assert_close(noise_distribution(array(counts)), expected)


def test_nearest_of_a_sort(rng, array):
    vectors = rng.normal(size=(9, 4)) * 10.0 ** rng.integers(-3, 4, (9, 1))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for word in (0, 8):
        expected = np.argsort(-(unit @ unit[word]))
        expected = expected[expected != word][:5]
        actual = to_numpy(nearest(array(vectors), word, 5))
        assert actual.tolist() == expected.tolist()


def test_ties_and_the_word_itself(array):
    """Copies of a word are neighbours, the first ones first; it is not."""
    copies = array(np.ones((4, 2)))
    assert to_numpy(nearest(copies, 2, 3)).tolist() == [0, 1, 3]


def test_counts_of_any_size(array):
    counts = array(np.array([1e300, 1e-300, 1e300]))
    assert_close(noise_distribution(counts, 2.0), [0.5, 0.0, 0.5])


def every_pair():
    """Return pairs as often as JOINT says, each with the noise's negatives."""
    where = np.argwhere(JOINT > 0)
    rows = np.repeat(where, JOINT[JOINT > 0].astype(int), axis=0)
    return rows[:, 0], rows[:, 1], np.tile([0, 1, 2, 2], (len(rows), 1))


def test_the_minimum_is_where_levy_and_goldberg_say(rng):
    examples = every_pair()

    def objective(flat):
        u, v = flat.reshape(2, 3, 3)
        slope = np.stack(skip_gram_gradient(u, v, *examples))
        return float(skip_gram_loss(u, v, *examples)), slope.ravel()

    start = rng.normal(size=18)
    found = minimize(objective, start, jac=True, tol=1e-9)
    u, v = found.x.reshape(2, 3, 3)
    expected = optimal_scores(JOINT, NOISE, 4)
    assert_close(u @ v.T, expected, rtol=0, atol=1e-4)


def test_the_full_softmax_has_the_same_optimum(array):
    """Scores plus the log of the noise are those of the full softmax."""
    scores = to_numpy(optimal_scores(array(JOINT), array(NOISE), 7))
    p = torch.softmax(torch.asarray(scores + np.log(NOISE)), dim=1)
    assert_close(p, JOINT / JOINT.sum(1, keepdims=True))


def test_pmi_less_log_k():
    """With power 1 and window pairs, which are as many both ways."""
    marginal = JOINT.sum(0) / JOINT.sum()
    both = JOINT / JOINT.sum()
    expected = np.log(both / marginal / marginal[:, None]) - np.log(5)
    noise = noise_distribution(JOINT.sum(0), 1.0)
    assert_close(optimal_scores(JOINT, noise, 5), expected)
    assert_close(optimal_scores(JOINT / JOINT.sum(), noise, 5), expected)


# What the page promises, and what is refused.


def asked(couples):
    rows = []
    for (a, b), (c, d) in permutations(couples, 2):
        rows += [(a, b, c, d), (b, a, d, c)]
    return np.array(rows).T


def nearest_of(u, words, others):
    """Return which of the others has the largest cosine with each word."""
    unit = u / np.linalg.norm(u, axis=1, keepdims=True)
    return others[np.argmax(unit[words] @ unit[others].T, axis=1)]


def test_planted_relations_come_out():
    told = [" ".join(s).replace(" .", "").split() for s in stories("en")]
    words = sorted({word for story in told for word in story})
    number = {word: i for i, word in enumerate(words)}
    texts = [np.array([number[w] for w in story]) for story in told]
    counts = np.bincount(np.concatenate(texts)).astype(np.float32)
    noise = noise_distribution(counts)
    near = pairs(texts, 5)
    people = [[number[w] for w in couple] for couple in ENGLISH.people]
    cities = [[number[a], number[b]] for a, b, _ in ENGLISH.cities]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        u, _ = train(*near, noise, 32, rng, epochs=1, batch=1000, lr=0.04)
        for couples in (people, cities):
            a, b, c, d = asked(couples)
            assert np.mean(analogy(u, a, b, c) == d) > 0.8
            # Of a man's nearest woman, and a city's nearest country: 1 in 8
            # and 1 in 6 would be right by chance.
            one, other = np.array(couples).T
            assert np.mean(nearest_of(u, one, other) == other) > 0.6
            assert np.mean(nearest_of(u, other, one) == one) > 0.6
        same = [
            nearest(u, word, 1)[0] in group
            for group in zip(*people, strict=True)
            for word in group
        ]
        assert np.mean(same) > 0.9


def test_training_on_every_library(array):
    one, noise = array(np.array([0, 1, 2, 0])), array(NOISE)
    other = array(np.array([1, 0, 2, 2]))

    def run(one, other, noise):
        rng = np.random.default_rng(0)
        return train(one, other, noise, 2, rng, 3, epochs=2, batch=3, lr=0.1)

    expected = run(*map(to_numpy, (one, other, noise)))
    for a, e in zip(run(one, other, noise), expected, strict=True):
        assert_close(a, e)


def test_training_step_by_step():
    """Defaults, the start, batches and draws as the page says."""
    examples = CENTRE[:3] % 3, CONTEXT[:3] % 3
    rng = np.random.default_rng(4)
    u = (rng.random((3, 2)) - 0.5) / 2
    order = rng.permutation(3)
    draws = np.searchsorted([0.25, 0.5, 1], 1 - rng.random(15))
    draws = draws.reshape(3, 5)
    slope = skip_gram_gradient(u, 0 * u, *(x[order] for x in examples), draws)
    found = train(*examples, NOISE, 2, np.random.default_rng(4), epochs=1)
    # Adam's first step is the rate in the direction of the gradient.
    assert_close(found.u, u - 0.01 * np.sign(slope.u), atol=1e-6)
    assert_close(found.v, -0.01 * np.sign(slope.v), rtol=1e-4)
    twice = train(*examples, NOISE, 2, np.random.default_rng(4))
    five = train(*examples, NOISE, 2, np.random.default_rng(4), 5, 5, 500, 0.01)
    assert_close(twice.u, five.u)


def test_negatives_follow_the_noise_and_impossible_ones_are_not_drawn():
    one, noise = np.full(20, 1), np.array([0.0, 0.5, 0.0, 0.5])
    v = train(one, one, noise, 2, np.random.default_rng(0)).v
    assert np.all(v[[0, 2]] == 0)
    assert np.all(v[[1, 3]] != 0)


@pytest.mark.parametrize(("value", "drawn"), [(0.0, 2), (1 - 2.0**-53, 1)])
def test_the_ends_of_the_noise(value, drawn):
    """The first and last draws that there are, rounded to float32."""

    class Ends:
        def random(self, size):
            return np.full(size, value)

        def permutation(self, size):
            return np.arange(size)

    one, noise = np.array([4]), np.array([0, 0.3, 0.7, 0, 0], np.float32)
    v = train(one, one, noise, 2, Ends(), epochs=1).v
    assert np.flatnonzero(v[:, 0]).tolist() == [drawn, 4]


@settings(max_examples=20)
@given(st.lists(st.integers(0, 50), min_size=1).filter(any))
def test_noise_is_a_distribution_and_flatter(counts):
    p = noise_distribution(np.array(counts))
    assert_close(p.sum(), np.float64(1))
    assert p.max() <= max(counts) / sum(counts) + 1e-12


def test_extreme_scores_have_a_finite_loss():
    u, v = np.full((2, 1), 1e3), np.full((2, 1), 1e3)
    one = np.array([0])
    assert_close(
        skip_gram_loss(u, v, one, one, np.array([[1]])), np.float64(1e6)
    )
    slope = skip_gram_gradient(u, v, one, one, np.array([[1]]))
    assert_close(slope.v, [[0.0], [1e3]])


def test_directions_of_huge_and_tiny_vectors(rng, array):
    vectors = rng.normal(size=(6, 3))
    sizes = np.array([[1e200], [1e-200], [1], [1e-300], [1e300], [1]])
    expected = to_numpy(nearest(array(vectors), 2, 5))
    assert_close(nearest(array(vectors * sizes), 2, 5), expected)


def test_given_words_are_answers_if_asked_for(array):
    vectors = array(np.array([[1.0, 0], [1, 0.1], [0, 1], [-1, 0]]))
    question = [array(np.array([i])) for i in (0, 1, 2)]
    assert to_numpy(analogy(vectors, *question)).tolist() != [2]
    assert to_numpy(analogy(vectors, *question, False)).tolist() == [2]


def test_float32(tables):
    args = (*tables, CENTRE, CONTEXT, NEGATIVE)
    assert_float32(skip_gram_loss, *args)
    assert_float32(skip_gram_gradient, *args)
    assert_float32(cbow_loss, *tables, NEAR, CENTRE, NEGATIVE)
    assert_float32(optimal_scores, JOINT, NOISE, 4)
    assert_float32(noise_distribution, JOINT[0])
    single = np.float32(JOINT[0])
    assert noise_distribution(single, np.float64(0.5)).dtype == np.float32
    u, v = train(
        CENTRE,
        CONTEXT,
        np.full(V, 1 / V, np.float32),
        2,
        np.random.default_rng(0),
        lr=np.float64(0.1),
    )
    assert u.dtype == v.dtype == np.float32


@pytest.mark.usefixtures("unchecked")
def test_refused(tables, array):
    u, v, centre, context, negative, near = map(
        array, (*tables, CENTRE, CONTEXT, NEGATIVE, NEAR)
    )
    joint, noise = array(JOINT), array(NOISE)
    floats = array(np.array([1.0, 2.0]))
    nan = array(np.full((2, 2), np.nan))
    rng = np.random.default_rng(0)
    beyond = array(np.full(N, V))
    short = centre[:4]
    unsigned = array(CENTRE.astype(np.uint8))

    def bad_joint(value):
        table = JOINT.copy()
        table[0] = value
        return array(table)

    for function in (skip_gram_loss, skip_gram_gradient):
        for args, message in (
            ((u, v[:, :2], centre, context, negative), "same shape, got"),
            ((u[0, :], v[0, :], centre, context, negative), "two tables"),
            ((u, v, beyond, context, negative), "below 6, got 6 to 6"),
            ((u, v, -1 - centre, context, negative), "got -6 to -1"),
            ((u, v, centre, beyond, negative), "below 6, got 0 to 6"),
            ((u, v, centre, context, negative - 1), "got -1 to"),
            ((u, v, short, context, negative), "each with a target"),
            ((u, v, centre, context, negative[:4, :]), "row of negatives"),
            ((u, v, centre, context, centre), "row of negatives"),
            ((u, v, short[:0], short[:0], negative[:0, :]), "1 or more"),
            ((u, v, u[:, 0], context, negative), "integers, got"),
        ):
            with pytest.raises(ValueError, match=message):
                function(*args)
    for call, message in (
        (lambda: windows([], 1), "at least 1 word"),
        (lambda: windows([short[:0]], 1), "at least 1 word"),
        (lambda: windows([short, floats], 1), "list of signed integers"),
        (lambda: windows([short, negative], 1), "list of signed integers"),
        (lambda: windows([unsigned], 1), "signed integers, got .*uint8"),
        (lambda: windows([short, -1 - short], 1), "got -6 to -1|got -4 to -1"),
        (lambda: pairs([short], 0), "window needs .* got 0"),
        (lambda: pairs([short], 1.5), "window needs .* got 1.5"),
        (lambda: pairs([short], True), "window needs .* got True"),
        (lambda: noise_distribution(floats, 0), "power needs .* got 0"),
        (lambda: noise_distribution(floats, np.inf), "got inf"),
        (lambda: noise_distribution(floats, np.nan), "got nan"),
        (lambda: noise_distribution(floats, True), "got True"),
        (lambda: noise_distribution(-floats), "counts from 0"),
        (lambda: noise_distribution(nan[0, :]), "counts from 0"),
        (lambda: noise_distribution(floats * np.inf), "counts from 0"),
        (lambda: noise_distribution(joint), "list of counts"),
        (lambda: noise_distribution(0 * floats), "above 0"),
        (lambda: cbow_loss(u, v[:, :2], near, centre, negative), "two tables"),
        (lambda: cbow_loss(u, v, 0 * near - 1, centre, negative), "context"),
        (lambda: cbow_loss(u, v, centre, centre, negative), "context word"),
        (lambda: cbow_loss(u, v, near - 1, centre, negative), "got -2 to"),
        (lambda: cbow_loss(u, v, near + V, centre, negative), "below 6"),
        (lambda: cbow_loss(u, v, near, beyond, negative), "below 6"),
        (lambda: optimal_scores(joint[:2, :], noise, 1), "a square of counts"),
        (lambda: optimal_scores(joint, joint, 1), "a square of counts"),
        (lambda: optimal_scores(-joint, noise, 1), "pair in each row"),
        (lambda: optimal_scores(bad_joint(0), noise, 1), "pair in each row"),
        (lambda: optimal_scores(bad_joint(np.inf), noise, 1), "each row"),
        (lambda: optimal_scores(joint, 2 * noise, 1), "probabilities"),
        (
            lambda: optimal_scores(joint, array(np.array([0, 0.5, 0.5])), 1),
            "positive noise",
        ),
        (lambda: optimal_scores(joint, noise, 0), "negatives needs"),
        (lambda: train(short, short, noise, 0, rng), "size needs"),
        (lambda: train(short, short, noise, 1, rng, 0), "negatives needs"),
        (lambda: train(short, short, noise, 1, rng, 1, 0), "epochs needs"),
        (lambda: train(short, short, noise, 1, rng, 1, 1, 0), "batch needs"),
        (lambda: train(short, short, -noise, 1, rng), "probabilities"),
        (lambda: train(short, short, noise * np.nan, 1, rng), "probabilities"),
        (lambda: train(short, centre, noise, 1, rng), "as many"),
        (lambda: train(short[:0], short[:0], noise, 1, rng), "as many"),
        (lambda: train(negative, negative, noise, 1, rng), "lists of 1"),
        (lambda: train(short, short, noise, 1, rng), "below 3, got 0 to"),
        (lambda: nearest(u, -1, 1), "word -1"),
        (lambda: nearest(u, 6, 1), "word 6"),
        (lambda: nearest(u, 0, 0), "k 0"),
        (lambda: nearest(u, 0, 6), "k 6"),
        (lambda: nearest(0 * u, 0, 1), "a direction"),
        (lambda: nearest(nan, 0, 1), "a direction"),
        (lambda: analogy(u * np.inf, centre, centre, centre), "a direction"),
        (lambda: analogy(u[:2, :], *[0 * short] * 3), "4 words .* got 2"),
        (lambda: analogy(u, short, centre, centre), "one length"),
        (lambda: analogy(u, centre, centre, short), "one length"),
        (lambda: analogy(u, centre, beyond, centre), "below 6"),
        (lambda: analogy(u, centre, centre, -1 - centre), "got -6 to -1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_training_is_as_the_page_says():
    path = ROOT / "experiments/sequences/word2vec.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    assert numbers["settings"] == [[2, 32], [5, 8], [5, 16], [5, 32]]
    for language in ("en", "ko"):
        for name in ("people", "capitals"):
            assert np.shape(numbers[language][name]) == (4, 5, 2)
    shares = {
        (language, name): np.array(numbers[language][name])
        for language in ("en", "ko")
        for name in ("people", "capitals")
    }
    english = [shares["en", name] for name in ("people", "capitals")]
    korean = [shares["ko", name] for name in ("people", "capitals")]
    for runs in english:
        assert runs[0].max() <= 0.25  # window 2
        assert runs[3, :, 0].min() >= 0.98  # window 5, E = 32
        assert runs[3, :, 1].min() >= 0.96
    people, capitals = korean
    assert 0.6 < people[0, :, 0].min() < people[0, :, 0].max() < 0.93
    assert people[0, :, 1].max() < 0.09
    assert capitals[0].max() < 0.12
    assert min(runs[3, :, 0].min() for runs in korean) >= 0.93
    assert round(min(runs[3, :, 1].min() for runs in korean), 2) == 0.23
    for runs in (*english, *korean):  # fewer entries, fewer right
        means = runs[1:, :, 0].mean(axis=1)
        assert means[0] < means[1] < means[2]
    assert numbers["ko"]["near"][0] == "왕비는"
    assert (numbers["en"]["words"], numbers["ko"]["words"]) == (78, 75)
    places = np.array(numbers["en"]["picture"])[..., 0]
    men, women = places.T
    assert men.max() < women.min() or women.max() < men.min()
