import json
import warnings
from math import erf, exp, log, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from reference.training.hyperparameter_search import (
    _standardized,
    bayesian_search,
    chance_to_hit,
    covariance,
    expected_improvement,
    gaussian_process,
    grid,
    log_marginal_likelihood,
    log_uniform,
    random_search,
)
from tests.checks import assert_close, assert_float32

ROOT = Path(__file__).parents[2]
N, M, D = 5, 4, 2
SCALE, NOISE, SIGNAL = 0.7, 0.3, 1.7


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, D))


@pytest.fixture
def y(rng):
    return rng.normal(size=N)


@pytest.fixture
def x_new(rng):
    return rng.normal(size=(M, D))


def kernel(a, b, scale=SCALE, signal=SIGNAL):
    """Return one covariance, by plain arithmetic."""
    square = sum((a[d] - b[d]) ** 2 for d in range(len(a)))
    return signal**2 * exp(-square / (2 * scale**2))


def inverse(x, scale=SCALE, noise=NOISE, signal=SIGNAL):
    """Return K inverted, and K."""
    n = len(x)
    k = [
        [
            kernel(x[i], x[j], scale, signal) + noise**2 * (i == j)
            for j in range(n)
        ]
        for i in range(n)
    ]
    return np.linalg.inv(k), np.array(k)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""x_n = x_{\min}^{1 - u_n} \, x_{\max}^{u_n}"""
    u = np.random.default_rng(3).random(6)
    expected = [0.02 ** (1 - u[n]) * 50.0 ** u[n] for n in range(6)]
    assert_close(log_uniform(np.random.default_rng(3), 0.02, 50.0, 6), expected)


def test_eq_2():
    r"""P = 1 - (1 - q)^N"""
    for q, n in ((0.05, 59), (0.3, 4), (0.9, 1), (0.2, 0)):
        missed = 1.0
        for _ in range(n):
            missed *= 1 - q
        assert_close(chance_to_hit(q, n), 1 - missed)


def test_eq_3(x, x_new):
    r"""k(x, x') = s^2 \exp \Big(
    -\frac{1}{2 \ell^2} \sum_{d=1}^{D} (x_d - x'_d)^2 \Big)"""
    expected = [[kernel(x[n], x_new[m]) for m in range(M)] for n in range(N)]
    assert_close(covariance(x, x_new, SCALE, SIGNAL), expected)


def test_eq_4(x, y, x_new):
    r"""\mu_m = \sum_{n=1}^{N} \sum_{i=1}^{N}
    k(x^*_m, x_n) \, (K^{-1})_{ni} \, y_i"""
    k_inv, _ = inverse(x)
    expected = [
        sum(
            kernel(x_new[m], x[n]) * k_inv[n, i] * y[i]
            for n in range(N)
            for i in range(N)
        )
        for m in range(M)
    ]
    mean = gaussian_process(x, y, x_new, SCALE, NOISE, SIGNAL).mean
    assert_close(mean, expected)


def test_eq_5(x, y, x_new):
    r"""\begin{aligned} \sigma_m^2 = {} & s^2 - \sum_{n=1}^{N} \sum_{i=1}^{N}
    k(x^*_m, x_n) \\
    & \qquad \cdot (K^{-1})_{ni} \, k(x_i, x^*_m) \end{aligned}"""
    k_inv, _ = inverse(x)
    expected = [
        SIGNAL**2
        - sum(
            kernel(x_new[m], x[n]) * k_inv[n, i] * kernel(x[i], x_new[m])
            for n in range(N)
            for i in range(N)
        )
        for m in range(M)
    ]
    std = gaussian_process(x, y, x_new, SCALE, NOISE, SIGNAL).std
    assert_close(std**2, expected)


def test_eq_6(x, y):
    r"""\begin{aligned}
    \log p(y) = {} & -\frac{1}{2} \sum_{n=1}^{N} \sum_{i=1}^{N}
     y_n \, (K^{-1})_{ni} \, y_i \\
    & - \frac{1}{2} \log \det K - \frac{N}{2} \log 2 \pi
    \end{aligned}"""
    k_inv, k = inverse(x)
    misfit = sum(y[n] * k_inv[n, i] * y[i] for n in range(N) for i in range(N))
    expected = -misfit / 2 - log(np.linalg.det(k)) / 2 - N / 2 * log(2 * pi)
    actual = log_marginal_likelihood(x, y, SCALE, NOISE, SIGNAL)
    assert_close(actual, expected)


def test_eq_7(rng):
    r"""\mathrm{EI}_m = (b - \mu_m) \, \Phi(z_m) + \sigma_m \, \varphi(z_m)"""
    mean, std, best = rng.normal(size=M), rng.random(M) + 0.1, 0.3
    expected = []
    for m in range(M):
        z = (best - mean[m]) / std[m]
        below = (1 + erf(z / sqrt(2))) / 2
        density = exp(-(z**2) / 2) / sqrt(2 * pi)
        expected.append((best - mean[m]) * below + std[m] * density)
    assert_close(expected_improvement(mean, std, best), expected)


# The same as everybody else's: scikit-learn, SciPy, random draws.


@pytest.mark.parametrize("noise", [0.0, 0.05, 2.0])
@pytest.mark.parametrize(("scale", "signal"), [(0.4, 1.0), (1.5, 3.0)])
def test_scikit_learn(x, y, x_new, scale, signal, noise):
    process = GaussianProcessRegressor(
        ConstantKernel(signal**2) * RBF(scale), alpha=noise**2, optimizer=None
    ).fit(x, y)
    mean, std = process.predict(x_new, return_std=True)
    actual = gaussian_process(x, y, x_new, scale, noise, signal)
    assert_close(actual.mean, mean, rtol=1e-7)
    assert_close(actual.std, std, rtol=1e-7)
    assert_close(
        log_marginal_likelihood(x, y, scale, noise, signal),
        process.log_marginal_likelihood_value_,
    )
    assert_close(covariance(x, x_new, scale, signal), process.kernel(x, x_new))


def test_the_signal_is_1_unless_given(x, y, x_new):
    for a, b in zip(
        gaussian_process(x, y, x_new, SCALE, NOISE),
        gaussian_process(x, y, x_new, SCALE, NOISE, 1.0),
        strict=True,
    ):
        assert_close(a, b)
    assert_close(covariance(x, x, SCALE), covariance(x, x, SCALE, 1.0))
    assert log_marginal_likelihood(x, y, SCALE, NOISE) == (
        log_marginal_likelihood(x, y, SCALE, NOISE, 1.0)
    )


def test_scipy(x, y):
    _, k = inverse(x)
    expected = multivariate_normal(np.zeros(N), k).logpdf(y)
    assert_close(log_marginal_likelihood(x, y, SCALE, NOISE, SIGNAL), expected)


@pytest.mark.parametrize("best", [-2.0, 0.4, 3.0])
def test_expected_improvement_by_quadrature_and_by_draws(best, rng):
    mean, std = np.array([0.0, 1.0, -2.0]), np.array([1.0, 0.2, 3.0])
    actual = expected_improvement(mean, std, best)
    for m, s, gain in zip(mean, std, actual, strict=True):

        def part(f, m=m, s=s):
            density = exp(-(((f - m) / s) ** 2) / 2) / (s * sqrt(2 * pi))
            return (best - f) * density

        by_quadrature, _ = quad(part, min(best, m) - 40 * s, best, limit=400)
        assert_close(gain, by_quadrature, rtol=1e-6, atol=1e-9)
    draws = mean + std * rng.normal(size=(200_000, 3))
    by_draws = np.maximum(best - draws, 0).mean(axis=0)
    assert_close(actual, by_draws, rtol=0.02, atol=0.005)


def test_grid_is_every_pair_once():
    axes = [np.array([1.0, 2.0]), np.array([3.0]), np.array([5.0, 6.0, 7.0])]
    expected = [[a, b, c] for a in axes[0] for b in axes[1] for c in axes[2]]
    assert_close(grid(*axes), expected)


def test_log_uniform_has_uniform_logarithms():
    draws = log_uniform(np.random.default_rng(0), 1e-4, 1e2, 6000)
    powers = np.floor(np.log10(draws)).astype(int)
    assert draws.min() >= 1e-4
    assert draws.max() <= 1e2
    counts = [(powers == p).sum() for p in range(-4, 2)]
    assert sum(counts) == 6000
    high = np.nextafter(7.0, 8.0)  # rounding may not leave the range
    assert set(log_uniform(np.random.default_rng(0), 7.0, high, 50)) <= {
        7,
        high,
    }
    assert min(counts) > 880
    assert max(counts) < 1120


# What the page promises: limits, pitfalls, refused inputs.


def test_without_noise_the_mean_goes_through_the_trials(x, y):
    posterior = gaussian_process(x, y, x, SCALE, 0.0, SIGNAL)
    assert_close(posterior.mean, y, rtol=1e-7)
    assert_close(posterior.std, np.zeros(N), atol=1e-6)


def test_far_away_nothing_is_known(x, y):
    posterior = gaussian_process(x, y, x + 1000, SCALE, NOISE, SIGNAL)
    assert_close(posterior.mean, np.zeros(N))
    assert_close(posterior.std, np.full(N, SIGNAL))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.01, 2.0), st.floats(0.1, 3.0))
def test_another_trial_leaves_no_place_less_known(seed, noise, scale):
    rng = np.random.default_rng(seed)
    x, x_new = rng.normal(size=(6, 2)), rng.normal(size=(5, 2))
    y = rng.normal(size=6)
    few = gaussian_process(x[:-1], y[:-1], x_new, scale, noise)
    all_ = gaussian_process(x, y, x_new, scale, noise)
    assert np.all(all_.std <= few.std + 1e-7)
    order = rng.permutation(6)
    other = gaussian_process(x[order], y[order], x_new, scale, noise)
    assert_close(other.mean, all_.mean, rtol=1e-6, atol=1e-8)


def test_a_trial_repeated_halves_the_variance_of_its_noise():
    x, y = np.zeros((2, 1)), np.array([1.0, 3.0])
    twice = gaussian_process(x, y, x[:1], 1.0, 0.5)
    once = gaussian_process(x[:1], np.array([2.0]), x[:1], 1.0, sqrt(0.125))
    assert_close(twice.mean, once.mean)
    assert_close(twice.std, once.std)


def test_by_hand():
    """The numbers of the page: kernel 0.6, loss -1."""
    x, y = np.zeros((1, 1)), np.array([-1.0])
    near = np.array([[sqrt(2 * log(1 / 0.6))], [50.0], [0.0]])
    mean, std = gaussian_process(x, y, near, 1.0, 0.0)
    assert_close(mean, [-0.6, 0.0, -1.0])
    assert_close(std, [0.8, 1.0, 0.0])
    gain = expected_improvement(mean, std, -1.0)
    assert_close(gain, [0.1582, 0.0833, 0.0], atol=6e-5)
    [start] = expected_improvement(np.zeros(1), np.ones(1), 0.0)
    assert_close(start, 1 / sqrt(2 * pi))


@settings(max_examples=25)
@given(
    st.floats(-50, 50),
    st.floats(1e-9, 1e3),
    st.floats(-50, 50),
    st.floats(0, 9),
)
def test_more_spread_or_a_lower_mean_promise_more(mean, std, best, more):
    base, wider, lower = (
        expected_improvement(np.array([m]), np.array([s]), best)[0]
        for m, s in ((mean, std), (mean, std + more), (mean - more, std))
    )
    assert base >= max(best - mean, 0) - 1e-9 * (abs(best - mean) + std)
    assert wider >= base - 1e-9 * (1 + abs(base))
    assert lower >= base - 1e-9 * (1 + abs(base))


def test_expected_improvement_at_its_ends():
    mean = np.array([2.0, -1.0, 1e200, -1e200, 1.0, 40.0, 0.0, 10.0])
    std = np.array([0.0, 0.0, 1.0, 1.0, 1e-320, 1.0, 1e200, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        actual = expected_improvement(mean, std, 0.0)
    expected = [0, 1, 0, 1e200, 0, 0, 1e200 / sqrt(2 * pi), 0]
    assert_close(actual, expected, atol=1e-23)
    assert np.all(actual >= 0)
    assert actual[-1] > 0
    far = np.linspace(38, 39, 101)  # where rounding makes eq. 7 negative
    assert np.all(expected_improvement(far, np.ones(101), 0.0) >= 0)


def test_nine_by_nine_trials_that_hit_five_percent():
    assert chance_to_hit(0.05, 58) < 0.95 < chance_to_hit(0.05, 59)
    assert_close(chance_to_hit(1e-18, 1000), 1e-15)


def test_random_search_tries_everything_once(rng):
    places = rng.normal(size=(7, 2))
    trials = random_search(lambda row: row[0] - row[1], places, 7, rng)
    assert_close(trials.y, trials.x[:, 0] - trials.x[:, 1])
    assert sorted(trials.x.tolist()) == sorted(places.tolist())
    assert trials.x.tolist() != places.tolist()
    firsts = {
        random_search(lambda _: 0.0, places, 1, rng).x[0, 0] for _ in range(100)
    }
    assert len(firsts) == 7


def bowl(row):
    return float((row[0] - 3) ** 2 + 1e4 * (row[1] + 0.02) ** 2)


BOWL = grid(np.linspace(0, 10, 21), np.linspace(-0.1, 0.1, 21))


def test_bayesian_search_finds_the_bottom_of_a_bowl():
    """Random search finds it once in 441 trials."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        trials = bayesian_search(bowl, BOWL, 4, 14, rng)
        assert len(trials.y) == len({tuple(row) for row in trials.x}) == 18
        assert_close(trials.y, [bowl(row) for row in trials.x])
        assert trials.y.min() < 0.3


def test_bayesian_search_begins_like_random_search():
    bayesian, at_random = (
        search(np.random.default_rng(5))
        for search in (
            lambda rng: bayesian_search(bowl, BOWL, 4, 1, rng),
            lambda rng: random_search(bowl, BOWL, 4, rng),
        )
    )
    assert_close(bayesian.x[:4], at_random.x)


@pytest.mark.parametrize("scales", [(0.1, 0.2, 0.4, 0.8), (0.15, 3.0)])
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_steps_of_bayesian_search(scales, noise):
    """By hand: scale, standardize, choose the scale, take the largest gain."""
    start = random_search(bowl, BOWL, 4, np.random.default_rng(2))
    unit = (BOWL - BOWL.min(0)) / (BOWL.max(0) - BOWL.min(0))
    tried = [int(np.argmin(np.abs(BOWL - row).sum(1))) for row in start.x]
    for _ in range(8):
        raw = np.array([bowl(BOWL[i]) for i in tried])
        x, y = unit[tried], (raw - raw.mean()) / raw.std()
        likely = [log_marginal_likelihood(x, y, s, noise) for s in scales]
        scale = scales[int(np.argmax(likely))]
        mean, std = gaussian_process(x, y, unit, scale, noise)
        gain = expected_improvement(mean, std, mean[tried].min())
        gain[tried] = -1
        tried.append(int(np.argmax(gain)))
    rng = np.random.default_rng(2)
    trials = bayesian_search(bowl, BOWL, 4, 8, rng, scales, noise)
    assert_close(trials.x, BOWL[tried])


def test_the_settings_of_the_search_unless_given():
    """A sloping plane: the longest of the length scales is the likeliest."""

    def tried(*given_):
        rng = np.random.default_rng(2)
        return bayesian_search(lambda row: row[0], BOWL, 4, 8, rng, *given_).x

    assert_close(tried(), tried((0.1, 0.2, 0.4, 0.8), 0.1))
    for other in (((0.1, 0.2, 0.4),), ((0.1, 0.2, 0.4, 0.8), 0.2)):
        assert np.any(tried() != tried(*other))


def test_units_of_loss_and_columns_change_no_trial():
    moved = BOWL * np.array([1e30, 1.0])
    expected = bayesian_search(bowl, BOWL, 4, 6, np.random.default_rng(1))
    for scale in (2.0**-600, 2.0**600):
        actual = bayesian_search(
            lambda row, scale=scale: scale * bowl(row / np.array([1e30, 1.0])),
            moved,
            4,
            6,
            np.random.default_rng(1),
        )
        assert_close(actual.x / np.array([1e30, 1.0]), expected.x)


def test_equal_losses_and_a_constant_column_are_no_obstacle(rng):
    places = np.stack([np.linspace(0, 1, 9), np.ones(9)], axis=1)
    trials = bayesian_search(lambda _: 0.1, places, 2, 7, rng)
    assert sorted(trials.x[:, 0].tolist()) == places[:, 0].tolist()
    assert_close(_standardized([0.1] * 3), np.zeros(3))
    nearly = _standardized([0.1, 0.1 + 1e-12])
    assert_close(nearly, [-1.0, 1.0])
    huge = _standardized([1.7e308, -1.7e308, 1.7e308])
    assert_close(huge, [sqrt(0.5), -sqrt(2), sqrt(0.5)])


def test_an_objective_may_write_into_its_row(rng):
    """Candidates are logarithms: turning them into settings in place."""

    def powers(row):
        row **= 10
        return float(row[0])

    places = np.array([[1.0], [2.0], [3.0]])
    for trials in (
        random_search(powers, places, 3, rng),
        bayesian_search(powers, places, 2, 1, rng),
    ):
        assert_close(trials.y, trials.x[:, 0] ** 10)
    assert_close(places, [[1.0], [2.0], [3.0]])


def test_float32_candidates_with_losses_beyond_float32():
    places = np.linspace(0, 1, 41, dtype=np.float32)[:, None]
    for scale, shift in ((1e200, 0.0), (1.0, 1e8)):
        actual = bayesian_search(
            lambda row, a=scale, b=shift: b + a * float(row[0] ** 2),
            places,
            4,
            6,
            np.random.default_rng(0),
        )
        assert actual.x.min() == 0


def test_the_arguments_are_left_alone(x, y, x_new, rng):
    before = [a.copy() for a in (x, y, x_new)]
    gaussian_process(x, y, x_new, SCALE, NOISE)
    expected_improvement(y, np.abs(y), 0.0)
    bayesian_search(lambda row: row[0], x, 2, 2, rng)
    for a, b in zip((x, y, x_new), before, strict=True):
        assert_close(a, b)


def test_float32(x, y, x_new, rng):
    scale, noise = np.float64(0.7), np.float64(0.3)

    def posterior(x, y, x_new):
        signal = np.float64(1.7)
        return tuple(gaussian_process(x, y, x_new, scale, noise, signal))

    assert_float32(posterior, x, y, x_new)
    assert_float32(lambda x, z: covariance(x, z, scale, scale), x, x_new)
    assert_float32(
        lambda m, s: expected_improvement(m, s, np.float64(0.3)), y, np.abs(y)
    )
    assert_float32(grid, y, y)
    trials = bayesian_search(lambda r: float(r[0]), np.float32(x), 2, 3, rng)
    assert trials.x.dtype == np.float32


# What the page says of the experiment.


@pytest.fixture
def numbers():
    path = ROOT / "experiments/training/hyperparameter_search.json"
    return json.loads(path.read_text("utf-8"))["numbers"]


def test_the_learning_rate_decides(numbers):
    """Row 10 is the rate 0.1; column 8 the decay 0.0046, column 10 0.02."""
    share = np.array(numbers["table"]) / 1080
    rate, decay = np.unravel_index(share.argmin(), share.shape)
    assert (rate, decay) == (10, 6)
    assert share[10, :9].min() >= 0.075
    assert share[10, :9].max() < 0.082
    assert share[10, 10] > 0.11
    assert share[0, 0] > 0.8
    assert share[-1, 0] > 0.8
    assert np.sum(share <= share.min() + 0.01) == 23
    assert share.size == 273


def test_bayesian_search_avoids_bad_luck(numbers):
    at_random, bayesian, grids = (
        100 * np.array(numbers[name]) / 1080
        for name in ("random", "bayesian", "grid")
    )
    assert_close(at_random[:, :5], bayesian[:, :5])
    assert_close(at_random[1, 0], 61, atol=0.5)
    for runs in (at_random, bayesian):
        assert runs[1, 6] < 8.1
    assert 0.05 < at_random[1, 9] - bayesian[1, 9] < 0.15
    assert bayesian[2, 9] < 8.1
    assert_close(at_random[2, 9], 15.6, atol=0.05)
    assert at_random[2, 18] < 8.3
    assert_close(grids[1], [15, 11, 9, 8], atol=0.6)
    for trials, side in ((9, 1), (16, 2), (25, 3)):
        low, median, high = grids[:, side]
        assert median > max(bayesian[1, trials - 1], at_random[1, trials - 1])
        assert high - low > np.ptp(bayesian[:, trials - 1])
    last = np.array(numbers["last_bayesian"]), np.array(numbers["last_random"])
    assert np.sum(last[0] < last[1]) == 43
    assert np.sum(last[0] == last[1]) == 5
    assert_close(100 * last[0].mean() / 1080, 7.7, atol=0.05)
    assert_close(100 * last[1].mean() / 1080, 8.0, atol=0.05)
    assert_close(100 * sqrt(0.08 * 0.92 / 1080), 0.8, atol=0.05)


# Refused inputs.


@pytest.mark.parametrize("third", [1.0, 9.0])
def test_points_too_close_for_their_noise_are_refused(third):
    x, y = np.array([[0.0], [0.0], [third]]), np.array([1.0, 3.0, 0.0])
    for second in (0.0, 1e-9, 3e-8, 6e-8):
        x[1] = second
        with pytest.raises(ValueError, match=r"noise = 0.0 needs to be larger"):
            gaussian_process(x, y, x, 1.0, 0.0)
        with pytest.raises(ValueError, match=r"noise = 0.0 needs to be larger"):
            log_marginal_likelihood(x, y, 1.0, 0.0)
    assert np.isfinite(log_marginal_likelihood(x, y, 1.0, 1e-3))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["length_scale", "signal", "noise"])
def test_sizes_that_are_none_are_refused(x, y, x_new, name, value):
    if name == "noise" and value == 0:
        return
    given_ = {"length_scale": 1.0, "noise": 0.1, "signal": 1.0, name: value}
    with pytest.raises(ValueError, match=f"{name} needs to be .* got {value}"):
        gaussian_process(x, y, x_new, **given_)
    with pytest.raises(ValueError, match=f"{name} needs to be .* got {value}"):
        log_marginal_likelihood(x, y, **given_)
    if name != "noise":
        del given_["noise"]
        with pytest.raises(ValueError, match=f"{name} needs .* got {value}"):
            covariance(x, x_new, **given_)


@pytest.mark.usefixtures("unchecked")
def test_a_truth_value_is_no_number(x, y, x_new, rng):
    for yes in (True, np.True_):
        with pytest.raises(ValueError, match=r"length_scale needs .* got True"):
            gaussian_process(x, y, x_new, yes, 0.1)
    with pytest.raises(ValueError, match=r"share needs .* got True"):
        chance_to_hit(True, 3)
    for n in (True, np.True_, 2.0):
        with pytest.raises(
            ValueError, match=f"n needs .* from 0 to inf, got {n}"
        ):
            chance_to_hit(0.5, n)
        with pytest.raises(
            ValueError, match=f"n needs .* from 1 to 5, got {n}"
        ):
            random_search(bowl, x, n, rng)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N, 1), (N - 1,), (1,), ()])
def test_other_than_one_loss_a_trial_is_refused(x, x_new, shape):
    y = np.ones(shape)
    with pytest.raises(ValueError, match=r"one loss|y needs finite"):
        gaussian_process(x, y, x_new, 1.0, 0.1)
    with pytest.raises(ValueError, match=r"one loss|y needs finite"):
        log_marginal_likelihood(x, y, 1.0, 0.1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floats_are_refused(x, y, x_new, dtype, rng):
    for given_ in (
        (x.astype(dtype), y, x_new),
        (x, y.astype(dtype), x_new),
        (x, y, x_new.astype(dtype)),
    ):
        with pytest.raises(ValueError, match="needs finite real floating"):
            gaussian_process(*given_, 1.0, 0.1)
    with pytest.raises(ValueError, match="x needs finite real"):
        covariance(x.astype(dtype), x, 1.0)
    with pytest.raises(ValueError, match="z needs finite real"):
        covariance(x, x.astype(dtype), 1.0)
    with pytest.raises(ValueError, match="an axis of a grid needs finite real"):
        grid(y, y.astype(dtype))
    with pytest.raises(ValueError, match="mean needs finite real"):
        expected_improvement(y.astype(dtype), np.ones(N), 0.0)
    with pytest.raises(ValueError, match="std needs finite real"):
        expected_improvement(y, np.ones(N).astype(dtype), 0.0)
    for search in (
        lambda places: random_search(bowl, places, 2, rng),
        lambda places: bayesian_search(bowl, places, 2, 1, rng),
    ):
        with pytest.raises(ValueError, match="candidates needs finite real"):
            search(x.astype(dtype))
    with pytest.raises(ValueError, match="of its dtype"):
        gaussian_process(x, np.float32(y), x_new, 1.0, 0.1)
    with pytest.raises(ValueError, match=r"axis of a grid .* got \[1.0\]"):
        grid([1.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(x, y, x_new, bad, rng):
    for a in (x, y, x_new):
        broken = a.copy()
        broken[0] = bad
        given_ = [broken if b is a else b for b in (x, y, x_new)]
        with pytest.raises(ValueError, match="needs finite real"):
            gaussian_process(*given_, 1.0, 0.1)
    broken = np.array([1.0, bad])
    with pytest.raises(ValueError, match="axis of a grid needs finite"):
        grid(broken)
    with pytest.raises(ValueError, match="mean needs finite"):
        expected_improvement(broken, np.ones(2), 0.0)
    with pytest.raises(ValueError, match="std needs finite"):
        expected_improvement(np.ones(2), broken, 0.0)
    with pytest.raises(ValueError, match=f"finite best, got .* best {bad}"):
        expected_improvement(np.ones(2), np.ones(2), bad)
    with pytest.raises(ValueError, match=f"finite losses, got {bad}: let"):
        random_search(lambda _: bad, x, 2, rng)
    with pytest.raises(ValueError, match=f"finite losses, got {bad}: let"):
        bayesian_search(lambda _: bad, x, 2, 1, rng)
    late = iter([1.0, 2.0, bad])
    with pytest.raises(ValueError, match=f"finite losses, got {bad}: let"):
        bayesian_search(lambda _: next(late), x, 2, 1, rng)


@pytest.mark.usefixtures("unchecked")
def test_nothing_and_matrices_of_other_shapes_are_refused(x, y, rng):
    for places in (np.ones((0, 2)), np.ones((2, 0)), np.ones(3)):
        with pytest.raises(ValueError, match="along 2 axes, at least one"):
            random_search(bowl, places, 1, rng)
        with pytest.raises(ValueError, match="along 2 axes, at least one"):
            bayesian_search(bowl, places, 1, 0, rng)
        with pytest.raises(ValueError, match="along 2 axes, at least one"):
            gaussian_process(x, y, places, 1.0, 0.1)
        with pytest.raises(ValueError, match=r"x needs .* along 2 axes"):
            gaussian_process(places, y, x, 1.0, 0.1)
    with pytest.raises(ValueError, match="at least 1 axis, got none"):
        grid()
    with pytest.raises(ValueError, match="along 1 axes"):
        grid(np.ones((2, 2)))
    with pytest.raises(ValueError, match="std of at least 0 for every mean"):
        expected_improvement(np.ones(2), np.ones(1), 0.0)
    with pytest.raises(ValueError, match=r"need \(M, D\) and \(N, D\)"):
        gaussian_process(x, y, np.ones((3, 1)), 1.0, 0.1)


def test_a_negative_std_is_refused():
    with pytest.raises(ValueError, match=r"the lowest std -0.1"):
        expected_improvement(np.ones(2), np.array([1.0, -0.1]), 0.0)


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, np.inf)],
)
def test_other_ranges_are_refused(low, high, rng):
    with pytest.raises(ValueError, match=f"both finite, got {low} and {high}"):
        log_uniform(rng, low, high, 3)
    with pytest.raises(ValueError, match="both finite, got nan"):
        log_uniform(rng, np.nan, 1.0, 3)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, np.nan])
def test_other_shares_are_refused(share):
    with pytest.raises(ValueError, match=f"between 0 and 1, got {share}"):
        chance_to_hit(share, 3)


def test_more_or_fewer_trials_than_can_be_are_refused(x, rng):
    for n in (0, -1):
        with pytest.raises(ValueError, match=f"from 1 to inf, got {n}"):
            log_uniform(rng, 1.0, 2.0, n)
    with pytest.raises(ValueError, match=r"n needs .* from 0 to inf, got -1"):
        chance_to_hit(0.5, -1)
    for n in (0, N + 1):
        with pytest.raises(ValueError, match=f"n needs .* 1 to 5, got {n}"):
            random_search(bowl, x, n, rng)
        with pytest.raises(ValueError, match=f"n_start .* 1 to 5, got {n}"):
            bayesian_search(bowl, x, n, 0, rng)
    for n in (-1, 4):
        with pytest.raises(ValueError, match=f"n_steps .* 0 to 3, got {n}"):
            bayesian_search(bowl, x, 2, n, rng)
    with pytest.raises(ValueError, match="at least 1, got none"):
        bayesian_search(bowl, x, 2, 1, rng, ())
