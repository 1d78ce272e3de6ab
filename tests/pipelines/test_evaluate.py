"""evaluate.py measures what the card says."""

import json

import pytest


def accuracy(outcome) -> float:
    assert outcome.returncode == 0, outcome.stderr
    (line,) = [line for line in outcome.stdout.splitlines() if line.startswith("accuracy")]
    return float(line.split()[1].rstrip("%")) / 100


@pytest.mark.parametrize("model", ["keras", "int8"])
def test_a_model_has_the_accuracy_of_the_card(smoke_run, call, model):
    card = json.loads((smoke_run / "card.json").read_text())
    expected = card["metrics"]["validation"] if model == "keras" else card["export"][model]
    found = accuracy(call("evaluate.py", "--run", smoke_run, "--model", model))
    assert found == pytest.approx(expected["score"], abs=5e-4)


def test_smoke(smoke_run, run):
    assert run("evaluate.py", "--smoke", "--split", "test").returncode == 0


def test_a_run_and_data_of_other_classes_are_refused(smoke_run, call, workplace):
    for split in ("train", "val"):
        for name in ("a", "b"):
            folder = workplace / "other" / split / name
            folder.mkdir(parents=True)
            (folder / "1.png").write_bytes((smoke_run / "golden" / "0.png").read_bytes())
    outcome = call("evaluate.py", "--run", smoke_run, "--data", "other")
    assert outcome.returncode == 2
    assert "has the classes" in outcome.stderr


def test_a_missing_run_is_said(call):
    outcome = call("evaluate.py", "--run", "nowhere")
    assert outcome.returncode == 2
    assert "no card.json" in outcome.stderr
