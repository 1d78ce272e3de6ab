"""Regions: which are drawn, how many, of which class, and what is refused."""

import dataclasses

import numpy as np
import pytest

from kerascnn.data import Source, region_pictures, region_source, with_proposals
from kerascnn.ops import MEAN_COLOR
from tests.data.test_windows import GREEN, RED, make_split, overlap

WINDOW = (16, 16)
OBJECTS = [(0, 0, 0, 20, 20), (1, 40, 20, 60, 50)]


def propose(image):
    """Places at a grid all over the picture, of two sizes, and the objects a little moved."""
    grid = [(x, y, x + side, y + side) for side in (16, 24) for x in range(0, 56, 8) for y in range(0, 40, 8)]
    return [(2, 1, 22, 19), (41, 22, 63, 52), *grid]


@pytest.fixture(scope="module")
def source():
    train = make_split("train", OBJECTS, [], [(0, 30, 40, 50, 60)])
    return with_proposals(
        Source("toys", ("red", "green"), train, make_split("valid", OBJECTS)), propose, max_proposals=100
    )


def regions_of(split):
    """Give (picture, corners, label, image) of each region; the name says where it is from."""
    for index, (name, label) in enumerate(zip(split.names, split.labels, strict=True)):
        picture, _, corners = name.partition(" at ")
        yield picture, tuple(map(int, corners.split(", "))), label, split.picture(index)


@pytest.mark.parametrize("positive_iou", [0.3, 0.5, 0.9])
def test_regions_are_of_the_object_that_they_overlap_most(source, positive_iou):
    regions = region_source(source, window=WINDOW, context=4, positive_iou=positive_iou, positives=99, negatives=99)
    assert regions.classes == ("background", "red", "green")
    for split, cut in ((source.train, regions.train), (source.valid, regions.valid)):
        for picture, corners, label, image in regions_of(cut):
            assert image.shape == (*WINDOW, 3)
            index = split.names.index(picture)
            boxes, class_ids = split.annotations["boxes"][index].astype(int), split.annotations["class_ids"][index]
            overlaps = np.array([overlap(corners, box) for box in boxes])
            best = overlaps.argmax() if len(overlaps) else 0
            assert label == (1 + class_ids[best] if overlaps.max(initial=0) >= positive_iou else 0)


def test_all_are_taken_once_where_there_is_room(source):
    regions = region_source(source, window=WINDOW, context=4, positives=99, negatives=99)
    assert len(set(regions.train.names)) == len(regions.train) == 3 * 72 + 3  # proposals of each picture, and objects


def test_objects_come_first_and_the_background_is_a_multiple(source):
    regions = region_source(source, window=WINDOW, context=4, positives=2, negatives=3)
    found = list(regions_of(regions.train))
    by_picture = {name: [label for picture, _, label, _ in found if picture == name] for name in source.train.names}
    assert {name: (len(labels), np.count_nonzero(labels)) for name, labels in by_picture.items()} == {
        "train0": (8, 2),
        "train1": (6, 0),
        "train2": (4, 1),  # no proposal lies on its object
    }
    assert {corners for picture, corners, label, _ in found if label and picture == "train0"} == {
        (0, 0, 20, 20),
        (40, 20, 60, 50),
    }


def test_a_region_fills_the_window_but_for_its_context(source):
    regions = region_source(source, window=WINDOW, context=4, positives=2)
    for _, corners, label, image in regions_of(regions.train):
        if corners == (0, 0, 20, 20):
            assert (image[4:12, 4:12] == RED).all()
            assert (image[:4] == MEAN_COLOR).all() and (image[:, :4] == MEAN_COLOR).all()
            assert (image[13:, 13:] == 0).all()
        if corners == (40, 20, 60, 50):
            assert label == 2 and (image[4:12, 4:12] == GREEN).all() and (image[:3] == 0).all()


def test_the_same_seed_draws_the_same(source):
    options = {"window": WINDOW, "context": 4, "positives": 2}
    first, again, other = (region_source(source, seed=seed, **options) for seed in (1, 1, 2))
    assert first.train.names == again.train.names and first.fingerprint == again.fingerprint
    assert first.train.names != other.train.names


def test_pictures_are_read_without_padding(source):
    split = source.train
    boxes = [np.pad(each, [(0, 1), (0, 0)]) for each in split.annotations["boxes"]]
    class_ids = [np.pad(each, (0, 1), constant_values=-1) for each in split.annotations["class_ids"]]
    padded = dataclasses.replace(split, annotations=split.annotations | {"boxes": boxes, "class_ids": class_ids})
    for index, (image, objects, classes, proposals) in enumerate(region_pictures(padded)):
        np.testing.assert_array_equal(image, split.picture(index))
        np.testing.assert_array_equal(objects, split.annotations["boxes"][index])
        np.testing.assert_array_equal(classes, split.annotations["class_ids"][index])
        np.testing.assert_array_equal(proposals, np.float32(propose(image)))


def test_pictures_without_proposals_have_the_regions_of_their_objects(source):
    some = with_proposals(
        source, lambda image: propose(image) if image[0, 0, 0] else np.zeros((0, 4)), max_proposals=100
    )
    regions = region_source(some, window=WINDOW, context=4)
    assert [name for name in regions.train.names if name.startswith("train2")] == ["train2 at 30, 40, 50, 60"]
    assert not any(name.startswith("train1") for name in regions.train.names)


def test_a_split_without_background_or_without_objects_is_refused(source):
    with pytest.raises(ValueError, match="train split has no region of background"):
        region_source(with_proposals(source, lambda image: np.zeros((0, 4))), window=WINDOW, context=4)
    empty = Source("toys", ("red", "green"), make_split("train", [], []), make_split("valid", OBJECTS))
    with pytest.raises(ValueError, match="train split has no region of an object"):
        region_source(with_proposals(empty, propose), window=WINDOW, context=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": (16,)}, "window must be"),
        ({"context": 8}, "Received: window=.*context=8"),
        ({"context": -1}, "context=-1"),
        ({"positive_iou": 0}, "Received: positive_iou=0"),
        ({"positives": 0}, "Received: positives=0"),
        ({"negatives": 0}, "negatives=0"),
        ({"background": "red"}, "Received: background='red'"),
    ],
)
def test_what_is_out_of_range_is_refused(source, options, message):
    with pytest.raises(ValueError, match=message):
        region_source(source, **{"window": WINDOW, "context": 4} | options)


def test_what_lacks_proposals_is_refused():
    split = make_split("train", OBJECTS)
    with pytest.raises(ValueError, match=r"toys has no proposals.*with_proposals"):
        region_source(Source("toys", ("red", "green"), split, split), window=WINDOW, context=4)
