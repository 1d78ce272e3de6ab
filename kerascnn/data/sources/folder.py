"""Class folders: `photos/ants/1.jpg`, or `photos/train/ants/1.jpg` beside `photos/val/` and `photos/test/`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerascnn.data.checks import MAX_PIXELS, SetAside
from kerascnn.data.sources.class_folders import (
    check_paths,
    find_folders,
    find_splits,
    read_class_folders,
    split_of_usable,
)
from kerascnn.data.sources.source import Source, Split, check_classes, split_by_class


def folder(path: str | Path, *, seed: int = 0, max_pixels: int = MAX_PIXELS) -> Source:
    """Read a folder of class folders.

    Every file is decoded once. What is not a picture, is damaged, empty, over the limit or outside of the class
    folders is set aside and listed; nothing in the folder is changed.

    Args:
        path: a folder with one sub-folder for each class, or with `train/` and, if there are any, `val/` and `test/`,
            which hold the class folders. Without `val/`, a fifth of each class is taken from the training pictures.
        seed: decides which fifth.
        max_pixels: the largest height times width that is accepted.

    Returns:
        The data set. Classes are in alphabetical order.

    Raises:
        FileNotFoundError: if the folder is not there.
        ValueError: for fewer than two classes, a class without a usable picture, a class in one split only, or no
            usable picture at all.
    """
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}. Give a folder with one sub-folder of pictures a class.")
    split_roots = find_splits(root)
    classes = _find_classes(root, split_roots)
    index = {name: label for label, name in enumerate(classes)}
    found, set_aside = read_class_folders(root, split_roots, max_pixels, known=classes)
    used = {
        name: split_of_usable(root, own.usable, {"label": np.array([index[each] for each in own.classes], np.int32)})
        for name, own in found.items()
    }
    check_classes(str(root), classes, used)
    if "validation" not in used:
        train, valid = split_by_class(used["train"].labels, classes, seed)
        used |= {"train": used["train"].select(train), "validation": used["train"].select(valid)}
    return Source(str(path), classes, used["train"], used["validation"], used.get("test"), tuple(set_aside))


def pictures(paths: Sequence[str | Path], *, max_pixels: int = MAX_PIXELS) -> tuple[Split, tuple[SetAside, ...]]:
    """Read picture files without annotation, to predict on.

    Args:
        paths: files.
        max_pixels: the largest height times width that is accepted.

    Returns:
        The usable pictures, and what was set aside.
    """
    usable, set_aside = check_paths(Path(), [Path(path) for path in paths], max_pixels)
    return split_of_usable(Path(), usable, {}), tuple(set_aside)


def _find_classes(root: Path, split_roots: dict[str, Path]) -> tuple[str, ...]:
    """List the class folders, which must be the same in every split."""
    by_split = {name: find_folders(path) for name, path in split_roots.items()}
    everywhere, anywhere = set.intersection(*by_split.values()), set.union(*by_split.values())
    if not anywhere:
        raise ValueError(
            f"{' and '.join(map(str, split_roots.values()))} must hold a folder for each class, and holds none. "
            "Folders named train, val and test are splits, not classes."
        )
    if everywhere != anywhere:
        lonely = sorted(anywhere - everywhere)
        raise ValueError(
            f"{root} has class folders in one split that another lacks: {', '.join(lonely)}. "
            f"Every class must be in each of {', '.join(by_split)}."
        )
    return tuple(sorted(everywhere))
