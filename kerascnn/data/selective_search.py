"""Selective search: where in a picture there might be something, by putting together what looks alike.

It is part of OpenCV's contrib modules, an optional extra: `pip install "kerascnn[proposals]"`.
"""

from typing import Any, Literal

import cv2
import numpy as np

Mode = Literal["fast", "quality"]

SIGMA = 0.8  # of the smoothing before the first segmentation, in pixels; Felzenszwalb and Huttenlocher's
MISSING = (
    "Selective search is part of OpenCV's contrib modules, and the cv2 that is imported here, {path}, lacks them. "
    'Install them: pip install "kerascnn[proposals]". If they are installed, another package of OpenCV lies over them, '
    "since all provide cv2: pip uninstall opencv-python opencv-python-headless, and then pip install --force-reinstall "
    "opencv-contrib-python-headless."
)


def selective_search(
    image: np.ndarray,
    *,
    mode: Mode = "fast",
    side: int = 320,
    scale: int = 50,
    least_side: float = 16.0,
    max_proposals: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """Propose boxes of what might be things, of any size and kind.

    The picture is cut into small regions of like colour, and the two neighbours that are most alike become one, again
    and again; the box of every region on the way is a proposal. This is done in several colour spaces and with several
    measures of likeness.

    Args:
        image: (H, W, 3) uint8, RGB.
        mode: `fast` takes two colour spaces and two measures: 0.2 s for a picture of 320 pixels. `quality` takes five
            and four, finds twice as many boxes and takes four times as long.
        side: the picture is shrunk so that its longer side has so many pixels, which makes it faster by its square, and
            loses what is small: it takes 1.2 s at 640.
        scale: how large the first regions are: the k of the segmentation, 50 and 100 for 50, as in the paper, whose
            pictures are larger. The smaller, the more proposals.
        least_side: boxes with a shorter side, in pixels of the picture given, are left out.
        max_proposals: so many are given at most.
        seed: decides the order, and so which are left out where there are more.

    Returns:
        (n, 4) float32, x1, y1, x2, y2 in pixels of the picture given, none twice, in an order by chance: OpenCV mixes
        them by random numbers that are others at every call, so they are put in a definite one first. The boxes at the
        beginning are thus spread over all sizes, and any number of them is a fair sample.

    Raises:
        ImportError: where OpenCV has no contrib modules.
        ValueError: for another shape or type, or a setting out of range.

    Reference:
        Uijlings et al. 2013, "Selective Search for Object Recognition", section 3; its ranks are not to be had from
        OpenCV.
    """
    _check(image, mode, side, scale, least_side, max_proposals)
    segmentation = _segmentation()
    height, width = image.shape[:2]
    shrink = min(1.0, side / max(height, width))
    small = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    search = segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(cv2.resize(image[..., ::-1], small[::-1], interpolation=cv2.INTER_AREA))  # BGR
    if mode == "fast":
        search.switchToSelectiveSearchFast(scale, scale, SIGMA)
    else:
        search.switchToSelectiveSearchQuality(scale, scale, SIGMA)
    found = np.unique(np.reshape(search.process(), (-1, 4)), axis=0)  # x, y, width, height, sorted
    corners = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)
    boxes = (corners * (np.array([width, height] * 2) / np.array([*small[::-1]] * 2))).astype(np.float32)
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2] >= least_side).all(axis=1)]
    return boxes[np.random.default_rng(seed).permutation(len(boxes))[:max_proposals]]


def _segmentation() -> Any:
    """Give the module of OpenCV that has selective search."""
    module = getattr(getattr(cv2, "ximgproc", None), "segmentation", None)
    if not hasattr(module, "createSelectiveSearchSegmentation"):
        raise ImportError(MISSING.format(path=cv2.__file__))
    return module


def _check(image: np.ndarray, mode: str, side: int, scale: int, least_side: float, max_proposals: int) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape or image.dtype != np.uint8:
        raise ValueError(
            f"image must be uint8 of the shape (H, W, 3). Received: {image.dtype} of the shape {image.shape}."
        )
    if mode not in ("fast", "quality"):
        raise ValueError(f"mode must be 'fast' or 'quality'. Received: mode={mode!r}.")
    for name, value in {"side": side, "scale": scale, "max_proposals": max_proposals}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1. Received: {name}={value}.")
    if least_side < 0:
        raise ValueError(f"least_side must not be negative. Received: least_side={least_side}.")
