"""The order: runs that go on where others stopped, shares of several machines, and padding."""

from types import SimpleNamespace

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

    return Split([str(number) for number in range(size)], np.arange(size, dtype=np.int32), ["0"] * size, read)


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


def test_passes_after_the_first_are_whole():
    batches = pipeline(numbered(), TASK, batch_size=3, seed=0, first_step=6)
    assert [len(labels_of(batches)) for _ in range(3)] == [2, 4, 4]


@pytest.mark.parametrize(("first_step", "length"), [(0, 4), (4, 4), (8, 4), (5, None)])
def test_the_length_is_known_where_every_pass_has_it(first_step, length):
    cardinality = int(pipeline(numbered(), TASK, batch_size=3, seed=0, first_step=first_step).cardinality())
    assert cardinality == (length or tf.data.UNKNOWN_CARDINALITY)


def test_what_is_skipped_is_not_read():
    reads = []
    batches = pipeline(numbered(reads=reads), TASK, batch_size=3, seed=0, first_step=2)
    labels = [label for batch in labels_of(batches) for label in batch]
    assert len(labels) == 4 and sorted(reads) == sorted(labels)


def test_without_a_seed_a_start_in_the_middle_is_for_one_pass():
    batches = pipeline(numbered(), TASK, batch_size=4, first_step=1)
    assert labels_of(batches) == [[4, 5, 6, 7], [8, 9]]
    assert labels_of(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_machines_share_an_epoch_without_gaps_or_doubles(count):
    shares = [pipeline(numbered(), TASK, batch_size=2, seed=0, shard=(number, count)) for number in range(count)]
    for _ in range(2):
        seen = [[label for batch in labels_of(share) for label in batch] for share in shares]
        assert sorted(label for each in seen for label in each) == list(range(SIZE))
        assert max(map(len, seen)) - min(map(len, seen)) <= 1


def test_a_share_goes_on_where_it_stopped():
    whole = labels_of(pipeline(numbered(), TASK, batch_size=2, seed=0, shard=(1, 3)).repeat(2))
    assert (
        labels_of(pipeline(numbered(), TASK, batch_size=2, seed=0, shard=(1, 3), first_step=1).repeat(2))[:3]
        == whole[1:]
    )


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
        ({"shard": (10, 11)}, "10 pictures cannot be shared by 11"),
        ({"augment": "strongest", "seed": 0}, "presets are none, light"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        pipeline(numbered(), TASK, **options)
