"""Windows by hand and counted in loops, and pictures stretched as TensorFlow does it."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerascnn.architectures import lenet5, vgg16
from kerascnn.ops import (
    WindowGeometry,
    count_windows,
    interpolate,
    pyramid_sizes,
    resize,
    source_positions,
    window_boxes,
    window_geometry,
)


def test_windows_of_lenet_are_those_of_its_crops():
    # 32 - 4 = 28, 14, 14 - 4 = 10, 5: the last unit of the 5 x 5 sees from pixel 16 to pixel 31.
    assert window_geometry(lenet5((32, 32, 1), 10)) == WindowGeometry((32, 32), (4, 4), (0, 0), (0, 0))
    # 33 - 4 = 29, of which pooling leaves out the last, 14: the window's last row is not seen.
    odd = window_geometry(lenet5((33, 36, 3), 10))
    assert odd == WindowGeometry((33, 36), (4, 4), (0, 0), (-1, 0))
    assert odd.exact


def test_padding_of_vgg_is_the_published_one():
    # Araujo et al. 2019: a field of 212 and an effective padding of 90. Of 64 pixels, two units: -90 + 32 + 212 = 154.
    geometry = window_geometry(vgg16((64, 96, 3), 2, hidden_units=2))
    assert geometry == WindowGeometry((64, 96), (32, 32), (90, 90), (90, 90))
    assert not geometry.exact


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_padding_on_one_side_is_not_exact(padding):
    # A stride of 2 makes "same" pad 32 pixels at the end only.
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(2, 3, strides=2, padding=padding),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    geometry = window_geometry(model)
    assert (geometry.before, geometry.exact) == ((0, 0), padding == "valid")
    assert geometry.after == ((1, 1) if padding == "same" else (-1, -1))


def test_classifier_without_a_map_has_a_window_at_every_pixel():
    model = keras.Sequential([keras.Input((5, 7, 3)), layers.Flatten(), layers.Dense(2)])
    assert window_geometry(model) == WindowGeometry((5, 7), (1, 1), (0, 0), (0, 0))


@pytest.mark.parametrize("image_size", [(8, 8), (9, 13), (7, 30), (31, 12), (1, 1)])
@pytest.mark.parametrize(("window", "stride"), [((8, 8), (4, 4)), ((3, 5), (2, 3)), ((1, 1), (1, 1)), ((2, 9), (7, 1))])
def test_windows_are_those_that_a_loop_finds(image_size, window, stride):
    corners = list(
        itertools.product(range(0, image_size[0], stride[0]), range(0, image_size[1], stride[1]))  # row by row
    )
    inside = [(y, x) for y, x in corners if y + window[0] <= image_size[0] and x + window[1] <= image_size[1]]
    rows, columns = count_windows(image_size, window, stride)
    assert rows * columns == len(inside)
    boxes = window_boxes(image_size, window, stride)
    assert (boxes.shape, boxes.dtype) == ((len(inside), 4), np.float32)
    assert boxes.tolist() == [[x, y, x + window[1], y + window[0]] for y, x in inside]


def test_boxes_are_in_pixels_of_the_original_picture():
    boxes = window_boxes((8, 9), (8, 4), (1, 5), scale=(0.5, 0.25))
    assert boxes.tolist() == [[0, 0, 16, 16], [20, 0, 36, 16]]


def test_pyramid_of_sizes_by_hand():
    # 480 * 0.33 = 158.4 is nearest to 32 + 32 * 4, and 640 * 0.33 = 211.2 to 32 + 45 * 4.
    assert pyramid_sizes((480, 640), (32, 32), (4, 4), (1.0, 0.5, 0.33)) == [(480, 640), (240, 320), (160, 212)]
    assert pyramid_sizes((32, 32), (32, 32), (4, 4), [1.0]) == [(32, 32)]
    assert pyramid_sizes((63, 70), (64, 64), (32, 32), [1.0]) == [(64, 64)]
    assert pyramid_sizes((40, 40), (32, 32), (4, 4), (2.0, 1.0, 0.5)) == [(80, 80), (40, 40)]  # 20 is too small
    assert pyramid_sizes((40, 40), (32, 32), (4, 4), (1.0, 1.001)) == [(40, 40)]


@pytest.mark.parametrize("image_size", [(480, 640), (333, 411), (71, 1001)])
def test_every_level_is_tiled_and_near_its_scale(image_size):
    window, stride, scales = (31, 40), (3, 16), (1.7, 1.0, 0.6)
    sizes = pyramid_sizes(image_size, window, stride, scales)
    assert len(sizes) == len(scales)
    for scale, size in zip(scales, sizes, strict=True):
        for side, level, extent, step in zip(image_size, size, window, stride, strict=True):
            assert (level - extent) % step == 0
            assert abs(level - side * scale) <= step / 2
        x1, y1, x2, y2 = window_boxes(size, window, stride).T
        assert (x1.min(), y1.min(), y2.max(), x2.max()) == (0, 0, *size)


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, -0.5)])
def test_scales_must_be_positive(scales):
    with pytest.raises(ValueError, match=r"scales must be positive, at least one\. Received"):
        pyramid_sizes((64, 64), (32, 32), (4, 4), scales)


def test_picture_smaller_than_a_window_at_all_scales_is_refused():
    message = r"a window, 32 x 32 pixels.* Received: a picture of 29 x 400, scales=\(1.0, 0.5\)\."
    with pytest.raises(ValueError, match=message):
        pyramid_sizes((29, 400), (32, 32), (4, 4), (1.0, 0.5))


@pytest.mark.parametrize("size", [(40, 52), (20, 26), (13, 77), (97, 41), (1, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_resize_is_that_of_tensorflow_with_the_first_pixel_held(size, dtype):
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 52, 3)).astype(dtype)
    expected = tf.raw_ops.ResizeBilinear(images=images, size=size, half_pixel_centers=False).numpy()
    resized = resize(images[0], size)
    assert (resized.shape, resized.dtype) == ((*size, 3), np.uint8)
    assert np.abs(resized - expected[0]).max() <= 0.5 + 1e-3
    interpolated = interpolate(images, *map(source_positions, (40, 52), size))
    np.testing.assert_array_equal(interpolated, np.round(interpolated))
    assert np.abs(interpolated - expected).max() <= 0.5 + 1e-3


def test_source_positions_by_hand():
    assert source_positions(4, 8).tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3]  # 3.5 would be beyond the last pixel
    assert source_positions(6, 4).tolist() == [0, 1.5, 3, 4.5]
    assert source_positions(3, 1).tolist() == [0]


def test_window_of_a_level_is_the_stretched_crop():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    level = resize(image, (12, 16))
    np.testing.assert_array_equal(level[4:8, 8:16], resize(image[16:32, 32:64], (4, 8)))
