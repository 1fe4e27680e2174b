"""Two cells and their gates; gradients of a new LSTM; what training learns."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.sequences.lstm import lstm, lstm_backward

RESULT = Path(__file__).parents[2] / "experiments/sequences/lstm.json"
STEPS, UNITS, SEEDS = 60, 16, 5


def _sigmoid(z):
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def memory() -> Figure:
    """Draw two cells that are written, kept, read and erased on command."""
    value = [0.3, 1.2, -0.7, 0.5, -0.6, 0.9, -1.1, 0.4, 0.8, -0.3, 0.6, -0.9]
    x = np.zeros((1, 12, 7))
    x[0, :, 0] = value
    commands = {"write 1": [2], "write 2": [5], "erase 1": [10]}
    commands |= {"erase 2": [], "read 1": [4, 8, 12], "read 2": [8, 12]}
    for column, times in enumerate(commands.values(), start=1):
        x[0, np.array(times, dtype=int) - 1, column] = 1
    w_x, b = np.zeros((7, 8)), np.array([-8.0, -8, 8, 8, 0, 0, -8, -8])
    w_x[0, 4:6] = 1.0
    for unit in range(2):
        w_x[1 + unit, unit] = 16  # A write opens the input gate and
        w_x[1 + unit, 2 + unit] = -16  # shuts the forget gate for a step.
        w_x[3 + unit, 2 + unit] = -16
        w_x[5 + unit, 6 + unit] = 16
    zero = np.zeros((1, 2))
    h, c = lstm(x, zero, zero, w_x, np.zeros((2, 8)), b)
    z = _sigmoid(x[0] @ w_x + b)
    fig, axes = plt.subplots(
        4,
        1,
        figsize=(6, 6.2),
        sharex=True,
        height_ratios=[1, 2.2, 1.2, 1.2],
    )
    t = np.arange(1, 13)
    axes[0].axhline(0, color="faint", linewidth=1)
    axes[0].bar(t, value, width=0.3, color="C2")
    axes[0].set(ylabel="value", ylim=(-1.4, 1.4))
    rows = [0, 2, 6, 1, 3, 7]
    edges = np.arange(13) + 0.5
    axes[1].pcolormesh(
        edges,
        np.arange(7),
        z[:, rows[::-1]].T,
        cmap="page",
        vmin=0,
        vmax=1.3,
        edgecolors="faint",
        linewidth=0.5,
    )
    names = ["$i$, unit 1", "$f$, unit 1", "$o$, unit 1"]
    names += [name.replace("1", "2") for name in names]
    axes[1].set_yticks(np.arange(6) + 0.5, names[::-1])
    axes[1].axhline(3, color="ink", linewidth=1)
    for ax, state, name in ((axes[2], c, "cell"), (axes[3], h, "output")):
        ax.axhline(0, color="faint", linewidth=1)
        for unit, style, mark in ((0, "-", "o"), (1, "--", "s")):
            ax.plot(
                t,
                state[0, :, unit],
                style,
                marker=mark,
                markersize=4,
                color=f"C{unit}",
            )
        ax.set(ylabel=name, ylim=(-1, 1.1))
    axes[2].annotate("unit 1", (5, 0.36), color="C0")
    axes[2].annotate("unit 2", (8, -0.42), color="C1")
    axes[3].set(xlabel="time step", xticks=t)
    fig.align_ylabels()
    return fig


def _sizes(forget, seed):
    """Return the size of dL/dc at 0 to 60 steps before the last output."""
    rng = np.random.default_rng(seed)
    bound = UNITS**-0.5
    w_x = rng.uniform(-bound, bound, size=(UNITS, 4 * UNITS))
    w_h = rng.uniform(-bound, bound, size=(UNITS, 4 * UNITS))
    b = np.zeros(4 * UNITS)
    b[UNITS : 2 * UNITS] = forget
    x = rng.normal(size=(4, STEPS + 1, UNITS))
    h = c = np.zeros((4, UNITS))
    hs, cs = lstm(x, h, c, w_x, w_h, b)
    dh = np.zeros_like(hs)
    dh[:, -1] = rng.normal(size=(4, UNITS))
    sizes = []
    for t in range(STEPS):  # From the state after step t + 1.
        rest = dh[:, t + 1 :]
        args = x[:, t + 1 :], hs[:, t], cs[:, t], w_x, w_h, b
        dc = lstm_backward(rest, 0 * rest, *args)[2]
        sizes.append(np.sqrt(np.mean(dc**2)))
    return np.array(sizes[::-1])


def gradient() -> Figure:
    """Draw how the gradient of the cell fades, by forget bias."""
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    back = np.arange(1, STEPS + 1)
    for forget, color in ((0, "C0"), (1, "C1"), (3, "C2")):
        runs = np.array([_sizes(forget, seed) for seed in range(SEEDS)])
        runs = runs / runs[:, :1]
        ax.plot(back, runs.T, color=color, linewidth=0.6, alpha=0.5)
        ax.plot(back, np.exp(np.log(runs).mean(0)), color=color, linewidth=2)
        rule = _sigmoid(forget) ** (back - 1)
        ax.plot(back, rule, "--", color="ink", linewidth=1)
        where = {0: (3, 1e-9), 1: (38, 2e-3), 3: (38, 6)}[forget]
        ax.annotate(f"forget bias {forget}", where, color=color)
    ax.set(
        xlabel="steps back",
        ylabel=r"size of $\partial L / \partial c$",
        yscale="log",
        ylim=(1e-13, 100),
    )
    return fig


def training() -> Figure:
    """Draw the share of right answers over the length, run by run."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    lengths = np.array(numbers["lengths"])
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    ax.axhline(0.25, color="faint", linewidth=1)
    for k, (name, style, label) in enumerate(
        (
            ("lstm_3", "-", "LSTM, forget bias 3"),
            ("rnn", "-.", "tanh network"),
            ("lstm_1", "--", "LSTM, forget bias 1"),
            ("lstm_0", ":", "LSTM, forget bias 0"),
        )
    ):
        runs, color = np.array(numbers[name]), f"C{k}"
        spread = lengths + (k - 1.5) * 1.2
        ax.plot(spread, runs, ".", color=color, markersize=5)
        ax.plot(spread, runs.mean(1), style, color=color, label=label)
    ax.set(
        xlabel="length of the sequences",
        ylabel="accuracy",
        xticks=lengths,
        ylim=(0, 1.05),
    )
    ax.set_xlim(16, 64)
    fig.legend(loc="outside upper center", ncols=2)
    return fig
