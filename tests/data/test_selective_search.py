"""Selective search: what is planted is proposed, in pixels of the picture given, always in the same order."""

import cv2
import numpy as np
import pytest

from kerascnn.data import selective_search
from kerascnn.ops import exact_pairwise_iou

contrib = pytest.mark.skipif(
    not hasattr(cv2, "ximgproc"), reason="OpenCV's contrib modules, of the extra `proposals`, are not installed"
)

THINGS = np.float32([[20, 30, 80, 90], [120, 40, 180, 80], [60, 120, 140, 180]])


@pytest.fixture(scope="module")
def picture():
    """Three squares of different colours on grey, with a little noise."""
    image = np.full((200, 240, 3), 128, np.int64)
    for (x1, y1, x2, y2), color in zip(THINGS.astype(int), ((220, 30, 30), (30, 200, 40), (20, 40, 230)), strict=True):
        image[y1:y2, x1:x2] = color
    return np.clip(image + np.random.default_rng(0).integers(-4, 5, image.shape), 0, 255).astype(np.uint8)


@contrib
@pytest.mark.parametrize("mode", ["fast", "quality"])
@pytest.mark.parametrize("side", [240, 120, 1000])
def test_things_are_proposed_in_pixels_of_the_picture_given(picture, mode, side):
    boxes = selective_search(picture, mode=mode, side=side)
    assert boxes.dtype == np.float32
    assert (exact_pairwise_iou(boxes, THINGS).max(axis=0) > 0.85).all()
    assert (boxes >= 0).all() and (boxes <= [240, 200, 240, 200]).all()
    assert (boxes[:, 2:] - boxes[:, :2] >= 16).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)


@contrib
def test_sides_that_are_shrunk_differently_are_stretched_back():
    image = np.full((333, 101, 3), 255, np.uint8)
    image[100:201, 20:81] = (200, 0, 0)
    boxes = selective_search(image, side=111)
    assert exact_pairwise_iou(boxes, np.float32([[20, 100, 81, 201]])).max() > 0.9
    assert boxes[:, 2].max() <= 101 and boxes[:, 3].max() <= 333


@contrib
def test_the_order_is_the_same_at_every_call_and_decided_by_the_seed(picture):
    first, again, other = (selective_search(picture, scale=20, least_side=0, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert len(first) > 5 and not np.array_equal(first, other)
    assert sorted(map(tuple, first)) == sorted(map(tuple, other))
    np.testing.assert_array_equal(selective_search(picture, scale=20, least_side=0, max_proposals=3), first[:3])


@contrib
def test_boxes_that_are_too_small_are_left_out(picture):
    everything, large = (selective_search(picture, least_side=side) for side in (0, 61))
    sides = (everything[:, 2:] - everything[:, :2]).min(axis=1)
    assert sorted(map(tuple, large)) == sorted(map(tuple, everything[sides >= 61]))
    assert selective_search(picture, least_side=1000).shape == (0, 4)


@contrib
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2), (700, 1)])
def test_tiny_pictures_are_one_box(size):
    boxes = selective_search(np.zeros((*size, 3), np.uint8), least_side=1)
    assert boxes.tolist() == [[0, 0, size[1], size[0]]]


@contrib
def test_red_and_blue_are_not_exchanged(picture, monkeypatch):
    seen = []
    monkeypatch.setattr(cv2, "resize", lambda image, *_, **__: seen.append(image[50, 50].tolist()) or image.copy())
    selective_search(picture)
    assert seen[0][2] > 200 > seen[0][0]


def test_where_it_is_missing_the_message_says_what_to_install(picture, monkeypatch):
    monkeypatch.delattr(cv2, "ximgproc", raising=False)
    with pytest.raises(ImportError, match=r'pip install "kerascnn\[proposals\]".*opencv-contrib-python-headless'):
        selective_search(picture)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": np.zeros((4, 4), np.uint8)}, r"shape \(H, W, 3\)"),
        ({"image": np.zeros((4, 4, 1), np.uint8)}, r"shape \(H, W, 3\)"),
        ({"image": np.zeros((0, 4, 3), np.uint8)}, r"shape \(H, W, 3\)"),
        ({"image": np.zeros((4, 4, 3), np.float32)}, "float32"),
        ({"mode": "slow"}, "Received: mode='slow'"),
        ({"side": 0}, "Received: side=0"),
        ({"scale": 0}, "Received: scale=0"),
        ({"max_proposals": 0}, "Received: max_proposals=0"),
        ({"least_side": -1}, "Received: least_side=-1"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        selective_search(**{"image": np.zeros((20, 20, 3), np.uint8)} | options)
