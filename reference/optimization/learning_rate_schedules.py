"""Learning rate schedules.

The learning rate as a function of the number of steps made so far: four ways
to lower it, and a factor that raises it at the start.

Axes    Numbers of steps with any axes; the rates have the same ones.
Page    docs/en/optimization/learning_rate_schedules.md ("eq. 3" marks the
        line of its (3))
Source  Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm
        Restarts, ICLR 2017; Vaswani et al., Attention Is All You Need, NeurIPS
        2017; Goyal et al., Accurate, Large Minibatch SGD, 2017
"""

from collections.abc import Sequence
from math import inf, pi

from array_api_compat import array_namespace
from jaxtyping import Float, Real

from reference._typing import Array


def step_decay(
    t: Real[Array, "*axes"],
    lr: float | Float[Array, ""],
    milestones: Sequence[int | float],
    gamma: float | Float[Array, ""] = 0.1,
) -> Float[Array, "*axes"]:
    """Return the rates after t steps, times gamma from each milestone on.

    Raises:
        ValueError: t is no array of real, finite numbers of at least 0, lr is
            not above 0 and finite, a milestone is negative or not finite, or
            gamma is not above 0 and at most 1.

    >>> import numpy as np
    >>> step_decay(np.arange(5), 8.0, milestones=[2, 3], gamma=0.5)
    array([8., 8., 4., 2., 2.])
    """
    t, lr = _floating(t), _positive("lr", lr)
    if isinstance(gamma, bool) or not 0 < float(gamma) <= 1:
        raise ValueError(f"a decay needs 0 < gamma <= 1, got {gamma}")
    xp = array_namespace(t)
    passed = xp.zeros_like(t)
    for milestone in milestones:
        m = _at_least(0, "milestone", milestone)
        passed = passed + xp.astype(t >= m, t.dtype)
    return lr * float(gamma) ** passed  # eq. 1


def linear(
    t: Real[Array, "*axes"],
    lr: float | Float[Array, ""],
    steps: int | float,
    end: float | Float[Array, ""] = 0.0,
) -> Float[Array, "*axes"]:
    """Return the rates after t steps, on a straight line from lr to end.

    The rate is `end` after `steps` steps, and stays there.

    Raises:
        ValueError: t is no array of real, finite numbers of at least 0, lr is
            not above 0 and finite, steps is not at least 1 and finite, or end
            is negative or not finite.

    >>> import numpy as np
    >>> linear(np.arange(6), 8.0, steps=4)
    array([8., 6., 4., 2., 0., 0.])
    """
    p = _progress(t, steps)
    lr, end = _positive("lr", lr), _at_least(0, "end", end)
    return end + (1 - p) * (lr - end)  # eq. 3


def cosine(
    t: Real[Array, "*axes"],
    lr: float | Float[Array, ""],
    steps: int | float,
    end: float | Float[Array, ""] = 0.0,
) -> Float[Array, "*axes"]:
    """Return the rates after t steps, on half a cosine wave from lr to end.

    The rate is `end` after `steps` steps, and stays there.

    Raises:
        ValueError: t is no array of real, finite numbers of at least 0, lr is
            not above 0 and finite, steps is not at least 1 and finite, or end
            is negative or not finite.

    >>> import numpy as np
    >>> cosine(np.array([0, 2, 3, 4, 6, 9]), 8.0, steps=6)
    array([8., 6., 4., 2., 0., 0.])
    """
    p = _progress(t, steps)
    lr, end = _positive("lr", lr), _at_least(0, "end", end)
    xp = array_namespace(p)
    return end + (1 + xp.cos(pi * p)) / 2 * (lr - end)  # eq. 4


def inverse_sqrt(
    t: Real[Array, "*axes"],
    lr: float | Float[Array, ""],
    warmup_steps: int | float = 1,
) -> Float[Array, "*axes"]:
    """Return the rates after t steps, falling like the root of 1 / (t + 1).

    They are lr for the first `warmup_steps` steps, and fall from there.

    Raises:
        ValueError: t is no array of real, finite numbers of at least 0, lr is
            not above 0 and finite, or warmup_steps is not at least 1 and
            finite.

    >>> import numpy as np
    >>> inverse_sqrt(np.array([0, 3, 15, 63]), 8.0, warmup_steps=4)
    array([8., 8., 4., 2.])
    """
    t, lr = _floating(t), _positive("lr", lr)
    w = _at_least(1, "warmup_steps", warmup_steps)
    xp = array_namespace(t)
    return lr * xp.sqrt(xp.clip(w / (t + 1), max=1.0))  # eq. 5


def warmup(
    t: Real[Array, "*axes"], warmup_steps: int | float
) -> Float[Array, "*axes"]:
    """Return the factors after t steps, rising by equal steps to 1.

    They multiply the rates of a schedule; the first is 1 / warmup_steps.

    Raises:
        ValueError: t is no array of real, finite numbers of at least 0, or
            warmup_steps is not at least 1 and finite.

    >>> import numpy as np
    >>> warmup(np.arange(6), warmup_steps=4)
    array([0.25, 0.5 , 0.75, 1.  , 1.  , 1.  ])
    """
    t, w = _floating(t), _at_least(1, "warmup_steps", warmup_steps)
    xp = array_namespace(t)
    return xp.clip((t + 1) / w, max=1.0)  # eq. 6


def _progress(
    t: Real[Array, "*axes"], steps: int | float
) -> Float[Array, "*axes"]:
    """Return the share of the steps that are made, at most 1."""
    t, steps = _floating(t), _at_least(1, "steps", steps)
    xp = array_namespace(t)
    return xp.clip(t / steps, max=1.0)  # eq. 2


def _floating(t: Real[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Return t as floating-point numbers, or raise if it counts no steps."""
    if not hasattr(t, "dtype"):
        raise ValueError(
            "a schedule needs an array t, best of all steps at once as in "
            f"rates = cosine(np.arange(steps), ...), got {type(t).__name__}"
        )
    xp = array_namespace(t)
    if xp.isdtype(t.dtype, "integral"):
        t = xp.astype(t, xp.asarray(0.0).dtype)
    if not xp.isdtype(t.dtype, "real floating"):
        raise ValueError(f"a schedule needs real numbers t, got {t.dtype}")
    if not bool(xp.all((t >= 0) & (t < inf))):
        raise ValueError(
            "a schedule needs finite numbers t >= 0 of steps, got "
            f"{float(xp.min(t))} to {float(xp.max(t))}"
        )
    return t


def _positive(name: str, value: float | Float[Array, ""]) -> float:
    """Return the value as a float, or raise unless it is above 0."""
    if isinstance(value, bool) or not 0 < float(value) < inf:
        raise ValueError(f"a schedule needs 0 < {name} < inf, got {value}")
    return float(value)


def _at_least(
    low: int, name: str, value: int | float | Float[Array, ""]
) -> float:
    """Return the value as a float, or raise unless it is at least `low`."""
    if isinstance(value, bool) or not low <= float(value) < inf:
        raise ValueError(f"a schedule needs {low} <= {name} < inf, got {value}")
    return float(value)
