"""A digit and what augmentation makes of it; what it does to accuracy."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference._datasets import digits
from reference.training.data_augmentation import (
    color_jitter,
    crop,
    flip,
    noise,
    rotate,
    rotate_by,
    translate,
)

RESULT = Path(__file__).parents[2] / "experiments/training"
CHOICES = [
    "none",
    "turn",
    "shift",
    "shift and turn",
    "shift, drawn once",
    "left-right",
    "upside down",
]


def copies() -> Figure:
    """Draw a six and eight changed copies of it."""
    data = digits()
    x = data.x[data.y == 6][7].reshape(1, 1, 8, 8)
    z = np.random.default_rng(0).normal(size=x.shape)
    pictures = {
        "original": x,
        "down, right 1": translate(x, 1, 1),
        "turned by 15°": rotate_by(x, 15.0),
        "noise": noise(x, 0.1, z),
        "contrast 0.5": color_jitter(x, contrast=0.5),
        "cropped to 6 × 6": crop(x, 2, 1, 6, 6),
        "left-right": flip(x, 3),
        "upside down": flip(x, 2),
        "two quarter turns": rotate(x, 2),
    }
    fig, axes = plt.subplots(3, 3, figsize=(5, 5.4))
    for ax, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
        grid = {"edgecolors": "faint", "linewidth": 0.5}
        cells = np.clip(picture[0, 0], 0, 1)
        ax.pcolormesh(cells, cmap="page", vmin=0, vmax=1, **grid)
        ax.set(aspect="equal", title=title, xticks=[], yticks=[])
        ax.invert_yaxis()
        ax.spines[:].set_visible(False)
    return fig


def accuracy() -> Figure:
    """Draw the accuracy of every choice, a point per seed."""
    path = RESULT / "data_augmentation.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    fig, axes = plt.subplots(2, sharex=True, figsize=(5.4, 6))
    for ax, name in zip(axes, ("centred", "moved"), strict=True):
        for row, choice in enumerate(CHOICES):
            values = np.array(numbers[choice][name])
            places = row + np.linspace(-0.2, 0.2, len(values))
            ax.plot(values, places, "o", color="C0", ms=4, alpha=0.7)
            ends = [row - 0.35, row + 0.35]
            ax.plot([values.mean()] * 2, ends, color="C1", linewidth=2.5)
        ax.set_yticks(range(len(CHOICES)), CHOICES)
        ax.invert_yaxis()
        ax.grid(axis="x", color="faint")
    axes[0].set_title("validation digits as they are")
    axes[1].set_title("validation digits moved by up to a pixel")
    axes[1].set_xlabel("accuracy")
    return fig
