"""Class folders: `photos/ants/1.jpg`, or `photos/train/ants/1.jpg` beside `photos/val/` and `photos/test/`."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerascnn.data.checks import MAX_PIXELS, Checked, SetAside, UnusableError, check_files
from kerascnn.data.sources.annotations import Annotations
from kerascnn.data.sources.files import SPLIT_FOLDERS, list_files, relative_name, split_of_paths
from kerascnn.data.sources.source import Source, Split, check_classes, split_by_class

logger = logging.getLogger(__name__)

Usable = tuple[Path, Checked]

OUTSIDE = "not in a class folder, or in a hidden one"
HIDDEN = (".", "__MACOSX", "@eaDir")  # system folders: what Macs put into archives, and NAS beside photos


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
    split_roots = _find_splits(root)
    classes = _find_classes(root, split_roots)
    index = {name: label for label, name in enumerate(classes)}

    used: dict[str, Split] = {}
    set_aside = [SetAside(relative_name(each, root), OUTSIDE) for each in _outside(root, split_roots)]
    for name, split_root in split_roots.items():
        class_of = {each: _class_of(each, split_root) for each in list_files(split_root)}
        outside = [each for each, class_name in class_of.items() if class_name not in index]
        set_aside += [SetAside(relative_name(each, root), OUTSIDE) for each in outside]
        usable, left_out = _check(root, [each for each in class_of if class_of[each] in index], max_pixels)
        set_aside += left_out
        labels = np.array([index[class_of[path]] for path, _ in usable], np.int32)
        used[name] = _split(root, usable, {"label": labels})

    if set_aside:
        logger.warning("Set aside %d files, the first %s: %s.", len(set_aside), set_aside[0].path, set_aside[0].reason)
    if not any(len(split) for split in used.values()):
        raise ValueError(f"{root} holds no usable picture: {len(set_aside)} files were looked at and set aside.")
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
    usable, set_aside = _check(Path(), [Path(path) for path in paths], max_pixels)
    return _split(Path(), usable, {}), tuple(set_aside)


def _find_splits(root: Path) -> dict[str, Path]:
    """Map split names to folders, in upper or lower case; a folder without `train/` is one training split."""
    found = {}
    for split, names in SPLIT_FOLDERS.items():
        folders = sorted(each for each in root.iterdir() if each.is_dir() and each.name.lower() in names)
        if len(folders) > 1:
            raise ValueError(f"Only one of {', '.join(map(str, folders))} can be the {split} split. Keep one.")
        if folders:
            found[split] = folders[0]
    if found and "train" not in found:
        raise ValueError(
            f"{root} has {' and '.join(path.name for path in found.values())} and no train folder: move the class "
            "folders of the training pictures into train. (A class of that name needs another one.)"
        )
    return found or {"train": root}


def _find_classes(root: Path, split_roots: dict[str, Path]) -> tuple[str, ...]:
    """List the class folders, which must be the same in every split."""
    by_split = {
        name: {each.name for each in path.iterdir() if each.is_dir() and not each.name.startswith(HIDDEN)}
        for name, path in split_roots.items()
    }
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


def _outside(root: Path, split_roots: dict[str, Path]) -> list[Path]:
    """List what lies beside the split folders."""
    if root in split_roots.values():
        return []
    return sorted(each for each in root.iterdir() if each not in split_roots.values())


def _class_of(path: Path, split_root: Path) -> str:
    folders = path.relative_to(split_root).parts[:-1]
    return folders[0] if folders and not any(each.startswith(HIDDEN) for each in folders) else ""


def _check(root: Path, paths: Sequence[Path], max_pixels: int) -> tuple[list[Usable], list[SetAside]]:
    """Give the usable pictures with what was found of them, and what was set aside."""
    usable, set_aside = [], []
    for path, found in zip(paths, check_files(paths, max_pixels), strict=True):
        if isinstance(found, UnusableError):
            set_aside.append(SetAside(relative_name(path, root), str(found)))
        else:
            usable.append((path, found))
    return usable, set_aside


def _split(root: Path, usable: Sequence[Usable], annotations: Annotations) -> Split:
    return split_of_paths([path for path, _ in usable], root, annotations, [found for _, found in usable])
