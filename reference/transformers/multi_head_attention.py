"""Multi-head attention.

Several attentions side by side: each head works with its own part of the
columns of the projections, and a last matrix mixes what the heads found.

Axes    N sequences, T tokens; Q tokens that ask, K tokens of a context; E and
        F entries of a token, A entries of all heads together, H heads, D
        entries of one head; *batch is any number of leading axes, also none.
Page    docs/en/transformers/multi_head_attention.md ("eq. 3" marks the line
        of its (3))
Source  Vaswani et al., Attention Is All You Need, NeurIPS 2017
"""

from array_api_compat import array_namespace
from jaxtyping import Bool, Float, Integer

from reference._typing import Array
from reference.transformers.attention import (
    _check_matrices,
    scaled_dot_product_attention,
)


def split_heads(
    x: Float[Array, "*batch T A"], heads: int
) -> Float[Array, "*batch H T D"]:
    """Return the entries of each token in equal parts, one for each head.

    Raises:
        ValueError: The entries cannot be shared out equally, or x is not a
            row for each token.

    >>> import numpy as np
    >>> split_heads(np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]), 2)
    array([[[1., 2.],
            [5., 6.]],
           [[3., 4.],
            [7., 8.]]])
    """
    xp = array_namespace(x)
    if x.ndim < 2:
        raise ValueError(f"x needs axes T and A, got shape {tuple(x.shape)}")
    *batch, t, a = x.shape
    if heads < 1 or a % heads:
        raise ValueError(
            f"the entries need to be a multiple of the heads, got {a} entries "
            f"and {heads} heads"
        )
    parts = xp.reshape(x, (*batch, t, heads, a // heads))
    return xp.moveaxis(parts, -2, -3)  # eq. 1


def merge_heads(
    x: Float[Array, "*batch H T D"],
) -> Float[Array, "*batch T A"]:
    """Return the parts of each token behind each other again.

    Raises:
        ValueError: x has no axes for heads, tokens and entries.

    >>> import numpy as np
    >>> merge_heads(np.array([[[1.0, 2.0]], [[3.0, 4.0]]]))
    array([[1., 2., 3., 4.]])
    """
    xp = array_namespace(x)
    if x.ndim < 3:
        raise ValueError(f"x needs axes H, T and D, got shape {tuple(x.shape)}")
    *batch, heads, t, d = x.shape
    parts = xp.moveaxis(x, -3, -2)
    return xp.reshape(parts, (*batch, t, heads * d))  # eq. 6


def padding_mask(
    lengths: Integer[Array, "N"], t: int
) -> Bool[Array, "N 1 1 {t}"]:
    """Return which of t places hold a real token: the first ones, as many.

    The axes of size 1 stand for heads and queries.

    Raises:
        ValueError: Lengths that are not integers from 1 to t.

    >>> import numpy as np
    >>> padding_mask(np.array([1, 3]), 3)[:, 0, 0]
    array([[ True, False, False],
           [ True,  True,  True]])
    """
    xp = array_namespace(lengths)
    if lengths.ndim != 1 or not xp.isdtype(lengths.dtype, "integral"):
        raise ValueError(
            "lengths need to be integers, one for each sequence, got "
            f"{lengths.dtype} of shape {tuple(lengths.shape)}"
        )
    lengths = xp.astype(lengths, xp.int64)  # uint8 could not meet t = 256
    if xp.any((lengths < 1) | (lengths > t)):
        raise ValueError(f"lengths need to be 1 to t = {t}, got {lengths}")
    places = xp.arange(1, t + 1, device=lengths.device)
    return places <= lengths[:, None, None, None]  # eq. 8


def _check_rank(
    mask: Bool[Array, "..."] | None, x_q: Float[Array, "*batch Q E"]
) -> None:
    """Raise if a mask has some of the leading axes, but not all."""
    if mask is not None and mask.ndim not in (2, x_q.ndim + 1):
        raise ValueError(
            "a mask needs axes Q and K, with all of the axes of the batch and "
            f"the heads before them or none, got shape {tuple(mask.shape)} "
            f"for x_q of shape {tuple(x_q.shape)}"
        )


def multi_head_attention(
    x_q: Float[Array, "*batch Q E"],
    x_kv: Float[Array, "*batch K F"],
    w_q: Float[Array, "E A"],
    w_k: Float[Array, "F A"],
    w_v: Float[Array, "F A"],
    w_o: Float[Array, "A E"],
    heads: int,
    mask: Bool[Array, "... Q_or_1 K"] | None = None,
) -> Float[Array, "*batch Q E"]:
    """Return what each token of x_q takes from x_kv, by several heads.

    The first columns of w_q, w_k and w_v and the first rows of w_o belong to
    the first head, and so on. True in the mask: may attend.

    Raises:
        ValueError: Heads that cannot share the columns equally, matrices or
            a mask that do not fit, or a query without a key.

    >>> import numpy as np
    >>> w_q, one = np.diag([np.log(3), 0.0]), np.eye(2)
    >>> x = np.array([[1.0, 1.0], [0.0, 1.0]])
    >>> multi_head_attention(x, np.diag([1.0, 4.0]), w_q, one, one, one, 2)
    array([[0.75, 2.  ],
           [0.5 , 2.  ]])
    """
    _check_matrices(x_q, x_kv, w_q, w_k, w_v, w_o)
    _check_rank(mask, x_q)
    q = split_heads(x_q @ w_q, heads)  # eq. 2
    k = split_heads(x_kv @ w_k, heads)  # eq. 3
    v = split_heads(x_kv @ w_v, heads)  # eq. 4
    y = scaled_dot_product_attention(q, k, v, mask)  # eq. 5
    return merge_heads(y) @ w_o  # eq. 7
