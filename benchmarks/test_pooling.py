import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d as torchs_max_pool2d

from reference.convolution.pooling import max_pool2d, max_pool2d_backward

pytestmark = pytest.mark.benchmark(
    group="max-pool 2 forward+backward, 16×16×32×32, float32"
)


@pytest.fixture
def work():
    """Return x and dy in NumPy."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 16, 32, 32)).astype(np.float32)
    dy = rng.normal(size=(16, 16, 16, 16)).astype(np.float32)
    return x, dy


def forward_backward(x, dy):
    return max_pool2d(x, 2), max_pool2d_backward(dy, x, 2)


def autograd(function, x, dy):
    leaf = x.detach().requires_grad_()
    y = function(leaf, 2)
    return y, torch.autograd.grad(y, leaf, dy)


def test_ours_on_numpy(benchmark, work):
    benchmark(forward_backward, *work)


def test_ours_on_torch(benchmark, work):
    benchmark(forward_backward, *map(torch.asarray, work))


def test_ours_by_autograd(benchmark, work):
    benchmark(autograd, max_pool2d, *map(torch.asarray, work))


def test_library(benchmark, work):
    benchmark(autograd, torchs_max_pool2d, *map(torch.asarray, work))
