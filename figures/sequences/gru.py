"""Two units and their gates; gradients of a new GRU; what training learns."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.sequences.gru import gru, gru_cell_backward

RESULTS = Path(__file__).parents[2] / "experiments/sequences"
STEPS, UNITS, SEEDS = 60, 16, 5


def _sigmoid(a):
    return 0.5 + 0.5 * np.tanh(0.5 * a)


def memory() -> Figure:
    """Draw two units which write on command, with open and shut reset."""
    value = [0.3, 0.6, -0.7, 0.5, -0.6, 0.7, -0.9, 0.4, 0.8, -0.5, 0.6, -0.8]
    x = np.zeros((1, 12, 2))
    x[0, :, 0] = value
    x[0, [1, 5, 9], 1] = 1  # The command to write.
    w_x, w_h = np.zeros((2, 6)), np.zeros((2, 6))
    b = np.array([8.0, -8, 8, 8, 0, 0])  # r of unit 1 open, of unit 2 shut
    w_x[1, 2:4] = -16
    w_x[0, 4:] = 1
    w_h[[0, 1], [4, 5]] = 1  # Each candidate sees its own unit.
    h = gru(x, np.zeros((1, 2)), w_x, w_h, b, 0 * b)
    gates = _sigmoid(x[0] @ w_x + b)
    fig, axes = plt.subplots(
        3, 1, figsize=(6, 5), sharex=True, height_ratios=[1, 1.5, 1.6]
    )
    t = np.arange(1, 13)
    axes[0].axhline(0, color="faint", linewidth=1)
    axes[0].bar(t, value, width=0.3, color="C2")
    axes[0].set(ylabel="value", ylim=(-1.1, 1.1))
    axes[1].pcolormesh(
        np.arange(13) + 0.5,
        np.arange(5),
        gates[:, [3, 1, 2, 0]].T,
        cmap="page",
        vmin=0,
        vmax=1.3,
        edgecolors="faint",
        linewidth=0.5,
    )
    names = ["$z$, unit 2", "$r$, unit 2", "$z$, unit 1", "$r$, unit 1"]
    axes[1].set_yticks(np.arange(4) + 0.5, names)
    axes[1].axhline(2, color="ink", linewidth=1)
    axes[2].axhline(0, color="faint", linewidth=1)
    for unit, style, mark in ((0, "-", "o"), (1, "--", "s")):
        axes[2].plot(
            t,
            h[0, :, unit],
            style,
            marker=mark,
            markersize=4,
            color=f"C{unit}",
        )
    axes[2].annotate("unit 1", (6.6, 0.93), color="C0")
    axes[2].annotate("unit 2", (6.6, 0.36), color="C1")
    axes[2].set(ylabel="state", ylim=(-0.75, 1.2))
    axes[2].set(xlabel="time step", xticks=t)
    fig.align_ylabels()
    return fig


def _sizes(update, seed):
    """Return the size of dL/dh at 1 to 60 steps before the last output."""
    rng = np.random.default_rng(seed)
    bound = UNITS**-0.5
    w_x = rng.uniform(-bound, bound, size=(UNITS, 3 * UNITS))
    w_h = rng.uniform(-bound, bound, size=(UNITS, 3 * UNITS))
    b = np.zeros(3 * UNITS)
    b[UNITS : 2 * UNITS] = update
    weights = w_x, w_h, b, 0 * b
    x = rng.normal(size=(4, STEPS + 1, UNITS))
    hs = gru(x, np.zeros((4, UNITS)), *weights)
    dh, sizes = rng.normal(size=(4, UNITS)), []
    for t in range(STEPS, 0, -1):
        dh = gru_cell_backward(dh, x[:, t], hs[:, t - 1], *weights)[1]
        sizes.append(np.sqrt(np.mean(dh**2)))
    return np.array(sizes)


def gradient() -> Figure:
    """Draw how the gradient of the state fades, by update bias."""
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    back = np.arange(1, STEPS + 1)
    for update, color in ((0, "C0"), (1, "C1"), (3, "C2")):
        runs = np.array([_sizes(update, seed) for seed in range(SEEDS)])
        runs = runs / runs[:, :1]
        ax.plot(back, runs.T, color=color, linewidth=0.6, alpha=0.5)
        ax.plot(back, np.exp(np.log(runs).mean(0)), color=color, linewidth=2)
        rule = _sigmoid(update) ** (back - 1)
        ax.plot(back, rule, "--", color="ink", linewidth=1)
        where = {0: (3, 1e-9), 1: (38, 2e-3), 3: (38, 6)}[update]
        ax.annotate(f"update bias {update}", where, color=color)
    ax.set(
        xlabel="steps back",
        ylabel=r"size of $\partial L / \partial h$",
        yscale="log",
        ylim=(1e-13, 100),
    )
    return fig


def training() -> Figure:
    """Draw the share of right answers over the length, run by run."""
    numbers = {}
    for page in ("gru", "lstm"):
        text = (RESULTS / f"{page}.json").read_text(encoding="utf-8")
        numbers |= json.loads(text)["numbers"]
    lengths = np.array(numbers["lengths"])
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    ax.axhline(0.25, color="faint", linewidth=1)
    for k, (name, style, label) in enumerate(
        (
            ("gru_3", "-", "GRU, update bias 3"),
            ("gru_1", "--", "GRU, update bias 1"),
            ("gru_0", ":", "GRU, update bias 0"),
            ("lstm_3", "-.", "LSTM, forget bias 3"),
        )
    ):
        runs, color = np.array(numbers[name]), f"C{k}"
        spread = lengths + (k - 1.5) * 1.2
        ax.plot(spread, runs, ".", color=color, markersize=5)
        ax.plot(spread, runs.mean(1), style, color=color, label=label)
    ax.set(xlabel="steps", ylabel="accuracy", xticks=lengths, ylim=(0, 1.05))
    ax.set_xlim(16, 64)
    fig.legend(loc="outside upper center", ncols=2)
    return fig
