"""Decoded pictures, kept: in memory, or in a file that is mapped into memory and found again by the next run."""

import hashlib
import mmap
import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tensorflow as tf
from rich.progress import track

from kerascnn.data.resize import resize, stretch_points
from kerascnn.data.sources.annotations import annotation_texts, make_lookup
from kerascnn.data.sources.source import Split

FORMAT = "2"  # of the cache; part of its key
ROOM = 4  # a picture is kept at most so many times as large as the network's input: a crop takes a part of it
PROGRESS_FROM = 1000  # pictures
PIXELS, SHAPES = "pixels.bin", "shapes.npy"

Load = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]  # from an index to a picture and its shape before


def cached(split: Split, image_size: tuple[int, int], cache: str | Path, *, augmented: bool) -> Split:
    """Keep the decoded pictures of a split.

    Args:
        split: the samples; what lies in memory already stays as it is.
        image_size: (height, width) of the network's input.
        cache: `memory`, or the folder under which files are kept, one folder for each split and size, of a name that
            changes when the pictures or the settings do.
        augmented: whether the pictures will be augmented; otherwise they are kept at the network's size.

    Returns:
        The same samples, whose pictures need no decoding.

    Raises:
        NotADirectoryError: if the cache is a file.
        ValueError: for samples that hold another picture, a mask.
    """
    if split.in_memory:
        return split
    if cache != "memory" and Path(cache).exists() and not Path(cache).is_dir():
        raise NotADirectoryError(f"cache must be 'memory' or a folder, and {cache} is a file.")

    sample = tf.data.Dataset.range(1).map(split.read).element_spec
    if sample.keys() != {"image", *split.annotations}:
        raise ValueError(f"Masks cannot be cached. Received samples of {', '.join(sample)}.")

    def load(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = split.read(index)["image"]
        return _reduce(image, image_size) if augmented else resize(image, image_size), tf.shape(image)

    if cache == "memory":
        pixels, shapes = _decode_to_memory(split, load)
    else:
        folder = Path(cache) / content_key(split, image_size, augmented)
        if not _is_whole(folder, len(split)):
            shutil.rmtree(folder, ignore_errors=True)
            _decode_to_folder(split, load, folder)
        pixels, shapes = np.memmap(folder / PIXELS, np.uint8, "c"), np.load(folder / SHAPES)
    return _of_pixels(split, pixels, shapes)


def _reduce(image: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    """Shrink a picture that is much larger than the network's input, and keep its proportions."""
    sides = tf.shape(image)[:2]
    ratio = tf.reduce_min(tf.cast(sides, tf.float32) / tf.constant(image_size, tf.float32)) / ROOM
    smaller = tf.maximum(tf.cast(tf.cast(sides, tf.float32) / ratio, tf.int32), 1)
    return tf.cond(ratio > 1, lambda: resize(image, smaller), lambda: image)


def _of_pixels(split: Split, pixels: np.ndarray, shapes: np.ndarray) -> Split:
    """Read a split's pictures from one long row of bytes.

    Args:
        split: what was decoded.
        pixels: of all pictures.
        shapes: (N, 2, 3), of each picture as it is kept, and as it was before.
    """
    starts = tf.constant(np.concatenate([[0], np.cumsum(shapes[:, 0].prod(axis=1, dtype=np.int64))]))
    # Without a copy: what is mapped from a file stays there until it is looked at.
    table = tf.experimental.dlpack.from_dlpack(pixels.__dlpack__())
    shape_table, look_up = tf.constant(shapes, tf.int32), make_lookup(split.annotations)

    def read(index: tf.Tensor) -> dict[str, tf.Tensor]:
        kept, before = tf.unstack(shape_table[index])
        image = tf.reshape(table[starts[index] : starts[index + 1]], kept)
        return stretch_points(look_up(index), before[:2], kept[:2]) | {"image": tf.ensure_shape(image, (None, None, 3))}

    return replace(split, read=read, fetch=None, in_memory=True)


def _decode_to_memory(split: Split, load: Load) -> tuple[np.ndarray, np.ndarray]:
    images, shapes = [], []
    for image, before in _images(split, load):
        images.append(image.numpy())
        shapes.append((image.shape, before.numpy()))
    # A map without a file: TensorFlow takes only memory that starts at a page, or nearly so, without a copy.
    pixels = np.frombuffer(mmap.mmap(-1, sum(image.size for image in images)), np.uint8)
    images.reverse()
    start = 0
    while images:  # each is let go when it was copied, so that little is held twice
        image = images.pop()
        pixels[start : start + image.size] = image.reshape(-1)
        start += image.size
    return pixels, np.array(shapes)


def _decode_to_folder(split: Split, load: Load, folder: Path) -> None:
    """Write the folder whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.tmp")
    temporary.mkdir()
    try:
        shapes = []
        with open(temporary / PIXELS, "wb") as file:
            for image, before in _images(split, load):
                file.write(image.numpy().tobytes())
                shapes.append((image.shape, before.numpy()))
            settle(file)
        with open(temporary / SHAPES, "wb") as file:
            np.save(file, np.array(shapes))
            settle(file)
        rename_unless_there(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def rename_unless_there(temporary: Path, folder: Path) -> None:
    """Give a folder its name, unless another run was faster."""
    try:
        temporary.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def settle(file: BinaryIO) -> None:
    """Bring a file to the disk, before its folder gets its name."""
    file.flush()
    os.fsync(file.fileno())


def _is_whole(folder: Path, count: int) -> bool:
    """Tell whether a folder holds what was written to it."""
    try:
        shapes = np.load(folder / SHAPES)
        size = shapes[:, 0].prod(axis=1, dtype=np.int64).sum()
        return len(shapes) == count and (folder / PIXELS).stat().st_size == size
    except (OSError, ValueError, IndexError):
        return False


def _images(split: Split, load: Load) -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
    images = tf.data.Dataset.range(len(split)).map(load, tf.data.AUTOTUNE, deterministic=True).prefetch(2)
    return track(images, "Decoding pictures", total=len(split), disable=len(split) < PROGRESS_FROM)


def content_key(split: Split, image_size: tuple[int, int], augmented: bool, *, annotated: bool = False) -> str:
    """Name what is kept: it changes with the content and the order of the pictures, and with the settings.

    Args:
        split: the pictures.
        image_size: (height, width) of the network's input.
        augmented: whether the pictures will be augmented.
        annotated: whether what is kept holds the annotations too.
    """
    settings = f"{FORMAT} {image_size} {augmented}"
    annotations = annotation_texts(split.annotations, len(split)) if annotated else []
    return hashlib.sha256("\n".join([settings, *annotations, *split.digests]).encode()).hexdigest()[:32]
