"""Regions of interest: what a feature map holds inside boxes of any size, as small maps of one size."""

import math

import keras
import numpy as np
from keras import ops

Tensor = keras.KerasTensor
Bins = tuple[Tensor, Tensor]  # of each, the first place, and the first one after it
LEAST_SIDE = 1.0  # places of the map: what `roi_align` without alignment takes a smaller region for


def roi_max_pool(features: Tensor, boxes: Tensor, stride: float, size: tuple[int, int] = (7, 7)) -> Tensor:
    """Divide each region into a grid of bins, and take the greatest value of each bin and channel.

    Corners are rounded to places of the map, and both places are part of the region. Bins begin at the place below
    their beginning and end at the place above their end, so that neighbours may share one.

    Every bin is the union of four blocks, whose sides are powers of two, and the greatest values of all such blocks are
    computed once; so a region costs the same whatever its size.

    Args:
        features: (B, H, W, C), whose H and W are known.
        boxes: (B, R, 4), x1, y1, x2, y2 in pixels of the picture; they are clipped to it.
        stride: pixels of the picture from one place of the map to the next.
        size: (height, width) of the grid.

    Returns:
        (B, R, height, width, C).

    Raises:
        ValueError: for features or boxes of another shape, a stride that is not above 0, or a size below 1.

    Reference:
        Girshick 2015, "Fast R-CNN", arXiv:1504.08083, section 2.1; the rounding is that of its published code, which
        torchvision shares.
    """
    _check(features, boxes, stride, size)
    rows, columns = (
        _bins(ops.cast(boxes, "float32")[..., axis::2] / stride, bins, features.shape[2 - axis])
        for axis, bins in ((1, size[0]), (0, size[1]))
    )
    blocks = _greatest_of_blocks(features, *(math.ceil((features.shape[axis + 1] + 1) / size[axis]) for axis in (0, 1)))
    return _greatest_of_bins(blocks, rows, columns)


def roi_align(
    features: Tensor,
    boxes: Tensor,
    stride: float,
    size: tuple[int, int] = (7, 7),
    *,
    samples: int = 2,
    aligned: bool = True,
) -> Tensor:
    """Divide each region into a grid of bins, and average bilinear samples of each bin; nothing is rounded.

    A sample's weights are products of one for its row and one for its column, and so are their averages over a bin:
    two products of matrices do it for all channels.

    Args:
        features: (B, H, W, C), whose H and W are known.
        boxes: (B, R, 4), x1, y1, x2, y2 in pixels of the picture. Samples more than a place outside the map count as 0.
        stride: see `roi_max_pool`.
        size: likewise.
        samples: of each bin, to either side.
        aligned: whether the middle of the map's first place is half a stride from the picture's corner, as it is;
            otherwise at the corner, and a region has at least one place to either side, as in the paper's first code.

    Returns:
        (B, R, height, width, C), differentiable by features and boxes.

    Raises:
        ValueError: as `roi_max_pool`, or for fewer than one sample.

    Reference:
        He et al. 2017, "Mask R-CNN", arXiv:1703.06870, section 3.
    """
    _check(features, boxes, stride, size)
    if samples < 1:
        raise ValueError(f"samples must be at least 1. Received: samples={samples}.")
    boxes = ops.cast(boxes, features.dtype) / stride - (0.5 if aligned else 0.0)
    rows, columns = (
        _sample_weights(boxes[..., axis::2], bins, features.shape[2 - axis], samples, aligned)
        for axis, bins in ((1, size[0]), (0, size[1]))
    )
    return ops.einsum("brvhc,bruh->bruvc", ops.einsum("bhwc,brvw->brvhc", features, columns), rows)


def _check(features: Tensor, boxes: Tensor, stride: float, size: tuple[int, int]) -> None:
    if len(features.shape) != 4 or None in features.shape[1:]:
        raise ValueError(f"features must be (B, H, W, C) with H, W and C known. Received: {tuple(features.shape)}.")
    if len(boxes.shape) != 3 or boxes.shape[-1] != 4:
        raise ValueError(f"boxes must be (B, R, 4). Received: the shape {tuple(boxes.shape)}.")
    if stride <= 0 or min(size) < 1:
        raise ValueError(f"stride must be above 0, size at least (1, 1). Received: stride={stride}, size={size}.")


def _bins(edges: Tensor, bins: int, places: int) -> Bins:
    """Give the first place of each bin of regions, and the first one after it: (B, R, bins) int32 each.

    Args:
        edges: (B, R, 2), where the regions begin and end, in places of the map.
        bins: of a region.
        places: of the map.
    """
    first, last = ops.split(ops.floor(ops.clip(edges, 0, places) + 0.5), 2, axis=-1)  # (B, R, 1) each
    side = ops.maximum(last - first + 1, 1) / bins
    numbers = ops.arange(bins, dtype="float32")
    begin, end = ops.floor(numbers * side) + first, ops.ceil((numbers + 1) * side) + first
    return tuple(ops.cast(ops.clip(each, 0, places), "int32") for each in (begin, end))


def _greatest_of_blocks(features: Tensor, most_rows: int, most_columns: int) -> list[list[Tensor]]:
    """Give the greatest values of the 2^i x 2^j places from each place on: level i, level j, (B, H, W, C).

    The levels are those that bins of up to so many rows and columns need. Beyond the border there is nothing.
    """
    levels = []
    rows = features
    for i in range(_level(most_rows + 1) + 1):
        rows = rows if i == 0 else ops.maximum(rows, _shift(rows, 1 << (i - 1), axis=1))
        columns, level = rows, []
        for j in range(_level(most_columns + 1) + 1):
            columns = columns if j == 0 else ops.maximum(columns, _shift(columns, 1 << (j - 1), axis=2))
            level.append(columns)
        levels.append(level)
    return levels


def _level(places: int) -> int:
    """Give the greatest k with 2^k at most so many places."""
    return places.bit_length() - 1


def _shift(x: Tensor, by: int, axis: int) -> Tensor:
    """Move a map towards its beginning; its last places stay, which changes no maximum with the map itself."""
    places = x.shape[axis]
    return ops.take(x, np.minimum(np.arange(places) + by, places - 1), axis=axis)


def _greatest_of_bins(blocks: list[list[Tensor]], rows: Bins, columns: Bins) -> Tensor:
    """Look up the four blocks of each bin; empty bins have 0."""
    height, width, channels = blocks[0][0].shape[1:]
    table = ops.stack([ops.stack(level, axis=1) for level in blocks], axis=1)  # (B, I, J, H, W, C)
    table = ops.reshape(table, (-1, len(blocks) * len(blocks[0]) * height * width, channels))
    level_i, starts_y = _blocks_of(*rows, len(blocks), height)
    level_j, starts_x = _blocks_of(*columns, len(blocks[0]), width)
    greatest = None
    for y in starts_y:
        for x in starts_x:
            level = ops.expand_dims(level_i, -1) * len(blocks[0]) + ops.expand_dims(level_j, -2)  # (B, R, h, w)
            place = (level * height + ops.expand_dims(y, -1)) * width + ops.expand_dims(x, -2)
            found = ops.take_along_axis(table, ops.reshape(place, (ops.shape(place)[0], -1, 1)), axis=1)
            greatest = found if greatest is None else ops.maximum(greatest, found)
    shape = (*ops.shape(rows[0]), columns[0].shape[2], channels)
    empty = ops.expand_dims(rows[1] <= rows[0], -1) | ops.expand_dims(columns[1] <= columns[0], -2)
    return ops.where(ops.expand_dims(empty, -1), 0.0, ops.reshape(greatest, shape))


def _blocks_of(begin: Tensor, end: Tensor, levels: int, places: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Give the level of the two blocks that a bin is the union of, and where they begin, (B, R, bins) each."""
    level = ops.zeros_like(begin)
    for k in range(1, levels):
        level = level + ops.cast(end - begin >= 1 << k, "int32")
    side = ops.take(np.int32([1 << k for k in range(levels)]), level)
    return level, (ops.minimum(begin, places - 1), ops.clip(end - side, 0, places - 1))


def _sample_weights(edges: Tensor, bins: int, places: int, samples: int, aligned: bool) -> Tensor:
    """Give the weights of the places of a map in the average of each bin's samples: (B, R, bins, places)."""
    first, last = ops.split(edges, 2, axis=-1)  # (B, R, 1) each
    side = (last - first if aligned else ops.maximum(last - first, LEAST_SIDE)) / bins
    positions = first + side * ops.convert_to_tensor((np.arange(bins * samples) + 0.5) / samples, edges.dtype)
    inside = ops.cast((positions >= -1) & (positions <= places), edges.dtype)
    positions = ops.clip(positions, 0, places - 1)
    distances = ops.abs(ops.expand_dims(positions, -1) - ops.arange(places, dtype=edges.dtype))
    weights = ops.expand_dims(inside, -1) * ops.maximum(1 - distances, 0)  # (B, R, bins * samples, places)
    return ops.mean(ops.reshape(weights, (*ops.shape(weights)[:2], bins, samples, places)), axis=3)
