"""Variational autoencoder.

Bounds the log-likelihood of a model with a latent variable from below, by a
reconstruction and the Kullback-Leibler divergence from a Gaussian encoder to
the prior, in a form through which gradients reach the encoder.

Axes    D entries of an example, K entries of its code, S drawn codes; leading
        axes are any number of examples, and draws before them.
Page    docs/en/generative/variational_autoencoder.md ("eq. 3" marks the line
        of its (3))
Source  Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014;
        Burda, Grosse and Salakhutdinov, ICLR 2016 (several draws)
"""

from math import inf, isfinite, log, pi

from array_api_compat import array_namespace
from jaxtyping import Float, Shaped

from reference._typing import Array
from reference.neural_networks.classification_losses import _targets


def gaussian_log_density(
    x: Float[Array, "*#x D"],
    mean: Float[Array, "*#x D"],
    log_variance: Float[Array, "*#x D"],
) -> Float[Array, "..."]:
    """Return the log density of each row x under its Gaussian, in nats.

    The entries are independent. An argument without the leading axes of
    another counts for all of them.

    Raises:
        ValueError: An argument has no rows of real floating-point numbers,
            its shape is not the end of the longest one, or a log variance is
            not finite or its variance not a finite float.

    >>> import numpy as np
    >>> zero = np.array([0.0])
    >>> gaussian_log_density(zero, zero, zero)  # -log(2 pi) / 2
    np.float64(-0.919)
    """
    _require_rows(x=x, mean=mean, log_variance=log_variance)
    _require_variances(log_variance)
    xp = array_namespace(x, mean, log_variance)
    miss = (x - mean) * xp.exp(-log_variance / 2)
    return -xp.sum(log(2 * pi) + log_variance + miss**2, axis=-1) / 2  # eq. 1


def bernoulli_log_likelihood(
    x: Shaped[Array, "*#x D"], logits: Float[Array, "*#x D"]
) -> Float[Array, "..."]:
    """Return the log probability of each row x of zeros and ones, in nats.

    Raises:
        ValueError: There is no row, the shape of one is not the end of the
            other, an x is not from 0 to 1, or a logit is not finite.

    >>> import numpy as np
    >>> bernoulli_log_likelihood(np.array([0, 1]), np.zeros(2))  # -2 log 2
    np.float64(-1.386)
    """
    longest = _longest(x=x, logits=logits)
    xp = array_namespace(x, logits)
    z = xp.broadcast_to(logits, longest)
    x = _targets(z, xp.broadcast_to(x, longest))
    # Not abs(z), whose slope in autograd is 0 at 0.
    tail = xp.log1p(xp.exp(xp.where(z < 0, z, -z)))
    wrong = xp.where(z < 0, -x, 1 - x)
    return 0 - xp.sum(wrong * z + tail, axis=-1)  # eq. 2


def linear_gaussian_log_likelihood(
    x: Float[Array, "N D"],
    weight: Float[Array, "K D"],
    bias: Float[Array, "D"],
    sigma: float,
) -> Float[Array, "N"]:
    """Return log p(x) of x = z W + b + noise, exactly, in nats.

    The entries of z are standard normal, those of the noise have the standard
    deviation sigma.

    Raises:
        ValueError: x and weight are no matrices, they and the bias do not fit
            or hold no real floating-point numbers, or sigma is not a positive
            number with a finite square, large enough beside the weight for
            the covariance to be inverted.

    >>> import numpy as np
    >>> one, zero = np.array([[1.0]]), np.array([0.0])
    >>> linear_gaussian_log_likelihood(one, one, zero, sigma=1.0)
    array([-1.516])
    """
    _require_rows(x=x, bias=bias)
    _require_rows(weight=weight, bias=bias)
    if x.ndim != 2 or weight.ndim != 2 or bias.ndim != 1:
        raise ValueError(
            "x and weight need to be matrices and bias a vector, got shapes "
            f"{tuple(x.shape)}, {tuple(weight.shape)} and {tuple(bias.shape)}"
        )
    sigma = _number("sigma", sigma)
    if not 0 < sigma * sigma < inf:
        raise ValueError(f"sigma**2 needs to be a number above 0, got {sigma}")
    xp = array_namespace(x, weight, bias)
    d = x.shape[1]
    identity = xp.eye(d, dtype=x.dtype, device=x.device)
    covariance = weight.mT @ weight + sigma**2 * identity
    try:
        r = xp.linalg.cholesky(covariance)
    except (ValueError, RuntimeError) as error:  # NumPy's and PyTorch's
        raise ValueError(
            "sigma is too small beside the weight, or a weight is not finite, "
            f"got sigma {sigma}"
        ) from error
    e = xp.linalg.solve(r, (x - bias).mT)
    log_root = xp.sum(xp.log(xp.linalg.diagonal(r)))
    return -d * log(2 * pi) / 2 - log_root - xp.sum(e**2, axis=0) / 2  # eq. 3


def gaussian_kl(
    mean: Float[Array, "*#q K"], log_variance: Float[Array, "*#q K"]
) -> Float[Array, "..."]:
    """Return the divergence from each row's Gaussian to N(0, I), in nats.

    Raises:
        ValueError: As `gaussian_log_density`.

    >>> import numpy as np
    >>> gaussian_kl(np.array([3.0, 1.0]), np.array([0.0, 0.0]))
    np.float64(5.0)
    """
    _require_rows(mean=mean, log_variance=log_variance)
    _require_variances(log_variance)
    xp = array_namespace(mean, log_variance)
    excess = xp.expm1(log_variance) - log_variance
    return xp.sum(mean**2 + excess, axis=-1) / 2  # eq. 4


def reparameterize(
    mean: Float[Array, "*#q K"],
    log_variance: Float[Array, "*#q K"],
    noise: Float[Array, "*#q K"],
) -> Float[Array, "..."]:
    """Return draws from each row's Gaussian, made of standard normal noise.

    The noise may have more leading axes, of several draws for each row.

    Raises:
        ValueError: As `gaussian_log_density`, or the noise has fewer numbers
            than the mean or the log variance.

    >>> import numpy as np
    >>> mean, log_variance = np.array([5.0]), np.array([np.log(4.0)])
    >>> reparameterize(mean, log_variance, np.array([[1.0], [-1.0]]))
    array([[7.],
           [3.]])
    """
    longest = _require_rows(mean=mean, log_variance=log_variance, noise=noise)
    if tuple(noise.shape) != longest:
        raise ValueError(
            f"every draw needs noise of its own, of shape {longest}, got "
            f"{tuple(noise.shape)}"
        )
    _require_variances(log_variance)
    xp = array_namespace(mean, log_variance, noise)
    return mean + xp.exp(log_variance / 2) * noise  # eq. 5


def elbo(
    log_likelihood: Float[Array, "*s"],
    mean: Float[Array, "*#q K"],
    log_variance: Float[Array, "*#q K"],
    beta: float = 1.0,
) -> Float[Array, "*s"]:
    """Return the evidence lower bound of each example, in nats.

    `log_likelihood` is log p(x | z), of a z drawn from the encoder, or its
    mean over several. It may have leading axes of draws before those of mean.

    Raises:
        ValueError: As `gaussian_kl`, there is not a real floating-point
            log-likelihood for each row, or beta is not a finite number of at
            least 0.

    >>> import numpy as np
    >>> elbo(np.array([-7.0]), np.array([[2.0]]), np.array([[0.0]]))
    array([-9.])
    """
    kl = gaussian_kl(mean, log_variance)
    _require_rows(log_likelihood=log_likelihood[..., None])
    n = log_likelihood.ndim - kl.ndim
    if tuple(log_likelihood.shape[n:]) != tuple(kl.shape):
        raise ValueError(
            "needs a log-likelihood for each row, of shape (..., "
            f"{tuple(kl.shape)}), got {tuple(log_likelihood.shape)}"
        )
    return log_likelihood - _number("beta", beta) * kl  # eq. 6


def importance_weighted_bound(
    log_likelihood: Float[Array, "S *n"],
    z: Float[Array, "S *n K"],
    mean: Float[Array, "*#n K"],
    log_variance: Float[Array, "*#n K"],
) -> Float[Array, "*n"]:
    """Return a bound from S codes z for each example, drawn from the encoder.

    `log_likelihood` is log p(x | z) of each. With S = 1 it is an estimate of
    the evidence lower bound; the larger S, the closer to log p(x) its mean.

    Raises:
        ValueError: As `gaussian_log_density`, there is no draw, or not a real
            floating-point log-likelihood for each.

    >>> import numpy as np
    >>> mean = log_variance = np.array([0.0])  # all weights are p(x | z)
    >>> likelihood, z = np.array([0.5, 1.5]), np.array([[1.0], [2.0]])
    >>> importance_weighted_bound(np.log(likelihood), z, mean, log_variance)
    np.float64(0.0)
    """
    _require_rows(log_likelihood=log_likelihood[..., None])
    longest = _require_rows(z=z, mean=mean, log_variance=log_variance)
    if tuple(z.shape) != longest or z.ndim < 2 or z.shape[0] == 0:
        raise ValueError(
            "the first axis of z needs to be that of the draws, at least "
            f"one, got z of shape {tuple(z.shape)} and mean of shape "
            f"{tuple(mean.shape)}"
        )
    if tuple(log_likelihood.shape) != longest[:-1]:
        raise ValueError(
            f"every z needs a log-likelihood, of shape {longest[:-1]}, got "
            f"{tuple(log_likelihood.shape)}"
        )
    xp = array_namespace(log_likelihood, z, mean, log_variance)
    zero = xp.zeros_like(z)
    prior = gaussian_log_density(z, zero, zero)
    encoder = gaussian_log_density(z, mean, log_variance)
    log_w = log_likelihood + prior - encoder  # eq. 7
    top = xp.max(log_w, axis=0)
    return top + xp.log(xp.mean(xp.exp(log_w - top), axis=0))  # eq. 8


def _longest(**arrays: Shaped[Array, "..."]) -> tuple[int, ...]:
    """Return the longest shape; raise unless all others are its end."""
    shapes = {name: tuple(a.shape) for name, a in arrays.items()}
    longest = max(shapes.values(), key=len)
    for shape in shapes.values():
        if not shape or shape[-1] == 0 or shape != longest[-len(shape) :]:
            raise ValueError(
                "needs rows, and every shape must be the end of the longest, "
                f"got {', '.join(f'{k} {v}' for k, v in shapes.items())}"
            )
    return longest


def _require_rows(**arrays: Shaped[Array, "..."]) -> tuple[int, ...]:
    """Return the longest shape; raise unless rows of floats fit together."""
    longest = _longest(**arrays)
    xp = array_namespace(*arrays.values())
    for name, a in arrays.items():
        if not xp.isdtype(a.dtype, "real floating"):
            raise ValueError(
                f"{name} needs real floating-point numbers, got {a.dtype}"
            )
    return longest


def _require_variances(log_variance: Float[Array, "..."]) -> None:
    """Raise unless the variances and their inverses are finite floats."""
    xp = array_namespace(log_variance)
    most = log(float(xp.finfo(log_variance.dtype).max))
    if not bool(xp.all(xp.abs(log_variance) <= most)):
        raise ValueError(
            f"log variances in {log_variance.dtype} need to be from "
            f"{-most:.4g} to {most:.4g}, got {float(xp.min(log_variance)):.4g}"
            f" ... {float(xp.max(log_variance)):.4g}"
        )


def _number(name: str, value: float) -> float:
    """Return a number as a float; raise unless it is finite and not below 0."""
    if isinstance(value, bool) or not (isfinite(value) and value >= 0):
        raise ValueError(
            f"{name} needs to be a finite number of at least 0, got {value}"
        )
    return float(value)
