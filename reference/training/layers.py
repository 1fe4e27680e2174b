"""Layers of this part: parameters, buffers and mode around its functions."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reference.training import batch_norm as bn
from reference.training.dropout import dropout as drop_units
from reference.training.dropout import keep_mask as draw_mask


class BatchNorm(nn.Module):
    """Batch normalization of (N, C), (N, C, L), (N, C, H, W) and so on.

    In training it normalizes by the moments of the batch and updates running
    moments; after `eval()` it normalizes by these. Its `state_dict` is that of
    torch.nn.BatchNorm1d and BatchNorm2d.

    Raises:
        ValueError: eps is not positive, or momentum is not in [0, 1].

    >>> layer = BatchNorm(num_features=1)
    >>> x = torch.tensor([[1.0], [3.0]])
    >>> [round(v, 2) for v in layer(x).flatten().tolist()]
    [-1.0, 1.0]
    >>> layer.running_mean, layer.running_var
    (tensor([0.2000]), tensor([1.1000]))
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1
    ):
        if not eps > 0:
            raise ValueError(f"eps must be positive, got {eps}")
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be in [0, 1], got {momentum}")
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(
        self, x: Float[Tensor, "N C *space"]
    ) -> Float[Tensor, "N C *space"]:
        """Return x normalized, by the batch or by the running moments."""
        if not self.training:
            running = bn.Moments(self.running_mean, self.running_var)
            return bn.batch_norm_inference(
                x, self.weight, self.bias, running, self.eps
            )
        y, batch = bn.batch_norm(x, self.weight, self.bias, self.eps)
        _, count = bn.axes_and_count(x)
        self.follow(batch, count)
        return y

    @torch.no_grad()
    def follow(self, batch: bn.Moments, count: int):
        """Move the running moments towards those of a batch, in place."""
        running = bn.Moments(self.running_mean, self.running_var)
        mean, var = bn.update_running(running, batch, count, self.momentum)
        self.running_mean.copy_(mean)
        self.running_var.copy_(var)
        self.num_batches_tracked += 1


class Dropout(nn.Module):
    """Inverted dropout of arrays of any shape.

    In training it draws a new mask at each call, from torch's generator of the
    device of x; after `eval()` it returns x. It has no parameters.

    Raises:
        ValueError: p, the probability of a drop, is not in [0, 1).

    >>> layer, x = Dropout(p=0.2), torch.ones(1000)
    >>> [round(v, 2) for v in layer(x).unique().tolist()]
    [0.0, 1.25]
    >>> bool(torch.equal(layer.eval()(x), x))
    True
    """

    def __init__(self, p: float = 0.5):
        if not 0 <= p < 1:
            raise ValueError(f"p, chance of a drop, must be in [0, 1), got {p}")
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return x with random units dropped, or x itself at inference."""
        if not self.training:
            return x
        u = torch.rand(x.shape, device=x.device)
        return drop_units(x, draw_mask(u, self.p), self.p)
