import numpy as np
import pytest
import sympy
import torch
from array_api_compat import array_namespace
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from reference.foundations.chain_rule import (
    jacobian,
    jacobian_vector_product,
    numerical_gradient,
    vector_jacobian_product,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

CUBE_ROOT = np.finfo(np.float64).eps ** (1 / 3)
SIZES = [3, 4, 2, 5]


def curved(x):
    """Return two functions of three numbers, in the library of x."""
    xp = array_namespace(x)
    return xp.stack([xp.sin(x[0]) * x[1], x[0] * x[1] ** 2 + xp.exp(x[2])])


def summed(x):
    """Return one function of three numbers, in the library of x."""
    xp = array_namespace(x)
    return xp.sum(curved(x))


@pytest.fixture
def x(rng):
    return rng.normal(size=3)


@pytest.fixture
def chain(rng):
    """Return the Jacobians of three steps: 3 to 4 to 2 to 5 numbers."""
    sizes = zip(SIZES[1:], SIZES[:-1], strict=True)
    return [rng.normal(size=size) for size in sizes]


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(rng, chain, array):
    r"""\frac{\partial L}{\partial x_i}
    = \sum_{k=1}^{O} \frac{\partial L}{\partial y_k}
    \, \frac{\partial y_k}{\partial x_i}"""
    dy = rng.normal(size=5)
    expected = dy
    for local in reversed(chain):
        expected = [
            sum(expected[k] * local[k, i] for k in range(local.shape[0]))
            for i in range(local.shape[1])
        ]
    actual = vector_jacobian_product(array(dy), [array(j) for j in chain])
    assert_close(actual, expected)


def test_eq_2(rng, chain, array):
    r"""\dot{y}_k = \sum_{i=1}^{I} \frac{\partial y_k}{\partial x_i} \, v_i"""
    v = rng.normal(size=3)
    expected = v
    for local in chain:
        expected = [
            sum(local[k, i] * expected[i] for i in range(local.shape[1]))
            for k in range(local.shape[0])
        ]
    actual = jacobian_vector_product([array(j) for j in chain], array(v))
    assert_close(actual, expected)


def test_eq_3(array):
    r"""\frac{\partial y_k}{\partial x_i}
    \approx \frac{f_k(x + h_i e_i) - f_k(x - h_i e_i)}{2 h_i}"""
    x = np.array([0.5, -2.0, 1.5])
    expected = np.zeros((2, 3))
    for k in range(2):
        for i in range(3):
            h = 0.125 * max(1.0, abs(x[i]))
            ahead, behind = x.copy(), x.copy()
            ahead[i] += h
            behind[i] -= h
            rise = curved(ahead)[k] - curved(behind)[k]
            expected[k, i] = rise / (2 * h)
    assert_close(jacobian(curved, array(x), 0.125), expected)
    gradient = numerical_gradient(summed, array(x), 0.125)
    assert_close(gradient, expected[0] + expected[1])


def test_eq_4(array):
    r"""h_i = r \max(1, \lvert x_i \rvert)"""
    x = np.array([-3.0, 0.5, 0.0, 40.0])
    seen = []

    def f(a):
        seen.append(to_numpy(a))
        return array_namespace(a).sum(a)

    for r, given_step in ((CUBE_ROOT, None), (0.25, 0.25)):
        seen.clear()
        jacobian(f, array(x), given_step)
        for i in range(4):
            h = r * max(1.0, abs(x[i]))
            for j in range(4):
                expected = x[j] + h * (i == j), x[j] - h * (i == j)
                actual = seen[2 * i][j], seen[2 * i + 1][j]
                assert_close(actual, expected, rtol=1e-14)


# The same as everybody else's: sympy's derivatives, autograd, SciPy.


def test_sympy(x, array):
    a, b, c = symbols = sympy.symbols("a b c")
    y = sympy.Matrix([sympy.sin(a) * b, a * b**2 + sympy.exp(c)])
    exact = y.jacobian(symbols).subs(dict(zip(symbols, x, strict=True)))
    expected = np.array(exact.tolist(), dtype=float)
    assert_close(jacobian(curved, array(x)), expected, rtol=1e-8, atol=1e-9)
    gradient = numerical_gradient(summed, array(x))
    assert_close(gradient, expected.sum(axis=0), rtol=1e-8, atol=1e-9)


def test_scipy(x, array):
    """SciPy's are one-sided: half of the digits."""
    expected = approx_fprime(x, curved)
    assert_close(jacobian(curved, array(x)), expected, rtol=1e-5, atol=1e-6)
    expected = approx_fprime(x, summed)
    gradient = numerical_gradient(summed, array(x))
    assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (1, 2, 2)])
def test_shapes_are_those_of_autograd(rng, shape, array):
    """Output first, then input; entries in the same order."""
    x, weights = rng.normal(size=shape), rng.normal(size=(3, 2))

    def f(a):
        xp = array_namespace(a)
        w = xp.asarray(weights, dtype=a.dtype, device=a.device)
        return xp.sin(xp.sum(a**2) * w) + xp.sum(a**3)

    def g(a):
        xp = array_namespace(a)
        return xp.exp(a) * xp.sum(a)

    for function in (f, g):
        expected = torch.autograd.functional.jacobian(
            function, torch.asarray(x)
        )
        actual = jacobian(function, array(x))
        assert_close(actual, expected, rtol=1e-7, atol=1e-8)


def network(x, first, second, third):
    """Return what three layers make of x, with two different curves."""
    xp = array_namespace(x)
    return third @ xp.exp(second @ xp.tanh(first @ x))


def local_jacobians(x, first, second, third):
    """Return the Jacobians of the five steps of `network`, by hand."""
    xp = array_namespace(x)
    bent = xp.tanh(first @ x)
    grown = xp.exp(second @ bent)

    def diagonal(slopes):
        n = slopes.shape[0]
        return slopes * xp.eye(n, dtype=x.dtype, device=x.device)

    return [first, diagonal(1 - bent**2), second, diagonal(grown), third]


def test_products_are_those_of_autograd(rng, chain, array):
    x, v, dy = rng.normal(size=3), rng.normal(size=3), rng.normal(size=5)
    weights = [torch.asarray(w) for w in chain]

    def f(a):
        return network(a, *weights)

    _, backward = torch.autograd.functional.vjp(
        f, torch.asarray(x), torch.asarray(dy)
    )
    _, forward = torch.autograd.functional.jvp(
        f, torch.asarray(x), torch.asarray(v)
    )
    steps = local_jacobians(array(x), *(array(w) for w in chain))
    assert_close(vector_jacobian_product(array(dy), steps), backward)
    assert_close(jacobian_vector_product(steps, array(v)), forward)


# The gradient: the chain of hand-written Jacobians is autograd's.


def test_gradient_of_a_chain(rng, chain):
    weights = [torch.asarray(w) for w in chain]

    def backward(dy, x):
        return vector_jacobian_product(dy, local_jacobians(x, *weights))

    assert_gradient(
        lambda x: network(x, *weights), backward, rng.normal(size=3)
    )


def test_gradient_of_the_products(rng):
    """A product with a Jacobian is linear: its gradient is the other one."""
    local, dy, v = rng.normal(size=(2, 3)), rng.normal(size=2), np.ones(3)
    local = torch.asarray(local)
    assert_gradient(
        lambda dy: vector_jacobian_product(dy, [local]),
        lambda out, _: jacobian_vector_product([local], out),
        dy,
    )
    assert_gradient(
        lambda v: jacobian_vector_product([local], v),
        lambda out, _: vector_jacobian_product(out, [local]),
        v,
    )


# What the page promises: invariances, limits, pitfalls, refused inputs.


def test_the_example_by_hand(array):
    def loss(x):
        return x[0] * x[1] * (x[0] + x[1])

    first = array(np.array([[3.0, 2.0], [1.0, 1.0]]))
    last = array(np.array([[5.0, 6.0]]))
    one = array(np.array([1.0]))
    expected = [21.0, 16.0]
    assert_close(vector_jacobian_product(one, [first, last]), expected)
    x = array(np.array([2.0, 3.0]))
    assert_close(numerical_gradient(loss, x), expected, rtol=1e-8)
    along = array(np.array([1.0, 0.0]))
    assert_close(jacobian_vector_product([first, last], along), [21.0])


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 4), max_size=4))
def test_both_modes_agree(seed, sizes):
    """(dy J) v = dy (J v), for chains of any length, also none."""
    rng = np.random.default_rng(seed)
    sizes = [2, *sizes]
    chain = [
        rng.normal(size=(sizes[j + 1], sizes[j])) for j in range(len(sizes) - 1)
    ]
    dy, v = rng.normal(size=sizes[-1]), rng.normal(size=2)
    backward = vector_jacobian_product(dy, chain) @ v
    assert_close(dy @ jacobian_vector_product(chain, v), backward)


@settings(max_examples=20)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3),
    st.sampled_from([1e-3, 0.5, 2.0]),
)
def test_parabolas_are_exact_at_any_step(coefficients, step):
    """Central differences miss the third derivative, and only that."""
    a, b, c = coefficients
    x = np.array([0.7, -20.0])
    actual = jacobian(lambda x: a + b * x + c * x**2, x, step)
    size = abs(a) + abs(b) + abs(c) + 1
    assert_close(actual, np.diag(b + 2 * c * x), atol=1e-8 * size)


def test_a_tenth_of_the_step_has_a_hundredth_of_the_error(array):
    x = array(np.array(1.0))
    exp = array_namespace(x).exp
    errors = [
        float(numerical_gradient(exp, x, step)) - np.exp(1)
        for step in (1e-2, 1e-3)
    ]
    assert_close(errors[0], 1e-4 * np.exp(1) / 6, rtol=1e-3)
    assert_close(errors[0] / errors[1], 100.0, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_default_step_is_near_the_best(dtype, array):
    x = array(np.asarray(1.0, dtype=dtype))
    eps = np.finfo(dtype).eps
    gradient = numerical_gradient(array_namespace(x).exp, x)
    assert abs(float(gradient) / np.exp(1) - 1) < 2 * eps ** (2 / 3)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6, 1e200])
def test_the_step_grows_with_x(size, array):
    x = array(np.array([size, -2 * size]))
    actual = to_numpy(jacobian(lambda x: x / size, x))
    assert_close(actual * size, np.eye(2), rtol=1e-8)


def test_a_step_of_one_s_own_for_small_numbers(array):
    """By default x would move far beyond zero, where log is not defined."""
    x = array(np.array(1e-8))
    log = array_namespace(x).log
    assert_close(numerical_gradient(log, x, 1e-13), np.array(1e8), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_where_f_is_not_finite_is_refused(array):
    def gradient_of(function, x, step=None):
        return numerical_gradient(function, array(np.array(x)), step)

    log = array_namespace(array(np.array(1.0))).log
    with pytest.raises(ValueError, match="f that is finite at x \\+ h"):
        gradient_of(log, 1e-8)
    with pytest.raises(ValueError, match="f that is finite at x \\+ h"):
        gradient_of(lambda x: x * float("inf"), 1.0)
    with pytest.raises(ValueError, match="f that is finite at x \\+ h"):
        gradient_of(lambda x: x * 1.7e308, 1.0, 0.5)  # one side overflows


def test_what_moves_is_what_is_divided_by(array):
    """1e-15 does not fit in between the floats near 1; what does counts."""
    x = array(np.array([1.0, -3.0]))
    actual = jacobian(lambda x: 2.0 * x, x, 1e-15)
    assert_close(actual, np.diag([2.0, 2.0]))


def test_kinks(array):
    """The mean of the slopes at both sides, which is no derivative."""
    x = array(np.array([0.0, -2.0, 2.0]))
    xp = array_namespace(x)
    actual = jacobian(xp.abs, x)
    assert_close(actual, np.diag([0.0, -1.0, 1.0]), atol=1e-9)
    actual = jacobian(lambda x: xp.clip(x, min=0.0), x)
    assert_close(actual, np.diag([0.5, 0.0, 1.0]), atol=1e-9)


def test_the_argument_stays_as_it_is(x, array):
    given_x = array(x.copy())
    jacobian(curved, given_x)
    assert_close(given_x, x, rtol=0, atol=0)


@pytest.mark.parametrize("make", [np.asarray, torch.asarray])
def test_f_may_use_its_memory_again(make, x):
    """In place at x too: what f gets is a copy."""
    x, out = make(x), make(np.zeros(3))

    def reused(a):
        out[:] = 2 * a
        return out

    def in_place(a):
        a *= 2
        return a

    for f in (reused, in_place):
        before = to_numpy(x).copy()
        assert_close(jacobian(f, x), 2 * np.eye(3))
        assert_close(x, before, rtol=0, atol=0)


def test_float32(x, chain, rng):
    def f(a):
        return a**2 / (1 + np.sum(a**2))

    assert_float32(lambda a: jacobian(f, a), x, rtol=1e-3, atol=1e-3)
    assert_float32(lambda a: jacobian(f, a, np.float64(1e-2)), x, rtol=1e-3)
    assert_float32(
        lambda a: numerical_gradient(lambda a: np.sum(f(a)), a),
        x,
        rtol=1e-3,
        atol=1e-3,
    )
    dy, v = rng.normal(size=5), rng.normal(size=3)
    assert_float32(lambda v, *js: vector_jacobian_product(v, js), dy, *chain)
    assert_float32(lambda v, *js: jacobian_vector_product(js, v), v, *chain)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_to_move(dtype, array):
    """No input is no column, with one row for each output all the same."""
    x = array(np.zeros((0, 2), dtype=dtype))
    xp = array_namespace(x)
    result = jacobian(lambda x: xp.sum(x, axis=0), x)
    assert tuple(result.shape) == (2, 0, 2)
    assert (result.dtype, result.device) == (x.dtype, x.device)
    assert tuple(numerical_gradient(xp.sum, x).shape) == (0, 2)
    assert tuple(jacobian(lambda x: x[:0], array(np.ones(2))).shape) == (0, 2)


def test_no_step_is_the_identity(array):
    v = array(np.array([1.0, 2.0]))
    assert_close(vector_jacobian_product(v, []), [1.0, 2.0])
    assert_close(jacobian_vector_product((), v), [1.0, 2.0])


@pytest.mark.parametrize("step", [0, 0.0, -1e-6, np.nan, np.inf, True, False])
@pytest.mark.usefixtures("unchecked")
def test_other_steps_are_refused(step, x, array):
    for differentiate, f in ((jacobian, curved), (numerical_gradient, summed)):
        with pytest.raises(
            ValueError, match=f"positive and finite, got {step}"
        ):
            differentiate(f, array(x), step)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize(
    ("value", "step"),
    [
        (1.0, 1e-17),  # moves to no side
        (1.0, 1e-16),  # moves to the left side only
        (-1.0, 1e-16),  # moves to the right side only
        (1e308, 1.0),  # overflows at one side
        (1.0, 1.7e308),  # the distance of the sides overflows
        (np.nan, None),
        (np.inf, None),
        (-np.inf, 1e-3),
    ],
)
def test_x_that_does_not_move_is_refused(value, step, array):
    x = array(np.array([0.5, value]))
    with pytest.raises(ValueError, match="needs finite x - h < x < x \\+ h"):
        jacobian(lambda x: x, x, step)


def test_a_gradient_of_several_numbers_is_refused(x, array):
    xp = array_namespace(array(x))
    with pytest.raises(ValueError, match=r"one number .* got shape \(2,\)"):
        numerical_gradient(curved, array(x))
    with pytest.raises(ValueError, match=r"one number .* got shape \(1, 1\)"):
        numerical_gradient(lambda x: xp.reshape(x[0], (1, 1)), array(x))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_other_than_real_floating_numbers_are_refused(dtype, array):
    square = np.ones((2, 2))
    other, local = array(np.ones(2, dtype)), array(square.astype(dtype))
    v, good = array(np.ones(2)), array(square)
    message = f"real floating-point numbers, got {other.dtype}"
    for call in (
        lambda: jacobian(lambda x: x, other),
        lambda: numerical_gradient(lambda x: x[0], other),
        lambda: vector_jacobian_product(other, [good]),
        lambda: vector_jacobian_product(v, [good, local]),
        lambda: jacobian_vector_product([good], other),
        lambda: jacobian_vector_product([local, good], v),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_values_of_another_kind_are_refused(x, array):
    xp = array_namespace(array(x))
    for kind in (xp.float32, xp.int64, xp.complex128):
        other = xp.astype(array(x), kind)
        message = f"float64, as x is, got {other.dtype}"
        with pytest.raises(ValueError, match=message):
            jacobian(lambda _, other=other: other, array(x))
    with pytest.raises(ValueError, match="as x is, got float"):
        numerical_gradient(lambda x: float(x[0]), array(x))
    with pytest.raises(ValueError, match="as x is, got list"):
        jacobian(lambda x: [x], array(x))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (1, 2), (2, 1), (2, 2)])
def test_other_than_vectors_are_refused(shape, array):
    v, local = array(np.ones(shape)), array(np.ones((2, 2)))
    with pytest.raises(ValueError, match="Jacobians needs a vector, got"):
        vector_jacobian_product(v, [local])
    with pytest.raises(ValueError, match="Jacobians needs a vector, got"):
        jacobian_vector_product([local], v)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "shape", [(3, 3), (3,), (2,), (1, 2, 2), (2, 2, 2), ()]
)
def test_jacobians_that_do_not_fit_are_refused(shape, array):
    v, local = array(np.ones(2)), array(np.ones(shape))
    with pytest.raises(ValueError, match=r"needs 2 rows, .* got shape"):
        vector_jacobian_product(v, [local])
    with pytest.raises(ValueError, match=r"needs 2 columns, .* got shape"):
        jacobian_vector_product([local], v)


def test_wrong_order_of_jacobians_is_refused(chain, array):
    swapped = [array(chain[1]), array(chain[0])]
    with pytest.raises(ValueError, match=r"2 rows, .* got shape \(4, 3\)"):
        vector_jacobian_product(array(np.ones(2)), swapped)
    with pytest.raises(ValueError, match=r"3 columns, .* got shape \(2, 4\)"):
        jacobian_vector_product(swapped, array(np.ones(3)))
