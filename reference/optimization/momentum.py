"""Momentum.

Steps along a velocity that remembers earlier gradients: the heavy ball, and
Nesterov's, which looks ahead.

Axes    *axes of the parameters: any; gradient and velocity have the same.
Page    docs/en/optimization/momentum.md ("eq. 3" marks the line of its (3))
Source  Polyak, Some Methods of Speeding up the Convergence of Iteration
        Methods, 1964; Nesterov, A Method of Solving a Convex Programming
        Problem with Convergence Rate O(1/k^2), 1983; Sutskever et al., On the
        Importance of Initialization and Momentum in Deep Learning, ICML 2013
"""

from math import inf
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


class MomentumState(NamedTuple):
    """What a step hands on to the next one: the velocity."""

    v: Float[Array, "*axes"]


def momentum_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    state: MomentumState | None,
    lr: float | Float[Array, ""],
    momentum: float = 0.9,
    average: bool = False,
) -> tuple[Float[Array, "*axes"], MomentumState]:
    """Return the parameters after a step of the heavy ball, and its velocity.

    The velocity is the sum of all gradients so far, each multiplied by
    `momentum` for every step since; with `average`, their exponential moving
    average. The state is None before the first step; it does not tell whether
    it was made with `average`. NaN and inf pass through.

    Raises:
        ValueError: Not 0 < lr < inf, not 0 <= momentum < 1, the parameters are
            not real floating-point numbers, the state is that of another
            method, or gradient or velocity has another shape or dtype than
            the parameters.

    >>> import numpy as np
    >>> theta, g = np.array([0.0]), np.array([1.0])
    >>> theta, state = momentum_step(theta, g, None, 0.5, momentum=0.5)
    >>> momentum_step(theta, g, state, 0.5, momentum=0.5)
    (array([-1.25]), MomentumState(v=array([1.5])))
    """
    v = _velocity(theta, gradient, state, lr, momentum)
    rate, mu = float(lr), float(momentum)
    if average:
        v = mu * v + (1 - mu) * gradient  # eq. 3
    else:
        v = mu * v + gradient  # eq. 1
    theta = theta - rate * v  # eq. 2
    return theta, MomentumState(v)


def nesterov_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    state: MomentumState | None,
    lr: float | Float[Array, ""],
    momentum: float = 0.9,
) -> tuple[Float[Array, "*axes"], MomentumState]:
    """Return the parameters after a step of Nesterov's, and the velocity.

    The parameters are the point ahead, where the next gradient is taken. The
    velocity is the decayed sum of `momentum_step`, and so is the state.

    Raises:
        ValueError: As `momentum_step`.

    >>> import numpy as np
    >>> theta, g = np.array([0.0]), np.array([1.0])
    >>> nesterov_step(theta, g, None, 0.5, momentum=0.5)
    (array([-0.75]), MomentumState(v=array([1.])))
    """
    v = _velocity(theta, gradient, state, lr, momentum)
    rate, mu = float(lr), float(momentum)
    v = mu * v + gradient
    theta = theta - rate * (gradient + mu * v)  # eq. 4
    return theta, MomentumState(v)


def _velocity(
    theta: Float[Array, "..."],
    gradient: Float[Array, "..."],
    state: MomentumState | None,
    lr: float | Float[Array, ""],
    momentum: float,
) -> Float[Array, "..."]:
    """Return the velocity so far; raise unless the arguments are in order."""
    if isinstance(lr, bool) or not 0 < float(lr) < inf:
        raise ValueError(f"a learning rate needs 0 < lr < inf, got {lr}")
    if isinstance(momentum, bool) or not 0 <= float(momentum) < 1:
        raise ValueError(f"momentum needs 0 <= momentum < 1, got {momentum}")
    xp = array_namespace(theta)
    if not xp.isdtype(theta.dtype, "real floating"):
        raise ValueError(
            "a step needs parameters that are real floating-point numbers, "
            f"got {theta.dtype}"
        )
    if not (state is None or isinstance(state, MomentumState)):
        raise ValueError(
            "the state needs to be None or a MomentumState, got a "
            f"{type(state).__name__}"
        )
    v = xp.zeros_like(theta) if state is None else state.v
    shape = tuple(theta.shape)
    for name, x in (("gradient", gradient), ("velocity", v)):
        if tuple(x.shape) != shape or x.dtype != theta.dtype:
            raise ValueError(
                f"a {name} needs the shape {shape} and the dtype "
                f"{theta.dtype} of its parameters, got {tuple(x.shape)} and "
                f"{x.dtype}"
            )
    return v
