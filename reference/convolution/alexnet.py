"""LeNet and AlexNet.

Two classifiers of images that alternate convolution, rectifier and pooling
and end in dense layers; and a table of what each layer of a network returns
and costs.

Axes    N images, C channels, (H, W) pixels; A channels between two layers.
Page    docs/en/convolution/alexnet.md ("eq. 3" marks the line of its (3))
Source  LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to
        Document Recognition, Proc. IEEE 1998; Krizhevsky, Sutskever and
        Hinton, ImageNet Classification with Deep Convolutional Neural
        Networks, NIPS 2012; Krizhevsky, arXiv:1404.5997, 2014 (one tower)
"""

from math import prod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

LISTED = (
    nn.Conv2d,
    nn.Linear,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
)


class LeNet(nn.Module):
    """Scores grey images of 32 x 32 pixels, up to 35 x 35, for each class.

    Raises:
        ValueError: classes is not a whole number of at least 1, or the images
            are not (N, 1, H, W) with 32 to 35 rows and columns.

    >>> LeNet()(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, _whole("classes", classes)),
        )

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K"]:
        """Return one score a class and image, before any softmax."""
        _require_images(x, channels=1, least=32, most=35)
        return self.classifier(torch.flatten(self.features(x), 1))


class AlexNet(nn.Module):
    """Scores colour images of 224 x 224 pixels, 223 to 254, for each class.

    Raises:
        ValueError: classes is not a whole number of at least 1, or the images
            are not (N, 3, H, W) with 223 to 254 rows and columns.

    >>> with torch.device("meta"):  # shapes only: no memory, no arithmetic
    ...     AlexNet()(torch.zeros(2, 3, 224, 224)).shape
    torch.Size([2, 1000])
    """

    def __init__(self, classes: int = 1000):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, _whole("classes", classes)),
        )

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K"]:
        """Return one score a class and image, before any softmax."""
        _require_images(x, channels=3, least=223, most=254)
        return self.classifier(torch.flatten(self.features(x), 1))


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers training changes, shared ones counted once.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(
        parameter.numel()
        for parameter in model.parameters()
        if parameter.requires_grad
    )


class Layer(NamedTuple):
    """What a layer makes of one example, and what it costs.

    Attributes:
        name: Its class, such as "Conv2d".
        shape: Of the output: channels, height and width, or features alone.
        parameters: How many weights and biases it has.
        products: How many multiplications with a weight the output takes.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    products: int


def layer_table(model: nn.Module, shape: tuple[int, ...]) -> list[Layer]:
    """Return a row for each call of a convolution, pooling or dense layer.

    They are nn.Conv2d, nn.Linear, nn.MaxPool2d, nn.AvgPool2d and
    nn.AdaptiveAvgPool2d; nothing else has a row. The model runs once on two
    examples of this shape, without numbers, and stays as it is.

    Raises:
        ValueError: A layer needs an example with more axes.

    >>> layer_table(nn.Conv2d(1, 6, 5), (1, 32, 32))
    [Layer(name='Conv2d', shape=(6, 28, 28), parameters=156, products=117600)]
    """
    table = []

    def note(layer, _, y):
        table.append(_row(layer, y))

    hooks = [
        layer.register_forward_hook(note)
        for layer in model.modules()
        if isinstance(layer, LISTED)
    ]
    arrays = dict(model.named_parameters()) | dict(model.named_buffers())
    state = {k: torch.empty_like(a, device="meta") for k, a in arrays.items()}
    dtype = next((a.dtype for a in model.parameters()), None)
    try:  # the meta device has shapes only: nothing is computed or changed
        with torch.device("meta"):
            x = torch.zeros(2, *shape, dtype=dtype)  # 1 stops BatchNorm
            torch.func.functional_call(model, state, x)
    finally:
        for hook in hooks:
            hook.remove()
    return table


def compose_kernels(
    first: Float[Tensor, "A C h w"], second: Float[Tensor, "K A p q"]
) -> Float[Tensor, "K C h+p-1 w+q-1"]:
    """Return the kernels of the one convolution that does the work of both.

    They do it one after the other, with stride 1 and nothing in between: no
    activation, no padding before the second, no bias of the first.

    Raises:
        ValueError: The kernels have not four axes, or the second have not a
            channel for each of the first.

    >>> first, second = torch.tensor([[[[1.0, 2.0]]]]), torch.ones(1, 1, 1, 2)
    >>> compose_kernels(first, second)
    tensor([[[[1., 3., 2.]]]])
    """
    if first.ndim != 4 or second.ndim != 4 or second.shape[1] != len(first):
        raise ValueError(
            "kernels (A, C, h, w) need others (K, A, p, q) behind them, got "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    p, q = second.shape[2:]
    images, turned = first.transpose(0, 1), second.flip((2, 3))
    kernels = F.conv2d(images, turned, padding=(p - 1, q - 1))  # eq. 3
    return kernels.transpose(0, 1)


def _row(layer: nn.Module, y: Float[Tensor, "..."]) -> Layer:
    """Return the row of a layer that made y of two examples."""
    name, (_, *out) = type(layer).__name__, y.shape
    axes = 1 if isinstance(layer, nn.Linear) else 3
    if len(out) < axes:  # the two examples were taken for channels
        raise ValueError(
            f"{name} needs an example with {axes} axes, its output has {out}"
        )
    if not hasattr(layer, "weight"):
        return Layer(name, tuple(out), 0, 0)
    filters, *reads = layer.weight.shape
    fan_in = prod(reads)
    parameters = filters * (fan_in + (layer.bias is not None))  # eq. 1
    return Layer(name, tuple(out), parameters, prod(out) * fan_in)  # eq. 2


def _require_images(
    x: Float[Tensor, "..."], channels: int, least: int, most: int
) -> None:
    """Raise unless the dense layers fit to what the images become."""
    fits = all(least <= side <= most for side in x.shape[2:])
    if x.ndim != 4 or x.shape[1] != channels or not fits:
        raise ValueError(
            f"the dense layers need images (N, {channels}, H, W) with {least} "
            f"to {most} rows and columns, got {tuple(x.shape)}"
        )


def _whole(name: str, value: int) -> int:
    """Return a count; raise unless it is a whole number from 1 on."""
    try:
        whole = 0 if isinstance(value, bool) else value.__index__()
    except (AttributeError, TypeError):  # 2.0, "10", an array of numbers
        whole = 0
    if whole < 1:
        raise ValueError(f"{name} needs a whole number >= 1, got {value}")
    return whole
