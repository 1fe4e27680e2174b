"""Three losses with their gradients, and a band as wide as the noise."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.neural_networks.regression_losses import (
    gaussian_nll_gradient,
    huber,
    huber_gradient,
    mean_absolute_error,
    mean_absolute_error_gradient,
    mean_squared_error,
    mean_squared_error_gradient,
)
from reference.regression.least_squares import (
    least_squares,
    predict,
    residuals,
    with_intercept,
)


def losses_and_gradients() -> Figure:
    """Draw the losses of one entry, and their gradients, over the excess."""
    r = np.linspace(-4, 4, 321)
    zero = np.zeros(1)
    at = [np.array([a]) for a in r]
    fig, (top, bottom) = plt.subplots(2, figsize=(5, 5.6), sharex=True)
    for name, loss, gradient, style in (
        ("squared", mean_squared_error, mean_squared_error_gradient, "C0-"),
        (
            "absolute",
            mean_absolute_error,
            mean_absolute_error_gradient,
            "C1--",
        ),
        (
            "Huber, $\\delta = 2$",
            lambda a, b: huber(a, b, 2.0),
            lambda a, b: huber_gradient(a, b, 2.0),
            "C2-.",
        ),
    ):
        slopes = np.array([gradient(a, zero)[0] for a in at])
        if loss is mean_absolute_error:
            slopes[r == 0] = np.nan  # a jump, not a steep line
        top.plot(r, [loss(a, zero) for a in at], style, label=name)
        bottom.plot(r, slopes, style)
    top.set(ylim=(0, 8), ylabel="loss")
    bottom.set(ylim=(-5, 5), ylabel="gradient", xticks=range(-4, 5))
    bottom.set_xlabel("excess $r$ of the prediction")
    for ax in (top, bottom):
        ax.grid()
        ax.set_xlim(-4, 4)
    fig.legend(
        loc="outside upper center", ncols=3, columnspacing=1, handlelength=2.2
    )
    return fig


def growing_noise() -> Figure:
    """Draw a fit whose predicted band grows with the noise."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 400)
    y = 1 + 2 * x + 0.5 * np.exp(x) * rng.normal(size=400)
    design = with_intercept(x[:, None])
    beta, gamma = np.zeros(2), np.zeros(2)
    for _ in range(500):
        mean, variance = predict(design, beta), np.exp(predict(design, gamma))
        dmean, dvariance = gaussian_nll_gradient(mean, variance, y)
        beta -= 0.1 * design.T @ dmean
        gamma -= 0.1 * design.T @ (variance * dvariance)
    mean = predict(design, beta)
    width = 2 * np.exp(predict(design, gamma) / 2)
    flat = least_squares(design, y)
    sigma = np.sqrt(np.mean(residuals(design, y, flat) ** 2))
    fig, ax = plt.subplots(figsize=(5, 3.6))
    ax.plot(x, y, "o", color="ink", markersize=2.5, alpha=0.5)
    ax.fill_between(
        x,
        mean - width,
        mean + width,
        color="C0",
        alpha=0.25,
        label="predicted variance",
    )
    ax.plot(x, mean, "C0", label="predicted mean")
    for sign, label in ((-1, "one variance for all"), (1, None)):
        edge = predict(design, flat) + sign * 2 * sigma
        ax.plot(x, edge, "C1--", label=label)
    ax.set(xlabel="$x$", ylabel="$y$", xlim=(-1, 1))
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    ax.legend(loc="upper left")
    return fig
