"""The task of segmentation: what is kept of probabilities, masks of every size, and plain Keras that learns."""

import keras
import numpy as np
import pytest

from kerascnn.data import open_source, pipeline
from kerascnn.data.targets import add_rows
from kerascnn.export import Reference
from kerascnn.metrics.segmentation import summarise_segmentation
from kerascnn.tasks import load_task, segmentation

CLASSES = ("grass", "path", "wall")
SMALL = {"image_size": (20, 28), "alpha": 0.35, "filters": 16}


@pytest.fixture(scope="module")
def task():
    keras.utils.set_random_seed(0)
    return segmentation("mobilenet_v2", CLASSES, **SMALL)


@pytest.fixture
def probabilities():
    logits = np.random.default_rng(0).normal(size=(2, 20, 28, 3)).astype("float32")
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def test_serving_model_gives_probabilities_of_the_logits(task):
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 20, 28, 3)).astype("float32")
    logits = task.model.predict_on_batch(pictures)
    found = task.serving_model().predict_on_batch(pictures)["probabilities"]
    expected = np.exp(logits - logits.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(found, expected / expected.sum(axis=-1, keepdims=True), atol=1e-6)


def test_the_best_class_is_kept_with_its_probability(task, probabilities):
    kept = task.condense({"probabilities": probabilities})
    np.testing.assert_array_equal(kept["class_ids"], probabilities.argmax(axis=-1))
    np.testing.assert_array_equal(kept["confidence"], probabilities.max(axis=-1))
    assert kept["class_ids"].dtype == np.uint8


def test_masks_have_the_size_of_their_pictures(task, probabilities):
    kept = task.condense({"probabilities": probabilities})
    own, large = task.decode(kept, [(20, 28), (40, 84)])
    np.testing.assert_array_equal(own.class_ids, kept["class_ids"][0])
    np.testing.assert_array_equal(own.confidence, kept["confidence"][0])
    # Pixel i of the large picture lies at i / 2, or i / 3, of the network's.
    rows = [min(19, round(place / 2 - 0.01)) for place in range(40)]
    columns = [min(27, round(place / 3)) for place in range(84)]
    np.testing.assert_array_equal(large.class_ids, kept["class_ids"][1][np.ix_(rows, columns)])
    assert own.classes == CLASSES and large.class_ids.dtype == np.int32
    assert task.decode({name: values[:0] for name, values in kept.items()}) == []


def test_evaluation_is_the_summary_of_the_kept_classes(task, probabilities):
    targets = np.random.default_rng(1).integers(0, 3, (2, 20, 28))
    targets[0, :3] = 255
    kept = task.condense({"probabilities": probabilities})
    expected = summarise_segmentation(targets, probabilities.argmax(axis=-1), CLASSES)
    assert task.evaluate(kept, targets) == expected
    assert task.score(kept, targets) == expected["mean_iou"]
    weighted = np.stack([targets, np.ones_like(targets)], axis=-1).astype("float32")
    assert task.evaluate(kept, weighted) == expected
    np.testing.assert_array_equal(task.truths(weighted)[0].class_ids, targets[0])


def test_the_worst_and_the_best_pictures_are_told_by_their_iou(task):
    targets = np.zeros((4, 20, 28), np.uint8)
    targets[3] = 255  # nothing is known of it
    answers = np.zeros_like(targets)
    answers[1, :12] = 1
    answers[2] = 2
    outputs = {"class_ids": answers, "confidence": np.ones(targets.shape, np.float32)}
    assert task.mistakes(outputs, targets).tolist() == [2, 1]
    assert task.best(outputs, targets).tolist() == [0, 1, 2]


def test_agreement_is_the_share_of_equal_pixels(task):
    one = {"class_ids": np.zeros((1, 20, 28), np.uint8), "confidence": np.full((1, 20, 28), 0.75, np.float32)}
    other = {name: values.copy() for name, values in one.items()}
    other["class_ids"][0, :5], other["confidence"][0, 0, 0] = 1, 0.5
    assert task.agreement(one, other) == 0.75
    assert task.differences(one, other)["confidence"].max() == 0.25


def test_plain_keras_learns_and_the_stored_task_answers_the_same(tmp_path):
    """Squares, brighter than what is around them, and stripes, which only neighbours tell from both."""
    keras.utils.set_random_seed(0)
    masks = np.zeros((4, 24, 24), np.int32)
    pictures = np.full((4, 24, 24, 3), 90, np.uint8)
    for number, (mask, picture) in enumerate(zip(masks, pictures, strict=True)):
        top, left = 2 + 2 * number, 14 - 3 * number
        mask[top : top + 8, left : left + 8] = 1
        mask[14:] = 2
        mask[0] = 255
        picture[mask == 1] = 200
        picture[14::2], picture[15::2] = 90, 200
    task = segmentation("resnet20", CLASSES, image_size=(24, 24), filters=32, separable=False)
    task.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    for layer in task.model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # its statistics would be the first pictures' after so few steps
    task.model.fit(pictures, masks, epochs=60, verbose=0)
    reference = Reference.of(task, [(pictures[:3], masks[:3]), (pictures[3:], masks[3:])])
    assert task.score(reference.outputs, reference.targets) > 0.9
    task.model.save(tmp_path / "model.keras")
    again = load_task(tmp_path / "model.keras", "segmentation", CLASSES)
    found = Reference.of(again, [(pictures, masks)])
    np.testing.assert_array_equal(found.outputs["class_ids"], reference.outputs["class_ids"])


def test_the_pipeline_gives_the_masks_of_scenes():
    scenes = open_source("scenes/tiny", annotation="mask")
    assert scenes.classes[0] == "background" and len(scenes.classes) == 11
    task = segmentation("resnet20", scenes.classes, image_size=(160, 160))
    images, masks = next(iter(pipeline(scenes.valid, task, batch_size=3)))
    assert images.shape == (3, 160, 160, 3)
    for number in range(3):
        np.testing.assert_array_equal(masks[number], scenes.valid.annotations["mask"][number])
    assert masks.numpy().max() > 0


def test_weights_of_pixels_reach_the_loss(task):
    sample = {"mask": np.zeros((20, 28), np.int32), "pixel_weights": np.full((20, 28), 3, np.float32)}
    targets = task.targets(add_rows(sample))
    np.testing.assert_array_equal(targets, np.stack([sample["mask"], sample["pixel_weights"]], axis=-1))
    logits = np.random.default_rng(0).normal(size=(1, 20, 28, 3)).astype("float32")
    plain = task.loss(sample["mask"][None], logits)
    assert float(task.loss(np.array(targets)[None], logits)) == pytest.approx(3 * float(plain), rel=1e-5)


@pytest.mark.parametrize("architecture", ["unet", "deconvnet"])
def test_networks_of_their_own_are_tasks_too(architecture):
    options = {"filters": 4} if architecture == "unet" else {"hidden_units": 8}
    task = segmentation(architecture, CLASSES, image_size=(32, 40), **options)
    assert task.architecture == architecture and task.model.output_shape == (None, 32, 40, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ("one",)}, "classes must be at least 2"),
        ({"architecture": "segnet"}, "architecture must be one of unet, deconvnet, lenet5"),
        ({"architecture": "unet", "alpha": 0.5}, "unet has the options weights, padding, filters"),
        ({"width": 3}, "mobilenet_v2 has the options .*Received: width"),
        ({"loss_options": {"dice": -1.0}}, "must not be negative"),
    ],
)
def test_what_makes_no_task_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        segmentation(**{"architecture": "mobilenet_v2", "classes": CLASSES, "image_size": (32, 32)} | arguments)


def test_a_network_of_other_classes_is_refused(task):
    with pytest.raises(ValueError, match="logits of 2 classes"):
        type(task)(task.model, ("a", "b"))
