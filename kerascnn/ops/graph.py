"""The graph of a functional model: the calls of its layers, in the order of computation."""

from typing import Any

import keras


def calls_of(model: keras.Model) -> list[Any]:
    """List the calls that a functional or built Sequential model is made of, the inputs first.

    Returns:
        Keras' nodes: each has `operation`, `input_tensors`, `outputs` and `is_input`.
    """
    # A Function of the same tensors gives Sequential models a graph too. Keras has no public way to the calls in it:
    # `layer.input` is that of the layer's first call, which may belong to another model.
    nodes_by_depth = keras.Function(model.inputs, model.outputs)._nodes_by_depth
    return [node for depth in sorted(nodes_by_depth, reverse=True) for node in nodes_by_depth[depth]]
