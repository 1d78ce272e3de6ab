"""The four files: their types and sizes, their agreement with Keras, and what is refused."""

import keras
import numpy as np
import pytest

from kerascnn.export.interpreter import TFLiteModel
from kerascnn.export.tflite import PRECISIONS, convert
from kerascnn.layers import MaxUnpooling2D
from kerascnn.tasks import ClassificationTask, SegmentationTask
from tests.export.conftest import SIZE, make_pictures


def test_inputs_and_outputs_have_the_types_that_clients_take(files):
    types = {}
    for precision, content in files.items():
        model = TFLiteModel(content)
        output = model.output_details["probabilities"]
        types[precision] = (model.input_details["dtype"], output["dtype"])
        assert model.input_details["shape"].tolist() == [1, *SIZE, 3]
        assert output["shape"].tolist() == [1, 3]
    assert types == dict.fromkeys(PRECISIONS[:3], (np.float32, np.float32)) | {"int8": (np.uint8, np.uint8)}


def test_a_byte_of_the_int8_input_is_a_pixel(files):
    assert TFLiteModel(files["int8"]).input_details["quantization"] == (1.0, 0)


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-5), ("float16", 0.02), ("dynamic", 0.1), ("int8", 0.1)]
)
def test_files_agree_with_keras(files, reference, precision, tolerance):
    found = TFLiteModel(files[precision]).predict(reference.images)["probabilities"]
    np.testing.assert_allclose(found, reference.outputs["probabilities"], atol=tolerance)


def test_one_and_two_threads_answer_the_same(files):
    pictures, _ = make_pictures(4)
    one, two = (TFLiteModel(files["float32"], threads).predict(pictures)["probabilities"] for threads in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_an_operator_that_is_not_builtin_is_named_with_its_layer():
    inputs = keras.layers.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(2, 3, name="good")(inputs)
    x = keras.layers.Activation(keras.ops.erfinv, name="bad_one")(x)
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    task = ClassificationTask(keras.Model(inputs, outputs), ("a", "b"))
    with pytest.raises(ValueError, match=r"not builtin ones of TFLite: Erfinv in the layer bad_one\."):
        convert(task, [(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1))])


@pytest.mark.parametrize("precisions", ["float32", ("float32", "fp16")])
def test_unknown_precisions_are_refused(task, precisions):
    with pytest.raises(ValueError, match=r"some of float32, float16, dynamic, int8\. Received: "):
        convert(task, [make_pictures(1)], precisions)


def test_no_picture_to_calibrate_with_is_refused(task):
    with pytest.raises(ValueError, match="calibrate"):
        convert(task, [])


def test_unpooling_by_switches_is_of_builtin_operators_but_not_in_8_bits():
    keras.utils.set_random_seed(0)
    inputs = keras.layers.Input((8, 8, 3), name="image")
    before = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    x = MaxUnpooling2D(2)([keras.layers.MaxPooling2D(2)(before), before])
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, name="predictions")(x))
    task = SegmentationTask(model, ("a", "b"))
    pictures = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3)).astype(np.uint8)
    assert task.precisions == ("float32", "float16", "dynamic")
    (content,) = convert(task, [(pictures, np.zeros(16))], ["float32"]).values()
    found = TFLiteModel(content).predict(pictures)["probabilities"]
    expected = task.serving_model().predict_on_batch(pictures.astype("float32"))["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
