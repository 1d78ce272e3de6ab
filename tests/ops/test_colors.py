"""Colours of pictures: invariants, and numbers by hand."""

import numpy as np
import pytest

from kerascnn.ops.colors import match_colors, match_luminance, to_grey, with_colors_of


@pytest.fixture
def pictures():
    """Two pictures of different sizes, in the middle of the range: nothing is clipped."""
    rng = np.random.default_rng(0)
    return rng.uniform(90, 140, (7, 5, 3)), rng.normal(120, 8, (4, 9, 3)) + rng.normal(0, 4, (4, 9, 1))


def _covariance(picture):
    return np.cov(picture.reshape(-1, 3).T, bias=True)


def test_luminance_by_hand():
    picture = np.array([[[255, 0, 0], [0, 0, 100], [50, 50, 50]]], float)
    np.testing.assert_allclose(to_grey(picture)[0, :, 1], [76.245, 11.4, 50])
    assert np.ptp(to_grey(picture), axis=-1).max() == 0


def test_matched_colours_have_the_other_s_mean_and_covariance(pictures):
    picture, other = pictures
    matched = match_colors(picture, other)
    assert matched.shape == picture.shape
    np.testing.assert_allclose(matched.mean(axis=(0, 1)), other.mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(_covariance(matched), _covariance(other), rtol=1e-3)


def test_own_colours_stay(pictures):
    np.testing.assert_allclose(match_colors(pictures[0], pictures[0]), pictures[0], atol=1e-6)
    np.testing.assert_allclose(with_colors_of(pictures[0], pictures[0]), pictures[0], atol=1e-6)


def test_colours_of_another_keep_the_luminance(pictures):
    picture, other = pictures[0], pictures[0][::-1]
    colored = with_colors_of(picture, other)
    np.testing.assert_allclose(to_grey(colored), to_grey(picture), atol=1e-6)
    np.testing.assert_allclose(colored - to_grey(colored), other - to_grey(other), atol=1e-6)


def test_a_picture_of_one_colour_takes_and_gives_colours(pictures):
    plain = np.full((3, 4, 3), 77.0)
    assert np.all(np.isfinite(match_colors(plain, pictures[0])))
    np.testing.assert_allclose(match_colors(pictures[0], plain).mean(axis=(0, 1)), 77, atol=0.1)
    assert np.all(np.isfinite(match_luminance(plain, pictures[0])))


def test_luminance_is_stretched_to_mean_and_deviation(pictures):
    matched = match_luminance(to_grey(pictures[0]), to_grey(pictures[1]))
    assert matched.mean() == pytest.approx(to_grey(pictures[1]).mean())
    assert matched.std() == pytest.approx(to_grey(pictures[1]).std())


def test_what_leaves_the_range_is_clipped():
    bright, colored = np.full((1, 1, 3), 250.0), np.array([[[255.0, 0, 0]]])
    assert with_colors_of(bright, colored).max() <= 255
    assert match_colors(np.array([[[0.0] * 3, [255.0] * 3]]), np.array([[[200.0] * 3, [255.0] * 3]])).max() <= 255
