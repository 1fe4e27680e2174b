"""Support vector machine.

Separates two classes by a boundary that keeps its distance: trained on the
scores themselves by subgradients, or on one weight per example by SMO.

Axes    N examples, M queries, D features.
Page    docs/en/classification/support_vector_machine.md ("eq. 3" marks the
        line of its (3))
Source  Cortes and Vapnik, Mach. Learn. 20, 1995; steps: Shalev-Shwartz et
        al., Math. Program. 127, 2011; pairs: Fan, Chen and Lin, JMLR 6, 2005
"""

from math import inf
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Int, Real

from reference._typing import Array
from reference.classification.kernels import kernel_scores
from reference.classification.margin_losses import hinge, margin


class Primal(NamedTuple):
    """A linear score, x @ w + bias."""

    w: Float[Array, "D"]
    bias: Float[Array, ""]


class Dual(NamedTuple):
    """A weight for every example, the bias, and the pairs it took."""

    alpha: Float[Array, "N"]
    bias: Float[Array, ""]
    pairs: int


def primal_objective(
    x: Float[Array, "N D"],
    y: Real[Array, "N"],
    w: Float[Array, "D"],
    bias: Float[Array, ""],
    penalty: float,
) -> Float[Array, ""]:
    """Return the mean hinge loss plus penalty / 2 times the square of w.

    Raises:
        ValueError: The shapes do not fit, a label is neither -1 nor +1, a
            score is not finite, or the penalty is no finite number above 0.

    >>> import numpy as np
    >>> x, y = np.array([[2.0], [-1.0]]), np.array([1, -1])
    >>> float(primal_objective(x, y, np.array([0.5]), np.array(0.0), 4.0))
    0.75
    """
    xp = array_namespace(x, w)
    penalty = _require_penalty(penalty)
    losses = hinge(_margins(x, y, w, bias))
    return xp.mean(losses) + penalty / 2 * xp.sum(w * w)  # eq. 1


def primal_subgradient(
    x: Float[Array, "N D"],
    y: Real[Array, "N"],
    w: Float[Array, "D"],
    bias: Float[Array, ""],
    penalty: float,
) -> Primal:
    """Return the slopes of `primal_objective` in w and in the bias.

    A margin of exactly 1, at the kink of its hinge loss, counts as flat.

    Raises:
        ValueError: As `primal_objective`.
    """
    xp = array_namespace(x, w)
    penalty = _require_penalty(penalty)
    m = _margins(x, y, w, bias)
    short = xp.astype(m < 1, m.dtype) * xp.astype(y, m.dtype)
    dw = penalty * w - short @ x / x.shape[0]  # eq. 2
    return Primal(dw, xp.mean(-short))  # eq. 3


def subgradient_descent(
    x: Float[Array, "N D"],
    y: Real[Array, "N"],
    penalty: float,
    steps: int = 1000,
) -> Primal:
    """Return the best linear score that `steps` steps from zero come across.

    Raises:
        ValueError: As `primal_objective`, or not steps >= 1.

    >>> import numpy as np
    >>> x, y = np.array([[2.0], [-2.0]]), np.array([1, -1])
    >>> subgradient_descent(x, y, penalty=4.0)
    Primal(w=array([0.5]), bias=array(0.))
    """
    _require_steps(steps)
    xp = array_namespace(x)
    w = xp.zeros(x.shape[1:], dtype=x.dtype, device=x.device)
    now = Primal(w, xp.zeros((), dtype=x.dtype, device=x.device))
    best, lowest = now, primal_objective(x, y, *now, penalty)
    for t in range(1, steps + 1):
        slope = primal_subgradient(x, y, *now, penalty)
        rate = 1 / (float(penalty) * t)
        w, b = (p - rate * d for p, d in zip(now, slope, strict=True))  # eq. 4
        now = Primal(w, xp.asarray(b))
        loss = primal_objective(x, y, *now, penalty)
        if bool(loss < lowest):
            best, lowest = now, loss
    return best


def smo(
    k: Float[Array, "N N"],
    y: Real[Array, "N"],
    penalty: float,
    tolerance: float = 1e-6,
    steps: int = 100_000,
) -> Dual:
    """Return the weights of the examples, and the bias, from a Gram matrix.

    Afterwards `duality_gap` is at most half the tolerance, up to rounding.
    It works in float64, on any library and device, and without gradients.

    Raises:
        ValueError: k is not a real, finite, symmetric and positive
            semi-definite matrix, y does not hold a label -1 or +1 for each of
            its rows, and both labels, penalty or tolerance is no finite
            number above 0, not steps >= 1, or `steps` pairs do not suffice.

    >>> import numpy as np
    >>> x, y = np.array([2.0, 0.0]), np.array([1, -1])
    >>> smo(x[:, None] * x, y, penalty=0.5)
    Dual(alpha=array([0.5, 0.5]), bias=array(-1.), pairs=1)
    """
    _require_gram(k)
    xp = array_namespace(k)
    signs = margin(y, xp.ones_like(k[:, 0]))  # of the kind of k
    if not bool(xp.any(signs > 0) & xp.any(signs < 0)):
        raise ValueError(f"a boundary needs labels -1 and +1, got {y}")
    if isinstance(tolerance, bool) or not 0 < tolerance < inf:
        raise ValueError(f"needs a finite tolerance > 0, got {tolerance}")
    _require_steps(steps)
    wide, c = xp.astype(k, xp.float64), _box(penalty, signs)
    beta, bias, pairs = _climb(wide, signs, c, tolerance, steps)
    return Dual(
        xp.astype(xp.abs(beta), k.dtype),
        xp.asarray(bias, dtype=k.dtype, device=k.device),
        pairs,
    )


def _climb(
    k: Float[Array, "N N"],
    y: Float[Array, "N"],
    c: float,
    tolerance: float,
    steps: int,
) -> tuple[Float[Array, "N"], float, int]:
    """Return alpha times label, the bias and the number of pairs."""
    xp = array_namespace(k)
    zero, v = xp.zeros_like(k[0, :]), xp.astype(y, k.dtype)
    up, down = xp.where(v > 0, zero, -inf), xp.where(v < 0, zero, inf)
    top = [c if bool(v[i] > 0) else 0.0 for i in range(v.shape[0])]
    beta = [0.0] * len(top)
    square, eps = xp.linalg.diagonal(k), float(xp.finfo(k.dtype).eps)
    least = eps * float(xp.max(square)) or 1.0  # for examples that coincide
    close = 64 * eps * c  # A bound missed by no more is reached.
    for pairs in range(steps + 1):
        i = int(xp.argmax(v + up))  # eq. 10
        gain = v[i] - (v + down)
        worst = float(xp.max(gain))
        if worst <= tolerance:
            found = xp.asarray(beta, dtype=k.dtype, device=k.device)
            return found, float(v[i]) - worst / 2, pairs  # eq. 13
        bend = xp.clip(square + square[i] - 2 * k[i, :], min=least)
        j, best = _partner(gain, bend)
        room = (top[i] - beta[i], beta[j] - (top[j] - c))
        # The best step is only as exact as the rounded scores it comes from.
        blur = 64 * eps * float(xp.max(xp.abs(v)) / bend[j])
        step = best if best < min(room) - blur else min(room)  # eq. 12
        v = v - step * (k[i, :] - k[j, :])
        beta[i] = top[i] if room[0] - step <= close else beta[i] + step
        beta[j] = top[j] - c if room[1] - step <= close else beta[j] - step
        up[i] = 0.0 if beta[i] < top[i] else -inf
        down[j] = 0.0 if beta[j] > top[j] - c else inf
        down[i], up[j] = 0.0, 0.0
    raise ValueError(
        f"the support vector machine needs more pairs, got steps={steps}: "
        "allow more, scale the features, or raise penalty or tolerance"
    )


def _partner(
    gain: Float[Array, "N"], bend: Float[Array, "N"]
) -> tuple[int, float]:
    """Return the partner that gains most, and the step that gains it."""
    xp = array_namespace(gain)
    gain = xp.clip(gain, min=0)
    steps = gain / bend
    j = int(xp.argmax(gain * steps))  # eq. 11
    return j, float(steps[j])


def decision_function(
    k: Float[Array, "M N"],
    y: Real[Array, "N"],
    alpha: Float[Array, "N"],
    bias: Float[Array, ""],
) -> Float[Array, "M"]:
    """Return the score of each query, a row of kernel values with all examples.

    The sign is the answer. A support vector with 0 < alpha < C has the score
    -1 or +1, and this is the unit of the score.

    Raises:
        ValueError: The shapes or dtypes do not fit, a label is neither -1 nor
            +1, or a weight or score is not finite.

    >>> import numpy as np
    >>> k, y = np.array([[8.0, 2.0]]), np.array([1, -1])
    >>> decision_function(k, y, np.array([0.5, 0.5]), np.array(-1.0))
    array([2.])
    """
    return kernel_scores(k, margin(y, alpha), bias)  # eq. 7


def primal_weights(
    x: Float[Array, "N D"], y: Real[Array, "N"], alpha: Float[Array, "N"]
) -> Float[Array, "D"]:
    """Return the w of the linear kernel: the weighted sum of the examples.

    Raises:
        ValueError: x is no matrix with a row for each weight, the numbers
            are not real floating-point and finite, or a label is neither -1
            nor +1.

    >>> import numpy as np
    >>> x, y = np.array([[2.0, 3.0], [0.0, 1.0]]), np.array([1, -1])
    >>> primal_weights(x, y, np.array([0.5, 0.5]))
    array([1., 1.])
    """
    if x.ndim != 2 or tuple(alpha.shape) != tuple(x.shape[:1]):
        raise ValueError(
            "needs one weight for each example, got x of shape "
            f"{tuple(x.shape)} and alpha of shape {tuple(alpha.shape)}"
        )
    _require_finite(x)
    return x.mT @ margin(y, alpha)  # eq. 6


def roles(alpha: Float[Array, "N"], penalty: float) -> Int[Array, "N"]:
    """Return 0 where alpha is 0, 2 where it is C, and 1 in between.

    Raises:
        ValueError: There are no weights, or one is not real and finite, or
            the penalty is no finite number above 0.

    >>> import numpy as np
    >>> roles(np.array([0.0, 0.1, 0.25, 0.25]), penalty=1.0)  # C = 1/4
    array([0, 1, 2, 2])
    """
    xp = array_namespace(alpha)
    c = _box(penalty, alpha)
    return xp.astype(alpha > 0, xp.int64) + xp.astype(alpha >= c, xp.int64)


def dual_objective(
    k: Float[Array, "N N"],
    y: Real[Array, "N"],
    alpha: Float[Array, "N"],
    penalty: float,
) -> Float[Array, ""]:
    """Return what the weights prove: no `primal_objective` is smaller.

    Raises:
        ValueError: k is not square, finite and of alpha's size, a label is
            neither -1 nor +1, the penalty is no finite number above 0, or not
            0 <= alpha <= C with equal sums for both labels.
    """
    _require_feasible(k, y, alpha, penalty)
    xp = array_namespace(k, alpha)
    beta = margin(y, alpha)
    return float(penalty) * (xp.sum(alpha) - beta @ (k @ beta) / 2)  # eq. 8


def duality_gap(
    k: Float[Array, "N N"],
    y: Real[Array, "N"],
    alpha: Float[Array, "N"],
    bias: Float[Array, ""],
    penalty: float,
) -> Float[Array, ""]:
    """Return by how much the mean loss can at most be improved.

    It is the `primal_objective` of the score that alpha and the bias make,
    minus the `dual_objective`.

    Raises:
        ValueError: As `dual_objective` and `decision_function`.

    >>> import numpy as np
    >>> x, y = np.array([2.0, 0.0]), np.array([1, -1])
    >>> k, alpha = x[:, None] * x, np.array([0.5, 0.5])
    >>> float(duality_gap(k, y, alpha, np.array(-1.0), penalty=0.5))
    0.0
    """
    c = _require_feasible(k, y, alpha, penalty)
    xp = array_namespace(k, alpha)
    m = margin(y, decision_function(k, y, alpha, bias))
    return xp.mean(hinge(m) - alpha / c * (1 - m))  # eq. 9


def _margins(
    x: Float[Array, "N D"],
    y: Real[Array, "N"],
    w: Float[Array, "D"],
    bias: Float[Array, ""],
) -> Float[Array, "N"]:
    """Return label times linear score, of at least one example."""
    shapes = tuple(x.shape), tuple(w.shape), tuple(bias.shape)
    if x.ndim != 2 or 0 in x.shape or shapes[1:] != (shapes[0][1:], ()):
        raise ValueError(
            "a linear score needs examples with features, one weight for each "
            f"feature and one bias, got shapes {shapes}"
        )
    return margin(y, x @ w + bias)


def _require_penalty(penalty: float) -> float:
    """Return the penalty as a float, or raise."""
    if isinstance(penalty, bool) or not 0 < penalty < inf:
        raise ValueError(f"needs a penalty above 0 and finite, got {penalty}")
    return float(penalty)


def _box(penalty: float, alpha: Float[Array, "N"]) -> float:
    """Return C, the largest weight that an example can have, or raise."""
    _require_finite(alpha)
    if alpha.ndim != 1 or alpha.shape[0] == 0:
        raise ValueError(
            f"needs a weight for each example, got shape {tuple(alpha.shape)}"
        )
    xp = array_namespace(alpha)
    limits = xp.finfo(alpha.dtype)
    c = 1 / (_require_penalty(penalty) * alpha.shape[0])  # eq. 5
    if not float(limits.smallest_normal) <= c <= float(limits.max):
        raise ValueError(
            f"C = 1 / (penalty N) needs to be a number of {alpha.dtype}, "
            f"got {c} from penalty {penalty} and N = {alpha.shape[0]}"
        )
    return c


def _require_steps(steps: int) -> None:
    """Raise unless there is at least one step."""
    if isinstance(steps, bool) or not steps >= 1:
        raise ValueError(f"needs at least 1 step, got {steps}")


def _require_finite(k: Float[Array, "..."]) -> None:
    """Raise unless the values are finite real floating-point numbers."""
    xp = array_namespace(k)
    if not xp.isdtype(k.dtype, "real floating"):
        raise ValueError(f"needs real floating-point numbers, got {k.dtype}")
    if not bool(xp.all(xp.isfinite(k))):
        raise ValueError("needs finite values, got NaN or inf")


def _require_gram(k: Float[Array, "N N"]) -> None:
    """Raise unless k is a Gram matrix, but for rounding."""
    if k.ndim != 2 or k.shape[0] != k.shape[1] or 0 in k.shape:
        raise ValueError(
            "needs a kernel value for each pair of examples, got shape "
            f"{tuple(k.shape)}"
        )
    _require_finite(k)
    xp = array_namespace(k)
    near = 1000 * float(xp.finfo(k.dtype).eps) * float(xp.max(xp.abs(k)))
    wide = xp.astype(k, xp.float64)
    error = float(xp.max(xp.abs(wide - wide.mT)))
    smallest = float(xp.min(xp.linalg.eigvalsh(wide)))
    if error > near or smallest < -near * k.shape[0]:
        raise ValueError(
            "needs a symmetric and positive semi-definite Gram matrix, got "
            f"differences up to {error:.6g} from its transpose and an "
            f"eigenvalue {smallest:.6g}"
        )


def _require_feasible(
    k: Float[Array, "N N"],
    y: Real[Array, "N"],
    alpha: Float[Array, "N"],
    penalty: float,
) -> float:
    """Return C, or raise unless the weights could be those of a solution."""
    c, n = _box(penalty, alpha), alpha.shape[0]
    if tuple(k.shape) != (n, n):
        raise ValueError(
            f"{n} weights need a Gram matrix of {(n, n)}, got {tuple(k.shape)}"
        )
    _require_finite(k)
    xp = array_namespace(alpha)
    rounding = 1000 * float(xp.finfo(alpha.dtype).eps)
    total = abs(float(xp.sum(margin(y, alpha))))
    if (
        float(xp.min(alpha)) < 0
        or float(xp.max(alpha)) > c * (1 + rounding)
        or total > rounding * float(xp.sum(alpha))
    ):
        raise ValueError(
            f"needs weights from 0 to C = {c:.6g} with equal sums for both "
            f"labels, got {alpha}"
        )
    return c
