import numpy as np
import pytest

from kerascnn.report.draw_annotations import draw_boxes, draw_points
from kerascnn.report.sheet import GAP, contact_sheet, draw_annotation

PICTURE = np.full((30, 40, 3), 100, np.uint8)


def changed(picture):
    return (picture != PICTURE).any(-1)


def test_a_box_encloses_exactly_its_pixels():
    drawn = changed(draw_annotation(PICTURE, boxes=np.float32([[5, 3, 20, 12]]), class_ids=np.int32([0])))
    expected = np.zeros((30, 40), bool)
    expected[3:12, 5:20] = True
    expected[4:11, 6:19] = False
    np.testing.assert_array_equal(drawn, expected)


def test_a_box_of_the_whole_picture_is_seen_on_every_side():
    drawn = changed(draw_annotation(PICTURE, boxes=np.float32([[0, 0, 40, 30]])))
    assert drawn[0].all() and drawn[-1].all() and drawn[:, 0].all() and drawn[:, -1].all()


def test_padding_is_not_drawn():
    boxes, class_ids = np.float32([[5, 3, 20, 12], [0, 0, 0, 0]]), np.int32([-1, -1])
    np.testing.assert_array_equal(draw_annotation(PICTURE, boxes=boxes, class_ids=class_ids), PICTURE)


def test_a_box_and_the_mask_of_its_class_have_one_colour_and_other_classes_others():
    colors = set()
    for class_id in range(20):
        mask = np.zeros((30, 40), np.int32)
        mask[10:20, 10:20] = class_id + 1
        box = draw_annotation(PICTURE, boxes=np.float32([[10, 10, 20, 20]]), class_ids=np.int32([class_id]))[10, 10]
        contour = draw_annotation(PICTURE, mask=mask)[10, 10]
        np.testing.assert_allclose(contour, 0.9 * box + 0.1 * 100, atol=1)
        colors.add(tuple(box))
    assert len(colors) == 20


def test_a_mask_veils_its_pixels_and_leaves_the_background():
    mask = np.zeros((30, 40), np.int32)
    mask[5:10, 5:15], mask[20:25, 5:15] = 3, 255
    drawn = draw_annotation(PICTURE, mask=mask)
    np.testing.assert_array_equal(changed(drawn), mask > 0)
    assert len(np.unique(drawn[20:25, 5:15].reshape(-1, 3), axis=0)) == 1, "what is ignored has no contour"
    assert not np.array_equal(drawn[5, 5], drawn[7, 7]), "the contour is stronger"


def test_landmarks_that_are_not_visible_are_not_drawn():
    landmarks = np.float32([[10, 10], [30, 20]])
    both, one = (
        changed(draw_annotation(PICTURE, landmarks=landmarks, visibility=visibility))
        for visibility in (None, np.int32([1, 0]))
    )
    assert both[10, 10] and both[20, 30]
    assert one[10, 10] and not one[15:, 25:].any()


def test_boxes_and_landmarks_are_drawn_as_everywhere_over_the_mask():
    mask, boxes, points = np.ones((30, 40), np.int32), np.float32([[5, 3, 20, 12]]), np.float32([[30, 20]])
    drawn = draw_annotation(PICTURE, boxes=boxes, class_ids=np.int32([2]), mask=mask, landmarks=points)
    veiled = draw_annotation(PICTURE, mask=mask)
    np.testing.assert_array_equal(drawn, draw_points(draw_boxes(veiled, boxes, class_ids=[2]), points))


def test_nothing_to_draw_gives_a_copy():
    drawn = draw_annotation(PICTURE, boxes=np.zeros((0, 4), np.float32), class_ids=np.zeros(0, np.int32))
    np.testing.assert_array_equal(drawn, PICTURE)
    assert not np.shares_memory(drawn, PICTURE)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"mask.*\(30, 40\)"):
        draw_annotation(PICTURE, mask=np.zeros((30, 41), np.int32))


def column(*values):
    return [np.full((50, 80, 3), value, np.uint8) for value in values]


def test_pictures_stand_below_their_captions_from_top_to_bottom():
    sheet = contact_sheet({"first": column(10, 20), "second": column(30, 40)})
    assert sheet.dtype == np.uint8 and sheet.shape[1] == 2 * 80 + 3 * GAP
    top = sheet.shape[0] - 2 * (50 + GAP)
    for place, values in enumerate([(10, 20), (30, 40)]):
        left = GAP + place * (80 + GAP)
        for row, value in enumerate(values):
            start = top + row * (50 + GAP)
            assert (sheet[start : start + 50, left : left + 80] == value).all()
        assert (sheet[:top, left : left + 80] < 128).any(), "no caption"


def test_columns_that_do_not_fit_follow_below_beside_the_first_again():
    columns = {str(number): column(10 * number + 10) for number in range(5)}
    sheet = contact_sheet(columns, max_columns=3)
    one_band = contact_sheet({name: columns[name] for name in "012"})
    assert sheet.shape == (2 * one_band.shape[0] - GAP, one_band.shape[1], 3)
    np.testing.assert_array_equal(sheet[: one_band.shape[0]], one_band)
    bottom = sheet[-GAP - 25]  # through the middle of the second band's pictures
    assert [bottom[GAP + 40 + place * (80 + GAP), 0] for place in range(3)] == [10, 40, 50]


def test_a_single_column_is_a_sheet():
    assert contact_sheet({"original": column(10)}).shape[1] == 80 + 2 * GAP


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        ({}, {}, "at least one column"),
        ({"a": []}, {}, "at least one column"),
        ({"a": column(1), "b": column(1, 2)}, {}, "as many pictures"),
        ({"a": column(1), "b": [PICTURE]}, {}, "one size"),
        ({"a": column(1)}, {"max_columns": 1}, "max_columns"),
    ],
)
def test_what_is_no_sheet_is_refused(columns, settings, message):
    with pytest.raises(ValueError, match=message):
        contact_sheet(columns, **settings)
