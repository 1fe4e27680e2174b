"""Models of this part: networks around its functions."""

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from numpy import array, float64
from torch import Tensor, nn

from reference.beyond_supervision.deep_q_network import td_loss as q_loss
from reference.beyond_supervision.deep_q_network import td_target as q_target
from reference.beyond_supervision.simclr import nt_xent as contrastive
from reference.training.training_loop import batches


class Steps(NamedTuple):
    """Some steps of play, as a replay buffer remembers them."""

    observation: Float[Tensor, "N ..."]
    action: Int[Tensor, "N"]
    reward: Float[Tensor, "N"]
    next_observation: Float[Tensor, "N ..."]
    terminated: Bool[Tensor, "N"]


class ReplayBuffer:
    """The latest steps of play; a new one takes the place of the oldest.

    Raises:
        ValueError: The capacity is no int above 0.

    >>> buffer = ReplayBuffer(2, (1,))
    >>> for reward in (1.0, 2.0, 3.0):
    ...     buffer.add([0.0], 0, reward, [0.0], False)
    >>> len(buffer), buffer.steps.reward
    (2, tensor([3., 2.]))
    """

    def __init__(
        self,
        capacity: int,
        shape: tuple[int, ...],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ):
        _require_counts(capacity=capacity)
        kind = {"dtype": dtype, "device": device}
        self.steps = Steps(
            torch.zeros(capacity, *shape, **kind),
            torch.zeros(capacity, dtype=torch.int64, device=device),
            torch.zeros(capacity, **kind),
            torch.zeros(capacity, *shape, **kind),
            torch.zeros(capacity, dtype=torch.bool, device=device),
        )
        self.added = 0

    def __len__(self) -> int:
        return min(self.added, len(self.steps.reward))

    def add(self, *step) -> None:
        """Remember observation, action, reward, next observation, end."""
        pairs = [
            (column, torch.as_tensor(value, dtype=column.dtype))
            for column, value in zip(self.steps, step, strict=True)
        ]
        for column, value in pairs:
            if value.shape != column.shape[1:]:  # it would be spread
                raise ValueError(
                    f"a step needs the shape {tuple(column.shape[1:])}, got "
                    f"{tuple(value.shape)}"
                )
        place = self.added % len(self.steps.reward)
        for column, value in pairs:
            column[place] = value
        self.added += 1

    def sample(self, count: int, generator: torch.Generator) -> Steps:
        """Return steps drawn with equal chances, with replacement."""
        if len(self) == 0:
            raise ValueError("an empty buffer has no steps to sample")
        places = torch.randint(len(self), (count,), generator=generator)
        places = places.to(self.steps.reward.device)
        return Steps(*(column[places] for column in self.steps))


class QNetwork(nn.Module):
    """What every action is worth, from what is observed: an MLP.

    Raises:
        ValueError: A size is no int above 0.

    >>> QNetwork(4, 2)(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(self, observed: int, actions: int, hidden: int = 64):
        _require_counts(observed=observed, actions=actions, hidden=hidden)
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(observed, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, actions),
        )

    def forward(self, x: Float[Tensor, "*N D"]) -> Float[Tensor, "*N A"]:
        """Return the values of all actions."""
        return self.layers(x)


def epsilon_greedy(
    q: Float[Tensor, "A"], epsilon: float, generator: torch.Generator
) -> int:
    """Return any action with probability epsilon, else the best by q.

    Raises:
        ValueError: Epsilon is no probability.

    >>> epsilon_greedy(torch.tensor([1.0, 5.0]), 0.0, torch.Generator())
    1
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is a probability, got {epsilon}")
    if torch.rand((), generator=generator) < epsilon:
        return int(torch.randint(len(q), (), generator=generator))
    return int(q.argmax())


def q_step(
    network: nn.Module,
    frozen: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: Steps,
    discount: float,
    clip: float = 10.0,
) -> float:
    """Move the network a step towards its targets; return the loss.

    The targets are those of the frozen network. A longer gradient is clipped
    to the length `clip`.

    Raises:
        ValueError: `clip` is not above 0, or as `td_target` and `td_loss`.
    """
    if not clip > 0:
        raise ValueError(f"clip must be above 0, got {clip}")
    with torch.no_grad():  # a target is a constant
        target = q_target(
            steps.reward,
            steps.terminated,
            frozen(steps.next_observation),
            discount,
        )
    loss = q_loss(network(steps.observation), steps.action, target)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()
    return loss.item()


def train_q_network(
    environment,
    network: nn.Module,
    steps: int,
    *,
    discount: float = 0.99,
    lr: float = 1e-3,
    batch_size: int = 64,
    capacity: int = 10_000,
    warmup: int = 500,
    learn_every: int = 2,
    copy_every: int = 200,
    explore: int = 3000,
    epsilon: float = 0.05,
    seed: int = 0,
) -> list[tuple[int, float]]:
    """Play and learn; return last step and return of all finished episodes.

    The environment has reset(seed=) and step(action) as Gymnasium defines
    them. From step `warmup` on the network learns in every `learn_every`-th
    step; its frozen copy is renewed after every `copy_every` steps. The share
    of random actions falls from 1 to `epsilon` over the first `explore` steps.
    Returns are not discounted.

    Raises:
        ValueError: A count is no int above 0, or `epsilon` no probability.
    """
    _require_counts(
        steps=steps,
        batch_size=batch_size,
        warmup=warmup,
        learn_every=learn_every,
        copy_every=copy_every,
        explore=explore,
    )
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is a probability, got {epsilon}")
    like = next(network.parameters())
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=float(lr), fused=True)
    frozen = deepcopy(network)
    observation = _tensor(environment.reset(seed=seed)[0], like)
    buffer = ReplayBuffer(
        capacity, tuple(observation.shape), like.dtype, like.device
    )
    episodes, total = [], 0.0
    for step in range(1, steps + 1):
        share = max(epsilon, 1 - (1 - epsilon) * step / explore)
        with torch.no_grad():
            action = epsilon_greedy(network(observation), share, generator)
        after, reward, terminated, truncated, _ = environment.step(action)
        after = _tensor(after, like)
        # A truncated episode is cut by a clock: its last state has a future.
        buffer.add(observation, action, reward, after, terminated)
        observation, total = after, total + float(reward)
        if terminated or truncated:
            episodes.append((step, total))
            observation, total = _tensor(environment.reset()[0], like), 0.0
        if step >= warmup and step % learn_every == 0:
            batch = buffer.sample(batch_size, generator)
            q_step(network, frozen, optimizer, batch, discount)
        if step % copy_every == 0:
            frozen.load_state_dict(network.state_dict())
    return episodes


@torch.no_grad()
def play(
    environment,
    network: nn.Module,
    episodes: int,
    epsilon: float = 0.0,
    seed: int = 0,
) -> list[float]:
    """Return the undiscounted returns of episodes, played without learning.

    Raises:
        ValueError: `episodes` is no int above 0, or `epsilon` no probability.
    """
    _require_counts(episodes=episodes)
    like = next(network.parameters())
    generator = torch.Generator().manual_seed(seed)
    returns = []
    for episode in range(episodes):
        options = {"seed": seed} if episode == 0 else {}
        observation, over = environment.reset(**options)[0], False
        returns.append(0.0)
        while not over:
            q = network(_tensor(observation, like))
            action = epsilon_greedy(q, epsilon, generator)
            observation, reward, *ends, _ = environment.step(action)
            over = any(ends)
            returns[-1] += float(reward)
    return returns


def _tensor(observation, like: Tensor) -> Tensor:
    """Return a copy with the dtype and the device of a parameter."""
    copy = array(observation, dtype=float64)
    return torch.from_numpy(copy).to(like.device, like.dtype)


def _require_counts(**counts: int) -> None:
    """Raise unless all are whole numbers above 0."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name} must be an int above 0, got {count!r}")


class SimCLR(nn.Module):
    """An encoder, and a projection head that only pre-training needs.

    `features` is the length of the encoder's rows, `projection` that of the
    rows that the loss compares.

    Raises:
        ValueError: A length is no int above 0.

    >>> model = SimCLR(nn.Flatten(), features=64, projection=8)
    >>> model(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 8])
    """

    def __init__(self, encoder: nn.Module, features: int, projection: int):
        _require_counts(features=features, projection=projection)
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(
            nn.Linear(features, features),
            nn.ReLU(),
            nn.Linear(features, projection),
        )

    def forward(self, x: Float[Tensor, "N ..."]) -> Float[Tensor, "N P"]:
        """Return the projection of every example."""
        return self.head(self.encoder(x))


def pretrain(
    model: nn.Module,
    x: Float[Tensor, "N ..."],
    view: Callable[[Tensor], Tensor],
    epochs: int,
    batch_size: int = 256,
    temperature: float = 0.5,
    learning_rate: float = 1e-3,
) -> list[float]:
    """Train the model in place by NT-Xent; return each epoch's mean loss.

    `view` returns a batch with each example changed at random, anew in every
    call. An epoch drops the examples that fill no batch, because the loss
    depends on the size of a batch. All draws follow torch.manual_seed. In the
    end the model is in evaluation mode.

    Raises:
        ValueError: The batch size is not in 2 ... N, `epochs` no int above 0,
            or as nt_xent, also where a learning rate is so large that rows
            are no longer finite.
    """
    _require_counts(epochs=epochs, batch_size=batch_size)
    n = len(x)
    if not 2 <= batch_size <= n:
        raise ValueError(f"batch_size must be in 2 ... {n}, got {batch_size}")
    optimizer = torch.optim.Adam(model.parameters(), lr=float(learning_rate))
    history = []
    model.train()
    for _ in range(epochs):
        losses = []
        drawn = batches(n, batch_size, torch.default_generator)
        for batch in (b for b in drawn if len(b) == batch_size):
            rows = batch.to(x.device)
            # Two copies, as a view may write into what it gets.
            z = model(torch.cat([view(x[rows]) for _ in range(2)]))
            a, b = z[:batch_size], z[batch_size:]
            loss = contrastive(a, b, temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    model.eval()
    return history
