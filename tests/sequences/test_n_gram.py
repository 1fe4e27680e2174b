import json
from collections import Counter
from math import exp, inf, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from reference._corpus import stories
from reference.sequences.n_gram import (
    END,
    START,
    UNKNOWN,
    count,
    distribution,
    perplexity,
    probability,
    sample,
    surprise,
)
from tests.checks import assert_close

SENTENCES = [
    s.split() for s in ("the cat sleeps", "the cat eats", "the dog eats")
]
LETTERS = ["abbab", "cab", "", "abcabba"]
TEXTS = [list(t) for t in LETTERS]
NEW = [list("abba"), list("xab"), []]


def padded(text, n):
    return [START] * (n - 1) + list(text) + [END]


def counted(gram):
    """Count an n-gram of TEXTS by comparing it at each place."""
    found = 0
    for text in TEXTS:
        tokens = padded(text, len(gram))
        for t in range(len(gram) - 1, len(tokens)):
            match = True
            for j in range(len(gram)):
                match &= tokens[t - len(gram) + 1 + j] == gram[j]
            found += match
    return found


VOCABULARY = [END, UNKNOWN, "a", "b", "c"]


def estimate(history, token, k):
    context = list(history)
    total = sum(counted([*context, v]) for v in VOCABULARY)
    total += k * len(VOCABULARY)
    if total == 0:
        return None
    return (counted([*context, token]) + k) / total


def mixed(history, token, k, weight):
    """Mix the estimates, from the longest context down."""
    lower = mixed(history[1:], token, k, weight) if history else 1 / 5
    own = estimate(history, token, k)
    return lower if own is None else weight * own + (1 - weight) * lower


def known(token):
    return token if token in VOCABULARY else UNKNOWN


def nats(text, n, k, weight):
    """Sum the surprises of a text, one token at a time."""
    tokens, total = [known(v) for v in padded(text, n)[n - 1 :]], 0.0
    tokens = [START] * (n - 1) + tokens
    for t in range(n - 1, len(tokens)):
        history = tokens[t - n + 1 : t]
        total -= log(mixed(history, tokens[t], k, weight))
    return total


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""c(h, w) = \sum_{t} \, [\, h_t = h \text{ and } w_t = w \,]"""
    counts = count(TEXTS, n=3)
    for history in ([], ["a"], [START], ["b", "a"], [START, START]):
        for token in VOCABULARY:
            actual = counts.following[tuple(history)][token]
            assert actual == counted([*history, token])


def test_eq_2():
    r"""f_m(w \mid h) = \frac{c(h, w) + k}{c(h) + k V}"""
    counts = count(TEXTS, n=3)
    for history in (["a", "b"], ["c", "c"]):
        for token in VOCABULARY:
            expected = estimate(history, token, 0.5)
            actual = probability(counts, token, history, k=0.5)
            assert_close(actual, expected)


def test_eq_3():
    r"""\begin{aligned} P_m(w \mid h) = {} & \lambda \, f_m(w \mid h) \\
    & + (1 - \lambda) \, P_{m-1}(w \mid h') \end{aligned}"""
    counts = count(TEXTS, n=3)
    for history in (["a", "b"], ["b", "c"], ["c", "c"]):
        for token in VOCABULARY:
            for k in (0.0, 0.5):
                actual = probability(counts, token, history, k, weight=0.7)
                assert_close(actual, mixed(history, token, k, 0.7))


def test_eq_4():
    r"""S(w_1, \dots, w_T) = -\sum_{t=1}^{T} \log P(w_t \mid h_t)"""
    counts = count(TEXTS, n=3)
    for text in NEW:
        actual = surprise(counts, text, k=0.2, weight=0.6)
        assert_close(actual, nats(text, 3, 0.2, 0.6))


def test_eq_5():
    r"""\mathrm{PP} = \exp \left( \frac{\sum_i S_i}{\sum_i T_i} \right)"""
    total = places = 0
    for text in NEW:
        total += nats(text, 2, 0.2, 0.6)
        places += len(text) + 1
    actual = perplexity(count(TEXTS, n=2), NEW, k=0.2, weight=0.6)
    assert_close(actual, exp(total / places))


def test_eq_6():
    r"""i = \min \Big\{ j : \sum_{l=1}^{j} P(v_l \mid h) > r \Big\}"""
    counts = count(TEXTS, n=2)
    for seed in range(20):
        text = sample(counts, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        for t, token in enumerate([*text, END]):
            r, reached, drawn = rng.random(), 0.0, None
            for v in VOCABULARY:
                history = text[t - 1 : t] or [START]
                reached += mixed(history, v, 0.0, 1.0)
                if reached > r and drawn is None:
                    drawn = v
            assert drawn == token


# The same as everybody else's: scikit-learn's counts and smoothed frequencies,
# SciPy's entropy, NumPy's draws.


@pytest.mark.parametrize("language", ["en", "ko"])
def test_counts_are_those_of_scikit_learn(language):
    texts = [" ".join(story).split() for story in stories(language)[:40]]
    following = count(texts, n=3).following
    for m in (1, 2, 3):
        tool = CountVectorizer(
            tokenizer=str.split,
            token_pattern=None,
            lowercase=False,
            ngram_range=(m, m),
        )
        table = tool.fit_transform(" ".join(padded(t, m)) for t in texts)
        grams = map(str.split, tool.get_feature_names_out())
        sums = np.asarray(table.sum(axis=0))[0]
        expected = {tuple(g): c for g, c in zip(grams, sums, strict=True)}
        actual = {
            (*h, w): c
            for h, seen in following.items()
            if len(h) == m - 1
            for w, c in seen.items()
        }
        assert actual == expected


@pytest.mark.parametrize("k", [0.01, 1.0, 7.0])
def test_smoothing_is_that_of_scikit_learn(k):
    counts = count(TEXTS, n=2)
    pairs = [
        (tokens[t - 1], tokens[t])
        for tokens in (padded(text, 2) for text in TEXTS)
        for t in range(1, len(tokens))
    ]
    one_hot = np.array([[w == v for v in counts.vocabulary] for _, w in pairs])
    labels = [h for h, _ in pairs]
    tool = MultinomialNB(alpha=k).fit(one_hot.astype(float), labels)
    expected = dict(zip(tool.classes_, tool.feature_log_prob_, strict=True))
    for history in ([], ["a"], ["b"], ["c"]):
        label = history[-1] if history else START
        actual = distribution(counts, history, k)
        assert_close(actual, np.exp(expected[label]))


def test_perplexity_of_the_own_text_is_that_of_its_entropy():
    counts = count(TEXTS, n=1)
    often = Counter(v for text in TEXTS for v in [*text, END])
    expected = np.exp(entropy(list(often.values())))
    assert_close(perplexity(counts, TEXTS), expected)
    nats = sum(surprise(counts, text) for text in TEXTS)
    assert_close(nats, log(expected) * often.total())


@pytest.mark.parametrize(("k", "weight"), [(0.0, 1.0), (0.3, 0.8)])
def test_texts_are_drawn_as_numpy_draws(k, weight):
    counts = count(TEXTS, n=2)
    for seed in range(10):
        rng, expected = np.random.default_rng(seed), []
        while len(expected) < 6:
            p = distribution(counts, expected, k, weight)
            token = counts.vocabulary[rng.choice(len(p), p=p)]
            if token == END:
                break
            expected.append(token)
        rng = np.random.default_rng(seed)
        assert sample(counts, rng, k, weight, longest=6) == expected


# Hand-written gradients: none, there is nothing to differentiate.

# What the page promises: invariances, limits, pitfalls, refused inputs.


@settings(max_examples=20)
@given(
    texts=st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=1),
    context=st.lists(st.sampled_from("abcx"), max_size=4),
    n=st.integers(1, 4),
    k=st.sampled_from([0.0, 1e-3, 1.0]),
    weight=st.floats(0, 0.99),
)
def test_probabilities_sum_to_one(texts, context, n, k, weight):
    counts = count(texts, n)
    p = distribution(counts, context, k, weight)
    assert p.shape == (len(counts.vocabulary),)
    assert np.all(p >= 0)
    assert_close(p.sum(), 1.0)
    assert p.dtype == np.float64


@pytest.mark.parametrize("n", [1, 2, 3])
def test_plain_frequencies_sum_to_one_after_every_context_seen(n):
    counts = count(TEXTS, n)
    for history in counts.following:
        if len(history) == n - 1 and START not in history:
            assert_close(distribution(counts, history).sum(), 1.0)


def test_perplexity_of_a_uniform_model_is_the_size_of_the_vocabulary():
    for n in (1, 2, 4):
        assert_close(perplexity(count(TEXTS, n), NEW, weight=0.0), 5.0)
    assert_close(perplexity(count(TEXTS, 2), NEW, k=1e12), 5.0, rtol=1e-9)


def test_the_example_by_hand():
    counts = count(SENTENCES, n=2)
    assert len(counts.vocabulary) == 7
    assert_close(probability(counts, "cat", ["the"]), 2 / 3)
    new = ["the", "dog", "sleeps"]
    assert surprise(counts, new) == perplexity(counts, [new]) == inf
    assert_close(surprise(counts, new, k=1.0), log(400))
    assert_close(perplexity(counts, [new], k=1.0), 400**0.25)
    p = probability(counts, "sleeps", ["dog"], weight=0.5)
    assert_close(p, 19 / 336)


def test_defaults_do_not_smooth():
    counts = count(TEXTS, n=2)
    assert probability(counts, "c", ["a"]) == 0
    assert distribution(counts, ["a"]).tolist() == [
        probability(counts, v, ["a"], 0.0, 1.0) for v in VOCABULARY
    ]
    assert surprise(counts, ["a"]) == surprise(counts, ["a"], 0.0, 1.0)
    assert perplexity(counts, [["a"]]) == perplexity(counts, [["a"]], 0.0, 1.0)
    endless = count([["a"] * 99999], n=2)
    drawn = sample(endless, np.random.default_rng(0))
    assert drawn == ["a"] * 1000


def test_only_the_last_tokens_count():
    counts = count(TEXTS, n=3)
    long, short = list("bbbbab"), list("ab")
    for v in VOCABULARY:
        actual = probability(counts, v, long, k=0.1)
        assert actual == probability(counts, v, short, k=0.1)


def test_rare_tokens_become_unknown():
    counts = count(TEXTS, n=2, min_count=3)
    assert counts.vocabulary == (END, UNKNOWN, "a", "b")
    assert counts.following[()][UNKNOWN] == 2
    assert count(TEXTS, n=2, min_count=2).vocabulary == tuple(VOCABULARY)
    assert count(TEXTS, n=2).vocabulary == tuple(VOCABULARY)
    after = count(TEXTS, n=2, min_count=3)
    assert probability(after, "z", list("ab")) == probability(
        after, "c", list("ab")
    )
    assert probability(after, "a", ["z"]) == 1.0  # "a" came after each "c"


def test_generators_are_counted_like_lists():
    assert count((t for t in TEXTS), n=2) == count(TEXTS, n=2)
    counts = count(TEXTS, n=1)
    actual = perplexity(counts, (t for t in TEXTS))
    assert actual == perplexity(counts, TEXTS)


@pytest.mark.usefixtures("unchecked")
def test_a_text_that_can_be_read_only_once_is_not_lost():
    assert count(map(iter, TEXTS), n=2) == count(TEXTS, n=2)


def test_a_tiny_k_gives_a_finite_or_infinite_perplexity_without_warning():
    counts = count(TEXTS, n=1)
    assert perplexity(counts, [["x"] * 50], k=5e-324) == inf
    assert perplexity(counts, [["x"] * 50], k=1e-200) < inf


def test_the_vocabulary_and_longest_bound_what_is_drawn():
    counts = count(TEXTS, n=2)
    rng = np.random.default_rng(0)
    drawn = [sample(counts, rng, weight=0.5, longest=3) for _ in range(50)]
    assert max(map(len, drawn)) == 3
    assert {v for text in drawn for v in text} <= {UNKNOWN, "a", "b", "c"}
    assert sample(counts, rng, longest=0) == []


class Low(np.random.Generator):
    """Draws nothing but the least number."""

    def random(self):
        return 0.0


def test_what_has_the_probability_0_is_never_drawn():
    counts = count([["a"]], n=2)
    assert sample(counts, Low(np.random.PCG64(0))) == ["a"]


class High(np.random.Generator):
    """Draws nothing but the greatest number."""

    def random(self):
        return 1 - 2.0**-53


def test_rounding_of_the_sum_leaves_no_gap_at_the_end():
    counts = count([[v] for v in "abcdefghijk"], n=1)
    sums = np.cumsum(distribution(counts, weight=0.9))
    rng = High(np.random.PCG64(0))
    assert sums[-1] < rng.random()
    assert sample(counts, rng, weight=0.9, longest=2) == ["k", "k"]


def test_the_numbers_of_the_experiment_are_those_of_the_page():
    path = Path(__file__).parents[2] / "experiments/sequences/n_gram.json"
    results = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    assert results["orders"][-1] == 18
    few, many = (results["stories"][size] for size in ("40", "300"))
    assert_close([few["train"][-1], many["train"][-1]], np.log([40, 300]))
    assert min(many["train"][:-1]) > log(384) > many["train"][-1]
    best = [min(run["held_out"]) for run in (few, many)]
    assert few["held_out"].index(best[0]) == results["orders"].index(4)
    assert results["orders"][many["held_out"].index(best[1])] >= 8
    assert few["held_out"][-1] > 2 * best[0]
    assert many["held_out"][-1] > 1.9 * best[1]
    assert best[1] > log(384) + log(2)
    for run in (few, many):
        assert max(run["distinct"]) < 2500
        assert np.all(np.greater(run["add_one"], run["held_out"])[1:])
    at = [results["orders"].index(n) for n in (15, 17, 18)]
    assert np.all(np.diff(np.array(many["held_out"])[at]) > 2)
    assert results["drawn"]["8"] == [21, 5, 24]
    assert results["drawn"]["18"] == [50, 0, 0]


def test_korean_words_are_as_often_unknown_as_english_ones():
    path = Path(__file__).parents[2] / "experiments/sequences/n_gram.json"
    results = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    english, words, syllables = results["unknown"].values()
    assert_close(english["a_story"], words["a_story"])
    assert np.all(np.less(english["share"], words["share"]))
    assert np.mean(syllables["a_story"]) > np.mean(words["a_story"])
    assert np.all(np.less(results["unspelled"], words["share"]))


@pytest.mark.parametrize(("n", "min_count"), [(0, 1), (-1, 1), (2, 0)])
def test_other_orders_are_refused(n, min_count):
    with pytest.raises(ValueError, match=f"got {n} and {min_count}"):
        count(TEXTS, n, min_count)


def test_no_text_is_refused():
    with pytest.raises(ValueError, match="at least one text, got none"):
        count([], n=2)
    with pytest.raises(ValueError, match="perplexity needs at least one text"):
        perplexity(count(TEXTS, n=2), [])


@pytest.mark.parametrize("mark", [START, END])
def test_marks_in_a_text_are_refused(mark):
    counts = count(TEXTS, n=2)
    for refused in (
        lambda: count([["a", mark]], n=2),
        lambda: probability(counts, "a", [mark]),
        lambda: surprise(counts, ["a", mark]),
        lambda: perplexity(counts, [["a", mark]]),
    ):
        with pytest.raises(ValueError, match=f"no marks, got '{mark}'"):
            refused()


def test_strings_are_refused():
    counts = count(TEXTS, n=2)
    for refused in (
        lambda: count(["the cat"], n=2),
        lambda: probability(counts, "a", "the cat"),
        lambda: surprise(counts, "the cat"),
        lambda: perplexity(counts, ["the cat"]),
    ):
        with pytest.raises(ValueError, match="got the string 'the cat'"):
            refused()


def test_the_start_is_never_predicted():
    with pytest.raises(ValueError, match="starts only once, got the token"):
        probability(count(TEXTS, n=2), START)


def test_a_context_never_seen_needs_smoothing():
    counts = count(TEXTS, n=3)
    with pytest.raises(ValueError, match=r"got \('c', 'c'\), k = 0.0 and"):
        probability(counts, "a", ["c", "c"])
    assert_close(probability(counts, "a", ["c", "c"], k=1.0), 1 / 5)
    assert_close(
        probability(counts, "a", ["c", "c"], weight=0.9),
        probability(count(TEXTS, n=2), "a", ["c"], weight=0.9),
    )


@pytest.mark.parametrize(
    ("k", "weight"),
    [
        (-0.1, 1.0),
        (inf, 1.0),
        (np.nan, 1.0),
        (1e308, 1.0),
        (0.0, -0.1),
        (0.0, 1.1),
        (0.0, np.nan),
    ],
)
def test_other_smoothing_is_refused(k, weight):
    counts, rng = count(TEXTS, n=2), np.random.default_rng(0)
    for refused in (
        lambda: probability(counts, "a", [], k, weight),
        lambda: distribution(counts, [], k, weight),
        lambda: surprise(counts, [], k, weight),
        lambda: perplexity(counts, [[]], k, weight),
        lambda: sample(counts, rng, k, weight),
    ):
        with pytest.raises(ValueError, match=f"weight = {weight}"):
            refused()


def test_a_negative_length_is_refused():
    with pytest.raises(ValueError, match="longest >= 0, got -1"):
        sample(count(TEXTS, n=2), np.random.default_rng(0), longest=-1)
