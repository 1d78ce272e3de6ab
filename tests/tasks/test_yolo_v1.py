"""YOLO's first version as a task: it trains, serves boxes, and is the same when it was stored."""

import numpy as np
import pytest

from kerascnn.losses import YoloV1Loss
from kerascnn.ops import encode_yolo_v1
from kerascnn.tasks import YoloV1Task, detection_v1, load_task

CLASSES = ("ants", "bees")
SIZE = (32, 48)
ROWS = np.float32([[[4, 4, 20, 24, 1], [24, 8, 44, 28, 0]], [[0, 0, 12, 12, 0], [-1] * 5]])


@pytest.fixture(scope="module")
def task():
    return detection_v1("resnet20", CLASSES, image_size=SIZE, grid=4, boxes=2, filters=8, hidden_units=16)


def draw_pictures():
    return np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), np.uint8)


def test_network_loss_and_metric_fit_each_other(task):
    assert (task.boxes, task.model.output_shape) == (2, (None, 4, 4, 12))
    assert isinstance(task.loss, YoloV1Loss)
    task.compile()
    history = task.model.fit(draw_pictures(), ROWS, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert "ap" in history


def test_metric_is_one_for_a_perfect_answer_and_zero_without_one(task):
    metric = task.metrics()[0]
    perfect = np.asarray(encode_yolo_v1(ROWS, 4, SIZE, 2))  # of one box a cell
    cells = np.concatenate([perfect[..., :5], np.zeros_like(perfect[..., :5]), perfect[..., 5:]], axis=-1)
    metric.update_state(ROWS, cells)
    assert float(metric.result()) == pytest.approx(1)
    again = type(metric).from_config(metric.get_config())
    again.update_state(ROWS, np.zeros_like(cells))
    assert float(again.result()) == 0


def test_serving_model_gives_boxes_inside_the_picture(task):
    outputs = task.serving_model().predict(draw_pictures(), verbose=0)
    assert {name: values.shape[1:] for name, values in outputs.items()} == {
        "location": (100, 4), "category": (100,), "score": (100,), "number": ()
    }  # fmt: skip
    for found in task.decode(outputs):
        assert ((found.boxes >= 0) & (found.boxes <= [48, 32, 48, 32])).all()


def test_stored_task_answers_as_before(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    again = load_task(tmp_path / "model.keras", "yolo_v1", CLASSES, loss_options={"no_object_weight": 0.2})
    assert isinstance(again, YoloV1Task)
    assert again.loss.no_object_weight == 0.2
    np.testing.assert_allclose(
        again.model.predict(draw_pictures(), verbose=0), task.model.predict(draw_pictures(), verbose=0), atol=1e-5
    )


def test_a_network_of_other_classes_is_refused(task):
    with pytest.raises(ValueError, match="must give cells"):
        YoloV1Task(task.model, ("ants", "bees", "wasps"))


def test_options_that_the_loss_does_not_have_are_refused(task):
    known = r"has the options coordinate_weight, no_object_weight\. Received: box_weight=1"
    with pytest.raises(ValueError, match=known):
        YoloV1Task(task.model, CLASSES, loss_options={"box_weight": 1})
