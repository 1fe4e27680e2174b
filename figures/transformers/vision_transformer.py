"""A digit as a row of patches, what [CLS] takes, and how many images help."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

RESULT = (
    Path(__file__).parents[2]
    / "experiments/transformers/vision_transformer.json"
)


def sequence() -> Figure:
    """Draw a digit with its patches, and the patches as a sequence."""
    image = np.reshape(_numbers()["looks"][3]["image"], (8, 8))
    fig = plt.figure(figsize=(5.2, 4.2))
    top, bottom = fig.subfigures(2, 1, height_ratios=[1.25, 1])
    ax = top.subplots()
    _cells(ax, image, 16)
    ax.hlines([0, 2, 4, 6, 8], 0, 8, color="ink", linewidth=1.2)
    ax.vlines([0, 2, 4, 6, 8], 0, 8, color="ink", linewidth=1.2)
    rows = bottom.subplots(2, 9)
    rows[1, 0].axis("off")
    ax = rows[0, 0]
    ax.text(0.5, 0.5, "[CLS]", ha="center", va="center")
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
    ax.set_title("0", fontsize=10.5)
    for t, ax in enumerate(rows[:, 1:].flat):
        i, j = divmod(t, 4)
        cell = image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        _cells(ax, cell, 16)
        ax.set_title(str(t + 1), fontsize=10.5)
        ax.hlines([0, 2], 0, 2, color="ink", linewidth=1.2)
        ax.vlines([0, 2], 0, 2, color="ink", linewidth=1.2)
    return fig


def attention() -> Figure:
    """Draw five digits and what [CLS] takes of each patch."""
    looks = _numbers()["looks"]
    fig, axes = plt.subplots(2, 5, figsize=(5.6, 2.7))
    for digit, (above, below) in zip((0, 1, 2, 4, 7), axes.T, strict=True):
        image = np.reshape(looks[digit]["image"], (8, 8))
        weights = np.reshape(looks[digit]["attention"][1:], (4, 4))
        _cells(above, image, 16)
        _cells(below, weights, weights.max())
    for ax, name in zip(axes[:, 0], ("image", "attention"), strict=True):
        ax.set_ylabel(name)
    return fig


def images() -> Figure:
    """Draw the accuracy of both networks by the number of images."""
    numbers = _numbers()
    fig, ax = plt.subplots(figsize=(5.4, 3.3))
    for name, label, colour, dash in (
        ("cnn", "convolutional network", "C1", "--"),
        ("vit", "Vision Transformer", "C0", "-"),
    ):
        sizes = [int(n) for n in numbers[name]]
        runs = np.array(list(numbers[name].values()))
        ax.plot(sizes, runs, color=colour, linewidth=0.6, ls=dash, alpha=0.6)
        ax.plot(sizes, runs.mean(axis=1), color=colour, ls=dash, label=label)
    without = numbers["without"]["1000"]
    ax.plot([1000] * len(without), without, "x", color="C2")
    ax.annotate(
        "without positions",
        (930, np.mean(without)),
        color="C2",
        ha="right",
        va="center",
    )
    ax.set_xscale("log")
    ax.set_xticks([100, 300, 1000], [100, 300, 1000])
    ax.minorticks_off()
    ax.set(xlabel="training images", ylabel="accuracy", ylim=(0.4, 1))
    ax.legend(loc="lower left")
    return fig


def _numbers() -> dict:
    """Return what the experiment measured."""
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def _cells(ax, a, v):
    """Draw a as cells from 0 to v, row 0 on top."""
    ax.pcolormesh(
        a, cmap="page", vmin=0, vmax=v, edgecolors="faint", linewidth=0.5
    )
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[])
