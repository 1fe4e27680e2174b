import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reference.generalization.ridge import ridge, ridge_path

pytestmark = pytest.mark.benchmark(group="ridge, 20000×50")


@pytest.fixture
def work():
    """Return features and targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20000, 50))
    return x, x @ rng.normal(size=50) + rng.normal(size=20000)


def test_ours(benchmark, work):
    benchmark(ridge, *work, 0.1)


def test_ours_on_torch(benchmark, work):
    benchmark(ridge, *map(torch.asarray, work), 0.1)


def test_our_path_of_100_penalties(benchmark, work):
    benchmark(ridge_path, *work, np.logspace(-4, 4, 100))


def test_library(benchmark, work):
    """It centres and scales too, as we do."""
    model = make_pipeline(StandardScaler(), Ridge(0.1 * 20000))
    benchmark(model.fit, *work)


def test_library_that_only_centres(benchmark, work):
    benchmark(Ridge(0.1 * 20000).fit, *work)
