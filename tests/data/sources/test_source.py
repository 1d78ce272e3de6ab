"""Splits and sources: selection, counts and weights by hand, fingerprints and duplicates as rules."""

import hashlib
import itertools
import socket

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from kerascnn.data import Source, Split, idx, open_source
from kerascnn.data.scenes import Scenes
from kerascnn.data.sources.idx import FASHION_MNIST_CLASSES
from kerascnn.data.sources.source import check_classes, split_by_class
from tests.data.sources.test_idx import write_idx

CLASSES = ("ants", "bees")


def split_of(contents, labels, names=None):
    """A split whose pictures are single letters."""

    def read(index):
        return {"image": tf.constant(list(contents))[index], "label": tf.constant(labels)[index]}

    digests = [hashlib.sha256(content.encode()).hexdigest() for content in contents]
    annotations = {"label": np.array(labels, np.int32)}
    return Split(names or [f"{content}.png" for content in contents], annotations, digests, read)


def source_of(train=("abcd", [0, 0, 1, 1]), valid=("ef", [0, 1]), test=None, classes=CLASSES, name="photos"):
    return Source(name, classes, split_of(*train), split_of(*valid), split_of(*test) if test else None)


def test_select_takes_everything_of_the_chosen_samples_along():
    split = split_of("abcde", [0, 1, 0, 1, 1])
    chosen = split.select(np.array([4, 0, 1]))
    assert len(chosen) == 3
    assert chosen.names == ["e.png", "a.png", "b.png"]
    assert chosen.labels.tolist() == [1, 0, 1]
    assert chosen.digests == [split.digests[4], split.digests[0], split.digests[1]]
    read = [chosen.read(tf.constant(index, tf.int64)) for index in range(3)]
    assert [each["image"].numpy() for each in read] == [b"e", b"a", b"b"]
    assert [int(each["label"]) for each in read] == [1, 0, 1]


def test_select_of_a_select_reads_the_right_sample():
    twice = split_of("abcde", [0, 1, 0, 1, 1]).select(np.array([4, 0, 1])).select(np.array([2, 0]))
    assert twice.names == ["b.png", "e.png"]
    assert [twice.read(tf.constant(index, tf.int64))["image"].numpy() for index in range(2)] == [b"b", b"e"]


def test_select_of_nothing_is_empty():
    assert len(split_of("ab", [0, 1]).select(np.array([], np.int64))) == 0


def test_count_lists_classes_that_do_not_occur():
    assert split_of("abc", [2, 0, 2]).count(4).tolist() == [1, 0, 2, 0]


def test_class_weights_by_hand():
    # N / (classes * N of the class): 8 / (2 * 6) and 8 / (2 * 2).
    assert split_of("abcdefgh", [0] * 6 + [1] * 2).class_weights() == {0: 8 / 12, 1: 2.0}


def test_class_weights_of_balanced_classes_are_one():
    assert split_of("abcd", [0, 1, 0, 1]).class_weights() == {0: 1.0, 1: 1.0}


def test_class_weights_give_every_class_the_same_sum():
    labels = [0] * 7 + [1] * 2 + [3] * 4
    weights = split_of("x" * len(labels), labels).class_weights()
    np.testing.assert_allclose([weights[label] * labels.count(label) for label in (0, 1, 3)], len(labels) / 3)


def test_splits_leave_out_a_test_split_that_is_not_there():
    assert list(source_of().splits) == ["train", "validation"]
    assert list(source_of(test=("g", [0])).splits) == ["train", "validation", "test"]


def test_fingerprint_does_not_depend_on_names_or_order():
    moved = Source(
        "elsewhere", CLASSES, split_of("dcba", [1, 1, 0, 0], ["4", "3", "2", "1"]), split_of("fe", [1, 0], ["y", "x"])
    )
    assert moved.fingerprint == source_of().fingerprint
    assert moved.fingerprint.startswith("sha256:")


@pytest.mark.parametrize(
    "change",
    [
        {"train": ("abcx", [0, 0, 1, 1])},
        {"train": ("abcd", [0, 0, 1, 0])},
        {"train": ("abc", [0, 0, 1])},
        {"train": ("abcdd", [0, 0, 1, 1, 1])},
        {"train": ("abcf", [0, 0, 1, 1]), "valid": ("ed", [0, 1])},
        {"test": ("g", [0])},
        {"classes": ("ants", "wasps")},
    ],
    ids=["content", "label", "one less", "one twice", "across splits", "test", "class name"],
)
def test_fingerprint_changes_with_content_label_split_and_class_names(change):
    assert source_of(**change).fingerprint != source_of().fingerprint


def test_duplicates_across_splits_are_found_by_content():
    source = source_of(valid=("eb", [0, 1]), test=("af", [0, 1]))
    assert sorted(source.duplicates_across_splits()) == [("a.png", "a.png"), ("b.png", "b.png")]
    assert source_of().duplicates_across_splits() == []


def test_duplicates_within_the_training_split_are_not_across_splits():
    assert source_of(train=("aab", [0, 0, 1])).duplicates_across_splits() == []


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("counts", [(2, 2), (3, 50), (10, 7, 4)])
def test_split_by_class_is_disjoint_complete_and_has_every_class_on_both_sides(seed, counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(9).shuffle(labels)
    train, valid = split_by_class(labels, "abc", seed)
    assert sorted([*train, *valid]) == list(range(len(labels)))
    assert train.tolist() == sorted(train) and valid.tolist() == sorted(valid)
    assert set(labels[train]) == set(labels[valid]) == set(range(len(counts)))


@pytest.mark.parametrize(("count", "held_out"), [(2, 1), (5, 1), (10, 2), (14, 3), (100, 20)])
def test_split_by_class_holds_out_a_fifth_of_each_class(count, held_out):
    labels = np.repeat([0, 1], [count, 10])
    _, valid = split_by_class(labels, CLASSES, seed=0)
    assert np.bincount(labels[valid]).tolist() == [held_out, 2]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_split_by_class_leaves_at_least_one_on_either_side(share):
    train, valid = split_by_class(np.array([0] * 5 + [1] * 5), CLASSES, seed=0, share=share)
    assert min(len(train), len(valid)) == 2


def test_split_by_class_depends_on_the_seed_alone():
    labels = np.repeat([0, 1], 20)
    first, again, other = (split_by_class(labels, CLASSES, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_split_by_class_names_the_class_that_is_too_small():
    with pytest.raises(ValueError, match="bees has 1 usable picture"):
        split_by_class(np.array([0, 0, 1]), CLASSES, seed=0)


def test_check_classes_names_every_class_without_a_picture_and_the_split():
    splits = {"train": split_of("abc", [0, 1, 2]), "validation": split_of("a", [1])}
    with pytest.raises(ValueError, match="no usable picture of a, c in its validation split"):
        check_classes("photos", ("a", "b", "c"), splits)


@pytest.mark.parametrize("classes", [(), ("ants",)])
def test_check_classes_refuses_fewer_than_two(classes):
    with pytest.raises(ValueError, match="at least two classes"):
        check_classes("photos", classes, {})


@pytest.mark.parametrize("spec", ["nowhere", "tfds:", "idx:", "fashion_mnist", "nowhere:else"])
def test_open_source_takes_what_it_does_not_know_for_a_folder(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=spec):
        open_source(spec)


def test_open_source_reads_a_folder_with_the_seed(tmp_path, encode):
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for number in range(10):
            (tmp_path / name / f"{number}.png").write_bytes(encode(size=(4, 4), seed=number))
    first, other = open_source(str(tmp_path)), open_source(str(tmp_path), seed=1)
    assert first.classes == CLASSES
    assert first.valid.names != other.valid.names


@pytest.fixture
def every_kind(tmp_path, encode, monkeypatch):
    """A small data set of each kind that open_source knows; scenes are among those that TensorFlow Datasets knows."""
    monkeypatch.chdir(tmp_path)
    seeds = itertools.count()
    for place in ("photos", "split/train", "split/val", "split/test"):
        for name in CLASSES:
            (tmp_path / place / name).mkdir(parents=True)
            for number in range(10):
                (tmp_path / place / name / f"{number}.png").write_bytes(encode(size=(4, 4), seed=next(seeds)))
    (tmp_path / "digits").mkdir()
    write_idx(tmp_path / "digits", list(range(10)) * 4, list(range(10)))
    for config in Scenes.builder_configs.values():
        for count in ("num_train", "num_validation", "num_test"):
            monkeypatch.setattr(config, count, 10)
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was touched"))


@pytest.mark.parametrize(
    "spec",
    [
        *("photos", "./photos", "split", "idx:digits", "fashion_mnist:digits"),
        *("scenes", "scenes/tiny", "tfds:scenes/tiny", "tfds:scenes/tiny:1.0.0"),
    ],
)
def test_the_name_of_a_source_opens_the_same_data(spec, every_kind):
    source = open_source(spec, seed=3)
    assert source.name == spec
    again = open_source(source.name, seed=3)
    assert (again.classes, again.fingerprint) == (source.classes, source.fingerprint)
    assert again.valid.names == source.valid.names


@pytest.mark.parametrize("classes", [None, FASHION_MNIST_CLASSES])
def test_idx_files_that_were_opened_in_python_are_named_for_open_source(classes, every_kind):
    source = idx("digits", classes)
    again = open_source(source.name)
    assert (again.name, again.classes, again.fingerprint) == (source.name, source.classes, source.fingerprint)
