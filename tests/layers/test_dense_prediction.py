"""Padding, cutting and unpooling, against naive loops; in graphs of any size, stored and loaded."""

import keras
import numpy as np
import pytest
from keras import ops

from kerascnn.layers import CropLike, MaxUnpooling2D, PadToMultiple


@pytest.mark.parametrize(("size", "padded"), [((8, 16), (8, 16)), ((9, 15), (16, 16)), ((1, 1), (8, 8))])
def test_pictures_are_padded_at_the_bottom_and_right_and_cut_back(size, padded, tmp_path):
    picture = keras.Input((None, None, 2))
    wide = PadToMultiple(8, value=7.0)(picture)
    model = keras.Model(picture, [wide, CropLike()([wide, picture])])
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).uniform(0, 255, (3, *size, 2)).astype("float32")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        found, cut = each.predict_on_batch(x)
        assert found.shape == (3, *padded, 2)
        np.testing.assert_array_equal(found[:, : size[0], : size[1]], x)
        assert (found[:, size[0] :] == 7).all() and (found[:, :, size[1] :] == 7).all()
        np.testing.assert_array_equal(cut, x)


def test_shapes_are_known_where_the_picture_s_is():
    picture = keras.Input((9, 15, 2))
    wide = PadToMultiple(8)(picture)
    assert wide.shape == (None, 16, 16, 2)
    assert CropLike()([wide, picture]).shape == (None, 9, 15, 2)


def test_the_middle_is_kept_of_what_is_cut_as_in_the_paper():
    x = np.arange(2 * 7 * 8 * 1, dtype="float32").reshape(2, 7, 8, 1)
    found = CropLike(centered=True)([x, np.zeros((2, 3, 4, 5))])
    np.testing.assert_array_equal(found, x[:, 2:5, 2:6])


def unpool_by_loop(values, before, size):
    found = np.zeros_like(before)
    for b, y, x, c in np.ndindex(values.shape):
        part = before[b, y * size : (y + 1) * size, x * size : (x + 1) * size, c]
        row, column = divmod(int(part.argmax()), size)
        found[b, y * size + row, x * size + column, c] = values[b, y, x, c]
    return found


@pytest.mark.parametrize("size", [2, 3])
def test_values_return_to_where_the_pooling_took_the_greatest_from(size):
    rng = np.random.default_rng(1)
    before = rng.integers(0, 3, (2, 2 * size, 3 * size, 4)).astype("float32")  # with many that are equal
    values = rng.normal(size=(2, 2, 3, 4)).astype("float32")
    np.testing.assert_array_equal(MaxUnpooling2D(size)([values, before]), unpool_by_loop(values, before, size))


def test_unpooling_undoes_a_pooling():
    x = np.random.default_rng(2).normal(size=(1, 6, 6, 3)).astype("float32")
    pooled = ops.max_pool(x, 2, 2)
    np.testing.assert_array_equal(ops.max_pool(ops.abs(MaxUnpooling2D()([pooled, x])), 2, 2), ops.abs(pooled))


def test_unpooling_is_stored_and_loaded_for_any_size(tmp_path):
    values, before = keras.Input((None, None, 2)), keras.Input((None, None, 2))
    model = keras.Model([values, before], MaxUnpooling2D()([values, before]))
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(3).normal(size=(2, 4, 6, 2)).astype("float32")
    inputs = [ops.convert_to_numpy(ops.max_pool(x, 2, 2)), x]
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(inputs), unpool_by_loop(*inputs, 2))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="multiple must be at least 1"):
        PadToMultiple(0)
    with pytest.raises(ValueError, match="smaller size only"):
        CropLike()([keras.Input((4, 4, 1)), keras.Input((5, 4, 1))])
