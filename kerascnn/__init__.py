"""The classic convolutional networks in plain Keras, from a folder of pictures to a verified model on a phone."""

from kerascnn.architectures import backbone, load_weights, mobilenet_v2
from kerascnn.data import folder, idx, mirror, open_source, pipeline, scenes_source, tfds_source
from kerascnn.export import TFLiteModel
from kerascnn.ops import describe
from kerascnn.results import Classification, Detections, FaceMatch, Landmarks, Mask, Stylization
from kerascnn.runs import open_run, write_run
from kerascnn.tasks import (
    Gallery,
    classification,
    detection,
    faces,
    fast_style,
    landmarks,
    load_task,
    localization,
    segmentation,
    sliding_window,
    stylize,
    two_stage_detection,
)
from kerascnn.training import Checkpoint, Stage, distribute, fit, from_scratch, transfer

__version__ = "0.1.0"

__all__ = [
    "Checkpoint",
    "Classification",
    "Detections",
    "FaceMatch",
    "Gallery",
    "Landmarks",
    "Mask",
    "Stage",
    "Stylization",
    "TFLiteModel",
    "backbone",
    "classification",
    "describe",
    "detection",
    "distribute",
    "faces",
    "fast_style",
    "fit",
    "folder",
    "from_scratch",
    "idx",
    "landmarks",
    "load_task",
    "load_weights",
    "localization",
    "mirror",
    "mobilenet_v2",
    "open_run",
    "open_source",
    "pipeline",
    "scenes_source",
    "segmentation",
    "sliding_window",
    "stylize",
    "tfds_source",
    "transfer",
    "two_stage_detection",
    "write_run",
]
