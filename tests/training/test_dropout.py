import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch.nn import functional as F

from reference.training.dropout import (
    classic_dropout,
    classic_dropout_inference,
    dropout,
    dropout_backward,
    dropout_penalty,
    keep_mask,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D, P = 3, 4, 0.2
RESULT = Path(__file__).parents[2] / "experiments/training/dropout.json"


@pytest.fixture
def x(rng):
    return rng.normal(2, 3, size=(N, D))


@pytest.fixture
def kept(rng):
    mask = rng.random((N, D)) >= 0.4
    assert mask.any()
    assert not mask.all()
    return mask


def masks(d, p):
    """Yield every mask of d units with its probability."""
    for m in product([False, True], repeat=d):
        yield np.array(m), np.prod([1 - p if k else p for k in m])


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(rng, array):
    r"""m_{nd} = [u_{nd} \ge p]"""
    u, expected = rng.random((N, D)), np.empty((N, D), dtype=bool)
    u[1, 2] = 0.5  # the border is kept
    for n, d in np.ndindex(N, D):
        expected[n, d] = u[n, d] >= 0.5
    actual = to_numpy(keep_mask(array(u), 0.5))
    assert actual.dtype == np.bool_
    assert_close(actual, expected)


def test_eq_2(x, kept, array):
    r"""y_{nd} = \frac{m_{nd} \, x_{nd}}{1 - p}"""
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = int(kept[n, d]) * x[n, d] / (1 - P)
    assert_close(dropout(array(x), array(kept), P), expected)


def test_eq_3(x, kept, array):
    r"""\frac{\partial L}{\partial x_{nd}}
    = \frac{m_{nd} \, \delta_{nd}}{1 - p}"""
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = int(kept[n, d]) * x[n, d] / (1 - P)
    assert_close(dropout_backward(array(x), array(kept), P), expected)


def test_eq_4(x, kept, array):
    r"""y_{nd} = m_{nd} \, x_{nd}"""
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = int(kept[n, d]) * x[n, d]
    assert_close(classic_dropout(array(x), array(kept)), expected)


def test_eq_5(x, array):
    r"""y_{nd} = (1 - p) \, x_{nd}"""
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = (1 - P) * x[n, d]
    assert_close(classic_dropout_inference(array(x), P), expected)


def test_eq_6(rng, x, array):
    r"""R(\beta) = \frac{p}{1 - p} \, \frac{1}{N}
    \sum_{n=1}^{N} \sum_{d=1}^{D} x_{nd}^2 \beta_d^2"""
    beta, total = rng.normal(size=D), 0.0
    for n, d in np.ndindex(N, D):
        total += x[n, d] ** 2 * beta[d] ** 2
    actual = dropout_penalty(array(x), array(beta), P)
    assert_close(actual, np.float64(P / (1 - P) / N * total))


# The same as everybody else's.


@pytest.mark.parametrize("shape", [(), (0,), (1000,), (20, 3, 4, 5)])
@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_output_and_gradient_of_torch_with_the_mask_it_drew(
    rng, shape, p, array
):
    x, dy = np.asarray(rng.normal(size=shape)), np.ones(shape)
    torch.manual_seed(0)
    leaf = torch.asarray(x).requires_grad_()
    library = F.dropout(leaf, p)
    library.backward(torch.asarray(dy))
    kept = to_numpy(library) != 0
    assert_close(dropout(array(x), array(kept), p), library)
    actual = dropout_backward(array(dy), array(kept), p)
    assert_close(actual, leaf.grad)
    thinned = classic_dropout(array(x), array(kept))
    assert_close(thinned, F.dropout(leaf, 0) * torch.asarray(kept))
    inference = classic_dropout_inference(array(x), p)
    assert_close(inference, torch.lerp(leaf, 0 * leaf, p))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_mean_and_variance_over_all_masks(x, p, array):
    """Inverted: mean x. Classic: mean that of its inference."""
    row, zero = x[0], np.zeros(D)
    mean, square, classic, total = zero, zero, zero, 0.0
    for m, probability in masks(D, p):
        y = to_numpy(dropout(array(row), array(m), p))
        z = to_numpy(classic_dropout(array(row), array(m)))
        mean, square = mean + probability * y, square + probability * y**2
        classic, total = classic + probability * z, total + probability
    assert_close(total, 1.0)
    assert_close(mean, row)
    assert_close(square - mean**2, p / (1 - p) * row**2)
    assert_close(classic_dropout_inference(array(row), p), classic)


def test_share_of_drops_is_that_of_torch(rng, array):
    """And of the binomial distribution, within 4 standard deviations."""
    n, p = 100_000, 0.2
    kept = to_numpy(keep_mask(array(rng.random(n)), p))
    torch.manual_seed(0)
    library = to_numpy(F.dropout(torch.ones(n), p)) > 0
    for mask in (kept, library):
        assert abs(mask.mean() - (1 - p)) < 4 * np.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.7])
def test_penalty_is_the_rise_of_the_loss_over_all_masks(rng, x, p, array):
    y, beta = rng.normal(size=N), rng.normal(size=D)
    expected = 0.0
    for m, probability in masks(D, p):
        thinned = np.stack([dropout(row, m, p) for row in x])
        expected += probability * np.mean((y - thinned @ beta) ** 2)
    without = np.mean((y - x @ beta) ** 2)
    penalty = dropout_penalty(array(x), array(beta), p)
    assert_close(penalty, np.float64(expected - without))


# The gradient.


def test_gradient(x, kept):
    mask = torch.asarray(kept)
    assert_gradient(
        lambda x: dropout(x, mask, P),
        lambda dy, _: dropout_backward(dy, mask, P),
        x,
    )


# What the page promises, and what is refused.


def geometric_mean(distributions, probabilities):
    """Return the normalized geometric mean of the distributions."""
    mean = np.exp(np.log(distributions).T @ probabilities)
    return mean / mean.sum()


def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_whole_network_is_the_geometric_mean_before_one_softmax(rng, p):
    x, w, b = rng.normal(size=D), rng.normal(size=(D, 3)), rng.normal(size=3)
    every, probability = zip(*masks(D, p), strict=True)
    inverted = [softmax(dropout(x, m, p) @ w + b) for m in every]
    classic = [softmax(classic_dropout(x, m) @ w + b) for m in every]
    whole = softmax(x @ w + b)
    scaled = softmax(classic_dropout_inference(x, p) @ w + b)
    assert_close(geometric_mean(inverted, probability), whole)
    assert_close(geometric_mean(classic, probability), scaled)
    assert np.abs(np.array(probability) @ inverted - whole).max() > 1e-3


def test_without_drops_nothing_changes(x, array):
    everything = keep_mask(array(0 * x), 0.0)
    assert to_numpy(everything).all()
    assert_close(dropout(array(x), everything, 0.0), x, rtol=0)
    assert_close(classic_dropout(array(x), everything), x, rtol=0)
    assert_close(classic_dropout_inference(array(x), 0.0), x, rtol=0)
    assert_close(dropout_penalty(array(x), array(x[0]), 0.0), 0.0)


@settings(max_examples=25)
@given(
    arrays(
        np.float64, array_shapes(max_dims=3), elements=st.floats(-1e300, 1e300)
    ),
    st.floats(0, 0.999),
    st.integers(0, 99),
)
def test_every_entry_is_gone_or_larger_and_the_arguments_stay(x, p, seed):
    kept = keep_mask(np.random.default_rng(seed).random(x.shape), p)
    before, mask = x.copy(), kept.copy()
    y = dropout(x, kept, p)
    assert np.all(y[~kept] == 0)
    assert np.all(np.abs(y[kept]) >= np.abs(x[kept]))
    assert_close(x, before)
    assert_close(kept, mask)


def test_what_is_dropped_is_gone_even_if_infinite(array):
    """The third would overflow, which NumPy would warn of."""
    x = np.array([np.inf, np.nan, 1.7e308, 1.0])
    y = dropout(array(x), array(np.array([False, False, False, True])), 0.5)
    assert_close(y, [0.0, 0.0, 0.0, 2.0])


def test_equal_inputs_share_their_weight():
    x = np.array([[4.0, 4.0]])
    alone = dropout_penalty(x, np.array([2.0, 0.0]), P)
    shared = dropout_penalty(x, np.array([1.0, 1.0]), P)
    assert_close(alone, 2 * shared)


def test_float32_stays_float32(x, kept):
    assert_float32(lambda x: dropout(x, kept, P), x)
    assert_float32(lambda dy: dropout_backward(dy, kept, P), x)
    assert_float32(lambda x: classic_dropout(x, kept), x)
    assert_float32(lambda x: classic_dropout_inference(x, P), x)
    assert_float32(lambda x, beta: dropout_penalty(x, beta, P), x, x[0])


@pytest.mark.usefixtures("unchecked")
def test_numpy_scalars_leave_float32_alone(x, kept):
    p, x = np.float64(P), np.float32(x)
    results = [
        dropout(x, kept, p),
        dropout_backward(x, kept, p),
        classic_dropout_inference(x, p),
        dropout_penalty(x, x[0], p),
    ]
    assert [a.dtype for a in results] == [np.float32] * len(results)
    # 0.7 is 0.69999999 in float32: p is rounded as u was.
    assert keep_mask(np.float32([0.7]), np.float64(0.7)).all()


def calls(x, kept, p):
    """Return every public function with a p, ready to be called."""
    return [
        lambda: dropout(x, kept, p),
        lambda: dropout_backward(x, kept, p),
        lambda: keep_mask(x, p),
        lambda: classic_dropout_inference(x, p),
        lambda: dropout_penalty(x, x[0, :], p),
    ]


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, np.nan, np.inf, -np.inf])
def test_p_that_is_no_chance_of_a_drop_is_refused(x, kept, p, array):
    message = rf"p, chance of a drop, must be in \[0, 1\), got {p}"
    for call in calls(array(x), array(kept), p):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.bool_, np.complex128])
def test_numbers_that_are_not_real_are_refused(x, kept, kind, array):
    wrong, mask = array(np.ones((N, D), dtype=kind)), array(kept)
    message = "real floating-point x is needed, got .*(int|bool|complex)"
    for call in (
        *calls(wrong, mask, P),
        lambda: classic_dropout(wrong, mask),
        lambda: dropout_penalty(array(x), wrong[0, :], P),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.usefixtures("unchecked")
def test_masks_that_would_be_misread_are_refused(x, kept, array):
    message = "a boolean mask of x's shape is needed, got .*"
    functions = [
        lambda m: dropout(array(x), m, P),
        lambda m: dropout_backward(array(x), m, P),
        lambda m: classic_dropout(array(x), m),
    ]
    for function in functions:
        for kind in (np.float64, np.int64):
            with pytest.raises(ValueError, match=message + r"\d+ of \(3, 4\)"):
                function(array(kept.astype(kind)))
        for wrong in (kept[0], kept[:1], kept[:, :1], kept[None]):
            with pytest.raises(ValueError, match=message + r" for \(3, 4\)"):
                function(array(wrong))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("x_shape", "beta_shape"),
    [((D,), (D,)), ((0, D), (D,)), ((N, D), (1,)), ((N, D), (N, D))],
)
def test_shapes_without_a_penalty_are_refused(x_shape, beta_shape, array):
    x, beta = array(np.ones(x_shape)), array(np.ones(beta_shape))
    with pytest.raises(ValueError, match=r"are needed, got x of \(.*beta of"):
        dropout_penalty(x, beta, P)


# The experiment.


@pytest.fixture
def numbers():
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def test_the_experiment_shows_what_the_page_says(numbers):
    assert numbers["rate"] == [0.1, 0.02]
    assert numbers["p"] == [0.0, 0.2, 0.5, 0.8]
    last, lowest, accuracy, off = (
        np.array(numbers[name])
        for name in (
            "validation_loss",
            "lowest_validation_loss",
            "accuracy",
            "loss_off",
        )
    )
    assert last.shape == lowest.shape == accuracy.shape == (2, 4, 8)
    assert_close(
        last.mean(axis=2),
        [[0.70, 0.65, 0.50, 1.56], [0.55, 0.53, 0.49, 0.47]],
        atol=0.0051,
    )
    assert_close(
        lowest.mean(axis=2),
        [[0.49, 0.46, 0.40, 0.86], [0.50, 0.49, 0.47, 0.45]],
        atol=0.0051,
    )
    assert np.all(last[:, 2] < last[:, 0])
    assert np.all(lowest[:, 2] < lowest[:, 0])
    assert np.all(accuracy[:, 2] > accuracy[:, 0])
    gain = last[:, 0] - last[:, 2], lowest[:, 0] - lowest[:, 2]
    assert np.all(gain[0].mean(axis=1) > gain[1].mean(axis=1))
    assert_close(off[0, 3].mean(), np.float64(1.58), atol=0.0051)
