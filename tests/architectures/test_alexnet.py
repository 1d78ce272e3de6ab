"""AlexNet in one tower answers as torchvision's does; the other variant has the shapes of the paper's two towers."""

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from kerascnn.architectures import alexnet, load_weights
from kerascnn.layers import LocalResponseNormalization
from tests.architectures.torchvision_reference import draw_picture, read_reference

SHAPE = (224, 224, 3)
CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")


@pytest.fixture(scope="module")
def reference():
    return read_reference("alexnet")


@pytest.fixture(scope="module")
def checkpoint(reference, tmp_path_factory):
    """The state dict as a file, for as long as the tests of this module run."""
    path = tmp_path_factory.mktemp("alexnet") / "alexnet.safetensors"
    save_file(reference[0], path)
    yield path
    path.unlink()


def test_logits_are_those_of_torchvision(reference, checkpoint):
    model = alexnet(SHAPE, 1000)
    report = load_weights(model, checkpoint)
    assert report.loaded == (*CONVOLUTIONS, "fc6", "fc7", "predictions")
    assert report.mismatched == report.missing == report.skipped == ()
    assert model.count_params() == 61_100_840
    logits = keras.ops.convert_to_numpy(model(draw_picture()[np.newaxis]))[0]
    np.testing.assert_allclose(logits, reference[1], atol=1e-4 * np.abs(reference[1]).max())


def test_headless_network_takes_the_convolutions(reference, checkpoint):
    model = alexnet((63, 95, 3), None)
    report = load_weights(model, checkpoint)
    assert report.loaded == CONVOLUTIONS
    assert set(report.skipped) == {"fc6", "fc7", "predictions"}
    kernel = reference[0]["features.10.weight"]  # (filters, channels, height, width)
    np.testing.assert_array_equal(model.get_layer("conv5").get_weights()[0], kernel.transpose(2, 3, 1, 0))


@pytest.mark.parametrize(
    ("options", "mismatched"),
    [
        ({}, ("predictions",)),
        ({"hidden_units": 8}, ("fc6", "fc7", "predictions")),
    ],
)
def test_other_classes_keep_the_base(options, mismatched, checkpoint):
    report = load_weights(alexnet(SHAPE, 5, **options), checkpoint)
    assert (report.mismatched, report.missing) == (mismatched, ())


def test_weights_of_one_tower_do_not_fit_two(reference, tmp_path):
    convolutions = {key: array for key, array in reference[0].items() if key.startswith("features")}
    save_file(convolutions, tmp_path / "features.safetensors")
    with pytest.raises(ValueError, match=r"do not fit alexnet_paper: 5 of its layers.*conv1, conv2, conv3"):
        load_weights(alexnet((63, 63, 3), None, variant="paper"), tmp_path / "features.safetensors")


def test_the_paper_has_kernels_in_two_groups_but_for_the_first_and_the_third():
    model = alexnet(SHAPE, 1000, variant="paper")
    kernels = {name: model.get_layer(name).kernel.shape for name in CONVOLUTIONS}
    assert kernels == {  # section 3.5
        "conv1": (11, 11, 3, 96),
        "conv2": (5, 5, 48, 256),
        "conv3": (3, 3, 256, 384),
        "conv4": (3, 3, 192, 384),
        "conv5": (3, 3, 192, 256),
    }
    groups = [model.get_layer(name).groups for name in CONVOLUTIONS]
    assert groups == [1, 2, 1, 2, 2]
    assert model.count_params() == 60_965_224


def test_the_paper_normalises_the_first_two_convolutions_before_their_pooling():
    model = alexnet((63, 63, 3), None, variant="paper")
    names = [layer.name for layer in model.layers]
    normalisations = [layer.name for layer in model.layers if isinstance(layer, LocalResponseNormalization)]
    assert normalisations == ["pool1_norm", "pool2_norm"]
    for number in (1, 2):
        start = names.index(f"conv{number}")
        assert names[start + 1] == f"pool{number}_norm"
        assert names[start + 3] == f"pool{number}"
    plain = alexnet((63, 63, 3), None)
    assert not any(isinstance(layer, LocalResponseNormalization) for layer in plain.layers)


@pytest.mark.parametrize(("variant", "filters"), [("one_tower", (64, 192, 256, 256)), ("paper", (96, 256, 256, 256))])
def test_stages_have_the_sizes_of_the_paper(variant, filters):
    model = alexnet(SHAPE, None, variant=variant)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers if layer.name.startswith("stride")}
    sides = {"stride4": 55, "stride8": 27, "stride16": 13, "stride32": 6}
    assert shapes == {
        name: (side, side, channels) for (name, side), channels in zip(sides.items(), filters, strict=True)
    }


def test_saved_and_loaded_the_paper_s_variant_answers_the_same(tmp_path):
    model = alexnet((63, 71, 3), 2, variant="paper", hidden_units=8)
    assert model.name == "alexnet_paper"
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    images = np.random.default_rng(0).uniform(0, 255, (2, 63, 71, 3))
    expected = keras.ops.convert_to_numpy(model(images))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again(images)), expected)


def test_dropout_comes_after_each_fully_connected_layer():
    names = [layer.name for layer in alexnet((63, 63, 3), 2, hidden_units=8).layers]
    head = ["flatten", "fc6", "fc6_dropout", "fc7", "fc7_dropout", "predictions"]
    assert names[names.index("stride32") + 1 :] == head


@pytest.mark.parametrize(
    ("input_shape", "options", "message"),
    [
        ((62, 63, 3), {}, "at least 63 pixels"),
        ((63, 62, 3), {"variant": "paper"}, "at least 63 pixels"),
        ((63, 63, 3), {"variant": "two_towers"}, r"variant must be one_tower or paper.*'two_towers'"),
        ((63, 63, 3), {"dropout": 1.0}, "dropout must lie in"),
    ],
)
def test_arguments_out_of_range_are_refused(input_shape, options, message):
    with pytest.raises(ValueError, match=message):
        alexnet(input_shape, 2, **options)
