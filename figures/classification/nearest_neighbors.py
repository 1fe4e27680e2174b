"""Regions of two choices of k, and distances in many dimensions."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.classification.nearest_neighbors import classify, euclidean


def regions() -> Figure:
    """Draw what two choices of k make of the same examples."""
    rng = np.random.default_rng(3)
    centers = np.array([[-1.0, 0.0], [1.0, 0.0]])
    y = np.repeat([0, 1], 30)
    x = centers[y] + rng.normal(size=(60, 2))
    side = np.linspace(-3.5, 3.5, 33)
    middle = (side[1:] + side[:-1]) / 2
    across, up = np.meshgrid(middle, middle)
    grid = np.stack((across.ravel(), up.ravel()), axis=1)
    fig, axes = plt.subplots(2, 1, figsize=(4, 6.4), sharex=True)
    for ax, k in zip(axes, (1, 15), strict=True):
        found = classify(x, y, grid, k).reshape(across.shape)
        signs = 0.35 * (1.0 - 2.0 * found)
        ax.pcolormesh(side, side, signs, cmap="page_diverging", vmin=-1, vmax=1)
        ax.plot(*x[y == 0].T, "o", color="C0", label="class 0")
        ax.plot(*x[y == 1].T, "^", color="C1", label="class 1")
        ax.set(aspect="equal", title=f"$k = {k}$", ylabel="$x_2$")
        ax.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
    axes[1].set(xlabel="$x_1$")
    axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    return fig


def curse() -> Figure:
    """Draw the contrast of distances and the volume near the surface."""
    rng = np.random.default_rng(0)
    dimensions = 2 ** np.arange(11)
    ratio = []
    for d in dimensions:
        r = euclidean(rng.random((20, d)), rng.random((500, d)))
        ratio.append(np.median(r.max(axis=1) / r.min(axis=1)))
    fig, axes = plt.subplots(2, 1, figsize=(4.6, 5), sharex=True)
    axes[0].plot(dimensions, ratio, "o-", color="C0")
    axes[0].axhline(1, color="ink", lw=1, ls=":")
    axes[0].set(yscale="log", yticks=[1, 10, 100, 1000])
    axes[0].set_yticklabels(["1", "10", "100", "1000"])
    axes[0].set(title="farthest / nearest distance")
    axes[1].plot(dimensions, 1 - 0.9**dimensions, "s-", color="C1")
    axes[1].set(title="share of a ball's volume in its outer tenth")
    axes[1].set(xscale="log", ylim=(0, 1.05), xlabel="dimensions $D$")
    axes[1].set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    return fig
