import re
from math import inf, nan, sqrt

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.classification.logistic_regression import (
    gradient,
    hessian,
    negative_log_likelihood,
)
from reference.optimization.newton import (
    Fit,
    _half_squares,
    _lengths,
    gauss_newton,
    gauss_newton_step,
    newton_step,
    predicted_change,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)
from tests.optimization.nist_nonlinear import PROBLEMS

N, P = 5, 3


@pytest.fixture
def h(rng):
    """Return a symmetric matrix with the eigenvalues -0.5, 2 and 6."""
    q, _ = np.linalg.qr(rng.normal(size=(P, P)))
    return q @ np.diag([2.0, -0.5, 6.0]) @ q.T


@pytest.fixture
def g(rng):
    return rng.normal(size=P)


@pytest.fixture
def theta(rng):
    return rng.normal(size=P)


@pytest.fixture
def r(rng):
    return rng.normal(size=N)


@pytest.fixture
def j(rng):
    """Return a Jacobian with columns of very different lengths."""
    return rng.normal(size=(N, P)) * np.array([1e-3, 1.0, 50.0])


def square(array):
    """Return a side measured as 1 and its square measured as 2."""
    pair = array(np.array([1.0, 2.0]))
    ones = array(np.array([[1.0], [0.0]]))
    twos = array(np.array([[0.0], [2.0]]))
    powers = array(np.array([1.0, 0.0])), array(np.array([0.0, 1.0]))

    def residual(theta):
        return powers[0] * theta + powers[1] * theta**2 - pair

    def jacobian(theta):
        return ones + twos * theta

    return residual, jacobian


def fitted(problem, start, array, **options):
    """Return the fit of a certified problem, computed in any library."""
    x, y = np.array(problem.x, float), np.array(problem.y, float)

    def residual(theta):
        with np.errstate(all="ignore"):
            return array(problem.model(x, to_numpy(theta)) - y)

    def jacobian(theta):
        with np.errstate(all="ignore"):
            columns = problem.columns(x, to_numpy(theta))
        return array(np.stack(columns, axis=1))

    return gauss_newton(
        residual, jacobian, array(np.array(start, float)), **options
    )


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(h, g, array):
    r"""m(\Delta) - f = \sum_{p=1}^{P} g_p \Delta_p
    + \frac{1}{2} \sum_{p=1}^{P} \sum_{q=1}^{P} \Delta_p H_{pq} \Delta_q"""
    d = np.array([0.5, -1.0, 2.0])
    expected = sum(g[p] * d[p] for p in range(P))
    for p in range(P):
        expected += sum(d[p] * h[p, q] * d[q] for q in range(P)) / 2
    found = predicted_change(array(g), array(h), array(d))
    assert_close(found, np.asarray(expected))


def test_eq_2(h, g, theta, array):
    r"""(H + \lambda I) (\theta_t - \theta_{t-1}) = -g"""
    for damping in (0.0, 0.7):
        new = newton_step(array(theta), array(g), array(h), damping)
        delta = to_numpy(new) - theta
        found = [
            sum((h[p, q] + damping * (p == q)) * delta[q] for q in range(P))
            for p in range(P)
        ]
        assert_close(found, [-g[p] for p in range(P)])


def test_eq_3(r, array):
    r"""f(\theta) = \frac{1}{2} \sum_{n=1}^{N} r_n(\theta)^2"""
    expected = sum(r[n] ** 2 for n in range(N)) / 2
    assert_close(np.asarray(_half_squares(array(r))), np.asarray(expected))


def test_eq_4(j, array):
    r"""s_p = \sqrt{\sum_{n=1}^{N} J_{np}^2}"""
    expected = [sqrt(sum(j[n, p] ** 2 for n in range(N))) for p in range(P)]
    assert_close(_lengths(array(j)), expected)


def test_eq_5(r, j, theta, array):
    r"""(J^\top J + \lambda S^2) \, \Delta = -J^\top r"""
    s = [sqrt(sum(j[n, p] ** 2 for n in range(N))) for p in range(P)]
    for damping in (0.0, 0.7):
        new = gauss_newton_step(array(theta), array(r), array(j), damping)
        delta = to_numpy(new) - theta
        for p in range(P):
            left = damping * s[p] ** 2 * delta[p] + sum(
                j[n, p] * j[n, q] * delta[q] for n in range(N) for q in range(P)
            )
            right = -sum(j[n, p] * r[n] for n in range(N))
            assert_close(np.asarray(left), np.asarray(right), rtol=1e-7)


# The same as everybody else's: NumPy, SciPy, PyTorch, NIST.


def test_one_step_solves_a_quadratic(h, g, theta, array):
    """It is where the slope is zero, and the model is the quadratic itself."""
    minimum = np.linalg.solve(h, g)
    slope = h @ theta - g
    new = newton_step(array(theta), array(slope), array(h))
    assert_close(new, minimum, rtol=1e-8)

    def f(t):
        return t @ h @ t / 2 - g @ t

    move = minimum - theta
    found = predicted_change(array(slope), array(h), array(move))
    assert_close(found, np.asarray(f(minimum) - f(theta)))


def derivatives(f, at):
    """Return autograd's gradient and Hessian."""
    slope = torch.autograd.functional.jacobian(f, at)
    return slope, torch.autograd.functional.hessian(f, at)


def test_model_is_second_order():
    """Its error falls with the cube of the move; a wrong half would not do."""

    def f(t):
        return torch.exp(t[0] - t[1]) + t[0] ** 3 * t[1]

    at, move = torch.asarray(np.array([[0.3, -0.5], [0.4, 0.7]]))
    slope, curved = derivatives(f, at)
    errors = []
    for short in (1e-2, 1e-3):
        d = short * move
        change = f(at + d) - f(at)
        errors.append(float(change - predicted_change(slope, curved, d)))
    assert errors[0] / errors[1] == pytest.approx(1000, rel=0.05)


def rosenbrock(theta):
    u, v = theta[0], theta[1]
    return (1 - u) ** 2 + 5 * (v - u**2) ** 2


def test_steps_reach_the_minimum_that_scipy_finds(array):
    found = array(np.array([-0.5, 0.8]))
    for _ in range(9):
        leaf = torch.asarray(to_numpy(found))
        slope, curved = derivatives(rosenbrock, leaf)
        found = newton_step(found, array(slope.numpy()), array(curved.numpy()))
    expected = scipy.optimize.minimize(
        rosenbrock, [-0.5, 0.8], method="BFGS", options={"gtol": 1e-9}
    )
    assert_close(found, expected.x, rtol=1e-6)


def test_scipy_newton_on_the_slope(array):
    theta = array(np.asarray(1.0))
    for steps in range(1, 5):
        slope, curved = theta**2 - 2, array(np.eye(1)) * (2 * theta)
        theta = newton_step(theta, slope, curved)
        expected, _ = scipy.optimize.newton(
            lambda t: t**2 - 2,
            1.0,
            lambda t: 2 * t,
            maxiter=steps,
            tol=1e-300,
            full_output=True,
            disp=False,
        )
        assert_close(theta, np.asarray(expected))
    assert_close(theta, np.asarray(sqrt(2)), rtol=1e-11)


def test_logistic_regression_by_newton_steps(rng):
    """These are the steps of iteratively reweighted least squares."""
    x = rng.normal(size=(40, 2))
    y = np.asarray(x[:, 0] + rng.normal(size=40) > 0.3, dtype=np.int64)
    beta = np.zeros(3)
    for _ in range(8):
        beta = newton_step(beta, gradient(x, y, beta), hessian(x, beta))
    expected = scipy.optimize.minimize(
        lambda b: negative_log_likelihood(x, y, b),
        np.zeros(3),
        jac=lambda b: gradient(x, y, b),
        options={"gtol": 1e-10},
    )
    assert_close(beta, expected.x, rtol=1e-6)


def test_a_step_of_gauss_newton_is_a_least_squares_fit(r, j, theta, array):
    expected = theta - np.linalg.lstsq(j, r, rcond=None)[0]
    found = gauss_newton_step(array(theta), array(r), array(j))
    assert_close(found, expected, rtol=1e-8)


def test_a_damped_step_solves_the_damped_normal_equations(r, j, theta, array):
    gram = j.T @ j
    gram += 0.3 * np.diag(np.diag(gram))
    expected = theta - scipy.linalg.solve(gram, j.T @ r, assume_a="pos")
    found = gauss_newton_step(array(theta), array(r), array(j), 0.3)
    assert_close(found, expected, rtol=1e-7)


BOTH = ["Misra1a", "DanWood", "BoxBOD", "Rat42", "MGH09", "Lanczos3"]
BOTH += ["Eckerle4", "Thurber"]


@pytest.mark.usefixtures("unchecked")  # these checks are most of the time
@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("near", [0, 1], ids=["far", "near"])
def test_certified_fits_from_both_starts(name, near):
    assert_certified(PROBLEMS[name], near, np.asarray)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["MGH10", "MGH17"])
def test_certified_fits_from_the_near_start(name):
    assert_certified(PROBLEMS[name], 1, np.asarray)


@pytest.mark.parametrize("name", ["DanWood", "Rat42"])
def test_certified_fits_in_every_library(name, array):
    assert_certified(PROBLEMS[name], 1, array)


def assert_certified(problem, start, array):
    """Raise unless at least 7 digits of all parameters are NIST's."""
    found, _ = fitted(problem, problem.starts[start], array)
    assert_close(found, problem.certified, rtol=1e-7, atol=0)
    x, y = np.array(problem.x, float), np.array(problem.y, float)
    squares = np.sum((problem.model(x, to_numpy(found)) - y) ** 2)
    assert squares == pytest.approx(problem.squares, rel=1e-10)


def test_the_derivatives_of_the_certified_models():
    for problem in PROBLEMS.values():
        x, b = np.array(problem.x, float), np.array(problem.certified)
        columns = np.stack(problem.columns(x, b), axis=1)
        for p in range(b.size):
            h = np.zeros_like(b)
            h[p] = 1e-6 * abs(b[p])
            rise = problem.model(x, b + h) - problem.model(x, b - h)
            assert_close(columns[:, p] * 2 * h[p], rise, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("start", [-3.0, 0.2, 4.0])
def test_scipy_least_squares(start, array):
    residual, jacobian = square(np.asarray)
    expected = scipy.optimize.least_squares(
        residual, [start], jacobian, method="lm", ftol=1e-15, xtol=1e-15
    )
    found = gauss_newton(*square(array), array(np.array([start])))
    assert_close(found.theta, expected.x, rtol=1e-7)


# The gradient: autograd through the steps.


def test_gradient_of_a_newton_step(h, g, theta):
    def backward(dy, _, g, h):
        inverse = torch.linalg.inv(h)
        dg = -inverse @ dy
        dh = torch.outer(dg, -inverse @ g)
        return dy, dg, (dh + dh.T) / 2

    assert_gradient(
        lambda t, g, a: newton_step(t, g, (a + a.T) / 2),
        backward,
        *(theta, g, h),
    )


def test_gradient_of_the_model(h, g, theta):
    assert_gradient(
        lambda g, h, d: predicted_change(g, h, d),
        lambda dy, g, h, d: (
            dy * d,
            dy * torch.outer(d, d) / 2,
            dy * (g + h @ d),
        ),
        *(g, h, theta),
    )


def test_gradient_of_a_step_of_gauss_newton(r, theta):
    """With respect to the residuals it is the pseudo-inverse."""
    j = torch.asarray(np.vander(np.arange(1.0, N + 1), P))
    assert_gradient(
        lambda t, r: gauss_newton_step(t, r, j),
        lambda dy, *_: (dy, -torch.linalg.pinv(j).T @ dy),
        *(theta, r),
    )


# What the page promises, and what is refused.


def test_digits_double_on_the_way_to_the_root_of_two(array):
    theta, error = array(np.array([1.0])), 1 - sqrt(2)
    for expected in (1.5, 17 / 12, 577 / 408):
        old = float(to_numpy(theta)[0])
        slope = theta**2 - 2
        theta = newton_step(theta, slope, array(np.array([[2 * old]])))
        assert_close(theta, [expected])
        assert expected - sqrt(2) == pytest.approx(error**2 / (2 * old))
        error = expected - sqrt(2)


def test_the_hand_computed_steps_of_the_square(array):
    residual, jacobian = square(array)
    theta = array(np.array([1.0]))
    for expected in (1.4, 1.4 - 0.288 / 8.84):
        theta = gauss_newton_step(theta, residual(theta), jacobian(theta))
        assert_close(theta, [expected])
    one = array(np.array([1.0]))
    damped = gauss_newton_step(one, residual(one), jacobian(one), 1.0)
    assert_close(damped, [1.2])


@pytest.mark.parametrize(
    ("start", "end"), [(1.0, (1 + sqrt(3)) / 2), (-2.0, -1.0)]
)
def test_the_square_has_two_minima(start, end, array):
    found = gauss_newton(*square(array), array(np.array([start])))
    assert isinstance(found, Fit)
    assert_close(found.theta, [end], rtol=1e-8)


def test_full_steps_go_to_a_maximum_and_damped_ones_down(array):
    at, slope = array(np.array([-1.0])), array(np.array([-1.0]))
    curved = array(np.array([[-2.0]]))
    assert_close(newton_step(at, slope, curved), [-1.5])
    assert_close(newton_step(at, slope, curved, 3.0), [0.0])


def test_gradient_descent_is_newton_with_a_round_bowl(g, theta, array):
    round_bowl = array(np.eye(P) / 0.2)
    found = newton_step(array(theta), array(g), round_bowl)
    assert_close(found, theta - 0.2 * g)
    damped = newton_step(array(theta), array(g), array(np.eye(P)), 1e9)
    assert_close(damped, theta - 1e-9 * g, rtol=1e-12)


@settings(max_examples=15)
@given(
    st.lists(st.floats(-3, 3), min_size=9, max_size=9),
    st.floats(0.1, 10),
)
def test_steps_are_the_same_in_any_coordinates(entries, damping):
    """Newton's in any, the damped fit's in any units."""
    a = np.reshape(entries, (P, P)) + 10 * np.eye(P)
    h, g = np.diag([1.0, -2.0, 3.0]), np.array([1.0, 2.0, -1.0])
    theta = np.array([0.5, -1.0, 2.0])
    there = newton_step(np.linalg.solve(a, theta), a.T @ g, a.T @ h @ a)
    assert_close(a @ there, newton_step(theta, g, h), rtol=1e-8, atol=1e-8)
    j, r = np.vander(np.arange(1.0, 6.0), P), np.arange(5.0) - 1.5
    units = np.exp(np.diag(a))
    there = gauss_newton_step(theta / units, r, j * units, damping)
    expected = gauss_newton_step(theta, r, j, damping)
    assert_close(units * there, expected, rtol=1e-8, atol=1e-8)


@settings(max_examples=10)
@given(st.floats(0.1, 5), st.floats(0.1, 5))
def test_a_search_ends_where_the_slope_is_zero(u, v):
    def residual(t):
        return np.array([t[0] - 1, t[1] ** 2 - t[0], t[0] * t[1] - 3])

    def jacobian(t):
        return np.array([[1, 0], [-1, 2 * t[1]], [t[1], t[0]]])

    found = gauss_newton(residual, jacobian, np.array([u, v])).theta
    slope = jacobian(found).T @ residual(found)
    assert_close(slope, np.zeros(2), atol=1e-5)


def test_a_search_gets_by_where_undamped_steps_run_away():
    """At the minimum, 0, a full step multiplies by -2."""

    def residual(t):
        return np.array([t[0], t[0] ** 2 + 1])

    def jacobian(t):
        return np.array([[1], [2 * t[0]]])

    near = np.array([1e-3])
    full = gauss_newton_step(near, residual(near), jacobian(near))
    assert_close(full, [-2e-3], rtol=1e-4)
    found = gauss_newton(residual, jacobian, np.array([3.0]))
    assert_close(found.theta, [0.0], atol=1e-7)


def test_residuals_far_too_large_for_undamped_steps():
    """Only with damping near a million does a step go down, to the end."""
    found = gauss_newton(
        lambda t: np.array([t[0], t[0] ** 2 + 1e6]),
        lambda t: np.array([[1], [2 * t[0]]]),
        np.array([0.01]),
    )
    assert_close(found.theta, [0.0], atol=1e-4)


def test_a_step_into_nowhere_is_taken_back():
    """From 3 the first step leads below 0, where there is no logarithm."""

    def residual(t):
        with np.errstate(invalid="ignore"):
            return np.log(t)

    found = gauss_newton(residual, lambda t: 1 / t[:, None], np.array([3.0]))
    assert_close(found.theta, [1.0])


def test_squares_that_overflow_are_taken_back(array):
    """The first step is 4e7 long, and its 31st power 1e233."""
    found = gauss_newton(
        lambda t: t**31 - 1,
        lambda t: 31 * t[:, None] ** 30,
        array(np.array([0.5])),
    )
    assert_close(found.theta, [1.0])


def test_a_step_short_by_damping_is_not_the_end():
    """After 19 failures damping is 2e10 and the next step barely moves."""
    calls = []

    def residual(t):
        calls.append(t)
        return t - 9 if not 2 <= len(calls) <= 20 else t + nan

    found = gauss_newton(residual, lambda _: np.eye(1), np.array([5.0]))
    assert_close(found.theta, [9.0])
    assert len(calls) > 21


def test_a_step_short_by_damping_along_nearly_equal_columns_is_not_the_end():
    """Eight failures hide that there is far to go along (1, -1)."""
    j, calls = np.array([[1.0, 1.0], [1.0, 1.001]]), []
    end = np.array([5.0, 7.0])
    start = end + np.array([2001.0, -2000.0])  # residuals 1 and -1

    def residual(t):
        calls.append(t)
        return j @ (t - end) if not 2 <= len(calls) <= 9 else t + nan

    found = gauss_newton(residual, lambda _: j, start, 1e-6, 1e-6)
    assert_close(found.theta, end, rtol=1e-3)
    assert len(calls) > 11


@pytest.mark.filterwarnings("ignore:overflow")
def test_parameters_too_large_to_compare_have_no_end(array):
    """Beside their length, which overflows, every step would be short."""
    j = array(np.array([[1.0, 1.0], [1e-200, -1e-200]]))
    target, huge = array(np.array([3.0, 1.0])), array(np.array([1e200, -1e200]))
    with pytest.raises(ValueError, match="more than the 20 steps it was"):
        gauss_newton(lambda t: j @ t - target, lambda _: j, huge, steps=20)


def test_squares_whose_sum_overflows_are_infinite():
    r = np.full(4, 0.9 * sqrt(np.finfo(float).max))
    assert _half_squares(r) == inf
    assert _half_squares(r / 2) < inf


def test_more_parameters_than_residuals(array):
    """Damping picks one of the solutions, the nearest."""
    ones = array(np.ones((1, 2)))
    found = gauss_newton(
        lambda t: ones @ t - 1, lambda _: ones, array(np.array([3.0, 0.0]))
    )
    assert_close(found.theta, [2.0, -1.0], rtol=1e-8)


def test_a_parameter_without_effect_stays(array):
    j = array(np.array([[1.0, 0.0], [1.0, 0.0]]))
    target = array(np.array([3.0, 5.0]))
    found = gauss_newton(
        lambda t: j @ t - target, lambda _: j, array(np.array([0.0, 7.0]))
    )
    assert_close(found.theta, [4.0, 7.0], rtol=1e-8)


@pytest.mark.parametrize("start", [3.0, 0.0])
def test_a_start_that_fits_stays(start):
    found = gauss_newton(
        lambda t: t - start, lambda _: np.eye(1), np.array([start])
    )
    assert_close(found.theta, [start])
    assert found.iterations == 1


def test_residuals_of_nothing_but_rounding_are_an_end():
    """The floating-point numbers have no root of two."""
    found = gauss_newton(
        lambda t: t**2 - 2, lambda t: 2 * t[:, None], np.array([1.0])
    )
    assert_close(found.theta, [sqrt(2)], rtol=1e-14)
    assert found.iterations < 10


def test_the_search_counts_every_step_that_it_tries():
    seen = []

    def residual(t):
        seen.append(float(t[0]))
        return t**3 - 8

    start = np.array([0.1])
    found = gauss_newton(residual, lambda t: 3 * t[:, None] ** 2, start)
    assert_close(found.theta, [2.0])
    assert found.iterations == len(seen) - 1
    assert max(seen) > 100  # the first step, 267 long, was taken back
    fewer = gauss_newton(
        residual, lambda t: 3 * t[:, None] ** 2, start, damping=100.0
    )
    assert fewer.iterations != found.iterations


def test_defaults_and_how_the_damping_changes():
    """The first step has 1/1000; a fifth follows, five times a failure."""
    seen = []

    def residual(t):
        seen.append(float(t[0]))
        return np.array([t[0] - 1])

    fit = gauss_newton(residual, lambda _: np.eye(1), np.array([0.0]))
    left = [1 - t for t in seen[1:4]]
    factors = [left[0], left[1] / left[0], left[2] / left[1]]
    expected = [d / (1 + d) for d in (1e-3, 2e-4, 4e-5)]
    assert_close(factors, expected, rtol=1e-3)
    assert_close(fit.theta, [1.0])
    seen.clear()
    with pytest.raises(ValueError, match="none lower along it"):
        gauss_newton(residual, lambda _: -np.eye(1), np.array([0.0]))
    steps = [-t for t in seen[1:5]]
    dampings = [1 / s - 1 for s in steps]
    assert_close(dampings, [1e-3, 5e-3, 2.5e-2, 0.125], rtol=1e-6)


def test_a_looser_end_comes_earlier():
    def count(rtol, steps=1000):
        fit = gauss_newton(
            *square(np.asarray), np.array([9.0]), rtol=rtol, steps=steps
        )
        return fit.iterations

    assert count(1e-3) < count(None) == count(np.finfo(float).eps ** (2 / 3))
    needed = count(None)
    assert count(None, needed) == needed
    with pytest.raises(ValueError, match=f"than the {needed - 1} steps it was"):
        count(None, needed - 1)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_parameters_may_have_any_shape(shape, rng, array):
    size = int(np.prod(shape))
    theta, g = rng.normal(size=shape), rng.normal(size=shape)
    h = np.diag(np.arange(1.0, size + 1))
    found = newton_step(array(theta), array(g), array(h))
    assert_close(found, theta - g / np.reshape(np.diag(h), shape))
    change = predicted_change(array(g), array(h), array(g))
    expected = np.sum(g**2) + np.sum(g**2 * np.reshape(np.diag(h), shape)) / 2
    assert_close(change, np.asarray(expected))


def test_float32_stays_float32(h, g, theta, r, j):
    lam = np.float64(0.7)
    assert_float32(lambda t, g, h: newton_step(t, g, h, lam), theta, g, h)
    assert_float32(lambda g, h, d: predicted_change(g, h, d), g, h, theta)
    flat = j / np.array([1e-3, 1.0, 50.0])
    assert_float32(lambda *a: gauss_newton_step(*a, lam), theta, r, flat)

    def fit(start):
        residual, jacobian = square(lambda a: a.astype(start.dtype))
        return gauss_newton(residual, jacobian, start, lam).theta

    assert_float32(fit, np.array([3.0]))


def test_arguments_stay_as_they_are(h, g, theta, r, j, array):
    given_ = [array(a.copy()) for a in (theta, g, h, r, j)]
    newton_step(*given_[:3], 1.0)
    predicted_change(given_[1], given_[2], given_[0])
    gauss_newton_step(given_[0], given_[3], given_[4], 1.0)
    for a, before in zip(given_, (theta, g, h, r, j), strict=True):
        assert_close(a, before, rtol=1e-300, atol=0)
    start = array(np.array([3.0]))
    gauss_newton(*square(array), start)
    assert_close(start, [3.0], rtol=0)


def test_units_may_be_600_powers_of_10_apart(array):
    units = np.array([1e-150, 1.0, 1e150])
    h = np.array([[2.0, 1.0, 1.0], [1.0, 3.0, 1.0], [1.0, 1.0, 4.0]])
    spread = h * units * units[:, None]
    found = newton_step(array(np.zeros(3)), array(units), array(spread))
    assert_close(to_numpy(found) * units, -np.linalg.solve(h, np.ones(3)))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_huge_and_tiny_units(scale, array):
    h = np.array([[2.0, 1.0], [1.0, 3.0]])
    g = np.array([1.0, -1.0])
    expected = -np.linalg.solve(h, g)
    zero = array(np.zeros(2))
    found = newton_step(zero, array(scale * g), array(scale * h))
    assert_close(found, expected)
    units = np.array([scale**0.5, 1.0])
    spread = h / units / units[:, None]
    found = newton_step(zero, array(g / units), array(spread))
    assert_close(to_numpy(found) / units, expected)
    residual, jacobian = square(array)
    end = [(1 + sqrt(3)) / 2]
    start = array(np.array([3.0]))
    found = gauss_newton(
        lambda t: scale * residual(t), lambda t: scale * jacobian(t), start
    )
    assert_close(found.theta, end, rtol=1e-8)
    found = gauss_newton(
        lambda t: residual(t / scale),
        lambda t: jacobian(t / scale) / scale,
        start * scale,
    )
    assert_close(to_numpy(found.theta) / scale, end, rtol=1e-8)


DAMPINGS = [-0.1, nan, inf, -inf, True]


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.usefixtures("unchecked")
def test_dampings_out_of_range_are_refused(damping):
    one, eye = np.ones(1), np.eye(1)
    message = f"needs 0 <= damping < inf, got {damping}"
    with pytest.raises(ValueError, match=message):
        newton_step(one, one, eye, damping)
    with pytest.raises(ValueError, match=message):
        gauss_newton_step(one, one, eye, damping)
    with pytest.raises(ValueError, match=message):
        gauss_newton(*square(np.asarray), one, damping)


@pytest.mark.parametrize("damping", [0.0, 7e7, 1e300])
def test_dampings_that_no_search_can_use_are_refused(damping):
    """Without one it may have no step, and with a huge one it stands still."""
    message = re.escape(f"and damping = {damping}")
    with pytest.raises(ValueError, match=rf"<= 7e\+07, got .* {message}"):
        gauss_newton(*square(np.asarray), np.ones(1), damping)


@pytest.mark.parametrize("rtol", [None, 1e-3])
def test_a_search_that_starts_with_much_damping_goes_on(rtol):
    """Its first step, a millionth of the way or less, is not the end."""
    for damping in (1e6, 2.0**26):  # the largest there is
        found = gauss_newton(
            lambda t: t - 1, lambda _: np.eye(1), np.array([3.0]), damping, rtol
        )
        assert_close(found.theta, [1.0], rtol=rtol or 1e-9)


def test_a_start_without_a_slope_is_returned():
    """Even at a maximum of the squares, here those of theta^2 - 1."""
    found = gauss_newton(
        lambda t: t**2 - 1, lambda t: 2 * t[:, None], np.zeros(1)
    )
    assert_close(found.theta, [0.0])
    assert found.iterations == 1


@pytest.mark.usefixtures("unchecked")
def test_a_thousand_steps_are_the_most():
    """A triple zero is neared by ever shorter steps."""
    with pytest.raises(ValueError, match="more than the 1000 steps it was"):
        gauss_newton(lambda t: t**3, lambda t: 3 * t[:, None] ** 2, np.ones(1))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("unit", [1.0, 2.0**20])
def test_the_last_step_is_told_in_the_size_of_the_residuals(unit):
    """The second goes from 2/3 by 2/9, where lengths count 3: 9/31."""
    with pytest.raises(ValueError, match=r"2 steps .* by 2\.9e-01 of their"):
        gauss_newton(
            lambda t: unit * t**3,
            lambda t: unit * 3 * t[:, None] ** 2,
            np.ones(1),
            damping=1e-9,
            steps=2,
        )


@pytest.mark.parametrize("rtol", [0.0, 1e-17, 1.0, -1.0, nan, inf])
def test_other_tolerances_are_refused(rtol):
    with pytest.raises(ValueError, match="needs 2e-16 <= rtol < 1 and"):
        gauss_newton(*square(np.asarray), np.ones(1), rtol=rtol)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("steps", [np.int64(99), np.int8(99), np.asarray(99)])
def test_steps_may_be_a_numpy_integer(steps):
    found = gauss_newton(*square(np.asarray), np.ones(1), steps=steps)
    assert_close(found.theta, [(1 + sqrt(3)) / 2], rtol=1e-8)


@pytest.mark.parametrize("steps", [0, -1, 2.0, nan, True, None])
@pytest.mark.usefixtures("unchecked")
def test_other_numbers_of_steps_are_refused(steps):
    with pytest.raises(ValueError, match=f"integer >= 1, got {steps}"):
        gauss_newton(*square(np.asarray), np.ones(1), steps=steps)


@pytest.mark.parametrize("damping", [0.0, 1e-3])
@pytest.mark.parametrize(
    "matrix",
    [
        [[0.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        [[0.1, 0.3], [0.3, 0.9]],
        [[1e200, 1e200], [1e200, 1e200]],
    ],
)
def test_hessians_without_an_inverse_are_refused(matrix, damping, array):
    h = array(np.array(matrix) - damping * np.eye(2))
    two = array(np.ones(2))
    with pytest.raises(ValueError, match="curvature in every direction, got"):
        newton_step(two, two, h, damping)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_asymmetric_hessians_are_refused(scale, array):
    h = array(scale * np.array([[2.0, 1.0], [0.0, 2.0]]))
    two = array(np.ones(2))
    with pytest.raises(ValueError, match="symmetric, got entries that"):
        newton_step(two, two, h)


def test_rounding_of_a_symmetric_hessian_is_allowed(array):
    """A thousand roundings are 2.2e-13 of the largest entry beside them."""
    two = array(np.ones(2))
    for at in ((1, 0), (0, 1)):
        h = np.array([[2.0, 2.0], [2.0, 4.0]])
        h[at] += 1.4e-13 * sqrt(8)
        found = newton_step(two, two, array(h))
        assert_close(found, [0.5, 1.0], atol=1e-11)
        h[at] += 1.4e-13 * sqrt(8)
        with pytest.raises(ValueError, match=r"symmetric, got .* by 3e-13"):
            newton_step(two, two, array(h))


def test_curvatures_may_differ_to_within_rounding(array):
    """The smallest is refused from 2.2e-13 of the largest downwards."""
    for gap, refused in ((6e-13, False), (3e-13, True)):
        h = array(np.array([[1.0, 1.0 - gap], [1.0 - gap, 1.0]]))
        zero, slope = array(np.zeros(2)), array(np.array([2.0, 2.0]))
        if refused:
            with pytest.raises(ValueError, match=r"from 3\.0e-13 to 2\.0e"):
                newton_step(zero, slope, h)
        else:
            found = newton_step(zero, slope, h)
            assert_close(found, [-1.0, -1.0], rtol=1e-2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (2,), (1, 1), (3, 3), (2, 3), (2, 2, 1)])
def test_hessians_of_another_shape_are_refused(shape, array):
    two, h = array(np.ones(2)), array(np.ones(shape))
    message = r"Hessian needs the shape \(2, 2\) and .* got"
    with pytest.raises(ValueError, match=message):
        newton_step(two, two, h)
    with pytest.raises(ValueError, match=message):
        predicted_change(two, h, two)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (1,), (2, 1), (3,)])
def test_gradients_of_another_shape_are_refused(shape, array):
    two, g, eye = array(np.ones(2)), array(np.ones(shape)), array(np.eye(2))
    message = r"gradient needs the shape \(2,\) and .* got"
    with pytest.raises(ValueError, match=message):
        newton_step(two, g, eye)
    with pytest.raises(ValueError, match=message):
        predicted_change(g, eye, two)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("residuals", "jacobian", "parameters"),
    [
        ((3,), (3,), (2,)),
        ((3,), (2, 3), (2,)),
        ((3,), (3, 1), (2,)),
        ((3,), (1, 2), (2,)),
        ((3, 1), (3, 1, 2), (2,)),
        ((), (2,), (2,)),
        ((3,), (3,), ()),
        ((3,), (3, 2, 1), (2, 1)),
        ((0,), (0, 2), (2,)),
        ((3,), (3, 0), (0,)),
    ],
)
def test_shapes_of_a_fit_that_do_not_match_are_refused(
    residuals, jacobian, parameters, array
):
    r, j, theta = (array(np.ones(s)) for s in (residuals, jacobian, parameters))
    with pytest.raises(ValueError, match=r"needs (a vector|the shape) .* got"):
        gauss_newton_step(theta, r, j)
    with pytest.raises(ValueError, match=r"needs (a vector|the shape) .* got"):
        gauss_newton(lambda _: r, lambda _: j, theta)


@pytest.mark.usefixtures("unchecked")
def test_no_parameters_are_refused(array):
    none, h = array(np.ones(0)), array(np.ones((0, 0)))
    with pytest.raises(ValueError, match=r"needs parameters, got .*\(0,\)"):
        newton_step(none, none, h)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, array):
    two, eye = array(np.ones(2, dtype)), array(np.eye(2).astype(dtype))
    with pytest.raises(ValueError, match="real and floating, got"):
        newton_step(two, two, eye)
    with pytest.raises(ValueError, match="real and floating, got"):
        predicted_change(two, eye, two)
    with pytest.raises(ValueError, match="real and floating, got"):
        gauss_newton_step(two, two, eye)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_other_dtypes_than_the_parameters_are_refused(which, array):
    theta, g, h = np.ones(2), np.ones(2), np.eye(2)
    mixed = [
        array(np.float32(a) if k == which else a)
        for k, a in enumerate((theta, g, h))
    ]
    with pytest.raises(ValueError, match="the parameters' dtype"):
        newton_step(*mixed)
    with pytest.raises(ValueError, match="the parameters' dtype"):
        gauss_newton_step(*mixed)


@pytest.mark.parametrize("bad", [nan, inf])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_not_finite_is_refused(bad, which, array):
    theta, g, h = np.ones(2), np.ones(2), np.eye(2)
    (theta, g, h)[which][(0,) * (theta, g, h)[which].ndim] = bad
    theta, g, h = array(theta), array(g), array(h)
    with pytest.raises(ValueError, match="Newton step needs finite values"):
        newton_step(theta, g, h)
    with pytest.raises(ValueError, match="Gauss-Newton needs finite values"):
        gauss_newton_step(theta, g, h)
    with pytest.raises(ValueError, match="Gauss-Newton needs finite values"):
        gauss_newton(lambda _: g, lambda _: h, theta)


@pytest.mark.filterwarnings("ignore:overflow")
def test_steps_that_overflow_are_refused(array):
    at, slope = array(np.array([1.0])), array(np.array([1e200]))
    with pytest.raises(ValueError, match="Newton step needs finite values"):
        newton_step(at, slope, array(np.array([[1e-200]])))
    with pytest.raises(ValueError, match="Gauss-Newton needs finite values"):
        gauss_newton_step(at, slope, array(np.array([[1e-200]])))
    steep = array(np.array([[1e308]]))
    with pytest.raises(ValueError, match="Newton step needs finite values"):
        newton_step(at, at, steep, 1e308)


def test_a_jacobian_that_breaks_down_later_is_refused():
    def jacobian(t):
        return np.where(t > 2, 1.0, nan)[:, None]

    with pytest.raises(ValueError, match="Gauss-Newton needs finite values"):
        gauss_newton(lambda t: t - 1, jacobian, np.array([3.0]))


def test_dependent_columns_need_damping(array):
    theta, r = array(np.zeros(2)), array(np.array([-2.0, -2.0, -2.0]))
    j = array(np.ones((3, 2)))
    with pytest.raises(ValueError, match="need independent columns"):
        gauss_newton_step(theta, r, j)
    found = gauss_newton_step(theta, r, j, 1e-6)
    assert_close(found, [1.0, 1.0], rtol=1e-5)


def test_a_wrong_jacobian_is_told(array):
    residual, jacobian = square(array)
    with pytest.raises(ValueError, match="none lower along it after"):
        gauss_newton(residual, lambda t: -jacobian(t), array(np.array([3.0])))
