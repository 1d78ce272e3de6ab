"""Two devices, and two processes, train to what one device trains to; and what cannot be divided is refused."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import pipeline
from kerascnn.training import Distribution, distribute, distribution
from kerascnn.training.distribution import ask_all, this_process_writes
from tests.processes import free_address, wait_for, wait_for_end
from tests.training.small_run import make_split, make_task

pytest.importorskip("jax")

ROOT = Path(__file__).parents[2]
# Gradients of halves are added where those of a batch were: the last bits differ, and everything is of the order of 1.
TOLERANCE = {"rtol": 0, "atol": 2e-6}


def start(backend, folder, *arguments):
    """Start the program; on JAX with two devices of the CPU, on TensorFlow it makes them."""
    environment = os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    # Compiled without optimisations, since one step is faster than the compiler.
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    if "--process" not in arguments:
        environment["XLA_FLAGS"] += " --xla_force_host_platform_device_count=2"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.training.distributed_run", str(folder), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run all cases, those of each process at the same time; gives the folder and what the processes printed."""
    folder = tmp_path_factory.mktemp("distributed")
    port = free_address().partition(":")[2]
    processes = [
        start("tensorflow", folder / "tensorflow", "one", "two", "last", "uneven", "moved", "clipped"),
        start("jax", folder / "jax", "one", "two", "last", "undisturbed", "resumed"),
        *(start("jax", folder / "jax", "joined", "--port", port, "--process", number) for number in ("0", "1")),
    ]
    return folder, [output for output, _ in wait_for(processes)]


def load(outcomes, case):
    """Give the rows, (epochs, numbers), the best epoch and the weights of a case."""
    with np.load(outcomes[0] / f"{case}.npz") as file:
        return file["rows"], int(file["best_epoch"]), [file[f"arr_{index}"] for index in range(len(file.files) - 2)]


@pytest.mark.parametrize(
    ("case", "reference"),
    [
        ("tensorflow/two", "tensorflow/one"),
        ("tensorflow/last", "tensorflow/one"),
        ("tensorflow/moved", "tensorflow/one"),  # begun on two devices, resumed on one
        ("jax/two", "jax/one"),
        ("jax/last", "jax/one"),
        ("jax/joined0", "jax/one"),  # stopped and resumed
        ("jax/joined1", "jax/one"),
    ],
)
def test_what_is_divided_ends_as_what_is_not(outcomes, case, reference):
    found, expected = load(outcomes, case), load(outcomes, reference)
    np.testing.assert_allclose(found[0], expected[0], **TOLERANCE)
    assert found[1] == expected[1]
    for array, other in zip(found[2], expected[2], strict=True):
        np.testing.assert_allclose(array, other, **TOLERANCE)


def test_processes_stop_together_when_one_of_them_is_told_to(outcomes):
    first, second = (output.splitlines()[-2:] for output in outcomes[1][-2:])
    assert first[0].startswith("Stopped by SIGTERM after 2 epochs and 3 steps")
    assert first[0] == second[0]


def test_the_first_process_alone_writes_checkpoints(outcomes):
    # One when they stopped, one at the end; another process would have written a third.
    assert [path.name[:8] for path in sorted((outcomes[0] / "jax" / "joined").iterdir())] == ["00000001", "00000002"]


def test_processes_that_see_different_checkpoints_are_told_to_share_a_disk(outcomes):
    for output, folder in zip(outcomes[1][-2:], ("joined", "elsewhere"), strict=True):
        assert f"{folder} must be on a disk that all processes share" in output.splitlines()[-1]


def test_a_process_that_fails_says_why_and_takes_the_other_with_it(tmp_path):
    port = free_address().partition(":")[2]
    processes = [start("jax", tmp_path, "failed", "--port", port, "--process", number) for number in ("0", "1")]
    (first, errors), (second, other_errors) = wait_for_end(processes, timeout=120)
    assert "FileNotFoundError: no photos" in first
    assert "RuntimeError: Process 0 failed at what it prepares for the others: FileNotFoundError: no photos" in second
    assert "OSError: no space left" in other_errors and "OSError" not in errors
    assert all(process.returncode for process in processes)


def test_a_picture_that_is_left_over_is_joined_by_one_that_is_seen_twice(outcomes):
    rows, _, weights = load(outcomes, "tensorflow/uneven")
    right = rows[:, 0] * 34  # the accuracy of 33 pictures and one of them again
    np.testing.assert_allclose(right, right.round(), atol=1e-4)
    assert all(np.isfinite(array).all() for array in (rows, *weights))


def test_a_run_on_jax_that_is_killed_ends_with_the_bytes_of_one_that_is_not(outcomes):
    found, expected = load(outcomes, "jax/resumed"), load(outcomes, "jax/undisturbed")
    assert found[0].tobytes() == expected[0].tobytes() and found[1] == expected[1]
    for array, other in zip(found[2], expected[2], strict=True):
        assert array.tobytes() == other.tobytes()


def test_one_device_changes_nothing(monkeypatch):
    monkeypatch.setattr(distribution, "_list_devices", lambda: ["cpu:0", "cpu:1"])
    alone = distribute()
    assert alone == Distribution(("cpu:0",), 1, 0) and alone.writes
    with alone.scope():
        assert not tf.distribute.has_strategy() and keras.distribution.distribution() is None
    assert alone.share(7) == {"batch_size": 7, "shard": (0, 1), "devices": 1}
    assert this_process_writes() and ask_all(5) == [5]


def test_all_gpus_are_taken_unless_some_are_named(monkeypatch):
    monkeypatch.setattr(distribution, "_list_devices", lambda: ["gpu:0", "gpu:1", "gpu:2", "cpu:0"])
    assert distribute().devices == ("gpu:0", "gpu:1", "gpu:2")
    assert distribute(devices=["gpu:2", "gpu:0"]).devices == ("gpu:2", "gpu:0")
    assert distribute(devices=["gpu:1"]).devices == ("gpu:1",)


def test_a_share_is_that_of_a_process_in_a_batch_of_all():
    second = Distribution(("gpu:0", "gpu:1"), processes=3, process=1)
    assert second.share(24) == {"batch_size": 8, "shard": (1, 3), "devices": 2}
    assert not second.writes
    with pytest.raises(ValueError, match=r"multiple of 6, since 6 devices of all processes share.*batch_size=32"):
        second.share(32)
    alone = Distribution(("gpu:0", "gpu:1", "gpu:2"))
    with pytest.raises(ValueError, match=r"since 3 devices share a batch. Take 30, or fewer devices: .*CUDA_VISIBLE_D"):
        alone.share(32)
    with pytest.raises(ValueError, match=r"3 devices share a batch. Take 3, "):
        alone.share(1)


ADDRESS = "10.0.0.1:1234"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coordinator": ADDRESS}, "need coordinator, processes and process"),
        ({"processes": 2, "process": 0}, "coordinator=None"),
        ({"coordinator": ADDRESS, "processes": 2}, "process=None"),
        ({"process": 0}, "processes=1"),
        ({"coordinator": ADDRESS, "processes": 0, "process": 0}, "processes=0"),
        ({"coordinator": ADDRESS, "processes": 2, "process": 2}, r"0\.\.1.*process=2"),
        ({"coordinator": ADDRESS, "processes": 2, "process": -1}, "process=-1"),
        ({"coordinator": "10.0.0.1", "processes": 2, "process": 0}, "HOST:PORT"),
        ({"coordinator": "tcp://10.0.0.1:1234", "processes": 2, "process": 0}, "HOST:PORT"),
        ({"coordinator": ADDRESS, "processes": 2, "process": 0, "devices": ["gpu:0", "gpu:1"]}, "all devices"),
        ({"coordinator": ADDRESS, "processes": 2, "process": 0}, "KERAS_BACKEND=jax.*MultiWorkerMirroredStrategy"),
        ({"devices": []}, "one or more of .*cpu:0"),
        ({"devices": ["cpu:0", "cpu:0"]}, "one or more of .*cpu:0"),
        ({"devices": ["cpu:0", "cpu:99"]}, "one or more of .*cpu:0"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(arguments, message):
    with pytest.raises(ValueError, match=message):
        distribute(**arguments)


def test_clipping_that_each_device_would_do_by_itself_is_refused_before_the_work(outcomes):
    said = [line for line in outcomes[1][0].splitlines() if "global_clipnorm" in line]
    assert len(said) == 2 and all(
        "KERAS_BACKEND=jax. Received: global_clipnorm=0.3 on 2 devices." in each for each in said
    )


def test_data_whose_batches_cannot_be_divided_are_refused():
    with pytest.raises(ValueError, match="batch_size=8, devices=3"):
        pipeline(make_split(0, 8), make_task(), batch_size=8, devices=3)
