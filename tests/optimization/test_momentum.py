from collections import namedtuple
from math import inf, nan, sqrt

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from reference.optimization.momentum import (
    MomentumState,
    momentum_step,
    nesterov_step,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

STEPS, LR, MU = 7, 0.15, 0.8
SHAPE = (2, 3)
BOTH = pytest.mark.parametrize("step", [momentum_step, nesterov_step])


@pytest.fixture
def gradients(rng):
    return rng.normal(size=(STEPS, *SHAPE))


@pytest.fixture
def start(rng):
    return rng.normal(size=SHAPE)


def walk(step, start, gradients, lr=LR, momentum=MU, **options):
    """Return the parameters and the velocities after each of the steps."""
    theta, state, thetas, velocities = start, None, [], []
    for g in gradients:
        theta, state = step(theta, g, state, lr, momentum, **options)
        assert isinstance(state, MomentumState)
        thetas.append(to_numpy(theta))
        velocities.append(to_numpy(state.v))
    return np.stack(thetas), np.stack(velocities)


def descend(step, slope, start, array, steps, **options):
    """Return the path from the start, where the slope is NumPy's."""
    theta, state, path = array(start), None, [start]
    for _ in range(steps):
        g = array(slope(to_numpy(theta)))
        theta, state = step(theta, g, state, **options)
        path.append(to_numpy(theta))
    return np.stack(path)


def entries():
    return [(i, j) for i in range(SHAPE[0]) for j in range(SHAPE[1])]


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(gradients, start, array):
    r"""v_t = \mu \, v_{t-1} + g_t"""
    expected = np.zeros((STEPS, *SHAPE))
    for i, j in entries():
        v = 0.0
        for t in range(STEPS):
            v = MU * v + gradients[t, i, j]
            expected[t, i, j] = v
    for step in (momentum_step, nesterov_step):
        given_gradients = [array(g) for g in gradients]
        _, found = walk(step, array(start), given_gradients)
        assert_close(found, expected)


def test_eq_2(gradients, start, array):
    r"""\theta_t = \theta_{t-1} - \eta \, v_t"""
    expected = np.zeros((STEPS, *SHAPE))
    for i, j in entries():
        theta, v = start[i, j], 0.0
        for t in range(STEPS):
            v = MU * v + gradients[t, i, j]
            theta = theta - LR * v
            expected[t, i, j] = theta
    found, _ = walk(momentum_step, array(start), [array(g) for g in gradients])
    assert_close(found, expected)


def test_eq_3(gradients, start, array):
    r"""m_t = \mu \, m_{t-1} + (1 - \mu) \, g_t"""
    velocities = np.zeros((STEPS, *SHAPE))
    thetas = np.zeros((STEPS, *SHAPE))
    for i, j in entries():
        theta, m = start[i, j], 0.0
        for t in range(STEPS):
            m = MU * m + (1 - MU) * gradients[t, i, j]
            theta = theta - LR * m
            velocities[t, i, j] = m
            thetas[t, i, j] = theta
    given_gradients = [array(g) for g in gradients]
    found = walk(momentum_step, array(start), given_gradients, average=True)
    assert_close(found[0], thetas)
    assert_close(found[1], velocities)


def test_eq_4(gradients, start, array):
    r"""\theta_t = \theta_{t-1} - \eta \, (g_t + \mu \, v_t)"""
    expected = np.zeros((STEPS, *SHAPE))
    for i, j in entries():
        theta, v = start[i, j], 0.0
        for t in range(STEPS):
            v = MU * v + gradients[t, i, j]
            theta = theta - LR * (gradients[t, i, j] + MU * v)
            expected[t, i, j] = theta
    found, _ = walk(nesterov_step, array(start), [array(g) for g in gradients])
    assert_close(found, expected)


# The same as everybody else's: torch.optim, SciPy's filter, closed forms.


def bend(theta):
    """Return the gradient of a loss that is neither quadratic nor separable."""
    return theta**3 - theta + 0.3 * np.roll(theta, 1) + np.sin(theta[0])


@BOTH
@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9, 0.99])
def test_trajectories_of_torch(step, mu, rng, array):
    """100 steps; the loss is bent, so that an early error would grow."""
    start = rng.normal(size=5)
    path = descend(step, bend, start, array, 100, lr=0.02, momentum=mu)
    theta = torch.tensor(start, requires_grad=True)
    nesterov = step is nesterov_step and mu > 0  # else torch refuses
    sgd = torch.optim.SGD([theta], lr=0.02, momentum=mu, nesterov=nesterov)
    for t in range(1, 101):
        theta.grad = torch.asarray(bend(to_numpy(theta)))
        sgd.step()
        assert_close(path[t], theta, rtol=1e-12, atol=1e-12)


def test_default_momentum_is_the_one_of_torchs_example(gradients, start):
    for step in (momentum_step, nesterov_step):
        _, state = step(start, gradients[0], None, LR)
        theta, _ = step(start, gradients[1], state, LR)
        expected, _ = step(start, gradients[1], state, LR, 0.9)
        assert_close(theta, expected, rtol=0, atol=0)


def test_velocities_of_a_digital_filter(gradients, start, array):
    given_gradients = [array(g) for g in gradients]
    for average, gain in ((False, 1), (True, 1 - MU)):
        _, found = walk(
            momentum_step, array(start), given_gradients, average=average
        )
        assert_close(found, lfilter([gain], [1, -MU], gradients, axis=0))


def test_nesterov_looks_ahead(start, array):
    """Where it is, phi, takes the gradient ahead; theta is the point ahead."""
    phi, v, expected = start[0], np.zeros(3), [start[0]]
    for _ in range(30):
        v = MU * v + bend(phi - LR * MU * v)
        phi = phi - LR * v
        expected.append(phi - LR * MU * v)
    path = descend(nesterov_step, bend, start[0], array, 30, lr=LR, momentum=MU)
    assert_close(path, np.stack(expected))


def test_valley_of_the_page(array):
    """Double roots: 1/2 and -1/2 by the heavy ball, 2/3 and 0 by Nesterov."""
    slope = np.array([1.0, 9.0])
    start, t = np.array([9.0, 1.0]), np.arange(9.0)
    path = descend(
        momentum_step,
        lambda theta: slope * theta,
        start,
        array,
        8,
        lr=0.25,
        momentum=0.25,
    )
    flat = 9 * (1 + t / 2) * 0.5**t
    steep = (1 + 1.5 * t) * (-0.5) ** t
    assert_close(path, np.stack((flat, steep), axis=1))
    path = descend(
        nesterov_step,
        lambda theta: slope * theta,
        start,
        array,
        8,
        lr=1 / 9,
        momentum=0.5,
    )
    flat = 9 * (1 + t / 4) * (2 / 3) ** t
    steep = np.array([1.0, -0.5] + [0.0] * 7)
    assert_close(path, np.stack((flat, steep), axis=1))


# The gradient: one step is linear in parameters, gradient and velocity.


def test_gradients_of_a_step(rng):
    args = rng.normal(size=(3, 4))
    for options, in_gradient, in_velocity in (
        ({"step": momentum_step}, -LR, -LR * MU),
        ({"step": momentum_step, "average": True}, -LR * (1 - MU), -LR * MU),
        ({"step": nesterov_step}, -LR * (1 + MU), -LR * MU**2),
    ):
        step = options.pop("step")
        assert_gradient(
            lambda theta, g, v, step=step, options=options: step(
                theta, g, MomentumState(v), LR, MU, **options
            )[0],
            lambda dy, *_, a=in_gradient, b=in_velocity: (dy, a * dy, b * dy),
            *args,
        )


# What the page promises, and what is refused.


def test_a_constant_gradient_is_multiplied_or_recovered(array):
    """Sum: 1 / (1 - mu) times the gradient; average: the gradient."""
    ones = [array(np.ones(1))] * 400
    for average, limit in ((False, 10.0), (True, 1.0)):
        _, found = walk(
            momentum_step, array(np.zeros(1)), ones, 0.1, 0.9, average=average
        )
        t = np.arange(1, 401)
        assert_close(found[:, 0], limit * (1 - 0.9**t))


@settings(max_examples=25)
@example([5e-324], 0.5, 1.0)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9),
    st.floats(0, 0.99),
    st.floats(1e-3, 1e3),
)
def test_average_with_a_larger_rate_is_the_sum(gradients, mu, lr):
    steps = [np.array([g]) for g in gradients]
    total, _ = walk(momentum_step, np.zeros(1), steps, lr, mu)
    mean, _ = walk(
        momentum_step, np.zeros(1), steps, lr / (1 - mu), mu, average=True
    )
    rounding = 1e-9 * lr * max(map(abs, gradients)) + 1e-300  # of subnormals
    assert_close(mean, total, atol=rounding)


@BOTH
def test_without_momentum_it_is_gradient_descent(step, gradients, start, array):
    given_gradients = [array(g) for g in gradients]
    found, _ = walk(step, array(start), given_gradients, LR, 0.0)
    assert_close(found, start - LR * np.cumsum(gradients, axis=0))


@settings(max_examples=25)
@given(st.floats(0.01, 0.99), st.floats(0.001, 0.999))
def test_inside_the_window_only_momentum_sets_the_factor(mu, share):
    """The matrix of a step on curvature 1 has eigenvalues of size sqrt(mu)."""
    low, high = (1 - sqrt(mu)) ** 2, (1 + sqrt(mu)) ** 2
    lr = low + share * (high - low)
    columns = []
    for theta, v in np.eye(2):
        place, state = np.array([theta]), MomentumState(np.array([v]))
        after, state = momentum_step(place, place, state, lr, mu)
        columns.append([after[0], state.v[0]])
    sizes = np.abs(np.linalg.eigvals(np.array(columns).T))
    assert_close(sizes, np.full(2, sqrt(mu)), rtol=1e-6)


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
def test_the_limit_of_the_learning_rate(mu):
    for lr, grows in ((1.98 * (1 + mu), False), (2.02 * (1 + mu), True)):
        path = descend(
            momentum_step,
            lambda theta: theta,
            np.ones(1),
            np.asarray,
            300,
            lr=lr,
            momentum=mu,
        )
        assert bool(np.max(np.abs(path[-50:])) > 1) == grows


@BOTH
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_parameters_may_have_any_shape(step, shape, rng, array):
    start, g = rng.normal(size=(2, *shape))
    found, velocities = walk(step, array(start), [array(g)])
    factor = LR * (1 + MU * (step is nesterov_step))
    assert_close(found[0], start - factor * g)
    assert_close(velocities[0], g)


@BOTH
def test_float32_stays_float32(step, gradients, start):
    def two_steps(theta, first, second):
        lr, mu = np.float64(LR), np.float64(MU)
        theta, state = step(theta, first, None, lr, mu)
        theta, state = step(theta, second, state, np.asarray(LR), mu)
        return theta, state.v

    assert_float32(two_steps, start, gradients[0], gradients[1])


def test_float32_average_stays_float32(gradients, start):
    def one_step(theta, g):
        theta, state = momentum_step(
            theta, g, None, LR, np.float64(MU), average=True
        )
        return theta, state.v

    assert_float32(one_step, start, gradients[0])


@BOTH
def test_results_stay_on_library_dtype_and_device(
    step, start, gradients, array
):
    theta, g = array(np.float32(start)), array(np.float32(gradients[0]))
    after, state = step(theta, g, None, LR)
    for x in (after, state.v):
        assert type(x) is type(theta)
        assert x.dtype == theta.dtype
        assert x.device == theta.device


@BOTH
def test_arguments_stay_as_they_are(step, start, gradients, array):
    theta, g, v = array(start.copy()), array(gradients[0].copy()), gradients[1]
    state = MomentumState(array(v.copy()))
    for mu in (0.0, MU):
        _, new = step(theta, g, state, LR, mu)
        assert new.v is not g
        assert new.v is not state.v
    for x, before in ((theta, start), (g, gradients[0]), (state.v, v)):
        assert_close(x, before, rtol=0, atol=0)


@BOTH
def test_nan_and_inf_pass_through(step, array):
    g = array(np.array([nan, inf, 1.0]))
    theta, state = step(array(np.zeros(3)), g, None, 0.5, 0.5)
    assert_close(state.v, np.array([nan, inf, 1.0]))
    expected = -0.75 if step is nesterov_step else -0.5
    assert_close(theta, np.array([nan, -inf, expected]))


@BOTH
@pytest.mark.parametrize("lr", [0.0, -0.1, nan, inf, -inf, True])
@pytest.mark.usefixtures("unchecked")
def test_learning_rates_out_of_range_are_refused(step, lr):
    with pytest.raises(ValueError, match=f"needs 0 < lr < inf, got {lr}"):
        step(np.ones(2), np.ones(2), None, lr)


@BOTH
@pytest.mark.parametrize("mu", [1.0, 1.5, -0.1, nan, inf, True, False])
@pytest.mark.usefixtures("unchecked")
def test_momentum_out_of_range_is_refused(step, mu):
    message = f"momentum needs 0 <= momentum < 1, got {mu}"
    with pytest.raises(ValueError, match=message):
        step(np.ones(2), np.ones(2), None, 0.1, mu)


@BOTH
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
@pytest.mark.usefixtures("unchecked")
def test_other_than_real_floating_numbers_are_refused(step, dtype, array):
    theta = array(np.ones(2, dtype))
    with pytest.raises(ValueError, match="are real floating-point"):
        step(theta, theta, None, 0.1)


@BOTH
@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), ()])
@pytest.mark.usefixtures("unchecked")
def test_other_shapes_are_refused(step, shape, array):
    """Most of these would broadcast."""
    theta, other = array(np.ones(2)), array(np.ones(shape))
    with pytest.raises(ValueError, match=r"a gradient needs the shape \(2,\)"):
        step(theta, other, None, 0.1)
    with pytest.raises(ValueError, match=r"a velocity needs the shape \(2,\)"):
        step(theta, theta, MomentumState(other), 0.1)


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
@pytest.mark.usefixtures("unchecked")
def test_other_dtypes_are_refused(step, dtype, array):
    theta, other = array(np.ones(2)), array(np.ones(2, dtype))
    with pytest.raises(ValueError, match=r"a gradient needs .* its param"):
        step(theta, other, None, 0.1)
    with pytest.raises(ValueError, match=r"a velocity needs .* its param"):
        step(theta, theta, MomentumState(other), 0.1)


@BOTH
@pytest.mark.usefixtures("unchecked")
def test_arrays_of_another_library_are_refused(step):
    """By their dtype, which torch does not share with NumPy."""
    ones = (np.ones(2), torch.ones(2, dtype=torch.float64))
    for theta, other in (ones, ones[::-1]):
        with pytest.raises(ValueError, match=r"a gradient needs .* its param"):
            step(theta, other, None, 0.1)
        with pytest.raises(ValueError, match=r"a velocity needs .* its param"):
            step(theta, theta, MomentumState(other), 0.1)


@BOTH
@pytest.mark.usefixtures("unchecked")
def test_the_state_of_another_method_is_refused(step):
    """Adam's has a v too: it would be read as a velocity."""
    state = namedtuple("AdamState", "m v t")(np.ones(2), np.ones(2), 1)
    with pytest.raises(ValueError, match="or a MomentumState, got a AdamState"):
        step(np.ones(2), np.ones(2), state, 0.1)
