"""Deep Q-network.

Computes what actions are worth: exactly, where the environment is a known
table, and as the target and the loss of a network that learns it from play.

Axes    S states, A actions, T rewards of an episode, N remembered steps.
Page    docs/en/beyond_supervision/deep_q_network.md ("eq. 3" marks the line of
        its (3))
Source  Watkins and Dayan, Q-Learning, Machine Learning 8, 1992; Mnih et al.,
        Human-Level Control through Deep Reinforcement Learning, Nature 518,
        2015
"""

from math import ceil, log

from array_api_compat import array_namespace
from jaxtyping import Bool, Float, Int

from reference._typing import Array
from reference.neural_networks.regression_losses import huber


def discounted_return(
    reward: Float[Array, "T"], discount: int | float
) -> Float[Array, ""]:
    """Return the sum of the rewards, each discounted once for every step.

    In the unit of the rewards.

    Raises:
        ValueError: The rewards are no vector of real floating-point numbers,
            or the discount is not from 0 to 1.

    >>> import numpy as np
    >>> discounted_return(np.array([0.0, 0.0, 8.0]), 0.5)
    np.float64(2.0)
    """
    xp = array_namespace(reward)
    discount = _discount(discount)
    _require_floats(reward=(reward, 1))
    steps = xp.arange(reward.shape[0], dtype=reward.dtype, device=reward.device)
    return xp.sum(discount**steps * reward)  # eq. 1


def bellman(
    q: Float[Array, "S A"],
    transition: Float[Array, "S A S"],
    reward: Float[Array, "S A"],
    discount: int | float,
) -> Float[Array, "S A"]:
    """Return the reward plus what the best next action is worth by q.

    transition[s, a, z] is the probability that action a leads from state s to
    state z; reward[s, a] is the expected reward.

    Raises:
        ValueError: The tables do not fit each other, the probabilities of a
            state and an action are none, or the discount is not from 0 to 1.

    >>> import numpy as np
    >>> stay, reward = np.ones((1, 2, 1)), np.array([[0.0, 3.0]])
    >>> bellman(np.array([[4.0, 2.0]]), stay, reward, 0.5)
    array([[2., 5.]])
    """
    discount = _discount(discount)
    _require_tables(transition, reward)
    _require_floats(transition=(transition, 3), q=(q, 2))
    if q.shape != reward.shape:
        raise ValueError(
            f"q needs the shape of the rewards, {tuple(reward.shape)}, got "
            f"{tuple(q.shape)}"
        )
    return _backup(q, transition, reward, discount)


def _backup(
    q: Float[Array, "S A"],
    transition: Float[Array, "S A S"],
    reward: Float[Array, "S A"],
    discount: int | float,
) -> Float[Array, "S A"]:
    """Return `bellman` of tables that have been checked."""
    xp = array_namespace(q, transition, reward)
    return reward + discount * (transition @ xp.max(q, axis=1))  # eq. 2


def value_iteration(
    transition: Float[Array, "S A S"],
    reward: Float[Array, "S A"],
    discount: int | float,
) -> Float[Array, "S A"]:
    """Return what every action is worth if one acts best from then on.

    An end is a state that leads to itself with reward 0. The number of sweeps
    grows like 1 / (1 - discount).

    Raises:
        ValueError: As `bellman`, or the discount is 1, or the values could
            exceed the largest float.

    >>> import numpy as np
    >>> stay, reward = np.ones((1, 2, 1)), np.array([[0.0, 3.0]])
    >>> value_iteration(stay, reward, 0.5)
    array([[3., 6.]])
    """
    xp = array_namespace(transition, reward)
    discount = _discount(discount)
    _require_tables(transition, reward)
    limits = xp.finfo(reward.dtype)
    largest = float(xp.max(xp.abs(reward)))
    if not largest < (1 - discount) * float(limits.max):
        raise ValueError(
            "values need a discount below 1 and rewards whose size divided by "
            f"1 - discount is a float, got {discount} and size {largest}"
        )
    q = xp.zeros_like(reward)
    for _ in range(_sweeps(discount, float(limits.eps))):
        last, q = q, _backup(q, transition, reward, discount)
        if bool(xp.all(q == last)):
            break
    return q


def _sweeps(discount: int | float, share: float) -> int:
    """Return after how many sweeps only this share of the error is left."""
    return ceil(log(share) / log(discount)) if discount > 0 else 1


def td_target(
    reward: Float[Array, "N"],
    terminated: Bool[Array, "N"],
    next_q: Float[Array, "N A"],
    discount: int | float,
) -> Float[Array, "N"]:
    """Return what the taken actions are worth, seen from one step later.

    `next_q` are the values of all actions in the state after the step, by the
    network that stands still. Where the step ended the episode, the reward is
    all there is.

    Raises:
        ValueError: The inputs are not N rewards, N booleans and N rows of at
            least one value, the numbers not of one real floating-point dtype,
            or the discount is not from 0 to 1.

    >>> import numpy as np
    >>> end, next_q = np.array([False, True]), np.array([[4.0, 6.0]] * 2)
    >>> td_target(np.array([1.0, 1.0]), end, next_q, 0.5)
    array([4., 1.])
    """
    xp = array_namespace(reward, terminated, next_q)
    discount = _discount(discount)
    _require_floats(reward=(reward, 1), next_q=(next_q, 2))
    n, actions = next_q.shape
    if (
        reward.shape != (n,)
        or terminated.shape != (n,)
        or actions == 0
        or not xp.isdtype(terminated.dtype, "bool")
    ):
        raise ValueError(
            "targets need N rewards, N booleans and (N, A) values, got "
            f"{tuple(reward.shape)}, {tuple(terminated.shape)} of "
            f"{terminated.dtype} and {tuple(next_q.shape)}"
        )
    later = reward + discount * xp.max(next_q, axis=1)
    return xp.where(terminated, reward, later)  # eq. 3


def td_loss(
    q: Float[Array, "N A"], action: Int[Array, "N"], target: Float[Array, "N"]
) -> Float[Array, ""]:
    """Return the mean Huber loss (delta 1) of the taken actions' values.

    Raises:
        ValueError: An action is none of the A, or there are not N actions, or
            as `huber`.

    >>> import numpy as np
    >>> q, target = np.array([[1.0, 5.0]]), np.array([2.0])
    >>> td_loss(q, np.array([1]), target)
    np.float64(2.5)
    """
    xp = array_namespace(q, action, target)
    _require_floats(q=(q, 2), target=(target, 1))
    if (
        action.shape != target.shape
        or action.shape != q.shape[:1]
        or not xp.isdtype(action.dtype, "integral")
        or not bool(xp.all((action >= 0) & (action < q.shape[1])))
    ):
        raise ValueError(
            f"the loss of {tuple(q.shape)} values needs as many targets and "
            f"whole numbers from 0 to {q.shape[1] - 1} as actions, got "
            f"{tuple(target.shape)} and {action}"
        )
    index = xp.astype(action[:, None], xp.int64)
    taken = xp.take_along_axis(q, index, axis=1)[:, 0]
    return huber(taken, target)  # eq. 4


def _discount(discount: int | float) -> float:
    """Return the discount as a Python number, which keeps float32 narrow."""
    if isinstance(discount, bool) or not 0 <= discount <= 1:
        raise ValueError(f"a discount is from 0 to 1, got {discount}")
    return float(discount)


def _require_floats(**arrays: tuple[Array, int]) -> None:
    """Raise unless arrays are real floats of one dtype and of such ranks."""
    xp = array_namespace(*(a for a, _ in arrays.values()))
    if (
        any(
            not xp.isdtype(a.dtype, "real floating") or a.ndim != rank
            for a, rank in arrays.values()
        )
        or len({str(a.dtype) for a, _ in arrays.values()}) > 1
    ):
        raise ValueError(
            "needed are real floats of one dtype, got "
            + " and ".join(
                f"{name} of {a.dtype} and shape {tuple(a.shape)} (needed: "
                f"rank {rank})"
                for name, (a, rank) in arrays.items()
            )
        )


def _require_tables(
    transition: Float[Array, "S A S"], reward: Float[Array, "S A"]
) -> None:
    """Raise unless the rows are probabilities and the rewards fit them."""
    xp = array_namespace(transition, reward)
    _require_floats(transition=(transition, 3), reward=(reward, 2))
    states, actions = reward.shape
    if transition.shape != (states, actions, states) or 0 in reward.shape:
        raise ValueError(
            "tables need the shapes (S, A, S) and (S, A), got "
            f"{tuple(transition.shape)} and {tuple(reward.shape)}"
        )
    sums = xp.sum(transition, axis=2)
    near = float(xp.finfo(reward.dtype).eps) ** 0.5
    if not bool(xp.all(transition >= 0) & xp.all(xp.abs(sums - 1) < near)):
        raise ValueError(
            "the probabilities of a state and an action must be at least 0 "
            f"and sum to 1, got least {float(xp.min(transition))} and sums "
            f"from {float(xp.min(sums))} to {float(xp.max(sums))}"
        )
