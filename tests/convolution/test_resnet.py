import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reference.convolution.alexnet import count_parameters
from reference.convolution.resnet import (
    BasicBlock,
    Bottleneck,
    PaddedBlock,
    PlainBlock,
    Projection,
    ResidualBlock,
    ResNet,
    ZeroPad,
    cifar_resnet,
    resnet18,
    resnet50,
)
from tests.checks import assert_close, to_numpy
from tests.convolution.networks import learn_digits, normal, stirred

RESULT = Path(__file__).parents[2] / "experiments/convolution/resnet.json"


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""y_{nkab} = \max(0, \; s_{nkab} + f_{nkab})"""
    x = normal(2, 3, 4, 5)
    layers = nn.Conv2d(3, 6, 3, 2, padding=1, dtype=torch.float64)
    shortcut = nn.Conv2d(3, 6, 1, 2, dtype=torch.float64)
    f, s = to_numpy(layers(x)), to_numpy(shortcut(x))
    expected = np.empty((2, 6, 2, 3))
    for i in np.ndindex(2, 6, 2, 3):
        expected[i] = max(0.0, s[i] + f[i])
    assert (expected == 0).any()
    assert_close(ResidualBlock(layers, shortcut)(x), expected)


def test_eq_2():
    r"""s_{nkab} = \sum_{c=1}^{C} w_{kc} \, x_{n, c, ta, tb}"""
    x, layer = normal(2, 3, 5, 4), Projection(3, 2, stride=2).double()
    w = to_numpy(layer.conv.weight)
    assert w.shape == (2, 3, 1, 1)
    expected = np.empty((2, 2, 3, 2))
    for n, k, a, b in np.ndindex(2, 2, 3, 2):
        expected[n, k, a, b] = sum(
            w[k, c, 0, 0] * x[n, c, 2 * a, 2 * b].item() for c in range(3)
        )
    found = []
    layer.norm.register_forward_pre_hook(lambda _, s: found.append(s[0]))
    normalized = layer(x)
    assert_close(found[0], expected)
    mean, var = expected.mean((0, 2, 3)), expected.var((0, 2, 3))
    for k in range(2):
        desired = (expected[:, k] - mean[k]) / np.sqrt(var[k] + 1e-5)
        assert_close(normalized[:, k], desired)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_eq_3(stride):
    r"""s_{nkab} = \begin{cases} x_{n, k, ta, tb} & \text{if } k \le C \\
    0 & \text{if } k > C \end{cases}"""
    x = normal(2, 3, 6, 4)
    y = ZeroPad(3, 5, stride)(x)
    assert y.shape == (2, 5, -(-6 // stride), -(-4 // stride))
    for n, k, a, b in np.ndindex(*y.shape):
        expected = x[n, k, stride * a, stride * b] if k < 3 else 0.0
        assert y[n, k, a, b] == expected


# The same as everybody else's: published counts, torch.nn.functional.


@pytest.mark.parametrize(
    ("block", "depths", "layers", "count"),
    [
        (BasicBlock, (2, 2, 2, 2), 18, 11_689_512),
        (BasicBlock, (3, 4, 6, 3), 34, 21_797_672),
        (Bottleneck, (3, 4, 6, 3), 50, 25_557_032),
        (Bottleneck, (3, 4, 23, 3), 101, 44_549_160),
        (Bottleneck, (3, 8, 36, 3), 152, 60_192_808),
    ],
)
def test_the_family_has_the_published_numbers_of_parameters(
    block, depths, layers, count
):
    with torch.device("meta"):
        model = ResNet(block, depths)
        assert model(torch.empty(2, 3, 224, 224)).shape == (2, 1000)
    assert count_parameters(model) == count
    assert count_layers(model) == layers


def count_layers(model):
    """Return how many layers with weights stand in a row: no shortcuts."""
    return sum(
        isinstance(layer, (nn.Conv2d, nn.Linear)) and "shortcut" not in name
        for name, layer in model.named_modules()
    )


def test_the_named_networks_are_of_the_family():
    with torch.device("meta"):
        for model, block, count in (
            (resnet18(), BasicBlock, 11_689_512),
            (resnet50(), Bottleneck, 25_557_032),
        ):
            assert count_parameters(model) == count
            assert type(model.stages[0][0]) is block
        for network, width in ((resnet18, 512), (resnet50, 2048)):
            model = network(1, 7)
            assert model.stem[0][0].in_channels == 1
            assert model(torch.empty(2, 1, 64, 64)).shape == (2, 7)
            assert model.classifier.in_features == width


def test_resnet_20_counted_by_hand():
    """Layer by layer: weights of kernels, 2 per channel for each norm."""
    expected = 3 * 16 * 9 + 2 * 16
    for before, width in ((16, 16), (16, 32), (32, 64)):
        expected += before * width * 9 + 5 * width * width * 9
        expected += 6 * 2 * width
    expected += 64 * 10 + 10
    assert expected == 269_722
    for block in (PaddedBlock, PlainBlock):
        model = cifar_resnet(3, block=block)
        assert count_parameters(model) == expected
    projected = count_parameters(cifar_resnet(3, block=BasicBlock))
    assert projected == expected + 16 * 32 + 64 + 32 * 64 + 128


@pytest.mark.parametrize(
    ("n", "millions"), [(3, 0.27), (5, 0.46), (7, 0.66), (9, 0.85), (18, 1.7)]
)
def test_the_cifar_family_has_the_sizes_that_the_paper_prints(n, millions):
    with torch.device("meta"):
        model = cifar_resnet(n)
    assert count_layers(model) == 6 * n + 2
    digits = 1 if n == 18 else 2
    assert round(count_parameters(model) / 1e6, digits) == millions


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        (
            resnet18,
            224,
            [(64, 56), (64, 56), (128, 28), (256, 14), (512, 7)],
        ),
        (
            resnet50,
            224,
            [(64, 56), (256, 56), (512, 28), (1024, 14), (2048, 7)],
        ),
        (
            lambda: cifar_resnet(1),
            32,
            [(16, 32), (16, 32), (32, 16), (64, 8)],
        ),
    ],
    ids=["18", "50", "cifar"],
)
def test_the_images_of_every_stage_have_the_shapes_of_the_paper(
    model, size, expected
):
    with torch.device("meta"):
        model = model()
        x = model.stem(torch.empty(2, 3, size, size))
        shapes = [tuple(x.shape)]
        for stage in model.stages:
            x = stage(x)
            shapes.append(tuple(x.shape))
    assert shapes == [(2, c, side, side) for c, side in expected]


def plainly(x, state, name, stride=1, relu=True):
    """Convolution and normalization by torch.nn.functional, in inference."""
    weight = state[f"{name}.0.weight"]
    pad = weight.shape[-1] // 2
    x = F.conv2d(x, weight, None, stride, pad)
    mean, var, gamma, beta = (
        state[f"{name}.1.{part}"]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    x = F.batch_norm(x, mean, var, gamma, beta)
    return F.relu(x) if relu else x


@pytest.mark.parametrize("stride", [1, 2])
def test_a_basic_block_written_with_functions(stride, device):
    block = stirred(BasicBlock(3, 4, stride)).eval().to(device)
    state, x = block.state_dict(), normal(2, 3, 7, 6).to(device)
    f = plainly(x, state, "layers.0", stride)
    f = plainly(f, state, "layers.2", relu=False)
    renamed = {
        key.replace("shortcut.conv", "shortcut.0").replace(
            "shortcut.norm", "shortcut.1"
        ): value
        for key, value in state.items()
    }
    s = plainly(x, renamed, "shortcut", stride, relu=False)
    assert_close(block(x), F.relu(s + f))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_written_with_functions(stride):
    """The stride is that of the middle convolution."""
    block = stirred(Bottleneck(8, 2, stride)).eval()
    state, x = block.state_dict(), normal(2, 8, 6, 7)
    f = plainly(x, state, "layers.0")
    f = plainly(f, state, "layers.2", stride)
    f = plainly(f, state, "layers.4", relu=False)
    s = x
    if stride > 1:
        s = F.conv2d(x, state["shortcut.conv.weight"], None, stride)
        names = ("running_mean", "running_var", "weight", "bias")
        s = F.batch_norm(s, *(state[f"shortcut.norm.{n}"] for n in names))
    assert_close(block(x), F.relu(s + f))


@pytest.mark.parametrize(("channels", "stride"), [(3, 1), (3, 2), (5, 2)])
def test_padded_and_plain_blocks_written_with_functions(channels, stride):
    padded = stirred(PaddedBlock(3, channels, stride)).eval()
    plain = PlainBlock(3, channels, stride).double().eval()
    plain.load_state_dict(padded.state_dict())
    state, x = padded.state_dict(), normal(2, 3, 6, 4)
    f = plainly(x, state, "layers.0", stride)
    f = plainly(f, state, "layers.2", relu=False)
    s = torch.zeros_like(f)
    s[:, :3] = x[:, :, ::stride, ::stride]
    assert_close(padded(x), F.relu(s + f))
    assert_close(plain(x), F.relu(f))


def test_a_plain_block_needs_no_shortcut():
    """So it may have fewer channels than before, and holds no parameter."""
    plain = PlainBlock(4, 2)
    assert plain(torch.zeros(1, 4, 3, 3)).shape == (1, 2, 3, 3)
    assert count_parameters(plain) == 9 * 4 * 2 + 9 * 2 * 2 + 8


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_a_network_written_with_functions(stem):
    model = ResNet(PaddedBlock, (1, 2), (2, 3), 1, 4, stem)
    model = stirred(model).eval()
    state, x = model.state_dict(), normal(2, 1, 13, 16)
    stride = 2 if stem == "imagenet" else 1
    y = plainly(x, state, "stem.0", stride)
    if stem == "imagenet":
        assert state["stem.0.0.weight"].shape[-1] == 7
        y = F.max_pool2d(y, 3, 2, 1)
    for i, j, stride in ((0, 0, 1), (1, 0, 2), (1, 1, 1)):
        name = f"stages.{i}.{j}.layers"
        f = plainly(y, state, f"{name}.0", stride)
        f = plainly(f, state, f"{name}.2", relu=False)
        s = torch.zeros_like(f)
        s[:, : y.shape[1]] = y[:, :, ::stride, ::stride]
        y = F.relu(s + f)
    mean = y.mean((2, 3))
    weight, bias = state["classifier.weight"], state["classifier.bias"]
    assert_close(model(x), mean @ weight.T + bias)


def test_convolutions_start_with_he_weights_and_no_bias():
    torch.manual_seed(0)
    model = cifar_resnet(1, (32, 64, 128))
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            inputs = layer.weight[0].numel()
            std = layer.weight.std().item() / (2 / inputs) ** 0.5
            assert_close(std, 1.0, rtol=0.08)
            assert layer.bias is None


# The gradient.


@pytest.mark.parametrize(
    "block",
    [BasicBlock(2, 3, 2), PaddedBlock(2, 2), Bottleneck(2, 1, 2)],
    ids=["basic", "padded", "bottleneck"],
)
def test_gradient_of_a_block(block):
    block = stirred(block)
    x = normal(2, 2, 3, 4).requires_grad_()
    weights = [w.detach().requires_grad_() for w in block.parameters()]
    names = [name for name, _ in block.named_parameters()]

    def forward(x, *weights):
        given = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(block, given, x)

    assert torch.autograd.gradcheck(forward, (x, *weights), fast_mode=True)


def scalar(weights, residual):
    """Return a chain of blocks x + w x, or of layers w x, on one pixel."""
    layers = []
    for w in weights:
        layer = nn.Conv2d(1, 1, 1, bias=False, dtype=torch.float64)
        nn.init.constant_(layer.weight, w)
        layers.append(ResidualBlock(layer) if residual else layer)
    return nn.Sequential(*layers)


def test_the_gradient_of_a_chain_is_the_product_of_one_plus_the_slopes():
    """The pencil example of the page: 2 on the way, 1.65 and 0.015 back."""
    slopes, x = (0.5, -0.2, 0.1, 0.25), torch.full((1, 1, 1, 1), 2.0)
    x = x.double().requires_grad_()
    for residual in (True, False):
        (dx,) = torch.autograd.grad(scalar(slopes, residual)(x).sum(), x)
        expected = 1.0
        for w in slopes:
            expected *= w + residual
        assert_close(dx.item(), expected)


# What the page promises, and what is refused.


@pytest.mark.parametrize("block", [PaddedBlock, BasicBlock])
def test_a_block_whose_last_scale_is_zero_is_the_identity(block):
    """For an image without negative values, as a ReLU leaves it."""
    block, x = stirred(block(3, 3)), normal(4, 3, 5, 5)
    last = block.layers[-1][1]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    assert_close(block(F.relu(x)), F.relu(x), rtol=0, atol=0)
    assert_close(block(x), F.relu(x), rtol=0, atol=0)
    plain = PlainBlock(3, 3).double()
    plain.load_state_dict(block.state_dict())
    assert not plain(F.relu(x)).any()


def test_identity_shortcuts_stand_where_the_shape_stays():
    model = ResNet(Bottleneck, (2, 2), (4, 8))
    kinds = [type(b.shortcut) for stage in model.stages for b in stage]
    assert kinds == [Projection, nn.Identity, Projection, nn.Identity]
    kinds = [type(b.shortcut) for s in cifar_resnet(2).stages for b in s]
    assert kinds == [nn.Identity] * 2 + [ZeroPad, nn.Identity] * 2
    assert isinstance(BasicBlock(4, 4, 2).shortcut, Projection)
    assert isinstance(BasicBlock(4, 8, 1).shortcut, Projection)
    assert isinstance(Bottleneck(8, 2, 2).shortcut, Projection)
    assert isinstance(Bottleneck(8, 2).shortcut, nn.Identity)


def test_a_small_member_learns_the_digits(device):
    torch.manual_seed(0)
    model = cifar_resnet(1, (8, 16, 32), in_channels=1).to(device)
    history, right = learn_digits(model, lr=0.1)
    assert history[-1].loss < 0.15 < history[0].loss
    assert right > 0.9


def test_the_networks_load_what_they_saved():
    first, second = cifar_resnet(1), cifar_resnet(1)
    first(torch.rand(4, 3, 8, 8))
    second.load_state_dict(first.state_dict())
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(first.eval()(x), second.eval()(x))


def test_shapes_that_would_broadcast_are_refused():
    one = nn.Conv2d(3, 1, 1)
    x = torch.zeros(2, 3, 4, 4)
    assert F.relu(x + one(x)).shape == x.shape
    message = r"got \(2, 3, 4, 4\) from the shortcut and \(2, 1, 4, 4\) from"
    with pytest.raises(ValueError, match=message):
        ResidualBlock(one)(x)
    halved = nn.Conv2d(3, 3, 3, 2, padding=1)
    with pytest.raises(ValueError, match="the sum needs equal shapes"):
        ResidualBlock(halved)(x)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, None])
def test_what_is_no_int_or_not_positive_are_refused(wrong):
    message = rf"an int above 0, got {wrong!r}"
    for layer in (Projection, ZeroPad, BasicBlock, Bottleneck):
        for arguments in ((wrong, 4, 1), (4, wrong, 1), (4, 4, wrong)):
            with pytest.raises(ValueError, match=message):
                layer(*arguments)
    for arguments in (
        {"depths": (1, wrong)},
        {"widths": (4, wrong)},
        {"in_channels": wrong},
        {"classes": wrong},
    ):
        given = {"depths": (1, 1), "widths": (4, 8), **arguments}
        with pytest.raises(ValueError, match=message):
            ResNet(BasicBlock, **given)
    with pytest.raises(ValueError, match=message):
        cifar_resnet(wrong)


def test_a_message_names_the_number():
    for name, arguments in (
        ("in_channels", (0, 4, 1)),
        ("channels", (4, 0, 1)),
        ("stride", (4, 4, 0)),
    ):
        for layer in (Projection, ZeroPad):
            with pytest.raises(ValueError, match=f"^{name} must be an int"):
                layer(*arguments)


@pytest.mark.parametrize(
    ("depths", "widths"), [((1, 1), (4,)), ((), ()), ((1,), (4, 8))]
)
def test_stages_without_depth_or_width_are_refused(depths, widths):
    message = f"got {len(depths)} depths and {len(widths)} widths"
    with pytest.raises(ValueError, match=message):
        ResNet(BasicBlock, depths, widths)


def test_other_mistakes_are_refused():
    with pytest.raises(ValueError, match="got 4 channels to turn into 3"):
        ZeroPad(4, 3, 1)
    with pytest.raises(ValueError, match="or \"cifar\", got 'mnist'"):
        ResNet(BasicBlock, (1,), (4,), stem="mnist")
    with pytest.raises(ValueError, match="got 3 depths and 2 widths"):
        cifar_resnet(1, (4, 8))


# What the page says of the experiment.


@pytest.fixture(scope="module")
def measured():
    return json.loads(RESULT.read_text("utf-8"))["numbers"]


def test_plain_networks_degrade_and_residual_ones_do_not(measured):
    """On the data they are trained on; thus not by overfitting."""
    ends = {
        (kind, depth): [run["loss"][-1] for run in runs]
        for kind in ("plain", "residual")
        for depth, runs in measured[kind]["runs"].items()
    }
    assert all(len(losses) == 5 for losses in ends.values())
    assert max(ends["plain", "8"]) < 0.1 < 0.2 < min(ends["plain", "20"])
    assert max(ends["plain", "20"]) < 0.4 < 1.1 < min(ends["plain", "44"])
    for depth in ("8", "20", "44"):
        assert max(ends["residual", depth]) < 0.05
    for name in ("accuracy", "validation_accuracy"):
        plain, residual = (
            [run[name] for run in measured[kind]["runs"]["44"]]
            for kind in ("plain", "residual")
        )
        assert max(plain) < 0.55 < 0.9 < min(residual)
    slower, longer = (
        [run["loss"] for run in measured[name]] for name in ("slower", "longer")
    )
    assert [len(loss) for loss in slower + longer] == [15] * 3 + [45] * 2
    assert min(loss[-1] for loss in slower) > 1.4
    assert sorted(round(loss[-1], 2) for loss in longer) == [0.78, 1.99]
    assert min(max(longer, key=lambda loss: loss[-1])) < 1.2


def test_depth_is_harmless_here_but_not_useful(measured):
    """The means of the figure's alt text, of the last epoch."""
    means = {
        (kind, depth): np.mean([run["loss"][-1] for run in runs])
        for kind in ("plain", "residual")
        for depth, runs in measured[kind]["runs"].items()
    }
    assert min(means, key=means.get) == ("residual", "8")
    assert_close(means["plain", "8"], 0.02, rtol=0, atol=0.005)
    assert_close(means["plain", "20"], 0.3, rtol=0, atol=0.05)
    assert_close(means["plain", "44"], 1.5, rtol=0, atol=0.05)
    assert max(means["residual", "8"], means["residual", "20"]) < 0.01
    assert_close(means["residual", "44"], 0.03, rtol=0, atol=0.005)


def test_a_loss_below_guessing_beside_a_share_like_guessing(measured):
    """Running averages can spoil the inference of a plain network."""
    runs = measured["plain"]["runs"]["44"]
    assert any(r["loss"][-1] < 1.5 and r["accuracy"] < 0.12 for r in runs)


def test_the_gradient_of_the_plain_network_does_not_vanish(measured):
    growth = {
        kind: [g[0] / g[-1] for g in measured[kind]["gradients"]]
        for kind in ("plain", "residual")
    }
    assert min(growth["plain"]) > 300
    assert 14 < min(growth["residual"]) < max(growth["residual"]) < 21
