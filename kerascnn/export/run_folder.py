"""A run folder is written whole or not at all: into a temporary sibling, which is then renamed."""

import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

MARKERS = ("card.json", "model.keras")  # what tells a run folder from a user's own folder


def check_output(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse an output that cannot be written, before any work is done.

    Args:
        path: where a run folder shall be.
        overwrite: a run folder may be there already.

    Raises:
        FileExistsError: if there is something at the path; with `overwrite`, if it is not a run folder, which is never
            replaced, or an empty folder.
        OSError: if no folder can be made beside it.
    """
    path = Path(path).resolve()
    if path.exists():
        if not overwrite:
            raise FileExistsError(f"{path} exists already. Choose another output, or say --overwrite to replace it.")
        if not path.is_dir() or (any(path.iterdir()) and not any((path / name).is_file() for name in MARKERS)):
            raise FileExistsError(f"{path} is not a run folder, so it is not replaced. Choose another output.")
    path.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path.parent).close()


@contextmanager
def new_run_folder(path: str | Path, *, overwrite: bool = False, keep_incomplete: bool = False) -> Iterator[Path]:
    """Give a temporary folder that takes its final name when the block ends without an error.

    Args:
        path: the final name. Folders above it are made.
        overwrite: replaces a run folder that is there, at the end and not before.
        keep_incomplete: after an error, keep what was written instead of removing it: in the first of
            `NAME.incomplete`, `NAME.incomplete2`, `NAME.incomplete3` and so on that is free.

    Yields:
        The temporary folder, beside the final one. After an error what was there before is untouched.

    Raises:
        FileExistsError, OSError: see `check_output`.
    """
    check_output(path, overwrite=overwrite)
    final = Path(path).resolve()
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        yield temporary
        _set_usual_mode(temporary)
        check_output(final, overwrite=overwrite)  # again: exporting takes minutes, in which something may have appeared
        _replace(temporary, final)
    except BaseException:
        if keep_incomplete:
            _set_usual_mode(temporary)
            incomplete = incomplete_name(final)
            os.replace(temporary, incomplete)
            logger.warning("What was trained is kept in %s; export_model.py --run goes on from there.", incomplete)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def incomplete_name(final: str | Path) -> Path:
    """Find a name for a run folder without exports: NAME.incomplete, or with a number that nothing has yet.

    Args:
        final: the name of the complete one.
    """
    final = Path(final)
    for number in itertools.count(1):
        path = final.with_name(f"{final.name}.incomplete{number if number > 1 else ''}")
        if not os.path.lexists(path):  # not even a link to nothing
            return path


def _replace(new: Path, final: Path) -> None:
    """Give a folder its final name; one that has it already is put aside first, and put back after an error."""
    old = new.with_name(f"{new.name}.old")
    if final.exists():
        os.replace(final, old)
    try:
        os.replace(new, final)
    except BaseException:
        if old.exists():
            os.replace(old, final)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _set_usual_mode(folder: Path) -> None:
    """Give a folder of `mkdtemp`, which is private, the mode that `mkdir` gives."""
    umask = os.umask(0)
    os.umask(umask)
    folder.chmod(0o777 & ~umask)
