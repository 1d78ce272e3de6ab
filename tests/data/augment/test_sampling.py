"""Pixels of changed pictures, sampled in the graph and by OpenCV, against a naive loop and `resize`."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascnn.data.augment import compose, mirror, random_crop, rotate, sampling, translate, warp
from kerascnn.data.augment.sampling import recolor, sample_mask, sample_picture
from kerascnn.data.augment.transform import Affine, merge, sample
from kerascnn.data.resize import resize
from kerascnn.data.sample import IGNORED
from tests.data.augment.conftest import SEED, coarse, fixed, smooth

TURNED = [[0.8, -0.5, 6.3], [0.4, 0.9, -4.1], [0, 0, 1]]  # from after to before; reads beyond all four borders
FILLS = ["reflect", "edge", (9, 200, 30)]


def affine(rows, size):
    return Affine(tf.constant(rows, tf.float32), tf.constant(size, tf.float32))


def identity(*size):
    return affine(np.eye(3), size)


def pixel(image, row, column, fill):
    """The pixel of a picture that goes on outside as `fill` says."""
    inside = []
    for position, side in ((row, image.shape[0]), (column, image.shape[1])):
        if fill == "reflect":
            position %= 2 * side
            position = min(position, 2 * side - 1 - position)
        elif fill == "edge":
            position = min(max(position, 0), side - 1)
        inside.append(position)
    if 0 <= inside[0] < image.shape[0] and 0 <= inside[1] < image.shape[1]:
        return image[inside[0], inside[1]].astype(float)
    return np.array(fill, float)


def sample_naively(image, matrix, size, fill):
    result = np.empty((*size, 3))
    for row, column in np.ndindex(*size):
        x, y, _ = np.array(matrix) @ (column + 0.5, row + 0.5, 1) - 0.5
        left, top = math.floor(x), math.floor(y)
        right_share, low_share = x - left, y - top
        result[row, column] = (1 - low_share) * (
            (1 - right_share) * pixel(image, top, left, fill) + right_share * pixel(image, top, left + 1, fill)
        ) + low_share * (
            (1 - right_share) * pixel(image, top + 1, left, fill) + right_share * pixel(image, top + 1, left + 1, fill)
        )
    return result


@pytest.mark.parametrize("fill", FILLS, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_bilinear_sampling_equals_a_naive_loop(path, dtype, fill):
    image = smooth(17, 22).astype(dtype)
    sampled = sample_picture(tf.constant(image), [affine(TURNED, (17, 22))], (17, 22), fill)
    expected = sample_naively(image, TURNED, (17, 22), fill)
    assert sampled.dtype == image.dtype
    # In the graph only the rounding differs. OpenCV reads at 1/32 of a pixel: a step of 200 levels to the fill is 6.
    limit = (0.51 if dtype == np.uint8 else 0.01) if path == "graph" else (2 if isinstance(fill, str) else 6)
    assert abs(sampled.numpy() - expected).max() <= limit


@pytest.mark.parametrize("fill", FILLS, ids=str)
def test_both_paths_agree_on_a_smooth_picture(monkeypatch, fill):
    image, chain = tf.constant(smooth(50, 61)), [affine(TURNED, (50, 61))]
    in_graph = sample_picture(image, chain, (40, 60), fill).numpy().astype(int)
    monkeypatch.setattr(sampling, "SMALL", 0)
    difference = abs(in_graph - sample_picture(image, chain, (40, 60), fill).numpy())
    assert np.quantile(difference, 0.95) <= 1 and difference.max() <= (2 if isinstance(fill, str) else 6)


def test_nearest_sampling_equals_a_naive_loop(path):
    mask = np.random.default_rng(0).integers(0, 9, (17, 22)).astype(np.int32)
    sampled = sample_mask(tf.constant(mask), [affine(TURNED, (17, 22))], (17, 22)).numpy()
    outside = 0
    for row, column in np.ndindex(17, 22):
        x, y, _ = np.array(TURNED) @ (column + 0.5, row + 0.5, 1)
        if min(abs(x - round(x)), abs(y - round(y))) > 0.02:  # else it lies on an edge between two pixels
            inside = 0 <= x < 22 and 0 <= y < 17
            outside += not inside
            assert sampled[row, column] == (mask[int(y), int(x)] if inside else IGNORED)
    assert outside > 20


def test_any_class_survives(path):
    mask = np.array([[0, 254, 255], [256, 70_000, -1]], np.int32)
    np.testing.assert_array_equal(sample_mask(tf.constant(mask), [identity(2, 3)], (2, 3)), mask)


@pytest.mark.parametrize("size", [(24, 20), (50, 90), (37, 53), (111, 160), (1, 1)])
@pytest.mark.parametrize("fill", ["reflect", "edge"])
def test_an_identity_stretches_as_the_phone_does(path, size, fill):
    image = tf.constant(smooth(37, 53))
    difference = sample_picture(image, [identity(37, 53)], size, fill).numpy().astype(int) - resize(image, size).numpy()
    assert abs(difference).max() <= 1 and (difference == 0).mean() > (0.99 if path == "graph" else 0.7)


@pytest.mark.parametrize("before", [(37, 53), (4, 5), (1, 1)])
@pytest.mark.parametrize("size", [(24, 20), (111, 160)])
def test_a_warp_of_nothing_stretches_as_the_phone_does(before, size):
    image = tf.constant(smooth(*before))
    still = fixed(warp(0), *[0.5] * 98)
    stretched = compose(still, size=size, fill="edge")({"image": image}, SEED)["image"].numpy().astype(int)
    assert abs(stretched - resize(image, size).numpy()).max() <= 1


def test_a_mirror_is_exact(path):
    image = coarse(13, 18)
    np.testing.assert_array_equal(mirror(1.0)({"image": tf.constant(image)}, SEED)["image"], image[:, ::-1])


def test_the_mean_does_not_drift(path):
    # Half a pixel aside and back, again and again: were values cut instead of rounded, each would cost 1/2.
    sampled = tf.constant(coarse(40, 40))
    before = sampled.numpy().mean()
    for number in range(20):
        matrix = np.eye(3)
        matrix[:2, 2] = 0.5 if number % 2 else -0.5
        sampled = sample_picture(sampled, [affine(matrix, (40, 40))], (40, 40), "reflect")
    assert abs(sampled.numpy().mean() - before) < 0.5


def test_a_chain_of_maps_is_sampled_once(path):
    # There and back by half a pixel is no change at all, not a blur.
    image = coarse(20, 20)
    there, back = fixed(translate(0.025), 0.5, 0), fixed(translate(0.025), 0.5, 1)
    np.testing.assert_array_equal(compose(there, back)({"image": tf.constant(image)}, SEED)["image"], image)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), size=st.sampled_from([(70, 90), (37, 53), (224, 160)]))
def test_the_map_through_few_points_is_that_of_every_pixel(seed, size):
    # A spline through some points of the chain stands for it in every pixel: 1/25 of a pixel, as its comment says.
    draw = np.random.default_rng(seed).random
    chain, before = [], tf.constant([80.0, 120.0])
    for step in (rotate(30), warp(0.1), random_crop((0.5, 1.0))):
        chain.append(step.make(tf.constant(draw(step.numbers), tf.float32), before))
        before = chain[-1].size
    map_x, map_y = sampling._sampling_map(merge(chain), size, 12)
    extent = chain[-1].size.numpy()
    y, x = np.mgrid[: size[0], : size[1]] * (extent / size)[:, np.newaxis, np.newaxis] + 0.5
    exact = sample(chain, tf.constant(np.stack([x, y], axis=-1).reshape(-1, 2), tf.float32)).numpy() - 0.5
    found = np.stack([map_x, map_y], axis=-1).reshape(-1, 2)
    inside = (x <= extent[1]).ravel() & (y <= extent[0]).ravel()  # an enlarged picture reads on by half a pixel
    assert abs(found - exact)[inside].max() < 0.06


def test_colors_are_mapped_and_clipped(path):
    image = np.array([[[10, 20, 30], [200, 100, 0]]], np.uint8)
    swap_and_shift = tf.constant([[0, 1, 0, 5], [1, 0, 0, -50], [0, 0, 2, 0.25], [0, 0, 0, 1]], tf.float32)
    expected = [[[25, 0, 60.25], [105, 150, 0.25]]]
    np.testing.assert_array_equal(recolor(tf.constant(image, tf.float32), swap_and_shift), expected)
    np.testing.assert_array_equal(recolor(tf.constant(image), swap_and_shift), np.round(expected))
    bright = recolor(tf.constant(image), tf.linalg.diag([2.0, 2.0, 20.0, 1.0]))
    np.testing.assert_array_equal(bright, [[[20, 40, 255], [255, 200, 0]]])


def test_float_pictures_stay_floats_within_0_and_255(path):
    image = smooth(20, 30).astype(np.float32) + np.float32(0.3)
    image[5:9] = 255
    color = tf.linalg.diag([1.1, 0.9, 1.0, 1.0])
    sampled = sample_picture(tf.constant(image), [affine(TURNED, (20, 30))], (20, 30), "edge", color).numpy()
    assert sampled.dtype == np.float32 and sampled.min() >= 0 and sampled.max() == 255
    assert (sampled != sampled.round()).mean() > 0.5


def test_a_picture_that_opencv_cannot_map_is_refused():
    image = tf.zeros((1, 32768, 3), tf.uint8)
    with pytest.raises(ValueError, match="32767 pixels a side"):
        sample_picture(image, [identity(1, 32768)], (100, 100), "edge")
