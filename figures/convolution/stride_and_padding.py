"""Windows on a strip; the field of a unit; what of its field counts."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reference.convolution.convolution import conv2d, conv2d_backward
from reference.convolution.stride_and_padding import (
    output_size,
    receptive_field,
    strided_conv2d,
)

DEPTH, CHANNELS, DRAWS = 10, 8, 50


def windows() -> Figure:
    """Draw the windows of the page's example, one bar each, and their sums."""
    fig, ax = plt.subplots(figsize=(5, 6.9))
    top = 0.0
    for n, s, p, d in [
        (7, 1, 0, 1),
        (7, 2, 0, 1),
        (7, 2, 1, 1),
        (8, 2, 0, 1),
        (7, 1, 0, 2),
    ]:
        gaps = f", $d = {d}$" if d > 1 else ""
        title = f"$n = {n}$, $s = {s}$, $p = {p}${gaps}"
        ax.annotate(title, (-1, top + 0.35))
        _strip(ax, n, p, top)
        x = np.arange(1.0, n + 1).reshape(1, 1, 1, n)
        one, zero = np.ones((1, 1, 1, 3)), np.zeros(1)
        y = strided_conv2d(x, one, zero, s, (0, p), d)[0, 0, 0]
        for i in range(output_size(n, 3, s, p, d)):
            pixels = s * i - p + d * np.arange(3) + 0.5
            height = top - 1.4 - 0.6 * i
            ax.plot(pixels, np.full(3, height), "o-", color=f"C{i % 2}")
            ax.annotate(f"{y[i]:g}", (9.6, height), ha="right", va="center")
        top = height - 1.7
    ax.set(xlim=(-1.1, 9.8), ylim=(top + 1.2, 0.9))
    ax.axis("off")
    return fig


def _strip(ax, n, p, top):
    """Draw pixels 1 to n in cells, and the zeros of the padding without."""
    for i in range(-p, n + p):
        inside = 0 <= i < n
        edge, width = ("ink", 1.2) if inside else ("faint", 1.2)
        cell = Rectangle((i, top - 1), 1, 1, fill=False, ec=edge, lw=width)
        ax.add_patch(cell)
        text = f"{i + 1}" if inside else "0"
        ax.annotate(text, (i + 0.5, top - 0.52), ha="center", va="center")
    ax.annotate("sums", (9.6, top - 0.52), ha="right", va="center")


def cone() -> Figure:
    """Draw what two neighbours behind two layers with stride 2 see."""
    layers = [(3, 2), (3, 2)]
    size, jump = receptive_field(layers)
    counts = [size + jump]
    for k, s in layers:
        counts.append(output_size(counts[-1], k, s))
    fig, ax = plt.subplots(figsize=(5, 2.9))
    seen = {"C0": {0}, "C1": {1}}
    for level in range(len(layers), -1, -1):
        size, jump = receptive_field(layers[:level])
        middles = (size - 1) / 2 + jump * np.arange(counts[level])
        units = np.full(len(middles), level)
        ax.plot(middles, units, "o", color="ink", mfc="paper", ms=10, zorder=3)
        if level == 0:
            break
        k, s = layers[level - 1]
        below, step = receptive_field(layers[: level - 1])
        for color, style in (("C0", "-"), ("C1", "--")):
            reads = [(i, s * i + u) for i in seen[color] for u in range(k)]
            for i, read in reads:
                places = middles[i], (below - 1) / 2 + step * read
                ax.plot(places, (level, level - 1), style, color=color)
            seen[color] = {read for _, read in reads}
    for x, end, level in ((0, 6, -0.45), (4, 10, -0.75)):
        color = "C0" if x == 0 else "C1"
        style = "-" if x == 0 else "--"
        ax.plot([x - 0.3, end + 0.3], [level, level], style, color=color)
    ax.set(ylim=(-0.95, 2.3), xticks=range(11), xlabel="pixel")
    ax.set_yticks(range(3), ["pixels", "layer 1", "layer 2"])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return fig


def effective() -> Figure:
    """Draw which pixels of its field a unit depends on, and how much."""
    size, _ = receptive_field([(3, 1)] * DEPTH)
    square = np.mean([_gradient(seed, size) for seed in range(DRAWS)], axis=0)
    fig, (image, profile) = plt.subplots(
        2, figsize=(5, 6.4), height_ratios=[1.5, 1]
    )
    edges = np.arange(size + 1) - size / 2
    image.pcolormesh(edges, edges, np.sqrt(square), cmap="page")
    frame = Rectangle((edges[0], edges[0]), size, size, fill=False, lw=1)
    image.add_patch(frame)
    image.set_aspect("equal")
    image.spines[:].set_visible(False)
    image.set(xticks=[-10, 0, 10], yticks=[-10, 0, 10])
    image.set_title("size of the gradient")
    share = np.ones(1)
    for _ in range(DEPTH):
        share = np.convolve(share, np.full(3, 1 / 3))
    places = np.arange(size) - size // 2
    profile.bar(places, square.sum(axis=0), color="C0", label="measured")
    profile.plot(places, share, "o--", color="C1", ms=4, label="by counting")
    profile.set(xlabel="pixels from the middle", ylabel="share of a column")
    profile.legend()
    return fig


def _gradient(seed, size):
    """Return the squared gradient of one unit, its sum scaled to 1."""
    rng = np.random.default_rng(seed)
    x, zero = rng.normal(size=(1, 1, size, size)), np.zeros(CHANNELS)
    tape = []
    for _ in range(DEPTH):
        fan = x.shape[1] * 9
        w = rng.normal(size=(CHANNELS, x.shape[1], 3, 3)) * np.sqrt(2 / fan)
        tape.append((x, w))
        x = np.maximum(conv2d(x, w, zero), 0)
    dy = np.zeros_like(x)
    dy[0, 0, 0, 0] = 1.0  # of the last map before its rectifier
    for x, w in reversed(tape):
        dx = conv2d_backward(dy, x, w).dx
        dy = np.where(x > 0, dx, 0)
    return dx[0, 0] ** 2 / np.sum(dx**2)
