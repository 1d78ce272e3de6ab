"""Recall of proposals, by hand."""

import numpy as np
import pytest

from kerascnn.metrics.proposals import proposal_recall

NOTHING = np.zeros((0, 4))
OBJECTS = np.float32([(0, 0, 10, 10), (20, 20, 30, 30)])


def test_objects_are_found_by_the_first_proposals():
    proposals = np.float32([(50, 50, 60, 60), (0, 0, 10, 8), (20, 20, 25, 30), (0, 0, 0, 0)])  # 0, 0.8, 0.5
    recall = proposal_recall([OBJECTS, OBJECTS[:1], NOTHING], [proposals, NOTHING, proposals], (1, 2, 3, 9))
    assert recall == {1: 0, 2: pytest.approx(1 / 3), 3: pytest.approx(2 / 3), 9: pytest.approx(2 / 3)}
    stricter = proposal_recall([OBJECTS], [proposals], (3,), iou_threshold=0.51)
    assert stricter == {3: 0.5}


def test_without_objects_there_is_no_recall():
    assert proposal_recall([NOTHING], [OBJECTS]) == {100: None, 300: None, 1000: None}
    assert proposal_recall([], [], (5,)) == {5: None}


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ValueError, match="Received: 1 and 2 of them"):
        proposal_recall([OBJECTS], [OBJECTS, OBJECTS])
    with pytest.raises(ValueError, match=r"Received: counts=\(0,\)"):
        proposal_recall([OBJECTS], [OBJECTS], (0,))
