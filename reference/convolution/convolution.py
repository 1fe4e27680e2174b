"""Convolution.

Slides small kernels of weights over images, forward and backward; lays the
patches under a kernel out as columns; writes a kernel as a matrix.

Axes    N images, C channels in, K channels out, (H, W) pixels, kernels of
        (kh, kw) pixels. Pixels and weights are counted from 0.
Page    docs/en/convolution/convolution.md ("eq. 3" marks the line of its (3))
Source  LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to
        Document Recognition, Proceedings of the IEEE 86(11), 1998
"""

from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


class ConvolutionGradients(NamedTuple):
    """The gradients of a loss with respect to what conv2d took in."""

    dx: Float[Array, "N C H W"]
    dw: Float[Array, "K C kh kw"]
    db: Float[Array, "K"]


def im2col(
    x: Float[Array, "N C H W"],
    kh: int,
    kw: int,
    padding: int | tuple[int, int] = 0,
) -> Float[Array, "N D places"]:
    """Return the patch under a kh x kw kernel at every place, as a column.

    Raises:
        ValueError: x is not (N, C, H, W), a size is no whole number or too
            small, or the kernel does not fit into the padded image.

    >>> import numpy as np
    >>> im2col(np.array([[[[1.0, 2.0, 3.0]]]]), kh=1, kw=2)
    array([[[1., 2.],
            [2., 3.]]])
    """
    xp = array_namespace(x)
    rows, columns = _output_size(x, kh, kw, padding)
    padded = _pad(x, *_pair(padding))
    windows = [
        _window(padded, u, v, rows, columns)
        for u in range(kh)
        for v in range(kw)
    ]
    shape = (x.shape[0], x.shape[1] * kh * kw, rows * columns)
    return xp.reshape(xp.stack(windows, axis=2), shape)  # eq. 3


def conv2d(
    x: Float[Array, "N C H W"],
    w: Float[Array, "K C kh kw"],
    b: Float[Array, "K"],
    padding: int | tuple[int, int] = 0,
) -> Float[Array, "N K rows columns"]:
    """Return how well every kernel matches every patch of x, plus its bias.

    Raises:
        ValueError: As for im2col, or x, w and b do not belong together, or
            they do not hold real floating-point numbers of one dtype.

    >>> import numpy as np
    >>> x, w = np.array([[[[1.0, 2.0, 5.0]]]]), np.array([[[[-1.0, 1.0]]]])
    >>> conv2d(x, w, np.array([10.0]))
    array([[[[11., 13.]]]])
    """
    xp = array_namespace(x, w, b)
    _require_fit(x, w)
    _require_one_dtype(x, w, b)
    k, _, kh, kw = w.shape
    if tuple(b.shape) != (k,):
        raise ValueError(f"{k} kernels need b ({k},), got {tuple(b.shape)}")
    rows, columns = _output_size(x, kh, kw, padding)
    padded, y = _pad(x, *_pair(padding)), b[:, None]
    for u in range(kh):
        for v in range(kw):
            window = _window(padded, u, v, rows, columns)
            y = y + w[:, :, u, v] @ window  # eq. 1
    return xp.reshape(y, (x.shape[0], k, rows, columns))


def conv2d_backward(
    dy: Float[Array, "N K rows columns"],
    x: Float[Array, "N C H W"],
    w: Float[Array, "K C kh kw"],
    padding: int | tuple[int, int] = 0,
) -> ConvolutionGradients:
    """Return dL/dx, dL/dw and dL/db, where dy is dL/d(conv2d(x, w, b)).

    Raises:
        ValueError: As for conv2d, or dy does not have the shape of its result.

    >>> import numpy as np
    >>> x, w = np.array([[[[1.0, 2.0, 5.0]]]]), np.array([[[[-1.0, 1.0]]]])
    >>> dx, dw, db = conv2d_backward(np.array([[[[1.0, 1.0]]]]), x, w)
    >>> dx.ravel(), dw.ravel(), db
    (array([-1.,  0.,  1.]), array([3., 7.]), array([2.]))
    """
    xp = array_namespace(dy, x, w)
    _require_fit(x, w)
    _require_one_dtype(dy, x, w)
    (k, c, kh, kw), (n, _, height, width) = w.shape, x.shape
    rows, columns = _output_size(x, kh, kw, padding)
    needed = (n, k, rows, columns)
    if tuple(dy.shape) != needed:
        raise ValueError(f"dy must be {needed}, got {tuple(dy.shape)}")
    (ph, pw), delta = _pair(padding), xp.reshape(dy, (n, k, rows * columns))
    padded, dw = _pad(x, ph, pw), []
    dx = xp.zeros_like(padded)
    for u in range(kh):
        for v in range(kw):
            window = _window(padded, u, v, rows, columns)
            dw.append(xp.sum(delta @ window.mT, axis=0))  # eq. 6
            part = xp.reshape(w[:, :, u, v].mT @ delta, (n, c, rows, columns))
            dx[:, :, u : u + rows, v : v + columns] += part  # eq. 7
    return ConvolutionGradients(
        dx[:, :, ph : ph + height, pw : pw + width],
        xp.reshape(xp.stack(dw, axis=2), w.shape),
        xp.sum(delta, axis=(0, 2)),  # eq. 5
    )


def toeplitz(
    w: Float[Array, "kh kw"], height: int, width: int
) -> Float[Array, "places pixels"]:
    """Return the matrix that does to an image's pixels in a row what w does.

    Raises:
        ValueError: w is not (kh, kw) or holds no real floating-point numbers,
            or it does not fit into an image of that height and width.

    >>> import numpy as np
    >>> toeplitz(np.array([[-1.0, 2.0]]), height=1, width=3)
    array([[-1.,  2.,  0.],
           [ 0., -1.,  2.]])
    """
    xp = array_namespace(w)
    if w.ndim != 2:
        raise ValueError(f"one kernel is (kh, kw), got {tuple(w.shape)}")
    height, width = _whole("height", height, 1), _whole("width", width, 1)
    pixels = height * width
    # The columns of a linear map's matrix are its values at the unit vectors.
    units = xp.eye(pixels, dtype=w.dtype, device=w.device)
    units = xp.reshape(units, (pixels, 1, height, width))
    zero = xp.zeros(1, dtype=w.dtype, device=w.device)
    y = conv2d(units, w[None, None, ...], zero)
    return xp.reshape(y, (pixels, y.shape[2] * y.shape[3])).mT  # eq. 4


def _output_size(
    x: Float[Array, "N C H W"],
    kh: int,
    kw: int,
    padding: int | tuple[int, int],
) -> tuple[int, int]:
    """Return in how many rows and columns of places the kernel fits."""
    if x.ndim != 4:
        raise ValueError(f"images are (N, C, H, W), got {tuple(x.shape)}")
    kh, kw = _whole("kh", kh, 1), _whole("kw", kw, 1)
    ph, pw = _pair(padding)
    h, w = x.shape[2:]
    size = (h + 2 * ph - kh + 1, w + 2 * pw - kw + 1)  # eq. 2
    if min(size) < 1:
        raise ValueError(
            f"a {kh} x {kw} kernel needs an image at least as large, "
            f"got {h} x {w} with padding {ph, pw}"
        )
    return size


def _pad(
    x: Float[Array, "N C H W"], ph: int, pw: int
) -> Float[Array, "N C padded_H padded_W"]:
    """Return x with ph rows and pw columns of zeros on each side."""
    xp = array_namespace(x)
    n, c, h, w = x.shape
    if ph:
        zero = xp.zeros((n, c, ph, w), dtype=x.dtype, device=x.device)
        x = xp.concat([zero, x, zero], axis=2)
    if pw:
        shape = (n, c, h + 2 * ph, pw)
        zero = xp.zeros(shape, dtype=x.dtype, device=x.device)
        x = xp.concat([zero, x, zero], axis=3)
    return x


def _window(
    padded: Float[Array, "N C H W"], u: int, v: int, rows: int, columns: int
) -> Float[Array, "N C places"]:
    """Return the pixels that the weight (u, v) meets at all places."""
    xp = array_namespace(padded)
    window = padded[:, :, u : u + rows, v : v + columns]
    return xp.reshape(window, (*padded.shape[:2], rows * columns))


def _pair(padding: int | tuple[int, int]) -> tuple[int, int]:
    """Return the padding above and below, and that left and right."""
    pair = padding if isinstance(padding, tuple) else (padding, padding)
    if len(pair) != 2:
        raise ValueError(f"padding is one number or two, got {padding}")
    return _whole("padding", pair[0], 0), _whole("padding", pair[1], 0)


def _whole(name: str, value: int, least: int) -> int:
    """Return a number of pixels as int; raise unless it is at least least."""
    try:
        whole = value.__index__()
    except (AttributeError, TypeError):  # 1.0, "same", an array of floats
        whole = least - 1
    if isinstance(value, bool) or whole < least:
        raise ValueError(
            f"{name} must be a whole number >= {least}, got {value}"
        )
    return whole


def _require_fit(
    x: Float[Array, "N C H W"], w: Float[Array, "K C kh kw"]
) -> None:
    """Raise unless w holds kernels for images with the channels of x."""
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[1]:
        raise ValueError(
            "a convolution needs x (N, C, H, W) and w (K, C, kh, kw), "
            f"got {tuple(x.shape)} and {tuple(w.shape)}"
        )


def _require_one_dtype(*arrays: Float[Array, "..."]) -> None:
    """Raise for integers, such as raw pixels, which can overflow."""
    xp = array_namespace(*arrays)
    dtypes = [a.dtype for a in arrays]
    if not xp.isdtype(dtypes[0], "real floating") or len(set(dtypes)) > 1:
        raise ValueError(
            "a convolution needs real floating-point numbers of one dtype, "
            f"got {', '.join(str(dtype) for dtype in dtypes)}"
        )
