import statistics
from fractions import Fraction
from math import ceil, exp, log

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics
from statsmodels.nonparametric.kernel_regression import KernelReg

from reference.foundations.learning_problem import (
    best_constant,
    mean_loss,
    nadaraya_watson,
    regression_function,
    squared_error_parts,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

LOSSES = ["squared", "absolute", "zero_one", "pinball"]
N, D, M, K, V = 7, 2, 4, 3, 5
Y = np.array([2.0, 2.0, 4.0, 6.0, 11.0])


@pytest.fixture
def y(rng):
    """Seven targets, some of them equal."""
    return rng.integers(0, 5, size=N) / 2


@pytest.fixture
def constants():
    """Constants below, above, between and on the targets."""
    return np.array([[-1.0, 0.0], [0.5, 0.7], [1.0, 9.0]])


@pytest.fixture
def table(rng):
    """Probabilities, values of the target, and some prediction."""
    joint = rng.uniform(size=(K, V))
    return joint / joint.sum(), rng.normal(size=V), rng.normal(size=K)


@pytest.fixture
def examples(rng):
    """Inputs, targets and queries."""
    x, query = rng.normal(size=(N, D)), rng.normal(size=(M, D))
    return x, rng.normal(size=N), query


# The page's equations, each written out index by index below its LaTeX.


def of_each(constants, mean):
    return [[mean(c) for c in row] for row in constants]


def test_eq_1(y, constants, array):
    r"""L_{\text{sq}}(c) = \frac{1}{N} \sum_{n=1}^{N} (y_n - c)^2"""
    expected = of_each(
        constants, lambda c: sum((y[n] - c) ** 2 for n in range(N)) / N
    )
    assert_close(mean_loss(array(y), array(constants)), expected)


def test_eq_2(y, constants, array):
    r"""L_{\text{abs}}(c) = \frac{1}{N} \sum_{n=1}^{N} \lvert y_n - c \rvert"""
    expected = of_each(
        constants, lambda c: sum(abs(y[n] - c) for n in range(N)) / N
    )
    assert_close(mean_loss(array(y), array(constants), "absolute"), expected)


def test_eq_3(y, constants, array):
    r"""L_{0/1}(c) = \frac{1}{N} \sum_{n=1}^{N} [y_n \ne c]"""
    expected = of_each(
        constants,
        lambda c: sum(1 if y[n] != c else 0 for n in range(N)) / N,
    )
    assert_close(mean_loss(array(y), array(constants), "zero_one"), expected)


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.75])
def test_eq_4(y, constants, tau, array):
    r"""L_\tau(c) = \frac{1}{N} \sum_{n=1}^{N}
    \max\bigl( \tau (y_n - c), \, (\tau - 1) (y_n - c) \bigr)"""
    expected = of_each(
        constants,
        lambda c: (
            sum(
                tau * (y[n] - c) if y[n] > c else (tau - 1) * (y[n] - c)
                for n in range(N)
            )
            / N
        ),
    )
    actual = mean_loss(array(y), array(constants), "pinball", tau)
    assert_close(actual, expected)


def test_eq_5(y, array):
    r"""c_{\text{sq}} = \frac{1}{N} \sum_{n=1}^{N} y_n"""
    expected = sum(y[n] for n in range(N)) / N
    assert_close(best_constant(array(y)), np.asarray(expected))


@pytest.mark.parametrize("tau", [0.05, 0.3, 0.5, 0.75, 0.99])
def test_eq_6(y, tau, array):
    r"""c_\tau = y_{(\lceil \tau N \rceil)}"""
    rank = ceil(Fraction(str(tau)) * N)
    expected = next(
        v for v in sorted(y) if sum(y[n] <= v for n in range(N)) >= rank
    )
    actual = best_constant(array(y), "pinball", tau)
    assert_close(actual, np.asarray(expected))
    if tau == 0.5:
        actual = best_constant(array(y), "absolute")
        assert_close(actual, np.asarray(expected))


def test_eq_7(y, array):
    r"""c_{0/1} = \min \, \argmax_{v} \sum_{n=1}^{N} [y_n = v]"""
    best, most = None, 0
    for v in sorted(y):
        count = sum(1 for n in range(N) if y[n] == v)
        if count > most:
            best, most = v, count
    assert_close(best_constant(array(y), "zero_one"), np.asarray(best))


def means(joint, values):
    return [
        sum(joint[k, v] * values[v] for v in range(V))
        / sum(joint[k, v] for v in range(V))
        for k in range(K)
    ]


def test_eq_8(table, array):
    r"""f^*(x_k) = \frac{\sum_{v=1}^{V} p_{kv} \, y_v}{\sum_{v=1}^{V} p_{kv}}"""
    joint, values, _ = table
    actual = regression_function(array(joint), array(values))
    assert_close(actual, means(joint, values))


def test_eq_9(table, array):
    r"""\text{reducible} = \sum_{k=1}^{K} p_k \, (f(x_k) - f^*(x_k))^2"""
    joint, values, f = table
    best = means(joint, values)
    expected = 0
    for k in range(K):
        p = sum(joint[k, v] for v in range(V))
        expected += p * (f[k] - best[k]) ** 2
    actual = squared_error_parts(array(joint), array(values), array(f))
    assert_close(actual.reducible, np.asarray(expected))


def test_eq_10(table, array):
    r"""\text{irreducible}
    = \sum_{k=1}^{K} \sum_{v=1}^{V} p_{kv} \, (y_v - f^*(x_k))^2"""
    joint, values, f = table
    best, expected = means(joint, values), 0
    for k in range(K):
        for v in range(V):
            expected += joint[k, v] * (values[v] - best[k]) ** 2
    actual = squared_error_parts(array(joint), array(values), array(f))
    assert_close(actual.irreducible, np.asarray(expected))


def logs(x, query, h):
    table = np.zeros((M, N))
    for m in range(M):
        for n in range(N):
            for d in range(D):
                table[m, n] -= (query[m, d] - x[n, d]) ** 2 / (2 * h**2)
    return table


def weights(x, query, h):
    table = logs(x, query, h)
    for m in range(M):
        total = sum(exp(table[m, j]) for j in range(N))
        for n in range(N):
            table[m, n] = exp(table[m, n]) / total
    return table


def test_eq_11(examples, array):
    r"""\log w_{mn} = -\frac{1}{2 h^2} \sum_{d=1}^{D} (q_{md} - x_{nd})^2"""
    x, _, query = examples
    log_w = logs(x, query, 0.7)
    for n in range(1, N):  # two examples: their weights tell the difference
        pair, one = array(x[[0, n]]), array(np.array([0.0, 1.0]))
        share = to_numpy(nadaraya_watson(pair, one, array(query), 0.7))
        expected = [log_w[m, n] - log_w[m, 0] for m in range(M)]
        assert_close(np.log(share / (1 - share)), expected)


def test_eq_12(examples, array):
    r"""\bar{w}_{mn} = \frac{w_{mn}}{\sum_{j=1}^{N} w_{mj}}"""
    x, _, query = examples
    expected = weights(x, query, 0.7)
    for n in range(N):  # where only example n counts, its weight is seen
        y = np.zeros(N)
        y[n] = 1
        actual = nadaraya_watson(array(x), array(y), array(query), 0.7)
        assert_close(actual, expected[:, n])


def test_eq_13(examples, array):
    r"""\hat{f}(q_m) = \sum_{n=1}^{N} \bar{w}_{mn} \, y_n"""
    x, y, query = examples
    w = weights(x, query, 0.7)
    expected = [sum(w[m, n] * y[n] for n in range(N)) for m in range(M)]
    actual = nadaraya_watson(array(x), array(y), array(query), 0.7)
    assert_close(actual, expected)


# The same as everybody else's: scikit-learn, the standard library's
# statistics, NumPy, statsmodels.


@pytest.mark.parametrize("tau", [0.2, 0.5, 0.9])
def test_losses_are_scikit_learns(y, tau, array):
    for c in (-0.3, 1.0, 1.7):
        given, same = np.full(N, c), array(np.asarray(c))
        for loss, expected in (
            ("squared", metrics.mean_squared_error(y, given)),
            ("absolute", metrics.mean_absolute_error(y, given)),
            ("zero_one", metrics.zero_one_loss(y * 10, given * 10 // 1)),
            ("pinball", metrics.mean_pinball_loss(y, given, alpha=tau)),
        ):
            actual = mean_loss(array(y), same, loss, tau)
            assert_close(actual, np.asarray(expected))


@pytest.mark.parametrize("n", [1, 2, 5, 8, 100])
def test_best_constants_are_those_of_statistics(n, rng, array):
    y = rng.integers(0, 6, size=n) / 4
    for expected, args in (
        (statistics.fmean(y), ()),
        (statistics.median_low(y), ("absolute",)),
        (statistics.median_low(y), ("pinball",)),
        (min(statistics.multimode(y)), ("zero_one",)),
        *(
            (np.quantile(y, q, method="inverted_cdf"), ("pinball", q))
            for q in (0.125, 0.25, 0.3, 0.5, 0.77, 0.875, 1 - 2**-20)
        ),
    ):
        assert_close(best_constant(array(y), *args), np.asarray(expected))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("tau", [0.2, 0.5, 0.77])
def test_no_constant_of_a_fine_grid_is_better(loss, tau, rng, array):
    """Also the smallest of the best: all that is lower loses more."""
    for n in (5, 6):
        y = rng.integers(0, 8, size=n) / 4
        c = to_numpy(best_constant(array(y), loss, tau))
        grid = np.arange(-1, 3, 1 / 64)
        best = to_numpy(mean_loss(array(y), array(c), loss, tau))
        found = to_numpy(mean_loss(array(y), array(grid), loss, tau))
        assert np.all(found >= best - 1e-12)
        assert np.all(found[grid < c - 1e-9] > best)


def test_a_joint_distribution_is_a_pile_of_examples(array):
    """Group means and variances of 24 examples, in exact fractions."""
    counts = np.array([[3, 0, 5, 1], [1, 1, 1, 1], [0, 0, 2, 9]])
    values, f = np.array([2.0, 4.0, 5.0, 9.0]), np.array([4.0, 6.0, -1.0])
    total = int(counts.sum())
    groups = [
        [
            Fraction(v)
            for v, c in zip(values, row, strict=True)
            for _ in range(c)
        ]
        for row in counts
    ]
    best = [statistics.mean(g) for g in groups]
    within = sum(len(g) * statistics.pvariance(g) for g in groups) / total
    everything = (
        sum((y - Fraction(f[k])) ** 2 for k, g in enumerate(groups) for y in g)
        / total
    )
    joint, values = array(counts / total), array(values)
    assert_close(regression_function(joint, values), [float(b) for b in best])
    parts = squared_error_parts(joint, values, array(f))
    assert_close(parts.irreducible, np.asarray(float(within)))
    assert_close(parts.reducible, np.asarray(float(everything - within)))


@pytest.mark.filterwarnings("ignore:After 0.17:FutureWarning")
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("h", [0.3, 1.0, 20.0])
def test_nadaraya_watson_is_statsmodels(d, h, rng, array):
    x, query = rng.normal(size=(30, d)), rng.normal(size=(6, d))
    y = rng.normal(size=30)
    oracle = KernelReg(y, x, "c" * d, reg_type="lc", bw=[h] * d)
    expected, _ = oracle.fit(query)
    actual = nadaraya_watson(array(x), array(y), array(query), h)
    assert_close(actual, expected)


# The gradient: of the losses and of the weighted means, derived by hand.


@pytest.mark.parametrize(
    ("loss", "slope"),
    [
        ("squared", lambda e: 2 * e),
        ("absolute", lambda e: e.sign()),
        ("pinball", lambda e: (e > 0).double() - 0.8),
    ],
)
def test_gradients_of_the_losses(loss, slope, rng):
    def backward(dy, y, c):
        g = slope(y - c[:, None]) / y.shape[0] * dy[:, None]
        return g.sum(0), -g.sum(1)

    assert_gradient(
        lambda y, c: mean_loss(y, c, loss, 0.2),
        backward,
        rng.normal(size=N),
        rng.normal(size=3),
    )


def test_gradients_of_the_best_constants(rng):
    y = rng.normal(size=N)
    third = torch.asarray(np.argsort(y)[2] == np.arange(N))
    assert_gradient(best_constant, lambda dy, y: dy / N + 0 * y, y)
    assert_gradient(
        lambda y: best_constant(y, "pinball", 0.4),
        lambda dy, _: dy * third,
        y,
    )


def test_gradients_of_the_error_parts(table):
    joint, values, f = table
    joint = torch.asarray(joint)
    p = joint.sum(1)

    def backward(dy, values, f):
        miss = f - joint @ values / p
        df = 2 * p * miss * dy[0]
        spread = values - (joint @ values / p)[:, None]
        dv = 2 * (joint * spread).sum(0) * dy[1] - 2 * (miss @ joint) * dy[0]
        return dv, df

    assert_gradient(
        lambda v, f: torch.stack(squared_error_parts(joint, v, f)),
        backward,
        values,
        f,
    )


def test_gradients_of_nadaraya_watson(examples):
    h = 0.7

    def backward(dy, x, y, query):
        away = x - query[:, None]
        w = torch.softmax(-(away**2).sum(2) / (2 * h**2), 1)
        deviation = y - (w @ y)[:, None]
        g = dy[:, None, None] * (w * deviation)[:, :, None] * away / h**2
        return -g.sum(0), dy @ w, g.sum(1)

    assert_gradient(
        lambda x, y, query: nadaraya_watson(x, y, query, h),
        backward,
        *examples,
    )


# What the page promises, and what is refused.


@pytest.mark.parametrize(
    ("loss", "best", "least"),
    [
        ("squared", 5.0, 11.2),
        ("absolute", 4.0, 2.6),
        ("zero_one", 2.0, 0.6),
        ("pinball", 6.0, 1.25),
    ],
)
def test_five_mornings(loss, best, least, array):
    c = best_constant(array(Y), loss, 0.75)
    assert_close(c, np.asarray(best))
    assert_close(mean_loss(array(Y), c, loss, 0.75), np.asarray(least))
    assert_close(mean_loss(array(Y), best, loss, 0.75), np.asarray(least))


def test_defaults_are_squared_loss_and_the_median(array):
    y = array(Y)
    assert_close(best_constant(y), np.asarray(5.0))
    assert_close(mean_loss(y, 1.0), np.asarray(27.2))
    assert_close(best_constant(y, "pinball"), np.asarray(4.0))
    assert_close(mean_loss(y, 4.0, "pinball"), np.asarray(1.3))


@pytest.mark.usefixtures("unchecked")
def test_a_whole_number_is_a_constant(array):
    assert_close(mean_loss(array(Y), 1), np.asarray(27.2))


def test_only_the_pinball_loss_looks_at_the_quantile(array):
    y = array(Y)
    for loss in LOSSES[:3]:
        c = best_constant(y, loss)
        assert_close(best_constant(y, loss, 0.9), to_numpy(c))
        expected = to_numpy(mean_loss(y, 3.0, loss))
        assert_close(mean_loss(y, 3.0, loss, 0.9), expected)


@pytest.mark.parametrize("n", [1, 8, 50, 71, 100])
def test_a_quantile_is_not_off_by_one_through_rounding(n, array):
    """0.07 * 100 is 7.000000000000001 in the computer, and 0.29 * 100 less
    than 29: both must give the rank that the decimals say."""
    y = np.arange(1, n + 1) * 1.0
    for percent in range(1, 100):
        actual = best_constant(array(y), "pinball", percent / 100)
        assert_close(actual, np.asarray(float(-(-percent * n // 100))))


def test_a_quantile_just_above_or_near_0_is_no_rounding():
    y = np.arange(1.0, 101)
    assert best_constant(y, "pinball", 0.07 + 1e-14) == 8
    assert best_constant(y, "pinball", 1e-300) == 1


@given(
    arrays(np.float64, st.integers(1, 9), elements=st.integers(-9, 9)),
    st.integers(-9, 9),
    st.sampled_from(LOSSES),
    st.sampled_from([0.25, 0.5, 0.875]),
)
def test_the_best_constant_moves_with_the_targets(y, a, loss, tau):
    c = best_constant(y, loss, tau)
    assert_close(best_constant(y + a, loss, tau), np.asarray(c + a))
    assert_close(best_constant(y * 3, loss, tau), np.asarray(c * 3))


@given(
    arrays(np.float64, (3, 4), elements=st.integers(1, 20)),
    arrays(np.float64, 4, elements=st.integers(-20, 20)),
    arrays(np.float64, 3, elements=st.integers(-20, 20)),
)
def test_the_parts_sum_to_the_whole(counts, values, f):
    joint = counts / counts.sum()
    whole = np.sum(joint * (values - f[:, None]) ** 2)
    parts = squared_error_parts(joint, values, f)
    assert_close(parts.reducible + parts.irreducible, np.asarray(whole))
    best = regression_function(joint, values)
    least = squared_error_parts(joint, values, best)
    assert_close(least.reducible, np.asarray(0.0))
    assert parts.irreducible <= whole + 1e-9


@given(
    arrays(np.float64, (5, 2), elements=st.floats(-9, 9)),
    arrays(np.float64, 5, elements=st.floats(-9, 9)),
    arrays(np.float64, (3, 2), elements=st.floats(-99, 99)),
    st.floats(0.01, 100),
)
def test_a_weighted_mean_stays_among_the_targets(x, y, query, h):
    f = nadaraya_watson(x, y, query, h)
    assert np.all(f >= y.min() - 1e-9)
    assert np.all(f <= y.max() + 1e-9)
    assert_close(nadaraya_watson(x, y + 5, query, h), f + 5, atol=1e-9)
    assert_close(nadaraya_watson(x, y * 0 + 3, query, h), np.full(3, 3.0))


def test_by_hand_with_weights_that_halve(array):
    x, y = array(np.array([[0.0], [1.0], [2.0]])), array(np.array([2.0, 4, 10]))
    query, h = array(np.array([[0.0], [1.0]])), 1 / np.sqrt(2 * log(2))
    assert_close(nadaraya_watson(x, y, query, h), [2.96, 5.0])


@pytest.mark.parametrize("far", [1e2, -1e3, 1e6])
def test_far_queries_get_the_nearest_target(far, array):
    x, y = array(np.array([[0.0], [1.0], [2.0]])), array(np.array([2.0, 4, 10]))
    nearest = 10.0 if far > 0 else 2.0
    actual = nadaraya_watson(x, y, array(np.array([[far]])), 1.0)
    assert_close(actual, [nearest])


def test_a_tiny_bandwidth_repeats_and_a_huge_one_averages(examples, array):
    x, y, query = examples
    again = nadaraya_watson(array(x), array(y), array(x), 1e-8)
    assert_close(again, y)
    flat = nadaraya_watson(array(x), array(y), array(query), 1e9)
    assert_close(flat, np.full(M, y.mean()))


@pytest.mark.parametrize("scale", [1e-150, 1e-200, 1e200])
def test_the_unit_of_x_does_not_count(examples, scale, array):
    x, y, query = examples
    expected = nadaraya_watson(x, y, query, 0.5)
    actual = nadaraya_watson(
        array(x * scale), array(y), array(query * scale), 0.5 * scale
    )
    assert_close(actual, expected)


def test_no_query_and_no_feature(array):
    x, y = array(np.zeros((2, 0))), array(np.array([2.0, 4.0]))
    assert_close(nadaraya_watson(x, y, array(np.zeros((1, 0))), 1.0), [3.0])
    x = array(np.zeros((2, 1)))
    actual = nadaraya_watson(x, y, array(np.zeros((0, 1))), 1.0)
    assert_close(actual, np.zeros(0))
    assert_close(mean_loss(y, array(np.zeros((0, 3)))), np.zeros((0, 3)))


def test_targets_of_one_value_and_of_one_example(array):
    for y in (np.array([3.0]), np.full(4, 3.0)):
        for loss in LOSSES:
            c = best_constant(array(y), loss, 0.9)
            assert_close(c, np.asarray(3.0))
            actual = mean_loss(array(y), c, loss, 0.9)
            assert_close(actual, np.asarray(0.0))


def test_arguments_stay_as_they_were(array):
    y = np.array([5.0, 1.0, 3.0])
    given = array(y.copy())
    for loss in LOSSES:
        best_constant(given, loss)
    assert_close(given, y)


def test_float32(y, table, examples):
    x, targets, query = examples
    for loss in LOSSES:
        assert_float32(lambda y, c, k=loss: mean_loss(y, c, k, 0.25), y, y[:2])
        assert_float32(lambda y, k=loss: best_constant(y, k, 0.25), y)
    joint, values, f = table
    assert_float32(regression_function, joint, values)
    assert_float32(squared_error_parts, joint, values, f)
    assert_float32(lambda *args: nadaraya_watson(*args, 0.7), x, targets, query)


def test_float32_also_with_wide_numbers_beside_it(array):
    y, x = np.float32([1.0, 2.0]), np.float32([[0.0], [1.0]])
    wide = np.float64(0.3)
    for loss in LOSSES:
        for c in (1.0, wide, array(np.float32([1.0, 2.0]))):
            actual = mean_loss(array(y), c, loss, wide)
            assert to_numpy(actual).dtype == np.float32
        actual = best_constant(array(y), loss, wide)
        assert to_numpy(actual).dtype == np.float32
    actual = nadaraya_watson(array(x), array(y), array(x), wide)
    assert to_numpy(actual).dtype == np.float32


def test_float32_far_from_zero(array):
    """Differences are taken first, so a large mean costs no digits."""
    x = np.float32([[1e6], [1e6 + 1], [1e6 + 2]])
    y = np.float32([2.0, 4.0, 10.0])
    h = 1 / np.sqrt(2 * log(2))
    actual = nadaraya_watson(array(x), array(y), array(x[:2]), h)
    assert_close(actual, [2.96, 5.0], rtol=1e-5)


@pytest.mark.parametrize("loss", ["", "Squared", "mean", "0-1"])
def test_unknown_losses_are_refused(loss, array):
    with pytest.raises(ValueError, match=f"a loss out of .*, got '{loss}'"):
        best_constant(array(Y), loss)
    with pytest.raises(ValueError, match=f"a loss out of .*, got '{loss}'"):
        mean_loss(array(Y), 1.0, loss)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("tau", [0.0, 1.0, -0.1, 1.1, np.nan, np.inf])
def test_other_quantiles_are_refused(loss, tau, array):
    with pytest.raises(ValueError, match=f"0 < quantile < 1, got {tau}"):
        best_constant(array(Y), loss, tau)
    with pytest.raises(ValueError, match=f"0 < quantile < 1, got {tau}"):
        mean_loss(array(Y), 1.0, loss, tau)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(0,), (), (2, 1), (1, 2)])
def test_other_than_a_vector_of_targets_is_refused(shape, array):
    y = array(np.ones(shape))
    with pytest.raises(ValueError, match="needs a vector of targets, got sha"):
        best_constant(y)
    with pytest.raises(ValueError, match="needs a vector of targets, got sha"):
        mean_loss(y, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("loss", LOSSES)
def test_targets_that_are_not_finite_are_refused(loss, bad, array):
    y = array(np.array([1.0, bad, 2.0]))
    with pytest.raises(ValueError, match="y needs finite values, got NaN or"):
        best_constant(y, loss)
    with pytest.raises(ValueError, match="y needs finite values, got NaN or"):
        mean_loss(y, 1.0, loss)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(
    dtype, table, examples, array
):
    y = array(Y.astype(dtype))
    message = f"y needs real floating-point numbers, got {y.dtype}"
    with pytest.raises(ValueError, match=message):
        best_constant(y, "zero_one")
    with pytest.raises(ValueError, match=message):
        mean_loss(y, 1.0)
    for name, i in (("joint", 0), ("values", 1), ("prediction", 2)):
        args = [
            array(a.astype(dtype) if i == j else a) for j, a in enumerate(table)
        ]
        with pytest.raises(ValueError, match=f"{name} needs real floating"):
            squared_error_parts(*args)
    for name, i in (("x", 0), ("y", 1), ("query", 2)):
        args = [
            array(a.astype(dtype) if i == j else a)
            for j, a in enumerate(examples)
        ]
        with pytest.raises(ValueError, match=f"{name} needs real floating"):
            nadaraya_watson(*args, 1.0)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("loss", LOSSES)
def test_constants_that_are_not_finite_are_refused(loss, bad, array):
    """Unlike every target, NaN would have a zero-one loss of 1."""
    for constant in (bad, array(np.array([1.0, bad]))):
        with pytest.raises(ValueError, match="constant needs finite values"):
            mean_loss(array(Y), constant, loss)
    with pytest.raises(ValueError, match="constant needs finite values"):
        mean_loss(array(np.float32(Y)), 1e300, loss)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_constants_of_other_kinds_are_refused(dtype, array):
    constant = array(np.ones(2, dtype))
    with pytest.raises(ValueError, match="constant needs real floating-point"):
        mean_loss(array(Y), constant)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad, table, examples, array):
    def broken(args, i):
        args = [a.copy() for a in args]
        args[i].flat[1] = bad
        return [array(a) for a in args]

    for i, name in enumerate(("joint", "values", "prediction")):
        with pytest.raises(ValueError, match=f"{name} needs finite values"):
            squared_error_parts(*broken(table, i))
        if i < 2:
            with pytest.raises(ValueError, match=f"{name} needs finite values"):
                regression_function(*broken(table, i)[:2])
    for i, name in enumerate(("x", "y", "query")):
        with pytest.raises(ValueError, match=f"{name} needs finite values"):
            nadaraya_watson(*broken(examples, i), 1.0)


@pytest.mark.parametrize(
    "joint",
    [
        [[0.5, 0.6], [-0.2, 0.1]],
        [[0.5, 0.2], [0.2, 0.2]],
        [[0.25, 0.25], [0.25, 0.25 - 1e-11]],
        [[3.0, 3.0], [1.0, 1.0]],
    ],
)
def test_other_than_probabilities_are_refused(joint, array):
    joint, values = array(np.array(joint)), array(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="probabilities of 0 or more that sum"):
        regression_function(joint, values)
    with pytest.raises(ValueError, match="probabilities of 0 or more that sum"):
        squared_error_parts(joint, values, values)


def test_rounded_probabilities_are_taken(array):
    for kind in (np.float32, np.float64):
        joint = array(np.full((7, 3), 1 / 21, kind))
        values = array(np.arange(3).astype(kind))
        actual = regression_function(joint, values)
        assert_close(actual, np.ones(7), rtol=1e-6)


def test_many_probabilities_may_be_rounded_more(rng, array):
    """Divided by a running total of 20,000 numbers in float32."""
    joint = rng.uniform(size=(100, 200)).astype(np.float32)
    joint /= np.cumsum(joint)[-1]
    assert abs(joint.sum() - 1) > 8 * np.finfo(np.float32).eps
    values = array(np.full(200, 3, np.float32))
    assert_close(
        regression_function(array(joint), values), [3.0] * 100, rtol=1e-5
    )


def test_an_input_that_never_comes_is_refused(array):
    joint = array(np.array([[0.5, 0.5], [0.0, 0.0]]))
    values = array(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="each input needs a probability abo"):
        regression_function(joint, values)
    with pytest.raises(ValueError, match="each input needs a probability abo"):
        squared_error_parts(joint, values, values)


@pytest.mark.usefixtures("unchecked")
def test_shapes_that_would_broadcast_are_refused(table, examples, array):
    joint, values, _ = (array(a) for a in table)
    for shape in ((1,), (), (V, 1), (V - 1,)):
        message = r"values needs shape \(5,\), got shape \("
        with pytest.raises(ValueError, match=message):
            regression_function(joint, array(np.ones(shape)))
    for shape in ((1,), (), (K, 1), (V,)):
        message = r"prediction needs shape \(3,\), got shape \("
        with pytest.raises(ValueError, match=message):
            squared_error_parts(joint, values, array(np.ones(shape)))
    for shape in ((V,), (), (1, K, V), (0, V), (K, 0)):
        with pytest.raises(ValueError, match="joint needs a row for each inp"):
            regression_function(array(np.ones(shape)), values)
    x, y, query = (array(a) for a in examples)
    for shape in ((1,), (), (N, 1), (N - 1,)):
        message = r"y needs shape \(7,\), got shape \("
        with pytest.raises(ValueError, match=message):
            nadaraya_watson(x, array(np.ones(shape)), query, 1.0)
    for shape in ((M, 1), (M, D + 1)):
        message = r"query needs shape \(4, 2\), got shape \(4, "
        with pytest.raises(ValueError, match=message):
            nadaraya_watson(x, y, array(np.ones(shape)), 1.0)
    for shape in ((D,), (), (1, M, D)):
        with pytest.raises(ValueError, match="at least one example and for e"):
            nadaraya_watson(x, y, array(np.ones(shape)), 1.0)
    for shape in ((N,), (), (0, D), (1, N, D)):
        with pytest.raises(ValueError, match="at least one example and for e"):
            nadaraya_watson(array(np.ones(shape)), y, query, 1.0)


@pytest.mark.parametrize("h", [0.0, -1.0, np.inf, np.nan])
def test_other_bandwidths_are_refused(h, examples, array):
    x, y, query = (array(a) for a in examples)
    message = f"0 < bandwidth < infinity, got {h}"
    with pytest.raises(ValueError, match=message):
        nadaraya_watson(x, y, query, h)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(("far", "h"), [(1e200, 1.0), (1.0, 1e-200)])
def test_squared_distances_that_overflow_are_refused(far, h, array):
    x, y = array(np.array([[0.0], [-1.0]])), array(np.array([1.0, 2.0]))
    for query in ([[far]], [[0.0], [far]]):
        with pytest.raises(ValueError, match="squared distance in bandwidths"):
            nadaraya_watson(x, y, array(np.array(query)), h)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize(("far", "f"), [(1e200, 5e199), (1.0, 1e200)])
def test_squared_errors_that_overflow_are_refused(far, f, array):
    joint, values = array(np.full((2, 2), 0.25)), array(np.array([0.0, far]))
    prediction = array(np.array([f, f]))
    with pytest.raises(ValueError, match="the sum of the parts needs finite"):
        squared_error_parts(joint, values, prediction)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_one_near_example_is_enough(array):
    x, y = array(np.array([[0.0], [1e200]])), array(np.array([1.0, 2.0]))
    query = array(np.array([[0.0], [1e200]]))
    assert_close(nadaraya_watson(x, y, query, 1.0), [1.0, 2.0])
