import json
import re
from math import exp, inf, log, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from reference._datasets import digits
from reference.beyond_supervision.simclr import (
    cosine_similarity,
    l2_normalize,
    nt_xent,
    pair_logits,
)
from reference.classification.softmax_regression import softmax
from tests.checks import assert_close, assert_float32, assert_gradient

ROOT = Path(__file__).parents[2]
N, D, TAU = 4, 3, 0.3


@pytest.fixture
def a(rng):
    return rng.normal(size=(N, D))


@pytest.fixture
def b(rng):
    return rng.normal(1, 2, size=(N, D))


def cosines(z):
    """Return the cosine of every two rows, by plain loops."""
    length = [sqrt(sum(v * v for v in row)) for row in z]
    return [
        [
            sum(p * q for p, q in zip(z[i], z[j], strict=True))
            / (length[i] * length[j])
            for j in range(len(z))
        ]
        for i in range(len(z))
    ]


def loss(a, b, tau):
    """Return the loss as the paper's algorithm says it, pair by pair."""
    z = [row for pair in zip(a, b, strict=True) for row in pair]  # 2k-1, 2k
    s = cosines(z)
    total = 0.0
    for k in range(len(a)):
        for i, j in ((2 * k, 2 * k + 1), (2 * k + 1, 2 * k)):
            others = (exp(s[i][m] / tau) for m in range(len(z)) if m != i)
            total += -log(exp(s[i][j] / tau) / sum(others))
    return total / len(z)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(a, array):
    r"""u_{id} = \frac{z_{id}}{\sqrt{\sum_{e=1}^{D} z_{ie}^2}}"""
    expected = [
        [row[d] / sqrt(sum(row[e] ** 2 for e in range(D))) for d in range(D)]
        for row in a
    ]
    assert_close(l2_normalize(array(a)), expected)


def test_eq_2(a, array):
    r"""s_{ij} = \sum_{d=1}^{D} u_{id} u_{jd}"""
    u = l2_normalize(a)
    expected = [
        [sum(u[i, d] * u[j, d] for d in range(D)) for j in range(N)]
        for i in range(N)
    ]
    assert_close(cosine_similarity(array(a)), expected)


def test_eq_3(a, b, array):
    r"""o_{ij} = \begin{cases} s_{ij} / \tau & j \ne i \\
    -\infty & j = i \end{cases}"""
    s = cosine_similarity(np.concatenate((a, b)))
    expected = [
        [s[i, j] / TAU if j != i else -inf for j in range(2 * N)]
        for i in range(2 * N)
    ]
    assert_close(pair_logits(array(a), array(b), TAU), expected)


def test_eq_4(a, b, array):
    r"""L = \frac{1}{2N} \sum_{i=1}^{2N} \Bigl(
    \log \sum_{j=1}^{2N} e^{o_{ij}} - o_{i i^+} \Bigr)"""
    o = pair_logits(a, b, TAU)
    total = 0.0
    for i in range(2 * N):
        partner = i + N if i < N else i - N
        total += log(sum(exp(o[i, j]) for j in range(2 * N))) - o[i, partner]
    assert_close(nt_xent(array(a), array(b), TAU), total / (2 * N))


# The same as everybody else's: the paper's algorithm, and PyTorch.


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize("tau", [0.1, 0.5, 2.0])
def test_the_papers_algorithm_pair_by_pair(rng, n, tau, array):
    a, b = rng.normal(size=(2, n, D))
    assert_close(nt_xent(array(a), array(b), tau), loss(a, b, tau))


def test_torchs_functions(a, b, array):
    z = torch.asarray(np.concatenate((a, b)))
    assert_close(l2_normalize(array(a)), F.normalize(z[:N]))
    s = F.cosine_similarity(z[:, None], z[None], dim=-1)
    assert_close(cosine_similarity(array(z.numpy())), s)
    o = s / TAU
    o.fill_diagonal_(-inf)
    assert_close(pair_logits(array(a), array(b), TAU), o)
    # With the diagonal left out there are 2N - 1 columns.
    keep = ~torch.eye(2 * N, dtype=torch.bool)
    columns = (s / TAU)[keep].reshape(2 * N, 2 * N - 1)
    place = torch.tensor([*range(N - 1, 2 * N - 1), *range(N)])
    expected = F.cross_entropy(columns, place)
    assert_close(nt_xent(array(a), array(b), TAU), expected)


# The gradient: autograd of the very lines, against the page's by hand.


def test_gradient_of_the_similarities_is_softmax_minus_one_hot(a, b):
    s = torch.asarray(cosine_similarity(np.concatenate((a, b))))
    s.requires_grad_()
    eye = torch.eye(2 * N, dtype=torch.bool)
    target = torch.arange(2 * N).roll(N)
    F.cross_entropy((s / TAU).masked_fill(eye, -inf), target).backward()
    p = softmax(pair_logits(a, b, TAU))
    hot = np.eye(2 * N)[np.roll(np.arange(2 * N), N)]
    assert_close(s.grad, (p - hot) / (2 * N * TAU))


def nt_xent_backward(dy, a, b):
    """Return dL/da and dL/db by the chain rule, each step by hand."""
    z = np.concatenate((a, b))
    p = softmax(pair_logits(np.asarray(a), np.asarray(b), TAU))
    hot = np.eye(2 * N)[np.roll(np.arange(2 * N), N)]
    g = (p - hot) / (2 * N * TAU)
    length = np.sqrt((z**2).sum(1, keepdims=True))
    u = z / length
    du = (g + g.T) @ u
    dz = (du - u * (du * u).sum(1, keepdims=True)) / length
    dz = torch.asarray(float(dy) * dz)
    return dz[:N], dz[N:]


def test_gradient(a, b):
    assert_gradient(lambda a, b: nt_xent(a, b, TAU), nt_xent_backward, a, b)


def test_no_gradient_is_nan_where_rows_agree_or_are_opposite():
    leaf = torch.tensor([[1.0, 0], [1, 0], [-1, 0]]).requires_grad_()
    nt_xent(leaf, leaf, 1e-4).backward()
    assert bool(torch.all(torch.isfinite(leaf.grad)))


# What the page promises, and what is refused.


def test_the_pencil_example(array):
    a, b = (
        array(np.array([[2.0, 0], [0, 3]])),
        array(np.array([[1.0, 0], [-1, 0]])),
    )
    p = softmax(pair_logits(a, b, 1 / log(2)))
    expected = [
        [0, 2 / 7, 4 / 7, 1 / 7],
        [1 / 3, 0, 1 / 3, 1 / 3],
        [4 / 7, 2 / 7, 0, 1 / 7],
        [1 / 4, 1 / 2, 1 / 4, 0],
    ]
    assert_close(p, expected)
    assert_close(nt_xent(a, b, 1 / log(2)), log(147 / 8) / 4)
    assert_close(nt_xent(a, b, 0.5 / log(2)), log(21**2 / 16**2 * 4.5) / 4)


@pytest.mark.parametrize("n", [2, 3, 50])
def test_what_cannot_be_told_apart_costs_log_of_all_others(n, array):
    same = array(np.full((n, D), 0.7))
    assert_close(nt_xent(same, same, 0.1), log(2 * n - 1))


def test_the_bound_and_who_attains_it(array):
    up = array(np.array([[1.0, 2.0], [-1.0, -2.0]]))
    for tau in (0.2, 0.5, 3.0):
        assert_close(nt_xent(up, up, tau), log(1 + 2 * exp(-2 / tau)))
    # Three directions at 120 degrees: the most that N = 3 allows.
    star = np.array([[1, 0], [-0.5, sqrt(0.75)], [-0.5, -sqrt(0.75)]])
    assert_close(
        nt_xent(array(star), array(star), 0.5), log(1 + 4 * exp(-1.5 / 0.5))
    )


vectors = st.lists(
    st.lists(st.floats(-5, 5), min_size=2, max_size=2).filter(
        lambda v: max(map(abs, v)) > 0.1
    ),
    min_size=6,
    max_size=6,
)


@settings(max_examples=25)
@given(vectors, st.floats(0.1, 5), st.permutations(range(3)))
def test_invariances_and_bounds(z, tau, order):
    z = np.array(z)
    a, b = z[:3], z[3:]
    value = float(nt_xent(a, b, tau))
    assert_close(nt_xent(b, a, tau), value)
    assert_close(nt_xent(a[order], b[order], tau), value)
    size = np.array([[3.0], [0.01], [700.0]])
    assert_close(nt_xent(a * size, b / size, tau), value)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert_close(nt_xent(a @ turn, b @ turn, tau), value)
    least = log(1 + 4 * exp(-1.5 / tau))
    assert least - 1e-9 <= value <= log(1 + 4 * exp(2 / tau)) + 1e-9


def test_limits_of_the_temperature(a, b, array):
    hot = nt_xent(array(a), array(b), 1e30)
    assert_close(hot, log(2 * N - 1))
    s = np.array(cosines(np.concatenate((a, b))))
    partner = np.roll(np.arange(2 * N), N)
    positive = s[np.arange(2 * N), partner]
    np.fill_diagonal(s, -inf)
    # Cold: only how far the best other row is ahead of the partner counts.
    expected = np.mean(s.max(1) - positive)
    for tau in (1e-6, 1e-30):
        assert_close(
            tau * nt_xent(array(a), array(b), tau), expected, rtol=1e-5
        )


def test_cold_pushes_off_the_hardest_negative_only(a, b):
    p = softmax(pair_logits(a, b, 0.001))
    assert_close(p.max(1), np.ones(2 * N), rtol=1e-3)
    p = softmax(pair_logits(a, b, 1000.0))
    off = ~np.eye(2 * N, dtype=bool)
    assert_close(p[off], np.full(56, 1 / 7), rtol=1e-2)


@pytest.mark.parametrize("far", [1e-300, 1e-200, 1e200, 1e307])
def test_size_of_the_rows_does_not_matter(a, b, far, array):
    expected = nt_xent(a, b, TAU)
    assert_close(nt_xent(array(a * far), array(b), TAU), expected)


def test_float32(a, b):
    assert_float32(l2_normalize, a)
    assert_float32(cosine_similarity, a)
    tau = np.float64(TAU)
    assert_float32(lambda a, b: pair_logits(a, b, tau), a, b)
    assert_float32(lambda a, b: nt_xent(a, b, tau), a, b)
    small = np.float32(a), np.float32(b)
    assert np.isfinite(nt_xent(*small, 1e-30))
    assert_close(nt_xent(*small, 1e30), log(2 * N - 1), rtol=1e-6)


def test_arguments_are_left_alone(a, b, array):
    x, y = array(a.copy()), array(b.copy())
    nt_xent(x, y, TAU)
    assert_close(x, a)
    assert_close(y, b)


@pytest.mark.parametrize("bad", [0.0, inf, -inf, np.nan])
def test_rows_without_a_direction_are_refused(a, b, bad, array):
    a[1] = 0.0
    a[1, 2] = bad
    message = "zero, infinite or nan"
    for call in (l2_normalize, cosine_similarity):
        with pytest.raises(ValueError, match=message):
            call(array(a))
    for views in ((a, b), (b, a)):
        for call in (pair_logits, nt_xent):
            with pytest.raises(ValueError, match=message):
                call(*map(array, views), TAU)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -0.1, inf, np.nan, True, 1e-31, 1e31])
def test_temperatures_are_refused(a, b, bad, array):
    for call in (pair_logits, nt_xent):
        with pytest.raises(ValueError, match=re.escape(f"1e30, got {bad}")):
            call(array(a), array(b), bad)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((4, 3), (1, 3)),
        ((4, 3), (3, 3)),
        ((4, 3), (4, 1)),
        ((4, 3), (3,)),
        ((3,), (3,)),
        ((), ()),
        ((2, 2, 2), (2, 2, 2)),
        ((1, 3), (1, 3)),
        ((0, 3), (0, 3)),
    ],
)
def test_views_that_do_not_pair_are_refused(left, right, array):
    for call in (pair_logits, nt_xent):
        with pytest.raises(ValueError, match=r"same N >= 2 .* got \(.* and \("):
            call(array(np.ones(left)), array(np.ones(right)), TAU)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0), (2, 2, 2)])
def test_what_is_no_table_is_refused(shape, array):
    for call in (l2_normalize, cosine_similarity):
        with pytest.raises(
            ValueError, match=r"\(M, D\) with entries .* got \("
        ):
            call(array(np.ones(shape)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.int64, np.bool_, np.complex128])
def test_what_is_not_real_floating_is_refused(kind, array):
    z = array(np.ones((3, 2), dtype=kind))
    message = "real floating-point rows needed, got .*(int|bool|complex)"
    for call in (l2_normalize, cosine_similarity):
        with pytest.raises(ValueError, match=message):
            call(z)
    with pytest.raises(ValueError, match=message):
        nt_xent(z, z, TAU)


def test_training_is_as_the_page_says():
    """Means over five seeds for 10, 20, 50 and 100 labels."""
    path = ROOT / "experiments/beyond_supervision/simclr.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    assert numbers["counts"] == [10, 20, 50, 100]
    tables = {k: np.array(v) for k, v in numbers["accuracy"].items()}
    assert {a.shape for a in tables.values()} == {(2, 4, 5)}
    mean = {k: a.mean(-1) for k, a in tables.items()}
    assert all(len(set(digits(seed=k).y[:10])) < 10 for k in range(5))
    gain = mean["pre-trained"][0] - mean["raw pixels"][0]
    assert gain.round(2).min() == 0.02
    assert gain.round(2).max() == 0.07
    assert (tables["pre-trained"][0] < tables["raw pixels"][0]).any()
    assert (mean["random encoder"] < mean["raw pixels"]).all()
    assert mean["raw pixels"][1, 3].round(2) == 0.33
    assert mean["pre-trained"][1, 3].round(2) == 0.61
    ahead = mean["supervised"][1] > mean["pre-trained"][1]
    assert ahead[1:].all()
    fine = mean.pop("fine-tuned")
    assert fine[0, 3].round(3) == 0.901
    assert mean["pre-trained"][0, 3].round(3) == 0.899
    assert mean["supervised"][0, 3].round(3) == 0.884
    assert all((fine[:, 3] > a[:, 3]).all() for a in mean.values())
    assert (fine[:, 0] < mean["supervised"][:, 0]).all()
    single = tables["fine-tuned"][0, 3] - tables["pre-trained"][0, 3]
    assert (single.min().round(2), single.max().round(2)) == (-0.04, 0.03)
    head = mean["pre-trained, head"] - mean["pre-trained"]
    assert (abs(head[0]) < 0.04).all()
    assert (head[1] > 0.08).all()
    similarity = numbers["similarity"]
    i = np.arange(20)
    off = ~np.eye(20, dtype=bool)
    assert np.array(similarity["before"])[off].min() > 0.97
    after = np.array(similarity["after"])
    partner = after[i, (i + 10) % 20]
    off[i, (i + 10) % 20] = False
    assert partner.mean() > 0.8
    assert abs(partner[2]) < 0.05
    found = np.where(np.eye(20), -1, after).argmax(1) == (i + 10) % 20
    assert found.sum() == 17
    assert not found[[2, 12]].any()
    assert after[off].mean() < 0
