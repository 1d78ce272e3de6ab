"""The plane in front of the face on which everything is modelled: heights and colours of it make the bust.

The unit is half the height of a head. x goes to the right of the picture, y down, z towards the camera; the middle of
the head is the origin, the crown lies at y = -1, the chin at about y = 1. The plane is sampled in texels.
"""

import cv2
import numpy as np

EXTENT = 2.0  # the plane holds -EXTENT..EXTENT along x and y
DENSITY = 64  # texels for each unit, more than the pixels of any picture
SIZE = round(2 * EXTENT * DENSITY)  # of the plane in texels

Y, X = ((axis + 0.5) / DENSITY - EXTENT for axis in np.mgrid[:SIZE, :SIZE].astype(np.float32))
ROWS = Y[:, 0]

Part = tuple[slice, slice]
WHOLE: Part = (slice(None), slice(None))


def window(x: tuple[float, float], y: tuple[float, float]) -> Part:
    """Find the rows and columns of the texels in a part of the plane, from the first to the last x and y."""
    (left, right), (top, bottom) = (
        np.clip((np.array(ends) + EXTENT) * DENSITY, 0, SIZE).astype(int) for ends in (x, y)
    )
    return slice(top, bottom + 1), slice(left, right + 1)


def fill(inside: np.ndarray, softness: float = 1.0) -> np.ndarray:
    """Turn a distance to an edge, positive inside, into coverage in 0..1; the edge is `softness` texels wide."""
    return np.clip(0.5 + inside * np.float32(DENSITY / softness), 0, 1)


def blob(center: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    """Give a Gaussian hill of height 1 with standard deviations `size` along x and y: (SIZE, SIZE)."""
    across, down = (
        np.exp(-0.5 * np.square((ROWS - middle) / width)) for middle, width in zip(center, size, strict=True)
    )
    return down[:, None] * across


def blobs(x: float, y: float, size: tuple[float, float]) -> np.ndarray:
    """Give two such hills, one at each side of the face."""
    return blob((x, y), size) + blob((-x, y), size)


def smooth_step(start: float, stop: float, x: np.ndarray) -> np.ndarray:
    """Rise smoothly from 0 at `start` to 1 at `stop`."""
    share = np.clip((x - start) / (stop - start), 0, 1)
    return share * share * (3 - 2 * share)


def soften(values: np.ndarray, radius: float) -> np.ndarray:
    """Blur over a `radius` in units of the plane."""
    return cv2.GaussianBlur(values, (0, 0), radius * DENSITY, borderType=cv2.BORDER_REPLICATE)


def read_at(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Interpolate `values` (SIZE, SIZE) at `points` (N, 2)."""
    x, y = ((points + EXTENT) * DENSITY - 0.5).astype(np.float32).T
    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).ravel()
