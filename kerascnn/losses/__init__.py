"""Losses that Keras lacks. Each is a function of (annotation, outputs)."""

from kerascnn.losses.classification import AuxiliaryCrossEntropy, SmoothedCrossEntropy
from kerascnn.losses.embedding import ContrastiveLoss, SiameseLoss, TripletLoss
from kerascnn.losses.identities import ArcFaceLoss, IdentityCrossEntropy
from kerascnn.losses.landmarks import LandmarkLoss
from kerascnn.losses.localization import LocalizationLoss
from kerascnn.losses.rcnn import RegionClassLoss, RegionProposalLoss
from kerascnn.losses.segmentation import SegmentationLoss
from kerascnn.losses.style import content_cost, correlations, gram_matrix, style_cost, total_variation
from kerascnn.losses.yolo import YoloLoss
from kerascnn.losses.yolo_v1 import YoloV1Loss

__all__ = [
    "ArcFaceLoss",
    "AuxiliaryCrossEntropy",
    "ContrastiveLoss",
    "IdentityCrossEntropy",
    "LandmarkLoss",
    "LocalizationLoss",
    "RegionClassLoss",
    "RegionProposalLoss",
    "SegmentationLoss",
    "SiameseLoss",
    "SmoothedCrossEntropy",
    "TripletLoss",
    "YoloLoss",
    "YoloV1Loss",
    "content_cost",
    "correlations",
    "gram_matrix",
    "style_cost",
    "total_variation",
]
