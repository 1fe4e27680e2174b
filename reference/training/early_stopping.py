"""Early stopping.

Ends training when the validation loss has not improved for some epochs, and
puts the parameters of the best epoch back.

Axes    R directions in parameter space, N examples.
Page    docs/en/training/early_stopping.md ("eq. 3" marks the line of its (3))
Source  Prechelt, Early Stopping - But When?, Neural Networks: Tricks of the
        Trade, 1998; Goodfellow, Bengio and Courville, Deep Learning, MIT Press
        2016, section 7.8
"""

from math import inf, isfinite
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from reference.training.training_loop import (
    Data,
    Epoch,
    Loss,
    evaluate,
    train_epoch,
)


class EarlyStopping:
    """Says when to stop, and keeps a copy of the best parameters and buffers.

    `epochs` is the number of losses seen, `epoch` the number of the best one,
    counted from 1, and `loss` its loss. Before a finite loss was seen they are
    0 and infinity. Patience is in epochs, min_delta in the unit of the loss.

    Raises:
        ValueError: The patience is no whole number of at least 1, or min_delta
            no finite number of at least 0.

    >>> stopping, model = EarlyStopping(patience=2), nn.Linear(1, 1)
    >>> [stopping.update(loss, model) for loss in (0.6, 0.5, 0.8, 0.5)]
    [False, False, False, True]
    >>> stopping.epoch, stopping.loss
    (2, 0.5)
    """

    def __init__(self, patience: int, min_delta: float = 0.0) -> None:
        _require_whole("patience", patience, 1)
        if isinstance(min_delta, bool) or not 0 <= min_delta < inf:
            raise ValueError(
                f"min_delta needs to be finite and at least 0, got {min_delta}"
            )
        self.patience, self.min_delta = int(patience), float(min_delta)
        self.loss, self.epoch, self.epochs = inf, 0, 0
        self._state: dict[str, Tensor] | None = None

    def update(self, loss: float, model: nn.Module) -> bool:
        """Return whether to stop, after an epoch with this validation loss.

        A loss that is not finite is no improvement, nor is an equal one.
        """
        self.epochs, loss = self.epochs + 1, float(loss)
        if isfinite(loss) and loss < self.loss - self.min_delta:
            self.loss, self._state = loss, _copy_state(model)
            self.epoch = self.epochs  # eq. 1
        return self.epochs - self.epoch >= self.patience  # eq. 2

    def restore(self, model: nn.Module) -> None:
        """Put the parameters and buffers of the best epoch into the model.

        Raises:
            ValueError: None of the losses was finite.
        """
        if self._state is None:
            raise ValueError(
                "there is no best epoch to restore: it needs a finite loss, "
                f"got {self.epochs} losses without one"
            )
        model.load_state_dict(self._state)


class StoppedRun(NamedTuple):
    """All epochs of a run, and the one the model is from, counted from 1."""

    history: list[Epoch]
    best: int


def fit_until_best(
    data: Data,
    validation: Data,
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    patience: int,
    min_delta: float = 0.0,
    epochs: int = 1000,
    batch_size: int = 32,
    seed: int = 0,
) -> StoppedRun:
    """Train until the validation loss stalls; leave the model at its best.

    There are at most `epochs`. In the end the model is in evaluation mode; the
    optimizer is as after the last epoch, not as after the best.

    Raises:
        ValueError: There are no examples, inputs and targets differ in number,
            epochs or batch size are no whole number of at least 1, a setting
            is refused as by `EarlyStopping`, or no epoch has a finite loss.
    """
    _require_pairs(data)
    _require_pairs(validation)
    _require_whole("epochs", epochs, 1)
    _require_whole("batch_size", batch_size, 1)
    stopping = EarlyStopping(patience, min_delta)
    generator, history = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        epoch = Epoch(
            train_epoch(data, model, loss, optimizer, batch_size, generator),
            evaluate(validation, model, loss),
        )
        history.append(epoch)
        if stopping.update(epoch.validation_loss, model):
            break
    stopping.restore(model)
    return StoppedRun(history, stopping.epoch)


def descent_factors(
    curvatures: Float[Tensor, "R"], lr: float, steps: int
) -> Float[Tensor, "R"]:
    """Return the share of its way that gradient descent has gone, 0 to 1.

    The loss is quadratic with these curvatures along its R axes, and descent
    starts at 0.

    Raises:
        ValueError: A curvature is negative or NaN, the learning rate is not
            positive and finite or overshoots along some axis (curvature times
            rate above 1), or steps is no whole number of at least 0.

    >>> descent_factors(torch.tensor([1.0, 0.0]), lr=0.5, steps=2)
    tensor([0.7500, 0.0000])
    """
    _require_whole("steps", steps, 0)
    lr = float(lr)
    if not 0 < lr < inf:
        raise ValueError(f"lr needs to be positive and finite, got {lr}")
    rates = lr * curvatures
    if not bool(torch.all((rates >= 0) & (rates <= 1))):
        raise ValueError(
            "lr times curvature needs to be from 0 to 1, got "
            f"{rates.min().item():.4g} to {rates.max().item():.4g}"
        )
    # 1 - (1 - rates)**steps would lose the digits of small rates.
    return -torch.expm1(torch.special.xlog1py(int(steps), -rates))  # eq. 3


def _copy_state(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers in memory of their own."""
    state = model.state_dict()  # its tensors are the model's own
    for name, value in state.items():
        state[name] = value.clone()
    return state


def _require_whole(name: str, value: int, least: int) -> None:
    """Raise unless the value is a whole number of at least `least`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(
            f"{name} needs to be an integer of at least {least}, got {value}"
        )


def _require_pairs(data: Data) -> None:
    """Raise unless there are examples, each with input and target."""
    if len(data.x) != len(data.y) or not len(data.x):
        raise ValueError(
            "every input needs a target, and there needs to be one, got "
            f"{len(data.x)} inputs and {len(data.y)} targets"
        )
