"""Numbers for networks in which nothing is 0 or 1 by chance."""

import numpy as np
import torch


def normal(*shape, seed=0):
    """Return normal numbers in float64."""
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def stirred(model, seed=3):
    """Return the model in float64, with no parameter or buffer at its start.

    Scales and variances stay positive.
    """
    rng = np.random.default_rng(seed)
    model = model.double()
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            drawn = 0.4 * rng.normal(size=tuple(value.shape))
            if value.ndim == 1 and not name.endswith(("bias", "mean")):
                drawn = np.exp(drawn)
            value.copy_(torch.tensor(drawn))
    return model
