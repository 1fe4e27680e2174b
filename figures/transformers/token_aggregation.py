"""Which place the result comes from, and how well each way classifies."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.transformers.attention import attention_weights
from reference.transformers.token_aggregation import (
    max_pool,
    pooling_weights,
    prepend_token,
)

RESULT = (
    Path(__file__).parents[2]
    / "experiments/transformers/token_aggregation.json"
)
X = np.array([[4.0, 0.0], [0.0, 8.0], [9.0, 9.0]])
MASK = np.array([True, True, False])
QUERY = np.array([0.0, np.sqrt(2) * np.log(3) / 8])


def shares() -> Figure:
    """Draw the share of each place in the result, by the way to aggregate."""
    z, seen = prepend_token(X, np.array([1.0, 0.0])), np.append(True, MASK)
    rows = {
        "mean": pooling_weights(X, 0 * QUERY, MASK),
        "max, entry 1": X[:, 0] * MASK == max_pool(X, MASK)[0],
        "max, entry 2": X[:, 1] * MASK == max_pool(X, MASK)[1],
        "attention": pooling_weights(X, QUERY, MASK),
        "last": np.array([0.0, 1.0, 0.0]),
        "[CLS], one layer": attention_weights(QUERY[None], z, seen[None])[0],
    }
    fig, ax = plt.subplots(figsize=(5, 3.6))
    table = np.zeros((len(rows), 4))
    for row, a in zip(table, rows.values(), strict=True):
        row[4 - len(a) :] = a
    ax.pcolormesh(
        table, vmin=0, vmax=1, cmap="page", edgecolors="faint", linewidth=0.5
    )
    for (i, j), share in np.ndenumerate(table):
        there = j > 0 or i == len(rows) - 1
        ax.text(
            j + 0.5,
            i + 0.5,
            f"{share:.2f}" if there else "–",
            color="paper" if share > 0.55 else "ink",
            ha="center",
            va="center",
        )
    ax.set_xticks(
        np.arange(4) + 0.5, ["[CLS]", "token 1", "token 2", "filling"]
    )
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.invert_yaxis()
    ax.xaxis.tick_top()
    return fig


def accuracy() -> Figure:
    """Draw the accuracy of every run, with the whole network trained or not."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, ax = plt.subplots(figsize=(5.2, 3.4))
    for k, (kind, label, marker) in enumerate(
        (
            ("trained", "all trained", "o"),
            ("frozen", "only the end trained", "s"),
        )
    ):
        for i, runs in enumerate(numbers[kind].values()):
            x = i + 0.34 * k - 0.17
            ax.plot(
                x + 0.03 * np.arange(-2, 3),
                runs,
                marker,
                color=f"C{k}",
                markersize=4.5,
                markerfacecolor="none" if k else None,
                label=None if i else label,
            )
            mean = np.mean(runs)
            ax.plot([x - 0.12, x + 0.12], [mean, mean], color=f"C{k}")
    ax.set_xticks(range(4), list(numbers["trained"]))
    ax.set(ylabel="accuracy", ylim=(0, 1))
    ax.legend(loc="lower left")
    return fig
