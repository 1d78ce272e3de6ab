"""Losses, metrics and networks that look for places are `keras.ops` only: tests of other files, run again on JAX."""

import pytest

from tests.processes import run_on_jax

pytest.importorskip("jax")

TESTS = (
    "losses/test_yolo_v1.py::test_is_the_sum_over_cells_and_boxes_of_the_paper[0-size1-3-3-4-weights1]",
    "losses/test_yolo_v1.py::test_one_batch_is_learnt",
    "losses/test_rcnn.py::test_is_the_mean_over_samples_as_the_papers_draw_them",
    "losses/test_rcnn.py::test_proposals_of_padding_do_not_count",
    "metrics/test_proposals.py::test_the_keras_metric_agrees_with_numpy_over_batches",
    "tasks/test_faster_rcnn.py::test_the_first_stage_learns_from_objects_of_any_class",
    "tasks/test_faster_rcnn.py::test_the_second_stage_takes_pictures_with_proposals",
    "layers/test_dense_prediction.py",
    "losses/test_segmentation.py::test_is_what_a_loop_gives",
    "metrics/test_segmentation.py::test_the_keras_metric_is_the_summary_s_mean_over_batches",
    "losses/test_embedding.py::test_triplets_are_those_that_a_loop_finds",
    "losses/test_embedding.py::test_pairs_are_those_that_a_loop_finds",
    "losses/test_identities.py::test_the_margin_is_added_to_the_own_angle",
    "metrics/test_embedding.py",
    "architectures/test_embedding.py::test_pairs_are_the_more_alike_the_nearer_they_are",
    "losses/test_style.py",
    "test_gradients.py::test_values_and_gradient_by_hand",
    "tasks/test_style.py::test_the_total_is_the_weighted_sum",
    "tasks/test_style.py::test_a_seed_gives_the_same_picture",
    "tasks/test_style.py::test_the_costs_of_a_step_are_those_of_its_picture",
    "architectures/test_unet.py::test_a_network_of_a_known_size_is_that_of_any",
)


def test_tests_that_pass_on_tensorflow_pass_on_jax():
    run_on_jax(*TESTS)
