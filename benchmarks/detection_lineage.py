"""The lineage of detectors on one data set, by one evaluator: how good they are, how fast, and what training takes.

    KERASCNN_DATA=data python benchmarks/detection_lineage.py

`$KERASCNN_DATA/bccd` holds the 364 blood smears of BCCD, 640 x 480, as Pascal VOC has it, in its own split. Each
detector is trained by its script with its default settings, and choices are made on the validation pictures. All are
measured by pycocotools. Each picture is timed by itself, from its pixels to boxes; the median counts. --quick trains
hardly at all, and looks at a few pictures.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import numpy as np
import tyro
from reporting import check_writable, report

from kerascnn.data import Split, open_source
from kerascnn.data.resize import resize
from kerascnn.metrics.detection import summarise_detections
from kerascnn.results import Detections
from kerascnn.runs import open_run
from kerascnn.tasks import sliding_window

PIPELINES = Path(__file__).parents[1] / "pipelines"
LOWEST_SCORE = 0.05  # AP counts detections that are far from sure
QUICK_PICTURES = 6

Detect = Callable[[np.ndarray], Detections]


@dataclass(frozen=True)
class Config:
    """Compare detectors."""

    detectors: tuple[str, ...] = ("sliding_window", "yolo")
    """Which of them."""
    seeds: tuple[int, ...] = (0,)
    """One training of each for each."""
    runs: Path | None = None
    """Where to keep the run folders."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """Train hardly at all, and look at a few pictures."""


def main(config: Config) -> None:
    """Measure and print."""
    unknown = set(config.detectors) - set(DETECTORS)
    if unknown:
        sys.exit(f"detectors must be of {', '.join(DETECTORS)}. Received: {', '.join(unknown)}.")
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds bccd.")
    check_writable(config.json)
    data = f"voc:{Path(root) / 'bccd'}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = config.runs or Path(temporary)
        rows = [compare(name, data, seed, folder, config.quick) for name in config.detectors for seed in config.seeds]
    report("detectors of BCCD, test pictures", rows, config.json)


def compare(name: str, data: str, seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Train one detector with one seed, and measure it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    detect = DETECTORS[name](data, seed, folder / f"{name}_{seed}", quick)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    source = open_source(data, annotation="boxes")
    split = source.test.select(np.arange(QUICK_PICTURES)) if quick else source.test
    metrics, milliseconds = measure(detect, split, source.classes)
    return {
        "detector": name,
        "seed": seed,
        **{f"{row['class']}_ap50": row["ap50"] for row in metrics["per_class"]},
        "mean_ap50": metrics["ap50"],
        "coco_ap": metrics["ap"],
        "ms_a_picture": milliseconds,
        "training_cpu_minutes": (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60,
    }


def measure(detect: Detect, split: Split, classes: tuple[str, ...]) -> tuple[dict[str, Any], float]:
    """Measure a detector on a split: its metrics, and the milliseconds of a picture."""
    detections, seconds = [], []
    detect(split.picture(0))  # compiles
    for index in range(len(split)):
        image = split.picture(index)
        started = time.perf_counter()
        found = detect(image)
        seconds.append(time.perf_counter() - started)
        detections.append(found.rows)
    annotations = (split.annotations[key] for key in ("boxes", "class_ids"))
    targets = [np.column_stack(each) for each in zip(*annotations, strict=True)]
    return summarise_detections(targets, detections, classes), float(np.median(seconds)) * 1e3


def train_sliding_window(data: str, seed: int, output: Path, quick: bool) -> Detect:
    """LeNet-5 on windows of a pyramid of pictures, with negatives mined from the background."""
    options = ("--epochs", "1", "--copies", "1") if quick else ()
    run_pipeline("train_windows.py", data, seed, output, *options)
    task, card, _ = open_run(output)
    settings = {key: card["detection"][key] for key in ("scales", "iou_threshold")}
    return sliding_window(task, score_threshold=LOWEST_SCORE, **settings).detect


def train_yolo(data: str, seed: int, output: Path, quick: bool) -> Detect:
    """YOLO on MobileNetV2, from what a classifier of dogs learnt."""
    options = ("--image-size", "96", "96", "--head-epochs", "1", "--fine-tune-epochs", "1") if quick else ()
    run_pipeline("train_yolo.py", data, seed, output, "--weights", "stanford_dogs", *options)
    task, _, _ = open_run(output)
    model = task.serving_model()

    def detect(image: np.ndarray) -> Detections:
        outputs = model.predict_on_batch(resize(image, task.image_size).numpy()[np.newaxis])
        return task.decode(outputs, [image.shape[:2]])[0]

    return detect


def run_pipeline(script: str, data: str, seed: int, output: Path, *options: str) -> None:
    """Train with a script, in a process of its own."""
    settings = ("--data", data, "--seed", str(seed), "--output", str(output), "--keep-over-budget", *options)
    subprocess.run([sys.executable, str(PIPELINES / script), *settings], check=True, stdout=sys.stderr)


# From the data, a seed, the run folder to write and whether to hurry, to the trained detector.
DETECTORS: dict[str, Callable[[str, int, Path, bool], Detect]] = {
    "sliding_window": train_sliding_window,
    "yolo": train_yolo,
}


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
