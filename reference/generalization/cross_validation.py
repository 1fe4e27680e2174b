"""Cross-validation.

Estimates the loss of a model on new data: each part of the examples is held
out once, and predicted by a fit to the others.

Axes    N examples, D columns of a design matrix, K folds, M models; G is any
        axes in front, S any behind.
Page    docs/en/generalization/cross_validation.md ("eq. 3" marks the line of
        its (3))
Source  Stone, Cross-Validatory Choice and Assessment of Statistical
        Predictions, J. R. Statist. Soc. B 36, 1974
"""

from collections.abc import Callable, Iterable
from math import ceil
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from reference.regression.least_squares import least_squares, residuals

Numbers = np.floating | Float[np.ndarray, "*G"]
Split = tuple[Int[np.ndarray, "_"], Int[np.ndarray, "_"]]
Predict = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[np.ndarray, np.ndarray], Predict]
Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Estimate(NamedTuple):
    """A mean of K losses and its standard error, both in the loss's unit."""

    mean: Numbers
    standard_error: Numbers


def train_test_split(
    n: int, test_share: float, rng: np.random.Generator
) -> Split:
    """Return the indices of a training and a test set, drawn at random.

    The test set's size is n times `test_share`, rounded up.

    Raises:
        ValueError: n is no whole number, or one of the sets would be empty.

    >>> train, test = train_test_split(10, 0.2, np.random.default_rng(0))
    >>> len(train), len(test)
    (8, 2)
    """
    whole = isinstance(n, int | np.integer)
    size = ceil(n * test_share) if whole and 0 < test_share < 1 else 0
    if not 0 < size < n:
        raise ValueError(
            "a training and a test set need 2 examples or more and a share "
            f"that leaves both some, got n={n} and test_share={test_share}"
        )
    order = rng.permutation(n)
    return order[size:], order[:size]


def k_fold(
    n: int, folds: int, rng: np.random.Generator | None = None
) -> list[Split]:
    """Return K pairs of training and validation indices.

    The validation sets are consecutive blocks; with `rng`, random sets.

    Raises:
        ValueError: Not 2 <= folds <= n, or one is no whole number.

    >>> [validation.tolist() for _, validation in k_fold(5, 2)]
    [[0, 1, 2], [3, 4]]
    """
    _require_folds(folds, n, "examples")
    k = np.arange(folds)
    sizes = n // folds + (k < n % folds)  # eq. 1
    fold_of = np.repeat(k, sizes)
    return _splits(fold_of if rng is None else rng.permutation(fold_of), folds)


def stratified_k_fold(
    y: Shaped[np.ndarray, "N"],
    folds: int,
    rng: np.random.Generator | None = None,
) -> list[Split]:
    """Return K pairs of indices; classes have the same shares in each fold.

    The numbers of examples of a class in two folds differ by at most 1.

    Raises:
        ValueError: A class has fewer examples than there are folds, folds is
            no whole number above 1, or y is no vector.

    >>> y = np.array(["a", "a", "a", "a", "b", "b"])
    >>> [y[validation].tolist() for _, validation in stratified_k_fold(y, 2)]
    [['a', 'a', 'b'], ['a', 'a', 'b']]
    """
    counts = _labels(y)[1]
    _require_folds(folds, int(min(counts, default=0)), "examples of each class")
    order = np.arange(len(y)) if rng is None else rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold_of = np.empty(len(y), dtype=int)
    fold_of[order] = np.arange(len(y)) % folds  # class by class, as with cards
    return _splits(fold_of, folds)


def group_k_fold(groups: Shaped[np.ndarray, "N"], folds: int) -> list[Split]:
    """Return K pairs of indices; no group is in training and validation.

    The largest group goes first, each to the smallest fold so far.

    Raises:
        ValueError: There are fewer groups than folds, folds is no whole
            number above 1, or groups is no vector.

    >>> groups = np.array([7, 7, 8, 9])
    >>> [validation.tolist() for _, validation in group_k_fold(groups, 2)]
    [[0, 1], [2, 3]]
    """
    group_of, counts = _labels(groups)
    _require_folds(folds, len(counts), "groups")
    fold_of_group = np.empty(len(counts), dtype=int)
    sizes = np.zeros(folds, dtype=int)
    for group in np.argsort(-counts, kind="stable"):
        fold_of_group[group] = smallest = np.argmin(sizes)
        sizes[smallest] += counts[group]
    return _splits(fold_of_group[group_of], folds)


def time_series_split(n: int, folds: int) -> list[Split]:
    """Return K pairs of indices; training is all that lies before validation.

    The validation sets are the last K of K + 1 blocks. What n leaves over
    goes to the first block.

    Raises:
        ValueError: Not 2 <= folds < n, or one is no whole number.

    >>> [(len(t), v.tolist()) for t, v in time_series_split(5, 2)]
    [(3, [3]), (4, [4])]
    """
    _require_folds(folds, n - 1, "examples after the first")
    size = n // (folds + 1)
    order = np.arange(n)
    starts = range(n - folds * size, n, size)
    return [(order[:start], order[start : start + size]) for start in starts]


def squared_error(
    y: Shaped[np.ndarray, "*S"], y_hat: Shaped[np.ndarray, "*S"]
) -> Float[np.ndarray, "*S"]:
    """Return the squared error of every prediction.

    Raises:
        ValueError: There is not one prediction for each target.

    >>> squared_error(np.array([1, 2]), np.array([4, 2]))
    array([9., 0.])
    """
    if np.shape(y) != np.shape(y_hat):
        raise ValueError(
            "each target needs one prediction, got shapes "
            f"{np.shape(y)} and {np.shape(y_hat)}"
        )
    return (y - 1.0 * y_hat) ** 2  # 1.0: small integers would wrap around


def cross_validate(
    fit: Fit,
    x: Shaped[np.ndarray, "N *S"],
    y: Shaped[np.ndarray, "N"],
    splits: Iterable[Split],
    loss: Loss = squared_error,
) -> Float[np.ndarray, "K"]:
    """Return the mean loss on each validation set.

    `fit(x, y)` returns a function that predicts: everything that is learned
    from data happens in it. `loss(y, y_hat)` returns one loss an example.

    Raises:
        ValueError: x and y differ in length, there is no split, a set is
            empty or in both halves of a split, or loss returns something
            else than one number an example.

    >>> def fit_mean(x, y):
    ...     return lambda new: np.full(len(new), y.mean())
    >>> x, y = np.zeros((2, 1)), np.array([1.0, 4.0])
    >>> cross_validate(fit_mean, x, y, k_fold(2, 2))
    array([9., 9.])
    """
    if len(x) != len(y):
        raise ValueError(
            f"each example needs a target, got {len(x)} and {len(y)}"
        )
    means = []
    for train, validation in splits:
        _require_split(train, validation)
        predict = fit(x[train], y[train])
        losses = loss(y[validation], predict(x[validation]))
        if np.shape(losses) != np.shape(validation):
            raise ValueError(
                f"{len(validation)} validation examples need one loss each, "
                f"got shape {np.shape(losses)}"
            )
        means.append(np.mean(losses))  # eq. 2
    if not means:
        raise ValueError("cross-validation needs at least 1 split, got none")
    return np.stack(means)


def summarize(losses: Float[np.ndarray, "*G K"]) -> Estimate:
    """Return mean and standard error of the losses of K folds.

    Raises:
        ValueError: There are fewer than 2 losses, or one is not finite.

    >>> mean, standard_error = summarize(np.array([1.0, 3.0]))
    >>> mean.item(), standard_error.item()
    (2.0, 1.0)
    """
    folds = np.shape(losses)[-1] if np.ndim(losses) else 0
    if folds < 2 or not np.all(np.isfinite(losses)):
        raise ValueError(
            "a standard error needs 2 finite losses or more, got shape "
            f"{np.shape(losses)} with values {losses}"
        )
    mean = np.mean(losses, axis=-1)  # eq. 3
    off = losses - mean[..., None]
    # In units of the largest one, for the squares may overflow.
    unit = np.max(np.abs(off), axis=-1, keepdims=True)
    off = off / np.where(unit > 0, unit, 1)
    squares = np.sum(off**2, axis=-1)
    error = unit[..., 0] * np.sqrt(squares / (folds * (folds - 1)))  # eq. 4
    return Estimate(mean, error)


def one_standard_error(
    mean: Float[np.ndarray, "M"], standard_error: Float[np.ndarray, "M"]
) -> int:
    """Return the index of the simplest model that is nearly the best.

    The models stand in order, the simplest first. Nearly means: its mean is
    at most one standard error of the best above the best.

    Raises:
        ValueError: There is no model, the shapes differ, a value is not
            finite or a standard error negative.

    >>> one_standard_error(np.array([9.0, 4.0, 3.0]), np.array([2.0, 2.0, 1.0]))
    1
    """
    if np.ndim(mean) != 1 or np.shape(mean) != np.shape(standard_error):
        raise ValueError(
            "each model needs one mean and one standard error, got shapes "
            f"{np.shape(mean)} and {np.shape(standard_error)}"
        )
    known = np.isfinite(mean) & np.isfinite(standard_error)
    if len(mean) == 0 or not np.all(known & (standard_error >= 0)):
        raise ValueError(
            "a choice needs models with finite means and standard errors of "
            f"at least 0, got {mean} and {standard_error}"
        )
    best = np.argmin(mean)
    near = mean <= mean[best] + standard_error[best]
    return int(np.flatnonzero(near)[0])  # eq. 5


def leave_one_out(
    x: Float[np.ndarray, "N D"], y: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N"]:
    """Return each target minus its prediction by least squares without it.

    One fit does the work of N.

    Raises:
        ValueError: x and y do not fit or are not real and finite, a column
            of x depends on the others, or only with an example it does not:
            leverage 1.

    >>> leave_one_out(np.ones((3, 1)), np.array([1.0, 2.0, 6.0]))
    array([-3. , -1.5,  4.5])
    """
    e = residuals(x, y, least_squares(x, y))
    q, _ = np.linalg.qr(x)
    rest = 1 - np.sum(q**2, axis=1)  # the hat matrix is Q Q^T
    if not np.all(rest > 1000 * np.finfo(x.dtype).eps):
        raise ValueError(
            "leave-one-out needs predictions that the other examples "
            f"determine, got leverage 1 of example {np.argmin(rest)}"
        )
    return e / rest  # eq. 6


def _splits(fold_of: Int[np.ndarray, "N"], folds: int) -> list[Split]:
    """Return for each fold the indices of the others and its own."""
    return [
        (np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k))
        for k in range(folds)
    ]


def _labels(
    labels: Shaped[np.ndarray, "N"],
) -> tuple[Int[np.ndarray, "N"], Int[np.ndarray, "C"]]:
    """Return the number of each example's label, and how often each occurs."""
    if np.ndim(labels) != 1:
        raise ValueError(
            f"each example needs one label, got shape {np.shape(labels)}"
        )
    _, number, counts = np.unique(
        labels, return_inverse=True, return_counts=True
    )
    return number, counts


def _require_folds(folds: int, n: int, what: str) -> None:
    """Raise unless folds is a whole number from 2 to n."""
    whole = all(isinstance(i, int | np.integer) for i in (folds, n))
    if not (whole and 2 <= folds <= n):
        raise ValueError(
            "folds need to be 2 or more, and no more than there are "
            f"{what}, got {folds} folds and {n} {what}"
        )


def _require_split(
    train: Int[np.ndarray, "_"], validation: Int[np.ndarray, "_"]
) -> None:
    """Raise unless both sets have examples and share none."""
    shared = np.intersect1d(train, validation)
    if min(len(train), len(validation)) == 0 or len(shared) > 0:
        raise ValueError(
            "a split needs a training and a validation set without common "
            f"examples, got {len(train)} and {len(validation)} examples, "
            f"{len(shared)} of them in both"
        )
