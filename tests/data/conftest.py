"""Pictures as files, made while the test runs: with Pillow, or chunk by chunk where Pillow cannot write them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def photo():
    """A function of (height, width) and a seed to a smooth RGB picture, in which every pixel is different."""

    def make(size=(24, 32), seed=0):
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)

    return make


@pytest.fixture(scope="session")
def encode(photo):
    """A function to the bytes of a picture file, written by Pillow."""

    def write(picture_format="PNG", mode="RGB", size=(24, 32), seed=0, **options):
        file = io.BytesIO()
        photo(size, seed).convert(mode).save(file, picture_format, **options)
        return file.getvalue()

    return write


@pytest.fixture(scope="session")
def chunk():
    """A function to one PNG chunk: length, type, data, checksum."""

    def write(kind, data, checksum=None):
        checksum = zlib.crc32(kind + data) if checksum is None else checksum
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    return write


@pytest.fixture(scope="session")
def encode_png(chunk):
    """A function of integers (height, width, values in a pixel) and a bit depth to a PNG file."""
    color_types = {1: 0, 2: 4, 3: 2, 4: 6}  # grey, grey and alpha, RGB, RGBA

    def write(pixels, bit_depth, before=b""):
        height, width, depth = pixels.shape
        rows = pixels.astype(">u2" if bit_depth == 16 else "u1").reshape(height, -1)
        header = struct.pack(">IIBBBBB", width, height, bit_depth, color_types[depth], 0, 0, 0)
        data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")

    return write
