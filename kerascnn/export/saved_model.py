"""SavedModel: for servers, and the form from which the TFLite converter starts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

SIGNATURES = {"serving_default": "float32", "uint8": "uint8"}


def write_saved_model(
    model: keras.Model,
    path: str | Path,
    *,
    names: Sequence[str] = ("image",),
    batch_size: int | None = None,
    signatures: Sequence[str] = tuple(SIGNATURES),
) -> None:
    """Write a serving model as a SavedModel with named signatures.

    They take `image` (B, height, width, 3), RGB in 0..255, and give the model's named outputs: `serving_default` takes
    float32, `uint8` takes the bytes of the pixels.

    Args:
        model: what to write.
        path: a folder that does not exist yet.
        names: of the inputs, for a part of a serving model, which takes others.
        batch_size: fixes B; None leaves it open.
        signatures: which of the two; each costs a trace of the network.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    for signature in signatures:
        specs = [
            tf.TensorSpec((batch_size, *tensor.shape[1:]), SIGNATURES[signature], name)
            for name, tensor in zip(names, model.inputs, strict=True)
        ]
        archive.add_endpoint(signature, _endpoint(model), input_signature=specs)
    archive.write_out(str(path), verbose=False)


def _endpoint(model: keras.Model) -> Callable[..., dict[str, tf.Tensor]]:
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        floats = [tf.cast(each, tf.float32) for each in inputs]
        return model(keras.tree.pack_sequence_as(model.input, floats), training=False)

    return serve
