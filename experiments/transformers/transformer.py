"""Train small Transformers on dates: what positions and a warm-up are for.

Exact match on dates never seen along the training, for three seeds of each
setting, and the attention of one trained model on one such date.

uv run --group torch python -m experiments.transformers.transformer
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from experiments.record import record
from reference.sequences.seq2seq import (
    PAD,
    Seq2Seq,
    date_pairs,
    encode,
    greedy,
    masked_cross_entropy,
    shift_right,
    vocabulary,
)
from reference.transformers.attention import attention_weights
from reference.transformers.multi_head_attention import split_heads
from reference.transformers.transformer import Transformer
from reference.transformers.transformer_block import Attention

PAIRS, HELD_OUT, STEPS, EVERY, WARM, SEEDS = 4000, 200, 200, 25, 50, 3
BATCH, WIDTH, HEADS, HIDDEN, LAYERS = 32, 64, 4, 128, 1
ARMS = {  # name: (norm_first, positional, rate, warm-up steps)
    "pre": (True, True, 0.005, 1),
    "no positions": (True, False, 0.005, 1),
    "post": (False, True, 0.005, 1),
    "pre, 0.02": (True, True, 0.02, 1),
    "post, 0.02": (False, True, 0.02, 1),
    "post, 0.02, warm-up": (False, True, 0.02, WARM),
    "gru": (None, None, 0.005, 1),
}


def network(arm: str) -> nn.Module:
    """Return the model of an arm, for 32 source and 22 target tokens."""
    norm_first, positional, *_ = ARMS[arm]
    if arm == "gru":
        return Seq2Seq(32, 22, embedding=32, hidden=128)
    sizes = (WIDTH, HEADS, HIDDEN, LAYERS, norm_first)
    return Transformer(32, 22, *sizes, positional=positional)


def exact(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of sources that greedy search translates rightly."""
    model.eval()
    found = greedy(model.next_log_p(x), len(x), y.shape[1])
    return round((found == y).all(dim=1).double().mean().item(), 3)


def run(
    arm: str, seed: int, x: Tensor, y: Tensor
) -> tuple[nn.Module, list[float]]:
    """Return a trained model, and its exact match on the way."""
    *_, rate, warm = ARMS[arm]
    torch.manual_seed(seed)
    model = network(arm)
    adam = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    matches = []
    for step in range(1, STEPS + 1):
        model.train()
        some = torch.randint(PAIRS, (BATCH,))
        falling = rate * (1 - (step - 1) / STEPS)
        adam.param_groups[0]["lr"] = falling * min(1, step / warm)
        adam.zero_grad()
        logits = model(x[some], shift_right(y[some]))
        loss = masked_cross_entropy(logits, y[some])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        if step % EVERY == 0:
            matches.append(exact(model, x[PAIRS:], y[PAIRS:]))
    return model, matches


def weights(layer: Attention, call: Callable[[], object]) -> Tensor:
    """Return what the heads of a layer attend to in a call: (heads, Q, K)."""
    found = []
    handle = layer.register_forward_pre_hook(
        lambda _, *given: found.append(given), with_kwargs=True
    )
    call()
    handle.remove()
    (x, *rest), named = found[0]
    context, mask = (*rest, None, None)[:2]
    k, _ = layer.project(x if context is None else context)
    q = split_heads(layer.query(x), layer.heads)
    mask = named.get("mask", mask)
    return attention_weights(q, k, mask)[0]


def rounded(rows: Tensor) -> list[list[float]]:
    """Return a matrix as lists, with two digits."""
    return [[round(a, 2) for a in row] for row in rows.tolist()]


@torch.no_grad()
def attended(model: Transformer, x: Tensor, y: Tensor) -> dict[str, list]:
    """Return what the decoder attends to: one head, and the mean of all."""
    source, target = x[x != PAD][None], y[y != PAD][None]
    block = model.decoder[0]

    def call() -> Tensor:
        return model(source, shift_right(target))

    return {
        "self": rounded(weights(block.attention, call)[0]),
        "cross": rounded(weights(block.cross_attention, call).mean(dim=0)),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    pairs = date_pairs(PAIRS + HELD_OUT, seed=0)
    english, korean = zip(*pairs, strict=True)
    x, y = (
        encode(english, vocabulary(english)),
        encode(korean, vocabulary(korean)),
    )
    numbers, models = {"steps": list(range(EVERY, STEPS + 1, EVERY))}, {}
    for arm in ARMS:
        runs = [run(arm, seed, x, y) for seed in range(SEEDS)]
        models[arm] = runs[0][0]
        numbers[arm] = {
            "parameters": sum(p.numel() for p in models[arm].parameters()),
            "exact": [matches for _, matches in runs],
        }
        print(arm, numbers[arm], flush=True)
    lengths = [len(korean[n]) for n in range(PAIRS, PAIRS + HELD_OUT)]
    n = PAIRS + lengths.index(max(lengths))
    numbers["example"] = {
        "source": english[n],
        "target": korean[n],
        **attended(models["pre"], x[n], y[n]),
    }
    record(__file__, numbers)
