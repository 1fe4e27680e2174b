"""When the ideas of this book were first published, on one line.

The entries stand here, not on the page, because a figure is drawn anew only if
its own module changes. The tables of the page have the same years and names.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.lines import Line2D

STRANDS = {
    "fit": ("fitting and taking steps", "C2", "o"),
    "statistics": ("statistical learning", "C4", "D"),
    "network": ("networks and their training", "C0", "s"),
    "text": ("sequences and text", "C1", "^"),
    "other": ("generation, play, no labels", "C3", "v"),
}
ENTRIES = [
    (1805, "Least squares", "fit"),
    (1847, "Gradient descent", "fit"),
    (1901, "Principal components", "statistics"),
    (1951, "Stochastic gradient descent", "fit"),
    (1958, "Perceptron", "network"),
    (1964, "Momentum", "fit"),
    (1976, "Reverse mode", "fit"),
    (1986, "Backpropagation", "network"),
    (1989, "Universal approximation", "network"),
    (1992, "Support vector machine", "statistics"),
    (1996, "Lasso", "statistics"),
    (1997, "LSTM", "text"),
    (1997, "Boosting", "statistics"),
    (1998, "LeNet-5", "network"),
    (2001, "Random forest", "statistics"),
    (2010, "Xavier initialization", "network"),
    (2011, "ReLU", "network"),
    (2012, "Dropout", "network"),
    (2012, "AlexNet", "network"),
    (2013, "word2vec", "text"),
    (2013, "Deep Q-network", "other"),
    (2013, "Variational autoencoder", "other"),
    (2014, "Encoder and decoder", "text"),
    (2014, "Adversarial networks", "other"),
    (2014, "Attention", "text"),
    (2014, "Adam", "fit"),
    (2015, "Batch normalization", "network"),
    (2015, "Residual networks", "network"),
    (2016, "Layer normalization", "network"),
    (2017, "Transformer", "text"),
    (2018, "BERT", "text"),
    (2019, "GPT-2", "text"),
    (2020, "SimCLR", "other"),
    (2020, "GPT-3", "text"),
    (2020, "Vision Transformer", "network"),
]
LONG = 9  # years without an entry from which the line is dashed


def _heights():
    """Return the height of each entry, in rows below the first."""
    heights = [0.0]
    for (before, *_), (year, *_) in pairwise(ENTRIES):
        row = 2 if year - before >= LONG else 1
        heights.append(heights[-1] - row)
    return heights


def _legend(fig):
    """Name the strands above the line, one below the other."""
    handles = [
        Line2D([], [], color=color, marker=marker, ls="", ms=7, label=label)
        for label, color, marker in STRANDS.values()
    ]
    fig.legend(handles=handles, loc="outside upper left", handletextpad=0.2)


def _line(ax, i, heights):
    """Draw the line from the entry before, and how long a pause it was."""
    years = ENTRIES[i][0] - ENTRIES[i - 1][0]
    ends = heights[i - 1 : i + 1]
    dash = (0, (2, 2)) if years >= LONG else "-"
    ax.plot([0, 0], ends, color="faint", ls=dash, zorder=1)
    if years >= LONG:
        style = {"va": "center", "fontsize": 10, "style": "italic"}
        ax.text(0.3, sum(ends) / 2, f"{years} years", **style)


def history():
    """Draw the entries from top to bottom, long pauses as dashes."""
    heights = _heights()
    size = (3.4, 1.2 + 0.24 * (1 - heights[-1]))
    fig, ax = plt.subplots(figsize=size)
    last = None
    for i, (year, name, strand) in enumerate(ENTRIES):
        if i > 0:
            _line(ax, i, heights)
        if year != last:
            ax.text(-0.3, heights[i], year, ha="right", va="center")
        _, color, marker = STRANDS[strand]
        ax.plot(0, heights[i], marker, color=color, ms=7)
        ax.text(0.3, heights[i], name, va="center")
        last = year
    ax.set(xlim=(-1.2, 4.5), ylim=(heights[-1] - 0.6, 0.6))
    ax.axis("off")
    _legend(fig)
    return fig
