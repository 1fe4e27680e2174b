"""A dense block as rows of maps; accuracy by size; weights by source."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

RESULT = Path(__file__).parents[2] / "experiments/convolution/densenet.json"
START, GROWTH, LAYERS = 4, 2, 3


def block() -> Figure:
    """Draw what each layer of the pencil example reads and adds."""
    fig, ax = plt.subplots(figsize=(5, 3.9))
    step = 2.3
    for row in range(LAYERS + 1):
        low, count = -row * step, START + row * GROWTH
        for c in range(count):
            made = max(0, (c - START) // GROWTH + 1)
            new = row > 0 and made == row
            alpha = 0.55 if new else 0.15
            colour = f"C{made}"
            corner = (c + 0.06, low)
            ax.add_patch(Rectangle(corner, 0.88, 0.88, fc=colour, alpha=alpha))
            ax.add_patch(Rectangle(corner, 0.88, 0.88, fill=False, ec="ink"))
            ax.text(c + 0.5, low + 0.42, made, ha="center", va="center")
        ax.text(-0.3, low + 0.42, f"{count}", ha="right", va="center")
        if row < LAYERS:
            _reads(ax, low, count, row + 1)
    ax.set(xlim=(-1.2, 10.1), ylim=(-LAYERS * step - 0.1, 1.7))
    ax.text(-0.3, 1.25, "maps", ha="right", va="center")
    ax.set_axis_off()
    return fig


def _reads(ax, low, count, layer):
    """Draw the bracket below all maps and the arrow to the new ones."""
    edge = low - 0.3
    path = [(0.1, low - 0.1), (0.1, edge), (count - 0.1, edge)]
    path.append((count - 0.1, low - 0.1))
    ax.plot(*zip(*path, strict=True), color="ink", lw=1)
    middle, end = count / 2, count + GROWTH / 2
    ax.plot([middle, middle], [edge, low - 0.85], color="ink", lw=1)
    ax.plot([middle, end], [low - 0.85] * 2, color="ink", lw=1)
    line = {"arrowstyle": "-|>", "color": "ink", "lw": 1, "shrinkA": 0}
    ax.annotate("", (end, low - 1.4), (end, low - 0.85), arrowprops=line)
    ax.text(middle - 0.2, low - 0.85, f"layer {layer}", ha="right", va="center")


def sizes() -> Figure:
    """Draw the accuracy of every run over the number of parameters."""
    fig, ax = plt.subplots(figsize=(5, 3))
    for kind, colour, mark, dash in (
        ("dense", "C0", "o", "-"),
        ("residual", "C1", "s", "--"),
    ):
        found = _numbers()[kind]
        x = np.array([network["parameters"] for network in found]) / 1000
        y = 100 * np.array([network["accuracy"] for network in found])
        ax.semilogx(x, y, mark, color=colour, ms=4, alpha=0.6)
        label = {"dense": "concatenated", "residual": "added"}[kind]
        ax.semilogx(x, y.mean(axis=1), dash, color=colour, label=label)
    ax.minorticks_off()
    ax.set_xticks([5, 10, 20, 40, 80], ["5", "10", "20", "40", "80"])
    ax.set_yticks([80, 85, 90, 95])
    ax.set(xlabel="parameters, in thousands", ylabel="right answers, %")
    ax.legend(loc="lower center")
    return fig


def reuse() -> Figure:
    """Draw how strongly each layer weighs each source, before and after."""
    fig, axes = plt.subplots(2, 1, figsize=(5, 6.2))
    for ax, name in zip(axes, ("untrained", "trained"), strict=True):
        runs = [run[name] for run in _numbers()["reuse"]]
        count = len(runs[0])
        mean = np.full((count, count), np.nan)
        for i, rows in enumerate(zip(*runs, strict=True)):
            mean[i, : i + 1] = np.mean(rows, axis=0)
        shown = np.ma.masked_invalid(mean - 1)
        grid = {"edgecolors": "faint", "linewidth": 0.5}
        ax.pcolormesh(shown, cmap="page_diverging", vmin=-1.6, vmax=1.6, **grid)
        for i, j in np.argwhere(np.isfinite(mean)):
            text = f"{mean[i, j]:.1f}"
            ax.text(j + 0.5, i + 0.53, text, ha="center", va="center")
        ax.invert_yaxis()
        ax.set_xticks(np.arange(count) + 0.5, ["input", *range(1, count)])
        users = [*(f"layer {i + 1}" for i in range(count - 1)), "classifier"]
        ax.set_yticks(np.arange(count) + 0.5, users)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.set(title=name)
    axes[1].set(xlabel="source: the block's input, or a layer")
    return fig


def _numbers():
    """Return what the experiment measured."""
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
