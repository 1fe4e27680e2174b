"""Logistic regression.

Models the probability of one of two classes: its log-odds are linear in the
features. Fits it by maximum likelihood, and judges the probabilities.

Axes    N examples, D features, P coefficients (the intercept and one for each
        feature), K thresholds, B bins.
Page    docs/en/classification/logistic_regression.md ("eq. 3" marks the line
        of its (3))
Source  Hastie, Tibshirani and Friedman, The Elements of Statistical Learning,
        2nd ed., 2009, section 4.4; separable data: Albert and Anderson,
        Biometrika 71, 1984
"""

from math import log
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Integer, Shaped

from reference._typing import Array
from reference.regression.least_squares import with_intercept


def sigmoid(z: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Return 1 / (1 + exp(-z)), the probability whose log-odds are z.

    Raises:
        ValueError: z does not hold real floating-point numbers.

    >>> import numpy as np
    >>> sigmoid(np.array([-1000.0, 0.0, np.log(3)]))
    array([0.  , 0.5 , 0.75])
    """
    _require_real_floating(z)
    xp = array_namespace(z)
    # Not -abs(z), whose slope in autograd is 0 at 0.
    e = xp.exp(xp.where(z < 0, z, -z))
    return xp.where(z < 0, e, xp.ones_like(e)) / (1 + e)  # eq. 1


def log_odds(
    x: Float[Array, "N D"], beta: Float[Array, "D+1"]
) -> Float[Array, "N"]:
    """Return the log-odds of label 1; beta holds the intercept first.

    Raises:
        ValueError: x is no matrix, beta has not one number more than x has
            columns, or one of them does not hold real floating-point numbers.

    >>> import numpy as np
    >>> log_odds(np.array([[2.0], [4.0]]), np.array([1.0, 0.5]))
    array([2., 3.])
    """
    if x.ndim != 2 or tuple(beta.shape) != (x.shape[1] + 1,):
        raise ValueError(
            "log-odds need a matrix, an intercept and one coefficient for "
            f"each column, got x of shape {tuple(x.shape)} and beta of shape "
            f"{tuple(beta.shape)}"
        )
    _require_real_floating(x, beta)
    return beta[0] + x @ beta[1:]  # eq. 2


def predict_probability(
    x: Float[Array, "N D"], beta: Float[Array, "D+1"]
) -> Float[Array, "N"]:
    """Return the probability of label 1 of every example.

    Raises:
        ValueError: As `log_odds`.

    >>> import numpy as np
    >>> predict_probability(np.array([[2.0]]), np.array([-1.0, 0.5]))
    array([0.5])
    """
    return sigmoid(log_odds(x, beta))


def negative_log_likelihood(
    x: Float[Array, "N D"], y: Shaped[Array, "N"], beta: Float[Array, "D+1"]
) -> Float[Array, ""]:
    """Return the mean of -log p(label) over the examples, in nats.

    Raises:
        ValueError: As `log_odds`, or there is not one label, 0 or 1, for each
            example, or no example.

    >>> import numpy as np
    >>> x, y = np.array([[1.0], [2.0]]), np.array([0, 1])
    >>> negative_log_likelihood(x, y, np.array([0.0, 0.0]))  # log 2
    np.float64(0.693)
    """
    z = log_odds(x, beta)
    return _loss(z, _labels(z, y))


def gradient(
    x: Float[Array, "N D"],
    y: Shaped[Array, "N"],
    beta: Float[Array, "D+1"],
    penalty: float = 0.0,
) -> Float[Array, "D+1"]:
    """Return the gradient of the loss with respect to beta.

    The loss is the negative log-likelihood plus penalty / 2 times the sum of
    the squared coefficients, without the intercept's.

    Raises:
        ValueError: As `negative_log_likelihood`, or the penalty is no finite
            number of at least 0.

    >>> import numpy as np
    >>> x, y = np.array([[2.0], [4.0]]), np.array([0, 1])
    >>> gradient(x, y, np.array([0.0, 0.0]))
    array([ 0. , -0.5])
    """
    charge = _charges(x, penalty)
    z = log_odds(x, beta)
    return _slopes(with_intercept(x), _labels(z, y), z) + charge * beta


def hessian(
    x: Float[Array, "N D"], beta: Float[Array, "D+1"], penalty: float = 0.0
) -> Float[Array, "D+1 D+1"]:
    """Return the second derivatives of the same loss.

    The labels are not in it. N times this, inverted, is the covariance of the
    coefficients that statistics packages report (for a penalty of 0).

    Raises:
        ValueError: As `gradient`.

    >>> import numpy as np
    >>> hessian(np.array([[2.0], [4.0]]), np.array([0.0, 0.0]))
    array([[0.25, 0.75],
           [0.75, 2.5 ]])
    """
    charge = _charges(x, penalty)
    z = log_odds(x, beta)
    return _curvature(with_intercept(x), sigmoid(z) * sigmoid(-z), charge)


def gradient_descent(
    x: Float[Array, "N D"],
    y: Shaped[Array, "N"],
    steps: int,
    penalty: float = 0.0,
) -> Float[Array, "D+1"]:
    """Return beta after so many steps of gradient descent from zero.

    The learning rate is one over the largest eigenvalue of the Hessian at
    zero, where it is nowhere larger: no step raises the loss.

    Raises:
        ValueError: As `gradient`, x is not finite or its squares overflow, or
            steps is no integer of at least 0.

    >>> import numpy as np
    >>> x, y = np.array([[-2.0], [2.0]]), np.array([0, 1])
    >>> gradient_descent(x, y, steps=1)
    array([0., 1.])
    """
    steps = _require_integer("steps", steps, 0)
    charge = _charges(x, penalty)
    y = _labels(x[:, 0], y)
    xp = array_namespace(x)
    beta, design = xp.zeros_like(charge), with_intercept(x)
    largest = _curvature(design, xp.full_like(y, 0.25), charge)
    _require_finite(largest)
    rate = 1 / xp.linalg.eigvalsh(largest)[-1]
    for _ in range(steps):
        slopes = _slopes(design, y, design @ beta) + charge * beta
        beta = beta - rate * slopes  # eq. 7
    return beta


def logistic_regression(
    x: Float[Array, "N D"],
    y: Shaped[Array, "N"],
    penalty: float = 0.0,
    steps: int = 200,
) -> Float[Array, "D+1"]:
    """Return the intercept and the coefficients of the smallest loss.

    The loss is that of `gradient`, minimized by Newton's method, which is
    iteratively reweighted least squares (IRLS). Up to five steps share a
    Hessian.

    Raises:
        ValueError: As `gradient`, or no unique finite beta is the best: there
            is one class only, a column depends on the others, or the classes
            are separable and the penalty is 0; or x is not finite, its sums
            or the coefficients overflow, or `steps` steps were not enough.

    >>> import numpy as np
    >>> x, y = np.array([[0.0]] * 4 + [[1.0]] * 4), np.array([0, 1] + 6 * [1])
    >>> y[:4], y[4:] = [1, 0, 0, 0], [1, 1, 1, 0]  # odds 1 : 3 and 3 : 1
    >>> np.exp(logistic_regression(x, y))
    array([0.333, 9.   ])
    """
    steps = _require_integer("steps", steps, 1)
    charge = _charges(x, penalty)
    y = _labels(x[:, 0], y)
    xp = array_namespace(x)
    if bool(xp.all(y == y[0])):
        raise ValueError(f"a fit needs labels 0 and 1, got only {int(y[0])}")
    design, centre, unit = _scaled(x, charge)
    charge = xp.concat((charge[:1], (xp.sqrt(charge[1:]) / unit) ** 2))
    eps = float(xp.finfo(x.dtype).eps)
    beta, z = xp.zeros_like(charge), xp.zeros_like(y)
    loss = _loss(z, y)
    for step in range(steps):
        fresh = step == 1 or step % 5 == 0
        if fresh:
            w = sigmoid(z) * sigmoid(-z)
            # No weight is 0, or h could be singular where log-odds are large.
            h = _curvature(design, w + eps * xp.max(w), charge)
            if step == 0:
                _require_independent(h)
        slopes = _slopes(design, y, z) + charge * beta
        change = -xp.linalg.solve(h, slopes)  # eq. 8
        moved = design @ change
        if step == 0:
            length = _length(y, moved, xp.sum(charge * change**2))
            change, moved = length * change, length * moved
        beta, z, loss = _halved(y, charge, (beta, z, loss), change, moved)
        size = xp.max(xp.abs(moved) / (1 + xp.abs(z)))
        if size <= (eps**0.5 if fresh else eps**0.75):
            beta_x = beta[1:] / unit
            _require_finite(beta_x)
            return xp.concat((beta[:1] - xp.sum(beta_x * centre), beta_x))
        if fresh and penalty == 0:
            _require_overlap(y, z, moved, loss, -xp.sum(slopes * change))
    raise ValueError(
        f"the fit needs more than the {steps} steps it was given; the last one "
        f"moved log-odds by {float(size):.1e} of 1 plus their size"
    )


def classify(
    p: Float[Array, "*S"], threshold: float = 0.5
) -> Integer[Array, "*S"]:
    """Return label 1 where the probability is at least the threshold, else 0.

    Raises:
        ValueError: The probabilities or the threshold are not in 0 ... 1.

    >>> import numpy as np
    >>> classify(np.array([0.2, 0.5, 0.7]), threshold=0.5)
    array([0, 1, 1])
    """
    _require_probability(p)
    if isinstance(threshold, bool) or not 0 <= threshold <= 1:
        raise ValueError(f"a threshold needs to be in 0 ... 1, got {threshold}")
    xp = array_namespace(p)
    return xp.astype(p >= float(threshold), xp.int64)  # eq. 9


class RocCurve(NamedTuple):
    """Both rates at each threshold; the first calls nothing 1."""

    fpr: Float[Array, "K"]
    tpr: Float[Array, "K"]
    threshold: Float[Array, "K"]


def roc_curve(y: Shaped[Array, "N"], score: Float[Array, "N"]) -> RocCurve:
    """Return false and true positive rates, thresholds from inf downwards.

    The thresholds are the different scores; label 1 is said from there up.

    Raises:
        ValueError: There is not one label, 0 or 1, for each score, one of the
            labels does not occur, or the scores are not finite real
            floating-point numbers.

    >>> import numpy as np
    >>> roc = roc_curve(np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 3.0, 4.0]))
    >>> roc.fpr, roc.tpr
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    xp = array_namespace(y, score)
    _require_real_floating(score)
    _require_finite(score)
    y = xp.astype(_labels(score, y), xp.int64)
    positive = int(xp.sum(y))
    negative = y.shape[0] - positive
    if 0 in (positive, negative):
        raise ValueError(
            f"rates need both labels, got {negative} times 0 and "
            f"{positive} times 1"
        )
    order = xp.argsort(-score)
    score, hits = xp.take(score, order), xp.take(y, order)
    true = xp.cumulative_sum(hits)
    false = xp.cumulative_sum(1 - hits)
    one = xp.ones((1,), dtype=score.dtype, device=score.device)
    # Equal scores share a threshold: the last of them counts.
    last = xp.concat((score[1:] != score[:-1], one == 1))
    tpr = xp.astype(true[last], score.dtype) / positive  # eq. 10
    fpr = xp.astype(false[last], score.dtype) / negative  # eq. 11
    return RocCurve(
        xp.concat((0 * one, fpr)),
        xp.concat((0 * one, tpr)),
        xp.concat((xp.inf * one, score[last])),
    )


def roc_auc(
    y: Shaped[Array, "N"], score: Float[Array, "N"]
) -> Float[Array, ""]:
    """Return the area under the ROC curve, from 0 to 1.

    It is how often a random example of label 1 has the larger score than one
    of label 0, with ties counted half.

    Raises:
        ValueError: As `roc_curve`.

    >>> import numpy as np
    >>> y, score = np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 3.0, 4.0])
    >>> float(roc_auc(y, score))
    0.75
    """
    xp = array_namespace(y, score)
    fpr, tpr, _ = roc_curve(y, score)
    height = (tpr[1:] + tpr[:-1]) / 2
    return xp.sum((fpr[1:] - fpr[:-1]) * height)  # eq. 12


class Calibration(NamedTuple):
    """What was said and what came, for each bin that has examples."""

    probability: Float[Array, "B"]
    share: Float[Array, "B"]
    count: Integer[Array, "B"]


def calibration(
    y: Shaped[Array, "N"], p: Float[Array, "N"], bins: int = 10
) -> Calibration:
    """Return mean probability, share of label 1, and count of each bin.

    The bins cut 0 ... 1 into equal parts; each owns its upper end, and the
    lowest 0 as well. Empty ones are left out.

    Raises:
        ValueError: There is not one label, 0 or 1, for each probability, the
            probabilities are not in 0 ... 1, or bins is no integer above 0.

    >>> import numpy as np
    >>> p = np.array([0.1, 0.3, 0.8, 0.9])
    >>> calibration(np.array([0, 1, 1, 1]), p, bins=2).share
    array([0.5, 1. ])
    """
    bins = _require_integer("bins", bins, 1)
    _require_probability(p)
    y = _labels(p, y)
    xp = array_namespace(y, p)
    order = xp.argsort(p)
    both = xp.stack((xp.take(p, order), xp.take(y, order)))
    edges = xp.linspace(0, 1, bins + 1, dtype=p.dtype, device=p.device)
    ends = xp.searchsorted(both[0, :], edges[1:], side="right")
    # A bin that ends where the last one did is empty.
    ends = xp.sort(xp.unique_values(xp.concat((0 * ends[:1], ends))))
    sums = xp.cumulative_sum(
        both, axis=1, dtype=xp.float64, include_initial=True
    )
    sums = xp.take(sums, ends, axis=1)
    count = ends[1:] - ends[:-1]
    means = (sums[:, 1:] - sums[:, :-1]) / xp.astype(count, xp.float64)
    means = xp.astype(means, p.dtype)
    return Calibration(means[0, :], means[1, :], count)


def _loss(z: Float[Array, "N"], y: Float[Array, "N"]) -> Float[Array, ""]:
    """Return the mean of log(1 + exp(-m)), with the margins m = +-z."""
    xp = array_namespace(z)
    m = (2 * y - 1) * z
    tail = xp.log1p(xp.exp(xp.where(m < 0, m, -m)))
    return xp.mean(tail + xp.where(m < 0, -m, xp.zeros_like(m)))  # eq. 3


def _slopes(
    design: Float[Array, "N P"], y: Float[Array, "N"], z: Float[Array, "N"]
) -> Float[Array, "P"]:
    """Return the gradient of the loss without a penalty."""
    sign = 2 * y - 1
    miss = -sign * sigmoid(-sign * z)  # p - y, without cancellation
    return design.mT @ miss / y.shape[0]  # eq. 4


def _curvature(
    design: Float[Array, "N P"], w: Float[Array, "N"], charge: Float[Array, "P"]
) -> Float[Array, "P P"]:
    """Return the second derivatives of the loss with its penalty."""
    xp = array_namespace(design)
    h = charge * xp.eye(charge.shape[0], dtype=w.dtype, device=w.device)
    # Blocks of rows stay in the cache, which takes half the time.
    n, size = w.shape[0], 4096
    for first in range(0, n, size):
        rows = slice(first, min(first + size, n))
        root = xp.sqrt(w[rows])[:, None] * design[rows, :]
        h = h + root.mT @ root / n  # eq. 6
    return h


def _length(
    y: Float[Array, "N"], moved: Float[Array, "N"], cost: Float[Array, ""]
) -> Float[Array, ""]:
    """Return how many times the first step from zero is best taken.

    The curvature is nowhere larger than at zero, so that the step is too short.
    The best length is another logistic regression, on the step's log-odds.
    """
    xp = array_namespace(y)
    n, tiny = y.shape[0], float(xp.finfo(y.dtype).smallest_normal)
    length = xp.ones_like(cost)
    for _ in range(2):
        p, q = sigmoid(length * moved), sigmoid(-length * moved)
        slope = xp.sum(moved * (p - y)) / n + length * cost
        bend = xp.sum(moved**2 * p * q) / n + cost
        length = length - slope / (bend + tiny)
    return length


def _halved(
    y: Float[Array, "N"],
    charge: Float[Array, "P"],
    start: tuple[Float[Array, "P"], Float[Array, "N"], Float[Array, ""]],
    change: Float[Array, "P"],
    moved: Float[Array, "N"],
) -> tuple[Float[Array, "P"], Float[Array, "N"], Float[Array, ""]]:
    """Return beta, log-odds and loss after the step, halved until it is safe.

    Safe is a part of the change that does not raise the loss, save by rounding.
    """
    xp = array_namespace(y)
    beta, z, loss = start
    allowed = loss * (1 + 16 * float(xp.finfo(y.dtype).eps))
    part = 1.0
    while True:
        new, new_z = beta + part * change, z + part * moved
        penalty = xp.sum(charge * new**2) / 2
        new_loss = _loss(new_z, y) + penalty  # eq. 5
        if not bool(new_loss > allowed):
            return new, new_z, new_loss
        part = part / 2


def _require_overlap(
    y: Float[Array, "N"],
    z: Float[Array, "N"],
    moved: Float[Array, "N"],
    loss: Float[Array, ""],
    gain: Float[Array, ""],
) -> None:
    """Raise if the loss without a penalty can fall for ever.

    A summed loss below log 2 leaves no example on the wrong side. Otherwise
    look at Newton's step: it lowers no margin, and hardly gains any more.
    """
    xp = array_namespace(y)
    little = float(xp.finfo(y.dtype).eps) ** (1 / 3)
    rise = (2 * y - 1) * moved / (1 + xp.abs(z))
    runs_away = xp.min(rise) >= -little * xp.max(rise)
    if y.shape[0] * loss < log(2) or (runs_away and gain <= little):
        raise ValueError(
            "the classes are separable, or very nearly: the loss falls for "
            "ever in some direction of beta, no finite beta is the best; the "
            "fit needs a penalty above 0, got 0"
        )


def _scaled(
    x: Float[Array, "N D"], charge: Float[Array, "D+1"]
) -> tuple[Float[Array, "N D+1"], Float[Array, "D"], Float[Array, "D"]]:
    """Return the design matrix of (x - centre) / unit, centre and unit.

    Newton's method takes the same steps in any units, and rounds least where
    columns have a span of 1, or a charge of 1 where that is less.
    """
    xp = array_namespace(x)
    span = xp.max(x, axis=0) - xp.min(x, axis=0)
    centre = xp.mean(x, axis=0)
    _require_finite(span + centre)  # max and min hand on NaN and inf
    usable = span > float(xp.finfo(x.dtype).smallest_normal)
    unit = xp.where(usable, span, xp.ones_like(span))
    unit = xp.maximum(unit, xp.sqrt(charge[1:]))
    one = xp.ones_like(unit[:1])
    design = with_intercept(x)
    # In place, which takes half the time of new arrays.
    design -= xp.concat((0 * one, centre))
    design *= xp.concat((one, 1 / unit))
    return design, centre, unit


def _charges(x: Float[Array, "N D"], penalty: float) -> Float[Array, "D+1"]:
    """Return the penalty for every coefficient, and 0 for the intercept."""
    _require_real_floating(x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(
            "logistic regression needs examples with features, got x of shape "
            f"{tuple(x.shape)}"
        )
    xp = array_namespace(x)
    most = float(xp.finfo(x.dtype).max)
    if isinstance(penalty, bool) or not 0 <= float(penalty) <= most:
        raise ValueError(
            f"a penalty needs to be from 0 to {most:.1e}, got {penalty}"
        )
    ones = xp.ones((x.shape[1],), dtype=x.dtype, device=x.device)
    return xp.concat((0 * ones[:1], float(penalty) * ones))


def _labels(
    like: Float[Array, "N"], y: Shaped[Array, "N"]
) -> Float[Array, "N"]:
    """Return the labels as floats like these, or raise unless 0 or 1."""
    xp = array_namespace(like, y)
    if like.ndim != 1 or tuple(y.shape) != tuple(like.shape) or 0 in y.shape:
        raise ValueError(
            "needs at least one example and one label for each, got examples "
            f"of shape {tuple(like.shape)} and labels of shape {tuple(y.shape)}"
        )
    if not xp.isdtype(y.dtype, ("bool", "integral", "real floating")):
        raise ValueError(f"labels need to be numbers 0 or 1, got {y.dtype}")
    y = xp.astype(y, like.dtype)
    if not bool(xp.all((y == 0) | (y == 1))):
        raise ValueError(
            f"labels need to be 0 or 1, got {float(xp.min(y)):.6g} ... "
            f"{float(xp.max(y)):.6g}"
        )
    return y


def _require_independent(h: Float[Array, "D D"]) -> None:
    """Raise if the Hessian is singular but for rounding, in any units."""
    xp = array_namespace(h)
    root = xp.sqrt(xp.linalg.diagonal(h))
    root = xp.where(root > 0, root, xp.ones_like(root))
    found = xp.linalg.eigvalsh(h / root / root[:, None])
    if not bool(found[0] > 1000 * float(xp.finfo(h.dtype).eps) * found[-1]):
        raise ValueError(
            "unique coefficients need columns that do not depend on each other "
            "and on the intercept, or a larger penalty; got eigenvalues from "
            f"{float(found[0]):.1e} to {float(found[-1]):.1e}"
        )


def _require_probability(p: Float[Array, "*S"]) -> None:
    """Raise unless all values are from 0 to 1."""
    _require_real_floating(p)
    xp = array_namespace(p)
    if not bool(xp.all((p >= 0) & (p <= 1))):
        raise ValueError(
            f"probabilities need to be in 0 ... 1, got {float(xp.min(p)):.6g} "
            f"... {float(xp.max(p)):.6g}"
        )


def _require_integer(name: str, value: int, least: int) -> int:
    """Return the value as an int, or raise unless it is one, large enough."""
    whole = not isinstance(value, bool) and hasattr(value, "__index__")
    if not whole or value < least:
        raise ValueError(
            f"{name} needs to be an integer of at least {least}, got {value}"
        )
    return int(value)


def _require_real_floating(*arrays: Shaped[Array, "..."]) -> None:
    """Raise unless all numbers are real floating-point numbers."""
    xp = array_namespace(*arrays)
    for a in arrays:
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                "logistic regression needs real floating-point numbers, "
                f"got {a.dtype}"
            )


def _require_finite(x: Float[Array, "*S"]) -> None:
    """Raise if any value is infinite, as after overflow, or not a number."""
    xp = array_namespace(x)
    if not bool(xp.all(xp.isfinite(x))):
        raise ValueError(
            "needs values and sums that are finite, got NaN or inf"
        )
