"""All subsets and the searches through them, sizes, and stagewise paths."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

from reference.generalization.subset_selection import (
    all_rss,
    backward_stepwise,
    best_subset,
    forward_stagewise,
    forward_stepwise,
)

X = np.array([[1.0, 1, 4], [1, -1, 0], [-1, 1, -2], [-1, -1, -2]])
Y = np.array([8.0, 6, 4, 2])


def pencil() -> Figure:
    """Draw the RSS of the eight subsets of the example, and two paths."""
    rss = all_rss(X, Y)
    bits = np.arange(8)
    sizes = np.bitwise_count(bits)
    fig, ax = plt.subplots(figsize=(5, 3.8))
    for i in bits:
        for d in range(3):
            j = i | 1 << d
            ax.plot(sizes[[i, j]], rss[[i, j]], color="faint", lw=1)
    for search, style, label, width in (
        (forward_stepwise, "C0-", "forward", 2.5),
        (backward_stepwise, "C1--", "backward", 2.5),
    ):
        ax.plot(range(4), search(X, Y).rss, style, label=label, lw=width)
    ax.plot(sizes, rss, "o", color="ink", markersize=5, clip_on=False)
    ax.plot(
        range(4),
        best_subset(X, Y).rss,
        "o",
        color="C2",
        markersize=11,
        clip_on=False,
        fillstyle="none",
        label="best of its size",
    )
    for i, place in (
        (0, (10, 2)),
        (1, (6, 4)),
        (2, (10, 2)),
        (3, (9, 5)),
        (4, (-16, -12)),
        (5, (10, 2)),
        (6, (8, 3)),
        (7, (12, 14)),
    ):
        inside = ", ".join(str(d + 1) for d in range(3) if i >> d & 1)
        ax.annotate(
            "{" + inside + "}",
            (sizes[i], rss[i]),
            place,
            textcoords="offset points",
            ha="left" if i in (0, 1, 2, 3, 5, 6) else "center",
        )
    ax.set(xlabel="number of variables", ylabel="RSS", xticks=range(4))
    ax.set_yscale("function", functions=(np.sqrt, np.square))
    ax.set(xlim=(-0.15, 3.35), ylim=(0, 22), yticks=[0, 1, 2, 4, 8, 16, 20])
    ax.legend()
    return fig


def diabetes() -> Figure:
    """Draw the RSS of the 1024 subsets of the diabetes data."""
    x, y = load_diabetes(return_X_y=True)
    rss = all_rss(x, y)
    rss = rss / rss[0]
    sizes = np.bitwise_count(np.arange(len(rss)))
    shift = np.random.default_rng(0).uniform(-0.3, 0.3, len(rss))
    seen = (rss < 0.7) & (sizes > 0)
    fig, ax = plt.subplots(figsize=(5, 3.6))
    ax.plot((sizes + shift)[seen], rss[seen], ".", color="faint", markersize=4)
    for search, style, label, size in (
        (best_subset, "C2-o", "best subset", 4),
        (forward_stepwise, "C0x", "forward", 11),
        (backward_stepwise, "C1+", "backward", 13),
    ):
        found = search(x, y).rss
        ax.plot(
            range(1, 11),
            found[1:] / found[0],
            style,
            label=label,
            markersize=size,
            lw=1.5,
        )
    ax.set(xlabel="number of variables", xticks=range(1, 11))
    ax.set(ylabel="RSS, share of that of none", ylim=(0.47, 0.7))
    ax.legend()
    return fig


def paths() -> Figure:
    """Draw coefficients of the diabetes data as they grow, in two ways."""
    data = load_diabetes()
    x, y, names = data.data, data.target, data.feature_names
    fig, axes = plt.subplots(2, 1, figsize=(5, 5.6), sharex=True, sharey=True)
    for ax, title, beta in (
        (axes[0], "forward stepwise", forward_stepwise(x, y).beta),
        (axes[1], "stagewise", forward_stagewise(x, y, 0.5, 400).beta),
    ):
        gamma = beta * np.std(x, axis=0)
        norm = np.sum(np.abs(gamma), axis=1)
        for d in range(10):
            ax.plot(norm, gamma[:, d], color="faint", lw=1.5)
        for name, style in (
            ("bmi", "C0-"),
            ("s5", "C1--"),
            ("bp", "C2-."),
            ("sex", "C4:"),
        ):
            ax.plot(norm, gamma[:, names.index(name)], style, label=name)
        ax.set_title(title)
        ax.set(ylabel="coefficient per sd", xlim=(0, 125))
    axes[0].legend(ncols=4, loc="lower left")
    axes[1].set(xlabel="sum of the absolute coefficients")
    return fig


def held_out() -> Figure:
    """Draw the error on old and new data against the number of variables."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2040, 15))
    y = x[:, :3].sum(axis=1) + 2 * rng.normal(size=2040)
    fit = forward_stepwise(x[:40], y[:40])
    answers = fit.intercept + x[40:] @ fit.beta.T
    new = np.mean((y[40:, None] - answers) ** 2, axis=0)
    fig, ax = plt.subplots()
    ax.plot(fit.rss / 40, "C0o--", label="40 examples of the fit", markersize=5)
    ax.plot(new, "C1o-", label="2000 new examples", markersize=5)
    best = int(np.argmin(new))
    ax.plot(best, new[best], "o", color="ink", fillstyle="none", markersize=12)
    ax.set(xlabel="number of variables", ylabel="mean squared error")
    ax.set(ylim=(0, 7))
    ax.legend(loc="lower left")
    return fig
