"""The bound and its gap; digits that the decoder draws; collapse."""

import json
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path as Path2D

from reference.generative.variational_autoencoder import (
    elbo,
    gaussian_log_density,
    linear_gaussian_log_likelihood,
    reparameterize,
)

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "experiments/generative/variational_autoencoder.json"


def gap() -> Figure:
    """Draw the bound of the page's example over the encoder's mean."""
    x, means = np.ones((1, 1)), np.linspace(-0.5, 1.5, 81)[:, None]
    exact = linear_gaussian_log_likelihood(x, x, np.zeros(1), 1.0)[0]
    fig, ax = plt.subplots(figsize=(5.6, 3.4))
    ax.axhline(exact, color="ink", linewidth=1)
    ax.annotate("$\\log p(x)$", (-0.48, exact + 0.03), va="bottom")
    for v, style, label, place in (
        (0.5, "-", "$v = 1/2$", (1.12, -1.71)),
        (1.0, "--", "$v = 1$", (0.72, -1.92)),
    ):
        color = "C0" if v < 1 else "C1"
        ax.plot(means, _bound(means, v), style, color=color, linewidth=2)
        ax.annotate(label, place, color=color)
    start = _bound(np.zeros((1, 1)), 1.0)[0]
    ax.plot(0.5, exact, "o", color="C0")
    ax.plot(0, start, "o", color="C1")
    ax.annotate("q = posterior", (0.5, exact + 0.03), ha="center", va="bottom")
    ax.annotate("q = prior", (0.06, start - 0.06))
    arrow = {"arrowstyle": "<->", "color": "ink", "shrinkA": 4, "shrinkB": 0}
    ax.annotate("", (0, start), (0, exact), arrowprops=arrow)
    size = f"gap {exact - start:.2f}"
    ax.annotate(size, (-0.04, -1.6), ha="right", va="center")
    ax.set(xlabel="mean $m$ of $q$", ylabel="bound, nats", ylim=(-2.5, -1.35))
    return fig


def collapse() -> Figure:
    """Draw what each entry of the code pays, for several weights."""
    fig, ax = plt.subplots(figsize=(5.6, 3.4))
    entries = np.arange(1, 9)
    for i, (beta, runs) in enumerate(_numbers()["beta"].items()):
        kl = np.array([run["kl"] for run in runs])
        style = {"color": f"C{i}", "linestyle": ["-", "--", "-.", ":", "-"][i]}
        ax.plot(entries, kl.T, linewidth=0.5, alpha=0.5, **style)
        label = f"$\\beta = {float(beta):g}$"
        ax.plot(entries, kl.mean(axis=0), linewidth=2, label=label, **style)
    ax.legend(ncols=3, loc="upper center", frameon=False)
    ax.set(
        xlabel="entry of the code", ylabel="divergence, nats", xticks=entries
    )
    ax.set_ylim(-0.05, 2.6)
    return fig


def grid() -> Figure:
    """Draw the decoded codes of a model with two numbers."""
    fig, ax = plt.subplots(figsize=(4.6, 4.6))
    _images(ax, _numbers()["drawings"]["grid"], 5)
    ax.set(xlabel="first number of the code", ylabel="second number")
    shares = ["5 %", "25 %", "50 %", "75 %", "95 %"]
    ax.set_xticks(9 * np.arange(5) + 4, shares)
    ax.set_yticks(9 * np.arange(5) + 4, shares[::-1])
    ax.tick_params(length=0)
    return fig


def samples() -> Figure:
    """Draw digits, their reconstructions, means and draws of the decoder."""
    drawings = _numbers()["drawings"]
    fig, ax = plt.subplots(figsize=(5.6, 3.9))
    rows = ("digits", "decoded", "samples", "drawn")
    _images(ax, [image for row in rows for image in drawings[row]], 6)
    ax.set(xticks=[])
    ax.set_yticks(9 * np.arange(4) + 4, ["digit", "decoded", "new", "drawn"])
    ax.tick_params(length=0)
    return fig


def _bound(means, v):
    """Return the bound at x = 1 for each mean, its expectation exact."""
    log_variance = np.full_like(means, np.log(v))
    noise = np.stack((np.ones_like(means), -np.ones_like(means)))
    z = reparameterize(means, log_variance, noise)
    likelihood = gaussian_log_density(np.ones_like(z), z, np.zeros(1))
    return elbo(likelihood.mean(axis=0), means, log_variance)


def _images(ax, images, columns):
    """Draw images, each 64 figures from 0 to 9, as tiles of a table."""
    shades = {shade: [] for shade in (3, 6, 9)}
    for i, image in enumerate(images):
        a = np.array([int(figure) for figure in image]).reshape(8, 8)
        left, top = 9 * (i % columns), 9 * (i // columns)
        for y, row in enumerate(3 * np.rint(a / 3).astype(int)):
            ends = [0, *np.flatnonzero(np.diff(row)) + 1, 8]
            for start, end in pairwise(ends):
                if row[start] > 0:
                    x, x2, y2 = left + start, left + end, top + y
                    cell = [(x, y2), (x2, y2), (x2, y2 + 1), (x, y2 + 1)]
                    shades[row[start]].append(Path2D(cell))
    # One path for each shade: an element for each cell is four times as long.
    paths = [Path2D.make_compound_path(*cells) for cells in shades.values()]
    tiles = PathCollection(paths, cmap="page", lw=0, antialiased=False)
    tiles.set_array(np.array(list(shades)))
    tiles.set_clim(0, 9)
    ax.add_collection(tiles)
    lines = -(-len(images) // columns)
    ax.set(xlim=(-0.5, 9 * columns - 0.5), ylim=(9 * lines - 0.5, -0.5))
    ax.set_aspect("equal")
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _numbers():
    """Return what the experiment measured."""
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
