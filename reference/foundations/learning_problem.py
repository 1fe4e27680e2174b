"""The learning problem.

What is best to predict: the best constant for a loss, the regression function
of a known distribution, and its estimate from examples by weighted means.

Axes    N examples, D features, M queries; K inputs and V targets of a known
        distribution; S any axes.
Page    docs/en/foundations/learning_problem.md ("eq. 3" marks the line of
        its (3))
Source  Koenker and Bassett, Econometrica 46, 1978 (pinball loss); Nadaraya,
        Theory Probab. Appl. 9, 1964, and Watson, Sankhya A 26, 1964
"""

from math import ceil, inf
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array


class SquaredError(NamedTuple):
    """The two parts of an expected squared error, in the squared unit of y."""

    reducible: Float[Array, ""]
    irreducible: Float[Array, ""]


def mean_loss(
    y: Float[Array, "N"],
    constant: Float[Array, "*S"] | float,
    loss: str = "squared",
    quantile: float = 0.5,
) -> Float[Array, "*S"]:
    """Return the mean loss over the targets y of predicting each constant.

    `loss` is "squared", "absolute", "zero_one" or "pinball"; only the last
    one looks at `quantile`. In the squared unit of y, in the unit of y, a
    share from 0 to 1, and in the unit of y.

    Raises:
        ValueError: y is not a vector of at least one finite real number, a
            constant is none, the loss is unknown, or not 0 < quantile < 1.

    >>> import numpy as np
    >>> float(mean_loss(np.array([1.0, 3.0]), 4.0))
    5.0
    """
    _require_targets(y, loss, quantile)
    xp = array_namespace(y)
    tau = float(quantile)
    if isinstance(constant, float | int):
        constant = xp.asarray(constant, dtype=y.dtype, device=y.device)
    _require_finite("constant", constant, tuple(constant.shape))
    e = y - constant[..., None]
    if loss == "squared":
        return xp.mean(e**2, axis=-1)  # eq. 1
    if loss == "absolute":
        return xp.mean(xp.abs(e), axis=-1)  # eq. 2
    if loss == "zero_one":
        return xp.mean(xp.astype(e != 0, y.dtype), axis=-1)  # eq. 3
    return xp.mean(xp.maximum(tau * e, (tau - 1) * e), axis=-1)  # eq. 4


def best_constant(
    y: Float[Array, "N"], loss: str = "squared", quantile: float = 0.5
) -> Float[Array, ""]:
    """Return the constant with the smallest mean loss, in the unit of y.

    It is the mean, a median, a most frequent value or a quantile; where
    several constants are best, the smallest of them.

    Raises:
        ValueError: As `mean_loss`.

    >>> import numpy as np
    >>> float(best_constant(np.array([1.0, 2.0, 9.0])))
    4.0
    >>> float(best_constant(np.array([1.0, 2.0, 9.0]), "absolute"))
    2.0
    """
    _require_targets(y, loss, quantile)
    xp = array_namespace(y)
    if loss == "squared":
        return xp.mean(y)  # eq. 5
    if loss == "zero_one":
        values, counts = xp.unique_counts(y)
        return xp.min(values[counts == xp.max(counts)])  # eq. 7
    tau = float(quantile) if loss == "pinball" else 0.5
    # 0.07 * 100 is rounded to a little above 7, and means the 7th.
    rank = ceil(tau * y.shape[0] * (1 - 2**-50))
    return xp.sort(y)[rank - 1]  # eq. 6


def regression_function(
    joint: Float[Array, "K V"], values: Float[Array, "V"]
) -> Float[Array, "K"]:
    """Return E[Y | X = x] for every x of a known distribution.

    joint[k, v] is the probability of input k together with target values[v].

    Raises:
        ValueError: joint holds no probabilities that sum to 1, an input has
            probability 0, or there is not one finite value for each column.

    >>> import numpy as np
    >>> joint = np.array([[0.25, 0.25], [0.0, 0.5]])
    >>> regression_function(joint, np.array([2.0, 4.0]))
    array([3., 4.])
    """
    _require_distribution(joint, values)
    xp = array_namespace(joint, values)
    return joint @ values / xp.sum(joint, axis=1)  # eq. 8


def squared_error_parts(
    joint: Float[Array, "K V"],
    values: Float[Array, "V"],
    prediction: Float[Array, "K"],
) -> SquaredError:
    """Return what of E[(Y - f(X))^2] a better f can and cannot remove.

    prediction[k] is f at input k.

    Raises:
        ValueError: As `regression_function`, there is not one finite
            prediction for each input, or a square overflows.
    """
    xp = array_namespace(joint, values, prediction)
    best = regression_function(joint, values)
    _require_finite("prediction", prediction, tuple(best.shape))
    missed = (prediction - best) ** 2
    reducible = xp.sum(xp.sum(joint, axis=1) * missed)  # eq. 9
    spread = (values - best[:, None]) ** 2
    irreducible = xp.sum(joint * spread)  # eq. 10
    _require_finite("the sum of the parts", reducible + irreducible, ())
    return SquaredError(reducible, irreducible)


def nadaraya_watson(
    x: Float[Array, "N D"],
    y: Float[Array, "N"],
    query: Float[Array, "M D"],
    bandwidth: float,
) -> Float[Array, "M"]:
    """Return a mean of y for each query, near examples weighing most.

    The weight is the Gaussian density of the distance, whose standard
    deviation is the bandwidth, in the unit of x. Takes memory for M N D
    numbers.

    Raises:
        ValueError: There is no example, x, y and query do not fit or are not
            finite and real, not 0 < bandwidth < infinity, or all examples are
            so many bandwidths away that the squared distance overflows.

    >>> import numpy as np
    >>> x, y = np.array([[0.0], [1.0]]), np.array([2.0, 6.0])
    >>> nadaraya_watson(x, y, np.array([[0.5]]), bandwidth=1.0)
    array([4.])
    """
    _require_examples(x, y, query)
    h = float(bandwidth)
    if not 0 < h < inf:
        raise ValueError(f"needs 0 < bandwidth < infinity, got {bandwidth}")
    xp = array_namespace(x, y, query)
    u = (query[:, None, :] - x) / h
    log_w = -xp.sum(u**2, axis=2) / 2  # eq. 11
    top = xp.max(log_w, axis=1, keepdims=True)
    if not bool(xp.all(xp.isfinite(top))):
        raise ValueError(
            "a query needs an example so near that the squared distance in "
            f"bandwidths is finite, got bandwidth {bandwidth}"
        )
    w = xp.exp(log_w - top)
    w = w / xp.sum(w, axis=1, keepdims=True)  # eq. 12
    return w @ y  # eq. 13


def _require_finite(
    name: str, a: Float[Array, "..."], shape: tuple[int, ...]
) -> None:
    """Raise unless an array of this shape holds finite real numbers."""
    xp = array_namespace(a)
    if tuple(a.shape) != shape:
        raise ValueError(
            f"{name} needs shape {shape}, got shape {tuple(a.shape)}"
        )
    if not xp.isdtype(a.dtype, "real floating"):
        raise ValueError(
            f"{name} needs real floating-point numbers, got {a.dtype}"
        )
    if not bool(xp.all(xp.isfinite(a))):
        raise ValueError(f"{name} needs finite values, got NaN or inf")


def _require_targets(y: Float[Array, "N"], loss: str, quantile: float) -> None:
    """Raise unless a constant can be compared with y by this loss."""
    if y.ndim != 1 or y.shape[0] == 0:
        raise ValueError(
            f"needs a vector of targets, got shape {tuple(y.shape)}"
        )
    _require_finite("y", y, tuple(y.shape))
    losses = ("squared", "absolute", "zero_one", "pinball")
    if loss not in losses:
        raise ValueError(f"needs a loss out of {losses}, got {loss!r}")
    if not 0 < quantile < 1:
        raise ValueError(f"needs 0 < quantile < 1, got {quantile}")


def _require_distribution(
    joint: Float[Array, "K V"], values: Float[Array, "V"]
) -> None:
    """Raise unless each input has a probability and a distribution of y."""
    xp = array_namespace(joint, values)
    if joint.ndim != 2 or 0 in joint.shape:
        raise ValueError(
            "joint needs a row for each input and a column for each value, "
            f"got shape {tuple(joint.shape)}"
        )
    _require_finite("joint", joint, tuple(joint.shape))
    _require_finite("values", values, tuple(joint.shape[1:]))
    total, tolerance = float(xp.sum(joint)), 1000 * xp.finfo(joint.dtype).eps
    if not (bool(xp.all(joint >= 0)) and abs(total - 1) <= tolerance):
        raise ValueError(
            "joint needs probabilities of 0 or more that sum to 1, got the "
            f"sum {total} and the smallest {xp.min(joint)}"
        )
    if not bool(xp.all(xp.sum(joint, axis=1) > 0)):
        raise ValueError("each input needs a probability above 0, got 0")


def _require_examples(
    x: Float[Array, "N D"], y: Float[Array, "N"], query: Float[Array, "M D"]
) -> None:
    """Raise unless examples with one target each can answer the queries."""
    if x.ndim != 2 or query.ndim != 2 or x.shape[0] == 0:
        raise ValueError(
            "needs a row of features for at least one example and for each "
            f"query, got shapes {tuple(x.shape)} and {tuple(query.shape)}"
        )
    _require_finite("x", x, tuple(x.shape))
    _require_finite("y", y, tuple(x.shape[:1]))
    _require_finite("query", query, (query.shape[0], x.shape[1]))
