"""The sample: every way to break the convention is refused, and says what is wrong."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data.sample import IGNORED, PADDING, check_sample
from kerascnn.data.scenes import render_scene

HEIGHT, WIDTH = 6, 8


def sample(**changes):
    whole = {
        "image": np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        "label": np.int32(1),
        "boxes": np.array([[0, 0, WIDTH, HEIGHT], [1, 2, 3.5, 4]], np.float32),
        "class_ids": np.array([1, 0], np.int32),
        "proposals": np.array([[0, 1, WIDTH, HEIGHT], [0, 0, 0, 0]], np.float32),
        "mask": np.zeros((HEIGHT, WIDTH), np.int32),
        "landmarks": np.zeros((5, 2), np.float32),
        "identity": np.int32(7),
    }
    return whole | changes


def with_box(*corners, class_id=0):
    return sample(boxes=np.array([corners], np.float32), class_ids=np.array([class_id], np.int32))


@pytest.mark.parametrize(
    "good",
    [
        sample(),
        {"image": np.full((HEIGHT, WIDTH, 3), 255, np.float32)},
        {key: tf.constant(value) for key, value in sample().items()},
        sample(boxes=np.zeros((0, 4), np.float32), class_ids=np.zeros(0, np.int32)),
        sample(proposals=np.zeros((0, 4), np.float32)),
        sample(mask=np.full((HEIGHT, WIDTH), IGNORED, np.int32)),
        with_box(-9, 0, -9, 99, class_id=PADDING),
    ],
    ids=["whole", "image only", "tensors", "no boxes", "no proposals", "ignored mask", "padding anywhere"],
)
def test_what_keeps_the_convention_passes(good):
    check_sample(good)


@pytest.mark.parametrize("index", range(3))
def test_rendered_scenes_keep_the_convention(index):
    check_sample(render_scene(0, index))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"label": np.int32(1)}, "must hold an image"),
        ({}, "must hold an image"),
        (sample(lable=np.int32(1)), "'lable'"),
        (sample(image=np.zeros((HEIGHT, WIDTH), np.uint8)), r"image must have the shape"),
        (sample(image=np.zeros((HEIGHT, WIDTH, 1), np.uint8)), r"image must have the shape"),
        (sample(image=np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)), r"image must have the shape"),
        (sample(image=np.zeros((HEIGHT, WIDTH, 3), np.int64)), "uint8 or float32"),
        (sample(image=np.zeros((HEIGHT, WIDTH, 3), bool)), "uint8 or float32"),
        (sample(image=np.full((HEIGHT, WIDTH, 3), 255.5)), r"0\.\.255"),
        (sample(image=np.full((HEIGHT, WIDTH, 3), -1.0)), r"0\.\.255"),
        (sample(image=np.full((HEIGHT, WIDTH, 3), np.nan)), r"0\.\.255"),
        (sample(label=np.zeros(1, np.int32)), "label must have the shape"),
        (sample(label=np.float32(1)), "label must be of an integer type"),
        (sample(identity=np.float32(1)), "identity must be of an integer type"),
        (sample(mask=np.zeros((HEIGHT, WIDTH), np.float32)), "mask must be of an integer type"),
        (sample(mask=np.zeros((HEIGHT, WIDTH, 1), np.int32)), "mask must have the shape"),
        (sample(mask=np.zeros((WIDTH, HEIGHT), np.int32)), "size of the image"),
        (sample(landmarks=np.zeros((5, 3), np.float32)), "landmarks must have the shape"),
        (sample(landmarks=np.zeros((5, 2), np.int32)), "landmarks must be of a floating type"),
        (sample(boxes=np.zeros((2, 5), np.float32)), "boxes must have the shape"),
        (sample(boxes=np.zeros((2, 4), np.int32)), "boxes must be of a floating type"),
        (sample(class_ids=np.zeros((2, 1), np.int32)), "class_ids must have the shape"),
        (sample(class_ids=np.zeros(2, np.float32)), "class_ids must be of an integer type"),
        (sample(class_ids=np.zeros(3, np.int32)), "come together"),
        ({"image": sample()["image"], "boxes": sample()["boxes"]}, "come together"),
        ({"image": sample()["image"], "class_ids": sample()["class_ids"]}, "come together"),
        (with_box(0, 0, WIDTH + 0.5, 1), "A box must be"),
        (with_box(0, 0, 1, HEIGHT + 0.5), "A box must be"),
        (with_box(-0.5, 0, 1, 1), "A box must be"),
        (with_box(0, -0.5, 1, 1), "A box must be"),
        (with_box(3, 0, 1, 1), "A box must be"),
        (with_box(0, 3, 1, 1), "A box must be"),
        (with_box(1, 0, 1, 1), "A box must be"),
        (with_box(0, 0, np.nan, 1), "A box must be"),
        (with_box(0, 0, WIDTH, WIDTH), "A box must be"),  # x and y swapped
        (sample(proposals=np.zeros((2, 5), np.float32)), "proposals must have the shape"),
        (sample(proposals=np.zeros((2, 4), np.int32)), "proposals must be of a floating type"),
        (sample(proposals=np.float32([[0, 0, 0, 0], [0, 0, WIDTH + 1, 1]])), "A proposal must be"),
        (sample(proposals=np.float32([[0, 0, 0, 1]])), "A proposal must be"),
    ],
)
def test_what_breaks_the_convention_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        check_sample(bad)
