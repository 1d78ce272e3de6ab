"""SavedModel: for servers."""

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

SIGNATURES = {"serving_default": "float32", "uint8": "uint8"}


def write_saved_model(model: keras.Model, path: str | Path) -> None:
    """Write a serving model as a SavedModel with named signatures.

    They take `image` (B, height, width, 3), RGB in 0..255, and what else the model takes, by name, and give its named
    outputs: `serving_default` takes float32, `uint8` takes the bytes of the pixels.

    Args:
        model: what to write.
        path: a folder that does not exist yet.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    serve = endpoint(model)
    for signature, dtype in SIGNATURES.items():
        added = archive.add_endpoint(signature, serve, input_signature=_specs(model, dtype))
        serve = _after_cast(added)  # the next signature calls this one, so that the model is stored once
    archive.write_out(str(path), verbose=False)


def _specs(model: keras.Model, dtype: str) -> list[tf.TensorSpec]:
    """Describe a model's inputs, in the order in which Keras flattens them, with pictures of a type."""
    inputs = model.input if isinstance(model.input, dict) else {"image": model.input}
    return [
        tf.TensorSpec(tensor.shape, dtype if name == "image" else tensor.dtype, name)
        for name, tensor in sorted(inputs.items())
    ]


def endpoint(model: keras.Model) -> Callable[..., dict[str, tf.Tensor]]:
    """Give a function of a serving model's inputs, or of a part of one, as Keras flattens them, to its outputs."""

    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return model(keras.tree.pack_sequence_as(model.input, inputs), training=False)

    return serve


def _after_cast(serve: Callable[..., dict[str, tf.Tensor]]) -> Callable[..., dict[str, tf.Tensor]]:
    return lambda *inputs: serve(*(tf.cast(each, tf.float32) for each in inputs))
