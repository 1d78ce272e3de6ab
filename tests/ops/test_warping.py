"""Warped regions against a loop that reads pixel by pixel, and by hand."""

import numpy as np
import pytest

from kerascnn.ops import MEAN_COLOR, warp_regions

FILL = (9, 8, 7)


def picture(size=(13, 17)):
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def naive(image, box, size, context, fill):
    """Read every pixel of the result by itself, at its centre."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = map(float, box)
    warped = np.zeros((*size, 3))
    for row in range(size[0]):
        for column in range(size[1]):
            y = y1 + (row + 0.5 - context) * (y2 - y1) / (size[0] - 2 * context)
            x = x1 + (column + 0.5 - context) * (x2 - x1) / (size[1] - 2 * context)
            if not (0 <= y <= height and 0 <= x <= width):
                warped[row, column] = fill
                continue
            y, x = np.clip(y - 0.5, 0, height - 1), np.clip(x - 0.5, 0, width - 1)
            for i in (int(np.floor(y)), int(np.floor(y)) + 1):
                for j in (int(np.floor(x)), int(np.floor(x)) + 1):
                    share = max(0, 1 - abs(y - i)) * max(0, 1 - abs(x - j))
                    warped[row, column] += share * image[min(i, height - 1), min(j, width - 1)].astype(float)
    return warped


BOXES = np.float32(
    [[2, 3, 9, 11], [0, 0, 17, 13], [-4, 5, 3, 20], [4.3, 2.7, 5.1, 12.2], [16, 12, 30, 30], [5, 5, 5, 5]]
)


@pytest.mark.parametrize("size", [(8, 8), (7, 12), (24, 24)])
@pytest.mark.parametrize("context", [0, 1, 3])
def test_regions_are_those_of_a_loop(size, context):
    image = picture()
    warped = warp_regions(image, BOXES, size, context=context, fill=FILL)
    assert warped.shape == (len(BOXES), *size, 3) and warped.dtype == np.uint8
    for found, box in zip(warped, BOXES, strict=True):
        np.testing.assert_allclose(found, naive(image, box, size, context, FILL), atol=0.51)


def test_a_region_of_the_size_of_the_result_is_cut_out():
    image = picture()
    np.testing.assert_array_equal(warp_regions(image, [[3, 2, 11, 8]], (6, 8), context=0)[0], image[2:8, 3:11])
    # With context, the box is the inside of the result, and its neighbours are around it.
    np.testing.assert_array_equal(warp_regions(image, [[5, 4, 9, 6]], (6, 8), context=2)[0], image[2:8, 3:11])


def test_what_lies_outside_has_the_mean_colour():
    (warped,) = warp_regions(np.full((4, 4, 3), 200, np.uint8), [[0, 0, 4, 4]], (8, 8), context=2)
    assert (warped[2:6, 2:6] == 200).all()
    assert (warped[[0, 1, 6, 7]] == MEAN_COLOR).all() and (warped[:, [0, 1, 6, 7]] == MEAN_COLOR).all()


def test_no_boxes_give_no_regions_and_floats_are_pictures_too():
    image = picture()
    assert warp_regions(image, np.zeros((0, 4)), (8, 8), context=0).shape == (0, 8, 8, 3)
    first, second = (warp_regions(each, BOXES, (8, 8), context=2) for each in (image, image.astype(np.float32)))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("image", "boxes", "options", "message"),
    [
        (np.zeros((4, 4)), BOXES, {}, "image must"),
        (np.zeros((4, 4, 1)), BOXES, {}, "image must"),
        (np.zeros((0, 4, 3)), BOXES, {}, "image must"),
        (picture(), np.zeros(4), {}, "boxes must"),
        (picture(), np.zeros((2, 5)), {}, "boxes must"),
        (picture(), BOXES, {"context": 4}, "Received: context=4"),
        (picture(), BOXES, {"context": -1}, "Received: context=-1"),
    ],
)
def test_what_cannot_be_warped_is_refused(image, boxes, options, message):
    with pytest.raises(ValueError, match=message):
        warp_regions(image, boxes, (8, 9), **{"context": 0} | options)
