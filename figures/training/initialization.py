"""Signal and gradient through 50 layers, for four sizes of the weights."""

from math import sqrt

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.neural_networks.multilayer_perceptron import relu
from reference.neural_networks.rectified_activations import relu_backward
from reference.neural_networks.saturating_activations import (
    gradient_sizes,
    tanh,
    tanh_backward,
)
from reference.training.initialization import (
    he_normal,
    signal_sizes,
    xavier_normal,
)

DEPTH, WIDTH, EXAMPLES = 50, 256, 64
CHOICES = [
    ("small, 0.01", 0.01, "C2-."),
    ("large, 1", 1.0, "C3:"),
    ("Xavier, 0.063", sqrt(1 / WIDTH), "C0-"),
    ("He, 0.088", sqrt(2 / WIDTH), "C1--"),
]


def signals() -> Figure:
    """Draw the size of every layer's output, with tanh and with ReLU."""

    def sizes(_, x, weights, activation, __):
        return signal_sizes(x, weights, activation)

    fig, axes = _panels(sizes, range(DEPTH + 1))
    axes[1].set_xlabel("layer")
    fig.supylabel("root mean square of the outputs", size="medium")
    return fig


def gradients() -> Figure:
    """Draw the size of the gradient over the layers it has passed."""

    def sizes(*stack):
        s = gradient_sizes(*stack)[::-1]
        return s / s[0]

    fig, axes = _panels(sizes, range(DEPTH + 1))
    axes[1].set_xlabel("layers that the gradient has passed")
    fig.supylabel("mean size, 1 at the output", size="medium")
    return fig


def _panels(sizes, layer):
    """Return two panels with measurement and theory for each choice."""
    fig, axes = plt.subplots(2, sharex=True, figsize=(5, 6.8))
    for ax, activation, backward, kept in (
        (axes[0], tanh, tanh_backward, 1.0),
        (axes[1], relu, relu_backward, 0.5),
    ):
        for label, std, style in CHOICES:
            measured = sizes(*_stack(label, std), activation, backward)
            theory = (std * sqrt(WIDTH * kept)) ** np.array(layer)
            ax.plot(layer, theory, color="faint", linewidth=5, zorder=1)
            ax.plot(layer, measured, style, label=label, zorder=2)
        ax.set(yscale="log", ylim=(1e-8, 1e4), xlim=(0, DEPTH))
        ax.set_yticks([1e-8, 1e-4, 1, 1e4])
        ax.minorticks_off()
    axes[0].set_title("tanh")
    axes[1].set_title("ReLU")
    axes[0].plot([], [], color="faint", linewidth=5, label="theory")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)
    return fig, axes


def _stack(label, std):
    """Return dy and x of 64 examples, and 50 layers of 256 units."""
    rng = np.random.default_rng(0)
    dy, x = rng.normal(size=(2, EXAMPLES, WIDTH))
    draw = {"X": xavier_normal, "H": he_normal}.get(label[0])
    if draw is None:
        return dy, x, std * rng.normal(size=(DEPTH, WIDTH, WIDTH))
    return dy, x, np.stack([draw(WIDTH, WIDTH, rng) for _ in range(DEPTH)])
