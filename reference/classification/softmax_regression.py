"""Softmax regression.

Turns the scores of C classes into probabilities, measures them by the cross
entropy, and learns a linear classifier of images from it.

Axes    N examples, D input features (pixels), C classes; *batch is any number
        of leading axes, also none.
Page    docs/en/classification/softmax_regression.md ("eq. 3" marks the line of
        its (3))
Source  Bridle, Probabilistic Interpretation of Feedforward Classification
        Network Outputs, Neurocomputing, Springer 1990
"""

from math import inf, prod
from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Integer

from reference._typing import Array
from reference.foundations.affine_maps import affine


def _below_max(z: Float[Array, "*batch C"]) -> Float[Array, "*batch C"]:
    """Return z minus the largest entry of its row: exp cannot overflow."""
    shape = tuple(z.shape)
    if not shape or shape[-1] == 0:
        raise ValueError(f"softmax needs 1 class, got z of shape {shape}")
    xp = array_namespace(z)
    return z - xp.max(z, axis=-1, keepdims=True)


def softmax(z: Float[Array, "*batch C"]) -> Float[Array, "*batch C"]:
    """Return probabilities over the last axis: positive, with sum 1.

    An entry of -inf gets probability 0. A row of nothing but -inf, or with an
    inf or nan, has no softmax and becomes nan.

    Raises:
        ValueError: There is no class.

    >>> import numpy as np
    >>> softmax(np.log(np.array([1.0, 2.0, 5.0])))
    array([0.125, 0.25 , 0.625])
    """
    xp = array_namespace(z)
    e = xp.exp(_below_max(z))
    return e / xp.sum(e, axis=-1, keepdims=True)  # eq. 1


def log_softmax(z: Float[Array, "*batch C"]) -> Float[Array, "*batch C"]:
    """Return the logarithm of softmax(z), also where softmax rounds to 0.

    It is -inf where a logit is further below the largest of its row than the
    largest float.

    Raises:
        ValueError: There is no class.

    >>> import numpy as np
    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    xp = array_namespace(z)
    z = _below_max(z)
    return z - xp.log(xp.sum(xp.exp(z), axis=-1, keepdims=True))  # eq. 2


def softmax_backward(
    dy: Float[Array, "*batch C"], z: Float[Array, "*batch C"]
) -> Float[Array, "*batch C"]:
    """Return dL/dz, where dy is the gradient of L at softmax(z).

    Raises:
        ValueError: There is no class, or dy is not of the shape of z.

    >>> import numpy as np
    >>> softmax_backward(np.array([4.0, 0.0]), np.array([0.0, 0.0]))
    array([ 1., -1.])
    """
    if tuple(dy.shape) != tuple(z.shape):
        raise ValueError(
            "softmax_backward needs dy and z of one shape, got "
            f"{tuple(dy.shape)} and {tuple(z.shape)}"
        )
    xp = array_namespace(dy, z)
    p = softmax(z)
    return p * (dy - xp.sum(dy * p, axis=-1, keepdims=True))  # eq. 3


def _check_labels(
    logits: Float[Array, "*batch C"], labels: Integer[Array, "..."]
) -> None:
    """Raise unless each row of logits has one integer in 0 ... C - 1."""
    xp = array_namespace(logits, labels)
    shape = tuple(logits.shape)
    if tuple(labels.shape) != shape[:-1] or 0 in shape:
        raise ValueError(
            "cross entropy needs an example and a label for each row of "
            f"logits, got logits {shape} and labels {tuple(labels.shape)}"
        )
    if not xp.isdtype(labels.dtype, "integral"):
        raise ValueError(f"labels need to be integers, got {labels.dtype}")
    low, high = int(xp.min(labels)), int(xp.max(labels))
    if low < 0 or high >= shape[-1]:
        raise ValueError(
            f"labels need to be in 0 ... {shape[-1] - 1}, got {low} ... {high}"
        )


def cross_entropy(
    logits: Float[Array, "*batch C"], labels: Integer[Array, "..."]
) -> Float[Array, ""]:
    """Return the mean of -log p(label) over all examples, in nats.

    Raises:
        ValueError: There is no example, or a row of logits without a label of
            its own, an integer in 0 ... C - 1.

    >>> import numpy as np
    >>> cross_entropy(np.zeros((2, 4)), np.array([3, 0]))  # log 4
    np.float64(1.386)
    """
    _check_labels(logits, labels)
    xp = array_namespace(logits, labels)
    index = xp.astype(labels, xp.int64)[..., None]
    log_p = xp.take_along_axis(log_softmax(logits), index, axis=-1)
    # Not -mean, which is -0 for a perfect prediction.
    return 0 - xp.mean(log_p)  # eq. 4


def cross_entropy_backward(
    dy: Float[Array, ""] | float,
    logits: Float[Array, "*batch C"],
    labels: Integer[Array, "..."],
) -> Float[Array, "*batch C"]:
    """Return dL/dlogits, where dy is dL/d(cross entropy).

    Raises:
        ValueError: dy is not one number, or as for cross_entropy.

    >>> import numpy as np
    >>> cross_entropy_backward(1.0, np.zeros((1, 4)), np.array([3]))
    array([[ 0.25,  0.25,  0.25, -0.75]])
    """
    _check_labels(logits, labels)
    xp = array_namespace(logits, labels)
    dy = xp.asarray(dy, dtype=logits.dtype, device=logits.device)
    if dy.ndim != 0:
        shape = tuple(dy.shape)
        raise ValueError(
            f"cross entropy is one number, got dy of shape {shape}"
        )
    classes = xp.arange(logits.shape[-1], device=logits.device)
    one_hot = xp.astype(labels[..., None] == classes, logits.dtype)
    return dy / prod(labels.shape) * (softmax(logits) - one_hot)  # eq. 5


class LinearClassifier(NamedTuple):
    """A weight for every pixel and class, and a bias for every class."""

    w: Float[Array, "D C"]
    b: Float[Array, "C"]


def scores(
    model: LinearClassifier, x: Float[Array, "N D"]
) -> Float[Array, "N C"]:
    """Return the logit of every class for every image.

    Raises:
        ValueError: The shapes of x, w and b do not belong together.

    >>> import numpy as np
    >>> model = LinearClassifier(np.array([[1.0, 2.0]]), np.array([0.0, 5.0]))
    >>> scores(model, np.array([[3.0]]))
    array([[ 3., 11.]])
    """
    return affine(x, model.w, model.b)  # eq. 6


def objective(
    model: LinearClassifier,
    x: Float[Array, "N D"],
    labels: Integer[Array, "N"],
    l2: float,
) -> Float[Array, ""]:
    """Return the cross entropy plus l2 / 2 times the sum of squared weights.

    Raises:
        ValueError: As for scores and cross_entropy.

    >>> import numpy as np
    >>> model = LinearClassifier(np.array([[2.0, 2.0]]), np.zeros(2))
    >>> objective(model, np.array([[5.0]]), np.array([1]), l2=0.0)  # log 2
    np.float64(0.693)
    >>> objective(model, np.array([[5.0]]), np.array([1]), l2=0.5)
    np.float64(2.693)
    """
    xp = array_namespace(x)
    penalty = float(l2) / 2 * xp.sum(model.w**2)
    return cross_entropy(scores(model, x), labels) + penalty  # eq. 7


def gradient(
    model: LinearClassifier,
    x: Float[Array, "N D"],
    labels: Integer[Array, "N"],
    l2: float,
) -> LinearClassifier:
    """Return the gradient of the objective with respect to weights and biases.

    Raises:
        ValueError: As for scores and cross_entropy.

    >>> import numpy as np
    >>> model = LinearClassifier(np.zeros((1, 2)), np.zeros(2))
    >>> g = gradient(model, np.array([[6.0]]), np.array([1]), l2=0.5)
    >>> g.w, g.b
    (array([[ 3., -3.]]), array([ 0.5, -0.5]))
    """
    xp = array_namespace(x)
    dz = cross_entropy_backward(1.0, scores(model, x), labels)
    dw = x.mT @ dz + float(l2) * model.w  # eq. 8
    db = xp.sum(dz, axis=0)  # eq. 9
    return LinearClassifier(dw, db)


def fit(
    x: Float[Array, "N D"],
    labels: Integer[Array, "N"],
    classes: int,
    l2: float,
    lr: float,
    steps: int,
) -> LinearClassifier:
    """Return the classifier after steps of gradient descent from zero.

    Raises:
        ValueError: l2 is negative, so that the objective has no minimum, lr
            is not positive, one of them is not finite, steps is negative, x
            is not (N, D), or as for cross_entropy.

    >>> import numpy as np
    >>> x, labels = np.array([[2.0]]), np.array([1])
    >>> model = fit(x, labels, classes=2, l2=0.0, lr=1.0, steps=1)
    >>> model.w, model.b
    (array([[-1.,  1.]]), array([-0.5,  0.5]))
    """
    valid = 0 <= l2 < inf and 0 < lr < inf and steps >= 0
    if not valid or x.ndim != 2:
        raise ValueError(
            "fit needs x (N, D), finite l2 >= 0 and lr > 0, and steps >= 0, "
            f"got {tuple(x.shape)}, {l2 = }, {lr = } and {steps = }"
        )
    xp = array_namespace(x)
    w = xp.zeros((x.shape[1], classes), dtype=x.dtype, device=x.device)
    b = xp.zeros((classes,), dtype=x.dtype, device=x.device)
    for _ in range(steps):
        g = gradient(LinearClassifier(w, b), x, labels, l2)
        w, b = w - float(lr) * g.w, b - float(lr) * g.b  # eq. 10
    return LinearClassifier(w, b)
