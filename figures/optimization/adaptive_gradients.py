"""Rates of a common and a rare parameter, and paths through two valleys."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.adaptive_gradients import (
    adagrad_step,
    rmsprop_step,
)


def rates() -> Figure:
    """Draw each parameter's rate after each step, in units of eta."""
    often = np.ones(60)
    seldom = np.where(np.arange(60) % 10 == 0, 1.0, 0.0)
    fig, axes = plt.subplots(2, 1, figsize=(5, 4.8), sharex=True)
    for ax, name in zip(axes, ("AdaGrad", "RMSProp"), strict=True):
        theta, state, rows = np.zeros(2), None, []
        for g in np.stack((often, seldom), axis=1):
            if name == "AdaGrad":
                theta, state = adagrad_step(theta, g, state, 1.0)
                square = state.s
            else:
                theta, state = rmsprop_step(theta, g, state, 1.0, rho=0.9)
                square = state.v
            rows.append(1 / np.sqrt(square))
        t = np.arange(1, 61)
        common, rare = np.stack(rows, axis=1)
        ax.plot(t, rare, "--", color="C1", label="rare: every tenth step")
        ax.plot(t, common, color="C0", label="common: every step")
        ax.set_title(name, loc="left")
        ax.set_ylabel("rate / $\\eta$")
        ax.grid(axis="y")
    axes[0].set(ylim=(0, 1.1), yticks=(0, 0.5, 1))
    axes[1].set(ylim=(0, 5.4), yticks=range(6))
    axes[0].legend(loc="upper right")
    axes[1].set(xlabel="step $t$", xticks=(1, 11, 21, 31, 41, 51))
    return fig


def valleys() -> Figure:
    """Draw AdaGrad and gradient descent in a valley, straight and turned."""
    fig, axes = plt.subplots(2, 1, figsize=(4.8, 6.8))
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    u, v = np.meshgrid(np.linspace(-2.5, 5, 121), np.linspace(-2.5, 5, 121))
    for ax, q, name in (
        (axes[0], np.eye(2), "along the axes"),
        (axes[1], turn, "turned by 45°"),
    ):
        hessian = q @ np.diag([1.0, 25.0]) @ q.T
        f = (
            hessian[0, 0] * u**2
            + 2 * hessian[0, 1] * u * v
            + hessian[1, 1] * v**2
        ) / 2
        levels = 117 * 0.4 ** np.arange(5, -1, -1)
        ax.contour(u, v, f, levels, colors="faint", linewidths=1)
        plain, ada = [q @ np.array([3.0, 3.0])], [q @ np.array([3.0, 3.0])]
        state = None
        for _ in range(20):
            plain.append(plain[-1] - 1 / 25 * hessian @ plain[-1])
            theta, state = adagrad_step(
                ada[-1], hessian @ ada[-1], state, lr=1.0
            )
            ada.append(theta)
        ax.plot(
            *np.stack(plain).T,
            "s--",
            color="C1",
            label="gradient descent",
            markersize=4,
            lw=1.2,
        )
        ax.plot(
            *np.stack(ada).T,
            "o-",
            color="C0",
            label="AdaGrad",
            markersize=5,
            lw=1.5,
        )
        ax.plot(0, 0, "+", color="ink", markersize=12)
        ax.set_title(name, loc="left")
        ax.set(aspect="equal", xlabel="$\\theta_1$", ylabel="$\\theta_2$")
    axes[0].set(xlim=(-1, 5), ylim=(-1, 3.5))
    axes[1].set(xlim=(-2.5, 3.5), ylim=(-0.6, 4.6))
    axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1))
    return fig
