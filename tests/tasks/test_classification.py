"""A classification task: what it computes of probabilities, what it exports, and that plain Keras trains it."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.losses import AuxiliaryCrossEntropy, SmoothedCrossEntropy
from kerascnn.metrics.classification import MainAccuracy
from kerascnn.tasks import ClassificationTask, classification

CLASSES = ("ants", "bees", "cats")
PROBABILITIES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5], [0.3, 0.4, 0.3]], dtype="float32")


@pytest.fixture(scope="module")
def task():
    keras.utils.set_random_seed(0)
    return classification("mobilenet_v2", list(CLASSES), image_size=(40, 33), alpha=0.35)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (3, 40, 33, 3)).astype("float32")


def test_model_has_the_size_and_the_classes_that_were_asked_for(task):
    assert task.model.input_shape == (None, 40, 33, 3)
    assert task.model.output_shape == (None, 3)
    assert task.image_size == (40, 33)
    assert task.classes == CLASSES
    assert task.weights_report is None


def test_decode_gives_one_result_a_picture(task):
    results = task.decode({"probabilities": PROBABILITIES})
    assert [result.class_name for result in results] == ["bees", "ants", "cats", "bees"]
    assert [result.confidence for result in results] == pytest.approx([0.7, 0.5, 0.5, 0.4])
    assert task.decode({"probabilities": PROBABILITIES[:0]}) == []


def test_score_is_the_accuracy(task):
    assert task.score({"probabilities": PROBABILITIES}, np.array([1, 0, 0, 2])) == 0.5
    assert task.score({"probabilities": PROBABILITIES}, np.array([1, 0, 2, 1])) == 1.0


def test_agreement_is_the_share_of_pictures_with_the_same_answer(task):
    others = PROBABILITIES[[0, 1, 0, 1]]  # answers 1, 0, 1, 0 against 1, 0, 2, 1
    assert task.agreement({"probabilities": PROBABILITIES}, {"probabilities": others}) == 0.5
    assert task.agreement({"probabilities": PROBABILITIES}, {"probabilities": PROBABILITIES}) == 1.0


def test_evaluate_agrees_with_score(task):
    labels = np.array([1, 0, 0, 2])
    summary = task.evaluate({"probabilities": PROBABILITIES}, labels)
    assert summary["examples"] == 4
    assert summary["accuracy"] == 0.5
    assert summary["loss"] == pytest.approx(-np.mean(np.log([0.7, 0.5, 0.2, 0.3])))


def test_loss_is_the_cross_entropy_of_logits(task):
    logits = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    by_hand = -np.mean([np.log(np.e**2 / (np.e**2 + 2)), np.log(1 / (2 + np.e))])
    assert float(task.loss(np.array([0, 1]), logits)) == pytest.approx(by_hand, rel=1e-6)


def test_targets_are_the_labels(task):
    assert task.targets({"image": None, "label": 2}) == 2


def test_metrics_are_made_anew_and_bear_the_name_of_the_monitor(task):
    first, second = task.metrics(), task.metrics()
    assert [metric.name for metric in first] == [task.monitor]
    assert first[0] is not second[0]


def test_serving_model_gives_the_probabilities_of_the_logits(task, images):
    outputs = task.serving_model()(images)
    probabilities = keras.ops.convert_to_numpy(outputs["probabilities"])
    logits = keras.ops.convert_to_numpy(task.model(images)).astype("float64")
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert list(outputs) == ["probabilities"]
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-6)


def test_serving_model_shares_its_weights(task):
    serving = task.serving_model()
    assert {id(weight) for weight in serving.weights} == {id(weight) for weight in task.model.weights}


def test_compile_takes_what_keras_takes(task):
    task.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    assert isinstance(task.model.optimizer, keras.optimizers.SGD)
    assert task.model.run_eagerly


def test_report_of_loaded_weights_is_kept(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    again = classification("mobilenet_v2", ["d", "e"], image_size=(40, 33), weights=tmp_path, alpha=0.35)
    assert again.weights_report.mismatched == ("predictions",)
    np.testing.assert_array_equal(again.model.get_weights()[0], task.model.get_weights()[0])


@pytest.mark.parametrize(
    ("classes", "with_head"), [(CLASSES, True), (("ants", "bees", "dogs"), False), (("bees", "ants", "cats"), False)]
)
@pytest.mark.parametrize("file", ["", "model.keras"])
def test_head_of_a_run_folder_is_loaded_only_for_the_same_classes(task, tmp_path, classes, with_head, file):
    task.model.save(tmp_path / "model.keras")
    (tmp_path / "card.json").write_text(json.dumps({"classes": CLASSES}), encoding="utf-8")
    again = classification("mobilenet_v2", classes, image_size=(40, 33), weights=tmp_path / file, alpha=0.35)
    assert ("predictions" in again.weights_report.loaded) == with_head
    assert again.weights_report.missing == (() if with_head else ("predictions",))
    assert again.weights_report.mismatched == ()
    heads = [which.model.get_layer("predictions").get_weights()[0] for which in (task, again)]
    assert (heads[0] == heads[1]).all() == with_head
    np.testing.assert_array_equal(again.model.get_weights()[0], task.model.get_weights()[0])


def test_task_knows_how_its_network_was_built(task):
    assert (task.architecture, task.options) == ("mobilenet_v2", {"alpha": 0.35})
    assert task.training_model is task.model
    inputs = layers.Input((8, 8, 3))
    own = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(inputs)), name="own")
    assert (ClassificationTask(own, CLASSES).architecture, ClassificationTask(own, CLASSES).options) == ("own", {})


@pytest.mark.parametrize(
    "classes",
    [(), ("ants",), ("ants", "bees", "ants"), ("ants", ""), ("ants", "be\nes"), ("ants", "bees\r"), (1, 2), "ants"],
)
def test_classes_must_be_different_names_of_one_line(classes):
    with pytest.raises(ValueError, match="at least 2 different names of one line"):
        classification("mobilenet_v2", classes, image_size=(32, 32), alpha=0.35)


def test_unknown_architecture_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"one of .*mobilenet_v2.*'mobilnet'"):
        classification("mobilnet", CLASSES)


def test_network_must_have_an_output_for_each_class(task):
    with pytest.raises(ValueError, match="one logit for each of the 2 classes"):
        ClassificationTask(task.model, CLASSES[:2])


@pytest.fixture(scope="module")
def auxiliary_task():
    keras.utils.set_random_seed(0)
    return classification("inception_v1", CLASSES, image_size=(67, 65), auxiliary=True, dropout=0.1)


@pytest.fixture(scope="module")
def large_images():
    return np.random.default_rng(0).uniform(0, 255, (2, 67, 65, 3)).astype("float32")


def test_auxiliary_classifiers_are_in_the_training_model_alone(auxiliary_task, large_images):
    model, training_model = auxiliary_task.model, auxiliary_task.training_model
    assert (model.output_shape, training_model.output_shape) == ((None, 3), (None, 3, 3))
    assert (auxiliary_task.image_size, model.name) == ((67, 65), "inception_v1")
    own, all_layers = ({layer.name for layer in which.layers} for which in (model, training_model))
    assert not any(name.startswith("auxiliary") for name in own)
    assert {name.partition("_")[0] for name in all_layers - own} == {"auxiliary4a", "auxiliary4d"}
    outputs = keras.ops.convert_to_numpy(training_model(large_images))
    np.testing.assert_allclose(outputs[:, 0], model(large_images), atol=1e-6)


def test_training_model_and_model_share_their_weights(auxiliary_task):
    model, training_model = auxiliary_task.model, auxiliary_task.training_model
    assert {id(weight) for weight in model.weights} < {id(weight) for weight in training_model.weights}


def test_auxiliary_classifiers_have_their_loss_and_accuracy(auxiliary_task):
    assert type(auxiliary_task.loss) is AuxiliaryCrossEntropy
    (metric,) = auxiliary_task.metrics()
    assert (type(metric), metric.name) == (MainAccuracy, auxiliary_task.monitor)
    auxiliary_task.compile()
    assert auxiliary_task.training_model.compiled and not auxiliary_task.model.compiled


def test_answers_know_nothing_of_auxiliary_classifiers(auxiliary_task, large_images):
    serving = auxiliary_task.serving_model()
    assert not any(layer.name.startswith("auxiliary") for layer in serving.layers)
    outputs = {name: keras.ops.convert_to_numpy(output) for name, output in serving(large_images).items()}
    assert {name: output.shape for name, output in outputs.items()} == {"probabilities": (2, 3)}
    assert [len(result.probabilities) for result in auxiliary_task.decode(outputs)] == [3, 3]
    labels = outputs["probabilities"].argmax(-1)
    assert auxiliary_task.score(outputs, labels) == auxiliary_task.evaluate(outputs, labels)["accuracy"] == 1
    assert "auxiliary" not in auxiliary_task.options  # what rebuilds the network for answers
    assert auxiliary_task.options == {"dropout": 0.1}


def test_training_goes_on_from_a_stored_model_with_new_auxiliary_classifiers(auxiliary_task, tmp_path):
    auxiliary_task.model.save(tmp_path / "model.keras")
    again = classification("inception_v1", CLASSES, image_size=(67, 65), weights=tmp_path, auxiliary=True)
    assert {name.partition("_")[0] for name in again.weights_report.missing} == {"auxiliary4a", "auxiliary4d"}
    for array, expected in zip(again.model.get_weights(), auxiliary_task.model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_labels_are_smoothed_where_that_is_asked_for():
    task = classification("lenet5", CLASSES, image_size=(32, 32), label_smoothing=0.2)
    assert isinstance(task.loss, SmoothedCrossEntropy) and task.loss.label_smoothing == 0.2
    with pytest.raises(ValueError, match="label_smoothing must lie"):
        classification("lenet5", CLASSES, image_size=(32, 32), label_smoothing=1.0)


def test_auxiliary_labels_are_smoothed_too():
    task = classification("inception_v1", CLASSES, image_size=(65, 65), auxiliary=True, label_smoothing=0.2)
    assert isinstance(task.loss, AuxiliaryCrossEntropy) and task.loss.label_smoothing == 0.2
