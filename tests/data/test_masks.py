"""Masks as files hold them: palettes, colours, grey values; and as a data set holds them."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerascnn.data.checks import UnusableError
from kerascnn.data.masks import PixelMaps, check_size, encode_pixels, find_unknown, number_classes, read_mask


def encode(array, mode=None, palette=None, form="PNG"):
    picture = Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)
    if palette is not None:
        picture.putpalette(palette)
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 5, (4, 6)).astype(np.uint8)


def test_grey_values_are_the_classes(values):
    np.testing.assert_array_equal(read_mask(encode(values)), values)
    np.testing.assert_array_equal(read_mask(encode(values.astype(np.uint16))), values)
    np.testing.assert_array_equal(read_mask(encode(np.repeat(values[..., None], 3, axis=-1))), values)
    np.testing.assert_array_equal(read_mask(encode(values > 2)), values > 2)
    np.testing.assert_array_equal(read_mask(encode(values, form="TIFF")), values)


def test_indices_of_a_palette_are_the_classes_whatever_its_colours(values):
    values[0, 0] = 255
    palette = np.random.default_rng(1).integers(0, 256, 768).tolist()
    np.testing.assert_array_equal(read_mask(encode(values, "P", palette)), values)


def test_colours_stand_for_classes(values):
    colors = {(128, 0, 0): 0, (0, 128, 0): 1, (0, 0, 128): 2, (1, 2, 3): 3, (255, 255, 255): 4}
    picture = np.array(list(colors), np.uint8)[values]
    np.testing.assert_array_equal(read_mask(encode(picture), colors), values)
    opaque = np.concatenate([picture, np.full((4, 6, 1), 255, np.uint8)], axis=-1)
    np.testing.assert_array_equal(read_mask(encode(opaque), colors), values)
    with pytest.raises(UnusableError, match=r"colours: it has 1, 2, 3, which stands for no class"):
        read_mask(encode(picture), {color: number for color, number in colors.items() if number != 3})
    with pytest.raises(UnusableError, match=r"put a file colors.csv"):
        read_mask(encode(picture))


def test_what_is_no_mask_is_refused():
    with pytest.raises(UnusableError, match="not a picture"):
        read_mask(b"")
    with pytest.raises(UnusableError, match="values over 255, such as 300"):
        read_mask(encode(np.full((2, 2), 300, np.uint16)))


def test_masks_are_held_small_and_given_back(values):
    others = [values, np.zeros((1, 1), np.uint8), np.full((300, 200), 255, np.uint8)]
    masks = PixelMaps([encode_pixels(each) for each in others])
    assert len(masks) == 3 and sum(map(len, masks.encoded)) < 1000
    table = masks.as_table()
    for index, each in enumerate(others):
        np.testing.assert_array_equal(masks[index], each)
        found = table[tf.constant(index, tf.int64)]
        assert found.dtype == tf.int32
        np.testing.assert_array_equal(found, each)
    np.testing.assert_array_equal(masks.select([2, 0])[1], values)


def test_no_masks_make_a_table_too():
    assert len(PixelMaps([])) == 0
    PixelMaps([]).as_table()


def test_sizes_and_classes_are_checked(values):
    check_size(values, (4, 6))
    with pytest.raises(UnusableError, match="it has 4 x 6 pixels, the picture 6 x 4"):
        check_size(values, (6, 4))
    assert find_unknown(np.array([0, 4, 255]), 5) == ""
    assert "the value 7, and 5 classes are 0 to 4" in find_unknown(np.array([0, 7, 255]), 5)


def test_classes_without_names_have_numbers(values):
    assert number_classes([np.array([[0, 3]]), np.array([[255, 1]])]) == ("0", "1", "2", "3")
    assert number_classes([np.array([[255]])]) == number_classes([]) == ("0", "1")
