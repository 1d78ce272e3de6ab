"""R-CNN: a classifier looks at every place that something else proposes, and says what is there.

The original one, of 2014: each proposal is warped to the classifier's input and goes through the network by itself.
Training is that of a classifier, see `kerascnn.tasks.classification`, on the regions of `kerascnn.data.region_source`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from kerascnn.layers import NonMaxSuppression
from kerascnn.ops import clip_boxes, decode_deltas
from kerascnn.results import Detections
from kerascnn.tasks.classification import ClassificationTask
from kerascnn.tasks.region_heads import RegionHeads
from kerascnn.tasks.region_network import region_network, run_regions

BLOCK = 128  # to a multiple of which boxes are filled up, so that few sizes are compiled


@dataclass(frozen=True)
class RCNN:
    """A detector made of a classifier of regions; `rcnn` makes one.

    Attributes:
        classes: name of each class that is found, without the background.
        background: which of the classifier's classes is the background.
        network: of warped regions to `probabilities`, `features` and `map`, see `region_network`.
        heads: the linear functions of these.
        propose: from a picture (H, W, 3) to boxes (n, 4); None where they are always given.
        context: pixels around a region.
        suppressor: of boxes (classes, N, 4) and scores (classes, N) to those that are kept of each class.
        max_detections: the most boxes of a picture.
    """

    classes: tuple[str, ...]
    background: int
    network: keras.Model
    heads: RegionHeads
    propose: Callable[[np.ndarray], np.ndarray] | None
    context: int
    suppressor: keras.Model
    max_detections: int

    def detect(self, image: np.ndarray, proposals: np.ndarray | None = None) -> Detections:
        """Find what is where in a picture: the proposals that show something, and of overlapping ones the surest.

        Args:
            image: (H, W, 3), RGB in 0..255, of any size.
            proposals: (n, 4), x1, y1, x2, y2 in pixels of the picture; those without area are left out, as padding is.
                By default what `propose` gives.

        Returns:
            Boxes in the picture. Scores are probabilities, or the sigmoids of margins where there are SVMs.

        Raises:
            ValueError: for another shape, or no proposals where nothing proposes any.
        """
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"image must have the shape (H, W, 3). Received: a shape of {image.shape}.")
        if proposals is None:
            if self.propose is None:
                raise ValueError("This detector was made without a function that proposes boxes: give proposals.")
            proposals = self.propose(image)
        proposals = np.asarray(proposals, np.float32)
        if proposals.ndim != 2 or proposals.shape[1] != 4:
            raise ValueError(f"proposals must have the shape (n, 4). Received: a shape of {proposals.shape}.")
        proposals = proposals[(proposals[:, 2:] > proposals[:, :2]).all(axis=1)]
        boxes, scores = self.score_regions(image, proposals)
        return self._suppress(boxes, scores)

    def score_regions(self, image: np.ndarray, proposals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score all proposals for each class, and correct their boxes, without any suppression.

        Args:
            image: see `detect`.
            proposals: (n, 4), with area.

        Returns:
            Boxes (n, classes, 4) float32 in the picture, and scores (n, classes) float32, in 0..1.
        """
        outputs = run_regions(self.network, image, proposals, context=self.context)
        if self.heads.svms is None:
            scores = np.delete(outputs["probabilities"], self.background, axis=-1)
        else:
            scores = _sigmoid(self.heads.svms(outputs["features"]))
        boxes = np.repeat(np.float32(proposals)[:, np.newaxis], len(self.classes), axis=1)
        if self.heads.regressors is not None:
            deltas = self.heads.regressors(outputs["map"]).reshape(boxes.shape)
            boxes = decode_deltas(deltas, boxes)
        return keras.ops.convert_to_numpy(clip_boxes(boxes, image.shape[:2])), scores.astype(np.float32)

    def _suppress(self, boxes: np.ndarray, scores: np.ndarray) -> Detections:
        """Keep of each class the surest of overlapping boxes (n, classes, 4), and of all classes the surest."""
        missing = -len(boxes) % BLOCK or (0 if len(boxes) else BLOCK)
        has_area = (boxes[..., 2:] > boxes[..., :2]).all(axis=-1)
        scores = np.where(has_area, scores, -1)  # lower than any threshold
        boxes = np.pad(np.moveaxis(boxes, 1, 0), [(0, 0), (0, missing), (0, 0)])
        scores = np.pad(scores.T, [(0, 0), (0, missing)], constant_values=-1)
        found = self.suppressor.predict_on_batch([boxes, scores])
        class_ids, places = np.nonzero(found["class_ids"] >= 0)
        order = np.argsort(-found["scores"][class_ids, places], kind="stable")[: self.max_detections]
        class_ids, places = class_ids[order], places[order]
        kept = (found[name][class_ids, places] for name in ("boxes", "scores"))
        return Detections(self.classes, *kept, class_ids.astype(np.int32))


def rcnn(
    task: ClassificationTask,
    *,
    heads: RegionHeads | None = None,
    propose: Callable[[np.ndarray], np.ndarray] | None = None,
    context: int = 16,
    score_threshold: float = 0.05,
    iou_threshold: float = 0.3,
    max_detections: int = 100,
    background: str = "background",
) -> RCNN:
    """Make a detector of a classifier of regions.

    Args:
        task: a classifier that was trained on regions of objects and of the background, and ends in a dense layer. The
            detector shares its weights.
        heads: linear functions that were fitted to its features, see `fit_svms` and `fit_regressors`. By default the
            classifier's own probabilities score the proposals, and these stay as they are.
        propose: from a picture (H, W, 3) uint8 to boxes (n, 4), such as `kerascnn.data.selective_search`. Without,
            `detect` must be given proposals.
        context: pixels of the classifier's input around a region, as it was trained with.
        score_threshold: what the score of a box must be above, in 0..1.
        iou_threshold: what two boxes of a class may overlap by at most, in 0..1; the paper's code takes 0.3.
        max_detections: the most boxes of a picture.
        background: name of the class of regions with nothing in them.

    Returns:
        The detector: `detector.detect(image)`.

    Raises:
        ValueError: for a class of the background that the task does not have, a context or a threshold out of range,
            heads of another network, or a network that does not end in a dense layer.

    Example:
        >>> task = classification("mobilenet_v2", ["background", "cell"], image_size=(96, 96))
        >>> detector = rcnn(task, propose=selective_search)
        >>> detector.detect(image).boxes  # image (480, 640, 3)

    Reference:
        Girshick et al. 2014, "Rich feature hierarchies for accurate object detection and semantic segmentation",
        arXiv:1311.2524.
    """
    if background not in task.classes:
        raise ValueError(
            f"background must be one of the classes {', '.join(task.classes)}. Received: background={background!r}."
        )
    for name, value in {"score_threshold": score_threshold, "iou_threshold": iou_threshold}.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in 0..1. Received: {name}={value}.")
    if not 0 <= 2 * context < min(task.image_size):
        raise ValueError(f"context must be less than half of the input {task.image_size}. Received: context={context}.")
    network, heads = region_network(task), heads or RegionHeads()
    count = len(task.classes) - 1
    for name, linear, inputs, outputs in (
        ("svms", heads.svms, network.output["features"].shape[1], count),
        ("regressors", heads.regressors, network.output["map"].shape[1], 4 * count),
    ):
        if linear is not None and linear.kernel.shape != (inputs, outputs):
            raise ValueError(
                f"{name} must have a kernel of the shape {(inputs, outputs)} for this network and its classes. "
                f"Received: {linear.kernel.shape}."
            )
    boxes, scores = keras.Input((None, 4)), keras.Input((None,))
    suppression = NonMaxSuppression(iou_threshold, score_threshold, max_detections)
    return RCNN(
        classes=tuple(name for name in task.classes if name != background),
        background=task.classes.index(background),
        network=network,
        heads=heads,
        propose=propose,
        context=context,
        suppressor=keras.Model([boxes, scores], suppression(boxes, scores)),
        max_detections=max_detections,
    )


def _sigmoid(margins: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * margins))  # it does not overflow
