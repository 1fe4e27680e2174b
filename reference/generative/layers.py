"""Models of this part: networks around its functions."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reference.generative.gan import discriminator_loss as loss_of_d
from reference.generative.gan import generator_loss as loss_of_g
from reference.generative.variational_autoencoder import (
    bernoulli_log_likelihood as log_likelihood,
)
from reference.generative.variational_autoencoder import elbo as lower_bound
from reference.generative.variational_autoencoder import reparameterize as draw


def _require_counts(**counts: int) -> None:
    """Raise a ValueError unless all are of type int and above 0."""
    for name, n in counts.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name} must be an int above 0, got {n!r}")


def _noise(
    n: int, size: int, random: torch.Generator | None, like: Tensor
) -> Float[Tensor, "{n} {size}"]:
    """Return n standard normal vectors with the dtype and device of like."""
    _require_counts(n=n)
    z = torch.randn(n, size, generator=random, dtype=like.dtype)
    return z.to(like.device)


class Generator(nn.Module):
    """Turns noise (M, Z) into samples (M, D); two hidden layers.

    Raises:
        ValueError: A size is no int above 0.

    >>> Generator(noise=2, hidden=8, features=3).sample(5).shape
    torch.Size([5, 3])
    """

    def __init__(self, noise: int, hidden: int, features: int):
        _require_counts(noise=noise, hidden=hidden, features=features)
        super().__init__()
        self.noise = noise
        self.net = nn.Sequential(
            nn.Linear(noise, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, features),
        )

    def forward(self, z: Float[Tensor, "M Z"]) -> Float[Tensor, "M D"]:
        """Return a sample for every row of noise."""
        return self.net(z)

    def sample(
        self, n: int, random: torch.Generator | None = None
    ) -> Float[Tensor, "{n} D"]:
        """Return n samples from standard normal noise.

        Raises:
            ValueError: n is no int above 0.
        """
        return self(_noise(n, self.noise, random, self.net[0].weight))


class Discriminator(nn.Module):
    """Returns a logit for each example (N, D): above 0 it says "real".

    Raises:
        ValueError: A size is no int above 0.

    >>> Discriminator(features=3, hidden=8)(torch.zeros(5, 3)).shape
    torch.Size([5])
    """

    def __init__(self, features: int, hidden: int):
        _require_counts(features=features, hidden=hidden)
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N"]:
        """Return the logits."""
        return self.net(x).squeeze(1)


def gan_step(
    real: Float[Tensor, "N D"],
    generator: Generator,
    discriminator: nn.Module,
    generator_algorithm: torch.optim.Optimizer,
    discriminator_algorithm: torch.optim.Optimizer,
    loss: Callable[[Tensor], Tensor] = loss_of_g,
    random: torch.Generator | None = None,
) -> tuple[float, float]:
    """Take one step of each network; return both losses before it, in nats.

    The discriminator goes first. Both see the same N fakes, and each
    algorithm holds the parameters of its own network only.

    >>> g, d = Generator(2, 8, 1), Discriminator(1, 8)
    >>> own = [torch.optim.SGD(a.parameters(), lr=0.01) for a in (g, d)]
    >>> len(gan_step(torch.zeros(5, 1), g, d, *own))
    2
    """
    fake = generator.sample(len(real), random)
    # Detached: this gradient ends at the fakes, not in the generator.
    discriminator_pays = loss_of_d(
        discriminator(real), discriminator(fake.detach())
    )
    discriminator_algorithm.zero_grad()
    discriminator_pays.backward()
    discriminator_algorithm.step()
    # Not detached: this gradient goes through the discriminator, which
    # collects one as well and does not use it.
    generator_pays = loss(discriminator(fake))
    generator_algorithm.zero_grad()
    generator_pays.backward()
    generator_algorithm.step()
    return discriminator_pays.item(), generator_pays.item()


class VariationalAutoencoder(nn.Module):
    """Turns examples of D zeros and ones into codes of K numbers, and back.

    Encoder and decoder have one hidden layer each.

    Raises:
        ValueError: A size is no int above 0.

    >>> model = VariationalAutoencoder(features=4, hidden=8, code=2)
    >>> logits, mean, log_variance = model(torch.ones(5, 4), torch.zeros(5, 2))
    >>> logits.shape, mean.shape, log_variance.shape
    (torch.Size([5, 4]), torch.Size([5, 2]), torch.Size([5, 2]))
    """

    def __init__(self, features: int, hidden: int, code: int):
        _require_counts(features=features, hidden=hidden, code=code)
        super().__init__()
        self.code = code
        self.encoder = nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * code),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, hidden),
            nn.ReLU(),
            nn.Linear(hidden, features),
        )

    def encode(
        self, x: Float[Tensor, "N D"]
    ) -> tuple[Float[Tensor, "N K"], Float[Tensor, "N K"]]:
        """Return the mean and the log variance of the code of each example."""
        mean, log_variance = self.encoder(x).chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, z: Float[Tensor, "*n K"]) -> Float[Tensor, "*n D"]:
        """Return the logits of the entries, given the codes."""
        return self.decoder(z)

    def forward(
        self, x: Float[Tensor, "N D"], noise: Float[Tensor, "*s N K"]
    ) -> tuple[
        Float[Tensor, "*s N D"], Float[Tensor, "N K"], Float[Tensor, "N K"]
    ]:
        """Return logits of drawn codes, and the codes' mean, log variance."""
        mean, log_variance = self.encode(x)
        z = draw(mean, log_variance, noise)
        return self.decode(z), mean, log_variance

    def elbo(
        self,
        x: Float[Tensor, "N D"],
        noise: Float[Tensor, "*s N K"],
        beta: float = 1.0,
    ) -> Float[Tensor, "*s N"]:
        """Return the evidence lower bound of each example, in nats."""
        logits, mean, log_variance = self(x, noise)
        reconstruction = log_likelihood(x, logits)
        return lower_bound(reconstruction, mean, log_variance, beta)

    def sample(
        self, n: int, random: torch.Generator | None = None
    ) -> Float[Tensor, "{n} D"]:
        """Return the probabilities of a 1 for n codes drawn from the prior.

        Raises:
            ValueError: n is no int above 0.
        """
        z = _noise(n, self.code, random, self.decoder[0].weight)
        return torch.sigmoid(self.decode(z))
