"""Where samples come from: folders of classes or people, any tfds name, embedded data, IDX, VOC, COCO, YOLO and CSV."""

import dataclasses
import logging
from functools import partial
from pathlib import Path

from kerascnn.data.sources.coco import coco
from kerascnn.data.sources.coco_masks import coco_masks
from kerascnn.data.sources.folder import folder, pictures
from kerascnn.data.sources.identities import identities
from kerascnn.data.sources.idx import FASHION_MNIST_CLASSES, idx
from kerascnn.data.sources.masks import masks
from kerascnn.data.sources.photos import photos
from kerascnn.data.sources.source import Source, Split, describe_source
from kerascnn.data.sources.table import csv_boxes
from kerascnn.data.sources.tfds import faces_source, scenes_source, tfds_source
from kerascnn.data.sources.voc import voc
from kerascnn.data.sources.yolo import yolo

__all__ = [
    "Source",
    "Split",
    "coco",
    "coco_masks",
    "csv_boxes",
    "describe_source",
    "faces_source",
    "folder",
    "identities",
    "idx",
    "masks",
    "open_source",
    "photos",
    "pictures",
    "scenes_source",
    "tfds_source",
    "voc",
    "yolo",
]

logger = logging.getLogger(__name__)

BOXED = {"voc": voc, "coco": coco, "yolo": yolo, "csv": csv_boxes}
MASKED = {"masks": masks, "binary_masks": partial(masks, binary=True), "coco": coco_masks}
HOLDERS = {
    "boxes": "voc:FOLDER, coco:FOLDER, yolo:FOLDER, csv:FILE, scenes, or a tfds:NAME for detection have boxes",
    "mask": "masks:FOLDER, binary_masks:FOLDER, coco:FOLDER, scenes, or a tfds:NAME for segmentation have masks",
    "landmarks": "faces, or a tfds:NAME with landmarks have these",
    "identity": "identities:FOLDER, faces, or a tfds:NAME with identities have these",
    "label": "a folder of class folders, tfds:NAME, fashion_mnist:FOLDER, idx:FOLDER, or scenes have labels",
}


def open_source(spec: str, *, seed: int = 0, annotation: str | None = "label") -> Source:
    """Open a data set by the words that the scripts' `--data` takes.

    Args:
        spec: a folder of class folders; `tfds:NAME` or `tfds:NAME/CONFIG`; `scenes`, `scenes/CONFIG`, `faces` or
            `faces/CONFIG`, the embedded data sets; `fashion_mnist:FOLDER` or `idx:FOLDER`, a folder with the four IDX
            files; with boxes, `voc:FOLDER`, `coco:FOLDER`, `yolo:FOLDER` or `csv:FILE`; with masks, `masks:FOLDER`
            or `binary_masks:FOLDER`; with a folder for each person, `identities:FOLDER`; and without any,
            `photos:FOLDER`.
        seed: decides which training pictures become the validation split of a data set that has none.
        annotation: what the samples hold beside the picture, by its key: `label`, `boxes`, `mask`, `landmarks` or
            `identity`. None is what the words say: boxes, masks and identities for the formats with these, landmarks
            for `faces`, else labels.

    Returns:
        The data set, named `spec`: `open_source(source.name, seed=seed)` opens it again.

    Raises:
        ValueError: for data that cannot be trained on, see the function of each kind; for an annotation that a kind of
            data does not have.
        FileNotFoundError: for a folder that is not there.
    """
    source = dataclasses.replace(_open(spec, seed, annotation), name=spec)
    duplicates = source.duplicates_across_splits()
    if duplicates:
        logger.warning(
            "%d pictures that are measured on are among those that are trained on, byte for byte; the first: %s, %s.",
            len(duplicates),
            *duplicates[0],
        )
    return source


def _open(spec: str, seed: int, annotation: str | None) -> Source:
    kind, _, rest = spec.partition(":")
    embedded, _, config = spec.partition("/")
    if kind == "tfds" and rest:
        return tfds_source(rest, annotation=annotation or "label", seed=seed)
    if embedded == "scenes":
        return scenes_source(config or "full", annotation=annotation or "label")
    if kind in MASKED and rest and (annotation == "mask" or kind not in BOXED):
        _check_annotation(spec, annotation, "mask")
        return MASKED[kind](rest, seed=seed)
    if kind in BOXED and rest:
        _check_annotation(spec, annotation, "boxes")
        return BOXED[kind](rest, seed=seed)
    if embedded == "faces" and not Path(spec).is_dir():
        if annotation not in ("identity", None):
            _check_annotation(spec, annotation, "landmarks")
        return faces_source(config or "full", annotation=annotation or "landmarks")
    if kind == "identities" and rest:
        _check_annotation(spec, annotation, "identity")
        return identities(rest, seed=seed)
    if kind == "photos" and rest:
        _check_annotation(spec, annotation, "label")
        return photos(rest, seed=seed)
    if kind in ("fashion_mnist", "idx") and rest:
        _check_annotation(spec, annotation, "label")
        return idx(rest, FASHION_MNIST_CLASSES if kind == "fashion_mnist" else None, seed=seed)
    if annotation in ("boxes", "mask", "landmarks", "identity") and not Path(spec).is_dir():
        raise FileNotFoundError(f"There is no folder {spec}; {HOLDERS[annotation]}.")
    _check_annotation(spec, annotation, "label")
    return folder(spec, seed=seed)


def _check_annotation(spec: str, annotation: str | None, held: str) -> None:
    if annotation not in (None, held):
        kind = {"label": "labels", "mask": "masks", "identity": "identities"}.get(held, held)
        if annotation not in HOLDERS:
            raise ValueError(f"annotation must be {', '.join(HOLDERS)} or None. Received: annotation={annotation!r}.")
        raise ValueError(f"{spec} has {kind}; {HOLDERS[annotation]}. Received: annotation={annotation!r}.")
