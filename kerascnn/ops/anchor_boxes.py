"""The boxes that a region proposal network starts from: of a few sizes and shapes, around every place of its map."""

from collections.abc import Sequence

import numpy as np


def anchor_boxes(
    map_size: tuple[int, int],
    stride: int,
    scales: Sequence[float] = (128, 256, 512),
    ratios: Sequence[float] = (0.5, 1, 2),
) -> np.ndarray:
    """Lay anchors around the middles of the places of a feature map.

    Args:
        map_size: (H, W) of the map.
        stride: pixels of the picture from one place to the next.
        scales: square roots of the anchors' areas, in pixels.
        ratios: heights divided by widths; the area of a scale is that of all its ratios.

    Returns:
        (H * W * A, 4) float32, x1, y1, x2, y2 in pixels, which may leave the picture: place by place, row by row, and
        there scale by scale.

    Raises:
        ValueError: for a map without places, a stride below 1, or scales or ratios that are none or not above 0.

    Reference:
        Ren et al. 2015, "Faster R-CNN", arXiv:1506.01497, section 3.1.1, whose scales and ratios are the defaults. Its
        published code rounds the sides to whole pixels of a 16 x 16 box; here the areas are exact.
    """
    if min(map_size) < 1 or stride < 1:
        raise ValueError(f"map_size and stride must be at least 1. Received: map_size={map_size}, stride={stride}.")
    if not scales or not ratios or min(*scales, *ratios) <= 0:
        raise ValueError(f"scales and ratios must be above 0. Received: scales={scales}, ratios={ratios}.")
    scale, ratio = (each.ravel() for each in np.meshgrid(scales, ratios, indexing="ij"))
    halves = np.stack([scale / np.sqrt(ratio), scale * np.sqrt(ratio)], axis=-1) / 2  # (A, 2), width and height
    y, x = np.mgrid[: map_size[0], : map_size[1]]
    centers = (np.stack([x, y], axis=-1).reshape(-1, 1, 2) + 0.5) * stride
    return np.concatenate([centers - halves, centers + halves], axis=-1).reshape(-1, 4).astype(np.float32)
