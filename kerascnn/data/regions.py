"""From pictures with proposals to warped regions with labels, which a classifier for `kerascnn.tasks.rcnn` learns from.

A region is the place of an object, or of a proposal, stretched to the classifier's input whatever its shape, with some
pixels around it, see `kerascnn.ops.warp_regions`. Boxes are x1, y1, x2, y2 in pixels; sizes are (height, width).
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from rich.progress import track

from kerascnn.data.sample import PADDING
from kerascnn.data.sources.source import Source, Split
from kerascnn.data.windows import BACKGROUND, split_of_arrays
from kerascnn.ops import exact_pairwise_iou, warp_regions

PROGRESS_FROM = 50  # pictures

Size = tuple[int, int]


def region_source(
    source: Source,
    *,
    window: Size,
    context: int = 16,
    positive_iou: float = 0.5,
    positives: int = 16,
    negatives: int = 3,
    background: str = BACKGROUND,
    seed: int = 0,
) -> Source:
    """Cut the pictures of a data set with proposals into regions of its classes and of the background.

    A region is of the class of the object that it overlaps most, if it does so by enough; otherwise of the background.
    Objects are regions too. Of every picture some are drawn, and of the background a multiple of them, since most
    proposals are of the background. They lie in memory, 28 kB each at 96 pixels.

    Args:
        source: with boxes and proposals, see `with_proposals`. Each of its splits becomes one of regions, so that no
            picture is in two of them.
        window: size of the classifier's input.
        context: pixels of the window around a region, see `warp_regions`. The paper takes 16 of 227.
        positive_iou: what overlaps an object by at least so much shows it, an IoU in 0..1.
        positives: at most so many regions of objects of a picture, the objects themselves before proposals.
        negatives: regions of the background for each of an object; of a picture without objects, for each of
            `positives`. The paper takes 96 and 32 in a batch.
        background: name of the class of regions without an object, the first one.
        seed: decides which are drawn, for each picture by itself.

    Returns:
        The data set, with a label for each region.

    Raises:
        ValueError: for pictures without boxes or proposals, a split without a region of an object or of the background,
            a class of the name of the background, or an argument out of range.

    Reference:
        Girshick et al. 2014, "Rich feature hierarchies", arXiv:1311.2524, section 2.3, "Domain-specific fine-tuning".
    """
    _check(source, window, context, positive_iou, positives, negatives, background)
    splits = {}
    for number, (name, split) in enumerate(source.splits.items()):
        names, images, labels = [], [], []
        indices = track(range(len(split)), f"Regions of {name}", transient=True, disable=len(split) < PROGRESS_FROM)
        for index in indices:
            rng = np.random.default_rng([seed, number, index])
            boxes, own = _draw(*_annotation(split, index), positive_iou, positives, negatives, rng)
            names += [f"{split.names[index]} at {_text(box)}" for box in boxes]
            images.append(warp_regions(split.picture(index), boxes, window, context=context))
            labels.append(own)
        images, labels = np.concatenate(images), np.concatenate(labels)
        if not labels.any() or labels.all():
            kind = "background" if len(labels) and labels.all() else "an object"
            raise ValueError(f"The {name} split has no region of {kind}. It needs objects, and proposals beside them.")
        splits[name] = split_of_arrays(names, images, labels)
    return dataclasses.replace(
        source,
        name=f"regions of {source.name}",
        classes=(background, *source.classes),
        train=splits["train"],
        valid=splits["validation"],
        test=splits.get("test"),
    )


def region_pictures(split: Split) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Read the pictures of a split with what `kerascnn.tasks.collect_regions` needs of each.

    Args:
        split: with boxes and proposals.

    Returns:
        Of each the image (H, W, 3) uint8, boxes (n, 4) and class_ids (n,) of its objects, and its proposals (m, 4), all
        without padding.
    """
    return ((split.picture(index), *_annotation(split, index)) for index in range(len(split)))


def _annotation(split: Split, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give boxes (n, 4), class_ids (n,) and proposals (m, 4) of a picture, without padding."""
    boxes, class_ids, proposals = (split.annotations[key][index] for key in ("boxes", "class_ids", "proposals"))
    real = class_ids != PADDING
    return boxes[real], class_ids[real], proposals[(proposals != 0).any(axis=-1)]


def _draw(
    objects: np.ndarray,
    class_ids: np.ndarray,
    proposals: np.ndarray,
    positive_iou: float,
    positives: int,
    negatives: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw regions (n, 4) of a picture, and give their labels, (n,) int32, 0 for the background."""
    overlaps = exact_pairwise_iou(proposals, objects)  # (m, n)
    shows = (overlaps >= positive_iou).any(axis=1)
    nearest = overlaps[shows].argmax(axis=1) if shows.any() else np.zeros(0, int)
    on_objects = np.concatenate([rng.permutation(len(objects)), len(objects) + rng.permutation(shows.sum())])
    chosen = on_objects[:positives].astype(int)
    boxes = np.concatenate([objects, proposals[shows]])[chosen]
    labels = 1 + np.concatenate([class_ids, class_ids[nearest]])[chosen]
    beside = rng.permutation(np.flatnonzero(~shows))[: negatives * (len(chosen) or positives)]
    boxes = np.concatenate([boxes, proposals[beside]])
    return boxes, np.concatenate([labels, np.zeros(len(beside))]).astype(np.int32)


def _text(box: np.ndarray) -> str:
    return ", ".join(f"{side:g}" for side in box.tolist())


def _check(
    source: Source, window: Size, context: int, positive_iou: float, positives: int, negatives: int, background: str
) -> None:
    missing = [key for key in ("boxes", "proposals") if key not in source.train.annotations]
    if missing:
        raise ValueError(
            f"Regions are cut around boxes and proposals. {source.name} has no {' and no '.join(missing)}: "
            'open it with annotation="boxes", and give it proposals by with_proposals.'
        )
    if background in source.classes:
        raise ValueError(
            f"background must be none of the classes {', '.join(source.classes)}. Received: background={background!r}."
        )
    if len(window) != 2 or not 0 <= 2 * context < min(window):
        raise ValueError(
            "window must be (height, width), and context less than half of both. "
            f"Received: window={window}, context={context}."
        )
    if not 0 < positive_iou <= 1:
        raise ValueError(f"positive_iou must be above 0 and at most 1. Received: positive_iou={positive_iou}.")
    if positives < 1 or negatives < 1:
        raise ValueError(
            f"positives and negatives must be at least 1. Received: positives={positives}, negatives={negatives}."
        )
