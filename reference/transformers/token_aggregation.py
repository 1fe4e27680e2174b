"""Token aggregation: one vector for a whole sequence.

A classifier needs one vector, a Transformer returns one for each token. The
mean, the maximum, a weighted mean with a learned query, a special token or
the last token can stand for all.

Axes    T tokens, E entries of a token; *batch is any number of leading axes,
        also none, in most uses N sequences.
Page    docs/en/transformers/token_aggregation.md ("eq. 3" marks the line of
        its (3))
Source  Devlin et al., BERT, NAACL 2019 ([CLS]); Lin et al., A Structured
        Self-attentive Sentence Embedding, ICLR 2017 (attention pooling)
"""

from math import inf, sqrt

from array_api_compat import array_namespace
from jaxtyping import Bool, Float, Integer

from reference._typing import Array
from reference.transformers.attention import attention_weights


def _real(
    x: Float[Array, "*batch T E"], mask: Bool[Array, "*batch T"] | None
) -> Bool[Array, "*batch T"]:
    """Return which tokens are real: those of the mask, without one all."""
    xp = array_namespace(x)
    shape = tuple(x.shape)
    if x.ndim < 2 or shape[-2] == 0:
        raise ValueError(f"needs 1 token or more, got x of shape {shape}")
    if mask is None:
        return xp.ones(shape[:-1], dtype=xp.bool, device=x.device)
    if mask.dtype != xp.bool or tuple(mask.shape) != shape[:-1]:
        raise ValueError(
            f"a mask needs dtype bool and shape {shape[:-1]}, got "
            f"{mask.dtype} and {tuple(mask.shape)}"
        )
    if not xp.all(xp.any(mask, axis=-1)):
        raise ValueError(
            "each sequence needs a real token, got a mask with a row without "
            "True"
        )
    return mask


def _check_vector(
    name: str, a: Float[Array, "E"], x: Float[Array, "*batch T E"]
) -> None:
    """Raise unless a is one vector as long as a token."""
    if x.ndim < 2 or tuple(a.shape) != tuple(x.shape[-1:]):
        raise ValueError(
            f"{name} needs the shape of one token of x, got shape "
            f"{tuple(a.shape)} for x of shape {tuple(x.shape)}"
        )


def _clean(
    x: Float[Array, "*batch T E"], real: Bool[Array, "*batch T"]
) -> Float[Array, "*batch T E"]:
    """Return x with 0 for padding: 0 times nan would be nan."""
    xp = array_namespace(x)
    return xp.where(real[..., None], x, 0.0)


def mean_pool(
    x: Float[Array, "*batch T E"], mask: Bool[Array, "*batch T"] | None = None
) -> Float[Array, "*batch E"]:
    """Return the mean of the real tokens (True in the mask) of a sequence.

    Raises:
        ValueError: A sequence without a real token, or a mask that is not
            boolean or has another shape than x without its last axis.

    >>> import numpy as np
    >>> x = np.array([[4.0, 0.0], [0.0, 8.0], [9.0, 9.0]])
    >>> mean_pool(x, np.array([True, True, False]))
    array([2., 4.])
    """
    xp = array_namespace(x)
    real = _real(x, mask)
    count = xp.sum(xp.astype(real, x.dtype), axis=-1)[..., None, None]
    # Divided before the sum, which could overflow.
    return xp.sum(_clean(x, real) / count, axis=-2)  # eq. 1


def max_pool(
    x: Float[Array, "*batch T E"], mask: Bool[Array, "*batch T"] | None = None
) -> Float[Array, "*batch E"]:
    """Return for each entry its largest value among the real tokens.

    Raises:
        ValueError: As for mean_pool.

    >>> import numpy as np
    >>> x = np.array([[4.0, 0.0], [0.0, 8.0], [9.0, 9.0]])
    >>> max_pool(x, np.array([True, True, False]))
    array([4., 8.])
    """
    xp = array_namespace(x)
    real = _real(x, mask)[..., None]
    return xp.max(xp.where(real, x, -inf), axis=-2)  # eq. 2


def pooling_weights(
    x: Float[Array, "*batch T E"],
    query: Float[Array, "E"],
    mask: Bool[Array, "*batch T"] | None = None,
) -> Float[Array, "*batch T"]:
    """Return how much the query takes of each token, with sum 1.

    Raises:
        ValueError: As for mean_pool, or a query that is not as long as a
            token, or tokens without entries.

    >>> import numpy as np
    >>> x = np.array([[0.0], [1.0], [9.0]])
    >>> real = np.array([True, True, False])
    >>> pooling_weights(x, np.array([np.log(3)]), real)
    array([0.25, 0.75, 0.  ])
    """
    xp = array_namespace(x, query)
    _check_vector("a query", query, x)
    real = _real(x, mask)
    q = xp.broadcast_to(query, (*x.shape[:-2], 1, x.shape[-1]))
    a = attention_weights(q, _clean(x, real), real[..., None, :])  # eq. 3
    return a[..., 0, :]


def attention_pool(
    x: Float[Array, "*batch T E"],
    query: Float[Array, "E"],
    mask: Bool[Array, "*batch T"] | None = None,
) -> Float[Array, "*batch E"]:
    """Return the mean of the real tokens by their pooling weights.

    Raises:
        ValueError: As for pooling_weights.

    >>> import numpy as np
    >>> x = np.array([[0.0], [1.0], [9.0]])
    >>> real = np.array([True, True, False])
    >>> attention_pool(x, np.array([np.log(3)]), real)
    array([0.75])
    """
    a = pooling_weights(x, query, mask)
    return (a[..., None, :] @ _clean(x, _real(x, mask)))[..., 0, :]  # eq. 4


def attention_pool_backward(
    dy: Float[Array, "*batch E"],
    x: Float[Array, "*batch T E"],
    query: Float[Array, "E"],
    mask: Bool[Array, "*batch T"] | None = None,
) -> tuple[Float[Array, "*batch T E"], Float[Array, "E"]]:
    """Return dL/dx and dL/dquery, where dy is dL/dy of attention_pool.

    Raises:
        ValueError: As for pooling_weights, or dy is not of the shape of y.

    >>> import numpy as np
    >>> x, query = np.array([[0.0], [1.0]]), np.array([0.0])
    >>> attention_pool_backward(np.array([4.0]), x, query)
    (array([[2.],
           [2.]]), array([1.]))
    """
    xp = array_namespace(x)
    a, y = pooling_weights(x, query, mask), attention_pool(x, query, mask)
    if dy.shape != y.shape:
        raise ValueError(
            f"dy needs the shape of the output, {tuple(y.shape)}, got "
            f"{tuple(dy.shape)}"
        )
    x, scale = _clean(x, _real(x, mask)), sqrt(x.shape[-1])
    a, apart = a[..., None], x - y[..., None, :]
    ds = a * (apart @ dy[..., None])  # eq. 5
    dx = a * dy[..., None, :] + ds * query / scale  # eq. 6
    axes = tuple(range(x.ndim - 1))
    return dx, xp.sum(ds * x, axis=axes) / scale  # eq. 7


def prepend_token(
    x: Float[Array, "*batch T E"], token: Float[Array, "E"]
) -> Float[Array, "*batch T_plus_1 E"]:
    """Return every sequence with the same token, such as [CLS], in front.

    Raises:
        ValueError: The token is not as long as those of x.

    >>> import numpy as np
    >>> prepend_token(np.array([[4.0, 0.0], [0.0, 8.0]]), np.ones(2))
    array([[1., 1.],
           [4., 0.],
           [0., 8.]])
    """
    xp = array_namespace(x, token)
    _check_vector("a token", token, x)
    first = xp.broadcast_to(token, (*x.shape[:-2], 1, x.shape[-1]))
    return xp.concat([first, x], axis=-2)  # eq. 8


def cls_pool(x: Float[Array, "*batch T E"]) -> Float[Array, "*batch E"]:
    """Return the first token, where [CLS] stands.

    Raises:
        ValueError: There is no token.

    >>> import numpy as np
    >>> cls_pool(np.array([[1.0, 1.0], [4.0, 0.0]]))
    array([1., 1.])
    """
    _real(x, None)
    return x[..., 0, :]  # eq. 9


def last_token(
    x: Float[Array, "*batch T E"], lengths: Integer[Array, "*batch"]
) -> Float[Array, "*batch E"]:
    """Return the last real token, where `lengths` many come first.

    Raises:
        ValueError: Lengths that are not integers from 1 to T, one for each
            sequence.

    >>> import numpy as np
    >>> x = np.array([[4.0, 0.0], [0.0, 8.0], [9.0, 9.0]])
    >>> last_token(x, np.array(2))
    array([0., 8.])
    """
    xp = array_namespace(x, lengths)
    shape = tuple(_real(x, None).shape)
    if not xp.isdtype(lengths.dtype, "integral") or lengths.shape != shape[:-1]:
        raise ValueError(
            f"lengths need to be integers of shape {shape[:-1]}, got "
            f"{lengths.dtype} of shape {tuple(lengths.shape)}"
        )
    lengths = xp.astype(lengths, xp.int64)  # uint8 could not meet T = 256
    if xp.any((lengths < 1) | (lengths > shape[-1])):
        raise ValueError(f"lengths need to be 1 to {shape[-1]}, got {lengths}")
    places = xp.arange(1, shape[-1] + 1, device=x.device)
    chosen = places == lengths[..., None]
    return xp.sum(_clean(x, chosen), axis=-2)  # eq. 10
