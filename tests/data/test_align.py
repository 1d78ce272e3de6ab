"""Alignment: points come where they belong, whichever side is called left, and pixels go along."""

import numpy as np
import pytest

from kerascnn.data.align import TEMPLATE, align_face, fit_similarity, five_points
from kerascnn.data.faces import LANDMARKS


def turn(points, angle, scale, shift):
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ matrix.T + shift


@pytest.mark.parametrize(("angle", "scale", "shift"), [(0, 1, (0, 0)), (0.7, 3.0, (50, -20)), (-2.5, 0.2, (5, 9))])
def test_a_similarity_is_found_again(angle, scale, shift):
    points = np.random.default_rng(0).normal(size=(5, 2))
    matrix = fit_similarity(points, turn(points, angle, scale, shift))
    np.testing.assert_allclose(matrix[:, :2] @ points.T + matrix[:, 2:], turn(points, angle, scale, shift).T, atol=1e-9)


def test_no_other_similarity_comes_nearer():
    rng = np.random.default_rng(1)
    points, places = rng.normal(size=(2, 5, 2))
    best = fit_similarity(points, places)

    def miss(matrix):
        return np.sum((points @ matrix[:, :2].T + matrix[:, 2] - places) ** 2)

    for _ in range(200):
        a, b, x, y = rng.normal(scale=0.1, size=4)
        assert miss(best + np.array([[a, -b, x], [b, a, y]])) >= miss(best)


def draw(points, size, scale=1.0):
    """Draw a bright blot at each point, each of its own brightness."""
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    blots = sum(
        (100 + 30 * number) * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (20 * scale**2))
        for number, (x, y) in enumerate(points)
    )
    return np.repeat(np.clip(blots, 0, 255)[..., None], 3, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("angle", "scale"), [(0.0, 1.0), (0.5, 1.6), (-0.4, 0.8)])
def test_a_turned_face_comes_out_straight(angle, scale, swapped):
    points = turn(TEMPLATE, angle, scale, (60, 40))
    points -= points.mean(axis=0) - 120
    picture = draw(points, (240, 240), scale)
    found = align_face(picture, points[[1, 0, 2, 4, 3]] if swapped else points)
    assert found.shape == (112, 112, 3)
    for number, (x, y) in enumerate(TEMPLATE):
        near = found[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5, 0]
        row, column = np.unravel_index(near.argmax(), near.shape)
        assert abs(row - 4) <= 1 and abs(column - 4) <= 1
        assert near.max() == pytest.approx(100 + 30 * number, abs=16)


def test_a_large_photo_is_made_smaller_without_losing_what_lies_between():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (900, 900, 3), np.uint8)
    found = align_face(picture, TEMPLATE * 8)
    assert found.std() < 20  # the mean of many, where single pixels would have 74


def test_a_picture_of_another_shape_holds_the_face_in_its_middle():
    picture = draw(TEMPLATE, (112, 112))
    found = align_face(picture, TEMPLATE, (112, 140))
    np.testing.assert_allclose(found[:, 14:126].astype(int), picture, atol=1)


def test_points_come_from_the_landmarks_of_the_embedded_data_and_of_others():
    landmarks = np.random.default_rng(0).uniform(size=(14, 2))
    points = five_points(LANDMARKS, landmarks)
    np.testing.assert_allclose(points[0], landmarks[[4, 5]].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(points[2:], landmarks[8:11], rtol=1e-6)
    names = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    np.testing.assert_allclose(five_points(names, landmarks[:5]), landmarks[:5], rtol=1e-6)
    with pytest.raises(ValueError, match="left_eye_outer and left_eye_inner or left_eye"):
        five_points(("nose",), landmarks[:1])


def test_what_cannot_be_aligned_is_refused():
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="not all the same"):
        align_face(picture, np.ones((5, 2)))
    with pytest.raises(ValueError, match="must be numbers"):
        align_face(picture, np.full((5, 2), np.nan))
    with pytest.raises(ValueError, match="five points"):
        align_face(picture, np.ones((4, 2)))
    with pytest.raises(ValueError, match="five points"):
        align_face(picture[..., 0], np.ones((5, 2)))
