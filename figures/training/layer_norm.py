"""Which numbers are normalized together; gradients through deep stacks."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.training.batch_norm import batch_norm
from reference.training.layer_norm import layer_norm, layer_norm_backward

BATCH = np.array(
    [[-1.0, 5.0, 5.0, 7.0], [-10.0, 50.0, 50.0, 70.0], [2.0, 2.0, 6.0, 6.0]]
)
DEPTH, WIDTH, EXAMPLES = 48, 128, 32
RESULT = Path(__file__).parents[2] / "experiments/training/layer_norm.json"


def _table(ax, values, chosen, title, digits):
    """Draw a table of numbers, those of one group on a coloured ground."""
    ax.pcolormesh(chosen[::-1], cmap="page", vmin=0, vmax=2.5)
    for n, d in np.ndindex(values.shape):
        text = f"{values[n, d]:.{digits}f}".replace("-", "\N{MINUS SIGN}")
        weight = "bold" if chosen[n, d] else "normal"
        spot = d + 0.5, len(values) - n - 0.5
        ax.annotate(text, spot, ha="center", va="center", weight=weight)
    for d in range(values.shape[1] + 1):
        ax.axvline(d, color="faint", linewidth=1)
    for n in range(values.shape[0] + 1):
        ax.axhline(n, color="faint", linewidth=1)
    ax.set(title=title, xticks=[], yticks=[])


def groups() -> Figure:
    """Draw a batch, and what both normalizations make of one group."""
    one, zero = np.ones(4), np.zeros(4)
    column, row = np.zeros((2, *BATCH.shape))
    column[:, 0] = 1
    row[0] = 1
    fig, axes = plt.subplots(2, 2, figsize=(6, 3.8))
    _table(axes[0, 0], BATCH, column, "batch: in", 0)
    _table(axes[0, 1], BATCH, row, "layer: in", 0)
    by_column, _ = batch_norm(BATCH, one, zero)
    _table(axes[1, 0], by_column, column, "batch: out", 2)
    by_row = layer_norm(BATCH, one, zero)
    _table(axes[1, 1], by_row, row, "layer: out", 2)
    axes[0, 0].set_ylabel("examples")
    axes[1, 0].set_ylabel("examples")
    axes[1, 0].set_xlabel("features")
    axes[1, 1].set_xlabel("features")
    return fig


def _gradients(pre, gain):
    """Return the rms gradient at the input of each block of a stack."""
    rng = np.random.default_rng(0)
    one, zero = np.ones(WIDTH), np.zeros(WIDTH)
    x, blocks = rng.normal(size=(EXAMPLES, WIDTH)), []
    for _ in range(DEPTH):
        w = gain / np.sqrt(WIDTH) * rng.normal(size=(WIDTH, WIDTH))
        f = np.tanh((layer_norm(x, one, zero) if pre else x) @ w)
        blocks.append((w, x, f))
        x = x + f if pre else layer_norm(x + f, one, zero)
    dx, sizes = rng.normal(size=x.shape), []
    if pre:  # Its last output is normalized too.
        dx, _, _ = layer_norm_backward(dx, x, one)
    for w, x, f in reversed(blocks):
        if not pre:
            dx, _, _ = layer_norm_backward(dx, x + f, one)
        dh = (dx * (1 - f**2)) @ w.T
        if pre:
            dh, _, _ = layer_norm_backward(dh, x, one)
        dx = dx + dh
        sizes.insert(0, np.sqrt(np.mean(dx**2)))
    return sizes


def depth() -> Figure:
    """Draw the gradient at each of 48 blocks, normalized after or before."""
    fig, ax = plt.subplots(figsize=(5, 3.6))
    lines = [
        (False, 2, "C1", "-", "post-norm, gain 2"),
        (False, 1, "C2", "--", "post-norm, gain 1"),
        (True, 2, "C0", "-.", "pre-norm, gain 2"),
        (True, 1, "C3", ":", "pre-norm, gain 1"),
    ]
    for pre, gain, color, style, label in lines:
        sizes = _gradients(pre, gain)
        ax.plot(range(1, DEPTH + 1), sizes, style, color=color, label=label)
    ax.set(xlabel="block", ylabel="rms gradient at its input", yscale="log")
    ax.legend()
    return fig


def sizes() -> Figure:
    """Draw the accuracy over the size of the mini-batches, run by run."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, ax = plt.subplots(figsize=(5, 3.4))
    for name, color, style, label in (
        ("layer", "C0", "-", "layer norm"),
        ("batch", "C1", "--", "batch norm"),
        ("none", "C2", ":", "none"),
    ):
        ax.plot(numbers["sizes"], numbers[name], ".", color=color, markersize=4)
        mean = np.mean(numbers[name], axis=1)
        ax.plot(numbers["sizes"], mean, style, color=color, label=label)
    ax.set(xlabel="examples in a mini-batch", ylabel="accuracy", ylim=(0, 1))
    ax.set_xscale("log", base=2)
    ax.set_xticks(numbers["sizes"], [str(size) for size in numbers["sizes"]])
    ax.minorticks_off()
    ax.legend(loc="lower left")
    return fig
