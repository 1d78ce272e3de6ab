"""Weights of every file format reach the layers of their names, with a report, or are refused."""

import logging

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from safetensors.numpy import save_file

from kerascnn.architectures import copy_weights, load_weights
from kerascnn.architectures.weights import read_layers

BASE = ("stem", "depthwise", "norm")


def build(num_classes, *, filters=4, hidden_units=0, name="tiny"):
    inputs = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(filters, 3, name="stem")(inputs)
    x = layers.DepthwiseConv2D(3, use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Identity(name="stride1")(x)
    if num_classes:
        x = layers.Dropout(0.5, name="dropout")(layers.GlobalAveragePooling2D(name="pool")(x))
        x = layers.Dense(hidden_units, name="fc")(x) if hidden_units else x
        x = layers.Dense(num_classes, name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def randomise(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.weights])
    return model


def assert_same(model, other, names):
    for name in names:
        for array, expected in zip(
            model.get_layer(name).get_weights(), other.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(array, expected, err_msg=name)


@pytest.fixture(scope="module")
def donor():
    return randomise(build(3))


@pytest.fixture
def model():
    return randomise(build(3), seed=1)


@pytest.fixture(params=["x.weights.h5", "x.h5", "x.keras", "run/model.keras"])
def stored(request, donor, tmp_path):
    """What to ask for, after the donor was stored there in one of the formats of Keras."""
    path = tmp_path / request.param
    path.parent.mkdir(exist_ok=True)
    (donor.save_weights if path.name.endswith(".weights.h5") else donor.save)(path)
    return path.parent if path.parent.name == "run" else path


def test_every_format_loads_every_layer(stored, donor, model):
    report = load_weights(model, stored)
    assert_same(model, donor, (*BASE, "predictions"))
    assert report.source == str(stored)
    assert report.loaded == (*BASE, "predictions")
    assert report.mismatched == report.missing == ()


def test_optimizer_of_a_trained_model_is_not_a_layer(donor, model, tmp_path):
    donor.compile("adam", "mse")
    donor.optimizer.build(donor.trainable_variables)
    for file in ("x.h5", "x.keras"):
        donor.save(tmp_path / file)
        assert not any("adam" in name or "momentum" in name for name in read_layers(tmp_path / file)), file
        assert load_weights(model, tmp_path / file).loaded == (*BASE, "predictions")


def test_another_number_of_classes_keeps_the_base_and_says_so(stored, donor, caplog):
    model = randomise(build(5), seed=1)
    head = model.get_layer("predictions").get_weights()
    with caplog.at_level(logging.INFO, logger="kerascnn"):
        report = load_weights(model, stored)
    assert report.loaded == BASE
    assert report.mismatched == ("predictions",)
    assert "for other classes or another picture size: its base is loaded, predictions starts anew" in caplog.text
    assert_same(model, donor, BASE)
    np.testing.assert_array_equal(model.get_layer("predictions").get_weights()[0], head[0])


def test_headless_network_skips_the_stored_head(stored, donor):
    model = randomise(build(None), seed=1)
    report = load_weights(model, stored)
    assert report.loaded == BASE
    assert "predictions" in report.skipped
    assert_same(model, donor, BASE)


def test_headless_file_leaves_the_head_missing(model, tmp_path):
    donor = randomise(build(None))
    donor.save_weights(tmp_path / "x.weights.h5")
    report = load_weights(model, tmp_path / "x.weights.h5")
    assert (report.loaded, report.missing, report.skipped) == (BASE, ("predictions",), ())
    assert_same(model, donor, BASE)


@pytest.mark.parametrize("file", ["x.h5", "x.weights.h5", "x.keras"])
def test_every_layer_after_the_last_stage_may_start_anew(file, tmp_path, caplog):
    donor, model = randomise(build(3, hidden_units=6)), randomise(build(5, hidden_units=7), seed=1)
    (donor.save_weights if ".weights." in file else donor.save)(tmp_path / file)
    with caplog.at_level(logging.INFO, logger="kerascnn"):
        report = load_weights(model, tmp_path / file)
    assert (report.loaded, report.mismatched) == (BASE, ("fc", "predictions"))
    assert "fc, predictions starts anew" in caplog.text
    assert_same(model, donor, BASE)
    assert load_weights(randomise(build(3), seed=1), tmp_path / file).mismatched == ("predictions",)


def test_without_stages_only_predictions_may_start_anew(tmp_path):
    def build_plain(units, num_classes):
        inputs = layers.Input((4,))
        x = layers.Dense(num_classes, name="predictions")(layers.Dense(units, name="fc")(inputs))
        return keras.Model(inputs, x, name="plain")

    build_plain(3, 2).save_weights(tmp_path / "x.weights.h5")
    assert load_weights(build_plain(3, 5), tmp_path / "x.weights.h5").mismatched == ("predictions",)
    with pytest.raises(ValueError, match="do not fit plain: 1 of its layers would stay random, the first of them fc"):
        load_weights(build_plain(4, 2), tmp_path / "x.weights.h5")


def test_a_head_that_is_not_wanted_keeps_its_initialisation_though_it_fits(stored, donor, caplog):
    model = randomise(build(3), seed=1)
    head = model.get_layer("predictions").get_weights()
    with caplog.at_level(logging.INFO, logger="kerascnn"):
        report = load_weights(model, stored, head=False)
    assert (report.loaded, report.mismatched, report.missing) == (BASE, (), ("predictions",))
    assert report.skipped == ()
    assert "predictions starts anew" in caplog.text
    assert_same(model, donor, BASE)
    for array, expected in zip(model.get_layer("predictions").get_weights(), head, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_a_run_folder_gives_its_headless_weights_to_who_wants_no_head(donor, model, tmp_path):
    donor.save(tmp_path / "model.keras")
    headless = randomise(build(None), seed=2)
    headless.save_weights(tmp_path / "headless.weights.h5")
    report = load_weights(model, tmp_path, head=False)
    assert (report.loaded, report.missing) == (BASE, ("predictions",))
    assert_same(model, headless, BASE)
    assert load_weights(model, tmp_path).loaded == (*BASE, "predictions")
    assert_same(model, donor, (*BASE, "predictions"))


@pytest.mark.parametrize("file", ["x.h5", "x.weights.h5", "x.keras"])
def test_network_nested_in_another_model_is_found(file, donor, tmp_path):
    base = randomise(build(None, name="base"))
    learner = keras.Sequential(
        [layers.Input((8, 8, 3)), layers.Rescaling(1 / 255), base, layers.Flatten(), layers.Dense(2, name="answer")]
    )
    (learner.save_weights if ".weights." in file else learner.save)(tmp_path / file)
    model = randomise(build(3), seed=1)
    report = load_weights(model, tmp_path / file)
    assert (report.loaded, report.missing, report.skipped) == (BASE, ("predictions",), ("answer",))
    assert_same(model, base, BASE)


def test_names_of_keras_2_are_understood(donor, model, tmp_path):
    names = {
        "stem": ("kernel:0", "bias:0"),
        "depthwise": ("depthwise_kernel:0",),
        "norm": ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"),
        "predictions": ("kernel:0", "bias:0"),
    }
    with h5py.File(tmp_path / "old.h5", "w") as file:
        for layer, variables in names.items():
            for variable, array in zip(variables, donor.get_layer(layer).get_weights(), strict=True):
                file[f"{layer}/{layer}/{variable}"] = array
    assert load_weights(model, tmp_path / "old.h5").loaded == (*BASE, "predictions")
    assert_same(model, donor, (*BASE, "predictions"))


def test_separable_convolution_keeps_the_name_that_a_depthwise_one_lost(tmp_path):
    def separable(seed):
        inputs = layers.Input((8, 8, 3))
        return randomise(keras.Model(inputs, layers.SeparableConv2D(4, 3, name="separable")(inputs)), seed)

    donor, model = separable(0), separable(1)
    donor.save(tmp_path / "x.h5")
    load_weights(model, tmp_path / "x.h5")
    assert_same(model, donor, ["separable"])


def test_another_width_is_an_error_that_names_layers_and_leaves_the_model_alone(stored):
    model = randomise(build(3, filters=8), seed=1)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"do not fit tiny: 3 of its layers would stay random.*stem, depthwise, norm"):
        load_weights(model, stored)
    for array, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_a_layer_that_fits_is_not_loaded_when_another_does_not(model, tmp_path):
    before = model.get_weights()
    with h5py.File(tmp_path / "half.h5", "w") as file:
        file["stem/kernel"], file["stem/bias"] = np.ones((3, 3, 3, 4)), np.ones(4)
    with pytest.raises(ValueError, match=r"2 of its layers would stay random.*depthwise, norm"):
        load_weights(model, tmp_path / "half.h5")
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("file", ["x.h5", "x.weights.h5", "x.keras"])
def test_a_file_of_another_format_is_refused(file, model, tmp_path):
    (tmp_path / file).write_text("not HDF5")
    with pytest.raises(ValueError, match="is not a weight file of Keras"):
        load_weights(model, tmp_path / file)


def test_a_pytorch_checkpoint_of_another_network_is_refused(model, tmp_path):
    save_file({"layer1.0.conv1.weight": np.zeros((4, 3, 3, 3), "float32")}, tmp_path / "x.safetensors")
    with pytest.raises(
        ValueError, match=r"only those of torchvision's AlexNet and GoogLeNet.*layer1\.0\.conv1\.weight"
    ):
        load_weights(model, tmp_path / "x.safetensors")


def test_an_empty_hdf5_file_does_not_fit(model, tmp_path):
    h5py.File(tmp_path / "x.h5", "w").close()
    with pytest.raises(ValueError, match="would stay random"):
        load_weights(model, tmp_path / "x.h5")


@pytest.mark.parametrize("name", ["imagnet", "nowhere/x.h5"])
def test_unknown_names_and_missing_paths_list_what_is_known(name, model):
    with pytest.raises(FileNotFoundError, match="imagenet, stanford_dogs, bsds500"):
        load_weights(model, name)


def test_a_folder_without_a_model_is_an_error(model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.keras"):
        load_weights(model, tmp_path)


def test_arrays_that_lie_in_other_files_are_refused(model, tmp_path):
    secret = np.arange(3 * 3 * 3 * 4, dtype="float32").reshape(3, 3, 3, 4)
    secret.tofile(tmp_path / "secret.bin")
    with h5py.File(tmp_path / "source.h5", "w") as file:
        file["secret"] = secret
    with h5py.File(tmp_path / "external.h5", "w") as file:
        raw = [(str(tmp_path / "secret.bin"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("stem/kernel", secret.shape, "float32", external=raw)
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout(secret.shape, "float32")
        layout[:] = h5py.VirtualSource(tmp_path / "source.h5", "secret", secret.shape)
        file.create_virtual_dataset("stem/kernel", layout)
    for name in ("external.h5", "virtual.h5"):
        with h5py.File(tmp_path / name) as file:
            np.testing.assert_array_equal(file["stem/kernel"], secret)  # the trick works, if one falls for it
        with pytest.raises(ValueError, match="in another file, which is refused"):
            load_weights(model, tmp_path / name)


def test_links_to_other_files_are_not_followed(donor, tmp_path):
    donor.save_weights(tmp_path / "x.weights.h5")
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(tmp_path / "x.weights.h5", "/layers")
    assert read_layers(tmp_path / "link.h5") == {}


def test_weights_are_copied_to_layers_of_the_same_names_and_to_no_others(donor, model):
    body = randomise(build(0), seed=2)
    head = [array.copy() for array in model.get_layer("predictions").get_weights()]
    copy_weights(body, model)
    assert_same(model, body, BASE)
    for array, expected in zip(model.get_layer("predictions").get_weights(), head, strict=True):
        np.testing.assert_array_equal(array, expected)
    copy_weights(donor, model)
    assert_same(model, donor, (*BASE, "predictions"))


def test_nothing_is_copied_where_something_does_not_fit(donor):
    wide = randomise(build(5), seed=1)  # only its last layer differs
    before = wide.get_weights()
    with pytest.raises(ValueError, match=r"predictions of tiny has weights of \[\(4, 5\), \(5,\)\]"):
        copy_weights(donor, wide)
    for array, expected in zip(wide.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, expected)
    inputs = layers.Input((4,))
    with pytest.raises(ValueError, match="tiny and other have no layers of the same name"):
        copy_weights(donor, keras.Model(inputs, layers.Dense(2, name="own")(inputs), name="other"))
