"""YOLO: `images/train/1.jpg`, `labels/train/1.txt` with a line for each box, and `data.yaml` with the names.

A line is the class and, as shares of the picture's width and height, the centre and the size of the box; or the class
and the corners of a polygon, whose bounding box is taken.

Format: https://docs.ultralytics.com/datasets/detect/.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kerascnn.data.box_checks import Box
from kerascnn.data.checks import SetAside
from kerascnn.data.sources.boxed import Annotation, make_source, parse_numbers
from kerascnn.data.sources.files import SPLIT_FOLDERS, find_split, list_files, read_lines, relative_name
from kerascnn.data.sources.source import Source

logger = logging.getLogger(__name__)

SPLIT_KEYS = {"train": "train", "validation": "val", "test": "test"}  # in data.yaml
CLASS_FILE = "classes.txt"  # what labelImg writes
CORNERS_FROM = 7  # numbers in a line: a class, and at least three corners


def yolo(path: str | Path, *, seed: int = 0) -> Source:
    """Read a data set in the form of YOLO.

    A picture whose label file is empty, or is not there, is one without a thing.

    Args:
        path: a folder with `data.yaml`, which says where the pictures of each split are (folders, or files that list
            them); or with `classes.txt`, a name a line, and the pictures in `images/train/` and so on, in
            `train/images/`, or all in `images/`. Labels lie in `labels` where the pictures lie in `images`, a folder of
            the data set and not one above it, else beside them. Without a validation split, a fifth of the training
            pictures is taken.
        seed: decides which fifth.

    Returns:
        The data set. Classes are in the order of their numbers.

    Raises:
        FileNotFoundError: if the folder, the names of the classes, or the pictures for training or validation are not
            there.
        ValueError: for a `data.yaml` that is none, a split without a usable picture, no usable box at all, or a class
            without a box to train on.
    """
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}. Give a folder with data.yaml or {CLASS_FILE}.")
    described = _find_description(root)
    if described is not None:
        names, splits = _read_description(root, described)
    else:
        names, splits = _read_classes(root), _find_splits(root)
    annotations = {split: [_read(picture, root, names) for picture in pictures] for split, pictures in splits.items()}
    not_used = _labels_without_picture(root, [picture for pictures in splits.values() for picture in pictures])
    return make_source(f"yolo:{path}", root, tuple(dict.fromkeys(names.values())), annotations, not_used, seed)


def _find_description(root: Path) -> Path | None:
    files = [root / "data.yaml", *sorted(root.glob("*.yaml")), *sorted(root.glob("*.yml"))]
    return next((file for file in files if file.is_file()), None)


def _read_description(root: Path, file: Path) -> tuple[dict[int, str], dict[str, list[Path]]]:
    """Read the names of the classes, and list the pictures of each split."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{file} is not YAML: {error}.") from error
    if not isinstance(content, dict) or not isinstance(content.get("names"), list | dict) or not content.get("train"):
        raise ValueError(f"{file} must have names and train, and may have val and test.")
    names = content["names"]
    try:
        names = {
            int(number): str(name) for number, name in (names.items() if isinstance(names, dict) else enumerate(names))
        }
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file} must number its names. Received: {names}.") from error
    folder = root / str(content.get("path") or "")
    splits = {}
    for split, key in SPLIT_KEYS.items():
        try:
            if content.get(key):
                splits[split] = _list_split(folder if folder.is_dir() else root, content[key])
        except FileNotFoundError as error:
            if split != "test":
                raise
            logger.warning("There is no test split: %s", error)  # many exports name one that they do not have
    return names, splits


def _list_split(folder: Path, entry: Any) -> list[Path]:
    """List the pictures of a folder, of a file that lists them, or of several of these."""
    if isinstance(entry, list):
        return [picture for each in entry for picture in _list_split(folder, each)]
    place = folder / str(entry)
    if not place.exists() and str(entry).startswith("../"):  # Roboflow writes `../train/images` for `train/images`
        place = folder / str(entry).removeprefix("../")
    if place.is_dir():
        return [Path(os.path.normpath(each)) for each in list_files(place) if each.suffix != ".txt"]
    if place.is_file():
        return [Path(os.path.normpath(place.parent / line)) for line in read_lines(place)]
    raise FileNotFoundError(f"There is no {place}.")


def _read_classes(root: Path) -> dict[int, str]:
    for file in (root / CLASS_FILE, root / "labels" / CLASS_FILE, root / "labels" / "train" / CLASS_FILE):
        if file.is_file():
            return dict(enumerate(read_lines(file)))
    raise FileNotFoundError(f"There is no data.yaml in {root}, and no {CLASS_FILE} in {root} or {root}/labels.")


def _find_splits(root: Path) -> dict[str, list[Path]]:
    """List the pictures of each split where no data.yaml says where they are."""
    found: dict[str, Path] = {}
    for place in (*sorted((root / "images").glob("*")), *sorted(root.glob("*/images"))):
        split = find_split(place.name if place.parent == root / "images" else place.parent.name)
        if split and place.is_dir():
            if split in found:
                raise ValueError(f"Only one of {found[split]} and {place} can be the {split} split. Keep one.")
            found[split] = place
    if not found and (root / "images").is_dir():
        found = {"train": root / "images"}
    if "train" not in found:
        raise FileNotFoundError(f"There is no {root / 'images' / 'train'}, no {root / 'train' / 'images'}.")
    return {split: _list_split(root, found[split].relative_to(root)) for split in SPLIT_FOLDERS if split in found}


def _label_file(picture: Path, root: Path) -> Path:
    """Give the file with the boxes of a picture: the last `images` in its path from `root` is `labels` there."""
    parts = list(Path(os.path.relpath(picture, root)).parts)
    if "images" in parts[:-1]:
        parts[len(parts) - 2 - parts[-2::-1].index("images")] = "labels"
    return Path(os.path.normpath(root.joinpath(*parts))).with_suffix(".txt")


def _labels_without_picture(root: Path, pictures: list[Path]) -> list[SetAside]:
    known = {_label_file(picture, root) for picture in pictures}
    files = {file for folder in {each.parent for each in known} for file in folder.glob("*.txt")}
    return [
        SetAside(relative_name(file, root), "label without a picture: no picture of a split has its name")
        for file in sorted(files - known)
        if file.name != CLASS_FILE
    ]


def _read(picture: Path, root: Path, names: Mapping[int, str]) -> Annotation:
    file = _label_file(picture, root)
    place = relative_name(file, root)
    if not file.is_file():
        return Annotation(relative_name(picture, root), picture)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except ValueError as error:
        return Annotation(place, picture, fault=f"damaged annotation: {error}")
    boxes = [
        _read_box(f"{place}, line {number}", line.split(), names)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    return Annotation(place, picture, boxes, relative=True)


def _read_box(place: str, texts: list[str], names: Mapping[int, str]) -> Box:
    (number, *numbers), fault = parse_numbers(texts)
    class_name = names.get(number, texts[0])
    if len(texts) >= CORNERS_FROM and len(texts) % 2 == 1:
        xs, ys = numbers[::2], numbers[1::2]
        return Box(place, class_name, (min(xs), min(ys), max(xs), max(ys)), fault)
    if len(numbers) != 4:
        return Box(place, class_name, (0.0,) * 4, f"neither box nor polygon: {len(texts)} numbers in the line")
    x, y, width, height = numbers
    return Box(place, class_name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), fault)
