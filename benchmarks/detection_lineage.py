"""The lineage of detectors on one data set, by one evaluator: how good they are, how fast, and what training takes.

    KERASCNN_DATA=data python benchmarks/detection_lineage.py --picture lineage.jpg

`$KERASCNN_DATA/bccd` holds the 364 blood smears of BCCD, 640 x 480, as Pascal VOC has it, in its own split. Each
detector is trained by its script with its default settings, and choices are made on the validation pictures. All are
measured by pycocotools. Each picture is timed by itself, from its pixels to boxes, the search for proposals included;
the median counts. --quick trains hardly at all, and looks at a few pictures.

The peer is Ultralytics' yolo11n at 320 pixels, from scratch, for 15 minutes by the clock, with the settings of its own
(`pip install ultralytics`, under AGPL-3.0; where it is not installed, it is named and left out).
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import numpy as np
import tyro
from PIL import Image
from reporting import check_writable, children_minutes, report

from kerascnn.data import Split, open_source, selective_search
from kerascnn.metrics.detection import summarise_detections
from kerascnn.ops import xyxy_to_cxcywh
from kerascnn.report import draw_answer, draw_label, read_card
from kerascnn.results import Detections
from kerascnn.runs import load_answerer, open_run
from kerascnn.tasks import RegionHeads, rcnn, sliding_window
from kerascnn.tasks.region_heads import HEADS_FILE

PIPELINES = Path(__file__).parents[1] / "pipelines"
LOWEST_SCORE = 0.01  # as that of detectors: AP counts detections that are far from sure
QUICK_PICTURES = 6
PEER_MINUTES, QUICK_PEER_MINUTES = 15.0, 0.2
HURRY = ("--image-size", "96", "96", "--head-epochs", "1", "--fine-tune-epochs", "1")  # with --quick
COLUMNS, PANEL = 3, (448, 336)  # of the picture; width and height
JPEG_QUALITY = 85

Detect = Callable[[np.ndarray], Detections]
# From a split to what is found in each picture, and the seconds that it took.
Look = Callable[[Split], list[tuple[Detections, float]]]


@dataclass(frozen=True)
class Config:
    """Compare detectors."""

    detectors: tuple[str, ...] = ("sliding_window", "rcnn", "fast_rcnn", "faster_rcnn", "yolo", "yolo11n")
    """Which of them."""
    seeds: tuple[int, ...] = (0,)
    """One training of each for each."""
    runs: Path | None = None
    """Where to keep the run folders. One that is there already is measured, and not trained again."""
    json: Path | None = None
    """Where to write the rows."""
    picture: Path | None = None
    """Where to write a test picture with what is on it, and what each detector finds, with the last seed, as JPEG."""
    pictured: int = 0
    """Number of that test picture."""
    quick: bool = False
    """Train hardly at all, and look at a few pictures."""


@dataclass(frozen=True)
class Measured:
    """How good a detector is, and what it finds in each test picture, as sure as it has to be."""

    row: dict[str, Any]
    detections: list[Detections]


def main(config: Config) -> None:
    """Measure and print."""
    unknown = set(config.detectors) - set(DETECTORS)
    if unknown:
        sys.exit(f"detectors must be of {', '.join(DETECTORS)}. Received: {', '.join(unknown)}.")
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds bccd.")
    check_writable(config.json, config.picture)
    detectors = [name for name in config.detectors if name != "yolo11n" or find_spec("ultralytics")]
    if len(detectors) < len(config.detectors):
        print("yolo11n is left out: ultralytics is not installed.")
    data = f"voc:{Path(root) / 'bccd'}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = config.runs or Path(temporary)
        source = open_source(data, annotation="boxes")
        split = source.test.select(np.arange(QUICK_PICTURES)) if config.quick else source.test
        if not 0 <= config.pictured < len(split):
            sys.exit(f"pictured must be from 0 to {len(split) - 1}. Received: {config.pictured}.")
        measured = [
            compare(name, data, seed, folder, split, config.quick) for name in detectors for seed in config.seeds
        ]
    report("detectors of BCCD, test pictures", [each.row for each in measured], config.json)
    if config.picture is not None:
        found = {each.row["detector"]: each.detections[config.pictured] for each in measured}
        boxes, class_ids = (split.annotations[key][config.pictured] for key in ("boxes", "class_ids"))
        true = Detections(source.classes, boxes, np.ones(len(boxes), np.float32), class_ids)
        draw(split.picture(config.pictured), true, found).save(config.picture, quality=JPEG_QUALITY)


def compare(name: str, data: str, seed: int, folder: Path, split: Split, quick: bool) -> Measured:
    """Train one detector with one seed, and measure it."""
    output = folder / f"{name}_{seed}"
    is_there = output.exists()
    before = children_minutes()
    look = DETECTORS[name](data, seed, output, quick)
    minutes = children_minutes() - before
    card = read_card(output) if (output / "card.json").exists() else {}  # the peer has none
    detections, seconds = zip(*look(split), strict=True)
    annotations = (split.annotations[key] for key in ("boxes", "class_ids"))
    targets = [np.column_stack(each) for each in zip(*annotations, strict=True)]
    metrics = summarise_detections(targets, [found.rows for found in detections], detections[0].classes)
    row = {
        "detector": name,
        "seed": seed,
        **{f"{row['class']}_ap50": row["ap50"] for row in metrics["per_class"]},
        "mean_ap50": metrics["ap50"],
        "coco_ap": metrics["ap"],
        "ms_a_picture": float(np.median(seconds)) * 1e3,
        "training_cpu_minutes": None if is_there else minutes,
        "parameters": _count_parameters(output, card),
    }
    threshold = {**card.get("chosen", {}), **card.get("detection", {})}.get("score_threshold", 0.5)
    return Measured(row, [found.above(threshold) for found in detections])


def _count_parameters(output: Path, card: dict[str, Any]) -> int | None:
    """Count the numbers that were learned: those of the network, and of the linear functions on it."""
    heads = RegionHeads.load(output / HEADS_FILE) if (output / HEADS_FILE).exists() else RegionHeads()
    linear = [each for each in (heads.svms, heads.regressors) if each is not None]
    own = sum(each.kernel.size + each.bias.size for each in linear)
    return card["parameters"] + own if "parameters" in card else None


def draw(picture: np.ndarray, true: Detections, found: dict[str, Detections]) -> Image.Image:
    """Draw what is in a picture, and beside it what each detector finds there."""
    answers = {"as it is labelled": true} | found
    sheet = Image.new("RGB", (COLUMNS * PANEL[0], -(-len(answers) // COLUMNS) * PANEL[1]), "white")
    for position, (name, answer) in enumerate(answers.items()):
        drawn = draw_label(draw_answer(answer, picture), name.replace("_", " "))
        row, column = divmod(position, COLUMNS)
        panel = Image.fromarray(drawn).resize(PANEL, Image.Resampling.LANCZOS)
        sheet.paste(panel, (column * PANEL[0], row * PANEL[1]))
    return sheet


def time_each(detect: Detect, split: Split) -> list[tuple[Detections, float]]:
    """Look at the pictures of a split, one by one."""
    detect(split.picture(0))  # compiles
    found = []
    for index in range(len(split)):
        image = split.picture(index)
        started = time.perf_counter()
        detections = detect(image)
        found.append((detections, time.perf_counter() - started))
    return found


def train_sliding_window(data: str, seed: int, output: Path, quick: bool) -> Look:
    """LeNet-5 on windows of a pyramid of pictures, with negatives mined from the background."""
    options = ("--epochs", "1", "--copies", "1") if quick else ()
    run_pipeline("train_windows.py", data, seed, output, *options)
    task, card, _ = open_run(output)
    settings = {key: card["detection"][key] for key in ("scales", "iou_threshold")}
    return partial(time_each, sliding_window(task, score_threshold=LOWEST_SCORE, **settings).detect)


def train_rcnn(data: str, seed: int, output: Path, quick: bool) -> Look:
    """The classifier of regions that a search proposes, with SVMs."""
    run_pipeline("train_rcnn.py", data, seed, output, "--variant", "rcnn", *(HURRY if quick else ()))
    task, card, _ = open_run(output)
    settings = {key: card["detection"][key] for key in ("context", "iou_threshold")}
    propose = partial(selective_search, **card["detection"]["proposals"])
    heads = RegionHeads.load(output / HEADS_FILE)
    return partial(time_each, rcnn(task, heads=heads, propose=propose, score_threshold=LOWEST_SCORE, **settings).detect)


def train_network(script: str, *options: str) -> Callable[[str, int, Path, bool], Look]:
    """One network for the whole picture, on MobileNetV2, from what a classifier of dogs learnt."""

    def train(data: str, seed: int, output: Path, quick: bool) -> Look:
        run_pipeline(script, data, seed, output, "--weights", "stanford_dogs", *options, *(HURRY if quick else ()))
        task, _, _ = open_run(output)
        task = dataclasses.replace(task, score_threshold=LOWEST_SCORE)
        return partial(time_each, load_answerer(output, task, "keras"))

    return train


def train_ultralytics(data: str, seed: int, output: Path, quick: bool) -> Look:
    """Ultralytics' yolo11n, from scratch, in processes of its own."""
    minutes = QUICK_PEER_MINUTES if quick else PEER_MINUTES
    if not (output / "best.pt").exists():
        write_for_ultralytics(data, output)
        run_peer("train", output, seed, minutes)

    def look(split: Split) -> list[tuple[Detections, float]]:
        (output / "test").mkdir(exist_ok=True)
        for index in range(len(split)):
            Image.fromarray(split.picture(index)).save(output / "test" / f"{index:05d}.png")
        run_peer("detect", output, LOWEST_SCORE)
        answers = json.loads((output / "detections.json").read_text(encoding="utf-8"))
        return [(_as_detections(answer["rows"], classes), answer["seconds"]) for answer in answers]

    classes = open_source(data, annotation="boxes").classes
    return look


def write_for_ultralytics(data: str, folder: Path) -> None:
    """Write the pictures to train and validate on, with texts of class, centre and sides as shares of the picture."""
    source = open_source(data, annotation="boxes")
    for name, split in (("train", source.train), ("val", source.valid)):
        images, labels = folder / "images" / name, folder / "labels" / name
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for index, (boxes, class_ids) in enumerate(
            zip(split.annotations["boxes"], split.annotations["class_ids"], strict=True)
        ):
            picture = split.picture(index)
            Image.fromarray(picture).save(images / f"{index:05d}.png")
            shares = np.array(xyxy_to_cxcywh(boxes)) / np.tile(picture.shape[1::-1], 2)
            np.savetxt(labels / f"{index:05d}.txt", np.column_stack([class_ids, shares]), "%.6g")
    names = "\n".join(f"  {number}: {json.dumps(name)}" for number, name in enumerate(source.classes))
    text = f"path: {json.dumps(str(folder.absolute()))}\ntrain: images/train\nval: images/val\nnames:\n{names}\n"
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def run_peer(*arguments: object) -> None:
    """Run the peer's script."""
    script = str(Path(__file__).with_name("ultralytics_detector.py"))
    subprocess.run([sys.executable, script, *map(str, arguments)], check=True, stdout=sys.stderr)


def _as_detections(rows: list[list[float]], classes: tuple[str, ...]) -> Detections:
    """Make the result of rows of x1, y1, x2, y2, class, score."""
    columns = np.reshape(np.array(rows, np.float32), (-1, 6))
    return Detections(classes, columns[:, :4], columns[:, 5], columns[:, 4].astype(np.int32))


def run_pipeline(script: str, data: str, seed: int, output: Path, *options: str) -> None:
    """Train with a script, in a process of its own, unless the run is there."""
    if (output / "card.json").exists():
        return
    settings = ("--data", data, "--seed", str(seed), "--output", str(output), "--keep-over-budget", *options)
    subprocess.run([sys.executable, str(PIPELINES / script), *settings], check=True, stdout=sys.stderr)


# From the data, a seed, the folder to write and whether to hurry, to the trained detector.
DETECTORS: dict[str, Callable[[str, int, Path, bool], Look]] = {
    "sliding_window": train_sliding_window,
    "rcnn": train_rcnn,
    "fast_rcnn": train_network("train_rcnn.py", "--variant", "fast"),
    "faster_rcnn": train_network("train_rcnn.py"),
    "yolo": train_network("train_yolo.py"),
    "yolo11n": train_ultralytics,
}


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
