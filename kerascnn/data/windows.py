"""From pictures with boxes to windows with labels, which a classifier for `kerascnn.tasks.sliding_window` learns from.

A window is a crop of the shape of the classifier's input, stretched to its size: one around each object, one of nothing
at places where no object is. Boxes are x1, y1, x2, y2 in pixels, edges not centres; sizes are (height, width).
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from kerascnn.data.sample import PADDING
from kerascnn.data.sources.source import Source, Split
from kerascnn.ops import exact_pairwise_iou, resize

BACKGROUND = "background"
MOST_OVERLAP = 0.3  # IoU of a window of the background with an object; R-CNN's (arXiv:1311.2524, appendix B)
SCALE_STEP = 2**0.25  # a window is then at most 9 % larger or smaller than an object
RARE = 1.0  # percent of the objects at either end of their sizes that no scale is for
ATTEMPTS = 20  # at a place without an object, for each window of the background

Size = tuple[int, int]


def window_source(
    source: Source,
    *,
    window: Size,
    scales: Sequence[float],
    copies: int = 2,
    jitter: float = 0.1,
    negatives: Mapping[str, Sequence[np.ndarray]] | None = None,
    background: str = BACKGROUND,
    seed: int = 0,
) -> Source:
    """Cut the pictures of a data set with boxes into windows of its classes and of the background.

    Every class, and the background, gets as many windows as the most frequent class has objects, times `copies`:
    objects of rarer classes are cut out more often, each time moved and scaled a little otherwise. In pictures that are
    full of objects the background gets fewer. The windows lie in memory, 3 kB each if they are of 32 pixels.

    Args:
        source: with boxes. Each of its splits becomes one of windows, so that no picture is in two of them.
        window: size of the classifier's input. An object's window is the smallest of this shape around it.
        scales: of the pyramid that the detector will have: at 0.5 a window of the background has twice the sides.
        copies: of each object of the most frequent class.
        jitter: by what share of its sides an object's window is moved, and made smaller or larger, at most.
        negatives: by the name of a split, such as `train`, for each of its pictures (n, 4): windows to add to the
            background, such as those of `kerascnn.tasks.find_negatives`. Those of `validation` let the best epoch be
            the best for the detector, too.
        background: name of the class of windows without an object, the first one.
        seed: decides places and sizes, for each picture by itself.

    Returns:
        The data set, with a label for each window.

    Raises:
        ValueError: for pictures without boxes, a split without an object or without room for the background, a class of
            the name of the background, or an argument out of range.
    """
    _check(source, window, scales, copies, jitter, background)
    negatives = dict(negatives or {})
    for name, boxes in negatives.items():
        if name not in source.splits or len(boxes) != len(source.splits[name]):
            expected = {each: len(split) for each, split in source.splits.items()}
            raise ValueError(
                f"negatives must hold an array for each picture of a split: {expected}. "
                f"Received: {len(boxes)} for {name!r}."
            )
    cutter = _Cutter(len(source.classes), window, tuple(scales), copies, jitter)
    splits = {
        name: cutter.cut(split, name, (seed, number), negatives.get(name))
        for number, (name, split) in enumerate(source.splits.items())
    }
    return dataclasses.replace(
        source,
        name=f"windows of {source.name}",
        classes=(background, *source.classes),
        train=splits["train"],
        valid=splits["validation"],
        test=splits.get("test"),
    )


def window_scales(split: Split, window: Size, *, step: float = SCALE_STEP) -> tuple[float, ...]:
    """Give the scales at which windows are as large as the objects of a split, the largest scale first.

    Args:
        split: with boxes. The smallest and the largest of a hundred objects do not count: they would make the pyramid
            larger for everything else.
        window: size of the classifier's input.
        step: from one scale to the next, above 1.

    Returns:
        What `window_source` and `kerascnn.tasks.sliding_window` take.

    Raises:
        ValueError: for a split without an object, or a step that is none.

    Example:
        >>> window_scales(source.train, (32, 32))  # objects of 40 to 80 pixels
        (0.8, 0.67, 0.57, 0.48, 0.4)
    """
    if step <= 1:
        raise ValueError(f"step must be above 1. Received: step={step}.")
    boxes = [
        box[class_ids != PADDING]
        for box, class_ids in zip(split.annotations["boxes"], split.annotations["class_ids"], strict=True)
    ]
    sides = np.concatenate([np.zeros((0, 4)), *boxes])
    sides = sides[:, 2:] - sides[:, :2]  # width, height
    if not len(sides):
        raise ValueError("The split has no object, and windows are made as large as objects are.")
    largest, smallest = np.percentile(1 / (sides / window[::-1]).max(axis=1), [100 - RARE, RARE])
    count = 1 + round(np.log(largest / smallest) / np.log(step))
    return tuple(np.geomspace(largest, smallest, count).tolist())


@dataclasses.dataclass(frozen=True)
class _Cutter:
    """What all splits are cut by; see `window_source`."""

    num_classes: int
    window: Size
    scales: tuple[float, ...]
    copies: int
    jitter: float

    def cut(
        self, split: Split, name: str, seed: tuple[int, int], negatives: Sequence[np.ndarray] | None = None
    ) -> Split:
        """Cut a split."""
        counts = split.count(self.num_classes)
        if not counts.any():
            raise ValueError(f"The {name} split has no object. Windows are cut around objects: add some.")
        total = self.copies * int(counts.max())
        # What each object, and in the last place each picture, has to give, so that the sums are those wanted.
        shares = [_share(total, count) for count in (*counts.tolist(), len(split))]
        names, images, labels = [], [], []
        for index in range(len(split)):
            image = split.picture(index)
            boxes, class_ids = split.annotations["boxes"][index], split.annotations["class_ids"][index]
            boxes, class_ids = boxes[class_ids != PADDING], class_ids[class_ids != PADDING]
            rng = np.random.default_rng([*seed, index])
            places = [
                (self._around(box, rng), 1 + class_id)
                for box, class_id in zip(boxes, class_ids, strict=True)
                for _ in range(next(shares[class_id]))
            ]
            beside = self._beside(boxes, image.shape[:2], next(shares[-1]), rng)
            mined = () if negatives is None else negatives[index]
            for box, label in (*places, *((box, 0) for box in (*beside, *mined))):
                corners = fit_inside(box, image.shape[:2])
                names.append(f"{split.names[index]} at {', '.join(map(str, corners))}")
                images.append(crop(image, corners, self.window))
                labels.append(label)
        if 0 not in labels:
            raise ValueError(
                f"The {name} split has no room for a window of the background: every place overlaps an object. "
                f"Received: scales={self.scales}."
            )
        return split_of_arrays(names, np.stack(images), np.array(labels, np.int32))

    def _around(self, box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Place a window around an object, moved and scaled a little."""
        sides = box[2:] - box[:2]  # width, height
        shape = np.array(self.window[::-1], float)
        extent = shape * (sides / shape).max() * np.exp(rng.uniform(-self.jitter, self.jitter))
        center = (box[:2] + box[2:]) / 2 + extent * rng.uniform(-self.jitter, self.jitter, 2)
        return np.concatenate([center - extent / 2, center + extent / 2])

    def _beside(self, objects: np.ndarray, size: Size, number: int, rng: np.random.Generator) -> np.ndarray:
        """Place up to a number of windows where none of the objects (n, 4) is: (m, 4)."""
        extents = np.array([np.array(self.window[::-1]) / scale for scale in self.scales])
        extents = extents[(extents <= size[::-1]).all(axis=1)]
        tried = extents[rng.integers(len(extents), size=ATTEMPTS * number)] if len(extents) else np.zeros((0, 2))
        corners = rng.uniform(0, 1, tried.shape) * (size[::-1] - tried)
        boxes = np.concatenate([corners, corners + tried], axis=1)
        overlaps = exact_pairwise_iou(boxes, objects)  # (tried, n)
        return boxes[(overlaps < MOST_OVERLAP).all(axis=1)][:number]


def crop(image: np.ndarray, corners: tuple[int, int, int, int], size: Size) -> np.ndarray:
    """Cut a window out of a picture, and stretch it as the detector stretches the whole picture.

    Args:
        image: (H, W, 3) uint8.
        corners: x1, y1, x2, y2 inside of it.
        size: of the result.

    Returns:
        (height, width, 3) uint8.
    """
    x1, y1, x2, y2 = corners
    return resize(image[y1:y2, x1:x2], size)


def fit_inside(box: np.ndarray, size: Size) -> tuple[int, int, int, int]:
    """Round a window to whole pixels and push it into the picture; one that is larger becomes as large as that."""
    corners = []
    for axis, side in enumerate(size[::-1]):
        extent = int(np.clip(round(float(box[axis + 2] - box[axis])), 1, side))
        start = int(np.clip(round(float(box[axis])), 0, side - extent))
        corners.append((start, start + extent))
    (x1, x2), (y1, y2) = corners
    return x1, y1, x2, y2


def _share(total: int, count: int) -> Iterator[int]:
    """Divide a total among so many, as evenly as whole numbers can."""
    return (total * (number + 1) // count - total * number // count for number in range(count))


def split_of_arrays(names: Sequence[str], images: np.ndarray, labels: np.ndarray) -> Split:
    """Make a split of pictures in memory.

    Args:
        names: of each.
        images: (N, H, W, 3) uint8.
        labels: (N,) int32.
    """
    image_table, label_table = tf.constant(images), tf.constant(labels)
    return Split(
        names=names,
        annotations={"label": labels},
        digests=[hashlib.sha256(image.tobytes()).hexdigest() for image in images],
        read=lambda index: {"image": image_table[index], "label": label_table[index]},
    )


def _check(source: Source, window: Size, scales: Sequence[float], copies: int, jitter: float, background: str) -> None:
    if "boxes" not in source.train.annotations:
        raise ValueError(
            f"Windows are cut around boxes. {source.name} has {', '.join(source.train.annotations) or 'nothing'}: "
            'open it with annotation="boxes".'
        )
    if background in source.classes:
        raise ValueError(
            f"background must be none of the classes {', '.join(source.classes)}. Received: background={background!r}."
        )
    if len(window) != 2 or min(window) < 1:
        raise ValueError(f"window must be (height, width), both at least 1. Received: window={window}.")
    if not scales or min(scales) <= 0:
        raise ValueError(f"scales must be positive, at least one. Received: scales={tuple(scales)}.")
    if copies < 1 or not 0 <= jitter < 1:
        raise ValueError(
            f"copies must be at least 1, and jitter lie in 0..1. Received: copies={copies}, jitter={jitter}."
        )
