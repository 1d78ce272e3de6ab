"""Precision and recall, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from kerascnn.metrics.precision_recall import Ranking, pool_rankings, rank_detections
from tests.metrics.naive_detection import make_pictures, rank_naively

# Four objects; of the detections the first, the third and one of the two last ones are right.
RANKING = Ranking(np.array([0.9, 0.8, 0.6, 0.4, 0.4]), np.array([True, False, True, True, False]), 4)
EMPTY = Ranking(np.zeros(0), np.zeros(0, bool), 2)


def test_curve_by_hand_has_one_point_for_equal_scores():
    scores, precision, recall = RANKING.curve()
    np.testing.assert_array_equal(scores, [0.9, 0.8, 0.6, 0.4])
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3, 3 / 5])
    np.testing.assert_allclose(recall, [1 / 4, 1 / 4, 2 / 4, 3 / 4])


@pytest.mark.parametrize("seed", range(3))
def test_curve_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores, hits = -np.sort(-rng.integers(0, 12, 40) / 12), rng.random(40) < 0.4
    # It knows no objects but the detected ones.
    precision, recall, thresholds = precision_recall_curve(hits, scores)
    found = Ranking(scores, hits, int(hits.sum())).curve()
    for own, theirs in zip(found, (thresholds, precision[:-1], recall[:-1]), strict=True):
        np.testing.assert_allclose(own, theirs[::-1])


@pytest.mark.parametrize(
    ("threshold", "precision", "recall", "f1"),
    [
        (0.9, None, 0, 0),  # greater is kept, not equal
        (0.7, 1 / 2, 1 / 4, 2 / 6),
        (0.5, 2 / 3, 2 / 4, 4 / 7),
        (0, 3 / 5, 3 / 4, 6 / 9),
    ],
)
def test_at_a_score_by_hand(threshold, precision, recall, f1):
    assert RANKING.at(threshold) == pytest.approx({"precision": precision, "recall": recall, "f1": f1})


def test_at_a_score_without_objects():
    assert Ranking(np.array([0.5]), np.array([False]), 0).at(0.1) == {"precision": 0, "recall": None, "f1": 0}
    assert Ranking(np.zeros(0), np.zeros(0, bool), 0).at(0.1) == {"precision": None, "recall": None, "f1": None}


def test_best_threshold_lies_between_the_last_to_keep_and_the_first_to_drop():
    assert RANKING.best_threshold() == pytest.approx(0.2)  # all are kept
    worse = Ranking(np.array([0.9, 0.5, 0.3]), np.array([True, False, False]), 1)
    assert worse.best_threshold() == pytest.approx(0.7)
    assert worse.at(worse.best_threshold())["f1"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_no_threshold_is_better_than_the_best(seed):
    rng = np.random.default_rng(seed)
    ranking = Ranking(-np.sort(-rng.random(30)), rng.random(30) < np.linspace(0.9, 0.1, 30), 20)
    f1 = []
    for kept in range(1, 31):
        precision, recall = ranking.hits[:kept].mean(), ranking.hits[:kept].sum() / 20
        f1.append(2 * precision * recall / (precision + recall) if recall else 0)
    assert ranking.at(ranking.best_threshold())["f1"] == pytest.approx(max(f1))


@pytest.mark.parametrize("ranking", [EMPTY, Ranking(np.array([0.5]), np.array([False]), 1)])
def test_where_nothing_was_found_no_threshold_is_best(ranking):
    assert ranking.best_threshold() is None


def test_curve_of_no_detection_is_empty():
    assert [len(each) for each in EMPTY.curve()] == [0, 0, 0]


def test_pooled_detections_are_sorted_and_objects_summed():
    pooled = pool_rankings([RANKING, EMPTY, Ranking(np.array([0.7]), np.array([True]), 1)])
    assert pooled.scores.tolist() == [0.9, 0.8, 0.7, 0.6, 0.4, 0.4]
    assert pooled.hits.tolist() == [True, False, True, True, True, False]
    assert pooled.support == 7


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("iou_threshold", [0.5, 0.75])
def test_ranking_is_that_of_plain_loops(seed, iou_threshold):
    targets, detections = make_pictures(seed)
    rankings = rank_detections(targets, detections, 3, iou_threshold=iou_threshold)
    for class_id, ranking in enumerate(rankings):
        hits, support = rank_naively(targets, detections, class_id, iou_threshold, may_take_another=True)
        assert (ranking.hits.tolist(), ranking.support) == (hits, support)
        assert (np.diff(ranking.scores) <= 0).all()


def test_a_picture_does_not_lend_its_objects_to_another():
    box = [0, 0, 10, 10]
    targets = [np.float32([[*box, 0]]), np.zeros((0, 5), "float32")]
    (ranking,) = rank_detections(targets, [np.zeros((0, 6), "float32"), np.float32([[*box, 0.9, 0]])], 1)
    assert (ranking.hits.tolist(), ranking.support) == ([False], 1)


def test_a_threshold_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"iou_threshold.*=0"):
        rank_detections([], [], 1, iou_threshold=0)
