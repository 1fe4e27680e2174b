from math import inf, nan, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from reference.optimization.gradient_descent import (
    QuadraticRate,
    best_quadratic_rate,
    critical_point,
    gradient_descent,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

D, STEPS, LR = 3, 7, 0.15


@pytest.fixture
def a(rng):
    """Return a symmetric matrix with the eigenvalues 0.5, 2 and 6."""
    q, _ = np.linalg.qr(rng.normal(size=(D, D)))
    return q @ np.diag([2.0, 0.5, 6.0]) @ q.T


@pytest.fixture
def b(rng):
    return rng.normal(size=D)


@pytest.fixture
def start(rng):
    return rng.normal(size=D)


def slope(a, b):
    """Return the gradient of theta A theta / 2 - b theta as a function."""
    return lambda theta: a @ theta - b


def turned(lowest, highest):
    """Return the matrix with these eigenvalues in directions off the axes."""
    u = np.array([[0.6, 0.8], [-0.8, 0.6]])
    return u.T @ np.diag([lowest, highest]) @ u


def eigenvalues(h):
    """Return both eigenvalues of a 2 x 2 matrix by the quadratic formula."""
    half = (h[0, 0] + h[1, 1]) / 2
    root = sqrt(((h[0, 0] - h[1, 1]) / 2) ** 2 + h[0, 1] * h[1, 0])
    return half - root, half + root


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(a, b, start, array):
    r"""\theta_t = \theta_{t-1} - \eta \, g(\theta_{t-1})"""
    expected = [[float(v) for v in start]]
    for _ in range(STEPS):
        old = expected[-1]
        g = [sum(a[i, j] * old[j] for j in range(D)) - b[i] for i in range(D)]
        expected.append([old[i] - LR * g[i] for i in range(D)])
    path = gradient_descent(slope(array(a), array(b)), array(start), LR, STEPS)
    assert_close(path, expected)


def test_eq_2(array):
    r"""\eta^* = \frac{2}{\lambda_1 + \lambda_D}"""
    h = turned(0.5, 6.0)
    expected = 2 / sum(eigenvalues(h))
    assert_close(best_quadratic_rate(array(h)).lr, np.asarray(expected))


def test_eq_3(array):
    r"""\kappa = \frac{\lambda_D}{\lambda_1}"""
    h = turned(0.5, 6.0)
    low, high = eigenvalues(h)
    found = best_quadratic_rate(array(h)).condition
    assert_close(found, np.asarray(high / low))


def test_eq_4(array):
    r"""\rho^* = \frac{\lambda_D - \lambda_1}{\lambda_D + \lambda_1}
    = \frac{\kappa - 1}{\kappa + 1}"""
    h = turned(0.5, 6.0)
    low, high = eigenvalues(h)
    kappa = high / low
    assert (high - low) / (high + low) == pytest.approx(
        (kappa - 1) / (kappa + 1)
    )
    found = best_quadratic_rate(array(h)).factor
    assert_close(found, np.asarray((high - low) / (high + low)))


def test_eq_5(array):
    r"""\lambda_1 < 0 < \lambda_D"""
    for pair in ((-3.0, 0.2), (-0.2, 3.0), (0.2, 3.0), (-3.0, -0.2)):
        h = turned(*pair)
        low, high = eigenvalues(h)
        found = critical_point(array(h)) == "saddle"
        assert found == (low < 0 < high), pair


# The same as everybody else's: closed form, torch.optim, SciPy, eigenvalues.


def test_closed_form_on_a_quadratic(a, b, start, array):
    """theta_t is the minimum plus (I - eta A)^t times the first error."""
    minimum = np.linalg.inv(a) @ b
    expected = [
        minimum
        + np.linalg.matrix_power(np.eye(D) - LR * a, t) @ (start - minimum)
        for t in range(STEPS + 1)
    ]
    path = gradient_descent(slope(array(a), array(b)), array(start), LR, STEPS)
    assert_close(path, expected)


def rosenbrock_slope(theta):
    """Return the gradient of (1 - u)^2 + 5 (v - u^2)^2, of any library."""
    u, v = theta[0:1], theta[1:2]
    du = 2 * (u - 1) - 20 * u * (v - u**2)
    dv = 10 * (v - u**2)
    if isinstance(theta, torch.Tensor):
        return torch.cat((du, dv))
    return theta.__array_namespace__().concat((du, dv))


def test_hundred_steps_of_torch_sgd(array):
    start, lr = np.array([-0.5, 0.8]), 0.02
    leaf = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.SGD([leaf], lr=lr)
    expected = [start]
    for _ in range(100):
        optimizer.zero_grad()
        ((1 - leaf[0]) ** 2 + 5 * (leaf[1] - leaf[0] ** 2) ** 2).backward()
        optimizer.step()
        expected.append(to_numpy(leaf).copy())
    path = gradient_descent(rosenbrock_slope, array(start), lr, 100)
    assert_close(path, np.stack(expected), rtol=1e-12, atol=1e-12)


def test_minimum_of_scipy():
    def f(theta):
        return (1 - theta[0]) ** 2 + 5 * (theta[1] - theta[0] ** 2) ** 2

    expected = minimize(f, np.array([-0.5, 0.8]), tol=1e-10).x
    path = gradient_descent(rosenbrock_slope, np.array([-0.5, 0.8]), 0.03, 3000)
    assert_close(path[-1], expected, rtol=1e-5)


def test_no_other_rate_has_a_better_worst_factor(a, array):
    eigen = np.linalg.eigvalsh(a)

    def worst(lr):
        return np.max(np.abs(1 - lr * eigen))

    expected = minimize_scalar(worst, bounds=(0, 1), options={"xatol": 1e-12})
    found = best_quadratic_rate(array(a))
    assert_close(found.lr, np.asarray(expected.x), rtol=1e-6)
    assert_close(found.factor, np.asarray(expected.fun), rtol=1e-6)
    assert_close(found.condition, np.linalg.cond(a))


KINDS = {
    "minimum": [0.5, 2.0, 6.0],
    "maximum": [-0.5, -2.0, -6.0],
    "saddle": [-0.5, 2.0, 6.0],
}


@pytest.mark.parametrize("kind", KINDS)
def test_kind_of_critical_point_by_cholesky(kind, rng, array):
    """A factorization exists exactly if all eigenvalues are positive."""
    q, _ = np.linalg.qr(rng.normal(size=(D, D)))
    h = q @ np.diag(KINDS[kind]) @ q.T
    signs = []
    for sign in (1, -1):
        try:
            np.linalg.cholesky(sign * h)
            signs.append(True)
        except np.linalg.LinAlgError:
            signs.append(False)
    expected = {
        (True, False): "minimum",
        (False, True): "maximum",
        (False, False): "saddle",
    }
    assert critical_point(array(h)) == expected[tuple(signs)] == kind


# The gradient of the last parameters with respect to the first, and of the
# best rate with respect to the curvatures.


def test_gradient_with_respect_to_the_start(a, b, start):
    at, bt = torch.asarray(a), torch.asarray(b)
    power = torch.linalg.matrix_power(torch.eye(D) - LR * at, 4)
    assert_gradient(
        lambda theta: gradient_descent(slope(at, bt), theta, LR, 4)[-1],
        lambda dy, _: power.mT @ dy,
        start,
    )


def test_gradient_of_the_best_rate():
    def backward(dy, diagonal):
        low, _, high = diagonal
        ends = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
        return -2 * dy * ends / (low + high) ** 2

    assert_gradient(
        lambda diagonal: best_quadratic_rate(torch.diag(diagonal)).lr,
        backward,
        np.array([0.5, 2.0, 6.0]),
    )


def test_gradient_of_condition_and_factor():
    def backward(dy, diagonal):
        low, _, high = diagonal
        none, total = torch.zeros_like(low), low + high
        condition = torch.stack((-high / low**2, none, 1 / low))
        factor = 2 * torch.stack((-high, none, low)) / total**2
        return dy[0] * condition + dy[1] * factor

    assert_gradient(
        lambda diagonal: torch.stack(
            best_quadratic_rate(torch.diag(diagonal))[1:]
        ),
        backward,
        np.array([0.5, 2.0, 6.0]),
    )


# What the page promises, and what is refused.


@pytest.mark.parametrize(
    ("lr", "factor"),
    [(0.1, 0.8), (0.5, 0), (0.9, -0.8), (1.0, -1), (1.1, -1.2)],
)
def test_four_learning_rates_on_a_parabola(lr, factor, array):
    path = gradient_descent(lambda t: 2 * t, array(np.array([1.0])), lr, 5)
    assert_close(path, [[factor**t] for t in range(6)])


def test_the_best_rate_can_be_handed_over_as_it_came(a, b, start, array):
    lr, _, factor = best_quadratic_rate(array(a))
    path = gradient_descent(slope(array(a), array(b)), array(start), lr, 30)
    error = np.linalg.norm(to_numpy(path) - np.linalg.solve(a, b), axis=1)
    assert np.all(error[1:] <= float(factor) * error[:-1] + 1e-12)


def test_zero_steps_return_the_start(start, array):
    path = gradient_descent(lambda t: t, array(start), LR, 0)
    assert_close(path, start[None])


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_parameters_may_have_any_shape(shape, rng, array):
    start = rng.normal(size=shape)
    path = gradient_descent(lambda t: 2 * t, array(start), 0.25, 2)
    assert_close(path, np.stack((start, start / 2, start / 4)))


def test_saddle_is_left_slowly_but_left():
    sign = np.array([2.0, -2.0])
    path = gradient_descent(lambda t: sign * t, np.array([1.0, 1e-6]), 0.1, 200)
    assert_close(path[-1, 1], np.asarray(1e-6 * 1.2**200))
    assert_close(path[-1, 0], np.asarray(0.8**200))


@settings(max_examples=25)
@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=4),
    st.floats(0.01, 1.99),
)
def test_below_two_over_the_curvature_no_step_raises_the_loss(diagonal, share):
    curvature = np.array(diagonal)
    lr = share / max(diagonal)
    path = gradient_descent(
        lambda t: curvature * t, np.ones(len(diagonal)), lr, 20
    )
    loss = np.sum(curvature * path**2, axis=1) / 2
    assert np.all(np.diff(loss) <= 1e-12 * loss[0])


@settings(max_examples=25)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_best_rate_reaches_its_factor_and_stays_in_it(first, second):
    lr, condition, factor = best_quadratic_rate(np.diag([first, second]))
    assert condition >= 1
    assert 0 <= factor < 1
    shrink = np.abs(1 - lr * np.array([first, second]))
    assert_close(shrink, np.full(2, factor), rtol=1e-6, atol=1e-9)


def test_float32_stays_float32(a, b, start):
    def path(theta):
        narrow = slope(a.astype(theta.dtype), b.astype(theta.dtype))
        return gradient_descent(narrow, theta, np.float64(LR), STEPS)

    assert_float32(path, start)
    assert_float32(best_quadratic_rate, (a + a.T) / 2)


def test_arguments_stay_as_they_are(a, start, array):
    given_start, given_a = array(start.copy()), array(a.copy())
    gradient_descent(lambda t: 2 * t, given_start, LR, 3)
    best_quadratic_rate(given_a)
    critical_point(given_a)
    assert_close(given_start, start, rtol=0, atol=0)
    assert_close(given_a, a, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("diagonal", "kind"),
    [
        ([0.0, 0.0], "undecided"),
        ([0.0, 2.0], "undecided"),
        ([-2.0, 0.0], "undecided"),
        ([-2.0, 0.0, 2.0], "saddle"),
        ([1e-14, 1.0], "undecided"),
        ([-1e-14, 1.0], "undecided"),
        ([-1.0, 1e-14], "undecided"),
        ([-1.0, -1e-14], "undecided"),
        ([1e-12, 1.0], "minimum"),
        ([-1e-12, 1.0], "saddle"),
        ([-1.0, 1e-12], "saddle"),
        ([-1e-12, -1.0], "maximum"),
        ([3.0], "minimum"),
        ([-3.0], "maximum"),
        ([1e308, 1.7e308], "minimum"),
        ([-1e-308, -3e-308], "maximum"),
        ([-1e200, 1e-200], "undecided"),
    ],
)
def test_what_counts_as_zero(diagonal, kind, array):
    assert critical_point(array(np.diag(diagonal))) == kind


def test_zero_is_relative_to_the_largest_eigenvalue(array):
    """Not to the largest entry, 1, and not to the sum of all of them."""
    ones = np.ones((4, 4))
    assert critical_point(array(ones + 5e-13 * np.eye(4))) == "undecided"
    assert critical_point(array(ones + 2e-12 * np.eye(4))) == "minimum"
    small = np.diag([1.0, 1.0, 1.0, 1.0, 5e-13])
    assert critical_point(array(small)) == "minimum"


def test_float32_has_its_own_zero(array):
    h = np.diag([1e-5, 1.0])
    assert critical_point(array(h)) == "minimum"
    assert critical_point(array(np.float32(h))) == "undecided"
    with pytest.raises(ValueError, match="clearly positive eigenvalues, got"):
        best_quadratic_rate(array(np.float32(h)))


def test_rounding_of_a_symmetric_matrix_is_allowed(array):
    h = turned(1.0, 9.0)
    h[0, 1] *= 1 + 1e-14
    assert critical_point(array(h)) == "minimum"
    h[0, 1] *= 1 + 1e-5
    assert critical_point(array(np.float32(h))) == "minimum"
    h[0, 1] = h[1, 0] * (1 + 1e-11)
    with pytest.raises(ValueError, match="mirror image by up to"):
        critical_point(array(h))


@pytest.mark.parametrize("scale", [1e-300, 1e300, 1.9e307])
def test_huge_and_tiny_curvatures(scale, array):
    """At the last scale the sum of the eigenvalues would overflow."""
    found = best_quadratic_rate(array(scale * np.diag([1.0, 9.0])))
    assert isinstance(found, QuadraticRate)
    assert_close(to_numpy(found.lr) * scale, np.asarray(0.2))
    assert_close(found.condition, np.asarray(9.0))
    assert_close(found.factor, np.asarray(0.8))


def test_one_parameter_needs_one_step(array):
    found = best_quadratic_rate(array(np.array([[4.0]])))
    assert_close(found.lr, np.asarray(0.25))
    assert_close(found.condition, np.asarray(1.0))
    assert_close(found.factor, np.asarray(0.0))


@pytest.mark.parametrize("lr", [0.0, -0.1, nan, inf, -inf, True])
@pytest.mark.usefixtures("unchecked")
def test_learning_rates_out_of_range_are_refused(lr):
    with pytest.raises(ValueError, match=f"needs 0 < lr < inf, got {lr}"):
        gradient_descent(lambda t: t, np.ones(2), lr, 1)


@pytest.mark.parametrize("steps", [-1, 2.0, 1.5, nan, True, None])
@pytest.mark.usefixtures("unchecked")
def test_other_steps_are_refused(steps):
    with pytest.raises(ValueError, match=f"integer >= 0, got {steps}"):
        gradient_descent(lambda t: t, np.ones(2), 0.1, steps)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "steps", [np.int64(2), np.int8(127), np.uint8(255), np.asarray(2)]
)
def test_steps_may_be_a_numpy_integer(steps, start):
    """One more than 127 or 255 does not fit into its 8 bits."""
    path = gradient_descent(lambda t: t, start, LR, steps)
    assert path.shape == (int(steps) + 1, D)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
@pytest.mark.usefixtures("unchecked")
def test_other_than_real_floating_numbers_are_refused(dtype, array):
    message = "needs real floating-point numbers, got"
    with pytest.raises(ValueError, match=message):
        gradient_descent(lambda t: t, array(np.ones(2, dtype)), 0.1, 1)
    for function in (critical_point, best_quadratic_rate):
        with pytest.raises(ValueError, match=message):
            function(array(np.eye(2).astype(dtype)))


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), ()])
def test_a_gradient_of_another_shape_is_refused(shape, array):
    """Most of these would broadcast."""
    g = array(np.ones(shape))
    with pytest.raises(ValueError, match=r"the shape \(2,\) and the dtype"):
        gradient_descent(lambda _: g, array(np.ones(2)), 0.1, 1)


def test_a_gradient_of_another_dtype_is_refused(array):
    for start, g in (
        (np.ones(2, np.float32), np.ones(2)),
        (np.ones(2), np.ones(2, np.int64)),
    ):
        with pytest.raises(ValueError, match="of its parameters, got"):
            gradient_descent(lambda _, g=g: array(g), array(start), 0.1, 1)


@pytest.mark.parametrize("bad", [nan, inf])
def test_what_is_not_finite_is_refused(bad, array):
    with pytest.raises(ValueError, match="got NaN or inf at the start"):
        gradient_descent(lambda t: t, array(np.array([1.0, bad])), 0.1, 1)
    for function in (critical_point, best_quadratic_rate):
        with pytest.raises(ValueError, match="got NaN or inf in a Hessian"):
            function(array(np.diag([1.0, bad])))


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_path_that_overflows_is_refused_with_its_step(array):
    """1 - 2 lr is -1e200: the second step leaves the float64 numbers."""
    start = array(np.array([1.0]))
    with pytest.raises(ValueError, match="inf at step 2 with lr = 5e"):
        gradient_descent(lambda t: 2 * t, start, 5e199, 9)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0, 0), (2, 2, 2)])
def test_other_than_a_square_matrix_is_refused(shape, array):
    for function in (critical_point, best_quadratic_rate):
        with pytest.raises(ValueError, match="a row and a column for each"):
            function(array(np.ones(shape)))


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_asymmetric_matrices_are_refused(scale, array):
    """Eigenvalue routines would read one triangle and ignore the other."""
    h = scale * np.array([[1.0, 2.0], [0.0, 1.0]])
    for function in (critical_point, best_quadratic_rate):
        with pytest.raises(ValueError, match="symmetric, got entries that"):
            function(array(h))


@pytest.mark.parametrize(
    "diagonal", [[0.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [-2.0, -1.0], [1e-14, 1]]
)
def test_no_best_rate_without_positive_curvatures(diagonal, array):
    with pytest.raises(ValueError, match="clearly positive eigenvalues, got"):
        best_quadratic_rate(array(np.diag(diagonal)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1.0, 1.7e308])
def test_the_refusal_names_the_eigenvalues_without_overflow(scale):
    h = scale * np.array([[1.0, 1.0], [1.0, -1.0]])
    message = r"smallest -1\.41 beside the largest 1\.41 in"
    with pytest.raises(ValueError, match=message) as e:
        best_quadratic_rate(h)
    assert str(e.value).endswith(f"its largest entry, {scale:.3g}")


def test_no_best_rate_where_it_would_overflow(array):
    with pytest.raises(ValueError, match="an entry of 2e-308 or more, got at"):
        best_quadratic_rate(array(np.diag([1e-308, 1e-308])))
