"""Optimisers with their learning-rate schedules, as a stage describes them."""

import keras

from kerascnn.training.stages import Stage

MOMENTUM = 0.9
NOT_DECAYED = ["bias", "gamma", "beta"]


def make_optimizer(stage: Stage, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Make the optimiser of a stage: Adam or SGD, with decoupled weight decay where there is some.

    Args:
        stage: gives kind, rate, schedule, warm-up and decay.
        steps_per_epoch: batches in an epoch.

    Returns:
        An optimiser whose rate rises over the warm-up and is then constant or falls to zero along a cosine.
    """
    warmup_steps = round(stage.warmup_epochs * steps_per_epoch)
    rate = stage.learning_rate
    if stage.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup_steps else stage.learning_rate,
            decay_steps=max(1, stage.epochs * steps_per_epoch - warmup_steps),
            warmup_target=stage.learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    elif warmup_steps:
        rate = keras.optimizers.schedules.PolynomialDecay(0.0, warmup_steps, end_learning_rate=stage.learning_rate)
    if stage.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            rate, momentum=MOMENTUM, nesterov=True, weight_decay=stage.weight_decay or None
        )
    elif stage.weight_decay:
        optimizer = keras.optimizers.AdamW(rate, weight_decay=stage.weight_decay)
    else:
        optimizer = keras.optimizers.Adam(rate)
    if stage.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer
