import numpy as np
import pytest
import torch

from reference.sequences.lstm import lstm, lstm_backward

pytestmark = pytest.mark.benchmark(
    group="LSTM forward+backward, N=32, T=32, D=32, H=64, float32"
)
N, T, D, H = 32, 32, 32, 64


@pytest.fixture
def work():
    """Return the gradients of the outputs, x, h, c, w_x, w_h, b in NumPy."""
    rng = np.random.default_rng(0)
    shapes = (N, T, H), (N, T, H), (N, T, D), (N, H), (N, H)
    dh, dc, x, h, c = (rng.normal(size=s).astype(np.float32) for s in shapes)
    dc[:, :-1] = 0  # The library hands out the last cell only.
    shapes = (D, 4 * H), (H, 4 * H), (4 * H,)
    w = [(rng.normal(size=s) / 8).astype(np.float32) for s in shapes]
    return dh, dc, x, h, c, *w


def forward_backward(dh, dc, *inputs):
    return lstm(*inputs), lstm_backward(dh, dc, *inputs)


def autograd(dh, dc, *inputs):
    leaves = [a.detach().requires_grad_() for a in inputs]
    hs, cs = lstm(*leaves)
    return hs, cs, torch.autograd.grad([hs, cs], leaves, [dh, dc])


def test_ours_on_numpy(benchmark, work):
    benchmark(forward_backward, *work)


def test_ours_on_torch(benchmark, work):
    benchmark(forward_backward, *map(torch.asarray, work))


def test_ours_by_autograd(benchmark, work):
    benchmark(autograd, *map(torch.asarray, work))


def test_library(benchmark, work):
    dh, dc, x, h, c, w_x, w_h, b = map(torch.asarray, work)
    layer = torch.nn.LSTM(D, H, batch_first=True)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(w_x.mT)
        layer.weight_hh_l0.copy_(w_h.mT)
        layer.bias_ih_l0.copy_(b)
        layer.bias_hh_l0.zero_()

    def library():
        leaves = [a.detach().requires_grad_() for a in (x, h, c)]
        hs, (_, last) = layer(leaves[0], (leaves[1][None], leaves[2][None]))
        leaves += list(layer.parameters())
        return hs, torch.autograd.grad(
            [hs, last], leaves, [dh, dc[None, :, -1]]
        )

    benchmark(library)
