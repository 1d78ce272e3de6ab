"""train_localizer.py and train_landmarks.py, from the command line to the run folder, and what reads it."""

import json

import numpy as np
import pytest

from kerascnn.export import PRECISIONS, TFLiteModel
from tests.pipelines.conftest import SMALL_NETWORK

# By script: the name of its smoke run, the score, the outputs of its files with their shapes, a line of its report.
SCRIPTS = {
    "train_localizer.py": (
        "smoke_localizer",
        "mean IoU",
        {"presence": (1, 1), "box": (1, 4), "probabilities": (1, 10)},
        "By class, lowest IoU first",
    ),
    "train_landmarks.py": (
        "smoke_landmarks",
        "1 - NME",
        {"points": (1, 14, 2), "visibility": (1, 14)},
        "By landmark, worst first",
    ),
}


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.removesuffix(".py"))
def trained(request, run, workplace):
    """A run folder and what is expected of it."""
    outcome = run(request.param, "--smoke", *SMALL_NETWORK)
    assert outcome.returncode == 0, outcome.stderr
    name, *expected = SCRIPTS[request.param]
    return workplace / "saved_models" / name, *expected


def test_the_run_folder_is_complete_and_its_card_is_true(trained):
    folder, score, outputs, line = trained
    card = json.loads((folder / "card.json").read_text())
    assert card["score_name"] == score
    assert card["metrics"]["test"]["examples"] in (30, 36)
    assert 0 < card["metrics"]["validation"]["score"] < 1
    assert line in (folder / "report.html").read_text()
    for precision in PRECISIONS:
        model = TFLiteModel((folder / f"model_{precision}.tflite").read_bytes())
        found = model.predict(np.zeros((1, 64, 64, 3), np.uint8))
        assert {name: values.shape for name, values in found.items()} == outputs
    assert card["export"]["float32"]["passed"]


def test_it_is_measured_and_asked_by_the_scripts_for_every_task(trained, call):
    folder, score, *_ = trained
    card = json.loads((folder / "card.json").read_text())
    outcome = call("evaluate.py", "--run", folder, "--split", "test")
    assert outcome.returncode == 0, outcome.stderr
    examples = card["metrics"]["test"]["examples"]
    assert f"{score} {card['metrics']['test']['score']:.1%} on {examples} pictures" in outcome.stdout
    outcome = call("predict.py", folder / "golden" / "0.png", "--run", folder, "--save", folder / "drawn")
    assert outcome.returncode == 0, outcome.stderr
    assert len(list((folder / "drawn").iterdir())) == 1


def test_data_without_boxes_are_refused(call, workplace):
    outcome = call("train_localizer.py", "--data", "faces", "--output", workplace / "nothing")
    assert outcome.returncode == 2
    assert "faces has landmarks" in outcome.stderr
