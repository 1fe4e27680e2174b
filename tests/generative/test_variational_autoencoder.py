import json
from math import exp, log, log1p, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from reference.generative.variational_autoencoder import (
    bernoulli_log_likelihood,
    elbo,
    gaussian_kl,
    gaussian_log_density,
    importance_weighted_bound,
    linear_gaussian_log_likelihood,
    reparameterize,
)
from tests.checks import assert_close, assert_float32, to_numpy

# The page's equations, each written out index by index below its LaTeX.


def gaussian(x, mean, log_variance):
    """Return the log density of one row, entry by entry."""
    total = 0.0
    for value, m, v in zip(x, mean, log_variance, strict=True):
        total += log(2 * pi) + v + (value - m) ** 2 / exp(v)
    return -total / 2


def test_eq_1(rng, array):
    r"""
    \begin{aligned}
    & \log \mathcal{N}(x \mid \mu, e^\lambda) \\
    & = -\frac12 \sum_{d=1}^{D} \Big( \log 2 \pi + \lambda_d
    + \frac{(x_d - \mu_d)^2}{e^{\lambda_d}} \Big)
    \end{aligned}
    """
    x, mean, log_variance = rng.normal(size=(3, 4, 3))
    expected = [
        gaussian(*rows) for rows in zip(x, mean, log_variance, strict=True)
    ]
    actual = gaussian_log_density(array(x), array(mean), array(log_variance))
    assert_close(actual, expected)


def test_eq_2(rng, array):
    r"""\begin{aligned} \log p(x \mid z)
    = \sum_{d=1}^{D} \big( & x_d \log \sigma(o_d) \\[-1ex]
    & + (1 - x_d) \log (1 - \sigma(o_d)) \big) \end{aligned}"""
    x = rng.integers(0, 2, size=(4, 3)).astype(float)
    logits = rng.normal(size=(4, 3))
    expected = []
    for n in range(4):
        total = 0.0
        for d in range(3):
            p = 1 / (1 + exp(-logits[n, d]))
            total += x[n, d] * log(p) + (1 - x[n, d]) * log(1 - p)
        expected.append(total)
    assert_close(bernoulli_log_likelihood(array(x), array(logits)), expected)


def test_eq_3(rng, array):
    r"""
    \begin{aligned}
    C &= W^\top W + s^2 I , \\
    \log p(x) &= -\frac{D}{2} \log 2 \pi - \frac12 \log \det C \\
    & \quad - \frac12 (x - b) \, C^{-1} (x - b)^\top
    \end{aligned}
    """
    x, w, b, s = (
        rng.normal(size=(4, 2)),
        rng.normal(size=(3, 2)),
        [1.0, -2],
        0.7,
    )
    c = [
        [
            sum(w[k, i] * w[k, j] for k in range(3)) + (i == j) * s**2
            for j in range(2)
        ]
        for i in range(2)
    ]
    det = c[0][0] * c[1][1] - c[0][1] * c[1][0]
    inverse = [
        [c[1][1] / det, -c[0][1] / det],
        [-c[1][0] / det, c[0][0] / det],
    ]
    expected = []
    for n in range(4):
        square = sum(
            (x[n, i] - b[i]) * inverse[i][j] * (x[n, j] - b[j])
            for i in range(2)
            for j in range(2)
        )
        expected.append(-log(2 * pi) - log(det) / 2 - square / 2)
    actual = linear_gaussian_log_likelihood(
        array(x), array(w), array(np.array(b)), s
    )
    assert_close(actual, expected)


def test_eq_4(rng, array):
    r"""
    \mathrm{KL}(q \Vert p) = \frac12 \sum_{k=1}^{K}
    \big( \mu_k^2 + e^{\lambda_k} - 1 - \lambda_k \big)
    """
    mean, log_variance = rng.normal(size=(2, 4, 3))
    expected = [
        sum(
            mean[n, k] ** 2 + exp(log_variance[n, k]) - 1 - log_variance[n, k]
            for k in range(3)
        )
        / 2
        for n in range(4)
    ]
    assert_close(gaussian_kl(array(mean), array(log_variance)), expected)


def test_eq_5(rng, array):
    r"""z_k = \mu_k + e^{\lambda_k / 2} \, \varepsilon_k"""
    mean, log_variance, noise = rng.normal(size=(3, 4, 3))
    expected = [
        [
            mean[n, k] + sqrt(exp(log_variance[n, k])) * noise[n, k]
            for k in range(3)
        ]
        for n in range(4)
    ]
    actual = reparameterize(array(mean), array(log_variance), array(noise))
    assert_close(actual, expected)


def test_eq_6(rng, array):
    r"""\ell(x) = \log p(x \mid z) - \beta \, \mathrm{KL}(q \Vert p)"""
    mean, log_variance = rng.normal(size=(2, 4, 3))
    likelihood = rng.normal(size=4)
    expected = []
    for n in range(4):
        kl = 0.0
        for m, v in zip(mean[n], log_variance[n], strict=True):
            kl += (m * m + exp(v) - 1 - v) / 2
        expected.append(likelihood[n] - 2.5 * kl)
    arrays = (array(a) for a in (likelihood, mean, log_variance))
    assert_close(elbo(*arrays, beta=2.5), expected)


def weights(rng):
    """Return log-likelihoods, draws, means, log variances and log weights."""
    mean, log_variance = rng.normal(size=(2, 4, 3))
    z, likelihood = rng.normal(size=(5, 4, 3)), rng.normal(size=(5, 4))
    log_w = [
        [
            likelihood[s, n]
            + gaussian(z[s, n], [0.0] * 3, [0.0] * 3)
            - gaussian(z[s, n], mean[n], log_variance[n])
            for n in range(4)
        ]
        for s in range(5)
    ]
    return likelihood, z, mean, log_variance, log_w


def test_eq_7(rng, array):
    r"""\begin{aligned} \log w_s = {} & \log p(x \mid z_s) \\
    & + \log p(z_s) - \log q(z_s \mid x) \end{aligned}"""
    *arrays, log_w = weights(rng)
    likelihood, z, mean, log_variance = (array(a) for a in arrays)
    for s in range(5):  # the bound of a single draw is its log weight
        one = slice(s, s + 1)
        actual = importance_weighted_bound(
            likelihood[one, :], z[one, :, :], mean, log_variance
        )
        assert_close(actual, log_w[s])


def test_eq_8(rng, array):
    r"""\ell_S(x) = \log \frac{1}{S} \sum_{s=1}^{S} w_s"""
    *arrays, log_w = weights(rng)
    expected = [
        log(sum(exp(log_w[s][n]) for s in range(5)) / 5) for n in range(4)
    ]
    actual = importance_weighted_bound(*(array(a) for a in arrays))
    assert_close(actual, expected)


# The same as everybody else's: torch.distributions and SciPy.


def test_densities_and_divergence_are_those_of_torch(rng, array):
    x, mean, log_variance = rng.normal(size=(3, 5, 4))
    a, m, v = (torch.asarray(b) for b in (x, mean, log_variance))
    q = Independent(Normal(m, torch.exp(v / 2)), 1)
    prior = Independent(Normal(torch.zeros_like(m), torch.ones_like(m)), 1)
    mean, log_variance = array(mean), array(log_variance)
    actual = gaussian_log_density(array(x), mean, log_variance)
    assert_close(actual, q.log_prob(a))
    assert_close(gaussian_kl(mean, log_variance), kl_divergence(q, prior))
    zeros = (x > 0).astype(float)
    p = Independent(Bernoulli(logits=m), 1)
    expected = p.log_prob(torch.asarray(zeros))
    assert_close(bernoulli_log_likelihood(array(zeros), mean), expected)
    expected = expected - kl_divergence(q, prior)
    likelihood = bernoulli_log_likelihood(array(zeros), mean)
    assert_close(elbo(likelihood, mean, log_variance), expected)


def test_draws_are_those_of_torch(rng, array):
    mean, log_variance = rng.normal(size=(2, 3, 2))
    q = Normal(torch.asarray(mean), torch.exp(torch.asarray(log_variance) / 2))
    torch.manual_seed(0)
    expected = q.rsample((6,))
    torch.manual_seed(0)
    noise = torch.normal(
        torch.zeros(6, 3, 2, dtype=torch.float64), torch.ones(6, 3, 2).double()
    ).numpy()
    actual = reparameterize(array(mean), array(log_variance), array(noise))
    assert_close(actual, expected)


def test_marginal_density_is_scipys(rng, array):
    x, w, b = (
        rng.normal(size=(5, 4)),
        rng.normal(size=(2, 4)),
        rng.normal(size=4),
    )
    expected = multivariate_normal(b, w.T @ w + 0.09 * np.eye(4)).logpdf(x)
    actual = linear_gaussian_log_likelihood(array(x), array(w), array(b), 0.3)
    assert_close(actual, expected)


def test_bound_of_several_draws_is_scipys_logsumexp(rng, array):
    *arrays, log_w = weights(rng)
    # Far beyond what exp can do, for each example on its own.
    for shift in (0.0, np.array([-1e4, 1e4, 0.0, 2e4])):
        expected = logsumexp(np.array(log_w) + shift, axis=0) - log(5)
        likelihood, *others = arrays
        actual = importance_weighted_bound(
            array(likelihood + shift), *(array(a) for a in others)
        )
        assert_close(actual, expected)


# Gradient: autograd through these lines, against finite differences.


@pytest.mark.parametrize("draws", [(), (3,)])
def test_gradients_are_those_of_finite_differences(rng, draws):
    x = torch.asarray(rng.integers(0, 2, size=(2, 3)).astype(float))
    noise = torch.asarray(rng.normal(size=(*draws, 2, 2)))

    def bound(mean, log_variance, w):
        z = reparameterize(mean, log_variance, noise)
        likelihood = bernoulli_log_likelihood(x, z @ w)
        if draws:
            return importance_weighted_bound(likelihood, z, mean, log_variance)
        return elbo(likelihood, mean, log_variance, beta=0.5)

    shapes = [(2, 2), (2, 2), (2, 3)]
    leaves = [
        torch.asarray(rng.normal(size=s)).requires_grad_() for s in shapes
    ]
    assert torch.autograd.gradcheck(bound, leaves)
    one = torch.zeros((), dtype=torch.float64)
    leaf = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    value = bernoulli_log_likelihood(torch.ones(1) + one, leaf)
    assert_close(torch.autograd.grad(value, leaf)[0], [0.5])  # at logit 0


def test_gradients_of_the_exact_likelihood(rng):
    x = torch.asarray(rng.normal(size=(2, 3)))
    leaves = [
        torch.asarray(rng.normal(size=s)).requires_grad_() for s in [(1, 3), 3]
    ]
    assert torch.autograd.gradcheck(
        lambda w, b: linear_gaussian_log_likelihood(x, w, b, 0.5), leaves
    )


def estimates(count=200_000):
    """Return two estimates of the gradient of E[z^2] by its mean, 2 here."""
    noise = np.random.default_rng(0).normal(size=(count, 1))
    mean = torch.ones(count, 1, dtype=torch.float64, requires_grad=True)
    z = reparameterize(
        mean, torch.zeros(1, dtype=torch.float64), torch.asarray(noise)
    )
    (path,) = torch.autograd.grad((z**2).sum(), mean)
    score = z.detach() ** 2 * (z.detach() - 1)
    return to_numpy(path)[:, 0], to_numpy(score)[:, 0]


def test_both_estimates_are_unbiased_and_one_has_less_variance():
    path, score = estimates()
    for a in (path, score):
        assert abs(a.mean() - 2) < 4 * a.std() / sqrt(len(a))
    assert 3.9 < path.var() < 4.1
    assert 28 < score.var() < 32


# What the page promises: invariances, limits, pitfalls, refused inputs.

PLUS_MINUS = np.array([[[1.0]], [[-1.0]]])  # mean 0, mean square 1


def pencil(mean, variance):
    """Return the bound of the page's example, its expectation exact."""
    mean, log_variance = np.array([[mean]]), np.array([[log(variance)]])
    z = reparameterize(mean, log_variance, PLUS_MINUS)
    likelihood = gaussian_log_density(np.ones((1, 1)), z, np.zeros(1))
    return elbo(likelihood.mean(axis=0), mean, log_variance)[0]


def test_the_pencil_example():
    one = np.ones((1, 1))
    exact = linear_gaussian_log_likelihood(one, one, np.zeros(1), 1.0)[0]
    assert_close(exact, -log(4 * pi) / 2 - 1 / 4)
    assert_close(pencil(0.5, 0.5), exact)
    assert_close(pencil(0.0, 1.0), -log(2 * pi) / 2 - 1)
    gap = -(log(2) + 1 - 2.5) / 2
    assert_close(exact - pencil(0.0, 1.0), gap)


def model(draw):
    """Return W with orthogonal rows, b, sigma and an x."""
    rng = np.random.default_rng(draw)
    q, _ = np.linalg.qr(rng.normal(size=(4, 2)))
    w = q.T * rng.uniform(0.2, 3, size=(2, 1))
    return w, rng.normal(size=4), float(rng.uniform(0.3, 2)), rng


def exact_bound(x, w, b, s, mean, log_variance):
    """Return the bound of a linear-Gaussian model, its expectation exact.

    Two draws for each entry of the code, one standard deviation to both
    sides times the root of their number, have the right mean and variance.
    """
    k = mean.shape[-1]
    noise = sqrt(k) * np.concatenate((np.eye(k), -np.eye(k)))[:, None, :]
    z = reparameterize(mean, log_variance, noise)
    log_variances = np.full(len(b), 2 * log(s))
    likelihood = gaussian_log_density(x, z @ w + b, log_variances)
    return elbo(likelihood.mean(axis=0), mean, log_variance)[0]


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_gap_is_the_divergence_from_the_posterior(seed):
    w, b, s, rng = model(seed)
    x = 2 * rng.normal(size=(1, 4))
    exact = linear_gaussian_log_likelihood(x, w, b, s)[0]
    precision = np.sum(w**2, axis=1) / s**2 + 1  # W's rows are orthogonal
    mean = (x - b) @ w.T / s**2 / precision
    best = exact_bound(x, w, b, s, mean, -np.log(precision)[None])
    assert_close(best, exact, rtol=1e-8)
    other, log_variance = rng.normal(size=(2, 1, 2))
    bound = exact_bound(x, w, b, s, other, log_variance)
    assert bound < exact
    posterior = Normal(torch.asarray(mean), torch.asarray(precision**-0.5))
    q = Normal(torch.asarray(other), torch.asarray(np.exp(log_variance / 2)))
    gap = kl_divergence(q, posterior).sum()
    assert_close(exact - bound, gap, rtol=1e-6)


def test_more_draws_come_closer_to_the_exact_likelihood(rng):
    w, b, s, _ = model(0)
    x = np.ones((1, 4))
    exact = linear_gaussian_log_likelihood(x, w, b, s)[0]
    mean = log_variance = np.zeros((1, 2))  # the prior: a poor encoder
    z = reparameterize(mean, log_variance, rng.normal(size=(20_000, 1, 2)))
    likelihood = gaussian_log_density(x, z @ w + b, np.full(4, 2 * log(s)))
    means = []
    for draws in (1, 10, 100, 20_000):
        groups = importance_weighted_bound(
            likelihood.reshape(draws, -1, 1),
            z.reshape(draws, -1, 1, 2),
            mean,
            log_variance,
        )
        means.append(np.mean(groups))
    assert means[0] < means[1] < means[2] < exact
    assert abs(means[3] - exact) < 0.1


def test_with_the_posterior_every_draw_gives_the_exact_likelihood(rng):
    one, half = np.ones((1, 1)), np.full((1, 1), 0.5)
    z = reparameterize(half, np.log(half), rng.normal(size=(3, 1, 1)))
    likelihood = gaussian_log_density(one, z, np.zeros(1))
    exact = linear_gaussian_log_likelihood(one, one, np.zeros(1), 1.0)
    for s in range(3):
        bound = importance_weighted_bound(
            likelihood[s : s + 1], z[s : s + 1], half, np.log(half)
        )
        assert_close(bound, exact)


@settings(max_examples=20)
@given(st.floats(-5, 5), st.floats(-8, 8))
def test_divergence_is_never_negative(mean, log_variance):
    kl = gaussian_kl(np.array([mean]), np.array([log_variance]))
    assert kl >= 0
    assert gaussian_kl(np.zeros(3), np.zeros(3)) == 0


def test_small_divergences_keep_their_digits():
    tiny = np.array([1e-7])
    assert_close(gaussian_kl(np.zeros(1), tiny), 2.5e-15, rtol=1e-2, atol=0)


def test_large_logits_and_variances_do_not_overflow(array):
    x, logits = array(np.array([1.0, 0.0])), array(np.array([800.0, -800.0]))
    assert_close(bernoulli_log_likelihood(x, logits), 0.0)
    assert_close(bernoulli_log_likelihood(x, -logits), -1600.0)
    small = array(np.array([-700.0, 700.0]))
    zero = array(np.zeros(2))
    density = gaussian_log_density(zero, zero, small)
    assert_close(density, -log(2 * pi))
    confident = array(np.array([40.0, -40.0]))
    expected = -2 * log1p(exp(-40.0))
    actual = bernoulli_log_likelihood(x, confident)
    assert_close(actual, expected, rtol=1e-9, atol=0)


def test_labels_of_any_kind(array):
    logits = array(np.array([[1.0, -2.0], [0.0, 3.0]]))
    x = np.array([True, False])
    expected = bernoulli_log_likelihood(array(x.astype(float)), logits)
    for kind in (bool, np.int64):
        actual = bernoulli_log_likelihood(array(x.astype(kind)), logits)
        assert_close(actual, expected)


def test_shared_arguments_count_for_all_rows(rng):
    x, mean = rng.normal(size=(5, 2, 3)), rng.normal(size=(2, 3))
    wide = np.broadcast_to(mean, x.shape)
    zero = np.zeros(3)
    assert_close(
        gaussian_log_density(x, mean, zero),
        gaussian_log_density(x, wide, np.zeros_like(x)),
    )
    assert_close(reparameterize(mean, zero, x), mean + x)
    assert_close(gaussian_kl(mean, zero), np.sum(mean**2, axis=1) / 2)
    likelihood = rng.normal(size=(5, 2))
    expected = likelihood - np.sum(mean**2, axis=1) / 2
    assert_close(elbo(likelihood, mean, zero), expected)


def test_float32(rng):
    mean, log_variance, noise = rng.normal(size=(3, 4, 3))
    likelihood, beta = rng.normal(size=4), float(np.float64(0.5))
    assert_float32(gaussian_log_density, mean, log_variance, noise)
    assert_float32(gaussian_kl, mean, log_variance)
    assert_float32(reparameterize, mean, log_variance, noise)
    zeros = (noise > 0).astype(float)
    assert_float32(bernoulli_log_likelihood, zeros, mean)
    assert_float32(
        lambda *a: elbo(*a, beta=np.float64(beta)),
        likelihood,
        mean,
        log_variance,
    )
    *arrays, _ = weights(rng)
    assert_float32(importance_weighted_bound, *arrays)
    assert_float32(
        lambda *a: linear_gaussian_log_likelihood(*a, np.float64(0.5)),
        mean,
        noise,
        log_variance[0],
    )


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused():
    rows, wide = np.zeros((3, 2)), np.zeros((4, 3, 2))
    one = np.zeros((3, 1))
    for bad in (one, np.zeros((2, 2)), np.zeros(()), np.zeros((3, 0))):
        for function, arguments in (
            (gaussian_log_density, (rows, rows, bad)),
            (gaussian_log_density, (rows, bad, rows)),
            (gaussian_log_density, (bad, rows, rows)),
            (gaussian_kl, (rows, bad)),
            (reparameterize, (rows, rows, bad)),
            (bernoulli_log_likelihood, (rows, bad)),
            (importance_weighted_bound, (np.zeros((4, 3)), wide, bad, rows)),
        ):
            with pytest.raises(ValueError, match="the end of the longest, got"):
                function(*arguments)
    message = r"noise of its own, of shape \(3, 2\), got \(2,\)"
    with pytest.raises(ValueError, match=message):
        reparameterize(rows, rows, np.zeros(2))
    for bad in (np.zeros(2), np.zeros(()), np.zeros((3, 1))):
        with pytest.raises(ValueError, match="a log-likelihood for each row"):
            elbo(bad, rows, rows)
    with pytest.raises(ValueError, match=r"each row, .* got \(1, 3\)"):
        elbo(np.zeros((1, 3)), wide, wide)
    message = r"every z needs a log-likelihood, of shape \(4, 3\), got \(3,\)"
    with pytest.raises(ValueError, match=message):
        importance_weighted_bound(np.zeros(3), wide, rows, rows)
    for z, mean in ((rows, wide), (np.zeros(2),) * 2, (wide[:0], rows)):
        with pytest.raises(ValueError, match=r"axis of z .* draws, at least"):
            importance_weighted_bound(np.zeros(z.shape[:-1]), z, mean, mean)
    for arguments in (
        (np.zeros(2), rows, np.zeros(2)),
        (rows, np.zeros(2), np.zeros(2)),
        (rows, rows, rows),
    ):
        with pytest.raises(ValueError, match="matrices and bias a vector"):
            linear_gaussian_log_likelihood(*arguments, 1.0)


@pytest.mark.usefixtures("unchecked")
def test_numbers_that_are_none_are_refused():
    whole, rows = np.zeros((3, 2), dtype=int), np.zeros((3, 2))
    labels = np.zeros(3, dtype=int)
    for name, function, arguments in (
        ("log_likelihood", elbo, (labels, rows, rows)),
        (
            "log_likelihood",
            importance_weighted_bound,
            (whole, np.zeros((3, 2, 2)), rows[:2], rows[:2]),
        ),
        ("x", gaussian_log_density, (whole, rows, rows)),
        ("mean", gaussian_kl, (whole, rows)),
        ("noise", reparameterize, (rows, rows, whole)),
        ("weight", linear_gaussian_log_likelihood, (rows, whole, rows[0], 1)),
    ):
        message = f"{name} needs real floating-point numbers, got int64"
        with pytest.raises(ValueError, match=message):
            function(*arguments)
    for value in (np.nan, np.inf, -np.inf, 710.0, -710.0):
        bad = np.full((3, 2), value)
        for function, arguments in (
            (gaussian_log_density, (rows, rows, bad)),
            (gaussian_kl, (rows, bad)),
            (reparameterize, (rows, bad, rows)),
        ):
            message = r"need to be from -709.8 to 709.8, got (nan|-?inf|-?710)"
            with pytest.raises(ValueError, match=message):
                function(*arguments)
    most = log(np.finfo(np.float64).max)
    for value in (most, -most):
        assert np.all(np.isfinite(reparameterize(rows, rows + value, rows)))
    with pytest.raises(ValueError, match=r"0 ... 1, got 2 ... 2"):
        bernoulli_log_likelihood(whole + 2, rows)
    with pytest.raises(ValueError, match=r"logits .* need to be finite"):
        bernoulli_log_likelihood(whole, rows + np.inf)
    for beta in (-0.1, np.nan, np.inf, True):
        message = f"beta needs to be .* at least 0, got {beta}"
        with pytest.raises(ValueError, match=message):
            elbo(np.zeros(3), rows, rows, beta=beta)
    for sigma in (-1.0, np.nan, np.inf, True):
        message = f"sigma needs to be .* at least 0, got {sigma}"
        with pytest.raises(ValueError, match=message):
            linear_gaussian_log_likelihood(rows, rows, rows[0], sigma)
    for sigma in (0.0, 1e-200, 1e200):
        with pytest.raises(ValueError, match=r"a number above 0, got [01]"):
            linear_gaussian_log_likelihood(rows, rows, rows[0], sigma)
    message = r"too small beside the .* got sigma 1e-12"
    with pytest.raises(ValueError, match=message):
        linear_gaussian_log_likelihood(rows, rows + 1.0, rows[0], 1e-12)


def test_default_weight_of_the_divergence_is_1():
    kl = gaussian_kl(np.full((1, 1), 2.0), np.zeros((1, 1)))
    bound = elbo(np.zeros(1), np.full((1, 1), 2.0), np.zeros((1, 1)))
    assert_close(bound, -kl)


def test_the_experiment_shows_what_the_page_says():
    path = "experiments/generative/variational_autoencoder.json"
    text = Path(__file__).parents[2].joinpath(path).read_text("utf-8")
    numbers = json.loads(text)["numbers"]
    two, eight = (np.array(numbers[f"code {k}"]["curve"]) for k in (2, 8))
    for curve in (two, eight):
        assert (curve[:, -1, 1:] > curve[:, 0, 1:] + 10).all()
    assert (eight[:, -1, 2] > two[:, -1, 2] + 1).all()
    for k, gain in ((2, 0.2), (8, 0.5)):
        bounds = np.array(numbers[f"code {k}"]["tightened"])
        assert (np.diff(bounds, axis=1) > 0).all()
        assert (bounds[:, -1] - bounds[:, 0] > gain).all()
        assert (bounds[:, -1] - bounds[:, 0] < 2 * gain).all()
        assert (bounds[:, -1] - bounds[:, -2] < 0.05).all()
    runs = {
        b: np.array([r["kl"] for r in rs]) for b, rs in numbers["beta"].items()
    }
    active = {b: (kl > 0.1).sum(axis=1) for b, kl in runs.items()}
    assert (active["0.25"] == 8).all()
    assert (active["1.0"] == 8).all()
    assert (active["4.0"] == 0).all()
    assert (runs["16.0"] < 0.01).all()
    bounds = {
        b: np.array([r["bound"] for r in rs])
        for b, rs in numbers["beta"].items()
    }
    for b in ("0.25", "2.0", "4.0", "16.0"):
        assert (bounds["1.0"] > bounds[b]).all()
