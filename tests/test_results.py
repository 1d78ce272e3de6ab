"""What a prediction returns, on numbers by hand."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from kerascnn.results import Classification, Detections, Landmarks, Mask


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


@pytest.fixture
def detections():
    boxes = np.array([[0, 0, 4, 4], [1, 1, 3, 5], [2, 2, 3, 3]], "float32")
    return Detections(("ants", "bees"), boxes, np.array([0.9, 0.5, 0.25], "float32"), np.array([1, 0, 1], "int32"))


def test_detections_are_counted_and_named(detections):
    assert len(detections) == 3
    assert detections.class_names == ["bees", "ants", "bees"]


def test_detections_above_a_score_keep_their_order(detections):
    kept = detections.above(0.25)
    assert kept.scores.tolist() == detections.scores[:2].tolist()
    assert kept.class_ids.tolist() == [1, 0]
    assert kept.boxes.tolist() == detections.boxes[:2].tolist()
    assert len(detections.above(1)) == 0
    assert detections.above(1).boxes.shape == (0, 4)


def test_rows_of_detections_are_box_score_class(detections):
    assert detections.rows.tolist() == [[0, 0, 4, 4, np.float32(0.9), 1], [1, 1, 3, 5, 0.5, 0], [2, 2, 3, 3, 0.25, 1]]
    assert detections.rows.dtype == np.float32
    assert detections.above(1).rows.shape == (0, 6)
    assert detections.targets.tolist() == [[0, 0, 4, 4, 1], [1, 1, 3, 5, 0], [2, 2, 3, 3, 1]]
    assert detections.above(1).targets.shape == (0, 5)


def test_landmarks_are_found_by_name():
    landmarks = Landmarks(("nose", "chin"), np.array([[1, 2], [3, 4.5]], "float32"), np.ones(2, "float32"))
    assert landmarks["chin"] == (3.0, 4.5)
    with pytest.raises(KeyError, match="nose, chin"):
        landmarks["ear"]


@pytest.fixture
def mask():
    class_ids = np.zeros((6, 8), np.int32)
    class_ids[0:2, 0:3] = 1  # touches the next one at a corner only
    class_ids[2, 3] = 1
    class_ids[4:6, 6:8] = 1
    class_ids[4, 0:2] = 2
    class_ids[5, 0] = 255
    return Mask(("ground", "tree", "car"), class_ids, np.where(class_ids == 1, 0.5, 0.75).astype(np.float32))


def test_areas_are_shares_of_the_picture(mask):
    assert mask.areas == pytest.approx({"ground": 34 / 48, "tree": 11 / 48, "car": 2 / 48})


def test_connected_pieces_are_objects_the_largest_first(mask):
    found = mask.objects()
    assert found.boxes.tolist() == [[0, 0, 4, 3], [6, 4, 8, 6], [0, 4, 2, 5]]
    assert found.class_names == ["tree", "tree", "car"] and found.scores.tolist() == [0.5, 0.5, 0.75]
    assert mask.objects(min_area=3).class_names == ["tree", "tree"]
    assert mask.objects(background=None).class_names[0] == "ground"


def test_a_mask_of_background_has_no_objects():
    empty = Mask(("ground", "tree"), np.zeros((3, 4), np.int32), np.ones((3, 4), np.float32)).objects()
    assert len(empty) == 0 and empty.boxes.shape == (0, 4)
