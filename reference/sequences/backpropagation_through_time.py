"""Backpropagation through time.

The gradient of the weights that a recurrent network uses again at every time
step: carried back from step to step by the Jacobians of the states, and added
up over the steps. The states come from a forward pass with
h_t = tanh(x_t W_x + h_(t-1) W_h + b).

Axes    N sequences, T time steps, D entries of an input, H entries of a state;
        hs holds T + 1 states, h_0 first.
Page    docs/en/sequences/backpropagation_through_time.md
        ("eq. 3" marks the line of its (3))
Source  Werbos, Backpropagation Through Time: What It Does and How to Do It,
        Proceedings of the IEEE 1990; Pascanu, Mikolov and Bengio, On the
        Difficulty of Training Recurrent Neural Networks, ICML 2013
"""

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def _require_float(a: Array, w_h: Array, name: str) -> None:
    """Raise a ValueError unless both hold real numbers of one dtype."""
    xp = array_namespace(a, w_h)
    if not xp.isdtype(a.dtype, "real floating") or a.dtype != w_h.dtype:
        need = f"{name} and w_h need one real floating-point dtype"
        raise ValueError(f"{need}, got {a.dtype} and {w_h.dtype}")


def _slopes(
    h: Float[Array, "*rows H"], w_h: Float[Array, "H H"]
) -> Float[Array, "*rows H"]:
    """Return the slope of tanh where its value is h, 1 - h^2."""
    xp = array_namespace(h, w_h)
    _require_float(h, w_h, "states")
    units = h.shape[-1] if h.ndim else 0
    if units < 1 or tuple(w_h.shape) != (units, units):
        shapes = f"{tuple(h.shape)} and {tuple(w_h.shape)}"
        raise ValueError(f"states (..., H) need w_h (H, H), got {shapes}")
    if not xp.all(xp.abs(h) <= 1):  # Perhaps the values before tanh.
        top = float(xp.max(xp.abs(h)))
        raise ValueError(f"values of tanh lie in [-1, 1], got one of {top:g}")
    return (1 - h) * (1 + h)  # Near 1, 1 - h * h would lose digits.


def _after_start(hs: Float[Array, "N S H"]) -> Float[Array, "N T H"]:
    """Return the states without the first, which need not come from tanh."""
    if hs.ndim != 3 or hs.shape[1] < 1:
        shape = tuple(hs.shape)
        raise ValueError(f"states h_0 to h_T, (N, T + 1, H), got {shape}")
    return hs[:, 1:, :]


def state_jacobian(
    h: Float[Array, "*rows H"], w_h: Float[Array, "H H"]
) -> Float[Array, "*rows H H"]:
    """Return the derivatives of the state h in the state one step before.

    Row j belongs to entry j of h, column i to entry i of the state before.

    Raises:
        ValueError: h and w_h are not real floating-point of one dtype, w_h
            does not fit h, or h is outside of [-1, 1], the values of tanh.

    >>> import numpy as np
    >>> w_h = np.array([[2.0, 0.0], [4.0, 8.0]])
    >>> state_jacobian(np.array([0.0, 0.5]), w_h)
    array([[2., 4.],
           [0., 6.]])
    """
    return _slopes(h, w_h)[..., None] * w_h.mT  # eq. 1


def jacobian_product(
    hs: Float[Array, "N S H"], w_h: Float[Array, "H H"]
) -> Float[Array, "N H H"]:
    """Return the derivatives of the last state in the first.

    Raises:
        ValueError: As `state_jacobian`, or hs holds no state.

    >>> import numpy as np
    >>> hs = np.array([[[0.0], [0.5], [0.0]]])
    >>> jacobian_product(hs, np.array([[2.0]]))
    array([[[3.]]])
    """
    xp = array_namespace(hs, w_h)
    _slopes(_after_start(hs), w_h)
    n, states, units = hs.shape
    kind = {"dtype": w_h.dtype, "device": w_h.device}
    product = xp.zeros((n, 1, 1), **kind) + xp.eye(units, **kind)
    for t in range(1, states):
        product = state_jacobian(hs[:, t, :], w_h) @ product  # eq. 2
    return product


def spectral_bounds(
    hs: Float[Array, "N S H"], w_h: Float[Array, "H H"]
) -> tuple[Float[Array, "N"], Float[Array, "N"]]:
    """Return the least and the most by which the product can stretch.

    No vector that `jacobian_product` multiplies becomes shorter than the
    first number times its length, or longer than the second.

    Raises:
        ValueError: As `jacobian_product`.

    >>> import numpy as np
    >>> hs = np.array([[[0.0, 0.0], [0.0, 0.5]]])
    >>> lower, upper = spectral_bounds(hs, np.array([[4.0, 0.0], [0.0, 2.0]]))
    >>> lower.round(2), upper.round(2)
    (array([1.5]), array([4.]))
    """
    xp = array_namespace(hs, w_h)
    slopes = _slopes(_after_start(hs), w_h)
    s = xp.linalg.svdvals(w_h)
    lower = xp.prod(s[-1] * xp.min(slopes, axis=-1), axis=-1)  # eq. 7
    upper = xp.prod(s[0] * xp.max(slopes, axis=-1), axis=-1)  # eq. 8
    return lower, upper


def state_gradients(
    dhs: Float[Array, "N T H"],
    hs: Float[Array, "N T+1 H"],
    w_h: Float[Array, "H H"],
    truncate: int | None = None,
) -> Float[Array, "N T+1 H"]:
    """Return dL/dh of all states, h_0 first, through all later steps.

    Args:
        dhs: what arrives at h_1 to h_T directly, not through later states.
        hs: the states h_0 to h_T.
        w_h: the weights from state to state.
        truncate: if given, no gradient leaves a piece of so many steps.

    Raises:
        ValueError: As `jacobian_product`; or dhs has another shape than
            h_1 to h_T or another dtype than w_h, or truncate is no whole
            number above 0.

    >>> import numpy as np
    >>> hs, dhs = np.zeros((1, 3, 1)), np.array([[[0.0], [1.0]]])
    >>> state_gradients(dhs, hs, np.array([[2.0]])).ravel()
    array([4., 2., 1.])
    """
    xp = array_namespace(dhs, hs, w_h)
    after = _after_start(hs)
    slopes = _slopes(after, w_h)
    _require_float(dhs, w_h, "dhs")
    if tuple(dhs.shape) != tuple(after.shape):
        shapes = f"{tuple(dhs.shape)} for hs of {tuple(hs.shape)}"
        raise ValueError(f"one gradient per later state, got {shapes}")
    steps = after.shape[1]
    k = max(steps, 1) if truncate is None else truncate
    if isinstance(k, bool) or not k >= 1 or k % 1:
        raise ValueError(f"truncate needs a whole number above 0, got {k}")
    passed = xp.zeros_like(hs[:, 0, :])
    deltas = [passed] * (steps + 1)
    for t in range(steps, 0, -1):
        if t % k == 0:  # The state h_t is the last of its piece.
            passed = xp.zeros_like(passed)
        deltas[t] = dhs[:, t - 1, :] + passed  # eq. 3
        passed = (deltas[t] * slopes[:, t - 1, :]) @ w_h.mT
    deltas[0] = passed
    return xp.stack(deltas, axis=1)


def bptt(
    dhs: Float[Array, "N T H"],
    x: Float[Array, "N T D"],
    hs: Float[Array, "N T+1 H"],
    w_h: Float[Array, "H H"],
    truncate: int | None = None,
) -> tuple[Float[Array, "D H"], Float[Array, "H H"], Float[Array, "H"]]:
    """Return dL/dw_x, dL/dw_h and dL/db, summed over sequences and steps.

    Args:
        dhs: what arrives at h_1 to h_T directly, not through later states.
        x: the inputs of steps 1 to T.
        hs: the states h_0 to h_T.
        w_h: the weights from state to state.
        truncate: if given, no gradient leaves a piece of so many steps.

    Raises:
        ValueError: As `state_gradients`, or x has another dtype than w_h or
            not one input for each of the T steps.

    >>> import numpy as np
    >>> hs = np.array([[[0.0], [0.5], [0.0]]])
    >>> x, dhs = np.ones((1, 2, 1)), np.array([[[0.0], [1.0]]])
    >>> bptt(dhs, x, hs, np.array([[2.0]]))
    (array([[2.5]]), array([[0.5]]), array([2.5]))
    """
    xp = array_namespace(dhs, x, hs, w_h)
    _require_float(x, w_h, "x")
    if x.ndim != 3 or tuple(x.shape[:2]) != tuple(dhs.shape[:2]):
        shapes = f"{tuple(x.shape)} for dhs of {tuple(dhs.shape)}"
        raise ValueError(f"x (N, T, D) needs one input per step, got {shapes}")
    deltas = state_gradients(dhs, hs, w_h, truncate)[:, 1:, :]
    e = deltas * _slopes(_after_start(hs), w_h)
    rows = e.shape[0] * e.shape[1]  # Every step of every sequence is one row.
    before = xp.reshape(hs[:, :-1, :], (rows, hs.shape[2]))
    x, e = xp.reshape(x, (rows, x.shape[2])), xp.reshape(e, (rows, e.shape[2]))
    dw_h = before.mT @ e  # eq. 4
    dw_x = x.mT @ e  # eq. 5
    db = xp.sum(e, axis=0)  # eq. 6
    return dw_x, dw_h, db
