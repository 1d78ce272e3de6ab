"""What sources share whose pictures lie in a folder for each class, or each person."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kerascnn.data.checks import Checked, SetAside, UnusableError, check_files
from kerascnn.data.sources.annotations import Annotations
from kerascnn.data.sources.files import SPLIT_FOLDERS, list_files, relative_name, split_of_paths
from kerascnn.data.sources.source import Split

logger = logging.getLogger(__name__)

Usable = tuple[Path, Checked]

OUTSIDE = "not in a class folder, or in a hidden one"
HIDDEN = (".", "__MACOSX", "@eaDir")  # system folders: what Macs put into archives, and NAS beside photos


class ClassFolders(NamedTuple):
    """The usable pictures of a split, and the class of each."""

    usable: list[Usable]
    classes: list[str]


def find_splits(root: Path) -> dict[str, Path]:
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


def find_folders(root: Path) -> set[str]:
    """Name the folders in a folder, but for hidden ones."""
    return {each.name for each in root.iterdir() if each.is_dir() and not each.name.startswith(HIDDEN)}


def read_class_folders(
    root: Path, split_roots: Mapping[str, Path], max_pixels: int, known: Collection[str] | None = None
) -> tuple[dict[str, ClassFolders], list[SetAside]]:
    """Check all files of a data set of class folders.

    Args:
        root: its folder.
        split_roots: see `find_splits`.
        max_pixels: the largest height times width that is accepted.
        known: the classes; by default, every folder is one.

    Returns:
        The usable pictures of each split with their classes, and what was set aside: what cannot be used, and what is
        in no class folder.

    Raises:
        ValueError: if there is no usable picture.
    """
    beside = (
        [] if root in split_roots.values() else [each for each in root.iterdir() if each not in split_roots.values()]
    )
    found, set_aside = {}, [SetAside(relative_name(each, root), OUTSIDE) for each in sorted(beside)]
    for name, split_root in split_roots.items():
        class_of = {each: _class_of(each, split_root) for each in list_files(split_root)}
        chosen = {each for each, own in class_of.items() if (own in known if known is not None else own)}
        set_aside += [SetAside(relative_name(each, root), OUTSIDE) for each in class_of if each not in chosen]
        usable, left_out = check_paths(root, sorted(chosen), max_pixels)
        set_aside += left_out
        found[name] = ClassFolders(usable, [class_of[path] for path, _ in usable])
    if set_aside:
        logger.warning("Set aside %d files, the first %s: %s.", len(set_aside), set_aside[0].path, set_aside[0].reason)
    if not any(split.usable for split in found.values()):
        raise ValueError(f"{root} holds no usable picture: {len(set_aside)} files were looked at and set aside.")
    return found, set_aside


def check_paths(root: Path, paths: Sequence[Path], max_pixels: int) -> tuple[list[Usable], list[SetAside]]:
    """Give the usable pictures with what was found of them, and what was set aside."""
    usable, set_aside = [], []
    for path, found in zip(paths, check_files(paths, max_pixels), strict=True):
        if isinstance(found, UnusableError):
            set_aside.append(SetAside(relative_name(path, root), str(found)))
        else:
            usable.append((path, found))
    return usable, set_aside


def split_of_usable(root: Path, usable: Sequence[Usable], annotations: Annotations) -> Split:
    """Make a split of usable pictures."""
    return split_of_paths([path for path, _ in usable], root, annotations, [found for _, found in usable])


def _class_of(path: Path, split_root: Path) -> str:
    folders = path.relative_to(split_root).parts[:-1]
    return folders[0] if folders and not any(each.startswith(HIDDEN) for each in folders) else ""
