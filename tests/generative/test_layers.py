import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from reference._datasets import digits
from reference.generative.gan import (
    discriminator_loss,
    generator_loss,
    optimal_discriminator,
    saturating_generator_loss,
)
from reference.generative.layers import (
    Discriminator,
    Generator,
    VariationalAutoencoder,
    gan_step,
)
from tests.checks import assert_close

# The networks of the generative adversarial network.


def gan_networks(features=2):
    """Return a generator and a discriminator in float64, each with SGD."""
    torch.manual_seed(0)
    g = Generator(noise=3, hidden=4, features=features).double()
    d = Discriminator(features=features, hidden=5).double()
    own = [torch.optim.SGD(net.parameters(), lr=0.1) for net in (g, d)]
    return g, d, *own


def test_gan_networks_layer_by_layer():
    g, d, *_ = gan_networks()
    z = torch.randn(6, 3, dtype=torch.float64)
    for net, x in ((g, z), (d, z[:, :2])):
        w1, b1, w2, b2, w3, b3 = net.parameters()
        hidden = torch.relu(torch.relu(x @ w1.T + b1) @ w2.T + b2)
        expected = hidden @ w3.T + b3
        assert_close(net(x), expected if net is g else expected[:, 0])
    counts = [sum(p.numel() for p in net.parameters()) for net in (g, d)]
    assert counts == [3 * 4 + 4 + 20 + 4 * 2 + 2, 2 * 5 + 5 + 30 + 5 + 1]
    random = [torch.Generator().manual_seed(1) for _ in range(2)]
    noise = torch.randn(7, 3, generator=random[0], dtype=torch.float64)
    assert_close(g.sample(7, random[1]), g(noise))


@pytest.mark.parametrize("loss", [generator_loss, saturating_generator_loss])
def test_a_gan_step_is_two_steps_of_gradient_descent(loss):
    g, d, *own = gan_networks()
    old_g, old_d, *_ = gan_networks()
    real = torch.randn(6, 2, dtype=torch.float64)
    z = torch.randn(
        6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    for _ in range(2):  # the second one begins with gradients left over
        random = torch.Generator().manual_seed(1)
        paid = gan_step(real, g, d, *own, loss, random)
        a, b = old_d(real), old_d(old_g(z).detach())
        bce = F.binary_cross_entropy_with_logits
        first = bce(a, torch.ones_like(a)) + bce(b, torch.zeros_like(b))
        descend(old_d, first)
        b = old_d(old_g(z))
        if loss is generator_loss:
            second = bce(b, torch.ones_like(b))
        else:
            second = -bce(b, torch.zeros_like(b))
        descend(old_g, second)
        assert_close(torch.tensor(paid), torch.stack((first, second)).float(),
                     rtol=1e-6)  # fmt: skip
        for net, old in ((g, old_g), (d, old_d)):
            for p, expected in zip(
                net.parameters(), old.parameters(), strict=True
            ):
                assert_close(p, expected)


@torch.no_grad()
def descend(net, loss, rate=0.1):
    """Take a step of gradient descent with one network's parameters."""
    parameters = list(net.parameters())
    with torch.enable_grad():
        gradients = torch.autograd.grad(loss, parameters)
    for p, gradient in zip(parameters, gradients, strict=True):
        p -= rate * gradient


def test_a_gan_step_uses_the_non_saturating_loss_unless_told():
    results = []
    for loss in ((), (generator_loss,), (saturating_generator_loss,)):
        g, d, *own = gan_networks()
        torch.manual_seed(3)  # also the noise comes from here by default
        real = torch.zeros(4, 2, dtype=torch.float64)
        results.append(gan_step(real, g, d, *own, *loss)[1])
    assert results[0] == results[1] != results[2]


def test_a_discriminator_learns_the_ratio_of_two_gaussians():
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    d = Discriminator(features=1, hidden=16)
    own = torch.optim.Adam(d.parameters(), lr=0.01)
    for _ in range(400):
        real, fake = torch.randn(2, 256, 1, generator=random)
        own.zero_grad()
        discriminator_loss(d(real + 1), d(fake - 1)).backward()
        own.step()
    x = torch.linspace(-2, 2, 41)
    p, q = torch.exp(-((x - 1) ** 2) / 2), torch.exp(-((x + 1) ** 2) / 2)
    with torch.no_grad():
        learnt = torch.sigmoid(d(x[:, None]))
    assert_close(learnt, optimal_discriminator(p, q), rtol=0, atol=0.08)


def test_gan_runs_on_the_device(device):
    g, d = (net.to(device) for net in gan_networks()[:2])
    own = [torch.optim.SGD(net.parameters(), lr=0.1) for net in (g, d)]
    real = torch.ones(4, 2, dtype=torch.float64, device=device)
    here, there = (torch.Generator().manual_seed(1) for _ in range(2))
    paid = gan_step(real, g, d, *own, random=here)
    expected = gan_step(real.cpu(), *gan_networks(), random=there)
    assert paid == pytest.approx(expected, rel=1e-8)


@pytest.mark.usefixtures("unchecked")
def test_gan_sizes_that_do_not_exist_are_refused():
    for size in (0, -1, 2.0, True):
        for name in ("noise", "hidden", "features"):
            sizes = {"noise": 3, "hidden": 4, "features": 2, name: size}
            message = f"{name} must be an int above 0, got {size!r}"
            with pytest.raises(ValueError, match=message):
                Generator(**sizes)
            if name != "noise":
                sizes.pop("noise")
                with pytest.raises(ValueError, match=message):
                    Discriminator(**sizes)
        with pytest.raises(ValueError, match="n must be an int above 0, got"):
            Generator(3, 4, 2).sample(size)


# The variational autoencoder.


def small_vae():
    """Return a small model in float64: 6 features, a code of 2."""
    torch.manual_seed(0)
    return VariationalAutoencoder(6, hidden=5, code=2).double()


def bits_and_noise(*draws):
    """Return 4 examples of zeros and ones, and noise for them."""
    random = torch.Generator().manual_seed(1)
    x = torch.randint(0, 2, (4, 6), generator=random).double()
    return x, torch.randn(*draws, 4, 2, generator=random).double()


def test_variational_autoencoder_is_its_equations():
    model = small_vae()
    x, noise = bits_and_noise(3)
    w1, b1, w2, b2, v1, c1, v2, c2 = model.parameters()
    h = F.relu(F.linear(x, w1, b1))
    mean, log_variance = (
        F.linear(h, w2[:2], b2[:2]),
        F.linear(h, w2[2:], b2[2:]),
    )
    q = Normal(mean, torch.exp(log_variance / 2))
    z = mean + q.scale * noise
    expected = F.linear(F.relu(F.linear(z, v1, c1)), v2, c2)
    logits, m, v = model(x, noise)
    assert_close(logits, expected)
    assert_close(m, mean)
    assert_close(v, log_variance)
    error = F.binary_cross_entropy_with_logits(
        logits, x.expand(3, 4, 6), reduction="none"
    )
    zero = torch.zeros_like(mean)
    kl = kl_divergence(q, Normal(zero, zero + 1)).sum(-1)
    for beta in (0.5, 1.0):
        bound = -error.sum(-1) - beta * kl
        assert_close(model.elbo(x, noise, beta), bound)
    assert_close(model.elbo(x, noise), bound)


def test_gradients_reach_the_encoder_through_the_draw():
    model = small_vae()
    x, noise = bits_and_noise()
    logits, *_ = model(x, noise)
    first = next(model.encoder.parameters())
    (gradient,) = torch.autograd.grad(logits.sum(), first)
    assert gradient.abs().sum() > 0


def test_samples_of_the_variational_autoencoder_come_from_the_prior():
    model = small_vae()
    draws = torch.Generator().manual_seed(3)
    z = torch.randn(5, 2, generator=draws, dtype=torch.float64)
    p = model.sample(5, torch.Generator().manual_seed(3))
    assert_close(p, torch.sigmoid(model.decode(z)))
    torch.manual_seed(4)
    z = torch.randn(5, 2, dtype=torch.float64)
    torch.manual_seed(4)
    assert_close(model.sample(5), torch.sigmoid(model.decode(z)))


@pytest.mark.usefixtures("unchecked")
def test_sizes_of_the_variational_autoencoder_are_counts():
    model = small_vae()
    right = {"features": 3, "hidden": 3, "code": 3}
    for size in (0, -1, 2.0, True):
        for name in right:
            message = f"{name} must be an int above 0, got {size!r}"
            with pytest.raises(ValueError, match=message):
                VariationalAutoencoder(**{**right, name: size})
        with pytest.raises(ValueError, match=f"n must be .* got {size!r}"):
            model.sample(size)


def test_variational_autoencoder_runs_on_the_device(device):
    x, noise = bits_and_noise()
    expected = small_vae().elbo(x, noise)
    model = small_vae().to(device)
    bound = model.elbo(x.to(device), noise.to(device))
    assert_close(bound, expected, rtol=1e-8)
    assert model.sample(2).device.type == device


def test_variational_autoencoder_learns_digits():
    split = digits()
    x, held_out = (
        torch.tensor(a >= 0.5, dtype=torch.float32)
        for a in (split.x, split.x_test)
    )
    torch.manual_seed(0)
    model = VariationalAutoencoder(64, hidden=128, code=8)
    algorithm = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(8):
        for batch in x.split(64):
            loss = -model.elbo(batch, torch.randn(len(batch), 8)).mean()
            algorithm.zero_grad()
            loss.backward()
            algorithm.step()
    with torch.no_grad():
        bound = model.elbo(held_out, torch.randn(len(held_out), 8)).mean()
    # Without a code, pixels one by one would have the log-likelihood -25.
    p = x.mean(dim=0).clamp(0.001, 0.999)
    alone = -F.binary_cross_entropy(
        p.expand_as(held_out), held_out, reduction="sum"
    ) / len(held_out)
    assert bound > alone + 2
