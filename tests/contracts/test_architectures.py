"""What every classifier of the table `CLASSIFIERS` promises. A new architecture has only to be in both tables.

The cheap promises (parameters, strides, the headless form, refusals) are checked of every network. The costly ones
(training, saving and loading, and in the files beside this one JAX and TFLite) are checked of one network of a family,
in each of its variants: members that differ only in how often a block is repeated have nothing of their own there.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn.architectures import CLASSIFIERS, backbone, build, stride_layers
from kerascnn.ops import describe

NUM_CLASSES = 3
STEPS = 8


@dataclass(frozen=True)
class Network:
    """A row of the tables.

    Attributes:
        name: in `CLASSIFIERS`.
        published_shape: height, width and channels of the picture for which the number of parameters is published.
        published_classes: likewise.
        parameters: that number.
        smallest: the least height and width.
        options: what makes the variant.
        with_statistics: whether the number counts the moving statistics of batch normalisations.
        size: (height, width) in the tests, odd and not square.
        narrow: options that make it small and its training steady in the tests.
        rounding: of the side of a map, side / stride; None where layers without padding lose more.
        learning_rate: in the tests.
    """

    name: str
    published_shape: tuple[int, int, int]
    published_classes: int
    parameters: int
    smallest: int
    options: Mapping[str, Any] = field(default_factory=dict)
    with_statistics: bool = True
    size: tuple[int, int] = (41, 35)
    narrow: Mapping[str, Any] = field(default_factory=dict)
    rounding: Callable[[float], int] | None = math.ceil
    learning_rate: float = 1e-3

    def __str__(self):
        return "-".join([self.name, *(f"{name}={value}" for name, value in self.options.items())])

    def build(self, num_classes, input_shape=None, **options):
        return build(self.name, input_shape or (*self.size, 3), num_classes, **self.options, **self.narrow, **options)


LENET = {"size": (37, 29), "rounding": None}
ALEXNET = {"size": (75, 65), "rounding": None, "narrow": {"hidden_units": 32, "dropout": 0.0}}
RESNET20 = {"size": (21, 17), "with_statistics": False}
INCEPTION = {"narrow": {"dropout": 0.0}, "with_statistics": False}
# With shortcuts that have no parameters, the paper's option A, the small ResNets have 269,722 parameters and so on, in
# the paper 0.27, 0.46, 0.66, 0.85 and 1.7 million. The two projections add 16 x 32 + 32 x 64 weights, and the scale and
# shift of 32 + 64 channels.
PROJECTIONS = 2_752
REPRESENTATIVES = (
    Network("lenet5", (32, 32, 1), 10, 61_706, 16, **LENET),
    Network("lenet5", (32, 32, 1), 10, 60_850, 16, {"variant": "paper"}, **LENET),
    Network("alexnet", (224, 224, 3), 1000, 61_100_840, 63, **ALEXNET),
    Network("alexnet", (224, 224, 3), 1000, 60_965_224, 63, {"variant": "paper"}, **ALEXNET),
    Network(
        "vgg16", (224, 224, 3), 1000, 138_357_544, 32, narrow=ALEXNET["narrow"], rounding=math.floor, learning_rate=1e-4
    ),
    Network("resnet50", (224, 224, 3), 1000, 25_636_712, 32),
    Network("resnet20", (32, 32, 3), 10, 269_722 + PROJECTIONS, 8, **RESNET20),
    Network("inception_v1", (224, 224, 3), 1000, 6_624_904, 32, **INCEPTION),
    Network("inception_v1", (224, 224, 3), 1000, 6_998_552, 32, {"batch_norm": False}, **INCEPTION),
    Network("mobilenet_v1", (224, 224, 3), 1000, 4_253_864, 32, narrow={"alpha": 0.25}),
    Network("mobilenet_v2", (224, 224, 3), 1000, 3_538_984, 32, narrow={"alpha": 0.35}),
    Network("extraction", (224, 224, 3), 1000, 23_437_224, 32, with_statistics=False),
    Network("extraction", (224, 224, 3), 1000, 23_428_136, 32, {"batch_norm": False}, learning_rate=1e-4),
    Network("darknet19", (224, 224, 3), 1000, 20_842_376, 32, with_statistics=False),
)
# Those that differ from a representative only in how often its blocks are repeated.
DEEPER = (
    Network("resnet101", (224, 224, 3), 1000, 44_707_176, 32),
    Network("resnet152", (224, 224, 3), 1000, 60_419_944, 32),
    Network("resnet32", (32, 32, 3), 10, 464_154 + PROJECTIONS, 8, **RESNET20),
    Network("resnet44", (32, 32, 3), 10, 658_586 + PROJECTIONS, 8, **RESNET20),
    Network("resnet56", (32, 32, 3), 10, 853_018 + PROJECTIONS, 8, **RESNET20),
    Network("resnet110", (32, 32, 3), 10, 1_727_962 + PROJECTIONS, 8, **RESNET20),
)
NETWORKS = (*REPRESENTATIVES, *DEEPER)


def draw_weights(model, *, shift=0.05):
    """Draw weights that neither fade the signal out nor blow it up, and statistics that are not those of the start."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        shapes = [weight.shape for weight in layer.weights]
        if isinstance(layer, keras.layers.BatchNormalization):
            beta, mean = rng.normal(0, shift, (2, *shapes[0]))
            layer.set_weights([rng.uniform(0.8, 1.2, shapes[0]), beta, mean, rng.uniform(0.7, 1.4, shapes[0])])
        elif shapes:
            kernel, *biases = shapes
            inputs = kernel[:2] if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel[:-1]
            deviation = np.sqrt(1.6 / np.prod(inputs))  # between that for ReLU, 2, and that for linear layers, 1
            layer.set_weights([rng.normal(0, deviation, kernel), *(rng.normal(0, shift, bias) for bias in biases)])
    return model


def make_pictures(count, size, seed=0):
    """Draw smooth pictures (N, H, W, 3) uint8, reddish, greenish or bluish in turn, with that as labels (N,)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % NUM_CLASSES
    corners = rng.uniform(0, 120, (count, 3, 3, 3))
    corners[np.arange(count), :, :, labels] += 110
    pictures = keras.ops.convert_to_numpy(keras.ops.image.resize(corners.astype("float32"), size))
    return pictures.clip(0, 255).astype("uint8"), labels


def find_strides(model):
    """Give the (height, width) stride of every layer by its name, as the arithmetic of its layers has it."""
    return {row.name: row.stride for row in describe(model).rows}


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def assert_close(found, expected):
    """Compare by the size of the largest number, whatever that is."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.fixture(scope="module", params=NETWORKS, ids=str)
def network(request):
    return request.param


@pytest.fixture(scope="module")
def headless(network):
    return network.build(None)


@pytest.fixture(scope="module", params=REPRESENTATIVES, ids=str)
def representative(request):
    return request.param


@pytest.fixture(scope="module")
def model(representative):
    return draw_weights(representative.build(NUM_CLASSES))


@pytest.fixture(scope="module")
def images(representative):
    return make_pictures(NUM_CLASSES, representative.size)[0].astype("float32")


def test_every_classifier_is_in_the_table():
    assert {network.name for network in NETWORKS} == set(CLASSIFIERS)
    assert all(side % 2 for network in NETWORKS for side in network.size)


def test_has_the_published_parameters(network):
    published = build(network.name, network.published_shape, network.published_classes, **network.options)
    weights = published.weights if network.with_statistics else published.trainable_weights
    assert sum(math.prod(weight.shape) for weight in weights) == network.parameters


def test_every_stage_has_the_stride_and_the_size_that_its_name_says(network, headless):
    strides, stages = find_strides(headless), stride_layers(headless)
    numbers = [int(name.removeprefix("stride")) for name in stages]
    assert numbers and numbers == sorted(set(numbers))
    for name, number in zip(stages, numbers, strict=True):
        assert strides[name] == (number, number), name
        if network.rounding:
            expected = tuple(network.rounding(side / number) for side in network.size)
            assert headless.get_layer(name).output.shape[1:3] == expected, name


def test_headless_network_ends_in_its_last_stage(headless):
    assert headless.layers[-1].name == stride_layers(headless)[-1]
    assert len(headless.output_shape) == 4
    assert "predictions" not in {layer.name for layer in headless.layers}


@pytest.mark.parametrize("axis", [0, 1])
def test_sizes_that_are_too_small_are_refused(network, axis):
    shape = [99, 99, 3]
    shape[axis] = network.smallest - 1
    with pytest.raises(ValueError, match=f"input_shape must be .* at least {network.smallest} pixels"):
        network.build(NUM_CLASSES, tuple(shape))


@pytest.mark.parametrize("input_shape", [(99, 81), (99, 81, 3, 1), (None, None, 3), (99.0, 81, 3)])
def test_shapes_that_are_none_are_refused(network, input_shape):
    with pytest.raises(ValueError, match="input_shape must be three integers"):
        network.build(NUM_CLASSES, input_shape)


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_other_channels_are_refused(network, channels):
    with pytest.raises(ValueError, match=r"input_shape must be \(height, width, (1 or )?3\)"):
        network.build(NUM_CLASSES, (99, 81, channels))


@pytest.mark.parametrize("coloured", [network for network in NETWORKS if network.name != "lenet5"], ids=str)
def test_grey_pictures_are_refused(coloured):
    with pytest.raises(ValueError, match=r"input_shape must be \(height, width, 3\)"):
        coloured.build(NUM_CLASSES, (99, 81, 1))


@pytest.mark.parametrize("variant", ["modern", "paper"])
def test_lenet_takes_grey_pictures(variant):
    model = build("lenet5", (37, 29, 1), NUM_CLASSES, variant=variant)
    assert model(np.zeros((2, 37, 29, 1), "uint8")).shape == (2, NUM_CLASSES)


def test_fewer_than_two_classes_are_refused(network):
    with pytest.raises(ValueError, match=r"num_classes must be at least 2.*num_classes=1"):
        network.build(1)


@pytest.mark.parametrize("num_classes", [0, -3])
def test_no_classes_are_refused(num_classes):
    with pytest.raises(ValueError, match="num_classes must be at least 2"):
        build("lenet5", (37, 29, 3), num_classes)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=", ".join(CLASSIFIERS)):
        build("no_such_network", (99, 81, 3), NUM_CLASSES)


def test_smallest_picture_is_taken(representative):
    smallest = representative.smallest
    model = draw_weights(representative.build(NUM_CLASSES, (smallest, smallest, 3)))
    logits = as_numpy(model(make_pictures(2, (smallest, smallest))[0]))
    assert np.isfinite(logits).all()
    assert np.ptp(logits, axis=0).max() > 0  # something of the pictures is left


def test_gives_a_logit_for_each_class(representative, model, images):
    assert type(model).__module__.startswith("keras.")  # a functional model, not a subclass of ours
    assert model.input_shape == (None, *representative.size, 3)
    assert model.output_shape == (None, NUM_CLASSES)
    assert model.layers[-1].name == "predictions"
    logits = as_numpy(model(images))
    assert np.isfinite(logits).all()
    assert not np.allclose(logits.sum(-1), 1)  # no softmax


def test_pictures_of_a_batch_do_not_leak_into_each_other(model, images):
    together = as_numpy(model(images))
    assert np.ptp(together, axis=0).max() > 1e-3 * np.abs(together).max()  # the pictures reach the logits
    assert_close(np.concatenate([as_numpy(model(images[i : i + 1])) for i in range(len(images))]), together)


def test_integer_pictures_give_what_float_ones_give(model, images):
    whole = images.astype("uint8")
    np.testing.assert_array_equal(as_numpy(model(whole)), as_numpy(model(whole.astype("float32"))))


def test_headless_network_is_the_network_without_its_head(representative, model):
    headless = representative.build(None)
    own = {layer.name for layer in headless.layers}
    assert headless.output_shape == model.get_layer(stride_layers(model)[-1]).output.shape
    assert own < {layer.name for layer in model.layers}
    head = sum(layer.count_params() for layer in model.layers if layer.name not in own)
    assert headless.count_params() == model.count_params() - head


def test_backbone_gives_its_feature_maps_by_stride(representative, model, images):
    names = stride_layers(model)[::-1]
    found = backbone(
        representative.name,
        (*representative.size, 3),
        strides=tuple(int(name.removeprefix("stride")) for name in names),
        **representative.options,
        **representative.narrow,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras warns of inputs that are not as the model has them
        maps = found(images)
    assert sorted(maps) == sorted(names)
    for name in names:
        assert tuple(maps[name].shape) == (NUM_CLASSES, *model.get_layer(name).output.shape[1:])


@pytest.mark.parametrize("strides", [(3,), (4, 64), ()])
def test_backbone_refuses_strides_that_it_does_not_have(strides):
    with pytest.raises(ValueError, match="strides must be some of stride1, stride2, stride4 of lenet5"):
        backbone("lenet5", (37, 29, 3), strides=strides)


def test_saved_and_loaded_it_answers_the_same(model, images, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(as_numpy(again(images)), as_numpy(model(images)))


def test_few_steps_on_one_batch_lower_its_loss(representative):
    keras.utils.set_random_seed(0)
    model = representative.build(NUM_CLASSES)
    images, labels = make_pictures(4 * NUM_CLASSES, representative.size)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Tracing takes longer than these few steps.
    model.compile(keras.optimizers.Adam(representative.learning_rate), loss, run_eagerly=True)
    first = float(model.train_on_batch(images, labels))
    assert any(float(model.train_on_batch(images, labels)) < 0.8 * first for _ in range(STEPS))
