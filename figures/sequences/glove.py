"""Ratios of probabilities, and the share of analogies by what is counted."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference._corpus import stories
from reference.sequences.glove import cooccurrence, log_ratio, train

RESULT = Path(__file__).parents[2] / "experiments/sequences/glove.json"
PROBES = ["palace", "crown", "lives", "his", "rome", "tea", "coat", "house"]


def ratios() -> Figure:
    """Draw log ratios of probe words, from the counts and from the fit."""
    told = [" ".join(s).replace(" .", "").split() for s in stories("en")]
    text = [word for story in told for word in story]
    number = {word: i for i, word in enumerate(sorted(set(text)))}
    document = np.array([number[word] for word in text])
    counts = cooccurrence([document], 30, len(number))
    king, man = number["king"], number["man"]
    probes = [number[word] for word in PROBES]
    p = train(counts, 32, np.random.default_rng(10), x_max=10.0)
    fit = p.w_tilde @ (p.w[king] - p.w[man]) + p.b[king] - p.b[man]
    fit = fit - np.log(counts[king].sum() / counts[man].sum())
    fig, ax = plt.subplots(figsize=(5, 3.6))
    y = np.arange(len(PROBES))
    ax.axvline(0, color="faint")
    ax.barh(
        y,
        log_ratio(counts, king, man)[probes],
        0.6,
        color="C0",
        label="from the counts",
    )
    ax.plot(
        fit[probes],
        y,
        "D",
        color="C1",
        markeredgecolor="paper",
        markersize=8,
        label="from the fitted vectors",
    )
    ax.set_yticks(y, PROBES)
    ax.invert_yaxis()
    ax.set(xlabel="log of P(word | king) / P(word | man)")
    ax.legend(loc="lower right")
    return fig


def share() -> Figure:
    """Draw the share of right analogies of every run and way to count."""
    results = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    labels = []
    for (joined, window, added), found in zip(
        results["settings"], results["results"], strict=True
    ):
        place = "one text" if joined else "apart"
        label = f"{place}, window {window}" + (", X + 1" if added else "")
        labels.append(f"{label}\n{100 * found['zeros']:.0f} % zeros")
    fig, ax = plt.subplots(figsize=(5.4, 4.2))
    y = np.arange(len(labels))
    for name, colour, mark, shift in (
        ("people", "C0", "o", -0.14),
        ("capitals", "C1", "s", 0.14),
    ):
        runs = np.array([found[name] for found in results["results"]])
        ax.plot(
            runs.ravel(),
            np.repeat(y + shift, runs.shape[1]),
            mark,
            color=colour,
            markerfacecolor="none",
            label=name,
        )
    ax.set_yticks(y, labels)
    ax.invert_yaxis()
    ax.set(xlabel="share of right analogies", xlim=(-0.05, 1.05))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=2)
    return fig
