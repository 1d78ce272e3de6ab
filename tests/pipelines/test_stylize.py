"""stylize.py and train_fast_style.py, from the command line to pictures."""

import importlib
import json

import numpy as np
import pytest
from PIL import Image

from kerascnn.export import TFLiteModel
from kerascnn.report import read_history
from kerascnn.runs import open_run
from tests.pipelines.conftest import PIPELINES, encode


@pytest.fixture(scope="module")
def folder(run, workplace):
    outcome = run("stylize.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    return workplace / "saved_models" / "smoke_stylized"


def test_the_picture_and_how_it_came_to_be_are_written(folder):
    assert {each.name for each in folder.iterdir()} == {
        "picture.png",
        "growth.png",
        "betas.png",
        "costs.svg",
        "history.csv",
    }
    assert max(Image.open(folder / "picture.png").size) == 64
    assert [row["width"] for row in read_history(folder)] == [32, 32, 32, 64, 64]


def test_pictures_of_any_ratio_masks_and_a_picture_to_go_on_from(run, workplace):
    for seed, (name, size) in enumerate({"photo": (40, 99), "painting": (90, 33), "begun": (80, 198)}.items()):
        (workplace / f"{name}.png").write_bytes(encode(size, seed))
    Image.fromarray(np.pad(np.full((40, 50), 255, np.uint8), [(0, 0), (0, 49)])).save(workplace / "mask.png")
    given = ("--content", "photo.png", "--style", "painting.png", "--masks", "mask.png", "--start", "begun.png")
    layers = ("--content-layers", "block1_conv2", "1", "--style-layers", "block1_conv1_rgb", "1")
    outcome = run(
        "stylize.py", *given, *layers, "--weights", "None", "--image-size", "None", "--steps", "1", "--output", "made"
    )
    assert outcome.returncode == 0, outcome.stderr
    assert Image.open(workplace / "made" / "picture.png").size == (99, 40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Say what to make a picture of"),
        (("--content", "none.png", "--style", "none.png"), "All pictures are needed"),
        (("--content-weight", "-1", "--content", "a.png", "--style", "a.png"), "must not be negative"),
        (("--preview-every", "0", "--content", "a.png", "--style", "a.png"), "preview_every must be at least 1"),
        (("--betas", "-1", "--content", "a.png", "--style", "a.png"), "must not be negative"),
        (("--output", "file", "--content", "a.png", "--style", "a.png"), "Received: the file"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(call, workplace, arguments, message):
    (workplace / "file").touch()
    outcome = call("stylize.py", *arguments)
    assert outcome.returncode == 2
    assert message in " ".join(outcome.stderr.split())


@pytest.fixture(scope="module")
def painter(run, workplace):
    """The run folder of `train_fast_style.py --smoke`."""
    outcome = run("train_fast_style.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    assert "test: cost removed" in outcome.stdout
    return workplace / "saved_models" / "smoke_fast_style"


def test_the_run_folder_of_a_fast_network_is_complete(painter):
    card = json.loads((painter / "card.json").read_text(encoding="utf-8"))
    assert (card["task"], card["classes"], card["monitor"]) == ("fast_style", ["0"], "loss")
    assert set(card["export"]) == {"float32", "float16", "dynamic"} and card["export"]["float32"]["passed"]
    metrics = card["metrics"]["test"]
    assert metrics["score"] == max(0, 1 - metrics["total"] / metrics["untouched"])
    page = (painter / "report.html").read_text(encoding="utf-8")
    assert "of the cost removed on 32 photos" in page
    assert page.index("Worst pictures, test") < page.index("Best pictures, test")


def test_a_photo_is_stylised_in_one_pass_at_its_ratio(call, workplace, painter):
    (workplace / "photo.png").write_bytes(encode((40, 99), 0))
    arguments = ("--content", "photo.png", "--image-size", "66", "--output", "painted")
    outcome = call("stylize.py", *arguments, "--run", painter)
    assert outcome.returncode == 0, outcome.stderr
    assert Image.open(workplace / "painted" / "picture.png").size == (66, 27)
    assert call("stylize.py", *arguments, "--run", painter, "--style", "photo.png").returncode == 2


def test_a_phone_gets_the_picture_that_keras_makes(painter):
    task, _, _ = open_run(painter)
    photo = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    found = TFLiteModel((painter / "model_float32.tflite").read_bytes()).predict(photo)["picture"]
    np.testing.assert_allclose(found, task.serving_model().predict(photo, verbose=0)["picture"], atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--styles PAINTING"),
        (("--styles", "none.png"), "none.png"),
        (("--styles", "wide.png", "wide.png"), "different names"),
        (("--styles", "wide.png", "tall.png", "left.png"), "batch_size must be a multiple of the 3 styles"),
        (("--styles", "wide.png", "--image-size", "30", "32"), "multiple of 4"),
        (("--styles", "wide.png", "tall.png", "--output", "made/taken"), "taken_tall"),
    ],
)
def test_what_cannot_be_learnt_is_refused_before_photos_are_read(call, workplace, arguments, message):
    for seed, name in enumerate(("wide", "tall", "left")):
        (workplace / f"{name}.png").write_bytes(encode((40, 50), seed))
    (workplace / "made" / "taken_tall").mkdir(parents=True, exist_ok=True)
    outcome = call("train_fast_style.py", *arguments, "--data", "photos:nowhere")
    assert outcome.returncode == 2
    assert message in " ".join(outcome.stderr.split())


def test_a_preview_is_written_every_few_steps_and_what_grows_is_kept(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(PIPELINES)
    growth = importlib.import_module("stylize").Growth(tmp_path / "preview.png", every=2)
    written = []
    for step in range(1, 8):
        growth.keep({"step": step}, lambda step=step: np.full((32, 40, 3), step, np.uint8))
        if growth.preview.exists():
            written.append(int(np.asarray(Image.open(growth.preview))[0, 0, 0]))
    assert written == [2, 2, 4, 4, 6, 6]
    assert {name: picture[0, 0, 0] for name, picture in growth.pictures.items()} == {
        f"step {step}": step for step in (1, 2, 3, 5)
    }
