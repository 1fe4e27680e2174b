"""The table of sines and cosines, what it tells of distance, and rotations."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.transformers.positional_encoding import rotary, sinusoidal


def table() -> Figure:
    """Draw the encodings of 24 positions, 16 entries each."""
    p = sinusoidal(np.arange(24.0), 16)
    fig, ax = plt.subplots(figsize=(5, 4.4))
    cells = ax.pcolormesh(p, cmap="page_diverging", vmin=-1, vmax=1)
    fig.colorbar(cells, ax=ax, ticks=[-1, 0, 1])
    ax.set_xticks(np.arange(0, 16, 2) + 0.5, range(0, 16, 2))
    ax.set_yticks(np.arange(0, 24, 4) + 0.5, range(0, 24, 4))
    ax.tick_params(length=0)
    ax.invert_yaxis()
    ax.set(xlabel="entry", ylabel="position t")
    return fig


def distance() -> Figure:
    """Draw the mean cosine of two positions over their distance."""
    d, s = 128, np.arange(1.0, 1001)
    omega = 1 - np.arange(d / 2) / (d / 2)
    geometric = sinusoidal(s, d) @ sinusoidal(np.zeros(1), d)[0] / (d / 2)
    equal = np.cos(s[:, None] * omega).mean(axis=1)
    fig, ax = plt.subplots(figsize=(5, 3.6))
    ax.semilogx(s, equal, "C1--", label="equally spaced", linewidth=1)
    ax.semilogx(s, geometric, "C0-", label="geometric")
    rule = 1 - np.log(s) / np.log(10000)
    ax.semilogx(s, rule, ":", color="ink", label="rule of thumb")
    ax.set(xlabel="distance s of two positions", ylabel="mean cosine")
    ax.set(ylim=(-0.3, 1.6), yticks=[0, 0.5, 1])
    ax.legend(loc="upper left")
    return fig


def turn() -> Figure:
    """Draw one query and one key, turned at two pairs of positions."""
    angle = np.radians(20)  # What one step of this pair turns.
    vectors = np.array([[2.0, 0.0], [1.5, 0.0]])
    fig, axes = plt.subplots(1, 2, figsize=(6, 2.2), sharey=True)
    for ax, (m, n) in zip(axes, [(1, 3), (5, 7)], strict=True):
        tips = rotary(vectors, angle * np.array([m, n], dtype=float))
        labels = f"$q$ at {m}", f"$k$ at {n}"
        for (x, y), color, line, label in zip(
            tips, ("C0", "C1"), "-:", labels, strict=True
        ):
            ax.plot([0, x], [0, y], color=color, linestyle=line, linewidth=2.5)
            ax.plot(x, y, "o", color=color)
            ax.annotate(
                label,
                (x, y),
                (6 if x > 0 else -6, 5),
                textcoords="offset points",
                ha="left" if x > 0 else "right",
            )
        between = np.radians(np.linspace(20 * m, 20 * n))
        ax.plot(0.6 * np.cos(between), 0.6 * np.sin(between), color="ink")
        middle = np.radians(10 * (m + n))
        ax.annotate(
            "40°",
            (1.15 * np.cos(middle), 1.15 * np.sin(middle)),
            ha="center",
            va="center",
        )
        ax.axhline(0, color="faint", linewidth=1, zorder=0)
        ax.axvline(0, color="faint", linewidth=1, zorder=0)
        ax.set(xlim=(-2.6, 2.9), ylim=(-0.2, 2.6), aspect="equal")
        ax.set(xlabel="entry 0", xticks=[-2, 0, 2])
    axes[0].set_ylabel("entry 1")
    return fig
