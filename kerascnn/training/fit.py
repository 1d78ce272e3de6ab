"""Training: stage after stage with plain `model.fit`, the best weights kept, what is frozen proven not to move."""

import hashlib
import logging
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np

from kerascnn.architectures.strides import layers_below
from kerascnn.tasks.task import Task
from kerascnn.training.schedules import make_optimizer
from kerascnn.training.stages import Stage, freeze

logger = logging.getLogger(__name__)


@dataclass
class History:
    """What happened in a run.

    Attributes:
        rows: one dict an epoch: stage, epoch (from 1 over the whole run), learning_rate at its end, and every metric
            that Keras logs, those of the validation data with `val_` before them.
        stages: one dict a stage: its settings, the epochs that ran, the numbers of trained and frozen parameters.
        best_epoch: the epoch whose weights the model has now; 0 is what it started from.
        interrupted: whether Ctrl-C ended the run.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False


def fit(
    task: Task,
    train: Any,
    valid: Any,
    stages: Sequence[Stage],
    *,
    class_weight: Mapping[int, float] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: str | int = "auto",
) -> History:
    """Train a task in stages, and leave it with the weights of its best epoch.

    Each stage freezes, compiles (Keras needs it), trains and is checked: a frozen weight or statistic that moved is an
    error. The best epoch over all stages is that with the highest `task.monitor` on the validation data, the lower
    loss deciding a tie, and each stage goes on from the best before it. Ctrl-C ends the run as a finished one: the
    best weights so far are kept. In the end, after an error too, each layer is as trainable as it was before; as
    always in Keras, that takes effect with the next `compile`.

    Args:
        task: whose model is trained.
        train: batches of (pictures, targets) that know their number, in the order to train in, for example of
            `kerascnn.data.pipeline`.
        valid: such batches to choose the best epoch on.
        stages: for example of `transfer` or `from_scratch`.
        class_weight: weight of each class in the loss, as Keras takes it.
        callbacks: further Keras callbacks.
        verbose: as Keras takes it; `auto` shows bars on a terminal and in a notebook, elsewhere a line an epoch.

    Returns:
        The history. No absolute times are in it: the same seed gives the same history.

    Raises:
        ValueError: for no stages, a stage that the model does not have, or data without a batch or of unknown length.
        RuntimeError: if a frozen layer moved, or the loss is no longer finite. The model has its best weights then.
    """
    if not stages:
        raise ValueError("fit needs at least one stage.")
    for stage in stages:  # a stage that the model does not have is refused now, not when its turn comes
        layers_below(task.training_model, stage.trainable)
    for name, batches in (("train", train), ("valid", valid)):
        _check_batches(name, batches)
    history, best = History(), _Best(task.training_model.get_weights())
    options = {
        "x": train,
        "validation_data": valid,
        "class_weight": None if class_weight is None else dict(class_weight),
        "shuffle": False,  # the batches come shuffled; with True, Keras warns that it cannot shuffle a tf.data.Dataset
        "verbose": _verbosity() if verbose == "auto" else verbose,
    }
    with _trainable_restored(task.training_model):
        for stage in stages:
            try:
                _run(task, stage, history, best, options | {"callbacks": [*callbacks]})
            except KeyboardInterrupt:
                history.interrupted = True
                logger.warning("Interrupted: going on with the weights of the best epoch so far.")
                break
            finally:
                task.training_model.set_weights(best.weights)
                history.best_epoch = best.epoch
    return history


@contextmanager
def _trainable_restored(model: keras.Model) -> Iterator[None]:
    """Give each layer the `trainable` that it has now again when the block ends, whatever happens in it."""
    before = list(_trainable_flags(model))
    try:
        yield
    finally:
        for layer, trainable in before:
            layer.trainable = trainable


def _trainable_flags(model: keras.Model) -> Iterator[tuple[keras.layers.Layer, bool]]:
    for layer in model.layers:
        yield layer, layer.trainable
        if isinstance(layer, keras.Model):  # after the model itself, whose setter sets every layer in it
            yield from _trainable_flags(layer)


def _verbosity() -> int:
    """Show bars where they can be redrawn, on a terminal and in a notebook, and elsewhere a line an epoch."""
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2


def _check_batches(name: str, batches: Any) -> None:
    try:
        count = len(batches)
    except TypeError as error:  # None, a generator, or a tf.data.Dataset that is infinite or does not know its length
        raise ValueError(
            f"{name} must be batches of (pictures, targets) that know their number; `assert_cardinality` tells it to a "
            f"tf.data.Dataset. Received: {name}={batches!r}."
        ) from error
    if not count:
        raise ValueError(f"{name} has no batch. Received: {name}={batches!r}.")


def _run(task: Task, stage: Stage, history: History, best: "_Best", options: dict[str, Any]) -> None:
    """Run one stage; `options` are those of `model.fit` that all stages share."""
    frozen = freeze(task.training_model, stage)
    before = _fingerprint(frozen)
    task.compile(make_optimizer(stage, steps_per_epoch=len(options["x"])))
    recorder = _Recorder(stage, task.monitor, history, best)
    logger.info("Stage %s: up to %d epochs, %s trains.", stage.name, stage.epochs, stage.trainable)
    callbacks = [recorder, keras.callbacks.TerminateOnNaN(), *options["callbacks"]]
    try:
        task.training_model.fit(**options | {"epochs": stage.epochs, "callbacks": callbacks})
    finally:
        history.stages.append(
            asdict(stage)
            | {
                "epochs_run": recorder.epochs_run,
                "trained_parameters": _count(task.training_model.trainable_weights),
                "frozen_parameters": _count(task.training_model.non_trainable_weights),
            }
        )
    if _fingerprint(frozen) != before:
        raise RuntimeError(f"A layer that the stage {stage.name} had frozen has moved: its result cannot be trusted.")
    if recorder.diverged:
        raise RuntimeError(
            f"The loss was not finite in epoch {len(history.rows)}, of the stage {stage.name}. Lower its learning rate "
            f"of {stage.learning_rate}, or look for values in the data that are not finite. "
            f"The model has the weights of epoch {best.epoch}."
        )


class _Best:
    """The weights of the best epoch so far, or those of the start."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.rank, self.epoch, self.weights = (-math.inf, -math.inf), 0, weights

    def offer(self, score: float, loss: float, epoch: int, model: keras.Model) -> bool:
        # Weights that are not numbers still get an accuracy, that of always answering the first class.
        if not math.isfinite(loss) or (score, -loss) <= self.rank:
            return False
        self.rank, self.epoch, self.weights = (score, -loss), epoch, model.get_weights()
        return True


class _Recorder(keras.callbacks.Callback):
    """Writes a row an epoch, offers its weights as the best, and ends the stage when patience runs out."""

    def __init__(self, stage: Stage, monitor: str, history: History, best: _Best) -> None:
        super().__init__()
        self.stage, self.monitor, self.history, self.best = stage, monitor, history, best
        self.epochs_run, self.waited, self.diverged = 0, 0, False

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row = {"stage": self.stage.name, "epoch": len(self.history.rows) + 1, "learning_rate": rate}
        self.history.rows.append(row | {key: float(value) for key, value in (logs or {}).items()})
        self.epochs_run += 1
        self.diverged = not (math.isfinite(logs["loss"]) and math.isfinite(logs["val_loss"]))
        improved = self.best.offer(logs[f"val_{self.monitor}"], logs["val_loss"], row["epoch"], self.model)
        self.waited = 0 if improved else self.waited + 1
        if self.diverged or (self.stage.patience is not None and self.waited >= self.stage.patience):
            self.model.stop_training = True


def _fingerprint(layers: Sequence[keras.layers.Layer]) -> str:
    digest = hashlib.sha256()
    for layer in layers:
        for weight in layer.get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()


def _count(weights: Sequence[keras.Variable]) -> int:
    return sum(int(keras.ops.size(weight)) for weight in weights)
