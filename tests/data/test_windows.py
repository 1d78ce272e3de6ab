"""Windows: what is cut out, from where, how many of each class, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import Source, Split, window_scales, window_source
from kerascnn.data.windows import MOST_OVERLAP, crop, fit_inside
from kerascnn.ops import resize

RED, GREEN = (255, 0, 0), (0, 255, 0)
COLORS = (RED, GREEN)
WINDOW, SCALES = (8, 8), (1.0, 0.5)


def make_split(name, *pictures, size=(64, 80)):
    """Make a split of black pictures, each with squares of the colour of their class: (class, x1, y1, x2, y2)."""
    images = np.zeros((len(pictures), *size, 3), np.uint8)
    for image, objects in zip(images, pictures, strict=True):
        for class_id, x1, y1, x2, y2 in objects:
            image[y1:y2, x1:x2] = COLORS[class_id]
    table = tf.constant(images)
    return Split(
        names=[f"{name}{number}" for number in range(len(pictures))],
        annotations={
            "boxes": [np.array([each[1:] for each in objects], np.float32).reshape(-1, 4) for objects in pictures],
            "class_ids": [np.array([each[0] for each in objects], np.int32) for objects in pictures],
        },
        digests=[str(number) for number in range(len(pictures))],
        read=lambda index: {"image": table[index]},
    )


@pytest.fixture(scope="module")
def source():
    """Three red objects and a green one to train on, one of each to validate on; one picture has none."""
    train = make_split("train", [(0, 0, 0, 10, 10), (1, 40, 20, 60, 40)], [], [(0, 30, 40, 42, 52), (0, 70, 0, 80, 10)])
    return Source("toys", ("red", "green"), train, make_split("valid", [(0, 8, 8, 24, 24), (1, 50, 30, 60, 40)]))


def windows_of(split):
    """Give (picture, corners, label, image) of each window; the name says where it is from."""
    for index, (name, label) in enumerate(zip(split.names, split.labels, strict=True)):
        picture, _, corners = name.partition(" at ")
        yield picture, tuple(map(int, corners.split(", "))), label, split.picture(index)


def overlap(one, other):
    """Compute the IoU by counting pixels."""
    maps = np.zeros((2, 64, 80), bool)
    for each, (x1, y1, x2, y2) in zip(maps, (one, other), strict=True):
        each[y1:y2, x1:x2] = True
    return (maps[0] & maps[1]).sum() / (maps[0] | maps[1]).sum()


def test_each_class_and_the_background_get_as_many_windows(source):
    windows = window_source(source, window=WINDOW, scales=SCALES, copies=5)
    assert windows.classes == ("background", "red", "green")
    assert windows.train.count(3).tolist() == [15, 15, 15]
    assert windows.valid.count(3).tolist() == [5, 5, 5]
    assert windows.test is None
    assert {name for name, *_ in windows_of(windows.train)} == {"train0", "train1", "train2"}
    assert {name for name, *_ in windows_of(windows.valid)} == {"valid0"}


def test_windows_lie_on_the_objects_of_their_label_and_beside_all_objects(source):
    windows = window_source(source, window=WINDOW, scales=SCALES, copies=20)
    for split, cut in ((source.train, windows.train), (source.valid, windows.valid)):
        for picture, corners, label, image in windows_of(cut):
            assert image.shape == (*WINDOW, 3)
            index = split.names.index(picture)
            boxes, class_ids = split.annotations["boxes"][index].astype(int), split.annotations["class_ids"][index]
            overlaps = np.array([overlap(corners, box) for box in boxes])
            if label == 0:
                assert overlaps.max(initial=0) < MOST_OVERLAP + 0.1  # by the rounding to whole pixels
            else:
                assert class_ids[overlaps.argmax()] == label - 1
                assert overlaps.max() > 0.5
                assert image[..., label - 1].mean() > 100 > image[..., 2 - label].mean()


def test_without_jitter_a_window_is_the_object(source):
    windows = window_source(source, window=WINDOW, scales=SCALES, jitter=0.0)
    for _, _, label, image in windows_of(windows.train):
        if label:
            assert (image == COLORS[label - 1]).all()


def test_window_around_an_object_is_the_smallest_of_its_shape():
    train = make_split("train", [(0, 20, 10, 40, 20)], [(0, 10, 20, 20, 50)])
    windows = window_source(Source("bars", ("red",), train, train), window=(8, 12), scales=[1.0], copies=1, jitter=0.0)
    # 20 x 10 needs a height of 13.3, 10 x 30 a width of 45; the latter is pushed into the picture.
    assert [corners for _, corners, label, _ in windows_of(windows.train) if label] == [
        (20, 8, 40, 21),
        (0, 20, 45, 50),
    ]


def test_the_same_seed_gives_the_same_windows(source):
    options = {"window": WINDOW, "scales": SCALES, "copies": 3}
    first, again, other = (window_source(source, seed=seed, **options) for seed in (1, 1, 2))
    assert first.train.names == again.train.names
    assert first.fingerprint == again.fingerprint
    assert first.train.names != other.train.names


def test_negatives_are_added_to_the_background_of_their_picture(source):
    options = {"window": WINDOW, "scales": SCALES}
    negatives = [np.zeros((0, 4)), np.array([[3.2, 4, 19.2, 20], [70, 50, 90, 70]]), np.zeros((0, 4))]
    without, windows = (window_source(source, negatives=each, **options) for each in (None, {"train": negatives}))
    added = dict(zip(windows.train.names, windows.train.labels.tolist(), strict=True))
    for name in without.train.names:
        added.pop(name, None)
    assert added == {"train1 at 3, 4, 19, 20": 0, "train1 at 60, 44, 80, 64": 0}
    assert len(windows.train) == len(without.train) + 2
    assert windows.valid.names == without.valid.names
    windows = window_source(source, negatives={"validation": [np.array([[0, 40, 16, 56]])]}, **options)
    assert windows.train.names == without.train.names
    assert (windows.valid.names[-1], windows.valid.labels[-1]) == ("valid0 at 0, 40, 16, 56", 0)


def test_a_crop_is_what_the_detector_sees_in_its_pyramid():
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
    image = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)[:72, :104]
    level = resize(image, (36, 52))
    np.testing.assert_array_equal(crop(image, (16, 8, 32, 24), WINDOW), level[4:12, 8:16])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((1.4, 2.6, 9.4, 10.6), (1, 3, 9, 11)),
        ((-3, -3, 5, 5), (0, 0, 8, 8)),
        ((50, 30, 60, 40), (43, 27, 53, 37)),
        ((-10, 5, 90, 9), (0, 5, 53, 9)),
        ((5, 5, 5.1, 5.1), (5, 5, 6, 6)),
    ],
)
def test_windows_are_pushed_into_the_picture(box, expected):
    assert fit_inside(np.array(box), (37, 53)) == expected


def test_scales_are_those_of_the_objects():
    split = make_split("train", [(0, 0, 0, 16, 16), (0, 0, 0, 8, 32)], [(1, 0, 0, 64, 10), (1, 0, 0, 20, 20)])
    assert window_scales(split, WINDOW, step=2.0) == pytest.approx([0.5, 0.25, 0.125], rel=0.05)
    alike = make_split("train", [(0, 0, 0, 16, 16)], [])
    assert window_scales(alike, WINDOW) == pytest.approx([0.5])
    with pytest.raises(ValueError, match="no object"):
        window_scales(make_split("train", []), WINDOW)
    with pytest.raises(ValueError, match=r"step must be above 1\. Received: step=1\."):
        window_scales(split, WINDOW, step=1)


def test_padding_is_no_object():
    split = make_split("train", [(0, 8, 8, 16, 16)], [])
    boxes, class_ids = split.annotations["boxes"], split.annotations["class_ids"]
    boxes[0] = np.concatenate([boxes[0], np.zeros((2, 4), np.float32)])
    class_ids[0] = np.concatenate([class_ids[0], np.int32([-1, -1])])
    windows = window_source(Source("toys", ("red",), split, split), window=WINDOW, scales=SCALES, copies=4)
    assert windows.train.count(2).tolist() == [4, 4]
    assert window_scales(split, WINDOW) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": "red"}, r"none of the classes red, green\. Received: background='red'\."),
        ({"window": (8,)}, r"Received: window=\(8,\)\."),
        ({"window": (0, 8)}, r"Received: window=\(0, 8\)\."),
        ({"scales": ()}, "scales must be positive"),
        ({"scales": (1.0, -1.0)}, "scales must be positive"),
        ({"scales": (0.01,)}, "no room for a window of the background"),
        ({"copies": 0}, "Received: copies=0"),
        ({"jitter": 1.0}, r"jitter=1\.0"),
        ({"negatives": {"train": []}}, r"'train': 3, 'validation': 1.*Received: 0 for 'train'\."),
        ({"negatives": {"test": []}}, r"Received: 0 for 'test'\."),
    ],
)
def test_options_are_checked(source, options, message):
    with pytest.raises(ValueError, match=message):
        window_source(source, **({"window": WINDOW, "scales": SCALES} | options))


def test_a_split_without_an_object_is_refused(source):
    empty = Source("toys", ("red", "green"), source.train, make_split("valid", [], []))
    with pytest.raises(ValueError, match="The validation split has no object"):
        window_source(empty, window=WINDOW, scales=SCALES)


def test_pictures_without_boxes_are_refused():
    split = Split(["0"], {"label": np.zeros(1, np.int32)}, ["0"], lambda index: {})
    with pytest.raises(ValueError, match='toys has label: open it with annotation="boxes"'):
        window_source(Source("toys", ("red",), split, split), window=WINDOW, scales=SCALES)
