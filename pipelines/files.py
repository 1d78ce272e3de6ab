"""The files that a user names on the command line: pictures, and folders of them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from kerascnn.data import Split, pictures

logger = logging.getLogger("__main__")


def list_files(paths: Sequence[Path]) -> list[Path]:
    """List the files, those of a folder by their names."""
    return [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]


def open_pictures(files: Sequence[Path]) -> tuple[Split, int]:
    """Open picture files; those that cannot be read are named in a warning.

    Returns:
        The pictures, and how many files were left out.
    """
    split, set_aside = pictures(files)
    for each in set_aside:
        logger.warning("%s was left out: %s.", each.path, each.reason)
    return split, len(set_aside)


def open_some_pictures(paths: Sequence[Path]) -> tuple[Split, int]:
    """Open the pictures of files and folders, see `open_pictures`.

    Raises:
        ValueError: if none can be read.
    """
    split, left_out = open_pictures(list_files(paths))
    if len(split) == 0:
        raise ValueError("None of the pictures can be read.")
    return split, left_out


def check_folder(save: Path | None) -> None:
    """Refuse to save to what is a file, before the work is done.

    Raises:
        NotADirectoryError: if it is one.
    """
    if save is not None and save.exists() and not save.is_dir():
        raise NotADirectoryError(f"What was found is saved to a folder. Received: the file {save}.")
