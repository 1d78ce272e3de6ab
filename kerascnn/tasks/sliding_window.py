"""Detection with sliding windows: a classifier of small pictures looks at every place of a large one, at several sizes.

The convolutional implementation scores all windows of a picture in a single run; the naive one crops each of them, and
is there to be compared with. Training is that of the classifier, see `kerascnn.tasks.classification`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np

from kerascnn.architectures import to_fully_convolutional
from kerascnn.layers import NonMaxSuppression
from kerascnn.ops import (
    WindowGeometry,
    count_windows,
    interpolate,
    pyramid_sizes,
    resize,
    source_positions,
    window_boxes,
    window_geometry,
)
from kerascnn.results import Detections
from kerascnn.tasks.classification import ClassificationTask

logger = logging.getLogger(__name__)

Size = tuple[int, int]
Implementation = Literal["convolutional", "naive"]

SCALES = (1.0, 0.5, 0.25)
CROPS_A_BATCH = 256


@dataclass(frozen=True)
class SlidingWindow:
    """A detector made of a classifier of windows; `sliding_window` makes one.

    Attributes:
        classes: name of each class that is found, without the background.
        background: which of the classifier's classes is the background.
        classifier: of windows (B, H, W, 3), RGB in 0..255, to probabilities (B, classes).
        convolutional: the same of all windows of a pyramid: of a picture (1, H, W, 3), and for each of `scales` the
            rows and the columns at which its level reads it, see `kerascnn.ops.interpolate`, to the probabilities of
            the windows of `level_0` and so on, each (1, rows, columns, classes).
        geometry: where the windows of `convolutional` lie, and whether it gives exactly what `classifier` does.
        stride: pixels between two neighbouring windows, multiples of those of `geometry`: (height, width).
        scales: of the pyramid of pictures.
        suppressor: of boxes (B, N, 4) and scores (B, N, classes) to those that are kept.
    """

    classes: tuple[str, ...]
    background: int
    classifier: keras.Model
    convolutional: keras.Model
    geometry: WindowGeometry
    stride: tuple[int, int]
    scales: tuple[float, ...]
    suppressor: keras.Model

    def detect(self, image: np.ndarray, *, implementation: Implementation = "convolutional") -> Detections:
        """Find what is where in a picture: the windows that show something, and of overlapping ones the surest.

        Args:
            image: (H, W, 3), RGB in 0..255, of any size from about that of a window; see `pyramid_sizes`.
            implementation: `convolutional`, or `naive`, whose boxes are the same if `geometry.exact`.

        Raises:
            ValueError: for another shape, or a picture that is too small.
        """
        boxes, probabilities = self.score_windows(image, implementation=implementation)
        scores = np.delete(probabilities, self.background, axis=-1)
        found = self.suppressor.predict_on_batch([boxes[np.newaxis], scores[np.newaxis]])
        kept = slice(int(found["count"][0]))
        return Detections(self.classes, *(found[name][0][kept] for name in ("boxes", "scores", "class_ids")))

    def score_windows(
        self, image: np.ndarray, *, implementation: Implementation = "convolutional"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the probabilities of all windows of a picture, at all scales.

        Args:
            image: see `detect`.
            implementation: see `detect`.

        Returns:
            Boxes (N, 4) float32 of the windows in pixels of the picture, and probabilities (N, classes) float32, those
            of the background among them.

        Raises:
            ValueError: for another shape, or a picture that is too small.
        """
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"image must have the shape (H, W, 3). Received: a shape of {image.shape}.")
        if implementation not in ("convolutional", "naive"):
            raise ValueError(f"implementation must be 'convolutional' or 'naive'. Received: {implementation!r}.")
        sizes = pyramid_sizes(image.shape[:2], self.geometry.size, self.stride, self.scales)
        boxes = []
        for size in sizes:
            scale = (size[0] / image.shape[0], size[1] / image.shape[1])
            boxes.append(window_boxes(size, self.geometry.size, self.stride, scale=scale))
        score = self._score_at_once if implementation == "convolutional" else self._score_crops
        return np.concatenate(boxes), np.concatenate(score(image, sizes))

    def _score_at_once(self, image: np.ndarray, sizes: list[Size]) -> list[np.ndarray]:
        """Compute the probabilities (windows, classes) of each level of the pyramid, all in one run."""
        # The model has a level for each scale; those that are too small in this picture are one window, unused.
        levels = sizes + [self.geometry.size] * (len(self.scales) - len(sizes))
        positions = [source_positions(image.shape[axis], size[axis]) for size in levels for axis in (0, 1)]
        scores = self.convolutional.predict_on_batch([image[np.newaxis], *positions])
        step_y, step_x = (ours // least for ours, least in zip(self.stride, self.geometry.stride, strict=True))
        probabilities = []
        for level, size in enumerate(sizes):
            rows, columns = count_windows(size, self.geometry.size, self.stride)
            # Where the network does not look at a window's last pixels, there are also windows that leave the picture.
            inside = scores[f"level_{level}"][0, ::step_y, ::step_x][:rows, :columns]
            probabilities.append(inside.reshape(rows * columns, -1))
        return probabilities

    def _score_crops(self, image: np.ndarray, sizes: list[Size]) -> list[np.ndarray]:
        """Compute the probabilities (windows, classes) of each level of the pyramid, window by window."""
        probabilities = []
        for size in sizes:
            crops = np.lib.stride_tricks.sliding_window_view(resize(image, size), self.geometry.size, axis=(0, 1))
            crops = crops[:: self.stride[0], :: self.stride[1]]  # (rows, columns, 3, height, width), a view
            row, column = np.divmod(np.arange(crops.shape[0] * crops.shape[1]), crops.shape[1])
            probabilities += [
                self.classifier.predict_on_batch(np.moveaxis(crops[row[batch], column[batch]], 1, -1))
                for batch in (slice(start, start + CROPS_A_BATCH) for start in range(0, len(row), CROPS_A_BATCH))
            ]
        return probabilities


def sliding_window(
    task: ClassificationTask,
    *,
    scales: Sequence[float] = SCALES,
    stride: int | None = None,
    score_threshold: float = 0.6,
    iou_threshold: float = 0.5,
    max_detections: int = 300,
    background: str = "background",
) -> SlidingWindow:
    """Make a detector of a classifier of windows.

    A window is a square of the classifier's input size, so an object is found at the scale at which it fills one:
    objects of 64 to 256 pixels by windows of 32 pixels at scales from 0.5 to 0.125.

    Args:
        task: a classifier that was trained on crops of objects and of the background. Later training does not change
            the detector.
        scales: of the pyramid of pictures: at 0.5 a window sees twice as much of each side.
        stride: pixels between two neighbouring windows, a multiple of the network's own, which is the default.
        score_threshold: what the probability of a box must be above, in 0..1.
        iou_threshold: what two boxes of a class may overlap by at most, in 0..1.
        max_detections: the most boxes of a picture.
        background: name of the class of windows with nothing in them.

    Returns:
        The detector: `detector.detect(image)`.

    Raises:
        ValueError: for a class of the background that the task does not have, a stride that is no multiple, a scale or
            a threshold out of range, or a network that cannot be made convolutional.

    Example:
        >>> task = classification("lenet5", ["background", "cell"], image_size=(32, 32))
        >>> detector = sliding_window(task, scales=(0.5, 0.25))
        >>> detector.detect(image).boxes  # image (480, 640, 3)

    Reference:
        Sermanet et al. 2014, "OverFeat: Integrated Recognition, Localization and Detection using Convolutional
        Networks", arXiv:1312.6229, sections 3.3 and 3.5. Its boxes come from a regression at each window, and are
        merged; here a box is the window, and of overlapping ones the surest stays.
    """
    if background not in task.classes:
        raise ValueError(
            f"background must be one of the classes {', '.join(task.classes)}. Received: background={background!r}."
        )
    for name, value in {"score_threshold": score_threshold, "iou_threshold": iou_threshold}.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in 0..1. Received: {name}={value}.")
    if not scales or min(scales) <= 0:
        raise ValueError(f"scales must be positive, at least one. Received: scales={tuple(scales)}.")
    geometry = window_geometry(task.model)
    strides = geometry.stride if stride is None else (stride, stride)
    if min(strides) < 1 or any(ours % least for ours, least in zip(strides, geometry.stride, strict=True)):
        raise ValueError(
            f"stride must be a multiple of the network's own, {geometry.stride[0]}. Received: stride={stride}."
        )
    probabilities = keras.layers.Softmax(name="probabilities")(task.model.output)
    classifier = keras.Model(task.model.input, probabilities, name=task.model.name)
    if not geometry.exact:
        logger.warning(
            "%s pads its maps: inside a picture it sees a window's neighbours in place of zeros, and its scores are "
            "not those of the crops that it was trained on. lenet5 does not pad.",
            task.model.name,
        )
    return SlidingWindow(
        classes=tuple(name for name in task.classes if name != background),
        background=task.classes.index(background),
        classifier=classifier,
        convolutional=_make_pyramid(to_fully_convolutional(classifier), len(scales)),
        geometry=geometry,
        stride=strides,
        scales=tuple(scales),
        suppressor=_make_suppressor(len(task.classes) - 1, iou_threshold, score_threshold, max_detections),
    )


def _make_pyramid(network: keras.Model, count: int) -> keras.Model:
    """Make a model that stretches a picture to so many levels, and runs a network on each."""
    image = keras.Input((None, None, 3), name="image")
    inputs, outputs = [image], {}
    for level in range(count):
        rows, columns = (keras.Input((), name=f"{axis}_{level}") for axis in ("rows", "columns"))
        inputs += [rows, columns]
        outputs[f"level_{level}"] = network(interpolate(image, rows, columns))
    return keras.Model(inputs, outputs)


def _make_suppressor(num_classes: int, *options: float) -> keras.Model:
    boxes, scores = keras.Input((None, 4)), keras.Input((None, num_classes))
    return keras.Model([boxes, scores], NonMaxSuppression(*options)(boxes, scores))
