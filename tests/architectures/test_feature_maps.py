"""A classifier's maps for pictures of any size, against the classifier itself."""

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.architectures import build, feature_maps

NAMES = ("stride1", "stride2", "stride4")


@pytest.mark.parametrize("architecture", ["resnet20", "mobilenet_v2"])
def test_maps_are_those_of_the_classifier_at_any_size(architecture):
    keras.utils.set_random_seed(0)
    body = build(architecture, (64, 64, 3), None)
    names = [name for name in NAMES if name in {layer.name for layer in body.layers}]
    whole = keras.Model(body.input, {name: body.get_layer(name).output for name in names})
    network = feature_maps(architecture, names)
    network.set_weights(whole.get_weights())
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    wanted, found = whole(pictures, training=False), network(pictures)
    for name in names:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5, atol=1e-5)
    strides = [int(name.removeprefix("stride")) for name in names]
    sizes = {tuple(found.shape[1:3]) for found in network(pictures[:1, :37, :50]).values()}
    assert sizes == {(-(-37 // stride), -(-50 // stride)) for stride in strides}


def test_nothing_behind_the_last_map_is_computed():
    network = feature_maps("vgg16", ["block2_conv1", "block1_conv1_rgb"])
    assert [layer.name for layer in network.layers if layer.weights] == [
        "block1_conv1_rgb",
        "block1_conv2",
        "block2_conv1",
    ]
    assert not network.trainable_variables


def test_average_pooling_takes_the_place_of_max_pooling():
    keras.utils.set_random_seed(0)
    network = feature_maps("vgg16", ["block1_pool", "block1_conv2"], pooling="average")
    maps = network(np.random.default_rng(0).uniform(0, 255, (1, 33, 40, 3)).astype("float32"))
    wanted = layers.AveragePooling2D(2)(maps["block1_conv2"])
    np.testing.assert_allclose(maps["block1_pool"], wanted, rtol=1e-5)
    assert np.any(maps["block1_pool"] != layers.MaxPooling2D(2)(maps["block1_conv2"]))


@pytest.mark.parametrize(("names", "received"), [(["conv1_1"], "conv1_1"), ([], "none"), (["image"], "image")])
def test_layers_that_are_not_there_are_refused(names, received):
    with pytest.raises(ValueError, match=f"block5_conv3.* Received: {received}"):
        feature_maps("vgg16", names)


def test_another_pooling_is_refused():
    with pytest.raises(ValueError, match=r"'max' or 'average'\. Received: pooling='mean'"):
        feature_maps("vgg16", ["block1_pool"], pooling="mean")
