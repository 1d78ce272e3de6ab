"""Averaged weights: what is validated and kept is the average, what trains is not."""

import keras
import numpy as np
import pytest

from kerascnn.training import Stage
from tests.training.small_run import STEPS, AtStep, Killed, kill, make_task, run

MOMENTUM = 0.8
PLAIN = Stage("all", 3, 0.02, batch_norm="trained")
AVERAGED = Stage("all", 3, 0.02, batch_norm="trained", ema_momentum=MOMENTUM)
FACTORS = {"rate_factors": {"stride2": 0.5}}


class Weights(keras.callbacks.Callback):
    """Keeps the weights after each step, and those at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append([keras.ops.convert_to_numpy(each) for each in self.model.trainable_weights])

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append([keras.ops.convert_to_numpy(each) for each in self.model.trainable_weights])


@pytest.mark.parametrize("options", [{}, FACTORS])
def test_epochs_end_with_the_average_of_a_training_that_does_not_know_it(options):
    plain, averaged = Weights(), Weights()
    stage = Stage("all", 3, 0.02, batch_norm="trained", **options)
    run(stages=[stage], callbacks=[plain])
    history, weights = run(
        stages=[Stage("all", 3, 0.02, batch_norm="trained", ema_momentum=MOMENTUM, **options)], callbacks=[averaged]
    )
    averages = None
    for step, (trained, same) in enumerate(zip(plain.steps, averaged.steps, strict=True), start=1):
        averages = averages or trained  # from the first step on, as Keras has it
        averages = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(averages, trained, strict=True)]
        for weight, other in zip(trained, same, strict=True):
            np.testing.assert_array_equal(weight, other)
        if step % STEPS == 0:
            for weight, other in zip(averaged.epochs[step // STEPS - 1], averages, strict=True):
                np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)
    best = averaged.epochs[history.best_epoch - 1]
    task = make_task()
    task.model.set_weights(weights)
    for weight, other in zip(task.model.trainable_weights, best, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), other)


def test_a_run_that_is_killed_goes_on_with_weights_and_averages(tmp_path):
    stages = [AVERAGED, Stage("head", 1, 0.05, ema_momentum=MOMENTUM)]
    undisturbed = run(stages=stages)
    for step in (3, 4, 5):
        with pytest.raises(Killed):
            run(tmp_path, stages=stages, resume=True, callbacks=[AtStep(step, kill)])
    history, weights = run(tmp_path, stages=stages, resume=True)
    assert history == undisturbed[0]
    for array, other in zip(weights, undisturbed[1], strict=True):
        np.testing.assert_array_equal(array, other)


def test_the_validation_is_that_of_the_averages():
    history, weights = run(stages=[AVERAGED])
    assert history.rows != run(stages=[PLAIN])[0].rows
    again, _ = run(stages=[Stage("head", 1, 1e-12)], task=_with(weights))  # a rate that moves nothing
    best = history.rows[history.best_epoch - 1]
    assert again.rows[0]["val_loss"] == pytest.approx(best["val_loss"], rel=1e-5)


def _with(weights):
    task = make_task()
    task.model.set_weights(weights)
    return task
