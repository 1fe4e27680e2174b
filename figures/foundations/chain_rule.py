"""A computation graph with its derivatives, and the best finite step."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.foundations.chain_rule import (
    jacobian,
    numerical_gradient,
    vector_jacobian_product,
)


def _between(x):
    """Return product and sum of the two inputs."""
    return np.stack([x[0] * x[1], x[0] + x[1]])


def graph() -> Figure:
    """Draw L = (a b)(a + b) at a = 2, b = 3 with values and derivatives."""
    inputs = np.array([2.0, 3.0])
    middle = _between(inputs)
    first = jacobian(_between, inputs)
    last = jacobian(np.prod, middle)[None, :]
    one = np.array([1.0])
    nodes = {
        "a": (0, 2, inputs[0], vector_jacobian_product(one, [first, last])[0]),
        "b": (0, 0, inputs[1], vector_jacobian_product(one, [first, last])[1]),
        "p = ab": (1.5, 2, middle[0], vector_jacobian_product(one, [last])[0]),
        "s = a + b": (
            1.5,
            0,
            middle[1],
            vector_jacobian_product(one, [last])[1],
        ),
        "L = ps": (3, 1, np.prod(middle), 1.0),
    }
    edges = (
        ("a", "p = ab", first[0, 0], 0.5, (0, 9)),
        ("b", "p = ab", first[0, 1], 0.28, (-9, 5)),
        ("a", "s = a + b", first[1, 0], 0.28, (-9, -5)),
        ("b", "s = a + b", first[1, 1], 0.5, (0, -9)),
        ("p = ab", "L = ps", last[0, 0], 0.5, (4, 9)),
        ("s = a + b", "L = ps", last[0, 1], 0.5, (4, -9)),
    )
    fig, ax = plt.subplots(figsize=(5, 3.4))
    for start, end, local, share, offset in edges:
        here, there = np.array(nodes[start][:2]), np.array(nodes[end][:2])
        arrow = {
            "arrowstyle": "->",
            "color": "ink",
            "shrinkA": 19,
            "shrinkB": 19,
        }
        ax.annotate("", there, here, arrowprops=arrow)
        ax.annotate(
            f"{local:.0f}",
            here + share * (there - here),
            offset,
            textcoords="offset points",
            color="C0",
            ha="center",
            va="center",
        )
    for name, (x, y, value, gradient) in nodes.items():
        ax.plot(x, y, "o", ms=33, mfc="paper", mec="ink", mew=1)
        ax.annotate(f"{value:.0f}", (x, y), ha="center", va="center")
        aside = (9, 27) if name[0] == "s" else (0, 26)  # of an arrow
        for text, offset, color in (
            (f"${name}$", aside, "ink"),
            (f"{gradient:.0f}", (0, -26), "C1"),
        ):
            ax.annotate(
                text,
                (x, y),
                offset,
                textcoords="offset points",
                color=color,
                ha="center",
                va="center",
            )
    ax.set(xlim=(-0.35, 3.4), ylim=(-0.75, 2.7))
    ax.set_axis_off()
    return fig


def step_sizes() -> Figure:
    """Draw the error of one-sided and central differences of exp at 1."""
    x, exact = np.array(1.0), np.exp(1.0)
    steps = 10.0 ** np.arange(-15, 0.25, 0.5)
    one_sided = [(np.exp(x + h) - np.exp(x)) / ((x + h) - x) for h in steps]
    central = [numerical_gradient(np.exp, x, h) for h in steps]
    fig, ax = plt.subplots(figsize=(5, 3.6))
    for found, label, style, color in (
        (one_sided, "one-sided", "s--", "C1"),
        (central, "central", "o-", "C0"),
    ):
        error = np.abs(np.array(found) - exact) / exact
        ax.loglog(steps, error, style, color=color, label=label, ms=5, lw=1.2)
    eps = np.finfo(np.float64).eps
    for h, error, text, offset in (
        (np.array([1e-15, 1e-5]), eps / np.array([1e-15, 1e-5]), "", (0, 0)),
        (np.array([1e-8, 1.0]), np.array([1e-8, 1.0]) / 2, "slope 1", (-62, 8)),
        (
            np.array([1e-5, 1.0]),
            np.array([1e-10, 1.0]) / 6,
            "slope 2",
            (0, -6),
        ),
    ):
        ax.plot(h, error, color="ink", lw=1, zorder=0)
        middle = np.exp(np.log(h).mean()), np.exp(np.log(error).mean())
        ax.annotate(text, middle, offset, textcoords="offset points", va="top")
    ax.annotate("rounding, slope −1", (2e-13, 1e-2), ha="left")
    ax.axvline(eps ** (1 / 3), color="faint", lw=1, zorder=0)
    ax.annotate(
        "default",
        (eps ** (1 / 3), 1.5),
        (4, 0),
        textcoords="offset points",
        va="top",
    )
    ax.set(xlabel="step $h$", ylabel="relative error", ylim=(1e-13, 3))
    ax.legend(loc="lower left")
    return fig
