"""train_rcnn.py: a run, what can be done with it, and what cannot be used."""

import importlib
import json

import numpy as np
import pytest
from mediapipe import Image, ImageFormat
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ObjectDetector, ObjectDetectorOptions

from kerascnn.export import PRECISIONS, TFLiteModel
from tests.pipelines.conftest import PIPELINES, SMALL_NETWORK


@pytest.fixture(scope="module")
def faster_run(run, workplace):
    """The run folder of `train_rcnn.py --smoke`."""
    outcome = run("train_rcnn.py", "--smoke", *SMALL_NETWORK)
    assert outcome.returncode == 0, outcome.stderr
    assert "Scales of stride 32: " in outcome.stderr
    assert "test: recall of 100 proposals" in outcome.stdout
    return workplace / "saved_models" / "smoke_faster_rcnn"


def test_the_run_folder_is_complete_and_its_card_is_true(faster_run):
    card = json.loads((faster_run / "card.json").read_text(encoding="utf-8"))
    assert (card["task"], card["score_name"], card["monitor"]) == ("faster_rcnn", "AP50", "roi_ap")
    assert set(card["export"]) == set(PRECISIONS)
    part = card["metrics"]["test"]["parts"]["region_proposals"]
    shares = list(part["proposal_recall"].values())
    assert part["score"] == part["proposal_recall"]["100"] and shares == sorted(shares)
    page = (faster_run / "report.html").read_text(encoding="utf-8")
    assert "Recall of proposals, test" in page and "By class, lowest AP50 first" in page


@pytest.mark.parametrize("precision", ["float32", "dynamic", "int8"])
def test_mediapipe_opens_the_files(faster_run, precision):
    content = (faster_run / f"model_{precision}.tflite").read_bytes()
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    options = ObjectDetectorOptions(BaseOptions(model_asset_buffer=content))
    with ObjectDetector.create_from_options(options) as client:
        found = client.detect(Image(ImageFormat.SRGB, picture)).detections
    scores = np.array([detection.categories[0].score for detection in found])
    expected = TFLiteModel(content).predict(picture[np.newaxis])["score"][0]
    # The client suppresses once more, of all classes together: it gives some of our answers, the surest among them.
    assert scores[0] == pytest.approx(expected[0], abs=1e-3)
    assert np.abs(scores[:, np.newaxis] - expected).min(axis=1).max() < 1e-3


def test_other_scripts_take_the_run(faster_run, call, workplace):
    outcome = call("evaluate.py", "--run", faster_run, "--split", "test")
    assert outcome.returncode == 0 and "recall of 100 proposals" in outcome.stdout


@pytest.mark.parametrize(("variant", "name"), [("fast", "fast_rcnn"), ("rcnn", "rcnn")])
def test_the_variants_that_search_leave_runs_too(run, call, workplace, tmp_path, variant, name):
    outcome = run("train_rcnn.py", "--smoke", "--variant", variant, *SMALL_NETWORK)
    assert outcome.returncode == 0, outcome.stderr
    folder = workplace / "saved_models" / f"smoke_{name}"
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    metrics = card["metrics" if variant == "fast" else "detection"]
    metrics = metrics if variant == "fast" else metrics["metrics"]
    assert 0 <= metrics["test"]["ap50"] <= 1 and metrics["test"]["examples"] == 40
    assert (folder / "heads.npz").exists() == (variant == "rcnn")
    outcome = call("evaluate.py", "--run", folder, "--split", "test")
    assert outcome.returncode == 0 and "has changed since" not in outcome.stderr


def test_options_of_body_heads_and_losses_are_checked_before_data_are_read(monkeypatch):
    monkeypatch.syspath_prepend(PIPELINES)
    script = importlib.import_module("train_rcnn")
    monkeypatch.setattr(script, "train", lambda *_, **__: 0)
    for settings in ({"options": {"pool_size": 5}}, {"smoke": True}, {"roi_loss": {"object_share": 0.5}}):
        assert script.main(script.Config(**settings)) == 0
    for settings in ({"options": {"alfa": 0.5}}, {"rpn_loss": {"alfa": 0.1}}, {"roi_loss": {"alfa": 0.1}}):
        with pytest.raises(ValueError, match=r"has the options .*Received: .*alfa"):
            script.main(script.Config(**settings))
    with pytest.raises(ValueError, match="Give --hidden-units by itself, not in --options"):
        script.main(script.Config(options={"hidden_units": 8}))
    with pytest.raises(ValueError, match="cannot be finished before the last: go on with --resume alone"):
        script.main(script.Config(training="alternating", finish=True))
    for variant, setting in (("rcnn", {"processes": 2}), ("fast", {"num_proposals": 9}), ("faster", {"search": 1})):
        with pytest.raises(
            ValueError, match=rf"--variant {variant} has no use for --{next(iter(setting))}".replace("_", "-")
        ):
            script.main(script.Config(variant=variant, **setting))
    for variant in ("rcnn", "fast"):
        with pytest.raises(ValueError, match=rf"--training alternating is for faster, .*Received: --variant {variant}"):
            script.main(script.Config(training="alternating", variant=variant))
