"""Four functions and their slopes, a unit that dies, a gradient's way back."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.neural_networks.multilayer_perceptron import relu
from reference.neural_networks.rectified_activations import (
    elu,
    elu_backward,
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    relu_backward,
)

FUNCTIONS = (
    ("ReLU", "C0-", relu, relu_backward),
    (
        "leaky ReLU",
        "C1--",
        partial(leaky_relu, slope=0.1),
        partial(leaky_relu_backward, slope=0.1),
    ),
    ("ELU", "C2-.", elu, elu_backward),
    ("GELU", "C3:", gelu, gelu_backward),
)


def functions_and_slopes() -> Figure:
    """Draw the four functions and, below, their slopes."""
    z = np.linspace(-4, 3, 701)
    fig, (top, bottom) = plt.subplots(2, figsize=(5, 5.6), sharex=True)
    for name, style, function, backward in FUNCTIONS:
        slope = backward(np.ones_like(z), z)
        jump = np.abs(np.diff(slope, append=slope[-1])) > 0.5
        slope[jump] = np.nan  # a jump, not a steep line
        top.plot(z, function(z), style, label=name, linewidth=2)
        bottom.plot(z, slope, style, linewidth=2)
    top.set(ylim=(-1.2, 3), ylabel="output $h$")
    bottom.set(ylim=(-0.2, 1.3), ylabel="slope", yticks=[0, 0.5, 1])
    bottom.set(xlabel="pre-activation $z$", xlim=(-4, 3))
    for ax in (top, bottom):
        ax.grid()
    fig.legend(loc="outside upper center", ncols=2, handlelength=2.4)
    return fig


def dying() -> Figure:
    """Draw the unit of the example, and what 300 steps do after its death."""
    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0])
    fig, (top, bottom) = plt.subplots(2, figsize=(5, 5.8))
    z = 2 * x - 3
    dz = relu_backward(relu(z) - y, z)
    line = np.linspace(0.5, 3.5, 301)
    top.plot(x, y, "o", color="ink", label="targets", zorder=3)
    for rate, style, label in (
        (0.0, "C0-", "at first"),
        (0.1, "C1--", "after a step, rate 0.1"),
        (0.5, "C3-.", "after a step, rate 0.5"),
    ):
        w, b = 2 - rate * np.sum(dz * x), -3 - rate * np.sum(dz)
        top.plot(line, relu(w * line + b), style, label=label, linewidth=2)
    top.set(xlabel="input $x$", ylabel="output $h$", xticks=[1, 2, 3])
    top.set(xlim=(0.5, 3.5), ylim=(-0.2, 4.4))
    top.legend(loc="upper left")
    for name, style, function, backward in FUNCTIONS:
        w, b, losses = 0.5, -3.5, []
        for _ in range(301):
            z = w * x + b
            losses.append(np.sum((function(z) - y) ** 2) / 2)
            dz = backward(function(z) - y, z)
            w, b = w - 0.05 * np.sum(dz * x), b - 0.05 * np.sum(dz)
        bottom.semilogy(losses, style, label=name, linewidth=2)
    bottom.set(xlabel="step", ylabel="loss", xlim=(0, 300), ylim=(1e-3, 30))
    bottom.grid()
    bottom.legend(loc="lower left", handlelength=2.4)
    return fig


def through_layers() -> Figure:
    """Draw the length of the gradient on its way back through 50 layers."""
    fig, ax = plt.subplots(figsize=(5, 3.8))
    layers = np.arange(50, -1, -1)
    for gain, style, label in (
        (2.0, "C0-", "gain $2$"),
        (np.sqrt(2), "C1--", "gain $\\sqrt{2}$"),
        (1.0, "C2-.", "gain $1$"),
    ):
        rng = np.random.default_rng(0)
        h, dh = rng.normal(size=(2, 32, 128))
        weights = rng.normal(size=(50, 128, 128)) * gain / np.sqrt(128)
        zs = []
        for w in weights:
            zs.append(h @ w)
            h = relu(zs[-1])
        lengths = [np.linalg.norm(dh)]
        for w, z in zip(weights[::-1], zs[::-1], strict=True):
            dh = relu_backward(dh, z) @ w.T
            lengths.append(np.linalg.norm(dh))
        ratio = np.array(lengths) / lengths[0]
        expected = (gain / np.sqrt(2)) ** (50.0 - layers)
        ax.semilogy(layers, expected, color="ink", linewidth=0.8)
        ax.semilogy(layers, ratio, style, label=label, linewidth=2)
    ax.set(xlabel="layer", ylabel="length of the gradient", xlim=(0, 50))
    ax.set(yticks=[1e-8, 1e-4, 1, 1e4, 1e8], ylim=(1e-9, 1e9))
    ax.grid()
    ax.legend(loc="upper right", handlelength=2.4)
    return fig
