"""Layer normalization and root-mean-square normalization.

Give every example, alone, mean 0 and variance 1 over its features, or a mean
square of 1, then the scale and the shift that each feature has learned.

Axes    D features, last; before them any axes, such as (N,) for examples or
        (N, T) for the tokens of texts. Each of their rows is one example.
Page    docs/en/training/layer_norm.md ("eq. 3" marks the line of its (3))
Source  Ba, Kiros and Hinton, Layer Normalization, 2016, arXiv:1607.06450;
        Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019
"""

from math import inf

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def _check(x: Float[Array, "*rows D"], v: Float[Array, "D"]) -> None:
    """Raise a ValueError unless v has one value for each feature of x."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):  # Unsigned, 1 - 5 is 252.
        raise ValueError(f"real floating-point x is needed, got {x.dtype}")
    if x.ndim < 1 or x.shape[-1] < 1:
        shape = tuple(x.shape)
        raise ValueError(f"at least 1 feature is needed, got x of {shape}")
    if tuple(v.shape) != tuple(x.shape[-1:]):
        shapes = f"{tuple(v.shape)} for x of shape {tuple(x.shape)}"
        raise ValueError(f"one value per feature is needed, got {shapes}")


def _center(x: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
    """Return the deviations of every row from its mean."""
    xp = array_namespace(x)
    # Without the first value, a constant row is exactly 0 and a row of mean
    # 10 000 keeps its digits. The deviations are the same. The differences
    # must be finite: in float16, -40 000 beside 40 000 gives NaN.
    x = x - x[..., :1]
    return x - xp.mean(x, axis=-1, keepdims=True)  # eq. 1


def _scale(x: Float[Array, "*rows D"], eps: float) -> Float[Array, "*rows 1"]:
    """Return the root of the mean square of every row, with eps inside.

    Raises:
        ValueError: eps, which has the unit of x squared, is not positive and
            finite in the precision of x.
    """
    xp = array_namespace(x)
    if not 0 < xp.asarray(eps, dtype=x.dtype) < inf:
        raise ValueError(f"eps must be in (0, inf) in {x.dtype}, got {eps}")
    # The largest value, if above 1, is taken out, or its square may overflow.
    top = xp.max(xp.abs(x), axis=-1, keepdims=True)
    top = xp.where(top > 1, top, xp.ones_like(top))
    square = xp.mean((x / top) ** 2, axis=-1, keepdims=True)
    # A NumPy scalar would turn float32 into float64, a Python float does not.
    return top * xp.sqrt(square + float(eps) / top / top)  # eq. 2


def rms_norm(
    x: Float[Array, "*rows D"], gamma: Float[Array, "D"], eps: float = 1e-5
) -> Float[Array, "*rows D"]:
    """Return x with the mean square of every row 1, times gamma.

    Raises:
        ValueError: x is not real floating-point or has no feature, gamma has
            not one value for each, or eps is not positive and finite.

    >>> import numpy as np
    >>> rms_norm(np.array([-1.0, 5.0, 5.0, 7.0]), np.ones(4)).round(2)
    array([-0.2,  1. ,  1. ,  1.4])
    """
    _check(x, gamma)
    return gamma * (x / _scale(x, eps))  # eq. 3


def layer_norm(
    x: Float[Array, "*rows D"],
    gamma: Float[Array, "D"],
    beta: Float[Array, "D"],
    eps: float = 1e-5,
) -> Float[Array, "*rows D"]:
    """Return x with mean 0 and variance 1 in every row, times gamma + beta.

    Raises:
        ValueError: x is not real floating-point or has no feature, gamma or
            beta has not one value for each, or eps is not positive and finite.

    >>> import numpy as np
    >>> gamma, beta = np.array([1.0, 5.0]), np.array([0.0, 7.0])
    >>> layer_norm(np.array([[20.0, 60.0], [3.0, 1.0]]), gamma, beta).round(2)
    array([[-1., 12.],
           [ 1.,  2.]])
    """
    _check(x, gamma)
    _check(x, beta)
    return rms_norm(_center(x), gamma, eps) + beta  # eq. 4


def rms_norm_backward(
    dy: Float[Array, "*rows D"],
    x: Float[Array, "*rows D"],
    gamma: Float[Array, "D"],
    eps: float = 1e-5,
) -> tuple[Float[Array, "*rows D"], Float[Array, "D"]]:
    """Return dL/dx and dL/dgamma for dy = dL/dy.

    Raises:
        ValueError: dy has another shape than x, x is not real floating-point
            or has no feature, gamma has not one value for each, or eps is
            not positive and finite.
    """
    _check(x, gamma)
    if tuple(dy.shape) != tuple(x.shape):
        shapes = f"{tuple(dy.shape)} and {tuple(x.shape)}"
        raise ValueError(f"dy and x need the same shape, got {shapes}")
    xp = array_namespace(dy, x, gamma)
    scale = _scale(x, eps)
    x_hat = x / scale
    g = gamma * dy
    along = xp.mean(g * x_hat, axis=-1, keepdims=True)
    dx = (g - x_hat * along) / scale  # eq. 5
    dgamma = xp.sum(dy * x_hat, axis=tuple(range(x.ndim - 1)))  # eq. 6
    return dx, dgamma


def layer_norm_backward(
    dy: Float[Array, "*rows D"],
    x: Float[Array, "*rows D"],
    gamma: Float[Array, "D"],
    eps: float = 1e-5,
) -> tuple[Float[Array, "*rows D"], Float[Array, "D"], Float[Array, "D"]]:
    """Return dL/dx, dL/dgamma and dL/dbeta for dy = dL/dy.

    Raises:
        ValueError: dy has another shape than x, x is not real floating-point
            or has no feature, gamma has not one value for each, or eps is
            not positive and finite.
    """
    xp = array_namespace(dy, x, gamma)
    _check(x, gamma)
    dc, dgamma = rms_norm_backward(dy, _center(x), gamma, eps)
    dx = _center(dc)  # eq. 7
    dbeta = xp.sum(dy, axis=tuple(range(x.ndim - 1)))  # eq. 8
    return dx, dgamma, dbeta
