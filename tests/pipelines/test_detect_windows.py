"""train_windows.py and detect_windows.py: a run, what is found with it, and what cannot be used."""

import json

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def windows_run(run, workplace):
    """The run folder of `train_windows.py --smoke`."""
    outcome = run("train_windows.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    assert "windows at which the detector is wrong" in outcome.stderr
    assert "AP50 of the detector" in outcome.stdout
    return workplace / "saved_models" / "smoke_windows"


def test_the_card_says_how_to_detect(windows_run):
    card = json.loads((windows_run / "card.json").read_text(encoding="utf-8"))
    assert card["task"] == "classification"
    assert card["classes"][0] == "background"
    detection = card["detection"]
    assert detection["scales"] == [0.8, 0.5]
    assert detection["metrics"]["test"]["score_threshold"] == detection["score_threshold"]
    assert [detection["metrics"][split]["examples"] for split in ("validation", "test")] == [40, 40]
    assert (windows_run / card["export"]["float32"]["file"]).exists()


def test_smoke_prints_what_was_found_and_draws_it(windows_run, run, workplace):
    outcome = run("detect_windows.py", "--smoke", "--save", "found")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.count("smoke_pictures") == 3
    saved = sorted((workplace / "found").iterdir())
    assert [Image.open(path).size for path in saved] == [(160, 160)] * 3


def test_without_pictures_the_metrics_of_the_card_are_measured_again(windows_run, run):
    outcome = run("detect_windows.py", "--run", windows_run)
    assert outcome.returncode == 0, outcome.stderr
    card = json.loads((windows_run / "card.json").read_text(encoding="utf-8"))
    (row,) = [line for line in outcome.stdout.splitlines() if "mean" in line]
    for split in ("validation", "test"):
        assert f"{card['detection']['metrics'][split]['ap50']:.1%}" in row


def test_a_file_that_is_no_picture_is_named_and_the_others_are_looked_at(windows_run, run, workplace):
    (workplace / "broken.png").write_bytes(b"\x89PNG")
    good = workplace / "good.png"
    Image.new("RGB", (160, 160), "gray").save(good)
    outcome = run("detect_windows.py", good, "broken.png", "--run", windows_run, "--score-threshold", "1")
    assert outcome.returncode == 1
    assert "broken.png was left out" in outcome.stderr
    assert good.name in outcome.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("detect_windows.py", ("a.png",), "Say which run"),
        ("train_windows.py", ("--data", "scenes/tiny", "--rounds", "-1"), "Received: rounds=-1."),
        ("train_windows.py", ("--data", "scenes/tiny", "--augment", "wild"), "Received: 'wild'."),
    ],
)
def test_what_cannot_be_done_is_said_at_once(run, script, arguments, message):
    outcome = run(script, *arguments)
    assert outcome.returncode == 2
    assert message in outcome.stderr


def test_the_run_of_another_script_is_refused(smoke_run, run):
    outcome = run("detect_windows.py", "a.png", "--run", smoke_run)
    assert outcome.returncode == 2
    assert "is no run of train_windows.py" in outcome.stderr
