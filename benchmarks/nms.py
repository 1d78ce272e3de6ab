"""Non-max suppression of 10,000 boxes: kerascnn beside TensorFlow's own, keras-cv's and torchvision's.

    python benchmarks/nms.py

Three scenes: boxes that are spread over the picture and boxes in crowds, of which 100 are wanted at an IoU of 0.5, and
the proposals of a region proposal network, of which 2,000 are wanted at 0.7. TensorFlow's is one operation in C++, and
so is torchvision's, which knows no largest number and keeps all; the other two are made of plain operations, and all
but torchvision's are compiled by tf.function. They run in turns, and the median counts. `same boxes` compares the kept
ones with TensorFlow's. Two minutes on two cores; --quick takes one round.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_cv
import numpy as np
import tensorflow as tf
import tyro
from reporting import ROUNDS, RUNS_A_ROUND, check_writable, report, run_contender, take_turns, time_runs

from kerascnn.ops import non_max_suppression

COUNT = 10_000
SCENES = {"spread": (100, 0.5), "crowds": (100, 0.5), "proposals": (2000, 0.7)}  # most boxes to keep, IoU
PEER = "torchvision"  # in a process of its own

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

    def measure(name: str, _: int) -> tuple[list[float], np.ndarray] | None:
        if name == PEER:
            return run_torchvision(boxes, scores, *SCENES[scene])
        seconds = time_runs(lambda: contenders[name](*tensors).numpy())
        return seconds, contenders[name](*tensors).numpy()

    outcomes = take_turns((*contenders, PEER), measure, rounds)
    times = {name: float(np.median([seconds for seconds, _ in each])) * 1e3 for name, each in outcomes.items()}
    kept = {name: each[0][1] for name, each in outcomes.items()}
    return [
        {
            "scene": scene,
            "contender": name,
            "kept": len(kept[name]),
            "same_boxes": "yes" if np.array_equal(kept[name], kept["TensorFlow"]) else "no",
            "ms": milliseconds,
            "ratio_to_TensorFlow": milliseconds / times["TensorFlow"],
            "ratio_to_torchvision": milliseconds / times[PEER] if PEER in times else None,
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


def run_torchvision(
    boxes: np.ndarray, scores: np.ndarray, max_detections: int, iou_threshold: float
) -> tuple[list[float], np.ndarray] | None:
    """Let torchvision suppress: the seconds of its runs and the kept boxes, or None where it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "boxes.npz"
        np.savez(path, boxes=boxes, scores=scores)
        said = run_contender(PEER, "torch_nms.py", (path, max_detections, iou_threshold, RUNS_A_ROUND), optional=True)
    if said is None:
        return None
    found = json.loads(said)
    return found["seconds"], boxes[found["indices"]]


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
