import re
from math import exp, inf, log, nan

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import cross_entropy as torch_cross_entropy

from reference._datasets import digits
from reference.classification.softmax_regression import (
    LinearClassifier,
    cross_entropy,
    cross_entropy_backward,
    fit,
    gradient,
    log_softmax,
    objective,
    scores,
    softmax,
    softmax_backward,
)
from tests.checks import assert_close, assert_float32, assert_gradient, to_numpy

N, D, C, L2 = 6, 4, 3, 0.3
LABELS = np.array([2, 0, 1, 1, 0, 2])


@pytest.fixture
def z(rng):
    return rng.normal(scale=2, size=(N, C))


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, D))


@pytest.fixture
def w(rng):
    return rng.normal(size=(D, C))


@pytest.fixture
def b(rng):
    return rng.normal(size=C)


@pytest.fixture
def model(w, b, array):
    return LinearClassifier(array(w), array(b))


# The page's equations, each written out index by index below its LaTeX.


@pytest.fixture
def p(z):
    return probabilities(z)


def probabilities(z):
    out = np.empty(z.shape)
    for n, c in np.ndindex(z.shape):
        out[n, c] = exp(z[n, c]) / sum(exp(z[n, k]) for k in range(C))
    return out


def test_eq_1(z, array):
    r"""p_{nc} = \frac{e^{z_{nc}}}{\sum_{k=1}^{C} e^{z_{nk}}}"""
    expected = np.empty((N, C))
    for n, c in np.ndindex(N, C):
        total = sum(exp(z[n, k]) for k in range(C))
        expected[n, c] = exp(z[n, c]) / total
    assert_close(softmax(array(z)), expected)


def test_eq_2(z, array):
    r"""\log p_{nc} = z_{nc} - m_n - \log \sum_{k=1}^{C} e^{z_{nk} - m_n}"""
    expected = np.empty((N, C))
    for n, c in np.ndindex(N, C):
        m = max(z[n, k] for k in range(C))
        total = sum(exp(z[n, k] - m) for k in range(C))
        expected[n, c] = z[n, c] - m - log(total)
    assert_close(log_softmax(array(z)), expected)


def test_eq_3(z, p, rng, array):
    r"""\frac{\partial L}{\partial z_{nc}}
    = p_{nc} \left( \delta_{nc} - \sum_{k=1}^{C} \delta_{nk} p_{nk} \right)"""
    dy = rng.normal(size=(N, C))
    expected = np.empty((N, C))
    for n, c in np.ndindex(N, C):
        mean = sum(dy[n, k] * p[n, k] for k in range(C))
        expected[n, c] = p[n, c] * (dy[n, c] - mean)
    assert_close(softmax_backward(array(dy), array(z)), expected)


def test_eq_4(z, p, array):
    r"""L = -\frac{1}{N} \sum_{n=1}^{N} \log p_{n y_n}"""
    expected = -sum(log(p[n, LABELS[n]]) for n in range(N)) / N
    assert_close(cross_entropy(array(z), array(LABELS)), expected)


def test_eq_5(z, p, array):
    r"""\frac{\partial L}{\partial z_{nc}}
    = \frac{1}{N} \left( p_{nc} - [c = y_n] \right)"""
    expected = np.empty((N, C))
    for n, c in np.ndindex(N, C):
        expected[n, c] = (p[n, c] - (c == LABELS[n])) / N
    actual = cross_entropy_backward(1.0, array(z), array(LABELS))
    assert_close(actual, expected)


def test_eq_6(model, x, w, b, array):
    r"""z_{nc} = \sum_{d=1}^{D} x_{nd} w_{dc} + b_c"""
    expected = np.empty((N, C))
    for n, c in np.ndindex(N, C):
        expected[n, c] = sum(x[n, d] * w[d, c] for d in range(D)) + b[c]
    assert_close(scores(model, array(x)), expected)


def test_eq_7(model, x, w, b, array):
    r"""J = L + \frac{\lambda}{2} \sum_{d=1}^{D} \sum_{c=1}^{C} w_{dc}^2"""
    p = probabilities(x @ w + b)
    expected = -sum(log(p[n, LABELS[n]]) for n in range(N)) / N
    for d, c in np.ndindex(D, C):
        expected += L2 / 2 * w[d, c] ** 2
    assert_close(objective(model, array(x), array(LABELS), L2), expected)


def logit_gradient(x, w, b):
    return (probabilities(x @ w + b) - np.eye(C)[LABELS]) / N


def test_eq_8(model, x, w, b, array):
    r"""\frac{\partial J}{\partial w_{dc}}
    = \sum_{n=1}^{N} x_{nd} \frac{\partial L}{\partial z_{nc}}
    + \lambda w_{dc}"""
    dz = logit_gradient(x, w, b)
    expected = np.empty((D, C))
    for d, c in np.ndindex(D, C):
        expected[d, c] = sum(x[n, d] * dz[n, c] for n in range(N))
        expected[d, c] += L2 * w[d, c]
    assert_close(gradient(model, array(x), array(LABELS), L2).w, expected)


def test_eq_9(model, x, w, b, array):
    r"""\frac{\partial J}{\partial b_c}
    = \sum_{n=1}^{N} \frac{\partial L}{\partial z_{nc}}"""
    dz = logit_gradient(x, w, b)
    expected = [sum(dz[n, c] for n in range(N)) for c in range(C)]
    assert_close(gradient(model, array(x), array(LABELS), L2).b, expected)


def test_eq_10(x, array):
    r"""\theta \leftarrow \theta - \eta \frac{\partial J}{\partial \theta}"""
    lr, w, b = 0.5, np.zeros((D, C)), np.zeros(C)
    for _ in range(2):
        dz = logit_gradient(x, w, b)
        w, b = w - lr * (x.T @ dz + L2 * w), b - lr * dz.sum(axis=0)
    fitted = fit(array(x), array(LABELS), C, L2, lr, steps=2)
    assert_close(fitted.w, w)
    assert_close(fitted.b, b)


# The same as everybody else's.


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 5, 3), (4, 1), (0, 3)])
def test_scipy_on_any_number_of_leading_axes(rng, array, shape):
    z = rng.normal(scale=50, size=shape)
    assert_close(softmax(array(z)), scipy.special.softmax(z, axis=-1))
    assert_close(log_softmax(array(z)), scipy.special.log_softmax(z, axis=-1))


def test_log_softmax_is_z_minus_scipy_logsumexp(z, array):
    total = scipy.special.logsumexp(z, axis=-1, keepdims=True)
    assert_close(log_softmax(array(z)), z - total)


@pytest.mark.parametrize("shape", [(7, 5), (2, 7, 5), (1, 1), (5,)])
def test_torch_cross_entropy(rng, array, shape):
    z = rng.normal(scale=3, size=shape)
    labels = rng.integers(shape[-1], size=shape[:-1])
    expected = torch_cross_entropy(
        torch.asarray(z).reshape(-1, shape[-1]),
        torch.asarray(labels).reshape(-1),
    )
    assert_close(cross_entropy(array(z), array(labels)), expected)


@pytest.mark.parametrize("l2", [0.1, 1.0])
def test_fit_reaches_the_optimum_of_scikit_learn(rng, array, l2):
    x, labels = rng.normal(size=(40, D)), rng.integers(C, size=40)
    oracle = LogisticRegression(
        C=1 / (l2 * len(x)), solver="newton-cholesky", tol=1e-12
    ).fit(x, labels)
    m = fit(array(x), array(labels), C, l2, lr=0.7, steps=400)
    assert_close(m.w, oracle.coef_.T, rtol=1e-7, atol=1e-9)
    intercept = oracle.intercept_ - oracle.intercept_.mean()
    assert_close(m.b, intercept, rtol=1e-7, atol=1e-9)


def test_digits_reach_the_optimum_of_scikit_learn():
    x, y, x_test, y_test = digits()
    mean = x.mean(axis=0)
    l2 = 0.01
    oracle = LogisticRegression(
        C=1 / (l2 * len(x)), solver="newton-cholesky", tol=1e-12
    ).fit(x - mean, y)
    m = fit(x - mean, y, classes=10, l2=l2, lr=3.0, steps=900)
    assert_close(m.w, oracle.coef_.T, rtol=1e-6, atol=1e-9)
    predicted = scores(m, x_test - mean).argmax(axis=1)
    assert_close(predicted, oracle.predict(x_test - mean))
    assert (predicted == y_test).mean() > 0.95


# The gradients.


@pytest.mark.parametrize("shape", [(C,), (N, C), (2, 3, C), (2, 1)])
def test_gradient_of_softmax(rng, shape):
    assert_gradient(softmax, softmax_backward, rng.normal(size=shape))


@pytest.mark.parametrize("shape", [(C,), (N, C), (2, 3, C)])
def test_gradient_of_cross_entropy(rng, shape):
    labels = torch.asarray(rng.integers(C, size=shape[:-1]))
    assert_gradient(
        lambda z: cross_entropy(z, labels),
        lambda dy, z: cross_entropy_backward(dy, z, labels),
        rng.normal(size=shape),
    )


def test_gradient_of_the_objective(x, w, b):
    x, labels = torch.asarray(x), torch.asarray(LABELS)

    def backward(dy, w, b):
        g = gradient(LinearClassifier(w, b), x, labels, L2)
        return dy * g.w, dy * g.b

    assert_gradient(
        lambda w, b: objective(LinearClassifier(w, b), x, labels, L2),
        backward,
        w,
        b,
    )


def test_autograd_passes_masked_scores_and_ties(rng):
    z = torch.tensor([[1.0, -inf, 1.0]], dtype=torch.float64)
    dy = torch.asarray(rng.normal(size=(1, 3)))
    leaf = z.clone().requires_grad_()
    [expected] = torch.autograd.grad(softmax(leaf), leaf, dy)
    assert_close(softmax_backward(dy, z), expected)


# What the page promises.

LOGITS = arrays(np.float64, (3, 5), elements=st.floats(-700, 700))


@given(LOGITS)
def test_softmax_is_a_distribution_in_the_order_of_the_logits(z):
    p = softmax(z)
    assert (p >= 0).all()
    assert_close(p.sum(axis=-1), np.ones(3))
    assert (np.diff(np.take_along_axis(p, z.argsort(axis=-1), -1)) >= 0).all()


@given(LOGITS, st.floats(-1e6, 1e6))
def test_a_shift_of_all_logits_changes_nothing(z, shift):
    assert_close(softmax(z + shift), softmax(z), rtol=1e-8)
    assert_close(log_softmax(z + shift), log_softmax(z), rtol=1e-8, atol=1e-8)


@given(LOGITS, arrays(np.int64, 3, elements=st.integers(0, 4)))
def test_loss_is_positive_and_its_gradient_sums_to_zero(z, labels):
    assert cross_entropy(z, labels) >= 0
    dz = cross_entropy_backward(1.0, z, labels)
    assert_close(dz.sum(axis=-1), np.zeros(3))


def test_large_logits_do_not_overflow(array):
    z = array(np.array([[1000.0, 1001.0], [-1e308, 0.0], [1e308, -0.7e308]]))
    p = 1 / (1 + exp(1))
    assert_close(softmax(z), [[p, 1 - p], [0, 1], [1, 0]])
    expected = [[log(p), log(1 - p)], [-1e308, 0], [0, -1.7e308]]
    assert_close(log_softmax(z), expected)


def test_logits_further_apart_than_the_largest_float(array):
    z = array(np.array([[1.7e308, -1.7e308]]))
    with np.errstate(over="ignore"):
        assert_close(softmax(z), [[1.0, 0.0]])
        assert_close(log_softmax(z), [[0.0, -inf]])


def test_a_perfect_prediction_costs_zero_and_not_minus_zero(array):
    z, labels = array(np.array([[0.0, -inf]])), array(np.array([0]))
    loss = to_numpy(cross_entropy(z, labels))
    assert loss == 0
    assert not np.signbit(loss)


def test_loss_of_a_hopeless_example_is_exact(array):
    z, labels = array(np.array([[0.0, 1000.0]])), array(np.array([0]))
    assert_close(cross_entropy(z, labels), 1000.0)
    assert_close(cross_entropy_backward(1.0, z, labels), [[-1.0, 1.0]])


def test_masked_scores_get_no_probability(array):
    z = array(np.array([[-inf, 0.0, -inf], [log(3.0), -inf, 0.0]]))
    assert_close(softmax(z), [[0, 1, 0], [0.75, 0, 0.25]])
    assert_close(
        log_softmax(z), [[-inf, 0, -inf], [log(0.75), -inf, log(0.25)]]
    )
    dy = array(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0]]))
    assert_close(softmax_backward(dy, z), [[0, 0, 0], [0.75, 0, -0.75]])
    labels = array(np.array([1, 2]))
    assert_close(cross_entropy(z, labels), log(4) / 2)
    expected = [[0, 0, 0], [0.375, 0, -0.375]]
    assert_close(cross_entropy_backward(1.0, z, labels), expected)


def test_a_label_that_is_masked_costs_infinitely_much(array):
    z, labels = array(np.array([[0.0, -inf]])), array(np.array([1]))
    assert_close(cross_entropy(z, labels), inf)


@pytest.mark.parametrize("row", [[-inf, -inf], [inf, 0.0], [np.nan, 0.0]])
def test_a_row_without_a_softmax_is_nan_and_harms_no_other(array, row):
    with np.errstate(invalid="ignore"):
        p = to_numpy(softmax(array(np.array([row, [0.0, 0.0]]))))
    assert np.isnan(p[0]).all()
    assert_close(p[1], [0.5, 0.5])


def test_repeating_the_examples_changes_neither_loss_nor_optimum(x):
    z = x[:, :C]
    assert_close(
        cross_entropy(np.tile(z, (3, 1)), np.tile(LABELS, 3)),
        cross_entropy(z, LABELS),
    )
    once = fit(x, LABELS, C, L2, lr=0.5, steps=20)
    thrice = fit(np.tile(x, (3, 1)), np.tile(LABELS, 3), C, L2, 0.5, 20)
    assert_close(thrice.w, once.w)


def test_no_step_leaves_the_classifier_at_zero(x, array):
    m = fit(array(x), array(LABELS), C, L2, lr=0.5, steps=0)
    assert_close(m.w, np.zeros((D, C)))
    assert_close(m.b, np.zeros(C))


@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
def test_labels_of_any_integer_type_give_the_same(z, x, array, dtype):
    z, x, labels, narrow = map(array, (z, x, LABELS, LABELS.astype(dtype)))
    assert_close(cross_entropy(z, narrow), cross_entropy(z, labels))
    assert_close(
        cross_entropy_backward(1.0, z, narrow),
        cross_entropy_backward(1.0, z, labels),
    )
    assert_close(
        fit(x, narrow, C, L2, lr=0.5, steps=3).w,
        fit(x, labels, C, L2, lr=0.5, steps=3).w,
    )


def test_two_classes_are_logistic_regression(rng, array):
    z = rng.normal(scale=5, size=8)
    p = softmax(array(np.stack([np.zeros(8), z], axis=1)))
    assert_close(to_numpy(p)[:, 1], scipy.special.expit(z))


def test_bias_alone_learns_the_frequencies_of_the_classes(array):
    x, labels = np.zeros((8, 1)), np.array([0, 1, 1, 2, 2, 2, 2, 2])
    m = fit(array(x), array(labels), C, l2=0.1, lr=2.0, steps=200)
    assert_close(softmax(m.b), [1 / 8, 2 / 8, 5 / 8])


def test_weights_of_all_classes_sum_to_zero(x):
    m = fit(x, LABELS, C, L2, lr=0.5, steps=50)
    assert_close(m.w.sum(axis=1), np.zeros(D))
    assert_close(m.b.sum(), 0.0)


def test_without_a_penalty_the_weights_grow_on_separable_data(array):
    x, labels = array(np.array([[-1.0], [1.0]])), array(np.array([0, 1]))
    first, last = (
        to_numpy(fit(x, labels, 2, 0.0, lr=1.0, steps=steps).w)[0, 1]
        for steps in (100, 200)
    )
    assert 0 < first < last
    penalized = fit(x, labels, 2, 0.5, lr=1.0, steps=100)
    assert_close(
        fit(x, labels, 2, 0.5, lr=1.0, steps=200).w, penalized.w, rtol=1e-9
    )


def test_some_weights_get_all_training_digits_right():
    x, y, _, _ = digits()
    unpenalized = LogisticRegression(C=1e4, max_iter=1000).fit(x, y)
    assert unpenalized.score(x, y) == 1


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_no_loss_curves_more_than_one_half(rng, classes):
    for z in rng.normal(scale=3, size=(50, classes)):
        p = softmax(z)
        curvature = np.linalg.eigvalsh(np.diag(p) - np.outer(p, p))
        assert curvature[0] > -1e-12
        assert curvature[-1] <= 0.5
    p = softmax(np.array([0.0, 0.0] + [-inf] * (classes - 2)))
    curvature = np.linalg.eigvalsh(np.diag(p) - np.outer(p, p))
    assert_close(curvature[-1], 0.5)


def test_arguments_are_not_changed(z, x):
    kept = z.copy(), x.copy()
    softmax(z), log_softmax(z), softmax_backward(z, z)
    cross_entropy_backward(1.0, z, LABELS)
    fit(x, LABELS, C, L2, lr=0.1, steps=3)
    assert_close(z, kept[0])
    assert_close(x, kept[1])


def test_views_with_strides_give_the_same(rng):
    z = rng.normal(size=(2 * C, 2 * N))
    view = z.T[::2, ::2]
    labels = np.repeat(LABELS, 2)[::2]
    assert_close(softmax(view), softmax(view.copy()))
    assert_close(
        cross_entropy(view, labels), cross_entropy(view.copy(), labels)
    )


def test_float32(z, x, w, b):
    assert_float32(softmax, z)
    assert_float32(log_softmax, z)
    assert_float32(softmax_backward, z[::-1], z)
    assert_float32(cross_entropy, z, LABELS)
    assert_float32(cross_entropy_backward, np.float64(2), z, LABELS)
    assert_float32(lambda x, y: fit(x, y, C, L2, 0.5, 9), x, LABELS)
    assert_float32(
        lambda w, b, x: objective(LinearClassifier(w, b), x, LABELS, L2),
        w,
        b,
        x,
    )


def test_float64_hyperparameters_do_not_widen_float32(z, x, w, b, array):
    z, x, w, b = (array(a.astype(np.float32)) for a in (z, x, w, b))
    labels, one, l2 = array(LABELS), np.float64(1), np.float64(L2)
    m = LinearClassifier(w, b)
    for result in (
        cross_entropy_backward(one, z, labels),
        cross_entropy_backward(array(np.asarray(one)), z, labels),
        objective(m, x, labels, l2),
        *gradient(m, x, labels, l2),
        *fit(x, labels, C, l2, one, steps=2),
    ):
        assert to_numpy(result).dtype == np.float32


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("shape", [(3, 0), ()])
@pytest.mark.usefixtures("unchecked")
def test_no_class_is_refused(array, function, shape):
    message = re.escape(f"softmax needs 1 class, got z of shape {shape}")
    with pytest.raises(ValueError, match=message):
        function(array(np.zeros(shape)))


@pytest.mark.parametrize("shape", [(), (C,), (N, 1), (2, N, C)])
@pytest.mark.usefixtures("unchecked")
def test_an_upstream_gradient_of_another_shape_is_refused(z, array, shape):
    message = re.escape(f"dy and z of one shape, got {shape} and {(N, C)}")
    with pytest.raises(ValueError, match=message):
        softmax_backward(array(np.ones(shape)), array(z))


@pytest.mark.parametrize("shape", [(1,), (C,), (N, 1)])
@pytest.mark.usefixtures("unchecked")
def test_an_upstream_gradient_that_is_no_number_is_refused(z, array, shape):
    message = re.escape(f"cross entropy is one number, got dy of shape {shape}")
    with pytest.raises(ValueError, match=message):
        cross_entropy_backward(array(np.ones(shape)), array(z), array(LABELS))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], r"labels need to be in 0 \.\.\. 2, got 0 \.\.\. 3"),
        ([-1, 0], r"labels need to be in 0 \.\.\. 2, got -1 \.\.\. 0"),
        ([0], r"got logits \(2, 3\) and labels \(1,\)"),
        ([[0], [1]], r"got logits \(2, 3\) and labels \(2, 1\)"),
        ([[1, 0, 0], [0, 0, 1]], r"logits \(2, 3\) and labels \(2, 3\)"),
    ],
)
def test_wrong_labels_are_refused(array, labels, message):
    z, labels = array(np.zeros((2, 3))), array(np.array(labels))
    with pytest.raises(ValueError, match=message):
        cross_entropy(z, labels)
    with pytest.raises(ValueError, match=message):
        cross_entropy_backward(1.0, z, labels)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3), (2, 0)])
def test_no_example_or_no_class_is_refused(array, shape):
    z, labels = np.zeros(shape), np.zeros(shape[:-1], dtype=np.int64)
    with pytest.raises(ValueError, match="cross entropy needs an example and"):
        cross_entropy(array(z), array(labels))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_])
@pytest.mark.usefixtures("unchecked")
def test_labels_that_are_no_integers_are_refused(z, x, model, array, dtype):
    z, x, labels = array(z), array(x), array(LABELS.astype(dtype))
    for call in (
        lambda: cross_entropy(z, labels),
        lambda: cross_entropy_backward(1.0, z, labels),
        lambda: gradient(model, x, labels, L2),
        lambda: fit(x, labels, C, L2, lr=0.1, steps=1),
    ):
        with pytest.raises(ValueError, match=r"need to be integers, got .*"):
            call()


@pytest.mark.parametrize(
    ("x", "w", "b"),
    [
        ((N, D), (D, C), (1,)),
        ((N, D), (D, C), ()),
        ((N, D), (D, C), (N, C)),
        ((N, D), (D, C), (N, 1)),
        ((N, D), (D, C), (C, 1)),
        ((N, D), (D + 1, C), (C,)),
        ((N, D), (D,), (C,)),
        ((D,), (D, C), (C,)),
        ((2, N, D), (D, C), (C,)),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_model_of_another_shape_is_refused(array, x, w, b):
    message = re.escape(f"b (K,), got {x}, {w} and {b}")
    x, w, b = (array(np.ones(shape)) for shape in (x, w, b))
    for function in (objective, gradient):
        with pytest.raises(ValueError, match=message):
            function(LinearClassifier(w, b), x, array(LABELS), L2)


@pytest.mark.parametrize(
    ("l2", "lr", "steps"),
    [
        (-0.1, 0.1, 1),
        (nan, 0.1, 1),
        (inf, 0.1, 1),
        (L2, -0.1, 1),
        (L2, 0.0, 1),
        (L2, nan, 1),
        (L2, inf, 1),
        (L2, 0.1, -1),
    ],
)
def test_a_descent_that_leads_nowhere_is_refused(x, array, l2, lr, steps):
    message = f", l2 = {l2}, lr = {lr} and steps = {steps}"
    with pytest.raises(ValueError, match=message):
        fit(array(x), array(LABELS), C, l2, lr, steps)


@pytest.mark.parametrize("shape", [(), (N,), (2, N, D)])
@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.usefixtures("unchecked")
def test_images_that_are_no_rows_are_refused(array, shape, steps):
    message = rf"fit needs x \(N, D\), .* got {re.escape(str(shape))}, l2"
    with pytest.raises(ValueError, match=message):
        fit(array(np.ones(shape)), array(LABELS), C, L2, 0.1, steps)
