import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from reference._datasets import digits
from reference.convolution.alexnet import (
    AlexNet,
    Layer,
    LeNet,
    compose_kernels,
    count_parameters,
    layer_table,
)
from reference.training.training_loop import Data, fit
from tests.checks import assert_close

RESULT = Path(__file__).parents[2] / "experiments/convolution/alexnet.json"


def on_meta(build):
    """Return a network without memory for its parameters."""
    with torch.device("meta"):
        return build()


def original():
    """Return AlexNet of 2012, whose halves met in the third layer only."""
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Flatten(),
        nn.Linear(9216, 4096),
        nn.ReLU(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, 1000),
    )


IMAGE = (3, 224, 224)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""P = K (F + 1) , \qquad F = \frac{C}{g} k^2"""
    for channels, filters, k, groups in ((3, 5, 2, 1), (6, 4, 3, 2)):
        count = 0
        for _ in range(filters):
            count += 1
            for _ in range(channels // groups):
                for _ in range(k):
                    for _ in range(k):
                        count += 1
        layer = nn.Conv2d(channels, filters, k, groups=groups)
        assert layer_table(layer, (channels, 9, 9))[0].parameters == count


def test_eq_2():
    r"""M = K F H' W'"""
    for channels, filters, k, groups in ((3, 5, 2, 1), (6, 4, 3, 2)):
        layer = nn.Conv2d(channels, filters, k, groups=groups)
        y = layer(torch.zeros(1, channels, 6, 6))
        count = 0
        for _ in range(y.numel()):
            for _ in range(channels // groups):
                for _ in range(k):
                    for _ in range(k):
                        count += 1
        assert layer_table(layer, (channels, 6, 6))[0].products == count


def test_eq_3(rng):
    r"""\begin{aligned}
    & w_{kcuv} = \\
    & \quad \sum_{a=0}^{A-1} \sum_{i=0}^{p-1} \sum_{j=0}^{q-1}
      w^{(2)}_{kaij} \, w^{(1)}_{a,\, c,\, u-i,\, v-j}
    \end{aligned}"""
    first, second = rng.normal(size=(4, 2, 3, 2)), rng.normal(size=(3, 4, 2, 3))
    expected = np.zeros((3, 2, 4, 4))
    for k, c, u, v in np.ndindex(expected.shape):
        for a, i, j in np.ndindex(4, 2, 3):
            if 0 <= u - i < 3 and 0 <= v - j < 2:
                w = first[a, c, u - i, v - j]
                expected[k, c, u, v] += second[k, a, i, j] * w
    actual = compose_kernels(torch.tensor(first), torch.tensor(second))
    assert_close(actual, expected)


# The same as everybody else's: published counts, PyTorch's own functions.


@pytest.mark.parametrize(
    ("build", "published"),
    [(LeNet, 61_706), (AlexNet, 61_100_840), (original, 60_965_224)],
)
def test_published_counts(build, published):
    assert count_parameters(on_meta(build)) == published


def test_lenet_is_its_table():
    weights = [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)]
    found = [tuple(p.shape) for p in LeNet().parameters()]
    assert found[::2] == weights
    assert found[1::2] == [shape[:1] for shape in weights]
    rows = layer_table(LeNet(), (1, 32, 32))
    assert [row.parameters for row in rows] == [
        156, 0, 2416, 0, 48120, 10164, 850
    ]  # fmt: skip
    assert [row.products for row in rows] == [
        117600, 0, 240000, 0, 48000, 10080, 840
    ]  # fmt: skip


def test_alexnet_has_the_names_and_shapes_of_torchvision():
    """So weights trained there can be loaded."""
    shapes = {
        "features.0": (64, 3, 11, 11),
        "features.3": (192, 64, 5, 5),
        "features.6": (384, 192, 3, 3),
        "features.8": (256, 384, 3, 3),
        "features.10": (256, 256, 3, 3),
        "classifier.1": (4096, 9216),
        "classifier.4": (4096, 4096),
        "classifier.6": (1000, 4096),
    }
    state = on_meta(AlexNet).state_dict()
    found = {name: tuple(p.shape) for name, p in state.items()}
    expected = {f"{name}.weight": shape for name, shape in shapes.items()}
    expected |= {f"{name}.bias": shape[:1] for name, shape in shapes.items()}
    assert found == expected


def dense(x, parameters):
    """Apply dense layers with rectifiers between them."""
    for i in range(0, len(parameters), 2):
        x = F.linear(x, *parameters[i : i + 2])
        x = torch.relu(x) if i + 2 < len(parameters) else x
    return x


def test_lenet_is_a_chain_of_functions(rng):
    model = LeNet().double()
    x = torch.tensor(rng.normal(size=(3, 1, 32, 32)))
    p = list(model.parameters())
    h = F.max_pool2d(torch.relu(F.conv2d(x, *p[:2])), 2)
    h = F.max_pool2d(torch.relu(F.conv2d(h, *p[2:4])), 2)
    assert_close(model(x), dense(h.reshape(3, 400), p[4:]))


def test_alexnet_is_a_chain_of_functions():
    """In evaluation mode: dropout passes everything."""
    torch.manual_seed(0)
    model = on_meta(lambda: AlexNet(classes=7)).to_empty(device="cpu").eval()
    p = [q.detach().fill_(0.01) for q in model.parameters()]
    for i in range(0, 10, 2):
        p[i].normal_(0, 0.05)
    p[10][:, ::7], p[12][::3], p[14][::2] = -0.01, -0.02, 0.03
    x = torch.randn(1, 3, 224, 224)
    h = F.conv2d(x, *p[:2], stride=4, padding=2)
    h = F.max_pool2d(torch.relu(h), 3, 2)
    h = F.conv2d(h, *p[2:4], padding=2)
    h = F.max_pool2d(torch.relu(h), 3, 2)
    h = torch.relu(F.conv2d(h, *p[4:6], padding=1))
    h = torch.relu(F.conv2d(h, *p[6:8], padding=1))
    h = torch.relu(F.conv2d(h, *p[8:10], padding=1))
    h = F.max_pool2d(h, 3, 2)
    with torch.no_grad():
        y = model(x)
    assert_close(y, dense(h.reshape(1, 9216), p[10:]), rtol=1e-4)
    assert y.std() > 0


def test_dropout_stands_before_two_dense_layers():
    """And nowhere else; the share is one half."""
    names = [type(layer).__name__ for layer in on_meta(AlexNet).classifier]
    assert names == ["Dropout", "Linear", "ReLU"] * 2 + ["Linear"]
    layers = on_meta(AlexNet).classifier
    assert [layers[i].p for i in (0, 3)] == [0.5, 0.5]


@pytest.mark.parametrize("build", [AlexNet, original])
def test_the_table_of_alexnet(build):
    """Sizes of the paper; costs from what each filter reads."""
    first, second, third, fourth, fifth, reads = (
        (64, 192, 384, 256, 256, (3, 64, 192, 384, 256))
        if build is AlexNet
        else (96, 256, 384, 384, 256, (3, 48, 256, 192, 192))
    )
    outputs = [
        (first, 55, 55), (first, 27, 27),
        (second, 27, 27), (second, 13, 13),
        (third, 13, 13), (fourth, 13, 13), (fifth, 13, 13), (fifth, 6, 6),
        (4096,), (4096,), (1000,),
    ]  # fmt: skip
    fan_ins = [
        reads[0] * 121, None, reads[1] * 25, None,
        reads[2] * 9, reads[3] * 9, reads[4] * 9, None, 9216, 4096, 4096,
    ]  # fmt: skip
    table = layer_table(on_meta(build), IMAGE)
    assert [row.shape for row in table] == outputs
    for row, fan_in in zip(table, fan_ins, strict=True):
        if fan_in is None:
            assert row == Layer("MaxPool2d", row.shape, 0, 0)
        else:
            name = "Conv2d" if len(row.shape) == 3 else "Linear"
            parameters = row.shape[0] * (fan_in + 1)
            products = int(np.prod(row.shape)) * fan_in
            assert row == Layer(name, row.shape, parameters, products)


def test_products_are_half_of_what_pytorch_counts():
    """It counts a multiplication and an addition apart, for both images."""
    model = nn.Sequential(
        nn.Conv2d(4, 6, (2, 3), stride=2, padding=1, dilation=2, groups=2),
        nn.AvgPool2d((1, 2)),
        nn.Conv2d(6, 2, 3, padding="same", bias=False),
        nn.BatchNorm2d(2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(2, 4, 9, 12))
    table = layer_table(model, (4, 9, 12))
    assert 4 * sum(row.products for row in table) == counter.get_total_flops()
    assert [(row.name, row.shape, row.parameters) for row in table] == [
        ("Conv2d", (6, 5, 5), 6 * (12 + 1)),
        ("AvgPool2d", (6, 5, 2), 0),
        ("Conv2d", (2, 5, 2), 2 * 54),
        ("AdaptiveAvgPool2d", (2, 2, 2), 0),
        ("Linear", (5,), 45),
    ]


@settings(max_examples=25)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.tuples(*[st.integers(1, 3)] * 3))
def test_two_convolutions_are_one(first, others):
    """Of any sizes, strides of 1."""
    a, c, h, w = first
    k, p, q = others
    generator = torch.Generator().manual_seed(a + 4 * k)
    one = torch.randn(a, c, h, w, generator=generator).double()
    two = torch.randn(k, a, p, q, generator=generator).double()
    x = torch.randn(2, c, 7, 6, generator=generator).double()
    both = F.conv2d(F.conv2d(x, one), two)
    assert_close(F.conv2d(x, compose_kernels(one, two)), both, atol=1e-10)


# Gradients: autograd runs through the network and through eq. 3.


def test_gradient_of_the_composed_kernels(rng):
    leaves = [
        torch.tensor(rng.normal(size=shape), requires_grad=True)
        for shape in ((2, 1, 2, 2), (1, 2, 2, 1))
    ]
    assert torch.autograd.gradcheck(compose_kernels, leaves)


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    model = LeNet()
    model(torch.randn(8, 1, 32, 32)).square().sum().backward()
    assert all(bool(torch.any(p.grad != 0)) for p in model.parameters())


# What the page promises, and what is refused.


def test_lenet_learns_the_digits():
    split = digits()

    def enlarged(x):
        return np.pad(
            np.kron(x.reshape(-1, 1, 8, 8), np.ones((3, 3))),
            ((0, 0), (0, 0), (4, 4), (4, 4)),
        )

    data, validation = (
        Data(torch.tensor(enlarged(x), dtype=torch.float32), torch.tensor(y))
        for x, y in ((split.x, split.y), (split.x_test, split.y_test))
    )
    torch.manual_seed(0)
    model = LeNet()
    fit(
        data,
        validation,
        model,
        F.cross_entropy,
        torch.optim.Adam(model.parameters(), lr=0.003),
        epochs=3,
        progress=False,
    )
    right = model(validation.x).argmax(1) == validation.y
    assert right.float().mean() > 0.9


@pytest.mark.parametrize("position", [(0, 0), (4, 7), (9, 9)])
def test_a_unit_of_the_second_map_sees_14_pixels_square(position):
    """Rows 2i to 2i + 13, unless max pooling leaves the border out."""
    features = nn.Sequential(
        nn.Conv2d(1, 1, 5), nn.AvgPool2d(2), nn.Conv2d(1, 1, 5)
    )
    x = torch.zeros(1, 1, 32, 32, requires_grad=True)
    i, j = position
    features(x)[0, 0, i, j].backward()
    rows, columns = torch.nonzero(x.grad[0, 0], as_tuple=True)
    assert (rows.min(), rows.max()) == (2 * i, 2 * i + 13)
    assert (columns.min(), columns.max()) == (2 * j, 2 * j + 13)


def test_parameters_sit_in_dense_layers_and_work_in_convolutions():
    """The shares of the page, in percent."""
    shares = []
    for build, shape in ((LeNet, (1, 32, 32)), (AlexNet, IMAGE)):
        table = layer_table(on_meta(build), shape)
        for cost in ("parameters", "products"):
            total = sum(getattr(row, cost) for row in table)
            dense = sum(
                getattr(row, cost) for row in table if row.name == "Linear"
            )
            shares.append(round(100 * dense / total))
    assert shares == [96, 14, 96, 8]


def test_shared_and_frozen_parameters_count_once_and_not_at_all():
    layer = nn.Linear(3, 3)
    assert count_parameters(nn.Sequential(layer, layer)) == 12
    layer.bias.requires_grad_(False)
    assert count_parameters(layer) == 9
    assert count_parameters(nn.ReLU()) == 0


class Twice(nn.Module):
    """A dense layer used twice, and another one with the same weights."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("order", torch.tensor([3, 2, 1, 0]))
        self.unused = nn.Linear(4, 4)

    def forward(self, x):
        return self.second(self.first(self.first(x)[:, self.order]))


def test_a_row_for_every_call():
    row = Layer("Linear", (4,), 20, 16)
    assert layer_table(Twice(), (4,)) == [row] * 3
    tokens = layer_table(nn.Linear(4, 5), (7, 4))  # at every place of seven
    assert tokens == [Layer("Linear", (7, 5), 25, 140)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("training", [True, False])
def test_the_table_leaves_the_model_as_it_is(dtype, training):
    """Numbers, mode, gradients, hooks and the state of the random numbers."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)
    )
    model.to(dtype).train(training)
    before = {name: a.clone() for name, a in model.state_dict().items()}
    memory = [p.data_ptr() for p in model.parameters()]
    state = torch.random.get_rng_state()
    table = layer_table(model, (1, 3, 3))  # one place: BatchNorm needs two
    assert table == [Layer("Conv2d", (2, 1, 1), 20, 18)]
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert [p.data_ptr() for p in model.parameters()] == memory
    assert all(p.grad is None for p in model.parameters())
    assert all(layer.training is training for layer in model.modules())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not model[0]._forward_hooks


def test_no_hook_stays_if_the_run_fails():
    model = LeNet()
    with pytest.raises(ValueError, match="the dense layers need images"):
        layer_table(model, (1, 36, 36))
    assert not any(layer._forward_hooks for layer in model.modules())
    assert model.features[0].weight.device.type == "cpu"


def test_the_numbers_of_the_figures():
    """Caption and prose claim them of the recorded runs."""
    numbers = json.loads(RESULT.read_text("utf-8"))["numbers"]
    assert len(numbers["accuracy"]) == 10
    assert min(numbers["accuracy"]) >= 0.95
    assert 0.97 < np.mean(numbers["accuracy"]) < 0.98
    trained, untrained = (
        np.array(numbers[name]) for name in ("purity", "purity_untrained")
    )
    assert np.all(np.diff(trained.mean(0)) > 0)
    assert_close(trained.mean(0).round(2), [0.39, 0.44, 0.71, 0.75, 1.0])
    assert_close(untrained.mean(0).round(2), [0.29, 0.37, 0.47, 0.46, 0.45])
    assert np.all(trained[:, 2:] > untrained[:, 2:] + 0.15)
    labels = digits().y_test
    assert [len(digits().y), len(labels)] == [1437, 360]
    rng = np.random.default_rng(0)
    draws = [rng.choice(labels, 20, replace=False) for _ in range(2000)]
    chance = np.mean([np.bincount(draw).max() for draw in draws]) / 20
    assert round(chance, 2) == 0.22
    shown = {
        name: [[int(labels[i]) for i, _, _ in unit] for unit in numbers[name]]
        for name in ("first", "second", "fourth")
    }
    assert [len(units) for units in shown.values()] == [5, 6, 6]
    assert shown["second"][1] == [7, 7, 7]
    assert shown["second"][4] == [0, 6, 5]
    assert shown["fourth"][:2] == [[9, 4, 9], [3, 3, 3]]
    assert shown["fourth"][3] == [5, 5, 5]
    for name, build, shape in (
        ("lenet", LeNet, (1, 32, 32)),
        ("alexnet", AlexNet, IMAGE),
    ):
        table = layer_table(on_meta(build), shape)
        assert numbers[name] == [
            [row.name, row.parameters, row.products]
            for row in table
            if row.parameters
        ]


@pytest.mark.parametrize("network", [LeNet, AlexNet])
@pytest.mark.parametrize("classes", [0, -1, 2.0, True, "10", None, np.ones(2)])
@pytest.mark.usefixtures("unchecked")
def test_classes_are_a_whole_number(network, classes):
    with (
        torch.device("meta"),
        pytest.raises(ValueError, match="classes needs a whole number >= 1"),
    ):
        network(classes)


@pytest.mark.usefixtures("unchecked")
def test_one_class_and_numpy_integers_are_fine():
    assert LeNet(np.int64(1)).classifier[-1].out_features == 1


@pytest.mark.parametrize(
    ("build", "shape", "message"),
    [
        (LeNet, (1, 1, 31, 32), "1, H, W.*32 to 35 .* 31, 32"),
        (LeNet, (1, 1, 32, 36), "32 to 35"),
        (LeNet, (1, 3, 32, 32), "1, H, W"),
        (AlexNet, (1, 3, 222, 224), "3, H, W.*223 to 254 .* 222, 224"),
        (AlexNet, (1, 3, 224, 255), "223 to 254"),
        (AlexNet, (1, 224, 224, 3), "3, H, W"),
        (AlexNet, (3, 224, 224), "3, H, W"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_images_of_another_shape_are_refused(build, shape, message):
    model = on_meta(build)
    with pytest.raises(ValueError, match=message):
        model(torch.zeros(shape, device="meta"))


@pytest.mark.parametrize(
    ("build", "channels", "least", "most"),
    [(LeNet, 1, 32, 35), (AlexNet, 3, 223, 254)],
)
def test_the_sizes_that_are_refused_do_not_fit(build, channels, least, most):
    """One pixel less or more, and other maps come out than they read."""
    model = on_meta(build)
    for side in (least, most):
        x = torch.zeros(1, channels, side, side, device="meta")
        assert model(x).shape[0] == 1
    for side in (least - 1, most + 1):
        x = torch.zeros(1, channels, side, side, device="meta")
        dense = next(a for a in model.classifier if isinstance(a, nn.Linear))
        assert model.features(x).numel() != dense.in_features


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (nn.Conv2d(2, 3, 3), (9, 9), r"Conv2d needs .* 3 axes, .* \[7, 7\]"),
        (nn.MaxPool2d(2), (9, 9), "MaxPool2d needs .* 3 axes"),
        (nn.AdaptiveAvgPool2d(2), (9, 9), "AdaptiveAvgPool2d needs .* 3 axes"),
        (nn.Linear(2, 3), (), r"Linear needs .* 1 axes, .* \[\]"),
    ],
)
def test_two_examples_are_not_taken_for_channels(model, shape, message):
    with pytest.raises(ValueError, match=message):
        layer_table(model, shape)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((2, 1, 3, 3), (1, 3, 3, 3)),
        ((2, 1, 3), (1, 2, 3, 3)),
        ((2, 1, 3, 3), (1, 2, 3)),
    ],
)
def test_kernels_that_do_not_follow_each_other_are_refused(first, second):
    with pytest.raises(ValueError, match="behind them, got"):
        compose_kernels(torch.ones(first), torch.ones(second))
