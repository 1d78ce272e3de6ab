"""The pipeline: order, seeds, sizes and batches, each a function of (seed, epoch, index) alone."""

import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import mirror, pictures, pipeline
from kerascnn.data.resize import resize, resize_sample
from kerascnn.data.sample import check_sample
from kerascnn.data.sources import Split

SIZE = 10


def numbered(size=SIZE):
    """A split whose picture i is filled with i, and has the label i."""

    def read(index):
        image = tf.fill((3, 5, 3), tf.cast(index, tf.uint8))
        return {"image": image, "label": tf.cast(index, tf.int32)}

    labels = np.arange(size, dtype=np.int32)
    return Split([str(number) for number in range(size)], {"label": labels}, ["0"] * size, read)


TASK = SimpleNamespace(image_size=(4, 4), targets=lambda sample: sample["label"])


def order(batches):
    return [int(label) for _, labels in batches for label in labels]


def seeds_seen(sample, seed):
    """An augmentation that shows the seed it was given: as the label, with the number of the picture below it."""
    folded = tf.bitwise.bitwise_xor(seed[0], seed[1]) % 1_000_003
    return sample | {"label": tf.stack([sample["label"], tf.cast(folded, tf.int32)])}


def seed_of_each(batches):
    return {int(index): int(seed) for _, labels in batches for index, seed in labels}


def test_without_a_seed_the_order_is_that_of_the_split_in_every_epoch():
    batches = pipeline(numbered(), TASK, batch_size=4)
    assert order(batches) == order(batches) == list(range(SIZE))


def test_with_a_seed_every_epoch_is_another_permutation():
    batches = pipeline(numbered(50), TASK, batch_size=8, seed=0)
    epochs = [order(batches) for _ in range(4)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert list(range(50)) not in epochs


def test_same_seed_gives_same_epochs_and_another_seed_others():
    first, again, other = (pipeline(numbered(), TASK, batch_size=4, seed=seed) for seed in (3, 3, 4))
    epochs = [order(first) for _ in range(3)]
    assert [order(again) for _ in range(3)] == epochs
    assert [order(other) for _ in range(3)] != epochs


def test_order_does_not_depend_on_the_batch_size():
    assert order(pipeline(numbered(), TASK, batch_size=1, seed=0)) == order(pipeline(numbered(), TASK, seed=0))


def test_the_image_belongs_to_its_label():
    for images, labels in pipeline(numbered(), TASK, batch_size=3, seed=0):
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels)


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize(("batch_size", "sizes"), [(1, [1] * 10), (4, [4, 4, 2]), (5, [5, 5]), (10, [10]), (11, [10])])
def test_batches_are_full_but_for_the_last(batch_size, sizes, seed):
    batches = pipeline(numbered(), TASK, batch_size=batch_size, seed=seed)
    assert len(batches) == len(sizes)
    for _ in range(2):
        assert [len(labels) for _, labels in batches] == sizes


@pytest.mark.parametrize("seed", [None, 0])
def test_a_split_of_one_picture_is_one_batch(seed):
    assert order(pipeline(numbered(1), TASK, seed=seed)) == [0]


@pytest.mark.parametrize("batch_size", [2, 5])
def test_a_pass_that_was_broken_off_does_not_count(batch_size):
    undisturbed = pipeline(numbered(), TASK, batch_size=batch_size, seed=0)
    batches = pipeline(numbered(), TASK, batch_size=batch_size, seed=0)
    for _ in range(3):
        next(iter(batches))
        iterator = iter(batches)
        next(iterator)
        time.sleep(0.05)  # what is read ahead is not looked at either
        del iterator
        assert order(batches) == order(undisturbed)


def test_two_passes_at_once_see_the_same_epoch():
    batches = pipeline(numbered(), TASK, batch_size=2, seed=0)
    pairs = [(a.numpy().tolist(), b.numpy().tolist()) for (_, a), (_, b) in zip(batches, batches, strict=True)]
    assert all(first == second for first, second in pairs)


def test_repeat_gives_the_same_epochs_as_passes():
    batches = pipeline(numbered(), TASK, batch_size=4, seed=0)
    assert order(pipeline(numbered(), TASK, batch_size=4, seed=0).repeat(3)) == [
        label for _ in range(3) for label in order(batches)
    ]


def test_an_augmentation_gets_the_same_seed_whatever_the_batch_size():
    passes = [pipeline(numbered(), TASK, augment=[seeds_seen], batch_size=size, seed=5) for size in (1, 3, 32)]
    for _ in range(2):
        first, second, third = (seed_of_each(each) for each in passes)
        assert first == second == third
        assert len(set(first.values())) == SIZE


def test_an_augmentation_gets_another_seed_in_every_epoch_and_at_every_position():
    def second(sample, seed):
        shown = seeds_seen({"label": tf.constant(0)}, seed)["label"][1]
        return sample | {"label": tf.concat([sample["label"], [shown]], 0)}

    batches = pipeline(numbered(), TASK, augment=[seeds_seen, second], batch_size=4, seed=5)
    epochs = [np.concatenate([labels for _, labels in batches]) for _ in range(2)]
    seeds = np.concatenate([epoch[:, 1:].ravel() for epoch in epochs])
    assert len(set(seeds.tolist())) == 2 * 2 * SIZE


def test_augmented_pictures_are_the_same_for_the_same_seed():
    def batches(seed):
        return pipeline(numbered(), TASK, augment=[mirror(), seeds_seen], batch_size=3, seed=seed)

    assert seed_of_each(batches(1)) == seed_of_each(batches(1)) != seed_of_each(batches(2))


def test_element_spec_has_static_sizes():
    images, labels = pipeline(numbered(), TASK, augment=[mirror()], seed=0).element_spec
    assert images == tf.TensorSpec((None, 4, 4, 3), tf.uint8)
    assert labels == tf.TensorSpec((None,), tf.int32)


def test_targets_may_be_a_dict_of_outputs():
    task = SimpleNamespace(image_size=(4, 4), targets=lambda sample: {"a": sample["label"], "b": -sample["label"]})
    for _, targets in pipeline(numbered(), task, batch_size=4, seed=0):
        np.testing.assert_array_equal(targets["a"], -targets["b"])


def stretch_naively(image, height, width):
    """Bilinear sampling with the first pixel held in place, one output pixel at a time."""
    rows, columns = image.shape[:2]
    stretched = np.zeros((height, width, 3))
    for row in range(height):
        for column in range(width):
            y, x = row * rows / height, column * columns / width
            top, left = int(y), int(x)
            below, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            above = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
            under = image[below, left] * (1 - (x - left)) + image[below, right] * (x - left)
            stretched[row, column] = above * (1 - (y - top)) + under * (y - top)
    return stretched


@pytest.mark.parametrize(("before", "after"), [((7, 5), (4, 4)), ((3, 4), (9, 7)), ((1, 1), (5, 3)), ((6, 6), (1, 1))])
def test_resize_is_bilinear_stretching(before, after):
    image = np.random.default_rng(0).integers(0, 256, (*before, 3)).astype(np.uint8)
    resized = resize(tf.constant(image), after)
    assert resized.dtype == tf.uint8 and resized.shape == (*after, 3)
    assert np.abs(resized.numpy() - stretch_naively(image.astype(float), *after)).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_resize_to_the_same_size_changes_nothing(dtype):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(dtype)
    np.testing.assert_array_equal(resize(tf.constant(image), (5, 7)), image)


def test_resize_clips_floats_that_an_augmentation_pushed_out_of_range():
    image = tf.constant([[[-20.0, 127.6, 300.0]]])
    assert resize(image, (1, 1)).numpy().tolist() == [[[0, 128, 255]]]


@pytest.mark.parametrize(
    ("split", "options", "message"),
    [
        (numbered(0), {}, "empty"),
        (numbered(), {"batch_size": 0}, "batch_size=0"),
        (numbered(), {"batch_size": -1}, "batch_size=-1"),
        (numbered(), {"augment": [mirror()]}, "seed=None"),
    ],
)
def test_what_cannot_work_is_refused_at_once(split, options, message):
    with pytest.raises(ValueError, match=message):
        pipeline(split, TASK, **options)


@pytest.mark.filterwarnings("ignore:.shuffle=True. was passed")
@pytest.mark.parametrize("batch_size", [4, 5])
def test_every_epoch_of_fit_is_the_next_one(batch_size):
    # A model whose output is the mean of its picture, so that a metric without a state shows the order.
    seen = []

    def watch(y_true, y_pred):
        tf.py_function(lambda labels: seen.extend(labels.numpy().ravel().astype(int).tolist()), [y_true], [])
        return keras.ops.mean(y_pred)

    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", loss=watch, run_eagerly=True)
    batches = pipeline(numbered(), TASK, batch_size=batch_size, seed=0)
    model.fit(batches, epochs=2, verbose=0)
    model.fit(batches, epochs=1, verbose=0)
    expected = pipeline(numbered(), TASK, batch_size=batch_size, seed=0)
    assert seen == [label for _ in range(3) for label in order(expected)]


def test_a_sample_is_resized_with_all_that_belongs_to_it():
    mask = np.arange(12).reshape(3, 4)
    sample = {
        "image": np.zeros((3, 4, 3), np.uint8),
        "boxes": np.float32([[0, 0, 4, 3], [1, 1, 2, 3]]),
        "class_ids": np.int32([5, 6]),
        "proposals": np.float32([[2, 1, 4, 3], [0, 0, 0, 0]]),
        "landmarks": np.float32([[4, 3], [1, 0]]),
        "mask": mask.astype(np.int32),
    }
    # Twice as high and half as wide.
    resized = resize_sample({key: tf.constant(value) for key, value in sample.items()}, (6, 2))
    check_sample(resized)
    assert resized["boxes"].numpy().tolist() == [[0, 0, 2, 6], [0.5, 2, 1, 6]]
    assert resized["proposals"].numpy().tolist() == [[1, 2, 2, 6], [0, 0, 0, 0]]
    assert resized["landmarks"].numpy().tolist() == [[2, 6], [0.5, 0]]
    np.testing.assert_array_equal(resized["mask"], np.repeat(mask[:, ::2], 2, axis=0))
    np.testing.assert_array_equal(resized["class_ids"], sample["class_ids"])


def test_the_targets_are_taken_from_the_resized_sample():
    task = SimpleNamespace(image_size=(8, 2), targets=lambda sample: tf.shape(sample["image"]))
    (batch,) = pipeline(numbered(), task, batch_size=100)
    assert (batch[1].numpy() == [8, 2, 3]).all()


def test_pictures_without_annotation_have_targets_all_the_same(tmp_path, encode):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encode("PNG", seed=number))
    split, _ = pictures(sorted(tmp_path.iterdir()))
    ((images, targets),) = pipeline(split, SimpleNamespace(image_size=(4, 4), targets=None))
    assert images.shape == (3, 4, 4, 3)
    assert targets.numpy().tolist() == [-1, -1, -1]


def test_a_preset_by_name_does_not_mirror_landmarks():
    image = tf.constant(np.tile(np.arange(32, dtype=np.uint8)[:, np.newaxis], (32, 1, 3)))
    annotations = {"landmarks": np.tile(np.float32([[8, 16], [24, 16]]), (16, 1, 1))}

    def read(index):
        return {"image": image, "landmarks": tf.constant(annotations["landmarks"])[index]}

    split = Split([""] * 16, annotations, [""] * 16, read)
    task = SimpleNamespace(image_size=(32, 32), targets=lambda sample: sample["points"])
    ((_, points),) = pipeline(split, task, augment="light", seed=0)
    assert (points[:, 0, 0] < points[:, 1, 0]).numpy().all()
