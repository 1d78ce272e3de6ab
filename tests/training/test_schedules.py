"""The learning rate at single steps, by hand."""

import keras
import numpy as np
import pytest

from kerascnn.training import Stage
from kerascnn.training.schedules import make_optimizer

STEPS_PER_EPOCH = 10


def rates(steps, **options):
    """Give the learning rate of a stage of 5 epochs at 0.1 after so many steps."""
    optimizer = make_optimizer(Stage("head", 5, 0.1, **options), STEPS_PER_EPOCH)
    found = []
    for step in steps:
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    return found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {0: 0.1, 25: 0.1, 50: 0.1}),
        ({"warmup_epochs": 2}, {0: 0.0, 5: 0.025, 10: 0.05, 20: 0.1, 21: 0.1, 50: 0.1}),
        ({"schedule": "cosine"}, {0: 0.1, 25: 0.05, 50: 0.0, 60: 0.0}),
        # The cosine runs over the 40 steps after the warm-up: a quarter, the middle and the end of it.
        (
            {"schedule": "cosine", "warmup_epochs": 1},
            {0: 0.0, 5: 0.05, 10: 0.1, 20: 0.05 * (1 + np.sqrt(0.5)), 30: 0.05, 50: 0.0},
        ),
        ({"schedule": "cosine", "warmup_epochs": 0.25}, {0: 0.0, 1: 0.05, 2: 0.1, 26: 0.05, 50: 0.0}),
        ({"warmup_epochs": 0.01}, {0: 0.1, 50: 0.1}),  # less than half a step is none
    ],
)
def test_rate_follows_warm_up_and_schedule(options, expected):
    assert rates(expected, **options) == pytest.approx(list(expected.values()), abs=1e-7)


def test_one_step_is_enough_for_a_stage():
    optimizer = make_optimizer(Stage("head", 1, 0.1, schedule="cosine", warmup_epochs=0.5), steps_per_epoch=1)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)


def test_sgd_has_the_momentum_of_nesterov_and_decays_kernels_only():
    stage = Stage("head", 1, 0.1, optimizer="sgd", weight_decay=0.5)
    dense = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    dense.build((None, 1))
    optimizer = make_optimizer(stage, 1)
    gradients = [keras.ops.ones((1, 1)), keras.ops.ones((1,))]
    kernel, bias, momentum = 1.0, 1.0, 0.0
    for _ in range(3):
        optimizer.apply(gradients, dense.trainable_variables)
        # Sutskever et al. 2013, equations 3 and 4, written for the point that is looked ahead to.
        momentum = 0.9 * momentum - 0.1
        kernel = kernel * (1 - 0.1 * 0.5) + 0.9 * momentum - 0.1
        bias += 0.9 * momentum - 0.1
        assert [float(each.numpy().item()) for each in dense.trainable_variables] == pytest.approx([kernel, bias])


def test_weight_decay_makes_it_adamw():
    assert type(make_optimizer(Stage("head", 1, 0.1), 1)) is keras.optimizers.Adam
    optimizer = make_optimizer(Stage("head", 1, 0.1, weight_decay=0.01), 1)
    assert type(optimizer) is keras.optimizers.AdamW
    assert optimizer.weight_decay == 0.01
