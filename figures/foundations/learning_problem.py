"""Best constants, three bandwidths, and simple against flexible models."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.foundations.learning_problem import (
    best_constant,
    mean_loss,
    nadaraya_watson,
)

Y = np.array([2.0, 2.0, 4.0, 6.0, 11.0])


def _truth(x):
    """Return the mean wait for x millimetres of rain."""
    return 3 + x + np.sin(x)


def _mornings(rng, n):
    """Return the rain and the wait of n mornings."""
    x = rng.uniform(0, 6, (n, 1))
    return x, _truth(x[:, 0]) + rng.uniform(-3, 3, n)


def best_constants() -> Figure:
    """Draw four mean losses of five waits against the constant."""
    fig, axes = plt.subplots(2, 2, figsize=(5, 4.6), sharex=True)
    c = np.linspace(0, 12, 241)
    for ax, (loss, title, color) in zip(
        axes.flat,
        (
            ("squared", "squared", "C0"),
            ("absolute", "absolute", "C1"),
            ("zero_one", "0–1", "C2"),
            ("pinball", "pinball, $\\tau = 0.75$", "C3"),
        ),
        strict=True,
    ):
        best = best_constant(Y, loss, 0.75)
        least = mean_loss(Y, best, loss, 0.75)
        if loss == "zero_one":
            ax.plot([0, 12], [1, 1], color=color)
            hits = np.unique(Y)
            ax.vlines(
                hits, mean_loss(Y, hits, loss), 1, color=color, linestyle=":"
            )
            ax.plot(hits, np.ones(4), "o", color=color, mfc="paper", ms=5)
            ax.plot(hits, mean_loss(Y, hits, loss), "o", color=color, ms=4)
        else:
            ax.plot(c, mean_loss(Y, c, loss, 0.75), color=color)
        ax.plot(best, least, "o", color="ink", zorder=3)
        ax.annotate(
            f"{best:.0f}",
            (best, least),
            (0, -15),
            textcoords="offset points",
            ha="center",
        )
        ax.set_title(title)
        ax.set_ylim(0, None)
    for ax in axes[1]:
        ax.set(xlabel="constant $c$ in minutes", xticks=np.unique(Y))
    for ax in axes[:, 0]:
        ax.set_ylabel("mean loss")
    return fig


def bandwidths() -> Figure:
    """Draw the weighted mean with three bandwidths over the truth."""
    x, y = _mornings(np.random.default_rng(0), 60)
    grid = np.linspace(0, 6, 301)
    fig, axes = plt.subplots(3, 1, figsize=(5, 6), sharex=True)
    for ax, h in zip(axes, (0.05, 0.5, 3.0), strict=True):
        ax.plot(x, y, "o", color="ink", ms=3, alpha=0.5)
        ax.plot(grid, _truth(grid), "--", color="C1", label="$f^*$")
        found = nadaraya_watson(x, y, grid[:, None], h)
        ax.plot(grid, found, color="C0", label="$\\hat{f}$")
        ax.set(title=f"bandwidth {h:g}", ylim=(0, 12), ylabel="minutes")
        ax.set_yticks([0, 5, 10])
    axes[0].legend(ncols=2, loc="upper left")
    axes[2].set(xlabel="rain in millimetres")
    return fig


def simple_and_flexible() -> Figure:
    """Draw training and test loss of a kernel and a line, few and many."""
    rng = np.random.default_rng(0)
    widths = np.geomspace(0.02, 3, 14)
    query = np.linspace(0.015, 5.985, 200)
    fig, axes = plt.subplots(2, 1, figsize=(5, 5.6), sharex=True)
    for ax, n, repeats in zip(axes, (10, 500), (150, 6), strict=True):
        train, test, line = np.zeros(14), np.zeros(14), 0.0
        for _ in range(repeats):
            x, y = _mornings(rng, n)
            fitted = np.polyval(np.polyfit(x[:, 0], y, 1), query)
            line += np.mean((fitted - _truth(query)) ** 2) / repeats
            for i, h in enumerate(widths):
                f = nadaraya_watson(x, y, query[:, None], h)
                test[i] += np.mean((f - _truth(query)) ** 2) / repeats
                f = nadaraya_watson(x, y, x, h)
                train[i] += np.mean((f - y) ** 2) / repeats
        ax.plot(widths, 3 + test, color="C0", label="kernel, test")
        ax.plot(widths, train, "--", color="C0", label="kernel, training")
        ax.axhline(3 + line, color="C1", label="line, test")
        ax.axhline(3, color="ink", lw=1, ls=":", label="irreducible")
        ax.set(title=f"{n} mornings", xscale="log", ylim=(0, 7), ylabel="loss")
    axes[1].legend(ncols=2, loc="lower right")
    axes[1].set(xlabel="bandwidth $h$ in millimetres")
    axes[1].set_xticks([0.03, 0.1, 0.3, 1, 3], ["0.03", "0.1", "0.3", "1", "3"])
    axes[1].minorticks_off()
    return fig
