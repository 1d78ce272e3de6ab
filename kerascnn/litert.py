"""LiteRT as an engine on this host: the forward pass of a Keras model in float32, on all cores.

What goes to phones is converted in `kerascnn.export`; this is for what the host itself runs often.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

MOST_THREADS = 16  # by default: each interpreter holds the weights again, packed for its kernels


class LiteRTModel:
    """A Keras model that LiteRT runs, picture by picture, in one thread a core. Any thread may call it; others wait.

    Args:
        model: of pictures (B, H, W, C), on Keras' TensorFlow backend. Later changes of its weights are not seen.
        threads: pictures at a time; by default one for each core that this process may use, up to `MOST_THREADS`.

    Raises:
        ValueError: if the model cannot be converted with builtin operators.
    """

    def __init__(self, model: keras.Model, threads: int | None = None) -> None:
        content = _convert(model)
        threads = threads or min(_count_cores(), MOST_THREADS)
        self._interpreters = [Interpreter(model_content=content, num_threads=1) for _ in range(threads)]
        self._pool, self._lock = ThreadPoolExecutor(threads), Lock()
        for interpreter in self._interpreters:
            interpreter.allocate_tensors()

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        """Compute the outputs for pictures (B, H, W, C), of any number type: arrays (B, ...) float32."""
        shares = np.array_split(images, len(self._interpreters))
        with self._lock:
            answers = list(self._pool.map(_run, self._interpreters, shares))
        return tuple(np.concatenate(each) for each in zip(*answers, strict=True))


def _count_cores() -> int:
    """Count the cores that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(interpreter: Interpreter, images: np.ndarray) -> list[np.ndarray]:
    """Run pictures one after another; an interpreter serves one thread at a time."""
    (taken,) = interpreter.get_input_details()
    given = _in_order(interpreter.get_output_details())
    outputs = [np.empty((len(images), *each["shape"][1:]), np.float32) for each in given]
    for number, image in enumerate(images):
        interpreter.set_tensor(taken["index"], image[np.newaxis].astype(np.float32))
        interpreter.invoke()
        for output, each in zip(outputs, given, strict=True):
            output[number] = interpreter.get_tensor(each["index"])[0]
    return outputs


def _in_order(details: Sequence[dict]) -> list[dict]:
    """Sort outputs as the model has them: TensorFlow names them Identity, Identity_1 and so on."""
    return sorted(details, key=lambda each: int(each["name"].partition("_")[2] or 0))


def _convert(model: keras.Model) -> bytes:
    @tf.function
    def forward(image: tf.Tensor) -> list[tf.Tensor]:
        return [tf.identity(output) for output in keras.tree.flatten(model(image, training=False))]

    graph = forward.get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, "image"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    # Freezing the graph itself takes a quarter of the time that the way over a SavedModel does.
    converter.experimental_lower_to_saved_model = False
    try:
        return converter.convert()
    except Exception as error:  # the converter's own class of error is not public
        raise ValueError(f"{model.name} cannot be converted for LiteRT: {error}") from error
