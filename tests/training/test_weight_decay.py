import json
import re
from math import inf, isinf, log, nan
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.linear_model import Ridge
from torch.nn import functional as F

from reference.generalization.ridge import shrinkage_factors
from reference.optimization.adam import adam_step, adamw_step
from reference.optimization.momentum import momentum_step
from reference.optimization.stochastic_gradient_descent import sgd_step
from reference.regression.design_matrix import standardize
from reference.training.batch_norm import batch_norm
from reference.training.weight_decay import (
    decay_step,
    decayed_minimum,
    half_life,
    l2_penalty,
    l2_penalty_gradient,
    shrinkage,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

D, RATE, DECAY = 3, 0.2, 0.7
RESULT = Path(__file__).parents[2] / "experiments/training/weight_decay.json"


@pytest.fixture
def weights(rng):
    return [rng.normal(size=shape) for shape in ((2, 3), (4,), (2, 1, 3))]


@pytest.fixture
def hessian(rng):
    root = rng.normal(size=(D, D))
    return root @ root.T


@pytest.fixture
def minimum(rng):
    return rng.normal(size=D)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(weights, array):
    r"""R(\theta) = \frac{\lambda}{2} \sum_{k=1}^{K}
    \sum_{i=1}^{P_k} \theta_{ki}^2"""
    total = 0.0
    for w in weights:
        for i in np.ndindex(w.shape):
            total += w[i] ** 2
    actual = l2_penalty([array(w) for w in weights], DECAY)
    assert_close(actual, np.float64(DECAY / 2 * total))


def test_eq_2(weights, array):
    r"""\frac{\partial R}{\partial \theta_{ki}}
    = \lambda \, \theta_{ki}"""
    actual = l2_penalty_gradient([array(w) for w in weights], DECAY)
    for w, dw in zip(weights, actual, strict=True):
        expected = np.empty(w.shape)
        for i in np.ndindex(w.shape):
            expected[i] = DECAY * w[i]
        assert_close(dw, expected)


def test_eq_3(weights, array):
    r"""\theta_i' = (1 - \eta \lambda) \, \theta_i"""
    for w in weights:
        expected = np.empty(w.shape)
        for i in np.ndindex(w.shape):
            expected[i] = (1 - RATE * DECAY) * w[i]
        assert_close(decay_step(array(w), RATE, DECAY), expected)


def test_eq_4():
    r"""t_{1/2} = \frac{\log 2}{-\log(1 - \eta \lambda)}"""
    expected = log(2) / -log(1 - RATE * DECAY)
    assert_close(half_life(RATE, DECAY), expected)


def test_eq_5(hessian, minimum, array):
    r"""(H + \lambda I) \, \theta_\lambda = H \theta^*"""
    theta = decayed_minimum(array(hessian), array(minimum), DECAY)
    theta = to_numpy(theta)
    for i in range(D):
        left = sum(
            (hessian[i, j] + DECAY * (i == j)) * theta[j] for j in range(D)
        )
        right = sum(hessian[i, j] * minimum[j] for j in range(D))
        assert_close(left, right)


def test_eq_6(rng, array):
    r"""s_i = \frac{h_i}{h_i + \lambda}"""
    h = rng.uniform(0, 3, size=D)
    expected = [h[i] / (h[i] + DECAY) for i in range(D)]
    assert_close(shrinkage(array(h), DECAY), expected)


# The same as everybody else's.


def test_penalty_and_gradient_of_torch(weights, array):
    leaves = [torch.asarray(w).requires_grad_() for w in weights]
    expected = sum(
        DECAY / 2 * F.mse_loss(w, 0 * w, reduction="sum") for w in leaves
    )
    ours = [array(w) for w in weights]
    assert_close(l2_penalty(ours, DECAY), expected)
    slopes = torch.autograd.grad(expected, leaves)
    for actual, slope in zip(
        l2_penalty_gradient(ours, DECAY), slopes, strict=True
    ):
        assert_close(actual, slope)


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.AdamW])
def test_decay_of_torch_without_a_gradient(weights, make, array):
    ours = [array(w) for w in weights]
    leaves = [torch.tensor(w, requires_grad=True) for w in weights]
    optimizer = make(leaves, lr=RATE, weight_decay=DECAY)
    for w in leaves:
        w.grad = torch.zeros_like(w)
    for _ in range(5):
        optimizer.step()
        ours = [decay_step(w, RATE, DECAY) for w in ours]
    for actual, w in zip(ours, leaves, strict=True):
        assert_close(actual, w)


def quadratic(theta, hessian, minimum):
    return 0.5 * (theta - minimum) @ hessian @ (theta - minimum)


def test_sgd_of_torch_is_the_penalty_and_the_decoupled_decay(
    hessian, minimum, array
):
    h, m = array(hessian), array(minimum)
    penalized = decoupled = plain = array(np.ones(D))
    theirs = torch.ones(D, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theirs], lr=0.05, weight_decay=DECAY)
    for _ in range(20):
        optimizer.zero_grad()
        args = torch.asarray(hessian), torch.asarray(minimum)
        quadratic(theirs, *args).backward()
        optimizer.step()
        [slope] = l2_penalty_gradient([penalized], DECAY)
        slope = h @ (penalized - m) + slope
        penalized = sgd_step(penalized, slope, 0.05)
        slope = h @ (decoupled - m)
        decoupled = sgd_step(decay_step(decoupled, 0.05, DECAY), slope, 0.05)
        plain = sgd_step(plain, h @ (plain - m), 0.05, DECAY)
    for actual in (penalized, decoupled, plain):
        assert_close(actual, theirs)


def test_adamw_is_the_decoupled_decay_and_adam_the_penalty(weights, rng, array):
    """AdamW is Adam after `decay_step`; Adam's own decay is eq. 2."""
    theta = outside = inside = summed = array(weights[0])
    states = [None] * 4
    for _ in range(4):
        g = array(rng.normal(size=weights[0].shape))
        theta, states[0] = adamw_step(
            theta, g, states[0], RATE, weight_decay=DECAY
        )
        shrunk = decay_step(outside, RATE, DECAY)
        outside, states[1] = adam_step(shrunk, g, states[1], RATE)
        inside, states[2] = adam_step(
            inside, g, states[2], RATE, weight_decay=DECAY
        )
        [penalty] = l2_penalty_gradient([summed], DECAY)
        summed, states[3] = adam_step(summed, g + penalty, states[3], RATE)
    assert_close(outside, theta)
    assert_close(summed, inside)
    assert np.abs(to_numpy(inside) - to_numpy(theta)).max() > 0.01


def test_minimum_is_ridge_regression_and_where_torch_descends_to(rng, array):
    x, y = rng.normal(size=(30, D)), rng.normal(size=30)
    hessian, best = x.T @ x / 30, np.linalg.lstsq(x, y)[0]
    expected = Ridge(alpha=30 * DECAY, fit_intercept=False, tol=1e-12)
    expected = expected.fit(x, y).coef_
    actual = decayed_minimum(array(hessian), array(best), DECAY)
    assert_close(actual, expected)
    theta = torch.zeros(D, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=0.5, weight_decay=DECAY)
    x, y = torch.asarray(x), torch.asarray(y)
    for _ in range(60):
        optimizer.zero_grad()
        (0.5 * torch.mean((y - x @ theta) ** 2)).backward()
        optimizer.step()
    assert_close(actual, theta)


def test_shrinkage_is_that_of_ridge(rng, array):
    x = rng.normal(size=(20, D))
    z = standardize(x).z
    h = np.linalg.eigvalsh(z.T @ z / 20)[::-1].copy()
    expected = shrinkage_factors(x, DECAY)
    assert_close(shrinkage(array(h), DECAY), expected)


def test_half_life_is_where_the_weight_is_half(array):
    lr, decay = 1 - 0.5 ** (1 / 8), 1.0
    assert_close(half_life(lr, decay), 8.0)
    theta = array(np.array([4.0]))
    for _ in range(8):
        theta = decay_step(theta, lr, decay)
    assert_close(theta, [2.0])
    # the approximation of the page, for a small share
    assert_close(half_life(1e-8, 1e-8), log(2) * 1e16, rtol=1e-12)


# The gradient.


def test_gradient(weights):
    for w in weights:
        assert_gradient(
            lambda w: l2_penalty([w], DECAY),
            lambda dy, w: dy * l2_penalty_gradient([w], DECAY)[0],
            w,
        )
    assert_gradient(
        lambda w: decay_step(w, RATE, DECAY),
        lambda dy, _: (1 - RATE * DECAY) * dy,
        weights[0],
    )


def test_gradient_runs_through_the_minimum(hessian, minimum):
    """d theta_lambda / d theta* is (H + lambda I)^-1 H."""
    leaf = torch.asarray(minimum).requires_grad_()
    theta = decayed_minimum(torch.asarray(hessian), leaf, DECAY)
    [actual] = torch.autograd.grad(theta[0], leaf)
    expected = np.linalg.inv(hessian + DECAY * np.eye(D)) @ hessian
    assert_close(actual, expected[0])
    leaf = torch.ones(D, dtype=torch.float64, requires_grad=True)
    [actual] = torch.autograd.grad(shrinkage(leaf, DECAY)[0], leaf)
    assert_close(actual, [DECAY / (1 + DECAY) ** 2, 0, 0])


# What the page promises, and what is refused.


@settings(max_examples=25)
@given(
    arrays(np.float64, array_shapes(max_dims=3), elements=st.floats(-1e3, 1e3)),
    st.floats(1e-6, 10),
    st.floats(0, 10),
)
def test_penalty_step_and_shrinkage_agree(w, lr, decay):
    """The step is that along the gradient; the penalty is even, and 0 at 0."""
    before = w.copy()
    [slope] = l2_penalty_gradient([w], decay)
    assert_close(decay_step(w, lr, decay), w - lr * slope, atol=1e-9)
    assert_close(l2_penalty([w], decay), l2_penalty([-w], decay))
    assert_close(l2_penalty([0 * w], decay), np.float64(0))
    assert_close(2 * l2_penalty([w], decay), np.sum(w * slope))
    assert_close(w, before, rtol=0, atol=0)


@settings(max_examples=25)
@given(
    arrays(np.float64, 3, elements=st.floats(0, 1e3)),
    arrays(np.float64, 3, elements=st.floats(-9, 9)),
    st.floats(1e-3, 1e3),
)
def test_minimum_is_shrunk_along_the_eigenvectors(h, minimum, decay):
    q, _ = np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2 + np.eye(3))
    factors = shrinkage(h, decay)
    assert np.all((factors >= 0) & (factors <= 1))
    matrix = q @ np.diag(h) @ q.T
    matrix = (matrix + matrix.T) / 2
    theta = decayed_minimum(matrix, minimum, decay)
    assert_close(q.T @ theta, factors * (q.T @ minimum), atol=1e-8)
    assert np.linalg.norm(theta) <= np.linalg.norm(minimum) + 1e-9


def test_no_decay_changes_nothing(weights, hessian, minimum, array):
    ours = [array(w) for w in weights]
    assert_close(l2_penalty(ours, 0.0), np.float64(0))
    assert_close(decay_step(ours[0], RATE, 0.0), weights[0], rtol=0)
    assert_close(decayed_minimum(array(hessian), array(minimum), 0.0), minimum)
    assert_close(shrinkage(array(np.array([0.1, 9.0])), 0.0), [1.0, 1.0])
    assert isinf(half_life(RATE, 0.0))


def test_a_minimum_that_only_the_decay_makes(array):
    """A flat direction, and one along which the loss falls."""
    hessian, minimum = np.diag([4.0, 0.0, -0.5]), np.array([2.0, 2.0, 2.0])
    theta = decayed_minimum(array(hessian), array(minimum), 1.0)
    assert_close(theta, [1.6, 0.0, -2.0])
    h = array(np.array([4.0, 0.0, -0.5]))
    assert_close(shrinkage(h, 1.0), [0.8, 0, -1])


def test_heavy_ball_takes_a_decoupled_decay_for_a_smaller_one(array):
    """At rest the velocity is the gradient over 1 - momentum."""
    inside = outside = array(np.ones(1))
    states = [None, None]
    for _ in range(200):
        slope = inside - 2 + l2_penalty_gradient([inside], 1.0)[0]
        inside, states[0] = momentum_step(inside, slope, states[0], 0.1, 0.5)
        slope, shrunk = outside - 2, decay_step(outside, 0.1, 1.0)
        outside, states[1] = momentum_step(shrunk, slope, states[1], 0.1, 0.5)
    assert_close(inside, [1.0])
    assert_close(outside, [4 / 3])
    small = decayed_minimum(array(np.eye(1)), array(np.array([2.0])), 0.5)
    assert_close(small, [4 / 3])


def test_before_batch_norm_the_length_of_the_weights_is_lost(rng):
    x, w = rng.normal(size=(8, 3)), rng.normal(size=(3, 2))
    one, zero = np.ones(2), np.zeros(2)
    whole = batch_norm(x @ w, one, zero, eps=1e-12)[0]
    shrunk = batch_norm(x @ decay_step(w, 0.5, 1.0), one, zero, eps=1e-12)[0]
    assert_close(shrunk, whole, rtol=1e-8)


def test_float32_stays_float32(weights, hessian, minimum):
    w = weights[0]
    assert_float32(lambda w: l2_penalty([w, w], DECAY), w)
    assert_float32(lambda w: l2_penalty_gradient([w], DECAY)[0], w)
    assert_float32(lambda w: decay_step(w, RATE, DECAY), w)
    assert_float32(lambda h, m: decayed_minimum(h, m, DECAY), hessian, minimum)
    assert_float32(lambda h: shrinkage(h, DECAY), np.abs(minimum))


@pytest.mark.usefixtures("unchecked")
def test_hyperparameters_of_numpy_leave_float32_alone(hessian):
    w, h = np.ones(D, dtype=np.float32), np.float32(hessian)
    for decay, lr in ((np.float64(DECAY), np.float64(RATE)),):
        results = [
            l2_penalty([w], decay),
            l2_penalty_gradient([w], decay)[0],
            decay_step(w, lr, decay),
            decayed_minimum(h, w, decay),
            shrinkage(w, decay),
        ]
        assert [a.dtype for a in results] == [np.float32] * 5
        assert isinstance(half_life(lr, decay), float)
    zero_d = np.asarray(DECAY), np.asarray(RATE)
    assert decay_step(w, *zero_d).dtype == np.float32


def calls(w, hessian, lr, decay):
    """Return every public function, ready to be called."""
    return [
        lambda: decay_step(w, lr, decay),
        lambda: half_life(lr, decay),
        lambda: l2_penalty([w], decay),
        lambda: l2_penalty_gradient([w], decay),
        lambda: decayed_minimum(hessian, w, decay),
        lambda: shrinkage(w, decay),
    ]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-0.1, inf, -inf, nan, True])
def test_other_rates_and_decays_are_refused(hessian, bad, array):
    w, hessian = array(np.ones(D)), array(hessian)
    for call in calls(w, hessian, RATE, bad):
        with pytest.raises(ValueError, match=f"0 <= decay < inf, got {bad}"):
            call()
    for rate in (bad, 0.0):
        for call in calls(w, hessian, rate, DECAY)[:2]:
            with pytest.raises(ValueError, match=f"0 < lr < inf, got {rate}"):
                call()


@pytest.mark.parametrize(("lr", "decay"), [(0.5, 2.0), (0.5, 6.0)])
def test_a_half_life_needs_a_share_below_one(lr, decay):
    message = rf"lr \* decay < 1, got {lr * decay}"
    with pytest.raises(ValueError, match=message):
        half_life(lr, decay)
    assert_close(half_life(0.5, 1.0), 1.0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.int64, np.bool_, np.complex128])
def test_numbers_that_are_not_real_are_refused(hessian, minimum, kind, array):
    wrong = array(np.ones(D, dtype=kind))
    for call in (
        *calls(wrong, array(hessian), RATE, DECAY)[2:],
        lambda: decay_step(wrong, RATE, DECAY),
        lambda: l2_penalty([array(minimum), wrong], DECAY),
        lambda: decayed_minimum(
            array(np.eye(D, dtype=kind)), array(minimum), DECAY
        ),
    ):
        with pytest.raises(ValueError, match="needs real floating-point num"):
            call()


@pytest.mark.usefixtures("unchecked")
def test_other_than_a_list_of_weights_is_refused(array):
    w = array(np.ones((2, 3)))
    for wrong, message in (
        (w, "a list of arrays, got a"),
        (iter([w]), "a list of arrays, got a list_iterator"),
        ([], "a list of arrays, got an empty one"),
    ):
        for function in (l2_penalty, l2_penalty_gradient):
            with pytest.raises(ValueError, match=message):
                function(wrong, DECAY)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("matrix", "vector"),
    [
        ((D, D), (1,)),
        ((D, D), (D, 1)),
        ((D, D), ()),
        ((D, D + 1), (D,)),
        ((D,), (D,)),
        ((0, 0), (0,)),
    ],
)
def test_shapes_without_a_minimum_are_refused(matrix, vector, array):
    hessian, minimum = array(np.ones(matrix)), array(np.ones(vector))
    with pytest.raises(ValueError, match=r"\(D, D\) and a minimum \(D,\) are"):
        decayed_minimum(hessian, minimum, DECAY)


def test_a_hessian_that_is_none_is_refused(hessian, minimum, array):
    skew, unknown = hessian.copy(), hessian.copy()
    skew[0, 1] += 0.1
    unknown[0, 0] = nan
    for h, m in (
        (skew, minimum),
        (unknown, minimum),
        (hessian, np.array([1.0, nan, 1.0])),
    ):
        with pytest.raises(ValueError, match="to be symmetric and finite"):
            decayed_minimum(array(h), array(m), DECAY)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_how_symmetric_a_hessian_needs_to_be_is_relative(scale, array):
    minimum = array(np.ones(2))
    almost = scale * np.array([[1.0, 1e-10], [0.0, 1.0]])
    assert_close(
        decayed_minimum(array(almost), minimum, scale), [0.5, 0.5], rtol=1e-9
    )
    skew = scale * np.array([[1.0, 1e-6], [0.0, 1.0]])
    with pytest.raises(ValueError, match="to be symmetric and finite"):
        decayed_minimum(array(skew), minimum, scale)


def test_a_curvature_within_rounding_is_no_minimum(array):
    hessian, minimum = np.diag([1.0, 1e-17]), array(np.ones(2))
    with pytest.raises(ValueError, match=r"beyond rounding, got 1\.0e"):
        decayed_minimum(array(hessian), minimum, 0.0)


def test_mixed_dtypes_are_refused(hessian, minimum, array):
    for h, m in (
        (np.float32(hessian), minimum),
        (hessian, np.float32(minimum)),
    ):
        with pytest.raises(ValueError, match="need the same dtype, got"):
            decayed_minimum(array(h), array(m), DECAY)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_an_infinite_hessian_is_refused(hessian, minimum, array):
    hessian[0, 0] = inf
    with pytest.raises(ValueError, match="to be symmetric and finite"):
        decayed_minimum(array(hessian), array(minimum), DECAY)


@pytest.mark.parametrize(
    ("h", "decay"), [([1.0, 0.0], 0.0), ([1.0, -0.5], 0.5), ([1.0, -2.0], 1.0)]
)
def test_without_a_unique_minimum_there_is_no_answer(h, decay, array):
    h = np.array(h)
    smallest = re.escape(f"{h[1] + decay:.1e}")
    message = f"plus the decay are positive beyond rounding, got {smallest}"
    with pytest.raises(ValueError, match=message):
        decayed_minimum(array(np.diag(h)), array(h), decay)
    with pytest.raises(ValueError, match="decay positive and finite, got"):
        shrinkage(array(h), decay)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("bad", [nan, inf, 1.7e308])
def test_curvatures_that_are_not_finite_are_refused(bad, array):
    with pytest.raises(ValueError, match="decay positive and finite, got"):
        shrinkage(array(np.array([1.0, bad])), 1e308)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_units_do_not_matter(hessian, minimum, scale, array):
    expected = decayed_minimum(hessian, minimum, DECAY)
    scaled = array(scale * hessian), array(minimum), scale * DECAY
    assert_close(decayed_minimum(*scaled), expected)
    h = array(scale * np.array([4.0, 0.0]))
    assert_close(shrinkage(h, scale), [0.8, 0.0])


# The experiment.


@pytest.fixture
def numbers():
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def test_the_experiment_shows_what_the_page_says(numbers):
    assert numbers["decay"] == [0, 0.0001, 0.001, 0.003, 0.01, 0.1]
    norm, train, loss, accuracy, lowest = (
        np.array(numbers[name])
        for name in ("norm", "loss", "validation_loss", "accuracy", "lowest")
    )
    assert norm.shape == train.shape == loss.shape == (6, 8)
    assert np.all(np.diff(norm, axis=0) < 0)
    assert np.all(np.diff(train.mean(axis=1)) > 0)
    for found, said, half in (
        (norm, [26, 25, 21, 16, 9, 3], 0.51),
        (train, [0.02, 0.03, 0.07, 0.23, 0.71, 1.85], 0.0051),
        (loss, [0.70, 0.68, 0.59, 0.57, 0.62, 1.81], 0.0051),
    ):
        assert_close(found.mean(axis=1), said, rtol=0, atol=half)
    assert list(np.sum(loss < loss[0], axis=1)) == [0, 7, 8, 7, 5, 0]
    assert list(np.sum(lowest < lowest[0], axis=1)) == [0, 3, 4, 4, 1, 0]
    assert loss.mean(axis=1).argmin() == 3
    mean = accuracy.mean(axis=1)
    assert mean.argmax() == 4
    assert_close(mean[[0, 4, 5]], [0.81, 0.85, 0.48], rtol=0, atol=0.0051)
    spread = np.ptp(loss[:5], axis=1)  # the seeds differ more than the decays
    assert spread.min() > np.ptp(loss[:5].mean(axis=1))
    best = lowest.mean(axis=1)
    assert_close(best[0], 0.49, rtol=0, atol=0.0051)
    assert_close(best.min(), 0.48, rtol=0, atol=0.0051)
    assert loss[0].std() > 0.1 > loss[5].std()


def test_adam_and_adamw_show_what_the_page_says(numbers):
    for name, decays, said in (
        (
            "adam",
            [0, 0.0001, 0.001, 0.01, 0.1],
            [[0.56, 0.56, 0.57, 0.68, 1.77], [0.66, 0.66, 0.59, 0.61, 1.80]],
        ),
        (
            "adamw",
            [0, 0.01, 0.1, 1, 10],
            [[0.56, 0.56, 0.57, 0.63, 1.38], [0.66, 0.66, 0.61, 0.60, 1.57]],
        ),
    ):
        part = numbers[name]
        assert part["rate"] == [0.001, 0.01]
        assert part["decay"] == decays
        runs = np.array(part["validation_loss"])
        assert runs.shape == (2, 5, 4)
        assert_close(runs.mean(axis=-1), said, rtol=0, atol=0.0051)
        mean = runs.mean(axis=-1)
        assert mean[0].min() > mean[0, 0] - 0.01
        ends = runs[1, 0].min(), runs[1, 0].max()
        assert_close(ends, [0.45, 0.92], rtol=0, atol=0.0051)
