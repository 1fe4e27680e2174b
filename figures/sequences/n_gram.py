"""A bigram model as arrows, and the loss against the length of the context."""

import json
from fractions import Fraction
from math import log
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.sequences.n_gram import END, count, probability

RESULT = Path(__file__).parents[2] / "experiments/sequences/n_gram.json"
SENTENCES = ("the cat sleeps", "the cat eats", "the dog eats")
PLACES = {
    "start": (0, 0),
    "the": (1.3, 0),
    "cat": (2.7, 0.8),
    "dog": (2.7, -0.8),
    "sleeps": (4.3, 0.8),
    "eats": (4.3, -0.8),
    "end": (5.6, 0),
}


ARROWS = {  # and where the label stands, in points from the middle
    ("start", "the"): (-2, 9),
    ("the", "cat"): (-10, 8),
    ("the", "dog"): (-10, -9),
    ("cat", "sleeps"): (-2, 9),
    ("cat", "eats"): (11, 7),
    ("dog", "eats"): (-2, 9),
    ("sleeps", "end"): (10, 8),
    ("eats", "end"): (9, -10),
}


def chain() -> Figure:
    """Draw the words of three sentences and what follows what."""
    counts = count([line.split() for line in SENTENCES], n=2)
    fig, ax = plt.subplots(figsize=(5, 2.5))
    centred = {"ha": "center", "va": "center"}
    box = {"boxstyle": "round", "fc": "paper", "ec": "C0"}
    for word, place in PLACES.items():
        ax.text(*place, word, bbox=box, zorder=3, **centred)
    for (word, following), offset in ARROWS.items():
        p = probability(
            counts,
            END if following == "end" else following,
            [] if word == "start" else [word],
        )
        tail, tip = np.array(PLACES[word]), np.array(PLACES[following])
        arrow = {
            "arrowstyle": "->",
            "shrinkA": 20,
            "shrinkB": 20,
            "color": "ink",
            "linewidth": 2.4 * p,
        }
        ax.annotate("", tip, tail, arrowprops=arrow)
        share = str(Fraction(p).limit_denominator(9))
        ax.annotate(
            share,
            (tail + tip) / 2,
            offset,
            textcoords="offset points",
            **centred,
        )
    ax.set(xlim=(-0.5, 6), ylim=(-1.2, 1.2))
    ax.set_axis_off()
    return fig


def context() -> Figure:
    """Draw the surprise at counted and at new stories against n."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    orders = numbers["orders"]
    fig, axes = plt.subplots(2, 1, figsize=(5, 5.4), sharex=True, sharey=True)
    for ax, (size, run) in zip(axes, numbers["stories"].items(), strict=True):
        ax.plot(orders, run["held_out"], "o-", color="C0", label="new stories")
        ax.plot(
            orders, run["train"], "s--", color="C1", label="counted stories"
        )
        ax.axhline(log(384), color="ink", linestyle=":", linewidth=1.5)
        ax.set_yscale("log", base=10)
        ax.set_yticks([4, 8, 16, 32, 64, 128])
        ax.set_yticklabels(["4", "8", "16", "32", "64", "128"])
        ax.minorticks_off()
        ax.set(ylabel="nats a story", title=f"{size} stories counted")
    axes[0].legend(loc="upper center")
    axes[1].set(xlabel="$n$", xticks=[1, 3, 6, 9, 12, 15, 18])
    return fig
