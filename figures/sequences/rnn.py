"""What goes in and out over time, a memory of one unit, and reviews."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.sequences.rnn import rnn

RESULT = Path(__file__).parents[2] / "experiments/sequences/rnn.json"
SHAPES = [  # title, left end, steps, where inputs and outputs are
    ("one-to-one", (0, 1), 1, [0], [0]),
    ("one-to-many", (2, 1), 3, [0], [0, 1, 2]),
    ("many-to-one", (5.8, 1), 3, [0, 1, 2], [2]),
    ("many-to-many, aligned", (0, 0), 3, [0, 1, 2], [0, 1, 2]),
    ("many-to-many, two networks", (4.2, 0), 5, [0, 1, 2], [3, 4]),
]


def _arrow(ax, start, end, style="-"):
    """Draw an arrow between two places."""
    arrow = {"arrowstyle": "->", "color": "ink", "linestyle": style}
    ax.annotate("", end, start, arrowprops={**arrow, "linewidth": 1.1})


def _boxes(ax, x, y, colour, label):
    """Draw a box with a letter in it."""
    box = plt.Rectangle(
        (x - 0.27, y - 0.27), 0.54, 0.54, facecolor="paper", edgecolor=colour
    )
    box.set_linewidth(1.8)
    ax.add_patch(box)
    ax.text(x, y, f"${label}$", ha="center", va="center")


def shapes() -> Figure:
    """Draw inputs, hidden states and outputs of five kinds of task."""
    fig, ax = plt.subplots(figsize=(5.6, 4.5))
    for title, (left, row), steps, inputs, outputs in SHAPES:
        low = 3.8 * row
        ax.text(left - 0.3, low + 2.45, title, ha="left", va="bottom")
        for t in range(steps):
            x = left + t
            _boxes(ax, x, low + 1, "C0", "h")
            if t in inputs:
                _boxes(ax, x, low, "C1", "x")
                _arrow(ax, (x, low + 0.27), (x, low + 0.73))
            if t in outputs:
                _boxes(ax, x, low + 2, "C2", "o")
                _arrow(ax, (x, low + 1.27), (x, low + 1.73))
            if t:
                _arrow(ax, (x - 0.73, low + 1), (x - 0.27, low + 1))
            if t and t not in inputs:  # the last output is fed back
                back = (x - 0.78, low + 1.78), (x - 0.24, low + 1.24)
                if t - 1 in outputs:
                    _arrow(ax, *back, ":")
    ax.set(xlim=(-0.5, 8.6), ylim=(-0.4, 6.9), aspect="equal")
    ax.axis("off")
    return fig


def memory() -> Figure:
    """Draw the hidden state of one unit that keeps, and one that forgets."""
    x = np.zeros(20)
    x[[2, 9, 10, 16]] = 1, -1, -1, 1
    steps = np.arange(1, 21)
    fig, (top, low) = plt.subplots(
        2, 1, figsize=(5, 3.6), sharex=True, height_ratios=[1, 2]
    )
    top.stem(steps, x, linefmt="C2-", markerfmt="C2.", basefmt="ink")
    top.set(ylabel="input", ylim=(-1.4, 1.4), yticks=[-1, 0, 1])
    weights = np.full((1, 1), np.log(3)), np.zeros(1)
    for w, style, label in (
        (1.25 * np.log(3), "C0-o", "$w^h = 1.37$: keeps"),
        (0.7, "C1--s", "$w^h = 0.7$: forgets"),
    ):
        arguments = weights[0], np.full((1, 1), w), weights[1]
        h, _ = rnn(x[None, :, None], np.zeros((1, 1)), *arguments)
        low.plot(steps, h[0, :, 0], style, markersize=3.5, label=label)
    low.axhline(0, color="faint", linewidth=1)
    low.set(xlabel="time step", ylabel="hidden state", ylim=(-1.1, 1.75))
    low.set(xticks=[1, 5, 10, 15, 20], yticks=[-0.8, 0, 0.8])
    low.legend(loc="upper center", ncols=2, columnspacing=1, handlelength=1.8)
    return fig


def lengths() -> Figure:
    """Draw the accuracy over the number of clauses, run by run."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, ax = plt.subplots(figsize=(5, 3.2))
    ax.axvspan(0.7, numbers["trained"] + 0.3, color="faint", alpha=0.5)
    ax.annotate("trained on", (0.85, 0.22))
    for name, style, label, place in (
        ("recurrent", "C0-", "recurrent network", (8, 0.93)),
        ("convolution", "C1--", "convolution", (8, 0.67)),
        ("mean", "C2:", "mean of the words", (8, 0.42)),
    ):
        for run in numbers[name]:
            ax.plot(numbers["tested"], run, style[:2] + ".", markersize=4)
        mean = np.mean(numbers[name], axis=0)
        ax.plot(numbers["tested"], mean, style)
        ax.annotate(label, place, color=style[:2], ha="right", va="center")
    ax.set(xlabel="clauses in a review", ylabel="accuracy", ylim=(0, 1.05))
    ax.set(xlim=(0.7, 8.3), xticks=numbers["tested"])
    return fig
