"""The stories of reference/_corpus.py as tokens: one for each word.

A text begins with the token of its language, such as <en>, and stops with
<end>, which also fills up shorter texts.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from reference._corpus import stories

END = "<end>"


class Language(NamedTuple):
    """The vocabulary, and texts of T + 1 tokens to train on and to test on."""

    words: list[str]
    train: Tensor  # (N, T + 1), indices in words
    held_out: Tensor


def read(languages: tuple[str, ...], held_out: int = 64) -> Language:
    """Return the stories of some languages, the last of each held out."""
    texts = {
        language: [
            [f"<{language}>", *" ".join(story).split(), END]
            for story in stories(language)
        ]
        for language in languages
    }
    all_texts = [text for some in texts.values() for text in some]
    words = [
        END,
        *sorted({word for text in all_texts for word in text} - {END}),
    ]
    index = {word: i for i, word in enumerate(words)}
    length = max(map(len, all_texts))

    def tensor(part: slice) -> Tensor:
        return torch.tensor(
            [
                [index[word] for word in text] + [0] * (length - len(text))
                for some in texts.values()
                for text in some[part]
            ]
        )

    return Language(
        words, tensor(slice(-held_out)), tensor(slice(-held_out, None))
    )


def inputs_and_targets(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return all tokens but the last, and what follows each: -1 after <end>."""
    x, y = tokens[:, :-1], tokens[:, 1:]
    return x, y.masked_fill(x == 0, -1)


def text(words: list[str], tokens: Tensor) -> str:
    """Return a row of tokens as words, up to the first <end>."""
    found = " ".join(words[i] for i in tokens.tolist())
    return found.split(f" {END}")[0]
