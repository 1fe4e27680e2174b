"""The two pulls on a slope, coefficient paths, and what a penalty buys."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

from reference.generalization.ridge import (
    Coefficients,
    effective_degrees_of_freedom,
    ridge,
    ridge_loss,
    ridge_path,
)
from reference.regression.design_matrix import standardize

X = np.array([[1.0], [1.0], [3.0], [3.0]])
Y = np.array([1.0, 3.0, 5.0, 7.0])


def two_pulls() -> Figure:
    """Draw the line of both methods, and the loss of every slope."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.2, 3.4))
    ends = np.array([0.6, 3.4])
    for penalty, style, label in (
        (0.0, "C0--", "least squares"),
        (1.0, "C1-", r"ridge, $\lambda = 1$"),
    ):
        fit = ridge(X, Y, penalty)
        left.plot(ends, fit.intercept + ends * fit.beta, style, label=label)
    left.plot(X[:, 0], Y, "o", color="ink")
    left.set(xlabel="$x$", ylabel="$y$", xticks=(1, 2, 3), ylim=(0, 9.8))
    left.legend(loc="upper left")
    slopes = np.linspace(-0.4, 3, 80)

    def losses(penalty):
        """Return the loss of every slope, with the intercept it needs."""
        lines = (Coefficients(4 - 2 * b, np.array([b])) for b in slopes)
        return np.array([ridge_loss(X, Y, *fit, penalty) for fit in lines])

    misfit, total = losses(0.0), losses(1.0)
    right.plot(slopes, misfit, "C0--")
    right.plot(slopes, total - misfit, "C2:")
    right.plot(slopes, total, "C1-")
    right.plot([2, 0, 1], [0.5, 0, 1.5], "o", color="ink")
    right.text(1.85, 0.12, "misfit", color="C0", ha="center")
    right.text(2.35, 1.7, "penalty", color="C2")
    right.text(1.0, 1.75, "sum", color="C1", ha="center")
    right.set(xlabel="slope", ylabel="loss", ylim=(-0.15, 5))
    return fig


def paths() -> Figure:
    """Draw the coefficients of the diabetes data against the penalty."""
    data = load_diabetes(scaled=False)
    penalties = np.logspace(-4, 2, 121)
    path = ridge_path(data.data, data.target, penalties)
    b = path.beta * standardize(data.data).scale
    named = {
        2: ("body mass", "C0", "-", (0.09, 27)),
        4: ("cholesterol", "C1", "--", (9e-3, -27)),
        5: ("LDL", "C2", "-.", (6.5e-3, 17.5)),
        8: ("triglycerides", "C3", ":", (1.4e-4, 40)),
    }
    fig, (top, low) = plt.subplots(
        2, 1, figsize=(5, 4.8), sharex=True, height_ratios=(3, 1.2)
    )
    top.axhline(0, color="faint", lw=1)
    for d in range(b.shape[1]):
        name, color, style, place = named.get(d, ("", "ink", "-", (1, 0)))
        width = 2.5 if name else 0.8
        top.plot(penalties, b[:, d], style, color=color, lw=width)
        top.text(*place, name, color=color)
    top.set(ylabel="coefficient", ylim=(-42, 48))
    low.plot(penalties, np.linalg.norm(b, axis=1), color="ink")
    low.set(ylabel="length", ylim=(0, 75))
    low.set(xlabel=r"penalty $\lambda$", xscale="log")
    return fig


@cache
def _study() -> tuple[np.ndarray, ...]:
    """Return penalties, bias, variance, measured errors of a made example."""
    n, d, noise = 30, 20, 2.0
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)) + rng.normal(size=(n, 1))
    truth = x @ rng.normal(0, 0.3, d)
    penalties = np.logspace(-3, 0.5, 36)

    def fitted(y):
        """Return the fitted values, a row for each penalty."""
        path = ridge_path(x, y, penalties)
        return path.intercept[:, None] + path.beta @ x.T

    bias = np.mean((fitted(truth) - truth) ** 2, axis=1)
    # A column for each example: what its target gives to all fitted values.
    hats = np.stack([fitted(unit) for unit in np.eye(n)], axis=-1)
    variance = noise**2 * np.sum(hats**2, axis=(1, 2)) / n
    draws = truth[:, None] + noise * rng.normal(size=(n, 400))
    errors = (hats[::5] @ draws - truth[:, None]) ** 2
    return penalties, bias, variance, np.mean(errors, axis=(1, 2)), x


def bias_and_variance() -> Figure:
    """Draw what a penalty costs and what it saves, exact and measured."""
    penalties, bias, variance, measured, x = _study()
    fig, ax = plt.subplots(figsize=(5, 3.8))
    ax.plot(penalties, bias, "C0--", label="squared bias")
    ax.plot(penalties, variance, "C2:", label="variance")
    ax.plot(penalties, bias + variance, "C1-", label="sum")
    ax.plot(penalties[::5], measured, "o", color="ink", label="measured")
    best = int(np.argmin(bias + variance))
    ax.axvline(penalties[best], color="faint", lw=1, zorder=0)
    shown = [1e-3, 1e-2, 1e-1, 1]
    df = [float(effective_degrees_of_freedom(x, p)) for p in shown]
    ax.set(xscale="log", xlabel=r"penalty $\lambda$", ylabel="error", ylim=0)
    ax.legend(loc="center left")
    above = ax.secondary_xaxis("top")
    above.set_xticks(shown, [f"{k:.0f}" for k in df])
    above.tick_params(which="minor", length=0)
    above.set_xlabel("effective degrees of freedom")
    return fig
