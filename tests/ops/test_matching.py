"""Boxes and their objects, by hand and by a naive loop."""

import keras
import numpy as np
import pytest

from kerascnn.ops import match_boxes, sampling_weights
from kerascnn.ops.matching import BACKGROUND, IGNORED
from tests.ops.naive import compute_iou

PADDING = (-1, -1, -1, -1, -1)
RPN = {"object_iou": 0.7, "background_iou": (0, 0.3), "best_of_object": True}
FAST = {"object_iou": 0.5, "background_iou": (0.1, 0.5)}


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def match_naively(rows, boxes, object_iou, background_iou, best_of_object=False):
    """Match the boxes of one picture, one by one."""
    objects = [i for i, row in enumerate(rows) if row[4] >= 0]
    overlaps = {(n, i): compute_iou(box, rows[i][:4]) for n, box in enumerate(boxes) for i in objects}
    found = []
    for n, box in enumerate(boxes):
        mine = max(objects, key=lambda i: overlaps[n, i], default=None)
        greatest = 0.0 if mine is None else overlaps[n, mine]
        match = BACKGROUND if background_iou[0] <= greatest < background_iou[1] else IGNORED
        if greatest >= object_iou:
            match = mine
        elif best_of_object:
            best = [
                i
                for i in objects
                if overlaps[n, i] > 0 and overlaps[n, i] >= max(overlaps[m, i] for m in range(len(boxes)))
            ]
            match = max(best, key=lambda i: overlaps[n, i], default=match)
        found.append(match if box[2] > box[0] and box[3] > box[1] else IGNORED)
    return found


def draw(seed):
    """Draw rows (3, 5, 5) of five objects, one and none, and boxes (3, 60, 4), some without an area."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.integers(0, 40, (3, 65, 2, 2)), axis=2).reshape(3, 65, 4).astype(np.float32)
    rows = np.concatenate([corners[:, :5] + [0, 0, 1, 1], rng.integers(0, 3, (3, 5, 1))], axis=-1).astype(np.float32)
    rows[1, 1:] = rows[2] = PADDING
    return rows, corners[:, 5:]


def test_boxes_are_matched_by_hand():
    rows = np.float32([[(0, 0, 10, 10, 1), (20, 0, 30, 10, 0), PADDING]])
    boxes = np.float32([[(0, 0, 10, 8), (0, 0, 10, 5), (0, 0, 10, 2), (24, 0, 40, 10), (50, 50, 60, 60), (5, 5, 5, 9)]])
    # The IoUs with the first object are 0.8, 0.5 and 0.2, that of the fourth box with the second is 6 / 20.
    assert as_numpy(match_boxes(rows, boxes, **RPN)).tolist() == [[0, IGNORED, BACKGROUND, 1, BACKGROUND, IGNORED]]
    assert as_numpy(match_boxes(rows, boxes, **FAST)).tolist() == [[0, 0, BACKGROUND, BACKGROUND, IGNORED, IGNORED]]


@pytest.mark.parametrize("options", [RPN, FAST, FAST | {"best_of_object": True}])
@pytest.mark.parametrize("seed", range(4))
def test_matches_are_those_of_a_naive_loop(options, seed):
    rows, boxes = draw(seed)
    expected = [match_naively(*picture, **options) for picture in zip(rows, boxes, strict=True)]
    np.testing.assert_array_equal(as_numpy(match_boxes(rows, boxes, **options)), expected)
    assert len({tuple(picture) for picture in expected}) == 3


def test_without_objects_all_is_background():
    rows, boxes = draw(0)
    for nothing in (rows[2:], rows[2:, :0]):
        found = as_numpy(match_boxes(nothing, boxes[:1], **RPN))
        assert set(found.ravel().tolist()) == {BACKGROUND, IGNORED}


@pytest.mark.parametrize(("count", "share"), [(8, 0.5), (8, 0.25), (200, 0.5), (1, 0.5), (5, 1.0), (5, 0.0)])
def test_weights_are_how_often_a_box_is_drawn(count, share):
    rng = np.random.default_rng(0)
    matches = rng.integers(-2, 3, (4, 50)).astype(np.int32)
    matches[2], matches[3] = BACKGROUND, IGNORED
    found = as_numpy(sampling_weights(matches, count=count, object_share=share))
    for each, weights in zip(matches, found, strict=True):
        drawn = np.zeros(50)
        for _ in range(2000):
            order = rng.permutation(50)
            objects = [n for n in order if each[n] >= 0][: int(count * share)]
            drawn[[*objects, *[n for n in order if each[n] == BACKGROUND][: count - len(objects)]]] += 1
        np.testing.assert_allclose(weights, drawn / 2000, atol=0.05)
        assert weights.sum() == pytest.approx(drawn.sum() / 2000, rel=1e-5)


def test_weights_by_hand():
    matches = np.int32([[0, BACKGROUND, IGNORED, 1, 0, BACKGROUND, BACKGROUND, BACKGROUND]])
    # Two of three objects, and the two that are left to draw of four of the background.
    weights = as_numpy(sampling_weights(matches, count=4, object_share=0.5))
    np.testing.assert_allclose(weights, [[2 / 3, 0.5, 0, 2 / 3, 2 / 3, 0.5, 0.5, 0.5]], rtol=1e-6)
    assert as_numpy(sampling_weights(matches[:, :0], count=4, object_share=0.5)).shape == (1, 0)


def test_what_makes_no_sense_is_refused():
    rows, boxes = draw(0)
    with pytest.raises(ValueError, match=r"must rise.*Received: background_iou=\(0, 0.5\), object_iou=0.3"):
        match_boxes(rows, boxes, object_iou=0.3, background_iou=(0, 0.5))
    for count, share in ((0, 0.5), (4, 1.5)):
        with pytest.raises(ValueError, match="count must be at least 1"):
            sampling_weights(np.zeros((1, 4), np.int32), count=count, object_share=share)
