"""What the discriminator says, what the generator learns, what comes out."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.generative.gan import (
    generator_loss_gradient,
    optimal_discriminator,
    saturating_generator_loss_gradient,
)

RESULT = Path(__file__).parents[2] / "experiments/generative/gan.json"


def discriminators() -> Figure:
    """Draw the best discriminator for a bad, a better and a good generator."""
    fig, axes = plt.subplots(3, 1, figsize=(5, 5.6), sharex=True)
    x = np.linspace(-4, 5, 200)
    p = _normal(x, 1)
    for ax, mean in zip(axes, (-2, 0, 1), strict=True):
        q = _normal(x, mean)
        ax.fill_between(x, p, color="C0", alpha=0.2, linewidth=0)
        ax.plot(x, p, color="C0")
        ax.plot(x, q, color="C1", linestyle="--")
        best = optimal_discriminator(p, q)
        ax.plot(x, best, color="ink", linewidth=1.5)
        ax.set(ylim=(0, 1.08), yticks=[0, 0.5, 1])
        ax.annotate("$D^*$", (4.9, best[-1] - 0.16), ha="right")
    axes[0].annotate("real $p$", (1, 0.42), color="C0", ha="center")
    axes[0].annotate("generator $q$", (-2, 0.42), color="C1", ha="center")
    axes[2].annotate("$p = q$", (-0.5, 0.22), ha="right")
    axes[2].set(xlabel="x")
    return fig


def gradients() -> Figure:
    """Draw how strongly each loss pulls at one logit."""
    fig, ax = plt.subplots(figsize=(5, 3))
    b = np.linspace(-8, 8, 161)
    for gradient, colour, style in (
        (generator_loss_gradient, "C0", "-"),
        (saturating_generator_loss_gradient, "C1", "--"),
    ):
        ax.plot(
            b,
            [-gradient(np.array([z]))[0] for z in b],
            color=colour,
            linestyle=style,
        )
    ax.annotate("non-saturating", (-8, 0.88), color="C0")
    ax.annotate("saturating", (-8, 0.07), color="C1")
    ax.annotate("sure of a fake", (-7.9, 0.5))
    ax.annotate("taken for real", (7.9, 0.5), ha="right")
    ax.axvline(0, color="faint", linewidth=1)
    ax.set(xlabel="logit $b$ of a fake", ylabel="pull upwards", ylim=(0, 1.04))
    return fig


def ring() -> Figure:
    """Draw samples of two runs on a ring of 8 Gaussians, at three times."""
    numbers = _numbers()
    angles = 2 * np.pi * np.arange(8) / 8
    fig, axes = plt.subplots(2, 3, figsize=(5.4, 3.9), sharex=True, sharey=True)
    for row, play, label in (
        (axes[0], "equal_rates", "equal rates"),
        (axes[1], "non_saturating", "slower generator"),
    ):
        pictures = numbers[play]["pictures"]
        for ax, (step, text) in zip(row, pictures.items(), strict=True):
            x = np.array(text.split(), dtype=float).reshape(-1, 2) / 100
            ax.plot(
                np.cos(angles),
                np.sin(angles),
                "o",
                markersize=12,
                markerfacecolor="none",
                markeredgecolor="C1",
                markeredgewidth=1,
            )
            ax.plot(*x.T, ".", color="C0", markersize=2.5)
            ax.set(xticks=[], yticks=[], aspect="equal")
            ax.set(xlim=(-1.65, 1.65), ylim=(-1.65, 1.65))
            if play == "equal_rates":
                ax.set_title(f"{step} steps")
        row[0].set_ylabel(label)
    return fig


def modes() -> Figure:
    """Draw how many of the 8 modes each of fifteen runs covers."""
    numbers = _numbers()
    fig, axes = plt.subplots(3, 1, figsize=(5, 5.6), sharex=True, sharey=True)
    for ax, play, title, colour in (
        (axes[0], "equal_rates", "non-saturating, equal rates", "C0"),
        (axes[1], "non_saturating", "non-saturating, slower generator", "C0"),
        (axes[2], "saturating", "saturating, slower generator", "C1"),
    ):
        for i, run in enumerate(numbers[play]["covered"]):
            shift = (i - 2) * 0.08  # lines that coincide stay visible
            ax.plot(
                numbers["steps"],
                np.array(run) + shift,
                color=colour,
                linewidth=1,
            )
        ax.set(yticks=[0, 2, 4, 6, 8], ylim=(-0.4, 8.6), ylabel="modes covered")
        ax.set_title(title, loc="left")
    axes[2].set(xlabel="steps")
    return fig


def _normal(x: np.ndarray, mean: float) -> np.ndarray:
    """Return the density of a Gaussian with standard deviation 1."""
    return np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi)


def _numbers() -> dict:
    """Return what the experiment measured."""
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
