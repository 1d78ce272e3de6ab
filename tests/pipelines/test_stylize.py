"""stylize.py, from the command line to a picture."""

import numpy as np
import pytest
from PIL import Image

from kerascnn.report import read_history


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


def test_pictures_of_any_ratio_masks_and_a_picture_to_go_on_from(run, workplace, folder):
    places = [workplace / f"{name}.png" for name in ("wide", "tall", "left")]
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 99, 3), np.uint8)).save(places[0])
    Image.fromarray(rng.integers(0, 256, (90, 33, 3), np.uint8)).save(places[1])
    Image.fromarray(np.pad(np.full((40, 50), 255, np.uint8), [(0, 0), (0, 49)])).save(places[2])
    given = ("--content", places[0], "--style", places[1], "--masks", places[2], "--start", folder / "picture.png")
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
        (("--output", "file", "--content", "a.png", "--style", "a.png"), "Received: the file"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(call, workplace, arguments, message):
    (workplace / "file").touch()
    outcome = call("stylize.py", *arguments)
    assert outcome.returncode == 2
    assert message in " ".join(outcome.stderr.split())
