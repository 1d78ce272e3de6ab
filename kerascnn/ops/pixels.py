"""What losses and metrics of masks share: which pixels count, and how well two masks cover each other."""

import keras
from keras import ops

Tensor = keras.KerasTensor

IGNORED = 255  # class of a pixel that no loss and no metric counts


def split_targets(targets: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
    """Part the classes of pixels from their weights.

    Args:
        targets: (B, H, W) classes, or (B, H, W, 2), classes and weights.
        outputs: (B, H, W, C) of the same pictures.

    Returns:
        (B, H, W) int32; and (B, H, W) of the outputs' type, or None.

    Raises:
        ValueError: for shapes that do not belong together.
    """
    shape, expected = tuple(targets.shape), tuple(outputs.shape[:3])
    fits = len(outputs.shape) == 4 and (len(shape) == 3 or (len(shape) == 4 and shape[-1] == 2))
    if not fits or any(None not in pair and pair[0] != pair[1] for pair in zip(shape[:3], expected, strict=True)):
        raise ValueError(
            "The targets must be (B, H, W) or (B, H, W, 2), and the outputs (B, H, W, classes) of the same height and "
            f"width. Received: the shapes {shape} and {tuple(outputs.shape)}."
        )
    if len(shape) == 3:
        return ops.cast(targets, "int32"), None
    return ops.cast(targets[..., 0], "int32"), ops.cast(targets[..., 1], outputs.dtype)


def one_hot_pixels(class_ids: Tensor, num_classes: int, dtype: str) -> tuple[Tensor, Tensor]:
    """Spread the classes of pixels.

    Args:
        class_ids: (B, H, W) integers.
        num_classes: C.
        dtype: of what is given.

    Returns:
        (B, H, W, C) of 0 and 1, all 0 where a pixel is ignored; and (B, H, W), 1 where it is not.
    """
    counted = class_ids != IGNORED
    known = ops.where(counted, class_ids, -1)  # one_hot gives zeros for a class that is none
    return ops.one_hot(known, num_classes, dtype=dtype), ops.cast(counted, dtype)


def count_dice(targets: Tensor, outputs: Tensor) -> Tensor:
    """Compute the mean Dice coefficient, 2 |A and B| / (|A| + |B|), of the classes that the targets have.

    Args:
        targets: (B, H, W, C) of 0 and 1.
        outputs: (B, H, W, C) in 0..1, and 0 where pixels are ignored.

    Returns:
        (B,); 1 for a picture without a class.
    """
    both = ops.sum(targets * outputs, axis=(1, 2))
    sizes = ops.sum(targets, axis=(1, 2))
    present = ops.cast(sizes > 0, outputs.dtype)
    dice = 2 * both / ops.maximum(sizes + ops.sum(outputs, axis=(1, 2)), keras.config.epsilon())
    number = ops.sum(present, axis=-1)
    return ops.where(number > 0, ops.sum(present * dice, axis=-1) / ops.maximum(number, 1), 1.0)
