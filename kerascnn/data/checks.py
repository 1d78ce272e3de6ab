"""The data doctor: every picture is decoded once before training, and what cannot be used is set aside and listed.

No user file is ever changed. A picture that passes here will decode in the last epoch as it did now.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from PIL import Image
from rich.progress import track

from kerascnn.data.decode import FORMATS, decode_with_pillow, is_plain, open_picture, read_orientation

# Pillow's own threshold for a decompression bomb: a quarter of a gigabyte of RGB.
MAX_PIXELS = 89_478_485
MAX_SIDE = 32767  # what OpenCV can sample from
HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1")  # how iPhones' photos start, after four bytes of length
MANY = 2000  # from here on the check takes long enough for a progress bar


@dataclass(frozen=True)
class SetAside:
    """What is left out, and why: a file, a box, or the part of a box that lies outside of its picture.

    Attributes:
        path: where it is, relative to the folder that was given: `photos/1.jpg`, or `Annotations/1.xml, box 3`.
        reason: what is wrong with it; the words before the first colon are the same for everything of that kind.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """A picture that decodes.

    Attributes:
        plain: whether TensorFlow's decoder may read it, see `kerascnn.data.decode`.
        digest: SHA-256 of the bytes of the file, in hexadecimal.
        size: height and width as it is decoded, which is upright.
        orientation: how it is stored, by EXIF's number; 1 is upright.
    """

    plain: bool
    digest: str
    size: tuple[int, int]
    orientation: int = 1


class UnusableError(ValueError):
    """A file that is not a usable picture; the message is the reason."""


def check_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Checked:
    """Decode a picture as the input pipeline will.

    Args:
        data: the bytes of the file.
        max_pixels: the largest height times width that is accepted.

    Raises:
        UnusableError: if the bytes are empty, not a picture, damaged, or declare more than `max_pixels`.
    """
    if not data:
        raise UnusableError("the file is empty")
    try:
        picture = open_picture(data)
    except Image.DecompressionBombError as error:
        raise UnusableError(f"too large: {error}") from error
    except Exception as error:  # Pillow's plugins raise whatever a damaged header makes them raise
        if data[4:12] in HEIC:
            raise UnusableError("HEIC, which Pillow does not read: export it as JPEG") from error
        raise UnusableError(f"not a picture of a known format ({', '.join(FORMATS)})") from error
    width, height = picture.size
    if max(width, height) > MAX_SIDE:
        raise UnusableError(f"too large: {width} x {height}, and a side may have {MAX_SIDE} pixels")
    if width * height > max_pixels:  # before `is_plain`, which decodes a PNG to find the EXIF after its pixels
        raise UnusableError(f"too large: {width} x {height} is over the limit of {max_pixels} pixels")
    try:
        plain, size = is_plain(picture) and _decodes_with_tensorflow(data), (height, width)
        if not plain:
            open_picture(data).verify()  # Pillow decodes a PNG without a look at its checksums
            size = decode_with_pillow(data).shape[:2]
        orientation = read_orientation(picture)
    except Exception as error:
        raise UnusableError(f"damaged: {error}") from error
    return Checked(plain, hashlib.sha256(data).hexdigest(), size, orientation)


def check_files(paths: Sequence[Path], max_pixels: int = MAX_PIXELS) -> list[Checked | UnusableError]:
    """Check picture files in parallel, with a progress bar when there are many.

    Args:
        paths: files.
        max_pixels: the largest height times width that is accepted.

    Returns:
        For each path what was found, in the same order.
    """

    def check(path: Path) -> Checked | UnusableError:
        try:
            return check_picture(read_file(path), max_pixels)
        except UnusableError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(check, paths)
        return list(track(found, "Checking pictures", total=len(paths), disable=len(paths) < MANY))


def read_file(path: Path) -> bytes:
    """Read a file of a data set.

    Raises:
        UnusableError: if it is no regular file, or cannot be read.
    """
    try:
        # A pipe or a device would block for ever, so only regular files are opened.
        if not path.is_file():
            raise UnusableError(_why_no_file(path))
        return path.read_bytes()
    except OSError as error:
        raise UnusableError(f"cannot be read: {error.strerror}") from error


def _why_no_file(path: Path) -> str:
    if path.exists():
        return "not a regular file"
    return "a link to nothing" if path.is_symlink() else "not there"


def _decodes_with_tensorflow(data: bytes) -> bool:
    try:
        tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    except tf.errors.InvalidArgumentError:
        return False
    return True
