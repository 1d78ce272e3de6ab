"""What a classifier got right, worked by hand."""

import math

import keras
import numpy as np
import pytest

from kerascnn.metrics.classification import MainAccuracy, summarise_classification

# Two of class a, both right; one of class b, taken for a; none of class c.
LABELS = np.array([0, 0, 1])
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.5, 0.25, 0.25], [0.7, 0.2, 0.1]], np.float32)


def test_a_summary_by_hand():
    found = summarise_classification(LABELS, PROBABILITIES, ("a", "b", "c"))
    assert found["examples"] == 3
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["loss"] == pytest.approx(-(math.log(0.8) + math.log(0.5) + math.log(0.2)) / 3)
    assert found["confusion"] == [[2, 0, 0], [1, 0, 0], [0, 0, 0]]
    a, b, c = found["per_class"]
    assert (a["class"], a["support"], a["recall"]) == ("a", 2, 1.0)
    assert a["precision"] == pytest.approx(2 / 3)
    assert a["f1"] == pytest.approx(0.8)
    assert (b["precision"], b["recall"], b["f1"], b["support"]) == (0, 0, 0, 1)
    assert c["support"] == 0


def test_a_certain_mistake_has_a_finite_loss():
    found = summarise_classification(np.array([1]), np.array([[1.0, 0.0]]), ("a", "b"))
    assert found["loss"] == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize(("labels", "shape"), [([], (0, 2)), ([0, 1], (1, 2)), ([0], (1, 3))])
def test_arrays_that_do_not_belong_together_are_refused(labels, shape):
    with pytest.raises(ValueError, match="belong together"):
        summarise_classification(np.array(labels, int), np.zeros(shape), ("a", "b"))


# (pictures, classifiers, classes): the first classifier answers 1, 0, 1, the others 0, 1, 1 and 2, 2, 0.
LOGITS = np.zeros((3, 3, 3), np.float32)
LOGITS[[0, 1, 2], 0, [1, 0, 1]] = LOGITS[[0, 1, 2], 1, [0, 1, 1]] = LOGITS[[0, 1, 2], 2, [2, 2, 0]] = 1


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize(
    ("labels", "weights", "expected"),
    [
        ([1, 0, 1], None, 1),
        ([1, 1, 1], None, 2 / 3),
        ([0, 1, 0], None, 0),  # the others are right
        ([1, 1, 1], [1, 3, 2], 3 / 6),
    ],
)
def test_main_accuracy_is_that_of_the_first_classifier(shape, labels, weights, expected):
    metric = MainAccuracy()
    metric.update_state(np.reshape(labels, shape), LOGITS, weights)
    assert float(metric.result()) == pytest.approx(expected)


def test_main_accuracy_counts_over_batches_until_it_is_reset():
    metric = MainAccuracy()
    metric.update_state(np.array([1, 0]), LOGITS[:2])  # both right
    metric.update_state(np.array([0]), LOGITS[2:])
    assert float(metric.result()) == pytest.approx(2 / 3)
    metric.reset_state()
    metric.update_state(np.array([0]), LOGITS[2:])
    assert float(metric.result()) == 0


def test_main_accuracy_is_stored_with_a_compiled_model(tmp_path):
    inputs = keras.layers.Input((3, 3))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(loss="mse", metrics=[MainAccuracy(name="accuracy")])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    measured = again.evaluate(LOGITS, np.array([[[1]], [[1]], [[1]]]), verbose=0, return_dict=True)
    assert measured["accuracy"] == pytest.approx(2 / 3)
