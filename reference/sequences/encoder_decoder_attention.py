"""Encoder-decoder attention.

The decoder asks all states of the encoder at every step: scores, a softmax,
and the mean of the values by these weights.

Axes    T decoder states (queries) of D entries, S encoder states (keys) of F
        entries with a value of C entries each, A entries inside the additive
        score; *batch is any number of leading axes, also none.
Page    docs/en/sequences/encoder_decoder_attention.md ("eq. 3" marks the line
        of its (3))
Source  Bahdanau, Cho and Bengio, Neural Machine Translation by Jointly
        Learning to Align and Translate, ICLR 2015, arXiv:1409.0473; Luong,
        Pham and Manning, Effective Approaches to Attention-based Neural
        Machine Translation, EMNLP 2015, arXiv:1508.04025
"""

from math import inf
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Bool, Float

from reference._typing import Array
from reference.classification.softmax_regression import softmax


def _require(
    s: Float[Array, "*batch T D"], h: Float[Array, "*batch S F"], same: bool
) -> None:
    """Raise unless s and h are rows of states; same: of the same length."""
    shapes = f"s of shape {tuple(s.shape)} and h of shape {tuple(h.shape)}"
    if min(s.ndim, h.ndim) < 2 or s.shape[:-2] != h.shape[:-2]:
        raise ValueError(
            f"s and h need rows of states behind equal leading axes, got "
            f"{shapes}"
        )
    if same and s.shape[-1] != h.shape[-1]:
        raise ValueError(f"states need equally many entries, got {shapes}")


def dot_scores(
    s: Float[Array, "*batch T D"], h: Float[Array, "*batch S D"]
) -> Float[Array, "*batch T S"]:
    """Return the dot product of each decoder state with each encoder state.

    Raises:
        ValueError: The states differ in length, or in their leading axes.

    >>> import numpy as np
    >>> dot_scores(np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [1.0, 1.0]]))
    array([[3., 3.]])
    """
    _require(s, h, same=True)
    return s @ h.mT  # eq. 1


def general_scores(
    s: Float[Array, "*batch T D"],
    h: Float[Array, "*batch S F"],
    w: Float[Array, "D F"],
) -> Float[Array, "*batch T S"]:
    """Return s w hᵀ: the dot products after a learned matrix turned s.

    Raises:
        ValueError: Shapes that do not fit.

    >>> import numpy as np
    >>> w = np.array([[0.0, 1.0], [1.0, 0.0]])  # exchanges the entries
    >>> general_scores(np.array([[1.0, 2.0]]), np.array([[3.0, 0.0]]), w)
    array([[6.]])
    """
    _require(s, h, same=False)
    if w.shape != (s.shape[-1], h.shape[-1]):
        raise ValueError(
            f"w needs shape {(s.shape[-1], h.shape[-1])}, got {tuple(w.shape)}"
        )
    return s @ w @ h.mT  # eq. 2


def _additive(
    s: Float[Array, "*batch T D"],
    h: Float[Array, "*batch S F"],
    w_s: Float[Array, "D A"],
    w_h: Float[Array, "F A"],
    v: Float[Array, "A"],
) -> Float[Array, "*batch T S A"]:
    """Return the hidden layer of the additive score."""
    _require(s, h, same=False)
    needed = [(s.shape[-1], *v.shape), (h.shape[-1], *v.shape)]
    shapes = [tuple(w.shape) for w in (w_s, w_h)]
    if v.ndim != 1 or shapes != needed:
        raise ValueError(
            f"w_s and w_h need shapes (D, A) and (F, A) for v of shape (A,), "
            f"D = {s.shape[-1]} and F = {h.shape[-1]}, got {shapes} and v of "
            f"shape {tuple(v.shape)}"
        )
    xp = array_namespace(s, h)
    asked, offered = s @ w_s, h @ w_h
    return xp.tanh(asked[..., :, None, :] + offered[..., None, :, :])  # eq. 3


def additive_scores(
    s: Float[Array, "*batch T D"],
    h: Float[Array, "*batch S F"],
    w_s: Float[Array, "D A"],
    w_h: Float[Array, "F A"],
    v: Float[Array, "A"],
) -> Float[Array, "*batch T S"]:
    """Return the scores of a network with one hidden layer of A tanh units.

    Raises:
        ValueError: Shapes that do not fit.

    >>> import numpy as np
    >>> s, h = np.array([[0.5]]), np.array([[-0.5], [1e9]])
    >>> one = np.array([[1.0]])
    >>> additive_scores(s, h, one, one, np.array([2.0]))  # 2 tanh(s + h)
    array([[0., 2.]])
    """
    xp = array_namespace(s, h)
    return xp.sum(_additive(s, h, w_s, w_h, v) * v, axis=-1)  # eq. 4


def additive_scores_backward(
    dy: Float[Array, "*batch T S"],
    s: Float[Array, "*batch T D"],
    h: Float[Array, "*batch S F"],
    w_s: Float[Array, "D A"],
    w_h: Float[Array, "F A"],
    v: Float[Array, "A"],
) -> tuple[
    Float[Array, "*batch T D"],
    Float[Array, "*batch S F"],
    Float[Array, "D A"],
    Float[Array, "F A"],
    Float[Array, "A"],
]:
    """Return the gradients of s, h, w_s, w_h and v; dy is that of the scores.

    Raises:
        ValueError: As for additive_scores, or dy is not of their shape.

    >>> import numpy as np
    >>> one = np.array([[1.0]])
    >>> ds, *_ = additive_scores_backward(  # slope of 2 tanh at 0
    ...     one, -one, one, one, one, np.array([2.0])
    ... )
    >>> ds
    array([[2.]])
    """
    k = _additive(s, h, w_s, w_h, v)
    if dy.shape != k.shape[:-1]:
        raise ValueError(
            f"dy needs the shape of the scores, {tuple(k.shape[:-1])}, got "
            f"{tuple(dy.shape)}"
        )
    xp = array_namespace(s, h)

    def rows(a):
        return xp.reshape(a, (-1, a.shape[-1]))

    g = dy[..., None] * v * (1 - k**2)  # eq. 5
    of_s, of_h = xp.sum(g, axis=-2), xp.sum(g, axis=-3)
    ds = of_s @ w_s.mT  # eq. 6
    dh = of_h @ w_h.mT  # eq. 7
    dw_s = rows(s).mT @ rows(of_s)  # eq. 8
    dw_h = rows(h).mT @ rows(of_h)  # eq. 9
    dv = xp.sum(rows(dy[..., None] * k), axis=0)  # eq. 10
    return ds, dh, dw_s, dw_h, dv


class Attended(NamedTuple):
    """What each query gets, and how much of it comes from each value."""

    context: Float[Array, "*batch T C"]
    weights: Float[Array, "*batch T S"]


def attend(
    scores: Float[Array, "*batch T S"],
    values: Float[Array, "*batch S C"],
    mask: Bool[Array, "*batch S"] | None = None,
) -> Attended:
    """Return the softmax of the scores, and the mean of the values by it.

    The mask is True where the source has a token, False where it was padded.

    Raises:
        ValueError: Shapes that do not fit, a mask that is not boolean, or a
            source without a token.

    >>> import numpy as np
    >>> values = np.array([[4.0], [8.0]])
    >>> attend(np.log(np.array([[1.0, 3.0]])), values).context
    array([[7.]])
    """
    if scores.ndim < 2 or values.shape[:-1] != (
        *scores.shape[:-2],
        scores.shape[-1],
    ):
        raise ValueError(
            f"each score needs a value, got scores of shape "
            f"{tuple(scores.shape)} and values of shape {tuple(values.shape)}"
        )
    if mask is not None:
        _require_mask(mask, values.shape[:-1])
        xp = array_namespace(scores, mask)
        scores = xp.where(mask[..., None, :], scores, -inf)
    weights = softmax(scores)  # eq. 11
    return Attended(weights @ values, weights)  # eq. 12


def _require_mask(mask: Bool[Array, "..."], shape: tuple[int, ...]) -> None:
    """Raise unless a mask is boolean, of a shape, and True in each row."""
    xp = array_namespace(mask)
    if mask.dtype != xp.bool or mask.shape != shape:
        raise ValueError(
            f"a mask needs dtype bool and shape {tuple(shape)}, got "
            f"{mask.dtype} and {tuple(mask.shape)}"
        )
    if not xp.all(xp.any(mask, axis=-1)):
        raise ValueError(
            "each source needs a token, got a mask with a row without True"
        )
