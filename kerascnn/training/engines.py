"""Which engine runs the trunk: Keras, or LiteRT, which runs depthwise convolutions much faster on a processor.

The features are the same within rounding. What was chosen is written into the history, and into checkpoints, so that a
run goes on with the engine that it began with, where it still runs.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import keras
import numpy as np

from kerascnn.litert import LiteRTModel
from kerascnn.training.precision import has_accelerator
from kerascnn.training.stages import all_layers

logger = logging.getLogger(__name__)

Features = tuple[np.ndarray, ...]

# A conversion takes half a second, and a third of one for a million parameters; a picture saves some milliseconds.
LEAST_PICTURES = 200
PARAMETERS_A_PICTURE = 10_000
TIMED_FROM = 2000  # pictures; for fewer, the timing would take longer than the wrong choice
LEAST_GAIN = 1.2  # below it, noise would decide
TOLERANCE = 1e-4  # of the largest feature
WIRES = ("keras_history", "input_layers", "output_layers")  # what names layers in the config of a model


@dataclass(frozen=True)
class Trunk:
    """A model of pictures to features, which does not train, run by Keras.

    Attributes:
        model: from pictures (B, H, W, 3) to a list of tensors.
    """

    engine: ClassVar[str] = "keras"
    model: keras.Model

    @cached_property
    def key(self) -> str:
        """A name that changes with the graph and its weights, and not with the names that Keras gives layers."""
        digest = hashlib.sha256(repr(_without_names(self.model.get_config())).encode())
        for weight in self.model.get_weights():
            digest.update(weight.tobytes())
        return digest.hexdigest()

    def __call__(self, images: np.ndarray) -> Features:
        """Compute the features of a batch of pictures: arrays of (B, ...)."""
        return tuple(keras.tree.flatten(self.model.predict_on_batch(images)))


class LiteRTTrunk:
    """A trunk that LiteRT runs.

    Args:
        trunk: what it computes.

    Raises:
        ValueError: if LiteRT cannot run it.
    """

    engine = "litert"

    def __init__(self, trunk: Trunk) -> None:
        self.key = f"{trunk.key} litert"
        self._run = LiteRTModel(trunk.model)

    def __call__(self, images: np.ndarray) -> Features:
        """Compute the features of a batch of pictures: arrays of (B, ...)."""
        return self._run(images)


def choose_engine(trunk: Trunk, runs: int, batch_size: int, engine: str | None = None) -> Trunk | LiteRTTrunk:
    """Choose what runs a trunk.

    Args:
        trunk: what is to be run.
        runs: how many pictures it will have to run.
        batch_size: pictures at a time.
        engine: `keras` or `litert`, what was chosen before; None chooses.

    Returns:
        The trunk itself, or LiteRT's: on the TensorFlow backend without a GPU, if LiteRT can run it and gives the same
        features; for many pictures if it runs a batch of random ones faster, for fewer if the trunk has depthwise
        convolutions, and for a few, whose conversion would take longer, not at all.
    """
    possible = keras.backend.backend() == "tensorflow" and not has_accelerator()
    if engine == "litert" and not possible:
        logger.warning(
            "LiteRT ran the frozen part so far. Here, with a GPU or on JAX, Keras goes on: rounding differs."
        )
    if engine == "keras" or not possible or not (engine or _is_worth_trying(trunk.model, runs)):
        return trunk
    try:
        other = LiteRTTrunk(trunk)
    except ValueError as error:
        logger.info("%s", error)
        return trunk
    if engine == "litert":
        return other
    images = np.random.default_rng(0).integers(0, 256, (batch_size, *trunk.model.input_shape[1:]), np.uint8)
    if not _agree(other(images[:1]), trunk.model(images[:1], training=False)):
        logger.warning("LiteRT computes other features than Keras: the frozen part runs in Keras.")
        return trunk
    if runs < TIMED_FROM:
        return other
    gain = _seconds(trunk, images) / _seconds(other, images)
    logger.info("LiteRT runs the frozen part %.1f times as fast as Keras.", gain)
    return other if gain >= LEAST_GAIN else trunk


def _is_worth_trying(model: keras.Model, runs: int) -> bool:
    if runs < max(LEAST_PICTURES, model.count_params() / PARAMETERS_A_PICTURE):
        return False
    depthwise = any(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in (model, *all_layers(model)))
    return depthwise or runs >= TIMED_FROM


def _agree(features: Features, expected: Any) -> bool:
    others = [keras.ops.convert_to_numpy(each) for each in keras.tree.flatten(expected)]
    return all(
        np.abs(each - other).max() <= TOLERANCE * np.abs(other).max()
        for each, other in zip(features, others, strict=True)
    )


def _seconds(run: Callable[[np.ndarray], Features], images: np.ndarray) -> float:
    """Time a batch, twice after a run that is not timed, which does what is done once."""
    run(images)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        run(images)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _without_names(config: Any, numbers: Mapping[str, int] = MappingProxyType({})) -> Any:
    """Give what Keras stores of a model, with numbers for the names of layers, which are others in each process.

    Args:
        config: of a model, or a part of that.
        numbers: of the layers of the model that it is a part of, by name.
    """
    if isinstance(config, list | tuple):
        return [_without_names(each, numbers) for each in config]
    if not isinstance(config, dict) or config.get("class_name") == "DTypePolicy":  # whose name says what it is
        return config
    if isinstance(layers := config.get("layers"), list):
        numbers = {layer["config"]["name"]: number for number, layer in enumerate(layers)}
    return {
        key: _with_numbers(value, numbers) if key in WIRES else _without_names(value, numbers)
        for key, value in config.items()
        if key != "name"
    }


def _with_numbers(wires: Any, numbers: Mapping[str, int]) -> Any:
    if isinstance(wires, dict):
        return {key: _with_numbers(value, numbers) for key, value in wires.items()}
    if isinstance(wires, list | tuple):
        return [_with_numbers(each, numbers) for each in wires]
    return numbers.get(wires, wires)
