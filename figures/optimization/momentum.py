"""Three paths through a valley, and what too much momentum does."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.momentum import momentum_step, nesterov_step


def _path(step, curvatures, start, steps, **options) -> np.ndarray:
    """Return the path down a valley with these curvatures along the axes."""
    theta, state, path = np.array(start), None, [np.array(start)]
    for _ in range(steps):
        theta, state = step(theta, curvatures * theta, state, **options)
        path.append(theta)
    return np.stack(path)


def paths() -> Figure:
    """Draw gradient descent, the heavy ball and Nesterov, each at its best."""
    fig, axes = plt.subplots(3, 1, figsize=(5, 5.2), sharex=True, sharey=True)
    curvatures = np.array([1.0, 9.0])
    u, v = np.meshgrid(np.linspace(-1, 10, 120), np.linspace(-1.7, 1.7, 80))
    f = (curvatures[0] * u**2 + curvatures[1] * v**2) / 2
    for k, (ax, (name, step, lr, mu)) in enumerate(
        zip(
            axes,
            (
                ("gradient descent", momentum_step, 0.2, 0.0),
                ("heavy ball", momentum_step, 0.25, 0.25),
                ("Nesterov", nesterov_step, 1 / 9, 0.5),
            ),
            strict=True,
        )
    ):
        path = _path(step, curvatures, (9.0, 1.0), 8, lr=lr, momentum=mu)
        levels = 45 * 0.55 ** np.arange(8, -1, -1)
        ax.contour(u, v, f, levels, colors="faint", linewidths=1)
        ax.plot(*path.T, "o-", color=f"C{k}", markersize=5, lw=1.5)
        ax.plot(0, 0, "+", color="ink", markersize=12)
        ax.set(aspect="equal", xticks=(0, 3, 6, 9), yticks=(-1, 0, 1))
        ax.set(ylabel="$\\theta_2$")
        left = f"{path[-1, 0]:.2f}"
        ax.set_title(f"{name}: after 8 steps $\\theta_1 = {left}$", loc="left")
    axes[-1].set_xlabel("$\\theta_1$")
    return fig


def too_much() -> Figure:
    """Draw a parabola's parameter and loss by step, for four momenta."""
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(5, 5), sharex=True)
    for mu, style in ((0.0, "--"), (0.81, "-."), (0.9, "-"), (0.99, ":")):
        path = _path(
            momentum_step, np.ones(1), (1.0,), 250, lr=0.01, momentum=mu
        )
        top.plot(path, style, label=f"$\\mu = {mu:g}$")
        bottom.semilogy(path**2 / 2, style)
    top.axhline(0, color="faint", lw=1, zorder=0)
    top.set(ylabel="$\\theta_t$", yticks=(-1, -0.5, 0, 0.5, 1))
    bottom.set(xlabel="step $t$", ylabel="loss", ylim=(1e-8, 2))
    bottom.set(yticks=10.0 ** np.arange(-8, 1, 2))
    bottom.minorticks_off()
    top.legend(
        ncols=4,
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        columnspacing=1,
        handlelength=1.6,
        borderaxespad=0,
    )
    return fig
