import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.beyond_supervision.deep_q_network import (
    bellman,
    discounted_return,
    td_loss,
    td_target,
    value_iteration,
)
from tests.checks import assert_close, assert_float32

ROOT = Path(__file__).parents[2]


@pytest.fixture
def process(rng):
    """Four states, three actions, random transitions and rewards."""
    p = rng.dirichlet(np.ones(4) / 2, size=(4, 3))
    return p, rng.normal(size=(4, 3))


def corridor():
    """Return the tables of the page: three rooms, and the street."""
    p = np.zeros((4, 2, 4))
    for room, (left, right) in enumerate([(3, 1), (0, 2), (1, 3), (3, 3)]):
        p[room, 0, left] = p[room, 1, right] = 1
    return p, np.array([[3.0, 0.0], [0.0, 0.0], [0.0, 8.0], [0.0, 0.0]])


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1(rng, array):
    r"""G = \sum_{t=0}^{T-1} \gamma^t R_{t+1}"""
    r = rng.normal(size=5)
    expected = sum(0.7**t * r[t] for t in range(5))
    assert_close(discounted_return(array(r), 0.7), expected)


def test_eq_2(rng, process, array):
    r"""\begin{aligned} & (\mathcal{T} Q)(s, a) = r(s, a) \\
    & \quad + \gamma \sum_{s'} p(s' \mid s, a) \max_{a'} Q(s', a')
    \end{aligned}"""
    p, r = process
    q = rng.normal(size=(4, 3))
    expected = np.zeros((4, 3))
    for s, a in product(range(4), range(3)):
        expected[s, a] = r[s, a]
        for z in range(4):
            expected[s, a] += 0.9 * p[s, a, z] * max(q[z, b] for b in range(3))
    assert_close(bellman(array(q), array(p), array(r), 0.9), expected)


def test_eq_3(rng, array):
    r"""y_n = r_n + \begin{cases} 0 & \text{at the end} \\
    \gamma \max_{a'} Q_{\bar\theta}(s'_n, a') & \text{else} \end{cases}"""
    r, q = rng.normal(size=4), rng.normal(size=(4, 3))
    end = np.array([False, True, False, True])
    expected = [
        r[n] if end[n] else r[n] + 0.9 * max(q[n, a] for a in range(3))
        for n in range(4)
    ]
    assert_close(td_target(array(r), array(end), array(q), 0.9), expected)


def test_eq_4(rng, array):
    r"""L(\theta) = \frac{1}{N} \sum_{n=1}^{N}
    h\left( Q_\theta(s_n, a_n) - y_n \right)
    """
    q, y, action = 3 * rng.normal(size=(4, 3)), rng.normal(size=4), [2, 0, 1, 1]
    expected = 0.0
    for n in range(4):
        miss = abs(q[n, action[n]] - y[n])
        expected += (miss**2 / 2 if miss <= 1 else miss - 1 / 2) / 4
    assert_close(td_loss(array(q), array(np.array(action)), array(y)), expected)


# The same as everybody else's: linear algebra, enumeration, torch.


def policy_values(p, r, discount, policy):
    """Return what states are worth under a policy: a linear system."""
    states = np.arange(len(p))
    p, r = p[states, policy], r[states, policy]
    return np.linalg.solve(np.eye(len(p)) - discount * p, r)


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.9])
def test_value_iteration_is_the_best_of_all_policies(process, discount, array):
    p, r = process
    q = value_iteration(array(p), array(r), discount)
    every = [
        policy_values(p, r, discount, np.array(policy))
        for policy in product(range(3), repeat=4)
    ]
    best = np.max(every, axis=0)
    assert_close(q, r + discount * p @ best)
    q = value_iteration(p, r, discount)
    greedy = policy_values(p, r, discount, q.argmax(axis=1))
    assert_close(greedy, best)


def test_the_return_is_a_polynomial_in_the_discount(rng, array):
    r = rng.normal(size=6)
    assert_close(discounted_return(array(r), 0.3), np.polyval(r[::-1], 0.3))
    assert_close(discounted_return(array(r), 1), r.sum())
    assert_close(discounted_return(array(r), 0), r[0])
    assert_close(discounted_return(array(r[:0]), 0.5), 0.0)


def test_target_and_loss_as_torch_writes_them(rng):
    q, after = (torch.asarray(3 * rng.normal(size=(9, 3))) for _ in range(2))
    r = torch.asarray(rng.normal(size=9))
    end, action = torch.arange(9) % 3 == 1, torch.arange(9) % 3
    y = td_target(r, end, after, 0.9)
    assert_close(y, r + 0.9 * (~end).double() * after.amax(dim=1))
    taken = q.gather(1, action[:, None]).squeeze(1)
    assert_close(td_loss(q, action, y), F.huber_loss(taken, y))
    assert_close(td_loss(q, action.int(), y), F.huber_loss(taken, y))


# The gradient, by autograd through these lines.


def test_only_the_taken_actions_get_a_gradient():
    q = torch.tensor([[1.0, 5.0], [2.0, 2.5]], requires_grad=True)
    td_loss(q, torch.tensor([1, 0]), torch.tensor([2.0, 2.25])).backward()
    assert_close(q.grad, [[0.0, 0.5], [-0.125, 0.0]])


# What the page promises: the corridor, the contraction, refused inputs.


def test_the_corridor_by_hand(array):
    p, r = corridor()
    q, seen = array(np.zeros((4, 2))), []
    for _ in range(4):
        q = bellman(q, array(p), array(r), 0.5)
        seen.append(q)
    out = [0.0, 0.0]
    assert_close(seen[0], [[3.0, 0.0], [0.0, 0.0], [0.0, 8.0], out])
    assert_close(seen[1], [[3.0, 0.0], [1.5, 4.0], [0.0, 8.0], out])
    final = [[3.0, 2.0], [1.5, 4.0], [2.0, 8.0], out]
    assert_close(seen[2], final)
    assert_close(seen[3], final)
    assert_close(value_iteration(array(p), array(r), 0.5), final)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_backup_is_a_contraction(seed, discount):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(5), size=(5, 2))
    r, q, other = (10 * rng.normal(size=(5, 2)) for _ in range(3))
    moved = bellman(q, p, r, discount) - bellman(other, p, r, discount)
    assert np.abs(moved).max() <= discount * np.abs(q - other).max() + 1e-12


def test_sweeps_leave_only_the_rounding(array):
    """A loop that stops after too few is seen."""
    p, r = np.ones((1, 1, 1)), np.ones((1, 1))
    q = value_iteration(array(p), array(r), 0.95)
    assert_close(q, [[20.0]], rtol=1e-13)
    single = value_iteration(np.float32(p), np.float32(r), 0.95)
    assert single.dtype == np.float32
    assert_close(single, [[20.0]], rtol=1e-5)


def test_what_follows_an_end_does_not_count(array):
    end = array(np.array([True, False]))
    q = array(np.array([[np.nan, 1e300], [1.0, 2.0]]))
    y = td_target(array(np.array([7.0, 7.0])), end, q, 0.5)
    assert_close(y, [7.0, 8.0])


def test_float32(process):
    p, r = process
    half = np.float64(0.5)
    p32, r32 = np.float32(p), np.float32(r)
    assert value_iteration(p32, r32, half).dtype == np.float32
    assert_close(
        value_iteration(p32, r32, half),
        value_iteration(p, r, half),
        rtol=1e-5,
        atol=1e-5,
    )
    end, action = np.array([True, False, False, True]), np.array([0, 1, 2, 0])
    assert_float32(lambda a: discounted_return(a, half), r[:, 0])
    assert_float32(lambda a: td_target(a[:, 0], end, a, half), r)
    assert_float32(lambda a: td_loss(a, action, a[:, 0]), r)


@pytest.mark.parametrize("discount", [-0.1, 1.1, np.nan, True])
def test_discounts_that_are_none_are_refused(discount):
    p, r = corridor()
    for call in (
        lambda: discounted_return(r[:, 0], discount),
        lambda: bellman(r, p, r, discount),
        lambda: value_iteration(p, r, discount),
        lambda: td_target(r[:, 0], r[:, 0] > 0, r, discount),
    ):
        with pytest.raises(ValueError, match=f"from 0 to 1, got {discount}"):
            call()


@pytest.mark.parametrize(
    ("discount", "scale"), [(1, 1), (0.5, 1e308), (0.5, np.nan), (0.5, np.inf)]
)
def test_values_without_a_bound_are_refused(discount, scale):
    p, r = corridor()
    r[0, 0] = scale
    with pytest.raises(ValueError, match="values need a discount below 1"):
        value_iteration(p, r, discount)
    with pytest.raises(ValueError, match=r"got 1\.0 and size 0"):
        value_iteration(p, 0 * corridor()[1], 1)


@pytest.mark.parametrize(
    "row", [[0.5, 0.5001, 0, 0], [1.5, -0.5, 0, 0], [np.nan]]
)
def test_rows_that_are_no_probabilities_are_refused(row, array):
    p, r = corridor()
    p[1, 1] = row
    for call in (
        lambda: value_iteration(array(p), array(r), 0.5),
        lambda: bellman(array(r), array(p), array(r), 0.5),
    ):
        with pytest.raises(ValueError, match="at least 0 and sum to 1, got"):
            call()


@pytest.mark.usefixtures("unchecked")
def test_tables_that_do_not_fit_are_refused():
    p, r = corridor()
    for bad in ((p[:, :1], r), (p[:3], r[:3]), (p, r[:1])):
        with pytest.raises(ValueError, match=r"need the shapes \(S, A, S\)"):
            value_iteration(*bad, 0.5)
    with pytest.raises(ValueError, match="needed: rank 3"):
        value_iteration(p[0], r, 0.5)
    with pytest.raises(ValueError, match="float32 and shape"):
        value_iteration(p, np.float32(r), 0.5)
    with pytest.raises(ValueError, match=r"need the shapes"):
        value_iteration(p[:, :0], r[:, :0], 0.5)
    with pytest.raises(ValueError, match=r"\(4, 2\), got \(1, 2\)"):
        bellman(r[:1], p, r, 0.5)
    with pytest.raises(ValueError, match="q of float32"):
        bellman(np.float32(r), p, r, 0.5)
    with pytest.raises(ValueError, match="got reward of int64"):
        discounted_return(np.array([1, 2]), 0.5)
    with pytest.raises(ValueError, match="needed: rank 1"):
        discounted_return(r, 0.5)


@pytest.mark.usefixtures("unchecked")
def test_batches_that_do_not_fit_are_refused(array):
    q = array(np.ones((3, 2)))
    r, end = array(np.ones(3)), array(np.zeros(3, dtype=bool))
    no_end = array(np.zeros(3))
    for bad in (
        (r[:1], end, q),
        (r, end[:1], q),
        (r, no_end, q),
        (r, end, q[:, :0]),
    ):
        with pytest.raises(ValueError, match="targets need N rewards, N bool"):
            td_target(*bad, 0.5)
    with pytest.raises(ValueError, match=r"next_q of .* \(3,\) \(needed"):
        td_target(r, end, r, 0.5)
    actions = array(np.array([0, 1, 1]))
    for action, y in (
        (actions - 1, r),
        (actions + 1, r),
        (actions[:1], r),
        (actions, r[:1]),
        (actions[:1], r[:1]),
        (no_end, r),
    ):
        with pytest.raises(ValueError, match="whole numbers from 0 to 1"):
            td_loss(q, action, y)
    with pytest.raises(ValueError, match="needed: rank 2"):
        td_loss(r, actions, r)


def test_training_is_as_the_page_says():
    path = ROOT / "experiments/beyond_supervision/deep_q_network.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
    assert numbers["step"] == list(range(500, 7001, 500))
    full, no_copy, short = (
        np.array(numbers[name]["learning"])
        for name in ("full", "no_copy", "short_memory")
    )
    assert (len(full), len(no_copy), len(short)) == (5, 3, 3)
    first = np.concatenate((full, no_copy, short))[:, 0]
    assert 19 <= first.min() <= first.mean().round() == 22
    assert full.mean(axis=0)[1:3].max() < 16
    assert [full[:, -1].min(), full[:, -1].max()] == [134.1, 248.8]
    assert (no_copy[:, 5:] < 11).all()
    assert (no_copy[:, -1].round() == 10).all()
    assert short[:, 6:].min() == short[0, 9] == 9.8
    assert [short[:, -1].min(), short[:, -1].max()] == [73.7, 101.4]
    greedy, noisy = (
        np.array(numbers["full"][name]) for name in ("greedy", "noisy")
    )
    assert greedy.shape == noisy.shape == (5, 20)
    means = greedy.mean(axis=1)
    assert [means.min().round(), means.max().round()] == [106, 227]
    assert [greedy.mean().round(), noisy.mean().round()] == [170, 157]
    assert (noisy.mean(axis=1) > means).sum() == 1
    assert np.max(numbers["no_copy"]["greedy"]) <= 11  # one action, always
