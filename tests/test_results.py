"""What a prediction returns, on numbers by hand."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from kerascnn.results import Classification


@pytest.fixture
def result():
    return Classification(("ants", "bees", "cats"), np.array([0.25, 0.5, 0.25], dtype="float32"))


def test_most_probable_class_answers(result):
    assert (result.class_id, result.class_name, result.confidence) == (1, "bees", 0.5)


def test_answers_are_plain_python(result):
    assert [type(value) for value in (result.class_id, result.class_name, result.confidence)] == [int, str, float]
    assert [type(value) for value in result.top(1)[0]] == [str, float]


def test_top_is_ordered_and_keeps_the_order_of_equal_classes(result):
    assert result.top(2) == [("bees", 0.5), ("ants", 0.25)]
    assert result.top(9) == [("bees", 0.5), ("ants", 0.25), ("cats", 0.25)]


@pytest.mark.parametrize("k", [0, -1])
def test_top_of_none_is_refused(result, k):
    with pytest.raises(ValueError, match="k must be at least 1"):
        result.top(k)


def test_results_are_frozen_and_can_be_compared_and_collected(result):
    other = Classification(result.classes, result.probabilities.copy())
    assert result == result
    assert result != other
    assert len({result, other}) == 2
    with pytest.raises(FrozenInstanceError):
        result.classes = ()
