"""Detectors' losses, metrics and networks are `keras.ops` only: some tests of other files, run again on JAX."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")

FOLDER = Path(__file__).parents[1]
TESTS = (
    "losses/test_yolo_v1.py::test_is_the_sum_over_cells_and_boxes_of_the_paper[0-size1-3-3-4-weights1]",
    "losses/test_yolo_v1.py::test_one_batch_is_learnt",
    "losses/test_rcnn.py::test_is_the_mean_over_samples_as_the_papers_draw_them",
    "losses/test_rcnn.py::test_proposals_of_padding_do_not_count",
    "metrics/test_proposals.py::test_the_keras_metric_agrees_with_numpy_over_batches",
    "tasks/test_faster_rcnn.py::test_the_first_stage_learns_from_objects_of_any_class",
    "tasks/test_faster_rcnn.py::test_the_second_stage_takes_pictures_with_proposals",
)


def test_tests_that_pass_on_tensorflow_pass_on_jax():
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # these steps are faster than the compiler
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(FOLDER / name) for name in TESTS)]
    outcome = subprocess.run(command, cwd=FOLDER.parent, env=environment, capture_output=True, text=True, timeout=600)
    assert outcome.returncode == 0, outcome.stdout[-4000:]
