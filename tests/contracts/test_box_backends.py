"""Boxes and their suppression are `keras.ops` only: the same code runs on JAX, with the same outputs."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerascnn import ops
from kerascnn.tasks.detector_outputs import detector_outputs
from tests.ops.test_nms import draw_crowd
from tests.ops.torchvision_reference import draw_numbers, draw_pairs, draw_regions, draw_scene

pytest.importorskip("jax")

FUNCTIONS = ("iou", "pairwise_iou", "generalized_iou", "distance_iou", "complete_iou", "encode_deltas", "decode_deltas")
SUPPRESSIONS = ("non_max_suppression", "soft_non_max_suppression")
DEGENERATE = np.float32([(0, 0, 0, 0), (3, 3, 3, 3), (3, 3, 3, 9), (9, 9, 3, 3), (0, 0, 9, 9)])

# Runs in a process of its own, because Keras takes its backend once, when it is imported.
PROGRAM = """
import sys
import jax, keras, numpy as np
from jax import numpy as jnp
from kerascnn import ops
from kerascnn.tasks.detector_outputs import detector_outputs

given, path, functions, suppressions = dict(np.load(sys.argv[1])), sys.argv[2], sys.argv[3].split(), sys.argv[4].split()
given = {name: jnp.asarray(array) for name, array in given.items()}
found = {"backend": keras.backend.backend()}
for name in functions:
    function = getattr(ops, name)
    found[name] = jax.jit(function)(given["a"], given["b"])
    gradients = jax.jit(jax.grad(lambda a, b: jnp.sum(function(a, b)), argnums=(0, 1)))
    found[name + "_gradients"] = jnp.stack(gradients(given["flat"], given["flat"][::-1]))
found["clip_boxes"] = ops.clip_boxes(ops.to_absolute(ops.to_relative(given["a"], (20, 30)), (20, 30)), (20, 30))
for name in suppressions:
    function = getattr(ops, name)
    run = jax.jit(lambda boxes, scores, class_ids: function(boxes, scores, class_ids=class_ids, max_detections=70))
    result = run(given["boxes"], given["scores"], given["class_ids"])
    found |= {name + "_" + field: value for field, value in result._asdict().items()}
    nothing = run(given["boxes"][:, :0], given["scores"][:, :0], given["class_ids"][:, :0])
    found[name + "_nothing"] = nothing.indices
kept = jax.grad(lambda boxes: ops.non_max_suppression(boxes, given["scores"][0], max_detections=70).boxes.sum())
found["kept"] = kept(given["boxes"][0])
boxes, scores = keras.Input((400, 4)), keras.Input((400, 2))
model = keras.Model([boxes, scores], detector_outputs(boxes, scores, (300, 400), max_detections=70))
scores = jnp.stack([given["scores"], given["scores"][:, ::-1]], axis=-1)
answers = model.predict([given["boxes"], scores], verbose=0)
found |= {"detector_" + name: values for name, values in answers.items()}
for name in ("roi_max_pool", "roi_align"):
    function = getattr(ops, name)
    found[name] = jax.jit(lambda maps, regions: function(maps, regions, 4, (3, 2)))(given["maps"], given["regions"])
    squares = lambda maps: jnp.sum(function(maps, given["regions"], 4, (3, 2)) ** 2)
    found[name + "_gradients"] = jax.jit(jax.grad(squares))(given["maps"])
np.savez(path, **found)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Give what the program computes on JAX, by name."""
    folder = tmp_path_factory.mktemp("jax")
    np.savez(folder / "given.npz", **GIVEN)
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    paths = [str(folder / name) for name in ("given.npz", "found.npz")]
    command = [sys.executable, "-c", PROGRAM, *paths, " ".join(FUNCTIONS), " ".join(SUPPRESSIONS)]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    answers = dict(np.load(paths[1]))
    assert answers["backend"] == "jax"
    return answers


def draw_given():
    a, b = draw_pairs()
    (boxes, scores, class_ids), (others, other_scores) = draw_scene(), draw_crowd(400)
    batch = {"boxes": np.stack([boxes, others]), "scores": np.stack([scores, other_scores])}
    maps, regions = draw_regions()
    maps = maps + np.float32(draw_numbers(9, maps.size, 1000).reshape(maps.shape) / 1e4)  # no two values are equal
    batch |= {"maps": maps, "regions": regions}
    return {"a": a, "b": b, "flat": DEGENERATE, "class_ids": np.stack([class_ids, class_ids[::-1]])} | batch


GIVEN = draw_given()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_boxes_give_the_same_and_finite_gradients(found, name):
    np.testing.assert_allclose(found[name], getattr(ops, name)(GIVEN["a"], GIVEN["b"]), rtol=1e-5, atol=1e-5)
    assert np.isfinite(found[f"{name}_gradients"]).all()


def test_clipped_boxes_are_the_same(found):
    np.testing.assert_allclose(found["clip_boxes"], ops.clip_boxes(GIVEN["a"], (20, 30)), rtol=1e-6)


def test_outputs_of_a_detector_are_the_same(found):
    boxes, scores = keras.Input((400, 4)), keras.Input((400, 2))
    model = keras.Model([boxes, scores], detector_outputs(boxes, scores, (300, 400), max_detections=70))
    answers = model.predict([GIVEN["boxes"], np.stack([GIVEN["scores"], GIVEN["scores"][:, ::-1]], axis=-1)], verbose=0)
    for name, values in answers.items():
        np.testing.assert_allclose(found[f"detector_{name}"], values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SUPPRESSIONS)
def test_suppressions_keep_the_same(found, name):
    expected = getattr(ops, name)(GIVEN["boxes"], GIVEN["scores"], class_ids=GIVEN["class_ids"], max_detections=70)
    assert expected.count[0] != expected.count[1] or name != "non_max_suppression"
    for field, values in expected._asdict().items():
        np.testing.assert_allclose(found[f"{name}_{field}"], values, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[f"{name}_nothing"], np.full((2, 70), -1))


def test_gradients_flow_into_what_is_kept(found):
    result = ops.non_max_suppression(GIVEN["boxes"][0], GIVEN["scores"][0], max_detections=70)
    expected = np.zeros((400, 4))
    expected[np.asarray(result.indices[: result.count])] = 1
    np.testing.assert_array_equal(found["kept"], expected)


@pytest.mark.parametrize("name", ["roi_max_pool", "roi_align"])
def test_regions_are_pooled_alike_and_their_gradient_is_that_of_finite_differences(found, name):
    def squares(maps):
        return float(keras.ops.sum(keras.ops.square(pool(maps.astype("float32"), GIVEN["regions"], 4, (3, 2)))))

    pool, maps = getattr(ops, name), GIVEN["maps"].astype(float)
    np.testing.assert_allclose(found[name], pool(GIVEN["maps"], GIVEN["regions"], 4, (3, 2)), rtol=1e-5, atol=1e-5)
    for place in ((0, 0, 0, 0), (0, 4, 3, 1), (1, 8, 6, 2), (1, 5, 2, 0)):
        step = np.zeros_like(maps)
        step[place] = 0.02
        expected = (squares(maps + step) - squares(maps - step)) / 0.04
        assert found[f"{name}_gradients"][place] == pytest.approx(expected, rel=0.02, abs=0.02)
