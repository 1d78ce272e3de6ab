"""U-Net's weights of pixels, against the paper's formula by loops; and what they do in a pipeline."""

import numpy as np
import pytest
from PIL import Image

from kerascnn.data import border_weights, mirror, open_source, pipeline, with_border_weights
from kerascnn.tasks import segmentation

# Three cells: two that a border of one pixel parts, which touch at no side, and one alone.
MASK = np.zeros((9, 12), np.int32)
MASK[1:5, 0:4], MASK[1:5, 5:8], MASK[7:9, 10:12] = 1, 1, 2
MASK[0, 11] = 255


def weigh_by_loop(mask, pieces, weight, sigma):
    """Equation 2, from the distances to every pixel of every cell."""
    found = np.ones(mask.shape)
    for y, x in np.argwhere(mask == 0):
        distances = sorted(np.hypot(*(np.argwhere(piece) - (y, x)).T).min() for piece in pieces)
        found[y, x] += weight * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return found


@pytest.mark.parametrize("options", [{"weight": 10.0, "sigma": 5.0}, {"weight": 3.0, "sigma": 1.0}])
def test_is_equation_2_of_the_paper(options):
    columns = np.arange(12)
    pieces = [(MASK == 1) & (columns < 4), (MASK == 1) & (columns > 4), MASK == 2]
    np.testing.assert_allclose(border_weights(MASK, **options), weigh_by_loop(MASK, pieces, **options), atol=1e-5)


def test_the_narrow_border_counts_most():
    weights = border_weights(MASK)
    assert weights.dtype == np.float32 and weights[2, 4] == weights.max() == pytest.approx(1 + 10 * np.exp(-4 / 50))
    assert (weights[MASK != 0] == 1).all()


@pytest.mark.parametrize("mask", [np.zeros((3, 3), int), np.eye(1, dtype=int), np.full((2, 2), 255)])
def test_with_fewer_than_two_things_all_count_the_same(mask):
    np.testing.assert_array_equal(border_weights(mask), 1)


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match="weight and sigma must be positive"):
        border_weights(MASK, sigma=0)


@pytest.fixture
def source(tmp_path):
    picture = np.repeat(50 * (MASK % 255)[..., np.newaxis], 3, axis=-1)
    for split in ("train", "val"):
        for kind, values in (("images", picture), ("masks", MASK)):
            folder = tmp_path / split / kind
            folder.mkdir(parents=True)
            Image.fromarray(values.astype(np.uint8)).save(folder / "a.png")
    return with_border_weights(open_source(f"masks:{tmp_path}", annotation="mask"))


def test_training_samples_have_weights_that_move_with_the_mask(source):
    task = segmentation("resnet20", source.classes, image_size=(9, 12))
    expected = np.stack([MASK, border_weights(MASK)], axis=-1)
    _, plain = next(iter(pipeline(source.train, task)))
    np.testing.assert_allclose(plain[0], expected, atol=1 / 256)
    _, mirrored = next(iter(pipeline(source.train, task, augment=[mirror(1.0)], seed=0)))
    np.testing.assert_allclose(mirrored[0], expected[:, ::-1], atol=1 / 256)
    _, validation = next(iter(pipeline(source.valid, task)))
    np.testing.assert_array_equal(validation[0], MASK)


def test_the_data_are_still_the_same(source):
    assert source.fingerprint == open_source(source.name, annotation="mask").fingerprint


def test_plain_keras_trains_with_weights_and_validates_without(source):
    task = segmentation("resnet20", source.classes, image_size=(9, 12), filters=4)
    task.compile("sgd", jit_compile=False)
    history = task.model.fit(pipeline(source.train, task), validation_data=pipeline(source.valid, task), verbose=0)
    assert history.history["loss"][0] > 0 and np.isfinite(history.history["val_loss"][0])


def test_pictures_without_masks_are_refused():
    with pytest.raises(ValueError, match=r"scenes/tiny has no masks\. It has label"):
        with_border_weights(open_source("scenes/tiny"))
