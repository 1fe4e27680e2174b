import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso

from reference.generalization.lasso import lasso

pytestmark = pytest.mark.benchmark(group="lasso, 2000×100, penalty 0.05")


@pytest.fixture
def work():
    """Return features, targets that depend on ten of them, and a penalty."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 100))
    y = x[:, :10] @ rng.normal(size=10) + rng.normal(size=2000)
    return x, y, 0.05


def test_ours(benchmark, work):
    benchmark(lasso, *work)


def test_ours_on_torch(benchmark, work):
    x, y, penalty = work
    benchmark(lasso, torch.asarray(x), torch.asarray(y), penalty)


def test_library(benchmark, work):
    x, y, penalty = work
    benchmark(Lasso(alpha=penalty).fit, x, y)
