"""finetune.py, from the command line to the run folder."""

import csv
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kerascnn.export import PRECISIONS


@pytest.fixture(scope="module")
def card(smoke_run):
    return json.loads((smoke_run / "card.json").read_text())


def test_the_run_folder_is_complete(smoke_run):
    expected = {"model.keras", "saved_model", "labels.txt", "golden", "card.json", "history.csv", "report.html"}
    expected |= {f"model_{precision}.tflite" for precision in PRECISIONS}
    assert {each.name for each in smoke_run.iterdir()} == expected


def test_the_card_answers_what_people_ask(card):
    assert 0 <= card["metrics"]["validation"]["accuracy"] <= 1
    assert card["metrics"]["test"]["examples"] == 40
    assert card["data"]["set_aside"] == []
    assert card["data"]["fingerprint"].startswith("sha256:")
    assert card["seconds"] > 0
    for precision in PRECISIONS:
        row = card["export"][precision]
        numbers = ("bytes", "score", "agreement", "max_difference", "latency_ms", "latency_ms_2_threads")
        assert all(isinstance(row[key], int | float) for key in numbers)


def test_the_accuracy_is_that_of_the_confusion_matrix(card):
    for metrics in card["metrics"].values():
        confusion = np.array(metrics["confusion"])
        assert confusion.sum() == metrics["examples"]
        assert metrics["accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())


def test_the_history_has_a_row_an_epoch_and_no_times(smoke_run, card):
    with open(smoke_run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == ["head", "fine-tune"]
    assert not any("second" in column or "time" in column for column in rows[0])
    assert sum(stage["epochs_run"] for stage in card["stages"]) == len(rows)


def test_the_same_seed_gives_the_same_history(smoke_run, run, workplace):
    outcome = run("finetune.py", "--smoke", "--output", "saved_models/again")
    assert outcome.returncode == 0, outcome.stderr
    first, second = ((workplace / "saved_models" / name / "history.csv").read_bytes() for name in ("smoke", "again"))
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "There is no folder nowhere"),
        (["--data", "tfds:no_such_data_set"], "There is no data set no_such_data_set"),
        (["--data", "scenes/huge"], "scenes comes as full, tiny"),
        (["--data", "scenes/tiny", "--weights", "no_such_weights"], "There are no weights at no_such_weights"),
        (["--data", "scenes/tiny", "--weights", "none", "--image-size", "8", "8"], "at least 32 pixels"),
        (["--data", "scenes/tiny", "--weights", "none", "--fine-tune-from", "stride3"], "stride2, stride4"),
        (["--data", "scenes/tiny", "--output", "saved_models/smoke"], "--overwrite"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_and_leaves_nothing(smoke_run, call, arguments, message):
    before = {each.name for each in smoke_run.parent.iterdir()}
    outcome = call("finetune.py", *arguments)
    assert outcome.returncode == 2
    assert message in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert {each.name for each in smoke_run.parent.iterdir()} == before


def make_bad_files(picture: bytes) -> dict[str, bytes]:
    """Twenty kinds of files that are no usable picture, by name; `picture` is a good PNG."""
    bomb = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return {
        "empty.jpg": b"",
        "one_byte.jpg": b"\xff",
        "notes.jpg": b"not a picture",
        "page.png": b"<!doctype html><title>404</title>",
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "truncated.png": picture[: len(picture) // 2],
        "header.png": picture[:33],
        "wrong_crc.png": picture[:60] + bytes([picture[60] ^ 255]) + picture[61:],
        "bomb.png": bomb + struct.pack(">I", zlib.crc32(bomb[12:])),
        "jpeg_header.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
        "gif_header.gif": b"GIF89a\x10\x00\x10\x00",
        "webp_header.webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
        "tiff_header.tif": b"II*\x00\x08\x00\x00\x00",
        "zeros.bmp": bytes(500),
        "noise.jpg": np.random.default_rng(0).bytes(500),
        "photo.heic": b"\x00\x00\x00\x18ftypheic" + bytes(100),
        "archive.zip": b"PK\x03\x04" + bytes(100),
        "paper.pdf": b"%PDF-1.7\n",
        "Thumbs.db": b"\xd0\xcf\x11\xe0" + bytes(100),
        ".DS_Store": b"\x00\x00\x00\x01Bud1",
    }


def test_twenty_kinds_of_bad_files_are_listed_in_the_card_and_left_alone(run, workplace):
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for label, name in enumerate(("dark", "light")):
            folder = workplace / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 100, (40, 50, 3)) + 150 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    place = workplace / "photos" / "train" / "dark"
    bad = make_bad_files((place / "0.png").read_bytes())
    for name, content in bad.items():
        (place / name).write_bytes(content)
    outcome = run(
        "finetune.py", "--data", "photos", "--weights", "none", "--image-size", "32", "32",
        "--head-epochs", "1", "--fine-tune-epochs", "0", "--keep-over-budget",
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    card = json.loads((workplace / "saved_models" / "photos" / "card.json").read_text())
    assert {entry["path"] for entry in card["data"]["set_aside"]} == {f"train/dark/{name}" for name in bad}
    assert all(entry["reason"] for entry in card["data"]["set_aside"])
    assert card["data"]["splits"]["train"]["per_class"] == {"dark": 6, "light": 6}
    assert {name: (place / name).read_bytes() for name in bad} == bad
