"""Bytes of a picture file to RGB pixels, the way Pillow sees them: upright, first frame, no alpha.

TensorFlow's decoder is the fast way and gives the same pixels for the plain cases, which are most: 8-bit grey or RGB in
JPEG and PNG, stored upright. Everything else (EXIF orientation, CMYK, palettes, alpha, 16 bits, GIF, WebP, TIFF, BMP)
goes through Pillow.
"""

import io

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

# MPO, what many phones write, is opened as JPEG and has no entry of its own in Pillow: naming it here is a KeyError.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
PLAIN_FORMATS = ("JPEG", "PNG")
PLAIN_MODES = ("L", "RGB")
ORIENTATION = 0x0112  # the EXIF tag
UPRIGHT = 1
SIDEWAYS = (5, 6, 7, 8)  # rows are stored as columns
JPEG_START = b"\xff\xd8"
RATIOS = (1, 2, 4, 8)  # at which libjpeg can decode
LARGE = 512 * 384  # pixels; of smaller pictures, a part takes as long to decode as the whole
WORTH_CUTTING = 0.7  # share of a picture from which on decoding all of it is as fast
UNSCALED_MODES = ("I", "F")  # 32 bits a pixel, integers or floats


def open_picture(data: bytes) -> Image.Image:
    """Open a picture without decoding its pixels.

    Raises:
        OSError: if the bytes are not a picture of one of `FORMATS`.
    """
    return Image.open(io.BytesIO(data), formats=FORMATS)


def is_plain(picture: Image.Image) -> bool:
    """Tell whether TensorFlow's decoder gives the pixels that Pillow gives."""
    return (
        picture.format in PLAIN_FORMATS
        and picture.mode in PLAIN_MODES
        and "transparency" not in picture.info
        and read_orientation(picture) == UPRIGHT
    )


def read_orientation(picture: Image.Image) -> int:
    """Read EXIF's number for how the picture is stored."""
    return picture.getexif().get(ORIENTATION, UPRIGHT)


def decode_with_pillow(data: bytes) -> np.ndarray:
    """Decode a picture with Pillow.

    Args:
        data: the bytes of the file.

    Returns:
        (H, W, 3) uint8 RGB: turned as its EXIF orientation says, first frame, without alpha. 16-bit colour keeps its
        high byte, as Pillow does; so does 16-bit grey, which Pillow's own conversion would clip to white.

    Raises:
        OSError: if the bytes are not a picture, end too early, or hold 32 bits a pixel, of which nobody can tell what
            is white.
    """
    with open_picture(data) as picture:
        if picture.mode in UNSCALED_MODES:
            raise OSError("32 bits a pixel, and no telling which value is white")
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I;16"):
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        return np.array(upright.convert("RGB"))


def decode_picture(data: tf.Tensor, plain: tf.Tensor) -> tf.Tensor:
    """Decode a picture, in a graph or eagerly.

    Args:
        data: (), string, the bytes of the file.
        plain: (), bool, what `is_plain` said of it.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    image = tf.cond(
        plain,
        lambda: _decode_jpeg(data),  # this op decodes PNG as well
        # The function gets bytes from a graph, and an array of no dimension around them in eager mode.
        lambda: tf.numpy_function(
            lambda given: decode_with_pillow(np.asarray(given, object).item()), [data], tf.uint8, stateful=False
        ),
    )
    return tf.ensure_shape(image, (None, None, 3))


class Encoded:
    """A picture in its file, whose size is known and of which a part can be decoded.

    A large plain JPEG is decoded where it is needed, at a scale of 1/1 to 1/8, which saves up to three quarters of the
    time for photos of a camera's size. Everything else is decoded whole.

    Attributes:
        size: (2,) int32, height and width.
        is_large: (), bool, whether there is anything to be saved.
    """

    def __init__(self, data: tf.Tensor, plain: tf.Tensor) -> None:
        self._data = data
        is_jpeg = plain & (tf.strings.substr(data, 0, len(JPEG_START)) == JPEG_START)
        size = tf.cond(is_jpeg, lambda: tf.image.extract_jpeg_shape(data)[:2], lambda: tf.zeros(2, tf.int32))
        self.is_large = tf.reduce_prod(size) >= LARGE
        self._whole, self.size = tf.cond(
            self.is_large, lambda: (tf.zeros((0, 0, 3), tf.uint8), size), lambda: self._decode(plain)
        )

    def part(self, low: tf.Tensor, high: tf.Tensor, halvings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Decode at least a part of a large picture.

        Args:
            low: (2,) int32, first row and column that is needed.
            high: (2,) int32, the row and column after the last.
            halvings: (), int32, how often the sides may be halved: 0 to 3.

        Returns:
            The part, (H, W, 3) uint8; its first row and column, (2,) int32, in pixels of the picture; and how many of
            the picture's pixels became one, (), int32.
        """
        share = tf.reduce_prod(tf.cast(high - low, tf.float32)) / tf.reduce_prod(tf.cast(self.size, tf.float32))
        shrink = tf.bitwise.left_shift(1, halvings)

        def cut() -> tuple[tf.Tensor, tf.Tensor]:
            first = low // shrink
            window = tf.concat([first, (high + shrink - 1) // shrink - first], axis=0)
            branches = [lambda ratio=ratio: _decode_jpeg(self._data, window, ratio) for ratio in RATIOS]
            return tf.switch_case(halvings, branches), first * shrink

        part, start = tf.cond(
            (share < WORTH_CUTTING) | (halvings > 0), cut, lambda: (_decode_jpeg(self._data), tf.zeros(2, tf.int32))
        )
        return tf.ensure_shape(part, (None, None, 3)), start, shrink

    def whole(self) -> tf.Tensor:
        """Decode all of it: (H, W, 3) uint8."""
        image = tf.cond(self.is_large, lambda: _decode_jpeg(self._data), lambda: self._whole)
        return tf.ensure_shape(image, (None, None, 3))

    def _decode(self, plain: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = decode_picture(self._data, plain)
        return image, tf.shape(image)[:2]


def _decode_jpeg(data: tf.Tensor, window: tf.Tensor | None = None, ratio: int = 1) -> tf.Tensor:
    # The accurate DCT is the one that Pillow's libjpeg uses.
    options = {"channels": 3, "ratio": ratio, "dct_method": "INTEGER_ACCURATE"}
    if window is None:
        return tf.io.decode_jpeg(data, **options)
    return tf.io.decode_and_crop_jpeg(data, window, **options)
