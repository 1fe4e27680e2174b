"""Paths and losses of full batch, mini-batch and one example at a time."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.stochastic_gradient_descent import (
    minibatches,
    sgd_step,
)
from reference.regression.least_squares import (
    least_squares,
    least_squares_gradient,
    least_squares_loss,
    with_intercept,
)

N = 64


def _data():
    """Return a design matrix and targets: a line, plus noise."""
    rng = np.random.default_rng(4)
    x = np.linspace(-1, 1, N)
    y = 1 + 2 * x + rng.normal(0, 0.8, N)
    return with_intercept(x[:, None]), y


def _run(size, epochs, rate, start, seed):
    """Return the coefficients at the start and after each iteration."""
    x, y = _data()
    rng, path = np.random.default_rng(seed), [np.array(start)]
    for _ in range(epochs):
        for s in minibatches(rng.permutation(N), size):
            g = least_squares_gradient(x[s], y[s], path[-1])
            path.append(sgd_step(path[-1], g, rate(len(path))))
    return np.stack(path)


def paths() -> Figure:
    """Draw two epochs of three batch sizes on the same contour lines."""
    x, y = _data()
    best = least_squares(x, y)
    fig, axes = plt.subplots(3, 1, figsize=(5, 6.6), sharex=True, sharey=True)
    u, v = np.meshgrid(np.linspace(-0.2, 1.6, 90), np.linspace(0.3, 3.1, 90))
    points = np.stack([u.ravel(), v.ravel()], axis=1)
    loss = np.mean((y - points @ x.T) ** 2, axis=1).reshape(u.shape)
    levels = loss.min() + 0.02 * 2.5 ** np.arange(6)
    for k, (ax, size, name) in enumerate(
        zip(
            axes,
            (N, 8, 1),
            (
                "batch size 64, 2 steps",
                "batch size 8, 16 steps",
                "batch size 1, 128 steps",
            ),
            strict=True,
        )
    ):
        path = _run(size, 2, lambda _: 0.1, (0.0, 0.6), seed=1)
        ax.contour(u, v, loss, levels, colors="faint", linewidths=1)
        ax.plot(
            *path.T,
            "o-",
            color=f"C{k}",
            markersize=5 if size > 1 else 3,
            lw=1.5 if size > 1 else 0.9,
        )
        ax.plot(*best, "+", color="ink", markersize=12)
        ax.set(ylabel="slope", xlim=(-0.2, 1.6), ylim=(0.3, 3.1))
        ax.set_title(name, loc="left")
    axes[-1].set_xlabel("intercept")
    return fig


def epochs() -> Figure:
    """Draw the loss above its minimum after each epoch, for three sizes."""
    x, y = _data()
    lowest = least_squares_loss(x, y, least_squares(x, y))
    fig, ax = plt.subplots(figsize=(5, 3.8))
    count = 40
    for k, (size, rate, name, style) in enumerate(
        (
            (N, lambda _: 0.1, "64", "-"),
            (8, lambda _: 0.1, "8", "-"),
            (1, lambda _: 0.1, "1", "-"),
            (1, lambda t: 0.1 / (1 + 0.1 * t), "1, falling rate", "--"),
        )
    ):
        excess = 0
        for seed in range(20):
            path = _run(size, count, rate, (0.0, 0.6), seed)
            ends = path[:: len(path) // count]
            excess = excess + np.mean((y - ends @ x.T) ** 2, axis=1) - lowest
        ax.semilogy(excess / 20, style, color=f"C{k}", label=name)
    ax.set(xlabel="epochs", ylabel="loss above its minimum")
    ax.legend(title="batch size", ncols=2)
    ax.minorticks_off()
    return fig
