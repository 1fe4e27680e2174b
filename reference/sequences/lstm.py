"""Long short-term memory (LSTM).

A recurrent network whose units each keep a number, the cell, and three gates
which learn when it is written, kept and read; forward and backward through
time.

Axes    N sequences of T steps with D inputs each, H units. The K = 4H
        columns of w_x, w_h and b are those of i, f, g, o, H of each.
Page    docs/en/sequences/lstm.md ("eq. 3" marks the line of its (3))
Source  Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation
        1997; Gers, Schmidhuber and Cummins, Learning to Forget, 2000
"""

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def _check(
    x: Float[Array, "..."],
    h: Float[Array, "..."],
    c: Float[Array, "..."],
    w_x: Float[Array, "..."],
    w_h: Float[Array, "..."],
    b: Float[Array, "..."],
) -> None:
    """Raise a ValueError unless the floats are of one dtype and fit."""
    xp = array_namespace(x)
    arrays = {"h": h, "c": c, "w_x": w_x, "w_h": w_h, "b": b}
    for name, a in {"x": x, **arrays}.items():
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(f"real floating {name} needed, got {a.dtype}")
        if a.dtype != x.dtype:
            raise ValueError(f"{name} of {x.dtype} needed, got {a.dtype}")
    if h.ndim != 2:
        raise ValueError(f"h of shape (N, H) needed, got {tuple(h.shape)}")
    n, d, units = x.shape[0], x.shape[-1], h.shape[1]
    k = 4 * units
    needed = ((n, units), (n, units), (d, k), (units, k), (k,))
    for (name, a), shape in zip(arrays.items(), needed, strict=True):
        if tuple(a.shape) != shape:  # (1, H) or (1,) would broadcast.
            text = f"x of {tuple(x.shape)} and {units} units need {name} of"
            raise ValueError(f"{text} {shape}, got {tuple(a.shape)}")


def _check_one(x: Float[Array, "..."]) -> None:
    """Raise a ValueError unless x has two axes."""
    if x.ndim != 2:
        raise ValueError(f"x of shape (N, D) needed, got {tuple(x.shape)}")


def _gates(z: Float[Array, "N K"]) -> tuple[Float[Array, "N H"], ...]:
    """Return input gate, forget gate, candidate and output gate."""
    xp = array_namespace(z)
    n = z.shape[1] // 4
    # The sigmoid, which is a tanh of half the height and twice the width. It
    # cannot overflow, and one call for all gates is fast. A gate smaller than
    # the rounding error of 1 comes out as 0.
    s = 0.5 + 0.5 * xp.tanh(0.5 * z)
    i = s[:, :n]  # eq. 2
    f = s[:, n : 2 * n]  # eq. 3
    g = xp.tanh(z[:, 2 * n : 3 * n])  # eq. 4
    o = s[:, 3 * n :]  # eq. 5
    return i, f, g, o


def _step(
    z_x: Float[Array, "N K"],
    h: Float[Array, "N H"],
    c: Float[Array, "N H"],
    w_h: Float[Array, "H K"],
) -> tuple[Float[Array, "N H"], Float[Array, "N H"], tuple]:
    """Return h, c and the gates of a step, where z_x is x @ w_x + b."""
    xp = array_namespace(z_x)
    i, f, g, o = _gates(z_x + h @ w_h)  # eq. 1
    c = f * c + i * g  # eq. 6
    h = o * xp.tanh(c)  # eq. 7
    return h, c, (i, f, g, o)


def lstm_cell(
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    c: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b: Float[Array, "K"],
) -> tuple[Float[Array, "N H"], Float[Array, "N H"]]:
    """Return the hidden state and the cell after one step.

    Raises:
        ValueError: The arrays are not real floating-point numbers of one
            dtype, or shapes do not fit.

    >>> import numpy as np
    >>> zero, cell, weights = np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 4))
    >>> lstm_cell(zero, zero, cell, weights, weights, np.zeros(4))[1]
    array([[0.5]])
    """
    _check_one(x)
    _check(x, h, c, w_x, w_h, b)
    h, c, _ = _step(x @ w_x + b, h, c, w_h)
    return h, c


def _unroll(
    x: Float[Array, "N T D"],
    h: Float[Array, "N H"],
    c: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b: Float[Array, "K"],
) -> tuple[list, list, list]:
    """Return h and c at t = 0, ..., T, and the gates at t = 1, ..., T."""
    xp = array_namespace(x)
    n, steps, d = x.shape
    # All inputs are known: their share of z is one product for all steps.
    z = xp.reshape(x, (n * steps, d)) @ w_x + b
    z = xp.reshape(z, (n, steps, b.shape[0]))
    hs, cs, gates = [h], [c], []
    for t in range(steps):
        h, c, gates_t = _step(z[:, t, :], h, c, w_h)
        hs.append(h)
        cs.append(c)
        gates.append(gates_t)
    return hs, cs, gates


def _check_sequence(x: Float[Array, "..."]) -> None:
    """Raise a ValueError unless x has three axes and a time step."""
    if x.ndim != 3 or x.shape[1] < 1:
        shape = tuple(x.shape)
        raise ValueError(f"x of (N, T, D) with T >= 1 needed, got {shape}")


def lstm(
    x: Float[Array, "N T D"],
    h: Float[Array, "N H"],
    c: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b: Float[Array, "K"],
) -> tuple[Float[Array, "N T H"], Float[Array, "N T H"]]:
    """Return hidden state and cell after every step, from h and c before.

    Raises:
        ValueError: As `lstm_cell`, or there is no time step.

    >>> import numpy as np
    >>> zero, cell, weights = np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 4))
    >>> x = np.zeros((1, 3, 1))
    >>> lstm(x, zero, cell, weights, 0 * weights, np.zeros(4))[1].ravel()
    array([0.5  , 0.25 , 0.125])
    """
    _check_sequence(x)
    _check(x, h, c, w_x, w_h, b)
    xp = array_namespace(x)
    hs, cs, _ = _unroll(x, h, c, w_x, w_h, b)
    return xp.stack(hs[1:], axis=1), xp.stack(cs[1:], axis=1)


def _check_upstream(
    dh: Float[Array, "..."],
    dc: Float[Array, "..."],
    h: Float[Array, "..."],
    shape: tuple[int, ...],
) -> None:
    """Raise a ValueError unless dh and dc have the shape and h's dtype."""
    for name, a in (("dh", dh), ("dc", dc)):
        if tuple(a.shape) != shape or a.dtype != h.dtype:
            text = f"{name} of {shape} and {h.dtype} needed, got"
            raise ValueError(f"{text} {tuple(a.shape)} and {a.dtype}")


def _step_backward(
    dh: Float[Array, "N H"],
    dc: Float[Array, "N H"],
    gates: tuple[Float[Array, "N H"], ...],
    before: Float[Array, "N H"],
    c: Float[Array, "N H"],
    w_h: Float[Array, "H K"],
) -> tuple[Float[Array, "N K"], Float[Array, "N H"], Float[Array, "N H"]]:
    """Return dL/dz, dL/dh and dL/dc before a step from those after it."""
    xp = array_namespace(dh)
    i, f, g, o = gates
    read = xp.tanh(c)
    dc = dc + dh * o * (1 - read**2)  # eq. 8
    dz_i = dc * g * i * (1 - i)  # eq. 9
    dz_f = dc * before * f * (1 - f)  # eq. 10
    dz_g = dc * i * (1 - g**2)  # eq. 11
    dz_o = dh * read * o * (1 - o)  # eq. 12
    dz = xp.concat([dz_i, dz_f, dz_g, dz_o], axis=1)
    dh = dz @ w_h.mT  # eq. 13
    dc = dc * f  # eq. 14
    return dz, dh, dc


def lstm_backward(
    dh: Float[Array, "N T H"],
    dc: Float[Array, "N T H"],
    x: Float[Array, "N T D"],
    h: Float[Array, "N H"],
    c: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b: Float[Array, "K"],
) -> tuple[
    Float[Array, "N T D"],
    Float[Array, "N H"],
    Float[Array, "N H"],
    Float[Array, "D K"],
    Float[Array, "H K"],
    Float[Array, "K"],
]:
    """Return dL/dx, dL/dh, dL/dc, dL/dw_x, dL/dw_h and dL/db.

    dh and dc hold what the loss itself sends to the outputs of `lstm`.

    Raises:
        ValueError: As `lstm`, or dh or dc is not of the outputs' shape and
            dtype.

    >>> import numpy as np
    >>> zero, one, weights = np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 4))
    >>> x, dc = np.zeros((1, 2, 1)), np.array([[[0.0], [1.0]]])
    >>> lstm_backward(x, dc, x, zero, one, weights, weights, np.zeros(4))[2]
    array([[0.25]])
    """
    _check_sequence(x)
    _check(x, h, c, w_x, w_h, b)
    xp = array_namespace(x)
    (n, steps, d), units = x.shape, h.shape[1]
    _check_upstream(dh, dc, h, (n, steps, units))
    hs, cs, gates = _unroll(x, h, c, w_x, w_h, b)
    dz = []
    dh_t, dc_t = xp.zeros_like(h), xp.zeros_like(c)
    for t in reversed(range(steps)):
        dh_t, dc_t = dh_t + dh[:, t, :], dc_t + dc[:, t, :]
        dz_t, dh_t, dc_t = _step_backward(
            dh_t, dc_t, gates[t], cs[t], cs[t + 1], w_h
        )
        dz.append(dz_t)
    dz = xp.reshape(xp.stack(dz[::-1], axis=1), (n * steps, 4 * units))
    before = xp.reshape(xp.stack(hs[:-1], axis=1), (n * steps, units))
    dw_h = before.mT @ dz  # eq. 15
    dw_x = xp.reshape(x, (n * steps, d)).mT @ dz
    dx = xp.reshape(dz @ w_x.mT, (n, steps, d))
    return dx, dh_t, dc_t, dw_x, dw_h, xp.sum(dz, axis=0)


def lstm_cell_backward(
    dh: Float[Array, "N H"],
    dc: Float[Array, "N H"],
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    c: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b: Float[Array, "K"],
) -> tuple[
    Float[Array, "N D"],
    Float[Array, "N H"],
    Float[Array, "N H"],
    Float[Array, "D K"],
    Float[Array, "H K"],
    Float[Array, "K"],
]:
    """Return the gradients of one step, in the order of `lstm_backward`.

    Raises:
        ValueError: As `lstm_cell`, or dh or dc is not of h's shape and dtype.

    >>> import numpy as np
    >>> zero, one, weights = np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 4))
    >>> args = zero, one, zero, zero, one, weights, weights, np.zeros(4)
    >>> lstm_cell_backward(*args)[2]
    array([[0.5]])
    """
    _check_one(x)
    _check(x, h, c, w_x, w_h, b)
    _check_upstream(dh, dc, h, tuple(h.shape))
    dh, dc, x = dh[:, None, :], dc[:, None, :], x[:, None, :]
    dx, *rest = lstm_backward(dh, dc, x, h, c, w_x, w_h, b)
    return dx[:, 0, :], *rest
