"""Every classifier, in each of its variants, goes to TFLite: the float32 and int8 files answer as Keras does.

Beside it, `tests/export` tests the four files of one small network, and `tests/pipelines` those of a whole run.
"""

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from sklearn.linear_model import LogisticRegression

from kerascnn.export.flatbuffer import unpack
from kerascnn.export.interpreter import TFLiteModel
from kerascnn.export.tflite import convert
from kerascnn.tasks import ClassificationTask
from tests.contracts.test_architectures import NUM_CLASSES, REPRESENTATIVES, draw_weights, make_pictures

# TFLite has no integer kernels for these: an int8 file computes them in float, in the midst of the others.
FLOAT_OPERATORS = {
    "alexnet-variant=paper": {"SQUARE", "POW"},  # of the local response normalisation
    "inception_v1-batch_norm=False": {"SQUARE", "POW"},
}
CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}
OPERATORS = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


@pytest.fixture(scope="module", params=REPRESENTATIVES, ids=str)
def network(request):
    return request.param


@pytest.fixture(scope="module")
def task(network):
    """Make a classifier of random features that tells colours, and is not too sure of it."""
    model = draw_weights(network.build(NUM_CLASSES), shift=0.0)  # small signals are not drowned in constants
    head = model.get_layer("predictions")
    pictures, labels = make_pictures(24, network.size)
    features = keras.ops.convert_to_numpy(keras.Model(model.input, head.input)(pictures))
    scale = features.std()
    fitted = LogisticRegression(max_iter=1000).fit(features / scale, labels)
    head.set_weights([fitted.coef_.T / scale, fitted.intercept_])
    return ClassificationTask(model, ("red", "green", "blue"))


@pytest.fixture(scope="module")
def files(task, network):
    return convert(task, [make_pictures(24, network.size)], precisions=("float32", "int8"))


@pytest.fixture(scope="module")
def pictures(network):
    return make_pictures(9, network.size, seed=1)[0]


@pytest.fixture(scope="module")
def expected(task, pictures):
    return keras.ops.convert_to_numpy(task.serving_model()(pictures)["probabilities"])


def test_answers_that_are_compared_are_decided_and_not_saturated(expected):
    assert expected.max(-1).mean() > 0.6
    assert set(expected.argmax(-1)) == set(range(NUM_CLASSES))
    assert np.median(expected.max(-1)) < 0.999


def test_float32_file_answers_as_keras(files, pictures, expected):
    found = TFLiteModel(files["float32"]).predict(pictures)["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_int8_file_answers_nearly_as_keras(files, pictures, expected):
    found = TFLiteModel(files["int8"]).predict(pictures)["probabilities"]
    assert np.abs(found - expected).mean() < 0.03
    decided = np.sort(expected)[:, -1] - np.sort(expected)[:, -2] > 0.2
    np.testing.assert_array_equal(found.argmax(-1)[decided], expected.argmax(-1)[decided])


def test_int8_file_computes_in_integers_but_for_what_has_no_kernel(files, network):
    model = unpack(files["int8"])
    (graph,) = model.subgraphs
    in_float = set()
    for operator in graph.operators:
        tensors = [graph.tensors[number] for number in (*operator.inputs, *operator.outputs) if number >= 0]
        if any(tensor.type == schema.TensorType.FLOAT32 for tensor in tensors):
            in_float.add(OPERATORS[model.operatorCodes[operator.opcodeIndex].builtinCode])
    assert in_float - CONVERSIONS == FLOAT_OPERATORS.get(str(network), set())
