"""A cliff with and without clipping, and two ways to clip an arrow."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.gradient_clipping import clip_by_norm, clip_by_value
from reference.optimization.gradient_descent import gradient_descent


def cliff() -> Figure:
    """Draw gradient descent from the wall of a cliff, plain and clipped."""

    def slope(w):
        return 20 * w**19 * (w**20 - 0.5)

    def clipped(w):
        return clip_by_norm([slope(w)], 5.0).gradients[0]

    fig, axes = plt.subplots(2, 1, figsize=(5, 5.2), sharey=True)
    w = np.linspace(-0.2, 1.055, 500)
    for ax, gradient, steps, title in (
        (axes[0], slope, 1, "plain: one step, and it stays there"),
        (axes[1], clipped, 5, "clipped at $c = 5$: five steps (enlarged)"),
    ):
        path = gradient_descent(gradient, np.array([1.05]), 0.01, steps)[:, 0]
        height = (path**20 - 0.5) ** 2 / 2
        ax.plot(w, (w**20 - 0.5) ** 2 / 2, color="ink", lw=1)
        ax.plot(path, height, "o-", markersize=5, lw=1.5)
        ax.plot(path[0], height[0], "o", color="C1", markersize=8)
        ax.annotate(
            "start",
            (path[0], height[0]),
            (-12, -3),
            textcoords="offset points",
            color="C1",
            ha="right",
        )
        ax.set_title(title, loc="left")
        ax.set(ylabel="loss $f$", ylim=(-0.15, 2.6), yticks=(0, 1, 2))
    axes[0].annotate("plateau", (0.35, 0.2), ha="center")
    axes[0].set(xticks=(0, 0.25, 0.5, 0.75, 1))
    axes[1].set(xlabel="weight $w$", xlim=(0.845, 1.065))
    axes[1].set(xticks=(0.85, 0.9, 0.95, 1, 1.05))
    return fig


def arrows() -> Figure:
    """Draw gradients as arrows, clipped by norm and by value."""
    fig, axes = plt.subplots(1, 2, figsize=(6, 3.9), sharex=True, sharey=True)
    gradients = np.array([[3.0, 4.0], [-2.0, 0.5], [0.5, -0.6]])
    turn = np.linspace(0, 2 * np.pi, 91)
    square = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1], [1, 1]])
    for ax, title in zip(axes, ("by norm", "by value"), strict=True):
        by_norm = title == "by norm"
        if by_norm:
            ax.plot(np.cos(turn), np.sin(turn), color="ink", lw=1)
        else:
            ax.plot(*square.T, color="ink", lw=1)
        for k, g in enumerate(gradients):
            after = (
                clip_by_norm([g], 1.0).gradients[0]
                if by_norm
                else clip_by_value(g, 1.0)
            )
            ax.plot(*np.stack([0 * g, g]).T, "--", color="C0", lw=1.2)
            ax.plot(*g, "o", color="C0", mfc="paper", markersize=6)
            ax.plot(*np.stack([0 * g, after]).T, color="C1", lw=2.5)
            ax.plot(*after, "o", color="C1", markersize=6)
            if k == 0:
                ax.annotate(
                    "(3, 4)",
                    g,
                    (-8, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                    color="C0",
                )
                ax.annotate(
                    f"({after[0]:g}, {after[1]:g})",
                    after,
                    (9, -2),
                    textcoords="offset points",
                    color="C1",
                    va="center",
                )
        ax.plot(0, 0, "o", color="ink", markersize=3)
        ax.set_title(title)
        ax.set(aspect="equal", xlim=(-2.4, 3.4), ylim=(-1.5, 4.5))
        ax.set(xlabel="$g_1$", xticks=(-2, -1, 0, 1, 2, 3))
        ax.set(yticks=(-1, 0, 1, 2, 3, 4))
    axes[0].set_ylabel("$g_2$")
    return fig
