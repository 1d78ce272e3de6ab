"""MobileNetV2 is the network of `keras.applications`, weight for weight, with the normalisation inside."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import mobilenet_v2


def random_weights(model, seed=0):
    """Draw weights that keep the signal alive, logits of about 1, and statistics that are not those of the start."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            channels = layer.gamma.shape
            gamma, variance = rng.uniform(0.5, 1.5, channels), rng.uniform(0.5, 1.5, channels)
            layer.set_weights([gamma, rng.normal(0, 0.5, channels), rng.normal(0, 0.5, channels), variance])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([rng.normal(0, np.sqrt(2 / 9), layer.kernel.shape)])
        elif isinstance(layer, keras.layers.Dense):
            kernel, bias = layer.get_weights()
            layer.set_weights([rng.normal(0, 0.1 / np.sqrt(len(kernel)), kernel.shape), rng.normal(0, 0.1, bias.shape)])
        elif layer.weights:
            layer.set_weights([rng.normal(0, np.sqrt(2 / np.prod(layer.kernel.shape[:-1])), layer.kernel.shape)])


@pytest.fixture(scope="module")
def full():
    return mobilenet_v2((224, 224, 3), 1000)


@pytest.fixture(scope="module")
def small():
    return mobilenet_v2((97, 65, 3), None, alpha=0.35)


@pytest.mark.parametrize(
    ("alpha", "size"), [(0.35, (64, 64)), (0.42, (33, 47)), (1.0, (97, 65)), (1.3, (65, 96)), (1.4, (32, 64))]
)
def test_outputs_are_those_of_keras_applications(alpha, size):
    theirs = keras.applications.MobileNetV2((*size, 3), alpha, weights=None, classes=7, classifier_activation=None)
    random_weights(theirs)
    ours = mobilenet_v2((*size, 3), 7, alpha=alpha)
    for layer in theirs.layers:
        if layer.weights:
            ours.get_layer(layer.name).set_weights(layer.get_weights())
    assert ours.count_params() == theirs.count_params()

    images = np.random.default_rng(1).uniform(0, 255, (2, *size, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(theirs(keras.applications.mobilenet_v2.preprocess_input(images.copy())))
    assert np.abs(expected[0] - expected[1]).max() > 0.01  # the pictures reach the logits
    difference = keras.ops.convert_to_numpy(ours(images)) - expected
    assert np.abs(difference).max() < 1e-5


def test_has_the_parameters_of_the_official_network(full):
    assert full.count_params() == 3_538_984
    assert full.output_shape == (None, 1000)


def test_outputs_are_logits(full):
    assert full.layers[-1].name == "predictions"
    assert full.layers[-1].activation is keras.activations.linear


def test_stages_end_at_the_stride_of_their_name(small):
    shapes = {layer.name: layer.output.shape[1:3] for layer in small.layers if layer.name.startswith("stride")}
    assert shapes == {
        "stride2": (49, 33),
        "stride4": (25, 17),
        "stride8": (13, 9),
        "stride16": (7, 5),
        "stride32": (4, 3),
    }


def test_headless_network_ends_in_its_feature_map(small):
    assert small.output_shape == (None, 4, 3, 1280)
    assert "predictions" not in {layer.name for layer in small.layers}


def test_width_above_one_widens_the_last_convolution_too():
    assert mobilenet_v2((32, 32, 3), None, alpha=1.4).output_shape == (None, 1, 1, 1792)  # 1.4 * 1280


def test_integer_pictures_give_what_float_ones_give(small):
    images = np.random.default_rng(0).integers(0, 256, (2, 97, 65, 3), dtype=np.uint8)
    outputs = [keras.ops.convert_to_numpy(small(batch)) for batch in (images, images.astype("float32"))]
    np.testing.assert_array_equal(outputs[0], outputs[1])


def test_black_and_white_become_minus_one_and_one(small):
    normalise = keras.Model(small.input, small.get_layer("normalise").output)
    images = np.stack([np.zeros((97, 65, 3)), np.full((97, 65, 3), 255.0)])
    outputs = keras.ops.convert_to_numpy(normalise(images))
    np.testing.assert_allclose(outputs[0], -1, atol=1e-6)
    np.testing.assert_allclose(outputs[1], 1, atol=1e-6)


def test_dropout_stands_before_the_head():
    model = mobilenet_v2((32, 32, 3), 2, alpha=0.35, dropout=0.25)
    assert [layer.name for layer in model.layers[-3:]] == ["pool", "dropout", "predictions"]
    assert model.get_layer("dropout").rate == 0.25


@pytest.mark.parametrize(
    ("input_shape", "num_classes", "options", "message"),
    [
        ((31, 64, 3), 2, {}, "at least 32 pixels"),
        ((64, 31, 3), 2, {}, "at least 32 pixels"),
        ((64, 64, 1), 2, {}, "height, width, 3"),
        ((64, 64), 2, {}, "three integers"),
        ((None, None, 3), 2, {}, "three integers"),
        ((32, 32, 3), 2, {"alpha": 0.0}, "alpha must be positive"),
        ((32, 32, 3), 2, {"alpha": -1.0}, "alpha must be positive"),
        ((32, 32, 3), 1, {"alpha": 0.35}, "num_classes must be at least 2"),
        ((32, 32, 3), 2, {"alpha": 0.35, "dropout": 1.0}, "dropout must lie in"),
        ((32, 32, 3), 2, {"alpha": 0.35, "dropout": -0.1}, "dropout must lie in"),
    ],
)
def test_arguments_out_of_range_are_refused(input_shape, num_classes, options, message):
    with pytest.raises(ValueError, match=message):
        mobilenet_v2(input_shape, num_classes, **options)
