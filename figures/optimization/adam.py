"""Adam's first steps with and without correction, and a race of optimizers."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.adam import AdamState, adam_step
from reference.optimization.adaptive_gradients import (
    adadelta_step,
    adagrad_step,
    rmsprop_step,
)
from reference.optimization.momentum import momentum_step, nesterov_step
from reference.optimization.stochastic_gradient_descent import sgd_step

STEPS, NEAR = 500, 0.05


def _plain_step(theta, gradient, state, lr):
    """Return a step of gradient descent, with a state as the others have."""
    return sgd_step(theta, gradient, lr), state


METHODS = {
    "gradient descent": _plain_step,
    "heavy ball": momentum_step,
    "Nesterov": nesterov_step,
    "AdaGrad": adagrad_step,
    "RMSProp": rmsprop_step,
    "Adadelta": adadelta_step,
    "Adam": adam_step,
}
# For each landscape: its loss, its gradient, starts (the first is drawn), ends.
VALLEY = (
    lambda u, v: (u**2 + 50 * v**2) / 2,
    lambda theta: np.array([1.0, 50.0]) * theta,
    [(4.0, 1.0), (3.0, 1.0), (4.0, 0.5), (2.0, 1.0), (4.0, -0.2)],
    [(0.0, 0.0)],
)
SADDLE = (
    lambda u, v: u**2 - v**2 + v**4 / 2,
    lambda theta: (
        2 * theta * np.array([1.0, -1.0]) + 2 * theta**3 * np.array([0.0, 1.0])
    ),
    [(1.0, 1e-3), (1.0, 1e-2), (1.0, 1e-4)],
    [(0.0, 1.0), (0.0, -1.0)],
)


def correction() -> Figure:
    """Draw the lengths of steps under a constant gradient, by step."""
    one, zero = np.ones(1), np.zeros(1)
    t = np.arange(1, 5001)
    right, none = [], []
    # A state that counts a million steps is as good as corrected.
    for lengths, state in (
        (right, None),
        (none, AdamState(zero, zero, 10**6, zero)),
    ):
        for _ in t:
            move, state = adam_step(zero, one, state, lr=1.0)
            lengths.append(-move[0])
    fig, ax = plt.subplots(figsize=(5, 3.4))
    ax.semilogx(t, none, "--", color="C1", label="without correction")
    ax.semilogx(t, right, color="C0", label="Adam")
    wrong = np.array(none) * np.sqrt(1 - 0.999) / (1 - 0.9)
    ax.semilogx(t, wrong, ":", color="C2", label="corrected without $t$")
    ax.set(xlabel="step $t$", ylabel="length of the step / $\\eta$")
    ax.set(ylim=(0, 7.6), xlim=(1, 5000))
    ax.legend(loc="upper right")
    return fig


def _walk(step, landscape, lr) -> np.ndarray | None:
    """Return the paths from all starts, or None if they leave the picture."""
    _, gradient, starts, _ = landscape
    theta, state, rows = np.array(starts), None, [np.array(starts)]
    for _ in range(STEPS):
        theta, state = step(theta, gradient(theta), state, lr=lr)
        if np.max(np.abs(theta)) > 1e3:
            return None
        rows.append(theta)
    return np.stack(rows)


def _steps(rows, ends) -> tuple[int, float]:
    """Return after which step all paths stay near an end, and the last gap."""
    gaps = [np.linalg.norm(rows - np.array(end), axis=-1) for end in ends]
    gap = np.max(np.min(gaps, axis=0), axis=1)
    outside = np.flatnonzero(gap > NEAR)
    return int(outside[-1]) + 1 if len(outside) else 0, float(gap[-1])


def _best(step, landscape) -> tuple[int, float, np.ndarray]:
    """Return the fewest steps of any rate of the grid, the rate, the paths.

    If no rate arrives, the one that comes nearest is the best.
    """
    tries = []
    for lr in 10 ** (np.arange(-8, 5) / 4):
        rows = _walk(step, landscape, lr)
        if rows is not None:
            tries.append((_steps(rows, landscape[3]), lr, rows))
    (steps, _), lr, rows = min(tries, key=lambda found: found[:2])
    return steps, lr, rows


def race() -> Figure:
    """Draw forty steps of seven methods in a valley and at a saddle."""
    fig, axes = plt.subplots(
        7, 2, figsize=(5, 9.4), sharex="col", sharey="col",
        width_ratios=[1.25, 1],
    )  # fmt: skip
    u, v = np.meshgrid(np.linspace(-1.8, 4.6, 99), np.linspace(-2.4, 1.6, 99))
    for column, landscape, levels in (
        (axes[:, 0], VALLEY, 33 * 0.4 ** np.arange(5, -1, -1)),
        (axes[:, 1], SADDLE, np.array([-0.45, -0.3, -0.1, 0.1, 0.4, 1.0])),
    ):
        loss, _, starts, ends = landscape
        for ax, (name, step) in zip(column, METHODS.items(), strict=True):
            count, _, rows = _best(step, landscape)
            drawn = rows[:41, 0]
            ax.contour(
                u, v, loss(u, v), levels, colors="faint", linewidths=0.8,
                linestyles="solid",
            )  # fmt: skip
            ax.plot(*drawn.T, ".-", color="C0", markersize=3, lw=1)
            ax.plot(*drawn[::10].T, "o", color="C0", markersize=4)
            ax.plot(
                *starts[0], "o", color="ink", markerfacecolor="paper",
                markersize=6,
            )  # fmt: skip
            for end in ends:
                ax.plot(*end, "+", color="ink", markersize=9)
            steps = f"{count if count <= STEPS else f'> {STEPS}'} steps"
            if landscape is VALLEY:
                steps = f"{name}: {steps}"
            ax.set_title(steps, loc="left", pad=3)
    for ax in axes[:, 0]:
        ax.set(xlim=(-1.8, 4.6), ylim=(-2.4, 1.5), yticks=(-2, -1, 0, 1))
        ax.set_ylabel("$\\theta_2$")
    for ax in axes[:, 1]:
        ax.set(xlim=(-1.3, 1.3), ylim=(-1.4, 1.6), yticks=(-1, 0, 1))
    for ax in axes[-1]:
        ax.set_xlabel("$\\theta_1$")
    return fig
