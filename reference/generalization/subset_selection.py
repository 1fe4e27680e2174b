"""Subset selection.

Which of D variables should a linear model use? By trying every subset, by
adding or dropping one variable at a time, or by many small steps.

Axes    N examples, D variables, K sizes of a subset (entry k has k variables),
        T steps of the stagewise fit, R rows that stand for the N examples.
Page    docs/en/generalization/subset_selection.md ("eq. 3" marks the line of
        its (3))
Source  Hastie, Tibshirani and Friedman, The Elements of Statistical Learning,
        2nd ed., 2009, sections 3.3 and 3.8
"""

from math import inf, log, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from reference.regression.least_squares import least_squares, reduce_rows


class Selection(NamedTuple):
    """One subset for each size: entry k has k variables, in rising order.

    `rss` is in the squared unit of y. A variable outside of a subset has the
    coefficient 0.
    """

    subsets: list[tuple[int, ...]]
    rss: Float[np.ndarray, "K"]
    intercept: Float[np.ndarray, "K"]
    beta: Float[np.ndarray, "K D"]


class Stagewise(NamedTuple):
    """RSS and coefficients before the first and after each of T steps."""

    rss: Float[np.ndarray, "T+1"]
    intercept: Float[np.ndarray, "T+1"]
    beta: Float[np.ndarray, "T+1 D"]


def all_rss(
    x: Float[np.ndarray, "N D"], y: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "2**D"]:
    """Return the RSS of every subset, in the squared unit of y.

    Entry i is for the variables d whose bit d is 1 in i. It is inf where these
    variables depend on each other or on the intercept.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow,
            or there are more than 18 variables.

    >>> all_rss(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 0.0, 2.0]))
    array([2. , 1.5])
    """
    rows, _, size = _reduced(x, y)
    return (_every_subset(rows) * size**2).astype(np.result_type(x, y))


def best_subset(
    x: Float[np.ndarray, "N D"], y: Float[np.ndarray, "N"]
) -> Selection:
    """Return, for each size, the subset of smallest RSS.

    The sizes end where all larger subsets depend on each other.

    Raises:
        ValueError: As `all_rss`.

    >>> x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> best_subset(x, np.array([3.0, 3.0, 1.0, 1.0])).subsets
    [(), (0,), (0, 1)]
    """
    rss = _every_subset(_reduced(x, y)[0])
    sizes = np.bitwise_count(np.arange(len(rss)))
    subsets = []
    for k in range(x.shape[1] + 1):
        candidates = np.flatnonzero(sizes == k)
        best = int(candidates[np.argmin(rss[candidates])])
        if rss[best] == inf:
            break
        subsets.append([d for d in range(x.shape[1]) if best >> d & 1])
    return _fits(x, y, subsets)


def forward_stepwise(
    x: Float[np.ndarray, "N D"], y: Float[np.ndarray, "N"]
) -> Selection:
    """Return nested subsets; each adds the variable that lowers RSS most.

    They end where all other variables depend on those inside: with N examples
    at N - 1 variables at the latest.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow.

    >>> x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> forward_stepwise(x, np.array([3.0, 3.0, 1.0, 1.0])).subsets
    [(), (0,), (0, 1)]
    """
    rows, _, _ = _reduced(x, y)
    subsets = [[]]
    for _ in range(x.shape[1]):
        own = np.sum(rows[:, :-1] ** 2, axis=0)
        free = _independent(own)
        if not np.any(free):
            break
        product = rows[:, :-1].T @ rows[:, -1]
        drop = product**2 / np.where(free, own, 1)  # eq. 3
        d = int(np.argmax(np.where(free, drop, -1)))
        rows = _left(rows, rows[:, d : d + 1])
        subsets.append(sorted([*subsets[-1], d]))
    return _fits(x, y, subsets)


def backward_stepwise(
    x: Float[np.ndarray, "N D"], y: Float[np.ndarray, "N"]
) -> Selection:
    """Return nested subsets; each lacks the variable that matters least.

    Raises:
        ValueError: As `forward_stepwise`, and if there are no more examples
            than variables, or a variable depends on the others.

    >>> x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> backward_stepwise(x, np.array([3.0, 3.0, 1.0, 1.0])).subsets
    [(), (0,), (0, 1)]
    """
    rows, _, _ = _reduced(x, y)
    n, d = x.shape
    if n <= d:
        raise ValueError(
            f"backward selection starts with all {d} variables and needs at "
            f"least {d + 1} examples, got {n}"
        )
    r, z = reduce_rows(rows[:, :-1], rows[:, -1])
    subsets = [list(range(d))]
    while len(subsets[0]) > 1:
        beta = least_squares(r, z)
        rise = beta**2 / np.sum(np.linalg.inv(r) ** 2, axis=1)  # eq. 5
        out = int(np.argmin(rise))
        subsets.insert(0, subsets[0][:out] + subsets[0][out + 1 :])
        r, z = reduce_rows(np.delete(r, out, axis=1), z)
    return _fits(x, y, [[], *subsets])


def forward_stagewise(
    x: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, "N"],
    step: float,
    steps: int,
) -> Stagewise:
    """Return the path of a fit that changes one coefficient at each step.

    It is that of the variable most correlated with the residual. With every
    variable in units of its standard deviation, it changes by `step`, in the
    unit of y, or by less where less is best; math.inf takes all that is best.

    Raises:
        ValueError: As `forward_stepwise`, and unless step > 0 and steps >= 0.

    >>> x, y = np.array([[-1.0], [1.0]]), np.array([2.0, 8.0])
    >>> forward_stagewise(x, y, step=2.0, steps=2).beta.tolist()
    [[0.0], [2.0], [3.0]]
    """
    if not step > 0 or steps < 0:
        raise ValueError(
            f"stagewise needs step > 0 and steps >= 0, got {step} and {steps}"
        )
    rows, _, size = _reduced(x, y)
    step, root = float(step) / size, sqrt(x.shape[0])
    correlation = rows[:, :-1].T @ rows[:, :-1]
    c = (rows[:, :-1].T @ rows[:, -1]) / root  # eq. 6
    gamma = np.zeros((steps + 1, x.shape[1]))
    for k in range(steps):
        d = int(np.argmax(np.abs(c)))
        change = np.sign(c[d]) * min(step, abs(c[d]))  # eq. 7
        gamma[k + 1] = gamma[k]
        gamma[k + 1, d] += change
        c = c - change * correlation[:, d]
    return Stagewise(*_in_units(x, y, gamma * root))


def mallows_cp(
    rss: Float[np.ndarray, "K"], n: int, variance: float
) -> Float[np.ndarray, "K"]:
    """Return Mallows' Cp of models with 0, 1, ... variables on n examples.

    `variance` estimates that of the errors, commonly RSS / (n - D - 1) of all
    D variables.

    Raises:
        ValueError: n is below the number of coefficients, or not
            0 < variance < inf.

    >>> mallows_cp(np.array([8.0, 2.0]), 5, variance=1.0)
    array([5., 1.])
    """
    count = _coefficients(rss, n)
    if not 0 < variance < inf:
        raise ValueError(f"Cp needs 0 < variance < inf, got {variance}")
    return rss / float(variance) - int(n) + 2 * count  # eq. 8


def bic(rss: Float[np.ndarray, "K"], n: int) -> Float[np.ndarray, "K"]:
    """Return the BIC of models with 0, 1, ... variables on n examples.

    Raises:
        ValueError: n is below the number of coefficients, or a fit is perfect:
            up to rounding, its RSS is 0.

    >>> bic(np.array([8.0, 2.0]), 2).round(3).tolist()  # 2 log 4, then log 2
    [3.466, 1.386]
    """
    count = _coefficients(rss, n)
    if not np.all(rss > 1e-24 * np.max(rss)):
        raise ValueError(
            "BIC takes the logarithm of the RSS and allows no perfect fit, "
            f"got {rss}"
        )
    return int(n) * np.log(rss / int(n)) + count * log(n)  # eq. 9


def _require_examples(
    x: Float[np.ndarray, "N D"], y: Float[np.ndarray, "N"]
) -> None:
    """Raise unless x and y hold the same examples in real numbers."""
    if x.ndim != 2 or 0 in x.shape or y.shape != x.shape[:1]:
        raise ValueError(
            "a selection needs examples with variables and one target each, "
            f"got x of shape {x.shape} and y of shape {y.shape}"
        )
    if x.dtype.kind != "f" or y.dtype.kind != "f":
        raise ValueError(
            "a selection needs real floating-point numbers, "
            f"got x of {x.dtype} and y of {y.dtype}"
        )


def _reduced(
    x: Float[np.ndarray, "N D"], y: Float[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "R D+1"], Float[np.ndarray, "D"], float]:
    """Return few rows that stand for all, and the lengths of x and of y.

    Their columns are the variables and the target, centred and divided by
    their lengths, in float64. A column that is constant up to rounding is 0
    and its length 1.

    Raises:
        ValueError: x and y do not fit, are not real and finite or overflow.
    """
    _require_examples(x, y)
    limits = np.finfo(np.result_type(x, y))
    given = np.column_stack((x, y)).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        table = given - given[0]  # a large mean costs no digits
        table = table - np.mean(table, axis=0)
        size = np.max(np.abs(table), axis=0)
        constant = size <= 10 * limits.eps * np.max(np.abs(given), axis=0)
        table = np.where(constant, 0, table)
        size = np.where(constant, 1, size)
        # Divided by the largest value, no square overflows.
        length = np.sqrt(np.sum((table / size) ** 2, axis=0))
        size = size * np.where(constant, 1, length)
        if not (np.all(np.isfinite(size)) and size[-1] ** 2 <= limits.max):
            raise ValueError(
                "a selection needs finite values, and targets whose squares "
                f"stay below {limits.max:.0e}, got NaN, inf or an overflow"
            )
    table = table / size
    rows, _ = reduce_rows(table, table[:, -1])
    return rows, size[:-1], float(size[-1])


def _independent(squares: Float[np.ndarray, "*S"]) -> Bool[np.ndarray, "*S"]:
    """Return which columns of length 1 have more than rounding left."""
    return squares > 1e-12


def _left(
    columns: Float[np.ndarray, "*S R M"], v: Float[np.ndarray, "*S R 1"]
) -> Float[np.ndarray, "*S R M"]:
    """Return what is left of columns without their part along v.

    It is NaN where v itself is rounding.
    """
    own = np.sum(v**2, axis=-2, keepdims=True)
    own = np.where(_independent(own), own, np.nan)
    product = np.sum(v * columns, axis=-2, keepdims=True)
    return columns - v * (product / own)  # eq. 4


def _every_subset(
    rows: Float[np.ndarray, "R M"],
) -> Float[np.ndarray, "2**(M-1)"]:
    """Return the share of the target's squares that each subset leaves.

    Raises:
        ValueError: There are more than 18 variables.
    """
    if rows.shape[1] > 19:
        raise ValueError(
            "of at most 18 variables all subsets can be tried, "
            f"got {rows.shape[1] - 1}"
        )
    tables = rows[None]
    while tables.shape[2] > 1:  # each table without and with its first column
        first, rest = tables[:, :, :1], tables[:, :, 1:]
        tables = np.concatenate((rest, _left(rest, first)))
    left = np.sum(tables[:, :, 0] ** 2, axis=1)
    return np.where(np.isnan(left), inf, left)


def _fits(
    x: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, "N"],
    subsets: list[list[int]],
) -> Selection:
    """Return the least-squares fit of each subset."""
    rows, _, _ = _reduced(x, y)
    gamma = np.zeros((len(subsets), x.shape[1]))
    for k, subset in enumerate(subsets):
        if subset:
            gamma[k, subset] = least_squares(rows[:, subset], rows[:, -1])
    rss, intercept, beta = _in_units(x, y, gamma)
    return Selection([tuple(s) for s in subsets], rss, intercept, beta)


def _in_units(
    x: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, "N"],
    gamma: Float[np.ndarray, "K D"],
) -> tuple[
    Float[np.ndarray, "K"], Float[np.ndarray, "K"], Float[np.ndarray, "K D"]
]:
    """Return RSS, intercepts and coefficients in the units of x and y.

    gamma are coefficients of columns of length 1.
    """
    rows, length, size = _reduced(x, y)
    e = rows[:, -1] - gamma @ rows[:, :-1].T
    rss = np.sum(e**2, axis=1) * size**2  # eq. 1
    dtype = np.result_type(x, y)
    with np.errstate(over="ignore", invalid="ignore"):
        beta = gamma * size / length
        x_mean = np.mean(x, axis=0, dtype=np.float64)
        y_mean = np.mean(y, dtype=np.float64)
        intercept = y_mean - beta @ x_mean  # eq. 2
        intercept, beta = intercept.astype(dtype), beta.astype(dtype)
    if not (np.all(np.isfinite(intercept)) and np.all(np.isfinite(beta))):
        raise ValueError(
            "a selection needs units in which means and coefficients stay "
            f"below {np.finfo(dtype).max:.0e}, got an overflow"
        )
    return rss.astype(dtype), intercept, beta


def _coefficients(
    rss: Float[np.ndarray, "K"], n: int
) -> Float[np.ndarray, "K"]:
    """Return how many coefficients each size has, with the intercept's.

    Raises:
        ValueError: rss is no vector, or is empty, or n is below one of them.
    """
    if rss.ndim != 1 or 0 in rss.shape:
        raise ValueError(
            "a criterion needs one RSS for each of the sizes 0, 1, ..., "
            f"got shape {rss.shape}"
        )
    if n < rss.shape[0]:
        raise ValueError(
            f"{rss.shape[0]} sizes need at least as many examples, got {n}"
        )
    return np.arange(1, rss.shape[0] + 1, dtype=rss.dtype)
