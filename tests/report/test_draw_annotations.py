import numpy as np
import pytest

from kerascnn.report.draw_annotations import draw_boxes, draw_points
from kerascnn.report.palette import class_color, ink_on

GREY = 100


def plain(height=200, width=300):
    return np.full((height, width, 3), GREY, np.uint8)


def changed(picture):
    return (picture != GREY).any(-1)


def is_color(picture, number):
    return (picture == class_color(number)).all(-1)


def test_a_box_encloses_exactly_its_pixels():
    drawn = draw_boxes(plain(), np.float32([[50, 30, 200, 120]]), class_ids=np.int32([4]))
    expected = np.zeros((200, 300), bool)
    expected[30:120, 50:200] = True
    expected[31:119, 51:199] = False
    np.testing.assert_array_equal(changed(drawn), expected)
    np.testing.assert_array_equal(is_color(drawn, 4), expected)


def test_the_picture_that_is_given_stays_as_it_is():
    picture = plain()
    draw_boxes(picture, np.float32([[5, 5, 90, 90]]), labels=["a"])
    draw_points(picture, np.float32([[50, 50]]), names=["a"])
    np.testing.assert_array_equal(picture, plain())


@pytest.mark.parametrize(
    "draw",
    [
        lambda picture: draw_boxes(picture, np.zeros((0, 4)), labels=[]),
        lambda picture: draw_points(picture, np.zeros((0, 2)), names=[]),
    ],
)
def test_nothing_to_draw_gives_a_copy(draw):
    picture = plain()
    drawn = draw(picture)
    np.testing.assert_array_equal(drawn, picture)
    assert not np.shares_memory(drawn, picture)


def test_a_label_stands_above_its_box_on_a_band_of_its_colour():
    box = np.float32([[50, 80, 200, 180]])
    bare, drawn = draw_boxes(plain(), box), draw_boxes(plain(), box, labels=["RBC"])
    added = (bare != drawn).any(-1)
    rows, columns = np.flatnonzero(added.any(1)), np.flatnonzero(added.any(0))
    assert (rows[-1], columns[0]) == (79, 50)
    band = drawn[rows[0] : 80, 50 : columns[-1] + 1]
    assert added[rows[0] : 80, 50 : columns[-1] + 1].all()
    assert is_color(band, 0).mean() > 0.5
    assert (np.abs(band.astype(int) - ink_on(class_color(0))).sum(-1) < 60).any(), "no letters"


def test_a_label_of_a_box_at_the_top_stands_inside_the_picture():
    bare, drawn = (draw_boxes(plain(), np.float32([[50, 0, 200, 180]]), labels=[text]) for text in ("", "RBC"))
    added = (bare != drawn).any(-1)
    assert added[:20].any() and added.sum() > 100


def test_a_score_is_written_as_a_percentage():
    box = np.float32([[50, 80, 200, 180]])
    both, text = draw_boxes(plain(), box, labels=["a"], scores=[0.934]), draw_boxes(plain(), box, labels=["a 93%"])
    np.testing.assert_array_equal(both, text)
    alone, text = draw_boxes(plain(), box, scores=[0.934]), draw_boxes(plain(), box, labels=["93%"])
    np.testing.assert_array_equal(alone, text)


def test_labels_of_boxes_in_one_place_do_not_hide_each_other():
    boxes = np.float32([[50, 80, 200, 180]] * 3)
    drawn = draw_boxes(plain(), boxes, labels=["first", "second", "third"], class_ids=np.int32([0, 1, 2]))
    alone = [
        is_color(draw_boxes(plain(), boxes[:1], labels=[text], class_ids=np.int32([number])), number).sum()
        for number, text in enumerate(["first", "second", "third"])
    ]
    outline = 2 * (150 + 100) - 4
    assert is_color(drawn, 0).sum() == alone[0]
    for number in (1, 2):
        assert is_color(drawn, number).sum() == pytest.approx(alone[number] - outline, abs=outline / 5)


def test_a_label_without_room_is_left_out():
    boxes = np.float32([[0, 0, 20, 12]] * 4)
    small = plain(12, 20)
    one, four = (
        draw_boxes(small, boxes[:1], labels=["ab"]),
        draw_boxes(small, boxes, labels=["ab"] * 4, class_ids=[0] * 4),
    )
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize(("height", "width"), [(24, 24), (1, 1), (7, 300), (300, 7), (480, 640), (3000, 4000)])
def test_a_picture_of_any_size_keeps_its_size_and_is_drawn_on(height, width):
    picture = plain(height, width)
    box = np.float32([[0, 0, width, height]])
    for drawn in (
        draw_boxes(picture, box, labels=["a long name of a class"], scores=[0.5]),
        draw_points(picture, np.float32([[width / 2, height / 2]]), names=["left eye"]),
    ):
        assert drawn.shape == picture.shape and drawn.dtype == np.uint8
        assert changed(drawn).any()


def test_lines_and_letters_grow_with_the_picture():
    shares = []
    for scale in (1, 2, 8):
        box = scale * np.float32([[50, 100, 250, 200]])
        drawn = draw_boxes(plain(300 * scale, 400 * scale), box, labels=["RBC"])
        shares.append(changed(drawn).mean())
    assert shares == pytest.approx([shares[0]] * 3, rel=0.35)


def test_what_is_outside_of_the_picture_is_cut_off_or_not_drawn():
    drawn = changed(draw_boxes(plain(), np.float32([[-50, -50, 100, 100]]), labels=["a"]))
    assert drawn[0, :100].all() and drawn[:100, 0].all()
    outside = np.float32([[-50, 0, -10, 50], [300, 0, 400, 50], [10, 10, 10, 50]])
    np.testing.assert_array_equal(draw_boxes(plain(), outside, labels=["a", "b", "c"]), plain())
    np.testing.assert_array_equal(draw_points(plain(), np.float32([[-1, 5], [5, 201]]), names=["a", "b"]), plain())


def test_padding_is_not_drawn():
    boxes, labels = np.float32([[50, 80, 200, 180]] * 2), ["a", "b"]
    drawn = draw_boxes(plain(), boxes, labels=labels, class_ids=np.int32([-1, 0]))
    np.testing.assert_array_equal(drawn, draw_boxes(plain(), boxes[1:], labels=labels[1:], class_ids=np.int32([0])))


def test_the_first_box_lies_on_top():
    drawn = draw_boxes(plain(), np.float32([[50, 80, 200, 180]] * 2), class_ids=np.int32([3, 5]))
    assert is_color(drawn, 3).any() and not is_color(drawn, 5).any()


def test_a_point_is_in_the_middle_of_its_mark():
    drawn = changed(draw_points(plain(), np.float32([[150.5, 100.5]])))
    rows, columns = np.nonzero(drawn)
    assert (rows.mean(), columns.mean()) == pytest.approx((100, 150))
    assert 9 <= drawn.sum() <= 60


def test_points_that_are_probably_not_to_be_seen_are_not_drawn():
    points, names = np.float32([[50, 50], [150, 50], [250, 50]]), ["a", "b", "c"]
    drawn = changed(draw_points(plain(), points, visibility=np.float32([0.9, 0.4, 0.5]), names=names))
    assert drawn[:, :100].any() and not drawn[:, 100:200].any() and drawn[:, 200:].any()


def test_names_keep_clear_of_the_points():
    points = np.float32([[150, 100], [158, 100], [166, 100], [150, 110]])
    bare, named = draw_points(plain(), points), draw_points(plain(), points, names=["nose", "mouth", "chin", "ear"])
    marks = changed(bare)
    for x, y in points.astype(int):
        around = np.s_[y - 3 : y + 3, x - 3 : x + 3]
        np.testing.assert_array_equal(named[around], bare[around])
    assert changed(named).sum() > 4 * marks.sum()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: draw_boxes(plain(), np.zeros((2, 5))), r"boxes.*\(N, 4\).*\(2, 5\)"),
        (lambda: draw_boxes(plain(), np.zeros(4)), r"\(N, 4\)"),
        (lambda: draw_boxes(plain(), np.full((1, 4), np.nan)), "finite"),
        (lambda: draw_boxes(plain(), np.zeros((2, 4)), labels=["a"]), "labels must hold one value for each of the 2"),
        (lambda: draw_boxes(plain(), np.zeros((2, 4)), scores=[0.5]), "scores"),
        (lambda: draw_boxes(plain(), np.zeros((2, 4)), class_ids=[0]), "class_ids"),
        (lambda: draw_points(plain(), np.zeros((2, 3))), r"points.*\(N, 2\)"),
        (lambda: draw_points(plain(), np.zeros((2, 2)), visibility=[1]), "visibility"),
        (lambda: draw_points(plain(), np.zeros((2, 2)), names=["a"]), "names"),
        (lambda: draw_boxes(plain()[..., :1], np.zeros((0, 4))), r"\(H, W, 3\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
