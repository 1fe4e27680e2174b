"""Balance a pole by a deep Q-network, also without its two stabilizers.

uv run --group torch --group test python \
    -m experiments.beyond_supervision.deep_q_network
"""

import gymnasium
import numpy as np
import torch

from experiments.record import record
from reference.beyond_supervision.layers import (
    QNetwork,
    play,
    train_q_network,
)

STEPS, EVERY = 7000, 500
VARIANTS = {  # what differs from the defaults, and the number of seeds
    "full": ({}, 5),
    "no_copy": ({"copy_every": 1}, 3),
    "short_memory": ({"capacity": 64}, 3),
}


def run(seed: int, options: dict) -> dict[str, list[float]]:
    """Return what one run got while learning and after it."""
    torch.manual_seed(seed)
    environment, network = gymnasium.make("CartPole-v1"), QNetwork(4, 2)
    episodes = train_q_network(
        environment, network, STEPS, seed=seed, **options
    )
    latest = [
        [total for step, total in episodes if step <= last][-10:]
        for last in range(EVERY, STEPS + 1, EVERY)
    ]
    return {
        "learning": [round(float(np.mean(some)), 1) for some in latest],
        "greedy": play(environment, network, 20, seed=1000),
        "noisy": play(environment, network, 20, epsilon=0.2, seed=1000),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {"step": list(range(EVERY, STEPS + 1, EVERY))}
    for name, (options, seeds) in VARIANTS.items():
        runs = [run(seed, options) for seed in range(seeds)]
        numbers[name] = {key: [r[key] for r in runs] for key in runs[0]}
    record(__file__, numbers)
