"""SavedModel: for servers, and the form from which the TFLite converter starts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from kerascnn.tasks.task import Task

SIGNATURES = {"serving_default": "float32", "uint8": "uint8"}


def write_saved_model(
    task: Task, path: str | Path, *, batch_size: int | None = None, signatures: Sequence[str] = tuple(SIGNATURES)
) -> None:
    """Write a task's serving model as a SavedModel with named signatures.

    They take `image` (B, height, width, 3), RGB in 0..255, and give the serving model's named outputs:
    `serving_default` takes float32, `uint8` takes the bytes of the pixels.

    Args:
        task: what to write.
        path: a folder that does not exist yet.
        batch_size: fixes B; None leaves it open.
        signatures: which of the two; each costs a trace of the network.
    """
    model = task.serving_model()
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name in signatures:
        spec = tf.TensorSpec((batch_size, *task.image_size, 3), SIGNATURES[name], name="image")
        archive.add_endpoint(name, _endpoint(model), input_signature=[spec])
    archive.write_out(str(path), verbose=False)


def _endpoint(model: keras.Model) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return model(tf.cast(image, tf.float32), training=False)

    return serve
