"""The learning rate at single steps, by hand."""

import keras
import numpy as np
import pytest

from kerascnn.training import Stage
from kerascnn.training.schedules import current_rate, make_optimizer

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


@pytest.fixture
def network():
    """Two stages of one kernel each and a head, (1, 1) all."""
    inputs = keras.Input((1, 1, 1))
    x = keras.layers.Conv2D(1, 1, name="conv1", use_bias=False)(inputs)
    x = keras.layers.Conv2D(1, 1, name="conv2", use_bias=False)(keras.layers.Identity(name="stride1")(x))
    x = keras.layers.Flatten(name="flatten")(keras.layers.Identity(name="stride2")(x))
    return keras.Model(inputs, keras.layers.Dense(1, name="predictions", use_bias=False)(x), name="tiny")


def step(network, stage, gradients, steps_per_epoch=1):
    """Give by how much each weight changes in one step from 1."""
    optimizer = make_optimizer(stage, steps_per_epoch, network)
    weights = network.trainable_variables
    for weight in weights:
        weight.assign(keras.ops.ones_like(weight))
    gradients = [keras.ops.full(weight.shape, each) for weight, each in zip(weights, gradients, strict=True)]
    optimizer.apply(gradients, weights)
    return np.array([weight.numpy().item() for weight in weights]) - 1, optimizer


@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd"}, {"weight_decay": 0.5}])
def test_each_part_has_a_rate_of_its_own(network, options):
    usual, _ = step(network, Stage("all", 1, 0.1, **options), [0.5, 2.0, -1.0])
    factors = {"stride1": 0.01, "head": 2.0}
    scaled, optimizer = step(network, Stage("all", 1, 0.1, rate_factors=factors, **options), [0.5, 2.0, -1.0])
    np.testing.assert_allclose(scaled, usual * [0.01, 1, 2], rtol=1e-4)
    assert current_rate(optimizer) == pytest.approx(0.2)


def test_rates_of_parts_follow_the_schedule(network):
    stage = Stage("all", 5, 0.1, schedule="cosine", warmup_epochs=1, rate_factors={"stride1": 0.1})
    optimizer = make_optimizer(stage, STEPS_PER_EPOCH, network)
    weights = network.trainable_variables
    found = []
    for _ in range(31):
        optimizer.apply([keras.ops.zeros_like(weight) for weight in weights], weights)
        found.append(sorted(float(each.learning_rate) for each in optimizer.optimizers))
    np.testing.assert_allclose([found[4], found[9], found[29]], [[0.005, 0.05], [0.01, 0.1], [0.005, 0.05]], rtol=1e-5)


def test_a_factor_of_a_frozen_part_changes_nothing(network):
    network.get_layer("conv1").trainable = False
    stage = Stage("stride2", 1, 0.1, rate_factors={"stride1": 0.1})
    assert step(network, stage, [1.0, 1.0])[0] == pytest.approx([-0.1, -0.1], rel=1e-4)


def test_a_model_with_rates_of_its_own_is_stored_and_loaded(network, tmp_path):
    stage = Stage("all", 1, 0.1, rate_factors={"stride1": 0.01})
    network.compile(make_optimizer(stage, 1, network), "mse")
    network.fit(np.ones((2, 1, 1, 1)), np.zeros((2, 1)), verbose=0)
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    rates = [float(each.learning_rate) for each in loaded.optimizer.optimizers]
    assert rates == pytest.approx([0.001, 0.1])
    for model in (network, loaded):
        model.fit(np.ones((2, 1, 1, 1)), np.zeros((2, 1)), verbose=0)
    for weight, other in zip(network.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_factors_need_the_parts_of_a_model():
    with pytest.raises(ValueError, match=r"rate_factors need the model.*\{'head': 2.0\}, model=None"):
        make_optimizer(Stage("all", 1, 0.1, rate_factors={"head": 2.0}), 1)


def test_factors_of_unknown_parts_are_refused(network):
    with pytest.raises(ValueError, match=r"tiny has the parts stride1, stride2, head.*'stride4'"):
        make_optimizer(Stage("all", 1, 0.1, rate_factors={"stride4": 0.1}), 1, network)


@pytest.mark.parametrize(("norm", "share"), [(None, 1.0), (10.0, 1.0), (1.0, 1 / 3)])
def test_gradients_are_clipped_together(network, norm, share):
    stage = Stage("all", 1, 0.1, optimizer="sgd", global_clipnorm=norm)
    gradients = np.array([1.0, 2.0, -2.0])  # of norm 3
    found, _ = step(network, stage, gradients)
    np.testing.assert_allclose(found, -0.1 * 1.9 * gradients * share, rtol=1e-5)


def test_weight_decay_makes_it_adamw():
    assert type(make_optimizer(Stage("head", 1, 0.1), 1)) is keras.optimizers.Adam
    optimizer = make_optimizer(Stage("head", 1, 0.1, weight_decay=0.01), 1)
    assert type(optimizer) is keras.optimizers.AdamW
    assert optimizer.weight_decay == 0.01
