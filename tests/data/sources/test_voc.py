"""Pascal VOC: where corners are counted from, lists, names of pictures, and damaged annotations."""

import pytest

from kerascnn.data import voc
from tests.data.sources.writers import PICTURES, voc_xml, write_pictures, write_text, write_voc

TWO = {"1": ("train", (10, 20), [("ant", 2, 3, 9, 8)]), "2": ("val", (10, 20), [("ant", 1, 1, 4, 4)])}


def reasons(source):
    return {each.path: each.reason for each in source.set_aside}


@pytest.fixture
def write(tmp_path, encode):
    """A function that writes an annotation, as text or as boxes, in the place of the training picture's."""

    def write(*boxes, text=None, size=(10, 20), **options):
        write_voc(tmp_path, encode, TWO)
        write_text(tmp_path / "Annotations" / "1.xml", text or voc_xml(size, boxes, "1.png", **options))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("one_based", "corners", "expected"),
    [
        (True, (1, 1, 20, 10), [0, 0, 20, 10]),
        (False, (1, 1, 20, 10), [1, 1, 20, 10]),
        (None, (1, 1, 20, 10), [0, 0, 20, 10]),
        (None, (0, 1, 20, 10), [0, 1, 20, 10]),
        (None, (3, 0.5, 20, 10), [3, 0.5, 20, 10]),
        (True, (0, 1, 20, 10), [0, 0, 20, 10]),  # a pixel over the border
        (True, (5, 3, 5, 8), [4, 2, 5, 8]),  # one pixel wide
    ],
)
def test_corners_are_pixels_counted_from_1_unless_one_is_0(write, one_based, corners, expected):
    source = voc(write(("ant", *corners)), one_based=one_based)
    assert source.train.annotations["boxes"][0].tolist() == [expected]
    assert source.set_aside == ()


@pytest.mark.parametrize("one_based", [True, False])
def test_edges_are_read_back_as_they_were_written(tmp_path, encode, one_based):
    write_voc(tmp_path, encode, TWO, one_based)
    source = voc(tmp_path, one_based=one_based)
    assert source.train.annotations["boxes"][0].tolist() == [[2, 3, 9, 8]]


def test_a_click_where_a_box_was_to_be_drawn_is_without_area(write):
    source = voc(write(("ant", 5, 5, 5, 5), ("ant", 2, 3, 9, 8), ("ant", 9, 3, 2, 8)), one_based=True)
    assert reasons(source) == {
        "Annotations/1.xml, box 1": "box without area: 5, 5, 5, 5",
        "Annotations/1.xml, box 3": "box turned over: 9, 3, 2, 8",
    }


def test_difficult_boxes_are_set_aside_unless_they_are_asked_for(write):
    boxes = voc_xml((10, 20), [("ant", 2, 3, 9, 8)], difficult=1).removesuffix("</annotation>")
    easy = voc_xml(None, [("ant", 1, 1, 3, 3)]).removeprefix("<annotation>")
    root = write(text=boxes + easy)
    assert reasons(voc(root)) == {"Annotations/1.xml, box 1": "marked as difficult"}
    assert voc(root).train.count(1).tolist() == [1]
    kept = voc(root, keep_difficult=True)
    assert kept.set_aside == () and kept.train.count(1).tolist() == [2]


def test_given_classes_keep_their_order_and_others_are_unknown(tmp_path, encode):
    write_voc(tmp_path, encode)
    assert voc(tmp_path).classes == ("ant", "bee")
    assert voc(tmp_path, classes=["bee", "ant"]).classes == ("bee", "ant")
    only = voc(tmp_path, classes=["ant"])
    assert only.classes == ("ant",)
    assert set(reasons(only).values()) == {"unknown class: bee"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "damaged annotation: no element found"),
        ("<annotation><size>", "damaged annotation: no element found"),
        ("<html></html>", "damaged annotation: it holds html, not annotation"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "damaged annotation: unknown encoding"),
    ],
)
def test_a_damaged_annotation_is_set_aside(write, encode, text, reason):
    root = write(text=" " if text == "" else text)
    write_pictures(encode, {"x": ("train", (9, 9), [])}, lambda name, _: root / "JPEGImages" / f"{name}.png")
    write_text(root / "Annotations" / "x.xml", voc_xml((9, 9), [("ant", 2, 2, 5, 5)]))
    write_text(root / "ImageSets" / "Main" / "train.txt", "1\nx\n")
    source = voc(root)
    assert reasons(source)["Annotations/1.xml"].startswith(reason)
    assert source.train.names == ["JPEGImages/x.png"]


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        ("<name>ant</name>", "box without numbers: None, None, None, None"),
        ("<name>ant</name><bndbox><xmin>a</xmin></bndbox>", "box without numbers: a, None, None, None"),
        (
            "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>",
            "unknown class: none",
        ),
    ],
)
def test_a_damaged_box_is_set_aside(write, thing, reason):
    good = voc_xml(None, [("ant", 2, 3, 9, 8)]).removeprefix("<annotation>")
    assert reasons(voc(write(text=f"<annotation><object>{thing}</object>{good}"))) == {
        "Annotations/1.xml, box 1": reason
    }


@pytest.mark.parametrize("size", [None, (0, 0)])
def test_a_size_that_is_not_declared_is_not_compared(write, size):
    assert voc(write(("ant", 2, 3, 9, 8), size=size)).set_aside == ()


def test_boxes_of_the_parts_of_a_thing_do_not_count(write):
    inner = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
    source = voc(write(text=voc_xml((10, 20), [("ant", 2, 3, 9, 8)]).replace("</object>", inner)))
    assert source.classes == ("ant",) and source.set_aside == ()


def test_the_picture_of_the_same_name_counts_then_the_one_written_inside(write, encode):
    root = write(text=voc_xml((10, 20), [("ant", 2, 3, 9, 8)], "elsewhere.jpg"))
    assert voc(root).train.names == ["JPEGImages/1.png"]
    (root / "JPEGImages" / "1.png").rename(root / "JPEGImages" / "elsewhere.jpg")
    assert voc(root).train.names == ["JPEGImages/elsewhere.jpg"]


def test_two_pictures_of_one_name_are_told_apart_by_the_one_written_inside(write, encode):
    root = write(("ant", 2, 3, 9, 8))
    (root / "JPEGImages" / "1.jpg").write_bytes(encode("JPEG", size=(10, 20)))
    assert voc(root).train.names == ["JPEGImages/1.png"]
    write_text(root / "Annotations" / "1.xml", voc_xml((10, 20), [("ant", 2, 3, 9, 8)], "other.png"))
    with pytest.raises(ValueError, match="no usable picture in its train split"):
        voc(root)


def test_lists_that_do_not_fit_the_annotations(tmp_path, encode):
    write_voc(tmp_path, encode)
    write_text(tmp_path / "ImageSets" / "Main" / "train.txt", "1\n\n  straße 3  \n9\n1\n")
    source = voc(tmp_path)
    assert source.train.names == ["JPEGImages/1.png", "JPEGImages/straße 3.png"]
    assert reasons(source) == {
        "Annotations/2.xml": "in no split: no list in ImageSets/Main has it",
        "ImageSets/Main, 9": "no annotation: train lists it, and there is no Annotations/9.xml",
    }


def test_trainval_is_divided_where_there_is_no_list_for_training(tmp_path, encode):
    write_voc(tmp_path, encode, {f"{n}": ("trainval", (9, 9), [("ant", 1, 1, 5, 5)]) for n in range(5)})
    assert [len(split) for split in voc(tmp_path).splits.values()] == [4, 1]


def test_without_lists_all_annotations_are_used(tmp_path, encode):
    write_voc(tmp_path, encode, PICTURES)
    for file in (tmp_path / "ImageSets" / "Main").iterdir():
        file.unlink()
    assert [len(split) for split in voc(tmp_path).splits.values()] == [4, 1]


def test_lists_without_one_for_training_are_refused(tmp_path, encode):
    write_voc(tmp_path, encode)
    (tmp_path / "ImageSets" / "Main" / "train.txt").unlink()
    with pytest.raises(ValueError, match=r"has val\.txt, test\.txt and no train\.txt"):
        voc(tmp_path)


def test_a_list_that_is_no_text_is_refused(tmp_path, encode):
    write_voc(tmp_path, encode)
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_bytes(b"\xff\xfe1")
    with pytest.raises(ValueError, match=r"val\.txt is not a text in UTF-8"):
        voc(tmp_path)


@pytest.mark.parametrize("gone", ["JPEGImages", "Annotations"])
def test_a_folder_that_is_not_there_is_named(tmp_path, encode, gone):
    write_voc(tmp_path, encode)
    (tmp_path / gone).rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError, match=gone):
        voc(tmp_path)
