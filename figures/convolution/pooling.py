"""Windows and winners of the worked example; pooled digits that move."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reference._datasets import digits
from reference.convolution.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    global_average_pool,
    max_pool2d,
    max_pool2d_backward,
)

X = np.array(
    [
        [1.0, 3.0, 2.0, 0.0],
        [5.0, 7.0, 2.0, 4.0],
        [6.0, 6.0, 1.0, 0.0],
        [2.0, 2.0, 3.0, 8.0],
    ]
)[None, None]
DY = np.array([[8.0, 4.0], [-4.0, 12.0]])[None, None]


def _draw(ax, values, filled, title):
    """Draw numbers in a frame of 4 x 4, its windows and the filled cells."""
    values = values[0, 0]
    side = 4 / len(values)
    for (row, column), value in np.ndenumerate(values):
        corner = (column * side, row * side)
        color = "C0" if filled[row, column] else "none"
        ax.add_patch(
            Rectangle(corner, side, side, facecolor=color, alpha=0.3, lw=0)
        )
        ax.add_patch(Rectangle(corner, side, side, fill=False, ec="faint"))
        middle = ((column + 0.5) * side, (row + 0.5) * side)
        text = f"{value:g}".replace("-", "−")
        ax.annotate(text, middle, ha="center", va="center")
    for edge in (0, 2, 4):
        ax.plot([0, 4], [edge, edge], color="ink", clip_on=False)
        ax.plot([edge, edge], [0, 4], color="ink", clip_on=False)
    ax.set(xlim=(0, 4), ylim=(4, 0), aspect="equal", title=title)
    ax.axis("off")


def windows() -> Figure:
    """Draw the worked example: forward on the left, backward on the right."""
    fig, axes = plt.subplots(3, 2, figsize=(4.4, 6.6))
    dmax, dmean = (
        max_pool2d_backward(DY, X, 2),
        avg_pool2d_backward(DY, X, 2),
    )
    winners, none = dmax[0, 0] != 0, np.zeros((4, 4), bool)
    every = ~none
    _draw(axes[0, 0], X, winners, "input $x$")
    _draw(axes[0, 1], DY, none, r"gradient $\delta$ from above")
    _draw(axes[1, 0], max_pool2d(X, 2), every, "maximum $y$")
    _draw(axes[1, 1], dmax, winners, "its gradient")
    _draw(axes[2, 0], avg_pool2d(X, 2), none, "mean $y$")
    _draw(axes[2, 1], dmean, none, "its gradient")
    return fig


def _changes(pool, images):
    """Return by what share `pool` changes in the mean, for shifts 0 to 7."""
    before, changes = pool(images), []
    axes = tuple(range(1, before.ndim))
    for shift in range(8):
        moved = pool(np.roll(images, shift, axis=3)) - before
        square = np.sum(moved**2, axis=axes) / np.sum(before**2, axis=axes)
        changes.append(np.mean(np.sqrt(square)))
    return changes


def shifts() -> Figure:
    """Draw how much the outputs change when 200 digits move to the right."""
    images = np.zeros((200, 1, 16, 16))
    images[:, 0, 4:12, 1:9] = digits().x[:200].reshape(200, 8, 8)
    lines = [
        ("no pooling", "C1", ":", "^", lambda x: x[:, :, ::2, ::2]),
        ("max-pool 2", "C0", "-", "o", lambda x: max_pool2d(x, 2)),
        ("average pool 2", "C2", "--", "s", lambda x: avg_pool2d(x, 2)),
    ]
    fig, (maps, means) = plt.subplots(2, sharex=True, figsize=(5, 6.2))
    for label, color, style, marker, pool in lines:
        look = {"color": color, "ls": style, "marker": marker, "ms": 5}
        whole = (lambda x: x) if label == "no pooling" else pool
        maps.plot(_changes(whole, images), label=label, **look)
        if label == "no pooling":
            label = "every 2nd pixel"
        pooled = _changes(lambda x, p=pool: global_average_pool(p(x)), images)
        means.plot(pooled, label=label, **look)
    alone = _changes(global_average_pool, images)
    maps.plot(alone, color="C3", ls="-.", label="global average")
    maps.set(title="the map itself", ylabel="relative change", ylim=(-0.06, 2))
    maps.legend(ncols=2, loc="upper left")
    means.set(title="the average of the map", ylabel="relative change")
    means.set(xlabel="shift in pixels", ylim=(-0.006, 0.22))
    means.legend(ncols=2, loc="upper left")
    return fig
