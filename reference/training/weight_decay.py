"""Weight decay.

The L2 penalty on the weights and its gradient, the decoupled decay that
shrinks them by a share in each step, and what is left of a minimum.

Axes    weights: any axes; D parameters of a quadratic loss.
Page    docs/en/training/weight_decay.md ("eq. 3" marks the line of its (3))
Source  Krogh and Hertz, A Simple Weight Decay Can Improve Generalization,
        NeurIPS 1991; Loshchilov and Hutter, Decoupled Weight Decay
        Regularization, ICLR 2019
"""

from math import inf, log, log1p, sqrt

from array_api_compat import array_namespace
from jaxtyping import Float, Shaped

from reference._typing import Array


def l2_penalty(
    weights: list[Float[Array, "..."]], decay: float | Float[Array, ""]
) -> Float[Array, ""]:
    """Return half the decay times the sum of all squares, a term of the loss.

    Where a square overflows, it is inf.

    Raises:
        ValueError: The weights are no list of at least one array of real
            floating-point numbers, or the decay is negative or not finite.

    >>> import numpy as np
    >>> weights = [np.array([[1.0, 2.0]]), np.array([3.0])]
    >>> float(l2_penalty(weights, 0.5))
    3.5
    """
    _require_weights(weights)
    lam = _require_decay(decay)
    xp = array_namespace(*weights)
    return lam / 2 * sum(xp.sum(w**2) for w in weights)  # eq. 1


def l2_penalty_gradient(
    weights: list[Float[Array, "..."]], decay: float | Float[Array, ""]
) -> list[Float[Array, "..."]]:
    """Return the gradient of `l2_penalty`, an array for each of the weights.

    Raises:
        ValueError: As `l2_penalty`.

    >>> import numpy as np
    >>> l2_penalty_gradient([np.array([[1.0, 2.0]]), np.array([3.0])], 0.5)
    [array([[0.5, 1. ]]), array([1.5])]
    """
    _require_weights(weights)
    lam = _require_decay(decay)
    return [lam * w for w in weights]  # eq. 2


def decay_step(
    theta: Float[Array, "*axes"],
    lr: float | Float[Array, ""],
    decay: float | Float[Array, ""],
) -> Float[Array, "*axes"]:
    """Return the parameters after the decay of one step, beside the gradient.

    Above lr * decay = 1 they change their sign, above 2 they grow.

    Raises:
        ValueError: The parameters are no real floating-point numbers, lr is
            not above 0 and finite, or the decay is negative or not finite.

    >>> import numpy as np
    >>> decay_step(np.array([2.0, -4.0]), lr=0.1, decay=0.5)
    array([ 1.9, -3.8])
    """
    _require_real(theta)
    lam, rate = _require_decay(decay), _require_rate(lr)
    return (1 - rate * lam) * theta  # eq. 3


def half_life(
    lr: float | Float[Array, ""], decay: float | Float[Array, ""]
) -> float:
    """Return the number of steps in which the decay alone halves a weight.

    Raises:
        ValueError: lr is not above 0 and finite, the decay is negative or not
            finite, or their product is not below 1.

    >>> half_life(lr=0.5, decay=1.0)
    1.0
    """
    share = _require_rate(lr) * _require_decay(decay)
    if share >= 1:
        raise ValueError(f"a half-life needs lr * decay < 1, got {share}")
    if share == 0:
        return inf
    return log(2) / -log1p(-share)  # eq. 4


def decayed_minimum(
    hessian: Float[Array, "D D"],
    minimum: Float[Array, "D"],
    decay: float | Float[Array, ""],
) -> Float[Array, "D"]:
    """Return where a quadratic loss plus its L2 penalty is smallest.

    The loss has this Hessian, and its own minimum where the second argument
    says. Gradient descent with this weight decay ends there.

    Raises:
        ValueError: The Hessian is not symmetric or not finite, the shapes do
            not fit, the numbers are not real floating-point of one dtype, the
            decay is negative or not finite, or so small that there is no
            minimum.

    >>> import numpy as np
    >>> hessian, minimum = np.diag([2.0, 0.125]), np.array([2.0, 2.0])
    >>> decayed_minimum(hessian, minimum, decay=0.5).round(3)
    array([1.6, 0.4])
    """
    _require_hessian(hessian, minimum)
    lam = _require_decay(decay)
    xp = array_namespace(hessian, minimum)
    size = hessian.shape[0]
    identity = xp.eye(size, dtype=hessian.dtype, device=hessian.device)
    total = hessian + lam * identity
    eps, h = xp.finfo(total.dtype).eps, xp.linalg.eigvalsh(total)
    if not h[0] > size * float(eps) * xp.max(xp.abs(h)):
        raise ValueError(
            "a minimum needs a Hessian whose eigenvalues plus the decay are "
            f"positive beyond rounding, got {float(h[0]):.1e}"
        )
    return xp.linalg.solve(total, hessian @ minimum)  # eq. 5


def shrinkage(
    curvature: Float[Array, "D"], decay: float | Float[Array, ""]
) -> Float[Array, "D"]:
    """Return what weight decay leaves of a minimum in each direction.

    The directions are the eigenvectors of the Hessian, their curvatures its
    eigenvalues.

    Raises:
        ValueError: The curvatures are no real floating-point numbers, the
            decay is negative or not finite, or a curvature plus the decay is
            not positive and finite.

    >>> import numpy as np
    >>> shrinkage(np.array([2.0, 0.5, 0.125, 0.0]), decay=0.5)
    array([0.8, 0.5, 0.2, 0. ])
    """
    _require_real(curvature)
    lam = _require_decay(decay)
    xp = array_namespace(curvature)
    total = curvature + lam
    if not xp.all((total > 0) & (total < inf)):
        raise ValueError(
            "a minimum needs curvature + decay positive and finite, got "
            f"{total}"
        )
    return curvature / total  # eq. 6


def _require_rate(lr: float | Float[Array, ""]) -> float:
    """Return it as a Python number, which leaves float32 alone."""
    if isinstance(lr, bool) or not 0 < float(lr) < inf:
        raise ValueError(f"a learning rate needs 0 < lr < inf, got {lr}")
    return float(lr)


def _require_decay(decay: float | Float[Array, ""]) -> float:
    """Return it as a Python number, which leaves float32 alone."""
    if isinstance(decay, bool) or not 0 <= float(decay) < inf:
        raise ValueError(f"a weight decay needs 0 <= decay < inf, got {decay}")
    return float(decay)


def _require_real(x: Shaped[Array, "..."]) -> None:
    """Raise unless the numbers are real floating-point numbers."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):
        raise ValueError(
            f"weight decay needs real floating-point numbers, got {x.dtype}"
        )


def _require_weights(weights: list[Shaped[Array, "..."]]) -> None:
    """Raise unless it is a list of at least one real array."""
    if not isinstance(weights, list) or not weights:
        kind = type(weights).__name__
        got = "an empty one" if kind == "list" else f"a {kind}"
        raise ValueError(f"a penalty needs a list of arrays, got {got}")
    for w in weights:
        _require_real(w)


def _require_hessian(
    hessian: Shaped[Array, "..."], minimum: Shaped[Array, "..."]
) -> None:
    """Raise unless they are a symmetric matrix and a vector that fits."""
    _require_real(hessian)
    _require_real(minimum)
    size = tuple(minimum.shape)
    if len(size) != 1 or not size[0] or tuple(hessian.shape) != size * 2:
        raise ValueError(
            "a Hessian (D, D) and a minimum (D,) are needed, got "
            f"{tuple(hessian.shape)} and {size}"
        )
    if hessian.dtype != minimum.dtype:
        raise ValueError(
            "a Hessian and a minimum need the same dtype, got "
            f"{hessian.dtype} and {minimum.dtype}"
        )
    xp = array_namespace(hessian, minimum)
    skew = xp.max(xp.abs(hessian - hessian.mT))
    close = sqrt(xp.finfo(hessian.dtype).eps) * xp.max(xp.abs(hessian))
    if not (skew <= close and xp.all(xp.isfinite(minimum))):  # also for NaN
        raise ValueError(
            "a Hessian needs to be symmetric and finite, and so its minimum, "
            f"got {hessian} and {minimum}"
        )
