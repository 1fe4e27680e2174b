"""Overlaps, the precision-recall curve, and what two networks predict."""

import json
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reference.convolution.vision_tasks import (
    average_precision,
    iou,
    nms,
    precision_recall,
)

RESULT = Path(__file__).parents[2] / "experiments/convolution/vision_tasks.json"
NAMES = ["", "circle", "square", "triangle"]


def overlaps() -> Figure:
    """Draw two squares that overlap, and three boxes of which one goes."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(5.4, 3.4))
    squares = np.array([[0.0, 0, 2, 2], [1, 1, 3, 3]])
    for box, color in zip(squares, ("C0", "C1"), strict=True):
        _box(left, box, color=color, linewidth=2)
    left.add_patch(Rectangle((1, 1), 1, 1, color="C2", alpha=0.4, linewidth=0))
    for place in ((0.5, 0.5), (1.5, 0.5), (0.5, 1.5), (1.5, 1.5)):
        left.annotate("1", place, ha="center", va="center")
    for place in ((2.5, 1.5), (1.5, 2.5), (2.5, 2.5)):
        left.annotate("1", place, ha="center", va="center")
    value = iou(squares[:1], squares[1:])[0, 0]
    left.set_title(f"IoU = 1/7 = {value:.2f}")
    left.set(xlim=(-0.15, 3.15), ylim=(3.15, -0.15), aspect="equal")
    left.set(xticks=range(4), yticks=range(4), xlabel="$x$", ylabel="$y$")
    row = np.array([[0.0, 0, 4, 4], [1, 0, 5, 4], [2, 0, 6, 4]])
    scores = np.array([0.9, 0.8, 0.7])
    kept = nms(row, scores)
    for i, (box, name) in enumerate(zip(row, "ABC", strict=True)):
        style = "-" if i in kept else "--"
        drawn = box + 0.22 * i * np.array([0, 1, 0, 1])
        _box(right, drawn, color=f"C{i}", linewidth=2, linestyle=style)
        right.annotate(name, (i + 0.5, 3), color=f"C{i}", ha="center")
    right.set_title("scores A 0.9, B 0.8, C 0.7:\nA and C are kept")
    right.set(xlim=(-0.3, 6.3), ylim=(4.9, -0.4), aspect="equal")
    right.set(xticks=range(7), yticks=[], xlabel="$x$")
    return fig


def curve() -> Figure:
    """Draw precision and recall of the page's five detections."""
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    correct = np.array([True, False, True, True, False])
    precision, recall = precision_recall(scores, correct, 4)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    fig, ax = plt.subplots(figsize=(5, 3.2))
    ends = np.concatenate([[0], recall])
    ax.stairs(best, ends, fill=True, color="C0", alpha=0.2)
    x = np.append(np.repeat(ends, 2)[1:-1], [recall[-1], 1])
    y = np.append(np.repeat(best, 2), [0, 0])
    ax.plot(x, y, "C0", linewidth=2.5, label="envelope")
    ax.plot(recall, precision, "o--", color="C1", label="after each detection")
    for k, off in enumerate(((8, 4), (-14, -4), (-4, -16), (8, 4), (8, 0))):
        place = (recall[k], precision[k])
        ax.annotate(f"{k + 1}", place, off, textcoords="offset points")
    area = average_precision(scores, correct, 4)
    ax.annotate(f"AP = {area:.3f}", (0.3, 0.25))
    ax.set(xlim=(0, 1.02), ylim=(0, 1.15), xlabel="recall", ylabel="precision")
    ax.set(xticks=np.arange(5) / 4, yticks=np.arange(5) / 4)
    ax.legend(loc="upper right")
    return fig


def predictions() -> Figure:
    """Draw two test images, their masks and boxes as the networks see them."""
    shown = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]["shown"]
    fig, axes = plt.subplots(len(shown), 3, figsize=(6.2, 4.5))
    for row, scene in zip(axes, shown, strict=True):
        _cells(row[0], scene["image"], "page", 12)
        for box in scene["true_boxes"]:
            _box(row[0], box, color="C1", linewidth=1.5)
        _classes(row[1], scene["found"])
        for _, _, *box in scene["all_cells"]:
            _box(row[2], box, color="ink", linewidth=0.7, alpha=0.6)
        kept = sorted(scene["nms"], key=lambda found: found[2])
        for i, (label, score, *box) in enumerate(kept):
            _box(row[2], box, color=f"C{label - 1}", linewidth=2)
            place = (31.3, box[3]) if i else (0.7, box[1])
            row[2].annotate(
                f"{NAMES[label]} {score:.2f}",
                place,
                (0, -4 if i else 4),
                textcoords="offset points",
                ha="right" if i else "left",
                va="top" if i else "bottom",
                fontsize=10,
            )
        for ax in row:
            ax.set(xlim=(0, 32), ylim=(32, 0), aspect="equal")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
    titles = ("image, true boxes", "segmenter", "detector")
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    return fig


def _box(ax, box, **style):
    """Draw the outline of a box x1, y1, x2, y2."""
    x1, y1, x2, y2 = box
    ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, **style))


def _pixels(rows):
    """Return rows of hexadecimal digits as an array."""
    return np.array([[int(digit, 16) for digit in row] for row in rows])


def _cells(ax, rows, cmap, v):
    """Draw pixels as cells, those of levels 0 and 1 left out."""
    levels = _pixels(rows)
    y, x = np.nonzero(levels > 1)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    cells = PolyCollection(np.stack([x, y], axis=1)[:, None] + square)
    cells.set(array=levels[y, x], cmap=cmap, clim=(0, v), linewidth=0)
    ax.add_collection(cells)


def _classes(ax, rows):
    """Draw the pixels of each class in its colour, and name it."""
    pixels = _pixels(rows)
    for i, line in enumerate(pixels):
        ends = np.flatnonzero(np.diff(line, prepend=0, append=0))
        for j, k in pairwise(ends):
            if line[j]:
                style = {"color": f"C{line[j] - 1}", "linewidth": 1}
                ax.add_patch(Rectangle((j, i), k - j, 1, **style))
    handles = [Rectangle((0, 0), 1, 1, color=f"C{c}") for c in range(3)]
    present = sorted(set(pixels.ravel().tolist()) - {0})
    ax.legend(
        [handles[c - 1] for c in present],
        [NAMES[c] for c in present],
        loc="best",
        fontsize=10,
        handlelength=0.8,
    )
