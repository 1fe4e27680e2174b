"""Variance along two directions, two fits, a spiral, and digits."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference._datasets import digits
from reference.regression.least_squares import (
    least_squares,
    predict,
    with_intercept,
)
from reference.unsupervised.pca import pca, project, reconstruct

POINTS = np.array([[1.0, 0], [3, 4], [5, 2], [4, 3], [7, 6]])


def _frame(ax):
    """Give both panels of points the same square frame."""
    ax.set(aspect="equal", xlim=(-0.2, 8.2), ylim=(-1.2, 7.2))
    ax.set(xticks=range(0, 9, 2), yticks=range(0, 7, 2))


def variance_along() -> Figure:
    """Draw five points and their feet on two perpendicular lines."""
    fit = pca(POINTS, 2)
    fig, axes = plt.subplots(1, 2, sharey=True, figsize=(5, 3))
    for k, ax in enumerate(axes):
        u = fit.components[k : k + 1]
        z = project(POINTS, fit.mean, u)
        feet = reconstruct(z, fit.mean, u)
        ends = reconstruct(np.array([[-5.0], [5.0]]), fit.mean, u)
        ax.plot(*ends.T, color=f"C{k}", ls=("-", "--")[k])
        for point, foot in zip(POINTS, feet, strict=True):
            ax.plot(*np.array([point, foot]).T, ":", color="ink", lw=1.5)
        ax.plot(*POINTS.T, "o", color="ink")
        ax.plot(*feet.T, "o", color=f"C{k}", mfc="paper", ms=8, zorder=2)
        ax.plot(*POINTS.T, "o", color="ink", ms=4, zorder=3)
        lost = np.sum((POINTS - feet) ** 2)
        ax.set_title(
            f"variance {fit.explained_variance[k]:.0f}\nlost {lost:.0f}"
        )
        ax.set_xlabel("$x_1$")
        _frame(ax)
    axes[0].set_ylabel("$x_2$")
    return fig


def two_lines() -> Figure:
    """Draw the line of least squares and the first principal component."""
    fit = pca(POINTS, 1)
    feet = reconstruct(fit.scores, fit.mean, fit.components)
    design = with_intercept(POINTS[:, :1])
    beta = least_squares(design, POINTS[:, 1])
    fitted = np.stack((POINTS[:, 0], predict(design, beta)), axis=1)
    ends = np.array([0.0, 8.0])
    slope = fit.components[0, 1] / fit.components[0, 0]
    lines = (
        ("least squares", fitted, beta[0] + beta[1] * ends, "C1", "--"),
        ("PCA", feet, fit.mean[1] + slope * (ends - fit.mean[0]), "C0", "-"),
    )
    fig, axes = plt.subplots(1, 2, sharey=True, figsize=(5, 3))
    for ax, (name, ideal, height, color, style) in zip(
        axes, lines, strict=True
    ):
        ax.plot(ends, height, style, color=color)
        for point, foot in zip(POINTS, ideal, strict=True):
            ax.plot(*np.array([point, foot]).T, color=color, lw=3, alpha=0.5)
        ax.plot(*POINTS.T, "o", color="ink", ms=5)
        steep = (height[1] - height[0]) / 8
        ax.set_title(f"{name}\nslope {steep:.1f}")
        ax.set_xlabel("$x_1$")
        _frame(ax)
    axes[0].set_ylabel("$x_2$")
    return fig


def spiral() -> Figure:
    """Draw a spiral, its first component, and the scores along it."""
    t = np.linspace(1, 3, 60)
    x = (t * np.array([np.cos(np.pi * t), np.sin(np.pi * t)])).T
    fit = pca(x, 1)
    ends = reconstruct(np.array([[-3.6], [3.6]]), fit.mean, fit.components)
    fig, axes = plt.subplots(1, 2, figsize=(5, 2.7))
    axes[0].plot(*ends.T, "--", color="C1")
    axes[0].plot(*x.T, ".", color="C0")
    axes[0].set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    axes[1].plot(t, fit.scores[:, 0], ".", color="C0")
    axes[1].set(xlabel="position on the spiral $t$", ylabel="score $z_1$")
    axes[1].set_xticks([1, 2, 3])
    return fig


def reconstructed_digits() -> Figure:
    """Draw the explained variance of K components, and digits from K."""
    data = digits()
    fit = pca(data.x, 64)
    share = np.cumsum(fit.explained_variance_ratio)
    chosen = [int(np.argmax(data.y_test == c)) for c in (0, 2, 3, 4, 7)]
    rows = {"data": data.x_test[chosen]}
    for k in (32, 8, 2):
        v = fit.components[:k]
        scores = project(data.x_test[chosen], fit.mean, v)
        rows[f"$K={k}$"] = reconstruct(scores, fit.mean, v)
    fig = plt.figure(figsize=(4.6, 6.6))
    grid = fig.add_gridspec(6, 5, height_ratios=[2.4, 1, 1, 1, 1, 1])
    top = fig.add_subplot(grid[0, :])
    top.plot(np.arange(1, 65), 100 * share, color="C0")
    for k in (2, 8, 32):
        top.plot(k, 100 * share[k - 1], "o", color="C1")
        top.annotate(
            f"{k}: {100 * share[k - 1]:.0f} %",
            (k, 100 * share[k - 1]),
            (7, -13),
            textcoords="offset points",
        )
    top.set(xlabel="components $K$", ylabel="variance, %", ylim=(0, 105))
    for i, (name, images) in enumerate(rows.items(), 1):
        for j, image in enumerate(images):
            _image(fig.add_subplot(grid[i, j]), image, name * (j == 0))
    for j in range(5):
        ax = fig.add_subplot(grid[5, j])
        _image(
            ax, fit.components[j], "$v_1 … v_5$" * (j == 0), "page_diverging"
        )
    return fig


def _image(ax, image, name, cmap="page"):
    """Draw 8×8 grey values as cells, the first row on top."""
    low = -0.4 if cmap == "page_diverging" else 0
    high = 0.4 if cmap == "page_diverging" else 1
    cells = np.clip(image.reshape(8, 8)[::-1], low, high)
    ax.pcolormesh(cells, cmap=cmap, vmin=low, vmax=high)
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
