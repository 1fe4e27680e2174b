import json
import re
from math import exp, log, log1p
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import jensenshannon

from reference.generative.gan import (
    discriminator_loss,
    generator_loss,
    generator_loss_gradient,
    jensen_shannon_divergence,
    mode_shares,
    optimal_discriminator,
    saturating_generator_loss,
    saturating_generator_loss_gradient,
    value,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

ROOT = Path(__file__).parents[2]
P, Q = np.array([0.75, 0.25, 0.0]), np.array([0.25, 0.25, 0.5])
K, N, M = 4, 5, 3


@pytest.fixture
def p(rng):
    return rng.dirichlet(np.ones(K))


@pytest.fixture
def q():
    return np.random.default_rng(1).dirichlet(np.ones(K))


@pytest.fixture
def d(rng):
    return rng.uniform(0.1, 0.9, size=K)


@pytest.fixture
def a(rng):
    return rng.normal(1, 2, size=N)


@pytest.fixture
def b(rng):
    return rng.normal(-1, 2, size=M)


def sigma(z):
    return 1 / (1 + exp(-z))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(p, q, d, array):
    r"""\begin{aligned} V(D, q) = \sum_{k=1}^{K} \big[ & p_k \log D_k \\[-1ex]
    & + q_k \log (1 - D_k) \big] \end{aligned}"""
    expected = sum(p[k] * log(d[k]) + q[k] * log(1 - d[k]) for k in range(K))
    assert_close(value(array(p), array(q), array(d)), expected)


def test_eq_2(p, q, array):
    r"""D_k^* = \frac{p_k}{p_k + q_k}"""
    expected = [p[k] / (p[k] + q[k]) for k in range(K)]
    assert_close(optimal_discriminator(array(p), array(q)), expected)


def test_eq_3(p, q, array):
    r"""\begin{aligned} & \operatorname{JSD}(p, q) \\
    & = \frac{1}{2} \sum_{k=1}^{K} \left[ p_k \log \frac{p_k}{m_k}
    + q_k \log \frac{q_k}{m_k} \right] \end{aligned}"""
    m = [(p[k] + q[k]) / 2 for k in range(K)]
    expected = (
        1
        / 2
        * sum(
            p[k] * log(p[k] / m[k]) + q[k] * log(q[k] / m[k]) for k in range(K)
        )
    )
    assert_close(jensen_shannon_divergence(array(p), array(q)), expected)


def test_eq_4(a, b, array):
    r"""\begin{aligned} L_D = {}
    & \frac{1}{N} \sum_{n=1}^{N} \log \left( 1 + e^{-a_n} \right) \\
    & + \frac{1}{M} \sum_{m=1}^{M} \log \left( 1 + e^{b_m} \right)
    \end{aligned}"""
    real = 1 / N * sum(log(1 + exp(-a[n])) for n in range(N))
    fake = 1 / M * sum(log(1 + exp(b[m])) for m in range(M))
    assert_close(discriminator_loss(array(a), array(b)), real + fake)


def test_eq_5(b, array):
    r"""L_{\text{sat}} = -\frac{1}{M} \sum_{m=1}^{M}
    \log \left( 1 + e^{b_m} \right)"""
    expected = -1 / M * sum(log(1 + exp(b[m])) for m in range(M))
    assert_close(saturating_generator_loss(array(b)), expected)


def test_eq_6(b, array):
    r"""L_G = \frac{1}{M} \sum_{m=1}^{M}
    \log \left( 1 + e^{-b_m} \right)"""
    expected = 1 / M * sum(log(1 + exp(-b[m])) for m in range(M))
    assert_close(generator_loss(array(b)), expected)


def test_eq_7(b, array):
    r"""\frac{\partial L_{\text{sat}}}{\partial b_m}
    = -\frac{1}{M} \, \sigma(b_m)"""
    expected = [-1 / M * sigma(b[m]) for m in range(M)]
    assert_close(saturating_generator_loss_gradient(array(b)), expected)


def test_eq_8(b, array):
    r"""\frac{\partial L_G}{\partial b_m}
    = -\frac{1}{M} \, \sigma(-b_m)"""
    expected = [-1 / M * sigma(-b[m]) for m in range(M)]
    assert_close(generator_loss_gradient(array(b)), expected)


# The same as everybody else's: SciPy, torch.nn.functional, a search.


def test_scipys_jensen_shannon_distance_squared(rng, array):
    p, q = rng.dirichlet(np.ones(6), size=(2, 4))
    p = np.concat((p, [np.eye(6)[0]]))
    q = np.concat((q, [np.eye(6)[3]]))
    expected = jensenshannon(p, q, axis=1) ** 2
    actual = jensen_shannon_divergence(array(p), array(q))
    assert_close(actual, expected, rtol=1e-8)


def test_no_discriminator_is_better_than_the_optimal_one(p, q, array):
    def lost(x, k):
        return -p[k] * log(x) - q[k] * log1p(-x)

    found = [
        minimize_scalar(
            lost, args=(k,), bounds=(0, 1), method="bounded",
            options={"xatol": 1e-10},
        ).x
        for k in range(K)
    ]  # fmt: skip
    best = optimal_discriminator(array(p), array(q))
    assert_close(best, found, rtol=0, atol=1e-6)
    assert_close(value(array(p), array(q), array(np.array(found))),
                 to_numpy(value(array(p), array(q), best)))  # fmt: skip


def test_torchs_binary_cross_entropy(rng, array):
    real, fake = rng.normal(0, 30, size=(2, 6)), rng.normal(0, 30, size=7)
    bce = F.binary_cross_entropy_with_logits
    tr, tf = torch.asarray(real), torch.asarray(fake)
    yes, no = bce(tf, torch.ones(7).double()), bce(tf, torch.zeros(7).double())
    expected = bce(tr, torch.ones(2, 6).double()) + no
    assert_close(discriminator_loss(array(real), array(fake)), expected)
    assert_close(generator_loss(array(fake)), yes)
    assert_close(saturating_generator_loss(array(fake)), -no)


def test_shares_one_sample_at_a_time(rng, array):
    centers = rng.normal(size=(3, 2)) * 2
    x = centers[rng.integers(3, size=50)] + 0.3 * rng.normal(size=(50, 2))
    shares = np.zeros(3)
    for sample in x:
        distances = [np.hypot(*(sample - c)) for c in centers]
        best = int(np.argmin(distances))
        shares[best] += (distances[best] <= 3 * 0.2) / 50
    assert 0.1 < shares.sum() < 1
    assert_close(mode_shares(array(x), array(centers), 0.2), shares)


# The gradient.


@pytest.mark.parametrize(
    ("loss", "gradient"),
    [
        (saturating_generator_loss, saturating_generator_loss_gradient),
        (generator_loss, generator_loss_gradient),
    ],
)
def test_gradients_of_both_generator_losses(loss, gradient, b):
    assert_gradient(loss, lambda dy, b: dy * gradient(b), b)
    assert_gradient(loss, lambda dy, b: dy * gradient(b), np.zeros((2, 2)))


def test_the_gradient_of_the_value_vanishes_at_the_optimum(p, q):
    p, q = torch.asarray(p), torch.asarray(q)
    d = optimal_discriminator(p, q).requires_grad_()
    (slope,) = torch.autograd.grad(value(p, q, d), d)
    assert_close(slope, np.zeros(K))


# What the page promises: invariances, limits, pitfalls, refused inputs.


def test_the_pencil_example(array):
    p, q = array(P), array(Q)
    d = optimal_discriminator(p, q)
    assert_close(d, [0.75, 0.5, 0.0])
    assert_close(value(p, q, d), 0.75 * log(3) - 2.5 * log(2))
    expected = (0.75 * log(1.5) + 0.25 * log(2)) / 2
    assert_close(jensen_shannon_divergence(p, q), expected)


WEIGHTS = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any)


@given(WEIGHTS, WEIGHTS, st.lists(st.floats(0, 1), min_size=4, max_size=4))
@settings(max_examples=25)
def test_the_best_value_is_twice_the_divergence_minus_log_4(p, q, d):
    p, q = (np.array(w) / sum(w) for w in (p, q))
    best = value(p, q, optimal_discriminator(p, q))
    divergence = jensen_shannon_divergence(p, q)
    assert_close(best, 2 * divergence - log(4))
    assert_close(jensen_shannon_divergence(q, p), divergence)
    assert -1e-15 <= divergence <= log(2) + 1e-12
    assert value(p, q, np.array(d)) <= best + 1e-12
    assert_close(jensen_shannon_divergence(p, p), 0.0)
    assert_close(value(p, p, optimal_discriminator(p, p)), -log(4))


def test_zeros_and_certainty(array):
    p, q = array(np.array([1.0, 0.0])), array(np.array([0.0, 1.0]))
    right, wrong = p, q
    assert float(value(p, q, right)) == 0
    assert float(value(p, q, wrong)) == -np.inf
    assert_close(jensen_shannon_divergence(p, q), log(2))
    tiny = array(np.array([5e-324, 1.0]))
    assert_close(jensen_shannon_divergence(tiny, q), 0.0)
    assert_close(jensen_shannon_divergence(q, tiny), 0.0)
    many = array(np.array([[1e308, 5e-324, 0.0], [1e-310, 0.0, 7.0]]))
    less = array(np.array([[1e308, 5e-324, 0.0], [3e-310, 2.0, 0.0]]))
    expected = [[0.5, 0.5, 0.5], [0.25, 0, 1]]
    assert_close(optimal_discriminator(many, less), expected)


def test_batches_of_distributions(rng, array):
    p, q = rng.dirichlet(np.ones(3), size=(2, 2, 5))
    d = rng.uniform(size=(2, 5, 3))
    v = to_numpy(value(array(p), array(q), array(d)))
    js = to_numpy(jensen_shannon_divergence(array(p), array(q)))
    for i in np.ndindex(2, 5):
        assert_close(v[i], value(p[i], q[i], d[i]))
        assert_close(js[i], jensen_shannon_divergence(p[i], q[i]))


def test_losses_of_one_who_guesses_or_is_sure(array):
    zero, sure = array(np.zeros(3)), array(np.full(2, 1000.0))
    assert_close(discriminator_loss(zero, zero), log(4))
    assert_close(discriminator_loss(sure, -sure), 0.0)
    assert_close(discriminator_loss(-sure, sure), 2000.0)
    assert_close(generator_loss(-sure), 1000.0)
    assert_close(saturating_generator_loss(-sure), 0.0)
    assert_close(saturating_generator_loss_gradient(-sure), [0.0, 0.0])
    assert_close(generator_loss_gradient(-sure), [-0.5, -0.5])


@given(st.floats(-30, 30))
@settings(max_examples=25)
def test_both_losses_push_a_logit_up_and_together_by_1(b):
    b = np.array([b])
    fast = generator_loss_gradient(b)
    slow = saturating_generator_loss_gradient(b)
    assert fast < 0
    assert slow < 0
    assert_close(fast + slow, [-1.0])


def test_shares_of_hits_on_the_edge_and_of_misses(array):
    x = array(np.array([[3.0], [3.1], [9.9], [np.nan]]))
    centers = array(np.array([[0.0], [10.0]]))
    assert_close(mode_shares(x, centers, 1.0), [0.25, 0.25])
    assert_close(mode_shares(x, centers, 100.0), [0.5, 0.25])
    small = array(np.array([[2e-200], [4e-200]]))
    center = array(np.array([[0.0]]))
    assert_close(mode_shares(small, center, 1e-200), [0.5])


def test_float32(rng, p, q, d, a, b):
    assert_float32(value, p, q, d)
    assert_float32(optimal_discriminator, p, q)
    assert_float32(jensen_shannon_divergence, p, q)
    assert_float32(discriminator_loss, a, b)
    for of_fakes in (
        saturating_generator_loss,
        generator_loss,
        saturating_generator_loss_gradient,
        generator_loss_gradient,
    ):
        assert_float32(of_fakes, b)
    x = rng.normal(size=(9, 2))
    std = np.float64(0.5)
    assert_float32(lambda x, c: mode_shares(x, c, std), x, x[:3])


@pytest.mark.usefixtures("unchecked")
def test_refused_probabilities_and_densities(array):
    p, q = array(P), array(Q)
    one = array(np.array([1.0]))
    with pytest.raises(ValueError, match=r"outcome, \(3,\), got \(1,\)"):
        value(p, q, one)
    for bad in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"in 0 \.\.\. 1, got"):
            value(p, q, array(np.array([0.5, bad, 0.5])))
    for function in (
        jensen_shannon_divergence,
        lambda p, q: value(p, q, p),
    ):
        with pytest.raises(ValueError, match=r"got shapes \[\(3,\), \(1,\)\]"):
            function(p, one)
        with pytest.raises(ValueError, match="sum to 1"):
            function(p, 2 * q)
    with pytest.raises(ValueError, match=r"real floating-point, got .*int"):
        value(p, q, array(np.array([1, 0, 1])))
    with pytest.raises(ValueError, match=r"got shapes \(3,\) and \(1,\)"):
        optimal_discriminator(p, one)
    with pytest.raises(ValueError, match=r"densities .* floating-point, got"):
        optimal_discriminator(array(np.array([1, 2])), array(np.ones(2)))
    for bad in (-1.0, np.inf, np.nan):
        for pair in ((1.0, bad), (bad, 1.0)):
            densities = [array(np.array([0.5, x])) for x in pair]
            with pytest.raises(ValueError, match="at least 0 and finite, got"):
                optimal_discriminator(*densities)


@pytest.mark.usefixtures("unchecked")
def test_refused_logits(array):
    good = array(np.zeros(2))
    functions = (
        lambda z: discriminator_loss(good, z),
        lambda z: discriminator_loss(z, good),
        saturating_generator_loss,
        generator_loss,
        saturating_generator_loss_gradient,
        generator_loss_gradient,
    )
    for function in functions:
        with pytest.raises(ValueError, match=r"got logits of shape \(0,\)"):
            function(array(np.zeros(0)))
        with pytest.raises(ValueError, match="floating-point numbers, got"):
            function(array(np.zeros(2, dtype=np.int64)))
        with pytest.raises(ValueError, match="need to be finite"):
            function(array(np.array([np.nan, 0.0])))


@pytest.mark.usefixtures("unchecked")
def test_refused_modes(array):
    x, centers = np.zeros((3, 2)), np.zeros((4, 2))
    for shape in ((0, 2), (3,), (3, 1), (3, 0)):
        wrong = array(np.zeros(shape))
        pair = re.escape(f"one of each, got shapes {shape} and (4, 2)")
        with pytest.raises(ValueError, match=pair):
            mode_shares(wrong, array(centers), 0.1)
        pair = re.escape(f"one of each, got shapes (3, 2) and {shape}")
        with pytest.raises(ValueError, match=pair):
            mode_shares(array(x), wrong, 0.1)
    for dtype in (np.int64, np.complex128):
        other = array(np.zeros((3, 2), dtype=dtype))
        for pair in ((array(x), other), (other, array(x))):
            with pytest.raises(ValueError, match=r"real floating-point, got"):
                mode_shares(*pair, 0.1)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"centers .* finite, got"):
            mode_shares(array(x), array(np.full((1, 2), bad)), 0.1)
    for std in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"and finite, got {std}"):
            mode_shares(array(x), array(centers), std)


# What the experiment measured, and the page says of it.


def test_what_captions_and_prose_say_of_fifteen_runs():
    file = ROOT / "experiments/generative/gan.json"
    numbers = json.loads(file.read_text(encoding="utf-8"))["numbers"]
    assert numbers["steps"] == list(range(100, 1801, 100))
    plays = "equal_rates", "non_saturating", "saturating"
    covered = [np.array(numbers[play]["covered"]) for play in plays]
    assert [runs.shape for runs in covered] == [(5, 18)] * 3
    equal, slower, saturating = covered
    collapsed = equal[:, -1] <= 1
    assert collapsed.sum() == 3
    assert equal[collapsed].max() == 1
    assert (equal[~collapsed, -1] == 8).all()
    assert slower[:, -1].min() == 5
    assert (slower[:, -1] == 8).sum() == 2
    assert (saturating[:, -1] == 8).all()
    losses = [np.array(numbers[play]["discriminator_loss"]) for play in plays]
    assert max(map(max, losses[1:])) < min(losses[0][collapsed]) < log(4)
    angles = 2 * np.pi * np.arange(8) / 8
    centers = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    for play, alone in (("equal_rates", True), ("non_saturating", False)):
        pictures = numbers[play]["pictures"]
        assert list(pictures) == ["500", "1000", "1800"]
        for text in pictures.values():
            x = np.array(text.split(), dtype=float).reshape(150, 2) / 100
            assert (x.std(axis=0) < 0.35).all() == alone
        if not alone:
            shares = mode_shares(x, centers, 0.05)
            assert shares.min() > 0
            assert 0.4 < shares.sum() < 0.6
    assert collapsed[3]
