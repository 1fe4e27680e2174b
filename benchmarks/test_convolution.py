import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d as torchs_conv2d

from reference.convolution.convolution import conv2d, conv2d_backward

pytestmark = pytest.mark.benchmark(
    group="convolution forward+backward, 16×8×32×32 -> 16, 3×3, float32"
)


@pytest.fixture
def work():
    """Return x, w, b and dy in NumPy."""
    rng = np.random.default_rng(0)
    shapes = (16, 8, 32, 32), (16, 8, 3, 3), (16,), (16, 16, 32, 32)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def forward_backward(x, w, b, dy):
    y = conv2d(x, w, b, padding=1)
    return y, conv2d_backward(dy, x, w, padding=1)


def autograd(function, x, w, b, dy):
    leaves = [a.detach().requires_grad_() for a in (x, w, b)]
    y = function(*leaves, padding=1)
    return y, torch.autograd.grad(y, leaves, dy)


def test_ours_on_numpy(benchmark, work):
    benchmark(forward_backward, *work)


def test_ours_on_torch(benchmark, work):
    benchmark(forward_backward, *map(torch.asarray, work))


def test_ours_by_autograd(benchmark, work):
    benchmark(autograd, conv2d, *map(torch.asarray, work))


def test_library(benchmark, work):
    benchmark(autograd, torchs_conv2d, *map(torch.asarray, work))
