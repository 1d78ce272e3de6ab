"""What every classifier of the table `CLASSIFIERS` promises. A new architecture has only to be in the table.

`OPTIONS` may make a large one narrow, so that its tests stay fast.
"""

import re
import warnings

import keras
import numpy as np
import pytest

from kerascnn.architectures import CLASSIFIERS, backbone, build

SIZE = (97, 81)  # odd and not square, and large enough for every network of the table
NUM_CLASSES = 3
OPTIONS = {"mobilenet_v2": {"alpha": 0.35}}
STEPS = 6


@pytest.fixture(scope="module", params=list(CLASSIFIERS))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    keras.utils.set_random_seed(0)
    return build(name, (*SIZE, 3), NUM_CLASSES, **OPTIONS.get(name, {}))


@pytest.fixture(scope="module")
def images():
    """Make a flat picture for each class, with a little noise, in 0..255."""
    rng = np.random.default_rng(0)
    colours = np.array([[200, 50, 50], [50, 200, 50], [50, 50, 200]])[:, None, None]
    return np.clip(colours + rng.normal(0, 20, (NUM_CLASSES, *SIZE, 3)), 0, 255).astype("float32")


def find_stages(model):
    """Give the layers that end a stage by their stride."""
    found = {layer.name: re.fullmatch(r"stride(\d+)", layer.name) for layer in model.layers}
    return {int(match[1]): model.get_layer(layer) for layer, match in found.items() if match}


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_gives_a_logit_for_each_class(model, images):
    assert type(model).__module__.startswith("keras.")  # a functional model, not a subclass of ours
    assert model.input_shape == (None, *SIZE, 3)
    assert model.output_shape == (None, NUM_CLASSES)
    logits = as_numpy(model(images))
    assert np.isfinite(logits).all()
    assert not np.allclose(logits.sum(-1), 1)  # no softmax


def test_pictures_of_a_batch_do_not_leak_into_each_other(model, images):
    np.testing.assert_allclose(as_numpy(model(images))[1:2], as_numpy(model(images[1:2])), atol=1e-4)


def test_integer_pictures_give_what_float_ones_give(model, images):
    whole = images.astype("uint8")
    np.testing.assert_array_equal(as_numpy(model(whole)), as_numpy(model(whole.astype("float32"))))


def test_every_stage_has_the_size_that_its_name_says(model):
    stages = find_stages(model)
    assert list(stages) == sorted(stages)
    assert stages, "no layer is named strideN"
    for stride, layer in stages.items():
        expected = tuple(-(-side // stride) for side in SIZE)
        assert layer.output.shape[1:3] == expected, layer.name


def test_headless_network_ends_in_its_last_stage(name, model):
    headless = build(name, (*SIZE, 3), None, **OPTIONS.get(name, {}))
    last = max(find_stages(model))
    assert headless.output_shape == model.get_layer(f"stride{last}").output.shape
    assert headless.count_params() == model.count_params() - sum(
        layer.count_params() for layer in model.layers if layer.name not in {own.name for own in headless.layers}
    )


def test_backbone_gives_its_feature_maps_by_stride(name, model, images):
    stages = find_stages(model)
    strides = (max(stages), min(stages))
    model = backbone(name, (*SIZE, 3), strides=strides, **OPTIONS.get(name, {}))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras warns of inputs that are not as the model has them
        maps = model(images)
    assert set(maps) == {f"stride{stride}" for stride in strides}
    for stride in strides:
        assert tuple(maps[f"stride{stride}"].shape) == (NUM_CLASSES, *stages[stride].output.shape[1:])


@pytest.mark.parametrize("strides", [(3,), ()])
def test_backbone_refuses_strides_that_it_does_not_have(name, strides):
    with pytest.raises(ValueError, match="strides must be some of stride"):
        backbone(name, (*SIZE, 3), strides=strides, **OPTIONS.get(name, {}))


def test_saved_and_loaded_it_answers_the_same(model, images, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(as_numpy(again(images)), as_numpy(model(images)), atol=1e-6)


@pytest.mark.parametrize("input_shape", [(4, 97, 3), (97, 4, 3), (97, 81, 1), (97, 81)])
def test_sizes_that_it_cannot_take_are_refused(name, input_shape):
    with pytest.raises(ValueError, match="input_shape must be"):
        build(name, input_shape, NUM_CLASSES, **OPTIONS.get(name, {}))


@pytest.mark.parametrize("num_classes", [1, 0, -3])
def test_fewer_than_two_classes_are_refused(name, num_classes):
    with pytest.raises(ValueError, match="num_classes must be at least 2"):
        build(name, (*SIZE, 3), num_classes, **OPTIONS.get(name, {}))


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=next(iter(CLASSIFIERS))):
        build("no_such_network", (*SIZE, 3), NUM_CLASSES)


def test_few_steps_on_one_batch_lower_its_loss(name, images):
    keras.utils.set_random_seed(1)
    model = build(name, (*SIZE, 3), NUM_CLASSES, **OPTIONS.get(name, {}))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, run_eagerly=True)  # tracing takes longer than these few steps
    losses = [float(model.train_on_batch(images, np.arange(NUM_CLASSES))) for _ in range(STEPS)]
    assert losses[-1] < 0.5 * losses[0]
