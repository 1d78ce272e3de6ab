"""Boxes one by one, in plain Python and NumPy's float32, as the definitions have it."""

import numpy as np


def compute_iou(a, b, dtype=np.float32):
    """Compute the IoU of two boxes (4,)."""
    a, b = dtype(a), dtype(b)
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    intersection = width * height if width > 0 and height > 0 else dtype(0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - intersection
    return intersection / union if union else dtype(0)


def suppress(boxes, scores, iou_threshold, score_threshold):
    """Give the indices of what the course's algorithm keeps, best first."""
    remaining = [index for index in range(len(boxes)) if scores[index] > score_threshold]
    kept = []
    while remaining:
        best = max(remaining, key=lambda index: scores[index])  # of equal ones, the first
        kept.append(best)
        remaining.remove(best)
        remaining = [index for index in remaining if compute_iou(boxes[best], boxes[index]) <= iou_threshold]
    return kept


def suppress_softly(boxes, scores, lower, score_threshold):
    """Give the indices and lowered scores of what soft-NMS keeps: `lower` makes a factor of an IoU."""
    scores = dict(enumerate(map(float, scores)))
    kept, final = [], []
    while scores := {index: score for index, score in scores.items() if score > score_threshold}:
        best = max(scores, key=scores.get)
        kept.append(best)
        final.append(scores.pop(best))
        scores = {index: score * lower(compute_iou(boxes[best], boxes[index])) for index, score in scores.items()}
    return kept, final
