"""The trunk: the part of a network that a stage has frozen, whose outputs are the same in every epoch.

A stage that trains the head only would compute the network below it again and again. Divided where the training begins,
the trunk runs once for each picture, and the tail, which is all that trains, takes its outputs in place of pictures.
Augmented pictures are different in every epoch: their trunk runs beside the training, in an engine that is faster than
Keras, where there is one.
"""

import logging
from dataclasses import dataclass
from typing import Any

import keras

from kerascnn.ops.graph import calls_of
from kerascnn.training.engines import LiteRTTrunk, Trunk, choose_engine
from kerascnn.training.stages import all_layers

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """What runs in every epoch of a stage.

    Attributes:
        model: the whole network, or its tail.
        train: batches that it takes.
        valid: batches that it takes.
        engine: what runs the trunk: `keras`, `litert`, or `none` where the network is not divided.
    """

    model: keras.Model
    train: Any
    valid: Any
    engine: str = "none"


def divided(model: keras.Model, train: Any, valid: Any, epochs: int, engine: str | None = None) -> Part:
    """Take the frozen part of a network out of the training, where that can be done, and give what is left.

    Args:
        model: in which `freeze` has set what trains.
        train: batches of (pictures, targets).
        valid: such batches.
        epochs: how long it is trained.
        engine: what runs the frozen part, as an earlier `Part` says; None chooses.

    Returns:
        The tail and batches of features, if both data are pipelines, weights are frozen before the first that train,
        and running them apart saves time; the whole otherwise.
    """
    whole = Part(model, train, valid)
    if engine == whole.engine or not all(hasattr(each, "through") for each in (train, valid)):
        return whole
    one_size = len(model.inputs) == 1 and None not in model.input_shape[1:]  # features are kept, and LiteRT runs, at it
    parts = divide(model) if one_size else None
    if parts is None:
        return whole
    trunk, tail = parts
    runs = train.order.samples * (epochs if train.augmented else 1) + valid.order.samples
    extractor = choose_engine(trunk, runs, train.order.batch_size, engine)
    features = _through(train, extractor)
    others = None if features is None else _through(valid, extractor)
    return whole if others is None else Part(tail, features, others, extractor.engine)


def _through(batches: Any, extractor: Trunk | LiteRTTrunk) -> Any:
    """Give batches of features, computed once if that can be done, else in every epoch; None if that saves nothing."""
    if not batches.augmented:
        try:
            return batches.through(extractor)
        except (MemoryError, OSError) as error:  # too many for memory, or for the disk
            logger.warning("%s. The frozen part of the network runs in every epoch.", error)
    return batches.streaming(extractor) if extractor.engine == "litert" else None


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
