"""What a frozen network makes of pictures, computed once and kept in their place: in memory, or in files."""

import hashlib
import os
import shutil
import uuid
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from rich.progress import track

from kerascnn.data.cache import rename_unless_there, settle
from kerascnn.ops import concatenate_padded

MEMORY = 2 << 30  # bytes of features that are kept in memory
PROGRESS_FROM = 1000  # pictures
TARGETS = "targets.npz"


class Extractor(Protocol):
    """A function of a batch of pictures (B, H, W, 3) to arrays (B, ...)."""

    key: str  # changes with what it computes

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        """Compute the features of a batch."""


def compute_features(
    batches: tf.data.Dataset, count: int, extractor: Extractor, folder: Path | None
) -> tuple[list[np.ndarray], Any]:
    """Compute the features of all pictures, or find them where an earlier run kept them.

    Args:
        batches: of (images, targets), every picture once, in the order of the indices.
        count: number of pictures.
        extractor: from images to features.
        folder: of these pictures at this size; None keeps the features in memory.

    Returns:
        Each feature (count, ...), and the targets, whose leaves are (count, ...).

    Raises:
        MemoryError: if they are too many for memory, and no folder is given.
        OSError: if the folder cannot be written, or the disk is full.
    """
    if folder is None:
        return _compute(batches, count, extractor, None)
    kept = folder / f"features-{hashlib.sha256(extractor.key.encode()).hexdigest()[:32]}"
    if not kept.is_dir():
        temporary = kept.with_name(f"{kept.name}.{uuid.uuid4().hex}.tmp")
        temporary.mkdir(parents=True)
        try:
            _, targets = _compute(batches, count, extractor, temporary)
            with open(temporary / TARGETS, "wb") as file:
                np.savez(file, *tf.nest.flatten(targets))
                settle(file)
            rename_unless_there(temporary, kept)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    with np.load(kept / TARGETS) as stored:
        leaves = [stored[f"arr_{number}"] for number in range(len(stored))]
    features = [np.load(path, mmap_mode="c") for path in sorted(kept.glob("*.npy"))]
    return features, tf.nest.pack_sequence_as(batches.element_spec[1], leaves)


def _compute(
    batches: tf.data.Dataset, count: int, extractor: Extractor, folder: Path | None
) -> tuple[list[np.ndarray], Any]:
    tables: list[np.ndarray] = []
    targets, start, size = [], 0, 0
    shown = track(batches, "Computing features", transient=True, disable=count < PROGRESS_FROM)
    for images, annotations in shown:
        size = size or len(images)
        missing = size - len(images)  # another size of batch would be compiled anew
        features = extractor(np.pad(images.numpy(), [(0, missing), (0, 0), (0, 0), (0, 0)]))
        tables = tables or _make_tables(features, count, folder)
        for table, feature in zip(tables, features, strict=True):
            table[start : start + len(images)] = feature[: len(images)]
        start += len(images)
        targets.append(tf.nest.map_structure(lambda each: each.numpy(), annotations))
    for table in tables:
        if isinstance(table, np.memmap):
            table.flush()
    return tables, tf.nest.map_structure(lambda *each: concatenate_padded(each), *targets)


def _make_tables(features: tuple[np.ndarray, ...], count: int, folder: Path | None) -> list[np.ndarray]:
    """Make room for the features of all pictures."""
    shapes = [(count, *each.shape[1:]) for each in features]
    if folder is not None:
        paths = [folder / f"{number:03d}.npy" for number in range(len(features))]
        return [_make_table(path, each.dtype, shape) for path, each, shape in zip(paths, features, shapes, strict=True)]
    size = sum(each[0].nbytes * count for each in features)
    if size > MEMORY:
        raise MemoryError(f"The features of {count:,} pictures take {size / 1e9:.1f} GB; a cache folder can hold them")
    return [np.empty(shape, each.dtype) for each, shape in zip(features, shapes, strict=True)]


def _make_table(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.memmap:
    """Make a file that is mapped into memory, with its room on the disk: without, a full disk would end the process."""
    table = np.lib.format.open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return table
