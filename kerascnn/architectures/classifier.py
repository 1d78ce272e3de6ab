"""What all classifiers share: the check of their arguments, the head, the loading of weights, the table of strides."""

import keras
from keras import layers

from kerascnn.architectures.weights import load_weights


def check_input_shape(input_shape: tuple[int, int, int], *, smallest: int) -> None:
    """Refuse an input shape that a classifier cannot be built for.

    Args:
        input_shape: (height, width, channels).
        smallest: the least height and width in pixels.

    Raises:
        ValueError: unless the shape is three integers, both sides are at least `smallest`, and there are 3 channels.
    """
    shape = tuple(input_shape)
    if len(shape) != 3 or not all(isinstance(side, int) for side in shape):
        raise ValueError(f"input_shape must be three integers (height, width, 3). Received: input_shape={input_shape}.")
    if min(shape[:2]) < smallest or shape[2] != 3:
        raise ValueError(
            f"input_shape must be (height, width, 3) with sides of at least {smallest} pixels. "
            f"Received: input_shape={input_shape}."
        )


def build_classifier(
    name: str,
    inputs: keras.KerasTensor,
    features: keras.KerasTensor,
    num_classes: int | None,
    *,
    weights: str | None,
    alpha: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Close a network over its features, with a pooled linear head or without, and load its weights.

    Args:
        name: name of the model, which is also the name that weights are looked up by.
        inputs: (B, H, W, 3) pictures.
        features: (B, h, w, C), the last feature map.
        num_classes: number of logits, at least 2, or None for the headless network.
        weights: see `kerascnn.architectures.weights.load_weights`.
        alpha: width multiplier of the network, which decides which official file fits.
        dropout: share of the pooled features that is dropped in training, in [0, 1).

    Returns:
        A model of pictures to logits (B, num_classes), or to `features`.

    Raises:
        ValueError: for a number of classes or a dropout out of range, or weights that cannot be had.
    """
    if num_classes is not None and num_classes < 2:
        raise ValueError(
            f"num_classes must be at least 2, or None for the headless network. Received: num_classes={num_classes}."
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1). Received: dropout={dropout}.")
    outputs = features
    if num_classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(features)
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        outputs = layers.Dense(num_classes, name="predictions")(x)
    model = keras.Model(inputs, outputs, name=name)
    if weights is not None:
        load_weights(model, weights, alpha=alpha)
    return model
