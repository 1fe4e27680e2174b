"""Train translators of dates with and without attention.

Exact match on dates never seen, for states of several sizes, where the decoder
gets one state of the encoder (the model of the page before) or asks all of
them; and where the three kinds of score put their weight.

uv run --group torch python -m experiments.sequences.encoder_decoder_attention
"""

import torch
from torch import Tensor, nn

from experiments.record import record
from reference.sequences.layers import AttentionSeq2Seq
from reference.sequences.seq2seq import (
    EOS,
    Seq2Seq,
    date_pairs,
    encode,
    greedy,
    shift_right,
    train,
    vocabulary,
)

PAIRS, HELD_OUT, EPOCHS, SEEDS = 2000, 300, 6, 3
SIZES = {"one state": (32, 64, 128), "attention": (16, 32, 64)}


def peaks(weights: Tensor, x: Tensor, korean: list) -> dict:
    """Return how often the largest weight is at the token to be written.

    For each digit of the year, the month's first token, the day's first digit
    and the weekday. Beside these, the mean weight of each year's digit on the
    four digits of the year and EOS together.
    """
    rows = torch.arange(len(x))
    end = (x == EOS).long().argmax(dim=1)
    month = torch.full_like(end, 5)  # four digits and a word for "year" before
    # The first "월" is the one for "month"; a Monday has another, later.
    day = torch.tensor([tokens.index("월") + 1 for tokens in korean])
    weekday = torch.tensor([len(tokens) - 2 for tokens in korean])
    best = weights.argmax(dim=-1)

    def share(step: Tensor, place: Tensor) -> float:
        right = best[rows, step] == place
        return round(right.double().mean().item(), 3)

    years = [share(torch.full_like(end, i), end - 4 + i) for i in range(4)]
    near = torch.arange(x.shape[1]) >= (end - 4)[:, None]
    year = (weights[:, :4] * near[:, None]).sum(dim=-1).mean(dim=0)
    return {
        "year": years,
        "month": share(month, torch.ones_like(end)),
        "day": share(day, torch.full_like(end, 2)),
        "weekday": share(weekday, torch.zeros_like(end)),
        "weight_near_year": [round(w, 3) for w in year.tolist()],
    }


def run(seed: int, hidden: int, score: str | None) -> dict:
    """Train a translator; return its exact match, and where it looked."""
    english, korean = zip(*date_pairs(PAIRS + HELD_OUT, seed), strict=True)
    words = vocabulary(english), vocabulary(korean)
    x, y = encode(english, words[0]), encode(korean, words[1])
    sizes = len(words[0]), len(words[1]), 32, hidden
    torch.manual_seed(seed)
    model: nn.Module = (
        AttentionSeq2Seq(*sizes, score) if score else Seq2Seq(*sizes)
    )
    train(model, x[:PAIRS], y[:PAIRS], EPOCHS, 0.01, 64, seed)
    x, y = x[PAIRS:], y[PAIRS:]
    found = greedy(model.next_log_p(x), HELD_OUT, y.shape[1])
    exact = (found == y).all(dim=1).double().mean().item()
    result = {"exact": round(exact, 3)}
    if score:
        with torch.no_grad():
            weights = model.alignment(x, shift_right(y))
        result["peaks"] = peaks(weights, x, korean[PAIRS:])
        tokens = [*english[PAIRS], "EOS"], [*korean[PAIRS], "EOS"]
        table = weights[0, : len(tokens[1]), : len(tokens[0])].tolist()
        result["example"] = {
            "english": tokens[0],
            "korean": tokens[1],
            "weights": [[round(w, 3) for w in row] for row in table],
        }
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    exact, scores = {"one state": {}, "attention": {}}, {}
    for name, score in (("one state", None), ("attention", "additive")):
        for hidden in SIZES[name]:
            results = [run(seed, hidden, score) for seed in range(SEEDS)]
            exact[name][hidden] = [result["exact"] for result in results]
            if score and hidden == 64:
                scores[score] = results
    for score in ("general", "dot"):
        scores[score] = [run(seed, 64, score) for seed in range(SEEDS)]
    examples = {name: runs[0]["example"] for name, runs in scores.items()}
    for runs in scores.values():
        for result in runs:
            del result["example"]
    record(
        __file__,
        {"exact": exact, "scores": scores, "examples": examples},
    )
