"""Boxes: each fault by a box made for it, clipping against arithmetic by hand, turning against Pillow."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from kerascnn.data.box_checks import Findings, check_boxes, clip_box, find_fault, turn_box
from kerascnn.data.sample import check_sample

SIZE = (10, 20)  # height, width


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        ((math.nan, 0, 5, 5), "box not finite: nan, 0, 5, 5"),
        ((0, 0, math.inf, 5), "box not finite"),
        ((7, 1, 3, 5), "box turned over: 7, 1, 3, 5"),
        ((1, 7, 3, 5), "box turned over"),
        ((3, 1, 3, 5), "box without area: 3, 1, 3, 5"),
        ((1, 5, 3, 5), "box without area"),
        ((20, 1, 25, 5), "box outside of the picture: 20, 1, 25, 5 in 20 x 10"),
        ((1, 10, 5, 12), "box outside of the picture"),
        ((-5, 1, 0, 5), "box outside of the picture"),
        ((1, -5, 5, 0), "box outside of the picture"),
    ],
)
def test_each_fault_is_told_with_the_numbers(box, fault):
    assert find_fault(box, SIZE).startswith(fault)


@pytest.mark.parametrize("box", [(0, 0, 20, 10), (19.5, 9.5, 20, 10), (-3, -3, 30, 30), (19, 1, 25, 5)])
def test_a_box_in_the_picture_at_least_in_part_has_no_fault(box):
    assert find_fault(box, SIZE) == ""


@pytest.mark.parametrize(
    ("box", "clipped", "told"),
    [
        ((0, 0, 20, 10), (0, 0, 20, 10), False),
        ((-1, 2, 5, 8), (0, 2, 5, 8), False),
        ((-1.01, 2, 5, 8), (0, 2, 5, 8), True),
        ((3, 2, 21, 11), (3, 2, 20, 10), False),
        ((3, 2, 8, 12.5), (3, 2, 8, 10), True),
        ((-4, -4, 40, 40), (0, 0, 20, 10), True),
    ],
)
def test_what_lies_outside_is_cut_and_told_if_it_is_more_than_rounding(box, clipped, told):
    found, text = clip_box(box, SIZE)
    assert found == clipped
    assert bool(text) == told


@given(
    st.tuples(*[st.floats(-30, 50, width=32)] * 4),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_a_box_without_a_fault_is_one_of_a_sample_once_it_is_clipped(box, size):
    if not find_fault(box, size):
        clipped, _ = clip_box(box, size)
        check_sample(
            {
                "image": np.zeros((*size, 3), np.uint8),
                "boxes": np.array([clipped], np.float32),
                "class_ids": np.zeros(1, np.int32),
            }
        )


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_box_turns_as_pillow_turns_the_picture(orientation):
    stored = np.zeros((7, 11), np.uint8)
    stored[1:3, 4:9] = 255
    picture = Image.fromarray(stored)
    picture.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(picture))
    rows, columns = np.nonzero(upright)
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert upright.shape == (11, 7)
    assert turn_box((4, 1, 9, 3), orientation, upright.shape) == expected


def test_no_boxes_are_no_findings():
    findings = Findings()
    assert check_boxes([], SIZE, findings) == []
    assert findings.as_tuples() == {"set_aside": (), "clipped": ()}
