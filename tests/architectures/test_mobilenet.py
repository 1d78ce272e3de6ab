"""MobileNet and MobileNetV2 are the networks of `keras.applications`, weight for weight, with the normalisation inside.

At sides that are no multiple of 32, Keras' MobileNet pads its depthwise convolutions otherwise than "same" does.
"""

import logging

import keras
import numpy as np
import pytest

from kerascnn.architectures import load_weights, mobilenet_v1, mobilenet_v2
from tests.architectures.conftest import FORMATS, assert_same_outputs, random_weights

THEIRS = {
    mobilenet_v1: (keras.applications.MobileNet, keras.applications.mobilenet.preprocess_input),
    mobilenet_v2: (keras.applications.MobileNetV2, keras.applications.mobilenet_v2.preprocess_input),
}
BUILDERS = tuple(THEIRS)


@pytest.fixture(scope="module", params=BUILDERS, ids=lambda builder: builder.__name__)
def small(request):
    return request.param((97, 65, 3), None, alpha=0.35)


def official(builder, size, alpha, num_classes):
    """Build the network of keras.applications with random weights, with its head or without."""
    head = {"classes": num_classes, "classifier_activation": None} if num_classes else {"include_top": False}
    theirs = THEIRS[builder][0]((*size, 3), alpha, weights=None, **head)
    random_weights(theirs)
    return theirs


@pytest.mark.parametrize(
    ("builder", "alpha", "size", "num_classes", "file"),
    [
        (mobilenet_v1, 0.25, (64, 96), 7, "x.h5"),
        (mobilenet_v1, 0.25, (96, 64), 7, "x.weights.h5"),
        (mobilenet_v1, 0.42, (64, 32), None, "x.weights.h5"),
        (mobilenet_v1, 1.0, (64, 64), None, "x.h5"),
        (mobilenet_v2, 0.35, (64, 64), 7, "x.h5"),
        (mobilenet_v2, 0.42, (33, 47), None, "x.h5"),
        (mobilenet_v2, 1.0, (97, 65), 7, "x.weights.h5"),
        (mobilenet_v2, 1.3, (65, 96), None, "x.weights.h5"),
        (mobilenet_v2, 1.4, (32, 64), 7, "x.h5"),
    ],
)
def test_outputs_are_those_of_keras_applications(builder, alpha, size, num_classes, file, store):
    theirs = official(builder, size, alpha, num_classes)
    ours = builder((*size, 3), num_classes, alpha=alpha)
    report = load_weights(ours, store(theirs, file))
    assert report.mismatched == report.missing == report.skipped == ()
    assert ours.count_params() == theirs.count_params()
    assert_same_outputs(ours, theirs, THEIRS[builder][1])


@pytest.mark.parametrize(("builder", "file"), list(zip(BUILDERS, FORMATS, strict=True)))
def test_other_classes_keep_the_base_of_keras_applications_and_say_so(builder, file, store, caplog):
    theirs = official(builder, (32, 32), 0.25, 7)
    ours = builder((32, 32, 3), 5, alpha=0.25)
    with caplog.at_level(logging.INFO, logger="kerascnn"):
        report = load_weights(ours, store(theirs, file))
    assert (report.mismatched, report.missing, report.skipped) == (("predictions",), (), ())
    assert "predictions starts anew" in caplog.text


@pytest.mark.parametrize(("builder", "parameters"), [(mobilenet_v1, 4_253_864), (mobilenet_v2, 3_538_984)])
def test_has_the_parameters_of_the_official_network(builder, parameters):
    model = builder((224, 224, 3), 1000)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 1000)
    assert model.layers[-1].name == "predictions"
    assert model.layers[-1].activation is keras.activations.linear


@pytest.mark.parametrize(
    ("alpha", "name"), [(1, "mobilenet_v1"), (1.0, "mobilenet_v1"), (0.5, "mobilenet_v1_0.5"), (2, "mobilenet_v1_2.0")]
)
def test_the_name_says_the_width_unless_it_is_the_full_one(alpha, name):
    assert mobilenet_v1((32, 32, 3), None, alpha=alpha).name == name


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
    channels = {"mobilenet_v1_0.35": 358, "mobilenet_v2_0.35": 1280}  # 0.35 * 1024, and 1280 for all narrow ones
    assert small.output_shape == (None, 4, 3, channels[small.name])
    assert "predictions" not in {layer.name for layer in small.layers}


def test_width_above_one_widens_the_last_convolution_of_the_second_version_too():
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


@pytest.mark.parametrize("builder", BUILDERS)
def test_dropout_stands_before_the_head(builder):
    model = builder((32, 32, 3), 2, alpha=0.35, dropout=0.25)
    assert [layer.name for layer in model.layers[-3:]] == ["pool", "dropout", "predictions"]
    assert model.get_layer("dropout").rate == 0.25


@pytest.mark.parametrize("builder", BUILDERS)
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
        ((32, 32, 3), 2, {"alpha": 0.25, "dropout": -0.1}, "dropout must lie in"),
    ],
)
def test_arguments_out_of_range_are_refused(builder, input_shape, num_classes, options, message):
    with pytest.raises(ValueError, match=message):
        builder(input_shape, num_classes, **options)
