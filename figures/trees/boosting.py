"""Weights round by round, errors over the rounds, and a fit that grows."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.trees.boosting import (
    adaboost,
    example_weights,
    gradient_boosting,
    predict_labels,
    staged_scores,
)
from reference.trees.decision_tree import predict

MARKERS = {1: ("C0", "o"), -1: ("C1", "s")}


def _twelve():
    """Return twelve points of a square that no single question parts."""
    rng = np.random.default_rng(21)
    x = rng.uniform(0, 10, size=(12, 2))
    asked = (x[:, 0] < 3, x[:, 0] < 7, x[:, 1] > 5)
    return 0.5 + 0.9 * x, np.where(np.sum(asked, axis=0) > 1, 1, -1)


def weights_by_round() -> Figure:
    """Draw three rounds of AdaBoost, points as large as their weight."""
    x, y = _twelve()
    model = adaboost(x, y, 3)
    fig, axes = plt.subplots(2, 2, figsize=(5, 5.2), sharex=True, sharey=True)
    stages = zip(staged_scores(model, x), model.trees, strict=False)
    for t, (score, tree) in enumerate(stages):
        ax, weights = axes.flat[t], example_weights(y, score)
        _draw_points(ax, x, y, weights)
        wrong = predict(tree, x) != y
        ax.plot(*x[wrong].T, "x", color="ink", markersize=9)
        _shade(ax, lambda grid, tree=tree: predict(tree, grid))
        ax.set_title(f"round {t + 1}: error {np.sum(weights[wrong]):.2f}")
    _draw_points(axes.flat[3], x, y, np.full(12, 1 / 12))
    _shade(axes.flat[3], lambda grid: predict_labels(model, grid))
    axes.flat[3].set_title("all three together")
    for ax in axes[:, 0]:
        ax.set_ylabel("$x_2$")
    for ax in axes[1]:
        ax.set_xlabel("$x_1$")
    return fig


def _draw_points(ax, x, y, weights):
    """Draw the points of both labels, areas in proportion to the weights."""
    for label, (color, marker) in MARKERS.items():
        here = y == label
        ax.scatter(
            *x[here].T, s=500 * weights[here], c=color, marker=marker, lw=0
        )
    ax.set(xlim=(0, 10), ylim=(0, 10), xticks=[0, 5, 10], yticks=[0, 5, 10])


def _shade(ax, answer):
    """Shade where the answer is +1, and draw the border."""
    side = np.linspace(0, 10, 401)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    value = answer(grid.reshape(-1, 2)).reshape(401, 401)
    ax.contourf(side, side, value, levels=[0, 2], colors=["C0"], alpha=0.15)
    ax.contour(side, side, value, levels=[0], colors=["ink"], linewidths=1)


def _diagonal(n, flipped, rng):
    """Return points of a square, +1 above its diagonal, some labels flipped."""
    x = rng.uniform(-1, 1, size=(n, 2))
    y = np.where(np.sum(x, axis=1) > 0, 1, -1)
    return x, np.where(rng.random(n) < flipped, -y, y)


def errors_by_round() -> Figure:
    """Draw training and test error of AdaBoost, without and with noise."""
    fig, axes = plt.subplots(2, 1, figsize=(5, 5.2), sharex=True)
    for ax, flipped in zip(axes, (0, 0.2), strict=True):
        rng = np.random.default_rng(0)
        x, y = _diagonal(200, flipped, rng)
        model = adaboost(x, y, 300)
        bound = np.cumprod(1 / np.cosh(model.steps))
        rounds = np.arange(1, len(bound) + 1)
        ax.plot(rounds, bound, ":", color="ink", label="bound")
        new = _diagonal(4000, flipped, rng)
        for name, data, color, style in (
            ("test", new, "C1", "-"),
            ("training", (x, y), "C0", "--"),
        ):
            errors = [
                np.mean(np.where(score > 0, 1, -1) != data[1])
                for score in staged_scores(model, data[0])
            ]
            ax.plot(rounds, errors[1:], style, color=color, label=name)
        ax.set(xscale="log", ylim=(0, 0.6), ylabel="share of mistakes")
        ax.set_title(f"{100 * flipped:.0f} % of the labels flipped")
    axes[1].set(xlabel="rounds", xticks=[1, 10, 100], xticklabels=[1, 10, 100])
    axes[0].legend(loc="upper right")
    return fig


def growing_fit() -> Figure:
    """Draw gradient boosting after 1, 10 and 100 stumps on a noisy sine."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 10, size=80))
    y = np.sin(x) + 0.3 * rng.normal(size=80)
    model = gradient_boosting(x[:, None], y, rounds=100, rate=0.3, max_depth=1)
    grid = np.linspace(0, 10, 1001)
    fig, ax = plt.subplots()
    ax.plot(x, y, ".", color="ink", markersize=5)
    fits = list(staged_scores(model, grid[:, None]))
    for t, color, style in ((1, "C2", ":"), (10, "C1", "--"), (100, "C0", "-")):
        name = "1 stump" if t == 1 else f"{t} stumps"
        ax.plot(grid, fits[t], style, color=color, label=name)
    ax.set(xlabel="$x$", ylabel="$y$", ylim=(-1.8, 2.6))
    ax.legend(loc="upper right", ncols=3)
    return fig
