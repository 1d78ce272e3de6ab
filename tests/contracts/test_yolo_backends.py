"""Assignment, loss, metric and network of YOLO are `keras.ops` only: on JAX, compiled, they give the same."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.losses import YoloLoss
from kerascnn.metrics.average_precision import AveragePrecision
from kerascnn.ops import assign_by_anchor
from kerascnn.tasks import detection
from tests.contracts.test_architectures import draw_weights, make_pictures
from tests.losses.test_yolo import OUTPUTS, ROWS, answer
from tests.ops.places import draw_rows, list_places

pytest.importorskip("jax")

ASSIGNMENTS = ("anchor", "aligned")
BOX_FORMS = ("ciou", "squared")
CROWDS = np.stack([draw_rows(seed, 40, crowded=True) for seed in range(3)])
SIZE = (32, 48)
NETWORK = {
    "architecture": "resnet20",
    "classes": ("a", "b", "c"),
    "anchors": (((8.0, 8.0), (12.0, 20.0)), ((16.0, 16.0),)),
    **{"image_size": SIZE, "strides": (2, 4), "filters": 8, "passthrough": True},
}

# Runs in a process of its own, because Keras takes its backend once, when it is imported.
PROGRAM = """
import json, sys
import jax, keras, numpy as np
from jax import numpy as jnp
from kerascnn.losses import YoloLoss
from kerascnn.metrics.average_precision import AveragePrecision
from kerascnn.ops import Places, assign_by_anchor
from kerascnn.tasks import detection

folder, network, (assignments, box_forms) = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
given = {name: jnp.asarray(array) for name, array in np.load(folder + "/given.npz").items()}
found = {"backend": keras.backend.backend()}
places = Places(given["place"][:, :2], given["place"][:, 2:3], given["place"][:, 3:])
found["assigned"] = jax.jit(assign_by_anchor)(given["crowds"], places)
for assignment in assignments:
    for box_form in box_forms:
        loss = YoloLoss(assignment, box_form, soft_objectness=True)
        for rows in ("rows", "no_rows"):
            value, gradient = jax.jit(jax.value_and_grad(lambda y: loss(given[rows], y)))(given["outputs"])
            name = f"{assignment}_{box_form}_{rows}"
            found |= {name: value, name + "_gradient": gradient}
metric = AveragePrecision(3)
for outputs in ("outputs", "answers"):
    metric.update_state(given["rows"], given[outputs])
found["ap"] = metric.result()

# To compile the random initialisers for every shape takes longer than all the rest; the weights are loaded anyway.
keras.initializers.VarianceScaling.__call__ = lambda self, shape, dtype=None: np.zeros(shape, dtype)
for assignment in assignments:
    task = detection(**network, loss_options={"assignment": assignment})
    task.model.load_weights(folder + "/model.weights.h5")
    found["predictions"] = task.model.predict_on_batch(np.asarray(given["pictures"]))
    task.compile()
    for number in range(2):  # the loss before the step, and the one after it
        row = task.model.train_on_batch(np.asarray(given["pictures"]), np.asarray(given["targets"]), return_dict=True)
        found |= {f"{assignment}_{name}_{number}": value for name, value in row.items()}
        task.model.reset_metrics()
np.savez(folder + "/found.npz", **found)
"""


@pytest.fixture(scope="module")
def given():
    pictures = make_pictures(3, SIZE)[0].astype("float32")
    targets = np.stack([draw_rows(seed, 4, size=SIZE) for seed in (1, 5, 9)])
    targets[1] = -1
    return {
        **{"crowds": CROWDS, "place": np.concatenate(list_places(), axis=-1), "rows": ROWS, "outputs": OUTPUTS},
        **{"no_rows": ROWS[:, :0], "answers": answer(ROWS), "pictures": pictures, "targets": targets},
    }


@pytest.fixture(scope="module")
def task():
    task = detection(**NETWORK)
    draw_weights(task.model)
    return task


@pytest.fixture(scope="module")
def found(tmp_path_factory, given, task):
    """Give what the program computes on JAX, by name."""
    folder = tmp_path_factory.mktemp("jax")
    np.savez(folder / "given.npz", **given)
    task.model.save_weights(folder / "model.weights.h5")
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # few steps are faster than the compiler
    command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(NETWORK), json.dumps([ASSIGNMENTS, BOX_FORMS])]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    answers = dict(np.load(folder / "found.npz"))
    assert answers["backend"] == "jax"
    return answers


def test_objects_are_given_to_the_same_predictions(found):
    expected = np.asarray(assign_by_anchor(CROWDS, list_places()))
    np.testing.assert_array_equal(found["assigned"], expected)
    assert expected.max() > 20


@pytest.mark.parametrize("box_form", BOX_FORMS)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
@pytest.mark.parametrize("rows", ["rows", "no_rows"])
def test_loss_and_gradient_are_the_same(found, given, assignment, box_form, rows):
    outputs = tf.Variable(OUTPUTS)
    with tf.GradientTape() as tape:
        value = YoloLoss(assignment, box_form, soft_objectness=True)(given[rows], outputs)
    name = f"{assignment}_{box_form}_{rows}"
    assert float(found[name]) == pytest.approx(float(value), rel=1e-5)
    np.testing.assert_allclose(found[f"{name}_gradient"], tape.gradient(value, outputs), rtol=1e-3, atol=1e-5)


def test_average_precision_is_the_same(found, given):
    metric = AveragePrecision(3)
    for outputs in ("outputs", "answers"):
        metric.update_state(ROWS, given[outputs])
    assert float(found["ap"]) == pytest.approx(float(metric.result()), rel=1e-5)
    assert 0.1 < float(found["ap"]) < 1


def test_network_predicts_the_same(found, given, task):
    expected = task.model.predict_on_batch(given["pictures"])
    np.testing.assert_allclose(found["predictions"], expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_network_trains(found, given, task, assignment):
    learner = detection(**NETWORK, loss_options={"assignment": assignment})
    learner.model.set_weights(task.model.get_weights())
    outputs = learner.model(given["pictures"], training=True)
    for metric in learner.metrics():
        metric.update_state(given["targets"], outputs)
        name = f"{assignment}_{metric.name}_0"
        assert float(found[name]) == pytest.approx(float(metric.result()), rel=1e-3), name
    before, after = (float(found[f"{assignment}_loss_{number}"]) for number in range(2))
    assert before == pytest.approx(float(learner.loss(given["targets"], outputs)), rel=1e-3)
    assert after < before
