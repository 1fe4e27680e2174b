"""BERT: a Transformer that reads in both directions.

A stack of post-norm blocks without a causal mask. It is pre-trained to name
hidden tokens and, at the same time, to tell whether one sentence follows
another; then a new output layer is trained with it on few labels.

Axes    N pairs of sentences, T tokens of E entries, V tokens in the
        vocabulary.
Page    docs/en/transformers/bert.md ("eq. 3" marks the line of its (3))
Source  Devlin, Chang, Lee and Toutanova, BERT: Pre-training of Deep
        Bidirectional Transformers for Language Understanding, NAACL 2019
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from reference.transformers.transformer_block import Block

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
IGNORE = -100  # the target of a token without a loss
EPS = 1e-12  # of every layer normalization


class Packed(NamedTuple):
    """What the model reads.

    Attributes:
        tokens: Ids of the tokens.
        segments: 0 for the first sentence, 1 for the second.
        real: False for padding.
    """

    tokens: Int[Tensor, "N T"]
    segments: Int[Tensor, "N T"]
    real: Bool[Tensor, "N T"]


class Bert(nn.Module):
    """An encoder-only Transformer: tokens to vectors that know their context.

    Attributes:
        token, position, segment: The three tables of embeddings.

    Raises:
        ValueError: A size is no int above 0, heads does not divide width, or
            dropout is not in [0, 1).

    >>> bert = Bert(vocabulary=10, positions=8, width=4, heads=2, layers=1)
    >>> tokens = torch.tensor([[2, 7, 3]])
    >>> x, pooled = bert(tokens, torch.zeros_like(tokens), tokens > 0)
    >>> x.shape, pooled.shape
    (torch.Size([1, 3, 4]), torch.Size([1, 4]))
    """

    def __init__(
        self,
        vocabulary: int,
        positions: int,
        width: int,
        heads: int,
        layers: int,
        dropout: float = 0.0,
    ):
        _require(vocabulary=vocabulary, positions=positions, layers=layers)
        blocks = [
            Block(width, heads, 4 * width, False, dropout=dropout, eps=EPS)
            for _ in range(layers)
        ]
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(positions, width)
        self.segment = nn.Embedding(2, width)
        self.norm, self.dropout = nn.LayerNorm(width, EPS), nn.Dropout(dropout)
        self.blocks = nn.ModuleList(blocks)
        self.pooler = nn.Linear(width, width)
        self.apply(_initialize)

    def embed(
        self, tokens: Int[Tensor, "N T"], segments: Int[Tensor, "N T"]
    ) -> Float[Tensor, "N T E"]:
        """Return the normalized sum of the three embeddings.

        Raises:
            ValueError: There is no token, or there are more than positions.
        """
        t, most = tokens.shape[1], self.position.num_embeddings
        if not 1 <= t <= most:
            raise ValueError(f"needs 1 to {most} tokens in a row, got {t}")
        x = self.token(tokens) + self.segment(segments)
        return self.norm(x + self.position.weight[:t])  # eq. 1

    def forward(
        self,
        tokens: Int[Tensor, "N T"],
        segments: Int[Tensor, "N T"],
        real: Bool[Tensor, "N T"],
    ) -> tuple[Float[Tensor, "N T E"], Float[Tensor, "N E"]]:
        """Return a vector for each token, and one for each row, from [CLS].

        Raises:
            ValueError: As `embed`, or a row has no real token.
        """
        x = self.dropout(self.embed(tokens, segments))
        for block in self.blocks:
            x = block(x, real[:, None, None])
        return x, torch.tanh(self.pooler(x[:, 0]))  # eq. 2


class PretrainingHeads(nn.Module):
    """What the two tasks read off: a score for each token, and for each pair.

    The output weights for the tokens are the token embedding itself.

    >>> heads = PretrainingHeads(nn.Embedding(10, 4))
    >>> token_logits, pair_logits = heads(torch.ones(1, 3, 4), torch.ones(1, 4))
    >>> token_logits.shape, pair_logits.shape
    (torch.Size([1, 3, 10]), torch.Size([1, 2]))
    """

    def __init__(self, embedding: nn.Embedding):
        vocabulary, width = embedding.weight.shape
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, EPS)
        self.pair = nn.Linear(width, 2)
        self.apply(_initialize)
        self.weight = embedding.weight
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(
        self, x: Float[Tensor, "N T E"], pooled: Float[Tensor, "N E"]
    ) -> tuple[Float[Tensor, "N T V"], Float[Tensor, "N 2"]]:
        """Return the logits of the tokens and those of the pairs."""
        x = self.norm(F.gelu(self.dense(x)))
        return F.linear(x, self.weight, self.bias), self.pair(pooled)  # eq. 4


def _require(**sizes: int) -> None:
    """Raise a ValueError unless every size is an int above 0."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be an int above 0, got {size!r}")


def _initialize(module: nn.Module) -> None:
    """Draw weights from a normal law of deviation 0.02; biases are 0."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def bert_base() -> Bert:
    """Return the smaller network of the paper, uncased, not trained.

    >>> from reference.convolution.alexnet import count_parameters
    >>> with torch.device("meta"):
    ...     model = bert_base()
    >>> count_parameters(model)
    109482240
    """
    return Bert(30522, 512, width=768, heads=12, layers=12, dropout=0.1)


def wordpiece(word: str, vocabulary: Collection[str]) -> list[str]:
    """Return the pieces of a word, each the longest that fits, left to right.

    Pieces that do not begin a word are written with ## before them. A word
    that this way does not come to its end is the one token [UNK].

    >>> wordpiece("princess", {"prin", "prince", "##s", "##ss"})
    ['prince', '##ss']
    """
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        tried = (mark + word[start:end] for end in ends)
        piece = next((p for p in tried if p in vocabulary), None)
        if piece is None:
            return ["[UNK]"]
        pieces.append(piece)
        start += len(piece) - len(mark)
    return pieces


def pack(
    pairs: Sequence[tuple[str, str | None]],
    vocabulary: dict[str, int],
    length: int | None = None,
) -> Packed:
    """Return the rows [CLS] a [SEP] b [SEP], filled up with [PAD].

    Words are separated by white space. With None for b a row ends after the
    first [SEP]. Rows are as long as the longest, or as length says.

    Raises:
        ValueError: There is no pair, a special token has no id, or a row is
            longer than length.

    >>> vocabulary = {token: i for i, token in enumerate([*SPECIAL, "hi"])}
    >>> pack([("hi", "hi"), ("hi", None)], vocabulary).tokens
    tensor([[2, 5, 3, 5, 3],
            [2, 5, 3, 0, 0]])
    """
    missing = [token for token in SPECIAL if token not in vocabulary]
    if missing or not pairs:
        raise ValueError(
            "needs a pair and ids of all special tokens, got "
            f"{len(pairs)} pairs and no id of {missing}"
        )

    def ids(text: str) -> list[int]:
        split = (wordpiece(word, vocabulary) for word in text.split())
        return [vocabulary[piece] for pieces in split for piece in pieces]

    cls, sep = vocabulary["[CLS]"], vocabulary["[SEP]"]
    first = [[cls, *ids(a), sep] for a, _ in pairs]
    second = [[] if b is None else [*ids(b), sep] for _, b in pairs]
    rows = [a + b for a, b in zip(first, second, strict=True)]
    longest = max(map(len, rows))
    length = longest if length is None else length
    if longest > length:
        raise ValueError(f"length must be {longest} or more, got {length}")
    tokens = torch.full((len(rows), length), vocabulary["[PAD]"])
    segments = torch.zeros_like(tokens)
    real = torch.zeros_like(tokens, dtype=torch.bool)
    for n, row in enumerate(rows):
        tokens[n, : len(row)] = torch.tensor(row)
        segments[n, len(first[n]) : len(row)] = 1
        real[n, : len(row)] = True
    return Packed(tokens, segments, real)


def sentence_pairs(
    stories: Sequence[Sequence[str]], rng: np.random.Generator
) -> list[tuple[str, str, int]]:
    """Return each sentence that has a next one, with a second and a label.

    Half of the time, by chance, the second is the next one (label 0), else a
    sentence of another story (label 1).

    Raises:
        ValueError: There are fewer than 2 stories, or one is empty.

    >>> [pair] = sentence_pairs([["a", "b"], ["c"]], np.random.default_rng(0))
    >>> pair in {("a", "b", 0), ("a", "c", 1)}
    True
    """
    if len(stories) < 2 or not all(stories):
        raise ValueError(
            "needs 2 stories or more, none of them empty, got lengths "
            f"{[len(story) for story in stories]}"
        )
    pairs = []
    for n, story in enumerate(stories):
        for i, b in enumerate(story[1:]):
            label = int(rng.integers(2))
            if label == 1:
                skip = int(rng.integers(1, len(stories)))
                other = stories[(n + skip) % len(stories)]
                b = other[rng.integers(len(other))]
            pairs.append((story[i], b, label))
    return pairs


def mask_tokens(
    tokens: Int[Tensor, "N T"],
    mask_id: int,
    vocabulary_size: int,
    special: Collection[int],
    rng: np.random.Generator,
    rate: float = 0.15,
) -> tuple[Int[Tensor, "N T"], Int[Tensor, "N T"]]:
    """Return the tokens with some of them hidden, and what was there.

    Where nothing was selected, the target is -100. Tokens in special are never
    selected.

    Raises:
        ValueError: rate is not in [0, 1], or mask_id is no token of the
            vocabulary.

    >>> rng = np.random.default_rng(0)
    >>> tokens = torch.tensor([[2, 7, 3]])
    >>> x, y = mask_tokens(tokens, 4, 9, {2, 3}, rng, rate=1.0)
    >>> y
    tensor([[-100,    7, -100]])
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate must be in [0, 1], got {rate}")
    if not 0 <= mask_id < vocabulary_size:
        raise ValueError(
            f"mask_id must be from 0 to {vocabulary_size - 1}, got {mask_id}"
        )
    device, shape = tokens.device, tuple(tokens.shape)
    u, v = (torch.tensor(rng.random(shape), device=device) for _ in range(2))
    other = torch.tensor(rng.integers(vocabulary_size, size=shape)).to(tokens)
    kept = torch.isin(tokens, torch.tensor([*special]).to(tokens))
    selected = (u < rate) & ~kept
    shown = torch.where(v < 0.8, mask_id, torch.where(v < 0.9, other, tokens))
    targets = torch.where(selected, tokens, IGNORE)
    return torch.where(selected, shown, tokens), targets  # eq. 3


def pretraining_loss(
    token_logits: Float[Tensor, "N T V"],
    targets: Int[Tensor, "N T"],
    pair_logits: Float[Tensor, "N 2"],
    labels: Int[Tensor, "N"],
) -> Float[Tensor, ""]:
    """Return the sum of both losses in nats; without a target the first is 0.

    Raises:
        ValueError: targets is not of shape (N, T).

    >>> at_random = torch.zeros(1, 2, 8), torch.zeros(1, 2)
    >>> targets, labels = torch.tensor([[IGNORE, 5]]), torch.tensor([0])
    >>> loss = pretraining_loss(at_random[0], targets, at_random[1], labels)
    >>> loss.exp()
    tensor(16.)
    """
    if targets.shape != token_logits.shape[:2]:
        raise ValueError(
            "needs logits of shape (N, T, V) and targets of shape (N, T), got "
            f"{tuple(token_logits.shape)} and {tuple(targets.shape)}"
        )
    rows, count = token_logits.flatten(0, 1), (targets != IGNORE).sum()
    hidden = F.cross_entropy(
        rows, targets.flatten(), ignore_index=IGNORE, reduction="sum"
    )
    follows = F.cross_entropy(pair_logits, labels)
    return hidden / count.clamp(min=1) + follows  # eq. 5
