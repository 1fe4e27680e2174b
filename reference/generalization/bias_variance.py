"""Bias and variance.

Splits the expected squared error of a prediction into bias squared, variance
and noise, measured over many training sets or exactly; and fits models with
more coefficients than examples.

Axes    M training sets, Q query points, N training examples, P quantities,
        D features, T columns of targets.
Page    docs/en/generalization/bias_variance.md ("eq. 3" marks the line of
        its (3))
Source  Geman, Bienenstock and Doursat, Neural Networks and the Bias/Variance
        Dilemma, Neural Computation 4, 1992; Belkin, Hsu, Ma and Mandal,
        Reconciling modern machine-learning practice and the classical
        bias-variance trade-off, PNAS 116, 2019
"""

from math import inf
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


class Decomposition(NamedTuple):
    """At every query point the three parts of the expected error, and it."""

    bias_squared: Float[Array, "Q"]
    variance: Float[Array, "Q"]
    noise: Float[Array, "Q"]
    expected_error: Float[Array, "Q"]


def bias_variance_decomposition(
    predictions: Float[Array, "M Q"],
    truth: Float[Array, "Q"],
    noise_variance: float,
    correction: int = 1,
) -> Decomposition:
    """Return bias squared, variance, noise and their sum, measured.

    Row m of `predictions` holds those of the model fitted to training set m,
    `truth` the targets' expected values at the same points. All results have
    the squared unit of the target. With `correction=1` the training sets are
    a sample, and the results are right on average; bias squared can then be
    slightly negative. With `correction=0` they are all there are, each
    equally likely, and the results are exact.

    Raises:
        ValueError: The shapes do not fit, there are not more training sets
            than `correction` or no query points; correction is neither 0 nor
            1, noise_variance no finite number of at least 0; a number is not
            real, not floating or not finite, or a square overflows.

    >>> import numpy as np
    >>> bias_variance_decomposition(
    ...     np.array([[2.0], [4.0]]), np.array([2.0]), 3.0, correction=0
    ... )  # doctest: +NORMALIZE_WHITESPACE
    Decomposition(bias_squared=array([1.]), variance=array([1.]),
                  noise=array([3.]), expected_error=array([5.]))
    """
    sigma2 = _require_variance(noise_variance)
    if isinstance(correction, bool) or correction not in (0, 1):
        raise ValueError(f"a correction needs to be 0 or 1, got {correction}")
    _require_numbers(predictions=predictions, truth=truth)
    m, c = predictions.shape[0], int(correction)
    if predictions.ndim != 2 or tuple(truth.shape) != predictions.shape[1:]:
        raise ValueError(
            "a decomposition needs a row of predictions for each training set "
            "and the truth at the same points, got shapes "
            f"{tuple(predictions.shape)} and {tuple(truth.shape)}"
        )
    if m <= c:
        raise ValueError(f"correction={c} needs {c + 1} training sets, got {m}")
    xp = array_namespace(predictions, truth)
    errors = predictions - truth  # first: a large common part cancels
    bias = xp.mean(errors, axis=0)  # eq. 1
    variance = xp.sum((errors - bias) ** 2, axis=0) / (m - c)  # eq. 2
    bias_squared = bias**2 - c * variance / m  # eq. 3
    return _with_noise(bias_squared, variance, sigma2)


def linear_decomposition(
    weights: Float[Array, "Q N"],
    truth_at_inputs: Float[Array, "N"],
    truth: Float[Array, "Q"],
    noise_variance: float,
) -> Decomposition:
    """Return the exact decomposition of predictions linear in the targets.

    The prediction at query point q is the sum of the N targets, each times
    its weight in row q. Inputs and weights are fixed; the targets are drawn,
    independently, around `truth_at_inputs`. All results have the squared unit
    of the target.

    Raises:
        ValueError: The shapes do not fit or hold nothing; noise_variance is
            no finite number of at least 0; a number is not real, not floating
            or not finite, or a square overflows.

    >>> import numpy as np
    >>> mean = np.array([[0.5, 0.5]])
    >>> linear_decomposition(
    ...     mean, np.array([0.0, 2.0]), np.array([3.0]), 6.0
    ... )  # doctest: +NORMALIZE_WHITESPACE
    Decomposition(bias_squared=array([4.]), variance=array([3.]),
                  noise=array([6.]), expected_error=array([13.]))
    """
    sigma2 = _require_variance(noise_variance)
    _require_numbers(
        weights=weights, truth_at_inputs=truth_at_inputs, truth=truth
    )
    shapes = [tuple(a.shape) for a in (weights, truth, truth_at_inputs)]
    if weights.ndim != 2 or shapes[0] != shapes[1] + shapes[2]:
        raise ValueError(
            "a decomposition needs a row of weights for each query point and "
            "a column for each input, got weights, truth and "
            f"truth_at_inputs of shapes {shapes}"
        )
    xp = array_namespace(weights, truth_at_inputs, truth)
    bias_squared = (weights @ truth_at_inputs - truth) ** 2  # eq. 5
    variance = sigma2 * xp.sum(weights**2, axis=1)  # eq. 6
    return _with_noise(bias_squared, variance, sigma2)


def min_norm_fit(
    x: Float[Array, "N D"], y: Float[Array, "N *T"]
) -> Float[Array, "D *T"]:
    """Return the shortest of all coefficients with the smallest loss.

    For one vector of targets these are those of `least_squares_svd`; the
    columns of a matrix y are as many vectors of targets, fitted at once. With
    D >= N and independent rows the fit goes through every target.

    Raises:
        ValueError: x and y do not fit or hold nothing; a number is not real,
            not floating or not finite, or the result or the sum of all
            |x| overflows.

    >>> import numpy as np
    >>> min_norm_fit(np.array([[1.0, 2.0]]), np.array([5.0]))
    array([1., 2.])
    """
    _require_numbers(x=x, y=y)
    if x.ndim != 2 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0]:
        raise ValueError(
            "a fit needs examples with features and targets for each, got x "
            f"of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}"
        )
    xp = array_namespace(x, y)
    # No singular value is larger. One that overflows would make all beta 0.
    _require_numbers(sum_of_sizes=xp.sum(xp.abs(x), axis=None, keepdims=True))
    rtol = 1000 * float(xp.finfo(x.dtype).eps)
    beta = xp.linalg.pinv(x, rtol=rtol) @ y  # eq. 7
    _require_numbers(coefficients=beta)
    return beta


def random_features(
    x: Float[Array, "N P"],
    directions: Float[Array, "P D"],
    offsets: Float[Array, "D"],
) -> Float[Array, "N D"]:
    """Return D features: affine maps of x, their negative values set to 0.

    Raises:
        ValueError: The shapes do not fit or hold nothing; a number is not
            real, not floating or not finite, or a product overflows.

    >>> import numpy as np
    >>> x = np.array([[1.0], [3.0]])
    >>> random_features(x, np.array([[1.0, -1.0]]), np.array([0.0, 2.0]))
    array([[1., 1.],
           [3., 0.]])
    """
    _require_numbers(x=x, directions=directions, offsets=offsets)
    shapes = [tuple(a.shape) for a in (x, directions, offsets)]
    fits = [len(s) for s in shapes] == [2, 2, 1]
    if not fits or shapes[1] != shapes[0][1:] + shapes[2]:
        raise ValueError(
            "random features need a direction (as long as an example) and an "
            "offset each, got x, directions and offsets of shapes "
            f"{shapes}"
        )
    xp = array_namespace(x, directions, offsets)
    features = xp.clip(x @ directions + offsets, min=0.0)  # eq. 8
    _require_numbers(features=features)
    return features


def _with_noise(
    bias_squared: Float[Array, "Q"], variance: Float[Array, "Q"], sigma2: float
) -> Decomposition:
    """Return the decomposition that these parts and the noise make."""
    xp = array_namespace(bias_squared, variance)
    noise = xp.full_like(variance, sigma2)
    expected_error = bias_squared + variance + noise  # eq. 4
    _require_numbers(expected_error=expected_error)
    return Decomposition(bias_squared, variance, noise, expected_error)


def _require_variance(noise_variance: float) -> float:
    """Return it as Python's float, or raise unless it can be a variance."""
    sigma2 = float(noise_variance)
    if isinstance(noise_variance, bool) or not 0.0 <= sigma2 < inf:
        raise ValueError(
            f"a noise variance needs a finite number >= 0, got {noise_variance}"
        )
    return sigma2


def _require_numbers(**arrays: Float[Array, "..."]) -> None:
    """Raise unless all hold real floating-point numbers, all of them finite."""
    for name, a in arrays.items():
        xp = array_namespace(a)
        if 0 in a.shape or a.ndim == 0:
            raise ValueError(
                f"{name} needs an array of numbers, got shape {tuple(a.shape)}"
            )
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                f"{name} needs real floating-point numbers, got {a.dtype}"
            )
        if not bool(xp.all(xp.isfinite(a))):
            raise ValueError(f"{name} needs finite numbers, got NaN or inf")
