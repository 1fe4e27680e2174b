"""The soft threshold, corner against circle, and the path on real data."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

from reference.generalization.lasso import (
    largest_penalty,
    lasso,
    lasso_loss,
    lasso_path,
    soft_threshold,
)
from reference.generalization.ridge import ridge, ridge_path
from reference.regression.design_matrix import standardize

# The page's example: correlation 1/2, moments 4 and 3.
X = np.array(
    [[1, 1], [1, 1], [1, 1], [1, -1], [-1, 1], [-1, -1], [-1, -1], [-1, -1]],
    dtype=float,
)
Y = np.array([14.0, 15.0, 15.0, 12.0, 8.0, 5.0, 5.0, 6.0])
_POINTS = {"textcoords": "offset points"}


def kink() -> Figure:
    """Draw the loss of one coefficient for two moments, and the threshold."""
    fig, axes = plt.subplots(2, 1, figsize=(4.6, 5.4))
    x = np.array([[-1.0], [1.0]])
    b = np.linspace(-1.5, 3, 181)
    for c, color, style in ((2.0, "C0", "-"), (0.5, "C1", "--")):
        y = c * x[:, 0]
        zero = np.asarray(0.0)
        loss = [lasso_loss(x, y, zero, v[None], 1.0) for v in b]
        axes[0].plot(b, loss, style, color=color)
        [best] = lasso(x, y, 1.0).beta
        lowest = lasso_loss(x, y, zero, np.array([best]), 1.0)
        axes[0].plot(best, lowest, "o", color=color)
    axes[0].annotate("$c=2$", (2.5, 2.6), (5, -12), color="C0", **_POINTS)
    axes[0].annotate("$c=1/2$", (-1, 2.1), (-40, -12), color="C1", **_POINTS)
    axes[0].set(xlabel="coefficient $b$", ylabel="loss", ylim=(0, 4.5))
    z = np.linspace(-3, 3, 121)
    axes[1].plot(z, z, ":", color="ink", lw=1.5, label="least squares")
    axes[1].plot(z, z / 2, "--", color="C2", label="ridge")
    axes[1].plot(z, soft_threshold(z, 1.0), color="C0", label="lasso")
    axes[1].set(xlabel="moment $c$", ylabel="coefficient $b$")
    axes[1].set(xticks=range(-3, 4), yticks=range(-3, 4))
    axes[1].legend()
    return fig


def geometry() -> Figure:
    """Draw level lines of the fit touching the diamond and the circle."""
    grid = np.stack(
        np.meshgrid(np.linspace(-1.4, 5.2, 90), np.linspace(-1.6, 3.2, 90))
    )
    free = lasso(X, Y, 1e-9).beta
    gram = X.T @ X / len(Y)

    def height(b):
        """Return how much more the fit costs than least squares, at b."""
        away = b - free.reshape(-1, *[1] * (b.ndim - 1))
        return np.sum(away * np.tensordot(gram, away, 1), axis=0) / 2

    penalties = np.geomspace(1e-3, 1e3, 20001)
    lengths = np.linalg.norm(ridge_path(X, Y, penalties.tolist()).beta, axis=1)
    on_circle = ridge(X, Y, float(penalties[np.argmin(lengths > 1)])).beta
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack((np.cos(turn), np.sin(turn)))
    diamond = np.array([[1.0, 0, -1, 0, 1], [0.0, 1, 0, -1, 0]])
    fig, axes = plt.subplots(2, 1, figsize=(4.4, 6))
    for ax, name, area, touch in (
        (axes[0], "lasso", diamond, lasso(X, Y, 3.0).beta),
        (axes[1], "ridge", circle, on_circle),
    ):
        ax.fill(*area, alpha=0.25)
        levels = height(touch) * np.array([0.35, 1, 1.6])
        ax.contour(*grid, height(grid), levels, colors="C1", linewidths=1.2)
        ax.axhline(0, color="faint", lw=1, zorder=0)
        ax.axvline(0, color="faint", lw=1, zorder=0)
        ax.plot(*free, "+", color="C1", markersize=10)
        ax.annotate("least squares", free, (-34, 7), **_POINTS)
        ax.plot(*touch, "o", color="C0")
        label = f"({touch[0]:.3g}, {abs(touch[1]):.2g})"
        box = {"facecolor": "paper", "edgecolor": "none", "pad": 1}
        ax.annotate(label, touch, (9, -15), color="C0", bbox=box, **_POINTS)
        ax.set(aspect="equal", title=name, xlabel="$b_1$", ylabel="$b_2$")
    return fig


def path() -> Figure:
    """Draw the coefficients on the diabetes data for falling penalties."""
    data = load_diabetes()
    x, y = standardize(data.data).z, data.target
    penalties = np.geomspace(float(largest_penalty(x, y)), 0.03, 120)
    beta = lasso_path(x, y, penalties.tolist()).beta
    fig, axes = plt.subplots(
        2, 1, figsize=(5, 5.2), sharex=True, height_ratios=(3, 1)
    )
    shown = {"bmi": "C0", "s5": "C1", "bp": "C2", "sex": "C3", "s1": "C4"}
    for d, name in enumerate(data.feature_names):
        color = shown.get(name, "ink")
        style = {"color": color} if name in shown else {"color": color, "lw": 1}
        axes[0].plot(penalties, beta[:, d], **style)
    for d, name in enumerate(data.feature_names):
        if name in shown:
            spot = (penalties[-1], beta[-1, d])
            axes[0].annotate(name, spot, (4, -4), color=shown[name], **_POINTS)
    axes[0].set(ylabel="coefficient $b_d$", xscale="log")
    axes[1].step(penalties, np.sum(beta != 0, axis=1), where="post")
    axes[1].set(xlabel="penalty $\\lambda$", ylabel="not zero")
    axes[1].set(yticks=(0, 5, 10), xticks=(0.1, 1, 10))
    axes[1].set_xticklabels(["0.1", "1", "10"])
    axes[1].invert_xaxis()
    return fig
