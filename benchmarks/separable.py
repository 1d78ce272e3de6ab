"""What MobileNet saves: depthwise separable convolutions against plain ones, in multiply-adds and in time.

    python benchmarks/separable.py

A plain convolution has N filters of f x f; the separable one filters each channel with f x f and mixes the channels
with N filters of 1 x 1, which costs 1/N + 1/f^2 of it (Howard et al. 2017, section 3.1). Both are converted to TFLite
and timed in turns, one thread. A minute on two cores; --quick takes three layers.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tyro
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from reporting import report

from kerascnn.ops import describe

# (side of the map, input channels, filters): the separable convolutions of stride 1 of a MobileNet at 224 pixels.
SHAPES = ((112, 32, 64), (56, 128, 128), (28, 256, 256), (14, 512, 512), (7, 1024, 1024))
KERNEL_SIZES = (3, 5)
RUNS = 50


@dataclass(frozen=True)
class Config:
    """Compare the two kinds of convolutions."""

    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """Three layers of 3 x 3 only."""


def main(config: Config) -> None:
    """Measure and print."""
    cases = [(kernel, shape) for kernel in KERNEL_SIZES for shape in SHAPES]
    rows = [measure(kernel, *shape) for kernel, shape in (cases[:3] if config.quick else cases)]
    report("depthwise separable convolutions, as shares of plain ones", rows, config.json)


def measure(kernel_size: int, side: int, channels: int, filters: int) -> dict[str, Any]:
    """Compare the two convolutions on one shape."""
    inputs = layers.Input((side, side, channels))
    plain = keras.Model(inputs, layers.Conv2D(filters, kernel_size, padding="same", use_bias=False)(inputs))
    x = layers.DepthwiseConv2D(kernel_size, padding="same", use_bias=False)(inputs)
    separable = keras.Model(inputs, layers.Conv2D(filters, 1, use_bias=False)(x))
    counts = [describe(model).multiply_adds for model in (plain, separable)]
    row: dict[str, Any] = {
        "filter": f"{kernel_size} x {kernel_size}",
        "map": f"{side} x {side} x {channels}",
        "filters": filters,
        "formula": 1 / filters + 1 / kernel_size**2,
        "multiply_adds": counts[1] / counts[0],
    }
    for precision in ("float32", "int8"):
        times = time_in_turns([convert(model, precision) for model in (plain, separable)])
        row |= {f"{precision}_plain_ms": times[0], f"{precision}_time": times[1] / times[0]}
    return row


def convert(model: keras.Model, precision: str) -> bytes:
    """Convert one layer to TFLite."""
    shape = (1, *model.input_shape[1:])
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serve", model.call, input_signature=[tf.TensorSpec(shape)])
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision == "int8":
            rng = np.random.default_rng(0)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([rng.normal(size=shape).astype("float32")] for _ in range(4))
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return converter.convert()


def time_in_turns(files: list[bytes]) -> list[float]:
    """Time .tflite files in turns: the median milliseconds of each."""
    interpreters = [Interpreter(model_content=content, num_threads=1) for content in files]
    seconds: list[list[float]] = [[] for _ in files]
    for interpreter in interpreters:
        interpreter.allocate_tensors()
    for _ in range(RUNS):
        for times, interpreter in zip(seconds, interpreters, strict=True):
            times.append(time_once(interpreter))
    return [float(np.median(times)) * 1e3 for times in seconds]


def time_once(interpreter: Interpreter) -> float:
    """Time one run, in seconds."""
    start = time.perf_counter()
    interpreter.invoke()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
