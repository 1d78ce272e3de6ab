"""Detection with sliding windows: both implementations against each other, and objects that were planted."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.tasks import ClassificationTask, classification, sliding_window

CLASSES = ("red", "background", "green")


@pytest.fixture(scope="module")
def lenet():
    """A LeNet-5 with weights that make it sure of something else at every other place."""
    keras.utils.set_random_seed(0)
    task = classification("lenet5", CLASSES, image_size=(32, 35))
    kernel, bias = task.model.get_layer("predictions").get_weights()
    task.model.get_layer("predictions").set_weights([20 * kernel, bias])
    return task


def color_task(side=4):
    """A classifier whose windows are red or green where nearly all of their pixels are, worked out by hand."""
    inputs = layers.Input((side, side, 3))
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(3, name="predictions")(x))
    # The logit of a colour is 0 where its mean is 0.9 and the others are 0; the background's is 0 everywhere.
    kernel = np.array([[40, 0, -40], [-40, 0, 40], [-40, 0, -40]], "float32")
    model.get_layer("predictions").set_weights([kernel, np.array([-36, 0, -36], "float32")])
    return ClassificationTask(model, CLASSES)


def plant(size, *objects):
    """Make a black picture with squares of 255: (channel, x1, y1, x2, y2)."""
    image = np.zeros((*size, 3), np.uint8)
    for channel, x1, y1, x2, y2 in objects:
        image[y1:y2, x1:x2, channel] = 255
    return image


@pytest.mark.parametrize("size", [(71, 88), (64, 70), (32, 35)])
@pytest.mark.parametrize("stride", [None, 8])
def test_both_implementations_agree(lenet, size, stride):
    detector = sliding_window(lenet, scales=(1.3, 1.0, 0.5), stride=stride, score_threshold=0.4, iou_threshold=0.3)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    boxes, probabilities = detector.score_windows(image)
    other_boxes, others = detector.score_windows(image, implementation="naive")
    np.testing.assert_array_equal(boxes, other_boxes)
    np.testing.assert_allclose(probabilities, others, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    found, expected = detector.detect(image), detector.detect(image, implementation="naive")
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    if size == (71, 88):
        assert len(found) > 1 and np.ptp(probabilities, axis=0).min() > 0.05


def test_longer_stride_leaves_windows_out(lenet):
    image = np.random.default_rng(0).integers(0, 256, (48, 67, 3), np.uint8)  # both strides tile it
    boxes, probabilities = sliding_window(lenet, scales=[1.0]).score_windows(image)
    fewer, others = sliding_window(lenet, scales=[1.0], stride=8).score_windows(image)
    assert (len(boxes), len(fewer)) == (5 * 9, 3 * 5)
    kept = (boxes[:, :2] % 8 == 0).all(axis=1)
    np.testing.assert_array_equal(boxes[kept], fewer)
    np.testing.assert_allclose(probabilities[kept], others, atol=1e-6)


@pytest.mark.parametrize("implementation", ["convolutional", "naive"])
@pytest.mark.parametrize(("scale", "side"), [(1.0, 4), (0.5, 8), (0.25, 16)])
def test_planted_objects_are_found_at_the_scale_of_their_size(implementation, scale, side):
    # Their corners lie on pixels of every level.
    red, green = (16, 0, 16 + side, side), (32, 16, 32 + side, 16 + side)
    detector = sliding_window(color_task(), scales=[scale])
    found = detector.detect(plant((32, 48), (0, *red), (1, *green)), implementation=implementation)
    assert found.classes == ("red", "green")
    assert dict(zip(map(tuple, found.boxes.tolist()), found.class_names, strict=True)) == {red: "red", green: "green"}
    assert found.scores.min() > 0.6
    assert (found.boxes.dtype, found.scores.dtype, found.class_ids.dtype) == (np.float32, np.float32, np.int32)


def test_boxes_of_a_class_are_suppressed_over_scales_and_those_of_two_are_not():
    image = plant((16, 16), (0, 0, 0, 16, 16))
    image[8:, 8:] = (0, 255, 0)
    found = sliding_window(color_task(), scales=(0.5, 1.0), iou_threshold=0.0).detect(image)
    assert (np.diff(found.scores) <= 0).all()
    for name in ("red", "green"):
        boxes = found.boxes[[each == name for each in found.class_names]]
        assert len(boxes) > 0
        for first, second in itertools.combinations(boxes, 2):
            shared = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
            assert (shared <= 0).any()


def test_background_has_no_boxes():
    found = sliding_window(color_task(), scales=(1.0, 0.5)).detect(plant((9, 21)))
    assert len(found) == 0
    assert (found.boxes.shape, found.scores.shape, found.class_ids.shape) == ((0, 4), (0,), (0,))
    assert (found.boxes.dtype, found.scores.dtype, found.class_ids.dtype) == (np.float32, np.float32, np.int32)


def test_a_size_is_traced_once():
    traces = []

    @keras.saving.register_keras_serializable("tests")
    def identity(x):
        traces.append(x.shape)
        return x

    inputs = layers.Input((8, 8, 3))
    x = layers.Flatten()(layers.Activation(identity)(layers.Conv2D(2, 3)(inputs)))
    task = ClassificationTask(keras.Model(inputs, layers.Dense(3)(x)), CLASSES)
    detector = sliding_window(task, scales=(1.0, 0.5))
    images = [np.zeros((*size, 3), np.uint8) for size in ((16, 20), (24, 18))]
    for image in images:
        detector.detect(image)
    traced = len(traces)
    for image in 2 * images:
        detector.detect(image)
    assert len(traces) == traced


def test_picture_without_a_window_is_refused(lenet):
    detector = sliding_window(lenet, scales=(1.0, 0.5))
    with pytest.raises(ValueError, match=r"32 x 35 pixels.*Received: a picture of 20 x 200"):
        detector.detect(np.zeros((20, 200, 3), np.uint8))


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 1), (1, 64, 64, 3)])
def test_image_is_one_picture_in_color(lenet, shape):
    with pytest.raises(ValueError, match=r"image must have the shape \(H, W, 3\)\. Received: a shape of"):
        sliding_window(lenet).detect(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": "nothing"}, r"one of the classes red, background, green\. Received: background='nothing'\."),
        ({"stride": 6}, r"a multiple of the network's own, 4\. Received: stride=6\."),
        ({"stride": 0}, r"Received: stride=0\."),
        ({"scales": ()}, "scales must be positive"),
        ({"scales": (1.0, 0.0)}, "scales must be positive"),
        ({"score_threshold": 1.5}, r"score_threshold must lie in 0\.\.1\. Received: score_threshold=1\.5\."),
        ({"iou_threshold": -0.1}, "iou_threshold must lie"),
    ],
)
def test_options_are_checked(lenet, options, message):
    with pytest.raises(ValueError, match=message):
        sliding_window(lenet, **options)


def test_unknown_implementation_is_refused(lenet):
    with pytest.raises(ValueError, match=r"'convolutional' or 'naive'\. Received: 'fast'\."):
        sliding_window(lenet).detect(np.zeros((64, 64, 3), np.uint8), implementation="fast")


def test_padded_network_is_taken_with_a_warning(lenet, caplog):
    assert sliding_window(lenet).geometry.exact
    assert not caplog.records
    task = classification("resnet20", CLASSES, image_size=(16, 16))
    assert not sliding_window(task).geometry.exact
    assert "resnet20 pads its maps" in caplog.text
