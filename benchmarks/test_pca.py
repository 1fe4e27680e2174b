import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from reference.unsupervised.pca import pca, pca_svd

pytestmark = pytest.mark.benchmark(
    group="principal components, 20000×100, 10 components"
)


@pytest.fixture
def work():
    """Return examples whose features are correlated."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(20000, 100)) @ rng.normal(size=(100, 100)) + 5


def test_ours(benchmark, work):
    benchmark(pca, work, 10)


def test_ours_on_torch(benchmark, work):
    benchmark(pca, torch.asarray(work), 10)


def test_ours_by_svd(benchmark, work):
    benchmark(pca_svd, work, 10)


def test_library(benchmark, work):
    benchmark(PCA(10).fit_transform, work)
