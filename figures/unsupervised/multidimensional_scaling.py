"""Maps of four towns, stress step by step, and a spiral on a line."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.unsupervised.multidimensional_scaling import (
    classical_mds,
    pairwise_distances,
    smacof,
)

STRAIGHT = np.array([[0.0, 3, 5, 4], [3, 0, 4, 5], [5, 4, 0, 3], [4, 5, 3, 0]])
ROADS = np.where(STRAIGHT == 5, 7.0, STRAIGHT)


def _closed(points):
    """Return the points in order, and the first again."""
    return np.concatenate((points, points[:1])).T


def towns() -> Figure:
    """Draw the map of straight distances, and two of distances by road."""
    exact = classical_mds(STRAIGHT, 2).points
    classical = classical_mds(ROADS, 2).points
    relaxed = smacof(ROADS, classical, tolerance=1e-12).points
    fig, axes = plt.subplots(2, 1, figsize=(4.6, 6.2), sharex=True)
    axes[0].plot(*_closed(exact), "o-", color="C0")
    for name, point in zip("ABCD", exact, strict=True):
        axes[0].annotate(
            name,
            point,
            8 * np.sign(point),
            textcoords="offset points",
            ha="center",
            va="center",
        )
    axes[0].plot(*exact[[0, 2]].T, ":", color="C0", lw=1.5)
    axes[0].text(0, 1.6, "4", ha="center", va="bottom", color="C0")
    axes[0].text(2.1, 0, "3", va="center", color="C0")
    axes[0].text(0.1, -0.25, "5", va="top", color="C0")
    axes[0].set_title("straight distances 3, 4, 5")
    for points, color, style, label in (
        (classical, "C1", "s--", "classical: 4.58, 5.29, 7"),
        (relaxed, "C0", "o-", "SMACOF: 3.6, 4.8, 6"),
    ):
        axes[1].plot(*_closed(points), style, color=color, label=label)
        axes[1].plot(*points[[0, 2]].T, ":", color=color, lw=1.5)
    axes[1].set_title("distances by road 3, 4, 7")
    axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.22))
    axes[1].set_xlabel("first coordinate (km)")
    for ax in axes:
        ax.set(aspect="equal", ylabel="second (km)", xlim=(-3.4, 3.4))
        ax.set(ylim=(-2.7, 2.7), yticks=range(-2, 3), xticks=range(-3, 4))
    return fig


def stress_falls() -> Figure:
    """Draw the stress of the towns against the steps, from four starts."""
    swapped = classical_mds(ROADS, 2).points
    starts = (
        ("classical map", swapped, "C0", "o-"),
        ("random", np.random.default_rng(0).normal(size=(4, 2)), "C2", "^-"),
        ("C and D swapped", swapped[[0, 1, 3, 2]], "C1", "s--"),
        ("B and C swapped", swapped[[0, 2, 1, 3]], "C3", "v:"),
    )
    fig, ax = plt.subplots(figsize=(5, 3.8))
    for label, start, color, style in starts:
        found = smacof(ROADS, start, steps=12, tolerance=0.0).stresses
        ax.semilogy(found, style, color=color, label=label, ms=5)
    ax.set(xlabel="step", ylabel="stress $\\sigma$", ylim=(3, 100))
    ax.set_yticks([4, 13, 26, 50, 100], ["4", "13", "26", "50", "100"])
    ax.minorticks_off()
    ax.legend()
    return fig


def spiral() -> Figure:
    """Draw a spiral, and maps of it on a line, quarter by quarter."""
    t = np.linspace(1, 3.5, 121)
    x = (t * np.array([np.cos(np.pi * t), np.sin(np.pi * t)])).T
    length = np.sqrt(np.sum(np.diff(x, axis=0) ** 2, axis=1))
    place = np.concatenate(([0.0], np.cumsum(length)))
    straight = pairwise_distances(x)
    along = pairwise_distances(place[:, None])
    classical = classical_mds(straight, 1).points
    maps = (
        ("straight distances, classical MDS = PCA", classical),
        ("straight distances, SMACOF", smacof(straight, classical).points),
        (
            "distances along the curve, classical MDS",
            classical_mds(along, 1).points,
        ),
    )
    quarter = np.minimum(4 * place / place[-1], 3).astype(int)
    fig = plt.figure(figsize=(4.8, 6.2))
    grid = fig.add_gridspec(4, 1, height_ratios=[3.4, 1, 1, 1])
    axes = [fig.add_subplot(grid[i]) for i in range(4)]
    for q in range(4):
        look = {"color": f"C{q}", "ls": "", "marker": "o^sv"[q], "ms": 4}
        axes[0].plot(*x[quarter == q].T, **look)
        middle = x[quarter == q][sum(quarter == q) // 2]
        axes[0].text(*(0.78 * middle), q + 1, ha="center", va="center")
        for ax, (_, points) in zip(axes[1:], maps, strict=True):
            line = points[quarter == q, 0]
            ax.plot(line, np.full(len(line), -q), **look)
    axes[0].set(aspect="equal", title="a spiral, quarter by quarter")
    for ax, (name, _) in zip(axes[1:], maps, strict=True):
        ax.set_title(name)
        ax.set(ylim=(-3.7, 0.7), yticks=[])
        ax.spines["left"].set_visible(False)
    axes[-1].set_xlabel("the only coordinate of the map")
    return fig
