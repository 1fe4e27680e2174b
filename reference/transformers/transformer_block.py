"""The block that Transformers are stacks of.

Attention moves information between the tokens, a feed-forward network works
on each token alone. What either gives is added to the token, and layer
normalization stands in front of them (pre-norm) or behind the sum (post-norm).

Axes    N sequences, T tokens of E entries in each; Q queries and K keys, in
        as many heads of D = E / heads entries as heads says.
Page    docs/en/transformers/transformer_block.md ("eq. 3" marks the line of
        its (3))
Source  Vaswani et al., Attention Is All You Need, NeurIPS 2017; Xiong et al.,
        On Layer Normalization in the Transformer Architecture, ICML 2020
"""

from math import inf

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from reference.transformers.multi_head_attention import (
    merge_heads,
    split_heads,
)


def _require(
    dropout: float = 0.0,
    eps: float = 1.0,
    norm_first: bool = True,
    **sizes: int,
) -> None:
    """Raise a ValueError unless a block can have these arguments."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be an int above 0, got {size!r}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1), got {dropout}")
    if not 0 < eps < inf:
        raise ValueError(f"eps must be in (0, inf), got {eps}")
    if not isinstance(norm_first, bool):
        raise ValueError(f"norm_first must be a bool, got {norm_first!r}")


def _check_mask(mask: Bool[Tensor, "..."], shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless a mask says which keys a query may see."""
    axes = zip(reversed(mask.shape), reversed(shape), strict=False)
    if (
        mask.dtype != torch.bool
        or mask.ndim not in {2, 4}
        or mask.shape[-1] != shape[-1]
        or not all(came in {1, needed} for came, needed in axes)
    ):
        raise ValueError(
            "a mask must be of dtype bool and of shape (Q, K) or (N, heads, "
            f"Q, K), where all but K may be 1; needed for {tuple(shape)}, "
            f"got {mask.dtype} and {tuple(mask.shape)}"
        )
    # torch.compile cannot look at values.
    if not torch.compiler.is_compiling() and not mask.any(-1).all():
        raise ValueError(
            "each query needs a key that it may attend to, got a mask with "
            "a row without True"
        )


def _check_context(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Raise a ValueError unless every query finds keys with their values."""
    if (
        k.shape != v.shape
        or q.ndim != 4
        or k.shape[:2] != q.shape[:2]
        or k.shape[2] < 1 <= q.shape[2]
    ):
        raise ValueError(
            "k and v need equal shapes (N, heads, K, D), K above 0, with N "
            f"and heads as in the queries, {tuple(q.shape)}, "
            f"got {tuple(k.shape)} and {tuple(v.shape)}"
        )


class Attention(nn.Module):
    """Multi-head attention with biases: of x to itself or to a context.

    A mask is True where a query may attend to a key. Its shape is (Q, K), or
    one of four axes that broadcasts to (N, heads, Q, K).

    Raises:
        ValueError: width or heads is no int above 0, heads does not divide
            width, or dropout is not in [0, 1).

    >>> layer = Attention(width=4, heads=2)
    >>> layer(torch.zeros(1, 3, 4)).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        _require(dropout, width=width, heads=heads)
        if width % heads:
            raise ValueError(
                f"heads must divide width, got {heads} heads for {width}"
            )
        super().__init__()
        self.heads, self.dropout = heads, float(dropout)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def project(
        self, context: Float[Tensor, "N K E"]
    ) -> tuple[Float[Tensor, "N heads K D"], Float[Tensor, "N heads K D"]]:
        """Return the keys and the values of the tokens of a context."""
        keys, values = self.key(context), self.value(context)
        return split_heads(keys, self.heads), split_heads(values, self.heads)

    def attend(
        self,
        x: Float[Tensor, "N Q E"],
        k: Float[Tensor, "N heads K D"],
        v: Float[Tensor, "N heads K D"],
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "N Q E"]:
        """Return what the tokens x take from given keys and values.

        Raises:
            ValueError: k and v do not fit each other or x; the mask is not
                boolean, has another shape than those named above, or hides
                all keys from a query (not checked under torch.compile).
        """
        q = split_heads(self.query(x), self.heads)
        _check_context(q, k, v)
        if mask is not None:
            _check_mask(mask, (*q.shape[:3], k.shape[2]))
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, mask, dropout)
        return self.output(merge_heads(y))  # eq. 1

    def forward(
        self,
        x: Float[Tensor, "N Q E"],
        context: Float[Tensor, "N K E"] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "N Q E"]:
        """Return what the tokens x take from a context, or from themselves.

        Raises:
            ValueError: As `attend`.
        """
        k, v = self.project(x if context is None else context)
        return self.attend(x, k, v, mask)


class FeedForward(nn.Module):
    """Two affine maps with an activation between them, for each token alone.

    Raises:
        ValueError: width or hidden is no int above 0, or dropout is not in
            [0, 1).

    >>> FeedForward(width=4, hidden=16)(torch.zeros(1, 3, 4)).shape
    torch.Size([1, 3, 4])
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        activation: nn.Module = nn.GELU(),  # noqa: B008 (it has no state)
        dropout: float = 0.0,
    ):
        _require(dropout, width=width, hidden=hidden)
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.activation, self.dropout = activation, nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "*batch E"]
    ) -> Float[Tensor, "*batch E"]:
        """Return the output of the network for every token."""
        return self.down(self.dropout(self.activation(self.up(x))))  # eq. 2


class Block(nn.Module):
    """Self-attention and a feed-forward network, each added to its input.

    Pre-norm by default; post-norm with norm_first=False. A stack of pre-norm
    blocks needs one more nn.LayerNorm behind it.

    Raises:
        ValueError: As `Attention` and `FeedForward`, eps is not positive and
            finite, or norm_first is no bool.

    >>> Block(width=4, heads=2, hidden=16)(torch.zeros(1, 3, 4)).shape
    torch.Size([1, 3, 4])
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        norm_first: bool = True,
        activation: nn.Module = nn.GELU(),  # noqa: B008 (it has no state)
        dropout: float = 0.0,
        eps: float = 1e-5,
    ):
        _require(dropout, eps, norm_first)
        super().__init__()
        self.norm_first = norm_first
        self.attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, hidden, activation, dropout)
        self.norm_1 = nn.LayerNorm(width, eps)
        self.norm_2 = nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "N T E"],
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "N T E"]:
        """Return the tokens after the block.

        Raises:
            ValueError: As `Attention.attend`.
        """
        if self.norm_first:
            new = self.attention(self.norm_1(x), mask=mask)
            z = x + self.dropout(new)  # eq. 3
            return z + self.dropout(self.feed_forward(self.norm_2(z)))  # eq. 4
        z = self.norm_1(x + self.dropout(self.attention(x, mask=mask)))  # eq. 5
        return self.norm_2(z + self.dropout(self.feed_forward(z)))  # eq. 6


class DecoderBlock(nn.Module):
    """A block that also attends to a memory, between its two other parts.

    Raises:
        ValueError: As `Block`.

    >>> block = DecoderBlock(width=4, heads=2, hidden=16)
    >>> block(torch.zeros(1, 3, 4), memory=torch.zeros(1, 5, 4)).shape
    torch.Size([1, 3, 4])
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        norm_first: bool = True,
        activation: nn.Module = nn.GELU(),  # noqa: B008 (it has no state)
        dropout: float = 0.0,
        eps: float = 1e-5,
    ):
        _require(dropout, eps, norm_first)
        super().__init__()
        self.norm_first = norm_first
        self.attention = Attention(width, heads, dropout)
        self.cross_attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, hidden, activation, dropout)
        self.norm_1 = nn.LayerNorm(width, eps)
        self.norm_2 = nn.LayerNorm(width, eps)
        self.norm_3 = nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "N T E"],
        memory: Float[Tensor, "N K E"],
        mask: Bool[Tensor, "..."] | None = None,
        memory_mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "N T E"]:
        """Return the tokens after the block.

        Of the two masks, the first is for the tokens x, where it is usually
        causal, and the second for those of the memory.

        Raises:
            ValueError: As `Attention.attend`, for either mask.
        """
        drop, ask = self.dropout, self.cross_attention
        if self.norm_first:
            z = x + drop(self.attention(self.norm_1(x), mask=mask))
            c = z + drop(ask(self.norm_2(z), memory, memory_mask))  # eq. 7
            return c + drop(self.feed_forward(self.norm_3(c)))
        z = self.norm_1(x + drop(self.attention(x, mask=mask)))
        c = self.norm_2(z + drop(ask(z, memory, memory_mask)))
        return self.norm_3(c + drop(self.feed_forward(c)))
