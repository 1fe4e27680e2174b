from inspect import signature

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso
from sklearn.linear_model import lasso_path as sklearn_path

from reference.generalization import lasso as module
from reference.generalization.lasso import (
    ista,
    largest_penalty,
    lasso,
    lasso_loss,
    lasso_path,
    soft_threshold,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, D, PENALTY = 12, 4, 0.4


@pytest.fixture
def x(rng):
    """Return correlated features of different means and units."""
    mixed = rng.normal(size=(N, D)) + 0.5 * rng.normal(size=(N, 1))
    return mixed * [1.0, 0.1, 20.0, 3.0] + [5.0, 0.0, -3.0, 1.0]


@pytest.fixture
def y(rng, x):
    """Return targets of mean 7 that lasso gives two of the features."""
    z, _, _ = standardized(x)
    return 7 + z @ [2.0, -1.5, 0.1, 0.0] + 0.1 * rng.normal(size=N)


def standardized(x):
    """Return the standardized features, with NumPy, and mean and scale."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    return (x - mean) / scale, mean, scale


def moments(x, y):
    """Return C and c, one sum at a time."""
    z, _, _ = standardized(x)
    n, d = z.shape
    gram = np.zeros((d, d))
    for j, k in np.ndindex(d, d):
        gram[j, k] = sum(z[i, j] * z[i, k] for i in range(n)) / n
    c = [
        sum(z[i, j] * (y[i] - y.mean()) for i in range(n)) / n for j in range(d)
    ]
    return gram, np.array(c)


def shrunk(z, t):
    """Return the soft threshold of one number."""
    return z - t if z > t else z + t if z < -t else 0.0


def certificate(x, y, penalty, beta):
    """Return by how much the KKT conditions fail at worst."""
    scale = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(scale > 0, scale, 1)
    b = beta * scale
    g = -z.T @ (y - y.mean() - z @ b) / len(y)
    at_zero = np.maximum(np.abs(g) - penalty, 0)
    return np.max(np.where(b == 0, at_zero, np.abs(g + penalty * np.sign(b))))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, y, rng, array):
    r"""J(\beta_0, \beta) = \frac{1}{2N} \sum_{n=1}^{N} \Bigl( y_n - \beta_0
    - \sum_{d=1}^{D} x_{nd} \beta_d \Bigr)^2
    + \lambda \sum_{d=1}^{D} k_d \lvert \beta_d \rvert"""
    beta = rng.normal(size=D)
    _, _, s = standardized(x)
    expected = PENALTY * sum(s[d] * abs(beta[d]) for d in range(D))
    for n in range(N):
        e = y[n] - 0.3 - sum(x[n, d] * beta[d] for d in range(D))
        expected += e**2 / (2 * N)
    beta_0 = array(np.asarray(0.3))
    loss = lasso_loss(array(x), array(y), beta_0, array(beta), PENALTY)
    assert_close(loss, np.asarray(expected))


def test_eq_2(rng, array):
    r"""S(z, t) = \operatorname{sign}(z) \, \max(\lvert z \rvert - t, 0)"""
    z = np.concatenate((rng.normal(size=20), [0.0, 0.7, -0.7]))
    expected = [(1 if v > 0 else -1) * max(abs(v) - 0.7, 0) for v in z.tolist()]
    assert_close(soft_threshold(array(z), 0.7), expected)


def test_eq_3(x, y, rng, array):
    r"""g_d = \sum_{j=1}^{D} C_{dj} \, b_j - c_d"""
    b = rng.normal(size=D)
    gram, c = moments(x, y)
    expected = [
        sum(gram[d, k] * b[k] for k in range(D)) - c[d] for d in range(D)
    ]
    known = module._moments(array(x), array(y))
    assert_close(module._slopes(known, array(b)), expected)


def test_eq_4(x, y, array, monkeypatch):
    r"""b_d \leftarrow S(b_d - g_d, \, \lambda)"""
    gram, c = moments(x, y)
    b = np.zeros(D)
    for _ in range(300):
        for d in range(D):
            g = sum(gram[d, k] * b[k] for k in range(D)) - c[d]
            b[d] = shrunk(b[d] - g, PENALTY)
    monkeypatch.setattr(module, "_settle", lambda *arguments: arguments[-1])
    _, beta = lasso(array(x), array(y), PENALTY)
    assert_close(to_numpy(beta) * x.std(axis=0), b)


def test_eq_5(x, y, array):
    r"""b_A = C_{AA}^{-1} \, \bigl( c_A
    - \lambda \operatorname{sign}(b_A) \bigr)"""
    gram, c = moments(x, y)
    signs = np.array([1.0, -1.0])
    p, q, r = gram[0, 0], gram[0, 1], gram[1, 1]
    right = [c[a] - PENALTY * signs[a] for a in range(2)]
    expected = np.zeros(D)
    expected[0] = (r * right[0] - q * right[1]) / (p * r - q * q)
    expected[1] = (p * right[1] - q * right[0]) / (p * r - q * q)
    known = module._moments(array(x), array(y))
    start = array(np.array([0.5, -0.5, 0.0, 0.0]))
    assert_close(module._settle(known, PENALTY, start), expected)


def test_eq_6(array):
    r"""v_d = \begin{cases}
    \max(\lvert g_d \rvert - \lambda, 0) & b_d = 0 \\
    \lvert g_d + \lambda \operatorname{sign}(b_d) \rvert & b_d \ne 0
    \end{cases}"""
    g = np.array([0.3, -0.3, 0.9, -0.9, -0.4, 0.4, 0.4, -0.5])
    b = np.array([0.0, 0.0, 0.0, 0.0, 2.0, 2.0, -2.0, 1e-300])
    expected = []
    for d in range(8):
        if b[d] == 0:
            expected.append(max(abs(g[d]) - PENALTY, 0))
        else:
            expected.append(abs(g[d] + (PENALTY if b[d] > 0 else -PENALTY)))
    assert_close(module._violations(array(g), array(b), PENALTY), expected)


def test_eq_7(x, y, array):
    r"""\lambda_{\max} = \max_{d} \, \lvert c_d \rvert"""
    _, c = moments(x, y)
    expected = np.asarray(max(abs(c[d]) for d in range(D)))
    assert_close(largest_penalty(array(x), array(y)), expected)
    assert_close(largest_penalty(array(x), array(-y)), expected)


@pytest.mark.parametrize("steps", [1, 3])
def test_eq_8(x, y, steps, array):
    r"""b_d \leftarrow S\Bigl( b_d - \frac{g_d}{\ell}, \,
    \frac{\lambda}{\ell} \Bigr)"""
    gram, c = moments(x, y)
    ell = np.linalg.norm(gram, 2)
    b = np.zeros(D)
    for _ in range(steps):
        g = [sum(gram[d, k] * b[k] for k in range(D)) - c[d] for d in range(D)]
        for d in range(D):
            b[d] = shrunk(b[d] - g[d] / ell, PENALTY / ell)
    _, beta = ista(array(x), array(y), PENALTY, steps)
    assert_close(to_numpy(beta) * x.std(axis=0), b)


def test_eq_9(x, y, array):
    r"""\beta_0 = \bar{y} - \sum_{d=1}^{D} m_d \beta_d"""
    for function in (lasso, lambda *args: ista(*args, steps=5)):
        intercept, beta = function(array(x), array(y), PENALTY)
        beta = to_numpy(beta)
        expected = sum(y[n] for n in range(N)) / N
        for d in range(D):
            expected -= sum(x[n, d] for n in range(N)) / N * beta[d]
        assert_close(intercept, np.asarray(expected))


# The same as everybody else's: scikit-learn, PyTorch, closed forms.


def of_sklearn(x, y, penalty):
    """Return scikit-learn's intercept and coefficients, in the units of x."""
    z, mean, scale = standardized(x)
    model = Lasso(alpha=penalty, tol=1e-14, max_iter=10**6).fit(z, y)
    beta = model.coef_ / scale
    return model.intercept_ - mean @ beta, beta


@pytest.mark.parametrize("penalty", [0.01, 0.1, 0.4, 1.0])
def test_lasso_of_sklearn(x, y, penalty, array):
    intercept, beta = lasso(array(x), array(y), penalty)
    expected = of_sklearn(x, y, penalty)
    assert_close(intercept, np.asarray(expected[0]), rtol=1e-8)
    assert_close(beta, expected[1], rtol=1e-8)
    assert ((to_numpy(beta) == 0) == (expected[1] == 0)).all()


@pytest.mark.parametrize("penalty", [20.0, 3.0, 0.5])
def test_zeros_of_sklearn_on_real_data(penalty):
    x, y = load_diabetes(return_X_y=True)
    _, beta = lasso(x, y, penalty)
    expected = of_sklearn(x, y, penalty)[1]
    assert_close(beta, expected, rtol=1e-7, atol=1e-7)
    assert ((beta == 0) == (expected == 0)).all()
    assert 0 < np.sum(beta == 0) < 10


def test_more_features_than_examples(rng, array):
    x = rng.normal(size=(10, 30))
    y = x[:, :3] @ np.ones(3) + 0.1 * rng.normal(size=10)
    for penalty in (0.5, 0.05):
        _, beta = lasso(array(x), array(y), penalty)
        expected = of_sklearn(x, y, penalty)[1]
        assert_close(beta, expected, rtol=1e-7, atol=1e-9)
        assert certificate(x, y, penalty, to_numpy(beta)) < 1e-10
        assert 0 < np.sum(expected != 0) <= 9


def test_path_of_sklearn(x, y, array):
    z, mean, scale = standardized(x)
    penalties, expected, _ = sklearn_path(
        z, y - y.mean(), alphas=8, eps=1e-3, tol=1e-14, max_iter=10**6
    )
    intercepts, betas = lasso_path(array(x), array(y), penalties)
    assert_close(betas, expected.T / scale, rtol=1e-7, atol=1e-10)
    assert_close(intercepts, y.mean() - (expected.T / scale) @ mean, rtol=1e-7)
    assert_close(largest_penalty(array(x), array(y)), penalties[0])


def test_softshrink_of_torch(rng, array):
    z = rng.normal(size=(5, 6))
    expected = torch.nn.functional.softshrink(torch.asarray(z), 0.3)
    assert_close(soft_threshold(array(z), 0.3), expected)


def test_orthonormal_features_are_thresholded_one_by_one(rng, array):
    q, _ = np.linalg.qr(
        np.concatenate((np.ones((9, 1)), rng.normal(size=(9, 5))), 1)
    )
    x, y = 3 * q[:, 1:], 10 * rng.normal(size=9)
    least_squares = x.T @ y / 9
    expected = [shrunk(v, 1.0) for v in least_squares]
    assert 0 in expected
    assert_close(lasso(array(x), array(y), 1.0).beta, expected)
    assert_close(ista(array(x), array(y), 1.0, steps=1).beta, expected)


def test_ista_arrives_at_the_same_coefficients(x, y, array):
    expected = of_sklearn(x, y, PENALTY)
    intercept, beta = ista(array(x), array(y), PENALTY, steps=400)
    assert_close(beta, expected[1])
    assert_close(intercept, np.asarray(expected[0]))
    assert 0 in expected[1]
    assert ((to_numpy(beta) == 0) == (expected[1] == 0)).all()


def test_the_loss_is_smallest_at_the_coefficients_of_sklearn(x, y, array, rng):
    intercept, beta = of_sklearn(x, y, PENALTY)

    def loss(intercept, beta):
        intercept = array(np.asarray(intercept))
        return float(
            lasso_loss(array(x), array(y), intercept, array(beta), PENALTY)
        )

    _, _, scale = standardized(x)
    rss = np.sum((y - intercept - x @ beta) ** 2)
    expected = rss / (2 * N) + PENALTY * np.abs(scale * beta).sum()
    assert_close(np.asarray(loss(intercept, beta)), np.asarray(expected))
    for _ in range(20):
        away = 0.01 * rng.normal(size=D + 1)
        assert loss(intercept + away[0], beta + away[1:] / scale) > expected


# Gradients: autograd runs through the solution.


def test_gradient_of_soft_threshold(rng):
    z = rng.normal(size=12)
    assert_gradient(
        lambda z: soft_threshold(z, 0.5),
        lambda dy, z: dy * (torch.abs(z) > 0.5),
        z,
    )


def test_gradient_of_the_loss(x, y):
    """It is minus the residuals for the fit, and signs for the penalty."""
    xt, yt = torch.asarray(x), torch.asarray(y)
    scale = torch.asarray(x.std(axis=0))

    def backward(dy, intercept, beta):
        e = (yt - intercept - xt @ beta) / N
        slope = -xt.T @ e + PENALTY * scale * torch.sign(beta)
        return -dy * torch.sum(e), dy * slope

    assert_gradient(
        lambda b0, b: lasso_loss(xt, yt, b0, b, PENALTY),
        backward,
        np.asarray(0.5),
        np.array([0.3, -2.0, 0.01, 1.0]),
    )


@pytest.mark.parametrize(
    "solve", [lasso, lambda *args: ista(*args, steps=500)], ids=["cd", "ista"]
)
def test_autograd_runs_through_the_solution(x, y, solve):
    """The zeros stay; the others move as those of least squares on them."""
    z, _, scale = standardized(x)
    active = lasso(x, y, PENALTY).beta != 0
    assert active.sum() == 2
    expected = np.zeros((D, N))
    expected[active] = np.linalg.pinv(z[:, active]) / scale[active][:, None]
    expected -= expected.mean(axis=1, keepdims=True)
    leaf = torch.asarray(y).requires_grad_()
    for d in range(D):
        beta = solve(torch.asarray(x), leaf, PENALTY).beta
        [dy] = torch.autograd.grad(beta[d], leaf)
        assert_close(dy, expected[d], atol=1e-10)


def test_autograd_with_respect_to_the_features(x, y):
    xt, yt = torch.asarray(x).requires_grad_(), torch.asarray(y)
    assert torch.autograd.gradcheck(
        lambda x: lasso(x, yt, PENALTY), [xt], eps=1e-6, atol=1e-5
    )


# What the page promises, and what is refused.

whole_numbers = st.integers(-5, 5).map(float)


@st.composite
def problems(draw):
    """Return features of any rank, also constant or equal ones."""
    n, d = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    x = draw(arrays(np.float64, (n, d), elements=whole_numbers))
    y = draw(arrays(np.float64, n, elements=whole_numbers))
    return x, y, draw(st.sampled_from([1e-4, 0.1, 0.5, 2.0]))


@given(problems())
def test_the_kkt_conditions_hold(problem):
    x, y, penalty = problem
    _, beta = lasso(x, y, penalty)
    assert certificate(x, y, penalty, beta) < 1e-10
    assert (beta[np.ptp(x, axis=0) == 0] == 0).all()


@pytest.mark.parametrize("share", [0.9, 0.1, 1e-3, 1e-6])
@pytest.mark.parametrize("shape", [(40, 5), (12, 40), (300, 12)])
def test_the_kkt_conditions_hold_for_correlated_features(shape, share, rng):
    """Also for powers of one quantity, which are nearly dependent."""
    x = rng.normal(size=shape) + 3 * rng.normal(size=shape[:1])[:, None]
    if shape[0] == 300:
        x = np.linspace(0, 1, 300)[:, None] ** np.arange(1, 13)
    y = x[:, 0] + rng.normal(size=shape[0])
    penalty = share * largest_penalty(x, y)
    _, beta = lasso(x, y, penalty)
    assert certificate(x, y, penalty, beta) < 1e-10
    assert 0 < np.sum(beta != 0) <= min(shape[0] - 1, shape[1])


def test_the_path_is_that_of_single_fits_in_any_order(x, y, array):
    penalties = [2.0, 0.01, 0.3, 0.1]
    intercepts, betas = lasso_path(array(x), array(y), penalties)
    assert tuple(intercepts.shape) == (4,)
    for j, penalty in enumerate(penalties):
        intercept, beta = lasso(array(x), array(y), penalty)
        assert_close(betas[j, :], beta, atol=1e-11)
        assert_close(intercepts[j], intercept)


def test_the_path_starts_each_fit_from_the_one_before(x, y, monkeypatch):
    """The same penalty once more costs no sweep."""
    sweeps = []

    def counted(*arguments):
        sweeps.append(arguments)
        return settle(*arguments)

    settle = module._settle
    monkeypatch.setattr(module, "_settle", counted)
    lasso_path(x, y, [0.01])
    once = len(sweeps)
    lasso_path(x, y, [0.01, 0.01])
    assert len(sweeps) == 2 * once > 0


def test_the_largest_penalty_is_where_the_last_one_becomes_zero(x, y, array):
    largest = float(largest_penalty(array(x), array(y)))
    assert not np.any(to_numpy(lasso(array(x), array(y), largest).beta))
    just_below = lasso(array(x), array(y), 0.999 * largest).beta
    assert np.sum(to_numpy(just_below) != 0) == 1


def test_neither_zero_nor_unit_of_x_or_y_matters(x, y):
    """In particular the intercept is not penalized."""
    intercept, beta = lasso(x, y, PENALTY)
    moved = lasso(x * [1000, 1, 1, 0.01] + 100, y, PENALTY)
    assert_close(moved.beta * [1000, 1, 1, 0.01], beta, rtol=1e-7)
    higher = lasso(x, 1000 + 10 * y, 10 * PENALTY)
    assert_close(higher.beta, 10 * beta, rtol=1e-7)
    assert_close(higher.intercept, 1000 + 10 * intercept)
    all_zero = lasso(x, y, 10.0)
    assert_close(all_zero.intercept, np.mean(y))


def test_the_first_of_twins_gets_all(x, y):
    twins = x[:, [0, 0, 1, 1]]
    _, alone = lasso(x[:, :2], y, PENALTY)
    assert_close(lasso(twins, y, PENALTY).beta[::2], alone)
    assert not lasso(twins, y, PENALTY).beta[1::2].any()


def test_the_zeros_are_positive(x, y):
    """A minus before a zero would be shown."""
    zeros = [
        soft_threshold(np.array([-0.5, 0.5, -1.0]), 1.0),
        lasso(x, y, 10.0).beta,
        ista(x, y, 10.0, steps=3).beta,
    ]
    for values in zeros:
        assert not np.any(values)
        assert not np.any(np.signbit(values))


def test_float32_stays_float32(x, y):
    assert_float32(lambda x, y: lasso(x, y, np.float64(PENALTY)), x, y)
    assert_float32(
        lambda x, y: lasso_path(x, y, np.array([0.5, 0.1])), x, y, rtol=1e-3
    )
    assert_float32(lambda x, y: ista(x, y, np.float64(PENALTY), 50), x, y)
    assert_float32(largest_penalty, x, y)
    assert_float32(lambda z: soft_threshold(z, np.float64(0.5)), y)
    assert_float32(
        lambda x, y, b: lasso_loss(x, y, b[0], b, np.float64(0.5)), x, y, x[0]
    )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("number", [np.float32, np.asarray, torch.asarray])
def test_a_penalty_may_be_a_number_of_a_library(x, y, number):
    expected = lasso(x, y, 0.5).beta
    assert_close(lasso(x, y, number(0.5)).beta, expected)
    assert_close(lasso_path(x, y, [number(0.5)]).beta[0], expected)


def test_float32_bears_a_large_mean(x, y):
    """Adding 2^14 costs float32 three digits, not all."""
    far_x, far_y = np.float32(x + 2**14), np.float32(y + 2**14)
    expected = lasso(np.float64(far_x), np.float64(far_y), PENALTY).beta
    assert_close(lasso(far_x, far_y, PENALTY).beta, expected, rtol=1e-3)


def test_a_large_mean_of_the_targets_costs_no_digits(array):
    x = np.linspace(0, 1, 999)[:, None]
    y = np.float32(1e6 + np.sign(x[:, 0] - 0.5))
    actual = lasso(array(np.float32(x)), array(y), 0.1)
    expected = lasso(x, np.float64(y), 0.1)
    assert_close(actual.beta, expected.beta, rtol=1e-4)
    assert_close(actual.intercept, expected.intercept, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-250, 1e-150, 1e150, 1e250])
def test_units_of_any_size(x, y, scale, array):
    expected = lasso(x, y, PENALTY).beta
    actual = lasso(array(x), array(scale * y), scale * PENALTY).beta
    assert_close(to_numpy(actual) / scale, expected)
    actual = lasso(array(scale * x), array(y), PENALTY).beta
    assert_close(to_numpy(actual) * scale, expected)


def test_arguments_need_not_be_contiguous_and_stay_as_they_are(x, y):
    wide, long = np.repeat(x, 2, axis=1)[:, ::2], np.repeat(y, 2)[::2]
    before = wide.copy(), long.copy()
    assert_close(lasso(wide, long, PENALTY).beta, lasso(x, y, PENALTY).beta)
    assert_close(wide, before[0], rtol=0, atol=0)
    assert_close(long, before[1], rtol=0, atol=0)


def test_nothing_to_fit_gives_zeros(array):
    """One example, constant features, or constant targets."""
    for x, y in (
        (np.array([[1.0, 2.0]]), np.array([3.0])),
        (np.ones((3, 2)), np.array([1.0, 3.0, 5.0])),
        (np.array([[1.0, 2.0], [4.0, 0.0]]), np.array([3.0, 3.0])),
    ):
        for intercept, beta in (
            lasso(array(x), array(y), 0.1),
            ista(array(x), array(y), 0.1, steps=2),
        ):
            assert_close(beta, np.zeros(2))
            assert_close(intercept, np.asarray(3.0))


def test_too_few_sweeps_are_refused(x, y, array):
    for function in (lasso, lasso_path):
        assert signature(function).parameters["sweeps"].default == 1000
    for solve in (
        lambda sweeps: lasso(array(x), array(y), 0.01, sweeps),
        lambda sweeps: lasso_path(array(x), array(y), [0.01], sweeps),
    ):
        with pytest.raises(
            ValueError, match=r"0\.01 needs more than the 0 sweeps"
        ):
            solve(0)
    assert_close(lasso(array(x), array(y), 100.0, sweeps=0).beta, np.zeros(D))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("penalty", [0, -1.0, np.nan, np.inf, True])
def test_other_penalties_are_refused(x, y, penalty, array):
    message = f"penalty above 0 and finite, got {penalty}"
    for call in (
        lambda x, y: lasso(x, y, penalty),
        lambda x, y: lasso_path(x, y, [1.0, penalty]),
        lambda x, y: ista(x, y, penalty, 3),
        lambda x, y: lasso_loss(x, y, y[0], x[0, :], penalty),
    ):
        with pytest.raises(ValueError, match=message):
            call(array(x), array(y))


def test_a_penalty_beyond_float32_is_refused(x, y):
    with pytest.raises(ValueError, match="above 0 and finite, got 1e"):
        lasso(np.float32(x), np.float32(y), 1e60)


@pytest.mark.parametrize("threshold", [-1e-9, -np.inf, np.nan])
def test_other_thresholds_are_refused(y, threshold, array):
    with pytest.raises(ValueError, match=f">= 0, got {threshold}"):
        soft_threshold(array(y), threshold)


def test_a_path_needs_a_penalty(x, y, array):
    with pytest.raises(ValueError, match="at least one penalty, got none"):
        lasso_path(array(x), array(y), [])


@pytest.mark.parametrize("steps", [0, -3])
def test_ista_needs_a_step(x, y, steps, array):
    with pytest.raises(ValueError, match=f"steps >= 1, got {steps}"):
        ista(array(x), array(y), PENALTY, steps)


CALLS = [
    lambda x, y: lasso(x, y, PENALTY),
    lambda x, y: lasso_path(x, y, [PENALTY]),
    largest_penalty,
    lambda x, y: lasso_loss(x, y, np.asarray(0.0), np.ones(D), PENALTY),
    lambda x, y: ista(x, y, PENALTY, 3),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("call", CALLS)
def test_other_shapes_are_refused(x, y, call):
    for other_x, other_y in (
        (x, y[:, None]),
        (x, y[None, :]),
        (x, y[:-1]),
        (x, y[:1]),
        (x, y[0]),
        (x[:, 0], y),
        (x[None], y),
        (x[:0], y[:0]),
        (x[:, :0], y),
        (x[0, 0], y),
    ):
        with pytest.raises(
            ValueError, match="a lasso needs examples with feat"
        ):
            call(other_x, np.asarray(other_y))


@pytest.mark.usefixtures("unchecked")
def test_the_loss_needs_one_intercept_and_a_coefficient_a_column(x, y):
    with pytest.raises(ValueError, match=r"single intercept, got shape \(1,\)"):
        lasso_loss(x, y, np.zeros(1), np.ones(D), PENALTY)
    for shape in ((D - 1,), (D, 1), (1,)):
        with pytest.raises(ValueError, match="one coefficient for each column"):
            lasso_loss(x, y, np.asarray(0.0), np.ones(shape), PENALTY)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(x, y, value, array):
    for solve in (CALLS[0], CALLS[1], largest_penalty, CALLS[4]):
        for a in (x, y):
            kept = a.flat[3]
            a.flat[3] = value
            with pytest.raises(ValueError, match="finite"):
                solve(array(x), array(y))
            a.flat[3] = kept


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_results_that_overflow_are_refused(array):
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.7e308, -1.7e308, 0.0])
    with pytest.raises(ValueError, match="needs finite values"):
        lasso(array(x), array(y + y[::-1] + 1.7e308), 1.0)
    with pytest.raises(ValueError, match="needs finite values"):
        lasso(array(1e-200 * x), array(1e200 * x[:, 0]), 1.0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(x, y, dtype, array):
    other_x, other_y = array(x.astype(dtype)), array(y.astype(dtype))
    message = f"real floating-point numbers, got {other_x.dtype}"
    for call in (CALLS[0], CALLS[1], largest_penalty, CALLS[4]):
        for given_x, given_y in ((other_x, array(y)), (array(x), other_y)):
            with pytest.raises(ValueError, match=message):
                call(given_x, given_y)
    with pytest.raises(ValueError, match=message):
        soft_threshold(other_y, 1.0)
