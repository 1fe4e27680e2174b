import re
from fractions import Fraction
from math import exp, inf, log, log1p, nan

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn.metrics import log_loss

from reference.foundations import information
from reference.neural_networks.classification_losses import (
    binary_cross_entropy,
    binary_cross_entropy_gradient,
    cross_entropy,
    cross_entropy_gradient,
    cross_entropy_one_hot,
    cross_entropy_one_hot_gradient,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

BINARY = [binary_cross_entropy, binary_cross_entropy_gradient]
SPARSE = [cross_entropy, cross_entropy_gradient]
ONE_HOT = [cross_entropy_one_hot, cross_entropy_one_hot_gradient]
Z = np.array([-2.0, 0.0, 0.5, 3.0, -0.25, 7.0, 0.0])
Y = np.array([0.0, 1.0, 1.0, 0.0, 0.25, 0.875, 0.0])
LOGITS = np.array([[0.5, -1.0, 2.0], [0.0, 3.0, -2.0], [1, 1, 1], [4, 0, 0.5]])
LABELS = np.array([2, 0, 1, 0])
SOFT = np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0, 0.5, 0.5], [0.75, 0, 0.25]])
N, C = LOGITS.shape


@pytest.fixture
def binary(array):
    """Return logits and targets of the library under test."""
    return array(Z), array(Y)


@pytest.fixture
def sparse(array):
    """Return rows of logits and their labels."""
    return array(LOGITS), array(LABELS)


@pytest.fixture
def soft(array):
    """Return rows of logits and probabilities of the classes."""
    return array(LOGITS), array(SOFT)


def probability(n, c):
    """Return the softmax of row n at class c, by the definition."""
    return exp(LOGITS[n, c]) / sum(exp(LOGITS[n, k]) for k in range(C))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(binary):
    r"""
    L = \frac{1}{N} \sum_{n=1}^{N} \left( s_n \lvert z_n \rvert
    + \log \left( 1 + e^{-\lvert z_n \rvert} \right) \right)
    """
    total = 0.0
    for n in range(len(Z)):
        s = 1 - Y[n] if Z[n] >= 0 else Y[n]
        total += s * abs(Z[n]) + log(1 + exp(-abs(Z[n])))
    assert_close(binary_cross_entropy(*binary), total / len(Z))


def test_eq_2(binary):
    r"""\frac{\partial L}{\partial z_n} = \frac{1}{N} (p_n - y_n)"""
    expected = []
    for n in range(len(Z)):
        p = 1 / (1 + exp(-Z[n]))
        expected.append((p - Y[n]) / len(Z))
    assert_close(binary_cross_entropy_gradient(*binary), expected)


def test_eq_3(sparse):
    r"""L = -\frac{1}{N} \sum_{n=1}^{N} \log p_{n t_n}"""
    expected = 0.0
    for n in range(N):
        expected -= log(probability(n, LABELS[n])) / N
    assert_close(cross_entropy(*sparse), expected)


def test_eq_4(sparse):
    r"""
    \frac{\partial L}{\partial z_{nc}}
    = \frac{1}{N} \left( p_{nc} - [c = t_n] \right)
    """
    expected = np.zeros((N, C))
    for n in range(N):
        for c in range(C):
            hit = 1 if c == LABELS[n] else 0
            expected[n, c] = (probability(n, c) - hit) / N
    assert_close(cross_entropy_gradient(*sparse), expected)


def test_eq_5(soft):
    r"""
    L = -\frac{1}{N} \sum_{n=1}^{N} \sum_{c=1}^{C} y_{nc} \log p_{nc}
    """
    expected = 0.0
    for n in range(N):
        for c in range(C):
            expected -= SOFT[n, c] * log(probability(n, c)) / N
    assert_close(cross_entropy_one_hot(*soft), expected)


def test_eq_6(soft):
    r"""
    \frac{\partial L}{\partial z_{nc}}
    = \frac{1}{N} \left( p_{nc} - y_{nc} \right)
    """
    expected = np.zeros((N, C))
    for n in range(N):
        for c in range(C):
            expected[n, c] = (probability(n, c) - SOFT[n, c]) / N
    assert_close(cross_entropy_one_hot_gradient(*soft), expected)


# The same as everybody else's: PyTorch, scikit-learn, SciPy.


def slope(loss, z, *rest):
    """Return PyTorch's gradient of one of its losses in the logits."""
    leaf = torch.asarray(z).detach().clone().requires_grad_()
    return torch.autograd.grad(loss(leaf, *rest), leaf)[0]


def test_pytorch_has_the_same_binary_loss_and_gradient(rng, array):
    z, y = 5 * rng.normal(size=(6, 3)), rng.uniform(size=(6, 3))
    y[:2] = np.round(y[:2])
    theirs = F.binary_cross_entropy_with_logits
    given_, target = (array(z), array(y)), torch.asarray(y)
    assert_close(
        binary_cross_entropy(*given_), theirs(torch.asarray(z), target)
    )
    actual = binary_cross_entropy_gradient(*given_)
    assert_close(actual, slope(theirs, z, target))


def test_pytorch_has_the_same_losses_and_gradients_of_classes(rng, array):
    z, t = 5 * rng.normal(size=(6, 4)), rng.integers(4, size=6)
    y = rng.dirichlet(np.ones(4), size=6)
    for functions, target in ((SPARSE, t), (ONE_HOT, y)):
        loss, gradient = (f(array(z), array(target)) for f in functions)
        theirs = torch.asarray(target)
        assert_close(loss, F.cross_entropy(torch.asarray(z), theirs))
        assert_close(gradient, slope(F.cross_entropy, z, theirs))


def test_pytorch_smooths_labels_in_the_same_way(rng):
    z, t = 3 * rng.normal(size=(6, 4)), rng.integers(4, size=6)
    y = 0.9 * np.eye(4)[t] + 0.1 / 4
    theirs = F.cross_entropy(
        torch.asarray(z), torch.asarray(t), label_smoothing=0.1
    )
    assert_close(cross_entropy_one_hot(z, y), theirs)


def test_pytorch_has_the_classes_on_axis_1(rng, array):
    z, t = rng.normal(size=(2, 5, 3)), rng.integers(3, size=(2, 5))
    theirs = F.cross_entropy(torch.asarray(z).mT, torch.asarray(t))
    assert_close(cross_entropy(array(z), array(t)), theirs)


def test_scikit_learn_has_the_same_losses_of_probabilities(rng, array):
    z, t = rng.normal(size=(8, 3)), np.array([0, 1, 2, 2, 1, 0, 1, 1])
    expected = log_loss(t, special.softmax(z, axis=1))
    assert_close(cross_entropy(array(z), array(t)), expected)
    y = np.minimum(t, 1)
    expected = log_loss(y, special.expit(z[:, 0]))
    assert_close(binary_cross_entropy(array(z[:, 0]), array(y)), expected)


def test_the_information_page_has_the_same_cross_entropy(soft, array):
    p = array(special.softmax(LOGITS, axis=1))
    expected = to_numpy(information.cross_entropy(array(SOFT), p)).mean()
    assert_close(cross_entropy_one_hot(*soft), expected)


# The hand-written gradients.


def test_gradients():
    y, t = torch.asarray(Y), torch.asarray(LABELS)
    for (loss, gradient), z, target in (
        (BINARY, Z, y),
        (SPARSE, LOGITS, t),
        (ONE_HOT, LOGITS, torch.asarray(SOFT)),
    ):
        assert_gradient(
            lambda a, f=loss, b=target: f(a, b),
            lambda dy, a, f=gradient, b=target: dy * f(a, b),
            z,
        )


def test_autograd_has_the_slope_of_a_soft_target():
    """It is minus the logit, and minus the log-probability, over N."""
    y = torch.asarray(Y).requires_grad_()
    loss = binary_cross_entropy(torch.asarray(Z), y)
    assert_close(torch.autograd.grad(loss, y)[0], -Z / len(Z))
    y = torch.asarray(SOFT).requires_grad_()
    loss = cross_entropy_one_hot(torch.asarray(LOGITS), y)
    expected = -special.log_softmax(LOGITS, axis=1) / N
    assert_close(torch.autograd.grad(loss, y)[0], expected)


@pytest.mark.parametrize("size", [1e4, 1e200])
def test_autograd_survives_extreme_logits(size):
    z = torch.tensor([size, size, -size, -size], dtype=torch.float64)
    y = torch.tensor([1, 0, 1, 0])
    actual = slope(binary_cross_entropy, z, y)
    assert_close(actual, [0, 0.25, -0.25, 0])
    rows = torch.stack([z, -z], dim=1)
    actual = slope(cross_entropy, rows, y)
    expected = cross_entropy_gradient(rows.detach(), y)
    assert_close(actual, expected)
    one_hot = torch.stack([1 - y, y], dim=1)
    assert_close(slope(cross_entropy_one_hot, rows, one_hot), expected)


# What the page promises: invariances, limits, pitfalls, refused inputs.


def test_the_example_by_hand(array):
    z = array(np.log(np.array([3.0, 1.0, 3.0, 3.0])))
    y = array(np.array([1.0, 1.0, 0.0, 0.75]))
    quarter = 0.75 * log(4 / 3) + 0.25 * log(4)
    expected = (log(4 / 3) + log(2) + log(4) + quarter) / 4
    assert_close(binary_cross_entropy(z, y), expected)
    actual = binary_cross_entropy_gradient(z, y)
    assert_close(actual, [-1 / 16, -1 / 8, 3 / 16, 0])


@settings(max_examples=25)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=5), st.floats(0, 1))
def test_the_smallest_loss_of_a_soft_target_is_its_entropy(z, q):
    z = np.array(z)
    y = np.full_like(z, q)
    entropy = special.entr(q) + special.entr(1 - q)
    assert binary_cross_entropy(z, y) >= entropy * (1 - 1e-12) - 1e-12
    assert_close(binary_cross_entropy(z, y), binary_cross_entropy(-z, 1 - y))
    size = np.abs(binary_cross_entropy_gradient(z, y))
    assert np.all(size <= 1 / len(z))


@settings(max_examples=25)
@given(
    st.lists(st.floats(-50, 50), min_size=2, max_size=5),
    st.floats(-1e3, 1e3),
    st.integers(0, 1),
)
def test_only_differences_count_and_the_gradient_sums_to_0(z, shift, t):
    z, t = np.array(z), np.array(t)
    for loss, gradient in (SPARSE, ONE_HOT):
        target = t if loss is cross_entropy else np.eye(len(z))[t]
        near = {"rtol": 1e-9, "atol": 1e-10}
        assert_close(loss(z + shift, target), loss(z, target), **near)
        assert_close(np.sum(gradient(z, target)), 0.0)


def test_two_classes_are_the_binary_loss_of_the_difference(rng, array):
    z, y = 4 * rng.normal(size=(9, 2)), rng.integers(2, size=9)
    difference = array(z[:, 1] - z[:, 0])
    expected = binary_cross_entropy(difference, array(y))
    assert_close(cross_entropy(array(z), array(y)), to_numpy(expected))
    actual = to_numpy(cross_entropy_gradient(array(z), array(y)))
    expected = to_numpy(binary_cross_entropy_gradient(difference, array(y)))
    assert_close(actual, np.stack([-expected, expected], axis=1))


def test_one_class_is_never_in_doubt(array):
    z, t = array(np.array([[-5.0], [7.0]])), array(np.array([0, 0]))
    one = array(np.ones((2, 1)))
    for loss in (cross_entropy(z, t), cross_entropy_one_hot(z, one)):
        assert_close(loss, 0.0)
        assert not np.signbit(to_numpy(loss))
    assert_close(cross_entropy_gradient(z, t), np.zeros((2, 1)))


def test_labels_and_one_hot_rows_are_the_same(sparse, array):
    for kind in (np.float64, np.int64, np.bool_):
        one_hot = array(np.eye(3)[LABELS].astype(kind))
        for a, b in zip(SPARSE, ONE_HOT, strict=True):
            assert_close(a(*sparse), to_numpy(b(sparse[0], one_hot)))


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.bool_, np.float32])
def test_binary_labels_of_any_kind(kind, array):
    y = np.array([0, 1, 1, 0, 0, 1, 0])
    for function in BINARY:
        actual = function(array(Z), array(y.astype(kind)))
        assert_close(actual, function(Z, y.astype(np.float64)))
        assert "float64" in str(actual.dtype)


def test_every_probability_may_be_as_large_as_it_likes_but_never_1(array):
    """The 0-1 loss is 0 from the start; the loss falls, the slope stays."""
    label, last = array(np.array([1])), inf
    for z in (0.1, 1.0, 10.0, 30.0):
        logits = array(np.array([[0.0, z]]))
        loss = float(cross_entropy(logits, label))
        assert 0 < loss < last
        assert float(cross_entropy_gradient(logits, label)[0, 1]) < 0
        last = loss
    near = {"rtol": 1e-12, "atol": 0}
    for z in (10.0, 30.0, 700.0, -10.0, -30.0, -700.0):
        given_ = array(np.array([z])), array(np.array([float(z > 0)]))
        rest = exp(-abs(z))
        assert_close(binary_cross_entropy(*given_), log1p(rest), **near)
        expected = [-np.sign(z) * rest / (1 + rest)]
        assert_close(binary_cross_entropy_gradient(*given_), expected, **near)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (4, 3), (2, 3, 2)])
def test_a_mean_over_all_entries_whatever_the_shape(shape, rng, array):
    z, y = rng.normal(size=shape), rng.uniform(size=shape)
    a, b = array(np.asarray(z)), array(np.asarray(y))
    expected = np.mean(np.logaddexp(0, z) - y * z)
    assert_close(binary_cross_entropy(a, b), expected)
    actual = binary_cross_entropy_gradient(a, b)
    assert_close(actual, np.asarray(special.expit(z) - y) / max(1, np.size(z)))


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3)])
def test_a_mean_over_all_rows_whatever_the_shape(shape, rng, array):
    z, y = rng.normal(size=shape), rng.dirichlet(np.ones(3), size=shape[:-1])
    t, rows = rng.integers(3, size=shape[:-1]), int(np.prod(shape[:-1]))
    p = special.softmax(z, axis=-1)
    expected = -np.sum(y * np.log(p)) / rows
    assert_close(cross_entropy_one_hot(array(z), array(y)), expected)
    actual = cross_entropy_one_hot_gradient(array(z), array(y))
    assert_close(actual, (p - y) / rows)
    expected = -np.sum(np.eye(3)[t] * np.log(p)) / rows
    assert_close(cross_entropy(array(z), array(np.asarray(t))), expected)
    actual = cross_entropy_gradient(array(z), array(np.asarray(t)))
    assert_close(actual, (p - np.eye(3)[t]) / rows)


def test_one_label_of_many_has_the_mean_over_examples_times_labels(rng):
    """K yes-or-no questions: the sum over them is K times the mean."""
    z, y = rng.normal(size=(5, 3)), rng.integers(2, size=(5, 3))
    columns = [binary_cross_entropy(z[:, k], y[:, k]) for k in range(3)]
    assert_close(binary_cross_entropy(z, y), np.mean(columns))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits(size, dtype, array):
    """A wrong certainty costs the logit, a right one nothing."""
    z = array(np.array([size, size, -size, -size], dtype))
    y, near = np.array([1, 0, 1, 0]), {"rtol": 1e-6, "atol": 0}
    assert_close(binary_cross_entropy(z, array(y)), size / 2, **near)
    actual = binary_cross_entropy_gradient(z, array(y))
    assert_close(actual, [0, 0.25, -0.25, 0])
    rows = array(
        np.array([[0, size], [size, 0], [0, -size], [-size, 0]], dtype)
    )
    t = np.array([1, 1, 1, 1])
    assert_close(cross_entropy(rows, array(t)), size / 2, **near)
    one_hot = array(np.eye(2, dtype=dtype)[t])
    assert_close(cross_entropy_one_hot(rows, one_hot), size / 2, **near)
    expected = np.array([[0, 0], [1, -1], [1, -1], [0, 0]]) / 4
    assert_close(cross_entropy_gradient(rows, array(t)), expected)
    assert_close(cross_entropy_one_hot_gradient(rows, one_hot), expected)


def test_the_two_terms_of_a_soft_target_do_not_cancel(array):
    """max(z, 0) - z y would lose half of the digits here."""
    y, z = 1 - 2.0**-40, 1e6
    given_ = array(np.array([z])), array(np.array([y]))
    expected = float((1 - Fraction(y)) * Fraction(z))
    assert_close(binary_cross_entropy(*given_), expected, rtol=1e-14, atol=0)


def test_float32():
    for function in BINARY:
        assert_float32(function, Z, Y)
    for function in SPARSE:
        assert_float32(function, LOGITS, LABELS)
    for function in ONE_HOT:
        assert_float32(function, LOGITS, SOFT)
        narrow = function(np.float32(LOGITS), SOFT)
        assert np.asarray(narrow).dtype == np.float32
    assert binary_cross_entropy(np.float32(Z), Y).dtype == np.float32


def test_no_argument_is_changed():
    for functions, z, target in (
        (BINARY, Z, Y),
        (SPARSE, LOGITS, LABELS),
        (ONE_HOT, LOGITS, SOFT),
    ):
        before = z.copy(), target.copy()
        for function in functions:
            function(z, target)
        assert_close(z, before[0])
        assert_close(target, before[1])


ALL = [(f, Z, Y) for f in BINARY]
ALL += [(f, LOGITS, LABELS) for f in SPARSE]
ALL += [(f, LOGITS, SOFT) for f in ONE_HOT]


@pytest.mark.parametrize("bad", [nan, inf, -inf, 1e308, -1e308])
def test_other_logits_are_refused(bad, array):
    message = r"logits in .*float64 need to be finite, from -9.0e\+307 to"
    for function, z, target in ALL:
        broken = z.copy()
        broken.flat[2] = bad
        with pytest.raises(ValueError, match=message):
            function(array(broken), array(target))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_logits(dtype, array):
    most = float(np.finfo(dtype).max) / 2
    z, y = array(np.array([-most], dtype)), array(np.ones(1, dtype))
    near = {"rtol": 1e-6, "atol": 0}
    assert_close(binary_cross_entropy(z, y), most, **near)
    row, t = array(np.array([[most, -most]], dtype)), array(np.array([1]))
    assert_close(cross_entropy(row, t), 2 * most, **near)
    y = array(np.array([[0, 1]]))
    assert_close(cross_entropy_one_hot(row, y), 2 * most, **near)
    beyond = np.nextafter(dtype(most), dtype(inf))
    with pytest.raises(ValueError, match="logits in"):
        cross_entropy(array(np.array([[0, beyond]], dtype)), t)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_sum_that_overflows_is_refused(array):
    z = np.full((9, 2), 8e307) * np.array([1, -1])
    y = np.tile([0, 1], (9, 1))
    message = r"sum of the losses overflows in .*float64: it needs smaller"
    for function, target in (
        (binary_cross_entropy, y),
        (cross_entropy, y[:, 1]),
        (cross_entropy_one_hot, y),
    ):
        with pytest.raises(ValueError, match=message):
            function(array(z), array(target))


@pytest.mark.parametrize("bad", [-1e-9, 1 + 1e-9, 1.5, nan, inf, -inf])
def test_other_targets_are_refused(bad, array):
    broken = np.where(np.arange(len(Y)) == 2, bad, Y)
    message = re.escape("targets need to be in 0 ... 1, got ")
    for function in BINARY:
        with pytest.raises(ValueError, match=message):
            function(array(Z), array(broken))
    broken = SOFT.copy()
    broken[1] = [1 - bad, bad, 0]
    for function in ONE_HOT:
        with pytest.raises(ValueError, match=message):
            function(array(LOGITS), array(broken))


@pytest.mark.parametrize("bad", [-1, 3, -100])
def test_other_labels_are_refused(bad, array):
    broken = np.where(np.arange(N) == 2, bad, LABELS)
    for function in SPARSE:
        with pytest.raises(
            ValueError, match=r"labels need to be in 0 \.\.\. 2"
        ):
            function(array(LOGITS), array(broken))
    for function in BINARY:
        with pytest.raises(ValueError, match=rf"0 ... 1, got .*{bad}|got 0"):
            function(array(LOGITS[:, 0]), array(broken))


@pytest.mark.parametrize("row", [[0.5, 0.25, 0.125], [1, 1, 0], [0, 0, 0]])
def test_rows_that_do_not_sum_to_1_are_refused(row, array):
    broken = np.stack([*SOFT[:3], row])
    message = rf"sum to 1, got sums from .* to {max(1, sum(row)):.6g}"
    for function in ONE_HOT:
        with pytest.raises(ValueError, match=message):
            function(array(LOGITS), array(broken))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_may_be_rounded(dtype, array):
    tolerance = float(np.finfo(dtype).eps) ** 0.5
    z = array(LOGITS[:1].astype(dtype))
    for sign in (1, -1):
        row = np.array([[0.5, 0.25, 0.25 + sign * tolerance / 2]], dtype)
        for function in ONE_HOT:
            assert function(z, array(row)) is not None
        row[0, 2] += sign * tolerance
        for function in ONE_HOT:
            with pytest.raises(ValueError, match="need to sum to 1"):
                function(z, array(row))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(7, 1), (1,), (), (6,), (1, 7)])
def test_shapes_that_would_broadcast_are_refused(shape, array):
    other, a = array(np.ones(shape)), array(np.ones(7))
    for function in BINARY:
        for z, y in ((other, a), (a, other)):
            came = f"logits of shape {tuple(z.shape)} and targets of shape "
            message = re.escape(f"{came}{tuple(y.shape)}") + "$"
            with pytest.raises(ValueError, match=message):
                function(z, y)


@pytest.mark.usefixtures("unchecked")
def test_other_shapes_of_classes_are_refused(array):
    z = array(LOGITS)
    for shape in ((4, 1), (3,), (1, 3), (4,), ()):
        for function in ONE_HOT:
            with pytest.raises(ValueError, match="one target for each logit"):
                function(z, array(np.ones(shape)))
    for shape in ((4, 1), (3,), (), (4, 3)):
        for function in SPARSE:
            with pytest.raises(ValueError, match="a label for each row"):
                function(z, array(np.ones(shape, np.int64)))
    single = array(np.asarray(1.0))
    for functions, target in ((ONE_HOT, 1.0), (SPARSE, 0)):
        for function in functions:
            with pytest.raises(ValueError, match="axis of classes, got a sin"):
                function(single, array(np.asarray(target)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_no_entries_are_refused(shape, array):
    a, t = array(np.ones(shape)), array(np.ones(shape[:-1], np.int64))
    message = re.escape(f"a loss needs entries, got logits of shape {shape}")
    for functions, target in ((BINARY, a), (ONE_HOT, a), (SPARSE, t)):
        for function in functions:
            with pytest.raises(ValueError, match=message):
                function(a, target)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_kinds_of_logits_are_refused(dtype, array):
    for function, z, target in ALL:
        other = array(z.astype(dtype))
        message = f"logits need to be real floating.*, got {other.dtype}"
        with pytest.raises(ValueError, match=message):
            function(other, array(target))


@pytest.mark.usefixtures("unchecked")
def test_other_kinds_of_targets_are_refused(array):
    for function, z, target in ALL:
        other = array(target.astype(np.complex128))
        with pytest.raises(ValueError, match=f"need to be .*{other.dtype}"):
            function(array(z), other)
    for function in SPARSE:
        for kind in (np.float64, np.bool_):
            other = array((LABELS > 0).astype(kind))
            with pytest.raises(ValueError, match="labels need to be integers"):
                function(array(LOGITS), other)
