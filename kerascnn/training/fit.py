"""Training: stage after stage with plain `model.fit`, the best weights kept, what is frozen proven not to move."""

import hashlib
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from typing import Any

import keras
import numpy as np

from kerascnn.architectures.strides import layers_below, layers_of
from kerascnn.tasks.task import Task
from kerascnn.training.callbacks import Checkpointer, InOrder, Recorder, WeightAveraging
from kerascnn.training.checkpoint import Checkpoint
from kerascnn.training.collapse import CollapseWatch
from kerascnn.training.distribution import trains_together
from kerascnn.training.interruption import RunInterrupted, StopRequest, stop_on_signals
from kerascnn.training.normalization import fused_batch_norm
from kerascnn.training.precision import check_precision, choose_precision, computing_in
from kerascnn.training.progress import Best, History, Progress
from kerascnn.training.schedules import build_optimizer, check_clipping, make_optimizer
from kerascnn.training.stages import Stage, freeze, trainable_restored
from kerascnn.training.trunk import Part, divided

logger = logging.getLogger(__name__)


def fit(
    task: Task,
    train: Any,
    valid: Any,
    stages: Sequence[Stage],
    *,
    class_weight: Mapping[int, float] | None = None,
    checkpoint: Checkpoint | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: str | int = "auto",
) -> History:
    """Train a task in stages, and leave it with the weights of its best epoch.

    Each stage freezes, compiles (Keras needs it), trains and is checked: a frozen weight or statistic that moved is an
    error. The best epoch over all stages is that with the best `task.monitor` on the validation data, the lower
    loss deciding a tie, and each stage goes on from the best before it. In the end, after an error too, each layer is
    as trainable as it was before; as always in Keras, that takes effect with the next `compile`.

    Data of `kerascnn.data.pipeline` start at the step that they were made for: another call sees the same epochs again.
    Where a stage freezes the beginning of the network, that part runs once for each picture that is not augmented, and
    beside the training for those that are, if LiteRT runs it faster; see `kerascnn.training.trunk`. The data must be
    `kerascnn.data.pipeline`'s for that. Callbacks then see the model that trains, which takes features.

    Several GPUs, or processes, share the work in the `scope` that `kerascnn.training.distribute` gives.

    Without a checkpoint, Ctrl-C ends the run as a finished one: the best weights so far are kept. With one, Ctrl-C and
    SIGTERM store the place of the run and stop it between two steps, and the same call with `resume` goes on from that
    step; so it does from the last checkpoint after the process was killed. On a CPU, the run then ends with the same
    weights and the same history, bit by bit, as one that was never stopped.

    Args:
        task: whose model is trained.
        train: batches of (pictures, targets) that know their number, in the order to train in, for example of
            `kerascnn.data.pipeline`, which a checkpoint needs.
        valid: such batches to choose the best epoch on.
        stages: for example of `transfer` or `from_scratch`.
        class_weight: weight of each class in the loss, as Keras takes it.
        checkpoint: where the place of the run is kept, see `Checkpoint`.
        callbacks: further Keras callbacks. What they remember is not in the checkpoint.
        verbose: as Keras takes it; `auto` shows bars on a terminal and in a notebook, elsewhere a line an epoch.

    Returns:
        The history. No absolute times are in it: after `keras.utils.set_random_seed`, and with data of a seed, the same
        seeds give the same history.

    Raises:
        ValueError: for no stages, a stage that the model does not have or in which nothing trains, rate factors of
            unknown parts, a precision that this machine does not have, clipping on several devices on TensorFlow, data
            without a batch or of unknown length; for a checkpoint with data that cannot start at any step, of a run
            with other settings, or with nothing to finish.
        RuntimeError: if a frozen layer moved, or the loss is no longer finite. The model has its best weights then, but
            for several processes: one that fails ends, and takes the others with it.
        RunInterrupted: a KeyboardInterrupt, after a signal, with a checkpoint.
    """
    if not stages:
        raise ValueError("fit needs at least one stage.")
    for stage in stages:  # what cannot be done is refused now, not when its turn comes
        layers_below(task.training_model, stage.trainable)
        for part, _ in stage.rate_factors:
            layers_of(task.training_model, part)
        check_clipping(stage)
        check_precision(stage.precision)
    for name, batches in (("train", train), ("valid", valid)):
        check_batches(name, batches)
    options = {
        "class_weight": None if class_weight is None else dict(class_weight),
        "shuffle": False,  # the batches come shuffled; with True, Keras warns that it cannot shuffle a tf.data.Dataset
        "verbose": _verbosity() if verbose == "auto" else verbose,
    }
    run = _Run(task, train, valid, stages, options, callbacks, checkpoint)
    model, interruptible = task.training_model, stop_on_signals() if checkpoint else nullcontext()
    with trainable_restored(model), fused_batch_norm(model), interruptible as request:
        while run.progress.stage < len(stages):
            try:
                run.train_stage(request)
            except BaseException as error:
                if not _is_of_all(error):
                    raise
                run.take_best()
                if checkpoint is not None or not isinstance(error, KeyboardInterrupt):
                    raise
                run.progress.history.interrupted = True
                logger.warning("Interrupted: going on with the weights of the best epoch so far.")
                break
            run.take_best()
            run.progress.next_stage()
        run.take_best()
        run.save(request)
    return run.progress.history


class _Run:
    """One run: its data, its place, and what all its stages share."""

    def __init__(
        self,
        task: Task,
        train: Any,
        valid: Any,
        stages: Sequence[Stage],
        options: dict[str, Any],
        callbacks: Sequence[keras.callbacks.Callback],
        checkpoint: Checkpoint | None,
    ) -> None:
        self.task, self.train, self.valid, self.stages = task, train, valid, stages
        self.options, self.callbacks = options, callbacks
        self.model, self.steps = task.training_model, len(train)
        self.progress, self.checkpoint, self.saved = Progress(Best(self.model.get_weights())), checkpoint, None
        if checkpoint is not None:
            self._open(checkpoint)

    def _open(self, checkpoint: Checkpoint) -> None:
        """Go to the place that a checkpoint says, if there is one."""
        if not hasattr(self.train, "starting_at"):
            raise ValueError(
                "A checkpoint needs batches that can start at any step, as those of kerascnn.data.pipeline can. "
                f"Received: train={self.train!r}."
            )
        self.facts = {
            "architecture": self.task.architecture,
            "options": dict(self.task.options),
            "image_size": self.task.image_size,
            "parameters": self.model.count_params(),
            "loss": keras.tree.map_structure(lambda loss: loss.get_config(), self.task.loss),
            "stages": [stage.settings() for stage in self.stages],
            "order": asdict(self.train.order.whole),
            "class_weight": self.options["class_weight"],
        }
        self.saved = checkpoint.load(self.facts)
        if checkpoint.finish:
            self._finish(checkpoint)
        elif self.saved is not None:
            self.progress = self.saved.progress
            self.saved.restore("model", self.model.variables)
            logger.info("Going on after %d epochs and %d steps.", len(self.progress.history.rows), self.progress.step)

    def _finish(self, checkpoint: Checkpoint) -> None:
        """Go to the end of a run that is broken off here."""
        if self.saved is None or not self.saved.progress.best.epoch:
            raise ValueError(f"{checkpoint.folder} holds no run with an epoch that ended: there is nothing to finish.")
        self.progress = self.saved.progress
        if self.progress.stage < len(self.stages):
            stage = self.stages[self.progress.stage]
            last = self.progress.stage == len(self.stages) - 1
            self.progress.history.interrupted = not (last and self.progress.ends(stage))
            freeze(self.model, stage)
            self._record(stage)
        self.progress.stage = len(self.stages)

    def train_stage(self, request: StopRequest | None) -> None:
        """Run a stage, or what is left of it."""
        stage, chosen = self.stages[self.progress.stage], self.progress.chosen
        frozen = freeze(self.model, stage)
        if not self.model.trainable_weights:
            raise ValueError(f"Nothing of {self.model.name} trains in the stage {stage.name}.")
        before = _fingerprint(frozen)
        logger.info("Stage %s: up to %d epochs, %s trains.", stage.name, stage.epochs, stage.trainable)
        part = divided(self.model, self.train, self.valid, stage.epochs, chosen.get("engine"))
        chosen |= {"engine": part.engine, "precision": chosen.get("precision") or self._choose_precision(stage, part)}
        try:
            with computing_in(part.model, chosen["precision"]):
                self._compile(stage, part.model)
                self._train(stage, part, request)
        except BaseException as error:
            if _is_of_all(error):
                self._end_stage(stage, part)
            raise
        self._end_stage(stage, part)
        if _fingerprint(frozen) != before:
            raise RuntimeError(
                f"A layer that the stage {stage.name} had frozen has moved: its result cannot be trusted."
            )

    def _choose_precision(self, stage: Stage, part: Part) -> str:
        if stage.precision != "auto":
            return stage.precision
        return choose_precision(part.model, partial(self._compile, stage, part.model), next(iter(part.train)))

    def _compile(self, stage: Stage, model: keras.Model) -> None:
        self.task.compile(make_optimizer(stage, self.steps, self.model), model=model)

    def _train(self, stage: Stage, part: Part, request: StopRequest | None) -> None:
        progress = self.progress
        build_optimizer(part.model)
        recorder = Recorder(progress, stage, self.task.monitor, self.task.monitor_mode, self.model)
        callbacks = [recorder, CollapseWatch(), *self.callbacks]
        if stage.ema_momentum is not None:
            callbacks.append(WeightAveraging())
        if self.checkpoint is not None:
            callbacks.append(Checkpointer(self.checkpoint, progress, self.model, self.facts, request, self.saved))
            self.saved = None
        if progress.step:
            part.model.evaluate(part.valid, steps=1, verbose=0)  # Keras makes its metrics late
            rest = self._next_batches(part.train).take(self.steps - progress.step)
            self._fit(part, rest, progress.epochs_run + 1, callbacks)
        if not progress.ends(stage):
            self._fit(part, self._next_batches(part.train), stage.epochs, callbacks)

    def _end_stage(self, stage: Stage, part: Part) -> None:
        self._record(stage)
        if part.model is not self.model or self.progress.chosen["precision"] != "float32":
            self._compile(stage, self.model)  # so that it can be evaluated as after any other stage

    def _record(self, stage: Stage) -> None:
        """Write what ran of a stage into the history; `freeze` has set what trains."""
        self.progress.history.stages.append(
            stage.settings()
            | self.progress.chosen
            | {
                "epochs_run": self.progress.epochs_run,
                "trained_parameters": _count(self.model.trainable_weights),
                "frozen_parameters": _count(self.model.non_trainable_weights),
            }
        )

    def take_best(self) -> None:
        """Give the model the weights of the best epoch so far."""
        self.model.set_weights(self.progress.best.weights)
        self.progress.history.best_epoch = self.progress.best.epoch

    def save(self, request: StopRequest | None) -> None:
        """Store that all stages have run: what remains to be done is not training."""
        if self.checkpoint is None:
            return
        written = self.checkpoint.save(self.progress, {"model": self.model.variables}, self.facts)
        if signal := request.agreed():
            raise RunInterrupted(f"Stopped by {signal} after the training. {self.checkpoint.describe(written)}", signal)

    def _next_batches(self, train: Any) -> Any:
        """Give training data from the next step on, where they can start there."""
        if not hasattr(train, "starting_at"):
            return train
        done = len(self.progress.history.rows) * self.steps + self.progress.step
        return train.starting_at(self.train.order.first_step + done)

    def _fit(self, part: Part, batches: Any, epochs: int, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        valid = part.valid
        if hasattr(valid, "starting_at") and valid.order.seed is not None:  # else every epoch is the same
            valid = valid.starting_at(valid.order.first_step + len(self.progress.history.rows) * len(valid))
        ordered = [InOrder(batches)] if hasattr(batches, "go_to") else []
        options = {"initial_epoch": self.progress.epochs_run, "epochs": epochs, "callbacks": [*ordered, *callbacks]}
        part.model.fit(batches, validation_data=valid, **self.options | options)


def _is_of_all(error: BaseException) -> bool:
    """Whether what ends a stage ends it in every process, so that they can still assign weights together.

    A signal stops all of several processes at the same step. An error may be that of one, and the others are in the
    middle of a step: they would wait for each other for good.
    """
    return isinstance(error, RunInterrupted) or not trains_together()


def _verbosity() -> int:
    """Show bars where they can be redrawn, on a terminal and in a notebook, and elsewhere a line an epoch."""
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2


def check_batches(name: str, batches: Any) -> None:
    """Refuse what is no batches of known number.

    Args:
        name: what the message calls them.
        batches: of (pictures, targets).

    Raises:
        ValueError: for arrays, data of unknown length, and data without a batch.
    """
    if isinstance(batches, tuple | list | np.ndarray):
        raise ValueError(
            f"{name} must be batches of (pictures, targets), such as tf.data.Dataset.from_tensor_slices((pictures, "
            f"targets)).batch(32). Received: a {type(batches).__name__}."
        )
    try:
        count = len(batches)
    except TypeError as error:  # None, a generator, or a tf.data.Dataset that is infinite or does not know its length
        raise ValueError(
            f"{name} must be batches of (pictures, targets) that know their number; `assert_cardinality` tells it to a "
            f"tf.data.Dataset. Received: {name}={batches!r}."
        ) from error
    if not count:
        raise ValueError(f"{name} has no batch. Received: {name}={batches!r}.")


def _fingerprint(layers: Sequence[keras.layers.Layer]) -> str:
    digest = hashlib.sha256()
    for layer in layers:
        for weight in layer.get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()


def _count(weights: Sequence[keras.Variable]) -> int:
    return sum(int(keras.ops.size(weight)) for weight in weights)
