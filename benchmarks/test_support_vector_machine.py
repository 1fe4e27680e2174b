import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.svm import SVC

from reference.classification.kernels import rbf
from reference.classification.support_vector_machine import smo

pytestmark = pytest.mark.benchmark(group="SVM, RBF, 400×10, tolerance 1e-3")
N, GAMMA, TOLERANCE = 400, 0.1, 1e-3


@pytest.fixture
def data():
    """Return standardized examples, a tenth of them with a random label."""
    x, y = make_classification(N, 10, flip_y=0.1, random_state=0)
    return (x - x.mean(axis=0)) / x.std(axis=0), 2 * y - 1


def ours(x, y):
    return smo(rbf(x, x, GAMMA), y, 1 / N, TOLERANCE)


def test_ours_on_numpy(benchmark, data):
    benchmark(ours, *data)


def test_ours_on_torch(benchmark, data):
    benchmark(ours, *map(torch.asarray, data))


def test_library(benchmark, data):
    x, y = data
    model = SVC(C=1.0, gamma=GAMMA, tol=TOLERANCE)
    benchmark(model.fit, x, y)
    found = ours(x, y)
    assert np.array_equal(np.flatnonzero(found.alpha), np.sort(model.support_))
