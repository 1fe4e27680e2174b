"""Information.

Measures the mean surprise at outcomes, in nats: of one who knows their
probabilities, of one who believes others, and the difference of the two.

Axes    K outcomes along the last axis; *batch is any number of leading axes,
        also none.
Page    docs/en/foundations/information.md ("eq. 3" marks the line of its (3))
Source  Cover and Thomas, Elements of Information Theory, 2nd ed., 2006
"""

from math import inf, sqrt

from array_api_compat import array_namespace
from jaxtyping import Bool, Float

from reference._typing import Array


def entropy(p: Float[Array, "*batch K"]) -> Float[Array, "*batch"]:
    """Return the entropy of each distribution, in nats; 0 log 0 is 0.

    Divide by log 2 for bits. Automatic differentiation gives the slope 0
    where p is 0; it is infinite there.

    Raises:
        ValueError: p holds no distributions: real floating-point numbers of
            at least 0 with sum 1, but for the root of the distance from 1
            to the next float.

    >>> import numpy as np
    >>> entropy(np.array([0.5, 0.25, 0.125, 0.125])) / np.log(2)
    np.float64(1.75)
    """
    _require_distributions(p)
    xp = array_namespace(p)
    return xp.sum(p * _surprise(p, p > 0), axis=-1)  # eq. 1


def cross_entropy(
    p: Float[Array, "*batch K"], q: Float[Array, "*batch K"]
) -> Float[Array, "*batch"]:
    """Return the mean of -log q in nats, where p is true and q believed.

    It is inf where q calls impossible what p does not, and there automatic
    differentiation gives no slope with respect to that q.

    Raises:
        ValueError: p and q differ in shape, or hold no distributions.

    >>> import numpy as np
    >>> p, q = np.array([1.0, 0.0]), np.array([0.25, 0.75])
    >>> cross_entropy(p, q) / np.log(2)
    np.float64(2.0)
    """
    _require_distributions(p, q)
    xp = array_namespace(p, q)
    return xp.sum(p * _surprise(q, p > 0), axis=-1)  # eq. 2


def kl_divergence(
    p: Float[Array, "*batch K"], q: Float[Array, "*batch K"]
) -> Float[Array, "*batch"]:
    """Return the Kullback-Leibler divergence from p to q, in nats.

    It is never negative, keeps its digits where p and q nearly agree, and is
    inf where q calls impossible what p does not. Where p and q are above
    0, automatic differentiation gives the slopes log(p / q) and 1 - p / q.

    Raises:
        ValueError: p and q differ in shape, or hold no distributions.

    >>> import numpy as np
    >>> p, q = np.array([1.0, 0.0]), np.array([0.25, 0.75])
    >>> kl_divergence(p, q) / np.log(2)
    np.float64(2.0)
    """
    _require_distributions(p, q)
    xp = array_namespace(p, q)
    return xp.sum(_excess(p, q), axis=-1)  # eq. 3


def _surprise(
    q: Float[Array, "*batch K"], counted: Bool[Array, "*batch K"]
) -> Float[Array, "*batch K"]:
    """Return -log q, in nats, but 0 where q is 0 and does not count."""
    xp = array_namespace(q)
    possible = q > 0
    surprise = -xp.log(xp.where(possible, q, 1.0))
    return xp.where(counted & ~possible, inf, surprise)


def _excess(
    p: Float[Array, "*batch K"], q: Float[Array, "*batch K"]
) -> Float[Array, "*batch K"]:
    """Return p log(p / q) - p + q of each outcome, which is at least 0."""
    xp = array_namespace(p, q)
    both, change = p + q, p - q
    near = xp.abs(change) < both / 8
    s = change / xp.where(near, both, 1.0)
    series = sum(s ** (2 * j + 1) / (2 * j + 1) for j in range(1, 9))
    close = both * (s**2 + (1 + s) * series)  # eq. 5
    log_ratio = _surprise(q, p > 0) - _surprise(p, p > 0)
    return xp.where(near, close, p * log_ratio - change)  # eq. 4


def _require_distributions(*arrays: Float[Array, "..."]) -> None:
    """Raise unless all have one shape and hold distributions."""
    shapes = [tuple(a.shape) for a in arrays]
    if len(set(shapes)) != 1 or 0 in (len(shapes[0]), *shapes[0][-1:]):
        raise ValueError(
            "information needs distributions over the same outcomes, at "
            f"least one, along the last axis, got shapes {shapes}"
        )
    xp = array_namespace(*arrays)
    for a in arrays:
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                "probabilities need to be real floating-point numbers, "
                f"got {a.dtype}"
            )
        tolerance = sqrt(float(xp.finfo(a.dtype).eps))
        gap = xp.abs(xp.sum(a, axis=-1) - 1)
        good = xp.all(a >= 0, axis=-1) & (gap <= tolerance)
        if not bool(xp.all(good)):
            raise ValueError(
                "probabilities need to be at least 0 and to sum to 1 within "
                f"{tolerance:.0e}, got {a[~good]}"
            )
