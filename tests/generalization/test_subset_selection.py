from itertools import combinations
from math import inf, log, pi, sqrt

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import LinearRegression, lars_path
from sklearn.preprocessing import StandardScaler

from reference.generalization.subset_selection import (
    all_rss,
    backward_stepwise,
    best_subset,
    bic,
    forward_stagewise,
    forward_stepwise,
    mallows_cp,
)
from tests.checks import assert_close, assert_float32

SEARCHES = [best_subset, forward_stepwise, backward_stepwise]
N, D = 9, 4


def stagewise(x, y):
    return forward_stagewise(x, y, step=0.01, steps=5)


ALL = [*SEARCHES, all_rss, stagewise]


@pytest.fixture
def x(rng):
    """Four variables that lean on each other, with means and units."""
    mixed = rng.normal(size=(N, D)) @ rng.normal(size=(D, D))
    return mixed * np.array([1.0, 10.0, 0.1, 2.0]) + np.array([5.0, 0, 1, -3])


@pytest.fixture
def y(rng, x):
    return x @ np.array([1.0, 0.2, 0, 0.5]) + rng.normal(size=N) + 7


@pytest.fixture(params=SEARCHES)
def search(request):
    return request.param


@pytest.fixture
def pencil():
    """The example of the page."""
    x = np.array([[1.0, 1, 4], [1, -1, 0], [-1, 1, -2], [-1, -1, -2]])
    return x, np.array([8.0, 6, 4, 2])


def brute_force(x, y, subset):
    """Return RSS, intercept and coefficients by NumPy's lstsq."""
    design = np.column_stack((np.ones(len(y)), x[:, list(subset)]))
    beta = np.linalg.lstsq(design, y)[0]
    return float(np.sum((y - design @ beta) ** 2)), beta


def centred(x):
    """Return x minus the mean of each column, entry by entry."""
    n, d = x.shape
    u = np.zeros((n, d))
    for j in range(d):
        mean = sum(x[i, j] for i in range(n)) / n
        for i in range(n):
            u[i, j] = x[i, j] - mean
    return u


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, y, search):
    r"""\mathrm{RSS}(S) = \sum_{n=1}^{N}
    \Bigl( t_n - \sum_{d \in S} u_{nd} \beta_d \Bigr)^2"""
    u, t = centred(x), centred(y[:, None])[:, 0]
    selection = search(x, y)
    for k, subset in enumerate(selection.subsets):
        expected = 0
        for n in range(N):
            fitted = sum(u[n, d] * selection.beta[k, d] for d in subset)
            expected += (t[n] - fitted) ** 2
        assert_close(selection.rss[k], np.asarray(expected))


def test_eq_2(x, y, search):
    r"""\beta_0 = \bar{y} - \sum_{d=1}^{D} \bar{x}_d \beta_d"""
    selection = search(x, y)
    for k in range(D + 1):
        expected = sum(y[n] for n in range(N)) / N
        for d in range(D):
            mean = sum(x[n, d] for n in range(N)) / N
            expected -= mean * selection.beta[k, d]
        assert_close(selection.intercept[k], np.asarray(expected))


def project_out(columns, v):
    """Return columns without their part along v, entry by entry."""
    n = len(v)
    left = columns.copy()
    for j in range(columns.shape[1]):
        share = sum(v[m] * columns[m, j] for m in range(n)) / sum(
            v[m] ** 2 for m in range(n)
        )
        for i in range(n):
            left[i, j] = columns[i, j] - v[i] * share
    return left


def test_eq_3(x, y):
    r"""\Delta_d = \frac{\bigl( \sum_{n=1}^{N} u_{nd} e_n \bigr)^2}
    {\sum_{n=1}^{N} u_{nd}^2}"""
    u, e = centred(x), centred(y[:, None])[:, 0]
    selection = forward_stepwise(x, y)
    for k in range(D):
        [d] = set(selection.subsets[k + 1]) - set(selection.subsets[k])
        drops = {}
        for j in set(range(D)) - set(selection.subsets[k]):
            product = sum(u[n, j] * e[n] for n in range(N))
            drops[j] = product**2 / sum(u[n, j] ** 2 for n in range(N))
        assert d == max(drops, key=drops.get)
        drop = selection.rss[k] - selection.rss[k + 1]
        assert_close(drop, np.asarray(drops[d]))
        left = project_out(np.column_stack((u, e)), u[:, d])
        u, e = left[:, :D], left[:, D]


def test_eq_4(x, y):
    r"""u_{nc} \leftarrow u_{nc}
    - u_{nd} \, \frac{\sum_{m=1}^{N} u_{md} u_{mc}}{\sum_{m=1}^{N} u_{md}^2}"""
    rss = all_rss(x, y)
    for i in range(2**D):
        table = centred(np.column_stack((x, y)))
        for d in range(D):
            if i >> d & 1:
                table = project_out(table, table[:, d])
        expected = sum(table[n, D] ** 2 for n in range(N))
        assert_close(rss[i], np.asarray(expected))


def inverse(a):
    """Invert by elimination without pivots, one entry at a time."""
    k = len(a)
    a = np.concatenate((a, np.eye(k)), axis=1)
    for d in range(k):
        factor = a[d, d]
        for j in range(2 * k):
            a[d, j] /= factor
        for i in range(k):
            factor = a[i, d]
            for j in range(2 * k):
                a[i, j] -= (i != d) * factor * a[d, j]
    return a[:, k:]


def test_eq_5(x, y):
    r"""r_d = \frac{\beta_d^2}{[(U^\top U)^{-1}]_{dd}}"""
    u, t = centred(x), centred(y[:, None])[:, 0]
    selection = backward_stepwise(x, y)
    for k in range(D, 0, -1):
        inside = selection.subsets[k]
        gram = np.zeros((k, k))
        moment = np.zeros(k)
        for i, c in enumerate(inside):
            moment[i] = sum(u[n, c] * t[n] for n in range(N))
            for j, d in enumerate(inside):
                gram[i, j] = sum(u[n, c] * u[n, d] for n in range(N))
        v = inverse(gram)
        beta = [sum(v[i, j] * moment[j] for j in range(k)) for i in range(k)]
        rises = {d: beta[i] ** 2 / v[i, i] for i, d in enumerate(inside)}
        [d] = set(inside) - set(selection.subsets[k - 1])
        assert d == min(rises, key=rises.get)
        rise = selection.rss[k - 1] - selection.rss[k]
        assert_close(rise, np.asarray(rises[d]))


def steps_of(x, y, step, steps):
    """Return stagewise coefficients per standard deviation, by loops."""
    u, e = centred(x), centred(y[:, None])[:, 0].copy()
    n, d = x.shape
    sd = [sqrt(sum(u[i, j] ** 2 for i in range(n)) / n) for j in range(d)]
    z = np.array([[u[i, j] / sd[j] for j in range(d)] for i in range(n)])
    path = np.zeros((steps + 1, d))
    for k in range(steps):
        c = [sum(z[i, j] * e[i] for i in range(n)) / n for j in range(d)]
        j = max(range(d), key=lambda j: abs(c[j]))
        change = min(step, abs(c[j])) * (1 if c[j] > 0 else -1)
        for i in range(n):
            e[i] -= z[i, j] * change
        path[k + 1] = path[k]
        path[k + 1, j] += change
    return path / np.array(sd)


def test_eq_6(x, y):
    r"""c_d = \frac{1}{N} \sum_{n=1}^{N} z_{nd} e_n"""
    actual = forward_stagewise(x, y, step=inf, steps=12)
    assert_close(actual.beta, steps_of(x, y, inf, 12))


def test_eq_7(x, y):
    r"""\delta = \operatorname{sign}(c_d) \,
    \min(\epsilon, \lvert c_d \rvert)"""
    actual = forward_stagewise(x, y, step=0.3, steps=40)
    expected = steps_of(x, y, 0.3, 40)
    assert_close(actual.beta, expected)
    changes = np.abs(np.diff(actual.beta, axis=0) * np.std(x, axis=0))
    assert_close(np.max(changes), np.asarray(0.3))
    assert np.any((changes > 1e-6) & (changes < 0.29))  # both cases occur


def test_eq_8(x, y):
    r"""C_p(k) = \frac{\mathrm{RSS}_k}{\hat{\sigma}^2} - N + 2 (k + 1)"""
    rss = best_subset(x, y).rss
    expected = [rss[k] / 0.7 - N + 2 * (k + 1) for k in range(D + 1)]
    assert_close(mallows_cp(rss, N, 0.7), expected)


def test_eq_9(x, y):
    r"""\mathrm{BIC}(k) = N \log \frac{\mathrm{RSS}_k}{N} + (k + 1) \log N"""
    rss = best_subset(x, y).rss
    expected = [N * log(rss[k] / N) + (k + 1) * log(N) for k in range(D + 1)]
    assert_close(bic(rss, N), expected)


# The same as everybody else's: lstsq for every subset, scikit-learn,
# statsmodels.


def test_all_subsets_by_brute_force(x, y):
    rss = all_rss(x, y)
    selection = best_subset(x, y)
    assert len(rss) == 2**D
    for k in range(D + 1):
        found = {s: brute_force(x, y, s)[0] for s in combinations(range(D), k)}
        for subset, expected in found.items():
            i = sum(2**d for d in subset)
            assert_close(rss[i], np.asarray(expected))
        assert selection.subsets[k] == min(found, key=found.get)


def greedy(x, y, start, towards):
    """Return the nested subsets of lstsq, and how many fits they took."""
    subsets, fits = [start], 1
    while len(start) != len(towards):
        adding = len(towards) > len(start)
        candidates = [
            tuple(sorted({*start} ^ {d}))
            for d in range(x.shape[1])
            if (d not in start) == adding
        ]
        fits += len(candidates)
        start = min(candidates, key=lambda s: brute_force(x, y, s)[0])
        subsets.append(start)
    return subsets, fits


@pytest.mark.parametrize("seed", range(12))
def test_greedy_searches_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(12, 6)) @ rng.normal(size=(6, 6))
    y = rng.normal(size=12)
    everything = tuple(range(6))
    forward, fits = greedy(x, y, (), everything)
    assert forward_stepwise(x, y).subsets == forward
    backward, as_many = greedy(x, y, everything, ())
    assert backward_stepwise(x, y).subsets == backward[::-1]
    assert fits == as_many == 1 + 6 * 7 // 2


def test_coefficients_by_brute_force(x, y, search):
    selection = search(x, y)
    assert [len(s) for s in selection.subsets] == list(range(D + 1))
    for k, subset in enumerate(selection.subsets):
        rss, beta = brute_force(x, y, subset)
        assert_close(selection.rss[k], np.asarray(rss))
        assert_close(selection.intercept[k], beta[0], rtol=1e-8)
        assert_close(selection.beta[k, list(subset)], beta[1:], rtol=1e-8)
        outside = [d for d in range(D) if d not in subset]
        assert_close(selection.beta[k, outside], np.zeros(D - k), atol=0)


@pytest.mark.parametrize(
    ("search", "direction"),
    [(forward_stepwise, "forward"), (backward_stepwise, "backward")],
)
def test_sequential_feature_selector(search, direction):
    """scikit-learn's scores on held-out folds; the only fold is all data."""
    x, y = load_diabetes(return_X_y=True)
    subsets = search(x, y).subsets
    for k in (5, 6):
        selector = SequentialFeatureSelector(
            LinearRegression(),
            n_features_to_select=k,
            direction=direction,
            scoring="neg_mean_squared_error",
            cv=[(np.arange(len(y)), np.arange(len(y)))],
        ).fit(x, y)
        assert subsets[k] == tuple(selector.get_support(indices=True))


def lasso_at(x, y, norms):
    """Return scikit-learn's lasso path where its L1 norm is given."""
    z = StandardScaler().fit_transform(x)
    _, _, corners = lars_path(z, y - y.mean(), method="lasso")
    at = np.sum(np.abs(corners), axis=0)
    return np.stack([np.interp(norms, at, path) for path in corners], axis=1)


def test_small_steps_follow_the_lasso_path():
    """Up to the corner where a lasso path first falls, on the diabetes data."""
    x, y = load_diabetes(return_X_y=True)
    for step, within in ((0.5, 1.0), (0.05, 0.1)):
        path = forward_stagewise(x, y, step, int(70 / step))
        gamma = path.beta * np.std(x, axis=0)
        norms = np.sum(np.abs(gamma), axis=1)
        early = norms < 60
        assert np.sum(early) > 50 / step
        expected = lasso_at(x, y, norms[early])
        assert np.max(np.abs(gamma[early] - expected)) < within


def test_many_steps_end_at_least_squares(rng):
    x, y = rng.normal(3, 2, size=(N, D)), rng.normal(size=N)
    expected = brute_force(x, y, range(D))
    for step in (inf, 0.05):
        path = forward_stagewise(x, y, step, 3000)
        assert_close(path.rss[-1], np.asarray(expected[0]), rtol=1e-6)
        assert_close(path.beta[-1], expected[1][1:], rtol=1e-3)
        assert_close(path.intercept[-1], expected[1][0], rtol=1e-3)


def test_bic_and_the_variance_of_statsmodels(x, y):
    selection = best_subset(x, y)
    fits = [
        sm.OLS(y, sm.add_constant(x[:, s])).fit()
        for s in map(list, selection.subsets[1:])
    ]
    constant = N * (log(2 * pi) + 1)
    expected = [fit.bic - constant for fit in fits]
    assert_close(bic(selection.rss, N)[1:], expected)
    variance = fits[-1].mse_resid
    cp = mallows_cp(selection.rss, N, variance)
    expected = [f.ssr / variance - N + 2 * (f.df_model + 1) for f in fits]
    assert_close(cp[1:], expected)
    assert_close(cp[-1], np.asarray(D + 1.0))  # by construction


# What the page promises: failures of each method, limits, refused inputs.


def test_each_method_misses_its_size_of_the_pencil_example(pencil):
    x, y = pencil
    assert best_subset(x, y).subsets == [(), (2,), (0, 1), (0, 1, 2)]
    assert forward_stepwise(x, y).subsets == [(), (2,), (0, 2), (0, 1, 2)]
    assert backward_stepwise(x, y).subsets == [(), (0,), (0, 1), (0, 1, 2)]
    assert_close(best_subset(x, y).rss, [20, 10 / 3, 0, 0])
    assert_close(forward_stepwise(x, y).rss, [20, 10 / 3, 2, 0])
    assert_close(backward_stepwise(x, y).rss, [20, 4, 0, 0])
    assert_close(all_rss(x, y), [20, 4, 16, 0, 10 / 3, 2, 3.2, 0])
    path = forward_stagewise(x, y, inf, 2)
    assert_close(path.rss, [20, 10 / 3, 26 / 9])
    assert_close(path.beta[-1], [1 / 3, 0, 5 / 6])


def test_no_search_is_better_than_the_best(rng):
    x = rng.normal(size=(20, 7)) @ rng.normal(size=(7, 7))
    y = rng.normal(size=20)
    best = best_subset(x, y).rss
    for other in (forward_stepwise, backward_stepwise):
        rss = other(x, y).rss
        assert np.all(best <= rss * (1 + 1e-12))
        assert_close(rss[[0, 7]], best[[0, 7]])
        assert np.all(np.diff(rss) <= 0)


@settings(max_examples=8)
@given(
    st.integers(0, 99),
    st.lists(st.sampled_from([1e-200, 1e-8, 1.0, 1e6, 1e200]), min_size=5),
)
def test_units_and_origins_do_not_matter(seed, units):
    """Those of the target count squared in the RSS, and nowhere else."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(10, 4)), rng.normal(size=10)
    scale, shift = np.array(units[:4]), rng.normal(size=4)
    for search in SEARCHES:
        expected = search(x, y)
        actual = search((x + shift) * scale, y * 1e3 - 5)
        assert actual.subsets == expected.subsets
        assert_close(actual.rss, 1e6 * expected.rss, rtol=1e-8)
        assert_close(
            actual.beta * scale, 1e3 * expected.beta, rtol=1e-6, atol=1e-8
        )


@pytest.mark.parametrize("unit", [1e-160, 1e150])
def test_targets_of_any_size(x, y, unit, search):
    assert search(x, y * unit).subsets == search(x, y).subsets
    assert_close(search(x, y * unit).beta / unit, search(x, y).beta)
    small = forward_stagewise(x, y * unit, 0.3 * unit, 9)
    assert_close(small.beta / unit, stagewise_beta(x, y))


def stagewise_beta(x, y):
    return forward_stagewise(x, y, 0.3, 9).beta


def test_large_means_cost_few_digits(x, y, search):
    assert_close(search(x + 1e7, y + 1e7).rss, search(x, y).rss, rtol=1e-6)


def test_forward_works_with_more_variables_than_examples(rng):
    x, y = rng.normal(size=(6, 20)), rng.normal(size=6)
    selection = forward_stepwise(x, y)
    expected, _ = greedy(x, y, (), range(5))
    assert selection.subsets[:5] == expected[:5]
    assert len(selection.subsets) == 6
    assert_close(selection.rss[5], np.asarray(0.0))
    few = best_subset(x[:, :8], y)
    assert [len(s) for s in few.subsets] == list(range(6))
    assert forward_stagewise(x, y, 0.01, 5).beta.shape == (6, 20)


def test_backward_needs_more_examples_than_variables(rng):
    x, y = rng.normal(size=(6, 6)), rng.normal(size=6)
    message = "starts with all 6 variables and needs at least 7 examples, got 6"
    with pytest.raises(ValueError, match=message):
        backward_stepwise(x, y)
    with pytest.raises(ValueError, match="got 5"):
        backward_stepwise(x[:5], y[:5])
    assert len(backward_stepwise(x[:, :5], y).subsets) == 6


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_dependent_variables(x, y, noise, rng):
    """A twin or a constant ends the sizes; backward needs none of them."""
    twin = x.copy()
    twin[:, 3] = 2 * x[:, 0] - x[:, 1] + 1 + noise * rng.normal(size=N)
    constant = x.copy()
    constant[:, 3] = 0.1
    for broken in (twin, constant):
        for search in (best_subset, forward_stepwise):
            selection = search(broken, y)
            assert [len(s) for s in selection.subsets] == [0, 1, 2, 3]
        rss = all_rss(broken, y)
        assert rss[15] == inf
        assert np.all(np.isfinite(rss[:8]))
    assert np.sum(np.isinf(all_rss(twin, y))) == 2
    assert np.sum(np.isinf(all_rss(constant, y))) == 8
    assert np.all(forward_stagewise(constant, y, 0.1, 50).beta[:, 3] == 0)
    with pytest.raises(ValueError, match="need independent columns"):
        backward_stepwise(constant, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("ulps", "constant"), [(0, 1), (1, 1), (8, 0)])
def test_a_column_of_rounding_errors_is_constant(ulps, constant, dtype, x, y):
    """As are shares that sum to 1, or the same number in several units."""
    x[:, 3] = 1 + ulps * np.finfo(dtype).eps * np.arange(N)
    x, y = x.astype(dtype), y.astype(dtype)
    assert np.all(np.isinf(all_rss(x, y)[8:]) == bool(constant))
    for search in (best_subset, forward_stepwise):
        assert len(search(x, y).subsets) == D + 1 - constant
        rss = search(x[:, :3], x[:, 3]).rss
        assert np.all((rss == 0) == bool(constant))


@pytest.mark.parametrize("column", [0, 3])
def test_a_column_of_zeros_is_constant(column, x, y):
    x[:, column] = 0
    for search in (best_subset, forward_stepwise):
        subsets = search(x, y).subsets
        assert [column in s for s in subsets] == [False] * D
    assert_close(search(x, 0 * y).rss, np.zeros(D))
    with pytest.raises(ValueError, match="need independent columns"):
        backward_stepwise(x, y)


def test_backward_refuses_a_twin(x, y):
    x[:, 3] = 2 * x[:, 0]
    with pytest.raises(ValueError, match="need independent columns"):
        backward_stepwise(x, y)


def test_nearly_dependent_variables_keep_their_digits(rng):
    """A Gram matrix would hold eight digits less of the difference."""
    a, b = rng.normal(size=(2, 50))
    x = np.column_stack((a, a + 1e-5 * b, rng.normal(size=(50, 2))))
    y = b + 0.001 * rng.normal(size=50)
    assert best_subset(x, y).subsets[2] == (0, 1)
    expected = brute_force(x, y, (0, 1))[0]
    assert_close(all_rss(x, y)[3], np.asarray(expected), rtol=1e-6)


def test_a_constant_target_has_nothing_to_explain(x, search):
    selection = search(x, np.full(N, 0.1))
    assert_close(selection.rss, np.zeros(D + 1))
    assert_close(selection.beta, np.zeros((D + 1, D)))
    assert_close(selection.intercept, np.full(D + 1, 0.1))
    assert_close(stagewise(x, np.full(N, 0.1)).rss, np.zeros(6))


def test_one_example_has_the_intercept_alone():
    x, y = np.array([[1.0, 2.0]]), np.array([3.0])
    for search in (best_subset, forward_stepwise):
        assert search(x, y).subsets == [()]
        assert_close(search(x, y).intercept, [3.0])


def test_one_variable(x, y, search):
    selection = search(x[:, :1], y)
    assert selection.subsets == [(), (0,)]
    assert_close(selection.rss[1], np.asarray(brute_force(x, y, [0])[0]))


def test_ties_go_to_the_smaller_number():
    x = np.eye(4)[:, :3]
    y = np.array([1.0, 1.0, 1.0, 0.0])
    assert best_subset(x, y).subsets[1] == (0,)
    assert forward_stepwise(x, y).subsets[1] == (0,)


def test_stagewise_starts_at_nothing_and_stops_at_the_minimum(x, y):
    path = forward_stagewise(x, y, 0.3, 0)
    assert_close(path.beta, np.zeros((1, D)))
    assert_close(path.intercept, [y.mean()])
    assert_close(path.rss, [np.sum((y - y.mean()) ** 2)])
    rss = forward_stagewise(x, y, 0.3, 2000).rss
    assert np.all(np.diff(rss) <= 1e-12 * rss[0])


def test_orthogonal_variables_are_thresholded():
    """Tiny steps lower all correlations together, down to one level."""
    x = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    y = x @ np.array([3.0, -2.0]) + 5
    gamma = forward_stagewise(x, y, 0.001, 3000).beta[-1]
    level = 1.0  # 2 + 1 spent: 3 - 1 and 2 - 1
    assert_close(gamma, [3 - level, -(2 - level)], atol=0.002)


@pytest.mark.parametrize("function", ALL)
def test_arguments_stay_and_single_precision_stays(function, x, y):
    before = x.copy(), y.copy()
    function(x, y)
    assert_close(x, before[0], atol=0, rtol=0)
    assert_close(y, before[1], atol=0, rtol=0)
    x, y = np.float32(x), np.float32(y)
    wide = function(np.float64(x), np.float64(y))
    narrow = function(x, y)
    if function is all_rss:
        wide, narrow = (wide,), (narrow,)
    for w, n in zip(wide, narrow, strict=True):
        if isinstance(w, list):
            assert w == n
        else:
            assert n.dtype == np.float32
            assert_close(n, w, rtol=1e-6, atol=1e-5)


@pytest.mark.usefixtures("unchecked")
def test_float32_of_the_criteria(x, y):
    rss = best_subset(x, y).rss
    assert_float32(lambda a: mallows_cp(a, np.int64(N), np.float64(0.7)), rss)
    assert_float32(lambda a: bic(a, np.int64(N)), rss)
    path = forward_stagewise(
        np.float32(x), np.float32(y), np.float64(0.1), steps=3
    )
    assert path.beta.dtype == np.float32
    path = forward_stagewise(x, y, np.float32(0.25), steps=3)
    assert_close(path.beta, forward_stagewise(x, y, 0.25, 3).beta)


def test_single_precision_does_not_round_before_it_compares():
    """Two variables whose RSS differ by less than float32 can tell."""
    x = np.array([[1.0, 1.0001], [1, 0.9999], [-1, -0.9999], [-1, -1.0001]])
    x, y = np.float32(x), np.float32([1.0, -1.0, 1.0, -1.0])
    exact = [brute_force(np.float64(x), np.float64(y), [d])[0] for d in (0, 1)]
    assert exact[1] < exact[0]
    assert best_subset(x, y).subsets[1] == (1,)


def test_single_precision_of_large_means(rng):
    """Sums of many float32 numbers lose digits that the intercept needs."""
    x = np.float32(rng.normal(1e4, 1, size=(5001, 2)))
    y = np.float32(100 * x.sum(axis=1) + rng.normal(size=5001))
    for search in SEARCHES:
        wide = search(np.float64(x), np.float64(y)).intercept
        assert_close(search(x, y).intercept, wide, rtol=3e-7)


@pytest.mark.parametrize("function", ALL)
def test_the_wider_of_two_precisions_is_kept(function, x, y):
    for pair in ((np.float32(x), y), (x, np.float32(y))):
        found = function(*pair)
        for a in (found,) if function is all_rss else found:
            assert isinstance(a, list) or a.dtype == np.float64


def test_too_many_variables_for_all_subsets(rng):
    x, y = rng.normal(size=(30, 19)), rng.normal(size=30)
    for function in (all_rss, best_subset):
        with pytest.raises(ValueError, match=r"at most 18 .* be tried, got 19"):
            function(x, y)
    assert len(forward_stepwise(x, y).subsets) == 20


def test_eighteen_variables_are_tried(rng):
    x, y = np.eye(20)[:, :18], rng.normal(size=20)
    assert all_rss(x, y).shape == (2**18,)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(function, bad, x, y):
    broken_x, broken_y = x.copy(), y.copy()
    broken_x[0, 1] = broken_y[3] = bad
    for given_x, given_y in ((broken_x, y), (x, broken_y)):
        with pytest.raises(ValueError, match="a selection needs finite values"):
            function(given_x, given_y)


@pytest.mark.parametrize("function", ALL)
def test_what_overflows_is_refused(function, x, y):
    with pytest.raises(ValueError, match="got NaN, inf or an overflow"):
        function(x, 1e160 * y)
    with pytest.raises(ValueError, match="got NaN, inf or an overflow"):
        function(np.float32(x), np.float32(1e25 * y))
    wide = x.copy()
    wide[0, 0], wide[1, 0] = 1.7e308, -1.7e308
    with pytest.raises(ValueError, match="got NaN, inf or an overflow"):
        function(wide, y)


def test_coefficients_that_overflow_are_refused(search, x, y):
    message = "a selection needs units in which means and coefficients stay"
    with pytest.raises(ValueError, match=f"{message} below 2e\\+308, got"):
        search(x * 1e-160, y * 1e150)
    with pytest.raises(ValueError, match=f"{message} below 3e\\+38, got"):
        search(np.float32(x * 1e-30), np.float32(y * 1e15))
    with pytest.raises(ValueError, match=message):  # the sum of the values
        search(1e308 + 1e306 * x, y)
    path = forward_stagewise(x * 1e-160, y * 1e150, step=0.3, steps=1)
    assert 1e155 < np.max(np.abs(path.beta)) < 1e165  # steps are small


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", ALL)
def test_other_shapes_are_refused(function, x, y):
    message = "needs examples with variables and one target each, got x of"
    for given_x, given_y in (
        (x, y[:-1]),
        (x, y[:, None]),
        (x, y[:1]),
        (x, y[0]),
        (x[:, 0], y),
        (x[None], y[None]),
        (x[:0], y[:0]),
        (x[:, :0], y),
    ):
        with pytest.raises(ValueError, match=message):
            function(given_x, np.asarray(given_y))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_numbers_are_refused(function, dtype, x, y):
    for given_x, given_y in ((x.astype(dtype), y), (x, y.astype(dtype))):
        with pytest.raises(ValueError, match="needs real floating-point"):
            function(given_x, given_y)


@pytest.mark.parametrize(
    ("step", "steps"), [(0.0, 5), (-0.1, 5), (np.nan, 5), (0.1, -1)]
)
def test_steps_that_are_none_are_refused(step, steps, x, y):
    message = f"step > 0 and steps >= 0, got {step} and {steps}"
    with pytest.raises(ValueError, match=message):
        forward_stagewise(x, y, step, steps)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "rss", [np.array(3.0), np.ones(0), np.ones((1, 3)), np.ones((3, 1))]
)
def test_criteria_need_one_rss_for_each_size(rss):
    for criterion in (bic, lambda r, n: mallows_cp(r, n, 1.0)):
        with pytest.raises(ValueError, match=r"one RSS for each .* got shape"):
            criterion(rss, 9)


def test_criteria_refuse_what_they_cannot_judge():
    rss = np.array([3.0, 2.0, 1.0])
    for n in (2, 0, -3):
        for criterion in (bic, lambda r, n: mallows_cp(r, n, 1.0)):
            with pytest.raises(ValueError, match=f"3 sizes need .* got {n}"):
                criterion(rss, n)
    for variance in (0.0, -1.0, np.nan, inf):
        with pytest.raises(ValueError, match=f"variance < inf, got {variance}"):
            mallows_cp(rss, 5, variance)
    for perfect in (0.0, 1e-30, -1.0, np.nan):
        with pytest.raises(ValueError, match="allows no perfect fit, got"):
            bic(np.array([3.0, 2.0, perfect]), 5)
    assert bic(np.array([3.0, 2.0, 1e-20]), 3).shape == (3,)
