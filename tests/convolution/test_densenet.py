import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reference.convolution.alexnet import count_parameters
from reference.convolution.densenet import (
    DenseBlock,
    DenseLayer,
    DenseNet,
    Transition,
    densenet121,
    forward_checkpointed,
)
from tests.checks import assert_close
from tests.convolution.networks import learn_digits, normal, stirred

RESULT = Path(__file__).parents[2] / "experiments/convolution/densenet.json"


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""y_{ncpq} = \begin{cases} x_{ncpq} & \text{if } c \le C \\
    f_{n, c - C, p, q} & \text{if } c > C \end{cases}"""
    layer, x = stirred(DenseLayer(3, 2)).eval(), normal(2, 3, 4, 5)
    f, y = layer.layers(x), layer(x)
    assert y.shape == (2, 5, 4, 5)
    for n, c, p, q in np.ndindex(*y.shape):
        expected = x[n, c, p, q] if c < 3 else f[n, c - 3, p, q]
        assert y[n, c, p, q] == expected


@pytest.mark.parametrize(("start", "growth", "layers"), [(4, 2, 3), (3, 5, 4)])
def test_eq_2(start, growth, layers):
    r"""C_l = C_0 + l k"""
    block, x = DenseBlock(start, growth, layers), torch.rand(2, start, 3, 3)
    channels = start
    for layer in block:
        assert layer.layers[0].num_features == channels
        x = layer(x)
        for _ in range(growth):  # one new map after the other
            channels += 1
        assert x.shape == (2, channels, 3, 3)
    assert channels == start + layers * growth


@pytest.mark.parametrize(
    ("channels", "compression", "kept"),
    [
        (10, 0.5, 5),
        (7, 0.5, 3),
        (10, 1.0, 10),
        (100, 0.29, 29),  # 28.999999999999996 in floating point
        (3, 0.99, 2),
        (4, 0.25, 1),
    ],
)
def test_eq_3(channels, compression, kept):
    r"""C' = \lfloor \theta C \rfloor"""
    percent = round(100 * compression)
    whole = 0
    while 100 * (whole + 1) <= percent * channels:
        whole += 1
    assert whole == kept
    x = torch.zeros(1, channels, 2, 2)
    assert Transition(channels, compression)(x).shape == (1, kept, 1, 1)


# The same as everybody else's: published counts, torch.nn.functional.


@pytest.mark.parametrize(
    ("depths", "growth", "layers", "count"),
    [
        ((6, 12, 24, 16), 32, 121, 7_978_856),
        ((6, 12, 32, 32), 32, 169, 14_149_480),
        ((6, 12, 48, 32), 32, 201, 20_013_928),
        ((6, 12, 36, 24), 48, 161, 28_681_000),
    ],
)
def test_the_family_has_the_published_numbers_of_parameters(
    depths, growth, layers, count
):
    with torch.device("meta"):
        model = DenseNet(depths, growth)
    assert count_parameters(model) == count
    weights = (nn.Conv2d, nn.Linear)
    assert sum(isinstance(m, weights) for m in model.modules()) == layers


@pytest.mark.parametrize(
    ("layers", "growth", "millions"),
    [(100, 12, 0.8), (250, 24, 15.3), (190, 40, 25.6)],
)
def test_networks_for_small_images_have_the_sizes_that_the_paper_prints(
    layers, growth, millions
):
    depth = (layers - 4) // 6
    with torch.device("meta"):
        model = DenseNet((depth,) * 3, growth, classes=10, stem="cifar")
    assert round(count_parameters(model) / 1e6, 1) == millions


def test_the_parts_have_the_sizes_of_the_pencil_example():
    layers = [DenseLayer(channels, 2) for channels in (4, 6, 8)]
    assert [count_parameters(layer) for layer in layers] == [200, 220, 240]
    assert count_parameters(DenseBlock(4, 2, 3)) == 660
    assert count_parameters(Transition(10)) == 70


def test_densenet_121_counted_by_hand():
    """Kernel weights, and 2 numbers a channel of each normalization."""
    count, channels = 7 * 7 * 3 * 64 + 2 * 64, 64
    for i, depth in enumerate((6, 12, 24, 16)):
        if i > 0:
            count += 2 * channels + channels * channels // 2
            channels //= 2
        for _ in range(depth):
            count += 2 * channels + channels * 128 + 2 * 128 + 9 * 128 * 32
            channels += 32
    count += 2 * channels + channels * 1000 + 1000
    with torch.device("meta"):
        assert count_parameters(densenet121()) == count == 7_978_856


def test_the_maps_of_every_stage_have_the_shapes_of_the_paper():
    with torch.device("meta"):
        model, x = densenet121(), torch.empty(2, 3, 224, 224)
        stages = [model.stem, *model.blocks]
        shapes = [tuple((x := stage(x)).shape) for stage in stages]
    expected = [(64, 56), (256, 56), (128, 28), (512, 28), (256, 14)]
    expected += [(1024, 14), (512, 7), (1024, 7)]
    assert shapes == [(2, c, side, side) for c, side in expected]


def test_the_named_network_takes_channels_and_classes():
    with torch.device("meta"):
        model = densenet121(1, 7)
        assert model(torch.empty(2, 1, 64, 64)).shape == (2, 7)
    assert model.stem[0].in_channels == 1


def plainly(x, state, norm, conv):
    """Normalization, ReLU and convolution by torch.nn.functional."""
    x = F.relu(normalized(x, state, norm))
    weight = state[f"{conv}.weight"]
    return F.conv2d(x, weight, None, 1, weight.shape[-1] // 2)


def normalized(x, state, name):
    """Batch normalization in inference."""
    parts = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(state[f"{name}.{part}"] for part in parts))


def plain_layer(x, state, name):
    """The new maps of a dense layer by torch.nn.functional."""
    middle = plainly(x, state, f"{name}0", f"{name}2")
    return plainly(middle, state, f"{name}3", f"{name}5")


@pytest.mark.parametrize("bottleneck", [1, 4])
def test_a_layer_written_with_functions(bottleneck, device):
    layer = stirred(DenseLayer(3, 2, bottleneck)).eval().to(device)
    state, x = layer.state_dict(), normal(2, 3, 7, 6).to(device)
    assert state["layers.2.weight"].shape == (2 * bottleneck, 3, 1, 1)
    assert state["layers.5.weight"].shape == (2, 2 * bottleneck, 3, 3)
    new = plain_layer(x, state, "layers.")
    assert_close(layer(x), torch.cat((x, new), dim=1))
    assert_close(layer.new_maps(x[:, :1], x[:, 1:]), new)


def test_a_transition_written_with_functions():
    layer, x = stirred(Transition(4)).eval(), normal(2, 4, 6, 5)
    y = plainly(x, layer.state_dict(), "0", "2")
    expected = torch.empty(2, 2, 3, 2, dtype=x.dtype)
    for i, j in np.ndindex(3, 2):
        window = y[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        expected[:, :, i, j] = window.mean((2, 3))
    assert_close(layer(x), expected)


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_a_network_written_with_functions(stem):
    model = DenseNet((2, 1), 2, 0.7, 3, 1, 4, stem)
    model = stirred(model).eval()
    state, x = model.state_dict(), normal(2, 1, 13, 16)
    if stem == "imagenet":
        y = F.conv2d(x, state["stem.0.weight"], None, 2, 3)
        y = F.max_pool2d(F.relu(normalized(y, state, "stem.1")), 3, 2, 1)
    else:
        y = F.conv2d(x, state["stem.weight"], None, 1, 1)
    assert y.shape[1] == 4
    for layer in range(2):
        new = plain_layer(y, state, f"blocks.0.{layer}.layers.")
        assert new.shape[1] == 2
        y = torch.cat((y, new), dim=1)
    y = F.avg_pool2d(plainly(y, state, "blocks.1.0", "blocks.1.2"), 2)
    assert y.shape[1] == 5
    y = torch.cat((y, plain_layer(y, state, "blocks.2.0.layers.")), dim=1)
    mean = F.relu(normalized(y, state, "norm.0")).mean((2, 3))
    weight, bias = state["classifier.weight"], state["classifier.bias"]
    assert_close(model(x), mean @ weight.T + bias)


def test_convolutions_start_with_he_weights_and_no_bias():
    torch.manual_seed(0)
    for layer in DenseNet((3, 2), 32, stem="cifar").modules():
        if isinstance(layer, nn.Conv2d):
            inputs = layer.weight[0].numel()
            std = layer.weight.std().item() / (2 / inputs) ** 0.5
            assert_close(std, 1.0, rtol=0.08)
            assert layer.bias is None


# The gradient.


@pytest.mark.parametrize("checkpointed", [False, True])
def test_gradient_of_a_block(checkpointed):
    """In training mode, by finite differences; both ways of computing it."""
    block = stirred(DenseBlock(2, 1, 2, bottleneck=2))
    x = normal(2, 2, 3, 4).requires_grad_()
    names, given = zip(*block.named_parameters(), strict=True)
    weights = [w.detach().requires_grad_() for w in given]

    def plain(x, *weights):
        changed = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(block, changed, x)

    assert torch.autograd.gradcheck(plain, (x, *weights), fast_mode=True)
    if checkpointed:
        run, delta = forward_checkpointed, normal(2, 4, 3, 4)
        expected = torch.autograd.grad(plain(x, *given), (x, *given), delta)
        found = torch.autograd.grad(run(block, x), (x, *given), delta)
        for a, desired in zip(found, expected, strict=True):
            assert_close(a, desired)


# What the page promises, and what is refused.


@pytest.mark.parametrize("training", [True, False])
def test_the_checkpointed_block_computes_the_same(training, device):
    block = stirred(DenseBlock(3, 2, 3)).train(training).to(device)
    x = normal(2, 3, 4, 5).to(device)
    expected = block(x)
    assert_close(forward_checkpointed(block, x), expected)


def test_the_running_moments_move_twice_in_a_checkpointed_block():
    """Momentum m, twice towards the same: 1 - (1 - m)^2."""
    block, x = stirred(DenseBlock(3, 2, 2)), normal(2, 3, 4, 5)
    state = {name: value.clone() for name, value in block.state_dict().items()}
    forward_checkpointed(block, x).sum().backward()
    twice = [value.clone() for value in block.buffers()]
    block.load_state_dict(state)
    for layer in block.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1 - (1 - 0.1) ** 2
    block(x)
    for found, expected in zip(twice, block.buffers(), strict=True):
        if found.is_floating_point():  # not the number of batches
            assert_close(found, expected)


def kept_maps(run, x):
    """Return how many maps the gradient keeps, each counted once."""
    kept = {}

    def keep(tensor):
        if tensor.shape[-2:] == x.shape[-2:]:
            kept[tensor.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept):
        run(x)
    return sum(tensor.shape[1] for tensor in kept.values())


@pytest.mark.parametrize(
    ("start", "growth", "layers"), [(4, 2, 3), (256, 32, 24)]
)
def test_kept_maps_grow_with_the_square_of_the_depth_or_not(
    start, growth, layers
):
    block = DenseBlock(start, growth, layers)
    x = torch.rand(1, start, 2, 2)
    channels = [start + layer * growth for layer in range(layers)]
    assert kept_maps(block, x) == 2 * sum(channels) + 8 * growth * layers
    assert (
        kept_maps(lambda x: forward_checkpointed(block, x), x) == channels[-1]
    )


def test_every_layer_sees_every_earlier_one():
    """L (L + 1) / 2 connections: gradients from each layer to each source."""
    layers = 5
    block = DenseBlock(3, 2, layers).eval()
    maps, count = [torch.rand(1, 3, 4, 4, requires_grad=True)], 0
    for layer in block:
        new = layer.new_maps(*maps)
        found = torch.autograd.grad(new.sum(), maps, retain_graph=True)
        count += sum(bool(gradient.any()) for gradient in found)
        maps.append(new)
    assert count == layers * (layers + 1) // 2


def test_old_maps_stay_as_they_are():
    block, x = DenseBlock(3, 2, 4), torch.randn(2, 3, 5, 5)
    assert torch.equal(block(x)[:, :3], x)


def test_a_small_member_learns_the_digits(device):
    torch.manual_seed(0)
    model = DenseNet((2, 2), 8, in_channels=1, classes=10, stem="cifar")
    model = model.to(device)
    history, right = learn_digits(model, lr=0.03)
    assert history[-1].loss < 0.5 < history[0].loss
    assert right > 0.8


def test_a_network_loads_what_another_saved():
    first, second = (DenseNet((1, 1), 2, stem="cifar") for _ in range(2))
    first(torch.rand(4, 3, 8, 8))
    second.load_state_dict(first.state_dict())
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(first.eval()(x), second.eval()(x))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, None])
@pytest.mark.parametrize(
    ("part", "given", "names"),
    [
        (
            DenseLayer,
            {"in_channels": 4, "growth_rate": 2},
            ("in_channels", "growth_rate", "bottleneck"),
        ),
        (
            DenseBlock,
            {"in_channels": 4, "growth_rate": 2, "layers": 1},
            ("in_channels", "growth_rate", "layers", "bottleneck"),
        ),
        (Transition, {}, ("in_channels",)),
        (
            DenseNet,
            {"depths": (1,), "growth_rate": 2},
            ("growth_rate", "bottleneck", "in_channels", "classes"),
        ),
    ],
)
def test_what_is_no_int_above_0_is_refused(part, given, names, wrong):
    for name in names:
        message = rf"^{name} must be an int above 0, got {wrong!r}"
        with pytest.raises(ValueError, match=message):
            part(**{**given, name: wrong})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, None])
def test_a_depth_that_is_no_int_above_0_is_refused(wrong):
    message = f"depth must be an int above 0, got {wrong!r}"
    with pytest.raises(ValueError, match=message):
        DenseNet((1, wrong), 2)


@pytest.mark.usefixtures("unchecked")
def test_depths_that_can_be_read_only_once_make_all_blocks():
    model = DenseNet((depth for depth in (1, 2)), 2)
    assert [len(part) for part in model.blocks] == [1, 4, 2]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("wrong", [0.0, -0.5, 1.01, float("nan"), True])
def test_a_compression_outside_its_range_is_refused(wrong):
    """True would mean no compression at all."""
    message = f"a number above 0 and at most 1, got {wrong}$"
    with pytest.raises(ValueError, match=message):
        Transition(10, wrong)
    with pytest.raises(ValueError, match=message):
        DenseNet((1, 1), 2, wrong)


def test_other_mistakes_are_refused():
    with pytest.raises(ValueError, match=r"leave a channel, got 0.1 of 9"):
        Transition(9, 0.1)
    with pytest.raises(ValueError, match="an entry per block, got none"):
        DenseNet((), 2)
    with pytest.raises(ValueError, match="or \"cifar\", got 'mnist'"):
        DenseNet((1,), 2, stem="mnist")


# What the page says of the experiment.


@pytest.fixture(scope="module")
def measured():
    return json.loads(RESULT.read_text("utf-8"))["numbers"]


def test_concatenating_is_not_worse_than_adding_at_a_like_size(measured):
    (narrow, dense), (like, large) = measured["dense"], measured["residual"]
    networks = (narrow, dense, like, large)
    counts = [found["parameters"] for found in networks]
    assert counts == [5638, 21_074, 16_802, 66_106]
    assert all(len(found["accuracy"]) == 5 for found in networks)
    means = [sum(found["accuracy"]) / 5 for found in networks]
    assert_close(means, [0.877, 0.944, 0.926, 0.920], rtol=0, atol=0.001)
    assert min(large["accuracy"]) < 0.82
    medians = [sorted(found["accuracy"])[2] for found in networks]
    assert_close(medians[1], medians[3], rtol=0, atol=0.005)


def test_layers_weigh_recent_maps_more(measured):
    """And untrained ones weigh all alike."""
    for name in ("untrained", "trained"):
        runs = [run[name] for run in measured["reuse"]]
        assert [len(row) for row in runs[0]] == [1, 2, 3, 4, 5, 6]
        assert len(runs) == 5
        for rows in list(zip(*runs, strict=True))[1:]:
            mean = np.mean(rows, axis=0)
            if name == "untrained":
                assert mean.min() > 0.9
                assert mean.max() < 1.1
            else:
                assert (np.diff(mean) > 0).all()
    mean = {  # layer 5 and the classifier
        row: np.mean([run["trained"][row] for run in measured["reuse"]], axis=0)
        for row in (4, 5)
    }
    assert_close(mean[4][[0, -1]], np.array([0.82, 1.25]), rtol=0, atol=0.01)
    assert_close(mean[5][[0, -1]], np.array([0.36, 1.63]), rtol=0, atol=0.01)
    shares = sorted(run["accuracy"] for run in measured["reuse"])
    assert 0.78 < shares[0] < shares[-1] < 0.92
