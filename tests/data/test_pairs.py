"""Pairs of LFW's format."""

import numpy as np
import pytest

from kerascnn.data.pairs import read_pairs

LIST = "2\t1\nann_b\t1\t2\nann_b\t2\tbob\t1\nbob\t1\t3\nbob\t3\tann_b\t1\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("ann_b", "bob"):
        (tmp_path / name).mkdir()
        for number in (1, 2, 3):
            (tmp_path / name / f"{name}_{number:04d}.{'png' if name == 'bob' else 'jpg'}").touch()
    (tmp_path / "pairs.txt").write_text(LIST)
    return tmp_path


def test_pairs_are_read(folder):
    pairs = read_pairs(folder / "pairs.txt", folder)
    assert len(pairs) == 4
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.folds.tolist() == [0, 0, 1, 1]
    names = np.array([file.stem for file in pairs.files])
    assert names[pairs.places].tolist() == [
        ["ann_b_0001", "ann_b_0002"], ["ann_b_0002", "bob_0001"], ["bob_0001", "bob_0003"], ["bob_0003", "ann_b_0001"],
    ]  # fmt: skip
    assert len(set(names)) == len(names) == 4
    assert {file.suffix for file in pairs.files} == {".jpg", ".png"}


def test_a_list_of_one_fold_has_one_number(folder):
    (folder / "dev.txt").write_text("1\nbob 1 2\nbob 1 ann_b 2\n")
    assert read_pairs(folder / "dev.txt", folder).folds.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the number of folds"),
        ("ann 1 2\n", "must begin with the number of folds"),
        ("2 1\nbob 1 2\n", "must have 4 pairs, as its first line says. It has 1"),
        ("0\n", "must have 0 pairs"),
        ("1\nbob 1 x\nbob 1 ann_b 2\n", "line 2: a pair is NAME 1 4"),
        ("1\nbob 1 1\nbob 1 ann_b 2\n", "line 2: a picture is no pair with itself"),
        ("1\nbob 1 ann_b 2\nbob 1 2\n", "line 2: a pair of one person was to come here"),
    ],
)
def test_what_is_no_list_is_refused(folder, text, message):
    (folder / "bad.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_pairs(folder / "bad.txt", folder)


def test_a_name_may_have_dots_and_an_ending_capitals(folder):
    (folder / "J.K._R").mkdir()
    for number, ending in ((1, ".JPG"), (2, ".png")):
        (folder / "J.K._R" / f"J.K._R_{number:04d}{ending}").touch()
    (folder / "dev.txt").write_text("1\nJ.K._R 1 2\nbob 1 ann_b 2\n")
    assert [file.name for file in read_pairs(folder / "dev.txt", folder).files[:2]] == [
        "J.K._R_0001.JPG",
        "J.K._R_0002.png",
    ]


def test_a_missing_picture_is_named(folder):
    (folder / "bad.txt").write_text("1\nbob 1 9\nbob 1 ann_b 2\n")
    with pytest.raises(FileNotFoundError, match=r"bob_0009\.jpg"):
        read_pairs(folder / "bad.txt", folder)
