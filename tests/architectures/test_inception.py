"""Inception v1 answers as torchvision's GoogLeNet does, and has the widths of the paper's table 1."""

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from kerascnn.architectures import inception_v1, load_weights
from kerascnn.layers import LocalResponseNormalization
from tests.architectures.torchvision_reference import draw_picture, read_reference

SHAPE = (224, 224, 3)
AUXILIARY = {f"auxiliary{block}_{part}" for block in ("4a", "4d") for part in ("conv", "bn", "fc1", "fc2")}
# Table 1: the output of each block has the channels of its four branches.
WIDTHS = {
    "3a": (64, 128, 32, 32), "3b": (128, 192, 96, 64),
    "4a": (192, 208, 48, 64), "4b": (160, 224, 64, 64), "4c": (128, 256, 64, 64), "4d": (112, 288, 64, 64),
    "4e": (256, 320, 128, 128), "5a": (256, 320, 128, 128), "5b": (384, 384, 128, 128),
}  # fmt: skip
TOTALS = (256, 480, 512, 512, 512, 528, 832, 832, 1024)


@pytest.fixture(scope="module")
def reference():
    return read_reference("googlenet")


@pytest.fixture(scope="module")
def checkpoint(reference, tmp_path_factory):
    """The state dict as a file, for as long as the tests of this module run."""
    path = tmp_path_factory.mktemp("googlenet") / "googlenet.safetensors"
    save_file(reference[0], path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def full():
    return inception_v1(SHAPE, 1000)


@pytest.fixture(scope="module")
def auxiliary():
    """A network with its auxiliary classifiers, at the least size that they take."""
    keras.utils.set_random_seed(0)
    return inception_v1((65, 65, 3), 3, auxiliary=True)


def trainable(model):
    return sum(np.prod(weight.shape) for weight in model.trainable_weights)


def test_logits_are_those_of_torchvision(reference, checkpoint, full):
    report = load_weights(full, checkpoint)
    assert report.mismatched == report.missing == ()
    assert set(report.skipped) == AUXILIARY
    logits = keras.ops.convert_to_numpy(full(draw_picture()[np.newaxis]))[0]
    np.testing.assert_allclose(logits, reference[1], atol=1e-4 * np.abs(reference[1]).max())


def test_has_the_parameters_of_torchvision_s_network(full):
    assert trainable(full) == 6_624_904  # without the auxiliary classifiers
    assert full.count_params() - trainable(full) == 14_560


def test_auxiliary_classifiers_of_torchvision_load_by_shape(reference, checkpoint):
    """Their outputs are not torchvision's, whose pooling is adaptive, to 4 x 4 places; ours is the paper's."""
    model = inception_v1(SHAPE, 1000, auxiliary=True)
    report = load_weights(model, checkpoint)
    assert set(report.loaded) >= AUXILIARY
    assert report.mismatched == report.missing == report.skipped == ()
    theirs = reference[0]["aux2.fc1.weight"].reshape(1024, 128, 4, 4)  # (units, channels, height, width)
    ours = model.get_layer("auxiliary4d_fc1").get_weights()[0].reshape(4, 4, 128, 1024)
    np.testing.assert_array_equal(ours[1, 2], theirs[:, :, 1, 2].T)


def test_headless_network_takes_all_but_the_heads(checkpoint):
    report = load_weights(inception_v1((32, 64, 3), None), checkpoint)
    assert report.mismatched == report.missing == ()
    assert set(report.skipped) == {*AUXILIARY, "predictions"}


def test_other_classes_and_another_size_keep_the_base(checkpoint):
    report = load_weights(inception_v1((65, 65, 3), 5, auxiliary=True), checkpoint)
    dense = {f"auxiliary{block}_{name}" for block in ("4a", "4d") for name in ("fc1", "fc2")}  # of one place, not 4 x 4
    assert (set(report.mismatched), report.missing) == (dense | {"predictions"}, ())


def test_blocks_have_the_widths_of_the_table(full):
    for (block, widths), total in zip(WIDTHS.items(), TOTALS, strict=True):
        branches = [f"inception{block}_{branch}_conv" for branch in ("1x1", "3x3", "5x5", "pool_projection")]
        assert tuple(full.get_layer(name).filters for name in branches) == widths, block
        assert full.get_layer(f"inception{block}").output.shape[-1] == sum(widths) == total, block


def test_stages_have_the_sizes_of_the_table(full):
    shapes = {layer.name: layer.output.shape[1:] for layer in full.layers if layer.name.startswith("stride")}
    assert shapes == {
        "stride2": (112, 112, 64),
        "stride4": (56, 56, 192),
        "stride8": (28, 28, 480),
        "stride16": (14, 14, 832),
        "stride32": (7, 7, 1024),
    }


@pytest.mark.parametrize(("batch_norm", "size"), [(True, 2), (False, 3)])
def test_the_last_pooling_is_smaller_in_the_network_of_torchvision(batch_norm, size):
    model = inception_v1((32, 32, 3), None, batch_norm=batch_norm)
    pools = [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D) and layer.strides[0] == 2]
    assert [layer.pool_size[0] for layer in pools] == [3, 3, 3, size]


def test_the_paper_has_5x5_convolutions_biases_and_local_response_normalisation():
    model = inception_v1((32, 32, 3), None, batch_norm=False)
    assert model.name == "inception_v1_paper"
    assert sum(isinstance(layer, LocalResponseNormalization) for layer in model.layers) == 2
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    kernels = {layer.name: layer.kernel_size for layer in model.layers if layer.name.endswith("_5x5_conv")}
    assert len(kernels) == 9
    assert set(kernels.values()) == {(5, 5)}
    assert model.count_params() == trainable(model) == 6_998_552 - 1025 * 1000


def test_auxiliary_classifiers_of_the_paper_have_the_parameters_of_its_section_5():
    model = inception_v1(SHAPE, 1000, batch_norm=False, auxiliary=True)
    pools = [model.get_layer(f"auxiliary{block}_pool").output.shape[1:] for block in ("4a", "4d")]
    assert pools == [(4, 4, 512), (4, 4, 528)]
    convolutions = 512 * 128 + 128 + 528 * 128 + 128
    dense = 4 * 4 * 128 * 1024 + 1024 + 1024 * 1000 + 1000
    assert model.count_params() == 6_998_552 + convolutions + 2 * dense == 13_378_280


def test_logits_of_the_auxiliary_classifiers_come_after_the_network_s_own(auxiliary, store):
    images = np.random.default_rng(0).uniform(0, 255, (2, 65, 65, 3)).astype("float32")
    logits = keras.ops.convert_to_numpy(auxiliary(images))
    assert logits.shape == (2, 3, 3)
    plain = inception_v1((65, 65, 3), 3)
    report = load_weights(plain, store(auxiliary, "x.weights.h5"))
    assert set(report.skipped) == AUXILIARY
    cut = keras.Model(auxiliary.input, auxiliary.get_layer("predictions").output)
    for model in (plain, cut):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(model(images)), logits[:, 0], atol=1e-5)
    for row, block in enumerate(("4a", "4d"), start=1):
        alone = keras.Model(auxiliary.input, auxiliary.get_layer(f"auxiliary{block}_fc2").output)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(alone(images)), logits[:, row], atol=1e-5)


def test_auxiliary_classifiers_are_part_of_the_head_only(auxiliary):
    stage = keras.Model(auxiliary.input, auxiliary.get_layer("stride32").output)
    assert not any(layer.name.startswith("auxiliary") for layer in stage.layers)


def test_saved_and_loaded_the_paper_s_variant_answers_the_same(tmp_path):
    model = inception_v1((65, 65, 3), 2, batch_norm=False, auxiliary=True)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    images = np.random.default_rng(0).uniform(0, 255, (2, 65, 65, 3))
    expected = keras.ops.convert_to_numpy(model(images))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again(images)), expected)


@pytest.mark.parametrize(
    ("input_shape", "num_classes", "options", "message"),
    [
        ((31, 64, 3), 2, {}, "at least 32 pixels"),
        ((64, 31, 3), None, {"batch_norm": False}, "at least 32 pixels"),
        ((64, 65, 3), 2, {"auxiliary": True}, "at least 65 pixels"),
        ((65, 64, 3), 2, {"auxiliary": True}, "at least 65 pixels"),
        ((65, 65, 3), None, {"auxiliary": True}, "auxiliary classifiers need num_classes"),
        ((32, 32, 3), 1, {}, "num_classes must be at least 2"),
        ((65, 65, 3), 1, {"auxiliary": True}, "num_classes must be at least 2"),
        ((32, 32, 3), 2, {"dropout": 1.0}, "dropout must lie in"),
    ],
)
def test_arguments_out_of_range_are_refused(input_shape, num_classes, options, message):
    with pytest.raises(ValueError, match=message):
        inception_v1(input_shape, num_classes, **options)
