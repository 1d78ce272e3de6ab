"""The task of finding one object: results, scores and the serving model, on numbers by hand and by round trips."""

import json

import keras
import numpy as np
import pytest

from kerascnn.tasks import load_task, localization

CLASSES = ("ants", "bees")
SIZE = (40, 60)  # height, width
# Of four pictures: an object found well, one found with the other class, one missed, and none where there is none.
TARGETS = np.float32([[[6, 8, 30, 24, 1]], [[6, 8, 30, 24, 0]], [[0, 0, 60, 40, 0]], [[-1, -1, -1, -1, -1]]])
OUTPUTS = {
    "presence": np.float32([[0.9], [0.8], [0.4], [0.1]]),
    "box": np.float32([[0.1, 0.2, 0.5, 0.6], [0.1, 0.2, 0.5, 0.6], [0.0, 0.0, 1.0, 0.5], [0.3, 0.3, 0.4, 0.4]]),
    "probabilities": np.float32([[0.2, 0.8], [0.3, 0.7], [0.9, 0.1], [0.5, 0.5]]),
}


@pytest.fixture(scope="module")
def task():
    keras.utils.set_random_seed(0)
    return localization("mobilenet_v2", CLASSES, image_size=SIZE, alpha=0.35)


def take(*indices):
    return {name: values[list(indices)] for name, values in OUTPUTS.items()}


def test_an_answer_is_one_box_or_none(task):
    found = task.decode(OUTPUTS)
    assert [len(each) for each in found] == [1, 1, 0, 0]
    np.testing.assert_allclose(found[0].boxes, [[6, 8, 30, 24]], rtol=1e-6)
    assert found[0].scores.tolist() == pytest.approx([0.9])
    assert (found[0].class_names, found[1].class_names) == (["bees"], ["bees"])
    assert (found[2].boxes.shape, found[2].boxes.dtype, found[2].class_ids.dtype) == ((0, 4), np.float32, np.int32)
    assert task.decode(take()) == []


def test_answers_are_in_pixels_of_each_picture_and_inside_it(task):
    outputs = OUTPUTS | {"box": np.float32([[-0.2, 0.2, 0.5, 1.3]] * 4)}
    first, second, *_ = task.decode(outputs, [(100, 200), (10, 20), (5, 5), (5, 5)])
    np.testing.assert_allclose(first.boxes, [[0, 20, 100, 100]], rtol=1e-6)
    np.testing.assert_allclose(second.boxes, [[0, 2, 10, 10]], rtol=1e-6)


def test_truths_are_results_that_are_sure(task):
    truths = task.truths(TARGETS, [(80, 120), SIZE, SIZE, SIZE])
    np.testing.assert_allclose(truths[0].boxes, [[12, 16, 60, 48]], rtol=1e-6)
    assert (truths[0].scores.tolist(), truths[0].class_names) == ([1.0], ["bees"])
    assert len(truths[3]) == 0
    assert [len(each) for each in task.truths(np.zeros((2, 0, 5), np.float32))] == [0, 0]


def test_score_is_the_mean_iou_of_objects(task):
    assert task.score(OUTPUTS, TARGETS) == pytest.approx((1 + 1 + 0.5) / 3)
    assert task.score(take(3), TARGETS[3:]) == 0.0
    summary = task.evaluate(OUTPUTS, TARGETS)
    assert (summary["examples"], summary["support"], summary["presence"]["accuracy"]) == (4, 3, 0.75)


def test_mistakes_are_wrong_classes_and_what_is_missed(task):
    assert sorted(task.mistakes(OUTPUTS, TARGETS)) == [1, 2]
    assert task.mistakes(take(0, 3), TARGETS[[0, 3]]).tolist() == []


def test_agreement_is_the_share_of_the_same_boxes_and_classes(task):
    moved = OUTPUTS | {"box": OUTPUTS["box"] + np.float32([[0.1], [0], [0], [0.5]])}
    assert task.agreement(OUTPUTS, OUTPUTS) == 1
    assert task.agreement(OUTPUTS, moved) == 0.75  # a box that nobody said to be there may be anywhere
    assert task.agreement(OUTPUTS, OUTPUTS | {"presence": 1 - OUTPUTS["presence"]}) == 0


def test_serving_model_answers_with_probabilities_and_corners(task):
    images = np.random.default_rng(0).integers(0, 256, (3, *SIZE, 3)).astype("float32")
    outputs = {name: keras.ops.convert_to_numpy(each) for name, each in task.serving_model()(images).items()}
    logits = keras.ops.convert_to_numpy(task.model(images)).astype("float64")
    assert {name: each.shape for name, each in outputs.items()} == {
        "presence": (3, 1),
        "box": (3, 4),
        "probabilities": (3, 2),
    }
    sigmoids = 1 / (1 + np.exp(-logits[:, :5]))
    np.testing.assert_allclose(outputs["presence"], sigmoids[:, :1], atol=1e-6)
    x, y, h, w = sigmoids[:, 1:].T
    corners = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1)
    np.testing.assert_allclose(outputs["box"], corners, atol=1e-6)
    np.testing.assert_allclose(outputs["probabilities"].sum(-1), 1, atol=1e-6)


def test_a_network_learns_where_a_square_is(task):
    rng = np.random.default_rng(0)
    images, rows = np.full((32, *SIZE, 3), 30, np.float32), np.full((32, 1, 5), -1, np.float32)
    for image, row, (x, y) in zip(images[:24], rows[:24], rng.integers(0, (40, 20), (24, 2)), strict=True):
        image[y : y + 20, x : x + 20] = 220
        row[0] = x, y, x + 20, y + 20, 1
    fresh = localization("lenet5", CLASSES, image_size=SIZE, loss_options={"box_form": "ciou"})
    fresh.compile(keras.optimizers.Adam(3e-3))
    history = fresh.model.fit(images, rows, epochs=30, verbose=0).history
    assert history["loss"][-1] < 0.4 * history["loss"][0]
    assert history["box_iou"][-1] > history["box_iou"][0] + 0.1


def test_a_stored_network_is_the_task_again(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    again = load_task(tmp_path / "model.keras", "localization", CLASSES)
    images = np.zeros((1, *SIZE, 3), "float32")
    for name, values in task.serving_model()(images).items():
        np.testing.assert_array_equal(again.serving_model()(images)[name], values)
    with pytest.raises(ValueError, match="l3"):
        load_task(tmp_path / "model.keras", "localization", CLASSES, loss_options={"form": "l3"})
    with pytest.raises(ValueError, match="p_c, a box and 3 classes"):
        load_task(tmp_path / "model.keras", "localization", ("a", "b", "c"))


def test_weights_of_a_classifier_are_those_of_the_body(tmp_path):
    task = localization("mobilenet_v2", CLASSES, image_size=SIZE, alpha=0.35)
    task.model.save(tmp_path / "model.keras")
    again = localization("mobilenet_v2", ("x",), image_size=SIZE, alpha=0.35, weights=tmp_path / "model.keras")
    assert again.weights_report.mismatched == ("predictions",)
    np.testing.assert_array_equal(again.model.get_weights()[0], task.model.get_weights()[0])


def test_the_head_of_a_run_for_other_classes_starts_anew(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    (tmp_path / "card.json").write_text(json.dumps({"classes": CLASSES}))
    options = {"image_size": SIZE, "alpha": 0.35, "weights": tmp_path}
    assert "predictions" in localization("mobilenet_v2", CLASSES, **options).weights_report.loaded
    assert "predictions" not in localization("mobilenet_v2", ("cars", "vans"), **options).weights_report.loaded


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ()}, "at least 1"),
        ({"classes": ("a", "a")}, "different"),
        ({"loss_options": {"form": "l3"}}, "l3"),
        ({"architecture": "lenet6"}, "lenet6"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        localization(**{"architecture": "lenet5", "classes": CLASSES, "image_size": (32, 32)} | arguments)
