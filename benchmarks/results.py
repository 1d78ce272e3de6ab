"""Make the README's results again: ants against bees, fine-tuned with three seeds, beside a plain Keras recipe.

    KERASCNN_DATA=data python benchmarks/results.py --json results.json

`$KERASCNN_DATA/hymenoptera` is the data set of PyTorch's transfer learning tutorial. The peer is what Keras' guide to
transfer learning does, with the same weights: a frozen base, a new head, ten epochs of Adam, no augmentation. Every
exported file is measured, by itself and in MediaPipe's client (`pip install -e '.[benchmarks]'`). Twelve minutes on two
cores; --quick takes one seed and one epoch a stage.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tyro
from reporting import check_writable, describe_machine
from rich.console import Console
from rich.table import Table

from kerascnn.architectures import load_weights
from kerascnn.data import folder, pipeline
from kerascnn.export import PRECISIONS, TFLiteModel, tflite_name
from kerascnn.runs import open_run

FINETUNE = Path(__file__).parents[1] / "pipelines" / "finetune.py"
COLUMNS = ("accuracy", "agreement", "size", "latency", "mediapipe")
SIZE = (160, 160)


@dataclass(frozen=True)
class Config:
    """Fine-tune on hymenoptera and measure every exported file."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """One run each."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """One seed and one epoch a stage."""


def main(config: Config) -> None:
    """Run, measure, print."""
    data = os.environ.get("KERASCNN_DATA")
    if data is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds hymenoptera/{train,val}/{ants,bees}.")
    check_writable(config.json)
    seeds = config.seeds[:1] if config.quick else config.seeds
    with tempfile.TemporaryDirectory() as work:
        photos = Path(data) / "hymenoptera"
        rows = [row for seed in seeds for row in measure(photos, Path(work), seed, config.quick)]
        peers = [train_peer(photos, seed, epochs=1 if config.quick else 10) for seed in seeds]
    print_table(rows, peers)
    if config.json is not None:
        result = {"machine": describe_machine(), "rows": rows, "plain_keras": peers}
        config.json.write_text(json.dumps(result, indent=2) + "\n")


def measure(photos: Path, work: Path, seed: int, quick: bool) -> list[dict]:
    """Fine-tune with one seed and give a row for each exported file; sizes and latencies are relative to float32."""
    run = work / f"seed{seed}"
    epochs = ("--head-epochs", "1", "--fine-tune-epochs", "1") if quick else ()
    command = (
        sys.executable, FINETUNE, "--data", photos, "--weights", "stanford_dogs", "--image-size", *SIZE,
        "--seed", seed, "--output", run, "--keep-over-budget", *epochs,
    )  # fmt: skip
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    task, card, _ = open_run(run)
    split = folder(photos).valid
    images = np.concatenate([batch for batch, _ in pipeline(split, task).as_numpy_iterator()])
    originals = [split.picture(index) for index in range(len(split))]
    reference = card["export"]["float32"]
    rows = []
    for precision in PRECISIONS:
        row = card["export"][precision]
        ours = TFLiteModel((run / tflite_name(precision)).read_bytes()).predict(images)["probabilities"].argmax(-1)
        theirs = ask_mediapipe(run / tflite_name(precision), originals, task.classes)
        rows.append(
            {"seed": seed, "file": precision, "passed": row["passed"]}
            | {key: row[key] for key in ("agreement", "max_difference", "bytes", "latency_ms")}
            | {"accuracy": row["score"]}
            | {
                "size": row["bytes"] / reference["bytes"],
                "latency": row["latency_ms"] / reference["latency_ms"],
                "mediapipe": None if theirs is None else float(np.mean(ours == theirs)),
            }
        )
    return rows


def train_peer(photos: Path, seed: int, epochs: int) -> dict[str, float]:
    """Train the plain Keras recipe: the validation accuracy of its last and of its best epoch."""
    keras.utils.set_random_seed(seed)
    options = {"image_size": SIZE, "batch_size": 32}
    train = keras.utils.image_dataset_from_directory(photos / "train", seed=seed, verbose=False, **options)
    valid = keras.utils.image_dataset_from_directory(photos / "val", shuffle=False, verbose=False, **options)
    base = keras.applications.MobileNetV2((*SIZE, 3), include_top=False, weights=None, name="mobilenet_v2")
    load_weights(base, "stanford_dogs")
    base.trainable = False
    inputs = keras.Input((*SIZE, 3))
    x = base(keras.applications.mobilenet_v2.preprocess_input(inputs), training=False)
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    accuracies = model.fit(train, validation_data=valid, epochs=epochs, verbose=0).history["val_accuracy"]
    return {"seed": seed, "last": accuracies[-1], "best": max(accuracies)}


def ask_mediapipe(path: Path, pictures: list[np.ndarray], classes: tuple[str, ...]) -> np.ndarray | None:
    """Classify pictures of any size with MediaPipe's ImageClassifier, which does its own resizing: (N,) class ids.

    None where MediaPipe is not installed.
    """
    try:
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions
        from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions
    except ImportError as error:
        print(f"MediaPipe is left out: {error}")
        return None
    options = ImageClassifierOptions(BaseOptions(model_asset_path=str(path)), max_results=1)
    with ImageClassifier.create_from_options(options) as classifier:
        answers = [classifier.classify(mp.Image(mp.ImageFormat.SRGB, picture)) for picture in pictures]
    names = [answer.classifications[0].categories[0].category_name for answer in answers]
    return np.array([classes.index(name) for name in names])


def print_table(rows: list[dict], peers: list[dict]) -> None:
    """Print a line for each file, and one for the peer: mean and deviation over the seeds."""
    table = Table(title=f"hymenoptera, {len({row['seed'] for row in rows})} seeds", title_justify="left")
    for heading in ("file", *COLUMNS):
        table.add_column(heading, no_wrap=True)
    for precision in PRECISIONS:
        of_file = [row for row in rows if row["file"] == precision]
        table.add_row(precision, *(summarise([row[column] for row in of_file]) for column in COLUMNS))
    console = Console(width=120)
    console.print(table)
    for key in ("last", "best"):
        console.print(f"plain Keras, {key} epoch: accuracy {summarise([peer[key] for peer in peers])}")
    console.print(describe_machine())


def summarise(values: list[float | None]) -> str:
    """Give mean and standard deviation."""
    if None in values:
        return ""
    return f"{np.mean(values):.3g} ± {np.std(values, ddof=len(values) > 1):.1g}"


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
