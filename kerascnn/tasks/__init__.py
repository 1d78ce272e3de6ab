"""Which question a network answers, and the way back from a stored run to its task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from kerascnn.tasks.classification import ClassificationTask, classification
from kerascnn.tasks.comparison import Comparison
from kerascnn.tasks.detection import DetectionTask
from kerascnn.tasks.faces import FaceTask, faces
from kerascnn.tasks.fast_rcnn import FastRCNNTask, region_detection
from kerascnn.tasks.fast_style import FastStyleTask, fast_style
from kerascnn.tasks.faster_rcnn import FasterRCNNTask, two_stage_detection
from kerascnn.tasks.gallery import Gallery
from kerascnn.tasks.hard_negatives import find_negatives
from kerascnn.tasks.landmarks import LandmarksTask, landmarks
from kerascnn.tasks.localization import LocalizationTask, localization
from kerascnn.tasks.rcnn import RCNN, rcnn
from kerascnn.tasks.region_heads import RegionHeads, collect_regions, fit_regressors, fit_svms
from kerascnn.tasks.region_proposals import RegionProposalTask, region_proposals
from kerascnn.tasks.segmentation import SegmentationTask, segmentation
from kerascnn.tasks.segmenter import Segmenter
from kerascnn.tasks.sliding_window import SlidingWindow, sliding_window
from kerascnn.tasks.style import stylize
from kerascnn.tasks.style_costs import StyleCosts, StyleRecipe
from kerascnn.tasks.task import Task
from kerascnn.tasks.yolo import YoloTask, detection
from kerascnn.tasks.yolo_v1 import YoloV1Task, detection_v1

__all__ = [
    "RCNN",
    "TASKS",
    "ClassificationTask",
    "Comparison",
    "DetectionTask",
    "FaceTask",
    "FastRCNNTask",
    "FastStyleTask",
    "FasterRCNNTask",
    "Gallery",
    "LandmarksTask",
    "LocalizationTask",
    "RegionHeads",
    "RegionProposalTask",
    "SegmentationTask",
    "Segmenter",
    "SlidingWindow",
    "StyleCosts",
    "StyleRecipe",
    "Task",
    "YoloTask",
    "YoloV1Task",
    "classification",
    "collect_regions",
    "detection",
    "detection_v1",
    "faces",
    "fast_style",
    "find_negatives",
    "fit_regressors",
    "fit_svms",
    "landmarks",
    "load_task",
    "localization",
    "rcnn",
    "region_detection",
    "region_proposals",
    "segmentation",
    "sliding_window",
    "stylize",
    "two_stage_detection",
]

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        ClassificationTask,
        LocalizationTask,
        LandmarksTask,
        YoloTask,
        YoloV1Task,
        RegionProposalTask,
        FastRCNNTask,
        FasterRCNNTask,
        SegmentationTask,
        FaceTask,
        FastStyleTask,
    )
}


def load_task(
    path: str | Path, name: str, classes: Sequence[str], *, loss_options: Mapping[str, Any] | None = None
) -> Task:
    """Load a stored model as the task that it was trained for.

    Args:
        path: a `.keras` file, as a run folder holds one.
        name: a name of `TASKS`, as the run's card gives it.
        classes: name of each class, as the run's card gives them.
        loss_options: of the loss that it was trained with, as the run's card gives them.

    Returns:
        The task. Keras' safe mode is on: the file cannot bring code of its own.

    Raises:
        ValueError: for an unknown task, a file that is not a Keras model, or options that the loss does not have.
    """
    if name not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}. Received: {name!r}.")
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    _reserve_names(model)
    return TASKS[name](model, tuple(classes), loss_options=loss_options or {})


def _reserve_names(model: keras.Model) -> None:
    """Keep Keras from giving new operations the names of a stored model's, which the serving model is built upon.

    Operations without a name get their kind and the next number of this process: where a model came from another one,
    they would be the same again, and Keras refuses two of a name.
    """
    for operation in model.operations:
        prefix, _, number = operation.name.rpartition("_")
        kind, taken = (prefix, int(number)) if prefix and number.isdecimal() else (operation.name, 0)
        while keras.backend.get_uid(kind) <= taken:
            pass
