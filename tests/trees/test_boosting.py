from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)

from reference.trees.boosting import (
    Boosted,
    adaboost,
    best_constant,
    example_weights,
    gradient_boosting,
    logistic,
    mistakes,
    newton_leaves,
    predict_labels,
    scores,
    squared,
    staged_scores,
    vote,
    weighted_error,
)
from reference.trees.decision_tree import (
    find_leaf,
    gini,
    predict,
    regression_tree,
)
from tests.checks import assert_close


@pytest.fixture
def x(rng):
    """Return features that float32, scikit-learn's type, holds exactly."""
    return rng.normal(size=(150, 4)).astype(np.float32).astype(float)


@pytest.fixture
def y(rng, x):
    return np.where(x[:, 0] + x[:, 1] + rng.normal(size=150) > 0, 1, -1)


@pytest.fixture
def numbers(rng, x):
    return np.sin(2 * x[:, 0]) * x[:, 1] + 0.3 * rng.normal(size=150) + 5


def stages(model, x, y):
    """Return weights, answers and error of each stump of AdaBoost."""
    found = []
    for score, tree in zip(staged_scores(model, x), model.trees, strict=False):
        w, h = example_weights(y, score), predict(tree, x)
        found.append((w, h, weighted_error(w, y, h)))
    return found


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, y):
    r"""F_t(x) = F_0 + \sum_{s=1}^{t} \alpha_s h_s(x)"""
    model = adaboost(x, y, 4)._replace(start=np.float64(0.7))
    totals = np.full((5, 6), 0.7)
    for t in range(5):
        for n in range(6):
            for s in range(t):
                h = predict(model.trees[s], x[n : n + 1])[0]
                totals[t, n] += model.steps[s] * h
    assert_close(list(staged_scores(model, x[:6])), totals)
    assert_close(scores(model, x[:6]), totals[4])


def test_eq_2(rng):
    r"""E(S) = 1 - \max_c p_c(S)"""
    counts = rng.uniform(size=(5, 3))
    expected = [1 - max(c / sum(row) for c in row) for row in counts]
    assert_close(mistakes(counts), expected)


def test_eq_3(rng):
    r"""\varepsilon = \sum_{n=1}^{N} w_n \, [h(x_n) \ne y_n]"""
    w, y, h = rng.uniform(size=9), rng.choice([0, 1, 2], 9), np.ones(9)
    expected = sum(w[n] for n in range(9) if h[n] != y[n])
    assert_close(weighted_error(w, y, h), expected)


@pytest.mark.parametrize("error", [0.01, 0.2, 0.5, 0.9])
def test_eq_4(error):
    r"""\alpha = \frac{1}{2} \log \frac{1 - \varepsilon}{\varepsilon}"""
    assert_close(vote(error), 1 / 2 * log((1 - error) / error))


def test_eq_5(rng):
    r"""w_n = \frac{e^{-y_n F(x_n)}}{\sum_{m=1}^{N} e^{-y_m F(x_m)}}"""
    y, f = rng.choice([-1, 1], 9), rng.normal(size=9)
    total = sum(exp(-y[m] * f[m]) for m in range(9))
    expected = [exp(-y[n] * f[n]) / total for n in range(9)]
    assert_close(example_weights(y, f), expected)


def test_eq_6(rng):
    r"""r_n = y_n - F(x_n)"""
    y, f = rng.normal(size=(2, 5))
    residual, curvature = squared(y, f)
    assert_close(residual, [y[n] - f[n] for n in range(5)])
    assert_close(curvature, np.ones(5))


def test_eq_7(rng):
    r"""r_n = \frac{y_n}{1 + e^{y_n F(x_n)}}"""
    y, f = rng.choice([-1, 1], 9), rng.normal(size=9)
    expected = [y[n] / (1 + exp(y[n] * f[n])) for n in range(9)]
    assert_close(logistic(y, f)[0], expected)


def test_eq_8(rng):
    r"""k_n = p_n (1 - p_n)"""
    y, f = rng.choice([-1, 1], 9), rng.normal(size=9)
    p = [1 / (1 + exp(-f[n])) for n in range(9)]
    assert_close(logistic(y, f)[1], [p[n] * (1 - p[n]) for n in range(9)])


def test_eq_9():
    r"""F_0 = \log \frac{N_+}{N_-}"""
    y = np.array([1, -1, 1, 1, -1, 1, 1])
    positive = sum(1 for n in range(7) if y[n] == 1)
    assert_close(best_constant(y, logistic), log(positive / (7 - positive)))


def test_eq_10(rng, x, numbers):
    r"""\gamma_j = \frac{\sum_{n \in S_j} r_n}{\sum_{n \in S_j} k_n}"""
    r, k = rng.normal(size=150), rng.uniform(size=150)
    tree = regression_tree(x, numbers, max_depth=2)
    expected = np.zeros(len(tree.feature))
    for j in set(find_leaf(tree, x)):
        here = [n for n in range(150) if find_leaf(tree, x[n : n + 1])[0] == j]
        expected[j] = sum(r[n] for n in here) / sum(k[n] for n in here)
    actual = newton_leaves(tree, x, r, k)
    assert_close(actual.value, expected)
    assert_close(actual.threshold, tree.threshold)


# The same as everybody else's: scikit-learn, and a search by brute force.


def test_adaboost_is_scikit_learns(x, y):
    """Its weak learner is a stump of least Gini impurity; its vote is 2α."""
    theirs = AdaBoostClassifier(n_estimators=20, random_state=0).fit(x, y)
    model = adaboost(x, y, 20, gini)
    assert_close(2 * model.steps, theirs.estimator_weights_)
    assert_close([s[2] for s in stages(model, x, y)], theirs.estimator_errors_)
    for tree, other in zip(model.trees, theirs.estimators_, strict=True):
        assert tree.feature[0] == other.tree_.feature[0]
        assert_close(tree.threshold[0], other.tree_.threshold[0], 1e-6)
    new = x + 0.1
    assert_close(predict_labels(model, new), theirs.predict(new))
    # For two classes its score is the mean vote, times 2.
    mean_vote = scores(model, new) / np.sum(model.steps)
    assert_close(2 * mean_vote, theirs.decision_function(new))


def least_error(x, y, w):
    """Return the least weighted error of all stumps, tried one by one."""
    errors = []
    for d in range(x.shape[1]):
        for t in sorted(set(x[:, d]))[:-1]:
            yes = x[:, d] <= t
            for a in (-1, 1):
                for b in (-1, 1):
                    h = np.where(yes, a, b)
                    errors.append(np.sum(w[h != y]))
    return min(errors)


def test_every_stump_has_the_least_weighted_error(x, y):
    x, y = x[:40], y[:40]
    model = adaboost(x, y, 8)
    for w, _, error in stages(model, x, y):
        assert_close(error, least_error(x, y, w))


def leaves_of(tree, x):
    """Return for each example which others share its leaf: an N x N table."""
    leaf = tree.apply(x) if hasattr(tree, "apply") else find_leaf(tree, x)
    return leaf[:, None] == leaf


# Leaves of 10 and more, in which splits hardly ever tie.
OPTIONS = [
    {"learning_rate": 0.3, "max_depth": 1},
    {"learning_rate": 1.0, "max_depth": 3, "min_samples_leaf": 10},
]


def ours(options):
    """Return scikit-learn's options under our names."""
    return {k.replace("learning_", ""): v for k, v in options.items()}


@pytest.mark.parametrize("options", OPTIONS)
def test_squared_loss_is_scikit_learns(x, numbers, options):
    theirs = GradientBoostingRegressor(
        n_estimators=10, random_state=0, **options
    ).fit(x, numbers)
    model = gradient_boosting(x, numbers, rounds=10, **ours(options))
    mine = list(staged_scores(model, x))[1:]
    assert_close(mine, list(theirs.staged_predict(x)))
    for tree, other in zip(model.trees, theirs.estimators_[:, 0], strict=True):
        assert_close(leaves_of(tree, x), leaves_of(other, x))
    assert_close(scores(model, x + 0.1), theirs.predict(x + 0.1))


@pytest.mark.parametrize("options", OPTIONS)
def test_logistic_loss_is_scikit_learns(x, y, options):
    theirs = GradientBoostingClassifier(
        n_estimators=10, random_state=0, **options
    ).fit(x, y)
    model = gradient_boosting(x, y, logistic, rounds=10, **ours(options))
    mine = np.stack(list(staged_scores(model, x))[1:])
    assert_close(mine[..., None], list(theirs.staged_decision_function(x)))
    new = x + 0.1
    assert_close(scores(model, new), theirs.decision_function(new))
    assert_close(predict_labels(model, new), theirs.predict(new))
    p = 1 / (1 + np.exp(-scores(model, new)))
    assert_close(p, theirs.predict_proba(new)[:, 1])


@pytest.mark.usefixtures("unchecked")  # and so quicker
def test_the_defaults_are_scikit_learns():
    """Squared loss, 100 rounds, rate 0.1, depth 3, leaves of one example.

    On real data; in leaves of single examples, ties change new answers.
    """
    x, y = (a[:60] for a in load_diabetes(return_X_y=True))
    theirs = GradientBoostingRegressor(random_state=0).fit(x, y)
    model = gradient_boosting(x, y)
    assert_close(scores(model, x), theirs.predict(x), 1e-6)
    assert_close(model.steps, np.full(100, 0.1))


def test_breast_cancer_in_ten_rounds():
    x, y = load_breast_cancer(return_X_y=True)
    theirs = AdaBoostClassifier(n_estimators=10, random_state=0).fit(x, y)
    model = adaboost(x, 2 * y - 1, 10, gini)
    assert_close(2 * model.steps, theirs.estimator_weights_)
    assert_close(predict_labels(model, x) > 0, theirs.predict(x) == 1)


# Gradients: residual and curvature are those of the losses, by autograd.


@pytest.mark.parametrize("loss", [squared, logistic])
def test_residuals_are_minus_the_gradient(rng, loss):
    y, f = rng.choice([-1.0, 1.0], 7), rng.normal(size=7)
    leaf, labels = torch.asarray(f).requires_grad_(), torch.asarray(y)
    if loss is squared:
        value = torch.sum((labels - leaf) ** 2) / 2
    else:
        value = torch.sum(torch.nn.functional.softplus(-labels * leaf))
    [slope] = torch.autograd.grad(value, leaf, create_graph=True)
    [bend] = torch.autograd.grad(torch.sum(slope), leaf)
    residual, curvature = loss(y, f)
    assert_close(residual, -slope)
    assert_close(curvature, bend)


@pytest.mark.parametrize("loss", [squared, logistic])
def test_the_start_is_the_best_constant(loss):
    """There the residuals sum to zero."""
    y = np.array([1.0, -1.0, -1.0, 1.0, -1.0])
    start = best_constant(y, loss)
    assert_close(np.sum(loss(y, np.full(5, start))[0]), 0.0)


# What the page promises, and what is refused.


@pytest.fixture
def five():
    return np.arange(1.0, 6.0)[:, None], np.array([1, 1, -1, -1, 1])


@pytest.mark.parametrize("impurity", [mistakes, gini])
def test_five_points_by_pencil(five, impurity):
    x, y = five
    model = adaboost(x, y, 3, impurity)
    assert_close(np.exp(2 * model.steps), [4.0, 3.0, 5.0])
    assert_close([s[2] for s in stages(model, x, y)], [1 / 5, 1 / 4, 1 / 6])
    weights = [s[0] for s in stages(model, x, y)]
    assert_close(8 * weights[1], [1.0, 1, 1, 1, 4])
    assert_close(np.sort(12 * weights[2]), [1.0, 1, 3, 3, 4])
    assert_close(predict_labels(model, x), y)


def test_four_points_by_pencil():
    x, y = np.arange(1.0, 5.0)[:, None], np.array([0.0, 2.0, 4.0, 10.0])
    model = gradient_boosting(x, y, rounds=2, rate=0.5, max_depth=1)
    expected = [[4.0, 4, 4, 4], [3.0, 3, 3, 7], [2.0, 2, 4, 8]]
    assert_close(list(staged_scores(model, x)), expected)


rows = st.lists(
    st.tuples(st.integers(-4, 4), st.integers(-4, 4), st.sampled_from([-1, 1])),
    min_size=3,
    max_size=12,
)


@settings(max_examples=15)
@given(rows, st.sampled_from([mistakes, gini]))
def test_error_bound_and_weights(rows, impurity):
    """The mean exponential loss is the product; it bounds the error."""
    *features, y = np.array(rows).T
    x = np.stack(features, axis=1).astype(float)
    try:
        model = adaboost(x, y, 5, impurity)
    except ValueError:
        assert least_error_of_any(x, y) > 0.5 - 1e-9
        return
    found = stages(model, x, y)
    if found[0][2] == 0:
        assert_close(scores(model, x), y.astype(float))
        return
    bound = 1.0
    all_scores = list(staged_scores(model, x))
    for (w, h, error), score in zip(found, all_scores[1:], strict=True):
        bound *= 2 * sqrt(error * (1 - error))
        assert_close(np.mean(np.exp(-y * score)), bound)
        assert np.mean(np.where(score > 0, 1, -1) != y) <= bound + 1e-9
        after = np.where(h == y, w / (2 * (1 - error)), w / (2 * error))
        again = example_weights(y, score)
        assert_close(again, after)
        assert_close(weighted_error(again, y, h), 0.5)


def least_error_of_any(x, y):
    """Return the least error of stumps and of "always +" and "always -"."""
    w = np.full(len(y), 1 / len(y))
    constant = min(np.mean(y == 1), np.mean(y == -1))
    split = [least_error(x, y, w)] if np.any(np.ptp(x, axis=0)) else []
    return min([constant, *split])


def test_a_perfect_stump_votes_alone():
    x, y = np.arange(4.0)[:, None], np.array([-1, -1, 1, 1])
    model = adaboost(x, y, 10)
    assert len(model.trees) == 1
    assert_close(scores(model, x), [-1.0, -1, 1, 1])
    assert_close(predict_labels(adaboost(x, np.ones(4), 10), x), np.ones(4))


def test_rounds_end_where_no_stump_is_better_than_chance():
    """A constant feature: "always +" is all there is, and only once."""
    x, y = np.ones((3, 1)), np.array([1, -1, 1])
    model = adaboost(x, y, 10)
    assert_close(model.steps, [log(2) / 2])
    assert_close(predict_labels(model, x), np.ones(3))
    with pytest.raises(ValueError, match=r"error below 1/2, got 0\.5"):
        adaboost(x[:2], y[:2], 10)


def test_a_stump_hardly_better_than_chance_counts():
    y = np.repeat([1, -1], [5001, 5000])
    model = adaboost(np.ones((10001, 1)), y, 1)
    assert_close(model.steps, [log(5001 / 5000) / 2])


def test_a_loss_of_ones_own_starts_from_the_mean(x, numbers):
    """Twice the squared loss has twice the slope and twice the curvature."""

    def doubled(y, score):
        return 2 * (y - score), np.full_like(score, 2)

    x, numbers = x[:40], numbers[:40]
    model = gradient_boosting(x, numbers, doubled, 3, max_depth=2)
    expected = gradient_boosting(x, numbers, squared, 3, max_depth=2)
    assert_close(scores(model, x), scores(expected, x))


def test_xor_is_refused_for_stumps_and_learned_with_depth_2():
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([-1, 1, 1, -1])
    with pytest.raises(ValueError, match="needs a stump with an error below"):
        adaboost(x, y, 10)
    options = {"rounds": 3, "rate": 1.0}
    flat = gradient_boosting(x, y, max_depth=1, **options)
    assert_close(scores(flat, x), np.zeros(4))
    deep = gradient_boosting(x, y, max_depth=2, **options)
    assert_close(scores(deep, x), y.astype(float))


def test_a_score_of_zero_is_answered_minus_one(five):
    x, y = five
    model = adaboost(x, y, 1)._replace(steps=np.zeros(1))
    assert_close(predict_labels(model, x), -np.ones(5))


def test_training_loss_never_rises_with_a_rate_up_to_one(x, numbers):
    for rate in (0.1, 1.0):
        model = gradient_boosting(x, numbers, rounds=5, rate=rate)
        losses = [np.mean((numbers - s) ** 2) for s in staged_scores(model, x)]
        assert all(a >= b for a, b in pairwise(losses))


def test_all_residuals_zero_stay_zero():
    x, y = np.arange(4.0)[:, None], np.full(4, 3.0)
    model = gradient_boosting(x, y, rounds=3)
    assert_close(scores(model, x), y)


def test_stages_are_arrays_of_their_own(x, y):
    first, second, *_ = staged_scores(adaboost(x, y, 2), x)
    assert_close(first, np.zeros(150))
    assert np.all(second != 0)


def test_inputs_are_not_changed(x, y, numbers):
    before = x.copy(), y.copy(), numbers.copy()
    adaboost(x, y, 3)
    gradient_boosting(x, numbers, rounds=3)
    for now, then in zip((x, y, numbers), before, strict=True):
        assert_close(now, then)


def test_float32(x, y, numbers):
    narrow = np.float32(x)
    rate = np.float64(0.5)
    for labels, fit in (
        (y, lambda x, y: adaboost(x, y, 5)),
        (y, lambda x, y: gradient_boosting(x, y, logistic, 3, rate)),
        (
            np.float32(numbers),
            lambda x, y: gradient_boosting(x, y, squared, 3, rate),
        ),
    ):
        model, wide = fit(narrow, labels), fit(x, labels.astype(float))
        for part in (model.start, model.steps, model.trees[-1].value):
            assert part.dtype == np.float32
        actual = scores(model, narrow)
        assert actual.dtype == np.float32
        assert_close(actual, scores(wide, x), rtol=1e-3, atol=1e-3)


def test_float32_keeps_the_digits_of_residuals_beside_a_large_mean(x, numbers):
    """At 2 ** 17 float32 has steps of 1/64; these targets are whole eighths."""
    x, y = x[:40], np.round(8 * numbers[:40]) / 8 + 2**17
    wide, narrow = (
        gradient_boosting(x.astype(d), y.astype(d), rounds=3, rate=0.3)
        for d in (np.float64, np.float32)
    )
    for tree, other in zip(narrow.trees, wide.trees, strict=True):
        assert tree.value.dtype == np.float32
        assert_close(tree.value, other.value, rtol=1e-4, atol=1e-4)


def test_integers_are_numbers_too():
    x, y = np.array([[1], [2], [3], [4]]), np.array([0, 2, 4, 10])
    model = gradient_boosting(x, y, rounds=2, rate=0.5, max_depth=1)
    assert_close(scores(model, x), [2.0, 2, 4, 8])
    labels = np.array([1, -1, -1, 1])
    assert_close(predict_labels(adaboost(x, labels, 3), x), labels)


def test_huge_scores_neither_overflow_nor_lose_the_curvature():
    y, f = np.array([1, -1, 1, -1]), np.array([-1e4, 1e4, 1e4, -50.0])
    assert_close(example_weights(y, f), [0.5, 0.5, 0.0, 0.0])
    for part in logistic(y, f.astype(np.float32)):
        assert part.dtype == np.float32
    residual, curvature = logistic(y, f)
    assert_close(residual, [1.0, -1.0, 0.0, -exp(-50)], atol=0)
    assert_close(curvature, [0.0, 0.0, 0.0, exp(-50)], atol=0)
    assert_close(logistic(y, -f)[1][3], exp(-50), atol=0)


@pytest.mark.parametrize(
    ("dtype", "least"), [(np.float32, 1e-19), (np.float64, 1e-154)]
)
def test_a_leaf_without_curvature_takes_no_step(dtype, least):
    x, y = np.array([[1.0], [2.0]], dtype), np.array([0.0, 1.0], dtype)
    tree = regression_tree(x, y)
    r, k = np.array([1.0, 1.0]), np.array([least / 2, least * 2])
    steps = newton_leaves(tree, x, r, k).value
    assert steps.dtype == dtype
    assert_close(steps[:2], [0.0, 0.0])
    assert_close(steps[2] * least, 0.5, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_the_unit_of_y_does_not_matter(x, numbers, scale):
    expected = scores(gradient_boosting(x, numbers, rounds=3), x)
    actual = scores(gradient_boosting(x, scale * numbers, rounds=3), x)
    assert_close(actual / scale, expected)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("rounds", [0, -1, 2.0, True, np.nan, None])
def test_other_than_whole_rounds_are_refused(five, rounds):
    for fit in (
        lambda: adaboost(*five, rounds),
        lambda: gradient_boosting(*five, rounds=rounds),
    ):
        with pytest.raises(ValueError, match=f"above 0, got {rounds}"):
            fit()
    assert len(adaboost(*five, np.int64(2)).trees) == 2


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("rate", [0, -0.1, np.inf, np.nan])
def test_other_rates_are_refused(five, rate):
    with pytest.raises(ValueError, match=f"0 < rate < inf, got {rate}"):
        gradient_boosting(*five, rate=rate)


def test_the_step_of_the_least_error_is_finite():
    """It is 2 to the power of -1074."""
    assert_close(vote(5e-324), 537 * log(2))


def test_the_mean_of_float32_is_exact():
    y = np.float32(1e6) + np.arange(100, dtype=np.float32) / 8
    assert_close(best_constant(y), 1e6 + 99 / 16)
    assert_close(best_constant(np.full(9, 3e38, np.float32)), 3e38, rtol=1e-7)


@pytest.mark.usefixtures("unchecked")
def test_leaves_need_a_residual_and_a_curvature_of_each_example(five):
    x, ones = five[0], np.ones(5)
    tree = regression_tree(x, x[:, 0])
    for bad in (ones[:4], ones[:1], ones[:, None], np.ones(6)):
        for pair in ((bad, ones), (ones, bad), (bad, bad)):
            with pytest.raises(ValueError, match="a residual and a curvature"):
                newton_leaves(tree, x, *pair)
    # A leaf without examples, or of no curvature at all, gets 0.
    leaf = find_leaf(tree, x)
    assert_close(
        newton_leaves(tree, x[:2], *ones[:4].reshape(2, 2)).value[leaf],
        [1, 1, 0, 0, 0.0],
    )
    flat = np.where(x[:, 0] == 2, 0, ones)
    assert_close(newton_leaves(tree, x, ones, flat).value[leaf], flat)
    for bad in (-1.0, np.nan):
        with pytest.raises(ValueError, match=f"at least 0, got {bad}"):
            newton_leaves(tree, x, ones, np.where(x[:, 0] == 2, bad, ones))


@pytest.mark.parametrize("bad", [{"max_depth": -1}, {"min_samples_leaf": 0}])
def test_limits_of_the_trees_are_theirs(five, bad):
    with pytest.raises(ValueError, match="max_depth and min_impurity_decrease"):
        gradient_boosting(*five, **bad)


@pytest.mark.parametrize(
    "labels", [[0, 1, 0, 1, 1], [1, 2, 1, 2, 1], [1, 1, 1, 1, 0]]
)
def test_other_labels_are_refused(five, labels):
    x, y = five[0], np.array(labels)
    with pytest.raises(ValueError, match="labels need to be -1 or"):
        adaboost(x, y, 3)
    with pytest.raises(ValueError, match="labels need to be -1 or"):
        gradient_boosting(x, y, logistic)
    with pytest.raises(ValueError, match="labels need to be -1 or"):
        best_constant(y, logistic)


@pytest.mark.parametrize("label", [-1, 1])
def test_log_odds_need_both_labels(five, label):
    with pytest.raises(ValueError, match="need both labels, -1 and"):
        gradient_boosting(five[0], np.full(5, label), logistic)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("error", [0, 1, -0.1, 1.1, np.nan])
def test_a_vote_without_a_finite_value_is_refused(error):
    with pytest.raises(ValueError, match=f"0 < error < 1, got {error}"):
        vote(error)


@pytest.mark.usefixtures("unchecked")
def test_shapes_that_would_broadcast_are_refused(five):
    x, y = five
    for bad_x, bad_y in ((x[:, 0], y), (x, y[:, None]), (x, y[:4]), (x, y[0])):
        for fit in (lambda *a: adaboost(*a, 3), gradient_boosting):
            with pytest.raises(ValueError, match=r"x needs shape \(N, D\)"):
                fit(bad_x, bad_y)
    w, column = np.full(5, 0.2), np.ones((5, 1))
    for args in ((w, y, column), (w, y[:1], y), (column, y, y)):
        with pytest.raises(ValueError, match="needs a weight, a label and an"):
            weighted_error(*args)
    with pytest.raises(ValueError, match="one score for each target"):
        squared(y, column)
    with pytest.raises(ValueError, match="one label for each score"):
        logistic(y, column)
    with pytest.raises(ValueError, match="one label for each score"):
        example_weights(y, column)
    for bad in (np.ones((5, 1)), np.ones(0)):
        with pytest.raises(ValueError, match="y needs shape"):
            best_constant(bad)


def test_no_data_or_not_finite_data_is_refused(five):
    x, y = five
    for fit in (lambda *a: adaboost(*a, 3), gradient_boosting):
        with pytest.raises(ValueError, match="needs an example, a feature"):
            fit(x[:0], y[:0])
        for bad in (np.nan, np.inf):
            with pytest.raises(ValueError, match="x needs finite numbers"):
                fit(np.where(x == 1, bad, x), y)
            with pytest.raises(ValueError, match="y needs finite numbers"):
                fit(x, np.where(y == 1, bad, y))
    with pytest.raises(ValueError, match="weights need an example, got 0"):
        example_weights(np.ones(0), np.ones(0))


def test_other_features_and_nan_are_refused_at_prediction(five):
    model = adaboost(*five, 2)
    with pytest.raises(ValueError, match="longer than argument 1"):
        scores(model._replace(steps=model.steps[:1]), five[0])
    for bad in (np.ones((5, 2)), np.full((5, 1), np.nan)):
        for answer in (scores, predict_labels):
            with pytest.raises(ValueError, match="x needs"):
                answer(model, bad)


def test_no_examples_get_no_scores(five):
    assert scores(adaboost(*five, 2), np.ones((0, 1))).shape == (0,)


def test_a_model_of_no_trees_is_its_start(five):
    model = Boosted(np.float64(2), (), np.ones(0))
    assert_close(scores(model, five[0]), np.full(5, 2.0))
