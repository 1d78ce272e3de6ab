"""How well one object is found, by hand."""

import json
import math

import keras
import numpy as np
import pytest

from kerascnn.metrics.localization import BoxIoU, ObjectClassAccuracy, PresenceAccuracy, summarise_localization

# A right answer; a box whose IoU is 0.4 and of the wrong class; an object that is not said to be there, though its box
# is half right and its class right; an empty picture that is taken for one with an object; one that is not.
TARGETS = np.float32([[0, 0, 10, 10, 0], [0, 0, 10, 10, 1], [0, 0, 10, 10, 1], [0, 0, 0, 0, -1], [0, 0, 0, 0, -1]])
PRESENCE = np.float32([0.9, 0.5, 0.4, 0.8, 0.1])
BOXES = np.float32([[0, 0, 10, 10], [0, 0, 10, 4], [0, 0, 5, 10], [0, 0, 9, 9], [0, 0, 9, 9]])
PROBABILITIES = np.float32([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [1, 0], [1, 0]])


def test_a_summary_by_hand():
    found = summarise_localization(PRESENCE, BOXES, PROBABILITIES, TARGETS, ("a", "b"))
    assert found["examples"] == 5
    assert found["support"] == 3
    assert found["accuracy"] == pytest.approx(2 / 5)
    assert found["presence"] == pytest.approx({"accuracy": 3 / 5, "precision": 2 / 3, "recall": 2 / 3})
    assert found["mean_iou"] == pytest.approx((1 + 0.4 + 0.5) / 3)
    assert found["box_accuracy"] == found["class_accuracy"] == found["localization_accuracy"] == pytest.approx(2 / 3)
    a, b = found["per_class"]
    assert a == {"class": "a", "support": 1, "mean_iou": 1, "box_accuracy": 1, "class_accuracy": 1}
    assert b["mean_iou"] == pytest.approx(0.45)
    assert (b["support"], b["box_accuracy"], b["class_accuracy"]) == (2, 0.5, 0.5)


def test_pictures_without_objects_leave_what_is_not_defined_open():
    found = summarise_localization(PRESENCE[4:], BOXES[4:], PROBABILITIES[4:], TARGETS[4:], ("a", "b"))
    json.dumps(found, allow_nan=False)
    assert (found["accuracy"], found["support"], found["mean_iou"], found["localization_accuracy"]) == (
        1,
        0,
        None,
        None,
    )
    assert found["presence"] == {"accuracy": 1, "precision": None, "recall": None}


@pytest.mark.parametrize(
    ("presence", "boxes", "probabilities", "targets"),
    [
        (PRESENCE[:0], BOXES[:0], PROBABILITIES[:0], TARGETS[:0]),
        (PRESENCE[:4], BOXES, PROBABILITIES, TARGETS),
        (PRESENCE[:, None], BOXES, PROBABILITIES, TARGETS),
        (PRESENCE, BOXES, PROBABILITIES[:, :1], TARGETS),
        (PRESENCE, BOXES, PROBABILITIES, TARGETS[:, :4]),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(presence, boxes, probabilities, targets):
    with pytest.raises(ValueError, match="belong together"):
        summarise_localization(presence, boxes, probabilities, targets, ("a", "b"))


def test_an_unknown_class_is_refused():
    targets = TARGETS.copy()
    targets[0, 4] = 2
    with pytest.raises(ValueError, match="from -1, no object, to 1"):
        summarise_localization(PRESENCE, BOXES, PROBABILITIES, targets, ("a", "b"))


@keras.saving.register_keras_serializable("tests")
def no_loss(y_true, y_pred):
    """Keras evaluates no model without a loss."""
    return 0 * y_pred[:, 0]


def logit(share):
    return math.log(share / (1 - share))


# A picture of 40 x 80 pixels: centre, height and width as shares of it.
SIZE = (40, 80)
OUTPUTS = np.float32(
    [
        # In the middle, half as high and a quarter as wide as the picture: 30, 10, 50, 30.
        [2, logit(0.5), logit(0.5), logit(0.5), logit(0.25), 1, 0, 0],
        [-1, logit(0.5), logit(0.5), logit(0.5), logit(0.25), 0, 1, 0],
        [3, logit(0.25), logit(0.5), logit(0.5), logit(0.25), 0, 0, 1],
    ]
)
ROWS = np.float32(
    [
        [[30, 10, 50, 30, 0], [0, 0, 1, 1, 2]],  # the same; the second row does not count
        [[30, 10, 50, 20, 2], [0, 0, 0, 0, -1]],  # half of it, another class
        [[0, 0, 0, 0, -1], [0, 0, 0, 0, -1]],
    ]
)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [(BoxIoU(SIZE), (1 + 0.5) / 2), (PresenceAccuracy(), 1 / 3), (ObjectClassAccuracy(), 1 / 2)],
    ids=["iou", "presence", "class"],
)
class TestMetrics:
    def test_by_hand_in_one_batch_or_in_three(self, metric, expected):
        metric.reset_state()
        metric.update_state(ROWS, OUTPUTS)
        assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
        metric.reset_state()
        for picture in range(3):
            metric.update_state(ROWS[[picture]], OUTPUTS[[picture]])
        assert float(metric.result()) == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("shape", [(3,), (3, 1)])
    def test_a_picture_of_no_weight_does_not_count(self, metric, expected, shape):
        metric.reset_state()
        metric.update_state(ROWS, OUTPUTS, np.reshape([1.0, 0.0, 0.0], shape))
        assert float(metric.result()) == pytest.approx(1, rel=1e-5)  # all is right in the first

    def test_a_batch_without_any_row_has_no_object(self, metric, expected):
        metric.reset_state()
        metric.update_state(np.zeros((3, 0, 5), "float32"), OUTPUTS)
        assert float(metric.result()) == pytest.approx(1 / 3 if metric.name == "presence_accuracy" else 0)

    def test_outputs_of_half_precision_are_measured_in_full(self, metric, expected):
        metric.reset_state()
        metric.update_state(ROWS, OUTPUTS.astype("float16"))
        assert float(metric.result()) == pytest.approx(expected, abs=1e-2)

    def test_it_is_stored_with_a_compiled_model(self, metric, expected, tmp_path):
        inputs = keras.layers.Input((8,))
        model = keras.Model(inputs, keras.layers.Identity()(inputs))
        model.compile(loss=no_loss, metrics=[metric])
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        for each in (model, again):
            measured = each.evaluate(OUTPUTS, ROWS, batch_size=2, verbose=0, return_dict=True)
            assert measured[metric.name] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(
        ("rows", "outputs"), [(ROWS[:, 0], OUTPUTS), (ROWS[..., :4], OUTPUTS), (ROWS, OUTPUTS[:, :5])]
    )
    def test_other_shapes_are_refused(self, metric, expected, rows, outputs):
        with pytest.raises(ValueError, match=r"rows \(B, N, 5\)"):
            metric.update_state(rows, outputs)


def test_boxes_of_no_size_have_a_finite_iou():
    metric = BoxIoU(SIZE)
    metric.update_state(np.float32([[[5, 5, 5, 5, 0]]]), np.float32([[0, -99, -99, -99, -99, 0]]))
    assert float(metric.result()) == 0
