"""The cache: the same batches as without, no decoding, and a key that changes when what is kept would."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import cache as cache_module
from kerascnn.data import folder, pipeline
from kerascnn.data.sources import Split
from kerascnn.data.sources.crops import crop_to_boxes

TASK = SimpleNamespace(image_size=(9, 7), targets=lambda sample: sample["label"])
AUGMENTED = {"augment": "standard", "seed": 0}


@pytest.fixture
def photos(tmp_path, encode):
    """A folder of two classes: pictures of different sizes, JPEG and PNG."""
    for number in range(6):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode("JPEG" if number % 3 else "PNG", size=(20 + number, 31 - number), seed=number))
    return folder(tmp_path / "photos").train


@pytest.fixture(params=["memory", "folder"])
def cache(request, tmp_path):
    return tmp_path / "kept" if request.param == "folder" else "memory"


def everything(batches, epochs=2):
    return [np.concatenate([images for images, _ in batches]) for _ in range(epochs)]


@pytest.mark.parametrize("options", [{}, {"seed": 0}, AUGMENTED])
def test_batches_are_those_without_a_cache(photos, cache, options):
    for first, second in zip(
        everything(pipeline(photos, TASK, **options)),
        everything(pipeline(photos, TASK, cache=cache, **options)),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)


def test_files_are_not_read_again(photos, cache, tmp_path):
    batches = pipeline(photos, TASK, cache=cache, **AUGMENTED)
    expected = everything(pipeline(photos, TASK, **AUGMENTED))
    for path in (tmp_path / "photos").rglob("*.jpg"):
        path.unlink()
    np.testing.assert_array_equal(everything(batches), expected)


def test_another_run_finds_the_file(photos, tmp_path, monkeypatch):
    first = everything(pipeline(photos, TASK, cache=tmp_path / "kept", **AUGMENTED))
    monkeypatch.setattr(cache_module, "_decode_to_folder", None)  # would fail, if it was called
    np.testing.assert_array_equal(everything(pipeline(photos, TASK, cache=tmp_path / "kept", **AUGMENTED)), first)


def test_the_key_changes_with_content_size_and_use(photos, tmp_path):
    def keep(split, side, options):
        pipeline(split, SimpleNamespace(image_size=(side, side), targets=TASK.targets), cache=tmp_path / "k", **options)
        return len(list((tmp_path / "k").iterdir()))

    assert keep(photos, 8, {}) == 1
    assert keep(photos, 8, {}) == 1
    assert keep(photos, 8, AUGMENTED) == 2
    assert keep(photos, 9, AUGMENTED) == 3
    assert keep(photos.select(np.array([1, 0, 2, 3])), 9, AUGMENTED) == 4  # another order is another content


def test_what_breaks_off_leaves_nothing(photos, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        pipeline(photos, TASK, cache=tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("damage", ["shorten", "no shapes", "garbage"])
def test_a_damaged_folder_is_made_anew(photos, tmp_path, damage):
    expected = everything(pipeline(photos, TASK, cache=tmp_path / "kept"))
    (kept,) = (tmp_path / "kept").iterdir()
    if damage == "shorten":
        (kept / "pixels.bin").write_bytes((kept / "pixels.bin").read_bytes()[:-1])
    elif damage == "garbage":
        (kept / "shapes.npy").write_bytes(b"garbage")
    else:
        (kept / "shapes.npy").unlink()
    np.testing.assert_array_equal(everything(pipeline(photos, TASK, cache=tmp_path / "kept")), expected)


def test_samples_with_more_than_a_label_are_refused(photos):
    split = dataclasses.replace(photos, read=lambda index: photos.read(index) | {"boxes": tf.zeros((0, 4))})
    with pytest.raises(ValueError, match="image, label, boxes"):
        pipeline(split, TASK, cache="memory")


def test_large_pictures_are_kept_smaller_and_in_proportion(tmp_path, encode):
    for name, size in {"a": (400, 300), "b": (36, 29)}.items():
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.png").write_bytes(encode("PNG", size=size, seed=number))
    split = folder(tmp_path).train
    kept = cache_module.cached(split, TASK.image_size, "memory", augmented=True)
    shapes = [tuple(kept.read(tf.constant(index, tf.int64))["image"].shape) for index in range(len(kept))]
    # The sides are 400 / 36 and 300 / 28 times four inputs: the smaller ratio counts.
    assert shapes == [(int(400 / (300 / 28)), 28, 3), (36, 29, 3)]


def test_what_lies_in_memory_already_stays_there():
    split = Split(["0"], {}, ["0"], lambda index: {"image": tf.zeros((2, 2, 3))})
    assert cache_module.cached(split, TASK.image_size, "memory", augmented=True) is split


@pytest.mark.parametrize("options", [{}, {"augment": "light", "seed": 0}])
def test_crops_are_kept_each_apart(photos, cache, tmp_path, options):
    task = SimpleNamespace(image_size=(9, 7), targets=lambda sample: sample["landmarks"])
    annotations = {
        "boxes": [np.float32([[2, 3, 12, 9]])] * len(photos),
        "landmarks": np.tile(np.float32([[4, 5], [7, 6]]), (len(photos), 1, 1)),
        "visibility": np.ones((len(photos), 2), np.int32),
    }
    crops = [crop_to_boxes(dataclasses.replace(photos, annotations=annotations), (20, 26), each) for each in (0, 0.3)]
    expected = [list(pipeline(crop, task, **options).as_numpy_iterator()) for crop in crops]
    assert not np.array_equal(expected[0][0][0], expected[1][0][0])
    batches = [pipeline(crop, task, cache=cache, **options) for crop in crops]
    for path in (tmp_path / "photos").rglob("*.jpg"):
        path.unlink()
    for wanted, found in zip(expected, batches, strict=True):
        for (images, targets), (kept, kept_targets) in zip(wanted, found.as_numpy_iterator(), strict=True):
            np.testing.assert_array_equal(images, kept)
            np.testing.assert_allclose(targets, kept_targets, rtol=1e-5)


def test_a_file_is_no_folder(photos, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="is a file"):
        pipeline(photos, TASK, cache=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
