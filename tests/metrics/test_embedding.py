"""What is shown of embeddings in training, against scikit-learn and a loop."""

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from kerascnn.metrics.embedding import PairAUC, Spread


@pytest.fixture(scope="module")
def batches():
    """Two batches, of different sizes, of people whose vectors differ more or less."""
    rng = np.random.default_rng(0)
    people = [np.repeat(np.arange(6), 4), np.array([1, 1, 8, 9, 9])]
    means = rng.normal(size=(10, 5))
    return [(own, (means[own] + 0.8 * rng.normal(size=(len(own), 5))).astype("float32")) for own in people]


def list_pairs(batches):
    for people, vectors in batches:
        for i, j in np.ndindex(len(people), len(people)):
            if i != j:
                f, g = vectors[i], vectors[j]
                yield people[i] == people[j], f @ g / np.linalg.norm(f) / np.linalg.norm(g)


def test_the_area_is_that_of_the_pairs_within_batches(batches):
    metric = PairAUC()
    for people, vectors in batches:
        metric.update_state(people, vectors)
    same, cosines = zip(*list_pairs(batches), strict=True)
    assert float(metric.result()) == pytest.approx(roc_auc_score(same, cosines), abs=2e-3)
    metric.reset_state()
    metric.update_state(*batches[1])
    assert float(metric.result()) == pytest.approx(roc_auc_score(*zip(*list_pairs(batches[1:]), strict=True)), abs=2e-3)


def test_logits_of_pairs_are_taken_as_they_are():
    people = np.array([0, 0, 1, 1])
    logits = np.where(people[:, None] == people[None], 2.0, -3.0).astype("float32")
    metric = PairAUC(logits=True)
    metric.update_state(people[:, None], logits)
    assert float(metric.result()) == pytest.approx(1)
    metric.update_state(people, -logits)
    assert float(metric.result()) == pytest.approx(0.5, abs=1e-3)


def test_the_spread_is_the_mean_squared_distance_of_different_people(batches):
    metric = Spread()
    for people, vectors in batches:
        metric.update_state(people, vectors)
    expected = np.mean([2 - 2 * cosine for same, cosine in list_pairs(batches) if not same])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-4)


def test_vectors_that_are_all_alike_have_no_spread():
    metric = Spread()
    metric.update_state(np.arange(4), np.ones((4, 3), "float32"))
    assert float(metric.result()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("metric", [PairAUC(logits=True), Spread()])
def test_a_metric_is_made_again_from_its_configuration(metric):
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
