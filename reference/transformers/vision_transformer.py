"""The Vision Transformer: an image as a sequence of patches.

The image is cut into square patches, each patch becomes a token by an affine
map, and a stack of Transformer blocks does the rest.

Axes    N images of C channels, H rows and W columns; T patches of D pixel
        values each; E entries of a token; heads and layers of the network.
Page    docs/en/transformers/vision_transformer.md ("eq. 3" marks the line of
        its (3))
Source  Dosovitskiy et al., An Image is Worth 16x16 Words: Transformers for
        Image Recognition at Scale, ICLR 2021
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reference.transformers.attention import attention_weights
from reference.transformers.multi_head_attention import split_heads
from reference.transformers.transformer_block import Block, _require


def _grid(height: int, width: int, size: int) -> tuple[int, int]:
    """Return how many patches fit below and beside each other."""
    _require(height=height, width=width, size=size)
    if height % size or width % size:
        raise ValueError(
            "height and width must be multiples of the size of a patch, got "
            f"{height} x {width} pixels and size {size}"
        )
    return height // size, width // size


def patches(
    images: Float[Tensor, "N C H W"], size: int
) -> Float[Tensor, "N T D"]:
    """Return the square patches of every image, row by row.

    The pixels of a patch are in the order channel, row, column.

    Raises:
        ValueError: The images do not have four axes, or size is no int above
            0 that divides their height and width.

    >>> patches(torch.arange(8.0).reshape(1, 1, 2, 4), 2)
    tensor([[[0., 1., 4., 5.],
             [2., 3., 6., 7.]]])
    """
    if images.ndim != 4:
        raise ValueError(
            f"images need shape (N, C, H, W), got {tuple(images.shape)}"
        )
    n, c, height, width = images.shape
    rows, columns = _grid(height, width, size)
    cells = images.reshape(n, c, rows, size, columns, size)
    cells = cells.permute(0, 2, 4, 1, 3, 5)
    return cells.reshape(n, rows * columns, c * size * size)  # eq. 1


def unpatch(
    x: Float[Tensor, "N T D"], size: int, height: int, width: int
) -> Float[Tensor, "N C {height} {width}"]:
    """Return the images that have these patches: the inverse of `patches`.

    Raises:
        ValueError: Number and length of the patches do not fit the images.

    >>> x = torch.tensor([[[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]])
    >>> unpatch(x, 2, 2, 4)
    tensor([[[[0., 1., 2., 3.],
              [4., 5., 6., 7.]]]])
    """
    rows, columns = _grid(height, width, size)
    if x.ndim != 3 or x.shape[1] != rows * columns or x.shape[2] % size**2:
        raise ValueError(
            f"patches need shape (N, {rows * columns}, C * {size**2}), got "
            f"{tuple(x.shape)}"
        )
    n, c = x.shape[0], x.shape[2] // size**2
    cells = x.reshape(n, rows, columns, c, size, size)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(n, c, height, width)


class VisionTransformer(nn.Module):
    """A classifier of square images, from patches by pre-norm blocks.

    Raises:
        ValueError: An argument is no int above 0, patch does not divide
            image, or heads does not divide width.

    >>> model = VisionTransformer(
    ...     image=8, patch=4, channels=1, classes=10, width=6, heads=2,
    ...     hidden=12, layers=1,
    ... )
    >>> model(torch.zeros(3, 1, 8, 8)).shape
    torch.Size([3, 10])
    """

    def __init__(
        self,
        image: int,
        patch: int,
        channels: int,
        classes: int,
        width: int,
        heads: int,
        hidden: int,
        layers: int,
    ):
        _require(image=image, patch=patch, channels=channels)
        _require(classes=classes, width=width, layers=layers)
        rows, columns = _grid(image, image, patch)
        super().__init__()
        self.patch, self.shape = patch, (channels, image, image)
        self.embedding = nn.Linear(channels * patch * patch, width)
        self.cls = nn.Parameter(torch.zeros(width))
        # Large enough to tell places apart, small beside the patches.
        positions = torch.empty(rows * columns + 1, width)
        self.position = nn.Parameter(nn.init.normal_(positions, std=0.02))
        self.blocks = nn.ModuleList(
            Block(width, heads, hidden, eps=1e-6) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def embed(
        self, images: Float[Tensor, "N C H W"]
    ) -> Float[Tensor, "N tokens E"]:
        """Return the tokens before the first block: [CLS], then the patches.

        Raises:
            ValueError: The images have another size than the model's.
        """
        if tuple(images.shape[1:]) != self.shape:
            raise ValueError(
                f"images need shape (N, {', '.join(map(str, self.shape))}), "
                f"got {tuple(images.shape)}"
            )
        seen = self.embedding(patches(images, self.patch))
        x = seen + self.position[1:]  # eq. 2
        first = self.cls + self.position[0]  # eq. 3
        return torch.cat([first.expand(len(x), 1, -1), x], dim=1)

    def forward(
        self, images: Float[Tensor, "N C H W"]
    ) -> Float[Tensor, "N classes"]:
        """Return a score for every class.

        Raises:
            ValueError: As `embed`.
        """
        x = self.embed(images)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, 0]))  # eq. 4


def vit_base_16(classes: int = 1000) -> VisionTransformer:
    """Return ViT-B/16: 12 blocks of width 768, patches of 16 x 16 pixels.

    >>> with torch.device("meta"):  # shapes without numbers
    ...     vit_base_16(classes=10).head
    Linear(in_features=768, out_features=10, bias=True)
    """
    return VisionTransformer(224, 16, 3, classes, 768, 12, 3072, 12)


@torch.no_grad()
def cls_attention(
    model: VisionTransformer, images: Float[Tensor, "N C H W"]
) -> Float[Tensor, "N layers heads tokens"]:
    """Return how much [CLS] takes of each token, in every layer and head.

    Raises:
        ValueError: As `VisionTransformer.embed`.

    >>> model = VisionTransformer(4, 2, 1, 10, 6, 2, 12, layers=3)
    >>> cls_attention(model, torch.zeros(1, 1, 4, 4)).shape
    torch.Size([1, 3, 2, 5])
    """
    x, found = model.embed(images), []
    for block in model.blocks:
        layer, u = block.attention, block.norm_1(x)
        q = split_heads(layer.query(u[:, :1]), layer.heads)
        k = split_heads(layer.key(u), layer.heads)
        found.append(attention_weights(q, k)[:, :, 0])
        x = block(x)
    return torch.stack(found, dim=1)
