"""train_faces.py and the scripts that ask it, from the command line to vectors on a phone."""

import importlib
import json

import numpy as np
import pytest
from mediapipe import Image, ImageFormat
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageEmbedder, ImageEmbedderOptions
from PIL import Image as Picture

from kerascnn.data import open_source
from kerascnn.export import PRECISIONS, TFLiteModel
from kerascnn.runs import open_run
from tests.pipelines.conftest import PIPELINES, SMALL_NETWORK


@pytest.fixture(scope="module")
def folder(run, workplace):
    """The run folder of `train_faces.py --smoke`."""
    outcome = run("train_faces.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    assert "test: 1 - EER" in outcome.stdout
    return workplace / "saved_models" / "smoke_faces"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A folder of three people of the embedded data, who are not trained on, with three pictures each."""
    root, split = tmp_path_factory.mktemp("people"), open_source("faces/tiny", annotation="identity").test
    for who, name in enumerate(("ann", "bob", "cyd")):
        (root / name).mkdir()
        for number in range(3):
            Picture.fromarray(split.picture(5 * who + number)).save(root / name / f"{name}_{number + 1:04d}.png")
    return root


def test_the_run_folder_is_complete_and_its_card_is_true(folder):
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert (card["task"], card["score_name"], card["monitor"]) == ("faces", "1 - EER", "auc")
    metrics = card["metrics"]["test"]
    assert metrics["score"] == 1 - metrics["eer"]
    assert (metrics["examples"], metrics["identities"]) == (30, 6)
    assert metrics["pairs"] == {"same": 60, "different": 375}
    assert card["metrics"]["validation"]["at_threshold"]["far"] <= card["chosen"]["wanted_far"] == 0.01
    assert set(card["export"]) == set(PRECISIONS) and card["export"]["float32"]["passed"]
    assert (folder / "labels.txt").read_text() == "face\n"  # and nobody's name
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Similarities of pairs, test" in page and "Map of the vectors, test" in page


@pytest.mark.parametrize("precision", PRECISIONS)
def test_mediapipe_gives_the_same_similarities(folder, precision):
    content = (folder / f"model_{precision}.tflite").read_bytes()
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    expected = TFLiteModel(content).predict(pictures)["embedding"]
    options = ImageEmbedderOptions(BaseOptions(model_asset_buffer=content))
    with ImageEmbedder.create_from_options(options) as client:
        found = [client.embed(Image(ImageFormat.SRGB, picture)).embeddings[0] for picture in pictures]
    for each, vector in zip(found, expected, strict=True):
        np.testing.assert_allclose(each.embedding, vector, atol=1e-5)
    similarity = ImageEmbedder.cosine_similarity(found[0], found[1])
    assert similarity == pytest.approx(expected[0] @ expected[1], abs=1e-4)


def test_people_are_enrolled_found_and_forgotten(folder, people, call, tmp_path):
    gallery = tmp_path / "people.npz"
    asked = ("--run", folder, "--gallery", gallery)
    assert call("enroll_faces.py", *asked, "--folder", people, "--threshold", "-1").returncode == 0
    outcome = call("identify_faces.py", people / "bob", *asked, "--top", "3", "--save", tmp_path / "found")
    assert outcome.returncode == 0, outcome.stderr
    rows = [line for line in outcome.stdout.splitlines() if "bob_" in line]
    assert len(rows) == 3 and all("bob 1.00" in row and "ann" in row for row in rows)
    assert len(list((tmp_path / "found").iterdir())) == 3
    outcome = call("enroll_faces.py", *asked, "--remove", "bob")
    assert outcome.returncode == 0 and "knows 2 people" in outcome.stderr
    outcome = call("identify_faces.py", people / "bob", *asked, "--top", "3")
    assert not any("bob 1.00" in line for line in outcome.stdout.splitlines())
    files = (people / "bob" / "bob_0001.png", people / "bob" / "bob_0002.png")
    assert call("enroll_faces.py", *files, "--name", "bob", *asked, "--model", "float32").returncode == 0
    assert "bob 1.00" in call("identify_faces.py", files[0], *asked).stdout


def test_two_pictures_are_verified_and_pairs_are_measured(folder, people, call, tmp_path):
    first, second = people / "ann" / "ann_0001.png", people / "cyd" / "cyd_0001.png"
    outcome = call("verify_faces.py", first, first, "--run", folder, "--threshold", "0.9")
    assert outcome.returncode == 0 and "the same person: similarity 1.000" in outcome.stdout
    outcome = call("verify_faces.py", first, second, "--run", folder, "--threshold", "1.1")
    assert outcome.returncode == 1 and "different people" in outcome.stdout
    (tmp_path / "pairs.txt").write_text("2 1\nann 1 2\nann 1 bob 1\ncyd 1 3\ncyd 2 bob 3\n")
    outcome = call("verify_faces.py", "--pairs", tmp_path / "pairs.txt", "--folder", people, "--run", folder)
    assert outcome.returncode == 0, outcome.stderr
    assert "equal error rate" in outcome.stdout and "accuracy over folds" in outcome.stdout


def test_other_scripts_take_the_run_or_say_why_not(folder, people, call):
    outcome = call("evaluate.py", "--run", folder, "--split", "test", "--model", "int8")
    assert outcome.returncode == 0 and "1 - EER" in outcome.stdout and "tar" in outcome.stdout
    outcome = call("predict.py", "--run", folder, people / "ann")
    assert outcome.returncode == 2 and "says nothing by itself" in outcome.stderr


def test_what_cannot_be_done_is_said(folder, people, call, tmp_path, smoke_run):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    picture, gallery = people / "ann" / "ann_0001.png", tmp_path / "new.npz"
    for script, arguments, message in (
        ("enroll_faces.py", ("--gallery", gallery), "Say one of --name NAME PICTURE"),
        ("enroll_faces.py", ("--gallery", gallery, picture, "--remove", "ann"), "Pictures and --name go together"),
        ("enroll_faces.py", ("--gallery", gallery, picture, "--name", "ann"), "Say which run to ask"),
        ("enroll_faces.py", ("--run", folder, "--gallery", gallery, "--remove", "eve"), "is called 'eve'"),
        (
            "enroll_faces.py",
            ("--run", smoke_run, picture, "--name", "a"),
            "no run of train_faces.py: its task",
        ),
        ("identify_faces.py", ("--run", folder, "--gallery", gallery, picture), "There is no gallery"),
        ("verify_faces.py", ("--run", folder, picture, "--pairs", gallery, "--folder", people), "Give two"),
        ("verify_faces.py", ("--run", folder, picture), "Give two pictures, or --pairs FILE --folder FOLDER"),
        ("verify_faces.py", ("--run", folder, picture, tmp_path / "bad.png"), "Both pictures are needed"),
        ("verify_faces.py", ("--run", folder, picture, picture, "--landmarks", folder), "no run of train_landmarks.py"),
    ):
        outcome = call(script, *arguments)
        assert outcome.returncode == 2 and message in " ".join(outcome.stderr.split())
    assert not gallery.exists()


def test_options_are_those_of_the_loss(monkeypatch):
    monkeypatch.syspath_prepend(PIPELINES)
    script = importlib.import_module("train_faces")
    options = script._loss_options
    assert options(script.Config(margin=0.3)) == {"mining": "semihard", "distance": "squared", "margin": 0.3}
    assert options(script.Config(loss="arcface", margin=0.3)) == {"margin": 0.3}
    assert options(script.Config(loss="softmax", margin=0.3)) == {}
    with pytest.raises(ValueError, match=r"has the options .*Received: alfa"):
        script.main(script.Config(options={"alfa": 0.5}))


def test_the_threshold_of_the_card_is_that_of_the_opened_run(folder):
    task, card, _ = open_run(folder)
    assert task.threshold == card["chosen"]["threshold"]


def test_people_are_aligned_and_stay_in_their_folders(run, workplace, people, tmp_path):
    landmarks, output = workplace / "saved_models" / "smoke_landmarks", tmp_path / "aligned"
    if not landmarks.exists():  # other tests leave it here too
        outcome = run("train_landmarks.py", "--smoke", *SMALL_NETWORK)
        assert outcome.returncode == 0, outcome.stderr
    (people / "ann" / "bad.png").write_bytes(b"no picture")
    outcome = run("align_faces.py", people, "--landmarks", landmarks, "--output", output, "--image-size", "48", "40")
    (people / "ann" / "bad.png").unlink()
    assert outcome.returncode == 1 and "bad.png was left out" in " ".join(outcome.stderr.split())
    names = {str(file.relative_to(output)) for file in output.rglob("*.png")}
    assert names == {str(file.relative_to(people)) for file in people.rglob("*.png")}
    assert {Picture.open(output / name).size for name in names} == {(40, 48)}
    outcome = run("align_faces.py", people, "--landmarks", landmarks, "--output", output)
    assert outcome.returncode == 2 and "aligned" in outcome.stderr  # it is there
    for ending in (".png", ".jpg"):
        (tmp_path / f"same{ending}").touch()
    outcome = run("align_faces.py", tmp_path, "--landmarks", landmarks, "--output", tmp_path / "other")
    assert outcome.returncode == 2 and "all become .png" in " ".join(outcome.stderr.split())
