import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from reference.classification.logistic_regression import (
    gradient,
    logistic_regression,
)

pytestmark = pytest.mark.benchmark(group="logistic regression, 20000×50")


@pytest.fixture
def work():
    """Return features and labels whose log-odds are linear in them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20000, 50))
    z = 0.3 * x @ rng.normal(size=50)
    return x, (rng.random(20000) < 1 / (1 + np.exp(-z))).astype(np.int64)


def test_ours(benchmark, work):
    beta = benchmark(logistic_regression, *work)
    assert np.max(np.abs(gradient(*work, beta))) < 1e-14


def test_ours_on_torch(benchmark, work):
    benchmark(logistic_regression, *map(torch.asarray, work))


def test_library(benchmark, work):
    """By default it stops at a gradient of 1e-4; here it goes on, as ours."""
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    benchmark(model.fit, *work)
