"""check_data.py: a table, what was set aside by its reason, and the exit status."""

import importlib

import pytest

from tests.data.sources.writers import voc_xml, write_text, write_voc
from tests.pipelines.conftest import PIPELINES, encode


@pytest.fixture
def check_data(monkeypatch):
    """The script, in this process, which saves half a minute of imports a test."""
    monkeypatch.syspath_prepend(PIPELINES)
    monkeypatch.setenv("COLUMNS", "200")
    return importlib.import_module("check_data")


def read_table(text):
    rows = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    return {name.strip(): [int(cell) for cell in cells] for name, *cells in rows}


def test_smoke_prints_the_boxes_of_each_class_and_split(run):
    outcome = run("check_data.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    table = read_table(outcome.stdout)
    assert table.pop("pictures") == [80, 40, 40]
    assert len(table) > 2 and all(sum(counts) > 0 for counts in table.values())
    assert "set aside: 0" in outcome.stdout


def test_a_sound_data_set_has_nothing_to_look_at(check_data, tmp_path, capsys):
    write_voc(tmp_path, encode)
    assert check_data.main(check_data.Config(data=f"voc:{tmp_path}", annotation="boxes")) == 0
    assert read_table(capsys.readouterr().out) == {"ant": [1, 2, 1], "bee": [2, 0, 1], "pictures": [3, 1, 1]}


def test_what_is_wrong_is_listed_by_reason_the_most_frequent_first(check_data, tmp_path, capsys):
    write_voc(tmp_path, encode)
    boxes = [("ant", 5, 5, 5, 5), ("ant", 6, 6, 6, 6), ("bee", 9, 1, 2, 8), ("ant", 1, 1, 5, 5), ("bee", 1, 1, 5, 5)]
    write_text(tmp_path / "Annotations" / "1.xml", voc_xml((20, 30), boxes))
    (tmp_path / "JPEGImages" / "2.png").write_bytes((tmp_path / "JPEGImages" / "5.png").read_bytes())
    write_text(tmp_path / "Annotations" / "2.xml", voc_xml(None, []))
    assert check_data.main(check_data.Config(data=f"voc:{tmp_path}", annotation="boxes")) == 1
    printed = capsys.readouterr().out
    assert "set aside: 3" in printed
    assert printed.index("box without area: 2") < printed.index("box turned over: 1")
    assert "Annotations/1.xml, box 3 (box turned over: 9, 1, 2, 8)" in printed
    assert "measured on too: 1" in printed and "JPEGImages/2.png and JPEGImages/5.png" in printed


def test_clipped_boxes_are_listed_and_are_nothing_to_look_at(check_data, tmp_path, capsys):
    write_voc(tmp_path, encode)
    boxes = [("ant", 1, 1, 45, 5), ("bee", 1, 1, 5, 5)]
    write_text(tmp_path / "Annotations" / "1.xml", voc_xml((20, 30), boxes))
    assert check_data.main(check_data.Config(data=f"voc:{tmp_path}", annotation="boxes")) == 0
    printed = capsys.readouterr().out
    assert "set aside: 0" in printed and "clipped: 1" in printed
    assert "Annotations/1.xml, box 1 (box cut at the border: " in printed


def test_labels_of_boxes_are_refused(check_data):
    with pytest.raises(ValueError, match="coco:somewhere has boxes"):
        check_data.main(check_data.Config(data="coco:somewhere"))
