"""A tree beside a forest, the variance of means of trees, the test error."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference._datasets import digits
from reference.trees.bootstrap import bootstrap_sample
from reference.trees.decision_tree import classification_tree, regression_tree
from reference.trees.random_forest import (
    average,
    bagging,
    correlated_mean_variance,
    out_of_bag,
    predict,
    random_forest,
)


def tree_and_forest() -> Figure:
    """Draw where one tree and 100 trees answer with which class."""
    rng = np.random.default_rng(3)
    y = np.arange(120) % 2
    angle = np.pi * rng.random(120)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = np.where(y[:, None] == 1, [1.0, 0.5] - x, x)
    x += 0.3 * rng.normal(size=x.shape)
    everything = np.arange(120)[None]
    models = {
        "one tree": bagging(classification_tree, x, y, everything),
        "forest of 100": random_forest(classification_tree, x, y, 100, rng),
    }
    fig, axes = plt.subplots(1, 2, figsize=(5.6, 3.2), sharey=True)
    for ax, (name, forest) in zip(axes, models.items(), strict=True):
        across, up = np.linspace(-2.1, 2.8, 160), np.linspace(-1.4, 1.9, 110)
        grid = np.stack(np.meshgrid(across, up), axis=-1)
        share = average(forest, grid.reshape(-1, 2))[:, 1].reshape(110, 160)
        for c, part in enumerate((1 - share, share)):
            for least in (0.5, 0.8):
                shade = {"colors": [f"C{c}"], "alpha": 0.16}
                ax.contourf(across, up, part, [least, 2], **shade)
        ax.contour(across, up, share, [0.5], colors="ink", linewidths=1.2)
        for c, marker in enumerate("o^"):
            ax.plot(
                *x[y == c].T,
                marker,
                color=f"C{c}",
                markersize=5,
                mec="paper",
                mew=0.7,
            )
        ax.set(title=name, xlabel="feature 1", xticks=[-1, 0, 1, 2])
    axes[0].set(ylabel="feature 2", yticks=[-1, 0, 1])
    return fig


def variance_of_the_mean() -> Figure:
    """Draw the measured variance of the mean of 1 to 16 trees, and eq. 1."""
    fig, ax = plt.subplots(figsize=(5, 3.4))
    counts = np.array([1, 2, 4, 8, 16])
    for m, name, color, style in (
        (5, "all 5 features", "C1", "s"),
        (1, "1 feature a split", "C0", "o"),
    ):
        said = _said_by_trees(m)
        found = [np.mean(said[:, :b].mean(axis=1) ** 2) for b in counts]
        sigma2 = np.mean(said**2)
        rho = (found[-1] / sigma2 * 16 - 1) / 15
        ax.plot(counts, found, style, color=color, label=name)
        for correlation, line in ((rho, "-"), (0.0, ":")):
            ax.plot(
                counts,
                [
                    correlated_mean_variance(correlation, sigma2, b)
                    for b in counts.tolist()
                ],
                line,
                color=color,
            )
        ax.axhline(rho * sigma2, color=color, lw=1, ls="--")
        label = f"limit $\\rho\\sigma^2$, $\\rho = {rho:.2f}$"
        ax.text(0.95, 1.04 * rho * sigma2, label, color=color, va="bottom")
    ax.text(7.5, 0.28, "if independent", ha="right", va="center")
    ax.set(xscale="log", yscale="log", xlim=(0.9, 18), ylim=(0.2, 8))
    ax.set(xlabel="trees $B$", ylabel="variance of their mean")
    ax.set_xticks(counts, [str(b) for b in counts])
    ax.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    ax.minorticks_off()
    ax.legend(loc="upper right")
    return fig


@cache
def _said_by_trees(m):
    """Return what 16 trees of each of 70 data sets say, minus the mean."""
    rng = np.random.default_rng(1)
    queries = rng.uniform(size=(30, 5))
    said = np.zeros((70, 16, 30))
    for k in range(70):
        x = rng.uniform(size=(30, 5))
        y = 10 * x[:, 0] + 5 * x[:, 1] + rng.normal(size=30)
        forest = random_forest(
            regression_tree, x, y, 16, rng, max_features=m, max_depth=2
        )
        for b, tree in enumerate(forest.trees):
            one = forest._replace(trees=(tree,))
            said[k, b] = average(one, queries)
    return said - said.mean(axis=(0, 1))


def error_curves() -> Figure:
    """Draw the mistakes on digits against the number of trees."""
    data, most = digits(test=1597), 40
    data = data._replace(x_test=data.x_test[:600], y_test=data.y_test[:600])
    grow, rng = classification_tree, np.random.default_rng(0)
    samples = bootstrap_sample(len(data.x), rng, most)
    bagged = bagging(grow, data.x, data.y, samples)
    forest = random_forest(grow, data.x, data.y, most, rng)
    tree = bagging(grow, data.x, data.y, np.arange(len(data.x))[None])
    alone = np.mean(predict(tree, data.x_test) != data.y_test)
    counts = np.array([1, 2, 3, 4, 6, 8, 12, 16, 20, 30, 40])
    fig, ax = plt.subplots(figsize=(5, 3.4))
    ax.axhline(100 * alone, color="ink", ls=":", label="one tree, all data")
    for model, color, style, name in (
        (bagged, "C1", "s--", "bagging"),
        (forest, "C0", "o-", "random forest"),
    ):
        parts = [model._replace(trees=model.trees[:b]) for b in counts]
        wrong = [np.mean(predict(p, data.x_test) != data.y_test) for p in parts]
        ax.plot(counts, 100 * np.array(wrong), style, color=color, label=name)
    wrong = []
    for b in counts[4:]:
        part = type(forest)(forest.trees[:b], forest.counts[:b])
        value = out_of_bag(part, data.x)
        known = ~np.isnan(value[:, 0])
        answer = np.argmax(value[known], axis=1)
        wrong.append(100 * np.mean(answer != data.y[known]))
    name = "forest, out-of-bag"
    ax.plot(counts[4:], wrong, "^-.", color="C2", lw=1.2, label=name)
    ax.set(xscale="log", xlabel="trees $B$", ylabel="mistakes in %")
    ax.set(ylim=(0, 55))
    ticks = [1, 2, 4, 8, 20, 40]
    ax.set_xticks(ticks, [str(b) for b in ticks])
    ax.minorticks_off()
    ax.legend()
    return fig
