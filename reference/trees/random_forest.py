"""Random forest.

Averages many decision trees, each grown on its own bootstrap sample, with each
question chosen among a few features drawn at random; and scores each example
with the trees that have not seen it.

Axes    N examples, D features, C classes, B trees, K draws of a sample.
Page    docs/en/trees/random_forest.md ("eq. 3" marks the line of its (3))
Source  Breiman, Bagging Predictors, Machine Learning 24, 1996, and Random
        Forests, Machine Learning 45, 2001
"""

from collections.abc import Callable
from math import inf, isqrt, nan
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Integer, Real

from reference.regression.goodness_of_fit import r_squared
from reference.trees.bootstrap import bootstrap_sample
from reference.trees.decision_tree import (
    Split,
    Tree,
    best_split,
    classification_tree,
    examples,
    find_leaf,
    gini,
    regression_tree,
    variance,
)


class Forest(NamedTuple):
    """B trees, and how often the sample of tree b contains example n."""

    trees: tuple[Tree, ...]
    counts: Int[np.ndarray, "B N"]


def correlated_mean_variance(rho: float, sigma2: float, n_trees: int) -> float:
    """Return the variance of the mean of correlated numbers.

    Each of the n_trees numbers has variance sigma2, whose unit the result has;
    each two have correlation rho.

    Raises:
        ValueError: n_trees is no whole number above 0; sigma2 is not finite or
            negative; or rho is not between -1 / (n_trees - 1) and 1: lower
            ones are impossible, the sum would have a negative variance.

    >>> correlated_mean_variance(0.5, 2.0, 2)
    1.5
    """
    _require_whole(n_trees, inf, "trees")
    rho, sigma2, n = float(rho), float(sigma2), int(n_trees)
    lowest = -1 / (n - 1) if n > 1 else -1.0
    if not (0 <= sigma2 < inf and lowest <= rho <= 1):
        raise ValueError(
            f"{n} numbers need a finite variance of at least 0 and a "
            f"correlation from {lowest} to 1, got {sigma2} and {rho}"
        )
    mean_variance = rho * sigma2 + (1 - rho) / n * sigma2  # eq. 1
    return max(mean_variance, 0.0)  # rounding at the lowest rho


def bagging(
    grow: Callable[..., Tree],
    x: Real[np.ndarray, "N D"],
    y: Real[np.ndarray, "N"],
    samples: Integer[np.ndarray, "B K"],
    **options: object,
) -> Forest:
    """Return a tree for each sample, a row of indices into the examples.

    `grow` is `classification_tree` or `regression_tree`; the options are its.

    Raises:
        ValueError: samples are not rows of indices from 0 to N - 1, or `grow`
            refuses the data or an option.

    >>> from reference.trees.decision_tree import regression_tree
    >>> x, y = np.array([[1.0], [2.0]]), np.array([3.0, 7.0])
    >>> forest = bagging(regression_tree, x, y, np.array([[0, 1], [1, 1]]))
    >>> predict(forest, x).tolist()  # the means of 3 and 7, of 7 and 7
    [5.0, 7.0]
    """
    _require_examples(grow, x, y)
    rows = _require_indices(samples, len(x))
    counts = np.stack([np.bincount(i, minlength=len(x)) for i in rows])  # eq. 2
    trees = tuple(grow(x, y, weights, **options) for weights in counts)
    return Forest(trees, counts)


def random_split(
    max_features: int, rng: np.random.Generator
) -> Callable[..., Split | None]:
    """Return a `best_split` that looks at max_features features, drawn anew.

    Where none of these differs among the examples, it draws on until one does.

    Raises:
        ValueError: max_features is no whole number from 1 to D; raised when
            the split is searched.
    """

    def split(x: np.ndarray, *rest: object) -> Split | None:
        _require_whole(max_features, x.shape[1], "features a split")
        order = rng.permutation(x.shape[1])
        differs = np.min(x, axis=0) < np.max(x, axis=0)
        count = max(max_features, np.argmax(differs[order]) + 1)
        drawn = np.sort(order[:count])
        found = best_split(x[:, drawn], *rest)  # eq. 4
        return found and found._replace(feature=int(drawn[found.feature]))

    return split


def random_forest(
    grow: Callable[..., Tree],
    x: Real[np.ndarray, "N D"],
    y: Real[np.ndarray, "N"],
    n_trees: int,
    rng: np.random.Generator,
    max_features: int | None = None,
    **options: object,
) -> Forest:
    """Return trees of bootstrap samples, max_features drawn for each split.

    `grow` is `classification_tree`, where max_features is the square root of D
    unless it is given, or `regression_tree`, where it is a third of D; both
    rounded down, but at least 1. The options are those of `grow`.

    Raises:
        ValueError: n_trees is no whole number above 0, max_features none from
            1 to D or not given to another `grow`, or `bagging` refuses the
            data or an option.
    """
    _require_examples(grow, x, y)
    n, d = x.shape
    if max_features is None:
        default = {classification_tree: isqrt(d), regression_tree: d // 3 or 1}
        if grow not in default:
            raise ValueError(f"{grow} needs max_features to be given, got None")
        max_features = default[grow]
    _require_whole(max_features, d, "features a split")
    _require_whole(n_trees, inf, "trees")
    samples = bootstrap_sample(n, rng, n_trees)
    split = random_split(max_features, rng)
    return bagging(grow, x, y, samples, split=split, **options)


def average(
    forest: Forest, x: Real[np.ndarray, "N D"]
) -> Float[np.ndarray, "N *C"]:
    """Return the mean of the trees: numbers, or the shares of the classes.

    Raises:
        ValueError: x has other features than the forest, or a NaN.
    """
    total = sum(_leaf_value(tree, x) for tree in forest.trees)
    mean = total / len(forest.trees)  # eq. 3
    return mean.astype(forest.trees[0].value.dtype)


def predict(
    forest: Forest, x: Real[np.ndarray, "N D"]
) -> Real[np.ndarray, "N"]:
    """Return the mean of the trees, or the class with the largest mean share.

    Of equal shares it is the lowest class.

    Raises:
        ValueError: `average` refuses x.
    """
    value = average(forest, x)
    return value if value.ndim == 1 else np.argmax(value, axis=1)


def out_of_bag(
    forest: Forest, x: Real[np.ndarray, "N D"]
) -> Float[np.ndarray, "N *C"]:
    """Return `average` of the trees whose sample does not contain the example.

    x are the training examples in their order. Where there is no such tree
    the result is NaN.

    Raises:
        ValueError: x has another number of examples than the training set, or
            other features, or a NaN.
    """
    if x.shape[:1] != forest.counts.shape[1:]:
        raise ValueError(
            f"out-of-bag needs the {forest.counts.shape[1]} training "
            f"examples, got x of shape {x.shape}"
        )
    first = forest.trees[0].value
    total = np.zeros((len(x), *first.shape[1:]))
    out = forest.counts == 0
    for tree, absent in zip(forest.trees, out, strict=True):
        total[absent] += _leaf_value(tree, x[absent])
    trees = np.sum(out, axis=0)
    mean = total.T / np.where(trees > 0, trees, nan)  # eq. 5
    return mean.T.astype(first.dtype)


def out_of_bag_score(
    forest: Forest, x: Real[np.ndarray, "N D"], y: Real[np.ndarray, "N"]
) -> np.floating:
    """Return the share of classes that are right out-of-bag, or R^2.

    Examples that every sample contains do not count.

    Raises:
        ValueError: `out_of_bag` refuses x; a forest cannot be grown on this y;
            every sample contains all examples; or `r_squared` refuses y.
    """
    value = out_of_bag(forest, x)
    grow = regression_tree if value.ndim == 1 else classification_tree
    _require_examples(grow, x, y)
    known = np.any(forest.counts == 0, axis=0)
    if not np.any(known):
        raise ValueError("a score needs examples that a sample lacks, got none")
    value, y = value[known], y[known]
    if value.ndim == 1:
        return r_squared(y.astype(value.dtype), value)
    return np.mean(np.argmax(value, axis=1) == y, dtype=value.dtype)


def _leaf_value(
    tree: Tree, x: Real[np.ndarray, "N D"]
) -> Float[np.ndarray, "N *C"]:
    """Return what a tree says: the value of each example's leaf."""
    return tree.value[find_leaf(tree, x)].astype(float)


def _require_examples(
    grow: Callable[..., Tree],
    x: Real[np.ndarray, "N D"],
    y: Real[np.ndarray, "N"],
) -> None:
    """Raise unless x and y are what trees are grown on."""
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(
            "a forest needs x of shape (N, D) and y of shape (N,), got "
            f"shapes {x.shape} and {y.shape}"
        )
    examples(x, y, gini if grow is classification_tree else variance)


def _require_indices(
    samples: Integer[np.ndarray, "B K"], n: int
) -> Int[np.ndarray, "B K"]:
    """Return the samples, or raise unless they are rows of indices below n."""
    good = samples.ndim == 2 and samples.size and samples.dtype.kind in "iu"
    if not good or np.min(samples) < 0 or np.max(samples) >= n:
        raise ValueError(
            f"samples need to be rows of indices from 0 to {n - 1}, got "
            f"{samples} of shape {samples.shape}"
        )
    return samples.astype(np.int64)


def _require_whole(value: int, largest: int | float, what: str) -> None:
    """Raise unless the value is a whole number from 1 to the largest."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 1 <= value <= largest:
        raise ValueError(
            f"a forest needs a whole number of {what}, "
            f"from 1 to {largest}, got {value}"
        )
