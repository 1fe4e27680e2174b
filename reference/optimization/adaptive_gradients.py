"""Adaptive learning rates.

AdaGrad, RMSProp and Adadelta: steps that divide the derivative of each
parameter by the size of its derivatives so far, so that every parameter has a
rate of its own.

Axes    *axes of the parameters: any; gradient and state have the same ones.
Page    docs/en/optimization/adaptive_gradients.md ("eq. 3" marks the line of
        its (3))
Source  Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online
        Learning and Stochastic Optimization, JMLR 12, 2011; Tieleman and
        Hinton, Neural Networks for Machine Learning, lecture 6.5, 2012;
        Zeiler, ADADELTA: An Adaptive Learning Rate Method, arXiv 2012
"""

from math import inf, sqrt
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Shaped

from reference._typing import Array


class AdaGradState(NamedTuple):
    """The sum of the squared gradients so far."""

    s: Float[Array, "*axes"]


class RMSPropState(NamedTuple):
    """The moving mean of the squared gradients."""

    v: Float[Array, "*axes"]


class AdadeltaState(NamedTuple):
    """The moving means of the squared gradients, v, and steps, u."""

    v: Float[Array, "*axes"]
    u: Float[Array, "*axes"]


def adagrad_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    state: AdaGradState | None,
    lr: float | Float[Array, ""],
    eps: float | Float[Array, ""] = 1e-10,
) -> tuple[Float[Array, "*axes"], AdaGradState]:
    """Return the parameters and the state after a step of AdaGrad.

    The state is None before the first step. `lr` has the unit of the
    parameters, `eps` that of the gradient. NaN and inf pass through; where
    the square of a gradient overflows, the parameter becomes NaN.

    Raises:
        ValueError: lr or eps is out of its range, the parameters are not real
            floating-point numbers, or the gradient or the state does not fit
            them.

    >>> import numpy as np
    >>> g = np.array([3.0, -4.0])
    >>> theta, state = adagrad_step(np.zeros(2), g, None, lr=1.0)
    >>> theta, state.s
    (array([-1.,  1.]), array([ 9., 16.]))
    """
    lr, eps, _ = _require_rates(theta, lr, eps)
    old = _checked_state(AdaGradState, theta, gradient, state)
    s = old.s + gradient**2  # eq. 1
    theta = theta - lr * (gradient / (_root(s) + eps))  # eq. 2
    return theta, AdaGradState(s)


def rmsprop_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    state: RMSPropState | None,
    lr: float | Float[Array, ""],
    rho: float | Float[Array, ""] = 0.99,
    eps: float | Float[Array, ""] = 1e-8,
) -> tuple[Float[Array, "*axes"], RMSPropState]:
    """Return the parameters and the state after a step of RMSProp.

    The state is None before the first step. `lr` has the unit of the
    parameters, `eps` that of the gradient. `rho` is the weight of the past in
    the mean of the squares. NaN, inf and overflow: as `adagrad_step`.

    Raises:
        ValueError: lr, rho or eps is out of its range, the parameters are not
            real floating-point numbers, or the gradient or the state does not
            fit them.

    >>> import numpy as np
    >>> g = np.array([3.0, -4.0])
    >>> theta, state = rmsprop_step(np.zeros(2), g, None, lr=1.0, rho=0.75)
    >>> theta.round(6), state.v
    (array([-2.,  2.]), array([2.25, 4.  ]))
    """
    lr, eps, rho = _require_rates(theta, lr, eps, rho)
    old = _checked_state(RMSPropState, theta, gradient, state)
    v = _mean_square(old.v, gradient, rho)
    theta = theta - lr * (gradient / (_root(v) + eps))  # eq. 4
    return theta, RMSPropState(v)


def adadelta_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    state: AdadeltaState | None,
    lr: float | Float[Array, ""] = 1.0,
    rho: float | Float[Array, ""] = 0.9,
    eps: float | Float[Array, ""] = 1e-6,
) -> tuple[Float[Array, "*axes"], AdadeltaState]:
    """Return the parameters and the state after a step of Adadelta.

    The state is None before the first step. `lr` has no unit; the method of
    the paper has lr = 1. `rho` is the weight of the past in both means, and
    `eps` is added to them under the root. NaN, inf and overflow: as
    `adagrad_step`.

    Raises:
        ValueError: As `rmsprop_step`.

    >>> import numpy as np
    >>> g = np.array([3.0, -4.0])
    >>> theta, state = adadelta_step(np.zeros(2), g, None, rho=0.75)
    >>> theta.round(6), state.v
    (array([-0.002,  0.002]), array([2.25, 4.  ]))
    """
    lr, eps, rho = _require_rates(theta, lr, eps, rho)
    old = _checked_state(AdadeltaState, theta, gradient, state)
    v = _mean_square(old.v, gradient, rho)
    ratio = _root(old.u + eps) / _root(v + eps)
    delta = -ratio * gradient  # eq. 5
    u = _mean_square(old.u, delta, rho)  # eq. 6
    theta = theta + lr * delta  # eq. 7
    return theta, AdadeltaState(v, u)


def _mean_square(
    old: Float[Array, "*axes"], x: Float[Array, "*axes"], rho: float
) -> Float[Array, "*axes"]:
    """Return the moving mean of squares with one more value in it."""
    return rho * old + (1 - rho) * x**2  # eq. 3


def _root(squares: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Return the roots, NaN where a square overflowed to inf."""
    xp = array_namespace(squares)
    # Divided by inf, every later step would be 0; 0 * inf is NaN.
    return xp.sqrt(squares + 0 * squares)


def _require_rates(
    theta: Shaped[Array, "..."],
    lr: float | Float[Array, ""],
    eps: float | Float[Array, ""],
    rho: float | Float[Array, ""] = 0.0,
) -> tuple[float, float, float]:
    """Return lr, eps and rho as Python numbers, which leave float32 alone.

    A sum or mean below the smallest normal float is rounded away; eps is at
    least the size of a first gradient that makes such a one, and hides the
    loss.
    """
    xp = array_namespace(theta)
    if not xp.isdtype(theta.dtype, "real floating"):
        raise ValueError(
            f"parameters need to be real floating-point, got {theta.dtype}"
        )
    if isinstance(lr, bool) or not 0 < float(lr) < inf:
        raise ValueError(f"a learning rate needs 0 < lr < inf, got {lr}")
    if isinstance(rho, bool) or not 0 <= float(rho) < 1:
        raise ValueError(f"a moving mean needs 0 <= rho < 1, got {rho}")
    info = xp.finfo(theta.dtype)
    low = sqrt(float(info.smallest_normal) / (1 - float(rho)))
    if isinstance(eps, bool) or not low <= float(eps) <= float(info.max):
        past = f" and rho = {rho}" if rho else ""
        raise ValueError(
            f"with {theta.dtype}{past} eps needs to be from {low:.1e} to "
            f"{float(info.max):.1e}, got {eps}"
        )
    return float(lr), float(eps), float(rho)


def _checked_state(
    kind: type,
    theta: Float[Array, "..."],
    gradient: Shaped[Array, "..."],
    state: tuple | None,
) -> tuple:
    """Return the state, zeros before the first step, if all arrays fit."""
    if state is None:
        xp = array_namespace(theta)
        state = kind(*(xp.zeros_like(theta) for _ in kind._fields))
    if not isinstance(state, kind):
        raise ValueError(
            f"the state needs to be None or a {kind.__name__}, got a "
            f"{type(state).__name__}"
        )
    shape = tuple(theta.shape)
    for name, x in {"gradient": gradient, **state._asdict()}.items():
        if tuple(x.shape) != shape or x.dtype != theta.dtype:
            raise ValueError(
                f"{name} needs the shape {shape} and the dtype {theta.dtype} "
                f"of its parameters, got {tuple(x.shape)} and {x.dtype}"
            )
    return state
