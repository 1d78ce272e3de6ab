"""Which detector a run's card asks for: of windows, or of regions with their linear functions."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from kerascnn.tasks import RCNN, RegionHeads, SlidingWindow, classification
from kerascnn.tasks.region_heads import Linear
from kerascnn.tasks.region_network import region_network

REGIONS = {"kind": "rcnn", "proposals": {"side": 64}, "context": 2, "iou_threshold": 0.4, "score_threshold": 0.7}
WINDOWS = {"scales": (1.0,), "iou_threshold": 0.4, "score_threshold": 0.7}


@pytest.fixture
def open_detector(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "pipelines")
    return importlib.import_module("detectors").open_detector


@pytest.fixture(scope="module")
def task():
    return classification("lenet5", ("background", "cell", "platelet"), image_size=(32, 32))


def test_a_run_of_regions_has_its_linear_functions_again(open_detector, task, tmp_path):
    inputs = region_network(task).output["features"].shape[1]
    svms = Linear(np.random.default_rng(0).normal(size=(inputs, 2)).astype(np.float32), np.float32([1, -1]))
    RegionHeads(svms=svms).save(tmp_path / "heads.npz")
    detector = open_detector(tmp_path, task, REGIONS)
    assert isinstance(detector, RCNN) and detector.classes == ("cell", "platelet") and detector.context == 2
    np.testing.assert_array_equal(detector.heads.svms.kernel, svms.kernel)
    assert detector.heads.regressors is None


def test_a_run_without_a_kind_is_one_of_windows(open_detector, task, tmp_path):
    assert isinstance(open_detector(tmp_path, task, WINDOWS), SlidingWindow)


def test_a_run_of_regions_without_its_file_is_refused(open_detector, task, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"heads\.npz"):
        open_detector(tmp_path, task, REGIONS)
