from collections import deque
from copy import deepcopy
from inspect import signature

import gymnasium
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reference.beyond_supervision.deep_q_network import value_iteration
from reference.beyond_supervision.layers import (
    QNetwork,
    ReplayBuffer,
    SimCLR,
    epsilon_greedy,
    play,
    pretrain,
    q_step,
    train_q_network,
)
from tests.checks import assert_close

# SimCLR: its network in a functional form, and its training.


def small_simclr(device="cpu"):
    """Return a SimCLR whose encoder is one affine map of 3 features."""
    torch.manual_seed(0)
    return SimCLR(nn.Linear(3, 4), features=4, projection=2).to(device)


def shaken(x):
    """Return the rows with a little noise."""
    return x + 0.1 * torch.randn_like(x)


def test_simclr_is_encoder_and_head():
    model, x = small_simclr(), torch.randn(5, 3)
    encoder, first, second = model.encoder, model.head[0], model.head[2]
    h = x @ encoder.weight.T + encoder.bias
    hidden = torch.clamp(h @ first.weight.T + first.bias, min=0)
    expected = hidden @ second.weight.T + second.bias
    assert_close(model(x), expected, rtol=1e-5, atol=1e-6)
    assert first.weight.shape == (4, 4)
    assert second.weight.shape == (2, 4)


def test_simclr_trains_as_written_out_by_hand():
    """Two epochs: fresh views, both through one call, the rest dropped."""
    x = torch.randn(7, 3)
    model, ours = small_simclr(), small_simclr()
    torch.manual_seed(1)
    losses = pretrain(model, x, shaken, 2, batch_size=3, temperature=0.2)
    torch.manual_seed(1)
    optimizer, expected = torch.optim.Adam(ours.parameters(), lr=1e-3), []
    for _ in range(2):
        order, values = torch.randperm(7), []
        for rows in (order[:3], order[3:6]):
            a = shaken(x[rows])
            z = ours(torch.cat((a, shaken(x[rows]))))
            u = F.normalize(z)
            logits = (u @ u.T / 0.2).fill_diagonal_(-torch.inf)
            partner = torch.tensor([3, 4, 5, 0, 1, 2])
            loss = F.cross_entropy(logits, partner)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        expected.append(sum(values) / 2)
    assert_close(losses, expected, rtol=1e-5)
    for p, q in zip(model.parameters(), ours.parameters(), strict=True):
        assert_close(p, q, rtol=1e-4, atol=1e-5)
    assert not model.training


def test_defaults_of_pretrain():
    x = torch.randn(256, 3)
    run = pretrain(small_simclr(), x, shaken, 2)
    assert run == pretrain(small_simclr(), x, shaken, 2, 256, 0.5, 1e-3)
    with pytest.raises(ValueError, match=r"2 \.\.\. 255, got 256"):
        pretrain(small_simclr(), x[:255], shaken, 1)


def test_views_of_an_example_become_alike(device):
    x = torch.randn(64, 3, device=device)
    model = small_simclr(device)
    losses = pretrain(model, x, shaken, 40, 32, 0.2, 0.02)
    assert losses[-1] < 0.8 * losses[0]
    with torch.no_grad():
        u = [F.normalize(model(shaken(x))) for _ in range(2)]
    assert (u[0] * u[1]).sum(1).mean() > 0.9
    assert (u[0] @ u[1].T).mean() < 0.5


def test_a_view_may_write_into_what_it_gets():
    x = torch.randn(6, 3)
    before, runs = x.clone(), []
    for view in (shaken, lambda x: x.add_(0.1 * torch.randn_like(x))):
        model = small_simclr()
        runs.append(pretrain(model, x, view, 2, batch_size=3))
    assert runs[0] == runs[1]
    assert torch.equal(x, before)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -1, 2.0, True])
def test_simclr_refuses_lengths(bad):
    for name in ("features", "projection"):
        sizes = {"features": 4, "projection": 2, name: bad}
        with pytest.raises(ValueError, match=f"{name} must .* got {bad}"):
            SimCLR(nn.Linear(3, 4), **sizes)
    for name in ("epochs", "batch_size"):
        counts = {"epochs": 1, "batch_size": 2, name: bad}
        with pytest.raises(ValueError, match=f"{name} must .* got {bad}"):
            pretrain(small_simclr(), torch.randn(6, 3), shaken, **counts)


def test_pretrain_refuses():
    x = torch.randn(6, 3)
    for size in (1, 7):
        with pytest.raises(ValueError, match=rf"2 \.\.\. 6, got {size}"):
            pretrain(small_simclr(), x, shaken, 1, batch_size=size)
    with pytest.raises(ValueError, match="zero, infinite or nan"):
        pretrain(small_simclr(), x, shaken, 9, 2, learning_rate=1e30)
    with pytest.raises(ValueError, match="temperature must be"):
        pretrain(small_simclr(), x, shaken, 1, 2, temperature=-1.0)


# Deep Q-network: memory, choice, one step of learning, training.


class Corridor(gymnasium.Env):
    """Three rooms in a row; leaving pays 3 at the left, 8 at the right."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (3,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, limit=20):
        self.limit = limit

    def _see(self):
        return np.eye(3)[min(max(self.room, 0), 2)]

    def reset(self, *, seed=None, options=None):  # noqa: ARG002
        super().reset(seed=seed)
        self.room, self.steps = int(self.np_random.integers(3)), 0
        return self._see(), {}

    def step(self, action):
        self.room, self.steps = self.room + 2 * action - 1, self.steps + 1
        over = self.room in (-1, 3)
        reward = {-1: 3.0, 3: 8.0}.get(self.room, 0.0)
        late = not over and self.steps >= self.limit
        return self._see(), reward, over, late, {}


def corridor_values(discount):
    """Return what actions are worth, from the tables of the corridor."""
    p = np.zeros((4, 2, 4))
    for room, (left, right) in enumerate([(3, 1), (0, 2), (1, 3), (3, 3)]):
        p[room, 0, left] = p[room, 1, right] = 1
    r = np.array([[3.0, 0.0], [0.0, 0.0], [0.0, 8.0], [0.0, 0.0]])
    return value_iteration(p, r, discount)[:3]


@pytest.mark.parametrize(("discount", "limit"), [(0.5, 20), (0.9, 1)])
def test_a_table_learns_the_values(discount, limit, device):
    """One weight an action and a room. Being cut off changes no value."""
    torch.manual_seed(0)
    table = nn.Linear(3, 2, bias=False).double().to(device)
    episodes = train_q_network(
        Corridor(limit), table, 600, discount=discount, lr=0.2, epsilon=1.0,
        copy_every=20, warmup=64,
    )  # fmt: skip
    learned = table.weight.T
    assert_close(learned, corridor_values(discount), atol=0.01)
    assert {total for _, total in episodes} <= {0.0, 3.0, 8.0}


def test_a_network_plays_the_corridor_best():
    torch.manual_seed(0)
    network = QNetwork(3, 2, hidden=16)
    train_q_network(
        Corridor(), network, 700, discount=0.9, lr=0.01, explore=500,
        copy_every=40, warmup=64,
    )  # fmt: skip
    q = network(torch.eye(3)).detach()
    best = corridor_values(0.9)
    assert (q.argmax(dim=1).numpy() == best.argmax(axis=1)).all()
    assert_close(q.amax(dim=1), best.max(axis=1), rtol=0.05)
    assert play(Corridor(), network, 9) == [8.0] * 9
    noisy = play(Corridor(), network, 60, epsilon=0.9)
    assert 0 < sum(r == 3.0 for r in noisy) < 60
    assert noisy[:9] == play(Corridor(), network, 9, 0.9, seed=0)


def test_only_the_first_episode_of_play_is_seeded():
    table = nn.Linear(3, 2, bias=False)
    table.weight.data = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    assert set(play(Corridor(), table, 20)) == {3.0, 8.0}


class Reusing(Corridor):
    """The corridor, shown in one array that is overwritten."""

    seen = np.zeros(3)

    def _see(self):
        self.seen[:] = super()._see()
        return self.seen


def test_an_environment_may_reuse_its_array():
    weights = []
    for environment in (Corridor(), Reusing()):
        torch.manual_seed(0)
        table = nn.Linear(3, 2, bias=False).double()
        train_q_network(environment, table, 80, warmup=40, batch_size=8)
        weights.append(table.weight)
    assert torch.equal(*weights)


def test_the_corridor_is_an_environment_of_gymnasium():
    from gymnasium.utils.env_checker import check_env

    check_env(Corridor(), skip_render_check=True)


def test_the_buffer_is_a_deque(rng):
    buffer, expected = ReplayBuffer(5, (2,), torch.float64), deque(maxlen=5)
    for n in range(13):
        seen, after = rng.normal(size=(2, 2))
        step = (seen, n, 0.5 * n, after, n % 3 == 0)
        buffer.add(*step)
        expected.append(step)
        assert len(buffer) == len(expected)
    steps = buffer.sample(400, torch.Generator().manual_seed(0))
    known = {step[1]: step for step in expected}
    for row in zip(*steps, strict=True):
        for value, wanted in zip(row, known[int(row[1])], strict=True):
            assert_close(value, wanted)
    count = torch.bincount(steps.action)[8:]
    assert len(count) == 5
    assert count.min() > 50


def test_what_a_half_full_buffer_never_saw_is_not_drawn():
    buffer = ReplayBuffer(100, ())
    buffer.add(1.0, 3, 2.0, 1.0, True)
    steps = buffer.sample(50, torch.Generator())
    assert (steps.action == 3).all()
    assert steps.terminated.all()
    assert steps.reward.dtype == torch.float32
    assert len(buffer) == 1


def test_epsilon_greedy_chooses():
    q, generator = torch.tensor([1.0, 3.0, 2.0]), torch.Generator()
    generator.manual_seed(0)

    def shares(epsilon):
        draws = [epsilon_greedy(q, epsilon, generator) for _ in range(1500)]
        return np.bincount(draws, minlength=3) / 1500

    assert_close(shares(0.0), [0.0, 1.0, 0.0])
    assert_close(shares(1.0), [1 / 3] * 3, atol=0.05)
    assert_close(shares(0.3), [0.1, 0.8, 0.1], atol=0.04)


def some_steps(count=12):
    """Return steps of play as a buffer returns them, with large rewards."""
    rng, buffer = np.random.default_rng(0), ReplayBuffer(count, (4,))
    for n in range(count):
        seen, after = rng.normal(size=(2, 4))
        buffer.add(seen, n % 2, 1e3 * rng.normal(), after, n % 3 == 0)
    return buffer.steps


@pytest.mark.parametrize("clip", [None, 0.1])
def test_a_step_of_learning_by_torch(clip):
    torch.manual_seed(0)
    steps, network, frozen = some_steps(), QNetwork(4, 2), QNetwork(4, 2)
    other = deepcopy(network)
    unchanged = deepcopy(frozen.state_dict())
    sgd, its = (torch.optim.SGD(n.parameters(), 0.1) for n in (network, other))
    options = {} if clip is None else {"clip": clip}
    if clip is None:  # longer than the default allows
        for n in (network, other):
            n.layers[4].weight.data *= 100
    loss = q_step(network, frozen, sgd, steps, 0.9, **options)
    future = frozen(steps.next_observation).amax(dim=1).detach()
    y = steps.reward + 0.9 * future * ~steps.terminated
    q = other(steps.observation)[range(12), steps.action]
    expected = F.smooth_l1_loss(q, y)
    expected.backward()
    length = nn.utils.clip_grad_norm_(other.parameters(), clip or 10.0)
    assert length > (clip or 10.0)
    its.step()
    assert_close(loss, expected.item(), rtol=1e-5)
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        assert_close(a, b, rtol=1e-4, atol=1e-6)
    for name, value in frozen.state_dict().items():
        assert torch.equal(value, unchanged[name])
    assert all(p.grad is None for p in frozen.parameters())


class Spy(nn.Module):
    """A table of two values that writes down who is asked about what."""

    def __init__(self, calls):
        super().__init__()
        self.q = nn.Linear(3, 2, bias=False)
        self.calls = calls

    def __deepcopy__(self, memo):
        copy = Spy(self.calls)
        copy.load_state_dict(self.state_dict())
        copy.frozen = True
        return copy

    def forward(self, x):
        name = "frozen" if hasattr(self, "frozen") else "learning"
        self.calls.append((name, x.ndim, self.q.weight.detach().clone()))
        return self.q(x)


def test_when_is_played_learned_and_copied():
    """From step 4 on in each second step; copied after steps 5, 10, 15."""
    calls = []
    torch.manual_seed(0)
    train_q_network(
        Corridor(), Spy(calls), 16, warmup=4, learn_every=2, copy_every=5,
        batch_size=3,
    )  # fmt: skip
    played = [w for name, d, w in calls if (name, d) == ("learning", 1)]
    asked = [w for name, d, w in calls if (name, d) == ("frozen", 2)]
    assert len(played) == 16
    assert len(asked) == 7  # steps 4, 6, 8, 10, 12, 14, 16
    # The copy before step 6 is the network after step 5: played[5].
    expected = [played[0], *[played[5]] * 3, *[played[10]] * 2, played[15]]
    assert all(map(torch.equal, asked, expected))


def test_training_by_its_seed_and_defaults():
    def run(steps=620, **options):
        torch.manual_seed(0)
        network = QNetwork(3, 2, hidden=8)
        episodes = train_q_network(Corridor(), network, steps, **options)
        return episodes, network.state_dict()["layers.0.weight"]

    defaults = {
        "discount": 0.99, "lr": 1e-3, "batch_size": 64, "capacity": 10_000,
        "warmup": 500, "learn_every": 2, "copy_every": 200, "explore": 3000,
        "epsilon": 0.05, "seed": 0,
    }  # fmt: skip
    parameters = signature(train_q_network).parameters
    assert {name: parameters[name].default for name in defaults} == defaults
    (first, weight), (again, same) = run(), run(**defaults)
    assert first == again
    assert torch.equal(weight, same)
    other, _ = run(steps=99, seed=1)
    assert other != first[: len(other)]
    _, small = run(capacity=64)
    assert not torch.equal(small, weight)


def test_the_share_of_random_actions_falls():
    """Values far apart, untouched: what is not the best was random."""
    network = nn.Linear(3, 2, bias=False)
    nn.init.constant_(network.weight[1].data, 50.0)
    after = [
        train_q_network(
            Corridor(10**6), deepcopy(network), 600, warmup=10**6,
            explore=explore, epsilon=epsilon,
        )
        for explore, epsilon in ((1, 0.0), (1, 1.0), (600, 0.0))
    ]  # fmt: skip
    assert {total for _, total in after[0]} == {8.0}
    late = [
        np.mean([total == 8.0 for step, total in run if step > 400])
        for run in after
    ]
    assert 0.3 < late[1] < 0.7 < late[2]
    early = [total == 8.0 for step, total in after[2] if step < 150]
    assert np.mean(early) < 0.8


def test_the_share_falls_along_a_line(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "reference.beyond_supervision.layers.epsilon_greedy",
        lambda q, share, generator: seen.append(share) or 1,  # noqa: ARG005
    )
    options = {"explore": 4, "epsilon": 0.2, "warmup": 10}
    train_q_network(Corridor(), QNetwork(3, 2), 6, **options)
    assert_close(seen, [0.8, 0.6, 0.4, 0.2, 0.2, 0.2])


def test_q_network_is_three_affine_maps():
    network = QNetwork(4, 2, hidden=5).double()
    x = torch.randn(3, 4, dtype=torch.float64)
    h = x
    for n in (0, 2, 4):
        layer = network.layers[n]
        h = h @ layer.weight.T + layer.bias
        h = h if n == 4 else h.clamp(min=0)
    assert_close(network(x), h)
    assert_close(network(x[0]), h[0])
    count = sum(p.numel() for p in QNetwork(4, 2).parameters())
    assert count == 4 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("bad", [0, -1, 2.0, True])
def test_counts_of_play_are_refused(bad):
    def refuses(name):
        return pytest.raises(ValueError, match=f"{name} must .* got {bad}")

    with refuses("capacity"):
        ReplayBuffer(bad, ())
    for name in ("observed", "actions", "hidden"):
        sizes = {"observed": 4, "actions": 2, name: bad}
        with refuses(name):
            QNetwork(**sizes)
    names = "steps batch_size warmup learn_every copy_every explore capacity"
    for name in names.split():
        with refuses(name):
            train_q_network(
                Corridor(), QNetwork(3, 2), **{"steps": 1, name: bad}
            )
    with refuses("episodes"):
        play(Corridor(), QNetwork(3, 2), bad)


def test_what_cannot_be_played_is_refused():
    buffer = ReplayBuffer(3, (2,))
    with pytest.raises(ValueError, match="an empty buffer has no steps"):
        buffer.sample(1, torch.Generator())
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(1,\)"):
        buffer.add([1.0], 0, 0.0, [1.0, 2.0], False)
    buffer.add([1.0, 2.0], 1, 3.0, [4.0, 5.0], True)
    kept = deepcopy(buffer.steps)
    for last in ([[9.0], False], [[9.0, 9.0]]):  # a wrong shape, and no end
        with pytest.raises(ValueError, match=r"got \(1,\)|is shorter"):
            buffer.add([6.0, 7.0], 0, 8.0, *last)
    assert len(buffer) == 1
    assert all(map(torch.equal, buffer.steps, kept))
    for epsilon in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=f"probability, got {epsilon}"):
            epsilon_greedy(torch.zeros(2), epsilon, torch.Generator())
        with pytest.raises(ValueError, match=f"probability, got {epsilon}"):
            # Before the environment, here none, is asked for anything.
            train_q_network(None, QNetwork(3, 2), 1, epsilon=epsilon)
    network = QNetwork(4, 2)
    sgd = torch.optim.SGD(network.parameters(), 0.1)
    for clip in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=f"clip must be .* got {clip}"):
            q_step(network, network, sgd, some_steps(), 0.9, clip)
