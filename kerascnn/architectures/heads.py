"""Heads that say where something is, on any classifier's body: one object with its class, or a number of landmarks."""

from typing import Any

import keras
from keras import layers
from keras.initializers import RandomNormal

from kerascnn.architectures.catalogue import build

Tensor = keras.KerasTensor

SQUEEZED = 64  # channels that each place of the last feature map keeps
HIDDEN = 256  # units that see all places
# Answers start near the middle of the picture: large errors in the first steps would silence the features of the body.
SMALL = 0.01  # deviation of the first weights
MIDDLE = keras.initializers.Constant(0.5)


def localizer(
    architecture: str, input_shape: tuple[int, int, int], num_classes: int, *, dropout: float = 0.0, **options: Any
) -> keras.Model:
    """Build a network that finds the one object of a picture.

    Args:
        architecture: the body, a name of `CLASSIFIERS`.
        input_shape: (height, width, 3).
        num_classes: number of classes, at least 1.
        dropout: share of the features that is dropped in training, in [0, 1).
        **options: what the body's builder takes, such as `weights` or `alpha`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to (B, 5 + num_classes): the logit of p_c, of an
        object being there; b_x, b_y, b_h, b_w before a sigmoid; the logits of the classes. They come from the layers
        `presence`, `box` and `predictions`.

    Raises:
        ValueError: for fewer than one class, or what the body's builder refuses.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1. Received: num_classes={num_classes}.")
    body = build(architecture, input_shape, None, **options)
    what, where = _pooled(body.output, dropout), _spread(body.output, dropout)
    outputs = [
        layers.Dense(1, kernel_initializer=RandomNormal(stddev=SMALL), name="presence")(what),
        layers.Dense(4, kernel_initializer=RandomNormal(stddev=SMALL), name="box")(where),
        layers.Dense(num_classes, name="predictions")(what),
    ]
    return keras.Model(body.input, layers.Concatenate(name="answer")(outputs), name=architecture)


def landmarker(
    architecture: str,
    input_shape: tuple[int, int, int],
    num_landmarks: int,
    *,
    dropout: float = 0.0,
    **options: Any,
) -> keras.Model:
    """Build a network that finds a number of landmarks, such as the corners of the eyes.

    Args:
        architecture: the body, a name of `CLASSIFIERS`.
        input_shape: (height, width, 3).
        num_landmarks: K, at least 1.
        dropout: share of the features that is dropped in training, in [0, 1).
        **options: what the body's builder takes, such as `weights` or `alpha`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to (B, K, 3): x and y as shares of the picture, which
        no sigmoid bounds, because a landmark may lie outside; the logit of its being seen. They come from the layers
        `points` and `visibility`.

    Raises:
        ValueError: for fewer than one landmark, or what the body's builder refuses.
    """
    if num_landmarks < 1:
        raise ValueError(f"num_landmarks must be at least 1. Received: num_landmarks={num_landmarks}.")
    body = build(architecture, input_shape, None, **options)
    features = _spread(body.output, dropout)
    points = layers.Dense(
        2 * num_landmarks, kernel_initializer=RandomNormal(stddev=SMALL), bias_initializer=MIDDLE, name="points"
    )(features)
    visibility = layers.Dense(num_landmarks, kernel_initializer=RandomNormal(stddev=SMALL), name="visibility")(features)
    outputs = [layers.Reshape((num_landmarks, 2))(points), layers.Reshape((num_landmarks, 1))(visibility)]
    return keras.Model(body.input, layers.Concatenate(name="answer")(outputs), name=architecture)


def _pooled(features: Tensor, dropout: float) -> Tensor:
    """Pool the feature map to its mean: what is in the picture, wherever it is."""
    return _dropped(layers.GlobalAveragePooling2D(name="pool")(features), dropout, "pool_dropout")


def _spread(features: Tensor, dropout: float) -> Tensor:
    """Keep a few features of each place, since a mean would not say where they are, and look at all of them at once."""
    x = layers.Conv2D(SQUEEZED, 1, activation="relu", name="squeeze")(features)
    x = layers.Dense(HIDDEN, activation="relu", name="hidden")(layers.Flatten(name="places")(x))
    return _dropped(x, dropout, "hidden_dropout")


def _dropped(features: Tensor, dropout: float, name: str) -> Tensor:
    return layers.Dropout(dropout, name=name)(features) if dropout else features
