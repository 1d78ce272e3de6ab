"""Pictures of any size in tiles, against a network that only looks at each pixel."""

import numpy as np
import pytest

from kerascnn.tasks import Segmenter
from kerascnn.tasks.segmenter import _starts

CLASSES = ("dark", "middle", "bright")


def by_brightness(pictures):
    """A network without a neighbourhood: nobody can see where its tiles end."""
    share = pictures.mean(axis=-1) / 255
    scores = np.stack([1 - share, np.full_like(share, 0.4), share], axis=-1)
    return {"probabilities": (scores / scores.sum(axis=-1, keepdims=True)).astype(np.float32)}


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(16, 24), (40, 50), (17, 24), (5, 90), (1, 1), (3, 1)])
@pytest.mark.parametrize("options", [{}, {"overlap": 0.0}, {"overlap": 0.9}, {"mirrored": True}])
def test_tiles_give_what_the_whole_would(size, options):
    picture = noise(*size)
    found = Segmenter(CLASSES, (16, 24), by_brightness, tiled=True, **options).segment(picture)
    expected = by_brightness(picture[np.newaxis])["probabilities"][0]
    np.testing.assert_array_equal(found.class_ids, expected.argmax(axis=-1))
    np.testing.assert_allclose(found.confidence, expected.max(axis=-1), atol=1e-6)
    assert found.classes == CLASSES and found.class_ids.dtype == np.int32


def test_neighbouring_tiles_overlap_as_much_as_they_should():
    seen = []

    def count(pictures):
        seen.append(len(pictures))
        return by_brightness(pictures)

    Segmenter(CLASSES, (16, 16), count, tiled=True, overlap=0.5).segment(noise(32, 40))
    assert sum(seen) == 3 * 4 and max(seen) <= 8


def test_an_overlap_is_rounded_up():
    assert _starts(20, 10, 0.25) == [0, 5, 10]  # 2 and a half pixels are 3, so that two tiles would not do
    assert _starts(17, 10, 0.25) == [0, 7]


def test_near_its_middle_a_tile_counts_more():
    """Tiles that say how far to the left they see: what comes out rises from tile to tile, without a step."""

    def by_column(pictures):
        ramp = np.linspace(0, 1, pictures.shape[2], dtype=np.float32)[np.newaxis, np.newaxis, :, np.newaxis]
        right = np.broadcast_to(ramp, (*pictures.shape[:3], 1))
        return {"probabilities": np.concatenate([1 - right, right], axis=-1)}

    found = Segmenter(("left", "right"), (8, 20), by_column, tiled=True, overlap=0.5).segment(noise(8, 30))
    right = np.where(found.class_ids == 1, found.confidence, 1 - found.confidence)
    assert np.abs(np.diff(right[0])).max() < 0.1


def test_a_stretched_picture_is_answered_in_its_own_size():
    picture = np.zeros((30, 60, 3), np.uint8)
    picture[:, 30:] = 255
    found = Segmenter(CLASSES, (10, 20), by_brightness).segment(picture)
    assert found.class_ids.shape == (30, 60)
    assert (found.class_ids[:, :27] == 0).all() and (found.class_ids[:, 33:] == 2).all()


def test_a_mirrored_picture_is_mirrored_back():
    def left_is_bright(pictures):
        scores = np.zeros((*pictures.shape[:3], 3), np.float32)
        scores[:, :, : pictures.shape[2] // 2, 2] = 1
        scores[:, :, pictures.shape[2] // 2 :, 0] = 1
        return {"probabilities": scores}

    found = Segmenter(CLASSES, (4, 8), left_is_bright, mirrored=True).segment(noise(4, 8))
    np.testing.assert_array_equal(found.confidence, 0.5)


def test_what_is_no_picture_is_refused():
    segmenter = Segmenter(CLASSES, (16, 24), by_brightness)
    for shape in ((4, 4), (4, 4, 1), (0, 4, 3)):
        with pytest.raises(ValueError, match="must be"):
            segmenter.segment(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="overlap must lie"):
        Segmenter(CLASSES, (16, 24), by_brightness, overlap=1.0)
