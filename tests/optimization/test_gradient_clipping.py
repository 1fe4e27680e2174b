from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.neural_networks.regression_losses import huber_gradient
from reference.optimization.gradient_clipping import (
    Clipped,
    clip_by_norm,
    clip_by_value,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

# Shapes of the gradients of a small network: weights, bias, one number.
SHAPES = [(3, 2), (2,), ()]


@pytest.fixture
def gradients(rng):
    """Return arrays whose global norm is 5."""
    drawn = [np.asarray(rng.normal(size=shape)) for shape in SHAPES]
    length = np.linalg.norm(np.concatenate([np.ravel(g) for g in drawn]))
    return [5 * g / length for g in drawn]


def joined(arrays):
    return np.concatenate([np.ravel(to_numpy(a)) for a in arrays])


def norm_of(arrays):
    """Return the global norm, computed with plain loops."""
    return sqrt(sum(float(e) ** 2 for g in arrays for e in np.ravel(g)))


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(gradients, array):
    r"""\lVert g \rVert = \sqrt{\sum_{k=1}^{K} \sum_{i=1}^{I_k} g_{ki}^2}"""
    total = 0.0
    for k in range(len(gradients)):
        entries = np.ravel(3 * gradients[k])
        for i in range(len(entries)):
            total += entries[i] ** 2
    for limit in (1.0, 100.0):
        found = clip_by_norm([array(3 * g) for g in gradients], limit)
        assert_close(found.norm, np.asarray(sqrt(total)))


def test_eq_2(gradients, array):
    r"""\tilde{g}_{ki} = \begin{cases}
    g_{ki} & \text{if } \lVert g \rVert \le c \\
    c \, g_{ki} / \lVert g \rVert & \text{otherwise}
    \end{cases}"""
    norm = norm_of(gradients)
    for c in (0.2, 1.0, 4.9, 5.1, 30.0):
        found, _ = clip_by_norm([array(g) for g in gradients], c)
        for g, clipped in zip(gradients, found, strict=True):
            expected = np.zeros(g.size)
            for i, entry in enumerate(np.ravel(g)):
                expected[i] = entry if norm <= c else c * entry / norm
            assert_close(clipped, expected.reshape(g.shape))


def test_eq_3(gradients, array):
    r"""\tilde{g}_i = \min(\max(g_i, -c), c)"""
    for g in gradients:
        for c in (0.2, 1.0, 30.0):
            expected = [min(max(e, -c), c) for e in np.ravel(g)]
            found = clip_by_value(array(g), c)
            assert_close(found, np.reshape(expected, g.shape))


# The same as everybody else's: torch.nn.utils, NumPy's norm and clip.


@pytest.mark.parametrize("limit", [0.3, 4.0, 6.0])
def test_torch_clip_grad_norm(gradients, limit, array):
    """PyTorch divides by the norm plus 1e-6, which is taken out here."""
    leaves = [torch.zeros(g.shape, dtype=torch.float64) for g in gradients]
    for leaf, g in zip(leaves, gradients, strict=True):
        leaf.grad = torch.tensor(g)
    norm = float(torch.nn.utils.clip_grad_norm_(leaves, limit))
    correction = (norm + 1e-6) / norm if norm > limit else 1.0
    found = clip_by_norm([array(g) for g in gradients], limit)
    assert_close(found.norm, np.asarray(norm))
    for clipped, leaf in zip(found.gradients, leaves, strict=True):
        assert_close(clipped, to_numpy(leaf.grad) * correction)


def test_torch_clip_grad_value(gradients, array):
    for g in gradients:
        leaf = torch.zeros(g.shape, dtype=torch.float64)
        leaf.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_value_(leaf, 0.7)
        assert_close(clip_by_value(array(g), 0.7), leaf.grad)


def test_one_vector_is_the_norm_of_numpy(rng, array):
    g = rng.normal(size=40)
    found = clip_by_norm([array(g)], 2.0)
    length = np.linalg.norm(g)
    assert_close(found.norm, np.asarray(length))
    assert_close(found.gradients[0], 2.0 / length * g)


# Autograd: a clipped gradient no longer depends on its length.


def test_gradient_of_clipping_by_norm(rng):
    def forward(g):
        return clip_by_norm([g], 2.0).gradients[0]

    def backward(dy, g):
        """Project onto the directions that keep the length."""
        length = torch.linalg.vector_norm(g)
        u = g / length
        return 2.0 / length * (dy - torch.sum(u * dy) * u)

    assert_gradient(forward, backward, 3 + rng.normal(size=4))
    assert_gradient(forward, lambda dy, _: dy, 0.1 * rng.normal(size=4))


def test_gradient_of_clipping_by_value():
    def backward(dy, g):
        return torch.where(torch.abs(g) < 2.0, dy, torch.zeros_like(dy))

    g = np.array([0.3, -1.0, 2.5, -40.0])
    assert_gradient(lambda g: clip_by_value(g, 2.0), backward, g)


# What the page promises: invariances, limits, pitfalls, refused inputs.

entries = st.floats(-1e308, 1e308, allow_subnormal=False)
limits = st.floats(1e-3, 1e300)


@pytest.mark.filterwarnings("ignore:overflow")
@settings(max_examples=25)
@given(st.lists(st.lists(entries, max_size=4), min_size=1, max_size=3), limits)
def test_norm_at_most_the_limit_and_direction_kept(lists, limit):
    """Entry by entry in proportion, so that nothing here overflows either."""
    before = [np.array(g, dtype=np.float64) for g in lists]
    if not any(g.size for g in before):
        return
    after, norm = clip_by_norm(before, limit)
    g, clipped = joined(before), joined(after)
    unit = np.max(np.abs(clipped))
    if unit > 0:
        length = unit * np.linalg.norm(clipped / unit)
        assert length <= limit * (1 + 1e-12)
    assert np.all(clipped * np.sign(g) >= 0)
    largest = np.max(np.abs(g))
    if largest > 0:
        assert_close(clipped / unit, g / largest, atol=1e-300)
    if float(norm) <= limit:
        assert np.array_equal(clipped, g)


@settings(max_examples=25)
@given(st.lists(st.floats(width=32), max_size=5), limits)
def test_value_is_within_the_limit_and_keeps_every_sign(g, limit):
    g = np.array(g)
    after = clip_by_value(g, limit)
    here = ~np.isnan(g)
    assert np.array_equal(np.isnan(after), ~here)
    assert np.all(np.abs(after[here]) <= limit)
    assert np.all(np.sign(after[here]) == np.sign(g[here]))


def test_three_four(array):
    """By norm the ratio stays 3 to 4, by value it is lost."""
    g = array(np.array([3.0, 4.0]))
    found = clip_by_norm([g], 1.0)
    assert isinstance(found, Clipped)
    assert_close(found.gradients[0], np.array([0.6, 0.8]))
    assert_close(found.norm, np.asarray(5.0))
    assert_close(clip_by_value(g, 1.0), np.array([1.0, 1.0]))


def test_a_short_gradient_is_not_divided_by_its_norm(array):
    """Dividing always would make it 20 times as long."""
    g = np.array([0.03, 0.04])
    (after,), norm = clip_by_norm([array(g)], 1.0)
    assert np.array_equal(to_numpy(after), g)
    assert_close(norm, np.asarray(0.05))


def test_exactly_at_the_limit_nothing_changes(array):
    g = np.array([3.0, 4.0])
    (after,), _ = clip_by_norm([array(g)], 5.0)
    assert np.array_equal(to_numpy(after), g)
    assert np.array_equal(to_numpy(clip_by_value(array(g), 4.0)), g)


def test_global_norm_is_not_that_of_every_array(array):
    """Together 13 long; alone, only the second is longer than 6.5."""
    parts = [array(np.array([3.0, 4.0])), array(np.array([12.0]))]
    found = clip_by_norm(parts, 6.5)
    assert_close(found.gradients[0], np.array([1.5, 2.0]))
    assert_close(found.gradients[1], np.array([6.0]))
    assert_close(found.norm, np.asarray(13.0))
    alone = [clip_by_norm([g], 6.5).gradients[0] for g in parts]
    assert_close(alone[0], np.array([3.0, 4.0]))
    assert_close(alone[1], np.array([6.5]))


def test_zero_gradients_stay_zero(array):
    zeros = [array(np.zeros((2, 3))), array(np.zeros(1))]
    found = clip_by_norm(zeros, 1.0)
    assert_close(found.norm, np.asarray(0.0))
    assert_close(found.gradients[0], np.zeros((2, 3)))
    assert_close(found.gradients[1], np.zeros(1))
    assert_close(clip_by_value(zeros[0], 1.0), np.zeros((2, 3)))


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e-310, 3.5e307])
def test_huge_and_tiny_gradients(scale, array):
    """Their squares overflow or vanish; their norm does not."""
    parts = [array(scale * np.array([3.0, 0.0])), array(scale * np.array([4]))]
    found = clip_by_norm(parts, scale)
    assert_close(found.norm / scale, np.asarray(5.0))
    assert_close(found.gradients[0] / scale, np.array([0.6, 0.0]))
    assert_close(found.gradients[1] / scale, np.array([0.8]))
    if scale > 1:
        (first, second), _ = clip_by_norm(parts, 1.0)
        assert_close(first, np.array([0.6, 0.0]))
        assert_close(second, np.array([0.8]))
        (first, _), _ = clip_by_norm(parts, 1e-10)
        assert_close(first, np.array([0.6e-10, 0.0]), atol=0)


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_norm_beyond_the_largest_float(array):
    """It is inf, and the clipped gradients are right all the same."""
    g = np.full(4, 1.5e308)
    found = clip_by_norm([array(g)], 1.0)
    assert float(found.norm) == inf
    assert_close(found.gradients[0], np.full(4, 0.5))
    largest = float(np.finfo(np.float64).max)
    found = clip_by_norm([array(g)], largest)
    assert_close(found.gradients[0], np.full(4, largest / 2))
    found = clip_by_norm([array(g)], inf)
    assert np.array_equal(to_numpy(found.gradients[0]), g)
    g = np.full(4, 3e38, np.float32)  # 6e38 long
    found = clip_by_norm([array(g)], 1e300)
    assert np.array_equal(to_numpy(found.gradients[0]), g)
    found = clip_by_norm([array(g)], 3.2e38)
    assert_close(found.gradients[0], np.full(4, 1.6e38), rtol=1e-6)


def test_subnormal_and_spread_float32(array):
    parts = [np.full((3,), 1e-42, np.float32), np.full((1,), 1e30, np.float32)]
    after, norm = clip_by_norm([array(g) for g in parts], 1.0)
    assert_close(norm, np.asarray(1e30), rtol=1e-6)
    assert_close(after[1], np.ones(1), rtol=1e-6)


@pytest.mark.parametrize(("bad", "norm"), [(nan, nan), (inf, inf), (-inf, inf)])
def test_norm_tells_of_what_is_not_finite(bad, norm, array):
    """Every entry is NaN then, in every array; a limit of inf is no excuse."""
    for limit in (1.0, inf):
        parts = [np.array([1.0, bad]), np.zeros((0, 3)), np.array([0.0])]
        found = clip_by_norm([array(g) for g in parts], limit)
        assert np.isnan(joined(found.gradients)).all()
        assert [tuple(g.shape) for g in found.gradients] == [(2,), (0, 3), (1,)]
        assert isnan(float(found.norm)) if isnan(norm) else found.norm == inf
        for g in found.gradients:
            assert to_numpy(g).dtype == np.float64


def test_nan_beside_inf_is_nan(array):
    for pair in ([nan, inf], [inf, nan]):
        found = clip_by_norm([array(np.array([p])) for p in pair], 1.0)
        assert isnan(float(found.norm))


def test_value_hides_inf_and_keeps_nan(array):
    g = array(np.array([inf, -inf, nan, 0.5]))
    assert_close(clip_by_value(g, 2.0), np.array([2.0, -2.0, nan, 0.5]))


def test_an_infinite_limit_changes_nothing(gradients, array):
    after, norm = clip_by_norm([array(g) for g in gradients], inf)
    assert np.array_equal(joined(after), joined(gradients))
    assert_close(norm, np.asarray(norm_of(gradients)))
    for limit in (inf, 1e300):
        g = np.float32([3e38, -2.0, inf])
        found = to_numpy(clip_by_value(array(g), limit))
        assert np.array_equal(found, g)
        assert found.dtype == np.float32


def test_arrays_without_entries_are_carried_along(array):
    parts = [np.zeros((0, 3)), np.array([3.0, 4.0]), np.zeros((2, 0))]
    for limit in (1.0, 5.0):
        found = clip_by_norm([array(g) for g in parts], limit)
        assert_close(found.norm, np.asarray(5.0))
        assert_close(found.gradients[0], parts[0])
        assert_close(found.gradients[1], limit * np.array([0.6, 0.8]))
        assert_close(found.gradients[2], parts[2])
    assert_close(clip_by_value(array(parts[0]), 1.0), parts[0])


@pytest.mark.parametrize("limit", [1.0, 100.0])
def test_arguments_stay_and_results_are_new(limit, array):
    """What is returned may be overwritten without harm to the argument."""
    g = np.array([3.0, 4.0])
    mine = [array(g.copy())]
    found = clip_by_norm(mine, limit)
    found.gradients[0][0] = -7.0
    value = clip_by_value(mine[0], limit)
    value[0] = -7.0
    assert np.array_equal(to_numpy(mine[0]), g)
    assert len(mine) == 1


@pytest.mark.parametrize("limit", [1.0, np.float64(1.0), np.asarray(1.0)])
@pytest.mark.parametrize("scale", [0.1, 1.0, 1e30])
@pytest.mark.usefixtures("unchecked")
def test_float32(scale, limit, array):
    """Also where the limit is a float64 of NumPy."""
    g = np.float32([3.0, 4.0]) * np.float32(scale)
    found = clip_by_norm([array(g)], limit)
    factor = min(1.0, 1 / (5 * scale))
    assert_close(found.gradients[0], g * factor, rtol=1e-6)
    assert_close(found.norm, np.asarray(5 * scale), rtol=1e-6)
    bad = clip_by_norm([array(g * np.float32(nan))], limit)
    value = clip_by_value(array(g), limit)
    for a in (*found, *found.gradients, *bad.gradients, bad.norm, value):
        if not isinstance(a, list):
            assert to_numpy(a).dtype == np.float32


def test_float32_of_many_entries(rng):
    def both(g):
        (after,), norm = clip_by_norm([g], 1.0)
        return after, norm, clip_by_value(g, 1.0)

    assert_float32(both, rng.normal(size=(300, 100)))


def test_value_takes_half_precision():
    """It adds nothing up, so float16 is wide enough; 70000 is inf there."""
    g = torch.tensor([3.0, -0.5], dtype=torch.float16)
    for limit in (1.0, 70000.0):
        found = clip_by_value(g, limit)
        assert found.dtype == torch.float16
        assert_close(found, np.float16([min(3.0, limit), -0.5]))


def test_clipped_squares_are_the_huber_loss(rng, array):
    """Clip every example's r, and the loss that one descends is Huber's."""
    r = rng.normal(0, 3, 9)
    expected = huber_gradient(array(r), array(0 * r), 2.0) * 9
    assert_close(clip_by_value(array(r), 2.0), to_numpy(expected))
    alone = [clip_by_norm([array(r[n : n + 1])], 2.0) for n in range(9)]
    assert_close(joined(a.gradients[0] for a in alone), to_numpy(expected))


@pytest.mark.parametrize("limit", [0.0, -1.0, nan, -inf, True, np.float64(0)])
@pytest.mark.usefixtures("unchecked")
def test_limits_out_of_range_are_refused(limit):
    g = np.ones(2)
    for refused in (
        lambda: clip_by_norm([g], limit),
        lambda: clip_by_value(g, limit),
    ):
        with pytest.raises(ValueError, match=f"a limit > 0, got {limit}"):
            refused()


@pytest.mark.usefixtures("unchecked")
def test_one_array_in_place_of_a_list_is_refused(array):
    """Its rows would come back as a list."""
    for g in (array(np.ones((2, 3))), iter([array(np.ones(2))])):
        message = f"needs a list of gradients, got a {type(g).__name__}"
        with pytest.raises(ValueError, match=message):
            clip_by_norm(g, 1.0)


def test_no_entry_at_all_is_refused(array):
    with pytest.raises(ValueError, match=r"with an entry, got the shapes \[\]"):
        clip_by_norm([], 1.0)
    with pytest.raises(ValueError, match=r"the shapes \[\(0, 2\), \(0,\)\]"):
        clip_by_norm([array(np.ones((0, 2))), array(np.ones(0))], 1.0)
    assert clip_by_norm((array(np.ones(1)),), 1.0).gradients[0].shape == (1,)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "dtypes",
    [
        (np.int64, np.int64),
        (np.bool_, np.bool_),
        (np.complex128, np.complex128),
        (np.float32, np.float64),
        (np.float64, np.float32),
        (np.float64, np.int64),
    ],
)
def test_a_norm_over_other_precisions_is_refused(dtypes, array):
    parts = [array(np.ones(2, dtype)) for dtype in dtypes]
    name = dtypes[1].__name__.rstrip("_")
    with pytest.raises(ValueError, match=f"all float64, got .*{name}"):
        clip_by_norm(parts, 1.0)


def test_a_norm_in_half_precision_is_refused():
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(ValueError, match=f"all float64, got {dtype}"):
            clip_by_norm([torch.ones(2, dtype=dtype)], 1.0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128])
def test_values_that_are_not_real_floating_are_refused(dtype, array):
    with pytest.raises(ValueError, match="real floating-point numbers, got"):
        clip_by_value(array(np.ones(2, dtype)), 1.0)
