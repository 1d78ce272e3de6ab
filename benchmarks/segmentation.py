"""Networks for segmentation on street scenes: how good their masks are, class by class, and what training takes.

    KERASCNN_DATA=data python benchmarks/segmentation.py

`$KERASCNN_DATA/camvid` holds the 701 pictures of CamVid, 240 x 180, with 11 classes in SegNet's split, in folders
`train`, `val` and `test` of `images/` and `masks/`. Each network is trained by train_segmenter.py; the epoch is chosen
on the validation pictures, and the test pictures are read for the table. --quick trains hardly at all.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import numpy as np
import tyro
from reporting import check_writable, children_minutes, report

from kerascnn.report import read_card
from kerascnn.runs import open_run

SCRIPT = Path(__file__).parents[1] / "pipelines" / "train_segmenter.py"
IMAGE_SIZE = ("--image-size", "180", "240")
DECONVNET = ("--architecture", "deconvnet", "--options", "bottleneck", "convolution", "hidden_units", "512")
NETWORKS: dict[str, tuple[str, ...]] = {
    "U-Net, MobileNetV2, pre-trained": ("--weights", "stanford_dogs", *IMAGE_SIZE),
    "U-Net, MobileNetV2, from scratch": ("--weights", "none", *IMAGE_SIZE),
    "deconvolution network, VGG-16, pre-trained": (
        "--weights", "bsds500", *DECONVNET, "--image-size", "96", "128", "--fine-tune-epochs", "8",
    ),
}  # fmt: skip
HURRY = ("--fine-tune-epochs", "1", "--image-size", "64", "64")  # with --quick
TIMED_BATCHES, BATCH = 5, 8

Measured = tuple[dict[str, Any], dict[str, float | None]]  # a row of the table, and the IoU of each class


@dataclass(frozen=True)
class Config:
    """Compare networks for segmentation."""

    networks: tuple[str, ...] = tuple(NETWORKS)
    """Which of them."""
    seeds: tuple[int, ...] = (0,)
    """One training of each for each."""
    runs: Path | None = None
    """Where to keep the run folders. One that is there already is measured, and not trained again."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """Train hardly at all."""


def main(config: Config) -> None:
    """Measure and print."""
    unknown = set(config.networks) - set(NETWORKS)
    if unknown:
        sys.exit(f"networks must be of {'; '.join(NETWORKS)}. Received: {'; '.join(unknown)}.")
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds camvid.")
    check_writable(config.json)
    with tempfile.TemporaryDirectory() as temporary:
        folder, data = config.runs or Path(temporary), f"masks:{Path(root) / 'camvid'}"
        measured = [
            measure(name, data, seed, folder, config.quick) for name in config.networks for seed in config.seeds
        ]
    report("IoU of each class, test pictures", by_class(measured), None)
    report("segmentation of CamVid, test pictures", [row for row, _ in measured], config.json)


def by_class(measured: list[Measured]) -> list[dict[str, Any]]:
    """Turn the IoUs of each network into a row for each class."""
    classes = measured[0][1]
    return [
        {"class": name} | {f"{row['network']}, {row['seed']}": ious[name] for row, ious in measured} for name in classes
    ]


def measure(name: str, data: str, seed: int, folder: Path, quick: bool) -> Measured:
    """Train a network, unless its run is there; give its row of the table, and the IoU of each class."""
    output = folder / f"{''.join(letter if letter.isalnum() else '_' for letter in name)}_{seed}"
    is_there = (output / "card.json").exists()
    before = children_minutes()
    if not is_there:
        command = [sys.executable, str(SCRIPT), "--data", data, "--seed", str(seed), "--output", str(output)]
        command += ["--keep-over-budget", "--resume", *NETWORKS[name], *(HURRY if quick else ())]
        subprocess.run(command, check=True, stdout=sys.stderr)
    minutes = children_minutes() - before
    card = read_card(output)
    metrics = card["metrics"]["test"]
    row = {
        "network": name,
        "seed": seed,
        **{key: metrics[key] for key in ("mean_iou", "pixel_accuracy", "dice", "boundary_f")},
        "validation_mean_iou": card["metrics"]["validation"]["mean_iou"],
        "int8_mean_iou_loss": card["metrics"]["validation"]["mean_iou"] - card["export"]["int8"]["score"],
        "int8_agreement": card["export"]["int8"]["agreement"],
        "pictures_a_second": time_pictures(output),
        "training_cpu_minutes": None if is_there else minutes,
        "parameters": card["parameters"],
    }
    return row, {each["class"]: each["iou"] for each in metrics["per_class"]}


def time_pictures(run: Path) -> float:
    """Time the Keras model on batches of noise: the median of some."""
    task, _, _ = open_run(run)
    network = task.serving_model()
    pictures = np.random.default_rng(0).integers(0, 256, (BATCH, *task.image_size, 3)).astype(np.uint8)
    network.predict_on_batch(pictures)  # compiles
    seconds = []
    for _ in range(TIMED_BATCHES):
        started = time.perf_counter()
        network.predict_on_batch(pictures)
        seconds.append(time.perf_counter() - started)
    return BATCH / float(np.median(seconds))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
