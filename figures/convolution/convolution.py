"""Edges and textures in a digit; a kernel written as a matrix."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference._datasets import digits
from reference.convolution.convolution import conv2d, toeplitz

# Vertical edge, horizontal edge, diagonal stroke.
KERNELS = np.array(
    [
        [[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]],
        [[-1.0, -1.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]],
        [[-1.0, -1.0, 2.0], [-1.0, 2.0, -1.0], [2.0, -1.0, -1.0]],
    ]
)


def digit() -> Figure:
    """Draw a digit and the maps of three kernels beside their weights."""
    data = digits()
    image = data.x[list(data.y).index(7)].reshape(1, 1, 8, 8)
    maps = conv2d(image, KERNELS[:, None], np.zeros(3), padding=1)[0]
    fig, axes = plt.subplots(2, 2, figsize=(5, 5.4))
    _cells(axes[0, 0], image[0, 0], 1.0, "the image", cmap="page")
    names = ["vertical edges", "horizontal edges", "diagonal strokes"]
    for ax, y, name in zip(axes.flat[1:], maps, names, strict=True):
        _cells(ax, y, np.max(np.abs(maps)), name)
        for i, j in np.argwhere(np.abs(y) >= 1):
            sign = "+" if y[i, j] > 0 else "−"
            ax.text(j + 0.5, i + 0.53, sign, ha="center", va="center")
    return fig


def matrix() -> Figure:
    """Draw the matrix of the page's example."""
    t = toeplitz(np.array([[-1.0, 1.0], [-1.0, 1.0]]), 4, 4)
    fig, ax = plt.subplots(figsize=(5, 3.3))
    _cells(ax, t, 1.6, "")
    for i, j in np.argwhere(t):
        text = "1" if t[i, j] > 0 else "−1"
        ax.text(j + 0.5, i + 0.53, text, ha="center", va="center")
    ax.hlines([3, 6], 0, 16, color="ink", linewidth=1)
    ax.vlines([4, 8, 12], 0, 9, color="ink", linewidth=1)
    ax.set_xticks(np.arange(16) + 0.5, range(16))
    ax.set_yticks(np.arange(9) + 0.5, range(9))
    ax.set(xlabel="pixel $rW + s$", ylabel="place $iW' + j$")
    return fig


def _cells(ax, a, v, title, cmap="page_diverging"):
    """Draw a as cells, row 0 on top, with the colours' ends at v."""
    low = 0 if cmap == "page" else -v
    grid = {"edgecolors": "faint", "linewidth": 0.5}
    ax.pcolormesh(a, cmap=cmap, vmin=low, vmax=v, **grid)
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.set_title(title)
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[])
