"""Does local warping help where there are few pictures? A U-Net on cells under the electron microscope.

    KERASCNN_DATA=data python benchmarks/membrane.py

`$KERASCNN_DATA/membrane` holds the 30 slices of the ISBI 2012 challenge, 512 x 512, of one block of tissue, in
`images/` and `masks/`, where 0 is membrane and 1 cell. The last 6 slices are the test, the 4 before them choose the
epoch and 20 train: neighbours in the block look alike, so that slices drawn at random would be no test. The network is
the U-Net's paper's at a quarter of its width, on tiles of 256 pixels; whole slices are measured, tile by tile as
`Segmenter` does it, mirrored too. "The key", the paper says of warping (Ronneberger et al. 2015, section 3.1). --quick
takes one seed and one epoch.
"""

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import cv2
import keras
import numpy as np
import tyro
from reporting import check_writable, report

from kerascnn.data import Source, Split, open_source, pipeline, with_border_weights
from kerascnn.data.augment import color_jitter, mirror, rotate, scale, warp
from kerascnn.tasks import SegmentationTask, Segmenter, segmentation
from kerascnn.training import fit, from_scratch

TILE, TILES_A_SIDE = 256, 2
SLICES = {"train": range(20), "val": range(20, 24), "test": range(24, 30)}
CLASSES = ("membrane", "cell")
TURNED = (mirror(), rotate(180), scale((0.8, 1.25)), color_jitter(0.2, 0.2, 0.0))
VARIANTS: dict[str, dict[str, Any]] = {
    "not warped": {"augment": TURNED},
    "warped": {"augment": (*TURNED, warp(0.15, cells=6))},
    "warped, border weights": {"augment": (*TURNED, warp(0.15, cells=6)), "borders": True},
}


@dataclass(frozen=True)
class Config:
    """Train with and without warping."""

    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which of them."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each decides the first weights, the order and the augmentations."""
    epochs: int = 40
    """Over the 80 tiles."""
    filters: int = 16
    """Of the first convolutions; the paper has 64."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """One seed and one epoch."""


def main(config: Config) -> None:
    """Measure and print."""
    unknown = set(config.variants) - set(VARIANTS)
    if unknown:
        sys.exit(f"variants must be of {'; '.join(VARIANTS)}. Received: {'; '.join(unknown)}.")
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds membrane.")
    check_writable(config.json)
    seeds, epochs = (config.seeds[:1], 1) if config.quick else (config.seeds, config.epochs)
    with tempfile.TemporaryDirectory() as temporary:
        tiles, whole = (Path(temporary) / name for name in ("tiles", "whole"))
        divide(Path(root) / "membrane", tiles, TILES_A_SIDE)
        divide(Path(root) / "membrane", whole, 1)
        tiled, slices = (open_source(f"masks:{folder}", annotation="mask") for folder in (tiles, whole))
        rows = [train(name, tiled, slices, seed, epochs, config.filters) for name in config.variants for seed in seeds]
    report("segmentation of cells, whole test slices", rows, config.json)
    report("mean and deviation over the seeds", summarise(rows), None)


def divide(root: Path, folder: Path, a_side: int) -> None:
    """Cut pictures and masks into so many tiles a side, and lay them into a folder for each split."""
    folder.mkdir()
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    for split, numbers in SLICES.items():
        for kind in ("images", "masks"):
            target = folder / split / kind
            target.mkdir(parents=True)
            for number in numbers:
                picture = cv2.imread(str(root / kind / f"{number}.png"), cv2.IMREAD_UNCHANGED)
                for row, rows in enumerate(np.split(picture, a_side)):
                    for column, tile in enumerate(np.split(rows, a_side, axis=1)):
                        cv2.imwrite(str(target / f"{number:02}_{row}{column}.png"), tile)


def train(name: str, tiled: Source, slices: Source, seed: int, epochs: int, filters: int) -> dict[str, Any]:
    """Train a network; give its row of the table."""
    keras.utils.set_random_seed(seed)
    variant = VARIANTS[name]
    source = with_border_weights(tiled) if variant.get("borders") else tiled
    task = segmentation("unet", CLASSES, image_size=(TILE, TILE), filters=filters, loss_options={"dice": 1.0})
    valid = pipeline(source.valid, task, cache="memory")
    batches = pipeline(source.train, task, augment=variant["augment"], batch_size=4, seed=seed, cache="memory")
    started = time.process_time()
    fit(task, batches, valid, from_scratch(epochs), verbose=0)
    minutes = (time.process_time() - started) / 60
    validation, test = (measure(task, split) for split in (slices.valid, slices.test))
    row = {"network": name, "seed": seed, **test, "validation_membrane_dice": validation["membrane_dice"]}
    print(row, flush=True)
    return row | {"training_cpu_minutes": minutes}


def measure(task: SegmentationTask, split: Split) -> dict[str, float]:
    """Segment whole slices; give the Dice coefficients of both classes, and more."""
    segmenter = Segmenter(
        task.classes, task.image_size, task.serving_model().predict_on_batch, tiled=True, mirrored=True
    )
    answers = [segmenter.segment(split.picture(index)).class_ids for index in range(len(split))]
    summary = task.evaluate({"class_ids": answers}, list(split.annotations["mask"]))
    dice = {f"{row['class']}_dice": row["dice"] for row in summary["per_class"]}
    return dice | {key: summary[key] for key in ("mean_iou", "boundary_f")}


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the mean and the deviation over the seeds."""
    summary = []
    for name in dict.fromkeys(row["network"] for row in rows):
        for key in ("cell_dice", "membrane_dice", "boundary_f"):
            found = [row[key] for row in rows if row["network"] == name]
            deviation = float(np.std(found, ddof=1)) if len(found) > 1 else 0.0
            summary.append({"network": name, "measure": key, "mean": float(np.mean(found)), "deviation": deviation})
    return summary


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
