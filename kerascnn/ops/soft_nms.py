"""Soft non-max suppression: a box that lies over a better one is not dropped, its score is lowered."""

import keras
from keras import ops

from kerascnn.ops.boxes import as_boxes
from kerascnn.ops.candidates import Candidates, KeptBoxes, gather, overlap, rank
from kerascnn.ops.nms import check_options

METHODS = ("linear", "gaussian")


def soft_non_max_suppression(
    boxes: keras.KerasTensor,
    scores: keras.KerasTensor,
    *,
    class_ids: keras.KerasTensor | None = None,
    method: str = "gaussian",
    sigma: float = 0.5,
    iou_threshold: float = 0.3,
    score_threshold: float = 0.001,
    max_detections: int = 100,
    max_candidates: int | None = None,
) -> KeptBoxes:
    """Keep the box with the highest score, lower the scores of those that overlap it, and go on with what is left.

    A score s becomes s (1 - IoU) where the IoU is at least the threshold (`linear`), or s exp(-IoU^2 / sigma)
    (`gaussian`). Each class is by itself, and what is never chosen is the same, as in `non_max_suppression`. Each box
    kept takes a pass over all candidates, so `max_candidates` is worth its while.

    Gradients flow into the boxes that are kept, not into the choice or the scores.

    Args:
        boxes: see `non_max_suppression`.
        scores: see `non_max_suppression`; in 0..1.
        class_ids: see `non_max_suppression`.
        method: `linear` or `gaussian`.
        sigma: how far the Gaussian reaches; `linear` has none.
        iou_threshold: from where on `linear` lowers; `gaussian` has none.
        score_threshold: boxes are discarded, before and on the way, whose score is not greater; not negative.
        max_detections: D, the most boxes to keep, of all classes together.
        max_candidates: see `non_max_suppression`.

    Returns:
        What is kept of each picture, with the lowered scores, and padding up to D.

    Raises:
        ValueError: for shapes that do not belong together, an unknown method, or an option out of range.

    Reference:
        Bodla et al. 2017, "Soft-NMS: Improving Object Detection With One Line of Code", arXiv:1704.04503, section 3,
        and the authors' program, from which the default thresholds are.
    """
    check_options(iou_threshold, max_detections, max_candidates)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}. Received: method={method!r}.")
    if not (sigma > 0 and score_threshold >= 0):
        raise ValueError(
            "sigma must be positive, and score_threshold not negative, for scores fall towards 0. "
            f"Received: sigma={sigma}, score_threshold={score_threshold}."
        )

    def lower(overlaps):
        if method == "gaussian":
            return ops.exp(-ops.square(overlaps) / sigma)
        return ops.where(overlaps >= iou_threshold, 1 - overlaps, 1.0)

    boxes = as_boxes(boxes)
    candidates = rank(boxes, scores, class_ids, score_threshold, max_candidates).pad(1)
    chosen, lowered = _choose(Candidates(*map(ops.stop_gradient, candidates)), lower, score_threshold, max_detections)
    return candidates.keep(chosen, lowered, ops.shape(boxes)[:-2])


def _choose(candidates, lower, score_threshold, max_detections):
    """Give the places in the ranking of what is kept, the last one for padding, and its scores: (B, D) both."""
    rows, scores, _ = candidates
    batch_size, end = ops.shape(scores)[0], ops.shape(scores)[1] - 1
    places, turns = ops.arange(end + 1, dtype="int32"), ops.arange(max_detections, dtype="int32")

    def choose_best(turn, scores, chosen, lowered):
        score, best = ops.top_k(scores, 1)  # (B, 1); Keras' argmax has no form that TFLite knows
        is_turn = (turns == turn) & (score > score_threshold)  # (B, D)
        factors = lower(ops.squeeze(overlap(gather(rows, best), rows), 1))
        scores = ops.where(places == best, 0.0, scores * factors)
        return turn + 1, scores, ops.where(is_turn, best, chosen), ops.where(is_turn, score, lowered)

    def has_more(turn, scores, *_):
        return (turn < max_detections) & ops.any(scores > score_threshold)

    nothing = (ops.full((batch_size, max_detections), end, dtype="int32"), ops.zeros((batch_size, max_detections)))
    # A score of minus infinity would become NaN where it is lowered to nothing.
    return ops.while_loop(has_more, choose_best, (0, ops.maximum(scores, 0), *nothing))[2:]
