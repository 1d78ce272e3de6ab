"""train_windows.py, detect_windows.py, and evaluate.py on a run of windows: what is found, and what cannot be used."""

import json
import signal
import subprocess
import sys

import pytest
from PIL import Image

from tests.pipelines.conftest import PIPELINES


@pytest.fixture(scope="session")
def windows_run(run, workplace):
    """The run folder of `train_windows.py --smoke`."""
    outcome = run("train_windows.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    for split in ("train", "validation"):
        assert f"windows of {split} at which the detector is wrong" in outcome.stderr
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
    *saved, table = sorted((workplace / "found").iterdir())
    assert table.name == "boxes.csv"
    assert [Image.open(path).size for path in saved] == [(160, 160)] * 3


@pytest.mark.parametrize("split", ["validation", "test"])
def test_evaluate_measures_the_metrics_of_the_card_again(windows_run, call, split):
    outcome = call("evaluate.py", "--run", windows_run, "--split", split)
    assert outcome.returncode == 0, outcome.stderr
    card = json.loads((windows_run / "card.json").read_text(encoding="utf-8"))
    (row,) = [line for line in outcome.stdout.splitlines() if "mean" in line]
    assert f"{card['detection']['metrics'][split]['ap50']:.1%}" in row


def test_a_run_that_was_stopped_in_its_last_round_ends_as_one_that_was_not(windows_run, run, environment, workplace):
    arguments = ["train_windows.py", "--smoke", "--output", "saved_models/stopped_windows"]
    command = [sys.executable, str(PIPELINES / arguments[0]), *arguments[1:]]
    with subprocess.Popen(command, cwd=workplace, env=environment, stderr=subprocess.PIPE, text=True) as process:
        stages = (line for line in process.stderr if "Stage from scratch" in line)
        next(stages), next(stages)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert process.returncode == 128 + signal.SIGTERM, rest
    again = run(*arguments)
    assert again.returncode == 2 and "not finished. Resume it" in again.stderr

    outcome = run(*arguments, "--resume")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stderr.count("Going on after") == 2
    cards = [
        json.loads((folder / "card.json").read_text(encoding="utf-8"))
        for folder in (windows_run, workplace / "saved_models" / "stopped_windows")
    ]
    for key in ("detection", "metrics", "data"):
        assert cards[0][key] == cards[1][key]
    assert not (workplace / "saved_models" / "stopped_windows.checkpoints").exists()


def test_a_file_that_is_no_picture_is_named_and_the_others_are_looked_at(windows_run, call, workplace):
    (workplace / "broken.png").write_bytes(b"\x89PNG")
    good = workplace / "good.png"
    Image.new("RGB", (160, 160), "gray").save(good)
    outcome = call("detect_windows.py", good, "broken.png", "--run", windows_run, "--score-threshold", "1")
    assert outcome.returncode == 1
    assert "broken.png was left out" in outcome.stderr
    assert good.name in outcome.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("detect_windows.py", ("a.png",), "Say which run"),
        ("train_windows.py", ("--data", "scenes/tiny", "--finish"), "finish goes with resume"),
        ("train_windows.py", ("--data", "scenes/tiny", "--rounds", "-1"), "Received: rounds=-1."),
        ("train_windows.py", ("--data", "scenes/tiny", "--augment", "wild"), "Received: 'wild'."),
    ],
)
def test_what_cannot_be_done_is_said_at_once(call, script, arguments, message):
    outcome = call(script, *arguments)
    assert outcome.returncode == 2
    assert message in outcome.stderr


def test_a_file_that_sees_a_window_only_is_not_measured(windows_run, call):
    outcome = call("evaluate.py", "--run", windows_run, "--model", "int8")
    assert outcome.returncode == 2
    assert "Received: --model int8." in outcome.stderr


def test_the_run_of_another_script_is_refused(smoke_run, call):
    outcome = call("detect_windows.py", "a.png", "--run", smoke_run)
    assert outcome.returncode == 2
    assert "takes runs of train_windows.py" in outcome.stderr
