"""Which row finds its partner; how few labels are enough afterwards."""

import json
from math import log
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.beyond_supervision.simclr import pair_logits
from reference.classification.softmax_regression import softmax

RESULT = Path(__file__).parents[2] / "experiments/beyond_supervision"
WAYS = {
    "pre-trained": ("C0", "o", "-"),
    "raw pixels": ("C1", "s", "--"),
    "random encoder": ("C2", "^", ":"),
    "supervised": ("C3", "D", "-."),
    "fine-tuned": ("C4", "v", (0, (5, 1, 1, 1, 1, 1))),
}


def _numbers() -> dict:
    path = RESULT / "simclr.json"
    return json.loads(path.read_text(encoding="utf-8"))["numbers"]


def pencil() -> Figure:
    """Draw the example's four directions and who takes whom for a partner."""
    a, b = np.array([[2.0, 0], [0, 3]]), np.array([[1.0, 0], [-1, 0]])
    p = softmax(pair_logits(a, b, temperature=1 / log(2)))
    fig, axes = plt.subplots(1, 2, figsize=(6, 2.9))
    circle = np.linspace(0, 2 * np.pi, 100)
    axes[0].plot(np.cos(circle), np.sin(circle), color="faint")
    names = ["$a_1$", "$a_2$", "$b_1$", "$b_2$"]
    for row, name, lift in zip((*a, *b), names, (0.2, 0, -0.2, 0), strict=True):
        u = row / np.linalg.norm(row)
        colour = "C0" if name.endswith("1$") else "C1"
        dash = "-" if name.endswith("1$") else "--"
        axes[0].plot([0, u[0]], [0, u[1]], color=colour, linestyle=dash)
        axes[0].plot(*u, "o", color=colour)
        axes[0].annotate(
            name, 1.25 * u + (0, lift), ha="center", va="center", color=colour
        )
    axes[0].set(aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.3, 1.6))
    axes[0].axis("off")
    _cells(axes[1], p, 0, 1)
    words = [
        ["", "2/7", "4/7", "1/7"],
        ["1/3", "", "1/3", "1/3"],
        ["4/7", "2/7", "", "1/7"],
        ["1/4", "1/2", "1/4", ""],
    ]
    for i, row in enumerate(words):
        for j, word in enumerate(row):
            axes[1].annotate(word, (j + 0.5, i + 0.5), ha="center", va="center")
    axes[1].set_xticks(np.arange(4) + 0.5, names)
    axes[1].set_yticks(np.arange(4) + 0.5, names)
    axes[1].set(xlabel="partner?", ylabel="row")
    return fig


def similarities() -> Figure:
    """Draw the similarities of two views of ten digits, before and after."""
    tables = _numbers()["similarity"]
    fig, axes = plt.subplots(2, figsize=(4.2, 7.6))
    for ax, name in zip(axes, ("before", "after"), strict=True):
        _cells(ax, np.array(tables[name]), -1, 1, "page_diverging")
        ticks, labels = np.arange(20) + 0.5, [str(k % 10) for k in range(20)]
        ax.set_xticks(ticks, labels, fontsize=9)
        ax.set_yticks(ticks, labels, fontsize=9)
        ax.set_title(f"{name} pre-training")
        ax.set(ylabel="views a, then views b")
    return fig


def _cells(ax, table, low, high, cmap="page") -> None:
    """Draw a table of 2N rows; frame the cells of the partners."""
    n = len(table) // 2
    grid = {"edgecolors": "faint", "linewidth": 0.5}
    ax.pcolormesh(table, cmap=cmap, vmin=low, vmax=high, **grid)
    for i in range(2 * n):
        corner = ((i + n) % (2 * n), i)
        ax.add_patch(
            plt.Rectangle(corner, 1, 1, fill=False, edgecolor="ink", lw=1.6)
        )
    ax.set(aspect="equal")
    ax.invert_yaxis()
    ax.spines[:].set_visible(False)


def accuracy() -> Figure:
    """Draw accuracy over the number of labels, a point per seed."""
    numbers = _numbers()
    counts = np.array(numbers["counts"])
    fig, axes = plt.subplots(2, sharex=True, sharey=True, figsize=(5.2, 7))
    for row, ax in enumerate(axes):
        for k, (way, (colour, marker, dash)) in enumerate(WAYS.items()):
            values = np.array(numbers["accuracy"][way][row])
            x = counts * 1.06 ** (k - 2)
            ax.plot(x, values, marker, color=colour, alpha=0.6, ms=4.5, mew=0)
            ax.plot(x, values.mean(1), color=colour, ls=dash, label=way)
        ax.grid(axis="y", color="faint")
        ax.set(ylabel="accuracy", ylim=(0.1, 1))
    axes[0].set_title("digits as they are")
    axes[1].set_title("digits moved by up to a pixel")
    axes[1].set_xscale("log")
    axes[1].set_xticks(counts, [str(c) for c in counts])
    axes[1].minorticks_off()
    axes[1].set_xlabel("labelled digits")
    axes[0].legend(loc="lower right")
    return fig
