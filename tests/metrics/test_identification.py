"""Identification: numbers by hand and naive loops."""

import numpy as np
import pytest

from kerascnn.metrics.identification import draw_enrolled, measure_open_set, measure_ranks

IDENTITIES = np.array([3, 3, 8, 8, 5])


def alike(vectors):
    return vectors @ vectors.T


def test_everybody_is_found_where_vectors_are_those_of_people():
    vectors = np.eye(9)[IDENTITIES]
    assert measure_ranks(alike(vectors), IDENTITIES) == {1: 1.0, 5: 1.0}


def test_ranks_by_loop():
    rng = np.random.default_rng(0)
    identities = np.repeat(np.arange(6), 3)
    similarities = alike(rng.normal(size=(18, 4)))
    again, hits = np.random.default_rng(7), []
    for _ in range(5):
        enrolled = draw_enrolled(identities, again)
        for asked in set(range(18)) - set(enrolled):
            more = [e for e in enrolled if similarities[asked, e] > similarities[asked, enrolled[identities[asked]]]]
            hits.append(len(more))
    found = measure_ranks(similarities, identities, (1, 2, 6), draws=5, seed=7)
    assert found == pytest.approx({k: np.mean(np.array(hits) < k) for k in (1, 2, 6)})
    assert found[6] == 1


def test_one_picture_of_each_is_drawn_and_any_may_be():
    rng = np.random.default_rng(0)
    drawn = [draw_enrolled(IDENTITIES, rng) for _ in range(50)]
    assert all(sorted(IDENTITIES[each]) == [3, 5, 8] for each in drawn)
    assert set(np.concatenate(drawn)) == set(range(5))


def test_strangers_and_friends_are_told_apart_where_vectors_are_those_of_people():
    vectors = np.eye(9)[np.repeat(np.arange(4), 3)]
    for row in measure_open_set(alike(vectors), np.repeat(np.arange(4), 3)):
        assert row["dir"] == 1


def test_open_set_by_loop():
    rng = np.random.default_rng(3)
    identities = np.repeat(np.arange(10), 4)
    similarities = alike(rng.normal(size=(10, 5))[identities] + 0.9 * rng.normal(size=(40, 5)))
    again, rates = np.random.default_rng(5), []
    for _ in range(4):
        known = set(again.permutation(10)[:5].tolist())
        places = [place for place in range(40) if identities[place] in known]
        enrolled = [places[own] for own in draw_enrolled(identities[places], again)]
        highest = sorted(
            (max(similarities[place, e] for e in enrolled) for place in range(40) if place not in places), reverse=True
        )
        threshold = highest[2]  # of 20 pictures of strangers, two may be named
        found = []
        for asked in set(places) - set(enrolled):
            best = max(enrolled, key=lambda e, asked=asked: similarities[asked, e])
            found.append(similarities[asked, best] > threshold and identities[best] == identities[asked])
        rates.append(np.mean(found))
    (row,) = measure_open_set(similarities, identities, [0.1], draws=4, seed=5)
    assert row["dir"] == pytest.approx(np.mean(rates))
    assert 0 < row["dir"] < 1


def test_strangers_who_look_alike_cost_names():
    identities = np.repeat(np.arange(40), 5)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 6))[identities] + 0.7 * rng.normal(size=(200, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    loose, strict = measure_open_set(alike(vectors), identities)
    assert (loose["fpir"], strict["fpir"]) == (0.1, 0.01)
    assert 0 < strict["dir"] < loose["dir"] < measure_ranks(alike(vectors), identities)[1] + 0.1


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="two pictures"):
        measure_ranks(np.eye(3), np.arange(3))
    with pytest.raises(ValueError, match="two pictures"):
        measure_open_set(np.eye(3), np.arange(3))
    with pytest.raises(ValueError, match="At least 2 people"):
        measure_open_set(np.eye(3), np.zeros(3))
