from inspect import signature

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC, LinearSVC

from reference.classification.kernels import linear, polynomial, rbf
from reference.classification.support_vector_machine import (
    Dual,
    Primal,
    _partner,
    decision_function,
    dual_objective,
    duality_gap,
    primal_objective,
    primal_subgradient,
    primal_weights,
    roles,
    smo,
    subgradient_descent,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D = 24, 3
PENALTY = 0.05
C = 1 / (PENALTY * N)


@pytest.fixture
def y(rng):
    return np.where(rng.random(N) < 0.4, 1, -1)


@pytest.fixture
def x(rng, y):
    """Return two classes that overlap, with means that are not 0."""
    return rng.normal(size=(N, D)) + 0.7 * y[:, None] + 0.5


@pytest.fixture
def w(rng):
    return rng.normal(size=D)


@pytest.fixture
def k(x):
    return rbf(x, x, 0.3)


@pytest.fixture
def bias():
    return np.asarray(-0.4)


@pytest.fixture
def alpha(rng, y):
    """Return weights that are allowed, but not the solution."""
    a = rng.uniform(0, C / 2, N)
    a[y > 0] *= a[y < 0].sum() / a[y > 0].sum()
    assert a.max() < C
    return a


# Four points, whose solutions the page finds by hand.
X4 = np.array([[3.0, 3.0], [5.0, 3.0], [1.0, 1.0], [1.0, -1.0]])
Y4 = np.array([1, 1, -1, -1])


def primal_of(array, *args):
    """Return the arguments with every NumPy array in the library's kind."""
    return [array(a) if isinstance(a, np.ndarray) else a for a in args]


def score(x, w, bias, n):
    return sum(w[d] * x[n, d] for d in range(D)) + bias


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, y, w, bias, array):
    r"""L(w, b) = \frac{1}{N} \sum_{n=1}^{N}
    \max\bigl(0,\, 1 - y_n f(x_n)\bigr)
    + \frac{\lambda}{2} \sum_{d=1}^{D} w_d^2"""
    loss = sum(max(0, 1 - y[n] * score(x, w, bias, n)) for n in range(N)) / N
    expected = loss + PENALTY / 2 * sum(w[d] ** 2 for d in range(D))
    args = primal_of(array, x, y, w, bias, PENALTY)
    assert_close(primal_objective(*args), np.asarray(expected))


def test_eq_2(x, y, w, bias, array):
    r"""\frac{\partial L}{\partial w_d} = \lambda w_d
    - \frac{1}{N} \sum_{n=1}^{N} [m_n < 1] \, y_n x_{nd}"""
    m = [y[n] * score(x, w, bias, n) for n in range(N)]
    expected = [
        PENALTY * w[d] - sum(y[n] * x[n, d] for n in range(N) if m[n] < 1) / N
        for d in range(D)
    ]
    args = primal_of(array, x, y, w, bias, PENALTY)
    assert_close(primal_subgradient(*args).w, expected)


def test_eq_3(x, y, w, bias, array):
    r"""\frac{\partial L}{\partial b}
    = -\frac{1}{N} \sum_{n=1}^{N} [m_n < 1] \, y_n"""
    m = [y[n] * score(x, w, bias, n) for n in range(N)]
    expected = -sum(y[n] for n in range(N) if m[n] < 1) / N
    args = primal_of(array, x, y, w, bias, PENALTY)
    assert_close(primal_subgradient(*args).bias, np.asarray(expected))


def test_eq_4(x, y, array):
    r"""(w, b) \leftarrow (w, b) - \frac{1}{\lambda t}
    \left( \frac{\partial L}{\partial w},\,
    \frac{\partial L}{\partial b} \right)"""

    def loss(w, b):
        return sum(
            max(0, 1 - y[n] * score(x, w, b, n)) for n in range(N)
        ) / N + PENALTY / 2 * sum(w[d] ** 2 for d in range(D))

    w, b, best = [0.0] * D, 0.0, (1.0, [0.0] * D, 0.0)
    for t in range(1, 21):
        short = [n for n in range(N) if y[n] * score(x, w, b, n) < 1]
        rate = 1 / (PENALTY * t)
        w = [
            w[d]
            - rate * (PENALTY * w[d] - sum(y[n] * x[n, d] for n in short) / N)
            for d in range(D)
        ]
        b = b + rate * sum(y[n] for n in short) / N
        best = min(best, (loss(w, b), w, b))
        if t in (1, 15, 20):  # the steps 1 and 15 lead away
            found = subgradient_descent(array(x), array(y), PENALTY, t)
            assert_close(found.w, best[1])
            assert_close(found.bias, np.asarray(best[2]))
    assert best[0] < 0.9


def test_eq_5(array):
    r"""C = \frac{1}{\lambda N}"""
    c = 1 / (0.7 * 5)
    alpha = np.array([0.0, c * 1e-9, c * (1 - 1e-9), c, 0.0])
    assert_close(roles(array(alpha), 0.7), np.array([0, 1, 1, 2, 0]))


def test_eq_6(x, y, alpha, array):
    r"""w_d = \sum_{n=1}^{N} \alpha_n y_n x_{nd}"""
    expected = [
        sum(alpha[n] * y[n] * x[n, d] for n in range(N)) for d in range(D)
    ]
    assert_close(primal_weights(array(x), array(y), array(alpha)), expected)


def test_eq_7(x, k, y, alpha, bias, rng, array):
    r"""f(x) = \sum_{n=1}^{N} \alpha_n y_n \, K(x, x_n) + b"""
    k = rbf(rng.normal(size=(5, D)), x, 0.3)
    expected = [
        sum(alpha[n] * y[n] * k[m, n] for n in range(N)) + bias
        for m in range(5)
    ]
    found = decision_function(*primal_of(array, k, y, alpha, bias))
    assert_close(found, expected)


def test_eq_8(k, y, alpha, array):
    r"""G(\alpha) = \lambda \left( \sum_{n=1}^{N} \alpha_n
    - \frac{1}{2} \sum_{n=1}^{N} \sum_{m=1}^{N}
    \alpha_n \alpha_m y_n y_m K_{nm} \right)"""
    expected = sum(alpha[n] for n in range(N))
    for n, m in np.ndindex(N, N):
        expected -= alpha[n] * alpha[m] * y[n] * y[m] * k[n, m] / 2
    found = dual_objective(*primal_of(array, k, y, alpha, PENALTY))
    assert_close(found, np.asarray(PENALTY * expected))


def test_eq_9(k, y, alpha, bias, array):
    r"""L - G = \frac{1}{N} \sum_{n=1}^{N} \left( \max(0,\, 1 - m_n)
    - \frac{\alpha_n}{C} (1 - m_n) \right)"""
    expected = 0.0
    for n in range(N):
        f = sum(alpha[m] * y[m] * k[n, m] for m in range(N)) + bias
        expected += max(0, 1 - y[n] * f) / N
        expected -= alpha[n] / C * (1 - y[n] * f) / N
    found = duality_gap(*primal_of(array, k, y, alpha, bias, PENALTY))
    assert_close(found, np.asarray(expected))


def best_pair(k, v, can_rise, can_fall):
    """Return i, the lowest v that can fall, and the partner of i."""
    i, lowest, j, most = None, np.inf, None, 0.0
    for n in range(len(v)):
        if can_rise[n] and (i is None or v[n] > v[i]):
            i = n
        if can_fall[n]:
            lowest = min(lowest, v[n])
    for n in range(len(v)):
        if can_fall[n] and v[n] < v[i]:
            bend = k[i, i] + k[n, n] - 2 * k[i, n]
            if (v[i] - v[n]) ** 2 / bend > most:
                j, most = n, (v[i] - v[n]) ** 2 / bend
    return i, lowest, j


def plain_smo(k, y, c, tolerance):
    """Return alpha, bias and the chosen pairs, one number at a time."""
    beta, v, pairs = [0.0] * len(y), [float(label) for label in y], []
    bottom = [0.0 if label > 0 else -c for label in y]
    top = [c if label > 0 else 0.0 for label in y]
    while True:
        can_rise = [b < t for b, t in zip(beta, top, strict=True)]
        can_fall = [b > t for b, t in zip(beta, bottom, strict=True)]
        i, lowest, j = best_pair(k, v, can_rise, can_fall)
        if v[i] - lowest <= tolerance:
            return [abs(b) for b in beta], (v[i] + lowest) / 2, pairs
        s = (v[i] - v[j]) / (k[i, i] + k[j, j] - 2 * k[i, j])
        s = min(s, top[i] - beta[i], beta[j] - bottom[j])
        beta[i] += s
        beta[j] -= s
        v = [v[m] - s * (k[i, m] - k[j, m]) for m in range(len(y))]
        pairs.append((i, j))


def test_eq_10(k, y, array):
    r"""i = \argmax_{n \,:\, \beta_n < B_n} \, v_n"""
    _, _, pairs = plain_smo(k, y, C, 1e-4)
    assert smo(array(k), array(y), PENALTY, 1e-4).pairs == len(pairs) > 15


def test_eq_11(rng, array):
    r"""j = \argmax_{n \,:\, \beta_n > A_n,\ v_n < v_i}
    \frac{(v_i - v_n)^2}{K_{ii} + K_{nn} - 2 K_{in}}"""
    for _ in range(20):
        gain, bend = rng.normal(size=7), rng.uniform(0.1, 2, 7)
        gain[0], gain[3] = 0.1, -np.inf
        j, most = None, 0.0
        for n in range(7):
            if gain[n] > 0 and gain[n] ** 2 / bend[n] > most:
                j, most = n, gain[n] ** 2 / bend[n]
        found, step = _partner(array(gain), array(bend))
        assert found == j
        assert_close(np.asarray(step), np.asarray(gain[j] / bend[j]))


@pytest.mark.parametrize("penalty", [0.5, 0.02])
def test_eq_12(k, y, array, penalty):
    r"""s = \min \left\{ \frac{v_i - v_j}{K_{ii} + K_{jj} - 2 K_{ij}},
    \; B_i - \beta_i, \; \beta_j - A_j \right\}"""
    alpha, _, _ = plain_smo(k, y, 1 / (penalty * N), 1e-8)
    assert_close(smo(array(k), array(y), penalty, 1e-8).alpha, alpha, 1e-6)


def test_eq_13(k, y, array):
    r"""b = \frac{1}{2} \left( \max_{n \,:\, \beta_n < B_n} v_n
    + \min_{n \,:\, \beta_n > A_n} v_n \right)"""
    _, b, _ = plain_smo(k, y, C, 0.1)
    assert_close(smo(array(k), array(y), PENALTY, 0.1).bias, np.asarray(b))


# The same as everybody else's: scikit-learn, whose dual is LIBSVM's.


def fit_sklearn(k, y, penalty):
    model = SVC(kernel="precomputed", C=1 / (penalty * len(y)), tol=1e-10)
    return model.fit(k, y)


@pytest.mark.parametrize("penalty", [1.0, 0.02])
@pytest.mark.parametrize("kind", ["linear", "polynomial", "rbf"])
def test_dual_is_that_of_sklearn(x, y, kind, penalty, array, rng):
    """Support set, weights, bias, scores, objective, gap."""
    kernel = {
        "linear": linear,
        "polynomial": lambda a, b: polynomial(a, b, 2, 1.0, 0.5),
        "rbf": lambda a, b: rbf(a, b, 0.3),
    }[kind]
    k, new = kernel(x, x), kernel(rng.normal(size=(9, D)), x)
    theirs = fit_sklearn(k, y, penalty)
    ours = smo(array(k), array(y), penalty, tolerance=1e-10)
    weights = np.zeros(N)
    weights[theirs.support_] = theirs.dual_coef_[0]
    assert np.array_equal(
        np.flatnonzero(to_numpy(ours.alpha) > 0), np.sort(theirs.support_)
    )
    assert_close(to_numpy(ours.alpha) * y, weights, 1e-5, 1e-5 / penalty / N)
    args = array(k), array(y), ours.alpha
    expected = np.abs(weights).sum() - weights @ k @ weights / 2
    dual = dual_objective(*args, penalty)
    assert_close(dual, np.asarray(penalty * expected), 1e-7)
    gap = to_numpy(duality_gap(*args, ours.bias, penalty))
    assert -1e-12 < gap < 1e-10
    assert gap / penalty < 1e-6  # in scikit-learn's units
    # No free support vector: any bias of an interval will do.
    if np.any(to_numpy(roles(ours.alpha, penalty)) == 1):
        found = decision_function(array(new), array(y), *ours[:2])
        assert_close(found, theirs.decision_function(new), 1e-4, 1e-5)
        assert_close(ours.bias, theirs.intercept_[0], 1e-4, 1e-5)
    full = np.isclose(np.abs(weights), 1 / penalty / N, rtol=1e-12)
    expected = (np.abs(weights) > 0).astype(int) + full
    assert_close(roles(ours.alpha, penalty), expected)


def test_linear_weights_are_those_of_sklearn(x, y, array):
    theirs = SVC(kernel="linear", C=C, tol=1e-9).fit(x, y)
    found = smo(array(linear(x, x)), array(y), PENALTY, 1e-9)
    w = primal_weights(array(x), array(y), found.alpha)
    assert_close(w, theirs.coef_[0], 1e-6)
    loss = primal_objective(array(x), array(y), w, found.bias, PENALTY)
    bound = dual_objective(array(linear(x, x)), array(y), found.alpha, PENALTY)
    assert_close(loss, to_numpy(bound), 1e-8)


def test_descent_comes_close_to_the_optimum_of_sklearn(x, y, array):
    penalty = 0.2
    theirs = SVC(kernel="linear", C=1 / (penalty * N), tol=1e-9).fit(x, y)
    least = primal_objective(
        x, y, theirs.coef_[0], np.asarray(theirs.intercept_[0]), penalty
    )
    found = subgradient_descent(array(x), array(y), penalty, 60)
    loss = primal_objective(array(x), array(y), *found, penalty)
    assert_close(loss, least, 1e-2)
    slopes = primal_subgradient(array(x), array(y), *found, penalty)
    assert max(np.abs(to_numpy(slopes.w))) < 1


def test_steps_by_default():
    for function, steps in ((subgradient_descent, 1000), (smo, 100_000)):
        assert signature(function).parameters["steps"].default == steps


def test_linear_svc_penalizes_the_intercept_and_is_no_better(x, y):
    theirs = LinearSVC(loss="hinge", C=C, tol=1e-6, max_iter=10**6)
    theirs.set_params(random_state=0).fit(x, y)
    w, b = theirs.coef_[0], np.asarray(theirs.intercept_[0])
    found = smo(linear(x, x), y, PENALTY)
    least = dual_objective(linear(x, x), y, found.alpha, PENALTY)
    assert primal_objective(x, y, w, b, PENALTY) > least + 1e-2
    # A column of tens for the intercept makes its penalty 100 times smaller.
    theirs.set_params(intercept_scaling=10).fit(x, y)
    w, b = theirs.coef_[0], np.asarray(theirs.intercept_[0])
    assert_close(primal_objective(x, y, w, b, PENALTY), least, 1e-5)


# The gradient, by autograd and finite differences, away from the kinks.


def test_subgradient(x, y, w):
    def forward(x, w, bias):
        return primal_objective(x, labels(x), w, bias, PENALTY)

    def backward(dy, x, w, bias):
        slopes = primal_subgradient(x, labels(x), w, bias, PENALTY)
        return dy * slopes.w, dy * slopes.bias

    def labels(x):
        return x.new_tensor(y)

    inputs = torch.asarray(x)
    assert_gradient(
        lambda w, b: forward(inputs, w, b),
        lambda dy, w, b: backward(dy, inputs, w, b),
        w,
        0.3,
    )


def test_the_kink_counts_as_flat(array):
    w, b = array(np.array([0.5, 0.5])), array(np.asarray(-2.0))
    slopes = primal_subgradient(array(X4), array(Y4), w, b, 0.5)
    assert isinstance(slopes, Primal)
    assert_close(slopes.w, np.array([0.25, 0.25]))
    assert_close(slopes.bias, np.asarray(0.0))


# What the page promises, and what is refused.


@pytest.mark.parametrize(
    ("penalty", "weight", "w", "b", "role"),
    [
        (0.5, 0.25, 0.5, -2.0, 1),
        (1.0, 0.25, 0.5, -2.0, 2),
        (2.0, 0.125, 0.25, -1.0, 2),
    ],
)
def test_four_points_by_hand(penalty, weight, w, b, role, array):
    k = linear(X4, X4)
    found = smo(array(k), array(Y4), penalty)
    assert isinstance(found, Dual)
    assert found.pairs == 1
    assert_close(found.alpha, weight * np.array([1.0, 0, 1, 0]))
    assert_close(found.bias, np.asarray(b))
    assert_close(roles(found.alpha, penalty), role * np.array([1, 0, 1, 0]))
    weights = primal_weights(array(X4), array(Y4), found.alpha)
    assert_close(weights, np.array([w, w]))


@settings(max_examples=12)
@example(53683, 0.1, 0.1)  # reaches C but for rounding
@example(366, 10.0, 1e-4)  # reaches 0 but for rounding
@example(18590, 10.0, 1e-4)  # the best step ends there but for rounding
@given(
    st.integers(0, 10**6),
    st.sampled_from([1e-2, 1e-1, 10.0]),
    st.sampled_from([1e-1, 1e-4]),
)
def test_the_gap_is_at_most_half_the_tolerance(seed, penalty, tolerance):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(11, 2)).round(1)
    x[1] = x[0]  # twins, of different labels
    y = np.where(rng.random(11) < 0.5, 1, -1)
    y[:2] = (1, -1)
    for k in (linear(x, x), rbf(x, x, 1.0)):
        found = smo(k, y, penalty, tolerance)
        gap = duality_gap(k, y, found.alpha, found.bias, penalty)
        assert -1e-12 <= gap <= tolerance / 2 + 1e-12
        assert abs(found.alpha @ y) <= 1e-9 * found.alpha.sum()
        assert found.alpha.min() >= 0
        assert found.alpha.max() <= 1 / (penalty * 11)
        f = decision_function(k, y, found.alpha, found.bias)
        kind = roles(found.alpha, penalty)
        inside = found.alpha * (penalty * 11)
        edge = (inside < 1e-12) | (inside > 1 - 1e-12)
        assert not np.any((kind == 1) & edge)
        slack = tolerance / 2 + 1e-12
        assert np.all(y[kind == 0] * f[kind == 0] >= 1 - slack)
        assert np.all(np.abs(y * f - 1)[kind == 1] <= slack)
        assert np.all(y[kind == 2] * f[kind == 2] <= 1 + slack)


def test_the_gap_is_the_difference_of_the_objectives(x, y, alpha, bias):
    """For any allowed weights; and no loss is below the dual objective."""
    k = linear(x, x)
    w = primal_weights(x, y, alpha)
    loss = primal_objective(x, y, w, bias, PENALTY)
    bound = dual_objective(k, y, alpha, PENALTY)
    assert_close(duality_gap(k, y, alpha, bias, PENALTY), loss - bound)
    least = primal_objective(
        x, y, *subgradient_descent(x, y, PENALTY, 50), PENALTY
    )
    assert bound < least


def test_the_default_tolerance_is_a_millionth(k, y):
    usual = smo(k, y, PENALTY)
    assert usual.pairs == smo(k, y, PENALTY, 1e-6).pairs
    assert usual.pairs > smo(k, y, PENALTY, 1e-3).pairs
    assert duality_gap(k, y, *usual[:2], PENALTY) <= 5e-7


def test_twins_of_different_labels_get_all_the_weight(array):
    k = np.ones((2, 2))
    found = smo(array(k), array(np.array([1, -1])), 0.25)
    assert_close(found.alpha, np.array([2.0, 2.0]))
    assert_close(found.bias, np.asarray(0.0))
    zero = smo(array(np.zeros((2, 2))), array(np.array([1, -1])), 0.25)
    assert_close(zero.alpha, np.array([2.0, 2.0]))


@pytest.mark.parametrize("scale", [1e-150, 1e-20, 1e20, 1e150])
def test_huge_and_tiny_kernels(scale):
    """Scaled kernels and a scaled penalty: scaled weights, same scores."""
    k = linear(X4, X4)
    found = smo(k * scale, Y4, 0.5 * scale)
    assert_close(found.alpha * scale, np.array([0.25, 0, 0.25, 0]))
    assert_close(found.bias, np.asarray(-2.0))


@pytest.mark.parametrize("seed", [1619, 3382, 1432, 1575])
def test_a_weight_at_its_bound_is_exactly_c(seed):
    """Here the last step is rounded, and a sum would fall short of C."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(11, 1))
    y = np.where(rng.random(11) < 0.5, 1, -1)
    y[:2] = (1, -1)
    alpha = smo(np.exp(-((x - x.T) ** 2)), y, 0.1, 0.1).alpha
    c = 1 / (0.1 * 11)
    assert np.array_equal(alpha > 0.999 * c, alpha == c)
    assert np.array_equal(roles(alpha, 0.1) == 2, alpha == c)


def test_a_large_common_part_costs_no_digits(x, y):
    """Features far from 0; whole numbers, whose products are exact."""
    x = np.round(8 * x)
    near, far = linear(x, x), linear(x + 3e6, x + 3e6)
    usual, found = (smo(k, y, 0.05) for k in (near, far))
    assert_close(found.alpha, usual.alpha, 1e-5, 1e-6)
    w = primal_weights(x, y, usual.alpha)
    assert_close(found.bias, usual.bias - 3e6 * w.sum(), 1e-6)


@pytest.mark.parametrize("p", [PENALTY, np.float64(PENALTY)])
def test_float32(x, k, y, w, bias, alpha, p):
    """Also when the penalty is a scalar of NumPy in float64."""
    for function in (primal_objective, primal_subgradient):
        assert_float32(lambda *a, f=function: f(*a, p), x, y, w, bias)
    assert_float32(lambda x: subgradient_descent(x, y, p, 30), x)
    assert_float32(lambda *a: dual_objective(*a, p), k, y, alpha)
    assert_float32(lambda *a: duality_gap(*a, p), k, y, alpha, bias)
    assert_float32(lambda k: smo(k, y, p)[:2], k, rtol=2e-3)
    assert_float32(decision_function, k, y, alpha, bias)
    assert_float32(primal_weights, x, y, alpha)
    found = smo(np.float32(k), y, PENALTY)
    assert np.array_equal(
        roles(found.alpha, PENALTY), roles(smo(k, y, PENALTY).alpha, PENALTY)
    )
    gap = duality_gap(np.float32(k), y, found.alpha, found.bias, PENALTY)
    assert abs(gap) < 1e-5


def test_float32_is_computed_in_float64(k, y, array):
    single = np.float32(k)
    wide = smo(array(np.float64(single)), array(y), PENALTY, 1e-9)
    found = smo(array(single), array(y), PENALTY, 1e-9)
    assert_close(found.alpha, np.float32(to_numpy(wide.alpha)), 0, 0)
    assert found.pairs == wide.pairs


def test_a_float64_tolerance_keeps_float32(k, y):
    found = smo(np.float32(k), y, PENALTY, np.float64(1e-3))
    assert found.alpha.dtype == found.bias.dtype == np.float32


BAD = [0, 0.0, -1.0, np.inf, np.nan, True, 1e-320]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("penalty", BAD)
def test_other_than_a_positive_penalty_is_refused(x, k, y, w, bias, penalty):
    alpha = np.zeros(N)
    calls = [
        lambda: smo(k, y, penalty),
        lambda: roles(alpha, penalty),
        lambda: dual_objective(k, y, alpha, penalty),
        lambda: duality_gap(k, y, alpha, bias, penalty),
    ]
    if penalty != 1e-320:  # of which 1 / penalty is no float
        calls += [
            lambda: primal_objective(x, y, w, bias, penalty),
            lambda: primal_subgradient(x, y, w, bias, penalty),
            lambda: subgradient_descent(x, y, penalty),
        ]
    for call in calls:
        with pytest.raises(ValueError, match="penalty"):
            call()


@pytest.mark.parametrize("penalty", [1e-45, 1e40])
def test_a_penalty_whose_c_is_no_float32_is_refused(k, y, penalty):
    with pytest.raises(ValueError, match="to be a number of float32"):
        smo(np.float32(k), y, penalty)


def test_a_penalty_whose_c_is_no_float_is_refused():
    with pytest.raises(ValueError, match="to be a number of float64"):
        roles(np.zeros(4), 1e308)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("tolerance", [0.0, -1e-3, np.inf, np.nan, True])
def test_other_than_a_positive_tolerance_is_refused(k, y, tolerance):
    with pytest.raises(ValueError, match="finite tolerance > 0, got"):
        smo(k, y, PENALTY, tolerance)


@pytest.mark.parametrize("steps", [0, -1, True])
@pytest.mark.usefixtures("unchecked")
def test_no_steps_are_refused(x, k, y, steps):
    with pytest.raises(ValueError, match="at least 1 step, got"):
        smo(k, y, PENALTY, steps=steps)
    with pytest.raises(ValueError, match="at least 1 step, got"):
        subgradient_descent(x, y, PENALTY, steps)


def test_steps_that_do_not_suffice_are_refused(k, y):
    pairs = smo(k, y, PENALTY).pairs
    assert smo(k, y, PENALTY, steps=pairs).pairs == pairs
    with pytest.raises(ValueError, match="more pairs, got"):
        smo(k, y, PENALTY, steps=pairs - 1)


@pytest.mark.parametrize("label", [1, -1])
def test_a_single_class_is_refused(k, label, array):
    with pytest.raises(ValueError, match=r"needs labels -1 and \+1, got"):
        smo(array(k), array(np.full(N, label)), PENALTY)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("wrong", [0, 2, "bool", "short", "long", "matrix"])
def test_other_labels_are_refused(x, k, y, w, bias, alpha, wrong):
    if wrong == "bool":
        y = y > 0
    elif wrong == "matrix":
        y = y[:, None]
    elif wrong in ("short", "long"):
        y = y[:1] if wrong == "short" else np.append(y, 1)
    else:
        y[3] = wrong
    for call in (
        lambda: smo(k, y, PENALTY),
        lambda: decision_function(k, y, alpha, bias),
        lambda: primal_weights(x, y, alpha),
        lambda: dual_objective(k, y, alpha, PENALTY),
        lambda: duality_gap(k, y, alpha, bias, PENALTY),
        lambda: primal_objective(x, y, w, bias, PENALTY),
        lambda: primal_subgradient(x, y, w, bias, PENALTY),
        lambda: subgradient_descent(x, y, PENALTY),
    ):
        with pytest.raises(ValueError, match="label"):
            call()


def test_other_than_a_gram_matrix_is_refused(k, y, array):
    message = "needs a symmetric and positive semi-definite Gram matrix"
    lopsided = k.copy()
    lopsided[0, 1] += 1e-11
    # cholesky reads only one triangle
    lower = k.copy()
    lower[1, 0] += 1e-11
    for bad in (lopsided, lower, -k, k - 0.5 * np.eye(N)):
        with pytest.raises(ValueError, match=message):
            smo(array(bad), array(y), PENALTY)


@pytest.mark.parametrize(("dtype", "error"), [("f8", 5e-14), ("f4", 2e-5)])
def test_rounding_may_make_a_gram_matrix_asymmetric(k, y, dtype, error):
    rounded = k.astype(dtype)
    rounded[0, 1] += error
    alpha = smo(rounded, y, PENALTY).alpha
    assert_close(alpha, smo(k, y, PENALTY).alpha, 1e-2, 1e-3)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N, N - 1), (N,), (), (0, 0), (2, N, N)])
def test_a_gram_matrix_of_another_shape_is_refused(y, alpha, shape):
    with pytest.raises(ValueError, match="value for each pair of examples"):
        smo(np.ones(shape), y, PENALTY)
    with pytest.raises(ValueError, match=rf"Gram matrix of \({N}, {N}\)"):
        dual_objective(np.ones(shape), y, alpha, PENALTY)
    with pytest.raises(ValueError, match=rf"Gram matrix of \({N}, {N}\)"):
        duality_gap(np.ones(shape), y, alpha, np.asarray(0.0), PENALTY)


@pytest.mark.usefixtures("unchecked")
def test_other_shapes_are_refused(x, k, y, w, alpha, bias):
    for bad_x, bad_w in (
        (x, w[:1]),
        (x, w[:, None]),
        (x[:, 0], w),
        (x[:, :0], w[:0]),
        (x[:0], w),
    ):
        for function in (primal_objective, primal_subgradient):
            with pytest.raises(ValueError, match="one weight for each"):
                function(bad_x, y[: len(bad_x)], bad_w, bias, PENALTY)
    for bad_x in (x[:0], x[:, :0], x[None], x[:, 0]):
        with pytest.raises(ValueError, match="examples with features"):
            subgradient_descent(bad_x, y[: len(bad_x)], PENALTY)
    for function in (primal_objective, primal_subgradient):
        with pytest.raises(ValueError, match="one bias, got shape"):
            function(x, y, w, np.zeros(N), PENALTY)
    with pytest.raises(ValueError, match="one intercept"):
        decision_function(k, y, alpha, np.zeros(N))
    with pytest.raises(ValueError, match="each column"):
        decision_function(k[0], y, alpha, bias)
    for bad in (x[:1], x[:, 0], x.T):
        with pytest.raises(ValueError, match="one weight for each example"):
            primal_weights(bad, y, alpha)
    for bad in (alpha[None], alpha[:0], alpha[0]):
        with pytest.raises(ValueError, match="a weight for each example"):
            roles(bad, PENALTY)


def test_weights_that_are_not_allowed_are_refused(k, y, alpha, bias, array):
    negative, uneven = alpha / 3, alpha.copy()
    i, j = np.flatnonzero(y > 0)[:2]
    negative[i] += negative[j] + 0.01 * C  # the sums stay equal
    negative[j] = -0.01 * C
    assert negative.max() < C
    uneven[0] *= 1.001
    for bad in (negative, uneven, 40 * alpha):
        args = primal_of(array, k, y, bad)
        with pytest.raises(ValueError, match="needs weights from 0 to C = "):
            dual_objective(*args, PENALTY)
        with pytest.raises(ValueError, match="needs weights from 0 to C = "):
            duality_gap(*args, array(bias), PENALTY)


def test_weights_may_be_above_c_by_rounding():
    k, alpha = np.eye(4), np.full(4, 0.5 * (1 + 1e-14))
    assert_close(dual_objective(k, Y4, alpha, 0.5), np.asarray(0.75))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [np.nan, np.inf, "int", "complex"])
def test_other_than_finite_real_numbers_are_refused(
    x, k, y, w, bias, alpha, bad
):
    def spoil(a):
        if bad in ("int", "complex"):
            return a.astype(bad)
        a = a.copy()
        a[..., 1] = bad
        return a

    message = "finite|inf or NaN|real floating-point"
    for call in (
        lambda: smo(spoil(k), y, PENALTY),
        lambda: dual_objective(spoil(k), y, alpha, PENALTY),
        lambda: duality_gap(spoil(k), y, alpha, bias, PENALTY),
        lambda: decision_function(k, y, spoil(alpha), bias),
        lambda: primal_weights(spoil(x), y, alpha),
        lambda: primal_weights(x, y, spoil(alpha)),
        lambda: roles(spoil(alpha), PENALTY),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    if bad in ("int", "complex"):
        return
    with pytest.raises(ValueError, match=message):
        decision_function(spoil(k), y, alpha, bias)
    for function in (primal_objective, primal_subgradient):
        for args in ((spoil(x), y, w), (x, y, spoil(w))):
            with (
                np.errstate(all="ignore"),
                pytest.raises(ValueError, match=message),
            ):
                function(*args, bias, PENALTY)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        subgradient_descent(spoil(x), y, PENALTY)
