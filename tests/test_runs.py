"""The run folder: what is in its card and its report, and what is kept when something fails."""

import json
import shutil
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerascnn.data import Source, Split
from kerascnn.data.resize import resize_sample
from kerascnn.export import PRECISIONS
from kerascnn.report import read_card
from kerascnn.runs import (
    RunFacts,
    export_run,
    load_answerer,
    load_predictor,
    open_data,
    open_pictures,
    open_run,
    opening,
    read_network,
    write_run,
    write_trained_run,
    writing,
)
from kerascnn.tasks import ClassificationTask, classification, landmarks, localization, region_detection
from kerascnn.training import History, Stage

CLASSES = ("dark", "light")
ROW = {"stage": "head", "epoch": 1, "learning_rate": 1e-3, "accuracy": 0.5, "loss": 0.7}
STAGE = Stage("head", 1, 1e-3).settings() | {"epochs_run": 1, "trained_parameters": 10, "frozen_parameters": 112}
HISTORY = History([ROW | {"val_accuracy": 0.75, "val_loss": 0.6}], [STAGE], best_epoch=1)


def make_split(count: int, *, wrong: int = 0, start: int = 0) -> Split:
    """Dark and light pictures in turn; the labels of the first `wrong` are exchanged."""
    labels = np.arange(count, dtype=np.int32) % 2
    images = np.full((count, 16, 16, 3), 40, np.uint8)
    images[labels == 1] = 210
    images[:, 0, 0, 0] = start + np.arange(count)  # so that no two are the same
    labels[:wrong] = 1 - labels[:wrong]
    digests = [str(start + index) for index in range(count)]
    return Split(
        [f"{digest}.png" for digest in digests],
        {"label": labels},
        digests,
        lambda index: {"image": tf.constant(images)[index], "label": tf.constant(labels)[index]},
    )


@pytest.fixture(scope="module")
def source() -> Source:
    """Data on which a classifier by brightness makes 1 mistake in validation and 3 in test."""
    return Source("data", CLASSES, make_split(12), make_split(8, wrong=1, start=50), make_split(10, wrong=3, start=90))


@pytest.fixture(scope="module")
def task() -> ClassificationTask:
    """A classifier by brightness."""
    inputs = layers.Input((16, 16, 3), name="image")
    x = layers.Conv2D(4, 3, kernel_initializer="ones", activation="relu")(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(2, name="predictions")(layers.GlobalAveragePooling2D()(x)), name="bright")
    # The average of a channel is 27 times the brightness, which is 0.16 or 0.82.
    model.get_layer("predictions").set_weights([np.float32([[-0.1, 0.1]] * 4), np.float32([5.3, -5.3])])
    return ClassificationTask(model, CLASSES)


@pytest.fixture
def facts() -> RunFacts:
    return RunFacts("python train.py", {"epochs": 1}, 0, time.monotonic())


@pytest.fixture(scope="module")
def written(tmp_path_factory, task, source):
    """A run folder and its card."""
    path = tmp_path_factory.mktemp("runs") / "run"
    facts = RunFacts("python train.py", {"epochs": 1}, 0, time.monotonic())
    return path, write_run(path, task, source, HISTORY, facts)


def test_the_card_says_how_the_run_was_made_and_what_came_of_it(written):
    path, card = written
    stored = read_card(path)
    assert stored == json.loads(json.dumps(card))
    assert stored["config"] == {"epochs": 1}
    assert stored["command"] == "python train.py"
    assert (stored["architecture"], stored["options"], stored["weights"]) == ("bright", {}, None)
    assert stored["metrics"]["validation"]["accuracy"] == 7 / 8
    assert stored["metrics"]["test"]["accuracy"] == 7 / 10
    assert tuple(stored["export"]) == PRECISIONS
    assert stored["seconds"] >= 0


def test_each_split_is_evaluated_once(tmp_path, task, source, facts, monkeypatch):
    evaluated = []

    def evaluate(self, outputs, targets):
        evaluated.append(len(targets))
        return summarise(self, outputs, targets)

    summarise = ClassificationTask.evaluate
    monkeypatch.setattr(ClassificationTask, "evaluate", evaluate)
    card = write_run(tmp_path / "run", task, source, HISTORY, facts)
    assert evaluated == [8, 10] + [8] * len(PRECISIONS)  # the Keras model on both splits, and each file
    assert card["metrics"]["validation"]["score"] == 7 / 8 and card["metrics"]["test"]["score"] == 7 / 10


def test_the_report_shows_the_mistakes_of_the_split_that_it_leads_with(written):
    page = (written[0] / "report.html").read_text()
    assert all(name in page for name in ("90.png", "91.png", "92.png"))
    assert "50.png" not in page


def test_a_run_is_opened_as_it_was_written(written, task):
    opened, card, history = open_run(written[0])
    pictures = np.zeros((1, 16, 16, 3))
    np.testing.assert_allclose(opened.model(pictures), task.model(pictures), atol=1e-6)
    assert history == HISTORY
    assert card["classes"] == list(CLASSES)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (classification, {}),
        (classification, {"label_smoothing": 0.2}),
        (localization, {"loss_options": {"form": "squared", "box_form": "squared", "box_weight": 12.5}}),
        (landmarks, {"loss_options": {"form": "l2", "visibility_weight": 0.5}}),
        (landmarks, {}),
    ],
)
def test_a_run_is_opened_with_the_loss_that_it_was_trained_with(tmp_path, source, facts, make, options):
    task = make("lenet5", CLASSES, image_size=(32, 32), **options)
    opened, card, _ = open_run(write_trained_run(tmp_path / "run", task, source, HISTORY, facts))
    found, expected = opened.loss, task.loss
    assert type(found) is type(expected)
    assert found.get_config() | {"name": ""} == expected.get_config() | {"name": ""}  # Keras numbers the names
    assert card["loss_options"] == options.get("loss_options", options)


def test_windows_of_a_run_cannot_be_opened_again(written):
    card = read_card(written[0]) | {"detection": {}}
    with pytest.raises(ValueError, match=r"evaluate\.py measures"):
        open_data(card)


def test_pictures_of_windows_are_opened_again(written, source, monkeypatch, caplog):
    def open_source(data, *, seed, annotation):
        asked.append((data, seed, annotation))
        return source

    asked = []
    monkeypatch.setattr(opening, "open_source", open_source)
    facts = {"classes": list(CLASSES), "data": {"source": "voc:cells", "fingerprint": source.fingerprint}}
    card = read_card(written[0]) | {"seed": 5, "detection": facts}
    assert open_pictures(card) is source
    assert open_pictures(card, "coco:others") is source
    assert asked == [("voc:cells", 5, "boxes"), ("coco:others", 5, "boxes")]
    assert not caplog.records
    facts["data"]["fingerprint"] = "sha256:0"
    open_pictures(card)
    assert "the AP50 too high" in caplog.text
    facts["classes"] = ["a", "b"]
    with pytest.raises(ValueError, match="has the classes dark, light, and the run knows a, b"):
        open_pictures(card)


def test_a_run_without_a_detector_has_no_pictures_of_its_own(written):
    with pytest.raises(ValueError, match=r"one of classification: open its data"):
        open_pictures(read_card(written[0]))


def test_a_card_that_lacks_what_it_needs_is_refused(tmp_path):
    (tmp_path / "card.json").write_text('{"task": "yolo", "classes": ["a"]}')
    with pytest.raises(ValueError, match=r"lacks architecture, stages, best_epoch, interrupted: it is not"):
        open_run(tmp_path)


def test_a_card_of_version_1_is_read(written, tmp_path):
    shutil.copytree(written[0], tmp_path / "old")
    card = read_card(tmp_path / "old")
    old = {key: value for key, value in card.items() if key not in ("score_name", "monitor", "loss_options")}
    (tmp_path / "old" / "card.json").write_text(json.dumps(old))
    _, found, _ = open_run(tmp_path / "old")
    assert (found["score_name"], found["monitor"]) == ("accuracy", "accuracy")


def test_the_network_of_a_run_folder_is_read_from_its_card(written, tmp_path):
    assert read_network(written[0]) == {"architecture": "bright", "options": {}, "image_size": [16, 16]}
    assert read_network(None) == read_network("imagenet") == read_network(tmp_path) == {}


@pytest.mark.parametrize("model", ["keras", *PRECISIONS])
def test_every_model_of_a_run_predicts(written, task, source, model):
    predict = load_predictor(written[0], task, model)
    images = np.stack([source.valid.picture(index) for index in range(8)])
    answers = predict([(images[:5], np.arange(5)), (images[5:], np.arange(5, 8))])
    assert answers.outputs["probabilities"].argmax(-1).tolist() == [0, 1] * 4
    np.testing.assert_array_equal(answers.targets, np.arange(8))


@pytest.mark.parametrize("model", ["keras", "int8"])
def test_a_model_of_a_run_is_asked_about_pictures_of_any_size(written, task, model):
    ask = load_answerer(written[0], task, model)
    answers = [ask(np.full((*size, 3), level, np.uint8)) for size, level in (((16, 16), 40), ((33, 70), 210))]
    assert [answer.class_name for answer in answers] == ["dark", "light"]


def test_a_model_that_is_told_where_to_look_gets_the_proposals_of_each_picture(tmp_path, monkeypatch):
    keras.utils.set_random_seed(0)
    options = {"image_size": (32, 64), "strides": (16,), "pool_size": 3, "hidden_units": 8, "alpha": 0.35}
    task = replace(region_detection("mobilenet_v2", CLASSES, **options), score_threshold=0.1)
    picture = np.random.default_rng(0).integers(0, 256, (64, 128, 3)).astype(np.uint8)
    found = np.float32([[0, 0, 40, 40], [20, 10, 90, 60], [50, 30, 70, 50]])
    serve = task.serving_model()
    monkeypatch.setattr(opening, "read_card", lambda _: {"proposals": {"max_proposals": 5}})
    for count in (3, 1, 0):
        monkeypatch.setattr(opening, "selective_search", lambda image, max_proposals, count=count: found[:count])
        answer = load_answerer(tmp_path, task, "keras")(picture)
        small = task.inputs(resize_sample({"image": picture, "proposals": found[:count]}, task.image_size))
        outputs = serve.predict({name: np.asarray(each)[np.newaxis] for name, each in small.items()}, verbose=0)
        (expected,) = task.answers(outputs, [picture.shape[:2]])
        assert bool(len(expected)) == bool(count)
        np.testing.assert_allclose(answer.rows, expected.rows, atol=1e-3)


def test_an_unknown_model_and_a_missing_file_are_errors(written, task, tmp_path):
    for load in (load_predictor, load_answerer):
        with pytest.raises(ValueError, match="float64"):
            load(written[0], task, "float64")
    with pytest.raises(FileNotFoundError, match="missed its budget"):
        load_predictor(tmp_path, task, "int8")


def test_what_was_trained_is_kept_when_the_export_fails(tmp_path, task, source, facts, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no converter")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "write_exports", fail)
        with pytest.raises(RuntimeError, match="no converter"):
            write_run(tmp_path / "run", task, source, HISTORY, facts)
    assert [each.name for each in tmp_path.iterdir()] == ["run.incomplete"]
    card = export_run(tmp_path / "run", tmp_path / "run.incomplete", source, "python export.py")
    assert card["command"] == "python train.py"
    assert card["exported"]["command"] == "python export.py"
    assert (tmp_path / "run" / "report.html").exists()


def test_what_was_trained_on_another_backend_is_written_for_an_export_in_another_process(
    tmp_path, task, source, facts, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(keras.backend, "backend", lambda: "jax")
        with pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow"):
            write_run(tmp_path / "run", task, source, HISTORY, facts)
        trained = write_trained_run(tmp_path / "run", task, source, HISTORY, facts)
    assert trained == tmp_path / "run.incomplete2"  # the first one is kept for the export that failed
    assert sorted(each.name for each in trained.iterdir()) == ["card.json", "history.csv", "model.keras"]
    card = export_run(tmp_path / "run", trained, source, "python export.py")
    assert (card["backend"], card["command"], card["best_epoch"]) == ("jax", "python train.py", 1)
    assert card["metrics"]["validation"]["accuracy"] == 7 / 8


def test_data_that_changed_are_said_and_other_classes_refused(written, source, monkeypatch, caplog):
    card = read_card(written[0])
    monkeypatch.setattr(opening, "open_source", lambda *_, **__: source)
    assert open_data(card) is source
    assert not caplog.records
    changed = Source("data", CLASSES, make_split(14), source.valid)
    monkeypatch.setattr(opening, "open_source", lambda *_, **__: changed)
    open_data(card)
    assert "has changed since the run" in caplog.text
    other = Source("other", ("dark", "bright"), source.train, source.valid)
    monkeypatch.setattr(opening, "open_source", lambda *_, **__: other)
    with pytest.raises(ValueError, match="other has the classes dark, bright, and the run knows dark, light"):
        open_data(card)
