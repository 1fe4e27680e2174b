from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LinearRegression

from reference.regression import least_squares as module
from reference.regression.least_squares import (
    hat_matrix,
    least_squares,
    least_squares_cholesky,
    least_squares_gradient,
    least_squares_loss,
    least_squares_refined,
    least_squares_svd,
    predict,
    reduce_rows,
    residuals,
    with_intercept,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)
from tests.regression.nist import PROBLEMS, digits, exact_coefficients

SOLVERS = [
    least_squares,
    least_squares_cholesky,
    least_squares_svd,
    least_squares_refined,
]
SQUARED = [least_squares_cholesky, least_squares_refined]
N, D = 7, 3


@pytest.fixture
def x(rng):
    return np.concatenate((np.ones((N, 1)), rng.normal(2, 3, (N, D - 1))), 1)


@pytest.fixture
def y(rng):
    return rng.normal(size=N)


@pytest.fixture
def beta(rng):
    return rng.normal(size=D)


@pytest.fixture(params=SOLVERS)
def solve(request):
    return request.param


@pytest.fixture(params=SQUARED)
def squared(request):
    return request.param


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, beta, array):
    r"""\hat{y}_n = \sum_{d=0}^{D-1} x_{nd} \beta_d"""
    expected = [sum(x[n, d] * beta[d] for d in range(D)) for n in range(N)]
    assert_close(predict(array(x), array(beta)), expected)


def test_eq_2(x, y, beta, array):
    r"""L(\beta) = \frac{1}{N} \sum_{n=1}^{N} (y_n - \hat{y}_n)^2"""
    y_hat = x @ beta
    expected = sum((y[n] - y_hat[n]) ** 2 for n in range(N)) / N
    loss = least_squares_loss(array(x), array(y), array(beta))
    assert_close(loss, np.asarray(expected))


def test_eq_3(x, y, beta, array):
    r"""\frac{\partial L}{\partial \beta_d}
    = -\frac{2}{N} \sum_{n=1}^{N} (y_n - \hat{y}_n) \, x_{nd}"""
    y_hat = x @ beta
    expected = [
        -2 / N * sum((y[n] - y_hat[n]) * x[n, d] for n in range(N))
        for d in range(D)
    ]
    gradient = least_squares_gradient(array(x), array(y), array(beta))
    assert_close(gradient, expected)


def eliminate(a, b):
    """Solve a beta = b by elimination without pivots, one entry at a time."""
    a, b = a.copy(), b.copy()
    for k in range(D):
        for i in range(k + 1, D):
            factor = a[i, k] / a[k, k]
            for j in range(D):
                a[i, j] -= factor * a[k, j]
            b[i] -= factor * b[k]
    beta = np.zeros(D)
    for i in reversed(range(D)):
        known = sum(a[i, j] * beta[j] for j in range(i + 1, D))
        beta[i] = (b[i] - known) / a[i, i]
    return beta


def test_eq_4(x, y, array):
    r"""X^\top X \, \beta = X^\top y"""
    gram, moment = np.zeros((D, D)), np.zeros(D)
    for n in range(N):
        for j in range(D):
            moment[j] += x[n, j] * y[n]
            for k in range(D):
                gram[j, k] += x[n, j] * x[n, k]
    actual = least_squares_cholesky(array(x), array(y))
    assert_close(actual, eliminate(gram, moment))


def test_eq_5(x, y, array):
    r"""R \beta = Q^\top y"""
    q, r = np.zeros((N, D)), np.zeros((D, D))
    for d in range(D):  # Gram-Schmidt
        rest = x[:, d].copy()
        for k in range(d):
            r[k, d] = sum(q[n, k] * x[n, d] for n in range(N))
            rest -= r[k, d] * q[:, k]
        r[d, d] = sqrt(sum(e**2 for e in rest))
        q[:, d] = rest / r[d, d]
    z = np.array([sum(q[n, d] * y[n] for n in range(N)) for d in range(D)])
    assert_close(least_squares(array(x), array(y)), eliminate(r, z))


def test_eq_6(x, y, array):
    r"""\beta = \sum_{i:\, s_i > \tau s_1} \frac{u_i^\top y}{s_i} \, v_i"""
    x[:, 2] = 2 * x[:, 1] - 3 * x[:, 0]
    u, s, vt = np.linalg.svd(x)
    expected = np.zeros(D)
    for i in range(D):
        if s[i] > 1e-12 * s[0]:
            expected += sum(u[n, i] * y[n] for n in range(N)) / s[i] * vt[i]
    assert_close(least_squares_svd(array(x), array(y)), expected)


def test_eq_7(x, array):
    r"""H = \sum_{i:\, s_i > \tau s_1} u_i u_i^\top"""
    x[:, 2] = 2 * x[:, 1] - 3 * x[:, 0]
    u, s, _ = np.linalg.svd(x)
    expected = np.zeros((N, N))
    for i in range(D):
        for n, m in np.ndindex(N, N):
            expected[n, m] += u[n, i] * u[m, i] * (s[i] > 1e-12 * s[0])
    assert_close(hat_matrix(array(x)), expected)


def test_eq_8(x, y, array):
    r"""X^\top X \, \Delta = X^\top (y - X \beta)"""
    gram = np.zeros((D, D))
    for n, j, k in np.ndindex(N, D, D):
        gram[j, k] += x[n, j] * x[n, k]
    beta = np.zeros(D)
    for _ in range(4):
        e = [y[n] - sum(x[n, d] * beta[d] for d in range(D)) for n in range(N)]
        moment = [sum(x[n, d] * e[n] for n in range(N)) for d in range(D)]
        beta = beta + eliminate(gram, np.array(moment))
    assert_close(least_squares_refined(array(x), array(y)), beta)


# The same as everybody else's: certified values, NumPy, scikit-learn.

# Digits that are right at least, for each of SOLVERS.
CERTIFIED = {
    "Norris": (11, 11, 11, 11),
    "Longley": (10, 6, 10, 10),
    "Wampler1": (8, 5, 8, 8),
    "Wampler2": (9, 8, 9, 9),
    "Wampler3": (8, 5, 8, 8),
    "Wampler4": (7, 5, 7, 7),
    "Wampler5": (5, 5, 5, 5),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_certified_values_are_exact(name):
    x, y, beta, _, _ = PROBLEMS[name]
    assert digits(exact_coefficients(x, y), beta) > 14


@pytest.mark.parametrize("name", PROBLEMS)
def test_certified_coefficients(name, array):
    problem = PROBLEMS[name]
    found = [
        digits(to_numpy(f(array(problem.x), array(problem.y))), problem.beta)
        for f in SOLVERS
    ]
    assert all(np.greater(found, CERTIFIED[name])), found


def rounded(kappa):
    """Return the LaTeX of kappa with one digit."""
    digit, exponent = f"{kappa:.0e}".split("e")
    power = f" \\cdot 10^{int(exponent)}" if int(exponent) else ""
    return f"${digit}{power}$"


def test_page_shows_these_digits_and_condition_numbers():
    page = Path(__file__).parents[2] / "docs/en/regression/least_squares.md"
    text = page.read_text(encoding="utf-8")
    table = text.split("| data |")[1].split("\n\n")[0]
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]]
        for row in table.splitlines()[2:]
    ]
    expected = []
    for name, (qr, normal, svd, refined) in CERTIFIED.items():
        x = PROBLEMS[name].x
        scaled = rounded(np.linalg.cond(x / np.linalg.norm(x, axis=0)))
        shown = name.replace("Wampler", "Wampler&nbsp;")
        expected.append(
            [shown, scaled, str(normal), str(min(qr, svd, refined))]
        )
    assert rows == expected
    wampler = rounded(np.linalg.cond(PROBLEMS["Wampler1"].x))
    longley = rounded(np.linalg.cond(PROBLEMS["Longley"].x))
    sentence = f"Unscaled it is {wampler} for Wampler and {longley} for Longley"
    assert sentence in " ".join(text.split())


@pytest.mark.parametrize("name", PROBLEMS)
def test_certified_residuals(name, array):
    x, y, beta, residual_sd, r_squared = PROBLEMS[name]
    n, d = x.shape
    beta = least_squares(array(x), array(y))
    rss = n * float(least_squares_loss(array(x), array(y), beta))
    scale = np.std(y)
    assert_close(
        np.asarray(sqrt(rss / (n - d)) / scale),
        np.asarray(residual_sd / scale),
        atol=1e-9,
    )
    assert_close(
        np.asarray(1 - rss / np.sum((y - y.mean()) ** 2)),
        np.asarray(r_squared),
        rtol=1e-11,
    )


@pytest.mark.parametrize("name", ["Longley", "Wampler1", "Wampler3"])
def test_normal_equations_lose_twice_the_digits(name):
    """The condition number costs QR its digits, and them its square."""
    x, y, beta, _, _ = PROBLEMS[name]
    gained = digits(least_squares(x, y), beta)
    gained -= digits(least_squares_cholesky(x, y), beta)
    assert gained > 2


def test_a_large_residual_takes_the_advantage_of_qr():
    """The problem itself then has the squared condition number."""
    x, y, beta, _, _ = PROBLEMS["Wampler5"]
    gained = digits(least_squares(x, y), beta)
    gained -= digits(least_squares_cholesky(x, y), beta)
    assert gained < 1


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (9, 4), (4, 4), (3000, 5)])
def test_lstsq(shape, solve, rng, array):
    """Also with one row, as many rows as columns, and rows in blocks."""
    x, y = rng.normal(size=shape), rng.normal(size=shape[0])
    expected = np.linalg.lstsq(x, y)[0]
    assert_close(solve(array(x), array(y)), expected, rtol=1e-8)


@pytest.mark.parametrize("shape", [(3, 6), (9, 6), (5000, 6)])
def test_minimum_norm_solution_of_lstsq(shape, rng, array):
    """For more columns than rows, and for a rank of 2 out of 6."""
    x = rng.normal(size=(shape[0], 2)) @ rng.normal(size=(2, 6))
    y = rng.normal(size=shape[0])
    expected = np.linalg.lstsq(x, y, rcond=1e-10)[0]
    assert_close(least_squares_svd(array(x), array(y)), expected)


def test_linear_regression_of_sklearn(x, y, array):
    model = LinearRegression().fit(x[:, 1:], y)
    expected = [model.intercept_, *model.coef_]
    design = with_intercept(array(x[:, 1:]))
    assert_close(design, x)
    assert_close(least_squares(design, array(y)), expected)
    fitted = predict(design, array(np.array(expected)))
    assert_close(fitted, model.predict(x[:, 1:]))


def test_hat_matrix_is_the_closed_form(x, y, array):
    expected = x @ np.linalg.inv(x.T @ x) @ x.T
    assert_close(hat_matrix(array(x)), expected)
    fitted = hat_matrix(array(x)) @ array(y)
    assert_close(fitted, x @ np.linalg.lstsq(x, y)[0])


# Gradients, by hand and through the solution.


def test_gradient_of_the_loss(x, y, beta):
    x, y = torch.asarray(x), torch.asarray(y)
    assert_gradient(
        lambda beta: least_squares_loss(x, y, beta),
        lambda dy, beta: dy * least_squares_gradient(x, y, beta),
        beta,
    )


@pytest.mark.parametrize("rows", [N, 2 * 1024 + 5])
@pytest.mark.parametrize("solve", SOLVERS)
def test_autograd_runs_through_the_solution(solve, rows, rng):
    """d beta / dy is the pseudo-inverse of X."""
    x = torch.asarray(rng.normal(size=(rows, D)))
    y = torch.asarray(rng.normal(size=rows)).requires_grad_()
    [dy] = torch.autograd.grad(solve(x, y)[0], y)
    assert_close(dy, torch.linalg.pinv(x)[0])


# What the page promises, and what is refused.


def test_float32_stays_float32(x, y, beta, solve):
    assert_float32(with_intercept, x)
    assert_float32(solve, x, y)
    assert_float32(hat_matrix, x)
    assert_float32(predict, x, beta)
    assert_float32(least_squares_loss, x, y, beta)
    assert_float32(least_squares_gradient, x, y, beta)


def test_arguments_need_not_be_contiguous_and_stay_as_they_are(x, y, solve):
    wide, long = np.repeat(x, 2, axis=1)[:, ::2], np.repeat(y, 2)[::2]
    before = wide.copy(), long.copy()
    assert_close(solve(wide, long), np.linalg.lstsq(x, y)[0])
    assert_close(wide, before[0], rtol=0, atol=0)
    assert_close(long, before[1], rtol=0, atol=0)


whole_numbers = st.integers(-9, 9).map(float)


@st.composite
def problems(draw):
    """Return a design of any rank, often a deficient one, and targets."""
    n, d = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    x = draw(arrays(np.float64, (n, d), elements=whole_numbers))
    return x, draw(arrays(np.float64, n, elements=whole_numbers))


@given(problems())
def test_a_solution_always_exists_and_is_a_projection(problem):
    x, y = problem
    beta, hat = least_squares_svd(x, y), hat_matrix(x)
    fitted = predict(x, beta)
    assert_close(x.T @ residuals(x, y, beta), np.zeros(x.shape[1]), atol=1e-9)
    assert_close(hat @ y, fitted, atol=1e-9)
    assert_close(hat @ hat, hat, atol=1e-12)
    assert_close(hat.T, hat, atol=1e-12)
    assert_close(np.trace(hat), np.asarray(float(np.linalg.matrix_rank(x))))
    assert_close(y @ y, fitted @ fitted + np.sum((y - fitted) ** 2), atol=1e-9)


@given(problems())
def test_the_svd_gives_the_shortest_solution(problem):
    """It has no part in the null space of X, by which others differ."""
    x, y = problem
    beta = least_squares_svd(x, y)
    null = np.eye(x.shape[1]) - np.linalg.pinv(x, rcond=1e-9) @ x
    assert_close(null @ beta, np.zeros(x.shape[1]), atol=1e-8)
    assert_close(predict(x, beta + null[0]), predict(x, beta), atol=1e-8)


@given(problems())
def test_qr_gives_the_unique_solution_or_refuses(problem):
    x, y = problem
    if np.linalg.matrix_rank(x) == x.shape[1]:
        expected = np.linalg.lstsq(x, y)[0]
        assert_close(least_squares(x, y), expected, rtol=1e-8, atol=1e-8)
    else:
        with pytest.raises(ValueError, match="unique coefficients need"):
            least_squares(x, y)


def test_fewer_examples_than_coefficients_are_refused(array):
    x, y = array(np.eye(5)[:2]), array(np.ones(2))
    with pytest.raises(ValueError, match=r"^5 unique .* examples, got 2$"):
        least_squares(x, y)


@pytest.mark.parametrize("n", [1023, 1024, 5000])
def test_reduced_rows_have_the_same_solution(n, rng, array):
    x, y = rng.normal(size=(n, 4)), rng.normal(size=n)
    r, z = reduce_rows(array(x), array(y))
    assert tuple(r.shape) == (4, 4)
    assert tuple(z.shape) == (4,)
    assert_close(to_numpy(r).T @ to_numpy(r), x.T @ x)
    assert_close(to_numpy(r).T @ to_numpy(z), x.T @ y, atol=1e-9)


@pytest.mark.parametrize(("n", "blocks"), [(1023, 0), (1024, 2), (1600, 3)])
def test_many_rows_are_factored_in_blocks(n, blocks, rng, monkeypatch):
    """The SVD is solved from their triangles too."""
    shapes = []

    def recorded(x, y):
        shapes.append(x.shape)
        return triangle(x, y)

    triangle = module._triangle
    monkeypatch.setattr(module, "_triangle", recorded)
    x, y = rng.normal(size=(n, 4)), rng.normal(size=n)
    expected = [(blocks, 512, 4)] if blocks else []
    expected.append((n - 512 * blocks + 4 * blocks, 4))
    for solve in (least_squares, least_squares_svd):
        shapes.clear()
        assert_close(solve(x, y), np.linalg.lstsq(x, y)[0])
        assert shapes == expected


def test_dependent_columns_of_one_block_have_no_gradient(rng):
    x, y = rng.normal(size=(1024, 2)), rng.normal(size=1024)
    x[:512, 1] = 0
    for solve in (least_squares, least_squares_svd):
        leaf = torch.asarray(x).requires_grad_()
        beta = solve(leaf, torch.asarray(y))
        assert_close(beta, np.linalg.lstsq(x, y)[0])
        [dx] = torch.autograd.grad(beta[0], leaf)
        assert bool(torch.any(torch.isnan(dx)))


@pytest.mark.parametrize(("rtol", "rank"), [(0.4, 2), (0.6, 1), (0.0, 2)])
def test_the_tolerance_decides_on_the_rank(rtol, rank, array):
    x, y = np.diag([2.0, 1.0]), np.array([2.0, 1.0])
    kept = np.array([1.0, 1.0]) * (np.arange(2) < rank)
    assert_close(least_squares_svd(array(x), array(y), rtol), kept)
    assert_close(hat_matrix(array(x), rtol), np.diag(kept))


@pytest.mark.parametrize("rtol", [-1e-9, 1.0, np.nan])
def test_other_tolerances_are_refused(x, y, rtol, array):
    with pytest.raises(ValueError, match=f"0 <= rtol < 1, got {rtol}"):
        least_squares_svd(array(x), array(y), rtol)
    with pytest.raises(ValueError, match=f"0 <= rtol < 1, got {rtol}"):
        hat_matrix(array(x), rtol)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("shape", [(4, 1), (4, 2), (1200, 1)])
def test_lengths_that_overflow_are_refused(shape, array):
    x, y = array(np.full(shape, 1.7e308)), array(np.ones(shape[0]))
    for solve in (least_squares, least_squares_svd):
        with pytest.raises(ValueError, match="needs finite values"):
            solve(x, y)
        with pytest.raises(ValueError, match="needs finite values"):
            solve(array(np.ones((*shape[:1], 1))), x[:, 0])
    with pytest.raises(ValueError, match="needs finite values"):
        hat_matrix(x)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("solve", [least_squares, least_squares_svd])
def test_squares_neither_overflow_nor_vanish(x, y, scale, solve, array):
    actual = solve(array(scale * x), array(y))
    assert_close(actual * scale, np.linalg.lstsq(x, y)[0])


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_squares_of_the_normal_equations_overflow(x, y, squared):
    with pytest.raises(ValueError, match="needs finite values"):
        squared(1e200 * x, y)


@pytest.mark.parametrize("scale", [1e-161, 1e-155, 1e-147])
def test_squares_of_the_normal_equations_vanish(x, y, scale, squared, array):
    with pytest.raises(ValueError, match="need independent columns with"):
        squared(array(scale * x), array(y))
    actual = squared(array(1e-140 * x), array(y))
    assert_close(actual * 1e-140, np.linalg.lstsq(x, y)[0])


def test_a_unit_changes_its_coefficient_and_nothing_else(x, y, array):
    """QR finds what the SVD takes for rounding: s is not free of units."""
    tiny = x * np.array([1.0, 1e-30, 1.0])
    beta = np.linalg.lstsq(x, y)[0]
    actual = to_numpy(least_squares(array(tiny), array(y)))
    assert_close(actual * np.array([1.0, 1e-30, 1.0]), beta)
    assert_close(
        to_numpy(least_squares_svd(array(tiny), array(y)))[[0, 2]],
        np.linalg.lstsq(x[:, [0, 2]], y)[0],
    )


def test_dependent_columns_are_refused(x, y, squared, array):
    x[:, 2] = 2 * x[:, 1] - 3 * x[:, 0]
    with pytest.raises(ValueError, match="need independent columns"):
        least_squares(array(x), array(y))
    with pytest.raises(ValueError, match="need independent columns"):
        squared(array(x), array(y))


def test_columns_that_float32_cannot_tell_apart_are_refused(squared, array):
    """The tolerance is that of the numbers' own precision."""
    x = np.array([[1.0, 1.0], [1e-5, 0.0], [0.0, 1e-5]])
    y = x @ np.array([1.0, 2.0])
    assert_close(least_squares(array(x), array(y)), [1.0, 2.0])
    assert_close(least_squares_svd(array(x), array(y)), [1.0, 2.0])
    x, y = array(np.float32(x)), array(np.float32(y))
    with pytest.raises(ValueError, match="need independent columns"):
        least_squares(x, y)
    assert_close(least_squares_svd(x, y), [1.5, 1.5], rtol=1e-4)
    x = array(np.float32([[1.0, 1.0], [0.01, -0.01]]))
    y = array(np.float32([3.0, -0.01]))
    with pytest.raises(ValueError, match="need independent columns"):
        squared(x, y)


@pytest.mark.parametrize("twin", [np.ones(N), np.zeros(N)])
def test_a_second_constant_is_refused(x, y, twin, squared, array):
    x[:, 1] = twin
    with pytest.raises(ValueError, match="need independent columns"):
        least_squares(array(x), array(y))
    with pytest.raises(ValueError, match="need independent columns"):
        squared(array(x), array(y))


@pytest.mark.parametrize("unit", [1.0, 1e6])
@pytest.mark.parametrize(("kappa", "refused"), [(2e6, False), (2.3e6, True)])
def test_normal_equations_are_refused_where_three_digits_are_not_sure(
    kappa, refused, unit, squared, array
):
    """The squared kappa loses 12.7 digits, whatever the unit of a column."""
    x = np.array([[1.0, unit], [1 / kappa, -unit / kappa]])
    expected = np.array([3.0, -2.0 / unit])
    x, y = array(x), array(x @ expected)
    assert_close(least_squares(x, y), expected, rtol=1e-8)
    if refused:
        with pytest.raises(ValueError, match="need independent columns"):
            squared(x, y)
    else:
        rtol = 1e-2 if squared is least_squares_cholesky else 1e-8
        assert_close(squared(x, y), expected, rtol=rtol)


def test_more_coefficients_than_examples_are_refused(squared, array):
    x, y = array(np.ones((2, 3))), array(np.ones(2))
    with pytest.raises(ValueError, match="need as many examples, got 2"):
        least_squares(x, y)
    with pytest.raises(ValueError, match="need independent columns"):
        squared(x, y)


def test_a_design_of_zeros_has_the_solution_zero(array):
    x, y = array(np.zeros((3, 2))), array(np.ones(3))
    assert_close(least_squares_svd(x, y), np.zeros(2))
    assert_close(hat_matrix(x), np.zeros((3, 3)))


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(x, y, bad, solve, array):
    broken_x, broken_y = x.copy(), y.copy()
    broken_x[0, 1] = broken_y[0] = bad
    for given_x, given_y in ((broken_x, y), (x, broken_y)):
        with pytest.raises(ValueError, match="finite values, got NaN or inf"):
            solve(array(given_x), array(given_y))


def test_hat_matrix_of_nothing_or_of_nan_is_refused(array):
    for shape in ((0, 2), (3, 0)):
        with pytest.raises(ValueError, match="that has rows and columns, got"):
            hat_matrix(array(np.ones(shape)))
    with pytest.raises(ValueError, match="finite values, got NaN or inf"):
        hat_matrix(array(np.full((3, 2), np.nan)))


@pytest.mark.parametrize(("n", "d", "targets"), [(0, 2, 0), (3, 0, 3)])
def test_no_data_is_refused(n, d, targets, solve):
    x, y = np.ones((n, d)), np.ones(targets)
    with pytest.raises(ValueError, match="needs examples with features"):
        solve(x, y)
    with pytest.raises(ValueError, match="needs examples with features"):
        least_squares_loss(x, y, np.ones(d))
    with pytest.raises(ValueError, match="needs examples with features"):
        least_squares_gradient(x, y, np.ones(d))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(N, 1), (N - 1,), (1,), ()])
def test_targets_that_would_broadcast_are_refused(x, beta, shape, solve):
    y = np.ones(shape)
    with pytest.raises(ValueError, match="features and one target each"):
        solve(x, y)
    with pytest.raises(ValueError, match="features and one target each"):
        least_squares_loss(x, y, beta)
    with pytest.raises(ValueError, match="features and one target each"):
        least_squares_gradient(x, y, beta)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(D, 1), (D - 1,), (1,)])
def test_other_than_one_coefficient_a_column_is_refused(x, shape):
    with pytest.raises(ValueError, match="one coefficient for each column"):
        predict(x, np.ones(shape))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(2, 3, 2), (3,), ()])
def test_other_than_a_matrix_is_refused(shape, solve):
    x, y = np.ones(shape), np.ones(shape[:1])
    with pytest.raises(ValueError, match="features and one target each"):
        solve(x, y)
    with pytest.raises(ValueError, match="one coefficient for each column"):
        predict(x, np.ones(shape[1:]))
    with pytest.raises(ValueError, match="a projection needs a matrix"):
        hat_matrix(x)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(
    x, y, beta, dtype, solve, array
):
    other_x, other_y = array(x.astype(dtype)), array(y.astype(dtype))
    kind = str(other_x.dtype)
    x, y, beta = array(x), array(y), array(beta)
    message = f"real floating-point numbers, got {kind}"
    for given_x, given_y in ((other_x, y), (x, other_y)):
        with pytest.raises(ValueError, match=message):
            solve(given_x, given_y)
        with pytest.raises(ValueError, match=message):
            reduce_rows(given_x, given_y)
        with pytest.raises(ValueError, match=message):
            least_squares_loss(given_x, given_y, beta)
    for function in (with_intercept, hat_matrix):
        with pytest.raises(ValueError, match=message):
            function(other_x)
