"""Pictures cut to a box in them, as landmarks of faces are found: a detector first, then the face by itself."""

import hashlib
from dataclasses import replace

import numpy as np
import tensorflow as tf

from kerascnn.data.sources.source import Split


def crop_to_boxes(split: Split, size: tuple[int, int], margin: float) -> Split:
    """Cut each picture to a square around its first box.

    Args:
        split: pictures with `boxes`, `landmarks` and `visibility`.
        size: (height, width) of all pictures.
        margin: how much of the box's longer side is added at each end; the square ends at the picture's border.

    Returns:
        The split, without the boxes. Landmarks are in pixels of what is left of the picture, and not seen where they
        lie outside of it.
    """
    boxes = np.array([each[0] for each in split.annotations["boxes"]])
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    reach = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) * (0.5 + margin)
    low = np.maximum(np.floor(centers - reach), 0).astype(np.int32)  # x, y
    high = np.minimum(np.ceil(centers + reach), size[::-1]).astype(np.int32)
    landmarks = np.stack(split.annotations["landmarks"]) - low[:, np.newaxis]
    inside = np.all((landmarks >= 0) & (landmarks <= (high - low)[:, np.newaxis]), axis=-1)
    visibility = inside * np.stack(split.annotations["visibility"])
    annotations = {"landmarks": landmarks.astype(np.float32), "visibility": visibility.astype(np.int32)}
    tables = {key: tf.constant(values) for key, values in annotations.items()}
    corners = np.concatenate([low, high], axis=1)
    windows = tf.constant(corners)
    parts = [
        hashlib.sha256(f"{digest} {window}".encode()).hexdigest()
        for digest, window in zip(split.digests, corners.tolist(), strict=True)
    ]

    def read(index: tf.Tensor) -> dict[str, tf.Tensor]:
        x1, y1, x2, y2 = tf.unstack(windows[index])
        image = split.read(index)["image"][y1:y2, x1:x2]
        return {"image": image} | {key: table[index] for key, table in tables.items()}

    return replace(split, annotations=annotations, digests=parts, read=read, fetch=None)
