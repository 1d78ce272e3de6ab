"""Recall of proposals, by hand."""

import numpy as np
import pytest

from kerascnn.metrics.proposals import ProposalRecall, proposal_recall

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


def test_the_keras_metric_agrees_with_numpy_over_batches():
    rng = np.random.default_rng(0)
    metric, objects, proposals = ProposalRecall(count=4, iou_threshold=0.3), [], []
    for pictures in (1, 3):
        corners = rng.uniform(0, 40, (pictures, 6, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(5, 30, (pictures, 6, 2))], axis=-1)
        rows = np.concatenate([boxes[:, :5] + rng.normal(0, 4, (pictures, 5, 4)), np.zeros((pictures, 5, 1))], axis=-1)
        rows[:, 3:] = -1
        outputs = np.concatenate([rng.normal(size=(pictures, 6, 3)), boxes], axis=-1).astype(np.float32)
        metric.update_state(rows.astype(np.float32), outputs[:, ::-1])
        objects += [each[:3, :4] for each in rows]
        proposals += list(boxes[:, ::-1])
    expected = proposal_recall(objects, proposals, (4,), iou_threshold=0.3)[4]
    assert 0 < expected < 1
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)


def test_the_keras_metric_without_an_object_is_0():
    metric = ProposalRecall()
    metric.update_state(np.zeros((2, 0, 5), np.float32), np.ones((2, 3, 4), np.float32))
    assert float(metric.result()) == 0


def test_the_keras_metric_is_made_again():
    metric = ProposalRecall.from_config(ProposalRecall(7, 0.6, name="found").get_config())
    assert (metric.number, metric.iou_threshold, metric.name) == (7, 0.6, "found")


@pytest.mark.parametrize("options", [{"count": 0}, {"iou_threshold": 0.0}, {"iou_threshold": 1.1}])
def test_what_measures_nothing_is_refused(options):
    with pytest.raises(ValueError, match="count must be at least 1"):
        ProposalRecall(**options)
