import json
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from reference.generalization.ridge import ridge_path, shrinkage_factors
from reference.training.early_stopping import (
    EarlyStopping,
    descent_factors,
    fit_until_best,
)
from reference.training.training_loop import Data, Epoch, evaluate, fit
from tests.checks import assert_close

RESULT = Path(__file__).parents[2] / "experiments/training/early_stopping.json"
TRACE = [0.9, 0.6, 0.7, 0.5, 0.8, 0.6, 0.4, 0.7]

# Few different losses, so that ties and exact differences of delta occur.
LOSSES = st.lists(
    st.sampled_from([*(k / 8 for k in range(9)), nan, inf]), max_size=25
)
PATIENCE, DELTA = st.integers(1, 6), st.sampled_from([0.0, 0.125, 0.375])


def epochs_of(losses, patience, min_delta=0.0):
    """Return the epoch of the stop, 0 if there is none, and of the best."""
    stopping, model = EarlyStopping(patience, min_delta), nn.Identity()
    for t, loss in enumerate(losses, 1):
        if stopping.update(loss, model):
            return t, stopping.epoch
    return 0, stopping.epoch


# The page's equations, each written out index by index below its LaTeX.


@settings(max_examples=25)
@given(LOSSES, DELTA)
def test_eq_1(losses, delta):
    r"""s_t = \begin{cases}
    t & \text{if } L_t < L_{s_{t-1}} - \delta \\
    s_{t-1} & \text{otherwise}
    \end{cases}"""
    stopping, model = EarlyStopping(100, delta), nn.Identity()
    numbered, s = [inf, *losses], 0
    for t in range(1, len(losses) + 1):
        s = t if numbered[t] < numbered[s] - delta else s
        stopping.update(numbered[t], model)
        assert (stopping.epoch, stopping.loss) == (s, numbered[s])
        assert stopping.epochs == t


@settings(max_examples=25)
@given(LOSSES, PATIENCE, DELTA)
def test_eq_2(losses, patience, delta):
    r"""T = \min \{ t : t - s_t \ge p \}"""
    numbered, s = [inf, *losses], {0: 0}
    for t in range(1, len(losses) + 1):
        better = numbered[t] < numbered[s[t - 1]] - delta
        s[t] = t if better else s[t - 1]
    waits = [t for t in range(1, len(losses) + 1) if t - s[t] >= patience]
    stop, best = epochs_of(losses, patience, delta)
    assert stop == min(waits, default=0)
    assert best == s[stop or len(losses)]


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_eq_3(steps):
    r"""f_i(t) = 1 - (1 - \eta h_i)^t"""
    h, eta = [0.0, 0.1, 0.5, 2.0], 0.5
    expected = []
    for i in range(4):
        left = 1.0
        for _ in range(steps):
            left *= 1 - eta * h[i]
        expected.append(1 - left)
    curvatures = torch.tensor(h, dtype=torch.float64)
    assert_close(descent_factors(curvatures, eta, steps), expected)


# The same as everybody else's.


@settings(max_examples=25)
@given(LOSSES, PATIENCE, DELTA)
def test_pytorch_lowers_the_learning_rate_where_we_stop(
    losses, patience, delta
):
    """ReduceLROnPlateau waits for more than its patience."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        patience=patience - 1,
        threshold=delta,
        threshold_mode="abs",
    )
    expected = 0
    for t, loss in enumerate(losses, 1):
        plateau.step(loss)
        if optimizer.param_groups[0]["lr"] < 1:
            expected = t
            break
    stop, best = epochs_of(losses, patience, delta)
    assert stop == expected
    assert [inf, *losses][best] == plateau.best


def quadratic(seed=0):
    """Return standardized features and centred targets of 40 examples."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 4)) @ rng.normal(size=(4, 4))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = x @ rng.normal(size=4) + rng.normal(size=40)
    return x, y - y.mean()


def test_gradient_descent_goes_that_far():
    x, y = quadratic()
    h, axes = np.linalg.eigh(x.T @ x / len(x))
    solution = np.linalg.lstsq(x, y)[0]
    b = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    design, targets = torch.asarray(x), torch.asarray(y)
    algorithm = torch.optim.SGD([b], lr=0.25)
    for t in range(1, 31):
        algorithm.zero_grad()
        (F.mse_loss(design @ b, targets) / 2).backward()
        algorithm.step()
        shares = axes.T @ b.detach().numpy() / (axes.T @ solution)
        assert_close(descent_factors(torch.asarray(h), 0.25, t), shares)


def test_small_steps_are_near_ridge():
    """The penalty is 1 / (lr steps); ridge leaves out a little more."""
    x, y = quadratic()
    h = np.linalg.eigvalsh(x.T @ x / len(x))[::-1].copy()
    axes = np.linalg.eigh(x.T @ x / len(x))[1][:, ::-1]
    solution = np.linalg.lstsq(x, y)[0]
    for lr, steps in ((0.001, 100), (0.001, 1000), (0.001, 10000)):
        penalty = 1 / (lr * steps)
        descent = descent_factors(torch.asarray(h), lr, steps).numpy()
        shrunk = shrinkage_factors(x, penalty)
        assert (descent > shrunk).all()
        assert (descent - shrunk).max() < 0.204
        ridge = ridge_path(x, y, [penalty]).beta[0] * x.std(axis=0)
        assert_close(axes.T @ ridge, shrunk * (axes.T @ solution), rtol=1e-7)


def test_the_largest_difference_from_ridge():
    """At h lr steps = 2.51 it is 0.2036, in the limit of small steps."""
    h = torch.linspace(0.01, 10, 4000, dtype=torch.float64)
    difference = descent_factors(h, 1e-6, 10**6) - h / (h + 1)
    assert_close(difference.max(), 0.2036, atol=1e-4)
    assert_close(h[difference.argmax()], 2.513, atol=0.02)


def test_factors_of_tiny_rates_keep_their_digits():
    h = torch.tensor([1e-9, 1.0, 0.0])
    f = descent_factors(h, np.float64(1.0), 3)
    assert f.dtype == torch.float32
    assert_close(f, np.float32([3e-9, 1.0, 0.0]), rtol=1e-6, atol=0)
    assert descent_factors(h, 1.0, 0).tolist() == [0, 0, 0]


# What the page promises.


@pytest.mark.parametrize(
    ("patience", "delta", "expected"),
    [
        (1, 0.0, (3, 2)),
        (2, 0.0, (6, 4)),
        (3, 0.0, (0, 7)),
        (2, 0.15, (4, 2)),
    ],
)
def test_the_trace_of_the_page(patience, delta, expected):
    assert epochs_of(TRACE, patience, delta) == expected


def previous(losses, patience, delta=0.0):
    """Return the epoch after which each of `patience` epochs was no better
    than the one before it: the rule that the page warns of.
    """
    waited = 0
    for t in range(1, len(losses)):
        better = losses[t] < losses[t - 1] - delta
        waited = 0 if better else waited + 1
        if waited >= patience:
            return t + 1
    return 0


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), max_size=25), PATIENCE)
def test_comparing_with_the_epoch_before_stops_no_earlier(losses, patience):
    ours, theirs = epochs_of(losses, patience)[0], previous(losses, patience)
    assert not theirs or ours <= theirs
    if patience == 1:
        assert ours == theirs


def test_comparing_with_the_epoch_before_never_stops_on_a_saw():
    saw = [1 + 0.1 * t + 0.3 * (-1) ** t for t in range(100)]
    assert previous(saw, 2) == 0
    assert epochs_of(saw, 2) == (4, 2)


def test_small_improvements_add_up():
    losses = [1 - k / 128 for k in range(100)]
    assert epochs_of(losses, 2, 1.5 / 128) == (0, 99)
    assert previous(losses, 2, 1.5 / 128) == 3


@settings(max_examples=25)
@given(LOSSES, PATIENCE, DELTA)
def test_the_kept_loss_is_within_delta_of_the_lowest(losses, patience, delta):
    stop, best = epochs_of(losses, patience, delta)
    seen = losses[: stop or None]
    if best:
        assert min(x for x in seen if x < inf) >= losses[best - 1] - delta


def test_by_default_the_smallest_gain_counts():
    stopping, model = EarlyStopping(1), nn.Identity()
    assert [stopping.update(x, model) for x in (0.5, 0.5 - 1e-9)] == [False] * 2


def test_a_loss_of_minus_infinity_is_no_improvement():
    assert epochs_of([0.5, -inf, 0.4, nan, -inf], 2) == (5, 3)


def test_after_a_stop_an_improvement_goes_on():
    stopping, model = EarlyStopping(1), nn.Identity()
    said = [stopping.update(x, model) for x in (0.5, 0.6, 0.7, 0.4)]
    assert said == [False, True, True, False]


def test_parameters_and_buffers_of_the_best_come_back_bit_for_bit():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    stopping, states = EarlyStopping(9), []
    own = list(model.parameters())
    for loss in (0.9, 0.3, 0.5, 0.4):
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()
        states.append({k: v.clone() for k, v in model.state_dict().items()})
        stopping.update(loss, model)
    for _ in range(2):  # a second time too: loading takes no hold of the copy
        stopping.restore(model)
        found = model.state_dict()
        assert found.keys() == states[1].keys()
        assert all(torch.equal(found[k], states[1][k]) for k in found)
        assert found["1.num_batches_tracked"] == 2
        assert not torch.equal(
            found["1.running_mean"], states[3]["1.running_mean"]
        )
        model(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()
    assert all(a is b for a, b in zip(own, model.parameters(), strict=True))


def test_the_copy_keeps_the_versions_of_the_layers():
    """By them PyTorch knows how to load what older layers saved."""
    stopping, model = EarlyStopping(1), nn.BatchNorm1d(2)
    stopping.update(1.0, model)
    assert stopping._state._metadata == model.state_dict()._metadata


def test_nothing_to_restore_is_refused():
    stopping, model = EarlyStopping(3), nn.Linear(1, 1)
    for loss in (nan, inf):
        stopping.update(loss, model)
    assert (stopping.epoch, stopping.loss) == (0, inf)
    with pytest.raises(ValueError, match="got 2 losses without one"):
        stopping.restore(model)


# The run from beginning to end.


def noise(device="cpu"):
    """Return examples to learn by heart and others to be wrong about."""
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(60, 10, generator=draw).to(device)
    y = x[:, :1] + torch.randn(60, 1, generator=draw).to(device)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1)
    ).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    parts = Data(x[:30], y[:30]), Data(x[30:], y[30:])
    return (*parts, model, F.mse_loss, optimizer)


def test_the_model_is_left_at_the_best_epoch(device):
    parts = noise(device)
    _, validation, model, loss, _ = parts
    history, best = fit_until_best(*parts, patience=5)
    losses = [epoch.validation_loss for epoch in history]
    assert 1 <= best == len(history) - 5
    assert losses[best - 1] == min(losses) < losses[-1]
    assert evaluate(validation, model, loss) == losses[best - 1]
    assert not model.training
    # The same numbers as the plain loop, and the same parameters as if it
    # had ended at the best epoch.
    parts = noise(device)
    assert history[:best] == fit(*parts, best, progress=False)
    for a, b in zip(model.parameters(), parts[2].parameters(), strict=True):
        assert torch.equal(a, b)


def test_settings_reach_the_loop():
    def run(**settings):
        return fit_until_best(*noise(), **settings)

    long = run(patience=50, epochs=7, batch_size=8, seed=5)
    expected = fit(*noise(), 7, 8, 5, progress=False)
    assert long.history == expected
    assert all(isinstance(epoch, Epoch) for epoch in long.history)
    assert run(patience=2, min_delta=100.0) == (
        long.history[:0] + run(patience=2, epochs=3).history,
        1,
    )
    assert run(patience=2, epochs=3).history == (
        fit(*noise(), 3, progress=False)
    )


def test_at_most_a_thousand_epochs_by_default():
    x = torch.zeros(1, 1)
    model, steps = nn.Linear(1, 1), []

    def loss(prediction, _):
        steps.append(1)
        return 0 * prediction.sum() + 1 / len(steps)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history, best = fit_until_best(
        Data(x, x), Data(x, x), model, loss, optimizer, patience=3
    )
    assert (len(history), best) == (1000, 1000)


def test_a_run_that_diverges_keeps_its_best_epoch():
    """Its losses become nan, and end the run after the patience."""
    parts = noise()
    seen = iter([0.9, 0.5, nan, inf, nan, 0.1])

    def loss(prediction, target):
        value = F.mse_loss(prediction, target)
        return value if parts[2].training else value * 0 + next(seen)

    history, best = fit_until_best(
        *parts[:3], loss, parts[4], patience=3, epochs=9
    )
    assert (len(history), best) == (5, 2)


def test_a_run_without_a_finite_loss_is_refused():
    data, validation, model, _, optimizer = noise()
    for epochs, lost in ((1, 1), (4, 2)):
        with pytest.raises(ValueError, match=f"got {lost} losses without"):
            fit_until_best(
                data,
                validation,
                model,
                lambda p, _: p.sum() * nan,
                optimizer,
                patience=2,
                epochs=epochs,
            )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("sizes", [(3, 2), (2, 3), (0, 0)])
def test_inputs_without_targets_are_refused(sizes):
    data, validation, *rest = noise()
    wrong = Data(torch.zeros(sizes[0], 10), torch.zeros(sizes[1], 1))
    message = f"got {sizes[0]} inputs and {sizes[1]} targets"
    for pair in ((wrong, validation), (data, wrong)):
        with pytest.raises(ValueError, match=message):
            fit_until_best(*pair, *rest, patience=1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["epochs", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_epochs_and_batches_that_are_no_count_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} needs .* 1, got {value}"):
        fit_until_best(*noise(), patience=1, **{name: value})


@pytest.mark.usefixtures("unchecked")
def test_counts_of_numpy_are_counts():
    assert epochs_of(TRACE, np.int64(2), np.float64(0.15)) == (4, 2)
    assert descent_factors(torch.ones(1), 0.5, np.int64(2)).item() == 0.75


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [np.float32, torch.tensor])
def test_a_loss_in_float32_is_compared_in_float64(kind):
    """In float32 the loss would equal the best one less min_delta."""
    stopping, model = EarlyStopping(9, 0.75 * 2**-24), nn.Identity()
    for loss in (1.0, 1 - 2**-24):
        stopping.update(kind(loss), model)
    assert (stopping.epoch, stopping.loss) == (2, 1 - 2**-24)
    assert isinstance(stopping.loss, float)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("patience", [0, -1, 2.0, True, None, nan, np.True_])
def test_a_patience_that_is_no_count_is_refused(patience):
    with pytest.raises(
        ValueError,
        match=f"patience needs to be an integer of at least 1, got {patience}",
    ):
        EarlyStopping(patience)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("delta", [-0.1, nan, inf, True])
def test_a_min_delta_that_is_no_distance_is_refused(delta):
    with pytest.raises(ValueError, match=f"min_delta needs .*, got {delta}"):
        EarlyStopping(1, delta)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("lr", [0.0, -1.0, nan, inf])
def test_a_rate_that_is_no_rate_is_refused(lr):
    with pytest.raises(ValueError, match=f"lr needs to be .*, got {lr}"):
        descent_factors(torch.ones(1), lr, 1)


@pytest.mark.parametrize("h", [-0.1, 2.5, nan])
def test_curvatures_that_overshoot_are_refused(h):
    with pytest.raises(ValueError, match=r"lr times curvature needs .* got"):
        descent_factors(torch.tensor([1.0, h]), 0.5, 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("steps", [-1, 1.5, True])
def test_steps_that_are_no_count_are_refused(steps):
    with pytest.raises(ValueError, match=f"steps needs .* 0, got {steps}"):
        descent_factors(torch.ones(1), 0.5, steps)


# What the page says of its experiment: 10 runs, each the mean of 50 ways to
# draw 60 validation digits. Columns: patience 1, 2, 5, 10, 20, the lowest
# validation loss of all 60 epochs, the last epoch.


@pytest.fixture(scope="module")
def numbers():
    found = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    return {name: np.array(values) for name, values in found.items()}


def test_stopping_helps_in_every_run(numbers):
    test = numbers["test_loss"]
    assert test.shape == (10, 7)
    assert list(numbers["patience"]) == [1, 2, 5, 10, 20]
    assert (test[:, 6] - test[:, 3] > 0.1).all()
    assert (test[:, 0] - test[:, 3] > 0.05).all()
    means = test.mean(axis=0)
    assert_close(means[[0, 3, 6]], [0.67, 0.51, 0.75], atol=0.005)
    assert 0 < means[4] - means[3] < 0.015
    assert (numbers["lowest_test_loss"] < test[:, 3]).all()
    assert_close(numbers["lowest_test_loss"].mean(), 0.48, atol=0.005)


def test_the_last_parameters_are_worse_than_the_best(numbers):
    lost = numbers["test_loss_unrestored"] - numbers["test_loss"]
    assert (lost[:, 3] > 0.03).all()
    assert_close(
        numbers["test_loss_unrestored"].mean(axis=0)[[0, 3, 4]],
        [0.70, 0.61, 0.67],
        atol=0.005,
    )


def test_the_lowest_validation_loss_is_optimistic(numbers):
    gap = numbers["test_loss"] - numbers["validation_loss"]
    assert (gap[:, 5] > 0.04).all()
    assert (np.diff(gap.mean(axis=0)[:6]) > 0).all()
    assert_close(gap.mean(axis=0)[[0, 5, 6]], [0.03, 0.08, 0.01], atol=0.005)
    means = [numbers[k][:, 5].mean() for k in ("validation_loss", "test_loss")]
    assert_close(means, [0.44, 0.53], atol=0.005)


def test_more_patience_takes_more_epochs(numbers):
    stops = numbers["stop"].mean(axis=0)
    assert_close(stops[[0, 3, 4]], [6, 27, 39], atol=0.5)


def test_searching_all_epochs_finds_lucky_ones(numbers):
    """The mean difference is far above its standard error over the runs."""
    lost = numbers["test_loss"][:, 5] - numbers["test_loss"][:, 3]
    assert (lost >= 0).all()
    assert lost.mean() > 4 * lost.std(ddof=1) / 10**0.5
    shares = [numbers[k].mean() for k in ("later", "later_and_worse")]
    assert_close(shares, [0.15, 0.14], atol=0.005)
    more = numbers["test_loss_240"].mean(axis=0)
    assert_close(more[[3, 5]], [0.489, 0.490], atol=0.0006)


def test_watching_accuracy_gives_a_little_more_of_it(numbers):
    watched = numbers["test_accuracy_watched"] - numbers["test_accuracy"][:, 5]
    assert -0.01 < watched.min() < 0 < watched.max() < 0.03
    assert_close(numbers["test_accuracy_watched"].mean(), 0.862, atol=0.0006)
    assert_close(numbers["test_accuracy"][:, 5].mean(), 0.853, atol=0.0006)


def test_the_run_in_the_figure(numbers):
    validation, test = numbers["curves"]
    assert numbers["curves_best"][2] == 1 + validation.argmin() == 11
    assert numbers["curves_stop"][2] == 16
    assert numbers["curves_stop"][0] == 9
    assert test.argmin() == 10
