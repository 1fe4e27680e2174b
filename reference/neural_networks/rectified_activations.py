"""Rectified activations.

Functions that pass on large positive numbers and hold back negative ones:
the backward pass of ReLU, leaky ReLU, ELU and GELU with theirs; and the share
of units that no example switches on.

Axes    *S any shape; N examples, K units.
Page    docs/en/neural_networks/rectified_activations.md ("eq. 3" marks the
        line of its (3))
Source  Maas, Hannun and Ng, ICML workshop 2013 (leaky ReLU); Clevert,
        Unterthiner and Hochreiter, ICLR 2016 (ELU); Hendrycks and Gimpel,
        arXiv:1606.08415 (GELU); Matta and Reichel, Math. Comp. 25, 1971
        (the normal distribution function)
"""

from math import exp, pi, sqrt

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.classification.logistic_regression import sigmoid


def relu_backward(
    dy: Float[Array, "*S"], z: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return dL/dz, where dy is dL/d(relu(z)): dy where z > 0, 0 elsewhere.

    Raises:
        ValueError: dy and z differ in shape, or one of them does not hold
            real floating-point numbers.

    >>> import numpy as np
    >>> relu_backward(np.array([5.0, 5.0, 5.0]), np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 5.])
    """
    _require_fit(dy, z)
    xp = array_namespace(dy, z)
    return xp.where(z <= 0, xp.zeros_like(dy), dy)  # eq. 1


def leaky_relu(
    z: Float[Array, "*S"], slope: float = 0.01
) -> Float[Array, "*S"]:
    """Return z where it is positive, and slope times z elsewhere.

    Raises:
        ValueError: z does not hold real floating-point numbers, or slope is
            not a finite number of at least 0.

    >>> import numpy as np
    >>> leaky_relu(np.array([-2.0, 0.0, 3.0]), slope=0.5)
    array([-1.,  0.,  3.])
    """
    _require_floating(z)
    xp = array_namespace(z)
    slope = _at_least_0("slope", slope, z)
    return xp.where(z > 0, z, slope * _negative_part(z))  # eq. 2


def leaky_relu_backward(
    dy: Float[Array, "*S"], z: Float[Array, "*S"], slope: float = 0.01
) -> Float[Array, "*S"]:
    """Return dL/dz, where dy is dL/d(leaky_relu(z, slope)); slope at z = 0.

    Raises:
        ValueError: As `relu_backward` and `leaky_relu`.

    >>> import numpy as np
    >>> leaky_relu_backward(np.array([4.0, 4.0]), np.array([-2.0, 3.0]), 0.5)
    array([2., 4.])
    """
    _require_fit(dy, z)
    xp = array_namespace(dy, z)
    slope = _at_least_0("slope", slope, z)
    falling = slope * xp.ones_like(z)
    return dy * xp.where(z > 0, xp.ones_like(z), falling)  # eq. 3


def elu(z: Float[Array, "*S"], alpha: float = 1.0) -> Float[Array, "*S"]:
    """Return z where it is positive, and alpha (exp(z) - 1) elsewhere.

    Raises:
        ValueError: z does not hold real floating-point numbers, or alpha is
            not a finite number of at least 0.

    >>> import numpy as np
    >>> elu(np.array([-np.log(2), 0.0, 3.0]))
    array([-0.5,  0. ,  3. ])
    """
    _require_floating(z)
    xp = array_namespace(z)
    alpha = _at_least_0("alpha", alpha, z)
    # expm1 keeps the digits that exp(z) - 1 loses near 0.
    return xp.where(z > 0, z, alpha * xp.expm1(_negative_part(z)))  # eq. 4


def elu_backward(
    dy: Float[Array, "*S"], z: Float[Array, "*S"], alpha: float = 1.0
) -> Float[Array, "*S"]:
    """Return dL/dz, where dy is dL/d(elu(z, alpha)); alpha times dy at 0.

    Raises:
        ValueError: As `relu_backward` and `elu`.

    >>> import numpy as np
    >>> elu_backward(np.array([4.0, 4.0]), np.array([-np.log(2), 3.0]))
    array([2., 4.])
    """
    _require_fit(dy, z)
    xp = array_namespace(dy, z)
    alpha = _at_least_0("alpha", alpha, z)
    falling = alpha * xp.exp(_negative_part(z))
    return dy * xp.where(z > 0, xp.ones_like(z), falling)  # eq. 5


def gelu(
    z: Float[Array, "*S"], approximate: str = "none"
) -> Float[Array, "*S"]:
    """Return z times the chance that a standard normal number is below it.

    With approximate="tanh", the older approximate form.

    Raises:
        ValueError: z does not hold real floating-point numbers, or
            approximate is not "none" or "tanh".

    >>> import numpy as np
    >>> gelu(np.array([-50.0, 0.0, 50.0])) + 0.0
    array([ 0.,  0., 50.])
    """
    _require_floating(z)
    xp = array_namespace(z)
    # Left of -40 the chance is 0 in every float, and -inf times 0 would be
    # NaN. Not clip: its slope in autograd hides a NaN.
    kept = xp.where(z < -40, xp.full_like(z, -40.0), z)
    if _is_tanh(approximate):
        return kept * _tanh_gate(z)[0]  # eq. 9
    return kept * _normal_cdf(z)  # eq. 6


def gelu_backward(
    dy: Float[Array, "*S"], z: Float[Array, "*S"], approximate: str = "none"
) -> Float[Array, "*S"]:
    """Return dL/dz, where dy is dL/d(gelu(z, approximate)).

    Raises:
        ValueError: As `relu_backward` and `gelu`.

    >>> import numpy as np
    >>> gelu_backward(np.array([4.0, 4.0]), np.array([0.0, 50.0]))
    array([2., 4.])
    """
    _require_fit(dy, z)
    xp = array_namespace(dy, z)
    z = xp.clip(z, -40.0, 40.0)
    if _is_tanh(approximate):
        gate, slope = _tanh_gate(z)
        return dy * (gate + 2 * z * gate * (1 - gate) * slope)  # eq. 10
    density = xp.exp(-z * z / 2) / sqrt(2 * pi)
    return dy * (_normal_cdf(z) + z * density)  # eq. 7


def dead_units(z: Float[Array, "N K"]) -> Float[Array, ""]:
    """Return the share of units that no example makes positive.

    Raises:
        ValueError: z is no matrix of real floating-point numbers with at
            least one row and one column, or contains NaN.

    >>> import numpy as np
    >>> dead_units(np.array([[-1.0, -1.0], [-1.0, 2.0]]))
    np.float64(0.5)
    """
    _require_floating(z)
    xp = array_namespace(z)
    if z.ndim != 2 or 0 in z.shape:
        raise ValueError(
            "dead units need a row for each example and a column for each "
            f"unit, at least one, got z of shape {tuple(z.shape)}"
        )
    if bool(xp.any(xp.isnan(z))):
        raise ValueError("dead units need numbers to compare with 0, got NaN")
    dead = xp.all(z <= 0, axis=0)
    return xp.mean(xp.astype(dead, z.dtype))  # eq. 11


def _negative_part(z: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return z where it is not positive, and 0 elsewhere.

    The case left of 0 must not overflow where it is not asked for. And unlike
    clip, this has the slope 1 in autograd at 0.
    """
    xp = array_namespace(z)
    return xp.where(z > 0, xp.zeros_like(z), z)


def _normal_cdf(z: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return the chance that a standard normal number is below z."""
    xp = array_namespace(z)
    z = xp.clip(z, -40.0, 40.0)
    tau = 0.7
    total = xp.zeros_like(z)
    for k in range(1, 12):
        s = (k - 0.5) * tau
        total = total + exp(-s * s / 2) / (s * s + z * z)
    bell = xp.exp(-z * z / 2) * z * total
    # Not needed left of -9, and left of -18 larger than the chance.
    step = xp.where(z > -9, sigmoid(2 * pi / tau * z), xp.zeros_like(z))
    return step - tau / pi * bell  # eq. 8


def _tanh_gate(
    z: Float[Array, "*S"],
) -> tuple[Float[Array, "*S"], Float[Array, "*S"]]:
    """Return (1 + tanh u) / 2 for a cubic u of z, and u's derivative."""
    xp = array_namespace(z)
    z = xp.clip(z, -40.0, 40.0)
    u = sqrt(2 / pi) * (z + 0.044715 * z * z * z)
    slope = sqrt(2 / pi) * (1 + 3 * 0.044715 * z * z)
    # The sigmoid of 2 u is the same, and does not cancel left of 0.
    return sigmoid(2 * u), slope


def _is_tanh(approximate: str) -> bool:
    """Return whether the tanh form is asked for."""
    if approximate not in ("none", "tanh"):
        raise ValueError(
            f'approximate needs to be "none" or "tanh", got {approximate!r}'
        )
    return approximate == "tanh"


def _at_least_0(name: str, value: float, like: Float[Array, "*S"]) -> float:
    """Return the value as a Python number that the array's dtype can hold."""
    xp = array_namespace(like)
    most = float(xp.finfo(like.dtype).max)
    if isinstance(value, bool) or not 0 <= float(value) <= most:
        raise ValueError(
            f"{name} needs to be a finite number >= 0 in {like.dtype}, "
            f"got {value}"
        )
    return float(value)


def _require_fit(dy: Float[Array, "*S"], z: Float[Array, "*S"]) -> None:
    """Raise unless there is one upstream gradient for each number."""
    if tuple(dy.shape) != tuple(z.shape):
        raise ValueError(
            "a backward pass needs one upstream gradient for each number, "
            f"got dy of shape {tuple(dy.shape)} and z of shape "
            f"{tuple(z.shape)}"
        )
    _require_floating(dy)
    _require_floating(z)


def _require_floating(z: Float[Array, "*S"]) -> None:
    """Raise for integers, truth values and complex numbers."""
    xp = array_namespace(z)
    if not xp.isdtype(z.dtype, "real floating"):
        raise ValueError(
            "an activation function needs real floating-point numbers, got "
            f"{z.dtype}"
        )
