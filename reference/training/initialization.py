"""Weight initialization.

Draws the first weights of a layer at random, with a spread at which neither
the signal on its way forwards nor the gradient on its way back fades or grows
from layer to layer; and measures the signal of a deep stack.

Axes    D_in inputs and D_out outputs of a layer; N examples, D units of each
        of L layers.
Page    docs/en/training/initialization.md ("eq. 3" marks the line of its (3))
Source  Glorot and Bengio, Understanding the Difficulty of Training Deep
        Feedforward Neural Networks, AISTATS 2010; He, Zhang, Ren and Sun,
        Delving Deep into Rectifiers, ICCV 2015
"""

from collections.abc import Callable
from math import hypot, inf, isfinite, sqrt

import numpy as np
from jaxtyping import Float


def xavier_normal(
    d_in: int, d_out: int, rng: np.random.Generator, gain: float = 1.0
) -> Float[np.ndarray, "D_in D_out"]:
    """Return normal weights of variance gain^2 * 2 / (d_in + d_out).

    For layers without activation, or one like tanh whose slope at 0 is 1.

    Raises:
        ValueError: d_in or d_out is no whole number above 0, or gain no
            finite number above 0.

    >>> xavier_normal(3, 2, np.random.default_rng(0)).shape
    (3, 2)
    """
    return _normal(d_in, d_out, _xavier_std(d_in, d_out, gain), rng)


def xavier_uniform(
    d_in: int, d_out: int, rng: np.random.Generator, gain: float = 1.0
) -> Float[np.ndarray, "D_in D_out"]:
    """Return uniform weights of variance gain^2 * 2 / (d_in + d_out).

    They lie between plus and minus gain * sqrt(6 / (d_in + d_out)).

    Raises:
        ValueError: As `xavier_normal`.

    >>> w = xavier_uniform(30, 24, np.random.default_rng(0))
    >>> bool(np.max(np.abs(w)) <= 1 / 3)
    True
    """
    return _uniform(d_in, d_out, _xavier_std(d_in, d_out, gain), rng)


def he_normal(
    d_in: int, d_out: int, rng: np.random.Generator, slope: float = 0.0
) -> Float[np.ndarray, "D_in D_out"]:
    """Return normal weights of variance 2 / ((1 + slope^2) * d_in).

    For ReLU, or for leaky ReLU with this slope left of 0.

    Raises:
        ValueError: d_in or d_out is no whole number above 0, or slope is not
            finite.

    >>> he_normal(3, 2, np.random.default_rng(0)).shape
    (3, 2)
    """
    return _normal(d_in, d_out, _he_std(d_in, slope), rng)


def he_uniform(
    d_in: int, d_out: int, rng: np.random.Generator, slope: float = 0.0
) -> Float[np.ndarray, "D_in D_out"]:
    """Return uniform weights of variance 2 / ((1 + slope^2) * d_in).

    They lie between plus and minus sqrt(6 / ((1 + slope^2) * d_in)).

    Raises:
        ValueError: As `he_normal`.

    >>> w = he_uniform(54, 2, np.random.default_rng(0))
    >>> bool(np.max(np.abs(w)) <= 1 / 3)
    True
    """
    return _uniform(d_in, d_out, _he_std(d_in, slope), rng)


def signal_sizes(
    x: Float[np.ndarray, "N D"],
    weights: Float[np.ndarray, "L D D"],
    activation: Callable[[np.ndarray], np.ndarray],
) -> Float[np.ndarray, "L+1"]:
    """Return the root mean square of x and of every layer's output.

    Each layer multiplies by its matrix and applies the activation. The unit
    is that of x for the first of them.

    Raises:
        ValueError: The shapes do not belong together, there is no number, or
            the arrays do not hold real floating-point numbers.

    >>> x, weights = np.array([[7.0, 1.0]]), np.array([np.eye(2)] * 2)
    >>> signal_sizes(x, weights, lambda z: 2 * z)
    array([ 5., 10., 20.])
    """
    _require_stack(x, weights)
    h, sizes = x, [_root_mean_square(x)]
    for w in weights:
        h = activation(h @ w)  # eq. 5
        sizes.append(_root_mean_square(h))
    return np.stack(sizes)


def _xavier_std(d_in: int, d_out: int, gain: float) -> float:
    """Return the standard deviation midway between the two directions'."""
    _require_whole(d_in, "d_in")
    _require_whole(d_out, "d_out")
    if isinstance(gain, bool | np.bool_) or not 0 < gain < inf:
        raise ValueError(f"gain needs to be a finite number > 0, got {gain}")
    return float(gain) * sqrt(2 / (int(d_in) + int(d_out)))  # eq. 1


def _he_std(d_in: int, slope: float) -> float:
    """Return the standard deviation that ReLU or leaky ReLU needs."""
    _require_whole(d_in, "d_in")
    if isinstance(slope, bool | np.bool_) or not isfinite(slope):
        raise ValueError(f"slope needs to be a finite number, got {slope}")
    # hypot(1, a) is sqrt(1 + a^2), and does not overflow.
    return sqrt(2 / d_in) / hypot(1, slope)  # eq. 2


def _normal(
    d_in: int, d_out: int, std: float, rng: np.random.Generator
) -> Float[np.ndarray, "D_in D_out"]:
    """Return normal numbers of mean 0."""
    _require_whole(d_out, "d_out")
    return std * rng.standard_normal((d_in, d_out))  # eq. 3


def _uniform(
    d_in: int, d_out: int, std: float, rng: np.random.Generator
) -> Float[np.ndarray, "D_in D_out"]:
    """Return numbers spread evenly around 0."""
    _require_whole(d_out, "d_out")
    return sqrt(3) * std * (2 * rng.random((d_in, d_out)) - 1)  # eq. 4


def _root_mean_square(h: Float[np.ndarray, "N D"]) -> np.floating:
    """Return the root of the mean of the squares, in the unit of h."""
    most = np.max(np.abs(h))
    if not 0 < most < inf:
        return most  # 0, infinite or NaN
    # Divided first, as the squares of 1e-200 and 1e200 are 0 and infinite.
    return most * np.sqrt(np.mean((h / most) ** 2))  # eq. 6


def _require_whole(value: int, name: str) -> None:
    """Raise unless the value is a whole number above 0."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(f"{name} needs to be a whole number > 0, got {value}")


def _require_stack(
    x: Float[np.ndarray, "N D"], weights: Float[np.ndarray, "L D D"]
) -> None:
    """Raise unless all layers fit each other and the inputs."""
    if not x.dtype.kind == weights.dtype.kind == "f":
        raise ValueError(
            "a stack needs real floating-point numbers, got x of "
            f"{x.dtype} and weights of {weights.dtype}"
        )
    fits = x.ndim == 2 and x.size > 0 and weights.ndim == 3
    if not fits or weights.shape[1:] != 2 * x.shape[1:]:
        raise ValueError(
            "a stack needs examples x (N, D) and weights (L, D, D), got "
            f"{x.shape} and {weights.shape}"
        )
