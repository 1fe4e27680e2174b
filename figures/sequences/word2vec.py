"""A window and its pairs, people in a plane, and the share of analogies."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

RESULT = Path(__file__).parents[2] / "experiments/sequences/word2vec.json"
APART = {  # labels that would meet, in points up
    "king": -8,
    "man": 8,
    "prince": 9,
    "actor": -5,
    "boy": 9,
    "uncle": -5,
    "mother": 10,
    "woman": -3,
    "princess": 5,
    "actress": -10,
}
WORDS = ["the", "king", "lives", "in", "his", "palace"]


def _numbers():
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def _box(ax, x, y, word, colour, style="-"):
    """Draw a word in a box."""
    box = plt.Rectangle(
        (x - 0.46, y - 0.24), 0.92, 0.48, facecolor="paper", edgecolor=colour
    )
    box.set(linewidth=1.8, linestyle=style)
    ax.add_patch(box)
    ax.text(x, y, word, ha="center", va="center")


def window() -> Figure:
    """Draw a window of 2 in a sentence, for skip-gram and for CBOW."""
    fig, axes = plt.subplots(2, 1, figsize=(5.6, 4.2))
    for ax, title, into in zip(
        axes,
        (
            "skip-gram: the centre tells each word near it",
            "CBOW: the mean of the words near it tells the centre",
        ),
        (False, True),
        strict=True,
    ):
        for x, word in enumerate(WORDS):
            colour = "C0" if x == 2 else "C1" if x < 5 else "faint"
            _box(ax, x, 0, word, colour, "-" if x == 2 else "--")
        for x in (0, 1, 3, 4):
            ends = ((x, 0.27), (2, 0.27)) if into else ((2, 0.27), (x, 0.27))
            bend = (0.32 if x < 2 else -0.32) * (-1 if into else 1)
            ax.annotate(
                "",
                ends[1],
                ends[0],
                arrowprops={
                    "arrowstyle": "->",
                    "color": "ink",
                    "connectionstyle": f"arc3,rad={bend}",
                },
            )
        ax.set_title(title, fontsize=11)
        ax.set(xlim=(-0.6, 5.6), ylim=(-0.35, 0.95))
        ax.set_axis_off()
    return fig


def people() -> Figure:
    """Draw the people's vectors in two components, a line for each couple."""
    results = _numbers()["en"]
    places = np.array(results["picture"])
    fig, ax = plt.subplots(figsize=(5.6, 4.4))
    for couple, names in zip(places, results["names"], strict=True):
        ax.plot(*couple.T, color="faint", linewidth=1)
        for place, name, colour, mark in zip(
            couple, names, ("C0", "C1"), "os", strict=True
        ):
            ax.plot(*place, mark, color=colour)
            right = place[0] > places[..., 0].mean()
            ax.annotate(
                name,
                place,
                (6 if right else -6, APART.get(name, 0)),
                textcoords="offset points",
                va="center",
                ha="left" if right else "right",
            )
    ax.margins(0.3, 0.08)
    ax.set(xlabel="first component", ylabel="second component")
    return fig


def share() -> Figure:
    """Draw the share of right analogies of every run."""
    numbers = _numbers()
    fig, axes = plt.subplots(2, 1, figsize=(5.2, 4.8), sharex=True)
    labels = [f"window {m}\nE = {e}" for m, e in numbers["settings"]]
    for ax, language, title in zip(
        axes, ("en", "ko"), ("English", "Korean"), strict=True
    ):
        for name, colour, mark, shift in (
            ("people", "C0", "o", -0.22),
            ("capitals", "C1", "s", 0.08),
        ):
            runs = np.array(numbers[language][name])
            for which, fill, move in ((0, colour, 0), (1, "paper", 0.14)):
                x = np.arange(len(labels)) + shift + move
                ax.plot(
                    np.repeat(x, runs.shape[1]),
                    runs[..., which].ravel(),
                    mark,
                    color=colour,
                    markerfacecolor=fill,
                    markersize=5,
                    label=name + (", all words" if which else ""),
                )
        ax.set_title(title, fontsize=11)
        ax.set(ylabel="share right", ylim=(-0.06, 1.06))
    axes[1].set_xticks(range(len(labels)), labels)
    axes[0].legend(loc="upper center", bbox_to_anchor=(0.5, 1.65), ncols=2)
    return fig
