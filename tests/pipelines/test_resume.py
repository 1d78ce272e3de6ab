"""A script that is told to stop goes on where it was, and leaves no checkpoints when it is done."""

import json
import signal
import subprocess
import sys

from tests.pipelines.conftest import PIPELINES


def test_a_script_that_is_told_to_stop_goes_on_with_resume(run, environment, workplace):
    arguments = ["train_from_scratch.py", "--smoke", "--batch-size", "8", "--output", "saved_models/stopped"]
    command = [sys.executable, str(PIPELINES / arguments[0]), *arguments[1:]]
    with subprocess.Popen(command, cwd=workplace, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "Stage from scratch" in line:
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stderr.read()
    assert process.returncode == 128 + signal.SIGTERM, rest
    assert "Stopped by SIGTERM after 0 epochs and" in rest and "--resume" in rest
    assert not (workplace / "saved_models" / "stopped").exists()

    again = run(*arguments)
    assert again.returncode == 2 and "not finished. Resume it" in again.stderr
    nothing = run(*arguments, "--resume", "--finish")
    assert nothing.returncode == 2 and "nothing to finish" in nothing.stderr

    outcome = run(*arguments, "--resume")
    assert outcome.returncode == 0, outcome.stderr
    assert "Going on after 0 epochs and" in outcome.stderr
    card = json.loads((workplace / "saved_models" / "stopped" / "card.json").read_text())
    assert card["best_epoch"] == 1 and not card["interrupted"]
    assert not list((workplace / "saved_models").glob("*.checkpoints"))
