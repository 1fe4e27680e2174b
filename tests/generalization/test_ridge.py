from math import sqrt

import numpy as np
import pytest
import torch
from array_api_compat import array_namespace
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from reference.generalization import ridge as module
from reference.generalization.ridge import (
    Coefficients,
    effective_degrees_of_freedom,
    ridge,
    ridge_loss,
    ridge_path,
    shrinkage_factors,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D = 7, 3
PENALTY = 0.3
SMALL = 1e-9  # small enough for the singular values


def ridge_of_path(x, y, penalty):
    """Return the one fit of a path, in which it is the second."""
    path = ridge_path(x, y, [2 * penalty + 1, penalty])
    return Coefficients(path.intercept[1], path.beta[1, :])


@pytest.fixture(params=[ridge, ridge_of_path])
def fit(request):
    return request.param


@pytest.fixture
def x(rng):
    """Return correlated features, far from 0 and in different units."""
    return rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) * [1, 5, 0.1] + 9


@pytest.fixture
def y(rng):
    return rng.normal(2, 3, N)


def moments(x):
    """Return mean and standard deviation of each column, in plain Python."""
    n, d = x.shape
    mean = [sum(x[i, j] for i in range(n)) / n for j in range(d)]
    scale = [
        sqrt(sum((x[i, j] - mean[j]) ** 2 for i in range(n)) / n)
        for j in range(d)
    ]
    return np.array(mean), np.array(scale)


def in_units(x, y, b):
    """Return beta and intercept of standardized coefficients."""
    mean, scale = moments(x)
    beta = np.array(b) / scale
    return y.mean() - mean @ beta, beta


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, y, rng, array):
    r"""\begin{aligned}
    J(\beta_0, \beta) = {} & \frac{1}{2N} \sum_{n=1}^{N}
    \Big( y_n - \beta_0 - \sum_{d=1}^{D} x_{nd} \beta_d \Big)^2 \\
    & + \frac{\lambda}{2} \sum_{d=1}^{D} (k_d \beta_d)^2
    \end{aligned}"""
    intercept, beta = rng.normal(), rng.normal(size=D)
    _, scale = moments(x)
    squares = 0.0
    for n in range(N):
        fitted = intercept + sum(x[n, d] * beta[d] for d in range(D))
        squares += (y[n] - fitted) ** 2
    length = sum((scale[d] * beta[d]) ** 2 for d in range(D))
    actual = ridge_loss(
        array(x), array(y), array(np.asarray(intercept)), array(beta), PENALTY
    )
    expected = squares / (2 * N) + PENALTY / 2 * length
    assert_close(actual, np.asarray(expected))


def test_eq_2(x, y, array):
    r"""(C + \lambda I) \, b = c"""
    mean, scale = moments(x)
    left, right = np.zeros((D, D)), np.zeros(D)
    for j in range(D):
        for n in range(N):
            z_j = (x[n, j] - mean[j]) / scale[j]
            right[j] += z_j * (y[n] - y.mean()) / N
            for k in range(D):
                left[j, k] += z_j * (x[n, k] - mean[k]) / scale[k] / N
        left[j, j] += PENALTY
    b = to_numpy(ridge(array(x), array(y), PENALTY).beta) * scale
    actual = [sum(left[j, k] * b[k] for k in range(D)) for j in range(D)]
    assert_close(actual, right)


def test_eq_3(x, y, array):
    r"""\beta_d = \frac{b_d}{k_d}"""
    mean, scale = moments(x)
    z = (x - mean) / scale
    b = to_numpy(ridge(array(z), array(y), PENALTY).beta)
    expected = [b[d] / scale[d] for d in range(D)]
    assert_close(ridge(array(x), array(y), PENALTY).beta, expected)


def test_eq_4(x, y, array):
    r"""\beta_0 = \bar{y} - \sum_{d=1}^{D} m_d \beta_d"""
    intercept, beta = ridge(array(x), array(y), PENALTY)
    beta, (mean, _) = to_numpy(beta), moments(x)
    expected = sum(y) / N - sum(mean[d] * beta[d] for d in range(D))
    assert_close(intercept, np.asarray(expected))


def test_eq_5(rng, array):
    r"""b = \frac{1}{N} Z^\top
    \Big( \frac{1}{N} Z Z^\top + \lambda I \Big)^{-1} (y - \bar{y})"""
    n, d = 4, 6
    x, y = rng.normal(2, 3, (n, d)), rng.normal(size=n)
    mean, scale = moments(x)
    z = (x - mean) / scale
    kernel = np.zeros((n, n))
    for i, j in np.ndindex(n, n):
        kernel[i, j] = sum(z[i, k] * z[j, k] for k in range(d)) / n
        kernel[i, j] += PENALTY * (i == j)
    a = np.linalg.inv(kernel) @ (y - sum(y) / n)
    b = [sum(z[i, k] * a[i] for i in range(n)) / n for k in range(d)]
    actual = ridge(array(x), array(y), PENALTY).beta
    assert_close(to_numpy(actual) * scale, b)


def test_eq_6(x, y, array):
    r"""b = \sum_{i=1}^{R} \frac{s_i}{s_i^2 + \lambda}
    \, \frac{u_i^\top (y - \bar{y})}{\sqrt{N}} \, v_i"""
    mean, scale = moments(x)
    u, s, vt = np.linalg.svd((x - mean) / scale / sqrt(N))
    penalties = [0.0, PENALTY, 7.0]
    expected = np.zeros((3, D))
    for row, penalty in enumerate(penalties):
        for i in range(D):
            along = sum(u[n, i] * (y[n] - y.mean()) for n in range(N))
            weight = s[i] / (s[i] ** 2 + penalty)
            expected[row] += weight * along / sqrt(N) * vt[i]
    path = ridge_path(array(x), array(y), penalties)
    assert_close(to_numpy(path.beta) * scale, expected)


def test_eq_7(x, array):
    r"""f_i = \frac{s_i^2}{s_i^2 + \lambda}"""
    mean, scale = moments(x)
    s = np.linalg.svd((x - mean) / scale)[1] / sqrt(N)
    expected = [s[i] ** 2 / (s[i] ** 2 + PENALTY) for i in range(D)]
    assert_close(shrinkage_factors(array(x), PENALTY), expected)


def test_eq_8(x, array):
    r"""\operatorname{df} = \sum_{i=1}^{R} f_i"""
    f = to_numpy(shrinkage_factors(array(x), PENALTY))
    actual = effective_degrees_of_freedom(array(x), PENALTY)
    assert_close(actual, np.asarray(sum(f[i] for i in range(D))))


# The same as everybody else's: scikit-learn, augmented least squares.


@pytest.mark.parametrize("shape", [(1, 1), (9, 4), (6, 6), (5, 8), (3000, 5)])
@pytest.mark.parametrize("penalty", [SMALL, 1e-3, PENALTY, 50.0])
def test_ridge_of_sklearn(shape, penalty, fit, rng, array):
    """With more rows than columns, as many, and fewer; rows in blocks."""
    x, y = rng.normal(3, 2, shape), rng.normal(5, 1, shape[0])
    scaler = StandardScaler().fit(x)
    model = Ridge(shape[0] * penalty, solver="svd").fit(scaler.transform(x), y)
    beta = model.coef_ / scaler.scale_
    actual = fit(array(x), array(y), penalty)
    assert_close(actual.beta, beta, rtol=1e-7, atol=1e-9)
    expected = np.asarray(model.intercept_ - scaler.mean_ @ beta)
    assert_close(actual.intercept, expected, rtol=1e-7)


def augmented(x, y, penalty):
    """Return the fit by least squares with D more examples of target 0."""
    n, d = x.shape
    z, away = StandardScaler().fit_transform(x), y - y.mean()
    rows = np.concatenate((z, sqrt(n * penalty) * np.eye(d)))
    b = np.linalg.lstsq(rows, np.concatenate((away, np.zeros(d))))[0]
    return in_units(x, y, b)


@pytest.mark.parametrize("penalty", [SMALL, PENALTY, 50.0])
def test_augmented_least_squares(x, y, penalty, fit, array):
    intercept, beta = augmented(x, y, penalty)
    actual = fit(array(x), array(y), penalty)
    assert_close(actual.beta, beta, rtol=1e-8)
    assert_close(actual.intercept, np.asarray(intercept), rtol=1e-8)


def test_kernel_ridge_of_sklearn(x, y, array):
    """The fitted values, of the kernel's form."""
    z = StandardScaler().fit_transform(x)
    model = KernelRidge(alpha=N * PENALTY).fit(z, y - y.mean())
    intercept, beta = ridge(array(x), array(y), PENALTY)
    fitted = to_numpy(intercept) + x @ to_numpy(beta)
    assert_close(fitted, y.mean() + model.predict(z))


@pytest.mark.parametrize("penalty", [0.0, SMALL, PENALTY, 50.0])
def test_shrinkage_is_that_of_the_fitted_values(x, penalty, array):
    """Factors and degrees of freedom are eigenvalues and trace of a hat."""
    hat = np.stack(
        [(x - x.mean(0)) @ ridge(x, e, penalty).beta for e in np.eye(N)], 1
    )
    factors = np.linalg.eigvalsh((hat + hat.T) / 2)[::-1][:D]
    actual = shrinkage_factors(array(x), penalty)
    assert_close(actual, factors, rtol=1e-8)
    df = effective_degrees_of_freedom(array(x), penalty)
    assert_close(df, np.asarray(np.trace(hat)), rtol=1e-8)


def test_loss_of_augmented_least_squares(x, y, rng, array):
    """The loss is half the mean of its squared residuals."""
    beta, intercept = rng.normal(size=D), rng.normal()
    pull = sqrt(N * PENALTY) * x.std(axis=0) * beta
    rest = np.concatenate((y - intercept - x @ beta, pull))
    actual = ridge_loss(
        array(x), array(y), array(np.asarray(intercept)), array(beta), PENALTY
    )
    assert_close(actual, np.asarray(rest @ rest / (2 * N)))


# Gradients: zero at the solution, and through it.


@pytest.mark.parametrize("shape", [(N, D), (4, 6)])
@pytest.mark.parametrize("penalty", [SMALL, PENALTY, 50.0])
def test_gradient_of_the_loss_is_zero_at_the_solution(shape, penalty, fit, rng):
    x = torch.asarray(rng.normal(3, 2, shape))
    y = torch.asarray(rng.normal(5, 1, shape[0]))
    leaves = [a.clone().requires_grad_() for a in fit(x, y, penalty)]
    loss = ridge_loss(x, y, *leaves, penalty)
    for slope in torch.autograd.grad(loss, leaves):
        assert_close(slope, torch.zeros_like(slope), atol=1e-9)


@pytest.mark.parametrize("penalty", [SMALL, PENALTY])
def test_gradient_in_the_targets(x, y, penalty, fit):
    """The fit is linear in y: its derivatives are the fits of unit targets."""
    xt = torch.asarray(x)
    units = [fit(x, e, penalty) for e in np.eye(N)]
    beta = torch.asarray(np.stack([unit.beta for unit in units]))
    intercept = torch.asarray(np.stack([unit.intercept for unit in units]))
    assert_gradient(
        lambda y: fit(xt, y, penalty).beta, lambda dy, _: beta @ dy, y
    )
    assert_gradient(
        lambda y: fit(xt, y, penalty).intercept,
        lambda dy, _: intercept * dy,
        y,
    )


@pytest.mark.parametrize("shape", [(N, D), (4, 6)])
def test_gradient_in_the_features(shape, rng):
    """Autograd runs through standardizing and solving, in both forms."""
    x = torch.asarray(rng.normal(3, 2, shape)).requires_grad_()
    y = torch.asarray(rng.normal(5, 1, shape[0])).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: ridge(x, y, PENALTY), (x, y))


def test_gradient_exists_where_columns_are_the_same(x, y):
    twins = torch.asarray(np.repeat(x, 2, axis=1)).requires_grad_()
    [dx] = torch.autograd.grad(
        ridge(twins, torch.asarray(y), PENALTY).beta[0], twins
    )
    assert bool(torch.all(torch.isfinite(dx)))


# What the page promises, and what is refused.


@pytest.mark.parametrize("penalty", [np.float64(PENALTY), SMALL, 0.0])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_float32_stays_float32(shape, penalty, rng):
    x, y = rng.normal(2, 3, shape), rng.normal(2, 3, shape[0])
    penalties = [penalty, np.float64(2.0)]
    assert_float32(lambda x, y: ridge(x, y, penalty), x, y, rtol=1e-3)
    assert_float32(lambda x, y: ridge_path(x, y, penalties), x, y, rtol=1e-3)
    assert_float32(lambda x: shrinkage_factors(x, penalty), x)
    assert_float32(lambda x: effective_degrees_of_freedom(x, penalty), x)
    _, beta = ridge(x, y, PENALTY)
    assert_float32(
        lambda x, y, b: ridge_loss(x, y, b[0], b, penalty), x, y, beta
    )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("number", [np.float32, np.asarray, torch.asarray])
def test_a_penalty_may_be_a_number_of_a_library(x, y, number, fit):
    assert_close(fit(x, y, number(2.0)).beta, fit(x, y, 2.0).beta)


def test_float32_with_a_large_mean(rng):
    """Far from 0 the intercept is as exact as the numbers that come in."""
    x, y = rng.normal(size=(500, 3)), rng.normal(size=500)
    x = np.float32(x + 1000)
    y = np.float32(y + 1000)
    narrow = ridge(x, y, PENALTY)
    wide = ridge(np.float64(x), np.float64(y), PENALTY)
    assert_close(narrow.beta, wide.beta, rtol=1e-4, atol=1e-5)
    assert_close(narrow.intercept, wide.intercept, rtol=1e-4)


def test_arguments_need_not_be_contiguous_and_stay_as_they_are(x, y, fit):
    wide, long = np.repeat(x, 2, axis=1)[:, ::2], np.repeat(y, 2)[::2]
    before = wide.copy(), long.copy()
    assert_close(fit(wide, long, PENALTY).beta, fit(x, y, PENALTY).beta)
    assert_close(wide, before[0], rtol=0, atol=0)
    assert_close(long, before[1], rtol=0, atol=0)


def test_the_form_is_chosen_by_shape_and_penalty(rng, monkeypatch):
    """The singular values serve penalties that the squares would lose."""
    seen = []

    def recorded(z, away, penalties):
        seen.append(penalties)
        return path(z, away, penalties)

    path = module._path
    monkeypatch.setattr(module, "_path", recorded)
    limit = sqrt(np.finfo(np.float64).eps)
    for shape in ((9, 4), (4, 9)):
        x, y = rng.normal(size=shape), rng.normal(size=shape[0])
        ridge(x, y, limit * shape[1] * 1.001)
        assert not seen
        ridge(x, y, limit * shape[1] * 0.999)
        assert seen.pop() == [limit * shape[1] * 0.999]


@pytest.mark.parametrize("shape", [(3, 300_000), (300_000, 3)])
def test_the_system_is_the_smaller_one(shape, rng):
    """The larger would have 720 GB."""
    x, y = rng.normal(size=shape), rng.normal(size=shape[0])
    intercept, beta = ridge(x, y, 1e-2)
    expected = ridge_path(x, y, [1e-2])
    assert_close(beta, expected.beta[0], rtol=1e-7)
    assert_close(intercept, expected.intercept[0], rtol=1e-7)


@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_a_small_penalty_gives_the_shortest_least_squares(shape, fit, rng):
    x, y = rng.normal(3, 2, shape), rng.normal(5, 1, shape[0])
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    b = np.linalg.lstsq(z, y - y.mean(), rcond=1e-9)[0]
    intercept, beta = in_units(x, y, b)
    for penalty in (0.0, 1e-300, 1e-11):
        actual = fit(x, y, penalty)
        assert_close(actual.beta, beta, rtol=1e-8)
        assert_close(actual.intercept, np.asarray(intercept), rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_a_large_penalty_gives_the_mean(shape, dtype, fit, rng, array):
    x = array(dtype(rng.normal(3, 2, shape)))
    y = array(dtype(rng.normal(5, 1, shape[0])))
    largest = float(np.finfo(dtype).max) / 4
    intercept, beta = fit(x, y, largest)
    assert_close(beta, np.zeros(shape[1]), atol=1e-30)
    mean = np.asarray(to_numpy(y).mean(dtype=np.float64))
    assert_close(intercept, mean, rtol=1e-6)


@pytest.mark.parametrize("penalty", [0.0, 1e-13, SMALL, PENALTY])
def test_equal_columns_share_equally(x, y, penalty, fit, array):
    twins = array(np.repeat(x, 2, axis=1))
    beta = to_numpy(fit(twins, array(y), penalty).beta)
    single = fit(x, y, penalty / 2).beta
    assert_close(beta[::2], beta[1::2], rtol=1e-6)
    assert_close(beta[::2], single / 2, rtol=1e-6)


@pytest.mark.parametrize(("steps", "rank"), [(900, 1), (1100, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_ends_at_1000_epsilon(steps, rank, dtype, array):
    """Relative to the largest of the singular values."""
    z = dtype(20 * np.diag([1.0, steps * np.finfo(dtype).eps]))
    _, s, _ = module._directions(array(z), 1)
    assert tuple(s.shape) == (rank,)


@pytest.mark.parametrize("penalty", [0.0, PENALTY])
def test_a_constant_feature_gets_no_coefficient(x, y, penalty, fit, array):
    wide = np.concatenate((x, np.full((N, 1), 0.1)), axis=1)
    actual = to_numpy(fit(array(wide), array(y), penalty).beta)
    assert actual[-1] == 0
    assert_close(actual[:-1], fit(x, y, penalty).beta)
    actual = shrinkage_factors(array(wide), penalty)
    assert_close(actual, shrinkage_factors(x, penalty))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("penalty", [0.0, PENALTY])
def test_without_variation_the_fit_is_the_mean(n, penalty, fit, array):
    x, y = array(np.full((n, 2), 0.3)), array(np.arange(n) + 1.0)
    intercept, beta = fit(x, y, penalty)
    assert_close(beta, np.zeros(2))
    assert_close(intercept, np.asarray((n + 1) / 2))
    assert shrinkage_factors(x, penalty).shape == (0,)
    df = effective_degrees_of_freedom(x, penalty)
    assert_close(df, np.asarray(0.0))


def test_no_penalty_no_fit(x, y, array):
    intercept, beta = ridge_path(array(x), array(y), [])
    assert tuple(intercept.shape) == (0,)
    assert tuple(beta.shape) == (0, D)


def test_a_path_may_come_as_an_array(x, y):
    expected = ridge_path(x, y, [1.0, 2.0]).beta
    assert_close(ridge_path(x, y, np.array([1.0, 2.0])).beta, expected)


whole_numbers = st.integers(-9, 9).map(float)


@st.composite
def problems(draw):
    """Return features, often dependent ones, and targets."""
    n, d = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    x = draw(arrays(np.float64, (n, d), elements=whole_numbers))
    return x, draw(arrays(np.float64, n, elements=whole_numbers))


@settings(max_examples=40)
@given(problems(), st.floats(1e-6, 1e3), st.integers(0, 99))
def test_no_other_coefficients_have_a_smaller_loss(problem, penalty, seed):
    x, y = problem
    intercept, beta = ridge(x, y, penalty)
    lowest = ridge_loss(x, y, intercept, beta, penalty)
    move = np.random.default_rng(seed).normal(0, 0.01, x.shape[1] + 1)
    other = ridge_loss(x, y, intercept + move[0], beta + move[1:], penalty)
    assert other > lowest or np.isclose(other, lowest, rtol=1e-12)


@settings(max_examples=40)
@given(problems())
def test_a_larger_penalty_gives_a_shorter_vector_and_a_worse_fit(problem):
    x, y = problem
    penalties = [0.0, 1e-8, 1e-4, 1e-2, 0.1, 1.0, 10.0, 1e4]
    path = ridge_path(x, y, penalties)
    scale = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1)
    norms = np.linalg.norm(path.beta * scale, axis=1)
    rest = y - path.intercept[:, None] - path.beta @ x.T
    assert np.all(np.diff(norms) < 1e-9)
    assert np.all(np.diff(np.sum(rest**2, axis=1)) > -1e-7)
    assert_close(rest.mean(axis=1), np.zeros(8), atol=1e-9)
    df = [effective_degrees_of_freedom(x, p) for p in penalties]
    assert np.all(np.diff(df) < 1e-12)
    rank = np.linalg.matrix_rank(x - x.mean(axis=0), tol=1e-9)
    assert_close(df[0], np.asarray(float(rank)))


@settings(max_examples=40)
@given(problems(), st.floats(-50, 50), st.sampled_from([0.0, 1e-3, 2.0]))
def test_units_and_origins_do_not_matter(problem, shift, penalty):
    """Neither those of the features nor those of the targets."""
    x, y = problem
    units = np.logspace(-3, 3, x.shape[1])
    before, after = ridge(x, y, penalty), ridge(x * units, y, penalty)
    assert_close(after.beta * units, before.beta, rtol=1e-6, atol=1e-8)
    moved = ridge(x + 32.0, 3 * y + shift, penalty)
    assert_close(moved.beta, 3 * before.beta, rtol=1e-6, atol=1e-8)
    expected = 3 * (before.intercept - 32 * before.beta.sum()) + shift
    assert_close(moved.intercept, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
@pytest.mark.parametrize("penalty", [0.0, PENALTY])
def test_squares_neither_overflow_nor_vanish(x, y, unit, penalty, fit, array):
    actual = fit(array(x * unit), array(y), penalty)
    assert_close(actual.beta * unit, fit(x, y, penalty).beta, rtol=1e-8)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_results_that_overflow_are_refused(x, y, fit, array):
    with pytest.raises(ValueError, match="smaller numbers: its result"):
        fit(array(x * 1e-200), array(y * 1e200), PENALTY)
    with pytest.raises(ValueError, match=r"its result overflows|finite values"):
        fit(array(x), array(np.full(N, 1.7e308)), PENALTY)


BAD = [-1e-9, np.inf, np.nan, -np.inf, True, False]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("penalty", BAD)
def test_other_penalties_are_refused(x, y, penalty, array):
    message = f"a penalty needs to be from 0 to 1.8e.308, got {penalty}"
    beta, zero = array(np.ones(D)), array(np.asarray(0.0))
    x, y = array(x), array(y)
    with pytest.raises(ValueError, match=message):
        ridge(x, y, penalty)
    with pytest.raises(ValueError, match=message):
        ridge_path(x, y, [1.0, penalty])
    with pytest.raises(ValueError, match=message):
        ridge_loss(x, y, zero, beta, penalty)
    with pytest.raises(ValueError, match=message):
        shrinkage_factors(x, penalty)
    with pytest.raises(ValueError, match=message):
        effective_degrees_of_freedom(x, penalty)


def test_a_penalty_that_float32_cannot_hold_is_refused(x, y, array):
    x, y = array(np.float32(x)), array(np.float32(y))
    with pytest.raises(ValueError, match=r"from 0 to 3.4e.38, got 1e.39"):
        ridge(x, y, 1e39)
    with pytest.raises(ValueError, match=r"from 0 to 3.4e.38, got 1e.39"):
        ridge_path(x, y, [1e39])


def features_only(x, _, penalty):
    return shrinkage_factors(x, penalty)


def loss(x, y, penalty):
    """Return the loss of some intercept and coefficients."""
    xp = array_namespace(x)
    beta = xp.ones(x.shape[1:], dtype=x.dtype, device=x.device)
    intercept = xp.ones((), dtype=x.dtype, device=x.device)
    return ridge_loss(x, y, intercept, beta, penalty)


@pytest.mark.parametrize("function", [ridge, ridge_of_path, loss])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(x, y, bad, function, array):
    broken_x, broken_y = x.copy(), y.copy()
    broken_x[1, 1] = broken_y[1] = bad
    with pytest.raises(ValueError, match="finite targets, got NaN or inf"):
        function(array(x), array(broken_y), PENALTY)
    with np.errstate(invalid="ignore"):
        for given_x in (function, features_only):
            with pytest.raises(ValueError, match="got NaN or inf"):
                given_x(array(broken_x), array(y), PENALTY)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", [ridge, ridge_of_path, loss])
@pytest.mark.parametrize("shape", [(N, 1), (N - 1,), (1,), ()])
def test_targets_that_would_broadcast_are_refused(x, shape, function):
    y = np.ones(shape)
    with pytest.raises(ValueError, match="one target for each example, got"):
        function(x, y, PENALTY)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "function", [ridge, ridge_of_path, loss, features_only]
)
@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (3,), (), (2, 2, 2)])
def test_other_than_a_matrix_is_refused(shape, function):
    x = np.ones(shape)
    with pytest.raises(ValueError, match="matrix that has rows and columns"):
        function(x, np.ones(shape[:1]), PENALTY)


@pytest.mark.usefixtures("unchecked")
def test_other_than_one_intercept_and_coefficient_each_is_refused(x, y):
    with pytest.raises(ValueError, match="a single intercept, got shape"):
        ridge_loss(x, y, np.ones(N), np.ones(D), PENALTY)
    with pytest.raises(ValueError, match="one coefficient for each column"):
        ridge_loss(x, y, np.asarray(1.0), np.ones(1), PENALTY)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", [ridge, ridge_of_path, loss])
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(
    x, y, dtype, function, array
):
    other_x, other_y = array(x.astype(dtype)), array(y.astype(dtype))
    kind = str(other_x.dtype)
    message = f"ridge needs real floating-point numbers, got {kind}"
    for given_x, given_y in ((other_x, array(y)), (array(x), other_y)):
        with pytest.raises(ValueError, match=message):
            function(given_x, given_y, PENALTY)
    with pytest.raises(ValueError, match=message):
        shrinkage_factors(other_x, PENALTY)
