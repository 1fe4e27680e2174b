"""Numbers for networks, none of them 0 or 1 by chance, and a short training."""

import numpy as np
import torch
import torch.nn.functional as F

from experiments.digits import accuracy, few_digits
from reference.training.training_loop import Data, fit


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


def learn_digits(model, lr):
    """Train a model, on the device where it is; return history and accuracy."""
    device = next(model.parameters()).device
    data, validation = (
        Data(d.x.reshape(-1, 1, 8, 8).to(device), d.y.to(device))
        for d in few_digits(0, 500)
    )
    history = fit(
        data,
        validation,
        model,
        F.cross_entropy,
        torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9),
        6,
        batch_size=25,
        progress=False,
    )
    return history, accuracy(validation, model)
