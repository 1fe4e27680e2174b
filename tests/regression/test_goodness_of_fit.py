from itertools import pairwise
from math import inf, nan, sqrt

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import r2_score

from reference.regression.goodness_of_fit import (
    adjusted_r_squared,
    r_squared,
    rse,
    rss,
    tss,
)
from reference.regression.least_squares import (
    hat_matrix,
    least_squares,
    least_squares_svd,
    predict,
)
from tests.checks import assert_close, assert_float32, assert_gradient, to_numpy
from tests.regression.nist import PROBLEMS, digits

N, D = 9, 4


@pytest.fixture
def x(rng):
    return np.concatenate((np.ones((N, 1)), rng.normal(2, 3, (N, D - 1))), 1)


@pytest.fixture
def y(rng):
    return rng.normal(3, 2, size=N)


@pytest.fixture
def y_hat(y, rng):
    """Return predictions that no fit has made."""
    return y + rng.normal(1, 2, size=N)


def measures(y, y_hat, columns):
    """Return all five, by name."""
    return {
        "rss": rss(y, y_hat),
        "tss": tss(y),
        "r_squared": r_squared(y, y_hat),
        "rse": rse(y, y_hat, columns),
        "adjusted": adjusted_r_squared(y, y_hat, columns),
    }


# The page's equations, each written out index by index below its LaTeX.


def sum_of_squares(a, b):
    total = 0.0
    for n in range(N):
        total += (a[n] - b[n]) ** 2
    return total


def spread(y):
    mean = 0.0
    for n in range(N):
        mean += y[n] / N
    return sum_of_squares(y, [mean] * N)


def test_eq_1(y, y_hat, array):
    r"""\mathrm{RSS} = \sum_{n=1}^{N} (y_n - \hat{y}_n)^2"""
    expected = np.asarray(sum_of_squares(y, y_hat))
    assert_close(rss(array(y), array(y_hat)), expected)


def test_eq_2(y, array):
    r"""\mathrm{TSS} = \sum_{n=1}^{N} (y_n - \bar{y})^2"""
    assert_close(tss(array(y)), np.asarray(spread(y)))


def test_eq_3(y, y_hat, array):
    r"""R^2 = 1 - \frac{\mathrm{RSS}}{\mathrm{TSS}}"""
    expected = np.asarray(1 - sum_of_squares(y, y_hat) / spread(y))
    assert_close(r_squared(array(y), array(y_hat)), expected)


@pytest.mark.parametrize("columns", [1, 2, N - 1])
def test_eq_4(columns, y, y_hat, array):
    r"""\mathrm{RSE} = \sqrt{\frac{\mathrm{RSS}}{N - D}}"""
    expected = np.asarray(sqrt(sum_of_squares(y, y_hat) / (N - columns)))
    assert_close(rse(array(y), array(y_hat), columns), expected)


@pytest.mark.parametrize("columns", [1, 2, N - 1])
def test_eq_5(columns, y, y_hat, array):
    r"""\bar{R}^2 = 1
    - \frac{\mathrm{RSS} / (N - D)}{\mathrm{TSS} / (N - 1)}"""
    residual = sum_of_squares(y, y_hat) / (N - columns)
    expected = np.asarray(1 - residual / (spread(y) / (N - 1)))
    assert_close(adjusted_r_squared(array(y), array(y_hat), columns), expected)


# The same as everybody else's: statsmodels, scikit-learn, certified values.


@pytest.mark.parametrize("columns", [1, 2, D])
def test_ols_of_statsmodels(columns, x, y, array):
    x = x[:, :columns]
    fit = sm.OLS(y, x).fit()
    expected = {
        "rss": fit.ssr,
        "tss": fit.centered_tss,
        "r_squared": fit.rsquared,
        "rse": sqrt(fit.mse_resid),
        "adjusted": fit.rsquared_adj,
    }
    fitted = predict(array(x), least_squares(array(x), array(y)))
    actual = measures(array(y), fitted, columns)
    for name, value in expected.items():
        assert_close(actual[name], np.asarray(value), atol=1e-11)


def test_r2_score_of_sklearn(y, y_hat, array):
    """Also where it is negative."""
    for guess in (y_hat, y, np.zeros(N), np.full(N, y.mean()), 10 - y):
        expected = np.asarray(r2_score(y, guess))
        assert_close(r_squared(array(y), array(guess)), expected)


@pytest.mark.parametrize(
    ("name", "least"),
    [("Norris", 11), ("Longley", 10), ("Wampler3", 11), ("Wampler4", 12)],
)
def test_certified_residual_sd_and_r_squared(name, least, array):
    problem = PROBLEMS[name]
    x, y = array(problem.x), array(problem.y)
    columns = problem.x.shape[1]
    fitted = predict(x, least_squares(x, y))
    sd = to_numpy(rse(y, fitted, columns))
    assert digits(sd, problem.residual_sd) > least
    assert digits(to_numpy(r_squared(y, fitted)), problem.r_squared) > least


def test_certified_for_a_fit_that_explains_little(array):
    """Wampler5: R^2 is 0.002, and its first digits cancel in 1 - RSS/TSS."""
    problem = PROBLEMS["Wampler5"]
    x, y = array(problem.x), array(problem.y)
    fitted = predict(x, least_squares(x, y))
    assert digits(to_numpy(rse(y, fitted, 6)), problem.residual_sd) > 12
    assert digits(to_numpy(r_squared(y, fitted)), problem.r_squared) > 10


@pytest.mark.parametrize("name", ["Wampler1", "Wampler2"])
def test_certified_for_exact_polynomials(name, array):
    problem = PROBLEMS[name]
    x, y = array(problem.x), array(problem.y)
    fitted = predict(x, least_squares(x, y))
    actual = measures(y, fitted, 6)
    assert float(actual["rse"]) < 1e-12 * problem.y.max()
    assert_close(actual["r_squared"], np.asarray(1.0), rtol=1e-14)
    assert_close(actual["adjusted"], np.asarray(1.0), rtol=1e-14)


# Gradients: each measure's, in closed form.


def test_gradients_are_the_closed_forms(y, y_hat):
    def through_ratio(dy, y, y_hat):
        e, deviations = y - y_hat, y - y.mean()
        by_y_hat = 2 * e / tss(y)
        by_y = 2 * rss(y, y_hat) * deviations / tss(y) ** 2 - by_y_hat
        return dy * by_y, dy * by_y_hat

    def through_adjusted(dy, y, y_hat):
        return through_ratio(dy * (N - 1) / (N - 3), y, y_hat)

    def through_rse(dy, y, y_hat):
        by_y = (y - y_hat) / rse(y, y_hat, 3) / (N - 3)
        return dy * by_y, -dy * by_y

    def through_rss(dy, y, y_hat):
        return 2 * dy * (y - y_hat), -2 * dy * (y - y_hat)

    assert_gradient(rss, through_rss, y, y_hat)
    assert_gradient(tss, lambda dy, y: 2 * dy * (y - y.mean()), y)
    assert_gradient(r_squared, through_ratio, y, y_hat)
    assert_gradient(lambda *a: rse(*a, 3), through_rse, y, y_hat)
    assert_gradient(
        lambda *a: adjusted_r_squared(*a, 3), through_adjusted, y, y_hat
    )


# What the page promises, and what is refused.


def test_the_worked_example(array):
    y, y_hat = array(np.array([2.0, 2, 4, 8])), array(np.array([1.0, 3, 5, 7]))
    expected = [4, 24, 5 / 6, sqrt(2), 3 / 4]
    for actual, value in zip(
        measures(y, y_hat, 2).values(), expected, strict=True
    ):
        assert_close(actual, np.asarray(value))


@st.composite
def fits(draw):
    """Return a design with intercept, of any rank, and unequal targets."""
    n, d = draw(st.integers(2, 7)), draw(st.integers(0, 4))
    whole = st.integers(-9, 9).map(float)
    x = draw(arrays(np.float64, (n, d), elements=whole))
    y = draw(arrays(np.float64, n, elements=whole))
    y[0] = y[1] + 1
    return np.concatenate((np.ones((n, 1)), x), axis=1), y


@settings(max_examples=25)
@given(fits())
def test_sums_of_squares_add_up_with_an_intercept(fit):
    x, y = fit
    fitted = predict(x, least_squares_svd(x, y))
    explained = np.sum((fitted - y.mean()) ** 2)
    assert_close(tss(y), explained + rss(y, fitted), atol=1e-9)
    assert_close(r_squared(y, fitted), explained / tss(y), atol=1e-9)


@settings(max_examples=25)
@given(fits())
def test_one_column_more_never_lowers_r_squared(fit):
    x, y = fit
    found = [
        float(r_squared(y, predict(x[:, :d], least_squares_svd(x[:, :d], y))))
        for d in range(1, x.shape[1] + 1)
    ]
    assert_close(found[0], 0.0, atol=1e-12)
    assert all(b >= a - 1e-12 for a, b in pairwise(found))
    assert found[-1] <= 1


def test_r_squared_is_a_squared_correlation(x, y):
    """Of y with the fitted values; for one quantity, with that one too."""
    fitted = predict(x, least_squares(x, y))
    r = np.corrcoef(y, fitted)[0, 1]
    assert_close(r_squared(y, fitted), np.asarray(r**2))
    line = predict(x[:, :2], least_squares(x[:, :2], y))
    r = np.corrcoef(y, x[:, 1])[0, 1]
    assert_close(r_squared(y, line), np.asarray(r**2))


def test_residuals_have_n_minus_d_degrees_of_freedom(x, rng):
    """The trace of I - H, and the mean of RSS / sigma^2 by simulation."""
    rest = np.eye(N) - hat_matrix(x)
    assert_close(np.trace(rest), np.asarray(float(N - D)))
    errors = 3 * rng.normal(size=(20_000, N))
    found = [rse(e, e - rest @ e, D) ** 2 for e in errors[:200]]
    assert_close(found, np.sum((errors[:200] @ rest) ** 2, axis=1) / (N - D))
    mean = np.mean(np.sum((errors @ rest) ** 2, axis=1)) / (N - D)
    assert_close(mean, np.asarray(9.0), rtol=0.02)


def test_total_sum_is_not_the_variance(y):
    assert_close(tss(y), np.asarray((N - 1) * np.var(y, ddof=1)))
    assert_close(tss(y), np.asarray(N * np.var(y)))


def test_units_change_rse_and_leave_r_squared(y, y_hat):
    """From Celsius to Fahrenheit."""
    before = measures(y, y_hat, 2)
    after = measures(32 + 1.8 * y, 32 + 1.8 * y_hat, 2)
    factors = {"rss": 1.8**2, "tss": 1.8**2, "rse": 1.8}
    for name, value in before.items():
        assert_close(after[name], value * factors.get(name, 1.0))


@pytest.mark.usefixtures("unchecked")
def test_float32_stays_float32(y, y_hat):
    """Also if the number of columns is NumPy's, as a rank is."""
    for columns in (2, np.int64(2)):
        assert_float32(rse, y, y_hat, columns)
        assert_float32(adjusted_r_squared, y, y_hat, columns)
    for function in (rss, r_squared):
        assert_float32(function, y, y_hat)
    assert_float32(tss, y)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_results_keep_the_precision_of_every_library(dtype, y, y_hat, array):
    y, y_hat = array(y.astype(dtype)), array(y_hat.astype(dtype))
    for guess in (y_hat, y):
        for name, value in measures(y, guess, 2).items():
            assert value.dtype == y.dtype, name


def test_arguments_stay_as_they_are(y, y_hat):
    wide, guess = np.repeat(y, 2)[::2], np.repeat(y_hat, 2)[::2]
    measures(wide, guess, 2)
    assert_close(wide, y, rtol=0, atol=0)
    assert_close(guess, y_hat, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("dtype", "mean"), [(np.float64, 1e8), (np.float64, 2**50), ("f4", 2**20)]
)
def test_a_large_mean_costs_no_digits(dtype, mean, array):
    """Sums of y^2 have lost all of them; here they stay exact."""
    y = np.tile([2.0, 2.0, 4.0, 8.0], 25)
    y_hat = np.tile([1.0, 3.0, 5.0, 7.0], 25)
    y, y_hat = (array((mean + a).astype(dtype)) for a in (y, y_hat))
    expected = [100, 600, 5 / 6, sqrt(100 / 98), 1 - 99 / 98 / 6]
    for actual, value in zip(
        measures(y, y_hat, 2).values(), expected, strict=True
    ):
        assert_close(actual, np.asarray(value), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_mean_of_many_large_numbers_is_not_rounded(dtype, rng, array):
    """The mean of y itself would be: by more than the deviations are long."""
    exact = 1e6 + rng.integers(0, 2, size=3001) / 16
    exact[0] = 1e6
    deviations = exact - 1e6 - np.mean(exact - 1e6)
    actual = tss(array(exact.astype(dtype)))
    assert_close(actual, np.asarray(np.sum(deviations**2)), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_squares_neither_overflow_nor_vanish(scale, y, y_hat, array):
    before = measures(y, y_hat, 2)
    big, guess = array(scale * y), array(scale * y_hat)
    assert_close(r_squared(big, guess), before["r_squared"])
    assert_close(adjusted_r_squared(big, guess, 2), before["adjusted"])
    actual = to_numpy(rse(big, guess, 2)) / scale
    assert_close(actual, before["rse"])
    none, same = array(np.zeros(N)), array(np.full(N, scale))
    for a, b in ((none, same), (same, none)):
        assert_close(to_numpy(rse(a, b, N - 1)) / scale, np.asarray(sqrt(N)))


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_sums_that_overflow_are_refused(y, array):
    big, zeros = array(1e200 * y), array(np.zeros(N))
    most = array(np.full(N, 1.7e308))
    for function in (
        lambda: rss(big, zeros),
        lambda: tss(big),
        lambda: rse(most, zeros, N - 1),
        lambda: r_squared(array(y), big),
        lambda: adjusted_r_squared(array(y), big, 2),
    ):
        with pytest.raises(ValueError, match="squares have a finite sum, got"):
            function()


def test_a_perfect_fit(y, array):
    same = measures(array(y), array(y), 2)
    for name, value in (("rss", 0), ("r_squared", 1), ("rse", 0)):
        assert_close(same[name], np.asarray(float(value)), atol=0)
    assert_close(same["adjusted"], np.asarray(1.0))


def test_one_example_has_sums_and_nothing_else(array):
    one, two = array(np.ones(1)), array(np.full(1, 2.0))
    assert_close(rss(one, two), np.asarray(1.0))
    assert_close(tss(one), np.asarray(0.0))
    with pytest.raises(ValueError, match="targets that differ"):
        r_squared(one, two)
    with pytest.raises(ValueError, match="columns < 1 examples, got 1"):
        rse(one, two, 1)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e8])
def test_constant_targets_are_refused(value, dtype, y, array):
    """scikit-learn returns 1 or 0 for them."""
    y, same = array(y.astype(dtype)), array(np.full(N, value, dtype))
    assert_close(tss(same), np.asarray(0.0), atol=0)
    message = r"differ beyond rounding, got .* at most (Array\()?0\."
    for guess in (y, same):
        with pytest.raises(ValueError, match=message):
            r_squared(same, guess)
        with pytest.raises(ValueError, match=message):
            adjusted_r_squared(same, guess, 2)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("steps", "refused"), [(22, True), (23, False)])
def test_targets_that_differ_by_rounding_are_refused(
    steps, refused, sign, dtype, array
):
    """The limit is 10 eps of the largest target, here 2, in its precision.

    One target differs from the eight others, so 8/9 of it is its deviation.
    """
    y = np.full(9, 2 * sign, dtype)
    y[4] -= sign * steps * np.finfo(dtype).eps
    y = array(y)
    for guess in (array(np.ones(9, precision)) for precision in ("f4", "f8")):
        if refused:
            with pytest.raises(ValueError, match="differ beyond rounding"):
                r_squared(y, guess)
        else:
            assert float(r_squared(y, guess)) < 0


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_what_is_not_finite_is_refused(bad, y, y_hat, array):
    broken, guess = y.copy(), y_hat.copy()
    broken[2] = guess[2] = bad
    message = "a fit needs finite values"
    for a, b in ((broken, y_hat), (y, guess), (broken, guess)):
        a, b = array(a), array(b)
        with pytest.raises(ValueError, match=message):
            rss(a, b)
        with pytest.raises(ValueError, match=message):
            rse(a, b, 2)
        with pytest.raises(ValueError, match=message):
            r_squared(a, b)
        with pytest.raises(ValueError, match=message):
            adjusted_r_squared(a, b, 2)
    with pytest.raises(ValueError, match=message):
        tss(array(broken))


def test_no_examples_are_refused(array):
    empty = array(np.ones(0))
    for function in (rss, r_squared):
        with pytest.raises(ValueError, match="at least 1 real"):
            function(empty, empty)
    for function in (rse, adjusted_r_squared):
        with pytest.raises(ValueError, match="at least 1 real"):
            function(empty, empty, 1)
    with pytest.raises(ValueError, match=r"at least 1 real .* shape \(0,\)"):
        tss(empty)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N, 1), (1, N), ()])
def test_other_than_vectors_are_refused(shape, y, array):
    other, y = array(np.ones(shape)), array(y)
    for a, b in ((other, y), (y, other), (other, other)):
        with pytest.raises(ValueError, match="a fit needs a vector of"):
            rss(a, b)
        with pytest.raises(ValueError, match="a fit needs a vector of"):
            rse(a, b, 2)
        with pytest.raises(ValueError, match="a fit needs a vector of"):
            r_squared(a, b)
        with pytest.raises(ValueError, match="a fit needs a vector of"):
            adjusted_r_squared(a, b, 2)
    with pytest.raises(ValueError, match="a fit needs a vector of"):
        tss(other)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("length", [1, N - 1])
def test_other_lengths_are_refused(length, y, array):
    """One prediction would broadcast to all targets."""
    short, y = array(np.ones(length)), array(y)
    message = "one prediction for each target, got y of shape"
    for a, b in ((short, y), (y, short)):
        with pytest.raises(ValueError, match=message):
            rss(a, b)
        with pytest.raises(ValueError, match=message):
            rse(a, b, 2)
        with pytest.raises(ValueError, match=message):
            r_squared(a, b)
        with pytest.raises(ValueError, match=message):
            adjusted_r_squared(a, b, 2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, y, array):
    other, y = array(np.ones(N).astype(dtype)), array(y)
    message = f"real floating-point number, got {other.dtype}"
    for a, b in ((other, y), (y, other)):
        with pytest.raises(ValueError, match=message):
            rss(a, b)
        with pytest.raises(ValueError, match=message):
            r_squared(a, b)
    with pytest.raises(ValueError, match=message):
        tss(other)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "columns", [0, -1, N, N + 1, nan, inf, 2.0, 2.5, True, None, "2"]
)
def test_other_numbers_of_columns_are_refused(columns, y, y_hat):
    message = f"1 <= columns < {N} examples, got {columns}"
    with pytest.raises(ValueError, match=message):
        rse(y, y_hat, columns)
    with pytest.raises(ValueError, match=message):
        adjusted_r_squared(y, y_hat, columns)


@pytest.mark.usefixtures("unchecked")
def test_the_number_of_columns_may_be_an_array_as_a_rank_is(y, y_hat, array):
    y, y_hat = array(y), array(y_hat)
    for function in (rse, adjusted_r_squared):
        expected = function(y, y_hat, 2)
        assert_close(function(y, y_hat, array(np.asarray(2))), expected)
        for bad in (2.5, 2.0, True, [2], [2, 3]):
            with pytest.raises(ValueError, match="need an integer number of"):
                function(y, y_hat, array(np.asarray(bad)))


def test_a_number_that_has_a_gradient_is_refused_without_a_warning():
    same = torch.ones(4, requires_grad=True)
    with pytest.raises(ValueError, match=r"got deviations .* at most 0\.0"):
        r_squared(same, torch.ones(4))
    with pytest.raises(ValueError, match="a finite sum, got inf"):
        rss(1e30 * same, torch.ones(4))


def test_a_perfect_fit_has_slopes_but_for_rse(y):
    """A root has none at 0; R^2 is at its maximum."""
    y, guess = torch.tensor(y), torch.tensor(y, requires_grad=True)
    for function in (rss, r_squared):
        [slope] = torch.autograd.grad(function(y, guess), guess)
        assert_close(slope, np.zeros(N), atol=0)
    [slope] = torch.autograd.grad(rse(y, guess, 2), guess)
    assert bool(torch.all(torch.isnan(slope)))


def test_autograd_of_the_example():
    """The page prints it: dR^2/dy_hat is 2 e / TSS."""
    y = torch.asarray([2.0, 2.0, 4.0, 8.0])
    y_hat = torch.asarray([1.0, 3.0, 5.0, 7.0]).requires_grad_()
    r_squared(y, y_hat).backward()
    expected = torch.asarray([1.0, -1.0, -1.0, 1.0]) / 12
    assert_close(y_hat.grad, expected, rtol=1e-5)
