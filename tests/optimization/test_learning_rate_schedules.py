from math import cos, inf, nan, pi, sin, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.optimization.learning_rate_schedules import (
    cosine,
    inverse_sqrt,
    linear,
    step_decay,
    warmup,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

LR, END, STEPS, WARMUP = 0.3, 0.02, 12, 5
T = np.arange(20.0)

# Every schedule, with arguments of its own, as a function of t alone.
SCHEDULES = {
    "step_decay": lambda t: step_decay(t, LR, [4, 9], 0.5),
    "linear": lambda t: linear(t, LR, STEPS, END),
    "cosine": lambda t: cosine(t, LR, STEPS, END),
    "inverse_sqrt": lambda t: inverse_sqrt(t, LR, WARMUP),
    "warmup": lambda t: warmup(t, WARMUP),
}
every_schedule = pytest.mark.parametrize(
    "schedule", SCHEDULES.values(), ids=SCHEDULES
)


def torch_rates(make, lr=LR, count=20):
    """Return the rates with which an optimizer of torch makes its steps."""
    leaf = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([leaf], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(array):
    r"""\eta_t = \eta \, \gamma^{\sum_k [m_k \le t]}"""
    milestones, expected = [3, 11, 4], []
    for t in range(len(T)):
        rate = LR
        for m in milestones:
            if m <= t:
                rate *= 0.2
        expected.append(rate)
    assert_close(step_decay(array(T), LR, milestones, 0.2), expected)


def test_eq_2(array):
    r"""p_t = \min \left( \frac{t}{T}, 1 \right)"""
    expected = [t / STEPS if t < STEPS else 1 for t in range(len(T))]
    assert_close(1 - linear(array(T), 1.0, STEPS), expected)


def test_eq_3(array):
    r"""\eta_t = \eta_{\text{end}}
    + (1 - p_t) \, (\eta - \eta_{\text{end}})"""
    p = [min(t / STEPS, 1) for t in range(len(T))]
    expected = [END + (1 - p[t]) * (LR - END) for t in range(len(T))]
    assert_close(linear(array(T), LR, STEPS, END), expected)


def test_eq_4(array):
    r"""\eta_t = \eta_{\text{end}}
    + \frac{1 + \cos(\pi p_t)}{2} \, (\eta - \eta_{\text{end}})"""
    p = [min(t / STEPS, 1) for t in range(len(T))]
    expected = [
        END + (1 + cos(pi * p[t])) / 2 * (LR - END) for t in range(len(T))
    ]
    assert_close(cosine(array(T), LR, STEPS, END), expected)


def test_eq_5(array):
    r"""\eta_t = \eta \, \sqrt{\min \left( \frac{W}{t + 1}, 1 \right)}"""
    expected = [LR * sqrt(min(WARMUP / (t + 1), 1)) for t in range(len(T))]
    assert_close(inverse_sqrt(array(T), LR, WARMUP), expected)


def test_eq_6(array):
    r"""w_t = \min \left( \frac{t + 1}{W}, 1 \right)"""
    expected = [min((t + 1) / WARMUP, 1) for t in range(len(T))]
    assert_close(warmup(array(T), WARMUP), expected)


# The same as everybody else's: the schedulers of torch, and the formula of
# the transformer.


def test_torch_multi_step(array):
    expected = torch_rates(
        lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [4, 9, 9])
    )
    assert_close(step_decay(array(T), LR, [4, 9, 9]), expected)


def test_torch_step(array):
    expected = torch_rates(
        lambda o: torch.optim.lr_scheduler.StepLR(o, 6, gamma=0.5)
    )
    assert_close(step_decay(array(T), LR, range(6, 20, 6), 0.5), expected)


@pytest.mark.parametrize("end", [0.0, END])
def test_torch_linear(end, array):
    expected = torch_rates(
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, end / LR, STEPS)
    )
    assert_close(linear(array(T), LR, STEPS, end), expected)


@pytest.mark.parametrize("end", [0.0, END])
def test_torch_cosine(end, array):
    """Up to its end only: torch's wave rises again."""
    expected = torch_rates(
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS, end),
        count=STEPS + 1,
    )
    rates = cosine(array(T[: STEPS + 1]), LR, STEPS, end)
    assert_close(rates, expected, atol=1e-9)


def test_torch_restarts(array):
    expected = torch_rates(
        lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            o, 7, eta_min=END
        )
    )
    assert_close(cosine(array(T % 7), LR, 7, END), expected)


def test_torch_warmup_then_cosine(array):
    def make(optimizer):
        schedulers = torch.optim.lr_scheduler
        return schedulers.SequentialLR(
            optimizer,
            [
                schedulers.LinearLR(optimizer, 1 / WARMUP, 1.0, WARMUP - 1),
                schedulers.CosineAnnealingLR(optimizer, STEPS),
            ],
            [WARMUP],
        )

    count = WARMUP + STEPS
    t = T[:count]
    late = array(np.maximum(t - WARMUP, 0.0))
    rates = warmup(array(t), WARMUP) * cosine(late, LR, STEPS)
    assert_close(rates, torch_rates(make, count=count), atol=1e-9)


def test_torch_warmup_times_inverse_sqrt(array):
    """The formula of the transformer counts its steps from 1."""
    d, w = 16, WARMUP

    def factor(t):
        return d**-0.5 * min((t + 1) ** -0.5, (t + 1) * w**-1.5)

    expected = torch_rates(
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, factor), lr=1.0
    )
    rates = warmup(array(T), w) * inverse_sqrt(array(T), (d * w) ** -0.5, w)
    assert_close(rates, expected)


# The gradient: the slope of a smooth schedule over the number of steps.


def test_slopes():
    t = np.array([0.5, 3.0, 11.5])
    assert_gradient(
        lambda t: linear(t, LR, STEPS, END),
        lambda dy, _: dy * (END - LR) / STEPS,
        t,
    )
    assert_gradient(
        lambda t: cosine(t, LR, STEPS, END),
        lambda dy, t: (
            dy * (END - LR) / 2 * pi / STEPS * torch.sin(pi * t / STEPS)
        ),
        t,
    )
    assert_gradient(
        lambda t: inverse_sqrt(t, LR, 1),
        lambda dy, t: -dy * LR / 2 * (t + 1) ** -1.5,
        t,
    )


# What the page promises, and what is refused.


def test_the_pencil_example(array):
    t = array(np.arange(5.0))
    root = 1 / sqrt(2)
    assert_close(step_decay(t, 1.0, [2, 3]), [1, 1, 0.1, 0.01, 0.01])
    assert_close(linear(t, 1.0, 4), [1, 0.75, 0.5, 0.25, 0])
    half = [1, (1 + root) / 2, 0.5, (1 - root) / 2, 0]
    assert_close(cosine(t, 1.0, 4), half)
    expected = [1, root, 1 / sqrt(3), 0.5, 1 / sqrt(5)]
    assert_close(inverse_sqrt(t, 1.0), expected)
    assert_close(warmup(t, 4), [0.25, 0.5, 0.75, 1, 1])


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_the_end_is_reached_exactly_and_kept(schedule, array):
    t = array(np.array([12.0, 13.0, 18.0, 24.0, 1e9]))
    for end in (0.0, 1e-5, 0.1):
        rates = schedule(t, 0.3, STEPS, end)
        assert_close(rates, np.full(5, end), rtol=0, atol=0)
    assert_close(schedule(t, 0.3, STEPS), np.zeros(5), rtol=0, atol=0)


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_rates_may_rise_to_the_end(schedule, array):
    falling = schedule(array(T), 0.3, STEPS, 0.1)
    rising = schedule(array(T), 0.1, STEPS, 0.3)
    assert_close(falling + rising, np.full(len(T), 0.4))


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_linear_and_cosine_sum_to_the_same(schedule):
    for steps in (1, 2, 7, 100):
        total = np.sum(schedule(np.arange(steps), 0.5, steps))
        assert_close(total, np.asarray(0.5 * (steps + 1) / 2))


def test_a_sine_is_the_slope_of_a_cosine():
    """The wave is halfway in the middle and steepest there."""
    assert_close(cosine(np.array([3.0]), 1.0, 6), [0.5])
    steepest = -np.diff(cosine(np.array([2.999, 3.001]), 1.0, 6)) / 0.002
    assert_close(steepest, [pi / 12 * sin(pi / 2)], rtol=1e-6)


def test_no_milestone_is_a_constant_rate(array):
    assert_close(step_decay(array(T), LR, []), np.full(len(T), LR))
    assert_close(step_decay(array(T), LR, [3], 1.0), np.full(len(T), LR))
    assert_close(step_decay(array(T), LR, [0]), np.full(len(T), LR / 10))


@every_schedule
@settings(max_examples=25)
@given(t=st.lists(st.floats(0, 40), min_size=2, max_size=9))
def test_rates_stay_between_their_ends_and_never_turn(schedule, t):
    rates = schedule(np.sort(np.array(t)))
    assert np.all((rates >= 0) & (rates <= 1))
    steps = np.diff(rates)
    assert np.all(steps <= 1e-15) or np.all(steps >= -1e-15)


@every_schedule
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,), (2, 0)])
def test_t_may_have_any_shape(schedule, shape, rng, array):
    t = rng.integers(0, 20, size=shape).astype(float)
    expected = to_numpy(schedule(array(T)))[t.astype(int)]
    assert_close(schedule(array(t)), expected)


@every_schedule
def test_whole_numbers_of_any_width(schedule, array):
    """One more than 255 does not fit into 8 bits."""
    t = array(np.array([0, 3, 255], np.uint8))
    expected = schedule(array(np.array([0.0, 3.0, 255.0])))
    assert_close(schedule(t), expected, rtol=1e-6)
    assert_close(
        schedule(array(np.arange(20))), schedule(array(T)), rtol=1e-5, atol=1e-7
    )
    assert to_numpy(schedule(t)).dtype in (np.float32, np.float64)


@every_schedule
def test_whole_numbers_give_the_default_numbers(schedule):
    assert schedule(np.arange(3)).dtype == np.float64
    assert schedule(torch.arange(3)).dtype == torch.float32


@every_schedule
def test_float32_stays_float32(schedule, array):
    assert_float32(schedule, T)
    narrow = schedule(array(np.float32(T)))
    assert to_numpy(narrow).dtype == np.float32


def test_float32_stays_float32_with_other_numbers(array):
    """NumPy's float64 scalars and 0-d arrays would win over float32."""
    t = array(np.float32(T))
    for kind in (np.float64, lambda v: array(np.asarray(v))):
        lr, end, gamma = kind(LR), kind(END), kind(0.5)
        for rates in (
            step_decay(t, lr, [np.float64(4)], gamma),
            linear(t, lr, np.float64(STEPS), end),
            cosine(t, lr, np.float64(STEPS), end),
            inverse_sqrt(t, lr, np.float64(WARMUP)),
            warmup(t, np.float64(WARMUP)),
        ):
            assert to_numpy(rates).dtype == np.float32


@every_schedule
def test_arguments_stay_as_they_are(schedule, array):
    t = array(T.copy())
    schedule(t)
    assert_close(t, T, rtol=0, atol=0)


@every_schedule
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("t", [5, 5.0, [0, 1], range(3), None])
def test_other_than_arrays_are_refused(schedule, t):
    """The message says what to pass instead of one number in a loop."""
    message = rf"rates = cosine\(np\.arange.*got {type(t).__name__}$"
    with pytest.raises(ValueError, match=message):
        schedule(t)


@every_schedule
@pytest.mark.parametrize("bad", [-1.0, -0.5, nan, inf])
def test_other_numbers_of_steps_are_refused(schedule, bad, array):
    with pytest.raises(ValueError, match="needs finite numbers t >= 0"):
        schedule(array(np.array([0.0, bad])))


@every_schedule
def test_negative_whole_numbers_are_refused(schedule, array):
    with pytest.raises(ValueError, match=r"steps, got -2\.0 to 3\.0"):
        schedule(array(np.array([3, -2])))


@every_schedule
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.bool_, np.complex128])
def test_other_than_real_numbers_are_refused(schedule, dtype, array):
    with pytest.raises(ValueError, match="a schedule needs real numbers t"):
        schedule(array(np.ones(2, dtype)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("lr", [0.0, -0.1, nan, inf, True])
def test_learning_rates_out_of_range_are_refused(lr):
    for refused in (
        lambda: step_decay(T, lr, [1]),
        lambda: linear(T, lr, 9),
        lambda: cosine(T, lr, 9),
        lambda: inverse_sqrt(T, lr),
    ):
        with pytest.raises(ValueError, match=f"needs 0 < lr < inf, got {lr}"):
            refused()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("steps", [0, -1, 0.5, nan, inf, True])
def test_lengths_out_of_range_are_refused(steps):
    for refused, name in (
        (lambda: linear(T, LR, steps), "steps"),
        (lambda: cosine(T, LR, steps), "steps"),
        (lambda: inverse_sqrt(T, LR, steps), "warmup_steps"),
        (lambda: warmup(T, steps), "warmup_steps"),
    ):
        message = f"needs 1 <= {name} < inf, got {steps}"
        with pytest.raises(ValueError, match=message):
            refused()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("low", [-0.1, nan, inf, True])
def test_ends_and_milestones_out_of_range_are_refused(low):
    for refused, name in (
        (lambda: linear(T, LR, 9, low), "end"),
        (lambda: cosine(T, LR, 9, low), "end"),
        (lambda: step_decay(T, LR, [2, low]), "milestone"),
    ):
        message = f"needs 0 <= {name} < inf, got {low}"
        with pytest.raises(ValueError, match=message):
            refused()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("gamma", [0.0, -0.1, 1.1, 10.0, nan, True])
def test_factors_that_do_not_lower_are_refused(gamma):
    with pytest.raises(ValueError, match=f"0 < gamma <= 1, got {gamma}"):
        step_decay(T, LR, [2], gamma)
