import json
import os

import numpy as np
import pytest

from kerascnn.report.card import read_card, write_card


def test_card_comes_back_as_it_was_written(tmp_path):
    card = {"zebra": 1, "ant": [0.5, None, True, "Ämter"], "nested": {"b": [], "a": {}}}
    assert write_card(tmp_path, card) == tmp_path / "card.json"
    assert read_card(tmp_path) == card
    assert list(read_card(tmp_path)) == ["zebra", "ant", "nested"]


def test_numpy_values_and_tuples_become_plain(tmp_path):
    card = {
        "scalar": np.float32(0.5),
        "integer": np.int64(7),
        "flag": np.bool_(True),
        "matrix": np.eye(2, dtype=int),
        "size": (160, 160),
    }
    write_card(tmp_path, card)
    plain = {"scalar": 0.5, "integer": 7, "flag": True, "matrix": [[1, 0], [0, 1]], "size": [160, 160]}
    assert read_card(tmp_path) == plain
    assert read_card(tmp_path)["flag"] is True


@pytest.mark.parametrize("number", [float("nan"), float("inf"), np.float32("nan"), np.array([[1.0, -np.inf]])])
def test_number_that_json_cannot_hold_is_refused_with_its_key(tmp_path, number):
    with pytest.raises(ValueError, match=r"card\.metrics\.per_class\[1\]\.recall"):
        write_card(tmp_path, {"metrics": {"per_class": [{"recall": 1.0}, {"recall": number}]}})
    assert list(tmp_path.iterdir()) == []


def test_value_that_json_cannot_hold_is_refused_with_its_key(tmp_path):
    with pytest.raises(TypeError, match=r"card\.data\.source.*Path"):
        write_card(tmp_path, {"data": {"source": tmp_path}})
    with pytest.raises(TypeError, match=r"card\.classes.*strings"):
        write_card(tmp_path, {"classes": {0: "ants"}})


def test_file_name_that_is_not_unicode_comes_back(tmp_path):
    name = os.fsdecode(b"bees/\xff.jpg")
    write_card(tmp_path, {"path": name})
    assert read_card(tmp_path) == {"path": name}


def test_failed_write_leaves_the_old_card_and_nothing_else(tmp_path, monkeypatch):
    write_card(tmp_path, {"run": "old"})

    def fail(source, target):
        raise OSError("disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_card(tmp_path, {"run": "new"})
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]
    assert read_card(tmp_path) == {"run": "old"}


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        write_card(tmp_path / "missing", {})


def test_missing_card_says_which_folder_to_give(tmp_path):
    with pytest.raises(FileNotFoundError, match="Give the folder of a finished run"):
        read_card(tmp_path)


@pytest.mark.parametrize("text", ["", "{'a': 1}", '{"a": NaN}', "[1, 2]", json.dumps({"a": 1})[:-1]])
def test_file_that_is_no_card_says_what_to_do(tmp_path, text):
    (tmp_path / "card.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"card\.json.*Restore it from a copy"):
        read_card(tmp_path)
