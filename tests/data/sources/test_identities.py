"""Folders of people: nobody is in two splits, names stay outside, and numbers begin with who is trained on."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from kerascnn.data import describe_source, identities, open_source
from kerascnn.data.sources.class_folders import OUTSIDE

NAMES = {}


def write_people(folder, **pictures):
    for name, count in pictures.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.random.default_rng([number, *map(ord, name)]).integers(0, 256, (8, 8, 3), np.uint8)
            pixels[0, 0] = color = tuple(ord(letter) for letter in name[:3].ljust(3))
            NAMES[color] = name
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def people_of(split):
    """Give the number of each person by name, whom the colour of the first pixel says."""
    pixels = [split.picture(index)[0, 0].tolist() for index in range(len(split))]
    return {NAMES[tuple(pixel)]: int(who) for pixel, who in zip(pixels, split.annotations["identity"], strict=True)}


def test_a_fifth_of_the_people_validates_and_keeps_all_pictures(tmp_path):
    write_people(tmp_path, **{f"p{number:02}": 3 for number in range(10)})
    source = identities(tmp_path, seed=1)
    assert source.classes == ("face",)
    train, valid = people_of(source.train), people_of(source.valid)
    assert (len(train), len(valid), len(source.train), len(source.valid)) == (8, 2, 24, 6)
    assert sorted(train.values()) == list(range(8))
    assert sorted(valid.values()) == [8, 9]
    assert not set(train) & set(valid)
    assert identities(tmp_path, seed=1).fingerprint == source.fingerprint
    assert {tuple(people_of(identities(tmp_path, seed=seed).valid)) for seed in range(8)} != {tuple(valid)}


def test_people_of_one_picture_do_not_leave_a_split_without_pairs(tmp_path):
    write_people(tmp_path, **{f"a{number:02}": 1 for number in range(8)}, **{f"b{number:02}": 2 for number in range(5)})
    for seed in range(6):
        source = identities(tmp_path, seed=seed)
        for split in (source.train, source.valid):
            _, counts = np.unique(split.annotations["identity"], return_counts=True)
            assert sorted(counts)[-2:] == [2, 2]


def test_splits_in_folders_hold_different_people(tmp_path):
    write_people(tmp_path / "train", cyd=2, ann=3)
    write_people(tmp_path / "val", bob=2, dan=1)
    write_people(tmp_path / "test", eve=2, fay=2)
    source = open_source(f"identities:{tmp_path}", annotation="identity")
    assert people_of(source.train) == {"ann": 0, "cyd": 1}
    assert people_of(source.valid) == {"bob": 2, "dan": 3}
    assert people_of(source.test) == {"eve": 4, "fay": 5}
    assert source.train.count(1).tolist() == [5]
    sample = source.train.read(np.int64(0))
    assert sample["image"].shape[-1] == 3
    assert int(sample["identity"]) == 0


def test_somebody_in_two_splits_is_refused(tmp_path):
    write_people(tmp_path / "train", cyd=2, ann=3)
    write_people(tmp_path / "val", bob=2, ann=1)
    with pytest.raises(ValueError, match=r"1 people in both its train and its validation split, the first ann"):
        identities(tmp_path)


@pytest.mark.parametrize("people", [{"ann": 3}, {"ann": 1, "bob": 1, "cyd": 1, "dan": 1}, {"ann": 2, "bob": 2}])
def test_people_who_cannot_be_compared_are_refused(tmp_path, people):
    write_people(tmp_path, **people)
    with pytest.raises(ValueError, match=r"two people at least in its (train|validation) split"):
        identities(tmp_path)


def test_what_is_no_picture_or_in_no_folder_is_set_aside_and_named_in_the_log_only(tmp_path, caplog):
    write_people(tmp_path, **{f"p{number}": 2 for number in range(5)})
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / "p1" / "broken.png").write_bytes(b"x")
    source = identities(tmp_path)
    outside, broken = source.set_aside
    assert outside.reason == OUTSIDE and broken.reason.startswith("not a picture")
    assert "p1/broken.png" in caplog.text
    said = json.dumps(describe_source(source)) + str([split.names for split in source.splits.values()])
    assert not re.search(r"p\d|broken|note", said)  # nobody's name goes into a card
    with pytest.raises(FileNotFoundError, match="one sub-folder of pictures a person"):
        identities(tmp_path / "nothing")


def test_data_without_identities_say_who_has_them(tmp_path):
    with pytest.raises(ValueError, match="identities:FOLDER, faces, or a tfds:NAME with identities have these"):
        open_source("idx:folder", annotation="identity")
