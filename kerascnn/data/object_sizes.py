"""How large the objects of a split are where a network sees them: what anchors are made of."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kerascnn.data.augment import Sample
from kerascnn.data.pipeline import pipeline
from kerascnn.data.sample import PADDING
from kerascnn.data.sources.source import Split


@dataclass(frozen=True)
class _Rows:
    """What `pipeline` needs to know to give the rows of objects."""

    image_size: tuple[int, int]

    def targets(self, sample: Sample) -> tf.Tensor:
        return sample["objects"]


def object_sizes(split: Split, image_size: tuple[int, int]) -> np.ndarray:
    """Measure the objects of a split in pictures that are stretched to a network's input.

    Args:
        split: with boxes.
        image_size: (height, width) of the input in pixels.

    Returns:
        (N, 2), width and height in pixels, of the objects of all pictures.

    Raises:
        ValueError: for a split without boxes, or without a picture.
    """
    if "boxes" not in split.annotations:
        raise ValueError(f"These pictures have no boxes. They have {', '.join(split.annotations) or 'nothing'}.")
    batches = [np.reshape(rows, (-1, 5)) for _, rows in pipeline(split, _Rows(tuple(image_size)))]
    rows = np.concatenate(batches)
    rows = rows[rows[:, 4] != PADDING]
    return rows[:, 2:4] - rows[:, :2]
