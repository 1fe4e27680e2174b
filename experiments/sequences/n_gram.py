"""n-gram models of the stories: how much context, and how much text.

uv run --group torch python -m experiments.sequences.n_gram

Measures nats a story, for contexts of several lengths, on the stories that were
counted and on 84 others; draws 50 stories of each n; and takes words and
syllables apart. The longer contexts of one count give the shorter ones too.
"""

from math import isfinite

import numpy as np

from experiments.record import record
from reference._corpus import stories
from reference.sequences.n_gram import count, sample, surprise

ORDERS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 17, 18)


def tokens(language: str, split=str.split) -> list[list[str]]:
    """Return each story as one list of tokens."""
    return [split(" ".join(story)) for story in stories(language)]


def nats(counts, texts, **smoothing) -> float | None:
    """Return the mean surprise of a text, None if it is infinite."""
    mean = np.mean([surprise(counts, text, **smoothing) for text in texts])
    return float(mean) if isfinite(mean) else None


def curves(texts: list[list[str]], size: int) -> dict:
    """Return the losses by n of what was counted and of what was not."""
    seen, new = texts[:size], texts[300:]
    result = {"train": [], "held_out": [], "plain": [], "add_one": []}
    result["distinct"] = []
    for n in ORDERS:
        counts = count(seen, n)
        result["train"].append(nats(counts, seen))
        result["plain"].append(nats(counts, new))
        result["add_one"].append(nats(counts, new, k=1.0))
        result["held_out"].append(nats(counts, new, weight=0.9))
        longest = [len(h) == n - 1 for h in counts.following]
        sizes = [len(seen) for seen in counts.following.values()]
        result["distinct"].append(int(np.dot(longest, sizes)))
    return result


def other_pronoun(text: list[str]) -> list[str]:
    """Return the text with the other pronoun in its last sentence."""
    other = {"he": "she", "she": "he"}
    last = max((i for i, t in enumerate(text) if t in other), default=0)
    return [other.get(t, t) if i == last else t for i, t in enumerate(text)]


def drawn(texts: list[list[str]], n: int) -> list[int]:
    """Return how many of 50 draws are counted stories, and how many others.

    The third number: how many are a story but for the last pronoun.
    """
    counts = count(texts[:300], n)
    told = [sample(counts, np.random.default_rng(i)) for i in range(50)]
    return [
        sum(t in texts[:300] for t in told),
        sum(t in texts[300:] for t in told),
        sum(other_pronoun(t) in texts for t in told),
    ]


def unknown(texts: list[list[str]]) -> dict:
    """Return, of 30 tenfold texts, the new tokens not in them.

    As their share of all new tokens, and as their number a story.
    """
    new = [token for text in texts[300:] for token in text]
    parts = [texts[i : i + 10] for i in range(0, 300, 10)]
    known = [{token for text in part for token in text} for part in parts]
    missed = [sum(token not in k for token in new) for k in known]
    stories_held_out = len(texts[300:])
    return {
        "share": [m / len(new) for m in missed],
        "a_story": [m / stories_held_out for m in missed],
    }


def unspelled(texts: list[list[str]]) -> list[float]:
    """Return, of 30 tenfold texts, the share of new words not to be spelled.

    They hold a syllable that is not in the ten.
    """
    new = [set(word) for text in texts[300:] for word in text]
    parts = [texts[i : i + 10] for i in range(0, 300, 10)]
    known = [set("".join(map("".join, part))) for part in parts]
    return [float(np.mean([not word <= k for word in new])) for k in known]


def main() -> None:
    """Measure, and write the numbers down."""
    english = tokens("en")
    korean, syllables = tokens("ko"), tokens("ko", list)
    numbers = {
        "orders": ORDERS,
        "stories": {size: curves(english, size) for size in (40, 300)},
        "drawn": {n: drawn(english, n) for n in (2, 3, 8, 18)},
        "unknown": {
            "English words": unknown(english),
            "Korean words": unknown(korean),
            "Korean syllables": unknown(syllables),
        },
        "unspelled": unspelled(korean),
    }
    record(__file__, numbers)


if __name__ == "__main__":
    main()
