"""VGG-16 is the network of `keras.applications`, weight for weight, with RGB in place of BGR and the mean inside."""

import logging

import h5py
import keras
import numpy as np
import pytest

from kerascnn.architectures import load_weights, vgg16
from tests.architectures.conftest import FORMATS, assert_same_outputs, random_weights

PREPROCESS = keras.applications.vgg16.preprocess_input


@pytest.fixture(scope="module")
def official():
    """The network of keras.applications, with its fully connected layers, on 32 x 32 pixels."""
    theirs = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), classes=7, classifier_activation=None)
    random_weights(theirs, deviation=74)
    return theirs


@pytest.mark.parametrize("file", FORMATS)
@pytest.mark.parametrize("num_classes", [7, None])
def test_outputs_are_those_of_keras_applications(num_classes, file, official, store):
    theirs = official if num_classes else keras.Model(official.input, official.get_layer("block5_pool").output)
    ours = vgg16((32, 32, 3), num_classes)
    report = load_weights(ours, store(theirs, file))
    assert report.mismatched == report.missing == report.skipped == ()
    assert ours.count_params() == theirs.count_params()
    assert_same_outputs(ours, theirs, PREPROCESS)


def test_the_official_file_is_understood_though_it_names_its_arrays_in_its_own_way(official, tmp_path):
    path = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in official.layers]
        for layer in official.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{letter}_1:0".encode() for letter in ("W", "b")[: len(layer.weights)]]
            group.attrs["weight_names"] = names
            for name, array in zip(names, layer.get_weights(), strict=True):
                group[name] = array
    with h5py.File(path) as file:
        assert "block1_conv1/block1_conv1_W_1:0" in file  # as in the file of 2016
    ours = vgg16((32, 32, 3), 7)
    report = load_weights(ours, path)
    path.unlink()
    assert report.mismatched == report.missing == report.skipped == ()
    assert_same_outputs(ours, official, PREPROCESS)


@pytest.mark.parametrize(
    ("size", "num_classes", "options", "file", "mismatched"),
    [
        (32, 5, {}, "x.h5", ("predictions",)),
        (64, 7, {}, "x.weights.h5", ("fc1",)),
        (64, 5, {"hidden_units": 16}, "x.h5", ("fc1", "fc2", "predictions")),
        (64, 7, {"hidden_units": 0}, "x.weights.h5", ("predictions",)),  # of 512 features, the stored ones of 4096
    ],
)
def test_a_head_that_does_not_fit_starts_anew(size, num_classes, options, file, mismatched, official, store, caplog):
    ours = vgg16((size, size, 3), num_classes, **options)
    with caplog.at_level(logging.INFO, logger="kerascnn"):
        report = load_weights(ours, store(official, file))
    assert (report.mismatched, report.missing) == (mismatched, ())
    assert f"its base is loaded, {', '.join(mismatched)} starts anew" in caplog.text
    kernel = official.get_layer("block1_conv1").get_weights()[0]
    np.testing.assert_array_equal(ours.get_layer("block1_conv1_rgb").get_weights()[0], kernel[:, :, ::-1])


def test_own_files_are_not_turned_from_bgr_again(store):
    donor, model = vgg16((32, 32, 3), None), vgg16((32, 32, 3), None)
    load_weights(model, store(donor, "x.weights.h5"))
    for array, expected in zip(model.get_weights(), donor.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_has_the_parameters_of_the_paper():
    model = vgg16((32, 32, 3), 1000)
    assert model.get_layer("fc1").kernel.shape == (512, 4096)
    assert model.count_params() + 48 * 512 * 4096 == 138_357_544  # at 224 pixels, fc1 sees 49 places in place of one


def test_stages_end_before_their_pooling():
    model = vgg16((97, 65, 3), None)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers if layer.name.startswith("stride")}
    assert shapes == {
        "stride1": (97, 65, 64),
        "stride2": (48, 32, 128),
        "stride4": (24, 16, 256),
        "stride8": (12, 8, 512),
        "stride16": (6, 4, 512),
        "stride32": (3, 2, 512),
    }


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["flatten", "fc1", "fc1_dropout", "fc2", "fc2_dropout", "predictions"]),
        ({"dropout": 0.0}, ["flatten", "fc1", "fc2", "predictions"]),
        ({"hidden_units": 0}, ["pool", "dropout", "predictions"]),
        ({"hidden_units": 0, "dropout": 0.0}, ["pool", "predictions"]),
    ],
)
def test_head_is_fully_connected_or_pooled(options, names):
    model = vgg16((32, 32, 3), 2, **{"hidden_units": 8} | options)
    layers = [layer.name for layer in model.layers]
    assert layers[layers.index("stride32") + 1 :] == names


@pytest.mark.parametrize("hidden_units", [0, 8])
def test_dropout_out_of_range_is_refused(hidden_units):
    with pytest.raises(ValueError, match="dropout must lie in"):
        vgg16((32, 32, 3), 2, dropout=1.0, hidden_units=hidden_units)
