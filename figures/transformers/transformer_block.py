"""A block in both orders, and how stacks of either train."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

RESULT = (
    Path(__file__).parents[2]
    / "experiments/transformers/transformer_block.json"
)
ARROW = {"arrowstyle": "-|>", "color": "ink", "shrinkA": 0, "shrinkB": 0}


def _box(ax, x, y, text, colour):
    corner, width, height = (x - 1.65, y - 0.45), 3.3, 0.9
    ax.add_patch(Rectangle(corner, width, height, fc="paper", lw=0, zorder=2))
    ax.add_patch(
        Rectangle(corner, width, height, fc=colour, alpha=0.3, lw=0, zorder=3)
    )
    ax.add_patch(
        Rectangle(corner, width, height, fill=False, ec="ink", zorder=4)
    )
    ax.annotate(text, (x, y), ha="center", va="center", zorder=5)


def _order(ax, title, side, behind):
    """Draw the stream upwards; `side` are the boxes of a side way."""
    stream, way = 1.6, 5.2
    ax.plot([stream, stream], [0.6, 13.2], color="ink", lw=3, zorder=1)
    ax.plot(stream, 13.2, "^", color="ink", ms=9)
    ax.annotate("$x$", (stream, 0.35), ha="center", va="top")
    ax.annotate("$y$", (stream, 13.6), ha="center", va="bottom")
    for low, part in ((1.1, "attention"), (7.1, "feed-forward")):
        high = low + 4.1
        path = [(stream, low), (way, low), (way, high)]
        ax.plot(*zip(*path, strict=True), color="ink", lw=1.2, zorder=1)
        end = (stream + 0.45, high)
        ax.annotate("", end, (way, high), arrowprops=ARROW)
        heights = (low + 1.35, low + 2.75) if side else (low + 2.05,)
        for y, text in zip(heights, (*side, part), strict=True):
            _box(ax, way, y, text, "C1" if text == "LN" else "C0")
        ax.plot(stream, high, "o", ms=17, mfc="paper", mec="ink", zorder=2)
        ax.annotate(
            "+", (stream, high), ha="center", va="center", fontsize=15, zorder=3
        )
        for text in behind:
            _box(ax, stream, high + 1.1, text, "C1")
    ax.set(xlim=(-0.1, 7), ylim=(-0.6, 14.6), title=title)
    ax.axis("off")


def orders() -> Figure:
    """Draw the two parts of a block on its stream, in pre- and post-norm."""
    fig, axes = plt.subplots(1, 2, figsize=(5, 4.6))
    _order(axes[0], "pre-norm", ("LN",), ())
    _order(axes[1], "post-norm", (), ("LN",))
    return fig


def training() -> Figure:
    """Draw the training loss of every run, and the means."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, axes = plt.subplots(2, 1, figsize=(5, 5), sharex=True, sharey=True)
    for ax, order in zip(axes, ("pre", "post"), strict=True):
        for warm, colour, dash, label in (
            (0, "C1", "--", "constant rate"),
            (40, "C0", "-", "warm-up"),
        ):
            loss = np.array(numbers[f"{order}, {warm}, 0.003"])
            epochs = np.arange(1, loss.shape[1] + 1)
            ax.plot(
                epochs, loss.T, dash, color=colour, linewidth=0.7, alpha=0.6
            )
            ax.plot(epochs, loss.mean(0), dash, color=colour, label=label)
        ax.set(title=f"{order}-norm", ylabel="training loss", ylim=(0, 2.6))
    axes[1].set(xlabel="epoch", xticks=[1, 5, 10, 15, 20])
    axes[0].legend(loc="upper right")
    return fig
