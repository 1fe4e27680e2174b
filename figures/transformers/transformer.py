"""The two stacks, what a trained one attends to, and how small ones learn."""

import json
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

RESULT = Path(__file__).parents[2] / "experiments/transformers/transformer.json"
ARROW = {"arrowstyle": "-|>", "color": "ink", "shrinkA": 0, "shrinkB": 0}
KOREAN = {  # the fonts of the figures have no Hangul
    "년": "nyeon", "월": "wol", "일": "il", "요일": "yoil", "화": "hwa",
    "수": "su", "목": "mok", "금": "geum", "토": "to",
}  # fmt: skip


def _numbers() -> dict:
    """Return what the experiment measured."""
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def _box(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Draw a part with its name."""
    corner = (x - 2.0, y - 0.42)
    ax.add_patch(Rectangle(corner, 4.0, 0.84, fc=colour, alpha=0.25, lw=0))
    ax.add_patch(Rectangle(corner, 4.0, 0.84, fill=False, ec="ink"))
    ax.text(x, y, text, ha="center", va="center")


def _column(ax: Axes, x: float, parts: list, low: float, high: float) -> None:
    """Draw parts upwards with arrows between, and the frame of the block."""
    for (y, *_), (after, *_) in pairwise(parts):
        ax.annotate("", (x, after - 0.42), (x, y + 0.42), arrowprops=ARROW)
    for y, text, colour in parts:
        if colour:
            _box(ax, x, y, text, colour)
        else:
            ax.text(x, y, text, ha="center", va="center")
    ax.add_patch(
        Rectangle(
            (x - 2.3, low), 4.6, high - low, fill=False, ec="ink", ls="--"
        )
    )
    side = x - 2.45 if x < 4 else x + 2.45
    align = "right" if x < 4 else "left"
    ax.text(side, (low + high) / 2, "B×", ha=align, va="center")


def overview() -> Figure:
    """Draw encoder and decoder, and the way of the memory."""
    fig, ax = plt.subplots(figsize=(5.2, 4.9))
    left, right = 3.0, 8.6
    start = [(0, "source", None), (1.4, "embed + position", "C2")]
    _column(
        ax,
        left,
        [
            *start,
            (3.2, "self-attention", "C0"),
            (4.8, "feed-forward", "C1"),
            (6.6, "memory", None),
        ],
        2.5,
        5.5,
    )
    start = [(0, "target, shifted", None), (1.4, "embed + position", "C2")]
    _column(
        ax,
        right,
        [
            *start,
            (3.2, "causal self-att.", "C0"),
            (4.8, "cross-attention", "C0"),
            (6.4, "feed-forward", "C1"),
            (8.2, "output layer", "C2"),
            (9.6, "logits", None),
        ],
        2.5,
        7.1,
    )
    way = [(left + 1.4, 6.6), (5.8, 6.6), (5.8, 4.8)]
    ax.plot(*zip(*way, strict=True), color="ink", lw=1)
    ax.annotate("", (right - 2.0, 4.8), way[-1], arrowprops=ARROW)
    ax.set(xlim=(-0.4, 12), ylim=(-0.5, 10))
    ax.axis("off")
    return fig


def attended() -> Figure:
    """Draw what the decoder attends to while it writes one date."""
    example = _numbers()["example"]
    source = [*example["source"], "EOS"]
    target = [KOREAN.get(token, token) for token in example["target"]]
    fig, axes = plt.subplots(2, 1, figsize=(5, 9), layout="constrained")
    for ax, weights, keys in (
        (axes[0], example["cross"], source),
        (axes[1], example["self"], ["SOS", *target]),
    ):
        ax.pcolormesh(weights, cmap="page", vmin=0, vmax=1)
        ax.set_xticks(np.arange(len(keys)) + 0.5, keys, rotation=60, ha="left")
        ax.set_yticks(np.arange(len(target) + 1) + 0.5, [*target, "EOS"])
        ax.tick_params(length=0)
        ax.invert_yaxis()
        ax.xaxis.tick_top()
        ax.set(ylabel="token to be written")
    axes[0].set(title="cross-attention to the source, mean of 4 heads")
    axes[1].set(title="self-attention to the inputs so far, one head")
    return fig


def curves() -> Figure:
    """Draw exact match along the training, three runs of each setting."""
    numbers = _numbers()
    fig, axes = plt.subplots(2, 1, figsize=(5, 5.4), sharex=True, sharey=True)
    for ax, arms in (
        (
            axes[0],
            (
                ("pre", "Transformer", "C0", "-"),
                ("gru", "GRU", "C1", "--"),
                ("no positions", "without positions", "C2", ":"),
            ),
        ),
        (
            axes[1],
            (
                ("pre, 0.02", "pre-norm", "C0", "-"),
                ("post, 0.02, warm-up", "post-norm, warm-up", "C1", "--"),
                ("post, 0.02", "post-norm", "C2", ":"),
            ),
        ),
    ):
        for arm, label, colour, dash in arms:
            runs = np.array(numbers[arm]["exact"])
            steps = numbers["steps"]
            ax.plot(steps, runs.T, dash, color=colour, lw=0.8, alpha=0.6)
            ax.plot(steps, runs.mean(0), dash, color=colour, label=label)
        ax.set(ylabel="exact match", ylim=(-0.04, 1.75), yticks=[0, 0.5, 1])
        ax.legend(loc="upper left")
    axes[0].set(title="learning rate 0.005")
    axes[1].set(title="learning rate 0.02", xlabel="step")
    return fig
