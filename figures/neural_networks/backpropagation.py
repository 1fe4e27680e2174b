"""A network as a graph with all its gradients, and two wrong gradients."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.foundations.affine_maps import affine_backward
from reference.neural_networks.backpropagation import (
    Gradients,
    backward,
    forward,
    loss_and_gradients,
)
from reference.neural_networks.multilayer_perceptron import Dense
from reference.neural_networks.regression_losses import (
    mean_squared_error,
    mean_squared_error_gradient,
)

FOLD = Dense(np.array([[1.0, -1.0], [1.0, 3.0]]), np.array([0.0, -1.0]))
READ = Dense(np.array([[2.0], [-1.0]]), np.array([3.0]))
X, Y = np.array([[1.0, 2.0]]), np.array([[4.0]])


def _nodes():
    """Return place, value and gradient of each node."""
    y_hat, cache = forward(X, [FOLD, READ])
    loss, gradients = loss_and_gradients(X, Y, [FOLD, READ])
    dx, (dfold, dread) = gradients
    h = cache.inputs[1]
    dy = mean_squared_error_gradient(y_hat, Y)
    dh = backward(dy, forward(h, [READ])[1]).dx
    columns = (
        (0, "x", X[0], dx[0]),
        (1.75, "z", (X @ FOLD.w + FOLD.b)[0], dfold.b),
        (2.75, "h", h[0], dh[0]),
    )
    nodes = {
        f"{name}_{i + 1}": (x, 2 - 2 * i, values[i], slopes[i])
        for x, name, values, slopes in columns
        for i in range(2)
    }
    nodes[r"\hat{y}"] = (3.9, 1, y_hat.item(), dread.b.item())
    nodes["L"] = (4.9, 1, loss.item(), 1.0)
    return nodes


def _edges():
    """Return ends, local derivative, weight's gradient, place of labels."""
    _, gradients = loss_and_gradients(X, Y, [FOLD, READ])
    dfold, dread = gradients.layers
    places = {(0, 0): 0.5, (1, 1): 0.5, (0, 1): 0.27, (1, 0): 0.27}
    edges = [
        (f"x_{d + 1}", f"z_{k + 1}", FOLD.w[d, k], dfold.w[d, k], place)
        for (d, k), place in places.items()
    ]
    for k in range(2):
        name = f"h_{k + 1}"
        edges.append((f"z_{k + 1}", name, 1.0, None, 0.5))
        edges.append((name, r"\hat{y}", READ.w[k, 0], dread.w[k, 0], 0.5))
    return [*edges, (r"\hat{y}", "L", dread.b.item(), None, 0.5)]


def _signed(number):
    """Return a whole number as text with a real minus."""
    return f"{number:.0f}".replace("-", "−")


def graph() -> Figure:
    """Draw the 2-2-1 network with values, local derivatives, gradients."""
    nodes = _nodes()
    fig, ax = plt.subplots(figsize=(5.4, 3.9))
    place = {"textcoords": "offset points", "ha": "center", "va": "center"}
    for start, end, local, slope, share in _edges():
        here, there = np.array(nodes[start][:2]), np.array(nodes[end][:2])
        arrow = {
            "arrowstyle": "->",
            "color": "ink",
            "shrinkA": 16,
            "shrinkB": 16,
        }
        ax.annotate("", there, here, arrowprops=arrow)
        move = there - here
        normal = np.array([-0.9 * move[1], move[0]])
        # Farther sideways: numbers are wider than high.
        normal = np.array([13, 10]) * normal / np.hypot(*normal)
        at = here + share * move
        ax.annotate(_signed(local), at, normal, color="C0", **place)
        if slope is not None:
            text = _signed(slope)
            ax.annotate(text, at, -normal, color="C2", style="italic", **place)
    for name, (x, y, value, gradient) in nodes.items():
        ax.plot(x, y, "o", ms=28, mfc="paper", mec="ink", mew=1)
        ax.annotate(_signed(value), (x, y), (0, 0), **place)
        ax.annotate(f"${name}$", (x, y), (0, 24), **place)
        text = _signed(gradient)
        ax.annotate(text, (x, y), (0, -23), color="C1", weight="bold", **place)
    ax.set(xlim=(-0.35, 5.2), ylim=(-0.6, 2.5))
    ax.set_axis_off()
    return fig


def _without_gate(dy, cache):
    """Return what `backward` returns if one forgets ReLU's derivative."""
    layers = []
    for layer, h in zip(cache.layers[::-1], cache.inputs[::-1], strict=True):
        dy, dw, db = affine_backward(dy, h, *layer)
        layers.append(Dense(dw, db))
    return Gradients(dy, tuple(reversed(layers)))


def _losses(gradients_of, rate, steps):
    """Return the losses of a network that learns a sine."""
    rng = np.random.default_rng(1)
    x = np.linspace(-2, 2, 41)[:, None]
    y = np.sin(np.pi * x / 2)
    layers = [
        Dense(rng.normal(size=(1, 16)), rng.normal(size=16)),
        Dense(rng.normal(size=(16, 1)) / 4, np.zeros(1)),
    ]
    losses = []
    for _ in range(steps + 1):
        y_hat, cache = forward(x, layers)
        losses.append(mean_squared_error(y_hat, y))
        dy = mean_squared_error_gradient(y_hat, y)
        layers = [
            Dense(w - rate * dw, b - rate * db)
            for (w, b), (dw, db) in zip(
                layers, gradients_of(dy, cache).layers, strict=True
            )
        ]
    return losses


def wrong_gradients() -> Figure:
    """Draw the loss of descent with the right and two wrong gradients."""
    fig, ax = plt.subplots(figsize=(5, 3.4))
    for label, gradients_of, rate, steps, style in (
        ("wrong sign", backward, -0.05, 5, "C2:"),
        ("ReLU forgotten", _without_gate, 0.05, 3000, "C1--"),
        ("right", backward, 0.05, 3000, "C0-"),
    ):
        losses = _losses(gradients_of, rate, steps)
        ax.loglog(range(1, steps + 2), losses, style, label=label)
    ax.set(xlabel="step", ylabel="loss", ylim=(1e-3, 10))
    ax.legend(loc="upper right")
    return fig
