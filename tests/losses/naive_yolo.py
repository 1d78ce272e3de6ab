"""YOLO's loss again, prediction by prediction, in plain Python."""

import math

import numpy as np

from tests.ops.naive import compute_iou
from tests.ops.naive_assignment import assign_by_alignment_naively, assign_by_anchor_naively, is_object, sigmoid

DEFAULTS = {
    **{"assignment": "anchor", "box_form": "ciou", "soft_objectness": False, "ignore_threshold": 0.7},
    **{"label_smoothing": 0.0, "box_weight": 5.0, "objectness_weight": 1.0, "no_object_weight": 1.0},
    "class_weight": 1.0,
}


def compute_terms(rows, outputs, places, **options):
    """Give the terms of each picture, (B, 4), from rows (B, M, 5) and predictions."""
    options = DEFAULTS | options
    pictures = [_Picture(*picture, places, options) for picture in zip(rows, outputs, strict=True)]
    answering = max(sum(np.sum(picture.objects >= 0) for picture in pictures), 1) / len(pictures)
    importance = max(sum(np.sum(picture.importance) for picture in pictures), 1) / len(pictures)
    return np.array(
        [
            (
                picture.sum_box() / importance,
                *(total / importance for total in picture.sum_objectness()),
                picture.sum_classes() / answering,
            )
            for picture in pictures
        ]
    )


class _Picture:
    def __init__(self, rows, outputs, places, options):
        self.rows, self.places, self.options = rows, places, options
        self.boxes, self.objectness, self.classes = outputs[:, :4], outputs[:, 4], outputs[:, 5:-5]
        if options["assignment"] == "aligned":
            self.objects, self.quality = assign_by_alignment_naively(
                rows, self.boxes, self.objectness, self.classes, places
            )
            self.importance = self.quality
        else:
            self.objects = assign_by_anchor_naively(rows, places)[0]
            self.importance = self.quality = (self.objects >= 0).astype(float)
            if options["soft_objectness"]:
                self.quality = np.array([self._iou(n, i) if i >= 0 else 0.0 for n, i in enumerate(self.objects)])

    def _iou(self, n, i):
        return compute_iou(self.boxes[n], self.rows[i, :4])

    def sum_box(self):
        total = 0.0
        for n, i in enumerate(self.objects):
            if i >= 0:
                error = self._squared(n, i) if self.options["box_form"] == "squared" else 1 - self._complete_iou(n, i)
                total += self.importance[n] * error
        return self.options["box_weight"] * total

    def sum_objectness(self):
        answering = others = 0.0
        for n, i in enumerate(self.objects):
            error = crossentropy(self.quality[n], self.objectness[n])
            if i >= 0:
                answering += self.options["objectness_weight"] * error
            elif not self._is_ignored(n):
                others += self.options["no_object_weight"] * error
        return answering, others

    def sum_classes(self):
        total, smoothing = 0.0, self.options["label_smoothing"]
        for n, i in enumerate(self.objects):
            for number, logit in enumerate(self.classes[n] if i >= 0 else ()):
                label = 1 - smoothing / 2 if number == self.rows[i, 4] else smoothing / 2
                total += crossentropy(label, logit)
        return self.options["class_weight"] * total

    def _is_ignored(self, n):
        overlaps = [self._iou(n, i) for i, row in enumerate(self.rows) if is_object(row)]
        return self.options["assignment"] == "anchor" and max(overlaps, default=0) > self.options["ignore_threshold"]

    def _squared(self, n, i):
        """Compute the squared differences of the centres, in cells, and of the logarithms of the sides."""
        (x1, y1, x2, y2), (u1, v1, u2, v2) = self.boxes[n].astype(float), self.rows[i, :4].astype(float)
        centers = ((x1 + x2 - u1 - u2) / 2) ** 2 + ((y1 + y2 - v1 - v2) / 2) ** 2
        sides = math.log((x2 - x1) / (u2 - u1)) ** 2 + math.log((y2 - y1) / (v2 - v1)) ** 2
        return centers / self.places.strides[n, 0] ** 2 + sides

    def _complete_iou(self, n, i):
        (x1, y1, x2, y2), (u1, v1, u2, v2) = self.boxes[n].astype(float), self.rows[i, :4].astype(float)
        iou = self._iou(n, i)
        distance = ((x1 + x2 - u1 - u2) ** 2 + (y1 + y2 - v1 - v2) ** 2) / 4
        diagonal = (max(x2, u2) - min(x1, u1)) ** 2 + (max(y2, v2) - min(y1, v1)) ** 2
        v = 4 / math.pi**2 * (math.atan((x2 - x1) / (y2 - y1)) - math.atan((u2 - u1) / (v2 - v1))) ** 2
        return iou - distance / diagonal - v**2 / (1 - iou + v)


def crossentropy(label, logit):
    probability = sigmoid(logit)
    return -label * math.log(probability) - (1 - label) * math.log(1 - probability)
