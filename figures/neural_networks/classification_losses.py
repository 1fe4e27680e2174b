"""The loss of a logit with its gradient, and what rounding does to it."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.classification.logistic_regression import sigmoid
from reference.neural_networks.classification_losses import (
    binary_cross_entropy,
    binary_cross_entropy_gradient,
)


def losses_and_gradients() -> Figure:
    """Draw the loss of one entry, and its gradient, over the logit."""
    z = np.linspace(-5, 5, 201)
    fig, (top, bottom) = plt.subplots(2, figsize=(5, 5.6), sharex=True)
    for label, style in ((1, "C0-"), (0, "C1--")):
        y = np.array([label])
        loss = [binary_cross_entropy(np.array([a]), y) for a in z]
        slope = [binary_cross_entropy_gradient(np.array([a]), y)[0] for a in z]
        top.plot(z, loss, style, label=f"label {label}")
        bottom.plot(z, slope, style)
    top.plot([-5, 0], [1, 1], "C2-.", label="0–1 loss, label 1")
    top.plot([0, 5], [0, 0], "C2-.", clip_on=False)
    top.set(ylim=(0, 5), ylabel="loss")
    bottom.set(ylim=(-1.1, 1.1), ylabel="gradient, $p - y$", xlim=(-5, 5))
    bottom.set_xlabel("logit $z$")
    bottom.set_xticks(range(-4, 5, 2))
    for ax in (top, bottom):
        ax.grid()
    fig.legend(
        loc="outside upper center", ncols=3, columnspacing=1, handlelength=2.2
    )
    return fig


def rounding() -> Figure:
    """Draw the loss of label 0 in float32, from p and from the logit."""
    z = np.linspace(12, 20, 1601, dtype=np.float32)
    zero = np.zeros(1)
    loss = [binary_cross_entropy(z[n : n + 1], zero) for n in range(len(z))]
    rest = 1 - sigmoid(z)
    clipped = np.maximum(rest, np.finfo(np.float32).eps)
    fig, ax = plt.subplots(figsize=(5, 3.4))
    ax.plot(z, loss, "C0", label="from the logit")
    ax.plot(z, -np.log(clipped), "C1--", label="from $p$, clipped")
    last = z[rest > 0][-1]
    ax.axvline(last, color="faint", linestyle=":")
    ax.text(last + 0.15, 12.3, "here $1 - p$ is\nrounded to 0")
    ax.set(xlabel="logit $z$", ylabel="loss of label 0")
    ax.set(xlim=(12, 20), ylim=(12, 20))
    ax.grid()
    ax.legend(loc="upper left")
    return fig
