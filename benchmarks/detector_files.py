"""A detector's exported files beside its Keras model: how good, how large, how fast, and what a phone's client sees.

    python benchmarks/detector_files.py --run saved_models/cells --data voc:bccd

The run is one of train_yolo.py. Each file is measured on the pictures of a split by itself, stretched to its input as
the pipeline does, and MediaPipe's `ObjectDetector` (`pip install -e '.[benchmarks]'`) gets the pictures as they are.
Of what the Keras model detects with a score above 0.5, `found` is the share that the file finds too: the same class in
a box with an IoU above 0.9; and `mediapipe` the share that the client finds, which gives boxes in whole pixels. Sizes
and latencies are relative to float32.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from reporting import check_writable, report

from kerascnn.data import Split, pipeline
from kerascnn.export import PRECISIONS, Reference, TFLiteModel, tflite_name
from kerascnn.ops import exact_pairwise_iou
from kerascnn.results import Detections
from kerascnn.runs import open_data, open_run
from kerascnn.tasks import DetectionTask

SURE, SAME_BOX = 0.5, 0.9


@dataclass(frozen=True)
class Config:
    """Measure a detector's files."""

    run: Path
    """The run folder."""
    data: str | None = None
    """What to measure on. By default the data of the run."""
    split: str = "test"
    """Which split of it."""
    json: Path | None = None
    """Where to write the rows."""


def main(config: Config) -> None:
    """Measure and print."""
    check_writable(config.json)
    task, card, _ = open_run(config.run)
    if not isinstance(task, DetectionTask):
        sys.exit(f"{config.run} is no run of a detector.")
    split = open_data(card, config.data).splits[config.split]
    reference = Reference.of(task, pipeline(split, task))
    written = [name for name in PRECISIONS if (config.run / tflite_name(name)).exists()]  # others missed their budget
    rows = [measure(name, config.run, task, card, reference, split) for name in ("keras", *written)]
    report(f"{config.run}, {config.split}", rows, config.json)


def measure(
    name: str, run: Path, task: DetectionTask, card: dict[str, Any], keras_answers: Reference, split: Split
) -> dict[str, Any]:
    """Measure the Keras model or one file."""
    if name == "keras":
        outputs, found, client = keras_answers.outputs, None, None
    else:
        content = (run / tflite_name(name)).read_bytes()
        outputs = TFLiteModel(content, num_threads=2).predict(keras_answers.images)
        pictures = [split.picture(index) for index in range(len(split))]
        sizes = [picture.shape[:2] for picture in pictures]
        ours = [answer.above(SURE) for answer in task.decode(keras_answers.outputs, sizes)]
        found = share_found(ours, task.decode(outputs, sizes))
        client = share_of_client(ours, content, pictures, task.classes)
    metrics = task.evaluate(outputs, keras_answers.targets)
    exported, float32 = card["export"].get(name), card["export"]["float32"]
    return {
        "model": name,
        "ap50": metrics["ap50"],
        "coco_ap": metrics["ap"],
        "agreement": task.agreement(outputs, keras_answers.outputs),
        "size": exported and exported["bytes"] / float32["bytes"],
        "latency": exported and exported["latency_ms"] / float32["latency_ms"],
        "ms": exported and exported["latency_ms"],
        "found": found,
        "mediapipe": client,
    }


def share_of_client(
    ours: Sequence[Detections], content: bytes, pictures: Sequence[np.ndarray], classes: tuple[str, ...]
) -> float | None:
    """Give the share of our detections that MediaPipe finds too; None where it is not installed."""
    try:
        return share_found(ours, list(ask_mediapipe(content, pictures, classes)))
    except ModuleNotFoundError as error:
        print(f"MediaPipe is left out: {error}")
        return None


def share_found(ours: Sequence[Detections], theirs: Sequence[Detections]) -> float:
    """Give the share of our detections that are among theirs too."""
    return float(np.concatenate([is_found(*each) for each in zip(ours, theirs, strict=True)]).mean())


def is_found(ours: Detections, theirs: Detections) -> np.ndarray:
    """Tell which of our boxes are among theirs."""
    if not len(ours) or not len(theirs):
        return np.zeros(len(ours), bool)
    same = ours.class_ids[:, np.newaxis] == theirs.class_ids
    return (same & (exact_pairwise_iou(ours.boxes, theirs.boxes) > SAME_BOX)).any(axis=1)


def ask_mediapipe(content: bytes, pictures: Sequence[np.ndarray], classes: tuple[str, ...]) -> Iterator[Detections]:
    """Detect in pictures of any size with the client that phones use."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import ObjectDetector, ObjectDetectorOptions

    options = ObjectDetectorOptions(BaseOptions(model_asset_buffer=content))
    with ObjectDetector.create_from_options(options) as client:
        for picture in pictures:
            found = client.detect(mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(picture))).detections
            corners = [each.bounding_box for each in found]
            boxes = [
                (box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height) for box in corners
            ]
            named = [each.categories[0] for each in found]
            yield Detections(
                classes,
                np.reshape(np.array(boxes, np.float32), (-1, 4)),
                np.array([each.score for each in named], np.float32),
                np.array([classes.index(each.category_name) for each in named], np.int32),
            )


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
