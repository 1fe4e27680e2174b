from math import inf, nan, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.optimization.adaptive_gradients import (
    AdadeltaState,
    AdaGradState,
    RMSPropState,
    adadelta_step,
    adagrad_step,
    rmsprop_step,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)
from tests.optimization.trajectory import path

D, LR, RHO, EPS = 3, 0.2, 0.7, 0.05
STEPS = [adagrad_step, rmsprop_step, adadelta_step]
STATES = {
    adagrad_step: AdaGradState,
    rmsprop_step: RMSPropState,
    adadelta_step: AdadeltaState,
}


@pytest.fixture
def theta(rng):
    return rng.normal(size=D)


@pytest.fixture
def g(rng):
    return rng.normal(size=(2, D))[1]


@pytest.fixture
def old(rng):
    """Return a sum or mean of squares."""
    return rng.uniform(0.1, 2, size=D)


@pytest.fixture
def older(rng):
    return rng.uniform(0.1, 2, size=(2, D))[1]


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(theta, g, old, array):
    r"""s_t = s_{t-1} + g_t^2"""
    state = AdaGradState(array(old))
    _, state = adagrad_step(array(theta), array(g), state, LR)
    assert_close(state.s, [old[d] + g[d] * g[d] for d in range(D)])


def test_eq_2(theta, g, old, array):
    r"""\theta_t = \theta_{t-1} - \eta \, \frac{g_t}{\sqrt{s_t} + \epsilon}"""
    expected = []
    for d in range(D):
        s = old[d] + g[d] ** 2
        expected.append(theta[d] - LR * g[d] / (sqrt(s) + EPS))
    state = AdaGradState(array(old))
    found, _ = adagrad_step(array(theta), array(g), state, LR, EPS)
    assert_close(found, expected)


def test_eq_3(theta, g, old, older, array):
    r"""v_t = \rho \, v_{t-1} + (1 - \rho) \, g_t^2"""
    expected = [RHO * old[d] + (1 - RHO) * g[d] * g[d] for d in range(D)]
    state = RMSPropState(array(old))
    _, state = rmsprop_step(array(theta), array(g), state, LR, RHO)
    assert_close(state.v, expected)
    state = AdadeltaState(array(old), array(older))
    _, state = adadelta_step(array(theta), array(g), state, LR, RHO)
    assert_close(state.v, expected)


def test_eq_4(theta, g, old, array):
    r"""\theta_t = \theta_{t-1} - \eta \, \frac{g_t}{\sqrt{v_t} + \epsilon}"""
    expected = []
    for d in range(D):
        v = RHO * old[d] + (1 - RHO) * g[d] ** 2
        expected.append(theta[d] - LR * g[d] / (sqrt(v) + EPS))
    state = RMSPropState(array(old))
    found, _ = rmsprop_step(array(theta), array(g), state, LR, RHO, EPS)
    assert_close(found, expected)


def adadelta_by_hand(theta, g, v, u, lr):
    """Return new parameter, step and mean of squared steps of one number."""
    v = RHO * v + (1 - RHO) * g**2
    delta = -sqrt(u + EPS) / sqrt(v + EPS) * g
    u = RHO * u + (1 - RHO) * delta**2
    return theta + lr * delta, delta, u


def test_eq_5(g, old, older, array):
    r"""\Delta_t = - \frac{\sqrt{u_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}}
    \, g_t"""
    expected = [
        adadelta_by_hand(0.0, g[d], old[d], older[d], 1.0)[1] for d in range(D)
    ]
    state = AdadeltaState(array(old), array(older))
    zero = array(np.zeros(D))
    found, _ = adadelta_step(zero, array(g), state, 1.0, RHO, EPS)
    assert_close(found, expected)


def test_eq_6(theta, g, old, older, array):
    r"""u_t = \rho \, u_{t-1} + (1 - \rho) \, \Delta_t^2"""
    expected = [
        adadelta_by_hand(theta[d], g[d], old[d], older[d], LR)[2]
        for d in range(D)
    ]
    state = AdadeltaState(array(old), array(older))
    _, state = adadelta_step(array(theta), array(g), state, LR, RHO, EPS)
    assert_close(state.u, expected)


def test_eq_7(theta, g, old, older, array):
    r"""\theta_t = \theta_{t-1} + \eta \, \Delta_t"""
    expected = [
        adadelta_by_hand(theta[d], g[d], old[d], older[d], LR)[0]
        for d in range(D)
    ]
    state = AdadeltaState(array(old), array(older))
    found, _ = adadelta_step(array(theta), array(g), state, LR, RHO, EPS)
    assert_close(found, expected)


# The same as everybody else's: torch.optim, a hundred steps.


@pytest.mark.parametrize(
    ("step", "oracle", "options", "named"),
    [
        (adagrad_step, torch.optim.Adagrad, {"lr": 0.5}, {}),
        (adagrad_step, torch.optim.Adagrad, {"lr": 0.5, "eps": 0.3}, {}),
        (rmsprop_step, torch.optim.RMSprop, {"lr": 0.03}, {}),
        (
            rmsprop_step,
            torch.optim.RMSprop,
            {"lr": 0.03, "rho": 0.8, "eps": 0.3},
            {"rho": "alpha"},
        ),
        (adadelta_step, torch.optim.Adadelta, {}, {}),
        (
            adadelta_step,
            torch.optim.Adadelta,
            {"lr": 0.5, "rho": 0.8, "eps": 0.01},
            {},
        ),
    ],
)
def test_a_hundred_steps_of_torch(step, oracle, options, named, rng, array):
    """Without options the defaults are torch's too.

    The derivative of the last parameter is mostly zero, as for a rare word.
    """
    start = rng.normal(size=(2, 2))
    scale = np.array([[100.0, 1.0], [0.01, 1.0]])
    noise = rng.normal(size=(100, 2, 2))
    often = np.ones((100, 2, 2))
    often[:, 1, 1] = np.arange(100) % 10 == 3
    leaf = torch.tensor(start, requires_grad=True)
    theirs = oracle([leaf], **{named.get(k, k): v for k, v in options.items()})
    theta, state = array(start), None
    for t in range(100):
        g = often[t] * scale * (to_numpy(leaf) + noise[t])
        leaf.grad = torch.tensor(g)
        g = often[t] * scale * (to_numpy(theta) + noise[t])
        theirs.step()
        theta, state = step(theta, array(g), state, **options)
        assert_close(theta, leaf, rtol=1e-12, atol=1e-12)


# The gradient: how the step depends on the derivative it is given.


def test_gradient_of_adagrad(theta, g, old):
    past = torch.asarray(old)

    def step(theta, g):
        return adagrad_step(theta, g, AdaGradState(past), LR, EPS)[0]

    def backward(dy, _, g):
        root = torch.sqrt(past + g**2)
        return dy, -LR * dy * (past / root + EPS) / (root + EPS) ** 2

    assert_gradient(step, backward, theta, g)


def test_gradient_of_rmsprop(theta, g, old):
    past = torch.asarray(old)

    def step(theta, g):
        return rmsprop_step(theta, g, RMSPropState(past), LR, RHO, EPS)[0]

    def backward(dy, _, g):
        root = torch.sqrt(RHO * past + (1 - RHO) * g**2)
        return dy, -LR * dy * (RHO * past / root + EPS) / (root + EPS) ** 2

    assert_gradient(step, backward, theta, g)


def test_gradient_of_adadelta(theta, g, old, older):
    v, u = torch.asarray(old), torch.asarray(older)

    def step(theta, g):
        return adadelta_step(theta, g, AdadeltaState(v, u), LR, RHO, EPS)[0]

    def backward(dy, _, g):
        square = RHO * v + (1 - RHO) * g**2 + EPS
        steps = torch.sqrt(u + EPS)
        return dy, -LR * dy * steps * (RHO * v + EPS) / square**1.5

    assert_gradient(step, backward, theta, g)


# What the page promises, and what is refused.

SCALES = st.floats(1e-3, 1e3)


def test_a_constant_gradient_by_hand(array):
    """AdaGrad's t-th step is lr / sqrt(t), that of RMSProp lr / sqrt(1 - r^t)

    in every coordinate, however large its derivative.
    """
    start, g = array(np.zeros(2)), array(np.array([3.0, 0.1]))
    t = np.arange(1, 6)[:, None]
    steps = -np.diff(path(adagrad_step, lambda _: g, start, 5, lr=2.0), axis=0)
    assert_close(steps, np.broadcast_to(2 / np.sqrt(t), (5, 2)), rtol=1e-8)
    rows = path(rmsprop_step, lambda _: g, start, 5, lr=2.0, rho=0.75)
    expected = np.broadcast_to(2 / np.sqrt(1 - 0.75**t), (5, 2))
    assert_close(-np.diff(rows, axis=0), expected, rtol=1e-6)


@pytest.mark.parametrize("step", STEPS)
def test_the_state_before_the_first_step_is_zero(step, theta, g, array):
    kind = STATES[step]
    zero = kind(*(array(np.zeros(D)) for _ in kind._fields))
    found = step(array(theta), array(g), None, 0.1)
    expected = step(array(theta), array(g), zero, 0.1)
    assert isinstance(found[1], kind)
    assert_close(found[0], expected[0], rtol=0, atol=0)
    for a, b in zip(found[1], expected[1], strict=True):
        assert_close(a, b, rtol=0, atol=0)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(-9, 9), SCALES), min_size=2, max_size=9))
def test_every_rate_of_adagrad_only_falls(given_):
    """Also that of a parameter whose derivative is zero now and then."""
    state, rate = None, np.full(2, inf)
    for a, b in given_:
        g = np.array([a if abs(a) > 1 else 0.0, b])
        _, state = adagrad_step(np.zeros(2), g, state, 1.0)
        new = 1 / (np.sqrt(state.s) + 1e-10)
        assert np.all(new <= rate)
        assert np.all(new[g > 0.1] < rate[g > 0.1])
        rate = new


@settings(max_examples=20)
@given(SCALES, SCALES, st.integers(0, 99))
def test_a_factor_on_the_derivatives_drops_out(first, second, seed):
    """In AdaGrad and RMSProp, for each parameter its own factor."""
    factor = np.array([first, second])
    draws = np.random.default_rng(seed).normal(size=(8, 2))
    for step, eps in ((adagrad_step, 1e-12), (rmsprop_step, 1e-12)):
        ends = []
        for c in (np.ones(2), factor):
            theta, state = np.zeros(2), None
            for g in draws:
                theta, state = step(theta, c * g, state, lr=1.0, eps=eps)
            ends.append(theta)
        assert_close(ends[1], ends[0], rtol=1e-6, atol=1e-6)


@settings(max_examples=20)
@given(SCALES, SCALES, st.floats(0.0, 0.99))
def test_no_step_of_rmsprop_is_longer_than(first, second, rho):
    """Than lr / sqrt(1 - rho), because v is at least (1 - rho) g^2."""
    theta, state = np.zeros(1), None
    for g in (first, second, -first):
        new, state = rmsprop_step(theta, np.array([g]), state, 0.1, rho=rho)
        assert np.all(abs(new - theta) <= 0.1 / sqrt(1 - rho) * (1 + 1e-12))
        theta = new


def test_no_memory_is_a_step_by_the_sign(theta, g, array):
    found, _ = rmsprop_step(array(theta), array(g), None, 0.5, rho=0.0)
    assert_close(found, theta - 0.5 * np.sign(g), rtol=1e-7)


def test_a_valley_along_the_axes_is_no_valley(array):
    """The curvature drops out of AdaGrad's path, unless it is turned."""
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / sqrt(2)
    ends = {}
    for kappa in (1.0, 25.0):
        h = np.diag([1.0, kappa])
        for name, hessian, start in (
            ("along", h, np.array([3.0, 3.0])),
            ("turned", turn @ h @ turn.T, turn @ np.array([3.0, 3.0])),
        ):
            rows = path(
                adagrad_step,
                lambda t, hessian=hessian: array(hessian @ to_numpy(t)),
                array(start),
                20,
                lr=1.0,
            )
            ends[name, kappa] = np.linalg.norm(rows[-1])
    assert ends["along", 25.0] == pytest.approx(ends["along", 1.0])
    assert ends["along", 25.0] < 0.02
    assert ends["turned", 25.0] > 2


def test_rmsprop_with_a_fixed_rate_ends_hopping():
    rows = path(rmsprop_step, lambda t: 2 * t, np.ones(1), 300, lr=0.1, rho=0.9)
    assert_close(abs(rows[-2:, 0]), np.full(2, 0.05), rtol=1e-4)
    assert rows[-1, 0] * rows[-2, 0] < 0


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
@pytest.mark.parametrize("step", STEPS)
def test_parameters_may_have_any_shape(step, shape, rng, array):
    start, g = rng.normal(size=(2, *shape))
    flat = step(start.reshape(-1), g.reshape(-1), None, 0.1)[0]
    found, state = step(
        array(np.asarray(start)), array(np.asarray(g)), None, 1.0
    )
    assert all(tuple(x.shape) == shape for x in (found, *state))
    expected = start.reshape(-1) + 10 * (flat - start.reshape(-1))
    assert_close(found, expected.reshape(shape))


@pytest.mark.parametrize("step", STEPS)
def test_float32_stays_float32(step, theta, g):
    """Hyperparameters that are NumPy's float64 do not widen it."""
    names = ("lr", "eps") if step is adagrad_step else ("lr", "rho", "eps")
    rates = {name: np.float64(0.25) for name in names}

    def twice(theta, g):
        new, state = step(theta, g, None, **rates)
        new, state = step(new, g, state, **rates)
        return new, *state

    assert_float32(twice, theta, g)
    arrays = {name: np.asarray(rate) for name, rate in rates.items()}
    found, _ = step(theta, g, None, **arrays)
    assert_close(found, step(theta, g, None, **rates)[0], rtol=0)


@pytest.mark.parametrize("step", STEPS)
def test_arguments_stay_as_they_are(step, theta, g, old, array):
    kind = STATES[step]
    given_ = [array(x.copy()) for x in (theta, g, old)]
    state = kind(*(given_[2] for _ in kind._fields))
    step(given_[0], given_[1], state, 0.1)
    for a, b in zip(given_, (theta, g, old), strict=True):
        assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("step", STEPS)
def test_a_derivative_of_zero_leaves_its_parameter(step, theta, array):
    new, _ = step(array(theta), array(np.zeros(D)), None, 0.1)
    assert_close(new, theta, rtol=0, atol=0)


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150])
def test_huge_and_tiny_derivatives(size, array):
    """Where the square underflows, eps is larger than its root."""
    g = array(np.array([size]))
    zero = array(np.zeros(1))
    expected = [-size / (size + 1e-10)]
    assert_close(adagrad_step(zero, g, None, 1.0)[0], expected, atol=0)
    found, _ = rmsprop_step(zero, g, None, 1.0, rho=0.0, eps=1.5e-154)
    assert -1 <= float(to_numpy(found)[0]) < 0
    found, _ = adadelta_step(zero, g, None, eps=1e-6)
    expected = [-size * 1e-3 / sqrt(0.1 * size**2 + 1e-6)]
    assert_close(found, expected, atol=0)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("step", STEPS)
def test_squares_that_overflow_do_not_hold_a_parameter(step, array):
    """A step divided by inf would be zero, in silence and from now on."""
    g, theta, state = array(np.array([1.0, 1e200])), array(np.ones(2)), None
    alone, past = np.ones(1), None
    for _ in range(2):
        theta, state = step(theta, g, state, lr=0.1)
        alone, past = step(alone, np.ones(1), past, lr=0.1)
        assert np.isnan(to_numpy(theta)).tolist() == [False, True]
        g = array(np.ones(2))
    assert_close(to_numpy(theta)[:1], alone)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_squared_steps_that_overflow_do_not_pass_unseen(array):
    zero = array(np.zeros(1))
    wide = AdadeltaState(zero, array(np.array([1e308])))
    theta, state = adadelta_step(zero, array(np.ones(1)), wide)
    theta, _ = adadelta_step(theta, array(np.ones(1)), state)
    assert np.isnan(to_numpy(theta)).all()


@pytest.mark.filterwarnings("ignore:invalid")
@pytest.mark.parametrize("bad", [nan, inf, -inf])
@pytest.mark.parametrize("step", STEPS)
def test_nan_and_inf_pass_through(step, bad, array):
    """In the parameters and in the gradient, for good; others are not hurt."""
    good, wrong = array(np.ones(2)), array(np.array([1.0, bad]))
    clean, state = step(good, good, None, lr=0.1)
    clean, _ = step(clean, good, state, lr=0.1)
    for theta, g in ((good, wrong), (wrong, good)):
        new, state = step(theta, g, None, lr=0.1)
        new, _ = step(new, good, state, lr=0.1)
        assert_close(to_numpy(new)[0], to_numpy(clean)[0], rtol=0, atol=0)
        assert not np.isfinite(to_numpy(new)[1])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0.0, -0.1, nan, inf, -inf, True])
@pytest.mark.parametrize("step", STEPS)
def test_learning_rates_out_of_range_are_refused(step, bad):
    with pytest.raises(ValueError, match=f"needs 0 < lr < inf, got {bad}"):
        step(np.ones(2), np.ones(2), None, lr=bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-0.1, 1.0, 1.5, nan, inf, False])
@pytest.mark.parametrize("step", STEPS[1:])
def test_memories_out_of_range_are_refused(step, bad):
    with pytest.raises(ValueError, match=f"needs 0 <= rho < 1, got {bad}"):
        step(np.ones(2), np.ones(2), None, lr=0.1, rho=bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0.0, -1e-8, 1e-155, nan, inf, True])
@pytest.mark.parametrize("step", STEPS)
def test_eps_out_of_range_is_refused(step, bad):
    """A long memory counts a first square less, so eps needs to be larger."""
    past, low = {
        adagrad_step: ("", "1.5e-154"),
        rmsprop_step: (" and rho = 0.99", "1.5e-153"),
        adadelta_step: (" and rho = 0.9", "4.7e-154"),
    }[step]
    message = f"float64{past} eps needs to be from {low} to 1.8e.308, got {bad}"
    with pytest.raises(ValueError, match=message):
        step(np.ones(2), np.ones(2), None, lr=0.1, eps=bad)


@pytest.mark.parametrize("step", STEPS)
def test_eps_has_to_fit_the_dtype(step, array):
    """In float32 1e-20 is a number, but its square is not."""
    one = array(np.ones(2, np.float32))
    low = {
        adagrad_step: "1.1e-19",
        rmsprop_step: "1.1e-18",
        adadelta_step: "3.4e-19",
    }[step]
    for bad in (1e-20, 1e39):
        with pytest.raises(ValueError, match=rf"from {low} to 3.4e.38, got"):
            step(one, one, None, lr=0.1, eps=bad)
    assert_close(step(one, one, None, lr=0.1, eps=2e-18)[0].shape, (2,))


def test_the_smallest_and_largest_eps_are_allowed(array):
    one, low = array(np.ones(2)), sqrt(np.finfo(np.float64).smallest_normal)
    for eps in (low, np.finfo(np.float64).max):
        found, _ = adagrad_step(one, one, None, lr=1.0, eps=eps)
        assert_close(found, np.full(2, 1 - 1 / (1 + eps)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
@pytest.mark.parametrize("step", STEPS)
def test_other_than_real_floating_numbers_are_refused(step, dtype, array):
    ones = array(np.ones(2, dtype))
    with pytest.raises(ValueError, match="need to be real floating-point, got"):
        step(ones, ones, None, 0.1)
    with pytest.raises(ValueError, match="gradient needs the shape"):
        step(array(np.ones(2)), ones, None, 0.1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 2)])
@pytest.mark.parametrize("step", STEPS)
def test_other_shapes_are_refused(step, shape, array):
    """Most of these would broadcast."""
    good, wrong = array(np.ones(2)), array(np.ones(shape))
    message = r"needs the shape \(2,\) and the dtype .*float64 of its param"
    with pytest.raises(ValueError, match=f"gradient {message}"):
        step(good, wrong, None, 0.1)
    kind = STATES[step]
    for k, name in enumerate(kind._fields):
        arrays = [wrong if j == k else good for j in range(2)]
        with pytest.raises(ValueError, match=f"{name} {message}"):
            step(good, good, kind(*arrays[: len(kind._fields)]), 0.1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("step", STEPS)
def test_another_dtype_is_refused(step, array):
    wide, narrow = array(np.ones(2)), array(np.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"gradient needs .* of its param"):
        step(narrow, wide, None, 0.1)
    kind = STATES[step]
    state = kind(*(wide for _ in kind._fields))
    with pytest.raises(ValueError, match=r"needs .* of its parameters, got"):
        step(narrow, narrow, state, 0.1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("step", STEPS)
def test_the_state_of_another_method_is_refused(step):
    ones = np.ones(2)
    kind = STATES[step]
    for other in {AdaGradState, RMSPropState, AdadeltaState} - {kind}:
        state = other(*(ones for _ in other._fields))
        message = f"None or a {kind.__name__}, got a {other.__name__}"
        with pytest.raises(ValueError, match=message):
            step(ones, ones, state, 0.1)
    with pytest.raises(ValueError, match=f"{kind.__name__}, got a ndarray"):
        step(ones, ones, ones, 0.1)
