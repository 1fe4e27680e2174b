"""Nine trials in two ways, a Gaussian process, and three searches replayed."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.training.hyperparameter_search import (
    expected_improvement,
    gaussian_process,
    grid,
)

RESULT = (
    Path(__file__).parents[2]
    / "experiments/training/hyperparameter_search.json"
)


def _numbers() -> dict:
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def nine_trials() -> Figure:
    """Draw nine trials on a grid and nine at random, and what they see."""
    side = np.array([1.0, 3.0, 5.0]) / 6
    placed = {
        "grid": grid(side, side),
        "random": np.random.default_rng(3).random((9, 2)),
    }
    x = np.linspace(0, 1, 200)

    def loss(a):
        """Return a loss that depends on one hyperparameter only."""
        return 1 - np.exp(-(((a - 0.33) / 0.09) ** 2))

    fig, axes = plt.subplots(
        2, 2, figsize=(5, 3.9), sharex=True, height_ratios=[1, 2]
    )
    for (above, below), (name, points) in zip(
        axes.T, placed.items(), strict=True
    ):
        above.plot(x, loss(x), color="ink", lw=1)
        above.plot(
            points[:, 0], loss(points[:, 0]), "o", color="C1", clip_on=False
        )
        below.vlines(points[:, 0], 0, 1, color="faint", lw=1)
        below.plot(*points.T, "o", color="C0", clip_on=False)
        above.set_title(name)
        above.set(yticks=[], ylim=(-0.15, 1.15))
        below.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
        below.set_xlabel("the one that matters")
    axes[0, 0].set_ylabel("loss")
    axes[1, 0].set_ylabel("the other one")
    return fig


def where_next() -> Figure:
    """Draw posterior and expected improvement after four trials."""
    new = np.linspace(0, 1, 201)[:, None]

    def loss(a):
        return np.sin(9 * a) * (1.2 - a)

    x = np.array([[0.08], [0.36], [0.62], [0.95]])
    y = loss(x[:, 0])
    mean, std = gaussian_process(x, y, new, 0.16, noise=0.01)
    gain = expected_improvement(mean, std, float(y.min()))
    place, best = new[:, 0], int(np.argmax(gain))
    fig, (top, bottom) = plt.subplots(
        2, 1, figsize=(5, 4.2), sharex=True, height_ratios=[2, 1]
    )
    top.fill_between(
        place, mean - 2 * std, mean + 2 * std, alpha=0.2, color="C0", lw=0
    )
    top.plot(place, mean, color="C0", label="mean, with 2 std")
    top.plot(place, loss(place), "--", color="ink", lw=1, label="true loss")
    top.plot(x[:, 0], y, "o", color="ink", label="trials")
    top.axhline(y.min(), color="C2", ls=":", lw=1.5, label="best so far")
    top.set(ylabel="loss", ylim=(-2.3, 3.4))
    top.legend(ncols=2, loc="upper center")
    bottom.fill_between(place, gain, alpha=0.3, color="C1", lw=0)
    bottom.plot(place, gain, color="C1")
    top.axvline(place[best], ymax=0.7, color="C1", lw=1)
    bottom.axvline(place[best], color="C1", lw=1)
    bottom.annotate(
        "next trial",
        (place[best], gain[best]),
        (-76, -12),
        textcoords="offset points",
    )
    bottom.set(
        xlabel="hyperparameter", ylabel="expected gain", xlim=(0, 1), yticks=[]
    )
    return fig


def mistakes() -> Figure:
    """Draw the share of mistakes of every learning rate and weight decay."""
    table = np.array(_numbers()["table"]) / 1080
    fig, ax = plt.subplots(figsize=(5, 3.2))
    mesh = ax.pcolormesh(
        np.linspace(-3, 1, table.shape[0]),
        np.linspace(-5, -1, table.shape[1]),
        np.log10(table.T),
        cmap="page",
        vmin=np.log10(0.07),
        vmax=0,
    )
    bar = fig.colorbar(mesh, label="mistakes")
    shares = [0.08, 0.2, 0.4, 0.9]
    bar.set_ticks(np.log10(shares), labels=[f"{100 * s:.0f} %" for s in shares])
    rate, decay = np.unravel_index(table.argmin(), table.shape)
    ax.plot(
        np.linspace(-3, 1, table.shape[0])[rate],
        np.linspace(-5, -1, table.shape[1])[decay],
        "x",
        color="ink",
        ms=9,
    )
    ax.set(
        xlabel="learning rate",
        ylabel="weight decay",
        xticks=range(-3, 2),
        yticks=range(-5, 0),
    )
    ax.set_xticklabels(["0.001", "0.01", "0.1", "1", "10"])
    ax.set_yticklabels([f"$10^{{{k}}}$" for k in range(-5, 0)])
    return fig


def best_so_far() -> Figure:
    """Draw the fewest mistakes so far of three searches, with their spread."""
    numbers = _numbers()
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    for name, colour, style, label in (
        ("bayesian", "C0", "-", "Bayesian"),
        ("random", "C1", "--", "random"),
    ):
        low, median, high = np.array(numbers[name]) / 10.8
        trial = np.arange(1, len(median) + 1)
        ax.fill_between(trial, low, high, color=colour, alpha=0.15, lw=0)
        for edge in (low, high):
            ax.plot(trial, edge, style, color=colour, lw=0.8)
        ax.plot(trial, median, style, color=colour, lw=2.5, label=label)
    low, median, high = np.array(numbers["grid"]) / 10.8
    ax.errorbar(
        np.array([4, 9, 16, 25]),
        median,
        [median - low, high - median],
        fmt="s",
        color="C2",
        capsize=4,
        lw=1.5,
        label="grid",
    )
    ax.set(yscale="log", ylim=(7, 100), xlim=(0.5, 25.7), xlabel="trials")
    ax.set(ylabel="fewest mistakes so far", xticks=[1, 5, 10, 15, 20, 25])
    ax.set_yticks(
        [8, 10, 20, 40, 80], labels=["8 %", "10 %", "20 %", "40 %", "80 %"]
    )
    ax.minorticks_off()
    ax.legend()
    return fig
