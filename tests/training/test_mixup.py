import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import digamma

from reference.foundations.information import entropy
from reference.neural_networks.classification_losses import (
    cross_entropy,
    cross_entropy_one_hot,
    cross_entropy_one_hot_gradient,
)
from reference.training.mixup import beta_weights, mixup, one_hot
from tests.checks import assert_close, assert_float32, assert_gradient, to_numpy

RESULT = Path(__file__).parents[2] / "experiments/training/mixup.json"
N, D, C = 6, 4, 3


@pytest.fixture
def batch(rng):
    """Return pictures, probabilities, partners and weights."""
    x, y = rng.normal(size=(N, D)), rng.dirichlet(np.ones(C), size=N)
    return x, y, rng.permutation(N), rng.random(N)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(array):
    r"""y_{nc} = [c = t_n]"""
    t = np.array([2, 0, 1, 1])
    expected = [[float(c == t[n]) for c in range(C)] for n in range(4)]
    labels = array(t)
    dtype = array(np.ones(1)).dtype
    assert_close(one_hot(labels, C, dtype), expected)


def test_eq_2(batch, array):
    r"""\tilde{x}_{nd} = \lambda_n x_{nd} + (1 - \lambda_n) x_{\pi(n) d}"""
    x, _, order, w = batch
    expected = np.empty((N, D))
    for n, d in np.ndindex(N, D):
        expected[n, d] = w[n] * x[n, d] + (1 - w[n]) * x[order[n], d]
    assert_close(mixup(*map(array, batch)).x, expected)


def test_eq_3(batch, array):
    r"""\tilde{y}_{nc} = \lambda_n y_{nc} + (1 - \lambda_n) y_{\pi(n) c}"""
    _, y, order, w = batch
    expected = np.empty((N, C))
    for n, c in np.ndindex(N, C):
        expected[n, c] = w[n] * y[n, c] + (1 - w[n]) * y[order[n], c]
    assert_close(mixup(*map(array, batch)).y, expected)


# The same as everybody else's.


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)])
def test_lerp_of_torch(shape, batch, rng, array):
    """Pictures of any rank; partners drawn with replacement do as well."""
    x = rng.normal(size=(N, *shape))
    _, y, _, w = batch
    order = rng.integers(0, N, size=N)
    wide, labels, share = map(torch.asarray, (x, y, w))
    share = share.reshape(N, *(1 for _ in shape))
    mixed = mixup(array(x), array(y), array(order), array(w))
    assert_close(mixed.x, torch.lerp(wide[order], wide, share))
    share = torch.asarray(w)[:, None]
    assert_close(mixed.y, torch.lerp(labels[order], labels, share))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_one_hot_of_torch(kind, array):
    t = np.array([3, 0, 3, 1], dtype=kind)
    dtype = array(np.ones(1, np.float32)).dtype
    y = one_hot(array(t), 5, dtype)
    assert y.dtype == dtype
    assert_close(y, F.one_hot(torch.asarray(t).long(), 5).float())
    wide = one_hot(array(t), 300, dtype)  # 300 does not fit into uint8
    assert_close(wide, F.one_hot(torch.asarray(t).long(), 300).float())


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_the_weights_are_beta_distributed(alpha):
    w = beta_weights(np.random.default_rng(1), alpha, 4000)
    assert w.shape == (4000,)
    assert stats.kstest(w, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    variance = 1 / (4 * (2 * alpha + 1))
    assert_close(stats.beta(alpha, alpha).var(), variance)
    assert_close(w.mean(), 0.5, atol=4 * (variance / 4000) ** 0.5)
    assert_close(w.var(), variance, rtol=0.06)


def test_loss_and_gradient_of_torch(batch, rng):
    """Trained with torch's loss or with the reference's, it is the same."""
    x, y = mixup(*batch)
    w = torch.asarray(rng.normal(size=(D, C))).requires_grad_()
    z = torch.asarray(x) @ w
    value = F.cross_entropy(z, torch.asarray(y))
    value.backward()
    assert_close(cross_entropy_one_hot(to_numpy(z), y), value)
    dz = cross_entropy_one_hot_gradient(to_numpy(z), y)
    assert_close(x.T @ dz, w.grad)


# The gradient.


def test_gradient(batch):
    x, y, order, w = batch

    def backward(da, a):
        """Return what comes back to each: as itself, and as a partner."""
        da, found = to_numpy(da), np.zeros((N, a.shape[1]))
        for n in range(N):
            found[n] += w[n] * da[n]
            found[order[n]] += (1 - w[n]) * da[n]
        return torch.asarray(found)

    labels, pictures = torch.asarray(y), torch.asarray(x)
    assert_gradient(lambda a: mixup(a, labels, order, w).x, backward, x)
    assert_gradient(lambda a: mixup(pictures, a, order, w).y, backward, y)


# What the page promises, and what is refused.


def test_by_hand(array):
    x = np.array([[[0.0, 8.0], [0.0, 8.0]], [[8.0, 8.0], [0.0, 0.0]]])
    y, order = np.eye(2), np.array([1, 0])
    mixed = mixup(array(x), array(y), array(order), 0.25)
    expected = [[[6, 8], [0, 2]], [[2, 8], [0, 6]]]
    assert_close(mixed.x, np.float64(expected))
    assert_close(mixed.y, [[0.25, 0.75], [0.75, 0.25]])


def test_weights_of_one_and_zero_take_one_picture(batch, array):
    x, y, order, _ = batch
    args = array(x), array(y), array(order)
    for weight, chosen in ((1.0, np.arange(N)), (0.0, order)):
        mixed = mixup(*args, weight)
        assert_close(mixed.x, x[chosen], rtol=0, atol=0)
        assert_close(mixed.y, y[chosen], rtol=0, atol=0)


def test_one_weight_is_the_same_weight_for_each(batch):
    x, y, order, _ = batch
    for a, b in zip(
        mixup(x, y, order, 0.3),
        mixup(x, y, order, np.full(N, 0.3)),
        strict=True,
    ):
        assert_close(a, b, rtol=0, atol=0)


def test_arguments_are_left_alone(batch):
    before = [a.copy() for a in batch]
    mixup(*batch)
    for a, b in zip(batch, before, strict=True):
        assert_close(a, b, rtol=0, atol=0)


def test_partners_and_weights_that_are_arrays_mix_tensors(batch):
    x, y, order, w = batch
    tensors = torch.asarray(x), torch.asarray(y)
    expected = mixup(*batch)
    for actual in (
        mixup(*tensors, order, w),
        mixup(*tensors, torch.asarray(order), torch.asarray(w)),
    ):
        assert_close(actual.x, expected.x)
        assert_close(actual.y, expected.y)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.uint64])
def test_partners_of_any_integer_dtype(kind, batch, array):
    x, y, order, w = batch
    mixed = mixup(array(x), array(y), order.astype(kind), w)
    assert_close(mixed.x, mixup(*batch).x)
    assert_close(mixed.y, mixup(*batch).y)


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(0, 10**6), st.floats(0, 5))
def test_mixed_labels_are_probabilities_and_pictures_in_between(n, seed, alpha):
    rng = np.random.default_rng(seed)
    x = 1e308 * rng.uniform(-1, 1, size=(n, 2, 2))
    y = one_hot(rng.integers(0, C, size=n), C, np.float64)
    order = rng.permutation(n)
    mixed = mixup(x, y, order, beta_weights(rng, alpha, n))
    assert_close(mixed.y.sum(axis=1), np.ones(n))
    assert np.all(mixed.y >= 0)
    slack = 1e294
    assert np.all(mixed.x <= np.maximum(x, x[order]) + slack)
    assert np.all(mixed.x >= np.minimum(x, x[order]) - slack)


def test_the_loss_is_mixed_as_the_labels_are(batch, rng):
    x, _, order, w = batch
    z, t = rng.normal(size=(N, C)), rng.integers(0, C, size=N)
    labels = mixup(x, one_hot(t, C, z.dtype), order, w).y
    mean = 0.0
    for n in range(N):
        own = cross_entropy(z[n : n + 1], t[n : n + 1])
        others = cross_entropy(z[n : n + 1], t[order[n : n + 1]])
        mean += (w[n] * own + (1 - w[n]) * others) / N
    assert_close(cross_entropy_one_hot(z, labels), mean)
    mixed = mixup(x, one_hot(t, C, z.dtype), order, 0.3).y
    mean = 0.3 * cross_entropy(z, t) + 0.7 * cross_entropy(z, t[order])
    assert_close(cross_entropy_one_hot(z, mixed), mean)


def test_no_answer_costs_less_than_the_entropy_of_the_label(batch, rng):
    y = mixup(*batch).y
    floor = entropy(y).mean()
    assert_close(cross_entropy_one_hot(np.log(y), y), floor)
    for _ in range(20):
        z = np.log(y) + 0.1 * rng.normal(size=y.shape)
        assert cross_entropy_one_hot(z, y) > floor


def test_the_mean_entropy_of_two_labels():
    """½ at alpha 1, as on the page; the digamma function in general."""
    for alpha, mean in ((0.2, 0.228), (1.0, 0.5)):
        w = (np.arange(20000) + 0.5) / 20000
        w = stats.beta(alpha, alpha).ppf(w)
        pairs = entropy(np.stack([w, 1 - w], axis=1)).mean()
        exact = digamma(2 * alpha + 1) - digamma(alpha + 1)
        assert_close(pairs, exact, rtol=1e-3)
        assert_close(exact, mean, atol=0.0005)


def test_without_alpha_nothing_is_mixed(batch, rng):
    x, y, order, _ = batch
    w = beta_weights(rng, 0.0, N)
    assert_close(w, np.ones(N), rtol=0, atol=0)
    assert_close(mixup(x, y, order, w).x, x, rtol=0, atol=0)
    tiny = beta_weights(rng, 1e-5, 1000)
    assert set(tiny.tolist()) == {0.0, 1.0}


@pytest.mark.usefixtures("unchecked")
def test_float32_stays_float32(batch):
    x, y, order, w = batch
    assert_float32(lambda x, y: tuple(mixup(x, y, order, w)), x, y)
    for weight in (w, 0.3, np.float64(0.3), np.float32(0.3)):
        mixed = mixup(np.float32(x), y, order, weight)
        assert mixed.x.dtype == np.float32
        assert mixed.y.dtype == np.float64
    single = torch.asarray(x).float(), torch.asarray(y).float()
    mixed = mixup(*single, order, w)
    assert mixed.x.dtype == mixed.y.dtype == torch.float32


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 3]),
        np.array([-1, 0]),
        np.array([0.0, 1.0]),
        np.array([True, False]),
        np.array([[0, 1]]),
        np.array(1),
    ],
)
def test_labels_that_name_no_class_are_refused(labels, array):
    dtype = array(np.ones(1)).dtype
    message = r"labels need to be (in 0 \.\.\. 2|integers \(N,\)), got"
    with pytest.raises(ValueError, match=message):
        one_hot(array(labels), 3, dtype)


@pytest.mark.usefixtures("unchecked")
def test_other_classes_and_dtypes_are_refused():
    t = np.array([0, 0])
    for classes in (0, -1, 2.0, True):
        message = f"whole number >= 1, got {classes}"
        with pytest.raises(ValueError, match=message):
            one_hot(t, classes, np.float64)
    for dtype in (np.int64, np.bool_, np.complex128):
        with pytest.raises(ValueError, match=r"dtype is needed, got .*"):
            one_hot(t, 1, dtype)
    assert one_hot(t[:0], 1, np.float64).shape == (0, 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.float32, np.float64, int])
def test_alpha_may_be_any_real_number(kind):
    expected = beta_weights(np.random.default_rng(0), 2.0, 3)
    found = beta_weights(np.random.default_rng(0), kind(2), 3)
    assert_close(found, expected, rtol=0, atol=0)
    assert found.dtype == np.float64


@pytest.mark.parametrize("alpha", [-0.1, np.inf, np.nan, 1.1e300])
def test_other_alphas_are_refused(alpha, rng):
    with pytest.raises(ValueError, match=r"in \[0, 1e300\], got"):
        beta_weights(rng, alpha, 3)


def test_a_huge_alpha_mixes_half_and_half(rng):
    assert_close(beta_weights(rng, 1e300, 3), np.full(3, 0.5))
    for alpha in (0.0, 1.0):
        with pytest.raises(ValueError, match="negative dimensions"):
            beta_weights(rng, alpha, -1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((), (1, C)),
        ((0, D), (0, C)),
        ((2, D), (3, C)),
        ((3, D), (1, C)),
        ((3, D), (3,)),
        ((3, D), (3, C, 1)),
    ],
)
def test_other_shapes_are_refused(x, y, array):
    order = np.arange(x[0]) if x else np.arange(1)
    with pytest.raises(ValueError, match=r"of 1 example or more, got \("):
        mixup(array(np.ones(x)), array(np.ones(y)), array(order), 0.5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_, np.complex128])
def test_what_cannot_be_mixed_is_refused(kind, batch, array):
    x, y, order, w = batch
    wrong = array(np.eye(N, C).astype(kind))
    x, y, order, w = map(array, (x, y, order, w))
    with pytest.raises(ValueError, match="x must be real floating-point, got"):
        mixup(wrong, y, order, w)
    with pytest.raises(ValueError, match="y must be real floating-point, got"):
        mixup(x, wrong, order, w)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "order",
    [
        np.arange(N) + 1,
        np.arange(N) - 1,
        np.arange(N - 1),
        np.zeros(1, dtype=np.int64),
        np.arange(N)[:, None],
        np.array(0),
        np.arange(N) * 1.0,
        np.ones(N, dtype=bool),
    ],
)
def test_other_partners_are_refused(order, batch, array):
    x, y, _, w = batch
    with pytest.raises(ValueError, match=r"be 6 integers in 0 \.\.\. 5, got"):
        mixup(array(x), array(y), array(order), array(w))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "weight",
    [
        -0.01,
        1.01,
        np.nan,
        np.inf,
        np.append(np.ones(N - 1), 1.01),
        np.append(np.ones(N - 1), -0.01),
        np.ones(N - 1),
        np.ones(1),
        np.ones((N, 1)),
    ],
)
def test_other_weights_are_refused(weight, batch, array):
    x, y, order, _ = batch
    weight = array(weight) if isinstance(weight, np.ndarray) else weight
    with pytest.raises(ValueError, match=r"number in \[0, 1\] or 6 of them"):
        mixup(array(x), array(y), array(order), weight)


# The experiment.


@pytest.fixture
def measured():
    """Return the means over the seeds, by share of wrong labels and alpha."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]

    def read(name, wrong, alphas=("0", "0.2", "1")):
        runs = [numbers[f"{wrong}: {alpha}"][name] for alpha in alphas]
        return np.array(runs)

    return read


@pytest.mark.parametrize(
    ("wrong", "loss", "accuracy", "confidence"),
    [
        (0.0, [0.20, 0.19, 0.24], [0.95, 0.95, 0.95], [0.96, 0.90, 0.86]),
        (0.2, [0.75, 0.59, 0.54], [0.80, 0.82, 0.84], [0.88, 0.79, 0.76]),
    ],
)
def test_the_numbers_of_the_caption(
    wrong, loss, accuracy, confidence, measured
):
    for name, means in (
        ("validation_loss", loss),
        ("accuracy", accuracy),
        ("confidence", confidence),
    ):
        runs = measured(name, wrong)
        assert runs.shape == (3, 8)
        assert_close(runs.mean(axis=1), means, atol=0.0051, rtol=0)


def test_the_claims_about_each_seed(measured):
    loss = measured("validation_loss", 0.2)
    assert np.all(loss[2] < loss[0])
    loss = measured("validation_loss", 0.0)
    assert np.all(loss[2] > loss[0])
    accuracy = measured("accuracy", 0.2)
    assert np.sum(accuracy[2] > accuracy[0]) == 7
    learned = measured("wrong_labels_learned", 0.2).mean(axis=1)
    assert_close(learned, [0.99, 0.80, 0.55], atol=0.0051, rtol=0)
    ways = "1", "1, one weight per batch"
    accuracy = measured("accuracy", 0.2, ways)
    assert abs(np.diff(accuracy.mean(axis=1))[0]) < 0.01
    learned = measured("wrong_labels_learned", 0.2, ways).mean(axis=1)
    assert_close(learned, [0.55, 0.64], atol=0.0051, rtol=0)


def test_the_confidence_falls_below_the_accuracy(measured):
    for wrong, means in (
        (0.0, [0.02, -0.05, -0.08]),
        (0.2, [0.08, -0.03, -0.08]),
    ):
        excess = measured("confidence", wrong) - measured("accuracy", wrong)
        assert_close(excess.mean(axis=1), means, atol=0.0051, rtol=0)
        assert np.all(excess[0] > 0)
        assert np.all(excess[2] < 0)


def test_the_loss_stays_above_its_floor(measured):
    loss, floor = measured("training_loss", 0.0), measured("floor", 0.0)
    assert np.all(loss[1:] > floor[1:] + 0.1)
    assert_close(floor.mean(axis=1)[2], 0.43, atol=0.0051, rtol=0)
    assert_close(loss.mean(axis=1)[2], 0.78, atol=0.0051, rtol=0)
    plain = measured("plain_training_loss", 0.0)[2]
    assert_close(plain.mean(), 0.08, atol=0.0051, rtol=0)
    assert np.all(measured("validation_loss", 0.0)[2] < loss[2])


def test_the_answer_changes_more_evenly(measured):
    sharp, even = measured("between", 0.0, ("0", "1"))
    rise = [runs[:, 6] - runs[:, 4] for runs in (sharp, even)]
    assert_close(np.mean(rise, axis=1), [0.46, 0.29], atol=0.0051, rtol=0)
    assert np.all(rise[1] < rise[0])
    for runs, expected in (
        (sharp, [0.07, 0.18, 0.65, 0.93]),
        (even, [0.12, 0.22, 0.50, 0.84]),
    ):
        means = runs.mean(axis=0)[[3, 4, 6, 10]]
        assert_close(means, expected, atol=0.0051, rtol=0)
