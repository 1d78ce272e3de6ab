"""Sliding windows: how far apart those of a network lie, where they lie in a picture, and the pyramid of its sizes.

What scores them is in `kerascnn.architectures.fully_convolutional` and `kerascnn.tasks.sliding_window`. Everything here
is in plain numbers and NumPy, but for `interpolate`; sizes, strides and scales are pairs (height, width).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from kerascnn.ops.describe import describe

Size = tuple[int, int]


@dataclass(frozen=True)
class WindowGeometry:
    """Where the windows of a fully convolutional network lie, and what their scores depend on. Pairs: (height, width).

    Attributes:
        size: of a window, which is the input of the classifier, in pixels.
        stride: pixels between two neighbouring windows.
        before: pixels that the network looks at before a window's first one, because it pads there; minus the number
            of pixels that it leaves out.
        after: the same after the last one.
    """

    size: Size
    stride: Size
    before: Size
    after: Size

    @property
    def exact(self) -> bool:
        """Whether the score of a window inside a picture is that of the crop: true where no window sees padding.

        With padding the classifier sees zeros around a crop, and inside a picture it sees the neighbours' pixels: on
        blood smears, a MobileNetV2 that was trained on crops of 64 pixels answered 5 to 14 windows of a hundred
        otherwise than their crops, in the middle of a picture as near its border.
        """
        return max(*self.before, *self.after) <= 0


def window_geometry(model: keras.Model) -> WindowGeometry:
    """Compute the windows of a classifier that is made fully convolutional.

    Args:
        model: the classifier, of pictures (B, H, W, C) of a fixed size; not the fully convolutional network itself.

    Raises:
        ValueError: for a model that `describe` refuses.

    Example:
        >>> window_geometry(lenet5((32, 32, 3), 4))
        WindowGeometry(size=(32, 32), stride=(4, 4), before=(0, 0), after=(0, 0))

    Reference:
        Sermanet et al. 2014, arXiv:1312.6229, section 3.5; see `ReceptiveField` for the arithmetic.
    """
    size = tuple(model.input_shape[1:3])
    *_, last = (row for row in describe(model).rows if row.stride is not None)  # what the head flattens or pools
    ends = (
        start + (units - 1) * stride + field
        for start, units, stride, field in zip(
            last.start, last.output_shape[:2], last.stride, last.receptive_field, strict=True
        )
    )
    return WindowGeometry(
        size=size,
        stride=last.stride,
        before=tuple(-start for start in last.start),
        after=tuple(end - side for end, side in zip(ends, size, strict=True)),
    )


def count_windows(image_size: Size, window: Size, stride: Size) -> Size:
    """Count the windows inside a picture: (rows, columns), 0 where the picture is smaller than one."""
    return tuple(
        max(0, (side - extent) // step + 1) for side, extent, step in zip(image_size, window, stride, strict=True)
    )


def window_boxes(
    image_size: Size, window: Size, stride: Size, *, scale: tuple[float, float] = (1.0, 1.0)
) -> np.ndarray:
    """Compute the boxes of the windows inside a picture, row by row.

    Args:
        image_size: of the picture in which the windows lie, such as a level of a pyramid.
        window: size of a window.
        stride: pixels between two neighbouring windows.
        scale: of that picture: how many of its pixels one of the original picture became.

    Returns:
        (rows * columns, 4) float32, x1, y1, x2, y2 in pixels of the original picture, edges not centres.
    """
    rows, columns = count_windows(image_size, window, stride)
    y, x = np.meshgrid(np.arange(rows) * stride[0], np.arange(columns) * stride[1], indexing="ij")
    corners = np.stack([x, y, x + window[1], y + window[0]], axis=-1).reshape(-1, 4)
    return (corners / np.array([scale[1], scale[0]] * 2)).astype("float32")


def pyramid_sizes(image_size: Size, window: Size, stride: Size, scales: Sequence[float]) -> list[Size]:
    """Compute the sizes of a pyramid in which a whole number of windows fits, so that no pixel is left out.

    Each side is rounded to the nearest such size, which stretches it by at most half a stride. A scale at which the
    picture would have to be stretched more, because it is smaller than a window, is left out.

    Args:
        image_size: of the picture.
        window: size of a window.
        stride: pixels between two neighbouring windows.
        scales: of the levels, positive: 0.5 is half of the height and width, where a window sees twice as much.

    Returns:
        The sizes, in the order of the scales, each once.

    Raises:
        ValueError: for no scales, one that is not positive, or a picture that is too small at all of them.

    Example:
        >>> pyramid_sizes((480, 640), (32, 32), (4, 4), (1.0, 0.33))
        [(480, 640), (160, 212)]
    """
    if not scales or min(scales) <= 0:
        raise ValueError(f"scales must be positive, at least one. Received: scales={tuple(scales)}.")
    sizes = []
    for scale in scales:
        sides = zip(image_size, window, stride, strict=True)
        steps = [(round((side * scale - extent) / step), extent, step) for side, extent, step in sides]
        if min(step[0] for step in steps) >= 0:
            sizes.append(tuple(extent + count * step for count, extent, step in steps))
    if not sizes:
        raise ValueError(
            f"The picture must be about as large as a window, {window[0]} x {window[1]} pixels, at one of the scales; "
            f"give a larger scale. Received: a picture of {image_size[0]} x {image_size[1]}, scales={tuple(scales)}."
        )
    return list(dict.fromkeys(sizes))


def resize(image: np.ndarray, size: Size) -> np.ndarray:
    """Stretch a picture to a size, with the first pixel held in place, as `kerascnn.data.resize` does for training.

    Output pixel i reads at i * scale, so a window of the result is what a crop of the picture would be stretched to.

    Args:
        image: (H, W, C), in 0..255.
        size: (height, width).

    Returns:
        (height, width, C) uint8.
    """
    if image.dtype == np.uint8 and image.shape[:2] == tuple(size):
        return image
    resized = image
    for axis, after in enumerate(size):
        positions = source_positions(image.shape[axis], after)
        low, high = (whole(positions).astype(np.intp) for whole in (np.floor, np.ceil))
        share = (positions - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        resized = resized.take(low, axis) * (1 - share) + resized.take(high, axis) * share
    return np.clip(np.round(resized), 0, 255).astype(np.uint8)


def source_positions(before: int, after: int) -> np.ndarray:
    """Compute where a side of so many pixels is read when it is stretched to another number of them.

    Args:
        before: pixels of the picture's side.
        after: pixels of the stretched side.

    Returns:
        (after,) float32, from 0 to at most the last pixel, `before - 1`.
    """
    positions = np.arange(after, dtype=np.float32) * np.float32(before / after)
    return np.minimum(positions, np.float32(before - 1))


def interpolate(images: keras.KerasTensor, rows: keras.KerasTensor, columns: keras.KerasTensor) -> keras.KerasTensor:
    """Stretch pictures as `resize` does, in `keras.ops`: compiled once, it stretches any size to any other.

    Args:
        images: (B, H, W, C), in 0..255.
        rows: (h,) float32, of `source_positions`.
        columns: (w,) float32, likewise.

    Returns:
        (B, h, w, C) float32, whole numbers in 0..255. Where a pixel lies just between two numbers, `resize` may have
        the other one.
    """
    return ops.clip(ops.round(sample_bilinearly(images, rows, columns)), 0, 255)


def sample_bilinearly(
    maps: keras.KerasTensor, rows: keras.KerasTensor, columns: keras.KerasTensor
) -> keras.KerasTensor:
    """Read maps at the crossings of rows and columns.

    Args:
        maps: (B, H, W, C).
        rows: (h,) float32, from 0 to H - 1, of `source_positions`.
        columns: (w,) float32, likewise.

    Returns:
        (B, h, w, C) float32.
    """
    x = ops.cast(maps, "float32")
    for axis, positions in ((1, rows), (2, columns)):
        low, high = (ops.cast(whole(positions), "int32") for whole in (ops.floor, ops.ceil))
        share = ops.reshape(positions - ops.floor(positions), (-1, 1, 1) if axis == 1 else (-1, 1))
        x = ops.take(x, low, axis=axis) * (1 - share) + ops.take(x, high, axis=axis) * share
    return x
