"""Augmentations of pixels: blur against a naive convolution, noise by its statistics, erasing by its shape."""

import math

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data.augment import blur, erase, noise
from kerascnn.data.augment.sampling import GREY
from tests.data.augment.conftest import SEED, assert_same, coarse, fixed, smooth, with_things


def changed(step, image, seed=SEED):
    return step({"image": tf.constant(image)}, seed)["image"].numpy()


def test_only_pixels_change():
    sample = with_things(smooth(20, 30))
    for step in (blur((2, 2), 1), noise(20, 1), erase(probability=1)):
        result = step(sample, SEED)
        assert not np.array_equal(result.pop("image"), sample["image"])
        assert_same(result, {key: value for key, value in sample.items() if key != "image"})


@pytest.mark.parametrize("step", [blur((2, 2), 0), noise(20, 0), erase(probability=0)], ids=["blur", "noise", "erase"])
def test_probability_0_changes_nothing(step):
    image = coarse(9, 14)
    for number in range(10):
        np.testing.assert_array_equal(changed(step, image, tf.constant([number, 0], tf.int64)), image)


@pytest.mark.parametrize("step", [blur((0.5, 2)), noise(), erase((0.3, 0.4))], ids=["blur", "noise", "erase"])
def test_half_of_the_seeds_change_the_picture(step):
    image = tf.constant(coarse(8, 8))
    seeds = tf.stack([tf.range(200, dtype=tf.int64), tf.zeros(200, tf.int64)], axis=1)
    pictures = tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: step({"image": image}, seed)["image"])
    assert 70 <= sum(not np.array_equal(picture, image) for picture in pictures) <= 130  # four standard deviations


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_blur_equals_a_naive_convolution(dtype):
    image, sigma = coarse(11, 14).astype(dtype), 1.3
    weights = np.exp(-0.5 * (np.arange(-9, 10) / sigma) ** 2)
    weights /= weights.sum()
    padded = np.pad(image.astype(float), ((9, 9), (9, 9), (0, 0)), "symmetric")
    rows = sum(weight * padded[start : start + 11] for start, weight in enumerate(weights))
    expected = sum(weight * rows[:, start : start + 14] for start, weight in enumerate(weights))
    blurred = changed(fixed(blur((1, 1.6), 1), 0, 0.5), image)
    assert blurred.dtype == dtype
    assert abs(blurred - expected).max() <= 1.5  # OpenCV cuts the bell off at 3 deviations, or 4 for floats


@pytest.mark.parametrize("step", [blur((2, 2), 1), noise(8, 1)], ids=["blur", "noise"])
def test_the_mean_does_not_drift(step):
    image = 60 + coarse(40, 40) // 2
    assert abs(changed(step, image).mean() - image.mean()) < 0.5


def test_a_blurred_float_picture_stays_within_255():
    white = np.full((30, 30, 3), 255, np.float32)
    for share in np.linspace(0, 1, 9):
        blurred = changed(fixed(blur((0.3, 3), 1), 0, share), white)
        assert blurred.max() <= 255 and blurred.min() > 254.9


def test_noise_has_the_deviation_that_was_drawn():
    grain = changed(fixed(noise(8, 1), 0, 0.5), np.full((100, 100, 3), 127, np.float32)) - 127
    assert abs(grain.mean()) < 0.12 and grain.std() == pytest.approx(4, rel=0.02)  # five standard errors
    correlation = np.corrcoef(grain.reshape(-1, 3).T) - np.eye(3)
    assert abs(correlation).max() < 0.05  # each channel has its own


def test_noise_is_clipped():
    noisy = changed(fixed(noise(100, 1), 0, 1), np.repeat([0.0, 255.0], 300).reshape(20, 10, 3).astype(np.float32))
    assert noisy.min() == 0 and noisy.max() == 255
    assert changed(noise(0, 1), coarse(5, 5)).tolist() == coarse(5, 5).tolist()


def test_erase_by_hand():
    # A quarter of 8 x 16 pixels, twice as high as wide: 8 x 4, at three quarters of the room across.
    image = smooth(8, 16)
    erased = changed(fixed(erase((0.25, 0.25), (1, 4), 1), 0, 0, 0.5, 0.1, 0.75), image)
    expected = image.copy()
    expected[:, 9:13] = GREY
    np.testing.assert_array_equal(erased, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_erased_rectangle_has_the_area_and_shape_asked_for(dtype):
    image = np.zeros((60, 90, 3), dtype)
    for number in range(20):
        erased = changed(erase((0.1, 0.2), (0.5, 2), 1), image, tf.constant([number, 0], tf.int64))
        rows, columns = (np.flatnonzero(erased[..., 0].any(axis=axis)) for axis in (1, 0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert (erased == np.array(GREY, dtype)).all(axis=-1).sum() == height * width
        assert 0.09 < height * width / 5400 < 0.21 and 0.45 < height / width < 2.2


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *[(lambda value=value: blur(value), "sigma") for value in ((0, 1), (2, 1), (1, math.inf), (-1, 1))],
        *[(lambda value=value: noise(value), "deviation") for value in (-1, 256, math.nan)],
        *[(lambda value=value: erase(value), "area") for value in ((0, 0.5), (0.1, 1.5), (0.5, 0.1))],
        *[(lambda value=value: erase(aspect=value), "aspect") for value in ((0, 1), (2, 1))],
        *[(lambda step=step: step(probability=1.5), "probability") for step in (blur, noise, erase)],
    ],
)
def test_what_is_out_of_range_is_refused(make, name):
    with pytest.raises(ValueError, match=rf"{name}\b.*Received: {name}="):
        make()
