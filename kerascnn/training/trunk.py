"""The trunk: the part of a network that a stage has frozen, whose outputs are the same in every epoch.

A stage that trains the head only would compute the network below it again and again. Divided where the training begins,
the trunk runs once for each picture, and the tail, which is all that trains, takes its outputs in place of pictures.
"""

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from kerascnn.ops.graph import calls_of
from kerascnn.training.stages import all_layers

logger = logging.getLogger(__name__)

Features = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Trunk:
    """A model of pictures to features, which does not train.

    Attributes:
        model: from pictures (B, H, W, 3) to a list of tensors.
    """

    model: keras.Model

    @cached_property
    def key(self) -> str:
        """A name that changes with the layers and their weights, and not with the names that Keras gives layers."""
        digest, numbers = hashlib.sha256(), {}
        for number, call in enumerate(calls_of(self.model)):
            numbers |= {id(tensor): (number, position) for position, tensor in enumerate(call.outputs)}
            wires = [numbers[id(tensor)] for tensor in call.input_tensors]
            settings = _without_names(call.operation.get_config())
            digest.update(f"{type(call.operation).__name__} {settings} {wires}".encode())
        for weight in self.model.get_weights():
            digest.update(weight.tobytes())
        return digest.hexdigest()

    def __call__(self, images: np.ndarray) -> Features:
        """Compute the features of a batch of pictures: arrays of (B, ...)."""
        return tuple(keras.tree.flatten(self.model.predict_on_batch(images)))


@dataclass(frozen=True)
class Part:
    """What runs in every epoch of a stage.

    Attributes:
        model: the whole network, or its tail.
        train: batches that it takes.
        valid: batches that it takes.
    """

    model: keras.Model
    train: Any
    valid: Any


def divided(model: keras.Model, train: Any, valid: Any) -> Part:
    """Run the frozen part of a network once, where that can be done, and give what is left.

    Args:
        model: in which `freeze` has set what trains.
        train: batches of (pictures, targets).
        valid: such batches.

    Returns:
        The tail and batches of features, if both data are pipelines without augmentation and weights are frozen before
        the first that train; the whole otherwise.
    """
    whole = Part(model, train, valid)
    if not all(hasattr(each, "through") and not each.augmented for each in (train, valid)):
        return whole
    parts = divide(model)
    if parts is None:
        return whole
    trunk, tail = parts
    try:
        return Part(tail, train.through(trunk), valid.through(trunk))
    except (MemoryError, OSError) as error:  # too many for memory, or for the disk
        logger.warning("%s. The whole network runs in every epoch.", error)
        return whole


def divide(model: keras.Model) -> tuple[Trunk, keras.Model] | None:
    """Divide a model where its training begins.

    Args:
        model: a functional model, in which `freeze` has set what trains.

    Returns:
        The trunk, and the tail: a model of the trunk's features to the outputs of `model`, which shares its layers. The
        trunk is as large as can be, so that the features are few: with a frozen backbone, it ends after the pooling.
        None if no weights are frozen before the first that train, or the model does not depend on pictures alone.
    """
    if len(model.inputs) != 1:
        return None
    constant = {id(model.inputs[0])}
    frontier: dict[int, keras.KerasTensor] = {}
    has_weights = False
    for call in calls_of(model):
        if call.is_input:
            continue
        if all(id(tensor) in constant for tensor in call.input_tensors) and _is_constant(call.operation):
            constant.update(map(id, call.outputs))
            has_weights |= bool(getattr(call.operation, "weights", ()))
        else:
            frontier |= {id(tensor): tensor for tensor in call.input_tensors if id(tensor) in constant}
    frontier |= {id(tensor): tensor for tensor in model.outputs if id(tensor) in constant}
    if not has_weights or id(model.inputs[0]) in frontier:
        return None
    features = list(frontier.values())
    return Trunk(keras.Model(model.input, features, name="trunk")), keras.Model(features, model.output, name="tail")


def _is_constant(operation: keras.Operation) -> bool:
    """Whether an operation gives the same outputs for the same inputs all through a stage."""
    if not isinstance(operation, keras.layers.Layer):
        return True
    parts = [operation, *(all_layers(operation) if isinstance(operation, keras.Model) else ())]
    learns = any(isinstance(part, keras.layers.BatchNormalization) and part.trainable for part in parts)
    draws = len(operation.variables) > len(operation.weights)  # the rest are states of random generators, for dropout
    return not (operation.trainable_weights or learns or draws)


def _without_names(config: Any) -> Any:
    """Leave out the names of layers, which Keras counts in each process, and the wires that are told by them."""
    if isinstance(config, dict):
        hidden = {"name", "inbound_nodes", "input_layers", "output_layers"}
        return {key: _without_names(value) for key, value in config.items() if key not in hidden}
    return [_without_names(each) for each in config] if isinstance(config, list | tuple) else config
