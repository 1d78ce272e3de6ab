"""Masks: how files say the class of each pixel, how they are checked, and how many are held in memory."""

import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from kerascnn.data.checks import UnusableError
from kerascnn.data.sample import IGNORED

MOST_CLASSES = IGNORED  # 0..254
Colors = Mapping[tuple[int, int, int], int]  # from RGB to the class


class PixelMaps(Sequence):
    """Masks, or weights of pixels, held as PNG files in memory, a few per cent of their size, decoded where needed.

    Args:
        encoded: files of one channel, see `encode_pixels`.
        steps: of 16 bits that make a weight of 1; None for the classes of a mask, which have 8 bits.
    """

    def __init__(self, encoded: Sequence[bytes], steps: int | None = None) -> None:
        self.encoded, self.steps = list(encoded), steps

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, index: int) -> np.ndarray:
        """Decode one: (H, W), int32 of a mask, float32 of weights."""
        values = np.asarray(Image.open(io.BytesIO(self.encoded[index])))
        return values.astype(np.int32) if self.steps is None else values.astype(np.float32) / self.steps

    def select(self, indices: Sequence[int]) -> "PixelMaps":
        """Give those at `indices`."""
        return PixelMaps([self.encoded[index] for index in indices], self.steps)

    def as_table(self) -> "PixelTable":
        """Give them to a graph."""
        return PixelTable(self.encoded, self.steps)


class PixelTable:
    """Pixel maps in a graph: `table[index]` is one, as those of `PixelMaps`."""

    def __init__(self, encoded: Sequence[bytes], steps: int | None) -> None:
        self._encoded, self._steps = tf.constant(encoded, tf.string, shape=(len(encoded),)), steps

    def __getitem__(self, index: tf.Tensor) -> tf.Tensor:
        dtype = tf.uint8 if self._steps is None else tf.uint16
        values = tf.io.decode_png(self._encoded[index], channels=1, dtype=dtype)[..., 0]
        return tf.cast(values, tf.int32) if self._steps is None else tf.cast(values, tf.float32) / self._steps


def encode_pixels(values: np.ndarray) -> bytes:
    """Compress numbers of pixels, (H, W) uint8 or uint16, to a PNG file."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", compress_level=1)
    return file.getvalue()


def read_mask(data: bytes, colors: Colors | None = None) -> np.ndarray:
    """Read the classes of pixels from a picture file.

    Of a picture with a palette, the classes are the indices, whatever the colours; of a grey one its values.

    Args:
        data: the bytes of the file.
        colors: the class of each colour, of coloured pictures.

    Returns:
        (H, W) uint8; 255 is ignored.

    Raises:
        UnusableError: for what is no picture, values over 255, and colours that are not known.
    """
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except Exception as error:  # Pillow's plugins raise whatever a damaged header makes them raise
        raise UnusableError(f"mask is not a picture: {error}") from error
    if picture.mode == "1":
        return np.asarray(picture).astype(np.uint8)
    values = np.asarray(picture if picture.mode in ("P", "L") or picture.mode.startswith("I") else _as_rgb(picture))
    return as_classes(values) if values.ndim == 2 else _classes_of_colors(values, colors)


def as_classes(values: np.ndarray) -> np.ndarray:
    """Give the values of a mask, whole numbers, as uint8.

    Raises:
        UnusableError: for values over 255, or below 0.
    """
    if values.size and values.max() > IGNORED:
        raise UnusableError(f"mask has values over 255, such as {values.max()}")
    if values.size and values.min() < 0:
        raise UnusableError(f"mask has values below 0, such as {values.min()}")
    return values.astype(np.uint8)


def check_size(mask: np.ndarray, size: tuple[int, int]) -> None:
    """Refuse a mask that does not belong to a picture of (height, width).

    Raises:
        UnusableError: with the reason.
    """
    if mask.shape != tuple(size):
        (height, width), (own_height, own_width) = size, mask.shape
        raise UnusableError(
            f"mask of another size: it has {own_height} x {own_width} pixels, the picture {height} x {width}"
        )


def find_unknown(values: np.ndarray, num_classes: int) -> str:
    """Say which of the values of a mask is none of so many classes; nothing where all are."""
    wrong = values[(values >= num_classes) & (values != IGNORED)]
    if not len(wrong):
        return ""
    return f"mask of other classes: it has the value {wrong[0]}, and {num_classes} classes are 0 to {num_classes - 1}"


def name_classes(place: str, names: Sequence[str], values: np.ndarray, remedy: str) -> tuple[str, ...]:
    """Give the names of the classes, or the numbers up to the largest.

    Args:
        place: where the masks are from, for messages.
        names: of the classes; none where they have none.
        values: all that are in the masks, sorted.
        remedy: what to say where 255 is meant as a class.

    Raises:
        ValueError: for masks of 0 and 255 only, and names that are too many or not different.
    """
    if set(values.tolist()) == {0, IGNORED}:
        raise ValueError(
            f"The masks of {place} hold 0 and 255 only, and 255 stands for pixels to be ignored, so that all others "
            f"would be of one class. If 255 is a class here, {remedy}, which reads it as 1."
        )
    if not names:
        return number_classes([values])
    if len(names) > MOST_CLASSES or len(set(names)) != len(names):
        raise ValueError(f"{place} must name up to {MOST_CLASSES} different classes. Received: {len(names)} names.")
    return tuple(names)


def number_classes(masks: Iterable[np.ndarray]) -> tuple[str, ...]:
    """Name classes by their numbers, up to the largest in some masks: at least two."""
    largest = [int(mask[mask != IGNORED].max(initial=0)) for mask in masks]
    return tuple(str(number) for number in range(max(1, *largest, 0) + 1))


def _as_rgb(picture: Image.Image) -> Image.Image:
    """Give a coloured picture as RGB, and a grey one with transparency as grey."""
    return picture.convert("L" if picture.mode in ("LA", "La") else "RGB")


def _classes_of_colors(values: np.ndarray, colors: Colors | None) -> np.ndarray:
    if not colors:
        if (values == values[..., :1]).all():  # grey, stored as RGB
            return values[..., 0]
        raise UnusableError(
            "mask in colours: put a file colors.csv with the lines name,red,green,blue beside the folders"
        )
    codes = values.astype(np.int32) @ (1 << 16, 1 << 8, 1)
    known = {(red << 16) + (green << 8) + blue: class_id for (red, green, blue), class_id in colors.items()}
    found, places = np.unique(codes, return_inverse=True)
    unknown = [code for code in found.tolist() if code not in known]
    if unknown:
        red, green, blue = unknown[0] >> 16, unknown[0] >> 8 & 255, unknown[0] & 255
        raise UnusableError(f"mask of other colours: it has {red}, {green}, {blue}, which stands for no class")
    return np.array([known[code] for code in found.tolist()], np.uint8)[places].reshape(values.shape[:2])
