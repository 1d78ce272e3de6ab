"""How far landmarks are off, by hand."""

import json

import keras
import numpy as np
import pytest

from kerascnn.metrics.landmarks import (
    NormalizedMeanError,
    cumulative_error_curve,
    normalized_mean_errors,
    summarise_landmarks,
)

# Three landmarks in a box of 30 x 40 pixels, whose diagonal is 50; the first two are 30 apart. In the second picture
# the third is hidden, and what stands there means nothing; in the third picture all are.
TARGETS = np.float32(
    [
        [[10, 10, 1], [40, 10, 1], [10, 50, 1]],
        [[10, 10, 1], [40, 10, 1], [np.nan, -999, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
    ]
)
# Off by 5, 0 and 10; by 3 and 0; and anything.
POINTS = np.float32([[[13, 14], [40, 10], [10, 60]], [[10, 13], [40, 10], [7, 7]], [[1, 1], [2, 2], [3, 3]]])


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        ("diagonal", [5 / 50, 1.5 / 30, np.nan]),
        ("box", [5 / np.sqrt(30 * 40), np.nan, np.nan]),  # the two that are seen are in line
        ((0, 1), [5 / 30, 1.5 / 30, np.nan]),
        ((0, 2), [5 / 40, np.nan, np.nan]),  # an eye is hidden
        (([0, 1], [2]), [5 / np.hypot(15, 40), np.nan, np.nan]),  # from the middle of two
    ],
)
def test_errors_by_hand(normalization, expected):
    np.testing.assert_allclose(normalized_mean_errors(POINTS, TARGETS, normalization), expected, rtol=1e-6)


def test_errors_do_not_change_with_the_size_and_the_place_of_the_picture():
    larger = TARGETS.copy()
    larger[..., :2] = 7 * TARGETS[..., :2] + 100
    for normalization in ("diagonal", "box", (0, 1)):
        np.testing.assert_allclose(
            normalized_mean_errors(7 * POINTS + 100, larger, normalization),
            normalized_mean_errors(POINTS, TARGETS, normalization),
            rtol=1e-5,
        )


def test_no_picture_has_no_errors():
    assert normalized_mean_errors(POINTS[:0], TARGETS[:0]).shape == (0,)


def test_curve_by_hand():
    errors = np.array([0.3, 0.1, 0.2, 0.2])
    np.testing.assert_allclose(
        cumulative_error_curve(errors, np.array([0, 0.1, 0.15, 0.2, 1])), [0, 0.25, 0.25, 0.75, 1]
    )
    np.testing.assert_array_equal(cumulative_error_curve(errors[:0], np.array([0, 1])), [0, 0])


def test_a_summary_by_hand():
    visibility = np.array([[1, 1, 0.4], [1, 1, 0], [0.5, 0, 0]])
    found = summarise_landmarks(
        POINTS, TARGETS, ("left", "right", "chin"), visibility=visibility, failure_threshold=0.08
    )
    assert (found["examples"], found["measured"]) == (3, 2)
    assert found["nme"] == pytest.approx((0.1 + 0.05) / 2)
    assert found["failure_rate"] == 0.5
    assert found["auc"] == pytest.approx((0 + 0.03 / 0.08) / 2)
    assert (found["curve"]["error"][0], found["curve"]["error"][-1]) == (0, 0.08)
    assert (found["curve"]["share"][0], found["curve"]["share"][-1]) == (0, 0.5)
    left, right, chin = found["per_landmark"]
    assert left["error"] == pytest.approx((5 / 50 + 3 / 30) / 2)
    assert (left["support"], right["error"], right["support"]) == (2, 0, 2)
    assert chin == {"landmark": "chin", "error": pytest.approx(10 / 50), "support": 1}
    assert found["visibility_accuracy"] == pytest.approx(7 / 9)


def test_area_is_that_below_the_curve():
    rng = np.random.default_rng(0)
    targets = np.concatenate([rng.uniform(0, 100, (300, 4, 2)), np.ones((300, 4, 1))], axis=-1)
    found = summarise_landmarks(targets[..., :2] + rng.normal(0, 5, (300, 4, 2)), targets, "abcd")
    assert found["auc"] == pytest.approx(np.trapezoid(found["curve"]["share"], found["curve"]["error"]) / 0.1, abs=0.01)
    assert 0.2 < found["auc"] < 0.8


def test_perfect_points_have_no_error():
    found = summarise_landmarks(TARGETS[:1, :, :2], TARGETS[:1], "abc")
    assert (found["nme"], found["failure_rate"], found["auc"], found["visibility_accuracy"]) == (0, 0, 1, None)
    assert set(found["curve"]["share"]) == {1}


def test_where_no_landmark_is_seen_nothing_is_known():
    found = summarise_landmarks(POINTS[2:], TARGETS[2:], "abc")
    json.dumps(found, allow_nan=False)
    assert (found["examples"], found["measured"], found["nme"], found["auc"]) == (1, 0, None, None)
    assert found["per_landmark"][0] == {"landmark": "a", "error": None, "support": 0}


@pytest.mark.parametrize(
    ("points", "targets", "names", "options", "message"),
    [
        (POINTS[:0], TARGETS[:0], "abc", {}, "not be empty"),
        (POINTS[:2], TARGETS, "abc", {}, "belong together"),
        (TARGETS, TARGETS, "abc", {}, "belong together"),
        (POINTS, TARGETS, "ab", {}, r"\(3, 3, 2\), 2 names"),
        (POINTS, TARGETS, "abc", {"visibility": np.zeros((3, 2))}, r"visibility \(3, 2\)"),
        (POINTS, TARGETS, "abc", {"failure_threshold": 0}, "must be positive"),
        (POINTS, TARGETS, "abc", {"normalization": "eyes"}, "one of box, diagonal"),
        (POINTS, TARGETS, "abc", {"normalization": (0, 1, 2)}, "two groups"),
        (POINTS, TARGETS, "abc", {"normalization": ([], [1])}, "two groups"),
        (POINTS, TARGETS, "abc", {"normalization": (0, 3)}, "from 0 to 2"),
        (POINTS[:, :1], TARGETS[:, :1], "a", {}, "fewer than two"),
    ],
)
def test_what_cannot_be_measured_is_refused(points, targets, names, options, message):
    with pytest.raises(ValueError, match=message):
        summarise_landmarks(points, targets, names, **options)


@keras.saving.register_keras_serializable("tests")
def no_loss(y_true, y_pred):
    """Keras evaluates no model without a loss."""
    return 0 * y_pred[:, 0]


SIZE = (60, 80)
OUTPUTS = POINTS / np.float32([80, 60])


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize(
    ("normalization", "expected"), [("diagonal", (0.1 + 0.05) / 2), ((0, 1), (5 / 30 + 0.05) / 2), (([0], [2]), 5 / 40)]
)
def test_metric_is_the_mean_over_the_pictures_that_can_be_measured(normalization, expected, channels):
    outputs = np.pad(OUTPUTS, [[0, 0], [0, 0], [0, channels - 2]], constant_values=9)
    metric = NormalizedMeanError(SIZE, normalization)
    metric.update_state(TARGETS, outputs)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
    metric.reset_state()
    for picture in range(3):
        metric.update_state(TARGETS[[picture]], outputs[[picture]])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


def test_metric_weighs_pictures():
    metric = NormalizedMeanError(SIZE)
    metric.update_state(TARGETS, OUTPUTS, np.array([3.0, 1.0, 9.0]))
    assert float(metric.result()) == pytest.approx((3 * 0.1 + 0.05) / 4, rel=1e-5)


@pytest.mark.parametrize("normalization", ["box", (0, 1), ([0, 1], [2])])
def test_metric_is_stored_with_a_compiled_model(normalization, tmp_path):
    inputs = keras.layers.Input((3, 2))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(loss=no_loss, metrics=[NormalizedMeanError(SIZE, normalization)])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    measured = [each.evaluate(OUTPUTS, TARGETS, verbose=0, return_dict=True)["nme"] for each in (model, again)]
    errors = normalized_mean_errors(POINTS, TARGETS, normalization)
    assert measured == pytest.approx([np.nanmean(errors)] * 2, rel=1e-5)


@pytest.mark.parametrize(
    ("targets", "outputs"), [(TARGETS[0], OUTPUTS), (TARGETS[..., :2], OUTPUTS), (TARGETS, OUTPUTS[..., :1])]
)
def test_other_shapes_are_refused(targets, outputs):
    with pytest.raises(ValueError, match=r"\(B, K, 3\)"):
        NormalizedMeanError(SIZE).update_state(targets, outputs)
