"""The network that stylises: its table, its sizes, and its styles against each other."""

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.architectures import select_style, style_network


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).uniform(0, 255, (3, 24, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def several():
    """A small network of three styles, whose scales and shifts differ."""
    keras.utils.set_random_seed(0)
    network, rng = style_network((24, 32, 3), 3, width=4, residual_blocks=2), np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, layers.Dense):
            layer.set_weights([rng.uniform(0.5, 1.5, layer.kernel.shape)])
    return network


def test_filters_kernels_and_strides_are_those_of_the_table():
    convolutions = [layer for layer in style_network((64, 64, 3)).layers if isinstance(layer, layers.Conv2D)]
    table = [(layer.filters, layer.kernel_size[0], layer.strides[0]) for layer in convolutions]
    residual = [(128, 3, 1)] * 10
    assert table == [(32, 9, 1), (64, 3, 2), (128, 3, 2), *residual, (64, 3, 1), (32, 3, 1), (3, 9, 1)]
    # Without biases, and with a scale and a shift for each channel of each convolution.
    weights = (
        9 * 9 * 3 * 32 + 9 * 32 * 64 + 9 * 64 * 128 + 10 * 9 * 128**2 + 9 * 128 * 64 + 9 * 64 * 32 + 9 * 9 * 32 * 3
    )
    scales = 2 * (32 + 64 + 128 + 1280 + 64 + 32 + 3)
    assert style_network((64, 64, 3)).count_params() == weights + scales


@pytest.mark.parametrize("size", [(16, 16), (20, 36)])
def test_pictures_have_the_size_and_range_of_photos(size):
    network = style_network((None, None, 3), width=2, residual_blocks=0)
    made = keras.ops.convert_to_numpy(network(np.full((2, *size, 3), 255, "float32")))
    assert made.shape == (2, *size, 3)
    assert made.min() >= 0 and made.max() <= 255


def test_one_style_of_several_is_the_network_asked_for_it(several, photos):
    for number in range(3):
        asked = several({"image": photos, "style": np.eye(3)[[number] * 3]})
        single = select_style(several, number)
        np.testing.assert_allclose(single(photos), asked, atol=0.05)  # of 255
        assert single.count_params() < several.count_params()


def test_pictures_of_a_batch_may_have_different_styles_and_mixtures(several, photos):
    same = photos[[0, 0, 0]]
    styles = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]], "float32")
    one, other, mixed = several({"image": same, "style": styles})
    assert np.abs(one - other).mean() > 5
    apart = several({"image": same[:1], "style": styles[2:]})[0]
    np.testing.assert_allclose(mixed, apart, atol=0.05)
    assert np.abs(mixed - one).mean() > 1 and np.abs(mixed - other).mean() > 1


def test_a_picture_does_not_depend_on_the_others_of_its_batch(photos):
    keras.utils.set_random_seed(0)
    network = style_network((24, 32, 3), width=4, residual_blocks=1)
    np.testing.assert_allclose(network(photos)[1], network(photos[1:2])[0], atol=0.05)
    np.testing.assert_allclose(network(photos, training=True), network(photos, training=False), atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((30, 32, 3),), "multiple of 4"),
        (((12, 32, 3),), "at least 16"),
        (((32, 32, 1),), r"\(height, width, 3\)"),
        (((32, 32, 3), 0), "num_styles and width must be at least 1"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        style_network(*arguments)


@pytest.mark.parametrize("number", [-1, 3])
def test_a_style_that_is_not_there_is_refused(several, number):
    with pytest.raises(ValueError, match=f"Received: {number} of 3"):
        select_style(several, number)


def test_a_network_of_one_style_has_nothing_to_select_from():
    with pytest.raises(ValueError, match="Received: 0 of 1"):
        select_style(style_network((16, 16, 3), width=2, residual_blocks=0), 0)
