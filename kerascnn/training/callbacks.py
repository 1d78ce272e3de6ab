"""What happens between two steps, and between two epochs, of a stage."""

import math
from collections.abc import Mapping
from typing import Any

import keras

from kerascnn.training.checkpoint import Checkpoint, Saved
from kerascnn.training.distribution import ask_all
from kerascnn.training.interruption import RunInterrupted, StopRequest
from kerascnn.training.progress import Progress
from kerascnn.training.schedules import current_rate
from kerascnn.training.stages import Stage


class InOrder(keras.callbacks.Callback):
    """Tells batches at which epoch they are, whatever Keras has read of them ahead, or only to see their shapes.

    Args:
        batches: of `kerascnn.data.pipeline`, as they are given to `fit`.
    """

    def __init__(self, batches: Any) -> None:
        super().__init__()
        self.batches, self.step = batches, batches.order.first_step

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Go to the first step of the pass, which is made after this."""
        self.batches.go_to(self.step)
        self.step += len(self.batches)


class Recorder(keras.callbacks.Callback):
    """Counts steps, writes a row an epoch, keeps the best weights, and ends the stage when patience runs out.

    Args:
        progress: is brought up to date.
        stage: that runs.
        monitor: name of the metric whose best value on the validation data is the best epoch.
        mode: whether that is the highest, `max`, or the lowest, `min`.
        whole: the model whose weights are kept; the one in training may be a part of it.
    """

    def __init__(self, progress: Progress, stage: Stage, monitor: str, mode: str, whole: keras.Model) -> None:
        super().__init__()
        self.progress, self.stage, self.monitor, self.whole = progress, stage, monitor, whole
        self.sign = -1.0 if mode == "min" else 1.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Note how much of the epoch ran before it was interrupted."""
        self.before = self.progress.step

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Count the step, and refuse a loss that is not finite."""
        self.progress.step = self.before + batch + 1
        if not math.isfinite(logs["loss"]):
            raise RuntimeError(self._diverged("loss", f", step {self.progress.step}"))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write the row, and look whether the stage ends."""
        if not math.isfinite(logs["val_loss"]):
            raise RuntimeError(self._diverged("validation loss", ""))
        rate = current_rate(self.model.optimizer)
        row = {"stage": self.stage.name, "learning_rate": rate} | {key: float(value) for key, value in logs.items()}
        self.progress.end_epoch(row, self.sign * logs[f"val_{self.monitor}"], logs["val_loss"], self.whole.get_weights)
        if self.progress.ends(self.stage):
            self.model.stop_training = True

    def _diverged(self, what: str, where: str) -> str:
        return (
            f"The {what} was not finite in epoch {len(self.progress.history.rows) + 1}{where}, of the stage "
            f"{self.stage.name}. Lower its learning rate of {self.stage.learning_rate}, or look for values in the data "
            f"that are not finite. The model has the weights of epoch {self.progress.best.epoch}."
        )


class WeightAveraging(keras.callbacks.Callback):
    """Shows the averaged weights to the validation, and to the callbacks before this one at the end of an epoch.

    The optimiser keeps the averages. What trains, and what a checkpoint stores, are the weights themselves.
    """

    def on_test_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Put the averages in the place of the weights."""
        self.trained = [keras.ops.convert_to_numpy(weight) for weight in self.model.trainable_weights]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        for weight in self.model.trainable_weights:
            # On JAX, it is now the same memory as the average, which the validation would give away with the weights.
            weight.assign(keras.ops.convert_to_numpy(weight))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Put the weights back."""
        for weight, value in zip(self.model.trainable_weights, self.trained, strict=True):
            weight.assign(value)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Put the weights back, since Keras leaves the averages when `fit` ends, and another `fit` may go on."""
        self.on_epoch_end(-1)


class Checkpointer(keras.callbacks.Callback):
    """Goes on from a checkpoint, writes new ones, and stops between two steps when a signal asked for it.

    Args:
        checkpoint: where to.
        progress: the place of the run; a `Recorder` that stands before keeps it up to date.
        whole: the model whose variables are stored; the one in training may be a part of it.
        facts: what must be the same when the run goes on.
        request: whether to stop.
        saved: what to go on from, if the stage was interrupted.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        progress: Progress,
        whole: keras.Model,
        facts: Mapping[str, Any],
        request: StopRequest,
        saved: Saved | None,
    ) -> None:
        super().__init__()
        self.checkpoint, self.progress, self.whole, self.facts = checkpoint, progress, whole, facts
        self.request, self.saved = request, saved

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Restore the optimiser."""
        if self.saved is not None:
            self.model.optimizer.build(self.model.trainable_variables)
            self.saved.restore("optimizer", self.model.optimizer.variables)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Restore the metrics of an epoch that was interrupted."""
        # The loss and the metrics of an epoch are means over its batches, those before the interruption included.
        if self.saved is not None and self.progress.step:
            self.saved.restore("metrics", self.model.metrics_variables)
        self.saved = None

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Save if it is time, unless the validation of the epoch comes first."""
        if batch + 1 < self.params["steps"]:  # the last step of an epoch is followed by its validation
            self._save_if_due()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Save if it is time."""
        self._save_if_due()

    def _save_if_due(self) -> None:
        signal = self.request.agreed()
        if not (self.checkpoint.step_is_due() or signal):
            return
        model = self.model  # on JAX, this brings what was trained back into the variables
        variables = {"optimizer": model.optimizer.variables, "metrics": model.metrics_variables}
        written = self.checkpoint.save(self.progress, {"model": self.whole.variables, **variables}, self.facts)
        if signal:
            written = bool(ask_all(written)[0])
            raise RunInterrupted(
                f"Stopped by {signal} after {len(self.progress.history.rows)} epochs and {self.progress.step} steps. "
                f"{self.checkpoint.describe(written)}",
                signal,
            )
