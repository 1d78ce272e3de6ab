"""The deconvolution network: the notes' table, the paper's unpooling, VGG-16's weights; and its operation itself."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import deconvnet, load_weights, vgg16

# The table of the notes: (transpose convolutions, their filters) after each upsampling.
TABLE = [(3, 512), (3, 512), (3, 256), (2, 128), (2, 64)]


def transpose_by_loop(x, kernel, stride):
    """Multiply each element by the filter, project the results onto the output, and sum where they overlap."""
    batch, rows, columns, _ = x.shape
    height, width, filters, _ = kernel.shape
    found = np.zeros((batch, (rows - 1) * stride + height, (columns - 1) * stride + width, filters))
    for b, row, column in np.ndindex(batch, rows, columns):
        place = found[b, row * stride : row * stride + height, column * stride : column * stride + width]
        place += kernel @ x[b, row, column]
    return found


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (2, 2), (3, 2), (1, 1)])
def test_transpose_convolution_is_what_the_notes_explain(size, stride):
    rng = np.random.default_rng(0)
    layer = keras.layers.Conv2DTranspose(4, size, strides=stride, use_bias=False)
    x = rng.normal(size=(2, 3, 5, 6)).astype("float32")
    found = layer(x)
    np.testing.assert_allclose(found, transpose_by_loop(x, layer.get_weights()[0], stride), atol=1e-5)


def test_blocks_are_those_of_the_table_with_an_upsampling_before_each():
    model = deconvnet((64, 64, 3), 7, hidden_units=8)
    widths = {layer.name: layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2DTranspose)}
    expected = {
        f"block{block}_deconv{number}": filters
        for block, (convolutions, filters) in zip(range(5, 0, -1), TABLE, strict=True)
        for number in range(1, convolutions + 1)
    }
    assert widths == expected | {"predictions": 7}
    sides = [model.get_layer(f"block{block}_upsample").output.shape[1] for block in range(5, 0, -1)]
    assert sides == [4, 8, 16, 32, 64]
    assert model.output_shape == (None, 64, 64, 7)


def test_switches_narrow_blocks_as_the_paper_s_table():
    model = deconvnet((32, 32, 3), 2, hidden_units=8, unpooling="switches")
    last = [model.get_layer(f"block{block}_deconv{3 if block > 2 else 2}").filters for block in range(5, 0, -1)]
    assert last == [512, 256, 128, 64, 64]


def test_values_go_back_to_the_places_of_the_maxima():
    keras.utils.set_random_seed(0)
    model = deconvnet((32, 32, 3), 2, hidden_units=8, unpooling="switches")
    names = ("stride1", "block1_pool", "block1_unpool")
    maps = keras.Model(model.input, [model.get_layer(name).output for name in names])
    before, pooled, spread = maps.predict_on_batch(np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)))
    rows, columns, channels = np.nonzero(spread[0])
    assert len(rows)
    np.testing.assert_array_equal(before[0, rows, columns, channels], pooled[0, rows // 2, columns // 2, channels])


def test_a_bottleneck_of_convolutions_takes_any_size():
    model = deconvnet((None, None, 3), 3, bottleneck="convolution", hidden_units=8)
    for size in ((32, 64), (45, 33)):
        assert model.predict_on_batch(np.zeros((2, *size, 3))).shape == (2, *size, 3)


def test_options_change_what_they_say():
    pictures = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    plain = deconvnet((32, 32, 3), 3, hidden_units=8, batch_norm=False)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in plain.layers)
    assert np.isfinite(plain.predict_on_batch(pictures)).all()
    dropping = deconvnet((32, 32, 3), 3, hidden_units=8, dropout=0.4)
    rates = [layer.rate for layer in dropping.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates and set(rates) == {0.4}


def test_a_dense_bottleneck_takes_any_size_that_is_known():
    assert deconvnet((45, 60, 3), 3, hidden_units=8).output_shape == (None, 45, 60, 3)


def test_weights_of_vgg16_load_into_the_path_down(tmp_path):
    vgg = vgg16((32, 32, 3), 5, hidden_units=8)
    vgg.save_weights(tmp_path / "vgg.weights.h5")
    model = deconvnet((32, 32, 3), 2, hidden_units=8)
    report = load_weights(model, tmp_path / "vgg.weights.h5")
    shared = {layer.name for layer in vgg.layers if layer.weights} - {"predictions"}  # fc1 and fc2 too
    assert set(report.loaded) == shared
    for name in shared:
        np.testing.assert_array_equal(model.get_layer(name).get_weights()[0], vgg.get_layer(name).get_weights()[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "num_classes must be at least 2"),
        ({"hidden_units": 0}, "hidden_units at least 1"),
        ({"unpooling": "max"}, "unpooling must be upsample or switches"),
        ({"bottleneck": "fc"}, "bottleneck must be dense or convolution"),
        ({"input_shape": (None, None, 3)}, "needs the size of the pictures"),
        ({"dropout": -0.1}, "dropout must lie"),
    ],
)
def test_what_makes_no_network_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        deconvnet(**{"input_shape": (32, 32, 3), "num_classes": 2} | arguments)
