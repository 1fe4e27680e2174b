"""Densely connected networks.

Every layer of a block gets the feature maps of all layers before it, side by
side, and adds a few of its own. Networks of 100 to 201 layers from one class.

Axes    N images, C channels, H rows, W columns; D channels, A rows and B
        columns of what leaves a layer; K classes of what leaves a network.
Page    docs/en/convolution/densenet.md ("eq. 3" marks the line of its (3))
Source  Huang, Liu, van der Maaten and Weinberger, Densely Connected
        Convolutional Networks, CVPR 2017, arXiv:1608.06993; Pleiss, Chen,
        Huang, Li, van der Maaten and Weinberger, Memory-Efficient
        Implementation of DenseNets, arXiv:1707.06990, 2017
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from reference.convolution.pooling import global_average_pool


def _require_whole(**values: int) -> None:
    """Raise a ValueError unless all are of type int and above 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an int above 0, got {value!r}")


def _norm_relu_conv(in_channels: int, channels: int, size: int) -> list:
    """Return the three layers in this order; height and width stay."""
    return [
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, channels, size, padding=size // 2, bias=False),
    ]


class DenseLayer(nn.Module):
    """Keeps all maps it gets, and puts growth_rate new ones behind them.

    Raises:
        ValueError: A number is no int above 0.

    >>> DenseLayer(4, 2)(torch.zeros(1, 4, 5, 5)).shape
    torch.Size([1, 6, 5, 5])
    """

    def __init__(self, in_channels: int, growth_rate: int, bottleneck: int = 4):
        _require_whole(
            in_channels=in_channels,
            growth_rate=growth_rate,
            bottleneck=bottleneck,
        )
        super().__init__()
        middle = bottleneck * growth_rate
        self.layers = nn.Sequential(
            *_norm_relu_conv(in_channels, middle, 1),
            *_norm_relu_conv(middle, growth_rate, 3),
        )

    def new_maps(
        self, *earlier: Float[Tensor, "N _ H W"]
    ) -> Float[Tensor, "N K H W"]:
        """Return the new maps alone, from all the earlier ones."""
        return self.layers(torch.cat(earlier, dim=1))

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D H W"]:
        """Return x and the new maps behind it."""
        return torch.cat((x, self.layers(x)), dim=1)  # eq. 1


class DenseBlock(nn.Sequential):
    """Dense layers in a row: in_channels + layers * growth_rate come out.

    Raises:
        ValueError: A number is no int above 0.

    >>> DenseBlock(4, 2, layers=3)(torch.zeros(1, 4, 5, 5)).shape
    torch.Size([1, 10, 5, 5])
    """

    def __init__(
        self,
        in_channels: int,
        growth_rate: int,
        layers: int,
        bottleneck: int = 4,
    ):
        _require_whole(
            in_channels=in_channels, growth_rate=growth_rate, layers=layers
        )
        super().__init__()
        for earlier in range(layers):
            channels = in_channels + earlier * growth_rate  # eq. 2
            self.append(DenseLayer(channels, growth_rate, bottleneck))


class Transition(nn.Sequential):
    """Between two blocks: fewer channels, and half as many rows and columns.

    Raises:
        ValueError: in_channels is no int above 0, compression is not in
            (0, 1], or no channel would be left.

    >>> Transition(10)(torch.zeros(1, 10, 6, 6)).shape
    torch.Size([1, 5, 3, 3])
    """

    def __init__(self, in_channels: int, compression: float = 0.5):
        _require_whole(in_channels=in_channels)
        channels = _compressed(in_channels, compression)
        super().__init__(
            *_norm_relu_conv(in_channels, channels, 1), nn.AvgPool2d(2)
        )


def _compressed(channels: int, compression: float) -> int:
    """Return how many channels compression leaves."""
    if isinstance(compression, bool) or not 0 < compression <= 1:
        raise ValueError(
            "compression must be a number above 0 and at most 1, "
            f"got {compression!r}"
        )
    # Rounded, because 0.29 * 100 is 28.999999999999996.
    kept = math.floor(round(compression * channels, 9))  # eq. 3
    if kept < 1:
        raise ValueError(
            f"compression must leave a channel, got {compression} of {channels}"
        )
    return kept


class DenseNet(nn.Module):
    """A stem, dense blocks with transitions between, and an affine layer.

    Block i has depths[i] layers. The stem makes 2 * growth_rate channels;
    "imagenet" divides height and width by 4, "cifar" keeps them. Every
    transition halves them.

    Raises:
        ValueError: There are no depths, a number in them, growth_rate,
            bottleneck, in_channels or classes is no int above 0, compression
            does not suit `Transition`, or the stem is none of the two.

    >>> model = DenseNet((2, 2), growth_rate=4, classes=5)
    >>> model(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        depths: Sequence[int],
        growth_rate: int,
        compression: float = 0.5,
        bottleneck: int = 4,
        in_channels: int = 3,
        classes: int = 1000,
        stem: str = "imagenet",
    ):
        depths = tuple(depths)
        if not depths:
            raise ValueError("depths must have an entry per block, got none")
        for depth in depths:
            _require_whole(depth=depth)
        _require_whole(
            growth_rate=growth_rate, in_channels=in_channels, classes=classes
        )
        super().__init__()
        channels = 2 * growth_rate
        self.stem = _stem(stem, in_channels, channels)
        self.blocks = nn.Sequential()
        for i, depth in enumerate(depths):
            if i > 0:
                self.blocks.append(Transition(channels, compression))
                channels = _compressed(channels, compression)
            block = DenseBlock(channels, growth_rate, depth, bottleneck)
            self.blocks.append(block)
            channels += depth * growth_rate
        # What the last block concatenates is not normalized yet.
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.classifier = nn.Linear(channels, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K"]:
        """Return the logits of the classes."""
        maps = self.norm(self.blocks(self.stem(x)))
        return self.classifier(global_average_pool(maps))


def _stem(name: str, in_channels: int, channels: int) -> nn.Module:
    """Return the layers before the first block."""
    if name == "cifar":
        return nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
    if name == "imagenet":
        return nn.Sequential(
            nn.Conv2d(in_channels, channels, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1),
        )
    raise ValueError(f'stem must be "imagenet" or "cifar", got {name!r}')


def densenet121(in_channels: int = 3, classes: int = 1000) -> DenseNet:
    """Return the DenseNet of 121 layers for images of about 224 x 224 pixels.

    Raises:
        ValueError: As `DenseNet`.
    """
    return DenseNet(
        (6, 12, 24, 16), 32, in_channels=in_channels, classes=classes
    )


def forward_checkpointed(
    block: DenseBlock, x: Float[Tensor, "N C H W"]
) -> Float[Tensor, "N D H W"]:
    """Return block(x), keeping for the gradient only one copy of each map.

    Backward computes the rest again: about one forward more. In training mode
    the running moments of the normalizations are then updated twice.

    >>> forward_checkpointed(DenseBlock(4, 2, 3), torch.zeros(2, 4, 5, 5)).shape
    torch.Size([2, 10, 5, 5])
    """
    maps = [x]
    for layer in block:
        maps.append(checkpoint(layer.new_maps, *maps, use_reentrant=False))
    return torch.cat(maps, dim=1)
