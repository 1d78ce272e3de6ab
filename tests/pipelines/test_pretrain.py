"""train_from_scratch.py and pretrain.py, and fine-tuning from what they leave."""

import json

import h5py
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def pretrained(run, workplace):
    """The run folder of `pretrain.py --smoke`: LeNet-5 on 32 pixels."""
    outcome = run("pretrain.py", "--smoke", "--output", "saved_models/pretrained")
    assert outcome.returncode == 0, outcome.stderr
    return workplace / "saved_models" / "pretrained"


@pytest.fixture(scope="module")
def photos(workplace):
    """As many classes as the scenes have, but others."""
    folder = workplace / "shades"
    for split in ("train", "val"):
        for shade in range(0, 250, 25):
            place = folder / split / f"shade{shade:03}"
            place.mkdir(parents=True)
            for number in range(2):
                Image.fromarray(np.full((20, 20, 3), shade + number, np.uint8)).save(place / f"{number}.png")
    return folder


def test_pretraining_leaves_the_run_folder_and_the_weights_without_the_head(pretrained):
    with h5py.File(pretrained / "headless.weights.h5") as file:
        names = set()
        file.visititems(lambda _, item: names.add(item.attrs.get("name")))
    assert {"C1", "C3"} <= names
    assert not {"C5", "F6", "predictions"} & names
    assert (pretrained / "model_int8.tflite").exists()
    card = json.loads((pretrained / "card.json").read_text())
    assert (card["architecture"], card["image_size"], card["weights"]) == ("lenet5", [32, 32], None)
    assert [stage["name"] for stage in card["stages"]] == ["from scratch"]


def test_fine_tuning_takes_the_network_and_its_size_from_the_run(pretrained, photos, run, workplace):
    outcome = run(
        "finetune.py", "--data", photos, "--weights", "saved_models/pretrained", "--head-epochs", "1",
        "--fine-tune-epochs", "1", "--fine-tune-from", "stride2", "--keep-over-budget",
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    card = json.loads((workplace / "saved_models" / "shades" / "card.json").read_text())
    assert (card["architecture"], card["image_size"]) == ("lenet5", [32, 32])
    assert card["weights"] == "saved_models/pretrained"
    assert card["weights_report"]["loaded"] == ["C1", "C3"]
    assert card["weights_report"]["missing"] == ["C5", "F6", "predictions"]


def test_training_from_scratch_leaves_no_headless_weights(run, workplace):
    outcome = run("train_from_scratch.py", "--smoke", "--options", "variant", "paper")
    assert outcome.returncode == 0, outcome.stderr
    folder = workplace / "saved_models" / "smoke_scratch"
    assert (folder / "model_int8.tflite").exists()
    assert not (folder / "headless.weights.h5").exists()
    assert json.loads((folder / "card.json").read_text())["options"] == {"variant": "paper"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--architecture", "lenet6"], "architecture must be one of lenet5, alexnet"),
        (["--architecture", "vgg16"], "sides of at least 32 pixels"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_sentence(call, arguments, message):
    outcome = call("train_from_scratch.py", "--data", "scenes/tiny", "--image-size", "24", "24", *arguments)
    assert outcome.returncode == 2
    assert message in outcome.stderr
    assert "Traceback" not in outcome.stderr
