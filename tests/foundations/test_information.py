from itertools import permutations
from math import inf, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from scipy import special, stats
from torch.distributions import Categorical

from reference.foundations.information import (
    cross_entropy,
    entropy,
    kl_divergence,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

P = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8])
Q = np.array([1 / 4, 1 / 8, 1 / 2, 1 / 8])
OF_TWO = [cross_entropy, kl_divergence]


@pytest.fixture
def p(rng):
    return rng.dirichlet(np.ones(5), size=(3, 4))


@pytest.fixture
def q():
    return np.random.default_rng(1).dirichlet(np.ones(5), size=(3, 4))


def softmax(z):
    """Return distributions along the last axis, of PyTorch numbers."""
    return torch.softmax(z, dim=-1)


def distributions(k):
    """Draw distributions over k outcomes, some of them impossible."""
    counts = st.lists(st.integers(0, 20), min_size=k, max_size=k).filter(any)
    return counts.map(lambda c: np.array(c) / sum(c))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(p, array):
    r"""H(p) = -\sum_{i=1}^{K} p_i \log p_i"""
    expected = np.zeros((3, 4))
    for n in np.ndindex(3, 4):
        for i in range(5):
            expected[n] -= p[n][i] * log(p[n][i])
    assert_close(entropy(array(p)), expected)


def test_eq_2(p, q, array):
    r"""H(p, q) = -\sum_{i=1}^{K} p_i \log q_i"""
    expected = np.zeros((3, 4))
    for n in np.ndindex(3, 4):
        for i in range(5):
            expected[n] -= p[n][i] * log(q[n][i])
    assert_close(cross_entropy(array(p), array(q)), expected)


def test_eq_3(p, q, array):
    r"""\mathrm{KL}(p \Vert q) = \sum_{i=1}^{K} k_i"""
    expected = np.zeros((3, 4))
    for n in np.ndindex(3, 4):
        for i in range(5):
            expected[n] += p[n][i] * log(p[n][i] / q[n][i])
    assert_close(kl_divergence(array(p), array(q)), expected)


def test_eq_4(array):
    r"""k_i = p_i \log \frac{p_i}{q_i} - p_i + q_i"""
    p, q = [0.7, 0.2, 0.1], [0.2, 0.3, 0.5]
    expected = 0
    for i in range(3):
        expected += p[i] * log(p[i] / q[i]) - p[i] + q[i]
    actual = kl_divergence(array(np.array(p)), array(np.array(q)))
    assert_close(actual, np.asarray(expected))


def test_eq_5(array):
    r"""k_i = (p_i + q_i) \left( s_i^2
    + (1 + s_i) \sum_{j=1}^{8} \frac{s_i^{2j+1}}{2j + 1} \right)"""
    p, q = [0.3, 0.3, 0.4], [0.24, 0.375, 0.385]
    expected = 0
    for i in range(3):
        s = (p[i] - q[i]) / (p[i] + q[i])
        series = 0
        for j in range(1, 9):
            series += s ** (2 * j + 1) / (2 * j + 1)
        expected += (p[i] + q[i]) * (s**2 + (1 + s) * series)
    actual = kl_divergence(array(np.array(p)), array(np.array(q)))
    assert_close(actual, np.asarray(expected), rtol=1e-14, atol=0)


# The same as everybody else's: SciPy and PyTorch, and 60 digits by mpmath.


def test_scipy(p, q, array):
    p[0, 0], q[0, 0] = [0, 0.5, 0.5, 0, 0], [0, 0.25, 0.5, 0.25, 0]
    p[0, 1], q[0, 1] = [0, 0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0, 0]
    both = array(p), array(q)
    with np.errstate(divide="ignore"):
        mean = -special.xlogy(p, q).sum(-1)
    assert mean[0, 1] == inf
    assert_close(entropy(both[0]), special.entr(p).sum(-1))
    assert_close(entropy(both[0]), stats.entropy(p, axis=-1))
    assert_close(kl_divergence(*both), special.rel_entr(p, q).sum(-1))
    assert_close(kl_divergence(*both), special.kl_div(p, q).sum(-1))
    assert_close(kl_divergence(*both), stats.entropy(p, q, axis=-1))
    assert_close(cross_entropy(*both), mean)


def test_torch(p, q, array):
    p[0, 0], q[0, 0] = [0, 0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0, 0]
    p[0, 1], q[0, 1] = [0, 0.5, 0.5, 0, 0], [0.5, 0.25, 0.25, 0, 0]
    of_p = Categorical(probs=torch.asarray(p))
    of_q = Categorical(probs=torch.asarray(q))
    divergence = torch.distributions.kl_divergence(of_p, of_q)
    assert divergence[0, 0] == inf
    assert_close(entropy(array(p)), of_p.entropy())
    assert_close(kl_divergence(array(p), array(q)), divergence)
    assert_close(cross_entropy(array(p), array(q)), of_p.entropy() + divergence)


def exact_divergence(p, q):
    """Return the sum of p log(p / q) - p + q to 60 digits, as a float."""
    with mp.workdps(60):
        pairs = [
            (mpf(float(a)), mpf(float(b))) for a, b in zip(p, q, strict=True)
        ]
        return float(mp.fsum(a * mp.log(a / b) - a + b for a, b in pairs))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [1, 0.3, 0.2, 0.03, 1e-4, 1e-7, 1e-9, 1e-15])
def test_digits_of_small_divergences(size, dtype, rng, array):
    """Absolute errors would be of the size of the rounding unit."""
    p = rng.dirichlet(np.ones(6), size=20)
    q = p * (1 + size * rng.uniform(-0.9, 1, p.shape))
    q = (q / q.sum(-1, keepdims=True)).astype(dtype)
    p = p.astype(dtype)
    expected = [exact_divergence(*pair) for pair in zip(p, q, strict=True)]
    actual = kl_divergence(array(p), array(q))
    rtol = 100 * np.finfo(dtype).eps
    assert_close(actual, expected, rtol=rtol, atol=0)
    assert np.all(to_numpy(actual) >= 0)


def test_eight_terms_are_enough(array):
    """Seven would miss 16e-16 here, the largest s for which they are used."""
    a = np.arange(2, 20) / 100
    p, q = (np.stack([b, 1 - b], axis=1) for b in (a, 0.7778 * a))
    expected = [exact_divergence(*pair) for pair in zip(p, q, strict=True)]
    assert_close(
        kl_divergence(array(p), array(q)), expected, rtol=8e-16, atol=0
    )


@pytest.mark.parametrize("tiny", [1e-310, 1e-300, 1e-20])
def test_digits_of_rare_outcomes(tiny, array):
    p, q = np.array([0.5, 0.5]), np.array([tiny, 1.0])
    if array is torch.asarray and tiny == 1e-310:
        pytest.skip("PyTorch may flush subnormal numbers to 0")
    there = exact_divergence(p, q), -0.5 * log(tiny)
    back = exact_divergence(q, p), log(2)
    p, q = array(p), array(q)
    assert_close(kl_divergence(p, q), np.asarray(there[0]))
    assert_close(cross_entropy(p, q), np.asarray(there[1]))
    assert_close(kl_divergence(q, p), np.asarray(back[0]))
    assert_close(cross_entropy(q, p), np.asarray(back[1]))


# The gradients: autograd runs through the code, and through a softmax, which
# keeps the sum of the probabilities at 1.


def test_gradient_of_the_entropy(rng):
    def backward(dy, z):
        p = softmax(z)
        return -p * (torch.log(p) + entropy(p)[:, None]) * dy[:, None]

    assert_gradient(
        lambda z: entropy(softmax(z)), backward, rng.normal(size=(2, 4))
    )


@pytest.mark.parametrize("function", OF_TWO)
def test_gradient_with_respect_to_the_belief_is_the_difference(function, rng):
    p = torch.asarray([[0.5, 0.25, 0.25, 0.0], [0.0, 0.0, 1.0, 0.0]])
    p = p.to(torch.float64)

    def backward(dy, z):
        return (softmax(z) - p) * dy[:, None]

    near = np.log(np.array([0.45, 0.3, 0.2, 0.05]))
    z = np.stack([near, rng.normal(size=4)])
    assert_gradient(lambda z: function(p, softmax(z)), backward, z)


def test_gradient_with_respect_to_the_truth(rng):
    q = np.array([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]])
    q = torch.asarray(q)

    def backward(dy, z):
        p = softmax(z)
        slope = torch.log(p / q)
        mean = torch.sum(p * slope, -1, keepdim=True)
        return p * (slope - mean) * dy[:, None]

    near = np.log(np.array([0.45, 0.27, 0.2, 0.08]))
    z = np.stack([near, rng.normal(size=4)])
    assert_gradient(lambda z: kl_divergence(softmax(z), q), backward, z)


def test_slopes_at_probabilities_of_0_and_1():
    p = torch.asarray([1.0, 0.0], dtype=torch.float64)
    leaf = p.clone().requires_grad_()
    [dp] = torch.autograd.grad(entropy(leaf), leaf)
    assert_close(dp, [-1.0, 0.0])
    [dq] = torch.autograd.grad(cross_entropy(p, leaf), leaf)
    assert_close(dq, [-1.0, 0.0])
    [dq] = torch.autograd.grad(kl_divergence(p, leaf), leaf)
    assert_close(dq, [0.0, 1.0])  # 1 - p / q, from eq. 4
    q = torch.asarray([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    [dq] = torch.autograd.grad(cross_entropy(p, q), q)
    assert_close(dq, [0.0, 0.0])


# What the page promises: the example, invariances, limits, refused inputs.


def test_the_example_of_the_page(array):
    p, q = array(P), array(Q)
    bits = 1 / log(2)
    assert_close(entropy(p) * bits, np.asarray(1.75))
    assert_close(entropy(q) * bits, np.asarray(1.75))
    assert_close(cross_entropy(p, q) * bits, np.asarray(2.25))
    assert_close(kl_divergence(p, q) * bits, np.asarray(0.5))
    assert_close(cross_entropy(q, p) * bits, np.asarray(2.375))
    assert_close(kl_divergence(q, p) * bits, np.asarray(0.625))


@settings(max_examples=25)
@given(distributions(4), distributions(4))
def test_cross_entropy_is_entropy_plus_divergence(p, q):
    assert_close(cross_entropy(p, q), entropy(p) + kl_divergence(p, q))


@settings(max_examples=25)
@given(distributions(4), distributions(4))
def test_the_divergence_is_0_for_equals_and_above_0_for_others(p, q):
    assert kl_divergence(p, p) == 0
    assert (kl_divergence(p, q) > 0) == bool(np.any(p != q))


@settings(max_examples=25)
@given(distributions(5))
def test_the_entropy_lies_between_0_and_that_of_the_uniform(p):
    uniform = np.full(5, 1 / 5)
    assert 0 <= entropy(p) <= log(5) + 1e-12
    assert_close(kl_divergence(p, uniform), log(5) - entropy(p))


@settings(max_examples=25)
@given(distributions(3), distributions(2), distributions(3), distributions(2))
def test_independent_surprises_add(a, b, c, d):
    p, q = np.outer(a, b).reshape(-1), np.outer(c, d).reshape(-1)
    assert_close(entropy(p), entropy(a) + entropy(b))
    for function in OF_TWO:
        assert_close(function(p, q), function(a, c) + function(b, d))


def test_the_order_of_the_outcomes_does_not_matter(array):
    for order in permutations(range(4)):
        p, q = array(P[list(order)]), array(Q[list(order)])
        assert_close(entropy(p), np.asarray(1.75 * log(2)))
        assert_close(kl_divergence(p, q), np.asarray(0.5 * log(2)))


def test_a_sure_outcome_has_a_cross_entropy_that_is_the_divergence(array):
    p = array(np.array([0.0, 1.0, 0.0, 0.0]))
    sure = to_numpy(entropy(p))
    assert sure == 0
    assert not np.signbit(sure)
    assert_close(cross_entropy(p, array(Q)), np.asarray(log(8)))
    assert_close(kl_divergence(p, array(Q)), np.asarray(log(8)))


def test_neither_symmetric_nor_a_distance(array):
    a, b, c = (array(np.array([1 - r, r])) for r in (0.5, 0.25, 0.1))
    direct = float(kl_divergence(a, c))
    assert direct > 2 * float(kl_divergence(a, b) + kl_divergence(b, c))
    assert direct > 1.3 * float(kl_divergence(c, a))


def test_what_is_believed_impossible_is_an_infinite_surprise(array):
    p = array(np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]))
    q = array(np.array([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]))
    rare, never = (array(np.array([[a, 1.0]])) for a in (1e-305, 0.0))
    for function in OF_TWO:
        assert_close(function(p, q), [inf, log(2)])
        assert_close(function(rare, never), [inf])


def test_float32(p, q):
    assert_float32(entropy, p)
    p[0, 0], q[0, 0] = [0, 0.5, 0.5, 0, 0], [0, 0.25, 0.5, 0.25, 0]
    p[0, 1], q[0, 1] = [0, 0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0, 0]
    p[0, 2] = q[0, 2]
    for function in OF_TWO:
        assert_float32(function, p, q)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_keep_the_precision_of_every_library(p, q, dtype, array):
    p, q = array(p.astype(dtype)), array(q.astype(dtype))
    for result in (entropy(p), *(f(p, q) for f in OF_TWO)):
        assert result.dtype == p.dtype


def test_read_only_and_strided_arrays_give_the_same(p, q):
    results = entropy(p), *(f(p, q) for f in OF_TWO)
    strided = [np.repeat(a, 2, axis=-1)[..., ::2] for a in (p, q)]
    for a in strided:
        a.setflags(write=False)
    again = entropy(strided[0]), *(f(*strided) for f in OF_TWO)
    for result, value in zip(again, results, strict=True):
        assert_close(result, value)


def test_an_empty_batch_has_no_entropies(array):
    none = array(np.ones((0, 3)))
    for result in (entropy(none), *(f(none, none) for f in OF_TWO)):
        assert result.shape == (0,)


def functions_of(a, good):
    """Call each function with `a` in each place, beside a good array."""
    yield lambda: entropy(a)
    for function in OF_TWO:
        yield lambda function=function: function(a, good)
        yield lambda function=function: function(good, a)


@pytest.mark.parametrize(
    "bad",
    [
        [0.5, 0.6],
        [0.5, 0.4],
        [-0.1, 1.1],
        [1.1, -0.1],
        [np.nan, 1.0],
        [np.inf, 0.0],
        [2.0, 3.0],
        [0.0, 0.0],
    ],
)
def test_other_than_probabilities_are_refused(bad, array):
    good = np.array([[0.5, 0.5], [0.5, 0.5]])
    for row in (0, 1):
        a = good.copy()
        a[row] = bad
        for call in functions_of(array(a), array(good)):
            with pytest.raises(ValueError, match="sum to 1 within 1e-08, got"):
                call()


def test_the_message_shows_only_what_is_refused():
    """Also if it is one row of a million."""
    a = np.full((1_000_000, 2), 0.5)
    a[500_000, 1] = 0.75
    with pytest.raises(ValueError, match=r", got \[\[0\.5 +0\.75\]\]$"):
        entropy(a)
    with pytest.raises(ValueError, match=r", got \[\[0\.5 +0\.75\]\]$"):
        entropy(a[500_000])


@pytest.mark.parametrize(
    ("dtype", "kept", "refused"),
    [(np.float64, 2**-26, 1.6e-8), (np.float32, 3e-4, 4e-4)],
)
def test_sums_may_miss_1_by_the_root_of_the_gap_to_the_next_float(
    dtype, kept, refused, array
):
    good = array(np.array([0.5, 0.5], dtype=dtype))
    for sign in (-1, 1):
        a = array(np.array([0.5, 0.5 + sign * kept], dtype=dtype))
        for call in functions_of(a, good):
            assert np.isfinite(float(call()))
        a = array(np.array([0.5, 0.5 + sign * refused], dtype=dtype))
        for call in functions_of(a, good):
            with pytest.raises(ValueError, match="at least 0 and to sum to 1"):
                call()


def test_each_sum_is_judged_by_its_own_precision(array):
    half = np.array([0.5, 0.5])
    rough = array(np.array([0.5, 0.5001], dtype=np.float32))
    wide, narrow = (
        array(half.astype(dtype)) for dtype in (np.float64, np.float32)
    )
    for function in OF_TWO:
        for pair in ((rough, wide), (wide, rough)):
            assert abs(float(function(*pair)) - function(half, half)) < 1e-3
        off = array(np.array([0.5, 0.5001]))
        for pair in ((off, narrow), (narrow, off)):
            with pytest.raises(ValueError, match="within 1e-08, got"):
                function(*pair)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, array):
    a = array(np.array([1, 0]).astype(dtype))
    for call in functions_of(a, array(np.array([1.0, 0.0]))):
        with pytest.raises(ValueError, match=f"numbers, got {a.dtype}"):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(3,), (1, 2), (2, 1), (2, 2), (1,)])
def test_other_than_the_same_outcomes_are_refused(shape, array):
    a = array(np.full(shape, 1 / shape[-1]))
    good = array(np.array([0.5, 0.5]))
    for function in OF_TWO:
        for pair in ((a, good), (good, a)):
            with pytest.raises(ValueError, match="over the same outcomes, at"):
                function(*pair)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 0)])
def test_no_outcomes_are_refused(shape, array):
    a = array(np.ones(shape))
    for call in (lambda: entropy(a), *(lambda f=f: f(a, a) for f in OF_TWO)):
        with pytest.raises(ValueError, match=r"at least one, .* got shapes"):
            call()
