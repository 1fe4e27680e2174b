"""What BERT reads, how it learns, and what fine-tuning gains."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reference.transformers.bert import pack

RESULT = Path(__file__).parents[2] / "experiments/transformers/bert.json"
PIECES = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("the", "prince", "##ss", "she", "sings"),
]
COLUMNS = ("shown", "segment", "position", "target")
SHOWN = {3: "[MASK]"}  # the draws of the page's example
TARGETS = (3, 6)


def _cell(ax, column, row, text, colour):
    width = 1.9 if column else 2.3
    left = column * 2.1 + (0.4 if column else 0)
    ax.add_patch(
        Rectangle((left, -row), width, 0.84, fc=colour, alpha=0.3, lw=0)
    )
    ax.add_patch(Rectangle((left, -row), width, 0.84, fill=False, ec="ink"))
    ax.annotate(text, (left + width / 2, 0.42 - row), ha="center", va="center")


def reading() -> Figure:
    """Draw the packed example: a row for each token, targets to the right."""
    vocabulary = {piece: i for i, piece in enumerate(PIECES)}
    packed = pack([("the princess", "she sings")], vocabulary, 9)
    fig, ax = plt.subplots(figsize=(5, 4.4))
    for t, token in enumerate(packed.tokens[0].tolist()):
        segment = int(packed.segments[0, t])
        real = bool(packed.real[0, t])
        name = PIECES[token]
        _cell(ax, 0, t, SHOWN.get(t, name), "C2" if real else "paper")
        _cell(ax, 1, t, "AB"[segment], f"C{segment}" if real else "paper")
        _cell(ax, 2, t, str(t), "C3" if real else "paper")
        if t in TARGETS:
            _cell(ax, 3, t, name, "C4")
    _cell(ax, 3, 0, "next", "C4")
    for column, title in enumerate(COLUMNS):
        x = 1.15 if column == 0 else column * 2.1 + 1.35
        ax.annotate(title, (x, 1.15), ha="center", weight="bold")
    for column in (1, 2):
        ax.annotate("+", (column * 2.1 + 0.35, 1.15), ha="center")
    ax.annotate("→", (6.65, 1.15), ha="center")
    ax.set(xlim=(-0.1, 8.8), ylim=(-8.2, 1.8))
    ax.axis("off")
    return fig


def pretraining() -> Figure:
    """Draw the accuracies on held-out stories while networks learn."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    runs, one_kind = numbers["pretraining"], numbers["one_kind"]
    fig, axes = plt.subplots(3, 1, figsize=(5, 7.4))
    panels = (
        (runs, 1, "hidden tokens named right"),
        (runs, 2, "pairs judged right"),
        (one_kind, 2, "pairs of one kind judged right, longer training"),
    )
    levels = (
        (numbers["commonest"], "always the commonest word"),
        (0.875, "knowing the kinds alone: 7/8"),
        (numbers["best_of_one_kind"], "knowing all neighbours"),
    )
    for i, ax in enumerate(axes):
        found, column, title = panels[i]
        steps, values = np.array(found)[0, :, 0], np.array(found)[:, :, column]
        ax.plot(steps, values.T, color=f"C{i}", lw=0.6, alpha=0.6)
        ax.plot(steps, values.mean(axis=0), color=f"C{i}", lw=2.2)
        height, text = levels[i]
        ax.axhline(height, color="ink", lw=0.9, ls="--")
        ax.annotate(
            text,
            (steps[-1], height),
            (0, 4),
            textcoords="offset points",
            ha="right",
            va="bottom",
        )
        ax.set(title=title, ylim=(0, 1.03) if i == 0 else (0.4, 1.03))
    axes[2].set(xlabel="steps")
    return fig


def fine_tuning() -> Figure:
    """Draw the accuracy of every run, pre-trained beside new weights."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, axes = plt.subplots(1, 2, figsize=(5.2, 3.4), sharey=True)
    for ax, task in zip(axes, ("gender", "role"), strict=True):
        for i, count in enumerate((8, 32)):
            for j, name in enumerate(("pre-trained", "new")):
                runs = numbers["fine_tuning"][f"{task}, {count}, {name}"]
                values = np.array(runs)[:, 1]
                x = i + 0.36 * j - 0.18
                marker = "os"[j]
                label = f"{name} weights" if i == 0 else None
                spread = x + 0.03 * np.arange(-2, 3)
                ax.plot(
                    spread, values, marker, color=f"C{j}", ms=5, label=label
                )
                ax.plot(
                    [x - 0.14, x + 0.14], [values.mean()] * 2, color=f"C{j}"
                )
        ax.axhline(
            1 / (2 if task == "gender" else 8), color="ink", lw=0.9, ls="--"
        )
        ax.set(title=task, xticks=(0, 1), xticklabels=("8", "32"))
        ax.set(xlim=(-0.5, 1.5), ylim=(0, 1.03), xlabel="labelled stories")
    axes[0].set(ylabel="accuracy on 64 new stories")
    fig.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2,
    )
    return fig
