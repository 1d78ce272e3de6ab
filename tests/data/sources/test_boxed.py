"""Boxes from files: the same in every format; every damage is set aside with its place, and no file is touched."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from kerascnn.data import coco, csv_boxes, describe_source, open_source, voc, yolo
from kerascnn.data.box_checks import Box
from kerascnn.data.checks import SetAside
from kerascnn.data.sample import check_sample
from kerascnn.data.sources.boxed import Annotation, make_source, parse_numbers, parse_size
from tests.data.sources.writers import CLASSES, PICTURES, write_coco, write_csv, write_voc, write_yolo

FORMATS = {
    "voc": (voc, write_voc),
    "coco": (coco, write_coco),
    "yolo": (yolo, write_yolo),
    "csv": (csv_boxes, write_csv),
}
SPLITS = {"train": "train", "val": "validation", "test": "test"}


def boxes_by_name(source):
    """Read every sample: of each split, the boxes of each picture by its name without folder and suffix."""
    found = {}
    for split_name, split in source.splits.items():
        for index, name in enumerate(split.names):
            sample = {key: value.numpy() for key, value in split.read(tf.constant(index, tf.int64)).items()}
            check_sample(sample)
            labels = [source.classes[number] for number in sample["class_ids"]]
            boxes = list(zip(labels, sample["boxes"].tolist(), strict=True))
            found[split_name, Path(name).stem] = (sample["image"].shape[:2], boxes)
    return found


def expected_boxes(pictures):
    return {
        (SPLITS[split], name): (size, [(label, list(corners)) for label, *corners in boxes])
        for name, (split, size, boxes) in pictures.items()
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_boxes_that_were_written(kind, tmp_path, encode):
    read, write = FORMATS[kind]
    write(tmp_path, encode)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    source = read(tmp_path)
    assert sorted(source.classes) == sorted(CLASSES)
    assert source.set_aside == ()
    found, expected = boxes_by_name(source), expected_boxes(PICTURES)
    assert found.keys() == expected.keys()
    for key, (size, boxes) in expected.items():
        assert found[key][0] == size
        assert [label for label, _ in found[key][1]] == [label for label, _ in boxes]
        for (_, corners), (_, wanted) in zip(found[key][1], boxes, strict=True):
            np.testing.assert_allclose(corners, wanted, atol=1e-5)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@st.composite
def annotated(draw):
    """Some pictures with boxes, in which both classes occur in training."""
    pictures = {}
    for number in range(draw(st.integers(2, 4))):
        height, width = draw(st.integers(2, 40)), draw(st.integers(2, 40))
        boxes = set()
        for _ in range(draw(st.integers(0, 4))):
            x1, y1 = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
            x2, y2 = draw(st.integers(x1 + 2, width)), draw(st.integers(y1 + 2, height))
            boxes.add((draw(st.sampled_from(CLASSES)), x1, y1, x2, y2))
        split = draw(st.sampled_from(["train", "val", "test"])) if number > 1 else ["train", "val"][number]
        boxes |= {("ant", 0, 0, 2, 2), ("bee", 0, 0, 2, 2)} if number == 0 else set()
        pictures[f"picture {number}"] = (split, (height, width), sorted(boxes))
    return pictures


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pictures=annotated())
def test_any_boxes_are_the_same_in_all_formats(pictures, tmp_path_factory, encode):
    found = []
    for read, write in FORMATS.values():
        root = tmp_path_factory.mktemp("format")
        write(root, encode, pictures)
        found.append(boxes_by_name(read(root)))
    for key, (size, boxes) in found[0].items():
        for other in found[1:]:
            assert other[key][0] == size
            assert [label for label, _ in other[key][1]] == [label for label, _ in boxes]
            for (_, corners), (_, wanted) in zip(other[key][1], boxes, strict=True):
                np.testing.assert_allclose(corners, wanted, atol=1e-4)


@pytest.mark.parametrize("kind", FORMATS)
def test_open_source_takes_the_kind_and_names_the_source_so(kind, tmp_path, encode):
    FORMATS[kind][1](tmp_path, encode)
    spec = f"{kind}:{tmp_path}"
    source = open_source(spec, annotation="boxes")
    assert source.name == spec
    assert FORMATS[kind][0](tmp_path).fingerprint == source.fingerprint
    with pytest.raises(ValueError, match="has boxes"):
        open_source(spec)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_folder_is_not_found(kind, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        FORMATS[kind][0](tmp_path / "nowhere")


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_folder_is_not_found(kind, tmp_path):
    with pytest.raises(FileNotFoundError):
        FORMATS[kind][0](tmp_path)


@pytest.mark.parametrize("kind", FORMATS)
def test_without_validation_pictures_a_fifth_is_taken_by_the_seed(kind, tmp_path, encode):
    read, write = FORMATS[kind]
    write(
        tmp_path,
        encode,
        {f"{number}": ("train", (8, 9), [("ant", 1, 1, 5, 6), ("bee", 0, 0, 4, 4)]) for number in range(10)},
    )
    first, again, other = read(tmp_path, seed=0), read(tmp_path, seed=0), read(tmp_path, seed=1)
    assert [len(split) for split in first.splits.values()] == [8, 2]
    assert first.valid.names == again.valid.names != other.valid.names
    assert set(first.train.names).isdisjoint(first.valid.names)


@pytest.mark.parametrize("kind", FORMATS)
def test_one_picture_cannot_be_divided(kind, tmp_path, encode):
    read, write = FORMATS[kind]
    write(tmp_path, encode, {"1": ("train", (8, 9), [("ant", 1, 1, 5, 6)])})
    with pytest.raises(ValueError, match="At least 2 pictures"):
        read(tmp_path)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_a_damaged_and_an_unlisted_picture_are_set_aside(kind, tmp_path, encode):
    read, write = FORMATS[kind]
    write(
        tmp_path,
        encode,
        PICTURES | {"6": ("train", (6, 6), [("ant", 1, 1, 3, 3)]), "7": ("train", (6, 7), [("ant", 1, 1, 3, 3)])},
    )
    (picture,) = tmp_path.rglob("6.png")
    (damaged,) = tmp_path.rglob("7.png")
    picture.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-30])
    if kind != "yolo":  # where a picture without a label file has nothing in it
        (damaged.parent / "8.png").write_bytes(encode(size=(4, 4), seed=99))
    source = read(tmp_path)
    reasons = [each.reason.partition(":")[0] for each in source.set_aside]
    missing = "label without a picture" if kind == "yolo" else "no such picture"
    assert sorted(reasons) == sorted([missing, "damaged", *(["no annotation"] if kind != "yolo" else [])])
    assert len(source.train) == 3


# ---- what is common to all formats, without files of one


@pytest.fixture
def check(tmp_path, encode):
    """A function from boxes of one picture of 20 x 10 pixels to the data set; a good picture stands beside it."""

    def make(*boxes, name="1.png", data=None, **declared):
        (tmp_path / name).write_bytes(data or encode(size=(10, 20)))
        (tmp_path / "good.png").write_bytes(encode(size=(5, 5), seed=1))
        written = [Box(f"a, {number}", label, tuple(corners)) for number, (label, *corners) in enumerate(boxes, 1)]
        good = [Box("b, 1", "ant", (0, 0, 2, 2)), Box("b, 2", "bee", (0, 0, 2, 2))]
        splits = {
            "train": [
                Annotation("a", tmp_path / name, written, **declared),
                Annotation("b", tmp_path / "good.png", good),
            ],
            "validation": [Annotation("b", tmp_path / "good.png", good)],
        }
        return make_source("toy", tmp_path, CLASSES, splits)

    return make


def test_each_box_that_cannot_be_used_is_set_aside_and_the_picture_stays(check):
    source = check(
        ("ant", 1, 1, 5, 5),
        ("ant", 5, 1, 1, 5),
        ("ant", 3, 3, 3, 3),
        ("ant", 30, 1, 35, 5),
        ("ant", float("nan"), 1, 2, 5),
        ("wasp", 1, 1, 5, 5),
        ("", 1, 1, 5, 5),
        ("ant", 1, 1, 5, 5),
        ("bee", 1, 1, 5, 5),
        ("ant", 1e300, 1, 2e300, 5),
    )
    assert [(each.path, each.reason.partition(":")[0]) for each in source.set_aside] == [
        ("a, 2", "box turned over"),
        ("a, 3", "box without area"),
        ("a, 4", "box outside of the picture"),
        ("a, 5", "box not finite"),
        ("a, 6", "unknown class"),
        ("a, 7", "unknown class"),
        ("a, 8", "box twice"),
        ("a, 10", "box not finite"),
    ]
    assert source.train.annotations["boxes"][0].tolist() == [[1, 1, 5, 5], [1, 1, 5, 5]]
    assert source.train.annotations["class_ids"][0].tolist() == [0, 1]


def test_a_box_over_the_border_is_clipped_and_listed_but_not_for_a_pixel(check, caplog):
    source = check(("ant", -1, 0, 5, 10.5), ("bee", 15, 2, 28, 8))
    assert source.train.annotations["boxes"][0].tolist() == [[0, 0, 5, 10], [15, 2, 20, 8]]
    assert source.set_aside == ()
    assert source.clipped == (SetAside("a, 2", "box cut at the border: 15, 2, 28, 8 in 20 x 10"),)
    assert describe_source(source)["clipped"] == [vars(source.clipped[0])]
    assert "Clipped 1 boxes, the first a, 2" in caplog.text and "Set aside" not in caplog.text


def test_a_box_that_is_another_one_once_it_is_clipped_is_set_aside_and_not_clipped(check):
    source = check(("bee", 15, 2, 28, 8), ("bee", 15, 2, 40, 8))
    assert [each.path for each in source.clipped] == ["a, 1"]
    assert source.set_aside == (SetAside("a, 2", "box twice: the same as a, 1"),)


def test_a_picture_of_another_size_than_its_annotation_declares_is_set_aside(check):
    source = check(("ant", 1, 1, 5, 5), size=(20, 40))
    assert source.set_aside == (
        SetAside("1.png", "not of the size that its annotation declares: 20 x 10, and a is for 40 x 20"),
    )
    assert source.train.names == ["good.png"]


def turn(picture, orientation):
    """Turn a picture as EXIF's number says."""
    turned = picture.copy()
    turned.getexif()[0x0112] = orientation
    return ImageOps.exif_transpose(turned)


def encode_turned(picture, orientation):
    """Write a picture as it is, with the number beside it."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    picture.save(file, "PNG", exif=exif.tobytes())
    return file.getvalue()


@pytest.fixture(scope="module")
def thing():
    """A picture of 20 x 10 pixels with a white thing in the box 3, 2, 9, 5."""
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[2:5, 3:9] = 255
    return Image.fromarray(pixels)


def assert_box_is_around_the_thing(split):
    sample = split.read(tf.constant(0, tf.int64))
    x1, y1, x2, y2 = sample["boxes"].numpy()[0].astype(int)
    inside = sample["image"].numpy()[y1:y2, x1:x2]
    assert inside.min() == 255
    assert sample["image"].numpy().sum() == inside.sum()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("declared", [(10, 20), None])
def test_boxes_that_were_drawn_in_the_upright_picture_stay(check, thing, orientation, declared):
    back = {6: 8, 8: 6}.get(orientation, orientation)
    data = encode_turned(turn(thing, back), orientation)
    assert_box_is_around_the_thing(check(("ant", 3, 2, 9, 5), data=data, size=declared).train)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_that_were_drawn_in_the_picture_as_it_is_stored_turn_along(check, thing, orientation):
    source = check(("ant", 3, 2, 9, 5), data=encode_turned(thing, orientation), size=(10, 20))
    assert source.train.picture(0).shape == (20, 10, 3)
    assert_box_is_around_the_thing(source.train)


def test_the_same_picture_twice_in_a_split_is_set_aside(tmp_path, encode):
    for name in ("1.png", "copy.png"):
        (tmp_path / name).write_bytes(encode(size=(10, 20)))
    splits = {
        "train": [Annotation(name, tmp_path / name, [Box("", "ant", (0, 0, 2, 2))]) for name in ("1.png", "copy.png")]
    }
    splits["validation"] = splits["train"][:1]
    source = make_source("toy", tmp_path, ("ant",), splits)
    assert source.set_aside == (SetAside("copy.png", "twice in its split: the same bytes as 1.png"),)
    assert source.duplicates_across_splits() == [("1.png", "1.png")]


def test_a_class_without_a_box_is_left_out_and_the_others_are_numbered_anew(tmp_path, encode, caplog):
    splits = {}
    for seed, split in enumerate(("train", "validation")):
        (tmp_path / f"{split}.png").write_bytes(encode(size=(10, 20), seed=seed))
        splits[split] = [Annotation(split, tmp_path / f"{split}.png", [Box("", "bee", (0, 0, 2, 2))])]
    with caplog.at_level(logging.WARNING):
        source = make_source("toy", tmp_path, CLASSES, splits)
    assert source.classes == ("bee",)
    assert source.train.annotations["class_ids"][0].tolist() == [0]
    assert "Left out 1 classes without a box, the first ant" in caplog.text


def test_a_class_must_be_trained_on_and_may_be_missing_elsewhere(tmp_path, encode, caplog):
    annotations = []
    for seed, labels in enumerate((["ant", "bee"], ["bee"])):
        (tmp_path / f"{seed}.png").write_bytes(encode(size=(10, 20), seed=seed))
        annotations.append(Annotation("", tmp_path / f"{seed}.png", [Box("", label, (0, 0, 2, 2)) for label in labels]))
    both, one = annotations
    with caplog.at_level(logging.WARNING):
        make_source("toy", tmp_path, CLASSES, {"train": [both], "validation": [one]})
    assert "no box of ant in the validation split" in caplog.text
    with pytest.raises(ValueError, match="no usable box of ant in its train split"):
        make_source("toy", tmp_path, CLASSES, {"train": [one], "validation": [both]})


def test_no_usable_picture_and_no_usable_box_are_refused(tmp_path, encode):
    (tmp_path / "1.png").write_bytes(encode(size=(10, 20)))
    picture = Annotation("a", tmp_path / "1.png")
    with pytest.raises(ValueError, match="no usable box in train, validation"):
        make_source("toy", tmp_path, CLASSES, {"train": [picture], "validation": [picture]})
    with pytest.raises(ValueError, match=r"in its validation split\. Set aside: 1"):
        missing = Annotation("b", tmp_path / "2.png")
        make_source("toy", tmp_path, CLASSES, {"train": [picture], "validation": [missing]})
    with pytest.raises(ValueError, match=r"in its train split\. Set aside: 0"):
        make_source("toy", tmp_path, CLASSES, {"train": []})


@pytest.mark.parametrize("texts", [["1", "x"], [None, "2"], ["", "2"], [[1], 2], [10**400, 1]])
def test_what_is_no_number_is_said(texts):
    numbers, fault = parse_numbers(texts)
    assert fault.startswith("box without numbers: ")
    assert np.isnan(numbers).all() and len(numbers) == 2


def test_numbers_come_from_texts_and_numbers():
    assert parse_numbers([" 1.5", 2, "3e1"]) == ((1.5, 2.0, 30.0), "")


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [("480", 640, (480, 640)), (0, 0, None), (480, None, None), ("nan", 5, None), ("x", "y", None), (-3, 4, None)],
)
def test_a_size_that_is_not_known_is_none(height, width, size):
    assert parse_size(height, width) == size
