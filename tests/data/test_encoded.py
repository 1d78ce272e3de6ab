"""Decoding a part: the pixels of the whole, for every kind of file and scale, and the same augmented picture."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import decode
from kerascnn.data.augment import compose, mirror, random_crop, rotate, translate, warp
from kerascnn.data.checks import check_picture
from kerascnn.data.decode import Encoded, decode_picture

SEEDS = [tf.constant([number, 0], tf.int64) for number in range(6)]


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
    """Decode parts of small pictures too, which make quick tests."""
    monkeypatch.setattr(decode, "LARGE", 1)


def encoded(data):
    return Encoded(tf.constant(data), tf.constant(check_picture(data).plain))


def part_of(data, low, high, halvings=0):
    part, start, shrunk = encoded(data).part(*(tf.constant(each, tf.int32) for each in (low, high, halvings)))
    return part.numpy().astype(int), start.numpy().tolist(), int(shrunk)


@pytest.mark.parametrize(
    ("picture_format", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "RGBA")]
)
def test_size_and_whole_are_those_of_the_picture(encode, picture_format, mode):
    data = encode(picture_format, mode, size=(37, 53))
    picture = encoded(data)
    assert picture.size.numpy().tolist() == [37, 53]
    np.testing.assert_array_equal(picture.whole(), decode_picture(tf.constant(data), check_picture(data).plain))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize(("low", "high"), [((0, 0), (64, 80)), ((5, 9), (30, 40)), ((63, 79), (64, 80))])
def test_a_part_holds_the_pixels_of_the_whole(encode, subsampling, low, high):
    data = encode("JPEG", size=(64, 80), subsampling=subsampling)
    part, (top, left), shrunk = part_of(data, low, high)
    rows, columns = part.shape[:2]
    assert shrunk == 1 and top <= low[0] and left <= low[1]
    assert top + rows >= high[0] and left + columns >= high[1]
    whole = encoded(data).whole().numpy().astype(int)[top : top + rows, left : left + columns]
    # At the edges of a part the decoder cannot smooth colours over them.
    assert np.abs(part - whole)[1:-1, 1:-1].max(initial=0) <= 1
    assert np.abs(part - whole).max() <= 24


@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_a_part_decoded_smaller_averages_the_pixels(encode, halvings):
    data = encode("JPEG", size=(64, 80), subsampling="4:4:4", quality=95)
    ratio = 2**halvings
    part, start, shrunk = part_of(data, (17, 8), (49, 56), halvings)
    top, left = start
    assert shrunk == ratio and top % ratio == left % ratio == 0
    rows, columns = part.shape[:2]
    whole = encoded(data).whole().numpy().astype(float)
    blocks = whole[top : top + rows * ratio, left : left + columns * ratio].reshape(rows, ratio, columns, ratio, 3)
    assert np.abs(part - blocks.mean((1, 3))).mean() < 2


def test_what_is_no_plain_jpeg_comes_whole(encode):
    picture = encoded(encode("PNG", size=(20, 30)))
    assert not picture.is_large and picture.whole().shape == (20, 30, 3)


@pytest.mark.parametrize(("size", "is_large"), [((384, 512), True), ((383, 512), False)])
def test_small_pictures_are_not_worth_a_part(encode, monkeypatch, size, is_large):
    monkeypatch.undo()
    assert bool(encoded(encode("JPEG", size=size)).is_large) == is_large


@pytest.mark.parametrize("steps", [[random_crop((0.1, 0.3))], [random_crop((0.2, 0.5)), rotate(40), warp(), mirror()]])
@pytest.mark.parametrize("fill", ["reflect", "edge", (1, 2, 3)])
def test_an_augmented_picture_is_the_same_from_its_file(encode, steps, fill):
    data = encode("JPEG", size=(90, 120), subsampling="4:4:4")
    augment = tf.function(compose(*steps, translate(0.4), size=(80, 70), fill=fill))
    whole = encoded(data).whole()
    for seed in SEEDS:
        expected = augment({"image": whole}, seed)["image"].numpy().astype(int)
        found = compose(*steps, translate(0.4), size=(80, 70), fill=fill)({"image": encoded(data)}, seed)["image"]
        difference = np.abs(found.numpy() - expected)
        assert difference.mean() < 0.1 and difference.max() <= 8


def test_a_photo_much_larger_than_the_result_is_decoded_smaller(encode, monkeypatch):
    seen = []
    part = Encoded.part

    def watch(self, low, high, halvings):
        seen.append(int(halvings))
        return part(self, low, high, halvings)

    monkeypatch.setattr(Encoded, "part", watch)
    data = encode("JPEG", size=(256, 256), subsampling="4:4:4")
    smooth = encoded(data).whole().numpy().astype(int)
    for side, halvings in [(128, 0), (64, 1), (32, 2), (16, 3), (8, 3)]:
        image = compose(mirror(0), size=(side, side))({"image": encoded(data)}, SEEDS[0])["image"].numpy().astype(int)
        assert seen[-1] == halvings
        read_by_the_phone = smooth[:: 256 // side, :: 256 // side]
        assert np.abs(image - read_by_the_phone).mean() < 6
