"""A gradient on its way back through time, and how far it gets."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.sequences.backpropagation_through_time import (
    jacobian_product,
    state_gradients,
    state_jacobian,
)
from reference.sequences.rnn import rnn

UNITS, STEPS, EVERY, SEEDS = 50, 100, 5, 6
HS = np.array([[[0.5], [0.6], [0.8], [0.0]]])
W_H = np.array([[2.0]])


def unrolled() -> Figure:
    """Draw the example's three steps, forwards, backwards and the sum."""
    last = np.array([[[0.0], [0.0], [1.0]]])
    delta = state_gradients(last, HS, W_H).ravel()
    factors = state_jacobian(HS[0, 1:], W_H).ravel()
    h = HS.ravel()
    parts = h[:-1] * delta[1:] * (1 - h[1:] ** 2)
    fig, ax = plt.subplots(figsize=(5.6, 4))
    states, gradients, boxes, total = 3.0, 2.1, 1.05, 0.1
    for t in range(4):
        box = {"boxstyle": "circle,pad=0.35", "fc": "paper", "ec": "C0"}
        ax.text(t, states, f"{h[t]:.1f}", ha="center", va="center", bbox=box)
        ax.text(t, states + 0.42, f"$h_{t}$", ha="center", va="bottom")
        ax.text(t, gradients, f"{delta[t]:.2f}", ha="center", va="center")
    line = {"shrinkA": 0, "shrinkB": 0}
    for t, factor in enumerate(factors):
        forth = {"arrowstyle": "->", "color": "C0", **line}
        back = {"arrowstyle": "->", "color": "C1", "ls": "--", **line}
        part = {"arrowstyle": "->", "color": "C2", **line}
        ends = (t + 0.7, states), (t + 0.3, states)
        ax.annotate("", *ends, arrowprops=forth)
        ends = (t + 0.3, gradients), (t + 0.7, gradients)
        ax.annotate("", *ends, arrowprops=back)
        label = rf"$\times$ {factor:.2f}"
        ax.text(t + 0.5, gradients + 0.12, label, ha="center", va="bottom")
        ends = (t + 0.5, boxes + 0.25), (t + 0.95, gradients - 0.2)
        ax.annotate("", *ends, arrowprops=part)
        box = {"boxstyle": "round,pad=0.3", "fc": "paper", "ec": "C2"}
        spot = t + 0.5, boxes
        ax.text(*spot, f"{parts[t]:.2f}", ha="center", va="center", bbox=box)
        ends = (1.5 + (t - 1) * 0.35, total + 0.25), (t + 0.5, boxes - 0.25)
        ax.annotate("", *ends, arrowprops=part)
    label = rf"$\partial L / \partial w_h =$ {parts.sum():.2f}"
    ax.text(1.5, total, label, ha="center", va="center")
    names = "state", r"gradient $\delta_t$", "part of\nstep $t$", "sum"
    heights = states, gradients, boxes, total
    for name, height in zip(names, heights, strict=True):
        ax.text(-1.35, height, name, ha="left", va="center")
    ax.set(xlim=(-1.4, 3.4), ylim=(-0.2, 3.8))
    ax.axis("off")
    return fig


def _lengths(radius, size, seed):
    """Return how much 0, 5, 10 ... steps back stretch a gradient at most."""
    rng = np.random.default_rng(seed)
    w_h = rng.normal(size=(UNITS, UNITS))
    w_h = radius / np.abs(np.linalg.eigvals(w_h)).max() * w_h
    x = size * rng.normal(size=(1, STEPS, UNITS))
    h_0, b = np.zeros((1, UNITS)), np.zeros(UNITS)
    h = rnn(x, h_0, np.eye(UNITS), w_h, b).h
    hs = np.concatenate((h_0[:, None], h), axis=1)
    product, lengths = np.eye(UNITS), [1.0]
    for end in range(STEPS, 0, -EVERY):
        product = product @ jacobian_product(hs[:, end - EVERY : end + 1], w_h)
        lengths.append(np.linalg.norm(product[0], 2))
    return lengths


def far() -> Figure:
    """Draw the length of the product over 100 steps, without and with input.

    Each line is one random network; the thick ones are the powers of the
    spectral radius.
    """
    steps = np.arange(0, STEPS + 1, EVERY)
    fig, axes = plt.subplots(3, sharex=True, figsize=(5, 7.4))
    titles = (
        "no input, all states 0",
        "inputs of size 0.1",
        "inputs of size 0.5",
    )
    for ax, size, title in zip(axes, (0.0, 0.1, 0.5), titles, strict=True):
        for radius, style in ((1.5, "C3:"), (1.0, "C0-"), (0.5, "C2-.")):
            ax.plot(steps, radius**steps, color="faint", linewidth=5, zorder=1)
            for seed in range(SEEDS):
                label = f"radius {radius:g}" if seed == 0 else None
                lengths = _lengths(radius, size, seed)
                ax.plot(steps, lengths, style, label=label, linewidth=1.2)
        ax.set(yscale="log", ylim=(1e-22, 1e20), xlim=(0, STEPS), title=title)
        ax.set_yticks([1e-20, 1e-10, 1, 1e10, 1e20])
        ax.minorticks_off()
    axes[0].plot([], [], color="faint", linewidth=5, label="its power")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)
    axes[2].set_xlabel("steps back")
    fig.supylabel("largest stretch of a gradient", size="medium")
    return fig
