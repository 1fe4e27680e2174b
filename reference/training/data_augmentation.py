"""Data augmentation.

Changes pictures in ways that leave their labels true: mirror, turn, shift, cut
out, disturb and recolour them. The draws of chance come in as arguments.

Axes    N images, C channels, (H, W) pixels, counted from 0, row 0 on top.
        A number per image may be one number for all or an array (N,).
Page    docs/en/training/data_augmentation.md ("eq. 3" marks the line of its
        (3))
Source  Simard, Steinkraus and Platt, Best Practices for Convolutional Neural
        Networks Applied to Visual Document Analysis, ICDAR 2003

All functions return new arrays: what is done to a result leaves x as it is.
"""

from math import inf, pi

from array_api_compat import array_namespace
from jaxtyping import Float, Int, Shaped

from reference._typing import Array


def flip(x: Shaped[Array, "N C H W"], axis: int) -> Shaped[Array, "N C H W"]:
    """Return mirror images: axis 3 swaps left and right, 2 top and bottom.

    Raises:
        ValueError: x is not (N, C, H, W) with pixels, or axis is not 2 or 3.

    >>> import numpy as np
    >>> flip(np.array([[[[1, 2, 3]]]]), axis=3)
    array([[[[3, 2, 1]]]])
    """
    xp = array_namespace(x)
    _require_images(x)
    if axis not in (2, 3):  # 0 would swap examples
        raise ValueError(f"axis must be 2 (rows) or 3 (columns), got {axis}")
    y = xp.flip(x, axis=axis)  # eq. 1
    return xp.astype(y, y.dtype)  # a copy, as NumPy flips by a view of x


def rotate(x: Shaped[Array, "N C A B"], turns: int) -> Shaped[Array, "N C H W"]:
    """Return the images after quarter turns, counterclockwise if positive.

    Raises:
        ValueError: x is not (N, C, H, W) with pixels, or turns is not whole.

    >>> import numpy as np
    >>> rotate(np.array([[[[1, 2, 3]]]]), turns=1)
    array([[[[3],
             [2],
             [1]]]])
    """
    xp = array_namespace(x)
    _require_images(x)
    if isinstance(turns, bool) or not hasattr(turns, "__index__"):
        raise ValueError(f"turns must be a whole number, got {turns}")
    for _ in range(turns % 4):
        x = xp.flip(x.mT, axis=2)  # eq. 2
    return xp.astype(x, x.dtype)  # a copy, also after no turn


def translate(
    x: Shaped[Array, "N C H W"],
    dy: int | Int[Array, "N"],
    dx: int | Int[Array, "N"],
) -> Shaped[Array, "N C H W"]:
    """Return the images moved dy pixels down and dx right, with 0 behind them.

    Raises:
        ValueError: x is not (N, C, H, W) with pixels, or dy or dx is not one
            whole number or one for each image.

    >>> import numpy as np
    >>> translate(np.array([[[[1, 2, 3]]]]), dy=0, dx=1)
    array([[[[0, 1, 2]]]])
    """
    xp = array_namespace(x)
    _require_images(x)
    dy, dx = _whole("dy", dy, x), _whole("dx", dx, x)
    i = xp.arange(x.shape[2], device=x.device)[:, None]
    j = xp.arange(x.shape[3], device=x.device)
    return _read(x, i - dy, j - dx)  # eq. 3


def crop(
    x: Shaped[Array, "N C A B"],
    top: int | Int[Array, "N"],
    left: int | Int[Array, "N"],
    height: int,
    width: int,
) -> Shaped[Array, "N C H W"]:
    """Return the window of that size whose first pixel is (top, left).

    Raises:
        ValueError: x is not (N, C, H, W) with pixels, top or left is not one
            whole number or one for each image, or the window does not lie
            inside.

    >>> import numpy as np
    >>> crop(np.array([[[[1, 2, 3]]]]), top=0, left=1, height=1, width=2)
    array([[[[2, 3]]]])
    """
    xp = array_namespace(x)
    _require_images(x)
    ends = []
    for name, v, size, all_ in (
        ("height", top, height, x.shape[2]),
        ("width", left, width, x.shape[3]),
    ):
        first = _whole(f"the place of {name}", v, x)
        whole = hasattr(size, "__index__") and not isinstance(size, bool)
        if not whole or not 1 <= size <= all_:
            raise ValueError(f"{name} must be in 1 ... {all_}, got {size}")
        last = all_ - size.__index__()
        if not bool(xp.all((first >= 0) & (first <= last))):
            needed = f"in 0 ... {last} for {name} {size}"
            raise ValueError(f"a window must begin {needed}, got {v}")
        ends.append(first)
    i = xp.arange(int(height), device=x.device)[:, None]
    j = xp.arange(int(width), device=x.device)
    return _read(x, ends[0] + i, ends[1] + j)  # eq. 4


def rotate_by(
    x: Float[Array, "N C H W"], angle: float | Float[Array, "N"]
) -> Float[Array, "N C H W"]:
    """Return the images turned counterclockwise about their centre, 0 around.

    The angle is in degrees. Between pixels, values are interpolated.

    Raises:
        ValueError: x is not (N, C, H, W) with pixels or not real
            floating-point, or angle is not one finite number or one for each.

    >>> import numpy as np
    >>> rotate_by(np.array([[[[1.0, 2.0, 3.0]]]]), angle=180.0).round(2)
    array([[[[3., 2., 1.]]]])
    """
    xp = array_namespace(x)
    _require_images(x, floats=True)
    middle, centre = (x.shape[2] - 1) / 2, (x.shape[3] - 1) / 2
    a = _real("angle", angle, x, least=-inf)[:, 0, ...] * (pi / 180)
    i = xp.arange(x.shape[2], dtype=x.dtype, device=x.device)[:, None] - middle
    j = xp.arange(x.shape[3], dtype=x.dtype, device=x.device) - centre
    p = middle + xp.cos(a) * i + xp.sin(a) * j  # eq. 5
    q = centre - xp.sin(a) * i + xp.cos(a) * j  # eq. 6
    top, left, y = xp.floor(p), xp.floor(q), xp.zeros_like(x)
    for k in (top, top + 1):  # all other pixels have weight 0
        for l in (left, left + 1):  # noqa: E741
            weight = (1 - xp.abs(p - k)) * (1 - xp.abs(q - l))
            k_, l_ = xp.astype(k, xp.int64), xp.astype(l, xp.int64)
            y = y + weight[:, None, ...] * _read(x, k_, l_)  # eq. 7
    return y


def noise(
    x: Float[Array, "N C H W"],
    std: float | Float[Array, "N"],
    z: Float[Array, "N C H W"],
) -> Float[Array, "N C H W"]:
    """Return x plus std times z, which is drawn from a standard normal.

    std has the unit of x, z is an array of the same library. Nothing is
    clipped.

    Raises:
        ValueError: x is not (N, C, H, W) with pixels or not real
            floating-point, z has another shape, or std is not one finite
            number >= 0 or one for each image.

    >>> import numpy as np
    >>> noise(np.array([[[[0.5]]]]), std=0.1, z=np.array([[[[-2.0]]]]))
    array([[[[0.3]]]])
    """
    xp = array_namespace(x)
    _require_images(x, floats=True)
    if tuple(z.shape) != tuple(x.shape):  # or images would share their noise
        shapes = f"{tuple(z.shape)} for x of {tuple(x.shape)}"
        raise ValueError(f"every pixel needs a draw of its own, got {shapes}")
    z = xp.astype(z, x.dtype)
    return x + _real("std", std, x, least=0.0) * z  # eq. 8


def color_jitter(
    x: Float[Array, "N C H W"],
    brightness: float | Float[Array, "N"] = 1.0,
    contrast: float | Float[Array, "N"] = 1.0,
    saturation: float | Float[Array, "N"] = 1.0,
) -> Float[Array, "N C H W"]:
    """Return x in [0, 1] with its three factors changed, one after the other.

    A factor of 1 changes nothing, 0 leaves black, one grey, or grey pixels.

    Raises:
        ValueError: x is not (N, 3, H, W) or (N, 1, H, W) with pixels, not
            real floating-point, or not in [0, 1], or a factor is not one
            finite number >= 0 or one for each image.

    >>> import numpy as np
    >>> color_jitter(np.array([[[[0.0, 0.2, 1.0]]]]), brightness=2.0)
    array([[[[0. , 0.4, 1. ]]]])
    """
    xp = array_namespace(x)
    _require_images(x, floats=True)
    if x.shape[1] not in (1, 3):
        raise ValueError(f"1 or 3 channels are needed, got {x.shape[1]}")
    if bool(xp.any((x < 0) | (x > 1))):  # or clipping would destroy them
        raise ValueError("pixels in [0, 1] are needed, got others too")
    brightness = _real("brightness", brightness, x, least=0.0)
    contrast = _real("contrast", contrast, x, least=0.0)
    saturation = _real("saturation", saturation, x, least=0.0)
    x = _blend(x, xp.zeros_like(x), brightness)
    x = _blend(x, xp.mean(_grey(x), axis=(2, 3), keepdims=True), contrast)
    return _blend(x, _grey(x), saturation)


def _blend(
    x: Float[Array, "N C H W"],
    other: Float[Array, "N #C #H #W"],
    factor: Float[Array, "#N 1 1 1"],
) -> Float[Array, "N C H W"]:
    """Return what lies at factor on the way from other (0) to x (1)."""
    xp = array_namespace(x)
    return xp.clip(factor * x + (1 - factor) * other, 0.0, 1.0)  # eq. 10


def _grey(x: Float[Array, "N C H W"]) -> Float[Array, "N 1 H W"]:
    """Return how bright each pixel looks; x itself if it has one channel."""
    if x.shape[1] == 1:
        return x
    r, g, b = (x[:, c : c + 1, ...] for c in range(3))
    return 0.299 * r + 0.587 * g + 0.114 * b  # eq. 9


def _read(
    x: Shaped[Array, "N C A B"],
    p: Int[Array, "#N H #W"],
    q: Int[Array, "#N #H W"],
) -> Shaped[Array, "N C H W"]:
    """Return the pixels of x in rows p and columns q, 0 outside of x."""
    xp = array_namespace(x)
    n, c, height, width = x.shape
    inside = (p >= 0) & (p < height) & (q >= 0) & (q < width)
    place = xp.clip(p, 0, height - 1) * width + xp.clip(q, 0, width - 1)
    m, h, w = place.shape
    place = xp.reshape(place, (m, 1, h * w))
    x = xp.reshape(x, (n, c, height * width))
    y = xp.reshape(xp.take_along_axis(x, place, axis=2), (n, c, h, w))
    return xp.where(inside[:, None, ...], y, xp.zeros_like(y))


def _whole(
    name: str, v: int | Int[Array, "N"], x: Shaped[Array, "N C H W"]
) -> Int[Array, "#N 1 1"]:
    """Return whole numbers of pixels, one for all images or one for each."""
    xp = array_namespace(x)
    a = xp.asarray(v, device=x.device)
    integral = xp.isdtype(a.dtype, "integral")
    if not integral or tuple(a.shape) not in ((), (x.shape[0],)):
        raise ValueError(
            f"{name} must be a whole number or {x.shape[0]} of them, got {v}"
        )
    return xp.reshape(xp.astype(a, xp.int64), (-1, 1, 1))


def _real(
    name: str,
    v: float | Float[Array, "N"],
    x: Float[Array, "N C H W"],
    least: float,
) -> Float[Array, "#N 1 1 1"]:
    """Return finite numbers >= least, one for all images or one for each."""
    xp = array_namespace(x)
    a = xp.asarray(v, dtype=x.dtype, device=x.device)
    fits = tuple(a.shape) in ((), (x.shape[0],))
    fits = fits and not isinstance(v, bool)
    if not fits or not bool(xp.all(xp.isfinite(a) & (a >= least))):
        raise ValueError(
            f"{name} must be a finite number >= {least} or "
            f"{x.shape[0]} of them, got {v}"
        )
    return xp.reshape(a, (-1, 1, 1, 1))


def _require_images(x: Shaped[Array, "N C H W"], floats: bool = False) -> None:
    """Raise unless x is (N, C, H, W) with pixels, and of floats if asked."""
    xp = array_namespace(x)
    shape = tuple(x.shape)
    if x.ndim != 4 or 0 in shape[1:]:
        raise ValueError(f"images (N, C, H, W) are needed, got {shape}")
    if floats and not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(f"real floating-point x is needed, got {x.dtype}")
