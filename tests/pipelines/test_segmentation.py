"""train_segmenter.py and segment.py, from the command line to masks on a phone."""

import csv
import importlib
import json

import numpy as np
import pytest
from mediapipe import Image, ImageFormat
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageSegmenter, ImageSegmenterOptions
from PIL import Image as Picture

from kerascnn.export import PRECISIONS, TFLiteModel
from tests.pipelines.conftest import PIPELINES, SMALL_NETWORK


@pytest.fixture(scope="module")
def folder(run, workplace):
    """The run folder of `train_segmenter.py --smoke`."""
    outcome = run("train_segmenter.py", "--smoke", *SMALL_NETWORK)
    assert outcome.returncode == 0, outcome.stderr
    assert "test: mean IoU" in outcome.stdout
    return workplace / "saved_models" / "smoke_segmenter"


def test_the_run_folder_is_complete_and_its_card_is_true(folder):
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert (card["task"], card["score_name"], card["monitor"]) == ("segmentation", "mean IoU", "mean_iou")
    metrics = card["metrics"]["test"]
    assert metrics["score"] == metrics["mean_iou"] and metrics["examples"] == 40
    assert sum(map(sum, metrics["confusion"])) <= 40 * 64 * 64
    assert [row["class"] for row in metrics["per_class"]] == card["classes"]
    assert set(card["export"]) == set(PRECISIONS) and card["export"]["float32"]["passed"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "By class, worst first" in page and "Confusion matrix, test" in page
    assert page.index("Worst pictures, test") < page.index("Best pictures, test")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_mediapipe_gives_the_same_masks(folder, precision):
    content = (folder / f"model_{precision}.tflite").read_bytes()
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    options = ImageSegmenterOptions(
        BaseOptions(model_asset_buffer=content), output_category_mask=True, output_confidence_masks=True
    )
    with ImageSegmenter.create_from_options(options) as client:
        found = client.segment(Image(ImageFormat.SRGB, picture))
        assert client.labels == json.loads((folder / "card.json").read_text(encoding="utf-8"))["classes"]
    expected = TFLiteModel(content).predict(picture[np.newaxis])["probabilities"][0]
    confidences = np.stack([mask.numpy_view().reshape(64, 64) for mask in found.confidence_masks], axis=-1)
    np.testing.assert_allclose(confidences, expected, atol=1e-6)
    np.testing.assert_array_equal(found.category_mask.numpy_view().reshape(64, 64), expected.argmax(axis=-1))


def test_of_golden_masks_some_probabilities_of_every_class_are_written(folder):
    golden = json.loads((folder / "golden" / "expected.json").read_text(encoding="utf-8"))
    assert (folder / "golden" / "expected.json").stat().st_size < 1_000_000
    model = TFLiteModel((folder / "model_float32.tflite").read_bytes())
    for name, outputs in golden["expected"]["float32"]["outputs"].items():
        picture = np.asarray(Picture.open(folder / "golden" / name))
        found = model.predict(picture[np.newaxis])["probabilities"]
        step, values = outputs["probabilities"]["step"], outputs["probabilities"]["values"]
        np.testing.assert_allclose(found.ravel()[::step], values, atol=1e-6)
        places = np.arange(0, found.size, step)
        assert set(places % len(golden["classes"])) == set(range(len(golden["classes"])))


def test_other_scripts_take_the_run(folder, call, tmp_path):
    outcome = call("evaluate.py", "--run", folder, "--split", "test", "--model", "int8")
    assert outcome.returncode == 0 and "mean IoU" in outcome.stdout and "umbrella" in outcome.stdout


def test_masks_areas_and_pieces_are_saved(folder, call, tmp_path):
    sizes = {"wide": (50, 90), "small": (20, 30)}
    for name, size in sizes.items():
        values = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
        Picture.fromarray(values).save(tmp_path / f"{name}.png")
    files = [tmp_path / f"{name}.png" for name in sizes]
    options = ("--run", folder, "--model", "float32", "--tiled", "--pieces", "--save", tmp_path / "found")
    outcome = call("segment.py", *files, *options)
    assert outcome.returncode == 0, outcome.stderr
    with (tmp_path / "found" / "areas.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, (name, size) in enumerate(sizes.items()):
        mask = np.asarray(Picture.open(tmp_path / "found" / f"{number:03d}_{name}_mask.png"))
        assert mask.shape == size
        own = [row for row in rows if row["file"].endswith(f"{name}.png")]
        shares = [float(row["area"]) for row in own]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        np.testing.assert_allclose(shares, np.bincount(mask.ravel(), minlength=11) / mask.size, atol=1e-6)
        drawn = Picture.open(tmp_path / "found" / f"{number:03d}_{name}.png")
        assert drawn.height > size[0]  # a legend stands below


def test_what_cannot_be_segmented_is_said(folder, call, tmp_path, smoke_run):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    for arguments, message in (
        ((), "Say which run to ask"),
        ((tmp_path / "bad.png", "--run", folder), "None of the pictures can be read"),
        ((tmp_path / "bad.png", "--run", smoke_run), "no run of train_segmenter.py: its task is classification"),
        ((tmp_path / "bad.png", "--run", folder, "--save", tmp_path / "bad.png"), "saved to a folder"),
    ):
        outcome = call("segment.py", *arguments)
        assert outcome.returncode != 0 and message in outcome.stderr


def test_options_are_checked_before_data_are_read(monkeypatch):
    monkeypatch.syspath_prepend(PIPELINES)
    script = importlib.import_module("train_segmenter")
    monkeypatch.setattr(script, "train", lambda *_, **__: 0)
    for settings in ({"options": {"filters": 5}}, {"smoke": True}, {"architecture": "unet", "options": {"depth": 3}}):
        assert script.main(script.Config(**settings)) == 0
    for settings in ({"options": {"alfa": 0.5}}, {"architecture": "deconvnet", "options": {"alfa": 0.5}}):
        with pytest.raises(ValueError, match=r"has the options .*Received: alfa"):
            script.main(script.Config(**settings))
