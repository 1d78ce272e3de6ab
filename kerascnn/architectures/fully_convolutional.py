"""A classifier as a network of convolutions only, which scores every window of a picture of any size in one run.

Sermanet et al. 2014, "OverFeat: Integrated Recognition, Localization and Detection using Convolutional Networks",
arXiv:1312.6229, section 3.5; where its windows lie is in `kerascnn.ops.windows`.
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from kerascnn.layers import LocalResponseNormalization
from kerascnn.ops.graph import calls_of

# They slide over a map of any size as they slide over a window's.
SLIDING = (
    layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.MaxPooling2D, layers.AveragePooling2D,
    layers.ZeroPadding2D, layers.Cropping2D,
)  # fmt: skip
ELEMENTWISE = (layers.Identity, layers.Dropout, layers.ReLU, layers.LeakyReLU, layers.ELU)
# They treat each place of a map by itself, if their axis is that of the channels.
PLACEWISE = (
    *ELEMENTWISE, layers.Activation, layers.Softmax, layers.Rescaling, layers.Normalization, layers.BatchNormalization,
    layers.LayerNormalization, layers.SpatialDropout2D, layers.Add, layers.Subtract, layers.Multiply, layers.Average,
    layers.Maximum, layers.Minimum, layers.Concatenate, LocalResponseNormalization,
)  # fmt: skip
POOLINGS = {
    layers.GlobalAveragePooling2D: layers.AveragePooling2D,
    layers.GlobalMaxPooling2D: layers.MaxPooling2D,
}
CHANNELS = (None, -1, 3)  # the values of an axis that name the channels of a map (B, h, w, C)


def to_fully_convolutional(model: keras.Model) -> keras.Model:
    """Turn a classifier of one window into a network that scores the windows of a picture of any size, in one run.

    A dense layer on a flattened map becomes a convolution whose kernel is as large as that map, every later one a
    convolution of 1 x 1, and a global pooling a pooling as large as the map, with strides of 1. Everything else stays.
    Where neighbouring windows overlap, what they share is computed once.

    The scores are those of the classifier on the crops if nothing in it pads, as in LeNet-5. Padded zeros are the other
    case: inside a picture, there are the neighbouring pixels in their place. `kerascnn.ops.window_geometry` tells which
    of the two it is, and where the windows lie.

    Args:
        model: functional or Sequential, built, of pictures (B, H, W, C) with a fixed size, the window's, to scores
            (B, classes).

    Returns:
        A model of pictures (B, height, width, C), of any size from the window's, to scores (B, rows, columns, classes),
        of the window's size to (B, 1, 1, classes). It is a copy: later training of the classifier does not change it.

    Raises:
        ValueError: for several inputs or outputs, a size that is not fixed, or a layer that depends on the size of its
            map or that is not known here.

    Example:
        >>> windows = to_fully_convolutional(lenet5((32, 32, 3), 4))
        >>> windows(pictures).shape  # pictures (1, 480, 640, 3): a window every 4 pixels
        (1, 113, 153, 4)

    Reference:
        Sermanet et al. 2014, arXiv:1312.6229, section 3.5 and figure 5. Its finer strides, by pooling with several
        offsets (section 3.3), are left out.
    """
    _check_model(model)
    graph = keras.Model(model.inputs[0], model.outputs[0])  # of a Sequential model too, and never compiled
    replacements = _find_replacements(graph)
    copies: dict[str, layers.Layer] = {}

    def copy(layer: keras.Operation) -> keras.Operation:
        if not isinstance(layer, layers.Layer):  # an operation such as `x + y` has no state
            return layer
        copies[layer.name] = replacements.get(layer.name) or type(layer).from_config(layer.get_config())
        return copies[layer.name]

    picture = layers.Input((None, None, model.inputs[0].shape[-1]), dtype=model.inputs[0].dtype, name="image")
    converted = keras.models.clone_model(graph, input_tensors=picture, clone_function=copy)
    for name, copied in copies.items():
        _copy_weights(graph.get_layer(name), copied)
    return keras.Model(converted.inputs[0], converted.outputs[0], name=f"{model.name}_fully_convolutional")


def _check_model(model: keras.Model) -> None:
    """Refuse what is no classifier of pictures of one size."""
    inputs, outputs = (getattr(model, name, None) or [] for name in ("inputs", "outputs"))
    shapes = [tuple(tensor.shape) for tensor in (*inputs, *outputs)]
    if len(inputs) != 1 or len(outputs) != 1 or [len(shape) for shape in shapes] != [4, 2] or None in shapes[0][1:]:
        raise ValueError(
            "model must be functional, or Sequential and built, from one input (B, H, W, C) of a fixed size to one "
            f"output (B, classes). Received: {getattr(model, 'name', model)!r} with the shapes "
            f"{', '.join(map(str, shapes)) or 'unknown'}."
        )


def _find_replacements(model: keras.Model) -> dict[str, layers.Layer]:
    """Find what takes the place of layers that need a map of one size, by their names; refuse what nothing can."""
    replacements: dict[str, layers.Layer] = {}
    flattened: dict[int, tuple[int, int]] = {}  # sizes of the maps that flattened tensors were
    for call in calls_of(model):
        if call.is_input:
            continue
        layer, first = call.operation, call.input_tensors[0]
        size = next((flattened[id(tensor)] for tensor in call.input_tensors if id(tensor) in flattened), None)
        if isinstance(layer, layers.Flatten):
            replacements[layer.name] = layers.Identity(name=layer.name)
            size = size if len(first.shape) == 2 else first.shape[1:3]
        elif isinstance(layer, layers.Dense):
            replacements[layer.name], size = _as_convolution(layer, size or (1, 1)), None
        elif type(layer) in POOLINGS:
            replacements[layer.name] = _as_pooling(layer, first)
        elif size is None:
            _check_kept(layer, call.input_tensors, call.outputs)
        elif not isinstance(layer, ELEMENTWISE):
            _refuse(layer, "comes between a Flatten and a Dense layer")
        if size not in (None, (1, 1)):  # a map of one place is a vector, flattened or not
            flattened[id(call.outputs[0])] = size
    if id(model.outputs[0]) in flattened:
        _refuse(model.get_layer(index=-1), "ends the network flattened, without a Dense layer")
    return replacements


def _as_convolution(layer: layers.Dense, kernel_size: tuple[int, int]) -> layers.Conv2D:
    return layers.Conv2D(
        layer.units,
        kernel_size,
        activation=layer.activation,
        use_bias=layer.use_bias,
        dtype=layer.dtype_policy,
        name=layer.name,
    )


def _as_pooling(layer: layers.Layer, features: keras.KerasTensor) -> layers.Layer:
    _check_layout(layer)
    return POOLINGS[type(layer)](features.shape[1:3], strides=1, dtype=layer.dtype_policy, name=layer.name)


def _check_kept(layer: keras.Operation, inputs: list[Any], outputs: list[Any]) -> None:
    """Refuse a layer that would do something else on a map of another size."""
    _check_layout(layer)
    if isinstance(layer, SLIDING):
        return
    if isinstance(layer, layers.Layer) and not isinstance(layer, PLACEWISE):
        _refuse(layer, "is not known to treat each place of a map by itself")
    sizes = {tensor.shape[1:-1] for tensor in (*inputs, *outputs)}  # () of vectors
    if len(sizes) > 1:
        _refuse(layer, f"changes or mixes the sizes {', '.join(map(str, sorted(sizes)))} of maps")
    axis = getattr(layer, "axis", None)
    if any(each not in CHANNELS for each in (axis if isinstance(axis, list | tuple) else [axis])):
        _refuse(layer, f"works along the axis {axis}, where only the channels can, -1,")


def _check_layout(layer: keras.Operation) -> None:
    if getattr(layer, "data_format", None) == "channels_first":
        _refuse(layer, "has its channels first")


def _refuse(layer: keras.Operation, reason: str) -> None:
    raise ValueError(f"The layer {layer.name!r} ({type(layer).__name__}) {reason}: it cannot be made convolutional.")


def _copy_weights(layer: layers.Layer, copied: layers.Layer) -> None:
    if isinstance(layer, layers.Dense):  # flattening goes row by row, as the kernel of a convolution does
        weights = zip(layer.get_weights(), copied.weights, strict=True)
        copied.set_weights([array.reshape(weight.shape) for array, weight in weights])
    elif layer.weights:
        # As files hold them: an adapted Normalization computes from its weights when it reads them.
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        # Arrays of their own: JAX gives away those of a model that predicts, and the other would be left without.
        copied.load_own_variables({name: np.array(value) for name, value in store.items()})
