"""GPT: a Transformer that continues a text.

A stack of pre-norm blocks reads a text and says, after each token, how likely
each token of the vocabulary is to be the next one. Drawing one and reading on
writes a text. Keys and values that were computed once are kept in a cache.

Axes    N texts, T tokens of E entries, V tokens in the vocabulary; *batch is
        any number of leading axes, also none.
Page    docs/en/transformers/gpt.md ("eq. 3" marks the line of its (3))
Source  Radford et al., Language Models are Unsupervised Multitask Learners,
        2019; Holtzman et al., The Curious Case of Neural Text Degeneration,
        ICLR 2020
"""

from math import inf, sqrt

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from reference.transformers.transformer_block import Block


class GPT(nn.Module):
    """A decoder-only Transformer: tokens to the logits of the next tokens.

    Attributes:
        context: The number of tokens that it can read, those of a cache
            included.
        embedding: One row for each token of the vocabulary, which is also its
            row of the output weights.
        position: One row for each place in the context.

    Raises:
        ValueError: A size is no int above 0, or heads does not divide width.

    >>> model = GPT(vocabulary=10, context=8, width=4, heads=2, layers=1)
    >>> model(torch.tensor([[3, 1, 4]])).shape
    torch.Size([1, 3, 10])
    """

    def __init__(
        self, vocabulary: int, context: int, width: int, heads: int, layers: int
    ):
        _require(vocabulary=vocabulary, context=context, width=width)
        _require(heads=heads, layers=layers)
        super().__init__()
        self.context, gelu = context, nn.GELU(approximate="tanh")
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.empty(context, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, 4 * width, norm_first=True, activation=gelu)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self._initialize(0.02)

    def _initialize(self, std: float) -> None:
        """Draw the weights; set biases to 0."""
        for name, parameter in self.named_parameters():
            if name.endswith(("output.weight", "down.weight")):
                # What is added to the stream, 2 times in each block.
                nn.init.normal_(
                    parameter, 0.0, std / sqrt(2 * len(self.blocks))
                )
            elif parameter.ndim == 2:
                nn.init.normal_(parameter, 0.0, std)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(
        self, tokens: Int[Tensor, "N T"], cache: list | None = None
    ) -> Float[Tensor, "N T V"]:
        """Return the logits of the token that follows each token.

        A cache is a list, empty at first. The call puts the keys and values of
        every block in it, so that the next call takes only what is new.

        Raises:
            ValueError: The tokens, with those of the cache, are more than the
                context holds.
        """
        past = cache[0][0].shape[-2] if cache else 0
        t, end = tokens.shape[1], past + tokens.shape[1]
        if end > self.context:
            raise ValueError(
                f"the context holds {self.context} tokens, got {t} after {past}"
            )
        x = self.embedding(tokens) + self.position[past:end]  # eq. 1
        mask = _mask(t, past, tokens.device)
        new = []
        for i, block in enumerate(self.blocks):
            if cache is None:
                x = block(x, mask)
            else:
                x, pair = _read_on(block, x, mask, cache[i] if cache else None)
                new.append(pair)
        if cache is not None:
            cache[:] = new
        return self.norm(x) @ self.embedding.weight.T  # eq. 3


def _require(**sizes: int) -> None:
    """Raise a ValueError unless every size is an int above 0."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be an int above 0, got {size!r}")


def _mask(t: int, past: int, device: torch.device) -> Bool[Tensor, "T K"]:
    """Return who may attend to whom: t new tokens, after those of a cache."""
    every = torch.ones(t, past + t, dtype=torch.bool, device=device)
    return every.tril(past)  # eq. 2


def _read_on(
    block: Block,
    x: Float[Tensor, "N T E"],
    mask: Bool[Tensor, "T K"],
    past: tuple[Tensor, Tensor] | None,
) -> tuple[Float[Tensor, "N T E"], tuple[Tensor, Tensor]]:
    """Return new tokens after a block, and the keys and values of all."""
    normed = block.norm_1(x)
    k, v = block.attention.project(normed)
    if past is not None:
        k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
    x = x + block.attention.attend(normed, k, v, mask)
    return x + block.feed_forward(block.norm_2(x)), (k, v)


def gpt2() -> GPT:
    """Return the smallest GPT-2, not trained.

    >>> from reference.convolution.alexnet import count_parameters
    >>> with torch.device("meta"):
    ...     model = gpt2()
    >>> count_parameters(model)
    124439808
    """
    return GPT(vocabulary=50257, context=1024, width=768, heads=12, layers=12)


def next_token_loss(
    logits: Float[Tensor, "N T V"], targets: Int[Tensor, "N T"]
) -> Float[Tensor, ""]:
    """Return the mean cross entropy of the next tokens, in nats a token.

    A target of -1 stands where there is no next token, and does not count.

    Raises:
        ValueError: No target counts.

    >>> next_token_loss(torch.zeros(1, 2, 8), torch.tensor([[3, -1]])).item()
    2.079
    """
    if not (targets >= 0).any():
        raise ValueError("needs 1 target that counts, got none of at least 0")
    return F.cross_entropy(  # eq. 4
        logits.flatten(0, 1), targets.flatten(), ignore_index=-1
    )


def next_token_distribution(
    logits: Float[Tensor, "*batch V"],
    temperature: float | int = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Float[Tensor, "*batch V"]:
    """Return the probabilities to draw the next token from.

    First the temperature, then the top_k most probable tokens, then the fewest
    of these that have a share of top_p. Among equals the first in the
    vocabulary counts as more probable. Temperature 0 leaves one token.

    Raises:
        ValueError: The temperature is negative or not finite, top_k is no int
            above 0, top_p is not in (0, 1], or a row of logits is empty or has
            a largest entry that is not finite.

    >>> logits = torch.tensor([1.0, 2.0, 4.0, 8.0]).log()
    >>> next_token_distribution(logits, top_k=2)
    tensor([0.0000, 0.0000, 0.3333, 0.6667])
    """
    _check_choice(logits, temperature, top_k, top_p)
    if temperature == 0:
        temperature, top_k = 1.0, 1
    # At least float32, and no entry above 0: nothing can overflow to NaN.
    o = logits.to(torch.promote_types(logits.dtype, torch.float32))
    temperature = max(float(temperature), torch.finfo(o.dtype).tiny)
    scaled = (o - o.amax(-1, keepdim=True)) / temperature
    p = scaled.softmax(-1)  # eq. 5
    order = o.argsort(dim=-1, descending=True, stable=True)
    rank = order.argsort(-1)  # 0 is the most probable
    if top_k is not None:
        p = p.where(rank < top_k, 0.0)
        p = p / p.sum(-1, keepdim=True)  # eq. 6
    if top_p is not None and top_p < 1:
        ranked = p.gather(-1, order)
        before = (ranked.cumsum(-1) - ranked).gather(-1, rank)
        p = p.where(before < top_p, 0.0)
        p = p / p.sum(-1, keepdim=True)  # eq. 7
    return p


def _check_choice(
    logits: Float[Tensor, "*batch V"],
    temperature: float | int,
    top_k: int | None,
    top_p: float | None,
) -> None:
    """Raise a ValueError unless a token can be chosen in this way."""
    if not 0 <= temperature < inf:
        raise ValueError(f"temperature must be in [0, inf), got {temperature}")
    if top_k is not None:
        _require(top_k=top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be in (0, 1], got {top_p}")
    if logits.shape[-1:] in ((), (0,)):
        raise ValueError(f"needs 1 logit, got shape {tuple(logits.shape)}")
    if not logits.amax(-1).isfinite().all():
        raise ValueError(
            f"the largest logit of a row must be finite, got {logits.amax(-1)}"
        )


@torch.no_grad()
def generate(
    model: GPT,
    tokens: Int[Tensor, "N T"],
    count: int,
    temperature: float | int = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> Int[Tensor, "N T_plus_count"]:
    """Return the tokens, continued by `count` more that the model draws.

    Without the cache, everything is read again for every token: the same
    result, slower.

    Raises:
        ValueError: There is no token to begin with, count is negative, or all
            but the last token are more than the context holds; and as
            `next_token_distribution`.
    """
    t = tokens.shape[1]
    if t < 1 or count < 0:
        raise ValueError(f"needs 1 token and count >= 0, got {t} and {count}")
    if t + count - 1 > model.context:
        raise ValueError(
            f"the context holds {model.context} tokens, got {t} and {count} "
            "more of which all but the last are read"
        )
    cache, new = [] if use_cache else None, tokens
    for _ in range(count):
        logits = model(new, cache)[:, -1]
        p = next_token_distribution(logits, temperature, top_k, top_p)
        drawn = torch.multinomial(p, 1, generator=generator)
        tokens = torch.cat([tokens, drawn], dim=1)
        new = drawn if use_cache else tokens
    return tokens


def training_flops(model: GPT, length: int) -> int:
    """Return the operations that training takes for a token, in FLOPs.

    Products and sums in matrix products, forwards and backwards, for a text of
    `length` tokens. All scores count, also those that the mask hides.

    >>> model = GPT(vocabulary=10, context=8, width=4, heads=2, layers=1)
    >>> training_flops(model, length=8)  # 6 (12 * 16 + 40) + 12 * 4 * 8
    1776
    """
    v, e = model.embedding.weight.shape
    layers = len(model.blocks)
    weights = 12 * layers * e**2 + v * e
    return 6 * weights + 12 * layers * e * length  # eq. 8
