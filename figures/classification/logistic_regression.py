"""The fitted curve, thresholds with their rates, and weights that run away."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.classification.logistic_regression import (
    calibration,
    classify,
    gradient_descent,
    logistic_regression,
    predict_probability,
    roc_auc,
    roc_curve,
)
from reference.regression.least_squares import (
    least_squares,
    predict,
    with_intercept,
)

HOURS = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 20.0])
PASSED = np.array([0, 0, 1, 0, 0, 1, 1, 1, 1])
_POINTS = {"textcoords": "offset points"}


def curve() -> Figure:
    """Draw labels 0 and 1 with a straight line and with the sigmoid curve."""
    x = HOURS[:, None]
    grid = np.linspace(-1, 21, 221)[:, None]
    line = least_squares(with_intercept(x), PASSED.astype(float))
    beta = logistic_regression(x, PASSED)
    fig, ax = plt.subplots(figsize=(5, 3.2))
    for height in (0, 1):
        ax.axhline(height, color="faint", lw=1)
    straight = predict(with_intercept(grid), line)
    ax.plot(grid[:, 0], straight, "--", color="C1", label="least squares")
    p = predict_probability(grid, beta)
    ax.plot(grid[:, 0], p, color="C0", label="logistic regression")
    ax.plot(HOURS, PASSED, "o", color="ink")
    half = -beta[0] / beta[1]
    ax.plot([half, half], [0, 0.5], ":", color="ink", lw=1)
    ax.plot([-1, half], [0.5, 0.5], ":", color="ink", lw=1)
    ax.set(xlabel="hours $x$", ylabel="label, probability of label 1")
    ax.set(xlim=(-1, 21), xticks=range(0, 21, 5), yticks=(0, 0.5, 1))
    ax.legend(loc="lower right")
    return fig


def judged() -> Figure:
    """Draw rates against the threshold, the ROC curve and the calibration."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 1))
    y = (rng.random(4000) < predict_probability(x, np.array([-1.0, 1.5]))) * 1
    p = predict_probability(x, logistic_regression(x, y))
    roc = roc_curve(y, p)
    fig, (left, middle, right) = plt.subplots(3, 1, figsize=(4.2, 9.8))
    left.plot(roc.threshold[1:], roc.tpr[1:], color="C0", label="TPR")
    left.plot(roc.threshold[1:], roc.fpr[1:], "--", color="C1", label="FPR")
    thresholds = np.linspace(0, 1, 101)
    right_answers = [np.mean(classify(p, t) == y) for t in thresholds]
    left.plot(thresholds, right_answers, ":", color="C2", label="accuracy")
    left.set(xlabel="threshold $t$", ylabel="share", xlim=(0, 1))
    left.legend()
    middle.plot(roc.fpr, roc.tpr, color="C0")
    middle.plot([0, 1], [0, 1], "--", color="ink", lw=1)
    for t, offset in ((0.2, (10, -12)), (0.5, (10, -12)), (0.8, (6, 14))):
        at = np.argmin(np.abs(roc.threshold - t))
        middle.plot(roc.fpr[at], roc.tpr[at], "o", color="C0")
        where = (roc.fpr[at], roc.tpr[at])
        middle.annotate(f"$t = {t}$", where, offset, **_POINTS)
    middle.text(0.62, 0.2, f"AUC {roc_auc(y, p):.2f}")
    middle.set(xlabel="false positive rate", ylabel="true positive rate")
    middle.set(aspect="equal")
    sharper = p**2 / (p**2 + (1 - p) ** 2)
    right.plot([0, 1], [0, 1], "--", color="ink", lw=1)
    for values, style, color, label in (
        (p, "o-", "C0", "as fitted"),
        (sharper, "s-.", "C1", "log-odds doubled"),
    ):
        found = calibration(y, values)
        right.plot(
            found.probability, found.share, style, color=color, label=label
        )
    right.set(xlabel="mean probability of a bin", ylabel="share of label 1")
    right.set(aspect="equal")
    right.legend(loc="upper left")
    return fig


def runaway() -> Figure:
    """Draw the slope against the steps, separable, with and without penalty."""
    steps = np.unique(np.logspace(0, 4, 25).astype(int))
    x = np.array([[-3.0], [-1.0], [1.0], [3.0]])
    apart, mixed = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    fig, ax = plt.subplots(figsize=(5, 3.2))
    for y, penalty, style, color, label in (
        (apart, 0.0, "-", "C0", "separable"),
        (apart, 0.01, "--", "C1", "separable, $\\lambda = 0.01$"),
        (mixed, 0.0, "-.", "C2", "not separable"),
    ):
        slopes = [gradient_descent(x, y, int(k), penalty)[1] for k in steps]
        ax.plot(steps, slopes, style, color=color, label=label)
    ax.set(xscale="log", xlabel="steps", ylabel="$\\beta_1$", ylim=(0, None))
    ax.legend(loc="upper left")
    return fig
