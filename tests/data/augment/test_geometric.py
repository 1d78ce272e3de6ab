"""Geometric augmentations: hand numbers for what they draw at the ends, and invariants between."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascnn.data.augment import compose, mirror, random_crop, rotate, scale, shear, translate, warp, zoom_out
from kerascnn.data.sample import check_sample
from tests.data.augment.conftest import SEED, assert_same, smooth, tensors, with_things

SIZE = tf.constant([40.0, 60.0])
CENTRE = (30, 20)
unit = st.floats(0, 1, exclude_max=True, width=32)


def made(step, *numbers, size=SIZE):
    return step.make(tf.constant(numbers, tf.float32), size)


def moved(step, numbers, *points):
    return made(step, *numbers).move(tf.constant(points, tf.float32)).numpy()


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


@settings(max_examples=12, deadline=None)
@given(size=st.tuples(st.integers(1, 90), st.integers(1, 90)), seed=st.integers(0, 99))
def test_mirror_twice_is_the_identity(size, seed):
    # Each by itself, since a composition would multiply the two maps before any pixel moves.
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    mask = np.random.default_rng(seed).integers(0, 256, size).astype(np.int32)
    sample, augment = tensors({"image": image, "mask": mask}), mirror(1.0)
    once = augment(sample, SEED)
    np.testing.assert_array_equal(once["image"], image[:, ::-1])
    assert_same(augment(once, SEED), sample)


def test_a_scene_mirrored_twice_is_the_scene(scene):
    augment = mirror(1.0)
    check_sample(augment(scene, SEED))
    assert_same(augment(augment(scene, SEED), SEED), scene)


def test_mirror_moves_the_things_with_their_boxes(scene):
    # The pixels in a box are the same pixels, mirrored, wherever the box went.
    mirrored = mirror(1.0)(scene, SEED)
    for before, after in zip(scene["boxes"].numpy(), mirrored["boxes"].numpy(), strict=True):
        x1, y1, x2, y2 = before.astype(int)
        u1, v1, u2, v2 = after.astype(int)
        np.testing.assert_array_equal(scene["image"][y1:y2, x1:x2], mirrored["image"][v1:v2, u1:u2][:, ::-1])


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_mirrored_boxes_stay_inside_and_keep_their_size(data):
    width = data.draw(st.integers(1, 64))
    x = sorted(data.draw(st.lists(st.integers(0, 4 * width), min_size=2, max_size=2, unique=True)))
    box = np.array([[x[0] / 4, 1, x[1] / 4, 2]], np.float32)  # quarters are exact in float32
    sample = {"image": tf.zeros((4, width, 3), tf.uint8), "boxes": tf.constant(box), "class_ids": tf.ones(1, tf.int32)}
    x1, y1, x2, y2 = mirror(1.0)(sample, SEED)["boxes"].numpy()[0]
    assert 0 <= x1 <= x2 <= width and (y1, y2) == (1, 2)
    assert x2 - x1 == box[0, 2] - box[0, 0]


def test_probability_0_changes_nothing_and_1_changes_always():
    sample = with_things(smooth(9, 14))
    for number in range(4):
        seed = tf.constant([number, 1], tf.int64)
        assert_same(mirror(0)(sample, seed), sample)
        assert_same(zoom_out(4.0, 0)(sample, seed), sample)
        np.testing.assert_array_equal(mirror(1)(sample, seed)["image"], sample["image"][:, ::-1])


def test_half_of_the_seeds_mirror():
    image = tf.constant(smooth(2, 2))
    seeds = tf.stack([tf.range(200, dtype=tf.int64), tf.zeros(200, tf.int64)], axis=1)
    pictures = tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: mirror()({"image": image}, seed)["image"])
    chosen = [not np.array_equal(picture, image) for picture in pictures]
    assert 70 <= sum(chosen) <= 130  # four standard deviations


def test_a_picture_without_annotation_is_mirrored_too():
    assert mirror(1.0)({"image": tf.constant(smooth(4, 4))}, SEED).keys() == {"image"}


def test_rotate_by_hand():
    # Ten pixels right of the centre go above it or below it; the centre stays. y points down.
    np.testing.assert_allclose(moved(rotate(90), [1], CENTRE, (40, 20)), [(30, 20), (30, 10)], atol=1e-4)
    np.testing.assert_allclose(moved(rotate(90), [0], CENTRE, (40, 20)), [(30, 20), (30, 30)], atol=1e-4)
    np.testing.assert_allclose(moved(rotate(90), [0.5], (7, 9)), [(7, 9)], atol=1e-4)


def test_shear_by_hand():
    # A vertical edge is tilted by the angle, and a horizontal one is not, and then the other way round.
    before = made(shear(45), 1, 0.5).sample(tf.constant([[30.0, 20], [30, 30], [40, 20]]))
    np.testing.assert_allclose(before, [(30, 20), (40, 30), (40, 20)], atol=1e-4)
    before = made(shear(45), 0.5, 1).sample(tf.constant([[30.0, 20], [30, 30], [40, 20]]))
    np.testing.assert_allclose(before, [(30, 20), (30, 30), (40, 30)], atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(numbers=st.tuples(unit, unit), degrees=st.floats(0, 60))
def test_rotations_and_shears_keep_the_area_and_the_centre(numbers, degrees):
    for each in (made(rotate(degrees), numbers[0]), made(shear(degrees), *numbers)):
        assert np.linalg.det(each.matrix.numpy().astype(float)) == pytest.approx(1, abs=1e-4)
        np.testing.assert_allclose(each.sample(tf.constant([CENTRE], tf.float32)), [CENTRE], atol=1e-3)


def test_scale_by_hand():
    np.testing.assert_allclose(moved(scale((0.5, 2)), [1], CENTRE, (35, 24)), [(30, 20), (40, 28)], atol=1e-4)
    np.testing.assert_allclose(moved(scale((0.5, 2)), [0], CENTRE, (40, 28)), [(30, 20), (35, 24)], atol=1e-4)
    np.testing.assert_allclose(moved(scale((0.5, 2)), [0.5], (7, 9)), [(7, 9)], atol=1e-4)  # halves as often as doubles


def test_translate_by_hand():
    # A tenth of the height, 4, and of the width, 6.
    np.testing.assert_allclose(moved(translate(0.1), [1, 0], (7, 9)), [(1, 13)], atol=1e-4)
    np.testing.assert_allclose(moved(translate(0.1), [0, 0.5], (7, 9)), [(7, 5)], atol=1e-4)


def test_zoom_out_by_hand():
    each = made(zoom_out(3.0, 0.5), 0.2, 0.5, 0.25, 1)  # twice the side, a quarter of the room above, all of it left
    np.testing.assert_allclose(each.size, [80, 120])
    np.testing.assert_allclose(each.move(tf.constant([[0.0, 0]])), [[60, 10]], atol=1e-4)
    np.testing.assert_array_equal(made(zoom_out(3.0, 0.5), 0.5, 0.5, 0.25, 1).size, SIZE)


def test_random_crop_by_hand():
    # A quarter of the area in the picture's own shape, at the lower left.
    each = made(random_crop((0.25, 1), (1, 1)), 0, 0.5, 1, 0)
    np.testing.assert_allclose(each.size, [20, 30])
    np.testing.assert_allclose(each.sample(tf.constant([[0.0, 0], [30, 20]])), [[0, 20], [30, 40]], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    numbers=st.tuples(unit, unit, unit, unit),
    area=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)).map(sorted),
    aspect=st.tuples(st.floats(0.25, 1), st.floats(1, 4)),
)
def test_a_random_crop_lies_in_the_picture_and_has_the_area_and_shape_asked_for(numbers, area, aspect):
    each = made(random_crop(tuple(area), aspect), *numbers)
    (left, top), (right, bottom) = each.sample(tf.stack([tf.zeros(2), each.size[::-1]])).numpy()
    assert left >= -1e-3 and top >= -1e-3 and right <= 60 + 1e-3 and bottom <= 40 + 1e-3
    share, shape = (right - left) * (bottom - top) / 2400, (right - left) / (bottom - top) / 1.5
    assert area[0] - 1e-3 <= share <= area[1] + 1e-3
    assert aspect[0] - 1e-2 <= shape <= aspect[1] + 1e-2


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), cells=st.integers(1, 5))
def test_a_warp_pulls_no_further_than_it_says(seed, cells):
    each = warp(0.1, cells).make(tf.random.stateless_uniform((2 * (cells + 3) ** 2,), (seed, 0)), SIZE)
    points = tf.random.stateless_uniform((50, 2), (seed, 1)) * SIZE[::-1]
    pulled = abs(each.sample(points) - points).numpy().max(axis=0)
    assert (pulled <= 0.1 * np.array([60, 40]) / cells + 1e-4).all() and pulled.max() > 0


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *[(lambda value=value: mirror(value), "probability") for value in (-0.1, 1.1, math.nan)],
        *[(lambda swap=swap: mirror(swap=swap), "swap") for swap in ((1, 2, 0), (0, 2), (1, 1), (-1, 0))],
        *[(lambda value=value: random_crop(area=value), "area") for value in ((0, 1), (0.5, 1.1), (0.6, 0.5))],
        *[(lambda value=value: random_crop(aspect=value), "aspect") for value in ((0, 1), (2, 1), (1, math.inf))],
        *[(lambda value=value: rotate(value), "degrees") for value in (-1, 181, math.nan)],
        *[(lambda value=value: shear(value), "degrees") for value in (-1, 61)],
        *[(lambda value=value: scale(value), "factor") for value in ((0, 1), (1.2, 0.8), (1, math.nan))],
        *[(lambda value=value: translate(value), "share") for value in (-0.1, 1.1)],
        *[(lambda value=value: zoom_out(value), "factor") for value in (0.9, math.inf)],
        (lambda: zoom_out(2, 1.1), "probability"),
        *[(lambda value=value: warp(value), "strength") for value in (-0.1, 0.16)],
        (lambda: warp(cells=0), "cells"),
    ],
)
def test_what_is_out_of_range_is_refused(make, name):
    with pytest.raises(ValueError, match=rf"{name}\b.*Received: {name}="):
        make()


def test_extremes_are_taken_as_they_are():
    steps = [rotate(0), shear(0), scale((1, 1)), translate(0), random_crop((1, 1), (1, 1)), zoom_out(1, 1), warp(0)]
    sample = with_things(smooth(20, 30))
    still = compose(*steps)(sample, SEED)
    np.testing.assert_allclose(still["boxes"], sample["boxes"], atol=1e-3)
    assert abs(still["image"].numpy().astype(int) - sample["image"].numpy()).max() <= 1
