"""train_yolo.py and detect.py: a run, what is found with it in pictures and videos, and what cannot be used."""

import csv
import importlib
import json

import numpy as np
import pytest
from PIL import Image

from kerascnn.data.video import open_video, write_video
from kerascnn.export import PRECISIONS, TFLiteModel
from kerascnn.results import Detections
from tests.pipelines.conftest import PIPELINES, SMALL_NETWORK


@pytest.fixture(scope="module")
def yolo_run(run, workplace):
    """The run folder of `train_yolo.py --smoke`."""
    outcome = run("train_yolo.py", "--smoke", *SMALL_NETWORK)
    assert outcome.returncode == 0, outcome.stderr
    assert "Anchors of stride 32: " in outcome.stderr
    return workplace / "saved_models" / "smoke_yolo"


@pytest.fixture
def detect(monkeypatch):
    """The script, in this process, which saves half a minute of imports a test."""
    monkeypatch.syspath_prepend(PIPELINES)
    monkeypatch.setenv("COLUMNS", "200")
    return importlib.import_module("detect")


def test_options_of_head_body_and_loss_are_checked_before_data_are_read(monkeypatch):
    monkeypatch.syspath_prepend(PIPELINES)
    script = importlib.import_module("train_yolo")
    monkeypatch.setattr(script, "train", lambda *_, **__: 0)
    for settings in (
        {"architecture": "darknet19", "strides": (32,), "options": {"passthrough": True}},
        {"architecture": "darknet19", "smoke": True},
        {"loss_options": {"label_smoothing": 0.1}},
    ):
        assert script.main(script.Config(**settings)) == 0
    for settings in ({"options": {"alfa": 0.5}}, {"loss_options": {"smoothing": 0.1}}):
        with pytest.raises(ValueError, match=r"has the options .*Received: .*(alfa|smoothing)"):
            script.main(script.Config(**settings))
    with pytest.raises(ValueError, match=r"Give --strides by itself, not in --options"):
        script.main(script.Config(options={"strides": 8}))


def test_the_run_folder_is_complete_and_its_card_is_true(yolo_run):
    card = json.loads((yolo_run / "card.json").read_text(encoding="utf-8"))
    assert (card["task"], card["score_name"], card["monitor"]) == ("yolo", "AP50", "ap")
    threshold = card["chosen"]["score_threshold"]
    assert [card["metrics"][split]["score_threshold"] for split in ("validation", "test")] == [threshold] * 2
    page = (yolo_run / "report.html").read_text(encoding="utf-8")
    assert "Detection of 10 classes" in page and "By class, lowest AP50 first" in page
    for precision in PRECISIONS:
        model = TFLiteModel((yolo_run / f"model_{precision}.tflite").read_bytes())
        found = model.predict(np.zeros((1, 96, 96, 3), np.uint8))
        assert set(found) == {"location", "category", "score", "number"}


def test_smoke_prints_what_was_found_and_draws_it(yolo_run, run, workplace):
    outcome = run("detect.py", "--smoke", "--model", "float32", "--save", "boxes")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.count("smoke_pictures") == 3 and "smoke_video.mp4 (5 frames)" in outcome.stdout
    *drawn, film, table = sorted((workplace / "boxes").iterdir())
    assert [Image.open(path).size for path in drawn] == [(160, 160)] * 3
    assert table.name == "boxes.csv"
    assert (film.name, open_video(film).num_frames) == ("003_smoke_video.mp4", 5)


def test_the_table_has_a_line_for_each_box(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(PIPELINES)
    picture, film = tmp_path / "a, b.png", write_video(tmp_path / "film.mp4", np.zeros((2, 40, 60, 3), np.uint8), 25)
    Image.new("RGB", (60, 40), "white").save(picture)
    boxes, scores, class_ids = (
        np.float32([[1, 2.25, 30, 20], [0, 0, 60, 40]]),
        np.float32([0.75, 0.5]),
        np.int32([1, 0]),
    )
    frames = []

    def detect(image):
        """Find two things in the picture, nothing in the first frame, and one in the second."""
        frames.append(image)
        found = slice((2, 0, 1)[len(frames) - 1])
        return Detections(("ant", "bee"), boxes[found], scores[found], class_ids[found])

    assert importlib.import_module("detections").detect_in_files([picture, film], detect, tmp_path / "found") == 0
    assert list(csv.reader((tmp_path / "found" / "boxes.csv").open())) == [
        ["file", "frame", "class", "score", "x1", "y1", "x2", "y2"],
        [str(picture), "0", "bee", "0.7500", "1.0", "2.2", "30.0", "20.0"],
        [str(picture), "0", "ant", "0.5000", "0.0", "0.0", "60.0", "40.0"],
        [str(film), "1", "bee", "0.7500", "1.0", "2.2", "30.0", "20.0"],
    ]


def test_it_is_measured_by_the_script_for_every_task(yolo_run, call):
    card = json.loads((yolo_run / "card.json").read_text(encoding="utf-8"))
    outcome = call("evaluate.py", "--run", yolo_run, "--split", "test")
    assert outcome.returncode == 0, outcome.stderr
    test = card["metrics"]["test"]
    assert f"AP50 {test['score']:.1%} on {test['examples']} pictures" in outcome.stdout
    (row,) = (line for line in outcome.stdout.splitlines() if line.startswith("│ all"))
    found = [cell.strip() for cell in row.split("│")[2:6]]
    values = [test[key] for key in ("ap50", "ap", "precision", "recall")]
    assert found == [
        "-" if value is None else f"{value:.1%}" for value in values
    ]  # so small a network may find nothing


def test_what_cannot_be_read_is_named_and_the_others_are_looked_at(detect, yolo_run, tmp_path, capsys, caplog):
    for name in ("broken.png", "broken.mp4"):
        (tmp_path / name).write_bytes(b"\x89PNG")
    write_video(tmp_path / "good.mp4", np.full((2, 40, 60, 3), 99, np.uint8), 25)
    assert detect.main(detect.Config(files=(tmp_path, tmp_path / "none.mov"), run=yolo_run)) == 1
    printed = capsys.readouterr().out
    assert "good.mp4 (2 frames)" in printed and "broken" not in printed
    for name in ("broken.png", "broken.mp4", "none.mov"):
        assert f"{name} was left out" in caplog.text
    with pytest.raises(ValueError, match="None of the files"):
        detect.main(detect.Config(files=(tmp_path / "broken.png",), run=yolo_run))


def test_what_cannot_be_done_is_said(detect, yolo_run, smoke_run, tmp_path):
    files = (yolo_run / "golden" / "0.png",)
    for settings, message in (
        ({"run": yolo_run}, "Say which run"),
        ({"files": files}, "Say which run"),
        ({"files": files, "run": smoke_run}, r"nor of Fast or Faster R-CNN: its task is classification"),
        ({"files": files, "run": yolo_run, "score_threshold": 2.0}, "Received: score_threshold=2.0"),
    ):
        with pytest.raises(ValueError, match=message):
            detect.main(detect.Config(**settings))
    with pytest.raises(NotADirectoryError, match=r"Received: the file .*0\.png"):
        detect.main(detect.Config(files=files, run=yolo_run, save=files[0]))
