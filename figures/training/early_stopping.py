"""Validation curve with stop and best, rules compared, and ridge."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.gradient_descent import gradient_descent

RESULT = Path(__file__).parents[2] / "experiments/training/early_stopping.json"


def _numbers():
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def curves() -> Figure:
    """Draw validation and test loss of one run, its best epoch and its stop."""
    numbers = _numbers()
    validation, test = np.array(numbers["curves"])
    best, stop = numbers["curves_best"][2], numbers["curves_stop"][2]
    epochs = np.arange(1, len(test) + 1)
    fig, ax = plt.subplots(figsize=(5.6, 3.4))
    ax.plot(epochs, test, "--", color="C0", linewidth=1.6, label="test")
    ax.plot(epochs, validation, color="C1", linewidth=1.6, label="validation")
    ax.axvline(stop, color="ink", linewidth=0.9, linestyle=":")
    ax.plot(best, validation[best - 1], "o", color="C1", markersize=8)
    for text, place, to, side in (
        (f"best: epoch {best}", (best, validation[best - 1]), (15, 0.31), 1),
        (f"stop: epoch {stop}", (stop, 0.9), (stop + 4, 0.98), 0),
    ):
        ax.annotate(
            text,
            place,
            to,
            ha=("left", "right")[side],
            va="center",
            arrowprops={"arrowstyle": "-", "color": "ink", "linewidth": 0.8},
        )
    ax.set(xlabel="epoch", ylabel="mean loss", ylim=(0.25, 1.2))
    ax.legend(loc="upper right")
    return fig


def patiences() -> Figure:
    """Draw the test loss after each way to stop, run by run."""
    numbers = _numbers()
    test = np.array(numbers["test_loss"])
    last = np.array(numbers["test_loss_unrestored"])
    names = [str(p) for p in numbers["patience"]] + ["lowest", "last"]
    place = np.arange(len(names))
    fig, ax = plt.subplots(figsize=(5.6, 3.6))
    unrestored = last[:, :5].mean(axis=0)
    ax.plot(
        place[:5] + 0.16, unrestored, "x--", color="C1", label="not restored"
    )
    ax.plot(place - 0.12, test.T, ".", color="C0", alpha=0.45, markersize=5)
    mean = test.mean(axis=0)
    ax.plot(place[:5], mean[:5], "o-", color="C0", label="best restored")
    ax.plot(place[5:], mean[5:], "s", color="C0")
    ax.axvline(4.5, color="faint", linewidth=0.9)
    ax.annotate("all 60 epochs", (5.5, 1.2), ha="center")
    ax.set(xlabel="patience in epochs", ylabel="test loss", ylim=(0.33, 1.27))
    ax.xaxis.set_label_coords(0.36, -0.13)
    ax.set_xticks(place, names)
    ax.legend(loc="upper left")
    return fig


def factors() -> Figure:
    """Draw what descent and ridge keep, against the curvature."""
    lr, h = 0.01, np.logspace(-3, 1, 161)
    path = gradient_descent(lambda b: h * (b - 1), np.zeros_like(h), lr, 10000)
    fig, ax = plt.subplots(figsize=(5.6, 3.4))
    for steps, colour, where in ((100, "C0", 1.0), (10000, "C1", 0.01)):
        penalty = 1 / (lr * steps)
        ax.plot(h, path[steps], color=colour, linewidth=2)
        ax.plot(h, h / (h + penalty), "--", color=colour, linewidth=1.4)
        at = int(np.argmin(abs(h - where)))
        ax.annotate(
            f"{steps} steps",
            (h[at], path[steps][at]),
            (-8, 6),
            textcoords="offset points",
            ha="right",
            color=colour,
        )
    ax.plot([], [], color="ink", linewidth=2, label="descent, stopped")
    ax.plot([], [], "--", color="ink", linewidth=1.4, label="ridge")
    ax.set(xscale="log", xlabel="curvature", ylabel="share kept")
    ax.legend(loc="lower right")
    return fig
