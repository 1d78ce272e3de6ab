"""TFLite: one model, four files, of builtin operators only.

`float32`, `float16` and `int8` come from TensorFlow's converter, `dynamic` from litert-quantizer: it may quantise the
convolutions and leave the depthwise ones in float, for which XNNPACK has no dynamic kernel. `benchmarks/quantizers.py`
compares the two tools.
"""

import contextlib
import dataclasses
import io
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from litert_quantizer import Quantizer
from litert_quantizer.qtyping import TFLOperationName

from kerascnn.export.bias_correction import correct_bias
from kerascnn.export.flatbuffer import add_signature, custom_operators, pack, unpack
from kerascnn.export.folding import fold_scale
from kerascnn.export.joining import join
from kerascnn.export.metadata import add_metadata
from kerascnn.export.saved_model import endpoint
from kerascnn.export.suppression import with_builtin_suppression
from kerascnn.tasks.task import PRECISIONS, Task

CALIBRATION_PICTURES = 200  # "a few hundred", as the converter's documentation asks for
DYNAMIC_OPERATORS = (TFLOperationName.CONV_2D, TFLOperationName.FULLY_CONNECTED)


def convert(
    task: Task, calibration: Iterable[tuple[np.ndarray, np.ndarray]], precisions: Collection[str] = PRECISIONS
) -> dict[str, bytes]:
    """Convert a task's serving model to .tflite files, with metadata and labels in them.

    All take one picture: float32 in 0..255, or uint8 in the int8 file, whose outputs are uint8 too, but float32 if the
    task has layers in `float_after`.

    Args:
        task: what to convert.
        calibration: shuffled batches of (pictures, targets) of the training data, without augmentation; the int8 file
            takes the ranges of its activations from the first 200 pictures, the biases are corrected on 32.
        precisions: which of the four files to make.

    Returns:
        The bytes of the files by precision.

    Raises:
        ValueError: for an unknown precision; if an operator of the model is not a builtin one of TFLite, whose Keras
            layer is named; or if there is no picture to calibrate with.
    """
    if not set(precisions) <= set(PRECISIONS):
        raise ValueError(f"precisions must be some of {', '.join(PRECISIONS)}. Received: {precisions!r}.")
    pictures = _calibration_pictures(calibration)
    task = dataclasses.replace(task, model=fold_scale(task.model))
    files = {}
    if "float32" in precisions:
        files["float32"] = _convert(_serving_model(task), _keep_float32)
    if "float16" in precisions:
        files["float16"] = _convert(_serving_model(task), _to_float16)
    if "dynamic" in precisions:
        corrected = _corrected(task, pictures, keras.layers.Conv2D)
        files["dynamic"] = _quantize_dynamic(_convert(_serving_model(corrected), _keep_float32))
    if "int8" in precisions:
        files["int8"] = _convert_int8(
            _corrected(task, pictures, keras.layers.Conv2D, keras.layers.DepthwiseConv2D), pictures
        )
    return {
        precision: add_metadata(
            content,
            name=task.model.name,
            description=f"{task.name}, {precision}",
            classes=task.classes,
            labels=task.output_labels,
        )
        for precision, content in files.items()
    }


def _corrected(task: Task, pictures: np.ndarray, *kinds: type[keras.layers.Layer]) -> Task:
    return dataclasses.replace(task, model=correct_bias(task.model, pictures, kinds))


def _serving_model(task: Task) -> keras.Model:
    return with_builtin_suppression(task.serving_model())


def _convert_int8(task: Task, pictures: np.ndarray) -> bytes:
    """Quantise all of the serving model, or what is up to the layers of `float_after`.

    The rest computes in 32 bits, with weights of 16.
    """
    model = _serving_model(task)
    if not task.float_after:
        return _convert(model, lambda converter: _to_int8(converter, pictures, tf.uint8))
    cut = {name: model.get_layer(name).output for name in task.float_after}
    network = keras.Model(model.input, cut, name=model.name)
    rest = keras.Model(list(cut.values()), model.output, name=model.name)
    first = _convert(network, lambda converter: _to_int8(converter, pictures, tf.float32))
    return join(first, _convert(rest, _to_float16, tuple(cut)))


def _convert(
    model: keras.Model, configure: Callable[[tf.lite.TFLiteConverter], None], names: Sequence[str] = ("image",)
) -> bytes:
    """Convert a model, whose inputs get these names and a batch of one."""
    specs = [
        tf.TensorSpec((1, *tensor.shape[1:]), tf.float32, name)
        for name, tensor in zip(names, model.inputs, strict=True)
    ]
    function = tf.function(endpoint(model), input_signature=specs).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    converter.experimental_lower_to_saved_model = False  # twice as fast; the same file, but without a signature
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    configure(converter)
    content = _run(converter, model, function.graph)
    custom = custom_operators(content)
    if custom:  # a converter that lets custom operators pass does not say which layer they are from
        raise ValueError(f"{model.name} needs operators that are not builtin ones of TFLite: {', '.join(custom)}.")
    return add_signature(content, names, sorted(function.structured_outputs))  # the order in which TensorFlow has them


def _run(converter: tf.lite.TFLiteConverter, model: keras.Model, graph: tf.Graph) -> bytes:
    try:
        with warnings.catch_warnings():
            # The converter itself calibrates with the interpreter that it warns against.
            warnings.filterwarnings("ignore", message="(?s).*tf.lite.Interpreter is deprecated")
            # They come from the calibration pictures.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
            return converter.convert()
    except Exception as error:  # the converter's own class of error is not public
        raise ValueError(_explain(error, model, graph)) from error


def _keep_float32(converter: tf.lite.TFLiteConverter) -> None:
    """Leave the converter at its defaults."""


def _to_float16(converter: tf.lite.TFLiteConverter) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _to_int8(converter: tf.lite.TFLiteConverter, pictures: np.ndarray, output_type: tf.DType) -> None:
    def representative() -> Iterator[list[np.ndarray]]:
        for picture in pictures:
            yield [picture[np.newaxis]]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = output_type


def _quantize_dynamic(content: bytes) -> bytes:
    quantizer = Quantizer(content)
    for operator in DYNAMIC_OPERATORS:
        quantizer.add_dynamic_config(".*", operator, num_bits=8)
    # It reports its progress on both streams, in the middle of ours.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        quantized = quantizer.quantize().quantized_model
    return pack(unpack(bytes(quantized)))


def _calibration_pictures(batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Take the first pictures, (N, H, W, 3) float32, with a black and a white pixel in each.

    With the whole range in every picture the input's scale is exactly 1 and its zero point 0, so that the bytes of a
    phone's camera are the numbers that the network was trained on.
    """
    taken: list[np.ndarray] = []
    for images, _ in batches:
        taken.extend(np.array(images, np.float32))
        if len(taken) >= CALIBRATION_PICTURES:
            break
    if not taken:
        raise ValueError("The int8 file needs at least one picture to calibrate with.")
    pictures = np.stack(taken[:CALIBRATION_PICTURES])
    pictures[:, 0, 0], pictures[:, -1, -1] = 0.0, 255.0
    return pictures


def _explain(error: Exception, model: keras.Model, graph: tf.Graph) -> str:
    """Name the layers whose operators the converter refused: their names are in the paths of the graph."""
    refused = set(re.findall(r"'tf\.(\w+)' op is", str(error)))
    layers = {layer.name for layer in model.layers}
    found = set()
    for operation in graph.get_operations():
        if operation.type in refused:
            parts = [part if part in layers else re.sub(r"_\d+$", "", part) for part in operation.name.split("/")]
            found.update(f"{operation.type} in the layer {part}" for part in parts if part in layers)
    if not found:
        return f"{model.name} cannot be converted to TFLite: {error}"
    return (
        f"{model.name} needs operators that are not builtin ones of TFLite: {'; '.join(sorted(found))}. "
        "Write these layers with other operations."
    )
