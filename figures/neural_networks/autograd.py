"""The graph of the example, and a network that the engine trained."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import make_moons

from reference.neural_networks.autograd import (
    Variable,
    backward,
    topological_order,
)


def graph() -> Figure:
    """Draw f = (a + b) b at a = 2, b = 3 with values and gradients."""
    a, b = Variable(2.0), Variable(3.0)
    s = a + b
    f = s * b
    backward(f)
    places = {
        a: (0, 2, "$a$"),
        b: (0, 0, "$b$"),
        s: (1.5, 2, "$s = a + b$"),
        f: (3, 1, "$f = sb$"),
    }
    offsets = {(a, s): (0, 9), (b, s): (-9, 6), (s, f): (4, 9), (b, f): (4, -9)}
    fig, ax = plt.subplots(figsize=(5, 3.4))
    for node in topological_order(f):
        x, y, name = places[node]
        for parent, rule in node.edges:
            here, there = np.array(places[parent][:2]), np.array((x, y))
            arrow = {
                "arrowstyle": "->",
                "color": "ink",
                "shrinkA": 19,
                "shrinkB": 19,
            }
            ax.annotate("", there, here, arrowprops=arrow)
            ax.annotate(
                f"{rule(1.0):.0f}",
                (here + there) / 2,
                offsets[parent, node],
                textcoords="offset points",
                color="C0",
                ha="center",
                va="center",
            )
        ax.plot(x, y, "o", ms=33, mfc="paper", mec="ink", mew=1)
        ax.annotate(f"{node.value:.0f}", (x, y), ha="center", va="center")
        for text, offset, color in (
            (name, 26, "ink"),
            (f"{node.gradient:.0f}", -26, "C1"),
        ):
            ax.annotate(
                text,
                (x, y),
                (0, offset),
                textcoords="offset points",
                color=color,
                ha="center",
                va="center",
            )
    ax.set(xlim=(-0.35, 3.4), ylim=(-0.75, 2.7))
    ax.set_axis_off()
    return fig


def training() -> Figure:
    """Draw the moons, the curve that a trained network draws, and its loss."""
    x, target = make_moons(200, noise=0.15, random_state=0)
    y = 2.0 * target[:, None] - 1
    rng = np.random.default_rng(0)
    w1, b1 = Variable(rng.normal(size=(2, 16))), Variable(rng.normal(size=16))
    w2, b2 = Variable(rng.normal(size=(16, 1)) / 4), Variable(np.zeros(1))

    def network(x):
        return (x @ w1 + b1).tanh() @ w2 + b2

    losses = []
    for _ in range(1000):
        loss = ((network(x) - y) ** 2).mean()
        backward(loss)
        losses.append(loss.value)
        for p in (w1, b1, w2, b2):
            p.value = p.value - 0.1 * p.gradient
            p.gradient = None
    fig, (top, bottom) = plt.subplots(
        2, 1, figsize=(5, 5.6), height_ratios=[1.7, 1]
    )
    u, v = np.meshgrid(np.linspace(-1.6, 2.6, 80), np.linspace(-1.1, 1.6, 60))
    grid = np.stack((u.ravel(), v.ravel()), axis=1)
    height = network(grid).value.reshape(u.shape)
    top.contour(u, v, height, [0], colors="ink", linewidths=2)
    for label, marker in ((0, "o"), (1, "s")):
        top.plot(
            *x[target == label].T, marker, color=f"C{label}", ms=4, alpha=0.8
        )
    top.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    top.set(xticks=(-1, 0, 1, 2), yticks=(-1, 0, 1))
    bottom.semilogy(np.arange(1, 1001), losses)
    bottom.set(xlabel="step", ylabel="loss", ylim=(0.07, 1.5))
    bottom.set_yticks((0.1, 0.3, 1), ("0.1", "0.3", "1"))
    bottom.minorticks_off()
    return fig
