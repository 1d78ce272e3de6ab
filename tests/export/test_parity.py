"""Comparison and budgets, with numbers worked by hand."""

import dataclasses

import numpy as np
import pytest

from kerascnn.export.parity import BUDGETS, Budget, Reference, compare, missed_budget, time_files


def test_the_reference_keeps_all_batches_in_order(task, reference):
    assert reference.images.shape == (40, 40, 48, 3)
    expected = task.model.predict(reference.images, verbose=0)
    np.testing.assert_array_equal(reference.outputs["probabilities"].argmax(-1), expected.argmax(-1))


def test_no_pictures_are_refused(task):
    with pytest.raises(ValueError, match="no picture"):
        Reference.of(task, [])


def test_compare_measures_against_the_labels_and_against_keras(task, files, reference):
    answers = reference.outputs["probabilities"].argmax(-1)
    targets = np.concatenate([answers[:30], (answers[30:] + 1) % 3])  # 30 of 40 right
    found = compare(task, files["float32"], dataclasses.replace(reference, targets=targets))
    assert found["bytes"] == len(files["float32"])
    assert found["agreement"] == 1.0
    assert found["score"] == 0.75
    assert 0 <= found["mean_difference"] <= found["max_difference"] < 1e-5


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        ({"agreement": 0.97, "score": 0.94, "max_difference": 0.5}, None),
        ({"agreement": 0.96, "score": 0.95, "max_difference": 0.0}, "agreement"),
        ({"agreement": 1.00, "score": 0.93, "max_difference": 0.0}, "score"),
        ({"agreement": float("nan"), "score": 0.95, "max_difference": 0.0}, "agreement"),
    ],
)
def test_budgets_of_the_8_bit_files(found, missed):
    reason = missed_budget(found, expected_score=0.95, budget=BUDGETS["int8"], pictures=1000)
    assert reason is None if missed is None else missed in reason


def test_the_difference_has_a_budget_where_one_is_set():
    found = {"agreement": 1.0, "score": 1.0, "max_difference": 2e-4}
    assert "difference" in missed_budget(found, 1.0, BUDGETS["float32"], pictures=10)
    assert "difference" in missed_budget(found | {"max_difference": float("nan")}, 1.0, BUDGETS["float32"], 10)
    assert missed_budget(found, 1.0, BUDGETS["float16"], pictures=10) is None


def test_no_budget_asks_for_less_than_one_picture():
    budget = Budget(agreement=0.99, score_loss=0.01)
    one_of_40 = {"agreement": 39 / 40, "score": 0.875, "max_difference": 0.0}
    two_of_40 = {"agreement": 38 / 40, "score": 0.850, "max_difference": 0.0}
    assert missed_budget(one_of_40, 0.9, budget, pictures=40) is None
    assert missed_budget(two_of_40, 0.9, budget, pictures=40) is not None


def test_files_are_timed_with_one_and_two_threads(files, reference):
    latencies = time_files(files, reference.images[0])
    assert latencies.keys() == files.keys()
    assert all(value > 0 for row in latencies.values() for value in row.values())
    assert latencies["int8"].keys() == {"latency_ms", "latency_ms_2_threads"}
