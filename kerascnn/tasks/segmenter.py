"""Segmenting pictures of any size with a network for one size: stretched to it, or in tiles that overlap."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from keras import ops

from kerascnn.ops.windows import resize, sample_bilinearly, source_positions
from kerascnn.results import Mask

AT_ONCE = 8  # tiles that the network is asked about together

Predict = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Segmenter:
    """Says of each pixel of a picture of any size what it shows.

    Attributes:
        classes: name of each class.
        image_size: (height, width) of the network's input in pixels.
        predict: from pictures (N, height, width, 3) uint8, RGB, to `probabilities` (N, height, width, C), as the
            serving model of a `SegmentationTask` and its files do.
        tiled: look at the picture as large as it is, in tiles; otherwise it is stretched to the network's input, as a
            phone's client does it.
        overlap: share of a tile's sides, in [0, 1), that the next one covers too. Where tiles overlap, the nearer a
            tile's middle, the more it counts: at its borders a network sees half of what is around.
        mirrored: ask about the mirrored picture too, and take the mean.

    Raises:
        ValueError: for an overlap out of range.
    """

    classes: tuple[str, ...]
    image_size: tuple[int, int]
    predict: Predict
    tiled: bool = False
    overlap: float = 0.25
    mirrored: bool = False

    def __post_init__(self) -> None:
        """Refuse an overlap that never comes to an end."""
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap must lie in [0, 1). Received: overlap={self.overlap}.")

    def segment(self, picture: np.ndarray) -> Mask:
        """Segment a picture.

        Args:
            picture: (H, W, 3) uint8, RGB, of any size from one pixel.

        Raises:
            ValueError: for another shape.
        """
        if np.ndim(picture) != 3 or picture.shape[-1] != 3 or not picture.size:
            raise ValueError(f"A picture must be (H, W, 3), RGB. Received: the shape {np.shape(picture)}.")
        probabilities = self._look_at_tiles(picture) if self.tiled else self._look_at_whole(picture)
        class_ids = np.argmax(probabilities, axis=-1)
        confidence = np.take_along_axis(probabilities, class_ids[..., np.newaxis], axis=-1)[..., 0]
        return Mask(self.classes, class_ids.astype(np.int32), confidence)

    def _look_at_whole(self, picture: np.ndarray) -> np.ndarray:
        (probabilities,) = self._ask(resize(picture, self.image_size)[np.newaxis])
        places = (
            source_positions(before, after) for before, after in zip(self.image_size, picture.shape[:2], strict=True)
        )
        return ops.convert_to_numpy(sample_bilinearly(probabilities[np.newaxis], *places))[0]

    def _look_at_tiles(self, picture: np.ndarray) -> np.ndarray:
        """Give the mean of the tiles' probabilities, (H, W, C), each weighted by how near its middle a pixel lies."""
        height, width = picture.shape[:2]
        missing = [(0, max(0, own - side)) for own, side in zip(self.image_size, (height, width), strict=True)]
        padded = np.pad(picture, [*missing, (0, 0)], mode="reflect")
        sums = np.zeros((*padded.shape[:2], len(self.classes)), np.float32)
        total = np.zeros((*padded.shape[:2], 1), np.float32)
        weights = _tent(self.image_size)
        places = self._places(*padded.shape[:2])
        for start in range(0, len(places), AT_ONCE):
            group = places[start : start + AT_ONCE]
            answers = self._ask(np.stack([padded[place] for place in group]))
            for place, answer in zip(group, answers, strict=True):
                sums[place] += weights * answer
                total[place] += weights
        return (sums / total)[:height, :width]

    def _places(self, *size: int) -> list[tuple[slice, slice]]:
        rows, columns = (
            [slice(start, start + tile) for start in _starts(side, tile, self.overlap)]
            for side, tile in zip(size, self.image_size, strict=True)
        )
        return list(itertools.product(rows, columns))

    def _ask(self, pictures: np.ndarray) -> np.ndarray:
        probabilities = np.asarray(self.predict(pictures)["probabilities"])
        if not self.mirrored:
            return probabilities
        mirrored = np.asarray(self.predict(np.ascontiguousarray(pictures[:, :, ::-1]))["probabilities"])
        return (probabilities + mirrored[:, :, ::-1]) / 2


def _starts(side: int, tile: int, overlap: float) -> list[int]:
    """Lay tiles along a side, evenly, so that neighbours cover each other by the overlap at least."""
    step = max(1, tile - math.ceil(overlap * tile))
    count = 1 + -(-(side - tile) // step)
    return np.linspace(0, side - tile, count).round().astype(int).tolist()


def _tent(size: tuple[int, int]) -> np.ndarray:
    """Give weights (height, width, 1) that rise from the borders of a tile to its middle, and are nowhere 0."""
    rows, columns = (np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)) for side in size)
    return np.outer(rows, columns).astype(np.float32)[..., np.newaxis]
