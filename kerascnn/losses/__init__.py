"""Losses that Keras lacks. Each is a function of (annotation, outputs)."""

from kerascnn.losses.classification import AuxiliaryCrossEntropy, SmoothedCrossEntropy
from kerascnn.losses.landmarks import LandmarkLoss
from kerascnn.losses.localization import LocalizationLoss
from kerascnn.losses.rcnn import RegionClassLoss, RegionProposalLoss
from kerascnn.losses.segmentation import SegmentationLoss
from kerascnn.losses.yolo import YoloLoss
from kerascnn.losses.yolo_v1 import YoloV1Loss

__all__ = [
    "AuxiliaryCrossEntropy",
    "LandmarkLoss",
    "LocalizationLoss",
    "RegionClassLoss",
    "RegionProposalLoss",
    "SegmentationLoss",
    "SmoothedCrossEntropy",
    "YoloLoss",
    "YoloV1Loss",
]
