"""What may differ between backends in training: some tests of other files, run again in a process on JAX."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")

FOLDER = Path(__file__).parent
TESTS = (
    "test_averaging.py::test_epochs_end_with_the_average_of_a_training_that_does_not_know_it[options1]",
    "test_precision.py::test_a_run_goes_on_in_the_precision_that_it_began_with",
)


def test_tests_that_pass_on_tensorflow_pass_on_jax():
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # one step is faster than the compiler
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(FOLDER / name) for name in TESTS)]
    outcome = subprocess.run(
        command, cwd=FOLDER.parents[1], env=environment, capture_output=True, text=True, timeout=300
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:]
