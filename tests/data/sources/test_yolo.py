"""YOLO: data.yaml and layouts without it, lines of every kind, labels without pictures."""

import os
from pathlib import Path

import pytest

from kerascnn.data import yolo
from kerascnn.data.sources.yolo import _label_file
from tests.data.sources.writers import CLASSES, PICTURES, write_pictures, write_text, write_yolo, yolo_lines


def reasons(source):
    return {each.path: each.reason for each in source.set_aside}


@pytest.fixture
def lines(tmp_path, encode):
    """A function from lines in the label file of a training picture of 20 x 10 pixels to the data set."""

    def write(text):
        pictures = {
            name: (split, (10, 20), [("ant", 1, 1, 5, 5)])
            for name, split in (("1", "train"), ("2", "train"), ("3", "val"))
        }
        write_yolo(tmp_path, encode, pictures)
        write_text(tmp_path / "labels" / "train" / "1.txt", text)
        return yolo(tmp_path)

    return write


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("0 0.5 0.5 1 1", [0, 0, 20, 10]),
        ("0 0.25 0.4 0.1 0.2", [4, 3, 6, 5]),
        ("\n0.0   0.25\t0.4 0.1 0.2  \n\n", [4, 3, 6, 5]),
        ("0 0.1 0.2 0.5 0.3 0.3 0.9", [2, 2, 10, 9]),  # a triangle
        ("0 0.1 0.2 0.5 0.2 0.5 0.4 0.1 0.4", [2, 2, 10, 4]),
        ("0 0.52 0.5 1 1", [0.4, 0, 20, 10]),  # by 0.4 pixels over the border
    ],
)
def test_a_line_is_a_box_or_a_polygon(lines, text, box):
    source = lines(text)
    assert source.train.annotations["boxes"][0].ravel().tolist() == pytest.approx(box, abs=1e-5)
    assert source.set_aside == ()


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_is_a_picture_without_a_thing(lines, text):
    source = lines(text)
    assert source.train.annotations["boxes"][0].shape == (0, 4)
    assert source.set_aside == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 1", "neither box nor polygon: 4 numbers"),
        ("0", "neither box nor polygon: 1 numbers"),
        ("0 0.5 0.5 1 1 0.9", "neither box nor polygon: 6 numbers"),
        ("0 0.1 0.2 0.5 0.3 0.3 0.9 0.4", "neither box nor polygon: 8 numbers"),
        ("2 0.5 0.5 1 1", "unknown class: 2"),
        ("-1 0.5 0.5 1 1", "unknown class: -1"),
        ("0.5 0.5 0.5 1 1", "unknown class: 0.5"),
        ("ant 0.5 0.5 1 1", "box without numbers: ant, 0.5, 0.5, 1, 1"),
        ("0 nan 0.5 1 1", "box not finite"),
        ("0 0.5 0.5 0 1", "box without area"),
        ("0 0.5 0.5 -1 1", "box turned over"),
        ("0 100 50 20 20", "box outside of the picture"),  # pixels where shares were to be
        ("1 0.5 0.5 1 1\n", "box twice: the same as labels/train/1.txt, line 1"),
    ],
)
def test_a_damaged_line_is_set_aside(lines, line, reason):
    source = lines(f"1 0.5 0.5 1 1\n{line}")
    (place,) = reasons(source)
    assert place == "labels/train/1.txt, line 2"
    assert reasons(source)[place].startswith(reason)


def test_a_box_over_the_border_is_clipped(lines):
    source = lines("0 0.9 0.5 0.4 1")
    assert source.train.annotations["boxes"][0].ravel().tolist() == pytest.approx([14, 0, 20, 10], abs=1e-5)
    assert [each.path for each in source.clipped] == ["labels/train/1.txt, line 1"] and source.set_aside == ()


def test_a_label_file_that_is_no_text_is_set_aside(tmp_path, encode):
    write_yolo(tmp_path, encode)
    (tmp_path / "labels" / "train" / "2.txt").write_bytes(b"\xff\xfe\x00")
    assert reasons(yolo(tmp_path))["labels/train/2.txt"].startswith("damaged annotation")


def test_a_label_without_a_picture_is_set_aside(tmp_path, encode):
    write_yolo(tmp_path, encode)
    write_text(tmp_path / "labels" / "val" / "gone.txt", "0 0.5 0.5 1 1")
    write_text(tmp_path / "labels" / "val" / "classes.txt", "ant\nbee")
    assert reasons(yolo(tmp_path)) == {
        "labels/val/gone.txt": "label without a picture: no picture of a split has its name"
    }


@pytest.mark.parametrize(
    ("picture", "label"),
    [
        ("data/images/train/1.jpg", "data/labels/train/1.txt"),
        ("images/images/1.b.jpg", "images/labels/1.b.txt"),
        ("photos/images.jpg", "photos/images.txt"),
        ("train/images", "train/images.txt"),
        ("../other/images/1.jpg", "../other/labels/1.txt"),
    ],
)
@pytest.mark.parametrize("root", ["data", "images/data", "images"])
def test_the_last_folder_images_of_the_data_set_is_labels(picture, label, root, tmp_path):
    root = tmp_path / root
    normal = Path(os.path.normpath(root / picture))
    assert _label_file(normal, root) == Path(os.path.normpath(root / label))


@pytest.mark.parametrize("root", [".", "images", "images/../images"])
def test_a_data_set_below_a_folder_images_is_read_from_a_relative_path(tmp_path, encode, expected, root, monkeypatch):
    write_layout(tmp_path / "images" / "images", encode, "{}/{}.png", "{}/{}.txt")
    splits = "train: train\nval: val\ntest: test\n"
    write_text(tmp_path / "images" / "images" / "data.yaml", f"{splits}names: [ant, bee]\n")
    monkeypatch.chdir(tmp_path / "images" / ("images" if root == "." else ""))
    assert yolo(root).fingerprint == expected


# ---- layouts


@pytest.fixture
def expected(tmp_path, encode):
    """The fingerprint of the data as Ultralytics lays it out."""
    write_yolo(tmp_path / "expected", encode)
    return yolo(tmp_path / "expected").fingerprint


def write_layout(root, encode, picture, label):
    write_pictures(encode, PICTURES, lambda name, split: root / picture.format(split, name))
    for name, (split, size, boxes) in PICTURES.items():
        write_text(root / label.format(split, name), yolo_lines(size, boxes))


@pytest.mark.parametrize(
    ("picture", "label", "names"),
    [
        ("images/{}/{}.png", "labels/{}/{}.txt", "classes.txt"),
        ("images/{}/{}.png", "labels/{}/{}.txt", "labels/classes.txt"),
        ("images/{}/{}.png", "labels/{}/{}.txt", "labels/train/classes.txt"),
        ("{}/images/{}.png", "{}/labels/{}.txt", "classes.txt"),
    ],
)
def test_layouts_without_data_yaml(tmp_path, encode, expected, picture, label, names):
    write_layout(tmp_path / "found", encode, picture, label)
    write_text(tmp_path / "found" / names, "\n".join(CLASSES) + "\n")
    assert yolo(tmp_path / "found").fingerprint == expected


@pytest.mark.parametrize(
    ("picture", "label", "head", "folder", "names"),
    [
        ("images/{}/{}.png", "labels/{}/{}.txt", "", "images/{}", "[ant, bee]"),
        ("{}/images/{}.png", "{}/labels/{}.txt", "nc: 2\n", "../{}/images", "['ant', 'bee']"),
        ("a/images/{}/{}.png", "a/labels/{}/{}.txt", "path: a\n", "images/{}", "{0: ant, 1: bee}"),
        ("{}/{}.png", "{}/{}.txt", "path: /nowhere\n", "[{}]", "[ant, bee]"),
    ],
    ids=["folders", "Roboflow", "path", "beside the pictures"],
)
def test_layouts_with_data_yaml(tmp_path, encode, expected, picture, label, head, folder, names):
    write_layout(tmp_path / "found", encode, picture, label)
    splits = "".join(f"{split}: {folder.format(split)}\n" for split in ("train", "val", "test"))
    write_text(tmp_path / "found" / "data.yaml", f"{head}{splits}names: {names}\n")
    assert yolo(tmp_path / "found").fingerprint == expected


def test_a_split_may_be_a_file_that_lists_pictures(tmp_path, encode, expected):
    root = tmp_path / "found"
    write_layout(root, encode, "images/{1}.png", "labels/{1}.txt")
    for split in ("train", "val", "test"):
        lines = [f"./images/{name}.png" for name, (own, _, _) in PICTURES.items() if own == split]
        write_text(root / f"{split}.txt", "\n".join(lines))
    write_text(root / "insects.yaml", "train: train.txt\nval: val.txt\ntest: test.txt\nnames: [ant, bee]")
    source = yolo(root)
    assert source.fingerprint == expected
    assert source.set_aside == ()


def test_all_pictures_in_one_folder_are_divided(tmp_path, encode):
    write_layout(tmp_path, encode, "images/{1}.png", "labels/{1}.txt")
    write_text(tmp_path / "classes.txt", "ant\nbee")
    assert [len(split) for split in yolo(tmp_path).splits.values()] == [4, 1]


def test_a_test_split_that_is_not_there_is_left_out_and_a_validation_split_is_missed(tmp_path, encode, caplog):
    write_yolo(tmp_path, encode)
    write_text(tmp_path / "data.yaml", "train: images/train\nval: images/val\ntest: images/gone\nnames: [ant, bee]")
    assert yolo(tmp_path).test is None
    assert "There is no test split" in caplog.text
    write_text(tmp_path / "data.yaml", "train: images/train\nval: images/gone\nnames: [ant, bee]")
    with pytest.raises(FileNotFoundError, match="gone"):
        yolo(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "train: [", "train: images/train", "names: [ant]", "train: images/train\nnames: {a: ant}"]
)
def test_a_description_that_cannot_be_used_is_refused(tmp_path, encode, text):
    write_yolo(tmp_path, encode)
    write_text(tmp_path / "data.yaml", text)
    with pytest.raises(ValueError, match=r"data\.yaml (is not YAML|must)"):
        yolo(tmp_path)


def test_pictures_without_names_of_classes_are_refused(tmp_path, encode):
    write_yolo(tmp_path, encode)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"no data\.yaml .* no classes\.txt"):
        yolo(tmp_path)


def test_two_folders_for_one_split_are_refused(tmp_path, encode):
    write_layout(tmp_path, encode, "images/{}/{}.png", "labels/{}/{}.txt")
    (tmp_path / "images" / "valid").mkdir()
    write_text(tmp_path / "classes.txt", "ant\nbee")
    with pytest.raises(ValueError, match="can be the validation split"):
        yolo(tmp_path)
