"""Writing a file whole or not at all."""

import contextlib
import os
from pathlib import Path


def write_file(path: str | Path, content: bytes | str) -> Path:
    """Write a file whole or not at all: into a temporary sibling, brought to the disk, which then takes its name.

    Args:
        path: the file; one that exists is replaced. Its folder must exist.
        content: bytes, or text, which is written as UTF-8. File names that are not valid Unicode are written as
            escapes such as `\\udcff`, in JSON and HTML alike, rather than refused.

    Returns:
        The path.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: the file cannot be written; what was there before is untouched.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder '{path.parent}' does not exist. Create it before writing {path.name}.")
    if isinstance(content, str):
        content = content.encode("utf-8", errors="backslashreplace")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _settle_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _settle_folder(folder: Path) -> None:
    """Bring a folder's new name to the disk, where folders can be: on Windows and on network drives they cannot."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(OSError):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
