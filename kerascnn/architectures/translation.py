"""What the layers of keras.applications and torchvision are called here, and how their arrays are turned around.

Keras' VGG and ResNet take BGR, and ours RGB: their first convolution bears another name here, so that it is always
known which of the two a file is made for.
"""

from collections.abc import Collection, Mapping

import numpy as np

Arrays = dict[str, dict[str, np.ndarray]]  # layer: variable: array

# Our layer: the layer of keras.applications.
BGR_CONVOLUTIONS = {"conv1_rgb": "conv1_conv", "block1_conv1_rgb": "block1_conv1"}
CONVOLUTIONAL_HEADS = {"predictions": "conv_preds"}

# torchvision's AlexNet, by our layers.
ALEXNET = {
    "conv1": "features.0", "conv2": "features.3", "conv3": "features.6", "conv4": "features.8", "conv5": "features.10",
    "fc6": "classifier.1", "fc7": "classifier.4", "predictions": "classifier.6",
}  # fmt: skip
# torchvision's GoogLeNet, by our names of a convolution with its normalisation, and by our dense layers.
GOOGLENET_STEM = {"conv1": "conv1", "conv2": "conv2", "conv3": "conv3"}
GOOGLENET_BRANCHES = {
    "1x1": "branch1", "3x3_reduce": "branch2.0", "3x3": "branch2.1", "5x5_reduce": "branch3.0", "5x5": "branch3.1",
    "pool_projection": "branch4.1",
}  # fmt: skip
GOOGLENET_BLOCKS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
GOOGLENET_AUXILIARY = {"auxiliary4a": "aux1", "auxiliary4d": "aux2"}
TORCH_NAMES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
# Dense layers on a flattened feature map, and the channels of that map: torch flattens them first, Keras last.
FLATTENED = {"fc6": 256, "auxiliary4a_fc1": 128, "auxiliary4d_fc1": 128}


def translate_keras(stored: Mapping[str, Mapping[str, np.ndarray]], layers: Collection[str]) -> Arrays:
    """Name the layers of keras.applications as a network here does, where they differ.

    Args:
        stored: the arrays of a Keras file by layer and variable, which may be numbered.
        layers: names of the layers of the network that they are for.

    Returns:
        The same, but a first convolution for BGR as one for RGB, and a head of 1x1 convolutions as a dense layer.
    """
    translated = {layer: dict(arrays) for layer, arrays in stored.items()}
    for names, turn in ((BGR_CONVOLUTIONS, _reverse_channels), (CONVOLUTIONAL_HEADS, _flatten)):
        for ours, theirs in names.items():
            if theirs in translated and ours in layers:
                translated[ours] = {name: turn(array) for name, array in translated.pop(theirs).items()}
    return translated


def translate_torch(checkpoint: Mapping[str, np.ndarray]) -> Arrays:
    """Name the layers of a checkpoint of torchvision's AlexNet or GoogLeNet as ours, and turn their arrays around.

    Args:
        checkpoint: the arrays of the state dict, such as `features.0.weight` (filters, channels, height, width).

    Returns:
        `{layer: {variable: array}}`; what the tables do not name keeps its name.

    Raises:
        ValueError: for a checkpoint of another network.
    """
    checkpoint = {key.removeprefix("module."): array for key, array in checkpoint.items()}  # of DataParallel
    names = {theirs: ours for ours, theirs in _layer_names(checkpoint).items()}
    translated: Arrays = {}
    for key, array in checkpoint.items():
        prefix, _, variable = key.rpartition(".")
        layer = names.get(prefix, prefix)
        name, turned = _turn_around(layer, variable, array)
        translated.setdefault(layer, {})[name] = turned
    return translated


def _layer_names(checkpoint: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Choose the table that a checkpoint is of, by a key that only one of them has."""
    if "features.0.weight" in checkpoint and "features.3.weight" in checkpoint:  # VGG has no features.3
        return ALEXNET
    if "inception3a.branch1.conv.weight" not in checkpoint:
        raise ValueError(
            "Of PyTorch's checkpoints, only those of torchvision's AlexNet and GoogLeNet can be read. "
            f"Received one that starts with {', '.join(list(checkpoint)[:3])}."
        )
    units = dict(GOOGLENET_STEM)
    for block in GOOGLENET_BLOCKS:
        units |= {
            f"inception{block}_{ours}": f"inception{block}.{branch}" for ours, branch in GOOGLENET_BRANCHES.items()
        }
    units |= {ours: f"{theirs}.conv" for ours, theirs in GOOGLENET_AUXILIARY.items()}
    names = {f"{ours}_{part}": f"{theirs}.{part}" for ours, theirs in units.items() for part in ("conv", "bn")}
    dense = {f"{ours}_{fc}": f"{theirs}.{fc}" for ours, theirs in GOOGLENET_AUXILIARY.items() for fc in ("fc1", "fc2")}
    return names | dense | {"predictions": "fc"}


def _reverse_channels(array: np.ndarray) -> np.ndarray:
    return array[:, :, ::-1] if array.ndim == 4 else array


def _flatten(array: np.ndarray) -> np.ndarray:
    return array[0, 0] if array.ndim == 4 else array


def _turn_around(layer: str, variable: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    if array.ndim == 4:  # (filters, channels, height, width)
        return "kernel", array.transpose(2, 3, 1, 0)
    if array.ndim == 2 and layer in FLATTENED:  # (units, channels * height * width), of a square map
        channels = FLATTENED[layer]
        side = round((array.shape[1] / channels) ** 0.5)
        if side * side * channels == array.shape[1]:
            return "kernel", array.reshape(-1, channels, side, side).transpose(2, 3, 1, 0).reshape(-1, len(array))
    if array.ndim == 2:  # (units, inputs)
        return "kernel", array.T
    return (TORCH_NAMES.get(variable, variable) if layer.endswith("_bn") else variable), array
