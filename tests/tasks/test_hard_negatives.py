"""Hard negatives: what was planted and not annotated is among them, what was annotated is not."""

import numpy as np
import pytest

from kerascnn.tasks import find_negatives, sliding_window
from tests.tasks.test_sliding_window import color_task, plant

RED, GREEN = 0, 1  # channels
SIZE = (16, 32)


@pytest.fixture(scope="module")
def detector():
    return sliding_window(color_task(), scales=[1.0], stride=4)


def places(boxes):
    return sorted(map(tuple, boxes.tolist()))


def test_windows_beside_the_objects_are_negatives(detector):
    first = plant(SIZE, (RED, 0, 0, 4, 4), (RED, 8, 8, 12, 12), (GREEN, 20, 4, 24, 8))
    second = plant(SIZE, (GREEN, 4, 4, 8, 8))
    found = find_negatives(
        detector,
        [(first, np.float32([[0, 0, 4, 4]])), (second, np.float32([[4, 4, 8, 8]])), (second, np.zeros((0, 4)))],
    )
    assert [places(each) for each in found] == [[(8, 8, 12, 12), (20, 4, 24, 8)], [], [(4, 4, 8, 8)]]
    assert all(each.dtype == np.float32 for each in found)


def test_overlap_decides(detector):
    image, objects = plant(SIZE, (RED, 4, 4, 8, 8)), np.float32([[4, 4, 8, 12]])  # an IoU of 1 / 2
    assert [len(find_negatives(detector, [(image, objects)], most_overlap=share)[0]) for share in (0.4, 0.6)] == [0, 1]


def test_of_each_class_only_some_are_taken(detector):
    reds = [(RED, x, 0, x + 4, 4) for x in (0, 8, 16, 24)]
    image = plant(SIZE, *reds, (GREEN, 0, 8, 4, 12))
    (found,) = find_negatives(detector, [(image, np.zeros((0, 4)))], most_of_a_class=2)
    assert sorted(found[:, 1].tolist()) == [0, 0, 8]
    drawn = {
        places(find_negatives(detector, [(image, np.zeros((0, 4)))], most_of_a_class=2, seed=seed)[0])[0]
        for seed in range(9)
    }
    assert len(drawn) > 1


def test_the_same_seed_draws_the_same(detector):
    image = plant(SIZE, *((RED, x, 0, x + 4, 4) for x in range(0, 32, 4)))
    first, again = (find_negatives(detector, [(image, np.zeros((0, 4)))], seed=3)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_suppression_leaves_no_window_out(detector):
    image = plant(SIZE, (RED, 0, 0, 8, 8))  # 5 x 5 windows lie in it
    (found,) = find_negatives(
        sliding_window(color_task(), scales=[1.0], iou_threshold=0.0), [(image, np.zeros((0, 4)))], most_of_a_class=99
    )
    assert len(found) == 25


def test_no_pictures_give_no_negatives(detector):
    assert find_negatives(detector, []) == []


@pytest.mark.parametrize(
    "options", [{"most_overlap": 0.0}, {"most_overlap": 1.1}, {"most_of_a_class": 0}, {"score_threshold": 1.5}]
)
def test_options_are_checked(detector, options):
    (name, value), *_ = options.items()
    with pytest.raises(ValueError, match=f"Received: .*{name}={value}"):
        find_negatives(detector, [], **options)
