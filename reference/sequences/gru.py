"""Gated recurrent unit (GRU).

A recurrent network whose units mix their old state with a new value, in shares
that they learn; forward and backward through time, and the form which applies
its reset gate before the matrix product.

Axes    N sequences of T steps with D inputs each, H units. The K = 3H
        columns of w_x, w_h, b_x and b_h are those of r, z, g, H of each.
Page    docs/en/sequences/gru.md ("eq. 3" marks the line of its (3))
Source  Cho et al., Learning Phrase Representations using RNN Encoder-Decoder
        for Statistical Machine Translation, EMNLP 2014
"""

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def _check(
    x: Float[Array, "..."],
    h: Float[Array, "..."],
    w_x: Float[Array, "..."],
    w_h: Float[Array, "..."],
    b_x: Float[Array, "..."],
    b_h: Float[Array, "..."],
) -> None:
    """Raise a ValueError unless the floats are of one dtype and fit."""
    xp = array_namespace(x)
    arrays = {"h": h, "w_x": w_x, "w_h": w_h, "b_x": b_x, "b_h": b_h}
    for name, a in {"x": x, **arrays}.items():
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(f"real floating {name} needed, got {a.dtype}")
        if a.dtype != x.dtype:
            raise ValueError(f"{name} of {x.dtype} needed, got {a.dtype}")
    if h.ndim != 2:
        raise ValueError(f"h of shape (N, H) needed, got {tuple(h.shape)}")
    n, d, units = x.shape[0], x.shape[-1], h.shape[1]
    k = 3 * units
    needed = ((n, units), (d, k), (units, k), (k,), (k,))
    for (name, a), shape in zip(arrays.items(), needed, strict=True):
        if tuple(a.shape) != shape:  # (1, H) or (1,) would broadcast.
            text = f"x of {tuple(x.shape)} and {units} units need {name} of"
            raise ValueError(f"{text} {shape}, got {tuple(a.shape)}")


def _check_one(x: Float[Array, "..."]) -> None:
    """Raise a ValueError unless x has two axes."""
    if x.ndim != 2:
        raise ValueError(f"x of shape (N, D) needed, got {tuple(x.shape)}")


def _from_input(
    x: Float[Array, "N D"],
    w_x: Float[Array, "D K"],
    b_x: Float[Array, "K"],
) -> Float[Array, "N K"]:
    """Return u, what the input sends to the gates and the candidate."""
    return x @ w_x + b_x  # eq. 1


def _gates(
    a: Float[Array, "N J"],
) -> tuple[Float[Array, "N H"], Float[Array, "N H"]]:
    """Return reset gate and update gate, where a is u + v, 2H columns."""
    xp = array_namespace(a)
    n = a.shape[1] // 2
    # The sigmoid, which is a tanh of half the height and twice the width. It
    # cannot overflow.
    s = 0.5 + 0.5 * xp.tanh(0.5 * a)
    r = s[:, :n]  # eq. 3
    z = s[:, n:]  # eq. 4
    return r, z


def _step(
    u: Float[Array, "N K"],
    h: Float[Array, "N H"],
    w_h: Float[Array, "H K"],
    b_h: Float[Array, "K"],
) -> tuple[Float[Array, "N H"], tuple[Float[Array, "N H"], ...]]:
    """Return h after a step, and the gates, the candidate and its share v."""
    xp = array_namespace(u)
    n = 2 * h.shape[1]
    v = h @ w_h + b_h  # eq. 2
    r, z = _gates(u[:, :n] + v[:, :n])
    v = v[:, n:]
    g = xp.tanh(u[:, n:] + r * v)  # eq. 5
    h = (1 - z) * g + z * h  # eq. 6
    return h, (r, z, g, v)


def gru_cell(
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b_x: Float[Array, "K"],
    b_h: Float[Array, "K"],
) -> Float[Array, "N H"]:
    """Return the hidden state after one step, reset after the product.

    Raises:
        ValueError: The arrays are not real floating-point numbers of one
            dtype, or shapes do not fit.

    >>> import numpy as np
    >>> zero, state, w = np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 3))
    >>> gru_cell(zero, state, w, w, np.zeros(3), np.zeros(3))
    array([[0.5]])
    """
    _check_one(x)
    _check(x, h, w_x, w_h, b_x, b_h)
    return _step(_from_input(x, w_x, b_x), h, w_h, b_h)[0]


def gru_cell_reset_before(
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b_x: Float[Array, "K"],
    b_h: Float[Array, "K"],
) -> Float[Array, "N H"]:
    """Return the hidden state after one step, reset before the product.

    Raises:
        ValueError: As `gru_cell`.

    >>> import numpy as np
    >>> zero, state, w = np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 3))
    >>> gru_cell_reset_before(zero, state, w, w, np.zeros(3), np.zeros(3))
    array([[0.5]])
    """
    _check_one(x)
    _check(x, h, w_x, w_h, b_x, b_h)
    xp = array_namespace(x)
    n = 2 * h.shape[1]
    u = _from_input(x, w_x, b_x)
    r, z = _gates(u[:, :n] + h @ w_h[:, :n] + b_h[:n])
    g = xp.tanh(u[:, n:] + (r * h) @ w_h[:, n:] + b_h[n:])  # eq. 7
    return (1 - z) * g + z * h


def _unroll(
    x: Float[Array, "N T D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b_x: Float[Array, "K"],
    b_h: Float[Array, "K"],
) -> tuple[list, list]:
    """Return h at t = 0, ..., T, and the gates at t = 1, ..., T."""
    xp = array_namespace(x)
    n, steps, d = x.shape
    # All inputs are known: u is one product for all steps.
    u = _from_input(xp.reshape(x, (n * steps, d)), w_x, b_x)
    u = xp.reshape(u, (n, steps, b_x.shape[0]))
    hs, gates = [h], []
    for t in range(steps):
        h, gates_t = _step(u[:, t, :], h, w_h, b_h)
        hs.append(h)
        gates.append(gates_t)
    return hs, gates


def _check_sequence(x: Float[Array, "..."]) -> None:
    """Raise a ValueError unless x has three axes and a time step."""
    if x.ndim != 3 or x.shape[1] < 1:
        shape = tuple(x.shape)
        raise ValueError(f"x of (N, T, D) with T >= 1 needed, got {shape}")


def gru(
    x: Float[Array, "N T D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b_x: Float[Array, "K"],
    b_h: Float[Array, "K"],
) -> Float[Array, "N T H"]:
    """Return the hidden state after every step, from the h before the first.

    Raises:
        ValueError: As `gru_cell`, or there is no time step.

    >>> import numpy as np
    >>> state, w, b = np.ones((1, 1)), np.zeros((1, 3)), np.zeros(3)
    >>> gru(np.zeros((1, 3, 1)), state, w, w, b, b).ravel()
    array([0.5  , 0.25 , 0.125])
    """
    _check_sequence(x)
    _check(x, h, w_x, w_h, b_x, b_h)
    xp = array_namespace(x)
    hs, _ = _unroll(x, h, w_x, w_h, b_x, b_h)
    return xp.stack(hs[1:], axis=1)


def _step_backward(
    dh: Float[Array, "N H"],
    gates: tuple[Float[Array, "N H"], ...],
    before: Float[Array, "N H"],
    w_h: Float[Array, "H K"],
) -> tuple[Float[Array, "N K"], Float[Array, "N K"], Float[Array, "N H"]]:
    """Return dL/du, dL/dv and dL/dh before a step from dL/dh after it."""
    xp = array_namespace(dh)
    r, z, g, v = gates
    du_g = dh * (1 - z) * (1 - g**2)  # eq. 8
    du_r = du_g * v * r * (1 - r)  # eq. 9
    du_z = dh * (before - g) * z * (1 - z)  # eq. 10
    dv_g = du_g * r  # eq. 11
    du = xp.concat([du_r, du_z, du_g], axis=1)
    dv = xp.concat([du_r, du_z, dv_g], axis=1)
    dh = dh * z + dv @ w_h.mT  # eq. 12
    return du, dv, dh


def gru_backward(
    dh: Float[Array, "N T H"],
    x: Float[Array, "N T D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b_x: Float[Array, "K"],
    b_h: Float[Array, "K"],
) -> tuple[
    Float[Array, "N T D"],
    Float[Array, "N H"],
    Float[Array, "D K"],
    Float[Array, "H K"],
    Float[Array, "K"],
    Float[Array, "K"],
]:
    """Return dL/dx, dL/dh, dL/dw_x, dL/dw_h, dL/db_x and dL/db_h.

    dh holds what the loss itself sends to the outputs of `gru`.

    Raises:
        ValueError: As `gru`, or dh is not of the output's shape and dtype.
    """
    _check_sequence(x)
    _check(x, h, w_x, w_h, b_x, b_h)
    xp = array_namespace(x)
    (n, steps, d), units = x.shape, h.shape[1]
    if tuple(dh.shape) != (n, steps, units) or dh.dtype != h.dtype:
        text = f"dh of {(n, steps, units)} {h.dtype} needed"
        raise ValueError(f"{text}, got {tuple(dh.shape)} {dh.dtype}")
    hs, gates = _unroll(x, h, w_x, w_h, b_x, b_h)
    du, dv, dh_t = [], [], xp.zeros_like(h)
    for t in reversed(range(steps)):
        dh_t = dh_t + dh[:, t, :]
        du_t, dv_t, dh_t = _step_backward(dh_t, gates[t], hs[t], w_h)
        du.append(du_t)
        dv.append(dv_t)
    du = xp.reshape(xp.stack(du[::-1], axis=1), (n * steps, 3 * units))
    dv = xp.reshape(xp.stack(dv[::-1], axis=1), (n * steps, 3 * units))
    before = xp.reshape(xp.stack(hs[:-1], axis=1), (n * steps, units))
    dw_h = before.mT @ dv  # eq. 13
    dw_x = xp.reshape(x, (n * steps, d)).mT @ du
    dx = xp.reshape(du @ w_x.mT, (n, steps, d))
    return dx, dh_t, dw_x, dw_h, xp.sum(du, axis=0), xp.sum(dv, axis=0)


def gru_cell_backward(
    dh: Float[Array, "N H"],
    x: Float[Array, "N D"],
    h: Float[Array, "N H"],
    w_x: Float[Array, "D K"],
    w_h: Float[Array, "H K"],
    b_x: Float[Array, "K"],
    b_h: Float[Array, "K"],
) -> tuple[
    Float[Array, "N D"],
    Float[Array, "N H"],
    Float[Array, "D K"],
    Float[Array, "H K"],
    Float[Array, "K"],
    Float[Array, "K"],
]:
    """Return the gradients of `gru_cell`: those of a sequence of one step.

    Raises:
        ValueError: As `gru_cell`, or dh is not of h's shape and dtype.
    """
    if x.ndim != 2 or dh.ndim != 2:
        shapes = ", ".join(str(tuple(a.shape)) for a in (x, dh))
        raise ValueError(f"x and dh of 2 axes needed, got {shapes}")
    args = dh[:, None, :], x[:, None, :], h, w_x, w_h, b_x, b_h
    dx, *rest = gru_backward(*args)
    return dx[:, 0, :], *rest
