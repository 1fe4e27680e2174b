"""Pruning.

Cuts a grown tree back: each question has to lower the impurity by at least
alpha for every leaf that it adds.

Axes    M nodes, K trees on the path.
Page    docs/en/trees/pruning.md ("eq. 3" marks the line of its (3))
Source  Breiman, Friedman, Olshen and Stone, Classification and Regression
        Trees, 1984
"""

from math import inf
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from reference.trees.decision_tree import Tree

Number = int | float | np.number


class PruningPath(NamedTuple):
    """The trees that pruning can lead to, largest first.

    From alphas[k] up to the next alpha, `prune` returns a tree with leaves[k]
    leaves and the impurity impurities[k].
    """

    alphas: Float[np.ndarray, "K"]
    impurities: Float[np.ndarray, "K"]
    leaves: Int[np.ndarray, "K"]


def node_losses(tree: Tree) -> Float[np.ndarray, "M"]:
    """Return what each node would add to the impurity of the tree, as a leaf.

    That is its impurity times its share of the examples.

    Raises:
        ValueError: An impurity or a weight is NaN or infinite, or the weight
            of the root is not above 0.

    >>> from reference.trees.decision_tree import classification_tree
    >>> x, y = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([0, 1, 0, 0])
    >>> node_losses(classification_tree(x, y, max_depth=1))
    array([0.375, 0.25 , 0.   ])
    """
    known = np.all(np.isfinite(tree.impurity) & np.isfinite(tree.weight))
    if not (known and tree.weight[0] > 0):
        raise ValueError(
            "pruning needs finite impurities and weights, and a root of "
            f"weight above 0, got {tree.impurity} and {tree.weight}"
        )
    return tree.weight / tree.weight[0] * tree.impurity  # eq. 1


def cost_complexity(tree: Tree, alpha: Number = 0.0) -> np.floating:
    """Return the impurity of a tree plus alpha for each of its leaves.

    Raises:
        ValueError: alpha is not at least 0; `node_losses` refuses the tree.

    >>> from reference.trees.decision_tree import regression_tree
    >>> stump = regression_tree(np.array([[0.0], [1.0]]), np.array([2.0, 6.0]))
    >>> cost_complexity(stump, 0.5).item()  # no impurity, two leaves
    1.0
    """
    _require_alpha(alpha)
    leaf = tree.feature < 0
    impurity = np.sum(node_losses(tree)[leaf])  # eq. 2
    return impurity + float(alpha) * int(np.sum(leaf))  # eq. 3


def collapse_alphas(tree: Tree) -> Float[np.ndarray, "M"]:
    """Return from which alpha on each node asks nothing any more.

    It is 0 for a leaf.

    Raises:
        ValueError: A node has no lower number than its children; `node_losses`
            refuses the tree.

    >>> from reference.trees.decision_tree import regression_tree
    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 0.0, 3.0])
    >>> collapse_alphas(regression_tree(x, y))
    array([2., 0., 0.])
    """
    _require_order(tree)
    losses = node_losses(tree)
    loss, branch = losses.tolist(), losses.tolist()
    leaves, children = [1] * len(loss), tree.children.tolist()
    parent = _above(tree, np.arange(len(loss)), -1).tolist()
    strength = np.full(len(loss), inf)  # of links: leaves have none
    found = np.zeros_like(losses)

    def measure(m):
        yes, no = children[m]
        branch[m] = branch[yes] + branch[no]
        leaves[m] = leaves[yes] + leaves[no]
        strength[m] = (loss[m] - branch[m]) / (leaves[m] - 1)  # eq. 4

    for m in np.flatnonzero(tree.feature >= 0)[::-1].tolist():
        measure(m)
    alpha, rounding = 0.0, 64 * float(np.finfo(losses.dtype).eps)
    while strength[0] < inf:
        weakest = int(np.argmin(strength))  # eq. 5
        # Links that differ by rounding only are equal, and break together.
        unsure = rounding * abs(loss[weakest]) / (leaves[weakest] - 1)
        if strength[weakest] > alpha + unsure:
            alpha = float(strength[weakest])
        below = [weakest]
        while below:
            m = below.pop()
            if strength[m] < inf:
                strength[m], found[m] = inf, alpha
                below += children[m]
        branch[weakest], leaves[weakest] = loss[weakest], 1
        m = parent[weakest]
        while m >= 0:
            measure(m)
            m = parent[m]
    return found


def cost_complexity_path(tree: Tree) -> PruningPath:
    """Return every alpha at which the pruned tree changes, and what it becomes.

    The alphas begin with 0 and increase.

    Raises:
        ValueError: `collapse_alphas` refuses the tree.

    >>> from reference.trees.decision_tree import regression_tree
    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 0.0, 3.0])
    >>> path = cost_complexity_path(regression_tree(x, y))
    >>> path.alphas.tolist(), path.leaves.tolist()
    ([0.0, 2.0], [2, 1])
    """
    losses, end = node_losses(tree), collapse_alphas(tree)
    start = _above(tree, end, inf)
    alphas = np.unique(end)
    impurities, leaves = [], []
    for alpha in alphas:
        leaf = (end <= alpha) & (alpha < start)  # eq. 6
        impurities.append(np.sum(losses[leaf]))
        leaves.append(np.count_nonzero(leaf))
    return PruningPath(alphas, np.asarray(impurities), np.asarray(leaves))


def prune(tree: Tree, alpha: Number) -> Tree:
    """Return the smallest of the pruned trees with the least cost complexity.

    Raises:
        ValueError: alpha is not at least 0; `collapse_alphas` refuses the tree.

    >>> from reference.trees.decision_tree import regression_tree
    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 0.0, 3.0])
    >>> tree = regression_tree(x, y)
    >>> prune(tree, 1.9).value.tolist(), prune(tree, 2.0).value.tolist()
    ([1.0, 0.0, 3.0], [1.0])
    """
    _require_alpha(alpha)
    asks = collapse_alphas(tree) > np.float64(alpha)
    kept = _above(tree, asks, True)
    number = np.cumsum(kept) - 1  # of the nodes that stay, in the same order
    return Tree(
        np.where(asks, tree.feature, -1)[kept],
        np.where(asks, tree.threshold, inf)[kept],
        np.where(asks[:, None], number[tree.children], -1)[kept],
        tree.value[kept],
        tree.impurity[kept],
        tree.weight[kept],
        tree.n_features,
    )


def _above(tree: Tree, values: np.ndarray, of_root: Number) -> np.ndarray:
    """Return for each node the value of its parent."""
    inner = tree.feature >= 0
    above = np.full_like(values, of_root)
    above[tree.children[inner]] = values[inner, None]
    return above


def _require_alpha(alpha: Number) -> None:
    """Raise unless alpha is a number from 0 on."""
    if not alpha >= 0:
        raise ValueError(f"alpha needs to be at least 0, got {alpha}")


def _require_order(tree: Tree) -> None:
    """Raise unless each node has a lower number than its children."""
    inner = np.flatnonzero(tree.feature >= 0)
    wrong = inner[np.any(tree.children[inner] <= inner[:, None], axis=1)]
    if wrong.size:
        raise ValueError(
            "a node needs a lower number than its children, got children "
            f"{tree.children[wrong[0]].tolist()} of node {wrong[0]}"
        )
