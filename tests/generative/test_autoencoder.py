import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import nn

from reference._datasets import digits
from reference.generative.autoencoder import (
    Autoencoder,
    denoising_pairs,
    principal_autoencoder,
    recode,
    reconstruction_error,
)
from tests.checks import assert_close

RESULT = Path(__file__).parents[2] / "experiments/generative/autoencoder.json"


def network(widths, seed=0, device="cpu"):
    """Return an autoencoder with random weights in float64."""
    torch.manual_seed(seed)
    return Autoencoder(widths).double().to(device)


def parameters(layers):
    """Return weight and bias of the dense layers, as nested lists."""
    return [
        (layer.weight.tolist(), layer.bias.tolist())
        for layer in layers
        if isinstance(layer, nn.Linear)
    ]


def dense(x, weight, bias):
    """Return a layer's output for one example, by loops."""
    return [
        b + sum(w * value for w, value in zip(row, x, strict=True))
        for row, b in zip(weight, bias, strict=True)
    ]


def spread(n=120):
    """Return examples of four features with variances far apart."""
    rng = np.random.default_rng(4)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    return rng.normal(size=(n, 4)) * [3.0, 2.0, 0.6, 0.4] @ turn + [5, -3, 1, 0]


# The page's equations, each written out index by index below its LaTeX.


@pytest.mark.parametrize("widths", [[4, 2], [4, 3, 2]])
def test_eq_1(rng, widths, device):
    r"""z_{nk} = b_k + \sum_{j=1}^{H} h_{nj} \, u_{jk}"""
    model = network(widths, device=device)
    x = rng.normal(size=(5, 4))
    *hidden, (u, b) = parameters(model.encoder)
    expected = np.empty((5, 2))
    for n, h in enumerate(x.tolist()):
        for layer in hidden:
            h = [max(value, 0.0) for value in dense(h, *layer)]
        for k in range(2):
            expected[n, k] = b[k] + sum(
                h[j] * u[k][j] for j in range(widths[-2])
            )
    z = model.encode(torch.tensor(x, device=device))
    assert_close(z, expected)


@pytest.mark.parametrize("widths", [[4, 2], [4, 3, 2]])
def test_eq_2(rng, widths, device):
    r"""a_{nj} = c_j + \sum_{k=1}^{K} z_{nk} \, v_{kj}"""
    model = network(widths, device=device)
    z = rng.normal(size=(5, 2))
    (v, c), *later = parameters(model.decoder)
    expected = np.empty((5, 4))
    for n in range(5):
        a = [
            c[j] + sum(z[n, k] * v[j][k] for k in range(2))
            for j in range(widths[-2])
        ]
        for layer in later:
            a = dense([max(value, 0.0) for value in a], *layer)
        expected[n] = a
    x_hat = model.decode(torch.tensor(z, device=device))
    assert_close(x_hat, expected)


def test_eq_3(rng):
    r"""L = \frac{1}{N} \sum_{n=1}^{N} \sum_{d=1}^{D}
    (x_{nd} - \hat{x}_{nd})^2"""
    x, x_hat = rng.normal(size=(2, 5, 3))
    total = 0.0
    for n in range(5):
        for d in range(3):
            total += (x[n, d] - x_hat[n, d]) ** 2
    actual = reconstruction_error(torch.tensor(x_hat), torch.tensor(x))
    assert_close(actual, total / 5)


def test_eq_4(device):
    r"""u_{dk} = v_{kd}, \qquad
    b_k = -\sum_{d=1}^{D} \bar{x}_d \, v_{kd}"""
    x = spread()
    model = principal_autoencoder(torch.tensor(x, device=device), 2)
    v = PCA(2).fit(x).components_
    v *= np.sign(v[np.arange(2), np.abs(v).argmax(axis=1)])[:, None]
    weight = [[v[k, d] for d in range(4)] for k in range(2)]
    bias = [
        -sum(np.mean(x[:, d]) * v[k, d] for d in range(4)) for k in range(2)
    ]
    assert_close(model.encoder[0].weight, weight)
    assert_close(model.encoder[0].bias, bias)
    assert_close(model.decoder[0].weight, v.T)
    assert_close(model.decoder[0].bias, x.mean(axis=0))


CHANGE = [[2.0, 1.0], [-1.0, 3.0]]


@pytest.mark.parametrize("widths", [[4, 2], [4, 3, 2]])
def test_eq_5(widths, device):
    r"""u'_{ji} = \sum_{k=1}^{K} u_{jk} \, a_{ki}, \qquad
    b'_i = \sum_{k=1}^{K} b_k \, a_{ki}"""
    model = network(widths, device=device)
    changed = recode(model, torch.tensor(CHANGE))
    u, b = parameters(model.encoder)[-1]
    weight = [
        [
            sum(u[k][j] * CHANGE[k][i] for k in range(2))
            for j in range(len(u[0]))
        ]
        for i in range(2)
    ]
    bias = [sum(b[k] * CHANGE[k][i] for k in range(2)) for i in range(2)]
    assert_close(changed.encoder[-1].weight, weight)
    assert_close(changed.encoder[-1].bias, bias)


@pytest.mark.parametrize("widths", [[4, 2], [4, 3, 2]])
def test_eq_6(widths, device):
    r"""\sum_{i=1}^{K} a_{ki} \, v'_{ij} = v_{kj}"""
    model = network(widths, device=device)
    changed = recode(model, torch.tensor(CHANGE))
    (v, c), (new, its_c) = (parameters(m.decoder)[0] for m in (model, changed))
    back = [
        [sum(CHANGE[k][i] * row[i] for i in range(2)) for k in range(2)]
        for row in new
    ]
    assert_close(back, v)
    assert_close(its_c, c)


def test_eq_7(device):
    r"""\tilde{x}_{nd} = x_{nd} + \sigma \epsilon_{nd}"""
    x = torch.arange(6.0, dtype=torch.float64, device=device).reshape(3, 2)
    pairs = denoising_pairs(x, 0.5, torch.Generator().manual_seed(2), 2)
    draws = torch.randn(
        6, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    for n in range(6):
        for d in range(2):
            clean = 2 * (n % 3) + d
            assert_close(pairs.y[n, d], float(clean))
            noisy = clean + 0.5 * draws[n, d].item()
            assert_close(pairs.x[n, d], noisy)


# The same as everybody else's: PyTorch, and principal components elsewhere.


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_a_network_is_these_functions_of_pytorch(rng, activation):
    model = Autoencoder([6, 5, 4, 2], activation).double()
    x = torch.tensor(rng.normal(size=(7, 6)))
    phi = F.relu if activation is nn.ReLU else torch.tanh
    p = list(model.parameters())
    h = phi(F.linear(phi(F.linear(x, *p[0:2])), *p[2:4]))
    z = F.linear(h, *p[4:6])
    a = phi(F.linear(phi(F.linear(z, *p[6:8])), *p[8:10]))
    assert_close(model.encode(x), z)
    assert_close(model(x), F.linear(a, *p[10:12]))
    assert len(p) == 12


def test_the_activation_is_relu_unless_said():
    layers = [type(layer) for layer in Autoencoder([6, 4, 2]).encoder]
    assert layers == [nn.Linear, nn.ReLU, nn.Linear]


def test_the_error_is_that_of_pytorch_times_the_features(rng):
    x, x_hat = torch.tensor(rng.normal(size=(2, 5, 3)))
    assert_close(reconstruction_error(x_hat, x), 3 * F.mse_loss(x_hat, x))
    single = reconstruction_error(x_hat.float(), x.float())
    assert single.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_best_linear_one_computes_the_scores_of_scikit_learn(dtype):
    x = digits().x
    oracle = PCA(8, svd_solver="full").fit(x)
    model = principal_autoencoder(torch.tensor(x, dtype=dtype), 8)
    z = model.encode(torch.tensor(x, dtype=dtype))
    assert z.dtype == dtype
    tolerance = 1e-8 if dtype == torch.float64 else 1e-3
    scores = np.abs(oracle.transform(x))
    assert_close(z.abs(), scores, rtol=0, atol=tolerance)
    images = oracle.inverse_transform(oracle.transform(x))
    assert_close(model.decode(z), images, rtol=0, atol=tolerance)


def trained(x, model):
    """Return the model, and its loss, after many steps of L-BFGS."""
    algorithm = torch.optim.LBFGS(
        model.parameters(),
        max_iter=300,
        tolerance_grad=1e-9,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure():
        algorithm.zero_grad()
        loss = reconstruction_error(model(x), x)
        loss.backward()
        return loss

    algorithm.step(closure)
    return model, closure().detach()


@pytest.mark.parametrize("seed", range(4))
def test_a_trained_linear_one_finds_the_principal_plane(seed, device):
    """And its loss is the variance that two components leave."""
    data = spread()
    x = torch.tensor(data, device=device)
    model, loss = trained(x, network([4, 2], seed, device))
    oracle = PCA().fit(data)
    v = model.decoder[0].weight.detach().cpu().numpy()
    assert subspace_angles(v, oracle.components_[:2].T).max() < 1e-5
    v_hat = principal_autoencoder(x, 2).decoder[0].weight.detach().cpu()
    assert subspace_angles(v, v_hat.numpy()).max() < 1e-5
    u = model.encoder[0].weight.detach().cpu().numpy().T
    assert subspace_angles(u, oracle.components_[:2].T).max() < 1e-4
    left = oracle.explained_variance_[2:].sum() * (len(x) - 1) / len(x)
    assert_close(loss, left)
    best = principal_autoencoder(x, 2)
    assert_close(reconstruction_error(best(x), x), left)
    # The codes are others than the scores.
    assert np.abs(v.T @ v - np.eye(2)).max() > 0.05


# The gradient: autograd through the reference's lines.


def test_gradient(rng):
    model = network([3, 4, 2])
    x = torch.tensor(rng.normal(size=(2, 3)), requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: reconstruction_error(model(x), x), x
    )
    assert torch.autograd.gradcheck(reconstruction_error, (x, x.detach() + 1))


def test_zero_is_a_critical_point_of_the_linear_one():
    x = torch.tensor(spread())
    model = network([4, 2])
    for p in model.parameters():
        nn.init.zeros_(p)
    reconstruction_error(model(x - x.mean(dim=0)), x - x.mean(dim=0)).backward()
    for p in model.parameters():
        assert_close(p.grad, torch.zeros_like(p), atol=1e-9)


# What the page promises, and what is refused.


@settings(max_examples=25)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_new_codes_leave_the_reconstructions(hidden, code, linear, seed):
    rng = np.random.default_rng(seed)
    model = network([5, code] if linear else [5, hidden, code], seed=seed)
    a = torch.tensor(np.eye(code) + 0.3 * rng.uniform(-1, 1, (code, code)))
    x = torch.tensor(rng.normal(size=(6, 5)))
    before = [p.clone() for p in model.parameters()]
    changed = recode(model, a)
    assert_close(changed.encode(x), model.encode(x) @ a)
    assert_close(changed(x), model(x))
    for p, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(p, old)


def test_a_recoded_network_is_like_its_original():
    model = Autoencoder([4, 3, 2], nn.Tanh).eval()
    changed = recode(model, torch.eye(2, dtype=torch.float64))
    assert isinstance(changed.encoder[1], nn.Tanh)
    assert not changed.training
    assert changed.encoder[0].weight.dtype == torch.float32
    assert recode(model.train(), torch.eye(2)).training
    assert all(p.requires_grad for p in changed.parameters())


def test_what_is_set_has_no_history():
    x = torch.tensor(spread(), requires_grad=True)
    best = principal_autoencoder(x, 2)
    changed = recode(best, torch.eye(2, requires_grad=True))
    for p in (*best.parameters(), *changed.parameters()):
        assert p.is_leaf
        assert p.grad_fn is None


def test_only_centred_data_can_do_without_biases():
    """Far from 0, the best line through 0 points at the mean."""
    x = torch.tensor([[9.0, 10.0], [10.0, 10.0], [11.0, 10.0]])
    direction = torch.linalg.svd(x).Vh[:1]
    flat = reconstruction_error(x @ direction.mT @ direction, x)
    best = reconstruction_error(principal_autoencoder(x, 1)(x), x)
    assert flat > 0.3
    assert best < 1e-9


def test_noise_has_this_mean_and_standard_deviation():
    x = torch.full((1000, 20), 3.0)
    std = np.float64(0.5)
    pairs = denoising_pairs(x, std, torch.Generator().manual_seed(0))
    assert pairs.x.shape == pairs.y.shape == x.shape
    assert pairs.x.dtype == torch.float32
    assert_close((pairs.x - x).std(), np.float32(0.5), rtol=0.03)
    assert_close((pairs.x - x).mean(), np.float32(0), atol=0.02)


def test_copies_have_noise_of_their_own():
    pairs = denoising_pairs(torch.zeros(3, 4), 1.0, torch.Generator(), 2)
    assert not torch.equal(pairs.x[:3], pairs.x[3:])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "widths",
    [[], [3], [3, 0], [3, -1], [3, 2.0], [3, True], [3, "2"], [0, 2]],
)
def test_widths_that_are_none_are_refused(widths):
    with pytest.raises(ValueError, match=r"whole numbers >= 1 .* got widths"):
        Autoencoder(widths)


@pytest.mark.usefixtures("unchecked")
def test_widths_may_be_numpys():
    model = Autoencoder(np.array([4, 2]))
    assert model.encoder[0].weight.shape == (2, 4)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        (torch.zeros(3, 1), torch.zeros(3, 2)),
        (torch.zeros(1, 2), torch.zeros(3, 2)),
        (torch.zeros(3), torch.zeros(3)),
        (torch.zeros(3, 2), torch.zeros(2)),
        (torch.zeros(0, 2), torch.zeros(0, 2)),
        (torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.uint8)),
        (torch.zeros(2, 2, dtype=torch.uint8), torch.zeros(2, 2)),
    ],
)
def test_no_error_of_what_does_not_belong_together(prediction, target):
    with pytest.raises(ValueError, match=r"exampl.*, got .*\("):
        reconstruction_error(prediction, target)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("a", [torch.eye(3), torch.ones(2), torch.ones(1, 2)])
def test_a_change_of_another_shape_is_refused(a):
    with pytest.raises(ValueError, match=r"of 2 numbers need .* got \("):
        recode(Autoencoder([4, 2]), a)


@pytest.mark.parametrize(
    "a",
    [
        [[1.0, 2.0], [2.0, 4.0]],
        [[1.0, 0.0], [0.0, 1e-12]],
        [[1.0, 0.0], [0.0, torch.nan]],
        [[1.0, 0.0], [0.0, torch.inf]],
        [[0.0, 0.0], [0.0, 0.0]],
    ],
)
def test_a_change_without_inverse_is_refused(a):
    with pytest.raises(ValueError, match=r"an invertible matrix, got \[\["):
        recode(Autoencoder([4, 2]), torch.tensor(a, dtype=torch.float64))


@pytest.mark.parametrize("std", [-0.1, torch.nan, torch.inf])
def test_noise_without_a_size_is_refused(std):
    with pytest.raises(ValueError, match=f"finite std >= 0, got {std}"):
        denoising_pairs(torch.ones(2, 2), std, torch.Generator())


@pytest.mark.usefixtures("unchecked")
def test_other_noise_that_is_refused():
    x, generator = torch.ones(2, 2), torch.Generator()
    for copies in (0, -1, 1.5, True, torch.tensor(2)):
        with pytest.raises(ValueError, match="copies need a whole number >= 1"):
            denoising_pairs(x, 0.1, generator, copies)
    for wrong in (x[:0], x[0], x.int()):
        with pytest.raises(ValueError, match=r"need a row and .*, got torch"):
            denoising_pairs(wrong, 0.1, generator)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("code", [0, 3, 2.0, True])
def test_no_best_linear_one_with_such_a_code(code):
    with pytest.raises(ValueError, match=f"from 1 to 2 .* got {code}"):
        principal_autoencoder(torch.tensor([[1.0, 2.0], [3.0, 1.0]]), code)


# The numbers of the page's figures and of its prose.


def runs():
    text = RESULT.read_text(encoding="utf-8")
    return json.loads(text)["numbers"]["runs"]


def test_the_figure_of_errors_says_what_was_measured():
    pca, linear, deep = (
        np.array([run[name] for run in runs()])
        for name in ("pca", "linear", "deep")
    )
    assert len(pca) == 5
    assert (linear > pca).all()
    assert (linear < 1.2 * pca).all()
    assert (deep < 0.75 * pca).all()


def test_more_layers_and_fewer_examples_lose_to_principal_components():
    for run in runs():
        assert run["two_hidden"] > run["pca"][-1] > run["deep"][-1]
        assert run["few"]["deep"] > run["few"]["pca"] > run["pca"][-1]


def test_only_a_network_trained_to_denoise_beats_principal_components():
    for run in runs():
        noisy = run["noisy"]
        errors = [noisy[n] for n in ("denoising", "pca", "deep", "as_it_is")]
        assert errors == sorted(errors)


def test_decoded_random_codes_are_far_from_digits():
    for run in runs():
        distance = run["distance"]
        assert distance["random"] > 2.4 * distance["held_out"]
        assert distance["reconstructed"] < distance["held_out"]
