"""Positional encoding.

Tell attention the order of its tokens: by sines and cosines that are added
to a token, or by turning queries and keys through angles that grow with the
position.

Axes    T positions or tokens, D entries of a vector, in D / 2 pairs; *batch
        and *S are any numbers of axes, also none.
Page    docs/en/transformers/positional_encoding.md ("eq. 3" marks the line
        of its (3))
Source  Vaswani et al., Attention Is All You Need, NeurIPS 2017; Su et al.,
        RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021,
        arXiv:2104.09864
"""

from math import inf

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def _check(
    x: Float[Array, "*batch T D"], positions: Float[Array, "... T"]
) -> None:
    """Raise unless each row of x has one position."""
    xp = array_namespace(x)
    if x.ndim < 2 or not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            f"x needs rows of real floating-point numbers, got {x.dtype} of "
            f"shape {tuple(x.shape)}"
        )
    rows, shape = tuple(x.shape[:-1]), tuple(positions.shape)
    # (N, T) beside x of shape (N, H, T, D) would be taken for one of a head.
    fits = len(shape) in (1, len(rows)) and shape[-1] == rows[-1]
    leading = zip(shape[:-1], rows, strict=False)
    if not fits or any(n not in (1, full) for n, full in leading):
        raise ValueError(
            f"positions need shape {rows[-1:]}, or {rows} with 1 for axes "
            f"that share them, for x of shape {tuple(x.shape)}, got {shape}"
        )


def _angles(
    positions: Float[Array, "*S"], d: int, base: float
) -> Float[Array, "*S half"]:
    """Return how far, in radians, each of d / 2 pairs has turned."""
    xp = array_namespace(positions)
    if not xp.isdtype(positions.dtype, "real floating"):
        raise ValueError(
            "positions need a real floating-point dtype, in which the angles "
            f"are computed, got {positions.dtype}"
        )
    if d < 2 or d % 2:
        raise ValueError(f"pairs need an even number of entries, got {d}")
    if not 1 <= base < inf:
        raise ValueError(f"base needs to be in [1, inf), got {base}")
    # In Python's float64, so that float32 rounds each frequency only once.
    powers = [base ** (-2 * i / d) for i in range(d // 2)]  # eq. 1
    omega = xp.asarray(powers, dtype=positions.dtype, device=positions.device)
    return positions[..., None] * omega


def _interleave(
    even: Float[Array, "*S half"], odd: Float[Array, "*S half"]
) -> Float[Array, "*S D"]:
    """Return even[0], odd[0], even[1], odd[1] and so on, as the last axis."""
    xp = array_namespace(even, odd)
    shape = (*even.shape[:-1], 2 * even.shape[-1])
    return xp.reshape(xp.stack([even, odd], axis=-1), shape)


def sinusoidal(
    positions: Float[Array, "*S"], d: int, base: float = 10000.0
) -> Float[Array, "*S D"]:
    """Return a vector of d sines and cosines for each position.

    Raises:
        ValueError: Positions that are not floating-point, an odd d or one
            below 2, or a base below 1 or infinite.

    >>> import numpy as np
    >>> sinusoidal(np.array([0.0, 1.0]), 4).round(2)
    array([[0.  , 1.  , 0.  , 1.  ],
           [0.84, 0.54, 0.01, 1.  ]])
    """
    xp = array_namespace(positions)
    angles = _angles(positions, d, base)
    even = xp.sin(angles)  # eq. 2
    odd = xp.cos(angles)  # eq. 3
    return _interleave(even, odd)


def rotary(
    x: Float[Array, "*batch T D"],
    positions: Float[Array, "... T"],
    base: float = 10000.0,
) -> Float[Array, "*batch T D"]:
    """Return queries or keys x, each pair of entries turned by its position.

    Entries 0 and 1 are a pair, 2 and 3, and so on. The positions are (T,), or
    one for each row of x; axes of length 1 broadcast. Angles have their dtype,
    the result that of x.

    Raises:
        ValueError: x or positions that are not floating-point, an odd number
            of entries, positions that do not fit x, or a base below 1 or
            infinite.

    >>> import numpy as np
    >>> rotary(np.array([[1.0, 0.0]]), np.array([np.pi / 2])).round(2)
    array([[0., 1.]])
    """
    xp = array_namespace(x, positions)
    _check(x, positions)
    angles = _angles(positions, x.shape[-1], base)
    cos, sin = (xp.astype(f(angles), x.dtype) for f in (xp.cos, xp.sin))
    even, odd = x[..., 0::2], x[..., 1::2]
    y_even = even * cos - odd * sin  # eq. 4
    y_odd = even * sin + odd * cos  # eq. 5
    return _interleave(y_even, y_odd)
