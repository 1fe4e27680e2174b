"""The likelihood of a mean, and two lines beside an outlier."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.regression.least_squares import least_squares, with_intercept
from reference.regression.maximum_likelihood import (
    gaussian_log_likelihood,
    laplace_log_likelihood,
    least_absolute_deviations,
)

NUMBERS = np.array([1.0, 2.0, 6.0])
SIGMA = 2.0
X = np.arange(5.0)
Y = np.array([1.0, 3.0, 5.0, 7.0, 19.0])


def likelihood_of_the_mean() -> Figure:
    """Draw two densities over three numbers, and the likelihood of all means.

    The lower curve is the product of the three heights in the upper panel.
    """
    fig, (top, bottom) = plt.subplots(
        2, 1, figsize=(5, 4.8), sharex=True, height_ratios=[1.2, 1]
    )
    t = np.linspace(-2, 9, 221)

    def density(at, mean):
        return np.exp(gaussian_log_likelihood(np.array([at - mean]), SIGMA))

    def likelihood(mean):
        return np.exp(gaussian_log_likelihood(NUMBERS - mean, SIGMA))

    for mean, color, style in ((3.0, "C0", "-"), (5.0, "C1", "--")):
        curve = [density(at, mean) for at in t]
        top.plot(t, curve, style, color=color, label=f"$\\mu = {mean:.0f}$")
        shift = -0.06 if mean == 3 else 0.06
        heights = [density(at, mean) for at in NUMBERS]
        top.vlines(NUMBERS + shift, 0, heights, color, style, lw=2)
        top.plot(NUMBERS + shift, heights, "o", color=color, markersize=5)
        bottom.plot(mean, 1000 * likelihood(mean), "o", color=color)
    top.plot(NUMBERS, 0 * NUMBERS, "o", color="ink", clip_on=False, zorder=3)
    top.set(ylabel="density of $y$", ylim=(0, 0.23))
    top.legend(loc="upper right")
    bottom.plot(t, [1000 * likelihood(mean) for mean in t], "ink", zorder=0)
    bottom.axvline(3, color="ink", ls=":", lw=1)
    bottom.set(
        xlabel="above: $y$; below: $\\mu$",
        ylabel="likelihood\n(thousandths)",
        xticks=range(-2, 10),
        ylim=(0, 1.6),
    )
    return fig


def outlier() -> Figure:
    """Draw both lines through five points, one of them an outlier."""
    design = with_intercept(X[:, None])
    fig, ax = plt.subplots(figsize=(5, 3.4))
    ends = np.array([-0.3, 4.4])
    for name, fit, color, style in (
        ("least squares", least_squares, "C0", "-"),
        ("least absolute deviations", least_absolute_deviations, "C1", "--"),
    ):
        beta = fit(design, Y)
        ax.plot(ends, beta[0] + beta[1] * ends, style, color=color, label=name)
    ax.plot(X, Y, "o", color="ink", zorder=3)
    ax.set(xlabel="$x$", ylabel="$y$", xticks=X, yticks=range(0, 21, 5))
    ax.legend(loc="upper left")
    return fig


def pulls() -> Figure:
    """Draw log densities of one residual, and how hard it pulls."""
    e = np.linspace(-4, 4, 201)
    fig, axes = plt.subplots(2, 1, figsize=(5, 4.6), sharex=True)
    for name, function, color, style in (
        ("Gaussian", gaussian_log_likelihood, "C0", "-"),
        ("Laplace", laplace_log_likelihood, "C1", "--"),
    ):
        heights = np.array([function(np.array([one]), 1.0) for one in e])
        axes[0].plot(e, heights, style, color=color, label=name)
        slopes = np.diff(heights) / np.diff(e)
        middle = (e[1:] + e[:-1]) / 2
        for side in (middle < 0, middle > 0):  # not across the kink
            axes[1].plot(middle[side], -slopes[side], style, color=color)
    axes[0].set(ylabel="log density")
    axes[0].legend(loc="lower center")
    axes[1].axhline(0, color="faint", lw=1, zorder=0)
    axes[1].set(xlabel="residual $e$", ylabel="pull", xticks=range(-4, 5))
    return fig
