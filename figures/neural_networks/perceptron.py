"""The boundary after each mistake on AND, and why no line does XOR."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reference.neural_networks.perceptron import perceptron, threshold_unit

X = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
AND = np.array([1, -1, -1, -1])
XOR = np.array([-1, 1, 1, -1])
SIDE = np.array([-2.0, 2.0])


def _examples(ax, y):
    """Draw the four pairs of votes, by label."""
    ax.plot(*X[y > 0].T, "o", color="C0", ms=9, label="label +1")
    ax.plot(*X[y < 0].T, "s", color="C1", ms=8, label="label −1")
    ax.set(aspect="equal", xlim=SIDE, ylim=SIDE)
    ax.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])


def _boundary(ax, w, b, **style):
    """Draw the line where the score is 0."""
    point, along = -b * w / (w @ w), np.array([-w[1], w[0]])
    along = 6 * along / np.linalg.norm(along)
    ax.plot(*np.stack([point - along, point + along]).T, **style)


def mistakes() -> Figure:
    """Draw the boundary and the weights after each mistake on AND."""
    fig, axes = plt.subplots(2, 2, figsize=(5, 5.4))
    grid = np.stack(np.meshgrid(*2 * [np.linspace(-2, 2, 401)]), axis=-1)
    panels = axes.ravel()
    for n, ax in enumerate(panels[:3]):
        w, b, _ = perceptron(X[: n + 1], AND[: n + 1], 1)
        says = threshold_unit(grid.reshape(-1, 2), w, b).reshape(401, 401)
        ax.contourf(
            grid[..., 0],
            grid[..., 1],
            says,
            levels=[0, 2],
            colors=["C0"],
            alpha=0.15,
        )
        _boundary(ax, w, b, color="ink", lw=1.5, label="boundary")
        _examples(ax, AND)
        ring = {"mfc": "none", "mec": "ink", "ms": 18, "ls": "none"}
        ax.plot(*X[n], "o", label="the mistake", **ring)
        normal = w / np.linalg.norm(w)
        start = -b * w / (w @ w) + 0.55 * np.array([-normal[1], normal[0]])
        ax.annotate(
            "",
            start + 0.75 * normal,
            start,
            arrowprops={"arrowstyle": "-|>", "color": "C2", "lw": 2},
        )
        ax.set_title(f"after mistake {n + 1}")
    for ax in (panels[0], panels[2]):
        ax.set_ylabel("$x_2$")
    for ax in panels[1:3]:
        ax.set_xlabel("$x_1$")
    panels[3].axis("off")
    panels[1].plot([], [], color="C2", lw=2, label="direction of $w$")
    shade = plt.Rectangle((0, 0), 1, 1, fc="C0", alpha=0.15, label="answer +1")
    handles, _ = panels[1].get_legend_handles_labels()
    panels[3].legend(handles=[*handles, shade], loc="center", labelspacing=0.9)
    return fig


def xor() -> Figure:
    """Draw XOR, its diagonals, and the lines that the rule tries in turn."""
    fig, ax = plt.subplots(figsize=(4.6, 4.4))
    for n in range(3):
        w, b, _ = perceptron(X[: n + 1], XOR[: n + 1], 1)
        label = "boundaries that the rule tries" if n == 0 else None
        _boundary(ax, w, b, color="ink", lw=1, ls=":", label=label)
    _examples(ax, XOR)
    for y, color, style in ((1, "C0", "-"), (-1, "C1", "--")):
        ax.plot(*X[y == XOR].T, style, color=color, lw=1.5)
    ax.plot(0, 0, "D", color="ink", ms=6, label="middle of both pairs")
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    fig.legend(loc="outside lower center", ncols=2, columnspacing=1)
    return fig
