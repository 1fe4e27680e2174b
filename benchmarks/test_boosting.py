import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import AdaBoostClassifier

from reference.trees.boosting import adaboost, predict_labels

pytestmark = pytest.mark.benchmark(group="AdaBoost, 500×10, 10 stumps")


@pytest.fixture
def data():
    x, y = make_classification(500, 10, random_state=0)
    return x, 2 * y - 1


def test_ours(benchmark, data):
    x, y = data
    model = benchmark(adaboost, x, y, 10)
    assert len(model.trees) == 10
    assert np.mean(predict_labels(model, x) == y) > 0.8


def test_library(benchmark, data):
    x, y = data
    model = AdaBoostClassifier(n_estimators=10, random_state=0)
    fitted = benchmark(model.fit, x, y)
    assert len(fitted.estimators_) == 10
    assert fitted.score(x, y) > 0.8
