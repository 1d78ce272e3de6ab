"""Darknet-19 and Extraction are the tables of their papers, which stand here as they are printed."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import backbone, darknet19, extraction, load_weights
from kerascnn.ops import describe
from tests.contracts.test_architectures import as_numpy, draw_weights, make_pictures

# YOLO9000, table 6, at 224 pixels: filters and kernel size, or None for a max pooling, and the side of the map it is
# computed on.
TABLE_6 = [
    (32, 3, 224), None, (64, 3, 112), None, (128, 3, 56), (64, 1, 56), (128, 3, 56), None, (256, 3, 28), (128, 1, 28),
    (256, 3, 28), None, (512, 3, 14), (256, 1, 14), (512, 3, 14), (256, 1, 14), (512, 3, 14), None, (1024, 3, 7),
    (512, 1, 7), (1024, 3, 7), (512, 1, 7), (1024, 3, 7),
]  # fmt: skip
# YOLO, figure 3, likewise, up to the 20th convolution, at the size of its pretraining.
FIGURE_3 = [
    (64, 7, 112), None, (192, 3, 56), None, (128, 1, 28), (256, 3, 28), (256, 1, 28), (512, 3, 28), None, (256, 1, 14),
    (512, 3, 14), (256, 1, 14), (512, 3, 14), (256, 1, 14), (512, 3, 14), (256, 1, 14), (512, 3, 14), (512, 1, 14),
    (1024, 3, 14), None, (512, 1, 7), (1024, 3, 7), (512, 1, 7), (1024, 3, 7),
]  # fmt: skip
OPERATIONS = 5.58e9  # YOLO9000, section 3, of Darknet-19; a multiplication and an addition are two


def rows_of(model):
    """Give the convolutions and max poolings of a model as the tables above have them."""
    kinds = (keras.layers.Conv2D, keras.layers.MaxPooling2D)
    for layer in (layer for layer in model.layers if isinstance(layer, kinds)):
        convolves = isinstance(layer, keras.layers.Conv2D)
        yield (layer.filters, layer.kernel_size[0], layer.output.shape[1]) if convolves else None


@pytest.mark.parametrize(("builder", "table"), [(darknet19, TABLE_6), (extraction, FIGURE_3)])
def test_has_the_layers_of_the_paper(builder, table):
    assert list(rows_of(builder((224, 224, 3), None))) == table


def test_darknet19_takes_the_operations_of_the_paper():
    description = describe(darknet19((224, 224, 3), 1000))
    # The paper's last convolution, 1024 to 1000 channels, is computed at 7 x 7 places, ours at one.
    multiply_adds = description.multiply_adds + 48 * 1024 * 1000
    assert 2 * multiply_adds == pytest.approx(OPERATIONS, rel=1e-3)


def test_logits_are_the_mean_of_a_convolution_of_the_features():
    model = draw_weights(darknet19((65, 97, 3), 5))
    images = make_pictures(2, (65, 97))[0].astype("float32")
    kernel, bias = model.get_layer("predictions").get_weights()
    features = as_numpy(keras.Model(model.input, model.get_layer("stride32").output)(images))
    scores = keras.ops.conv(features, kernel[np.newaxis, np.newaxis]) + bias  # (B, 3, 4, 5)
    np.testing.assert_allclose(model(images), as_numpy(scores).mean((1, 2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_every_convolution_is_normalised_or_has_a_bias_and_leaks(batch_norm):
    model = extraction((32, 32, 3), 2, batch_norm=batch_norm)
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(found) == 20
    assert all(layer.use_bias is not batch_norm for layer in found)
    for layer in found:
        leaky = model.get_layer(f"{layer.name}_leaky")
        before = model.get_layer(f"{layer.name}_bn") if batch_norm else layer
        assert leaky.input is before.output
        np.testing.assert_allclose(leaky(np.float32([[-2.0, 0.0, 3.0]])), [[-0.2, 0.0, 3.0]], rtol=1e-6)


def test_black_and_white_become_zero_and_one():
    model = darknet19((32, 32, 3), None)
    normalise = keras.Model(model.input, model.get_layer("normalise").output)
    images = np.stack([np.zeros((32, 32, 3)), np.full((32, 32, 3), 255.0)])
    np.testing.assert_allclose(as_numpy(normalise(images)), images / 255, atol=1e-6)


def test_backbone_gives_the_two_maps_that_yolo_v2_detects_on():
    maps = backbone("darknet19", (65, 97, 3), strides=(16, 32)).output
    assert {name: each.shape[1:] for name, each in maps.items()} == {"stride16": (5, 7, 512), "stride32": (3, 4, 1024)}


def test_weights_of_a_classifier_serve_for_larger_pictures(store):
    donor, model = darknet19((32, 32, 3), 4), darknet19((64, 96, 3), None)
    report = load_weights(model, store(donor, "x.weights.h5"))
    assert (report.mismatched, report.missing, report.skipped) == ((), (), ("predictions",))
    for array, expected in zip(model.get_weights(), donor.get_weights(), strict=False):
        np.testing.assert_array_equal(array, expected)
