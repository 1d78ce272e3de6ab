"""Why pre-training: few pictures of new classes, trained from scratch, on a frozen network, and fine-tuned.

    KERASCNN_DATA=data python benchmarks/pretraining.py --plot docs/images/pretraining.png

`$KERASCNN_DATA/cifar10` holds class folders of CIFAR-10 in `train` and `test`. ResNet-20 is pre-trained on six classes,
and then has to tell the other four, which it has never seen, from 5, 20 and 100 pictures a class. The three ways take
the same number of steps with the same batches; the best epoch is chosen on other pictures of `train`, and the accuracy
is that of `test`. The 200 pictures that choose the epoch are more than the smallest training sets, so that all three
ways are better than they would be alone; and one pre-training serves all seeds. Half an hour on two cores; --quick
takes one seed and few steps.
"""

import itertools
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tyro
from reporting import check_writable, report

from kerascnn.architectures import headless
from kerascnn.data import Split, folder, mirror, pipeline
from kerascnn.export import Reference
from kerascnn.tasks import classification
from kerascnn.training import Stage, fit, from_scratch, transfer

ARCHITECTURE = "resnet20"
SIZE = (32, 32)
KNOWN = ("airplane", "automobile", "bird", "cat", "deer", "dog")
NEW = ("frog", "horse", "ship", "truck")
PICTURES = (5, 20, 100)  # a class
VALIDATION = 50  # pictures a class, to choose the best epoch on
BATCH_SIZE = 20
EPOCHS = 15  # over which the steps are spread
WAYS = ("from scratch", "frozen", "fine-tuned")


@dataclass(frozen=True)
class Config:
    """Compare the three ways of training on few pictures."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Each decides the pictures, their order and the first weights."""
    pretraining_epochs: int = 20
    """Over the six classes."""
    steps: int = 300
    """Of each training on the new classes."""
    json: Path | None = None
    """Where to write the rows."""
    plot: Path | None = None
    """Where to write the picture."""
    quick: bool = False
    """One seed, one epoch of pre-training, 30 steps."""


def main(config: Config) -> None:
    """Measure, print, plot."""
    data = os.environ.get("KERASCNN_DATA")
    if data is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds cifar10/{train,test}/<class>.")
    if config.quick:
        config = replace(config, seeds=config.seeds[:1], pretraining_epochs=1, steps=30)
    check_writable(config.json, config.plot)
    source = folder(Path(data) / "cifar10")
    known, new, test = (
        choose(split, source.classes, classes)
        for split, classes in ((source.train, KNOWN), (source.train, NEW), (source.test, NEW))
    )
    with tempfile.TemporaryDirectory() as work:
        weights = Path(work) / "headless.weights.h5"
        pretrain(known, weights, config.pretraining_epochs)
        rows = []
        for count, way, seed in itertools.product(PICTURES, WAYS, config.seeds):
            accuracy = train(new, test, way, count, seed, weights, config.steps)
            rows.append({"pictures_a_class": count, "way": way, "seed": seed, "test_accuracy": accuracy})
    report("CIFAR-10, four classes that pre-training never saw", rows, config.json)
    summary = summarise(rows)
    report("mean and deviation over the seeds", summary, None)
    if config.plot is not None:
        plot(summary, config.plot)


def pretrain(known: Split, path: Path, epochs: int) -> None:
    """Train on the known classes, and store the weights without the head."""
    train, valid = divide(known, VALIDATION, seed=0)
    keras.utils.set_random_seed(0)
    task = classification(ARCHITECTURE, KNOWN, image_size=SIZE)
    batches = pipeline(train, task, augment=[mirror()], batch_size=128, seed=0)
    fit(task, batches, pipeline(valid, task, batch_size=128), from_scratch(epochs, learning_rate=2e-3), verbose=2)
    headless(task.model).save_weights(path)


def train(new: Split, test: Split, way: str, count: int, seed: int, weights: Path, steps: int) -> float:
    """Train on few pictures of the new classes in one of the ways: the accuracy on the test pictures."""
    rest, valid = divide(new, VALIDATION, seed)
    _, few = divide(rest, count, seed)
    batches_an_epoch = -(-len(few) // BATCH_SIZE)
    repeats = max(1, round(steps / EPOCHS / batches_an_epoch))  # passes over the pictures in what is called an epoch
    few = few.select(np.tile(np.arange(len(few)), repeats))
    epochs = max(2, round(steps / (repeats * batches_an_epoch)))
    keras.utils.set_random_seed(seed)
    task = classification(ARCHITECTURE, NEW, image_size=SIZE, weights=None if way == "from scratch" else weights)
    batches = pipeline(few, task, augment=[mirror()], batch_size=BATCH_SIZE, seed=seed)
    fit(task, batches, pipeline(valid, task, batch_size=100), make_stages(way, epochs), verbose=0)
    answers = Reference.of(task, pipeline(test, task, batch_size=100))
    accuracy = task.score(answers.outputs, answers.targets)
    print(f"{count} pictures a class, {way}, seed {seed}: {accuracy:.3f}", flush=True)
    return accuracy


def make_stages(way: str, epochs: int) -> list[Stage]:
    """Spend the same number of epochs in each way."""
    if way == "from scratch":
        return from_scratch(epochs)
    if way == "frozen":
        return transfer(epochs, 0)
    return transfer(epochs // 3, epochs - epochs // 3, fine_tune_learning_rate=1e-3)


def choose(split: Split, classes: tuple[str, ...], wanted: tuple[str, ...]) -> Split:
    """Take the pictures of some classes into memory, labelled by their places in `wanted`."""
    labels = {classes.index(name): label for label, name in enumerate(wanted)}
    indices = np.flatnonzero(np.isin(split.labels, list(labels)))
    images = tf.constant(np.stack([split.picture(index) for index in indices]))
    new_labels = np.array([labels[label] for label in split.labels[indices]], np.int32)
    label_table = tf.constant(new_labels)
    return Split(
        [split.names[index] for index in indices],
        new_labels,
        [split.digests[index] for index in indices],
        lambda index: {"image": images[index], "label": label_table[index]},
    )


def divide(split: Split, count: int, seed: int) -> tuple[Split, Split]:
    """Take so many pictures of each class away: what is left, and what was taken."""
    rng = np.random.default_rng(seed)
    labels = np.unique(split.labels)
    taken = np.concatenate([rng.permutation(np.flatnonzero(split.labels == label))[:count] for label in labels])
    return split.select(np.setdiff1d(np.arange(len(split)), taken)), split.select(np.sort(taken))


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the mean and the deviation over the seeds."""
    summary = []
    for count in PICTURES:
        row: dict[str, Any] = {"pictures_a_class": count}
        for way in WAYS:
            found = [run["test_accuracy"] for run in rows if (run["pictures_a_class"], run["way"]) == (count, way)]
            deviation = float(np.std(found, ddof=1)) if len(found) > 1 else 0.0
            row |= {way: float(np.mean(found)), f"{way}_deviation": deviation}
        summary.append(row)
    return summary


def plot(summary: list[Mapping[str, Any]], path: Path) -> None:
    """Draw the accuracy against the number of pictures."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    counts = [row["pictures_a_class"] for row in summary]
    for way in reversed(WAYS):
        means, deviations = ([row[key] for row in summary] for key in (way, f"{way}_deviation"))
        axes.errorbar(counts, means, deviations, marker="o", capsize=3, label=way)
    axes.axhline(1 / len(NEW), color="grey", linestyle=":", label="guessing")
    axes.set(xscale="log", xlabel="training pictures a class", ylabel="accuracy on test pictures")
    axes.set_xticks(counts, map(str, counts))
    axes.minorticks_off()
    axes.set_title("Four new classes, ResNet-20 pre-trained on six others")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
