"""Detection: which objects are in the picture, and where? What all detectors have in common."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import keras
import numpy as np

from kerascnn.losses.terms import DetectorTerms
from kerascnn.metrics.average_precision import LossTerm
from kerascnn.metrics.detection import DEFAULT_SCORE_THRESHOLD, best_score_threshold, summarise_detections
from kerascnn.metrics.matching import MISSING, PADDING, match_objects
from kerascnn.ops import exact_pairwise_iou
from kerascnn.results import Detections
from kerascnn.tasks.detector_outputs import detector_differences
from kerascnn.tasks.task import Task, check_names

AGREEMENT_IOU = 0.5  # from which on two models found the same object


@dataclass(frozen=True)
class DetectionTask(Task):
    """A network that finds the objects of a picture, with the names of the classes.

    Attributes:
        score_threshold: above which score a detection counts; None before `tuned` chose one, and means 0.5, or in
            `evaluate` the one with the best F1 there.
    """

    annotation: ClassVar[str] = "boxes"
    score_name: ClassVar[str] = "AP50"
    monitor: ClassVar[str] = "ap"
    score_threshold: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse names and a threshold that do not fit."""
        super().__post_init__()
        check_names("classes", self.classes, at_least=1)
        if self.score_threshold is not None and not 0 <= self.score_threshold <= 1:
            raise ValueError(f"score_threshold must lie in 0..1. Received: score_threshold={self.score_threshold}.")

    def loss_terms(self) -> list[keras.metrics.Metric]:
        """Make a metric of each term of the loss."""
        return [LossTerm(self.loss, term) for term in DetectorTerms._fields]

    @property
    def output_labels(self) -> Mapping[str, str]:
        """The values of `category` are numbers of classes."""
        return {"category": "value"}

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

    def answers(
        self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Detections]:
        """Give the detections of `decode` that count."""
        return [found.above(self._threshold) for found in self.decode(outputs, sizes)]

    @property
    def _threshold(self) -> float:
        return DEFAULT_SCORE_THRESHOLD if self.score_threshold is None else self.score_threshold

    def tuned(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> "DetectionTask":
        """Give the task with the score threshold of the best F1."""
        detections = [found.rows for found in self.decode(outputs)]
        return replace(self, score_threshold=best_score_threshold(targets, detections, len(self.classes)))

    @property
    def chosen(self) -> dict[str, Any]:
        """The score threshold, if there is one."""
        return {} if self.score_threshold is None else {"score_threshold": self.score_threshold}

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Detections]:
        """Turn rows (N, M, 5) into results that are sure of them."""
        results = []
        for rows, size in zip(targets, self.sizes_of(len(targets), sizes), strict=True):
            rows = rows[rows[:, 4] != PADDING]
            scale = np.array([*size[::-1], *size[::-1]]) / np.array([*self.image_size[::-1], *self.image_size[::-1]])
            boxes = (rows[:, :4] * scale).astype(np.float32)
            results.append(Detections(self.classes, boxes, np.ones(len(rows), np.float32), rows[:, 4].astype(np.int32)))
        return results

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise the outputs against rows (N, M, 5); see `summarise_detections`."""
        detections = [found.rows for found in self.decode(outputs)]
        return summarise_detections(targets, detections, self.classes, score_threshold=self.score_threshold)

    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Take COCO's AP50; 0 where there is no object."""
        return summary["ap50"] or 0.0

    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the pictures with objects that were missed, or detections that are wrong; those with most first."""
        pairs = zip(self.answers(outputs), self.truths(targets), strict=True)
        wrong = np.array([_count_wrong(found, truth) for found, truth in pairs])
        order = np.argsort(-wrong, kind="stable")
        return order[wrong[order] > 0]

    def differences(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute how far two models' answers to the same objects are apart, see `detector_differences`."""
        return detector_differences(outputs, others)

    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of answers, of both models, that the other found too: the same class, an IoU of 0.5.

        The other's score must come to half the threshold: the same thing may be just above it in one and below in the
        other.
        """
        low = self._threshold / 2
        ours, theirs = (
            [(found.above(self._threshold), found.above(low)) for found in self.decode(each)]
            for each in (outputs, others)
        )
        unmatched = total = 0
        for (our_answers, we_found), (their_answers, they_found) in zip(ours, theirs, strict=True):
            for answers, found in ((our_answers, they_found), (their_answers, we_found)):
                unmatched += int((~_is_matched(answers, found)).sum())
                total += len(answers)
        return 1 - unmatched / total if total else 1.0


def build_loss(loss_class: type[keras.losses.Loss], *arguments: Any, **options: Any) -> keras.losses.Loss:
    """Make the loss of a task.

    Args:
        loss_class: its class.
        *arguments: what follows from the network.
        **options: what users chose, the task's `loss_options`.

    Raises:
        ValueError: for options that it does not have, also where they are of a type that makes a TypeError.
    """
    try:
        return loss_class(*arguments, **options)
    except TypeError as error:
        parameters = list(inspect.signature(loss_class).parameters.values())[len(arguments) :]
        known = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
        received = ", ".join(f"{name}={value!r}" for name, value in options.items())
        raise ValueError(f"{loss_class.__name__} has the options {', '.join(known)}. Received: {received}.") from error


def _count_wrong(found: Detections, truth: Detections) -> int:
    """Count the detections that found no object, and the objects that were not found."""
    right = int((match_objects(found.rows, truth.targets) != MISSING).sum())
    return len(found) + len(truth) - 2 * right


def _is_matched(found: Detections, others: Detections) -> np.ndarray:
    """Tell which boxes have one of the same class among others, with an IoU of 0.5."""
    if not len(found) or not len(others):
        return np.zeros(len(found), bool)
    same = found.class_ids[:, np.newaxis] == others.class_ids
    return (same & (exact_pairwise_iou(found.boxes, others.boxes) >= AGREEMENT_IOU)).any(axis=1)
