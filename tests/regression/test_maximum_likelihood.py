from itertools import product
from math import exp, log, pi, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linprog, minimize
from statsmodels.datasets import engel
from statsmodels.regression.quantile_regression import QuantReg

from reference.regression import maximum_likelihood as module
from reference.regression.least_squares import (
    least_squares,
    least_squares_loss,
    residuals,
    with_intercept,
)
from reference.regression.maximum_likelihood import (
    gaussian_log_likelihood,
    gaussian_mle,
    laplace_log_likelihood,
    laplace_mle,
    least_absolute_deviations,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D = 9, 3
LIKELIHOODS = [gaussian_log_likelihood, laplace_log_likelihood]
MLES = [gaussian_mle, laplace_mle]


@pytest.fixture
def x(rng):
    return with_intercept(rng.normal(2, 3, (N, D - 1)))


@pytest.fixture
def y(rng):
    return rng.normal(size=N)


@pytest.fixture
def e(rng):
    return rng.normal(size=N)


def absolute_sum(x, y, beta):
    return np.abs(y - x @ to_numpy(beta)).sum()


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(e, array):
    r"""\ell(\beta, \sigma) = -\frac{N}{2} \log (2 \pi \sigma^2)
    - \frac{1}{2 \sigma^2} \sum_{n=1}^{N} e_n^2"""
    sigma = 0.7
    expected = -N / 2 * log(2 * pi * sigma**2)
    for n in range(N):
        expected -= e[n] ** 2 / (2 * sigma**2)
    actual = gaussian_log_likelihood(array(e), sigma)
    assert_close(actual, np.asarray(expected))


def test_eq_2(x, y, array):
    r"""\hat{\sigma} = \sqrt{\frac{1}{N} \sum_{n=1}^{N} e_n^2}"""
    e = y - x @ np.linalg.lstsq(x, y)[0]
    expected = sqrt(sum(e[n] ** 2 for n in range(N)) / N)
    assert_close(gaussian_mle(array(x), array(y)).scale, np.asarray(expected))


def test_eq_3(e, array):
    r"""\ell(\beta, b) = -N \log (2 b)
    - \frac{1}{b} \sum_{n=1}^{N} \lvert e_n \rvert"""
    b = 0.7
    expected = -N * log(2 * b)
    for n in range(N):
        expected -= abs(e[n]) / b
    actual = laplace_log_likelihood(array(e), b)
    assert_close(actual, np.asarray(expected))


def test_eq_4(x, y, array):
    r"""\hat{b} = \frac{1}{N} \sum_{n=1}^{N} \lvert e_n \rvert"""
    beta, b = laplace_mle(array(x), array(y))
    e = y - x @ to_numpy(beta)
    expected = sum(abs(e[n]) for n in range(N)) / N
    assert_close(b, np.asarray(expected))


@pytest.fixture
def balanced(x, rng):
    """Return perpendicular columns and balanced pulls, the largest 0.8."""
    q, _ = np.linalg.qr(x)
    u = rng.normal(size=N)
    u -= q @ (q.T @ u)
    return q, 0.8 * u / np.abs(u).max()


def weighted_fit(q, y, v):
    gram, moment = np.zeros((D, D)), np.zeros(D)
    for n in range(N):
        for j in range(D):
            moment[j] += v[n] ** 2 * q[n, j] * y[n]
            for k in range(D):
                gram[j, k] += v[n] ** 2 * q[n, j] * q[n, k]
    return np.linalg.solve(gram, moment)


def test_eq_5(balanced, y, array):
    r"""v_n = \max(1 - \lvert u_n \rvert, \, \epsilon)"""
    q, u = balanced
    u[0] = 1.0  # no room is left
    v = [max(1 - abs(u[n]), 2.0**-52) for n in range(N)]
    beta, e, _ = module._pull_harder(array(q), array(y), array(u))
    expected = weighted_fit(q, y, v)
    assert_close(beta, expected)
    assert_close(e, y - q @ expected)


def test_pulls_without_room_leave_the_plain_fit(balanced, y, array):
    """Where all are at their limit, the floor keeps the weights alike."""
    q, u = balanced
    beta, _, _ = module._pull_harder(array(q), array(y), array(np.sign(u)))
    assert_close(beta, q.T @ y)


def test_a_column_of_examples_with_little_room_is_still_fitted(array):
    q = np.zeros((8, 2))
    q[:4, 0] = q[4:, 1] = 0.5
    u = np.array([0.0, 0, 0, 0, 1, -1, 1, -1]) * (1 - 1e-14)
    y = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    beta, _, _ = module._pull_harder(array(q), array(y), array(u))
    assert_close(beta, [5.0, 13.0], rtol=1e-6)


def test_pulls_that_rounding_unbalanced_are_balanced_again(balanced, y, array):
    q, u = balanced
    _, _, pulls = module._pull_harder(
        array(q), array(y), array(u + 1e-6 * q[:, 0])
    )
    assert_close(q.T @ to_numpy(pulls), np.zeros(D))


def test_eq_6(balanced, y, array):
    r"""u_n \leftarrow
    u_n + 0.97 \, \frac{v_n^2 e_n}{\max_m v_m \lvert e_m \rvert}"""
    q, u = balanced
    v = [1 - abs(u[n]) for n in range(N)]
    e = y - q @ weighted_fit(q, y, v)
    largest = max(v[m] * abs(e[m]) for m in range(N))
    expected = [u[n] + 0.97 * v[n] ** 2 * e[n] / largest for n in range(N)]
    _, _, actual = module._pull_harder(array(q), array(y), array(u))
    assert_close(actual, expected)
    assert max(abs(to_numpy(actual))) < 1
    assert_close(q.T @ to_numpy(actual), np.zeros(D))


# The same as everybody else's: SciPy, statsmodels, a linear programme.


@pytest.mark.parametrize("scale", [0.3, 1.0, 25.0])
def test_scipy_densities(e, scale, array):
    for function, law in zip(
        LIKELIHOODS, (stats.norm, stats.laplace), strict=True
    ):
        expected = law.logpdf(e, scale=scale).sum()
        assert_close(function(array(e), scale), np.asarray(expected))


def test_scipy_fits_of_one_number(y, array):
    ones = np.ones((N, 1))
    for mle, law in zip(MLES, (stats.norm, stats.laplace), strict=True):
        location, scale = law.fit(y)
        beta, actual = mle(array(ones), array(y))
        assert_close(beta, [location], rtol=1e-7)
        assert_close(actual, np.asarray(scale), rtol=1e-8)


def negative_log_likelihood(function, x, y):
    def loss(theta):
        return -float(function(y - x @ theta[:-1], exp(theta[-1])))

    return loss


def test_scipy_minimises_the_same_gaussian(x, y, array):
    loss = negative_log_likelihood(gaussian_log_likelihood, x, y)
    found = minimize(loss, np.zeros(D + 1), method="BFGS", tol=1e-7)
    beta, sigma = gaussian_mle(array(x), array(y))
    assert_close(beta, found.x[:-1], rtol=1e-4, atol=1e-5)
    assert_close(sigma, np.exp(found.x[-1]), rtol=1e-4)
    best = negative_log_likelihood(gaussian_log_likelihood, x, y)
    theta = np.append(to_numpy(beta), np.log(to_numpy(sigma)))
    assert best(theta) <= found.fun + 1e-12


def test_scipy_finds_no_better_laplace(x, y, array):
    """Nelder and Mead's search needs no derivative, where there is none."""
    loss = negative_log_likelihood(laplace_log_likelihood, x, y)
    found = minimize(loss, np.zeros(D + 1), method="Nelder-Mead")
    for _ in range(8):  # from a kink it has to start anew
        found = minimize(loss, found.x, method="Nelder-Mead")
    beta, b = laplace_mle(array(x), array(y))
    theta = np.append(to_numpy(beta), np.log(to_numpy(b)))
    assert loss(theta) <= found.fun + 1e-9
    assert_close(np.asarray(loss(theta)), np.asarray(found.fun), rtol=1e-3)


def linear_programme(x, y):
    """Return the exact minimum: y = x beta + above - below."""
    n, d = x.shape
    cost = np.concatenate((np.zeros(d), np.ones(2 * n)))
    table = np.concatenate((x, np.eye(n), -np.eye(n)), axis=1)
    bounds = [(None, None)] * d + [(0, None)] * (2 * n)
    return linprog(cost, A_eq=table, b_eq=y, bounds=bounds).fun


NOISES = {
    "laplace": lambda rng, n: rng.laplace(size=n),
    "normal": lambda rng, n: rng.normal(size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(size=n),
    "whole numbers": lambda rng, n: rng.integers(0, 4, n).astype(float),
}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(("n", "d"), [(5, 2), (30, 3), (200, 4)])
def test_linear_programme(n, d, noise, rng, array):
    """With whole numbers there are ties, and often many best lines."""
    x = with_intercept(rng.integers(0, 9, (n, d - 1)).astype(float))
    y = x @ np.arange(1.0, d + 1) + NOISES[noise](rng, n)
    beta = least_absolute_deviations(array(x), array(y))
    best = np.asarray(linear_programme(x, y))
    assert_close(np.asarray(absolute_sum(x, y, beta)), best, rtol=1e-8)


@pytest.mark.parametrize("noise", ["laplace", "normal"])
def test_quantile_regression(noise, rng, array):
    x = with_intercept(rng.normal(size=(101, 2)))
    y = x @ np.array([1.0, -2.0, 3.0]) + NOISES[noise](rng, 101)
    beta = least_absolute_deviations(array(x), array(y))
    other = QuantReg(y, x).fit(q=0.5, max_iter=5000, p_tol=1e-9).params
    ours, theirs = (absolute_sum(x, y, b) for b in (beta, other))
    assert_close(np.asarray(ours), np.asarray(theirs), rtol=1e-6)
    assert ours <= theirs * (1 + 1e-12)
    assert_close(beta, other, rtol=1e-3, atol=1e-3)


def test_the_median_regression_of_engel(array):
    """As published with the data: 81.48 + 0.5602 income."""
    data = engel.load_pandas().data
    x = with_intercept(data[["income"]].to_numpy(copy=True))
    y = data["foodexp"].to_numpy(copy=True)
    beta = least_absolute_deviations(array(x), array(y))
    assert_close(beta, [81.4822474, 0.5601806], rtol=1e-7)


# The gradients that the page derives.


def test_gradient_of_the_gaussian(e):
    def backward(dl, e, sigma):
        squares = torch.sum(e**2)
        by_sigma = (squares - N * sigma**2) / sigma**3
        return -dl * e / sigma**2, dl * by_sigma

    assert_gradient(gaussian_log_likelihood, backward, e, 0.7)


def test_gradient_of_the_laplace(e):
    def backward(dl, e, b):
        by_b = (torch.sum(torch.abs(e)) - N * b) / b**2
        return -dl * torch.sign(e) / b, dl * by_b

    assert_gradient(laplace_log_likelihood, backward, e, 0.7)


def test_the_score_is_zero_at_the_estimate(x, y):
    x, y = torch.asarray(x), torch.asarray(y)
    fit = gaussian_mle(x, y)
    leaves = [a.clone().requires_grad_() for a in fit]
    likelihood = gaussian_log_likelihood(residuals(x, y, leaves[0]), leaves[1])
    likelihood.backward()
    assert_close(leaves[0].grad, np.zeros(D), atol=1e-9)
    assert_close(leaves[1].grad, np.asarray(0.0), atol=1e-9)


# What the page promises: the loss, units, limits, pitfalls, refused inputs.


def test_the_loss_is_minus_the_log_likelihood(x, y, array):
    """N / (2 sigma^2) times the mean squared residual, plus a constant."""
    sigma, beta = 1.7, np.array([0.3, -0.2, 0.5])
    x, y, beta = array(x), array(y), array(beta)
    log_likelihood = gaussian_log_likelihood(residuals(x, y, beta), sigma)
    loss = float(least_squares_loss(x, y, beta))
    expected = N / (2 * sigma**2) * loss + N / 2 * log(2 * pi * sigma**2)
    assert_close(-log_likelihood, np.asarray(expected))


@settings(max_examples=25)
@given(
    shift=st.lists(st.floats(-2, 2), min_size=D, max_size=D),
    factor=st.floats(0.2, 5),
)
@pytest.mark.parametrize("which", [0, 1])
def test_no_other_parameters_are_more_likely(which, shift, factor):
    rng = np.random.default_rng(3)
    x, y = with_intercept(rng.normal(size=(N, D - 1))), rng.normal(size=N)
    likelihood = LIKELIHOODS[which]
    beta, scale = MLES[which](x, y)
    other = likelihood(y - x @ (beta + np.array(shift)), scale * factor)
    assert other <= likelihood(y - x @ beta, scale) + 1e-7


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_density_has_a_unit_and_may_exceed_1(likelihood, e, array):
    metres = float(likelihood(array(e), 0.4))
    millimetres = float(likelihood(array(1000 * e), 400.0))
    assert_close(np.asarray(metres - millimetres), np.asarray(N * log(1000.0)))
    assert float(likelihood(array(np.zeros(1)), 0.1)) > 0


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_no_square_of_a_unit_overflows(likelihood, unit, e, array):
    expected = float(likelihood(array(e), 0.4)) - N * log(unit)
    actual = likelihood(array(unit * e), 0.4 * unit)
    assert_close(actual, np.asarray(expected))


def test_a_product_of_densities_vanishes_and_the_sum_of_logs_stays(array):
    e = np.zeros(1000)
    assert np.prod(stats.norm.pdf(e)) == 0
    expected = np.asarray(-500 * log(2 * pi))
    assert_close(gaussian_log_likelihood(array(e), 1.0), expected)


COINS = np.array(list(product([-1.0, 1.0], repeat=7)))  # all equally likely


def test_the_estimate_of_sigma_is_biased(rng):
    """Its square is too small by the factor (N - D) / N on average."""
    x = rng.normal(size=(7, 2))
    squares = [float(gaussian_mle(x, e).scale) ** 2 for e in COINS]
    assert_close(np.mean(squares), np.asarray(5 / 7))


def test_least_squares_needs_no_normal_errors_to_be_unbiased(rng):
    x, beta = rng.normal(size=(7, 2)), np.array([1.0, 2.0])
    found = np.stack([least_squares(x, x @ beta + e) for e in COINS])
    assert_close(found.mean(axis=0), beta)
    variance = np.cov(found.T, bias=True)
    assert_close(variance, np.linalg.inv(x.T @ x))
    ends = np.linalg.inv(x[[0, 6]])  # another linear unbiased estimate
    other = (x @ beta + COINS)[:, [0, 6]] @ ends.T
    assert_close(other.mean(axis=0), beta)
    assert np.linalg.eigvalsh(np.cov(other.T, bias=True) - variance)[0] > 0


def test_best_linear_unbiased_is_not_best(rng):
    """Least absolute deviations beats it by far under Laplace errors."""
    x = with_intercept(np.linspace(0, 1, 200)[:, None])
    errors = rng.laplace(size=(40, 200))
    squares = np.stack([least_squares(x, e) for e in errors])
    absolute = np.stack([least_absolute_deviations(x, e) for e in errors])
    assert all(absolute.var(axis=0) < 0.8 * squares.var(axis=0))


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_the_unit_of_the_target_is_free(x, y, scale, array):
    for mle in MLES:
        beta, size = mle(array(x), array(y))
        other_beta, other_size = mle(array(x), array(scale * y))
        assert_close(other_beta / scale, beta)
        assert_close(other_size / scale, size)


def test_the_unit_of_a_column_and_a_shift_along_it_are_free(x, y, array):
    beta = to_numpy(least_absolute_deviations(array(x), array(y)))
    units = np.array([1.0, 1e-30, 1e40])
    other = least_absolute_deviations(array(x * units), array(y))
    assert_close(to_numpy(other) * units, beta, rtol=1e-7)
    shifted = y + x @ np.array([100.0, 20.0, -3.0])
    other = least_absolute_deviations(array(x), array(shifted))
    expected = beta + np.array([100.0, 20.0, -3.0])
    assert_close(other, expected, rtol=1e-7)


@settings(max_examples=40)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=12))
def test_the_best_number_is_a_median(values):
    """Between the two middle numbers every one is as good."""
    y = np.array(values, dtype=float)
    [number] = least_absolute_deviations(np.ones((len(y), 1)), y)
    middle = np.sort(y)[[(len(y) - 1) // 2, len(y) // 2]]
    assert middle[0] - 1e-6 <= number <= middle[1] + 1e-6
    assert_close(
        np.abs(y - number).sum(), np.abs(y - middle[0]).sum(), atol=1e-6
    )


def test_the_line_goes_through_as_many_points_as_it_has_columns(x, y, array):
    beta = to_numpy(least_absolute_deviations(array(x), array(y)))
    assert np.sum(np.abs(y - x @ beta) < 1e-9) == D


@pytest.mark.parametrize("outlier", [19.0, 190.0, 1e9])
def test_an_outlying_target_has_no_say(outlier, array):
    x = with_intercept(np.arange(5.0)[:, None])
    y = np.array([1.0, 3.0, 5.0, 7.0, outlier])
    beta = least_absolute_deviations(array(x), array(y))
    assert_close(beta, [1.0, 2.0], rtol=1e-5)


def test_an_outlying_position_takes_the_line(array):
    x = with_intercept(np.array([[0.0], [1.0], [2.0], [3.0], [100.0]]))
    y = np.array([1.0, 3.0, 5.0, 7.0, 0.0])
    beta = least_absolute_deviations(array(x), array(y))
    assert float(np.abs(y - x @ to_numpy(beta))[-1]) < 1e-6


@pytest.mark.parametrize("n", [D, N])
def test_a_perfect_fit_has_no_most_likely_scale(x, n, array):
    beta = np.array([1000.0, 0.1, 0.3])
    x, y = array(x[:n]), array(x[:n] @ beta)
    assert_close(least_absolute_deviations(x, y), beta)
    for mle in MLES:
        with pytest.raises(ValueError, match="perfect fit has no maximum"):
            mle(x, y)
        with pytest.raises(ValueError, match="perfect fit has no maximum"):
            mle(x, 0 * y)


@pytest.mark.parametrize("origin", [1e3, 1e6, 1e9])
def test_large_terms_that_cancel_leave_only_rounding(origin, array):
    """Targets near 1 are differences of numbers as large as the origin."""
    x = with_intercept(origin + 1.1 * np.arange(12.0)[:, None])
    y = x @ np.array([-1.3 * origin, 1.3])
    for mle in MLES:
        with pytest.raises(ValueError, match="perfect fit has no maximum"):
            mle(array(x), array(y))


def test_small_errors_are_not_taken_for_rounding(x, y, array):
    """They may be 1e-12 of the target, but not 1e-16."""
    for mle in MLES:
        fit = mle(array(x), array(1.0 + 1e-12 * y))
        expected = mle(x, y).scale
        assert_close(1e12 * fit.scale, expected, rtol=1e-2)
        with pytest.raises(ValueError, match="beyond rounding"):
            mle(array(x), array(1.0 + 1e-16 * y))


def test_what_is_not_proved_is_refused(x, y, array):
    x, y = array(x), array(y)
    with pytest.raises(
        ValueError, match=r"more than 3 steps, got within \de-0[1-3] of the"
    ):
        least_absolute_deviations(x, y, max_steps=3)
    for steps in (0, -1):
        with pytest.raises(ValueError, match=f"max_steps >= 1, got {steps}"):
            least_absolute_deviations(x, y, max_steps=steps)


def test_many_points_on_the_line_leave_a_gap_of_rounding(array):
    """Here it stays between 1.5e-8 and 3e-8 however many steps there are."""
    rng = np.random.default_rng(966)
    d = rng.integers(1, 6)
    n = d + rng.integers(1, 60)
    x = rng.normal(size=(n, d))
    y = x @ rng.normal(size=d) + (rng.random(n) < 0.2) * rng.normal(size=n)
    beta = least_absolute_deviations(array(x), array(y))
    best = np.asarray(linear_programme(x, y))
    assert_close(np.asarray(absolute_sum(x, y, beta)), best)


def test_the_gap_is_that_of_the_pulls(x, y):
    """After one fit the pulls are 0, and prove only that no sum is below 0."""
    with pytest.raises(ValueError, match=r"within 1e\+00 of the smallest"):
        least_absolute_deviations(x, y, max_steps=1)


@pytest.mark.parametrize("n", [20, 2000])
def test_few_steps_are_enough(n, rng):
    """At most 30, where weights 1 / |e| need many more; 100 are allowed."""
    x = with_intercept(rng.normal(size=(n, 3)))
    for noise in NOISES.values():
        least_absolute_deviations(x, noise(rng, n), max_steps=30)


def test_float32(x, y, e, rng):
    for likelihood in LIKELIHOODS:
        assert_float32(likelihood, e, 0.7)
        narrow = likelihood(np.float32(e), np.float64(0.7))
        assert narrow.dtype == np.float32
    assert_float32(gaussian_mle, x, y)
    x = with_intercept(rng.normal(size=(40, 1)))
    y = x @ np.array([1000.0, 3.0]) + rng.laplace(size=40)
    for mle in MLES:
        beta, scale = mle(np.float32(x), np.float32(y))
        assert beta.dtype == scale.dtype == np.float32
        wide = mle(x, y)
        assert_close(beta, wide.beta, rtol=1e-5, atol=0.05)
        assert_close(scale, wide.scale, rtol=1e-3)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(
    "scale", [0.0, -1.0, np.nan, np.inf, True, 1j, [1.0], [1.0, 2.0]]
)
def test_other_than_one_positive_scale_is_refused(likelihood, scale, array):
    e = array(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="one positive finite scale, got"):
        likelihood(e, scale)
    with pytest.raises(ValueError, match="one positive finite scale, got"):
        likelihood(e, array(np.asarray(scale)))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_scale_that_float32_cannot_hold_is_refused(likelihood, array):
    with pytest.raises(ValueError, match="one positive finite scale, got"):
        likelihood(array(np.ones(2, dtype=np.float32)), 1e-60)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_scale_may_be_an_array_and_does_not_widen_float32(
    likelihood, e, array
):
    narrow = array(np.float32(e))
    actual = likelihood(narrow, array(np.asarray(0.7)))
    assert actual.dtype == narrow.dtype
    assert_close(actual, np.float32(likelihood(e, 0.7)), rtol=1e-5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_whole_number_is_a_scale(likelihood, e, array):
    assert_close(likelihood(array(e), 2), likelihood(e, 2.0))
    actual = likelihood(array(e), array(np.asarray(2)))
    assert_close(actual, likelihood(e, 2.0))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(
    "e",
    [
        np.ones((2, 2)),
        np.ones(()),
        np.ones(0),
        np.ones(2, dtype=int),
        np.ones(2, dtype=bool),
        np.ones(2, dtype=complex),
    ],
)
def test_other_than_a_vector_of_residuals_is_refused(likelihood, e, array):
    with pytest.raises(ValueError, match="vector of real floating-point"):
        likelihood(array(e), 1.0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("fit", [*MLES, least_absolute_deviations])
def test_what_least_squares_refuses_is_refused(fit, x, y, array):
    twice = np.concatenate((x, x[:, :1]), axis=1)
    for bad_x, bad_y, message in (
        (x, y[:-1], "one target each"),
        (x, y[:, None], "one target each"),
        (x[:0], y[:0], "needs examples"),
        (x.astype(int), y, "real floating-point"),
        (x, np.where(y > 0, np.nan, y), "finite values"),
        (twice, y, "independent columns"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(array(bad_x), array(bad_y))
