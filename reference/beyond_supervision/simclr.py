"""SimCLR.

Learns to recognize which two changed copies come from the same example, among
those of a whole batch: a task whose answers need no labels.

Axes    N examples with two views each, a and b; M = 2N rows, those of a first,
        then those of b in the same order; D entries of a row.
Page    docs/en/beyond_supervision/simclr.md ("eq. 3" marks the line of its (3))
Source  Chen, Kornblith, Norouzi and Hinton, A Simple Framework for Contrastive
        Learning of Visual Representations, ICML 2020, arXiv:2002.05709
"""

from math import inf

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.classification.softmax_regression import cross_entropy


def _require_rows(z: Float[Array, "M D"]) -> None:
    """Raise unless z is (M, D) of real floats, with entries in each row."""
    xp = array_namespace(z)
    shape = tuple(z.shape)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"rows (M, D) with entries are needed, got {shape}")
    if not xp.isdtype(z.dtype, "real floating"):
        raise ValueError(f"real floating-point rows needed, got {z.dtype}")


def l2_normalize(z: Float[Array, "M D"]) -> Float[Array, "M D"]:
    """Return the rows at length 1, in their old directions; no unit.

    Raises:
        ValueError: z is not (M, D) with entries or not real floating-point,
            or a row is zero, infinite or nan and so has no direction.

    >>> import numpy as np
    >>> l2_normalize(np.array([[30.0, 40.0]]))
    array([[0.6, 0.8]])
    """
    _require_rows(z)
    xp = array_namespace(z)
    largest = xp.max(xp.abs(z), axis=1, keepdims=True)
    if not bool(xp.all((largest > 0) & xp.isfinite(largest))):
        raise ValueError(
            "a row needs a direction, got one that is zero, infinite or nan"
        )
    z = z / largest  # or squares could overflow, or vanish
    return z / xp.sqrt(xp.sum(z**2, axis=1, keepdims=True))  # eq. 1


def cosine_similarity(z: Float[Array, "M D"]) -> Float[Array, "M M"]:
    """Return the cosine of the angle between every two rows, in [-1, 1].

    Raises:
        ValueError: As l2_normalize.

    >>> import numpy as np
    >>> cosine_similarity(np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))
    array([[ 1.,  0., -1.],
           [ 0.,  1.,  0.],
           [-1.,  0.,  1.]])
    """
    u = l2_normalize(z)
    return u @ u.mT  # eq. 2


def pair_logits(
    a: Float[Array, "N D"], b: Float[Array, "N D"], temperature: float
) -> Float[Array, "M M"]:
    """Return the logits of "row j is the partner of row i", i, j < M = 2N.

    They have no unit. A row is never its own partner: the diagonal is -inf.

    Raises:
        ValueError: a and b differ in shape, there are not at least 2
            examples, the temperature is not in [1e-30, 1e30], or as
            l2_normalize.

    >>> import numpy as np
    >>> a, b = np.array([[2.0], [-1.0]]), np.array([[1.0], [1.0]])
    >>> pair_logits(a, b, temperature=0.5)
    array([[-inf,  -2.,   2.,   2.],
           [ -2., -inf,  -2.,  -2.],
           [  2.,  -2., -inf,   2.],
           [  2.,  -2.,   2., -inf]])
    """
    shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
    if a.ndim != 2 or tuple(a.shape) != tuple(b.shape) or a.shape[0] < 2:
        raise ValueError(
            "two views (N, D) of the same N >= 2 examples are needed, "
            f"got {shapes}"
        )
    # Written so that nan is refused too; a bool is no number here.
    if isinstance(temperature, bool) or not 1e-30 <= temperature <= 1e30:
        raise ValueError(
            f"the temperature must be in 1e-30 ... 1e30, got {temperature}"
        )
    xp = array_namespace(a, b)
    s = cosine_similarity(xp.concat((a, b), axis=0))
    rows = xp.arange(s.shape[0], device=s.device)
    itself = rows[:, None] == rows
    return xp.where(itself, -inf, s / float(temperature))  # eq. 3


def nt_xent(
    a: Float[Array, "N D"], b: Float[Array, "N D"], temperature: float
) -> Float[Array, ""]:
    """Return the mean of -log p(partner) over all 2N rows, in nats.

    Row n of a and row n of b are views of the same example. If nothing can
    be told apart, the loss is log(2N - 1).

    Raises:
        ValueError: As pair_logits.

    >>> import numpy as np
    >>> same = np.ones((2, 5))
    >>> nt_xent(same, same, temperature=0.1)  # log 3
    np.float64(1.099)
    """
    logits = pair_logits(a, b, temperature)
    xp = array_namespace(logits)
    n = a.shape[0]
    rows = xp.arange(2 * n, device=logits.device)
    return cross_entropy(logits, (rows + n) % (2 * n))  # eq. 4
