"""The few serialisable layers and activations that Keras lacks."""

from kerascnn.layers.classic import LocalResponseNormalization, scaled_tanh
from kerascnn.layers.dense_prediction import CropLike, MaxUnpooling2D, PadToMultiple
from kerascnn.layers.detection import AnchorGrid, NonMaxSuppression
from kerascnn.layers.regions import (
    DetectionCandidates,
    ProposalCandidates,
    PyramidLevel,
    RegionGrid,
    RoIAlign,
    RoIMaxPooling,
)
from kerascnn.layers.style import StyleByPlace

__all__ = [
    "AnchorGrid",
    "CropLike",
    "DetectionCandidates",
    "LocalResponseNormalization",
    "MaxUnpooling2D",
    "NonMaxSuppression",
    "PadToMultiple",
    "ProposalCandidates",
    "PyramidLevel",
    "RegionGrid",
    "RoIAlign",
    "RoIMaxPooling",
    "StyleByPlace",
    "scaled_tanh",
]
