"""The losses, and where one flipped label moves the boundary."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.classification.margin_losses import (
    exponential,
    exponential_backward,
    hinge,
    hinge_backward,
    logistic,
    logistic_backward,
    margin,
    zero_one,
)

STYLES = {
    "hinge": ("C0", "-"),
    "logistic": ("C1", "--"),
    "exponential": ("C2", "-."),
}


def losses() -> Figure:
    """Draw the four losses against the margin."""
    fig, ax = plt.subplots(figsize=(5, 3.6))
    m = np.linspace(-2.5, 3, 221)
    for loss in (exponential, hinge, logistic):
        color, style = STYLES[loss.__name__]
        ax.plot(m, loss(m), style, color=color, label=loss.__name__)
    for side in (m[m <= 0], m[m > 0]):
        ax.plot(side, zero_one(side), color="ink")
    ax.plot([], [], color="ink", label="zero-one")
    ax.plot(0, zero_one(np.zeros(1))[0], "o", color="ink")
    ax.axvline(0, color="faint", lw=1, zorder=0)
    ax.text(-0.1, 4.05, "mistake", ha="right", va="top")
    ax.text(0.1, 4.05, "correct", va="top")
    ax.set(xlabel="margin $m$", ylabel="loss", ylim=(-0.1, 4.1))
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.93))
    return fig


def flipped_label() -> Figure:
    """Draw where the boundary goes when one flipped label moves away."""
    x = np.array([-1.0, -1, -1, 1, 1, 1])
    y = np.array([-1.0, -1, -1, 1, 1, 1, -1])
    far = np.linspace(1, 7, 25)
    fig, ax = plt.subplots()
    for backward in (exponential_backward, logistic_backward, hinge_backward):
        name = backward.__name__.removesuffix("_backward")
        color, style = STYLES[name]
        found = [
            _root(_boundary_slope, backward, np.append(x, t), y) for t in far
        ]
        ax.plot(far, found, style, color=color, label=name)
    ax.axhline(1, color="ink", lw=1, ls=":")
    ax.text(7, 1.06, "the three positive examples", ha="right")
    ax.set(xlabel="where the flipped example lies", ylabel="boundary $b$")
    ax.legend()
    return fig


def _boundary_slope(b, backward, x, y):
    """Return the slope of the summed losses of the scores x - b in b."""
    return -np.sum(y * backward(1.0, margin(y, x - b)))


def _root(slope, *args):
    """Return where an increasing function of one number changes its sign."""
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        if slope(middle, *args) > 0:
            high = middle
        else:
            low = middle
    return low
