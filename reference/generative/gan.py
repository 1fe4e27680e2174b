"""Generative adversarial network.

The game of a generator and a discriminator: its value, the best answer of the
discriminator, and the losses with which two networks play it.

Axes    K outcomes along the last axis, *batch any number of leading axes;
        N real examples, M fake ones; D features; C modes.
Page    docs/en/generative/gan.md ("eq. 3" marks the line of its (3))
Source  Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville
        and Bengio, Generative Adversarial Nets, NIPS 2014, arXiv:1406.2661
"""

from math import isfinite, prod

from array_api_compat import array_namespace
from jaxtyping import Float

from reference._typing import Array
from reference.classification.logistic_regression import sigmoid
from reference.foundations.information import (
    _require_distributions,
    _surprise,
    kl_divergence,
)
from reference.neural_networks.classification_losses import (
    _require_logits,
    binary_cross_entropy,
)


def value(
    p: Float[Array, "*batch K"],
    q: Float[Array, "*batch K"],
    d: Float[Array, "*batch K"],
) -> Float[Array, "*batch"]:
    """Return the value of the game, in nats: at most 0, and 0 log 0 is 0.

    p are the probabilities of the real outcomes, q those of the generator's,
    d the discriminator's probabilities that an outcome is real.

    Raises:
        ValueError: The shapes differ, p or q hold no distributions, or d is
            not from 0 to 1.

    >>> import numpy as np
    >>> half = np.array([0.5, 0.5])
    >>> value(half, half, half)  # -log 4
    np.float64(-1.386)
    """
    _require_distributions(p, q)
    _require_probabilities(p, d)
    xp = array_namespace(p, q, d)
    real, fake = _surprise(d, p > 0), _surprise(1 - d, q > 0)
    return 0 - xp.sum(p * real + q * fake, axis=-1)  # eq. 1


def optimal_discriminator(
    p: Float[Array, "*S"], q: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """Return the probability that an outcome is real, from both densities.

    It is 1/2 where both densities are 0 and any answer would do.

    Raises:
        ValueError: The shapes differ, or a density is not a finite real
            floating-point number of at least 0.

    >>> import numpy as np
    >>> optimal_discriminator(np.array([3.0, 0.0]), np.array([1.0, 2.0]))
    array([0.75, 0.  ])
    """
    _require_densities(p, q)
    xp = array_namespace(p, q)
    # Divided by the larger one, neither sum nor ratio can overflow.
    top = xp.where(p > q, p, q)
    some = top > 0
    p, q = (xp.where(some, a / xp.where(some, top, 1.0), 1.0) for a in (p, q))
    return p / (p + q)  # eq. 2


def jensen_shannon_divergence(
    p: Float[Array, "*batch K"], q: Float[Array, "*batch K"]
) -> Float[Array, "*batch"]:
    """Return the Jensen-Shannon divergence of p and q, from 0 to log 2 nats.

    Raises:
        ValueError: p and q differ in shape, or hold no distributions.

    >>> import numpy as np
    >>> p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    >>> jensen_shannon_divergence(p, q) / np.log(2)
    np.float64(1.0)
    """
    _require_distributions(p, q)
    xp = array_namespace(p, q)
    m = (p + q) / 2
    m = xp.where(m > 0, m, p + q)  # half the smallest float is 0
    return kl_divergence(p, m) / 2 + kl_divergence(q, m) / 2  # eq. 3


def discriminator_loss(
    real_logits: Float[Array, "*N"], fake_logits: Float[Array, "*M"]
) -> Float[Array, ""]:
    """Return what the discriminator pays, in nats: log 4 for guessing.

    It is the mean over the real examples plus the mean over the fake ones.

    Raises:
        ValueError: There is no logit of one kind, or one is not a real
            floating-point number of at most half the largest float in size.

    >>> import numpy as np
    >>> discriminator_loss(np.zeros(3), np.zeros(2))  # log 4
    np.float64(1.386)
    """
    xp = array_namespace(real_logits, fake_logits)
    real = binary_cross_entropy(real_logits, xp.ones_like(real_logits))
    fake = binary_cross_entropy(fake_logits, xp.zeros_like(fake_logits))
    return real + fake  # eq. 4


def saturating_generator_loss(
    fake_logits: Float[Array, "*M"],
) -> Float[Array, ""]:
    """Return the mean log probability that a fake is called fake, in nats.

    This is the loss of the game itself; its gradient vanishes where the
    discriminator is sure of a fake.

    Raises:
        ValueError: As `discriminator_loss`.

    >>> import numpy as np
    >>> saturating_generator_loss(np.zeros(2))  # -log 2
    np.float64(-0.693)
    """
    xp = array_namespace(fake_logits)
    called_fake = xp.zeros_like(fake_logits)
    return 0 - binary_cross_entropy(fake_logits, called_fake)  # eq. 5


def generator_loss(fake_logits: Float[Array, "*M"]) -> Float[Array, ""]:
    """Return the non-saturating loss: mean -log D of the fakes, in nats.

    Raises:
        ValueError: As `discriminator_loss`.

    >>> import numpy as np
    >>> generator_loss(np.zeros(2))  # log 2
    np.float64(0.693)
    """
    xp = array_namespace(fake_logits)
    called_real = xp.ones_like(fake_logits)
    return binary_cross_entropy(fake_logits, called_real)  # eq. 6


def saturating_generator_loss_gradient(
    fake_logits: Float[Array, "*M"],
) -> Float[Array, "*M"]:
    """Return the gradient of `saturating_generator_loss` in the logits.

    Raises:
        ValueError: As `discriminator_loss`.

    >>> import numpy as np
    >>> saturating_generator_loss_gradient(np.array([-1000.0, 0.0]))
    array([-0.  , -0.25])
    """
    _require_logits(fake_logits)
    return -sigmoid(fake_logits) / prod(fake_logits.shape)  # eq. 7


def generator_loss_gradient(
    fake_logits: Float[Array, "*M"],
) -> Float[Array, "*M"]:
    """Return the gradient of `generator_loss` in the logits.

    Raises:
        ValueError: As `discriminator_loss`.

    >>> import numpy as np
    >>> generator_loss_gradient(np.array([-1000.0, 0.0]))
    array([-0.5 , -0.25])
    """
    _require_logits(fake_logits)
    return -sigmoid(-fake_logits) / prod(fake_logits.shape)  # eq. 8


def mode_shares(
    x: Float[Array, "N D"], centers: Float[Array, "C D"], std: float
) -> Float[Array, "C"]:
    """Return which share of the samples hits each mode.

    A sample hits the nearest center if it is within 3 std of it. The rest, 1
    minus the sum of the shares, hits nothing; so does a sample with a NaN.

    Raises:
        ValueError: There is no sample or no center, their features differ in
            number, one is not real floating-point, a center is not finite,
            or std is not above 0 and finite.

    >>> import numpy as np
    >>> x = np.array([[0.0], [0.2], [5.0], [9.0]])
    >>> mode_shares(x, np.array([[0.0], [5.0]]), std=0.1)
    array([0.5 , 0.25])
    """
    shapes = tuple(x.shape), tuple(centers.shape)
    if not (
        x.ndim == 2 == centers.ndim
        and x.shape[1] == centers.shape[1]
        and 0 not in shapes[0] + shapes[1]
    ):
        raise ValueError(
            "shares of modes need samples (N, D) and centers (C, D), at least "
            f"one of each, got shapes {shapes[0]} and {shapes[1]}"
        )
    if not (isfinite(std) and std > 0):
        raise ValueError(f"std must be above 0 and finite, got {std}")
    xp = array_namespace(x, centers)
    if not all(xp.isdtype(a.dtype, "real floating") for a in (x, centers)):
        raise ValueError(
            "samples and centers need to be real floating-point, got "
            f"{x.dtype} and {centers.dtype}"
        )
    if not bool(xp.all(xp.isfinite(centers))):
        raise ValueError(f"centers need to be finite, got {centers}")
    # In units of 3 std, so that no square of std underflows.
    far = (x[:, None, :] - centers[None, :, :]) / float(3 * std)
    far = xp.sum(far**2, axis=-1)
    modes = xp.arange(centers.shape[0], device=x.device)
    nearest = xp.argmin(far, axis=1, keepdims=True) == modes
    return xp.mean(xp.astype(nearest & (far <= 1), far.dtype), axis=0)


def _require_probabilities(
    p: Float[Array, "*S"], d: Float[Array, "*S"]
) -> None:
    """Raise unless d holds a probability for every entry of p."""
    if tuple(d.shape) != tuple(p.shape):
        raise ValueError(
            "the discriminator needs one probability for each outcome, "
            f"{tuple(p.shape)}, got {tuple(d.shape)}"
        )
    xp = array_namespace(p, d)
    if not xp.isdtype(d.dtype, "real floating"):
        raise ValueError(
            f"probabilities need to be real floating-point, got {d.dtype}"
        )
    if not bool(xp.all((d >= 0) & (d <= 1))):
        raise ValueError(
            "the discriminator's probabilities need to be in 0 ... 1, got "
            f"{float(xp.min(d)):.6g} ... {float(xp.max(d)):.6g}"
        )


def _require_densities(p: Float[Array, "*S"], q: Float[Array, "*S"]) -> None:
    """Raise unless both are densities at the same points."""
    if tuple(p.shape) != tuple(q.shape):
        raise ValueError(
            "needs both densities at the same points, got shapes "
            f"{tuple(p.shape)} and {tuple(q.shape)}"
        )
    xp = array_namespace(p, q)
    for a in (p, q):
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                f"densities need to be real floating-point, got {a.dtype}"
            )
        good = (a >= 0) & xp.isfinite(a)
        if not bool(xp.all(good)):
            raise ValueError(
                f"densities need to be at least 0 and finite, got {a[~good]}"
            )
