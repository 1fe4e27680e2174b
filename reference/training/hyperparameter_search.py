"""Hyperparameter search.

Chooses what gradients cannot: a learning rate, a weight decay, a width. Three
ways to place the trials: on a grid, at random, or where a Gaussian process
that is fitted to all trials so far expects the largest gain.

Axes    N trials or candidates, D hyperparameters, M new places.
Page    docs/en/training/hyperparameter_search.md ("eq. 3" marks the line of
        its (3))
Source  Bergstra and Bengio, Random Search for Hyper-Parameter Optimization,
        JMLR 13, 2012; Jones, Schonlau and Welch, Efficient Global Optimization
        of Expensive Black-Box Functions, J. Global Optimization 13, 1998
"""

from collections.abc import Callable, Sequence
from math import erfc, expm1, inf, isfinite, log, log1p, pi, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from reference.classification.kernels import rbf

# The row of a candidate to the loss of a model trained with it.
Objective = Callable[[np.ndarray], float]


class Trials(NamedTuple):
    """Hyperparameters that were tried, one row a trial, and their losses."""

    x: Float[np.ndarray, "N D"]
    y: Float[np.ndarray, "N"]


class Posterior(NamedTuple):
    """Mean and standard deviation at new places, in the unit of y."""

    mean: Float[np.ndarray, "M"]
    std: Float[np.ndarray, "M"]


def grid(*axes: Float[np.ndarray, "_"]) -> Float[np.ndarray, "N D"]:
    """Return all combinations of the values of D axes, the last one fastest.

    Raises:
        ValueError: No axis, or one that holds no row of finite floats.

    >>> grid(np.array([0.0, 1.0]), np.array([5.0, 6.0, 7.0])).tolist()[:4]
    [[0.0, 5.0], [0.0, 6.0], [0.0, 7.0], [1.0, 5.0]]
    """
    for axis in axes:
        _require_numbers("an axis of a grid", axis, 1)
    if not axes:
        raise ValueError("a grid needs at least 1 axis, got none")
    meshes = np.meshgrid(*axes, indexing="ij")
    return np.stack([mesh.ravel() for mesh in meshes], axis=1)


def log_uniform(
    rng: np.random.Generator, low: float, high: float, n: int
) -> Float[np.ndarray, "N"]:
    """Return n draws between low and high whose logarithms are uniform.

    Raises:
        ValueError: Not 0 < low < high, one is infinite, or n is no whole
            number of at least 1.

    >>> draws = log_uniform(np.random.default_rng(0), 0.001, 10.0, 400)
    >>> round(float(np.mean(draws < 0.1)), 1)  # two of four powers of ten
    0.5
    """
    if not 0 < low < high < inf:
        raise ValueError(
            f"needs 0 < low < high, both finite, got {low} and {high}"
        )
    u = rng.random(_require_count("n", n, 1))
    x = float(low) ** (1 - u) * float(high) ** u  # eq. 1
    return np.clip(x, low, high)  # a rounding may have left the range


def chance_to_hit(share: float, n: int) -> float:
    """Return the chance that n random trials hit the best share.

    Raises:
        ValueError: The share is not between 0 and 1, or n is no whole number
            of at least 0.

    >>> chance_to_hit(0.5, 2)
    0.75
    """
    if not 0 < share < 1:
        raise ValueError(f"share needs to be between 0 and 1, got {share}")
    n = _require_count("n", n, 0)
    return -expm1(n * log1p(-share))  # eq. 2


def covariance(
    x: Float[np.ndarray, "M D"],
    z: Float[np.ndarray, "N D"],
    length_scale: float,
    signal: float = 1.0,
) -> Float[np.ndarray, "M N"]:
    """Return how much the losses at x and at z vary together before any trial.

    In the squared unit of the loss; `signal` is the standard deviation of
    the loss at one place.

    Raises:
        ValueError: length_scale or signal is not above 0 and finite; x or z
            is no matrix of finite floats; or as `rbf`.

    >>> covariance(np.array([[0.0]]), np.array([[0.0], [9.0]]), 1.0, signal=2.0)
    array([[4., 0.]])
    """
    _require_numbers("x", x, 2)
    _require_numbers("z", z, 2)
    scale = _require_size("length_scale", length_scale)
    signal = _require_size("signal", signal)
    return signal**2 * rbf(x / scale, z / scale, gamma=0.5)  # eq. 3


def gaussian_process(
    x: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, "N"],
    x_new: Float[np.ndarray, "M D"],
    length_scale: float,
    noise: float,
    signal: float = 1.0,
) -> Posterior:
    """Return what N trials say about the loss at M new places.

    The prior mean is 0: subtract a mean from y first. `noise` is the standard
    deviation of what a repeated trial would change; the result is about the
    loss without it.

    Raises:
        ValueError: As `covariance`; y is not one finite float of x's dtype a
            trial; noise is not at least 0 and finite, or too small for trials
            that lie so close together.

    >>> place = np.array([[0.0]])
    >>> gaussian_process(place, np.array([4.0]), place, 1.0, noise=1.0)
    Posterior(mean=array([2.]), std=array([0.707]))
    """
    lower = _triangle(x, y, length_scale, noise, signal)
    k = covariance(x, x_new, length_scale, signal)
    half = np.linalg.solve(lower, k)
    mean = half.T @ np.linalg.solve(lower, y)  # eq. 4
    variance = float(signal) ** 2 - np.sum(half**2, axis=0)  # eq. 5
    return Posterior(mean, np.sqrt(np.maximum(variance, 0)))


def log_marginal_likelihood(
    x: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, "N"],
    length_scale: float,
    noise: float,
    signal: float = 1.0,
) -> float:
    """Return the log density that the Gaussian process gave to y beforehand.

    Raises:
        ValueError: As `gaussian_process`.

    >>> place, y = np.array([[0.0]]), np.array([0.0])
    >>> round(log_marginal_likelihood(place, y, 1.0, noise=0.0), 4)
    -0.9189
    """
    lower = _triangle(x, y, length_scale, noise, signal)
    half = np.linalg.solve(lower, y)
    log_root = np.sum(np.log(np.diag(lower)))  # half of log det K
    constant = len(y) / 2 * log(2 * pi)
    return float(-half @ half / 2 - log_root - constant)  # eq. 6


def expected_improvement(
    mean: Float[np.ndarray, "M"], std: Float[np.ndarray, "M"], best: float
) -> Float[np.ndarray, "M"]:
    """Return by how much a trial is expected to lie below `best`.

    What does not lie below counts as 0. In the unit of the loss.

    Raises:
        ValueError: mean and std are no finite floats of one shape (M,), a std
            is negative, or best is not finite.

    >>> expected_improvement(np.array([0.0, 2.0]), np.array([0.0, 0.0]), 3.0)
    array([3., 1.])
    """
    _require_numbers("mean", mean, 1)
    _require_numbers("std", std, 1)
    if mean.shape != std.shape or np.any(std < 0) or not isfinite(best):
        raise ValueError(
            "needs a std of at least 0 for every mean and a finite best, got "
            f"shapes {mean.shape} and {std.shape}, the lowest std "
            f"{std.min()}, best {best}"
        )
    gap = float(best) - mean
    sure = std == 0
    with np.errstate(over="ignore", under="ignore"):
        z = gap / np.where(sure, 1, std)
        density = np.exp(-z * z / 2) / sqrt(2 * pi)
    below = [erfc(-v / sqrt(2)) / 2 for v in z]
    gain = gap * np.array(below, mean.dtype) + std * density  # eq. 7
    return np.maximum(np.where(sure, gap, gain), 0)


def random_search(
    objective: Objective,
    candidates: Float[np.ndarray, "N D"],
    n: int,
    rng: np.random.Generator,
) -> Trials:
    """Return n trials of different candidates, drawn at random.

    Raises:
        ValueError: The candidates are no matrix of finite floats, n is no
            whole number from 1 to N, or a loss is not finite.

    >>> places, rng = np.array([[1.0], [3.0]]), np.random.default_rng(0)
    >>> sorted(random_search(lambda x: 2 * x[0], places, 2, rng).y.tolist())
    [2.0, 6.0]
    """
    _require_numbers("candidates", candidates, 2)
    n = _require_count("n", n, 1, len(candidates))
    x = candidates[rng.permutation(len(candidates))[:n]]
    return Trials(x, np.array([_loss(objective, row) for row in x]))


def bayesian_search(
    objective: Objective,
    candidates: Float[np.ndarray, "N D"],
    n_start: int,
    n_steps: int,
    rng: np.random.Generator,
    length_scales: Sequence[float] = (0.1, 0.2, 0.4, 0.8),
    noise: float = 0.1,
) -> Trials:
    """Return n_start random trials and n_steps of largest expected improvement.

    No candidate is tried twice. Every column of the candidates is scaled to
    0 ... 1, and the losses are standardized: length_scales and noise are in
    these units. The length scale of each step is the likeliest of those given.

    Raises:
        ValueError: As `random_search`, with n_start + n_steps trials;
            n_steps is negative; there is no length scale; or as
            `gaussian_process`.

    >>> places, rng = np.linspace(0, 1, 41)[:, None], np.random.default_rng(0)
    >>> trials = bayesian_search(lambda x: x[0] ** 2, places, 3, 5, rng)
    >>> len(trials.y), trials.x[trials.y.argmin()]
    (8, array([0.]))
    """
    _require_numbers("candidates", candidates, 2)
    n_start = _require_count("n_start", n_start, 1, len(candidates))
    n_steps = _require_count("n_steps", n_steps, 0, len(candidates) - n_start)
    if not len(length_scales):
        raise ValueError("length_scales needs at least 1, got none")
    low, width = candidates.min(axis=0), np.ptp(candidates, axis=0)
    places = (candidates - low) / np.where(width > 0, width, 1)
    tried = list(rng.permutation(len(candidates))[:n_start])
    y = [_loss(objective, candidates[i]) for i in tried]
    for _ in range(n_steps):
        x, losses = places[tried], _standardized(y).astype(places.dtype)
        likely = max(
            length_scales,
            key=lambda s: log_marginal_likelihood(x, losses, s, noise),
        )
        mean, std = gaussian_process(x, losses, places, likely, noise)
        best = float(mean[tried].min())
        gain = expected_improvement(mean, std, best)
        gain[tried] = -1
        tried.append(int(np.argmax(gain)))
        y.append(_loss(objective, candidates[tried[-1]]))
    return Trials(candidates[tried], np.array(y))


def _triangle(
    x: np.ndarray,
    y: np.ndarray,
    length_scale: float,
    noise: float,
    signal: float,
) -> np.ndarray:
    """Return L of K = L L', the covariance of the losses that were seen."""
    k = covariance(x, x, length_scale, signal)
    _require_numbers("y", y, 1)
    if len(x) != len(y) or x.dtype != y.dtype:
        raise ValueError(
            "every trial needs one loss of its dtype, got shapes "
            f"{x.shape} and {y.shape}, {x.dtype} and {y.dtype}"
        )
    noise = _require_size("noise", noise, zero=True)
    k = k + noise**2 * np.eye(len(x), dtype=x.dtype)
    try:
        lower = np.linalg.cholesky(k)
        smallest = np.min(np.diag(lower)) ** 2
    except np.linalg.LinAlgError:
        smallest = 0.0
    if not smallest > 10 * len(x) * np.finfo(x.dtype).eps * k[0, 0]:
        raise ValueError(
            f"noise = {noise} needs to be larger: with the length scale "
            f"{length_scale}, some of the {len(x)} trials are too close"
        )
    return lower


def _standardized(losses: list[float]) -> np.ndarray:
    """Return losses of mean 0 and, unless all are equal, spread 1."""
    y = np.array(losses)
    if np.all(y == y[0]):
        return np.zeros_like(y)
    y = y / np.max(np.abs(y))  # squares neither overflow nor vanish
    return (y - y.mean()) / np.std(y)


def _require_numbers(name: str, a: np.ndarray, ndim: int) -> None:
    """Raise unless a holds finite floats, at least one, along ndim axes."""
    real = isinstance(a, np.ndarray) and np.isdtype(a.dtype, "real floating")
    if not real or a.ndim != ndim or not a.size or not np.isfinite(a).all():
        what = f"{a.dtype} of shape {a.shape}" if hasattr(a, "dtype") else a
        raise ValueError(
            f"{name} needs finite real floating-point numbers along {ndim} "
            f"axes, at least one, got {what}"
        )


def _require_count(
    name: str, n: int, least: int, most: int | float = inf
) -> int:
    """Return n as an int of Python, or raise unless least <= n <= most."""
    whole = hasattr(n, "__index__") and not isinstance(n, bool | np.bool_)
    if not whole or not least <= n <= most:
        raise ValueError(
            f"{name} needs to be a whole number from {least} to {most}, got {n}"
        )
    return int(n)


def _require_size(name: str, value: float, zero: bool = False) -> float:
    """Return the value as a float of Python, or raise unless it is above 0."""
    size = float(value)
    real = not isinstance(value, bool | np.bool_) and isfinite(size)
    if not real or size < 0 or (size == 0 and not zero):
        raise ValueError(
            f"{name} needs to be {'at least' if zero else 'above'} 0 and "
            f"finite, got {value}"
        )
    return size


def _loss(objective: Objective, row: np.ndarray) -> float:
    """Return the loss of a copy of the row, or raise unless it is finite."""
    value = objective(row.copy())
    if not isfinite(value):
        raise ValueError(
            f"a search needs finite losses, got {value}: let a run that "
            "diverged count as much as guessing"
        )
    return float(value)
