import math
from copy import deepcopy
from inspect import signature

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reference._datasets import digits
from reference.training.training_loop import (
    Data,
    Epoch,
    batches,
    evaluate,
    fit,
    load_checkpoint,
    save_checkpoint,
    train_epoch,
)
from tests.checks import assert_close


def line(n, seed=0, device="cpu"):
    """Return n points near a line in float64."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    y = 3 * x - 1 + 0.1 * rng.normal(size=(n, 1))
    return Data(*(torch.tensor(a, device=device) for a in (x, y)))


def straight(w=0.5, b=0.25, device="cpu"):
    """Return the model w x + b."""
    model = nn.Linear(1, 1, dtype=torch.float64, device=device)
    model.weight.data.fill_(w)
    model.bias.data.fill_(b)
    return model


def sgd(model, lr=0.1, **options):
    return torch.optim.SGD(model.parameters(), lr=lr, **options)


# The page's equations, each written out index by index below its LaTeX.


@pytest.mark.parametrize(("n", "size"), [(10, 4), (8, 4), (3, 5), (1, 1)])
def test_eq_1(n, size):
    r"""\{1, \dots, N\} = S_1 \cup \dots \cup S_M, \qquad
    M = \left\lceil \frac{N}{B} \right\rceil"""
    found = list(batches(n, size, torch.Generator().manual_seed(3)))
    assert len(found) == math.ceil(n / size)
    assert {len(batch) for batch in found[:-1]} <= {size}
    assert sorted(i for batch in found for i in batch.tolist()) == list(
        range(n)
    )


def test_eq_2():
    r"""L_m(\theta) = \frac{1}{|S_m|} \sum_{n \in S_m}
    \ell\left( f_\theta(x_n), y_n \right)"""
    data, model = line(5), straight()
    expected = sum(
        (0.5 * data.x[n, 0].item() + 0.25 - data.y[n, 0].item()) ** 2
        for n in range(5)
    )
    mean = train_epoch(
        data, model, F.mse_loss, sgd(model), 5, torch.Generator()
    )
    assert_close(mean, expected / 5)


def test_eq_3():
    r"""g_m = \nabla_\theta L_m(\theta)"""
    data, model = line(5), straight()
    dw = db = 0.0
    for x, y in zip(data.x.flatten(), data.y.flatten(), strict=True):
        residual = 0.5 * x.item() + 0.25 - y.item()
        dw += 2 * residual * x.item() / 5
        db += 2 * residual / 5
    optimizer = sgd(model, lr=0.0)
    train_epoch(data, model, F.mse_loss, optimizer, 5, torch.Generator())
    assert_close(model.weight.grad, [[dw]])
    assert_close(model.bias.grad, [db])


def test_eq_4():
    r"""\theta \leftarrow \theta - \eta \, g_m"""
    data, model = line(5), straight()
    train_epoch(
        data, model, F.mse_loss, sgd(model, lr=0.3), 5, torch.Generator()
    )
    assert_close(model.weight, 0.5 - 0.3 * model.weight.grad.numpy())
    assert_close(model.bias, 0.25 - 0.3 * model.bias.grad.numpy())


def test_eq_5():
    r"""\bar{L} = \frac{1}{N} \sum_{m=1}^{M} |S_m| \, L_m(\theta_m)"""
    data, model = line(5), straight()
    order = torch.randperm(5, generator=torch.Generator().manual_seed(4))
    w, b, expected = 0.5, 0.25, 0.0
    for batch in (order[:2], order[2:4], order[4:]):
        x, y = data.x[batch, 0].numpy(), data.y[batch, 0].numpy()
        residual = w * x + b - y
        expected += len(batch) * np.mean(residual**2) / 5
        w -= 0.1 * np.mean(2 * residual * x)
        b -= 0.1 * np.mean(2 * residual)
    generator = torch.Generator().manual_seed(4)
    mean = train_epoch(data, model, F.mse_loss, sgd(model), 2, generator)
    assert_close(mean, expected)
    assert_close(model.weight, [[w]])


def test_eq_6():
    r"""L(\theta) = \frac{1}{N} \sum_{n=1}^{N}
    \ell\left( f_\theta(x_n), y_n \right)"""
    data = line(5)
    expected = sum(
        (0.5 * x.item() + 0.25 - y.item()) ** 2 / 5
        for x, y in zip(*data, strict=True)
    )
    for size in (1, 2, 5, 100):
        assert_close(evaluate(data, straight(), F.mse_loss, size), expected)


# The same as everybody else's.


def test_it_reaches_the_least_squares_line(device):
    data, model = line(64, device=device), straight(device=device)
    fit(data, data, model, F.mse_loss, sgd(model), 400, 64, progress=False)
    x, y = (part.cpu().numpy() for part in data)
    design = np.hstack([x, np.ones_like(x)])
    [[w], [b]] = np.linalg.lstsq(design, y)[0]
    assert_close(model.weight, [[w]], rtol=1e-6)
    assert_close(model.bias, [b], rtol=1e-6)


def test_it_learns_the_digits(device):
    split = digits()
    x, x_test = (
        torch.tensor(a, dtype=torch.float32, device=device)
        for a in (split.x, split.x_test)
    )
    y, y_test = (
        torch.tensor(a, device=device) for a in (split.y, split.y_test)
    )
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    model.to(device)
    history = fit(
        Data(x, y),
        Data(x_test, y_test),
        model,
        F.cross_entropy,
        torch.optim.Adam(model.parameters(), lr=0.01),
        epochs=10,
        progress=False,
    )
    correct = model(x_test).argmax(dim=1) == y_test
    assert correct.float().mean() > 0.93
    assert history[-1].validation_loss < 0.3 < history[0].validation_loss


# What the page promises: exact resume.


def network(device):
    """Return a model with all that makes a resume hard, and its optimizer."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1)
    ).to(device)
    return model, sgd(model, lr=0.01, momentum=0.9)


def halves(device):
    data = line(30, device=device)
    x, y = (part.float() for part in data)
    return Data(x[:22], y[:22]), Data(x[22:], y[22:])


def run(device, epochs, checkpoint=None):
    """Train for some epochs; return history, parameters and buffers."""
    model, optimizer = network(device)
    history = fit(
        *halves(device),
        model,
        F.mse_loss,
        optimizer,
        epochs,
        batch_size=4,
        checkpoint=checkpoint,
        progress=False,
    )
    return history, deepcopy(model.state_dict())


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    device, tmp_path
):
    expected_history, expected = run(device, 6)
    path = tmp_path / "run.pt"
    first, _ = run(device, 2, path)
    torch.rand(7)
    history, state = run(device, 6, path)
    assert first == expected_history[:2]
    assert history == expected_history
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_batches_of_32_by_default():
    assert signature(fit).parameters["batch_size"].default == 32


def test_a_finished_run_is_not_trained_again(tmp_path):
    path = tmp_path / "run.pt"
    history, state = run("cpu", 2, path)
    again, same = run("cpu", 2, path)
    assert again == history
    assert run("cpu", 1, path)[0] == history
    assert all(torch.equal(same[name], state[name]) for name in state)


def test_a_checkpoint_holds_plain_data_only(tmp_path):
    """It loads without running code: weights_only is on."""
    model, optimizer = network("cpu")
    generator = torch.Generator().manual_seed(5)
    path = tmp_path / "run.pt"
    save_checkpoint(path, model, optimizer, generator, [Epoch(1.0, 2.0)])
    expected = torch.randperm(9, generator=generator)
    other, blank = network("cpu")
    history = load_checkpoint(path, other, blank, generator)
    assert history == [Epoch(1.0, 2.0)]
    assert_close(torch.randperm(9, generator=generator), expected)


def test_the_seed_decides_the_order_of_the_batches():
    def order(seed):
        model = straight()
        fit(line(9), line(9), model, F.mse_loss, sgd(model), 1, 2, seed, None,
            False)  # fmt: skip
        return model.weight.item()

    assert order(1) == order(1) != order(2)


def test_modes_are_set_for_training_and_for_evaluation():
    model, optimizer = network("cpu")
    data, validation = halves("cpu")
    train_epoch(data, model, F.mse_loss, optimizer, 4, torch.Generator())
    assert model.training
    first = evaluate(validation, model, F.mse_loss)
    assert not model.training
    assert evaluate(validation, model, F.mse_loss) == first


def test_the_progress_bar_shows_both_losses(capsys):
    model = straight()
    [epoch] = fit(line(4), line(4), model, F.mse_loss, sgd(model), 1)
    shown = capsys.readouterr().err
    assert f"loss={epoch.loss:.4f}" in shown
    assert f"validation_loss={epoch.validation_loss:.4f}" in shown
    assert "1/1" in shown


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("inputs", "targets"), [(3, 2), (0, 0)])
def test_inputs_without_targets_are_refused(inputs, targets):
    model = straight()
    data = Data(torch.zeros(inputs, 1), torch.zeros(targets, 1))
    message = f"got {inputs} inputs and {targets} targets"
    for pair in ((data, line(2)), (line(2), data)):
        with pytest.raises(ValueError, match=message):
            fit(*pair, model, F.mse_loss, sgd(model), 1, progress=False)


def test_an_empty_batch_is_refused():
    model = straight()
    with pytest.raises(ValueError, match="a batch needs 1 example, got 0"):
        fit(line(4), line(4), model, F.mse_loss, sgd(model), 1, 0)


@pytest.mark.parametrize("lr", [1e9, 1e60])
def test_a_run_that_diverges_stops(lr, tmp_path):
    """The training loss is nan, then inf."""
    model, path = straight(), tmp_path / "run.pt"
    with pytest.raises(ValueError, match="after 0 good epochs: a smaller"):
        fit(
            line(400),
            line(4),
            model,
            F.mse_loss,
            sgd(model, lr=lr),
            3,
            2,
            checkpoint=path,
            progress=False,
        )
    assert not path.exists()


def test_a_validation_loss_that_is_not_finite_stops_the_run():
    model = straight()
    broken = Data(torch.full((2, 1), torch.inf).double(), line(2).y)
    with pytest.raises(ValueError, match=r"the losses are .* and (inf|nan)"):
        fit(line(4), broken, model, F.mse_loss, sgd(model), 1, progress=False)


def test_every_epoch_is_saved(tmp_path):
    """A run that is interrupted in its third epoch has saved two."""
    path, epochs = tmp_path / "new" / "run.pt", iter(range(1000))
    model, optimizer = network("cpu")

    def loss(prediction, target):
        if next(epochs) > 2 * 7:
            raise KeyboardInterrupt
        return F.mse_loss(prediction, target)

    with pytest.raises(KeyboardInterrupt):
        fit(*halves("cpu"), model, loss, optimizer, 5, 4, 0, path, False)
    other, its_optimizer = network("cpu")
    history = load_checkpoint(path, other, its_optimizer, torch.Generator())
    assert len(history) == 2


def test_a_checkpoint_that_fails_leaves_the_old_one(tmp_path):
    """Python cannot save a lambda: the write stops halfway."""
    path = tmp_path / "run.pt"
    model, optimizer = network("cpu")
    arguments = (model, optimizer, torch.Generator())
    save_checkpoint(path, *arguments, [Epoch(1.0, 2.0)])
    optimizer.param_groups[0]["note"] = lambda: None
    with pytest.raises(Exception, match="lambda"):
        save_checkpoint(path, *arguments, [Epoch(1.0, 2.0), Epoch(0.5, 1.0)])
    model, optimizer = network("cpu")
    history = load_checkpoint(path, model, optimizer, torch.Generator())
    assert history == [Epoch(1.0, 2.0)]


class Payload:
    """An object that only code could bring back."""


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    torch.save({"model": Payload()}, path)
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        load_checkpoint(path, *network("cpu"), torch.Generator())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_mean_of_many_small_numbers_keeps_its_digits(dtype):
    data = Data(torch.zeros(8000, 1), torch.zeros(8000, 1))
    weight = nn.Linear(1, 1)
    mean = train_epoch(
        data,
        weight,
        lambda p, _: (0 * p.sum() + 4.25).to(dtype),
        sgd(weight),
        32,
        torch.Generator(),
    )
    assert_close(mean, 4.25)


def test_evaluation_keeps_no_graph_and_takes_1024_examples_at_once():
    model, kept = straight(), []

    def loss(prediction, target):
        kept.append(prediction)
        return F.mse_loss(prediction, target)

    evaluate(line(1025), model, loss)
    assert [len(prediction) for prediction in kept] == [1024, 1]
    assert not kept[0].requires_grad


def test_a_training_loss_that_is_not_finite_stops_the_run():
    """Even where the gradient is 0 and the validation loss is finite."""
    model = straight()

    def loss(prediction, _):
        return 0 * prediction.sum() + (torch.inf if model.training else 1.0)

    with pytest.raises(ValueError, match="the losses are inf and 1"):
        fit(line(4), line(4), model, loss, sgd(model), 1, progress=False)


def test_a_finished_run_leaves_the_model_in_evaluation_mode(tmp_path):
    path = tmp_path / "run.pt"
    run("cpu", 1, path)
    model, optimizer = network("cpu")
    data, validation = halves("cpu")
    fit(
        data,
        validation,
        model,
        F.mse_loss,
        optimizer,
        epochs=1,
        checkpoint=path,
        progress=False,
    )
    assert not model.training
