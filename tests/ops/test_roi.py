"""Pooled regions by hand, by naive loops, and as torchvision computes them."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascnn.layers import RoIAlign, RoIMaxPooling
from kerascnn.ops import roi_align, roi_max_pool
from tests.ops.torchvision_reference import draw_regions, read_reference

MAPS, BOXES = draw_regions()
AROUND = BOXES + np.float32([-6, -9, 6, 9])
STRIDE, SIZE = 4, (3, 2)


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def half_up(x):
    return math.floor(x + 0.5)


def pool_naively(features, box, stride, size):
    """Take the greatest value of every bin of one region, place by place."""
    (height, width), (map_height, map_width, channels) = size, features.shape
    x1, y1, x2, y2 = (half_up(float(edge) / stride) for edge in box)
    side_y, side_x = max(y2 - y1 + 1, 1) / height, max(x2 - x1 + 1, 1) / width
    result = np.zeros((height, width, channels))
    for row in range(height):
        for column in range(width):
            ys = range(max(math.floor(row * side_y) + y1, 0), min(math.ceil((row + 1) * side_y) + y1, map_height))
            xs = range(max(math.floor(column * side_x) + x1, 0), min(math.ceil((column + 1) * side_x) + x1, map_width))
            inside = [features[y, x] for y in ys for x in xs]
            if inside:
                result[row, column] = np.max(inside, axis=0)
    return result


def sample(features, y, x):
    """Interpolate between the four places around a point."""
    height, width, channels = features.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(channels)
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    total = np.zeros(channels)
    for row in {math.floor(y), math.ceil(y)}:
        for column in {math.floor(x), math.ceil(x)}:
            total += (1 - abs(y - row)) * (1 - abs(x - column)) * features[row, column]
    return total


def align_naively(features, box, stride, size, samples, aligned):
    """Average the samples of every bin of one region."""
    shift = 0.5 if aligned else 0
    x1, y1, x2, y2 = (float(edge) / stride - shift for edge in box)
    least = -math.inf if aligned else 1
    side_y, side_x = max(y2 - y1, least) / size[0], max(x2 - x1, least) / size[1]
    result = np.zeros((*size, features.shape[-1]))
    for row, column in np.ndindex(size):
        for i, j in np.ndindex(samples, samples):
            y, x = y1 + (row + (i + 0.5) / samples) * side_y, x1 + (column + (j + 0.5) / samples) * side_x
            result[row, column] += sample(features, y, x) / samples**2
    return result


def each_region(function, boxes, *arguments):
    """Apply a function to each region of each map."""
    return [[function(features, box, *arguments) for box in some] for features, some in zip(MAPS, boxes, strict=True)]


def test_a_map_is_pooled_by_hand():
    features = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    whole, corner = (0, 0, 24, 24), (16, 16, 23, 23)  # corners are places 0 and 3, or 2 and 3, of a stride of 8
    found = as_numpy(roi_max_pool(features, np.float32([[whole, corner]]), 8, (2, 2)))[0, ..., 0]
    assert found.tolist() == [[[5, 7], [13, 15]], [[10, 11], [14, 15]]]


def test_a_plane_is_sampled_exactly():
    y, x = np.mgrid[:6, :5].astype(np.float32)
    features = np.stack([10 * y + x, y], axis=-1)[np.newaxis]
    # Middles of places are at 4, 12, ... pixels; the bins' middles at 12 and 20, and at 10 and 14.
    found = as_numpy(roi_align(features, np.float32([[[8, 8, 16, 24]]]), 8, (2, 2)))[0, 0]
    rows, columns = (12 - 4) / 8 + np.array([0, 1]), (10 - 4) / 8 + np.array([0, 0.5])
    np.testing.assert_allclose(found[..., 0], 10 * rows[:, None] + columns, rtol=1e-5)
    np.testing.assert_allclose(found[..., 1], np.broadcast_to(rows[:, None], (2, 2)), rtol=1e-5)


@pytest.mark.parametrize("size", [SIZE, (1, 1), (7, 7), (9, 4), (20, 20)])
def test_regions_are_those_of_a_naive_loop(size):
    found = roi_max_pool(MAPS, BOXES, STRIDE, size)
    np.testing.assert_array_equal(as_numpy(found), np.float32(each_region(pool_naively, BOXES, STRIDE, size)))
    for samples, aligned in ((1, True), (2, True), (3, False)):
        found = roi_align(MAPS, AROUND, STRIDE, size, samples=samples, aligned=aligned)
        expected = each_region(align_naively, AROUND, STRIDE, size, samples, aligned)
        np.testing.assert_allclose(as_numpy(found), expected, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    corners=st.tuples(st.floats(0, 28, width=32), st.floats(0, 36, width=32)),
    others=st.tuples(st.floats(0, 28, width=32), st.floats(0, 36, width=32)),
)
def test_any_region_is_that_of_a_naive_loop(corners, others):
    box = np.float32([*np.minimum(corners, others), *np.maximum(corners, others)])
    found = as_numpy(roi_max_pool(MAPS[:1], box[None, None], STRIDE, (2, 3)))[0, 0]
    np.testing.assert_array_equal(found, np.float32(pool_naively(MAPS[0], box, STRIDE, (2, 3))))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("roi_max_pool", lambda: roi_max_pool(MAPS, BOXES, STRIDE, SIZE)),
        ("roi_align", lambda: roi_align(MAPS, AROUND, STRIDE, SIZE)),
        ("roi_align_unaligned", lambda: roi_align(MAPS, AROUND, STRIDE, SIZE, samples=3, aligned=False)),
    ],
)
def test_regions_are_those_of_torchvision(name, found):
    np.testing.assert_allclose(as_numpy(found()).ravel(), read_reference()[name], atol=2e-5)


def test_a_region_beyond_the_picture_is_cut_for_pooling():
    cut = np.clip(AROUND, 0, [28, 36, 28, 36])
    np.testing.assert_array_equal(*(as_numpy(roi_max_pool(MAPS, boxes, STRIDE, SIZE)) for boxes in (AROUND, cut)))


@pytest.mark.parametrize("pool", [roi_max_pool, roi_align])
def test_no_region_and_one(pool):
    assert as_numpy(pool(MAPS, BOXES[:, :0], STRIDE, SIZE)).shape == (2, 0, 3, 2, 3)
    alone = as_numpy(pool(MAPS[1:], BOXES[1:, 4:5], STRIDE, SIZE))
    np.testing.assert_allclose(alone, as_numpy(pool(MAPS, BOXES, STRIDE, SIZE))[1:, 4:5], rtol=1e-5)


@pytest.mark.parametrize("pool", [roi_max_pool, roi_align])
@pytest.mark.parametrize(
    ("features", "boxes", "stride", "size", "message"),
    [
        (MAPS[0], BOXES, 4, (7, 7), r"features must be \(B, H, W, C\)"),
        (MAPS, BOXES[0], 4, (7, 7), r"boxes must be \(B, R, 4\)"),
        (MAPS, BOXES[..., :3], 4, (7, 7), r"boxes must be \(B, R, 4\)"),
        (MAPS, BOXES, 0, (7, 7), "stride must be above 0"),
        (MAPS, BOXES, 4, (7, 0), "size at least"),
    ],
)
def test_what_cannot_be_pooled_is_refused(pool, features, boxes, stride, size, message):
    with pytest.raises(ValueError, match=message):
        pool(features, boxes, stride, size)


@pytest.mark.parametrize("layer", [RoIMaxPooling(STRIDE, SIZE), RoIAlign(STRIDE, SIZE, samples=3)])
def test_layers_pool_in_a_model_that_can_be_stored(layer, tmp_path):
    inputs = keras.Input((9, 7, 3)), keras.Input((None, 4))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, *SIZE, 3)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    found = again.predict_on_batch([MAPS, BOXES])
    options = {"samples": 3} if isinstance(layer, RoIAlign) else {}
    pool = roi_align if options else roi_max_pool
    np.testing.assert_allclose(found, as_numpy(pool(MAPS, BOXES, STRIDE, SIZE, **options)), atol=1e-5)
