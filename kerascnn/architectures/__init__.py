"""Every graph: functional builders that read like their paper's table, and where their weights come from."""

import keras

from kerascnn.architectures.mobilenet import mobilenet_v2
from kerascnn.architectures.weights import WeightsReport, load_weights

__all__ = ["CLASSIFIERS", "WeightsReport", "backbone", "build", "load_weights", "mobilenet_v2"]

# Builders by the names that scripts and cards use: each takes (input_shape, num_classes, *, weights=None, ...).
CLASSIFIERS = {"mobilenet_v2": mobilenet_v2}


def build(name: str, input_shape: tuple[int, int, int], num_classes: int | None, **options) -> keras.Model:
    """Build a classifier by its name.

    Args:
        name: one of `CLASSIFIERS`.
        input_shape: (height, width, 3).
        num_classes: number of logits, or None for the headless network.
        **options: what the builder of that name takes, such as `weights` or `alpha`.

    Raises:
        ValueError: for an unknown name, or what the builder refuses.
    """
    if name not in CLASSIFIERS:
        raise ValueError(f"architecture must be one of {', '.join(CLASSIFIERS)}. Received: architecture={name!r}.")
    return CLASSIFIERS[name](input_shape, num_classes, **options)


def backbone(
    name: str, input_shape: tuple[int, int, int], *, strides: tuple[int, ...] = (8, 16, 32), **options
) -> keras.Model:
    """Build a headless network that returns its feature maps by stride.

    Args:
        name: one of `CLASSIFIERS`.
        input_shape: (height, width, 3).
        strides: which feature maps: stride 8 is an eighth of the picture's height and width.
        **options: what the builder of that name takes, such as `weights` or `alpha`.

    Returns:
        A model of (B, height, width, 3) pictures to `{"stride8": (B, height / 8, width / 8, C), ...}`.

    Raises:
        ValueError: for an unknown name or a stride at which no stage of the network ends.
    """
    headless = build(name, input_shape, None, **options)
    known = [layer.name for layer in headless.layers if layer.name.startswith("stride")]
    names = [f"stride{stride}" for stride in strides]
    if not names or not set(names) <= set(known):
        raise ValueError(f"strides must be some of {', '.join(known)} of {name}. Received: strides={strides}.")
    outputs = {stride: headless.get_layer(stride).output for stride in names}
    return keras.Model(headless.input, outputs, name=f"{name}_backbone")
