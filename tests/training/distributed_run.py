"""Small runs that are divided among devices or processes, for the tests: a program, since that is decided at the start.

    python -m tests.training.distributed_run FOLDER CASE... [--process I --port PORT]

Three stages, in the first of which the frozen part runs once, with averages, clipping and factors; class weights; a
last batch that is smaller. History and weights of each case are written to FOLDER/CASE.npz, or CASE0.npz and CASE1.npz
for two processes.
"""

import argparse
import os
import signal
import time
from pathlib import Path

import keras
import numpy as np

from kerascnn.data import pipeline
from kerascnn.training import Checkpoint, RunInterrupted, Stage, distribute, find_learning_rate, fit
from kerascnn.training import distribution as distribution_module
from tests.training import small_run
from tests.training.small_run import AtStep, Killed, kill, make_split, make_task

TWO = ["cpu:0", "cpu:1"]
# On TensorFlow, a batch normalisation that trains would take the statistics of half a batch, and clipping is refused.
ON_JAX = {"batch_norm": "trained", "global_clipnorm": 0.3} if keras.backend.backend() == "jax" else {}
STAGES = (
    Stage("head", 2, 0.05),
    Stage("all", 2, 0.05, optimizer="sgd", ema_momentum=0.8, **ON_JAX),
    Stage("all", 1, 0.01, rate_factors={"stride2": 0.5}, ema_momentum=0.8),
)


def train(distribution, pictures=44, **options):
    """Train in the scope of a distribution; gives the history and the weights."""
    task = make_task(dropout=0.0)
    share = distribution.share(8)
    batches = pipeline(make_split(0, pictures), task, seed=7, **share)
    valid = pipeline(make_split(1, 20), task, **share)
    history = fit(task, batches, valid, STAGES, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, verbose=0, **options)
    return history, task.model.get_weights()


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


def last(folder):
    """One device, which is not the one that Keras takes by itself."""
    distribution = distribute(devices=TWO[1:])
    with distribution.scope():
        return train(distribution)


def clipped(folder):
    """Two devices, where each would clip by itself."""
    distribution, stage = distribute(devices=TWO), Stage("head", 1, 0.05, global_clipnorm=0.3)
    with distribution.scope():
        task = make_task()
        batches = pipeline(make_split(0, 44), task, **distribution.share(8))
        for act in (lambda: fit(task, batches, batches, [stage]), lambda: find_learning_rate(task, batches, stage)):
            try:
                act()
            except ValueError as error:
                print(error)


def joined(folder, port, process):
    """Two processes, of which the first one is late, the second one is told to stop, and both go on."""
    distribution = distribute(coordinator=f"127.0.0.1:{port}", processes=2, process=process)
    with distribution.in_turn():
        if process == 0:
            time.sleep(31)  # what devices do together first fails after 30 seconds
    ask = AtStep(15, lambda: os.kill(os.getpid(), signal.SIGTERM) if process == 1 else None)
    with distribution.scope():
        try:
            train(distribution, checkpoint=Checkpoint(folder / "joined", every_seconds=1e9), callbacks=[ask])
        except RunInterrupted as stop:
            print(stop)
            try:
                train(distribution, checkpoint=Checkpoint(folder / ("joined", "elsewhere")[process], resume=True))
            except ValueError as error:
                print(error)
            return train(distribution, checkpoint=Checkpoint(folder / "joined", resume=True))


def failed(folder, port, process):
    """Two processes: the first one fails at what both need, and then the second one in the middle of a stage."""
    distribution_module.LEAVE_SECONDS = 3
    distribution = distribute(coordinator=f"127.0.0.1:{port}", processes=2, process=process)
    try:
        with distribution.in_turn():
            if process == 0:
                raise FileNotFoundError("no photos")
    except (FileNotFoundError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    with distribution.scope():
        train(distribution, callbacks=[AtStep(2, fail)] if process == 1 else [])


def fail():
    raise OSError("no space left")


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
        outcome = globals()[case](arguments.folder, **several)
        if outcome is None:
            continue
        history, weights = outcome
        rows = [[row["accuracy"], row["loss"], row["val_accuracy"], row["val_loss"]] for row in history.rows]
        name = f"{case}{several.get('process', '')}.npz"
        np.savez(arguments.folder / name, *weights, rows=rows, best_epoch=history.best_epoch)


if __name__ == "__main__":
    main()
