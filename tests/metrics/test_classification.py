"""What a classifier got right, worked by hand."""

import math

import numpy as np
import pytest

from kerascnn.metrics.classification import summarise_classification

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
