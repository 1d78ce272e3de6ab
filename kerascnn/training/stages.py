"""Stages: what trains, for how long, at which rate. A way of training is a list of them, and nothing else.

A stage is named by the part of the network that trains: `head` is everything after the last feature map, `strideN` the
stage of the network that ends in the layer `strideN` and everything after it, the name of a layer is that layer and
everything after it, `all` the whole network.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any, Literal

import keras

from kerascnn.architectures.strides import layers_below

CHOICES = {
    "schedule": ("constant", "cosine"),
    "batch_norm": ("frozen", "trained"),
    "optimizer": ("adam", "sgd"),
    "precision": ("float32", "mixed_bfloat16", "mixed_float16", "auto"),
}
FROM_SCRATCH = {"adam": (1e-3, 0.05), "sgd": (0.1, 1e-3)}  # usual learning rate and weight decay


@dataclass(frozen=True)
class Stage:
    """One part of a training run.

    Attributes:
        trainable: `head`, `strideN`, the name of a layer, or `all`.
        epochs: at most so many.
        learning_rate: at its highest, after the warm-up.
        schedule: `cosine` lets the rate fall to zero over the stage, `constant` does not.
        warmup_epochs: the rate rises from zero over so many epochs, which may be a fraction.
        patience: ends the stage after so many epochs without a new best one; None never does.
        batch_norm: `frozen` keeps every batch normalisation in inference mode, which small data need: their statistics
            are those of the pre-training. `trained` lets those of the trained part learn.
        optimizer: `adam`, or `sgd` with Nesterov's momentum of 0.9.
        weight_decay: share of each kernel, times the learning rate, that a step takes off it (decoupled, as in AdamW);
            biases and batch normalisations keep theirs.
        rate_factors: what the learning rate of a part is multiplied with, by its name, `strideN` or `head`; parts that
            are not named have 1. Early layers, which are of use for most pictures, can so be bent less than late ones
            (Howard and Ruder 2018, section 3.2). Given as a mapping, kept as sorted pairs, which cannot change.
        ema_momentum: what is validated, and kept, is the exponential moving average of the weights, of which each step
            leaves this share as it was: 0.99 is the mean of the last hundred steps or so. None does not average. The
            statistics of batch normalisations are averages already, and stay as they are.
        global_clipnorm: the gradients of a step are shortened to this norm, taken over all weights together, where
            theirs is greater; None leaves them.
        precision: `float32`; `mixed_bfloat16` or `mixed_float16`, which compute with 16 bits and keep weights, input
            and logits at 32; `auto` times a few steps and takes the faster one that the hardware has. See
            `kerascnn.training.precision`.
        name: what the history calls this stage; by default what trains.
    """

    trainable: str
    epochs: int
    learning_rate: float
    _: KW_ONLY
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_epochs: float = 0.0
    patience: int | None = None
    batch_norm: Literal["frozen", "trained"] = "frozen"
    weight_decay: float = 0.0
    optimizer: Literal["adam", "sgd"] = "adam"
    rate_factors: Mapping[str, float] | Sequence[tuple[str, float]] = ()
    ema_momentum: float | None = None
    global_clipnorm: float | None = None
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"] = "float32"
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse values that make no sense, and name the stage."""
        object.__setattr__(self, "rate_factors", tuple(sorted(dict(self.rate_factors).items())))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:  # a misspelt word would quietly be the other one
                raise ValueError(f"{name} must be {' or '.join(choices)}. Received: {name}={getattr(self, name)!r}.")
        if not (self.epochs >= 1 and self.learning_rate > 0):
            raise ValueError(
                "A stage needs at least one epoch and a positive learning rate. "
                f"Received: epochs={self.epochs}, learning_rate={self.learning_rate}."
            )
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(
                f"warmup_epochs must be shorter than the stage of {self.epochs} epochs. "
                f"Received: warmup_epochs={self.warmup_epochs}."
            )
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1 epoch, or None. Received: patience={self.patience}.")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must not be negative. Received: weight_decay={self.weight_decay}.")
        if not all(factor > 0 for _, factor in self.rate_factors):
            raise ValueError(f"rate_factors must be positive. Received: rate_factors={dict(self.rate_factors)}.")
        if self.ema_momentum is not None and not 0 < self.ema_momentum < 1:
            raise ValueError(
                f"ema_momentum must lie between 0 and 1, or be None. Received: ema_momentum={self.ema_momentum}."
            )
        if self.global_clipnorm is not None and not self.global_clipnorm > 0:
            raise ValueError(
                f"global_clipnorm must be positive, or None. Received: global_clipnorm={self.global_clipnorm}."
            )
        if self.global_clipnorm is not None and self.rate_factors:
            raise ValueError(
                "global_clipnorm cannot go with rate_factors: each rate has an optimiser of its own, which would clip "
                "the gradients of its part by themselves."
            )
        object.__setattr__(self, "name", self.name or self.trainable)

    def settings(self) -> dict[str, Any]:
        """Give all that the stage says as JSON can hold it, for histories and checkpoints."""
        return asdict(self) | {"rate_factors": dict(self.rate_factors)}


def transfer(
    head_epochs: int = 10,
    fine_tune_epochs: int = 5,
    *,
    fine_tune_from: str | Sequence[str] = "all",
    head_learning_rate: float = 1e-3,
    fine_tune_learning_rate: float = 1e-4,
    rate_factors: Mapping[str, float] | None = None,
    patience: int | None = None,
) -> list[Stage]:
    """List the stages of transfer learning: a new head on the frozen network first, then the network itself.

    Args:
        head_epochs: 0 leaves the first stage out.
        fine_tune_epochs: of each further stage; 0 leaves them out.
        fine_tune_from: what trains after the head: `strideN`, the name of a layer, or `all`. Several of them, such as
            `("stride32", "stride16")`, are stages one after another, which unfreeze the network gradually (Howard and
            Ruder 2018, section 3.3).
        head_learning_rate: of the first stage, constant.
        fine_tune_learning_rate: of the second, after a warm-up of one epoch, or of a fifth of the stage if that is
            shorter, falling to zero; a tenth of the first by default, so that the pre-trained weights are bent and not
            broken.
        rate_factors: of the stages after the first, see `Stage`.
        patience: see `Stage`. For what else a stage has, `dataclasses.replace` the ones that this gives.

    Raises:
        ValueError: if both are left out, or for what `Stage` refuses.
    """
    stages = []
    if head_epochs:
        stages.append(Stage("head", head_epochs, head_learning_rate, patience=patience, name="head"))
    parts = [fine_tune_from] if isinstance(fine_tune_from, str) else fine_tune_from
    for part in parts if fine_tune_epochs else ():
        stages.append(
            Stage(
                part,
                fine_tune_epochs,
                fine_tune_learning_rate,
                schedule="cosine",
                warmup_epochs=min(1.0, fine_tune_epochs / 5),
                patience=patience,
                rate_factors=rate_factors or {},
                name="fine-tune" if len(parts) == 1 else f"fine-tune {part}",
            )
        )
    if not stages:
        raise ValueError("transfer needs head_epochs, or fine_tune_epochs of a part. Received neither.")
    return stages


def from_scratch(
    epochs: int,
    *,
    learning_rate: float | None = None,
    warmup_epochs: float = 1.0,
    patience: int | None = None,
    weight_decay: float | None = None,
    optimizer: Literal["adam", "sgd"] = "adam",
) -> list[Stage]:
    """List the one stage of training from a random initialisation: everything, with a warm-up and a cosine.

    Args:
        epochs: at least 1.
        learning_rate: at its highest; by default 1e-3 for adam and 0.1 for sgd.
        warmup_epochs: at most half of the epochs are used.
        patience: see `Stage`.
        weight_decay: see `Stage`; by default 0.05 for adam, and 1e-3 for sgd, which is what papers call 1e-4: there it
            goes through the momentum of 0.9 and counts ten times.
        optimizer: see `Stage`.

    Raises:
        ValueError: for what `Stage` refuses.
    """
    usual_rate, usual_decay = FROM_SCRATCH.get(optimizer, FROM_SCRATCH["adam"])
    return [
        Stage(
            "all",
            epochs,
            usual_rate if learning_rate is None else learning_rate,
            schedule="cosine",
            warmup_epochs=min(warmup_epochs, epochs / 2),
            patience=patience,
            batch_norm="trained",
            weight_decay=usual_decay if weight_decay is None else weight_decay,
            name="from scratch",
            optimizer=optimizer,
        )
    ]


def freeze(model: keras.Model, stage: Stage) -> list[keras.layers.Layer]:
    """Set what trains in a stage; `model.compile` must be called afterwards.

    Args:
        model: a functional model with layers named `strideN`.
        stage: what trains.

    Returns:
        The layers that are frozen: those before the part that trains, and, unless the stage trains them, all batch
        normalisations.

    Raises:
        ValueError: for a stride at which no stage of the model ends, or a head where no stage does.
    """
    below = layers_below(model, stage.trainable)
    model.trainable = True  # of the model and of every layer; a model that is frozen as such would hide what they say
    for layer in model.layers:
        layer.trainable = layer.name not in below
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization) and stage.batch_norm == "frozen":
            layer.trainable = False
    return [layer for layer in all_layers(model) if not layer.trainable and layer.weights]


@contextmanager
def trainable_restored(model: keras.Model) -> Iterator[None]:
    """Give each layer the `trainable` that it has now again when the block ends, whatever happens in it."""
    # Each model before its layers, since its setter sets all of them.
    before = [(layer, layer.trainable) for layer in (model, *all_layers(model))]
    try:
        yield
    finally:
        for layer, trainable in before:
            layer.trainable = trainable


def all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Give the layers of a model, each model among them followed by its own."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
