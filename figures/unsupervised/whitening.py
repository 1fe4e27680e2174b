"""Clouds on the way to white, what epsilon does, and whitened digits."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference._datasets import digits
from reference.unsupervised.pca import pca_svd
from reference.unsupervised.whitening import (
    apply_whitening,
    pca_whitening,
    zca_whitening,
)

POINTS = np.array([[1.0, 0], [3, 4], [5, 2], [4, 3], [7, 6]])


def clouds() -> Figure:
    """Draw a cloud and the five points: raw, decorrelated, white twice."""
    centred = POINTS - POINTS.mean(axis=0)
    drawn = np.random.default_rng(5).normal(size=(70, 2))
    white = apply_whitening(drawn, *zca_whitening(drawn))
    turn = pca_svd(POINTS, 2).components
    pca_matrix = pca_whitening(POINTS, 2).matrix
    zca_matrix = zca_whitening(POINTS).matrix
    # The matrix that whitens, inverted, gives the cloud the covariance of
    # the points.
    cloud = white @ np.linalg.inv(zca_matrix)
    angle = np.linspace(0, 2 * np.pi, 80)
    circle = 2**0.5 * np.array([np.cos(angle), np.sin(angle)]).T
    ellipse = circle @ np.linalg.inv(zca_matrix)
    fig, axes = plt.subplots(2, 2, figsize=(5, 5.4))
    for ax, name, matrix, limit, step in zip(
        axes.flat,
        ("raw, centred", "decorrelated", "PCA-white", "ZCA-white"),
        (np.eye(2), turn, pca_matrix, zca_matrix),
        (7.4, 7.4, 3.4, 3.4),
        (3, 3, 1, 1),
        strict=True,
    ):
        ax.axhline(0, color="faint", lw=1)
        ax.axvline(0, color="faint", lw=1)
        ax.plot(*(cloud @ matrix.T).T, ".", color="C0", ms=4, alpha=0.5)
        ax.plot(*(ellipse @ matrix.T).T, "--", color="C1", lw=1.5)
        for number, point in enumerate(centred @ matrix.T, 1):
            ax.plot(*point, "o", color="paper", mec="ink", ms=13)
            ax.text(*point, number, ha="center", va="center_baseline")
        ticks = np.arange(-2, 3) * step if step == 3 else np.arange(-3, 4)
        ax.set(aspect="equal", xticks=ticks, yticks=ticks)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), title=name)
    for ax, names in zip(axes.flat, (("a", "b"), ("z_1", "z_2")), strict=False):
        ax.set(xlabel=f"${names[0]}$", ylabel=f"${names[1]}$")
    for ax in axes[1]:
        ax.set(xlabel="$y_1$", ylabel="$y_2$")
    return fig


def gain() -> Figure:
    """Draw by how much each axis of the digits is stretched."""
    variances = pca_svd(digits().x, 61).explained_variance
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(5, 4.8))
    k = np.arange(1, 62)
    for epsilon, name, color, style in (
        (0.0, "$\\epsilon = 0$", "C1", ":"),
        (1e-4, "$\\epsilon = 10^{-4}$", "C2", "--"),
        (1e-2, "$\\epsilon = 10^{-2}$", "C0", "-"),
    ):
        stretch = 1 / np.sqrt(variances + epsilon)
        look = {"ls": style, "color": color, "label": name}
        axes[0].semilogy(k, stretch, **look)
        axes[1].plot(k, stretch**2 * variances, **look)
    axes[0].set_ylabel("gain $(\\lambda_k + \\epsilon)^{-1/2}$")
    axes[1].set(ylabel="variance after", xlabel="axis $k$", ylim=(0, 1.08))
    axes[0].legend()
    return fig


def whitened_digits() -> Figure:
    """Draw digits, raw and ZCA-white, and rows of the matrix as images."""
    data = digits()
    chosen = [int(np.argmax(data.y_test == c)) for c in (0, 2, 3, 4, 7)]
    examples = data.x_test[chosen]
    zca = zca_whitening(data.x, 0.01)
    pca = pca_whitening(data.x, 64, 0.01)
    rows = (
        ("data", examples, 1.0),
        ("ZCA", apply_whitening(examples, *zca), 2.5),
        ("PCA", apply_whitening(examples, *pca), 2.5),
        ("rows\nof $W$", zca.matrix[[18, 20, 27, 35, 44]], 3.0),
    )
    fig, axes = plt.subplots(4, 5, figsize=(4.8, 4))
    for line, (name, images, limit) in zip(axes, rows, strict=True):
        for ax, image in zip(line, images, strict=True):
            cells = np.clip(image.reshape(8, 8)[::-1], -limit, limit)
            ax.pcolormesh(cells, cmap="page_diverging", vmin=-limit, vmax=limit)
            ax.set(aspect="equal", xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return fig
