"""Scores of all windows at once, against the classifier on each crop, and against its features of the whole picture."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.architectures import build, lenet5, to_fully_convolutional
from kerascnn.ops import window_geometry

NUM_CLASSES = 3
# Of every kind of head, at sides that differ and are odd. (name, window, options)
NETWORKS = [
    ("lenet5", (33, 36), {}),
    ("lenet5", (32, 32), {"variant": "paper"}),
    ("alexnet", (95, 64), {"hidden_units": 8}),
    ("alexnet", (63, 67), {"variant": "paper", "hidden_units": 0}),
    ("vgg16", (64, 35), {"hidden_units": 8}),
    ("mobilenet_v1", (65, 64), {"alpha": 0.25, "dropout": 0.1}),
    ("mobilenet_v2", (64, 33), {"alpha": 0.35}),
    ("resnet20", (17, 32), {}),
    ("inception_v1", (64, 33), {}),
]
PADDED = [("mobilenet_v2", (64, 96), {"alpha": 0.35}), ("resnet20", (32, 16), {})]


def classifier(window, *hidden, channels=3):
    """Build a plain network for a window of (height, width)."""
    inputs = x = layers.Input((*window, channels))
    for layer in hidden:
        x = layer(x)
    return keras.Model(inputs, x)


def pictures(size, channels=3, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (2, *size, channels)).astype("float32")


def compute(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def score_crops(model, images, stride, counts):
    """Run the classifier on each crop: (B, rows, columns, classes)."""
    (height, width), (rows, columns) = model.input_shape[1:3], counts
    scores = [
        compute(model, images[:, y : y + height, x : x + width])
        for y, x in itertools.product(range(0, rows * stride[0], stride[0]), range(0, columns * stride[1], stride[1]))
    ]
    return np.stack(scores, axis=1).reshape(len(images), rows, columns, -1)


@pytest.mark.parametrize(("name", "window", "options"), NETWORKS)
def test_picture_of_the_size_of_a_window_has_the_scores_of_the_classifier(name, window, options):
    keras.utils.set_random_seed(0)
    model = build(name, (*window, 3), NUM_CLASSES, **options)
    converted = to_fully_convolutional(model)
    assert converted.input_shape == (None, None, None, 3)
    assert converted.output_shape == (None, None, None, NUM_CLASSES)
    assert converted.count_params() == model.count_params()
    images = pictures(window)
    scores, expected = compute(converted, images), compute(model, images)
    assert scores.shape == (2, 1, 1, NUM_CLASSES)
    assert np.ptp(expected, axis=0).max() > 0  # the pictures differ
    np.testing.assert_allclose(scores[:, 0, 0], expected, atol=1e-5 * np.abs(expected).max())


HEADS = {
    "flatten": lambda: [layers.Flatten(), layers.Dropout(0.3), layers.ReLU(), layers.Dense(6, activation="relu")],
    "average": lambda: [layers.GlobalAveragePooling2D(), layers.BatchNormalization()],
    "average that keeps its axes": lambda: [layers.GlobalAveragePooling2D(keepdims=True), layers.Flatten()],
    "maximum": lambda: [layers.GlobalMaxPooling2D(), layers.Dense(5, use_bias=False), layers.LayerNormalization()],
}


@pytest.mark.parametrize("head", HEADS)
def test_scores_are_those_of_the_crops(head):
    keras.utils.set_random_seed(0)
    model = classifier(
        (13, 18),
        layers.Rescaling(1 / 127.5, offset=-1.0),
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.DepthwiseConv2D(2),
        layers.Activation("tanh"),
        *HEADS[head](),
        layers.Dense(NUM_CLASSES),
        layers.Softmax(),
    )
    rng = np.random.default_rng(0)  # biases and statistics that are not those of the start
    model.set_weights([weight + rng.uniform(-0.3, 0.3, weight.shape) for weight in model.get_weights()])
    images = pictures((22, 31))
    # (22 - 13) // 2 + 1 windows below each other, and (31 - 18) // 2 + 1 side by side.
    expected = score_crops(model, images, stride=(2, 2), counts=(5, 7))
    assert np.ptp(expected[..., 0]) > 0.01
    scores = compute(to_fully_convolutional(model), images)
    # The windows of 13 pixels leave one out, so that one more row of them would leave the picture.
    np.testing.assert_allclose(scores[:, :5, :7], expected, atol=1e-5)


@pytest.mark.parametrize("variant", ["modern", "paper"])
def test_scores_of_lenet_are_those_of_the_crops(variant):
    keras.utils.set_random_seed(0)
    model = lenet5((32, 35, 1), NUM_CLASSES, variant=variant)
    images = pictures((45, 43), channels=1)
    expected = score_crops(model, images, stride=(4, 4), counts=(4, 3))
    scores = compute(to_fully_convolutional(model), images)
    np.testing.assert_allclose(scores[:, :4, :3], expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("name", "window", "options"), PADDED)
def test_padded_network_pools_the_features_of_the_whole_picture(name, window, options):
    keras.utils.set_random_seed(0)
    model = build(name, (*window, 3), NUM_CLASSES, **options)
    (stride, _) = window_geometry(model).stride
    size = (window[0] + 2 * stride, window[1] + stride)
    whole = build(name, (*size, 3), None, **options)
    kernel, bias = model.get_layer("predictions").get_weights()
    whole.set_weights(model.get_weights()[:-2])
    images = pictures(size)
    features = compute(whole, images)
    height, width = window[0] // stride, window[1] // stride
    expected = [
        [features[:, y : y + height, x : x + width].mean((1, 2)) @ kernel + bias for x in range(2)] for y in range(3)
    ]
    scores = compute(to_fully_convolutional(model), images)
    expected = np.moveaxis(expected, 2, 0)
    np.testing.assert_allclose(scores, expected, atol=1e-5 * np.abs(expected).max())
    crops = score_crops(model, images, (stride, stride), (3, 2))
    assert np.abs(scores - crops).max() > 1e-4 * np.abs(crops).max()  # the crops see zeros around them


def test_later_training_does_not_change_the_copy():
    model = lenet5((16, 16, 3), NUM_CLASSES)
    converted = to_fully_convolutional(model)
    images = pictures((16, 16))
    before = compute(converted, images)
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    np.testing.assert_array_equal(compute(converted, images), before)
    assert not {id(weight) for weight in model.weights} & {id(weight) for weight in converted.weights}


def test_adapted_normalization_and_sequential_models_are_taken():
    images = pictures((9, 9))
    normalise = layers.Normalization()
    normalise.adapt(images)
    model = keras.Sequential(
        [keras.Input((9, 9, 3)), normalise, layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)]
    )
    np.testing.assert_allclose(
        compute(to_fully_convolutional(model), images)[:, 0, 0], compute(model, images), atol=1e-5
    )


def test_half_precision_and_a_compiled_model_are_kept():
    model = classifier((9, 8), layers.Conv2D(4, 3, dtype="mixed_float16"), layers.Flatten(), layers.Dense(2))
    model.compile("sgd", "mse")
    converted = to_fully_convolutional(model)
    assert [layer.compute_dtype for layer in converted.layers[1:]] == ["float16", "float32", "float32"]
    assert not converted.compiled


def squeeze_and_excite():
    inputs = x = layers.Input((9, 9, 3))
    x = layers.Multiply(name="gate")([x, layers.GlobalAveragePooling2D(keepdims=True)(x)])
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))


def subtract_mean():
    inputs = layers.Input((9, 9, 3))
    x = inputs - keras.ops.mean(inputs, axis=(1, 2), keepdims=True)
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))


def attend():
    inputs = layers.Input((9, 9, 3))
    x = layers.MultiHeadAttention(2, 2, name="attend")(inputs, inputs)
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))


def join_pooled_and_flattened():
    inputs = layers.Input((9, 9, 3))
    pooled, flattened = layers.GlobalAveragePooling2D()(inputs), layers.Flatten()(inputs)
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate(name="join")([pooled, flattened])))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (attend, r"'attend' \(MultiHeadAttention\) is not known"),
        (squeeze_and_excite, r"'gate' \(Multiply\) changes or mixes the sizes \(1, 1\), \(9, 9\)"),
        (join_pooled_and_flattened, "'join' .* between a Flatten"),
        (subtract_mean, r"\(Mean\) changes or mixes the sizes"),
        ([layers.Reshape((81, 3), name="rows"), layers.Flatten(), layers.Dense(2)], r"'rows' \(Reshape\) is not known"),
        ([layers.GroupNormalization(3, name="group"), layers.Flatten(), layers.Dense(2)], "'group'"),
        ([layers.Resizing(9, 9, name="resize"), layers.Flatten(), layers.Dense(2)], "'resize'"),
        ([layers.UpSampling2D(name="larger"), layers.Flatten(), layers.Dense(2)], "'larger'"),
        ([layers.Flatten(), layers.BatchNormalization(name="norm"), layers.Dense(2)], "'norm' .* between a Flatten"),
        ([layers.Softmax(axis=1, name="odd"), layers.Flatten(), layers.Dense(2)], "'odd' .* works along the axis 1,"),
        ([layers.LayerNormalization(axis=[1, 2, 3], name="odd"), layers.Flatten(), layers.Dense(2)], "'odd'"),
        ([layers.Conv2D(2, 3), layers.Flatten(name="last")], "'last' .* without a Dense layer"),
        ([classifier((9, 9), layers.Conv2D(2, 3)), layers.Flatten(), layers.Dense(2)], r"\(Functional\) is not known"),
    ],
)
def test_layers_that_depend_on_the_size_of_their_map_are_refused_by_name(model, message):
    model = classifier((9, 9), *model) if isinstance(model, list) else model()
    with pytest.raises(ValueError, match=f"The layer .*{message}.*cannot be made convolutional"):
        to_fully_convolutional(model)


def test_only_a_classifier_of_one_picture_is_taken():
    inputs = [layers.Input((8, 8, 3)) for _ in range(2)]
    x = layers.Flatten()(inputs[0])
    two_outputs = keras.Model(inputs[0], [layers.Dense(2)(x), layers.Dense(3)(x)])
    two_inputs = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([x, layers.Flatten()(inputs[1])])))
    headless = classifier((8, 8), layers.Conv2D(2, 3))
    unfixed = classifier((None, 8), layers.GlobalAveragePooling2D(), layers.Dense(2))
    unbuilt = keras.Sequential([layers.Flatten(), layers.Dense(2)])
    for model in (two_outputs, two_inputs, headless, unfixed, unbuilt):
        with pytest.raises(ValueError, match="model must be functional, or Sequential and built, from one input"):
            to_fully_convolutional(model)
