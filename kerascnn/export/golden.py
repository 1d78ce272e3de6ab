"""Golden answers: a few pictures with what the exported files answer, for the developer of the phone's app.

The pictures have the network's input size, so that no resizing stands between the two sides.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kerascnn.export.interpreter import TFLiteModel

GOLDEN_PICTURES = 4
NOTE = (
    "Decode each PNG to RGB bytes and give them to the file as they are, as float32 or uint8 as `input` says. Compare "
    "with `outputs`, within `tolerance`; a quantised output is (byte - zero_point) * scale. A detector's boxes of "
    "nearly equal scores may stand in another order. Of an output of very many numbers, such as the probabilities of "
    "every pixel, each `step`-th is given as `values`, counted row by row from the first."
)
MOST_NUMBERS = 1024  # of an output that is written whole; four pictures of masks would fill hundreds of megabytes
# Other processors and delegates add in a different order, or round in other places.
TOLERANCE = {"float32": 1e-3, "float16": 2e-2, "dynamic": 5e-2, "int8": 5e-2}


def write_golden(folder: Path, files: Mapping[str, bytes], images: np.ndarray, classes: tuple[str, ...]) -> None:
    """Write input pictures as PNG, and `expected.json` with the answer of every file to each.

    Args:
        folder: where to; it is made. Of an output of more than 1,024 numbers, evenly spread ones are written.
        files: the bytes of the .tflite files by precision.
        images: (N, H, W, 3) uint8; four of them, evenly spread, are taken.
        classes: name of each class.
    """
    folder.mkdir(parents=True)
    chosen = np.unique(np.linspace(0, len(images) - 1, GOLDEN_PICTURES).round().astype(int))
    names = [f"{number}.png" for number in range(len(chosen))]
    for name, index in zip(names, chosen, strict=True):
        Image.fromarray(images[index]).save(folder / name)
    expected = {
        precision: {"tolerance": TOLERANCE[precision]} | _describe(TFLiteModel(content), images[chosen], names)
        for precision, content in files.items()
    }
    text = json.dumps({"note": NOTE, "classes": classes, "expected": expected}, indent=2)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


def _describe(model: TFLiteModel, images: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Give the types of a file's tensors, and its answers: `{picture: {output: values}}`."""
    outputs = model.predict(images)
    return {
        "input": _describe_tensor(model.input_details),
        "output": {name: _describe_tensor(details) for name, details in model.output_details.items()},
        "outputs": {
            name: {output: _describe_values(values[row]) for output, values in outputs.items()}
            for row, name in enumerate(names)
        },
    }


def _describe_values(values: np.ndarray) -> Any:
    """Give the values of an output for a picture, or samples of them that are spread over all places and classes."""
    step, samples = 1, np.round(values, 6).astype(float)
    if values.size <= MOST_NUMBERS:
        return samples.tolist()
    while values.size > step * MOST_NUMBERS or math.gcd(step, values.shape[-1]) > 1:
        step += 1
    return {"step": step, "values": samples.ravel()[::step].tolist()}


def _describe_tensor(details: Mapping[str, Any]) -> dict[str, Any]:
    scale, zero_point = details["quantization"]
    tensor = {"type": np.dtype(details["dtype"]).name, "shape": details["shape"].tolist()}
    return tensor | ({"scale": float(scale), "zero_point": int(zero_point)} if scale else {})
