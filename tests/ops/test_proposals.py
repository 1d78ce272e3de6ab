"""Proposals by hand, and against a loop over boxes."""

import keras
import numpy as np
import pytest

from kerascnn.ops import anchor_boxes, encode_deltas, non_max_suppression, proposal_candidates
from kerascnn.ops.proposals import NO_SCORE
from tests.ops.naive import suppress

SIZE = (48, 64)
ANCHORS = anchor_boxes((6, 8), 8, scales=(12, 30))


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def draw(seed=0):
    """Draw logits (2, N), no two of which are equal, and deltas (2, N, 4)."""
    rng = np.random.default_rng(seed)
    logits = rng.permutation(2 * len(ANCHORS)).reshape(2, -1) / 10 - 10
    return logits.astype(np.float32), rng.normal(0, 0.3, (2, len(ANCHORS), 4)).astype(np.float32)


def propose(logits, deltas, least_side=16.0, iou_threshold=0.7, max_candidates=None, max_proposals=300):
    """Choose from the candidates."""
    anchors = np.broadcast_to(ANCHORS, (len(logits), *ANCHORS.shape))
    regions = np.concatenate([logits[..., np.newaxis], deltas, anchors], axis=-1)
    boxes, scores = proposal_candidates(regions, SIZE, least_side=least_side)
    options = {"max_detections": max_proposals, "max_candidates": max_candidates}
    return non_max_suppression(boxes, scores, iou_threshold=iou_threshold, score_threshold=NO_SCORE, **options)


def decode(deltas):
    """Decode and cut the boxes of one picture, one by one."""
    boxes = []
    for (x1, y1, x2, y2), (dx, dy, dw, dh) in zip(ANCHORS.astype(float), deltas.astype(float), strict=True):
        width, height = x2 - x1, y2 - y1
        x, y = x1 + width / 2 + dx * width, y1 + height / 2 + dy * height
        width, height = width * np.exp(dw), height * np.exp(dh)
        boxes.append([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    return np.clip(boxes, 0, [SIZE[1], SIZE[0], SIZE[1], SIZE[0]]).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"max_candidates": 40}, {"max_proposals": 7}, {"least_side": 25.0}])
def test_proposals_are_those_of_a_naive_loop(options):
    logits, deltas = draw()
    options = {"least_side": 10.0, "iou_threshold": 0.5, "max_candidates": None, "max_proposals": 60} | options
    found = propose(logits, deltas, **options)
    for picture in range(2):
        boxes = decode(deltas[picture])
        large = np.flatnonzero((boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= options["least_side"])
        large = large[np.argsort(-logits[picture, large])][: options["max_candidates"]]
        kept = large[suppress(boxes[large], logits[picture, large], 0.5, -1e9)][: options["max_proposals"]]
        count = int(found.count[picture])
        assert as_numpy(found.indices[picture])[:count].tolist() == kept.tolist()
        np.testing.assert_allclose(as_numpy(found.boxes[picture])[:count], boxes[kept], atol=1e-3)
        assert not as_numpy(found.boxes[picture])[count:].any()


def test_perfect_answers_propose_the_objects_first():
    objects = np.float32([[3, 4, 30, 40], [33, 2, 60, 21]])
    logits, deltas = np.full((1, len(ANCHORS)), -5, np.float32), np.zeros((1, len(ANCHORS), 4), np.float32)
    for number, place in enumerate((10, 50)):
        logits[0, place] = 5 - number
        deltas[0, place] = as_numpy(encode_deltas(objects[number], ANCHORS[place]))
    found = propose(logits, deltas)
    np.testing.assert_allclose(as_numpy(found.boxes[0, :2]), objects, atol=1e-3)
    assert as_numpy(found.scores[0, :2]).tolist() == [5, 4]


def test_a_picture_where_all_is_too_small_has_no_proposal():
    logits, deltas = draw()
    found = propose(logits, deltas, least_side=100)
    assert as_numpy(found.count).tolist() == [0, 0] and not as_numpy(found.boxes).any()


def test_a_negative_side_is_refused():
    with pytest.raises(ValueError, match="least_side=-1"):
        propose(*draw(), least_side=-1)
