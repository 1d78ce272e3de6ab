"""How a function of an array changes with it: its value and its gradient, compiled, on Keras' TensorFlow or JAX.

`fit` differentiates by the weights of a network. Where it is the picture that is changed, Keras has nothing that would
serve on both backends.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

Values = Mapping[str, Any]


def compile_gradient(function: Callable[[Any], Values], of: str) -> Callable[[np.ndarray], tuple[Values, np.ndarray]]:
    """Compile a function together with the gradient of one of its values.

    Args:
        function: takes a float32 tensor and gives scalars by name.
        of: the name of the one that is differentiated.

    Returns:
        A function that takes a float32 array and gives the scalars, as numbers, and the gradient, an array of the same
        shape.

    Raises:
        ValueError: for a backend of Keras that is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise ValueError(f"Gradients of pictures need Keras' tensorflow or jax backend. Received: {backend}.")
    compiled = (_compile_tensorflow if backend == "tensorflow" else _compile_jax)(function, of)

    def compute(x: np.ndarray) -> tuple[Values, np.ndarray]:
        values, gradient = compiled(x)
        return {name: float(value) for name, value in values.items()}, np.asarray(gradient)

    return compute


def _compile_tensorflow(function: Callable[[Any], Values], of: str) -> Callable[[Any], tuple[Values, Any]]:
    import tensorflow as tf

    @tf.function
    def compute(x: tf.Tensor) -> tuple[Values, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            values = function(x)
        return values, tape.gradient(values[of], x)

    return lambda x: compute(tf.constant(x, tf.float32))


def _compile_jax(function: Callable[[Any], Values], of: str) -> Callable[[Any], tuple[Values, Any]]:
    import jax

    def differentiated(x: Any) -> tuple[Any, Values]:
        values = function(x)
        return values[of], values

    compiled = jax.jit(jax.value_and_grad(differentiated, has_aux=True))

    def compute(x: Any) -> tuple[Values, Any]:
        (_, values), gradient = compiled(x)
        return values, gradient

    return compute
