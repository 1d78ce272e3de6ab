"""The parts of a network by name: `strideN` ends with the layer of that name, and the head comes after the last one.

Freezing, feature maps and the loading of weights all speak these names.
"""

import re

import keras


def stride_layers(model: keras.Model) -> list[str]:
    """List the layers named `strideN`, in the order of the network; each ends a stage."""
    return [layer.name for layer in model.layers if re.fullmatch(r"stride\d+", layer.name)]


def layers_below(model: keras.Model, part: str) -> set[str]:
    """Name the layers that a part of a network is computed from.

    Args:
        model: a functional model with layers named `strideN`; `all` serves for any model.
        part: `head`, a stage such as `stride16`, or `all`.

    Returns:
        The names of the layers before the part: none before `all` and before the first stage.

    Raises:
        ValueError: for a stride at which no stage of the model ends, or a head where no stage does.
    """
    ends = stride_layers(model)
    if part == "all":
        return set()
    if not ends or (part != "head" and part not in ends):
        raise ValueError(
            f"{model.name} has the stages {', '.join(ends) or 'none'}: layers named strideN end them. "
            f"Received: {part!r}."
        )
    position = len(ends) if part == "head" else ends.index(part)
    if position == 0:
        return set()
    below = keras.Model(model.inputs, model.get_layer(ends[position - 1]).output)
    return {layer.name for layer in below.layers}


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
