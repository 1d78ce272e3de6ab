"""A small detector of coloured rectangles, its head fitted in one step to random features, and its pictures."""

import math
from dataclasses import dataclass
from types import MappingProxyType

import keras
import numpy as np
from keras import layers, ops
from sklearn.linear_model import LogisticRegression, Ridge

from kerascnn.ops import exact_pairwise_iou
from kerascnn.tasks.detector_outputs import detector_differences, detector_outputs
from kerascnn.tasks.task import Task

CLASSES = ("ant", "bee", "crème brûlée")
SIZE = (64, 80)
STRIDE = 8
ANCHOR = 24.0  # pixels, width and height
OPTIONS = {"iou_threshold": 0.4, "score_threshold": 0.1, "max_detections": 20, "max_candidates": 100}


@dataclass(frozen=True)
class DetectorTask(Task):
    """As much of a task as an export needs."""

    name = "detection"
    annotation = "boxes"
    score_name = "recall"
    monitor = "recall"
    output_labels = MappingProxyType({"category": "value"})
    float_after = ("offsets", "objectness", "classes")
    differences = staticmethod(detector_differences)
    loss = metrics = targets = decode = truths = mistakes = None

    def evaluate(self, outputs, targets):
        """Measure the share of the objects (N, M, 5) that are found."""
        hits = [
            (exact_pairwise_iou(rows[:, :4], found[:, :4]) * (rows[:, 4:] == found[:, 4]) >= 0.5).any(axis=1)
            for rows, found in zip(targets, self.rows(outputs), strict=True)
        ]
        return {"recall": float(np.concatenate(hits).mean())}

    def score_of(self, summary):
        """Give that share."""
        return summary["recall"]

    def agreement(self, outputs, others):
        """Give the share of the pictures with the same classes and nearly the same boxes."""
        same = [
            len(ours) == len(theirs) and (exact_pairwise_iou(ours[:, :4], theirs[:, :4]) >= 0.8).any(axis=1).all()
            for ours, theirs in zip(self.rows(outputs, 0.5), self.rows(others, 0.5), strict=True)
        ]
        return float(np.mean(same))

    def rows(self, outputs, score=0.0):
        """Give x1, y1, x2, y2 in pixels and the class (K, 5) of what is found in each picture."""
        height, width = self.image_size
        rows = []
        for location, category, scores in zip(
            *(outputs[name] for name in ("location", "category", "score")), strict=True
        ):
            boxes = location[:, [1, 0, 3, 2]] * [width, height, width, height]
            rows.append(np.column_stack([boxes, category])[scores > score])
        return rows

    def serving_model(self):
        """Decode and suppress."""
        height, width = self.image_size
        rows, columns = height // STRIDE, width // STRIDE
        number = rows * columns
        offsets, objectness, classes = (self.model.get_layer(name).output for name in self.float_after)
        cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(number, 2)
        offsets = layers.Reshape((number, 4))(offsets)
        centers = ops.sigmoid(offsets[..., :2]) + cells.astype("float32")
        halves = ops.exp(offsets[..., 2:] + math.log(ANCHOR / STRIDE / 2))
        boxes = ops.concatenate([centers - halves, centers + halves], axis=-1)
        boxes = boxes / (1 / STRIDE)  # Keras 3.15 takes the product with a number for a sparse tensor
        scores = ops.sigmoid(layers.Reshape((number, 1))(objectness)) * ops.softmax(
            layers.Reshape((number, len(self.classes)))(classes)
        )
        outputs = detector_outputs(boxes, scores, self.image_size, **OPTIONS)
        return keras.Model(self.model.input, outputs, name=self.model.name)


def draw_scenes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw pictures (N, 64, 80, 3) uint8 of two reddish, greenish or bluish rectangles, and their rows (N, 2, 5)."""
    rng = np.random.default_rng(seed)
    pictures = rng.normal(60, 8, (count, *SIZE, 3))
    rows = np.empty((count, 2, 5), np.float32)
    for picture, places in zip(pictures, rows, strict=True):
        for side, row in enumerate(places):  # one on the left, one on the right
            height, width = rng.integers(16, 33, 2)
            y, x = rng.integers(0, 64 - height), 40 * side + rng.integers(0, 41 - width)
            class_id = rng.integers(3)
            picture[y : y + height, x : x + width, class_id] += 120
            row[:] = x, y, x + width, y + height, class_id
    return pictures.clip(0, 255).astype(np.uint8), rows


def make_detector() -> DetectorTask:
    """Make a detector that mostly finds them."""
    keras.utils.set_random_seed(0)
    inputs = layers.Input((*SIZE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = layers.Conv2D(16, 5, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(5, strides=2, padding="same")(x)
    x = layers.Conv2D(48, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Concatenate()([x, layers.Conv2D(192, 5, padding="same", activation="relu")(x)])
    heads = [
        layers.Conv2D(filters, 1, name=name) for name, filters in (("offsets", 4), ("objectness", 1), ("classes", 3))
    ]
    model = keras.Model(inputs, layers.Concatenate()([head(x) for head in heads]), name="small")
    pictures, rows = draw_scenes(150)
    features = keras.Model(inputs, x).predict(pictures, verbose=0)
    _fit(heads, features, rows)
    return DetectorTask(model, CLASSES)


def _fit(heads, features, rows):
    """Fit the head's three convolutions to features (N, rows, columns, channels)."""
    offsets, objectness, classes = heads
    scale = features.std()
    features = features / scale
    centers, sides = (rows[..., :2] + rows[..., 2:4]) / 2 / STRIDE, rows[..., 2:4] - rows[..., :2]
    cells = np.floor(centers).astype(int)
    is_object = np.zeros(features.shape[:3], bool)
    pictures = np.arange(len(rows))[:, np.newaxis]
    is_object[pictures, cells[..., 1], cells[..., 0]] = True
    at_objects = features[pictures, cells[..., 1], cells[..., 0]].reshape(-1, features.shape[-1])
    shifts = np.clip(centers - cells, 0.02, 0.98)
    targets = np.concatenate([np.log(shifts / (1 - shifts)), np.log(sides / ANCHOR)], axis=-1).reshape(-1, 4)
    found = LogisticRegression(C=1.0, solver="newton-cholesky").fit(
        features.reshape(-1, features.shape[-1]), is_object.ravel()
    )
    named = LogisticRegression(C=1.0, solver="newton-cholesky").fit(at_objects, rows[..., 4].ravel())
    placed = Ridge(1.0).fit(at_objects, targets)
    for head, fitted in ((offsets, placed), (objectness, found), (classes, named)):
        head.set_weights([fitted.coef_.T[np.newaxis, np.newaxis] / scale, fitted.intercept_])
