"""Boosting.

Adds up many small trees, one after the other, each fitted to what the sum of
those before it still gets wrong: AdaBoost by the weights of the examples,
gradient boosting by their residuals.

Axes    N examples, D features, C classes, T rounds; S any axes in front.
Page    docs/en/trees/boosting.md ("eq. 3" marks the line of its (3))
Source  Freund and Schapire, A Decision-Theoretic Generalization of On-Line
        Learning and an Application to Boosting, J. Comput. Syst. Sci. 55,
        1997; Friedman, Greedy Function Approximation: A Gradient Boosting
        Machine, Annals of Statistics 29, 2001
"""

from collections.abc import Callable, Iterator
from math import inf, log
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from reference.classification.margin_losses import logistic_backward, margin
from reference.trees.decision_tree import (
    Impurity,
    Numbers,
    Tree,
    examples,
    find_leaf,
    grow_tree,
    precision,
    predict,
    regression_tree,
    shares,
    variance,
)


class Boosted(NamedTuple):
    """A sum of T trees: tree t counts `steps[t]` times, added to `start`."""

    start: np.floating
    trees: tuple[Tree, ...]
    steps: Float[np.ndarray, "T"]


def staged_scores(
    model: Boosted, x: Real[np.ndarray, "N D"]
) -> Iterator[Float[np.ndarray, "N"]]:
    """Yield the scores T + 1 times: of the start, then with every tree more.

    Raises:
        ValueError: `find_leaf` refuses x.
    """
    score = np.full(x.shape[:1], model.start)
    yield score
    for step, tree in zip(model.steps, model.trees, strict=True):
        score = score + step * predict(tree, x)  # eq. 1
        yield score


def scores(
    model: Boosted, x: Real[np.ndarray, "N D"]
) -> Float[np.ndarray, "N"]:
    """Return the score of each example: start plus the steps of all trees.

    It has the unit of y if the loss is the squared one, and is the logarithm of
    the odds if it is the logistic one.

    Raises:
        ValueError: `find_leaf` refuses x.

    >>> x, y = np.array([[1.0], [2.0], [3.0]]), np.array([-1, -1, 1])
    >>> scores(adaboost(x, y, rounds=1), x)
    array([-1., -1.,  1.])
    """
    for score in staged_scores(model, x):
        last = score
    return last


def predict_labels(
    model: Boosted, x: Real[np.ndarray, "N D"]
) -> Int[np.ndarray, "N"]:
    """Return +1 where the score is above 0, else -1.

    Raises:
        ValueError: `find_leaf` refuses x.
    """
    return np.where(scores(model, x) > 0, 1, -1)


def mistakes(counts: Real[np.ndarray, "*S C"]) -> Numbers:
    """Return the share of a set that is not of its most frequent class.

    Raises:
        ValueError: A set is empty.

    >>> mistakes(np.array([3, 1])).item()
    0.25
    """
    return 1 - np.max(shares(counts), axis=-1)  # eq. 2


def weighted_error(
    weights: Float[np.ndarray, "N"],
    y: Real[np.ndarray, "N"],
    h: Real[np.ndarray, "N"],
) -> float:
    """Return the weight of the examples whose label y is not the answer h.

    Raises:
        ValueError: The shapes are not the same.

    >>> weights = np.array([0.5, 0.25, 0.25])
    >>> weighted_error(weights, np.array([1, 1, -1]), np.array([1, -1, 1]))
    0.5
    """
    if not (weights.shape == y.shape == h.shape):
        raise ValueError(
            "an error needs a weight, a label and an answer for each example, "
            f"got shapes {weights.shape}, {y.shape} and {h.shape}"
        )
    return float(np.sum(weights * (h != y)))  # eq. 3


def vote(error: float) -> float:
    """Return the step of a weak learner whose weighted error is `error`.

    Raises:
        ValueError: Not 0 < error < 1.

    >>> round(vote(0.2), 3)  # log 2
    0.693
    """
    if not 0 < error < 1:
        raise ValueError(f"a vote needs 0 < error < 1, got {error}")
    # Not the log of the quotient, which overflows where error is tiny.
    return 0.5 * (log(1 - error) - log(error))  # eq. 4


def example_weights(
    y: Real[np.ndarray, "N"], score: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N"]:
    """Return the exponential loss of each example, divided by their sum.

    Raises:
        ValueError: `margin` refuses labels or scores, or there are none.

    >>> example_weights(np.array([1, 1]), np.array([0.0, np.log(3)]))
    array([0.75, 0.25])
    """
    m = margin(y, score)
    if m.size == 0:
        raise ValueError(f"weights need an example, got {m.size}")
    w = np.exp(np.min(m) - m)  # The smallest margin has 1: nothing overflows.
    return w / np.sum(w)  # eq. 5


def adaboost(
    x: Real[np.ndarray, "N D"],
    y: Real[np.ndarray, "N"],
    rounds: int,
    impurity: Impurity = mistakes,
) -> Boosted:
    """Return the weighted vote of at most `rounds` stumps, for labels -1, +1.

    Each stump is the split of least impurity; with `mistakes` it is that of the
    least weighted error. The rounds end early where no stump is better than
    chance, and after one that makes no mistake, which gets the step 1.

    Raises:
        ValueError: `examples` refuses the data; a label is neither -1 nor +1;
            rounds is no whole number above 0; no stump is better than chance.

    >>> x, y = np.array([[1.0], [2.0], [3.0]]), np.array([-1, -1, 1])
    >>> adaboost(x, y, rounds=10).trees[0].threshold[0].item()
    2.5
    """
    _require_rounds(rounds)
    x, y, _ = examples(x, y, variance)
    dtype = precision(x, y)
    score, trees, steps = np.zeros(len(y)), [], []
    for _ in range(rounds):
        weights = example_weights(y, score)
        tree = _stump(x, y, weights, impurity)
        h = predict(tree, x)
        error = weighted_error(weights, y, h)
        if error > 0.5 - 1e-12:  # 1/2, up to rounding
            break
        trees.append(tree)
        steps.append(vote(error) if error > 0 else 1.0)
        if error == 0:
            break
        score += steps[-1] * h
    if not trees:
        raise ValueError(
            f"boosting needs a stump with an error below 1/2, got {error:.3g}"
        )
    return Boosted(dtype.type(0), tuple(trees), np.asarray(steps, dtype))


def squared(
    y: Real[np.ndarray, "N"], score: Float[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Return residual and curvature of half the squared distance.

    The residual, minus the slope of the loss, has the unit of y.

    Raises:
        ValueError: The shapes are not the same.

    >>> squared(np.array([3.0, 0.0]), np.array([1.0, 1.0]))
    (array([ 2., -1.]), array([1., 1.]))
    """
    if y.shape != score.shape:
        raise ValueError(
            "a residual needs one score for each target, got shapes "
            f"{y.shape} and {score.shape}"
        )
    residual = y - score  # eq. 6
    return residual, np.ones_like(residual)


def logistic(
    y: Real[np.ndarray, "N"], score: Float[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Return residual and curvature of the logistic loss, labels -1 and +1.

    Raises:
        ValueError: `margin` refuses labels or scores.

    >>> logistic(np.array([1, -1]), np.array([0.0, 0.0]))
    (array([ 0.5, -0.5]), array([0.25, 0.25]))
    """
    m = margin(y, score)
    residual = -y.astype(m.dtype) * logistic_backward(1.0, m)  # eq. 7
    # One factor is the probability of +1, the other that of -1: no 1 - p, which
    # would be 0 where p is nearly 1.
    p, q = (-logistic_backward(1.0, f) for f in (-score, score))
    curvature = p * q  # eq. 8
    return residual, curvature


def best_constant(y: Real[np.ndarray, "N"], loss: Callable = squared) -> float:
    """Return the score that is best for all: log-odds if `logistic`, or mean.

    Raises:
        ValueError: y is not (N,) with N > 0; with `logistic`, `margin` refuses
            the labels, or not both occur.

    >>> best_constant(np.array([2.0, 4.0, 9.0]))
    5.0
    """
    if y.ndim != 1 or y.size == 0:
        raise ValueError(f"y needs shape (N,) and N > 0, got {y.shape}")
    if loss is not logistic:
        return float(np.mean(y, dtype=float))
    margin(y, np.zeros(y.shape))  # refuses other labels
    positive = int(np.sum(y > 0))
    negative = len(y) - positive
    if positive == 0 or negative == 0:
        raise ValueError(
            "log-odds need both labels, -1 and +1, got "
            f"{negative} negative and {positive} positive examples"
        )
    return log(positive / negative)  # eq. 9


def newton_leaves(
    tree: Tree,
    x: Real[np.ndarray, "N D"],
    residual: Float[np.ndarray, "N"],
    curvature: Float[np.ndarray, "N"],
) -> Tree:
    """Return the tree with the Newton step of its examples in each leaf.

    A leaf without curvature (a sum whose square would underflow) gets 0.

    Raises:
        ValueError: `find_leaf` refuses x; residual or curvature is not (N,); a
            curvature is not at least 0.
    """
    if not (residual.shape == curvature.shape == x.shape[:1]):
        raise ValueError(
            "leaves need a residual and a curvature of each example, got "
            f"shapes {residual.shape} and {curvature.shape} for {x.shape}"
        )
    if not np.all(curvature >= 0):
        raise ValueError(
            f"curvatures need to be at least 0, got {np.min(curvature)}"
        )
    leaf, nodes = find_leaf(tree, x), len(tree.feature)
    pull = np.bincount(leaf, residual, minlength=nodes)
    bend = np.bincount(leaf, curvature, minlength=nodes)
    curved = bend > np.finfo(tree.value.dtype).tiny ** 0.5
    step = np.where(curved, pull, 0) / np.where(curved, bend, 1)  # eq. 10
    return tree._replace(value=step.astype(tree.value.dtype))


def gradient_boosting(
    x: Real[np.ndarray, "N D"],
    y: Real[np.ndarray, "N"],
    loss: Callable = squared,
    rounds: int = 100,
    rate: float = 0.1,
    max_depth: int | float = 3,
    min_samples_leaf: int = 1,
) -> Boosted:
    """Return a sum of `rounds` trees, each fitted to the residuals so far.

    `loss` is `squared`, with targets of any size, or `logistic`, with labels -1
    and +1. The limits of depth and leaf are `grow_tree`'s.

    Raises:
        ValueError: `grow_tree` refuses the data or a limit; rounds is no
            whole number above 0; not 0 < rate < inf; `logistic` refuses the
            labels, or not both occur.

    >>> x, y = np.array([[1.0], [2.0]]), np.array([0.0, 4.0])
    >>> model = gradient_boosting(x, y, rounds=1, rate=0.5)
    >>> scores(model, x)  # from the mean, 2, half the way
    array([1., 3.])
    """
    _require_rounds(rounds)
    if not 0 < rate < inf:
        raise ValueError(f"gradient boosting needs 0 < rate < inf, got {rate}")
    x, y, _ = examples(x, y, variance)
    dtype = precision(x, y)
    start = best_constant(y, loss)
    score, trees = np.full(len(y), start), []
    for _ in range(rounds):
        residual, curvature = loss(y, score)
        tree = regression_tree(
            x,
            residual.astype(dtype),
            max_depth=max_depth,
            min_samples_leaf=min_samples_leaf,
        )
        tree = newton_leaves(tree, x, residual, curvature)
        score += float(rate) * predict(tree, x)
        trees.append(tree)
    steps = np.full(rounds, rate, dtype)
    return Boosted(dtype.type(start), tuple(trees), steps)


def _stump(
    x: Real[np.ndarray, "N D"],
    y: Real[np.ndarray, "N"],
    weights: Float[np.ndarray, "N"],
    impurity: Impurity,
) -> Tree:
    """Return a tree of one question whose answers are -1.0 and +1.0."""

    def heavier_label(classes, weights):
        return 2.0 * np.argmax(np.bincount(classes, weights, minlength=2)) - 1

    classes = (y > 0).astype(int)
    return grow_tree(x, classes, impurity, heavier_label, weights, max_depth=1)


def _require_rounds(rounds: int) -> None:
    """Raise unless rounds is a whole number above 0."""
    whole = isinstance(rounds, int | np.integer) and rounds is not True
    if not whole or rounds < 1:
        raise ValueError(f"rounds need a whole number above 0, got {rounds}")
