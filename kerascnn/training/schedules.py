"""Optimisers with their learning-rate schedules, as a stage describes them."""

import re
from collections.abc import Callable
from functools import partial

import keras

from kerascnn.architectures.strides import layers_of
from kerascnn.training.distribution import count_replicas
from kerascnn.training.stages import Stage

MOMENTUM = 0.9
NOT_DECAYED = ["bias", "gamma", "beta"]

Rate = float | keras.optimizers.schedules.LearningRateSchedule


def make_optimizer(
    stage: Stage,
    steps_per_epoch: int,
    model: keras.Model | None = None,
    *,
    rate: Callable[[float], Rate] | None = None,
) -> keras.optimizers.Optimizer:
    """Make the optimiser of a stage: Adam or SGD, with decoupled weight decay where there is some.

    Args:
        stage: says what it is like.
        steps_per_epoch: batches in an epoch.
        model: the network whose parts the stage's `rate_factors` name; it may be left out where there are none.
        rate: gives the rate of a part from its factor, 1 where it has none; None is what the stage says.

    Returns:
        An optimiser whose rate rises over the warm-up and is then constant or falls to zero along a cosine; with
        `rate_factors`, Keras' `MultiOptimizer` of one such optimiser for each of them. For `mixed_float16`, it scales
        the loss, whose gradients would underflow.

    Raises:
        ValueError: for factors without a model, or of a part that it does not have.
    """
    if stage.rate_factors and model is None:
        raise ValueError(
            "rate_factors need the model whose parts they name. "
            f"Received: rate_factors={dict(stage.rate_factors)}, model=None."
        )
    rate = rate or partial(_make_rate, stage, steps_per_epoch)
    optimizer = _make_optimizer(stage, rate(1.0))
    if stage.rate_factors:
        optimizer = _with_factors(optimizer, stage, model, rate)
    # Keras adds this by itself only to a model that was built in that precision.
    return keras.optimizers.LossScaleOptimizer(optimizer) if stage.precision == "mixed_float16" else optimizer


def _with_factors(
    usual: keras.optimizers.Optimizer, stage: Stage, model: keras.Model, rate: Callable[[float], Rate]
) -> keras.optimizers.MultiOptimizer:
    optimizers = keras.optimizers.OptimizerMap(usual)
    for part, factor in stage.rate_factors:
        paths = [
            weight.path for name in sorted(layers_of(model, part)) for weight in model.get_layer(name).trainable_weights
        ]
        if paths:  # a part that is frozen has none
            optimizers["|".join(map(re.escape, paths))] = _make_optimizer(stage, rate(factor))
    return keras.optimizers.MultiOptimizer(optimizers)


def check_clipping(stage: Stage) -> None:
    """Refuse to clip the gradients of a stage where each device would clip those of its own part of a batch.

    Raises:
        ValueError: for `global_clipnorm` on TensorFlow on several devices.
    """
    replicas = count_replicas()
    if stage.global_clipnorm is not None and replicas > 1:
        raise ValueError(
            "global_clipnorm cannot go with several devices on TensorFlow, where Keras clips what each device found "
            "before it adds them. Leave it out, train on one device, or set KERAS_BACKEND=jax. "
            f"Received: global_clipnorm={stage.global_clipnorm} on {replicas} devices."
        )


def build_optimizer(model: keras.Model) -> None:
    """Make the variables of a compiled model's optimiser before the first step.

    If they appear in it, TensorFlow traces the step twice, which takes longer than hundreds of steps.
    """
    model.optimizer.build(model.trainable_variables)


def current_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Give the learning rate of the next step: the highest one, where parts have factors."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # that scales the loss around it
    optimizers = getattr(optimizer, "optimizers", [optimizer])
    # One that is not built has no weights to train, and its schedule stands still.
    return max(float(keras.ops.convert_to_numpy(each.learning_rate)) for each in optimizers if each.built)


def _make_rate(stage: Stage, steps_per_epoch: int, factor: float) -> Rate:
    highest = stage.learning_rate * factor
    warmup_steps = round(stage.warmup_epochs * steps_per_epoch)
    if stage.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup_steps else highest,
            decay_steps=max(1, stage.epochs * steps_per_epoch - warmup_steps),
            warmup_target=highest if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    if warmup_steps:
        return keras.optimizers.schedules.PolynomialDecay(0.0, warmup_steps, end_learning_rate=highest)
    return highest


def _make_optimizer(stage: Stage, rate: Rate) -> keras.optimizers.Optimizer:
    options = {
        "weight_decay": stage.weight_decay or None,
        "global_clipnorm": stage.global_clipnorm,
        "use_ema": stage.ema_momentum is not None,
        "ema_momentum": stage.ema_momentum,
    }
    if stage.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=MOMENTUM, nesterov=True, **options)
    elif stage.weight_decay:
        optimizer = keras.optimizers.AdamW(rate, **options)
    else:
        optimizer = keras.optimizers.Adam(rate, **options)
    if stage.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer
