"""YOLO's network: the places of its predictions, its parameters by hand, and bodies and sizes of every kind."""

import math

import keras
import numpy as np
import pytest

from kerascnn.architectures import head_layers, yolo
from kerascnn.ops import split_predictions
from tests.contracts.test_architectures import draw_weights, make_pictures

ANCHORS = (((5.0, 8.0), (9.0, 6.0)), ((20.0, 25.0),), ((40.0, 30.0), (30.0, 60.0), (50.0, 50.0)))  # of three grids
SIZE = (64, 96)
SMALL = {"alpha": 0.35, "filters": 16}
CLASSES = 3


def build(strides=(8, 16, 32), *, architecture="mobilenet_v2", size=SIZE, classes=CLASSES, **options):
    options = (SMALL if architecture == "mobilenet_v2" else {"filters": 16}) | options
    return yolo(architecture, (*size, 3), classes, ANCHORS[: len(strides)], strides=strides, **options)


def list_places(strides, size=SIZE):
    """List column, row, stride and anchor of every prediction, grid by grid, row by row."""
    return [
        (column, row, stride, *anchor)
        for stride, anchors in zip(strides, ANCHORS, strict=False)
        for row in range(size[0] // stride)
        for column in range(size[1] // stride)
        for anchor in anchors
    ]


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("strides", [(8, 16, 32), (16, 32), (8, 32), (16,), (32,)])
@pytest.mark.parametrize("passthrough", [False, True])
def test_predictions_stand_where_they_say(strides, passthrough):
    model = build(strides, passthrough=passthrough)
    places = list_places(strides)
    assert model.output_shape == (None, len(places), 5 + CLASSES + 5)
    outputs = as_numpy(model(make_pictures(2, SIZE)[0]))
    assert outputs.dtype == np.float32
    np.testing.assert_array_equal(outputs[..., -5:], [places] * 2)
    assert np.isfinite(outputs).all()


@pytest.mark.parametrize(
    ("architecture", "strides", "options"),
    [
        ("vgg16", (16, 32), {"separable": False}),
        ("resnet50", (8, 16, 32), {}),
        ("resnet20", (4,), {"separable": False, "passthrough": True}),
        ("inception_v1", (16, 32), {}),
        ("mobilenet_v1", (32,), {"alpha": 0.25, "offsets": "linear"}),
    ],
)
def test_every_body_whose_maps_cover_the_picture_serves(architecture, strides, options):
    model = build(strides, architecture=architecture, **options)
    assert model.output_shape == (None, len(list_places(strides)), 13)
    assert model.name == architecture


@pytest.mark.parametrize(("architecture", "strides"), [("alexnet", (32,)), ("lenet5", (4,))])
def test_bodies_that_lose_the_border_are_refused(architecture, strides):
    with pytest.raises(ValueError, match=rf"{architecture} has layers without padding: its map of stride \d has"):
        build(strides, architecture=architecture)


def count(layers):
    return sum(layer.count_params() for layer in layers)


def test_parameters_of_one_plain_grid_by_hand():
    model = build((32,), separable=False)
    body = yolo_body_channels(model, 32)
    # Two kernels and a 3 x 3 one each, four numbers of a normalisation, and heads with a bias for 2 anchors.
    step = body * 16 + 4 * 16 + 9 * 16 * 16 + 4 * 16
    head = 9 * 16 * 16 + 4 * 16 + 17 * 2 * (4 + 1 + CLASSES)
    assert count(model.get_layer(name) for name in head_layers(model)) == step + head


def test_parameters_of_two_separable_grids_with_a_passthrough_by_hand():
    model = build((16, 32), passthrough=True)
    coarse, fine = yolo_body_channels(model, 32), yolo_body_channels(model, 16)

    def convolution(inputs, filters):
        return inputs * filters + 4 * filters

    separable = 9 * 16 + 4 * 16 + convolution(16, 16)
    passthrough = convolution(fine, 64)
    steps = convolution(coarse + 4 * 64, 16) + separable + convolution(16, 8) + convolution(8 + fine, 16) + separable
    heads = 2 * separable + 17 * (2 + 1) * (4 + 1 + CLASSES)
    assert count(model.get_layer(name) for name in head_layers(model)) == passthrough + steps + heads


def yolo_body_channels(model, stride):
    return model.get_layer(f"stride{stride}").output.shape[-1]


def test_passthrough_stacks_four_places_of_the_finer_map():
    model = build((32,), passthrough=True)
    joined = model.get_layer("passthrough").output
    assert joined.shape[1:] == (2, 3, yolo_body_channels(model, 32) + 4 * 64)
    finer = keras.Model(model.input, model.get_layer("passthrough_stride16_relu").output)
    pictures = make_pictures(2, SIZE)[0]
    found = as_numpy(keras.Model(model.input, joined)(pictures))[..., -4 * 64 :]
    maps = as_numpy(finer(pictures))
    expected = [maps[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=-1), rtol=1e-5)


def test_an_untrained_network_hardly_says_that_there_is_something():
    found = split_predictions(build()(make_pictures(2, SIZE)[0]))
    probabilities = as_numpy(keras.ops.sigmoid(found.objectness))
    assert np.median(probabilities) == pytest.approx(0.01, rel=0.5)


def test_raw_heads_are_what_the_predictions_are_made_of():
    model = draw_weights(build((16, 32)))
    names = [f"{part}_stride{stride}" for stride in (16, 32) for part in ("objectness", "classes")]
    raw = keras.Model(model.input, {name: model.get_layer(name).output for name in names} | {"all": model.output})
    found = {name: as_numpy(values) for name, values in raw(make_pictures(2, SIZE)[0]).items()}
    assert found["objectness_stride16"].shape == (2, 4, 6, 2)
    for part, columns in (("objectness", slice(4, 5)), ("classes", slice(5, 5 + CLASSES))):
        width = columns.stop - columns.start
        flat = [found[f"{part}_stride{stride}"].reshape(2, -1, width) for stride in (16, 32)]
        np.testing.assert_array_equal(found["all"][..., columns], np.concatenate(flat, axis=1))


def test_pictures_of_any_size_are_answered_as_by_networks_of_that_size(tmp_path):
    model = draw_weights(build(size=(None, None), passthrough=True))
    assert (model.input_shape, model.output_shape) == ((None, None, None, 3), (None, None, 13))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for size in (SIZE, (96, 32)):
        fixed = build(size=size, passthrough=True)
        assert [layer.name for layer in fixed.layers if layer.weights] == [
            layer.name for layer in model.layers if layer.weights
        ]
        fixed.set_weights(model.get_weights())
        pictures = make_pictures(2, size)[0]
        expected = as_numpy(fixed(pictures))
        scale = np.abs(expected).max()
        for each in (model, again):
            np.testing.assert_allclose(as_numpy(each(pictures)), expected, rtol=0, atol=1e-5 * scale)


def test_body_of_any_size_has_the_weights_that_it_is_given(tmp_path):
    source = draw_weights(build((32,)))
    source.save_weights(tmp_path / "body.weights.h5")
    models = [build((32,), size=size, weights=tmp_path / "body.weights.h5") for size in (SIZE, (None, None))]
    for name in ("Conv1", "stride32"):
        layers = [model.get_layer(name) for model in (source, *models)]
        for weights in zip(*(layer.get_weights() for layer in layers), strict=True):
            assert all((weights[0] == other).all() for other in weights[1:])


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    model = draw_weights(build((16, 32), passthrough=True))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    pictures = make_pictures(2, SIZE)[0]
    np.testing.assert_array_equal(as_numpy(again(pictures)), as_numpy(model(pictures)))
    assert np.ptp(as_numpy(model(pictures)), axis=0).max() > 1e-2  # the pictures reach the predictions


@pytest.mark.parametrize("strides", [(16, 32), (32,)])
def test_predictions_of_half_precision_are_pixels_in_full(strides):
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = build(strides)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    assert model.output.dtype == "float32"
    assert model.get_layer("offsets_stride32").compute_dtype == "float16"
    outputs = as_numpy(model(make_pictures(1, SIZE)[0]))
    np.testing.assert_array_equal(outputs[0, :, -5:], list_places(strides))


def test_finer_grids_see_what_the_coarse_one_sees():
    # A change in one corner reaches the finest cell of the other corner, by the path from the last map.
    model = draw_weights(build((8,), size=(64, 64)))
    pictures = make_pictures(1, (64, 64))[0].astype("float32").repeat(2, axis=0)
    pictures[1, :8, :8] = 255 - pictures[1, :8, :8]
    outputs = as_numpy(model(pictures))
    assert np.abs(outputs[0, -1] - outputs[1, -1]).max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 0}, "num_classes must be at least 1. Received: num_classes=0"),
        ({"strides": (5,)}, r"strides must be rising, and some of \[2, 4, 8, 16, 32\] of mobilenet_v2"),
        ({"strides": (32, 16)}, r"Received: strides=\(32, 16\)"),
        ({"strides": (16, 16)}, r"Received: strides=\(16, 16\)"),
        ({"strides": ()}, "strides must be rising"),
        ({"strides": (2,), "passthrough": True}, "passthrough needs a map of half the last of the strides"),
        ({"size": (64, 90)}, r"multiples of 32, the last stride of mobilenet_v2_0.35. Received: 64 x 90"),
        ({"size": (33, 64)}, "Received: 33 x 64"),
        ({"size": (None, 64)}, "input_shape must be three integers"),
        ({"size": (32, 0)}, "at least 32 pixels"),
        ({"architecture": "lenet6"}, "lenet6"),
        ({"beta": 3}, "Received: beta"),
        ({"offsets": "tanh"}, "form='tanh'"),
    ],
)
def test_what_makes_no_network_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_anchors_of_another_number_of_grids_are_refused():
    with pytest.raises(ValueError, match=r"anchors must be one list for each of the strides \(16, 32\)"):
        yolo("mobilenet_v2", (64, 64, 3), 2, ANCHORS, strides=(16, 32), **SMALL)


def test_the_share_of_objects_is_in_the_bias():
    bias = build((32,)).get_layer("objectness_stride32").get_weights()[1]
    np.testing.assert_allclose(bias, math.log(0.01 / 0.99), rtol=1e-6)
