"""A circle that is a line in feature space, and RBF kernels of three widths."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.classification.kernels import (
    kernel_ridge,
    kernel_scores,
    polynomial,
    rbf,
)

STYLES = ((1, "o", "C0"), (-1, "s", "C1"))


def circle() -> Figure:
    """Draw rings in the plane, and in the features that make them a line."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0.1, np.pi / 2 - 0.1, 5)
    radius = np.concatenate((np.full(5, 0.7), np.full(5, 1.5)))
    radius = radius + rng.uniform(-0.25, 0.25, 10)
    quarter = np.stack((np.cos([*angle, *angle]), np.sin([*angle, *angle])), 1)
    quarter *= radius[:, None]
    x = np.concatenate(
        [quarter * s for s in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    )
    y = np.tile(np.repeat([-1.0, 1.0], 5), 4)
    fit = kernel_ridge(polynomial(x, x, offset=0.0), y, 0.01)
    grid = np.linspace(-2, 2, 81)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    scores = kernel_scores(polynomial(points, x, offset=0.0), *fit)
    weights = fit.dual @ x**2
    fig, (left, right) = plt.subplots(1, 2, figsize=(5, 2.75))
    left.contour(
        grid, grid, scores.reshape(81, 81), [0.0], colors="ink", linestyles="--"
    )
    ends = np.array([0.0, -fit.intercept / weights[0]])
    right.plot(
        ends,
        (-fit.intercept - weights[0] * ends) / weights[1],
        "--",
        color="ink",
    )
    for label, marker, color in STYLES:
        chosen = x[y == label]
        left.plot(*chosen.T, marker, color=color, markersize=5)
        right.plot(*(chosen**2).T, marker, color=color, markersize=5)
    left.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-2, 2), ylim=(-2, 2))
    right.set(xlabel="$x_1^2$", ylabel="$x_2^2$", xlim=(-0.1, 3.2))
    right.set(ylim=(-0.1, 3.2))
    left.set_title("in the plane")
    right.set_title("in two features")
    for ax in (left, right):
        ax.set(aspect="equal")
    left.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    right.set(xticks=(0, 1, 2, 3), yticks=(0, 1, 2, 3))
    fig.get_layout_engine().set(wspace=0.1)
    return fig


def three_gammas() -> Figure:
    """Draw where the score changes its sign, for three widths of the kernel."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, 60)
    y = np.where(np.arange(60) % 2 == 0, 1.0, -1.0)
    x = np.stack((np.cos(angle), np.sin(angle)), axis=1) * y[:, None]
    x = x + 0.5 * (1 - y[:, None]) * np.array([1.0, 0.5])
    x = x + 0.3 * rng.normal(size=(60, 2))
    right, up = np.linspace(-2, 3, 121), np.linspace(-1.6, 2, 121)
    points = np.stack(np.meshgrid(right, up), axis=-1).reshape(-1, 2)
    fig, axes = plt.subplots(3, 1, figsize=(3.6, 7.4))
    for ax, gamma in zip(axes, (0.01, 1.0, 100.0), strict=True):
        fit = kernel_ridge(rbf(x, x, gamma), y, 1e-3)
        scores = kernel_scores(rbf(points, x, gamma), *fit)
        ax.contour(right, up, scores.reshape(121, 121), [0.0], colors="ink")
        for label, marker, color in STYLES:
            ax.plot(*x[y == label].T, marker, color=color, markersize=5)
        ax.set(aspect="equal", xticks=(), yticks=(), xlim=(-2, 3))
        ax.set(title=f"$\\gamma = {gamma:g}$", ylim=(-1.6, 2))
    return fig
