"""What the scripts print about a run, and the exit status that follows from it."""

import importlib.util

import pytest

from kerascnn.export import PRECISIONS
from tests.pipelines.conftest import PIPELINES


@pytest.fixture(scope="module")
def console():
    """The module, which the scripts import from their own folder."""
    spec = importlib.util.spec_from_file_location("console", PIPELINES / "console.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_card(passed: bool) -> dict:
    row = {"bytes": 1000, "score": 0.5, "agreement": 0.5, "max_difference": 0.5, "latency_ms": 1.0}
    row |= {"passed": passed, "reason": None if passed else "agreement is low"}
    table = {precision: row | {"file": f"model_{precision}.tflite"} for precision in PRECISIONS}
    metrics = {"validation": {"score": 0.5, "examples": 2}}
    return {"score_name": "accuracy", "export": table, "metrics": metrics}


def test_the_smallest_file_is_for_the_phone(console, tmp_path, capsys):
    for precision in ("float32", "dynamic"):
        (tmp_path / f"model_{precision}.tflite").touch()
    assert console.print_exports(tmp_path, make_card(passed=True), keep_over_budget=False) == 0
    assert f"for the phone: {tmp_path}/model_dynamic.tflite" in capsys.readouterr().out


def test_a_run_whose_files_all_missed_their_budget_is_reported_and_fails(console, tmp_path, capsys):
    assert console.print_exports(tmp_path, make_card(passed=False), keep_over_budget=False) == 1
    printed = capsys.readouterr().out
    assert printed.count("was not written: agreement is low") == 4
    assert "for the phone" not in printed
