import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reference._datasets import digits
from reference.convolution.alexnet import count_parameters
from reference.convolution.googlenet import (
    MODULES,
    AuxiliaryClassifier,
    GoogLeNet,
    Inception,
    auxiliary_loss,
    conv_relu,
    multiply_adds,
    shrink,
)
from reference.training.training_loop import Data, fit
from tests.checks import assert_close

IMAGES = (3, 224, 224)


@pytest.fixture(scope="module")
def network():
    """Return the network of the paper, of which nothing is allocated."""
    with torch.device("meta"):
        return GoogLeNet()


def small(device="cpu", seed=0):
    """Return a small module in float64, all its biases different from 0."""
    torch.manual_seed(seed)
    module = Inception(3, 2, (4, 5), (2, 3), 4).double().to(device)
    for name, p in module.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(p)
    return module


def weights(module):
    """Return weights and biases by branch, in the order of the layers."""
    return {
        name: [(c.weight, c.bias) for c in branch.modules() if is_conv(c)]
        for name, branch in module.named_children()
    }


def is_conv(layer):
    return isinstance(layer, nn.Conv2d)


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""K = K_1 + K_3 + K_5 + K_p"""
    x = torch.zeros(1, 3, 4, 4, dtype=torch.float64)
    outputs = [branch(x) for branch in small().children()]
    assert [y.shape[1] for y in outputs] == [2, 5, 3, 4]
    assert small().out_channels == 2 + 5 + 3 + 4 == small()(x).shape[1]


def test_eq_2():
    r"""y_{n,\, o_b + c,\, i,\, j} = y^{(b)}_{ncij} , \qquad
    o_b = \sum_{a < b} K_a"""
    module, x = small(), torch.randn(2, 3, 4, 5, dtype=torch.float64)
    y, b = module(x), 0
    for before, branch in enumerate(module.children()):
        part = branch(x)
        offset = sum([2, 5, 3, 4][:before])
        for n in range(2):
            for c in range(part.shape[1]):
                for i in range(4):
                    for j in range(5):
                        assert y[n, offset + c, i, j] == part[n, c, i, j]
                        b += 1
    assert b == y.numel()


@pytest.mark.parametrize("weight", [0.0, 0.3, 2.0])
def test_eq_3(weight, rng, device):
    r"""L = L_{\text{main}} + \lambda \left( L_{\text{4a}}
    + L_{\text{4d}} \right)"""
    scores, y = rng.normal(size=(3, 4, 5)), [0, 3, 3, 1]
    losses = []
    for a in range(3):
        mean = 0.0
        for n in range(4):
            total = sum(math.exp(s) for s in scores[a, n])
            mean -= math.log(math.exp(scores[a, n, y[n]]) / total) / 4
        losses.append(mean)
    expected = losses[0] + weight * (losses[1] + losses[2])
    given = tuple(torch.tensor(s, device=device) for s in scores)
    labels = torch.tensor(y, device=device)
    assert_close(auxiliary_loss(given, labels, weight), expected)
    default = losses[0] + 0.3 * (losses[1] + losses[2])
    assert_close(auxiliary_loss(given, labels), default)
    assert_close(auxiliary_loss(given[0], labels, weight), losses[0])


# The same as everybody else's: the paper's table, torch's functions.


def test_a_module_is_four_convolutions_side_by_side(device):
    module = small(device)
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64).to(device)
    w = weights(module)
    [(w1, b1)] = w["branch1"]
    [(w3r, b3r), (w3, b3)] = w["branch3"]
    [(w5r, b5r), (w5, b5)] = w["branch5"]
    [(wp, bp)] = w["branch_pool"]
    h3, h5 = F.conv2d(x, w3r, b3r).relu(), F.conv2d(x, w5r, b5r).relu()
    edge = F.pad(x, (1, 1, 1, 1), value=-torch.inf)
    pooled = edge.unfold(2, 3, 1).unfold(3, 3, 1).amax(dim=(4, 5))
    parts = [
        F.conv2d(x, w1, b1),
        F.conv2d(h3, w3, b3, padding=1),
        F.conv2d(h5, w5, b5, padding=2),
        F.conv2d(pooled, wp, bp),
    ]
    assert_close(module(x), torch.cat(parts, dim=1).relu())


def test_a_1x1_convolution_is_the_same_affine_map_at_every_pixel():
    layer = conv_relu(3, 4, 1).double()
    nn.init.normal_(layer[0].bias)
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    w, b = layer[0].weight[:, :, 0, 0], layer[0].bias
    pixels = F.linear(x.permute(0, 2, 3, 1), w, b).relu()
    assert_close(layer(x), pixels.permute(0, 3, 1, 2))


def test_an_auxiliary_classifier_is_the_paper_s():
    torch.manual_seed(0)
    head = AuxiliaryClassifier(6, 4).double().eval()
    x = torch.randn(2, 6, 14, 14, dtype=torch.float64)
    [(conv, bias)] = weights(head)["layers"]
    first, last = (m for m in head.modules() if isinstance(m, nn.Linear))
    means = [
        x[:, :, i : i + 5, j : j + 5].mean(dim=(2, 3))
        for i in (0, 3, 6, 9)
        for j in (0, 3, 6, 9)
    ]
    maps = torch.stack(means, dim=2).reshape(2, 6, 4, 4)
    h = F.conv2d(maps, conv, bias).relu().flatten(1)
    h = F.linear(h, first.weight, first.bias).relu()
    assert_close(head(x), F.linear(h, last.weight, last.bias))
    drop = [m.p for m in head.modules() if isinstance(m, nn.Dropout)]
    assert (conv.shape[0], first.out_features, drop) == (128, 1024, [0.7])


@pytest.mark.parametrize("size", [1, 3, 5])
def test_products_counted_one_by_one(size):
    """Every output pixel and channel, every weight of its kernel."""
    layer, steps = nn.Conv2d(2, 3, size, stride=2, padding=size // 2), 0
    y = layer(torch.zeros(1, 2, 7, 4))
    for _ in range(y[0].numel()):
        for _ in range(2):
            for _ in range(size):
                for _ in range(size):
                    steps += 1
    assert multiply_adds(layer, (2, 7, 4)) == steps == 4 * 2 * 3 * 2 * size**2
    twice = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    assert multiply_adds(twice, (3,)) == 9 + 6


# Table 1 of the paper: output size and channels, parameters in thousands,
# operations in millions.
TABLE = {
    "conv1": (112, 64, 2.7, 34),
    "pool1": (56, 64, None, None),
    "conv2": (56, 192, 112, 360),
    "pool2": (28, 192, None, None),
    "3a": (28, 256, 159, 128),
    "3b": (28, 480, 380, 304),
    "pool3": (14, 480, None, None),
    "4a": (14, 512, 364, 73),
    "4b": (14, 512, 437, 88),
    "4c": (14, 512, 463, 100),
    "4d": (14, 528, 580, 119),
    "4e": (14, 832, 840, 170),
    "pool4": (7, 832, None, None),
    "5a": (7, 832, 1072, 54),
    "5b": (7, 1024, 1388, 71),
}


def measured(network):
    """Return size, channels, weights and multiply-adds of every stage."""
    found, shape, before = {}, IMAGES, (0, 0)
    for name, stage in network.stages.items():
        kernels = [p.numel() for p in stage.parameters() if p.ndim == 4]
        steps = multiply_adds(stage, shape)
        shape = tuple(stage(torch.zeros(1, *shape, device="meta")).shape[1:])
        assert shape[1] == shape[2]
        if name == "reduce2":  # one row of the table with conv2
            before = (sum(kernels), steps)
            continue
        kernels, steps = sum(kernels) + before[0], steps + before[1]
        found[name], before = (shape[1], shape[0], kernels, steps), (0, 0)
    return found


def test_sizes_and_channels_are_the_paper_s(network):
    found = measured(network)
    assert list(found) == list(TABLE)
    for name, (size, channels, *_) in TABLE.items():
        assert found[name][:2] == (size, channels)
    assert network.classifier.in_features == 1024
    assert network.dropout.p == 0.4


def test_counts_beside_the_paper_s(network):
    """As the page says: nine of twelve operations, five of twelve counts."""
    found, classifier = measured(network), network.classifier.weight.numel()
    found["linear"] = (1, 1000, classifier, classifier)
    table = {**TABLE, "linear": (1, 1000, 1000, 1)}
    same_steps, same_weights = set(), set()
    for name, (*_, thousands, millions) in table.items():
        if thousands is None:
            continue
        weights, steps = found[name][2:]
        if round(steps / 1e6) == millions:
            same_steps.add(name)
        if abs(weights / 1024 - thousands) <= 1:
            same_weights.add(name)
    rows = {"conv1", "conv2", *MODULES, "linear"}
    assert rows - same_steps == {"conv1", "4a", "5a"}
    assert int(found["4a"][3] / 1e6) == 73  # cut off, not rounded
    assert same_weights == {"conv2", "3a", "3b", "4b", "linear"}
    assert found["conv1"][2:] == (9408, 9408 * 112**2)
    separable = 3 * 8 * 7 * 7 + 24 * 64  # fits the paper's 2.7K and 34M
    assert separable == 2712
    assert round(separable * 112**2 / 1e6) == 34
    assert round(463.5 * 1024 * 14**2 / 1e6) == 93  # 4c, which has 100M


def by_hand(c, c1, c3, c5, pool):
    """Return weights and biases of a module."""
    weights = c * (c1 + c3[0] + c5[0] + pool)
    weights += 9 * c3[0] * c3[1] + 25 * c5[0] * c5[1]
    return weights, c1 + sum(c3) + sum(c5) + pool


def test_parameters_layer_by_layer(network):
    """6 998 552 is also what Caffe's model zoo and others count."""
    counts = [by_hand(*widths) for widths in MODULES.values()]
    for name, count in zip(MODULES, counts, strict=True):
        assert count_parameters(network.stages[name]) == sum(count)
    counts += [(7 * 7 * 3 * 64, 64), (64 * 64, 64), (9 * 64 * 192, 192)]
    counts += [(1024 * 1000, 1000)]
    assert [sum(c) for c in zip(*counts, strict=True)] == [6990272, 8280]
    assert count_parameters(network) == 6990272 + 8280 == 6998552


def test_torchvision_s_count_follows(network):
    """It has 3x3 for 5x5, and gamma and beta of batch norm for each bias."""
    total = count_parameters(network)
    fewer = 16 * sum(r * k for *_, (r, k), _ in MODULES.values())
    biases = sum(p.numel() for p in network.stages.parameters() if p.ndim == 1)
    assert total - fewer + biases == 6624904


def test_auxiliary_classifiers_are_counted(network):
    with torch.device("meta"):
        both = GoogLeNet(auxiliary=True)
    heads = sum(
        c * 128 + 128 + 2048 * 1024 + 1024 + 1024 * 1000 + 1000
        for c in (512, 528)
    )
    assert count_parameters(both) == count_parameters(network) + heads
    assert heads == 6379728
    steps = sum(16 * c * 128 + 2048 * 1024 + 1024 * 1000 for c in (512, 528))
    plain = multiply_adds(both.eval(), IMAGES)
    assert plain == multiply_adds(network, IMAGES) == 1582671872
    assert multiply_adds(both.train(), IMAGES) == plain + steps


def test_the_figure_s_numbers():
    """The reduction leaves between 20 and 42 percent of the work."""
    file = "experiments/convolution/googlenet.json"
    text = (Path(__file__).parents[2] / file).read_text(encoding="utf-8")
    sides, shares = {"3": 28, "4": 14, "5": 7}, []
    assert list(json.loads(text)["numbers"]) == list(MODULES)
    for name, found in json.loads(text)["numbers"].items():
        c, c1, (r3, k3), (r5, k5), pool = widths = MODULES[name]
        assert found["widths"] == [c, c1, [r3, k3], [r5, k5], pool]
        pixels = sides[name[0]] ** 2
        straight = c * c1 + 9 * c * k3 + 25 * c * k5
        assert found["straight"] == pixels * straight
        assert found["reduced"] == pixels * by_hand(*widths)[0]
        shares.append(found["reduced"] / found["straight"])
    assert [round(100 * f(shares)) for f in (min, max)] == [20, 42]


def test_weights_begin_as_he_says():
    torch.manual_seed(0)
    layer = conv_relu(64, 512, 3)[0]
    deviation = layer.weight.std().item()
    assert abs(deviation / math.sqrt(2 / (9 * 64)) - 1) < 0.02
    assert not layer.bias.any()


# The gradient: autograd runs through the module; finite differences check it.


def test_gradient():
    module = small()
    x = torch.randn(1, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, x)
    module(x).sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in module.parameters())


# What the page promises, and what is refused.


def test_the_example_by_hand():
    module = Inception(1, 1, (1, 1), (1, 1), 1)
    for name, p in module.named_parameters():
        nn.init.constant_(p, float(name.endswith("weight")))
    x = torch.tensor([[[[1.0, 0, 2], [0, 3, 0], [1, 0, 1]]]])
    y = module(x)[0]
    assert_close(y[0], x[0, 0])
    assert_close(y[1], [[4, 6, 5], [5, 8, 6], [4, 5, 4]])
    assert_close(y[2], np.full((3, 3), 8))
    assert_close(y[3], np.full((3, 3), 3))


def test_reduction_pays_below_the_break_even():
    """The page: r < C K k^2 / (C + K k^2)."""
    for c, k, size, limit in ((192, 32, 5, 154), (192, 128, 3, 164)):
        direct = multiply_adds(nn.Conv2d(c, k, size), (c, size, size))
        for r, pays in ((limit, True), (limit + 1, False)):
            both = c * r + r * k * size**2
            assert (both < direct) == pays


@pytest.mark.parametrize("auxiliary", [False, True])
def test_training_returns_the_scores_of_every_classifier(auxiliary):
    with torch.device("meta"):
        model = GoogLeNet(7, auxiliary)
        x = torch.zeros(2, *IMAGES)
    made = []
    for layer in (model.classifier, *model.heads.values()):
        layer.register_forward_hook(lambda *call: made.append(call[2]))
    scores = model(x)
    if auxiliary:
        assert [s.shape for s in scores] == [(2, 7)] * 3
        early, middle, main = made
        given = zip(scores, (main, early, middle), strict=True)
        assert all(a is b for a, b in given)
        assert list(model.heads) == ["4a", "4d"]
    else:
        assert scores.shape == (2, 7)
        assert not len(model.heads)
    assert model.eval()(x).shape == (2, 7)


def test_the_classifier_reads_global_means_and_dropout_ends(device):
    """The whole network runs; small images are enough without heads."""
    torch.manual_seed(0)
    model = GoogLeNet(5).to(device)
    x = torch.randn(2, 3, 40, 32, device=device)
    assert not torch.equal(model(x), model(x))
    model.eval()
    maps = x
    for stage in model.stages.values():
        maps = stage(maps)
    expected = model.classifier(maps.mean(dim=(2, 3)))
    assert_close(model(x), expected, rtol=1e-4, atol=1e-5)
    assert model(x).std() > 0.05  # the signal survives 22 layers
    assert model(x).dtype == torch.float32


def test_all_heads_learn_from_one_loss():
    torch.manual_seed(0)
    model = GoogLeNet(3, auxiliary=True)
    x = torch.randn(1, *IMAGES)
    auxiliary_loss(model(x), torch.tensor([2])).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_small_member_learns_the_digits(device):
    split = digits()
    data, validation = (
        Data(
            torch.tensor(x, dtype=torch.float32, device=device).reshape(
                -1, 1, 8, 8
            ),
            torch.tensor(y, device=device),
        )
        for x, y in ((split.x, split.y), (split.x_test, split.y_test))
    )
    torch.manual_seed(0)
    model = nn.Sequential(
        Inception(1, 4, (4, 8), (2, 4), 4),
        shrink(),
        Inception(20, 8, (8, 16), (4, 8), 8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(40, 10),
    ).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    fit(data, validation, model, auxiliary_loss, adam, 6, 64, progress=False)
    right = model(validation.x).argmax(dim=1) == validation.y
    assert right.float().mean() > 0.8


@pytest.mark.parametrize(
    ("place", "name"),
    list(enumerate(["in_channels", "c1", "c3", "c5", "pool"])),
)
@pytest.mark.parametrize("bad", [0, -1, True, 2.0])
@pytest.mark.usefixtures("unchecked")
def test_widths_are_whole_numbers(place, name, bad):
    for inner in (0, 1):
        widths = [3, 1, [1, 1], [1, 1], 1]
        if isinstance(widths[place], list):
            widths[place][inner] = bad
            name = ("r", "c")[inner] + name[1:]
        else:
            widths[place] = bad
        with pytest.raises(ValueError, match=f"{name} needs .* got {bad}"):
            Inception(*widths)


@pytest.mark.parametrize("bad", [0, -1, True, 2.0, "3", torch.tensor(2.5)])
@pytest.mark.usefixtures("unchecked")
def test_classes_are_a_whole_number(bad):
    for make in (GoogLeNet, lambda m: AuxiliaryClassifier(3, m)):
        with pytest.raises(ValueError, match=f"classes needs .* got {bad}"):
            make(bad)
    with pytest.raises(ValueError, match=f"in_channels needs .* got {bad}"):
        AuxiliaryClassifier(bad, 3)
    good = [3, 4, 1, 1]  # channels in and out, size, stride
    for place, name in enumerate(["c", "k", "size", "stride"]):
        with pytest.raises(ValueError, match=f"^{name} needs .* got {bad}"):
            conv_relu(*good[:place], bad, *good[place + 1 :])


@pytest.mark.parametrize("size", [2, 4])
def test_even_kernels_cannot_keep_the_size(size):
    with pytest.raises(ValueError, match=f"needs an odd number, got {size}"):
        conv_relu(3, 4, size)


@pytest.mark.usefixtures("unchecked")
def test_a_single_image_is_not_stacked_along_its_rows():
    module, x = small(), torch.randn(2, 3, 4, 5, dtype=torch.float64)
    assert_close(module(x[1]), module(x)[1])


def test_images_begin_at_31_pixels():
    with torch.device("meta"):
        model = GoogLeNet(5)
        assert model(torch.zeros(1, 3, 31, 31)).shape == (1, 5)
        with pytest.raises(RuntimeError, match="too small"):
            model(torch.zeros(1, 3, 31, 30))


def test_strides_divide_and_round_up():
    assert conv_relu(3, 4, 7, 2)(torch.zeros(1, 3, 9, 8)).shape[2:] == (5, 4)


def test_numpy_weights_keep_the_precision():
    scores = torch.zeros(1, 2, requires_grad=True)
    loss = auxiliary_loss((scores, scores), torch.tensor([0]), np.float64(0.5))
    assert loss.dtype == torch.float32
    assert_close(loss.detach(), 1.5 * math.log(2), rtol=1e-6)


def test_auxiliary_classifiers_need_their_image_size():
    head = AuxiliaryClassifier(3, 2)
    for size in ((13, 14), (14, 15)):
        with pytest.raises(ValueError, match=f"needs 14 x 14 .*{size[1]}"):
            head(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_weights_of_losses_are_finite(weight):
    with pytest.raises(ValueError, match=f"number >= 0, got {weight}"):
        auxiliary_loss(torch.zeros(1, 2), torch.tensor([0]), weight)


def test_a_mean_needs_an_example():
    with pytest.raises(ValueError, match="needs 1 example, got 0"):
        auxiliary_loss(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
