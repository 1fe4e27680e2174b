"""Saturating activations.

The step, the sigmoid and the hyperbolic tangent, which level off far from 0;
the slopes of the two smooth ones; and what is left of a gradient that passes
back through a deep stack of layers.

Axes    *S any shape; N examples, D units of each of L layers.
Page    docs/en/neural_networks/saturating_activations.md ("eq. 3" marks the
        line of its (3))
Source  LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998; Glorot and
        Bengio, Understanding the Difficulty of Training Deep Feedforward
        Neural Networks, AISTATS 2010
"""

from collections.abc import Callable

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.classification.logistic_regression import sigmoid


def step(z: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return 1 where z is above 0, and 0 where it is not.

    Raises:
        ValueError: z does not hold real floating-point numbers.

    >>> import numpy as np
    >>> step(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 1.])
    """
    _require_floating(z)
    xp = array_namespace(z)
    # NaN is neither, and stays NaN.
    rest = xp.where(z <= 0, xp.zeros_like(z), z)
    return xp.where(z > 0, xp.ones_like(z), rest)  # eq. 1


def tanh(z: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return the hyperbolic tangent, an S from -1 to 1 through the origin.

    Raises:
        ValueError: z does not hold real floating-point numbers.

    >>> import numpy as np
    >>> tanh(np.array([-1000.0, 0.0, np.log(3)]))
    array([-1. ,  0. ,  0.8])
    """
    _require_floating(z)
    xp = array_namespace(z)
    # Not 2 sigmoid(2 z) - 1, which has few digits left near 0.
    return xp.tanh(z)  # eq. 2


def sigmoid_backward(
    dy: Float[Array, "*S"], z: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return dL/dz, where dy is dL/d(sigmoid(z)): upstream times local.

    With dy = 1 it is the derivative of the sigmoid.

    Raises:
        ValueError: dy and z differ in shape, or do not hold real
            floating-point numbers.

    >>> import numpy as np
    >>> sigmoid_backward(np.array([16.0]), np.array([np.log(3)]))
    array([3.])
    """
    _require_pair(dy, z)
    # Not 1 - sigmoid(z), which is 0 from z = 37 on.
    return dy * sigmoid(z) * sigmoid(-z)  # eq. 3


def tanh_backward(
    dy: Float[Array, "*S"], z: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return dL/dz, where dy is dL/d(tanh(z)): upstream times local.

    With dy = 1 it is the derivative of the hyperbolic tangent.

    Raises:
        ValueError: As `sigmoid_backward`.

    >>> import numpy as np
    >>> tanh_backward(np.array([100.0]), np.array([np.log(3)]))
    array([36.])
    """
    _require_pair(dy, z)
    xp = array_namespace(dy, z)
    e = xp.exp(-xp.abs(z))  # the slope is the same at z and -z
    root = 2 * e / (1 + e * e)  # 2 / (exp(z) + exp(-z)), without overflow
    return dy * root * root  # eq. 4


def gradient_sizes(
    dy: Float[Array, "N D"],
    x: Float[Array, "N D"],
    weights: Float[Array, "L D D"],
    activation: Callable[[Array], Array],
    backward: Callable[[Array, Array], Array],
) -> Float[Array, "L+1"]:
    """Return the mean size of dL/dh at the input and after every layer.

    Each layer multiplies by its matrix and applies the activation; dy is dL/dh
    after the last one. backward(dy, z) is the activation's dL/dz.

    Raises:
        ValueError: The shapes do not belong together, there is no number, or
            the arrays do not hold real floating-point numbers.

    >>> import numpy as np
    >>> dy, x, weights = np.ones((1, 1)), np.zeros((1, 1)), np.ones((2, 1, 1))
    >>> gradient_sizes(dy, x, weights, tanh, tanh_backward)
    array([1., 1., 1.])
    """
    _require_stack(dy, x, weights)
    xp = array_namespace(dy, x, weights)
    layers = [weights[i, ...] for i in range(weights.shape[0])]
    h, inner = x, []
    for w in layers:
        inner.append(h @ w)
        h = activation(inner[-1])  # eq. 5
    gradients = [dy]
    for w, z in zip(reversed(layers), reversed(inner), strict=True):
        gradients.append(backward(gradients[-1], z) @ w.mT)  # eq. 6
    sizes = [xp.mean(xp.abs(g)) for g in reversed(gradients)]  # eq. 7
    return xp.stack(sizes)


def _require_floating(*arrays: Float[Array, "..."]) -> None:
    """Raise unless all numbers are real floating-point numbers."""
    xp = array_namespace(*arrays)
    for a in arrays:
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                "an activation needs real floating-point numbers, got "
                f"{a.dtype}"
            )


def _require_pair(dy: Float[Array, "*S"], z: Float[Array, "*S"]) -> None:
    """Raise unless every number has one upstream gradient."""
    _require_floating(dy, z)
    if tuple(dy.shape) != tuple(z.shape):
        raise ValueError(
            "a backward needs one upstream gradient for each number, got dy "
            f"of shape {tuple(dy.shape)} and z of shape {tuple(z.shape)}"
        )


def _require_stack(
    dy: Float[Array, "N D"],
    x: Float[Array, "N D"],
    weights: Float[Array, "L D D"],
) -> None:
    """Raise unless all layers fit each other, the inputs and dy."""
    _require_floating(dy, x, weights)
    shape = tuple(x.shape)
    fits = len(shape) == 2 and 0 not in shape and tuple(dy.shape) == shape
    if not fits or tuple(weights.shape[1:]) != 2 * shape[1:]:
        raise ValueError(
            "a stack needs examples x (N, D), dy of the same shape and "
            f"weights (L, D, D), got {shape}, {tuple(dy.shape)} and "
            f"{tuple(weights.shape)}"
        )
