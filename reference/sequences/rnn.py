"""Recurrent networks.

Read a sequence one step after the other with the same weights at every step,
and keep a vector of what has been read so far; forward, backward, and several
such networks on top of each other.

Axes    N sequences, T time steps, D entries of an input, H entries of a
        hidden state.
Page    docs/en/sequences/rnn.md ("eq. 3" marks the line of its (3))
Source  Elman, Finding Structure in Time, Cognitive Science 1990
"""

from collections.abc import Sequence
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.foundations.affine_maps import affine, affine_backward
from reference.neural_networks.saturating_activations import (
    tanh,
    tanh_backward,
)


class Layer(NamedTuple):
    """The weights of a recurrent layer, the same at every time step."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    b: Float[Array, "H"]


class States(NamedTuple):
    """The hidden states after every time step, and after the last."""

    h: Float[Array, "N T H"]
    last: Float[Array, "N H"]


class Gradients(NamedTuple):
    """The gradients of a loss, in the order of the inputs.

    dx has the shape of x: (N, D) for a step, (N, T, D) for sequences.
    """

    dx: Float[Array, "N ... D"]
    dh: Float[Array, "N H"]
    dw_x: Float[Array, "D H"]
    dw_h: Float[Array, "H H"]
    db: Float[Array, "H"]


def rnn_cell(
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D H"],
    w_h: Float[Array, "H H"],
    b: Float[Array, "H"],
) -> Float[Array, "N H"]:
    """Return the next hidden states, from an input and the states before.

    Raises:
        ValueError: The shapes do not belong together, or the arrays do not
            hold real floating-point numbers of one dtype.

    >>> import numpy as np
    >>> x, h = np.array([[np.log(3)]]), np.array([[0.0]])
    >>> rnn_cell(x, h, np.ones((1, 1)), np.ones((1, 1)), np.zeros(1)).round(2)
    array([[0.8]])
    """
    return tanh(_inner(x, h, w_x, w_h, b))  # eq. 2


def rnn(
    x: Float[Array, "N T D"],
    h0: Float[Array, "N H"],
    w_x: Float[Array, "D H"],
    w_h: Float[Array, "H H"],
    b: Float[Array, "H"],
) -> States:
    """Return the hidden states of sequences after every time step.

    h0 holds the states before the first step, usually zeros.

    Raises:
        ValueError: As `rnn_cell`, or there is no time step.

    >>> import numpy as np
    >>> x, h0 = np.array([[[np.log(3)], [0.0]]]), np.array([[0.0]])
    >>> h, last = rnn(x, h0, np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1))
    >>> h.ravel().round(2), last  # with w_h = 0 nothing is kept
    (array([0.8, 0. ]), array([[0.]]))
    """
    _require_steps(x)
    xp = array_namespace(x, h0, w_x, w_h, b)
    h, states = h0, []
    for t in range(x.shape[1]):
        h = rnn_cell(x[:, t, :], h, w_x, w_h, b)
        states.append(h)
    return States(xp.stack(states, axis=1), h)


def stacked_rnn(
    x: Float[Array, "N T D"], layers: Sequence[Layer]
) -> tuple[States, ...]:
    """Return the States of every layer, the lowest first.

    A layer reads the hidden states of the one below it; all start at zero.

    Raises:
        ValueError: As `rnn`, or there is no layer.

    >>> import numpy as np
    >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
    >>> layer = Layer(one, zero, np.zeros(1))
    >>> low, high = stacked_rnn(np.array([[[np.log(3)]]]), [layer, layer])
    >>> low.last.round(2), high.last.round(2)  # tanh(log 3), tanh(0.8)
    (array([[0.8]]), array([[0.66]]))
    """
    if not layers:
        raise ValueError("a stack needs 1 layer, got 0")
    xp = array_namespace(x)
    stack = []
    for w_x, w_h, b in layers:
        shape = *x.shape[:1], *b.shape
        h0 = xp.zeros(shape, dtype=x.dtype, device=x.device)
        stack.append(rnn(x, h0, w_x, w_h, b))
        x = stack[-1].h  # eq. 3
    return tuple(stack)


def rnn_cell_backward(
    dh: Float[Array, "N H"],
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D H"],
    w_h: Float[Array, "H H"],
    b: Float[Array, "H"],
) -> Gradients:
    """Return the gradients of one step, where dh is dL/d(rnn_cell(...)).

    Raises:
        ValueError: As `rnn_cell`, or dh does not have the shape of its result.

    >>> import numpy as np
    >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
    >>> dx, dh, *_ = rnn_cell_backward(
    ...     one, zero, zero, 2 * one, 3 * one, np.zeros(1)
    ... )
    >>> dx, dh
    (array([[2.]]), array([[3.]]))
    """
    z = _inner(x, h, w_x, w_h, b)
    dz = tanh_backward(dh, z)  # eq. 4
    dx, dw_x, db = affine_backward(dz, x, w_x, b)
    dh_before, dw_h, _ = affine_backward(dz, h, w_h, b)
    return Gradients(dx, dh_before, dw_x, dw_h, db)


def rnn_backward(
    dh: Float[Array, "N T H"],
    x: Float[Array, "N T D"],
    h0: Float[Array, "N H"],
    w_x: Float[Array, "D H"],
    w_h: Float[Array, "H H"],
    b: Float[Array, "H"],
) -> Gradients:
    """Return the gradients through all time steps.

    dh holds, for every step, the gradient that the loss delivers right there,
    not through later steps: zeros where the loss does not look.

    Raises:
        ValueError: As `rnn`, or dh does not have the shape and the dtype of
            its states.

    >>> import numpy as np
    >>> one, zero, b = np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1)
    >>> x, dh = np.zeros((1, 2, 1)), np.array([[[0.0], [1.0]]])
    >>> dx, *_ = rnn_backward(dh, x, zero, 2 * one, 3 * one, b)
    >>> dx.ravel()  # 1 times 3 (one step back) times 2, and 1 times 2
    array([6., 2.])
    """
    h = rnn(x, h0, w_x, w_h, b).h
    if tuple(dh.shape) != tuple(h.shape) or dh.dtype != h.dtype:
        raise ValueError(
            "rnn_backward needs dh like the states, "
            f"{tuple(h.shape)} {h.dtype}, got {tuple(dh.shape)} {dh.dtype}"
        )
    xp = array_namespace(dh, x, h0, w_x, w_h, b)
    carried, dx = xp.zeros_like(h0), []
    sums = xp.zeros_like(w_x), xp.zeros_like(w_h), xp.zeros_like(b)
    for t in reversed(range(x.shape[1])):
        before = h[:, t - 1, :] if t > 0 else h0
        total = dh[:, t, :] + carried  # eq. 5
        step = rnn_cell_backward(total, x[:, t, :], before, w_x, w_h, b)
        carried = step.dh
        dx.insert(0, step.dx)
        sums = [a + g for a, g in zip(sums, step[2:], strict=True)]  # eq. 6
    return Gradients(xp.stack(dx, axis=1), carried, *sums)


def _inner(
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D H"],
    w_h: Float[Array, "H H"],
    b: Float[Array, "H"],
) -> Float[Array, "N H"]:
    """Return what the tanh of a step is applied to."""
    _require_fit(x, h, w_x, w_h, b)
    return affine(x, w_x, b) + h @ w_h  # eq. 1


def _require_fit(
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D H"],
    w_h: Float[Array, "H H"],
    b: Float[Array, "H"],
) -> None:
    """Raise unless every sequence has an input and a state of its own."""
    arrays = x, h, w_x, w_h, b
    shapes = [tuple(a.shape) for a in arrays]
    fits = x.ndim == 2 and b.ndim == 1
    if fits:
        (n, inputs), (size,) = shapes[0], shapes[-1]
        fits = shapes[1:4] == [(n, size), (inputs, size), (size, size)]
    if not fits:
        raise ValueError(
            "a recurrent step needs x (N, D), h (N, H), w_x (D, H), w_h "
            f"(H, H) and b (H,), got {', '.join(map(str, shapes))}"
        )
    xp = array_namespace(*arrays)
    types = [a.dtype for a in arrays]
    if types != types[:1] * 5 or not xp.isdtype(types[0], "real floating"):
        raise ValueError(
            f"real floating-point numbers of one dtype are needed, got {types}"
        )


def _require_steps(x: Float[Array, "N T D"]) -> None:
    """Raise unless x holds sequences of at least one time step."""
    if x.ndim != 3 or x.shape[1] < 1:
        raise ValueError(
            "sequences x (N, T, D) of at least 1 time step are needed, got x "
            f"of shape {tuple(x.shape)}"
        )
