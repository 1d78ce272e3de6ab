"""What may differ between backends in training: some tests of other files, run again in a process on JAX."""

import pytest

from tests.processes import run_on_jax

pytest.importorskip("jax")

TESTS = (
    "training/test_averaging.py::test_epochs_end_with_the_average_of_a_training_that_does_not_know_it[options1]",
    "training/test_precision.py::test_a_run_goes_on_in_the_precision_that_it_began_with",
)


def test_tests_that_pass_on_tensorflow_pass_on_jax():
    run_on_jax(*TESTS)
