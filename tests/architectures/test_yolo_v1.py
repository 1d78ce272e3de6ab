"""YOLO's first version has the layers of its paper's figure 3, on any classifier's body."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import build, head_layers, yolo_v1

SMALL = {"grid": 3, "filters": 8, "hidden_units": 16}
HEAD = {"head_conv1", "head_conv2", "head_conv3", "head_conv4", "hidden", "cells"}


@pytest.fixture(scope="module")
def paper():
    """The network of the paper, but for one hidden unit in place of 4096, which would be 200 million weights."""
    return yolo_v1("extraction", (448, 448, 3), 20, batch_norm=False, hidden_units=1)


def test_has_the_layers_of_the_paper(paper):
    convolutions = [layer for layer in paper.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 24
    assert [(layer.filters, layer.kernel_size, layer.output.shape[1:3]) for layer in convolutions[-4:]] == [
        (1024, (3, 3), (14, 14)), *[(1024, (3, 3), (7, 7))] * 3
    ]  # fmt: skip
    assert [layer.name for layer in paper.layers if isinstance(layer, keras.layers.Dense)] == ["hidden", "cells"]
    assert paper.get_layer("cells").activation is keras.activations.linear
    assert paper.get_layer("hidden_dropout").input is paper.get_layer("hidden_leaky").output
    assert paper.output_shape == (None, 7, 7, 30)


def test_has_the_parameters_of_the_paper(paper):
    dense = sum(paper.get_layer(name).count_params() for name in ("hidden", "cells"))
    published = (7 * 7 * 1024 + 1) * 4096 + (4096 + 1) * 7 * 7 * 30
    assert paper.count_params() - dense + published == 271_703_550


@pytest.mark.parametrize(
    ("architecture", "size", "options"),
    [
        ("mobilenet_v2", (97, 65), {"alpha": 0.35}),
        ("resnet20", (21, 33), {}),
        ("vgg16", (32, 35), {}),
        ("lenet5", (17, 16), {"variant": "paper"}),
    ],
)
def test_stands_on_any_body_and_any_size(architecture, size, options):
    model = yolo_v1(architecture, (*size, 3), 3, boxes=1, **SMALL, **options)
    body = build(architecture, (*size, 3), None, **options)
    assert head_layers(model) == HEAD
    assert {layer.name for layer in body.layers} < {layer.name for layer in model.layers}
    images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    outputs = keras.ops.convert_to_numpy(model(images))
    assert outputs.shape == (2, 3, 3, 8)
    assert np.isfinite(outputs).all()
    assert np.ptp(outputs, axis=0).max() > 0  # the pictures differ


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    model = yolo_v1("lenet5", (33, 37, 3), 2, **SMALL)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    images = np.random.default_rng(0).uniform(0, 255, (2, 33, 37, 3)).astype("float32")
    np.testing.assert_array_equal(again(images), model(images))


def test_without_dropout_there_is_no_such_layer():
    model = yolo_v1("lenet5", (16, 16, 3), 2, dropout=0.0, **SMALL)
    assert "hidden_dropout" not in {layer.name for layer in model.layers}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, "num_classes=0"),
        ({"grid": 0}, "grid=0"),
        ({"boxes": 0}, "boxes=0"),
        ({"filters": 0}, "filters=0"),
        ({"hidden_units": 0}, "hidden_units=0"),
        ({"dropout": 1.0}, "dropout must lie in"),
        ({"alpha": 0.5}, "lenet5 has the options"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        yolo_v1("lenet5", **{"input_shape": (16, 16, 3), "num_classes": 2} | options)


def test_in_half_precision_the_answer_is_in_single():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = yolo_v1("resnet20", (32, 32, 3), 2, grid=2, filters=8, hidden_units=8)
    finally:
        keras.config.set_dtype_policy("float32")
    assert (model.get_layer("cells").compute_dtype, model.output.dtype) == ("float16", "float32")
