"""What all classifiers share: the check of their arguments, normalisation, heads, and the end of every builder."""

from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from kerascnn.architectures.weights import load_weights

Tensor = keras.KerasTensor
Head = Callable[[Tensor], Tensor]

IMAGENET_MEAN = (123.68, 116.779, 103.939)  # RGB, what the Keras weights of VGG and ResNet had subtracted in training
TORCHVISION_MEAN = (0.485, 0.456, 0.406)  # RGB, of pictures in 0..1
TORCHVISION_DEVIATION = (0.229, 0.224, 0.225)


def check_arguments(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    dropout: float,
    *,
    smallest: int,
    channels: tuple[int, ...] = (3,),
) -> None:
    """Refuse what a classifier cannot be built for.

    Args:
        input_shape: (height, width, channels).
        num_classes: number of logits, or None for the headless network.
        dropout: share of the features that is dropped in training.
        smallest: the least height and width in pixels.
        channels: the numbers of channels that the classifier takes.

    Raises:
        ValueError: unless the shape is three integers, both sides are at least `smallest` and the channels are known;
            for fewer than two classes, or a dropout outside of [0, 1).
    """
    expected = " or ".join(str(number) for number in channels)
    shape = tuple(input_shape)
    if len(shape) != 3 or not all(isinstance(side, Integral) for side in shape):
        raise ValueError(
            f"input_shape must be three integers (height, width, {expected}). Received: input_shape={input_shape}."
        )
    if min(shape[:2]) < smallest or shape[2] not in channels:
        raise ValueError(
            f"input_shape must be (height, width, {expected}) with sides of at least {smallest} pixels. "
            f"Received: input_shape={input_shape}."
        )
    if num_classes is not None and num_classes < 2:
        raise ValueError(
            f"num_classes must be at least 2, or None for the headless network. Received: num_classes={num_classes}."
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1). Received: dropout={dropout}.")


def check_variant(variant: str, known: Collection[str]) -> None:
    """Refuse a variant of a network that is not known."""
    if variant not in known:
        raise ValueError(f"variant must be {' or '.join(known)}. Received: variant={variant!r}.")


def normalise_as_torchvision(inputs: Tensor) -> Tensor:
    """Bring RGB in 0..255 to ImageNet's mean 0 and deviation 1."""
    scale = [1 / (255 * deviation) for deviation in TORCHVISION_DEVIATION]
    moments = zip(TORCHVISION_MEAN, TORCHVISION_DEVIATION, strict=True)
    return layers.Rescaling(scale, offset=[-mean / deviation for mean, deviation in moments], name="normalise")(inputs)


def pooled_head(dropout: float = 0.0) -> Head:
    """Pool the feature map to its mean, and drop a share of it in training."""

    def head(features: Tensor) -> Tensor:
        x = layers.GlobalAveragePooling2D(name="pool")(features)
        return layers.Dropout(dropout, name="dropout")(x) if dropout else x

    return head


def fully_connected_head(units: Mapping[str, int], *, activation: Any = "relu", dropout: float = 0.0) -> Head:
    """Put fully connected layers on the feature map, each with an activation and dropout.

    Args:
        units: of each layer by its name. Where they are 0, the map is pooled instead.
        activation: of each layer, as Keras takes it.
        dropout: share of the outputs of each layer that is dropped in training, in [0, 1).
    """
    if not all(units.values()):
        return pooled_head(dropout)

    def head(features: Tensor) -> Tensor:
        x = layers.Flatten(name="flatten")(features)
        for name, width in units.items():
            x = layers.Dense(width, activation=activation, name=name)(x)
            if dropout:
                x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
        return x

    return head


def build_classifier(
    name: str,
    inputs: Tensor,
    features: Tensor,
    num_classes: int | None,
    *,
    weights: str | Path | None,
    head: Head,
    auxiliary: Sequence[Tensor] = (),
) -> keras.Model:
    """Close a network over its features, with a head or without, and load its weights.

    Args:
        name: name of the model, which is also the name that weights are looked up by.
        inputs: (B, H, W, C) pictures.
        features: (B, h, w, C), the last feature map.
        num_classes: number of logits, or None for the headless network.
        weights: see `kerascnn.architectures.weights.load_weights`.
        head: from the feature map to the vector (B, D) that the logits are linear in.
        auxiliary: logits (B, num_classes) of classifiers that only help in training.

    Returns:
        A model of pictures to logits (B, num_classes), or to `features`; with auxiliary classifiers, to their logits
        after the network's own, (B, 1 + auxiliary, num_classes).

    Raises:
        ValueError, OSError: for weights that cannot be had.
    """
    outputs = features if num_classes is None else layers.Dense(num_classes, name="predictions")(head(features))
    if auxiliary:
        outputs = ops.stack([outputs, *auxiliary], axis=1)
    model = keras.Model(inputs, outputs, name=name)
    if weights is not None:
        load_weights(model, weights)
    return model
