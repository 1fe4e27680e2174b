"""What excites the units of a LeNet, and where two networks spend."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from reference._datasets import digits

RESULT = Path(__file__).parents[2] / "experiments/convolution/alexnet.json"
_AROUND = ((0, 0), (0, 1), (1, 1), (1, 0))  # the corners of a cell


def nested() -> Figure:
    """Draw what excites units of three depths most: patches and digits."""
    numbers, images = _numbers(), _images()
    kernels = np.reshape(numbers["kernels"], (-1, 5, 5))[numbers["alive"]]
    fig = plt.figure(figsize=(5, 7.4))
    parts = fig.subfigures(3, 1)
    for part, name, size, step, rows, title in zip(
        parts,
        ("first", "second", "fourth"),
        (5, 14, 32),
        (1, 2, 0),
        (3, 3, 3),
        (
            "first convolution: filters, and 5 × 5 pixels",
            "second convolution: 14 × 14 pixels",
            "second dense layer: the whole image",
        ),
        strict=True,
    ):
        units = numbers[name]
        axes = part.subplots(rows, 6)
        part.suptitle(title, fontsize=11)
        for ax in axes.flat:
            ax.set_axis_off()
        for column, places in zip(axes.T, units, strict=False):
            for ax, (image, i, j) in zip(
                column[-len(places) :], places, strict=True
            ):
                _patch(ax, images[image], step * i, step * j, size)
        if name == "first":
            for ax, kernel in zip(axes[0], kernels, strict=False):
                v = np.max(np.abs(kernel))
                ax.pcolormesh(kernel, cmap="page_diverging", vmin=-v, vmax=v)
                _frame(ax, 0, 0, 5)
    return fig


def purity() -> Figure:
    """Draw how alike the images are that excite the units of each layer."""
    numbers = _numbers()
    fig, ax = plt.subplots(figsize=(5.4, 3.3))
    stages = np.arange(5)
    for name, colour, style, label, place in (
        ("purity", "C0", "-", "trained", (2.1, 0.8)),
        ("purity_untrained", "C1", "--", "untrained", (2.6, 0.36)),
    ):
        runs = np.array(numbers[name])
        ax.plot(stages, runs.T, style, color=colour, lw=0.6, alpha=0.5)
        mean = runs.mean(axis=0)
        ax.plot(stages, mean, style, color=colour, lw=2.2, marker="o")
        ax.annotate(label, place, color=colour, ha="center")
    names = ["conv. 1", "conv. 2", "dense 1", "dense 2", "output"]
    ax.set_xticks(stages, names)
    ax.set(ylim=(0, 1.05), ylabel="share of the same digit")
    return fig


def budget() -> Figure:
    """Draw every layer's share of the parameters and of the products."""
    numbers = _numbers()
    fig, axes = plt.subplots(2, 1, figsize=(5.2, 7), height_ratios=(5, 8))
    for ax, name, title in zip(
        axes, ("lenet", "alexnet"), ("LeNet", "AlexNet"), strict=True
    ):
        rows = numbers[name]
        costs = np.array([row[1:] for row in rows])
        shares = 100 * costs / costs.sum(axis=0)
        counts = {"Conv2d": 0, "Linear": 0}
        labels = []
        for kind, *_ in rows:
            counts[kind] += 1
            word = "conv." if kind == "Conv2d" else "dense"
            labels.append(f"{word} {counts[kind]}")
        places = np.arange(len(rows))
        for shift, share, colour, inside, label in (
            (-0.2, shares[:, 0], "C0", "C0", "parameters"),
            (0.2, shares[:, 1], "C1", "paper", "multiplications"),
        ):
            ax.barh(
                places + shift,
                share,
                0.38,
                facecolor=inside,
                edgecolor=colour,
                linewidth=1.2,
                label=label,
            )
            for place, value in zip(places + shift, share, strict=True):
                ax.annotate(
                    f"{value:.1f}",
                    (value, place),
                    (3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=9,
                )
        ax.set_yticks(places, labels)
        ax.invert_yaxis()
        ax.set(xlim=(0, 92), title=title)
    axes[1].legend(loc="upper right")
    axes[1].set_xlabel("share of the network's total in percent")
    return fig


def _numbers() -> dict:
    """Return what the experiment recorded."""
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def _images() -> np.ndarray:
    """Return the 360 images that the network was not trained on."""
    x = digits().x_test.reshape(-1, 8, 8)
    return np.pad(np.kron(x, np.ones((3, 3))), ((0, 0), (4, 4), (4, 4)))


def _patch(ax, image, top, left, size):
    """Draw a square of the image; a pixel of the digit is 3 x 3 of them."""
    y, x = (
        [start, *(e for e in range(4, 29, 3) if 0 < e - start < size)]
        for start in (top, left)
    )
    cells, ends = image[np.ix_(y, x)], ([*y, top + size], [*x, left + size])
    corners = [
        [(ends[1][j + q], ends[0][i + p]) for p, q in _AROUND]
        for i, j in np.argwhere(cells)
    ]
    squares = PolyCollection(corners, cmap="page", lw=0, antialiased=False)
    squares.set_array(cells[cells > 0])
    squares.set_clim(0, 1)
    ax.add_collection(squares)
    _frame(ax, top, left, size)


def _frame(ax, top, left, size):
    """Draw a frame around the square, row 0 on top."""
    x = left + size * np.array([0, 1, 1, 0, 0])
    y = top + size * np.array([0, 0, 1, 1, 0])
    ax.plot(x, y, color="ink", lw=0.6)
    ax.invert_yaxis()
    ax.set_aspect("equal")
