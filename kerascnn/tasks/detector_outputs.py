"""What a detector's serving model gives, in the form that MediaPipe's object detector takes from a .tflite file."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from kerascnn.layers import NonMaxSuppression
from kerascnn.ops import exact_pairwise_iou, to_relative

Tensor = keras.KerasTensor

PAIR_IOU = 0.9  # from which on two models' boxes are compared: a difference of theirs is one of rounding
OF_REGIONS = 3000  # candidates of a second stage, each of whose many regions has a score for every class


def detector_outputs(
    boxes: Tensor,
    scores: Tensor,
    image_size: tuple[int, int],
    *,
    class_ids: Tensor | None = None,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.01,
    max_detections: int = 100,
    max_candidates: int = 300,
) -> dict[str, Tensor]:
    """Suppress a detector's boxes, each class by itself, and give what is left by the names that clients look for.

    Args:
        boxes: (B, N, 4), x1, y1, x2, y2 in pixels of the network's input; they may leave the picture. What counts is
            the part inside, and one without is not answered.
        scores: (B, N, C), the probability of each class in each box; or (B, N), that of the box's class.
        image_size: (height, width) of the network's input in pixels.
        class_ids: (B, N), the class of each box, where scores are (B, N).
        iou_threshold: see `kerascnn.ops.non_max_suppression`.
        score_threshold: see there. Clients can only raise it; AP counts detections that are far from sure.
        max_detections: K, see there. Clients can only lower it.
        max_candidates: see there.

    Returns:
        float32, the surest boxes first: `location` (B, K, 4), y1, x1, y2, x2 as shares of the picture, cut at its
        borders; `category` (B, K), whole numbers of classes; `score` (B, K); and `number` (B,), how many of the K there
        are. The others are zeros.
    """
    suppression = NonMaxSuppression(iou_threshold, score_threshold, max_detections, max_candidates, name="suppression")
    corners = ops.clip(to_relative(boxes, image_size), 0, 1)
    seen = ops.cast(ops.min(corners[..., 2:] - corners[..., :2], axis=-1) > 0, "float32")
    scores = scores * (seen if class_ids is not None else ops.expand_dims(seen, -1))
    # Keras 3.15 takes a product with a constant for a sparse tensor, which cannot be suppressed; a sum is dense again.
    kept = suppression(corners + 0.0, scores + 0.0, class_ids)
    return {
        "location": ops.take(kept["boxes"], [1, 0, 3, 2], axis=-1),
        "category": ops.cast(ops.maximum(kept["class_ids"], 0), "float32"),
        "score": kept["scores"],
        "number": ops.cast(kept["count"], "float32"),
    }


def detector_differences(outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute how far two models' answers to the same objects are apart.

    Output by output they cannot be compared: boxes of nearly equal scores may stand in either order, and one whose IoU
    with a better one is just at the threshold is there or not.

    Args:
        outputs: of `detector_outputs`, (N, ...) each.
        others: the same, of another model.

    Returns:
        `location` (P, 4) and `score` (P,), absolute differences of all P pairs of the same picture and class with an
        IoU of at least 0.9.
    """
    pairs = [_pair(*(_found(each, picture) for each in (outputs, others))) for picture in range(len(others["number"]))]
    rows = np.abs(np.concatenate([np.empty((0, 5), np.float32), *pairs]))
    return {"location": rows[:, :4], "score": rows[:, 4]}


def _found(outputs: Mapping[str, np.ndarray], picture: int) -> dict[str, np.ndarray]:
    count = int(outputs["number"][picture])
    return {name: outputs[name][picture, :count] for name in ("location", "category", "score")}


def _pair(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Give the differences (P, 5) of the boxes, and of their scores, that both found."""
    if not len(ours["score"]) or not len(theirs["score"]):
        return np.empty((0, 5), np.float32)
    overlaps = exact_pairwise_iou(ours["location"], theirs["location"])
    overlaps = np.where(np.round(ours["category"])[:, np.newaxis] == np.round(theirs["category"]), overlaps, 0)
    best = overlaps.argmax(axis=1)
    same = overlaps.max(axis=1) >= PAIR_IOU
    rows = [np.column_stack([each["location"], each["score"]]) for each in (ours, theirs)]
    return rows[0][same] - rows[1][best[same]]
