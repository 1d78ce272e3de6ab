"""From annotations as they are written, whatever the format, to a checked data set with boxes.

The reader of a format gives an `Annotation` for each picture. Here the pictures are decoded once, boxes are brought to
pixels of the upright picture and clipped to it, and what cannot be used is set aside and listed. No file is ever
changed. A picture stays when one of its boxes is set aside; what is in that box is then background.

Boxes are taken to be drawn in the picture as viewers show it, turned as its EXIF orientation says. Only where the
annotation declares the size of the picture as it is stored, rows as columns, were they drawn in that, and are turned.
"""

import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kerascnn.data.box_checks import Box, Corners, Findings, check_boxes, turn_box
from kerascnn.data.checks import Checked, SetAside, UnusableError, check_files
from kerascnn.data.decode import SIDEWAYS
from kerascnn.data.sources.files import relative_name, split_of_paths
from kerascnn.data.sources.source import Source, Split, split_at_random

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Annotation:
    """What is written about one picture.

    Attributes:
        place: where it is written: `Annotations/1.xml`.
        picture: the file.
        boxes: what is in it; none for a picture without a thing of a class.
        size: height and width that the picture is said to have, where it is said.
        relative: whether corners are shares of the picture's width and height, not pixels.
        fault: why it cannot be used, where the reader of the format knows already.
    """

    place: str
    picture: Path
    boxes: Sequence[Box] = ()
    size: tuple[int, int] | None = None
    relative: bool = False
    fault: str = ""


@dataclass
class _Kept:
    """Of one split, the pictures that can be used, and the class and corners of each of their boxes."""

    paths: list[Path] = field(default_factory=list)
    checked: list[Checked] = field(default_factory=list)
    boxes: list[list[tuple[str, Corners]]] = field(default_factory=list)


def make_source(
    name: str,
    root: Path,
    classes: Sequence[str],
    annotations: Mapping[str, Sequence[Annotation]],
    set_aside: Iterable[SetAside] = (),
    seed: int = 0,
) -> Source:
    """Check annotated pictures and make a data set of those that can be used.

    Args:
        name: in the words that `kerascnn.data.open_source` takes.
        root: the folder from which pictures have their names.
        classes: names of the classes. Those without a box in any split are left out.
        annotations: by split: train and, if there are any, validation and test. Without a validation split, a fifth of
            the training pictures is taken.
        set_aside: what the reader of the format has set aside, other than annotations.
        seed: decides which fifth.

    Raises:
        ValueError: for a split without a usable picture, no usable box at all, or a class without a box to train on.
    """
    findings = Findings(list(set_aside))
    kept = {split: _check_split(root, classes, each, findings) for split, each in annotations.items()}
    findings.log()
    left_out = len(findings.set_aside)
    for split, each in kept.items():
        if not each.paths:
            raise ValueError(f"{root} has no usable picture in its {split} split. Set aside: {left_out}.")
    found = {class_name for each in kept.values() for boxes in each.boxes for class_name, _ in boxes}
    if not found:
        raise ValueError(f"{root} has no usable box in {', '.join(kept)}. Set aside: {left_out}.")
    used = tuple(class_name for class_name in classes if class_name in found)
    if len(used) < len(classes):
        unused = [class_name for class_name in classes if class_name not in found]
        logger.warning("Left out %d classes without a box, the first %s.", len(unused), unused[0])

    splits = {split: _make_split(root, used, each) for split, each in kept.items()}
    if "validation" not in splits:
        train, valid = split_at_random(len(splits["train"]), seed)
        splits |= {"train": splits["train"].select(train), "validation": splits["train"].select(valid)}
    _check_classes(root, used, splits)
    return Source(name, used, splits["train"], splits["validation"], splits.get("test"), **findings.as_tuples())


def parse_numbers(texts: Sequence[str | float | None]) -> tuple[tuple[float, ...], str]:
    """Read numbers.

    Returns:
        The numbers, and what is wrong with the texts, if anything.
    """
    try:
        return tuple(float(text) for text in texts), ""
    except (TypeError, ValueError, OverflowError):
        return (math.nan,) * len(texts), f"box without numbers: {', '.join(map(str, texts))}"


def parse_size(height: str | float | None, width: str | float | None) -> tuple[int, int] | None:
    """Read the declared size of a picture; None where there is none. Some tools write 0 for what they do not know."""
    sides, _ = parse_numbers([height, width])
    return (int(sides[0]), int(sides[1])) if all(math.isfinite(side) and side > 0 for side in sides) else None


def _check_split(root: Path, classes: Sequence[str], annotations: Sequence[Annotation], findings: Findings) -> _Kept:
    usable = []
    for annotation in annotations:
        fault = annotation.fault
        if not fault and not os.path.lexists(annotation.picture):
            fault = f"no such picture: {relative_name(annotation.picture, root)}"
        if fault:
            findings.set_aside.append(SetAside(annotation.place, fault))
        else:
            usable.append(annotation)

    kept, first = _Kept(), {}
    known = frozenset(classes)
    for annotation, found in zip(usable, check_files([each.picture for each in usable]), strict=True):
        picture = relative_name(annotation.picture, root)
        fault = str(found) if isinstance(found, UnusableError) else _fault_of_picture(annotation, found, first)
        if fault:
            findings.set_aside.append(SetAside(picture, fault))
            continue
        first[found.digest] = picture
        kept.paths.append(annotation.picture)
        kept.checked.append(found)
        kept.boxes.append(_check_boxes(annotation, found, known, findings))
    return kept


def _fault_of_picture(annotation: Annotation, found: Checked, first: Mapping[str, str]) -> str:
    if found.digest in first:
        return f"twice in its split: the same bytes as {first[found.digest]}"
    if annotation.size is not None and annotation.size != found.size and not _is_sideways(annotation, found):
        (height, width), (declared_height, declared_width) = found.size, annotation.size
        return (
            f"not of the size that its annotation declares: {width} x {height}, and {annotation.place} is for "
            f"{declared_width} x {declared_height}"
        )
    return ""


def _is_sideways(annotation: Annotation, found: Checked) -> bool:
    """Tell whether the boxes were drawn in a picture as it is stored, rows as columns, and not upright."""
    return found.orientation in SIDEWAYS and found.size != annotation.size == found.size[::-1]


def _check_boxes(
    annotation: Annotation, found: Checked, classes: frozenset[str], findings: Findings
) -> list[tuple[str, Corners]]:
    """Give the class and the corners, in pixels of the upright picture, of each box that can be used."""
    height, width = found.size
    scale = (width, height, width, height) if annotation.relative else (1, 1, 1, 1)
    boxes = []
    for box in annotation.boxes:
        corners = tuple(edge * side for edge, side in zip(box.corners, scale, strict=True))
        if _is_sideways(annotation, found):
            corners = turn_box(corners, found.orientation, found.size)
        fault = box.fault
        if not fault and box.class_name not in classes:
            fault = f"unknown class: {box.class_name or 'none'}"
        boxes.append(replace(box, corners=corners, fault=fault))
    return [(boxes[index].class_name, corners) for index, corners in check_boxes(boxes, found.size, findings)]


def _make_split(root: Path, classes: Sequence[str], kept: _Kept) -> Split:
    index = {class_name: number for number, class_name in enumerate(classes)}
    annotations = {
        "boxes": [np.array([corners for _, corners in boxes], np.float32).reshape(-1, 4) for boxes in kept.boxes],
        "class_ids": [np.array([index[class_name] for class_name, _ in boxes], np.int32) for boxes in kept.boxes],
    }
    return split_of_paths(kept.paths, root, annotations, kept.checked)


def _check_classes(root: Path, classes: Sequence[str], splits: Mapping[str, Split]) -> None:
    for name, split in splits.items():
        empty = [classes[label] for label in np.flatnonzero(split.count(len(classes)) == 0)]
        if empty and name == "train":
            raise ValueError(
                f"{root} has no usable box of {', '.join(empty)} in its train split. "
                "Every class needs boxes to learn from: add some, or remove the class."
            )
        if empty:
            logger.warning("There is no box of %s in the %s split: it cannot be measured.", ", ".join(empty), name)
