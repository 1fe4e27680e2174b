"""Dropout.

Sets random units of a layer to 0 while the network trains, and divides the
others by the probability to be kept, so that their mean stays what it was.

Axes    Any shape, an entry for each unit of each example; where examples are
        averaged, N examples of D units.
Page    docs/en/training/dropout.md ("eq. 3" marks the line of its (3))
Source  Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, Dropout:
        A Simple Way to Prevent Neural Networks from Overfitting, JMLR 2014
"""

from array_api_compat import array_namespace
from jaxtyping import Bool, Float

from reference._typing import Array


def _check(x: Float[Array, "*shape"], p: float) -> None:
    """Raise a ValueError unless x is real and p the probability of a drop."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(f"real floating-point x is needed, got {x.dtype}")
    if not 0 <= p < 1:  # 1 would keep nothing whose mean could be restored.
        raise ValueError(f"p, chance of a drop, must be in [0, 1), got {p}")


def _check_mask(x: Float[Array, "*shape"], kept: Bool[Array, "*shape"]) -> None:
    """Raise a ValueError unless kept is True or False for each entry of x."""
    xp = array_namespace(x, kept)
    shape = tuple(x.shape)
    if not xp.isdtype(kept.dtype, "bool") or tuple(kept.shape) != shape:
        got = f"{kept.dtype} of {tuple(kept.shape)} for {shape}"
        raise ValueError(f"a boolean mask of x's shape is needed, got {got}")


def keep_mask(u: Float[Array, "*shape"], p: float) -> Bool[Array, "*shape"]:
    """Return which units are kept: True with probability 1 - p.

    u holds random numbers, uniform in [0, 1), such as those of
    `numpy.random.Generator.random` or `torch.rand`. The range is not checked.

    Raises:
        ValueError: u is not real floating-point, or p is not in [0, 1).

    >>> import numpy as np
    >>> keep_mask(np.array([0.9, 0.1, 0.2, 0.6]), p=0.2)
    array([ True, False,  True,  True])
    """
    _check(u, p)
    return u >= float(p)  # eq. 1


def dropout(
    x: Float[Array, "*shape"], kept: Bool[Array, "*shape"], p: float
) -> Float[Array, "*shape"]:
    """Return x / (1 - p) where it is kept and 0 elsewhere, in the unit of x.

    This is inverted dropout: at inference, x stays as it is.

    Raises:
        ValueError: x is not real floating-point, kept not boolean and of the
            shape of x, or p not in [0, 1).

    >>> import numpy as np
    >>> kept = np.array([True, False, True, True])
    >>> dropout(np.array([4.0, 8.0, 12.0, 16.0]), kept, p=0.2)
    array([ 5.,  0., 15., 20.])
    """
    xp = array_namespace(x, kept)
    _check(x, p)
    _check_mask(x, kept)
    # Not a product: 0 times infinity is NaN, but what is dropped is gone.
    return xp.where(kept, x, xp.zeros_like(x)) / (1 - float(p))  # eq. 2


def dropout_backward(
    dy: Float[Array, "*shape"], kept: Bool[Array, "*shape"], p: float
) -> Float[Array, "*shape"]:
    """Return dL/dx for dy = dL/dy, with the mask of the forward pass.

    Raises:
        ValueError: As `dropout`, with dy in the place of x.

    >>> import numpy as np
    >>> dropout_backward(np.array([1.0, 1.0]), np.array([True, False]), p=0.2)
    array([1.25, 0.  ])
    """
    return dropout(dy, kept, p)  # eq. 3


def classic_dropout(
    x: Float[Array, "*shape"], kept: Bool[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """Return x where it is kept and 0 elsewhere: the first form, in training.

    Raises:
        ValueError: x is not real floating-point, or kept not boolean and of
            the shape of x.

    >>> import numpy as np
    >>> classic_dropout(np.array([4.0, 8.0]), np.array([True, False]))
    array([4., 0.])
    """
    return dropout(x, kept, p=0.0)  # eq. 4


def classic_dropout_inference(
    x: Float[Array, "*shape"], p: float
) -> Float[Array, "*shape"]:
    """Return x times 1 - p, the mean of what classic dropout makes of it.

    Raises:
        ValueError: x is not real floating-point, or p is not in [0, 1).

    >>> import numpy as np
    >>> classic_dropout_inference(np.array([5.0, 10.0]), p=0.2)
    array([4., 8.])
    """
    _check(x, p)
    return (1 - float(p)) * x  # eq. 5


def dropout_penalty(
    x: Float[Array, "N D"], beta: Float[Array, "D"], p: float
) -> Float[Array, ""]:
    """Return by how much dropout of x raises the mean squared error.

    It is the mean over all masks, for the predictions x @ beta, and has the
    squared unit of the target.

    Raises:
        ValueError: x or beta is not real floating-point, beta has not one
            value for each unit, there is no example, or p is not in [0, 1).

    >>> import numpy as np
    >>> x, beta = np.array([[4.0, 8.0]]), np.array([1.0, 0.5])
    >>> float(dropout_penalty(x, beta, p=0.2))
    8.0
    """
    xp = array_namespace(x, beta)
    _check(x, p)
    _check(beta, p)
    if x.ndim != 2 or x.shape[0] < 1 or tuple(beta.shape) != (x.shape[1],):
        shapes = f"x of {tuple(x.shape)} and beta of {tuple(beta.shape)}"
        raise ValueError(f"(N, D), N > 0, and (D,) are needed, got {shapes}")
    noise = float(p) / (1 - float(p))
    return noise * xp.mean(xp.sum((x * beta) ** 2, axis=1))  # eq. 6
