"""Both blocks as diagrams; what training and gradients did without the sum."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

RESULT = Path(__file__).parents[2] / "experiments/convolution/resnet.json"
DEPTHS = (("8", "C2", ":"), ("20", "C1", "--"), ("44", "C0", "-"))


def _numbers():
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def _block(ax, title, sizes, channels):
    """Draw convolutions from top to bottom, and the shortcut beside them."""
    arrow = {"arrowstyle": "-|>", "color": "ink", "shrinkA": 0, "shrinkB": 0}
    ends = np.linspace(9.2, 2.3, len(sizes) + 1)
    ax.annotate(f"$x$: {channels[0]} channels", (3, 9.45), ha="center")
    for i, (size, end) in enumerate(zip(sizes, ends[1:], strict=True)):
        ax.annotate("", (3, end + 0.95), (3, ends[i]), arrowprops=arrow)
        corner = (1.1, end)
        ax.add_patch(Rectangle(corner, 3.8, 0.95, fc="C0", alpha=0.25, lw=0))
        ax.add_patch(Rectangle(corner, 3.8, 0.95, fill=False, ec="ink"))
        text = f"{size}, {channels[i + 1]} channels"
        ax.annotate(text, (3, end + 0.47), ha="center", va="center")
    ax.annotate("", (3, 1.55), (3, ends[-1]), arrowprops=arrow)
    ax.annotate("+", (3, 1.15), ha="center", va="center", fontsize=15)
    ax.plot(3, 1.15, "o", ms=17, mfc="none", mec="ink")
    path = [(3, 9.0), (5.6, 9.0), (5.6, 1.15), (3.58, 1.15)]
    ax.plot(*zip(*path, strict=True), color="C1", ls="--", lw=1.5)
    ax.plot(3.58, 1.15, "<", color="C1", ms=6)
    ax.annotate("", (3, 0.1), (3, 0.72), arrowprops=arrow)
    ax.annotate("ReLU, $y$", (3, -0.1), ha="center", va="top")
    ax.set(xlim=(0.8, 5.9), ylim=(-0.9, 10.2))
    ax.set_title(title, x=0.43)  # above the arrows
    ax.axis("off")


def blocks() -> Figure:
    """Draw the basic block and the bottleneck."""
    fig, axes = plt.subplots(1, 2, figsize=(5, 3.9))
    _block(axes[0], "basic block", ("3 × 3", "3 × 3"), (64, 64, 64))
    sizes = ("1 × 1", "3 × 3", "1 × 1")
    _block(axes[1], "bottleneck", sizes, (256, 64, 64, 256))
    return fig


def degradation() -> Figure:
    """Draw the training loss of every run, and the means."""
    fig, axes = plt.subplots(2, 1, figsize=(5, 5.2), sharex=True, sharey=True)
    for ax, kind in zip(axes, ("plain", "residual"), strict=True):
        for depth, colour, dash in DEPTHS:
            runs = _numbers()[kind]["runs"][depth]
            loss = np.array([run["loss"] for run in runs])
            epochs = np.arange(1, loss.shape[1] + 1)
            ax.plot(epochs, loss.T, color=colour, linewidth=0.6, alpha=0.5)
            mean = loss.mean(axis=0)
            label = f"{depth} layers"
            ax.plot(epochs, mean, dash, color=colour, label=label)
        ax.set(title=kind, ylabel="training loss", ylim=(0, 3.6))
    axes[1].set(xlabel="epoch", xticks=range(1, 16, 2))
    axes[1].legend(loc="upper right")
    return fig


def gradients() -> Figure:
    """Draw the length of the gradient at the input of every block."""
    fig, ax = plt.subplots(figsize=(5, 3))
    for kind, colour, dash, place in (
        ("plain", "C0", "-", (9, 2.6)),
        ("residual", "C1", "--", (8.2, 0.027)),
    ):
        length = np.array(_numbers()[kind]["gradients"])
        block = np.arange(1, length.shape[1] + 1)
        ax.semilogy(block, length.T, color=colour, linewidth=0.6, alpha=0.5)
        mean = np.exp(np.log(length).mean(axis=0))
        ax.semilogy(block, mean, dash, color=colour)
        ax.annotate(kind, place, color=colour)
    ax.set(xlabel="block", ylabel="length of the gradient")
    ax.set(xticks=[1, 7, 14, 21], xlim=(0.5, 21.5), ylim=(0.012, 50))
    return fig
