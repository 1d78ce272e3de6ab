"""What the samples of a split hold beside their pictures, as arrays by the keys of `kerascnn.data.sample`."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from kerascnn.data.masks import PixelMaps, PixelTable, encode_pixels
from kerascnn.data.sample import INTEGERS, SHAPES

# By key, an array for each sample: (N, ...) where all are alike, a list where they differ, as boxes do in number.
Annotations = Mapping[str, Sequence[np.ndarray]]


def make_lookup(annotations: Annotations) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Make the function from an index, (), int64, to the annotation of that sample, in a graph."""
    tables = {key: _make_table(key, values) for key, values in annotations.items()}
    return lambda index: {key: table[index] for key, table in tables.items()}


def _make_table(key: str, values: Sequence[np.ndarray]) -> tf.Tensor | tf.RaggedTensor | PixelTable:
    if isinstance(values, PixelMaps):
        return values.as_table()
    dtype = np.int32 if key in INTEGERS else np.float32
    arrays = [np.asarray(value, dtype) for value in values]
    none = np.zeros([side or 0 for side in SHAPES[key]], dtype)
    if len({array.shape for array in arrays}) <= 1:
        return tf.constant(np.stack(arrays) if arrays else none[np.newaxis][:0])
    return tf.RaggedTensor.from_row_lengths(np.concatenate([none, *arrays]), [len(array) for array in arrays])


def collect_annotations(samples: Sequence[Mapping[str, np.ndarray]], keys: Sequence[str]) -> Annotations:
    """Turn a list of annotations, by key each, into one by key: single numbers become an array (N,)."""
    columns = {key: [sample[key] for sample in samples] for key in keys}
    return {key: _as_column(key, values) for key, values in columns.items()}


def _as_column(key: str, values: list[np.ndarray]) -> Sequence[np.ndarray]:
    if key == "mask":
        return PixelMaps([encode_pixels(np.asarray(value, np.uint8)) for value in values])
    return np.array(values, np.int32) if SHAPES[key] == () else values


def select_annotations(annotations: Annotations, indices: np.ndarray) -> Annotations:
    """Give the annotations of the samples at (n,) `indices`."""
    return {key: _select(values, indices) for key, values in annotations.items()}


def _select(values: Sequence[np.ndarray], indices: np.ndarray) -> Sequence[np.ndarray]:
    if isinstance(values, PixelMaps):
        return values.select(indices)
    return values[indices] if isinstance(values, np.ndarray) else [values[index] for index in indices]


def annotation_texts(annotations: Annotations, count: int) -> list[str]:
    """Write the annotation of each of `count` samples: a number as it is, an array as its digest."""
    columns = [[_text(value) for value in annotations[key]] for key in sorted(annotations)]
    return [" ".join(column[index] for column in columns) for index in range(count)]


def _text(value: np.ndarray) -> str:
    array = np.asarray(value)
    if array.ndim == 0:
        return str(array.item())
    return hashlib.sha256(str(array.shape).encode() + np.ascontiguousarray(array).tobytes()).hexdigest()
