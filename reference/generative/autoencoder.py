"""Autoencoder.

A network that learns to give back its input through a code of few numbers.
Without a hidden layer it learns what principal component analysis computes;
with hidden layers its codes lie along curves instead of straight lines.

Axes    N examples, D features, H hidden units, K numbers of a code.
Page    docs/en/generative/autoencoder.md ("eq. 3" marks the line of its (3))
Source  Bourlard and Kamp, Biological Cybernetics 1988; Baldi and Hornik,
        Neural Networks 1989; Hinton and Salakhutdinov, Science 2006; Vincent
        et al., ICML 2008
"""

from collections.abc import Callable, Sequence
from math import isfinite

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reference.training.training_loop import Data
from reference.unsupervised.pca import pca


class Autoencoder(nn.Module):
    """An encoder and, with the same widths backwards, a decoder.

    The widths go from D features over those of the hidden layers to the code:
    [64, 128, 2] has one hidden layer on either side, and [64, 2] none, which
    makes it linear. Neither code nor output has an activation.

    Raises:
        ValueError: The widths are not at least two whole numbers from 1 on.

    >>> model = Autoencoder([64, 128, 2])
    >>> model.encode(torch.zeros(5, 64)).shape, model(torch.zeros(5, 64)).shape
    (torch.Size([5, 2]), torch.Size([5, 64]))
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: Callable[[], nn.Module] = nn.ReLU,
    ):
        super().__init__()
        widths = list(widths)
        if len(widths) < 2 or not all(_whole(width) for width in widths):
            raise ValueError(
                "an autoencoder needs whole numbers >= 1 for its features and "
                f"its code, got widths {widths}"
            )
        self.widths, self.activation = widths, activation
        self.encoder = _dense_layers(widths, activation)
        self.decoder = _dense_layers(widths[::-1], activation)

    def encode(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N K"]:
        """Return the code of every example."""
        return self.encoder(x)  # eq. 1

    def decode(self, z: Float[Tensor, "N K"]) -> Float[Tensor, "N D"]:
        """Return the example that every code stands for."""
        return self.decoder(z)  # eq. 2

    def forward(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Return the reconstruction of every example."""
        return self.decode(self.encode(x))


def reconstruction_error(
    prediction: Float[Tensor, "N D"], target: Float[Tensor, "N D"]
) -> Float[Tensor, ""]:
    """Return the mean squared distance, in the squared unit of a feature.

    It sums over the features and averages over the examples.

    Raises:
        ValueError: The two differ in shape, hold no example or no
            floating-point numbers.

    >>> x = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    >>> reconstruction_error(torch.zeros(2, 2), x)
    tensor(13.)
    """
    _require_examples(prediction)
    _require_examples(target)
    if prediction.shape != target.shape:
        raise ValueError(
            "every example needs one reconstruction of its shape, got "
            f"{tuple(prediction.shape)} for {tuple(target.shape)}"
        )
    return ((target - prediction) ** 2).sum(dim=1).mean()  # eq. 3


def principal_autoencoder(x: Float[Tensor, "N D"], code: int) -> Autoencoder:
    """Return the linear autoencoder of smallest error, without training.

    Its codes are the scores of principal component analysis.

    Raises:
        ValueError: As `pca`: there are fewer than two examples, they do not
            vary, or the code is not a whole number from 1 to min(N, D).

    >>> x = torch.tensor([[1.0, 7.0], [1.0, 9.0], [1.0, 8.0]])
    >>> principal_autoencoder(x, 1).encode(x).flatten().tolist()
    [-1.0, 1.0, 0.0]
    """
    fit = pca(x, code)
    u, v = fit.components.mT, fit.components
    model = Autoencoder([x.shape[1], len(v)]).to(x)
    _set(model.encoder[0], u, -(fit.mean @ u))  # eq. 4
    _set(model.decoder[0], v, fit.mean)
    return model


def recode(model: Autoencoder, a: Float[Tensor, "K K"]) -> Autoencoder:
    """Return a copy with other codes, z @ a, and the same reconstructions.

    Raises:
        ValueError: a is no matrix with K rows and columns, or has no inverse
            in the precision of the model.

    >>> model = Autoencoder([3, 1])
    >>> twice = recode(model, torch.tensor([[2.0]]))
    >>> x = torch.ones(1, 3)
    >>> torch.equal(twice.encode(x), 2 * model.encode(x))
    True
    """
    changed = Autoencoder(model.widths, model.activation)
    changed.to(model.decoder[0].weight).train(model.training)
    changed.load_state_dict(model.state_dict())
    last, first = changed.encoder[-1], changed.decoder[0]
    a = a.to(last.weight)
    _require_invertible(a, len(last.weight))
    u, v = last.weight.mT, first.weight.mT
    _set(last, u @ a, last.bias @ a)  # eq. 5
    _set(first, torch.linalg.solve(a, v), first.bias)  # eq. 6
    return changed


def denoising_pairs(
    x: Float[Tensor, "N D"],
    std: float,
    generator: torch.Generator,
    copies: int = 1,
) -> Data:
    """Return noisy examples as inputs, with the clean ones as targets.

    Each example comes `copies` times, each time with new Gaussian noise of
    this standard deviation, in the unit of x.

    Raises:
        ValueError: There is no example, the standard deviation is not finite
            or negative, or the number of copies is no whole number from 1 on.

    >>> pairs = denoising_pairs(torch.ones(2, 3), 0.0, torch.Generator(), 2)
    >>> pairs.x.shape, torch.equal(pairs.x, pairs.y)
    (torch.Size([4, 3]), True)
    """
    _require_examples(x)
    if not _whole(copies):
        raise ValueError(f"copies need a whole number >= 1, got {copies}")
    if not (isfinite(std) and std >= 0):
        raise ValueError(f"noise needs a finite std >= 0, got {std}")
    x = x.repeat(copies, 1)
    noise = torch.randn(
        x.shape, generator=generator, dtype=x.dtype, device=generator.device
    )
    return Data(x + std * noise.to(x.device), x)  # eq. 7


def _dense_layers(
    widths: list[int], activation: Callable[[], nn.Module]
) -> nn.Sequential:
    """Return dense layers with an activation between them, none at the end."""
    layers = []
    for i, outputs in enumerate(widths[1:]):
        layers += [nn.Linear(widths[i], outputs), activation()]
    return nn.Sequential(*layers[:-1])


@torch.no_grad()
def _set(
    layer: nn.Linear, w: Float[Tensor, "I O"], b: Float[Tensor, "O"]
) -> None:
    """Make the layer compute x @ w + b; PyTorch keeps the transpose of w."""
    layer.weight.copy_(w.mT)
    layer.bias.copy_(b)


def _whole(number: int) -> bool:
    """Return whether this is a whole number from 1 on, and no True."""
    index = getattr(number, "__index__", None)
    is_scalar = not isinstance(number, bool | Tensor)
    return is_scalar and index is not None and index() >= 1


def _require_examples(x: Float[Tensor, "..."]) -> None:
    """Raise unless x is a matrix of floating-point numbers with a row."""
    if x.ndim != 2 or not len(x) or not x.is_floating_point():
        raise ValueError(
            "examples (N, D) need a row and floating-point numbers, got "
            f"{x.dtype} of shape {tuple(x.shape)}"
        )


def _require_invertible(a: Float[Tensor, "..."], code: int) -> None:
    """Raise unless the codes can be computed back from those times a."""
    if tuple(a.shape) != (code, code):
        raise ValueError(
            f"codes of {code} numbers need a matrix of shape {(code, code)}, "
            f"got {tuple(a.shape)}"
        )
    if not a.isfinite().all() or torch.linalg.matrix_rank(a) < code:
        raise ValueError(
            f"new codes need an invertible matrix, got {a.tolist()}"
        )
