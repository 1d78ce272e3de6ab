"""Augmentations: hand numbers, invariants, and the same answer eagerly and in `Dataset.map`."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascnn.data import mirror
from kerascnn.data.sample import check_sample
from kerascnn.data.scenes import render_scene

SEED = tf.constant([3, 4], tf.int64)


def tensors(sample):
    return {key: tf.convert_to_tensor(value) for key, value in sample.items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)


@pytest.fixture(scope="module")
def scene():
    return tensors(
        render_scene(0, 0)
        | {"landmarks": np.array([[10, 20], [30.5, 40]], np.float32)}
        | {"visibility": np.ones(2, np.int32)}
    )


def test_mirror_by_hand():
    sample = tensors(
        {
            "image": np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3),
            "label": np.int32(5),
            "boxes": np.array([[0, 0, 1, 2], [0.5, 1, 3, 2], [0, 0, 0, 0]], np.float32),
            "class_ids": np.array([1, 2, -1], np.int32),
            "mask": np.array([[0, 1, 255], [3, 4, 5]], np.int32),
            "landmarks": np.array([[0, 1], [2.5, 0]], np.float32),
        }
    )
    expected = {
        "image": [[[6, 7, 8], [3, 4, 5], [0, 1, 2]], [[15, 16, 17], [12, 13, 14], [9, 10, 11]]],
        "label": 5,
        "boxes": [[2, 0, 3, 2], [0, 1, 2.5, 2], [0, 0, 0, 0]],
        "class_ids": [1, 2, -1],
        "mask": [[255, 1, 0], [5, 4, 3]],
        "landmarks": [[3, 1], [0.5, 0]],
        "visibility": [1, 1],
    }
    mirrored = mirror(1.0)(sample, SEED)
    assert_same(mirrored, expected)
    assert {key: mirrored[key].dtype for key in sample} == {key: value.dtype for key, value in sample.items()}


def test_mirror_twice_is_the_identity(scene):
    augment = mirror(1.0)
    assert_same(augment(augment(scene, SEED), SEED), scene)


def test_mirrored_scene_keeps_the_convention(scene):
    check_sample(mirror(1.0)(scene, SEED))


def test_mirror_moves_the_things_with_their_boxes(scene):
    # The pixels in a box are the same pixels, mirrored, wherever the box went.
    mirrored = mirror(1.0)(scene, SEED)
    for before, after in zip(scene["boxes"].numpy(), mirrored["boxes"].numpy(), strict=True):
        x1, y1, x2, y2 = before.astype(int)
        u1, v1, u2, v2 = after.astype(int)
        np.testing.assert_array_equal(scene["image"][y1:y2, x1:x2], mirrored["image"][v1:v2, u1:u2][:, ::-1])


def test_probability_0_changes_nothing_and_1_changes_always(scene):
    for number in range(20):
        seed = tf.constant([number, 1], tf.int64)
        assert_same(mirror(0)(scene, seed), scene)
        np.testing.assert_array_equal(mirror(1)(scene, seed)["image"], scene["image"][:, ::-1])


def test_half_of_the_seeds_mirror(scene):
    sample = {"image": scene["image"][:2, :2]}
    chosen = [
        not np.array_equal(mirror()(sample, tf.constant([number, 0], tf.int64))["image"], sample["image"])
        for number in range(200)
    ]
    assert 70 <= sum(chosen) <= 130  # four standard deviations


def test_the_sample_that_was_given_is_not_changed(scene):
    before = dict(scene)
    mirror(1.0)(scene, SEED)
    assert all(scene[key] is before[key] for key in before)


def test_eager_equals_mapped(scene):
    numbers = range(8)
    dataset = tf.data.Dataset.from_tensor_slices([[number, 7] for number in numbers])
    dataset = dataset.map(lambda seed: mirror()(scene, tf.cast(seed, tf.int64)), tf.data.AUTOTUNE)
    eager = [mirror()(scene, tf.constant([number, 7], tf.int64)) for number in numbers]
    assert len({each["image"].numpy().tobytes() for each in eager}) == 2
    for first, second in zip(dataset, eager, strict=True):
        assert_same(first, second)


def test_a_picture_without_annotation_is_mirrored_too(scene):
    assert mirror(1.0)({"image": scene["image"]}, SEED).keys() == {"image"}


def test_no_boxes_stay_no_boxes(scene):
    sample = {"image": scene["image"], "boxes": tf.zeros((0, 4)), "class_ids": tf.zeros(0, tf.int32)}
    assert mirror(1.0)(sample, SEED)["boxes"].shape == (0, 4)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_boxes_stay_inside_and_keep_their_size(data):
    width = data.draw(st.integers(1, 64))
    x = sorted(data.draw(st.tuples(*[st.integers(0, 4 * width)] * 2)))
    box = np.array([[x[0] / 4, 1, x[1] / 4, 2]], np.float32)  # quarters are exact in float32
    sample = {"image": tf.zeros((4, width, 3), tf.uint8), "boxes": tf.constant(box), "class_ids": tf.ones(1, tf.int32)}
    x1, y1, x2, y2 = mirror(1.0)(sample, SEED)["boxes"].numpy()[0]
    assert 0 <= x1 <= x2 <= width and (y1, y2) == (1, 2)
    assert x2 - x1 == box[0, 2] - box[0, 0]


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_a_probability_out_of_range_is_refused(probability):
    with pytest.raises(ValueError, match="probability"):
        mirror(probability)
