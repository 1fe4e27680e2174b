"""Two paths to a shrunk minimum, and training with more and more decay."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.stochastic_gradient_descent import sgd_step
from reference.training.weight_decay import decayed_minimum

RESULT = Path(__file__).parents[2] / "experiments/training/weight_decay.json"
HESSIAN, MINIMUM = np.diag([2.0, 0.125]), np.array([2.0, 2.0])


def _ticks(decays: list[float]) -> list[str]:
    """Return labels of decays that are 0 or mostly powers of ten."""
    labels = []
    for decay in decays:
        power = np.log10(decay) if decay else 0.0
        short = decay and power == round(power) and power < 0
        labels.append(f"$10^{{{power:.0f}}}$" if short else f"{decay:g}")
    return labels


def paths() -> Figure:
    """Draw gradient descent with decay and without, on a long valley."""
    fig, ax = plt.subplots(figsize=(5, 4))
    circle = np.linspace(0, 2 * np.pi, 200)
    ring = np.array([np.cos(circle), np.sin(circle)])
    for level in (0.02, 0.08, 0.18, 0.32):
        axes = np.sqrt(2 * level / np.diag(HESSIAN))
        ax.plot(*(MINIMUM[:, None] + axes[:, None] * ring), color="faint", lw=1)
    for decay, style, color, label in (
        (0.0, "o-", "C1", "no decay"),
        (0.5, "s-", "C0", "$\\lambda = 0.5$"),
    ):
        theta = [np.zeros(2)]
        for _ in range(100):
            slope = HESSIAN @ (theta[-1] - MINIMUM)
            theta.append(sgd_step(theta[-1], slope, 0.3, decay))
        ax.plot(*np.array(theta).T, style, color=color, ms=4, lw=1, label=label)
    end = decayed_minimum(HESSIAN, MINIMUM, 0.5)
    ends = [decayed_minimum(HESSIAN, MINIMUM, d) for d in np.logspace(-4, 3)]
    ax.plot(*np.array(ends).T, ":", color="ink", label="all ends")
    for place in (MINIMUM, end):
        ax.plot(*place, "*", color="ink", ms=12)
    ax.annotate("minimum\nof the loss", MINIMUM, (2.2, 1.8))
    ax.annotate("(1.6, 0.4)", end, (0.85, 0.55))
    ax.set(aspect="equal", xlim=(-0.2, 3.3), ylim=(-0.3, 2.9))
    ax.set(xlabel="$\\theta_1$ (steep)", ylabel="$\\theta_2$ (flat)")
    ax.legend(loc="upper left")
    return fig


def training() -> Figure:
    """Draw length of the weights and losses over the decay, run by run."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, axes = plt.subplots(1, 2, figsize=(6.2, 3.6))
    place = np.arange(len(numbers["decay"]))
    for ax, name, style, color, label in (
        (axes[0], "norm", "o-", "C2", "length of the weights"),
        (axes[1], "loss", "s--", "C0", "training"),
        (axes[1], "validation_loss", "o-", "C1", "validation"),
    ):
        runs = np.array(numbers[name])
        ax.plot(place, runs, color=color, linewidth=0.5, alpha=0.6)
        ax.plot(place, runs.mean(axis=1), style, color=color, label=label)
        ax.set_xticks(place, _ticks(numbers["decay"]))
        ax.set(xlabel="weight decay $\\lambda$", ylim=(0, None))
    axes[0].set_title("length of the weights")
    axes[1].set_title("loss after the last epoch")
    axes[1].legend(loc="upper left")
    return fig


def adam() -> Figure:
    """Draw the validation loss of Adam with a penalty, and of AdamW."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, axes = plt.subplots(1, 2, figsize=(6.2, 3.2), sharey=True)
    for ax, name, title in zip(
        axes,
        ("adam", "adamw"),
        ("Adam, L2 penalty", "AdamW, decoupled"),
        strict=True,
    ):
        part = numbers[name]
        place = np.arange(len(part["decay"]))
        for rate, runs, style, color in zip(
            part["rate"],
            np.array(part["validation_loss"]),
            ("o-", "s--"),
            ("C0", "C1"),
            strict=True,
        ):
            ax.plot(place, runs, color=color, linewidth=0.5, alpha=0.6)
            label = f"learning rate {rate:g}"
            ax.plot(place, runs.mean(axis=1), style, color=color, label=label)
        ax.set_xticks(place, _ticks(part["decay"]))
        ax.set(xlabel="weight decay $\\lambda$", title=title, ylim=(0, 2))
    axes[0].set_ylabel("validation loss")
    axes[0].legend(loc="upper left")
    return fig
