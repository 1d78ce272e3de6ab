"""Losses for faces side by side: how well people are told apart whom nobody was trained on.

    KERASCNN_DATA=data python benchmarks/faces.py --seeds 0 1 2 --picture faces.svg

`$KERASCNN_DATA/orl_faces` holds the AT&T faces, ten pictures each of s01 to s40. s01 to s30 are trained on, a fifth of
whom the seed draws to choose the epoch and the threshold by; s31 to s40 are measured. Each network is trained by
train_faces.py. Beside them stand eigenfaces, which need no network, and the body of the networks as it was before.
--quick trains hardly at all.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import keras
import numpy as np
import tyro
from reporting import check_writable, children_minutes, report
from sklearn.decomposition import PCA

from kerascnn.architectures import build
from kerascnn.data import Source, Split, open_source, pipeline
from kerascnn.files import write_file
from kerascnn.metrics.faces import summarise_faces
from kerascnn.report import plot_progress, plot_roc, read_card
from kerascnn.runs import open_run
from kerascnn.tasks import FaceTask, faces
from kerascnn.tasks.comparison import Comparison

SCRIPT = Path(__file__).parents[1] / "pipelines" / "train_faces.py"
TRAINED = 30  # people, of 40
IMAGE_SIZE = (112, 92)
COMPONENTS = 100  # eigenfaces
# Chosen by training on s01 to s20 and measuring s21 to s30: with few people, more of either makes strangers more alike.
LITTLE = ("--fine-tune-from", "stride32", "--fine-tune-epochs", "6", "--augment", "faces")
SETTINGS = ("--weights", "stanford_dogs", "--image-size", *map(str, IMAGE_SIZE), *LITTLE)
LOSSES: dict[str, tuple[str, ...]] = {
    "triplets, semi-hard": ("--loss", "triplet"),
    "triplets, hardest": ("--loss", "triplet", "--mining", "hard"),
    "triplets, all": ("--loss", "triplet", "--mining", "all"),
    "triplets, random": ("--loss", "triplet", "--mining", "random"),
    "triplets, cosine": ("--loss", "triplet", "--distance", "cosine"),
    "contrastive": ("--loss", "contrastive"),
    "Siamese, absolute difference": ("--loss", "siamese"),
    "Siamese, chi-square difference": ("--loss", "siamese", "--difference", "chi_square"),
    "softmax": ("--loss", "softmax"),
    "ArcFace": ("--loss", "arcface"),
}
HURRY = ("--fine-tune-epochs", "1", "--image-size", "64", "64")  # with --quick
MININGS = tuple(LOSSES)[:4]
METRICS = ("rank_1", "eer", "auc")


@dataclass(frozen=True)
class Config:
    """Compare losses for faces."""

    losses: tuple[str, ...] = tuple(LOSSES)
    """Which of them."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """One training of each for each."""
    runs: Path | None = None
    """Where to keep the run folders. One that is there already is measured, and not trained again."""
    json: Path | None = None
    """Where to write the rows."""
    picture: Path | None = None
    """Where to write the ROC of each loss with its first seed, as SVG."""
    mining: Path | None = None
    """Where to write how the ways of mining do on the validation people, step by step, means over the seeds, as SVG."""
    quick: bool = False
    """Train hardly at all."""


def main(config: Config) -> None:
    """Measure and print."""
    unknown = set(config.losses) - set(LOSSES)
    if unknown:
        sys.exit(f"losses must be of {'; '.join(LOSSES)}. Received: {'; '.join(unknown)}.")
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds orl_faces.")
    check_writable(config.json, config.picture, config.mining)
    curves: dict[str, Any] = {}
    progress: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = config.runs or Path(temporary)
        data = f"identities:{divide(Path(root) / 'orl_faces', Path(temporary) / 'orl_faces')}"
        source = open_source(data, annotation="identity")
        rows = [{"loss": name} | summary for name, summary in measure_baselines(source).items()]
        for name in config.losses:
            runs = [train(name, data, seed, folder, config.quick) for seed in config.seeds]
            rows.append({"loss": name} | gather(runs))
            curves[name] = runs[0]["roc"]
            if name in MININGS:
                progress[name] = np.mean([run["progress"] for run in runs], axis=0)
    report("people who were not trained on: means over the seeds, and the deviations", rows, config.json)
    if config.picture is not None:
        write_file(config.picture, plot_roc(curves))
    if config.mining is not None:
        title = "Area under the ROC of pairs of validation people"
        write_file(config.mining, plot_progress(progress, title=title))


def divide(people: Path, folder: Path) -> Path:
    """Link people into a folder in which the first are trained on and the others tested."""
    folders = sorted((each for each in people.iterdir() if each.is_dir()), key=lambda each: int(each.name[1:]))
    for number, person in enumerate(folders):
        link = folder / ("train" if number < TRAINED else "test") / person.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(person.resolve())
    return folder


def measure_baselines(source: Source) -> dict[str, dict[str, Any]]:
    """Measure what needs no training of a network."""
    names = {"eigenfaces": eigenfaces, "MobileNetV2 before training": untrained}
    people = source.test.annotations["identity"]
    found = {}
    for name, embed in names.items():
        vectors = embed(source)
        summary = summarise_faces(Comparison()(vectors, vectors), people, vectors, 0.5)
        found[name] = gather([summary])
    return found


def eigenfaces(source: Source) -> np.ndarray:
    """Give the test pictures' places along the principal components of the pixels of all others.

    Turk and Pentland 1991, "Eigenfaces for Recognition".
    """
    known = np.concatenate([read_pixels(source.train), read_pixels(source.valid)])
    return to_length_1(PCA(COMPONENTS, random_state=0).fit(known).transform(read_pixels(source.test)))


def read_pixels(split: Split) -> np.ndarray:
    """Give the pixels (N, P) of all pictures, as grey values."""
    return np.stack([split.picture(index).mean(axis=-1).ravel() for index in range(len(split))])


def untrained(source: Source) -> np.ndarray:
    """Give the pooled features of the test pictures before any training on faces."""
    body = build("mobilenet_v2", (*IMAGE_SIZE, 3), None, weights="stanford_dogs")
    pooled = keras.layers.GlobalAveragePooling2D()(body.output)
    batches = pipeline(source.test, faces("mobilenet_v2", image_size=IMAGE_SIZE))
    return to_length_1(keras.Model(body.input, pooled).predict(batches, verbose=0))


def to_length_1(vectors: np.ndarray) -> np.ndarray:
    """Divide vectors (N, D) by their lengths."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def train(name: str, data: str, seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Train a network, unless its run is there, and give its test metrics, and what else the table shows."""
    output = folder / f"{''.join(letter if letter.isalnum() else '_' for letter in name)}_{seed}"
    is_there, before = (output / "card.json").exists(), children_minutes()
    if not is_there:
        command = [sys.executable, str(SCRIPT), "--data", data, "--seed", str(seed), "--output", str(output)]
        command += ["--keep-over-budget", "--resume", *SETTINGS, *LOSSES[name], *(HURRY if quick else ())]
        subprocess.run(command, check=True, stdout=sys.stderr)
    card = read_card(output)
    task, _, history = open_run(output)
    if not isinstance(task, FaceTask):
        sys.exit(f"{output} is no run of train_faces.py.")
    reference = card["metrics"]["validation"]["score"]
    steps = -(-card["data"]["splits"]["train"]["examples"] // card["config"]["batch_size"])
    return card["metrics"]["test"] | {
        "int8_eer_loss": reference - card["export"]["int8"]["score"],
        "progress": [(row["epoch"] * steps, row["val_auc"]) for row in history.rows] if name in MININGS else [],
        "training_cpu_minutes": None if is_there else children_minutes() - before,
    }


def gather(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the mean of some metrics over runs, and the deviation of a run."""
    row: dict[str, Any] = {}
    for key in METRICS:
        values = [run[key] for run in runs]
        row |= {key: float(np.mean(values)), f"{key}_deviation": float(np.std(values, ddof=1)) if runs[1:] else None}
    for key in ("int8_eer_loss", "training_cpu_minutes"):
        values = [run[key] for run in runs if run.get(key) is not None]
        row[key] = float(np.mean(values)) if values else None
    return row


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
