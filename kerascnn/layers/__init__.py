"""The few serialisable layers and activations that Keras lacks."""

from kerascnn.layers.classic import LocalResponseNormalization, scaled_tanh
from kerascnn.layers.detection import AnchorGrid, NonMaxSuppression
from kerascnn.layers.regions import RoIAlign, RoIMaxPooling

__all__ = [
    "AnchorGrid",
    "LocalResponseNormalization",
    "NonMaxSuppression",
    "RoIAlign",
    "RoIMaxPooling",
    "scaled_tanh",
]
