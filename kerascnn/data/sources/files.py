"""Pictures that lie in a folder: how they are found, what they are called, and splits of them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from kerascnn.data.checks import Checked
from kerascnn.data.sources.annotations import Annotations
from kerascnn.data.sources.source import Split

# By split, what its folder, its list or its rows may be called, in lower case.
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")


def list_files(root: Path) -> list[Path]:
    """List everything below a folder that is not a folder, links followed, in a stable order."""
    return sorted(_walk(root, frozenset()))


def _walk(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    if (real := folder.resolve()) in above:  # a link to a folder that contains it, which would never end
        return
    for each in folder.iterdir():
        if each.is_dir() and os.access(each, os.R_OK | os.X_OK):
            yield from _walk(each, above | {real})
        else:
            yield each


def list_pictures(folder: Path) -> list[Path]:
    """List the files in a folder, not below it, whose names end as those of pictures do, in a stable order."""
    return sorted(each for each in folder.iterdir() if each.suffix.lower() in PICTURE_SUFFIXES and not each.is_dir())


def read_lines(file: Path) -> list[str]:
    """Read the lines of a text file that are not empty, without the space around them.

    Raises:
        ValueError: if it is not UTF-8.
    """
    try:
        return list(filter(None, map(str.strip, file.read_text(encoding="utf-8-sig").splitlines())))
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not a text in UTF-8: {error}.") from error


def relative_name(path: Path, root: Path) -> str:
    """Give the name of a file in its data set: its path from `root`, with the bytes that are not UTF-8 escaped."""
    relative = path.relative_to(root) if path.is_relative_to(root) and root != Path() else path
    return os.fsencode(relative).decode("utf-8", "backslashreplace")


def split_of_paths(paths: Sequence[Path], root: Path, annotations: Annotations, checked: Sequence[Checked]) -> Split:
    """Make a split of picture files, which are read when they are needed.

    Args:
        paths: of the files.
        root: the folder of the data set, from which the pictures have their names.
        annotations: of each picture, see `Split`.
        checked: what `kerascnn.data.checks.check_files` found in each.
    """
    path_table = tf.constant([os.fsencode(path.absolute()) for path in paths], tf.string)
    return Split.of_files(
        [relative_name(path, root) for path in paths],
        annotations,
        [each.digest for each in checked],
        [each.plain for each in checked],
        lambda index: tf.io.read_file(path_table[index]),
    )


def find_split(name: str) -> str | None:
    """Give the split that a word stands for: validation for `val`; None for a word that stands for none."""
    return next((split for split, words in SPLIT_FOLDERS.items() if name.lower() in words), None)
