"""Batches of several sizes: each of one, drawn by the seed and the step, with boxes in its pixels."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import Split, mirror, mosaic, pipeline, random_crop
from kerascnn.data.resize import resize_sample
from tests.data.augment.conftest import smooth

COUNT = 10
SIZES = [(16, 24), (24, 24), (33, 40), (80, 72)]  # the last is sampled by OpenCV
TASK = SimpleNamespace(image_size=(20, 20), targets=lambda sample: sample["objects"])
PICTURES = np.stack([np.roll(smooth(30, 50), number, axis=1) for number in range(COUNT)])
BOX = np.float32([[10, 6, 40, 24]])


def read(index):
    image = tf.constant(PICTURES)[index]
    return {"image": image, "boxes": tf.constant(BOX), "class_ids": tf.cast(index, tf.int32)[tf.newaxis]}


def split(count=COUNT):
    annotations = {"boxes": [BOX] * count, "class_ids": list(np.arange(count, dtype=np.int32)[:, np.newaxis])}
    return Split([""] * count, annotations, [""] * count, read, read)


def batches(**options):
    return pipeline(split(), TASK, **{"batch_size": 4, "image_sizes": SIZES, "seed": 1} | options)


def epochs_of(count, **options):
    """For each batch of some epochs its size, the numbers of its pictures, and its bytes."""
    made = batches(**options)
    return [
        [
            (
                tuple(images.shape[1:3]),
                rows[:, 0, 4].numpy().tolist(),
                images.numpy().tobytes() + rows.numpy().tobytes(),
            )
            for images, rows in made
        ]
        for _ in range(count)
    ]


def test_every_batch_has_one_of_the_sizes_and_all_come_alike():
    sizes = [size for epoch in epochs_of(9, batch_size=1) for size, _, _ in epoch]
    assert len(sizes) == 90 and set(sizes) == set(SIZES)
    counts = [sizes.count(size) for size in SIZES]
    assert min(counts) >= 7 and max(counts) <= 39  # about 23 each, and four standard deviations


def test_a_size_that_stands_twice_comes_twice_as_often():
    sizes = [size for epoch in epochs_of(9, batch_size=1, image_sizes=SIZES[:2] + SIZES[1:2]) for size, _, _ in epoch]
    assert 12 <= sizes.count((16, 24)) <= 48  # about 30 of 90, and four standard deviations


@pytest.mark.parametrize("seed", [1, 2])
def test_pictures_and_boxes_are_those_of_a_single_size(seed):
    for images, rows in batches(seed=seed):
        for image, row in zip(images, rows, strict=True):
            expected = resize_sample(read(tf.cast(row[0, 4], tf.int64)), tuple(images.shape[1:3]))
            np.testing.assert_array_equal(image, expected["image"])
            np.testing.assert_allclose(row[:, :4], expected["boxes"], rtol=1e-6)


def test_augmented_pictures_are_those_of_a_single_size():
    steps = [mirror(), random_crop()]
    single = {
        size: {
            int(row[0, 4]): (image.numpy(), row.numpy())
            for images, rows in batches(augment=steps, image_sizes=[size])
            for image, row in zip(images, rows, strict=True)
        }
        for size in SIZES
    }
    for images, rows in batches(augment=steps):
        for image, row in zip(images, rows, strict=True):
            expected, boxes = single[tuple(images.shape[1:3])][int(row[0, 4])]
            np.testing.assert_array_equal(image, expected)
            np.testing.assert_allclose(row, boxes, rtol=1e-6)


def test_the_order_is_that_of_a_single_size():
    numbers = [[numbers for _, numbers, _ in epoch] for epoch in epochs_of(2)]
    assert numbers == [[numbers for _, numbers, _ in epoch] for epoch in epochs_of(2, image_sizes=())]


def test_one_size_takes_the_place_of_the_tasks():
    made = batches(image_sizes=[(16, 24)])
    assert made.element_spec[0].shape == (None, 16, 24, 3)
    assert {size for size, _, _ in epochs_of(1, image_sizes=[(16, 24)])[0]} == {(16, 24)}
    assert batches(image_sizes=()).element_spec[0].shape == (None, 20, 20, 3)
    assert batches().element_spec[0].shape.as_list() == [None, None, None, 3]


def test_the_same_seed_gives_the_same_batches_from_any_step_on():
    first, second = epochs_of(2)
    assert epochs_of(1, first_step=2)[0] == [first[2], *second[:2]]
    assert epochs_of(1, first_step=3)[0] == second
    again = batches().starting_at(4)
    assert [tuple(images.shape[1:3]) for images, _ in again][:2] == [size for size, _, _ in second[1:]]


def test_mosaics_fill_every_size():
    first, second = epochs_of(2, augment=[mosaic(1.0)])
    assert [size for size, _, _ in first + second] == [size for epoch in epochs_of(2) for size, _, _ in epoch]
    for images, rows in batches(augment=[mosaic(1.0)], first_step=3):
        height, width = images.shape[1:3]
        boxes = rows[rows[..., 4] >= 0].numpy()
        assert (boxes[:, :4] >= 0).all() and (boxes[:, :4] <= [width, height, width, height]).all()
        assert images.numpy().tobytes() + rows.numpy().tobytes() in [content for _, _, content in second]


def test_another_seed_draws_other_sizes():
    drawn = [[size for epoch in epochs_of(4, seed=seed) for size, _, _ in epoch] for seed in (1, 2)]
    assert drawn[0] != drawn[1]


def test_machines_that_share_an_epoch_have_the_same_sizes():
    shares = [epochs_of(2, shard=(number, 2), batch_size=2) for number in range(2)]
    first, second = ([[size for size, _, _ in epoch] for epoch in share] for share in shares)
    assert first == second


def test_a_cache_changes_nothing(tmp_path):
    assert epochs_of(1, cache="memory") == epochs_of(1, cache=tmp_path) == epochs_of(1)


def test_features_are_neither_kept_nor_streamed():
    with pytest.raises(ValueError, match="cannot be kept"):
        batches().through(lambda images: (images,))
    with pytest.raises(ValueError, match="several sizes"):
        batches().streaming(lambda images: (images,))


@pytest.mark.parametrize("sizes", [[(0, 8)], [(8, 8), (8, -1)], [(8,)], [(8, 8, 3), (4, 4)]])
def test_what_is_no_size_is_refused(sizes):
    with pytest.raises(ValueError, match="image_sizes="):
        batches(image_sizes=sizes)


def test_sizes_without_a_seed_are_refused():
    with pytest.raises(ValueError, match="seed=None"):
        batches(seed=None)
