"""A run that is killed at any step, even while it writes, ends with the bytes of one that was not."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from kerascnn.data import mirror
from kerascnn.training import Checkpoint, RunInterrupted, Stage, checkpoint
from kerascnn.training.progress import Best, Progress
from tests.training.small_run import STAGES, AtStep, Killed, kill, make_split, make_task, run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def undisturbed():
    return run()


def assert_same(outcome, expected):
    assert outcome[0] == expected[0]
    for array, other in zip(outcome[1], expected[1], strict=True):
        np.testing.assert_array_equal(array, other)


def run_killed(folder, steps, **options):
    """Kill a run again and again, each time after so many steps of its own, and let it end."""
    for step in steps:
        with pytest.raises(Killed):
            run(folder, callbacks=[AtStep(step, kill)], resume=True, **options)
    return run(folder, resume=True, **options)


def test_checkpoints_change_nothing(undisturbed, tmp_path):
    assert_same(run(tmp_path / "run"), undisturbed)


# 5 steps are an epoch, 10 the first stage, and what a process does before its first checkpoint is done again.
@pytest.mark.parametrize(
    ("every_steps", "steps"), [(1, (2, 4, 2, 4, 9)), (2, (5, 6, 11)), (3, (2, 12, 1))], ids=["each", "second", "third"]
)
def test_a_run_that_is_killed_ends_as_one_that_is_not(undisturbed, tmp_path, every_steps, steps):
    assert_same(run_killed(tmp_path / "run", steps, every_steps=every_steps), undisturbed)


def test_a_run_that_ended_is_not_trained_again(undisturbed, tmp_path):
    run(tmp_path)
    assert_same(run(tmp_path, resume=True, callbacks=[AtStep(1, kill)]), undisturbed)


def test_a_run_can_be_broken_off_with_its_best_epoch(undisturbed, tmp_path):
    with pytest.raises(Killed):
        run(tmp_path, callbacks=[AtStep(8, kill)])
    history, weights = run(tmp_path, resume=True, finish=True, callbacks=[AtStep(1, kill)])
    assert history.rows == undisturbed[0].rows[:1] and history.best_epoch == 1 and history.interrupted
    assert history.stages == [undisturbed[0].stages[0] | {"epochs_run": 1}]
    ended = run(stages=(Stage("head", 1, 0.05, warmup_epochs=0.5),))
    for array, other in zip(weights, ended[1], strict=True):
        np.testing.assert_array_equal(array, other)


def test_nothing_to_finish_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="nothing to finish"):
        run(tmp_path, resume=True, finish=True)
    with pytest.raises(ValueError, match="goes with resume"):
        run(tmp_path, finish=True)


def test_nothing_to_go_on_from_is_a_start(undisturbed, tmp_path):
    assert_same(run(tmp_path / "new", resume=True, every_steps=100), undisturbed)


def test_the_last_two_are_kept_and_nothing_else(tmp_path):
    with pytest.raises(Killed):
        run(tmp_path, callbacks=[AtStep(5, kill)])
    assert [path.name[:8] for path in sorted(tmp_path.iterdir())] == ["00000003", "00000004"]


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_file_is_passed_over(undisturbed, tmp_path, caplog):
    with pytest.raises(Killed):
        run(tmp_path, callbacks=[AtStep(8, kill)])
    damage(sorted(tmp_path.iterdir())[-1])
    assert_same(run(tmp_path, resume=True), undisturbed)
    assert "is damaged" in caplog.text


def test_nothing_but_damaged_files_is_an_error(tmp_path):
    with pytest.raises(Killed):
        run(tmp_path, callbacks=[AtStep(8, kill)])
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="Remove the folder"):
        run(tmp_path, resume=True)


def test_what_a_killed_process_left_half_written_is_removed(undisturbed, tmp_path):
    (tmp_path / ".00000001-a.safetensors.77.tmp").write_bytes(b"half")
    assert_same(run(tmp_path, resume=True), undisturbed)
    assert not list(tmp_path.glob(".*"))


def test_one_checkpoint_does_not_serve_two_runs(tmp_path):
    keeper = Checkpoint(tmp_path / "run")
    run(checkpoint=keeper)
    with pytest.raises(FileExistsError, match="Resume it"):
        run(checkpoint=keeper)


def test_validation_data_that_are_augmented_come_as_they_would_have(tmp_path):
    augmented = {"augment": [mirror()], "seed": 3}
    with pytest.raises(Killed):
        run(tmp_path, callbacks=[AtStep(8, kill)], validation=augmented)
    assert_same(run(tmp_path, resume=True, validation=augmented), run(validation=augmented))


def test_a_slow_disk_leaves_time_for_the_training(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint, "write_file", lambda path, content: now.__setitem__(0, now[0] + 50))
    keeper = Checkpoint(tmp_path, every_seconds=10.0)
    assert keeper.save(Progress(Best([np.zeros(2)])), {}, {})
    now[0] += 449
    assert not keeper.step_is_due()
    now[0] += 1
    assert keeper.step_is_due()


def test_a_place_that_cannot_be_stored_is_not_promised(tmp_path, monkeypatch):
    def fail(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_file", fail)
    ask = AtStep(3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(RunInterrupted, match="could not be stored: the run has to be started anew"):
        run(tmp_path, callbacks=[ask], every_steps=None)


def test_a_disk_that_is_full_does_not_end_the_run(undisturbed, tmp_path, monkeypatch, caplog):
    with pytest.raises(Killed):
        run(tmp_path, callbacks=[AtStep(4, kill)])
    before = sorted(tmp_path.iterdir())

    def fail(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_file", fail)
    assert_same(run(tmp_path, resume=True), undisturbed)
    assert sorted(tmp_path.iterdir()) == before
    assert "No space left" in caplog.text


def test_numbers_that_are_not_finite_leave_the_last_good_checkpoint(tmp_path):
    stages = (Stage("all", 3, 1e38, optimizer="sgd", warmup_epochs=1.0),)  # the rate of the first step is 0
    with pytest.raises(RuntimeError, match=r"not finite in epoch 1, step [345]"):
        run(tmp_path, stages=stages)
    saved = Checkpoint(tmp_path, resume=True).load(facts_of(tmp_path))
    assert saved.progress.step >= 1
    assert all(np.isfinite(array).all() for arrays in saved.arrays.values() for array in arrays)


def facts_of(folder):
    return checkpoint._read(sorted(folder.iterdir())[-1]).facts


def test_a_run_in_the_folder_is_not_written_over(tmp_path):
    with pytest.raises(Killed):
        run(tmp_path, callbacks=[AtStep(3, kill)])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileExistsError, match="Resume it, or remove"):
        run(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_in_several_trainings_is_not_written_over_by_one_in_one(tmp_path):
    with pytest.raises(Killed):
        run(tmp_path / "step1", callbacks=[AtStep(3, kill)])
    with pytest.raises(FileExistsError, match="Resume it, or remove"):
        run(tmp_path)
    assert list((tmp_path / "step1").iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": STAGES[:1]}, "started with stages="),
        ({"settings": {"augment": "light"}}, "started with augment=None"),
        ({"task": replace(make_task(), options={"dropout": 0.5})}, "started with options="),
    ],
)
def test_other_settings_are_refused_with_their_name(tmp_path, options, message):
    with pytest.raises(Killed):
        run(tmp_path, callbacks=[AtStep(3, kill)])
    with pytest.raises(ValueError, match=message):
        run(tmp_path, resume=True, **options)


@pytest.mark.parametrize("options", [{"every_seconds": -1.0}, {"every_steps": 0}, {"every_seconds": float("nan")}])
def test_values_out_of_range_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match="every_"):
        Checkpoint(tmp_path, **options)


def test_data_that_cannot_start_anywhere_are_refused(tmp_path):
    from kerascnn.data import pipeline
    from kerascnn.training import fit

    task = make_task()
    batches = pipeline(make_split(0, 8), task).take(1)
    with pytest.raises(ValueError, match="can start at any step"):
        fit(task, batches, batches, STAGES, checkpoint=Checkpoint(tmp_path))


def test_time_makes_a_checkpoint_due(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    keeper = Checkpoint(tmp_path, every_seconds=10.0)
    assert not keeper.step_is_due()
    now[0] += 10
    assert keeper.step_is_due()


def test_a_signal_after_the_last_step_is_heard(undisturbed, tmp_path):
    ask = keras.callbacks.LambdaCallback(on_train_end=lambda logs: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(RunInterrupted, match=r"SIGTERM after the training.*resume"):
        run(tmp_path, callbacks=[ask], stages=STAGES[:1])
    history, _ = run(tmp_path, resume=True, stages=STAGES[:1], callbacks=[AtStep(1, kill)])
    assert history.rows == undisturbed[0].rows[:2]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_stops_between_two_steps(undisturbed, tmp_path, name):
    before = signal.getsignal(signal.Signals[name])
    ask = AtStep(7, lambda: os.kill(os.getpid(), signal.Signals[name]))
    with pytest.raises(RunInterrupted, match=f"{name} after 1 epochs and 2 steps.*resume"):
        run(tmp_path, callbacks=[ask], every_steps=None)
    assert signal.getsignal(signal.Signals[name]) == before
    assert_same(run(tmp_path, resume=True), undisturbed)


def test_a_second_signal_stops_at_once(tmp_path):
    def ask_twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        run(tmp_path, callbacks=[AtStep(7, ask_twice)], every_steps=None)
    assert not isinstance(caught.value, RunInterrupted) and not list(tmp_path.iterdir())


def test_processes_that_are_killed_while_they_compute_and_while_they_write(undisturbed, tmp_path):
    def start(*arguments):
        command = [sys.executable, "-m", "tests.training.small_run", str(tmp_path), *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    step = str(np.random.default_rng().integers(2, 6))
    assert start("--step", step).returncode == -signal.SIGKILL, step
    assert start("--write", "4").returncode == -signal.SIGKILL, step
    stopped = start("--step", "3", "--signal", "SIGTERM")
    assert stopped.returncode == 1 and "stopped: Stopped by SIGTERM" in stopped.stderr, (step, stopped.stderr[-2000:])
    ended = start()
    assert ended.returncode == 0, (step, ended.stderr[-2000:])
    with np.load(tmp_path / "outcome.npz") as outcome:
        assert str(outcome["history"]) == repr(undisturbed[0]), step
        weights = [outcome[name] for name in sorted(set(outcome) - {"history"}, key=lambda name: int(name[4:]))]
    for array, other in zip(weights, undisturbed[1], strict=True):
        assert array.tobytes() == other.tobytes(), step
