"""Anchors: the shapes that a detector's boxes start from, found in the boxes of the training pictures."""

from collections.abc import Sequence

import numpy as np

RESTARTS = 5  # k-means ends in the nearest hollow; the best of a few is kept
TURNS = 300
DECIMALS = 1  # of a side in pixels

RATIOS = (0.5, 1.0, 2.0)  # of heights to widths, those of Faster R-CNN

Scales = tuple[tuple[float, ...], ...]
Anchors = tuple[tuple[tuple[float, float], ...], ...]


def shape_iou(sizes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Compute the IoU of each of N boxes with each of M as if they had the same centre.

    Args:
        sizes: (N, 2), width and height.
        others: (M, 2).

    Returns:
        (N, M), in 0..1.
    """
    sizes, others = np.asarray(sizes, np.float64), np.asarray(others, np.float64)
    intersection = np.minimum(sizes[:, np.newaxis], others).prod(axis=-1)
    return intersection / (sizes.prod(axis=-1)[:, np.newaxis] + others.prod(axis=-1) - intersection)


def cluster_sizes(sizes: np.ndarray, k: int, *, seed: int = 0) -> tuple[np.ndarray, float]:
    """Find k anchors by k-means, with 1 - IoU as the distance, so that small boxes count as large ones do.

    Args:
        sizes: (N, 2), width and height of boxes in pixels of the network's input; N at least k different ones.
        k: how many.
        seed: decides where the search begins.

    Returns:
        The anchors (k, 2), the smallest area first; and the mean IoU of the boxes with the nearest anchor.

    Raises:
        ValueError: for sizes that are not positive, or fewer than k different ones.

    Reference:
        Redmon and Farhadi 2016, "YOLO9000: Better, Faster, Stronger", arXiv:1612.08242, section 2, "Dimension
        Clusters". The beginnings are spread as in k-means++.
    """
    sizes = np.asarray(sizes, np.float64).reshape(-1, 2)
    if not (sizes > 0).all() or not np.isfinite(sizes).all():
        raise ValueError("sizes must be positive widths and heights.")
    different = len(np.unique(sizes, axis=0))
    if not 1 <= k <= different:
        raise ValueError(f"k must lie in 1..{different}, the number of different sizes. Received: k={k}.")
    rng = np.random.default_rng(seed)
    found = [_cluster(sizes, _spread(sizes, k, rng)) for _ in range(RESTARTS)]
    means = [shape_iou(sizes, anchors).max(axis=1).mean() for anchors in found]
    best = int(np.argmax(means))
    anchors = found[best]
    return anchors[np.argsort(anchors.prod(axis=1), kind="stable")], float(means[best])


def find_anchors(
    sizes: np.ndarray, strides: Sequence[int], *, per_cell: int = 3, seed: int = 0
) -> tuple[Anchors, float]:
    """Find the anchors of each of a detector's grids: the small ones for the fine grid, the large for the coarse.

    Args:
        sizes: see `cluster_sizes`.
        strides: of the grids in pixels, rising.
        per_cell: anchors of each cell of each grid.
        seed: see `cluster_sizes`.

    Returns:
        For each stride `per_cell` pairs of width and height, as `kerascnn.architectures.yolo` takes them; and the mean
        IoU of the boxes with the nearest anchor.

    Raises:
        ValueError: for no strides or no anchors of a cell, fewer different sizes than anchors, or ones that are not
            positive.

    Reference:
        Redmon and Farhadi 2018, "YOLOv3: An Incremental Improvement", arXiv:1804.02767, section 2.3.
    """
    if per_cell < 1 or not strides:
        raise ValueError(
            f"per_cell must be at least 1, and strides at least one. Received: per_cell={per_cell}, strides={strides}."
        )
    number, different = per_cell * len(strides), len(np.unique(np.reshape(sizes, (-1, 2)), axis=0))
    if different < number:
        raise ValueError(
            f"{number} anchors, {per_cell} for the cells of each of the strides {', '.join(map(str, strides))}, need "
            f"boxes of at least as many different sizes. Received: {different}."
        )
    anchors, mean_iou = cluster_sizes(sizes, number, seed=seed)
    grids = np.maximum(np.round(anchors, DECIMALS), 10.0**-DECIMALS).reshape(len(strides), per_cell, 2).tolist()
    return tuple(tuple((width, height) for width, height in grid) for grid in grids), mean_iou


def find_scales(
    sizes: np.ndarray, strides: Sequence[int], *, per_place: int = 1, ratios: Sequence[float] = RATIOS, seed: int = 0
) -> tuple[Scales, float]:
    """Find the scales of each map's anchors: the small ones for the fine map, the large for the coarse.

    Args:
        sizes: see `cluster_sizes`.
        strides: of the maps in pixels, rising.
        per_place: scales at each place of each map.
        ratios: of the anchors, heights divided by widths.
        seed: see `cluster_sizes`.

    Returns:
        For each stride `per_place` square roots of areas, as `kerascnn.architectures.faster_rcnn` takes them; and the
        mean IoU of the boxes with the nearest anchor.

    Raises:
        ValueError: for no strides or no scales of a place, fewer different sizes than scales, or ones that are not
            positive.
    """
    if per_place < 1 or not strides:
        raise ValueError(
            f"per_place must be at least 1, and strides at least one. Received: per_place={per_place}, "
            f"strides={strides}."
        )
    sizes = np.asarray(sizes, np.float64).reshape(-1, 2)
    number, different = per_place * len(strides), len(np.unique(np.round(np.sqrt(sizes.prod(axis=1)), DECIMALS)))
    if different < number:
        raise ValueError(
            f"{number} scales, {per_place} for the places of each of the strides {', '.join(map(str, strides))}, need "
            f"boxes of at least as many different sizes. Received: {different}."
        )
    squares = np.sqrt(sizes.prod(axis=1, keepdims=True)).repeat(2, axis=1)
    clusters, _ = cluster_sizes(squares, per_place * len(strides), seed=seed)
    sides = np.maximum(np.round(clusters[:, 0], DECIMALS), 10.0**-DECIMALS)
    roots = np.sqrt(np.asarray(ratios, np.float64))
    anchors = np.stack([sides[:, np.newaxis] / roots, sides[:, np.newaxis] * roots], axis=-1).reshape(-1, 2)
    scales = sides.reshape(len(strides), per_place).tolist()
    return tuple(map(tuple, scales)), float(shape_iou(sizes, anchors).max(axis=1).mean())


def _spread(sizes: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw k of the sizes, each with a probability that grows with its distance from those drawn before."""
    chosen = sizes[rng.integers(len(sizes), size=1)]
    while len(chosen) < k:
        distances = np.square(1 - shape_iou(sizes, chosen).max(axis=1))
        chosen = np.concatenate([chosen, sizes[rng.choice(len(sizes), size=1, p=distances / distances.sum())]])
    return chosen


def _cluster(sizes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Move each anchor to the mean of the sizes that are nearest to it until none moves."""
    nearest = None
    for _ in range(TURNS):
        moved = shape_iou(sizes, anchors).argmax(axis=1)
        if nearest is not None and (moved == nearest).all():
            break
        nearest = moved
        members = [sizes[nearest == number] for number in range(len(anchors))]
        anchors = np.stack([of.mean(axis=0) if len(of) else old for of, old in zip(members, anchors, strict=True)])
    return anchors
