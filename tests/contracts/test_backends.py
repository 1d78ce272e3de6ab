"""Architectures, tasks and training are `keras.ops` only: the same code trains on JAX, with the same outputs."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerascnn.tasks import classification

pytest.importorskip("jax")

CLASSES = ("ants", "bees", "cats")
OPTIONS = {"image_size": (32, 32), "alpha": 0.35}

# Runs in a process of its own, because Keras takes its backend once, when it is imported.
PROGRAM = """
import json, sys
import keras, numpy as np
from kerascnn.tasks import classification
from kerascnn.training import Stage, fit

folder, options = sys.argv[1], json.loads(sys.argv[2])
images, labels = np.load(folder + "/images.npy"), np.load(folder + "/labels.npy")

class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1
    def __getitem__(self, index):
        return images, labels

task = classification("mobilenet_v2", ["ants", "bees", "cats"], weights=folder + "/x.weights.h5", **options)
np.save(folder + "/logits.npy", task.model.predict(images, verbose=0))
frozen = task.model.get_layer("Conv1").get_weights()[0]
history = fit(task, Batches(), Batches(), [Stage("head", 1, 0.01)], verbose=0)
measured = task.model.evaluate(images, labels, verbose=0, return_dict=True)
json.dump(
    {
        "backend": keras.backend.backend(),
        "row": history.rows[0],
        "measured": measured,
        "frozen": bool((frozen == task.model.get_layer("Conv1").get_weights()[0]).all()),
    },
    open(folder + "/outcome.json", "w"),
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Run the program on JAX with the weights of a network of this backend; gives the folder of its answers."""
    folder = tmp_path_factory.mktemp("jax")
    rng = np.random.default_rng(0)
    np.save(folder / "images.npy", rng.uniform(0, 255, (4, 32, 32, 3)).astype("float32"))
    np.save(folder / "labels.npy", np.array([0, 1, 2, 1]))
    keras.utils.set_random_seed(0)
    task = classification("mobilenet_v2", CLASSES, **OPTIONS)
    for layer in task.model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # statistics that are not those of the start
            mean, variance = rng.normal(0, 0.1, layer.gamma.shape), rng.uniform(0.05, 0.2, layer.gamma.shape)
            layer.set_weights([*layer.get_weights()[:2], mean, variance])
    task.model.save_weights(folder / "x.weights.h5")
    np.save(folder / "expected.npy", keras.ops.convert_to_numpy(task.model(np.load(folder / "images.npy"))))

    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # one step is faster than the compiler
    command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(OPTIONS)]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    return folder


def test_equal_weights_give_equal_logits(folder):
    expected = np.load(folder / "expected.npy")
    assert np.ptp(expected, axis=0).max() > 1e-3  # the pictures reach the logits
    np.testing.assert_allclose(np.load(folder / "logits.npy"), expected, atol=1e-4)


def test_a_stage_trains_and_leaves_the_weights_of_its_row(folder):
    outcome = json.loads((folder / "outcome.json").read_text())
    assert outcome["backend"] == "jax"
    assert outcome["frozen"]
    row = outcome["row"]
    assert outcome["measured"] == pytest.approx({"accuracy": row["val_accuracy"], "loss": row["val_loss"]}, rel=1e-4)
    assert row["val_loss"] != pytest.approx(row["loss"], rel=1e-4)  # the loss before the step, and the one after it
