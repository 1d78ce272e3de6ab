"""Masks from polygons and run lengths, by hand and against pycocotools."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from kerascnn.data import open_source
from kerascnn.data.checks import UnusableError
from kerascnn.data.sources.coco_masks import draw_segments

SIZE = (10, 12)


def rectangle(x1, y1, x2, y2):
    return [[x1, y1, x2, y1, x2, y2, x1, y2]]


def run_lengths(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def test_polygons_fill_what_they_enclose():
    mask = draw_segments([(2, rectangle(3, 2, 7, 6), False)], SIZE)
    expected = np.zeros(SIZE)
    expected[2:6, 3:7] = 2
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == np.uint8


def test_a_thing_may_have_several_polygons():
    mask = draw_segments([(1, rectangle(0, 0, 2, 2) + rectangle(8, 8, 12, 10), False)], SIZE)
    assert mask.sum() == 4 + 8


def test_run_lengths_of_both_kinds_are_read():
    here = np.random.default_rng(0).integers(0, 2, SIZE)
    runs = np.flatnonzero(
        np.diff(np.concatenate([[0], here.T.ravel(), [2]]))
    )  # where a new run starts, column by column
    counts = np.diff(np.concatenate([[0], runs])).tolist()
    plain = {"size": list(SIZE), "counts": counts}
    for each in (run_lengths(here), plain):
        np.testing.assert_array_equal(draw_segments([(3, each, False)], SIZE), 3 * here)


def test_the_smaller_thing_is_in_front_and_crowds_are_ignored():
    small, large = (1, rectangle(4, 4, 6, 6), False), (2, rectangle(2, 2, 8, 8), False)
    crowd = (2, run_lengths(np.pad(np.ones((1, 12)), [(9, 0), (0, 0)])), True)
    for order in ([small, large, crowd], [crowd, large, small]):
        mask = draw_segments(order, SIZE)
        assert (mask[4:6, 4:6] == 1).all() and (mask == 2).sum() == 36 - 4
        assert (mask[9] == 255).all() and (mask == 255).sum() == 12


def test_polygons_of_two_corners_enclose_nothing():
    assert not draw_segments([(1, [[1, 2, 5, 6]], False)], SIZE).any()
    mask = draw_segments([(1, [[1, 2, 5, 6], *rectangle(3, 2, 7, 6)], False)], SIZE)
    assert mask.sum() == 16


def test_without_things_all_is_background():
    assert not draw_segments([], SIZE).any()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (run_lengths(np.ones((3, 3))), "another size"),
        ([[1, 2, 3]], "neither polygons nor run lengths"),
        ("nonsense", "neither polygons nor run lengths"),
        ({"counts": "abc"}, "neither polygons nor run lengths"),
    ],
)
def test_what_is_no_segmentation_is_unusable(segmentation, message):
    with pytest.raises(UnusableError, match=message):
        draw_segments([(1, segmentation, False)], SIZE)


def test_a_data_set_has_masks_where_they_are_asked_for(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    images = [{"id": number, "file_name": f"{number}.png", "height": 10, "width": 12} for number in range(6)]
    for image in images:
        Image.fromarray(np.full((*SIZE, 3), image["id"], np.uint8)).save(tmp_path / "images" / image["file_name"])
    (tmp_path / "images" / "3.png").unlink()
    images[4] |= {"height": 12, "width": 10}  # annotated before it was turned
    images[5]["id"] = 1
    thing = {"bbox": [3, 2, 4, 4], "iscrowd": 0}
    annotations = [
        thing | {"id": 1, "image_id": 0, "category_id": 7, "segmentation": rectangle(3, 2, 7, 6)},
        thing | {"id": 2, "image_id": 1, "category_id": 3, "segmentation": rectangle(0, 0, 2, 1)},
        thing | {"id": 3, "image_id": 9, "category_id": 3, "segmentation": rectangle(0, 0, 2, 1)},
        thing | {"id": 4, "image_id": 0, "category_id": 5, "segmentation": rectangle(0, 0, 2, 1)},
        thing | {"id": 5, "image_id": 0, "category_id": 7, "segmentation": [], "bbox": [9, 8, 2, 1]},
        thing | {"id": 6, "image_id": 2, "category_id": 7, "segmentation": [], "bbox": None},
    ]
    categories = [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "annotations" / "train.json").write_text(json.dumps(content))
    source = open_source(f"coco:{tmp_path}", annotation="mask")
    assert source.classes == ("background", "dog", "cat") and source.name == f"coco:{tmp_path}"
    found = {}
    for split in (source.train, source.valid):
        found |= dict(zip(split.names, split.annotations["mask"], strict=True))
    assert {name: np.bincount(mask[mask < 255], minlength=3).tolist() for name, mask in found.items()} == {
        "images/0.png": [102, 0, 16], "images/1.png": [118, 2, 0],
    }  # fmt: skip
    assert (found["images/0.png"][8, 9:11] == 255).all()  # in the box of what has no mask, nothing is known
    reasons = {each.path: each.reason.partition(":")[0] for each in source.set_aside}
    assert reasons == {
        "annotations/train.json, annotation 3": "no such picture",
        "annotations/train.json, annotation 4": "no such class",
        "annotations/train.json, annotation 5": "no mask",
        "annotations/train.json, annotation 6": "no mask",
        "annotations/train.json, image 1": "id twice",
        "images/2.png": "mask is neither polygons nor run lengths",
        "images/3.png": "not there",
        "images/4.png": "not of the size that its annotation declares",
    }
    assert open_source(f"coco:{tmp_path}", annotation="boxes").classes == ("dog", "cat")
