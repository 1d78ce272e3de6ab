"""The deep ResNets are those of `keras.applications`, weight for weight; the small ones have the paper's layers."""

import logging

import keras
import numpy as np
import pytest

from kerascnn.architectures import build, load_weights, resnet20, resnet50, resnet101, resnet152
from tests.architectures.conftest import assert_same_outputs, random_weights

PREPROCESS = keras.applications.resnet.preprocess_input


def official(network, size, num_classes):
    """Build a ResNet of keras.applications with random weights, with its head or without."""
    head = {"classes": num_classes, "classifier_activation": None} if num_classes else {"include_top": False}
    theirs = network(weights=None, input_shape=(*size, 3), **head)
    random_weights(theirs, gain=1.0, deviation=74)  # shortcuts add up
    return theirs


def projections(model):
    """Give the filters and strides of the convolutions in shortcuts, by name."""
    return {layer.name: (layer.filters, layer.strides[0]) for layer in model.layers if layer.name.endswith("_0_conv")}


@pytest.fixture(scope="module")
def official50():
    return official(keras.applications.ResNet50, (33, 65), 7)


@pytest.mark.parametrize(("num_classes", "file"), [(7, "x.h5"), (None, "x.weights.h5")])
def test_outputs_of_resnet50_are_those_of_keras_applications(num_classes, file, official50, store):
    features = official50.get_layer("conv5_block3_out").output
    theirs = official50 if num_classes else keras.Model(official50.input, features)
    ours = resnet50((33, 65, 3), num_classes)
    report = load_weights(ours, store(theirs, file))
    assert report.mismatched == report.missing == report.skipped == ()
    assert ours.count_params() == theirs.count_params()
    assert_same_outputs(ours, theirs, PREPROCESS)


@pytest.mark.parametrize(
    ("builder", "network", "num_classes", "file", "parameters"),
    [
        (resnet101, keras.applications.ResNet101, 3, "x.weights.h5", 44_707_176 - 2049 * 997),
        (resnet152, keras.applications.ResNet152, None, "x.h5", 60_419_944 - 2049 * 1000),
    ],
)
def test_outputs_of_the_deeper_ones_are_those_of_keras_applications(
    builder, network, num_classes, file, parameters, store
):
    theirs = official(network, (32, 32), num_classes)
    ours = builder((32, 32, 3), num_classes)
    report = load_weights(ours, store(theirs, file))
    assert report.mismatched == report.missing == report.skipped == ()
    assert ours.count_params() == parameters  # with 1,000 classes, 44,707,176 and 60,419,944
    assert_same_outputs(ours, theirs, PREPROCESS)


def test_other_classes_keep_the_base_of_keras_applications_and_say_so(official50, store, caplog):
    ours = resnet50((32, 32, 3), 5)
    with caplog.at_level(logging.INFO, logger="kerascnn"):
        report = load_weights(ours, store(official50, "x.h5"))
    assert (report.mismatched, report.missing, report.skipped) == (("predictions",), (), ())
    assert "predictions starts anew" in caplog.text
    kernel = official50.get_layer("conv1_conv").get_weights()[0]
    np.testing.assert_array_equal(ours.get_layer("conv1_rgb").get_weights()[0], kernel[:, :, ::-1])


def test_resnet50_has_the_parameters_projections_and_stages_of_the_official_network():
    model = resnet50((97, 65, 3), 1000)
    assert model.count_params() == 25_636_712
    assert projections(model) == {
        "conv2_block1_0_conv": (256, 1),
        "conv3_block1_0_conv": (512, 2),
        "conv4_block1_0_conv": (1024, 2),
        "conv5_block1_0_conv": (2048, 2),
    }
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers if layer.name.startswith("stride")}
    assert shapes == {
        "stride2": (49, 33, 64),
        "stride4": (25, 17, 256),
        "stride8": (13, 9, 512),
        "stride16": (7, 5, 1024),
        "stride32": (4, 3, 2048),
    }


def count_weighted(model):
    """Count the convolutions and dense layers on the longest path from the picture to the logits."""
    longest = {}
    for layer in model.layers:  # every layer after those that it takes
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        before = max((longest[id(tensor)] for tensor in inputs), default=0)
        longest[id(layer.output)] = before + isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))
    return longest[id(model.output)]


@pytest.mark.parametrize(
    ("depth", "blocks", "parameters"),
    [
        # The paper's table 6 gives 0.27, 0.46, 0.66, 0.85 and 1.7 million; its shortcuts have no weights.
        (20, 3, 272_474), (32, 5, 466_906), (44, 7, 661_338), (56, 9, 855_770), (110, 18, 1_730_714),
    ],
)  # fmt: skip
def test_small_ones_have_the_layers_and_parameters_of_the_paper(depth, blocks, parameters):
    model = build(f"resnet{depth}", (32, 32, 3), 10)
    assert model.name == f"resnet{depth}"
    assert depth == 6 * blocks + 2 == count_weighted(model)
    assert sum(layer.name.endswith("_add") for layer in model.layers) == 3 * blocks
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == parameters
    assert projections(model) == {"conv3_block1_0_conv": (32, 2), "conv4_block1_0_conv": (64, 2)}


def test_stages_of_the_small_ones_end_at_the_stride_of_their_name():
    model = resnet20((33, 9, 3), None)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers if layer.name.startswith("stride")}
    assert shapes == {"stride1": (33, 9, 16), "stride2": (17, 5, 32), "stride4": (9, 3, 64)}


@pytest.mark.parametrize("zeroed", ["conv2_block2", "conv3_block2", "conv4_block3"])
def test_a_block_whose_last_layer_gives_nothing_is_a_shortcut(zeroed):
    model = resnet20((16, 16, 3), None)
    norm = model.get_layer(f"{zeroed}_2_bn")
    norm.set_weights([np.zeros_like(array) for array in norm.get_weights()])
    before = model.get_layer(f"{zeroed[:-1]}{int(zeroed[-1]) - 1}_out").output
    both = keras.Model(model.input, [before, model.get_layer(f"{zeroed}_out").output])
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3))
    before, after = (keras.ops.convert_to_numpy(output) for output in both(images))
    assert before.max() > 0
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(("builder", "smallest"), [(resnet50, 32), (resnet20, 8)])
def test_sizes_that_are_too_small_are_refused(builder, smallest):
    for size in ((smallest, smallest - 1), (smallest - 1, smallest)):
        with pytest.raises(ValueError, match=f"at least {smallest} pixels"):
            builder((*size, 3), 2)


def test_dropout_out_of_range_is_refused():
    with pytest.raises(ValueError, match="dropout must lie in"):
        resnet20((8, 8, 3), 2, dropout=1.0)
