import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from reference.regression.least_squares import (
    least_squares,
    least_squares_cholesky,
    least_squares_refined,
    least_squares_svd,
)

pytestmark = pytest.mark.benchmark(group="least squares, 20000×50")


@pytest.fixture
def work():
    """Return a design and its targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20000, 50))
    return x, x @ rng.normal(size=50) + rng.normal(size=20000)


def test_ours(benchmark, work):
    benchmark(least_squares, *work)


def test_ours_on_torch(benchmark, work):
    benchmark(least_squares, *map(torch.asarray, work))


def test_ours_by_cholesky(benchmark, work):
    benchmark(least_squares_cholesky, *work)


def test_ours_refined(benchmark, work):
    benchmark(least_squares_refined, *work)


def test_ours_refined_on_torch(benchmark, work):
    benchmark(least_squares_refined, *map(torch.asarray, work))


def test_ours_by_svd(benchmark, work):
    benchmark(least_squares_svd, *work)


def test_numpys_lstsq(benchmark, work):
    benchmark(np.linalg.lstsq, *work)


def test_library(benchmark, work):
    benchmark(LinearRegression(fit_intercept=False).fit, *work)
