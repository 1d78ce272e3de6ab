"""A collapse of the embedding is named, once, and only if there is one."""

import logging

import pytest

from kerascnn.training.collapse import CollapseWatch


@pytest.fixture
def watch(caplog):
    caplog.set_level(logging.WARNING, "kerascnn")
    watch = CollapseWatch()
    watch.on_train_begin()
    return watch


@pytest.mark.parametrize("name", ["spread", "embedding_spread"])
def test_a_collapse_is_named_once_a_stage(watch, caplog, name):
    watch.on_epoch_end(0, {name: 1.2, "val_spread": 0.0})
    assert not caplog.records
    watch.on_epoch_end(1, {name: 0.001})
    watch.on_epoch_end(2, {name: 0.001})
    (record,) = caplog.records
    assert "The embedding has collapsed" in record.getMessage() and "0.0010" in record.getMessage()
    watch.on_train_begin()
    watch.on_epoch_end(0, {name: 0.001})
    assert len(caplog.records) == 2


def test_other_trainings_are_left_alone(watch, caplog):
    watch.on_epoch_end(0, {"loss": 0.0, "accuracy": 0.0})
    watch.on_epoch_end(1, None)
    assert not caplog.records
