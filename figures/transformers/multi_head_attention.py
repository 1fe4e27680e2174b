"""One query with two heads and with one, and masks for a batch of texts."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.transformers.attention import attention_weights, causal_mask
from reference.transformers.multi_head_attention import (
    padding_mask,
    split_heads,
)

WORDS = {  # is it a name, female, male, a pronoun, a verb, another word
    "Mia": [1, 1, 0, 0, 0, 0],
    "met": [0, 0, 0, 0, 1, 0],
    "Ben": [1, 0, 1, 0, 0, 0],
    "and": [0, 0, 0, 0, 0, 1],
    "she": [0, 1, 0, 1, 0, 0],
    "left": [0, 0, 0, 0, 1, 0],
}
T = len(WORDS)


def _queries_and_keys() -> tuple[np.ndarray, np.ndarray]:
    """Return 12 entries a token: 6 ask by kind of word, 6 by place."""
    kinds, places = np.array(list(WORDS.values()), dtype=float), np.eye(T)
    ask = np.zeros((6, 6))
    ask[1, 1] = ask[2, 2] = 8.0  # female for female, male for male
    ask[3, 0] = ask[4, 0] = 8.0  # pronouns and verbs for a name
    before = 16.0 * np.eye(T, k=-1)  # each place asks for the one before it
    queries = np.concatenate([kinds @ ask, places @ before], axis=1)
    return queries, np.concatenate([kinds, places], axis=1)


def one_query() -> Figure:
    """Draw the weights of "she" with two heads, and with one."""
    queries, keys = _queries_and_keys()
    two = attention_weights(split_heads(queries, 2), split_heads(keys, 2))
    one = attention_weights(queries, keys)
    fig, axes = plt.subplots(3, figsize=(5, 4.8), sharex=True, sharey=True)
    rows = [
        ("head 1 of 2: the name that is meant", two[0], "C0"),
        ("head 2 of 2: the word before", two[1], "C1"),
        ("one head for both", one, "C2"),
    ]
    for ax, (title, weights, color) in zip(axes, rows, strict=True):
        she = weights[list(WORDS).index("she")]
        ax.bar(range(T), she, color=color, width=0.6)
        for key, weight in enumerate(she):
            ax.text(key, weight + 0.04, f"{weight:.2f}", ha="center")
        ax.set_title(title, loc="left")
        ax.set(ylim=(0, 1.25), yticks=[0, 0.5, 1])
    axes[1].set_ylabel("weight of the query “she”")
    axes[2].set_xticks(range(T), WORDS)
    axes[2].set_xlabel("key and value")
    return fig


def masks() -> Figure:
    """Draw the masks of a batch of two texts, of 4 and of 2 tokens."""
    causal = causal_mask(np.zeros((4, 1)))
    padding = padding_mask(np.array([4, 2]), 4)
    both = padding & causal
    panels = [
        ("padding, text 1", np.broadcast_to(padding[0, 0], (4, 4))),
        ("and causal", both[0, 0]),
        ("padding, text 2", np.broadcast_to(padding[1, 0], (4, 4))),
        ("and causal", both[1, 0]),
    ]
    fig, axes = plt.subplots(2, 2, figsize=(4.6, 5))
    for ax, (title, mask) in zip(axes.flat, panels, strict=True):
        ax.pcolormesh(
            mask, vmin=0, vmax=2, cmap="page", edgecolors="faint", linewidth=1
        )
        for (i, j), allowed in np.ndenumerate(mask):
            sign = "✓" if allowed else "–"
            ax.text(j + 0.5, i + 0.5, sign, ha="center", va="center")
        ax.set_title(title)
        ax.set_xticks(np.arange(4) + 0.5, range(1, 5))
        ax.set_yticks(np.arange(4) + 0.5, range(1, 5))
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.invert_yaxis()
        ax.set_aspect("equal")
    fig.get_layout_engine().set(h_pad=0.12)
    for ax in axes[1]:
        ax.set_xlabel("key")
    for ax in axes[:, 0]:
        ax.set_ylabel("query")
    return fig
