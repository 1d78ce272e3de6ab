"""The sample: one example as a dict, and the check that it keeps the convention.

    image      (H, W, 3)  uint8 or float32  RGB in 0..255
    label      ()         int32             class of the picture
    boxes      (N, 4)     float32           x1, y1, x2, y2 in absolute pixels, edges not centres: a mirror is W - x
    class_ids  (N,)       int32             class of each box, -1 is padding
    proposals  (P, 4)     float32           where there might be something, as boxes; padding is zeros
    mask       (H, W)     int32             class of each pixel, 255 is ignored
    pixel_weights (H, W)  float32           what each pixel of the mask counts in the loss
    landmarks  (K, 2)     float32           x, y in absolute pixels
    visibility (K,)       int32             1 for each landmark that is seen in the picture, 0 for others
    identity   ()         int32             who is in the picture

Every key but `image` is optional. Sizes are always (height, width).
"""

from collections.abc import Mapping

import numpy as np

from kerascnn.ops.pixels import IGNORED

SHAPES = {
    "image": (None, None, 3),
    "label": (),
    "boxes": (None, 4),
    "class_ids": (None,),
    "proposals": (None, 4),
    "mask": (None, None),
    "pixel_weights": (None, None),
    "landmarks": (None, 2),
    "visibility": (None,),
    "identity": (),
}
INTEGERS = ("label", "class_ids", "mask", "visibility", "identity")
FLOATS = ("boxes", "proposals", "pixel_weights", "landmarks")
DERIVED = ("proposals", "pixel_weights")  # keys of what is computed from the rest of a data set
PADDING = -1  # class of a box that is only there to fill a batch

__all__ = ["DERIVED", "FLOATS", "IGNORED", "INTEGERS", "PADDING", "SHAPES", "check_sample"]


def check_sample(sample: Mapping[str, np.ndarray]) -> None:
    """Refuse a sample that breaks the convention above.

    Args:
        sample: arrays, or eager tensors, by key.

    Raises:
        ValueError: for a missing image, an unknown key, a wrong shape or type, pixels outside 0..255, boxes and
            class_ids of different number, a box or a proposal outside the picture or with its corners swapped, or a
            mask, or weights, of another size than the picture.
    """
    arrays = {key: np.asarray(value) for key, value in sample.items()}
    if "image" not in arrays:
        raise ValueError(f"A sample must hold an image. Received the keys {sorted(arrays)}.")
    for key, array in arrays.items():
        _check_array(key, array)
    image = arrays["image"]
    if image.size and not (image.min() >= 0 and image.max() <= 255):  # so written, NaN is refused too
        raise ValueError(f"image must hold RGB in 0..255. Received values from {image.min()} to {image.max()}.")
    for key in arrays.keys() & {"mask", "pixel_weights"}:
        if arrays[key].shape != image.shape[:2]:
            raise ValueError(f"{key} must have the size of the image, {image.shape[:2]}. Received {arrays[key].shape}.")
    if "boxes" in arrays or "class_ids" in arrays:
        _check_boxes(arrays, *image.shape[:2])
    if "proposals" in arrays:
        proposals = arrays["proposals"]
        _check_corners("proposal", proposals[(proposals != 0).any(axis=-1)], *image.shape[:2])


def _check_array(key: str, array: np.ndarray) -> None:
    if key not in SHAPES:
        raise ValueError(f"The keys of a sample are {', '.join(SHAPES)}. Received {key!r}.")
    expected = SHAPES[key]
    fits = len(expected) == array.ndim and all(
        side is None or side == found for side, found in zip(expected, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{key} must have the shape {expected}. Received {array.shape}.")
    if key in INTEGERS and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{key} must be of an integer type. Received {array.dtype}.")
    if key in FLOATS and not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{key} must be of a floating type. Received {array.dtype}.")
    if key == "image" and array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"image must be uint8 or float32. Received {array.dtype}.")


def _check_boxes(arrays: Mapping[str, np.ndarray], height: int, width: int) -> None:
    boxes, class_ids = arrays.get("boxes"), arrays.get("class_ids")
    if boxes is None or class_ids is None or len(boxes) != len(class_ids):
        raise ValueError("boxes and class_ids must come together, one class for each box.")
    _check_corners("box", boxes[class_ids != PADDING], height, width)


def _check_corners(kind: str, boxes: np.ndarray, height: int, width: int) -> None:
    for x1, y1, x2, y2 in boxes:
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            raise ValueError(
                f"A {kind} must be x1 < x2 <= {width} and y1 < y2 <= {height}, from 0, in pixels. "
                f"Received {(x1, y1, x2, y2)}."
            )
