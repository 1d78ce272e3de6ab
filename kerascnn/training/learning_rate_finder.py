"""The learning-rate finder: some steps at a rate that rises from hopeless to ruinous, and a look at the loss.

This is the range test of Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (arXiv:1506.01186), section
3.3. The rate rises exponentially, as in fast.ai's finder, and not linearly, since it is its magnitude that is sought.
"""

import logging
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerascnn.tasks.task import Task
from kerascnn.training.fit import check_batches
from kerascnn.training.schedules import build_optimizer, check_clipping, make_optimizer
from kerascnn.training.stages import Stage, freeze, trainable_restored

logger = logging.getLogger(__name__)

LEAST_STEPS = 20  # below, one batch would decide
HOPELESS = 0.1  # share of the steps, the first ones, that show where the loss begins
SMOOTHED_OVER = 0.25  # decades of the rate: standard deviation of the Gaussian that weighs the steps around one
DIVERGED = 4.0  # times the lowest loss, as in fast.ai's finder
FALLEN = 2 / 3  # of the way to the lowest loss: there is the suggestion
LEAST_FALL = 4.0  # standard errors of the lowest mean; noise alone falls as far in one search of 20


@dataclass(frozen=True)
class LearningRateSearch:
    """What a search for the learning rate saw.

    Attributes:
        rates: of the steps that ran, rising.
        losses: of their batches.
        smoothed_losses: means of the losses around each step.
        suggestion: the learning rate to train at.
        diverged_at: number of the step, from 0, whose loss ended the search; None if all steps ran. A loss that is not
            finite is not among the losses.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed_losses: tuple[float, ...]
    suggestion: float
    diverged_at: int | None = None


def find_learning_rate(
    task: Task,
    train: Any,
    stage: Stage,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    class_weight: Mapping[int, float] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> LearningRateSearch:
    """Search the learning rate of a stage, and leave everything as it was.

    The stage is trained for some steps at a rate that rises exponentially, with its optimiser and with what it freezes
    frozen, in float32. The search ends early when the loss diverges: when its mean over the last steps is four times
    the lowest one before, and above where it began.

    The suggestion is the first rate at which the smoothed loss has fallen two thirds of the way from where it began,
    the mean of the first tenth of the steps, to its lowest. That is where the loss falls fast: far above the rates that
    are too low to matter, and a good way below those that do harm. It needs no derivative, which of single batches is
    mostly noise, and no tenth of the rate at the minimum, which on small data lies anywhere on a plateau. The smoothing
    looks both ways, since a mean over the steps before lags behind, by half a decade and more.

    Afterwards all variables, those of random generators in the model included, what each layer trains, how the model
    was compiled, and the random states of Python and NumPy are as they were, after an error too: training goes on, bit
    by bit on a CPU, as if there had been no search. Data of `kerascnn.data.pipeline` are left at their place; other
    data are read from, as often as needed.

    Args:
        task: whose model is to be trained.
        train: batches of (pictures, targets) that know their number; they are repeated where an epoch is shorter than
            the search.
        stage: what trains, and how. Its own rate, schedule and epochs play no part; with `rate_factors`, the rates here
            are those of the parts without one.
        lowest: the rate of the first step, which should be too low to matter.
        highest: the rate of the last step, which should be too high.
        steps: at least 20. Fewer make the suggestion higher, since there is less time to fall at each rate.
        class_weight: weight of each class in the loss, as Keras takes it.
        callbacks: further Keras callbacks; they see a model of the same layers.

    Returns:
        The losses and the suggestion.

    Raises:
        ValueError: for a range or a number of steps that make no sense, data without a batch or of unknown length, a
            stage that the model does not have or in which nothing trains, clipping on several devices on TensorFlow.
        RuntimeError: if there is nothing to suggest, since the loss was not finite from the start, diverged at once, or
            never fell, or since the data ended or a callback stopped the search before it could be seen.
    """
    if not 0 < lowest < highest < math.inf or steps < LEAST_STEPS:
        raise ValueError(
            f"lowest must be positive and below highest, and steps at least {LEAST_STEPS}. "
            f"Received: lowest={lowest}, highest={highest}, steps={steps}."
        )
    check_batches("train", train)
    check_clipping(stage)
    if hasattr(train, "starting_at"):  # a copy of its own, which counts its own epochs
        train = train.starting_at(train.order.first_step)
    test = _RangeTest(np.geomspace(lowest, highest, steps))
    with _restored(task.training_model):
        logger.info("Stage %s: %d steps at rates from %g to %g.", stage.name, steps, lowest, highest)
        probe = _compile_probe(task, stage, test.rates)
        probe.fit(
            train,
            epochs=-(-steps // len(train)),
            shuffle=False,
            class_weight=None if class_weight is None else dict(class_weight),
            callbacks=[test, *callbacks],
            verbose=0,
        )
    rates, losses = test.rates[: len(test.losses)], np.array(test.losses)
    smoothed = smooth(rates, losses)
    if len(losses) <= test.first and test.diverged_at is None:
        raise RuntimeError(
            f"The search ended after {len(losses)} of {steps} steps, too early to see the loss fall: a callback "
            "stopped it, or the data have fewer batches than they say."
        )
    suggestion = suggest(rates, losses, smoothed, test.first)
    return LearningRateSearch(
        tuple(rates.tolist()), tuple(test.losses), tuple(smoothed.tolist()), suggestion, test.diverged_at
    )


class _RangeTest(keras.callbacks.Callback):
    """Keeps the loss of each step, and ends the training after the last one, or where the loss diverges.

    Args:
        rates: of all steps, rising.
    """

    def __init__(self, rates: np.ndarray) -> None:
        super().__init__()
        self.rates, self.first = rates, round(HOPELESS * len(rates))
        self.losses: list[float] = []
        self.lowest, self.diverged_at = math.inf, None

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Forget the steps before: what Keras logs is the mean since the metrics were reset."""
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Keep the loss, and look whether the search ends."""
        step, loss = len(self.losses), float(logs["loss"])
        if math.isfinite(loss):
            self.losses.append(loss)
        if not math.isfinite(loss) or self._diverges():
            self.diverged_at = step
        if self.diverged_at is not None or len(self.losses) == len(self.rates):
            self.model.stop_training = True

    def _diverges(self) -> bool:
        losses = np.array(self.losses)
        if len(losses) <= self.first:
            return False
        began = losses[: self.first].mean()
        smoothed = smooth(self.rates[: len(losses)], losses)[-1]
        self.lowest = min(self.lowest, began, smoothed)
        return smoothed > max(DIVERGED * self.lowest, began)


def _compile_probe(task: Task, stage: Stage, rates: np.ndarray) -> keras.Model:
    """Make a model of the same layers, so that the task's own stays compiled as it is, and ready to take the steps."""
    model = task.training_model
    freeze(model, stage)
    if not model.trainable_weights:
        raise ValueError(f"Nothing of {model.name} trains in the stage {stage.name}.")
    lowest, highest = float(rates[0]), float(rates[-1])

    def rising(factor: float) -> keras.optimizers.schedules.LearningRateSchedule:
        return keras.optimizers.schedules.ExponentialDecay(lowest * factor, len(rates) - 1, highest / lowest)

    probe = keras.Model(model.input, model.output, name="probe")
    task.compile(make_optimizer(stage, len(rates), model, rate=rising), model=probe)
    build_optimizer(probe)
    return probe


def smooth(rates: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Give the means of the losses around each step, (N,)."""
    return _weights(rates) @ losses


def _weights(rates: np.ndarray) -> np.ndarray:
    """Give the weight of each step in the mean of each, (N, N): a Gaussian of their distance in decades."""
    decades = np.log10(rates)
    weights = np.exp(-0.5 * ((decades[:, None] - decades) / SMOOTHED_OVER) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


def suggest(rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray, first: int) -> float:
    """Give the first rate at which the smoothed loss has fallen far enough.

    Args:
        rates: (N,), rising.
        losses: (N,).
        smoothed: (N,).
        first: steps that show where the loss begins.

    Raises:
        RuntimeError: if it does not fall.
    """
    if len(losses) == 0:
        raise RuntimeError(
            "The loss of the first step was not finite, and no learning rate mends that: look for values in the data, "
            "or for weights, that are not finite."
        )
    if len(losses) <= first:
        raise RuntimeError(
            f"The loss was not finite any more after {len(losses)} steps, at a learning rate of {rates[-1]:.1e}: start "
            "with a lower one."
        )
    began, lowest = losses[:first].mean(), int(smoothed.argmin())
    fall, error = began - smoothed[lowest], _noise(losses) * np.linalg.norm(_weights(rates)[lowest])
    if lowest < first or fall < LEAST_FALL * error:
        raise RuntimeError(
            f"The loss never fell: it began at {began:.3g}, and its lowest mean was {smoothed[lowest]:.3g} ± "
            f"{error:.2g} at a learning rate of {rates[lowest]:.1e}. Search over more steps, with larger batches, or "
            "from a lower to a higher rate. A network that has learnt all that it can has none."
        )
    return float(rates[np.argmax(smoothed <= began - FALLEN * fall)])


def _noise(losses: np.ndarray) -> float:
    """Estimate the standard deviation of single losses from the differences of neighbours, few of which may be wild."""
    return float(np.median(np.abs(np.diff(losses))) / (0.6745 * math.sqrt(2)))  # 0.6745: the normal distribution's


@contextmanager
def _restored(model: keras.Model) -> Iterator[None]:
    """Give a model and the global random states what they have now again when the block ends, whatever happens in it.

    Data may draw from the global states: those of `kerascnn.data.pipeline` do not.
    """
    values = [(variable, keras.ops.convert_to_numpy(variable)) for variable in model.variables]
    states = random.getstate(), np.random.get_state()
    try:
        with trainable_restored(model):
            yield
    finally:
        for variable, value in values:
            variable.assign(value)
        random.setstate(states[0])
        np.random.set_state(states[1])
