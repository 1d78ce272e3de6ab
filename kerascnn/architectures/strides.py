"""The parts of a network by name: `strideN` ends with the layer of that name, and the head comes after the last one.

Freezing, feature maps and the loading of weights all speak these names.
"""

import re

import keras

from kerascnn.ops.graph import calls_of


def stride_layers(model: keras.Model) -> list[str]:
    """List the layers named `strideN`, in the order of the network; each ends a stage."""
    return [layer.name for layer in model.layers if re.fullmatch(r"stride\d+", layer.name)]


def layers_below(model: keras.Model, part: str) -> set[str]:
    """Name the layers that a part of a network is computed from.

    Args:
        model: a functional model with layers named `strideN`; `all` and names of layers serve for any model.
        part: `head`, a stage such as `stride16`, the name of a layer, or `all`.

    Returns:
        The names of the layers before the part: none before `all` and before the first stage.

    Raises:
        ValueError: for a name that neither a stage nor a layer of the model has, or a head where no stage ends.
    """
    ends = stride_layers(model)
    if part == "all" or (ends and part == ends[0]):
        return set()
    if part in ends or (ends and part == "head"):
        before = [model.get_layer(ends[-1] if part == "head" else ends[ends.index(part) - 1]).output]
    elif part in {layer.name for layer in model.layers}:
        calls = [call for call in calls_of(model) if call.operation.name == part]  # one for each map of a pyramid
        before = [tensor for call in calls for tensor in call.input_tensors]
    else:
        raise ValueError(
            f"{model.name} has the stages {', '.join(ends) or 'none'}: layers named strideN end them. "
            f"Received: {part!r}, which is no layer of it either."
        )
    return {layer.name for layer in keras.Model(model.inputs, before).layers} if before else set()


def layers_of(model: keras.Model, part: str) -> set[str]:
    """Name the layers of one part of a network: those of a stage without the ones before it, or those of the head.

    Args:
        model: a functional model with layers named `strideN`.
        part: `head` or a stage such as `stride16`.

    Raises:
        ValueError: for a part that the model does not have.
    """
    parts = [*stride_layers(model), "head"]
    if part not in parts:
        raise ValueError(f"{model.name} has the parts {', '.join(parts)}. Received: {part!r}.")
    below = layers_below(model, part)
    if part == "head":
        return {layer.name for layer in model.layers} - below
    return layers_below(model, parts[parts.index(part) + 1]) - below


def headless(model: keras.Model) -> keras.Model:
    """Cut the head off: the network from its input to its last stage, sharing its layers.

    Raises:
        ValueError: for a model without layers named `strideN`.
    """
    ends = stride_layers(model)
    if not ends:
        raise ValueError(f"{model.name} has no layers named strideN, so it is not known where its head starts.")
    return keras.Model(model.input, model.get_layer(ends[-1]).output, name=model.name)


def head_layers(model: keras.Model) -> set[str]:
    """Name the layers with weights after the last stage; in a model without stages, the layer `predictions`."""
    weighted = {layer.name for layer in model.layers if layer.weights}
    if not stride_layers(model):
        return weighted & {"predictions"}
    return weighted - layers_below(model, "head")


def check_maps(body: keras.Model) -> None:
    """Refuse a body whose maps do not cover the picture evenly: then their places would not lie where they say.

    Raises:
        ValueError: for a size that is no multiple of the last stride, or layers without padding.
    """
    height, width = body.input_shape[1:3]
    maps = {int(name.removeprefix("stride")): body.get_layer(name).output.shape[1:3] for name in stride_layers(body)}
    if height % max(maps) or width % max(maps):
        raise ValueError(
            f"Height and width must be multiples of {max(maps)}, the last stride of {body.name}. "
            f"Received: {height} x {width}."
        )
    uneven = [stride for stride, size in maps.items() if size != (height // stride, width // stride)]
    if uneven:
        raise ValueError(
            f"{body.name} has layers without padding: its map of stride {uneven[0]} has "
            f"{' x '.join(map(str, maps[uneven[0]]))} places of a picture of {height} x {width} pixels. "
            "Use an architecture whose maps are the picture's size by their strides."
        )
