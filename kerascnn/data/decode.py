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
ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
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
        and picture.getexif().get(ORIENTATION, 1) == 1
    )


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
        # The accurate DCT is the one that Pillow's libjpeg uses. This op decodes PNG as well.
        lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"),
        # The function gets bytes from a graph, and an array of no dimension around them in eager mode.
        lambda: tf.numpy_function(
            lambda given: decode_with_pillow(np.asarray(given, object).item()), [data], tf.uint8, stateful=False
        ),
    )
    return tf.ensure_shape(image, (None, None, 3))
