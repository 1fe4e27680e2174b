"""Scale of signal and gradient through depth; spread over random batches."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.training.batch_norm import (
    Moments,
    batch_norm,
    batch_norm_backward,
    batch_norm_inference,
)

DEPTH, WIDTH, EXAMPLES = 30, 256, 256
RESULT = Path(__file__).parents[2] / "experiments/training/batch_norm.json"


def _scales(gain, normalized):
    """Return rms activation and gradient behind each of 30 tanh layers."""
    rng = np.random.default_rng(0)
    one, zero = np.ones(WIDTH), np.zeros(WIDTH)
    h, layers = rng.normal(size=(EXAMPLES, WIDTH)), []
    for _ in range(DEPTH):
        w = gain / np.sqrt(WIDTH) * rng.normal(size=(WIDTH, WIDTH))
        z = h @ w
        h = np.tanh(batch_norm(z, one, zero)[0] if normalized else z)
        layers.append((w, z, h))
    dh, gradient = rng.normal(size=h.shape), []
    for w, z, h in reversed(layers):
        gradient.insert(0, _rms(dh))
        dz = dh * (1 - h**2)
        if normalized:
            dz, _, _ = batch_norm_backward(dz, z, one)
        dh = dz @ w.T
    return [_rms(h) for _, _, h in layers], gradient


def _rms(a):
    return np.sqrt(np.mean(a**2))


def depth() -> Figure:
    """Draw signal and gradient at 30 layers, for weights of three scales."""
    fig, (signal, gradient) = plt.subplots(2, sharex=True, figsize=(5, 5.6))
    lines = [
        (2, False, "C1", "-.", "gain 2"),
        (1, False, "C2", "--", "gain 1"),
        (0.5, False, "C3", ":", "gain 0.5"),
        (0.5, True, "C0", "-", "batch norm, each gain"),
        (1, True, "C0", "-", None),
        (2, True, "C0", "-", None),
    ]
    layer = np.arange(1, DEPTH + 1)
    for gain, normalized, color, style, label in lines:
        forward, backward = _scales(gain, normalized)
        signal.plot(layer, forward, style, color=color, label=label)
        gradient.plot(layer, backward, style, color=color)
    signal.set(title="signal, forward", yscale="log", ylabel="rms activation")
    signal.legend(loc="lower left")
    gradient.set(title="gradient, backward", yscale="log", xlabel="layer")
    gradient.set_ylabel("rms gradient")
    return fig


def rates() -> Figure:
    """Draw the accuracy over the learning rate, for weights of three scales."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    fig, panels = plt.subplots(2, sharex=True, sharey=True, figsize=(5, 5.4))
    titles = ("without batch norm", "with batch norm")
    styles = (("C3", ":"), ("C2", "--"), ("C1", "-."))
    for ax, title, gains in zip(
        panels, titles, numbers["accuracy"], strict=True
    ):
        for gain, (color, style), runs in zip(
            numbers["gains"], styles, gains, strict=True
        ):
            label = f"gain {gain:g}"
            mean = np.mean(runs, axis=1)
            ax.plot(numbers["rates"], runs, ".", color=color, markersize=3)
            ax.plot(numbers["rates"], mean, style, color=color, label=label)
        ax.set(title=title, ylabel="accuracy", ylim=(0, 1))
    ax.set(xlabel="learning rate", xscale="log")
    ax.legend(loc="lower left")
    return fig


def neighbours() -> Figure:
    """Draw what one example comes out as, in batches with random others."""
    rng = np.random.default_rng(0)
    one, zero = np.ones(1), np.zeros(1)
    sizes = 2 ** np.arange(1, 11)
    spread = []
    for size in sizes:
        # Channel c is the c-th batch: our example, then random others.
        x = rng.normal(size=(size, 2000))
        x[0] = 1.0
        y, _ = batch_norm(x, np.ones(2000), np.zeros(2000))
        spread.append(np.quantile(y[0], [0.05, 0.95]))
    low, high = np.transpose(spread)
    alone = batch_norm_inference(np.ones((1, 1)), one, zero, Moments(zero, one))
    fig, ax = plt.subplots()
    ax.fill_between(sizes, low, high, color="C0", alpha=0.25, linewidth=0)
    ax.plot(sizes, low, "o-", sizes, high, "o-", color="C0", markersize=4)
    ax.axhline(alone.item(), color="C1", linestyle="--")
    ax.annotate("training: 90 % of the batches", (20, 1.65), color="C0")
    ax.annotate("inference", (300, 0.65), color="C1")
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set(xlabel="size of the batch", ylabel="output for x = 1")
    return fig
