import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch.nn import functional

from reference.training.data_augmentation import (
    color_jitter,
    crop,
    flip,
    noise,
    rotate,
    rotate_by,
    translate,
)
from tests.checks import (
    assert_close,
    assert_float32,
    assert_gradient,
    to_numpy,
)

N, C, H, W = 3, 2, 4, 5
EXPERIMENTS = Path(__file__).parents[2] / "experiments"
EVERY = [
    lambda x: flip(x, 3),
    lambda x: rotate(x, 1),
    lambda x: translate(x, 1, 1),
    lambda x: crop(x, 0, 0, 1, 1),
    lambda x: rotate_by(x, 10.0),
    lambda x: noise(x, 0.1, x),
    lambda x: color_jitter(x),
]


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, C, H, W))


@pytest.fixture
def photo(rng):
    """Three photographs in three colours, one of them dark."""
    return rng.uniform(size=(N, 3, H, W)) * np.array([1, 0.9, 0.2]).reshape(
        N, 1, 1, 1
    )


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(x, array):
    r"""y_{ij} = x_{i, \, W-1-j}"""
    expected = np.empty(x.shape)
    for n, c, i, j in np.ndindex(x.shape):
        expected[n, c, i, j] = x[n, c, i, W - 1 - j]
    assert_close(flip(array(x), axis=3), expected)


def test_eq_2(x, array):
    r"""y_{ij} = x_{j, \, W-1-i}"""
    expected = np.empty((N, C, W, H))
    for n, c, i, j in np.ndindex(expected.shape):
        expected[n, c, i, j] = x[n, c, j, W - 1 - i]
    assert_close(rotate(array(x), turns=1), expected)


def pixel(x, n, c, i, j):
    """Return a pixel, or 0 outside of the picture."""
    return x[n, c, i, j] if 0 <= i < H and 0 <= j < W else 0.0


def test_eq_3(x, array):
    r"""y_{ij} = x_{i - \Delta_y, \, j - \Delta_x}"""
    dy, dx = np.array([1, -2, 0]), np.array([-1, 3, 7])
    expected = np.empty(x.shape)
    for n, c, i, j in np.ndindex(x.shape):
        expected[n, c, i, j] = pixel(x, n, c, i - dy[n], j - dx[n])
    assert_close(translate(array(x), array(dy), array(dx)), expected)
    for n in range(N):
        y = translate(array(x), int(dy[n]), int(dx[n]))
        assert_close(to_numpy(y)[n], expected[n])


def test_eq_4(x, array):
    r"""y_{ij} = x_{r+i, \, s+j}"""
    top, left = np.array([0, 2, 1]), np.array([2, 1, 0])
    expected = np.empty((N, C, 2, 3))
    for n, c, i, j in np.ndindex(expected.shape):
        expected[n, c, i, j] = x[n, c, top[n] + i, left[n] + j]
    assert_close(crop(array(x), array(top), array(left), 2, 3), expected)
    for n in range(N):
        y = crop(array(x), int(top[n]), int(left[n]), 2, 3)
        assert_close(to_numpy(y)[n], expected[n])


def source(angle, i, j):
    """Return the place from which pixel (i, j) is read."""
    a = math.radians(angle)
    u, v = i - (H - 1) / 2, j - (W - 1) / 2
    p = (H - 1) / 2 + math.cos(a) * u + math.sin(a) * v
    q = (W - 1) / 2 - math.sin(a) * u + math.cos(a) * v
    return p, q


def ramp(axis):
    """Return an image whose pixels say in which row or column they are."""
    return np.indices((H, W))[axis].astype(float)[None, None]


def inner(angle):
    """Return pixels that are read between four pixels."""
    places = [(i, j, *source(angle, i, j)) for i, j in np.ndindex(H, W)]
    return [
        (i, j, p, q)
        for i, j, p, q in places
        if 0 <= p <= H - 1 and 0 <= q <= W - 1
    ]


def test_eq_5(array):
    r"""p = c_y + (i - c_y) \cos a + (j - c_x) \sin a"""
    y = to_numpy(rotate_by(array(ramp(0)), 30.0))
    assert len(inner(30.0)) > 8
    for i, j, p, _ in inner(30.0):
        assert_close(y[0, 0, i, j], p)


def test_eq_6(array):
    r"""q = c_x - (i - c_y) \sin a + (j - c_x) \cos a"""
    y = to_numpy(rotate_by(array(ramp(1)), 30.0))
    for i, j, _, q in inner(30.0):
        assert_close(y[0, 0, i, j], q)


def test_eq_7(x, array):
    r"""\begin{gathered} y_{ij} = \sum_{k=0}^{H-1} \sum_{l=0}^{W-1}
    h(p - k) \, h(q - l) \, x_{kl}, \\
    h(t) = \max(0, 1 - \lvert t \rvert) \end{gathered}"""
    angles = np.array([30.0, -115.0, 200.0])

    def h(t):
        return max(0.0, 1 - abs(t))

    expected = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(x.shape):
        p, q = source(angles[n], i, j)
        for k, l in np.ndindex(H, W):  # noqa: E741
            expected[n, c, i, j] += h(p - k) * h(q - l) * x[n, c, k, l]
    assert_close(rotate_by(array(x), array(angles)), expected)
    y = to_numpy(rotate_by(array(x), 30.0))
    assert_close(y[0], expected[0])


def test_eq_8(x, rng, array):
    r"""y_{ij} = x_{ij} + \sigma z_{ij}"""
    z, std = rng.normal(size=x.shape), np.array([0.0, 0.1, 20.0])
    expected = np.empty(x.shape)
    for n, c, i, j in np.ndindex(x.shape):
        expected[n, c, i, j] = x[n, c, i, j] + std[n] * z[n, c, i, j]
    assert_close(noise(array(x), array(std), array(z)), expected)
    y = to_numpy(noise(array(x), 20.0, array(z)))
    assert_close(y[2], expected[2])


def test_eq_9(photo, array):
    r"""g_{ij} = 0.299 \, x_{0ij} + 0.587 \, x_{1ij} + 0.114 \, x_{2ij}"""
    y = color_jitter(array(photo), saturation=0.0)
    for n, c, i, j in np.ndindex(photo.shape):
        r, g, b = photo[n, :, i, j]
        grey = 0.299 * r + 0.587 * g + 0.114 * b
        assert_close(to_numpy(y)[n, c, i, j], grey)


def blend(factor, a, b):
    return min(1.0, max(0.0, factor * a + (1 - factor) * b))


def test_eq_10(photo, array):
    r"""\begin{aligned} b_{cij} &= f x_{cij} + (1 - f) \, o_{cij} , \\
    y_{cij} &= \min( 1, \max( 0, b_{cij} ) ) \end{aligned}"""
    factors = np.array([0.3, 1.4, 3.0])
    light, strong, coloured = (
        to_numpy(color_jitter(array(photo), **{name: array(factors)}))
        for name in ("brightness", "contrast", "saturation")
    )
    weights = (0.299, 0.587, 0.114)
    grey = np.zeros((N, H, W))
    for n, c, i, j in np.ndindex(photo.shape):
        grey[n, i, j] += weights[c] * photo[n, c, i, j]
    for n, c, i, j in np.ndindex(photo.shape):
        f, v = factors[n], photo[n, c, i, j]
        mean = sum(grey[n].ravel()) / (H * W)
        assert_close(light[n, c, i, j], blend(f, v, 0))
        assert_close(strong[n, c, i, j], blend(f, v, mean))
        assert_close(coloured[n, c, i, j], blend(f, v, grey[n, i, j]))


# The same as everybody else's.


def test_flips_and_quarter_turns_of_numpy(x, array):
    for axis in (2, 3):
        assert_close(flip(array(x), axis), np.flip(x, axis))
        assert_close(
            flip(array(x), axis), torch.flip(torch.asarray(x), (axis,))
        )
    for turns in range(-5, 6):
        expected = np.rot90(x, turns, axes=(2, 3))
        assert_close(rotate(array(x), turns), expected)


@pytest.mark.parametrize("shift", [(0, 0), (1, -2), (-3, 4), (4, 0), (0, -9)])
def test_shift_is_a_roll_with_an_emptied_border(x, shift, array):
    dy, dx = shift
    i, j = np.arange(H)[:, None], np.arange(W)
    seen = (i >= dy) & (i < H + dy) & (j >= dx) & (j < W + dx)
    expected = np.where(seen, np.roll(x, shift, axis=(2, 3)), 0)
    assert_close(translate(array(x), dy, dx), expected)


def test_crop_is_a_slice(x, array):
    assert_close(crop(array(x), 1, 2, 3, 2), x[:, :, 1:4, 2:4])
    assert_close(crop(array(x), 0, 0, H, W), x)


@pytest.mark.parametrize("angle", [0.0, 36.87, -15.0, 90.0, 171.0, 1000.0])
def test_rotation_of_scipy(x, angle, array):
    a = math.radians(angle)
    matrix = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
    middle = np.array([(H - 1) / 2, (W - 1) / 2])
    expected = np.empty(x.shape)
    for n, c in np.ndindex(N, C):
        expected[n, c] = ndimage.affine_transform(
            x[n, c],
            matrix,
            middle - matrix @ middle,
            order=1,
            mode="grid-constant",
        )
    assert_close(rotate_by(array(x), angle), expected, atol=1e-9)


def test_a_quarter_turn_is_one_of_90_degrees(rng, array):
    x = rng.normal(size=(1, 1, 5, 5))
    for turns in (1, 2, -1):
        y = rotate_by(array(x), 90.0 * turns)
        assert_close(y, rotate(array(x), turns))
        side = ndimage.rotate(x[0, 0], 90 * turns, order=1)
        assert_close(y, side[None, None], atol=1e-9)


def test_noise_of_numpy(x, rng, array):
    z = rng.normal(size=x.shape)
    assert_close(noise(array(x), 0.3, array(z)), x + 0.3 * z)


def mixed(a, b, factor):
    """Blend as torchvision does."""
    return (factor * a + (1 - factor) * b).clamp(0, 1)


@pytest.mark.parametrize("factors", [(0.6, 1.5, 0.2), (1.7, 0.4, 2.5)])
def test_jitter_as_torchvision_defines_it(photo, factors, array):
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    y = torch.asarray(photo)
    y = mixed(y, torch.zeros_like(y), factors[0])
    grey = torch.einsum("nchw,c->nhw", y, weights)
    y = mixed(y, grey.mean((1, 2))[:, None, None, None], factors[1])
    grey = torch.einsum("nchw,c->nhw", y, weights)
    y = mixed(y, grey[:, None], factors[2])
    assert_close(color_jitter(array(photo), *factors), y)


# The gradient: where nothing is clipped, it is the transform turned around.


def test_gradient(x):
    assert_gradient(lambda x: flip(x, 2), lambda dy, _: flip(dy, 2), x[:1, :1])
    assert_gradient(
        lambda x: rotate(x, 1), lambda dy, _: rotate(dy, -1), x[:1, :1]
    )
    assert_gradient(
        lambda x: translate(x, 1, -2),
        lambda dy, _: translate(dy, -1, 2),
        x[:1, :1],
    )
    assert_gradient(
        lambda x: crop(x, 1, 2, 2, 3),
        lambda dy, _: functional.pad(dy, (2, 0, 1, 1)),
        x[:1, :1],
    )
    assert_gradient(
        lambda x, z: noise(x, 0.5, z),
        lambda dy, *_: (dy, dy / 2),
        x[:1],
        x[1:2],
    )


def test_gradient_of_turns_and_colours(x, photo):
    leaf = torch.asarray(x[:1, :1]).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rotate_by(x, 25.0), leaf)
    leaf = torch.asarray(0.3 + 0.3 * photo[:1]).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: color_jitter(x, 0.9, 1.1, 0.8), leaf
    )


# What the page promises, and what is refused.


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(-9, 9))
def test_flips_and_turns_are_a_group(h, w, k):
    x = np.random.default_rng(abs(k)).normal(size=(1, 1, h, w))
    assert_close(flip(flip(x, 2), 2), x)
    assert_close(flip(flip(x, 2), 3), rotate(x, 2))
    assert_close(rotate(rotate(x, k), 4 - k), x)
    assert_close(flip(rotate(x, k), 3), rotate(flip(x, 3), -k))


def test_a_shift_back_restores_the_inside(x, array):
    y = to_numpy(translate(translate(array(x), 1, -2), -1, 2))
    assert_close(y[:, :, :-1, 2:], x[:, :, :-1, 2:])
    assert np.all(y[:, :, -1] == 0)
    assert np.all(y[:, :, :, :2] == 0)


def test_padding_and_cropping_is_a_shift(x, array):
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    top, left = np.array([0, 4, 1]), np.array([3, 2, 0])
    y = crop(array(padded), array(top), array(left), H, W)
    assert_close(translate(array(x), array(2 - top), array(2 - left)), y)


def test_turning_back_blurs(rng, array):
    x = rng.uniform(size=(1, 1, 9, 9))
    back = to_numpy(rotate_by(rotate_by(array(x), 20.0), -20.0))
    inside = (slice(None), slice(None), slice(3, 6), slice(3, 6))
    assert back[inside].std() < 0.9 * x[inside].std()


def test_factors_of_1_and_defaults_change_nothing(photo, array):
    assert_close(color_jitter(array(photo)), photo)
    grey = array(photo[:, :1])
    assert_close(color_jitter(grey, saturation=0.3), photo[:, :1])
    assert_close(rotate_by(grey, 0.0), photo[:, :1])


def test_masks_of_whole_numbers_move_along(rng, array):
    mask = rng.integers(0, 200, size=(N, 1, H, W)).astype(np.uint8)
    for change in EVERY[:4]:
        y = to_numpy(change(array(mask)))
        assert y.dtype == np.uint8
        assert_close(y, change(mask.astype(float)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int8])
def test_whole_numbers_of_any_kind_do_not_wrap_around(x, kind, array):
    one = np.ones(N, dtype=kind)
    expected = translate(x, 1, 1)
    assert_close(translate(array(x), array(one), array(one)), expected)
    big = np.zeros((1, 1, 1, 300))
    big[..., 200] = 1
    y = crop(array(big), 0, array(np.array([200], np.uint8)), 1, 100)
    assert_close(y, big[..., 200:])


def test_no_argument_changes(photo):
    before = photo.copy()
    for change in EVERY:
        change(photo)
    assert_close(photo, before, rtol=0, atol=0)


def test_no_result_is_a_view(x, array):
    images = array(x.copy())
    for turns in (0, 1, 4):
        y = rotate(images, turns)
        y[...] = 7.0
    for axis in (2, 3):
        y = flip(images, axis)
        y[...] = 7.0
    assert_close(images, x, rtol=0, atol=0)
    torch.from_numpy(flip(x, 3))  # which refuses the strides of np.flip


def test_no_image(array):
    for change in EVERY:
        assert change(array(np.zeros((0, 3, H, W)))).shape[0] == 0


def test_float32_stays_float32(photo):
    for change in EVERY:
        assert_float32(change, photo)
    std = np.array([0.1, 0.2, 0.3])
    assert_float32(lambda x: noise(x, std, np.ones(x.shape)), photo)
    assert_float32(lambda x: rotate_by(x, 100 * std), photo)
    assert_float32(lambda x: color_jitter(x, std, std, std), photo)


@pytest.mark.usefixtures("unchecked")
def test_draws_of_numpy_serve_all_libraries(photo, array):
    x, f = array(np.float32(photo)), np.float64(0.5)
    k, z = np.int64(1), array(np.ones(photo.shape))
    single = array(np.float32(photo)).dtype
    pairs = [
        (translate(x, k, k), translate(photo, 1, 1)),
        (crop(x, k, k, k, k), photo[:, :, 1:2, 1:2]),
        (rotate(x, k), rotate(photo, 1)),
        (rotate_by(x, f), rotate_by(photo, 0.5)),
        (noise(x, f, z), photo + 0.5),
        (color_jitter(x, f, f, f), color_jitter(photo, 0.5, 0.5, 0.5)),
    ]
    for y, expected in pairs:
        assert y.dtype == single
        assert_close(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (8, 8), (3, 8, 8), (1, 1, 0, 8)])
def test_what_is_no_image_is_refused(shape, array):
    for change in EVERY:
        with pytest.raises(ValueError, match=r"\(N, C, H, W\) .*, got \("):
            change(array(np.ones(shape)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.complex128])
def test_whole_numbers_are_refused_where_values_change(kind, array):
    for change in EVERY[4:]:
        with pytest.raises(
            ValueError, match=r"floating-point x is needed, got"
        ):
            change(array(np.ones((1, 1, 2, 2), dtype=kind)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("axis", [0, 1, 4, -1, True, None])
def test_a_flip_of_examples_or_channels_is_refused(x, axis, array):
    with pytest.raises(ValueError, match=rf"2 \(rows\) or 3 .*, got {axis}"):
        flip(array(x), axis)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("turns", [0.5, 1.0, True, "1", None])
def test_half_a_quarter_turn_is_refused(x, turns, array):
    with pytest.raises(ValueError, match=rf"whole number, got {turns}"):
        rotate(array(x), turns)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("half", [np.array(1.5), torch.tensor(1.5)])
def test_half_a_pixel_in_an_array_is_not_cut_off(x, half):
    with pytest.raises(TypeError, match="integer"):
        rotate(x, half)
    with pytest.raises(TypeError, match="integer"):
        crop(x, 0, 0, half, 1)
    with pytest.raises(TypeError, match="integer"):
        crop(x, 0, 0, 1, half)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "bad", [0.5, 1.0, True, np.ones(2, int), np.ones((N, 1), int), np.ones(N)]
)
def test_shifts_that_are_not_whole_or_too_few_are_refused(x, bad, array):
    message = r"{} must be a whole number or 3 of them, got"
    with pytest.raises(ValueError, match=message.format("dy")):
        translate(array(x), bad, 0)
    with pytest.raises(ValueError, match=message.format("dx")):
        translate(array(x), 0, bad)
    with pytest.raises(ValueError, match=message.format("of height")):
        crop(array(x), bad, 0, 1, 1)
    with pytest.raises(ValueError, match=message.format("of width")):
        crop(array(x), 0, bad, 1, 1)


@pytest.mark.usefixtures("unchecked")
def test_windows_that_stick_out_are_refused(x, array):
    for bad in (-1, 3, np.array([0, 0, -1]), np.array([3, 0, 0])):
        with pytest.raises(ValueError, match=r"in 0 ... 2 for height 2, got"):
            crop(array(x), bad, 0, 2, 3)
        with pytest.raises(ValueError, match=r"in 0 ... 2 for width 3, got"):
            crop(array(x), 0, bad, 2, 3)
    for bad in (0, -1, 6, 1.0, True):
        with pytest.raises(ValueError, match=rf"in 1 ... 4, got {bad}"):
            crop(array(x), 0, 0, bad, 1)
        with pytest.raises(ValueError, match=rf"in 1 ... 5, got {bad}"):
            crop(array(x), 0, 0, 1, bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "bad", [np.nan, np.inf, -np.inf, -0.1, True, np.ones(2)]
)
def test_senseless_numbers_are_refused(x, photo, bad, array):
    two_channels, x = array(x), array(photo)
    message = r"{} must be a finite number >= 0.0 or 3 of them"
    with pytest.raises(ValueError, match=message.format("std")):
        noise(two_channels, bad, two_channels)
    for name in ("brightness", "contrast", "saturation"):
        with pytest.raises(ValueError, match=message.format(name)):
            color_jitter(x, **{name: bad})
    if np.all(bad == -0.1):
        assert_close(rotate_by(x, bad), rotate_by(photo, 359.9))
        return
    with pytest.raises(ValueError, match=r"angle must be a finite number"):
        rotate_by(x, bad)


@pytest.mark.usefixtures("unchecked")
def test_shared_noise_is_refused(x, array):
    for z in (x[:1], x[:, :1], x[0]):
        with pytest.raises(ValueError, match=r"draw of its own, got \("):
            noise(array(x), 0.1, array(z))


def test_pixels_that_clipping_would_destroy_are_refused(photo, array):
    for bad in (photo - 0.5, 255 * photo):
        with pytest.raises(ValueError, match=r"pixels in \[0, 1\] are needed"):
            color_jitter(array(bad), contrast=2.0)
    with pytest.raises(ValueError, match=r"1 or 3 channels .*, got 2"):
        color_jitter(array(photo[:, :2]))


def test_accuracies_that_page_and_caption_tell():
    path = EXPERIMENTS / "training/data_augmentation.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    told = {
        "none": (0.90, 0.36),
        "turn": (0.91, 0.37),
        "shift": (0.90, 0.83),
        "shift and turn": (0.88, 0.81),
        "shift, drawn once": (0.66, 0.49),
        "left-right": (0.85, 0.33),
        "upside down": (0.85, 0.31),
    }
    assert set(runs) == set(told)
    for name, means in told.items():
        for digits, mean in zip(("centred", "moved"), means, strict=True):
            assert len(runs[name][digits]) == 8
            assert abs(np.mean(runs[name][digits]) - mean) < 0.0055
    none, shift = (runs[name]["centred"] for name in ("none", "shift"))
    assert abs(np.mean(none) - 0.900) < 0.0006
    assert abs(np.mean(shift) - 0.895) < 0.0006
    for digits in ("centred", "moved"):
        mean = {name: np.mean(runs[name][digits]) for name in runs}
        assert abs(mean["turn"] - mean["none"]) < 0.01
        assert abs(mean["shift and turn"] - mean["shift"] + 0.02) < 0.005
        for name in runs:
            assert 0.0095 < np.std(runs[name][digits], ddof=1) < 0.0549
    for name in ("left-right", "upside down"):
        lost = np.array(none) - runs[name]["centred"]
        assert np.all(lost > 0)
        assert abs(lost.mean() - 0.05) < 0.003
