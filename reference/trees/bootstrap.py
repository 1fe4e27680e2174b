"""Bootstrap.

Draws samples with replacement from the examples at hand, to see how much a
statistic would vary from data set to data set: its standard error and
intervals.

Axes    N examples, B bootstrap samples; S is any axes behind.
Page    docs/en/trees/bootstrap.md ("eq. 3" marks the line of its (3))
Source  Efron, Bootstrap Methods: Another Look at the Jackknife, Annals of
        Statistics 7, 1979; Efron, Better Bootstrap Confidence Intervals,
        J. Amer. Statist. Assoc. 82, 1987; Efron and Tibshirani, An
        Introduction to the Bootstrap, 1993, for eq. 6
"""

from collections.abc import Callable
from math import ceil, erfc, expm1, log1p, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

# statistic(samples, axis=1): one number for each sample, examples on axis 1
Statistic = Callable[..., np.ndarray]


class Interval(NamedTuple):
    """The two ends of an interval, in the statistic's unit."""

    low: np.floating
    high: np.floating


def bootstrap_sample(
    n: int, rng: np.random.Generator, count: int | None = None
) -> Int[np.ndarray, "*B N"]:
    """Return n indices drawn with replacement; with `count`, as many rows.

    Raises:
        ValueError: n or count is no whole number above 0.

    >>> bootstrap_sample(1, np.random.default_rng(0), count=2)
    array([[0],
           [0]])
    """
    _require_whole(n, "examples")
    if count is None:
        return rng.integers(n, size=n)
    _require_whole(count, "samples")
    return rng.integers(n, size=(count, n))


def bootstrap_replicates(
    x: Shaped[np.ndarray, "N *S"],
    statistic: Statistic,
    replicates: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "B"]:
    """Return the statistic of each bootstrap sample of x, in its unit.

    `statistic(samples, axis=1)` gets samples of shape (B, N, *S), about a
    million numbers at a time, and returns one real number for each: so do
    `np.mean` and `np.median`.

    Raises:
        ValueError: x holds fewer than 2 examples, replicates is no whole
            number above 0, or the statistic does not return one finite
            number for each sample.

    >>> x = np.array([5.0, 5.0])
    >>> bootstrap_replicates(x, np.mean, 3, np.random.default_rng(0))
    array([5., 5., 5.])
    """
    _require_examples(x)
    _require_whole(replicates, "replicates")
    return _evaluate(
        x,
        statistic,
        replicates,
        lambda rows: bootstrap_sample(len(x), rng, len(rows)),
    )


def standard_error(values: Float[np.ndarray, "B"]) -> np.floating:
    """Return the replicates' standard deviation, in the statistic's unit.

    Raises:
        ValueError: There are fewer than 2 replicates, one is not finite or
            no floating-point number, or the result overflows.

    >>> float(standard_error(np.array([1.0, 2.0, 3.0])))
    1.0
    """
    good = values.ndim == 1 and len(values) > 1 and values.dtype.kind == "f"
    if not good or not np.all(np.isfinite(values)):
        raise ValueError(
            "a standard error needs floating-point numbers, 2 finite "
            f"replicates or more, got {values} of {values.dtype} and shape "
            f"{values.shape}"
        )
    away, size = _deviations(values)
    error = size * np.sqrt(np.sum(away**2) / (len(away) - 1))  # eq. 2
    return _require_range(error, values.dtype)


def bootstrap_interval(
    x: Shaped[np.ndarray, "N *S"],
    statistic: Statistic,
    level: float,
    replicates: int,
    rng: np.random.Generator,
    method: str = "percentile",
) -> Interval:
    """Return an interval that is to cover the truth in a share `level`.

    The method is "percentile", "basic" or "bca"; `statistic` is as in
    `bootstrap_replicates`.

    Raises:
        ValueError: As `bootstrap_replicates`; not 0 < level < 1; less than
            one replicate is expected beyond each end; another method; or,
            for "bca", all replicates lie on one side of the estimate, or
            leaving out an example never changes it; or an end overflows.

    >>> x, rng = np.array([5.0, 5.0]), np.random.default_rng(0)
    >>> interval = bootstrap_interval(x, np.mean, 0.9, 99, rng)
    >>> float(interval.low), float(interval.high)
    (5.0, 5.0)
    """
    _require_interval(level, replicates, method)
    values = bootstrap_replicates(x, statistic, replicates, rng)
    n, half = len(x), (1 - float(level)) / 2
    shares = np.array([half, 1 - half])
    estimate = _evaluate(x, statistic, 1, lambda _: np.arange(n)[None])[0]
    if method == "bca":
        k = np.arange(n - 1)  # from the i-th on, the next one: without i
        left_out = _evaluate(
            x, statistic, n, lambda rows: k + (k >= rows[:, None])
        )
        shares = _bca_shares(values, estimate, left_out, shares)
    low, high = np.quantile(values, shares).astype(values.dtype)  # eq. 3
    if method == "basic":
        low, high = 2 * estimate - high, 2 * estimate - low  # eq. 4
    return Interval(*(_require_range(end, values.dtype) for end in (low, high)))


def distinct_share(n: int) -> float:
    """Return the expected share of the n examples that a sample contains.

    Raises:
        ValueError: n is no whole number above 0.

    >>> distinct_share(1), distinct_share(2)
    (1.0, 0.75)
    """
    _require_whole(n, "examples")
    if n == 1:
        return 1.0
    return -expm1(int(n) * log1p(-1 / int(n)))  # eq. 8


def _evaluate(
    x: Shaped[np.ndarray, "N *S"],
    statistic: Statistic,
    count: int,
    draw: Callable[[np.ndarray], np.ndarray],
) -> Float[np.ndarray, "B"]:
    """Return the statistic of `count` samples, x[draw(their numbers)]."""
    step = max(1, 2**20 // max(1, x.size))
    parts = []
    for start in range(0, count, step):
        rows = np.arange(start, min(start + step, count))
        values = np.asarray(statistic(x[draw(rows)], axis=1))  # eq. 1
        if values.dtype.kind in "biu":
            values = values.astype(float)
        good = values.dtype.kind == "f" and values.shape == rows.shape
        if not good or not np.all(np.isfinite(values)):
            raise ValueError(
                "a statistic needs one finite real number for each of "
                f"{len(rows)} samples, got {values} of shape {values.shape}"
            )
        parts.append(values)
    return np.concatenate(parts)


def _bca_shares(
    values: Float[np.ndarray, "B"],
    estimate: np.floating,
    left_out: Float[np.ndarray, "N"],
    shares: Float[np.ndarray, "2"],
) -> Float[np.ndarray, "2"]:
    """Return the shares corrected for bias and for acceleration."""
    below = np.mean((values < estimate) + 0.5 * (values == estimate))
    pull, size = _deviations(-left_out)
    if not (0 < below < 1 and 0 < size < np.inf):
        raise ValueError(
            "bca needs replicates on both sides of the estimate and a "
            "statistic that changes when an example is left out, got "
            f"a share {below} below and changes up to {size}"
        )
    z_0 = _normal_quantile(float(below))  # eq. 5
    a = np.sum(pull**3) / (6 * np.sum(pull**2) ** 1.5)  # eq. 6
    z = z_0 + np.array([_normal_quantile(share) for share in shares])
    if not np.all(a * z < 1):
        raise ValueError(f"bca needs a level with a (z_0 + z) < 1, got {a * z}")
    return np.array([_normal(t) for t in z_0 + z / (1 - a * z)])  # eq. 7


def _deviations(
    values: Float[np.ndarray, "B"],
) -> tuple[Float[np.ndarray, "B"], np.floating]:
    """Return values minus their mean, over the largest such, and that one.

    Equal values give exactly 0, and no square leaves the range of floats.
    """
    wide = values.astype(float)
    wide = wide - wide[0]
    away = wide - wide.mean()
    size = np.max(np.abs(away))
    return (away / size if size > 0 else away), size


def _normal(z: float) -> float:
    """Return the probability that a standard normal number is at most z."""
    return erfc(-z / sqrt(2)) / 2


def _normal_quantile(share: float) -> float:
    """Return the z with `_normal(z) == share`, by halving an interval."""
    low, high = -40.0, 40.0
    for _ in range(80):
        middle = (low + high) / 2
        if _normal(middle) < share:
            low = middle
        else:
            high = middle
    return high


def _require_whole(value: int, what: str) -> None:
    """Raise unless the value is a whole number above 0."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(
            f"the bootstrap needs a whole number of {what}, "
            f"at least 1, got {value}"
        )


def _require_examples(x: Shaped[np.ndarray, "N *S"]) -> None:
    """Raise unless x holds 2 examples: one alone shows no variation."""
    if x.ndim == 0 or len(x) < 2:
        raise ValueError(
            f"the bootstrap needs 2 examples or more, got x of shape {x.shape}"
        )


def _require_range(value: np.floating, dtype: np.dtype) -> np.floating:
    """Return the value in this type, or raise if it overflows there."""
    if not abs(value) <= np.finfo(dtype).max:
        raise ValueError(
            f"an error or an end needs to fit into {dtype}, got {value}"
        )
    return value.astype(dtype)


def _require_interval(level: float, replicates: int, method: str) -> None:
    """Raise unless level and method exist and the tails hold a replicate."""
    if method not in ("percentile", "basic", "bca"):
        raise ValueError(
            f"a method is percentile, basic or bca, got {method!r}"
        )
    if not 0 < level < 1:
        raise ValueError(f"an interval needs 0 < level < 1, got {level}")
    _require_whole(replicates, "replicates")
    needed = ceil((2 / (1 - level) - 1) * (1 - 1e-9))  # the level is rounded
    if replicates < needed:
        raise ValueError(
            f"level {level} needs {needed} replicates or more, got {replicates}"
        )
