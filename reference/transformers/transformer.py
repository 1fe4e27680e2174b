"""Transformer.

An encoder and a decoder of Transformer blocks: the one reads a sequence all
at once, the other writes another sequence from it, token by token.

Axes    N pairs of sequences, S tokens of a source, T of a target, E entries of
        a token, V tokens in the vocabulary of the target; B prefixes.
Page    docs/en/transformers/transformer.md ("eq. 3" marks the line of its (3))
Source  Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and
        Polosukhin, Attention Is All You Need, NeurIPS 2017, arXiv:1706.03762
"""

from math import inf, sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from reference.sequences.seq2seq import PAD, NextLogP
from reference.transformers.attention import causal_mask
from reference.transformers.multi_head_attention import padding_mask
from reference.transformers.positional_encoding import sinusoidal
from reference.transformers.transformer_block import Block, DecoderBlock


def source_mask(source: Int[Tensor, "N S"]) -> Bool[Tensor, "N 1 1 S"]:
    """Return which tokens of each source may be attended to: all but PAD.

    Raises:
        ValueError: A source has no token, or PAD before a token.

    >>> source_mask(torch.tensor([[5, 2, 0]]))[0, 0, 0]
    tensor([ True,  True, False])
    """
    real = source != PAD
    late = (real[:, 1:] & ~real[:, :-1]).any(dim=1)
    if (late | ~real.any(dim=1)).any():
        raise ValueError(
            "a source must have a token, and PAD only behind its tokens, got "
            f"{source.tolist()}"
        )
    return padding_mask(real.sum(dim=1), source.shape[1])


def _require(shared: bool, **sizes: int) -> None:
    """Raise a ValueError unless a Transformer can have these arguments."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be an int above 0, got {size!r}")
    if sizes["width"] % 2:
        raise ValueError(f"width must be even, got {sizes['width']}")
    if shared and sizes["source_vocabulary"] != sizes["target_vocabulary"]:
        raise ValueError(
            "a shared vocabulary must have one size, got "
            f"{sizes['source_vocabulary']} and {sizes['target_vocabulary']}"
        )


class Transformer(nn.Module):
    """Reads a source, and gives logits of every next token of a target.

    Pre-norm by default. With shared=True both vocabularies are one, and one
    matrix serves as both embeddings and as the output layer.

    Raises:
        ValueError: A size is no int above 0, width is odd or not a multiple
            of heads, dropout is not in [0, 1), or a shared vocabulary has two
            sizes.

    >>> model = Transformer(5, 6, width=4, heads=2, hidden=8, layers=1)
    >>> model(torch.tensor([[3, 2]]), torch.tensor([[1, 3, 4]])).shape
    torch.Size([1, 3, 6])
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        width: int,
        heads: int,
        hidden: int,
        layers: int,
        norm_first: bool = True,
        dropout: float = 0.0,
        shared: bool = False,
        positional: bool = True,
    ):
        _require(
            shared,
            source_vocabulary=source_vocabulary,
            target_vocabulary=target_vocabulary,
            width=width,
            layers=layers,
        )
        super().__init__()
        sizes = (width, heads, hidden, norm_first, nn.ReLU(), dropout)
        self.positional = positional
        self.encoder = nn.ModuleList(Block(*sizes) for _ in range(layers))
        self.decoder = nn.ModuleList(
            DecoderBlock(*sizes) for _ in range(layers)
        )
        norm = nn.LayerNorm if norm_first else nn.Identity
        self.encoder_norm, self.decoder_norm = norm(width), norm(width)
        self.source_embedding = nn.Embedding(source_vocabulary, width)
        self.target_embedding = nn.Embedding(target_vocabulary, width)
        self.output = nn.Linear(width, target_vocabulary, bias=False)
        if shared:
            self.target_embedding = self.source_embedding
            self.output.weight = self.source_embedding.weight
        for part in (self.source_embedding, self.target_embedding, self.output):
            nn.init.normal_(part.weight, std=width**-0.5)
        self.dropout = nn.Dropout(dropout)

    def embed(
        self, ids: Int[Tensor, "N T"], embedding: nn.Embedding
    ) -> Float[Tensor, "N T E"]:
        """Return the vectors of the tokens at their positions."""
        x = sqrt(embedding.embedding_dim) * embedding(ids)
        if self.positional:
            wide = torch.promote_types(x.dtype, torch.float32)
            t = torch.arange(ids.shape[1], dtype=wide, device=x.device)
            x = x + sinusoidal(t, x.shape[-1]).to(x.dtype)  # eq. 1
        return self.dropout(x)

    def encode(self, source: Int[Tensor, "N S"]) -> Float[Tensor, "N S E"]:
        """Return the memory: a vector for each token of the source.

        Raises:
            ValueError: As `source_mask`.
        """
        x, mask = self.embed(source, self.source_embedding), source_mask(source)
        for block in self.encoder:
            x = block(x, mask)  # eq. 2
        return self.encoder_norm(x)

    def decode(
        self,
        memory: Float[Tensor, "N S E"],
        source: Int[Tensor, "N S"],
        target_in: Int[Tensor, "N T"],
    ) -> Float[Tensor, "N T V"]:
        """Return the logits of the token after each of target_in.

        The source is there for its mask only: it says which is padding.

        Raises:
            ValueError: As `source_mask`, or memory and source do not fit.
        """
        if source.shape != memory.shape[:2]:
            raise ValueError(
                f"memory and source must fit, got {tuple(memory.shape)} and "
                f"{tuple(source.shape)}"
            )
        x = self.embed(target_in, self.target_embedding)
        mask, memory_mask = causal_mask(x), source_mask(source)
        for block in self.decoder:
            x = block(x, memory, mask, memory_mask)  # eq. 3
        return self.output(self.decoder_norm(x))  # eq. 4

    def forward(
        self, source: Int[Tensor, "N S"], target_in: Int[Tensor, "N T"]
    ) -> Float[Tensor, "N T V"]:
        """Return the logits of all next tokens, with teacher forcing.

        Raises:
            ValueError: As `source_mask`.
        """
        return self.decode(self.encode(source), source, target_in)

    def next_log_p(self, source: Int[Tensor, "N S"]) -> NextLogP:
        """Return what greedy (N sources) or beam_search (one) asks.

        Raises:
            ValueError: As `source_mask`.
        """
        memory = self.encode(source)

        def after(prefix: Int[Tensor, "B t"]) -> Float[Tensor, "B V"]:
            again = memory.expand(len(prefix), -1, -1)
            sources = source.expand(len(prefix), -1)
            logits = self.decode(again, sources, prefix)
            return logits[:, -1].log_softmax(dim=-1)

        return after


def base(vocabulary: int = 37000) -> Transformer:
    """Return the base model of the paper, without memory for its numbers.

    Its parameters lie on PyTorch's device "meta": to be counted, not used.

    Raises:
        ValueError: The vocabulary is no int above 0.

    >>> sum(parameter.numel() for parameter in base().parameters())
    63082496
    """
    with torch.device("meta"):
        return Transformer(
            vocabulary,
            vocabulary,
            width=512,
            heads=8,
            hidden=2048,
            layers=6,
            norm_first=False,
            dropout=0.1,
            shared=True,
        )


def learning_rate(step: int | float, width: int, warmup: int | float) -> float:
    """Return the learning rate of a step, the first of which is 1.

    Raises:
        ValueError: step, width or warmup is not in [1, inf).

    >>> learning_rate(4, width=25, warmup=4)
    0.1
    """
    for name, value in {"step": step, "width": width, "warmup": warmup}.items():
        if not 1 <= value < inf:
            raise ValueError(f"{name} must be in [1, inf), got {value}")
    factor = float(min(step**-0.5, step * warmup**-1.5))
    return factor / sqrt(width)  # eq. 5
