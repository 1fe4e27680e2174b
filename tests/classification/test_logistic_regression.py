import sys
from math import exp, inf, log, nan

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import expit
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.tools import add_constant

from reference.classification.logistic_regression import (
    calibration,
    classify,
    gradient,
    gradient_descent,
    hessian,
    log_odds,
    logistic_regression,
    negative_log_likelihood,
    predict_probability,
    roc_auc,
    roc_curve,
    sigmoid,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D = 30, 2


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, D)) * np.array([1.0, 0.2]) + 3


@pytest.fixture
def y(x, rng):
    return (rng.random(N) < expit(2 * (x[:, 0] - 3))).astype(np.int64)


@pytest.fixture
def beta(rng):
    return rng.normal(size=D + 1)


@pytest.fixture
def p(rng):
    """Return probabilities with ties, 0, 1 and edges of bins among them."""
    p = np.round(rng.random(N), 1)
    p[:2] = 0, 1
    return p


# The page's equations, each written out index by index below its LaTeX.


def sigma(z):
    return 1 / (1 + exp(-z))


def score(x, beta, n):
    return beta[0] + sum(x[n, d] * beta[d + 1] for d in range(D))


def slopes(x, y, beta, penalty=0.0):
    """Return eq. 4, with the charge of the penalty."""
    total = [0.0] * (D + 1)
    for d in range(D + 1):
        for n in range(N):
            feature = 1 if d == 0 else x[n, d - 1]
            total[d] += (sigma(score(x, beta, n)) - y[n]) * feature / N
        total[d] += penalty * beta[d] * (d > 0)
    return np.array(total)


def curvature(x, beta, penalty=0.0):
    total = np.zeros((D + 1, D + 1))
    for j, k in np.ndindex(D + 1, D + 1):
        for n in range(N):
            p = sigma(score(x, beta, n))
            row = (1, *x[n])
            total[j, k] += p * (1 - p) * row[j] * row[k] / N
        total[j, k] += penalty * (j == k and j > 0)
    return total


def test_eq_1(rng, array):
    r"""\sigma(z) = \frac{1}{1 + e^{-z}}"""
    z = rng.normal(size=(2, 3))
    expected = [[sigma(z[i, j]) for j in range(3)] for i in range(2)]
    assert_close(sigmoid(array(z)), expected)


def test_eq_2(x, beta, array):
    r"""z_n = \beta_0 + \sum_{d=1}^{D} x_{nd} \beta_d"""
    expected = [score(x, beta, n) for n in range(N)]
    assert_close(log_odds(array(x), array(beta)), expected)


def test_eq_3(x, y, beta, array):
    r"""L(\beta) = \frac{1}{N} \sum_{n=1}^{N} \log \left( 1 + e^{-m_n} \right) ,
    \qquad m_n = (2 y_n - 1) \, z_n"""
    expected = 0.0
    for n in range(N):
        m = score(x, beta, n) if y[n] == 1 else -score(x, beta, n)
        expected += log(1 + exp(-m)) / N
    actual = negative_log_likelihood(array(x), array(y), array(beta))
    assert_close(actual, np.asarray(expected))


def test_eq_4(x, y, beta, array):
    r"""\frac{\partial L}{\partial \beta_d}
    = \frac{1}{N} \sum_{n=1}^{N} (p_n - y_n) \, x_{nd}"""
    actual = gradient(array(x), array(y), array(beta))
    assert_close(actual, slopes(x, y, beta))


def test_eq_5(x, y, array):
    r"""J(\beta) = L(\beta) + \frac{\lambda}{2} \sum_{d=1}^{D} \beta_d^2"""

    def loss(beta):
        total = 0.3 / 2 * sum(beta[d] ** 2 for d in range(1, D + 1))
        for n in range(N):
            p = sigma(score(x, beta, n))
            total -= log(p if y[n] == 1 else 1 - p) / N
        return total

    best = to_numpy(logistic_regression(array(x), array(y), penalty=0.3))
    for d in range(D + 1):
        for step in (-1e-4, 1e-4):
            moved = best.copy()
            moved[d] += step
            assert loss(best) < loss(moved)
        assert abs(loss(moved) - loss(moved - 2e-4 * np.eye(D + 1)[d])) < 1e-11


def test_eq_6(x, beta, array):
    r"""\frac{\partial^2 J}{\partial \beta_d \, \partial \beta_k}
    = \frac{1}{N} \sum_{n=1}^{N} p_n (1 - p_n) \, x_{nd} x_{nk}
      + \lambda \, [d = k \ge 1]"""
    for penalty in (0.0, 0.7):
        actual = hessian(array(x), array(beta), penalty)
        assert_close(actual, curvature(x, beta, penalty))


def test_eq_7(x, y, array):
    r"""\beta \leftarrow \beta - \eta \, \nabla J(\beta)"""
    for penalty in (0.0, 0.7):
        largest = np.linalg.eigvalsh(curvature(x, np.zeros(D + 1), penalty))[-1]
        expected = np.zeros(D + 1)
        for _ in range(5):
            expected = expected - slopes(x, y, expected, penalty) / largest
        actual = gradient_descent(array(x), array(y), 5, penalty)
        assert_close(actual, expected)


def test_eq_8(x, y, array):
    r"""\beta \leftarrow \beta - H^{-1} \, \nabla J(\beta)"""
    for penalty in (0.0, 0.7):
        expected = np.zeros(D + 1)
        for _ in range(12):
            h = curvature(x, expected, penalty)
            change = np.linalg.solve(h, slopes(x, y, expected, penalty))
            expected = expected - change
        assert np.max(np.abs(change)) < 1e-9
        assert_close(logistic_regression(array(x), array(y), penalty), expected)


def test_eq_9(p, array):
    r"""\hat{y}_n = [\, p_n \ge t \,]"""
    for t in (0.0, 0.3, 1.0):
        expected = [1 if p[n] >= t else 0 for n in range(N)]
        assert_close(classify(array(p), t), expected)


def test_eq_10(y, p, array):
    r"""\text{TPR}(t) = \frac{1}{N_1} \sum_{n:\, y_n = 1} [\, s_n \ge t \,]"""
    roc = roc_curve(array(y), array(p))
    expected = [
        sum(p[n] >= t for n in range(N) if y[n] == 1) / sum(y)
        for t in to_numpy(roc.threshold)
    ]
    assert_close(roc.tpr, expected)


def test_eq_11(y, p, array):
    r"""\text{FPR}(t) = \frac{1}{N_0} \sum_{n:\, y_n = 0} [\, s_n \ge t \,]"""
    roc = roc_curve(array(y), array(p))
    expected = [
        sum(p[n] >= t for n in range(N) if y[n] == 0) / (N - sum(y))
        for t in to_numpy(roc.threshold)
    ]
    assert_close(roc.fpr, expected)


def test_eq_12(y, p, array):
    r"""\text{AUC} = \frac{1}{N_1 N_0} \sum_{i:\, y_i = 1} \;
    \sum_{j:\, y_j = 0} \left(
    [\, s_i > s_j \,] + \tfrac{1}{2} [\, s_i = s_j \,] \right)"""
    total = 0.0
    for i in range(N):
        for j in range(N):
            if y[i] == 1 and y[j] == 0:
                total += 1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0
    expected = np.asarray(total / sum(y) / (N - sum(y)))
    assert_close(roc_auc(array(y), array(p)), expected)


# The same as everybody else's: SciPy, scikit-learn, statsmodels.


def test_expit_of_scipy(array):
    """To the last digits of both tails, and at both ends."""
    z = np.array([-inf, -708.0, -600.0, -40.0, -1e-9, 0.0, 3.0, 40.0, inf])
    assert_close(sigmoid(array(z)), expit(z), rtol=1e-14, atol=0)


def test_log_loss_of_sklearn(x, y, beta, array):
    p = predict_probability(array(x), array(beta))
    assert_close(p, expit(beta[0] + x @ beta[1:]))
    expected = metrics.log_loss(y, to_numpy(p))
    actual = negative_log_likelihood(array(x), array(y), array(beta))
    assert_close(actual, np.asarray(expected))


def test_logit_of_statsmodels(x, y, array):
    """Coefficients, and their covariance from the Hessian."""
    model = Logit(y, add_constant(x))
    fit = model.fit(disp=0, tol=1e-12)
    ours = logistic_regression(array(x), array(y))
    assert_close(ours, fit.params, rtol=1e-8)
    inverse = np.linalg.inv(N * to_numpy(hessian(array(x), ours)))
    assert_close(inverse, fit.cov_params(), rtol=1e-7)
    assert_close(gradient(array(x), array(y), ours), np.zeros(D + 1))
    loss = negative_log_likelihood(array(x), array(y), ours)
    assert_close(loss, np.asarray(-fit.llf / N))


@pytest.mark.parametrize("penalty", [0.0, 1e-3, 2.0])
def test_logistic_regression_of_sklearn(penalty, x, y, array):
    """Its C is 1 / (penalty N)."""
    c = 1 / (penalty * N) if penalty else np.inf
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12)
    model.fit(x, y)
    expected = [*model.intercept_, *model.coef_[0]]
    actual = logistic_regression(array(x), array(y), penalty)
    assert_close(actual, expected, rtol=1e-7)
    probability = predict_probability(array(x), actual)
    assert_close(probability, model.predict_proba(x)[:, 1], rtol=1e-7)
    assert_close(classify(probability), model.predict(x))


def test_gradient_descent_reaches_the_optimum_of_sklearn(x, y):
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    model = LogisticRegression(C=10 / N, solver="newton-cholesky", tol=1e-12)
    model.fit(x, y)
    actual = gradient_descent(x, y, 200, 0.1)
    assert_close(actual, [*model.intercept_, *model.coef_[0]], rtol=1e-8)


def test_roc_of_sklearn(y, p, array):
    roc = roc_curve(array(y), array(p))
    expected = metrics.roc_curve(y, p, drop_intermediate=False)
    for ours, theirs in zip(roc, expected, strict=True):
        assert_close(ours, theirs)
    area = roc_auc(array(y), array(p))
    assert_close(area, np.asarray(metrics.roc_auc_score(y, p)))


@pytest.mark.parametrize("bins", [1, 4, 10])
def test_calibration_curve_of_sklearn(bins, y, p, array):
    found = calibration(array(y), array(p), bins)
    share, probability = calibration_curve(y, p, n_bins=bins)
    assert_close(found.share, share)
    assert_close(found.probability, probability)
    assert int(to_numpy(found.count).sum()) == N
    if bins == 10:
        assert_close(calibration(array(y), array(p)).share, share)


def test_calibration_of_many(rng):
    """Means and counts of NumPy's histogram; time grows with N + B."""
    p = np.float32(rng.random(100_000))
    y = (rng.random(100_000) < p).astype(int)
    found = calibration(y, p, 1000)
    edges = np.linspace(0, 1, 1001, dtype=np.float32)
    count = np.histogram(p, edges)[0]
    assert_close(found.count, count)
    assert_close(found.share, np.histogram(p[y == 1], edges)[0] / count, 1e-6)
    total = np.histogram(p, edges, weights=p.astype(float))[0]
    assert_close(found.probability, total / count, rtol=1e-6)
    assert found.probability.dtype == found.share.dtype == np.float32
    found = calibration(y[:5], p[:5], 10**6)
    assert_close(found.probability, np.sort(p[:5]))
    assert_close(found.share, y[:5][np.argsort(p[:5])])


# Gradients, by hand and through autograd.


def test_gradient_of_the_loss(x, y, beta):
    x, y = torch.asarray(x), torch.asarray(y)
    for penalty in (0.0, 0.4):
        assert_gradient(
            lambda beta, penalty=penalty: (
                negative_log_likelihood(x, y, beta)
                + penalty / 2 * torch.sum(beta[1:] ** 2)
            ),
            lambda dy, beta, penalty=penalty: (
                dy * gradient(x, y, beta, penalty)
            ),
            beta,
        )
        assert_gradient(
            lambda beta, penalty=penalty: gradient(x, y, beta, penalty),
            lambda dy, beta, penalty=penalty: hessian(x, beta, penalty) @ dy,
            beta,
        )


def test_gradient_of_the_sigmoid():
    """Also at 0 itself, where an absolute value would have slope 0."""
    assert_gradient(
        sigmoid,
        lambda dy, z: dy * sigmoid(z) * sigmoid(-z),
        np.array([-30.0, -1.0, 0.0, 2.0, 30.0]),
    )
    x, y = torch.ones((2, 1)).double(), torch.tensor([0, 1])
    beta = torch.zeros(2).double().requires_grad_()
    negative_log_likelihood(x[:1], y[:1], beta).backward()
    assert_close(beta.grad, [0.5, 0.5])


# What the page promises, and what is refused.


def test_float32_stays_float32(x, y, beta, p):
    penalty = np.float64(0.1)
    assert_float32(sigmoid, x)
    assert_float32(log_odds, x, beta)
    assert_float32(predict_probability, x, beta)
    assert_float32(negative_log_likelihood, x, y, beta)
    assert_float32(lambda x, b: gradient(x, y, b, penalty), x, beta)
    assert_float32(lambda x, b: hessian(x, b, penalty), x, beta)
    assert_float32(lambda x: gradient_descent(x, y, 5, penalty), x)
    assert_float32(lambda x: logistic_regression(x, y, penalty), x)
    assert_float32(lambda x: logistic_regression(x, y), x, rtol=1e-3)
    assert_float32(roc_curve, y, p)
    assert_float32(roc_auc, y, p)
    assert_float32(lambda p: calibration(y, p), p * 0.99)
    assert to_numpy(classify(np.float32(p), np.float64(0.5))).dtype == np.int64
    assert_close(classify(np.float32([0.7]), np.float64(0.7)), [1])


def test_float32_with_a_large_mean(x, y):
    """Years, say: the fit centres its features itself."""
    x = np.float32(x + 2000)
    wide = logistic_regression(x.astype(np.float64), y)
    single = logistic_regression(x, y)
    assert single.dtype == np.float32
    assert_close(single, wide, rtol=2e-3)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_units_of_the_features_do_not_matter(scale, x, y, array):
    expected = logistic_regression(x, y) / np.array([1.0, scale, scale])
    assert_close(
        logistic_regression(array(scale * x), array(y)), expected, atol=0
    )


def test_penalized_in_any_units(x, y, array):
    """Almost no span: almost no coefficient is worth its price."""
    beta = to_numpy(logistic_regression(array(1e-200 * x), array(y), 1.0))
    assert np.all(np.abs(beta[1:]) < 1e-100)
    assert_close(beta[0], np.asarray(log(y.mean() / (1 - y.mean()))))


def test_a_large_loss_does_not_overflow(array):
    x, beta = array(np.array([[1.0]])), array(np.array([0.0, 1000.0]))
    y = array(np.array([0]))
    loss = negative_log_likelihood(x, y, beta)
    assert_close(loss, np.asarray(1000.0))
    assert_close(negative_log_likelihood(x, y + 1, beta), np.asarray(0.0))
    assert_close(gradient(x, y, beta), [1.0, 1.0])
    beta = array(np.array([0.0, 50.0]))
    assert_close(gradient(x, y + 1, beta), 2 * [-exp(-50)], atol=0)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.float32])
def test_labels_of_any_type(dtype, x, y, p, array):
    given_y, start = array(y.astype(dtype)), array(np.zeros(D + 1))
    actual = gradient(array(x), given_y, start)
    assert_close(actual, slopes(x, y, np.zeros(D + 1)))
    area = metrics.roc_auc_score(y, p)
    assert_close(roc_auc(given_y, array(p)), np.asarray(area))
    share, _ = calibration_curve(y, p, n_bins=4)
    assert_close(calibration(given_y, array(p), 4).share, share)


def test_arguments_need_not_be_contiguous_and_stay_as_they_are(x, y):
    wide, long = np.repeat(x, 2, axis=1)[:, ::2], np.repeat(y, 2)[::2]
    before = wide.copy()
    assert_close(logistic_regression(wide, long), logistic_regression(x, y))
    assert_close(wide, before, rtol=0, atol=0)


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)
)
@settings(max_examples=25)
def test_two_groups_have_the_log_odds_ratio(a, b, c, d):
    """Zeros and ones of the first group, then of the second."""
    x = np.repeat([0.0, 0.0, 1.0, 1.0], [a, b, c, d])[:, None]
    y = np.repeat([0, 1, 0, 1], [a, b, c, d])
    intercept, slope = logistic_regression(x, y)
    assert_close(intercept, np.asarray(log(b / a)), atol=1e-9)
    assert_close(slope, np.asarray(log(d * a / (c * b))), atol=1e-9)


def separable(x, y):
    """Ask a linear program for a beta that no example speaks against."""
    signed = (2 * y - 1)[:, None] * add_constant(x)
    found = linprog(
        -signed.sum(axis=0), A_ub=-signed, b_ub=0 * y, bounds=(-1, 1)
    )
    return found.fun < -1e-9


@given(st.integers(0, 10**6))
@settings(max_examples=25)
def test_a_fit_is_the_optimum_or_is_refused(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(12, 2)), np.arange(12) % 2
    y = np.where(x[:, 0] > rng.normal() * 2, 1, y)
    if np.all(y == 1):
        with pytest.raises(ValueError, match="got only 1"):
            logistic_regression(x, y)
        return
    try:
        beta = logistic_regression(x, y)
    except ValueError:
        assert separable(x, y)
    else:
        assert not separable(x, y)
        assert_close(gradient(x, y, beta), np.zeros(3), atol=1e-12)
        predicted = predict_probability(x, beta)
        assert_close(predicted.mean(), np.asarray(y.mean()))


def test_the_order_of_equal_scores_does_not_matter(y, p, rng):
    """Not by a bit: no stable order is needed."""
    p = np.where(rng.random(N) < 0.5, p, 0.0) * rng.choice([-1.0, 1.0], N)
    expected, mixed = roc_curve(y, p), rng.permutation(N)
    assert len(expected.threshold) < N // 2
    for order in (mixed, np.lexsort((y, p)), np.lexsort((1 - y, p))):
        for ours, theirs in zip(
            roc_curve(y[order], p[order]), expected, strict=True
        ):
            assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("penalty", "steps", "hessians"), [(0.0, 7, 3), (1.0, 4, 2)]
)
def test_up_to_five_steps_share_a_hessian(
    monkeypatch, penalty, steps, hessians
):
    """The first two have their own."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 5))
    z = x @ np.array([2.0, -1.0, 1.0, 0.5, 0.0])
    y = (rng.random(2000) < 1 / (1 + np.exp(-z))).astype(int)
    module = sys.modules[logistic_regression.__module__]
    calls = []

    def counted(name, function):
        return lambda *args: calls.append(name) or function(*args)

    for name in ("_curvature", "_halved"):
        function = counted(name, getattr(module, name))
        monkeypatch.setattr(module, name, function)
    logistic_regression(x, y, penalty)
    # Without the longer first step, or the second Hessian, they are eleven.
    assert calls.count("_halved") == steps
    assert calls.count("_curvature") == hessians


def test_the_curvature_of_many_examples(array):
    """It is summed over blocks of rows; 5000 examples are more than one."""
    x = np.random.default_rng(1).normal(size=(5000, 2))
    beta = np.array([0.3, 1.0, -0.5])
    design = np.column_stack((np.ones(5000), x))
    p = expit(design @ beta)
    want = np.einsum("n,np,nq->pq", p * (1 - p), design, design) / 5000
    assert_close(hessian(array(x), array(beta)), want, rtol=1e-12)


def test_a_fit_that_starts_at_its_end(array):
    """The first step is 0, and has no best length."""
    x = array(np.array([[-1.0], [1.0], [-1.0], [1.0]]))
    y = array(np.array([0, 0, 1, 1]))
    assert_close(logistic_regression(x, y), np.zeros(2))


def test_gradients_reach_the_features_through_the_fit(x, y):
    """Without a warning, and equal to the difference quotient."""
    leaf = torch.asarray(x).requires_grad_()
    logistic_regression(leaf, torch.asarray(y))[1].backward()
    step = np.zeros_like(x)
    step[4, 0] = 1e-5
    ends = [logistic_regression(x + sign * step, y)[1] for sign in (1, -1)]
    expected = np.asarray((ends[0] - ends[1]) / 2e-5)
    assert_close(leaf.grad[4, 0], expected, rtol=1e-6)


def test_a_small_penalty_on_features_with_far_values(array):
    """Where some weights are 1e-17 and others are not."""
    x, y = np.array([[-1e6], [-1], [0], [1], [1e6]]), np.array([0, 0, 1, 1, 1])
    beta = to_numpy(logistic_regression(array(x), array(y), 1e-14))
    z = beta[0] + beta[1] * x[:, 0]
    assert_close(beta[1] * 1e-14, np.asarray(expit(z[1]) / 5), rtol=1e-7)
    assert_close(expit(z[1]), np.asarray(expit(-z[2])), rtol=1e-7)


def test_a_hessian_without_weight_is_not_singular():
    """In float32 these log-odds leave a group no weight at all."""
    x = np.array([[0], [0], [1], [1]], np.float32)
    beta = logistic_regression(x, np.array([0, 1, 1, 1]), 1e-14)
    assert abs(beta[0]) < 1e-3
    assert beta[1] > 15


def test_only_newton_s_own_steps_are_proof():
    """Later ones with its Hessian gain little anyway."""
    x = np.array([[0.08], [0.002], [30], [0.005], [0.003], [0.2]])
    y = np.array([1, 0, 1, 0, 1, 1])
    expected = Logit(y, add_constant(x)).fit(disp=0, tol=1e-12).params
    actual = logistic_regression(x.astype(np.float32), y)
    assert_close(actual, expected, rtol=1e-2)


def test_steps_are_halved_where_newton_overshoots():
    """Without it this fit never ends."""
    x = np.array([[0.0, -72.0], [1.0, 2.0], [2.0, -1.0], [0.0, -12.0]])
    y = np.array([1, 0, 0, 1])
    model = LogisticRegression(C=1e4 / 4, solver="lbfgs", tol=1e-9).fit(x, y)
    beta = logistic_regression(x, y, 1e-4)
    assert_close(beta, [*model.intercept_, *model.coef_[0]], rtol=1e-4)
    assert_close(gradient(x, y, beta, 1e-4), np.zeros(3), atol=1e-11)


SEPARABLE = {
    "a gap": ([0, 1, 2, 3], [0, 0, 1, 1]),
    "turned round": ([0, 1, 2, 3], [1, 1, 0, 0]),
    "a shared value": ([0, 1, 1, 2], [0, 0, 1, 1]),
    "an empty cell": ([0, 0, 1, 1], [0, 1, 1, 1]),
    "an empty cell among many": ([0] * 50 + [1] * 3, [0, 1] * 25 + [1] * 3),
}


@pytest.mark.parametrize("name", SEPARABLE)
def test_separable_data_are_refused_and_a_penalty_helps(name):
    for dtype in (np.float64, np.float32):
        x, y = (np.asarray(a) for a in SEPARABLE[name])
        x = x[:, None].astype(dtype)
        with pytest.raises(ValueError, match=r"separable, .* above 0, got 0"):
            logistic_regression(x, y)
        smaller, larger = (logistic_regression(x, y, c) for c in (0.01, 0.1))
        assert abs(smaller[1]) > abs(larger[1]) > 0


def test_separable_data_are_refused_in_every_library(array):
    for name in ("a gap", "an empty cell"):
        x, y = (np.asarray(a) for a in SEPARABLE[name])
        with pytest.raises(ValueError, match="classes are separable"):
            logistic_regression(array(1.0 * x[:, None]), array(y))


@pytest.mark.parametrize("wrong", [0, 98, 101])
def test_one_example_on_the_wrong_side_is_enough(wrong):
    """No refusal, however clear the rest and however long the tail."""
    x = np.concatenate((np.linspace(-50, 50, 200), [1e4]))[:, None]
    y = (x[:, 0] > 0).astype(int)
    y[wrong] = 1 - y[wrong]
    beta = logistic_regression(x, y)
    assert_close(gradient(x, y, beta), np.zeros(2), atol=1e-9)


def test_a_step_that_hardly_lowers_a_margin_is_no_proof():
    """The first lowers two margins, by a millionth of what others gain."""
    x, y = np.array([[-1.0], [-1e-6], [1e-6], [1.0]]), np.array([0, 1, 0, 1])
    intercept, slope = logistic_regression(x, y)
    assert_close(intercept, np.asarray(0.0))
    near = 1 / (1 + exp(-1e-6 * slope))
    assert_close(np.asarray(1 / (1 + exp(slope))), np.asarray(1e-6 * near))


def test_the_loss_shows_early_that_no_example_is_on_the_wrong_side():
    """The direction of the steps alone would take 41 of them."""
    x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    with pytest.raises(ValueError, match="separable"):
        logistic_regression(x, y, steps=7)


def test_the_learning_rate_is_safe(rng):
    """No step of gradient descent raises the loss, whatever the features."""
    x = rng.normal(size=(40, 3)) * np.array([1.0, 30.0, 0.01]) + 5
    y = (rng.random(40) < 0.3).astype(int)
    losses = [
        negative_log_likelihood(x, y, gradient_descent(x, y, steps))
        for steps in range(8)
    ]
    assert np.all(np.diff(losses) < 0)
    assert_close(gradient_descent(x, y, 0), np.zeros(4))


def test_dependent_columns_are_refused_unless_penalized(x, y, array):
    twice = np.concatenate((x, 2 * x[:, :1] + 1), axis=1)
    constant = np.concatenate((x, np.full((N, 1), 7.3)), axis=1)
    for dependent in (twice, constant, x[:2], 0 * x, 1e-310 * x):
        labels = y if len(dependent) == N else np.array([0, 1])
        with pytest.raises(ValueError, match="columns that do not depend"):
            logistic_regression(array(dependent), array(labels))
    with pytest.raises(ValueError, match=r"from 0\.0e\+00 to 1\.0e\+00"):
        logistic_regression(array(0 * x), array(y))
    beta = to_numpy(logistic_regression(array(constant), array(y), 0.1))
    assert_close(beta[:3], logistic_regression(x, y, 0.1), rtol=1e-7)
    assert_close(beta[3], np.asarray(0.0), atol=1e-9)
    single = np.float32(np.concatenate((x, x[:, :1] + 1e-3 * x[:, 1:]), 1))
    with pytest.raises(ValueError, match="columns that do not depend"):
        logistic_regression(single, y)


def test_nearly_dependent_columns(x, y, rng):
    """Three millionths of a difference suffice, a tenth of that does not."""
    noise = rng.normal(size=(N, 1))
    near = np.concatenate((x[:, :1], x[:, :1] + 3e-6 * noise), axis=1)
    beta = logistic_regression(near, y)
    slope = logistic_regression(np.concatenate((x[:, :1], noise), 1), y)[2]
    assert_close(3e-6 * beta[2], slope, rtol=1e-6)
    near = np.concatenate((x[:, :1], x[:, :1] + 1e-7 * noise), axis=1)
    for dependent in (near, np.concatenate((near, near**2), axis=1)):
        with pytest.raises(ValueError, match="columns that do not depend"):
            logistic_regression(dependent, y)


def test_a_rare_feature_depends_on_nothing():
    """Two examples of 20 000 have it; a quarter of the others has label 1."""
    x, y = np.zeros((20_002, 1), np.float32), np.arange(20_002) % 4 == 1
    x[:2] = 1
    expected = [log(1 / 3), log(3)]
    assert_close(logistic_regression(x, y), expected, rtol=1e-3)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_refused(label, x, p, array):
    y = array(np.full(N, label))
    for penalty in (0.0, 1.0):
        with pytest.raises(ValueError, match=f"0 and 1, got only {label}"):
            logistic_regression(array(x), y, penalty)
    counts = f"got {N * (1 - label)} times 0 and {N * label} times 1"
    for function in (roc_curve, roc_auc):
        with pytest.raises(ValueError, match=counts):
            function(y, array(p))


def test_200_steps_are_not_enough_for_probabilities_of_1e_300():
    x, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    with pytest.raises(ValueError, match="more than the 200 steps"):
        logistic_regression(x, y, 1e-300)
    beta = logistic_regression(x, y, 1e-300, steps=2000)
    assert_close(2 * beta[0], -beta[1])
    rest = np.asarray(1e-300 * beta[1])
    assert_close(sigmoid(beta[:1])[0] / 2, rest, rtol=1e-5, atol=0)


def test_too_few_steps_are_refused(x, y, array):
    with pytest.raises(ValueError, match="more than the 2 steps it was given"):
        logistic_regression(array(x), array(y), steps=2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("penalty", [-1e-9, inf, nan, True])
def test_other_penalties_are_refused(penalty, x, y, beta, array):
    x, y, beta = array(x), array(y), array(beta)
    for call in (
        lambda: logistic_regression(x, y, penalty),
        lambda: gradient_descent(x, y, 3, penalty),
        lambda: gradient(x, y, beta, penalty),
        lambda: hessian(x, beta, penalty),
    ):
        with pytest.raises(ValueError, match=rf"from 0 to .*, got {penalty}"):
            call()


def test_the_largest_penalty_is_taken(x, beta, array):
    most = np.finfo(np.float64).max
    found = to_numpy(hessian(array(x), array(beta), most))
    assert np.all(np.diag(found)[1:] == most)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("value", [-1, 2.0, True, nan])
def test_other_counts_are_refused(value, x, y, p):
    for name, call in (
        ("steps needs .* 0", lambda: gradient_descent(x, y, value)),
        ("steps needs .* 1", lambda: logistic_regression(x, y, steps=value)),
        ("bins needs .* 1", lambda: calibration(y, p, value)),
    ):
        with pytest.raises(ValueError, match=f"{name}, got {value}"):
            call()
    with pytest.raises(ValueError, match=r"steps needs .* 1, got 0"):
        logistic_regression(x, y, steps=0)
    with pytest.raises(ValueError, match=r"bins needs .* 1, got 0"):
        calibration(y, p, 0)


@pytest.mark.usefixtures("unchecked")
def test_a_small_integer_type_does_not_overflow(y, p):
    found = calibration(y, p, np.int8(127))
    assert_close(found.share, calibration(y, p, 127).share)


@pytest.mark.parametrize("bad", [-0.1, 1.1, nan, inf])
def test_other_than_probabilities_are_refused(bad, y, p, array):
    with pytest.raises(ValueError, match=f"threshold needs .* got {bad}"):
        classify(array(p), bad)
    p[5] = bad
    with pytest.raises(ValueError, match="probabilities need to be in 0"):
        classify(array(p))
    with pytest.raises(ValueError, match="probabilities need to be in 0"):
        calibration(array(y), array(p))


@pytest.mark.usefixtures("unchecked")
def test_a_truth_value_is_no_threshold(p):
    with pytest.raises(ValueError, match=r"threshold needs .* got True"):
        classify(p, True)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("bad", [(nan, 0), (inf, 0), (1.7e308, -1.7e308)])
def test_features_that_are_not_finite_are_refused(bad, x, y, array):
    """Neither are differences (first) or sums (second) that overflow."""
    for other in (bad[1], bad[0]):
        x[::2, 1], x[1::2, 1] = bad[0], other
        with pytest.raises(ValueError, match="are finite, got NaN or inf"):
            logistic_regression(array(x), array(y))
        with pytest.raises(ValueError, match="are finite, got NaN or inf"):
            gradient_descent(array(x), array(y), 1)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_coefficients_that_overflow_are_refused():
    """The slope is 2 log 99 for 3e-308."""
    x = np.repeat([[0.0], [3e-308]], 100, axis=0)
    y = np.repeat([0, 1, 0, 1], [99, 1, 1, 99])
    with pytest.raises(ValueError, match="are finite, got NaN or inf"):
        logistic_regression(x, y)


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_scores_that_are_not_finite_are_refused(bad, y, p, array):
    p[3] = bad
    for function in (roc_curve, roc_auc):
        with pytest.raises(ValueError, match="are finite, got NaN or inf"):
            function(array(y), array(p))


@pytest.mark.parametrize("bad", [-1, 2, 0.5, nan])
def test_other_labels_are_refused(bad, x, y, beta, p, array):
    """Also -1 and +1, which margins have."""
    y = y.astype(type(bad))
    y[0] = bad
    x, y, beta, p = array(x), array(y), array(beta), array(p)
    for call in (
        lambda: negative_log_likelihood(x, y, beta),
        lambda: gradient(x, y, beta),
        lambda: gradient_descent(x, y, 1),
        lambda: logistic_regression(x, y),
        lambda: roc_curve(y, p),
        lambda: roc_auc(y, p),
        lambda: calibration(y, p),
    ):
        with pytest.raises(ValueError, match="labels need to be 0 or 1, got"):
            call()


@pytest.mark.usefixtures("unchecked")
def test_complex_labels_are_refused(x, y):
    with pytest.raises(ValueError, match="numbers 0 or 1, got complex128"):
        logistic_regression(x, y.astype(complex))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N, 1), (N - 1,), (1,), ()])
def test_labels_that_would_broadcast_are_refused(shape, x, beta, p):
    y = np.ones(shape)
    for call in (
        lambda: negative_log_likelihood(x, y, beta),
        lambda: gradient(x, y, beta),
        lambda: gradient_descent(x, y, 1),
        lambda: logistic_regression(x, y),
        lambda: roc_curve(y, p),
        lambda: calibration(y, p),
    ):
        with pytest.raises(ValueError, match="one label for each, got"):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N, 1), (1, N), (N, 2), ()])
def test_other_than_one_score_an_example_is_refused(shape, y):
    score = np.ones(shape) / 2
    for labels in (y, np.ones(shape)):
        for function in (roc_curve, roc_auc, calibration):
            with pytest.raises(ValueError, match="one label for each, got"):
                function(labels, score)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(D,), (D + 2,), (D + 1, 1), ()])
def test_other_than_one_coefficient_a_column_is_refused(shape, x, y):
    beta = np.ones(shape)
    for call in (
        lambda: log_odds(x, beta),
        lambda: predict_probability(x, beta),
        lambda: negative_log_likelihood(x, y, beta),
        lambda: gradient(x, y, beta),
        lambda: hessian(x, beta),
    ):
        with pytest.raises(ValueError, match="one coefficient for each column"):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (N,), (0, D), (N, 0), (N, D, 1)])
def test_other_than_examples_with_features_are_refused(shape, y):
    x = np.ones(shape)
    for call in (
        lambda: gradient(x, y, np.ones(D + 1)),
        lambda: hessian(x, np.ones(D + 1)),
        lambda: gradient_descent(x, y, 1),
        lambda: logistic_regression(x, y),
    ):
        with pytest.raises(ValueError, match="needs examples with features"):
            call()
    if len(shape) != 2:
        with pytest.raises(ValueError, match="log-odds need a matrix"):
            log_odds(x, np.ones(D + 1))


def test_no_example_is_refused(beta):
    none = np.zeros(0)
    with pytest.raises(ValueError, match="at least one example"):
        negative_log_likelihood(np.zeros((0, D)), none, beta)
    with pytest.raises(ValueError, match="at least one example"):
        roc_curve(none, none)
    with pytest.raises(ValueError, match="at least one example"):
        calibration(none, none)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, x, y, beta, array):
    x, y, beta = array(x.astype(dtype)), array(y), array(beta)
    p = x[:, 0]
    for call in (
        lambda: sigmoid(x),
        lambda: log_odds(x, beta),
        lambda: negative_log_likelihood(x, y, beta),
        lambda: gradient(x, y, beta),
        lambda: hessian(x, beta),
        lambda: gradient_descent(x, y, 1),
        lambda: logistic_regression(x, y),
        lambda: classify(p),
        lambda: roc_curve(y, p),
        lambda: calibration(y, p),
    ):
        with pytest.raises(ValueError, match=f"floating.* got {x.dtype}"):
            call()
    wrong = array(np.ones(D + 1, dtype))
    with pytest.raises(ValueError, match=f"floating.* got {wrong.dtype}"):
        log_odds(array(np.ones((N, D))), wrong)
