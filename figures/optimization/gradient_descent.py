"""Four learning rates, a path through a valley, and the way off a saddle."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.gradient_descent import gradient_descent


def four_learning_rates() -> Figure:
    """Draw paths on a parabola: too low, good, high, too high."""
    fig, axes = plt.subplots(2, 2, figsize=(5, 4.6), sharex=True, sharey=True)
    theta = np.linspace(-1.9, 1.9, 101)
    for ax, (lr, name, steps) in zip(
        axes.flat,
        (
            (0.1, "too low", 6),
            (0.5, "good", 1),
            (0.9, "high", 6),
            (1.1, "too high", 3),
        ),
        strict=True,
    ):
        path = gradient_descent(lambda t: 2 * t, np.array([1.0]), lr, steps)
        ax.plot(theta, theta**2, color="ink", lw=1)
        ax.plot(path, path**2, "o-", markersize=5, lw=1.5)
        ax.plot(1, 1, "o", color="C1", markersize=8)
        ax.set_title(f"$\\eta = {lr}$, {name}")
        ax.set(ylim=(-0.2, 3.7), xticks=(-1, 0, 1), yticks=range(4))
    for ax in axes[1]:
        ax.set_xlabel("$\\theta$")
    for ax in axes[:, 0]:
        ax.set_ylabel("$f = \\theta^2$")
    return fig


def valley() -> Figure:
    """Draw paths on contour lines, in a valley and in a round bowl."""
    fig, axes = plt.subplots(
        2, 1, figsize=(5, 4.6), sharex=True, height_ratios=[4, 7.4]
    )
    for ax, kappa, start, runs, high in (
        (axes[0], 9.0, (9.0, 1.0), ((0.2, 8), (0.1, 8)), 1.9),
        (axes[1], 1.0, (9.0, 3.0), ((1.0, 1),), 3.6),
    ):
        curvatures = np.array([1.0, kappa])
        u, v = np.meshgrid(
            np.linspace(-3, 10, 120), np.linspace(-high, high, 90)
        )
        f = (u**2 + kappa * v**2) / 2
        levels = 45 * 0.64 ** np.arange(8, -1, -1)
        ax.contour(u, v, f, levels, colors="faint", linewidths=1)
        for k, (lr, steps) in enumerate(runs):
            path = gradient_descent(
                lambda t, c=curvatures: c * t, np.array(start), lr, steps
            )
            style = ("o-", "s--")[k]
            ax.plot(
                *path.T,
                style,
                color=f"C{k}",
                label=f"$\\eta = {lr:g}$",
                markersize=5,
                lw=1.5,
            )
        ax.plot(0, 0, "+", color="ink", markersize=10)
        ax.set(aspect="equal", xlim=(-3, 10), ylim=(-high, high))
        ax.set(xticks=(0, 3, 6, 9))
        ax.set_title(f"$\\kappa = {kappa:g}$", loc="left")
        ax.legend(
            loc="lower right",
            bbox_to_anchor=(1, 1),
            borderaxespad=0,
            ncols=2,
        )
    axes[0].set(ylabel="$\\theta_2$", yticks=(-1, 0, 1))
    axes[1].set(
        xlabel="$\\theta_1$", ylabel="$3 \\, \\theta_2$", yticks=(-3, 0, 3)
    )
    return fig


def saddle() -> Figure:
    """Draw a path to a saddle and away, and the length of its gradient."""
    signs = np.array([2.0, -2.0])
    path = gradient_descent(lambda t: signs * t, np.array([1.0, 1e-6]), 0.1, 76)
    fig, (top, bottom) = plt.subplots(
        2, 1, figsize=(4.6, 5.6), height_ratios=[1.6, 1]
    )
    u, v = np.meshgrid(np.linspace(-1.2, 1.2, 81), np.linspace(-1.2, 1.2, 81))
    levels = np.array([-1.0, -0.6, -0.3, -0.1, 0.1, 0.3, 0.6, 1.0])
    styles = ["dashed"] * 4 + ["solid"] * 4
    drawn = top.contour(
        u, v, u**2 - v**2, levels, colors="faint", linewidths=1.2
    )
    drawn.set_linestyle(styles)
    top.plot(*path.T, "o-", markersize=4, lw=1.5)
    top.plot(*path[0], "o", color="C1", markersize=8)
    top.annotate(
        "start", path[0], (-14, 10), textcoords="offset points", color="C1"
    )
    top.plot(0, 0, "+", color="ink", markersize=12)
    top.annotate("saddle", (0, 0), (-48, -16), textcoords="offset points")
    for name, place in (("higher", (-0.85, 0.3)), ("lower", (0.35, -0.9))):
        box = {"facecolor": "paper", "edgecolor": "none", "pad": 1}
        top.text(*place, name, ha="center", va="center", bbox=box)
    top.set(aspect="equal", xlabel="$\\theta_1$", ylabel="$\\theta_2$")
    top.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    top.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    length = np.linalg.norm(signs * path, axis=1)
    bottom.semilogy(length)
    bottom.set(xlabel="step $t$", ylabel="gradient's length")
    bottom.set(xticks=(0, 20, 40, 60, 80), yticks=(1e-3, 1e-2, 1e-1, 1))
    bottom.minorticks_off()
    return fig
