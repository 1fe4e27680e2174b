import warnings
from itertools import product
from math import comb, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from patsy import dmatrix
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from reference.regression.design_matrix import (
    Standardized,
    apply_standardization,
    dummy_variables,
    interactions,
    polynomial_features,
    standardize,
)
from reference.regression.least_squares import (
    hat_matrix,
    least_squares,
    predict,
    with_intercept,
)
from tests.checks import assert_close, assert_float32, to_numpy

N, D, K = 8, 3, 4


@pytest.fixture
def x(rng):
    return rng.normal(2, 3, (N, D))


@pytest.fixture
def codes():
    """Return the codes of N examples in which every level occurs."""
    return np.array([2, 0, 3, 1, 1, 0, 2, 3])


# The page's equations, each written out index by index below its LaTeX.


@pytest.mark.parametrize("baseline", range(K))
def test_eq_1(codes, baseline, array):
    r"""x_{nk} = [\, g_n = k \,] , \qquad k \ne b"""
    expected = [
        [1.0 if codes[n] == k else 0.0 for k in range(K) if k != baseline]
        for n in range(N)
    ]
    assert_close(dummy_variables(array(codes), K, baseline), expected)


def test_eq_2(x, rng, array):
    r"""w_{n,\, pQ + q} = x_{np} \, z_{nq}"""
    z = rng.normal(size=(N, 2))
    expected = np.zeros((N, D * 2))
    for n in range(N):
        for p in range(D):
            for q in range(2):
                expected[n, p * 2 + q] = x[n, p] * z[n, q]
    assert_close(interactions(array(x), array(z)), expected)


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_eq_3(x, degree, array):
    r"""x_n^{\alpha} = \prod_{d=0}^{D-1} x_{nd}^{\alpha_d} , \qquad
    1 \le \sum_{d=0}^{D-1} \alpha_d \le r"""
    powers = [
        alpha
        for alpha in product(range(degree + 1), repeat=D)
        if 1 <= sum(alpha) <= degree
    ]
    powers.sort(key=lambda alpha: (sum(alpha), [-a for a in alpha]))
    expected = np.ones((N, len(powers)))
    for n in range(N):
        for column, alpha in enumerate(powers):
            for d in range(D):
                for _ in range(alpha[d]):
                    expected[n, column] *= x[n, d]
    assert_close(polynomial_features(array(x), degree), expected)


def test_eq_4(x, array):
    r"""m_d = \frac{1}{N} \sum_{n=1}^{N} x_{nd}"""
    expected = [sum(x[n, d] for n in range(N)) / N for d in range(D)]
    assert_close(standardize(array(x)).mean, expected)


def test_eq_5(x, array):
    r"""s_d = \sqrt{\frac{1}{N} \sum_{n=1}^{N} (x_{nd} - m_d)^2}"""
    m = [sum(x[n, d] for n in range(N)) / N for d in range(D)]
    expected = [
        sqrt(sum((x[n, d] - m[d]) ** 2 for n in range(N)) / N) for d in range(D)
    ]
    assert_close(standardize(array(x)).scale, expected)


def test_eq_6(x, rng, array):
    r"""\tilde{x}_{nd} = \frac{x_{nd} - m_d}{s_d}"""
    m, s = rng.normal(size=D), rng.uniform(0.5, 2, D)
    expected = [[(x[n, d] - m[d]) / s[d] for d in range(D)] for n in range(N)]
    actual = apply_standardization(array(x), array(m), array(s))
    assert_close(actual, expected)


# The same as everybody else's: patsy, scikit-learn, PyTorch.


@pytest.mark.parametrize("baseline", range(K))
def test_treatment_coding_of_patsy(codes, baseline, array):
    formula = f"C(g, Treatment(reference={baseline}))"
    expected = np.asarray(dmatrix(formula, {"g": codes}))
    dummies = dummy_variables(array(codes), K, baseline)
    assert_close(with_intercept(dummies), expected)


def test_one_hot_of_torch(codes, array):
    expected = torch.nn.functional.one_hot(torch.asarray(codes), K)[:, 1:]
    assert_close(dummy_variables(array(codes), levels=K), expected)


def test_interactions_of_patsy(x, codes, array):
    """Quantity by quantity, by factor, and factor by factor."""
    other = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    data = {"a": x[:, 0], "b": x[:, 1], "g": codes, "h": other}
    g = dummy_variables(array(codes), K)
    h = dummy_variables(array(other), 3)
    a, b = array(x[:, :1]), array(x[:, 1:2])
    for formula, actual in (
        ("a:b", interactions(a, b)),
        ("C(g) * a", interactions(g, a)),
        ("C(g) * C(h)", interactions(h, g)),
    ):
        expected = dmatrix(formula, data)
        columns = [
            i
            for i, name in enumerate(expected.design_info.column_names)
            if ":" in name
        ]
        assert_close(actual, np.asarray(expected)[:, columns])


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("degree", [1, 2, 5])
def test_polynomial_features_of_sklearn(d, degree, rng, array):
    x = rng.normal(size=(5, d))
    model = PolynomialFeatures(degree, include_bias=False)
    actual = polynomial_features(array(x), degree)
    assert_close(actual, model.fit_transform(x))
    assert tuple(actual.shape) == (5, comb(d + degree, degree) - 1)


def test_standard_scaler_of_sklearn(x, rng, array):
    x[:, 1] = 0.1
    model = StandardScaler().fit(x)
    z, mean, scale = standardize(array(x))
    assert_close(z, model.transform(x))
    assert_close(mean, model.mean_)
    assert_close(scale, model.scale_)
    new = rng.normal(size=(5, D))
    actual = apply_standardization(array(new), mean, scale)
    assert_close(actual, model.transform(new))


# Gradients: autograd runs through these lines; finite differences check it.


@pytest.mark.parametrize(
    "function",
    [
        lambda x: interactions(x, x),
        lambda x: polynomial_features(x, 3),
        lambda x: standardize(x).z,
        lambda x: standardize(x).mean,
        lambda x: standardize(x).scale,
        lambda x: apply_standardization(x, x[0, :], x[1, :] ** 2),
    ],
)
def test_autograd_agrees_with_finite_differences(function, x):
    x = torch.asarray(x).requires_grad_()
    assert torch.autograd.gradcheck(function, (x,))


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_column_has_no_gradient_but_numbers(x, value):
    x[:, 1] = value
    x = torch.asarray(x).requires_grad_()
    z, _, scale = standardize(x)
    [dx] = torch.autograd.grad(torch.sum(z**3) + torch.sum(scale), x)
    assert bool(torch.all(torch.isfinite(dx)))
    assert_close(dx[:, 1], np.zeros(N))


# What the page promises, and what is refused.


def test_float32_stays_float32(x):
    mean, scale = np.ones(D), np.full(D, 2.0)
    assert_float32(interactions, x, x)
    assert_float32(lambda x: polynomial_features(x, 2), x)
    assert_float32(standardize, x)
    assert_float32(apply_standardization, x, mean, scale)


def test_dummies_have_the_dtype_that_is_asked_for(codes, array):
    assert dummy_variables(codes, K).dtype == np.float64
    assert dummy_variables(codes, K, dtype=np.float32).dtype == np.float32
    device = getattr(array(codes), "device", None)
    assert dummy_variables(array(codes), K).device == device


def test_dummies_of_torch_have_the_dtype_that_is_asked_for(codes):
    codes = torch.asarray(codes)
    assert dummy_variables(codes, K).dtype == torch.float64
    dummies = dummy_variables(codes, K, dtype=torch.float32)
    assert dummies.dtype == torch.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64])
def test_codes_are_integers_of_any_size(codes, dtype, array):
    expected = dummy_variables(codes, K)
    assert_close(dummy_variables(array(codes.astype(dtype)), K), expected)
    many = dummy_variables(array(codes.astype(dtype)), 300)
    assert_close(to_numpy(many)[:, : K - 1], expected)
    assert_close(to_numpy(many)[:, K - 1 :], np.zeros((N, 300 - K)))


@pytest.mark.usefixtures("unchecked")
def test_numbers_of_numpy_are_integers_too(codes, x, array):
    """As in levels=codes.max() + 1."""
    levels, codes, x = codes.max() + 1, array(codes), array(x)
    assert_close(dummy_variables(codes, levels), dummy_variables(codes, K))
    actual = dummy_variables(codes, levels, levels - 2)
    assert_close(actual, dummy_variables(codes, K, 2))
    powers = polynomial_features(x, np.int64(2))
    assert_close(powers, polynomial_features(x, 2))


def test_no_examples_and_no_dummies(array):
    none = dummy_variables(array(np.zeros(0, np.int64)), 3)
    assert tuple(none.shape) == (0, 2)
    single = dummy_variables(array(np.zeros(4, np.int64)), 1)
    assert tuple(single.shape) == (4, 0)
    empty = polynomial_features(array(np.zeros((0, 2))), 2)
    assert tuple(empty.shape) == (0, 5)
    products = interactions(single, array(np.ones((4, 3))))
    assert tuple(products.shape) == (4, 0)


@given(st.integers(2, 5), st.data())
def test_one_dummy_less_than_levels_and_any_baseline_fits_the_same(k, data):
    """The levels count, not the examples: K columns with the intercept."""
    extra = data.draw(st.lists(st.integers(0, k - 1), max_size=6))
    codes = np.array([*range(k), *extra])
    y = np.arange(float(codes.size)) ** 2
    means = np.array([y[codes == j].mean() for j in range(k)])
    baseline = data.draw(st.integers(0, k - 1))
    design = with_intercept(dummy_variables(codes, k, baseline))
    assert np.linalg.matrix_rank(design) == design.shape[1] == k
    every = (codes[:, None] == np.arange(k)).astype(float)
    assert np.linalg.matrix_rank(with_intercept(every)) == k
    beta = least_squares(design, y)
    others = np.delete(means, baseline) - means[baseline]
    assert_close(beta, [means[baseline], *others], rtol=1e-8, atol=1e-9)
    fitted = predict(design, beta)
    assert_close(fitted, means[codes], rtol=1e-8, atol=1e-9)


def test_an_interaction_gives_every_group_its_own_line(codes, x):
    """Fitted together, they are the lines fitted to one group each."""
    codes, quantity = codes % 2, x[:, :1]
    y = x[:, 1]
    group = dummy_variables(codes, 2)
    columns = (quantity, group, interactions(quantity, group))
    beta = least_squares(with_intercept(np.concat(columns, axis=1)), y)
    for g in (0, 1):
        line = least_squares(
            with_intercept(quantity[codes == g]), y[codes == g]
        )
        assert_close(beta[:2] + g * beta[2:], line)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_powers_of_standardized_columns_fit_the_same(degree, x, rng):
    x = rng.normal(5, 2, (30, 2))
    raw = hat_matrix(with_intercept(polynomial_features(x, degree)))
    z = standardize(x).z
    own = hat_matrix(with_intercept(polynomial_features(z, degree)))
    assert_close(own, raw, atol=1e-8)


numbers = st.floats(-1e3, 1e3, allow_subnormal=False)


@given(
    arrays(
        np.float64, st.tuples(st.integers(1, 9), st.just(2)), elements=numbers
    )
)
def test_columns_have_mean_0_and_deviation_1_or_are_0(x):
    z, mean, scale = standardize(x)
    assert np.all(scale > 0)
    assert_close(z * scale + mean, x, atol=1e-11)
    for column, s in zip(z.T, scale, strict=True):
        if np.any(column != 0):
            assert_close(np.mean(column), np.asarray(0.0), atol=1e-3)
            assert_close(np.mean(column**2), np.asarray(1.0), rtol=1e-6)
        else:
            assert s == 1


@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_units_neither_overflow_nor_vanish(x, unit, array):
    z, mean, scale = standardize(array(unit * x))
    expected = standardize(x)
    assert_close(z, expected.z)
    assert_close(to_numpy(mean) / unit, expected.mean)
    assert_close(to_numpy(scale) / unit, expected.scale)


def test_a_large_mean_costs_no_digits(rng, array):
    """Deviations are squared, never the numbers themselves."""
    x = rng.permutation(np.arange(1001.0))[:, None]
    z, mean, scale = standardize(array(x + 1e12))
    assert_close(mean, np.array([500 + 1e12]), rtol=1e-16)
    assert_close(scale, np.array([x.std()]))
    assert_close(z, (x - 500) / x.std())


def test_many_examples_cost_float32_no_digits(rng, array):
    """A running sum in float32 is wrong by a third of this deviation."""
    x = np.float32(rng.normal(1e4, 1, (400_000, 2)))
    z, mean, scale = standardize(array(x))
    wide = x.astype(np.float64)
    assert str(z.dtype).endswith("float32")
    assert_close(mean, np.float32(wide.mean(axis=0)), rtol=2e-7)
    assert_close(scale, wide.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e-310, 1e17, -1.1e300])
@pytest.mark.parametrize("n", [1, 7, 100])
def test_a_constant_column_becomes_0_with_scale_1(value, n, array):
    z, mean, scale = standardize(array(np.full((n, 1), value)))
    assert_close(z, np.zeros((n, 1)), rtol=0, atol=0)
    assert_close(mean, np.array([value]), rtol=0, atol=0)
    assert_close(scale, np.array([1.0]), rtol=0, atol=0)


@pytest.mark.parametrize("large", [1.0, -1e8, 1e200])
def test_rounding_alone_is_no_variation(large, array):
    x = large * np.array([[0.3], [0.1 + 0.2], [0.3], [0.3]])
    assert np.ptp(x) > 0
    z, _, scale = standardize(array(x))
    assert_close(z, np.zeros((4, 1)), rtol=0, atol=0)
    assert_close(scale, np.array([1.0]), rtol=0, atol=0)


@pytest.mark.parametrize("sign", [-1, 1])
def test_one_value_among_many_equal_ones_is_variation(sign, array):
    """The others' deviations, 3 epsilon, would be rounding."""
    x = np.ones((200, 1))
    x[7] += sign * 600 * np.finfo(np.float64).eps
    z, _, scale = standardize(array(x))
    assert_close(scale, [x.std()], rtol=0.05, atol=0)
    assert_close(to_numpy(z)[7], [sign * sqrt(199)], rtol=0.05)


@pytest.mark.parametrize("large", [1.0, 0.5, 0.2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_subnormal_numbers_are_no_variation(large, dtype, array):
    """They have lost digits: a deviation of so few is 0 or wrong."""
    x = np.zeros((7, 2), dtype)
    x[-1] = large * np.finfo(dtype).smallest_normal
    x[-1, 1] = np.finfo(dtype).smallest_subnormal
    z, _, scale = standardize(array(x))
    assert_close(z, np.zeros((7, 2)), rtol=0, atol=0)
    assert_close(scale, np.ones(2), rtol=0, atol=0)


def test_the_smallest_normal_number_is_variation(array):
    x = np.array([[-1.0], [1.0]]) * 3e-308
    z, mean, scale = standardize(array(x))
    assert_close(z, [[-1.0], [1.0]])
    assert_close(mean, np.zeros(1), rtol=0, atol=0)
    assert_close(scale, np.array([3e-308]), atol=0)


@pytest.mark.parametrize("n", [1, 7])
def test_new_data_are_standardized_to_the_last_bit_as_the_old(n, x, array):
    z, mean, scale = standardize(array(x[:n] * [1.0, 1e9, 1e-9]))
    again = apply_standardization(array(x[:n] * [1.0, 1e9, 1e-9]), mean, scale)
    assert_close(again, z, rtol=0, atol=0)


@pytest.mark.parametrize(("steps", "varies"), [(7, False), (9, True)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_ends_at_four_epsilon(steps, varies, dtype, array):
    eps = np.finfo(dtype).eps
    x = np.array([[1.0], [1 + steps * eps]], dtype)
    z, _, scale = standardize(array(x))
    assert_close(np.abs(to_numpy(z)), np.full((2, 1), float(varies)), rtol=0.2)
    assert (float(scale[0]) != 1) == varies


def test_new_data_keep_the_old_mean_and_scale(array):
    old = Standardized(*standardize(array(np.array([[1.0], [5.0]]))))
    new = array(np.array([[9.0], [9.0]]))
    actual = apply_standardization(new, old.mean, old.scale)
    assert_close(actual, [[3.0], [3.0]])


def test_arguments_need_not_be_contiguous_and_stay_as_they_are(x):
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    for function in (
        standardize,
        lambda x: (polynomial_features(x, 3), interactions(x, x)),
    ):
        for actual, expected in zip(function(wide), function(x), strict=True):
            assert_close(actual, expected)
        assert_close(wide, x, rtol=0, atol=0)


@pytest.mark.parametrize("codes", [[0, 3], [-1, 0], [0, 1, 2, 9]])
def test_codes_of_other_levels_are_refused(codes, array):
    low, high = min(codes), max(codes)
    message = f"codes of 3 levels need to be 0 to 2, got {low} to {high}"
    with pytest.raises(ValueError, match=message):
        dummy_variables(array(np.array(codes)), 3)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "codes",
    [
        np.array([0.0, 1.0]),
        np.array([False, True]),
        np.array([[0], [1]]),
        np.array(1),
    ],
)
def test_other_than_a_vector_of_integers_is_refused(codes, array):
    with pytest.raises(ValueError, match="a vector of integer codes, got"):
        dummy_variables(array(codes), 2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -1, True, 2.0, np.nan, np.inf, "2", None])
def test_other_than_positive_integers_are_refused(bad, codes, x):
    message = f"an integer of at least 1, got {bad}"
    with pytest.raises(ValueError, match=f"number of levels needs .*{message}"):
        dummy_variables(codes, bad)
    with pytest.raises(ValueError, match=f"a degree needs to be {message}"):
        polynomial_features(x, bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [-1, True, 1.0, np.nan])
def test_a_baseline_that_is_no_code_is_refused(bad, codes):
    with pytest.raises(ValueError, match=f"of at least 0, got {bad}"):
        dummy_variables(codes, K, bad)


def test_a_baseline_beyond_the_levels_is_refused(codes):
    with pytest.raises(ValueError, match="to be one of 0 to 3, got 4"):
        dummy_variables(codes, K, K)


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
def test_dummies_are_floating_point_numbers(dtype, codes):
    with pytest.raises(ValueError, match="real floating dtype, got"):
        dummy_variables(codes, K, dtype=np.dtype(dtype))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("rows", [1, N - 1])
def test_blocks_of_other_examples_are_refused(rows, x):
    """One row would broadcast."""
    message = f"the same examples in both blocks, got {N} and {rows} rows"
    with pytest.raises(ValueError, match=message):
        interactions(x, x[:rows])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "bad",
    [
        np.ones(3),
        np.asarray(1.0),
        np.ones((2, 3, 2)),
        np.ones((3, 2), np.int64),
        np.ones((3, 2), np.bool_),
        np.ones((3, 2), np.complex128),
    ],
)
def test_other_than_a_real_matrix_is_refused(bad, array):
    bad, good = array(bad), array(np.ones((3, 2)))
    message = "needs a matrix of real floating-point numbers, got"
    for call in (
        lambda: interactions(bad, good),
        lambda: interactions(good, bad),
        lambda: polynomial_features(bad, 2),
        lambda: standardize(bad),
        lambda: apply_standardization(bad, good[0, :], good[0, :]),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_no_columns_and_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one column, got none"):
        polynomial_features(np.ones((3, 0)), 2)
    with pytest.raises(ValueError, match="at least one row, got none"):
        standardize(np.ones((0, 3)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(x, bad, array):
    x[2, 1] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(ValueError, match="finite, got NaN or inf"):
            standardize(array(x))


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("signs", [(1.0, 1.0, 1.0), (1.0, -1.0, -1.0)])
def test_sums_and_differences_that_overflow_are_refused(signs, array):
    x = 1.7e308 * np.array(signs)[:, None]
    with pytest.raises(ValueError, match="finite, got NaN or inf"):
        standardize(array(x))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(1,), (D, 1), (), (N, D)])
def test_means_and_scales_that_would_broadcast_are_refused(x, shape):
    good, bad = np.ones(D), np.ones(shape)
    for mean, scale in ((good, bad), (bad, good), (bad, bad)):
        with pytest.raises(ValueError, match="one mean and one scale for each"):
            apply_standardization(x, mean, scale)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_is_none_is_refused(x, bad, array):
    scale = array(np.array([1.0, bad, 1.0]))
    with pytest.raises(ValueError, match="to be finite and > 0, got"):
        apply_standardization(array(x), array(np.zeros(D)), scale)
