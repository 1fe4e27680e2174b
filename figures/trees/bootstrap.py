"""All samples of three numbers, data set and data set, distinct examples."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.trees.bootstrap import (
    bootstrap_replicates,
    bootstrap_sample,
    distinct_share,
)

DATA = np.array([1.0, 2.0, 6.0])


def all_samples() -> Figure:
    """Draw how often each mean occurs among the 27 samples of 1, 2, 6."""
    sums = [sum(sample) for sample in product(DATA, repeat=3)]
    values, counts = np.unique(sums, return_counts=True)
    fig, ax = plt.subplots(figsize=(5, 2.6))
    ax.bar(values / 3, counts, width=0.2, color="C0")
    ax.axvline(DATA.mean(), color="C1", ls="--")
    ax.text(3.15, 6.4, "mean of the data", color="C1", va="center")
    error = DATA.std() / np.sqrt(3)
    arrow = {"arrowstyle": "<->", "color": "ink"}
    ends = (DATA.mean() - error, 7.4), (DATA.mean() + error, 7.4)
    ax.annotate("", *ends, arrowprops=arrow)
    ax.text(4.35, 7.4, "one standard error each way", va="center")
    ax.set(xlabel="mean of the sample", ylabel="samples of 27")
    ax.set(xlim=(0.7, 7.8), ylim=(0, 8), xticks=range(1, 7), yticks=(1, 3, 6))
    return fig


def data_sets() -> Figure:
    """Draw means of new data sets above bootstrap means of three."""
    rng = np.random.default_rng(0)
    fresh = rng.exponential(size=(20_000, 30)).mean(axis=1)
    fig, axes = plt.subplots(4, 1, figsize=(5, 4.6), sharex=True, sharey=True)
    bins = np.linspace(0.2, 2.0, 46)
    for k, ax in enumerate(axes):
        values, centre = fresh, 1.0
        if k > 0:
            data = rng.exponential(size=30)
            values = bootstrap_replicates(data, np.mean, 20_000, rng)
            centre = data.mean()
        ax.hist(values, bins, density=True, color="C1" if k == 0 else "C0")
        ax.axvline(1, color="ink", ls=":")
        ax.plot(centre, 0, "^", color="ink", clip_on=False, zorder=3)
        title = f"bootstrap\nof data set {k}" if k else "30 new\nexamples each"
        ax.text(1.45, 1.3, f"{title}\nSE {values.std():.2f}")
        ax.set(yticks=[], xlim=(0.3, 1.95))
        ax.spines["left"].set_visible(False)
    axes[-1].set_xlabel("mean")
    return fig


def distinct() -> Figure:
    """Draw the expected share of distinct examples against N."""
    rng = np.random.default_rng(0)
    fig, ax = plt.subplots(figsize=(5, 2.8))
    sizes = np.unique(np.geomspace(1, 1000, 40).astype(int))
    for n in sizes[::2]:
        found = [
            len(np.unique(row)) / n for row in bootstrap_sample(n, rng, 20)
        ]
        label = "single samples" if n == 1 else None
        ax.plot([n] * 20, found, ".", color="C0", alpha=0.3, label=label)
    shares = [distinct_share(n) for n in sizes.tolist()]
    ax.plot(sizes, shares, "--", color="C1", label="expected share")
    ax.axhline(1 - np.exp(-1), color="ink", ls=":", label="$1 - 1/e = 0.632$")
    ax.set(xscale="log", xlabel="examples $N$", ylabel="share of distinct")
    ax.set(ylim=(0, 1.05), xticks=[1, 10, 100, 1000])
    ax.set_xticklabels(["1", "10", "100", "1000"])
    ax.legend(loc="lower right")
    return fig
