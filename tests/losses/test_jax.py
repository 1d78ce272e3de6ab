"""Losses that match boxes are `keras.ops` only: some tests of other files, run again in a process on JAX."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")

FOLDER = Path(__file__).parent
TESTS = (
    "test_yolo_v1.py::test_is_the_sum_over_cells_and_boxes_of_the_paper[0-size1-3-3-4-weights1]",
    "test_yolo_v1.py::test_one_batch_is_learnt",
)


def test_tests_that_pass_on_tensorflow_pass_on_jax():
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # these steps are faster than the compiler
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(FOLDER / name) for name in TESTS)]
    outcome = subprocess.run(
        command, cwd=FOLDER.parents[1], env=environment, capture_output=True, text=True, timeout=300
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:]
