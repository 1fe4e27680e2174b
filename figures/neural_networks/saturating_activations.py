"""Three activations with their slopes, and gradients through 30 layers."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.neural_networks.saturating_activations import (
    gradient_sizes,
    sigmoid,
    sigmoid_backward,
    step,
    tanh,
    tanh_backward,
)


def functions_and_slopes() -> Figure:
    """Draw step, sigmoid and tanh, and the slopes of the two smooth ones."""
    z = np.linspace(-6, 6, 481)
    one = np.ones_like(z)
    fig, (top, bottom) = plt.subplots(2, figsize=(5, 5.4), sharex=True)
    jump = np.where(z == 0, np.nan, step(z))  # a jump, not a steep line
    flat = np.where(z == 0, np.nan, 0 * z)
    for label, values, slopes, style in (
        ("step", jump, flat, "C2-."),
        ("sigmoid", sigmoid(z), sigmoid_backward(one, z), "C0-"),
        ("tanh", tanh(z), tanh_backward(one, z), "C1--"),
    ):
        top.plot(z, values, style, label=label)
        bottom.plot(z, slopes, style)
    top.plot(0, 0, "o", color="C2", markersize=5)
    top.set(ylim=(-1.1, 1.1), yticks=[-1, 0, 1], ylabel="output")
    bottom.set(ylim=(-0.05, 1.1), yticks=[0, 0.25, 1], ylabel="slope")
    bottom.set(xlabel="$z$", xticks=range(-6, 7, 2))
    bottom.set_yticks([0, 0.25, 1], ["0", "¼", "1"])
    for ax in (top, bottom):
        ax.grid()
        ax.set_xlim(-6, 6)
    fig.legend(loc="outside upper center", ncols=3, columnspacing=1.2)
    return fig


def gradients_through_depth() -> Figure:
    """Draw mean gradient sizes over the number of layers passed."""
    fig, ax = plt.subplots(figsize=(5, 3.8))
    passed = np.arange(31)
    for label, activation, backward, style, place in (
        ("no activation", lambda z: z, lambda dy, _: dy, "C2-.", (29.5, 30)),
        ("tanh", tanh, tanh_backward, "C1--", (29.5, 1e-3)),
        ("sigmoid", sigmoid, sigmoid_backward, "C0-", (18, 1e-9)),
    ):
        runs = []
        for seed in range(5):
            s = gradient_sizes(*_stack(seed), activation, backward)
            runs.append(s[::-1] / s[-1])
        low, high = np.min(runs, axis=0), np.max(runs, axis=0)
        ax.fill_between(passed, low, high, color=style[:2], alpha=0.3)
        ax.plot(passed, np.exp(np.mean(np.log(runs), axis=0)), style)
        ax.text(*place, label, ha="right" if place[0] > 29 else "left")
    ax.set(yscale="log", ylim=(1e-21, 1e4), xlim=(0, 30))
    ax.set_yticks([1, 1e-5, 1e-10, 1e-15, 1e-20])
    ax.minorticks_off()
    ax.grid()
    ax.set_xlabel("layers that the gradient has passed")
    ax.set_ylabel("mean size, 1 at the output")
    return fig


def _stack(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dy and x of 32 examples, and 30 layers of 64 units."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(30, 64, 64)) / 8
    dy, x = rng.normal(size=(2, 32, 64))
    return dy, x, weights
