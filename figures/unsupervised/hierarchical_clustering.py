"""Two trees of five points, four linkages, and two shapes of clusters."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.unsupervised.hierarchical_clustering import (
    METHODS,
    cut,
    dendrogram,
    linkage,
)
from reference.unsupervised.k_means import best_of_restarts

PENCIL = np.array([[0.0], [1.0], [3.0], [7.0], [12.0]])
MARKERS = "os^"


def two_trees() -> Figure:
    """Draw the dendrograms of five points by two linkages, and a cut."""
    fig, axes = plt.subplots(1, 2, sharey=True, figsize=(5, 3.2))
    for ax, method, level in zip(
        axes, ("single", "complete"), (4.5, 8.5), strict=True
    ):
        tree = dendrogram(linkage(PENCIL, method))
        for x, y in zip(tree.positions, tree.heights, strict=True):
            ax.plot(x, y, color="C0")
        ax.axhline(level, linestyle="--", color="C1")
        names = ["ABCDE"[leaf] for leaf in tree.leaves]
        ax.set(title=f"{method} linkage", xticks=range(5), xticklabels=names)
        ax.set(xlim=(-0.5, 4.5), ylim=(0, 13), yticks=[0, 1, 2, 3, 4, 5, 12])
        ax.grid(axis="y")
        ax.tick_params(axis="x", length=0)
    axes[0].set_ylabel("height")
    return fig


def four_linkages() -> Figure:
    """Draw two groups with a bridge, cut in two by each linkage."""
    rng = np.random.default_rng(2)
    groups = [
        rng.normal(m, 0.7, size=(60, 2)) for m in ((0.0, 0.0), (6.0, 0.0))
    ]
    bridge = np.stack((np.linspace(1.4, 4.6, 9), np.zeros(9)), axis=1)
    x = np.concatenate((*groups, bridge))
    fig, axes = plt.subplots(2, 2, sharex=True, sharey=True, figsize=(5.4, 3.2))
    for ax, method in zip(axes.flat, METHODS, strict=True):
        _scatter(ax, x, cut(linkage(x, method), 2))
        ax.set_title(method if method != "ward" else "Ward")
    return fig


def shapes() -> Figure:
    """Draw two data sets, clustered by single linkage, Ward and k-means."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, np.pi, 70)
    arc = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    moons = np.concatenate((arc, np.array([1.0, 0.4]) - arc))
    moons += rng.normal(scale=0.06, size=moons.shape)
    corners = ((0.0, 0.0), (3.5, 0.0), (1.75, 3.0))
    blobs = np.concatenate([rng.normal(c, 0.75, size=(50, 2)) for c in corners])
    fig, axes = plt.subplots(3, 2, figsize=(5, 6.4))
    for column, (x, k) in zip(axes.T, ((moons, 2), (blobs, 3)), strict=True):
        found = {
            "single": cut(linkage(x), k),
            "Ward": cut(linkage(x, "ward"), k),
            "k-means": best_of_restarts(x, rng.random((10, k))).labels,
        }
        for ax, (title, labels) in zip(column, found.items(), strict=True):
            _scatter(ax, x, labels)
            ax.set_title(title)
    return fig


def _scatter(ax, x, labels):
    """Draw examples in the colours and shapes of their clusters."""
    for k, marker in enumerate(MARKERS):
        size = 8 if np.sum(labels == k) < 5 else 4
        ax.plot(*x[labels == k].T, marker, color=f"C{k}", ms=size)
    ax.margins(y=0.1)
    ax.set(aspect="equal", anchor="N")
    ax.set_axis_off()
