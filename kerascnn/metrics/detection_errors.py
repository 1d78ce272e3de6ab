"""What is wrong with a detector: its mistakes by kind, as TIDE tells them apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerascnn.metrics.matching import MISSING, Picture, match_greedily, pair_pictures
from kerascnn.metrics.precision_recall import check_iou_threshold
from kerascnn.ops import exact_pairwise_iou

CORRECT, LOCALIZATION, CLASSIFICATION, DUPLICATE, BOTH, BACKGROUND = KINDS = (
    "correct",  # on an object of its class that no surer one is on
    "localization",  # near an object of its class
    "classification",  # on an object of another class
    "duplicate",  # on an object of its class that a surer one is on
    "both",  # near an object of another class
    "background",  # near nothing
)
MISSED = "missed"  # an object that no detection is on, nor is near it with the right class
NOT_JUDGED = ""  # padding, and detections of a low score


@dataclass(frozen=True, eq=False)
class PictureErrors:
    """What became of each detection and each object of a picture.

    Attributes:
        kinds: (m,) strings, of each given detection: one of `KINDS`, or empty where it is padding or its score low.
        missed: (n,) bool, of each given row of the truth.
    """

    kinds: np.ndarray
    missed: np.ndarray


def find_errors(
    targets: Sequence[np.ndarray],
    detections: Sequence[np.ndarray],
    num_classes: int,
    *,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
    background_threshold: float = 0.1,
) -> list[PictureErrors]:
    """Tell for each detection whether it is right, or else what is wrong with it, and which objects were missed.

    A detection is on an object if their IoU reaches `iou_threshold`, near it if it reaches `background_threshold`. It
    is `correct` if it finds an object of its class, by the rule of `match_greedily`; else the first of these that
    holds: `localization`, the object of its class that it overlaps most is near; `classification`, it is on one of
    another class; `duplicate`, it is on one of its class; `both`, it is near one of another class; `background`. An
    object is `missed` if it was not found, and is not the one that a localization or classification error means.

    Args:
        targets: see `kerascnn.metrics.matching.pair_pictures`.
        detections: likewise; only those whose score is greater than `score_threshold` are judged.
        num_classes: how many classes there are.
        score_threshold: see `detections`.
        iou_threshold: above 0, up to 1.
        background_threshold: above 0, below `iou_threshold`.

    Returns:
        One `PictureErrors` for each picture, in the order of the given rows.

    Raises:
        ValueError: for a threshold out of range, or what `pair_pictures` refuses.

    Reference:
        Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors", arXiv:2008.08115, section
        2.2, whose thresholds are the defaults, in the order of its implementation.
    """
    check_iou_threshold(iou_threshold)
    if not 0 < background_threshold < iou_threshold:
        raise ValueError(
            f"background_threshold must lie above 0, and below iou_threshold={iou_threshold}. "
            f"Received: background_threshold={background_threshold}."
        )
    errors = []
    for picture, truth, found in zip(pair_pictures(targets, detections, num_classes), targets, detections, strict=True):
        kinds, missed = np.full(len(found), NOT_JUDGED, dtype="U16"), np.zeros(len(truth), bool)
        judged = picture.detections[:, 4] > score_threshold
        own_kinds, own_missed = _judge(picture, judged, iou_threshold, background_threshold)
        kinds[picture.detection_rows[judged]] = own_kinds
        missed[picture.truth_rows] = own_missed
        errors.append(PictureErrors(kinds, missed))
    return errors


def count_errors(
    targets: Sequence[np.ndarray], detections: Sequence[np.ndarray], errors: Sequence[PictureErrors], num_classes: int
) -> list[dict[str, int]]:
    """Count errors class by class.

    Args:
        targets: as `find_errors` was given them.
        detections: likewise.
        errors: what it found.
        num_classes: how many classes there are.

    Returns:
        For each class the number of detections of each of `KINDS`, by their own class, and of objects that were
        `missed`.
    """
    kinds = np.concatenate([each.kinds for each in errors])
    missed = np.concatenate([each.missed for each in errors])
    found_classes = np.concatenate([np.asarray(rows)[:, 5] for rows in detections])
    true_classes = np.concatenate([np.asarray(rows)[:, 4] for rows in targets])
    return [
        {kind: int(np.sum(kinds[found_classes == class_id] == kind)) for kind in KINDS}
        | {MISSED: int(missed[true_classes == class_id].sum())}
        for class_id in range(num_classes)
    ]


def total_errors(counts: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Sum the counts of all classes."""
    return {kind: sum(row[kind] for row in counts) for kind in (*KINDS, MISSED)}


def _judge(
    picture: Picture, judged: np.ndarray, iou_threshold: float, background_threshold: float
) -> tuple[list[str], np.ndarray]:
    """Give the kind of each judged detection, and which objects were missed."""
    detections, truth = picture.detections[judged], picture.truth
    if not len(truth):
        return [BACKGROUND] * len(detections), np.zeros(0, bool)
    ious = exact_pairwise_iou(detections[:, :4], truth[:, :4])  # (m, n)
    same_class = detections[:, np.newaxis, 5] == truth[:, 4]
    own, other = ious * same_class, ious * ~same_class
    matched = match_greedily(own, iou_threshold)
    missed = np.ones(len(truth), bool)
    kinds = []
    for match, own_ious, other_ious in zip(matched, own, other, strict=True):
        kind, meant = _judge_one(match, own_ious, other_ious, iou_threshold, background_threshold)
        kinds.append(kind)
        if meant is not None:
            missed[meant] = False
    return kinds, missed


def _judge_one(
    match: int, own: np.ndarray, other: np.ndarray, iou_threshold: float, background_threshold: float
) -> tuple[str, int | None]:
    """Give the kind of a detection from its IoU (n,) with objects of its class and of others, and the object meant."""
    if match != MISSING:
        return CORRECT, match
    if background_threshold <= own.max() < iou_threshold:
        return LOCALIZATION, int(own.argmax())
    if other.max() >= iou_threshold:
        return CLASSIFICATION, int(other.argmax())
    if own.max() >= iou_threshold:
        return DUPLICATE, None
    return (BOTH, None) if other.max() >= background_threshold else (BACKGROUND, None)
