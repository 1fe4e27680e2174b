"""Multilayer perceptron.

Dense layers with a nonlinear function between them: affine maps that move,
turn and stretch space, and folds between them. Two layers already fit any
continuous function of one variable as closely as one likes.

Axes    N examples, D inputs, K outputs of a layer, T knots.
Page    docs/en/neural_networks/multilayer_perceptron.md ("eq. 3" marks the
        line of its (3))
Source  Rumelhart, Hinton and Williams, Learning Representations by
        Back-Propagating Errors, Nature 1986; Leshno et al., Neural Networks
        1993
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.foundations.affine_maps import affine


class Dense(NamedTuple):
    """The parameters of a dense layer with D inputs and K outputs."""

    w: Float[Array, "D K"]
    b: Float[Array, "K"]


def dense(x: Float[Array, "N D"], layer: Dense) -> Float[Array, "N K"]:
    """Return the layer's affine map of every example.

    Raises:
        ValueError: The shapes of x, w and b do not belong together.

    >>> import numpy as np
    >>> layer = Dense(np.array([[1.0], [2.0]]), np.array([10.0]))
    >>> dense(np.array([[3.0, 4.0]]), layer)
    array([[21.]])
    """
    return affine(x, layer.w, layer.b)  # eq. 1


def relu(z: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Return z where it is positive, and 0 elsewhere.

    >>> import numpy as np
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    xp = array_namespace(z)
    # Not maximum(z, 0), whose gradient at 0 is 1/2.
    return xp.where(z <= 0, xp.zeros_like(z), z)  # eq. 2


def multilayer_perceptron(
    x: Float[Array, "N D"],
    layers: Sequence[Dense],
    activation: Callable[[Array], Array] = relu,
) -> Float[Array, "N K"]:
    """Return the output of the last layer, which has no activation.

    Raises:
        ValueError: There is no layer, or two layers do not fit together.

    >>> import numpy as np
    >>> double = Dense(np.array([[2.0]]), np.array([0.0]))
    >>> multilayer_perceptron(np.array([[1.0], [-1.0]]), [double, double])
    array([[4.],
           [0.]])
    """
    if not layers:
        raise ValueError("a multilayer perceptron needs 1 layer, got none")
    *hidden, last = layers
    h = x
    for layer in hidden:
        h = activation(dense(h, layer))  # eq. 3
    return dense(h, last)  # eq. 4


def interpolant(
    t: Float[Array, "T"], y: Float[Array, "T"]
) -> tuple[Dense, Dense]:
    """Return two layers that draw straight lines through the points (t, y).

    Left of the first knot the function is constant, right of the last it goes
    on with the last slope.

    Raises:
        ValueError: There are fewer than 2 knots, they do not increase, or
            not every knot has one finite value.

    >>> import numpy as np
    >>> layers = interpolant(np.array([0.0, 1.0, 2.0]), np.array([5.0, 6, 3]))
    >>> multilayer_perceptron(np.array([[0.5], [2.0]]), layers)
    array([[5.5],
           [3. ]])
    """
    xp = array_namespace(t, y)
    if t.ndim != 1 or t.shape[0] < 2 or t.shape != y.shape:
        raise ValueError(
            "an interpolant needs 2 knots and a value for each, got t of "
            f"shape {tuple(t.shape)} and y of shape {tuple(y.shape)}"
        )
    if not xp.all(t[1:] > t[:-1]) or not xp.all(xp.isfinite(t + y)):
        raise ValueError(
            "the knots need to increase, and values to be finite, got "
            f"t = {t} and y = {y}"
        )
    slope = (y[1:] - y[:-1]) / (t[1:] - t[:-1])  # eq. 5
    bend = xp.concat([slope[:1], slope[1:] - slope[:-1]])  # eq. 6
    fold = Dense(xp.ones_like(bend)[None, :], -t[:-1])
    return fold, Dense(bend[:, None], y[:1] + 0.0)  # eq. 7
