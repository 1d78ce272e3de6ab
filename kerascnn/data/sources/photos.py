"""Photos without any annotation, for networks that learn from the pictures themselves."""

from pathlib import Path

import numpy as np

from kerascnn.data.checks import MAX_PIXELS
from kerascnn.data.sources.class_folders import check_paths, find_splits, split_of_usable
from kerascnn.data.sources.files import list_files
from kerascnn.data.sources.source import Source, split_at_random

CLASSES = ("photo",)


def photos(path: str | Path, *, seed: int = 0, max_pixels: int = MAX_PIXELS) -> Source:
    """Read all pictures of a folder, and of the folders in it.

    Every file is decoded once. What is no usable picture is set aside and listed; nothing in the folder is changed.

    Args:
        path: a folder, perhaps with `train/` and, if there are any, `val/` and `test/`. Without `val/`, a fifth of the
            training pictures is taken for it.
        seed: decides which fifth.
        max_pixels: the largest height times width that is accepted.

    Returns:
        The data set. All pictures have the one label 0, `photo`.

    Raises:
        FileNotFoundError: if the folder is not there.
        ValueError: for a split without a usable picture, or one picture only where a fifth is to be taken.
    """
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}. Give a folder of pictures.")
    splits, set_aside = {}, []
    for name, split_root in find_splits(root).items():
        usable, left_out = check_paths(root, sorted(list_files(split_root)), max_pixels)
        set_aside += left_out
        if not usable:
            raise ValueError(f"{split_root} holds no usable picture: {len(left_out)} files were set aside.")
        splits[name] = split_of_usable(root, usable, {"label": np.zeros(len(usable), np.int32)})
    if "validation" not in splits:
        train, valid = split_at_random(len(splits["train"]), seed)
        splits |= {"train": splits["train"].select(train), "validation": splits["train"].select(valid)}
    return Source(str(path), CLASSES, splits["train"], splits["validation"], splits.get("test"), tuple(set_aside))
