import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.transformers import vision_transformer as script
from reference.convolution.alexnet import count_parameters
from reference.training.training_loop import Data, fit
from reference.transformers.vision_transformer import (
    VisionTransformer,
    cls_attention,
    patches,
    unpatch,
    vit_base_16,
)
from tests.checks import assert_close
from tests.convolution.networks import normal, stirred

RESULT = (
    Path(__file__).parents[2]
    / "experiments/transformers/vision_transformer.json"
)
SIZES = {
    "image": 8,
    "patch": 4,
    "channels": 3,
    "classes": 5,
    "width": 6,
    "heads": 2,
    "hidden": 10,
    "layers": 3,
}


def small(**others):
    """Return a model in float64 with parameters of any size."""
    return stirred(VisionTransformer(**{**SIZES, **others})).eval()


def tokens_before(model, x):
    """Return what the first block is given, and what the last block gives."""
    found = []
    handles = [
        model.blocks[0].register_forward_pre_hook(
            lambda _, given: found.append(given[0])
        ),
        model.blocks[-1].register_forward_hook(
            lambda *call: found.append(call[-1])
        ),
    ]
    y = model(x)
    for handle in handles:
        handle.remove()
    return *found, y


def cut(image, size):
    """Return the patches of an image (C, H, W), pixel by pixel."""
    c, h, w = image.shape
    return np.array(
        [
            [
                float(image[channel, i * size + r, j * size + s])
                for channel in range(c)
                for r in range(size)
                for s in range(size)
            ]
            for i in range(h // size)
            for j in range(w // size)
        ]
    )


# The page's equations, each written out index by index below its LaTeX.


def test_eq_1():
    r"""\begin{aligned}
    p_{td} &= x_{c,\, iP + r,\, jP + s} , \\
    t &= i \, \tfrac{W}{P} + j + 1 , \\
    d &= c P^2 + r P + s + 1
    \end{aligned}"""
    x = normal(2, 3, 4, 6)
    found = patches(x, 2)
    assert found.shape == (2, 6, 12)
    for n in range(2):
        for c in range(3):
            for i, j in np.ndindex(2, 3):
                for r, s in np.ndindex(2, 2):
                    t, d = i * 6 // 2 + j, c * 4 + r * 2 + s
                    pixel = x[n, c, 2 * i + r, 2 * j + s]
                    assert found[n, t, d] == pixel


def test_eq_2():
    r"""z_{te} = b_e + \sum_{d=1}^{C P^2} p_{td} \, w_{de} + a_{te}"""
    model, x = small(), normal(2, 3, 8, 8)
    weight, bias = model.embedding.parameters()
    found, _, _ = tokens_before(model, x)
    for n in range(2):
        p = cut(x[n], 4)
        for t, e in np.ndindex(4, 6):
            expected = bias[e] + sum(
                p[t, d] * weight[e, d] for d in range(3 * 16)
            )
            # Row 0 of the table belongs to [CLS].
            expected = expected + model.position[t + 1, e]
            assert_close(found[n, t + 1, e], expected)


def test_eq_3():
    r"""z_{0e} = v_e + a_{0e}"""
    model = small()
    found, _, _ = tokens_before(model, normal(2, 3, 8, 8))
    expected = [
        model.cls[e].item() + model.position[0, e].item() for e in range(6)
    ]
    assert_close(found[:, 0], [expected] * 2)


def test_eq_4():
    r"""o_k = b^{o}_k + \sum_{e=1}^{E}
    \operatorname{LN}(y_0)_e \, w^{o}_{ek}"""
    model = small()
    _, y, found = tokens_before(model, normal(2, 3, 8, 8))
    gamma, beta = model.norm.parameters()
    weight, bias = model.head.parameters()
    for n in range(2):
        first = y[n, 0].tolist()
        mean = sum(first) / 6
        variance = sum((a - mean) ** 2 for a in first) / 6
        normalized = [
            gamma[e] * (first[e] - mean) / (variance + 1e-6) ** 0.5 + beta[e]
            for e in range(6)
        ]
        for k in range(5):
            expected = bias[k] + sum(
                normalized[e] * weight[k, e] for e in range(6)
            )
            assert_close(found[n, k], expected)


# The same as everybody else's.


@settings(max_examples=25)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.integers(1, 3))
def test_patches_are_those_of_unfold(shape, size):
    """And unpatch takes them back, also patches that are not square in all."""
    n, c, rows, columns = shape
    x = normal(n, c, rows * size, columns * size)
    found = patches(x, size)
    assert_close(found, F.unfold(x, size, stride=size).mT)
    assert_close(unpatch(found, size, rows * size, columns * size), x)
    folded = F.fold(found.mT, x.shape[2:], size, stride=size)
    assert_close(unpatch(found, size, *x.shape[2:]), folded)


def test_patch_embedding_is_a_convolution_with_stride_p():
    model, x = small(), normal(2, 3, 8, 8)
    kernels = model.embedding.weight.reshape(6, 3, 4, 4)
    maps = F.conv2d(x, kernels, model.embedding.bias, stride=4)
    expected = maps.flatten(2).mT + model.position[1:]
    assert_close(model.embed(x)[:, 1:], expected)


def encoder(model):
    """Return PyTorch's encoder with the parameters of the model's blocks."""
    layer = nn.TransformerEncoderLayer(
        6, 2, 10, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True
    )
    norm = nn.LayerNorm(6, 1e-6)
    trunk = nn.TransformerEncoder(layer, 3, norm, enable_nested_tensor=False)
    trunk = trunk.double()
    norm.load_state_dict(model.norm.state_dict())
    for theirs, ours in zip(trunk.layers, model.blocks, strict=True):
        a, f, b = ours.attention, ours.feed_forward, theirs.self_attn
        inputs = (a.query, a.key, a.value)
        b.in_proj_weight.data = torch.cat([p.weight for p in inputs]).data
        b.in_proj_bias.data = torch.cat([p.bias for p in inputs]).data
        for to, source in (
            (b.out_proj, a.output),
            (theirs.linear1, f.up),
            (theirs.linear2, f.down),
            (theirs.norm1, ours.norm_1),
            (theirs.norm2, ours.norm_2),
        ):
            to.load_state_dict(source.state_dict())
    return trunk


def test_the_trunk_is_that_of_pytorch():
    model, trunk = small(), encoder(small())
    x = normal(2, 3, 8, 8).requires_grad_()
    y, theirs = model(x), model.head(trunk(model.embed(x))[:, 0])
    assert_close(y, theirs)
    ours, expected = (
        torch.autograd.grad(a.square().sum(), x)[0] for a in (y, theirs)
    )
    assert_close(ours, expected, atol=1e-9)


def test_cls_attention_is_what_pytorch_returns():
    model, x = small(), normal(2, 3, 8, 8)
    found = cls_attention(model, x)
    u = model.embed(x)
    for i, layer in enumerate(encoder(model).layers):
        v = layer.norm1(u)
        _, weights = layer.self_attn(v, v, v, average_attn_weights=False)
        assert_close(found[:, i], weights[:, :, 0])
        u = layer(u)
    assert not found.requires_grad
    assert_close(found.sum(-1), torch.ones(2, 3, 2))


def test_the_published_number_of_parameters():
    with torch.device("meta"):
        model = vit_base_16()
        assert vit_base_16(classes=10).head.out_features == 10
    parts = {
        "embedding": 768 * 768 + 768,
        "norm": 2 * 768,
        "head": 768 * 1000 + 1000,
    }
    for name, count in parts.items():
        assert count_parameters(getattr(model, name)) == count
    assert model.cls.numel() == 768
    assert tuple(model.position.shape) == (197, 768)
    counts = [count_parameters(block) for block in model.blocks]
    assert counts == [7_087_872] * 12
    assert count_parameters(model) == 86_567_656
    assert {block.attention.heads for block in model.blocks} == {12}
    images = torch.zeros(2, 3, 224, 224, device="meta")
    assert model(images).shape == (2, 1000)


# Gradients: autograd runs through patches and network.


def test_gradient():
    model = small(layers=1, image=4, patch=2, channels=1)
    x = normal(1, 1, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(model, x)


def test_every_parameter_gets_a_gradient():
    model = small()
    model(normal(2, 3, 8, 8)).square().sum().backward()
    for name, parameter in model.named_parameters():
        # A softmax does not see what is added to all its scores.
        expected = not name.endswith("key.bias")
        assert bool(torch.any(parameter.grad.abs() > 1e-9)) == expected


# What the page promises, and what is refused.


def test_the_start():
    """[CLS] is 0, positions are small, and blocks are pre-norm with GELU."""
    torch.manual_seed(0)
    model = VisionTransformer(**{**SIZES, "width": 200})
    assert torch.all(model.cls == 0)
    assert model.position.requires_grad
    assert 0.018 < model.position.std() < 0.022
    assert abs(model.position.mean()) < 0.003
    for block in model.blocks:
        assert block.norm_first
        assert isinstance(block.feed_forward.activation, nn.GELU)
        assert block.norm_1.eps == block.norm_2.eps == 1e-6


def shuffled(x, size, order):
    """Return the images with their patches in another order."""
    return unpatch(patches(x, size)[:, order], size, *x.shape[2:])


def test_without_positions_the_order_of_the_patches_is_lost():
    model, x = small(), normal(2, 3, 8, 8)
    other = shuffled(x, 4, [2, 0, 3, 1])
    assert torch.all((model(x) - model(other)).abs().amax(-1) > 0.01)
    model.position.data[1:] = model.position.data[1]
    assert_close(model(x), model(other))


def test_it_learns_the_digits(device):
    data, validation = (
        Data(d.x.reshape(-1, 1, 8, 8).to(device), d.y.to(device))
        for d in few_digits(0, 1437)
    )
    torch.manual_seed(0)
    model = VisionTransformer(8, 2, 1, 10, 32, 4, 64, 2).to(device)
    history = fit(
        data,
        validation,
        model,
        F.cross_entropy,
        torch.optim.Adam(model.parameters(), lr=0.002),
        epochs=10,
        batch_size=25,
        progress=False,
    )
    assert accuracy(validation, model) > 0.85
    assert history[-1].validation_loss < 0.5 < history[0].validation_loss


def test_the_numbers_of_the_figures():
    """Caption and prose claim them of the recorded runs."""
    numbers = json.loads(RESULT.read_text("utf-8"))["numbers"]
    assert numbers["parameters"] == [18218, 17970]
    means = {}
    for name in ("cnn", "vit"):
        runs = np.array(list(numbers[name].values()))
        assert runs.shape == (3, 3)
        means[name] = runs.mean(axis=1).round(2).tolist()
    assert means == {"cnn": [0.89, 0.96, 0.98], "vit": [0.63, 0.88, 0.93]}
    for size in ("100", "300", "1000"):
        assert min(numbers["cnn"][size]) > max(numbers["vit"][size])
    without = numbers["without"]["1000"]
    assert without == numbers["without_shuffled"]
    assert sorted(np.round(without, 2)) == [0.6, 0.65, 0.65]
    assert max(without) < min(numbers["vit"]["1000"])
    assert max(numbers["vit_shuffled"]) < 0.2
    assert (script.STEPS, script.BATCH, script.SEEDS) == (600, 25, 3)
    rates = script.RATES
    assert rates[script.vit] == rates[script.without] == 0.002
    assert rates[script.cnn] == 0.01
    shares = []
    for look in numbers["looks"]:
        image = np.reshape(look["image"], (1, 8, 8))
        blank, weights = cut(image, 2).sum(1) == 0, look["attention"][1:]
        shares.append([blank.mean(), np.sum(weights * blank) / sum(weights)])
    assert_close(np.mean(shares, axis=0).round(2), [0.27, 0.09])


def test_half_precision_images_stay_half():
    model = VisionTransformer(**SIZES).bfloat16()
    x = torch.ones(1, 3, 8, 8, dtype=torch.bfloat16)
    assert model(x).dtype == cls_attention(model, x).dtype == torch.bfloat16


def test_no_image_is_fine():
    empty = torch.zeros(0, 3, 8, 8)
    assert patches(empty, 4).shape == (0, 4, 48)
    assert unpatch(patches(empty, 4), 4, 8, 8).shape == empty.shape
    assert VisionTransformer(**SIZES)(empty).shape == (0, 5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, -1, 2.0, True, None])
def test_sizes_are_ints_above_0(name, value):
    message = f"{name} must be an int above 0, got {value}"
    with pytest.raises(ValueError, match=message):
        VisionTransformer(**{**SIZES, name: value})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("shape", "size"), [((1, 1, 6, 8), 4), ((1, 1, 8, 6), 4), ((1, 1, 2, 2), 4)]
)
def test_pixels_that_fill_no_patch_are_refused(shape, size):
    height, width = shape[2:]
    message = f"multiples .* got {height} x {width} pixels and size {size}"
    with pytest.raises(ValueError, match=message):
        patches(torch.zeros(shape), size)
    with pytest.raises(ValueError, match=message):
        unpatch(torch.zeros(1, 4, 16), size, height, width)
    with pytest.raises(ValueError, match="got 10 x 10 pixels and size 4"):
        VisionTransformer(**{**SIZES, "image": 10})


@pytest.mark.usefixtures("unchecked")
def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got \(1, 8, 8\)"):
        patches(torch.zeros(1, 8, 8), 4)
    with pytest.raises(ValueError, match="size must be an int above 0, got 0"):
        patches(torch.zeros(1, 1, 8, 8), 0)
    with pytest.raises(ValueError, match="height must be an int above 0"):
        patches(torch.zeros(1, 1, 0, 8), 4)
    for shape in ((1, 3, 16), (1, 4, 17), (1, 4, 24), (4, 16), (1, 4, 16, 1)):
        with pytest.raises(ValueError, match=r"\(N, 4, C \* 16\), got \("):
            unpatch(torch.zeros(shape), 4, 8, 8)
    with pytest.raises(ValueError, match="4 heads for 6"):
        VisionTransformer(**{**SIZES, "heads": 4})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "shape", [(1, 8, 8, 3), (1, 1, 8, 8), (1, 3, 4, 16), (3, 8, 8)]
)
def test_images_of_another_size_are_refused(shape):
    """Also those with as many patches, or as many pixels."""
    model = VisionTransformer(**SIZES)
    for call in (model, model.embed, lambda x: cls_attention(model, x)):
        with pytest.raises(ValueError, match=r"\(N, 3, 8, 8\), got \("):
            call(torch.zeros(shape))
