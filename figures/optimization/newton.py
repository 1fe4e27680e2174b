"""A parabola's bottom and top, and what steps cost beside gradient descent."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer

from reference.classification.logistic_regression import gradient, hessian
from reference.optimization.newton import newton_step, predicted_change
from reference.regression.design_matrix import standardize


def parabolas() -> Figure:
    """Draw a loss, its tangent and its parabola, at two places."""
    fig, axes = plt.subplots(2, 1, figsize=(5, 5.6))
    for ax, at in zip(axes, (1.0, -1.0), strict=True):
        theta = np.array([at])
        slope, curved = theta**2 - 2, np.diag(2 * theta)
        value = at**3 / 3 - 2 * at
        there = newton_step(theta, slope, curved)
        x = np.linspace(at - 1, at + 1, 101)
        model = np.array(
            [predicted_change(slope, curved, v - theta) for v in x[:, None]]
        )
        ax.plot(x, x**3 / 3 - 2 * x, color="ink", label="loss $f$")
        ax.plot(x, value + slope * (x - at), ":", label="tangent line")
        ax.plot(x, value + model, "--", label="parabola $m$")
        ax.plot(at, value, "o", color="ink", markersize=8)
        end = value + predicted_change(slope, curved, there - theta)
        ax.plot(there, end, "s", color="C1", markersize=8)
        root = np.copysign(np.sqrt(2), at)
        ax.plot(root, root**3 / 3 - 2 * root, "|", color="ink", markersize=24)
        ax.set(
            xlabel="$\\theta$",
            ylim=(-2.4, 0.4) if at > 0 else (-0.4, 2.4),
            yticks=np.sign(at) * np.array([-2, -1, 0]),
            xticks=at + np.arange(-1, 1.5, 0.5),
        )
        ax.set_title(f"from ${at:g}$ to ${there[0]:g}$", loc="left")
    axes[0].legend(loc="upper right", ncols=1)
    return fig


def cost() -> Figure:
    """Draw the distance to the minimum over steps and over the work."""
    x, y = load_breast_cancer(return_X_y=True)
    x = standardize(x[:, :10]).z
    (n, p), penalty = (x.shape[0], x.shape[1] + 1), 0.01
    newton, descent = [np.zeros(p)], [np.zeros(p)]
    for _ in range(12):
        beta = newton[-1]
        g, h = gradient(x, y, beta, penalty), hessian(x, beta, penalty)
        newton.append(newton_step(beta, g, h))
    lr = 1 / np.linalg.eigvalsh(hessian(x, descent[0], penalty)).max()
    for _ in range(4000):
        beta = descent[-1]
        descent.append(beta - lr * gradient(x, y, beta, penalty))
    fig, axes = plt.subplots(2, 1, figsize=(5, 5.6), sharey=True)
    work = 2 * n * p
    for path, extra, style, name in (
        (newton, n * p**2 + p**3 / 3, "s-", "Newton"),
        (descent, 0, "-", "gradient descent"),
    ):
        error = np.linalg.norm(path - newton[-1], axis=1)
        error = error[error > 1e-12] / error[0]
        steps = np.arange(1, error.size)
        for ax, unit in zip(axes, (1, work + extra), strict=True):
            ax.loglog(steps * unit, error[1:], style, label=name, markersize=6)
    axes[0].set(xlabel="steps", ylabel="distance left")
    axes[1].set(xlabel="multiplications", ylabel="distance left")
    axes[0].set(yticks=(1e-12, 1e-8, 1e-4, 1))
    axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    for ax in axes:
        ax.minorticks_off()
    return fig
