"""One step by hand, a learned alignment, and what the bottleneck costs."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.sequences.encoder_decoder_attention import attend, dot_scores

RESULT = (
    Path(__file__).parents[2]
    / "experiments/sequences/encoder_decoder_attention.json"
)
ARROW = {"arrowstyle": "-|>", "color": "ink", "linewidth": 1.0}
CENTERED = {"ha": "center", "va": "center"}
ROMAN = {
    "년": "nyeon (year)",
    "월": "wol (month)",
    "일": "il (day)",
    "요일": "yoil (weekday)",
}
WEEKDAYS = dict(
    zip(
        "월화수목금토일",
        ("wol", "hwa", "su", "mok", "geum", "to", "il"),
        strict=True,
    )
)


def step() -> Figure:
    """Draw the weights of the pencil example between states and context."""
    s = np.array([[np.log(2), 0.0]])
    h = np.array([[1.0, 2.0], [0.0, 4.0], [0.0, 8.0]])
    _, weights = attend(dot_scores(s, h), h)
    names = ("$h_1$\n(1, 2)", "$h_2$\n(0, 4)", "$h_3$\n(0, 8)")
    fig, ax = plt.subplots(figsize=(5.0, 3.7))
    ax.axis("off")
    ax.set(xlim=(-0.2, 5.4), ylim=(-1.35, 3.9))
    box = {"boxstyle": "round", "facecolor": "none"}
    for j, (name, weight) in enumerate(zip(names, weights[0], strict=True)):
        x = 2.2 + 1.25 * j
        ax.text(x, -0.75, name, bbox={**box, "edgecolor": "C0"}, **CENTERED)
        ax.bar(x, 1.8 * weight, width=0.5, color="C0")
        label = f"{weight:g}"
        ax.text(x + 0.32, 0.9 * weight, label, ha="left", va="center")
        start = (x, 1.8 * weight + 0.08)
        ax.annotate("", (3.45, 2.75), start, arrowprops=ARROW)
    ax.plot((1.8, 5.1), (0, 0), color="ink", linewidth=0.8)
    text = "context $c = (0.5, 4)$"
    ax.text(3.45, 3.2, text, bbox={**box, "edgecolor": "C1"}, **CENTERED)
    text = "$s = (\\log\\,2, 0)$"
    ax.text(0.6, 0.45, text, bbox={**box, "edgecolor": "C1"}, **CENTERED)
    ax.annotate("", (1.85, 0.45), (1.42, 0.45), arrowprops=ARROW)
    return fig


def _names(tokens: list[str]) -> list[str]:
    """Return the names of Korean tokens in Latin letters."""
    names = [ROMAN.get(token, token) for token in tokens]
    names[-3] = WEEKDAYS[tokens[-3]]
    return names


def alignment() -> Figure:
    """Draw the weights of one held-out date as cells."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    example = numbers["examples"]["additive"]
    weights = np.array(example["weights"])
    fig, ax = plt.subplots(figsize=(5.0, 5.2))
    ax.pcolormesh(weights, vmin=0, vmax=1, cmap="page")
    for (t, j), weight in np.ndenumerate(weights):
        if weight >= 0.1:
            colour = "paper" if weight > 0.6 else "ink"
            label = f"{weight:.1f}"
            ax.text(j + 0.5, t + 0.5, label, color=colour, **CENTERED)
    places = np.arange(weights.shape[1]) + 0.5
    ax.set_xticks(places, example["english"], rotation=45, ha="left")
    ax.set_yticks(np.arange(weights.shape[0]) + 0.5, _names(example["korean"]))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.invert_yaxis()
    ax.xaxis.tick_top()
    ax.set(ylabel="written")
    ax.xaxis.set_label_position("top")
    ax.set_xlabel("read")
    return fig


def bottleneck() -> Figure:
    """Draw the share of right translations over the size of the states."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, ax = plt.subplots(figsize=(5.0, 3.2))
    for name, colour, style in (
        ("attention", "C0", "-"),
        ("one state", "C1", "--"),
    ):
        exact = numbers["exact"][name]
        sizes, runs = [int(size) for size in exact], np.array([*exact.values()])
        ax.plot(sizes, runs.mean(axis=1), style, color=colour, label=name)
        ax.plot(sizes, runs, "o", color=colour, markersize=4)
    ax.set_xscale("log", base=2)
    ax.set_xticks((16, 32, 64, 128), ("16", "32", "64", "128"))
    ax.minorticks_off()
    ax.set(
        xlabel="entries of a state, $H$",
        ylabel="share of right translations",
        ylim=(-0.03, 1.05),
    )
    ax.legend()
    return fig
