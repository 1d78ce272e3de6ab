"""Golden answers: a few pictures with what the exported files answer, for the developer of the phone's app.

The pictures have the network's input size, so that no resizing stands between the two sides.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from kerascnn.export.interpreter import TFLiteModel

GOLDEN_PICTURES = 4


def write_golden(folder: Path, files: Mapping[str, bytes], images: np.ndarray, classes: tuple[str, ...]) -> None:
    """Write input pictures as PNG, and `expected.json` with the answer of every file to each.

    Args:
        folder: where to; it is made.
        files: the bytes of the .tflite files by precision.
        images: (N, H, W, 3) uint8; four of them, evenly spread, are taken.
        classes: name of each class.
    """
    folder.mkdir(parents=True)
    chosen = np.unique(np.linspace(0, len(images) - 1, GOLDEN_PICTURES).round().astype(int))
    names = [f"{number}.png" for number in range(len(chosen))]
    for name, index in zip(names, chosen, strict=True):
        Image.fromarray(images[index]).save(folder / name)
    expected = {precision: _answers(content, images[chosen], names) for precision, content in files.items()}
    note = "Decode each PNG to RGB bytes, give them to the file as they are, and compare with the outputs below."
    text = json.dumps({"note": note, "classes": classes, "expected": expected}, indent=2)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


def _answers(content: bytes, images: np.ndarray, names: list[str]) -> dict[str, dict[str, list[float]]]:
    outputs = TFLiteModel(content).predict(images)
    return {
        name: {output: np.round(values[row], 6).astype(float).tolist() for output, values in outputs.items()}
        for row, name in enumerate(names)
    }
