"""A run folder is written whole or not at all: into a temporary sibling, which is then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_output(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that exists already, before any work is done.

    Raises:
        FileExistsError: if there is something at the path, unless `overwrite` is given and it is a folder.
    """
    path = Path(path)
    if path.exists() and not (overwrite and path.is_dir()):
        raise FileExistsError(f"{path} exists already. Choose another output, or say --overwrite to replace it.")


@contextmanager
def new_run_folder(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder that takes its final name when the block ends without an error.

    Args:
        path: the final name. Folders above it are made.
        overwrite: replaces a folder that is there, at the end and not before.

    Yields:
        The temporary folder, beside the final one. After an error it is removed, and what was there is untouched.

    Raises:
        FileExistsError: see `check_output`.
    """
    final = Path(path)
    check_output(final, overwrite=overwrite)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp makes it private
        if final.exists():
            old = temporary.with_name(f"{temporary.name}.old")
            os.replace(final, old)
            os.replace(temporary, final)
            shutil.rmtree(old)
        else:
            os.replace(temporary, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
