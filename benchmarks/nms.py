"""Non-max suppression of 10,000 boxes: kerascnn beside TensorFlow's own, keras-cv's and torchvision's.

    python benchmarks/nms.py

Three scenes: boxes that are spread over the picture and boxes in crowds, of which 100 are wanted at an IoU of 0.5, and
the proposals of a region proposal network, of which 2,000 are wanted at 0.7. TensorFlow's is one operation in C++, and
so is torchvision's, which knows no largest number and keeps all; the other two are made of plain operations, and all
but torchvision's are compiled by tf.function. They run in turns, and the median counts. `same boxes` compares the kept
ones with TensorFlow's. Two minutes on two cores; --quick takes one round.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_cv
import numpy as np
import tensorflow as tf
import tyro
from reporting import check_writable, report

from kerascnn.ops import non_max_suppression

COUNT = 10_000
SCENES = {"spread": (100, 0.5), "crowds": (100, 0.5), "proposals": (2000, 0.7)}  # most boxes to keep, IoU
ROUNDS, RUNS_A_ROUND = 5, 5

Suppression = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # boxes (N, 4) and scores (N,) to the kept boxes


@dataclass(frozen=True)
class Config:
    """Compare suppressions."""

    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """One round."""


def main(config: Config) -> None:
    """Measure and print."""
    check_writable(config.json)
    rows = [row for scene in SCENES for row in compare(scene, 1 if config.quick else ROUNDS)]
    report(f"non-max suppression of {COUNT:,} boxes", rows, config.json)


def compare(scene: str, rounds: int) -> list[dict[str, Any]]:
    """Let all contenders suppress the boxes of a scene in turns: a row for each."""
    boxes, scores = draw(scene)
    tensors = tf.constant(boxes), tf.constant(scores)
    contenders = {name: tf.function(make(*SCENES[scene])) for name, make in CONTENDERS.items()}
    kept = {name: np.asarray(contender(*tensors)) for name, contender in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            seconds[name] += time_runs(contender, tensors)
        peer = run_torchvision(boxes, scores, *SCENES[scene])
        if peer is not None:
            seconds.setdefault("torchvision", []).extend(peer["seconds"])
            kept["torchvision"] = boxes[peer["indices"]]
    times = {name: float(np.median(each)) * 1e3 for name, each in seconds.items()}
    return [
        {
            "scene": scene,
            "contender": name,
            "kept": len(kept[name]),
            "same_boxes": "yes" if np.array_equal(kept[name], kept["TensorFlow"]) else "no",
            "ms": milliseconds,
            "ratio_to_TensorFlow": milliseconds / times["TensorFlow"],
            "ratio_to_torchvision": milliseconds / times["torchvision"] if "torchvision" in times else None,
        }
        for name, milliseconds in times.items()
    ]


def draw(scene: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw boxes (N, 4) in a picture of 1,000 pixels, and scores (N,) of which no two are equal."""
    generator = np.random.default_rng(0)
    centers, sizes = generator.uniform(0, 1000, (COUNT, 2)), generator.uniform(20, 120, (COUNT, 2))
    if scene != "spread":
        things = {"crowds": 30, "proposals": 300}[scene]
        thing = generator.integers(things, size=COUNT)
        sizes = generator.uniform(60, 200, (things, 2))[thing] * np.exp(generator.normal(0, 0.15, (COUNT, 2)))
        centers = generator.uniform(100, 900, (things, 2))[thing] + generator.normal(0, 0.1, (COUNT, 2)) * sizes
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1)
    return boxes.astype("float32"), (1 + generator.permutation(COUNT).astype("float32")) / COUNT


def make_tensorflow(max_detections: int, iou_threshold: float) -> Suppression:
    """One operation, which gives indices."""

    def suppress(boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        return tf.gather(boxes, tf.image.non_max_suppression(boxes, scores, max_detections, iou_threshold, 0.0))

    return suppress


def make_keras_cv(max_detections: int, iou_threshold: float) -> Suppression:
    """A layer, which calls TensorFlow's other suppression, of plain operations."""
    layer = keras_cv.layers.NonMaxSuppression("xyxy", False, iou_threshold, 0.0, max_detections)

    def suppress(boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        result = layer(boxes[tf.newaxis], scores[tf.newaxis, :, tf.newaxis])
        return result["boxes"][0, : result["num_detections"][0]]

    return suppress


def make_kerascnn(max_detections: int, iou_threshold: float) -> Suppression:
    """Our own."""

    def suppress(boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        result = non_max_suppression(
            boxes, scores, iou_threshold=iou_threshold, score_threshold=0.0, max_detections=max_detections
        )
        return result.boxes[: result.count]

    return suppress


CONTENDERS = {"TensorFlow": make_tensorflow, "keras-cv": make_keras_cv, "kerascnn": make_kerascnn}


def time_runs(contender: Suppression, tensors: tuple[tf.Tensor, tf.Tensor]) -> list[float]:
    """Time some runs, in seconds, after one that is not."""
    contender(*tensors)
    seconds = []
    for _ in range(RUNS_A_ROUND):
        start = time.perf_counter()
        contender(*tensors).numpy()
        seconds.append(time.perf_counter() - start)
    return seconds


def run_torchvision(
    boxes: np.ndarray, scores: np.ndarray, max_detections: int, iou_threshold: float
) -> dict[str, Any] | None:
    """Let torchvision suppress in a process of its own: `seconds` and `indices`, or None where it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "boxes.npz"
        np.savez(path, boxes=boxes, scores=scores)
        settings = (path, max_detections, iou_threshold, RUNS_A_ROUND)
        command = [sys.executable, Path(__file__).with_name("torch_nms.py"), *settings]
        outcome = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if "ModuleNotFoundError" in outcome.stderr:
        print(f"torchvision is left out: {outcome.stderr.strip().splitlines()[-1]}")
        return None
    if outcome.returncode:
        sys.exit(outcome.stderr)
    return json.loads(outcome.stdout)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
