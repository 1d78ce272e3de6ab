"""The parts of a network by name: what is before a stage, what is the head."""

import keras
import pytest
from keras import layers

from kerascnn.architectures import head_layers, headless, layers_below, layers_of, stride_layers


@pytest.fixture(scope="module")
def model():
    """Two stages with a shortcut, and a classifier beside the last stage that only helps in training."""
    inputs = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(3, 3, padding="same", name="conv1")(inputs)
    x = layers.Add(name="stride1")([x, inputs])
    x = layers.Conv2D(4, 3, strides=2, name="conv2")(x)
    beside = layers.Dense(2, name="auxiliary")(layers.Flatten(name="auxiliary_flatten")(x))
    x = layers.BatchNormalization(name="stride2")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(2, name="predictions")(layers.Dense(5, name="fc")(x))
    return keras.Model(inputs, layers.Concatenate(name="both")([x, beside]), name="tiny")


@pytest.fixture(scope="module")
def plain():
    """A network without stages."""
    inputs = layers.Input((8, 8, 3), name="image")
    x = layers.Dense(5, name="fc")(layers.Flatten(name="flatten")(inputs))
    return keras.Model(inputs, layers.Dense(2, name="predictions")(x), name="plain")


def test_stages_are_listed_in_the_order_of_the_network(model, plain):
    assert stride_layers(model) == ["stride1", "stride2"]
    assert stride_layers(plain) == []


def test_names_that_only_look_like_a_stage_are_none():
    inputs = layers.Input((8, 8, 3), name="stride0_image")
    x = layers.ReLU(name="stride")(inputs)
    x = layers.ReLU(name="my_stride2")(layers.ReLU(name="stride2_relu")(x))
    assert stride_layers(keras.Model(inputs, x)) == []


@pytest.mark.parametrize(
    ("part", "below"),
    [
        ("all", set()),
        ("stride1", set()),
        ("stride2", {"image", "conv1", "stride1"}),
        ("head", {"image", "conv1", "stride1", "conv2", "stride2"}),
        ("image", set()),
        ("conv1", {"image"}),
        ("conv2", {"image", "conv1", "stride1"}),
        ("predictions", {"image", "conv1", "stride1", "conv2", "stride2", "pool", "fc"}),
    ],
)
def test_what_a_part_is_computed_from(part, below, model):
    assert layers_below(model, part) == below


def test_all_of_a_network_without_stages_may_be_trained(plain):
    assert layers_below(plain, "all") == set()


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("stride1", {"image", "conv1", "stride1"}),
        ("stride2", {"conv2", "stride2"}),
        ("head", {"auxiliary", "auxiliary_flatten", "pool", "fc", "predictions", "both"}),
    ],
)
def test_the_layers_of_a_part_are_those_of_no_other(part, names, model):
    assert layers_of(model, part) == names


@pytest.mark.parametrize("part", ["stride4", "all", "conv1"])
def test_layers_of_unknown_parts_list_the_parts(part, model):
    with pytest.raises(ValueError, match=f"tiny has the parts stride1, stride2, head.*Received: '{part}'"):
        layers_of(model, part)


@pytest.mark.parametrize("part", ["stride4", "stage2", ""])
def test_unknown_parts_list_the_stages(part, model):
    with pytest.raises(ValueError, match=f"tiny has the stages stride1, stride2.*Received: '{part}'"):
        layers_below(model, part)


@pytest.mark.parametrize("part", ["head", "stride2"])
def test_a_network_without_stages_has_no_parts(part, plain):
    with pytest.raises(ValueError, match="plain has the stages none"):
        layers_below(plain, part)


def test_head_is_all_with_weights_that_is_not_before_the_end_of_the_last_stage(model, plain):
    assert head_layers(model) == {"fc", "predictions", "auxiliary"}
    assert head_layers(plain) == {"predictions"}  # not fc: nothing says that it is of the head


def test_a_headless_network_has_no_head(model):
    cut = headless(model)
    assert head_layers(cut) == set()
    assert cut.name == "tiny"
    assert cut.output_shape == (None, 3, 3, 4)
    assert cut.get_layer("conv1") is model.get_layer("conv1")


def test_where_no_stage_ends_the_head_cannot_be_cut_off(plain):
    with pytest.raises(ValueError, match="plain has no layers named strideN"):
        headless(plain)
