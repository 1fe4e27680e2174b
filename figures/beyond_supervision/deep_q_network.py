"""Values that spread through a corridor, and returns while learning."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.beyond_supervision.deep_q_network import bellman

RESULT = (
    Path(__file__).parents[2]
    / "experiments/beyond_supervision/deep_q_network.json"
)
LEFT, RIGHT, STREET = 0, 1, 3


def sweeps() -> Figure:
    """Draw the values of both actions in three rooms, sweep by sweep."""
    p, r = np.zeros((4, 2, 4)), np.zeros((4, 2))
    p[STREET, :, STREET] = 1
    for room in range(3):
        p[room, LEFT, room - 1 if room else STREET] = 1
        p[room, RIGHT, room + 1] = 1
    r[0, LEFT], r[2, RIGHT] = 3, 8
    q = np.zeros((4, 2))
    fig, ax = plt.subplots(figsize=(5.4, 3.5))
    for sweep in range(4):
        for room in range(3):
            box = plt.Rectangle((room, -sweep - 0.4), 1, 0.8)
            box.set(facecolor="none", edgecolor="ink", linewidth=1)
            ax.add_patch(box)
            for action, x, side in (
                (LEFT, 0.05, "left"),
                (RIGHT, 0.95, "right"),
            ):
                value = q[room, action]
                best = value == q[room].max() > 0
                label = f"{value:g}"
                ax.text(
                    room + x,
                    -sweep,
                    rf"$\leftarrow$ {label}"
                    if action == LEFT
                    else rf"{label} $\rightarrow$",
                    ha=side,
                    va="center",
                    color="C1" if best else "ink",
                    weight="bold" if best else "normal",
                )
        ax.text(-0.1, -sweep, f"sweep {sweep}", ha="right", va="center")
        q = bellman(q, p, r, 0.5)
    for room in range(3):
        ax.text(room + 0.5, 0.62, f"room {room}", ha="center", va="center")
    ax.text(0, -3.65, r"$\leftarrow$ pays 3", ha="left", va="center")
    ax.text(3, -3.65, r"pays 8 $\rightarrow$", ha="right", va="center")
    ax.set(xlim=(-0.75, 3.05), ylim=(-3.9, 0.9))
    ax.axis("off")
    return fig


def learning() -> Figure:
    """Draw the returns of all runs of three variants, and their means."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, axes = plt.subplots(3, figsize=(5, 5.4), sharex=True, sharey=True)
    for ax, (name, colour, title) in zip(
        axes,
        (
            ("full", "C0", "with both"),
            ("no_copy", "C1", "without a frozen copy"),
            ("short_memory", "C2", "only the last 64 steps remembered"),
        ),
        strict=True,
    ):
        runs = np.array(numbers[name]["learning"])
        ax.plot(numbers["step"], runs.T, color=colour, linewidth=0.8)
        ax.plot(numbers["step"], runs.mean(axis=0), color=colour, linewidth=2.6)
        ax.set_title(title, fontsize=11)
        ax.set(ylabel="return")
    axes[0].set(ylim=(0, None), xlim=(0, None))
    axes[-1].set(xlabel="steps of play")
    fig.tight_layout()
    return fig
