"""Thinned networks, and training a wide network with dropout."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.training.dropout import keep_mask

RESULT = Path(__file__).parents[2] / "experiments/training/dropout.json"
SIZES = (3, 5, 2)
HEIGHTS = [np.arange(size) - (size - 1) / 2 for size in SIZES]


def _network(ax, units, weights, title):
    """Draw three layers of units; what is dropped is dotted or missing."""
    for layer, connected in enumerate(weights):
        for a, b in np.ndindex(connected.shape):
            if connected[a, b]:
                ends = HEIGHTS[layer][a], HEIGHTS[layer + 1][b]
                ax.plot([layer, layer + 1], ends, color="ink", linewidth=0.7)
    for layer, heights in enumerate(HEIGHTS):
        on = units[layer]
        place = np.full(len(heights), layer)
        ax.plot(place[on], heights[on], "o", color="C0", markersize=13)
        ax.plot(
            place[~on],
            heights[~on],
            "o",
            markersize=13,
            markerfacecolor="paper",
            markeredgecolor="C1",
            linestyle="none",
        )
        ax.plot(place[~on], heights[~on], "x", color="C1", markersize=8)
    ax.set(title=title, xlim=(-0.3, 2.3), ylim=(-2.5, 2.5))
    ax.set_axis_off()


def thinned() -> Figure:
    """Draw a network whole, with units dropped, and with weights dropped."""
    rng = np.random.default_rng(6)
    every = [np.ones(size, dtype=bool) for size in SIZES]
    full = [np.ones(SIZES[:2], dtype=bool), np.ones(SIZES[1:], dtype=bool)]
    fig, axes = plt.subplots(2, 2, figsize=(5.6, 4.6))
    _network(axes[0, 0], every, full, "inference: whole")
    masks = keep_mask(rng.random((2, SIZES[1])), 0.5)
    for ax, kept, step in zip(axes.flat[1:], masks, (1, 2), strict=False):
        thin = [full[0] & kept, full[1] & kept[:, None]]
        _network(ax, [every[0], kept, every[2]], thin, f"dropout: step {step}")
    lost = [keep_mask(rng.random(w.shape), 0.5) for w in full]
    _network(axes[1, 1], every, lost, "DropConnect")
    return fig


def training() -> Figure:
    """Draw the validation loss over p for two learning rates, run by run."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    p = numbers["p"]
    fig, axes = plt.subplots(1, 2, figsize=(6.2, 3.6), sharey=True)
    for ax, rate, last, lowest in zip(
        axes,
        numbers["rate"],
        np.array(numbers["validation_loss"]),
        np.array(numbers["lowest_validation_loss"]),
        strict=True,
    ):
        ax.plot(p, last, ".-", color="C1", linewidth=0.6, alpha=0.6)
        ax.plot(p, last.mean(axis=1), "o-", color="C1", label="last epoch")
        ax.plot(p, lowest.mean(axis=1), "s--", color="C0", label="lowest")
        ax.set(xlabel="p", title=f"learning rate {rate}", xticks=p)
        ax.set(yscale="log", yticks=[0.4, 0.6, 1, 1.6])
        ax.set_yticklabels(["0.4", "0.6", "1", "1.6"])
        ax.minorticks_off()
    axes[0].set_ylabel("validation loss")
    axes[1].legend(loc="upper left")
    return fig
