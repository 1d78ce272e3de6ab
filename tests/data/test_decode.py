"""Decoding: the pixels are Pillow's own, bit for bit, whichever decoder reads them."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kerascnn.data.checks import check_picture
from kerascnn.data.decode import decode_picture, decode_with_pillow, is_plain, open_picture

ORIENTATION = 0x0112
SIZES = [(1, 1), (17, 31), (16, 16), (2, 3)]


def pillow_pixels(data):
    """What Pillow says of the first frame: the source of truth here."""
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def decode_eagerly(data):
    return decode_picture(tf.constant(data), tf.constant(check_picture(data).plain)).numpy()


def decode_mapped(*files):
    plain = [check_picture(data).plain for data in files]
    dataset = tf.data.Dataset.from_tensor_slices((list(files), plain)).map(decode_picture)
    assert dataset.element_spec == tf.TensorSpec((None, None, 3), tf.uint8)
    return list(dataset.as_numpy_iterator())


def assert_decodes_to(data, expected):
    assert expected.ndim == 3 and expected.dtype == np.uint8
    np.testing.assert_array_equal(decode_eagerly(data), expected)
    np.testing.assert_array_equal(decode_mapped(data)[0], expected)


def assert_decode_as_with_pillow(files):
    for data, mapped in zip(files, decode_mapped(*files), strict=True):
        np.testing.assert_array_equal(mapped, pillow_pixels(data))
        np.testing.assert_array_equal(decode_eagerly(data), pillow_pixels(data))


def with_orientation(value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("progressive", [False, True])
def test_plain_jpeg_is_read_by_tensorflow_and_equals_pillow(encode, subsampling, progressive):
    options = {"subsampling": subsampling, "progressive": progressive, "quality": 85}
    files = [encode("JPEG", size=size, **options) for size in SIZES]
    assert all(is_plain(open_picture(data)) for data in files)
    assert_decode_as_with_pillow(files)


@pytest.mark.parametrize(
    ("picture_format", "mode", "options"),
    [
        ("JPEG", "L", {}),
        ("JPEG", "L", {"progressive": True}),
        ("JPEG", "RGB", {"keep_rgb": True}),
        ("JPEG", "RGB", {"exif": with_orientation(1)}),
        ("PNG", "L", {}),
        ("PNG", "RGB", {}),
        ("PNG", "RGB", {"dpi": (300, 300)}),
    ],
)
def test_other_plain_pictures_are_read_by_tensorflow_and_equal_pillow(encode, picture_format, mode, options):
    files = [encode(picture_format, mode, size, **options) for size in SIZES]
    assert all(is_plain(open_picture(data)) for data in files)
    assert_decode_as_with_pillow(files)


@pytest.mark.parametrize(
    ("picture_format", "mode", "options"),
    [
        ("PNG", "1", {}),
        ("PNG", "P", {}),
        ("PNG", "P", {"transparency": 3}),
        ("PNG", "P", {"transparency": bytes(range(256))}),
        ("PNG", "P", {"bits": 4}),
        ("PNG", "L", {"transparency": 40}),
        ("PNG", "RGB", {"transparency": (1, 2, 3)}),
        ("PNG", "LA", {}),
        ("PNG", "RGBA", {}),
        ("JPEG", "CMYK", {}),  # Pillow writes it with Adobe's marker, inverted
        ("GIF", "P", {}),
        ("GIF", "L", {}),
        ("BMP", "RGB", {}),
        ("BMP", "L", {}),
        ("BMP", "1", {}),
        ("BMP", "RGBA", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("TIFF", "RGB", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "CMYK", {}),
        ("TIFF", "P", {}),
        ("TIFF", "1", {}),
    ],
)
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_every_other_mode_equals_pillow(encode, picture_format, mode, options):
    files = [encode(picture_format, mode, size, **options) for size in SIZES]
    assert not any(is_plain(open_picture(data)) for data in files)
    assert_decode_as_with_pillow(files)


def test_alpha_is_dropped_and_not_blended():
    pixels = np.array([[[10, 20, 30, 0], [40, 50, 60, 255]]], np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert_decodes_to(file.getvalue(), pixels[..., :3])


def test_ycck_jpeg_equals_pillow(encode):
    # Pillow writes CMYK with an Adobe marker of transform 0; 2 says that the same four components are YCCK.
    data = encode("JPEG", "CMYK")
    marker = data.index(b"Adobe")
    ycck = data[: marker + 11] + b"\2" + data[marker + 12 :]
    assert ycck != data
    assert not np.array_equal(pillow_pixels(ycck), pillow_pixels(data))
    assert_decodes_to(ycck, pillow_pixels(ycck))


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_all_eight_exif_orientations_are_applied(encode, picture_format):
    files = [encode(picture_format, size=(5, 8), exif=with_orientation(value)) for value in range(1, 9)]
    assert [decode_eagerly(data).shape for data in files] == [(5, 8, 3)] * 4 + [(8, 5, 3)] * 4
    assert_decode_as_with_pillow(files)


def test_orientation_six_turns_the_left_column_to_the_top_row():
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    file = io.BytesIO()
    Image.fromarray(stored).save(file, "PNG", exif=with_orientation(6))
    assert_decodes_to(file.getvalue(), np.stack([stored[::-1, column] for column in range(3)]))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_impossible_orientation_leaves_the_picture_as_stored(encode, orientation):
    data = encode("JPEG", exif=with_orientation(orientation))
    assert_decodes_to(data, decode_eagerly(encode("JPEG")))


@pytest.mark.parametrize("values", [1, 2, 3, 4])
def test_16_bit_png_keeps_its_high_byte(encode_png, values):
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 7, values))
    colour = pixels[..., :1].repeat(3, -1) if values < 3 else pixels[..., :3]
    assert_decodes_to(encode_png(pixels, 16), (colour // 256).astype(np.uint8))


@pytest.mark.parametrize("orientation", [1, 6])
def test_16_bit_grey_tiff_keeps_its_high_byte(orientation):
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 7)).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF", exif=with_orientation(orientation))
    upright = pixels if orientation == 1 else pixels[::-1].T
    assert_decodes_to(file.getvalue(), (upright // 256).astype(np.uint8)[..., None].repeat(3, -1))


def test_16_bit_big_endian_tiff_keeps_its_high_byte():
    pixels = np.arange(0, 65536, 5041, dtype=np.uint16)[:12].reshape(3, 4)
    fields = [(256, 4), (257, 3), (258, 16), (259, 1), (262, 1), (273, 8 + 2 + 8 * 12 + 4), (278, 3), (279, 24)]
    entries = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in fields)
    data = b"MM\0*\0\0\0\x08" + struct.pack(">H", len(fields)) + entries + bytes(4) + pixels.astype(">u2").tobytes()
    assert_decodes_to(data, (pixels // 256).astype(np.uint8)[..., None].repeat(3, -1))


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_32_bits_a_pixel_are_refused_because_white_is_unknown(dtype):
    file = io.BytesIO()
    Image.fromarray(np.ones((3, 4), dtype)).save(file, "TIFF")
    with pytest.raises(OSError, match="32 bits"):
        decode_with_pillow(file.getvalue())


@pytest.mark.parametrize("gamma", [22000, 45455, 100000])
@pytest.mark.parametrize("values", [1, 3])
def test_gamma_of_a_png_is_ignored(encode_png, chunk, gamma, values):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, values))
    data = encode_png(pixels, 8, before=chunk(b"gAMA", struct.pack(">I", gamma)))
    assert_decodes_to(data, np.broadcast_to(pixels, (5, 7, 3)).astype(np.uint8))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_png_of_few_bits_is_stretched_to_255(chunk, encode_png, bits):
    # One row whose bytes hold 8 / bits pixels each; the highest value is white.
    whole = encode_png(np.array([[[0b00011011], [0b11100100]]]), 8)
    width = 2 * 8 // bits
    header = struct.pack(">IIBBBBB", width, 1, bits, 0, 0, 0, 0)
    data = whole[:8] + chunk(b"IHDR", header) + whole[8 + 25 :]
    packed = "".join(f"{value:08b}" for value in (0b00011011, 0b11100100))
    values = [int(packed[start : start + bits], 2) for start in range(0, 16, bits)]
    expected = np.array(values) * 255 // (2**bits - 1)
    assert_decodes_to(data, expected.astype(np.uint8)[None, :, None].repeat(3, -1))


@pytest.mark.parametrize("picture_format", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_first_frame_of_many_is_taken(photo, picture_format):
    frames = [photo(seed=seed) for seed in range(3)]
    options = {"lossless": True} if picture_format == "WEBP" else {}
    file = io.BytesIO()
    frames[0].save(file, picture_format, save_all=True, append_images=frames[1:], **options)
    data = file.getvalue()
    assert open_picture(data).n_frames == 3
    assert_decodes_to(data, pillow_pixels(data))
    lossy = 0 if picture_format in ("PNG", "WEBP", "TIFF") else 40
    assert np.abs(decode_eagerly(data).astype(int) - np.asarray(frames[0])).mean() <= lossy / 4


def test_plain_and_other_pictures_do_not_mix_in_one_data_set(encode):
    assert_decode_as_with_pillow([encode("JPEG", size=(4, 6)), encode("GIF", size=(7, 5)), encode("PNG", "RGBA")])


@pytest.mark.parametrize("data", [b"", b"\xff", b"GIF89a", b"not a picture", bytes(100)])
def test_what_is_no_picture_is_an_os_error(data):
    with pytest.raises(OSError):
        decode_with_pillow(data)


def test_a_format_that_is_not_listed_is_an_os_error(encode):
    for picture_format in ("ICO", "PPM", "TGA", "JPEG2000", "AVIF"):
        with pytest.raises(OSError):
            open_picture(encode(picture_format))
