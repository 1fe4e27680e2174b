"""Residual networks.

Adds the input of every few layers to their output, so that they learn a
change instead of a whole new image. Networks of 8 to 152 layers from one
class, and the plain network without the sum beside them.

Axes    N images, C channels, H rows, W columns; K channels, A rows and B
        columns of what leaves a block; K classes of what leaves a network.
Page    docs/en/convolution/resnet.md ("eq. 3" marks the line of its (3))
Source  He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition,
        CVPR 2016, arXiv:1512.03385
"""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reference.convolution.pooling import global_average_pool


def _require_whole(**values: int) -> None:
    """Raise a ValueError unless all are of type int and above 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an int above 0, got {value!r}")


def _conv(
    in_channels: int, channels: int, size: int, stride: int = 1
) -> nn.Sequential:
    """Return convolution and normalization; stride 1 keeps the image's size.

    The convolution has no bias: the normalization would subtract it again.
    """
    _require_whole(in_channels=in_channels, channels=channels, stride=stride)
    return nn.Sequential(
        nn.Conv2d(
            in_channels, channels, size, stride, padding=size // 2, bias=False
        ),
        nn.BatchNorm2d(channels),
    )


class Projection(nn.Module):
    """Shortcut with weights: each pixel to other channels, then normalized.

    Raises:
        ValueError: A number of channels or the stride is no int above 0.

    >>> import torch
    >>> Projection(2, 6, stride=2)(torch.zeros(1, 2, 4, 4)).shape
    torch.Size([1, 6, 2, 2])
    """

    def __init__(self, in_channels: int, channels: int, stride: int):
        super().__init__()
        self.conv, self.norm = _conv(in_channels, channels, 1, stride)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K A B"]:
        """Return x in the shape that the layers of the block make of it."""
        return self.norm(self.conv(x))  # eq. 2


class ZeroPad(nn.Module):
    """Shortcut without weights: drop pixels, add channels of zeros.

    Raises:
        ValueError: A number of channels or the stride is no int above 0, or
            there would be fewer channels than before.

    >>> import torch
    >>> ZeroPad(1, 2, stride=2)(torch.ones(1, 1, 2, 2)).flatten()
    tensor([1., 0.])
    """

    def __init__(self, in_channels: int, channels: int, stride: int):
        _require_whole(
            in_channels=in_channels, channels=channels, stride=stride
        )
        if channels < in_channels:
            raise ValueError(
                "zeros can only add channels, got "
                f"{in_channels} channels to turn into {channels}"
            )
        super().__init__()
        self.extra, self.stride = channels - in_channels, stride

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K A B"]:
        """Return x in the shape that the layers of the block make of it."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.extra))  # eq. 3


class ResidualBlock(nn.Module):
    """Any layers, with their input added to their output, then a ReLU.

    The shortcut turns the input into the shape of the output; by default it
    is the identity. The layers must not change their input in place.

    >>> import torch
    >>> block = ResidualBlock(nn.ReLU())
    >>> block(torch.tensor([[[[3.0, -2.0]]]])).flatten()
    tensor([6., 0.])
    """

    expansion = 1  # channels that come out, per channel of the middle

    def __init__(self, layers: nn.Module, shortcut: nn.Module | None = None):
        super().__init__()
        self.layers = layers
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K A B"]:
        """Return the block's output.

        Raises:
            ValueError: Shortcut and layers give different shapes, which might
                broadcast.
        """
        kept, change = self.shortcut(x), self.layers(x)
        if kept.shape != change.shape:
            raise ValueError(
                "the sum needs equal shapes, got "
                f"{tuple(kept.shape)} from the shortcut and "
                f"{tuple(change.shape)} from the layers"
            )
        return F.relu(kept + change)  # eq. 1


class BasicBlock(ResidualBlock):
    """Two 3 x 3 convolutions; a projection where the shape changes.

    Raises:
        ValueError: A number of channels or the stride is no int above 0.

    >>> import torch
    >>> BasicBlock(2, 4, stride=2)(torch.zeros(1, 2, 6, 6)).shape
    torch.Size([1, 4, 3, 3])
    """

    change_shape: type[nn.Module] = Projection

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        super().__init__(
            nn.Sequential(
                _conv(in_channels, channels, 3, stride),
                nn.ReLU(),
                _conv(channels, channels, 3),
            ),
            None
            if in_channels == channels and stride == 1
            else self.change_shape(in_channels, channels, stride),
        )


class PaddedBlock(BasicBlock):
    """A `BasicBlock` whose shortcut has no weights: option A of the paper."""

    change_shape = ZeroPad


class PlainBlock(BasicBlock):
    """The same two convolutions without the sum, to compare with."""

    change_shape = nn.Identity  # takes any arguments; forward does not use it

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K A B"]:
        """Return what the layers give, and nothing of x itself."""
        return F.relu(self.layers(x))


class Bottleneck(ResidualBlock):
    """A 3 x 3 convolution between two of 1 x 1; 4 * channels come out.

    The stride is that of the 3 x 3 convolution.

    Raises:
        ValueError: A number of channels or the stride is no int above 0.

    >>> import torch
    >>> Bottleneck(2, 4, stride=2)(torch.zeros(1, 2, 6, 6)).shape
    torch.Size([1, 16, 3, 3])
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        _require_whole(channels=channels, stride=stride)
        out = channels * self.expansion
        super().__init__(
            nn.Sequential(
                _conv(in_channels, channels, 1),
                nn.ReLU(),
                _conv(channels, channels, 3, stride),
                nn.ReLU(),
                _conv(channels, out, 1),
            ),
            None
            if in_channels == out and stride == 1
            else Projection(in_channels, out, stride),
        )


class ResNet(nn.Module):
    """A stem, stages of blocks, global average pooling, an affine layer.

    Stage i has depths[i] blocks of widths[i] channels. The first block of
    every stage but the first halves height and width. The stem "imagenet"
    divides both by 4, the stem "cifar" keeps them.

    Raises:
        ValueError: depths and widths differ in length, a number in them,
            in_channels or classes is no int above 0, or the stem is none of
            the two.

    >>> import torch
    >>> model = ResNet(BasicBlock, (1, 1), (4, 8), classes=5)
    >>> model(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        block: type[ResidualBlock],
        depths: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512),
        in_channels: int = 3,
        classes: int = 1000,
        stem: str = "imagenet",
    ):
        if not depths or len(depths) != len(widths):
            raise ValueError(
                "every stage needs a depth and a width, got "
                f"{len(depths)} depths and {len(widths)} widths"
            )
        for depth, width in zip(depths, widths, strict=True):
            _require_whole(depth=depth, width=width)
        _require_whole(classes=classes)
        super().__init__()
        self.stem = _stem(stem, in_channels, widths[0])
        self.stages, channels = nn.Sequential(), widths[0]
        for i, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            stage = nn.Sequential()
            for j in range(depth):
                stride = 2 if i > 0 and j == 0 else 1
                stage.append(block(channels, width, stride))
                channels = width * block.expansion
            self.stages.append(stage)
        self.classifier = nn.Linear(channels, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K"]:
        """Return the logits of the classes."""
        maps = self.stages(self.stem(x))
        return self.classifier(global_average_pool(maps))


def _stem(name: str, in_channels: int, width: int) -> nn.Sequential:
    """Return the layers before the first stage."""
    if name == "cifar":
        return nn.Sequential(_conv(in_channels, width, 3), nn.ReLU())
    if name == "imagenet":
        return nn.Sequential(
            _conv(in_channels, width, 7, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1),
        )
    raise ValueError(f'stem must be "imagenet" or "cifar", got {name!r}')


def resnet18(in_channels: int = 3, classes: int = 1000) -> ResNet:
    """Return the ResNet of 18 layers for images of about 224 x 224 pixels.

    Raises:
        ValueError: As `ResNet`.
    """
    return ResNet(
        BasicBlock, (2, 2, 2, 2), in_channels=in_channels, classes=classes
    )


def resnet50(in_channels: int = 3, classes: int = 1000) -> ResNet:
    """Return the ResNet of 50 layers for images of about 224 x 224 pixels.

    Raises:
        ValueError: As `ResNet`.
    """
    return ResNet(
        Bottleneck, (3, 4, 6, 3), in_channels=in_channels, classes=classes
    )


def cifar_resnet(
    n: int,
    widths: Sequence[int] = (16, 32, 64),
    in_channels: int = 3,
    classes: int = 10,
    block: type[ResidualBlock] = PaddedBlock,
) -> ResNet:
    """Return a ResNet of 6 n + 2 layers for small images.

    Raises:
        ValueError: n is no int above 0, there are not three widths,
            or as `ResNet`.

    >>> sum(p.numel() for p in cifar_resnet(3).parameters())
    269722
    """
    return ResNet(block, (n, n, n), widths, in_channels, classes, "cifar")
