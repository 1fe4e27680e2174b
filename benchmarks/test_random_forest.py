import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from reference.trees.decision_tree import classification_tree
from reference.trees.random_forest import predict, random_forest

pytestmark = pytest.mark.benchmark(group="random forest, 500×10, 10 trees")


@pytest.fixture
def data():
    return make_classification(500, 10, random_state=0)


def test_ours(benchmark, data):
    x, y = data

    def grow():
        return random_forest(
            classification_tree, x, y, 10, np.random.default_rng(0)
        )

    assert np.mean(predict(benchmark(grow), x) == y) > 0.95


def test_library(benchmark, data):
    x, y = data
    model = RandomForestClassifier(10, random_state=0)
    assert benchmark(model.fit, x, y).score(x, y) > 0.95
