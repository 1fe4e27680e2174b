"""Distances to the mean and to the line, noise columns, and Anscombe."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.regression.goodness_of_fit import (
    adjusted_r_squared,
    r_squared,
    rss,
    tss,
)
from reference.regression.least_squares import (
    least_squares,
    predict,
    with_intercept,
)

X = np.array([0.0, 1.0, 2.0, 3.0])
Y = np.array([2.0, 2.0, 4.0, 8.0])
_SHARED = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
ANSCOMBE = [
    (_SHARED, "8.04 6.95 7.58 8.81 8.33 9.96 7.24 4.26 10.84 4.82 5.68"),
    (_SHARED, "9.14 8.14 8.74 8.77 9.26 8.10 6.13 3.10 9.13 7.26 4.74"),
    (_SHARED, "7.46 6.77 12.74 7.11 7.81 8.84 6.08 5.39 8.15 6.42 5.73"),
    ([8] * 7 + [19] + [8] * 3, "6.58 5.76 7.71 8.84 8.47 7.04 5.25 12.50 "
     "5.56 7.91 6.89"),
]  # fmt: skip


def distances() -> Figure:
    """Draw the distances of four points from their mean and from the line."""
    design = with_intercept(X[:, None])
    line = predict(design, least_squares(design, Y))
    mean = np.full(4, Y.mean())
    fig, axes = plt.subplots(1, 2, figsize=(5, 3.8), sharey=True)
    for ax, fitted, title in (
        (axes[0], mean, f"to the mean\nTSS = {tss(Y):.0f}"),
        (axes[1], line, f"to the line\nRSS = {rss(Y, line):.0f}"),
    ):
        slope = (fitted[-1] - fitted[0]) / 3
        ends = np.array([-0.3, 3.3])
        ax.plot(ends, fitted[0] + slope * ends, "--", color="C1")
        for x, y, y_hat in zip(X, Y, fitted, strict=True):
            ax.plot([x, x], [y, y_hat], color="C0", lw=3)
            if y != y_hat:
                side = -1 if y > y_hat else 1  # where the line is not
                ax.text(
                    x + 0.22 * side,
                    (y + y_hat) / 2,
                    f"{abs(y - y_hat):.0f}",
                    color="C0",
                    ha="center",
                    va="center",
                )
        ax.plot(X, Y, "o", color="ink")
        ax.set(xlabel="$x$", xticks=X, yticks=range(0, 9, 2), title=title)
    axes[0].set_ylabel("$y$")
    return fig


def noise_columns() -> Figure:
    """Draw R^2 in training and on new data against columns of noise."""
    rng = np.random.default_rng(0)
    n, most, repeats = 20, 18, 101
    train, adjusted, test = np.full((3, most + 1, repeats), np.nan)
    for repeat in range(repeats):
        x = rng.uniform(0, 3, size=(2, n, 1))
        y = 1 + 2 * x[..., 0] + rng.normal(size=(2, n))
        x = np.concatenate((x, rng.normal(size=(2, n, most))), axis=2)
        for k in range(most + 1):
            seen, new = (with_intercept(part[:, : k + 1]) for part in x)
            beta = least_squares(seen, y[0])
            fitted = predict(seen, beta)
            train[k, repeat] = r_squared(y[0], fitted)
            test[k, repeat] = r_squared(y[1], predict(new, beta))
            if k + 2 < n:
                adjusted[k, repeat] = adjusted_r_squared(y[0], fitted, k + 2)
    fig, ax = plt.subplots(figsize=(5, 3.4))
    for values, style, color, label in (
        (train, "o-", "C0", "$R^2$, the 20 examples of the fit"),
        (adjusted, "s--", "C2", "adjusted $R^2$"),
        (test, "^:", "C1", "$R^2$, 20 new examples"),
    ):
        ax.plot(np.median(values, axis=1), style, color=color, label=label)
    ax.axhline(0, color="ink", lw=1, zorder=0)
    ax.set(xlabel="columns of noise", ylim=(-1.1, 1.05))
    ax.set(xticks=range(0, most + 1, 3), yticks=[-1, -0.5, 0, 0.5, 1])
    ax.legend(loc="lower left")
    return fig


def anscombe() -> Figure:
    """Draw four data sets with the same line and the same R^2."""
    fig, axes = plt.subplots(
        2, 2, figsize=(5, 4.6), sharex=True, sharey=True
    )  # fmt: skip
    for number, (ax, (x, y)) in enumerate(
        zip(axes.flat, ANSCOMBE, strict=True), 1
    ):
        x, y = np.array(x, dtype=np.float64), np.array(y.split(), np.float64)
        design = with_intercept(x[:, None])
        beta = least_squares(design, y)
        ends = np.array([3.0, 20.0])
        ax.plot(ends, beta[0] + beta[1] * ends, "--", color="C1")
        ax.plot(x, y, "o", color="C0", markersize=5)
        share = r_squared(y, predict(design, beta))
        ax.set_title(f"{number}: $R^2 = {share:.2f}$")
    for ax in axes[1]:
        ax.set_xlabel("$x$")
    for ax in axes[:, 0]:
        ax.set_ylabel("$y$")
    return fig
