from math import cos, sin

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.transformers.attention import (
    attention_weights,
    causal_mask,
    single_head_attention,
)
from reference.transformers.positional_encoding import rotary, sinusoidal
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

T, D, BASE = 7, 6, 50.0


@pytest.fixture
def x(rng):
    return rng.normal(size=(2, 3, T, D))


@pytest.fixture
def positions(rng):
    """Not whole, not sorted, not from 0: nothing of that is needed."""
    return rng.uniform(-20, 20, size=T)


def frequencies(d=D, base=BASE):
    return [base ** (-2 * i / d) for i in range(d // 2)]


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(array):
    r"""\omega_i = b^{-2 i / D}"""
    y = to_numpy(sinusoidal(array(np.array([1.0])), D, BASE))[0]
    expected = [1 / BASE ** (2 * i / D) for i in range(D // 2)]
    # All are at most 1, so one step turns no pair by more than half a circle.
    assert_close(np.arctan2(y[0::2], y[1::2]), expected)


def test_eq_2(positions, array):
    r"""p_{t,\, 2i} = \sin(\omega_i t)"""
    y = sinusoidal(array(positions), D, BASE)
    expected = [[sin(w * t) for w in frequencies()] for t in positions]
    assert_close(to_numpy(y)[:, [0, 2, 4]], expected)


def test_eq_3(positions, array):
    r"""p_{t,\, 2i+1} = \cos(\omega_i t)"""
    y = sinusoidal(array(positions), D, BASE)
    expected = [[cos(w * t) for w in frequencies()] for t in positions]
    assert_close(to_numpy(y)[:, [1, 3, 5]], expected)


def test_eq_4(x, positions, array):
    r"""y_{t,\, 2i} = x_{t,\, 2i} \cos(\omega_i t)
    - x_{t,\, 2i+1} \sin(\omega_i t)"""
    x = x[0, 0]
    y = to_numpy(rotary(array(x), array(positions), BASE))
    for n, t in enumerate(positions):
        for i, w in enumerate(frequencies()):
            even, odd = x[n, 2 * i], x[n, 2 * i + 1]
            expected = even * cos(w * t) - odd * sin(w * t)
            assert_close(y[n, 2 * i], expected)


def test_eq_5(x, positions, array):
    r"""y_{t,\, 2i+1} = x_{t,\, 2i} \sin(\omega_i t)
    + x_{t,\, 2i+1} \cos(\omega_i t)"""
    x = x[0, 0]
    y = to_numpy(rotary(array(x), array(positions), BASE))
    for n, t in enumerate(positions):
        for i, w in enumerate(frequencies()):
            even, odd = x[n, 2 * i], x[n, 2 * i + 1]
            expected = even * sin(w * t) + odd * cos(w * t)
            assert_close(y[n, 2 * i + 1], expected)


# The same as everybody else's: complex numbers, as in published RoPE code.


def turned(x, positions, base):
    """Return x with pairs as complex numbers, times exp(i omega t)."""
    d = x.shape[-1]
    omega = torch.exp(
        -np.log(base) * torch.arange(0, d, 2, dtype=torch.float64) / d
    )
    angles = torch.asarray(positions)[..., None] * omega
    pairs = torch.asarray(x).unflatten(-1, (d // 2, 2)).contiguous()
    y = torch.view_as_complex(pairs) * torch.polar(
        torch.ones_like(angles), angles
    )
    return torch.view_as_real(y).flatten(-2)


def test_rotary_is_a_product_of_complex_numbers(x, positions, array):
    expected = turned(x, positions, BASE)
    assert_close(rotary(array(x), array(positions), BASE), expected)


def test_sinusoidal_is_a_turned_pointer(positions, array):
    """exp(i omega t) is cosine and sine: the pairs of the page, swapped."""
    ones = np.tile([1.0, 0.0], (T, D // 2))
    expected = to_numpy(turned(ones, positions, BASE))
    expected = expected[:, [1, 0, 3, 2, 5, 4]]
    assert_close(sinusoidal(array(positions), D, BASE), expected)


def test_the_default_base_is_10000(x, positions, array):
    x, p = array(x), array(positions)
    assert_close(rotary(x, p), rotary(x, p, 10000.0))
    assert_close(sinusoidal(p, D), sinusoidal(p, D, 10000.0))


# The gradient: a rotation is undone by the opposite rotation.


def test_gradient(x, positions):
    p = torch.asarray(positions[:2])
    assert_gradient(
        lambda x: rotary(x, p, BASE),
        lambda dy, _: rotary(dy, -p, BASE),
        x[0, 0, :2],
    )


# What the page promises, and what is refused.


@pytest.mark.parametrize("k", [-3.0, 1.0, 11.0])
def test_a_shift_is_one_rotation_for_all_positions(positions, k, array):
    shift = np.zeros((D, D))
    for i, w in enumerate(frequencies()):
        c, s = cos(w * k), sin(w * k)
        shift[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[c, -s], [s, c]]
    assert_close(shift @ shift.T, np.eye(D))
    p = sinusoidal(array(positions), D, BASE)
    after = sinusoidal(array(positions + k), D, BASE)
    assert_close(to_numpy(p) @ shift, after)
    back = array(np.full(T, -k))
    assert_close(rotary(p, back, BASE), after)
    assert_close(rotary(array(np.eye(D)), back[:D], BASE), shift)


@settings(max_examples=25)
@given(
    st.integers(0, 100),
    st.floats(-500, 500),
    st.floats(-500, 500),
    st.floats(-500, 500),
    st.integers(1, 5),
)
def test_scores_depend_on_the_distance_only(seed, m, n, k, pairs):
    q, key = np.random.default_rng(seed).normal(size=(2, 1, 2 * pairs))

    def score(m, n):
        return rotary(q, np.array([m])) @ rotary(key, np.array([n])).mT

    assert_close(score(m + k, n + k), score(m, n), atol=1e-9)
    assert_close(score(m, m), q @ key.mT, atol=1e-9)
    length = np.linalg.norm(rotary(q, np.array([m])))
    assert_close(length, np.linalg.norm(q))


def test_products_of_encodings_are_sums_of_cosines(positions, array):
    p = to_numpy(sinusoidal(array(positions), D, BASE))
    expected = [
        [sum(cos(w * (m - n)) for w in frequencies()) for n in positions]
        for m in positions
    ]
    assert_close(p @ p.T, expected, atol=1e-10)


def test_order_counts_only_after_it_was_put_in(rng):
    x, order = rng.normal(size=(T, D)), np.array([3, 1, 0, 2, 6, 5, 4])
    matrices = rng.normal(size=(4, D, D))
    y = single_head_attention(x, x, *matrices)
    moved = single_head_attention(x[order], x[order], *matrices)
    assert_close(moved, y[order])
    p = sinusoidal(np.arange(float(T)), D)
    y = single_head_attention(x + p, x + p, *matrices)
    z = x[order] + p
    moved = single_head_attention(z, z, *matrices)
    assert np.all(np.abs(moved - y[order]).max(axis=-1) > 1e-3)
    mask = causal_mask(x)
    y = single_head_attention(x, x, *matrices, mask)
    moved = single_head_attention(x[order], x[order], *matrices, mask)
    assert np.abs(moved - y[order]).max() > 1e-3


def test_weights_by_rotary_do_not_change_when_all_tokens_move(x, positions):
    w = attention_weights(rotary(x, positions), rotary(x, positions))
    far = positions + 1000
    assert_close(attention_weights(rotary(x, far), rotary(x, far)), w, 1e-7)


def test_each_sequence_may_have_its_own_positions(x, rng, array):
    p = rng.uniform(0, 9, size=(2, 1, T))
    y = to_numpy(rotary(array(x), array(p), BASE))
    for n in range(2):
        for h in range(3):
            one = rotary(array(x[n, h]), array(p[n, 0]), BASE)
            assert_close(y[n, h], one)
    full = np.broadcast_to(p, (2, 3, T)).copy()
    assert_close(rotary(array(x), array(full), BASE), y)
    some = np.concatenate([p, p, p], axis=1)[:1]
    y = to_numpy(rotary(array(x), array(some), BASE))
    assert_close(y[1, 2], rotary(array(x[1, 2]), array(p[0, 0]), BASE))


def test_positions_of_any_shape(array):
    p = np.arange(6.0)
    flat = to_numpy(sinusoidal(array(p), 4))
    y = sinusoidal(array(p.reshape(2, 3)), 4)
    assert_close(y, flat.reshape(2, 3, 4))
    assert_close(sinusoidal(array(np.asarray(5.0)), 4), flat[5])
    assert sinusoidal(array(np.zeros(0)), 4).shape == (0, 4)
    y = rotary(array(np.zeros((2, 0, 4))), array(np.zeros(0)))
    assert y.shape == (2, 0, 4)


@pytest.mark.parametrize("base", [1.0, 1e300])
def test_extreme_bases(base, array):
    y = to_numpy(sinusoidal(array(np.array([2.0])), 4, base))[0]
    assert_close(y[:2], [sin(2), cos(2)])
    slow = 2 / base**0.5
    assert_close(y[2:], [sin(slow), cos(slow)])


def test_float32_stays_float32(x, positions):
    assert_float32(lambda p: sinusoidal(p, D), positions)
    assert_float32(rotary, x, positions)


@pytest.mark.usefixtures("unchecked")
def test_numpy_scalars_leave_float32_alone(x, positions):
    x, p, base = np.float32(x), np.float32(positions), np.float64(BASE)
    assert rotary(x, p, base).dtype == np.float32
    assert sinusoidal(p, np.int64(D), base).dtype == np.float32


def test_angles_keep_the_precision_of_the_positions(array):
    """float32 vectors at position 100 000, with positions in float64."""
    x, p = np.ones((1, D)), np.array([1e5 + 1 / 3])
    y = rotary(array(np.float32(x)), array(p), BASE)
    assert to_numpy(y).dtype == np.float32
    assert_close(y, turned(x, p, BASE), rtol=1e-5, atol=1e-6)


def test_half_precision_takes_longer_positions():
    x, p = np.ones((1, D)), np.array([2049.0])
    y = rotary(torch.asarray(x).half(), torch.asarray(p).float(), BASE)
    assert y.dtype == torch.float16
    expected = turned(x, p, BASE)
    assert_close(y, expected, rtol=0, atol=2e-3)


def test_frequencies_are_rounded_once():
    """float32 at position 1e4: off by 2.8e-4, with powers in float32 by 4e-4.

    120 is no power of 2, so that its exponents are rounded in float32.
    """
    p = np.array([1e4])
    y = sinusoidal(np.float32(p), 120)
    assert_close(y, sinusoidal(p, 120), rtol=0, atol=3.5e-4)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("d", [-2, 0, 1, 3, 7])
def test_an_odd_number_of_entries_is_refused(d, array):
    message = f"an even number of entries, got {d}$"
    with pytest.raises(ValueError, match=message):
        sinusoidal(array(np.zeros(2)), d)
    if d >= 0:
        with pytest.raises(ValueError, match=message):
            rotary(array(np.zeros((2, d))), array(np.zeros(2)))


@pytest.mark.parametrize("base", [np.nan, np.inf, -1.0, 0.0, 0.99])
def test_a_base_below_1_is_refused(base, array):
    message = rf"in \[1, inf\), got {base}"
    with pytest.raises(ValueError, match=message):
        sinusoidal(array(np.zeros(2)), 4, base)
    with pytest.raises(ValueError, match=message):
        rotary(array(np.zeros((2, 4))), array(np.zeros(2)), base)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.int64, np.bool_, np.complex128])
def test_other_numbers_are_refused(kind, array):
    floats, p = np.ones((2, 4)), np.ones(2)
    message = r"real floating-point .*(int|bool|complex)"
    with pytest.raises(ValueError, match="positions need a " + message):
        sinusoidal(array(p.astype(kind)), 4)
    with pytest.raises(ValueError, match="positions need a " + message):
        rotary(array(floats), array(p.astype(kind)))
    with pytest.raises(ValueError, match="x needs rows of " + message):
        rotary(array(floats.astype(kind)), array(p))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "shape",
    [
        *[(), (1,), (T - 1,), (2, T), (3, T), (1, T), (T, 1)],
        *[(2, 2, T), (3, 3, T), (2, 3, 1), (1, 2, 3, T)],
    ],
)
def test_positions_that_do_not_fit_are_refused(shape, x, array):
    message = r"positions need shape \(7,\), or \(2, 3, 7\) .*got \("
    with pytest.raises(ValueError, match=message):
        rotary(array(x), array(np.zeros(shape)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (4,)])
def test_a_single_vector_is_refused(shape, array):
    x, message = np.zeros(shape), r"x needs rows .* shape \("
    with pytest.raises(ValueError, match=message):
        rotary(array(x), array(np.zeros(4)))
