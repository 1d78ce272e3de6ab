"""Hold the two tools that quantise TFLite files against each other, and both against what kerascnn writes.

    python benchmarks/quantizers.py --run saved_models/photos

TensorFlow's converter quantises while it converts, which its documentation calls deprecated; litert-quantizer is the
successor. kerascnn's `dynamic` is litert-quantizer's without the depthwise convolutions, its `int8` the converter's,
both with corrected biases and equal vectors stored once. Two minutes on two cores; --quick takes 30 pictures.
"""

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tyro
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer import Quantizer, recipe
from reporting import report

from kerascnn.data import open_source, pipeline
from kerascnn.export import Reference
from kerascnn.export.saved_model import endpoint
from kerascnn.export.tflite import convert
from kerascnn.runs import open_run
from kerascnn.tasks import Task

CALIBRATION = 200


@dataclass(frozen=True)
class Config:
    """Compare the tools on one trained network."""

    run: Path
    """A run folder; its validation pictures are measured on, its training pictures calibrate."""
    data: str | None = None
    """Other data, as finetune.py takes them."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """30 pictures, 20 to calibrate."""


def main(config: Config) -> None:
    """Convert, measure, print."""
    task, card, _ = open_run(config.run)
    source = open_source(config.data or card["data"]["source"], seed=card["seed"])
    reference = Reference.of(task, pipeline(source.valid, task).take(1 if config.quick else -1))
    training = pipeline(source.train, task, seed=0)
    pictures = np.concatenate([np.float32(images) for images, _ in training])[: 20 if config.quick else CALIBRATION]
    files = make_files(task, pictures) | {
        f"kerascnn, {name}": content for name, content in convert(task, training).items()
    }
    rows = measure(task, files, reference)
    report("relative to the converter's float32; differences from the Keras model", rows, config.json)


def make_files(task: Task, pictures: np.ndarray) -> dict[str, bytes]:
    """Make every kind of file with both tools, the way their documentation shows."""
    model = task.serving_model()
    float32 = run_converter(model)
    calibration = {"serving_default": [{"image": picture[np.newaxis]} for picture in pictures]}

    def representative():
        yield from calibration["serving_default"]

    default = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    return {
        "converter, float32": float32,
        "converter, dynamic": run_converter(model, **default),
        "converter, int8": run_converter(model, **default, representative_dataset=representative),
        "quantizer, dynamic": run_quantizer(float32, recipe.dynamic_wi8_afp32()),
        "quantizer, int8": run_quantizer(float32, recipe.static_wi8_ai8(), calibration),
    }


def run_converter(model: keras.Model, **options: object) -> bytes:
    """Convert a model with TensorFlow's converter."""
    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, "image")]
    function = tf.function(endpoint(model), input_signature=signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    for name, value in options.items():
        setattr(converter, name, value)
    return converter.convert()


def run_quantizer(float32: bytes, how: object, calibration: dict | None = None) -> bytes:
    """Quantise a float file with litert-quantizer."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        quantizer = Quantizer(float32)
        quantizer.load_quantization_recipe(how)
        result = quantizer.calibrate(calibration) if calibration else None
        return bytes(quantizer.quantize(result).quantized_model)


def measure(task: Task, files: dict[str, bytes], reference: Reference) -> list[dict]:
    """Run every file over the pictures, in turns; size and latency are relative to the first file."""
    runners = {name: make_runner(content) for name, content in files.items()}
    outputs: dict[str, list[np.ndarray]] = {name: [] for name in files}
    seconds: dict[str, list[float]] = {name: [] for name in files}
    for image in reference.images:
        for name, runner in runners.items():
            start = time.perf_counter()
            outputs[name].append(runner(image))
            seconds[name].append(time.perf_counter() - start)
    first = next(iter(files))
    rows = []
    for name, content in files.items():
        found = {"probabilities": np.stack(outputs[name])}
        difference = np.abs(found["probabilities"] - reference.outputs["probabilities"])
        rows.append(
            {
                "file": name,
                "size": len(content) / len(files[first]),
                "latency": float(np.median(seconds[name]) / np.median(seconds[first])),
                "accuracy": task.score(found, reference.targets),
                "agreement": task.agreement(found, reference.outputs),
                "mean_difference": float(difference.mean()),
            }
        )
    return rows


def make_runner(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Load a file with inputs and outputs of any type: a function of a picture (H, W, 3) to probabilities."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], quantize(image[np.newaxis], given))
        interpreter.invoke()
        output = interpreter.get_tensor(answer["index"])[0]
        scale, zero_point = answer["quantization"]
        return (output.astype(np.float32) - zero_point) * scale if scale else output

    return run


def quantize(values: np.ndarray, details: dict) -> np.ndarray:
    """Bring pixels into the type of an input."""
    scale, zero_point = details["quantization"]
    if not scale:
        return values.astype(details["dtype"])
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(details["dtype"])


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
