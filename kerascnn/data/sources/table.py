"""A table of boxes: a CSV file with a row for each box.

image,xmin,ymin,xmax,ymax,class,split
photos/1.jpg,12,30,80,95.5,ant,train
photos/2.jpg,,,,,,validation
"""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kerascnn.data.box_checks import Box
from kerascnn.data.checks import SetAside
from kerascnn.data.sources.boxed import Annotation, make_source, parse_numbers, parse_size
from kerascnn.data.sources.files import SPLIT_FOLDERS, find_split, list_pictures, relative_name
from kerascnn.data.sources.source import Source

# What a column may be called, in upper or lower case. The width and height are those of the picture.
COLUMNS = {
    "image": ("image", "filename", "file_name", "file", "path", "image_path"),
    "x1": ("x1", "xmin"),
    "y1": ("y1", "ymin"),
    "x2": ("x2", "xmax"),
    "y2": ("y2", "ymax"),
    "class": ("class", "class_name", "label"),
    "split": ("split", "set", "subset"),
    "width": ("width",),
    "height": ("height",),
}
OPTIONAL = ("split", "width", "height")
CORNERS = ("x1", "y1", "x2", "y2")

Row = Mapping[str, str]  # by the keys of COLUMNS


def csv_boxes(path: str | Path, *, seed: int = 0, classes: Sequence[str] | None = None) -> Source:
    """Read a CSV file with a row for each box.

    A row whose corners and class are empty is a picture without a thing. Corners are edges in pixels. The `split` of a
    picture is train, validation or test.

    Args:
        path: the file, or a folder that holds one; see above. Paths of pictures are relative to its folder. Without
            validation pictures, a fifth of the training pictures is taken.
        seed: decides which fifth.
        classes: names of the classes in the order of the labels, and boxes of others are set aside; by default all
            that occur, in alphabetical order.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: for a table without a needed column, corners that are shares of the picture instead of pixels, a
            split without a usable picture, no usable box at all, or a class without a box to train on.
    """
    file = _find_table(Path(path))
    by_picture: dict[str, list[tuple[int, Row]]] = {}
    for line, row in _read_rows(file):
        name = os.path.normpath(row["image"]) if row["image"] else ""
        by_picture.setdefault(name, []).append((line, row))
    annotations: dict[str, list[Annotation]] = {split: [] for split in SPLIT_FOLDERS}
    for name, rows in by_picture.items():
        split, annotation = _read_picture(file, name, rows)
        annotations[split].append(annotation)
    every = [each for split in annotations.values() for each in split]
    boxes = [box for each in every for box in each.boxes if not box.fault]
    if boxes and all(0 <= edge <= 1 for box in boxes for edge in box.corners):
        raise ValueError(
            f"{file} has corners in 0..1. They must be in pixels: multiply them by the width and the height."
        )
    return make_source(
        f"csv:{path}",
        file.parent,
        tuple(classes or sorted({box.class_name for box in boxes if box.class_name})),
        {split: each for split, each in annotations.items() if each or split == "train"},
        _not_listed(file, every),
        seed,
    )


def _find_table(path: Path) -> Path:
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if len(files) != 1 or not files[0].is_file():
        found = ", ".join(file.name for file in files) if path.is_dir() else "nothing"
        raise FileNotFoundError(f"{path} must be a CSV file, or a folder with one. Found: {found or 'none'}.")
    return files[0]


def _read_rows(file: Path) -> list[tuple[int, Row]]:
    """Read the rows with the numbers of their lines; those without any text are skipped."""
    try:
        return list(_iterate_rows(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} is not a CSV file in UTF-8: {error}.") from error


def _iterate_rows(file: Path) -> Iterator[tuple[int, Row]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines)
        columns = _find_columns(file, next(reader, []))
        for cells in reader:
            texts = [cell.strip() for cell in cells]
            if any(texts):
                row = {key: texts[column] if column < len(texts) else "" for key, column in columns.items()}
                yield reader.line_num, row


def _find_columns(file: Path, header: Sequence[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    columns = {
        key: names.index(found[0])
        for key, words in COLUMNS.items()
        if (found := [word for word in words if word in names])
    }
    missing = [" or ".join(COLUMNS[key]) for key in COLUMNS if key not in columns and key not in OPTIONAL]
    if missing:
        raise ValueError(f"{file} has no column {', '.join(missing)}. Its first line is: {', '.join(header)}.")
    return columns


def _read_picture(file: Path, name: str, rows: Sequence[tuple[int, Row]]) -> tuple[str, Annotation]:
    """Read the rows of one picture: its split and its annotation."""
    place = f"{file.name}, line {rows[0][0]}"
    picture = file.parent / name
    words = sorted({row["split"] for _, row in rows}) if "split" in rows[0][1] else ["train"]
    split = find_split(words[0])
    if not name:
        return "train", Annotation(place, picture, fault="no such picture: the row names none")
    if len(words) > 1:
        return "train", Annotation(place, picture, fault=f"in more than one split: {', '.join(words)}")
    if split is None:
        return "train", Annotation(place, picture, fault=f"unknown split: {words[0] or 'none'}")
    boxes = [
        _read_box(f"{file.name}, line {line}", row) for line, row in rows if row["class"] or any(map(row.get, CORNERS))
    ]
    size = parse_size(rows[0][1].get("height"), rows[0][1].get("width"))
    return split, Annotation(place, picture, boxes, size)


def _read_box(place: str, row: Row) -> Box:
    corners, fault = parse_numbers([row[key] for key in CORNERS])
    return Box(place, row["class"], corners, fault)


def _not_listed(file: Path, annotations: Sequence[Annotation]) -> list[SetAside]:
    """List the pictures that lie beside those of the table."""
    listed = {each.picture for each in annotations}
    folders = sorted({picture.parent for picture in listed if picture.parent.is_dir()})
    return [
        SetAside(relative_name(picture, file.parent), f"no annotation: {file.name} does not list it")
        for folder in folders
        for picture in list_pictures(folder)
        if picture not in listed
    ]
