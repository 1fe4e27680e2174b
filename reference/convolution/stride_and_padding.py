"""Stride and padding.

Steps of more than one pixel, zeros around the image and gaps between the
weights of a convolution: how large its map is, and how much of the image one
unit of a stack of layers sees.

Axes    N images, C channels, F filters of (kh, kw) weights, (H, W) pixels.
Page    docs/en/convolution/stride_and_padding.md ("eq. 3" marks the line of
        its (3))
Source  Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep
        Learning, 2016; Yu and Koltun, Multi-Scale Context Aggregation by
        Dilated Convolutions, ICLR 2016
"""

from collections.abc import Sequence
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.convolution.convolution import conv2d


class ReceptiveField(NamedTuple):
    """What a unit sees along one axis, and how far on its neighbour begins."""

    size: int
    jump: int


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Return how many places a kernel takes along an axis of size pixels.

    Pooling counts the same way.

    Raises:
        ValueError: An argument is no whole number or too small, or the kernel
            does not fit into the padded axis.

    >>> output_size(7, 3, stride=2), output_size(7, 3, stride=2, padding=1)
    (3, 4)
    """
    padded = _whole("size", size, 0) + 2 * _whole("padding", padding, 0)
    extent, stride = _extent(kernel, dilation), _whole("stride", stride, 1)
    if extent > padded:
        raise ValueError(
            f"a kernel that extends over {extent} pixels needs as many, "
            f"got {padded} with the padding"
        )
    return (padded - extent) // stride + 1  # eq. 2


def same_padding(kernel: int, dilation: int = 1) -> int:
    """Return the padding on each side that keeps the size at stride 1.

    Raises:
        ValueError: An argument is no whole number >= 1, or the kernel extends
            over an even number of pixels: both sides cannot get the same.

    >>> same_padding(3), same_padding(5), same_padding(3, dilation=2)
    (1, 2, 2)
    """
    extent = _extent(kernel, dilation)
    if extent % 2 == 0:
        raise ValueError(
            "equal padding on both sides keeps the size only for a kernel "
            f"that extends over an odd number of pixels, got {extent}"
        )
    return (extent - 1) // 2  # eq. 3


def receptive_field(layers: Sequence[tuple[int, ...]]) -> ReceptiveField:
    """Return the pixels that a unit behind the layers sees along one axis.

    A layer, convolution or pooling, is (kernel, stride) or (kernel, stride,
    dilation); the first of them reads the pixels.

    Raises:
        ValueError: A layer has not two or three numbers, or one of them is
            no whole number >= 1.

    >>> receptive_field([(3, 2), (3, 1)])
    ReceptiveField(size=7, jump=2)
    """
    size = jump = 1  # a pixel sees itself, its neighbour is one further on
    for layer in layers:
        if len(layer) not in (2, 3):
            raise ValueError(
                "a layer is (kernel, stride) or (kernel, stride, dilation), "
                f"got {layer}"
            )
        kernel, stride, *gap = layer
        size += (_extent(kernel, *gap) - 1) * jump  # eq. 6
        jump *= _whole("stride", stride, 1)  # eq. 7
    return ReceptiveField(size, jump)


def dilate(
    w: Float[Array, "*filters kh kw"], dilation: int
) -> Float[Array, "*filters rows columns"]:
    """Return w with dilation - 1 zeros between its rows and its columns.

    Raises:
        ValueError: w has less than two axes, or no row or no column, or
            dilation is no whole number >= 1.

    >>> import numpy as np
    >>> dilate(np.array([[1.0, 2.0, 3.0]]), 2)
    array([[1., 0., 2., 0., 3.]])
    """
    xp = array_namespace(w)
    if w.ndim < 2 or 0 in tuple(w.shape[-2:]):
        raise ValueError(
            f"a kernel needs rows and columns, got shape {tuple(w.shape)}"
        )
    extents = [_extent(k, dilation) for k in w.shape[-2:]]
    shape = (*w.shape[:-2], *extents)
    wide = xp.zeros(shape, dtype=w.dtype, device=w.device)
    wide[..., ::dilation, ::dilation] = w  # eq. 4
    return wide


def strided_conv2d(
    x: Float[Array, "N C H W"],
    w: Float[Array, "F C kh kw"],
    b: Float[Array, "F"],
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int = 1,
) -> Float[Array, "N F rows columns"]:
    """Return every stride-th row and column of the map of the dilated kernels.

    This is the definition, not the fast way: libraries do not compute what
    they would drop, nor multiply by the zeros of a dilated kernel. So only
    here a pixel that is nan or inf spoils sums in whose gaps it lies.

    Raises:
        ValueError: As for conv2d, with the extent of the dilated kernel; or
            stride or dilation is no whole number >= 1.

    >>> import numpy as np
    >>> x = np.array([[[[1.0, 2.0, 3.0, 4.0, 5.0]]]])
    >>> strided_conv2d(x, np.ones((1, 1, 1, 3)), np.zeros(1), stride=2)
    array([[[[ 6., 12.]]]])
    """
    stride = _whole("stride", stride, 1)
    y = conv2d(x, dilate(w, dilation), b, padding)
    return y[:, :, ::stride, ::stride]  # eq. 5


def _extent(kernel: int, dilation: int = 1) -> int:
    """Return over how many pixels a kernel extends, gaps included."""
    kernel = _whole("kernel", kernel, 1)
    return _whole("dilation", dilation, 1) * (kernel - 1) + 1  # eq. 1


def _whole(name: str, value: int, least: int) -> int:
    """Return value as int; raise unless it is whole and at least least."""
    # An array has __index__ too, even that of 2.5.
    whole = hasattr(value, "__index__") and not hasattr(value, "__len__")
    if isinstance(value, bool) or not whole or value < least:
        raise ValueError(
            f"{name} must be a whole number >= {least}, got {value!r}"
        )
    return int(value)
