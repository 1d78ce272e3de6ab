"""The few serialisable layers and activations that Keras lacks."""

from kerascnn.layers.classic import LocalResponseNormalization, scaled_tanh
from kerascnn.layers.detection import AnchorGrid, NonMaxSuppression
from kerascnn.layers.regions import (
    DetectionCandidates,
    ProposalCandidates,
    PyramidLevel,
    RegionGrid,
    RoIAlign,
    RoIMaxPooling,
)

__all__ = [
    "AnchorGrid",
    "DetectionCandidates",
    "LocalResponseNormalization",
    "NonMaxSuppression",
    "ProposalCandidates",
    "PyramidLevel",
    "RegionGrid",
    "RoIAlign",
    "RoIMaxPooling",
    "scaled_tanh",
]
