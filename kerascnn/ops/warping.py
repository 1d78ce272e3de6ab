"""Warping: regions of a picture, of any shape, stretched to the size of a classifier's input."""

import numpy as np

MEAN_COLOR = (124, 117, 104)  # of ImageNet, RGB, rounded: what the networks that R-CNN starts from know as nothing


def warp_regions(
    image: np.ndarray,
    boxes: np.ndarray,
    size: tuple[int, int],
    *,
    context: int = 16,
    fill: tuple[float, float, float] = MEAN_COLOR,
) -> np.ndarray:
    """Cut regions out of a picture and stretch each to the same size, whatever its shape, with pixels around it.

    A box fills the result but for a border of `context` pixels, in which its surroundings are seen at the same scale;
    what lies outside the picture is of one colour. Pixels are read by bilinear interpolation at their centres.

    Args:
        image: (H, W, 3), in 0..255.
        boxes: (n, 4), x1, y1, x2, y2 in pixels, edges not centres; they may leave the picture. One without area shows
            the colour of a point or of a line.
        size: (height, width) of each result in pixels.
        context: pixels of the result around a box, less than half of each side.
        fill: RGB of what lies outside.

    Returns:
        (n, height, width, 3) uint8.

    Raises:
        ValueError: for a wrong shape, or a context out of range.

    Reference:
        Girshick et al. 2014, "Rich feature hierarchies", arXiv:1311.2524, appendix A, figure 7 (D): "warp" with a
        padding of 16 pixels of 227.
    """
    boxes = np.asarray(boxes, np.float32)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"image must have the shape (H, W, 3). Received: a shape of {image.shape}.")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must have the shape (n, 4). Received: a shape of {boxes.shape}.")
    if len(size) != 2 or not 0 <= 2 * context < min(size):
        raise ValueError(
            "context must be at least 0 and less than half of each side of the result. "
            f"Received: context={context}, size={tuple(size)}."
        )
    pixels = np.asarray(image, np.float32)
    warped = np.empty((len(boxes), *size, 3), np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(boxes):
        rows, row_share, row_inside = _read_at(y1, y2, size[0], context, image.shape[0])
        columns, column_share, column_inside = _read_at(x1, x2, size[1], context, image.shape[1])
        # Only the rows and columns that are read: first those of the one axis, then those of the other.
        upper, lower = pixels[rows[0]], pixels[rows[1]]
        between = upper + (lower - upper) * row_share[:, np.newaxis, np.newaxis]
        left, right = between[:, columns[0]], between[:, columns[1]]
        values = left + (right - left) * column_share[:, np.newaxis]
        values[~(row_inside[:, np.newaxis] & column_inside)] = fill
        warped[number] = np.clip(np.round(values), 0, 255)
    return warped


def _read_at(
    low: float, high: float, after: int, context: int, before: int
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """Say where the pixels along a side are read.

    Args:
        low: where the box begins.
        high: where it ends.
        after: pixels of the side of the result.
        context: of these, at either end around the box.
        before: pixels of the side of the picture.

    Returns:
        The two pixels that each one lies between, the share of the second, (after,) each, and whether it lies in the
        picture.
    """
    positions = low + (np.arange(after, dtype=np.float32) + 0.5 - context) * ((high - low) / (after - 2 * context))
    inside = (positions >= 0) & (positions <= before)
    centers = np.clip(positions - 0.5, 0, before - 1)
    first = np.floor(centers).astype(np.intp)
    return (first, np.minimum(first + 1, before - 1)), centers - first, inside
