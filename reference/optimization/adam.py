"""Adam.

Steps along a moving mean of the gradients, divided by the root of a moving
mean of their squares, both corrected for their start at zero; with weight
decay inside of the gradient or beside it.

Axes    *axes of the parameters: any; gradient, m and v have the same ones.
Page    docs/en/optimization/adam.md ("eq. 3" marks the line of its (3))
Source  Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015;
        Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR
        2019; Reddi, Kale and Kumar, On the Convergence of Adam and Beyond,
        ICLR 2018
"""

from math import inf, sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Shaped

from reference._typing import Array


class AdamState(NamedTuple):
    """Means of gradients and of squares, number of steps, and the divisor.

    `v_max` is the largest v so far with `amsgrad`, and v itself without.
    """

    m: Float[Array, "*axes"]
    v: Float[Array, "*axes"]
    t: int
    v_max: Float[Array, "*axes"]


def adam_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    state: AdamState | None,
    lr: float | Float[Array, ""] = 1e-3,
    beta1: float | Float[Array, ""] = 0.9,
    beta2: float | Float[Array, ""] = 0.999,
    eps: float | Float[Array, ""] = 1e-8,
    weight_decay: float | Float[Array, ""] = 0.0,
    amsgrad: bool = False,
) -> tuple[Float[Array, "*axes"], AdamState]:
    """Return the parameters and the state after a step of Adam.

    The state is None before the first step. `lr` has the unit of the
    parameters, `eps` that of the gradient. The weight decay times the
    parameters is added to the gradient. With `amsgrad`, the largest v so far
    takes the place of v. NaN and inf pass through; where the square of a
    gradient overflows, the parameter becomes NaN.

    Raises:
        ValueError: A hyperparameter is out of its range, the parameters are
            not real floating-point numbers, or the gradient or the state does
            not fit them.

    >>> import numpy as np
    >>> g = np.array([2.0, -300.0])
    >>> theta, state = adam_step(np.zeros(2), g, None, lr=0.5)
    >>> theta.round(6), state.m, state.t
    (array([-0.5,  0.5]), array([  0.2, -30. ]), 1)
    """
    lr, decay = _require_rates(lr, weight_decay)
    _require_alike(theta, gradient=gradient)
    gradient = gradient + decay * theta  # eq. 7
    ratio, state = _ratio(gradient, state, beta1, beta2, eps, amsgrad)
    theta = theta - lr * ratio  # eq. 6
    return theta, state


def adamw_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    state: AdamState | None,
    lr: float | Float[Array, ""] = 1e-3,
    beta1: float | Float[Array, ""] = 0.9,
    beta2: float | Float[Array, ""] = 0.999,
    eps: float | Float[Array, ""] = 1e-8,
    weight_decay: float | Float[Array, ""] = 0.01,
    amsgrad: bool = False,
) -> tuple[Float[Array, "*axes"], AdamState]:
    """Return the parameters and the state after a step of AdamW.

    As `adam_step`, but the weight decay stays out of the gradient: the step
    shrinks the parameters by lr * weight_decay of their size.

    Raises:
        ValueError: As `adam_step`.

    >>> import numpy as np
    >>> theta, g = np.array([10.0]), np.array([0.0])
    >>> adamw_step(theta, g, None, lr=0.5, weight_decay=0.1)[0]
    array([9.5])
    """
    lr, decay = _require_rates(lr, weight_decay)
    _require_alike(theta, gradient=gradient)
    ratio, state = _ratio(gradient, state, beta1, beta2, eps, amsgrad)
    theta = (1 - lr * decay) * theta - lr * ratio  # eq. 8
    return theta, state


def _ratio(
    gradient: Float[Array, "*axes"],
    state: AdamState | None,
    beta1: float | Float[Array, ""],
    beta2: float | Float[Array, ""],
    eps: float | Float[Array, ""],
    amsgrad: bool,
) -> tuple[Float[Array, "*axes"], AdamState]:
    """Return the mean gradient over the root mean square, and the state."""
    beta1, beta2, eps = _require_means(gradient, beta1, beta2, eps)
    xp = array_namespace(gradient)
    m, v, t, v_max = _checked_state(gradient, state)
    t = t + 1
    m = beta1 * m + (1 - beta1) * gradient  # eq. 1
    v = beta2 * v + (1 - beta2) * gradient**2  # eq. 2
    v_max = xp.maximum(v_max, v) if amsgrad else v  # eq. 9
    m_hat = m / (1 - beta1**t)  # eq. 3
    v_hat = v_max / (1 - beta2**t)  # eq. 4
    ratio = m_hat / (xp.sqrt(v_hat) + eps)  # eq. 5
    # Where a square overflowed to inf, not a ratio of 0 but 0 * inf, NaN.
    ratio = ratio + 0 * v_hat
    return ratio, AdamState(m, v, t, v_max)


def _require_rates(
    lr: float | Float[Array, ""], weight_decay: float | Float[Array, ""]
) -> tuple[float, float]:
    """Return both as Python numbers, which leave float32 alone."""
    if isinstance(lr, bool) or not 0 < float(lr) < inf:
        raise ValueError(f"a learning rate needs 0 < lr < inf, got {lr}")
    if isinstance(weight_decay, bool) or not 0 <= float(weight_decay) < inf:
        raise ValueError(
            f"a weight decay needs 0 <= weight_decay < inf, got {weight_decay}"
        )
    return float(lr), float(weight_decay)


def _require_means(
    gradient: Shaped[Array, "..."],
    beta1: float | Float[Array, ""],
    beta2: float | Float[Array, ""],
    eps: float | Float[Array, ""],
) -> tuple[float, float, float]:
    """Return these as Python numbers.

    A v below the smallest normal float is rounded away; eps is at least the
    size of a first gradient that makes such a v, and hides the loss.
    """
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        if isinstance(beta, bool) or not 0 <= float(beta) < 1:
            raise ValueError(f"a moving mean needs 0 <= {name} < 1, got {beta}")
    xp = array_namespace(gradient)
    info = xp.finfo(gradient.dtype)
    low = sqrt(float(info.smallest_normal) / (1 - float(beta2)))
    if isinstance(eps, bool) or not low <= float(eps) <= float(info.max):
        raise ValueError(
            f"with {gradient.dtype} and beta2 = {beta2} eps needs to be from "
            f"{low:.1e} to {float(info.max):.1e}, got {eps}"
        )
    return float(beta1), float(beta2), float(eps)


def _checked_state(
    gradient: Float[Array, "..."], state: AdamState | None
) -> AdamState:
    """Return the state, zeros before the first step, if it fits."""
    if state is None:
        xp = array_namespace(gradient)
        zero = xp.zeros_like(gradient)
        return AdamState(zero, zero, 0, zero)
    if not isinstance(state, AdamState):
        raise ValueError(
            "the state needs to be None or an AdamState, got a "
            f"{type(state).__name__}"
        )
    m, v, t, v_max = state
    _require_alike(gradient, m=m, v=v, v_max=v_max)
    if isinstance(t, bool) or not hasattr(t, "__index__") or t < 0:
        raise ValueError(f"t counts steps, an integer >= 0, got {t}")
    return AdamState(m, v, int(t), v_max)


def _require_alike(
    theta: Shaped[Array, "..."], **arrays: Shaped[Array, "..."]
) -> None:
    """Raise unless all have the shape and real dtype of the parameters."""
    xp = array_namespace(theta)
    if not xp.isdtype(theta.dtype, "real floating"):
        raise ValueError(
            f"parameters need to be real floating-point, got {theta.dtype}"
        )
    shape = tuple(theta.shape)
    for name, x in arrays.items():
        if tuple(x.shape) != shape or x.dtype != theta.dtype:
            raise ValueError(
                f"{name} needs the shape {shape} and the dtype {theta.dtype} "
                f"of its parameters, got {tuple(x.shape)} and {x.dtype}"
            )
