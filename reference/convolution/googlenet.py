"""GoogLeNet.

A network of Inception modules: kernels of several sizes look at the same maps
side by side, 1x1 convolutions keep that cheap, and the results become the
channels of one array.

Axes    N examples, C channels in and K out, (H, W) pixels, M classes.
Page    docs/en/convolution/googlenet.md ("eq. 3" marks the line of its (3))
Source  Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and
        Rabinovich, Going Deeper with Convolutions, CVPR 2015, Table 1
"""

from math import inf

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from reference.convolution.alexnet import layer_table
from reference.convolution.pooling import global_average_pool

# Channels in; 1x1; 3x3 reduced, 3x3; 5x5 reduced, 5x5; behind the pooling.
MODULES = {
    "3a": (192, 64, (96, 128), (16, 32), 32),
    "3b": (256, 128, (128, 192), (32, 96), 64),
    "4a": (480, 192, (96, 208), (16, 48), 64),
    "4b": (512, 160, (112, 224), (24, 64), 64),
    "4c": (512, 128, (128, 256), (24, 64), 64),
    "4d": (512, 112, (144, 288), (32, 64), 64),
    "4e": (528, 256, (160, 320), (32, 128), 128),
    "5a": (832, 256, (160, 320), (32, 128), 128),
    "5b": (832, 384, (192, 384), (48, 128), 128),
}


class Inception(nn.Module):
    """Four branches over the same maps, concatenated along the channels.

    Raises:
        ValueError: A number of channels is not a whole number of at least 1.

    >>> module = Inception(192, 64, (96, 128), (16, 32), 32)
    >>> module.out_channels
    256
    """

    def __init__(
        self,
        in_channels: int,
        c1: int,
        c3: tuple[int, int],
        c5: tuple[int, int],
        pool: int,
    ):
        super().__init__()
        c = in_channels
        (r3, k3), (r5, k5) = c3, c5
        _require_whole(in_channels=c, c1=c1, r3=r3, c3=k3, r5=r5, c5=k5)
        _require_whole(pool=pool)
        self.branch1 = conv_relu(c, c1, 1)
        self.branch3 = nn.Sequential(conv_relu(c, r3, 1), conv_relu(r3, k3, 3))
        self.branch5 = nn.Sequential(conv_relu(c, r5, 1), conv_relu(r5, k5, 5))
        self.branch_pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), conv_relu(c, pool, 1)
        )
        self.out_channels = c1 + k3 + k5 + pool  # eq. 1

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N K H W"]:
        """Return what the branches say about every pixel, one after another."""
        branches = [
            self.branch1(x),
            self.branch3(x),
            self.branch5(x),
            self.branch_pool(x),
        ]
        return torch.cat(branches, dim=-3)  # eq. 2


class AuxiliaryClassifier(nn.Module):
    """A small classifier on the 14 x 14 maps halfway through GoogLeNet.

    Raises:
        ValueError: in_channels or classes is not a whole number >= 1, or, when
            it is called, the maps are not 14 x 14.

    >>> head = AuxiliaryClassifier(512, 10)
    >>> head(torch.zeros(2, 512, 14, 14)).shape
    torch.Size([2, 10])
    """

    def __init__(self, in_channels: int, classes: int):
        super().__init__()
        _require_whole(in_channels=in_channels, classes=classes)
        self.layers = nn.Sequential(
            nn.AvgPool2d(5, stride=3),  # 14 x 14 to 4 x 4
            conv_relu(in_channels, 128, 1),
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, 1024),
            nn.ReLU(),
            nn.Dropout(0.7),
            nn.Linear(1024, classes),
        )

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N M"]:
        """Return the score of every class."""
        if tuple(x.shape[2:]) != (14, 14):
            raise ValueError(
                "an auxiliary classifier needs 14 x 14 maps (images of "
                f"224 x 224), got x of shape {tuple(x.shape)}"
            )
        return self.layers(x)


class GoogLeNet(nn.Module):
    """The 22 layers of the paper's Table 1, for images of 224 x 224 pixels.

    Without auxiliary classifiers others do too, from 31 x 31 pixels on.

    While it trains with auxiliary classifiers it returns three arrays of
    scores, the main one first; else one array.

    Raises:
        ValueError: classes is not a whole number of at least 1.

    >>> with torch.device("meta"):  # shapes without numbers
    ...     GoogLeNet()(torch.zeros(2, 3, 224, 224)).shape
    torch.Size([2, 1000])
    """

    def __init__(self, classes: int = 1000, auxiliary: bool = False):
        super().__init__()
        _require_whole(classes=classes)
        modules = {name: Inception(*MODULES[name]) for name in MODULES}
        self.stages = nn.ModuleDict(
            {
                "conv1": conv_relu(3, 64, 7, stride=2),
                "pool1": shrink(),
                "reduce2": conv_relu(64, 64, 1),
                "conv2": conv_relu(64, 192, 3),
                "pool2": shrink(),
                "3a": modules["3a"],
                "3b": modules["3b"],
                "pool3": shrink(),
                "4a": modules["4a"],
                "4b": modules["4b"],
                "4c": modules["4c"],
                "4d": modules["4d"],
                "4e": modules["4e"],
                "pool4": shrink(),
                "5a": modules["5a"],
                "5b": modules["5b"],
            }
        )
        self.heads = nn.ModuleDict()
        if auxiliary:
            for name in ("4a", "4d"):
                channels = modules[name].out_channels
                self.heads[name] = AuxiliaryClassifier(channels, classes)
        self.dropout = nn.Dropout(0.4)
        self.classifier = nn.Linear(modules["5b"].out_channels, classes)

    def forward(
        self, x: Float[Tensor, "N 3 H W"]
    ) -> Float[Tensor, "N M"] | tuple[Float[Tensor, "N M"], ...]:
        """Return the score of every class, from each classifier in use."""
        extra = []
        for name, stage in self.stages.items():
            x = stage(x)
            if self.training and name in self.heads:
                extra.append(self.heads[name](x))
        scores = self.classifier(self.dropout(global_average_pool(x)))
        return (scores, *extra) if extra else scores


def conv_relu(c: int, k: int, size: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution that keeps height and width, then a rectifier.

    With a stride, height and width are divided by it and rounded up.

    Raises:
        ValueError: A number is not whole and at least 1, or size is even.

    >>> conv_relu(3, 8, 5)(torch.zeros(1, 3, 6, 7)).shape
    torch.Size([1, 8, 6, 7])
    """
    _require_whole(c=c, k=k, size=size, stride=stride)
    if size % 2 == 0:
        raise ValueError(f"size needs an odd number, got {size}")
    convolution = nn.Conv2d(c, k, size, stride=stride, padding=size // 2)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)
    return nn.Sequential(convolution, nn.ReLU())


def shrink() -> nn.MaxPool2d:
    """Return the pooling that halves an even height and width.

    >>> shrink()(torch.zeros(1, 1, 14, 112)).shape
    torch.Size([1, 1, 7, 56])
    """
    # The last window hangs over the border, else 14 would become 6.
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def multiply_adds(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the multiply-adds for one example of this shape.

    It is the sum of the column `products` of `layer_table`.

    >>> multiply_adds(nn.Conv2d(192, 32, 5, padding=2), (192, 28, 28))
    120422400
    """
    return sum(row.products for row in layer_table(model, shape))


def auxiliary_loss(
    scores: Float[Tensor, "N M"] | tuple[Float[Tensor, "N M"], ...],
    y: Int[Tensor, "N"],
    weight: float = 0.3,
) -> Float[Tensor, ""]:
    """Return the main cross-entropy plus `weight` times each auxiliary one.

    For a single array of scores it is the cross-entropy, so that it can be the
    loss of `fit`, which calls it in training and in evaluation.

    Raises:
        ValueError: There is no example, or weight is negative or not finite.

    >>> equal = torch.zeros(1, 2)  # two classes alike: log 2 = 0.693
    >>> round(auxiliary_loss((equal, equal), torch.tensor([0])).item(), 3)
    0.901
    """
    if not 0 <= weight < inf:
        raise ValueError(f"weight needs a finite number >= 0, got {weight}")
    if not len(y):
        raise ValueError("a mean loss needs 1 example, got 0")
    main, *extra = scores if isinstance(scores, tuple) else (scores,)
    others = sum(F.cross_entropy(a, y) for a in extra)
    return F.cross_entropy(main, y) + weight * others  # eq. 3


def _require_whole(**widths: int) -> None:
    """Raise unless all are whole numbers of at least 1."""
    for name, value in widths.items():
        try:
            whole = 0 if isinstance(value, bool) else value.__index__()
        except (AttributeError, TypeError):  # 2.0, "10", an array of numbers
            whole = 0
        if whole < 1:
            raise ValueError(f"{name} needs a whole number >= 1, got {value}")
