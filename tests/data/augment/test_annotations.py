"""Boxes and landmarks: they go where their pixels go."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascnn.data import swap_sides
from kerascnn.data.augment import compose, mirror, random_crop, rotate, scale, shear, translate, warp, zoom_out
from kerascnn.data.augment.steps import Geometric
from kerascnn.data.augment.transform import Affine
from kerascnn.data.sample import IGNORED, check_sample
from tests.data.augment.conftest import SEED, fixed, smooth, tensors

THING = 7


def with_box(height, width, *corners, class_id=THING):
    """A sample with one box, which its class fills in the mask."""
    x1, y1, x2, y2 = corners
    mask = np.zeros((height, width), np.int32)
    mask[y1:y2, x1:x2] = class_id
    boxes, class_ids = np.array([corners], np.float32), np.array([class_id], np.int32)
    return tensors({"image": smooth(height, width), "boxes": boxes, "class_ids": class_ids, "mask": mask})


def shifted(x, y):
    """A step that shifts by whole pixels."""
    matrix = tf.constant([[1, 0, -x], [0, 1, -y], [0, 0, 1]], tf.float32)
    return Geometric(0, lambda _, size: Affine(matrix, size))


def bounds(found):
    """The edges of the pixels that a mask holds: x1, y1, x2, y2."""
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


KINDS = {
    "mirror": mirror(),
    "rotate": rotate(180),
    "shear": shear(20),
    "scale": scale((0.7, 1.5)),
    "translate": translate(0.3),
    "warp": warp(0.15, 3),
}


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_box_holds_its_pixels_and_touches_them(data):
    chosen = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3, unique=True))
    height, width = data.draw(st.sampled_from([(37, 53), (72, 95)]))
    left, top = data.draw(st.integers(0, width - 16)), data.draw(st.integers(0, height - 16))
    right, bottom = data.draw(st.integers(left + 15, width)), data.draw(st.integers(top + 15, height))
    seed = tf.constant([data.draw(st.integers(0, 1000)), 0], tf.int64)
    sample = with_box(height, width, left, top, right, bottom)
    moved = compose(*(KINDS[each] for each in chosen), min_visible=0.1)(sample, seed)

    check_sample(moved)
    mask = moved["mask"].numpy()
    assert set(np.unique(mask)) <= {0, THING, IGNORED}
    if moved["class_ids"][0] != THING:
        assert (mask == THING).sum() < 0.2 * (right - left) * (bottom - top) * 1.5**2
        return
    difference = bounds(mask == THING) - moved["boxes"].numpy()[0]
    # A pixel belongs to the thing if its centre does: half a pixel more at most. The tip of a corner has no pixel.
    assert (difference * [1, 1, -1, -1] > -0.6).all(), difference
    assert (difference * [1, 1, -1, -1] < (4 if {"shear", "warp"} & set(chosen) else 2)).all(), difference


@pytest.mark.parametrize("size", [(20, 30), (37, 53), (70, 100)])
def test_a_cropped_and_a_shrunken_box_holds_its_pixels(size):
    sample = with_box(60, 80, 20, 24, 52, 44)
    for number in range(6):
        seed = tf.constant([number, 0], tf.int64)
        moved = compose(zoom_out(1.5, 1.0), random_crop((0.5, 1.0)), size=size, min_visible=0)(sample, seed)
        if moved["class_ids"][0] == THING:
            difference = bounds(moved["mask"].numpy() == THING) - moved["boxes"].numpy()[0]
            assert abs(difference).max() <= 1.6  # a result of another size holds the first pixel, not the corner


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        ((0, 0), (2, 3, 8, 7)),
        ((1, 2), (3, 5, 9, 9)),
        ((8, 0), (10, 3, 12, 7)),
        ((-4, 0), (0, 3, 4, 7)),
        ((0, -4), (2, 0, 8, 3)),
        ((-4, 4), (0, 7, 4, 10)),
    ],
)
def test_a_box_is_cut_at_the_border(path, shift, expected):
    moved = compose(shifted(*shift), min_visible=0)(with_box(10, 12, 2, 3, 8, 7), SEED)
    np.testing.assert_allclose(moved["boxes"], [expected], atol=1e-5)
    np.testing.assert_array_equal(bounds(moved["mask"].numpy() == THING), expected)
    assert moved["class_ids"] == [THING]


@pytest.mark.parametrize(("min_visible", "stays"), [(0, True), (0.5, True), (0.51, False), (1, False)])
def test_what_is_hardly_visible_becomes_padding(min_visible, stays):
    moved = compose(shifted(-4, 0), min_visible=min_visible)(with_box(16, 16, 0, 0, 8, 8), SEED)
    assert moved["class_ids"] == [THING if stays else -1]
    np.testing.assert_allclose(moved["boxes"], [[0, 0, 4, 8]] if stays else np.zeros((1, 4)), atol=1e-5)


@pytest.mark.parametrize("shift", [(8, 0), (-8, 0), (0, 8), (0, -8), (50, 50)])
def test_a_box_outside_becomes_padding_even_if_nothing_has_to_stay(shift):
    # After 8 pixels, the box still touches the border, and has no area.
    sample = with_box(8, 8, 0, 0, 8, 8)
    moved = compose(shifted(*shift), min_visible=0)(sample, SEED)
    np.testing.assert_array_equal(moved["boxes"], np.zeros((1, 4)))
    assert moved["class_ids"] == [-1]
    assert (moved["mask"].numpy() == IGNORED).all()


def test_the_picture_in_a_thing_is_all_box():
    # None of the outline is in the picture, but all four corners of the picture are in the thing.
    moved = compose(fixed(scale((4, 4)), 0.5), min_visible=0)(with_box(40, 40, 5, 5, 35, 35), SEED)
    np.testing.assert_allclose(moved["boxes"], [[0, 0, 40, 40]], atol=1e-4)


def test_a_turned_box_by_hand():
    # The square's corners lie 10 * sqrt(2) from the centre, straight above, below, left and right of it.
    moved = fixed(rotate(45), 1.0)(with_box(40, 60, 20, 10, 40, 30), SEED)
    reach = 10 * np.sqrt(2)
    np.testing.assert_allclose(moved["boxes"], [[30 - reach, 20 - reach, 30 + reach, 20 + reach]], atol=1e-4)


def test_boxes_keep_their_places_and_padding_is_zeros():
    sample = tensors(
        {
            "image": smooth(20, 20),
            "boxes": np.array([[1, 1, 5, 5], [-9, 0, 99, 3], [15, 15, 20, 20], [2, 2, 8, 9]], np.float32),
            "class_ids": np.array([4, -1, 5, 6], np.int32),
        }
    )
    moved = shifted(6, 6)(sample, SEED)
    np.testing.assert_array_equal(moved["class_ids"], [4, -1, -1, 6])
    np.testing.assert_allclose(moved["boxes"], [[7, 7, 11, 11], [0] * 4, [0] * 4, [8, 8, 14, 15]], atol=1e-5)


@pytest.mark.parametrize("step", [mirror(1.0), rotate(30), warp()], ids=["mirror", "rotate", "warp"])
def test_no_boxes_stay_no_boxes(step):
    sample = {"image": tf.constant(smooth(20, 20)), "boxes": tf.zeros((0, 4)), "class_ids": tf.zeros(0, tf.int32)}
    moved = step(sample, SEED)
    assert moved["boxes"].shape == (0, 4) and moved["class_ids"].shape == (0,)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_landmarks_move_with_the_pixels(data):
    chosen = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3, unique=True))
    height, width = data.draw(st.sampled_from([(37, 53), (72, 95)]))
    x, y = data.draw(st.integers(4, width - 5)), data.draw(st.integers(4, height - 5))
    image = np.zeros((height, width, 3), np.float32)
    image[y - 2 : y + 3, x - 2 : x + 3] = 200  # a dot about the centre of pixel (x, y)
    sample = tensors({"image": image, "landmarks": np.array([[x + 0.5, y + 0.5]], np.float32)})
    seed = tf.constant([data.draw(st.integers(0, 1000)), 1], tf.int64)
    moved = compose(*(KINDS[each] for each in chosen), fill=(0, 0, 0))(sample, seed)

    ((x, y),), weights = moved["landmarks"].numpy(), moved["image"].numpy()[..., 0]
    assert moved["visibility"].numpy() == [0 <= x <= width and 0 <= y <= height]
    if 8 <= x <= width - 8 and 8 <= y <= height - 8:
        rows, columns = np.mgrid[:height, :width] + 0.5
        centre = [(columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()]
        np.testing.assert_allclose(centre, [x, y], atol=0.4)


def test_landmarks_outside_are_not_visible_and_hidden_ones_stay_hidden():
    landmarks = tf.constant([[1.0, 1], [9, 5], [5, 9], [5, 5]])
    sample = {"image": tf.constant(smooth(10, 10)), "landmarks": landmarks}
    moved = shifted(2, 0)(sample, SEED)
    np.testing.assert_allclose(moved["landmarks"], landmarks + tf.constant([2.0, 0]), atol=1e-5)
    np.testing.assert_array_equal(moved["visibility"], [1, 0, 1, 1])
    hidden = tf.constant([1, 1, 0, 1], tf.int32)
    np.testing.assert_array_equal(shifted(2, 0)(sample | {"visibility": hidden}, SEED)["visibility"], [1, 0, 0, 1])


def test_a_mirrored_face_has_its_eyes_exchanged():
    landmarks, visibility = tf.constant([[2.0, 3], [7, 4], [5, 6]]), tf.constant([1, 0, 1])
    face = {"image": tf.constant(smooth(10, 10)), "landmarks": landmarks, "visibility": visibility}
    eyes = (1, 0, 2)
    moved = mirror(1.0, swap=eyes)(face, SEED)
    np.testing.assert_allclose(moved["landmarks"], [[3, 4], [8, 3], [5, 6]], atol=1e-5)
    np.testing.assert_array_equal(moved["visibility"], [0, 1, 1])
    for unmirrored in (mirror(0, swap=eyes), compose(mirror(1, swap=eyes), rotate(0), mirror(1, swap=eyes))):
        moved = unmirrored(face, SEED)
        np.testing.assert_allclose(moved["landmarks"], landmarks, atol=1e-5)
        np.testing.assert_array_equal(moved["visibility"], visibility)
    turned = compose(fixed(rotate(180), 1.0), warp(0), mirror(1, swap=eyes))(face, SEED)
    np.testing.assert_allclose(turned["landmarks"], [[7, 6], [2, 7], [5, 4]], atol=1e-4)


def test_a_swap_of_other_landmarks_is_refused():
    with pytest.raises(ValueError, match="swap"):
        mirror(1.0, swap=(1, 0))({"image": tf.constant(smooth(9, 9)), "landmarks": tf.zeros((3, 2))}, SEED)


def test_counterparts_are_found_by_name():
    assert swap_sides(["left_eye_outer", "nose", "right_eye_outer"]) == (2, 1, 0)
    assert swap_sides(["nose"]) == (0,)
    assert swap_sides([]) == ()


def test_names_that_do_not_tell_the_sides_are_refused():
    with pytest.raises(ValueError, match=r"Missing: right_eye\."):
        swap_sides(["left_eye", "nose"])
    with pytest.raises(ValueError, match=r"turn mirroring off\. Found: 0, 1"):
        swap_sides(["0", "1"])


STEPS = pytest.mark.parametrize(
    "step",
    [mirror(1.0), rotate(30), warp(), random_crop(), zoom_out(2.0, 1.0)],
    ids=["mirror", "rotate", "warp", "crop", "zoom"],
)


@STEPS
def test_proposals_move_as_boxes_do(step):
    boxes = np.float32([[1, 1, 5, 5], [0, 0, 20, 30], [0, 0, 0, 0], [15, 20, 19, 28], [2.5, 2, 8, 9]])
    class_ids = np.int32([0, 0, -1, 0, 0])
    moved = step(tensors({"image": smooth(30, 20), "boxes": boxes, "class_ids": class_ids, "proposals": boxes}), SEED)
    np.testing.assert_array_equal(moved["proposals"], moved["boxes"])
    assert not moved["proposals"].numpy()[2].any()
    check_sample(moved)


def test_proposals_outside_become_zeros():
    proposals = np.float32([[1, 1, 5, 5], [15, 15, 20, 20], [0, 0, 0, 0], [2, 2, 8, 9]])
    moved = shifted(6, 6)(tensors({"image": smooth(20, 20), "proposals": proposals}), SEED)
    np.testing.assert_allclose(moved["proposals"], [[7, 7, 11, 11], [0] * 4, [0] * 4, [8, 8, 14, 15]], atol=1e-5)


@STEPS
def test_no_proposals_stay_no_proposals(step):
    moved = step({"image": tf.constant(smooth(20, 20)), "proposals": tf.zeros((0, 4))}, SEED)
    assert moved["proposals"].shape == (0, 4)


def test_their_number_is_known_in_a_graph():
    proposals = np.float32([[1, 1, 5, 5], [0, 0, 0, 0]])
    sample = tensors({"image": np.stack([smooth(20, 20)] * 3), "proposals": np.stack([proposals] * 3)})
    pairs = tf.data.Dataset.from_tensor_slices((sample, tf.stack([SEED] * 3))).map(mirror(1.0))
    assert pairs.element_spec["proposals"].shape == (2, 4)
    for moved in pairs:
        np.testing.assert_allclose(moved["proposals"], [[15, 1, 19, 5], [0] * 4], atol=1e-5)
