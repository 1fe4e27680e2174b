"""A model of this part: a translator around its attention functions."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from reference.sequences.encoder_decoder_attention import (
    additive_scores as additive,
)
from reference.sequences.encoder_decoder_attention import attend as attend_to
from reference.sequences.encoder_decoder_attention import dot_scores as dot
from reference.sequences.encoder_decoder_attention import (
    general_scores as general,
)
from reference.sequences.seq2seq import (
    PAD,
    Encoder,
    NextLogP,
    _require_sizes,
)

SCORES = {"dot": dot, "general": general, "additive": additive}


class AttentionSeq2Seq(nn.Module):
    """A translator whose decoder asks all states of its encoder.

    The score is "dot", "general" or "additive". It is a model(source,
    target_in) of logits, for train, greedy and beam_search of seq2seq.

    Raises:
        ValueError: A size is no int above 0, or the score is another.

    >>> model = AttentionSeq2Seq(5, 6, embedding=3, hidden=4)
    >>> model(torch.tensor([[3, 2]]), torch.tensor([[1, 3, 4]])).shape
    torch.Size([1, 3, 6])
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        embedding: int,
        hidden: int,
        score: str = "additive",
    ):
        if score not in SCORES:
            raise ValueError(
                f"score must be one of {', '.join(SCORES)}, got {score!r}"
            )
        _require_sizes(target_vocabulary=target_vocabulary)
        super().__init__()
        self.encoder = Encoder(source_vocabulary, embedding, hidden)
        self.embedding = nn.Embedding(target_vocabulary, embedding)
        self.rnn = nn.GRU(embedding, hidden, batch_first=True)
        self.score = score
        square, bound = (hidden, hidden), hidden**-0.5
        shapes = {
            "dot": [],
            "general": [square],
            "additive": [square, square, (hidden,)],
        }
        self.weights = nn.ParameterList(
            torch.empty(shape).uniform_(-bound, bound)
            for shape in shapes[score]
        )
        self.mix = nn.Linear(2 * hidden, hidden)
        self.output = nn.Linear(hidden, target_vocabulary)

    def scores(
        self, s: Float[Tensor, "N T H"], h: Float[Tensor, "N S H"]
    ) -> Float[Tensor, "N T S"]:
        """Return how well each decoder state matches each encoder state."""
        return SCORES[self.score](s, h, *self.weights)

    def decode(
        self,
        h: Float[Tensor, "N S H"],
        last: Float[Tensor, "N H"],
        source: Int[Tensor, "N S"],
        target_in: Int[Tensor, "N T"],
    ) -> tuple[Float[Tensor, "N T V"], Float[Tensor, "N T S"]]:
        """Return logits and attention weights, given the encoder's states."""
        s, _ = self.rnn(self.embedding(target_in), last[None])
        context, weights = attend_to(self.scores(s, h), h, source != PAD)
        mixed = torch.tanh(self.mix(torch.cat((s, context), dim=-1)))
        return self.output(mixed), weights

    def forward(
        self, source: Int[Tensor, "N S"], target_in: Int[Tensor, "N T"]
    ) -> Float[Tensor, "N T V"]:
        """Return the logits of all next tokens, with teacher forcing."""
        return self.decode(*self.encoder(source), source, target_in)[0]

    def alignment(
        self, source: Int[Tensor, "N S"], target_in: Int[Tensor, "N T"]
    ) -> Float[Tensor, "N T S"]:
        """Return how much each step takes of each source token's state."""
        return self.decode(*self.encoder(source), source, target_in)[1]

    def next_log_p(self, source: Int[Tensor, "N S"]) -> NextLogP:
        """Return what greedy (N sources) or beam_search (one) asks."""
        h, last = self.encoder(source)

        def after(prefix: Int[Tensor, "B t"]) -> Float[Tensor, "B V"]:
            n = len(prefix)
            given = (a.expand(n, *a.shape[1:]) for a in (h, last, source))
            return self.decode(*given, prefix)[0][:, -1].log_softmax(dim=-1)

        return after
