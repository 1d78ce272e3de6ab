"""Training on JAX, in two processes: the first one writes a complete run folder, exported on TensorFlow."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kerascnn.export import PRECISIONS
from tests.pipelines.conftest import PIPELINES
from tests.processes import free_address, wait_for


def test_two_processes_on_jax_leave_one_complete_run(workplace, environment):
    pytest.importorskip("jax")
    environment = environment | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, str(PIPELINES / "pretrain.py"), "--smoke", "--output", "saved_models/two"]
    command += ["--coordinator", free_address(), "--processes", "2", "--process"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, number], cwd=workplace, env=environment, **pipes) for number in ("0", "1")]
    printed = wait_for(processes)
    assert "for the phone: saved_models/two" in printed[0][0] and "for the phone" not in printed[1][0]

    folder = workplace / "saved_models" / "two"
    assert not list(folder.parent.glob("two.*"))
    expected = {"saved_model", "labels.txt", "golden", "card.json", "history.csv", "report.html"}
    expected |= {"model.keras", "headless.weights.h5", *(f"model_{precision}.tflite" for precision in PRECISIONS)}
    assert {each.name for each in folder.iterdir()} == expected
    card = json.loads((folder / "card.json").read_text())
    assert (card["backend"], card["config"]["processes"], card["best_epoch"]) == ("jax", 2, 1)


def test_several_processes_on_tensorflow_are_told_what_works(run):
    address = ("--coordinator", "127.0.0.1:1234", "--processes", "2", "--process", "0")
    outcome = run("finetune.py", "--smoke", "--output", "saved_models/refused", *address)
    assert outcome.returncode == 2
    assert "KERAS_BACKEND=jax" in outcome.stderr


@pytest.fixture
def training(monkeypatch):
    """The module, which the scripts import from their own folder."""
    monkeypatch.syspath_prepend(str(PIPELINES))
    return importlib.import_module("training")


def write_trained(folder: Path) -> Path:
    folder.mkdir()
    (folder / "card.json").write_text('{"created": "now"}')
    return folder


def test_what_was_trained_is_kept_until_it_is_exported(training, tmp_path, monkeypatch):
    trained, output = write_trained(tmp_path / "run.incomplete"), tmp_path / "run"
    output.mkdir()
    (output / "card.json").write_text('{"created": "before"}')  # of a run that is to be replaced
    config = training.TrainingConfig(overwrite=True)
    monkeypatch.setattr(training.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    with pytest.raises(
        RuntimeError, match=r"kept in .*run\.incomplete\. To go on: .*export_model\.py --run .*run --overwrite"
    ):
        training._export_on_tensorflow(trained, output, config)
    assert trained.exists()


@pytest.mark.parametrize("status", [0, 1])
def test_a_budget_that_was_missed_is_no_failed_export(training, tmp_path, monkeypatch, status):
    trained, output = write_trained(tmp_path / "run.incomplete"), tmp_path / "run"
    called = []

    def run(command, env):
        called.append((command[1:], env["KERAS_BACKEND"]))
        write_trained(output)
        return SimpleNamespace(returncode=status)

    monkeypatch.setattr(training.subprocess, "run", run)
    config = training.TrainingConfig(keep_over_budget=True)
    assert training._export_on_tensorflow(trained, output, config) == status
    assert output.exists() and not trained.exists()
    arguments = ["--run", str(trained), "--output", str(output), "--keep-over-budget"]
    assert called == [([str(PIPELINES / "export_model.py"), *arguments], "tensorflow")]
