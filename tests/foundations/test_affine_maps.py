import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from reference.foundations.affine_maps import (
    affine,
    affine_backward,
    compose_affine,
)
from tests.checks import assert_close, assert_float32, assert_gradient

N, D, K, M = 5, 3, 4, 2


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, D))


@pytest.fixture
def w(rng):
    return rng.normal(size=(D, K))


@pytest.fixture
def b(rng):
    return rng.normal(size=K)


@pytest.fixture
def w2(rng):
    return rng.normal(size=(K, M))


@pytest.fixture
def b2(rng):
    return rng.normal(size=M)


@pytest.fixture
def dy(rng):
    return rng.normal(size=(N, K))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, w, b, array):
    r"""y_{nk} = \sum_{d=1}^{D} x_{nd} w_{dk} + b_k"""
    expected = np.empty((N, K))
    for n, k in np.ndindex(N, K):
        expected[n, k] = sum(x[n, d] * w[d, k] for d in range(D)) + b[k]
    assert_close(affine(array(x), array(w), array(b)), expected)


def test_eq_2(dy, x, w, b, array):
    r"""\frac{\partial L}{\partial x_{nd}}
    = \sum_{k=1}^{K} \delta_{nk} w_{dk}"""
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = sum(dy[n, k] * w[d, k] for k in range(K))
    gradients = affine_backward(array(dy), array(x), array(w), array(b))
    assert_close(gradients.dx, expected)


def test_eq_3(dy, x, w, b, array):
    r"""\frac{\partial L}{\partial w_{dk}}
    = \sum_{n=1}^{N} x_{nd} \delta_{nk}"""
    expected = np.empty((D, K))
    for d, k in np.ndindex(D, K):
        expected[d, k] = sum(x[n, d] * dy[n, k] for n in range(N))
    gradients = affine_backward(array(dy), array(x), array(w), array(b))
    assert_close(gradients.dw, expected)


def test_eq_4(dy, x, w, b, array):
    r"""\frac{\partial L}{\partial b_k} = \sum_{n=1}^{N} \delta_{nk}"""
    expected = [sum(dy[n, k] for n in range(N)) for k in range(K)]
    gradients = affine_backward(array(dy), array(x), array(w), array(b))
    assert_close(gradients.db, expected)


def test_eq_5(w, b, w2, b2, array):
    r"""w_{dm} = \sum_{k=1}^{K} w^{(1)}_{dk} w^{(2)}_{km}"""
    expected = np.empty((D, M))
    for d, m in np.ndindex(D, M):
        expected[d, m] = sum(w[d, k] * w2[k, m] for k in range(K))
    one = compose_affine(array(w), array(b), array(w2), array(b2))
    assert_close(one.w, expected)


def test_eq_6(w, b, w2, b2, array):
    r"""b_m = \sum_{k=1}^{K} b^{(1)}_k w^{(2)}_{km} + b^{(2)}_m"""
    expected = [
        sum(b[k] * w2[k, m] for k in range(K)) + b2[m] for m in range(M)
    ]
    one = compose_affine(array(w), array(b), array(w2), array(b2))
    assert_close(one.b, expected)


# The same as everybody else's: PyTorch, whose weight is the transpose; einsum.


@pytest.mark.parametrize("shape", [(5, 3, 4), (3, 3, 3), (1, 1, 1), (6, 1, 2)])
def test_linear_of_torch_forward_and_backward(rng, array, shape):
    n, d, k = shape
    x, w, b = (
        rng.normal(size=(n, d)),
        rng.normal(size=(d, k)),
        rng.normal(size=k),
    )
    dy = rng.normal(size=(n, k))
    leaves = [torch.tensor(a).requires_grad_() for a in (x, w.T, b)]
    y = nn.functional.linear(*leaves)
    assert_close(affine(array(x), array(w), array(b)), y)
    dx, dwt, db = torch.autograd.grad(y, leaves, torch.tensor(dy))
    ours = affine_backward(array(dy), array(x), array(w), array(b))
    assert_close(ours.dx, dx)
    assert_close(ours.dw, dwt.T)
    assert_close(ours.db, db)


def test_einsum_of_numpy(x, w, b, array):
    expected = np.einsum("nd,dk->nk", x, w) + np.tile(b, (N, 1))
    assert_close(affine(array(x), array(w), array(b)), expected)


def test_two_linear_layers_of_torch(x, w, b, w2, b2, array):
    stack = nn.Sequential(nn.Linear(D, K), nn.Linear(K, M)).double()
    for layer, weight, bias in ((stack[0], w, b), (stack[1], w2, b2)):
        layer.weight.data = torch.tensor(weight.T)
        layer.bias.data = torch.tensor(bias)
    one = compose_affine(array(w), array(b), array(w2), array(b2))
    assert_close(affine(array(x), *one), stack(torch.tensor(x)))


def homogeneous(w, b):
    """Return the square-bordered matrix that maps (x, 1) to (y, 1)."""
    last = np.append(np.zeros(len(w)), 1.0)[:, None]
    return np.concatenate((np.concatenate((w, b[None])), last), axis=1)


def test_composition_is_a_product_in_homogeneous_coordinates(
    w, b, w2, b2, array
):
    one = compose_affine(array(w), array(b), array(w2), array(b2))
    product = homogeneous(w, b) @ homogeneous(w2, b2)
    assert_close(one.w, product[:-1, :-1])
    assert_close(one.b, product[-1, :-1])


# The gradient written by hand; autograd through the composition.


@pytest.mark.parametrize("shape", [(5, 3, 4), (3, 3, 3), (1, 2, 1)])
def test_gradient(rng, shape):
    n, d, k = shape
    args = rng.normal(size=(n, d)), rng.normal(size=(d, k)), rng.normal(size=k)
    assert_gradient(affine, affine_backward, *args)


def test_gradient_through_the_composition(x, w, b, w2, b2):
    """Two steps backwards are autograd's gradient of the composed map."""
    leaves = [torch.tensor(a).requires_grad_() for a in (w, b, w2, b2)]
    y = affine(torch.tensor(x), *compose_affine(*leaves))
    dy = torch.ones_like(y)
    expected = torch.autograd.grad(y, leaves, dy)
    first = torch.tensor(x), leaves[0].detach(), leaves[1].detach()
    second = affine(*first), leaves[2].detach(), leaves[3].detach()
    dh, dw2, db2 = affine_backward(dy, *second)
    _, dw1, db1 = affine_backward(dh, *first)
    for ours, theirs in zip((dw1, db1, dw2, db2), expected, strict=True):
        assert_close(ours, theirs)


# What the page promises: what affine maps keep, refused inputs.


def test_the_bill_of_the_page(array):
    x = array(np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 0.0]]))
    w, b = (
        array(np.array([[3.0, 1.0], [2.0, 3.0]])),
        array(np.array([4.0, 1.0])),
    )
    assert_close(affine(x, w, b), [[11, 8], [10, 3], [4, 1]])
    dy = array(np.array([[1.0, 0.0]] * 3))
    dx, dw, db = affine_backward(dy, x, w, b)
    assert_close(dx, [[3, 2]] * 3)
    assert_close(dw, [[3, 0], [2, 0]])
    assert_close(db, [3, 0])
    freight = array(np.array([[1.0], [2.0]])), array(np.array([5.0]))
    one = compose_affine(w, b, *freight)
    assert_close(one.w, [[5], [8]])
    assert_close(one.b, [11])


small = st.floats(-10, 10)


@given(st.lists(small, min_size=6, max_size=6), small)
@settings(max_examples=25)
def test_weighted_means_are_kept_and_sums_are_not(values, t):
    """f(t u + (1 - t) v) = t f(u) + (1 - t) f(v); f(0) = b."""
    u, v = np.array(values[:3])[None], np.array(values[3:])[None]
    rng = np.random.default_rng(3)
    w, b = rng.normal(size=(3, 2)), np.array([1.0, -2.0])
    mixed = affine(t * u + (1 - t) * v, w, b)
    means = t * affine(u, w, b) + (1 - t) * affine(v, w, b)
    assert_close(mixed, means, atol=1e-9)
    excess = affine(u, w, b) + affine(v, w, b) - affine(u + v, w, b)
    assert_close(excess, b[None], atol=1e-9)
    assert_close(affine(np.zeros((1, 3)), w, b), b[None])


def test_composition_is_associative(rng, array):
    widths = [(3, 5), (5, 2), (2, 4)]
    one, two, three = (
        (array(rng.normal(size=shape)), array(rng.normal(size=shape[1])))
        for shape in widths
    )
    left = compose_affine(*compose_affine(*one, *two), *three)
    right = compose_affine(*one, *compose_affine(*two, *three))
    assert_close(left.w, right.w)
    assert_close(left.b, right.b)


def test_the_identity_changes_nothing(w, b, array):
    identity = array(np.eye(K)), array(np.zeros(K))
    one = compose_affine(array(w), array(b), *identity)
    assert_close(one.w, w)
    assert_close(one.b, b)


def test_rank_is_at_most_the_inner_width(rng):
    one = compose_affine(
        rng.normal(size=(6, 2)), np.ones(2), rng.normal(size=(2, 7)), np.ones(7)
    )
    assert np.linalg.matrix_rank(one.w) == 2


def test_each_output_has_its_own_bias_also_where_n_is_k(array):
    y = affine(
        array(np.zeros((2, 2))), array(np.eye(2)), array(np.array([1.0, 5]))
    )
    assert_close(y, [[1, 5], [1, 5]])


def test_no_example_and_no_input(array):
    w, b = array(np.ones((D, K))), array(np.ones(K))
    none = array(np.zeros((0, D)))
    assert affine(none, w, b).shape == (0, K)
    dx, dw, db = affine_backward(array(np.zeros((0, K))), none, w, b)
    assert tuple(dx.shape) == (0, D)
    assert_close(dw, np.zeros((D, K)))
    assert_close(db, np.zeros(K))
    no_input = array(np.zeros((2, 0))), array(np.zeros((0, K)))
    assert_close(affine(*no_input, b), np.ones((2, K)))


def test_float32(dy, x, w, b, w2, b2):
    assert_float32(affine, x, w, b)
    assert_float32(affine_backward, dy, x, w, b)
    assert_float32(compose_affine, w, b, w2, b2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_keep_the_precision_of_every_library(
    dy, x, w, b, w2, b2, array, dtype
):
    dy, x, w, b, w2, b2 = (
        array(a.astype(dtype)) for a in (dy, x, w, b, w2, b2)
    )
    results = (
        affine(x, w, b),
        *affine_backward(dy, x, w, b),
        *compose_affine(w, b, w2, b2),
    )
    assert all(result.dtype == x.dtype for result in results)


def test_no_argument_is_changed(dy, x, w, b, w2, b2):
    before = [a.copy() for a in (dy, x, w, b, w2, b2)]
    affine(x, w, b)
    affine_backward(dy, x, w, b)
    compose_affine(w, b, w2, b2)
    for a, old in zip((dy, x, w, b, w2, b2), before, strict=True):
        assert np.array_equal(a, old)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("x", "w", "b"),
    [
        ((D,), (D, K), (K,)),
        ((2, N, D), (D, K), (K,)),
        ((2, D, D), (D, K), (K,)),
        ((), (D, K), (K,)),
        ((N, D), (K, D), (K,)),
        ((N, D), (D + 1, K), (K,)),
        ((N, D), (D, 1), (K,)),
        ((N, D), (D,), (K,)),
        ((N, D), (D,), ()),
        ((N, D), (2, D, K), (K,)),
        ((D, D), (D, D, K), (D, K)),
        ((N, D), (D, K), (1,)),
        ((N, D), (D, K), ()),
        ((N, D), (D, K), (1, K)),
        ((N, D), (D, K), (N, 1)),
        ((N, D), (D, N), (N, 1)),
        ((N, D), (D, K), (N, K)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x, w, b, array):
    message = re.escape(
        "an affine map needs x (N, D), w (D, K) and b (K,), "
        f"got {x}, {w} and {b}"
    )
    x, w, b = (array(np.ones(shape)) for shape in (x, w, b))
    with pytest.raises(ValueError, match=message):
        affine(x, w, b)
    with pytest.raises(ValueError, match=message):
        affine_backward(array(np.ones((N, K))), x, w, b)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "shape", [(K, N), (N, 1), (1, K), (K,), (), (N, K + 1), (2, N, K)]
)
def test_another_upstream_gradient_is_refused(x, w, b, array, shape):
    message = re.escape(f"affine_backward needs dy ({N}, {K}), got {shape}")
    with pytest.raises(ValueError, match=message):
        affine_backward(array(np.ones(shape)), array(x), array(w), array(b))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("w1", "b1", "w2", "b2"),
    [
        ((D, K), (K,), (K + 1, M), (M,)),
        ((D, K), (K,), (M, K), (M,)),
        ((D, K), (K,), (K, M), (1,)),
        ((D, K), (K,), (K, M), ()),
        ((D, K), (K,), (K, M), (M, 1)),
        ((D, K), (1,), (K, M), (M,)),
        ((D, K), (), (K, M), (M,)),
        ((D, K), (K, 1), (K, M), (M,)),
        ((D, K), (1, K), (K, M), (M,)),
        ((K,), (K,), (K, M), (M,)),
        ((D, K), (K,), (K,), ()),
        ((2, D, K), (K,), (K, M), (M,)),
        ((2, D, K), (D, K), (D, K, M), (M,)),
        ((D, K), (K,), (K, K, M), (K, M)),
        ((D, 1), (K,), (K, M), (M,)),
        ((D,), (), (K, M), (K, M)),
        ((2, D, K), (D, K), (D, K), ()),
    ],
)
def test_maps_that_do_not_follow_each_other_are_refused(w1, b1, w2, b2, array):
    message = re.escape(
        "needs w1 (D, K), b1 (K,), w2 (K, M) and b2 (M,), "
        f"got {w1}, {b1}, {w2} and {b2}"
    )
    arrays = [array(np.ones(shape)) for shape in (w1, b1, w2, b2)]
    with pytest.raises(ValueError, match=message):
        compose_affine(*arrays)


@pytest.mark.usefixtures("unchecked")
def test_arrays_of_two_libraries_are_refused(dy, x, w, b, w2, b2):
    calls = [
        (affine, (x, w, b)),
        (affine_backward, (dy, x, w, b)),
        (compose_affine, (w, b, w2, b2)),
    ]
    for function, args in calls:
        for i in range(len(args)):
            mixed = list(args)
            mixed[i] = torch.tensor(mixed[i])
            with pytest.raises(TypeError, match="Multiple namespaces"):
                function(*mixed)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "complex128"])
def test_other_than_real_floating_numbers_are_refused(
    dy, x, w, b, w2, b2, array, dtype
):
    calls = [
        (affine, (x, w, b)),
        (affine_backward, (dy, x, w, b)),
        (compose_affine, (w, b, w2, b2)),
    ]
    for function, args in calls:
        for i in range(len(args)):
            arrays = [
                array(a.astype(dtype) if i == j else a)
                for j, a in enumerate(args)
            ]
            with pytest.raises(
                ValueError, match=f"point numbers, got .*{dtype}"
            ):
                function(*arrays)
