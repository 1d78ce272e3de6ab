"""What MobileNet saves: depthwise separable convolutions against plain ones, in multiply-adds and in time.

    python benchmarks/separable.py

A plain convolution has N filters of f x f; the separable one filters each channel with f x f and mixes the channels
with N filters of 1 x 1, which costs 1/N + 1/f^2 of it (Howard et al. 2017, section 3.1). Both are converted to TFLite
and timed in turns, one thread. A minute on two cores; --quick takes three layers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tyro
from keras import layers
from reporting import check_writable, convert_plainly, report, time_in_turns

from kerascnn.export import TFLiteModel
from kerascnn.ops import describe

# (side of the map, input channels, filters): the separable convolutions of stride 1 of a MobileNet at 224 pixels.
SHAPES = ((112, 32, 64), (56, 128, 128), (28, 256, 256), (14, 512, 512), (7, 1024, 1024))
KERNEL_SIZES = (3, 5)
CALIBRATION = 4


@dataclass(frozen=True)
class Config:
    """Compare the two kinds of convolutions."""

    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """Three layers of 3 x 3 only."""


def main(config: Config) -> None:
    """Measure and print."""
    check_writable(config.json)
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
    maps = np.random.default_rng(0).normal(size=(CALIBRATION, side, side, channels)).astype("float32")
    for precision in ("float32", "int8"):
        files = {
            name: TFLiteModel(convert_plainly(model, precision, maps, np.int8))
            for name, model in (("plain", plain), ("separable", separable))
        }
        times = time_in_turns(files, maps[0])
        row |= {f"{precision}_plain_ms": times["plain"], f"{precision}_time": times["separable"] / times["plain"]}
    return row


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
