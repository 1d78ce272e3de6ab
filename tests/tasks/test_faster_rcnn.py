"""Detectors of two stages as tasks: what they are made of, stored as, answer and refuse."""

import keras
import numpy as np
import pytest

from kerascnn.export import Reference
from kerascnn.ops import encode_deltas
from kerascnn.ops.regions import VARIANCES
from kerascnn.tasks import load_task, region_detection, region_proposals, two_stage_detection
from kerascnn.training.precision import computing_in

CLASSES = ("red", "blue")
SIZE = (64, 96)
SCALES = ((8.0,), (16.0,), (32.0,))
FIRST = {"strides": (8, 16, 32), "filters": 8, "num_proposals": 6, "max_candidates": 40, "least_side": 4.0}
SECOND = {"hidden_units": 12, "pool_size": 3}
BODY = {"alpha": 0.35, "image_size": SIZE}
ROWS = np.float32([[[5, 5, 25, 20, 1], [-1] * 5], [[30, 10, 80, 50, 0], [40, 30, 60, 60, 1]]])


@pytest.fixture(scope="module")
def both():
    keras.utils.set_random_seed(0)
    return two_stage_detection("mobilenet_v2", CLASSES, SCALES, **FIRST, **SECOND, **BODY)


@pytest.fixture(scope="module")
def second():
    return region_detection("mobilenet_v2", CLASSES, strides=(8, 16), filters=8, **SECOND, **BODY)


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype(np.uint8)


def test_one_array_of_rows_trains_both_stages(both, pictures):
    fresh = two_stage_detection("mobilenet_v2", CLASSES, SCALES, **FIRST, **SECOND, **BODY)
    fresh.compile(run_eagerly=True)  # tracing takes longer than one step
    targets = fresh.targets({"objects": ROWS})
    history = fresh.model.fit(pictures, targets, validation_data=(pictures, targets), verbose=0).history
    names = {"loss", "rpn_loss", "roi_loss", "roi_ap", "roi_recall"}
    assert set(history) == names | {f"val_{name}" for name in names}
    assert history["loss"][0] == pytest.approx(history["rpn_loss"][0] + history["roi_loss"][0], rel=1e-4)
    assert f"val_{fresh.monitor}" in history


def test_the_first_stage_alone_proposes_what_the_second_looks_at(both, pictures):
    first = both.parts["region_proposals"]
    outputs = both.model.predict(pictures, verbose=0)
    found = first.serving_model().predict(pictures, verbose=0)
    expected = outputs["roi"][..., -4:]
    for picture in range(2):
        count = int(found["number"][picture])
        boxes = found["location"][picture][:, [1, 0, 3, 2]] * np.float32([96, 64, 96, 64])
        np.testing.assert_allclose(boxes[:count], expected[picture, :count], atol=1e-3)
        assert not found["score"][picture, count:].any() and (found["score"][picture, :count] > 0).all()
        assert (np.diff(found["score"][picture, :count]) <= 0).all()


def test_proposals_are_in_pixels_of_the_picture(both):
    first, image = (
        both.parts["region_proposals"],
        np.random.default_rng(1).integers(0, 256, (*SIZE, 3)).astype(np.uint8),
    )
    propose = first.proposer()
    expected = first.model.predict(image[np.newaxis], verbose=0)["proposals"][0]
    small = propose(image)
    np.testing.assert_allclose(small, expected[: len(small)], atol=1e-3)
    large = propose(image.repeat(2, axis=0).repeat(3, axis=1))  # every pixel is read again where it was
    np.testing.assert_allclose(large, small * [3, 2, 3, 2], atol=1e-2)


def test_recall_by_hand():
    task = region_proposals("mobilenet_v2", SCALES, **FIRST, **BODY)
    location = np.zeros((2, 3, 4), np.float32)
    location[0, 1] = np.float32([5, 5, 20, 25]) / np.float32([64, 96, 64, 96])  # y1, x1, y2, x2
    location[1, 0] = np.float32([10, 30, 50, 80]) / np.float32([64, 96, 64, 96])
    outputs = {"location": location, "category": np.zeros((2, 3)), "score": np.full((2, 3), 0.5), "number": [3, 3]}
    summary = task.evaluate({name: np.float32(values) for name, values in outputs.items()}, ROWS)
    assert summary["proposal_recall"]["1"] == pytest.approx(1 / 3)
    assert summary["proposal_recall"]["3"] == pytest.approx(2 / 3) == pytest.approx(task.score_of(summary))


def test_recall_is_not_told_of_more_proposals_than_there_are(both):
    (part,) = both.parts.values()
    summary = part.evaluate(Reference.of(part, [(np.zeros((2, *SIZE, 3), np.uint8), ROWS)]).outputs, ROWS)
    assert list(summary["proposal_recall"]) == ["1", "3", "10", "30", "100"]


def test_options_that_the_loss_of_proposals_does_not_have_are_refused():
    with pytest.raises(ValueError, match="alfa"):
        region_proposals("mobilenet_v2", SCALES, loss_options={"alfa": 1}, **FIRST, **BODY)


def test_places_are_computed_in_full_where_the_rest_is_not(both):
    """In 8 bits of mantissa a box at pixel 301 lies at 300 or 302."""
    with computing_in(both.model, "mixed_bfloat16"):
        kinds = {layer.name: layer.compute_dtype for layer in both.model.layers}
    places = {"proposals", "candidates", "roi_level"} | {name for name in kinds if "_stride" in name and "roi_" in name}
    assert len(places) == 6 and {kinds[name] for name in places} == {"float32"}
    assert kinds["rpn_conv"] == "bfloat16"


def test_all_boxes_of_a_crowd_come_to_the_last_suppression(both, second):
    for task in (both, second):
        suppression = task.serving_model().get_layer("suppression").suppression
        assert suppression["max_candidates"] >= 1000 * len(CLASSES)


def test_without_an_object_recall_is_none_and_the_score_0():
    task = region_proposals("mobilenet_v2", SCALES, **FIRST, **BODY)
    nothing = {
        name: np.zeros((1, 1, 4) if name == "location" else (1, 1)) for name in ("location", "category", "score")
    }
    summary = task.evaluate(nothing | {"number": np.zeros(1)}, np.full((1, 2, 5), -1, np.float32))
    assert summary["proposal_recall"]["1"] is None and task.score_of(summary) == 0


def test_the_first_stage_learns_from_objects_of_any_class(pictures):
    task = region_proposals("mobilenet_v2", SCALES, **FIRST, **BODY)
    task.compile(run_eagerly=True)
    targets = task.targets({"objects": ROWS})
    history = task.model.fit(pictures, targets, validation_data=(pictures, targets), verbose=0).history
    assert f"val_{task.monitor}" in history


def test_the_second_stage_takes_pictures_with_proposals(second, pictures):
    proposals = np.float32([[[4, 6, 26, 22], [0, 0, 0, 0]], [[28, 8, 82, 52], [38, 32, 60, 58]]])
    inputs = second.inputs({"image": pictures, "proposals": proposals, "label": 1})
    second.compile(run_eagerly=True)
    history = second.model.fit(inputs, ROWS, validation_data=(inputs, ROWS), verbose=0).history
    assert f"val_{second.monitor}" in history
    assert second.image_size == SIZE
    reference = Reference.of(second, [(inputs, ROWS)])
    np.testing.assert_array_equal(reference.images, pictures)
    assert reference.outputs["location"].shape == (2, 100, 4)


def test_memory_does_not_grow_with_the_pictures(second, monkeypatch):
    images = np.random.default_rng(2).integers(0, 256, (3, *SIZE, 3)).astype(np.uint8)
    inputs = {"image": images, "proposals": np.float32([[[0, 0, 40, 40], [20, 10, 90, 60]]] * 3)}
    seen, predict = [], keras.Model.predict

    def watch(model, inputs, **options):
        seen.append(options["batch_size"])
        return predict(model, inputs, **options)

    monkeypatch.setattr(keras.Model, "predict", watch)
    together = Reference.of(second, [(inputs, np.concatenate([ROWS, ROWS[:1]]))]).outputs
    assert seen == [second.predicted_at_once] and second.predicted_at_once < 3
    for number in range(3):
        alone = second.serving_model().predict_on_batch({name: each[[number]] for name, each in inputs.items()})
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][number], values[0], atol=1e-4)


def test_samples_without_proposals_are_refused(second):
    with pytest.raises(ValueError, match="with_proposals"):
        second.inputs({"image": 0})


def test_answers_of_a_second_stage_that_is_right(second):
    """Logits and deltas are made by hand: the answers must be the objects."""
    proposals = np.float32([[28, 8, 82, 52], [38, 32, 60, 58]])
    deltas = keras.ops.convert_to_numpy(encode_deltas(ROWS[1, :, :4], proposals, variances=VARIANCES))
    rows = np.zeros((1, 2, 15), np.float32)
    for number, class_id in enumerate((0, 1)):
        rows[0, number, class_id] = 20
        rows[0, number, 3 + 4 * class_id : 7 + 4 * class_id] = deltas[number]
        rows[0, number, -4:] = proposals[number]
    whole = second.serving_model()
    answers = keras.Model(second.model.output, whole.output)(rows)
    outputs = {name: keras.ops.convert_to_numpy(values) for name, values in answers.items()}
    (found,) = second.decode(outputs)
    assert found.class_ids.tolist() == [0, 1]
    np.testing.assert_allclose(found.boxes, ROWS[1, :, :4], atol=1e-3)
    assert second.evaluate(outputs, ROWS[1:])["ap"] == pytest.approx(1)


@pytest.mark.parametrize("kind", ["both", "second"])
def test_a_stored_network_is_the_task_again(kind, request, tmp_path, pictures):
    task = request.getfixturevalue(kind)
    task.model.save(tmp_path / "model.keras")
    again = load_task(tmp_path / "model.keras", task.name, CLASSES)
    proposals = np.tile(np.float32([4, 6, 26, 22]), (2, 1, 1))
    inputs = pictures if kind == "both" else {"image": pictures, "proposals": proposals}
    found, expected = (each.serving_model().predict(inputs, verbose=0) for each in (again, task))
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4)
    if kind == "both":
        assert again.parts["region_proposals"].serving_model().output_shape is not None
    with pytest.raises(ValueError, match="for 3 classes"):
        load_task(tmp_path / "model.keras", task.name, ("a", "b", "c"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss_options": {"box": {}}}, "those of rpn and roi"),
        ({"loss_options": {"roi": {"beta": 0}}}, "beta must be positive"),
        ({"classes": ()}, "at least 1 different names"),
        ({"scales": ((8.0,),)}, "one list for each of the strides"),
    ],
)
def test_what_makes_no_task_is_refused(options, message):
    settings = {"classes": CLASSES, "scales": SCALES} | FIRST | SECOND | BODY | options
    with pytest.raises(ValueError, match=message):
        two_stage_detection("mobilenet_v2", **settings)
