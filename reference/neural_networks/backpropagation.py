"""Backpropagation.

Computes the gradient of a loss with respect to everything that a multilayer
perceptron takes in: forwards through the layers, keeping what each of them
got, and backwards again with the chain rule.

Axes    N examples, D inputs, K outputs.
Page    docs/en/neural_networks/backpropagation.md ("eq. 3" marks the line of
        its (3))
Source  Rumelhart, Hinton and Williams, Learning Representations by
        Back-Propagating Errors, Nature 1986
"""

from collections.abc import Sequence
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.foundations.affine_maps import affine_backward
from reference.neural_networks.multilayer_perceptron import Dense, dense, relu
from reference.neural_networks.regression_losses import (
    mean_squared_error,
    mean_squared_error_gradient,
)


class Cache(NamedTuple):
    """What a forward pass keeps: the layers, and the input of each."""

    layers: tuple[Dense, ...]
    inputs: tuple  # an array for each layer


class Gradients(NamedTuple):
    """The gradient for x, and for each layer a Dense of those for w and b."""

    dx: Float[Array, "N D"]
    layers: tuple[Dense, ...]


def forward(
    x: Float[Array, "N D"], layers: Sequence[Dense]
) -> tuple[Float[Array, "N K"], Cache]:
    """Return the output of the network, and what `backward` needs.

    ReLU follows each layer but the last. The cache holds the arrays
    themselves, no copies: do not change them before `backward`.

    Raises:
        ValueError: There is no layer, two layers do not fit together, or the
            numbers are no real floats.

    >>> import numpy as np
    >>> double = Dense(np.array([[2.0]]), np.array([0.0]))
    >>> y_hat, cache = forward(np.array([[1.0]]), [double, double])
    >>> y_hat, cache.inputs
    (array([[4.]]), (array([[1.]]), array([[2.]])))
    """
    if not layers:
        raise ValueError("a multilayer perceptron needs 1 layer, got none")
    h, inputs = x, []
    for layer in layers:
        inputs.append(h)
        z = dense(h, layer)  # eq. 1
        h = relu(z)  # eq. 2
    return z, Cache(tuple(layers), tuple(inputs))  # the last h is not used


def backward(dy: Float[Array, "N K"], cache: Cache) -> Gradients:
    """Return the gradients, where dy is the one for the network's output.

    Raises:
        ValueError: dy has not the shape of the output, is no array of real
            floats, or the cache has not one input for each layer.

    >>> import numpy as np
    >>> double = Dense(np.array([[2.0]]), np.array([0.0]))
    >>> _, cache = forward(np.array([[1.0]]), [double, double])
    >>> backward(np.array([[1.0]]), cache).dx
    array([[4.]])
    """
    xp = array_namespace(dy)
    delta, layers = dy, []
    for layer, h in zip(
        reversed(cache.layers), reversed(cache.inputs), strict=True
    ):
        dh, dw, db = affine_backward(delta, h, *layer)  # eq. 5
        layers.append(Dense(dw, db))
        # h is above 0 exactly where z was.
        delta = xp.where(h <= 0, xp.zeros_like(dh), dh)  # eq. 6
    return Gradients(dh, tuple(reversed(layers)))  # x went through no ReLU


def loss_and_gradients(
    x: Float[Array, "N D"], y: Float[Array, "N K"], layers: Sequence[Dense]
) -> tuple[Float[Array, ""], Gradients]:
    """Return the mean squared error of the network, and its gradients.

    The loss is a mean over all N * K entries, in the squared unit of y.

    Raises:
        ValueError: As `forward`, there is no example, the targets have not
            the shape of the output, or the loss is not finite.

    >>> import numpy as np
    >>> double = Dense(np.array([[2.0]]), np.array([0.0]))
    >>> x, y = np.array([[1.0]]), np.array([[1.0]])
    >>> loss, gradients = loss_and_gradients(x, y, [double, double])
    >>> float(loss), gradients.dx  # (4 - 1)^2, and 2 (4 - 1) times 4
    (9.0, array([[24.]]))
    """
    y_hat, cache = forward(x, layers)
    loss = mean_squared_error(y_hat, y)  # eq. 3
    dy = mean_squared_error_gradient(y_hat, y)  # eq. 4
    return loss, backward(dy, cache)
