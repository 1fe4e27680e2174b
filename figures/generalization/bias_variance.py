"""Fits that scatter, their error by degree, and double descent."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.generalization.bias_variance import (
    bias_variance_decomposition,
    linear_decomposition,
    min_norm_fit,
    random_features,
)

X, GRID, SIGMA = np.linspace(-1, 1, 20), np.linspace(-1, 1, 201), 0.5


def _truth(x):
    """Return the expected target at x."""
    return np.sin(3 * x + 1)


def _weights(degree):
    """Return what each target weighs in the polynomial's value on the grid."""
    powers = np.arange(degree + 1)
    fit = min_norm_fit(X[:, None] ** powers, np.eye(len(X)))
    return GRID[:, None] ** powers @ fit


def _targets(sets):
    """Return the targets of so many training sets, one set a row."""
    noise = np.random.default_rng(3).normal(size=(sets, len(X)))
    return _truth(X) + SIGMA * noise


def scattered_fits() -> Figure:
    """Draw polynomials of three degrees, fitted to the same training sets."""
    fig, axes = plt.subplots(3, 1, figsize=(5, 6.6), sharex=True, sharey=True)
    targets = _targets(12)
    for ax, degree, title in zip(
        axes,
        (1, 4, 14),
        (
            "degree 1: all miss in the same way",
            "degree 4: close together, and right",
            "degree 14: right on average, each one wrong",
        ),
        strict=True,
    ):
        fits = targets @ _weights(degree).T
        ax.plot(GRID, fits.T, color="C0", lw=0.8, alpha=0.7)
        ax.plot(GRID, fits.mean(axis=0), color="C0", lw=2.5)
        ax.plot(GRID, _truth(GRID), "--", color="ink")
        ax.set(title=title, ylim=(-2.4, 2.4), xlim=(-1, 1), ylabel="$y$")
    first, mean, true = (axes[0].lines[i] for i in (0, -2, -1))
    axes[0].legend(
        (true, mean, first), ("truth", "mean of fits", "one fit"), loc="best"
    )
    axes[2].set(xlabel="$x$", xticks=(-1, -0.5, 0, 0.5, 1))
    return fig


def error_by_degree() -> Figure:
    """Draw the parts of the expected error, measured and exact."""
    degrees = np.arange(15)
    targets = _targets(300)
    exact, measured, training = [], [], []
    for degree in degrees:
        weights = _weights(degree)
        exact.append(
            linear_decomposition(weights, _truth(X), _truth(GRID), SIGMA**2)
        )
        measured.append(
            bias_variance_decomposition(
                targets @ weights.T, _truth(GRID), SIGMA**2
            )
        )
        powers = X[:, None] ** np.arange(degree + 1)
        fitted = powers @ min_norm_fit(powers, targets.T)
        training.append(np.mean((targets.T - fitted) ** 2))
    fig, ax = plt.subplots(figsize=(5, 3.8))
    for part, color, marker, label in (
        ("expected_error", "C3", "o", "expected test error"),
        ("bias_squared", "C1", "s", "bias²"),
        ("variance", "C0", "^", "variance"),
    ):
        lines, points = (
            [np.mean(getattr(d, part)) for d in found]
            for found in (exact, measured)
        )
        ax.plot(degrees, lines, color=color)
        ax.plot(degrees, points, marker, color=color, label=label, ms=5)
    ax.plot(degrees, training, ":", color="ink", label="training error")
    ax.axhline(SIGMA**2, color="faint", zorder=0)
    ax.annotate("noise", (14.1, SIGMA**2), (0, 3), textcoords="offset points")
    ax.set(xlabel="degree", ylabel="squared error", xlim=(-0.4, 15.6))
    ax.set(ylim=(-0.02, 1.0), xticks=range(0, 15, 2))
    ax.legend(loc="upper center")
    return fig


def double_descent() -> Figure:
    """Draw the test error of the shortest fit against the features."""
    rng = np.random.default_rng(0)
    fresh = rng.normal(size=(200, 5))
    draws = [
        (
            rng.normal(size=(20, 5)),
            0.2 * rng.normal(size=20),
            rng.normal(size=(5, 400)),
            rng.normal(size=400),
        )
        for _ in range(60)
    ]
    widths = (1, 2, 3, 5, 8, 11, 14, 17, 19, 20, 21, 23, 26, 32, 45, 80, 180)
    widths = (*widths, 400)
    test, training = [], []
    for width in widths:
        errors, losses = [], []
        for x, noise, r, t in draws:
            phi = random_features(x, r[:, :width], t[:width])
            beta = min_norm_fit(phi, x[:, 0] + noise)
            losses.append(np.mean((phi @ beta - x[:, 0] - noise) ** 2))
            phi = random_features(fresh, r[:, :width], t[:width])
            errors.append(np.mean((phi @ beta - fresh[:, 0]) ** 2) + 0.04)
        test.append(np.median(errors))
        training.append(np.median(losses))
    fig, ax = plt.subplots(figsize=(5, 3.6))
    ax.axvline(20, color="faint", zorder=0)
    ax.text(22, 11, "$D = N = 20$")
    ax.plot(widths, test, "o-", color="C3", label="test error")
    below = np.array(widths) < 20
    ax.plot(
        np.array(widths)[below],
        np.array(training)[below],
        "s:",
        color="ink",
        label="training error",
        ms=5,
    )
    ax.axhline(0.04, color="faint", zorder=0)
    ax.text(1, 0.043, "noise", va="bottom")
    ax.set(xscale="log", yscale="log", ylim=(0.01, 20))
    ax.set(xlabel="features $D$", ylabel="squared error (median)")
    ax.set_xticks([1, 3, 10, 30, 100, 400], labels=[1, 3, 10, 30, 100, 400])
    ax.minorticks_off()
    ax.set_yticks([0.01, 0.1, 1, 10], labels=["0.01", "0.1", "1", "10"])
    ax.legend(loc="lower right")
    return fig
