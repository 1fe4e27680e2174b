"""Two digits mixed, the weights, and what mixup does to training."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference._datasets import digits
from reference.training.mixup import beta_weights, mixup, one_hot

RESULT = Path(__file__).parents[2] / "experiments/training/mixup.json"
ALPHAS = ["0", "0.2", "1"]


def line() -> Figure:
    """Draw two digits and what lies between them, with labels as bars."""
    data = digits()
    chosen = [list(data.y).index(0), list(data.y).index(7)]
    x = data.x[chosen].reshape(2, 8, 8)
    y = one_hot(data.y[chosen], 10, x.dtype)
    shares = [1.0, 0.75, 0.5, 0.25, 0.0]
    ratios = {"height_ratios": [1.3, 1]}
    fig, axes = plt.subplots(2, 5, figsize=(6.2, 2.5), gridspec_kw=ratios)
    for share, (above, below) in zip(shares, axes.T, strict=True):
        mixed = mixup(x, y, np.array([1, 0]), share)
        grid = {"edgecolors": "faint", "linewidth": 0.4}
        above.pcolormesh(mixed.x[0], cmap="page", vmin=0, vmax=1, **grid)
        above.set(aspect="equal", xticks=[], yticks=[], title=f"{share:g}")
        above.invert_yaxis()
        above.spines[:].set_visible(False)
        heights = mixed.y[0][[0, 7]]
        below.bar([0, 1], heights, color=["C0", "C1"], width=0.6)
        below.set(xticks=[0, 1], xticklabels=["0", "7"], yticks=[])
        below.set(xlim=(-0.7, 1.7), ylim=(0, 1))
        below.spines["left"].set_visible(False)
    fig.suptitle("share of the first picture", fontsize=11)
    return fig


def weights() -> Figure:
    """Draw the density of the weights for three values of alpha."""
    fig, ax = plt.subplots(figsize=(5, 3))
    rng = np.random.default_rng(0)
    for alpha, colour, style, place in (
        (0.2, "C0", "-", (0.13, 4.0)),
        (1.0, "C1", "--", (0.06, 1.3)),
        (8.0, "C2", ":", (0.63, 2.7)),
    ):
        height, edges = np.histogram(
            beta_weights(rng, alpha, 20_000),
            bins=20,
            range=(0, 1),
            density=True,
        )
        ax.stairs(height, edges, color=colour, linestyle=style, linewidth=2)
        ax.annotate(f"$\\alpha = {alpha:g}$", place, color=colour)
    ax.set(xlabel="weight $\\lambda$", ylabel="density", xlim=(0, 1))
    return fig


def training() -> Figure:
    """Draw validation loss, accuracy and confidence over alpha."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, axes = plt.subplots(2, 2, figsize=(5.8, 5), sharex=True, sharey="row")
    place = np.arange(3)
    for column, wrong, title in (
        (axes[:, 0], 0.0, "all labels right"),
        (axes[:, 1], 0.2, "a fifth wrong"),
    ):
        for ax, name, colour, style in (
            (column[0], "validation_loss", "C2", "o-"),
            (column[1], "accuracy", "C0", "o-"),
            (column[1], "confidence", "C1", "s--"),
        ):
            runs = np.array([numbers[f"{wrong}: {a}"][name] for a in ALPHAS])
            ax.plot(place, runs, style[1:], color=colour, lw=0.6, alpha=0.6)
            ax.plot(place, runs.mean(axis=1), style, color=colour, lw=2.2)
        column[0].set_title(title)
        column[1].set(xticks=place, xticklabels=ALPHAS, xlabel="$\\alpha$")
        column[1].set_xlim(-0.2, 2.2)
    axes[0, 0].set_ylabel("validation loss")
    axes[0, 0].set_ylim(bottom=0)
    axes[1, 0].set_ylabel("accuracy, confidence")
    axes[1, 0].annotate("confidence", (0.1, 0.8), color="C1")
    axes[1, 0].annotate("accuracy", (1.2, 0.98), color="C0")
    return fig


def between() -> Figure:
    """Draw the answer on the way from one digit to another."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, ax = plt.subplots(figsize=(5, 3.4))
    shares = np.linspace(0, 1, 11)
    ax.plot(shares, shares, ":", color="ink", linewidth=1.2)
    for alpha, colour, style, label, place in (
        ("0", "C0", "-", "without mixup", (0.3, 0.82)),
        ("1", "C1", "--", "$\\alpha = 1$", (0.68, 0.5)),
    ):
        runs = np.array(numbers[f"0.0: {alpha}"]["between"])
        ax.plot(shares, runs.T, style, color=colour, lw=0.6, alpha=0.6)
        ax.plot(shares, runs.mean(axis=0), style, color=colour, lw=2.2)
        ax.annotate(label, place, color=colour)
    ax.set(xlabel="share of the first digit", xlim=(0, 1), ylim=(0, 1))
    ax.set_ylabel("probability of its class")
    return fig
