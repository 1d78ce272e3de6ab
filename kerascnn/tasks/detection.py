"""Detection: which objects are in the picture, and where? What all detectors have in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kerascnn.metrics.coco import coco_metrics
from kerascnn.metrics.detection import summarise_detections
from kerascnn.ops import exact_pairwise_iou
from kerascnn.results import Detections
from kerascnn.tasks.task import Task, check_names

SURE = 0.5  # the score above which two models' detections are compared
SAME_BOX = 0.5
PADDING = -1


@dataclass(frozen=True)
class DetectionTask(Task):
    """A network that finds the objects of a picture, with the names of the classes."""

    annotation: ClassVar[str] = "boxes"
    score_name: ClassVar[str] = "AP50"
    monitor: ClassVar[str] = "ap"

    def __post_init__(self) -> None:
        """Refuse names that do not fit."""
        super().__post_init__()
        check_names("classes", self.classes, at_least=1)

    @property
    def output_labels(self) -> Mapping[str, str]:
        """The values of `category` are numbers of classes."""
        return {"category": "value"}

    @property
    @abstractmethod
    def max_detections(self) -> int:
        """The most boxes that the serving model gives of a picture."""

    def targets(self, sample: Mapping[str, Any]) -> Any:
        """Take the rows of all objects."""
        return sample["objects"]

    def decode(
        self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Detections]:
        """Turn the outputs into one `Detections` a picture, clipped to it."""
        count = outputs["number"].reshape(-1).astype(int)
        results = []
        for index, (height, width) in enumerate(self.sizes_of(len(count), sizes)):
            found = slice(count[index])
            corners = np.clip(outputs["location"][index, found][:, [1, 0, 3, 2]], 0, 1)
            boxes = (corners * [width, height, width, height]).astype(np.float32)
            scores = outputs["score"][index, found].astype(np.float32)
            results.append(
                Detections(self.classes, boxes, scores, outputs["category"][index, found].round().astype(np.int32))
            )
        return results

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Detections]:
        """Turn rows (N, M, 5) into results that are sure of them."""
        results = []
        for rows, size in zip(targets, self.sizes_of(len(targets), sizes), strict=True):
            rows = rows[rows[:, 4] != PADDING]
            scale = np.array([*size[::-1], *size[::-1]]) / np.array([*self.image_size[::-1], *self.image_size[::-1]])
            boxes = (rows[:, :4] * scale).astype(np.float32)
            results.append(Detections(self.classes, boxes, np.ones(len(rows), np.float32), rows[:, 4].astype(np.int32)))
        return results

    def score(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> float:
        """Compute COCO's AP50; 0 where there is no object."""
        return coco_metrics(targets, [found.rows for found in self.decode(outputs)], self.classes)["ap50"] or 0.0

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise the outputs against rows (N, M, 5); see `summarise_detections`."""
        return summarise_detections(targets, [found.rows for found in self.decode(outputs)], self.classes)

    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the pictures with objects that were missed, or sure detections of nothing; those with most first."""
        pairs = zip(self.decode(outputs), self.truths(targets), strict=True)
        wrong = np.array([_count_unmatched(found.above(SURE), truth) for found, truth in pairs])
        order = np.argsort(-wrong, kind="stable")
        return order[wrong[order] > 0]

    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of sure detections, of both models, that the other has too: the same class, an IoU of 0.5."""
        ours, theirs = self.decode(outputs), self.decode(others)
        unmatched = total = 0
        for one, other in zip(ours, theirs, strict=True):
            for sure, all_found in ((one.above(SURE), other), (other.above(SURE), one)):
                unmatched += int((~_is_matched(sure, all_found)).sum())
                total += len(sure)
        return 1 - unmatched / total if total else 1.0


def _count_unmatched(found: Detections, truth: Detections) -> int:
    """Count the objects without a detection, and the detections without an object."""
    return int((~_is_matched(found, truth)).sum() + (~_is_matched(truth, found)).sum())


def _is_matched(found: Detections, others: Detections) -> np.ndarray:
    """Tell which boxes have one of the same class among others that they overlap."""
    if not len(found) or not len(others):
        return np.zeros(len(found), bool)
    same = found.class_ids[:, np.newaxis] == others.class_ids
    return (same & (exact_pairwise_iou(found.boxes, others.boxes) >= SAME_BOX)).any(axis=1)
