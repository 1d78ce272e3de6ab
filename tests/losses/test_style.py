"""The costs of style transfer, against the formulas of the notes as loops, and numbers by hand."""

import numpy as np
import pytest
from keras import ops

from kerascnn.losses import content_cost, correlations, gram_matrix, style_cost, total_variation


@pytest.fixture
def maps():
    """Features of two pictures, (2, 3, 5, 4): sides are odd and not alike."""
    return np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")


def gram_by_loop(features):
    height, width, channels = features.shape
    gram = np.zeros((channels, channels))
    for i in range(height):
        for j in range(width):
            for k in range(channels):
                for other in range(channels):
                    gram[k, other] += features[i, j, k] * features[i, j, other]
    return gram


def test_gram_matrix_by_hand():
    features = np.array([[[[1, 2]], [[3, -1]]]], "float32")  # two places, two channels
    np.testing.assert_allclose(gram_matrix(features), [[[10, -1], [-1, 5]]])


def test_gram_matrix_is_what_a_loop_gives(maps):
    found = ops.convert_to_numpy(gram_matrix(maps))
    for own, features in zip(found, maps, strict=True):
        np.testing.assert_allclose(own, gram_by_loop(features), rtol=1e-5, atol=1e-5)


def test_content_cost_is_that_of_the_notes(maps):
    content, generated = maps
    height, width, channels = content.shape
    wanted = ((content - generated) ** 2).sum() / (2 * height * width * channels)
    np.testing.assert_allclose(content_cost(content[None], generated[None]), [wanted], rtol=1e-5)
    np.testing.assert_array_equal(content_cost(maps, maps), [0, 0])


def test_style_cost_is_that_of_the_notes(maps):
    style, generated = maps
    height, width, channels = style.shape
    squares = ((gram_by_loop(style) - gram_by_loop(generated)) ** 2).sum()
    wanted = squares / (2 * height * width * channels) ** 2
    found = style_cost(correlations(style[None]), correlations(generated[None]))
    np.testing.assert_allclose(found, [wanted], rtol=1e-5)


def test_pictures_of_a_batch_have_costs_of_their_own(maps):
    together = ops.convert_to_numpy(style_cost(correlations(maps[:1]), correlations(maps)))
    assert together[0] == 0
    apart = style_cost(correlations(maps[:1]), correlations(maps[1:]))
    np.testing.assert_allclose(together[1:], apart, rtol=1e-5)
    assert together[1] > 0


def test_style_does_not_depend_on_the_size_of_the_picture(maps):
    twice = np.concatenate([maps, maps], axis=1)
    np.testing.assert_allclose(correlations(twice), correlations(maps), rtol=1e-5, atol=1e-6)


def test_a_mask_takes_the_style_of_a_part(maps):
    mask = np.zeros((1, 3, 5), "float32")
    mask[:, :2, 1:4] = 1
    found = correlations(maps, mask)
    np.testing.assert_allclose(found, correlations(maps[:, :2, 1:4]), rtol=1e-5, atol=1e-6)


def test_several_masks_give_one_picture_several_styles(maps):
    masks = np.random.default_rng(1).uniform(size=(3, 3, 5)).astype("float32")
    found = ops.convert_to_numpy(correlations(maps[:1], masks))
    for own, mask in zip(found, masks, strict=True):
        np.testing.assert_allclose(own, correlations(maps[:1], mask[None])[0], rtol=1e-5, atol=1e-6)


def test_a_mask_of_nothing_gives_zero_and_not_nan(maps):
    np.testing.assert_array_equal(correlations(maps, np.zeros((1, 3, 5), "float32")), np.zeros((2, 4, 4)))


def test_total_variation_by_hand():
    picture = np.array([[[0], [3]], [[1], [1]]], "float32")  # down: 1, 2; right: 3, 0
    np.testing.assert_allclose(total_variation(np.stack([picture, 0 * picture])), [(1 + 4 + 9) / 4, 0])


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 1, 4, 3), (1, 4, 1, 3)])
def test_one_pixel_has_no_neighbours(shape):
    np.testing.assert_array_equal(total_variation(np.ones(shape, "float32")), [0])
