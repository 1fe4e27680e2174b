"""Sequence to sequence.

One recurrent network reads a sequence, another one writes its translation,
token by token. Here it translates English dates into Korean ones.

Axes    N pairs of sequences, S tokens of a source, T of a target, V tokens in
        a vocabulary; H entries of a state; B prefixes.
Page    docs/en/sequences/seq2seq.md ("eq. 3" marks the line of its (3))
Source  Sutskever, Vinyals and Le, Sequence to Sequence Learning with Neural
        Networks, NIPS 2014, arXiv:1409.3215; Cho, van Merrienboer, Gulcehre,
        Bahdanau, Bougares, Schwenk and Bengio, Learning Phrase
        Representations using RNN Encoder-Decoder, EMNLP 2014, arXiv:1406.1078
"""

from collections.abc import Callable, Iterable, Sequence
from math import ceil

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from reference.training.training_loop import batches

PAD = 0
SOS = 1
EOS = 2
SPECIAL = ("<pad>", "<sos>", "<eos>")
MONTHS = [
    "january", "february", "march", "april", "may", "june", "july",
    "august", "september", "october", "november", "december",
]  # fmt: skip
WEEKDAYS = [
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
    "sunday",
]  # fmt: skip
WEEKDAYS_KO = "월화수목금토일"

# Prefixes that begin with SOS, to log probabilities of the token after each.
NextLogP = Callable[[Int[Tensor, "B t"]], Float[Tensor, "B V"]]


def date_pairs(count: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Return different dates of 1900 to 2099, in English and in Korean.

    Months and weekdays are one token each, numbers one token for each digit.

    Raises:
        ValueError: There are not that many days.

    >>> [(english, korean)] = date_pairs(1, seed=0)
    >>> " ".join(english)
    'saturday february 1 5 2 0 7 0'
    >>> " ".join(korean)
    '2 0 7 0 년 2 월 1 5 일 토 요일'
    """
    first, end = np.datetime64("1900-01-01"), np.datetime64("2100-01-01")
    days = int((end - first).astype(int))
    if not 1 <= count <= days:
        raise ValueError(f"count must be from 1 to {days} days, got {count}")
    drawn = np.random.default_rng(seed).choice(days, count, replace=False)
    return [_date_pair(first + np.timedelta64(day, "D")) for day in drawn]


def _date_pair(date: np.datetime64) -> tuple[list[str], list[str]]:
    """Return a date in English and in Korean."""
    year, month, day = (int(part) for part in str(date).split("-"))
    weekday = (int(date.astype(int)) + 3) % 7  # 1970-01-01 was a Thursday
    english = [WEEKDAYS[weekday], MONTHS[month - 1], *str(day), *str(year)]
    korean = [*str(year), "년", *str(month), "월", *str(day), "일"]
    return english, [*korean, WEEKDAYS_KO[weekday], "요일"]


def vocabulary(sequences: Iterable[Sequence[str]]) -> dict[str, int]:
    """Return an id for every token: 0 to 2 are PAD, SOS and EOS.

    Raises:
        ValueError: A token has the name of one of these three.

    >>> list(vocabulary([["b", "a"], ["b"]]).items())[3:]
    [('a', 3), ('b', 4)]
    """
    tokens = {token for sequence in sequences for token in sequence}
    if not tokens.isdisjoint(SPECIAL):
        raise ValueError(f"{', '.join(SPECIAL)} are no words of a text")
    return {t: i for i, t in enumerate([*SPECIAL, *sorted(tokens)])}


def encode(
    sequences: Sequence[Sequence[str]], vocabulary: dict[str, int]
) -> Int[Tensor, "N T"]:
    """Return the ids of the tokens, then EOS, then PAD to a common length.

    Raises:
        ValueError: There is no sequence, or a token is no word of the
            vocabulary (PAD, SOS and EOS are none).

    >>> encode([["b", "a"], ["b"]], vocabulary([["a", "b"]]))
    tensor([[4, 3, 2],
            [4, 2, 0]])
    """
    if len(sequences) == 0:
        raise ValueError("there must be a sequence to encode, got none")
    ids = torch.full((len(sequences), 1 + max(map(len, sequences))), PAD)
    for n, sequence in enumerate(sequences):
        for t, token in enumerate(sequence):
            if token in SPECIAL or token not in vocabulary:
                raise ValueError(f"{token!r} is no word of the vocabulary")
            ids[n, t] = vocabulary[token]
        ids[n, len(sequence)] = EOS
    return ids


def decode(
    ids: Int[Tensor, "N T"], vocabulary: dict[str, int]
) -> list[list[str]]:
    """Return the tokens of every row, up to its first EOS.

    Raises:
        ValueError: An id before EOS belongs to no token.

    >>> decode(torch.tensor([[4, 3, 2], [4, 2, 0]]), vocabulary(["ab"]))
    [['b', 'a'], ['b']]
    """
    names = {i: token for token, i in vocabulary.items()}
    rows = []
    for row in ids.tolist():
        kept = row[: row.index(EOS)] if EOS in row else row
        if not names.keys() >= set(kept):
            raise ValueError(f"an id of {kept} is not in the vocabulary")
        rows.append([names[i] for i in kept])
    return rows


def masked_cross_entropy(
    logits: Float[Tensor, "N T V"], target: Int[Tensor, "N T"]
) -> Float[Tensor, ""]:
    """Return the mean cross entropy of all tokens that are not PAD, in nats.

    Raises:
        ValueError: All tokens are PAD.

    >>> target = torch.tensor([[3, 2, 0]])
    >>> masked_cross_entropy(torch.zeros(1, 3, 4), target)  # log 4
    tensor(1.3863)
    """
    real = target != PAD
    if not real.any():
        raise ValueError(
            f"the target must have a token that is not PAD, all of its "
            f"{target.numel()} are"
        )
    log_p = logits[real].log_softmax(dim=-1)
    return -log_p.gather(-1, target[real][:, None]).mean()  # eq. 4


def _checked(
    next_log_p: NextLogP, prefix: Int[Tensor, "B t"]
) -> Float[Tensor, "B V"]:
    """Return next_log_p(prefix), unless these are no log probabilities."""
    log_p = next_log_p(prefix)
    total = log_p.double().exp().sum(dim=-1)
    if not ((total - 1).abs() < 0.01).all():
        raise ValueError(
            f"next_log_p must return logarithms of probabilities that sum to "
            f"1, got sums {total.tolist()}"
        )
    return log_p


def _require_length(max_length: int) -> None:
    """Raise a ValueError unless there may be a token."""
    if max_length < 1:
        raise ValueError(f"max_length must be 1 or more, got {max_length}")


@torch.no_grad()
def greedy(
    next_log_p: NextLogP,
    examples: int,
    max_length: int,
    device: torch.device | str = "cpu",
) -> Int[Tensor, "N {max_length}"]:
    """Return sequences that take the most probable token at every step.

    After EOS there is only PAD.

    Raises:
        ValueError: The length is below 1, or next_log_p does not return log
            probabilities.

    >>> p = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    >>> greedy(lambda prefix: p.log(), examples=1, max_length=2)
    tensor([[3, 3]])
    """
    _require_length(max_length)
    prefix = torch.full((examples, 1), SOS, device=device)
    ended = torch.zeros(examples, dtype=torch.bool, device=device)
    for _ in range(max_length):
        token = _checked(next_log_p, prefix).argmax(dim=-1)  # eq. 5
        token = token.masked_fill(ended, PAD)
        prefix = torch.cat((prefix, token[:, None]), dim=1)
        ended |= token == EOS
        if ended.all():
            break
    return _padded(prefix[:, 1:], max_length)


def _padded(ids: Int[Tensor, "B t"], length: int) -> Int[Tensor, "B T"]:
    """Return the sequences with PAD behind them."""
    missing = length - ids.shape[1]
    return nn.functional.pad(ids, (0, missing), value=PAD)


@torch.no_grad()
def beam_search(
    next_log_p: NextLogP,
    width: int,
    max_length: int,
    device: torch.device | str = "cpu",
) -> tuple[Int[Tensor, "{max_length}"], float]:
    """Return a probable translation of one source, and its log probability.

    After every step the `width` most probable prefixes are kept. What has not
    ended after max_length tokens is cut there.

    Raises:
        ValueError: The width or the length is below 1, or next_log_p does not
            return log probabilities.

    >>> from math import exp
    >>> p = torch.tensor([0.0, 0.0, 0.4, 0.6])
    >>> tokens, log_p = beam_search(lambda s: p.log().expand(len(s), 4), 2, 3)
    >>> tokens, round(exp(log_p), 2)
    (tensor([2, 0, 0]), 0.4)
    """
    _require_length(max_length)
    if width < 1:
        raise ValueError(f"width must be 1 or more, got {width}")
    prefix = torch.full((1, 1), SOS, device=device)
    total = torch.zeros(1, device=device)
    for _ in range(max_length):
        log_p = _checked(next_log_p, prefix)
        ended = (prefix == EOS).any(dim=1, keepdim=True)
        log_p = log_p.masked_fill(ended, -torch.inf)
        log_p[:, PAD] = log_p[:, PAD].masked_fill(ended[:, 0], 0.0)
        score = total[:, None] + log_p  # eq. 6
        total, best = score.flatten().topk(min(width, score.numel()))
        row, token = best // score.shape[1], best % score.shape[1]
        prefix = torch.cat((prefix[row], token[:, None]), dim=1)
        if (prefix[0] == EOS).any():  # the others can only become less
            break
    return _padded(prefix[:1, 1:], max_length)[0], total[0].item()


def shift_right(target: Int[Tensor, "N T"]) -> Int[Tensor, "N T"]:
    """Return the decoder's inputs: SOS, then all tokens but the last.

    >>> shift_right(torch.tensor([[5, 6, 2]]))
    tensor([[1, 5, 6]])
    """
    start = torch.full_like(target[:, :1], SOS)
    return torch.cat((start, target[:, :-1]), dim=1)  # eq. 2


def _require_sizes(**sizes: int) -> None:
    """Raise a ValueError unless all are of type int and above 0."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be an int above 0, got {size!r}")


class Encoder(nn.Module):
    """Reads the source: all states (N, S, H), and the last of each (N, H).

    Raises:
        ValueError: A size is no int above 0, a source begins with
            PAD, or has PAD before a token.

    >>> states, last = Encoder(5, 3, 4)(torch.tensor([[3, 2, 0]]))
    >>> bool((last == states[:, 1]).all())
    True
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        _require_sizes(
            vocabulary=vocabulary, embedding=embedding, hidden=hidden
        )
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = nn.GRU(embedding, hidden, batch_first=True)

    def forward(
        self, source: Int[Tensor, "N S"]
    ) -> tuple[Float[Tensor, "N S H"], Float[Tensor, "N H"]]:
        """Return all states, and the one at the last token that is not PAD."""
        real = source != PAD
        length = real.sum(dim=1)
        if not (real.long().cumprod(dim=1).sum(dim=1) == length.clamp(1)).all():
            raise ValueError(
                "a source must have a token, and PAD only behind its tokens, "
                f"got {source.tolist()}"
            )
        states, _ = self.rnn(self.embedding(source))
        rows = torch.arange(len(source), device=source.device)
        return states, states[rows, length - 1]  # eq. 1


class Decoder(nn.Module):
    """Writes: a state and the tokens so far give logits of each next token.

    Raises:
        ValueError: A size is no int above 0.

    >>> Decoder(5, 3, 4)(torch.tensor([[1, 3]]), torch.zeros(1, 4)).shape
    torch.Size([1, 2, 5])
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        _require_sizes(
            vocabulary=vocabulary, embedding=embedding, hidden=hidden
        )
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = nn.GRU(embedding + hidden, hidden, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)

    def forward(
        self, target_in: Int[Tensor, "N T"], state: Float[Tensor, "N H"]
    ) -> Float[Tensor, "N T V"]:
        """Return the logits of the token after each of target_in."""
        c = state[:, None].expand(-1, target_in.shape[1], -1)
        inputs = torch.cat((self.embedding(target_in), c), dim=-1)
        states, _ = self.rnn(inputs, state[None])
        return self.output(states)  # eq. 3


class Seq2Seq(nn.Module):
    """An encoder and a decoder, joined by one state.

    Raises:
        ValueError: A size is no int above 0.

    >>> model = Seq2Seq(5, 6, embedding=3, hidden=4)
    >>> model(torch.tensor([[3, 2]]), torch.tensor([[1, 3, 4]])).shape
    torch.Size([1, 3, 6])
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        embedding: int,
        hidden: int,
    ):
        super().__init__()
        self.encoder = Encoder(source_vocabulary, embedding, hidden)
        self.decoder = Decoder(target_vocabulary, embedding, hidden)

    def forward(
        self, source: Int[Tensor, "N S"], target_in: Int[Tensor, "N T"]
    ) -> Float[Tensor, "N T V"]:
        """Return the logits of all next tokens, with teacher forcing."""
        _, state = self.encoder(source)
        return self.decoder(target_in, state)

    def next_log_p(self, source: Int[Tensor, "N S"]) -> NextLogP:
        """Return what greedy (N sources) or beam_search (one) asks."""
        _, state = self.encoder(source)

        def after(prefix: Int[Tensor, "B t"]) -> Float[Tensor, "B V"]:
            logits = self.decoder(prefix, state.expand(len(prefix), -1))
            return logits[:, -1].log_softmax(dim=-1)

        return after


def train(
    model: nn.Module,
    source: Int[Tensor, "N S"],
    target: Int[Tensor, "N T"],
    epochs: int,
    learning_rate: float = 0.003,
    batch_size: int = 64,
    seed: int = 0,
    after_epoch: Callable[[], object] = lambda: None,
) -> list[float]:
    """Train any model(source, target_in) in place; return mean losses.

    With teacher forcing, Adam, gradients clipped to length 1, and a learning
    rate that falls linearly to 0. The losses are means over the batches of an
    epoch, in nats for each token. `after_epoch` is for measurements.

    Raises:
        ValueError: Sources and targets differ in number.
    """
    if len(source) != len(target):
        raise ValueError(
            f"every source needs a target, got {len(source)} sources and "
            f"{len(target)} targets"
        )
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    steps = epochs * ceil(len(source) / batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    generator, history = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        model.train()
        losses = []
        for batch in batches(len(source), batch_size, generator):
            x, y = source[batch], target[batch]
            optimizer.zero_grad()
            loss = masked_cross_entropy(model(x, shift_right(y)), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
        model.eval()
        after_epoch()
    return history
