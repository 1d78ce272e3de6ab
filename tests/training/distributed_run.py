"""Small runs that are divided among devices or processes, for the tests: a program, since that is decided at the start.

    python -m tests.training.distributed_run FOLDER CASE... [--process I --port PORT]

Two stages, in the first of which the frozen part runs once; class weights; a last batch that is smaller. History and
weights of each case are written to FOLDER/CASE.npz, or CASE0.npz and CASE1.npz for two processes.
"""

import argparse
import os
import signal
from pathlib import Path

import keras
import numpy as np

from kerascnn.data import pipeline
from kerascnn.training import Checkpoint, RunInterrupted, Stage, distribute, fit
from tests.training import small_run
from tests.training.small_run import AtStep, make_split, make_task

TWO = ["cpu:0", "cpu:1"]
# On TensorFlow, a batch normalisation that trains would take the statistics of half a batch.
BATCH_NORM = "trained" if keras.backend.backend() == "jax" else "frozen"
STAGES = (Stage("head", 2, 0.05), Stage("all", 2, 0.05, batch_norm=BATCH_NORM, optimizer="sgd"))


def train(distribution, pictures=44, **options):
    """Train in the scope of a distribution; gives the history and the weights."""
    task = make_task(dropout=0.0)
    share = distribution.share(8)
    batches = pipeline(make_split(0, pictures), task, seed=7, **share)
    valid = pipeline(make_split(1, 20), task, **share)
    history = fit(task, batches, valid, STAGES, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, verbose=0, **options)
    return history, task.model.get_weights()


class Killed(BaseException):
    """Nothing in the library catches this, so that what is on the disk is all that a killed process leaves."""


def kill():
    raise Killed


def one(folder):
    """One device."""
    return train(distribute())


def two(folder, **options):
    """Two devices."""
    distribution = distribute(devices=TWO)
    with distribution.scope():
        return train(distribution, **options)


def uneven(folder):
    """Two devices, and a last batch of one picture."""
    return two(folder, pictures=33)


def moved(folder):
    """Two devices until the run is killed in the second stage, and one afterwards."""
    try:
        two(folder, checkpoint=Checkpoint(folder / "moved", every_steps=1), callbacks=[AtStep(15, kill)])
    except Killed:
        return train(distribute(), checkpoint=Checkpoint(folder / "moved", resume=True))


def undisturbed(folder):
    """One device, and all that `small_run` has."""
    return small_run.run()


def resumed(folder):
    """The same, killed in the second stage, in the middle of an epoch."""
    try:
        small_run.run(folder / "resumed", callbacks=[AtStep(17, kill)])
    except Killed:
        return small_run.run(folder / "resumed", resume=True)


def joined(folder, port, process):
    """Two processes, of which the second one is told to stop, and both go on."""
    distribution = distribute(coordinator=f"127.0.0.1:{port}", processes=2, process=process)
    ask = AtStep(15, lambda: os.kill(os.getpid(), signal.SIGTERM) if process == 1 else None)
    with distribution.scope():
        try:
            train(distribution, checkpoint=Checkpoint(folder / "joined", every_seconds=1e9), callbacks=[ask])
        except RunInterrupted as stop:
            print(stop)
            return train(distribution, checkpoint=Checkpoint(folder / "joined", resume=True))


def main():
    """Run as a program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--process", type=int)
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    several = {} if arguments.process is None else {"port": arguments.port, "process": arguments.process}
    for case in arguments.cases:
        history, weights = globals()[case](arguments.folder, **several)
        rows = [[row["accuracy"], row["loss"], row["val_accuracy"], row["val_loss"]] for row in history.rows]
        name = f"{case}{several.get('process', '')}.npz"
        np.savez(arguments.folder / name, *weights, rows=rows, best_epoch=history.best_epoch)


if __name__ == "__main__":
    main()
