"""The widest band for two penalties, and a curved boundary."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.classification.kernels import linear, rbf
from reference.classification.support_vector_machine import (
    decision_function,
    primal_weights,
    roles,
    smo,
)

X = np.array([[3.0, 3.0], [5.0, 3.0], [1.0, 1.0], [1.0, -1.0]])
Y = np.array([1, 1, -1, -1])


def _examples(ax, x, y, role):
    """Draw the examples, with a ring around every support vector."""
    ax.plot(*x[y > 0].T, "o", color="C0", label="class +1", ms=5)
    ax.plot(*x[y < 0].T, "^", color="C1", label="class −1", ms=5)
    ring = {"ls": "none", "mfc": "none", "color": "ink", "mew": 1.2, "ms": 12}
    for kind, shape, label in ((1, "o", "0 < α < C"), (2, "s", "α = C")):
        if (role == kind).any():
            ax.plot(*x[role == kind].T, shape, label=label, **ring)


def _legend(fig, axes):
    """Draw each label once, below the panels."""
    pairs = [
        pair
        for ax in axes
        for pair in zip(*ax.get_legend_handles_labels(), strict=True)
    ]
    named = {label: handle for handle, label in pairs}
    fig.legend(
        named.values(), named.keys(), loc="outside lower center", ncols=2
    )


def bands() -> Figure:
    """Draw boundary and band of the four points for two penalties."""
    fig, axes = plt.subplots(2, 1, figsize=(4.4, 7), sharex=True)
    across = np.array([-1.5, 6.5])
    for ax, penalty in zip(axes, (0.5, 2.0), strict=True):
        alpha, bias, _ = smo(linear(X, X), Y, penalty)
        w = primal_weights(X, Y, alpha)
        for score, style in ((-1, "--"), (0, "-"), (1, "--")):
            up = (score - bias - w[0] * across) / w[1]
            ax.plot(across, up, style, color="ink", lw=1.2)
            here = (
                np.array([2.0, 2.0])
                + (score - (w.sum() * 2 + bias)) / (w @ w) * w
            )
            here = here + np.array([1.7, -1.7])
            ax.text(
                *here,
                f"$f={score}$".replace("-", "−"),
                ha="center",
                va="center",
                bbox={"fc": "paper", "ec": "none", "pad": 1},
            )
        low, high = ((score - bias - w[0] * across) / w[1] for score in (-1, 1))
        ax.fill_between(across, low, high, color="C2", alpha=0.15, lw=0)
        _examples(ax, X, Y, roles(alpha, penalty))
        width = 2 / np.linalg.norm(w)
        name = "½" if penalty < 1 else "2"
        ax.set_title(f"λ = {name}: band of width {width:.2f}")
        ax.set(aspect="equal", ylabel="$x_2$")
        ax.set(xlim=(-1.5, 6.5), ylim=(-2.5, 5.5))
    axes[1].set_xlabel("$x_1$")
    _legend(fig, axes)
    return fig


def curved() -> Figure:
    """Draw a boundary with the RBF kernel around the class in the middle."""
    rng = np.random.default_rng(2)
    angle = rng.uniform(0, 2 * np.pi, 60)
    y = np.repeat([1, -1], 30)
    radius = np.where(y > 0, 0.9, 2.1) + 0.35 * rng.normal(size=60)
    x = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    alpha, bias, _ = smo(rbf(x, x, 0.5), y, 1 / 60)
    side = np.linspace(-3.2, 3.2, 81)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    k = rbf(grid.reshape(-1, 2), x, 0.5)
    score = decision_function(k, y, alpha, bias).reshape(81, 81)
    fig, ax = plt.subplots(figsize=(4.4, 5))
    ax.contour(
        side,
        side,
        score,
        levels=[-1, 0, 1],
        colors=["ink"] * 3,
        linestyles=["--", "-", "--"],
        linewidths=1.2,
    )
    _examples(ax, x, y, roles(alpha, 1 / 60))
    ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    _legend(fig, [ax])
    return fig
