import re
import warnings
from functools import partial
from math import comb, nan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from reference.regression.goodness_of_fit import r_squared
from reference.trees import decision_tree
from reference.trees.bootstrap import bootstrap_sample
from reference.trees.decision_tree import (
    best_split,
    classification_tree,
    find_leaf,
    gini,
    regression_tree,
    variance,
)
from reference.trees.random_forest import (
    average,
    bagging,
    correlated_mean_variance,
    out_of_bag,
    out_of_bag_score,
    predict,
    random_forest,
    random_split,
)
from tests.checks import assert_close, assert_float32

N, D, B = 20, 4, 4
TREES = [regression_tree, classification_tree]


@pytest.fixture
def x(rng):
    """Return features that scikit-learn's float32 holds exactly."""
    return rng.normal(size=(N, D)).astype(np.float32).astype(float)


@pytest.fixture
def numbers(rng, x):
    signal = np.sin(2 * x[:, 0]) + x[:, 1] * (x[:, 2] > 0)
    return signal + 0.3 * rng.normal(size=N)


@pytest.fixture
def labels(numbers):
    return np.digitize(numbers, [-0.5, 0.7])


@pytest.fixture
def samples():
    return bootstrap_sample(N, seeded(), B)


def seeded(seed=1):
    return np.random.default_rng(seed)


def target(grow, numbers, labels):
    return numbers if grow is regression_tree else labels


# The page's equations, each written out index by index below its LaTeX.


@pytest.mark.parametrize("rho", [-0.25, 0.0, 0.3, 1.0])
def test_eq_1(rho):
    r"""\Var(\bar f) = \rho \, \sigma^2 + \frac{1 - \rho}{B} \, \sigma^2"""
    covariances = [
        2.5 if b == c else rho * 2.5 for b in range(B) for c in range(B)
    ]
    actual = correlated_mean_variance(rho, 2.5, B)
    assert_close(actual, sum(covariances) / B**2)


@pytest.mark.parametrize("grow", TREES)
def test_eq_2(x, numbers, labels, samples, grow):
    r"""w_{bn} = \sum_{k=1}^{N} [i_{bk} = n]"""
    y = target(grow, numbers, labels)
    expected = [
        [sum(samples[b, k] == n for k in range(N)) for n in range(N)]
        for b in range(B)
    ]
    forest = bagging(grow, x, y, samples)
    assert_close(forest.counts, expected)
    for b in range(B):
        tree = grow(x, y, np.array(expected[b]))
        assert_close(forest.trees[b].threshold, tree.threshold)
        assert_close(forest.trees[b].value, tree.value)


@pytest.mark.parametrize("grow", TREES)
def test_eq_3(x, numbers, labels, samples, grow):
    r"""\bar f(x) = \frac{1}{B} \sum_{b=1}^{B} f_b(x)"""
    y = target(grow, numbers, labels)
    trees = [grow(x, y, np.bincount(i, minlength=N)) for i in samples]
    expected = [
        sum(tree.value[find_leaf(tree, x[n : n + 1])[0]] for tree in trees) / B
        for n in range(10)
    ]
    forest = bagging(grow, x, y, samples)
    assert_close(average(forest, x[:10]), expected)
    one = forest._replace(trees=forest.trees[1:2])
    assert_close(average(one, x), trees[1].value[find_leaf(trees[1], x)])


@pytest.mark.parametrize("impurity", [variance, gini])
def test_eq_4(x, numbers, labels, impurity):
    r"""(d, t) = \argmin_{d \in F, \, t} \, Q(d, t)"""
    y = numbers if impurity is variance else labels
    for seed in range(6):
        drawn = seeded(seed).permutation(D)[:2]
        costs = {}
        for d in drawn:
            ordered = sorted(x[:, d])
            for i in range(N - 1):
                t = (ordered[i] + ordered[i + 1]) / 2
                costs[d, t] = 0.0
                for side in (x[:, d] <= t, x[:, d] > t):
                    count, ys = sum(side), y[side]
                    if impurity is variance:
                        costs[d, t] += count * np.var(ys)
                    else:
                        shares = [sum(ys == c) / count for c in range(3)]
                        costs[d, t] += count * (1 - sum(p**2 for p in shares))
        found = random_split(2, seeded(seed))(x, y, impurity)
        assert (found.feature, found.threshold) == min(costs, key=costs.get)
        assert type(found.feature) is int


@pytest.mark.parametrize("grow", TREES)
def test_eq_5(x, numbers, labels, samples, grow):
    r"""\hat f(x_n) = \frac{\sum_{b=1}^{B} [w_{bn} = 0] \, f_b(x_n)}
    {\sum_{b=1}^{B} [w_{bn} = 0]}"""
    y = target(grow, numbers, labels)
    forest = bagging(grow, x, y, samples)
    actual = out_of_bag(forest, x)
    for n in range(20):
        above, below = 0.0, 0
        for b in range(B):
            if n not in samples[b]:
                tree = forest.trees[b]
                above = above + tree.value[find_leaf(tree, x[n : n + 1])[0]]
                below += 1
        expected = above / below if below else np.full(actual[n].shape, nan)
        assert_close(actual[n], expected)


# The same as everybody else's: scikit-learn, and sums over covariances.


def fitted(model, x, y):
    """Return scikit-learn's forest and the bootstrap samples that it drew."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB")
        model.fit(x, y)
    return model, np.array(model.estimators_samples_)


@pytest.mark.usefixtures("unchecked")
def test_bagging_is_scikit_learns_on_its_samples(rng):
    """With all features tried and large leaves, hardly any splits tie."""
    x = rng.normal(size=(300, D)).astype(np.float32).astype(float)
    numbers = x[:, 0] * x[:, 1] + rng.normal(size=300)
    labels = np.digitize(numbers, [-0.5, 0.7])
    options = {"min_samples_leaf": 30, "max_features": None, "random_state": 0}
    model, samples = fitted(
        RandomForestRegressor(12, oob_score=True, **options), x, numbers
    )
    forest = bagging(regression_tree, x, numbers, samples, min_samples_leaf=30)
    assert_close(predict(forest, x), model.predict(x))
    known = np.any(forest.counts == 0, axis=0)  # elsewhere theirs is 0
    actual = out_of_bag(forest, x)
    assert_close(actual[known], model.oob_prediction_[known])
    model, samples = fitted(
        RandomForestClassifier(12, oob_score=True, **options), x, labels
    )
    forest = bagging(
        classification_tree, x, labels, samples, min_samples_leaf=30
    )
    assert_close(average(forest, x), model.predict_proba(x))
    assert_close(predict(forest, x), model.predict(x))
    known = np.any(forest.counts == 0, axis=0)
    actual = out_of_bag(forest, x)
    assert_close(actual[known], model.oob_decision_function_[known])


@pytest.mark.usefixtures("unchecked")
def test_out_of_bag_score_is_scikit_learns(rng):
    """Of stumps in plenty, so that each example is left out by some."""
    x = rng.normal(size=(100, 2)).astype(np.float32).astype(float)
    numbers = x[:, 0] + rng.normal(size=100)
    for model, grow, y in (
        (RandomForestRegressor, regression_tree, numbers),
        (RandomForestClassifier, classification_tree, 1 * (numbers > 0.1)),
    ):
        options = {"max_depth": 1, "min_samples_leaf": 20}
        theirs, samples = fitted(
            model(40, oob_score=True, max_features=None, **options), x, y
        )
        forest = bagging(grow, x, y, samples, **options)
        assert_close(out_of_bag_score(forest, x, y), theirs.oob_score_)


def assert_same_mean(ours, theirs):
    """Raise unless two sets of scores agree within four standard errors."""
    error = sqrt(np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / sqrt(
        len(ours)
    )
    assert error < 0.02
    assert abs(np.mean(ours) - np.mean(theirs)) < 4 * error


@pytest.mark.usefixtures("unchecked")
def test_forests_on_wine_score_as_scikit_learns():
    x, y = load_wine(return_X_y=True)
    x, y, x_test, y_test = x[::2], y[::2], x[1::2], y[1::2]
    ours, theirs = [], []
    for seed in range(6):
        forest = random_forest(classification_tree, x, y, 5, seeded(seed), 1)
        ours.append(np.mean(predict(forest, x_test) == y_test))
        model = RandomForestClassifier(5, max_features=1, random_state=seed)
        theirs.append(model.fit(x, y).score(x_test, y_test))
    assert_same_mean(ours, theirs)


@pytest.mark.usefixtures("unchecked")
def test_forests_on_diabetes_score_as_scikit_learns():
    x, y = load_diabetes(return_X_y=True)
    x, y, x_test, y_test = x[::2], y[::2], x[1::2], y[1::2]
    ours, theirs = [], []
    for seed in range(6):
        options = {"max_depth": 2, "max_features": 3}
        forest = random_forest(
            regression_tree, x, y, 10, seeded(seed), **options
        )
        ours.append(float(r_squared(y_test, predict(forest, x_test))))
        model = RandomForestRegressor(10, random_state=seed, **options)
        theirs.append(model.fit(x, y).score(x_test, y_test))
    assert_same_mean(ours, theirs)


def test_features_win_as_often_as_counting_says(x, numbers):
    """Of m drawn, the k-th best of D features wins if those before lack."""
    m, draws = 2, 200
    decrease = [best_split(x[:, d : d + 1], numbers).decrease for d in range(D)]
    rank = np.argsort(np.argsort(-np.array(decrease)))
    expected = np.array([comb(D - 1 - k, m - 1) / comb(D, m) for k in rank])
    split = random_split(m, seeded())
    ours = [split(x, numbers).feature for _ in range(draws)]
    model = RandomForestRegressor(
        draws, bootstrap=False, max_depth=1, max_features=m, random_state=0
    ).fit(x, numbers)
    theirs = [tree.tree_.feature[0] for tree in model.estimators_]
    error = np.sqrt(expected * (1 - expected) / draws)
    for found in (ours, theirs):
        frequency = np.bincount(found, minlength=D) / draws
        assert np.all(np.abs(frequency - expected) <= 4 * error)


@pytest.mark.parametrize(("rho", "count"), [(0.3, 8), (-0.5, 3), (0.0, 1)])
def test_means_of_correlated_numbers_have_this_variance(rho, count):
    covariance = 4 * (rho + (1 - rho) * np.eye(count))
    ones = np.ones(count) / count
    actual = correlated_mean_variance(rho, 4.0, count)
    assert_close(actual, ones @ covariance @ ones)
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(count))
    means = (seeded().normal(size=(20_000, count)) @ root.T).mean(axis=1)
    assert abs(np.var(means) - actual) < 5 * actual * sqrt(2 / 20_000) + 1e-9


# What the page promises, and what is refused.


def noisy(n, rng):
    """Return five features, of which two matter, and noisy targets."""
    x = rng.uniform(size=(n, 5))
    return x, 10 * x[:, 0] + 5 * x[:, 1] + rng.normal(size=n)


def measured(queries, grow):
    """Return correlation, variance, and variance of the mean of two trees.

    `grow(x, y, 2, rng)` is called for 40 data sets; means over queries.
    """
    rng, said = seeded(), np.zeros((40, 2, len(queries)))
    for k in range(40):
        forest = grow(*noisy(20, rng), 2, rng)
        said[k] = [t.value[find_leaf(t, queries)] for t in forest.trees]
    said -= said.mean(axis=0)
    sigma2 = np.mean(said**2)
    rho = np.mean(said[:, 0] * said[:, 1]) / sigma2
    return rho, sigma2, np.mean(said.mean(axis=1) ** 2)


@pytest.mark.usefixtures("unchecked")
def test_trees_are_correlated_and_fewer_features_decorrelate_them():
    queries, found = noisy(30, seeded(2))[0], {}
    for m in (1, 5):
        rho, sigma2, mean_variance = measured(
            queries,
            partial(
                random_forest, regression_tree, max_features=m, max_depth=2
            ),
        )
        expected = correlated_mean_variance(rho, sigma2, 2)
        assert_close(mean_variance, expected)
        found[m] = rho, sigma2
    assert 0.02 < found[1][0] < found[5][0] - 0.1 < 0.4
    assert found[1][1] > 1.2 * found[5][1]  # and each tree varies more


@pytest.mark.usefixtures("unchecked")
def test_bagged_means_have_correlation_one_half():
    """N / (2N - 1), exactly, for trees without a question."""
    n, rng = 10, seeded()
    y = rng.normal(size=(500, n))
    said = [
        bagging(
            regression_tree,
            y[:1].T,
            t,
            bootstrap_sample(n, rng, 2),
            max_depth=0,
        )
        for t in y
    ]
    said = np.array([[t.value[0] for t in f.trees] for f in said])
    rho = np.corrcoef(said.T)[0, 1]
    assert abs(rho - n / (2 * n - 1)) < 4 * (1 - rho**2) / sqrt(500)


@pytest.mark.usefixtures("unchecked")
def test_more_trees_settle_and_out_of_bag_tells_where():
    """Mean squared error of 1, 5, 12 and 25 trees: it falls, then stays."""
    rng = seeded()
    x_new, y_new = noisy(500, rng)
    new, seen, left_out = np.zeros((3, 4)), np.zeros(3), np.zeros(3)
    for k in range(3):
        x, y = noisy(50, rng)
        forest = random_forest(regression_tree, x, y, 25, rng, max_depth=4)
        for i, b in enumerate((1, 5, 12, 25)):
            few = forest._replace(trees=forest.trees[:b])
            new[k, i] = np.mean((predict(few, x_new) - y_new) ** 2)
        seen[k] = np.mean((predict(forest, x) - y) ** 2)
        left_out[k] = (1 - out_of_bag_score(forest, x, y)) * np.var(y)
    one, *_, twelve, all_trees = new.mean(axis=0)
    assert one > 1.5 * twelve
    assert all_trees < 1.02 * twelve
    assert abs(left_out.mean() / all_trees - 1) < 0.15
    assert seen.mean() < 0.5 * all_trees


@pytest.mark.parametrize("grow", TREES)
def test_a_forest_that_tries_all_features_is_bagging(x, numbers, labels, grow):
    y = target(grow, numbers, labels)
    options = {"min_samples_leaf": 3}
    forest = random_forest(grow, x, y, 2, seeded(), max_features=D, **options)
    same = bagging(grow, x, y, bootstrap_sample(N, seeded(), 2), **options)
    assert_close(forest.counts, same.counts)
    for tree, other in zip(forest.trees, same.trees, strict=True):
        for field, expected in zip(tree, other, strict=True):
            assert_close(field, expected)


@pytest.mark.parametrize("grow", TREES)
def test_one_tree_on_all_data_is_the_decision_tree(x, numbers, labels, grow):
    y = target(grow, numbers, labels)
    forest = bagging(grow, x, y, np.arange(N)[None])
    assert_close(
        predict(forest, x + 0.1), decision_tree.predict(grow(x, y), x + 0.1)
    )


@pytest.mark.parametrize(
    ("grow", "d", "m"),
    [
        (classification_tree, 10, 3),
        (classification_tree, 16, 4),
        (classification_tree, 2, 1),
        (regression_tree, 11, 3),
        (regression_tree, 6, 2),
        (regression_tree, 2, 1),
    ],
)
def test_features_tried_by_default(rng, grow, d, m):
    x, y = rng.normal(size=(20, d)), rng.integers(3, size=20)
    forests = [
        random_forest(grow, x, y, 3, seeded(), *given, max_depth=3)
        for given in ((), (m,), (m + 1,))
    ]
    default, same, other = [average(forest, x) for forest in forests]
    assert_close(default, same)
    assert not np.array_equal(default, other)


def test_another_way_to_grow_has_no_default(x, labels):
    grow = partial(classification_tree, max_depth=1)
    with pytest.raises(ValueError, match=r"partial.* max_features .* got None"):
        random_forest(grow, x, labels, 2, seeded())
    forest = random_forest(grow, x, labels, 2, seeded(), 2)
    assert average(forest, x).shape == (N, 3)


def test_features_are_drawn_for_each_split_and_tree(x, numbers):
    """A draw once per tree would leave one feature to each tree."""
    forest = random_forest(regression_tree, x, numbers, 8, seeded(), 1)
    assert all(len(set(tree.feature)) > 3 for tree in forest.trees)
    assert len({tree.feature[0] for tree in forest.trees}) > 1


def test_thresholds_are_not_random(x, numbers):
    split = random_split(1, seeded())
    found = {split(x, numbers)[:2] for _ in range(60)}
    best = [best_split(x[:, d : d + 1], numbers).threshold for d in range(D)]
    assert found == set(enumerate(best))


def test_constant_features_are_passed_over(x, numbers):
    x[:, [0, 1, 3]] = 7.0
    for m in (1, 2, D):
        forest = random_forest(regression_tree, x, numbers, 2, seeded(), m)
        assert {f for t in forest.trees for f in t.feature} == {-1, 2}
    assert random_split(1, seeded())(np.ones((3, 2)), np.arange(3.0)) is None


@pytest.mark.parametrize(("m", "expected"), [(1, 1 / 2), (2, 2 / 3)])
def test_draws_stop_at_the_first_feature_that_differs(m, expected):
    """Feature 0 is constant and counts, unless all that were drawn are."""
    x = np.array([[5.0, 0.0, 0.0], [5.0, 0.0, 1.0], [5.0, 1.0, 1.0]])
    y = np.array([0.0, 0.0, 9.0])  # feature 1 parts it perfectly
    split = random_split(m, seeded())
    share = np.mean([split(x, y).feature == 1 for _ in range(240)])
    assert abs(share - expected) < 4 * 0.5 / sqrt(240)


def test_bootstrap_samples_are_drawn_first(x, numbers):
    """So bagging and forests of one seed share their samples."""
    for m in (1, 2):
        forest = random_forest(regression_tree, x, numbers, 3, seeded(), m)
        drawn = bootstrap_sample(N, seeded(), 3)
        expected = [np.bincount(i, minlength=N) for i in drawn]
        assert_close(forest.counts, expected)


def test_options_reach_the_trees(x, labels, samples):
    options = {"max_depth": 1, "n_classes": 5}
    for forest in (
        bagging(classification_tree, x, labels, samples, **options),
        random_forest(classification_tree, x, labels, 3, seeded(), **options),
    ):
        assert all(len(tree.feature) == 3 for tree in forest.trees)
        assert average(forest, x).shape == (N, 5)


def test_a_sample_may_lack_a_class_and_have_any_size(x, labels):
    rows = [np.flatnonzero(labels == c)[:4] for c in range(3)]
    forest = bagging(classification_tree, x, labels, np.array(rows, np.uint64))
    assert_close(average(forest, x), np.full((N, 3), 1 / 3))
    assert_close(predict(forest, x), np.zeros(N))  # of equal shares the lowest


def test_shares_are_averaged_not_votes():
    """Two trees are a little for class 0, one is sure of class 1."""
    x, y = np.ones((5, 1)), np.array([0, 0, 0, 1, 1])
    rows = np.array([[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [3, 3, 3, 4, 4]])
    forest = bagging(classification_tree, x, y, rows)
    assert_close(average(forest, x[:1]), [[0.4, 0.6]])
    assert_close(predict(forest, x[:1]), [1])


def test_the_page_by_hand():
    hours = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 7.0])[:, None]
    passed = np.array([0, 1, 0, 0, 1, 1])
    rows = np.array(
        [[1, 1, 3, 4, 6, 7], [1, 2, 3, 3, 6, 6], [3, 3, 4, 6, 7, 7]]
    )
    rows = np.searchsorted(hours[:, 0], rows)
    forest = bagging(classification_tree, hours, passed, rows)
    query = np.array([[1.0], [2.2], [2.8], [4.8], [6.0]])
    expected = [0, 1 / 3, 0, 1 / 3, 1]
    assert_close(average(forest, query)[:, 1], expected)
    expected = [0, 0, nan, 0, nan, 1]
    assert_close(out_of_bag(forest, hours)[:, 1], expected)
    assert_close(out_of_bag_score(forest, hours, passed), 0.75)


def test_examples_in_every_sample_do_not_count(x, numbers, labels):
    rows = np.array([[*range(N - 3), 0, 0, 0], [*range(N - 2), 0, 0]])
    for grow, y in ((regression_tree, numbers), (classification_tree, labels)):
        forest = bagging(grow, x, y, rows)
        value = out_of_bag(forest, x)
        assert np.all(np.isnan(value[:-3]))
        assert not np.any(np.isnan(value[-3:]))
        kept = y[-3:]
        if grow is regression_tree:
            misses = np.sum((kept - value[-3:]) ** 2)
            expected = 1 - misses / np.sum((kept - kept.mean()) ** 2)
        else:
            expected = np.mean(np.argmax(value[-3:], axis=1) == kept)
        assert_close(out_of_bag_score(forest, x, y), expected)


@settings(max_examples=8)
@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2)),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 9),
)
def test_averages_stay_within_the_targets(rows, n_trees, m, seed):
    *features, y = np.array(rows).T
    x = np.stack(features, axis=1).astype(float)
    queries = np.array([[-9.0, 9.0], [0.5, 0.5], [np.inf, -np.inf]])
    forest = random_forest(regression_tree, x, y, n_trees, seeded(seed), m)
    value = predict(forest, queries)
    assert np.all((np.min(y) - 1e-9 <= value) & (value <= np.max(y) + 1e-9))
    forest = random_forest(classification_tree, x, y, n_trees, seeded(seed), m)
    assert_close(np.sum(average(forest, queries), axis=1), np.ones(3))
    assert set(predict(forest, queries)) <= set(y)


def test_the_same_seed_gives_the_same_forest(x, labels):
    first, again, other = [
        average(random_forest(classification_tree, x, labels, 3, seeded(s)), x)
        for s in (1, 1, 2)
    ]
    assert_close(first, again)
    assert not np.array_equal(first, other)


def test_float32(x, numbers, labels, samples):
    x = x + 1e-3 * np.arange(N)[:, None]

    def both(x, numbers):
        options = {"min_samples_leaf": 4}
        one = bagging(regression_tree, x, numbers, samples, **options)
        two = bagging(classification_tree, x, labels, samples, **options)
        return (
            *(f(one, x) for f in (average, predict, out_of_bag)),
            *(f(two, x) for f in (average, out_of_bag)),
            out_of_bag_score(one, x, numbers),
            out_of_bag_score(two, x, labels),
        )

    assert_float32(both, x, numbers)


def test_many_float32_trees_do_not_lose_digits(rng):
    x = np.float32(rng.normal(size=(4, 1)))
    y = np.float32([1e6 + 0.25, 1e6 + 0.5, 1e6 + 0.75, 1e6 + 1])
    rows = np.tile(np.arange(4), (40, 1))
    assert_close(predict(bagging(regression_tree, x, y, rows), x), y, rtol=0)
    forest = bagging(regression_tree, x, y, rows[:, :3])
    assert_close(out_of_bag(forest, x)[3], predict(forest, x)[3], rtol=0)


def test_results_have_the_type_of_the_forest(x, numbers, samples):
    """Whatever that of the queries; whole targets are numbers, too."""
    single = np.float32(x), np.float32(numbers)
    forest = bagging(regression_tree, *single, samples)
    assert average(forest, x).dtype == out_of_bag(forest, x).dtype == np.float32
    assert out_of_bag_score(forest, x, numbers).dtype == np.float32
    whole = np.int64(np.round(3 * numbers))
    forest = bagging(regression_tree, x, whole, samples)
    expected = out_of_bag_score(forest, x, whole.astype(float))
    assert_close(out_of_bag_score(forest, x, whole), expected)


def test_no_examples_to_predict(x, numbers, labels, samples):
    forest = bagging(regression_tree, x, numbers, samples)
    assert predict(forest, x[:0]).shape == (0,)
    forest = bagging(classification_tree, x, labels, samples)
    assert average(forest, x[:0]).shape == (0, 3)
    assert predict(forest, x[:0]).shape == (0,)


@pytest.mark.usefixtures("unchecked")
def test_the_lowest_correlation_leaves_no_variance():
    for count in range(2, 30):
        actual = correlated_mean_variance(-1 / (count - 1), 3.0, count)
        assert 0 <= actual < 1e-15
    assert (
        correlated_mean_variance(np.float32(-1), np.float64(3), np.int64(1))
        == 3
    )
    assert type(correlated_mean_variance(np.float64(0.5), 2.0, 2)) is float
    assert correlated_mean_variance(0.5, 0.0, 2) == 0


@pytest.mark.parametrize(
    ("rho", "sigma2"),
    [(1.01, 1), (-0.6, 1), (nan, 1), (0, -1), (0, nan), (0, np.inf)],
)
def test_impossible_variances_are_refused(rho, sigma2):
    with pytest.raises(ValueError, match=r"3 numbers need .* from -0.5 to 1"):
        correlated_mean_variance(float(rho), float(sigma2), 3)
    with pytest.raises(ValueError, match=r"1 numbers need .* from -1.0 to 1"):
        correlated_mean_variance(min(float(rho), -2.0), 1.0, 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("count", [0, -1, 2.0, True, None, nan])
def test_counts_that_are_not_whole_are_refused(x, numbers, count):
    with pytest.raises(ValueError, match=f"whole number of trees.*got {count}"):
        random_forest(regression_tree, x, numbers, count, seeded())
    with pytest.raises(ValueError, match=f"whole number of trees.*got {count}"):
        correlated_mean_variance(0.0, 1.0, count)
    with pytest.raises(ValueError, match=f"features a split.*got {count}"):
        random_split(count, seeded())(x, numbers)
    if count is not None:
        with pytest.raises(ValueError, match="features a split, from 1 to 4"):
            random_forest(regression_tree, x, numbers, 2, seeded(), count)


def test_more_features_than_there_are_are_refused(x, numbers):
    with pytest.raises(ValueError, match="a split, from 1 to 4, got 5"):
        random_split(D + 1, seeded())(x, numbers)
    with pytest.raises(ValueError, match="a split, from 1 to 4, got 5"):
        random_forest(regression_tree, x, 0 * numbers, 2, seeded(), D + 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((0, 3), int),
        np.zeros((3, 0), int),
        np.zeros(3, int),
        np.zeros((2, 2, 2), int),
        np.array([[0, -1]]),
        np.array([[0, N]]),
        np.array([[0.0, 1.0]]),
        np.array([[True, False]]),
    ],
)
def test_samples_that_are_no_rows_of_indices_are_refused(x, numbers, rows):
    with pytest.raises(ValueError, match="rows of indices from 0 to 19, got"):
        bagging(regression_tree, x, numbers, rows)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("shape", "targets"),
    [((N,), N), ((N, D, 1), N), ((), N), ((N, D), N - 1), ((N, D), 1)],
)
def test_other_shapes_are_refused(samples, shape, targets):
    x, y = np.ones(shape), np.ones(targets)
    for other in (y, y[:, None], y[0]):
        with pytest.raises(ValueError, match=r"x of shape \(N, D\) and y of"):
            bagging(regression_tree, x, other, samples)
        with pytest.raises(ValueError, match=r"x of shape \(N, D\) and y of"):
            random_forest(regression_tree, x, other, 2, seeded())


def test_data_no_tree_learns_from_are_refused(x, numbers, labels):
    """Also where no sample contains it."""
    rows = np.array([[0, 1, 2]])
    for bad in (nan, np.inf):
        broken = numbers.copy()
        broken[-1] = bad
        with pytest.raises(ValueError, match="y needs finite numbers"):
            bagging(regression_tree, x, broken, rows)
        with pytest.raises(ValueError, match="y needs finite numbers"):
            random_forest(regression_tree, x, broken, 2, seeded())
    labels[-1] = -1
    with pytest.raises(ValueError, match="classes need to be integers from 0"):
        bagging(classification_tree, x, labels, rows)
    for n, d in ((0, D), (N, 0)):
        with pytest.raises(ValueError, match="needs an example, a feature"):
            random_forest(regression_tree, x[:n, :d], numbers[:n], 2, seeded())
        with pytest.raises(ValueError, match="needs an example, a feature"):
            bagging(regression_tree, x[:n, :d], numbers[:n], rows)


@pytest.mark.usefixtures("unchecked")
def test_predictions_for_other_examples_are_refused(x, numbers, samples):
    forest = bagging(regression_tree, x, numbers, samples)
    with pytest.raises(ValueError, match=r"x needs shape \(N, 4\), got"):
        predict(forest, x[:, :3])
    with pytest.raises(ValueError, match=r"x needs shape \(N, 4\), got"):
        out_of_bag(forest, x[:, :3])
    for other in (x[:-1], x[:1], np.vstack([x, x]), x[0, 0]):
        shape = re.escape(str(other.shape))
        with pytest.raises(
            ValueError, match=f"the 20 training .* got .*{shape}"
        ):
            out_of_bag(forest, other)
    for y in (numbers[:-1], numbers[:1], numbers[:, None], numbers[0]):
        with pytest.raises(ValueError, match=r"y of shape \(N,\), got"):
            out_of_bag_score(forest, x, y)


def test_scores_of_targets_no_forest_grows_on_are_refused(x, numbers, labels):
    """A NaN would count as a wrong class, and so would a number."""
    rows = np.arange(N - 2)[None]
    forest = bagging(classification_tree, x, labels, rows)
    for y in (numbers, np.where(labels > 0, labels, nan), labels - 1):
        with pytest.raises(ValueError, match=r"finite numbers|integers from 0"):
            out_of_bag_score(forest, x, y)
    forest = bagging(regression_tree, x, numbers, rows)
    with pytest.raises(ValueError, match="y needs finite numbers"):
        out_of_bag_score(forest, x, np.where(np.arange(N) > 3, numbers, nan))


def test_a_score_without_left_out_examples_is_refused(x, numbers, labels):
    rows = np.arange(N)[None]
    for grow, y in ((regression_tree, numbers), (classification_tree, labels)):
        forest = bagging(grow, x, y, rows)
        with pytest.raises(ValueError, match="that a sample lacks, got none"):
            out_of_bag_score(forest, x, y)
