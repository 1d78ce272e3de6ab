"""Networks for segmentation on street scenes: how good their masks are, class by class, and what training takes.

    KERASCNN_DATA=data python benchmarks/segmentation.py --picture segmentation.jpg

`$KERASCNN_DATA/camvid` holds the 701 pictures of CamVid, 240 x 180, with 11 classes in SegNet's split, in folders
`train`, `val` and `test` of `images/` and `masks/`. Each network is trained by train_segmenter.py; the epoch is chosen
on the validation pictures, and the test pictures are read for the table. MediaPipe's client, if it is installed, opens
the files (`pip install -e '.[benchmarks]'`). --quick trains hardly at all.
"""

import itertools
import os
import shutil
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
from PIL import Image
from reporting import check_writable, children_minutes, report

from kerascnn.data import Split, open_source
from kerascnn.export import tflite_name
from kerascnn.metrics.segmentation import summarise_segmentation
from kerascnn.report import read_card
from kerascnn.report.draw_mask import draw_legend, veil
from kerascnn.report.sheet import contact_sheet
from kerascnn.runs import open_run
from kerascnn.tasks import Segmenter, Task

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

PICTURED, JPEG_QUALITY = 3, 90  # test pictures that are drawn
CLIENT_PRECISIONS, CLIENT_STEP = ("float32", "int8"), 8  # every eighth test picture is asked about


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
    unseen: str | None = None
    """A drive, such as 0006R0, whose pictures are not trained on and measured in the place of the test pictures: how
    a network does on streets that it has not seen, for choices between settings."""
    picture: Path | None = None
    """Where to write some test pictures with their masks, and those of each network with its first seed, as JPEG."""
    quick: bool = False
    """Train hardly at all."""


@dataclass(frozen=True)
class Measured:
    """A row of the table, the IoU of each class, and the classes of some test pictures' pixels."""

    row: dict[str, Any]
    ious: dict[str, float | None]
    masks: list[np.ndarray]


def main(config: Config) -> None:
    """Measure and print."""
    unknown = set(config.networks) - set(NETWORKS)
    if unknown:
        sys.exit(f"networks must be of {'; '.join(NETWORKS)}. Received: {'; '.join(unknown)}.")
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds camvid.")
    check_writable(config.json, config.picture)
    with tempfile.TemporaryDirectory() as temporary:
        folder, camvid = config.runs or Path(temporary), Path(root) / "camvid"
        if config.unseen is not None:
            camvid = hold_out(camvid, config.unseen, Path(temporary) / "camvid")
        data = f"masks:{camvid}"
        split = open_source(data, annotation="mask").test
        measured = [
            measure(name, data, split, seed, folder, config.unseen, config.quick)
            for name in config.networks
            for seed in config.seeds
        ]
    pictures = "test pictures" if config.unseen is None else f"pictures of {config.unseen}, which was left out"
    report(f"IoU of each class, {pictures}", by_class(measured), None)
    report(f"segmentation of CamVid, {pictures}", [each.row for each in measured], config.json)
    if config.picture is not None:
        draw(split, list(measured[0].ious), measured).save(config.picture, quality=JPEG_QUALITY)


def hold_out(camvid: Path, drive: str, folder: Path) -> Path:
    """Link CamVid into a folder in which the pictures of a drive are the test, and those of others train."""
    for split, kind in itertools.product(("train", "val"), ("images", "masks")):
        for file in sorted((camvid / split / kind).iterdir()):
            held = file.name.startswith(f"{drive}_")
            link = folder / ("test" if held else split) / kind / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
    if not (folder / "test").is_dir():
        sys.exit(f"No picture's name begins with {drive}_.")
    shutil.copy(camvid / "classes.txt", folder)
    return folder


def by_class(measured: list[Measured]) -> list[dict[str, Any]]:
    """Turn the IoUs of each network into a row for each class."""
    return [
        {"class": name} | {f"{each.row['network']}, {each.row['seed']}": each.ious[name] for each in measured}
        for name in measured[0].ious
    ]


def measure(name: str, data: str, split: Split, seed: int, folder: Path, unseen: str | None, quick: bool) -> Measured:
    """Train a network, unless its run is there, and measure it."""
    words = f"{name}_{seed}" + (f"_without_{unseen}" if unseen else "") + ("_quick" if quick else "")
    output = folder / "".join(letter if letter.isalnum() else "_" for letter in words)
    is_there = (output / "card.json").exists()
    before = children_minutes()
    if not is_there:
        command = [sys.executable, str(SCRIPT), "--data", data, "--seed", str(seed), "--output", str(output)]
        command += ["--keep-over-budget", "--resume", *NETWORKS[name], *(HURRY if quick else ())]
        subprocess.run(command, check=True, stdout=sys.stderr)
    minutes = children_minutes() - before
    card = read_card(output)
    task, _, _ = open_run(output)
    segmenter = Segmenter(task.classes, task.image_size, task.serving_model().predict_on_batch)
    answers = [segmenter.segment(split.picture(index)).class_ids for index in range(len(split))]
    # On the masks as they are, since networks of different sizes are compared.
    metrics = summarise_segmentation(split.annotations["mask"], answers, task.classes)
    row = {
        "network": name,
        "seed": seed,
        **{key: metrics[key] for key in ("mean_iou", "pixel_accuracy", "dice", "boundary_f")},
        "validation_mean_iou": card["metrics"]["validation"]["mean_iou"],
        "int8_mean_iou_loss": card["metrics"]["validation"]["mean_iou"] - card["export"]["int8"]["score"],
        **{f"{precision}_agreement": card["export"][precision]["agreement"] for precision in CLIENT_PRECISIONS},
        **{f"{name}_in_mediapipe": ask_mediapipe(output, name, task, split) for name in CLIENT_PRECISIONS},
        "pictures_a_second": time_pictures(task),
        "training_cpu_minutes": None if is_there else minutes,
        "parameters": card["parameters"],
    }
    ious = {each["class"]: each["iou"] for each in metrics["per_class"]}
    return Measured(row, ious, [answers[index] for index in pictured(split)])


def pictured(split: Split) -> list[int]:
    """Number the pictures that are drawn, from all over the split."""
    return [number * len(split) // PICTURED for number in range(PICTURED)]


def ask_mediapipe(run: Path, precision: str, task: Task, split: Split) -> float | None:
    """Give the share of pixels that MediaPipe's client says the same of as Keras; None where it is not installed."""
    try:
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions
        from mediapipe.tasks.python.vision import ImageSegmenter, ImageSegmenterOptions
    except ImportError:
        return None
    content = (run / tflite_name(precision)).read_bytes()
    options = ImageSegmenterOptions(BaseOptions(model_asset_buffer=content), output_category_mask=True)
    network, shares = task.serving_model(), []
    with ImageSegmenter.create_from_options(options) as client:
        for index in range(0, len(split), CLIENT_STEP):
            picture = np.asarray(Image.fromarray(split.picture(index)).resize(task.image_size[::-1]))
            ours = network.predict_on_batch(picture[np.newaxis])["probabilities"][0].argmax(axis=-1)
            theirs = client.segment(mp.Image(mp.ImageFormat.SRGB, picture)).category_mask.numpy_view()
            shares.append(np.mean(ours == theirs.reshape(ours.shape)))
    return float(np.mean(shares))


def draw(split: Split, classes: list[str], measured: list[Measured]) -> Image.Image:
    """Draw pictures as they are labelled, and as each network sees them."""
    pictures = [split.picture(index) for index in pictured(split)]
    masks = {"labelled": [split.annotations["mask"][index] for index in pictured(split)]}
    for each in measured:
        masks.setdefault(each.row["network"], each.masks)
    columns = {
        name: [veil(*pair, classes) for pair in zip(pictures, some, strict=True)] for name, some in masks.items()
    }
    return Image.fromarray(draw_legend(contact_sheet({"picture": pictures} | columns), classes, range(len(classes))))


def time_pictures(task: Task) -> float:
    """Time the Keras model on batches of noise: the median of some."""
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
