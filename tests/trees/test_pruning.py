from math import inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from reference.trees.decision_tree import (
    Tree,
    classification_tree,
    entropy,
    find_leaf,
    predict,
    regression_tree,
)
from reference.trees.pruning import (
    collapse_alphas,
    cost_complexity,
    cost_complexity_path,
    node_losses,
    prune,
)
from tests.checks import assert_close


@pytest.fixture
def tree(rng):
    """Return a tree of about 25 leaves, all of whose links differ."""
    x = rng.normal(size=(60, 3))
    y = x[:, 0] + x[:, 1] * (x[:, 2] > 0) + rng.normal(size=60)
    weights = rng.uniform(0.1, 2, size=60)
    return regression_tree(x, y, weights, min_samples_leaf=2)


def by_hand():
    """Return the tree of the page: six students and their hours."""
    hours = np.array([[1.0], [2.0], [3.0], [4.0], [6.0], [7.0]])
    return classification_tree(hours, np.array([0, 1, 0, 0, 1, 1]))


# The page's equations, each written out index by index below its LaTeX.


def loss_of(tree, m):
    return tree.weight[m] / tree.weight[0] * tree.impurity[m]


def leaves_below(tree, m, cut=()):
    """Return the leaves below node m if the nodes in `cut` are leaves."""
    if tree.feature[m] < 0 or m in cut:
        return [m]
    return [k for c in tree.children[m] for k in leaves_below(tree, c, cut)]


def strength_of(tree, m, cut=()):
    leaves = leaves_below(tree, m, cut)
    left = sum(loss_of(tree, k) for k in leaves)
    return (loss_of(tree, m) - left) / (len(leaves) - 1)


def inner_nodes(tree, m=0, cut=()):
    if tree.feature[m] < 0 or m in cut:
        return []
    return [
        m,
        *(k for c in tree.children[m] for k in inner_nodes(tree, c, cut)),
    ]


def test_eq_1(tree):
    r"""R(m) = \frac{N_m}{N} \, I(m)"""
    expected = [loss_of(tree, m) for m in range(len(tree.feature))]
    assert_close(node_losses(tree), expected)


def test_eq_2(tree):
    r"""R(T) = \sum_{m \in \tilde{T}} R(m)"""
    expected = sum(loss_of(tree, m) for m in leaves_below(tree, 0))
    assert_close(cost_complexity(tree, 0), expected)
    assert_close(cost_complexity(tree), expected)


def test_eq_3(tree):
    r"""R_\alpha(T) = R(T) + \alpha \, \lvert T \rvert"""
    leaves = leaves_below(tree, 0)
    expected = sum(loss_of(tree, m) for m in leaves) + 0.3 * len(leaves)
    assert_close(cost_complexity(tree, 0.3), expected)


def test_eq_4():
    r"""g(m) = \frac{R(m) - R(T_m)}{\lvert T_m \rvert - 1}"""
    tree = by_hand()
    assert_close(
        [strength_of(tree, m) for m in (0, 1, 3)], [1 / 6, 1 / 8, 1 / 6]
    )
    # A link breaks at its own strength if nothing near it is weaker.
    actual = collapse_alphas(tree)
    assert_close(actual[1], strength_of(tree, 1))
    assert_close(actual[0], strength_of(tree, 0, cut=[1]))


def test_eq_5(tree):
    r"""m^* = \argmin_{m \in T \setminus \tilde{T}} \, g(m)"""
    cut, expected = [], np.zeros(len(tree.feature))
    while inner := inner_nodes(tree, cut=cut):
        weakest = min(inner, key=lambda t: strength_of(tree, t, cut))
        alpha = strength_of(tree, weakest, cut)
        for m in inner_nodes(tree, weakest, cut):
            expected[m] = alpha
        cut.append(weakest)
    assert_close(collapse_alphas(tree), expected)


def test_eq_6(tree):
    r"""m \in \tilde{T}(\alpha) \iff \alpha_m \le \alpha < \alpha_{u(m)}"""
    end = collapse_alphas(tree)
    path = cost_complexity_path(tree)
    for k in range(len(path.alphas)):
        losses = []
        for m in range(len(end)):
            parents = [
                u for u in range(len(end)) if m in tree.children[u].tolist()
            ]
            start = end[parents[0]] if parents else inf
            if end[m] <= path.alphas[k] < start:
                losses.append(loss_of(tree, m))
        assert len(losses) == path.leaves[k]
        assert_close(path.impurities[k], sum(losses))


# The same as everybody else's: scikit-learn, and all subtrees tried.


def converted(fitted):
    """Return scikit-learn's tree as one of ours, in its own order of nodes."""
    tree, inner = fitted.tree_, fitted.tree_.feature >= 0
    value = tree.value[:, 0]
    return Tree(
        np.where(inner, tree.feature, -1),
        np.where(inner, tree.threshold, inf),
        np.stack([tree.children_left, tree.children_right], axis=1),
        value if isinstance(fitted, DecisionTreeClassifier) else value[:, 0],
        tree.impurity,
        tree.weighted_n_node_samples,
        tree.n_features,
    )


def merged(alphas, impurities):
    """Return a path without the steps between links that tie.

    scikit-learn cuts them one at a time, and rounds impurities less well.
    """
    alphas = np.maximum(alphas, 0)
    first = np.append(True, np.diff(alphas) > 1e-9 * alphas[1:] + 1e-15)
    last = np.append(first[1:], True)
    return alphas[first], impurities[last]


def assert_same_nodes(actual, expected):
    for ours, theirs in zip(actual, expected, strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("model", "load"),
    [
        (DecisionTreeRegressor(random_state=0), load_diabetes),
        (DecisionTreeClassifier(random_state=0), load_breast_cancer),
        (
            DecisionTreeClassifier(random_state=0, criterion="entropy"),
            load_breast_cancer,
        ),
    ],
    ids=["diabetes", "gini", "bits"],
)
def test_path_and_trees_are_scikit_learns(model, load, weighted, rng):
    """On trees grown to the end, with many ties between their links."""
    x, y = load(return_X_y=True)
    x, y = x[:250], y[:250]
    weights = rng.uniform(0.1, 2, size=250) if weighted else None
    full = converted(model.fit(x, y, weights))
    theirs = model.cost_complexity_pruning_path(x, y, weights)
    alphas, impurities = merged(theirs.ccp_alphas, theirs.impurities)
    ours = merged(*cost_complexity_path(full)[:2])
    assert_close(ours[0], alphas)
    assert_close(ours[1], impurities)
    params = model.get_params()
    between = np.append((alphas[:-1] + alphas[1:]) / 2, 2 * alphas[-1])
    for k in {0, 1, len(alphas) // 2, len(alphas) - 2, len(alphas) - 1}:
        pruned = type(model)(**{**params, "ccp_alpha": between[k]})
        expected = converted(pruned.fit(x, y, weights))
        actual = prune(full, between[k])
        assert_same_nodes(actual, expected)
        assert_close(predict(actual, x), pruned.predict(x))


def test_path_of_our_own_trees_is_scikit_learns():
    """With 7 examples a leaf no two splits tie, and both grow one tree."""
    x, y = load_diabetes(return_X_y=True)
    x = x.astype(np.float32).astype(float)
    path = cost_complexity_path(regression_tree(x, y, min_samples_leaf=7))
    model = DecisionTreeRegressor(min_samples_leaf=7, random_state=0)
    theirs = model.cost_complexity_pruning_path(x, y)
    assert_close(path.alphas, theirs.ccp_alphas)
    assert_close(path.impurities, theirs.impurities)
    y = np.digitize(y, [100, 200])
    nats = classification_tree(x, y, impurity=entropy, min_samples_leaf=7)
    model = DecisionTreeClassifier(
        criterion="entropy", min_samples_leaf=7, random_state=0
    )
    theirs = model.cost_complexity_pruning_path(x, y)
    alphas, impurities = merged(theirs.ccp_alphas, theirs.impurities)
    path = cost_complexity_path(nats)
    assert_close(path.alphas, alphas * log(2))
    assert_close(path.impurities, impurities * log(2))


def all_subtrees(tree, m=0):
    """Return the leaves of every tree that cutting can lead to."""
    if tree.feature[m] < 0:
        return [[m]]
    below = [all_subtrees(tree, c) for c in tree.children[m]]
    return [[m], *(yes + no for yes in below[0] for no in below[1])]


small_data = st.lists(
    st.tuples(st.integers(-4, 4), st.integers(0, 2), st.integers(0, 3)),
    min_size=1,
    max_size=10,
)


@settings(max_examples=25)
@given(small_data, st.sampled_from([0, 1, 2]))
def test_of_all_subtrees_the_pruned_one_costs_least(rows, kind):
    """On data full of ties; also where a split makes the loss larger."""
    *features, y = np.array(rows).T
    x = np.stack(features, axis=1).astype(float)
    tree = classification_tree(x, y, max_depth=4)
    if kind == 1:
        tree = regression_tree(x, y, max_depth=4)
    if kind == 2:
        drawn = np.random.default_rng(len(y)).random(len(tree.feature))
        tree = tree._replace(impurity=drawn)
    loss, subtrees = node_losses(tree), all_subtrees(tree)
    path = cost_complexity_path(tree)
    between = np.append((path.alphas[:-1] + path.alphas[1:]) / 2, 99.0)
    for k in range(len(path.alphas)):
        for alpha in (path.alphas[k], between[k]):
            pruned = prune(tree, alpha)
            costs = [np.sum(loss[s]) + alpha * len(s) for s in subtrees]
            assert_close(cost_complexity(pruned, alpha), min(costs))
            best = [
                len(s)
                for s, cost in zip(subtrees, costs, strict=True)
                if cost < min(costs) + 1e-12
            ]
            assert np.count_nonzero(pruned.feature < 0) == min(best)
            assert path.leaves[k] == min(best)


# There is no gradient. What the page promises, and what is refused.


def test_the_example_by_hand():
    tree = by_hand()
    assert_close(node_losses(tree)[[0, 1, 3]], [1 / 2, 1 / 4, 1 / 6])
    assert_close(collapse_alphas(tree), [1 / 4, 1 / 8, 0, 1 / 8, 0, 0, 0])
    alphas, impurities, leaves = cost_complexity_path(tree)
    assert_close(alphas, [0, 1 / 8, 1 / 4])
    assert_close(impurities, [0, 1 / 4, 1 / 2])
    assert_close(leaves, [4, 2, 1])
    sizes = [np.sum(prune(tree, a).feature < 0) for a in (0, 0.12, 0.13, inf)]
    assert sizes == [4, 4, 2, 1]


def test_each_alpha_of_the_path_gives_its_tree(tree):
    path = cost_complexity_path(tree)
    assert path.alphas[0] == 0
    assert np.all(np.diff(path.alphas) > 0)
    assert np.all(np.diff(path.leaves) < 0)
    assert np.all(np.diff(path.impurities) > 0)
    for k in range(len(path.alphas)):
        pruned = prune(tree, path.alphas[k])
        assert np.sum(pruned.feature < 0) == path.leaves[k]
        assert_close(cost_complexity(pruned), path.impurities[k])


def test_the_trees_of_the_path_are_nested(tree):
    """Pruning a pruned tree further is pruning the whole one."""
    path = cost_complexity_path(tree)
    for k in range(1, len(path.alphas)):
        step = prune(prune(tree, path.alphas[k - 1]), path.alphas[k])
        assert_same_nodes(step, prune(tree, path.alphas[k]))


def test_a_pruned_tree_predicts_the_mean_of_what_it_joined(rng):
    x, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    tree = regression_tree(x, y)
    pruned = prune(tree, cost_complexity_path(tree).alphas[-4])
    leaf = find_leaf(pruned, x)
    assert np.all(pruned.feature[leaf] == -1)
    assert np.all(pruned.children[leaf] == -1)
    assert np.all(np.isinf(pruned.threshold[leaf]))
    for m in set(leaf):
        assert_close(pruned.value[m], np.mean(y[leaf == m]))
        assert_close(pruned.impurity[m], np.var(y[leaf == m]))
        assert pruned.weight[m] == np.sum(leaf == m)
    assert pruned.n_features == 2
    assert_close(
        cost_complexity(pruned), np.mean((predict(pruned, x) - y) ** 2)
    )


def test_a_minimum_gain_stops_at_xor_and_pruning_does_not():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0, 1, 1, 0])
    stopped = classification_tree(x, y, min_impurity_decrease=1e-6)
    assert len(stopped.feature) == 1
    path = cost_complexity_path(classification_tree(x, y))
    assert_close(path.alphas, [0, 1 / 6])
    assert_close(path.leaves, [4, 1])


def test_equally_weak_links_break_together():
    x = np.arange(4.0)[:, None]
    path = cost_complexity_path(regression_tree(x, np.array([0.0, 1, 3, 4])))
    assert_close(path.alphas, [0, 1 / 8, 9 / 4])
    assert_close(path.leaves, [4, 2, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_links_that_only_rounding_tells_apart_break_together(dtype):
    x, y = load_diabetes(return_X_y=True)
    x, y = x.astype(dtype), y.astype(dtype)
    path = cost_complexity_path(regression_tree(x, y))
    assert len(path.alphas) > 200
    assert np.min(np.diff(path.alphas) / path.alphas[1:]) > 1e-5


@pytest.mark.parametrize("constant", [0, -20000])
def test_links_of_small_gain_between_large_losses_tie(constant):
    """Of losses of thousands, three gains of 1/1200 remain, each rounded.

    A constant added to every impurity, such as makes it negative, changes none.
    """
    x = np.repeat(np.arange(6.0), 4)[:, None]
    means = np.repeat([0, 0.1, 7, 7.1, 21, 21.1], 4)
    tree = regression_tree(x, means + np.tile([-170, 20, 50, 100], 6))
    tree = tree._replace(impurity=tree.impurity + constant)
    path = cost_complexity_path(tree)
    assert_close(path.alphas, [0, 1 / 1200, 49 / 6, 1225 / 18], rtol=1e-6)
    assert_close(path.leaves, [6, 3, 2, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_links_that_differ_by_more_than_rounding_do_not_tie(dtype):
    """Nodes 1 and 2 gain 2 for 2 leaves each, one of them 100 eps more."""
    gap = 100 * np.finfo(dtype).eps
    children = np.full((11, 2), -1)
    children[[0, 1, 2, 3, 5]] = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    asks = children[:, 0] > 0
    loss = np.zeros(11, dtype)
    loss[[0, 1, 2, 3, 5]] = [9, 2, 2 + 2 * gap, 1.5, 1.5]
    tree = Tree(
        np.where(asks, 0, -1),
        np.where(asks, 0, inf).astype(dtype),
        children,
        np.zeros(11, dtype),
        loss,
        np.ones(11, dtype),
        1,
    )
    path = cost_complexity_path(tree)
    assert_close(path.leaves, [6, 4, 2, 1])
    assert path.alphas[1:3].tolist() == [1, 1 + gap]


@pytest.mark.parametrize("alpha", [0.09, np.float64(0.09), np.float32(0.09)])
def test_alpha_is_compared_as_it_is(alpha):
    """The alpha of this tree is the float32 next to 0.09, a bit above it."""
    x, y = np.array([[0.0], [1.0]]), np.array([0.0, 0.6])
    stump = regression_tree(x.astype(np.float32), y.astype(np.float32))
    assert cost_complexity_path(stump).alphas[1] == np.float32(0.09)
    leaves = 2 if alpha < np.float64(np.float32(0.09)) else 1
    assert np.sum(prune(stump, alpha).feature < 0) == leaves
    assert len(prune(stump, 1e200).feature) == 1


def test_a_child_numbered_before_its_parent_is_refused(tree):
    """Also one that is its own child, which would never end."""
    for child in (0, 1):
        children = tree.children.copy()
        parent = np.flatnonzero(tree.feature >= 0)[child]
        children[parent, 1] = child
        bad = tree._replace(children=children)
        match = rf"than its children, got children .*{child}\] of node {parent}"
        for call in (
            collapse_alphas,
            cost_complexity_path,
            lambda tree: prune(tree, 0.1),
        ):
            with pytest.raises(ValueError, match=match):
                call(bad)


def test_weights_and_impurities_may_both_be_large(tree):
    large = tree._replace(
        weight=tree.weight * 1e200, impurity=tree.impurity * 1e200
    )
    assert_close(node_losses(large) / 1e200, node_losses(tree))


def test_a_question_without_any_gain_goes_at_alpha_zero():
    """Each side of each question holds one third of class 1."""
    x, y = np.repeat(np.arange(3.0), [3, 6, 12])[:, None], np.tile([1, 0, 0], 7)
    tree = classification_tree(x, y)
    assert np.sum(tree.feature < 0) == 3
    assert len(prune(tree, 0).feature) == 1
    path = cost_complexity_path(tree)
    assert_close(path.alphas, [0.0])
    assert_close(path.leaves, [1])


def test_an_outlier_leaves_the_other_links_alone():
    x, y = np.arange(5.0)[:, None], np.array([0.0, 0.0, 1.0, 1.0, 1e12])
    path = cost_complexity_path(regression_tree(x, y))
    assert_close(path.leaves, [3, 2, 1])
    assert_close(path.alphas[1], 0.2)


@pytest.mark.parametrize("scale", [1e-140, 1e-3, 1e140])
def test_alpha_has_the_unit_of_the_impurity(tree, scale):
    scaled = tree._replace(impurity=tree.impurity * scale**2)
    expected, actual = cost_complexity_path(tree), cost_complexity_path(scaled)
    assert_close(actual.alphas / scale**2, expected.alphas)
    assert_close(actual.leaves, expected.leaves)
    heavy = tree._replace(weight=tree.weight * scale)
    assert_close(cost_complexity_path(heavy).alphas, expected.alphas)


def test_a_tree_of_one_leaf():
    tree = regression_tree(np.ones((3, 1)), np.array([0.0, 0.0, 3.0]))
    path = cost_complexity_path(tree)
    assert_close(path.alphas, [0.0])
    assert_close(path.impurities, [2.0])
    assert_close(path.leaves, [1])
    assert_same_nodes(prune(tree, 5), tree)


def test_a_chain_of_hundreds_of_questions():
    """Node 2 i asks, and its children are 2 i + 1, a leaf, and 2 i + 2."""
    inner = np.arange(601) % 2 == 0
    inner[-1] = False
    below = np.arange(601)[:, None] + [1, 2]
    chain = Tree(
        np.where(inner, 0, -1),
        np.where(inner, np.arange(601.0), inf),
        np.where(inner[:, None], below, -1),
        np.zeros(601),
        np.where(inner, 1.0 * np.arange(601)[::-1] ** 2, 0.0),
        np.ones(601),
        1,
    )
    path = cost_complexity_path(chain)
    assert path.leaves[0] == 301
    assert path.leaves[-1] == 1
    assert len(prune(chain, path.alphas[-2]).feature) == 2 * path.leaves[-2] - 1


def test_classes_and_precision_stay(rng):
    x, y = rng.normal(size=(50, 2)), rng.integers(0, 3, size=50)
    numbers = rng.normal(size=50)
    single = x.astype(np.float32)
    for wide, narrow in [
        (classification_tree(x, y), classification_tree(single, y)),
        (
            regression_tree(x, numbers, min_samples_leaf=5),
            regression_tree(single, np.float32(numbers), min_samples_leaf=5),
        ),
    ]:
        expected, path = (
            cost_complexity_path(wide),
            cost_complexity_path(narrow),
        )
        for a, b in zip(expected, path, strict=True):
            assert_close(b, a, rtol=1e-4, atol=1e-6)
        assert path.alphas.dtype == path.impurities.dtype == np.float32
        assert node_losses(narrow).dtype == np.float32
        assert collapse_alphas(narrow).dtype == np.float32
        assert cost_complexity(narrow, np.float64(0.1)).dtype == np.float32
        assert expected.alphas.dtype == expected.impurities.dtype == np.float64
        for k in range(len(path.alphas)):
            pruned = prune(narrow, path.alphas[k])
            assert np.sum(pruned.feature < 0) == path.leaves[k]
            for new, old in zip(pruned[:-1], narrow[:-1], strict=True):
                assert new.dtype == old.dtype
                assert new.shape[1:] == old.shape[1:]


def test_arguments_are_left_as_they_were(tree):
    copies = [np.copy(field) for field in tree]
    cost_complexity_path(tree)
    prune(tree, 0.1)
    assert_same_nodes(tree, copies)


@pytest.mark.parametrize("alpha", [-1e-9, -1, np.nan, np.float32(-1)])
def test_other_alphas_are_refused(tree, alpha):
    message = f"alpha needs to be at least 0, got {alpha}"
    with pytest.raises(ValueError, match=message):
        prune(tree, alpha)
    with pytest.raises(ValueError, match=message):
        cost_complexity(tree, alpha)


@pytest.mark.parametrize("bad", [np.nan, inf])
def test_losses_that_are_not_finite_are_refused(tree, bad):
    impurity, weight = tree.impurity.copy(), tree.weight.copy()
    impurity[3] = weight[2] = bad
    empty = tree.weight * 0
    for wrong in (
        tree._replace(impurity=impurity),
        tree._replace(weight=weight),
        tree._replace(weight=empty),
    ):
        for call in (node_losses, collapse_alphas, cost_complexity_path):
            with pytest.raises(ValueError, match="finite impurities and weigh"):
                call(wrong)
        with pytest.raises(ValueError, match="finite impurities and weights"):
            prune(wrong, 0.1)
        with pytest.raises(ValueError, match="finite impurities and weights"):
            cost_complexity(wrong)


def test_losses_on_other_examples_may_rise_with_a_split():
    """Then the tree at alpha 0 is the smallest with the least of them."""
    tree = by_hand()
    impurity = np.array([0.5, 0.3, 0.2, 0.4, 0.1, 1.0, 1.0])
    pruned = prune(tree._replace(impurity=impurity), 0)
    assert np.sum(pruned.feature < 0) == 3
    assert_close(pruned.threshold[pruned.feature >= 0], [5.0, 2.5])
