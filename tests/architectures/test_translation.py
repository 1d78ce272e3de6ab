"""Arrays of other frameworks get the names and the order of axes that ours have."""

import numpy as np
import pytest

from kerascnn.architectures.translation import translate_keras, translate_torch


def counting(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


@pytest.mark.parametrize(("ours", "theirs"), [("block1_conv1_rgb", "block1_conv1"), ("conv1_rgb", "conv1_conv")])
@pytest.mark.parametrize("names", [("kernel", "bias"), ("0", "1")])
def test_a_convolution_for_bgr_becomes_one_for_rgb(ours, theirs, names):
    kernel, bias = counting(1, 1, 3, 2), counting(3)  # a bias of as many values as colours is not turned
    stored = {theirs: dict(zip(names, (kernel, bias), strict=True)), "conv2": {"kernel": kernel}}
    translated = translate_keras(stored, [ours, "conv2"])
    assert set(translated) == {ours, "conv2"}
    np.testing.assert_array_equal(translated[ours][names[0]], [[[[4, 5], [2, 3], [0, 1]]]])
    np.testing.assert_array_equal(translated[ours][names[1]], bias)
    np.testing.assert_array_equal(translated["conv2"]["kernel"], kernel)
    assert set(stored) == {theirs, "conv2"}  # what was given stays as it was
    np.testing.assert_array_equal(stored[theirs][names[0]], kernel)


def test_a_convolution_for_rgb_is_not_turned():
    stored = {"block1_conv1_rgb": {"kernel": counting(1, 1, 3, 2)}}
    translated = translate_keras(stored, ["block1_conv1_rgb"])
    np.testing.assert_array_equal(translated["block1_conv1_rgb"]["kernel"], stored["block1_conv1_rgb"]["kernel"])


def test_a_network_that_names_its_own_layer_so_gets_it_as_it_is():
    stored = {"conv1_conv": {"kernel": counting(1, 1, 3, 2)}}  # resnet20's, which takes RGB
    np.testing.assert_array_equal(
        translate_keras(stored, ["conv1_conv"])["conv1_conv"]["kernel"], stored["conv1_conv"]["kernel"]
    )


def test_a_head_of_1x1_convolutions_becomes_a_dense_layer():
    translated = translate_keras({"conv_preds": {"0": counting(1, 1, 4, 2), "1": counting(2)}}, ["predictions"])
    assert set(translated) == {"predictions"}
    np.testing.assert_array_equal(translated["predictions"]["0"], counting(4, 2))
    np.testing.assert_array_equal(translated["predictions"]["1"], [0, 1])


def test_nothing_becomes_nothing():
    assert translate_keras({}, ["conv1_rgb"]) == {}


@pytest.mark.parametrize("checkpoint", [{}, {"layer1.0.conv1.weight": counting(1, 1, 1, 1)}])
def test_other_networks_of_pytorch_are_refused(checkpoint):
    with pytest.raises(ValueError, match="only those of torchvision's AlexNet and GoogLeNet"):
        translate_torch(checkpoint)


def test_the_prefix_of_several_gpus_is_dropped():
    kernel = counting(2, 1, 1, 1)
    translated = translate_torch({"module.features.0.weight": kernel, "module.features.3.weight": kernel})
    assert set(translated) == {"conv1", "conv2"}


def test_alexnet_of_torchvision():
    checkpoint = {
        "features.0.weight": counting(2, 3, 5, 4),  # filters, channels, height, width
        "features.0.bias": counting(2),
        "features.3.weight": counting(2, 2, 1, 1),
        "classifier.1.weight": counting(3, 256 * 2 * 2),  # units, channels * height * width
        "classifier.6.weight": counting(5, 3),
    }
    translated = translate_torch(checkpoint)
    assert set(translated) == {"conv1", "conv2", "fc6", "predictions"}
    kernel, flattened = translated["conv1"]["kernel"], translated["fc6"]["kernel"]
    assert kernel.shape == (5, 4, 3, 2)
    assert kernel[4, 3, 2, 1] == checkpoint["features.0.weight"][1, 2, 4, 3]
    assert flattened.shape == (2 * 2 * 256, 3)
    rows = checkpoint["classifier.1.weight"].reshape(3, 256, 2, 2)
    for y, x, channel in [(0, 0, 0), (0, 1, 0), (1, 0, 7), (1, 1, 255)]:
        np.testing.assert_array_equal(flattened[(2 * y + x) * 256 + channel], rows[:, channel, y, x])
    np.testing.assert_array_equal(translated["predictions"]["kernel"], checkpoint["classifier.6.weight"].T)
    np.testing.assert_array_equal(translated["conv1"]["bias"], [0, 1])


def test_googlenet_of_torchvision():
    checkpoint = {
        "conv1.conv.weight": counting(2, 3, 1, 1),
        "inception3a.branch1.conv.weight": counting(2, 2, 1, 1),
        "inception3a.branch2.0.conv.weight": counting(2, 2, 1, 1),
        "inception5b.branch4.1.bn.weight": counting(2),
        "inception5b.branch4.1.bn.bias": counting(2) + 2,
        "inception5b.branch4.1.bn.running_mean": counting(2) + 4,
        "inception5b.branch4.1.bn.running_var": counting(2) + 6,
        "aux2.fc1.weight": counting(3, 128 * 4 * 4),
        "aux2.fc1.bias": counting(3),
        "fc.weight": counting(4, 2),
    }
    translated = translate_torch(checkpoint)
    names = {
        "conv1_conv",
        "inception3a_1x1_conv",
        "inception3a_3x3_reduce_conv",
        "inception5b_pool_projection_bn",
        "auxiliary4d_fc1",
    }
    assert set(translated) == {*names, "predictions"}
    norm = {name: array.tolist() for name, array in translated["inception5b_pool_projection_bn"].items()}
    assert norm == {"gamma": [0, 1], "beta": [2, 3], "moving_mean": [4, 5], "moving_variance": [6, 7]}
    assert translated["auxiliary4d_fc1"]["kernel"][:, 2].tolist() == (
        checkpoint["aux2.fc1.weight"][2].reshape(128, 16).T.ravel().tolist()
    )
    np.testing.assert_array_equal(translated["predictions"]["kernel"], checkpoint["fc.weight"].T)
