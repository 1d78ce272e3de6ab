"""Architectures, tasks and training are `keras.ops` only: the same code runs on JAX, with the same outputs."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from kerascnn.tasks import landmarks, localization
from tests.contracts.test_architectures import NUM_CLASSES, REPRESENTATIVES, draw_weights, make_pictures

pytest.importorskip("jax")

# All variants, and the auxiliary classifiers, whose smallest picture has 65 pixels.
NETWORKS = {str(network): network for network in REPRESENTATIVES}
NETWORKS["inception_v1-auxiliary"] = replace(NETWORKS["inception_v1"], options={"auxiliary": True}, size=(67, 65))
TRAINED = "resnet20"
# Of three pictures: one has no object; of one some landmarks are not seen, of one none.
PICTURES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype("float32")
ROWS = {
    localization: np.float32([[[4, 6, 20, 30, 2]], [[-1, -1, -1, -1, -1]], [[0, 0, 32, 16, 0]]]),
    landmarks: np.float32(
        [
            [[4, 6, 1], [20, 7, 1], [12, 18, 1]],
            [[5, 5, 1], [-3, 40, 0], [30, 2, 1]],
            [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        ]
    ),
}

# Runs in a process of its own, because Keras takes its backend once, when it is imported.
PROGRAM = """
import json, sys
import jax, keras, numpy as np
from kerascnn.architectures import build
from kerascnn.tasks import ClassificationTask, landmarks, localization
from kerascnn.training import Stage, fit

folder, networks, trained = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
classes = ("ants", "bees", "cats")

# To compile the random initialisers for every shape takes longer than all the rest; the weights are loaded anyway.
keras.initializers.VarianceScaling.__call__ = lambda self, shape, dtype=None: np.zeros(shape, dtype)

def compute(model, images):  # one network is compiled faster than its layers one by one
    call = jax.jit(lambda *variables: model.stateless_call(*variables, images, training=False)[0])
    trained, untrained = model.trainable_variables, model.non_trainable_variables
    return call(*([variable.value for variable in variables] for variables in (trained, untrained)))

models = {}
for name, (architecture, shape, options) in networks.items():
    models[name] = build(architecture, shape, 3, weights=f"{folder}/{name}.weights.h5", **options)
    np.save(f"{folder}/{name}.logits.npy", compute(models[name], np.load(f"{folder}/{name}.images.npy")))

images, labels = np.load(f"{folder}/{trained}.images.npy").astype("float32"), np.arange(3)

class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1
    def __getitem__(self, index):
        return images, labels

task = ClassificationTask(models[trained], classes)
frozen = task.model.get_layer("conv1_conv").get_weights()[0]
history = fit(task, Batches(), Batches(), [Stage("head", 1, 0.01)], verbose=0)
measured = task.model.evaluate(images, labels, verbose=0, return_dict=True)

places = {}
for make in (localization, landmarks):
    name = make.__name__
    places[name] = make("lenet5", classes, image_size=(32, 32))
    places[name].model.load_weights(f"{folder}/{name}.weights.h5")
    places[name].compile(keras.optimizers.SGD(0.01))
    pictures, rows = np.load(f"{folder}/places.npy"), np.load(f"{folder}/{name}.rows.npy")
    fitted = places[name].model.fit(pictures, rows, batch_size=2, epochs=2, shuffle=False, verbose=0)
    places[name].model.save_weights(f"{folder}/{name}.fitted.weights.h5")
    places[name] = fitted.history

json.dump(
    {
        "backend": keras.backend.backend(),
        "row": history.rows[0],
        "measured": measured,
        "places": places,
        "frozen": bool((frozen == task.model.get_layer("conv1_conv").get_weights()[0]).all()),
    },
    open(folder + "/outcome.json", "w"),
)
"""


def make_place_task(make):
    return make("lenet5", ("ants", "bees", "cats"), image_size=(32, 32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Run the program on JAX with the weights of networks of this backend; gives the folder of its answers."""
    folder = tmp_path_factory.mktemp("jax")
    arguments = {}
    for name, network in NETWORKS.items():
        model, (images, _) = draw_weights(network.build(NUM_CLASSES)), make_pictures(NUM_CLASSES, network.size)
        model.save_weights(folder / f"{name}.weights.h5")
        np.save(folder / f"{name}.images.npy", images)
        np.save(folder / f"{name}.expected.npy", keras.ops.convert_to_numpy(model(images, training=False)))
        arguments[name] = (network.name, (*network.size, 3), {**network.options, **network.narrow})

    np.save(folder / "places.npy", PICTURES)
    for make, rows in ROWS.items():
        draw_weights(make_place_task(make).model).save_weights(folder / f"{make.__name__}.weights.h5")
        np.save(folder / f"{make.__name__}.rows.npy", rows)

    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # one step is faster than the compiler
    command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(arguments), TRAINED]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    return folder


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_weights_give_equal_logits(folder, name):
    expected, found = np.load(folder / f"{name}.expected.npy"), np.load(folder / f"{name}.logits.npy")
    scale = np.abs(expected).max()
    assert np.ptp(expected, axis=0).max() > 1e-3 * scale  # the pictures reach the logits
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


def test_auxiliary_classifiers_answer_too(folder):
    assert np.load(folder / "inception_v1-auxiliary.logits.npy").shape == (NUM_CLASSES, 3, NUM_CLASSES)


def test_a_stage_trains_and_leaves_the_weights_of_its_row(folder):
    outcome = json.loads((folder / "outcome.json").read_text())
    assert outcome["backend"] == "jax"
    assert outcome["frozen"]
    row = outcome["row"]
    assert outcome["measured"] == pytest.approx({"accuracy": row["val_accuracy"], "loss": row["val_loss"]}, rel=1e-4)
    assert row["val_loss"] != pytest.approx(row["loss"], rel=1e-4)  # the loss before the step, and the one after it


@pytest.mark.parametrize("make", ROWS)
def test_what_finds_places_is_fitted_to_the_same_weights(folder, make):
    name = make.__name__
    task, fitted = make_place_task(make), make_place_task(make)
    task.model.load_weights(folder / f"{name}.weights.h5")
    before = task.model.get_weights()
    task.compile(keras.optimizers.SGD(0.01))
    history = task.model.fit(PICTURES, ROWS[make], batch_size=2, epochs=2, shuffle=False, verbose=0).history
    found = json.loads((folder / "outcome.json").read_text())["places"][name]
    assert found.keys() == history.keys()
    for key, values in history.items():
        assert found[key] == pytest.approx(values, rel=1e-4, abs=1e-6)
    fitted.model.load_weights(folder / f"{name}.fitted.weights.h5")
    for start, ours, theirs in zip(before, task.model.get_weights(), fitted.model.get_weights(), strict=True):
        assert (start != ours).any()
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-5)
