from itertools import product
from math import comb, e, sqrt
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reference.trees import bootstrap as module
from reference.trees.bootstrap import (
    Interval,
    bootstrap_interval,
    bootstrap_replicates,
    bootstrap_sample,
    distinct_share,
    standard_error,
)
from tests.checks import assert_close, assert_float32

METHODS = ["percentile", "basic", "bca"]
N, B = 7, 199
SMALL = np.array([1.0, 2.0, 6.0])


@pytest.fixture
def x(rng):
    return rng.exponential(size=N)


def seeded(seed=1):
    return np.random.default_rng(seed)


def all_samples(x):
    """Return the statistic's values on all N^N samples, each once."""
    return np.array(list(product(x, repeat=len(x))))


def quantile(values, share):
    """Return the value at 1 + (B - 1) share, linear between neighbours."""
    ordered, place = sorted(values), (len(values) - 1) * share
    k = min(int(place), len(values) - 2)
    return ordered[k] + (place - k) * (ordered[k + 1] - ordered[k])


def bca_parts(values, x, statistic):
    """Return z_0 and a, with loops."""
    estimate = statistic(x)
    below = sum((v < estimate) + 0.5 * (v == estimate) for v in values)
    left_out = [statistic(np.delete(x, n)) for n in range(len(x))]
    mean = sum(left_out) / len(x)
    cubes = sum((mean - t) ** 3 for t in left_out)
    squares = sum((mean - t) ** 2 for t in left_out)
    z_0 = NormalDist().inv_cdf(below / len(values))
    return z_0, cubes / (6 * squares**1.5)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x):
    r"""\theta^*_b = s(x_{i_{b1}}, \dots, x_{i_{bN}})"""
    i = seeded().integers(N, size=(B, N))
    expected = [sum(x[i[b, n]] for n in range(N)) / N for b in range(B)]
    assert_close(bootstrap_replicates(x, np.mean, B, seeded()), expected)


def test_eq_2(x):
    r"""\widehat{\mathrm{SE}}
    = \sqrt{\frac{1}{B - 1} \sum_{b=1}^{B} (\theta^*_b - \bar{\theta}^*)^2}"""
    mean = sum(x[b] for b in range(N)) / N
    squares = sum((x[b] - mean) ** 2 for b in range(N))
    assert_close(standard_error(x), np.asarray(sqrt(squares / (N - 1))))


def test_eq_3(x):
    r"""[\, Q(\alpha / 2), \; Q(1 - \alpha / 2) \,]"""
    values = bootstrap_replicates(x, np.mean, B, seeded())
    expected = quantile(values, 0.1), quantile(values, 0.9)
    assert_close(bootstrap_interval(x, np.mean, 0.8, B, seeded()), expected)


def test_eq_4(x):
    r"""[\, 2 \hat{\theta} - Q(1 - \alpha / 2), \;
    2 \hat{\theta} - Q(\alpha / 2) \,]"""
    values = bootstrap_replicates(x, np.mean, B, seeded())
    estimate = sum(x[n] for n in range(N)) / N
    expected = [2 * estimate - quantile(values, share) for share in (0.9, 0.1)]
    actual = bootstrap_interval(x, np.mean, 0.8, B, seeded(), "basic")
    assert_close(actual, expected)


def bca(x, statistic, level):
    """Return the bca interval by the page's equations, with loops."""
    values = bootstrap_replicates(x, statistic, B, seeded())
    z_0, a = bca_parts(values, x, statistic)
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        z = z_0 + NormalDist().inv_cdf(share)
        corrected = NormalDist().cdf(z_0 + z / (1 - a * z))
        ends.append(quantile(values, corrected))
    return z_0, a, ends


def shares(values, estimate, left_out, level):
    half = (1 - level) / 2
    return module._bca_shares(
        values, np.float64(estimate), left_out, np.array([half, 1 - half])
    )


def test_eq_5():
    r"""z_0 = \Phi^{-1} \left( \frac{1}{B} \sum_{b=1}^{B} \left(
    [\theta^*_b < \hat{\theta}] + \tfrac{1}{2} [\theta^*_b = \hat{\theta}]
    \right) \right)"""
    values, estimate = np.array([1.0, 2.0, 2.0, 3.0, 4.0]), 3.0
    below = 0.0
    for b in range(5):
        below += 1.0 if values[b] < estimate else 0.0
        below += 0.5 if values[b] == estimate else 0.0
    z_0 = NormalDist().inv_cdf(below / 5)
    # Without acceleration both normal quantiles move by twice z_0.
    z = NormalDist().inv_cdf(0.25)
    expected = [NormalDist().cdf(2 * z_0 + t) for t in (z, -z)]
    assert_close(shares(values, estimate, np.array([1.0, 3.0]), 0.5), expected)


def test_eq_6(x):
    r"""a = \frac{\sum_{n=1}^{N} (\bar{\theta}_{(\cdot)} - \theta_{(n)})^3}
    {6 \left( \sum_{n=1}^{N} (\bar{\theta}_{(\cdot)} - \theta_{(n)})^2
    \right)^{3/2}}"""
    left_out = [np.delete(x, n).mean() for n in range(N)]
    mean = sum(left_out) / N
    cubes = sum((mean - left_out[n]) ** 3 for n in range(N))
    squares = sum((mean - left_out[n]) ** 2 for n in range(N))
    a = cubes / (6 * squares**1.5)
    assert abs(a) > 0.02
    # Half of the values lie below: z_0 = 0, and only a corrects.
    z = NormalDist().inv_cdf(0.1)
    expected = [NormalDist().cdf(t / (1 - a * t)) for t in (z, -z)]
    values = np.array([-1.0, 1.0])
    assert_close(shares(values, 0.0, np.array(left_out), 0.8), expected)


def test_eq_7(x):
    r"""\alpha_i = \Phi \left( z_0
    + \frac{z_0 + z_i}{1 - a \, (z_0 + z_i)} \right)"""
    z_0, a, expected = bca(x, np.mean, 0.8)
    assert abs(z_0) > 0.01
    assert abs(a) > 0.01
    actual = bootstrap_interval(x, np.mean, 0.8, B, seeded(), "bca")
    assert_close(actual, expected)


def test_eq_8():
    r"""\frac{\E[\text{number of distinct examples}]}{N}
    = 1 - \left( 1 - \frac{1}{N} \right)^N"""
    for n in range(1, 6):
        samples = all_samples(range(n))
        distinct = sum(len(set(sample)) for sample in samples.tolist())
        expected = distinct / len(samples) / n
        assert_close(np.asarray(distinct_share(n)), np.asarray(expected))


# The same as everybody else's: SciPy on the same draws, and all samples.


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("statistic", [np.mean, np.median, np.std])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_scipy_draws_the_same_and_finds_the_same(statistic, method, level, rng):
    x = rng.exponential(size=20)
    expected = stats.bootstrap(
        (x,),
        statistic,
        n_resamples=499,
        confidence_level=level,
        method=method,
        rng=seeded(),
    )
    values = bootstrap_replicates(x, statistic, 499, seeded())
    assert_close(values, expected.bootstrap_distribution)
    assert_close(standard_error(values), expected.standard_error)
    interval = bootstrap_interval(x, statistic, level, 499, seeded(), method)
    assert_close(interval, expected.confidence_interval)


def test_pairs_are_drawn_together_as_in_scipy(rng):
    def slope(rows, axis):
        x, y = rows[..., 0], rows[..., 1]
        x = x - x.mean(axis=axis, keepdims=True)
        return (x * y).sum(axis=axis) / (x**2).sum(axis=axis)

    pairs = rng.normal(size=(15, 2))
    values = bootstrap_replicates(pairs, slope, B, seeded())
    interval = bootstrap_interval(pairs, slope, 0.8, B, seeded(), "bca")
    expected = stats.bootstrap(
        pairs.T,
        lambda x, y, axis: slope(np.stack((x, y), axis=-1), axis),
        paired=True,
        n_resamples=0,
        method="bca",
        confidence_level=0.8,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=values),
    )
    assert_close(interval, expected.confidence_interval)
    i = seeded().integers(15, size=(B, 15))
    slopes = [np.polyfit(*pairs[rows].T, 1)[0] for rows in i]
    assert_close(values, slopes)


@pytest.mark.parametrize(
    ("statistic", "variance"),
    [(np.mean, 14 / 9), (np.median, 308 / 81), (np.max, 3.0)],
)
def test_replicates_have_the_distribution_of_all_27_samples(
    statistic, variance
):
    exact = statistic(all_samples(SMALL), axis=1)
    if statistic is not np.max:
        assert_close(exact.var(), np.asarray(variance))
    values = bootstrap_replicates(SMALL, statistic, 20_000, seeded())
    for value, count in zip(*np.unique(exact, return_counts=True), strict=True):
        share = np.mean(np.isclose(values, value))
        assert abs(share - count / 27) < 0.015
    assert_close(standard_error(values), exact.std(), rtol=0.03)


def test_the_standard_error_of_the_mean_is_known(x):
    values = bootstrap_replicates(x, np.mean, 20_000, seeded())
    assert_close(standard_error(values), x.std() / sqrt(N), rtol=0.03)


def test_a_sample_draws_every_index_equally_often():
    rows = bootstrap_sample(4, seeded(), count=5000)
    assert rows.shape == (5000, 4)
    for column in rows.T:
        counts = np.bincount(column, minlength=4)
        assert stats.chisquare(counts).pvalue > 1e-3
    # Neighbours are independent: all pairs are equally frequent.
    pairs = np.bincount(4 * rows[:, 0] + rows[:, 1], minlength=16)
    assert stats.chisquare(pairs).pvalue > 1e-3
    one = bootstrap_sample(9, seeded())
    assert_close(one, bootstrap_sample(9, seeded(), count=1)[0])
    one = bootstrap_sample(1000, seeded())
    assert one.shape == (1000,)
    assert one.min() >= 0
    assert one.max() < 1000
    assert abs(len(set(one.tolist())) / 1000 - distinct_share(1000)) < 0.04


@pytest.mark.usefixtures("unchecked")
def test_the_share_of_distinct_examples_tends_to_its_limit():
    assert_close(np.asarray(distinct_share(10**15)), np.asarray(1 - 1 / e))
    for n in (3, 10, 1000, np.int64(70_000), np.uint8(200)):
        expected = stats.binom.sf(0, int(n), 1 / int(n))
        assert_close(np.asarray(distinct_share(n)), np.asarray(expected))


@pytest.mark.parametrize("share", [1e-300, 1e-9, 0.025, 0.5, 0.975, 1 - 1e-9])
def test_normal_quantiles_are_those_of_scipy(share):
    z = module._normal_quantile(share)
    # Above 1/2 the share itself is rounded, and in the tail that counts.
    rtol = 1e-13 if share < 0.5 else 1e-7
    assert_close(np.asarray(z), stats.norm.ppf(share), rtol=rtol)
    assert_close(np.asarray(module._normal(z)), np.asarray(share), rtol=1e-12)


# There is no gradient: a statistic of whole draws has none to offer.

# What the page promises, and what is refused.


def covered(method, n, draw, truth, datasets=300):
    rng = seeded()
    hits = 0
    for _ in range(datasets):
        interval = bootstrap_interval(
            draw(rng, n), np.mean, 0.95, 199, rng, method
        )
        hits += interval.low <= truth <= interval.high
    return hits / datasets


def test_95_percent_intervals_of_few_examples_cover_less():
    normal = covered("percentile", 5, lambda rng, n: rng.normal(size=n), 0)
    assert 0.77 < normal < 0.89
    many = covered("percentile", 80, lambda rng, n: rng.normal(size=n), 0)
    assert many > 0.9


def test_only_percentiles_follow_a_rising_function(x):
    """With 1001 replicates the percentile ends are replicates themselves."""
    straight = bootstrap_interval(x, np.median, 0.95, 1001, seeded())
    bent = bootstrap_interval(np.exp(x), np.median, 0.95, 1001, seeded())
    assert_close(bent, np.exp(straight))
    straight = bootstrap_interval(x, np.median, 0.95, 1001, seeded(), "basic")
    basic = bootstrap_interval(
        np.exp(x), np.median, 0.95, 1001, seeded(), "basic"
    )
    assert abs(np.log(basic.high) - straight.high) > 0.05


def test_blocks_do_not_change_the_draws(rng):
    """A million numbers at a time; the jackknife in blocks as well."""
    x = rng.normal(size=3000)
    sizes = []

    def mean(samples, axis):
        sizes.append(samples.shape)
        return samples.mean(axis=axis)

    values = bootstrap_replicates(x, mean, 800, seeded())
    assert sizes == [(349, 3000), (349, 3000), (102, 3000)]
    i = seeded().integers(3000, size=(800, 3000))
    assert_close(values, x[i].mean(axis=1))
    sizes.clear()
    bootstrap_interval(x, mean, 0.9, 19, seeded(), "bca")
    assert (349, 2999) in sizes
    assert sum(s[0] for s in sizes if s[1] == 2999) == 3000


def test_one_large_example_still_fits_a_block():
    sizes = []

    def first(samples, axis):
        sizes.append(len(samples))
        return samples[:, :, 0].mean(axis=axis)

    values = bootstrap_replicates(np.zeros((2, 2**20)), first, 3, seeded())
    assert_close(values, np.zeros(3))
    assert sizes == [1, 1, 1]


def test_the_examples_stay_as_they_are(x):
    def greedy(samples, axis):
        samples[...] = 0
        return samples.mean(axis=axis)

    before = x.copy()
    bootstrap_replicates(x, greedy, 5, seeded())
    assert_close(x, before, rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_float32_stays_float32(x, method):
    def interval(x):
        level = np.float64(0.9)
        return tuple(bootstrap_interval(x, np.mean, level, B, seeded(), method))

    assert_float32(interval, x)
    single = interval(np.float32(x))
    assert {end.dtype for end in single} == {np.dtype("float32")}
    assert_float32(lambda x: bootstrap_replicates(x, np.mean, B, seeded()), x)
    assert_float32(standard_error, x)


def test_a_large_mean_costs_float32_no_digits():
    values = np.float32(2**24) + np.float32(2) * np.arange(1000, dtype="f4")
    expected = values.astype(float).std(ddof=1)
    assert_close(standard_error(values), np.float32(expected), rtol=1e-6)
    apart = np.float32([-2e38, 2e38])  # the difference is no float32
    assert_close(standard_error(apart), np.float32(8**0.5 * 1e38), rtol=1e-6)


def test_whole_numbers_and_truth_values_are_examples_too():
    hits = np.array([True, False, True, True])
    values = bootstrap_replicates(hits, np.mean, B, seeded())
    assert_close(values * 4 % 1, np.zeros(B))
    spread = bootstrap_replicates(hits, np.all, B, seeded())
    assert set(spread.tolist()) == {0.0, 1.0}
    for dtype in (np.int64, np.uint8):
        whole = np.array([1, 2, 6], dtype=dtype)
        largest = bootstrap_replicates(whole, np.max, B, seeded())
        assert largest.dtype == np.float64
        assert set(largest.tolist()) == {1.0, 2.0, 6.0}
    interval = bootstrap_interval(
        np.array([1, 2, 6]), np.max, 0.8, B, seeded(), "basic"
    )
    assert interval.high == 12 - 2


@settings(max_examples=25)
@given(
    st.lists(st.floats(-9, 9), min_size=2, max_size=6),
    st.sampled_from([1e-200, 1e-3, 1e3, 1e200]),
    st.sampled_from(["percentile", "basic"]),
)
def test_a_unit_changes_everything_alike(x, unit, method):
    x = np.round(np.array(x), 3)
    values = bootstrap_replicates(x, np.mean, 39, seeded())
    scaled = bootstrap_replicates(unit * x, np.mean, 39, seeded())
    assert_close(scaled / unit, values)
    assert_close(
        standard_error(scaled) / unit, standard_error(values), atol=1e-9
    )
    low, high = bootstrap_interval(x, np.mean, 0.9, 39, seeded(), method)
    ends = bootstrap_interval(unit * x, np.mean, 0.9, 39, seeded(), method)
    assert isinstance(ends, Interval)
    assert low <= high
    assert_close(np.array(ends) / unit, [low, high], atol=1e-9)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_bca_neither_overflows_nor_vanishes(x, unit):
    expected = bootstrap_interval(x, np.mean, 0.9, B, seeded(), "bca")
    actual = bootstrap_interval(unit * x, np.mean, 0.9, B, seeded(), "bca")
    assert_close(np.array(actual) / unit, expected, rtol=1e-6)


def test_no_interval_covers_what_no_sample_shows(x):
    """The maximum: two thirds of the replicates are one and the same."""
    values = bootstrap_replicates(x, np.max, 5000, seeded())
    assert values.max() == x.max()
    assert abs(np.mean(values == x.max()) - distinct_share(N)) < 0.03


def test_the_bootstrap_of_copies_believes_in_them(x):
    once = bootstrap_replicates(x, np.mean, 5000, seeded())
    copies = bootstrap_replicates(np.repeat(x, 4), np.mean, 5000, seeded())
    ratio = standard_error(copies) / standard_error(once)
    assert abs(ratio - 0.5) < 0.03
    rows = np.repeat(x, 4).reshape(N, 4)
    groups = bootstrap_replicates(
        rows, lambda s, axis: s.mean(axis=(axis, 2)), 5000, seeded()
    )
    assert_close(groups, once)


def test_there_are_as_many_samples_as_the_page_says():
    for n in (2, 3, 4):
        samples = all_samples(range(n))
        assert len(samples) == n**n
        different = {tuple(sorted(s)) for s in samples.tolist()}
        assert len(different) == comb(2 * n - 1, n)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -1, 2.0, np.nan, True, "3"])
def test_other_than_counts_are_refused(x, bad):
    with pytest.raises(ValueError, match=f"of examples, .* 1, got {bad}"):
        bootstrap_sample(bad, seeded())
    with pytest.raises(ValueError, match=f"of examples, .* 1, got {bad}"):
        distinct_share(bad)
    with pytest.raises(ValueError, match=f"of samples, .* 1, got {bad}"):
        bootstrap_sample(3, seeded(), bad)
    with pytest.raises(ValueError, match=f"of replicates, .* 1, got {bad}"):
        bootstrap_replicates(x, np.mean, bad, seeded())
    with pytest.raises(ValueError, match=f"of replicates, .* 1, got {bad}"):
        bootstrap_interval(x, np.mean, 0.5, bad, seeded())


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (0,), (1,), (1, 5)])
def test_fewer_than_two_examples_are_refused(shape):
    for function in (bootstrap_replicates, bootstrap_interval):
        between = (0.5,) if function is bootstrap_interval else ()
        with pytest.raises(ValueError, match="needs 2 examples or more, got"):
            function(np.ones(shape), np.mean, *between, 9, seeded())


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "statistic",
    [
        lambda s, **_: s.mean(),
        lambda s, **_: s,
        lambda s, axis: s.mean(axis)[:, None],
        lambda s, axis: s.mean(axis)[:-1],
        lambda s, axis: s.mean(axis) + 0j,
        lambda s, **_: np.full(len(s), "a"),
        lambda s, **_: np.full(len(s), np.nan),
        lambda s, **_: np.where(np.arange(len(s)) == 1, np.inf, 0.0),
    ],
)
def test_other_than_a_finite_number_a_sample_is_refused(x, statistic):
    with pytest.raises(ValueError, match="one finite real number for each of"):
        bootstrap_replicates(x, statistic, 9, seeded())


def test_examples_without_values_are_refused():
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(ValueError, match="one finite real number for each of"),
    ):
        bootstrap_replicates(
            np.ones((3, 0)), lambda s, axis: s.mean((axis, 2)), 9, seeded()
        )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "values",
    [
        np.ones(()),
        np.ones(0),
        np.ones(1),
        np.ones((2, 2)),
        np.array([1.0, np.nan]),
        np.array([1.0, np.inf]),
        np.array([1, 2, 4]),  # or the result, too, would be whole
        np.array([True, False]),
        np.array([1.0, 2.0j]),
        np.array(["1", "2"]),
    ],
)
def test_other_than_two_finite_replicates_are_refused(values):
    with pytest.raises(
        ValueError,
        match=rf"(?s)2 finite replicates or more, got .* of {values.dtype} ",
    ):
        standard_error(values)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_overflows_is_refused(dtype):
    large = dtype(0.9 * float(np.finfo(dtype).max))
    with pytest.raises(ValueError, match=f"to fit into {dtype.__name__}, got"):
        standard_error(np.array([large, -large]))
    x = np.array([0, large / 2, large], dtype=dtype)
    for sign, statistic in ((1, np.max), (-1, np.min)):
        percentiles = bootstrap_interval(sign * x, statistic, 0.9, B, seeded())
        assert large in np.abs(percentiles)
        with pytest.raises(ValueError, match=f"fit into {dtype.__name__}, got"):
            bootstrap_interval(sign * x, statistic, 0.9, B, seeded(), "basic")
    x = large * np.array([-0.55, 0.5, 0.5], dtype=dtype)
    for one_end in (x, -x):
        with pytest.raises(ValueError, match=f"fit into {dtype.__name__}, got"):
            bootstrap_interval(one_end, np.median, 0.9, B, seeded(), "basic")


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_bca_of_changes_that_overflow_is_refused():
    x = 1.7e308 * np.array([1, 1, -1, -1, 0])
    with pytest.raises(ValueError, match=r"left out, got a share .* inf"):
        bootstrap_interval(x, np.median, 0.9, B, seeded(), "bca")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("method", METHODS)
def test_a_level_of_float32_is_as_good(x, method):
    level = np.float32(0.9)
    ends = [
        bootstrap_interval(x, np.mean, share, B, seeded(), method)
        for share in (level, float(level))
    ]
    assert_close(*ends, rtol=1e-13)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("level", [0, 1, -0.1, 1.5, 95, np.nan, True])
def test_other_levels_are_refused(x, level):
    with pytest.raises(ValueError, match=f"0 < level < 1, got {level}"):
        bootstrap_interval(x, np.mean, level, B, seeded())


@pytest.mark.parametrize("method", ["BCa", "", "normal"])
def test_other_methods_are_refused(x, method):
    with pytest.raises(ValueError, match=f"basic or bca, got '{method}'"):
        bootstrap_interval(x, np.mean, 0.9, B, seeded(), method)


@pytest.mark.parametrize(
    ("level", "least"), [(0.5, 3), (0.8, 9), (0.9, 19), (0.95, 39), (0.99, 199)]
)
def test_tails_without_a_replicate_are_refused(x, level, least):
    bootstrap_interval(x, np.mean, level, least, seeded())
    with pytest.raises(
        ValueError, match=f"needs {least} replicates or more, got {least - 1}"
    ):
        bootstrap_interval(x, np.mean, level, least - 1, seeded())


def test_rounding_of_the_level_costs_no_replicate():
    for digits in range(1, 8):
        level, least = float("0." + "9" * digits), 2 * 10**digits - 1
        module._require_interval(level, least, "basic")
        with pytest.raises(ValueError, match=f"needs {least} replicates"):
            module._require_interval(level, least - 1, "basic")


def test_bca_without_a_correction_is_refused(x):
    for statistic in (lambda s, **_: np.ones(len(s)), np.ptp):
        data = np.ones(N) if statistic is np.ptp else x
        with pytest.raises(ValueError, match="when an example is left out"):
            bootstrap_interval(data, statistic, 0.9, B, seeded(), "bca")

    def distinct(samples, axis):  # largest on the data, where none is double
        ordered = np.sort(samples, axis=axis)
        return (np.diff(ordered, axis=axis) > 0).sum(axis=axis)

    with pytest.raises(ValueError, match="both sides of the estimate"):
        bootstrap_interval(x, distinct, 0.9, B, seeded(), "bca")


@pytest.mark.parametrize("largest", [0.1, 0.7, 1.1, 1e5 / 3])
def test_equal_numbers_have_no_deviations_at_all(largest):
    """Their mean, rounded, may differ from each of them."""
    for n in range(3, 12):
        equal = np.full(n, largest)
        assert standard_error(equal) == 0
        x = np.concatenate((np.arange(n) / 100, equal[:2]))
        with pytest.raises(ValueError, match=r"changes up to 0\.0"):
            bootstrap_interval(x, np.max, 0.8, 99, seeded(), "bca")


def test_bca_of_the_page_by_hand():
    values = all_samples(SMALL).sum(axis=1)
    left_out = 3 * np.array([4, 3.5, 1.5])
    z_0, a = bca_parts(values, SMALL, lambda x: 9 * x.mean() / 3)
    assert_close(np.array([z_0, a]), [0.046, 0.057], atol=5e-4)
    actual = shares(values, 9.0, left_out, 0.8)
    assert_close(actual, [0.134, 0.931], atol=5e-4)


@pytest.mark.parametrize("estimate", [-1.0, 9.0])
def test_bca_needs_replicates_on_both_sides(x, estimate):
    with pytest.raises(ValueError, match="both sides of the estimate"):
        shares(x, estimate, x, 0.9)


def test_bca_beyond_its_pole_is_refused():
    left_out = np.array([-1.0, *np.zeros(10_000)])
    values = np.array([-1.0] * 9999 + [1.0])
    with pytest.raises(ValueError, match=r"with a \(z_0 \+ z\) < 1, got"):
        shares(values, 0.0, left_out, 1 - 1e-8)
