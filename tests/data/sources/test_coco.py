"""COCO: the layouts, ids of every kind, crowds, and files that are not in its form."""

import json

import pytest

from kerascnn.data import coco
from tests.data.sources.writers import PICTURES, coco_json, write_coco, write_pictures, write_text

LAYOUTS = {
    "as COCO": ("annotations/instances_{}2017.json", "{}2017/{}.png"),
    "one folder of pictures": ("annotations/{}.json", "images/{1}.png"),
    "folders in images": ("annotations/instances_{}.json", "images/{}/{}.png"),
    "in the folder, as Roboflow": ("{}/_annotations.coco.json", "{}/{}.png"),
    "beside the folder": ("{}.json", "{}/{}.png"),
}


def reasons(source):
    return {each.path: each.reason for each in source.set_aside}


def own(split, pictures=PICTURES):
    return {name: each for name, each in pictures.items() if each[0] == split}


@pytest.fixture
def edit(tmp_path, encode):
    """A function that changes the content of the training file."""
    write_coco(tmp_path, encode)

    def edit(change):
        content = coco_json(own("train"))
        change(content)
        write_text(tmp_path / "annotations" / "instances_train2017.json", json.dumps(content))
        return tmp_path

    return edit


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_data(layout, tmp_path, encode):
    write_coco(tmp_path / "expected", encode)
    file, picture = LAYOUTS[layout]
    root = tmp_path / "found"
    write_pictures(encode, PICTURES, lambda name, split: root / picture.format(split, name))
    for split in ("train", "val", "test"):
        write_text(root / file.format(split), json.dumps(coco_json(own(split))))
    source = coco(root)
    assert source.fingerprint == coco(tmp_path / "expected").fingerprint
    assert source.set_aside == ()


def test_one_file_is_divided(tmp_path, encode):
    write_pictures(encode, PICTURES, lambda name, _: tmp_path / "images" / f"{name}.png")
    write_text(tmp_path / "annotations" / "instances_default.json", json.dumps(coco_json(PICTURES)))
    assert [len(split) for split in coco(tmp_path).splits.values()] == [4, 1]


def test_captions_and_keypoints_beside_the_boxes_are_not_read(tmp_path, encode):
    write_coco(tmp_path, encode)
    for name in ("captions_train2017.json", "person_keypoints_train2017.json"):
        write_text(tmp_path / "annotations" / name, "{}")
    assert len(coco(tmp_path).train) == 3


def test_classes_are_in_the_order_of_their_ids(tmp_path, encode):
    write_coco(tmp_path, encode)  # ids 7 and 3
    assert coco(tmp_path).classes == ("bee", "ant")


def test_splits_with_other_ids_for_the_same_names_fit_together(tmp_path, encode):
    write_coco(tmp_path, encode)
    expected = coco(tmp_path).fingerprint
    write_text(tmp_path / "annotations" / "instances_val2017.json", json.dumps(coco_json(own("val"), ids=(1, 900))))
    assert coco(tmp_path).fingerprint == expected


def test_crowds_are_set_aside(edit):
    source = coco(edit(lambda content: content["annotations"][1].update(iscrowd=1)))
    assert reasons(source) == {"annotations/instances_train2017.json, annotation 2": "crowd: the box is around many"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bbox": None}, "box without numbers"),
        ({"bbox": [1, 2, 3]}, "box without numbers"),
        ({"bbox": [1, 2, "x", 4]}, "box without numbers"),
        ({"bbox": [1, 2, 0, 4]}, "box without area"),
        ({"bbox": [1, 2, -3, 4]}, "box turned over"),
        ({"bbox": [100, 2, 3, 4]}, "box outside of the picture"),
        ({"category_id": 99}, "unknown class: category 99"),
        ({"category_id": None}, "unknown class: category None"),
        ({"category_id": [7]}, "unknown class"),
        ({"image_id": 5555}, "no such picture: no image has the id 5555"),
        ({"image_id": [1]}, "no such picture"),
    ],
)
def test_a_damaged_annotation_is_set_aside(edit, change, reason):
    source = coco(edit(lambda content: content["annotations"].append(content["annotations"][0] | {"id": 44} | change)))
    (place,) = reasons(source)
    assert place == "annotations/instances_train2017.json, annotation 44"
    assert reasons(source)[place].startswith(reason)
    assert len(source.train) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"file_name": ""}, "no such picture: it has no file_name"),
        ({"file_name": "gone.png"}, "no such picture: train2017/gone.png"),
        ({"id": 101}, "id twice"),
    ],
)
def test_a_damaged_image_is_set_aside(edit, change, reason):
    source = coco(edit(lambda content: content["images"].append({"id": 77, "file_name": "1.png"} | change)))
    (each,) = source.set_aside
    assert each.path == f"annotations/instances_train2017.json, image {change.get('id', 77)}"
    assert each.reason.startswith(reason)


def test_a_class_without_a_box_as_roboflow_writes_it_is_left_out(edit):
    source = coco(edit(lambda content: content["categories"].insert(0, {"id": 0, "name": "insects"})))
    assert source.classes == ("bee", "ant")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"images": [], "annotations": []}',
        '{"images": [1], "annotations": [], "categories": []}',
        '{"images": [], "annotations": [], "categories": [{"id": "1", "name": "ant"}]}',
        '{"images": [], "annotations": [], "categories": [{"id": 1}]}',
    ],
)
def test_a_file_that_is_not_in_the_form_of_coco_is_refused(edit, content):
    root = edit(lambda _: None)
    write_text(root / "annotations" / "instances_train2017.json", content)
    with pytest.raises(ValueError, match=r"instances_train2017\.json (is not|must have)"):
        coco(root)


def test_two_files_for_one_split_are_refused(tmp_path, encode):
    write_coco(tmp_path, encode)
    write_text(tmp_path / "annotations" / "instances_train2014.json", json.dumps(coco_json({})))
    with pytest.raises(ValueError, match=r"Only one of .*2014\.json and .*2017\.json can be the train split"):
        coco(tmp_path)


def test_no_file_for_training_is_said(tmp_path, encode):
    write_coco(tmp_path, encode)
    (tmp_path / "annotations" / "instances_train2017.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"None of instances_test2017\.json, instances_val2017\.json says"):
        coco(tmp_path)
