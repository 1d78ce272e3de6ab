"""Anchors: clusters that are known, the mean overlap by hand, and what k-means promises of every answer."""

import numpy as np
import pytest

from kerascnn.ops import cluster_sizes, find_anchors, find_scales, shape_iou

SHAPES = np.array([(8.0, 12.0), (30.0, 20.0), (30.0, 90.0), (150.0, 100.0)])  # the smallest first


def draw_sizes(count, seed=0):
    """Draw sizes near one of the known shapes each, with the number of the shape."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(count) % len(SHAPES)
    return SHAPES[numbers] * rng.uniform(0.9, 1.1, (count, 2)), numbers


@pytest.mark.parametrize(
    ("size", "other", "expected"),
    [
        ((4, 6), (4, 6), 1),
        ((4, 6), (2, 3), 6 / 24),
        ((4, 6), (6, 4), 16 / 32),
        ((10, 1), (1, 10), 1 / 19),
        ((40, 60), (20, 30), 6 / 24),  # whatever the scale
    ],
)
def test_shape_iou_by_hand(size, other, expected):
    assert shape_iou([size], [other]) == pytest.approx(expected)
    assert shape_iou([other], [size]) == pytest.approx(expected)


def test_shape_iou_is_of_each_with_each():
    found = shape_iou(np.float32([(1, 1), (2, 2), (4, 1)]), np.float32([(2, 2), (1, 4)]))
    np.testing.assert_allclose(found, [[1 / 4, 1 / 4], [1, 2 / 6], [2 / 6, 1 / 7]])
    assert (shape_iou(np.zeros((0, 2)), SHAPES).shape, shape_iou(SHAPES, np.zeros((0, 2))).shape) == ((0, 4), (4, 0))


@pytest.mark.parametrize("seed", range(5))
def test_known_clusters_are_found_whatever_the_beginning(seed):
    sizes, numbers = draw_sizes(80)
    anchors, mean_iou = cluster_sizes(sizes, len(SHAPES), seed=seed)
    np.testing.assert_allclose(anchors, [sizes[numbers == number].mean(axis=0) for number in range(len(SHAPES))])
    assert mean_iou == pytest.approx(shape_iou(sizes, SHAPES).max(axis=1).mean(), abs=0.02)


def test_mean_iou_by_hand():
    # One anchor, the mean, 3 x 2: the boxes have 2 x 2 and 3 x 2 of 8 square pixels in common with it.
    anchors, mean_iou = cluster_sizes([(2, 2), (4, 2)], 1)
    assert anchors.tolist() == [[3, 2]]
    assert mean_iou == pytest.approx((4 / 6 + 6 / 8) / 2)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_each_anchor_is_the_mean_of_the_boxes_it_is_nearest_to(k):
    sizes = np.random.default_rng(1).uniform(4, 200, (60, 2))
    anchors, mean_iou = cluster_sizes(sizes, k)
    overlaps = np.array([[min(w, v) * min(h, g) for v, g in anchors] for w, h in sizes])
    overlaps = overlaps / (sizes.prod(axis=1)[:, np.newaxis] + anchors.prod(axis=1) - overlaps)
    nearest = overlaps.argmax(axis=1)
    np.testing.assert_allclose(anchors, [sizes[nearest == number].mean(axis=0) for number in range(k)])
    assert mean_iou == pytest.approx(overlaps.max(axis=1).mean())
    assert (np.diff(anchors.prod(axis=1)) > 0).all()


def test_as_many_anchors_as_sizes_are_the_sizes():
    anchors, mean_iou = cluster_sizes(np.repeat(SHAPES[::-1], 3, axis=0), len(SHAPES))
    np.testing.assert_array_equal(anchors, SHAPES)
    assert mean_iou == 1
    assert cluster_sizes(SHAPES[:1], 1)[0].tolist() == SHAPES[:1].tolist()


def test_the_same_seed_gives_the_same_anchors():
    sizes = np.random.default_rng(2).uniform(4, 200, (100, 2))
    first, again = (cluster_sizes(sizes, 7, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert any((cluster_sizes(sizes, 7, seed=seed)[0] != first[0]).any() for seed in range(4, 8))  # it is used


def test_small_anchors_are_of_the_fine_grid():
    sizes, _ = draw_sizes(80)
    anchors, mean_iou = find_anchors(sizes, (8, 32), per_cell=2)
    clusters, expected = cluster_sizes(sizes, 4)
    assert mean_iou == expected
    assert anchors == tuple(
        tuple((round(width, 1), round(height, 1)) for width, height in grid) for grid in clusters.reshape(2, 2, 2)
    )
    assert all(type(side) is float for grid in anchors for pair in grid for side in pair)  # cards and configs hold them
    assert [len(grid) for grid in find_anchors(sizes, (16,), per_cell=3)[0]] == [3]


@pytest.mark.parametrize("k", [0, -1, 5])
def test_more_anchors_than_different_sizes_and_none_are_refused(k):
    with pytest.raises(ValueError, match=rf"k must lie in 1..4, the number of different sizes. Received: k={k}"):
        cluster_sizes(np.repeat(SHAPES, 5, axis=0), k)


@pytest.mark.parametrize("count", [0, 5])
def test_fewer_different_sizes_than_anchors_are_refused(count):
    sizes = np.repeat(np.reshape(np.arange(1.0, 2 * count + 1), (count, 2)), 3, axis=0)
    message = rf"6 anchors, 3 for the cells of each of the strides 8, 16, need .* Received: {count}\."
    with pytest.raises(ValueError, match=message):
        find_anchors(sizes, (8, 16))


@pytest.mark.parametrize("arguments", [{"strides": (8,), "per_cell": 0}, {"strides": ()}])
def test_no_anchors_are_refused(arguments):
    with pytest.raises(ValueError, match=r"per_cell must be at least 1, and strides at least one\."):
        find_anchors(SHAPES, **arguments)


def test_an_anchor_has_an_area_however_small_the_boxes_are():
    (grid,), _ = find_anchors(np.random.default_rng(0).uniform(1e-4, 1e-2, (20, 2)), (8,))
    assert grid == ((0.1, 0.1),) * 3


@pytest.mark.parametrize("side", [0.0, -3.0, np.nan, np.inf])
def test_sizes_that_are_none_are_refused(side):
    with pytest.raises(ValueError, match="sizes must be positive widths and heights"):
        cluster_sizes([(3.0, 4.0), (5.0, side)], 1)


def test_scales_of_squares_are_their_sides():
    sizes = np.repeat([[10, 10], [20, 40], [100, 100]], 4, axis=0)
    scales, mean_iou = find_scales(sizes, (8, 16, 32))
    assert scales == ((10,), (28.3,), (100,))
    assert mean_iou == pytest.approx(1, abs=2e-3)  # a box of 20 x 40 is the anchor of ratio 2
    assert find_scales(sizes, (8, 16, 32), ratios=(1,))[1] == pytest.approx((1 + 0.547 + 1) / 3, abs=2e-3)
    assert find_scales(sizes, (16,), per_place=3)[0] == ((10, 28.3, 100),)


@pytest.mark.parametrize(
    ("sizes", "strides", "per_place", "message"),
    [
        ([[10, 10], [20, 20]], (), 1, "strides at least one"),
        ([[10, 10], [20, 20]], (8,), 0, "per_place must be at least 1"),
        ([[10, 10], [10.01, 10], [10, 10.02]], (8, 16), 1, "boxes of at least as many different sizes. Received: 1"),
        (np.zeros((0, 2)), (8,), 1, "Received: 0"),
    ],
)
def test_scales_that_cannot_be_found_are_refused(sizes, strides, per_place, message):
    with pytest.raises(ValueError, match=message):
        find_scales(np.array(sizes, float), strides, per_place=per_place)


def test_scales_of_the_smallest_boxes_are_positive():
    assert find_scales(np.array([[0.01, 0.01], [9, 9]]), (8, 16))[0] == ((0.1,), (9.0,))
