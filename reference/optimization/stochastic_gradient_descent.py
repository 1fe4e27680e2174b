"""Stochastic gradient descent.

One step against the gradient of a few examples, the mini-batches of an epoch,
and how far the gradient of a mini-batch scatters about the full one.

Axes    N examples, B examples of one mini-batch; parameters have any axes.
Page    docs/en/optimization/stochastic_gradient_descent.md ("eq. 3" marks the
        line of its (3))
Source  Robbins and Monro, A Stochastic Approximation Method, Annals of
        Mathematical Statistics 1951; Bottou, Curtis and Nocedal, Optimization
        Methods for Large-Scale Machine Learning, SIAM Review 2018
"""

from math import inf

from array_api_compat import array_namespace
from jaxtyping import Float, Int, Shaped

from reference._typing import Array


def minibatches(order: Int[Array, "N"], size: int) -> list[Int[Array, "B"]]:
    """Return the indices of `order`, cut into batches of `size`, for one epoch.

    The last batch is smaller where size does not divide N. Shuffled indices,
    as of `rng.permutation(N)`, make random batches without replacement.

    Raises:
        ValueError: `order` is no vector of integers, at least one, or size is
            no integer of at least 1.

    >>> import numpy as np
    >>> minibatches(np.array([3, 0, 2, 1, 4]), 2)
    [array([3, 0]), array([2, 1]), array([4])]
    """
    _require_size(size)
    xp = array_namespace(order)
    integers = xp.isdtype(order.dtype, "integral")
    if order.ndim != 1 or 0 in order.shape or not integers:
        raise ValueError(
            "mini-batches need a vector of integers, at least one, got shape "
            f"{tuple(order.shape)} of {order.dtype}"
        )
    # A copy: who shuffles `order` again in place leaves these as they are.
    order, n, b = xp.asarray(order, copy=True), order.shape[0], int(size)
    return [order[k : min(k + b, n)] for k in range(0, n, b)]  # eq. 1


def sgd_step(
    theta: Float[Array, "*axes"],
    gradient: Float[Array, "*axes"],
    lr: float | Float[Array, ""],
    weight_decay: float | Float[Array, ""] = 0.0,
) -> Float[Array, "*axes"]:
    """Return the parameters after one step against the gradient.

    The weight decay times the parameters is added to the gradient, as if
    weight_decay / 2 times their sum of squares were added to the loss. NaN
    and inf are not looked for: they come out as NaN or inf.

    Raises:
        ValueError: The parameters are no real floating-point numbers, the
            gradient has another shape or dtype, lr is not above 0 and finite,
            or the weight decay is negative or not finite.

    >>> import numpy as np
    >>> sgd_step(np.array([4.0]), np.array([6.0]), lr=0.5)
    array([1.])
    """
    if isinstance(lr, bool) or not 0 < float(lr) < inf:
        raise ValueError(f"a learning rate needs 0 < lr < inf, got {lr}")
    if isinstance(weight_decay, bool) or not 0 <= float(weight_decay) < inf:
        raise ValueError(
            f"a weight decay needs 0 <= weight_decay < inf, got {weight_decay}"
        )
    _require_real_floating(theta)
    if gradient.shape != theta.shape or gradient.dtype != theta.dtype:
        raise ValueError(
            f"a gradient needs the shape {tuple(theta.shape)} and the dtype "
            f"{theta.dtype} of its parameters, got {tuple(gradient.shape)} "
            f"and {gradient.dtype}"
        )
    rate, decay = float(lr), float(weight_decay)
    return theta - rate * (gradient + decay * theta)  # eq. 2


def gradient_noise(
    gradients: Float[Array, "N *axes"],
    size: int = 1,
    replacement: bool = False,
) -> Float[Array, ""]:
    """Return the mean squared distance of a batch gradient from the full one.

    `gradients` holds one gradient for each example; a batch gradient is the
    mean of `size` of them, drawn at random without replacement or with it.
    The unit is the squared unit of a gradient.

    Raises:
        ValueError: There is no example, the gradients are no real
            floating-point numbers, size is no integer of at least 1, or it is
            above N without replacement.

    >>> import numpy as np
    >>> float(gradient_noise(np.array([[1.0], [3.0]])))
    1.0
    """
    _require_size(size)
    _require_real_floating(gradients)
    shape = tuple(gradients.shape)
    if not shape or not shape[0]:
        raise ValueError(
            f"gradient noise needs a gradient per example, got shape {shape}"
        )
    n, b = shape[0], int(size)
    if b > n and not replacement:
        raise ValueError(
            f"without replacement a batch needs a size <= {n}, got {size}"
        )
    xp = array_namespace(gradients)
    deviations = gradients - xp.mean(gradients, axis=0)
    # The mean of many float32 numbers may be far off: once more.
    deviations = deviations - xp.mean(deviations, axis=0)
    spread = xp.sum(xp.mean(deviations**2, axis=0))  # eq. 3
    noise = spread / b  # eq. 4
    if replacement:
        return noise
    return noise * ((n - b) / max(n - 1, 1))  # eq. 5


def _require_size(size: int) -> None:
    """Raise unless the size of a batch is a whole number above 0."""
    whole = not isinstance(size, bool) and hasattr(size, "__index__")
    # An array has __index__ too, even that of 2.5.
    if not whole or not (size >= 1 and size % 1 == 0):
        raise ValueError(
            f"a batch needs a size that is an integer >= 1, got {size}"
        )


def _require_real_floating(x: Shaped[Array, "..."]) -> None:
    """Raise unless the numbers are real floating-point numbers."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            "stochastic gradient descent needs real floating-point numbers, "
            f"got {x.dtype}"
        )
