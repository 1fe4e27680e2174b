import itertools
import re
from fractions import Fraction
from math import floor, inf, log2, nan

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn import linear_model

from reference.neural_networks.perceptron import (
    mistake_bound,
    perceptron,
    threshold_unit,
)
from tests.checks import assert_close, assert_float32, to_numpy

CORNERS = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
AND = np.array([1, -1, -1, -1])
OR = np.array([1, 1, 1, -1])
XOR = np.array([-1, 1, 1, -1])
X = np.array([[0.5, -2.0, 1.0], [3.0, 0.0, -1.5], [-0.25, 1.0, 4.0]])
X = np.concat([X, [[-1.0, 0.5, 0.25], [2.0, 2.0, -2.0]]])
W, B = np.array([2.0, -1.0, 0.5]), np.array(-0.875)
Y = np.array([1, 1, -1, -1, -1])
MIXED = np.array([1, -1, 1, -1, 1])


def plain(x, y, epochs):
    """Return weights, bias and mistakes per epoch, with plain loops."""
    w, b, mistakes = [0.0] * x.shape[1], 0.0, []
    for _ in range(epochs):
        count = 0
        for n in range(len(x)):
            score = b
            for d in range(len(w)):
                score += w[d] * x[n, d]
            if y[n] * score <= 0:
                for d in range(len(w)):
                    w[d] += y[n] * x[n, d]
                b += y[n]
                count += 1
        mistakes.append(count)
        if count == 0:
            break
    return w, b, tuple(mistakes)


def separator(x, y):
    """Return weights and bias with margins of at least 1, or None."""
    z = y[:, None] * np.concat([x, np.ones((len(x), 1))], axis=1)
    found = linprog(
        np.zeros(z.shape[1]), A_ub=-z, b_ub=-np.ones(len(z)), bounds=(None,) * 2
    )
    assert found.status in (0, 2)  # 0: found, 2: proved that there is none
    return None if found.status else (found.x[:-1], np.array(found.x[-1]))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(array):
    r"""
    \hat{y}_n = \begin{cases}
    +1 & \text{if } \sum_{d=1}^{D} w_d x_{nd} + b > 0 \\
    -1 & \text{else}
    \end{cases}
    """
    expected = []
    for n in range(5):
        score = sum(W[d] * X[n, d] for d in range(3)) + B
        expected.append(1.0 if score > 0 else -1.0)
    assert set(expected) == {-1.0, 1.0}
    assert_close(threshold_unit(array(X), array(W), array(B)), expected)


def test_eq_2(array):
    r"""m_n = y_n \left( \sum_{d=1}^{D} w_d x_{nd} + b \right)"""
    seen = perceptron(array(X[:4]), array(MIXED[:4]), 1)
    w, b = to_numpy(seen.w), float(seen.b)
    m = MIXED[4] * (sum(w[d] * X[4, d] for d in range(3)) + b)
    last = perceptron(array(X), array(MIXED), 1).mistakes[0]
    assert last - seen.mistakes[0] == (m <= 0)
    # A margin of 0 is a mistake, for both labels.
    for label in (1, -1):
        assert perceptron(array(X[:1]), array([label]), 1).mistakes == (1,)


@pytest.mark.parametrize("y", [Y, MIXED])
def test_eq_3(y, array):
    r"""w_d \leftarrow w_d + y_n x_{nd}"""
    for epochs in (1, 2, 7):
        w, _, mistakes = plain(X, y, epochs)
        actual = perceptron(array(X), array(y), epochs)
        assert_close(actual.w, w)
        assert actual.mistakes == mistakes


@pytest.mark.parametrize("y", [Y, MIXED])
def test_eq_4(y, array):
    r"""b \leftarrow b + y_n"""
    for epochs in (1, 2, 7):
        _, b, _ = plain(X, y, epochs)
        assert_close(perceptron(array(X), array(y), epochs).b, b)


def test_eq_5(array):
    r"""k \le \left( \frac{R}{\gamma} \right)^2"""
    w, b = separator(X, Y)
    v = [*w, float(b)]
    z = [[Y[n] * a for a in (*X[n], 1.0)] for n in range(5)]
    radius = max(sum(a * a for a in z[n]) ** 0.5 for n in range(5))
    length = sum(a * a for a in v) ** 0.5
    gamma = (
        min(sum(z[n][d] * v[d] for d in range(4)) for n in range(5)) / length
    )
    actual = mistake_bound(*map(array, (X, Y, w, b)))
    assert_close(actual, (radius / gamma) ** 2)
    k = sum(perceptron(array(X), array(Y), 100).mistakes)
    assert 0 < k <= float(actual)


# The same as everybody else's: scikit-learn, and SciPy's linear programmes.


@pytest.mark.filterwarnings("ignore:Maximum number of iteration")
@pytest.mark.parametrize("epochs", [1, 2, 30])
@pytest.mark.parametrize("separable", [True, False])
def test_scikit_learn(epochs, separable, rng, array):
    x = rng.normal(size=(24, 3))
    x = x[np.abs(x @ [1.0, -2.0, 0.5] - 0.3) > 0.5]
    y = np.where(x @ [1.0, -2.0, 0.5] > 0.3, 1, -1)
    if not separable:
        y = y * np.where(np.arange(len(y)) % 7, 1, -1)
    assert (separator(x, y) is not None) == separable
    sklearn = linear_model.Perceptron(
        eta0=1.0, shuffle=False, tol=None, max_iter=epochs
    ).fit(x, y)
    w, b, mistakes = perceptron(array(x), array(y), epochs)
    assert_close(w, sklearn.coef_[0])
    assert_close(b, sklearn.intercept_[0])
    assert_close(threshold_unit(array(x), w, b), sklearn.predict(x))
    assert len(mistakes) <= epochs
    assert (mistakes[-1] == 0) == (separable and epochs == 30)


def test_scikit_learn_says_the_negative_class_at_0(array):
    x = np.array([[1.0], [2.0], [3.0]])
    sklearn = linear_model.Perceptron().fit(x, [-1, -1, 1])
    sklearn.coef_, sklearn.intercept_ = np.array([[1.0]]), np.array([-2.0])
    actual = threshold_unit(array(x), array(np.ones(1)), array(np.array(-2.0)))
    assert_close(actual, sklearn.predict(x))
    assert_close(actual, [-1.0, -1.0, 1.0])


def test_a_layer_is_its_units(rng, array):
    w, b = rng.normal(size=(3, 4)), rng.normal(size=4)
    z = torch.asarray(X @ w + b)
    step = torch.heaviside(z, torch.zeros((), dtype=z.dtype))
    actual = threshold_unit(*map(array, (X, w, b)))
    assert_close(actual, 2 * step - 1)
    for k in range(4):
        unit = threshold_unit(array(X), array(w[:, k]), array(b[k, ...]))
        assert_close(unit, to_numpy(actual)[:, k])


def test_the_bound_by_linear_algebra(rng, array):
    x = rng.normal(size=(20, 4))
    w, b = rng.normal(size=4), np.array(0.1)
    y = np.where(x @ w + b > 0, 1, -1)
    v = np.append(w, b)
    z = np.append(x, np.ones((20, 1)), axis=1)
    distance = np.abs(z @ v) / np.linalg.norm(v)
    expected = np.max(np.linalg.norm(z, axis=1)) ** 2 / np.min(distance) ** 2
    assert_close(mistake_bound(*map(array, (x, y, w, b))), expected)


# The gradient: the rule is a step on another loss, the unit has none.


def test_the_update_is_a_step_down_the_perceptron_loss():
    seen = perceptron(X[:4], MIXED[:4], 1)
    for n in range(5):
        w = torch.tensor(seen.w, requires_grad=True)
        b = torch.tensor(seen.b, requires_grad=True)
        m = int(MIXED[n]) * (torch.tensor(X[n]) @ w + b)
        torch.relu(-m).backward()
        wrong = m.item() < 0
        assert_close(-w.grad, wrong * MIXED[n] * X[n])
        assert_close(-b.grad, wrong * MIXED[n] * 1.0)


def test_the_step_passes_no_gradient():
    w = torch.tensor(W, requires_grad=True)
    out = threshold_unit(torch.tensor(X), w, torch.tensor(B))
    assert not out.requires_grad
    mistakes = [
        np.sum(threshold_unit(X, W + dw, B) != MIXED)
        for dw in 1e-6 * np.concat([np.eye(3), -np.eye(3)])
    ]
    assert len(set(mistakes)) == 1
    assert mistakes[0] > 0


# What the page promises: the bound, XOR, what is refused.


def test_the_worked_example(array):
    x = array(CORNERS)
    w, b, mistakes = perceptron(x, array(AND), 10)
    assert_close(w, [1.0, 1.0])
    assert_close(b, -1.0)
    assert mistakes == (3, 0)
    assert type(b) is type(w)
    assert_close(mistake_bound(x, array(AND), w, b), 9.0)


def test_a_tiny_margin_is_no_mistake(array):
    x, y = np.array([[0.0], [1e-5], [1e-5]]), np.array([1, -1, -1])
    w, b, mistakes = perceptron(array(x), array(y), 1)
    assert mistakes == (2,)
    assert_close(w, [-1e-5])
    assert_close(b, 0.0)


@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_on_xor_the_weights_return_to_zero(epochs, array):
    w, b, mistakes = perceptron(array(CORNERS), array(XOR), epochs)
    assert_close(w, np.zeros(2))
    assert_close(b, 0.0)
    assert mistakes == (4,) * epochs


@pytest.mark.parametrize("coding", [CORNERS, (CORNERS + 1) / 2])
def test_14_of_the_16_functions_of_two_inputs(coding):
    """The linear programme and the rule agree on all of them."""
    hopeless = []
    for y in map(np.array, itertools.product((-1, 1), repeat=4)):
        found = separator(coding, y)
        _, _, mistakes = perceptron(coding, y, 30)
        assert (found is not None) == (mistakes[-1] == 0)
        if found is None:
            hopeless.append(y.tolist())
        else:
            assert sum(mistakes) <= mistake_bound(coding, y, *found) * (
                1 + 1e-9
            )
    assert hopeless == [XOR.tolist(), (-XOR).tolist()]
    assert separator(coding, AND) is not None
    assert separator(coding, OR) is not None


whole = st.integers(-3, 3).map(float)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(whole, whole), min_size=1, max_size=8),
    st.tuples(whole, whole, whole),
)
def test_the_rule_keeps_the_bound(rows, v):
    """Whole numbers are exact: the bound holds without rounding."""
    x, w, b = np.array(rows), np.array(v[:2]), np.array(v[2])
    x = x[x @ w + b != 0]
    if len(x) == 0:
        return
    y = np.where(x @ w + b > 0, 1, -1)
    z = [(Fraction(p), Fraction(q), Fraction(1)) for p, q in x.tolist()]
    least = min(abs(sum(a * c for a, c in zip(r, v, strict=True))) for r in z)
    square = max(sum(a * a for a in r) for r in z)
    bound = square * sum(Fraction(a) ** 2 for a in v) / least**2
    assert_close(mistake_bound(x, y, w, b), float(bound))
    learned = perceptron(x, y, int(bound) + 1)
    assert sum(learned.mistakes) <= bound
    assert learned.mistakes[-1] == 0
    assert 0 not in learned.mistakes[:-1]
    assert_close(threshold_unit(x, *learned[:2]), y * 1.0)


@settings(max_examples=15)
@given(st.lists(st.tuples(whole, whole, st.sampled_from([-1, 1])), min_size=1))
def test_the_opposite_labels_give_the_opposite_weights(rows):
    data = np.array(rows, dtype=float)[:8]
    x, y = data[:, :2], data[:, 2]
    one, other = perceptron(x, y, 5), perceptron(x, -y, 5)
    assert_close(one.w, -other.w)
    assert_close(one.b, -other.b)
    assert one.mistakes == other.mistakes


def test_the_bound_does_not_change_with_the_scale_of_the_weights(array):
    w, b = separator(X, Y)
    expected = float(mistake_bound(X, Y, w, b))
    for scale in (1e-300, 1e-3, 1e300):
        given_ = map(array, (X, Y, scale * w, scale * b))
        assert_close(mistake_bound(*given_), expected)


def test_a_bound_far_from_the_origin(array):
    """1e200 has no finite square."""
    for x, y in (([3e200, -1e200], [1, -1]), ([-3e200, -1e200], [-1, -1])):
        x, y = np.array(x)[:, None], np.array(y)
        given_ = map(array, (x, y, np.ones(1), np.zeros(())))
        assert_close(mistake_bound(*given_), 9.0)


def test_nothing_is_changed_in_place():
    x, y = CORNERS.copy(), AND.copy()
    w, b, _ = perceptron(x, y, 1)
    mistake_bound(x, y, w, b)
    assert_close(x, CORNERS)
    assert_close(y, AND)


@pytest.mark.usefixtures("unchecked")
def test_labels_may_be_floats_and_epochs_numpy_integers(array):
    expected = perceptron(X, MIXED, 3)
    actual = perceptron(array(X), array(MIXED * 1.0), np.int64(3))
    assert_close(actual.w, expected.w)
    assert actual.mistakes == expected.mistakes


def test_float32():
    assert_float32(threshold_unit, X, W, B)
    for y in (Y, MIXED):
        assert_float32(lambda x, y=y: perceptron(x, y, 3), X)
    w, b = separator(X, Y)
    assert_float32(lambda *a: mistake_bound(a[0], Y, *a[1:]), X, w, b)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("epochs", [0, -1, 1.0, 2.5, nan, True, "2", None])
def test_other_epochs_are_refused(epochs, array):
    with pytest.raises(ValueError, match=f"epochs >= 1, got {epochs}"):
        perceptron(array(CORNERS), array(AND), epochs)
    for one in (np.array(1), np.array([1]), torch.tensor(1), np.True_):
        with pytest.raises(ValueError, match="needs a whole number of epochs"):
            perceptron(array(CORNERS), array(AND), one)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(0, 2), (4, 0), (4,), (), (4, 2, 1)])
def test_other_than_examples_with_features_is_refused(shape, array):
    x, y = array(np.ones(shape)), array(AND)
    message = re.escape(f"examples with features, got x of shape {shape}")
    with pytest.raises(ValueError, match=message):
        perceptron(x, y, 1)
    with pytest.raises(ValueError, match=message):
        mistake_bound(x, y, array(np.ones(2)), array(B))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "y", [AND[:3], AND[:1], AND[:, None], (AND + 1) // 2, AND == 1, 2 * AND]
)
def test_other_labels_are_refused(y, array):
    for refused in (
        lambda x, y: perceptron(x, y, 1),
        lambda x, y: mistake_bound(x, y, x[0, :], array(B)),
    ):
        with pytest.raises(ValueError, match=r"one label for|-1 or \+1"):
            refused(array(CORNERS), array(y))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("w", "b"),
    [
        ((3,), ()),
        ((1,), ()),
        ((2,), (1,)),
        ((2,), (4,)),
        ((2, 1), ()),
        ((2, 3), (1,)),
        ((2, 3), (2,)),
        ((4, 2, 2), (2, 2)),
        ((), ()),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(w, b, array):
    message = re.escape(f"got (4, 2), {w} and {b}")
    given_ = array(np.ones(w)), array(np.ones(b))
    with pytest.raises(ValueError, match=message):
        threshold_unit(array(CORNERS), *given_)
    with pytest.raises(ValueError, match=message):
        mistake_bound(array(CORNERS), array(AND), *given_)


@pytest.mark.usefixtures("unchecked")
def test_inputs_without_an_axis_of_features_are_refused(array):
    with pytest.raises(ValueError, match=r"needs x \(N, D\)"):
        threshold_unit(array(np.ones(2)), array(np.ones(2)), array(B))


@pytest.mark.usefixtures("unchecked")
def test_a_bound_is_of_one_unit(array):
    with pytest.raises(ValueError, match="is of one unit, got 2"):
        mistake_bound(*map(array, (CORNERS, AND, np.eye(2), np.ones(2))))


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_what_is_not_finite_is_refused(bad, array):
    x, y, w, b = map(array, (CORNERS, AND, np.ones(2), np.array(-1.0)))
    row = array(np.where(CORNERS[:, :1] + [0, 1] == 2, bad, CORNERS))
    broken = row, array(np.array([1.0, bad])), array(np.array(bad))
    for given_ in ((broken[0], w, b), (x, broken[1], b), (x, w, broken[2])):
        with pytest.raises(ValueError, match="needs finite values, got NaN"):
            threshold_unit(*given_)
        with pytest.raises(ValueError, match="needs finite values, got NaN"):
            mistake_bound(given_[0], y, *given_[1:])
    with pytest.raises(ValueError, match="needs finite values, got NaN"):
        perceptron(broken[0], y, 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, array):
    x, y, w, b = map(array, (CORNERS, AND, np.ones(2), np.array(-1.0)))
    x_, w_, b_ = (array(to_numpy(a).astype(dtype)) for a in (x, w, b))
    message = f"needs real floating-point numbers, got {x_.dtype}"
    for given_ in ((x_, w, b), (x, w_, b), (x, w, b_)):
        with pytest.raises(ValueError, match=message):
            threshold_unit(*given_)
        with pytest.raises(ValueError, match=message):
            mistake_bound(given_[0], y, *given_[1:])
    with pytest.raises(ValueError, match=message):
        perceptron(x_, y, 1)


@pytest.mark.usefixtures("unchecked")
def test_numbers_of_different_dtypes_are_refused(array):
    wide = X, W, B
    for n in range(3):
        mixed = [
            array(np.float32(a) if i == n else a) for i, a in enumerate(wide)
        ]
        with pytest.raises(ValueError, match="needs numbers of one dtype, got"):
            threshold_unit(*mixed)
        with pytest.raises(ValueError, match="needs numbers of one dtype, got"):
            mistake_bound(mixed[0], array(Y), *mixed[1:])


def test_tensors_with_gradients_give_no_warning():
    """PyTorch warns when such a tensor becomes a plain number."""
    x = torch.tensor(CORNERS, requires_grad=True)
    torch.set_warn_always(True)
    try:
        w, b, _ = perceptron(x, torch.tensor(AND), 10)
        assert_close(mistake_bound(x, torch.tensor(AND), w, b), 9.0)
    finally:
        torch.set_warn_always(False)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_scores_that_overflow_are_refused(array):
    with pytest.raises(ValueError, match="needs finite scores, got NaN or inf"):
        threshold_unit(*map(array, (1e200 * X, 1e200 * W, B)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_whose_scores_could_overflow_are_refused(dtype, array):
    """Up to the limit nothing overflows: a warning would be an error."""
    most = (float(np.finfo(dtype).max) / (2 * 3 * 4 * 3)) ** 0.5
    x = CORNERS.astype(dtype)
    near = array(dtype(2.0 ** floor(log2(most))) * x)
    w, _, mistakes = perceptron(near, array(XOR), 3)
    assert mistakes == (4, 4, 4)
    assert_close(w, np.zeros(2))
    near = array(dtype(0.999 * most) * np.abs(x))
    assert perceptron(near, array(XOR), 3).mistakes[0] > 1
    for beyond in (x, -np.abs(x)):
        beyond = array(dtype(most * 1.001) * beyond)
        with pytest.raises(ValueError, match=r"overflow in .*: 3 epochs need"):
            perceptron(beyond, array(XOR), 3)


@pytest.mark.parametrize(
    ("w", "b"), [([1, 1], 0), ([1, 1], 1), ([-1, -1], 1), ([0, 0], 0)]
)
def test_weights_that_do_not_separate_are_refused(w, b, array):
    given_ = array(np.array(w, dtype=float)), array(np.array(float(b)))
    with pytest.raises(ValueError, match="needs w and b with a positive mar"):
        mistake_bound(array(CORNERS), array(AND), *given_)


def test_a_bound_above_the_largest_float_is_refused(array):
    x, y = np.array([[1e-160], [-1e-160]]), np.array([1, -1])
    with pytest.raises(ValueError, match="needs w and b with a positive mar"):
        mistake_bound(*map(array, (x, y, np.ones(1), np.zeros(()))))
    given_ = map(array, (x * 1e10, y, np.ones(1), np.zeros(())))
    assert_close(mistake_bound(*given_), 1e300)
