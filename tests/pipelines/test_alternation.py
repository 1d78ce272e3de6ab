"""The four steps of Faster R-CNN: what trains in each, what goes from one to another, and what comes of it."""

import importlib

import keras
import numpy as np
import pytest

from kerascnn.data import Source, open_source
from kerascnn.tasks import region_detection, region_proposals, two_stage_detection
from kerascnn.training import History, Stage
from kerascnn.training.stages import freeze
from tests.pipelines.conftest import PIPELINES

BODY = {"alpha": 0.35, "image_size": (32, 32), "filters": 8}
FIRST = {"num_proposals": 6, "max_candidates": 40, "least_side": 4.0}
SECOND = {"hidden_units": 12, "pool_size": 3}
SCALES = ((16.0,), (32.0,))
STRIDES = {"strides": (16, 32)}
EPOCH = {"stage": "all", "epoch": 1, "learning_rate": 0.1, "loss": 2.0}


@pytest.fixture
def alternation(monkeypatch):
    """The module of the scripts' folder."""
    monkeypatch.syspath_prepend(PIPELINES)
    return importlib.import_module("alternation")


def weights_by_layer(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def same(first, second):
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_each_step_trains_what_it_should_and_both_stages_share_their_maps_in_the_end(alternation):
    keras.utils.set_random_seed(0)
    whole = two_stage_detection("mobilenet_v2", ("a", "b"), SCALES, **STRIDES, **BODY, **FIRST, **SECOND)
    first = region_proposals("mobilenet_v2", SCALES, **STRIDES, **BODY, **FIRST)
    second = region_detection("mobilenet_v2", ("a", "b"), **STRIDES, **BODY, **SECOND)
    scenes = open_source("scenes/tiny", annotation="boxes")
    source = Source("few", scenes.classes, *(split.select(np.arange(3)) for split in (scenes.train, scenes.valid)))
    steps = []

    def learn(task, data, stages, part):
        """Change all that trains in the last stage, and remember what it was asked for."""
        before = weights_by_layer(task.model)
        freeze(task.model, stages[-1])
        for weight in task.model.trainable_weights:
            weight.assign(weight + 0.01)
        after = weights_by_layer(task.model)
        moved = {name for name in before if not same(before[name], after[name])}
        steps.append((part, task.name, moved, before, after, data.train.annotations.get("proposals")))
        return History([dict(EPOCH)], [{"name": "all"}], best_epoch=1)

    history = alternation.train_alternately(whole, first, second, source, learn, [Stage("all", 2, 0.1)])

    assert [(part, name) for part, name, *_ in steps] == [
        ("step1", "region_proposals"), ("step2", "fast_rcnn"), ("step3", "region_proposals"), ("step4", "fast_rcnn"),
    ]  # fmt: skip
    moved = [step[2] for step in steps]
    assert {"Conv1", "rpn_conv"} <= moved[0] and {"Conv1", "roi_fc1"} <= moved[1]
    assert all(name.startswith("rpn_") for name in moved[2]) and "rpn_conv" in moved[2]
    assert all(name.startswith("roi_") for name in moved[3]) and "roi_fc1" in moved[3]
    # The third step starts from the maps of the second one, and the fourth goes on with the second one's network.
    assert same(steps[2][3]["Conv1"], steps[1][4]["Conv1"])
    assert same(steps[3][3]["roi_fc1"], steps[1][4]["roi_fc1"])
    proposals = [step[5] for step in steps]
    assert proposals[0] is None and proposals[2] is None
    assert not np.array_equal(np.concatenate(list(proposals[1])), np.concatenate(list(proposals[3])))
    in_the_end = weights_by_layer(whole.model)
    for part in (steps[2][4], steps[3][4]):
        assert all(same(in_the_end[name], part[name]) for name in part)
    assert set(in_the_end) == set(steps[2][4]) | set(steps[3][4])
    assert history.best_epoch == 4 and len(history.rows) == 4


def test_the_histories_of_the_steps_become_one(alternation):
    first = History(
        [EPOCH | {"val_proposals_recall": 0.4}, EPOCH | {"epoch": 2}], [{"name": "all", "epochs": 2}], best_epoch=2
    )
    second = History([EPOCH | {"val_ap": 0.5, "recall": 0.1}], [{"name": "all", "epochs": 1}], best_epoch=1)
    joined = alternation.join([first, second])
    assert [row["epoch"] for row in joined.rows] == [1, 2, 3]
    assert [row["stage"] for row in joined.rows] == ["1: all", "1: all", "2: all"]
    assert joined.rows[0]["val_roi_recall"] == 0.4 and "val_proposals_recall" not in joined.rows[0]
    assert (joined.rows[2]["val_roi_ap"], joined.rows[2]["roi_recall"]) == (0.5, 0.1)
    assert [stage["name"] for stage in joined.stages] == ["1: all", "2: all"]
    assert joined.best_epoch == 3
    assert EPOCH["epoch"] == 1 and first.rows[1]["stage"] == "all"  # those that were given are left alone
