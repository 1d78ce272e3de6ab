"""The order: runs that go on where others stopped, shares of several machines, and padding."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import pipeline
from kerascnn.data.sources import Split

SIZE = 10
TASK = SimpleNamespace(image_size=(4, 4), targets=lambda sample: sample["label"])


def numbered(size=SIZE, reads=None):
    """A split whose picture i has the label i; `reads` notes which pictures were read."""

    def read(index):
        if reads is not None:
            tf.py_function(lambda number: reads.append(int(number)), [index], [])
        return {"image": tf.zeros((4, 4, 3), tf.uint8), "label": tf.cast(index, tf.int32)}

    labels = np.arange(size, dtype=np.int32)
    return Split([str(number) for number in range(size)], {"label": labels}, ["0"] * size, read)


def label_with_seed(sample, seed):
    return sample | {"label": tf.stack([sample["label"], tf.cast(seed[0] % 1_000_003, tf.int32)])}


def labels_of(batches):
    return [labels.numpy().tolist() for _, labels in batches]


@pytest.mark.parametrize("first_step", [0, 1, 3, 4, 6, 11])
def test_a_run_that_starts_at_a_step_sees_what_it_would_have_seen(first_step):
    options = {"augment": [label_with_seed], "batch_size": 3, "seed": 0}
    whole = labels_of(pipeline(numbered(), TASK, **options).repeat(4))
    assert len(whole) == 4 * 4
    rest = labels_of(pipeline(numbered(), TASK, first_step=first_step, **options).repeat(4))
    assert rest[: len(whole) - first_step] == whole[first_step:]


@pytest.mark.parametrize("first_step", [0, 4, 5, 7])
def test_every_pass_has_the_same_length(first_step):
    batches = pipeline(numbered(), TASK, batch_size=3, seed=0, first_step=first_step)
    assert [len(labels_of(batches)) for _ in range(3)] == [4, 4, 4]
    assert len(batches) == 4


def test_passes_of_a_run_that_goes_on_follow_one_another():
    whole = labels_of(pipeline(numbered(), TASK, batch_size=3, seed=0).repeat(4))
    batches = pipeline(numbered(), TASK, batch_size=3, seed=0, first_step=2)
    assert labels_of(batches) + labels_of(batches) == whole[2:10]


@pytest.mark.filterwarnings("ignore:.shuffle=True. was passed")
def test_fit_goes_on_over_the_borders_of_epochs():
    seen = []

    def watch(y_true, y_pred):
        tf.py_function(lambda labels: seen.append(labels.numpy().ravel().astype(int).tolist()), [y_true], [])
        return keras.ops.mean(y_pred)

    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", loss=watch, run_eagerly=True)
    model.fit(pipeline(numbered(), TASK, batch_size=3, seed=0, first_step=2), epochs=3, verbose=0)
    assert seen == labels_of(pipeline(numbered(), TASK, batch_size=3, seed=0).repeat(4))[2:14]


def test_what_is_skipped_is_not_read():
    reads = []
    batches = pipeline(numbered(reads=reads), TASK, batch_size=3, seed=0, first_step=2)
    first, second = labels_of(batches.take(2))
    whole = labels_of(pipeline(numbered(), TASK, batch_size=3, seed=0))
    assert first + second == whole[2] + whole[3]
    assert set(reads[:4]) == set(first + second)  # read in parallel, and so in any order; the next epoch comes after


def test_without_a_seed_a_run_can_start_in_the_middle_too():
    batches = pipeline(numbered(), TASK, batch_size=4, first_step=1)
    for _ in range(2):
        assert labels_of(batches) == [[4, 5, 6, 7], [8, 9], [0, 1, 2, 3]]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_machines_share_an_epoch_without_gaps(count):
    shares = [pipeline(numbered(), TASK, batch_size=2, seed=0, shard=(number, count)) for number in range(count)]
    for _ in range(2):
        seen = [[label for batch in labels_of(share) for label in batch] for share in shares]
        everything = [label for each in seen for label in each]
        assert set(everything) == set(range(SIZE))
        assert len(everything) - SIZE < count  # what is seen twice makes the shares as long as each other
        assert len({len(each) for each in seen}) == 1 and len({len(share) for share in shares}) == 1


def test_a_share_goes_on_where_it_stopped():
    whole = labels_of(pipeline(numbered(), TASK, batch_size=2, seed=0, shard=(1, 3)).repeat(2))
    assert (
        labels_of(pipeline(numbered(), TASK, batch_size=2, seed=0, shard=(1, 3), first_step=1).repeat(2))[:3]
        == whole[1:]
    )


@pytest.mark.parametrize(("count", "devices"), [(1, 2), (1, 4), (2, 2), (3, 4)])
def test_every_batch_is_a_multiple_of_the_devices(count, devices):
    shares = [
        labels_of(pipeline(numbered(), TASK, batch_size=4, seed=0, shard=(number, count), devices=devices))
        for number in range(count)
    ]
    sizes = [[len(batch) for batch in share] for share in shares]
    assert all(size % devices == 0 for each in sizes for size in each) and len(set(map(tuple, sizes))) == 1
    everything = [label for share in shares for batch in share for label in batch]
    assert set(everything) == set(range(SIZE)) and len(everything) - SIZE < count * devices


@pytest.mark.parametrize("count", [2, 5])
def test_a_step_of_all_machines_is_one_of_the_whole(count):
    shares = [pipeline(numbered(), TASK, batch_size=10 // count, seed=0, shard=(each, count)) for each in range(count)]
    steps = zip(*(labels_of(share.repeat(2)) for share in shares), strict=True)
    whole = pipeline(numbered(), TASK, batch_size=10, seed=0)
    assert all(share.order.whole == whole.order for share in shares)
    for step, expected in zip(steps, labels_of(whole.repeat(2)), strict=True):
        assert sorted(label for part in step for label in part) == sorted(expected)


def test_a_pass_starts_where_it_is_told_to_whatever_was_read_ahead():
    whole = labels_of(pipeline(numbered(), TASK, batch_size=3, seed=0).repeat(3))
    batches = pipeline(numbered(), TASK, batch_size=3, seed=0)
    for _ in batches.prefetch(4).take(4):
        pass  # the pass counts, though nobody has trained on it
    batches.go_to(0)
    assert labels_of(batches) == whole[:4]
    batches.go_to(8)
    assert labels_of(batches) == whole[8:]
    with pytest.raises(ValueError, match=r"every 4 steps.*step=6"):
        batches.go_to(6)


def test_what_counts_the_steps_is_not_part_of_a_strategy():
    with tf.distribute.MirroredStrategy(["cpu:0"]).scope():
        batches = pipeline(numbered(), TASK, batch_size=3, seed=0)
        assert type(tf.Variable(0)) is not type(batches._progress)
    assert type(tf.Variable(0)) is type(batches._progress)


def test_rows_of_different_number_are_padded_with_minus_1():
    task = SimpleNamespace(
        image_size=(4, 4), targets=lambda sample: tf.ones((sample["label"], 5), tf.float32) * float(SIZE)
    )
    (batch,) = pipeline(numbered(4), task)
    rows = batch[1].numpy()
    assert rows.shape == (4, 3, 5)
    for number, each in enumerate(rows):
        assert (each[:number] == SIZE).all() and (each[number:] == -1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_step": -1}, "first_step=-1"),
        ({"shard": (2, 2)}, r"shard=\(2, 2\)"),
        ({"shard": (-1, 2)}, r"shard=\(-1, 2\)"),
        ({"shard": (0, 11)}, "10 pictures cannot be shared by 11"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"augment": "strongest", "seed": 0}, "presets are none, mirror, light"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        pipeline(numbered(), TASK, **options)
