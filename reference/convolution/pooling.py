"""Pooling.

Shrinks every channel of an image: each window of pixels is replaced by its
largest value or by its mean; global average pooling takes the whole channel
as one window.

Axes    N examples, C channels, (H, W) pixels; (A, B) windows down and across.
Page    docs/en/convolution/pooling.md ("eq. 3" marks the line of its (3))
Source  Boureau, Ponce and LeCun, A Theoretical Analysis of Feature Pooling in
        Visual Recognition, ICML 2010; Lin, Chen and Yan, Network in Network,
        ICLR 2014 (global average pooling)
"""

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


def max_pool2d(
    x: Float[Array, "N C H W"], size: int, stride: int | None = None
) -> Float[Array, "N C A B"]:
    """Return the largest value of each size x size window, nan if it has one.

    The windows are `stride` pixels apart, by default `size`: side by side.

    Raises:
        ValueError: x has not four axes of floating-point numbers, size or
            stride is not a whole number of at least 1, or no window fits in.

    >>> import numpy as np
    >>> max_pool2d(np.array([[[[1.0, 3.0], [5.0, 7.0]]]]), 2)
    array([[[[7.]]]])
    """
    first, *others = _places(x, size, stride)
    xp = array_namespace(x)
    y = 1.0 * x[first]  # a copy, where indexing gives a view
    for place in others:
        y = xp.maximum(y, x[place])  # eq. 2
    return y


def max_pool2d_backward(
    dy: Float[Array, "N C A B"],
    x: Float[Array, "N C H W"],
    size: int,
    stride: int | None = None,
) -> Float[Array, "N C H W"]:
    """Return dL/dx for dy = dL/d(max_pool2d(x, size, stride)).

    Of several largest values in a window the first in row order counts, and
    so does the first nan. (Autograd through `max_pool2d` shares among equals.)

    Raises:
        ValueError: As `max_pool2d`, or dy has not the shape of its result or
            no floating-point numbers.

    >>> import numpy as np
    >>> x = np.array([[[[1.0, 7.0], [7.0, 5.0]]]])
    >>> max_pool2d_backward(np.array([[[[2.0]]]]), x, 2)
    array([[[[0., 2.],
             [0., 0.]]]])
    """
    places = _places(x, size, stride)
    y = max_pool2d(x, size, stride)
    _require_gradient(dy, tuple(y.shape))
    xp = array_namespace(dy, x)
    zero, dx = xp.zeros_like(dy), xp.zeros_like(x, dtype=dy.dtype)
    left = dy
    for place in places:
        won = (x[place] == y) | xp.isnan(x[place])
        dx[place] += xp.where(won, left, zero)  # eq. 3
        left = xp.where(won, zero, left)  # later equals get nothing
    return dx


def avg_pool2d(
    x: Float[Array, "N C H W"], size: int, stride: int | None = None
) -> Float[Array, "N C A B"]:
    """Return the mean of each size x size window, stride pixels apart.

    Raises:
        ValueError: As `max_pool2d`.

    >>> import numpy as np
    >>> avg_pool2d(np.array([[[[1.0, 3.0], [5.0, 7.0]]]]), 2)
    array([[[[4.]]]])
    """
    places = _places(x, size, stride)
    return sum(x[place] for place in places) / len(places)  # eq. 4


def avg_pool2d_backward(
    dy: Float[Array, "N C A B"],
    x: Float[Array, "N C H W"],
    size: int,
    stride: int | None = None,
) -> Float[Array, "N C H W"]:
    """Return dL/dx for dy = dL/d(avg_pool2d(x, size, stride)).

    Only the shape of x counts.

    Raises:
        ValueError: As `max_pool2d`, or dy has not the shape of its result or
            no floating-point numbers.

    >>> import numpy as np
    >>> avg_pool2d_backward(np.array([[[[8.0]]]]), np.ones((1, 1, 2, 2)), 2)
    array([[[[2., 2.],
             [2., 2.]]]])
    """
    places = _places(x, size, stride)
    _require_gradient(dy, tuple(x[places[0]].shape))
    xp = array_namespace(dy, x)
    dx = xp.zeros_like(x, dtype=dy.dtype)
    for place in places:
        dx[place] += dy / len(places)  # eq. 5
    return dx


def global_average_pool(x: Float[Array, "N C H W"]) -> Float[Array, "N C"]:
    """Return the mean of each channel over all its pixels.

    Raises:
        ValueError: x has not four axes of floating-point numbers, or no pixel.

    >>> import numpy as np
    >>> global_average_pool(np.array([[[[1.0, 3.0], [5.0, 7.0]]]]))
    array([[4.]])
    """
    _places(x, 1, 1)
    xp = array_namespace(x)
    return xp.mean(x, axis=(2, 3))  # eq. 6


def global_average_pool_backward(
    dy: Float[Array, "N C"], x: Float[Array, "N C H W"]
) -> Float[Array, "N C H W"]:
    """Return dL/dx for dy = dL/d(global_average_pool(x)).

    Only the shape of x counts.

    Raises:
        ValueError: As `global_average_pool`, or dy has not the shape (N, C) or
            no floating-point numbers.

    >>> import numpy as np
    >>> global_average_pool_backward(np.array([[8.0]]), np.ones((1, 1, 2, 2)))
    array([[[[2., 2.],
             [2., 2.]]]])
    """
    _places(x, 1, 1)
    _require_gradient(dy, tuple(x.shape[:2]))
    xp = array_namespace(dy, x)
    n, c, height, width = x.shape
    share = xp.reshape(dy / (height * width), (n, c, 1, 1))  # eq. 7
    return share + xp.zeros_like(x, dtype=dy.dtype)


def _places(
    x: Float[Array, "N C H W"], size: int, stride: int | None
) -> list[tuple[slice, ...]]:
    """Return size * size indices of x, the places in a window in row order.

    Entry [a, b] of what an index picks lies there in window (a, b).
    """
    stride = size if stride is None else stride
    for name, v in (("size", size), ("stride", stride)):
        # An array has __index__ too, even that of 2.5.
        whole = hasattr(v, "__index__") and not hasattr(v, "__len__")
        if isinstance(v, bool) or not whole or v < 1:
            raise ValueError(f"{name} needs a whole number >= 1, got {v}")
    size, stride = int(size), int(stride)  # NumPy's can be too short to count
    xp = array_namespace(x)
    shape = tuple(x.shape)
    if x.ndim != 4 or not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(f"x needs floats (N, C, H, W), got {x.dtype} {shape}")
    if size > min(shape[2:]):
        raise ValueError(f"x needs {size} x {size} pixels, got shape {shape}")
    a, b = ((length - size) // stride + 1 for length in shape[2:])  # eq. 1
    every = slice(None)
    return [
        (
            every,
            every,
            slice(i, i + (a - 1) * stride + 1, stride),
            slice(j, j + (b - 1) * stride + 1, stride),
        )
        for i in range(size)
        for j in range(size)
    ]


def _require_gradient(dy: Float[Array, "..."], shape: tuple[int, ...]) -> None:
    """Raise unless dy holds real floating-point numbers in the given shape."""
    xp = array_namespace(dy)
    floats = xp.isdtype(dy.dtype, "real floating")
    if not floats or tuple(dy.shape) != shape:
        got = f"{dy.dtype} {tuple(dy.shape)}"
        raise ValueError(f"dy needs floats of the shape {shape}, got {got}")
