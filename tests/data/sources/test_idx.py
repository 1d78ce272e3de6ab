"""IDX files: written by hand, plain and gzipped, whole and damaged."""

import gzip
import struct

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import idx, open_source
from kerascnn.data.sources.idx import FASHION_MNIST_CLASSES, FILES, read_idx


def idx_bytes(array):
    """Two zeros, the type 8 for bytes, the number of dimensions, each dimension in 4 bytes, the bytes."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder, train, test, suffix=""):
    """Write the four files; `train` and `test` are labels, and every picture is different."""
    rng = np.random.default_rng(0)
    pictures = {}
    for name, labels in (("train", train), ("test", test)):
        pictures[name] = rng.integers(0, 256, (len(labels), 4, 5)).astype(np.uint8)
        for file, array in zip(FILES[name], (pictures[name], np.array(labels, np.uint8)), strict=True):
            data = idx_bytes(array)
            (folder / f"{file}{suffix}").write_bytes(gzip.compress(data, mtime=0) if suffix else data)
    return pictures


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_pictures_and_labels_come_back_as_they_were_written(tmp_path, suffix):
    labels = {"train": [0, 1] * 5, "test": [1, 0, 1]}
    pictures = write_idx(tmp_path, **labels, suffix=suffix)
    source = idx(tmp_path)
    assert source.classes == ("0", "1")
    assert [len(split) for split in source.splits.values()] == [8, 2, 3]
    for split, file in ((source.train, "train"), (source.valid, "train"), (source.test, "test")):
        for index, name in enumerate(split.names):
            sample = split.read(tf.constant(index, tf.int64))
            assert sample["label"] == split.labels[index] == labels[file][int(name)]
            assert sample["image"].dtype == tf.uint8
            np.testing.assert_array_equal(sample["image"], pictures[file][int(name)][..., None].repeat(3, -1))


def test_plain_and_gzipped_files_give_the_same_fingerprint(tmp_path):
    for name, suffix in (("plain", ""), ("gzipped", ".gz")):
        (tmp_path / name).mkdir()
        write_idx(tmp_path / name, [0, 0, 1, 1], [0, 1], suffix)
    assert idx(tmp_path / "plain").fingerprint == idx(tmp_path / "gzipped").fingerprint


def test_the_seed_decides_what_is_held_out(tmp_path):
    write_idx(tmp_path, [0, 1] * 20, [0, 1])
    assert idx(tmp_path, seed=1).valid.names == idx(tmp_path, seed=1).valid.names != idx(tmp_path, seed=2).valid.names


def test_open_source_gives_fashion_mnist_its_names(tmp_path):
    write_idx(tmp_path, list(range(10)) * 2, list(range(10)))
    assert open_source(f"fashion_mnist:{tmp_path}").classes == FASHION_MNIST_CLASSES
    assert open_source(f"idx:{tmp_path}").classes == tuple("0123456789")


@pytest.mark.parametrize(("train", "test"), [([0, 1, 2, 2, 1, 0], [0, 1]), ([0, 1, 1, 0], [0, 2])])
def test_a_label_above_the_names_is_refused(tmp_path, train, test):
    write_idx(tmp_path, train, test)
    with pytest.raises(ValueError, match="the label 2, and there are names for 2 classes"):
        idx(tmp_path, ("a", "b"))


@pytest.mark.parametrize("gone", [name for pair in FILES.values() for name in pair])
def test_a_missing_file_is_named(tmp_path, gone):
    write_idx(tmp_path, [0, 0, 1, 1], [0, 1])
    (tmp_path / gone).unlink()
    with pytest.raises(FileNotFoundError, match=gone):
        idx(tmp_path)


def test_a_missing_folder_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        idx(tmp_path / "nowhere")


def test_a_class_that_never_occurs_is_refused(tmp_path):
    write_idx(tmp_path, [0, 0, 2, 2], [0, 2])
    with pytest.raises(ValueError, match="no usable picture of 1 in its train split"):
        idx(tmp_path)


def test_no_pictures_at_all_are_refused(tmp_path):
    write_idx(tmp_path, [], [])
    with pytest.raises(ValueError, match="at least two classes"):
        idx(tmp_path)


def test_labels_of_another_number_than_pictures_are_refused(tmp_path):
    write_idx(tmp_path, [0, 0, 1, 1], [0, 1])
    (tmp_path / FILES["train"][1]).write_bytes(idx_bytes(np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match="do not belong together"):
        idx(tmp_path)


def test_labels_in_the_place_of_pictures_are_refused(tmp_path):
    write_idx(tmp_path, [0, 0, 1, 1], [0, 1])
    (tmp_path / FILES["test"][0]).write_bytes(idx_bytes(np.zeros(2, np.uint8)))
    with pytest.raises(ValueError, match="do not belong together"):
        idx(tmp_path)


WHOLE = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3, 4), (1, 0, 7), (1, 1, 1, 1)])
def test_read_idx_gives_the_array_that_was_written(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    (tmp_path / "file").write_bytes(idx_bytes(np.asarray(array)))
    np.testing.assert_array_equal(read_idx(tmp_path / "file"), array)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("file", b"", "not an IDX file"),
        ("file", b"\0\0", "not an IDX file"),
        ("file", b"<html>not found</html>", "not an IDX file"),
        ("file", gzip.compress(WHOLE, mtime=0), "not an IDX file"),
        ("file", b"\0\0\x0d" + WHOLE[3:], "not an IDX file of bytes"),  # floats
        ("file", WHOLE[:9], "not an IDX file"),
        ("file", WHOLE[:-1], "declares 2 x 3 x 4 bytes and holds 23"),
        ("file", WHOLE + b"\0", "declares 2 x 3 x 4 bytes and holds 25"),
        ("file", bytes([0, 0, 8, 2]) + struct.pack(">2I", 2**32 - 1, 2**32 - 1), "and holds 0"),
        ("file", bytes([0, 0, 8, 4]) + struct.pack(">4I", *[2**16] * 4), "and holds 0"),  # 2^64 wraps to 0
        ("file.gz", b"", "not an IDX file"),
        ("file.gz", WHOLE, "damaged"),
        ("file.gz", gzip.compress(WHOLE, mtime=0)[:-5], "damaged"),
        ("file.gz", gzip.compress(WHOLE, mtime=0)[:15] + b"\xff" * 20, "damaged"),
        ("file.gz", gzip.compress(WHOLE, mtime=0)[:-8] + bytes(8), "damaged"),  # a wrong checksum
        ("file.gz", gzip.compress(WHOLE[:-1], mtime=0), "and holds 23"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / name)
