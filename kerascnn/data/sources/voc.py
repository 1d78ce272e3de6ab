"""Pascal VOC: `JPEGImages/1.jpg`, `Annotations/1.xml`, and lists of names in `ImageSets/Main/train.txt`.

Format: Everingham and Winn, The PASCAL Visual Object Classes Challenge 2012 (VOC2012) Development Kit, section 2.
"""

import logging
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kerascnn.data.box_checks import Box, Corners
from kerascnn.data.checks import SetAside
from kerascnn.data.sources.boxed import Annotation, make_source, parse_numbers, parse_size
from kerascnn.data.sources.files import list_pictures, read_lines, relative_name
from kerascnn.data.sources.source import Source

logger = logging.getLogger(__name__)

LISTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
WHOLE_LIST = "trainval.txt"
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def voc(
    path: str | Path,
    *,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    one_based: bool | None = None,
    keep_difficult: bool = False,
) -> Source:
    """Read a data set in the form of Pascal VOC.

    Args:
        path: a folder with `JPEGImages/`, `Annotations/` and, if the data is split, `ImageSets/Main/` with `train.txt`,
            `val.txt` and `test.txt`, or `trainval.txt`. Without a list for validation, a fifth of the training
            pictures is taken.
        seed: decides which fifth.
        classes: names of the classes in the order of the labels, and boxes of others are set aside; by default all
            that occur, in alphabetical order.
        one_based: whether corners are the first and the last pixel of a thing, counted from 1, as in VOC's own data:
            xmin = 1 and xmax = 640 span a picture of 640 pixels. Otherwise they are edges, as several tools write
            them. By default they are pixels unless a corner of the data set is 0, which no pixel counted from 1 is.
        keep_difficult: use the boxes that are marked as difficult, which VOC counts neither as right nor as wrong.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: if the folder, or one of the two that it must hold, is not there.
        ValueError: for a split without a usable picture, no usable box at all, or a class without a box to train on.
    """
    root = Path(path)
    for folder in (root / "JPEGImages", root / "Annotations"):
        if not folder.is_dir():
            raise FileNotFoundError(
                f"There is no folder {folder}. VOC has JPEGImages/ and, for each, Annotations/*.xml."
            )
    pictures = _pictures_by_stem(root)
    annotations = {
        file.stem: _read(file, root, pictures.get(file.stem, []), keep_difficult)
        for file in sorted((root / "Annotations").glob("*.xml"))
    }
    lists = _read_lists(root) or {"train": list(annotations)}
    splits = {
        split: [annotations.get(stem) or _without_annotation(root, split, stem) for stem in stems]
        for split, stems in lists.items()
    }
    boxes = [box for each in annotations.values() for box in each.boxes]
    if one_based is None:
        one_based = not any(min(box.corners[:2]) < 1 for box in boxes if not box.fault)
        logger.info("Corners are %s.", "pixels, counted from 1" if one_based else "edges, counted from 0")
    if one_based:
        splits = {split: [_to_edges(each) for each in annotations] for split, annotations in splits.items()}
    classes = tuple(classes or sorted({box.class_name for box in boxes if box.class_name}))
    listed = {stem for stems in lists.values() for stem in stems}
    return make_source(f"voc:{path}", root, classes, splits, _not_listed(root, pictures, annotations, listed), seed)


def _pictures_by_stem(root: Path) -> dict[str, list[Path]]:
    pictures: dict[str, list[Path]] = {}
    for picture in list_pictures(root / "JPEGImages"):
        pictures.setdefault(picture.stem, []).append(picture)
    return pictures


def _read_lists(root: Path) -> dict[str, list[str]]:
    """Read the names of each split, without the same name twice."""
    folder = root / "ImageSets" / "Main"
    files = {split: folder / name for split, name in LISTS.items() if (folder / name).is_file()}
    if "train" not in files and (folder / WHOLE_LIST).is_file():
        files = {"train": folder / WHOLE_LIST} | {split: file for split, file in files.items() if split == "test"}
    if files and "train" not in files:
        raise ValueError(f"{folder} has {', '.join(LISTS[split] for split in files)} and no {LISTS['train']}.")
    return {split: list(dict.fromkeys(read_lines(file))) for split, file in files.items()}


def _without_annotation(root: Path, split: str, stem: str) -> Annotation:
    return Annotation(
        f"ImageSets/Main, {stem}",
        root / "JPEGImages" / stem,
        fault=f"no annotation: {split} lists it, and there is no Annotations/{stem}.xml",
    )


def _not_listed(
    root: Path, pictures: Mapping[str, Sequence[Path]], annotations: Mapping[str, Annotation], listed: set[str]
) -> list[SetAside]:
    """List the annotations that are in no split, and the pictures without an annotation."""
    return [
        SetAside(each.place, "in no split: no list in ImageSets/Main has it")
        for stem, each in annotations.items()
        if stem not in listed
    ] + [
        SetAside(relative_name(picture, root), f"no annotation: there is no Annotations/{stem}.xml")
        for stem, files in pictures.items()
        if stem not in listed and stem not in annotations
        for picture in files
    ]


def _read(file: Path, root: Path, pictures: Sequence[Path], keep_difficult: bool) -> Annotation:
    place = relative_name(file, root)
    try:
        annotation = ET.parse(file).getroot()
    except (ET.ParseError, OSError, ValueError, LookupError) as error:  # the last two for unknown encodings
        return Annotation(place, file, fault=f"damaged annotation: {error}")
    if annotation.tag != "annotation":
        return Annotation(place, file, fault=f"damaged annotation: it holds {annotation.tag}, not annotation")
    # The picture of the same name counts: the name that is written inside often is that of another computer. It is
    # what is left where no picture has the same name.
    written = root / "JPEGImages" / Path(annotation.findtext("filename", "").strip()).name
    if not written.suffix:
        written = root / "JPEGImages" / f"{file.stem}.jpg"
    found = [written] if written in pictures else pictures or [written]
    if len(found) > 1:
        names = ", ".join(picture.name for picture in found)
        return Annotation(place, file, fault=f"more than one picture of this name: {names}")
    boxes = [
        _read_box(f"{place}, box {number}", each, keep_difficult)
        for number, each in enumerate(annotation.findall("object"), 1)
    ]
    size = parse_size(annotation.findtext("size/height"), annotation.findtext("size/width"))
    return Annotation(place, found[0], boxes, size)


def _read_box(place: str, thing: ET.Element, keep_difficult: bool) -> Box:
    corners, fault = parse_numbers([thing.findtext(f"bndbox/{name}") for name in CORNERS])
    if not keep_difficult and thing.findtext("difficult", "").strip() == "1":
        fault = "marked as difficult"
    return Box(place, thing.findtext("name", "").strip(), corners, fault)


def _to_edges(annotation: Annotation) -> Annotation:
    """Turn the first and last pixel of each box, counted from 1, into edges."""
    return replace(annotation, boxes=[replace(box, corners=_pixels_to_edges(box.corners)) for box in annotation.boxes])


def _pixels_to_edges(corners: Corners) -> Corners:
    x1, y1, x2, y2 = corners
    # A single pixel is a click where a box was to be drawn, and stays without area; what is turned over stays so.
    is_box = x1 <= x2 and y1 <= y2 and (x1, y1) != (x2, y2)
    return (x1 - 1, y1 - 1, x2, y2) if is_box else corners
