"""The shapes of the schedules, and what they do on a noisy valley."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.optimization.learning_rate_schedules import (
    cosine,
    inverse_sqrt,
    linear,
    step_decay,
    warmup,
)


def schedules() -> Figure:
    """Draw six schedules over 100 steps."""
    t = np.arange(100)
    late = np.maximum(t - 10, 0)
    fig, axes = plt.subplots(3, 2, figsize=(5, 5.4), sharex=True, sharey=True)
    for ax, (name, rates) in zip(
        axes.flat,
        (
            ("step decay", step_decay(t, 1.0, [50, 75])),
            ("linear", linear(t, 1.0, 100)),
            ("cosine", cosine(t, 1.0, 100)),
            (
                "warm-up, inverse root",
                warmup(t, 10) * inverse_sqrt(t, 1.0, 10),
            ),
            ("warm-up, cosine", warmup(t, 10) * cosine(late, 1.0, 90)),
            ("cosine, restarted", cosine(t % 25, 1.0, 25)),
        ),
        strict=True,
    ):
        ax.plot(t, rates, drawstyle="steps-post")
        ax.set_title(name)
        ax.set(xticks=(0, 25, 50, 75, 100), yticks=(0, 0.5, 1))
        ax.grid(visible=True)
    for ax in axes[-1]:
        ax.set_xlabel("steps made, $t$")
    for ax in axes[:, 0]:
        ax.set_ylabel("rate $\\eta_t$")
    return fig


def _losses(rates: np.ndarray) -> np.ndarray:
    """Return the mean loss after each step down the noisy valley."""
    h, v = np.array([1.0, 0.02]), np.array([4.0, 0.08])
    u = [np.array([4.0, 400.0])]
    for lr in rates:
        u.append((1 - lr * h) ** 2 * u[-1] + lr**2 * v)
    return np.stack(u) @ h / 2


def noisy_valley() -> Figure:
    """Draw four schedules, and the mean loss of each over its steps."""
    t = np.arange(200)
    fig, (top, bottom) = plt.subplots(
        2, 1, figsize=(5, 5), sharex=True, height_ratios=[1, 1.7]
    )
    for name, style, rates in (
        ("constant 1", "C0--", np.full(200, 1.0)),
        ("constant 0.1", "C1:", np.full(200, 0.1)),
        ("step decay", "C2-", step_decay(t, 1.0, [100, 150])),
        ("cosine", "C3-.", cosine(t, 1.0, 200)),
    ):
        top.plot(t, rates, style, drawstyle="steps-post")
        bottom.plot(_losses(rates), style, label=name)
    top.set(ylabel="rate $\\eta_t$", yticks=(0, 0.5, 1))
    bottom.set(yscale="log", ylabel="mean loss", xlabel="steps made, $t$")
    bottom.set(ylim=(0.08, 8), yticks=(0.1, 1), yticklabels=("0.1", "1"))
    bottom.set_xticks((0, 50, 100, 150, 200))
    bottom.minorticks_off()
    bottom.legend(loc="lower left")
    return fig
