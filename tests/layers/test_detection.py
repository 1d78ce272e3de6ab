"""The layers that detectors end in, against naive loops and the functions that they call."""

import keras
import numpy as np
import pytest

from kerascnn.layers import AnchorGrid, NonMaxSuppression
from kerascnn.ops import non_max_suppression


def test_suppression_in_a_model_is_that_of_the_function_and_can_be_stored(tmp_path):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (2, 40, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 30, (2, 40, 2))], axis=-1).astype("float32")
    scores = rng.uniform(0, 1, (2, 40, 3)).astype("float32")
    inputs = keras.Input((None, 4)), keras.Input((None, 3))
    model = keras.Model(inputs, NonMaxSuppression(0.3, 0.5, 99)(*inputs))
    expected = non_max_suppression(boxes, scores, iou_threshold=0.3, score_threshold=0.5, max_detections=99)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        found = each.predict_on_batch([boxes, scores])
        for name, values in expected._asdict().items():
            np.testing.assert_array_equal(found[name], values)
            stated = each.output[name]
            assert (stated.shape[1:], stated.dtype) == (values.shape[1:], found[name].dtype.name)
    assert 0 < min(found["count"]) < max(found["count"]) < 99


def test_suppression_is_refused_before_a_graph_is_made():
    with pytest.raises(ValueError, match="max_detections must be a whole number"):
        NonMaxSuppression(max_detections=0)


ANCHORS = ((10.0, 20.0), (30.5, 5.0), (7.0, 7.0))


def decode_naively(offsets, stride, anchors, form):
    """Give (B, rows columns anchors, 9) of offsets (B, rows, columns, 4 anchors)."""
    found = []
    for picture in offsets:
        for row, column in np.ndindex(picture.shape[:2]):
            for number, (width, height) in enumerate(anchors):
                t_x, t_y, t_w, t_h = map(float, picture[row, column, 4 * number : 4 * number + 4])
                t_x, t_y = (1 / (1 + np.exp(-t)) if form == "sigmoid" else t + 0.5 for t in (t_x, t_y))
                x, y, w, h = (column + t_x) * stride, (row + t_y) * stride, width * np.exp(t_w), height * np.exp(t_h)
                found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, column, row, stride, width, height))
    return np.reshape(found, (len(offsets), -1, 9))


@pytest.mark.parametrize("form", ["sigmoid", "linear"])
@pytest.mark.parametrize("size", [(5, 3), (1, 1), (2, 7)])
@pytest.mark.parametrize("number", [1, 3])
def test_grid_is_that_of_a_naive_loop(number, size, form):
    offsets = np.random.default_rng(0).normal(0, 1, (2, *size, 4 * number)).astype("float32")
    layer = AnchorGrid(16, ANCHORS[:number], form)
    expected = decode_naively(offsets, 16, ANCHORS[:number], form)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(offsets)), expected, rtol=1e-5, atol=1e-4)
    assert layer.compute_output_shape(offsets.shape) == expected.shape
    assert keras.ops.convert_to_numpy(layer(offsets[:0])).shape == (0, *expected.shape[1:])


def test_grid_of_any_size_is_stored_and_loaded(tmp_path):
    inputs = keras.Input((None, None, 12))
    model = keras.Model(inputs, AnchorGrid(8, ANCHORS, "linear", name="grid")(inputs))
    assert model.output_shape == (None, None, 9)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.get_layer("grid").get_config() == model.get_layer("grid").get_config()
    for size in ((3, 5), (4, 1)):
        offsets = np.random.default_rng(0).normal(0, 1, (2, *size, 12)).astype("float32")
        expected = decode_naively(offsets, 8, ANCHORS, "linear")
        np.testing.assert_allclose(again.predict_on_batch(offsets), expected, rtol=1e-5, atol=1e-4)


def test_grid_of_half_precision_gives_pixels_in_full():
    offsets = np.zeros((1, 1, 300, 4), "float16")
    found = AnchorGrid(8, [(3.0, 3.0)], dtype="float32")(offsets)
    assert found.dtype == "float32"
    assert float(found[0, -1, 0]) == 299.5 * 8 - 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, ANCHORS), "stride=0"),
        ((8, ()), r"anchors=\(\)"),
        ((8, ((3.0, 0.0),)), "0.0"),
        ((8, ((3.0, float("nan")),)), "nan"),
        ((8, (3.0, 4.0)), "pair of positive width and height"),
        ((8, ((3.0, 4.0, 5.0),)), "pair of positive width and height"),
        ((8, ANCHORS, "exp"), "form='exp'"),
    ],
)
def test_grids_that_are_none_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AnchorGrid(*arguments)
