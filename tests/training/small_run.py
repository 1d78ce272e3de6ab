"""A small run with all that a checkpoint has to carry, for the tests; as a program, it kills itself where told to.

    python -m tests.training.small_run FOLDER [--step N | --write N] [--signal NAME]

Two stages of two optimisers with schedules, dropout, batch normalisation that learns, patience, shuffling and
augmentation. Writes FOLDER/outcome.npz when it ends.
"""

import argparse
import os
import signal
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerascnn import files
from kerascnn.data import mirror, pipeline
from kerascnn.data.sources import Split
from kerascnn.tasks import ClassificationTask
from kerascnn.training import Checkpoint, RunInterrupted, Stage, fit

CLASSES = ("red", "green", "blue")
STAGES = (
    Stage("head", 2, 0.05, warmup_epochs=0.5),
    Stage("all", 4, 0.05, schedule="cosine", batch_norm="trained", optimizer="sgd", weight_decay=1e-3, patience=2),
)
STEPS = 5  # batches of an epoch, the last one smaller


def make_task(dropout=0.3):
    """Make a classifier."""
    keras.utils.set_random_seed(0)
    inputs = layers.Input((12, 12, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = layers.Conv2D(4, 3, strides=2, name="conv2")(x)
    x = layers.BatchNormalization(name="norm2", momentum=0.9)(x)
    x = layers.ReLU(name="stride2")(x)
    x = layers.Dropout(dropout, name="dropout")(layers.GlobalAveragePooling2D(name="pool")(x))
    return ClassificationTask(keras.Model(inputs, layers.Dense(3, name="predictions")(x), name="tiny"), CLASSES)


def make_split(seed, size):
    """Make noise in which the channel of the class is a little brighter."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, size).astype(np.int32)
    images = rng.normal(120, 40, (size, 12, 12, 3)) + np.eye(3)[labels][:, None, None] * 25
    images, table = tf.constant(np.clip(images, 0, 255), tf.uint8), tf.constant(labels)

    def read(index):
        return {"image": images[index], "label": table[index]}

    return Split([str(number) for number in range(size)], {"label": labels}, ["0"] * size, read)


def run(folder=None, *, callbacks=(), stages=STAGES, task=None, validation=None, checkpoint=None, **options):
    """Train; gives the history and the weights."""
    task = make_task() if task is None else task
    train = pipeline(make_split(0, 8 * STEPS - 3), task, augment=[mirror()], batch_size=8, seed=7)
    valid = pipeline(make_split(1, 20), task, batch_size=8, **(validation or {}))
    if folder is not None:
        checkpoint = Checkpoint(folder, **{"every_seconds": 1e9, "every_steps": 1} | options)
    history = fit(
        task, train, valid, stages, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, checkpoint=checkpoint, callbacks=callbacks,
        verbose=0,
    )  # fmt: skip
    return history, task.model.get_weights()


class AtStep(keras.callbacks.Callback):
    """Calls a function after so many steps, counted over all stages of this process."""

    def __init__(self, step, act):
        super().__init__()
        self.left, self.act = step, act

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.act()


class Killed(BaseException):
    """Nothing in the library catches this, so that what is on the disk is all that a killed process leaves."""


def kill():
    """End the run as if the process was killed."""
    raise Killed


def main():
    """Run as a program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--step", type=int, default=0)
    parser.add_argument("--write", type=int, default=0)
    parser.add_argument("--signal", default="SIGKILL")
    arguments = parser.parse_args()

    def send():
        os.kill(os.getpid(), signal.Signals[arguments.signal])

    fsync, writes = os.fsync, []

    def fsync_or_die(descriptor):
        writes.append(descriptor)
        if len(writes) == 2 * arguments.write - 1:  # the file's own; the next one is its folder's
            os.ftruncate(descriptor, 1000)
            send()
        fsync(descriptor)

    files.os.fsync = fsync_or_die
    try:
        history, weights = run(arguments.folder / "checkpoints", callbacks=[AtStep(arguments.step, send)], resume=True)
    except RunInterrupted as error:
        raise SystemExit(f"stopped: {error}") from None
    np.savez(arguments.folder / "outcome.npz", *weights, history=repr(history))


if __name__ == "__main__":
    main()
