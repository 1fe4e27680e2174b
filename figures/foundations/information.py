"""Mean surprise as area, and what the two directions of KL prefer."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reference.foundations.information import (
    cross_entropy,
    entropy,
    kl_divergence,
)

P = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8])
Q = np.array([1 / 4, 1 / 8, 1 / 2, 1 / 8])
OUTCOMES = ("sun", "cloud", "rain", "snow")


def areas() -> Figure:
    """Draw entropy and cross entropy as areas: probability times bits."""
    fig, axes = plt.subplots(2, 1, figsize=(4.6, 5.2), sharex=True)
    left = np.concatenate(([0.0], np.cumsum(P)[:-1]))
    for ax, believed, color, name, nats in (
        (axes[0], P, "C0", "entropy", entropy(P)),
        (axes[1], Q, "C1", "cross entropy", cross_entropy(P, Q)),
    ):
        for x, width, height, own in zip(
            left, P, -np.log2(believed), -np.log2(P), strict=True
        ):
            ax.add_patch(
                Rectangle(
                    (x, 0), width, height, facecolor=color, alpha=0.3, lw=0
                )
            )
            ax.add_patch(
                Rectangle((x, 0), width, height, fill=False, clip_on=False)
            )
            if believed is not P:
                ax.plot([x, x + width], [own, own], "--", color="C0")
            ax.text(
                x + width / 2,
                0.35,
                f"{height:.0f}",
                ha="center",
                va="center",
            )
        ax.set(
            xlim=(0, 1),
            ylim=(0, 3.4),
            yticks=range(4),
            ylabel="surprise in bits",
        )
        ax.set_title(f"{name} {nats / np.log(2):.2f} bits")
    axes[1].set_xticks(left + P / 2, OUTCOMES)
    axes[0].tick_params(axis="x", length=0)
    axes[1].tick_params(axis="x", length=0)
    axes[1].set_xlabel("width: how often it comes, $p_i$")
    return fig


def directions() -> Figure:
    """Draw the one bell closest to two peaks, in either direction of KL."""
    x = np.arange(41)

    def bell(mean, width):
        """Return bells over x, one for each mean and width, with sum 1."""
        height = np.exp(-(((x - mean) / width) ** 2) / 2)
        return height / height.sum(axis=-1, keepdims=True)

    p = 0.6 * bell(12, 2.5) + 0.4 * bell(29, 2.5)
    means, widths = np.meshgrid(np.arange(8, 33, 0.5), np.arange(2, 12, 0.25))
    q = bell(means.reshape(-1, 1), widths.reshape(-1, 1))
    target = np.broadcast_to(p, q.shape)
    fig, ax = plt.subplots(figsize=(5, 3.4))
    ax.bar(x, p, width=1, color="faint", label="$p$")
    for divergence, style, color, label in (
        (kl_divergence(target, q), "-", "C0", "least KL$(p\\Vert q)$"),
        (kl_divergence(q, target), "--", "C1", "least KL$(q\\Vert p)$"),
    ):
        ax.plot(x, q[np.argmin(divergence)], style, color=color, label=label)
    ax.set(xlabel="outcome", ylabel="probability", ylim=(0, 0.2))
    ax.legend(loc="upper right")
    return fig
