"""An Inception module as boxes; what its reductions save."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

RESULT = Path(__file__).parents[2] / "experiments/convolution/googlenet.json"
WIDTH, HEIGHT = 0.86, 0.72  # of a box


def module() -> Figure:
    """Draw the branches of module 3a, from the top to the bottom."""
    c, c1, (r3, c3), (r5, c5), pool = _numbers()["3a"]["widths"]
    fig, ax = plt.subplots(figsize=(5.2, 4.2))
    branches = [
        [(1.3, "1 × 1", c1, False)],
        [(2.6, "1 × 1", r3, True), (1.3, "3 × 3", c3, False)],
        [(2.6, "1 × 1", r5, True), (1.3, "5 × 5", c5, False)],
        [(2.6, "pool 3 × 3", c, False), (1.3, "1 × 1", pool, True)],
    ]
    bar = {"facecolor": "none", "edgecolor": "ink"}
    left, wide = -WIDTH / 2, 3 + WIDTH
    ax.add_patch(Rectangle((left, 3.9), wide, 0.5, **bar))
    ax.text(1.5, 4.15, f"input: {c}", ha="center", va="center")
    for column, branch in enumerate(branches):
        above = 3.9
        for low, name, channels, shaded in branch:
            _box(ax, column, low, name, channels, shaded)
            _arrow(ax, column, above, low + HEIGHT)
            above = low
        _arrow(ax, column, above, 0.5)
    ax.add_patch(Rectangle((left, 0), wide, 0.5, **bar))
    total = c1 + c3 + c5 + pool
    text = f"concatenated: {c1} + {c3} + {c5} + {pool} = {total}"
    ax.text(1.5, 0.25, text, ha="center", va="center")
    ax.set(xlim=(-0.5, 3.5), ylim=(-0.1, 4.5))
    ax.set_axis_off()
    return fig


def cost() -> Figure:
    """Draw the multiply-adds of all modules with and without reduction."""
    fig, ax = plt.subplots(figsize=(5.2, 4.6))
    numbers = _numbers()
    for row, found in enumerate(numbers.values()):
        straight, reduced = found["straight"] / 1e6, found["reduced"] / 1e6
        ax.barh(row - 0.2, straight, 0.36, color="C1")
        ax.barh(row + 0.2, reduced, 0.36, color="C0")
        ax.text(reduced + 8, row + 0.2, f"{reduced:.0f}", va="center")
    ax.text(480, 6.9, "straight", color="C1", va="center")
    ax.text(480, 7.5, "reduced first", color="C0", va="center")
    ax.set_yticks(np.arange(len(numbers)), numbers)
    ax.invert_yaxis()
    ax.set(xlabel="multiply-adds, in millions", ylabel="module")
    ax.tick_params(axis="y", length=0)
    return fig


def _numbers():
    """Return widths and multiply-adds of every module."""
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def _box(ax, column, low, name, channels, shaded):
    """Draw a layer with its name and the channels that come out of it."""
    face = "faint" if shaded else "none"
    corner = (column - WIDTH / 2, low)
    ax.add_patch(Rectangle(corner, WIDTH, HEIGHT, fc=face, ec="ink"))
    for share, text in ((0.7, name), (0.3, channels)):
        ax.text(column, low + share * HEIGHT, text, ha="center", va="center")


def _arrow(ax, column, start, end):
    """Draw an arrow down a column."""
    line = {"arrowstyle": "-|>", "color": "ink", "linewidth": 1}
    ax.annotate("", (column, end), (column, start), arrowprops=line)
