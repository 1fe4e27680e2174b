"""Folds, the choice of a degree, other splits, and leakage."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from reference.generalization.cross_validation import (
    Split,
    cross_validate,
    group_k_fold,
    k_fold,
    one_standard_error,
    squared_error,
    stratified_k_fold,
    summarize,
    time_series_split,
    train_test_split,
)
from reference.regression.design_matrix import polynomial_features
from reference.regression.least_squares import (
    least_squares,
    predict,
    with_intercept,
)

TRAIN, VALIDATION, TEST = "C0", "C1", "C2"


def _cell(ax: Axes, n: int, row: int, color: str) -> None:
    """Draw one example."""
    alpha = {TRAIN: 0.25, VALIDATION: 0.9, TEST: 0.5}[color]
    ax.add_patch(
        Rectangle(
            (n + 0.06, row + 0.1), 0.88, 0.8, color=color, alpha=alpha, lw=0
        )
    )


def _draw(ax: Axes, splits: list[Split], first: int = 0) -> None:
    """Draw a row of cells for each split."""
    for row, (train, validation) in enumerate(splits, first):
        for n in train:
            _cell(ax, n, row, TRAIN)
        for n in validation:
            _cell(ax, n, row, VALIDATION)
            ax.plot(n + 0.5, row + 0.5, "o", color="paper", markersize=4)


def _bare(ax: Axes) -> None:
    """Leave the labels of the rows, and no axes."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.invert_yaxis()


def folds() -> Figure:
    """Draw five folds and the test set that takes no part in them."""
    fig, ax = plt.subplots(figsize=(5, 2.9))
    for n in range(24):
        _cell(ax, n, 0, TRAIN if n < 20 else TEST)
    _draw(ax, k_fold(20, 5), first=2)
    ax.text(10, -0.2, "development", ha="center", va="bottom")
    ax.text(22, -0.2, "test", ha="center", va="bottom")
    ax.set(xlim=(0, 24), ylim=(-1, 7), xticks=[])
    ax.set_yticks(
        [0.5, *np.arange(2.5, 7)],
        ["all data", *(f"fold {k}" for k in range(5))],
    )
    _bare(ax)
    handles = [
        Patch(color=TRAIN, alpha=0.25, lw=0, label="training"),
        Patch(color=VALIDATION, alpha=0.9, lw=0, label="validation"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


def splitters() -> Figure:
    """Draw stratified, grouped and forward splits of twelve examples."""
    classes = np.array(list("AABAAABAAABA"))
    groups = np.array(list("AABBBCCDDDEF"))
    order = np.arange(12)
    panels = {
        "stratified by class": (stratified_k_fold(classes, 3), classes),
        "grouped": (group_k_fold(groups, 3), groups),
        "in time": (time_series_split(12, 3), order),
    }
    fig, axes = plt.subplots(3, 1, figsize=(4.6, 5.2))
    for ax, (title, (splits, names)) in zip(axes, panels.items(), strict=True):
        _draw(ax, splits)
        ax.set(xlim=(0, 12), ylim=(0, 3), title=title)
        ax.set_xticks(order + 0.5, names)
        ax.set_yticks(np.arange(3) + 0.5, [f"split {k}" for k in range(3)])
        _bare(ax)
    return fig


def _fit_degree(degree: int):
    """Return a fit by a polynomial, as on the page."""

    def design(x):
        return with_intercept(polynomial_features(x, degree))

    def fit(x, y):
        beta = least_squares(design(x), y)
        return lambda new: predict(design(new), beta)

    return fit


def degrees() -> Figure:
    """Draw the loss of polynomials with one standard error, and the rule."""
    rng = np.random.default_rng(11)
    t = rng.uniform(-1, 1, (75, 1))
    wave = np.sin(np.pi * t[:, 0]) + rng.normal(0, 0.5, 75)
    train, _ = train_test_split(75, 0.2, rng)
    x, y = t[train], wave[train]
    splits, degree = k_fold(60, 10, rng), np.arange(1, 9)
    cv = summarize(
        np.stack([cross_validate(_fit_degree(d), x, y, splits) for d in degree])
    )
    training = [
        squared_error(y, _fit_degree(d)(x, y)(x)).mean() for d in degree
    ]
    best, chosen = np.argmin(cv.mean), one_standard_error(*cv)
    fig, ax = plt.subplots()
    ax.errorbar(
        degree, *cv, fmt="o-", color="C0", capsize=3, label="10-fold CV"
    )
    ax.plot(degree, training, "--", color="C2", label="training loss")
    limit = cv.mean[best] + cv.standard_error[best]
    ax.axhline(limit, color="ink", lw=1, ls=":")
    ax.text(0.8, limit - 0.005, "limit", va="top")
    for i, name in ((best, "minimum"), (chosen, "chosen")):
        ax.annotate(
            name,
            (degree[i], cv.mean[i]),
            (degree[i], 0.13),
            ha="center",
            color="C1",
            arrowprops={"arrowstyle": "->", "color": "C1"},
        )
    ax.set(xlabel="degree", ylabel="mean squared error", xticks=degree)
    ax.set(ylim=(0.1, 0.65), xlim=(0.7, 8.3))
    ax.legend(loc="upper right")
    return fig


def _ten_best(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the ten columns that correlate most with y."""
    off = x - x.mean(axis=0)
    r = (y - y.mean()) @ off / np.sqrt(np.sum(off**2, axis=0))
    return np.argsort(-np.abs(r))[:10]


def _fit_with_choice(x: np.ndarray, y: np.ndarray):
    """Return a line in the ten best columns."""
    columns = _ten_best(x, y)
    line = _fit_degree(1)(x[:, columns], y)
    return lambda new: line(new[:, columns])


def leakage() -> Figure:
    """Draw the errors on pure noise, columns chosen before or inside."""
    before, inside = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(50, 1000))
        y = rng.permutation(np.repeat([-1.0, 1.0], 25))
        for found, fit, given in (
            (before, _fit_degree(1), x[:, _ten_best(x, y)]),
            (inside, _fit_with_choice, x),
        ):
            losses = cross_validate(
                fit, given, y, k_fold(50, 5), lambda y, y_hat: y * y_hat <= 0
            )
            found.append(losses.mean())
    fig, ax = plt.subplots()
    bins = np.arange(-0.01, 0.8, 0.04)
    for found, color, name in (
        (before, "C1", "chosen before the split"),
        (inside, "C0", "chosen in each fold"),
    ):
        ax.hist(found, bins, color=color, alpha=0.6, label=name)
    ax.plot([0.5, 0.5], [0, 50], ":", color="ink", lw=1)
    ax.text(0.5, 51, "truth", ha="center")
    ax.set(xlabel="cross-validated share of errors", ylabel="data sets")
    ax.set(xlim=(0, 0.8), ylim=(0, 90))
    ax.legend(loc="upper right")
    return fig
