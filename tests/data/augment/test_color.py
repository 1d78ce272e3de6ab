"""Augmentations of colour: hand numbers, what stays grey, and statistics against NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascnn.data.augment import (
    IMAGENET,
    ColorStatistics,
    color_jitter,
    color_shift,
    compose,
    measure_colors,
    pca_color,
)
from kerascnn.data.augment.color import LUMA
from kerascnn.data.sources import Split
from tests.data.augment.conftest import SEED, assert_same, coarse, fixed, smooth, with_things

unit = st.floats(0, 1, width=32)


def matrix(step, *numbers):
    return step.make(tf.constant(numbers, tf.float32)).numpy()


def mapped(step, numbers, *color):
    return matrix(step, *numbers)[:3] @ (*color, 1)


def split_of(*images):
    pictures = tf.ragged.stack([tf.RaggedTensor.from_tensor(image, ragged_rank=2) for image in images])

    def read(index):
        return {"image": pictures[index].to_tensor(shape=(None, None, 3))}

    return Split([""] * len(images), {}, [""] * len(images), read)


def test_color_shift_by_hand():
    np.testing.assert_allclose(mapped(color_shift(20), [0, 0.5, 1], 100, 100, 100), [80, 100, 120])
    image = tf.constant([[[5, 100, 250]]], tf.uint8)
    shifted = fixed(color_shift(20), 0, 0.75, 1)({"image": image}, SEED)["image"]
    np.testing.assert_array_equal(shifted, [[[0, 110, 255]]])


@pytest.mark.parametrize(
    ("numbers", "color", "expected"),
    [
        ((1, 0.5, 0.5, 0.5), (100, 50, 20), (120, 60, 24)),  # a fifth brighter
        ((0, 0.5, 0.5, 0.5), (100, 50, 20), (80, 40, 16)),
        ((0.5, 1, 0.5, 0.5), (127, 117, 97), (129, 117, 93)),  # a fifth further from 117
        ((0.5, 0.5, 0, 0.5), (200, 100, 0), (200 * 0.8 + 23.7, 80 + 23.7, 23.7)),  # a fifth of the luma, 118.5
        ((0.5, 0.5, 1, 0.5), (200, 100, 0), (200 * 1.2 - 23.7, 120 - 23.7, -23.7)),
        ((1, 1, 0.5, 0.5), (100, 100, 100), (120.6, 120.6, 120.6)),  # first 120, then 117 + 1.2 * 3
    ],
)
def test_color_jitter_by_hand(numbers, color, expected):
    np.testing.assert_allclose(mapped(color_jitter(0.2, 0.2, 0.2), numbers, *color), expected, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(turn=unit, colorful=unit, grey=st.floats(0, 255))
def test_hue_and_saturation_keep_grey(turn, colorful, grey):
    step = color_jitter(0, 0, 1, 180)
    np.testing.assert_allclose(mapped(step, (0.5, 0.5, colorful, turn), grey, grey, grey), [grey] * 3, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(turn=unit, color=st.tuples(*[st.floats(0, 255)] * 3))
def test_hue_keeps_the_luma(turn, color):
    turned = mapped(color_jitter(0, 0, 0, 180), (0.5, 0.5, 0.5, turn), *color)
    assert np.dot(LUMA, turned) == pytest.approx(np.dot(LUMA, color), abs=1e-2)


def test_a_third_of_the_circle_turns_red_into_green_and_three_thirds_are_none():
    third = matrix(color_jitter(0, 0, 0, 120), 0.5, 0.5, 0.5, 1)[:3, :3]
    turned = third @ (255, 0, 0)
    # Pure green, but for what keeps the luma, which is added to all three.
    np.testing.assert_allclose(turned - turned[0], [0, 255, 0], atol=1e-3)
    np.testing.assert_allclose(np.linalg.matrix_power(third.astype(float), 3), np.eye(3), atol=1e-5)


def test_measured_colors_are_those_of_all_pixels_together():
    # Pictures of different sizes: each pixel counts the same, not each picture.
    images = [coarse(5, 7), smooth(9, 4) // 3, coarse(1, 1, seed=3)]
    pixels = np.concatenate([image.reshape(-1, 3) for image in images]).astype(float)
    measured = measure_colors(split_of(*images))
    np.testing.assert_allclose(measured.mean, pixels.mean(axis=0))
    np.testing.assert_allclose(measured.covariance, np.cov(pixels.T, bias=True), rtol=1e-9, atol=1e-6)


def test_pca_shifts_along_the_eigenvectors_by_their_eigenvalues():
    # From the pixels by NumPy's singular values, whose squares are the eigenvalues of the covariance.
    image = smooth(20, 30)
    pixels = image.reshape(-1, 3) / 255
    _, values, vectors = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    step = pca_color(0.1, measure_colors(split_of(image)))
    up = (1 + math.erf(1 / math.sqrt(2))) / 2  # the share of normal numbers below 1
    shifts = np.stack([matrix(step, *np.where(np.arange(3) == each, up, 0.5))[:3, 3] for each in range(3)])
    expected = 255 * 0.1 * (values**2 / len(pixels))[:, np.newaxis] * vectors
    # The smallest eigenvalue is the first of ours; the sign of an eigenvector is arbitrary.
    np.testing.assert_allclose(abs(shifts[::-1]), abs(expected), atol=1e-4)
    np.testing.assert_allclose(matrix(step, 0.5, 0.5, 0.5), np.eye(4), atol=1e-6)


def test_imagenet_is_mostly_brightness():
    # The published eigenvalues are 0.2175, 0.0188 and 0.0045; the first eigenvector is nearly grey.
    values, vectors = np.linalg.eigh(IMAGENET.covariance / 255**2)
    np.testing.assert_allclose(values[::-1], [0.2175, 0.0188, 0.0045], atol=2e-4)
    np.testing.assert_allclose(abs(vectors[:, 2]), [0.5675, 0.5808, 0.5836], atol=1e-3)
    shifts = [matrix(pca_color(), *np.random.default_rng(seed).random(3))[:3, 3] for seed in range(300)]
    assert np.std(shifts) == pytest.approx(0.1 * 0.2175 * 255 * math.sqrt(1 / 3), rel=0.15)


def test_numbers_at_the_ends_are_finite():
    assert np.isfinite(matrix(pca_color(), 0, 1, 0.5)).all()


@pytest.mark.parametrize(
    "step", [color_shift(0), color_jitter(0, 0, 0, 0), pca_color(0)], ids=["shift", "jitter", "pca"]
)
@pytest.mark.parametrize("size", [(20, 30), (70, 80)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_amounts_of_0_change_nothing(step, size, dtype):
    sample = with_things(coarse(*size).astype(dtype))
    result = step(sample, SEED)
    np.testing.assert_allclose(result.pop("image"), sample["image"], atol=1e-3)
    assert_same(result, {key: value for key, value in sample.items() if key != "image"})


@pytest.mark.parametrize("size", [(20, 30), (70, 80)])
def test_the_mean_goes_where_the_map_says(size):
    image, step = 60 + coarse(*size) // 2, fixed(color_jitter(0.1, 0.1, 0.2, 10), 0.9, 0.3, 0.8, 0.4)
    mean = matrix(step)[:3] @ (*image.mean(axis=(0, 1)), 1)
    np.testing.assert_allclose(
        step({"image": tf.constant(image)}, SEED)["image"].numpy().mean(axis=(0, 1)), mean, atol=0.3
    )


def test_half_of_the_shifts_are_darker():
    sample, augment = {"image": tf.fill((2, 2, 3), 100.0)}, tf.function(compose(color_shift(50)), autograph=False)
    drawn = np.array([augment(sample, tf.constant([number, 0], tf.int64))["image"][0, 0] for number in range(200)])
    assert drawn.min() >= 50 and drawn.max() <= 150 and abs(drawn.mean() - 100) < 5
    assert abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.3  # each channel by itself


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *[(lambda value=value: color_shift(value), "amount") for value in (-1, 256, math.nan)],
        *[(lambda value=value: color_jitter(brightness=value), "brightness") for value in (-0.1, 1.1)],
        *[(lambda value=value: color_jitter(contrast=value), "contrast") for value in (-0.1, 1.1)],
        *[(lambda value=value: color_jitter(saturation=value), "saturation") for value in (-0.1, 1.1)],
        *[(lambda value=value: color_jitter(hue=value), "hue") for value in (-1, 181)],
        *[(lambda value=value: pca_color(value), "deviation") for value in (-0.1, math.inf)],
        (lambda: pca_color(0.1, ColorStatistics(np.zeros(3), np.eye(2))), "covariance"),
        (lambda: pca_color(0.1, ColorStatistics(np.zeros(3), np.triu(np.ones((3, 3))))), "covariance"),
        (lambda: measure_colors(split_of(coarse(2, 2)).select(np.zeros(0, int))), "split"),
    ],
)
def test_what_is_out_of_range_is_refused(make, name):
    with pytest.raises(ValueError, match=name):
        make()


def test_no_component_is_lost_when_its_vector_sums_to_zero():
    # Red and green change against each other: the one component is (1, -1, 0), and its sum is 0.
    covariance = 255.0**2 * np.array([[0.2, -0.2, 0], [-0.2, 0.2, 0], [0, 0, 0]])
    step = pca_color(1.0, ColorStatistics(np.full(3, 128.0), covariance))
    offset = step.make(tf.constant([0.9, 0.9, 0.9])).numpy()[:3, 3]
    assert abs(offset[0]) > 50 and np.isclose(offset[0], -offset[1], atol=0.01) and abs(offset[2]) < 0.01
