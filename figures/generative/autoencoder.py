"""Encoders of a line; digits through narrow codes, and a map of the codes."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference._datasets import digits
from reference.unsupervised.pca import pca, project, reconstruct

RESULT = Path(__file__).parents[2] / "experiments/generative/autoencoder.json"


def line() -> Figure:
    """Draw three points, and three reconstructions of a fourth."""
    fig, ax = plt.subplots(figsize=(5, 3.6))
    ends = np.array([-1.0, 7.0])
    ax.plot(ends, 2 + ends / 2, color="C0", linewidth=1.2)
    points = np.array([[0, 2], [2, 3], [4, 4]])
    ax.plot(*points.T, "o", color="C0", markersize=8)
    new = np.array([1.0, 5.0])
    feet = np.array([[1, 2.5], [6, 5], [2, 3]])
    names = [r"$z = x_1/2 - 1$", r"$z = x_2 - 3$", "foot"]
    places = [(1.1, 2.1), (3.4, 5.3), (2.35, 2.6)]
    for foot, name, place in zip(feet, names, places, strict=True):
        ax.plot(*np.array([new, foot]).T, ":", color="ink", linewidth=1.4)
        ring = {"markerfacecolor": "none", "markeredgewidth": 1.6}
        ax.plot(*foot, "o", color="C1", markersize=13, **ring)
        ax.annotate(name, place)
    ax.plot(*new, "s", color="C1", markersize=8)
    ax.annotate("(1, 5)", (0.9, 5.3), ha="right")
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-1, 7), ylim=(1.2, 6))
    ax.set_aspect("equal")
    return fig


def reconstructions() -> Figure:
    """Draw digits, two kinds of reconstructions, and decoded random codes."""
    numbers, split = _numbers(), digits(seed=0)
    first = numbers["runs"][0]
    labels = list(split.y_test)
    x = split.x_test[[labels.index(label) for label in numbers["labels"]]]
    fit = pca(split.x, 2)
    scores = project(x, fit.mean, fit.components)
    rows = {
        "digits": x,
        "PCA, 2": reconstruct(scores, fit.mean, fit.components),
        "network, 2": np.array(first["images"]) / 100,
        "random, 16": np.array(first["distance"]["images"]) / 100,
    }
    fig, axes = plt.subplots(4, 5, figsize=(5, 4.2))
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for ax, image in zip(row, images, strict=True):
            _cells(ax, image.reshape(8, 8))
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return fig


def errors() -> Figure:
    """Draw the held-out error of three methods against the size of the code."""
    numbers = _numbers()
    codes = np.array(numbers["codes"])
    fig, ax = plt.subplots(figsize=(5, 3.4))
    for i, (name, style, label) in enumerate(
        (
            ("linear", "^:", "linear autoencoder"),
            ("pca", "s--", "PCA"),
            ("deep", "o-", "one hidden layer"),
        )
    ):
        runs = np.array([run[name] for run in numbers["runs"]])
        shifted = codes * 1.05 ** (1 - i)
        ax.plot(shifted, runs.T, style[0], color=f"C{i}", markersize=3.5)
        mean = runs.mean(axis=0)
        ax.plot(shifted, mean, style, color=f"C{i}", label=label, markersize=5)
    ax.set(xscale="log", yscale="log", xlabel="numbers in the code, $K$")
    ax.set_ylabel("held-out error")
    ax.set_xticks(codes, codes)
    ax.set_yticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    ax.minorticks_off()
    ax.legend()
    return fig


def codes() -> Figure:
    """Draw held-out digits as characters at the places of their codes."""
    points = np.array(_numbers()["runs"][0]["codes"]) / 100
    labels = digits(seed=0).y_test[: len(points)]
    fig, ax = plt.subplots(figsize=(5, 4.4))
    ax.plot(*points.T, linestyle="none")
    for (a, b), label in zip(points, labels, strict=True):
        style = {"ha": "center", "va": "center", "color": f"C{label % 5}"}
        ax.text(a, b, str(label), **style)
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return fig


def _numbers() -> dict:
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def _cells(ax, image):
    """Draw an image as cells, row 0 on top, cut off at 0 and 1."""
    grid = {"edgecolors": "faint", "linewidth": 0.3}
    ax.pcolormesh(image.clip(0, 1), cmap="page", vmin=0, vmax=1, **grid)
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[])
