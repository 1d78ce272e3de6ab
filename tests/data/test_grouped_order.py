"""Batches of people: how many of each, that all of them come, and that nothing depends on where one starts."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import pipeline
from kerascnn.data.grouped_order import GroupedOrder
from kerascnn.data.sources.source import Split

COUNTS = (5, 1, 3, 4, 2, 6)
IDENTITIES = tuple(np.random.default_rng(0).permutation(np.repeat(np.arange(6), COUNTS)).tolist())


def order_of(**options):
    return GroupedOrder(**{"size": 21, "batch_size": 6, "seed": 3, "identities": IDENTITIES, "group_size": 3} | options)


def indices_of(order, epoch):
    numbers = tf.range(order.samples, dtype=tf.int64)
    return order.index(tf.constant(epoch, tf.int64), numbers).numpy().reshape(-1, order.batch_size)


@pytest.mark.parametrize(("group_size", "people"), [(2, 3), (3, 2), (6, 1)])
def test_every_batch_has_as_many_pictures_of_as_many_people(group_size, people):
    order = order_of(group_size=group_size)
    for epoch in range(6):
        batches = indices_of(order, epoch)
        assert batches.shape == (4, 6)
        for batch in batches:
            groups = np.array(IDENTITIES)[batch].reshape(people, group_size)
            assert (groups == groups[:, :1]).all()
            assert len(set(groups[:, 0])) == people


def test_nobody_is_in_a_batch_twice_where_a_permutation_does_not_end_with_one():
    identities = tuple(np.repeat(np.arange(7), 4).tolist())
    order = GroupedOrder(size=28, batch_size=12, seed=0, identities=identities, group_size=4)
    met = set()
    for epoch in range(20):
        for batch in indices_of(order, epoch):
            who = np.array(identities)[batch][::4]
            assert len(set(who)) == 3
            met |= set(who)
    assert met == set(range(7))


def test_all_people_and_all_their_pictures_come_about_as_often():
    seen = np.concatenate([indices_of(order_of(), epoch).ravel() for epoch in range(300)])
    people = Counter(np.array(IDENTITIES)[seen].tolist())
    assert set(people.values()) == {300 * 24 // 6}
    for person in range(6):
        pictures = Counter(index for index in seen.tolist() if IDENTITIES[index] == person)
        assert len(pictures) == COUNTS[person]
        assert max(pictures.values()) < 1.3 * min(pictures.values())


def test_a_group_has_different_pictures_where_there_are_enough():
    for epoch in range(10):
        for group in indices_of(order_of(), epoch).reshape(-1, 3):
            assert len(set(group.tolist())) == min(3, COUNTS[IDENTITIES[group[0]]])


def test_epochs_and_seeds_differ_and_repeat():
    first = indices_of(order_of(), 0)
    np.testing.assert_array_equal(first, indices_of(order_of(), 0))
    assert (first != indices_of(order_of(), 1)).any()
    assert (first != indices_of(order_of(seed=4), 0)).any()


def test_one_number_at_a_time_gives_the_same():
    order = order_of()
    single = [int(order.index(tf.constant(2, tf.int64), tf.constant(number, tf.int64))) for number in range(24)]
    assert single == indices_of(order, 2).ravel().tolist()


def test_machines_share_the_batches_of_one():
    whole = indices_of(order_of(batch_size=12), 1)
    parts = [indices_of(order_of(shard=(number, 2)), 1) for number in range(2)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_the_pipeline_makes_such_batches_and_starts_anywhere():
    images = tf.constant(np.arange(21, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8))
    split = Split([str(each) for each in range(21)], {}, ["x"] * 21, lambda index: {"image": images[index]})
    split = split.adding("identity", np.array(IDENTITIES, np.int32))
    task = SimpleNamespace(image_size=(4, 4), targets=lambda sample: sample["identity"])
    batches = list(pipeline(split, task, batch_size=6, group_size=3, seed=3))
    np.testing.assert_array_equal([batch[0][:, 0, 0, 0] for batch in batches], indices_of(order_of(), 0))
    for pictures, people in batches:
        np.testing.assert_array_equal(people, np.array(IDENTITIES)[pictures[:, 0, 0, 0]])
    later = next(iter(pipeline(split, task, batch_size=6, group_size=3, seed=3, first_step=6)))
    np.testing.assert_array_equal(later[0][:, 0, 0, 0], indices_of(order_of(), 1)[2])
    with pytest.raises(ValueError, match="pictures with an identity"):
        pipeline(split.without_annotations(), task, batch_size=6, group_size=3, seed=3)


def test_numbers_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="needs a seed"):
        order_of(seed=None)
    for options in ({"group_size": 1}, {"group_size": 4}, {"group_size": 6, "devices": 2}):
        with pytest.raises(ValueError, match="group_size must be at least 2"):
            order_of(**options)
    with pytest.raises(ValueError, match=r"needs more than 6 people\. Use batches of at most 18"):
        order_of(batch_size=21)
