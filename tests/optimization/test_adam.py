from math import inf, nan, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.optimization.adam import AdamState, adam_step, adamw_step
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)
from tests.optimization.trajectory import path

D, T = 3, 4
RATES = {"lr": 0.2, "beta1": 0.6, "beta2": 0.8, "eps": 0.05}
LR, B1, B2, EPS = RATES.values()
STEPS = [adam_step, adamw_step]
ZERO = np.zeros(1)


@pytest.fixture
def theta(rng):
    return rng.normal(size=D)


@pytest.fixture
def g(rng):
    return rng.normal(size=(2, D))[1]


@pytest.fixture
def m(rng):
    return rng.normal(size=(3, D))[2]


@pytest.fixture
def v(rng):
    """Return a mean of squares, large enough not to drown in eps."""
    return rng.uniform(0.1, 2, size=D)


@pytest.fixture
def v_max(v):
    """Return a largest mean so far: for the first parameter just below v."""
    return v * np.array([0.1, 2.0, 3.0])


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(theta, g, m, v, array):
    r"""m_t = \beta_1 \, m_{t-1} + (1 - \beta_1) \, g_t"""
    state = AdamState(array(m), array(v), T - 1, array(v))
    expected = [B1 * m[d] + (1 - B1) * g[d] for d in range(D)]
    for step in STEPS:
        _, new = step(array(theta), array(g), state, **RATES)
        assert_close(new.m, expected)


def test_eq_2(theta, g, m, v, array):
    r"""v_t = \beta_2 \, v_{t-1} + (1 - \beta_2) \, g_t^2"""
    state = AdamState(array(m), array(v), T - 1, array(v))
    expected = [B2 * v[d] + (1 - B2) * g[d] * g[d] for d in range(D)]
    for step in STEPS:
        _, new = step(array(theta), array(g), state, **RATES)
        assert_close(new.v, expected)
        assert new.t == T
        assert_close(new.v_max, expected)


def by_hand(theta, g, m, v, decay=0.0, kept=1.0, t=T, v_max=0.0):
    """Return one number after a step; decay is in the gradient."""
    g = g + decay * theta
    m = B1 * m + (1 - B1) * g
    v = max(v_max, B2 * v + (1 - B2) * g**2)
    m_hat, v_hat = m / (1 - B1**t), v / (1 - B2**t)
    return kept * theta - LR * m_hat / (sqrt(v_hat) + EPS)


def test_eq_3(theta, g, m, v, array):
    r"""\hat{m}_t = \frac{m_t}{1 - \beta_1^t}"""
    expected = []
    for d in range(D):
        m_hat = (B1 * m[d] + (1 - B1) * g[d]) / (1 - B1**T)
        expected.append(theta[d] - LR * m_hat / (1 + EPS))
    # With v = 1 - B2^(T - 1) the step comes to divide by 1 + eps.
    v = (1 - B2**T - (1 - B2) * g**2) / B2
    state = AdamState(array(m), array(v), T - 1, array(v))
    found, _ = adam_step(array(theta), array(g), state, **RATES)
    assert_close(found, expected)


def test_eq_4(theta, g, m, v, array):
    r"""\hat{v}_t = \frac{v_t}{1 - \beta_2^t}"""
    # Without memory of gradients, the corrected m is the gradient itself.
    expected = []
    for d in range(D):
        v_hat = (B2 * v[d] + (1 - B2) * g[d] ** 2) / (1 - B2**T)
        expected.append(theta[d] - LR * g[d] / (sqrt(v_hat) + EPS))
    state = AdamState(array(m), array(v), T - 1, array(v))
    rates = RATES | {"beta1": 0.0}
    found, _ = adam_step(array(theta), array(g), state, **rates)
    assert_close(found, expected)


def test_eq_5(g, m, v, array):
    r"""r_t = \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}"""
    expected = [by_hand(0.0, g[d], m[d], v[d]) / -LR for d in range(D)]
    state = AdamState(array(m), array(v), T - 1, array(v))
    zero = array(np.zeros(D))
    found, _ = adam_step(zero, array(g), state, **RATES | {"lr": 1.0})
    assert_close(-to_numpy(found), expected)


def test_eq_6(theta, g, m, v, array):
    r"""\theta_t = \theta_{t-1} - \eta \, r_t"""
    expected = [by_hand(theta[d], g[d], m[d], v[d]) for d in range(D)]
    state = AdamState(array(m), array(v), T - 1, array(v))
    found, _ = adam_step(array(theta), array(g), state, **RATES)
    assert_close(found, expected)


def test_eq_7(theta, g, m, v, array):
    r"""g_t = \nabla f(\theta_{t-1}) + \lambda \, \theta_{t-1}"""
    expected = [by_hand(theta[d], g[d], m[d], v[d], 0.3) for d in range(D)]
    state = AdamState(array(m), array(v), T - 1, array(v))
    options = RATES | {"weight_decay": 0.3}
    found, _ = adam_step(array(theta), array(g), state, **options)
    assert_close(found, expected)


def test_eq_8(theta, g, m, v, array):
    r"""\theta_t = (1 - \eta \lambda) \, \theta_{t-1} - \eta \, r_t"""
    kept = 1 - LR * 0.3
    expected = [
        by_hand(theta[d], g[d], m[d], v[d], kept=kept) for d in range(D)
    ]
    state = AdamState(array(m), array(v), T - 1, array(v))
    options = RATES | {"weight_decay": 0.3}
    found, new = adamw_step(array(theta), array(g), state, **options)
    assert_close(found, expected)
    assert_close(new.m, [B1 * m[d] + (1 - B1) * g[d] for d in range(D)])


def test_eq_9(theta, g, m, v, v_max, array):
    r"""v^{\max}_t = \max(v^{\max}_{t-1}, v_t)"""
    largest = [
        max(v_max[d], B2 * v[d] + (1 - B2) * g[d] ** 2) for d in range(D)
    ]
    expected = [
        by_hand(theta[d], g[d], m[d], v[d], v_max=v_max[d]) for d in range(D)
    ]
    assert largest[0] > v_max[0]
    assert largest[2] == v_max[2]
    state = AdamState(array(m), array(v), T - 1, array(v_max))
    for step in STEPS:
        found, new = step(
            array(theta), array(g), state, **RATES, amsgrad=True,
            weight_decay=0.0,
        )  # fmt: skip
        assert_close(new.v_max, largest)
        assert_close(found, expected)


# The same as everybody else's: torch.optim.


@pytest.mark.parametrize(
    ("step", "oracle", "options", "named"),
    [
        (adam_step, torch.optim.Adam, {}, {}),
        (
            adam_step,
            torch.optim.Adam,
            {"lr": 0.3, "eps": 0.2, "weight_decay": 0.1},
            {"beta1": 0.7, "beta2": 0.9},
        ),
        (adam_step, torch.optim.Adam, {"lr": 0.1, "amsgrad": True}, {}),
        (adamw_step, torch.optim.AdamW, {}, {}),
        (
            adamw_step,
            torch.optim.AdamW,
            {"lr": 0.3, "weight_decay": 0.4, "eps": 1e-3, "amsgrad": True},
            {"beta1": 0.0, "beta2": 0.5},
        ),
    ],
)
def test_a_hundred_steps_of_torch(step, oracle, options, named, rng, array):
    """Without options the defaults are torch's too.

    The gradients shrink, for the maximum to matter, and one is mostly zero.
    """
    start = rng.normal(size=(2, 2))
    noise = rng.normal(size=(100, 2, 2)) / np.arange(1, 101)[:, None, None]
    scale = np.array([[100.0, 1.0], [0.01, 1.0]])
    often = np.ones((100, 2, 2))
    often[:, 1, 1] = np.arange(100) % 10 == 3
    leaf = torch.tensor(start, requires_grad=True)
    betas = {"betas": tuple(named.values())} if named else {}
    theirs = oracle([leaf], **options, **betas)
    theta, state = array(start), None
    for t in range(100):
        leaf.grad = torch.tensor(often[t] * scale * (to_numpy(leaf) + noise[t]))
        g = often[t] * scale * (to_numpy(theta) + noise[t])
        theirs.step()
        theta, state = step(theta, array(g), state, **options, **named)
        assert_close(theta, leaf, rtol=1e-12, atol=1e-12)
    assert state.t == 100


# The gradient: how the step depends on the gradient it is given.


@pytest.mark.parametrize("step", STEPS)
def test_gradient_of_a_step(step, theta, g, m, v):
    state = AdamState(*map(torch.asarray, (m, v)), T - 1, torch.asarray(v))
    options = RATES | {"weight_decay": 0.3}
    c1, c2 = 1 - B1**T, 1 - B2**T

    def backward(dy, theta, g):
        full = g + 0.3 * theta if step is adam_step else g
        mean = (B1 * state.m + (1 - B1) * full) / c1
        root = torch.sqrt((B2 * state.v + (1 - B2) * full**2) / c2)
        slope = (1 - B1) / c1 / (root + EPS)
        slope -= mean * (1 - B2) * full / c2 / root / (root + EPS) ** 2
        if step is adam_step:
            return dy * (1 - LR * slope * 0.3), -LR * dy * slope
        return dy * (1 - LR * 0.3), -LR * dy * slope

    assert_gradient(
        lambda theta, g: step(theta, g, state, **options)[0], backward, theta, g
    )


# What the page promises, and what is refused.


def test_a_constant_gradient_makes_steps_of_length_lr(array):
    """From the first step on, whatever its size: that is the correction."""
    slope = array(np.array([2.0, -300.0, 0.01]))
    rows = path(adam_step, lambda _: slope, array(np.zeros(3)), 12, lr=0.5)
    expected = -0.5 * np.sign(to_numpy(slope)) * np.ones((12, 3))
    assert_close(np.diff(rows, axis=0), expected, rtol=2e-6)


def test_dividing_without_t_is_right_in_the_first_step_only(array):
    """The numbers of a library that forgot t, after 2 and 10 steps."""
    one = array(np.ones(1))
    rows = path(adam_step, lambda _: one, one, 10, lr=0.01)
    assert_close(rows[[1, 2, 10], 0], [0.99, 0.98, 0.9], rtol=1e-8)
    theta, m, v, wrong = 1.0, 0.0, 0.0, []
    for _ in range(10):
        m, v = 0.9 * m + 0.1, 0.999 * v + 0.001
        theta -= 0.01 * (m / 0.1) / (sqrt(v / 0.001) + 1e-8)
        wrong.append(theta)
    assert_close([wrong[0]], rows[1], rtol=1e-8)
    assert wrong[1] == pytest.approx(0.97656, abs=1e-5)
    assert wrong[9] == pytest.approx(0.8252, abs=1e-4)


def test_without_correction_the_first_steps_are_too_long(array):
    """A state that has already seen very many steps, all of them zero."""
    one, zero = array(np.ones(1)), array(ZERO)
    late = AdamState(zero, zero, 10**6, zero)
    rows = path(adam_step, lambda _: one, zero, 30, state=late, lr=1.0)
    t = np.arange(1, 31)
    expected = (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
    assert_close(-np.diff(rows[:, 0]), expected, rtol=1e-5)
    assert expected.max() == pytest.approx(6.57, abs=0.01)


@settings(max_examples=20)
@given(
    st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(0, 99),
    st.booleans(),
)  # fmt: skip
def test_a_factor_on_the_derivatives_drops_out(first, second, seed, amsgrad):
    factor = np.array([first, second])
    draws = np.random.default_rng(seed).normal(size=(8, 2))
    ends = []
    for c in (np.ones(2), factor):
        theta, state = np.zeros(2), None
        for g in draws:
            theta, state = adam_step(
                theta, c * g, state, lr=1.0, eps=1e-12, amsgrad=amsgrad
            )
        ends.append(theta)
    assert_close(ends[1], ends[0], rtol=1e-6, atol=1e-6)


@settings(max_examples=20)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
def test_no_step_is_longer_than(gradients):
    """Than lr times the root of 0.01 / (0.001 (1 - 0.81 / 0.999))."""
    bound, theta, state = 7.271, np.zeros(1), None
    for g in gradients:
        new, state = adam_step(theta, np.array([g]), state, lr=1.0)
        assert np.all(abs(new - theta) <= bound)
        theta = new


def test_growing_gradients_come_close_to_the_longest_step(array):
    """After very many zeros."""
    zero = array(ZERO)
    state = AdamState(zero, zero, 10**6, zero)
    for t in range(50):
        g = array(np.array([(0.999 / 0.9) ** t]))
        move, state = adam_step(zero, g, state, lr=1.0)
    assert float(to_numpy(move)[0]) == pytest.approx(-7.27, abs=0.01)


def test_decoupled_decay_is_the_same_for_all_derivatives(array):
    """Inside of the gradient, it is divided by their size."""
    scale, ends = np.array([10.0, 0.1]), {}
    for step in STEPS:
        theta, state = array(np.ones(2)), None
        for t in range(100):
            g = array(scale * (-1) ** t)
            theta, state = step(theta, g, state, lr=0.01, weight_decay=0.1)
        ends[step] = to_numpy(theta)
    assert ends[adamw_step][0] == pytest.approx(ends[adamw_step][1], rel=1e-6)
    assert ends[adamw_step][0] == pytest.approx(0.999**100, abs=0.02)
    assert ends[adam_step][0] > 0.95
    assert ends[adam_step][1] < 0.6


def test_without_decay_both_are_the_same(theta, g, array):
    a, b = (
        step(array(theta), array(g), None, weight_decay=0.0) for step in STEPS
    )
    assert_close(a[0], b[0], rtol=0, atol=0)


@pytest.mark.parametrize(("amsgrad", "end"), [(False, 1.0), (True, -1.0)])
def test_the_counter_example_of_reddi(amsgrad, end, array):
    """Three gradients sum up to +1, so that -1 is the best of [-1, 1]."""
    theta, state = array(ZERO), None
    for t in range(1, 121):
        g = array(np.array([3.0 if t % 3 == 1 else -1.0]))
        theta, state = adam_step(
            theta, g, state, 0.5 / sqrt(t), 0.0, 0.1, amsgrad=amsgrad
        )
        theta = array(np.clip(to_numpy(theta), -1, 1))
    assert_close(theta, [end], rtol=0, atol=0.06)


@pytest.mark.parametrize("step", STEPS)
def test_the_state_before_the_first_step_is_zero(step, theta, g, array):
    zero = array(np.zeros(D))
    zero = AdamState(zero, zero, 0, zero)
    found = step(array(theta), array(g), None)
    expected = step(array(theta), array(g), zero)
    assert isinstance(found[1], AdamState)
    assert found[1].t == expected[1].t == 1
    for a, b in zip(
        (found[0], *found[1][:2]), (expected[0], *expected[1][:2]), strict=True
    ):
        assert_close(a, b, rtol=0, atol=0)


def test_amsgrad_can_be_switched_on_and_off(theta, g, m, v, v_max, array):
    """The maximum begins at the v so far, and without it v is forgotten."""
    state = AdamState(array(m), array(v), T - 1, array(v_max))
    _, off = adam_step(array(theta), array(g), state, **RATES)
    new = B2 * v + (1 - B2) * g**2
    assert_close(off.v_max, new)
    _, on = adam_step(array(theta), array(0 * g), off, **RATES, amsgrad=True)
    assert_close(on.v_max, new)
    assert_close(on.v, B2 * new)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
@pytest.mark.parametrize("step", STEPS)
def test_parameters_may_have_any_shape(step, shape, rng, array):
    start, g = rng.normal(size=(2, *shape))
    flat, _ = step(start.reshape(-1), g.reshape(-1), None)
    found, state = step(
        array(np.asarray(start)), array(np.asarray(g)), None, amsgrad=True
    )
    arrays = (found, state.m, state.v, state.v_max)
    assert all(tuple(x.shape) == shape for x in arrays)
    assert_close(found, flat.reshape(shape))


@pytest.mark.parametrize("step", STEPS)
def test_float32_stays_float32(step, theta, g):
    """Hyperparameters that are NumPy's float64 do not widen it."""
    rates = {name: np.float64(rate) for name, rate in RATES.items()}
    rates["weight_decay"] = np.float64(0.1)

    def twice(theta, g):
        new, state = step(theta, g, None, **rates, amsgrad=True)
        new, state = step(new, g, state, **rates, amsgrad=True)
        return new, state.m, state.v, state.v_max

    assert_float32(twice, theta, g)
    arrays = {name: np.asarray(rate) for name, rate in rates.items()}
    found, _ = step(theta, g, None, **arrays)
    assert_close(found, step(theta, g, None, **rates)[0], rtol=0)


@pytest.mark.parametrize("step", STEPS)
def test_arguments_stay_as_they_are(step, theta, g, v, array):
    given_ = [array(x.copy()) for x in (theta, g, v)]
    state = AdamState(given_[2], given_[2], 1, given_[2])
    step(given_[0], given_[1], state, amsgrad=True)
    for a, b in zip(given_, (theta, g, v), strict=True):
        assert_close(a, b, rtol=0, atol=0)
    assert state.t == 1


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("t", [np.int8(127), np.uint8(255), np.asarray(3)])
def test_the_count_may_be_a_numpy_integer(t, theta, g, v):
    """One more than 127 or 255 does not fit into its 8 bits."""
    _, state = adam_step(theta, g, AdamState(g, v, t, v))
    assert state.t == int(t) + 1


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150])
def test_huge_and_tiny_derivatives(size, array):
    """Where the square underflows, eps is larger than its root."""
    g, zero = array(np.array([size])), array(ZERO)
    found, _ = adam_step(zero, g, None, lr=1.0)
    assert_close(found, [-size / (size + 1e-8)], atol=0)
    found, _ = adam_step(zero, g, None, lr=1.0, eps=4.8e-153)
    assert -1 <= float(to_numpy(found)[0]) < 0


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_squares_that_overflow_do_not_hold_a_parameter(step, amsgrad, array):
    """A step divided by inf would be zero, in silence and from now on."""
    g, theta = array(np.array([1.0, 1e200])), array(np.ones(2))
    state = None
    for _ in range(2):
        theta, state = step(theta, g, state, lr=0.1, amsgrad=amsgrad)
        assert np.isnan(to_numpy(theta)).tolist() == [False, True]
        g = array(np.ones(2))
    alone, state = np.ones(1), None
    for _ in range(2):
        alone, state = step(alone, np.ones(1), state, lr=0.1, amsgrad=amsgrad)
    assert_close(to_numpy(theta)[:1], alone)


@pytest.mark.filterwarnings("ignore:invalid")
@pytest.mark.parametrize("bad", [nan, inf, -inf])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_nan_and_inf_pass_through(step, amsgrad, bad, array):
    """In the parameters and in the gradient, for good; others are not hurt."""
    good, wrong = array(np.ones(2)), array(np.array([1.0, bad]))
    clean, state = step(good, good, None, amsgrad=amsgrad)
    clean, _ = step(clean, good, state, amsgrad=amsgrad)
    for theta, g in ((good, wrong), (wrong, good)):
        new, state = step(theta, g, None, amsgrad=amsgrad)
        new, _ = step(new, good, state, amsgrad=amsgrad)
        assert_close(to_numpy(new)[0], to_numpy(clean)[0], rtol=0, atol=0)
        assert not np.isfinite(to_numpy(new)[1])


@pytest.mark.parametrize("bad", [-1, 1.0, nan, True, None])
@pytest.mark.usefixtures("unchecked")
def test_other_counts_are_refused(bad):
    one = np.ones(2)
    with pytest.raises(ValueError, match=f"an integer >= 0, got {bad}"):
        adam_step(one, one, AdamState(one, one, bad, one))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0.0, -0.1, nan, inf, -inf, True])
@pytest.mark.parametrize("step", STEPS)
def test_learning_rates_out_of_range_are_refused(step, bad):
    with pytest.raises(ValueError, match=f"needs 0 < lr < inf, got {bad}"):
        step(np.ones(2), np.ones(2), None, lr=bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-0.1, nan, inf, True])
@pytest.mark.parametrize("step", STEPS)
def test_weight_decays_out_of_range_are_refused(step, bad):
    message = f"needs 0 <= weight_decay < inf, got {bad}"
    with pytest.raises(ValueError, match=message):
        step(np.ones(2), np.ones(2), None, weight_decay=bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-0.1, 1.0, 1.5, nan, inf, False])
@pytest.mark.parametrize("name", ["beta1", "beta2"])
@pytest.mark.parametrize("step", STEPS)
def test_memories_out_of_range_are_refused(step, name, bad):
    with pytest.raises(ValueError, match=f"0 <= {name} < 1, got {bad}"):
        step(np.ones(2), np.ones(2), None, **{name: bad})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0.0, -1e-8, 4e-153, nan, inf, True])
@pytest.mark.parametrize("step", STEPS)
def test_eps_out_of_range_is_refused(step, bad):
    message = f"0.999 eps needs to be from 4.7e-153 to 1.8e.308, got {bad}"
    with pytest.raises(ValueError, match=message):
        step(np.ones(2), np.ones(2), None, eps=bad)


def test_eps_has_to_fit_the_dtype(array):
    """In float32 1e-20 is a number, but its square is not."""
    one = array(np.ones(2, np.float32))
    for bad in (1e-20, 1e39):
        with pytest.raises(ValueError, match=r"from 3.4e-18 to 3.4e.38, got"):
            adam_step(one, one, None, eps=bad)
    found, _ = adam_step(one, one, None, eps=1e-17)
    assert_close(found, np.full(2, 0.999), rtol=1e-6)
    found, _ = adam_step(one, one, None, eps=np.finfo(np.float32).max)
    assert_close(found, np.ones(2))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
@pytest.mark.parametrize("step", STEPS)
def test_other_than_real_floating_numbers_are_refused(step, dtype, array):
    ones = array(np.ones(2, dtype))
    with pytest.raises(ValueError, match="need to be real floating-point, got"):
        step(ones, ones, None)
    with pytest.raises(ValueError, match="gradient needs the shape"):
        step(array(np.ones(2)), ones, None)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 2)])
@pytest.mark.parametrize("step", STEPS)
def test_other_shapes_are_refused(step, shape, array):
    """Most of these would broadcast."""
    good, wrong = array(np.ones(2)), array(np.ones(shape))
    message = r"needs the shape \(2,\) and the dtype .*float64 of its param"
    with pytest.raises(ValueError, match=f"gradient {message}"):
        step(good, wrong, None)
    for name in ("m", "v", "v_max"):
        state = AdamState(good, good, 1, good)._replace(**{name: wrong})
        with pytest.raises(ValueError, match=f"{name} {message}"):
            step(good, good, state)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("step", STEPS)
def test_another_dtype_is_refused(step, array):
    wide, narrow = array(np.ones(2)), array(np.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"gradient needs .* of its param"):
        step(narrow, wide, None)
    for name in ("m", "v", "v_max"):
        state = AdamState(narrow, narrow, 1, narrow)._replace(**{name: wide})
        with pytest.raises(ValueError, match=f"{name} needs .* of its param"):
            step(narrow, narrow, state)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("step", STEPS)
def test_the_state_of_another_method_is_refused(step):
    ones = np.ones(2)
    for other in (ones, (ones, ones, 1)):
        name = type(other).__name__
        with pytest.raises(ValueError, match=f"AdamState, got a {name}"):
            step(ones, ones, other)
