"""SavedModel: for servers, and the form from which the TFLite converter starts."""

from collections.abc import Callable, Sequence
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
    inputs = model.input if isinstance(model.input, dict) else {"image": model.input}
    for signature, dtype in SIGNATURES.items():
        specs = [
            tf.TensorSpec(tensor.shape, dtype if name == "image" else tensor.dtype, name)
            for name, tensor in sorted(inputs.items())  # in the order in which Keras flattens them
        ]
        archive.add_endpoint(signature, _endpoint(model), input_signature=specs)
    archive.write_out(str(path), verbose=False)


def write_for_converter(model: keras.Model, path: str | Path, names: Sequence[str] = ("image",)) -> None:
    """Write a model for the TFLite converter, which wants one picture and one signature: in half the time.

    Args:
        model: a serving model, or a part of one.
        path: a folder that does not exist yet.
        names: of the inputs, which are float32.
    """
    module, inputs = tf.Module(), zip(names, model.inputs, strict=True)
    specs = [tf.TensorSpec((1, *tensor.shape[1:]), tf.float32, name) for name, tensor in inputs]
    module.weights = [variable.value for variable in model.variables]
    module.serve = tf.function(_endpoint(model), input_signature=specs)
    tf.saved_model.save(module, str(path), {"serving_default": module.serve})


def _endpoint(model: keras.Model) -> Callable[..., dict[str, tf.Tensor]]:
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        floats = [tf.cast(each, tf.float32) for each in inputs]
        return model(keras.tree.pack_sequence_as(model.input, floats), training=False)

    return serve
