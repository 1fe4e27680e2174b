"""Parallel lines and crossing ones, and a parabola made of two columns."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.regression.design_matrix import (
    dummy_variables,
    interactions,
    polynomial_features,
)
from reference.regression.least_squares import (
    least_squares,
    predict,
    with_intercept,
)

WEEKS = np.array([[0.0], [1.0], [2.0], [0.0], [1.0], [2.0]])
LIGHT = np.array([0, 0, 0, 1, 1, 1])
HEIGHT = np.array([1.0, 2.0, 3.0, 2.0, 5.0, 8.0])
WATER = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
HARVEST = np.array([0.0, 3.0, 4.0, 3.0, 0.0])


def parallel_or_not() -> Figure:
    """Draw two groups with one common slope, and with a slope of their own."""
    dummy = dummy_variables(LIGHT, levels=2)
    blocks = [WEEKS, dummy]
    fig, axes = plt.subplots(1, 2, figsize=(5.2, 3.4), sharey=True)
    for ax, title in zip(axes, ("dummy alone", "with product"), strict=True):
        design = with_intercept(np.concat(blocks, axis=1))
        fitted = predict(design, least_squares(design, HEIGHT))
        for group, name, marker, style in (
            (0, "shade", "o", "-"),
            (1, "light", "s", "--"),
        ):
            rows, color = group == LIGHT, f"C{group}"
            x = WEEKS[rows, 0]
            ax.plot(x, HEIGHT[rows], marker, color=color, markersize=8)
            ax.plot(x, fitted[rows], style, color=color)
            ax.vlines(x, HEIGHT[rows], fitted[rows], color, "dotted")
            ax.annotate(
                name,
                (1, fitted[rows][1]),
                (-8, 6) if group else (8, -14),
                textcoords="offset points",
                ha="right" if group else "left",
                color=color,
            )
        ax.set(title=title, xlabel="weeks $x$", xticks=range(3))
        blocks.append(interactions(WEEKS, dummy))
    axes[0].set(ylabel="height $y$ in dm", ylim=(-0.7, 8.7))
    return fig


def weighted_columns() -> Figure:
    """Draw a line and a parabola, and the columns that make the parabola."""
    grid = np.linspace(0, 4, 81)[:, None]
    fig, axes = plt.subplots(1, 2, figsize=(5.6, 3.4))
    for degree, style, color in ((1, "--", "C1"), (2, "-", "C0")):
        design = with_intercept(polynomial_features(WATER, degree))
        beta = least_squares(design, HARVEST)
        curve = predict(with_intercept(polynomial_features(grid, degree)), beta)
        axes[0].plot(grid, curve, style, color=color, label=f"degree {degree}")
    axes[0].plot(WATER, HARVEST, "o", color="ink", markersize=7)
    axes[0].set(title="two fits", ylim=(-0.3, 6.4), ylabel="harvest in kg")
    axes[0].legend(loc="upper center", ncols=1)
    columns = polynomial_features(grid, 2) * beta[1:]
    for column, name, style, color, at, offset in (
        (columns[:, 0], "$4\\,x$", "--", "C2", 60, (-20, 6)),
        (columns[:, 1], "$-x^2$", ":", "C3", 60, (6, 4)),
        (curve, "sum", "-", "C0", 70, (-8, 8)),
    ):
        axes[1].plot(grid, column, style, color=color)
        axes[1].annotate(
            name,
            (grid[at, 0], column[at]),
            offset,
            textcoords="offset points",
            color=color,
        )
    axes[1].set(title="weighted columns", ylabel="kg")
    for ax in axes:
        ax.set(xlabel="water $x$ in litres", xticks=range(5))
    return fig
