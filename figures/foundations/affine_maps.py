"""What an affine map does to the plane, and two maps with a narrow middle."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.foundations.affine_maps import affine, compose_affine

W, B = np.array([[3.0, 1.0], [2.0, 3.0]]), np.array([4.0, 1.0])
LETTER = np.array(
    [
        *((3, 1), (4, 1), (4, 4), (6, 4), (6, 5)),
        *((4, 5), (4, 8), (8, 8), (8, 9), (3, 9)),
    ]
)
_POINTS = {"textcoords": "offset points"}


def letter() -> Figure:
    """Draw a grid, a letter and two orders before and after the map."""
    fig, axes = plt.subplots(
        1, 2, figsize=(6.4, 3.0), gridspec_kw={"width_ratios": [1, 1.8]}
    )
    ends = np.array([0.0, 2.0])
    inputs = [
        np.stack(pair, axis=1)
        for fixed in (np.full(2, v) for v in (0.0, 1.0, 2.0))
        for pair in ((fixed, ends), (ends, fixed))
    ]
    arrows = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    orders = np.array([[1.0, 2.0], [2.0, 0.0]])
    for ax, moved in zip(
        axes, (lambda x: x, lambda x: affine(x, W, B)), strict=True
    ):
        for line in inputs:
            ax.plot(*moved(line).T, color="faint", lw=1, zorder=0)
        ax.fill(*moved(LETTER / 10).T, color="C2", alpha=0.5, lw=0)
        origin, *tips = moved(arrows)
        for tip, color in zip(tips, ("C0", "C1"), strict=True):
            arrow = {"arrowstyle": "->", "color": color, "lw": 2.5}
            arrow |= {"shrinkA": 0, "shrinkB": 0}
            ax.annotate("", tip, origin, arrowprops=arrow)
        ax.plot(*moved(orders).T, "o", color="ink", clip_on=False, zorder=3)
        ax.plot(*origin, "s", color="ink", clip_on=False, zorder=3)
    axes[0].set(xlabel="bags of apples", ylabel="bags of potatoes")
    axes[0].set(xlim=(0, 2), ylim=(0, 2), aspect="equal")
    axes[0].set(xticks=range(3), yticks=range(3))
    axes[1].set(xlabel="price in €", ylabel="weight in kg")
    axes[1].set(xlim=(0, 14.5), ylim=(0, 9.5), aspect="equal")
    axes[1].set(xticks=range(0, 15, 2), yticks=range(0, 10, 2))
    for point, text, offset in (
        ((4, 1), "(4, 1)", (-42, -5)),
        ((7, 2), "(7, 2)", (-2, -16)),
        ((6, 4), "(6, 4)", (-40, 0)),
        ((11, 8), "(11, 8)", (-20, 8)),
        ((10, 3), "(10, 3)", (2, -16)),
    ):
        axes[1].annotate(text, point, offset, **_POINTS)
    for point, text, offset in (
        ((1, 2), "(1, 2)", (-17, 6)),
        ((2, 0), "(2, 0)", (-8, 8)),
    ):
        axes[0].annotate(text, point, offset, **_POINTS)
    return fig


def bottleneck() -> Figure:
    """Draw a lattice of inputs and what one number between leaves of it."""
    narrow = np.array([[1.0], [1.0]]), np.array([0.0])
    widen = np.array([[0.5, 0.25]]), np.array([0.0, 0.5])
    inputs = np.stack(np.meshgrid(range(4), range(4)), axis=-1)
    inputs = inputs.reshape(-1, 2).astype(float)
    outputs = affine(inputs, *compose_affine(*narrow, *widen))
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.2))
    for total in range(1, 6):
        ends = np.array([max(0, total - 3) - 0.3, min(3, total) + 0.3])
        axes[0].plot(ends, total - ends, "--", color="ink", lw=1, zorder=0)
    axes[0].plot(*inputs.T, "o")
    axes[0].set(title="16 inputs", xlabel="$x_1$", ylabel="$x_2$")
    ends = affine(
        np.array([[-0.2, -0.2], [3.2, 3.2]]), *compose_affine(*narrow, *widen)
    )
    axes[1].plot(*ends.T, "--", color="ink", lw=1, zorder=0)
    axes[1].plot(*outputs.T, "o")
    places, counts = np.unique(outputs, axis=0, return_counts=True)
    for place, count in zip(places, counts, strict=True):
        axes[1].annotate(str(count), place, (-9, 7), **_POINTS)
    axes[1].set(title="7 outputs, on one line", xlabel="$y_1$", ylabel="$y_2$")
    for ax in axes:
        ax.set(aspect="equal", xlim=(-0.4, 3.4), ylim=(-0.4, 3.4))
        ax.set(xticks=range(4), yticks=range(4))
    return fig
