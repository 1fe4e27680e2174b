"""Encoder and decoder, a tree of two steps, and what training brings."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RESULT = Path(__file__).parents[2] / "experiments/sequences/seq2seq.json"
ARROW = {"arrowstyle": "-|>", "color": "ink", "linewidth": 1.1}


def _box(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Draw a state with its name."""
    ax.add_patch(
        plt.Rectangle(
            (x - 0.36, y - 0.3), 0.72, 0.6, fill=False, edgecolor=colour
        )
    )
    ax.text(x, y, text, ha="center", va="center")


def _arrow(ax: Axes, start: tuple, end: tuple, **style) -> None:
    """Draw an arrow."""
    ax.annotate("", end, start, arrowprops={**ARROW, **style})


def overview() -> Figure:
    """Draw both networks, the state between, and the forced inputs."""
    fig, axes = plt.subplots(2, 1, figsize=(5.0, 4.4))
    for ax in axes:
        ax.axis("off")
        ax.set(xlim=(0, 6.2), ylim=(-1.95, 1.6))
    ax = axes[0]
    for s, word in enumerate(("may", "8", "EOS"), 1):
        x = 1.2 * s
        _box(ax, x, 0, f"$h_{s}$", "C0")
        ax.text(x, -1.3, word, ha="center", va="center")
        _arrow(ax, (x, -1.05), (x, -0.32))
        _arrow(ax, (x + 0.36, 0), (x + 0.84, 0))
    ax.text(4.75, 0, "$c = h_3$", ha="center", va="center")
    _arrow(ax, (5.25, 0), (5.9, 0))
    ax.text(0.7, 1.0, "encoder", color="C0")
    ax = axes[1]
    outputs = ("5", "wol", "8", "il", "EOS")
    for t, word in enumerate(outputs, 1):
        x = 1.15 * t
        _box(ax, x, 0, f"$s_{t}$", "C1")
        ax.text(x, 1.3, word, ha="center", va="center")
        ax.text(x, -1.3, ("SOS", *outputs)[t - 1], ha="center", va="center")
        ax.text(x, -1.75, "$c$", ha="center", va="center")
        _arrow(ax, (x, -1.05), (x, -0.32))
        _arrow(ax, (x, 0.32), (x, 1.05))
        _arrow(ax, (x - 0.79, 0), (x - 0.36, 0))
    ax.text(0.15, 0, "$c$", ha="center", va="center")
    ax.text(0.0, 0.85, "decoder", color="C1", ha="left")
    return fig


def tree() -> Figure:
    """Draw all sequences of the pencil example with their probabilities."""
    fig, ax = plt.subplots(figsize=(5.0, 3.6))
    ax.axis("off")
    ax.set(xlim=(-0.3, 4.0), ylim=(-0.6, 6.6))
    first = {"EOS": (6.0, 0.1), "a": (4.0, 0.5), "b": (1.0, 0.4)}
    second = {
        "a": {"EOS": (5.0, 0.4), "a": (4.0, 0.35), "b": (3.0, 0.25)},
        "b": {"EOS": (2.0, 0.9), "a": (1.0, 0.05), "b": (0.0, 0.05)},
    }
    ax.text(-0.05, 3, "SOS", ha="center", va="center")
    for name, (y, p) in first.items():
        chosen = {"a": "C1", "b": "C0"}.get(name, "faint")
        ax.plot((0.2, 1.0), (3, y), color=chosen)
        ax.text(1.05, y, f"{name}  {p:g}", ha="left", va="center")
        if name == "EOS":
            continue
        for last, (z, q) in second[name].items():
            ends = last == "EOS"
            ax.plot((1.6, 2.15), (y, z), color=chosen if ends else "faint")
            style = {"fontweight": "bold"} if ends else {}
            ax.text(
                2.25,
                z,
                f"{last}  {p:g} · {q:g} = {p * q:.3g}",
                ha="left",
                va="center",
                **style,
            )
    return fig


def curves() -> Figure:
    """Draw what is right after every epoch, four runs of each kind."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, ax = plt.subplots(figsize=(6.2, 3.0))
    exact = [[e["exact"] for e in run["epochs"]] for run in numbers["runs"]]
    tokens = [
        [e["free_token"] for e in run["epochs"]] for run in numbers["runs"]
    ]
    for values, colour, style, label in (
        (tokens, "C2", ":", "tokens"),
        (exact, "C0", "-", "translations"),
        (numbers["once_exact"], "C1", "--", "translations, c once"),
    ):
        runs = np.array(values)
        epochs = np.arange(1, runs.shape[1] + 1)
        ax.plot(epochs, runs.T, style, color=colour, linewidth=0.6, alpha=0.6)
        ax.plot(epochs, runs.mean(axis=0), style, color=colour, label=label)
    ax.set(xlabel="epoch", ylabel="share that is right", ylim=(0, 1.03))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig
