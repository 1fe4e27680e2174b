import io

import numpy as np
import pytest
import torch
from torch import nn

from reference.training.layers import BatchNorm, Dropout
from tests.checks import assert_close

C = 3


CASES = [(nn.BatchNorm1d, (6, C)), (nn.BatchNorm2d, (4, C, 3, 2))]


@pytest.fixture(params=CASES, ids=["1d", "2d"])
def pair(request, rng, device):
    """Return our layer, torch's with the same parameters, and batches."""
    library_class, shape = request.param
    options = {"eps": 0.01, "momentum": 0.2}
    ours, library = BatchNorm(C, **options), library_class(C, **options)
    with torch.no_grad():
        for name in ("weight", "bias"):
            v = torch.asarray(rng.normal(size=C), dtype=torch.float32)
            getattr(ours, name).copy_(v)
            getattr(library, name).copy_(v)
    batches = torch.asarray(rng.normal(2, 3, size=(4, *shape)), device=device)
    return ours.double().to(device), library.double().to(device), batches


def assert_same_state(ours, library):
    ours, library = ours.state_dict(), library.state_dict()
    assert list(ours) == list(library)
    for name, value in ours.items():
        assert value.dtype == library[name].dtype
        assert_close(value, library[name])


def test_a_new_layer_has_the_state_of_torchs():
    assert_same_state(BatchNorm(C), nn.BatchNorm2d(C))


def test_defaults_are_those_of_torch(rng):
    ours, library = BatchNorm(C).double(), nn.BatchNorm1d(C).double()
    x = torch.asarray(rng.normal(1, 0.003, size=(6, C)))  # so that eps shows
    assert_close(ours(x), library(x))
    assert_same_state(ours, library)
    with torch.no_grad():
        ours.running_var.fill_(1e-5)
        library.running_var.fill_(1e-5)
    assert_close(ours.eval()(x), library.eval()(x))


def test_training_steps_of_torch(pair):
    """Output, gradients and state agree over several steps of SGD."""
    ours, library, batches = pair
    steps = [
        torch.optim.SGD(layer.parameters(), lr=0.1) for layer in (ours, library)
    ]
    for batch in batches:
        gradients = []
        for layer, step in zip((ours, library), steps, strict=True):
            x = batch.clone().requires_grad_()
            layer(x).sin().sum().backward()
            step.step()
            step.zero_grad()
            gradients.append(x.grad)
        assert_close(*gradients)
    assert_same_state(ours, library)
    assert ours.num_batches_tracked == len(batches)


def test_inference_of_torch_and_no_trace_of_it(pair):
    ours, library, batches = pair
    for batch in batches:
        ours(batch), library(batch)
    before = {k: v.clone() for k, v in ours.state_dict().items()}
    ours.eval(), library.eval()
    assert_close(ours(batches[0]), library(batches[0]))
    assert_close(ours(batches[0, :1]), library(batches[0, :1]))
    for name, value in ours.state_dict().items():
        assert_close(value, before[name])
    ours.train()
    ours(batches[0])
    assert ours.num_batches_tracked == before["num_batches_tracked"] + 1


@pytest.mark.parametrize("to_torch", [True, False])
def test_state_dict_round_trip_through_a_file(pair, to_torch):
    """What was trained in one goes on in the other, in both directions."""
    ours, library, batches = pair
    source, target = (ours, library) if to_torch else (library, ours)
    for batch in batches:
        source(batch)
    file = io.BytesIO()
    torch.save(source.state_dict(), file)
    file.seek(0)
    target.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert_same_state(source, target)
    assert_close(target.eval()(batches[1]), source.eval()(batches[1]))
    source.train(), target.train()
    assert_close(target(batches[2]), source(batches[2]))
    assert_same_state(source, target)


def test_running_moments_are_buffers_and_not_parameters():
    layer = BatchNorm(C)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    buffers = ["running_mean", "running_var", "num_batches_tracked"]
    assert [name for name, _ in layer.named_buffers()] == buffers
    assert layer.double().running_var.dtype == torch.float64


def test_running_moments_are_updated_in_place_and_keep_no_graph(rng):
    layer = BatchNorm(C)
    mean, var = layer.running_mean, layer.running_var
    x = torch.asarray(rng.normal(5, 1, size=(4, C)), dtype=torch.float32)
    layer(x.requires_grad_())
    assert layer.running_mean is mean
    assert layer.running_var is var
    assert torch.all(mean > 0.1)
    assert torch.all(var != 1)
    assert not layer.running_mean.requires_grad
    assert not layer.running_var.requires_grad


def test_float32_stays_float32(rng):
    layer = BatchNorm(C)
    x = torch.asarray(rng.normal(size=(4, C, 2)), dtype=torch.float32)
    assert layer(x).dtype == torch.float32
    assert layer.eval()(x).dtype == torch.float32
    assert layer.running_var.dtype == torch.float32


def test_it_learns_to_be_the_identity(rng):
    """Gradient descent on gamma and beta finds sigma and mu of the data."""
    x = torch.asarray(rng.normal([1.0, -2.0, 0.5], [2.0, 0.5, 1.0], (64, C)))
    layer = BatchNorm(C).double()
    step = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(60):
        step.zero_grad()
        (0.5 * (layer(x) - x) ** 2).mean(0).sum().backward()
        step.step()
    assert_close(layer.bias, x.mean(0), rtol=1e-6)
    assert_close(layer.weight, x.std(0, correction=0), rtol=1e-4)


def test_a_batch_of_one_is_refused_in_training_alone():
    layer, x = BatchNorm(C), torch.ones(1, C)
    with pytest.raises(ValueError, match="a channel needs 2 values"):
        layer(x)
    assert layer.num_batches_tracked == 0
    expected = np.full((1, C), 1 / np.sqrt(1 + 1e-5))
    assert_close(layer.eval()(x), expected, rtol=1e-6)


@pytest.mark.parametrize("eps", [0.0, -1e-5, np.nan])
def test_a_bad_eps_is_refused_at_once(eps):
    with pytest.raises(ValueError, match=f"eps must be positive, got {eps}"):
        BatchNorm(C, eps=eps)


@pytest.mark.parametrize("momentum", [-0.1, 1.5, np.nan])
def test_a_bad_momentum_is_refused_at_once(momentum):
    with pytest.raises(ValueError, match=rf"in \[0, 1\], got {momentum}"):
        BatchNorm(C, momentum=momentum)


@pytest.mark.parametrize("momentum", [0.0, 1.0])
def test_a_momentum_of_0_or_1_is_allowed(momentum):
    layer = BatchNorm(1, momentum=momentum)
    layer(torch.tensor([[1.0], [5.0]]))
    assert layer.running_mean == 3 * momentum


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("shape", [(50,), (4, C, 5, 2)])
def test_dropout_and_torchs_make_the_same_of_their_masks(rng, device, p, shape):
    """Values and gradients; each layer draws a mask of its own."""
    x = torch.asarray(rng.normal(size=shape), device=device)
    for layer in (Dropout(p), nn.Dropout(p)):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.sum().backward()
        kept = y.detach() != 0
        assert_close(y, x * kept / (1 - p))
        assert_close(leaf.grad, kept.double() / (1 - p))


def test_dropout_drops_each_unit_of_each_example_by_itself(device):
    x = torch.ones(200, 500, device=device)
    torch.manual_seed(0)
    layer = Dropout(0.2)
    dropped = layer(x) == 0
    assert abs(dropped.double().mean().item() - 0.2) < 0.005
    for axis in (0, 1):
        share = dropped.double().mean(axis)
        assert torch.all((share > 0.05) & (share < 0.4))
    assert not torch.equal(layer(x) == 0, dropped)


def test_dropout_draws_from_torchs_generator():
    layer, x = Dropout(0.5), torch.ones(100)
    state = torch.get_rng_state()
    first = layer(x)
    torch.set_rng_state(state)
    assert_close(layer(x), first)


def test_dropout_at_inference_is_the_identity_and_draws_nothing(rng):
    layer = Dropout(0.5).eval()
    x = torch.asarray(rng.normal(size=(4, C)))
    state = torch.get_rng_state()
    assert_close(layer(x), x, rtol=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.any(layer.train()(x) == 0)


def test_dropout_has_the_default_and_the_state_of_torchs():
    assert Dropout().p == nn.Dropout().p
    assert list(Dropout().state_dict()) == list(nn.Dropout().state_dict())


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_dropout_keeps_the_dtype(kind):
    y = Dropout(0.5)(torch.ones(100, dtype=kind))
    assert y.dtype == kind
    assert_close(y.unique(), [0.0, 2.0])


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, np.nan])
def test_a_bad_chance_of_a_drop_is_refused_at_once(p):
    with pytest.raises(ValueError, match=rf"in \[0, 1\), got {p}"):
        Dropout(p)
