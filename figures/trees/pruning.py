"""The students' tree, its costs, and what pruning does to real data."""

from fractions import Fraction
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

from reference.generalization.cross_validation import (
    k_fold,
    one_standard_error,
    summarize,
)
from reference.trees.decision_tree import (
    classification_tree,
    predict,
    regression_tree,
)
from reference.trees.pruning import (
    cost_complexity,
    cost_complexity_path,
    node_losses,
    prune,
)

BOX = {"boxstyle": "round,pad=0.35", "facecolor": "paper"}


def _students():
    """Return the tree of the six students."""
    hours = np.array([[1.0], [2.0], [3.0], [4.0], [6.0], [7.0]])
    return classification_tree(hours, np.array([0, 1, 0, 0, 1, 1]))


def _fraction(number):
    """Return a simple fraction as text."""
    return str(Fraction(float(number)).limit_denominator(99))


def students_tree() -> Figure:
    """Draw the tree with R of each node, and what each branch gains a leaf."""
    tree = _students()
    loss, inner = node_losses(tree), tree.feature >= 0
    places = [
        (3.1, 3),
        (2.1, 2),
        (4.5, 2),
        (1.1, 1),
        (3.1, 1),
        (0.3, 0),
        (2, 0),
    ]
    counts = np.round(tree.value * tree.weight[:, None]).astype(int)
    fig, ax = plt.subplots(figsize=(5, 4.4))
    for m, (across, up) in enumerate(places):
        failed, passed = counts[m]
        lines = [
            f"node {m}: {failed} | {passed}",
            f"$R$ = {_fraction(loss[m])}",
        ]
        if inner[m]:
            lines.insert(1, f"hours ≤ {tree.threshold[m]:g}?")
        for child in tree.children[m][tree.children[m] >= 0]:
            ax.plot(
                *zip((across, up), places[child], strict=True),
                color="ink",
                linewidth=1.2,
                zorder=1,
            )
        ax.text(
            across,
            up,
            "\n".join(lines),
            ha="center",
            va="center",
            zorder=2,
            bbox={**BOX, "edgecolor": "C0" if inner[m] else "faint"},
        )
    for m, more in ((0, 3), (1, 2), (3, 1)):
        share, gain = _fraction(loss[m]), _fraction(loss[m] / more)
        weakest = m == 1
        ax.annotate(
            f"{share} for {more}\n$g$ = {gain}",
            places[m],
            (-52, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color="C1" if weakest else "ink",
            fontweight="bold" if weakest else "normal",
        )
    ax.set(xlim=(-0.7, 5.2), ylim=(-0.4, 3.45))
    ax.axis("off")
    return fig


def costs() -> Figure:
    """Draw the cost of the students' four subtrees against alpha."""
    full = _students()
    alpha = np.array([0.0, 0.35])
    subtrees = [
        (full, "4 leaves", "C0", "-"),
        (_without_node_3(full), "3 leaves", "ink", ":"),
        (prune(full, 0.125), "2 leaves", "C1", "--"),
        (prune(full, 0.25), "1 leaf", "C2", "-."),
    ]
    fig, ax = plt.subplots(figsize=(5, 3.6))
    for tree, label, color, style in subtrees:
        cost = [cost_complexity(tree, a) for a in alpha]
        ax.plot(alpha, cost, style, color=color, label=label)
    grid = np.linspace(0, 0.35, 141)
    lowest = [cost_complexity(prune(full, a), a) for a in grid]
    ax.plot(grid, lowest, color="ink", linewidth=6, alpha=0.2, zorder=0)
    for a in cost_complexity_path(full).alphas[1:]:
        ax.axvline(a, color="faint", linewidth=1, zorder=0)
    ax.set(
        xlim=(0, 0.35),
        ylim=(0, 1.0),
        xlabel="$\\alpha$",
        ylabel="$R_\\alpha(T)$",
        xticks=[0, 0.125, 0.25],
        xticklabels=["0", "1/8", "1/4"],
    )
    ax.legend(loc="lower right")
    return fig


def _without_node_3(tree):
    """Return the students' tree with node 3 as a leaf."""
    cheap = tree.impurity.copy()
    cheap[3] = 0.0  # Without impurity, it needs no question.
    cut = prune(tree._replace(impurity=cheap), 0)
    return cut._replace(impurity=tree.impurity[: len(cut.feature)])


@cache
def _diabetes():
    """Return path, alphas between its steps, and cross-validated losses."""
    x, y = load_diabetes(return_X_y=True)
    path = cost_complexity_path(regression_tree(x, y, min_samples_leaf=5))
    between = np.sqrt(path.alphas[:-1] * path.alphas[1:])
    alphas = np.append(between, 2 * path.alphas[-1])
    losses = []
    for train, held_out in k_fold(len(y), 10, np.random.default_rng(1)):
        tree = regression_tree(x[train], y[train], min_samples_leaf=5)
        missed = [
            predict(prune(tree, alpha), x[held_out]) - y[held_out]
            for alpha in alphas
        ]
        losses.append(np.mean(np.stack(missed) ** 2, axis=1))
    return path, summarize(np.stack(losses, axis=1))


def path_of_leaves() -> Figure:
    """Draw the number of leaves against alpha, of a tree on diabetes data."""
    path, _ = _diabetes()
    ends = np.append(path.alphas[1:], 4000.0)
    starts = np.append(0.5, path.alphas[1:])
    fig, ax = plt.subplots(figsize=(5, 3))
    corners = np.stack([starts, ends], axis=1).ravel()
    ax.plot(corners, np.repeat(path.leaves, 2))
    for a, b, leaves in zip(
        starts[-4:], ends[-4:], path.leaves[-4:], strict=True
    ):
        middle = np.sqrt(a * b)
        ax.text(middle, leaves + 1.5, str(leaves), ha="center", va="bottom")
    ax.set(xscale="log", xlim=(0.5, 4000), ylim=(0, 72))
    ax.set(xlabel="$\\alpha$", ylabel="leaves")
    return fig


def errors() -> Figure:
    """Draw training and cross-validated loss against the number of leaves."""
    path, cv = _diabetes()
    best = int(np.argmin(cv.mean))
    limit = cv.mean[best] + cv.standard_error[best]
    last = len(cv.mean) - 1
    backward = [values[::-1] for values in cv]
    chosen = last - one_standard_error(*backward)
    fig, ax = plt.subplots(figsize=(5, 3.6))
    ax.errorbar(
        path.leaves,
        cv.mean / 1000,
        cv.standard_error / 1000,
        color="C1",
        elinewidth=0.8,
        label="cross-validation",
    )
    training = path.impurities / 1000
    ax.plot(path.leaves, training, "--", color="C0", label="training")
    ax.axhline(limit / 1000, color="ink", linewidth=1, linestyle=":")
    for k, marker, label in ((best, "o", "lowest"), (chosen, "s", "chosen")):
        ax.plot(
            path.leaves[k],
            cv.mean[k] / 1000,
            marker,
            color="ink",
            linestyle="none",
            label=f"{label}: {path.leaves[k]} leaves",
            zorder=3,
        )
    ticks = [1, 2, 4, 8, 16, 32, 64]
    ax.set(xscale="log", xlabel="leaves", ylim=(0, 8.6))
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set_ylabel("mean squared error, in thousands")
    ax.legend(loc="upper right", ncols=2)
    return fig
