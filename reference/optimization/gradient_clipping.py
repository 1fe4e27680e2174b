"""Gradient clipping.

Shorten a gradient that is too long: all of it by one factor, which keeps its
direction, or every entry for itself, which does not.

Axes    *axes of a gradient: any; those of a list may all differ.
Page    docs/en/optimization/gradient_clipping.md ("eq. 3" marks the line of
        its (3))
Source  Pascanu, Mikolov and Bengio, On the Difficulty of Training Recurrent
        Neural Networks, ICML 2013
"""

from collections.abc import Sequence
from math import inf, nan
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Shaped

from reference._typing import Array


class Clipped(NamedTuple):
    """The list of gradients after clipping, and the global norm before it."""

    gradients: list
    norm: Float[Array, ""]


def clip_by_norm(
    gradients: Sequence[Float[Array, "..."]],
    limit: float | Float[Array, ""],
) -> Clipped:
    """Return the gradients, shortened together to the limit if longer.

    Their length is the root of the sum of the squares of all entries of all
    arrays, in the unit of a gradient. With an infinite limit it is measured
    only. If an entry is NaN or inf, there is no direction to keep: every
    entry returned is NaN, and the norm is NaN or inf. The norm is also inf
    where it exceeds the largest float; the gradients returned are right then.

    Raises:
        ValueError: The limit is not above 0, there is no list of gradients
            with an entry, or they are not all float32 or all float64.

    >>> import numpy as np
    >>> (g,), norm = clip_by_norm([np.array([3.0, 4.0])], limit=2.5)
    >>> g, float(norm)
    (array([1.5, 2. ]), 5.0)
    """
    _require_list(gradients)
    xp = array_namespace(*gradients)
    _require_one_precision(gradients)
    c = _limit(limit, gradients[0])
    filled = [g for g in gradients if 0 not in g.shape]
    peak = xp.max(xp.stack([xp.max(xp.abs(g)) for g in filled]))
    if not bool(xp.isfinite(peak)):
        return Clipped([xp.full_like(g, nan) for g in gradients], peak)
    # In units of the largest entry no square overflows, and not all are lost.
    unit = peak if bool(peak > 0) else xp.ones_like(peak)
    root = xp.sqrt(sum(xp.sum((g / unit) ** 2) for g in filled))
    norm = unit * root  # eq. 1
    if bool(norm <= c):  # copies, as what is returned is new in every case
        return Clipped([g * 1.0 for g in gradients], norm)
    return Clipped([g / unit * (c / root) for g in gradients], norm)  # eq. 2


def clip_by_value(
    gradient: Float[Array, "*axes"], limit: float | Float[Array, ""]
) -> Float[Array, "*axes"]:
    """Return the gradient, each entry cut off at -limit and at limit.

    NaN stays NaN; inf becomes the limit, like every large entry.

    Raises:
        ValueError: The limit is not above 0, or the gradient does not hold
            real floating-point numbers.

    >>> import numpy as np
    >>> clip_by_value(np.array([3.0, -0.5, -4.0]), limit=1.0)
    array([ 1. , -0.5, -1. ])
    """
    xp = array_namespace(gradient)
    if not xp.isdtype(gradient.dtype, "real floating"):
        raise ValueError(
            f"clipping needs real floating-point numbers, got {gradient.dtype}"
        )
    c = _limit(limit, gradient)
    return xp.clip(gradient, -c, c)  # eq. 3


def _limit(limit: float | Float[Array, ""], like: Float[Array, "..."]) -> float:
    """Return the limit as a Python float, inf if above every float of `like`.

    Raise unless it is above 0.
    """
    if isinstance(limit, bool) or not float(limit) > 0:
        raise ValueError(f"clipping needs a limit > 0, got {limit}")
    xp = array_namespace(like)
    c = float(limit)
    return c if c <= float(xp.finfo(like.dtype).max) else inf


def _require_list(gradients: Sequence[Float[Array, "..."]]) -> None:
    """Raise unless this is a list or tuple of gradients, and not empty."""
    if not isinstance(gradients, Sequence):
        raise ValueError(
            "a global norm needs a list of gradients, got a "
            f"{type(gradients).__name__}"
        )
    shapes = [tuple(g.shape) for g in gradients]
    if all(0 in shape for shape in shapes):
        raise ValueError(
            "a global norm needs a gradient with an entry, got the shapes "
            f"{shapes}"
        )


def _require_one_precision(gradients: Sequence[Shaped[Array, "..."]]) -> None:
    """Raise unless all are float32, or all float64.

    Half precision cannot hold the sum of many squares.
    """
    xp = array_namespace(*gradients)
    found = [g.dtype for g in gradients]
    same = all(dtype == found[0] for dtype in found)
    if not same or found[0] not in (xp.float32, xp.float64):
        raise ValueError(
            "a global norm needs gradients that are all float32 or all "
            f"float64, got {', '.join(str(dtype) for dtype in found)}"
        )
