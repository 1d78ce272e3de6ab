"""Verification of pairs: numbers by hand, naive loops, and scikit-learn's curve."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from kerascnn.metrics.verification import (
    auc,
    best_threshold,
    list_pairs,
    measure_tar,
    ten_fold_accuracy,
    threshold_at_far,
    trace_roc,
)

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
SAME = np.array([True, True, False, True, False, False])


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    same = rng.uniform(size=500) < 0.2
    return np.round(rng.normal(same * 1.5, 1), 1), same  # rounded, so that many are equal


def test_the_curve_by_hand():
    roc = trace_roc(SCORES, SAME)
    np.testing.assert_allclose(roc.tar, [0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1])
    np.testing.assert_allclose(roc.far, [0, 0, 0, 1 / 3, 1 / 3, 2 / 3, 1])
    assert roc.eer == pytest.approx(1 / 3)
    assert roc.at_far(0) == (pytest.approx(2 / 3), 0.8)
    assert roc.at_far(0.4) == (1, 0.6)
    assert auc(SCORES, SAME) == pytest.approx(8 / 9)


def test_the_curve_is_that_of_scikit_learn(pairs):
    far, tar, thresholds = roc_curve(pairs[1], pairs[0], drop_intermediate=False)
    roc = trace_roc(*pairs)
    np.testing.assert_allclose(roc.far, far)
    np.testing.assert_allclose(roc.tar, tar)
    np.testing.assert_array_equal(roc.thresholds, thresholds)
    assert np.trapezoid(roc.tar, roc.far) == pytest.approx(auc(*pairs))


def test_weights_are_repetitions(pairs):
    times = np.random.default_rng(1).integers(0, 3, 500)
    weighted, repeated = trace_roc(*pairs, times.astype(float)), trace_roc(*(np.repeat(each, times) for each in pairs))
    for far in (0.01, 0.1, 0.5):
        assert weighted.at_far(far)[0] == pytest.approx(repeated.at_far(far)[0])
    assert weighted.eer == pytest.approx(repeated.eer)


@pytest.mark.parametrize(("scores", "eer"), [([3.0, 2.0, 1.0, 0.0], 0), ([0.0, 1.0, 2.0, 3.0], 1), ([1.0] * 4, 0.5)])
def test_equal_error_rates_of_perfect_reversed_and_equal_scores(scores, eer):
    assert trace_roc(np.array(scores), np.array([True, True, False, False])).eer == pytest.approx(eer)


def test_pairs_are_listed_once_each():
    similarities = np.arange(9.0).reshape(3, 3)
    scores, same, places = list_pairs(similarities, np.array([5, 6, 5]))
    assert scores.tolist() == [1, 2, 5]
    assert same.tolist() == [False, True, False]
    assert places.tolist() == [[0, 0, 1], [1, 2, 2]]


def test_an_interval_holds_the_rate_and_is_wide_for_few_people():
    rng = np.random.default_rng(0)

    def measure(people):
        identities = np.repeat(np.arange(people), 4)
        vectors = rng.normal(size=(people, 8))[identities] + rng.normal(size=(4 * people, 8))
        scores, same, places = list_pairs(vectors @ vectors.T, identities)
        return measure_tar(scores, same, identities[places], [0.1])[0]

    few, many = measure(6), measure(60)
    for row in (few, many):
        assert 0 < row["low"] <= row["tar"] <= row["high"] <= 1
    assert few["high"] - few["low"] > 1.5 * (many["high"] - many["low"])
    assert few.keys() == {"far", "tar", "threshold", "low", "high"}


@pytest.mark.parametrize("wanted", [0.0, 0.004, 0.05, 0.3, 1.0])
def test_a_threshold_keeps_to_the_share_and_accepts_as_much_as_it_may(pairs, wanted):
    scores, same = pairs
    threshold = threshold_at_far(scores, same, wanted)
    accepted = scores >= threshold
    assert np.mean(accepted[~same]) <= wanted
    assert np.mean(accepted[same]) == pytest.approx(trace_roc(*pairs).at_far(wanted)[0])


def test_a_threshold_above_everything_where_nothing_may_be_accepted():
    threshold = threshold_at_far(np.array([0.2, 0.9]), np.array([True, False]), 0.0)
    assert threshold > 0.9


def test_similarities_that_are_neighbours_are_kept_apart():
    scores = np.array([np.nextafter(np.float32(0.5), np.float32(1)), 0.5], np.float32)
    threshold = threshold_at_far(scores, np.array([True, False]), 0.0)
    assert (scores >= threshold).tolist() == [True, False]


def test_ten_folds_by_loop(pairs):
    scores, same = pairs
    folds = np.arange(500) % 10
    accuracies = []
    for fold in range(10):
        rest = folds != fold
        values = np.unique(scores[rest])
        tried = [values[0], *(values[1:] + values[:-1]) / 2, values[-1] + 1]
        best = max(tried, key=lambda t: (np.sum((scores[rest] >= t) == same[rest]), t))  # the fewest accepted
        accuracies.append(np.mean((scores[~rest] >= best) == same[~rest]))
    found = ten_fold_accuracy(scores, same, folds)
    assert found["accuracy"] == pytest.approx(np.mean(accuracies))
    assert found["standard_error"] == pytest.approx(np.std(accuracies, ddof=1) / np.sqrt(10))


@pytest.mark.parametrize(
    ("same", "threshold"),
    [([True, True, True], 0.1), ([False, False, False], np.nextafter(0.3, 1)), ([False, True, True], 0.1)],
)
def test_the_best_threshold_may_accept_everything_or_nothing(same, threshold):
    assert best_threshold(np.array([0.3, 0.2, 0.1]), np.array(same)) == pytest.approx(threshold)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="one kind only"):
        trace_roc(SCORES, np.ones(6, bool))
    with pytest.raises(ValueError, match="needs a similarity"):
        trace_roc(SCORES, SAME[:3])
    with pytest.raises(ValueError, match="needs a similarity"):
        trace_roc(np.zeros(0), np.zeros(0, bool))
    with pytest.raises(ValueError, match="NaN"):
        auc(np.full(6, np.nan), SAME)
    with pytest.raises(ValueError, match="Pairs of different people"):
        threshold_at_far(SCORES, np.ones(6, bool), 0.1)
    with pytest.raises(ValueError, match="wanted must be a share"):
        threshold_at_far(SCORES, SAME, 2.0)
    with pytest.raises(ValueError, match="At least 2 folds"):
        ten_fold_accuracy(SCORES, SAME, np.zeros(6))
