from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import sem
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
)

from reference.generalization.cross_validation import (
    Estimate,
    cross_validate,
    group_k_fold,
    k_fold,
    leave_one_out,
    one_standard_error,
    squared_error,
    stratified_k_fold,
    summarize,
    time_series_split,
    train_test_split,
)
from reference.regression.least_squares import (
    least_squares,
    predict,
    with_intercept,
)
from tests.checks import assert_close, assert_float32

N, D = 17, 3


def fit_line(x, y):
    beta = least_squares(with_intercept(x), y)
    return lambda new: predict(with_intercept(new), beta)


def fit_mean(_, y):
    return lambda new: np.full(len(new), y.mean())


@pytest.fixture
def x(rng):
    return rng.normal(2, 3, (N, D))


@pytest.fixture
def y(rng):
    return rng.normal(size=N)


# The page's equations, each written out index by index below its LaTeX.


@pytest.mark.parametrize(("n", "folds"), [(6, 3), (7, 3), (8, 3), (5, 5)])
def test_eq_1(n, folds):
    r"""N_k = \left\lfloor \frac{N}{K} \right\rfloor
    + \big[ k < N \bmod K \big]"""
    splits, start = k_fold(n, folds), 0
    assert len(splits) == folds
    for k in range(folds):
        size = n // folds + (1 if k < n - folds * (n // folds) else 0)
        train, validation = splits[k]
        inside = list(range(start, start + size))
        assert validation.tolist() == inside
        assert train.tolist() == [i for i in range(n) if i not in inside]
        start += size


def test_eq_2(x, y):
    r"""L_k = \frac{1}{N_k} \sum_{n \in V_k}
    \ell \big( y_n, \hat{f}_{-k}(x_n) \big)"""
    splits, expected = k_fold(N, 4), []
    for train, validation in splits:
        prediction, total = fit_line(x[train], y[train]), 0
        for n in validation:
            total += (y[n] - prediction(x[n : n + 1])[0]) ** 2
        expected.append(total / len(validation))
    assert_close(cross_validate(fit_line, x, y, splits), expected)


def test_eq_3(rng):
    r"""\text{CV} = \frac{1}{K} \sum_{k=0}^{K-1} L_k"""
    losses = rng.normal(size=(2, 5))
    expected = [sum(losses[m, k] for k in range(5)) / 5 for m in range(2)]
    assert_close(summarize(losses).mean, expected)


def test_eq_4(rng):
    r"""\text{SE} = \sqrt{ \frac{1}{K (K - 1)}
    \sum_{k=0}^{K-1} ( L_k - \text{CV} )^2 }"""
    losses = rng.normal(size=(2, 5))
    expected = []
    for m in range(2):
        mean = sum(losses[m, k] for k in range(5)) / 5
        squares = sum((losses[m, k] - mean) ** 2 for k in range(5))
        expected.append(sqrt(squares / (5 * 4)))
    assert_close(summarize(losses).standard_error, expected)


def test_eq_5(rng):
    r"""\begin{aligned}
    \hat{m} &= \argmin_m \mathrm{CV}_m \\
    m^* &= \min \big\{ m : \text{CV}_m
    \le \text{CV}_{\hat{m}} + \text{SE}_{\hat{m}} \big\}
    \end{aligned}"""
    for _ in range(50):
        mean, error = rng.normal(size=6), rng.uniform(0, 1, 6)
        best = 0
        for m in range(6):
            if mean[m] < mean[best]:
                best = m
        near = [m for m in range(6) if mean[m] <= mean[best] + error[best]]
        assert one_standard_error(mean, error) == near[0]


def test_eq_6(x, y):
    r"""e_{-n} = \frac{e_n}{1 - h_{nn}}"""
    design = with_intercept(x)
    inverse = np.linalg.inv(design.T @ design)
    beta, expected = inverse @ design.T @ y, []
    for n in range(N):
        leverage, fitted = 0, 0
        for j in range(D + 1):
            fitted += design[n, j] * beta[j]
            for k in range(D + 1):
                leverage += design[n, j] * inverse[j, k] * design[n, k]
        expected.append((y[n] - fitted) / (1 - leverage))
    assert_close(leave_one_out(design, y), expected)


# The same as everybody else's: scikit-learn, SciPy, and N fits for one.


def assert_same_splits(actual, desired):
    for ours, theirs in zip(actual, desired, strict=True):
        for indices, expected in zip(ours, theirs, strict=True):
            assert indices.tolist() == expected.tolist()


@pytest.mark.parametrize("folds", [2, 3, 5, 11, 12])
@pytest.mark.parametrize("n", [12, 13, 25])
def test_scikit_learn_splits(n, folds):
    empty = np.zeros((n, 1))
    assert_same_splits(k_fold(n, folds), KFold(folds).split(empty))
    if folds < n:
        expected = TimeSeriesSplit(folds).split(empty)
        assert_same_splits(time_series_split(n, folds), expected)


def counted(y, splits):
    """Return how many examples of each class each validation set has."""
    classes = np.unique(y)
    return [[int(np.sum(y[v] == c)) for c in classes] for _, v in splits]


@pytest.mark.parametrize("seed", [None, 0])
def test_scikit_learn_stratified_counts(rng, seed):
    """It takes the classes in the order in which they appear."""
    y = np.repeat(np.arange(3), [7, 11, 6])
    expected = counted(y, StratifiedKFold(4).split(y[:, None], y))
    for labels in (y, np.concatenate((y[:1], rng.permutation(y[1:])))):
        given = None if seed is None else np.random.default_rng(seed)
        assert counted(labels, stratified_k_fold(labels, 4, given)) == expected


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_scikit_learn_group_sizes(rng, folds):
    groups = rng.permutation(np.repeat(np.arange(9) * 7 - 5, np.arange(1, 10)))
    theirs = GroupKFold(folds).split(groups[:, None], groups=groups)
    sizes = [len(v) for _, v in theirs]
    ours = [len(v) for _, v in group_k_fold(groups, folds)]
    assert sorted(ours) == sorted(sizes)


@pytest.mark.parametrize("share", [0.01, 0.07, 0.1, 0.2, 0.5, 0.9])
def test_scikit_learn_test_sizes(rng, share):
    for n in (11, 30, 100):
        [(_, theirs)] = ShuffleSplit(1, test_size=share).split(np.zeros(n))
        train, test = train_test_split(n, share, rng)
        assert len(test) == len(theirs)
        assert len(train) == n - len(theirs)


@pytest.mark.parametrize("splitter", [KFold(4), TimeSeriesSplit(3)])
def test_scikit_learn_scores(x, y, splitter):
    """Also with its own splits: a generator will do."""
    expected = -cross_val_score(
        LinearRegression(), x, y, scoring="neg_mean_squared_error", cv=splitter
    )
    assert_close(cross_validate(fit_line, x, y, splitter.split(x)), expected)
    estimate = summarize(expected)
    assert_close(estimate.mean, np.mean(expected))
    assert_close(estimate.standard_error, sem(expected))


def test_squared_error_of_numpy(y):
    assert_close(squared_error(y, y[::-1]), np.square(np.subtract(y, y[::-1])))


def test_scikit_learn_leave_one_out(x, y):
    scores = cross_val_score(
        LinearRegression(),
        x,
        y,
        scoring="neg_mean_squared_error",
        cv=LeaveOneOut(),
    )
    assert_close(leave_one_out(with_intercept(x), y) ** 2, -scores)


@pytest.mark.parametrize("unit", [1.0, 1e-30, 1e30])
def test_leave_one_out_is_n_fits(x, y, unit):
    """The sign too, and whatever the unit of a column is."""
    design, expected = with_intercept(x), []
    for n in range(N):
        others = np.arange(N) != n
        beta = np.linalg.lstsq(design[others], y[others])[0]
        expected.append(y[n] - design[n] @ beta)
    design[:, 2] *= unit
    assert_close(leave_one_out(design, y), expected)


def test_one_standard_error_of_scikit_learns_example():
    """Its page on balancing complexity takes the same bound, for scores."""
    scores = np.array([0.55, 0.78, 0.90, 0.92, 0.91])
    errors = np.array([0.02, 0.03, 0.04, 0.025, 0.01])
    best = np.argmax(scores)
    expected = np.nonzero(scores >= scores[best] - errors[best])[0][0]
    assert one_standard_error(-scores, errors) == expected == 2


# There is no gradient: splits are whole numbers.

# What the page promises: invariances, limits, pitfalls, refused inputs.


@settings(max_examples=30)
@given(st.data())
def test_every_example_is_held_out_once(data):
    n = data.draw(st.integers(2, 40))
    folds = data.draw(st.integers(2, n))
    seed = data.draw(st.none() | st.integers(0, 9))
    rng = None if seed is None else np.random.default_rng(seed)
    splits = k_fold(n, folds, rng)
    sizes = [len(v) for _, v in splits]
    assert max(sizes) - min(sizes) <= 1
    assert sorted(np.concatenate([v for _, v in splits])) == list(range(n))
    for train, validation in splits:
        union = np.concatenate((train, validation))
        assert sorted(union) == list(range(n))


@settings(max_examples=30)
@given(st.data())
def test_strata_differ_by_one_at_most(data):
    folds = data.draw(st.integers(2, 5))
    sizes = data.draw(st.lists(st.integers(folds, 12), min_size=1, max_size=4))
    y = np.repeat(np.array(["a", "b", "c", "d"])[: len(sizes)], sizes)
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    y = rng.permutation(y)
    for given_rng in (None, rng):
        splits = stratified_k_fold(y, folds, given_rng)
        counts = np.array(counted(y, splits))
        assert np.all(np.ptp(counts, axis=0) <= 1)
        assert np.ptp(counts.sum(axis=1)) <= 1
        assert counts.sum() == len(y)
        for train, validation in splits:
            assert not set(train) & set(validation)


@settings(max_examples=30)
@given(st.lists(st.sampled_from("abcdef"), min_size=3, max_size=40), st.data())
def test_no_group_is_on_both_sides(labels, data):
    groups = np.array(labels)
    present = len(set(labels))
    if present < 2:
        return
    splits = group_k_fold(groups, data.draw(st.integers(2, present)))
    for train, validation in splits:
        assert not set(groups[train]) & set(groups[validation])
        assert len(validation) > 0
    held = np.concatenate([v for _, v in splits])
    assert sorted(held) == list(range(len(groups)))


@pytest.mark.parametrize("n", [5, 12, 23])
def test_the_future_is_never_in_training(n):
    for train, validation in time_series_split(n, 4):
        assert train.tolist() == list(range(validation[0]))
        assert len(validation) == n // 5
    assert validation[-1] == n - 1


def test_a_generator_shuffles_and_its_seed_repeats(rng):
    y = np.repeat([0, 1], 50)
    for split in (
        lambda g: k_fold(100, 2, g)[0],
        lambda g: stratified_k_fold(y, 2, g)[0],
        lambda g: train_test_split(100, 0.5, g),
    ):
        first = split(np.random.default_rng(1))
        again = split(np.random.default_rng(1))
        assert_same_splits([first], [again])
        other = split(rng)
        assert sorted(first[1]) != sorted(other[1])
        assert 15 < sum(first[1] < 50) < 35
        assert 15 < sum(first[1] % 2) < 35


def test_training_and_test_set_are_everything(rng):
    train, test = train_test_split(10, 0.25, rng)
    assert (len(train), len(test)) == (7, 3)
    assert sorted([*train, *test]) == list(range(10))


def test_pencil_example():
    y = np.array([2.0, 4.0, 3.0, 7.0, 6.0, 8.0])
    losses = cross_validate(fit_mean, y[:, None], y, k_fold(6, 3))
    assert_close(losses, [10, 4, 10])
    assert summarize(losses) == Estimate(8.0, 2.0)
    assert_close(leave_one_out(np.ones((6, 1)), y), 1.2 * (y - 5))


def test_another_loss_and_labels_of_small_integers():
    """As bytes 3 - 5 would be 254."""
    y = np.array([3, 5, 5, 3], dtype=np.uint8)

    def fit(*_):
        return lambda new: new[:, 0]

    x = np.array([[5], [5], [3], [3]], dtype=np.uint8)
    splits = k_fold(4, 2)
    assert_close(squared_error(y[:1], x[:1, 0]), [4.0])
    assert_close(squared_error(np.uint8([200]), np.uint8([100])), [10000.0])
    assert_close(cross_validate(fit, x, y, splits), [2.0, 2.0])
    wrong = cross_validate(fit, x, y, splits, np.not_equal)
    assert_close(wrong, [0.5, 0.5])


def test_what_is_learned_sees_no_validation_example(x, y):
    seen = []

    def fit(x, y):
        seen.append((x.copy(), y.copy()))
        return fit_mean(x, y)

    splits = k_fold(N, 3)
    cross_validate(fit, x, y, splits)
    for (given_x, given_y), (train, _) in zip(seen, splits, strict=True):
        assert_close(given_x, x[train])
        assert_close(given_y, y[train])


def test_selection_before_splitting_makes_noise_look_good():
    """Columns chosen with all targets, and chosen in each fold."""

    def best(x, y):
        off = x - x.mean(0)
        score = np.abs((y - y.mean()) @ off) / np.linalg.norm(off, axis=0)
        return np.argsort(-score)[:10]

    def fit(x, y):
        columns = best(x, y)
        line = fit_line(x[:, columns], y)
        return lambda new: line(new[:, columns])

    wrong = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(50, 1000)), rng.choice([-1.0, 1.0], 50)
        splits = k_fold(50, 5)
        for f, given_x in ((fit_line, x[:, best(x, y)]), (fit, x)):
            losses = cross_validate(
                f, given_x, y, splits, lambda y, y_hat: y * y_hat <= 0
            )
            wrong.append(losses.mean())
    leaked, honest = np.reshape(wrong, (8, 2)).mean(axis=0)
    assert leaked < 0.2
    assert 0.4 < honest < 0.6


@pytest.mark.parametrize(("folds", "m"), [(2, 6), (4, 9), (12, 11)])
def test_fewer_folds_are_more_pessimistic(folds, m):
    """A mean of m examples has the expected loss 1 + 1/m, in variances.

    The loss is a quadratic form in y, its expected value the form's trace.
    """
    splits = k_fold(12, folds)
    trace = sum(
        cross_validate(fit_mean, y, y, splits).mean() for y in np.eye(12)
    )
    assert_close(trace, np.asarray(1 + 1 / m))


def test_float32(rng):
    x, y = rng.normal(100, 1, (N, D)), rng.normal(size=N)
    assert_float32(lambda x, y: leave_one_out(with_intercept(x), y), x, y)
    assert_float32(squared_error, y, y[::-1].copy())
    assert_float32(summarize, rng.uniform(1, 2, (3, 4)))
    assert_float32(
        lambda x, y: cross_validate(fit_line, x, y, k_fold(N, 3)), x, y
    )


@pytest.mark.parametrize("scale", [1e-200, 1e200, -3.0])
def test_the_squares_of_losses_neither_overflow_nor_vanish(scale):
    mean, error = summarize(scale * np.array([[1.0, 3.0], [2.0, 2.0]]))
    assert_close(mean / scale, [2.0, 2.0])
    assert_close(error / abs(scale), [1.0, 0.0])
    mean, error = summarize(np.float32([1e30, 3e30]))
    assert_close(error / 1e30, np.asarray(1.0), rtol=1e-6)


def test_equal_models_are_settled_for_the_simplest():
    assert one_standard_error(np.full(3, 2.0), np.zeros(3)) == 0
    assert one_standard_error(np.array([5.0, 4.0, 3.0]), np.zeros(3)) == 2
    # The standard error is the best model's, not that of the simpler one.
    mean, error = np.array([4.0, 3.0]), np.array([9.0, 0.5])
    assert one_standard_error(mean, error) == 1
    assert one_standard_error(mean, np.array([0.0, 1.0])) == 0


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("folds", [1, 0, -2, 7, 2.0, True, np.nan, "3"])
def test_other_numbers_of_folds_are_refused(folds):
    y = np.repeat([0, 1], 6)
    groups = np.repeat(np.arange(6), 2)
    for split, n, what in (
        (lambda: k_fold(6, folds), 6, "examples"),
        (lambda: stratified_k_fold(y, folds), 6, "examples of each class"),
        (lambda: group_k_fold(groups, folds), 6, "groups"),
        (lambda: time_series_split(7, folds), 6, "examples after the first"),
    ):
        message = f"than there are {what}, got {folds} folds and {n} {what}"
        with pytest.raises(ValueError, match=message):
            split()


@pytest.mark.usefixtures("unchecked")
def test_other_numbers_of_examples_are_refused(rng):
    for n in (6.0, True, 1, 0, -4):
        for split in (k_fold, time_series_split):
            with pytest.raises(ValueError, match="folds need to be 2 or more"):
                split(n, 2)
        with pytest.raises(ValueError, match=f"leaves both some, got n={n}"):
            train_test_split(n, 0.5, rng)
    assert len(k_fold(np.int64(6), np.int64(2))) == 2
    assert len(train_test_split(np.int64(6), 0.5, rng)[0]) == 3


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "share", [0.0, 1.0, -0.5, 3, 0.95, np.nan, np.inf, True]
)
def test_other_shares_are_refused(share, rng):
    with pytest.raises(ValueError, match=f"and test_share={share}"):
        train_test_split(10, share, rng)


def test_a_rare_class_and_a_lack_of_groups_are_refused():
    y = np.array([0, 0, 0, 1, 1])
    with pytest.raises(ValueError, match="got 3 folds and 2 examples of each"):
        stratified_k_fold(y, 3)
    with pytest.raises(ValueError, match="got 3 folds and 2 groups"):
        group_k_fold(y, 3)
    for split in (stratified_k_fold, group_k_fold):
        with pytest.raises(ValueError, match="got 2 folds and 0"):
            split(np.zeros(0), 2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (4, 1), (2, 2)])
def test_labels_that_are_no_vector_are_refused(shape):
    for split in (stratified_k_fold, group_k_fold):
        with pytest.raises(ValueError, match="each example needs one label"):
            split(np.zeros(shape, dtype=int), 2)


@pytest.mark.usefixtures("unchecked")
def test_examples_without_targets_are_refused(x, y):
    for given_x, given_y in ((x[1:], y), (x, y[1:])):
        with pytest.raises(ValueError, match="each example needs a target"):
            cross_validate(fit_mean, given_x, given_y, k_fold(N, 2))


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        ([0, 1, 2], [2, 3], "got 3 and 2 examples, 1 of them in both"),
        ([], [2, 3], "got 0 and 2 examples, 0 of them"),
        ([0, 1], [], "got 2 and 0 examples, 0 of them"),
    ],
)
def test_splits_that_are_none_are_refused(x, y, train, validation, message):
    split = np.array(train, dtype=int), np.array(validation, dtype=int)
    with pytest.raises(ValueError, match=message):
        cross_validate(fit_mean, x, y, [k_fold(N, 2)[0], split])


def test_no_split_is_refused(x, y):
    with pytest.raises(ValueError, match="at least 1 split, got none"):
        cross_validate(fit_mean, x, y, [])


@pytest.mark.usefixtures("unchecked")
def test_losses_that_are_not_one_an_example_are_refused(x, y):
    """A column of predictions would make a table of all differences."""

    def fit_column(_, y):
        return lambda new: np.full((len(new), 1), y.mean())

    with pytest.raises(ValueError, match=r"9 validation .*\(9, 9\)"):
        cross_validate(fit_column, x, y, k_fold(N, 2), np.subtract)
    with pytest.raises(ValueError, match=r"one loss each, got shape \(\)"):
        cross_validate(
            fit_mean, x, y, k_fold(N, 2), lambda y, y_hat: np.mean(y - y_hat)
        )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (1,), ()])
def test_targets_without_their_predictions_are_refused(shape):
    other = np.ones(shape)
    for y, y_hat in ((np.ones(3), other), (other, np.ones(3))):
        with pytest.raises(ValueError, match="one prediction, got shapes") as e:
            squared_error(y, y_hat)
        assert f"{y.shape} and {y_hat.shape}" in str(e.value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "losses", [[], [1.0], 1.0, [[1.0], [2.0]], [1.0, np.nan], [1.0, np.inf]]
)
def test_too_few_losses_are_refused(losses):
    with pytest.raises(ValueError, match="needs 2 finite losses or more, got"):
        summarize(np.asarray(losses))


@pytest.mark.usefixtures("unchecked")
def test_means_without_their_errors_are_refused():
    for mean, error in (
        (np.ones(3), np.ones(1)),
        (np.ones(3), np.float64(1)),
        (np.ones((2, 2)), np.ones((2, 2))),
        (np.float64(1), np.float64(1)),
    ):
        with pytest.raises(ValueError, match="one mean and one standard error"):
            one_standard_error(mean, error)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_standard_errors_that_are_none_are_refused(bad):
    good = np.array([2.0, 1.0])
    with pytest.raises(ValueError, match="finite means and standard errors of"):
        one_standard_error(good, np.array([bad, 1.0]))
    if not bad < 0:
        with pytest.raises(ValueError, match="a choice needs models with fini"):
            one_standard_error(np.array([bad, 1.0]), good)
    with pytest.raises(ValueError, match="a choice needs models"):
        one_standard_error(np.zeros(0), np.zeros(0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_example_that_nothing_else_determines_is_refused(dtype):
    """A column that only example 1 has makes its leverage 1."""
    x = np.array([[1, 0], [1, 1], [1, 0]], dtype=dtype)
    y = np.array([1, 2, 4], dtype=dtype)
    with pytest.raises(ValueError, match="got leverage 1 of example 1"):
        leave_one_out(x, y)
    with pytest.raises(ValueError, match="got leverage 1 of example 0"):
        leave_one_out(np.eye(1, dtype=dtype), y[:1])
    x[0, 1] = 0.1
    leave_one_out(x, y)


@pytest.mark.parametrize(
    ("dtype", "small", "large"),
    [(np.float64, 1e-7, 1e-6), (np.float32, 5e-3, 2e-2)],
)
def test_leverages_too_near_1_for_three_digits_are_refused(dtype, small, large):
    """1 - h is about the square of the other value."""
    y = np.array([1, 2], dtype=dtype)
    with pytest.raises(ValueError, match="got leverage 1 of example 0"):
        leave_one_out(np.array([[1], [small]], dtype=dtype), y)
    e = leave_one_out(np.array([[1], [large]], dtype=dtype), y)
    assert_close(e[0], np.asarray(1 - 2 / large, dtype), rtol=1e-2)


@pytest.mark.usefixtures("unchecked")
def test_leave_one_out_refuses_what_least_squares_refuses(x, y):
    for given_y in (y[1:], y[:, None], y.astype(int), y * np.nan):
        with pytest.raises(ValueError, match="least squares needs"):
            leave_one_out(x, given_y)
    for given_x in (x[:, 0], x.astype(int), x[:, :0]):
        with pytest.raises(ValueError, match="least squares needs"):
            leave_one_out(given_x, y)
    for given_x in (x[:, [0, 0]], x[:2]):
        with pytest.raises(ValueError, match="unique coefficients need"):
            leave_one_out(given_x, y[: len(given_x)])
