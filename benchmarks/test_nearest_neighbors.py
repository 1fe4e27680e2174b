import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from reference.classification.nearest_neighbors import classify, manhattan

pytestmark = pytest.mark.benchmark(
    group="5 nearest neighbours, 5000×32 examples, 500 queries"
)


@pytest.fixture
def work():
    """Return examples, their classes, and queries."""
    rng = np.random.default_rng(0)
    x, query = rng.normal(size=(5000, 32)), rng.normal(size=(500, 32))
    return x, rng.integers(10, size=5000), query


def test_ours(benchmark, work):
    benchmark(classify, *work, 5)


def test_ours_on_torch(benchmark, work):
    benchmark(classify, *map(torch.asarray, work), 5)


def test_ours_by_manhattan(benchmark, work):
    benchmark(classify, *work, 5, manhattan)


def test_library(benchmark, work):
    x, y, query = work
    model = KNeighborsClassifier(5, algorithm="brute").fit(x, y)
    benchmark(model.predict, query)
