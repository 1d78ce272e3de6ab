import base64
import copy
import io
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from kerascnn.metrics.detection import summarise_detections
from kerascnn.report import units
from kerascnn.report.gallery import Mistake
from kerascnn.report.html import write_html

CONFUSION = [[66, 4], [3, 80]]
EXPORT = {
    "bytes": 8_900_000,
    "score": 0.9542,
    "agreement": 1.0,
    "max_difference": 1.2e-6,
    "mean_difference": 3.4e-7,
    "latency_ms": 4.1,
    "latency_ms_2_threads": 2.4,
    "passed": True,
    "reason": None,
}


def _card():
    per_class = [
        {"class": "ants", "precision": 0.957, "recall": 0.943, "f1": 0.95, "support": 70},
        {"class": "bees", "precision": 0.952, "recall": 0.964, "f1": 0.948, "support": 83},
    ]
    validation = {
        "score": 146 / 153,
        "accuracy": 146 / 153,
        "loss": 0.1424,
        "examples": 153,
        "per_class": per_class,
        "confusion": CONFUSION,
    }
    small = {
        "bytes": 2_600_000,
        "score": 0.9477,
        "agreement": 0.9804,
        "latency_ms": 2.05,
        "latency_ms_2_threads": 1.25,
    }
    return {
        "kerascnn": "0.1.0",
        "task": "classification",
        "score_name": "accuracy",
        "monitor": "accuracy",
        "architecture": "mobilenet_v2",
        "weights": "stanford_dogs",
        "classes": ["ants", "bees"],
        "image_size": [160, 192],
        "parameters": 2260546,
        "command": "python pipelines/finetune.py --data photos",
        "created": "2026-11-23T18:00:00+00:00",
        "seed": 31,
        "interrupted": False,
        "versions": {"python": "3.11.7", "keras": "3.15.1"},
        "machine": {"processor": "fast one", "cores": 2},
        "data": {
            "source": "photos",
            "fingerprint": "sha256:abc123",
            "splits": {
                "train": {"examples": 244, "per_class": {"ants": 123, "bees": 121}},
                "validation": {"examples": 153, "per_class": {"ants": 70, "bees": 83}},
            },
            "set_aside": [],
            "clipped": [],
        },
        "weights_report": {"loaded": ["Conv1"], "skipped": ["dense"], "mismatched": []},
        "stages": [
            {
                "name": "head",
                "trainable": "head",
                "epochs": 10,
                "epochs_run": 7,
                "learning_rate": 0.001,
                "trained_parameters": 2562,
                "frozen_parameters": 2257984,
            }
        ],
        "metrics": {"validation": validation},
        "export": {
            "float32": {"file": "model_float32.tflite", **EXPORT},
            "int8": {**EXPORT, **small, "file": "model_int8.tflite"},
        },
        "seconds": 130.2,
    }


HISTORY = [
    {
        "stage": "head",
        "epoch": epoch,
        "learning_rate": 0.001,
        "loss": 0.5,
        "accuracy": 0.8,
        "val_loss": 0.6 / epoch,
        "val_accuracy": 0.9,
    }
    for epoch in (1, 2, 3)
]


def _mistake(true="ants", said="bees", note="91.3%", name="ants/1.jpg", shape=(9, 7)):
    return Mistake(np.zeros((*shape, 3), np.uint8), true, said, note, name)


def _write(folder, card, mistakes=(), history=HISTORY):
    path = write_html(folder, card, history, mistakes)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def _visible(html):
    """Return the text a reader sees, with single spaces."""

    class Reader(HTMLParser):
        hidden, words = 0, ()

        def handle_starttag(self, tag, attributes):
            self.hidden += tag in ("style", "script")

        def handle_endtag(self, tag):
            self.hidden -= tag in ("style", "script")

        def handle_data(self, data):
            if not self.hidden:
                self.words += tuple(data.split())

    reader = Reader()
    reader.feed(html)
    return " ".join(reader.words)


def test_every_number_of_the_card_is_on_the_page(tmp_path):
    text = _visible(_write(tmp_path, _card(), [_mistake()]))
    head = ["mobilenet_v2 on photos", "160 × 192", "2,260,546", "23 November 2026, 18:00 UTC", "2 min 10 s"]  # noqa: RUF001
    answer = ["95.4%", "146 of 153 right", "90.9% to 97.8%", "0.142", "66", "4", "3", "80"]
    classes = ["95.7%", "94.3%", "95.0%", "95.2%", "96.4%", "94.8%", "70", "83", "bees (4)", "ants (3)"]
    export = ["8.9 MB", "2.6 MB", "98.0%", "4.10 ms", "2.40 ms", "2.05 ms", "1.25 ms", "1.2 × 10⁻⁶", "3.4 × 10⁻⁷"]  # noqa: RUF001
    versus = ["3.4× smaller than float32", "2.0× faster than float32", "−0.7 points"]  # noqa: RUF001
    training = [
        "7 of 10",
        "0.001",
        "2,562",
        "2,257,984",
        "123",
        "121",
        "244",
        "1 loaded, 1 skipped, 0 of another shape",
    ]
    again = [
        "--data photos",
        "Seed 31",
        "sha256:abc123",
        "processor: fast one; cores: 2",
        "kerascnn 0.1.0, python 3.11.7",
    ]
    for part in head + answer + classes + export + versus + training + again + ["91.3%"]:
        assert part in text, part


def test_page_loads_nothing_and_runs_nothing(tmp_path):
    html = _write(tmp_path, _card(), [_mistake()])
    assert re.findall(r'(?:src|href|action|data)="(?!data:image|#)[^"]*"|url\((?!#)|@import|<link|<script', html) == []


def test_names_are_escaped(tmp_path):
    card = _card()
    evil = '<script>alert("1")</script>'
    card["classes"][0] = card["metrics"]["validation"]["per_class"][0]["class"] = evil
    card["data"]["splits"] = {"train": {"examples": 1, "per_class": {evil: 1}}}
    card["data"]["set_aside"] = [{"path": "<b>.jpg", "reason": "truncated: <i>"}]
    card["architecture"] = card["command"] = card["data"]["source"] = "<img src=x>"
    html = _write(tmp_path, card, [_mistake(evil, evil, name='"><img src=y>.jpg')])
    for tag in ("<script", "<img src=x", "<img src=y", "<b>", "<i>"):
        assert tag not in html
    assert evil in _visible(html)
    assert '"><img src=y>.jpg' in _visible(html)


def test_worst_class_stands_first_and_one_without_pictures_last(tmp_path):
    card = _card()
    card["classes"].append("wasps")
    card["metrics"]["validation"]["per_class"].append(
        {"class": "wasps", "precision": 0.0, "recall": None, "f1": 0.0, "support": 0}
    )
    card["metrics"]["validation"]["confusion"] = [[66, 4, 0], [3, 80, 0], [0, 0, 0]]
    html = _write(tmp_path, card)
    table = html[html.index("By class") : html.index("Worst mistakes")]
    assert re.findall(r'<th scope="row">(\w+)', table) == ["bees", "ants", "wasps"]
    assert "no pictures" in table


def test_validation_alone_is_called_optimistic(tmp_path):
    card = _card()
    assert "slightly optimistic" in _visible(_write(tmp_path, card))
    card["metrics"]["test"] = {**card["metrics"]["validation"], "accuracy": 0.9, "score": 0.9, "examples": 60}
    text = _visible(_write(tmp_path, card))
    assert "optimistic" not in text
    assert text.index("Accuracy, test") < text.index("Accuracy, validation")
    assert "54 of 60 right" in text


def test_mistakes_are_shown_in_order_up_to_a_limit(tmp_path):
    mistakes = [_mistake(name=f"ants/{index}.jpg") for index in range(30)]
    html = _write(tmp_path, _card(), mistakes)
    assert re.findall(r'alt="ants/(\d+).jpg"', html) == [str(index) for index in range(24)]
    assert "These are 24 of 30." in _visible(html)
    assert html.count("data:image/jpeg;base64,") == 24


def test_the_best_pictures_follow_the_worst_up_to_a_limit(tmp_path):
    best = [_mistake(name=f"best/{index}.jpg") for index in range(9)]
    html = write_html(tmp_path, _card(), HISTORY, [_mistake(name="worst.jpg")], best=best).read_text(encoding="utf-8")
    places = [html.index(name) for name in ("Worst pictures", "worst.jpg", "Best pictures", "best/0.jpg", "best/5.jpg")]
    assert places == sorted(places) and "best/6.jpg" not in html


def test_page_without_mistakes_says_so(tmp_path):
    card = _card()
    assert "No pictures of mistakes were kept" in _visible(_write(tmp_path, card))
    write_html(tmp_path, card, HISTORY, [], num_mistakes=0)
    assert "every validation picture was answered right" in _visible((tmp_path / "report.html").read_text("utf-8"))


def test_mistake_of_one_pixel_is_shown(tmp_path):
    assert "data:image/jpeg" in _write(tmp_path, _card(), [_mistake(shape=(1, 1))])


def test_failed_export_is_marked_and_the_smallest_passed_file_leads(tmp_path):
    card = _card()
    card["export"]["float16"] = {**EXPORT, "bytes": 4_500_000, "file": "model_float16.tflite"}
    card["export"]["int8"] = {"passed": False, "reason": "agreement is 63.0%"}
    text = _visible(_write(tmp_path, card))
    assert "int8 file failed agreement is 63.0%" in text
    assert "Size, float16 file 4.5 MB 2.0× smaller than float32" in text  # noqa: RUF001
    assert (
        f"int8 {' '.join([units.MISSING] * 7)} failed agreement is 63.0%" in text[text.index("Files for the phone") :]
    )


@pytest.mark.parametrize("export", [{}, {"int8": {"passed": False, "reason": "no"}}, {"float32": EXPORT}])
def test_export_may_miss_entries(tmp_path, export):
    text = _visible(_write(tmp_path, {**_card(), "export": export}))
    assert "than float32" not in text
    assert ("Files for the phone" in text) == bool(export)


def test_what_was_set_aside_is_counted_by_reason_most_frequent_first(tmp_path):
    card = _card()
    card["data"]["set_aside"] = [{"path": "a.gif", "reason": "not a picture"}]
    card["data"]["set_aside"] += [
        {"path": f"{index}.jpg", "reason": f"truncated: {index} bytes"} for index in range(300)
    ]
    text = _visible(_write(tmp_path, card))
    assert "301 items were not used" in text
    assert text.index("truncated: 300") < text.index("299.jpg truncated: 299 bytes") < text.index("not a picture: 1")


def test_clipped_boxes_are_counted_apart_from_what_was_not_used(tmp_path):
    card = _card()
    assert "Clipped" not in _visible(_write(tmp_path, card))
    card["data"]["clipped"] = [{"path": "a.xml, box 1", "reason": "box cut at the border: 1, 1, 9, 9 in 5 x 5"}]
    text = _visible(_write(tmp_path, card))
    assert "None: everything was usable" in text and "1 box was used without what lies outside" in text
    assert "a.xml, box 1 box cut at the border: 1, 1, 9, 9 in 5 x 5" in text


def test_interrupted_run_without_history_or_weights(tmp_path):
    card = {**_card(), "interrupted": True, "weights": None, "weights_report": None, "stages": [], "later": {"key": 1}}
    text = _visible(_write(tmp_path, card, history=[]))
    assert "This run was interrupted." in text
    assert "starting from random weights" in text
    assert "Dashed lines" not in text


def test_page_of_102_classes_folds_most_of_them(tmp_path):
    card = _card()
    names = [f"flower {index}" for index in range(102)]
    row = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    card["classes"] = names
    card["metrics"]["validation"]["per_class"] = [{"class": name, **row} for name in names]
    card["metrics"]["validation"]["confusion"] = np.ones((102, 102), int).tolist()
    card["data"]["splits"] = {"train": {"examples": 102, "per_class": dict.fromkeys(names, 1)}}
    html = _write(tmp_path, card)
    assert _visible(html).count("The other 87 classes") == 2
    assert len(html) < 300_000


def test_card_is_left_as_it_was(tmp_path):
    card = _card()
    before = copy.deepcopy(card)
    _write(tmp_path, card, [_mistake()])
    assert card == before


def test_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(source, target):
        raise OSError("disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_html(tmp_path, _card(), HISTORY, [_mistake()])
    assert list(tmp_path.iterdir()) == []


def test_duplicates_across_splits_are_the_readers_to_see(tmp_path):
    card = _card()
    card["data"]["duplicates_across_splits"] = [["train/ants/1.jpg", "val/bees/9.jpg"]]
    text = _visible(_write(tmp_path, card))
    assert "Duplicates across splits" in text
    assert "train/ants/1.jpg and val/bees/9.jpg" in text


def test_the_circle_is_at_the_epoch_that_the_card_names(tmp_path):
    assert "circled: epoch 2, the best" in _write(tmp_path, _card() | {"best_epoch": 2})


def test_mistakes_that_are_not_shown_are_counted(tmp_path):
    write_html(tmp_path, _card(), HISTORY, [_mistake()], num_mistakes=70)
    assert "These are 1 of 70." in _visible((tmp_path / "report.html").read_text(encoding="utf-8"))


BOXES = np.float32([[0, 0, 10, 10, 0], [20, 20, 40, 40, 1]])
FOUND = np.float32([[0, 0, 10, 10, 0.9, 0], [20, 20, 40, 41, 0.8, 0], [50, 50, 60, 60, 0.7, 1]])


def test_a_detector_made_of_a_classifier_has_its_curves_and_its_errors(tmp_path):
    metrics = summarise_detections([BOXES], [FOUND], ["ants", "bees"], score_threshold=0.5)
    text = _visible(_write(tmp_path, _card() | {"detection": {"metrics": {"validation": metrics}}}))
    assert "As a detector, validation: AP50 50.0%" in text
    assert "on 1 pictures with 2 objects" in text and "above 0.50" in text
    assert text.count("Dashed lines") == 1  # training is shown once
    assert "As a detector" not in _visible(_write(tmp_path, _card()))


def _detector_card(found):
    """The card of a detector that found some boxes, of ants, bees and wasps, of which there are none."""
    classes = ["ants", "bees", "wasps"]
    metrics = summarise_detections([BOXES], [found], classes, score_threshold=0.75) | {"score": 0.5}
    card = _card() | {"task": "yolo", "score_name": "AP50", "monitor": "ap", "classes": classes}
    return card | {"metrics": {"validation": metrics, "test": metrics}}


def test_a_detector_shows_each_split_and_the_largest_mistakes(tmp_path):
    history = [row | {"ap": 0.1, "val_ap": 0.2} for row in HISTORY]
    html = _write(tmp_path, _detector_card(FOUND), [_mistake(shape=(600, 300))], history)
    text = _visible(html)
    assert "Detection of 3 classes (ants, bees, wasps)" in text
    assert "Test: AP50 50.0% on 1 pictures with 2 objects" in text and "Validation: AP50 50.0%" in text
    assert "above 0.75, which did best on the validation pictures: precision 50.0%, recall 50.0%" in text
    assert "Average precision" in text and text.count("Dashed lines") == 1
    table = html[html.index("By class") : html.index("Worst mistakes")]
    assert re.findall(r'<th scope="row">(\w+)', table)[:3] == ["bees", "ants", "wasps"]
    assert "no objects, so nothing is known" in table
    assert "an object that was missed" in text and 'class="mistakes large"' in html
    (url,) = re.findall(r"data:image/jpeg;base64,([^\"]+)", html)
    assert Image.open(io.BytesIO(base64.b64decode(url))).size == (288, 576)


def test_a_detector_that_found_nothing_has_a_page_too(tmp_path):
    text = _visible(_write(tmp_path, _detector_card(FOUND[:0]), history=[]))
    assert "Test: AP50 0.0%" in text and f"precision {units.MISSING}, recall 0.0%" in text
