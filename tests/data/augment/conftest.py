"""Samples to augment, and steps that draw nothing."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data.augment import sampling
from kerascnn.data.augment.steps import Color, Geometric, Step
from kerascnn.data.scenes import render_scene

SEED = tf.constant([3, 4], tf.int64)


def tensors(sample):
    return {key: tf.convert_to_tensor(value) for key, value in sample.items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)


def fixed(step: Step, *numbers: float) -> Step:
    """The same step, with these numbers instead of drawn ones."""
    assert len(numbers) == step.numbers
    given = tf.constant(numbers, tf.float32)
    if isinstance(step, Geometric):
        return dataclasses.replace(step, numbers=0, make=lambda _, size: step.make(given, size))
    if isinstance(step, Color):
        return dataclasses.replace(step, numbers=0, make=lambda _: step.make(given))
    return dataclasses.replace(step, numbers=0, change=lambda image, _, seed: step.change(image, given, seed))


def smooth(height, width):
    """A picture of slow waves, uint8, whose neighbouring pixels differ by a few levels."""
    y, x = np.mgrid[:height, :width] + 0.5
    waves = [np.sin(x / 9) + np.cos(y / 11), np.cos((x + y) / 13), np.sin((x - 2 * y) / 17) * np.cos(x / 15)]
    return np.round(127 + 50 * np.stack(waves, axis=-1)).astype(np.uint8)


def coarse(height, width, seed=0):
    """A picture of noise, uint8, in which every pixel stands alone."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def with_things(image):
    """A picture with everything a sample can hold: two boxes, which are also in the mask, padding, landmarks."""
    height, width = image.shape[:2]
    boxes = np.array([[0.2, 0.25, 0.7, 0.75], [0.5, 0.1, 1, 0.5], [0, 0, 0, 0]], np.float32)
    boxes *= np.array([width, height, width, height], np.float32)
    mask = np.zeros((height, width), np.int32)
    for class_id, (x1, y1, x2, y2) in zip((3, 7), boxes.round().astype(int), strict=False):
        mask[y1:y2, x1:x2] = class_id
    return tensors(
        {
            "image": image,
            "label": np.int32(5),
            "boxes": boxes,
            "class_ids": np.array([3, 7, -1], np.int32),
            "mask": mask,
            "landmarks": np.array([[0.3, 0.4], [0.9, 0.6]], np.float32) * np.array([width, height], np.float32),
            "visibility": np.array([1, 1], np.int32),
            "identity": np.int32(9),
        }
    )


@pytest.fixture(scope="session")
def scene():
    return tensors(
        render_scene(0, 0)
        | {"landmarks": np.array([[10, 20], [30.5, 40]], np.float32)}
        | {"visibility": np.ones(2, np.int32)}
    )


@pytest.fixture(params=["graph", "opencv"])
def path(request, monkeypatch):
    """Both ways to sample a small picture: in the graph, and by OpenCV as a large one."""
    if request.param == "opencv":
        monkeypatch.setattr(sampling, "SMALL", 0)
    return request.param
