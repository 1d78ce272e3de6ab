"""CSV: names of columns, rows of every kind, and tables that cannot be used."""

import pytest

from kerascnn.data import csv_boxes
from tests.data.sources.writers import write_csv, write_pictures, write_text

HEADER = "image,x1,y1,x2,y2,class,split"
GOOD = ["2.png,1,1,5,5,bee,train", "2.png,1,1,5,6,ant,train", "3.png,1,1,5,5,ant,val"]


def reasons(source):
    return {each.path: each.reason for each in source.set_aside}


@pytest.fixture
def rows(tmp_path, encode):
    """A function from rows about a picture of 20 x 10 pixels to the data set; good ones stand below."""

    def write(*lines, header=HEADER, good=GOOD):
        pictures = {name: ("train", (10, 20), []) for name in "123"}
        write_pictures(encode, pictures, lambda name, _: tmp_path / f"{name}.png")
        write_text(tmp_path / "boxes.csv", "\n".join([header, *lines, *good]))
        return csv_boxes(tmp_path / "boxes.csv")

    return write


def test_boxes_are_in_pixels_and_rows_of_a_picture_need_not_stand_together(rows):
    source = rows("1.png,2,3,4.5,6,ant,train", "1.png,0,0,20,10,bee,train", *GOOD, "./1.png,1,1,2,2,ant,train", good=[])
    assert source.train.names == ["1.png", "2.png"]
    assert source.train.annotations["boxes"][0].tolist() == [[2, 3, 4.5, 6], [0, 0, 20, 10], [1, 1, 2, 2]]
    assert source.set_aside == ()


@pytest.mark.parametrize("row", ["1.png,,,,,,train", " 1.png , , , , , , train ", '"1.png","","","","","",training'])
def test_a_row_without_a_box_is_a_picture_without_a_thing(rows, row):
    source = rows(row)
    assert source.train.annotations["boxes"][0].shape == (0, 4)
    assert source.set_aside == ()


@pytest.mark.parametrize(
    "header",
    [
        "image,xmin,ymin,xmax,ymax,class,split",
        "Filename,XMin,YMin,XMax,YMax,Label,Set",
        "\ufeffpath, x1, y1, x2, y2, class_name, subset",
    ],
)
def test_columns_have_the_names_that_are_in_use(rows, header):
    source = rows("1.png,2,3,4,6,ant,train", header=header)
    assert source.train.annotations["boxes"][0].tolist() == [[2, 3, 4, 6]]
    assert len(source.valid) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1.png,a,1,5,5,ant,train", "box without numbers: a, 1, 5, 5"),
        ("1.png,1,1,,5,ant,train", "box without numbers"),
        ("1.png,,,,,ant,train", "box without numbers"),
        ("1.png,1,1,5", "unknown split: none"),
        ("1.png,1,1,5,5,,train", "unknown class: none"),
        ("1.png,5,1,1,5,ant,train", "box turned over"),
        ("1.png,1,1,nan,5,ant,train", "box not finite"),
        ("gone.png,1,1,5,5,ant,train", "no such picture: gone.png"),
        (",1,1,5,5,ant,train", "no such picture: the row names none"),
        ("1.png,1,1,5,5,ant,holdout", "unknown split: holdout"),
    ],
)
def test_a_damaged_row_is_set_aside_with_its_line(rows, row, reason):
    found = reasons(rows("", row))
    assert found["boxes.csv, line 3"].startswith(reason)


def test_a_picture_in_two_splits_is_in_neither(rows):
    source = rows("1.png,1,1,5,5,ant,train", "1.png,2,1,5,5,ant,val")
    assert reasons(source) == {"boxes.csv, line 2": "in more than one split: train, val"}
    assert source.train.names == ["2.png"] and source.valid.names == ["3.png"]


def test_a_picture_that_the_table_does_not_list_is_set_aside(rows):
    assert reasons(rows()) == {"1.png": "no annotation: boxes.csv does not list it"}


def test_the_declared_size_is_compared(rows):
    header = "filename,width,height,class,xmin,ymin,xmax,ymax,split"  # as TensorFlow's tutorials have it
    good = ["2.png,20,10,ant,1,1,5,5,train", "3.png,,,ant,1,1,5,5,val"]
    source = rows("1.png,40,20,ant,1,1,5,5,train", header=header, good=good)
    assert reasons(source) == {
        "1.png": "not of the size that its annotation declares: 20 x 10, and boxes.csv, line 2 is for 40 x 20"
    }


def test_classes_are_in_alphabetical_order_unless_they_are_given(tmp_path, encode):
    write_csv(tmp_path, encode)
    assert csv_boxes(tmp_path).classes == ("ant", "bee")
    assert csv_boxes(tmp_path, classes=("bee", "ant")).classes == ("bee", "ant")


def test_a_table_in_another_folder_names_pictures_from_there(tmp_path, encode):
    write_pictures(
        encode, {"1": ("", (9, 9), []), "2": ("", (9, 9), [])}, lambda name, _: tmp_path / "a" / f"{name}.png"
    )
    rows = ["../a/1.png,1,1,5,5,ant,train", f"{tmp_path}/a/2.png,1,1,5,5,ant,val"]
    write_text(tmp_path / "b" / "boxes.csv", "\n".join([HEADER, *rows]))
    source = csv_boxes(tmp_path / "b")
    assert len(source.train) == len(source.valid) == 1


def test_shares_instead_of_pixels_are_refused(rows):
    with pytest.raises(ValueError, match=r"corners in 0\.\.1\. They must be in pixels"):
        rows("1.png,0.1,0.2,0.5,1,ant,train", good=[])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column image or filename"),
        ("image,x1,y1,x2,class\n", "no column y2 or ymax. Its first line is: image, x1, y1, x2, class"),
        (f"{HEADER}\n", "no usable picture in its train split"),
        ("image;x1;y1;x2;y2;class\n", "no column"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text, message):
    write_text(tmp_path / "boxes.csv", text)
    with pytest.raises(ValueError, match=message):
        csv_boxes(tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "boxes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not a CSV file in UTF-8"):
        csv_boxes(tmp_path)


def test_several_tables_in_a_folder_are_refused(tmp_path):
    for name in ("a.csv", "b.csv"):
        write_text(tmp_path / name, HEADER)
    with pytest.raises(FileNotFoundError, match=r"Found: a\.csv, b\.csv"):
        csv_boxes(tmp_path)
